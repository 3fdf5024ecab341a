//! The help overlay: every gesture, and every key as it is set now.

use eframe::egui::{Align, Layout, RichText, ScrollArea, Ui, Vec2, vec2};

use super::command::{Command, PanelCommand};
use super::controls::dialog;
use super::keys::Keymap;
use super::theme::Colours;
use super::vocabulary::verbs;

/// Where the keys stand, in front of what they do; logical pixels.
const KEYS_SIZE: Vec2 = vec2(166.0, 18.0);

/// Group, gesture, what it does: what the mouse does and what is not a command of its own.
const GESTURES: &[(&str, &str, &str)] = &[
    ("Mouse", "Wheel", "Zoom time at the pointer (Settings: pan, or scroll the channels)"),
    ("Mouse", "Drag", "Pan"),
    ("Mouse", "Shift + wheel, or sideways", "Pan time"),
    ("Mouse", "Ctrl + wheel", "Higher or lower traces; over a name, of that channel"),
    ("Mouse", "Alt + wheel", "More or fewer channels on the screen"),
    ("Mouse", "Double-click", "Zoom in there"),
    ("Mouse", "Ctrl + drag, or right-drag", "Zoom to what the drag spans"),
    ("Mouse", "Shift + drag", "Select a range"),
    ("Mouse", "Click an annotation", "Show its fields; then drag its edges, or its label to move it"),
    ("Mouse", "Double-click an annotation", "Write in its label"),
    ("Mouse", "Drag a cursor", "Move it; it snaps to what is near"),
    ("Mouse", "Alt, while dragging one", "Cursor or edge of an annotation: snap to nothing"),
    ("Mouse", "Rest on a gap", "How much is missing, and when"),
    ("Mouse", "Click in the spectrogram", "The spectrum there"),
    ("Channels", "Click a name", "Pick it; Ctrl or Shift: several, to change them together"),
    ("Channels", "Drag a name", "Put it, all that are picked, or a group elsewhere"),
    ("Channels", "Double-click a name", "Show only that channel"),
    ("Overview", "Click", "Go there"),
    ("Overview", "Drag the window", "Pan"),
    ("Files", "Drop a file", "Open it; several files or a folder: as one recording"),
];

/// Group, gesture or keys, what it does: of gestures, and of every command that has a key.
fn rows(keymap: &Keymap) -> Vec<(&'static str, String, &'static str)> {
    let gestures = GESTURES.iter().map(|&(group, keys, what)| (group, keys.to_owned(), what));
    let keys = verbs().map(|verb| (verb.group, keymap.keys_of(verb.name), verb.title));
    let brackets = ("Select and measure", "[ and ]".to_owned(), "Put cursor A or B at the pointer");
    let digits = ("Annotations", "1 … 9".to_owned(), "Mark in a category");
    let mut rows: Vec<_> = gestures.chain(keys.filter(|row| !row.1.is_empty())).collect();
    for row in [digits, brackets] {
        let at = rows.iter().rposition(|other| other.0 == row.0).map_or(rows.len(), |last| last + 1);
        rows.insert(at, row);
    }
    rows
}

/// The first row of the group that the right column begins with, so that both are about as high.
fn middle<T>(rows: &[(&'static str, String, T)]) -> usize {
    // A heading with the space above it is as high as two rows.
    let height = |part: &[(&str, String, T)]| part.len() + 2 * part.chunk_by(|a, b| a.0 == b.0).count();
    let borders = (1..rows.len()).filter(|&i| rows[i].0 != rows[i - 1].0);
    borders.min_by_key(|&i| height(&rows[..i]).max(height(&rows[i..]))).unwrap_or(rows.len())
}

/// Draws the overlay.
pub(super) fn help_ui(ui: &Ui, keymap: &Keymap, out: &mut Vec<Command>) {
    let modal = dialog(ui.ctx(), "help").show(ui.ctx(), |ui| {
        let screen = ui.ctx().content_rect().size();
        ui.set_width((screen.x - 64.0).clamp(320.0, 960.0));
        ui.heading("Mouse and keys");
        ui.weak("Ctrl + P finds every command by its name. Other keys: Settings (Ctrl + comma).");
        let height = (screen.y - 160.0).max(120.0);
        ScrollArea::vertical().max_height(height).min_scrolled_height(height).show(ui, |ui| {
            let rows = rows(keymap);
            // Whole groups on either side.
            let (left, right) = rows.split_at(middle(&rows));
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

fn keys_ui(ui: &mut Ui, keys: &[(&'static str, String, &'static str)]) {
    for group in keys.chunk_by(|a, b| a.0 == b.0) {
        ui.add_space(8.0);
        ui.label(RichText::new(group[0].0).strong().color(Colours::of(ui).accent));
        // No grid: the height of its rows would be that of a first layout, in which everything is wrapped.
        for (_, keys, what) in group {
            ui.horizontal_top(|ui| {
                ui.allocate_ui_with_layout(KEYS_SIZE, Layout::left_to_right(Align::Min), |ui| {
                    ui.set_min_width(KEYS_SIZE.x);
                    ui.label(RichText::new(keys).strong());
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
        let keymap = Keymap::new("longwave", &Default::default()).0;
        let rows = rows(&keymap);
        assert!(rows.iter().any(|row| row.1 == "F" && row.2 == "The whole recording"), "{rows:?}");
        let mut harness = bench([800.0, 700.0], (), move |ui, (), out| help_ui(ui, &keymap, out));
        harness.run();
        harness.get_by_label_contains("Zoom time at the pointer");
        harness.key_press(Key::Escape);
        harness.run();
        assert!(harness.state().out.iter().any(|c| matches!(c, Command::Panel(PanelCommand::Help(false)))));
    }
}
