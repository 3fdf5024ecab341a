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

use super::{Confidence, Format, Head, OpenOptions, Source, WallClock};
use crate::error::{Error, Result};
use crate::file::{FileMap, FlatLayout};
use crate::recording::{
    Block, Channel, ClockFit, Event, EventTrack, Recording, SampleFormat, SampleType, Stream, TimeBase, Warning,
};
use crate::task::Task;

mod clock;
mod digital;
mod grown;
mod header;
mod held;
mod order;
mod silence;
mod step;
mod system_clock;

use header::{Device, Header, LineKind};
pub(crate) use step::{CounterStep, counter_step};
pub(crate) use system_clock::PLAUSIBLE_UNIX_NS;

/// The row in the table of formats.
pub(crate) const FORMAT: Format =
    Format { name: "rec", title: "SpikeGadgets Trodes recording", extensions: &["rec"], probe, open };

/// The first byte of every packet.
pub(crate) const SYNC: u8 = 0x55;
/// A recording starts at most this long after its file was made.
const MAX_START_DELAY_SECS: f64 = 86_400.0;

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

/// How the wall clock was found.
#[derive(Clone, Debug)]
struct Wall {
    /// Packets that there were.
    frames: u64,
    fit: Option<ClockFit>,
    start_unix_ns: Option<i128>,
    warnings: Vec<Warning>,
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

/// The packets of a mapped file, for the clock.
struct MappedPackets<'a> {
    /// From the first packet on.
    bytes: &'a [u8],
    header: &'a Header,
    frames: u64,
    /// Whether packets are known by their sync byte (not if even the first lacks it).
    synced: bool,
    map: &'a FileMap,
    probes: std::cell::Cell<u32>,
    task: &'a Task,
}

/// Probes between giving pages back: the system maps up to some megabytes around each.
const KEPT_PROBES: u32 = 8;

impl MappedPackets<'_> {
    fn probed(&self) {
        self.probes.set(self.probes.get().wrapping_add(1));
        if self.probes.get().is_multiple_of(KEPT_PROBES) {
            let end = self.header.len_bytes + self.frames * self.header.packet_bytes;
            self.map.release(self.header.len_bytes..end);
        }
    }
}

impl clock::Packets for MappedPackets<'_> {
    fn count(&self) -> u64 {
        self.frames
    }

    fn counter(&self, index: u64) -> Option<u32> {
        let packet = usize::try_from(index * self.header.packet_bytes).ok()?;
        let at = packet + self.header.counter_offset as usize;
        self.probed();
        if self.synced && *self.bytes.get(packet)? != SYNC {
            return None;
        }
        Some(u32::from_le_bytes(self.bytes.get(at..at + 4)?.try_into().ok()?))
    }

    fn byte_of(&self, index: u64) -> u64 {
        self.header.len_bytes + index * self.header.packet_bytes
    }

    fn system_ns(&self, index: u64) -> Option<i64> {
        let at = usize::try_from(index * self.header.packet_bytes + self.header.clock_offset?).ok()?;
        self.probed();
        Some(i64::from_le_bytes(self.bytes.get(at..at + 8)?.try_into().ok()?))
    }

    fn is_stopped(&self) -> bool {
        self.task.is_cancelled()
    }
}

/// The clock of a recording, and what was found out on the way.
struct FoundTime {
    time: TimeBase,
    /// About the counters.
    warnings: Vec<Warning>,
    wall: Wall,
}

fn time_base(
    map: &Arc<FileMap>,
    header: &Header,
    frames: u64,
    options: &OpenOptions,
    old: Option<&RecSource>,
    task: &Task,
) -> Result<FoundTime> {
    let rate_hz = options.rate_hz.unwrap_or(header.rate_hz);
    let end = header.len_bytes + frames * header.packet_bytes;
    let bytes = map.bytes(header.len_bytes..end)?;
    let packets = MappedPackets {
        bytes,
        header,
        frames,
        synced: bytes.first() == Some(&SYNC),
        map,
        probes: std::cell::Cell::new(0),
        task,
    };
    let known = old.and_then(|old| grown::spans(&packets, old, rate_hz));
    let clock = match known {
        Some(spans) => clock::Clock { spans, warnings: Vec::new() },
        None => clock::find(&packets, rate_hz),
    };
    let time = TimeBase::with_spans(rate_hz, clock.spans);
    let wall = match old.map(|old| &old.wall).filter(|wall| grown::wall_holds(wall, frames)) {
        Some(wall) => wall.clone(),
        None => wall_clock(&packets, &time, options)?,
    };
    map.check()?;
    map.release(header.len_bytes..end);
    if task.is_cancelled() {
        return Err(Error::cancelled());
    }
    let time = match (wall.fit, wall.start_unix_ns) {
        (Some(fit), _) => time.fitted_to(fit),
        (None, Some(start)) => time.starting_at(start),
        (None, None) => time,
    };
    Ok(FoundTime { time, warnings: clock.warnings, wall })
}

