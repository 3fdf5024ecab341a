//! The cursors in the Measure tab: where they are, what lies between, and the values of each visible channel at both.

use eframe::egui::{Button, Grid, RichText, Ui};

use super::super::command::{Command, PanelCommand};
use super::super::controls::{fact, section};
use super::super::result_view::table_with_head_ui;
use super::super::state::Document;
use super::super::theme::Colours;
use super::super::time_axis::TimeAxis;
use super::super::wording::{count, significant, span};
use super::{CursorCommand, Snap, Values, Which};
use crate::analysis::{Cell, Table};

/// Draws the section.
pub(in super::super) fn cursor_table_ui(ui: &mut Ui, document: &Document, snap: Snap, out: &mut Vec<Command>) {
    let cursors = &document.cursors;
    section(ui, "Cursors");
    let any = cursors.at != [None, None];
    ui.horizontal_wrapped(|ui| {
        let (text, about) = if any {
            ("Remove cursors", "Take both cursors away (K)")
        } else {
            ("Add cursors", "Put both cursors into view (K)")
        };
        if ui.add(Button::new(text)).on_hover_text(about).clicked() {
            out.push(Command::Cursor(CursorCommand::Toggle));
        }
        let mut on = snap == Snap::On;
        let about = "A cursor that is dragged goes to the exact maximum, minimum or edge near the pointer (X)";
        if ui.checkbox(&mut on, "Snap").on_hover_text(about).changed() {
            out.push(Command::Panel(PanelCommand::Snap(if on { Snap::On } else { Snap::Off })));
        }
    });
    if !any {
        ui.weak("Point at the traces and press [ for cursor A, ] for B; drag them to move.");
        return;
    }
    let lines = lines(document);
    Grid::new("cursors").num_columns(2).spacing([12.0, 2.0]).show(ui, |ui| {
        lines.iter().for_each(|(name, value)| fact(ui, name, value));
    });
    ui.add_space(4.0);
    let Some(wanted) = document.to_probe() else { return };
    if wanted.channels.is_empty() {
        ui.weak("No channel is shown: show one in the list at the left.");
        return;
    }
    // The numbers of a moment ago stay until those of now are there, so that nothing flickers while a cursor is dragged.
    match &document.cursors.values {
        Some(values) if values.error.is_some() && values.of == wanted => {
            let why = values.error.as_deref().unwrap_or_default();
            ui.label(RichText::new(format!("The values cannot be read: {why}")).color(Colours::of(ui).error));
        }
        Some(values) if values.of.channels == wanted.channels => {
            let head: String = lines.iter().map(|(name, value)| format!("{name}\t{value}\n")).collect();
            let current = values.of == wanted;
            ui.push_id("values at cursors", |ui| {
                table_with_head_ui(ui, &table(document, values), if current { &head } else { "" });
            });
        }
        _ => drop(ui.weak("reading…")),
    }
}

/// Where they are and what lies between, in words.
pub(super) fn lines(document: &Document) -> Vec<(&'static str, String)> {
    let axis = TimeAxis::new(document, document.times.format, 400.0);
    let (time, cursors) = (document.time(), &document.cursors);
    let mut lines = Vec::new();
    for which in Which::ALL {
        let Some(tick) = cursors.get(which) else { continue };
        let frame = time.frame_at_tick(tick);
        let place = if time.tick_of_frame(frame) == tick { format!("#{}", count(frame)) } else { "gap".to_owned() };
        let feature = cursors.features[which as usize].map(|f| format!(", {}", f.title())).unwrap_or_default();
        let name = if which == Which::A { "A" } else { "B" };
        let at = axis.precise(tick);
        // Where frames are shown, once is enough.
        let at = if at.starts_with('#') { String::new() } else { format!("{at}   ") };
        lines.push((name, format!("{at}{place}{feature}")));
    }
    if let (Some(ticks), [Some(a), Some(b)]) = (cursors.between(), cursors.at) {
        if time.rate_known() {
            lines.push(("Δt", delta_text(ticks, time.rate_hz())));
            if ticks != 0 {
                let hz = time.rate_hz() / ticks.unsigned_abs() as f64;
                lines.push(("1/Δt", format!("{} Hz", significant(hz, 6))));
            }
        }
        let stored = time.frame_at_tick(a.max(b)) - time.frame_at_tick(a.min(b));
        let sign = if ticks < 0 { "−" } else { "" };
        lines.push(("Δframes", format!("{sign}{}", count(stored))));
        let missing = ticks.unsigned_abs() as u64 - stored.min(ticks.unsigned_abs() as u64);
        if missing > 0 {
            // Δt is time on the clock: what was not recorded is in it.
            let length = if time.rate_known() {
                format!(": {} of Δt was not recorded", span(missing as f64 / time.rate_hz()))
            } else {
                String::new()
            };
            lines.push(("missing", format!("{} frames in gaps{length}", count(missing))));
        }
    }
    lines
}

