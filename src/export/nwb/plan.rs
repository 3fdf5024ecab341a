//! What is written of a recording, decided before anything is: which streams become which series, on which rows, in
//! chunks of which shape.
//!
//! Streams with the same clock are written in one *pass* over the file, piece by piece: a piece is a number of rows of
//! all their series, and a whole number of chunks of each.

use std::ops::Range;

use super::clock::{Clock, Reference};
use super::compress::Codec;
use crate::error::{Error, Result};
use crate::export::{Request, Values};
use crate::recording::{Channel, SampleType, Scale, Stream};
use crate::scan::Selection;

/// A chunk holds at most this: what HDF5 keeps of each dataset in memory, so that no reader unpacks a chunk twice.
const CHUNK_BYTES: u64 = 1 << 20;
/// Channels of a chunk: few of them can be read without unpacking all.
const CHUNK_COLUMNS: u64 = 64;
/// A piece is about this long, if the memory allows.
const PIECE_BYTES: u64 = 4 << 20;
/// Pieces that exist at a time are not longer than this together.
const ALL_PIECES_BYTES: u64 = 96 << 20;
/// No piece is shorter, rows, but for the last, and where rows are very long.
const MIN_PIECE_ROWS: u64 = 256;
/// More series than this are no use to anybody.
const MAX_SPANS: usize = 1000;

/// What stands for packets that were lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dropped {
    /// Nothing: the times of the rows jump.
    Gap,
    /// Rows of NaN (the samples become floating-point numbers).
    Nan,
    /// The row before, again.
    Repeat,
}

/// How rows get their times.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Timing {
    /// Start and rate where nothing is missing, else a list.
    Auto,
    /// Always a list.
    List,
    /// A series for each stretch without gaps.
    Spans,
}

/// The rows of a pass.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Rows {
    /// A row for each of these frames.
    Frames(Range<u64>),
    /// A row for each of these ticks, whether there is a frame or not.
    Ticks(Range<u64>),
}

impl Rows {
    pub(super) fn len(&self) -> u64 {
        let (Self::Frames(range) | Self::Ticks(range)) = self;
        range.end - range.start
    }

    /// These rows of mine.
    pub(super) fn part(&self, rows: &Range<u64>) -> Self {
        let of = |range: &Range<u64>| range.start + rows.start..range.start + rows.end;
        match self {
            Self::Frames(range) => Self::Frames(of(range)),
            Self::Ticks(range) => Self::Ticks(of(range)),
        }
    }
}

/// What a series is in NWB.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Class {
    /// Voltages between electrodes.
    Electrical { conversion: f64, offset: f64, channel_conversion: Option<Vec<f64>> },
    /// Anything else.
    Plain { unit: String, conversion: f64, offset: f64 },
}

/// A series of samples.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Series {
    pub name: String,
    pub description: String,
    pub stream: usize,
    pub channels: Vec<usize>,
    /// As it is written.
    pub kind: SampleType,
    /// Applied before writing, a scale for each channel.
    pub scales: Option<Vec<Scale>>,
    pub class: Class,
    pub chunk_rows: u64,
    pub chunk_columns: u64,
}

impl Series {
    /// Chunks side by side.
    pub(super) fn columns(&self) -> u64 {
        (self.channels.len() as u64).div_ceil(self.chunk_columns)
    }

    /// Bytes of a chunk before any filter.
    pub(super) fn chunk_bytes(&self) -> usize {
        (self.chunk_rows * self.chunk_columns) as usize * self.kind.size()
    }
}

/// One pass over streams that share a clock.
#[derive(Clone, Debug)]
pub(super) struct Pass {
    /// What is read of the first of them: for progress, and for giving pages back.
    pub selection: Selection,
    pub rows: Rows,
    pub fill: Dropped,
    pub series: Vec<Series>,
    /// Whether rows have a list of times.
    pub listed: bool,
    pub clock: Clock,
    pub piece_rows: u64,
}

impl Pass {
    pub(super) fn pieces(&self) -> u64 {
        self.rows.len().div_ceil(self.piece_rows)
    }

