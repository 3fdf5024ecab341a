//! Moments of 16-bit samples, two rows at a time: one multiplication gives the sum of two squares, another the sum of
//! two samples. It takes half as many instructions as one by one; on x86-64 with AVX2 only.

#![cfg(target_arch = "x86_64")]

use pulp::x86::V3;
use pulp::{cast, i16x16, i32x8, u32x8};

use super::WIDE;
use super::lane::HalfWord;
use super::take::{Lanes, extremes};
use crate::file::feed::{Feed, load};

/// Sums over pairs of rows, in the order in which the processor unpacks: lanes 0 to 3 and 8 to 11, then the others.
#[derive(Clone, Copy)]
struct Sums {
    sum: [i32x8; 2],
    square: [u32x8; 2],
    high: [u32x8; 2],
}

impl Sums {
    #[inline(always)]
    fn add(&mut self, v3: V3, a: i16x16, b: i16x16) {
        let pairs =
            [v3.avx2._mm256_unpacklo_epi16(cast!(a), cast!(b)), v3.avx2._mm256_unpackhi_epi16(cast!(a), cast!(b))];
        let ones = v3.splat_i16x16(1);
        for (i, pair) in pairs.into_iter().enumerate() {
            let pair: i16x16 = cast!(pair);
            // At most 2 · 2³⁰, which is right as an unsigned number.
            let square: u32x8 = cast!(v3.multiply_wrapping_add_adjacent_i16x16(pair, pair));
            self.sum[i] = v3.wrapping_add_i32x8(self.sum[i], v3.multiply_wrapping_add_adjacent_i16x16(pair, ones));
            self.square[i] = v3.wrapping_add_u32x8(self.square[i], square);
            self.high[i] = v3.wrapping_add_u32x8(self.high[i], v3.shr_const_u32x8::<16>(square));
        }
    }
}

/// Takes `rows` rows from place `at` into [`WIDE`] lanes from `lane` on, with moments.
#[inline(always)]
pub(super) fn take<T: HalfWord, F: Feed<T>>(
    v3: V3,
    feed: &F,
    (at, stride): (usize, usize),
    rows: usize,
    lanes: &mut Lanes<T>,
    lane: usize,
) {
    let mut min: [T; WIDE] = load(&lanes.min, lane);
    let mut max: [T; WIDE] = load(&lanes.max, lane);
    let (none, nothing) = (v3.splat_i32x8(0), v3.splat_u32x8(0));
    let mut sums = Sums { sum: [none; 2], square: [nothing; 2], high: [nothing; 2] };
    let mut row = 0;
    while row + 2 <= rows {
        let (a, b): ([T; WIDE], [T; WIDE]) = (feed.lanes(at + row * stride), feed.lanes(at + (row + 1) * stride));
        extremes(&mut min, &mut max, &a);
        extremes(&mut min, &mut max, &b);
        sums.add(v3, cast!(a.map(T::centred)), cast!(b.map(T::centred)));
        row += 2;
    }
    if row < rows {
        let a: [T; WIDE] = feed.lanes(at + row * stride);
        extremes(&mut min, &mut max, &a);
        sums.add(v3, cast!(a.map(T::centred)), v3.splat_i16x16(0));
    }
    lanes.min[lane..lane + WIDE].copy_from_slice(&min);
    lanes.max[lane..lane + WIDE].copy_from_slice(&max);
    let (sum, square, high): ([i32; WIDE], [u32; WIDE], [u32; WIDE]) =
        (cast!(sums.sum), cast!(sums.square), cast!(sums.high));
    let (lane_sum, lane_square, lane_high) =
        (&mut lanes.sum[lane..lane + WIDE], &mut lanes.square[lane..lane + WIDE], &mut lanes.high[lane..lane + WIDE]);
    for i in 0..WIDE {
        // Where lane `i` was unpacked to.
        let at = (i & 4) * 2 + (i & 8) / 2 + (i & 3);
        // With x = centred + CENTRE: Σx = Σc + n·CENTRE, Σx² = Σc² + 2·CENTRE·Σc + n·CENTRE². Both products with the
        // centre of 2¹⁵ are multiples of 2¹⁶, which the high halves take exactly.
        let (centre, rows) = (T::CENTRE, rows as u32);
        let more = (sum[at].cast_unsigned().wrapping_mul(centre >> 15)).wrapping_add(rows * (centre >> 1));
        lane_sum[i] = lane_sum[i].wrapping_add(sum[at]).wrapping_add((rows * centre).cast_signed());
        lane_square[i] = lane_square[i].wrapping_add(square[at]).wrapping_add(more << 16);
        lane_high[i] = lane_high[i].wrapping_add(high[at]).wrapping_add(more);
    }
}

#[cfg(test)]
mod tests {
    use super::super::lane::Lane;
    use super::*;
    use crate::file::feed::Plain;

    /// Pairs of rows and an odd one, extremes included: the same as one by one.
    fn check<T: HalfWord + TryFrom<i64>>(v3: V3, low: i64)
    where
        T::Error: std::fmt::Debug,
    {
        let mut state = 1_u64;
        for rows in (1..40).chain([255, 256]) {
            let samples: Vec<T> = (0..rows * WIDE)
                .map(|i| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let x = [(state >> 48) as i64, 0, 65_535][if i % 5 == 0 { i % 3 } else { 0 }];
                    T::try_from(x + low).unwrap()
                })
                .collect();
            let (mut fast, mut plain) = (Lanes::<T>::new(WIDE), Lanes::<T>::new(WIDE));
            take(v3, &Plain(&samples), (0, WIDE), rows, &mut fast, 0);
            super::super::take::take::<T, _, WIDE, true>(&Plain(&samples), (0, WIDE), rows, &mut plain, 0);
            assert!(fast.min == plain.min && fast.max == plain.max && fast.sum == plain.sum, "{rows}");
            for i in 0..WIDE {
                let squares =
                    |lanes: &Lanes<T>| <T as Lane>::sums((lanes.sum[i], lanes.square[i], lanes.high[i], ()), 0).second;
                assert_eq!(squares(&fast), squares(&plain), "{rows}");
            }
        }
    }

    #[test]
    fn pairs_of_rows_equal_single_rows() {
        let Some(v3) = V3::try_new() else { return };
        check::<i16>(v3, -32_768);
        check::<u16>(v3, 0);
    }
}
