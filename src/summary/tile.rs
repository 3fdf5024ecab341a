//! The shape of the pyramid, and one row of it as bytes.
//!
//! A *tile* is [`TILE_FRAMES`] frames of one channel: minimum and maximum, in the stored type, of buckets of 256, 4096,
//! 65 536 and 2^20 frames, and for each 4096 frames two sums, the number of samples at the limits of their type, and
//! for floating-point samples the number of those that are numbers. Of 8- and 16-bit integers the sums are the sum and
//! the sum of squares, exactly; of all other types the mean and the sum of squared deviations from it, because of
//! those a sum of squares would lose the deviation beside a large offset. A *tile row* is the tiles of all channels over the same frames; it is made,
//! stored and checked as one piece, but read in *parts*, so that a look at the whole recording reads kilobytes of
//! each row.
//!
//! A row, as it is in memory and in the sidecar file (little-endian; a *pair* is minimum, then maximum):
//!
//! | part    | content                                                                                  |
//! |---------|------------------------------------------------------------------------------------------|
//! | header  | magic `LWROW\0\0\x02`, row (u64), frames (u64), xxh3 of coarse, mid, moments (u64 each), xxh3 of the fine part of each channel (u64), xxh3 of all that |
//! | coarse  | for each channel: the pair of the whole tile, the pairs of its buckets of 65 536          |
//! | mid     | for each channel: the pairs of its buckets of 4096                                        |
//! | moments | for each channel and 4096 frames: two sums (f64 each), samples at the limits (u16), for floats the count of numbers (u32) |
//! | fine    | for each channel: the pairs of its buckets of 256                                         |
//!
//! A bucket that no number fell into holds the type's extremes the wrong way round (+∞, −∞ for floats). The last bucket
//! of a recording covers what there is. For int16 a tile is 22 092 bytes for 2 MiB of samples: 1.05 %.
//!
//! The *totals* of a row, for each channel: the pair of the whole tile, its two sums (f64 each), the count of numbers
//! and of samples at the limits (u32 each). Those of all rows together are small enough to be read as one.

use std::ops::Range;

use twox_hash::XxHash3_64;

use super::columns::MinMax;
use super::kernel::{Lane, PairSums};
use crate::recording::{Sample, SampleType};
use crate::with_type;

/// Frames of a tile.
pub const TILE_FRAMES: u64 = 1 << 20;
/// Frames of a bucket, finest level first.
pub const LEVELS: [u64; 4] = [256, 4096, 65_536, TILE_FRAMES];
/// Frames for which one set of moments is kept.
pub(super) const MOMENT_FRAMES: u64 = LEVELS[1];

const MAGIC: [u8; 8] = *b"LWROW\0\0\x02";
const FIXED_HEADER: usize = 48;

/// A part of a row that is read, checked and cached as one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) enum Part {
    Header,
    Coarse,
    Mid,
    Moments,
    /// Of one channel.
    Fine(usize),
}

/// What all rows of a stream have in common.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shape {
    pub(super) sample_type: SampleType,
    pub(super) channels: usize,
    pub(super) frames: u64,
}

impl Shape {
    pub(super) fn rows(&self) -> u64 {
        self.frames.div_ceil(TILE_FRAMES)
    }

    /// Frames of row `row`.
    pub(super) fn range(&self, row: u64) -> Range<u64> {
        row * TILE_FRAMES..((row + 1) * TILE_FRAMES).min(self.frames)
    }

    pub(super) fn row(&self, row: u64) -> RowShape {
        let range = self.range(row);
        RowShape::new(self.sample_type, self.channels, range.end - range.start)
    }

    /// Bytes of a row that is full.
    pub(super) fn full_row_bytes(&self) -> u64 {
        RowShape::new(self.sample_type, self.channels, TILE_FRAMES).len() as u64
    }
}

/// Where the parts of one row are.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowShape {
    pub(super) sample_type: SampleType,
    pub(super) channels: usize,
    pub(super) frames: u64,
}

impl RowShape {
    fn new(sample_type: SampleType, channels: usize, frames: u64) -> Self {
        Self { sample_type, channels, frames }
    }

    fn pair(&self) -> usize {
        2 * self.sample_type.size()
    }

    /// Buckets of level `level`.
    pub(super) fn buckets(&self, level: usize) -> usize {
        self.frames.div_ceil(LEVELS[level]) as usize
    }

    pub(super) fn moment_bytes(&self) -> usize {
        if self.sample_type.is_float() { 22 } else { 18 }
    }

    /// Bytes of the totals of one channel.
    pub(super) fn total_bytes(&self) -> usize {
        self.pair() + 24
    }

    /// The totals of all channels of a sealed row, of which these are the parts.
    pub(super) fn totals(&self, coarse: &[u8], moments: &[u8]) -> Vec<u8> {
        let mut totals = vec![0; self.channels * self.total_bytes()];
        with_type!(self.sample_type, T => for (channel, total) in totals.chunks_exact_mut(self.total_bytes()).enumerate() {
            let (_, place) = self.level(LEVELS.len() - 1, channel);
            let mut all = Piece::<T>::at(&coarse[place], &[], self.frames);
            all.sums = PairSums::default();
            all.clipped = 0;
            for block in 0..self.buckets(1) {
                let (sums, clipped) = self.moments(moments, channel, block);
                all.sums.unite::<T>(sums);
                all.clipped += u64::from(clipped);
            }
            all.put(total);
        });
        totals
    }

