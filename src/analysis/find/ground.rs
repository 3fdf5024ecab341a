//! What every kind of search stands on: where it searches, how it goes over it, and what becomes of what it finds.

use std::ops::{ControlFlow, Range};

use super::keeper::Keeper;
use crate::error::Result;
use crate::recording::{Block, Scale, Stream};
use crate::scan::{Chunk, ChunkPlan, Overlap, Selection, sweep};
use crate::source::Source;
use crate::summary::Summary;
use crate::task::Task;

/// Where is searched.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) stream: &'a Stream,
    pub(super) selection: &'a Selection,
    pub(super) summary: Option<&'a Summary>,
    pub(super) task: &'a Task,
}

impl<'a> Ground<'a> {
    /// The scale of the channel at place `position` of the selection.
    pub(super) fn scale(&self, position: usize) -> Scale {
        self.stream.channels[self.selection.channels[position]].scale
    }

    /// The name of the channel at place `position` of the selection.
    pub(super) fn name(&self, position: usize) -> &'a str {
        &self.stream.channels[self.selection.channels[position]].name
    }

    /// The places of the channels in the selection.
    pub(super) fn positions(&self) -> Range<usize> {
        0..self.selection.channels.len()
    }

    /// The summary, if it is one of what is searched.
    pub(super) fn tiles(&self) -> Option<&'a Summary> {
        self.summary
            .filter(|s| s.stream() == self.selection.stream && std::ptr::addr_eq(s.source().as_ref(), self.source))
    }
}

/// The pieces of a selection in which there may be something.
pub(super) type Pieces<'s> = Box<dyn Iterator<Item = Range<u64>> + 's>;

/// One kind of search. A worker looks at a chunk on its own; what it found there is joined in order on one thread, which
/// carries over the borders of chunks what belongs together.
pub(super) trait Seeker: Sync {
    /// What is found in one chunk.
    type Found: Send;
    /// What is carried from one chunk to the next.
    type State;

    fn overlap(&self) -> Overlap {
        Overlap::default()
    }

    /// Where there may be something at all.
    fn pieces<'s>(&'s self, ground: &Ground<'s>) -> Pieces<'s> {
        Box::new(std::iter::once(ground.selection.frames.clone()))
    }

    fn state(&self, ground: &Ground<'_>) -> Self::State;

    fn look(&self, ground: &Ground<'_>, chunk: &Chunk, block: &Block) -> Result<Self::Found>;

    /// Takes in what was found in the chunk behind all that was joined so far; returns the least frame at which a place
    /// that is yet to come can start.
    fn join(
        &self,
        ground: &Ground<'_>,
        state: &mut Self::State,
        core: &Range<u64>,
        found: Self::Found,
        keeper: &mut Keeper,
    ) -> Result<u64>;

    fn finish(&self, ground: &Ground<'_>, state: Self::State, keeper: &mut Keeper) -> Result<()>;
}

/// Searches all of the ground, or until the keeper has what it wants. Adds the bytes to the total of the task.
pub(super) fn hunt<S: Seeker>(
    ground: &Ground<'_>,
    seeker: &S,
    keeper: &mut Keeper,
    observe: &mut dyn FnMut(&mut Keeper),
) -> Result<()> {
    let Ground { stream, selection, task, .. } = *ground;
    task.add_total(selection.bytes(stream));
    let overlap = seeker.overlap();
    let plan = ChunkPlan::for_scan(task, stream, selection, overlap)?;
    hunt_planned(ground, seeker, &plan, keeper, observe)
}

pub(super) fn hunt_planned<S: Seeker>(
    ground: &Ground<'_>,
    seeker: &S,
    plan: &ChunkPlan,
    keeper: &mut Keeper,
    observe: &mut dyn FnMut(&mut Keeper),
) -> Result<()> {
    let Ground { source, selection, task, .. } = *ground;
    let mut state = seeker.state(ground);
    let mut pieces = seeker.pieces(ground);
    sweep(
        source,
        selection,
        (plan, seeker.overlap()),
        &mut pieces,
        task,
        &|chunk, view| seeker.look(ground, chunk, view.block()?),
        &mut |chunk, found| {
            let earliest = seeker.join(ground, &mut state, &chunk.core, found, keeper)?;
            observe(keeper);
            Ok(if keeper.is_full(earliest) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        },
    )?;
    seeker.finish(ground, state, keeper)
}

/// The samples of the channel at `position` over `frames`, of a block that holds those from `first` on.
pub(super) fn samples_of<'b, T>(
    all: &'b [T],
    block_frames: usize,
    position: usize,
    first: u64,
    frames: &Range<u64>,
) -> &'b [T] {
    let at = position * block_frames;
    &all[at + (frames.start - first) as usize..at + (frames.end - first) as usize]
}