    /// The rows of a piece, counted from the first of the pass.
    pub(super) fn rows_of(&self, piece: u64) -> Range<u64> {
        piece * self.piece_rows..((piece + 1) * self.piece_rows).min(self.rows.len())
    }

    /// The frames behind the rows of a piece.
    pub(super) fn frames_of(&self, piece: u64) -> Range<u64> {
        match self.rows.part(&self.rows_of(piece)) {
            Rows::Frames(frames) => frames,
            Rows::Ticks(ticks) => {
                let Range { start, end } = self.selection.frames;
                let at = |tick| self.clock.time.frame_at_tick(tick).clamp(start, end);
                at(ticks.start)..at(ticks.end)
            }
        }
    }

    /// Rows of a chunk of the list of times.
    pub(super) fn time_chunk_rows(&self) -> u64 {
        self.piece_rows.min(CHUNK_BYTES / 8)
    }

    /// Bytes that packing a piece takes: what is packed and what it is packed from, and a chunk before and after the
    /// shuffle.
    pub(super) fn piece_memory(&self) -> u64 {
        let largest = self.series.iter().map(Series::chunk_bytes).max().unwrap_or(0) as u64;
        self.piece_rows.saturating_mul(row_bytes(&self.series) + 8).saturating_mul(2).saturating_add(3 * largest)
    }

    /// How many threads can pack pieces with `free` bytes: each has one in hand, and two wait.
    pub(super) fn threads(&self, threads: usize, free: u64) -> usize {
        let fitting = free / self.piece_memory().saturating_mul(3).max(1);
        usize::try_from(fitting).unwrap_or(usize::MAX).clamp(1, threads)
    }

    /// Datasets: the series, and the list of times if there is one.
    pub(super) fn datasets(&self) -> usize {
        self.series.len() + usize::from(self.listed)
    }

    /// Chunks of dataset `index` in a piece.
    fn chunks_in(&self, piece: u64, index: usize) -> usize {
        let rows = self.rows_of(piece);
        let n = rows.end - rows.start;
        match self.series.get(index) {
            Some(series) => (n.div_ceil(series.chunk_rows) * series.columns()) as usize,
            None => n.div_ceil(self.time_chunk_rows()) as usize,
        }
    }

    /// Where the chunks of dataset `index` are among those of a piece.
    pub(super) fn chunk_range(&self, piece: u64, index: usize) -> Range<usize> {
        let before: usize = (0..index).map(|i| self.chunks_in(piece, i)).sum();
        before..before + self.chunks_in(piece, index)
    }

    /// Bytes of all rows, before any filter.
    pub(super) fn bytes(&self) -> u64 {
        self.rows.len().saturating_mul(row_bytes(&self.series) + if self.listed { 8 } else { 0 })
    }
}

fn row_bytes(series: &[Series]) -> u64 {
    series.iter().map(|s| s.channels.len() as u64 * s.kind.size() as u64).sum()
}

/// Everything that is written of the samples.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub passes: Vec<Pass>,
    pub reference: Reference,
    pub codec: Codec,
    pub notes: Vec<String>,
    /// Whether the whole recording is written, not a stream or some channels of it.
    pub all_streams: bool,
}

/// What the settings say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choices<'a> {
    pub codec: Codec,
    pub dropped: Dropped,
    pub timing: Timing,
    /// Volts of a stored step of the main stream, where the recording does not tell.
    pub raw_to_volts: Option<f64>,
    /// Unit of analog inputs, where the recording does not tell.
    pub analog_unit: Option<&'a str>,
}

