//! The hot loop: minimum, maximum and moments of buckets of frames, for all channels of a row at once.
//!
//! Rows of an interleaved stream are taken as they lie in the file. Neighbouring channels are neighbouring *lanes* of
//! the processor's vectors, so that the loop runs along the row and every byte is loaded once. A [`Weave`] says where
//! the lanes are: channels sorted by their place in the row, grouped into runs without holes. Rows that are too short
//! to fill vectors are woven together, several to one long row, and folded when the bucket is complete; a single
//! contiguous channel is the extreme case, so that the same loop serves planar data.
//!
//! The loops are plain Rust over arrays of fixed length, compiled for the vector instructions that the processor has
//! (through [`pulp::Arch`]). Small integers are summed in 32-bit lanes, which a bucket of 256 rows cannot overflow: the
//! squares of 16-bit samples in two halves.

use half::f16;

use crate::recording::{ByteOrder, Sample};

/// Rows are taken in groups of about this many bytes: they come from memory in order and stay in the first-level cache
/// while their lanes are visited one vector after the other.
const GROUP_BYTES: usize = 4096;
/// At most this many rows may enter one [`Lanes`] with moments.
pub(super) const MAX_ROWS: usize = 256;
/// Lanes of the widest vectors that the loop is written for.
const WIDE: usize = 16;
/// No more lanes than this come from weaving rows together.
const MAX_WOVEN: usize = 512;

/// How samples of one type are compared and summed.
pub(super) trait Lane: Sample {
    /// Of the samples.
    type Sum: Copy + Default + Send;
    /// Of the squares, or of their low halves.
    type Square: Copy + Default + Send;
    /// Of the high halves of the squares.
    type High: Copy + Default + Send;
    /// Samples that are numbers, where some may not be.
    type Count: Copy + Default + Send;

    /// The lesser; `self` if `x` is not a number.
    fn least(self, x: Self) -> Self;
    /// The greater; `self` if `x` is not a number.
    fn greatest(self, x: Self) -> Self;
    fn add(self, sum: &mut Self::Sum, square: &mut Self::Square, high: &mut Self::High, count: &mut Self::Count);
    fn sum(sum: Self::Sum) -> f64;
    fn square(square: Self::Square, high: Self::High) -> f64;
    /// Of `frames` samples.
    fn count(count: Self::Count, frames: u32) -> u32;
}

macro_rules! compare_integers {
    () => {
        #[inline(always)]
        fn least(self, x: Self) -> Self {
            self.min(x)
        }
        #[inline(always)]
        fn greatest(self, x: Self) -> Self {
            self.max(x)
        }
        #[inline(always)]
        fn count(_: (), frames: u32) -> u32 {
            frames
        }
    };
}

macro_rules! small_lane {
    ($($t:ty)*) => { $(impl Lane for $t {
        type Sum = i32;
        type Square = u32;
        type High = ();
        type Count = ();
        compare_integers!();
        #[inline(always)]
        fn add(self, sum: &mut i32, square: &mut u32, _: &mut (), _: &mut ()) {
            let x = i32::from(self);
            *sum += x;
            *square += (x * x) as u32;
        }
        #[inline(always)]
        fn sum(sum: i32) -> f64 {
            f64::from(sum)
        }
        #[inline(always)]
        fn square(square: u32, _: ()) -> f64 {
            f64::from(square)
        }
    })* };
}
small_lane!(i8 u8);

macro_rules! half_word_lane {
    ($($t:ty)*) => { $(impl Lane for $t {
        type Sum = i32;
        type Square = u32;
        type High = u32;
        type Count = ();
        compare_integers!();
        #[inline(always)]
        fn add(self, sum: &mut i32, square: &mut u32, high: &mut u32, _: &mut ()) {
            let x = i32::from(self);
            // The square of a u16 needs all 32 bits.
            let xx = (x as u32).wrapping_mul(x as u32);
            *sum = sum.wrapping_add(x);
            *square = square.wrapping_add(xx & 0xFFFF);
            *high = high.wrapping_add(xx >> 16);
        }
        #[inline(always)]
        fn sum(sum: i32) -> f64 {
            f64::from(sum)
        }
        #[inline(always)]
        fn square(square: u32, high: u32) -> f64 {
            ((u64::from(high) << 16) + u64::from(square)) as f64
        }
    })* };
}
half_word_lane!(i16 u16);

