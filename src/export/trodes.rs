//! The folders that SpikeGadgets' `trodesexport` makes of a recording, for pipelines that begin there.
//!
//! ```text
//! NAME.trodes/NAME.raw/NAME.raw_nt{nTrode}ch{channel}.dat     <voltage int16>
//!             NAME.raw/NAME.timestamps.dat                    <time uint32>
//!             NAME.analog/NAME.analog_{id}.dat                <voltage int16>
//!             NAME.analog/NAME.timestamps.dat                 <time uint32>
//!             NAME.DIO/NAME.dio_{id}.dat                      <time uint32><state uint8>
//! ```
//! Every file begins with lines `Key: value` between `<Start settings>` and `<End settings>`, of which `Fields` tells
//! the records behind them, little-endian. Times are the packet counter, as it is stored; a digital line has its state
//! in the first packet and every change. Nothing is filtered, referenced or decimated. After SpikeGadgets' documentation
//! ("Export Utility Functions") and the export programs of Trodes 1; read by `readTrodesExtractedDataFile3.py`.
//!
//! **Cost**: one pass over the samples, one over each analog stream, one over the counter. A block and one buffer of
//! bytes are held. At most [`MAX_OPEN`] files are open at a time.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::{Exporter, Prediction, Request, Values, payload};
use crate::error::{Error, Result};
use crate::file::AtomicFolder;
use crate::recording::{Block, Channel, Event, Recording, SampleType, Samples, Stream};
use crate::scan::{Chunk, ChunkPlan, Overlap, Selection, for_each};

/// Of the folder.
pub(super) const EXTENSION: &str = "trodes";

pub(crate) const EXPORTER: Exporter = Exporter {
    name: "trodes",
    title: "Folders of trodesexport",
    extensions: &[EXTENSION],
    parameters: &[],
    check: |_| Ok(()),
    predict,
    run,
};

/// More channels than this are opened, appended to and closed again for every block.
const MAX_OPEN: usize = 256;
/// Samples are turned into bytes in pieces of this size.
const PIECE_BYTES: usize = 64 << 10;
/// What the settings of a file take, roughly.
const HEADER_BYTES: u64 = 600;

/// The stream of packet counters, where the recording keeps it.
fn counter_stream(recording: &Recording, like: &Stream) -> Option<usize> {
    recording.stream_index("counter").filter(|&i| {
        let s = &recording.streams[i];
        s.frames == like.frames && s.format.sample_type == SampleType::U32 && s.channels.len() == 1
    })
}

/// Streams of analog inputs and sensors on the same clock as the main one.
fn analog_streams(recording: &Recording, main: usize) -> Vec<usize> {
    let like = &recording.streams[main];
    (0..recording.streams.len())
        .filter(|&i| {
            let s = &recording.streams[i];
            let analog = s.name.ends_with("_analog") || s.name.ends_with("_sensors");
            i != main && analog && s.frames == like.frames && s.format.sample_type == SampleType::I16
        })
        .collect()
}

/// Event tracks of digital lines.
fn digital_tracks(recording: &Recording) -> Vec<usize> {
    (0..recording.events.len()).filter(|&i| recording.events[i].description.starts_with("digital")).collect()
}

fn check(request: &Request<'_>) -> Result<()> {
    let stream = request.selection.stream_in(request.source.recording())?;
    if request.selection.channels.is_empty() {
        return Err(Error::invalid("no channel is selected").with_remedy("select at least one channel"));
    }
    if stream.format.sample_type != SampleType::I16 {
        let name = stream.format.sample_type.name();
        return Err(Error::unsupported(format!("writing samples of {name} to Trodes' files"))
            .with_remedy("they hold 16-bit integers: choose another format"));
    }
    if request.values == Values::Physical {
        return Err(Error::unsupported("writing physical values to Trodes' files")
            .with_remedy("export stored values; the files tell their scaling"));
    }
    Ok(())
}

