//! The one loop over a recording: plan → chunks → partial results → merge in chunk order.
//!
//! [`scan`] cuts a [`Selection`] into chunks on a power-of-two grid from frame 0, hands them to named worker threads,
//! and merges what an [`Accumulator`] makes of each, in order, on the calling thread. [`for_each`] reads the chunks
//! ahead on the workers and hands the blocks to a sink, in order, on the calling thread. The result does not depend on
//! chunk size or number of threads beyond the rounding of sums.
//!
//! A chunk has a *core* (the cores tile the selection) and an *overlap* around it, clamped to the selection, that an
//! accumulator may read but does not own. A windowed analysis owns the windows whose start lies in the core.
//!
//! What a reader would have to look for far away in the file is found before the first chunk ([`Source::prepare`]), so that
//! it can be stopped.
//!
//! **Memory**: every worker holds one block (core and overlap) and at most [`LOOKAHEAD`] finished partial results wait
//! for each worker; blocks are reserved from the task's budget. Under memory pressure the next chunks are an eighth as
//! long. Mapped pages are handed back behind each chunk, so that the resident size of a pass does not grow with the
//! file.
//!
//! When several chunks fail, the error of the first of them in the recording that is not `Cancelled` is the one
//! reported, and everything before that chunk has been merged: what a failing pass does is as independent of timing as
//! what a successful one does. A panic in a worker fails the job, not the process.

mod plan;
mod view;
mod workers;

use std::cell::Cell;
use std::ops::{ControlFlow, Range};

use crate::error::{Error, Result};
use crate::recording::Block;
use crate::source::Source;
use crate::task::Task;

use plan::{Cutter, touching_little};
use view::HeldBlock;
use workers::{Make, Merge, run_chunks};

pub use plan::{Chunk, ChunkPlan, MIN_CHUNK_FRAMES, Overlap, Selection};
pub use view::ChunkView;
pub(crate) use workers::panicked;

/// Finished chunks that may wait to be merged, for each worker.
pub const LOOKAHEAD: usize = 2;

/// Something that is computed piece by piece.
pub trait Accumulator: Send + Sized {
    type Output;

    /// The frames it needs around a chunk's core.
    fn overlap(&self) -> Overlap {
        Overlap::default()
    }

    /// Takes in one chunk. Called at most once for each accumulator: every chunk gets a new one.
    ///
    /// # Errors
    /// What reading the chunk fails with.
    fn update(&mut self, chunk: &Chunk, view: &mut ChunkView<'_>) -> Result<()>;

    /// Takes in what was made of the chunks just behind mine.
    fn merge(&mut self, later: Self);

    fn finish(self) -> Self::Output;
}

/// Runs an accumulator over `selection`.
///
/// # Errors
/// The first failure that is not a cancellation; [`ErrorKind::Cancelled`] if the task was stopped.
pub fn scan<A: Accumulator>(
    source: &dyn Source,
    selection: &Selection,
    plan: &ChunkPlan,
    task: &Task,
    new: impl Fn() -> A + Sync,
) -> Result<A::Output> {
    scan_observed(source, selection, plan, task, new, &mut |_| {})
}

/// [`scan`] that shows the merged result so far, after every merge, on the calling thread: for curves that converge on
/// screen. The observer decides how often it is worth looking.
///
/// # Errors
/// As [`scan`].
pub fn scan_observed<A: Accumulator>(
    source: &dyn Source,
    selection: &Selection,
    plan: &ChunkPlan,
    task: &Task,
    new: impl Fn() -> A + Sync,
    observe: &mut dyn FnMut(&A),
) -> Result<A::Output> {
    let mut merged = new();
    let overlap = merged.overlap();
    let make = |chunk: &Chunk, view: &mut ChunkView<'_>, _: Option<HeldBlock>| {
        let mut partial = new();
        partial.update(chunk, view)?;
        Ok(partial)
    };
    run(source, selection, plan, overlap, task, &make, &mut |_, partial| {
        merged.merge(partial);
        observe(&merged);
        Ok(None)
    })?;
    Ok(merged.finish())
}

/// Reads `selection` chunk by chunk, ahead on the workers, and hands the blocks to `sink` in order, on this thread.
///
/// # Errors
/// As [`scan`]; an error of the sink stops the pass and is returned.
pub fn for_each(
    source: &dyn Source,
    selection: &Selection,
    plan: &ChunkPlan,
    task: &Task,
    sink: &mut dyn FnMut(&Chunk, &Block) -> Result<()>,
) -> Result<()> {
    let make = |_: &Chunk, view: &mut ChunkView<'_>, recycled: Option<HeldBlock>| {
        view.block()?;
        let next = recycled.map_or_else(|| HeldBlock::empty(task), Ok)?;
        Ok(std::mem::replace(view.held, next))
    };
    run(source, selection, plan, Overlap::default(), task, &make, &mut |chunk, held| {
        sink(chunk, &held.block)?;
        Ok(Some(held))
    })
}

