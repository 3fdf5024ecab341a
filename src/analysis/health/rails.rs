//! Clipping below the limits of the stored type: an amplifier or a converter of fewer bits stops at levels of its own.
//!
//! A *rail* is the least or the greatest value that a channel ever has, if the signal stands still at it. Where it does
//! is found in the windows of [`super::measure`]: a *plateau* is a run of at least [`LEAST`] samples at the extreme that
//! is at least [`SHARP`] times as long as the runs of equal samples right before and after it together. The second rule
//! tells a signal that was cut off, which arrives at its steepest, from one that turns round: the top of a sine in whole
//! steps is at most 2/(√2 − 1)/2 = 2.4 times as long as the two steps beside it. A window that is constant at the
//! extreme is a plateau as a whole.
//!
//! No rails are seen in signals of a few steps ([`LEAST_SPAN`]) or that are at their rails half of the time, as logic
//! levels are on an analog line. Frames count when their level turns out to be the extreme of the whole channel, so that
//! nothing depends on chunks or on their order.

use crate::recording::{Sample, SampleType};

/// A plateau is no shorter.
const LEAST: usize = 10;
/// Nor than so many times what stands beside it.
const SHARP: usize = 5;
/// Integers whose extremes are nearer to each other have no rails: what looks like one is the size of a step.
const LEAST_SPAN: f64 = 64.0;

/// An extreme, and how many frames are in plateaus at it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Rail {
    /// The greatest, or the least with its sign changed.
    pub(super) level: f64,
    pub(super) frames: u64,
}

impl Rail {
    const NONE: Self = Self { level: f64::NEG_INFINITY, frames: 0 };

    /// Takes in other frames; says whether what was known is none any more, because they reach further.
    pub(super) fn merge(&mut self, other: &Self) -> bool {
        if other.level > self.level {
            *self = *other;
            return true;
        }
        if other.level == self.level {
            self.frames += other.frames;
        }
        false
    }
}

/// The two rails of a channel: below, above.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Rails(pub(super) [Rail; 2]);

impl Default for Rails {
    fn default() -> Self {
        Self([Rail::NONE; 2])
    }
}

impl Rails {
    pub(super) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            mine.merge(theirs);
        }
    }

    /// Takes in a window, of which no other tells anything.
    pub(super) fn take<T: Sample>(&mut self, window: &[T]) {
        let (mut least, mut greatest) = (T::HIGHEST, T::LOWEST);
        for &x in window {
            least = if x < least { x } else { least };
            greatest = if x > greatest { x } else { greatest };
        }
        // Only of NaN, which is neither.
        if least > greatest {
            return;
        }
        for (rail, (extreme, sign)) in self.0.iter_mut().zip([(least, -1.0), (greatest, 1.0)]) {
            let level = sign * extreme.to_f64();
            if level >= rail.level {
                rail.merge(&Rail { level, frames: plateaus(window, extreme) as u64 });
            }
        }
    }

    /// Whether plateaus at these extremes of a whole channel, of which `frames` were looked at, are clipping.
    pub(super) fn clip(&self, sample_type: SampleType, frames: u64) -> bool {
        let [low, high] = self.0;
        let wide = sample_type.is_float() || low.level + high.level >= LEAST_SPAN;
        sample_type != SampleType::Bool && wide && (low.frames + high.frames) * 2 <= frames
    }
}

/// Samples of `window` in plateaus at `extreme`.
fn plateaus<T: Sample>(window: &[T], extreme: T) -> usize {
    fn run<'a, T: Sample>(mut samples: impl Iterator<Item = &'a T>) -> usize {
        samples.next().map_or(0, |first| 1 + samples.take_while(|x| *x == first).count())
    }
    let (mut all, mut at) = (0, 0);
    while let Some(start) = window[at..].iter().position(|x| *x == extreme).map(|i| at + i) {
        let len = run(window[start..].iter());
        at = start + len;
        if len >= LEAST && len >= SHARP * (run(window[..start].iter().rev()) + run(window[at..].iter())) {
            all += len;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Windows of 6000 samples of a sine at 30 kHz, in whole steps, cut at `rail`.
    fn sine(hertz: f64, amplitude: f64, rail: f64) -> Rails {
        let mut rails = Rails::default();
        for window in 0..50 {
            let at = |i: usize| f64::from(window * 6000 + i as u32) / 30_000.0;
            let value = |i: usize| amplitude * (std::f64::consts::TAU * hertz * at(i) + 0.3).sin();
            rails.take(&(0..6000).map(|i| value(i).clamp(-rail, rail).round() as i16).collect::<Vec<_>>());
        }
        rails
    }

    #[test]
    fn a_sine_that_is_cut_has_rails_and_a_whole_one_none() {
        for hertz in [1.0, 3.7, 10.0, 60.0, 333.0] {
            for amplitude in [40.0, 100.5, 1000.0, 2047.0, 20_000.0] {
                let whole = sine(hertz, amplitude, 1e9);
                assert_eq!(whole.0.map(|rail| rail.frames), [0, 0], "{hertz} Hz, {amplitude}");
            }
            let cut = sine(hertz, 2500.0, 2047.0);
            // Of a sine that is cut at 2047 of 2500, acos(0.8188)/π are at either rail.
            for rail in cut.0 {
                assert_eq!(rail.level, 2047.0);
                let share = rail.frames as f64 / 300_000.0;
                assert!((share - 0.1947).abs() < 0.01, "{hertz} Hz: {share}");
            }
            assert!(cut.clip(SampleType::I16, 300_000));
        }
    }

    #[test]
    fn a_further_extreme_undoes_what_looked_like_a_rail() {
        let mut rails = Rails::default();
        let mut window: Vec<i16> = (0..200).map(|i| (i % 100) * 7).collect();
        window[50..70].fill(693);
        rails.take(&window);
        assert_eq!(rails.0[1], Rail { level: 693.0, frames: 20 });
        let before = rails;
        rails.take(&window.iter().map(|x| x / 2).collect::<Vec<_>>());
        assert_eq!(rails.0[1].frames, 20, "less tells nothing");
        window[150] = 700;
        rails.take(&window);
        assert_eq!(rails.0[1], Rail { level: 700.0, frames: 0 });
        let mut other = before;
        other.merge(&rails);
        assert_eq!(other, rails);
        // Nothing but NaN, nothing at all, and a constant.
        let mut none = Rails::default();
        none.take(&[f32::NAN; 20]);
        none.take::<f32>(&[]);
        assert_eq!(none, Rails::default());
        none.take(&[5_i16; 30]);
        assert_eq!(none.0.map(|rail| rail.frames), [30, 30]);
        assert!(!none.clip(SampleType::I16, 30), "what never moves is flat, not clipped");
    }
}
