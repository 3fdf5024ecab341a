//! The layout of trodes_to_nwb: the same paths, names, neurodata types and stored types as its release 0.1.9 writes, so that
//! what reads its files (Spyglass, say) reads these unchanged.
//!
//! | what                      | here                                                                                     |
//! |---------------------------|------------------------------------------------------------------------------------------|
//! | order of channels         | by electrode group, then by the electrodes of its probe; a row of the table for each      |
//! | times                     | seconds since 1970 in lists; those of `sample_count` in nanoseconds                       |
//! | analog inputs and sensors | one table, `/processing/analog/analog/analog`; its columns are named in its description    |
//! | digital lines             | those that the metadata names, of the ECU                                                |
//! | devices, tasks, files     | types of the extension ndx-franklab-novela 0.2.3; ndx-optogenetics 0.2.0 for optogenetics |
//! | videos                    | `ImageSeries` with the times of `NAME.videoTimeStamps.cameraHWSync` beside the recording  |
//!
//! Where that converter loses something, this does not follow it. The samples are the *recorded integers* with their
//! true conversion (it truncates them to whole microvolts; the stored type, `int16`, is the same, and readers multiply by
//! `conversion` in either case). Lost packets are what `--dropped` says, and listed in `/intervals/dropped_packets` (it
//! repeats the packet before in one series only). An nTrode keeps its own number and bad channels. Epochs begin with
//! their first sample. The state at the beginning of each file is not said again. `/processing/behavior/position`,
//! which is empty there without position tracking and then no valid NWB, is not written, and tracked positions are not
//! converted.

mod attached;
mod devices;
mod electrodes;
mod optogenetics;
mod tables;

pub(super) use attached::{Attached, Found};
pub(super) use optogenetics::is_complete as holds_optogenetics;

use super::about::Epoch;
use super::build::Contents;
use super::clock::TimeUnit;
use super::metadata::{self, Metadata};
use super::pass::{Class, Series};
use super::tree::Group;
use crate::error::{Error, Result};
use crate::export::{Request, Values};
use crate::recording::{Channel, Recording, SampleType};
use crate::scan::Selection;

/// What `--compatible` calls it.
pub(super) const NAME: &str = "trodes_to_nwb";
/// The group that holds the analog series.
pub(super) const ANALOG: &str = "processing/analog/analog";
const SAMPLE_COUNT: &str = "processing/sample_count";
/// Channels of a chunk.
const CHUNK_COLUMNS: u64 = 32;
/// The extension of the laboratory that the converter is from.
const NOVELA: &str = "ndx-franklab-novela";
/// The device whose digital and analog inputs are written.
const ECU: &str = "ECU";

/// Refuses what has no place in this layout.
pub(super) fn require(request: &Request<'_>, all_streams: bool) -> Result<()> {
    let recording = request.source.recording();
    if recording.format != "rec" {
        return Err(Error::invalid(format!(
            "the layout of {NAME} is one of SpikeGadgets recordings; this is of format {}",
            recording.format
        ))
        .with_remedy("leave out --compatible"));
    }
    if !all_streams {
        return Err(Error::invalid(format!("the layout of {NAME} holds all channels of a recording"))
            .with_remedy("leave out --stream and --channels, or --compatible"));
    }
    if request.values == Values::Physical {
        return Err(Error::invalid(format!("the layout of {NAME} holds 16-bit integers"))
            .with_remedy("leave out --values physical, or --compatible"));
    }
    Ok(())
}

/// The stream of the sensors of the headstage, if there is one.
fn sensors(recording: &Recording) -> Option<usize> {
    recording.streams.iter().position(|s| s.name.ends_with("_sensors"))
}

fn analog(recording: &Recording) -> Option<usize> {
    recording.stream_index(&format!("{ECU}_analog"))
}

/// Whether the layout has a place for stream `index`.
pub(super) fn is_written(recording: &Recording, main: usize, index: usize) -> bool {
    index == main
        || Some(index) == analog(recording)
        || Some(index) == sensors(recording)
        || recording.streams[index].name == "counter"
}

/// What it has none for, as a note.
pub(super) fn left_out(recording: &Recording, main: usize) -> Option<String> {
    let names: Vec<&str> = recording
        .streams
        .iter()
        .enumerate()
        .filter(|(i, s)| !is_written(recording, main, *i) && !super::plan::is_raw_twin(s, &recording.streams))
        .map(|(_, s)| s.name.as_str())
        .collect();
    (!names.is_empty()).then(|| {
        format!("the layout of {NAME} has no place for {}: export without --compatible to keep them", names.join(", "))
    })
}