/// Runs the engine over the chunks that a plan makes of the selection.
fn run<T: Send>(
    source: &dyn Source,
    selection: &Selection,
    plan: &ChunkPlan,
    overlap: Overlap,
    task: &Task,
    make: &Make<'_, T>,
    merge: &mut Merge<'_, T>,
) -> Result<()> {
    if !plan.chunk_frames.is_power_of_two() {
        return Err(Error::invalid(format!("a chunk of {} frames is not a power of two", plan.chunk_frames)));
    }
    let chunk_frames = touching_little(source, selection, plan.chunk_frames, overlap);
    let mut cutter = Cutter { selection, overlap, chunk_frames, next_frame: selection.frames.start, next_index: 0 };
    let chunks = selection.len().div_ceil(chunk_frames).saturating_add(1);
    let threads = plan.threads.clamp(1, usize::try_from(chunks).unwrap_or(usize::MAX));
    run_chunks(source, selection, threads, task, &mut |pressure| cutter.next(pressure), make, merge)
}

/// Hands `pieces` of the selection, which are in order and may be empty, to the workers, which `make` something of each,
/// and what they made to `sink`, in order, on this thread: for writers whose pieces are not the engine's to choose. What
/// a piece reads, and the memory for it, is up to `make`; at most [`LOOKAHEAD`] results for each thread wait.
///
/// # Errors
/// As [`scan`]; an error of the sink stops the pass and is returned.
pub fn map_pieces<T: Send>(
    source: &dyn Source,
    selection: &Selection,
    pieces: &mut dyn Iterator<Item = Range<u64>>,
    threads: usize,
    task: &Task,
    make: &(dyn Fn(&Chunk) -> Result<T> + Sync),
    sink: &mut dyn FnMut(&Chunk, T) -> Result<()>,
) -> Result<()> {
    let mut numbered = pieces.enumerate();
    let mut next = |_| {
        let (index, core) = numbered.next()?;
        Some(Chunk { index: index as u64, read: core.clone(), core })
    };
    run_chunks(
        source,
        selection,
        threads.max(1),
        task,
        &mut next,
        &|chunk: &Chunk, _: &mut ChunkView<'_>, _: Option<HeldBlock>| make(chunk),
        &mut |chunk, made| sink(chunk, made).map(|()| None),
    )
}

/// Looks at `pieces` of the selection only, which are in order, disjoint and not empty: for searches that know where
/// nothing can be. Pieces are cut on the grid of the plan; a worker `make`s something of each chunk, and `sink` takes it,
/// in order, on this thread, and may say that enough was seen: then no further chunk is begun, but those under way still
/// arrive. What lies between pieces, or behind the last, counts as done.
///
/// # Errors
/// As [`scan`]; an error of the sink stops the pass and is returned.
pub fn sweep<T: Send>(
    source: &dyn Source,
    selection: &Selection,
    (plan, overlap): (&ChunkPlan, Overlap),
    pieces: &mut dyn Iterator<Item = Range<u64>>,
    task: &Task,
    make: &(dyn Fn(&Chunk, &mut ChunkView<'_>) -> Result<T> + Sync),
    sink: &mut dyn FnMut(&Chunk, T) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let stream = selection.stream_in(source.recording())?;
    let frame_bytes = selection.channels.len() as u64 * stream.format.size() as u64;
    let chunk_frames = touching_little(source, selection, plan.chunk_frames.next_power_of_two(), overlap);
    let enough = Cell::new(false);
    let at = Cell::new(selection.frames.start);
    let mut cut = Cutter { selection, overlap, chunk_frames, next_frame: 0, next_index: 0 };
    let mut piece = 0..0;
    let mut next = |pressure| {
        if enough.get() || task.is_cancelled() {
            return None;
        }
        if piece.is_empty() {
            piece = pieces.next()?;
            // Whether the task was stopped is seen above, and at the end.
            drop(task.advance(piece.start.saturating_sub(at.get()) * frame_bytes));
        }
        cut.next_frame = piece.start;
        let mut chunk = cut.next(pressure)?;
        chunk.core.end = chunk.core.end.min(piece.end);
        chunk.read.end = chunk.core.end.saturating_add(overlap.after).min(selection.frames.end);
        piece.start = chunk.core.end;
        at.set(chunk.core.end);
        Some(chunk)
    };
    let make = |chunk: &Chunk, view: &mut ChunkView<'_>, _: Option<HeldBlock>| make(chunk, view);
    run_chunks(source, selection, plan.threads.max(1), task, &mut next, &make, &mut |chunk, made| {
        enough.set(sink(chunk, made)?.is_break() || enough.get());
        Ok(None)
    })?;
    task.advance(selection.frames.end.saturating_sub(at.get()) * frame_bytes)
}
