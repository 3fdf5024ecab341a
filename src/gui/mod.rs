//! The window. It asks for values and draws the newest answer that it has; it never touches a file.
//!
//! One frame: [`App::logic`](app::App) drains the workers' replies and applies the commands that the last frame's
//! mouse, keys and panels produced; `ui` draws the state. Drawing functions are `fn x_ui(ui, &state, &mut Vec<Command>)`:
//! they change nothing but the text being typed.

mod analysis_tab;
mod annotated_scope;
mod annotating;
mod annotation_marks;
mod annotation_tab;
mod app;
mod category_editor;
pub mod channels;
mod column_worker;
pub mod command;
mod command_line;
pub mod companions;
mod comparing;
mod controls;
pub mod cursors;
mod curve_peaks;
pub mod displays;
pub mod dock;
mod empty;
pub mod event_rows;
mod export_form;
pub mod export_part;
mod file_menu;
mod filter_tab;
pub mod following;
mod found;
mod gap_hover;
mod gap_walk;
mod gauge;
pub mod gliding;
mod go_to;
pub mod gram;
pub mod heat;
mod heat_view;
mod help;
mod inspector;
mod inspector_tabs;
pub mod jobs;
mod jobs_bar;
mod keys;
mod measure_tab;
pub mod measured;
mod message;
mod motion;
mod mouse;
mod note_drag;
mod opening;
mod overview;
mod palette;
mod picturing;
mod playing;
mod rate_field;
mod raw_form;
mod raw_preview;
pub mod reading;
pub mod recent;
mod result_view;
mod script;
mod sessions;
mod settings;
mod settings_form;
mod sheet;
pub mod sketch;
pub mod state;
mod strip_view;
pub mod theme;
mod time_axis;
mod time_menu;
mod title;
pub mod toasts;
mod trace_ui;
pub mod traces;
mod undo;
mod viewing;
pub mod viewport;
pub mod vocabulary;
mod welcome;
mod wording;
pub mod workspace;
mod writer;

#[cfg(test)]
pub(crate) mod testing;

use eframe::egui;

pub use app::App;

pub use crate::picture::zone;

use crate::cli::Viewer;
use crate::error::{Error, Result};

/// Opens the window and returns when it is closed.
///
/// # Errors
/// When no window can be opened (no display, no graphics driver), with what to do about it.
pub fn run(viewer: Viewer) -> Result<()> {
    const REMEDY: &str =
        "without a display, use the commands instead: 'longwave shot FILE -o picture.png' draws the same view";
    // What the window system says is about sockets and libraries; asked beforehand it is one plain sentence.
    #[cfg(all(unix, not(target_os = "macos")))]
    if ["WAYLAND_DISPLAY", "WAYLAND_SOCKET", "DISPLAY"].iter().all(|v| std::env::var_os(v).is_none_or(|v| v.is_empty()))
    {
        return Err(Error::invalid("no window can be opened: there is no display").with_remedy(REMEDY));
    }
    // Read before there is a window, because it decides how the window looks.
    let mut kept = app::Kept::of_user();
    drop(zone::local_zone());
    let outcome = script::Outcome::default();
    kept.last_words = std::sync::Arc::clone(&outcome);
    if viewer.script.is_some() || viewer.screenshot.is_some() {
        let text = viewer.script.as_deref().unwrap_or_default();
        let script = script::Script::new(text, viewer.screenshot.as_deref(), std::sync::Arc::clone(&outcome))?;
        kept.script = Some(script);
    }
    let icon = eframe::icon_data::from_png_bytes(include_bytes!("../../assets/longwave-256.png")).unwrap_or_default();
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("Longwave")
            .with_app_id("longwave")
            .with_icon(icon)
            .with_inner_size([1280.0, 800.0])
            .with_min_inner_size([640.0, 400.0])
            .with_drag_and_drop(true),
        ..Default::default()
    };
    eframe::run_native(
        "Longwave",
        options,
        Box::new(move |creation| {
            if let Some(render_state) = &creation.wgpu_render_state {
                traces::install(&creation.egui_ctx, render_state);
            }
            Ok(Box::new(App::with(&creation.egui_ctx, viewer, kept)))
        }),
    )
    .map_err(|e| {
        Error::invalid(format!("no window can be opened: {}", without_places(&e.to_string()))).with_remedy(REMEDY)
    })?;
    let failed = outcome.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    failed.map_or(Ok(()), Err)
}

/// A message of the window system without the places in its source code, which mean nothing to a user.
fn without_places(message: &str) -> String {
    let is_place = |word: &str| word.contains(".rs:");
    message.split_whitespace().filter(|word| !is_place(word)).collect::<Vec<_>>().join(" ")
}
