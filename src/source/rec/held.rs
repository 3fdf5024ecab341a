//! Sensors that take turns in the same bytes of a packet, read as what each of them last said.
//!
//! The accelerometer, gyroscope and magnetometer of a headstage share six bytes; a bit of another byte tells whose turn
//! it is. The value of a sensor in a frame is that of its last update at or before the frame; packet 0 initialises all,
//! whatever its bits say (as `trodes_to_nwb` after its version 0.1.9 reads them).
//!
//! **Exact whatever the range.** A read looks back from its first frame for the last update of each sensor, at most
//! [`HOLD_FRAMES`] far (35 s at 30 kHz); a sensor that was silent for so long has the value of packet 0 again, which is
//! also what one has that is switched off. So the value of a frame depends on the file and the frame alone, not on how
//! the reading is cut, and no read touches more than that. Sensors that are alive are updated many times a second:
//! looking back costs some tens of packets. Where one is silent, what was looked through is remembered for each
//! [`BLOCK_FRAMES`], so that a pass from front to back looks at everything once.
//!
//! Cost: one pass over the bytes of the frames for each channel, in groups that stay in the processor's cache.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Mutex;

use crate::error::{Error, Result};
use crate::file::FlatLayout;
use crate::recording::{Block, SampleType, Samples};

/// How long a value holds without an update.
pub(super) const HOLD_FRAMES: u64 = 1 << 20;
/// How far an estimate looks back.
const ESTIMATE_HOLD_FRAMES: u64 = 1 << 9;
/// What is remembered together; offsets in it fit 16 bits with two to spare.
const BLOCK_FRAMES: u64 = 1 << 14;
/// No update in the block.
const NONE: u16 = u16::MAX;
/// Not looked yet.
const UNKNOWN: u16 = u16::MAX - 1;
/// Blocks remembered at most (some 10 MiB, 19 hours at 30 kHz); then all are forgotten.
const MAX_BLOCKS: usize = 1 << 17;
/// Packets are taken in groups of about this many bytes while the channels are taken out of them.
const GROUP_BYTES: u64 = 128 << 10;
/// Bytes of the file that a read keeps in memory.
const KEPT_BYTES: u64 = 4 << 20;
/// Packets between giving pages back while looking back.
const STEP_FRAMES: u64 = 1 << 13;

/// Where a sensor is in a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sensor {
    /// Offset of the two bytes of its value.
    pub offset: u64,
    /// Offset of the byte that tells whose turn it is.
    pub id_offset: u64,
    /// The bit of it that stands for this sensor.
    pub id_bit: u8,
}

/// The bit that several sensors (the axes of one) are updated by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Turn {
    offset: usize,
    bit: u8,
}

impl Turn {
    fn is_set(self, packet: &[u8]) -> bool {
        packet[self.offset] >> self.bit & 1 == 1
    }
}

/// The sensors of one device.
#[derive(Debug)]
pub(super) struct Held {
    sensors: Vec<Sensor>,
    turns: Vec<Turn>,
    /// For each sensor, which of `turns`.
    turn_of: Vec<usize>,
    /// For blocks looked through: for each turn, the offset of its last update in the block.
    seen: Mutex<HashMap<u64, Box<[u16]>>>,
}

impl Held {
    pub(super) fn new(sensors: Vec<Sensor>) -> Self {
        let mut turns: Vec<Turn> = Vec::new();
        let mut turn_of = Vec::with_capacity(sensors.len());
        for sensor in &sensors {
            let turn = Turn { offset: sensor.id_offset as usize, bit: sensor.id_bit };
            turn_of.push(turns.iter().position(|&t| t == turn).unwrap_or_else(|| {
                turns.push(turn);
                turns.len() - 1
            }));
        }
        Self { sensors, turns, turn_of, seen: Mutex::new(HashMap::new()) }
    }

