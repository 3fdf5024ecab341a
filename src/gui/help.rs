//! The help overlay: every gesture and key, from one table.

use eframe::egui::{Align, Layout, RichText, ScrollArea, Ui, Vec2, vec2};

use super::command::{Command, PanelCommand};
use super::controls::dialog;
use super::theme::Colours;

/// Where the keys stand, in front of what they do; logical pixels.
const KEYS_SIZE: Vec2 = vec2(166.0, 18.0);

/// Group, gesture or keys, what it does.
pub(super) const KEYS: &[(&str, &str, &str)] = &[
    ("Look around", "Wheel", "Zoom time at the pointer"),
    ("Look around", "Drag", "Pan"),
    ("Look around", "Shift + wheel, or sideways", "Pan time"),
    ("Look around", "← / →", "Pan by a tenth of the screen; with Shift by a screen"),
    ("Look around", "Page up / Page down", "Back or on by a screen"),
    ("Look around", "Home / End", "Start or end of the recording"),
    ("Look around", "Ctrl + plus / minus", "Zoom time about the middle; double-click zooms in"),
    ("Look around", "Ctrl + drag, or right-drag", "Zoom to what the drag spans"),
    ("Look around", "F", "The whole recording"),
    ("Look around", "G", "Go to a time, frame or clock time"),
    ("Look around", "Backspace / Insert", "The view before, and forward again (also Alt + ← / →)"),
    ("Amplitude and channels", "Ctrl + wheel", "Higher or lower traces"),
    ("Amplitude and channels", "+ / −", "Higher or lower traces"),
    ("Amplitude and channels", "0", "Automatic height"),
    ("Amplitude and channels", "↑ / ↓", "Scroll through the channels"),
    ("Amplitude and channels", "Alt + wheel", "More or fewer channels on the screen"),
    ("Amplitude and channels", "A", "Show all channels"),
    ("Amplitude and channels", "Double-click a name", "Show only that channel"),
    ("Select and measure", "Shift + drag", "Select a range"),
    ("Select and measure", "E", "Zoom to the selection"),
    ("Select and measure", "Ctrl + A", "Select everything"),
    ("Select and measure", "Esc", "Clear the selection, or close what is open"),
    ("Places found", "N / P", "The next one, or the one before"),
    ("Places found", "Shift + N / P", "The last one, or the first"),
    ("Annotations", "M", "Mark the pointer's place, or the selected range"),
    ("Annotations", "1 … 9", "The same, in a category"),
    ("Annotations", "Ctrl + N / Ctrl + B", "Next, or the one before"),
    ("Annotations", "Delete", "Take out the selected one"),
    ("Annotations", "Ctrl + Z / Ctrl + Shift + Z", "Undo, and redo (also Ctrl + Y)"),
    ("Annotations", "L", "The list of annotations"),
    ("Overview", "Click", "Go there"),
    ("Overview", "Drag the window", "Pan"),
    ("Files", "Ctrl + O", "Open a recording"),
    ("Files", "Ctrl + E", "Export the selection"),
    ("Files", "Drop a file", "Open it; several files or a folder: as one recording"),
    ("Window", "T", "Seconds, clock or frames"),
    ("Window", "C / I", "Show or hide the channels, the inspector"),
    ("Window", "? or F1", "This help"),
];

/// Draws the overlay.
pub(super) fn help_ui(ui: &Ui, out: &mut Vec<Command>) {
    let modal = dialog(ui.ctx(), "help").show(ui.ctx(), |ui| {
        let screen = ui.ctx().content_rect().size();
        ui.set_width((screen.x - 64.0).clamp(320.0, 960.0));
        ui.heading("Mouse and keys");
        let height = (screen.y - 140.0).max(120.0);
        ScrollArea::vertical().max_height(height).min_scrolled_height(height).show(ui, |ui| {
            let (left, right) = KEYS.split_at(KEYS.iter().position(|k| k.0 == "Select and measure").unwrap_or(0));
            ui.columns(2, |columns| {
                columns.iter_mut().zip([left, right]).for_each(|(ui, keys)| keys_ui(ui, keys));
            });
        });
        ui.add_space(8.0);
        ui.button("Close").clicked()
    });
    if modal.should_close() || modal.inner {
        out.push(Command::Panel(PanelCommand::Help(false)));
    }
}

fn keys_ui(ui: &mut Ui, keys: &[(&'static str, &str, &str)]) {
    for group in keys.chunk_by(|a, b| a.0 == b.0) {
        ui.add_space(8.0);
        ui.label(RichText::new(group[0].0).strong().color(Colours::of(ui).accent));
        // No grid: the height of its rows would be that of a first layout, in which everything is wrapped.
        for (_, keys, what) in group {
            ui.horizontal_top(|ui| {
                ui.allocate_ui_with_layout(KEYS_SIZE, Layout::left_to_right(Align::Min), |ui| {
                    ui.set_min_width(KEYS_SIZE.x);
                    ui.label(RichText::new(*keys).strong());
                });
                ui.add(eframe::egui::Label::new(*what).wrap());
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use eframe::egui::Key;
    use egui_kittest::kittest::Queryable as _;

    use super::super::testing::bench;
    use super::*;

    #[test]
    fn keys_are_listed_by_group_and_escape_closes() {
        let mut groups: Vec<&str> = KEYS.iter().map(|k| k.0).collect();
        groups.dedup();
        let listed = groups.len();
        groups.sort_unstable();
        groups.dedup();
        assert_eq!(groups.len(), listed, "a group stands together");
        let mut harness = bench([800.0, 700.0], (), |ui, (), out| help_ui(ui, out));
        harness.run();
        harness.get_by_label("Zoom time at the pointer");
        harness.key_press(Key::Escape);
        harness.run();
        assert!(harness.state().out.iter().any(|c| matches!(c, Command::Panel(PanelCommand::Help(false)))));
    }
}
