//! Is a recording sound? One pass over all of it, with places for whatever is not.
//!
//! [`check`] looks at every sample of a stream (flat and clipped channels, samples that are no numbers) and, where the
//! recording is made of packets that carry a counter (`.rec`), at every packet: dropped, duplicated, out of order,
//! damaged, cut; and at the system clock beside the counter, through which it draws the exact line. [`fit_clock`] does
//! the last alone, for whatever needs exact times.
//!
//! It is an [`Accumulator`] like any other: parallel, in memory that does not grow with the recording, with progress, and
//! with the same answer whatever the chunks. Cost: a few instructions a sample; a file is checked about as fast as it is
//! read.

use crate::error::Result;
use crate::file::FlatLayout;
use crate::recording::{ClockFit, ClockSums, Recording, SampleType, Samples, Stream, TimeBase};
use crate::scan::{Accumulator, Chunk, ChunkPlan, ChunkView, LOOKAHEAD, Overlap, Selection, scan};
use crate::source::Source;
use crate::source::rec::SYNC;
use crate::task::Task;

mod packets;
mod report;
mod runs;
mod signals;

use packets::{PacketLayout, Packets};
pub use report::{ChannelReport, ClockReport, Finding, Kind, PacketReport, Place, Report};
use signals::Signal;

/// A reading of the system clock this far from the sampled line is none.
const MAX_STRAY_NS: i64 = 1_000_000_000;

/// Checks stream `stream` of a recording, and its packets if it has any.
///
/// # Errors
/// When there is no such stream, the file cannot be read or becomes shorter, the budget is too small, or the task is
/// stopped.
pub fn check(source: &dyn Source, stream: usize, task: &Task) -> Result<Report> {
    let recording = source.recording();
    if stream >= recording.streams.len() {
        return Err(crate::Error::invalid(format!("there is no stream {stream}")));
    }
    let selection = Selection::all(recording, stream);
    let s = &recording.streams[stream];
    task.add_total(selection.bytes(s));
    // What is found, of each chunk that is under way or waits; and the irregular packets kept.
    let partials = (task.threads() * LOOKAHEAD + 2) as u64;
    let found_bytes = (s.channels.len() * size_of::<Signal>()) as u64 * partials + Packets::MAX_BYTES;
    let _held = task.budget().reserve(found_bytes)?;
    let plan = ChunkPlan::new(task, s, &selection, OVERLAP)?;
    check_planned(source, &selection, &plan, task)
}

fn check_planned(source: &dyn Source, selection: &Selection, plan: &ChunkPlan, task: &Task) -> Result<Report> {
    let s = selection.stream_in(source.recording())?;
    let layout = packet_layout(source)?;
    let sums = layout.and_then(|l| l.clock).and_then(|_| anchor(&s.time)).map(ClockSums::new);
    let found = scan(source, selection, plan, task, || Pass {
        sample_type: s.format.sample_type,
        signals: Vec::new(),
        packets: layout.map(|layout| Packets::new(layout, &s.time, sums)),
    })?;
    Ok(Report::new(source, selection.stream, layout.as_ref(), found.signals, found.packets.map(Packets::finish)))
}

/// The exact line through the system clock of a recording, over all of its packets; `None` if there is no such clock, or
/// none that goes with the counter. Reads the whole file once; for a first, sampled line see [`TimeBase::fit`].
///
/// # Errors
/// As [`check`].
pub fn fit_clock(source: &dyn Source, task: &Task) -> Result<Option<ClockFit>> {
    let recording = source.recording();
    let Some(stream) = clock_stream(recording) else { return Ok(None) };
    let s = &recording.streams[stream];
    let Some(anchor) = anchor(&s.time) else { return Ok(None) };
    let selection = Selection::all(recording, stream);
    let plan = ChunkPlan::new(task, s, &selection, Overlap::default())?;
    task.add_total(selection.bytes(s));
    scan(source, &selection, &plan, task, || ClockPass { time: &s.time, sums: ClockSums::new(anchor) })
}

