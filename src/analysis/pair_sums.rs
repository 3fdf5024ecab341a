//! Sums over windows of the products of the transforms of two channels: a reference, which is the first of a selection,
//! and each other one.

use pulp::{Arch, Simd, WithSimd};
use realfft::num_complex::Complex;

use super::welch::{Values, Welch, transform, weigh};
use crate::error::Result;
use crate::scan::{Accumulator, Chunk, ChunkView, Overlap};

/// Windows whose transforms of the reference are kept at a time: enough that the sums of a pair are visited seldom.
const GROUP: usize = 8;
/// Sums of each frequency: the two powers and the two parts of the product.
const SUMS: usize = 4;
/// Frequencies next to zero to which what was taken off a window too little or too much is spread by the taper.
const LOWEST: usize = 8;
/// Independent sums that the mean of a window is made of.
const LANES: f64 = 16.0;

/// The sums of all pairs.
pub(super) struct PairSums {
    pub(super) pairs: Vec<Pair>,
    /// Windows that cross a gap.
    pub(super) skipped: u64,
}

/// The sums of one pair, over the windows in which both channels are finite.
pub(super) struct Pair {
    /// Reference power, other power, and the parts of conj(reference)·other; `bins` of each.
    sums: Vec<f64>,
    bins: usize,
    pub(super) windows: u64,
    /// Windows with a NaN or an infinity in either.
    pub(super) irregular: u64,
    /// Of both channels: the sum over the windows of the squared rounding error of a number like the mean.
    rounding: [f64; 2],
    /// What that comes to in a power: at the lowest frequencies, where that of the mean itself is, and at the others.
    spread: (f64, f64),
}

impl Pair {
    fn new(bins: usize, spread: (f64, f64)) -> Self {
        Self { sums: vec![0.0; SUMS * bins], bins, windows: 0, irregular: 0, rounding: [0.0; 2], spread }
    }

    /// The sum of conj(reference)·other at bin `k`.
    pub(super) fn cross(&self, k: usize) -> (f64, f64) {
        (self.sums[2 * self.bins + k], self.sums[3 * self.bins + k])
    }

    /// Whether both channels have power at bin `k`, more than rounding makes.
    pub(super) fn has_power(&self, k: usize) -> bool {
        let spread = if k < LOWEST { self.spread.0 } else { self.spread.1 };
        (0..2).all(|i| {
            let power = self.sums[i * self.bins + k];
            power.is_finite() && power > self.rounding[i] * spread
        })
    }

    /// The magnitude-squared coherence at bin `k`; NaN where a channel has no power.
    pub(super) fn coherence(&self, k: usize) -> f64 {
        if !self.has_power(k) {
            return f64::NAN;
        }
        let (re, im) = self.cross(k);
        // Root by root, so that nothing underflows; rounding may not make it more than it can be.
        let ratio = re.hypot(im) / self.sums[k].sqrt() / self.sums[self.bins + k].sqrt();
        (ratio * ratio).min(1.0)
    }

    fn merge(&mut self, later: &Self) {
        for (mine, theirs) in self.sums.iter_mut().zip(&later.sums) {
            *mine += theirs;
        }
        self.windows += later.windows;
        self.irregular += later.irregular;
        for (mine, theirs) in self.rounding.iter_mut().zip(later.rounding) {
            *mine += theirs;
        }
    }
}

/// Bytes of the sums of `pairs`, and what a thread needs besides.
pub(super) fn bytes(pairs: usize, window: u64) -> (u64, u64) {
    let bins = window / 2 + 1;
    ((pairs * SUMS * size_of::<f64>()) as u64 * bins, ((GROUP + 1) * size_of::<Complex<f64>>()) as u64 * bins)
}

/// One pass over the windows of `welch`, whose first selected channel is the reference.
pub(super) fn accumulate(welch: &Welch<'_>, observe: &mut dyn FnMut(&PairSums)) -> Result<PairSums> {
    let pairs = welch.selection().0.channels.len().saturating_sub(1);
    let taper = &welch.tapers()[0];
    let coherent = taper.iter().map(|w| w.abs()).sum::<f64>().powi(2);
    // The mean is wrong by a rounding for every number added, at most.
    let additions = welch.window() as f64 / LANES + LANES;
    let spread = (coherent * additions.powi(2), 16.0 * taper.iter().map(|w| w * w).sum::<f64>());
    let new = || Partial {
        welch,
        sums: PairSums { pairs: (0..pairs).map(|_| Pair::new(welch.bins(), spread)).collect(), skipped: 0 },
    };
    welch.scan(new, &mut |partial: &Partial<'_>| observe(&partial.sums))
}

struct Partial<'w> {
    welch: &'w Welch<'w>,
    sums: PairSums,
}

