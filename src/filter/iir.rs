//! Recursive filters over a contiguous stretch: forward and backward (zero phase), or forward only (causal).
//!
//! **Zero phase** is `scipy.signal.sosfiltfilt`: at either end of a stretch the signal is continued by turning it around
//! its end point (odd extension) over three times the filter's length, the first pass starts as if the signal had always
//! had its first value, the second likewise from the other end. A stretch that is shorter than the extension is extended
//! by as much as there is. **Causal** is `scipy.signal.sosfilt` from a state of zero at the start of the stretch.
//!
//! Where a piece was cut out of a stretch, its margin lets the cut be forgotten: the impulse response has then decayed to
//! 1e-15 of what it began with.

use super::cascade::{State, backward, forward};
use super::sos::{Section, gain_at, settling};
use super::{Kernel, LANES, Piece, Reach};
use crate::error::{Error, Result};
use crate::form::{Kind, Parameter, Settings};

/// Whether a filter looks ahead.
pub(super) const PHASE: Parameter = Parameter {
    name: "phase",
    title: "Phase",
    help: "zero: forward and backward, nothing is delayed, every slope counts twice; causal: forward only",
    kind: Kind::Choice(&["zero", "causal"]),
    default: "zero",
};

/// Whether the settings ask for a filter that only looks back.
pub(super) fn is_causal(settings: &Settings) -> bool {
    settings.text(PHASE.name) == "causal"
}

/// A recursive filter and what it needs to begin.
#[derive(Clone, Debug)]
pub(crate) struct Iir {
    pub(super) sections: Vec<Section>,
    /// For each section, the state that goes with an input that has always been 1.
    steady: Vec<[f64; 2]>,
    causal: bool,
    settling: u64,
}

impl Iir {
    /// # Errors
    /// When the filter is not stable as a double can express it.
    pub(super) fn new(sections: Vec<Section>, causal: bool) -> Result<Self> {
        let unstable = || {
            Error::invalid("this filter is not stable in double precision")
                .with_remedy("take a lower order, or a cut-off further from zero and from the Nyquist frequency")
        };
        let settling = settling(&sections).ok_or_else(unstable)?;
        let mut gain = 1.0;
        let mut steady = Vec::with_capacity(sections.len());
        for section in &sections {
            let (state, own) = section.steady();
            steady.push(state.map(|z| z * gain));
            gain *= own;
        }
        if steady.iter().flatten().any(|z| !z.is_finite()) {
            return Err(unstable());
        }
        Ok(Self { sections, steady, causal, settling })
    }

    pub(super) fn is_causal(&self) -> bool {
        self.causal
    }

    /// Frames by which an end is extended, where there are that many.
    pub(super) fn extension(&self) -> usize {
        let delays = |of: fn(&Section) -> f64| self.sections.iter().filter(|s| of(s) == 0.0).count();
        3 * (2 * self.sections.len() + 1 - delays(|s| s.b[2]).min(delays(|s| s.a[1])))
    }

    /// The states after an input that has always been `x`.
    pub(super) fn steady<const N: usize>(&self, x: [f64; N]) -> Vec<State<N>> {
        self.steady.iter().map(|z| z.map(|z| x.map(|x| x * z))).collect()
    }

    /// The states before the first frame of `data`, which begins the stretch.
    pub(super) fn at_start<const N: usize>(&self, data: &[[f64; N]]) -> Vec<State<N>> {
        let (Some(&first), false) = (data.first(), self.causal) else {
            return vec![[[0.0; N]; 2]; self.sections.len()];
        };
        let mut before: Vec<[f64; N]> =
            data[1..].iter().take(self.extension()).rev().map(|&x| turned(first, x)).collect();
        let mut states = self.steady(before.first().copied().unwrap_or(first));
        forward(&self.sections, &mut states, &mut before);
        states
    }

    /// What follows the last of `data` (unfiltered), which ends the stretch.
    pub(super) fn behind<const N: usize>(&self, data: &[[f64; N]]) -> Vec<[f64; N]> {
        let Some((&last, rest)) = data.split_last() else { return Vec::new() };
        rest.iter().rev().take(self.extension()).map(|&x| turned(last, x)).collect()
    }

    /// The states of the pass back when it comes to the last frame of the stretch; `states` are those of the pass forward
    /// behind it, `last` its last value, `behind` what follows.
    pub(super) fn at_end<const N: usize>(
        &self,
        mut states: Vec<State<N>>,
        last: [f64; N],
        mut behind: Vec<[f64; N]>,
    ) -> Vec<State<N>> {
        forward(&self.sections, &mut states, &mut behind);
        let mut states = self.steady(behind.last().copied().unwrap_or(last));
        backward(&self.sections, &mut states, &mut behind);
        states
    }

    fn run_lanes<const N: usize>(&self, data: &mut [[f64; N]], starts: bool, ends: bool) {
        let Some(&first) = data.first() else { return };
        let mut states = if starts { self.at_start(data) } else { self.steady(first) };
        if self.causal {
            forward(&self.sections, &mut states, data);
            return;
        }
        let behind = if ends { self.behind(data) } else { Vec::new() };
        forward(&self.sections, &mut states, data);
        let last = data.last().copied().unwrap_or(first);
        let mut states = if ends { self.at_end(states, last, behind) } else { self.steady(last) };
        backward(&self.sections, &mut states, data);
    }
}

fn turned<const N: usize>(about: [f64; N], x: [f64; N]) -> [f64; N] {
    std::array::from_fn(|lane| 2.0 * about[lane] - x[lane])
}

impl Kernel for Iir {
    fn reach(&self) -> Reach {
        Reach { before: self.settling, after: if self.causal { 0 } else { self.settling } }
    }

    fn run(&self, piece: Piece<'_>) {
        if piece.lanes == 1 {
            self.run_lanes(piece.data.as_chunks_mut::<1>().0, piece.starts, piece.ends);
        } else {
            self.run_lanes(piece.data.as_chunks_mut::<LANES>().0, piece.starts, piece.ends);
        }
    }

    fn gain_at(&self, omega: f64) -> Option<f64> {
        let gain = gain_at(&self.sections, omega);
        Some(if self.causal { gain } else { gain * gain })
    }

    fn recursive(&self) -> Option<&Iir> {
        Some(self)
    }
}
