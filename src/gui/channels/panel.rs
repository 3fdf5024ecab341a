//! The panel of channels.

use eframe::egui::{self, Button, Rect, Ui, vec2};

use super::command::ChannelCommand;
use super::list::{Row, listed};
use super::picked::picked_ui;
use super::row::{ROW_HEIGHT, channel_row, filter_field, group_row};
use super::view::{ColourBy, Display, HeatValue, Heights, SortBy};
use super::{drag, heights::FILL};
use crate::gui::command::Command;
use crate::gui::controls::named;
use crate::gui::state::Document;

/// Draws the panel.
pub(in crate::gui) fn channels_ui(ui: &mut Ui, document: &Document, filter: &mut String, out: &mut Vec<Command>) {
    let channels = &document.shown().channels;
    let shown = document.channels.iter().filter(|v| v.visible).count();
    ui.horizontal(|ui| {
        ui.weak(format!("{shown} of {} shown", channels.len()));
    });
    filter_field(ui, filter);
    buttons_ui(ui, document, out);
    displays_ui(ui, document, out);
    tracks_ui(ui, document, out);
    picked_ui(ui, document, out);
    ui.add_space(4.0);
    let rows = listed(ui, document, filter);
    if rows.is_empty() {
        ui.weak(format!("No channel has '{}' in its name, id or group.", filter.trim()));
        if ui.button("Clear filter").clicked() {
            filter.clear();
        }
        return;
    }
    let colours = document.channel_colours(ui.visuals().dark_mode);
    // The first channel of a row, and of all that come behind it.
    let first_of = |row: Option<&Row>| match row {
        Some(Row::Channel(c)) => Some(*c),
        Some(Row::Group(group)) => group.members.first().copied(),
        None => None,
    };
    egui::ScrollArea::vertical().auto_shrink(false).show_rows(ui, ROW_HEIGHT, rows.len(), |ui, range| {
        for i in range {
            let rect = Rect::from_min_size(ui.cursor().min, vec2(ui.available_width(), ROW_HEIGHT));
            match &rows[i] {
                Row::Group(group) => {
                    ui.push_id(("group", &group.name), |ui| group_row(ui, document, group, out));
                }
                Row::Channel(c) => {
                    ui.push_id(("channel", *c), |ui| channel_row(ui, document, (*c, colours[*c]), rect, out));
                }
            }
            drag::put(
                ui,
                rect.expand2(vec2(0.0, ui.spacing().item_spacing.y / 2.0)),
                first_of(rows.get(i)),
                first_of(rows.get(i + 1)),
                out,
            );
        }
        drag::scroll_at_edges(ui);
    });
}

/// Show, hide, and how the list and the lanes are arranged.
fn buttons_ui(ui: &mut Ui, document: &Document, out: &mut Vec<Command>) {
    let mut ask = |command| out.push(Command::Channels(command));
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        for (label, visible) in [("Show all", true), ("Hide all", false)] {
            if ui.button(label).clicked() {
                ask(ChannelCommand::ShowAll(visible));
            }
        }
        let bad = document.bad_channels();
        let to_hide = bad.iter().filter(|(c, _)| document.channels.get(*c).is_some_and(|v| v.visible)).count();
        if !bad.is_empty() {
            let button = ui.add_enabled(to_hide > 0, Button::new(format!("Hide {} bad", bad.len())));
            if button.on_hover_text("Hide the channels that the check of their health suggests as bad").clicked() {
                ask(ChannelCommand::HideBad);
            }
        }
        ui.menu_button("Arrange", |ui| {
            order_menu(ui, document, &mut ask);
            colour_menu(ui, document, &mut ask);
            height_menu(ui, document, &mut ask);
        });
    });
}

fn order_menu(ui: &mut Ui, document: &Document, ask: &mut impl FnMut(ChannelCommand)) {
    let placed = document.knows_positions();
    ui.weak("Order");
    for (text, by, possible) in [
        ("As in the file", SortBy::File, true),
        ("By name", SortBy::Name, true),
        ("By group", SortBy::Group, true),
        ("By shank and depth", SortBy::Depth, placed),
    ] {
        let button = ui.add_enabled(possible, Button::new(text));
        if button
            .on_disabled_hover_text(
                "The file does not tell where contacts are; Ctrl + P, probe META.yml reads it from another",
            )
            .clicked()
        {
            ask(ChannelCommand::Sort(by));
        }
    }
    for (text, fold) in [("Fold all groups", true), ("Unfold all groups", false)] {
        if ui.button(text).clicked() {
            ask(ChannelCommand::FoldAll(fold));
        }
    }
}

