//! A `.rec` that Trodes is still writing: the same description with the packets that were appended since.
//!
//! The header is not parsed again, and the clock is looked for in the new packets only: from the last packet known before
//! to the last one there is now. Where the new counters are anything but regular (they go back, or packets are damaged),
//! all of the clock is looked for anew, so that the answer is that of opening the file again. The line through the system
//! clock is drawn anew when the recording is a tenth longer than it was the last time.

use std::sync::Arc;

use super::RecSource;
use super::clock::{self, Packets};
use super::timing::{MappedPackets, Wall};
use crate::error::Result;
use crate::file::FileMap;
use crate::recording::{ClockSpan, TimeBase};
use crate::source::Source;
use crate::task::Task;

/// The line through the system clock is drawn again when there are so many times the packets.
const REFIT: f64 = 1.1;

/// Packets from `from` on.
struct Tail<'a, 'm> {
    all: &'a MappedPackets<'m>,
    from: u64,
}

impl Packets for Tail<'_, '_> {
    fn count(&self) -> u64 {
        self.all.count() - self.from
    }

    fn counter(&self, index: u64) -> Option<u32> {
        self.all.counter(self.from + index)
    }

    fn byte_of(&self, index: u64) -> u64 {
        self.all.byte_of(self.from + index)
    }

    fn system_ns(&self, index: u64) -> Option<i64> {
        self.all.system_ns(self.from + index)
    }

    fn is_stopped(&self) -> bool {
        self.all.is_stopped()
    }
}

/// The clock of `packets`, of which those of `old` are the first; `None` if only a look at all of them can tell.
pub(super) fn spans(packets: &MappedPackets<'_>, old: &RecSource, rate_hz: f64) -> Option<Vec<ClockSpan>> {
    let time = old.time();
    let from = old.packets.frames().checked_sub(1).filter(|&from| old.is_regular && from < packets.count())?;
    let tail = Tail { all: packets, from };
    tail.counter(0)?;
    tail.counter(tail.count() - 1)?;
    let found = clock::find(&tail, rate_hz);
    if !found.warnings.is_empty() {
        return None;
    }
    let first_tick = time.tick_of_frame(from);
    let behind = found
        .spans
        .into_iter()
        .skip(1)
        .map(|span| ClockSpan { first_frame: span.first_frame + from, first_tick: span.first_tick + first_tick });
    Some(time.spans().iter().copied().chain(behind).collect())
}

/// Whether the wall clock of `old` still holds for `frames` packets.
pub(super) fn wall_holds(old: &Wall, frames: u64) -> bool {
    frames as f64 <= old.frames as f64 * REFIT
}

/// `old` with the packets that its file has now.
pub(super) fn grown(old: &RecSource, task: &Task) -> Result<Arc<dyn Source>> {
    let map = FileMap::open(old.packets.map().path())?;
    let source = super::describe(map, Arc::clone(&old.header), &old.options, Some(old), task)?;
    Ok(Arc::new(source))
}

impl RecSource {
    /// The clock of all streams.
    pub(super) fn time(&self) -> &TimeBase {
        &self.recording.streams[0].time
    }
}
