//! Histogram and cumulative distribution of each channel, equal to `numpy.histogram` over the same edges.
//!
//! The range comes from the summary or from a first pass, unless `--limits` names it; then one pass counts. Edges are
//! common to all channels. A bin holds what is at least its lower and less than its upper edge, the last bin its upper
//! edge too; for 8- and 16-bit integers that is decided once for each of the values that the type can hold, so that
//! counts are exact and no sample is ever near an edge by accident. Without `--bins`, integer channels that are scaled
//! alike get bins that hold the same number of integers each, because other bins show a comb that is not in the data.
//!
//! Memory: the counts of each channel, for each chunk under way, whatever the length.

use super::{Analysis, Curves, PublishClock, Report, Request, View};
use crate::error::{Error, ErrorKind, Result};
use crate::form::{Kind, Parameter, Settings};
use crate::moments::{Figures, pass};
use crate::recording::{Block, Sample, SampleType, Samples, Scale, Stream};
use crate::scan::{Accumulator, Chunk, ChunkPlan, ChunkView, LOOKAHEAD, Overlap, Selection, scan_observed};
use crate::with_samples;

/// So many bins at most where their number is not given.
const AUTOMATIC: u64 = 1024;
/// The number of bins of samples that are no small integers, where it is not given.
const USUAL: usize = 256;
/// With the two places for what is outside, an index has 16 bits.
const MOST: u64 = 65_534;

pub(crate) const ANALYSIS: Analysis = Analysis {
    name: "histogram",
    title: "Histogram",
    about: "How often each value occurs in each channel (as numpy.histogram), or its cumulative distribution",
    example: "longwave histogram demo.rec --channels 0-3 --bins 200 --limits -200..200 -o histogram.csv",
    parameters: &[
        Parameter {
            name: "bins",
            title: "Bins",
            help: "How many bins of equal width [default: for integers, so many that each holds whole steps; else 256]",
            kind: Kind::Integer { min: 1, max: MOST },
            default: "",
        },
        Parameter {
            name: "limits",
            title: "Limits",
            help: "First and last edge, LOW..HIGH in the channels' unit; what is outside is counted apart [default: least and greatest of all channels]",
            kind: Kind::Text,
            default: "",
        },
        Parameter {
            name: "cumulative",
            title: "Cumulative",
            help: "How many samples lie below the upper edge of each bin",
            kind: Kind::Flag,
            default: "false",
        },
        Parameter {
            name: "density",
            title: "Density",
            help: "Share of the samples for each unit of the value, in place of counts; of a cumulative distribution, the share",
            kind: Kind::Flag,
            default: "false",
        },
    ],
    file_types: &["csv", "npy"],
    check: |settings| limits(settings).map(drop),
    run,
};

/// The limits, if they are given.
fn limits(settings: &Settings) -> Result<Option<(f64, f64)>> {
    let text = settings.text("limits");
    if text.is_empty() {
        return Ok(None);
    }
    let number = |t: &str| t.trim().parse::<f64>().ok().filter(|x| x.is_finite());
    match text.split_once("..").map(|(a, b)| (number(a), number(b))) {
        Some((Some(a), Some(b))) if a < b && (b - a).is_finite() => Ok(Some((a, b))),
        _ => Err(Error::invalid(format!("limits cannot be '{text}'"))
            .with_remedy("use two numbers, the lower first: --limits -200..200")),
    }
}

