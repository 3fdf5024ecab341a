//! Exact statistics of each channel: count, extremes and where they are, mean, standard deviation, root mean square,
//! peak to peak, clipped samples.
//!
//! From the summary, where it covers the range: then only the edges are read, whatever the length. Otherwise in one
//! pass, at about the speed of memory. Both give the same: minimum and maximum are exact to the bit, sums equal to 1e-9
//! relative whatever the chunks and threads.

use super::{Analysis, Cell, Report, Request, Table, View};
use crate::error::Result;
use crate::moments::{Figures, Moments, pass};
use crate::recording::Stream;
use crate::scan::Selection;

pub(crate) const ANALYSIS: Analysis = Analysis {
    name: "stats",
    title: "Statistics",
    about: "Count, minimum and maximum and where they are, mean, standard deviation, RMS, peak to peak and clipped samples of each channel",
    example: "longwave stats demo.rec --range 10s..20s --channels 0-3",
    parameters: &[],
    file_types: &["csv"],
    check: |_| Ok(()),
    run,
};

const COLUMNS: [&str; 13] = [
    "name",
    "unit",
    "count",
    "nan_count",
    "min",
    "max",
    "mean",
    "std",
    "rms",
    "peak_to_peak",
    "clipped_count",
    "min_frame",
    "max_frame",
];

fn run(request: &Request<'_>) -> Result<Report> {
    let Request { source, selection, task, .. } = request;
    let stream = selection.stream_in(source.recording())?;
    if let Some(summary) = request.summary.filter(|s| s.stream() == selection.stream && s.covers(&selection.frames))
        && let Some(figures) = summary.range(selection.frames.clone(), &selection.channels, u64::MAX, task)?
    {
        return Ok(report(stream, selection, &figures));
    }
    task.set_total(selection.bytes(stream));
    let mut clock = super::PublishClock::default();
    let figures = |all: &[Moments]| -> Vec<Figures> {
        let pairs = all.iter().zip(&selection.channels);
        pairs.map(|(m, &c)| m.figures(stream.format.sample_type, stream.channels[c].scale)).collect()
    };
    let all = pass(source.as_ref(), selection, task.threads(), task, &mut |so_far| {
        if clock.is_due() {
            (request.publish)(report(stream, selection, &figures(so_far)));
        }
    })?;
    Ok(report(stream, selection, &figures(&all)))
}

/// A table of these figures of the selected channels.
fn report(stream: &Stream, selection: &Selection, all: &[Figures]) -> Report {
    let mut table = Table { columns: COLUMNS.iter().map(|&c| c.to_owned()).collect(), rows: vec![] };
    let mut channels = vec![];
    let mut notes = vec![];
    for (found, &c) in all.iter().zip(&selection.channels) {
        let channel = &stream.channels[c];
        let figures = found.physical.map(|p| [p.min, p.max, p.mean, p.std, p.rms, p.peak_to_peak()]);
        let whole = |n: u64| Cell::Integer(i128::from(n));
        let place = |frame: Option<u64>| frame.map_or(Cell::Number(f64::NAN), whole);
        let mut row = vec![
            Cell::Text(channel.name.clone()),
            Cell::Text(channel.unit.clone()),
            whole(found.count),
            whole(found.nan_count),
        ];
        row.extend(figures.unwrap_or([f64::NAN; 6]).map(Cell::Number));
        row.extend([whole(found.clipped), place(found.min_frame), place(found.max_frame)]);
        table.rows.push(row);
        // What JSON cannot say (an infinity, the mean of nothing) is null.
        let figure = |i: usize| figures.map(|f| f[i]).filter(|x| x.is_finite());
        channels.push(serde_json::json!({
            "name": channel.name,
            "unit": channel.unit,
            "count": found.count,
            "nan_count": found.nan_count,
            "min": figure(0),
            "max": figure(1),
            "mean": figure(2),
            "std": figure(3),
            "rms": figure(4),
            "peak_to_peak": figure(5),
            "clipped_count": found.clipped,
            "min_frame": found.min_frame,
            "max_frame": found.max_frame,
        }));
        if found.physical.is_some_and(|p| p.min.is_infinite() || p.max.is_infinite()) {
            notes.push(format!("channel {} holds infinite values: its mean, std and rms are not finite", channel.name));
        }
    }
    Report { view: View::Table(table), json: serde_json::json!({ "channels": channels }), notes }
}
