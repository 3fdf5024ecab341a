//! The panel of channels: which are shown, in which colour, how high.
//!
//! The list is virtual: only the rows on the screen are laid out, so 1,024 channels cost what 30 do, apart from one
//! pass over the names while a filter is typed.

use eframe::egui::{self, Color32, DragValue, Popup, PopupCloseBehavior, RichText, Sense, TextEdit, Ui, vec2};

use super::command::{ChannelCommand, Command};
use super::controls::{named, painted_button};
use super::state::{ChannelView, Document};
use super::theme::{Colours, PALETTE_LEN, PALETTE_NAMES, palette};
use crate::recording::Channel;

/// A channel may be drawn this much higher or lower than the others.
const GAINS: std::ops::RangeInclusive<f32> = 1e-4..=1e4;
/// Lanes on the screen at most when channels come back into view.
const MAX_LANES: f64 = 128.0;
const ROW_HEIGHT: f32 = 24.0;

impl Document {
    /// Applies what the user asked about channels; an index that is not there changes nothing.
    pub fn apply_channels(&mut self, command: ChannelCommand) {
        let shown_before = self.visible_channels().len();
        match command {
            ChannelCommand::Show(c, visible) => self.change_channel(c, |v| v.visible = visible),
            ChannelCommand::ShowOnly(only) if only < self.channels.len() => {
                self.channels.iter_mut().enumerate().for_each(|(c, v)| v.visible = c == only);
            }
            ChannelCommand::ShowOnly(_) => {}
            ChannelCommand::ShowAll(visible) => self.channels.iter_mut().for_each(|v| v.visible = visible),
            ChannelCommand::Colour(c, colour) => self.change_channel(c, |v| v.colour = Some(colour)),
            ChannelCommand::Gain(c, gain) if gain.is_finite() => {
                self.change_channel(c, |v| v.gain = gain.clamp(*GAINS.start(), *GAINS.end()));
            }
            ChannelCommand::Gain(..) => {}
        }
        self.fit_lanes(shown_before);
    }

    fn change_channel(&mut self, c: usize, change: impl FnOnce(&mut ChannelView)) {
        if let Some(view) = self.channels.get_mut(c) {
            change(view);
        }
    }

    /// Keeps the stack of lanes full: if all were on the screen they still are, else no lane stands below the last.
    pub(super) fn fit_lanes(&mut self, shown_before: usize) {
        let shown = self.visible_channels().len();
        if shown == shown_before {
            return;
        }
        let shown = (shown as f64).max(1.0);
        let lanes = &mut self.lanes;
        let all_were_seen = lanes.count >= (shown_before as f64).min(MAX_LANES);
        lanes.count = if all_were_seen { shown.min(MAX_LANES) } else { lanes.count.min(shown) };
        lanes.first = lanes.first.clamp(0.0, shown - lanes.count);
    }
}

/// A row of the list.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Row<'a> {
    Group(&'a str),
    Channel(usize),
}

/// The rows that match `filter` (a part of name, id or group, any case), under a heading for each group where there
/// are several.
fn rows<'a>(channels: &'a [Channel], filter: &str) -> Vec<Row<'a>> {
    let filter = filter.trim().to_lowercase();
    let matches = |c: &Channel| {
        filter.is_empty() || [&c.name, &c.id, &c.group].iter().any(|text| text.to_lowercase().contains(&filter))
    };
    let mut groups: Vec<(&str, Vec<usize>)> = Vec::new();
    let mut of_name = std::collections::HashMap::new();
    for (i, channel) in channels.iter().enumerate() {
        let group = *of_name.entry(channel.group.as_str()).or_insert_with(|| {
            groups.push((channel.group.as_str(), Vec::new()));
            groups.len() - 1
        });
        if matches(channel) {
            groups[group].1.push(i);
        }
    }
    let with_headings = groups.len() > 1;
    let mut rows = Vec::with_capacity(channels.len() + groups.len());
    for (name, members) in groups.iter().filter(|(_, members)| !members.is_empty()) {
        if with_headings {
            rows.push(Row::Group(name));
        }
        rows.extend(members.iter().map(|&c| Row::Channel(c)));
    }
    rows
}

