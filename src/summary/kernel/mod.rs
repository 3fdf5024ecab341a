//! The hot loop: minimum, maximum and moments of buckets of frames, for all channels of a row at once.
//!
//! Rows of an interleaved stream are taken as they lie in the file. Neighbouring channels are neighbouring *lanes* of
//! the processor's vectors, so that the loop runs along the row and every byte is loaded once. A [`Weave`] says where
//! the lanes are: channels sorted by their place in the row, grouped into runs without holes. Rows that are too short
//! to fill vectors are woven together, several to one long row, and folded when the bucket is complete; a single
//! contiguous channel is the extreme case, so that the same loop serves planar data.
//!
//! The loops are plain Rust over arrays of fixed length, compiled for the vector instructions that the processor has
//! (through [`pulp::Arch`]); 16-bit samples, the most frequent ones, have a way of their own (`half_words`).

use crate::file::feed::{Big, Feed, Little, Plain};
use crate::recording::ByteOrder;

mod half_words;
mod lane;
mod take;
mod weave;

use take::{Lanes, Vectors, take_run};

pub(super) use lane::Lane;
pub(super) use take::{Found, PairSums};
pub(super) use weave::Weave;

/// Rows are taken in groups of about this many bytes: they come from memory in order and stay in the first-level cache
/// while their lanes are visited one vector after the other.
const GROUP_BYTES: usize = 8192;
/// Memory is fetched so many groups ahead.
const AHEAD: usize = 1;
/// At most this many rows may enter one [`Lanes`] with moments.
pub(super) const MAX_ROWS: usize = 256;
/// Lanes of the widest vectors that the loop is written for.
const WIDE: usize = 16;

/// What a kernel works with; kept between calls so that short ones allocate nothing.
pub(super) struct Scratch<T: Lane> {
    lanes: Lanes<T>,
    folded: Vec<Found<T>>,
}

impl<T: Lane> Scratch<T> {
    /// For the rows of `weave`.
    pub(super) fn new(weave: &Weave) -> Self {
        Self { lanes: Lanes::new(weave.channels.len()), folded: Vec::with_capacity(weave.row_lanes) }
    }
}

/// Buckets of `bucket` frames on a grid from frame 0, over `frames` frames of which the first is `first_frame` and lies
/// at place 0 of `feed`. `found(bucket, channel, of)` takes each channel of each bucket; `bucket` counts from the one
/// that holds `first_frame`. With `MOMENTS`, `bucket` must be at most [`MAX_ROWS`].
pub(super) fn buckets<T: Lane, F: Feed<T>, const MOMENTS: bool>(
    Scratch { lanes, folded }: &mut Scratch<T>,
    feed: &F,
    unit: usize,
    weave: &Weave,
    (first_frame, frames): (u64, usize),
    bucket: u64,
    mut found: impl FnMut(usize, usize, Found<T>),
) {
    debug_assert!(!MOMENTS || bucket <= MAX_ROWS as u64);
    let arch = pulp::Arch::new();
    let vectors = vectors();
    let mut row = 0_usize;
    let mut index = 0_usize;
    while row < frames {
        let left = bucket - (first_frame + row as u64) % bucket;
        let rows = usize::try_from(left).unwrap_or(usize::MAX).min(frames - row);
        lanes.clear::<MOMENTS>();
        arch.dispatch(Pass::<T, F, MOMENTS> { vectors, feed, unit, weave, first_row: row, rows, lanes: &mut *lanes });
        fold(weave, lanes, rows as u32, folded);
        for (lane, of) in folded.iter().enumerate() {
            found(index, weave.channels[lane], *of);
        }
        row += rows;
        index += 1;
    }
}

/// What the processor has beyond the plain loops.
fn vectors() -> Option<Vectors> {
    #[cfg(target_arch = "x86_64")]
    let vectors = Vectors::try_new();
    #[cfg(not(target_arch = "x86_64"))]
    let vectors = None;
    vectors
}

