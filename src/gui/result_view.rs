//! Results of analyses on the screen: tables as grids, curves as plots.
//!
//! Curves are thinned for drawing only: each stretch of the axis keeps its least and greatest value, so a peak is never
//! lost. The thinned points are kept until the result or the options change.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use eframe::egui::{Align, Align2, Grid, Layout, RichText, ScrollArea, Ui};
use egui_plot::{HoverPosition, Legend, Line, Plot, PlotPoint, PlotUi, Points, Text};

use super::curve_peaks::{Mark, has_peaks, marks, parent};
use super::theme::palette;
use super::wording::significant;
use crate::analysis::{Cell, Curves, Table};

/// Points of all curves together; more would not be seen and cost frame time.
const MAX_POINTS: usize = 24_000;
/// Points of one curve at most.
const MAX_POINTS_OF_CURVE: usize = 2_000;
/// Curves up to this many are named in a legend.
const MAX_LEGEND: usize = 12;
/// Digits that a table shows; the hover shows all.
const DIGITS: usize = 5;

/// How curves are drawn, and the points that are kept for it.
#[derive(Clone, Debug)]
pub struct CurveOptions {
    pub log_x: bool,
    /// 10·log10 of the values.
    pub decibel: bool,
    /// Mark the peaks that stand out most.
    pub peaks: bool,
    kept: Option<Kept>,
}

/// What is drawn, kept until result or options change.
#[derive(Clone, Debug)]
struct Kept {
    key: u64,
    points: Vec<Vec<[f64; 2]>>,
    marks: Vec<Mark>,
}

impl Default for CurveOptions {
    /// In decibel, because a spectrum on a linear scale is one peak and a flat line.
    fn default() -> Self {
        Self { log_x: false, decibel: true, peaks: true, kept: None }
    }
}

/// Draws a table and the button that copies it.
pub(super) fn table_ui(ui: &mut Ui, table: &Table) {
    table_with_head_ui(ui, table, "");
}

/// The same; `head` is copied before the table.
pub(super) fn table_with_head_ui(ui: &mut Ui, table: &Table, head: &str) {
    ui.horizontal(|ui| {
        ui.weak(super::wording::plural(table.rows.len() as u64, "row"));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if ui.button("Copy as text").on_hover_text("All rows and digits, separated by tabs").clicked() {
                ui.ctx().copy_text(format!("{head}{}", as_text(table)));
            }
        });
    });
    let row_height = 20.0;
    let order = order_of(table);
    let height = ((table.rows.len() + 1) as f32 * (row_height + 4.0) + 16.0).clamp(80.0, 480.0);
    ScrollArea::horizontal().id_salt("table").show(ui, |ui| {
        ui.vertical(|ui| {
            // One grid for heading and visible rows keeps the columns aligned; only the visible rows are laid out.
            ScrollArea::vertical().max_height(height).auto_shrink([true, true]).show_rows(
                ui,
                row_height,
                table.rows.len() + 1,
                |ui, range| {
                    Grid::new("cells").striped(true).min_row_height(row_height).spacing([16.0, 4.0]).show(ui, |ui| {
                        headings(ui, table, &order);
                        for row in &table.rows[range.start.min(table.rows.len())..range.end.min(table.rows.len())] {
                            for &i in &order {
                                match row.get(i) {
                                    Some(Cell::Text(text)) if table.columns[i] == "unit" => {
                                        ui.label(crate::text::unit(text));
                                    }
                                    Some(cell) => cell_ui(ui, cell),
                                    None => {}
                                }
                            }
                            ui.end_row();
                        }
                    });
                },
            );
        });
    });
}

/// The columns in the order of interest: what was counted comes last, and not at all where nothing is missing; nor are units where there are none.
fn order_of(table: &Table) -> Vec<usize> {
    let zero = |i: usize| table.rows.iter().all(|row| matches!(row.get(i), Some(Cell::Integer(0))));
    let void = |i: usize| {
        table.columns[i] == "unit"
            && table.rows.iter().all(|row| matches!(row.get(i), Some(Cell::Text(text)) if text.is_empty()))
    };
    let (last, mut order): (Vec<usize>, Vec<usize>) =
        (0..table.columns.len()).filter(|&i| !void(i)).partition(|&i| table.columns[i].ends_with("count"));
    order.extend(last.into_iter().filter(|&i| table.columns[i] == "count" || !zero(i)));
    order
}

