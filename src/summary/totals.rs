//! The totals of all tiles: what a range that covers whole tiles needs to know of them.
//!
//! For 2^20 frames of one int16 channel they are 28 bytes, so that those of 10^10 samples are some hundred kilobytes: one
//! read of the sidecar. They are held in memory, counted in the budget, as far as they take a quarter of its limit at
//! most; beyond that they are made from the tiles each time.

use super::sidecar::Sidecar;
use super::store::{Store, lock};
use super::tile::{Part, Shape};
use crate::budget::{MemoryBudget, Reservation};
use crate::error::Result;

/// They take at most this share of the memory limit.
const SHARE: u64 = 4;

/// Takes the totals of a row, if it is there.
type Take<'a> = dyn FnMut(u64, Option<&[u8]>) -> Result<()> + 'a;

/// What is known of the totals of each row.
#[derive(Default)]
pub(super) struct Totals {
    held: Option<Held>,
    /// There is no room for them.
    refused: bool,
}

struct Held {
    /// Row by row; those that are not known are zero.
    bytes: Vec<u8>,
    known: Vec<bool>,
    _reservation: Reservation,
}

impl Totals {
    /// The totals of a recording of shape `new`, of whose shape `old` these are, as far as they are known: those of
    /// `rows` rows from the start, which are full in both.
    pub(super) fn grown(&self, old: &Shape, new: &Shape, rows: u64, budget: &MemoryBudget) -> Self {
        let len = old.channels * old.row(0).total_bytes();
        let Some(held) = &self.held else { return Self::default() };
        let Some(bytes) = new.rows().checked_mul(len as u64).filter(|bytes| *bytes <= budget.limit() / SHARE) else {
            return Self::default();
        };
        let Ok(reservation) = budget.reserve(bytes.saturating_add(new.rows())) else { return Self::default() };
        let rows = (rows as usize).min(held.known.len());
        let mut grown = vec![0; bytes as usize];
        grown[..rows * len].copy_from_slice(&held.bytes[..rows * len]);
        let mut known = vec![false; new.rows() as usize];
        known[..rows].copy_from_slice(&held.known[..rows]);
        Self { held: Some(Held { bytes: grown, known, _reservation: reservation }), refused: false }
    }
}

impl Store {
    /// Bytes of the totals of one row.
    fn total_row_bytes(&self) -> usize {
        self.shape.channels * self.shape.row(0).total_bytes()
    }

    /// Those in memory, read or prepared if need be.
    fn totals<'a>(&self, totals: &'a mut Totals) -> Option<&'a mut Held> {
        if totals.held.is_none() && !totals.refused {
            totals.held = self.hold_totals();
            totals.refused = totals.held.is_none();
        }
        totals.held.as_mut()
    }

    fn hold_totals(&self) -> Option<Held> {
        let rows = self.shape.rows();
        let bytes = rows.checked_mul(self.total_row_bytes() as u64)?;
        if bytes > self.budget.limit() / SHARE {
            return None;
        }
        let reservation = self.budget.reserve(bytes.saturating_add(rows)).ok()?;
        let complete = (0..rows).all(|row| self.has(row) && !self.is_tail(row) && !self.is_inherited(row));
        let read = if complete { self.sidecar().and_then(|s| s.read_totals(bytes as usize)) } else { None };
        let known = vec![read.is_some(); rows as usize];
        Some(Held { bytes: read.unwrap_or_else(|| vec![0; bytes as usize]), known, _reservation: reservation })
    }

    /// Keeps the totals of a sealed row.
    pub(super) fn take_totals(&self, row: u64, image: &[u8]) {
        let shape = self.shape.row(row);
        let mut totals = lock(&self.totals);
        let len = self.total_row_bytes();
        if let Some(held) = self.totals(&mut totals) {
            let new = shape.totals(&image[shape.part(Part::Coarse)], &image[shape.part(Part::Moments)]);
            held.bytes[row as usize * len..][..len].copy_from_slice(&new);
            held.known[row as usize] = true;
        }
    }

    /// Hands the totals of each of `rows` to `take`, in order; a row that is not there gives `None`.
    pub(super) fn for_totals(&self, rows: std::ops::Range<u64>, take: &mut Take<'_>) -> Result<()> {
        let len = self.total_row_bytes();
        let mut totals = lock(&self.totals);
        let mut held = self.totals(&mut totals);
        for row in rows {
            if !self.has(row) {
                take(row, None)?;
                continue;
            }
            let at = row as usize * len;
            if let Some(held) = &held
                && held.known[row as usize]
            {
                take(row, Some(&held.bytes[at..at + len]))?;
                continue;
            }
            let made = self.part(row, Part::Coarse).zip(self.part(row, Part::Moments));
            let made = made.map(|(coarse, moments)| self.shape.row(row).totals(&coarse, &moments));
            if let (Some(held), Some(made)) = (&mut held, &made) {
                held.bytes[at..at + len].copy_from_slice(made);
                held.known[row as usize] = true;
            }
            take(row, made.as_deref())?;
        }
        Ok(())
    }

    /// Writes them if those in a complete sidecar are missing or broken.
    pub(super) fn mend_totals(&self) -> Result<()> {
        let bytes = self.shape.rows().saturating_mul(self.total_row_bytes() as u64);
        let Some(sidecar) = self.sidecar().filter(|s| s.is_writable() && bytes <= self.budget.limit() / SHARE) else {
            return Ok(());
        };
        let _held = self.budget.reserve(bytes)?;
        if sidecar.read_totals(bytes as usize).is_some() { Ok(()) } else { self.write_totals(&sidecar) }
    }

    /// Writes the totals of all rows behind them, where there is memory for it: they can be done without.
    pub(super) fn write_totals(&self, sidecar: &Sidecar) -> Result<()> {
        if self.totals(&mut lock(&self.totals)).is_none() {
            return Ok(());
        }
        self.for_totals(0..self.shape.rows(), &mut |_, _| Ok(()))?;
        match &lock(&self.totals).held {
            Some(held) if held.known.iter().all(|&known| known) => sidecar.write_totals(&held.bytes),
            _ => Ok(()),
        }
    }
}
