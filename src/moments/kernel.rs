//! The kernels: the moments of samples that lie side by side, and of channels that lie side by side in rows.
//!
//! 8- and 16-bit integers are summed exactly, in integers; every other type in two passes over groups that stay in the
//! processor's first cache (mean, then squared deviations from it).
//!
//! Samples at the limits of their type are counted only in groups whose extremes say that there are some, so that it
//! costs nothing where nothing is clipped.

use pulp::{Arch, Simd, WithSimd};

use super::{Moments, Sums};
use crate::recording::Sample;

/// Samples of a group: 16 KiB of 32-bit floats.
pub(crate) const GROUP: usize = 4096;
/// Independent sums of a group, as many as two of the widest registers hold.
const LANES: usize = 16;
/// Rows that a 32-bit sum of 16-bit numbers can take in.
const ROWS: usize = 32 << 10;

/// The moments of `values`, in cache-sized groups.
pub(crate) fn of<T: Sample>(values: &[T]) -> Moments {
    Arch::new().dispatch(Groups { values, of_group: Rounded })
}

/// The loop over groups, compiled for the processor's widest vectors. A struct and not a closure, because only a
/// method that is always inlined takes part in that.
struct Groups<'a, T, K> {
    values: &'a [T],
    of_group: K,
}

trait Kind<T> {
    fn of(&self, group: &[T]) -> Moments;
}

struct Rounded;

impl<T: Sample> Kind<T> for Rounded {
    #[inline(always)]
    fn of(&self, group: &[T]) -> Moments {
        of_group(group)
    }
}

struct Exact;

impl<T: Small> Kind<T> for Exact {
    #[inline(always)]
    fn of(&self, group: &[T]) -> Moments {
        of_small_group(group)
    }
}

impl<T, K: Kind<T>> WithSimd for Groups<'_, T, K> {
    type Output = Moments;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Moments {
        let mut all = Moments::EMPTY;
        for group in self.values.chunks(GROUP) {
            all.merge(&self.of_group.of(group));
        }
        all
    }
}

#[inline(always)]
fn of_group<T: Sample>(values: &[T]) -> Moments {
    let mut least = [T::HIGHEST; LANES];
    let mut greatest = [T::LOWEST; LANES];
    let mut sums = [0.0_f64; LANES];
    let (groups, rest) = values.as_chunks::<LANES>();
    for group in groups {
        for i in 0..LANES {
            let x = group[i];
            // Comparisons with NaN are false: it never becomes an extreme.
            least[i] = if x < least[i] { x } else { least[i] };
            greatest[i] = if x > greatest[i] { x } else { greatest[i] };
            sums[i] += x.to_f64();
        }
    }
    for (i, &x) in rest.iter().enumerate() {
        least[i] = if x < least[i] { x } else { least[i] };
        greatest[i] = if x > greatest[i] { x } else { greatest[i] };
        sums[i] += x.to_f64();
    }
    let sum: f64 = sums.iter().sum();
    if !sum.is_finite() {
        return of_irregular(values);
    }
    let mean = sum / values.len() as f64;
    let mut squares = [0.0_f64; LANES];
    for group in groups {
        for i in 0..LANES {
            let d = group[i].to_f64() - mean;
            squares[i] += d * d;
        }
    }
    for (i, &x) in rest.iter().enumerate() {
        let d = x.to_f64() - mean;
        squares[i] += d * d;
    }
    let clipped = if least.contains(&T::LOWEST) || greatest.contains(&T::HIGHEST) { at_limits(values) } else { 0 };
    Moments {
        count: values.len() as u64,
        clipped,
        min: least.iter().fold(f64::INFINITY, |a, x| a.min(x.to_f64())),
        max: greatest.iter().fold(f64::NEG_INFINITY, |a, x| a.max(x.to_f64())),
        sums: Sums::Rounded { mean, deviations: squares.iter().sum() },
        ..Moments::EMPTY
    }
}

