//! Packets in the order of the file: which are missing, repeated, out of order, damaged; and what the system clock beside
//! the counter says.
//!
//! Opening finds gaps by bisection and cannot see what cancels out between two probes; this looks at every packet. A
//! *step* is a place where the counter does not go up by one a packet; steps are collected in order and classified at the
//! end, because only what follows tells a damaged counter from lost packets. Packets with a wrong first byte are counted
//! and their counters not believed.

use std::ops::Range;

use super::{Kind, MAX_STRAY_NS, Place};
use crate::error::Result;
use crate::file::FlatLayout;
use crate::recording::{ClockSums, TimeBase};
use crate::source::rec::{CounterStep, PLAUSIBLE_UNIX_NS, SYNC, counter_step};

/// Steps, and stretches of wrong sync bytes, that are kept one by one; of further ones only the kind is counted.
const MAX_KEPT: usize = 1 << 15;
/// Packets are looked at in pieces of about this many bytes.
const PIECE_BYTES: u64 = 2 << 20;
/// Counters of this many packets in a row may be damaged.
const GLITCH_FRAMES: u64 = 16;

/// Where things are in a packet.
#[derive(Clone, Copy)]
pub(super) struct PacketLayout<'a> {
    /// The stream of counters.
    pub packets: &'a FlatLayout,
    /// Offset of the counter in a packet.
    pub counter: usize,
    /// Offset of the system clock.
    pub clock: Option<usize>,
    /// Whether packets are known by their first byte (not if even the first lacks it).
    pub is_synced: bool,
}

/// A packet that was believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Seen {
    frame: u64,
    counter: u32,
    clock: Option<i64>,
}

/// A place where the counter does not follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Step {
    before: Seen,
    here: Seen,
}

impl Step {
    /// Packets missing between the two (negative: too many), modulo 2³².
    fn missing(&self) -> i64 {
        let frames = (self.here.frame - self.before.frame) as u32;
        i64::from(self.here.counter.wrapping_sub(self.before.counter).wrapping_sub(frames).cast_signed())
    }

    /// What it is by itself, and how many packets or ticks it is about.
    fn kind(&self, rate_hz: f64) -> (Kind, u64) {
        let missing = self.missing();
        let elapsed = self.before.clock.zip(self.here.clock).map(|(a, b)| b.saturating_sub(a) as f64 / 1e9 * rate_hz);
        match counter_step(missing, elapsed, rate_hz) {
            CounterStep::Missing(packets) => return (Kind::Dropped, packets),
            CounterStep::Reset => return (Kind::Reset, missing.unsigned_abs()),
            CounterStep::Back => {}
        }
        let back = i64::from(self.here.counter.wrapping_sub(self.before.counter).cast_signed());
        if back < 0 { (Kind::Backward, back.unsigned_abs()) } else { (Kind::Duplicated, missing.unsigned_abs()) }
    }
}

/// Everything seen in some consecutive packets.
pub(super) struct Packets<'a> {
    layout: PacketLayout<'a>,
    time: &'a TimeBase,
    first: Option<Seen>,
    last: Option<Seen>,
    steps: Vec<Step>,
    /// Of the steps behind those kept.
    more: Counts,
    /// Stretches of packets with a wrong first byte.
    unsynced: Vec<Range<u64>>,
    more_unsynced: u64,
    /// How often the counter went through 2³².
    wraps: u64,
    sums: Option<ClockSums>,
    /// Readings of the system clock that are none, and where the first is.
    strays: u64,
    first_stray: Option<u64>,
}

/// Places and amounts of each kind of step.
#[derive(Clone, Copy, Default)]
struct Counts([(u64, u64); 4]);

impl Counts {
    const KINDS: [Kind; 4] = [Kind::Dropped, Kind::Duplicated, Kind::Backward, Kind::Reset];

    fn add(&mut self, kind: Kind, amount: u64) {
        if let Some(i) = Self::KINDS.iter().position(|&k| k == kind) {
            self.0[i].0 += 1;
            self.0[i].1 = self.0[i].1.saturating_add(amount);
        }
    }
}