fn headings(ui: &mut Ui, table: &Table, order: &[usize]) {
    for (i, column) in order.iter().map(|&i| (i, &table.columns[i])) {
        let text = RichText::new(column.replace('_', " ")).small().weak();
        let numeric = table.rows.first().and_then(|r| r.get(i)).is_some_and(|c| !matches!(c, Cell::Text(_)));
        let layout = if numeric { Layout::right_to_left(Align::Center) } else { Layout::left_to_right(Align::Center) };
        ui.with_layout(layout, |ui| ui.label(text));
    }
    ui.end_row();
}

fn cell_ui(ui: &mut Ui, cell: &Cell) {
    let right = Layout::right_to_left(Align::Center);
    match cell {
        Cell::Text(text) => {
            ui.label(text);
        }
        Cell::Integer(n) => {
            ui.with_layout(right, |ui| ui.monospace(n.to_string()));
        }
        Cell::Number(x) if x.is_nan() => drop(ui.with_layout(right, |ui| ui.weak("–").on_hover_text("There is none"))),
        Cell::Number(x) => {
            ui.with_layout(right, |ui| ui.monospace(significant(*x, DIGITS)).on_hover_text(x.to_string()));
        }
        // What is seldom true is seen best when nothing stands where it is not.
        Cell::Bool(yes) => {
            ui.label(if *yes { "yes" } else { "" });
        }
    }
}

/// The table with every digit, tab-separated, as spreadsheets take it.
#[must_use]
pub(super) fn as_text(table: &Table) -> String {
    let mut text = table.columns.join("\t");
    for row in &table.rows {
        text.push('\n');
        let cells = row.iter().map(|cell| match cell {
            Cell::Text(t) => t.replace(['\t', '\n'], " "),
            Cell::Integer(n) => n.to_string(),
            Cell::Number(x) if x.is_nan() => String::new(),
            Cell::Number(x) => x.to_string(),
            Cell::Bool(yes) => yes.to_string(),
        });
        text.push_str(&cells.collect::<Vec<_>>().join("\t"));
    }
    text.push('\n');
    text
}

/// Draws curves with their options.
pub(super) fn curves_ui(ui: &mut Ui, curves: &Curves, options: &mut CurveOptions) {
    ui.horizontal(|ui| {
        if !curves.steps {
            ui.checkbox(&mut options.log_x, "Log frequency").on_hover_text("Equal distances are equal ratios");
        }
        if curves.log_y {
            ui.checkbox(&mut options.decibel, "dB").on_hover_text("10 · log10 of the values");
        }
        if has_peaks(curves) {
            ui.checkbox(&mut options.peaks, "Peaks").on_hover_text("Marks the peaks that stand out most");
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if ui.button("Copy as text").on_hover_text("All points, separated by tabs").clicked() {
                ui.ctx().copy_text(curves_as_text(curves));
            }
        });
    });
    let decibel = options.decibel && curves.log_y;
    let log_x = options.log_x && !curves.steps;
    let key = fingerprint(curves, log_x, decibel);
    if options.kept.as_ref().is_none_or(|kept| kept.key != key) {
        let marks = if has_peaks(curves) { marks(curves) } else { vec![] };
        options.kept = Some(Kept { key, points: thinned(curves, log_x, decibel), marks });
    }
    let Some(kept) = &options.kept else { return };
    let dark = ui.visuals().dark_mode;
    let y_title = if decibel { format!("{}, dB", curves.y_title) } else { curves.y_title.clone() };
    let unlog = move |x: f64| if log_x { 10_f64.powf(x) } else { x };
    let (x_name, y_name) = (curves.x_title.clone(), y_title.clone());
    let mut plot = Plot::new("curves")
        .height(280.0)
        .x_axis_label(&curves.x_title)
        .y_axis_label(y_title)
        .allow_scroll(false)
        .x_axis_formatter(move |mark, _| significant(unlog(mark.value), 3))
        .y_axis_formatter(|mark, _| if mark.value == 0.0 { "0".to_owned() } else { significant(mark.value, 3) })
        .label_formatter(move |hover| Some(readout(hover, &x_name, &y_name, unlog)));
    let count = (0..curves.series.len()).filter(|&i| parent(curves, i).is_none()).count();
    if count <= MAX_LEGEND {
        plot = plot.legend(Legend::default().follow_insertion_order(true));
    }
    plot.show(ui, |plot| {
        for (i, ((name, _), points)) in curves.series.iter().zip(&kept.points).enumerate() {
            let points: Vec<PlotPoint> = points.iter().map(|&[x, y]| PlotPoint::new(x, y)).collect();
            let points = egui_plot::PlotPoints::Owned(points);
            // Names may repeat; the id may not. The edges of a band are not in the legend.
            plot.line(match parent(curves, i) {
                Some(of) => Line::new("", points).id(i).color(palette(of, dark).gamma_multiply(0.5)).width(0.75),
                None => Line::new(name.as_str(), points).id(i).color(palette(i, dark)).width(1.25),
            });
        }
        if options.peaks {
            draw_marks(plot, &kept.marks, (log_x, decibel), dark);
        }
    });
    if count > MAX_LEGEND {
        ui.weak(format!("{count} curves; point at one to read its name."));
    }
}