impl Accumulator for Partial<'_> {
    type Output = PairSums;

    fn overlap(&self) -> Overlap {
        self.welch.overlap()
    }

    fn update(&mut self, chunk: &Chunk, view: &mut ChunkView<'_>) -> Result<()> {
        let welch = self.welch;
        let (starts, skipped) = welch.windows_in(chunk);
        self.sums.skipped = skipped;
        if starts.is_empty() {
            return Ok(());
        }
        let values = Welch::values(view)?;
        let bins = welch.bins();
        let mut references = vec![Complex::default(); GROUP * bins];
        let mut spectrum = vec![Complex::default(); bins];
        for group in starts.chunks(GROUP) {
            let places: Vec<usize> = group.iter().map(|s| (s - chunk.read.start) as usize).collect();
            let mut means = [None; GROUP];
            for ((&place, into), mean) in places.iter().zip(references.chunks_mut(bins)).zip(&mut means) {
                *mean = one(welch, values, 0, place, into)?;
            }
            for (i, pair) in self.sums.pairs.iter_mut().enumerate() {
                for ((&place, reference), mean) in places.iter().zip(references.chunks(bins)).zip(means) {
                    let both = match mean {
                        Some(mean) => one(welch, values, i + 1, place, &mut spectrum)?.map(|other| [mean, other]),
                        None => None,
                    };
                    let Some(both) = both else {
                        pair.irregular += 1;
                        continue;
                    };
                    pair.windows += 1;
                    for (sum, mean) in pair.rounding.iter_mut().zip(both) {
                        *sum += (f64::EPSILON * mean).powi(2);
                    }
                    Arch::new().dispatch(Products { reference, other: &spectrum, sums: &mut pair.sums });
                }
            }
        }
        Ok(())
    }

    fn merge(&mut self, later: Self) {
        for (mine, theirs) in self.sums.pairs.iter_mut().zip(&later.sums.pairs) {
            mine.merge(theirs);
        }
        self.sums.skipped += later.sums.skipped;
    }

    fn finish(self) -> PairSums {
        self.sums
    }
}

/// The transform of one window of the selected channel `c`; what was taken off it, or `None` if it holds a NaN or an
/// infinity.
fn one(
    welch: &Welch<'_>,
    values: Values<'_>,
    c: usize,
    place: usize,
    into: &mut [Complex<f64>],
) -> Result<Option<f64>> {
    welch.go_on()?;
    let mut space = welch.workspace();
    let single = welch.single();
    space.scratch.resize(single.get_scratch_len(), Complex::default());
    let line = welch.load(values, c, place, &mut space.first);
    if let Some(line) = line {
        weigh(&space.first, line, &welch.tapers()[0], &mut space.second);
        transform(single.as_ref(), &mut space.second, into, &mut space.scratch)?;
    }
    welch.put_back(space);
    Ok(line.map(|line| line.mean))
}

/// Adds the products of two transforms.
struct Products<'a> {
    reference: &'a [Complex<f64>],
    other: &'a [Complex<f64>],
    sums: &'a mut [f64],
}

impl WithSimd for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let n = self.reference.len();
        let (powers, cross) = self.sums.split_at_mut(2 * n);
        let (xx, yy) = powers.split_at_mut(n);
        let (re, im) = cross.split_at_mut(n);
        let other = &self.other[..n];
        let (xx, yy, re, im) = (&mut xx[..n], &mut yy[..n], &mut re[..n], &mut im[..n]);
        for i in 0..n {
            let (a, b) = (self.reference[i], other[i]);
            xx[i] += a.re * a.re + a.im * a.im;
            yy[i] += b.re * b.re + b.im * b.im;
            re[i] += a.re * b.re + a.im * b.im;
            im[i] += a.re * b.im - a.im * b.re;
        }
    }
}