    /// Frames of block `block` of 4096.
    pub(super) fn block_frames(&self, block: usize) -> u64 {
        (self.frames - block as u64 * MOMENT_FRAMES).min(MOMENT_FRAMES)
    }

    /// The sums, and the samples at the limits, of block `block` of 4096 of a channel.
    pub(super) fn moments(&self, moments: &[u8], channel: usize, block: usize) -> (PairSums, u16) {
        let at = (channel * self.buckets(1) + block) * self.moment_bytes();
        let bytes = &moments[at..at + self.moment_bytes()];
        let count = match bytes.get(18..22) {
            Some(count) => u32::from_le_slice(count),
            None => self.block_frames(block) as u32,
        };
        let sums = PairSums { first: f64_at(bytes, 0), second: f64_at(bytes, 8), count };
        (sums, u16::from_le_slice(&bytes[16..18]))
    }

    /// Writes them.
    pub(super) fn put_moments(&self, moments: &mut [u8], channel: usize, block: usize, sums: PairSums, clipped: u16) {
        let at = (channel * self.buckets(1) + block) * self.moment_bytes();
        let bytes = &mut moments[at..at + self.moment_bytes()];
        bytes[..8].copy_from_slice(&sums.first.to_le_bytes());
        bytes[8..16].copy_from_slice(&sums.second.to_le_bytes());
        bytes[16..18].copy_from_slice(&clipped.to_le_bytes());
        if let Some(count) = bytes.get_mut(18..22) {
            count.copy_from_slice(&sums.count.to_le_bytes());
        }
    }

    pub(super) fn part(&self, part: Part) -> Range<usize> {
        let header = FIXED_HEADER + 8 * self.channels + 8;
        let coarse = header + self.channels * (1 + self.buckets(2)) * self.pair();
        let mid = coarse + self.channels * self.buckets(1) * self.pair();
        let moments = mid + self.channels * self.buckets(1) * self.moment_bytes();
        let fine = self.buckets(0) * self.pair();
        match part {
            Part::Header => 0..header,
            Part::Coarse => header..coarse,
            Part::Mid => coarse..mid,
            Part::Moments => mid..moments,
            Part::Fine(c) => moments + c * fine..moments + (c + 1) * fine,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.part(Part::Fine(self.channels)).start
    }

    /// All parts but the header.
    pub(super) fn parts(&self) -> impl Iterator<Item = Part> {
        [Part::Coarse, Part::Mid, Part::Moments].into_iter().chain((0..self.channels).map(Part::Fine))
    }

    /// The part that holds level `level` of channel `channel`, and the place of its pairs in that part.
    pub(super) fn level(&self, level: usize, channel: usize) -> (Part, Range<usize>) {
        let pair = self.pair();
        let coarse = channel * (1 + self.buckets(2)) * pair;
        match level {
            0 => (Part::Fine(channel), 0..self.buckets(0) * pair),
            1 => (Part::Mid, channel * self.buckets(1) * pair..(channel + 1) * self.buckets(1) * pair),
            2 => (Part::Coarse, coarse + pair..coarse + (1 + self.buckets(2)) * pair),
            _ => (Part::Coarse, coarse..coarse + pair),
        }
    }

    /// The sum that the header holds for `part`.
    fn sum_at(part: Part) -> usize {
        match part {
            Part::Coarse => 24,
            Part::Mid => 32,
            Part::Moments => 40,
            Part::Fine(c) => FIXED_HEADER + 8 * c,
            Part::Header => usize::MAX,
        }
    }

    /// Whether `header` is the header of row `row` of this shape, whole.
    pub(super) fn is_header(&self, row: u64, header: &[u8], seed: u64) -> bool {
        let Some((body, sum)) = header.split_last_chunk::<8>() else { return false };
        header.len() == self.part(Part::Header).end
            && body[..8] == MAGIC
            && u64_at(body, 8) == row
            && u64_at(body, 16) == self.frames
            && u64::from_le_bytes(*sum) == XxHash3_64::oneshot_with_seed(seed, body)
    }

    /// Whether `bytes` is the part `part` that `header` speaks of.
    pub(super) fn is_part(header: &[u8], part: Part, bytes: &[u8]) -> bool {
        u64_at(header, Self::sum_at(part)) == XxHash3_64::oneshot(bytes)
    }

    /// Completes a row whose fine part and moments are filled in: coarser levels and checksums.
    pub(super) fn seal(&self, row: u64, image: &mut [u8], seed: u64) {
        with_type!(self.sample_type, T => self.fill_levels::<T>(image));
        let header = self.part(Part::Header).end;
        image[..8].copy_from_slice(&MAGIC);
        image[8..16].copy_from_slice(&row.to_le_bytes());
        image[16..24].copy_from_slice(&self.frames.to_le_bytes());
        for part in self.parts() {
            let sum = XxHash3_64::oneshot(&image[self.part(part)]);
            image[Self::sum_at(part)..][..8].copy_from_slice(&sum.to_le_bytes());
        }
        let sum = XxHash3_64::oneshot_with_seed(seed, &image[..header - 8]);
        image[header - 8..header].copy_from_slice(&sum.to_le_bytes());
    }

    fn fill_levels<T: Lane>(&self, image: &mut [u8]) {
        for channel in 0..self.channels {
            for level in 1..LEVELS.len() {
                let place = |level| {
                    let (part, range) = self.level(level, channel);
                    let start = self.part(part).start;
                    start + range.start..start + range.end
                };
                // The finer level of a channel is not always before the coarser one.
                let (from, to) = (place(level - 1), place(level));
                let pairs: Vec<u8> = image[from]
                    .chunks(16 * self.pair())
                    .flat_map(|pairs| {
                        let (min, max) = extremes::<T>(pairs);
                        let mut pair = [0; 16];
                        put_pair(&mut pair, min, max);
                        pair.into_iter().take(self.pair())
                    })
                    .collect();
                image[to].copy_from_slice(&pairs);
            }
        }
    }
}

/// What is known of some frames of one channel.
#[derive(Clone, Copy)]
pub(super) struct Piece<T> {
    pub(super) min: T,
    pub(super) max: T,
    pub(super) sums: PairSums,
    /// Samples at the limits of the type.
    pub(super) clipped: u64,
    pub(super) frames: u64,
}

impl<T: Lane> Piece<T> {
    /// From a pair and what follows it in [`RowShape::totals`].
    pub(super) fn at(pair: &[u8], rest: &[u8], frames: u64) -> Self {
        let size = size_of::<T>();
        let mut piece = Self {
            min: T::from_le_slice(&pair[..size]),
            max: T::from_le_slice(&pair[size..2 * size]),
            sums: PairSums::default(),
            clipped: 0,
            frames,
        };
        if rest.len() >= 24 {
            let count = u32::from_le_slice(&rest[16..20]);
            piece.sums = PairSums { first: f64_at(rest, 0), second: f64_at(rest, 8), count };
            piece.clipped = u64::from(u32::from_le_slice(&rest[20..24]));
        }
        piece
    }

