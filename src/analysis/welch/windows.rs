//! Windows as arithmetic: from stored samples to detrended, weighted values, and from transforms to powers.
//!
//! The loops are compiled for the processor's widest vectors. Each is a struct and not a closure, because only a method
//! that is always inlined takes part in that.

use std::marker::PhantomData;

use pulp::{Arch, Simd, WithSimd};
use realfft::num_complex::Complex;

use super::Detrend;
use crate::file::Rows;
use crate::file::feed::{Feed, Little, Plain};
use crate::recording::{Block, Sample, Scale};
use crate::{with_samples, with_type};

/// Prime factors up to this one are transformed without a detour.
const LARGEST_SHORT_FACTOR: usize = 31;
/// A complex number.
const COMPLEX_BYTES: u64 = 16;
/// Independent sums of a window.
const LANES: usize = 16;

/// What a planned transform of `n` holds, and what a thread needs besides for it, bytes, at most. A length with a large
/// prime factor is transformed through a convolution (L. I. Bluestein, 1970) of at least twice that factor.
pub(in crate::analysis) fn transform_bytes(n: usize) -> (u64, u64) {
    let (mut rest, mut factor) = (n, 2);
    while factor * factor <= rest && factor <= LARGEST_SHORT_FACTOR {
        if rest.is_multiple_of(factor) {
            rest /= factor;
        } else {
            factor += 1;
        }
    }
    let detour = if rest > LARGEST_SHORT_FACTOR { (2 * rest).next_power_of_two() as u64 } else { 0 };
    let n = n as u64;
    (COMPLEX_BYTES * (n + 3 * detour), COMPLEX_BYTES * (n + n / 2 + 2 * detour))
}

/// Where the samples of a chunk are.
#[derive(Clone, Copy)]
pub(in crate::analysis) enum Values<'a> {
    Block(&'a Block),
    /// The only channel of the stream, little-endian, nothing between its samples.
    Bytes(Rows<'a>),
}

/// What is taken off: `mean + slope · (i − middle)`.
#[derive(Clone, Copy, Default)]
pub(in crate::analysis) struct Line {
    pub(in crate::analysis) mean: f64,
    slope: f64,
}

/// Converts a window to physical values; its trend, or `None` if it holds a NaN or an infinity.
pub(in crate::analysis) fn load(
    values: Values<'_>,
    c: usize,
    place: usize,
    scale: Scale,
    detrend: Detrend,
    into: &mut [f64],
) -> Option<Line> {
    let sum = self::values(values, c, place, scale, into);
    if !sum.is_finite() {
        return None;
    }
    let n = into.len() as f64;
    let mean = sum / n;
    Some(match detrend {
        Detrend::None => Line::default(),
        Detrend::Constant => Line { mean, slope: 0.0 },
        Detrend::Linear => {
            let middle = 0.5 * (n - 1.0);
            let moment: f64 = into.iter().enumerate().map(|(i, x)| (i as f64 - middle) * (x - mean)).sum();
            let square = n * (n * n - 1.0) / 12.0;
            Line { mean, slope: if square > 0.0 { moment / square } else { 0.0 } }
        }
    })
}

/// Physical values of the samples of channel `c` from `place` on, and their sum.
pub(in crate::analysis) fn values(from: Values<'_>, c: usize, place: usize, scale: Scale, to: &mut [f64]) -> f64 {
    match from {
        Values::Block(block) => {
            with_samples!(block.samples(), v => convert(&Plain(v), c * block.frames() + place, 1, scale, to))
        }
        Values::Bytes(rows) => with_type!(rows.format.sample_type, T => {
            convert::<T, _>(&Little(rows.bytes), place * size_of::<T>(), size_of::<T>(), scale, to)
        }),
    }
}

/// Physical values of the samples from place `at` of `feed`, `unit` places apart, and their sum.
fn convert<T: Sample, F: Feed<T>>(feed: &F, at: usize, unit: usize, scale: Scale, to: &mut [f64]) -> f64 {
    Arch::new().dispatch(Convert { feed, at, unit, scale, to, sample: PhantomData })
}

struct Convert<'a, T, F> {
    feed: &'a F,
    at: usize,
    unit: usize,
    scale: Scale,
    to: &'a mut [f64],
    sample: PhantomData<T>,
}

