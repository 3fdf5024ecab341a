//! The worker that turns "these channels, these frames, this many columns" into pictures, newest wish first.
//!
//! There is one slot for what is seen, one for the same without filters, one for the overview, and one for each companion.
//! Wishing again overwrites the slot and stops the computation for the old wish. An answer that is not exact yet is
//! computed again as the summary grows. Where the exact one takes a long look back through the file, an estimate comes
//! first.
//!
//! What is seen never waits for the strip above it, which shows the whole recording: the overview has a thread of its own
//! ([`Lane`]), and what it computes with is one thread of the machine.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::jobs::{Jobs, Replies, Reply};
use super::traces::Packed;
use crate::budget::MemoryBudget;
use crate::recording::{Scale, TimeBase};
use crate::summary::{Columns, Summary, ViewRequest};
use crate::task::{Task, default_threads};

/// Estimates are refined this often while the summary grows.
const REFINE: Duration = Duration::from_millis(200);
/// But not before so many times as long has gone by as the last one took: making them again and again, as through a
/// filter, would hold up the summary that makes them needless.
const REST: u32 = 6;

/// What to compute, with all that is needed for it.
#[derive(Clone)]
pub(super) struct Wish {
    pub request: ViewRequest,
    pub summary: Summary,
    pub time: TimeBase,
    /// Of each requested channel.
    pub scales: Vec<Scale>,
}

/// What one thread answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lane {
    Overview,
    /// All else, what is seen first.
    Seen,
}

/// For which part of the window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    View,
    Overview,
    /// What is seen, without the filters that are applied.
    Raw,
    /// The companion of this number.
    Companion(u64),
}

impl Place {
    fn lane(self) -> Lane {
        if self == Self::Overview { Lane::Overview } else { Lane::Seen }
    }
}

#[derive(Default)]
struct Slot {
    wish: Option<Wish>,
    /// Counts wishes; an answer to an older one is dropped.
    generation: u64,
    answered: u64,
    /// Coverage of the summary when an inexact answer was given; `None` if the answer was exact.
    inexact_at: Option<f32>,
    /// When an estimate may be made again.
    rests_until: Option<Instant>,
    task: Option<Task>,
}

struct Slots {
    /// In the order in which they are answered.
    slots: Vec<(Place, Slot)>,
    /// Grows when all wishes are forgotten: answers from before are about something else.
    epoch: u64,
    closed: bool,
}

impl Default for Slots {
    fn default() -> Self {
        let slots = [Place::View, Place::Raw, Place::Overview].map(|place| (place, Slot::default()));
        Self { slots: slots.into(), epoch: 0, closed: false }
    }
}

impl Slots {
    /// The slot of a place, made if there is none yet.
    fn at(&mut self, place: Place) -> &mut Slot {
        let i = self.slots.iter().position(|(p, _)| *p == place).unwrap_or_else(|| {
            self.slots.push((place, Slot::default()));
            self.slots.len() - 1
        });
        &mut self.slots[i].1
    }
}

type Shared = (Mutex<Slots>, Condvar);

/// The window's end of the worker; dropping it ends the worker.
pub(super) struct ColumnWorker(Arc<Shared>);

impl ColumnWorker {
    /// Starts the worker.
    #[must_use]
    pub(super) fn start(jobs: &Jobs, budget: &MemoryBudget) -> Self {
        let shared: Arc<Shared> = Arc::default();
        for (name, lane) in [("columns", Lane::Seen), ("overview", Lane::Overview)] {
            let (theirs, budget) = (Arc::clone(&shared), budget.clone());
            jobs.spawn(name, move |replies| work(lane, &theirs, &budget, replies));
        }
        Self(shared)
    }

    /// Wishes for a picture; the same wish twice is one.
    pub(super) fn want(&self, place: Place, wish: Wish) {
        let mut slots = lock(&self.0.0);
        let slot = slots.at(place);
        // Where a filter looks ahead, the frames at the end of what there was are others when there is more.
        let same = |w: &&mut Wish| {
            w.request == wish.request
                && w.scales == wish.scales
                && (w.summary.is(&wish.summary) || w.summary.holds(&wish.request.frames))
        };
        if let Some(old) = slot.wish.as_mut().filter(same) {
            if !old.summary.is(&wish.summary) {
                // The recording has grown, and the frames asked for are as they were: what is refined is so from now on
                // with what is known by now.
                *old = wish;
            }
            return;
        }
        *slot = Slot { wish: Some(wish), generation: slot.generation + 1, answered: slot.answered, ..Slot::stop(slot) };
        self.0.1.notify_all();
    }

