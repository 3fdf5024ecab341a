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

use std::any::Any;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use crate::budget::Reservation;
use crate::error::{Error, ErrorKind, Result};
use crate::file::Rows;
use crate::recording::{Block, Recording, Stream};
use crate::source::{FlatPiece, Source, for_flat_pieces};
use crate::task::Task;

/// Finished chunks that may wait to be merged, for each worker.
pub const LOOKAHEAD: usize = 2;
/// What a chunk's core holds at most, if the budget allows: enough to keep a worker busy for milliseconds.
const CHUNK_BYTES: u64 = 4 << 20;
/// What a chunk may touch of a mapped file, if its core is not shorter than the overlap then.
const TOUCHED_BYTES: u64 = 8 << 20;
/// Under pressure chunks are this much shorter.
const PRESSURE_SHIFT: u32 = 3;
/// No chunk is shorter than this (a power of two), so that fine summary buckets do not straddle chunks, unless the
/// budget leaves no choice.
pub const MIN_CHUNK_FRAMES: u64 = 4096;
/// In a recording of very many channels chunks become as short as this before threads are given up.
const LEAST_CHUNK_FRAMES: u64 = 256;

/// Which samples: some channels of a stream over some frames.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Selection {
    pub stream: usize,
    /// Indices, in the order wanted.
    pub channels: Vec<usize>,
    pub frames: Range<u64>,
}

impl Selection {
    /// Everything in stream `stream`.
    #[must_use]
    pub fn all(recording: &Recording, stream: usize) -> Self {
        let s = &recording.streams[stream];
        Self { stream, channels: (0..s.channels.len()).collect(), frames: 0..s.frames }
    }

    /// Frames selected.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.frames.end.saturating_sub(self.frames.start)
    }

    /// Whether no frame is selected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The stream of `recording` that is meant, if the selection lies in it.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] naming what is not there.
    pub fn stream_in<'r>(&self, recording: &'r Recording) -> Result<&'r Stream> {
        let stream = recording
            .streams
            .get(self.stream)
            .ok_or_else(|| Error::invalid(format!("there is no stream {}", self.stream)))?;
        if let Some(&c) = self.channels.iter().find(|&&c| c >= stream.channels.len()) {
            return Err(Error::invalid(format!("there is no channel {c}; the stream has {}", stream.channels.len())));
        }
        if self.frames.start > self.frames.end || self.frames.end > stream.frames {
            let Range { start, end } = self.frames;
            return Err(Error::invalid(format!(
                "frames {start} to {end} are not in the stream, which has {}",
                stream.frames
            )));
        }
        Ok(stream)
    }

    /// Bytes of the selected stored samples.
    #[must_use]
    pub fn bytes(&self, stream: &Stream) -> u64 {
        self.len().saturating_mul(self.channels.len() as u64).saturating_mul(stream.format.size() as u64)
    }
}

/// Frames read around a chunk's core.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Overlap {
    pub before: u64,
    pub after: u64,
}

/// How a pass is cut and by how many threads it is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChunkPlan {
    /// A power of two.
    pub chunk_frames: u64,
    pub threads: usize,
}

impl ChunkPlan {
    /// A plan whose blocks, overlaps included, fit into half of what is free of the task's budget: one under work on each
    /// thread, and those that wait to be handed on.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfBudget`] if not even a chunk of one frame fits on one thread.
    pub fn new(task: &Task, stream: &Stream, selection: &Selection, overlap: Overlap) -> Result<Self> {
        Self::with_blocks(1 + LOOKAHEAD as u64, task, stream, selection, overlap)
    }

