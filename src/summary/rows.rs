//! Which tile rows are there.
//!
//! Rows as long as a tile never change once they are made, however long the recording grows: what is known of them is
//! shared by all generations of a growing summary. The last row of each, if it is shorter, is its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::tile::{Shape, TILE_FRAMES};

/// The rows of one summary. Looking costs a lock that is hardly ever contended; counting costs what is behind the first
/// missing row.
#[derive(Debug)]
pub(super) struct Rows {
    full: Arc<RwLock<Full>>,
    /// How many rows are as long as a tile.
    full_rows: usize,
    /// The last row, if it is shorter.
    last: Option<AtomicBool>,
}

#[derive(Debug, Default)]
struct Full {
    there: Vec<bool>,
    /// All rows below this one are there.
    prefix: usize,
}

impl Full {
    fn advance(&mut self) {
        while self.there.get(self.prefix).copied().unwrap_or(false) {
            self.prefix += 1;
        }
    }
}

impl Rows {
    /// The rows of `shape`, of which those in `there` are.
    pub(super) fn new(shape: Shape, there: Vec<bool>) -> Self {
        let full_rows = (shape.frames / TILE_FRAMES) as usize;
        let at = |row: usize| there.get(row).copied().unwrap_or(false);
        let last = !shape.frames.is_multiple_of(TILE_FRAMES);
        let mut full = Full { there: (0..full_rows).map(at).collect(), prefix: 0 };
        full.advance();
        Self { full: Arc::new(RwLock::new(full)), full_rows, last: last.then(|| AtomicBool::new(at(full_rows))) }
    }

    /// The rows of a recording of `shape` that this one has grown to: those as long as a tile are the same ones.
    pub(super) fn grown(&self, shape: Shape) -> Self {
        let full_rows = (shape.frames / TILE_FRAMES) as usize;
        let mut full = self.write();
        let len = full.there.len().max(full_rows);
        full.there.resize(len, false);
        let last = !shape.frames.is_multiple_of(TILE_FRAMES);
        Self { full: Arc::clone(&self.full), full_rows, last: last.then(|| AtomicBool::new(false)) }
    }

    /// How many there are to be.
    pub(super) fn len(&self) -> usize {
        self.full_rows + usize::from(self.last.is_some())
    }

    pub(super) fn has(&self, row: u64) -> bool {
        let row = row as usize;
        match &self.last {
            _ if row < self.full_rows => self.read().there.get(row).copied().unwrap_or(false),
            Some(last) if row == self.full_rows => last.load(Ordering::Acquire),
            _ => false,
        }
    }

    pub(super) fn set(&self, row: u64, is_there: bool) {
        let row = row as usize;
        if row < self.full_rows {
            let mut full = self.write();
            if let Some(flag) = full.there.get_mut(row) {
                *flag = is_there;
            }
            if is_there {
                full.advance();
            } else {
                full.prefix = full.prefix.min(row);
            }
        } else if let Some(last) = self.last.as_ref().filter(|_| row == self.full_rows) {
            last.store(is_there, Ordering::Release);
        }
    }

    /// How many are there.
    pub(super) fn count(&self) -> usize {
        let full = self.read();
        let prefix = full.prefix.min(self.full_rows);
        let behind = full.there[prefix..self.full_rows].iter().filter(|&&there| there).count();
        prefix + behind + usize::from(self.last.as_ref().is_some_and(|last| last.load(Ordering::Acquire)))
    }

    fn read(&self) -> RwLockReadGuard<'_, Full> {
        self.full.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Full> {
        self.full.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::recording::SampleType;

    fn shape(frames: u64) -> Shape {
        Shape { sample_type: SampleType::I16, channels: 1, frames }
    }

    proptest! {
        #[test]
        fn rows_are_counted_as_they_are_set(
            frames in 0_u64..6 * TILE_FRAMES,
            sets in prop::collection::vec((0_u64..8, any::<bool>()), 0..40),
        ) {
            let rows = Rows::new(shape(frames), Vec::new());
            let mut model = vec![false; shape(frames).rows() as usize];
            prop_assert_eq!(rows.len(), model.len());
            for (row, there) in sets {
                rows.set(row, there);
                if let Some(flag) = model.get_mut(row as usize) {
                    *flag = there;
                }
                prop_assert_eq!(rows.count(), model.iter().filter(|&&t| t).count());
                prop_assert_eq!(rows.has(row), model.get(row as usize).copied().unwrap_or(false));
            }
        }
    }

    #[test]
    fn what_has_grown_shares_its_full_rows_and_not_its_last() {
        let old = Rows::new(shape(2 * TILE_FRAMES + 5), vec![true, false, true]);
        let new = old.grown(shape(3 * TILE_FRAMES + 1));
        assert_eq!((old.len(), new.len()), (3, 4));
        assert_eq!((0..4).map(|row| new.has(row)).collect::<Vec<_>>(), [true, false, false, false]);
        new.set(1, true);
        new.set(3, true);
        assert_eq!((old.count(), new.count()), (3, 3));
        old.set(2, false);
        assert_eq!((old.count(), new.count()), (2, 3), "the last row of the old one is its own");
    }
}