/// [`rows_into`], to be compiled for each kind of processor. Not a closure: the call of a closure is not always inlined
/// into the function that has the vector instructions, and is then compiled without them.
struct Pass<'a, T: Lane, F, const MOMENTS: bool> {
    vectors: Option<Vectors>,
    feed: &'a F,
    unit: usize,
    weave: &'a Weave,
    first_row: usize,
    rows: usize,
    lanes: &'a mut Lanes<T>,
}

impl<T: Lane, F: Feed<T>, const MOMENTS: bool> pulp::WithSimd for Pass<'_, T, F, MOMENTS> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        rows_into::<T, F, MOMENTS>(
            self.vectors,
            self.feed,
            self.unit,
            self.weave,
            self.first_row,
            self.rows,
            self.lanes,
        );
    }
}

#[inline(always)]
fn rows_into<T: Lane, F: Feed<T>, const MOMENTS: bool>(
    vectors: Option<Vectors>,
    feed: &F,
    unit: usize,
    weave: &Weave,
    first_row: usize,
    rows: usize,
    lanes: &mut Lanes<T>,
) {
    let stride = weave.stride * weave.woven;
    let long_rows = rows / weave.woven;
    let group = (GROUP_BYTES / (stride * size_of::<T>() / unit).max(1)).clamp(4, MAX_ROWS);
    let start = first_row * weave.stride;
    let mut done = 0;
    while done < long_rows {
        let now = group.min(long_rows - done);
        let mut ahead = start + (done + AHEAD * group) * stride;
        for &(at, lane, n) in &weave.runs {
            let at = start + done * stride + at;
            let share = group * stride * n / weave.channels.len();
            take_run::<T, F, MOMENTS>(vectors, feed, (at, stride, unit), now, lanes, (lane, n), ahead..ahead + share);
            ahead += share;
        }
        done += now;
    }
    let rest = rows - long_rows * weave.woven;
    if rest > 0 {
        // Only rows without holes are woven, so there is one run.
        let at = start + long_rows * stride + weave.runs[0].0;
        take_run::<T, F, MOMENTS>(vectors, feed, (at, weave.stride, unit), rest, lanes, (0, weave.row_lanes), 0..0);
    }
}

fn fold<T: Lane>(weave: &Weave, lanes: &Lanes<T>, rows: u32, folded: &mut Vec<Found<T>>) {
    let found = |i: usize| Found {
        min: lanes.min[i],
        max: lanes.max[i],
        // Of several rows woven together, the first lanes stand for all rows.
        sums: T::sums(
            (lanes.sum[i], lanes.square[i], lanes.high[i], lanes.count[i]),
            if i < weave.row_lanes { rows } else { 0 },
        ),
    };
    folded.clear();
    folded.extend((0..weave.row_lanes).map(found));
    for i in weave.row_lanes..weave.channels.len() {
        let (of, with) = (&mut folded[i % weave.row_lanes], found(i));
        of.min = of.min.least(with.min);
        of.max = of.max.greatest(with.max);
        of.sums.unite::<T>(with.sums);
    }
}

/// [`buckets`] of rows of bytes.
pub(super) fn buckets_of_rows<T: Lane, const MOMENTS: bool>(
    scratch: &mut Scratch<T>,
    (bytes, order): (&[u8], ByteOrder),
    weave: &Weave,
    frames: (u64, usize),
    bucket: u64,
    found: impl FnMut(usize, usize, Found<T>),
) {
    let unit = size_of::<T>();
    match order {
        ByteOrder::Little => buckets::<T, _, MOMENTS>(scratch, &Little(bytes), unit, weave, frames, bucket, found),
        ByteOrder::Big => buckets::<T, _, MOMENTS>(scratch, &Big(bytes), unit, weave, frames, bucket, found),
    }
}