fn predict(request: &Request<'_>) -> Result<Prediction> {
    check(request)?;
    let recording = request.source.recording();
    let selection = request.selection;
    let analog = analog_streams(recording, selection.stream);
    let channels: usize = analog.iter().map(|&i| recording.streams[i].channels.len()).sum();
    let files = (selection.channels.len() + channels + digital_tracks(recording).len() + 2) as u64;
    let times = 4 * if analog.is_empty() { 1 } else { 2 };
    let more = selection.len().saturating_mul(2 * channels as u64 + times).saturating_add(files * HEADER_BYTES);
    let mut prediction = payload::predict(request, &[])?;
    let rate = prediction.bytes as f64 / prediction.secs.max(1e-9);
    prediction.bytes = prediction.bytes.saturating_add(more);
    if rate > 0.0 {
        prediction.secs = prediction.bytes as f64 / rate;
    }
    // Gaps are no loss here: every frame has its time beside it.
    prediction.notes.retain(|note| !note.contains("gap"));
    if counter_stream(recording, &recording.streams[selection.stream]).is_none() {
        prediction.notes.push("this recording keeps no packet counter: times count its samples".to_owned());
    }
    Ok(prediction)
}

fn run(request: &Request<'_>) -> Result<Vec<PathBuf>> {
    let prediction = predict(request)?;
    payload::refuse_source_in(request)?;
    let folder = AtomicFolder::create(request.target, prediction.bytes, request.overwrite)?;
    let base = request.target.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let export = Export { request, folder: &folder, base, first_time: first_time(request)? };
    export.set_total();
    export.raw()?;
    let analog = export.analog()?;
    export.times_and_lines(analog)?;
    if request.task.is_cancelled() {
        return Err(Error::cancelled());
    }
    folder.commit()
}

/// Something that times are read from: the counter stream, or (where there is none) nothing but the clock.
fn first_time(request: &Request<'_>) -> Result<u32> {
    let (recording, selection) = (request.source.recording(), request.selection);
    let stream = &recording.streams[selection.stream];
    let first = selection.frames.start;
    if selection.is_empty() {
        return Ok(0);
    }
    let Some(counter) = counter_stream(recording, stream) else {
        return Ok(stream.time.tick_of_frame(first) as u32);
    };
    let mut block = Block::default();
    request.source.read(counter, first..first + 1, &[0], &mut block)?;
    Ok(if let Samples::U32(v) = block.samples() { v.first().copied().unwrap_or_default() } else { 0 })
}

struct Export<'a> {
    request: &'a Request<'a>,
    folder: &'a AtomicFolder,
    /// The name that all files begin with.
    base: String,
    /// Of the first frame.
    first_time: u32,
}

