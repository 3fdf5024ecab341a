//! SpikeGadgets / Trodes `.rec`: an XML header, then packets of equal length until the end of the file.
//!
//! ```text
//! 0x55 | bytes of each device, in the header's order | u32 counter | (i64 clock) | i16 ephys samples
//! ```
//! All little-endian. A packet is a frame, so that everything that a packet holds is a flat stream over the same bytes,
//! and all streams share one clock, the packet counter ([`clock`]). Streams: `ephys`; `DEVICE_analog` (16-bit inputs);
//! `DEVICE_sensors` (what the sensors of a headstage, which take turns in the same bytes, last said: [`held`]) with
//! `DEVICE_updated` (1 in the frames where each was really updated); the same as it is stored, `DEVICE_multiplexed` (the
//! shared bytes, whoever's they are) with `DEVICE_slots` (the byte that tells whose turn it is), because the shared bytes
//! also hold what is no sensor; `SysClock` (nanoseconds since the Unix epoch) and `counter`. Digital lines are event
//! tracks `DEVICE_digital/LINE`. Wall-clock time is a line through `SysClock` ([`system_clock`]), or what the header says
//! of the file's creation plus the samples counted since.
//!
//! Opening costs the header, a few pages of the file, and some tens of pages more for every stretch of lost packets; it
//! does not grow with the file.
//!
//! After SpikeGadgets' documentation and python-neo's reader (`spikegadgetsrawio.py`), which reads the same values.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Confidence, Format, Head, OpenOptions, Source};
use crate::error::{Error, Result};
use crate::file::{FileMap, FlatLayout};
use crate::recording::{Block, ClockFit, Event, Recording, SampleFormat, SampleType, Warning};
use crate::task::Task;

mod clock;
mod digital;
mod grown;
mod header;
mod held;
mod order;
mod silence;
mod step;
mod streams;
mod system_clock;
mod timing;

use header::Header;
pub(crate) use step::{CounterStep, counter_step};
use streams::{Builder, digital_tracks};
pub(crate) use system_clock::PLAUSIBLE_UNIX_NS;
use timing::{Wall, time_base};

/// The row in the table of formats.
pub(crate) const FORMAT: Format =
    Format { name: "rec", title: "SpikeGadgets Trodes recording", extensions: &["rec"], probe, open };

/// The first byte of every packet.
pub(crate) const SYNC: u8 = 0x55;
fn probe(head: &Head<'_>) -> Confidence {
    let has = |what: &[u8]| head.bytes.windows(what.len()).any(|w| w == what);
    if head.bytes.trim_ascii_start().starts_with(b"<") && has(b"<Configuration") && has(b"<HardwareConfiguration") {
        Confidence::Magic
    } else if head.file_len > 0 && head.has_extension(&["rec", "trodesconf"]) {
        // Also a workspace (a header without packets), for the sake of what is then said about it.
        Confidence::Extension
    } else {
        Confidence::No
    }
}

/// How the samples of a stream are read.
enum Reader {
    Flat(FlatLayout),
    /// The held values of a device's sensors.
    Sensors(Arc<held::Held>),
    /// Where they were updated.
    Updates(Arc<held::Held>),
}

/// An open `.rec`.
struct RecSource {
    recording: Recording,
    /// One for each stream.
    readers: Vec<Reader>,
    /// The counters: what knows where packets are.
    packets: FlatLayout,
    /// One for each event track.
    lines: Vec<digital::DigitalLine>,
    /// What the file says of itself, and how it was opened: what describing it again, grown, takes.
    header: Arc<Header>,
    options: OpenOptions,
    /// Whether the counters are as they should be, but for gaps.
    is_regular: bool,
    wall: Wall,
}

impl RecSource {
    /// What is known of the sensors of each device that has some.
    fn held(&self) -> Vec<Arc<held::Held>> {
        let sensors = |reader: &Reader| if let Reader::Sensors(held) = reader { Some(Arc::clone(held)) } else { None };
        self.readers.iter().filter_map(sensors).collect()
    }

    fn read_stream(
        &self,
        stream: usize,
        frames: Range<u64>,
        channels: &[usize],
        estimate: bool,
        out: &mut Block,
    ) -> Result<()> {
        match self.readers.get(stream).ok_or_else(|| Error::invalid(format!("there is no stream {stream}")))? {
            Reader::Flat(layout) => layout.read(frames, channels, out),
            Reader::Sensors(held) => held.read(&self.packets, frames, channels, estimate, out),
            Reader::Updates(held) => held.read_updates(&self.packets, frames, channels, out),
        }
    }
}

impl Source for RecSource {
    fn recording(&self) -> &Recording {
        &self.recording
    }

    fn read(&self, stream: usize, frames: Range<u64>, channels: &[usize], out: &mut Block) -> Result<()> {
        self.read_stream(stream, frames, channels, false, out)
    }

    fn read_estimate(&self, stream: usize, frames: Range<u64>, channels: &[usize], out: &mut Block) -> Result<()> {
        self.read_stream(stream, frames, channels, true, out)
    }

    /// Looks for the last update of sensors that may have been silent for long.
    fn prepare(&self, stream: usize, channels: &[usize], frame: u64, task: &Task) -> Result<()> {
        match self.readers.get(stream) {
            Some(Reader::Sensors(held)) => held.look_back(&self.packets, frame, channels, task),
            _ => Ok(()),
        }
    }

