//! `longwave info`: what is in a recording, without reading its samples.

use std::path::Path;

use clap::{Args, Command};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::Failure;
use super::args::FileArgs;
use super::shell::{Shell, warning_text};
use super::table::{Align, Columns, fields, render, shortened};
use crate::recording::{ByteOrder, Channel, Recording, Stream, TimeBase};
use crate::source::Part;
use crate::text;

/// Rows of a list that people are shown; `--json` has them all.
const ROWS_SHOWN: usize = 12;
/// Characters of a property that people are shown.
const VALUE_SHOWN: usize = 100;

#[derive(Args, Clone, Debug)]
pub(crate) struct InfoArgs {
    /// Print one JSON object, with everything
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: FileArgs,
}

pub(crate) fn command() -> Command {
    InfoArgs::augment_args(Command::new("info"))
        .about("Show what is in a recording, without reading its samples")
        .after_help(
            "Examples:\n  longwave info day.rec\n  longwave info noise.bin --dtype i16 --channel-count 4 --rate 30000 --json",
        )
}

pub(crate) fn run(args: &InfoArgs, shell: &Shell) -> Result<(), Failure> {
    let source = shell.open_silently(&args.file)?;
    let recording = source.recording();
    let parts = source.parts();
    if args.json {
        return shell.print_json(&Info::of(recording, parts));
    }
    let path = source.path().unwrap_or(&args.file.files[0]);
    shell.print(&for_people(recording, parts, path))
}

/// What `--json` prints. Lists that may be long are made while they are written.
#[derive(Serialize)]
struct Info<'a> {
    format: &'a str,
    name: &'a str,
    duration_secs: f64,
    streams: Vec<StreamInfo<'a>>,
    events: Vec<Value>,
    properties: Value,
    parts: Vec<Value>,
    warnings: Vec<String>,
}

impl<'a> Info<'a> {
    fn of(recording: &'a Recording, parts: &[Part]) -> Self {
        let track = |track: &crate::recording::EventTrack| json!({ "name": track.name, "description": track.description, "events": track.events });
        Self {
            format: recording.format,
            name: &recording.name,
            duration_secs: recording.duration_secs(),
            streams: recording.streams.iter().map(StreamInfo::of).collect(),
            events: recording.events.iter().map(track).collect(),
            properties: properties_json(&recording.properties),
            parts: parts.iter().enumerate().map(|(i, part)| part_json(recording, parts, i, part)).collect(),
            warnings: recording.warnings.iter().map(warning_text).collect(),
        }
    }
}

#[derive(Serialize)]
struct StreamInfo<'a> {
    name: &'a str,
    sample_format: &'a str,
    byte_order: ByteOrder,
    frames: u64,
    duration_secs: f64,
    rate_hz: f64,
    rate_known: bool,
    start: Option<String>,
    #[serde(serialize_with = "list_channels")]
    channels: &'a [Channel],
    #[serde(serialize_with = "list_gaps")]
    gaps: &'a TimeBase,
}

impl<'a> StreamInfo<'a> {
    fn of(stream: &'a Stream) -> Self {
        let clock = &stream.time;
        Self {
            name: &stream.name,
            sample_format: stream.format.sample_type.name(),
            byte_order: stream.format.byte_order,
            frames: stream.frames,
            duration_secs: stream.duration_secs(),
            rate_hz: clock.rate_hz(),
            rate_known: clock.rate_known(),
            start: clock.start_unix_ns().and_then(text::clock),
            channels: &stream.channels,
            gaps: clock,
        }
    }
}

fn list_channels<S: Serializer>(channels: &&[Channel], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(channels.iter().map(|channel| {
        let mut told = json!({
            "id": channel.id,
            "name": channel.name,
            "unit": channel.unit,
            "gain": channel.scale.gain,
            "offset": channel.scale.offset,
            "group": channel.group,
        });
        if let Some(p) = channel.position {
            told["position"] = json!({ "shank": p.shank, "x_um": p.x_um, "y_um": p.y_um });
        }
        told
    }))
}

fn list_gaps<S: Serializer>(clock: &&TimeBase, to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(clock.gaps().map(|gap| {
        json!({
            "after_frame": gap.after_frame,
            "missing_frames": gap.missing_frames,
            "secs": clock.secs_of_tick(gap.missing_frames),
        })
    }))
}

/// Seconds of `ticks` of the default stream's clock.
fn secs_of(recording: &Recording, ticks: u64) -> f64 {
    recording.streams.get(recording.default_stream()).map_or(0.0, |s| s.time.secs_of_tick(ticks))
}

/// Ticks between part `i` and the one before it.
fn gap_before(parts: &[Part], i: usize) -> u64 {
    let end = i.checked_sub(1).map_or(0, |before| parts[before].end_tick);
    parts[i].first_tick.saturating_sub(end)
}

