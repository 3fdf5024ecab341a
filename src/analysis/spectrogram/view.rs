//! A part of a spectrogram as it is drawn: columns on a grid of ticks, and how sure each is.

use std::ops::Range;
use std::sync::Arc;

/// How sure a column is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// A gap, or no window that is free of one and of NaN.
    Missing,
    /// One window of many in it, or near it.
    Estimate,
    /// All windows in it.
    Exact,
}

/// A part of a spectrogram, as it is drawn. Columns are 2^`shift` ticks wide and lie on a grid from tick 0.
#[derive(Clone, PartialEq, Debug)]
pub struct View {
    pub first_column: u64,
    pub shift: u32,
    pub states: Vec<State>,
    /// Decibels re 1 unit²/Hz: `values[column · rows + row]`; NaN where there is nothing, −∞ where there is no power.
    pub values: Vec<f32>,
    /// Where rows begin and end, Hz; one more than rows.
    pub borders_hz: Arc<[f64]>,
}

impl View {
    /// Frequencies.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.borders_hz.len() - 1
    }

    /// The ticks that it covers.
    #[must_use]
    pub fn ticks(&self) -> Range<u64> {
        let end = self.first_column + self.states.len() as u64;
        self.first_column << self.shift..end << self.shift
    }

    /// Its column at `tick`, and how sure it is.
    #[must_use]
    pub fn column_at(&self, tick: u64) -> Option<(&[f32], State)> {
        let column = usize::try_from((tick >> self.shift).checked_sub(self.first_column)?).ok()?;
        let state = *self.states.get(column)?;
        Some((self.values.get(column * self.rows()..(column + 1) * self.rows())?, state))
    }

    /// Whether no column is an estimate.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.states.contains(&State::Estimate)
    }
}
