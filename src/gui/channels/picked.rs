//! What can be done with several picked channels at once.

use eframe::egui::{self, DragValue, Ui};

use super::command::{Change, ChannelCommand, Pick};
use super::row::swatch;
use super::view::GAINS;
use crate::gui::command::Command;
use crate::gui::controls::named;
use crate::gui::state::Document;
use crate::gui::theme::palette;

/// Draws the line about the picked channels; nothing while there are fewer than two.
pub(super) fn picked_ui(ui: &mut Ui, document: &Document, out: &mut Vec<Command>) {
    let picked: Vec<usize> =
        document.lanes.list.picked.iter().copied().filter(|&c| c < document.channels.len()).collect();
    let [first, _, ..] = picked[..] else { return };
    let change = |change| Command::Channels(ChannelCommand::Change(picked.clone(), change));
    let view = &document.channels[first];
    ui.horizontal_wrapped(|ui| {
        ui.strong(format!("{} picked", picked.len()));
        let visible = picked.iter().all(|&c| document.channels[c].visible);
        let text = if visible { "Hide" } else { "Show" };
        if named(ui.button(text), &format!("{text} the picked channels")).clicked() {
            out.push(change(Change::Visible(!visible)));
        }
        let colour = view.colour.unwrap_or_else(|| palette(first, ui.visuals().dark_mode));
        if let Some(colour) = swatch(ui, colour, true, "the picked channels") {
            out.push(change(Change::Colour(colour)));
        }
        let mut gain = view.gain;
        let drag = DragValue::new(&mut gain).range(GAINS).speed(0.01).max_decimals(2).prefix("×");
        if named(ui.add(drag), "Gain of the picked channels").changed() {
            out.push(change(Change::Gain(gain)));
        }
        if named(ui.button("Invert"), "Turn the picked channels upside down").clicked() {
            out.push(change(Change::Invert));
        }
        for (sign, up) in [("↑", true), ("↓", false)] {
            let name = if up { "Move the picked channels up" } else { "Move the picked channels down" };
            let button = named(ui.add(egui::Button::new(sign)), name);
            if button.on_hover_text(if up { "Up (Alt + ↑)" } else { "Down (Alt + ↓)" }).clicked() {
                out.push(Command::Channels(ChannelCommand::Step { up }));
            }
        }
        if named(ui.button("Clear"), "Pick no channel").clicked() {
            out.push(Command::Channels(ChannelCommand::Pick(Pick::Nothing)));
        }
    });
}
