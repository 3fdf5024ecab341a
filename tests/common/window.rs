//! The whole window without a screen, as its tests share it: the real [`App`] with its workers, which answer when they
//! do, so that every expectation is polled for, with a generous end.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eframe::egui::vec2;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use longwave::budget::MemoryBudget;
use longwave::cli::Viewer;
use longwave::gui::state::Document;
use longwave::gui::{App, vocabulary};
use longwave::source::OpenOptions;

/// No expectation is waited for any longer.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub type Window = Harness<'static, App>;

/// What the command line makes of these files and options.
pub fn viewer<P: Into<PathBuf>>(paths: impl IntoIterator<Item = P>, options: OpenOptions) -> Viewer {
    Viewer {
        paths: paths.into_iter().map(Into::into).collect(),
        options,
        stream: None,
        budget: MemoryBudget::new(256 << 20),
        threads: 2,
        script: None,
        screenshot: None,
    }
}

/// A window of `width` × `height` points; the lists and states of its user are in `home`, a folder in `folder`.
///
/// Its steps are so short that two clicks are a double click, and enough of them for menus to fade in.
pub fn window_of(folder: &Path, viewer: Viewer, (width, height): (f32, f32)) -> Window {
    let recent = folder.join("home").join("recent.json");
    let builder = Harness::builder().with_size(vec2(width, height)).with_step_dt(0.04).with_max_steps(200);
    builder.build_eframe(move |creation| App::with_recent_list(&creation.egui_ctx, viewer, Some(recent)))
}

/// Draws frames until `holds`.
pub fn until(window: &mut Window, what: &str, holds: impl Fn(&Window) -> bool) {
    let end = Instant::now() + PATIENCE;
    loop {
        window.step();
        if holds(window) {
            return;
        }
        if Instant::now() >= end {
            let told = window.state().message_text().unwrap_or_default();
            panic!("waited too long: {what}; the message is {told:?}; the window shows\n{:#?}", window.root());
        }
        std::thread::sleep(Duration::from_millis(4));
    }
}

/// Until the picture of what is seen is there, exact, and nothing works in the background.
pub fn until_drawn(window: &mut Window) {
    until(window, "an exact picture", |w| {
        let Some(document) = &w.state().document else { return false };
        let exact = document.pictures.view.as_ref().is_some_and(|(columns, _)| {
            columns.exact_share() >= 1.0 && columns.request.channels == document.pictured_channels()
        });
        let read = !document.results.tracks.is_reading();
        exact && read && document.pictures.overview.is_some() && !w.state().jobs.any_running()
    });
    window.run();
}

pub fn document(window: &Window) -> &Document {
    window.state().document.as_ref().unwrap()
}

/// Whether a label that contains `text` is on the screen.
pub fn sees(window: &Window, text: &str) -> bool {
    window.query_all_by_label_contains(text).next().is_some()
}

pub fn until_seen(window: &mut Window, text: &str) {
    until(window, text, |w| sees(w, text));
}

/// Does what a line of a script says; the window sees it in its next frame.
pub fn push_line(window: &mut Window, line: &str) {
    let commands = vocabulary::parse(line, window.state().document.as_ref(), None);
    let commands = commands.unwrap_or_else(|e| panic!("{line}: {e}"));
    commands.into_iter().for_each(|command| window.state_mut().push(command));
}
