//! Two recordings, sample by sample: are they equal, where do they first differ, and by how much?
//!
//! For raw and filtered, before and after a conversion, a copy and its original. [`Pair`] decides what is set against
//! what (streams, channels, frames, and whether stored or physical values); [`compare`] goes through both in one pass;
//! [`DifferenceSource`] is the difference as a recording, to be looked at, measured and exported like any other.
//!
//! **What is equal.** Samples of one stored type are compared as they are stored, exactly (integers of 64 bits too);
//! others in physical units, as `f64`. Where one of the two holds its values as `f32` or `f16`, both are first rounded to
//! that: a conversion to it could not have kept more. NaN equals NaN, and infinity itself; a sample of which only one is
//! a finite number cannot be measured, is counted apart and is a difference whatever the tolerance. Recordings of
//! different length, number of channels or rate differ even if all that can be compared is equal.
//!
//! **Cost**: both are read once, chunk by chunk, on the task's threads. The second is read inside the pass over the
//! first, into blocks that are reserved from the budget; stretches that are equal cost little more than reading them. The
//! result does not depend on chunks or threads.

use std::sync::{Arc, Mutex, PoisonError};

use crate::budget::Reservation;
use crate::error::{Error, Result};
use crate::recording::{Block, Samples};
use crate::scan::{Accumulator, Chunk, ChunkPlan, ChunkView, LOOKAHEAD, Overlap, scan};
use crate::source::for_flat_pieces;
use crate::task::Task;

mod difference;
mod pair;
mod result;
mod values;

pub use difference::DifferenceSource;
pub use pair::{Asked, Pair};
pub use result::{ChannelDifference, Comparison};
use values::{Measure, Minus, PIECE, Scaled};

/// A pass has chunks at least as long as this.
const MIN_CHUNK_FRAMES: u64 = 256;

/// Compares what `pair` sets against each other. Samples that are at most `tolerance` apart (in stored steps or physical
/// units, whichever are compared) count as equal.
///
/// # Errors
/// When a file cannot be read or becomes shorter, the budget is too small, the tolerance is no distance, or the task is
/// stopped.
pub fn compare(pair: &Pair, tolerance: f64, task: &Task) -> Result<Comparison> {
    if !(tolerance >= 0.0 && tolerance.is_finite()) {
        return Err(Error::invalid(format!("a tolerance of {tolerance} is no distance"))
            .with_remedy("use a number from zero on"));
    }
    let selection = &pair.selection;
    let stream = selection.stream_in(pair.a.recording())?;
    task.add_total(selection.bytes(stream));
    let partials = (task.threads() * LOOKAHEAD + 2) as u64;
    let _held = task.budget().reserve((selection.channels.len() * size_of::<Found>()) as u64 * partials)?;
    let mut plan = ChunkPlan::for_scan(task, stream, selection, Overlap::default())?;
    shorten(&mut plan, pair, task);
    pair.b.prepare(pair.b_stream, &pair.b_channels, pair.b_first, task)?;
    let other = Other { pair, tolerance, task, blocks: Mutex::default() };
    let found = scan(pair.a.as_ref(), selection, &plan, task, || Pass { other: &other, found: Vec::new() })?;
    Ok(Comparison::new(pair, tolerance, &found))
}

/// Makes the chunks so short that the blocks of both recordings fit into what is free.
fn shorten(plan: &mut ChunkPlan, pair: &Pair, task: &Task) {
    let size = |format: crate::recording::SampleFormat| format.size() as u64;
    let (a, b) = pair.streams();
    let frame_bytes = pair.selection.channels.len() as u64 * (size(a.format) + size(b.format));
    let room = task.budget().free() / 2;
    let frames = pair.selection.len().max(1);
    while frame_bytes.saturating_mul(plan.chunk_frames.min(frames)).saturating_mul(plan.threads as u64) > room {
        if plan.chunk_frames > MIN_CHUNK_FRAMES {
            plan.chunk_frames /= 2;
        } else if plan.threads > 1 {
            plan.threads -= 1;
        } else if plan.chunk_frames > 1 {
            plan.chunk_frames /= 2;
        } else {
            // What does not fit even so is refused where it is reserved.
            return;
        }
    }
}

/// What is found in one channel.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct Found {
    /// The greatest measurable difference, and the first frame of it.
    max: f64,
    max_at: Option<u64>,
    /// The first frame that differs by more than the tolerance.
    first: Option<u64>,
    /// Frames that do.
    frames: u64,
    /// Those of them of which only one is a finite number.
    unmeasurable: u64,
}

impl Found {
    #[inline]
    fn take(&mut self, frame: u64, difference: f64, tolerance: f64) {
        let apart = difference.abs();
        if apart > self.max && apart.is_finite() {
            (self.max, self.max_at) = (apart, Some(frame));
        }
        // What is no number is not within any tolerance.
        if !apart.is_finite() || apart > tolerance {
            self.first.get_or_insert(frame);
            self.frames += 1;
            self.unmeasurable += u64::from(!apart.is_finite());
        }
    }

