//! Which channels are good: for each channel and minute the deviation, the share of line noise, of clipped and of flat
//! samples, and the correlation with its neighbours; for each channel a verdict ([`verdict`] has the rules).
//!
//! One pass ([`measure`]). Memory: 52 bytes for each channel and interval, and the windows of the chunks under way; the
//! same for an hour and for a day but for the former (77 MB for 1024 channels over 24 h), all of it counted in the
//! budget. Neighbours are the channels before and after in the selection, if they are of the same group.

use super::heatmap::{Axis, Heatmap, Layer, Places};
use super::{Analysis, Cell, PublishClock, Report, Request, Strip, Table, View};
use crate::error::{Error, ErrorKind, Result};
use crate::form::{Kind, Parameter, Settings};
use crate::recording::Stream;
use crate::scan::{Accumulator as _, ChunkPlan, scan_observed};

mod measure;
mod rails;
mod verdict;

use measure::{Figures, MAINS, Measured, Partial, Plan};
use verdict::{Evidence, median, verdicts};

pub(crate) const ANALYSIS: Analysis = Analysis {
    name: "health",
    title: "Channel health",
    about: "RMS, line noise, clipping, flat line and correlation of each channel over time, and which channels are bad",
    example: "longwave health demo.rec --interval 10",
    parameters: &[
        Parameter {
            name: "interval",
            title: "Interval",
            help: "Seconds of recorded time for which each figure is given",
            kind: Kind::Number { min: 0.001, max: 1e9 },
            default: "60",
        },
        Parameter {
            name: "mains",
            title: "Mains",
            help: "Frequency of the power line, Hz; auto takes the one that there is more of",
            kind: Kind::Choice(&["auto", "50", "60"]),
            default: "auto",
        },
    ],
    file_types: &["csv", "npy"],
    check: |_| Ok(()),
    run,
};

/// Bytes of the figures of one channel and interval: while they are made, and as the strip that is drawn.
const CELL_BYTES: u64 = 52;
/// What there is so far is shown while it has fewer cells: sorting more of them again and again would cost more than
/// measuring.
const PUBLISHED_CELLS: usize = 100_000;
/// The figures of the strip, as in JSON, and for people.
const LAYERS: [(&str, &str); 5] = [
    ("rms", "RMS"),
    ("line_noise_share", "Line noise"),
    ("clipped_share", "Clipped"),
    ("flat_share", "Flat"),
    ("correlation", "Correlation"),
];

fn run(request: &Request<'_>) -> Result<Report> {
    let Request { source, selection, settings, task, .. } = request;
    let stream = selection.stream_in(source.recording())?;
    if selection.is_empty() || selection.channels.is_empty() {
        return Err(Error::invalid("the selection holds no samples").with_remedy("select a longer range"));
    }
    let plan = Plan::new(stream, selection, settings.number("interval"))?;
    let cells = plan.intervals().saturating_mul(selection.channels.len() as u64);
    let need = cells.saturating_mul(CELL_BYTES);
    let Ok(_held) = task.budget().reserve(need) else {
        return Err(Error::new(ErrorKind::OutOfBudget { need, free: task.budget().free() })
            .with_remedy("use a longer --interval, fewer channels, or raise the memory limit (--memory-limit)"));
    };
    task.set_total(selection.bytes(stream));
    let new = || Partial::new(&plan, stream);
    let chunks = ChunkPlan::for_scan(task, stream, selection, new().overlap())?;
    let mut clock = PublishClock::default();
    let measured = scan_observed(source.as_ref(), selection, &chunks, task, new, &mut |so_far: &Partial<'_>| {
        let cells = so_far.done.intervals.len() * selection.channels.len();
        if (1..PUBLISHED_CELLS).contains(&cells) && clock.is_due() {
            (request.publish)(report(stream, &plan, settings, &so_far.done));
        }
    })?;
    Ok(report(stream, &plan, settings, &measured))
}

/// Which of [`MAINS`] is meant: the one that more of the power is at, where it is to be found out.
fn mains(settings: &Settings, measured: &Measured) -> usize {
    match settings.text("mains") {
        "50" => 0,
        "60" => 1,
        _ => {
            let sum = |mains: usize| -> f64 {
                let all = measured.intervals.iter().flatten().map(|f| f64::from(f.lines[mains]));
                all.filter(|x| x.is_finite()).sum()
            };
            usize::from(sum(1) > sum(0))
        }
    }
}

