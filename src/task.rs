//! One running computation: how far it is, whether to stop, what it may use.
//!
//! [`Task::advance`] is the progress report and the only point of cancellation. Progress is counted in bytes of the
//! recording, so that the rate means the same for every job.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::budget::MemoryBudget;
use crate::error::{Error, Result};

#[derive(Debug)]
struct Shared {
    total: AtomicU64,
    done: AtomicU64,
    cancelled: AtomicBool,
    started: Instant,
}

/// Progress, cancellation, memory and threads of one job; clones are the same task.
#[derive(Clone, Debug)]
pub struct Task {
    shared: Arc<Shared>,
    budget: MemoryBudget,
    threads: usize,
}

/// A look at a running task.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Progress {
    pub done_bytes: u64,
    /// Zero while it is not known.
    pub total_bytes: u64,
    pub elapsed: Duration,
}

impl Progress {
    /// Done share, 0 to 1; `None` while the total is not known.
    #[must_use]
    pub fn fraction(&self) -> Option<f64> {
        (self.total_bytes > 0).then(|| (self.done_bytes as f64 / self.total_bytes as f64).min(1.0))
    }

    /// Bytes a second since the start.
    #[must_use]
    pub fn bytes_per_sec(&self) -> f64 {
        let secs = self.elapsed.as_secs_f64();
        if secs > 0.0 { self.done_bytes as f64 / secs } else { 0.0 }
    }

    /// Estimated time left, once something was done.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        let rate = self.bytes_per_sec();
        if self.total_bytes == 0 || rate <= 0.0 {
            return None;
        }
        // A time that no clock can hold is not known.
        Duration::try_from_secs_f64(self.total_bytes.saturating_sub(self.done_bytes) as f64 / rate).ok()
    }
}

impl Task {
    /// A task that may use `threads` threads (at least one) and what `budget` allows.
    #[must_use]
    pub fn new(budget: MemoryBudget, threads: usize) -> Self {
        let shared = Shared {
            total: AtomicU64::new(0),
            done: AtomicU64::new(0),
            cancelled: AtomicBool::new(false),
            started: Instant::now(),
        };
        Self { shared: Arc::new(shared), budget, threads: threads.max(1) }
    }

    /// A task for small things and tests: the machine's budget, all its threads.
    #[must_use]
    pub fn unattended() -> Self {
        Self::new(MemoryBudget::for_this_machine(), default_threads())
    }

    /// What it may allocate.
    #[must_use]
    pub fn budget(&self) -> &MemoryBudget {
        &self.budget
    }

    /// How many threads it may use.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Sets the number of bytes to come (for several passes: the sum of all).
    pub fn set_total(&self, bytes: u64) {
        self.shared.total.store(bytes, Ordering::Relaxed);
    }

    /// Adds to the number of bytes to come: a further pass.
    pub fn add_total(&self, bytes: u64) {
        self.shared.total.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Reports `bytes` more as done.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Cancelled`] if the user has stopped the task.
    pub fn advance(&self, bytes: u64) -> Result<()> {
        self.shared.done.fetch_add(bytes, Ordering::Relaxed);
        if self.is_cancelled() { Err(Error::cancelled()) } else { Ok(()) }
    }

    /// Asks the task to stop; it does so at its next [`Self::advance`].
    pub fn cancel(&self) {
        self.shared.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether the task was asked to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.shared.cancelled.load(Ordering::Relaxed)
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress {
            done_bytes: self.shared.done.load(Ordering::Relaxed),
            total_bytes: self.shared.total.load(Ordering::Relaxed),
            elapsed: self.shared.started.elapsed(),
        }
    }
}

/// One thread per processor that the process may use.
#[must_use]
pub fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_counts_and_cancel_stops() {
        let task = Task::new(MemoryBudget::new(0), 0);
        assert_eq!(task.threads(), 1);
        assert_eq!(task.progress().fraction(), None);
        task.set_total(200);
        task.advance(50).unwrap();
        assert_eq!(task.progress().fraction(), Some(0.25));
        task.clone().cancel();
        assert!(task.advance(1).unwrap_err().is_cancelled());
    }
}