macro_rules! large_lane {
    ($($t:ty)*) => { $(impl Lane for $t {
        type Sum = f64;
        type Square = f64;
        type High = ();
        type Count = ();
        compare_integers!();
        #[inline(always)]
        fn add(self, sum: &mut f64, square: &mut f64, _: &mut (), _: &mut ()) {
            let x = self.to_f64();
            *sum += x;
            *square += x * x;
        }
        #[inline(always)]
        fn sum(sum: f64) -> f64 {
            sum
        }
        #[inline(always)]
        fn square(square: f64, _: ()) -> f64 {
            square
        }
    })* };
}
large_lane!(i32 u32 i64 u64);

macro_rules! float_lane {
    ($($t:ty)*) => { $(impl Lane for $t {
        type Sum = f64;
        type Square = f64;
        type High = ();
        type Count = u32;
        #[inline(always)]
        fn least(self, x: Self) -> Self {
            if x < self { x } else { self }
        }
        #[inline(always)]
        fn greatest(self, x: Self) -> Self {
            if x > self { x } else { self }
        }
        #[inline(always)]
        fn add(self, sum: &mut f64, square: &mut f64, _: &mut (), count: &mut u32) {
            let x = self.to_f64();
            let is_number = !self.is_nan();
            let x = if is_number { x } else { 0.0 };
            *sum += x;
            *square += x * x;
            *count += u32::from(is_number);
        }
        #[inline(always)]
        fn sum(sum: f64) -> f64 {
            sum
        }
        #[inline(always)]
        fn square(square: f64, _: ()) -> f64 {
            square
        }
        #[inline(always)]
        fn count(count: u32, _: u32) -> u32 {
            count
        }
    })* };
}
float_lane!(f16 f32 f64);

/// Samples to be loaded several at a time.
pub(super) trait Feed<T: Lane> {
    /// `W` neighbouring samples from place `at`.
    fn lanes<const W: usize>(&self, at: usize) -> [T; W];

    /// Looks once at each line of `units` from place `at` on, in order, as far as they go: the processor's prefetcher
    /// follows that, and not the lanes that are taken out of several rows at a time.
    #[inline(always)]
    fn touch(&self, at: usize, units: usize) {
        let _ = (at, units);
    }
}

/// Little-endian bytes; places are bytes.
pub(super) struct Little<'a>(pub(super) &'a [u8]);
/// Big-endian bytes; places are bytes.
pub(super) struct Big<'a>(pub(super) &'a [u8]);
/// Samples in memory; places are samples.
pub(super) struct Plain<'a, T>(pub(super) &'a [T]);

impl<T: Lane> Feed<T> for Little<'_> {
    #[inline(always)]
    fn lanes<const W: usize>(&self, at: usize) -> [T; W] {
        let bytes = &self.0[at..at + W * size_of::<T>()];
        std::array::from_fn(|i| T::from_le_slice(&bytes[i * size_of::<T>()..(i + 1) * size_of::<T>()]))
    }

    #[inline(always)]
    fn touch(&self, at: usize, units: usize) {
        let end = (at + units).min(self.0.len());
        let mut seen = 0;
        for line in self.0[at.min(end)..end].chunks(64) {
            seen |= line[0];
        }
        std::hint::black_box(seen);
    }
}

impl<T: Lane> Feed<T> for Big<'_> {
    #[inline(always)]
    fn lanes<const W: usize>(&self, at: usize) -> [T; W] {
        let bytes = &self.0[at..at + W * size_of::<T>()];
        std::array::from_fn(|i| T::from_be_slice(&bytes[i * size_of::<T>()..(i + 1) * size_of::<T>()]))
    }
}

impl<T: Lane> Feed<T> for Plain<'_, T> {
    #[inline(always)]
    fn lanes<const W: usize>(&self, at: usize) -> [T; W] {
        load(self.0, at)
    }
}