impl Plan {
    /// # Errors
    /// When the selection is not in the recording or holds nothing; when there are too many gaps for a series each.
    pub(super) fn new(request: &Request<'_>, choices: Choices<'_>, otherwise: Reference) -> Result<Self> {
        let recording = request.source.recording();
        let main = request.selection.stream_in(recording)?;
        if request.selection.channels.is_empty() || request.selection.is_empty() {
            return Err(Error::invalid("nothing is selected").with_remedy("select at least one channel and one frame"));
        }
        let reference =
            if main.time.start_unix_ns().is_some() { Reference::of(&main.time, otherwise.unix_ns) } else { otherwise };
        let all_streams = request.whole
            && request.selection.stream == recording.default_stream()
            && request.selection.channels.len() == main.channels.len();
        let mut selections = vec![request.selection.clone()];
        if all_streams {
            for (index, stream) in recording.streams.iter().enumerate() {
                if index != request.selection.stream && !is_raw_twin(stream, &recording.streams) {
                    selections.extend(alongside(request.selection, main, index, stream));
                }
            }
        }
        let mut plan = Self { passes: vec![], reference, codec: choices.codec, notes: vec![], all_streams };
        let mut groups: Vec<Vec<Selection>> = vec![];
        for selection in selections {
            let time = |s: &Selection| &recording.streams[s.stream].time;
            let same = |g: &&mut Vec<Selection>| g[0].frames == selection.frames && time(&g[0]) == time(&selection);
            match groups.iter_mut().find(same) {
                Some(group) => group.push(selection),
                None => groups.push(vec![selection]),
            }
        }
        let mut names = Vec::new();
        for group in groups {
            plan.add_group(request, choices, &group, &mut names)?;
        }
        Ok(plan)
    }

    fn add_group(
        &mut self,
        request: &Request<'_>,
        choices: Choices<'_>,
        group: &[Selection],
        names: &mut Vec<String>,
    ) -> Result<()> {
        let recording = request.source.recording();
        let lead = &recording.streams[group[0].stream];
        let frames = group[0].frames.clone();
        let time = &lead.time;
        let gapless = time.is_contiguous(frames.clone());
        if !time.rate_known() {
            self.notes.push(format!("the rate of {} is not known: a second stands for a frame", lead.name));
        }
        let mut series = Vec::new();
        for selection in group {
            let is_main = selection.stream == request.selection.stream;
            let stream = &recording.streams[selection.stream];
            series.extend(series_of(
                stream,
                selection,
                is_main,
                request.values,
                choices,
                gapless,
                names,
                &mut self.notes,
            ));
        }
        let spans: Vec<Range<u64>> =
            if choices.timing == Timing::Spans { time.contiguous(frames).collect() } else { vec![frames] };
        if spans.len() > MAX_SPANS {
            return Err(Error::invalid(format!("a series for each of {} stretches would be too many", spans.len()))
                .with_remedy("use --time auto, which writes the times of the rows"));
        }
        let many = spans.len() > 1;
        for (i, frames) in spans.into_iter().enumerate() {
            let filled = choices.dropped != Dropped::Gap && choices.timing != Timing::Spans && !gapless;
            let rows = if filled {
                Rows::Ticks(time.tick_of_frame(frames.start)..time.tick_of_frame(frames.end - 1) + 1)
            } else {
                Rows::Frames(frames.clone())
            };
            let listed = match choices.timing {
                Timing::List => true,
                _ => matches!(&rows, Rows::Frames(frames) if !time.is_contiguous(frames.clone())),
            };
            let mut series = series.clone();
            if many {
                for series in &mut series {
                    series.name += &format!("_span{:04}", i + 1);
                }
            }
            let piece_rows =
                shape(&mut series, rows.len(), listed, request.task.threads(), request.task.budget().limit());
            self.passes.push(Pass {
                selection: Selection { frames, ..group[0].clone() },
                rows,
                fill: choices.dropped,
                series,
                listed,
                clock: Clock::new(time, self.reference),
                piece_rows,
            });
        }
        Ok(())
    }

    /// Bytes of all samples and times, before any filter.
    pub(super) fn bytes(&self) -> u64 {
        self.passes.iter().map(Pass::bytes).fold(0, u64::saturating_add)
    }
}

/// Whether another stream holds the same with more meaning: slots of a headstage beside the sensor values made of them.
fn is_raw_twin(stream: &Stream, all: &[Stream]) -> bool {
    ["_multiplexed", "_slots"].iter().any(|suffix| {
        stream.name.strip_suffix(suffix).is_some_and(|device| all.iter().any(|s| s.name == format!("{device}_sensors")))
    })
}