    /// Whether the newest wishes have been answered.
    #[must_use]
    pub(super) fn is_at_rest(&self) -> bool {
        lock(&self.0.0).slots.iter().all(|(_, slot)| slot.wish.is_none() || slot.answered == slot.generation)
    }

    /// Keeps the slots of these companions only.
    pub(super) fn keep_companions(&self, ids: &[u64]) {
        lock(&self.0.0).slots.retain(|(place, slot)| match place {
            Place::Companion(id) if !ids.contains(id) => {
                slot.task.as_ref().inspect(|task| task.cancel());
                false
            }
            _ => true,
        });
    }

    /// Whether an answer of `epoch` is about what is shown now: what was computed may arrive after another recording.
    #[must_use]
    pub(super) fn is_current(&self, epoch: u64) -> bool {
        lock(&self.0.0).epoch == epoch
    }

    /// Forgets all wishes: the document is closed, or is another one.
    pub(super) fn clear(&self) {
        let mut slots = lock(&self.0.0);
        slots.epoch += 1;
        for (_, slot) in &mut slots.slots {
            *slot = Slot { generation: slot.generation + 1, answered: slot.answered, ..Slot::stop(slot) };
        }
    }
}

impl Drop for ColumnWorker {
    fn drop(&mut self) {
        self.clear();
        lock(&self.0.0).closed = true;
        self.0.1.notify_all();
    }
}

impl Slot {
    /// Stops what is being computed for it and gives an empty slot.
    fn stop(slot: &Self) -> Self {
        if let Some(task) = &slot.task {
            task.cancel();
        }
        Self::default()
    }

    fn is_due(&self) -> bool {
        let Some(wish) = &self.wish else { return false };
        let refined = |seen: f32| is_worth_refining((seen, wish.summary.coverage()), self.rests_until, Instant::now());
        self.answered != self.generation || self.inexact_at.is_some_and(refined)
    }
}

/// Whether an estimate made when so much of the summary was there is to be made again, now that there is so much.
fn is_worth_refining((seen, now_there): (f32, f32), rests_until: Option<Instant>, now: Instant) -> bool {
    let is_complete = now_there >= 1.0;
    now_there != seen && (is_complete || rests_until.is_none_or(|until| now >= until))
}

fn lock(slots: &Mutex<Slots>) -> MutexGuard<'_, Slots> {
    slots.lock().unwrap_or_else(PoisonError::into_inner)
}

fn work(lane: Lane, shared: &Shared, budget: &MemoryBudget, replies: &Replies) {
    let mut slots = lock(&shared.0);
    loop {
        if slots.closed {
            return;
        }
        let own = || slots.slots.iter().filter(|(place, _)| place.lane() == lane);
        let Some(place) = own().find(|(_, slot)| slot.is_due()).map(|(place, _)| *place) else {
            let refining = own().any(|(_, slot)| slot.inexact_at.is_some());
            slots = if refining {
                shared.1.wait_timeout(slots, REFINE).unwrap_or_else(PoisonError::into_inner).0
            } else {
                shared.1.wait(slots).unwrap_or_else(PoisonError::into_inner)
            };
            continue;
        };
        let epoch = slots.epoch;
        let slot = slots.at(place);
        let Some(wish) = slot.wish.clone() else { continue };
        let generation = slot.generation;
        let threads = if lane == Lane::Overview { 1 } else { default_threads() };
        let task = Task::new(budget.clone(), threads);
        slot.task = Some(task.clone());
        drop(slots);

        let (coverage, began) = (wish.summary.coverage(), Instant::now());
        let compute = |at_once: bool| {
            let compute = std::panic::AssertUnwindSafe(|| answer((place, epoch), &wish, at_once, &task));
            std::panic::catch_unwind(compute).unwrap_or_else(|panic| Err(crate::scan::panicked(panic.as_ref())))
        };
        let is_prompt = wish.summary.is_prompt(&wish.request);
        if !is_prompt && let Ok((reply, _)) = compute(true) {
            replies.send(reply);
        }
        let result = compute(false);

        slots = lock(&shared.0);
        // It may have been taken away meanwhile.
        let Some((_, slot)) = slots.slots.iter_mut().find(|(p, _)| *p == place) else { continue };
        if slot.generation != generation {
            continue;
        }
        slot.answered = generation;
        slot.inexact_at = None;
        slot.rests_until = Some(Instant::now() + began.elapsed() * REST);
        let reply = match result {
            Ok((reply, exact)) => {
                slot.inexact_at = (!exact).then_some(coverage);
                reply
            }
            Err(e) if e.is_cancelled() => continue,
            Err(error) => match place {
                Place::Companion(id) => Reply::CompanionFailed { id, error },
                _ => Reply::ColumnsFailed { epoch, error },
            },
        };
        drop(slots);
        replies.send(reply);
        slots = lock(&shared.0);
    }
}