/// The share of a plot at either edge in which the text of a mark would be cut off if it stood about the mark.
const EDGE: f64 = 0.15;
/// Labels nearer to each other than these shares of width and height would cover each other.
const LABEL: [f64; 2] = [0.12, 0.06];

/// A dot on each peak, and its place on the axis above it.
fn draw_marks(plot: &mut PlotUi<'_>, marks: &[Mark], (log_x, decibel): (bool, bool), dark: bool) {
    let bounds = plot.plot_bounds();
    let mut labelled: Vec<[f64; 2]> = Vec::new();
    for mark in marks {
        let x = if log_x { mark.x.log10() } else { mark.x };
        let y = if decibel { 10.0 * mark.y.log10() } else { mark.y };
        if x.is_finite() && y.is_finite() {
            let colour = palette(mark.series, dark);
            plot.points(Points::new("", [x, y]).color(colour).radius(3.0).allow_hover(false));
            let is_near = |at: &[f64; 2]| {
                let (dx, dy) = ((at[0] - x).abs() / bounds.width(), (at[1] - y).abs() / bounds.height());
                dx < LABEL[0] && dy < LABEL[1]
            };
            // The strongest come first; a peak of another channel at the same place needs no second label.
            if labelled.iter().any(is_near) {
                continue;
            }
            labelled.push([x, y]);
            let text = RichText::new(significant(mark.x, 5)).small();
            // Beside the edges the text stands inward, so that none of it is cut off.
            let anchor = match (x - bounds.min()[0]) / bounds.width() {
                share if share < EDGE => Align2::LEFT_BOTTOM,
                share if share > 1.0 - EDGE => Align2::RIGHT_BOTTOM,
                _ => Align2::CENTER_BOTTOM,
            };
            let label = Text::new("", PlotPoint::new(x, y), text).color(colour).anchor(anchor);
            plot.text(label.allow_hover(false));
        }
    }
}

fn readout(hover: &HoverPosition<'_>, x_name: &str, y_name: &str, unlog: impl Fn(f64) -> f64) -> String {
    let (name, position) = match hover {
        HoverPosition::NearDataPoint { plot_name, position, .. } => (*plot_name, position),
        HoverPosition::Elsewhere { position } => ("", position),
    };
    let line = if name.is_empty() { String::new() } else { format!("{name}\n") };
    format!("{line}{x_name}: {}\n{y_name}: {}", significant(unlog(position.x), 5), significant(position.y, 5))
}

/// All points as a tab-separated table.
fn curves_as_text(curves: &Curves) -> String {
    let names = curves.series.iter().map(|(name, _)| name.replace(['\t', '\n'], " "));
    let mut text = std::iter::once(curves.x_key.clone()).chain(names).collect::<Vec<_>>().join("\t");
    for (i, x) in curves.x.iter().enumerate() {
        text.push('\n');
        text.push_str(&x.to_string());
        for (_, values) in &curves.series {
            text.push('\t');
            text.push_str(&values.get(i).map(f64::to_string).unwrap_or_default());
        }
    }
    text.push('\n');
    text
}

/// Tells results apart without comparing every value: shapes, options and 64 values of each of up to 16 curves.
fn fingerprint(curves: &Curves, log_x: bool, decibel: bool) -> u64 {
    let mut hasher = DefaultHasher::new();
    (curves.x.len(), curves.series.len(), log_x, decibel).hash(&mut hasher);
    for (name, values) in curves.series.iter().step_by(curves.series.len().div_ceil(16).max(1)) {
        name.hash(&mut hasher);
        values.iter().step_by(values.len().div_ceil(64).max(1)).for_each(|v| v.to_bits().hash(&mut hasher));
    }
    hasher.finish()
}

