//! Moving average, and DC removal by what is left of it.
//!
//! The value at a frame is the mean of the window around it (centred), or of the window that ends with it (causal).
//! At the ends of a stretch the window is as much of it as there is. DC removal subtracts the mean of the window: with
//! one of a second, drifts slower than about 0.4 Hz go, and nothing has to settle.

use super::iir::{PHASE, is_causal};
use super::values::length;
use super::{Built, Filter, Kernel, LANES, Piece, Reach};
use crate::error::{Error, Result};
use crate::form::{Kind, Parameter, Settings};
use crate::recording::Stream;

/// Sums are begun anew after this many frames (or a window, if that is longer), so that rounding does not add up.
const ANEW: usize = 1 << 12;

pub(super) const MOVING_AVERAGE: Filter = Filter {
    name: "moving-average",
    title: "Moving average",
    help: "The mean of the samples in a window around each: 5ms, 1s or #150 (frames)",
    value_name: "LENGTH",
    needs_value: true,
    parameters: &[
        Parameter {
            name: "window",
            title: "Window",
            help: "Length of the window: 5ms, 1s, or #150 for frames",
            kind: Kind::Text,
            default: "5ms",
        },
        PHASE,
    ],
    check: |settings| length(settings.text("window")).map(drop),
    build: |settings, stream| build(settings, stream, false),
};

pub(super) const REMOVE_DC: Filter = Filter {
    name: "remove-dc",
    title: "Remove DC",
    help: "Subtract the mean of the second around each sample, or of another length: 200ms",
    value_name: "LENGTH",
    needs_value: false,
    parameters: &[
        Parameter {
            name: "window",
            title: "Window",
            help: "Length of the window whose mean is subtracted: 200ms, 1s, or #150 for frames",
            kind: Kind::Text,
            default: "1s",
        },
        PHASE,
    ],
    check: |settings| length(settings.text("window")).map(drop),
    build: |settings, stream| build(settings, stream, true),
};

fn build(settings: &Settings, stream: &Stream, subtract: bool) -> Result<Built> {
    let frames = length(settings.text("window"))?.frames(stream, "a window of time")?;
    if frames > MAX_FRAMES {
        return Err(Error::invalid(format!("a window of {frames} frames is too long"))
            .with_remedy(format!("at most {MAX_FRAMES} frames are averaged; decimate first")));
    }
    let (before, after) = if is_causal(settings) { (frames - 1, 0) } else { (frames / 2, (frames - 1) / 2) };
    Ok(Built::lanes(Average { before: before as usize, after: after as usize, subtract }))
}

/// A window of more frames than this would make every read slow.
const MAX_FRAMES: u64 = 1 << 17;

struct Average {
    before: usize,
    after: usize,
    subtract: bool,
}

impl Average {
    fn run_lanes<const N: usize>(&self, data: &mut [[f64; N]]) {
        let n = data.len();
        let original = data.to_vec();
        let anew = ANEW.max(self.before + self.after + 1);
        let mut sum = [0.0; N];
        // The window that `sum` is of.
        let (mut from, mut to) = (0, 0);
        for (i, out) in data.iter_mut().enumerate() {
            let (first, end) = (i.saturating_sub(self.before), (i + self.after + 1).min(n));
            if i.is_multiple_of(anew) {
                sum = [0.0; N];
                (from, to) = (first, first);
            }
            for frame in &original[to..end] {
                (0..N).for_each(|lane| sum[lane] += frame[lane]);
            }
            for frame in &original[from..first] {
                (0..N).for_each(|lane| sum[lane] -= frame[lane]);
            }
            (from, to) = (first, end);
            let share = 1.0 / (end - first) as f64;
            for lane in 0..N {
                let mean = sum[lane] * share;
                out[lane] = if self.subtract { out[lane] - mean } else { mean };
            }
        }
    }
}

impl Kernel for Average {
    fn reach(&self) -> Reach {
        Reach { before: self.before as u64, after: self.after as u64 }
    }

    fn run(&self, piece: Piece<'_>) {
        if piece.lanes == 1 {
            self.run_lanes(piece.data.as_chunks_mut::<1>().0);
        } else {
            self.run_lanes(piece.data.as_chunks_mut::<LANES>().0);
        }
    }

    fn gain_at(&self, omega: f64) -> Option<f64> {
        let n = (self.before + self.after + 1) as f64;
        let half = omega / 2.0;
        // The mean of a complex oscillation over the window; its phase is that of the window's middle.
        let size = if half.sin() == 0.0 { 1.0 } else { (n * half).sin() / (n * half.sin()) };
        let phase = (self.after as f64 - self.before as f64) * half;
        let (re, im) = (size * phase.cos(), size * phase.sin());
        Some(if self.subtract { (1.0 - re).hypot(im) } else { size.abs() })
    }
}
