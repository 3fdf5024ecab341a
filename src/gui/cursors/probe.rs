//! The worker that reads what cursors need: the values of channels at single frames, and the samples near a cursor that is
//! to snap. Newest wish first; what is under way is finished, because it is little.
//!
//! Cost: a frame of the visible channels for each cursor, and at most [`READ_FRAMES`] samples of one channel to snap in;
//! where more are near, the extremes come from the summary's tiles, and edges are too narrow to be meant.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::super::jobs::{Jobs, Replies, Reply};
use super::snap::{Feature, nearest};
use super::{Sought, Which};
use crate::budget::MemoryBudget;
use crate::error::Result;
use crate::recording::Block;
use crate::summary::Summary;
use crate::task::{Task, default_threads};

/// Samples near a cursor that are looked at one by one.
const READ_FRAMES: u64 = 1 << 16;
/// In place of missing tiles, at most so many bytes of samples are read.
const READ_BYTES: u64 = 8 << 20;

/// What is to be read: these channels at the frames of A and B; none for a cursor that is not set or stands in a gap.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Probe {
    pub frames: [Option<u64>; 2],
    pub channels: Vec<usize>,
}

/// What was read.
#[derive(Clone, PartialEq, Debug)]
pub struct Values {
    pub of: Probe,
    /// Of each channel at A and at B, physical units; none where there is no number.
    pub at: [Vec<Option<f64>>; 2],
    /// Why there is nothing.
    pub error: Option<String>,
}

/// Where a cursor is to snap to: a frame and what is there, or nowhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapped {
    pub of: Sought,
    pub found: Option<(u64, Feature)>,
}

#[derive(Default)]
struct Slot {
    /// Of what the wishes are.
    summary: Option<Summary>,
    values: Option<Probe>,
    values_answered: bool,
    sought: Option<Sought>,
    sought_answered: bool,
    /// Counts documents; an answer about a closed one is dropped.
    epoch: u64,
    busy: bool,
    task: Option<Task>,
    closed: bool,
}

impl Slot {
    fn is_due(&self) -> bool {
        let values = self.values.is_some() && !self.values_answered;
        let sought = self.sought.is_some() && !self.sought_answered;
        self.summary.is_some() && (values || sought)
    }
}

type Shared = (Mutex<Slot>, Condvar);

/// The window's end of the worker; dropping it ends the worker.
pub(in super::super) struct ProbeWorker(Arc<Shared>);

impl ProbeWorker {
    /// Starts the worker.
    #[must_use]
    pub(in super::super) fn start(jobs: &Jobs, budget: &MemoryBudget) -> Self {
        let shared: Arc<Shared> = Arc::default();
        let (theirs, budget) = (Arc::clone(&shared), budget.clone());
        jobs.spawn("cursors", move |replies| work(&theirs, &budget, replies));
        Self(shared)
    }

    /// Wishes for values and for a place to snap to; the same wish twice is one.
    pub(in super::super) fn want(&self, values: Option<Probe>, sought: Option<Sought>, summary: &Summary) {
        let mut slot = lock(&self.0.0);
        let same = slot.summary.as_ref().is_some_and(|old| Arc::ptr_eq(old.source(), summary.source()));
        if !same {
            slot.summary = Some(summary.clone());
            (slot.values_answered, slot.sought_answered) = (false, false);
        }
        if slot.values != values {
            (slot.values, slot.values_answered) = (values, false);
        }
        if slot.sought != sought {
            (slot.sought, slot.sought_answered) = (sought, false);
        }
        if slot.is_due() {
            self.0.1.notify_one();
        }
    }

    /// Whether everything that was wished for is answered.
    pub(in super::super) fn is_at_rest(&self) -> bool {
        let slot = lock(&self.0.0);
        !slot.busy && !slot.is_due()
    }

    /// Forgets all wishes: the document is closed.
    pub(in super::super) fn clear(&self) {
        let mut slot = lock(&self.0.0);
        if let Some(task) = &slot.task {
            task.cancel();
        }
        *slot = Slot { epoch: slot.epoch + 1, closed: slot.closed, busy: slot.busy, ..Slot::default() };
    }
}

impl Drop for ProbeWorker {
    fn drop(&mut self) {
        self.clear();
        lock(&self.0.0).closed = true;
        self.0.1.notify_all();
    }
}

fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

