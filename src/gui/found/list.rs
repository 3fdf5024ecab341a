//! The list of what was found: only the rows on the screen are made.

use eframe::egui::{Align, ComboBox, Grid, Id, Layout, RichText, ScrollArea, Ui};

use super::{FoundCommand, Sort};
use crate::analysis::{Cell, Events};
use crate::gui::command::Command;
use crate::gui::controls::named;
use crate::gui::state::Document;
use crate::gui::wording::{count, plural, significant};

const ROW_HEIGHT: f32 = 20.0;
const SPACING: f32 = 4.0;
const HEIGHT: f32 = 420.0;
/// Digits that the list shows; the hover shows all.
const DIGITS: usize = 6;
/// Channels that can be chosen; more are found by sorting.
const MAX_CHANNELS: usize = 2048;

/// Draws the list of the result called `name`.
pub(in crate::gui) fn list_ui(
    ui: &mut Ui,
    name: &'static str,
    events: &Events,
    document: &Document,
    out: &mut Vec<Command>,
) {
    let Some(listed) = document.listed(name) else {
        ui.weak(plural(events.places.len() as u64, events.noun));
        return;
    };
    let rows = listed.len(events);
    let current = document.results.found.current.filter(|c| c.0 == name).map(|c| c.1);
    ui.horizontal_wrapped(|ui| {
        ui.label(heading(events, rows, current));
        let mut button = |text: &str, hover: &str, command: FoundCommand| {
            if ui.add_enabled(rows > 0, eframe::egui::Button::new(text)).on_hover_text(hover).clicked() {
                out.push(Command::Found(command));
            }
        };
        button("Previous", "The one before (P)", FoundCommand::Step { forward: false });
        button("Next", "The next one (N)", FoundCommand::Step { forward: true });
        button("Save as CSV…", "All rows, with all digits", FoundCommand::AskSave(name));
    });
    ui.horizontal_wrapped(|ui| {
        sort_ui(ui, name, listed.sort, out);
        channel_ui(ui, name, events, listed.channel, out);
    });
    if rows == 0 {
        ui.weak(format!("There is no {} to list.", events.noun));
        return;
    }
    let mut area = ScrollArea::both().id_salt(("found", name)).max_height(HEIGHT).auto_shrink([false, true]);
    if let Some(row) = newly_current(ui, name, current).and_then(|index| listed.row_of(index)) {
        area = area.vertical_scroll_offset((row as f32 * (ROW_HEIGHT + SPACING) - HEIGHT / 2.0).max(0.0));
    }
    area.show_rows(ui, ROW_HEIGHT, rows + 1, |ui, range| {
        Grid::new("places").striped(true).min_row_height(ROW_HEIGHT).spacing([16.0, SPACING]).show(ui, |ui| {
            for field in events.fields {
                ui.label(RichText::new(field.name.replace('_', " ")).small().weak());
            }
            ui.end_row();
            for row in range.start..range.end.min(rows) {
                let index = listed.place_at(row);
                row_ui(ui, name, events, (index, current == Some(index)), out);
                ui.end_row();
            }
        });
    });
}

/// `12,345 spikes`, or which of them is the current one.
fn heading(events: &Events, rows: usize, current: Option<usize>) -> String {
    let all = plural(rows as u64, events.noun);
    match current {
        Some(index) => format!("{} of {all}", count(index as u64 + 1)),
        None => all,
    }
}

fn row_ui(
    ui: &mut Ui,
    name: &'static str,
    events: &Events,
    (index, is_current): (usize, bool),
    out: &mut Vec<Command>,
) {
    let right = Layout::right_to_left(Align::Center);
    for (column, cell) in events.row(index).iter().enumerate() {
        let text = match cell {
            Cell::Text(text) => text.clone(),
            Cell::Integer(n) => n.to_string(),
            Cell::Bool(is) => if *is { "yes" } else { "" }.to_owned(),
            Cell::Number(x) if x.is_nan() => String::new(),
            Cell::Number(x) => significant(*x, DIGITS),
        };
        if column == 0 {
            // The current one is marked by an arrow too, not by colour alone.
            let shown = if is_current { format!("▶ {text}") } else { text };
            let label = ui.selectable_label(is_current, shown);
            let label = named(label, &format!("Go to {} {}", events.noun, index + 1));
            if label.on_hover_text("Go there").clicked() {
                out.push(Command::Found(FoundCommand::Show(name, index)));
            }
        } else if let Cell::Text(_) = cell {
            ui.label(text);
        } else {
            ui.with_layout(right, |ui| ui.monospace(text));
        }
    }
}

/// The current place, in the frame in which it became that: then the list scrolls to it.
fn newly_current(ui: &Ui, name: &'static str, current: Option<usize>) -> Option<usize> {
    let id = Id::unique(("shown of", name));
    let before: Option<usize> = ui.data(|data| data.get_temp(id)).flatten();
    ui.data_mut(|data| data.insert_temp(id, current));
    current.filter(|_| before != current)
}

fn sort_ui(ui: &mut Ui, name: &'static str, sort: Sort, out: &mut Vec<Command>) {
    let title = |sort| match sort {
        Sort::Time => "by time",
        Sort::Greatest => "greatest first",
        Sort::Least => "least first",
    };
    let combo = ComboBox::from_id_salt("sort").selected_text(title(sort)).show_ui(ui, |ui| {
        for choice in [Sort::Time, Sort::Greatest, Sort::Least] {
            if ui.selectable_label(choice == sort, title(choice)).clicked() && choice != sort {
                out.push(Command::Found(FoundCommand::Sort(name, choice)));
            }
        }
    });
    drop(named(combo.response, "Order of the list").on_hover_text("How the places are sorted"));
}

fn channel_ui(ui: &mut Ui, name: &'static str, events: &Events, chosen: Option<u32>, out: &mut Vec<Command>) {
    let names = &events.context.channels;
    let title = chosen.and_then(|c| names.get(c as usize)).map_or("all channels", |n| n.as_str());
    let combo = ComboBox::from_id_salt("channel").selected_text(title).show_ui(ui, |ui| {
        let channels = (0..names.len().min(MAX_CHANNELS)).map(|c| Some(c as u32));
        for channel in std::iter::once(None).chain(channels) {
            let text = channel.map_or("all channels", |c: u32| names[c as usize].as_str());
            if ui.selectable_label(channel == chosen, text).clicked() && channel != chosen {
                out.push(Command::Found(FoundCommand::Channel(name, channel)));
            }
        }
    });
    drop(named(combo.response, "Channel of the list").on_hover_text("Only the places of one channel"));
}
