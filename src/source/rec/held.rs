//! Sensors that take turns in the same bytes of a packet, read as what each of them last said.
//!
//! The accelerometer, gyroscope and magnetometer of a headstage share six bytes; a bit of another byte tells whose turn
//! it is. The value of a sensor in a frame is that of its last update at or before the frame, however long ago; packet 0
//! initialises all, whatever its bits say (as `trodes_to_nwb` after its version 0.1.9 reads them).
//!
//! **Exact whatever the range.** A read looks back from its first frame for the last update of each sensor. Sensors that
//! are alive are updated many times a second: looking back costs some tens of packets. For one that is silent, or
//! switched off, it goes back as far as it must, in the worst case to packet 0; what was looked through is remembered
//! ([`Silence`]), so that all reads together look through everything once. [`Held::look_back`] does that ahead of a pass,
//! with a task that can stop it; what it has seen until then is remembered too. Only an estimate guesses: it looks
//! through no more than [`ESTIMATE_FRAMES`] besides what is remembered.
//!
//! Cost: one pass over the bytes of the frames for each channel, in groups that stay in the processor's cache.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::silence::Silence;
use crate::error::{Error, Result};
use crate::file::FlatLayout;
use crate::recording::{Block, SampleType, Samples};
use crate::task::Task;

/// Packets that an estimate looks through at most.
const ESTIMATE_FRAMES: u64 = 1 << 9;
/// A look back through no more packets than this is prompt.
const PROMPT_FRAMES: u64 = 1 << 16;
/// Packets are taken in groups of about this many bytes while the channels are taken out of them.
const GROUP_BYTES: u64 = 128 << 10;
/// Bytes of the file that a read keeps in memory.
const KEPT_BYTES: u64 = 4 << 20;
/// Packets between giving pages back while looking back.
const STEP_FRAMES: u64 = 1 << 13;
/// Looking back begins with as few packets, among which a sensor that is alive has mostly spoken.
const NEAR_FRAMES: u64 = 256;

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
    /// Where no turn was taken, as far as was looked.
    silence: Mutex<Silence>,
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
        let silence = Mutex::new(Silence::new(turns.len()));
        Self { sensors, turns, turn_of, silence }
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
        let last = self.last_updates(packets, frames.start, channels, estimate, None)?;
        let mut columns: Vec<Column> = Vec::with_capacity(channels.len());
        for &c in channels {
            let sensor = self.sensors[c];
            let last = last[self.turn_of[c]];
            let told_in = last.unwrap_or(0);
            let value = value(packets_of(packets, told_in..told_in + 1)?, sensor.offset);
            columns.push(Column { sensor, turn: self.turns[self.turn_of[c]], value, last });
        }
        let stride = packets.frame_stride() as usize;
        let group = (GROUP_BYTES / packets.frame_stride().max(1)).max(64);
        let keep = (KEPT_BYTES / packets.frame_stride().max(1)).max(1);
        let (mut at, mut kept) = (frames.start, frames.start);
        while at < frames.end {
            let until = frames.end.min(at + group);
            let bytes = packets_of(packets, at..until)?;
            let (from, to) = ((at - frames.start) as usize, (until - frames.start) as usize);
            for (i, column) in columns.iter_mut().enumerate() {
                column.take(bytes, stride, at, &mut samples[i * n + from..i * n + to]);
            }
            at = until;
            if at - kept >= keep {
                packets.map().release(bytes_of(packets, &(kept..at)));
                kept = at;
            }
        }
        packets.map().check()?;
        packets.map().release(bytes_of(packets, &(kept..frames.end)));
        if !estimate {
            let mut silence = lock(&self.silence);
            for (column, &c) in columns.iter().zip(channels) {
                silence.add(self.turn_of[c], column.last.map_or(0, |last| last + 1), frames.end);
            }
        }
        Ok(())
    }

    /// Looks for what the values of `channels` in `frame` are held from, however far back, and remembers it, so that
    /// reading from there on is prompt. The task's total grows as it goes, since how far it must go is not known ahead.
    ///
    /// # Errors
    /// When a channel is not there, the file has shrunk, or the task was stopped.
    pub(super) fn look_back(&self, packets: &FlatLayout, frame: u64, channels: &[usize], task: &Task) -> Result<()> {
        self.check(packets, &(frame..frame), channels)?;
        self.last_updates(packets, frame, channels, false, Some(task)).map(|_| ())
    }

    /// Whether reading `channels` from `frame` on needs no long look back. Looks a little way, and remembers it.
    ///
    /// # Errors
    /// As [`Self::look_back`].
    pub(super) fn is_prompt(&self, packets: &FlatLayout, frame: u64, channels: &[usize]) -> Result<bool> {
        self.check(packets, &(frame..frame), channels)?;
        let mut look = Look::new(self.turns_of(channels), self.turns.len(), frame);
        self.look(packets, &mut look, PROMPT_FRAMES, None)?;
        Ok(look.open.is_empty())
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

    /// The turns that `channels` take, each once.
    fn turns_of(&self, channels: &[usize]) -> Vec<usize> {
        let mut turns: Vec<usize> = channels.iter().map(|&c| self.turn_of[c]).collect();
        turns.sort_unstable();
        turns.dedup();
        turns
    }

    /// For each turn that `channels` take, its last update before `start`; `None` if there was none, or an estimate did
    /// not look far enough.
    fn last_updates(
        &self,
        packets: &FlatLayout,
        start: u64,
        channels: &[usize],
        estimate: bool,
        task: Option<&Task>,
    ) -> Result<Vec<Option<u64>>> {
        let mut look = Look::new(self.turns_of(channels), self.turns.len(), start);
        self.look(packets, &mut look, if estimate { ESTIMATE_FRAMES } else { u64::MAX }, task)?;
        Ok(look.last)
    }

    /// Goes backwards until every turn is settled or `patience` packets were looked through; remembers what was seen, also
    /// if it is stopped.
    fn look(&self, packets: &FlatLayout, look: &mut Look, patience: u64, task: Option<&Task>) -> Result<()> {
        let result = self.look_steps(packets, look, patience, task);
        let sound = packets.map().check();
        if sound.is_ok() {
            let mut silence = lock(&self.silence);
            for &turn in &look.wanted {
                silence.add(turn, look.last[turn].map_or(look.reached[turn], |last| last + 1), look.start);
            }
        }
        result.and(sound)
    }

    fn look_steps(&self, packets: &FlatLayout, look: &mut Look, patience: u64, task: Option<&Task>) -> Result<()> {
        let (mut patience, mut before) = (patience, None);
        loop {
            {
                let silence = lock(&self.silence);
                for &turn in &look.open {
                    look.reached[turn] = silence.since(turn, look.reached[turn]);
                }
            }
            // Nothing was said since the beginning: packet 0 it is.
            look.open.retain(|&turn| look.reached[turn] > 0);
            let Some(at) = look.open.iter().map(|&turn| look.reached[turn]).max() else { return Ok(()) };
            // Those that go on from there, down to where the next of the others does.
            let here: Vec<usize> = look.open.iter().copied().filter(|&turn| look.reached[turn] == at).collect();
            let next = look.open.iter().map(|&turn| look.reached[turn]).filter(|&frame| frame < at).max().unwrap_or(0);
            // Where known silence begins, the update that ended it is mostly the packet before.
            let step = if before == Some(at) { STEP_FRAMES } else { NEAR_FRAMES };
            let frames = at.saturating_sub(step.min(patience)).max(next)..at;
            if frames.is_empty() {
                return Ok(());
            }
            patience -= at - frames.start;
            before = Some(frames.start);
            self.look_in(packets, frames.clone(), &here, look)?;
            look.open.retain(|&turn| look.last[turn].is_none());
            if let Some(task) = task {
                let bytes = (at - frames.start) * packets.frame_stride();
                task.add_total(bytes);
                task.advance(bytes)?;
            }
        }
    }

    /// Looks through `frames` backwards for the last update of each of `turns`.
    fn look_in(&self, packets: &FlatLayout, frames: Range<u64>, turns: &[usize], look: &mut Look) -> Result<()> {
        let stride = packets.frame_stride() as usize;
        let mut open: Vec<usize> = turns.to_vec();
        let mut masks = self.masks(&open);
        let bytes = packets_of(packets, frames.clone())?;
        for (i, packet) in bytes.chunks_exact(stride).enumerate().rev() {
            if masks.iter().all(|&(at, mask)| packet[at] & mask == 0) {
                continue;
            }
            open.retain(|&turn| {
                let is_set = self.turns[turn].is_set(packet);
                if is_set {
                    look.last[turn] = Some(frames.start + i as u64);
                }
                !is_set
            });
            if open.is_empty() {
                break;
            }
            masks = self.masks(&open);
        }
        for &turn in turns {
            look.reached[turn] = frames.start;
        }
        packets.map().release(bytes_of(packets, &frames));
        Ok(())
    }

    /// The bytes that tell of `turns`, each with the bits that do.
    fn masks(&self, turns: &[usize]) -> Vec<(usize, u8)> {
        let mut masks: Vec<(usize, u8)> = Vec::new();
        for &turn in turns {
            let Turn { offset, bit } = self.turns[turn];
            match masks.iter_mut().find(|(at, _)| *at == offset) {
                Some((_, mask)) => *mask |= 1 << bit,
                None => masks.push((offset, 1 << bit)),
            }
        }
        masks
    }
}

/// A look back under way.
struct Look {
    /// The frame from which it began.
    start: u64,
    /// The turns asked for, and those of them that are not settled yet.
    wanted: Vec<usize>,
    open: Vec<usize>,
    /// For each turn of the device: from here to `start` nothing was said.
    reached: Vec<u64>,
    /// For each turn: its last update before `start`, where one was found.
    last: Vec<Option<u64>>,
}

impl Look {
    fn new(wanted: Vec<usize>, turns: usize, start: u64) -> Self {
        Self { start, open: wanted.clone(), wanted, reached: vec![start; turns], last: vec![None; turns] }
    }
}

fn lock(silence: &Mutex<Silence>) -> MutexGuard<'_, Silence> {
    // A change is a whole one even if the thread that made it panicked.
    silence.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A channel while frames go by.
struct Column {
    sensor: Sensor,
    turn: Turn,
    value: i16,
    /// The last update so far.
    last: Option<u64>,
}

impl Column {
    /// Fills `out` with the values of the packets in `bytes`, the first of which is frame `first`.
    fn take(&mut self, bytes: &[u8], stride: usize, first: u64, out: &mut [i16]) {
        let offset = self.sensor.offset;
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
