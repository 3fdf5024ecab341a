//! The streams and event tracks that the header of a file tells of, and where their samples lie in a packet.

use std::sync::Arc;

use super::header::{Device, Header, LineKind};
use super::{Reader, digital, held};
use crate::error::Result;
use crate::file::{FileMap, FlatLayout};
use crate::recording::{Channel, EventTrack, SampleFormat, SampleType, Stream, TimeBase};
use crate::source::OpenOptions;

/// Collects streams and where their samples lie.
pub(super) struct Builder<'h> {
    pub(super) map: Arc<FileMap>,
    pub(super) header: &'h Header,
    pub(super) time: TimeBase,
    pub(super) frames: u64,
    /// What is known of the sensors of each device already.
    pub(super) held: std::vec::IntoIter<Arc<held::Held>>,
    pub(super) streams: Vec<Stream>,
    pub(super) readers: Vec<Reader>,
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

    pub(super) fn all_streams(&mut self, options: &OpenOptions) -> Result<()> {
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

pub(super) fn digital_tracks(header: &Header) -> (Vec<EventTrack>, Vec<digital::DigitalLine>) {
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