fn answer((place, epoch): (Place, u64), wish: &Wish, at_once: bool, task: &Task) -> crate::Result<(Reply, bool)> {
    let (summary, request) = (&wish.summary, &wish.request);
    let columns = if at_once { summary.estimate(request, task)? } else { summary.columns(request, task)? };
    let columns: Arc<Columns> = Arc::new(columns);
    let exact = columns.exact.iter().all(|&e| e);
    let reply = match place {
        Place::View => {
            let packed = Arc::new(Packed::new(&columns, &wish.time, &wish.scales));
            Reply::View { epoch, columns, packed }
        }
        Place::Raw => {
            let packed = Arc::new(Packed::new(&columns, &wish.time, &wish.scales));
            Reply::RawView { epoch, columns, packed }
        }
        Place::Companion(id) => {
            let packed = Arc::new(Packed::new(&columns, &wish.time, &wish.scales));
            Reply::CompanionView { id, columns, packed }
        }
        Place::Overview => Reply::Overview { epoch, columns },
    };
    Ok((reply, exact))
}

#[cfg(test)]
mod tests {
    use std::ops::Range;
    use std::sync::mpsc;

    use eframe::egui;

    use super::super::testing::document;
    use super::*;
    use crate::error::Result;
    use crate::recording::{Block, Recording};
    use crate::source::Source;
    use crate::summary::SidecarPolicy;

    /// A recording whose reads of everything wait until they are let go.
    struct Slow {
        inner: Arc<dyn Source>,
        gate: Mutex<mpsc::Receiver<()>>,
    }

    impl Source for Slow {
        fn recording(&self) -> &Recording {
            self.inner.recording()
        }

        fn read(&self, stream: usize, frames: Range<u64>, channels: &[usize], out: &mut Block) -> Result<()> {
            if channels.len() > 1 {
                self.gate.lock().unwrap().recv().unwrap_err();
            }
            self.inner.read(stream, frames, channels, out)
        }

        fn path(&self) -> Option<&std::path::Path> {
            None
        }
    }

    #[test]
    fn estimates_that_take_long_are_made_again_seldom_and_at_the_end() {
        let now = Instant::now();
        let later = Some(now + Duration::from_secs(9));
        assert!(!is_worth_refining((0.5, 0.5), None, now));
        assert!(is_worth_refining((0.5, 0.6), None, now) && is_worth_refining((0.5, 0.6), Some(now), now));
        assert!(!is_worth_refining((0.5, 0.6), later, now));
        assert!(is_worth_refining((0.5, 1.0), later, now));
    }

    #[test]
    fn what_is_seen_does_not_wait_for_the_overview() {
        let document = document(2);
        let (let_go, gate) = mpsc::channel();
        let source: Arc<dyn Source> = Arc::new(Slow { inner: Arc::clone(&document.source), gate: Mutex::new(gate) });
        let budget = MemoryBudget::new(64 << 20);
        let summary = Summary::open(Arc::clone(&source), 0, &budget, &SidecarPolicy::Off).unwrap();
        let stream = &source.recording().streams[0];
        let wish = |channels: Vec<usize>| Wish {
            scales: channels.iter().map(|&c| stream.channels[c].scale).collect(),
            request: ViewRequest::covering(0, channels, 0..stream.frames, stream.frames, 4.0),
            summary: summary.clone(),
            time: stream.time.clone(),
        };
        let jobs = Jobs::new(egui::Context::default(), 1);
        let worker = ColumnWorker::start(&jobs, &budget);
        worker.want(Place::Overview, wish(vec![0, 1]));
        // It is under way, and stays so.
        let end = Instant::now() + Duration::from_secs(60);
        while lock(&worker.0.0).at(Place::Overview).task.is_none() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
        }
        worker.want(Place::View, wish(vec![0]));
        let mut seen = false;
        while !seen && Instant::now() < end {
            for reply in jobs.take_replies() {
                assert!(!matches!(reply, Reply::Overview { .. }));
                seen |= matches!(reply, Reply::View { epoch, .. } if worker.is_current(epoch));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(seen && !worker.is_at_rest());
        drop(let_go);
        while !worker.is_at_rest() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
        }
        let late = jobs.take_replies();
        let epoch = late.iter().find_map(|reply| match reply {
            Reply::Overview { epoch, .. } => Some(*epoch),
            _ => None,
        });
        // It may arrive when something else is shown.
        assert!(worker.is_current(epoch.unwrap()));
        worker.clear();
        assert!(!worker.is_current(epoch.unwrap()));
    }
}
