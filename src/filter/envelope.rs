//! The envelope: the size of an oscillation, whatever its phase.
//!
//! **hilbert**: √(x² + h²), where *h* is the signal a quarter of a period later at every frequency: a filter of finite
//! length (2 / πk at odd distances k, under a Hamming window), exact to 0.3 % from the lowest frequency `from` to the
//! Nyquist frequency less `from`. What is slower should be filtered out before. Within its length of the end of a
//! stretch the envelope falls off. **rectify**: the absolute value through a Butterworth low-pass of order 2, forward and
//! backward, times π/2, which gives the amplitude of a sine.

use super::design::{Band, Family, design};
use super::iir::Iir;
use super::sos::sections;
use super::values::{fraction, hz, rate};
use super::{Built, Filter, Kernel, LANES, Piece, Reach};
use crate::error::{Error, Result};
use crate::form::{Kind, Parameter, Settings};
use crate::recording::Stream;

pub(super) const FILTER: Filter = Filter {
    name: "envelope",
    title: "Envelope",
    help: "The size of an oscillation: by the Hilbert transform, or rectified and smoothed (rectify)",
    value_name: "METHOD",
    needs_value: false,
    parameters: &[
        Parameter {
            name: "method",
            title: "Method",
            help: "hilbert: exact for narrow bands; rectify: absolute value through a low-pass",
            kind: Kind::Choice(&["hilbert", "rectify"]),
            default: "hilbert",
        },
        Parameter {
            name: "from",
            title: "From (Hz)",
            help: "hilbert: the lowest frequency that counts; auto: a hundredth of the rate",
            kind: Kind::Text,
            default: "auto",
        },
        Parameter {
            name: "smooth",
            title: "Smooth (Hz)",
            help: "rectify: the cut-off of the low-pass; auto: a 300th of the rate",
            kind: Kind::Text,
            default: "auto",
        },
    ],
    check: |settings| {
        automatic(settings.text("from"))?;
        automatic(settings.text("smooth")).map(drop)
    },
    build,
};

/// Frames of the Hilbert filter on either side, at most.
const MAX_HALF: f64 = 8192.0;

fn automatic(text: &str) -> Result<Option<f64>> {
    if text == "auto" { Ok(None) } else { hz(text).map(Some) }
}

fn build(settings: &Settings, stream: &Stream) -> Result<Built> {
    let rate_hz = rate(stream, "an envelope")?;
    if settings.text("method") == "rectify" {
        let cut_off = automatic(settings.text("smooth"))?.unwrap_or(rate_hz / 300.0);
        let at = fraction(cut_off, stream, "a cut-off")?;
        let low_pass = Iir::new(sections(&design(Family::Butterworth, 2, Band::Low(at))), false)?;
        if low_pass.reach().before > super::DIRECT_REACH {
            return Err(Error::invalid(format!("an envelope of {cut_off} Hz is too slow for a rate of {rate_hz} Hz"))
                .with_remedy("smooth it less, or decimate first"));
        }
        return Ok(Built::lanes(Rectified { low_pass }));
    }
    let from = automatic(settings.text("from"))?.unwrap_or(rate_hz / 100.0);
    if fraction(from, stream, "an envelope")? >= 0.5 {
        return Err(Error::invalid(format!("an envelope from {from} Hz needs a rate above {} Hz", 4.0 * from))
            .with_remedy("choose a lower frequency"));
    }
    let half = (2.0 * rate_hz / from).ceil();
    if half > MAX_HALF {
        return Err(Error::invalid(format!("an envelope from {from} Hz is too slow for a rate of {rate_hz} Hz"))
            .with_remedy("choose a higher frequency, decimate first, or take method=rectify"));
    }
    Ok(Built::lanes(Hilbert::new(half as usize)))
}

struct Rectified {
    low_pass: Iir,
}

impl Kernel for Rectified {
    fn reach(&self) -> Reach {
        self.low_pass.reach()
    }

    fn run(&self, piece: Piece<'_>) {
        let Piece { data, lanes, starts, ends } = piece;
        data.iter_mut().for_each(|x| *x = x.abs());
        self.low_pass.run(Piece { data, lanes, starts, ends });
        data.iter_mut().for_each(|x| *x = (*x * std::f64::consts::FRAC_PI_2).max(0.0));
    }
}

struct Hilbert {
    /// The weights at distances 1, 3, 5, …
    weights: Vec<f64>,
}

impl Hilbert {
    fn new(half: usize) -> Self {
        let pi = std::f64::consts::PI;
        let weight = |k: usize| {
            let k = k as f64;
            2.0 / (pi * k) * (0.54 + 0.46 * (pi * k / (half as f64 + 1.0)).cos())
        };
        Self { weights: (1..=half).step_by(2).map(weight).collect() }
    }

    fn run_lanes<const N: usize>(&self, data: &mut [[f64; N]]) {
        let original = data.to_vec();
        let nothing = [0.0; N];
        for (i, out) in data.iter_mut().enumerate() {
            let mut sum = [0.0; N];
            for (j, &weight) in self.weights.iter().enumerate() {
                let k = 2 * j + 1;
                let before = i.checked_sub(k).map_or(&nothing, |at| &original[at]);
                let after = original.get(i + k).unwrap_or(&nothing);
                for lane in 0..N {
                    sum[lane] += weight * (before[lane] - after[lane]);
                }
            }
            for lane in 0..N {
                out[lane] = out[lane].hypot(sum[lane]);
            }
        }
    }
}

impl Kernel for Hilbert {
    fn reach(&self) -> Reach {
        let half = 2 * self.weights.len() as u64;
        Reach { before: half, after: half }
    }

    fn run(&self, piece: Piece<'_>) {
        if piece.lanes == 1 {
            self.run_lanes(piece.data.as_chunks_mut::<1>().0);
        } else {
            self.run_lanes(piece.data.as_chunks_mut::<LANES>().0);
        }
    }
}
