//! How samples of one type are compared and summed, and what was found of them.
//!
//! Integers are summed exactly: 8-bit ones in 32-bit lanes, which a bucket of [`super::MAX_ROWS`] rows cannot overflow;
//! of the squares of 16-bit ones, the sum modulo 2³² and the sum of the high halves are kept, which together tell it.
//! Larger types are summed in `f64`, as differences from the first number of the lane: it is one of the samples, so that
//! the sum of squared deviations loses at most as many digits to cancellation as the number of samples has, however
//! large a common offset is (Chan, Golub and LeVeque 1983, on shifted data).

use half::f16;

use crate::recording::Sample;

use super::take::{Lanes, PairSums, Vectors, take};
use super::{WIDE, half_words};
use crate::file::feed::Feed;

/// How samples of one type are compared and summed.
pub(in crate::summary) trait Lane: Sample {
    /// Of the samples.
    type Sum: Copy + Default + Send;
    /// Of the squares, or of their low halves.
    type Square: Copy + Default + Send;
    /// Of the high halves of the squares; or what is subtracted before summing.
    type High: Copy + Default + Send;
    /// Samples so far that are numbers, where it matters.
    type Count: Copy + Default + Send;

    /// Whether sums are exact integers: they are kept as sum and sum of squares.
    const EXACT: bool;

    /// The lesser; `self` if `x` is not a number.
    fn least(self, x: Self) -> Self;
    /// The greater; `self` if `x` is not a number.
    fn greatest(self, x: Self) -> Self;
    fn add(self, sum: &mut Self::Sum, square: &mut Self::Square, high: &mut Self::High, count: &mut Self::Count);
    /// What the sums come to; `frames` samples were taken in.
    fn sums(sums: (Self::Sum, Self::Square, Self::High, Self::Count), frames: u32) -> PairSums;

    /// Takes `rows` rows from place `at` into [`WIDE`] lanes from `lane` on, with moments, by the best way there is on
    /// this processor.
    #[inline(always)]
    fn take_wide<F: Feed<Self>>(
        _: Option<Vectors>,
        feed: &F,
        (at, stride): (usize, usize),
        rows: usize,
        lanes: &mut Lanes<Self>,
        lane: usize,
    ) {
        take::<Self, F, WIDE, true>(feed, (at, stride), rows, lanes, lane);
    }
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
    };
}

macro_rules! small_lane {
    ($($t:ty)*) => { $(impl Lane for $t {
        const EXACT: bool = true;
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
        fn sums((sum, square, (), ()): (i32, u32, (), ()), count: u32) -> PairSums {
            PairSums { first: f64::from(sum), second: f64::from(square), count }
        }
    })* };
}
small_lane!(i8 u8);

macro_rules! half_word_lane {
    ($($t:ty)*) => { $(impl Lane for $t {
        const EXACT: bool = true;
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
            *square = square.wrapping_add(xx);
            *high = high.wrapping_add(xx >> 16);
        }
        /// The high halves are too low by less than 2¹⁶ for each square, all together by less than 2³²: the sum modulo
        /// 2³² tells the rest.
        #[inline(always)]
        fn sums((sum, square, high, ()): (i32, u32, u32, ()), count: u32) -> PairSums {
            let at_least = u64::from(high) << 16;
            let squares = at_least + u64::from(square.wrapping_sub(at_least as u32));
            PairSums { first: f64::from(sum), second: squares as f64, count }
        }
        #[inline(always)]
        fn take_wide<F: Feed<Self>>(
            vectors: Option<Vectors>,
            feed: &F,
            (at, stride): (usize, usize),
            rows: usize,
            lanes: &mut Lanes<Self>,
            lane: usize,
        ) {
            #[cfg(target_arch = "x86_64")]
            if let Some(v3) = vectors {
                return half_words::take(v3, feed, (at, stride), rows, lanes, lane);
            }
            take::<Self, F, WIDE, true>(feed, (at, stride), rows, lanes, lane);
        }
    })* };
}
half_word_lane!(i16 u16);

/// Samples that fit a signed half word once their centre is taken away.
pub(super) trait HalfWord: Lane<Sum = i32, Square = u32, High = u32, Count = ()> {
    /// What is taken away: `x = centred + CENTRE`.
    const CENTRE: u32;

    fn centred(self) -> i16;
}

impl HalfWord for i16 {
    const CENTRE: u32 = 0;

    #[inline(always)]
    fn centred(self) -> i16 {
        self
    }
}

impl HalfWord for u16 {
    const CENTRE: u32 = 0x8000;

    #[inline(always)]
    fn centred(self) -> i16 {
        (self ^ 0x8000).cast_signed()
    }
}

macro_rules! shifted_sums {
    () => {
        const EXACT: bool = false;
        type Sum = f64;
        type Square = f64;
        type High = f64;
        type Count = u32;
        #[inline(always)]
        fn sums((sum, square, base, count): (f64, f64, f64, u32), _: u32) -> PairSums {
            let shift = sum / f64::from(count.max(1));
            PairSums { first: base + shift, second: square - sum * shift, count }
        }
    };
}

macro_rules! large_lane {
    ($($t:ty)*) => { $(impl Lane for $t {
        shifted_sums!();
        compare_integers!();
        #[inline(always)]
        fn add(self, sum: &mut f64, square: &mut f64, base: &mut f64, count: &mut u32) {
            let x = self.to_f64();
            *base = if *count == 0 { x } else { *base };
            let d = x - *base;
            *sum += d;
            *square += d * d;
            *count += 1;
        }
    })* };
}
large_lane!(i32 u32 i64 u64);

macro_rules! float_lane {
    ($($t:ty)*) => { $(impl Lane for $t {
        shifted_sums!();
        #[inline(always)]
        fn least(self, x: Self) -> Self {
            if x < self { x } else { self }
        }
        #[inline(always)]
        fn greatest(self, x: Self) -> Self {
            if x > self { x } else { self }
        }
        #[inline(always)]
        fn add(self, sum: &mut f64, square: &mut f64, base: &mut f64, count: &mut u32) {
            let x = self.to_f64();
            let is_number = !self.is_nan();
            *base = if *count == 0 && is_number { x } else { *base };
            let d = if is_number { x - *base } else { 0.0 };
            *sum += d;
            *square += d * d;
            *count += u32::from(is_number);
        }
    })* };
}
float_lane!(f16 f32 f64);