fn run(request: &Request<'_>) -> Result<Report> {
    let Request { source, selection, settings, task, .. } = request;
    let stream = selection.stream_in(source.recording())?;
    if selection.is_empty() || selection.channels.is_empty() {
        return Err(Error::invalid("the selection holds no samples").with_remedy("select a longer range"));
    }
    let given = limits(settings)?;
    let bytes = selection.bytes(stream);
    let edges = match given {
        Some((low, high)) => linspace(low, high, settings.optional_integer("bins").map_or(USUAL, |n| n as usize)),
        None => {
            let figures = extremes(request, stream)?;
            edges(stream, selection, &figures, settings)?
        }
    };
    task.add_total(bytes);
    let binning = Binning::new(stream, selection, edges, task)?;
    let bins = binning.bins();
    let each = (selection.channels.len() as u64).saturating_mul((bins as u64 + 2) * 8);
    let mut plan = ChunkPlan::for_scan(task, stream, selection, Overlap::default())?;
    let counts = |threads: usize| each.saturating_mul((threads * (1 + LOOKAHEAD) + 2) as u64);
    while plan.threads > 1 && counts(plan.threads) > task.budget().free() / 4 {
        plan.threads -= 1;
    }
    let need = counts(plan.threads);
    let Ok(_held) = task.budget().reserve(need) else {
        return Err(Error::new(ErrorKind::OutOfBudget { need, free: task.budget().free() })
            .with_remedy("use fewer bins (--bins), or raise the memory limit (--memory-limit)"));
    };
    let mut clock = PublishClock::default();
    let new = || Partial { binning: &binning, counts: Vec::new() };
    let all = scan_observed(source.as_ref(), selection, &plan, task, new, &mut |so_far: &Partial<'_>| {
        if clock.is_due() && !so_far.counts.is_empty() {
            let mut report = report(stream, selection, settings, &binning, &so_far.counts);
            report.json = serde_json::Value::Null;
            (request.publish)(report);
        }
    })?;
    Ok(report(stream, selection, settings, &binning, &all))
}

/// The least and greatest of each channel.
fn extremes(request: &Request<'_>, stream: &Stream) -> Result<Vec<Figures>> {
    let Request { source, selection, task, .. } = request;
    if let Some(summary) = request.summary.filter(|s| s.stream() == selection.stream && s.covers(&selection.frames))
        && let Some(figures) = summary.range(selection.frames.clone(), &selection.channels, u64::MAX, task)?
    {
        return Ok(figures);
    }
    task.add_total(selection.bytes(stream));
    let all = pass(source.as_ref(), selection, task.threads(), task, &mut |_| {})?;
    let pairs = all.iter().zip(&selection.channels);
    Ok(pairs.map(|(m, &c)| m.figures(stream.format.sample_type, stream.channels[c].scale)).collect())
}

fn edges(stream: &Stream, selection: &Selection, figures: &[Figures], settings: &Settings) -> Result<Vec<f64>> {
    let found = figures.iter().filter_map(|f| f.physical);
    let (low, high) = found.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), p| (a.min(p.min), b.max(p.max)));
    if low > high {
        return Err(Error::invalid("no sample of the selection is a number")
            .with_remedy("select other channels, or another range"));
    }
    if !low.is_finite() || !high.is_finite() || !(high - low).is_finite() {
        return Err(Error::invalid("the selection holds infinite values, so that it has no range to be cut into bins")
            .with_remedy("say which: --limits -200..200"));
    }
    let bins = settings.optional_integer("bins").map(|n| n as usize);
    let scale = stream.channels[selection.channels[0]].scale;
    let alike = selection.channels.iter().all(|&c| stream.channels[c].scale == scale);
    if let (None, true, true) = (bins, alike && scale.gain != 0.0, is_small(stream.format.sample_type)) {
        let edges = whole_steps(scale, low, high);
        // With an offset that is too large beside the gain, steps are lost in rounding.
        if edges[0] < low && high < edges[edges.len() - 1] {
            return Ok(edges);
        }
    }
    let (low, high) = if low == high { (low - 0.5, high + 0.5) } else { (low, high) };
    Ok(linspace(low, high, bins.unwrap_or(USUAL)))
}

fn is_small(sample_type: SampleType) -> bool {
    use SampleType as T;
    matches!(sample_type, T::Bool | T::I8 | T::U8 | T::I16 | T::U16)
}

/// Edges half a step beside integers.
fn whole_steps(scale: Scale, low: f64, high: f64) -> Vec<f64> {
    let stored = |x: f64| ((x - scale.offset) / scale.gain).round();
    let (a, b) = (stored(low).min(stored(high)), stored(low).max(stored(high)));
    let values = (b - a) as u64 + 1;
    let each = values.div_ceil(AUTOMATIC);
    let bins = values.div_ceil(each);
    let mut edges: Vec<f64> = (0..=bins).map(|i| scale.apply(a - 0.5 + (i * each) as f64)).collect();
    edges.sort_by(f64::total_cmp);
    edges
}