/// What lies in `stream` beside what is selected of the main one.
fn alongside(main: &Selection, main_stream: &Stream, index: usize, stream: &Stream) -> Option<Selection> {
    let frames = if stream.time == main_stream.time && stream.frames == main_stream.frames {
        main.frames.clone()
    } else if main.frames == (0..main_stream.frames) {
        0..stream.frames
    } else {
        let shift = match (main_stream.time.start_unix_ns(), stream.time.start_unix_ns()) {
            (Some(a), Some(b)) => (a - b) as f64 * 1e-9,
            _ => 0.0,
        };
        let at = |secs: f64| stream.time.frame_at_secs(secs + shift).min(stream.frames);
        at(main_stream.time.secs_of_frame(main.frames.start))..at(main_stream.time.secs_at_end(main.frames.end))
    };
    let channels: Vec<usize> = (0..stream.channels.len()).collect();
    (!frames.is_empty() && !channels.is_empty()).then_some(Selection { stream: index, channels, frames })
}

/// Volts of one `unit`, if it is a voltage.
pub(super) fn volts_of(unit: &str) -> Option<f64> {
    Some(match unit {
        "V" | "volt" | "volts" => 1.0,
        "mV" => 1e-3,
        "uV" | "µV" | "μV" => 1e-6,
        "nV" => 1e-9,
        _ => return None,
    })
}

/// The series that the selected part of a stream becomes: one, unless its channels differ in what NWB has one of.
#[allow(clippy::too_many_arguments)]
fn series_of(
    stream: &Stream,
    selection: &Selection,
    is_main: bool,
    values: Values,
    choices: Choices<'_>,
    gapless: bool,
    names: &mut Vec<String>,
    notes: &mut Vec<String>,
) -> Vec<Series> {
    let stored = stream.format.sample_type;
    let physical = values == Values::Physical;
    let nan = choices.dropped == Dropped::Nan && choices.timing != Timing::Spans && !gapless;
    let wide =
        matches!(stored, SampleType::I32 | SampleType::U32 | SampleType::I64 | SampleType::U64 | SampleType::F64);
    let kind = match (physical || (nan && !stored.is_float()), wide) {
        (false, _) => stored,
        (true, true) => SampleType::F64,
        (true, false) => SampleType::F32,
    };
    let scale = |c: &Channel| if physical { Scale::default() } else { c.scale };
    let channels: Vec<&Channel> = selection.channels.iter().map(|&c| &stream.channels[c]).collect();
    let make = |name: String, members: Vec<usize>, class: Class, description: String| Series {
        name,
        description,
        stream: selection.stream,
        scales: physical.then(|| members.iter().map(|&i| channels[i].scale).collect()),
        channels: members.iter().map(|&i| selection.channels[i]).collect(),
        kind,
        class,
        chunk_rows: 0,
        chunk_columns: 0,
    };
    let told = choices.raw_to_volts.filter(|_| !physical);
    let volts: Option<Vec<f64>> =
        channels.iter().map(|c| volts_of(&c.unit).or(told.filter(|_| c.unit.is_empty()))).collect();
    if let (true, Some(volts)) = (is_main, volts) {
        let gains: Vec<f64> = channels.iter().zip(&volts).map(|(c, v)| scale(c).gain * v).collect();
        let offsets: Vec<f64> = channels.iter().zip(&volts).map(|(c, v)| scale(c).offset * v).collect();
        let one_gain = gains.iter().all(|g| *g == gains[0]);
        if offsets.iter().any(|o| *o != offsets[0]) {
            notes.push(
                "the channels have different offsets, of which NWB has one: they are in the electrodes table (offset_to_uV)"
                    .to_owned(),
            );
        }
        let same_offset = offsets.iter().all(|o| *o == offsets[0]);
        let class = Class::Electrical {
            conversion: if one_gain { gains[0] } else { 1.0 },
            offset: if same_offset { offsets[0] } else { 0.0 },
            channel_conversion: (!one_gain).then_some(gains),
        };
        let name = unique("e-series".to_owned(), names);
        let members = (0..channels.len()).collect();
        let what = format!("voltages as they were recorded ({}), one column for each row of electrodes", stream.name);
        return vec![make(name, members, class, what)];
    }
    // One series for each unit and scale.
    let mut groups: Vec<(String, f64, f64, Vec<usize>)> = vec![];
    for (i, channel) in channels.iter().enumerate() {
        let Scale { gain, offset } = scale(channel);
        let told = if channel.unit.is_empty() && stream.name.ends_with("_analog") { choices.analog_unit } else { None };
        let (unit, factor) = nwb_unit(told.unwrap_or(&channel.unit));
        let (conversion, offset) = (gain * factor, offset * factor);
        match groups.iter_mut().find(|g| (g.0.as_str(), g.1, g.2) == (unit.as_str(), conversion, offset)) {
            Some(group) => group.3.push(i),
            None => groups.push((unit, conversion, offset, vec![i])),
        }
    }
    let many = groups.len() > 1;
    let base = match stream.name.as_str() {
        "counter" => "sample_count".to_owned(),
        "SysClock" => "system_clock".to_owned(),
        name => clean_name(name),
    };
    groups
        .into_iter()
        .map(|(unit, conversion, offset, members)| {
            let first = channels[members[0]];
            let name = match (many, members.len()) {
                (false, _) => base.clone(),
                (true, 1) => format!("{base}_{}", clean_name(&first.name)),
                _ => format!("{base}_{}", clean_name(&unit)),
            };
            let columns: Vec<&str> = members.iter().map(|&i| channels[i].name.as_str()).collect();
            let description = format!("{}; columns: {}", stream.name, columns.join(", "));
            make(unique(name, names), members, Class::Plain { unit, conversion, offset }, description)
        })
        .collect()
}