/// The same selection in the order of channels that the layout has.
///
/// # Errors
/// When metadata, probes and recording do not fit together.
pub(super) fn ordered(selection: &Selection, recording: &Recording, told: &Metadata) -> Result<Selection> {
    let channels: &[Channel] = &selection.stream_in(recording)?.channels;
    if told.ntrodes.is_empty() {
        let error = Error::invalid(format!("the metadata places no channels, which the layout of {NAME} is made of"))
            .with_remedy(
                "add ntrode_electrode_group_channel_map to it (`longwave metadata FILE -o META.yml` makes one)",
            );
        return Err(if let Some(path) = &told.path { error.with_path(path) } else { error });
    }
    let (electrodes, _) = metadata::resolve(told, channels, &metadata::references_of(recording))?;
    let order = metadata::probe_order(&electrodes);
    let mut rank = vec![0; channels.len()];
    for (place, &channel) in order.iter().enumerate() {
        rank[channel] = place;
    }
    let mut channels = selection.channels.clone();
    channels.sort_by_key(|&channel| rank[channel]);
    Ok(Selection { channels, ..selection.clone() })
}

/// Adds the series of the streams beside the main one in `group`, which share its clock, and gives all the shape of
/// their chunks.
pub(super) fn arrange(recording: &Recording, group: &[Selection], series: &mut Vec<Series>) {
    let selected = |stream: Option<usize>| group.iter().find(|s| Some(s.stream) == stream);
    let analog = (selected(analog(recording)), selected(sensors(recording)));
    let (first, beside) = match analog {
        (Some(a), b) => (Some(a), b),
        (None, b) => (b, None),
    };
    if let Some(first) = first {
        let names = |s: &Selection| -> Vec<String> {
            s.channels.iter().map(|&c| recording.streams[s.stream].channels[c].id.clone()).collect()
        };
        let mut columns = names(first);
        columns.extend(beside.map(names).unwrap_or_default());
        let description: String = columns.iter().map(|id| format!("{id}   ")).collect();
        let unit = "-1".to_owned();
        series.push(Series {
            beside: beside.map(|s| (s.stream, s.channels.clone())),
            ..plain("analog", ANALOG, description, first, SampleType::I16, unit)
        });
    }
    let counter = group.iter().find(|s| recording.streams[s.stream].name == "counter");
    if let Some(counter) = counter {
        let what = "acquisition system sample count".to_owned();
        series.push(Series {
            times: TimeUnit::Nanoseconds,
            ..plain("sample_count", SAMPLE_COUNT, what, counter, SampleType::U32, "int64".to_owned())
        });
    }
    for series in series {
        series.chunk_columns = CHUNK_COLUMNS;
    }
}

fn plain(
    name: &str,
    folder: &'static str,
    description: String,
    selection: &Selection,
    kind: SampleType,
    unit: String,
) -> Series {
    Series {
        name: name.to_owned(),
        description,
        stream: selection.stream,
        channels: selection.channels.clone(),
        beside: None,
        folder,
        times: TimeUnit::Seconds,
        kind,
        scales: None,
        class: Class::Plain { unit, conversion: 1.0, offset: 0.0 },
        chunk_rows: 0,
        chunk_columns: CHUNK_COLUMNS,
    }
}

/// The one tag of an epoch, by whose first two digits it is found.
pub(super) fn tag(epoch: &Epoch) -> String {
    let number = format!("{:02}", epoch.number);
    let tag = epoch.tags.first().map_or("", String::as_str);
    if tag.starts_with(&number) { tag.to_owned() } else { format!("{number}_{tag}") }
}

/// What a property of the recording says; nothing where there is none.
fn property<'r>(recording: &'r Recording, name: &str) -> &'r str {
    recording.properties.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
}

/// When the first file was made, nanoseconds since the Unix epoch, as the header says: the start of the session.
pub(super) fn created_ns(recording: &Recording) -> Option<i128> {
    let ms: i128 = property(recording, "systemTimeAtCreation").trim().parse().ok()?;
    // Between 1970 and 2200, as the text of an instant can say it.
    (0..7_258_118_400_000).contains(&ms).then_some(ms * 1_000_000)
}

/// Everything that is not a series of samples or a table of intervals.
pub(super) fn build(contents: &Contents<'_>, root: &mut Group) {
    let module = |root: &mut Group, name: &str, what: &str| {
        let path = format!("/processing/{name}");
        root.at(&path).attributes = contents.described("core", "ProcessingModule", &path, what);
    };
    if root.at("processing").children.iter().any(|(name, _)| name == "analog") {
        module(root, "analog", "Contains all analog data");
        root.at(ANALOG).attributes = contents.typed("core", "BehavioralEvents", "/processing/analog/analog");
    }
    if root.at("processing").children.iter().any(|(name, _)| name == "sample_count") {
        module(root, "sample_count", "corespondence between sample count and timestamps");
    }
    devices::add(contents, root);
    electrodes::add(contents, root);
    tables::add(contents, root);
    optogenetics::add(contents, root);
}
