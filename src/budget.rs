//! Memory is reserved, not hoped for.
//!
//! A [`MemoryBudget`] is a number of bytes that the big things — blocks, partial results, caches, job buffers — share.
//! [`MemoryBudget::reserve`] either hands out a [`Reservation`], which gives the bytes back when it is dropped, or fails
//! *before* anything is allocated. Small things (a label, a list of channels) are not counted: about a tenth of the
//! process is outside the budget.
//!
//! The budget also carries the machine's *pressure*: a monitor ([`watch_pressure`]) sets it when more than 85 % of
//! the machine's memory is in use; chunks then shrink and caches drop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::error::{ErrorKind, Result};

const MIB: u64 = 1 << 20;

/// The default ceiling.
pub const DEFAULT_LIMIT_BYTES: u64 = 512 * MIB;
/// No budget is smaller: below this, one chunk of a wide recording does not fit.
pub const MIN_LIMIT_BYTES: u64 = 16 * MIB;

#[derive(Debug, Default)]
struct Shared {
    limit: AtomicU64,
    used: AtomicU64,
    pressure: AtomicBool,
}

/// A shared memory ceiling; clones are the same budget.
#[derive(Clone, Debug)]
pub struct MemoryBudget(Arc<Shared>);

impl MemoryBudget {
    /// A budget of `limit_bytes`, at least [`MIN_LIMIT_BYTES`].
    #[must_use]
    pub fn new(limit_bytes: u64) -> Self {
        let budget = Self(Arc::default());
        budget.set_limit(limit_bytes);
        budget
    }

    /// The default: the smaller of 512 MiB and a quarter of what the machine has available now.
    #[must_use]
    pub fn for_this_machine() -> Self {
        Self::new(DEFAULT_LIMIT_BYTES.min(crate::memory::machine().available_bytes / 4))
    }

    /// The ceiling, bytes.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.0.limit.load(Ordering::Relaxed)
    }

    /// Moves the ceiling; what is reserved stays reserved even if it is over the new one.
    pub fn set_limit(&self, limit_bytes: u64) {
        self.0.limit.store(limit_bytes.max(MIN_LIMIT_BYTES), Ordering::Relaxed);
    }

    /// Bytes reserved now.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.0.used.load(Ordering::Relaxed)
    }

    /// Bytes that can still be reserved.
    #[must_use]
    pub fn free(&self) -> u64 {
        self.limit().saturating_sub(self.used())
    }

    /// Reserves `bytes`. Nothing (0) can always be reserved, even while more is in use than a lowered ceiling allows.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfBudget`] if fewer are free; nothing changes then.
    pub fn reserve(&self, bytes: u64) -> Result<Reservation> {
        let limit = self.limit();
        let taken = self.0.used.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |used| {
            used.checked_add(bytes).filter(|&sum| bytes == 0 || sum <= limit)
        });
        match taken {
            Ok(_) => Ok(Reservation { budget: self.clone(), bytes }),
            Err(used) => {
                Err(crate::Error::new(ErrorKind::OutOfBudget { need: bytes, free: limit.saturating_sub(used) })
                    .with_remedy("raise the memory limit (--memory-limit, or click the memory gauge) or select less"))
            }
        }
    }

    /// Whether the machine is short of memory.
    #[must_use]
    pub fn pressure(&self) -> bool {
        self.0.pressure.load(Ordering::Relaxed)
    }

    /// Whether this clone is the only one left.
    fn is_last(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// Told by the monitor.
    pub fn set_pressure(&self, pressure: bool) {
        self.0.pressure.store(pressure, Ordering::Relaxed);
    }
}

/// Bytes of the budget, given back on drop.
#[derive(Debug)]
pub struct Reservation {
    budget: MemoryBudget,
    bytes: u64,
}

impl Reservation {
    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Changes the number of bytes held.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfBudget`] when growing over the budget; the reservation is unchanged then.
    pub fn resize(&mut self, bytes: u64) -> Result<()> {
        if bytes > self.bytes {
            let mut more = self.budget.reserve(bytes - self.bytes)?;
            self.bytes += std::mem::take(&mut more.bytes);
        } else {
            self.budget.0.used.fetch_sub(self.bytes - bytes, Ordering::AcqRel);
            self.bytes = bytes;
        }
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.0.used.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

/// Measures the machine and tells `budget` whether memory is short; returns what was measured.
pub fn update_pressure(budget: &MemoryBudget) -> crate::memory::Machine {
    let machine = crate::memory::machine();
    budget.set_pressure(machine.is_short());
    machine
}

/// Starts the thread that calls [`update_pressure`] four times a second for as long as the budget is in use elsewhere.
pub fn watch_pressure(budget: &MemoryBudget) {
    let budget = budget.clone();
    let started = std::thread::Builder::new().name("memory-watch".into()).spawn(move || {
        while !budget.is_last() {
            update_pressure(&budget);
            std::thread::sleep(std::time::Duration::from_millis(250));
        }
    });
    // Without the thread there is no pressure signal; the budget itself still holds.
    drop(started);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reservations_add_up_and_come_back() {
        let budget = MemoryBudget::new(100 * MIB);
        let mut a = budget.reserve(60 * MIB).unwrap();
        assert!(matches!(
            budget.reserve(41 * MIB).unwrap_err().kind(),
            ErrorKind::OutOfBudget { need, free } if *need == 41 * MIB && *free == 40 * MIB
        ));
        a.resize(90 * MIB).unwrap();
        assert!(a.resize(101 * MIB).is_err());
        assert_eq!(budget.used(), 90 * MIB);
        a.resize(MIB).unwrap();
        assert_eq!(budget.free(), 99 * MIB);
        drop(a);
        assert_eq!(budget.used(), 0);
        assert!(budget.reserve(u64::MAX).is_err());
    }
}