fn report(stream: &Stream, plan: &Plan<'_>, settings: &Settings, measured: &Measured) -> Report {
    let selection = plan.selection;
    let mains = mains(settings, measured);
    let evidence: Vec<Evidence> = (0..selection.channels.len()).map(|i| evidence(measured, i, mains)).collect();
    let verdicts = verdicts(&evidence);
    let names: Vec<String> = selection.channels.iter().map(|&c| stream.channels[c].name.clone()).collect();
    let bad: Vec<usize> = (0..names.len()).filter(|&i| verdicts[i] != "good").collect();
    let mut channels = Vec::with_capacity(names.len());
    let columns =
        ["channel", "unit", "rms", "line_noise_share", "clipped_share", "flat_share", "correlation", "verdict"];
    let mut table = Table { columns: columns.map(str::to_owned).to_vec(), rows: Vec::new() };
    for (i, (e, &c)) in evidence.iter().zip(&selection.channels).enumerate() {
        let unit = &stream.channels[c].unit;
        let figures = [e.rms, e.line_noise, e.clipped, e.flat, e.correlation];
        let mut row = vec![Cell::Text(names[i].clone()), Cell::Text(unit.clone())];
        row.extend(figures.map(Cell::Number));
        row.push(Cell::Text(verdicts[i].to_owned()));
        table.rows.push(row);
        let mut object = serde_json::Map::new();
        object.insert("channel".to_owned(), names[i].clone().into());
        object.insert("channel_index".to_owned(), c.into());
        object.insert("unit".to_owned(), unit.clone().into());
        // What is no number becomes null.
        object.extend(LAYERS.iter().zip(figures).map(|((key, _), x)| ((*key).to_owned(), x.into())));
        object.insert("verdict".to_owned(), verdicts[i].into());
        object.insert("bad".to_owned(), (verdicts[i] != "good").into());
        channels.push(serde_json::Value::Object(object));
    }
    let seen = plan.sees(mains);
    let json = serde_json::json!({
        "interval_secs": plan.interval as f64 / stream.time.rate_hz(),
        "mains_hz": seen.then_some(MAINS[mains]),
        "bad_channels": bad.iter().map(|&i| &names[i]).collect::<Vec<_>>(),
        "channels": channels,
    });
    let starts = (0..measured.intervals.len() as u64).map(|k| stream.time.secs_of_frame(plan.interval_at(k).start));
    let strip = Strip {
        stream: selection.stream,
        starts: starts.collect(),
        bad: bad.iter().map(|&i| (selection.channels[i], verdicts[i])).collect(),
        map: strip(stream, plan, measured, mains, names),
        table,
    };
    Report { view: View::Strip(strip), json, notes: notes(stream, plan, measured, seen, &bad, &verdicts) }
}

/// The figures of one channel over all intervals: the median of what fluctuates, the share of all samples of what is
/// rare.
fn evidence(measured: &Measured, i: usize, mains: usize) -> Evidence {
    let all = |of: &dyn Fn(&Figures) -> f32| median(measured.intervals.iter().map(|row| f64::from(of(&row[i]))));
    let whole = measured.whole.get(i).copied().unwrap_or_default();
    let share = |n: u64, of: u64| if of == 0 { f64::NAN } else { n as f64 / of as f64 };
    Evidence {
        count: whole.count,
        rms: all(&|f| f.rms),
        line_noise: all(&|f| f.lines[mains]),
        clipped: measured.clipped(i),
        flat: share(whole.flat_frames, whole.looked_frames),
        correlation: all(&|f| f.correlation),
    }
}

/// The figure of a channel in an interval; of those it needs, if it takes no others.
type Of<'a> = &'a dyn Fn(usize, usize, &Figures) -> f32;

