//! What is written of a recording, decided before anything is: which streams become which series, on which rows, in
//! chunks of which shape.
//!
//! Streams with the same clock are written in one [*pass*](super::pass) over the file. [`super::compatible`] says where
//! the layout of trodes_to_nwb differs.

use std::ops::Range;

use super::clock::{Clock, Reference, TimeUnit};
use super::compatible;
use super::compress::Codec;
use super::pass::{CHUNK_COLUMNS, Class, Dropped, Pass, Rows, Series, shape};
use crate::error::{Error, Result};
use crate::export::{Request, Values};
use crate::recording::{Channel, SampleType, Scale, Stream};
use crate::scan::Selection;

/// More series than this are no use to anybody.
const MAX_SPANS: usize = 1000;
/// So many rows may be made up whatever the recording is.
const SMALL_FILL_ROWS: u64 = 1 << 16;

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

/// Everything that is written of the samples.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub passes: Vec<Pass>,
    /// When the session starts.
    pub start: Reference,
    /// The instant that times count from, nanoseconds since the Unix epoch: the start, unless another converter's layout
    /// counts otherwise.
    pub reference_ns: i128,
    pub codec: Codec,
    pub notes: Vec<String>,
    /// Whether the whole recording is written, not a stream or some channels of it.
    pub all_streams: bool,
    /// Whether the layout is that of trodes_to_nwb.
    pub compatible: bool,
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
    /// Whether the layout is that of trodes_to_nwb.
    pub compatible: bool,
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
        let start =
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
        let mut notes = vec![];
        let mut reference_ns = start.unix_ns;
        if choices.compatible {
            compatible::require(request, all_streams)?;
            let main = request.selection.stream;
            notes.extend(compatible::left_out(recording, main));
            selections.retain(|s| compatible::is_written(recording, main, s.stream));
            reference_ns = 0;
        }
        let compatible = choices.compatible;
        let mut plan =
            Self { passes: vec![], start, reference_ns, codec: choices.codec, notes, all_streams, compatible };
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
            if choices.compatible && !is_main {
                continue;
            }
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
        if choices.compatible {
            compatible::arrange(recording, group, &mut series);
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
                let ticks = time.tick_of_frame(frames.start)..time.tick_of_frame(frames.end - 1) + 1;
                refuse_mostly_made_up(&ticks, &frames)?;
                Rows::Ticks(ticks)
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
            let mut lists: Vec<TimeUnit> = vec![];
            for series in series.iter().filter(|_| listed) {
                if !lists.contains(&series.times) {
                    lists.push(series.times);
                }
            }
            let piece_rows =
                shape(&mut series, rows.len(), lists.len(), request.task.threads(), request.task.budget().limit());
            self.passes.push(Pass {
                selection: Selection { frames, ..group[0].clone() },
                rows,
                fill: choices.dropped,
                series,
                lists,
                clock: Clock::new(time, self.start, self.reference_ns),
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

/// Refuses to fill the pauses between the files of a session with rows, which nobody means by lost packets.
fn refuse_mostly_made_up(ticks: &Range<u64>, frames: &Range<u64>) -> Result<()> {
    let (rows, recorded) = (ticks.end - ticks.start, frames.end - frames.start);
    if rows > recorded.saturating_mul(2).saturating_add(SMALL_FILL_ROWS) {
        return Err(Error::invalid(format!("{} of {rows} rows would be made up", rows - recorded))
            .with_remedy("leave out --dropped (the gaps then stay gaps), or export the files one by one"));
    }
    Ok(())
}

/// Whether another stream holds the same with more meaning: slots of a headstage beside the sensor values made of them.
pub(super) fn is_raw_twin(stream: &Stream, all: &[Stream]) -> bool {
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
        beside: None,
        folder: "acquisition",
        times: TimeUnit::Seconds,
        kind,
        class,
        chunk_rows: 0,
        chunk_columns: CHUNK_COLUMNS,
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