    /// The totals of one channel.
    pub(super) fn of_total(total: &[u8], frames: u64) -> Self {
        let (pair, rest) = total.split_at(2 * size_of::<T>());
        Self::at(pair, rest, frames)
    }

    fn put(&self, total: &mut [u8]) {
        let (pair, rest) = total.split_at_mut(2 * size_of::<T>());
        put_pair(pair, self.min, self.max);
        rest[..8].copy_from_slice(&self.sums.first.to_le_bytes());
        rest[8..16].copy_from_slice(&self.sums.second.to_le_bytes());
        rest[16..20].copy_from_slice(&self.sums.count.to_le_bytes());
        rest[20..24].copy_from_slice(&(self.clipped as u32).to_le_bytes());
    }
}

/// Little-endian at `at`; `bytes` must reach that far.
fn f64_at(bytes: &[u8], at: usize) -> f64 {
    f64::from_bits(u64_at(bytes, at))
}

/// Little-endian at `at`; `bytes` must reach that far.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut b = [0; 8];
    b.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(b)
}

/// Writes a pair to the start of `to`.
#[inline(always)]
pub(super) fn put_pair<T: Sample>(to: &mut [u8], min: T, max: T) {
    let size = size_of::<T>();
    to[..size].copy_from_slice(min.to_le_array().as_ref());
    to[size..2 * size].copy_from_slice(max.to_le_array().as_ref());
}

/// The extremes of all of `pairs`.
#[inline(always)]
fn extremes<T: Lane>(pairs: &[u8]) -> (T, T) {
    let size = size_of::<T>();
    let mut found = (T::HIGHEST, T::LOWEST);
    for pair in pairs.chunks_exact(2 * size) {
        found = (found.0.least(T::from_le_slice(&pair[..size])), found.1.greatest(T::from_le_slice(&pair[size..])));
    }
    found
}

/// A pair as columns hold it.
pub(super) fn to_min_max<T: Sample>(min: T, max: T) -> MinMax {
    if min > max { MinMax::EMPTY } else { MinMax { min: min.to_f64(), max: max.to_f64() } }
}

/// Unites pairs with columns: the first `first` pairs with `columns[0]`, the next `each` pairs with the next, ….
pub(super) fn unite<T: Lane>(pairs: &[u8], first: usize, each: usize, columns: &mut [MinMax]) {
    let pair = 2 * size_of::<T>();
    let (head, rest) = pairs.split_at((first * pair).min(pairs.len()));
    for (pairs, column) in std::iter::once(head).chain(rest.chunks(each * pair)).zip(columns) {
        let (min, max) = extremes::<T>(pairs);
        *column = column.union(to_min_max(min, max));
    }
}