/// The stream that holds a system clock, nanoseconds since the Unix epoch.
fn clock_stream(recording: &Recording) -> Option<usize> {
    let is_clock = |s: &Stream| s.format.sample_type == SampleType::I64 && s.channels[0].unit == "ns";
    recording.stream_index("SysClock").filter(|&i| is_clock(&recording.streams[i]))
}

/// The line that readings of the system clock are compared with: the sampled one.
fn anchor(time: &TimeBase) -> Option<ClockFit> {
    time.fit().copied().map(|fit| ClockFit { points: 0, residual_rms_ns: 0.0, residual_max_ns: 0.0, ..fit })
}

/// Where the packets of `source` are, if it has any that can be looked at in place.
fn packet_layout(source: &dyn Source) -> Result<Option<PacketLayout<'_>>> {
    let recording = source.recording();
    let offset = |name: &str, sample_type: SampleType| -> Option<(&FlatLayout, usize)> {
        let stream = recording.stream_index(name)?;
        let flat = source.flat(stream).filter(|f| f.format().sample_type == sample_type)?;
        Some((flat, *flat.channel_offsets().first()? as usize))
    };
    if recording.format != "rec" {
        return Ok(None);
    }
    let Some((packets, counter)) = offset("counter", SampleType::U32) else { return Ok(None) };
    let clock = clock_stream(recording).and_then(|_| offset("SysClock", SampleType::I64)).map(|(_, at)| at);
    let first = packets.first_byte();
    let is_synced = packets.frames() > 0 && packets.map().bytes(first..first + 1)?[0] == SYNC;
    Ok(Some(PacketLayout { packets, counter, clock, is_synced }))
}

/// Every chunk sees the frame before it, to tell whether its first sample is the same.
const OVERLAP: Overlap = Overlap { before: 1, after: 0 };

struct Pass<'a> {
    sample_type: SampleType,
    signals: Vec<Signal>,
    packets: Option<Packets<'a>>,
}

impl Accumulator for Pass<'_> {
    type Output = Self;

    fn overlap(&self) -> Overlap {
        OVERLAP
    }

    fn update(&mut self, chunk: &Chunk, view: &mut ChunkView<'_>) -> Result<()> {
        self.signals = signals::of_block(view.block()?, &chunk.core, self.sample_type);
        if let Some(packets) = &mut self.packets {
            packets.take(chunk.core.clone())?;
        }
        Ok(())
    }

    fn merge(&mut self, later: Self) {
        if self.signals.is_empty() {
            self.signals = later.signals;
        } else {
            self.signals.iter_mut().zip(&later.signals).for_each(|(mine, theirs)| mine.append(theirs));
        }
        if let (Some(mine), Some(theirs)) = (&mut self.packets, later.packets) {
            mine.append(theirs);
        }
    }

    fn finish(self) -> Self {
        self
    }
}

struct ClockPass<'a> {
    time: &'a TimeBase,
    sums: ClockSums,
}

impl Accumulator for ClockPass<'_> {
    type Output = Option<ClockFit>;

    fn update(&mut self, chunk: &Chunk, view: &mut ChunkView<'_>) -> Result<()> {
        let Samples::I64(clock) = view.block()?.samples() else { return Ok(()) };
        for piece in self.time.contiguous(chunk.core.clone()) {
            let first_tick = self.time.tick_of_frame(piece.start);
            let range = (piece.start - chunk.core.start) as usize..(piece.end - chunk.core.start) as usize;
            for (tick, &ns) in (first_tick..).zip(&clock[range]) {
                if let Some(difference) = self.sums.difference(tick, ns).filter(|d| d.abs() <= MAX_STRAY_NS) {
                    self.sums.add(tick, difference);
                }
            }
        }
        Ok(())
    }

    fn merge(&mut self, later: Self) {
        self.sums.merge(&later.sums);
    }

    fn finish(self) -> Option<ClockFit> {
        self.sums.line()
    }
}

#[cfg(test)]
mod tests;