/// What clock time the ticks of `time` are.
fn wall_clock(packets: &MappedPackets<'_>, time: &TimeBase, options: &OpenOptions) -> Result<Wall> {
    use clock::Packets as _;
    let (header, frames) = (packets.header, packets.frames);
    let mut warnings = Vec::new();
    let first_counter = if frames > 0 { packets.counter(0) } else { None };
    let told = options.start_unix_ns()?;
    let uses_system = options.clock != Some(WallClock::Creation) && told.is_none();
    let first_clock = if uses_system { system_clock::plausible(packets, 0) } else { None };
    let mut fit = None;
    if uses_system && header.clock_offset.is_some() {
        for frame in system_clock::sampled_frames(frames, header.packet_bytes) {
            let at = packets.byte_of(frame);
            packets.map.will_need(at..at + header.packet_bytes);
        }
        fit = system_clock::fit(packets, header.packet_bytes, time, &mut warnings);
    }
    let start_unix_ns = match (fit, told) {
        (Some(_), _) => None,
        (None, Some(told)) => Some(told),
        (None, None) => start_unix_ns(header, first_counter, first_clock, &mut warnings),
    };
    Ok(Wall { frames, fit, start_unix_ns, warnings })
}

/// The wall-clock time of the first packet: what the controller's clock says in it; without such a clock, when the file
/// was made, plus the samples counted between that and the first packet.
fn start_unix_ns(
    header: &Header,
    first_counter: Option<u32>,
    first_clock: Option<i64>,
    warnings: &mut Vec<Warning>,
) -> Option<i128> {
    if let Some(ns) = first_clock {
        return Some(i128::from(ns));
    }
    let creation = i128::from(header.creation_unix_ms?) * 1_000_000;
    let delay = match (header.creation_counter, first_counter) {
        (Some(made), Some(first)) => f64::from(first.wrapping_sub(made)) / header.rate_hz,
        _ => 0.0,
    };
    if delay > MAX_START_DELAY_SECS {
        warnings.push(Warning::new(
            "the counter of the first packet does not follow from the one that the header tells (timestampAtCreation); the start time is when the file was made",
        ));
        return Some(creation);
    }
    Some(creation + (delay * 1e9).round() as i128)
}

/// Collects streams and where their samples lie.
struct Builder<'h> {
    map: Arc<FileMap>,
    header: &'h Header,
    time: TimeBase,
    frames: u64,
    /// What is known of the sensors of each device already.
    held: std::vec::IntoIter<Arc<held::Held>>,
    streams: Vec<Stream>,
    readers: Vec<Reader>,
}