fn work(shared: &Shared, budget: &MemoryBudget, replies: &Replies) {
    let mut slot = lock(&shared.0);
    while !slot.closed {
        let (true, Some(summary)) = (slot.is_due(), slot.summary.clone()) else {
            slot = shared.1.wait(slot).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        // The hand waits for what it snaps to; values come behind it.
        let sought = slot.sought.clone().filter(|_| !slot.sought_answered);
        let values = slot.values.clone().filter(|_| sought.is_none());
        match sought {
            Some(_) => slot.sought_answered = true,
            None => slot.values_answered = true,
        }
        slot.busy = true;
        let epoch = slot.epoch;
        let task = Task::new(budget.clone(), default_threads());
        slot.task = Some(task.clone());
        drop(slot);
        let answer = AssertUnwindSafe(|| match (sought, values) {
            (Some(of), _) => {
                // What cannot be read has no place to snap to; the picture says why.
                let found = snap(&summary, &of, &task).unwrap_or_default();
                Some(Reply::Snapped(Snapped { of, found }))
            }
            (None, Some(of)) => Some(Reply::Probed(values_of(&summary, of, &task))),
            (None, None) => None,
        });
        let answer = catch_unwind(answer).unwrap_or_default();
        slot = lock(&shared.0);
        slot.busy = false;
        slot.task = None;
        if slot.epoch != epoch || task.is_cancelled() {
            continue;
        }
        drop(slot);
        if let Some(answer) = answer {
            replies.send(answer);
        }
        slot = lock(&shared.0);
    }
}

fn values_of(summary: &Summary, of: Probe, task: &Task) -> Values {
    let mut error = None;
    let at = Which::ALL.map(|which| {
        let Some(frame) = of.frames[which as usize] else { return vec![None; of.channels.len()] };
        values_at(summary, &of.channels, frame, task).unwrap_or_else(|e| {
            error = Some(e.to_string());
            vec![None; of.channels.len()]
        })
    });
    Values { of, at, error }
}

/// The physical values of `channels` at a frame.
///
/// # Errors
/// When the frame or a channel is not there, or reading fails.
pub(super) fn values_at(summary: &Summary, channels: &[usize], frame: u64, task: &Task) -> Result<Vec<Option<f64>>> {
    let (source, index) = (summary.source(), summary.stream());
    source.check_files()?;
    let stream = &source.recording().streams[index];
    let selection =
        crate::scan::Selection { stream: index, channels: channels.to_vec(), frames: frame..frame.saturating_add(1) };
    selection.stream_in(source.recording())?;
    let _held = task.budget().reserve(Block::bytes_for(stream.format.sample_type, channels.len(), 1)?)?;
    source.prepare(index, channels, frame, task)?;
    let mut block = Block::default();
    source.read(index, selection.frames, channels, &mut block)?;
    let mut one = Vec::new();
    let value = |(i, &c): (usize, &usize)| {
        block.channel_f64(i, stream.channels[c].scale, &mut one);
        one.first().copied().filter(|v| v.is_finite())
    };
    Ok(channels.iter().enumerate().map(value).collect())
}

/// What there is to snap to.
fn snap(summary: &Summary, of: &Sought, task: &Task) -> Result<Option<(u64, Feature)>> {
    let Range { start, end } = of.frames;
    if end.saturating_sub(start) > READ_FRAMES {
        return snap_by_tiles(summary, of, task);
    }
    let (source, index) = (summary.source(), summary.stream());
    source.check_files()?;
    let stream = &source.recording().streams[index];
    let selection = crate::scan::Selection { stream: index, channels: vec![of.channel], frames: of.frames.clone() };
    selection.stream_in(source.recording())?;
    let bytes = Block::bytes_for(stream.format.sample_type, 1, end - start)? + (end - start) * 8;
    let _held = task.budget().reserve(bytes)?;
    source.prepare(index, &selection.channels, start, task)?;
    let mut block = Block::default();
    source.read(index, of.frames.clone(), &selection.channels, &mut block)?;
    let mut values = Vec::new();
    block.channel_f64(0, stream.channels[of.channel].scale, &mut values);
    let local = |r: Range<u64>| (r.start - start) as usize..(r.end - start) as usize;
    let pieces: Vec<Range<usize>> = stream.time.contiguous(of.frames.clone()).map(local).collect();
    let found = nearest(&values, &pieces, of.frame.saturating_sub(start) as usize);
    Ok(found.map(|(i, feature)| (start + i as u64, feature)))
}

/// The extremes among very many samples.
fn snap_by_tiles(summary: &Summary, of: &Sought, task: &Task) -> Result<Option<(u64, Feature)>> {
    let Some(figures) = summary.range(of.frames.clone(), &[of.channel], READ_BYTES, task)? else { return Ok(None) };
    let Some(figures) = figures.first() else { return Ok(None) };
    let (high, low) = (figures.max_frame, figures.min_frame);
    if high == low {
        return Ok(None);
    }
    let found = [(high, Feature::Highest), (low, Feature::Lowest)].into_iter().filter_map(|(f, what)| Some((f?, what)));
    let inside = found.filter(|&(f, _)| f > of.frames.start && f + 1 < of.frames.end);
    Ok(inside.min_by_key(|&(f, _)| f.abs_diff(of.frame)))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::document;
    use super::*;

    #[test]
    fn values_are_those_of_the_frame_and_a_wrong_one_is_told() {
        let document = document(2);
        let task = Task::new(MemoryBudget::new(1 << 20), 1);
        let values = values_at(&document.summary, &[0, 1], 150, &task).unwrap();
        let mut block = Block::default();
        document.source.read(0, 150..151, &[0, 1], &mut block).unwrap();
        let mut expected = Vec::new();
        block.channel_f64(0, document.shown().channels[0].scale, &mut expected);
        assert_eq!(values[0], Some(expected[0]));
        let of = Probe { frames: [Some(9_999_999), None], channels: vec![0] };
        let answer = values_of(&document.summary, of, &task);
        assert!(answer.error.is_some() && answer.at == [vec![None], vec![None]], "{answer:?}");
    }

    #[test]
    fn few_samples_and_many_lead_to_the_same_extreme() {
        let document = document(1);
        let task = Task::new(MemoryBudget::new(16 << 20), 1);
        let of = Sought { which: Which::A, channel: 0, frames: 50..180, frame: 120 };
        let exact = snap(&document.summary, &of, &task).unwrap();
        let tiles = snap_by_tiles(&document.summary, &of, &task).unwrap();
        assert!(tiles.is_none() || exact.is_some_and(|e| tiles.is_some_and(|t| t.0 == e.0 || e.1 == Feature::Edge)));
        let of = Sought { which: Which::A, channel: 0, frames: 150..260, frame: 195 };
        let found = snap(&document.summary, &of, &task).unwrap().unwrap();
        assert!((199..=200).contains(&found.0), "the saw tooth falls there: {found:?}");
    }
}