/// What the packets say, put together.
#[derive(Default)]
pub(super) struct PacketFindings {
    /// Kind, number of places, packets (ticks, for resets) in all, and the first places.
    pub found: Vec<(Kind, u64, u64, Vec<Place>)>,
    pub wraps: u64,
    /// Gaps that the clock of the open recording does not have.
    pub unseen: u64,
    pub sums: Option<ClockSums>,
    pub strays: u64,
    pub first_stray: Option<u64>,
}

impl<'a> Packets<'a> {
    pub(super) fn new(layout: PacketLayout<'a>, time: &'a TimeBase, sums: Option<ClockSums>) -> Self {
        Self {
            layout,
            time,
            first: None,
            last: None,
            steps: Vec::new(),
            more: Counts::default(),
            unsynced: Vec::new(),
            more_unsynced: 0,
            wraps: 0,
            sums,
            strays: 0,
            first_stray: None,
        }
    }

    /// Bytes that one of these may take.
    pub(super) const MAX_BYTES: u64 =
        (MAX_KEPT * (size_of::<Step>() + size_of::<Range<u64>>())) as u64 + size_of::<Self>() as u64;

    /// Takes in the packets of `frames`.
    pub(super) fn take(&mut self, frames: Range<u64>) -> Result<()> {
        // Piece by piece, so that what is touched does not stay in memory.
        let piece = (PIECE_BYTES / self.layout.packets.frame_stride().max(1)).max(1);
        let mut at = frames.start;
        while at < frames.end {
            let until = frames.end.min(at.saturating_add(piece));
            self.take_piece(at..until)?;
            at = until;
        }
        Ok(())
    }

    fn take_piece(&mut self, frames: Range<u64>) -> Result<()> {
        let flat = self.layout.packets;
        let stride = flat.frame_stride();
        let range = flat.first_byte() + frames.start * stride..flat.first_byte() + frames.end * stride;
        let bytes = flat.map().bytes(range.clone())?;
        let time = self.time;
        for piece in time.contiguous(frames.clone()) {
            let first_tick = time.tick_of_frame(piece.start);
            let from = ((piece.start - frames.start) * stride) as usize;
            let to = ((piece.end - frames.start) * stride) as usize;
            for (i, packet) in (0..).zip(bytes[from..to].chunks_exact(stride as usize)) {
                self.packet(packet, piece.start + i, first_tick + i);
            }
        }
        flat.map().check()?;
        flat.map().release(range);
        Ok(())
    }

