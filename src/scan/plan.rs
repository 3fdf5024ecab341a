//! What a pass goes over, and how it is cut.

use std::ops::Range;

use super::LOOKAHEAD;
use crate::error::{Error, ErrorKind, Result};
use crate::recording::{Recording, Stream};
use crate::source::Source;
use crate::task::Task;

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

/// Cuts the selection, front to back.
pub(super) struct Cutter<'a> {
    pub(super) selection: &'a Selection,
    pub(super) overlap: Overlap,
    pub(super) chunk_frames: u64,
    pub(super) next_frame: u64,
    pub(super) next_index: u64,
}

impl Cutter<'_> {
    pub(super) fn next(&mut self, pressure: bool) -> Option<Chunk> {
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

/// The length of chunks, so that a worker has no more of a mapped file resident than [`TOUCHED_BYTES`]: one channel of
/// many in a row touches the pages of all of them.
pub(super) fn touching_little(source: &dyn Source, selection: &Selection, chunk_frames: u64, overlap: Overlap) -> u64 {
    let stride = match source.flat_at(selection.stream, selection.frames.start) {
        Some(piece) if piece.layout.is_interleaved() => piece.layout.frame_stride().max(1),
        _ => return chunk_frames,
    };
    let frames = (TOUCHED_BYTES / stride).max(overlap.before.saturating_add(overlap.after)).max(MIN_CHUNK_FRAMES);
    chunk_frames.min(1 << frames.ilog2())
}