impl<T: Sample, F: Feed<T>> WithSimd for Convert<'_, T, F> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let Self { feed, mut at, unit, scale, to, .. } = self;
        let mut sums = [0.0; LANES];
        let (groups, rest) = to.as_chunks_mut::<LANES>();
        for group in groups {
            // One step after the other: mixed, they are compiled to one number at a time.
            let mut values = feed.lanes::<LANES>(at).map(Sample::to_f64);
            at += LANES * unit;
            for value in &mut values {
                *value = scale.apply(*value);
            }
            *group = values;
            for i in 0..LANES {
                sums[i] += values[i];
            }
        }
        for value in rest {
            let [sample] = feed.lanes::<1>(at);
            at += unit;
            *value = scale.apply(sample.to_f64());
            sums[0] += *value;
        }
        sums.iter().sum()
    }
}

/// A window without its trend, weighted.
pub(in crate::analysis) fn weigh(values: &[f64], line: Line, weights: &[f64], out: &mut [f64]) {
    let first = line.mean - line.slope * 0.5 * (values.len() as f64 - 1.0);
    for (i, ((x, w), out)) in values.iter().zip(weights).zip(out).enumerate() {
        *out = (*x - (first + line.slope * i as f64)) * w;
    }
}

/// Two windows as real and imaginary part.
pub(in crate::analysis) fn weigh_pair(
    a: &[f64],
    line_a: Line,
    b: &[f64],
    line_b: Line,
    weights: &[f64],
    out: &mut [Complex<f64>],
) {
    Arch::new().dispatch(WeighPair { a, line_a, b, line_b, weights, out });
}

struct WeighPair<'a> {
    a: &'a [f64],
    line_a: Line,
    b: &'a [f64],
    line_b: Line,
    weights: &'a [f64],
    out: &'a mut [Complex<f64>],
}

impl WithSimd for WeighPair<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { a, line_a, b, line_b, weights, out } = self;
        let middle = 0.5 * (a.len() as f64 - 1.0);
        let (first_a, first_b) = (line_a.mean - line_a.slope * middle, line_b.mean - line_b.slope * middle);
        let n = out.len();
        let (a, b, weights) = (&a[..n], &b[..n], &weights[..n]);
        if line_a.slope == 0.0 && line_b.slope == 0.0 {
            for i in 0..n {
                out[i].re = (a[i] - first_a) * weights[i];
                out[i].im = (b[i] - first_b) * weights[i];
            }
            return;
        }
        for i in 0..n {
            out[i].re = (a[i] - (first_a + line_a.slope * i as f64)) * weights[i];
            out[i].im = (b[i] - (first_b + line_b.slope * i as f64)) * weights[i];
        }
    }
}

pub(in crate::analysis) fn add_powers(spectrum: &[Complex<f64>], powers: &mut [f64]) {
    Arch::new().dispatch(AddPowers { spectrum, powers });
}

struct AddPowers<'a> {
    spectrum: &'a [Complex<f64>],
    powers: &'a mut [f64],
}

impl WithSimd for AddPowers<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (z, p) in self.spectrum.iter().zip(self.powers) {
            *p += z.re * z.re + z.im * z.im;
        }
    }
}

pub(in crate::analysis) fn add(to: &mut [f64], from: &[f64]) {
    for (a, b) in to.iter_mut().zip(from) {
        *a += b;
    }
}

pub(in crate::analysis) fn hold(to: &mut [f64], from: &[f64]) {
    for (a, b) in to.iter_mut().zip(from) {
        *a = a.max(*b);
    }
}

pub(in crate::analysis) fn hold_low(to: &mut [f64], from: &[f64]) {
    for (a, b) in to.iter_mut().zip(from) {
        *a = a.min(*b);
    }
}