    #[inline]
    fn packet(&mut self, packet: &[u8], frame: u64, tick: u64) {
        if packet[0] != SYNC {
            self.wrong_sync(frame..frame + 1);
            if self.layout.is_synced {
                return;
            }
        }
        let clock = self.layout.clock.map(|at| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&packet[at..at + 8]);
            i64::from_le_bytes(bytes)
        });
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&packet[self.layout.counter..self.layout.counter + 4]);
        let here =
            Seen { frame, counter: u32::from_le_bytes(bytes), clock: clock.filter(|c| PLAUSIBLE_UNIX_NS.contains(c)) };
        if let (Some(sums), Some(ns)) = (&mut self.sums, clock) {
            match sums.difference(tick, ns).filter(|d| d.abs() <= MAX_STRAY_NS) {
                Some(difference) => sums.add(tick, difference),
                None => {
                    self.strays += 1;
                    self.first_stray.get_or_insert(frame);
                }
            }
        }
        match self.last {
            Some(before) if here.counter == before.counter.wrapping_add(1) && frame == before.frame + 1 => {
                self.wraps += u64::from(here.counter == 0);
            }
            Some(before) => self.follow(before, here),
            None => self.first = Some(here),
        }
        self.last = Some(here);
    }

    /// Looks at two believed packets that follow each other.
    fn follow(&mut self, before: Seen, here: Seen) {
        let step = Step { before, here };
        let missing = step.missing();
        let goes_on = missing == 0 || (missing > 0 && step.kind(self.time.rate_hz()).0 == Kind::Dropped);
        self.wraps += u64::from(goes_on && here.counter < before.counter);
        if missing != 0 {
            self.keep(step);
        }
    }

    fn keep(&mut self, step: Step) {
        if self.steps.len() < MAX_KEPT {
            self.steps.push(step);
        } else {
            let (kind, amount) = step.kind(self.time.rate_hz());
            self.more.add(kind, amount);
        }
    }

    fn wrong_sync(&mut self, frames: Range<u64>) {
        let is_full = self.unsynced.len() >= MAX_KEPT;
        match self.unsynced.last_mut() {
            Some(last) if last.end == frames.start && self.more_unsynced == 0 => last.end = frames.end,
            _ if is_full => self.more_unsynced += frames.end - frames.start,
            _ => self.unsynced.push(frames),
        }
    }

    pub(super) fn append(&mut self, later: Self) {
        match (self.last, later.first) {
            (Some(before), Some(here)) => {
                self.follow(before, here);
                self.last = later.last;
            }
            (None, _) => (self.first, self.last) = (later.first, later.last),
            (Some(_), None) => {}
        }
        for step in later.steps {
            self.keep(step);
        }
        for (i, (places, amount)) in later.more.0.into_iter().enumerate() {
            self.more.0[i].0 += places;
            self.more.0[i].1 = self.more.0[i].1.saturating_add(amount);
        }
        for frames in later.unsynced {
            self.wrong_sync(frames);
        }
        self.more_unsynced += later.more_unsynced;
        self.wraps += later.wraps;
        if let (Some(mine), Some(theirs)) = (&mut self.sums, &later.sums) {
            mine.merge(theirs);
        }
        self.strays += later.strays;
        self.first_stray = self.first_stray.or(later.first_stray);
    }

    /// Classifies the steps.
    pub(super) fn finish(self) -> PacketFindings {
        let rate_hz = self.time.rate_hz();
        let place = |frame: u64, amount: u64| Place::of_packet(self.layout.packets, self.time, frame, amount);
        let mut counts = self.more;
        let mut places: [Vec<Place>; 4] = Default::default();
        let mut damaged: (u64, u64, Vec<Place>) = (0, 0, Vec::new());
        let mut unseen = 0;
        let mut i = 0;
        while let Some(step) = self.steps.get(i) {
            i += 1;
            let frame = step.here.frame;
            // Away and back within a few packets: not time, but damaged counters.
            if let Some(back) = self.steps.get(i)
                && back.missing() == -step.missing()
                && step.missing().unsigned_abs() > GLITCH_FRAMES
                && back.here.frame - frame <= GLITCH_FRAMES
            {
                i += 1;
                let packets = back.here.frame - frame;
                damaged.0 += 1;
                damaged.1 += packets;
                Place::keep(&mut damaged.2, place(frame, packets));
                continue;
            }
            let (kind, amount) = step.kind(rate_hz);
            counts.add(kind, amount);
            if let Some(k) = Counts::KINDS.iter().position(|&k| k == kind) {
                Place::keep(&mut places[k], place(frame, amount));
            }
            let is_in_clock = self.time.spans().binary_search_by_key(&frame, |s| s.first_frame).is_ok();
            unseen += u64::from(kind == Kind::Dropped && !is_in_clock);
        }
        let mut found: Vec<(Kind, u64, u64, Vec<Place>)> = Counts::KINDS
            .into_iter()
            .zip(counts.0)
            .zip(places)
            .filter(|((_, (n, _)), _)| *n > 0)
            .map(|((kind, (n, amount)), places)| (kind, n, amount, places))
            .collect();
        if damaged.0 > 0 {
            found.push((Kind::DamagedCounter, damaged.0, damaged.1, damaged.2));
        }
        if !self.unsynced.is_empty() {
            let packets = self.unsynced.iter().map(|r| r.end - r.start).sum::<u64>() + self.more_unsynced;
            let mut places = Vec::new();
            for frames in &self.unsynced {
                Place::keep(&mut places, place(frames.start, frames.end - frames.start));
            }
            found.push((
                Kind::WrongSync,
                self.unsynced.len() as u64 + u64::from(self.more_unsynced > 0),
                packets,
                places,
            ));
        }
        PacketFindings {
            found,
            wraps: self.wraps,
            unseen,
            sums: self.sums,
            strays: self.strays,
            first_stray: self.first_stray,
        }
    }
}