    /// As [`Self::new`], for [`scan`] alone: no block is handed on.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn for_scan(task: &Task, stream: &Stream, selection: &Selection, overlap: Overlap) -> Result<Self> {
        Self::with_blocks(1, task, stream, selection, overlap)
    }

    fn with_blocks(blocks: u64, task: &Task, stream: &Stream, selection: &Selection, overlap: Overlap) -> Result<Self> {
        let frame_bytes = (selection.channels.len() as u64 * stream.format.size() as u64).max(1);
        let longest = (CHUNK_BYTES / frame_bytes).max(MIN_CHUNK_FRAMES);
        // A core at least as long as the overlap, or most of the work would be reading it again.
        let longest = longest.max(overlap.before.saturating_add(overlap.after)).min(selection.len().max(1));
        let mut plan =
            Self { chunk_frames: longest.next_power_of_two().max(MIN_CHUNK_FRAMES), threads: task.threads() };
        let room = task.budget().free() / 2;
        while plan.block_bytes(frame_bytes, overlap, selection).saturating_mul(blocks * plan.threads as u64) > room {
            if plan.chunk_frames > LEAST_CHUNK_FRAMES {
                plan.chunk_frames /= 2;
            } else if plan.threads > 1 {
                plan.threads -= 1;
            } else if plan.chunk_frames > 1 {
                plan.chunk_frames /= 2;
            } else {
                let need = plan.block_bytes(frame_bytes, overlap, selection).saturating_mul(blocks);
                return Err(Error::new(ErrorKind::OutOfBudget { need, free: room })
                    .with_remedy("raise the memory limit (--memory-limit), or select fewer channels"));
            }
        }
        Ok(plan)
    }

    fn block_bytes(&self, frame_bytes: u64, overlap: Overlap, selection: &Selection) -> u64 {
        let frames = self.chunk_frames.saturating_add(overlap.before).saturating_add(overlap.after);
        frames.min(selection.len().max(1)).saturating_mul(frame_bytes)
    }
}

/// One piece of a pass.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chunk {
    /// Counts from 0.
    pub index: u64,
    /// The frames that belong to this chunk alone.
    pub core: Range<u64>,
    /// The core and its overlap, clamped to the selection: what [`ChunkView::block`] holds.
    pub read: Range<u64>,
}

/// The samples of a chunk, to be borrowed in place or read into a block, whichever the accumulator prefers.
pub struct ChunkView<'a> {
    source: &'a dyn Source,
    selection: &'a Selection,
    read: Range<u64>,
    /// The piece of a file that holds all of `read`, if there is one.
    piece: Option<FlatPiece>,
    held: &'a mut HeldBlock,
    loaded: bool,
}

/// A block and the part of the budget that it occupies; they travel together.
struct HeldBlock {
    block: Block,
    /// For [`ChunkView::copied_rows`].
    bytes: Vec<u8>,
    reservation: Reservation,
}

impl HeldBlock {
    fn empty(task: &Task) -> Result<Self> {
        Ok(Self { block: Block::default(), bytes: Vec::new(), reservation: task.budget().reserve(0)? })
    }
}

impl ChunkView<'_> {
    /// The chunk's frames (overlap included) in place, with *all* channels of the stream, where the recording lies
    /// interleaved in one mapped file. The engine checks behind the accumulator that the bytes were really there.
    /// Rows of different chunks may differ in stride and offsets where a recording is several files.
    ///
    /// # Errors
    /// When the file has become shorter.
    pub fn rows(&self) -> Result<Option<Rows<'_>>> {
        match &self.piece {
            Some(piece) => {
                let frames = piece.local(&self.read);
                // What is in memory already is mapped most cheaply as it is touched: mapping it ahead, page by page, costs
                // a third more for the whole pass.
                piece.layout.will_need(frames.clone());
                piece.layout.rows(frames)
            }
            None => Ok(None),
        }
    }

    /// As [`Self::rows`], but copied, past the map. It costs about as much as mapping, and what is then visited several
    /// times is nearer. Not for the same chunk as [`Self::block`].
    ///
    /// # Errors
    /// When the rows are over the budget, or the file has become shorter.
    pub fn copied_rows(&mut self) -> Result<Option<Rows<'_>>> {
        let Some(piece) = &self.piece else { return Ok(None) };
        let frames = piece.local(&self.read);
        let bytes = (frames.end - frames.start).saturating_mul(piece.layout.frame_stride());
        if bytes > self.held.reservation.bytes() {
            self.held.reservation.resize(bytes)?;
        }
        piece.layout.copied_rows(frames, &mut self.held.bytes)
    }

    /// The selected channels over the chunk's frames (overlap included), stored values, planar.
    ///
    /// # Errors
    /// When the block is over the budget, or reading fails.
    pub fn block(&mut self) -> Result<&Block> {
        if !self.loaded {
            let Selection { stream, channels, .. } = self.selection;
            let format = self.source.recording().streams[*stream].format;
            let frames = self.read.end - self.read.start;
            let bytes = Block::bytes_for(format.sample_type, channels.len(), frames)?;
            if bytes > self.held.reservation.bytes() {
                self.held.reservation.resize(bytes)?;
            }
            self.source.read(*stream, self.read.clone(), channels, &mut self.held.block)?;
            self.loaded = true;
        }
        Ok(&self.held.block)
    }
}

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

