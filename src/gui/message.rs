//! The banner over the traces: one sentence about what went wrong, and what to do next. It floats below the tabs, so that
//! nothing of the window moves when it comes or goes.

use std::path::PathBuf;

use eframe::egui::{Align, Align2, Area, Frame, Id, Layout, Margin, Order, RichText, Stroke, Ui, vec2};

use egui_material_icons::icons;

use super::command::{Command, FileCommand, PanelCommand};
use super::controls::icon_button;
use super::theme::Colours;
use super::wording::sentence;
use crate::error::{Error, ErrorKind};

/// Something to tell.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Message {
    pub is_error: bool,
    pub text: String,
    pub remedy: Option<String>,
    /// The file that can be described as plain numbers.
    pub describe: Option<PathBuf>,
}

impl Message {
    /// Something that is no error, and what can be done.
    #[must_use]
    pub(super) fn notice(text: &str, remedy: &str) -> Self {
        Self { is_error: false, text: sentence(text), remedy: Some(sentence(remedy)), describe: None }
    }

    /// What went wrong; for a file of no known format, with the way to describe it.
    #[must_use]
    pub(super) fn from_error(error: &Error) -> Self {
        let describe = match error.kind() {
            ErrorKind::UnknownFormat => error.path().map(PathBuf::from),
            _ => None,
        };
        let whole = error.to_string();
        let remedy = error.remedy().filter(|_| describe.is_none());
        let text = match error.remedy() {
            Some(remedy) => whole.strip_suffix(&format!("; {remedy}")).unwrap_or(&whole),
            None => &whole,
        };
        // A path stands in front of the text: it must keep its case.
        let text = if error.path().is_some() { format!("{text}.") } else { sentence(text) };
        Self { is_error: true, text, remedy: remedy.map(sentence), describe }
    }
}

/// No line of it is longer, points.
const WIDTH: f32 = 640.0;

/// Draws the banner over the window, `top` points below its upper edge, beneath any dialog.
pub(super) fn banner_ui(ui: &Ui, message: &Message, top: f32, out: &mut Vec<Command>) {
    let area = Area::new(Id::unique("message")).order(Order::Middle).anchor(Align2::CENTER_TOP, vec2(0.0, top));
    area.show(ui.ctx(), |ui| {
        ui.set_width(WIDTH.min(ui.ctx().content_rect().width() - 48.0));
        message_ui(ui, message, out);
    });
}

/// Draws the message.
pub(super) fn message_ui(ui: &mut Ui, message: &Message, out: &mut Vec<Command>) {
    let colours = Colours::of(ui);
    let (mark, colour) = if message.is_error {
        (format!("{} Error", icons::ICON_ERROR.codepoint), colours.error)
    } else {
        (format!("{} Note", icons::ICON_INFO.codepoint), colours.accent)
    };
    let frame = Frame::popup(ui.style())
        .stroke(Stroke::new(1.0, colour))
        .corner_radius(4.0)
        .inner_margin(Margin::symmetric(12, 8));
    frame.show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
                if icon_button(ui, icons::ICON_CLOSE, "Dismiss message", "Dismiss (Ctrl + Shift + Esc)").clicked() {
                    out.push(Command::Panel(PanelCommand::DismissMessage));
                }
                if let Some(path) = &message.describe
                    && ui.button("Describe as raw file…").on_hover_text("Say how its numbers are stored").clicked()
                {
                    out.push(Command::File(FileCommand::Describe(path.clone())));
                }
                ui.with_layout(Layout::top_down(Align::Min), |ui| {
                    ui.label(RichText::new(mark).strong().color(colour));
                    ui.label(&message.text);
                    if let Some(remedy) = &message.remedy {
                        ui.label(RichText::new(remedy).color(colours.muted));
                    }
                });
            });
        });
    });
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use egui_kittest::kittest::Queryable as _;

    use super::super::testing::bench;
    use super::*;

    pub(crate) fn unknown() -> Message {
        let error = Error::new(ErrorKind::UnknownFormat).with_path(Path::new("/data/probe.bin"));
        Message::from_error(&error.with_remedy("say --format raw"))
    }

    #[test]
    fn an_unknown_file_can_be_described() {
        let mut harness = bench([700.0, 120.0], unknown(), |ui, message, out| message_ui(ui, message, out));
        harness.run();
        harness.get_by_label("/data/probe.bin: not a format that longwave knows, at byte 0.");
        harness.get_by_label("Describe as raw file…").click();
        harness.get_by_label("Dismiss message").click();
        harness.run();
        let out = &harness.state().out;
        assert!(
            matches!(&out[..], [
            Command::File(FileCommand::Describe(p)), Command::Panel(PanelCommand::DismissMessage)
        ] if p == Path::new("/data/probe.bin")),
            "{out:?}"
        );
    }

    #[test]
    fn errors_and_remedies_are_sentences() {
        let message = Message::from_error(&Error::malformed(512, "truncated header").with_remedy("copy it again"));
        assert_eq!(message.text, "Truncated header, at byte 512.");
        assert_eq!(message.remedy.as_deref(), Some("Copy it again."));
        assert_eq!(message.describe, None);
    }
}