impl Export<'_> {
    fn recording(&self) -> &Recording {
        self.request.source.recording()
    }

    fn main(&self) -> &Stream {
        &self.recording().streams[self.request.selection.stream]
    }

    fn set_total(&self) {
        let recording = self.recording();
        let analog: u64 = analog_streams(recording, self.request.selection.stream)
            .iter()
            .map(|&i| recording.streams[i].channels.len() as u64)
            .sum();
        let frames = self.request.selection.len();
        self.request.task.set_total(self.request.selection.bytes(self.main()) + frames * (2 * analog + 4));
    }

    fn raw(&self) -> Result<()> {
        let folder = self.folder.subfolder(&format!("{}.raw", self.base))?;
        let stream = self.main();
        let places = places(&stream.channels);
        let selection = self.request.selection;
        let files = selection.channels.iter().map(|&c| {
            let (ntrode, channel) = &places[c];
            let name = format!("{}.raw_nt{ntrode}ch{channel}.dat", self.base);
            let settings = [
                ("nTrode_ID", ntrode.clone()),
                ("nTrode_channel", channel.to_string()),
                ("Num_channels", "1".to_owned()),
                ("Voltage_scaling", stream.channels[c].scale.gain.to_string()),
                ("Decimation", "1".to_owned()),
                ("Reference", "off".to_owned()),
                ("Low_pass_filter", "none".to_owned()),
            ];
            (folder.join(name), self.header("Raw (unfiltered) data for one channel", &settings, "<voltage int16>"))
        });
        self.samples(selection, files.collect())
    }

    /// Returns whether there is any.
    fn analog(&self) -> Result<bool> {
        let streams = analog_streams(self.recording(), self.request.selection.stream);
        if streams.is_empty() {
            return Ok(false);
        }
        let folder = self.folder.subfolder(&format!("{}.analog", self.base))?;
        let mut names = Vec::new();
        for i in streams {
            let stream = &self.recording().streams[i];
            let selection =
                Selection { frames: self.request.selection.frames.clone(), ..Selection::all(self.recording(), i) };
            let files = stream.channels.iter().map(|channel| {
                let name = unique(&mut names, &channel.id);
                let settings = [
                    ("ID", channel.id.clone()),
                    ("Voltage_scaling", channel.scale.gain.to_string()),
                    ("Decimation", "1".to_owned()),
                ];
                let header = self.header("Analog data for one channel", &settings, "<voltage int16>");
                (folder.join(format!("{}.analog_{name}.dat", self.base)), header)
            });
            self.samples(&selection, files.collect())?;
        }
        Ok(true)
    }

    /// Writes the samples of each channel of `selection` behind its header.
    fn samples(&self, selection: &Selection, files: Vec<(PathBuf, String)>) -> Result<()> {
        let (request, task) = (self.request, self.request.task);
        let stream = &self.recording().streams[selection.stream];
        let plan = ChunkPlan::new(task, stream, selection, Overlap::default())?;
        let _memory = task.budget().reserve(PIECE_BYTES as u64)?;
        let mut bytes = Vec::with_capacity(PIECE_BYTES);
        let mut out = Files::create(self.folder, files)?;
        for_each(request.source.as_ref(), selection, &plan, task, &mut |_, block| {
            let Samples::I16(samples) = block.samples() else {
                return Err(Error::invalid("the samples are no 16-bit integers"));
            };
            for (i, samples) in samples.chunks_exact(block.frames().max(1)).enumerate() {
                let mut file = out.open(i)?;
                for piece in samples.chunks(PIECE_BYTES / 2) {
                    bytes.clear();
                    bytes.extend(piece.iter().flat_map(|x| x.to_le_bytes()));
                    file.write_all(&bytes).map_err(|e| self.folder.explain(e))?;
                }
            }
            Ok(())
        })
    }

    /// Writes the time of every frame, beside the samples and the analog inputs, and the changes of the digital lines.
    fn times_and_lines(&self, analog: bool) -> Result<()> {
        let (request, task) = (self.request, self.request.task);
        let folders: &[&str] = if analog { &["raw", "analog"] } else { &["raw"] };
        let times = folders.iter().map(|kind| {
            let folder = self.folder.path().join(format!("{}.{kind}", self.base));
            let about = if *kind == "raw" { "Raw timestamps" } else { "Analog timestamps" };
            let header = self.header(about, &[("Decimation", "1".to_owned())], "<time uint32>");
            (folder.join(format!("{}.timestamps.dat", self.base)), header)
        });
        let mut times_out = Files::create(self.folder, times.collect())?;
        let mut lines = Lines::create(self)?;
        let main = self.main();
        let counter = counter_stream(self.recording(), main);
        // Without a counter the samples of one channel are read for nothing but the walk.
        let selection = Selection {
            stream: counter.unwrap_or(request.selection.stream),
            channels: vec![0],
            frames: request.selection.frames.clone(),
        };
        let stream = &self.recording().streams[selection.stream];
        let plan = ChunkPlan::new(task, stream, &selection, Overlap::default())?;
        // The times of a chunk, as numbers and as bytes.
        let _memory = task.budget().reserve(8 * plan.chunk_frames.min(selection.len()))?;
        let mut list: Vec<u32> = Vec::new();
        let mut bytes: Vec<u8> = Vec::new();
        for_each(request.source.as_ref(), &selection, &plan, task, &mut |chunk, block| {
            list.clear();
            match (counter, block.samples()) {
                (Some(_), Samples::U32(counters)) => list.extend_from_slice(counters),
                _ => list.extend(chunk.core.clone().map(|frame| main.time.tick_of_frame(frame) as u32)),
            }
            bytes.clear();
            bytes.extend(list.iter().flat_map(|time| time.to_le_bytes()));
            for i in 0..folders.len() {
                times_out.open(i)?.write_all(&bytes).map_err(|e| self.folder.explain(e))?;
            }
            lines.write(self, chunk, &list)
        })
    }

    /// The settings in front of the records. The reader splits each line at `: ` and knows ASCII only.
    fn header(&self, about: &str, settings: &[(&str, String)], fields: &str) -> String {
        let recording = self.recording();
        let mut text = String::from("<Start settings>\n");
        let mut line = |key: &str, value: &str| {
            let plain: String =
                value.chars().map(|c| if c == ':' || !(' '..='~').contains(&c) { '_' } else { c }).collect();
            if !plain.trim().is_empty() {
                text += &format!("{key}: {}\n", plain.trim());
            }
        };
        line("Description", about);
        line("Byte_order", "little endian");
        let parts = self.request.source.parts();
        let first = parts.first().and_then(|part| part.path.file_name()).map(|name| name.to_string_lossy());
        line("Original_file", first.as_deref().unwrap_or(&recording.name));
        let rate_hz = self.main().time.rate_hz();
        line("Clockrate", &rate_hz.to_string());
        let told = [
            ("Trodes_version", "trodesVersion"),
            ("Compile_date", "compileDate"),
            ("Controller_firmware", "controllerFirmwareVersion"),
            ("Headstage_firmware", "headstageFirmwareVersion"),
            ("Controller_serialnum", "controllerSerial"),
            ("Headstage_serialnum", "headstageSerial"),
            ("System_time_at_creation", "systemTimeAtCreation"),
            ("Timestamp_at_creation", "timestampAtCreation"),
        ];
        for (key, property) in told {
            if let Some((_, value)) = recording.properties.iter().find(|(name, _)| name == property) {
                line(key, value);
            }
        }
        line("Time_offset", "0");
        line("First_timestamp", &self.first_time.to_string());
        for (key, value) in settings {
            line(key, value);
        }
        text + &format!("Fields: {fields}\n<End settings>\n")
    }
}