    fn append(&mut self, later: &Self) {
        if later.max > self.max {
            (self.max, self.max_at) = (later.max, later.max_at);
        }
        self.first = self.first.or(later.first);
        self.frames += later.frames;
        self.unmeasurable += later.unmeasurable;
    }
}

/// The second recording, as the pass over the first needs it.
struct Other<'a> {
    pair: &'a Pair,
    tolerance: f64,
    task: &'a Task,
    /// Blocks that are not in use.
    blocks: Mutex<Vec<(Block, Reservation)>>,
}

impl Other<'_> {
    /// Calls `act` with the block of the second recording that stands against `chunk`.
    fn with_block<T>(&self, chunk: &Chunk, act: impl FnOnce(&Block) -> T) -> Result<T> {
        let Pair { b, b_stream, b_channels, b_first, selection, .. } = self.pair;
        let first = b_first + (chunk.core.start - selection.frames.start);
        let frames = first..first + (chunk.core.end - chunk.core.start);
        let recycled = self.blocks.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let (mut block, mut reservation) = match recycled {
            Some(held) => held,
            None => (Block::default(), self.task.budget().reserve(0)?),
        };
        let format = b.recording().streams[*b_stream].format;
        let bytes = Block::bytes_for(format.sample_type, b_channels.len(), frames.end - frames.start)?;
        if bytes > reservation.bytes() {
            reservation.resize(bytes)?;
        }
        b.read(*b_stream, frames.clone(), b_channels, &mut block)?;
        for_flat_pieces(b.as_ref(), *b_stream, &frames, |piece, local| {
            piece.layout.check(local.clone())?;
            piece.layout.release(local);
            Ok(())
        })?;
        let result = act(&block);
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner).push((block, reservation));
        Ok(result)
    }
}

struct Pass<'a> {
    other: &'a Other<'a>,
    found: Vec<Found>,
}

impl Accumulator for Pass<'_> {
    type Output = Vec<Found>;

    fn update(&mut self, chunk: &Chunk, view: &mut ChunkView<'_>) -> Result<()> {
        let a = view.block()?;
        let Other { pair, tolerance, .. } = self.other;
        self.found = self.other.with_block(chunk, |b| match &pair.measure {
            Measure::Stored => stored(a, b, chunk.core.start, *tolerance),
            Measure::Physical(scaled) => physical(a, b, scaled, chunk.core.start, *tolerance),
        })?;
        Ok(())
    }

    fn merge(&mut self, later: Self) {
        if self.found.is_empty() {
            self.found = later.found;
        } else {
            self.found.iter_mut().zip(&later.found).for_each(|(mine, theirs)| mine.append(theirs));
        }
    }

    fn finish(self) -> Vec<Found> {
        let channels = self.other.pair.selection.channels.len();
        if self.found.is_empty() { vec![Found::default(); channels] } else { self.found }
    }
}

/// Compares blocks of the same type.
fn stored(a: &Block, b: &Block, first_frame: u64, tolerance: f64) -> Vec<Found> {
    let n = a.frames();
    macro_rules! compare { ($($variant:ident)*) => {
        match (a.samples(), b.samples()) {
            $((Samples::$variant(a), Samples::$variant(b)) => channels(a, b, n, first_frame, tolerance),)*
            // A pair is compared as stored only if its types are the same.
            _ => Vec::new(),
        }
    } }
    compare!(I8 U8 I16 U16 I32 U32 I64 U64 F16 F32 F64)
}

fn channels<T: Minus>(a: &[T], b: &[T], n: usize, first_frame: u64, tolerance: f64) -> Vec<Found> {
    let of_channel = |(a, b): (&[T], &[T])| {
        let mut found = Found::default();
        // In pieces, so that a single difference does not make the whole channel slow.
        for (i, (a, b)) in a.chunks(PIECE).zip(b.chunks(PIECE)).enumerate() {
            if a == b {
                continue;
            }
            for (frame, (&x, &y)) in (first_frame + (i * PIECE) as u64..).zip(a.iter().zip(b)) {
                found.take(frame, x.minus(y), tolerance);
            }
        }
        found
    };
    a.chunks_exact(n.max(1)).zip(b.chunks_exact(n.max(1))).map(of_channel).collect()
}

fn physical(a: &Block, b: &Block, scaled: &Scaled, first_frame: u64, tolerance: f64) -> Vec<Found> {
    let n = a.frames();
    let mut difference = [0.0; PIECE];
    (0..a.channels())
        .map(|c| {
            let mut found = Found::default();
            for first in (0..n).step_by(PIECE) {
                let difference = &mut difference[..PIECE.min(n - first)];
                scaled.differences(c, (a.samples(), c * n + first), (b.samples(), c * n + first), difference);
                for (frame, &x) in (first_frame + first as u64..).zip(&*difference) {
                    found.take(frame, x, tolerance);
                }
            }
            found
        })
        .collect()
}

/// A comparison with its report, for the window.
///
/// # Errors
/// As [`compare`].
pub fn report(pair: &Arc<Pair>, tolerance: f64, task: &Task) -> Result<super::Report> {
    compare(pair, tolerance, task).map(|comparison| comparison.report())
}

#[cfg(test)]
mod tests;
