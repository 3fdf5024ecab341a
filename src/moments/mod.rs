//! Count, extremes and where they are, mean and squared deviations of stored samples, and how parts of them are merged.
//!
//! [`pass`] computes them in one pass over the samples; the summary keeps them for pieces of the recording and merges
//! those. Both ways give the same: 8- and 16-bit integers are summed exactly, in integers; every other type is kept as
//! mean and sum of squared deviations and merged the way of Chan, Golub and LeVeque (1983), so that the result depends
//! on the cut only by rounding.
//!
//! NaN is counted and left out. Infinities take part: the extremes show them, the mean becomes infinite (or, of both
//! signs, nothing), and there is no deviation.
//!
//! A sample is *clipped* when it is the lowest or the highest value that its type can hold (±∞ for floats): what a
//! converter gives when the signal is beyond its range. Booleans have no such values.

use crate::recording::{SampleType, Scale};

mod kernel;
mod pass;

pub(crate) use pass::{of_samples, pass};

/// What is known about the samples of one channel, in stored units.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Moments {
    /// Samples that are numbers.
    pub(crate) count: u64,
    pub(crate) nan_count: u64,
    /// Samples at the limits of the type.
    pub(crate) clipped: u64,
    /// +∞ and −∞ when there is no number.
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// Where the first least and greatest are, as far as it is known.
    pub(crate) min_in: Stretch,
    pub(crate) max_in: Stretch,
    pub(crate) sums: Sums,
}

/// Frames among which something is: one, when its place is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Stretch {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl Stretch {
    /// The frame, if the place is known.
    pub(crate) fn frame(self) -> Option<u64> {
        (self.end == self.start + 1).then_some(self.start)
    }

    /// Exactly there.
    pub(crate) fn at(frame: u64) -> Self {
        Self { start: frame, end: frame + 1 }
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Sums {
    /// Of the differences from `centre`, exactly.
    Exact { centre: i32, sum: i128, squares: i128 },
    /// The mean, and the sum of the squared deviations from it.
    Rounded { mean: f64, deviations: f64 },
}

impl Moments {
    /// Of no samples.
    pub(crate) const EMPTY: Self = Self {
        count: 0,
        nan_count: 0,
        clipped: 0,
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
        min_in: Stretch { start: 0, end: 0 },
        max_in: Stretch { start: 0, end: 0 },
        sums: Sums::Rounded { mean: 0.0, deviations: 0.0 },
    };

    /// Says that all of it is somewhere in `start..end`.
    pub(crate) fn place(&mut self, start: u64, end: u64) {
        self.min_in = Stretch { start, end };
        self.max_in = self.min_in;
    }

    /// Takes in other samples of the same channel, which come later.
    pub(crate) fn merge(&mut self, later: &Self) {
        if later.count > 0 {
            self.sums = match (self.sums, later.sums) {
                (_, theirs) if self.count == 0 => theirs,
                (Sums::Exact { centre, sum, squares }, Sums::Exact { centre: other, sum: s, squares: q })
                    if centre == other =>
                {
                    Sums::Exact { centre, sum: sum + s, squares: squares + q }
                }
                _ => {
                    let (a, b) = (self.count as f64, later.count as f64);
                    let (mean, delta) = (self.mean(), later.mean() - self.mean());
                    Sums::Rounded {
                        // One infinite mean stays what it is; two of opposite signs have none.
                        mean: if delta.is_finite() { mean + delta * (b / (a + b)) } else { mean + later.mean() },
                        deviations: self.deviations() + later.deviations() + delta * delta * (a * b / (a + b)),
                    }
                }
            };
        }
        // The first of several that are alike stays.
        if later.count > 0 && (self.count == 0 || later.min < self.min) {
            (self.min, self.min_in) = (later.min, later.min_in);
        }
        if later.count > 0 && (self.count == 0 || later.max > self.max) {
            (self.max, self.max_in) = (later.max, later.max_in);
        }
        self.count += later.count;
        self.nan_count += later.nan_count;
        self.clipped += later.clipped;
    }

    /// The mean of the stored values; of none, not a number or 0.
    pub(crate) fn mean(&self) -> f64 {
        match self.sums {
            Sums::Exact { centre, sum, .. } => f64::from(centre) + sum as f64 / self.count as f64,
            Sums::Rounded { mean, .. } => mean,
        }
    }

    /// The sum of their squared deviations from it.
    pub(crate) fn deviations(&self) -> f64 {
        match self.sums {
            Sums::Exact { sum, squares, .. } => {
                let n = i128::from(self.count);
                // Exact for every file that fits on a disk; the fallback is for the arithmetic to be total.
                match (n.checked_mul(squares), sum.checked_mul(sum)) {
                    (Some(a), Some(b)) => (a - b) as f64 / self.count as f64,
                    _ => squares as f64 - sum as f64 * (sum as f64 / self.count as f64),
                }
            }
            Sums::Rounded { deviations, .. } => deviations,
        }
    }

    /// The figures in physical units.
    pub(crate) fn figures(&self, sample_type: SampleType, scale: Scale) -> Figures {
        let clipped = if sample_type == SampleType::Bool { 0 } else { self.clipped };
        let physical = self.physical(scale);
        let (mut min_frame, mut max_frame) = (self.min_in.frame(), self.max_in.frame());
        // A negative gain makes the greatest of what is stored the least.
        if scale.apply(self.min) > scale.apply(self.max) {
            std::mem::swap(&mut min_frame, &mut max_frame);
        }
        if scale.gain == 0.0 || physical.is_none() {
            (min_frame, max_frame) = (None, None);
        }
        Figures { count: self.count, nan_count: self.nan_count, clipped, physical, min_frame, max_frame }
    }

    /// The figures in physical units; `None` if there is no number.
    pub(crate) fn physical(&self, scale: Scale) -> Option<Physical> {
        if self.count == 0 {
            return None;
        }
        let (a, b) = (scale.apply(self.min), scale.apply(self.max));
        // Adding zero makes −0 a 0, so that the sign of a zero does not depend on which of several came first.
        let (min, max) = (a.min(b) + 0.0, a.max(b) + 0.0);
        if self.min.is_infinite() || self.max.is_infinite() {
            return Some(Physical { min, max, mean: min + max, std: f64::NAN, rms: f64::NAN });
        }
        let mean = scale.apply(self.mean());
        // Rounding may leave a little less than nothing.
        let std = (self.deviations().max(0.0) / self.count as f64).sqrt() * scale.gain.abs();
        Some(Physical { min, max, mean, std, rms: mean.hypot(std) })
    }
}

/// Statistics of one channel over some frames, in physical units.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Figures {
    /// Samples that are numbers.
    pub count: u64,
    pub nan_count: u64,
    /// Samples at the lowest or highest value that the stored type can hold.
    pub clipped: u64,
    /// `None` if there is no number.
    pub physical: Option<Physical>,
    /// The first frame that holds the minimum; `None` if there is none, or it was not looked for.
    pub min_frame: Option<u64>,
    /// The first frame that holds the maximum.
    pub max_frame: Option<u64>,
}

/// The numbers of [`Figures`], in the unit of the channel.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Physical {
    pub min: f64,
    pub max: f64,
    pub mean: f64,
    /// Of the population: the square root of the mean squared deviation.
    pub std: f64,
    pub rms: f64,
}

impl Physical {
    /// From the minimum to the maximum.
    #[must_use]
    pub fn peak_to_peak(&self) -> f64 {
        self.max - self.min
    }
}