/// A group with NaN, infinities, or a sum beyond the largest float: one by one.
#[cold]
#[inline(never)]
fn of_irregular<T: Sample>(values: &[T]) -> Moments {
    let mut moments = Moments::EMPTY;
    let mut mean = 0.0;
    let mut deviations = 0.0;
    for &x in values {
        if x.is_nan() {
            moments.nan_count += 1;
            continue;
        }
        let x = x.to_f64();
        moments.count += 1;
        moments.clipped += u64::from(x.is_infinite());
        moments.min = moments.min.min(x);
        moments.max = moments.max.max(x);
        let before = x - mean;
        mean += before / moments.count as f64;
        deviations += before * (x - mean);
    }
    if moments.min == f64::NEG_INFINITY || moments.max == f64::INFINITY {
        mean = moments.min + moments.max;
        deviations = f64::NAN;
    }
    moments.sums = Sums::Rounded { mean, deviations };
    moments
}

/// Integers whose squares are summed in integers.
pub(crate) trait Small: Sample + Ord {
    /// Subtracted before squaring, so that the difference has 16 bits and a sign.
    const CENTRE: i32;
    /// The difference from the centre.
    fn centred(self) -> i32;
}

macro_rules! impl_small {
    ($($t:ty, $centre:expr;)*) => { $(
        impl Small for $t {
            const CENTRE: i32 = $centre;
            #[inline(always)]
            fn centred(self) -> i32 { i32::from(self) - Self::CENTRE }
        }
    )* };
}
impl_small! { i8, 0; u8, 0; i16, 0; u16, 1 << 15; }

/// The exact moments of `values`.
pub(crate) fn of_small<T: Small>(values: &[T]) -> Moments {
    Arch::new().dispatch(Groups { values, of_group: Exact })
}

#[inline(always)]
fn of_small_group<T: Small>(values: &[T]) -> Moments {
    let mut least = [T::HIGHEST; LANES];
    let mut greatest = [T::LOWEST; LANES];
    let mut sums = [0_i32; LANES];
    let mut squares = [0_u64; LANES];
    let (pairs, rest) = values.as_chunks::<{ 2 * LANES }>();
    for pair in pairs {
        for i in 0..LANES {
            let (a, b) = (pair[i], pair[i + LANES]);
            least[i] = least[i].min(a).min(b);
            greatest[i] = greatest[i].max(a).max(b);
            let (a, b) = (a.centred(), b.centred());
            sums[i] += a + b;
            // Two squares of at most 2^30 fit into 32 bits without a sign.
            squares[i] += u64::from((a * a) as u32 + (b * b) as u32);
        }
    }
    for &x in rest {
        least[0] = least[0].min(x);
        greatest[0] = greatest[0].max(x);
        sums[0] += x.centred();
        squares[0] += u64::from((x.centred() * x.centred()) as u32);
    }
    let clipped = if least.contains(&T::LOWEST) || greatest.contains(&T::HIGHEST) { at_limits(values) } else { 0 };
    Moments {
        count: values.len() as u64,
        clipped,
        min: least.iter().min().map_or(f64::INFINITY, |x| x.to_f64()),
        max: greatest.iter().max().map_or(f64::NEG_INFINITY, |x| x.to_f64()),
        sums: Sums::Exact {
            centre: T::CENTRE,
            sum: sums.iter().map(|&x| i128::from(x)).sum(),
            squares: squares.iter().map(|&x| i128::from(x)).sum(),
        },
        ..Moments::EMPTY
    }
}

/// How many of `values` are the lowest or the highest that the type can hold.
fn at_limits<T: Sample>(values: &[T]) -> u64 {
    values.iter().filter(|&&x| x == T::LOWEST || x == T::HIGHEST).count() as u64
}

/// The exact moments of `channels` channels that lie side by side in rows of `stride` bytes, from byte `first` of each
/// row on, little-endian: one run along each row, without taking the channels apart.
pub(crate) fn of_small_rows<T: Small>(
    bytes: &[u8],
    stride: usize,
    first: usize,
    channels: usize,
    rows: usize,
) -> Vec<Moments> {
    let mut all = vec![Moments::EMPTY; channels];
    let mut state = RowState::<T>::new(channels);
    for start in (0..rows).step_by(ROWS) {
        let n = ROWS.min(rows - start);
        state.clear();
        let bytes = &bytes[start * stride + first..];
        Arch::new().dispatch(Take { state: &mut state, bytes, stride, rows: n });
        for (c, moments) in all.iter_mut().enumerate() {
            moments.merge(&state.moments(c, n));
        }
    }
    all
}