/// Points to draw: of each stretch of the (logarithmic) axis the least and the greatest, in their order. What cannot be
/// drawn (NaN; zero on a logarithmic scale) is left out.
fn thinned(curves: &Curves, log_x: bool, decibel: bool) -> Vec<Vec<[f64; 2]>> {
    let buckets = (MAX_POINTS / curves.series.len().max(1)).clamp(128, MAX_POINTS_OF_CURVE) / 2;
    let map_x = |x: f64| if log_x { x.log10() } else { x };
    let map_y = |y: f64| if decibel { 10.0 * y.log10() } else { y };
    let xs: Vec<f64> = curves.x.iter().map(|&x| map_x(x)).collect();
    let finite = || xs.iter().copied().filter(|x| x.is_finite());
    let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    let bucket_of = |x: f64| ((x - low) / (high - low) * buckets as f64) as usize;
    let of_curve = |values: &Vec<f64>| {
        let points = xs.iter().zip(values).map(|(&x, &y)| [x, map_y(y)]);
        let points: Vec<[f64; 2]> = points.filter(|p| p[0].is_finite() && p[1].is_finite()).collect();
        if points.len() <= 2 * buckets {
            return if curves.steps { stepped(&points) } else { points };
        }
        let mut kept = Vec::with_capacity(2 * buckets);
        for run in points.chunk_by(|a, b| bucket_of(a[0]) == bucket_of(b[0])) {
            let by_y = |a: &&[f64; 2], b: &&[f64; 2]| a[1].total_cmp(&b[1]);
            let (Some(&least), Some(&greatest)) = (run.iter().min_by(by_y), run.iter().max_by(by_y)) else { continue };
            let (first, second) = if least[0] <= greatest[0] { (least, greatest) } else { (greatest, least) };
            kept.push(first);
            if first != second {
                kept.push(second);
            }
        }
        kept
    };
    curves.series.iter().map(|(_, values)| of_curve(values)).collect()
}

/// A step as wide as its bin for each point; the outer ones are as wide as their neighbours, and stand on the axis.
fn stepped(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let n = points.len();
    let edge = |i: usize| match (i, n) {
        (_, 0) => 0.0,
        (i, 1) => points[0][0] - 0.5 + i as f64,
        (0, _) => points[0][0] - (points[1][0] - points[0][0]) / 2.0,
        (i, n) if i == n => points[n - 1][0] + (points[n - 1][0] - points[n - 2][0]) / 2.0,
        (i, _) => f64::midpoint(points[i - 1][0], points[i][0]),
    };
    let mut steps = Vec::with_capacity(2 * n + 2);
    steps.extend(points.first().map(|_| [edge(0), 0.0]));
    for (i, &[_, y]) in points.iter().enumerate() {
        steps.extend([[edge(i), y], [edge(i + 1), y]]);
    }
    steps.extend(points.last().map(|_| [edge(n), 0.0]));
    steps
}

#[cfg(test)]
pub(crate) mod tests {
    use egui_kittest::kittest::Queryable as _;

    use super::super::testing::bench;
    use super::*;

    pub(crate) fn curves(series: usize, points: usize) -> Curves {
        Curves {
            x_key: "frequency_hz".to_owned(),
            x_title: "Frequency (Hz)".to_owned(),
            y_title: "Power spectral density (µV²/Hz)".to_owned(),
            x: (0..points).map(|i| i as f64 * 0.5).collect(),
            series: (0..series)
                .map(|s| {
                    let value = |i: usize| 1e3 / (1.0 + i as f64) + if i == points / 3 + s { 500.0 } else { 0.1 };
                    (format!("ch {s}"), (0..points).map(value).collect())
                })
                .collect(),
            log_y: true,
            steps: false,
        }
    }

    pub(crate) fn table(rows: usize) -> Table {
        let columns = ["name", "unit", "count", "min", "max", "mean", "std", "rms"];
        Table {
            columns: columns.map(str::to_owned).to_vec(),
            rows: (0..rows)
                .map(|i| {
                    let x = i as f64 + 0.123_456_789;
                    let mut row = vec![Cell::Text(format!("ch {i}")), Cell::Text("µV".into()), Cell::Integer(3000)];
                    row.extend([-512.0 - x, 512.0 + x, x / 1e3, 64.1 + x, 64.2 + x].map(Cell::Number));
                    row
                })
                .collect(),
        }
    }

