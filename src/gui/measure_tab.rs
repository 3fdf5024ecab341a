//! The inspector's tab that measures the selection, live: how long it is, and for each visible channel its extremes and
//! where they are, mean, deviation, RMS and peak to peak.

use std::sync::Arc;

use eframe::egui::{RichText, Ui};

use super::command::Command;
use super::controls::{fact, section};
use super::cursors::Snap;
use super::measured::{Found, Measurement, Range2d};
use super::result_view::table_with_head_ui;
use super::state::Document;
use super::theme::Colours;
use super::time_axis::TimeAxis;
use super::wording::{count, sentence, significant, span};
use crate::analysis::{Cell, Table};
use crate::moments::Figures;

impl Document {
    /// What is to be measured: the visible channels over the selection, or over what is seen.
    #[must_use]
    pub fn to_measure(&self) -> Range2d {
        let selection = self.scope(super::command::Scope::Selection);
        Range2d { frames: selection.frames, channels: selection.channels }
    }

    /// Keeps a measurement, if it is of channels that there are.
    pub fn measured(&mut self, measurement: Arc<Measurement>) {
        if measurement.of.channels.iter().all(|&c| c < self.channels.len()) {
            self.pictures.measured = Some(measurement);
        }
    }
}

/// Draws the tab.
pub(super) fn measure_ui(ui: &mut Ui, document: &Document, snap: Snap, out: &mut Vec<Command>) {
    super::cursors::cursor_table_ui(ui, document, snap, out);
    section(ui, "Range");
    range_ui(ui, document);
}

/// The figures of the selected range, or of what is seen.
fn range_ui(ui: &mut Ui, document: &Document) {
    let wanted = document.to_measure();
    let muted = Colours::of(ui).muted;
    if document.selection.is_none() {
        ui.weak("The visible range. Shift-drag over the traces to measure a part of it while you drag.");
    } else {
        ui.weak("The selected range.");
    }
    ui.add_space(4.0);
    let lines = range_lines(document, &wanted);
    eframe::egui::Grid::new("measure range").num_columns(2).spacing([12.0, 2.0]).show(ui, |ui| {
        lines.iter().for_each(|(name, value)| fact(ui, name, value));
    });
    ui.add_space(4.0);
    if wanted.channels.is_empty() {
        ui.weak("No channel is shown: show one in the list at the left.");
        return;
    }
    if wanted.frames.is_empty() {
        ui.weak("There is nothing in this range but a gap.");
        return;
    }
    let Some(measured) = &document.pictures.measured else {
        ui.weak("measuring…");
        return;
    };
    match &measured.found {
        Found::Exact(figures) => {
            let current = measured.of == wanted;
            let state = if current { "exact: every sample counted" } else { "measuring…" };
            ui.label(RichText::new(state).color(muted));
            let table = table(document, &measured.of, figures);
            let head = lines.iter().map(|(name, value)| format!("{name}\t{value}\n")).collect::<String>();
            table_with_head_ui(ui, &table, if current { &head } else { "" });
        }
        Found::Pending => {
            let share = (document.summary.coverage() * 100.0).floor();
            let text = format!(
                "The summary is not made here yet ({share:.0} % of the recording): the numbers appear as soon as it is. \
                 A shorter range is measured at once."
            );
            ui.label(RichText::new(text).color(Colours::of(ui).warning));
        }
        Found::Failed(why) => drop(ui.colored_label(ui.visuals().error_fg_color, sentence(why))),
    }
}

/// What is measured of the range, with its lines, separated by tabs; `None` while that is not known.
#[must_use]
pub(super) fn figures_as_text(document: &Document) -> Option<String> {
    let wanted = document.to_measure();
    let measured = document.pictures.measured.as_ref().filter(|m| m.of == wanted)?;
    let Found::Exact(figures) = &measured.found else { return None };
    let head: String = range_lines(document, &wanted).iter().map(|(n, v)| format!("{n}\t{v}\n")).collect();
    Some(head + &super::result_view::as_text(&table(document, &wanted, figures)))
}