/// Draws the panel.
pub(super) fn channels_ui(ui: &mut Ui, document: &Document, filter: &mut String, out: &mut Vec<Command>) {
    let channels = &document.shown().channels;
    let shown = document.channels.iter().filter(|v| v.visible).count();
    ui.horizontal(|ui| {
        ui.strong("Channels");
        ui.weak(format!("{shown} of {} shown", channels.len()));
    });
    let box_width = ui.available_width();
    let edit = TextEdit::singleline(filter).hint_text("Filter by name, id or group").desired_width(box_width);
    named(ui.add(edit), "Filter channels");
    ui.horizontal(|ui| {
        for (label, visible) in [("Show all", true), ("Hide all", false)] {
            if ui.button(label).clicked() {
                out.push(Command::Channels(ChannelCommand::ShowAll(visible)));
            }
        }
    });
    ui.add_space(4.0);
    let rows = rows(channels, filter);
    if rows.is_empty() {
        ui.weak(format!("No channel has '{}' in its name, id or group.", filter.trim()));
        if ui.button("Clear filter").clicked() {
            filter.clear();
        }
        return;
    }
    egui::ScrollArea::vertical().auto_shrink(false).show_rows(ui, ROW_HEIGHT, rows.len(), |ui, range| {
        for row in &rows[range] {
            match *row {
                Row::Group(name) => group_row(ui, name),
                Row::Channel(c) => {
                    ui.push_id(("channel", c), |ui| channel_row(ui, document, c, out));
                }
            }
        }
    });
}

fn group_row(ui: &mut Ui, name: &str) {
    let name = if name.is_empty() { "No group" } else { name };
    ui.allocate_ui_with_layout(
        vec2(ui.available_width(), ROW_HEIGHT),
        egui::Layout::left_to_right(egui::Align::Max),
        |ui| {
            ui.set_min_height(ROW_HEIGHT);
            ui.label(RichText::new(name).small().color(Colours::of(ui).muted).strong());
        },
    );
}

/// What a channel is called where it must be told from others of the same name.
fn title(channels: &[Channel], c: usize) -> String {
    let channel = &channels[c];
    let alone = !channels.iter().enumerate().any(|(i, other)| i != c && other.name == channel.name);
    if alone { channel.name.clone() } else { format!("{} ({})", channel.name, channel.id) }
}

fn channel_row(ui: &mut Ui, document: &Document, c: usize, out: &mut Vec<Command>) {
    let channels = &document.shown().channels;
    let (channel, view) = (&channels[c], &document.channels[c]);
    let title = title(channels, c);
    let mut ask = |command| out.push(Command::Channels(command));
    ui.horizontal(|ui| {
        ui.set_min_height(ROW_HEIGHT);
        let mut visible = view.visible;
        let check = named(ui.checkbox(&mut visible, ""), &format!("Show {title}"));
        if check.on_hover_text(if view.visible { "Hide this channel" } else { "Show this channel" }).changed() {
            ask(ChannelCommand::Show(c, visible));
        }
        if let Some(colour) = swatch(ui, c, view, &title) {
            ask(ChannelCommand::Colour(c, colour));
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let mut gain = view.gain;
            let drag = DragValue::new(&mut gain).range(GAINS).speed(0.01).max_decimals(2).prefix("×");
            let drag = named(ui.add(drag), &format!("Gain of {title}"));
            if drag.on_hover_text("Height of this channel, times that of the others. Drag or click to type.").changed()
            {
                ask(ChannelCommand::Gain(c, gain));
            }
            if !channel.unit.is_empty() {
                ui.label(RichText::new(crate::text::unit(&channel.unit)).small().color(Colours::of(ui).muted));
            }
            let text = RichText::new(&title).color(if view.visible {
                ui.visuals().text_color()
            } else {
                Colours::of(ui).muted
            });
            let label = egui::Label::new(text).truncate().selectable(false).sense(Sense::click());
            let rest = vec2(ui.available_width(), ROW_HEIGHT);
            let layout = egui::Layout::left_to_right(egui::Align::Center);
            let name = ui.allocate_ui_with_layout(rest, layout, |ui| ui.add(label)).inner;
            if name.double_clicked() {
                ask(ChannelCommand::ShowOnly(c));
            }
            name.context_menu(|ui| {
                if ui.button("Show only this").clicked() {
                    ask(ChannelCommand::ShowOnly(c));
                }
                let (label, visible) = if view.visible { ("Hide", false) } else { ("Show", true) };
                if ui.button(label).clicked() {
                    ask(ChannelCommand::Show(c, visible));
                }
                if ui.button("Reset gain").clicked() {
                    ask(ChannelCommand::Gain(c, 1.0));
                }
            });
            name.on_hover_ui(|ui| explain(ui, channel));
        });
    });
}