fn part_json(recording: &Recording, parts: &[Part], i: usize, part: &Part) -> Value {
    json!({
        "path": part.path.display().to_string(),
        "bytes": part.bytes,
        "frames": part.frames,
        "first_frame": part.first_frame,
        "first_secs": secs_of(recording, part.first_tick),
        "duration_secs": secs_of(recording, part.end_tick - part.first_tick),
        "gap_secs": secs_of(recording, gap_before(parts, i)),
        "start": part.start_unix_ns.and_then(text::clock),
        "placed_by": part.placed_by.name(),
    })
}

fn parts_table(recording: &Recording, parts: &[Part]) -> String {
    if parts.is_empty() {
        return String::new();
    }
    let row = |(i, part): (usize, &Part)| {
        let name = part.path.file_name().unwrap_or(part.path.as_os_str()).to_string_lossy();
        let gap = gap_before(parts, i);
        vec![
            (i + 1).to_string(),
            name.into_owned(),
            text::time(secs_of(recording, part.first_tick), 3),
            text::duration(secs_of(recording, part.end_tick - part.first_tick)),
            text::count(part.frames),
            if gap == 0 { "-".to_owned() } else { text::duration(secs_of(recording, gap)) },
            part.placed_by.name().to_owned(),
        ]
    };
    let rows: Vec<_> = parts.iter().enumerate().take(ROWS_SHOWN).map(row).collect();
    let columns = Columns(&[
        ("#", Align::Right),
        ("part", Align::Left),
        ("at", Align::Right),
        ("length", Align::Right),
        ("frames", Align::Right),
        ("gap before", Align::Right),
        ("placed by", Align::Left),
    ]);
    format!("\n{}{}", render(&columns, &rows, ""), and_more(parts.len()))
}

/// An object; a name that the file uses again gets a number, so that nothing is lost.
fn properties_json(properties: &[(String, String)]) -> Value {
    let mut map = Map::new();
    for (name, value) in properties {
        let mut key = name.clone();
        let mut again = 2_usize;
        while map.contains_key(&key) {
            key = format!("{name}#{again}");
            again += 1;
        }
        map.insert(key, Value::String(value.clone()));
    }
    Value::Object(map)
}

fn for_people(recording: &Recording, parts: &[Part], path: &Path) -> String {
    let format = crate::source::FORMATS.iter().find(|f| f.name == recording.format);
    let (what, size) = match parts {
        [] => (("file", path.display().to_string()), std::fs::metadata(path).map_or(0, |meta| meta.len())),
        [first, ..] => {
            let folder = first.path.parent().map_or_else(String::new, |f| format!(" in {}", f.join("").display()));
            let text = format!("{}, {} files{folder}", recording.name, parts.len());
            (("session", text), parts.iter().map(|part| part.bytes).fold(0, u64::saturating_add))
        }
    };
    let mut head = vec![
        what,
        ("format", format.map_or_else(|| recording.format.to_owned(), |f| format!("{} ({})", f.title, f.name))),
        ("size", text::bytes(size)),
    ];
    if recording.streams.iter().any(|s| s.time.rate_known()) {
        head.push(("length", text::duration(recording.duration_secs())));
    }
    if let Some(start) = recording.streams.iter().find_map(|s| s.time.start_unix_ns()).and_then(text::clock) {
        head.push(("start", start));
    }
    let mut out = fields(&head, "");
    out += &parts_table(recording, parts);
    out += &streams(&recording.streams);
    for stream in &recording.streams {
        out += &channels(stream);
        out += &gaps(stream);
    }
    if !recording.events.is_empty() {
        let rows = recording.events.iter().take(ROWS_SHOWN).map(|track| {
            let events = track.events.map_or_else(|| "not counted".to_owned(), text::count);
            vec![track.name.clone(), events, shortened(&track.description, VALUE_SHOWN)]
        });
        let columns = Columns(&[("events", Align::Left), ("number", Align::Right), ("what", Align::Left)]);
        out += &format!("\n{}{}", render(&columns, &rows.collect::<Vec<_>>(), ""), and_more(recording.events.len()));
    }
    if !recording.properties.is_empty() {
        let shown: Vec<_> = recording
            .properties
            .iter()
            .take(ROWS_SHOWN * 3)
            .map(|(name, value)| (name.as_str(), shortened(value, VALUE_SHOWN)))
            .collect();
        out += &format!("\nproperties\n{}", fields(&shown, "  "));
        if recording.properties.len() > shown.len() {
            out += &format!("  … and {} more (--json lists all)\n", recording.properties.len() - shown.len());
        }
    }
    if !recording.warnings.is_empty() {
        let lines: Vec<_> = recording.warnings.iter().map(|w| ("warning", warning_text(w))).collect();
        out += &format!("\n{}", fields(&lines, ""));
    }
    out
}

fn and_more(rows: usize) -> String {
    if rows > ROWS_SHOWN { format!("… and {} more (--json lists all)\n", rows - ROWS_SHOWN) } else { String::new() }
}

