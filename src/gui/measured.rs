//! The worker that measures the selected range while the mouse moves, newest wish first.
//!
//! There is one slot: wishing again overwrites it. What is under way is finished, because from the summary that takes
//! milliseconds, and a drag that never paused would otherwise never show a number; an answer carries the range that it
//! is of. A range whose summary is not made yet is asked for again as it grows.

use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::jobs::{Jobs, Replies, Reply};
use crate::budget::MemoryBudget;
use crate::moments::Figures;
use crate::summary::Summary;
use crate::task::{Task, default_threads};

/// While the summary grows, what waits for it is tried again this often.
const RETRY: Duration = Duration::from_millis(250);
/// In place of missing tiles, at most so many bytes of samples are read.
const READ_BYTES: u64 = 32 << 20;

/// A range of some channels.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Range2d {
    pub frames: Range<u64>,
    pub channels: Vec<usize>,
}

/// The newest answer, and what it is of.
#[derive(Clone, Debug)]
pub struct Measurement {
    pub of: Range2d,
    pub found: Found,
}

/// What was found.
#[derive(Clone, Debug)]
pub enum Found {
    /// Exact figures of each channel.
    Exact(Vec<Figures>),
    /// The summary is not made there yet, and there is too much to read at once.
    Pending,
    /// Why there is nothing.
    Failed(String),
}

#[derive(Default)]
struct Slot {
    wish: Option<(Range2d, Summary)>,
    answered: bool,
    /// An answer is being made.
    busy: bool,
    /// Coverage of the summary when the answer had to wait for it.
    pending_at: Option<f32>,
    /// Counts documents; an answer about a closed one is dropped.
    epoch: u64,
    task: Option<Task>,
    closed: bool,
}

type Shared = (Mutex<Slot>, Condvar);

/// The window's end of the worker; dropping it ends the worker.
pub(super) struct MeasureWorker(Arc<Shared>);

impl MeasureWorker {
    /// Starts the worker.
    #[must_use]
    pub(super) fn start(jobs: &Jobs, budget: &MemoryBudget) -> Self {
        let shared: Arc<Shared> = Arc::default();
        let theirs = Arc::clone(&shared);
        let budget = budget.clone();
        jobs.spawn("measure", move |replies| work(&theirs, &budget, replies));
        Self(shared)
    }

    /// Wishes for a measurement; the same wish twice is one.
    pub(super) fn want(&self, of: Range2d, summary: &Summary) {
        let mut slot = lock(&self.0.0);
        if let Some((wished, known)) = &mut slot.wish
            && *wished == of
            && (known.is(summary) || known.holds(&of.frames))
        {
            if !known.is(summary) {
                // The recording has grown, and these frames are as they were.
                *known = summary.clone();
            }
        } else {
            slot.wish = Some((of, summary.clone()));
            (slot.answered, slot.pending_at) = (false, None);
            self.0.1.notify_one();
        }
    }

    /// Whether everything that was wished for is answered.
    pub(super) fn is_at_rest(&self) -> bool {
        let slot = lock(&self.0.0);
        !slot.busy && !slot.is_due()
    }

    /// Forgets the wish: the document is closed.
    pub(super) fn clear(&self) {
        let mut slot = lock(&self.0.0);
        if let Some(task) = &slot.task {
            task.cancel();
        }
        *slot = Slot { epoch: slot.epoch + 1, closed: slot.closed, ..Slot::default() };
    }
}

impl Drop for MeasureWorker {
    fn drop(&mut self) {
        self.clear();
        lock(&self.0.0).closed = true;
        self.0.1.notify_all();
    }
}

impl Slot {
    fn is_due(&self) -> bool {
        let Some((_, summary)) = &self.wish else { return false };
        !self.answered || self.pending_at.is_some_and(|seen| summary.coverage() != seen)
    }
}

fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

fn work(shared: &Shared, budget: &MemoryBudget, replies: &Replies) {
    let mut slot = lock(&shared.0);
    while !slot.closed {
        if !slot.is_due() {
            slot = if slot.pending_at.is_some() {
                shared.1.wait_timeout(slot, RETRY).unwrap_or_else(PoisonError::into_inner).0
            } else {
                shared.1.wait(slot).unwrap_or_else(PoisonError::into_inner)
            };
            continue;
        }
        let Some((of, summary)) = slot.wish.clone() else { continue };
        let epoch = slot.epoch;
        (slot.answered, slot.busy) = (true, true);
        let task = Task::new(budget.clone(), default_threads());
        slot.task = Some(task.clone());
        drop(slot);

        let coverage = summary.coverage();
        let measure =
            std::panic::AssertUnwindSafe(|| summary.range(of.frames.clone(), &of.channels, READ_BYTES, &task));
        let result =
            std::panic::catch_unwind(measure).unwrap_or_else(|panic| Err(crate::scan::panicked(panic.as_ref())));
        let found = match result {
            Ok(Some(figures)) => Found::Exact(figures),
            Ok(None) => Found::Pending,
            Err(error) => Found::Failed(error.to_string()),
        };

        slot = lock(&shared.0);
        slot.busy = false;
        if slot.epoch != epoch || task.is_cancelled() {
            continue;
        }
        let still_wished = slot.wish.as_ref().is_some_and(|(wished, _)| *wished == of);
        if still_wished {
            slot.pending_at = matches!(found, Found::Pending).then_some(coverage);
        }
        drop(slot);
        replies.send(Reply::Measured(Arc::new(Measurement { of, found })));
        slot = lock(&shared.0);
    }
}