/// [`buckets`] of a planar block of samples: `frames` of each channel, one channel after the other.
pub(super) fn buckets_of_planes<T: Lane, const MOMENTS: bool>(
    samples: &[T],
    frames: (u64, usize),
    bucket: u64,
    mut found: impl FnMut(usize, usize, Found<T>),
) {
    let weave = Weave::single();
    let mut scratch = Scratch::new(&weave);
    for (c, plane) in samples.chunks_exact(frames.1.max(1)).enumerate() {
        buckets::<T, _, MOMENTS>(&mut scratch, &Plain(plane), 1, &weave, frames, bucket, |i, _, of| found(i, c, of));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Sample as _;

    /// Rows with holes, permuted channels, both byte orders, buckets that begin anywhere: the same as one by one.
    #[test]
    fn rows_equal_one_by_one() {
        let mut state = 7_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        };
        for case in 0..60 {
            let channels = [1, 2, 3, 5, 16, 20, 33, 64][case % 8];
            let (head, hole) = if case % 3 == 0 { (0, 0) } else { (next() % 7, next() % 5) };
            let mut offsets: Vec<usize> =
                (0..channels).map(|c| head + 2 * c + if c > channels / 2 { hole } else { 0 }).collect();
            if case % 2 == 1 {
                offsets.reverse();
            }
            let stride = head + 2 * channels + hole;
            let frames = 1 + next() % 700;
            let bytes: Vec<u8> = (0..stride * frames).map(|_| next() as u8).collect();
            let (first, bucket) = ((next() % 1000) as u64, [1, 8, 64, 256][next() % 4]);
            let weave = Weave::new(stride, &offsets, 2);
            for order in [ByteOrder::Little, ByteOrder::Big] {
                let mut seen = 0;
                let scratch = &mut Scratch::new(&weave);
                buckets_of_rows::<i16, true>(scratch, (&bytes, order), &weave, (first, frames), bucket, |b, c, of| {
                    let at = first / bucket + b as u64;
                    let samples: Vec<i64> = (0..frames)
                        .filter(|f| (first + *f as u64) / bucket == at)
                        .map(|f| {
                            let p = f * stride + offsets[c];
                            let two = &bytes[p..p + 2];
                            i64::from(match order {
                                ByteOrder::Little => i16::from_le_slice(two),
                                ByteOrder::Big => i16::from_be_slice(two),
                            })
                        })
                        .collect();
                    assert_eq!(Some(i64::from(of.min)), samples.iter().copied().min());
                    assert_eq!(Some(i64::from(of.max)), samples.iter().copied().max());
                    assert_eq!(of.sums.first, samples.iter().sum::<i64>() as f64);
                    assert_eq!(of.sums.second, samples.iter().map(|x| x * x).sum::<i64>() as f64);
                    assert_eq!(of.sums.count as usize, samples.len());
                    seen += samples.len();
                });
                assert_eq!(seen, frames * channels);
            }
        }
    }

    #[test]
    fn extremes_do_not_overflow() {
        for x in [u16::MAX, 0] {
            let found = |_: usize, _: usize, of: Found<u16>| {
                assert_eq!(of.sums.second, f64::from(x) * f64::from(x) * 256.0);
                assert_eq!(of.sums.first, f64::from(x) * 256.0);
            };
            buckets_of_planes::<u16, true>(&[x; 4096], (0, 4096), 256, found);
            let weave = Weave::new(256, &[6], 2);
            buckets_of_rows::<u16, true>(
                &mut Scratch::new(&weave),
                (&[x as u8; 65536], ByteOrder::Little),
                &weave,
                (0, 256),
                256,
                found,
            );
        }
    }

    #[test]
    fn what_is_no_number_is_counted_out() {
        let mut samples = [1.5_f32; 600];
        samples[..256].fill(f32::NAN);
        samples[300] = f32::NAN;
        samples[301] = f32::INFINITY;
        let mut all = Vec::new();
        buckets_of_planes::<f32, true>(&samples, (0, 600), 256, |_, _, of| all.push(of));
        assert!(all[0].min > all[0].max && all[0].sums.count == 0);
        assert_eq!((all[1].min, all[1].max, all[1].sums.count), (1.5, f32::INFINITY, 255));
        assert_eq!((all[2].min, all[2].max, all[2].sums.count, all[2].sums.first), (1.5, 1.5, 88, 1.5));
    }
}