/// The unit as NWB writes it, and what one of ours is in it.
fn nwb_unit(unit: &str) -> (String, f64) {
    if let Some(volts) = volts_of(unit) {
        return ("volts".to_owned(), volts);
    }
    match unit {
        "" => ("n.a.".to_owned(), 1.0),
        "ns" => ("seconds".to_owned(), 1e-9),
        "us" | "µs" => ("seconds".to_owned(), 1e-6),
        "ms" => ("seconds".to_owned(), 1e-3),
        "s" => ("seconds".to_owned(), 1.0),
        unit => (unit.to_owned(), 1.0),
    }
}

/// A name that HDF5 and NWB allow: without slash and colon.
pub(super) fn clean_name(name: &str) -> String {
    let name: String =
        name.chars().map(|c| if matches!(c, '/' | ':' | '\0') || c.is_control() { '_' } else { c }).collect();
    let name = name.trim().to_owned();
    if name.is_empty() || name.chars().all(|c| c == '.') { "unnamed".to_owned() } else { name }
}

/// `name`, with a number where it is taken.
pub(super) fn unique(name: String, taken: &mut Vec<String>) -> String {
    let mut candidate = name.clone();
    let mut n = 1;
    while taken.contains(&candidate) {
        n += 1;
        candidate = format!("{name}_{n}");
    }
    taken.push(candidate.clone());
    candidate
}

/// The largest power of two up to `n`, at least 1.
fn power_below(n: u64) -> u64 {
    1 << n.max(1).ilog2()
}

/// Gives every series the shape of its chunks; returns the rows of a piece.
pub(super) fn shape(series: &mut [Series], rows: u64, listed: bool, threads: usize, limit: u64) -> u64 {
    let row = row_bytes(series) + if listed { 8 } else { 0 };
    // While a worker has one in hand, others wait for their turn; each exists read and packed.
    let share = ALL_PIECES_BYTES.min(limit / 2) / (threads as u64 * 6).max(1);
    let least = MIN_PIECE_ROWS.min(2 * PIECE_BYTES / row.max(1)).max(1);
    let piece_rows = power_below((PIECE_BYTES.min(share) / row.max(1)).max(least));
    // A short recording is one piece of one row of chunks.
    let piece_rows = if rows <= piece_rows { rows } else { piece_rows };
    for series in series {
        let channels = series.channels.len() as u64;
        series.chunk_columns = channels.div_ceil(channels.div_ceil(CHUNK_COLUMNS));
        let fitting = power_below(CHUNK_BYTES / (series.chunk_columns * series.kind.size() as u64));
        series.chunk_rows = fitting.min(piece_rows);
    }
    piece_rows
}