#[inline(always)]
fn load<X: Copy + Default, const W: usize>(from: &[X], at: usize) -> [X; W] {
    let mut lanes = [X::default(); W];
    lanes.copy_from_slice(&from[at..at + W]);
    lanes
}

/// Where the lanes of a row are.
#[derive(Clone, Debug)]
pub(super) struct Weave {
    /// From one row to the next.
    stride: usize,
    /// Rows that are woven into one.
    woven: usize,
    /// Place in the row, first lane, lanes.
    runs: Vec<(usize, usize, usize)>,
    /// For each lane, the channel (as counted in `offsets`) that it belongs to.
    channels: Vec<usize>,
    /// Lanes of one row.
    row_lanes: usize,
    /// Place in the row of each channel.
    offsets: Vec<usize>,
}

impl Weave {
    /// For rows `stride` apart in which channel `i` is at `offsets[i]`; `size` is that of a sample, all in the units of
    /// the [`Feed`].
    pub(super) fn new(stride: usize, offsets: &[usize], size: usize) -> Self {
        let mut channels: Vec<usize> = (0..offsets.len()).collect();
        channels.sort_by_key(|&c| offsets[c]);
        let mut runs: Vec<(usize, usize, usize)> = Vec::new();
        for (lane, &c) in channels.iter().enumerate() {
            match runs.last_mut() {
                Some((at, _, lanes)) if *at + *lanes * size == offsets[c] => *lanes += 1,
                _ => runs.push((offsets[c], lane, 1)),
            }
        }
        let row_lanes = channels.len();
        let mut woven = 1;
        if let [(_, _, lanes)] = &mut runs[..]
            && *lanes * size == stride
        {
            let rows = WIDE >> row_lanes.trailing_zeros().min(WIDE.trailing_zeros());
            if rows * row_lanes <= MAX_WOVEN {
                woven = rows;
                *lanes = rows * row_lanes;
                channels = (0..rows).flat_map(|_| channels.iter().copied()).collect();
            }
        }
        Self { stride, woven, runs, channels, row_lanes, offsets: offsets.to_vec() }
    }

    /// Whether rows `stride` apart, in which channel `i` is at the `i`th of `offsets`, are those it was made for.
    pub(super) fn fits(&self, stride: usize, offsets: impl ExactSizeIterator<Item = u64>) -> bool {
        stride == self.stride
            && offsets.len() == self.offsets.len()
            && self.offsets.iter().zip(offsets).all(|(&own, other)| own as u64 == other)
    }

    /// Channels of a row.
    pub(super) fn channels(&self) -> usize {
        self.row_lanes
    }

    /// For one channel without holes.
    pub(super) fn single() -> Self {
        Self::new(1, &[0], 1)
    }
}

/// What was found so far, lane by lane.
pub(super) struct Lanes<T: Lane> {
    min: Vec<T>,
    max: Vec<T>,
    sum: Vec<T::Sum>,
    square: Vec<T::Square>,
    high: Vec<T::High>,
    count: Vec<T::Count>,
}

/// What was found of one channel. The identity of `min` and `max` is the type's extremes, the wrong way round.
#[derive(Clone, Copy)]
pub(super) struct Found<T> {
    pub(super) min: T,
    pub(super) max: T,
    pub(super) sum: f64,
    pub(super) square: f64,
    pub(super) count: u32,
}

