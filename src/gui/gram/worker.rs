//! The worker that makes the spectrogram of what is seen, newest wish first, and the spectrum of a place that was clicked.
//!
//! It opens what is kept of a recording and makes pyramids as they are wished for; their tiles are made by a job, which
//! the user sees and stops. An answer that holds estimates is made again as that job gets on.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::super::jobs::{Jobs, Replies, Reply};
use crate::analysis::Curves;
use crate::analysis::spectrogram::{Cut, GramView, Pyramid, Tiles};
use crate::budget::MemoryBudget;
use crate::error::{Error, Result};
use crate::source::Source;
use crate::summary::SidecarPolicy;
use crate::task::{Task, default_threads};

/// Estimates are refined this often while tiles are made.
const REFINE: Duration = Duration::from_millis(500);

/// What to show.
#[derive(Clone)]
pub(in super::super) struct Wish {
    pub source: Arc<dyn Source>,
    pub stream: usize,
    pub channel: usize,
    pub cut: Cut,
    pub ticks: Range<u64>,
    /// Where the spectrum is wanted.
    pub spectrum_at: Option<u64>,
}

impl Wish {
    fn is(&self, other: &Self) -> bool {
        self.is_of(other) && self.ticks == other.ticks
    }

    fn is_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.source, &other.source)
            && (self.stream, self.channel, self.cut) == (other.stream, other.channel, other.cut)
    }
}

/// What the worker sends back.
pub enum Answer {
    Picture {
        pyramid: Pyramid,
        view: Arc<GramView>,
    },
    Spectrum {
        channel: usize,
        tick: u64,
        result: Result<Curves>,
    },
    /// Why there is no picture.
    Failed(Error),
}

#[derive(Default)]
struct Slot {
    wish: Option<Wish>,
    generation: u64,
    answered: u64,
    spectrum_answered: Option<u64>,
    /// Coverage when an answer with estimates was given.
    inexact_at: Option<f32>,
    task: Option<Task>,
    closed: bool,
}

type Shared = (Mutex<Slot>, Condvar);

/// The window's end of the worker; dropping it ends the worker.
pub(in super::super) struct GramWorker(Arc<Shared>);

impl GramWorker {
    /// Starts the worker.
    #[must_use]
    pub(in super::super) fn start(jobs: &Jobs, budget: &MemoryBudget) -> Self {
        let shared: Arc<Shared> = Arc::default();
        let theirs = Arc::clone(&shared);
        let budget = budget.clone();
        jobs.spawn("spectrogram", move |replies| work(&theirs, &budget, replies));
        Self(shared)
    }

    /// Wishes for a picture, or for none; the same wish twice is one.
    pub(in super::super) fn want(&self, wish: Option<Wish>) {
        let mut slot = lock(&self.0.0);
        let same = match (&slot.wish, &wish) {
            (None, None) => true,
            (Some(old), Some(new)) => old.is(new),
            _ => false,
        };
        let spectrum = |wish: &Option<Wish>| wish.as_ref().and_then(|w| w.spectrum_at);
        if same && spectrum(&slot.wish) == spectrum(&wish) {
            return;
        }
        if !same {
            let kept = matches!((&slot.wish, &wish), (Some(old), Some(new)) if old.is_of(new));
            if !kept || wish.is_none() {
                slot.spectrum_answered = None;
            }
            slot.generation += 1;
            slot.inexact_at = None;
            if let Some(task) = slot.task.take() {
                task.cancel();
            }
        }
        slot.wish = wish;
        self.0.1.notify_one();
    }

    /// Whether the newest wish has been answered.
    #[must_use]
    pub(in super::super) fn is_at_rest(&self) -> bool {
        let slot = lock(&self.0.0);
        let spectrum = slot.wish.as_ref().and_then(|wish| wish.spectrum_at);
        slot.wish.is_none()
            || (slot.answered == slot.generation && (spectrum.is_none() || spectrum == slot.spectrum_answered))
    }
}

impl Drop for GramWorker {
    fn drop(&mut self) {
        self.want(None);
        lock(&self.0.0).closed = true;
        self.0.1.notify_all();
    }
}

fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is kept between wishes.
#[derive(Default)]
struct Opened {
    tiles: Option<(Wish, Tiles)>,
    pyramid: Option<(Wish, Pyramid)>,
}

impl Opened {
    fn pyramid(&mut self, wish: &Wish, budget: &MemoryBudget) -> Result<Pyramid> {
        if let Some((of, pyramid)) = &self.pyramid
            && of.is_of(wish)
        {
            return Ok(pyramid.clone());
        }
        self.pyramid = None;
        let tiles = match &self.tiles {
            Some((of, tiles)) if Arc::ptr_eq(&of.source, &wish.source) && of.stream == wish.stream => tiles.clone(),
            _ => {
                self.tiles = None;
                let tiles = Tiles::open(Arc::clone(&wish.source), wish.stream, budget, &SidecarPolicy::Auto)?;
                self.tiles = Some((wish.clone(), tiles.clone()));
                tiles
            }
        };
        let pyramid = Pyramid::open(&tiles, wish.channel, wish.cut)?;
        self.pyramid = Some((wish.clone(), pyramid.clone()));
        Ok(pyramid)
    }
}

enum Due {
    Picture,
    Spectrum(u64),
    /// Nothing is wished for: what is open is let go of.
    Nothing,
}

fn work(shared: &Shared, budget: &MemoryBudget, replies: &Replies) {
    let mut opened = Opened::default();
    let mut slot = lock(&shared.0);
    loop {
        if slot.closed {
            return;
        }
        let coverage = opened.pyramid.as_ref().map(|(_, pyramid)| pyramid.coverage());
        let due = match &slot.wish {
            None if opened.tiles.is_some() => Some(Due::Nothing),
            None => None,
            Some(_) if slot.answered != slot.generation => Some(Due::Picture),
            Some(wish) => match wish.spectrum_at.filter(|at| slot.spectrum_answered != Some(*at)) {
                Some(at) => Some(Due::Spectrum(at)),
                None => slot.inexact_at.is_some_and(|seen| coverage != Some(seen)).then_some(Due::Picture),
            },
        };
        let (Some(due), wish) = (due, slot.wish.clone()) else {
            slot = if slot.inexact_at.is_some() {
                shared.1.wait_timeout(slot, REFINE).unwrap_or_else(PoisonError::into_inner).0
            } else {
                shared.1.wait(slot).unwrap_or_else(PoisonError::into_inner)
            };
            continue;
        };
        let Some(wish) = wish else {
            drop(slot);
            opened = Opened::default();
            slot = lock(&shared.0);
            continue;
        };
        let generation = slot.generation;
        let task = Task::new(budget.clone(), default_threads());
        slot.task = Some(task.clone());
        drop(slot);
        let compute = AssertUnwindSafe(|| {
            let pyramid = opened.pyramid(&wish, budget)?;
            let coverage = pyramid.coverage();
            Ok(match due {
                Due::Spectrum(tick) => {
                    let result = pyramid.spectrum_at(tick, &task);
                    (Answer::Spectrum { channel: wish.channel, tick, result }, None)
                }
                _ => {
                    let view = pyramid.view(&wish.ticks, &task)?;
                    let inexact = (!view.is_exact()).then_some(coverage);
                    (Answer::Picture { pyramid, view: Arc::new(view) }, inexact)
                }
            })
        });
        let result = catch_unwind(compute).unwrap_or_else(|panic| Err(crate::scan::panicked(panic.as_ref())));
        slot = lock(&shared.0);
        slot.task = None;
        if let Due::Spectrum(at) = due {
            slot.spectrum_answered = Some(at);
        }
        if slot.generation != generation {
            continue;
        }
        let answer = match result {
            Ok((answer, inexact)) => {
                if matches!(due, Due::Picture) {
                    slot.answered = generation;
                    slot.inexact_at = inexact;
                }
                answer
            }
            Err(error) if error.is_cancelled() => continue,
            Err(error) => {
                slot.answered = generation;
                slot.inexact_at = None;
                Answer::Failed(error)
            }
        };
        drop(slot);
        replies.send(Reply::Spectrogram(answer));
        slot = lock(&shared.0);
    }
}