fn streams(streams: &[Stream]) -> String {
    let rows: Vec<_> = streams
        .iter()
        .map(|s| {
            let (rate, length) = if s.time.rate_known() {
                (text::si(s.time.rate_hz(), "Hz"), text::duration(s.duration_secs()))
            } else {
                ("unknown".to_owned(), "unknown".to_owned())
            };
            let order = if s.format.size() == 1 {
                ""
            } else {
                match s.format.byte_order {
                    crate::recording::ByteOrder::Little => " little",
                    crate::recording::ByteOrder::Big => " big",
                }
            };
            vec![
                s.name.clone(),
                format!("{}{order}", s.format.sample_type.name()),
                rate,
                text::count(s.channels.len() as u64),
                text::count(s.frames),
                length,
                text::bytes(s.bytes()),
                text::count(s.time.gaps().len() as u64),
            ]
        })
        .collect();
    let columns = Columns(&[
        ("stream", Align::Left),
        ("samples", Align::Left),
        ("rate", Align::Right),
        ("channels", Align::Right),
        ("frames", Align::Right),
        ("length", Align::Right),
        ("data", Align::Right),
        ("gaps", Align::Right),
    ]);
    format!("\n{}", render(&columns, &rows, ""))
}

fn channels(stream: &Stream) -> String {
    let row = |(i, channel): (usize, &Channel)| {
        let unit = if channel.unit.is_empty() { "-".to_owned() } else { channel.unit.clone() };
        let (gain, offset) = (text::number(channel.scale.gain), text::number(channel.scale.offset));
        vec![i.to_string(), channel.id.clone(), channel.name.clone(), unit, gain, offset, channel.group.clone()]
    };
    let rows: Vec<_> = stream.channels.iter().enumerate().take(ROWS_SHOWN).map(row).collect();
    let columns = Columns(&[
        ("#", Align::Right),
        ("id", Align::Left),
        ("name", Align::Left),
        ("unit", Align::Left),
        ("gain", Align::Right),
        ("offset", Align::Right),
        ("group", Align::Left),
    ]);
    let more = and_more(stream.channels.len());
    let indent = if more.is_empty() { "" } else { "  " };
    format!("\nchannels of {}\n{}{indent}{more}", super::table::clean(&stream.name), render(&columns, &rows, "  "))
}

fn gaps(stream: &Stream) -> String {
    let clock = &stream.time;
    let all = clock.gaps();
    let number = all.len();
    if number == 0 {
        return String::new();
    }
    let rows: Vec<_> = all
        .take(ROWS_SHOWN)
        .map(|gap| {
            vec![
                text::time(clock.secs_of_tick(gap.first_tick), 3),
                text::count(gap.after_frame),
                text::count(gap.missing_frames),
                text::duration(clock.secs_of_tick(gap.missing_frames)),
            ]
        })
        .collect();
    let columns = Columns(&[
        ("at", Align::Right),
        ("after frame", Align::Right),
        ("missing frames", Align::Right),
        ("length", Align::Right),
    ]);
    let more = and_more(number);
    let indent = if more.is_empty() { "" } else { "  " };
    format!("\ngaps in {}\n{}{indent}{more}", super::table::clean(&stream.name), render(&columns, &rows, "  "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{ClockSpan, EventTrack, SampleFormat, SampleType, TimeBase, Warning};

    fn recording() -> Recording {
        let spans = vec![ClockSpan { first_frame: 0, first_tick: 0 }, ClockSpan { first_frame: 500, first_tick: 2500 }];
        Recording {
            name: "x".to_owned(),
            format: "rec",
            main_stream: None,
            streams: vec![Stream {
                name: "ephys".to_owned(),
                format: SampleFormat::little(SampleType::I16),
                time: TimeBase::with_spans(1000.0, spans).starting_at(1_777_636_800_000_000_000),
                frames: 1000,
                channels: (0..20).map(Channel::numbered).collect(),
            }],
            events: vec![EventTrack { name: "din1".to_owned(), description: "digital".to_owned(), events: None }],
            properties: vec![("a".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())],
            warnings: vec![Warning::at(7, "odd")],
        }
    }

    #[test]
    fn json_has_the_promised_keys() {
        let value = serde_json::to_value(Info::of(&recording(), &[])).unwrap();
        for key in ["format", "duration_secs", "streams", "events", "properties", "warnings"] {
            assert!(value.get(key).is_some(), "{key}");
        }
        let stream = &value["streams"][0];
        assert_eq!(stream["sample_format"], "i16");
        assert_eq!((stream["frames"].as_u64(), stream["rate_hz"].as_f64()), (Some(1000), Some(1000.0)));
        assert_eq!(stream["gaps"][0], json!({ "after_frame": 499, "missing_frames": 2000, "secs": 2.0 }));
        assert_eq!(stream["channels"][19]["id"], "19");
        assert_eq!(value["duration_secs"], 3.0);
        assert_eq!(value["properties"], json!({ "a": "1", "a#2": "2" }));
        assert_eq!(value["warnings"], json!(["odd, at byte 7"]));
    }

    #[test]
    fn people_get_tables() {
        let text = for_people(&recording(), &[], Path::new("no such file.rec"));
        for part in
            ["3 s", "2026-05-01T12:00:00.000Z", "i16 little", "1 kHz", "… and 8 more", "00:00:00.500", "odd, at byte 7"]
        {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }
}