/// For each channel its nTrode and its number in it, from 1: by the groups, in the order of the stream.
fn places(channels: &[Channel]) -> Vec<(String, usize)> {
    let mut groups: Vec<(&str, String, usize)> = Vec::new();
    let mut names = Vec::new();
    channels
        .iter()
        .enumerate()
        .map(|(i, channel)| {
            if channel.group.is_empty() {
                return (unique(&mut names, &(i + 1).to_string()), 1);
            }
            let at = groups.iter().position(|(group, ..)| *group == channel.group).unwrap_or_else(|| {
                let number = channel.group.strip_prefix("nTrode ").unwrap_or(&channel.group);
                groups.push((&channel.group, unique(&mut names, number), 0));
                groups.len() - 1
            });
            groups[at].2 += 1;
            (groups[at].1.clone(), groups[at].2)
        })
        .collect()
}

/// `text` as a part of a file name that is none of `names`, which it joins.
fn unique(names: &mut Vec<String>, text: &str) -> String {
    let plain: String =
        text.chars().take(100).map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    let mut name = plain.clone();
    let mut again = 2;
    // File systems may not tell upper from lower case.
    while name.is_empty() || names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
        name = format!("{plain}_{again}");
        again += 1;
    }
    names.push(name.clone());
    name
}

/// Files that grow side by side: open, or opened anew for every piece if they are many.
struct Files<'a> {
    folder: &'a AtomicFolder,
    paths: Vec<PathBuf>,
    open: Vec<File>,
}