/// As `numpy.linspace(low, high, bins + 1)`, to the bit.
fn linspace(low: f64, high: f64, bins: usize) -> Vec<f64> {
    let step = (high - low) / bins as f64;
    let mut edges: Vec<f64> = (0..=bins).map(|i| i as f64 * step + low).collect();
    edges[bins] = high;
    edges
}

/// Which value belongs into which bin; the place behind the last bin is for what is below all, the next for what is
/// above.
struct Binning {
    edges: Vec<f64>,
    /// Of each selected channel.
    scales: Vec<Scale>,
    /// For each selected channel the place of its table.
    table_of: Vec<usize>,
    /// For small integers: the bin of each value of the type, by its bits.
    tables: Vec<Vec<u16>>,
    _held: crate::budget::Reservation,
}

impl Binning {
    fn new(stream: &Stream, selection: &Selection, edges: Vec<f64>, task: &crate::task::Task) -> Result<Self> {
        let scales: Vec<Scale> = selection.channels.iter().map(|&c| stream.channels[c].scale).collect();
        let mut different: Vec<Scale> = Vec::new();
        let mut table_of = Vec::with_capacity(scales.len());
        let sample_type = stream.format.sample_type;
        if is_small(sample_type) {
            for scale in &scales {
                table_of.push(different.iter().position(|d| d == scale).unwrap_or(different.len()));
                if table_of.last() == Some(&different.len()) {
                    different.push(*scale);
                }
            }
        }
        let values = 1_usize << (8 * sample_type.size().min(2));
        let held = task.budget().reserve((different.len() * values * 2) as u64 + edges.len() as u64 * 8)?;
        let mut binning = Self { edges, scales, table_of, tables: Vec::new(), _held: held };
        for scale in different {
            let stored = |bits: usize| match sample_type {
                SampleType::I8 => f64::from((bits as u8).cast_signed()),
                SampleType::I16 => f64::from((bits as u16).cast_signed()),
                _ => bits as f64,
            };
            binning.tables.push((0..values).map(|bits| binning.bin_of(scale.apply(stored(bits))) as u16).collect());
        }
        Ok(binning)
    }

    fn bins(&self) -> usize {
        self.edges.len() - 1
    }

    /// The place of a number.
    fn bin_of(&self, x: f64) -> usize {
        let (bins, low, high) = (self.bins(), self.edges[0], self.edges[self.bins()]);
        if x < low {
            return bins;
        }
        if x > high {
            return bins + 1;
        }
        // Nearly right, and then right: the edges decide.
        let mut bin = (((x - low) / (high - low) * bins as f64) as usize).min(bins - 1);
        while bin > 0 && x < self.edges[bin] {
            bin -= 1;
        }
        while bin + 1 < bins && x >= self.edges[bin + 1] {
            bin += 1;
        }
        bin
    }

    /// Counts one channel of a block, planar.
    fn count(&self, block: &Block, channel: usize, counts: &mut Counts) {
        let n = block.frames();
        let range = channel * n..(channel + 1) * n;
        match block.samples() {
            Samples::I8(v) => self.look_up(channel, v[range].iter().map(|x| usize::from(x.cast_unsigned())), counts),
            Samples::U8(v) => self.look_up(channel, v[range].iter().map(|&x| usize::from(x)), counts),
            Samples::I16(v) => self.look_up(channel, v[range].iter().map(|x| usize::from(x.cast_unsigned())), counts),
            Samples::U16(v) => self.look_up(channel, v[range].iter().map(|&x| usize::from(x)), counts),
            wide => with_samples!(wide, v => {
                let scale = self.scales[channel];
                for x in &v[range] {
                    if x.is_nan() {
                        counts.nan += 1;
                    } else {
                        counts.bins[self.bin_of(scale.apply(x.to_f64()))] += 1;
                    }
                }
            }),
        }
    }

    fn look_up(&self, channel: usize, bits: impl Iterator<Item = usize>, counts: &mut Counts) {
        let table = &self.tables[self.table_of[channel]];
        for bits in bits {
            counts.bins[usize::from(table[bits])] += 1;
        }
    }
}

/// What was counted of one channel.
#[derive(Clone)]
struct Counts {
    /// And, behind them, what is below and what is above all.
    bins: Vec<u64>,
    nan: u64,
}

