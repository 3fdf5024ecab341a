//! When the packets of a file were recorded: the clock that they share, from their counters, and the time of day.
//!
//! Looks at some tens of pages for every stretch of lost packets, and gives them back to the system.

use std::sync::Arc;

use super::header::Header;
use super::{RecSource, SYNC, clock, grown, system_clock};
use crate::error::{Error, Result};
use crate::file::FileMap;
use crate::recording::{ClockFit, TimeBase, Warning};
use crate::source::{OpenOptions, WallClock};
use crate::task::Task;

/// A recording starts at most this long after its file was made.
const MAX_START_DELAY_SECS: f64 = 86_400.0;

/// How the wall clock was found.
#[derive(Clone, Debug)]
pub(super) struct Wall {
    /// Packets that there were.
    pub(super) frames: u64,
    pub(super) fit: Option<ClockFit>,
    pub(super) start_unix_ns: Option<i128>,
    pub(super) warnings: Vec<Warning>,
}

/// The packets of a mapped file, for the clock.
pub(super) struct MappedPackets<'a> {
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
pub(super) struct FoundTime {
    pub(super) time: TimeBase,
    /// About the counters.
    pub(super) warnings: Vec<Warning>,
    pub(super) wall: Wall,
}

pub(super) fn time_base(
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