impl<'a> Files<'a> {
    fn create(folder: &'a AtomicFolder, files: Vec<(PathBuf, String)>) -> Result<Self> {
        let keep = files.len() <= MAX_OPEN;
        let mut out = Self { folder, paths: Vec::new(), open: Vec::new() };
        for (path, header) in files {
            let mut file =
                OpenOptions::new().append(true).create_new(true).open(&path).map_err(|e| folder.explain(e))?;
            file.write_all(header.as_bytes()).map_err(|e| folder.explain(e))?;
            out.paths.push(path);
            if keep {
                out.open.push(file);
            }
        }
        Ok(out)
    }

    fn open(&mut self, i: usize) -> Result<Opened<'_>> {
        if let Some(file) = self.open.get_mut(i) {
            return Ok(Opened::Kept(file));
        }
        let path: &Path = &self.paths[i];
        OpenOptions::new().append(true).open(path).map(Opened::Anew).map_err(|e| self.folder.explain(e))
    }
}

enum Opened<'a> {
    Kept(&'a mut File),
    Anew(File),
}

impl Opened<'_> {
    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Kept(file) => file.write_all(bytes),
            Self::Anew(file) => file.write_all(bytes),
        }
    }
}

/// The digital lines: a file each, and the last state of each.
struct Lines<'a> {
    tracks: Vec<usize>,
    files: Files<'a>,
    last: Vec<Option<u8>>,
}

impl<'a> Lines<'a> {
    fn create(export: &Export<'a>) -> Result<Self> {
        let recording = export.request.source.recording();
        let tracks = digital_tracks(recording);
        let mut files = Vec::new();
        if !tracks.is_empty() {
            let folder = export.folder.subfolder(&format!("{}.DIO", export.base))?;
            let mut names = Vec::new();
            for (i, &track) in tracks.iter().enumerate() {
                let about = &recording.events[track];
                let id = about.name.split_once('/').map_or(about.name.as_str(), |(_, id)| id);
                let direction = if about.description.starts_with("digital output") { "output" } else { "input" };
                let settings = [
                    ("Direction", direction.to_owned()),
                    ("ID", id.to_owned()),
                    ("Display_order", (i + 1).to_string()),
                ];
                let what = "State change data for one digital channel. Display_order is 1-based";
                let header = export.header(what, &settings, "<time uint32><state uint8>");
                let name = unique(&mut names, id);
                files.push((folder.join(format!("{}.dio_{name}.dat", export.base)), header));
            }
        }
        let last = vec![None; tracks.len()];
        Ok(Self { tracks, files: Files::create(export.folder, files)?, last })
    }

    /// The changes in `chunk`, whose frames have these times.
    fn write(&mut self, export: &Export<'_>, chunk: &Chunk, times: &[u32]) -> Result<()> {
        let time = &export.main().time;
        let range = time.secs_of_frame(chunk.core.start)..time.secs_of_tick(time.tick_of_frame(chunk.core.end - 1) + 1);
        let mut events: Vec<Event> = Vec::new();
        let mut bytes = Vec::new();
        for (i, &track) in self.tracks.iter().enumerate() {
            events.clear();
            bytes.clear();
            export.request.source.read_events(track, range.clone(), &mut events)?;
            for event in &events {
                let frame = time.frame_at_secs(event.start_secs);
                let state = u8::from(event.label == "1");
                // A range that ends between two ticks may bring what follows it.
                let Some(at) = frame.checked_sub(chunk.core.start).and_then(|at| times.get(at as usize)) else {
                    continue;
                };
                // Every range begins with the state in its first frame, which need not be a change.
                if self.last[i] == Some(state) {
                    continue;
                }
                self.last[i] = Some(state);
                bytes.extend_from_slice(&at.to_le_bytes());
                bytes.push(state);
            }
            if !bytes.is_empty() {
                self.files.open(i)?.write_all(&bytes).map_err(|e| export.folder.explain(e))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