fn explain(ui: &mut Ui, channel: &Channel) {
    ui.strong(&channel.name);
    ui.label(format!("Id {}", channel.id));
    if !channel.group.is_empty() {
        ui.label(format!("Group {}", channel.group));
    }
    if !channel.scale.is_identity() {
        let unit = if channel.unit.is_empty() { "" } else { &channel.unit };
        ui.label(format!("Stored × {} + {} {unit}", channel.scale.gain, channel.scale.offset));
    }
    ui.weak("Double-click to show only this channel.");
}

/// The colour button; returns the colour that was picked.
fn swatch(ui: &mut Ui, c: usize, view: &ChannelView, title: &str) -> Option<Color32> {
    let dark = ui.visuals().dark_mode;
    let colour = view.colour.unwrap_or_else(|| palette(c, dark));
    let (rect, button) = ui.allocate_exact_size(vec2(16.0, 16.0), Sense::click());
    painted_button(&button, &format!("Colour of {title}"));
    let radius = if button.hovered() || button.has_focus() { 8.0 } else { 6.0 };
    ui.painter().circle_filled(rect.center(), radius, if view.visible { colour } else { colour.gamma_multiply(0.35) });
    let mut picked = None;
    let popup = Popup::menu(&button).close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    popup.show(|ui| {
        ui.label(format!("Colour of {title}"));
        for (i, name) in PALETTE_NAMES.iter().enumerate().take(PALETTE_LEN) {
            ui.horizontal(|ui| {
                let (dot, _) = ui.allocate_exact_size(vec2(16.0, 16.0), Sense::hover());
                ui.painter().circle_filled(dot.center(), 6.0, palette(i, dark));
                if ui.selectable_label(colour == palette(i, dark), *name).clicked() {
                    picked = Some(palette(i, dark));
                }
            });
        }
        ui.separator();
        ui.horizontal(|ui| {
            let mut own = colour;
            let edit = egui::color_picker::color_edit_button_srgba(ui, &mut own, egui::color_picker::Alpha::Opaque);
            let edit = named(edit, "Another colour");
            ui.label("Another colour");
            if edit.changed() {
                picked = Some(own);
            }
        });
    });
    button.on_hover_text("Change the colour");
    picked
}

#[cfg(test)]
mod tests {
    use egui_kittest::kittest::Queryable as _;

    use super::super::testing::{bench, document};
    use super::*;

    fn shown(document: &Document) -> Vec<usize> {
        document.visible_channels()
    }

    #[test]
    fn commands_change_what_is_shown_and_the_lanes_follow() {
        let mut document = document(64);
        document.apply_channels(ChannelCommand::ShowOnly(5));
        assert_eq!(shown(&document), [5]);
        assert_eq!(document.lanes.count, 1.0);
        document.apply_channels(ChannelCommand::ShowAll(true));
        assert_eq!((shown(&document).len(), document.lanes.count), (64, 64.0));
        document.lanes.count = 10.0;
        document.lanes.first = 54.0;
        document.apply_channels(ChannelCommand::Show(63, false));
        assert_eq!((document.lanes.count, document.lanes.first), (10.0, 53.0));
        document.apply_channels(ChannelCommand::ShowAll(false));
        assert_eq!((document.lanes.count, document.lanes.first), (1.0, 0.0));
        document.apply_channels(ChannelCommand::ShowAll(true));
        assert_eq!(document.lanes.count, 64.0);
    }