/// All figures as an image, channels from the top down.
fn strip(stream: &Stream, plan: &Plan<'_>, measured: &Measured, mains: usize, names: Vec<String>) -> Heatmap {
    let intervals = &measured.intervals;
    let start = |k: usize| stream.time.secs_of_frame(plan.interval_at(k as u64).start);
    let middle = |k: usize| {
        let frames = plan.interval_at(k as u64);
        f64::midpoint(start(k), stream.time.secs_of_frame(frames.end - 1) + 1.0 / stream.time.rate_hz())
    };
    let layer = |(title, of): (&str, Of<'_>)| {
        let rows = (0..names.len()).flat_map(|i| intervals.iter().enumerate().map(move |(k, row)| of(i, k, &row[i])));
        Layer { name: title.to_owned(), values: rows.collect() }
    };
    let of: [Of<'_>; 5] = [
        &|_, _, f| f.rms,
        &|_, _, f| f.lines[mains],
        &|i, k, _| measured.clipped_in(i, k),
        &|_, _, f| f.flat,
        &|_, _, f| f.correlation,
    ];
    let layers = LAYERS.iter().zip(of).map(|((_, title), of)| layer((title, of))).collect();
    Heatmap {
        x: Axis {
            key: "time_secs".to_owned(),
            title: "Time (s)".to_owned(),
            places: Places::At((0..intervals.len()).map(middle).collect()),
        },
        y: Axis { key: "channel".to_owned(), title: "Channel".to_owned(), places: Places::Names(names) },
        value_key: "value".to_owned(),
        value_title: "the chosen figure".to_owned(),
        decibel: false,
        layers,
    }
}

impl Strip {
    /// Adds the start of each interval, and to each of the `channels` its figures in each: null where there is none.
    pub(super) fn add_to(&self, object: &mut serde_json::Map<String, serde_json::Value>) {
        object.insert("interval_start_secs".to_owned(), self.starts.clone().into());
        let channels = object.get_mut("channels").and_then(serde_json::Value::as_array_mut);
        for (i, channel) in channels.into_iter().flatten().enumerate() {
            self.add_intervals(i, channel);
        }
    }

    fn add_intervals(&self, i: usize, channel: &mut serde_json::Value) {
        let columns = self.map.x.len();
        let list = |layer: &Layer| layer.values.get(i * columns..(i + 1) * columns).unwrap_or_default().to_vec();
        let figures = LAYERS.iter().zip(&self.map.layers);
        let figures: serde_json::Map<_, _> =
            figures.map(|((key, _), layer)| ((*key).to_owned(), serde_json::json!(list(layer)))).collect();
        if let Some(channel) = channel.as_object_mut() {
            channel.insert("intervals".to_owned(), figures.into());
        }
    }

    /// Writes `object` with what [`Self::add_to`] adds to it, channel by channel: of a day of a thousand channels all of
    /// it would take ten times the memory of the figures.
    pub(super) fn write_json(
        &self,
        object: &serde_json::Map<String, serde_json::Value>,
        out: &mut dyn std::io::Write,
    ) -> std::io::Result<()> {
        writeln!(out, "{{")?;
        for (key, value) in object.iter().filter(|(key, _)| *key != "channels") {
            writeln!(out, "  {}: {value},", serde_json::json!(key))?;
        }
        write!(out, "  \"interval_start_secs\": {},\n  \"channels\": [", serde_json::json!(self.starts))?;
        let channels = object.get("channels").and_then(serde_json::Value::as_array);
        for (i, channel) in channels.into_iter().flatten().enumerate() {
            let mut channel = channel.clone();
            self.add_intervals(i, &mut channel);
            write!(out, "{}\n    {channel}", if i == 0 { "" } else { "," })?;
        }
        out.write_all(b"\n  ]\n}\n")
    }
}

fn notes(
    stream: &Stream,
    plan: &Plan<'_>,
    measured: &Measured,
    seen: bool,
    bad: &[usize],
    verdicts: &[&str],
) -> Vec<String> {
    let mut notes = Vec::new();
    if !stream.time.rate_known() {
        notes.push(
            "the sample rate is not known, so that there is no line noise to be found (--rate tells it)".to_owned(),
        );
    } else if !seen {
        notes.push(format!(
            "at {} Hz the frequency of the power line cannot be seen: there is no share of line noise",
            stream.time.rate_hz()
        ));
    }
    if measured.whole.iter().all(|w| w.looked_frames == 0) {
        notes.push(format!(
            "no stretch without a gap is as long as {} frames: there are no shares of flat line or line noise, and no correlation",
            plan.window_frames()
        ));
    }
    let kinds = ["dead", "clipped", "line noise", "noisy", "uncorrelated"];
    let counts = kinds.map(|kind| (verdicts.iter().filter(|v| **v == kind).count(), kind));
    if !bad.is_empty() {
        let parts: Vec<String> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, kind)| format!("{n} {kind}")).collect();
        notes.push(format!("{} of {} channels look bad: {}", bad.len(), verdicts.len(), parts.join(", ")));
    }
    notes
}
