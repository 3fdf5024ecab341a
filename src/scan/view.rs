//! The samples of a chunk, as an accumulator sees them.

use std::ops::Range;

use super::Selection;
use crate::budget::Reservation;
use crate::error::Result;
use crate::file::Rows;
use crate::recording::Block;
use crate::source::{FlatPiece, Source};
use crate::task::Task;

/// The samples of a chunk, to be borrowed in place or read into a block, whichever the accumulator prefers.
pub struct ChunkView<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) selection: &'a Selection,
    pub(super) read: Range<u64>,
    /// The piece of a file that holds all of `read`, if there is one.
    pub(super) piece: Option<FlatPiece>,
    pub(super) held: &'a mut HeldBlock,
    pub(super) loaded: bool,
}

/// A block and the part of the budget that it occupies; they travel together.
pub(super) struct HeldBlock {
    pub(super) block: Block,
    /// For [`ChunkView::copied_rows`].
    bytes: Vec<u8>,
    reservation: Reservation,
}

impl HeldBlock {
    pub(super) fn empty(task: &Task) -> Result<Self> {
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
