//! Rows of samples, taken into lanes.

use std::ops::Range;

use super::WIDE;
use super::lane::Lane;
use crate::file::feed::{Feed, LINE, load};

/// What was found so far, lane by lane.
pub(in crate::summary) struct Lanes<T: Lane> {
    pub(super) min: Vec<T>,
    pub(super) max: Vec<T>,
    pub(super) sum: Vec<T::Sum>,
    pub(super) square: Vec<T::Square>,
    pub(super) high: Vec<T::High>,
    pub(super) count: Vec<T::Count>,
}

/// What was found of one channel. The identity of `min` and `max` is the type's extremes, the wrong way round.
#[derive(Clone, Copy)]
pub(in crate::summary) struct Found<T> {
    pub(in crate::summary) min: T,
    pub(in crate::summary) max: T,
    /// Of the samples that are numbers.
    pub(in crate::summary) sums: PairSums,
}

/// Two sums over samples, and how many there are: of types that are summed exactly the sum and the sum of squares, of
/// others the mean and the sum of squared deviations from it.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(in crate::summary) struct PairSums {
    pub(in crate::summary) first: f64,
    pub(in crate::summary) second: f64,
    pub(in crate::summary) count: u32,
}

impl PairSums {
    /// Takes in those of other samples; means are merged the way of Chan, Golub and LeVeque.
    #[inline(always)]
    pub(in crate::summary) fn unite<T: Lane>(&mut self, other: Self) {
        if T::EXACT {
            self.first += other.first;
            self.second += other.second;
        } else if self.count == 0 {
            *self = other;
            return;
        } else if other.count > 0 {
            let (a, b) = (f64::from(self.count), f64::from(other.count));
            let delta = other.first - self.first;
            self.first += delta * (b / (a + b));
            self.second += other.second + delta * delta * (a * b / (a + b));
        }
        self.count += other.count;
    }
}

impl<T: Lane> Lanes<T> {
    pub(super) fn new(n: usize) -> Self {
        Self {
            min: vec![T::HIGHEST; n],
            max: vec![T::LOWEST; n],
            sum: vec![T::Sum::default(); n],
            square: vec![T::Square::default(); n],
            high: vec![T::High::default(); n],
            count: vec![T::Count::default(); n],
        }
    }

    #[inline(always)]
    pub(super) fn clear<const MOMENTS: bool>(&mut self) {
        self.min.fill(T::HIGHEST);
        self.max.fill(T::LOWEST);
        if MOMENTS {
            self.sum.fill(T::Sum::default());
            self.square.fill(T::Square::default());
            self.high.fill(T::High::default());
            self.count.fill(T::Count::default());
        }
    }
}

/// What [`super::half_words`] needs of the processor.
#[cfg(target_arch = "x86_64")]
pub(super) type Vectors = pulp::x86::V3;
/// Nothing is known of other processors.
#[cfg(not(target_arch = "x86_64"))]
pub(super) type Vectors = std::convert::Infallible;

#[inline(always)]
pub(super) fn extremes<T: Lane, const W: usize>(min: &mut [T; W], max: &mut [T; W], x: &[T; W]) {
    for i in 0..W {
        min[i] = min[i].least(x[i]);
        max[i] = max[i].greatest(x[i]);
    }
}

/// Takes `rows` rows from place `at` into `W` lanes from `lane` on.
#[inline(always)]
pub(super) fn take<T: Lane, F: Feed<T>, const W: usize, const MOMENTS: bool>(
    feed: &F,
    (at, stride): (usize, usize),
    rows: usize,
    lanes: &mut Lanes<T>,
    lane: usize,
) {
    let mut min: [T; W] = load(&lanes.min, lane);
    let mut max: [T; W] = load(&lanes.max, lane);
    if MOMENTS {
        let mut sum: [T::Sum; W] = load(&lanes.sum, lane);
        let mut square: [T::Square; W] = load(&lanes.square, lane);
        let mut high: [T::High; W] = load(&lanes.high, lane);
        let mut count: [T::Count; W] = load(&lanes.count, lane);
        for row in 0..rows {
            let x: [T; W] = feed.lanes(at + row * stride);
            extremes(&mut min, &mut max, &x);
            for i in 0..W {
                x[i].add(&mut sum[i], &mut square[i], &mut high[i], &mut count[i]);
            }
        }
        lanes.sum[lane..lane + W].copy_from_slice(&sum);
        lanes.square[lane..lane + W].copy_from_slice(&square);
        lanes.high[lane..lane + W].copy_from_slice(&high);
        lanes.count[lane..lane + W].copy_from_slice(&count);
    } else {
        for row in 0..rows {
            let x: [T; W] = feed.lanes(at + row * stride);
            extremes(&mut min, &mut max, &x);
        }
    }
    lanes.min[lane..lane + W].copy_from_slice(&min);
    lanes.max[lane..lane + W].copy_from_slice(&max);
}

/// Takes `rows` rows whose lanes are in one run, `at` being the place of the first, and meanwhile fetches the places
/// `ahead`, a few lines at a time, so that computing and waiting for the memory overlap.
#[inline(always)]
pub(super) fn take_run<T: Lane, F: Feed<T>, const MOMENTS: bool>(
    vectors: Option<Vectors>,
    feed: &F,
    (at, stride, unit): (usize, usize, usize),
    rows: usize,
    lanes: &mut Lanes<T>,
    (first, n): (usize, usize),
    mut ahead: Range<usize>,
) {
    let step = (ahead.len() / (n / WIDE).max(1)).next_multiple_of(LINE);
    let mut i = 0;
    while i + WIDE <= n {
        feed.fetch(ahead.start..ahead.end.min(ahead.start + step));
        ahead.start += step;
        let place = (at + i * unit, stride);
        if MOMENTS {
            T::take_wide(vectors, feed, place, rows, lanes, first + i);
        } else {
            take::<T, F, WIDE, false>(feed, place, rows, lanes, first + i);
        }
        i += WIDE;
    }
    while i + 4 <= n {
        take::<T, F, 4, MOMENTS>(feed, (at + i * unit, stride), rows, lanes, first + i);
        i += 4;
    }
    while i < n {
        take::<T, F, 1, MOMENTS>(feed, (at + i * unit, stride), rows, lanes, first + i);
        i += 1;
    }
    feed.fetch(ahead);
}