/// A difference in time, with all digits that a tick has: `12.345 667 ms` is written as `0.012345667 s`.
pub(super) fn delta_text(ticks: i128, rate_hz: f64) -> String {
    let decimals = rate_hz.log10().ceil().clamp(0.0, 9.0) as usize + 1;
    let secs = ticks as f64 / rate_hz;
    format!("{secs:.decimals$} s").replace('-', "−")
}

fn table(document: &Document, values: &Values) -> Table {
    let cell = |value: Option<f64>, which: Which| match (value, values.of.frames[which as usize]) {
        (Some(value), _) => Cell::Number(value),
        (None, Some(_)) => Cell::Text("no number".to_owned()),
        (None, None) if document.cursors.get(which).is_none() => Cell::Text(String::new()),
        (None, None) => Cell::Text("gap".to_owned()),
    };
    let row = |(i, &c): (usize, &usize)| {
        let channel = document.shown().channels.get(c)?;
        let [a, b] = Which::ALL.map(|which| values.at[which as usize].get(i).copied().flatten());
        let difference = match (a, b) {
            (Some(a), Some(b)) => Cell::Number(b - a),
            _ => Cell::Text(String::new()),
        };
        let names = [Cell::Text(channel.name.clone()), Cell::Text(channel.unit.clone())];
        Some(names.into_iter().chain([cell(a, Which::A), cell(b, Which::B), difference]).collect())
    };
    Table {
        columns: ["name", "unit", "at A", "at B", "Δy"].map(str::to_owned).to_vec(),
        rows: values.of.channels.iter().enumerate().filter_map(row).collect(),
    }
}

#[cfg(test)]
mod tests {
    use egui_kittest::kittest::Queryable as _;

    use super::super::super::testing::{bench, document};
    use super::super::Probe;
    use super::*;

    #[test]
    fn differences_are_shown_and_copied() {
        let mut document = document(2);
        (document.cursors.at[0], document.cursors.at[1]) = (Some(100), Some(1600));
        let of = document.to_probe().unwrap();
        assert_eq!(of, Probe { frames: [Some(100), Some(1100)], channels: vec![0, 1] });
        document.cursors.values =
            Some(Values { of, at: [vec![Some(-2.5), None], vec![Some(4.0), Some(1.0)]], error: None });
        let mut harness = bench([420.0, 600.0], document, |ui, document, out| {
            cursor_table_ui(ui, document, Snap::On, out);
        });
        harness.run();
        harness.get_by_label("1.5000 s");
        harness.get_by_label("0.666667 Hz");
        harness.get_by_label_contains("6.50");
        harness.get_by_label_contains("500 frames in gaps");
        harness.get_by_label("no number");
        harness.get_by_label("Copy as text").click();
        harness.step();
        let commands = &harness.output().platform_output.commands;
        let copied = |text: &str| {
            commands.iter().any(|c| matches!(c, eframe::egui::OutputCommand::CopyText(t) if t.contains(text)))
        };
        assert!(copied("Δt\t1.5000 s") && copied("ch 0\tµV\t-2.5\t4\t6.5"), "{commands:?}");
    }

    #[test]
    fn without_cursors_it_says_how_to_get_them() {
        let mut harness = bench([420.0, 300.0], document(1), |ui, document, out| {
            cursor_table_ui(ui, document, Snap::Off, out);
        });
        harness.run();
        harness.get_by_label_contains("press [ for cursor A");
        harness.get_by_label("Add cursors").click();
        harness.get_by_label("Snap").click();
        harness.run();
        let out = &harness.state().out;
        assert!(out.iter().any(|c| matches!(c, Command::Cursor(CursorCommand::Toggle))), "{out:?}");
        assert!(out.iter().any(|c| matches!(c, Command::Panel(PanelCommand::Snap(Snap::On)))), "{out:?}");
    }
}