impl<T: Lane> Lanes<T> {
    fn new(n: usize) -> Self {
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
    fn clear<const MOMENTS: bool>(&mut self) {
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

/// Takes `rows` rows from place `at` into `W` lanes from `lane` on.
#[inline(always)]
fn take<T: Lane, F: Feed<T>, const W: usize, const MOMENTS: bool>(
    feed: &F,
    at: usize,
    stride: usize,
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
            for i in 0..W {
                min[i] = min[i].least(x[i]);
                max[i] = max[i].greatest(x[i]);
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
            for i in 0..W {
                min[i] = min[i].least(x[i]);
                max[i] = max[i].greatest(x[i]);
            }
        }
    }
    lanes.min[lane..lane + W].copy_from_slice(&min);
    lanes.max[lane..lane + W].copy_from_slice(&max);
}

/// Takes `rows` rows whose lanes are in one run, `at` being the place of the first.
#[inline(always)]
fn take_run<T: Lane, F: Feed<T>, const MOMENTS: bool>(
    feed: &F,
    at: usize,
    (stride, unit): (usize, usize),
    rows: usize,
    lanes: &mut Lanes<T>,
    (first, n): (usize, usize),
) {
    let mut i = 0;
    while i + WIDE <= n {
        take::<T, F, WIDE, MOMENTS>(feed, at + i * unit, stride, rows, lanes, first + i);
        i += WIDE;
    }
    while i + 4 <= n {
        take::<T, F, 4, MOMENTS>(feed, at + i * unit, stride, rows, lanes, first + i);
        i += 4;
    }
    while i < n {
        take::<T, F, 1, MOMENTS>(feed, at + i * unit, stride, rows, lanes, first + i);
        i += 1;
    }
}

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
    let mut row = 0_usize;
    let mut index = 0_usize;
    while row < frames {
        let left = bucket - (first_frame + row as u64) % bucket;
        let rows = usize::try_from(left).unwrap_or(usize::MAX).min(frames - row);
        lanes.clear::<MOMENTS>();
        arch.dispatch(Pass::<T, F, MOMENTS> { feed, unit, weave, first_row: row, rows, lanes: &mut *lanes });
        fold(weave, lanes, rows as u32, folded);
        for (lane, of) in folded.iter().enumerate() {
            found(index, weave.channels[lane], *of);
        }
        row += rows;
        index += 1;
    }
}

/// [`rows_into`], to be compiled for each kind of processor. Not a closure: the call of a closure is not always inlined
/// into the function that has the vector instructions, and is then compiled without them.
struct Pass<'a, T: Lane, F, const MOMENTS: bool> {
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
        rows_into::<T, F, MOMENTS>(self.feed, self.unit, self.weave, self.first_row, self.rows, self.lanes);
    }
}

#[inline(always)]
fn rows_into<T: Lane, F: Feed<T>, const MOMENTS: bool>(
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
        feed.touch(start + (done + 2 * group) * stride, group * stride);
        for &(at, lane, n) in &weave.runs {
            let at = start + done * stride + at;
            take_run::<T, F, MOMENTS>(feed, at, (stride, unit), now, lanes, (lane, n));
        }
        done += now;
    }
    let rest = rows - long_rows * weave.woven;
    if rest > 0 {
        // Only rows without holes are woven, so there is one run.
        let at = start + long_rows * stride + weave.runs[0].0;
        take_run::<T, F, MOMENTS>(feed, at, (weave.stride, unit), rest, lanes, (0, weave.row_lanes));
    }
}

fn fold<T: Lane>(weave: &Weave, lanes: &Lanes<T>, rows: u32, folded: &mut Vec<Found<T>>) {
    let found = |i: usize| Found {
        min: lanes.min[i],
        max: lanes.max[i],
        sum: T::sum(lanes.sum[i]),
        square: T::square(lanes.square[i], lanes.high[i]),
        count: T::count(lanes.count[i], if i < weave.row_lanes { rows } else { 0 }),
    };
    folded.clear();
    folded.extend((0..weave.row_lanes).map(found));
    for i in weave.row_lanes..weave.channels.len() {
        let (of, with) = (&mut folded[i % weave.row_lanes], found(i));
        of.min = of.min.least(with.min);
        of.max = of.max.greatest(with.max);
        of.sum += with.sum;
        of.square += with.square;
        of.count += with.count;
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
                    assert_eq!(of.sum, samples.iter().sum::<i64>() as f64);
                    assert_eq!(of.square, samples.iter().map(|x| x * x).sum::<i64>() as f64);
                    assert_eq!(of.count as usize, samples.len());
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
                assert_eq!(of.square, f64::from(x) * f64::from(x) * 256.0);
                assert_eq!(of.sum, f64::from(x) * 256.0);
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
        assert!(all[0].min > all[0].max && all[0].count == 0);
        assert_eq!((all[1].min, all[1].max, all[1].count), (1.5, f32::INFINITY, 255));
        assert_eq!((all[2].min, all[2].max, all[2].count, all[2].sum), (1.5, 1.5, 88, 132.0));
    }
}