impl Builder<'_> {
    fn push(&mut self, name: String, sample_type: SampleType, channels: Vec<(u64, Channel)>) -> Result<()> {
        if channels.is_empty() {
            return Ok(());
        }
        let (offsets, channels) = channels.into_iter().unzip();
        let Header { len_bytes, packet_bytes, .. } = *self.header;
        let format = SampleFormat::little(sample_type);
        let layout = FlatLayout::new(self.map.clone(), format, len_bytes, packet_bytes, offsets, self.frames)?;
        self.push_stream(name, sample_type, channels, Reader::Flat(layout));
        Ok(())
    }

    fn push_stream(&mut self, name: String, sample_type: SampleType, channels: Vec<Channel>, reader: Reader) {
        let taken = self.streams.iter().filter(|s| s.name == name).count();
        let name = if taken > 0 { format!("{name} #{}", self.streams.len() + 1) } else { name };
        let format = SampleFormat::little(sample_type);
        // Held values are worked out, so that they are in the machine's order already.
        let format = if matches!(reader, Reader::Flat(_)) { format } else { SampleFormat::native(sample_type) };
        self.readers.push(reader);
        self.streams.push(Stream { name, format, time: self.time.clone(), frames: self.frames, channels });
    }

    fn all_streams(&mut self, options: &OpenOptions) -> Result<()> {
        let header = self.header;
        let mut ephys = header.ephys.clone();
        options.apply_to_channels(&mut ephys);
        let ephys = ephys.into_iter().enumerate().map(|(i, c)| (header.ephys_offset + 2 * i as u64, c)).collect();
        self.push("ephys".to_owned(), SampleType::I16, ephys)?;
        for device in &header.devices {
            self.device_streams(device)?;
        }
        let clock = |id: &str, unit: &str| Channel {
            id: id.into(),
            name: id.into(),
            unit: unit.into(),
            ..Channel::numbered(0)
        };
        if let Some(at) = header.clock_offset {
            self.push("SysClock".to_owned(), SampleType::I64, vec![(at, clock("SysClock", "ns"))])?;
        }
        self.push("counter".to_owned(), SampleType::U32, vec![(header.counter_offset, clock("counter", ""))])
    }

    fn device_streams(&mut self, device: &Device) -> Result<()> {
        let plain = |id: String, name: String, unit: &str| Channel {
            id,
            name,
            unit: unit.to_owned(),
            scale: crate::recording::Scale::default(),
            group: device.name.clone(),
            position: None,
        };
        let mut analog: Vec<(u64, Channel)> = Vec::new();
        let mut sensors: Vec<(u64, Channel)> = Vec::new();
        let mut places: Vec<held::Sensor> = Vec::new();
        let mut slots: std::collections::BTreeMap<u64, Vec<&str>> = std::collections::BTreeMap::new();
        let mut ids: std::collections::BTreeSet<u64> = std::collections::BTreeSet::new();
        for line in &device.lines {
            let channel = plain(line.id.clone(), line.id.clone(), &line.unit);
            match line.kind {
                LineKind::Analog => analog.push((line.offset, channel)),
                LineKind::Multiplexed { id_offset, id_bit } => {
                    sensors.push((line.offset, channel));
                    places.push(held::Sensor { offset: line.offset, id_offset, id_bit });
                    slots.entry(line.offset).or_default().push(&line.id);
                    ids.insert(id_offset);
                }
                LineKind::Digital { .. } | LineKind::Other => {}
            }
        }
        make_unique(&mut analog);
        self.push(format!("{}_analog", device.name), SampleType::I16, analog)?;
        if sensors.is_empty() {
            return Ok(());
        }
        make_unique(&mut sensors);
        let held = self.held.next().unwrap_or_else(|| Arc::new(held::Held::new(places)));
        let channels: Vec<Channel> = sensors.into_iter().map(|(_, channel)| channel).collect();
        let flags = channels.iter().map(|c| Channel { unit: String::new(), ..c.clone() }).collect();
        self.push_stream(format!("{}_sensors", device.name), SampleType::I16, channels, Reader::Sensors(held.clone()));
        self.push_stream(format!("{}_updated", device.name), SampleType::U8, flags, Reader::Updates(held));
        let within = |offset: u64| offset - device.offset;
        let slots = slots.into_iter().map(|(at, ids)| (at, plain(format!("byte {}", within(at)), ids.join(" / "), "")));
        self.push(format!("{}_multiplexed", device.name), SampleType::I16, slots.collect())?;
        let ids = ids.into_iter().map(|at| (at, plain(format!("byte {}", within(at)), "slot bits".to_owned(), "")));
        self.push(format!("{}_slots", device.name), SampleType::U8, ids.collect())
    }
}

/// Gives channels with the same id different ones.
fn make_unique(channels: &mut [(u64, Channel)]) {
    let mut seen = std::collections::BTreeSet::new();
    for (i, (_, channel)) in channels.iter_mut().enumerate() {
        if !seen.insert(channel.id.clone()) {
            channel.id = format!("{} #{i}", channel.id);
            seen.insert(channel.id.clone());
        }
    }
}

fn digital_tracks(header: &Header) -> (Vec<EventTrack>, Vec<digital::DigitalLine>) {
    let mut tracks = Vec::new();
    let mut lines = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for device in &header.devices {
        for line in &device.lines {
            let LineKind::Digital { bit, input } = line.kind else { continue };
            let mut name = format!("{}_digital/{}", device.name, line.id);
            if !seen.insert(name.clone()) {
                name = format!("{name} #{}", tracks.len());
                seen.insert(name.clone());
            }
            let direction = if input { "input" } else { "output" };
            let byte = line.offset - device.offset;
            let description = format!("digital {direction}, {} byte {byte} bit {bit}", device.name);
            tracks.push(EventTrack { name, description, events: None });
            lines.push(digital::DigitalLine { offset: line.offset, bit });
        }
    }
    (tracks, lines)
}

#[cfg(test)]
mod tests;
