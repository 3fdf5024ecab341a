//! The script that drives the window, line by line.

use eframe::egui;

use super::App;
use crate::gui::command::ScriptCommand;
use crate::gui::jobs::{JobState, Reply};
use crate::gui::script::Awaited;
use crate::gui::vocabulary;

impl App {
    pub(super) fn apply_script(&mut self, ctx: &egui::Context, command: ScriptCommand) {
        let awaited = match command {
            ScriptCommand::Quit => {
                ctx.send_viewport_cmd(egui::ViewportCommand::Close);
                return;
            }
            ScriptCommand::Size(width, height) => {
                ctx.send_viewport_cmd(egui::ViewportCommand::InnerSize(egui::vec2(width, height)));
                Awaited::Size { width: width as u32, height: height as u32, frames: Awaited::SIZE_FRAMES }
            }
            ScriptCommand::Screenshot(path) => {
                let (replies, target) = (self.jobs.replies(), path.clone());
                let taken = move |image| replies.send(Reply::PictureTaken { path: target, image });
                ctx.send_viewport_cmd(egui::ViewportCommand::Screenshot(egui::ScreenshotCallback::new(taken)));
                Awaited::Picture(path)
            }
            ScriptCommand::Wait { exact: true } => Awaited::Exact,
            ScriptCommand::Wait { exact: false } => Awaited::Rest,
        };
        if let Some(script) = &mut self.kept.script {
            script.awaited = awaited;
        }
    }

    /// Does the next line of the script, when what the last one started has come to rest.
    pub(super) fn run_script(&mut self, ctx: &egui::Context) {
        let building = self.building;
        let Some(script) = &mut self.kept.script else { return };
        // Nobody is there to be asked whether the window may be closed.
        self.warned = true;
        ctx.request_repaint();
        script.window_is(ctx.content_rect().size());
        let failed = self.message.as_ref().filter(|m| m.is_error).map(|m| m.text.clone()).or_else(|| {
            self.jobs.list.iter().find_map(|job| match &job.state {
                JobState::Failed(error) => Some(error.to_string()),
                _ => None,
            })
        });
        if let Some(text) = failed {
            script.fail(&text);
        } else {
            let busy = self.jobs.list.iter().any(|job| job.is_running() && Some(job.id) != building);
            let exact = self.document.as_ref().is_none_or(|d| d.summary.is_complete());
            let at_rest = self.opening.is_none()
                && self.workers.filtering.is_none()
                && !busy
                && !self.jobs.any_awaited()
                && self.workers.columns.is_at_rest()
                && self.workers.gram.is_at_rest()
                && self.workers.measure.is_at_rest()
                && self.workers.probe.is_at_rest()
                && self.document.as_ref().is_none_or(|d| d.history.glide.is_none())
                && self.commands.is_empty();
            if let Some(line) = script.next_line(at_rest, exact) {
                match vocabulary::parse(&line, self.document.as_ref(), None) {
                    Ok(commands) => self.commands.extend(commands),
                    Err(error) => script.fail(&error.to_string()),
                }
            }
        }
        if script.is_done() && self.commands.is_empty() {
            if script.has_failed() {
                ctx.send_viewport_cmd(egui::ViewportCommand::Close);
            }
            self.kept.script = None;
        }
    }
}
