//! Short messages in the corner about work that has ended, with what can be done next.
//!
//! They stack above the status bar at the right, where they never cover the middle of the traces. One that tells of
//! something that went well goes by itself after a while, unless the pointer rests on it; one that tells of an error
//! stays until it is closed. Each is a live region, so that screen readers say it when it appears (WAI-ARIA 1.2, `status`
//! and `alert`). While none is due to go nothing is repainted.

use std::path::PathBuf;

use eframe::egui::accesskit::Live;
use eframe::egui::{
    Align, Align2, Area, Frame, Id, Layout, Margin, Order, RichText, Role, Stroke, Ui, WidgetInfo, vec2,
};
use egui_material_icons::icons;

use super::command::{Command, FileCommand, JobCommand, PanelCommand};
use super::controls::icon_button;
use super::inspector_tabs::tab_named;
use super::theme::Colours;
use crate::source::{FORMATS, OpenOptions};

/// Good news is shown this long, seconds: two sentences and a choice are read in that time.
const SHOWN_SECS: f64 = 8.0;
/// On the screen at a time; the newest.
const MOST: usize = 4;
/// Kept at most; older ones of the others are forgotten.
const KEPT: usize = 50;
const WIDTH: f32 = 340.0;
/// Above the status bar, and above the time axis of the traces that may stand there.
const ABOVE: f32 = 92.0;

/// What a message is about: what can be done next follows from it.
#[derive(Clone, PartialEq, Debug)]
pub enum About {
    /// It can be read only.
    Nothing,
    /// These files were written.
    Files(Vec<PathBuf>),
    /// An analysis has its result, by its name.
    Result(&'static str),
}

/// One message.
#[derive(Clone, PartialEq, Debug)]
pub struct Toast {
    id: u64,
    is_error: bool,
    pub title: String,
    text: String,
    about: About,
    /// When it goes, in the window's time; set when it is drawn first.
    until: Option<f64>,
}

/// All of them, oldest first.
#[derive(Default)]
pub struct Toasts {
    pub list: Vec<Toast>,
    next: u64,
}

impl Toasts {
    /// Tells that something has ended well.
    pub fn done(&mut self, title: impl Into<String>, text: impl Into<String>, about: About) {
        self.push(false, title.into(), text.into(), about);
    }

    /// Tells that something has failed.
    pub fn failed(&mut self, title: impl Into<String>, text: impl Into<String>) {
        self.push(true, title.into(), text.into(), About::Nothing);
    }

    fn push(&mut self, is_error: bool, title: String, text: String, about: About) {
        // The same again, as a repeated failure is, replaces what was told.
        self.list.retain(|toast| (toast.is_error, &toast.title, &toast.text) != (is_error, &title, &text));
        if self.list.len() >= KEPT {
            self.list.remove(0);
        }
        self.list.push(Toast { id: self.next, is_error, title, text, about, until: None });
        self.next += 1;
    }

    /// Closes one, or all.
    pub fn dismiss(&mut self, id: Option<u64>) {
        self.list.retain(|toast| id.is_some_and(|id| toast.id != id));
    }
}

/// Draws them over the window, and forgets those whose time is over.
pub(super) fn toasts_ui(ui: &Ui, toasts: &mut Toasts, out: &mut Vec<Command>) {
    if toasts.list.is_empty() {
        return;
    }
    let now = ui.input(|i| i.time);
    // Before they are drawn: nothing else paints the window again when the last one goes.
    toasts.list.retain(|toast| toast.is_error || toast.until.is_none_or(|until| until > now));
    let area =
        Area::new(Id::unique("toasts")).order(Order::Foreground).anchor(Align2::RIGHT_BOTTOM, vec2(-12.0, -ABOVE));
    let first = toasts.list.len().saturating_sub(MOST);
    let shown = area.show(ui.ctx(), |ui| {
        ui.set_width(WIDTH.min(ui.ctx().content_rect().width() - 24.0));
        if first > 0 {
            ui.weak(format!("and {first} older"));
        }
        for toast in &mut toasts.list[first..] {
            toast.until.get_or_insert(now + SHOWN_SECS);
            toast_ui(ui, toast, out);
        }
    });
    if shown.response.contains_pointer() {
        // Nothing goes while it is being read.
        toasts.list.iter_mut().filter_map(|toast| toast.until.as_mut()).for_each(|until| *until = until.max(now + 2.0));
    }
    let next = toasts.list.iter().filter(|toast| !toast.is_error).filter_map(|toast| toast.until).reduce(f64::min);
    if let Some(next) = next {
        ui.request_repaint_after_secs((next - now).max(0.05) as f32);
    }
}

fn toast_ui(ui: &mut Ui, toast: &Toast, out: &mut Vec<Command>) {
    let colours = Colours::of(ui);
    let (icon, colour) =
        if toast.is_error { (icons::ICON_ERROR, colours.error) } else { (icons::ICON_CHECK_CIRCLE, colours.accent) };
    let frame = Frame::popup(ui.style()).stroke(Stroke::new(1.0, colour)).inner_margin(Margin::symmetric(12, 8));
    let shown = frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            ui.label(RichText::new(icon.codepoint).size(16.0).color(colour));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let name = format!("Close message: {}", toast.title);
                if icon_button(ui, icons::ICON_CLOSE, &name, "Close").clicked() {
                    out.push(Command::Panel(PanelCommand::DismissToast(Some(toast.id))));
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(eframe::egui::Label::new(RichText::new(&toast.title).strong()).truncate());
                });
            });
        });
        if !toast.text.is_empty() {
            ui.add(eframe::egui::Label::new(RichText::new(&toast.text).color(colours.muted)).wrap());
        }
        ui.horizontal(|ui| next_ui(ui, toast, out));
    });
    let said = if toast.is_error {
        format!("Error: {}. {}", toast.title, toast.text)
    } else {
        format!("{}. {}", toast.title, toast.text)
    };
    let (response, role) = (shown.response, if toast.is_error { Role::Alert } else { Role::Status });
    response.widget_info(|| WidgetInfo::labeled(role, true, &said));
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_live(if toast.is_error { Live::Assertive } else { Live::Polite });
        node.set_live_atomic();
    });
}

