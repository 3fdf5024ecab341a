//! Channels that say nothing: flat ones, clipped ones, samples that are no numbers.
//!
//! Each channel is looked at in pieces of [`PIECE`] frames that lie at multiples of that from frame 0, so that the answer
//! does not depend on the chunks. A piece in which the least and the greatest sample differ and neither is an extreme of
//! the type is done with at that; only the others are looked at sample by sample.

use std::ops::Range;

use super::runs::Runs;
use crate::recording::{Block, Sample, SampleType};
use crate::with_samples;

/// Frames of a piece.
const PIECE: u64 = 256;
/// A constant stretch at least this long always covers a whole piece, and is then known to the frame.
pub(super) const MIN_CONSTANT: u64 = 2 * PIECE;

/// What is known of one channel.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Signal {
    pub nan: u64,
    pub infinite: u64,
    /// Frames whose sample is that of the frame before.
    pub same: Runs,
    /// Samples at the least value of the type.
    pub low: Runs,
    /// Samples at the greatest value of the type.
    pub high: Runs,
}

impl Signal {
    pub(super) fn append(&mut self, later: &Self) {
        self.nan += later.nan;
        self.infinite += later.infinite;
        self.same.append(&later.same);
        self.low.append(&later.low);
        self.high.append(&later.high);
    }

    /// Whether all samples are the same.
    pub(super) fn is_flat(&self) -> bool {
        self.same.len > 1 && self.same.longest + 1 == self.same.len
    }
}

/// Of every channel of `block`, which holds the frames of `core` and perhaps one before.
pub(super) fn of_block(block: &Block, core: &Range<u64>, sample_type: SampleType) -> Vec<Signal> {
    let n = block.frames();
    let frames = (core.end - core.start) as usize;
    with_samples!(block.samples(), v => {
        (0..block.channels()).map(|c| of(&v[c * n..(c + 1) * n], n - frames, core.start, sample_type)).collect()
    })
}

/// Of `samples` from index `skip` on, which is frame `first`; before it stands the frame before, if there is one.
fn of<T: Sample>(samples: &[T], skip: usize, first: u64, sample_type: SampleType) -> Signal {
    let is_float = matches!(sample_type, SampleType::F16 | SampleType::F32 | SampleType::F64);
    let is_clipping = !is_float && sample_type != SampleType::Bool;
    let mut all = Signal::default();
    let mut at = skip;
    while at < samples.len() {
        let frame = first + (at - skip) as u64;
        let end = samples.len().min(at + (PIECE - frame % PIECE) as usize);
        let piece = &samples[at..end];
        let (mut least, mut greatest) = (T::HIGHEST, T::LOWEST);
        for &x in piece {
            least = if x < least { x } else { least };
            greatest = if x > greatest { x } else { greatest };
        }
        let len = piece.len() as u64;
        if is_float {
            all.nan += piece.iter().filter(|x| x.is_nan()).count() as u64;
            if least == T::LOWEST || greatest == T::HIGHEST {
                all.infinite += piece.iter().filter(|&&x| x == T::LOWEST || x == T::HIGHEST).count() as u64;
            }
        }
        all.same.append(&same(samples, at..end, least == greatest));
        let clip = |runs: &mut Runs, extreme: T, is_there: bool| {
            let piece = if is_there { Runs::of(piece.iter().map(|&x| x == extreme)) } else { Runs::none(len) };
            runs.append(&piece);
        };
        clip(&mut all.low, T::LOWEST, is_clipping && least == T::LOWEST);
        clip(&mut all.high, T::HIGHEST, is_clipping && greatest == T::HIGHEST);
        at = end;
    }
    all
}

/// Which of the samples in `range` are the same as those before. Runs inside a piece that is not constant and that touch
/// neither end of it are left out.
fn same<T: Sample>(samples: &[T], range: Range<usize>, may_be_constant: bool) -> Runs {
    let equal = |i: usize| i > 0 && samples[i] == samples[i - 1];
    let len = range.len() as u64;
    // NaN is neither least nor greatest: a piece with some may look constant and not be.
    if may_be_constant && range.clone().skip(1).all(equal) {
        let mut runs = if equal(range.start) { Runs::all(1) } else { Runs::none(1) };
        runs.append(&Runs::all(len - 1));
        return runs;
    }
    let lead = range.clone().take_while(|&i| equal(i)).count() as u64;
    let trail = range.rev().take_while(|&i| equal(i)).count() as u64;
    if lead == len {
        return Runs::all(len);
    }
    let mut runs = Runs::all(lead);
    runs.append(&Runs::none(len - lead - trail));
    runs.append(&Runs::all(trail));
    runs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same, sample by sample.
    fn by_hand(samples: &[i16]) -> (Runs, Runs, Runs) {
        let same = Runs::of((0..samples.len()).map(|i| i > 0 && samples[i] == samples[i - 1]));
        let low = Runs::of(samples.iter().map(|&x| x == i16::MIN));
        let high = Runs::of(samples.iter().map(|&x| x == i16::MAX));
        (same, low, high)
    }

    proptest! {
        #[test]
        fn any_signal_in_any_pieces(
            stretches in prop::collection::vec(
                (prop_oneof![Just(i16::MIN), Just(i16::MAX), -3_i16..3], 1_usize..900), 1..12,
            ),
            cut in 0_usize..4000,
            first in 0_u64..600,
        ) {
            let samples: Vec<i16> = stretches.iter().flat_map(|&(x, n)| std::iter::repeat_n(x, n)).collect();
            let cut = cut.min(samples.len());
            let whole = of(&samples, 0, first, SampleType::I16);
            let mut parts = of(&samples[..cut], 0, first, SampleType::I16);
            let skip = usize::from(cut > 0);
            parts.append(&of(&samples[cut - skip..], skip, first + cut as u64, SampleType::I16));
            prop_assert_eq!(whole.is_flat(), parts.is_flat());
            let (same, low, high) = by_hand(&samples);
            prop_assert_eq!((whole.low, whole.high), (low, high));
            prop_assert_eq!((parts.low, parts.high), (low, high));
            for signal in [whole, parts] {
                if same.longest + 1 >= MIN_CONSTANT {
                    prop_assert_eq!((signal.same.longest, signal.same.longest_at), (same.longest, same.longest_at));
                } else {
                    prop_assert!(signal.same.longest <= same.longest);
                }
                prop_assert_eq!(signal.is_flat(), samples.len() > 1 && samples.iter().all(|&x| x == samples[0]));
            }
        }
    }

    #[test]
    fn floats_have_no_extremes_but_may_be_no_numbers() {
        let samples = [f32::NAN, 1.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::NAN];
        let signal = of(&samples, 0, 0, SampleType::F32);
        assert_eq!((signal.nan, signal.infinite, signal.high.set, signal.low.set), (3, 2, 0, 0));
        assert!(!of(&[f32::NAN; 700], 0, 0, SampleType::F32).is_flat());
        assert!(!of(&[1.0_f64, f64::NAN, 1.0], 0, 0, SampleType::F64).is_flat());
        assert!(of(&[0_u8; 600], 0, 9, SampleType::Bool).is_flat());
        assert_eq!(of(&[0_u8; 600], 0, 9, SampleType::Bool).low.set, 0);
    }
}
