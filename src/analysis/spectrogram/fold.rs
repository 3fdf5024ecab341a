//! From windows to columns: every window its own, or the mean of all whose middle lies in a column.

use std::ops::Range;

use super::stft::Stft;
use crate::error::Result;
use crate::recording::TimeBase;

/// The columns of a pass: equal stretches of the sample clock, from half a hop before the middle of the first window to
/// half a hop behind that of the last.
pub(super) struct Columns<'a> {
    time: &'a TimeBase,
    window: u64,
    first_middle: u64,
    hop: u64,
    windows: u64,
    /// `None`: every window is a column.
    count: Option<usize>,
    ticks: Range<u64>,
}

/// What was taken in.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// For each channel: windows with a spectrum, and those left out for a NaN or an infinity.
    pub(super) windows: Vec<u64>,
    pub(super) irregular: Vec<u64>,
    /// Windows that cross a gap.
    pub(super) skipped: u64,
}

impl<'a> Columns<'a> {
    /// `count` columns, or one for each window if there are no more of these and nothing is missing between them.
    pub(super) fn new(stft: &Stft<'_>, time: &'a TimeBase, count: Option<u64>) -> Self {
        let (windows, hop) = (stft.windows(), stft.cut.hop);
        let window = stft.cut.window as u64;
        let first_middle = stft.start_of(0) + window / 2;
        let mut columns = Self { time, window, first_middle, hop, windows, count: None, ticks: 0..0 };
        if windows > 0 {
            columns.ticks = columns.of_window(0).start..columns.of_window(windows - 1).end;
        }
        let whole = columns.ticks.end - columns.ticks.start == windows * hop;
        columns.count = count.map(|n| n.min(windows)).filter(|&n| n < windows || !whole).map(|n| n as usize);
        columns
    }

    pub(super) fn len(&self) -> usize {
        self.count.unwrap_or(self.windows as usize)
    }

    /// The stretch of the sample clock that they cover.
    pub(super) fn ticks(&self) -> Range<u64> {
        self.ticks.clone()
    }

    fn middle(&self, window: u64) -> u64 {
        self.time.tick_of_frame(self.first_middle + window * self.hop)
    }

    fn of_window(&self, window: u64) -> Range<u64> {
        let start = self.middle(window).saturating_sub(self.hop / 2);
        start..start + self.hop
    }

    /// The ticks of column `column`.
    pub(super) fn range(&self, column: usize) -> Range<u64> {
        let Some(count) = self.count else { return self.of_window(column as u64) };
        let span = u128::from(self.ticks.end - self.ticks.start);
        let edge = |i: usize| self.ticks.start + (span * i as u128).div_ceil(count as u128) as u64;
        edge(column)..edge(column + 1)
    }

    /// Its middle, seconds; of a single window, the middle as scipy gives it.
    pub(super) fn secs(&self, column: usize) -> f64 {
        match self.count {
            None => {
                // To the half frame, as the middle of an odd window is.
                let half = if self.window.is_multiple_of(2) { 0.0 } else { 0.5 / self.time.rate_hz() };
                self.time.secs_of_frame(self.first_middle + column as u64 * self.hop) + half
            }
            Some(_) => {
                let range = self.range(column);
                f64::midpoint(self.time.secs_of_tick(range.start), self.time.secs_of_tick(range.end))
            }
        }
    }

    fn of(&self, window: u64) -> usize {
        let Some(count) = self.count else { return window as usize };
        let span = u128::from(self.ticks.end - self.ticks.start);
        let at = self.middle(window).saturating_sub(self.ticks.start);
        ((u128::from(at) * count as u128 / span.max(1)) as usize).min(count - 1)
    }
}

/// Takes a column: its number, for each channel its rows, and what was taken in so far.
type Sink<'s> = dyn FnMut(usize, &[f64], &Tally) -> Result<()> + 's;

/// Makes the columns in order and hands each on: for each channel and row the mean over the windows in it, NaN where there
/// is none.
///
/// # Errors
/// As [`Stft::run`].
pub(super) fn fold(stft: &Stft<'_>, columns: &Columns<'_>, channels: usize, sink: &mut Sink<'_>) -> Result<Tally> {
    let rows = stft.rows().len();
    let mut tally = Tally { windows: vec![0; channels], irregular: vec![0; channels], skipped: 0 };
    let mut sums = vec![0.0; channels * rows];
    let mut counts = vec![0_u64; channels];
    let mut column = 0;
    let mut finish = |column: &mut usize, to: usize, sums: &mut [f64], counts: &mut [u64], tally: &Tally| {
        while *column < to {
            for (sums, &count) in sums.chunks_mut(rows).zip(counts.iter()) {
                let share = if count == 0 { f64::NAN } else { count as f64 };
                sums.iter_mut().for_each(|s| *s /= share);
            }
            sink(*column, sums, tally)?;
            sums.fill(0.0);
            counts.fill(0);
            *column += 1;
        }
        Ok::<(), crate::Error>(())
    };
    stft.run(0..stft.windows(), &mut |window| {
        finish(&mut column, columns.of(window.index), &mut sums, &mut counts, &tally)?;
        tally.skipped += u64::from(window.gap);
        for (c, powers) in window.powers.chunks(rows).enumerate() {
            if window.gap {
                continue;
            }
            if powers[0].is_nan() {
                tally.irregular[c] += 1;
                continue;
            }
            tally.windows[c] += 1;
            counts[c] += 1;
            for (sum, power) in sums[c * rows..].iter_mut().zip(powers) {
                *sum += power;
            }
        }
        Ok(())
    })?;
    finish(&mut column, columns.len(), &mut sums, &mut counts, &tally)?;
    Ok(tally)
}