    #[test]
    fn thinning_keeps_every_peak() {
        for (log_x, decibel) in [(false, false), (true, true)] {
            let curves = curves(3, 100_000);
            for (points, (_, values)) in thinned(&curves, log_x, decibel).iter().zip(&curves.series) {
                assert!(points.len() <= MAX_POINTS_OF_CURVE + 2, "{}", points.len());
                let greatest = values[usize::from(log_x)..].iter().copied().fold(f64::MIN, f64::max);
                let wanted = if decibel { 10.0 * greatest.log10() } else { greatest };
                assert!(points.iter().any(|p| p[1] == wanted));
                assert!(points.windows(2).all(|w| w[0][0] <= w[1][0]), "points stay in order");
            }
        }
    }

    #[test]
    fn a_histogram_is_drawn_as_steps() {
        let bins = Curves {
            steps: true,
            x: vec![1.0, 2.0],
            series: vec![(String::new(), vec![5.0, 7.0])],
            ..Curves::default()
        };
        let steps = [[0.5, 0.0], [0.5, 5.0], [1.5, 5.0], [1.5, 7.0], [2.5, 7.0], [2.5, 0.0]];
        assert_eq!(thinned(&bins, false, false), [steps.to_vec()]);
        let one = Curves { x: vec![3.0], series: vec![(String::new(), vec![2.0])], ..bins };
        assert_eq!(thinned(&one, false, false)[0], [[2.5, 0.0], [2.5, 2.0], [3.5, 2.0], [3.5, 0.0]]);
    }

    #[test]
    fn what_has_no_logarithm_is_left_out() {
        let mut curves = curves(1, 10);
        curves.series[0].1[4] = 0.0;
        curves.series[0].1[5] = f64::NAN;
        assert_eq!(thinned(&curves, true, true)[0].len(), 7);
        assert!(thinned(&Curves::default(), true, true).is_empty());
    }

    #[test]
    fn options_and_hundreds_of_curves_settle() {
        let mut harness =
            bench([420.0, 420.0], CurveOptions { decibel: false, ..CurveOptions::default() }, |ui, options, _| {
                curves_ui(ui, &curves(128, 4097), options);
            });
        harness.run();
        harness.get_by_label("dB").click();
        harness.get_by_label("Log frequency").click();
        harness.run();
        let options = &harness.state().state;
        assert!(options.decibel && options.log_x);
        harness.get_by_label_contains("128 curves");
    }

    #[test]
    fn peaks_are_marked_until_that_is_switched_off() {
        let mut curves = curves(2, 4097);
        curves
            .series
            .extend(["ch 0 low", "ch 0 high", "ch 1 low", "ch 1 high"].map(|n| (n.to_owned(), vec![0.1; 4097])));
        let phases = Curves { log_y: false, ..curves.clone() };
        let mut harness = bench([420.0, 420.0], CurveOptions::default(), move |ui, options, _| {
            curves_ui(ui, &curves, options);
        });
        harness.run();
        assert_eq!(harness.state().state.kept.as_ref().map(|kept| kept.marks.len()), Some(2));
        harness.get_by_label("Peaks").click();
        harness.run();
        assert!(!harness.state().state.peaks);
        let mut harness = bench([420.0, 420.0], CurveOptions::default(), move |ui, options, _| {
            curves_ui(ui, &phases, options);
        });
        harness.run();
        assert!(harness.query_by_label("Peaks").is_none(), "phases have none");
    }

    #[test]
    fn what_is_no_number_is_not_shown_as_one() {
        let table = Table { columns: vec!["enob".to_owned()], rows: vec![vec![Cell::Number(f64::NAN)]] };
        assert_eq!(as_text(&table), "enob\n\n");
        let mut harness = bench([420.0, 420.0], (), move |ui, (), _| table_ui(ui, &table));
        harness.run();
        assert!(harness.query_by_label_contains("NaN").is_none());
    }

    #[test]
    fn a_table_copies_all_digits() {
        let mut harness = bench([420.0, 420.0], (), |ui, (), _| table_ui(ui, &table(1024)));
        harness.run();
        assert!(harness.query_by_label("ch 900").is_none(), "only what is seen is laid out");
        harness.get_by_label("Copy as text").click();
        harness.step();
        let copied = harness.output().platform_output.commands.iter().any(|c| {
            matches!(c, eframe::egui::OutputCommand::CopyText(t) if t.contains("\t0.000123456789\t") && t.lines().count() == 1025)
        });
        assert!(copied);
    }
}