    fn is_prepared(&self, stream: usize, channels: &[usize], frame: u64) -> bool {
        match self.readers.get(stream) {
            // What cannot be looked at is told about by `read`.
            Some(Reader::Sensors(held)) => held.is_prompt(&self.packets, frame, channels).unwrap_or(true),
            _ => true,
        }
    }

    fn flat(&self, stream: usize) -> Option<&FlatLayout> {
        match self.readers.get(stream)? {
            Reader::Flat(layout) => Some(layout),
            Reader::Sensors(_) | Reader::Updates(_) => None,
        }
    }

    /// The state of the line in the first frame of the range, and every change: label `0` or `1`.
    fn read_events(&self, track: usize, range: Range<f64>, out: &mut Vec<Event>) -> Result<()> {
        let line = self.lines.get(track).ok_or_else(|| Error::invalid(format!("there is no event track {track}")))?;
        let stream = &self.recording.streams[0];
        digital::read(line, &self.packets, &stream.time, range, out)
    }

    fn read_all_events(&self, range: Range<f64>, out: &mut [Vec<Event>]) -> Result<()> {
        digital::read_all(&self.lines, &self.packets, &self.recording.streams[0].time, range, out)
    }

    fn path(&self) -> Option<&Path> {
        Some(self.packets.map().path())
    }

    fn grown(&self, files: &[PathBuf], task: &Task) -> Result<Option<Arc<dyn Source>>> {
        match files {
            [file] if file == self.packets.map().path() => grown::grown(self, task).map(Some),
            _ => Ok(None),
        }
    }
}

fn open(path: &Path, options: &OpenOptions, task: &Task) -> Result<Arc<dyn Source>> {
    options.validate()?;
    let map = FileMap::open(path)?;
    let head = map.bytes(0..map.len().min(header::MAX_HEADER_BYTES as u64 + 4096))?;
    let (xml_end, header_end) = header::find_end(head, map.len())?;
    let header = header::parse(&head[..xml_end], header_end as u64, options.channel_order)?;
    map.check()?;
    Ok(Arc::new(describe(map, Arc::new(header), options, None, task)?))
}

/// The recording in `map`, which begins with `header`; `old` is the same recording, shorter, as it was described before.
fn describe(
    map: Arc<FileMap>,
    header: Arc<Header>,
    options: &OpenOptions,
    old: Option<&RecSource>,
    task: &Task,
) -> Result<RecSource> {
    let frames = map.len().saturating_sub(header.len_bytes) / header.packet_bytes;
    let mut warnings = header.warnings.clone();
    let mut properties = header.properties.clone();
    check_packets(&map, &header, frames, &mut warnings)?;
    let found = time_base(&map, &header, frames, options, old, task)?;
    let (time, is_regular) = (found.time, found.warnings.is_empty());
    warnings.extend(found.warnings);
    warnings.extend(found.wall.warnings.iter().cloned());
    if let Some(fit) = time.fit() {
        properties.push(("system clock".to_owned(), describe_fit(fit, time.rate_hz())));
    }
    let name = map.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let packets = counters(&map, &header, frames)?;
    let held = old.map_or_else(Vec::new, RecSource::held);
    let held = held.into_iter();
    let mut builder = Builder { map, header: &header, time, frames, held, streams: Vec::new(), readers: Vec::new() };
    builder.all_streams(options)?;
    let (streams, readers) = (builder.streams, builder.readers);
    let (events, lines) = digital_tracks(&header);
    let recording = Recording {
        name,
        format: FORMAT.name,
        main_stream: streams.iter().position(|s| s.name == "ephys"),
        streams,
        events,
        properties,
        warnings,
    };
    let options = options.clone();
    Ok(RecSource { recording, readers, packets, lines, header, options, is_regular, wall: found.wall })
}

fn counters(map: &Arc<FileMap>, header: &Header, frames: u64) -> Result<FlatLayout> {
    let format = SampleFormat::little(SampleType::U32);
    let Header { len_bytes, packet_bytes, counter_offset, .. } = *header;
    FlatLayout::new(map.clone(), format, len_bytes, packet_bytes, vec![counter_offset], frames)
}

/// `+20.3 ppm against the packet counter, 0.289 ms off on average (32 packets read)`.
fn describe_fit(fit: &ClockFit, rate_hz: f64) -> String {
    format!(
        "{:+.2} ppm against the packet counter, {:.3} ms off on average ({} packets read)",
        fit.drift_ppm(rate_hz),
        fit.residual_rms_ns / 1e6,
        fit.points
    )
}

/// Looks at what can be seen from the ends: sync bytes, and the bytes behind the last whole packet.
fn check_packets(map: &FileMap, header: &Header, frames: u64, warnings: &mut Vec<Warning>) -> Result<()> {
    let end = header.len_bytes + frames * header.packet_bytes;
    if frames == 0 {
        warnings
            .push(Warning::at(header.len_bytes, "there is no whole packet behind the header: nothing was recorded"));
    }
    if end < map.len() {
        warnings.push(Warning::at(
            end,
            format!("the file ends with {} bytes of an unfinished packet, which are left out", map.len() - end),
        ));
    }
    if frames > 0 {
        let first = map.bytes(header.len_bytes..header.len_bytes + 1)?[0];
        if first != SYNC {
            warnings.push(Warning::at(
                header.len_bytes,
                format!(
                    "the first packet begins with {first:#04x} instead of {SYNC:#04x}: the header may not belong to these packets, whose length it gives as {} bytes",
                    header.packet_bytes
                ),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