/// What can be done next.
fn next_ui(ui: &mut Ui, toast: &Toast, out: &mut Vec<Command>) {
    let mut button = |ui: &mut Ui, text: &str, commands: Vec<Command>| {
        if ui.button(text).clicked() {
            out.extend(commands);
            out.push(Command::Panel(PanelCommand::DismissToast(Some(toast.id))));
        }
    };
    match &toast.about {
        About::Nothing => {}
        About::Files(files) => {
            let Some(first) = files.first() else { return };
            let extension = first.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
            if FORMATS.iter().any(|format| format.extensions.contains(&extension.as_str())) {
                let open = FileCommand::Open(first.clone(), OpenOptions::default());
                button(ui, "Open", vec![Command::File(open)]);
            }
            button(ui, "Show in folder", vec![Command::Job(JobCommand::ShowInFolder(first.clone()))]);
        }
        About::Result(name) => {
            if let Ok(tab) = tab_named(name) {
                button(ui, "Show result", vec![Command::Panel(PanelCommand::Inspector(tab))]);
            }
        }
    }
}

/// Opens the folder of a file in the system's file manager. Starts a program: for workers.
///
/// # Errors
/// When there is no file manager, with the path to go to by hand.
pub(super) fn show_in_folder(file: &std::path::Path) -> crate::Result<()> {
    let folder = file.parent().unwrap_or(file);
    let mut program = if cfg!(target_os = "macos") {
        let mut open = std::process::Command::new("open");
        open.arg("-R").arg(file);
        open
    } else if cfg!(windows) {
        let mut explorer = std::process::Command::new("explorer");
        let mut select = std::ffi::OsString::from("/select,");
        select.push(file);
        explorer.arg(select);
        explorer
    } else {
        let mut open = std::process::Command::new("xdg-open");
        open.arg(folder);
        open
    };
    let quiet = program.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    // The explorer of Windows ends with 1 when all went well.
    let shown = quiet.status().is_ok_and(|status| status.success() || cfg!(windows));
    if shown {
        return Ok(());
    }
    Err(crate::Error::invalid("no file manager could be started")
        .with_remedy(format!("look into {}", folder.display())))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use egui_kittest::kittest::{NodeT as _, Queryable as _};

    use super::super::testing::bench;
    use super::*;

    fn told() -> Toasts {
        let mut toasts = Toasts::default();
        toasts.done("Export to cut.npy", "Wrote /data/cut.npy.", About::Files(vec!["/data/cut.npy".into()]));
        toasts.done("Power spectrum", "", About::Result("spectrum"));
        toasts.failed("Export to cut.nwb failed", "The disk is full.");
        toasts
    }

    #[test]
    fn each_says_what_can_be_done_next_and_is_told_to_screen_readers() {
        let mut harness = bench([1000.0, 700.0], told(), toasts_ui_of);
        harness.run_steps(3);
        let alert = harness.get_by_label("Error: Export to cut.nwb failed. The disk is full.");
        assert_eq!(alert.accesskit_node().live(), Live::Assertive);
        assert!(alert.rect().left() > 500.0 && alert.rect().top() > 350.0, "{}", alert.rect());
        for label in ["Open", "Show in folder", "Show result", "Close message: Export to cut.nwb failed"] {
            harness.get_by_label(label).click();
            harness.run_steps(2);
        }
        let out = &harness.state().out;
        let has = |wanted: &dyn Fn(&Command) -> bool| assert!(out.iter().any(wanted), "{out:?}");
        let cut = Path::new("/data/cut.npy");
        has(&|c| matches!(c, Command::File(FileCommand::Open(path, _)) if path == cut));
        has(&|c| matches!(c, Command::Job(JobCommand::ShowInFolder(path)) if path == cut));
        has(&|c| matches!(c, Command::Panel(PanelCommand::Inspector(tab)) if tab_named("spectrum").unwrap() == *tab));
        has(&|c| matches!(c, Command::Panel(PanelCommand::DismissToast(Some(2)))));
    }

    fn toasts_ui_of(ui: &mut Ui, toasts: &mut Toasts, out: &mut Vec<Command>) {
        toasts_ui(ui, toasts, out);
    }

    #[test]
    fn good_news_goes_by_itself_and_errors_stay() {
        let mut harness = bench([1000.0, 700.0], told(), toasts_ui_of);
        // Steps of 0.04 s.
        harness.run_steps(150);
        assert_eq!(harness.state().state.list.len(), 3);
        harness.run_steps(100);
        let left: Vec<&str> = harness.state().state.list.iter().map(|toast| toast.title.as_str()).collect();
        assert_eq!(left, ["Export to cut.nwb failed"]);
        harness.run();
        harness.state_mut().state.dismiss(None);
        harness.run();
        assert!(harness.query_by_label_contains("failed").is_none());
    }

    #[test]
    fn they_do_not_pile_up() {
        let mut toasts = Toasts::default();
        for i in 0..500 {
            toasts.failed(format!("{}", i % 100), "again");
        }
        assert_eq!(toasts.list.len(), KEPT);
        let mut harness = bench([1000.0, 700.0], toasts, toasts_ui_of);
        harness.run();
        assert_eq!(harness.query_all_by_label_contains("Close message").count(), MOST);
        harness.get_by_label("and 46 older");
    }
}