struct Partial<'a> {
    binning: &'a Binning,
    /// Of each selected channel; empty before the first chunk.
    counts: Vec<Counts>,
}

impl Accumulator for Partial<'_> {
    type Output = Vec<Counts>;

    fn update(&mut self, _: &Chunk, view: &mut ChunkView<'_>) -> Result<()> {
        let block = view.block()?;
        let none = Counts { bins: vec![0; self.binning.bins() + 2], nan: 0 };
        self.counts = vec![none; block.channels()];
        for (channel, counts) in self.counts.iter_mut().enumerate() {
            self.binning.count(block, channel, counts);
        }
        Ok(())
    }

    fn merge(&mut self, later: Self) {
        if self.counts.is_empty() {
            self.counts = later.counts;
            return;
        }
        for (mine, theirs) in self.counts.iter_mut().zip(later.counts) {
            mine.bins.iter_mut().zip(theirs.bins).for_each(|(a, b)| *a += b);
            mine.nan += theirs.nan;
        }
    }

    fn finish(self) -> Vec<Counts> {
        self.counts
    }
}

fn report(stream: &Stream, selection: &Selection, settings: &Settings, binning: &Binning, all: &[Counts]) -> Report {
    let (cumulative, density) = (settings.flag("cumulative"), settings.flag("density"));
    let (edges, bins) = (&binning.edges, binning.bins());
    let mut series = Vec::new();
    let mut channels = Vec::new();
    let mut notes = Vec::new();
    for (counts, &c) in all.iter().zip(&selection.channels) {
        let channel = &stream.channels[c];
        let (inside, below, above) = (&counts.bins[..bins], counts.bins[bins], counts.bins[bins + 1]);
        let in_bins: u64 = inside.iter().sum();
        let count = in_bins + below + above;
        let values: Vec<f64> = if cumulative {
            let mut sum = below;
            let sums = inside.iter().map(|n| {
                sum += n;
                sum as f64
            });
            let whole = if density { count as f64 } else { 1.0 };
            sums.map(|sum| sum / whole).collect()
        } else if density {
            let of = |(n, e): (&u64, &[f64])| *n as f64 / (in_bins as f64 * (e[1] - e[0]));
            inside.iter().zip(edges.windows(2)).map(of).collect()
        } else {
            inside.iter().map(|&n| n as f64).collect()
        };
        series.push((channel.name.clone(), values));
        channels.push(serde_json::json!({
            "name": channel.name,
            "unit": channel.unit,
            "count": count,
            "nan_count": counts.nan,
            "below": below,
            "above": above,
            "counts": inside,
        }));
        if count == 0 {
            notes.push(format!("channel {} holds no number in this range: its curve is empty", channel.name));
        } else if below + above > 0 {
            let text = format!("of channel {}, {below} samples are below and {above} above the limits", channel.name);
            notes.push(text);
        }
    }
    let unit = &stream.channels[selection.channels[0]].unit;
    let alike = selection.channels.iter().all(|&c| stream.channels[c].unit == *unit);
    let of_unit = |text: &str| if alike && !unit.is_empty() { format!("{text} ({unit})") } else { text.to_owned() };
    let per =
        if alike && !unit.is_empty() { format!("Share of samples (1/{unit})") } else { "Share of samples".to_owned() };
    let y_title = match (cumulative, density) {
        (false, false) => "Samples".to_owned(),
        (false, true) => per,
        (true, false) => "Samples up to here".to_owned(),
        (true, true) => "Share of samples up to here".to_owned(),
    };
    // A cumulative count is that at the upper edge of its bin.
    let (x_key, x) = if cumulative {
        ("upper_edge", edges[1..].to_vec())
    } else {
        ("bin_centre", edges.windows(2).map(|e| e[0] + (e[1] - e[0]) / 2.0).collect())
    };
    let curves = Curves {
        x_key: x_key.to_owned(),
        x_title: of_unit("Value"),
        y_title,
        x,
        series,
        log_y: false,
        steps: !cumulative,
    };
    let json = serde_json::json!({ "bins": bins, "edges": edges, "channels": channels });
    Report { view: View::Curves(curves), json, notes }
}