struct Take<'a, T> {
    state: &'a mut RowState<T>,
    bytes: &'a [u8],
    stride: usize,
    rows: usize,
}

impl<T: Small> WithSimd for Take<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.state.take(self.bytes, self.stride, self.rows);
        self.state.count_clipped(self.bytes, self.stride, self.rows);
    }
}

struct RowState<T> {
    least: Vec<T>,
    greatest: Vec<T>,
    sums: Vec<i32>,
    squares: Vec<u64>,
    clipped: Vec<u32>,
}

impl<T: Small> RowState<T> {
    fn new(channels: usize) -> Self {
        Self {
            least: vec![T::HIGHEST; channels],
            greatest: vec![T::LOWEST; channels],
            sums: vec![0; channels],
            squares: vec![0; channels],
            clipped: vec![0; channels],
        }
    }

    fn clear(&mut self) {
        self.least.fill(T::HIGHEST);
        self.greatest.fill(T::LOWEST);
        self.sums.fill(0);
        self.squares.fill(0);
        self.clipped.fill(0);
    }

    /// Counts the samples at the limits of the type, if the extremes say that there are any.
    #[inline(always)]
    fn count_clipped(&mut self, bytes: &[u8], stride: usize, rows: usize) {
        if !self.least.contains(&T::LOWEST) && !self.greatest.contains(&T::HIGHEST) {
            return;
        }
        let size = size_of::<T>();
        let channels = self.least.len();
        for r in 0..rows {
            let row = &bytes[r * stride..r * stride + channels * size];
            for (clipped, sample) in self.clipped.iter_mut().zip(row.chunks_exact(size)) {
                let x = T::from_le_slice(sample);
                *clipped += u32::from(x == T::LOWEST) + u32::from(x == T::HIGHEST);
            }
        }
    }

    /// Four rows at a time, so that the state is loaded and stored once for four samples.
    #[inline(always)]
    fn take(&mut self, bytes: &[u8], stride: usize, rows: usize) {
        let size = size_of::<T>();
        let channels = self.least.len();
        let row = |r: usize| &bytes[r * stride..r * stride + channels * size];
        let mut r = 0;
        while r + 4 <= rows {
            let (r0, r1, r2, r3) = (row(r), row(r + 1), row(r + 2), row(r + 3));
            let least = &mut self.least[..channels];
            let greatest = &mut self.greatest[..channels];
            let sums = &mut self.sums[..channels];
            let squares = &mut self.squares[..channels];
            for c in 0..channels {
                let at = c * size..(c + 1) * size;
                let w = T::from_le_slice(&r0[at.clone()]);
                let x = T::from_le_slice(&r1[at.clone()]);
                let y = T::from_le_slice(&r2[at.clone()]);
                let z = T::from_le_slice(&r3[at]);
                least[c] = least[c].min(w.min(x)).min(y.min(z));
                greatest[c] = greatest[c].max(w.max(x)).max(y.max(z));
                let (w, x, y, z) = (w.centred(), x.centred(), y.centred(), z.centred());
                sums[c] += (w + x) + (y + z);
                squares[c] += u64::from((w * w) as u32 + (x * x) as u32) + u64::from((y * y) as u32 + (z * z) as u32);
            }
            r += 4;
        }
        for r in r..rows {
            for (c, sample) in row(r).chunks_exact(size).enumerate() {
                let x = T::from_le_slice(sample);
                self.least[c] = self.least[c].min(x);
                self.greatest[c] = self.greatest[c].max(x);
                self.sums[c] += x.centred();
                self.squares[c] += u64::from((x.centred() * x.centred()) as u32);
            }
        }
    }