    #[test]
    fn nonsense_changes_nothing() {
        let mut document = document(4);
        let before = document.channels.clone();
        for command in [
            ChannelCommand::Show(99, false),
            ChannelCommand::ShowOnly(4),
            ChannelCommand::Colour(7, Color32::RED),
            ChannelCommand::Gain(0, f32::NAN),
        ] {
            document.apply_channels(command);
        }
        assert_eq!(document.channels, before);
        document.apply_channels(ChannelCommand::Gain(0, 0.0));
        assert_eq!(document.channels[0].gain, *GAINS.start());
    }

    #[test]
    fn rows_are_grouped_and_filtered() {
        let document = document(64);
        let channels = &document.shown().channels;
        assert_eq!(rows(channels, "").len(), 66);
        assert_eq!(rows(channels, "hw63"), [Row::Group("Tetrode 1"), Row::Channel(63)]);
        assert_eq!(rows(channels, " TETRODE 0 ").len(), 33);
        assert!(rows(channels, "no such").is_empty());
    }

    #[test]
    fn a_thousand_channels_filter_and_hide() {
        let mut harness = bench([280.0, 600.0], String::new(), {
            let document = document(1024);
            move |ui, filter, out| channels_ui(ui, &document, filter, out)
        });
        harness.run();
        assert!(harness.query_by_label("Show ch 900").is_none(), "the list is virtual");
        harness.get_by_label("Filter channels").focus();
        harness.get_by_label("Filter channels").type_text("ch 900");
        harness.run();
        assert_eq!(harness.state().state, "ch 900");
        harness.get_by_label("Show ch 900").click();
        harness.run();
        let [Command::Channels(command)] = &harness.state().out[..] else { panic!("{:?}", harness.state().out) };
        assert_eq!(*command, ChannelCommand::Show(900, false));
        harness.get_by_label("Hide all").click();
        harness.run();
        assert!(matches!(harness.state().out[1], Command::Channels(ChannelCommand::ShowAll(false))));
    }

    #[test]
    fn an_empty_filter_result_says_so_and_can_be_cleared() {
        let mut harness = bench([280.0, 300.0], "zzz".to_owned(), {
            let document = document(8);
            move |ui, filter, out| channels_ui(ui, &document, filter, out)
        });
        harness.run();
        harness.get_by_label("Clear filter").click();
        harness.run();
        assert!(harness.state().state.is_empty());
        harness.get_by_label("Show ch 7");
    }

    #[test]
    fn equal_names_are_told_apart_and_double_click_shows_one() {
        let mut document = document(3);
        let source = crate::source::MemorySource::new(
            {
                let mut recording = document.recording().clone();
                recording.streams.truncate(1);
                recording.streams[0].channels.iter_mut().for_each(|c| c.name = "EEG".to_owned());
                recording
            },
            vec![crate::recording::Samples::I16(vec![0; 9000])],
        );
        document.source = std::sync::Arc::new(source.unwrap());
        let mut harness =
            bench([280.0, 300.0], String::new(), move |ui, filter, out| channels_ui(ui, &document, filter, out));
        harness.run();
        harness.get_by_label("Show EEG (hw0)");
        harness.get_by_label("Show EEG (hw2)");
        for _ in 0..2 {
            harness.get_by_label("EEG (hw1)").click();
        }
        harness.run();
        let only = |c: &Command| matches!(c, Command::Channels(ChannelCommand::ShowOnly(1)));
        assert!(harness.state().out.iter().any(only), "{:?}", harness.state().out);
    }

    #[test]
    fn a_colour_is_picked_by_name() {
        let mut harness = bench([280.0, 400.0], String::new(), {
            let document = document(2);
            move |ui, filter, out| channels_ui(ui, &document, filter, out)
        });
        harness.run();
        harness.get_by_label("Colour of ch 1").click();
        harness.run();
        harness.get_by_label("Vermilion").click();
        harness.run();
        let [Command::Channels(ChannelCommand::Colour(1, colour))] = harness.state().out[..] else {
            panic!("{:?}", harness.state().out)
        };
        assert_eq!(colour, palette(5, true));
    }
}