    /// Fills `out` with the held values of `channels` over `frames`; `packets` is any stream of the recording. An
    /// `estimate` looks back less far than it must.
    ///
    /// # Errors
    /// When the range or a channel is not there, or the file has shrunk.
    pub(super) fn read(
        &self,
        packets: &FlatLayout,
        frames: Range<u64>,
        channels: &[usize],
        estimate: bool,
        out: &mut Block,
    ) -> Result<()> {
        self.check(packets, &frames, channels)?;
        let n = (frames.end - frames.start) as usize;
        out.reset(SampleType::I16, channels.len(), n);
        let Samples::I16(samples) = out.samples_mut() else { return Err(Error::invalid("a block of another type")) };
        if n == 0 || channels.is_empty() {
            return Ok(());
        }
        let mut needed: Vec<usize> = channels.iter().map(|&c| self.turn_of[c]).collect();
        needed.sort_unstable();
        needed.dedup();
        let limit = if estimate { ESTIMATE_HOLD_FRAMES } else { HOLD_FRAMES };
        let mut last = vec![None; self.turns.len()];
        self.look_back(packets, frames.start, limit, &needed, &mut last)?;
        let first_packet = packets_of(packets, 0..1)?;
        let mut columns: Vec<Column> = Vec::with_capacity(channels.len());
        for &c in channels {
            let sensor = self.sensors[c];
            let last = last[self.turn_of[c]];
            let initial = value(first_packet, sensor.offset);
            let value = match last {
                Some(frame) => value(packets_of(packets, frame..frame + 1)?, sensor.offset),
                None => initial,
            };
            columns.push(Column { sensor, turn: self.turns[self.turn_of[c]], initial, value, last });
        }
        let stride = packets.frame_stride() as usize;
        // Groups end where blocks do, so that what is found can be remembered.
        let group = (GROUP_BYTES / packets.frame_stride().max(1)).max(64).next_power_of_two().min(BLOCK_FRAMES);
        let keep = (KEPT_BYTES / packets.frame_stride().max(1)).max(1);
        let (mut at, mut kept) = (frames.start, frames.start);
        while at < frames.end {
            let until = frames.end.min((at / group + 1) * group);
            let bytes = packets_of(packets, at..until)?;
            let (from, to) = ((at - frames.start) as usize, (until - frames.start) as usize);
            for (i, column) in columns.iter_mut().enumerate() {
                column.take(bytes, stride, at, &mut samples[i * n + from..i * n + to]);
            }
            if until.is_multiple_of(BLOCK_FRAMES) && until - frames.start >= BLOCK_FRAMES {
                self.remember(until / BLOCK_FRAMES - 1, &columns, channels);
            }
            at = until;
            if at - kept >= keep {
                packets.map().release(bytes_of(packets, &(kept..at)));
                kept = at;
            }
        }
        packets.map().check()?;
        packets.map().release(bytes_of(packets, &(kept..frames.end)));
        Ok(())
    }

    /// Fills `out` with 1 where a packet updates the sensor and 0 where its value holds.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(super) fn read_updates(
        &self,
        packets: &FlatLayout,
        frames: Range<u64>,
        channels: &[usize],
        out: &mut Block,
    ) -> Result<()> {
        self.check(packets, &frames, channels)?;
        let n = (frames.end - frames.start) as usize;
        out.reset(SampleType::U8, channels.len(), n);
        let Samples::U8(samples) = out.samples_mut() else { return Err(Error::invalid("a block of another type")) };
        if n == 0 {
            return Ok(());
        }
        let bytes = packets_of(packets, frames.clone())?;
        let stride = packets.frame_stride() as usize;
        let group = (GROUP_BYTES as usize / stride.max(1)).max(64);
        let keep = (KEPT_BYTES / packets.frame_stride().max(1)).max(1);
        let mut kept = frames.start;
        for (g, bytes) in bytes.chunks(group * stride).enumerate() {
            let at = frames.start + (g * group) as u64;
            if at - kept >= keep {
                packets.map().release(bytes_of(packets, &(kept..at)));
                kept = at;
            }
            for (i, &c) in channels.iter().enumerate() {
                let turn = self.turns[self.turn_of[c]];
                let out = &mut samples[i * n + g * group..(i + 1) * n];
                for (x, packet) in out.iter_mut().zip(bytes.chunks_exact(stride)) {
                    *x = u8::from(turn.is_set(packet));
                }
            }
        }
        packets.map().check()?;
        packets.map().release(bytes_of(packets, &(kept..frames.end)));
        Ok(())
    }

    fn check(&self, packets: &FlatLayout, frames: &Range<u64>, channels: &[usize]) -> Result<()> {
        let error = |what: String| Err(Error::invalid(what).with_path(packets.map().path()));
        if frames.start > frames.end || frames.end > packets.frames() {
            let Range { start, end } = frames;
            return error(format!("frames {start} to {end} are not in the stream, which has {}", packets.frames()));
        }
        match channels.iter().find(|&&c| c >= self.sensors.len()) {
            Some(c) => error(format!("there is no channel {c}")),
            None => Ok(()),
        }
    }

    /// The last update of each of the turns `needed` before `start`, not more than `limit` frames before it.
    fn look_back(
        &self,
        packets: &FlatLayout,
        start: u64,
        limit: u64,
        needed: &[usize],
        last: &mut [Option<u64>],
    ) -> Result<()> {
        let lowest = start.saturating_sub(limit - 1);
        // Most are found within some tens of packets.
        let near = start.saturating_sub(256).max(lowest);
        let mut open: Vec<usize> = needed.to_vec();
        self.look_in(packets, near..start, &mut open, last)?;
        let mut at = near;
        while !open.is_empty() && at > lowest {
            let block = (at - 1) / BLOCK_FRAMES;
            let from = (block * BLOCK_FRAMES).max(lowest);
            let whole = at == (block + 1) * BLOCK_FRAMES;
            if !whole {
                self.look_in(packets, from..at, &mut open, last)?;
            } else {
                let seen = self.block(packets, block, &open)?;
                open.retain(|&turn| {
                    let found = Some(seen[turn]).filter(|&s| s != NONE);
                    let frame = found.map(|offset| block * BLOCK_FRAMES + u64::from(offset));
                    // Behind the first frame of interest, or too long ago to count.
                    last[turn] = frame.filter(|&f| f >= lowest);
                    frame.is_none()
                });
            }
            at = from;
        }
        Ok(())
    }

    /// The last updates in a whole block, for the turns `wanted` at least.
    fn block(&self, packets: &FlatLayout, block: u64, wanted: &[usize]) -> Result<Box<[u16]>> {
        let known = self.seen.lock().ok().and_then(|seen| seen.get(&block).cloned());
        let mut seen = known.unwrap_or_else(|| vec![UNKNOWN; self.turns.len()].into());
        let mut open: Vec<usize> = wanted.iter().copied().filter(|&t| seen[t] == UNKNOWN).collect();
        if open.is_empty() {
            return Ok(seen);
        }
        let asked = open.clone();
        let mut last = vec![None; self.turns.len()];
        let first = block * BLOCK_FRAMES;
        self.look_in(packets, first..first + BLOCK_FRAMES, &mut open, &mut last)?;
        for turn in asked {
            seen[turn] = last[turn].map_or(NONE, |frame| (frame - first) as u16);
        }
        packets.map().check()?;
        self.insert(block, &seen);
        Ok(seen)
    }

    /// Looks through `frames` backwards until all of the turns `open` were found; those that were are taken out.
    fn look_in(
        &self,
        packets: &FlatLayout,
        frames: Range<u64>,
        open: &mut Vec<usize>,
        last: &mut [Option<u64>],
    ) -> Result<()> {
        let stride = packets.frame_stride() as usize;
        let mut end = frames.end;
        while end > frames.start && !open.is_empty() {
            let start = end.saturating_sub(STEP_FRAMES).max(frames.start);
            let bytes = packets_of(packets, start..end)?;
            for (i, packet) in bytes.chunks_exact(stride).enumerate().rev() {
                let before = open.len();
                open.retain(|&turn| {
                    let is_set = self.turns[turn].is_set(packet);
                    if is_set {
                        last[turn] = Some(start + i as u64);
                    }
                    !is_set
                });
                if open.len() != before && open.is_empty() {
                    break;
                }
            }
            packets.map().release(bytes_of(packets, &(start..end)));
            end = start;
        }
        Ok(())
    }

    /// Keeps what reading a whole block has shown.
    fn remember(&self, block: u64, columns: &[Column], channels: &[usize]) {
        let known = self.seen.lock().ok().and_then(|seen| seen.get(&block).cloned());
        let mut seen = known.unwrap_or_else(|| vec![UNKNOWN; self.turns.len()].into());
        let first = block * BLOCK_FRAMES;
        for (column, &c) in columns.iter().zip(channels) {
            let found = column.last.filter(|&frame| frame >= first);
            seen[self.turn_of[c]] = found.map_or(NONE, |frame| (frame - first) as u16);
        }
        self.insert(block, &seen);
    }

    fn insert(&self, block: u64, seen: &[u16]) {
        if let Ok(mut all) = self.seen.lock() {
            if all.len() >= MAX_BLOCKS {
                all.clear();
            }
            all.insert(block, seen.into());
        }
    }
}