/// Cuts the selection, front to back.
struct Cutter<'a> {
    selection: &'a Selection,
    overlap: Overlap,
    chunk_frames: u64,
    next_frame: u64,
    next_index: u64,
}

impl Cutter<'_> {
    fn next(&mut self, pressure: bool) -> Option<Chunk> {
        let Range { start, end } = self.selection.frames;
        let first = self.next_frame;
        if first >= end {
            return None;
        }
        let shift = if pressure { PRESSURE_SHIFT } else { 0 };
        let grid = (self.chunk_frames >> shift).max(MIN_CHUNK_FRAMES.min(self.chunk_frames));
        let core = first..(first / grid).saturating_add(1).saturating_mul(grid).min(end);
        self.next_frame = core.end;
        let index = self.next_index;
        self.next_index += 1;
        let read = core.start.saturating_sub(self.overlap.before).max(start)
            ..core.end.saturating_add(self.overlap.after).min(end);
        Some(Chunk { index, core, read })
    }
}

type Make<'a, T> = dyn Fn(&Chunk, &mut ChunkView<'_>, Option<HeldBlock>) -> Result<T> + Sync + 'a;
type Merge<'a, T> = dyn FnMut(&Chunk, T) -> Result<Option<HeldBlock>> + 'a;

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

/// The engine: tickets out to the workers, results back, merged in order.
///
/// At most `threads × LOOKAHEAD` chunks are out at any time, so neither channel can block for good and the results
/// that wait for an earlier one are bounded.
fn run_chunks<T: Send>(
    source: &dyn Source,
    selection: &Selection,
    threads: usize,
    task: &Task,
    next_chunk: &mut dyn FnMut(bool) -> Option<Chunk>,
    make: &Make<'_, T>,
    merge: &mut Merge<'_, T>,
) -> Result<()> {
    let stream = selection.stream_in(source.recording())?;
    source.prepare(selection.stream, &selection.channels, selection.frames.start, task)?;
    let frame_bytes = selection.channels.len() as u64 * stream.format.size() as u64;
    let in_flight = threads * LOOKAHEAD;
    let (ticket_out, ticket_in) = crossbeam_channel::bounded::<Chunk>(in_flight);
    let (result_out, result_in) = crossbeam_channel::bounded::<(Chunk, Result<T>)>(in_flight);
    let recycled: Mutex<Vec<HeldBlock>> = Mutex::new(Vec::new());

    let work_on = |chunk: &Chunk, held: &mut HeldBlock| -> Result<T> {
        if task.is_cancelled() {
            return Err(Error::cancelled());
        }
        let piece = source.flat_at(selection.stream, chunk.read.start).filter(|piece| piece.holds(&chunk.read));
        let mut view = ChunkView { source, selection, read: chunk.read.clone(), piece, held, loaded: false };
        let spare = recycled.lock().ok().and_then(|mut r| r.pop());
        let made = make(chunk, &mut view, spare)?;
        for_flat_pieces(source, selection.stream, &chunk.read, |piece, frames| {
            piece.layout.check(frames.clone())?;
            piece.layout.release(frames);
            Ok(())
        })?;
        Ok(made)
    };
    let worker = |result_out: &crossbeam_channel::Sender<(Chunk, Result<T>)>| {
        let mut held = HeldBlock::empty(task);
        for chunk in &ticket_in {
            let result = match &mut held {
                Ok(held) => catch_unwind(AssertUnwindSafe(|| work_on(&chunk, held)))
                    .unwrap_or_else(|panic| Err(panicked(panic.as_ref()))),
                Err(e) => Err(Error::new(ErrorKind::Panicked(e.to_string()))),
            };
            if result_out.send((chunk, result)).is_err() {
                return;
            }
        }
    };
    let worker = &worker;

    std::thread::scope(|scope| {
        for i in 0..threads {
            std::thread::Builder::new()
                .name(format!("scan-{i}"))
                .spawn_scoped(scope, {
                    let result_out = result_out.clone();
                    move || worker(&result_out)
                })
                .map_err(|e| Error::new(ErrorKind::Io(e)))?;
        }
        drop(result_out);

        let mut waiting: BTreeMap<u64, (Chunk, T)> = BTreeMap::new();
        let mut failure: Option<(u64, Error)> = None;
        let mut out = 0_usize;
        let mut next_merge = 0_u64;
        loop {
            while failure.is_none() && out + waiting.len() < in_flight {
                let Some(chunk) = next_chunk(task.budget().pressure()) else { break };
                if ticket_out.send(chunk).is_err() {
                    break;
                }
                out += 1;
            }
            if out == 0 {
                break;
            }
            let Ok((chunk, result)) = result_in.recv() else {
                fail(&mut failure, next_merge, Error::new(ErrorKind::Panicked("the workers ended early".to_owned())));
                break;
            };
            out -= 1;
            match result {
                Ok(made) => {
                    waiting.insert(chunk.index, (chunk, made));
                }
                Err(e) => fail(&mut failure, chunk.index, e),
            }
            // Chunks before a failed one are still merged: one of them may be the first to fail.
            while failure.as_ref().is_none_or(|(at, e)| next_merge < *at && !e.is_cancelled())
                && let Some((chunk, made)) = waiting.remove(&next_merge)
            {
                next_merge += 1;
                let merged = catch_unwind(AssertUnwindSafe(|| merge(&chunk, made)))
                    .unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
                match merged {
                    Ok(Some(block)) => {
                        if let Ok(mut r) = recycled.lock() {
                            r.push(block);
                        }
                    }
                    Ok(None) => {}
                    Err(e) => fail(&mut failure, chunk.index, e),
                }
                if let Err(e) = task.advance((chunk.core.end - chunk.core.start) * frame_bytes) {
                    fail(&mut failure, chunk.index, e);
                }
            }
        }
        drop(ticket_out);
        failure.map_or(Ok(()), |(_, e)| Err(e))
    })
}