    fn moments(&self, c: usize, rows: usize) -> Moments {
        Moments {
            count: rows as u64,
            clipped: u64::from(self.clipped[c]),
            min: self.least[c].to_f64(),
            max: self.greatest[c].to_f64(),
            sums: Sums::Exact {
                centre: T::CENTRE,
                sum: i128::from(self.sums[c]),
                squares: i128::from(self.squares[c]),
            },
            ..Moments::EMPTY
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Scale;

    fn close(a: f64, b: f64) -> bool {
        a == b || (a - b).abs() <= 1e-12 * a.abs().max(b.abs()) || (a.is_nan() && b.is_nan())
    }

    #[test]
    fn exact_and_rounded_sums_agree() {
        for n in [0, 1, 15, 16, 33, 4095, 4096, 10_001] {
            let values: Vec<i16> = (0..n).map(|i: i32| (i * 7919 % 65_536 - 32_768) as i16).collect();
            let (a, b) = (of_small(&values), of(&values));
            assert_eq!((a.count, a.min.to_bits(), a.max.to_bits()), (b.count, b.min.to_bits(), b.max.to_bits()));
            let unsigned: Vec<u16> = values.iter().map(|&x| (i32::from(x) + 32_768) as u16).collect();
            let shifted = Scale { gain: 1.0, offset: -32_768.0 };
            match (a.physical(Scale::default()), b.physical(Scale::default()), of_small(&unsigned).physical(shifted)) {
                (Some(a), Some(b), Some(c)) => {
                    assert!(close(a.mean, b.mean) && close(a.std, b.std) && close(a.rms, b.rms), "{a:?} {b:?}");
                    assert!((a.mean - c.mean).abs() < 1e-9 && close(a.std, c.std) && a.min == c.min, "{a:?} {c:?}");
                }
                (a, b, c) => assert!(n == 0 && a.is_none() && b.is_none() && c.is_none()),
            }
        }
    }

    #[test]
    fn full_swing_does_not_overflow() {
        let values = vec![i16::MIN; 3 * GROUP + 5];
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        for moments in [of_small(&values), of_small_rows::<i16>(&bytes, 2, 0, 1, values.len())[0]] {
            let physical = moments.physical(Scale { gain: -2.0, offset: 1.0 }).unwrap();
            assert_eq!((physical.min, physical.mean, physical.std), (65_537.0, 65_537.0, 0.0));
        }
    }

    #[test]
    fn rows_agree_with_columns() {
        let (channels, rows, pad) = (5, 1003, 3);
        let sample = |r: usize, c: usize| ((r * 31 + c * 1009) % 60_000) as u16;
        let mut bytes = vec![];
        for r in 0..rows {
            bytes.extend([0xff; 3]);
            bytes.extend((0..channels).flat_map(|c| sample(r, c).to_le_bytes()));
        }
        let all = of_small_rows::<u16>(&bytes, 2 * channels + pad, pad, channels, rows);
        for (c, moments) in all.iter().enumerate() {
            let column: Vec<u16> = (0..rows).map(|r| sample(r, c)).collect();
            assert_eq!(*moments, of_small(&column));
        }
    }

    #[test]
    fn nan_is_counted_and_infinity_shows() {
        let mut values = vec![1.0_f32; 5000];
        values[7] = f32::NAN;
        values[4999] = f32::NAN;
        let moments = of(&values);
        assert_eq!((moments.count, moments.nan_count), (4998, 2));
        let physical = moments.physical(Scale::default()).unwrap();
        assert_eq!((physical.min, physical.max, physical.mean, physical.std), (1.0, 1.0, 1.0, 0.0));
        values[3] = f32::INFINITY;
        let physical = of(&values).physical(Scale::default()).unwrap();
        assert!(physical.max == f64::INFINITY && physical.mean == f64::INFINITY && physical.std.is_nan());
        values[5] = f32::NEG_INFINITY;
        assert!(of(&values).physical(Scale::default()).unwrap().mean.is_nan());
        assert!(of(&[f64::NAN]).physical(Scale::default()).is_none());
    }

    #[test]
    fn a_large_offset_keeps_the_deviation() {
        let values: Vec<f64> = (0..20_000).map(|i| 1e9 + f64::from(i % 2)).collect();
        let physical = of(&values).physical(Scale::default()).unwrap();
        assert!(close(physical.std, 0.5), "{physical:?}");
    }
}