/// A channel while frames go by.
struct Column {
    sensor: Sensor,
    turn: Turn,
    /// The value of packet 0.
    initial: i16,
    value: i16,
    /// The last update so far.
    last: Option<u64>,
}

impl Column {
    /// Fills `out` with the values of the packets in `bytes`, the first of which is frame `first`.
    fn take(&mut self, bytes: &[u8], stride: usize, first: u64, out: &mut [i16]) {
        let offset = self.sensor.offset;
        let end = first + out.len() as u64;
        if self.last.is_some_and(|last| end > last + HOLD_FRAMES) {
            // Somewhere here it may have been silent for too long: one by one.
            for (i, (x, packet)) in out.iter_mut().zip(bytes.chunks_exact(stride)).enumerate() {
                let frame = first + i as u64;
                if self.turn.is_set(packet) {
                    (self.value, self.last) = (value(packet, offset), Some(frame));
                } else if self.last.is_some_and(|last| frame >= last + HOLD_FRAMES) {
                    (self.value, self.last) = (self.initial, None);
                }
                *x = self.value;
            }
        } else {
            let mut newest = None;
            let mut held = self.value;
            for (i, (x, packet)) in out.iter_mut().zip(bytes.chunks_exact(stride)).enumerate() {
                if self.turn.is_set(packet) {
                    held = value(packet, offset);
                    newest = Some(i);
                }
                *x = held;
            }
            self.value = held;
            self.last = newest.map(|i| first + i as u64).or(self.last);
        }
    }
}

/// The 16-bit number at `offset` of a packet.
fn value(packet: &[u8], offset: u64) -> i16 {
    let at = offset as usize;
    i16::from_le_bytes([packet[at], packet[at + 1]])
}

/// Where the packets of `frames` are in the file, whole.
fn bytes_of(packets: &FlatLayout, frames: &Range<u64>) -> Range<u64> {
    let stride = packets.frame_stride();
    packets.first_byte() + frames.start * stride..packets.first_byte() + frames.end * stride
}

fn packets_of(packets: &FlatLayout, frames: Range<u64>) -> Result<&[u8]> {
    packets.map().bytes(bytes_of(packets, &frames))
}