/// The length of chunks, so that a worker has no more of a mapped file resident than [`TOUCHED_BYTES`]: one channel of
/// many in a row touches the pages of all of them.
fn touching_little(source: &dyn Source, selection: &Selection, chunk_frames: u64, overlap: Overlap) -> u64 {
    let stride = match source.flat_at(selection.stream, selection.frames.start) {
        Some(piece) if piece.layout.is_interleaved() => piece.layout.frame_stride().max(1),
        _ => return chunk_frames,
    };
    let frames = (TOUCHED_BYTES / stride).max(overlap.before.saturating_add(overlap.after)).max(MIN_CHUNK_FRAMES);
    chunk_frames.min(1 << frames.ilog2())
}

/// Keeps the error of the first chunk that did not merely stop.
fn fail(failure: &mut Option<(u64, Error)>, index: u64, error: Error) {
    let wins = failure.as_ref().is_none_or(|(at, e)| match (e.is_cancelled(), error.is_cancelled()) {
        (true, stopped) => !stopped || index < *at,
        (false, stopped) => !stopped && index < *at,
    });
    if wins {
        *failure = Some((index, error));
    }
}

/// The message of a panic, as an error.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Error {
    let message = panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown panic".to_owned());
    Error::new(ErrorKind::Panicked(message)).with_remedy("please report it; the recording itself is untouched")
}
