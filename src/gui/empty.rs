//! What stands where there is nothing: what would be here, and how to get it.

use eframe::egui::{Align, Label, Layout, Rect, RichText, Ui, UiBuilder, vec2};
use egui_material_icons::{MaterialIcon, icons};

use super::command::{ChannelCommand, Command};
use super::state::Document;
use super::theme::Colours;

/// Height of an icon with two lines, points.
const HEIGHT: f32 = 120.0;
const WIDTH: f32 = 320.0;

/// An icon, what is missing, and how to get it, centred in a panel; further controls may follow.
pub(super) fn hint(ui: &mut Ui, icon: MaterialIcon, title: &str, text: &str) {
    let muted = Colours::of(ui).muted;
    ui.add_space(16.0);
    ui.vertical_centered(|ui| {
        ui.label(RichText::new(icon.codepoint).size(28.0).color(muted));
        ui.label(RichText::new(title).strong());
        ui.add(Label::new(RichText::new(text).color(muted)).wrap());
    });
    ui.add_space(8.0);
}

/// Over the traces: that every channel is hidden, and the button that shows them.
pub(super) fn no_channels_ui(ui: &mut Ui, document: &Document, out: &mut Vec<Command>) {
    if !document.visible_channels().is_empty() {
        return;
    }
    let place = Rect::from_center_size(ui.max_rect().center(), vec2(WIDTH, HEIGHT));
    let mut inner = ui.new_child(UiBuilder::new().max_rect(place).layout(Layout::top_down(Align::Center)));
    hint(
        &mut inner,
        icons::ICON_VISIBILITY_OFF,
        "Every channel is hidden",
        "Tick those to show in the list of channels (C).",
    );
    inner.vertical_centered(|ui| {
        if ui.button("Show all channels").clicked() {
            out.push(Command::Channels(ChannelCommand::ShowAll(true)));
        }
    });
}

#[cfg(test)]
mod tests {
    use egui_kittest::kittest::Queryable as _;

    use super::super::testing::{bench, document};
    use super::*;

    #[test]
    fn hidden_channels_come_back_with_one_click() {
        let mut harness = bench([600.0, 400.0], document(4), |ui, document, out| {
            no_channels_ui(ui, document, out);
            out.drain(..).for_each(|command| match command {
                Command::Channels(change) => document.apply_channels(change),
                other => panic!("{other:?}"),
            });
        });
        harness.run();
        assert!(harness.query_by_label("Show all channels").is_none());
        harness.state_mut().state.apply_channels(ChannelCommand::ShowAll(false));
        harness.run();
        harness.get_by_label("Every channel is hidden");
        harness.get_by_label("Show all channels").click();
        harness.run();
        assert_eq!(harness.state().state.visible_channels().len(), 4);
    }
}