/// The range in words.
fn range_lines(document: &Document, of: &Range2d) -> Vec<(&'static str, String)> {
    let time = document.time();
    let frames = of.frames.end.saturating_sub(of.frames.start);
    let ticks = document.selection.clone().unwrap_or_else(|| document.visible_ticks());
    let ticks = ticks.end.saturating_sub(ticks.start);
    let mut lines = vec![("Frames", frames_text(of))];
    lines.push(("Count", count(frames)));
    if time.rate_known() {
        let secs = ticks as f64 / time.rate_hz();
        let start = time.tick_of_frame(of.frames.start.min(document.shown().frames.saturating_sub(1)));
        let axis = TimeAxis::new(document, document.times.format, 400.0);
        lines.push(("Start", axis.precise(start)));
        let frequency = if secs > 0.0 { format!("  (1/Δt {} Hz)", significant(1.0 / secs, 5)) } else { String::new() };
        lines.push(("Δt", format!("{secs:.6} s{frequency}")));
        let recorded = frames as f64 / time.rate_hz();
        if frames != ticks {
            lines.push(("Recorded", format!("{} of {}: the rest lies in gaps", span(recorded), span(secs))));
        } else {
            lines.push(("Duration", span(recorded)));
        }
    }
    lines
}

/// The first and the last frame of a range, both of which are in it.
fn frames_text(of: &Range2d) -> String {
    match of.frames.end.checked_sub(1).filter(|&last| last >= of.frames.start) {
        Some(last) => format!("first #{}, last #{}", count(of.frames.start), count(last)),
        None => "none".to_owned(),
    }
}

fn table(document: &Document, of: &Range2d, figures: &[Figures]) -> Table {
    let time = document.time();
    let columns =
        ["name", "unit", "min", "max", "mean", "std", "rms", "p-p", "min at", "max at", "clipped_count", "nan_count"];
    let row = |(&c, found): (&usize, &Figures)| {
        let channel = &document.shown().channels[c];
        let at = |frame: Option<u64>| {
            frame.map_or(f64::NAN, |f| if time.rate_known() { time.secs_of_frame(f) } else { f as f64 })
        };
        let p = found.physical;
        let numbers = p.map_or([f64::NAN; 6], |p| [p.min, p.max, p.mean, p.std, p.rms, p.peak_to_peak()]);
        let mut row = vec![Cell::Text(channel.name.clone()), Cell::Text(channel.unit.clone())];
        row.extend(numbers.map(Cell::Number));
        row.extend([found.min_frame, found.max_frame].map(|frame| Cell::Number(at(frame))));
        row.extend([found.clipped, found.nan_count].map(|n| Cell::Integer(i128::from(n))));
        row
    };
    let mut columns: Vec<String> = columns.map(str::to_owned).to_vec();
    for column in &mut columns[8..10] {
        column.push_str(if time.rate_known() { " (s)" } else { " (frame)" });
    }
    Table { columns, rows: of.channels.iter().zip(figures).map(row).collect() }
}

#[cfg(test)]
mod tests {
    use egui_kittest::kittest::Queryable as _;

    use super::super::testing::{bench, document};
    use super::*;
    use crate::budget::MemoryBudget;
    use crate::task::Task;

    #[test]
    fn the_selection_is_measured_and_copied() {
        let mut document = document(2);
        document.selection = Some(100..300);
        let of = document.to_measure();
        assert_eq!(of.frames, 100..300);
        let task = Task::new(MemoryBudget::new(64 << 20), 1);
        let figures = document.summary.range(of.frames.clone(), &of.channels, u64::MAX, &task).unwrap().unwrap();
        document.measured(Arc::new(Measurement { of, found: Found::Exact(figures) }));
        let mut harness = bench([420.0, 500.0], document, |ui, document, _| range_ui(ui, document));
        harness.run();
        harness.get_by_label("exact: every sample counted");
        harness.get_by_label("200");
        harness.get_by_label("first #100, last #299");
        harness.get_by_label("Copy as text").click();
        harness.step();
        let copied = |text: &str| {
            let commands = &harness.output().platform_output.commands;
            commands.iter().any(|c| matches!(c, eframe::egui::OutputCommand::CopyText(t) if t.contains(text)))
        };
        assert!(copied("Δt\t0.200000 s") && copied("ch 1\tµV\t-19.5\t"), "all of it is copied");
    }

    #[test]
    fn what_cannot_be_measured_yet_says_so() {
        let mut document = document(2);
        let of = document.to_measure();
        document.measured(Arc::new(Measurement { of, found: Found::Pending }));
        let mut harness = bench([420.0, 500.0], document, |ui, document, _| range_ui(ui, document));
        harness.run();
        harness.get_by_label_contains("summary is not made here yet");
        harness.state_mut().state.selection = Some(1100..1200);
        harness.run();
        harness.get_by_label_contains("nothing in this range but a gap");
    }
}
