//! What is copied to the clipboard: Python lines, the measured figures, a picture of the view.

use std::path::Path;
use std::sync::Arc;

use eframe::egui;

use super::App;
use crate::error::{Error, Result};
use crate::export::{Request, Values};
use crate::gui::command::{CopyCommand, Scope};
use crate::gui::command_line::export_line;
use crate::gui::jobs::{Outcome, Reply};
use crate::gui::message::Message;
use crate::gui::{measure_tab, picturing};

/// The file that an export would be called which the lines load, where NumPy cannot read the recording.
const PART: &str = "part.npy";

impl App {
    pub(super) fn apply_copy(&mut self, ctx: &egui::Context, command: CopyCommand) {
        let copied = match command {
            CopyCommand::NumPy => match self.make_numpy_lines() {
                Ok(()) => return,
                Err(error) => Err(error),
            },
            CopyCommand::Figures => self.figures(),
            CopyCommand::Picture => {
                self.copy_picture(ctx);
                return;
            }
        };
        self.take_copied(ctx, copied);
    }

    /// Puts what was made into the clipboard, and says so.
    pub(super) fn take_copied(&mut self, ctx: &egui::Context, copied: Result<(String, &'static str)>) {
        self.message = Some(match copied {
            Ok((text, told)) => {
                ctx.copy_text(text);
                Message::notice(told, "paste them where you need them")
            }
            Err(error) => Message::from_error(&error),
        });
    }

    /// Makes the Python lines on a worker: of a recording of many files some may have to be opened again.
    fn make_numpy_lines(&self) -> Result<()> {
        let document = self.document.as_ref().ok_or_else(nothing_open)?;
        let selection = document.scope(Scope::Selection);
        let settings = crate::form::Settings::defaults(&[]);
        let line = export_line(document, &selection, Path::new(PART), Values::Stored, &settings, false).to_string();
        let filtered = document.filter.is_some();
        let source = Arc::clone(&document.source);
        self.jobs.spawn_awaited("numpy", move |replies| {
            let lines = crate::numpy::lines(source.as_ref(), &selection, filtered, &line, PART);
            let told = "the Python lines that load this range were copied";
            replies.send(Reply::TextToCopy(lines.map(|lines| (lines, told))));
        });
        Ok(())
    }

    fn figures(&self) -> Result<(String, &'static str)> {
        let document = self.document.as_ref().ok_or_else(nothing_open)?;
        let text = measure_tab::figures_as_text(document).ok_or_else(|| {
            Error::invalid("nothing is measured yet")
                .with_remedy("open the Measure tab and wait for its figures, then copy them")
        })?;
        Ok((text, "the figures of this range were copied"))
    }

    /// Draws the view on a worker, as large as the window is; it is copied when it is there.
    fn copy_picture(&mut self, ctx: &egui::Context) {
        let Some(document) = &self.document else {
            self.message = Some(Message::from_error(&nothing_open()));
            return;
        };
        let scale = ctx.pixels_per_point();
        let size = ctx.content_rect().size() * scale;
        let size = format!("{}x{}", size.x.clamp(640.0, 8192.0) as u32, size.y.clamp(320.0, 8192.0) as u32);
        let mut settings = picturing::settings(document, self.panels.time_format, &size);
        // As large as on the screen.
        drop(settings.set("dpi", &format!("{}", (96.0 * scale).clamp(30.0, 2400.0))));
        let source = Arc::clone(&document.source);
        let selection = picturing::selection(document, picturing::SCOPE);
        self.jobs.start("Picture for the clipboard", &self.budget, move |_, task, replies| {
            let request = Request {
                source: &source,
                selection: &selection,
                whole: false,
                target: Path::new("picture.png"),
                values: Values::Physical,
                settings: &settings,
                overwrite: false,
                task,
            };
            let scene = crate::export::compose_picture(&request)?;
            let bytes = crate::picture::png::peak_bytes(scene.width, scene.height);
            let _reservation = task.budget().reserve(bytes)?;
            let pixels = crate::picture::png::pixels(&scene)?;
            let size = [scene.width as usize, scene.height as usize];
            let image = egui::ColorImage::from_rgba_premultiplied(size, &pixels);
            replies.send(Reply::PictureToCopy(Arc::new(image)));
            Ok(Outcome::Copied)
        });
    }
}

fn nothing_open() -> Error {
    Error::invalid("no recording is open").with_remedy("open one first")
}