fn colour_menu(ui: &mut Ui, document: &Document, ask: &mut impl FnMut(ChannelCommand)) {
    ui.separator();
    ui.weak("Colour by");
    let placed = document.knows_positions();
    for (text, by, possible, about) in [
        ("Channel", ColourBy::Channel, true, "Neighbours differ; the palette repeats after eight"),
        ("Group", ColourBy::Group, true, "All channels of a tetrode, shank or bank alike"),
        ("Shank", ColourBy::Shank, placed, "All channels of a shank of the probe alike"),
        ("One colour", ColourBy::One, true, "All channels alike"),
    ] {
        ui.add_enabled_ui(possible, |ui| {
            if ui.radio(document.lanes.list.colour_by == by, text).on_hover_text(about).clicked() {
                ask(ChannelCommand::ColourBy(by));
            }
        });
    }
}

fn height_menu(ui: &mut Ui, document: &Document, ask: &mut impl FnMut(ChannelCommand)) {
    ui.separator();
    ui.weak("Height");
    let lanes = &document.lanes;
    for (text, heights, about) in [
        ("Alike for each unit", Heights::Common, "The same height is the same amplitude: channels can be compared"),
        ("Each fills its lane", Heights::Each, "Each channel has a range of its own: weak ones are seen, too"),
    ] {
        if ui.radio(lanes.heights == heights, text).on_hover_text(about).clicked() {
            ask(ChannelCommand::Heights(heights));
        }
    }
    ui.horizontal(|ui| {
        let now = match (lanes.heights, &lanes.half_range) {
            (Heights::Fixed(per_lane), _) => per_lane / lanes.amplitude,
            (_, Some(half)) => half.first().map_or(1.0, |half| half / FILL / lanes.amplitude),
            (_, None) => 1.0,
        };
        let about = "So many units from the foot of a lane to its top, whatever the recording holds";
        if ui.radio(matches!(lanes.heights, Heights::Fixed(_)), "Fixed").on_hover_text(about).clicked() {
            ask(ChannelCommand::Heights(Heights::Fixed(now)));
        }
        let mut per_lane = now;
        let speed = (now.abs() * 0.01).max(1e-12);
        let drag = egui::DragValue::new(&mut per_lane).speed(speed).range(super::view::UNITS).max_decimals(6);
        let drag = named(ui.add(drag), "Units for each lane");
        if drag.changed() && per_lane > 0.0 {
            ask(ChannelCommand::Heights(Heights::Fixed(per_lane)));
        }
        ui.label("for each lane");
    });
    ui.horizontal(|ui| {
        ui.label("May reach over");
        let mut overlap = lanes.overlap;
        let drag = egui::DragValue::new(&mut overlap).speed(0.05).range(super::view::OVERLAPS).max_decimals(2);
        let drag = named(ui.add(drag), "Lanes a trace may reach over");
        if drag.on_hover_text("What is farther is cut off, and marked").changed() {
            ask(ChannelCommand::Overlap(overlap));
        }
        ui.label("lanes");
    });
}

/// Stacked, over each other, or as colours.
fn displays_ui(ui: &mut Ui, document: &Document, out: &mut Vec<Command>) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        // All three on one line in the usual width.
        ui.spacing_mut().button_padding.x = 6.0;
        for display in Display::ALL {
            let button = ui.add(Button::selectable(document.lanes.display == display, display.title()));
            if button.on_hover_text(format!("{} (D)", display.about())).clicked() {
                out.push(Command::Channels(ChannelCommand::Display(display)));
            }
        }
    });
    if document.lanes.display == Display::HeatMap {
        ui.horizontal_wrapped(|ui| {
            for (text, value) in HeatValue::ALL.map(|value| (value.title(), value)) {
                if ui.radio(document.lanes.heat == value, text).clicked() {
                    out.push(Command::Channels(ChannelCommand::Heat(value)));
                }
            }
        });
    }
}

/// Which rows of events stand beneath the lanes.
fn tracks_ui(ui: &mut Ui, document: &Document, out: &mut Vec<Command>) {
    let events = &document.recording().events;
    let rows = &document.lanes.events;
    let found = document.results.list.iter().any(|result| result.events().is_some());
    if events.is_empty() && !found {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        if !events.is_empty() {
            let shown = events.iter().filter(|track| rows.tracks.contains(&track.name)).count();
            ui.menu_button(format!("Event tracks {shown}/{}", events.len()), |ui| {
                egui::ScrollArea::vertical().max_height(320.0).show_rows(ui, ROW_HEIGHT, events.len(), |ui, range| {
                    for track in &events[range] {
                        let mut on = rows.tracks.contains(&track.name);
                        let check = ui.checkbox(&mut on, &track.name).on_hover_text(&track.description);
                        if check.changed() {
                            out.push(Command::Channels(ChannelCommand::Track(track.name.clone(), on)));
                        }
                    }
                });
            });
        }
        if found {
            let mut on = rows.found;
            let check = ui.checkbox(&mut on, "Rasters");
            if check.on_hover_text("A row of marks for each channel in which places were found (R)").changed() {
                out.push(Command::Channels(ChannelCommand::Rasters(on)));
            }
        }
    });
}
