//! Notches: single frequencies taken out, with as many of their multiples as wanted.
//!
//! Each notch is one section: zeros on the unit circle at the frequency, poles behind them as far as the −3 dB width f/q
//! asks for (S. J. Orfanidis, *Introduction to Signal Processing*, 11.3): that of `scipy.signal.iirnotch(f, q)`.

use super::iir::{Iir, PHASE, is_causal};
use super::pass::recursive;
use super::sos::Section;
use super::values::{fraction, hz};
use super::{Built, Filter};
use crate::error::Result;
use crate::form::{Kind, Parameter, Settings};
use crate::recording::Stream;

pub(super) const FILTER: Filter = Filter {
    name: "notch",
    title: "Notch",
    help: "Take a frequency (Hz) out, and its multiples if wanted: the hum of the mains",
    value_name: "HZ",
    needs_value: true,
    parameters: &[
        Parameter {
            name: "frequency",
            title: "Frequency (Hz)",
            help: "The frequency to take out: 50 or 60",
            kind: Kind::Text,
            default: "50",
        },
        Parameter {
            name: "harmonics",
            title: "Harmonics",
            help: "How many of its multiples, itself included; those above the Nyquist frequency are left out",
            kind: Kind::Integer { min: 1, max: 100 },
            default: "1",
        },
        Parameter {
            name: "q",
            title: "Q",
            help: "Frequency over the width of the notch: the larger, the narrower and the slower",
            kind: Kind::Number { min: 0.1, max: 10_000.0 },
            default: "30",
        },
        PHASE,
    ],
    check: |settings| hz(settings.text("frequency")).map(drop),
    build,
};

fn build(settings: &Settings, stream: &Stream) -> Result<Built> {
    let base = hz(settings.text("frequency"))?;
    let q = settings.number("q");
    let mut sections = vec![section(fraction(base, stream, "a notch")?, q)];
    for n in 2..=settings.integer("harmonics") {
        match fraction(base * n as f64, stream, "a notch") {
            Ok(at) => sections.push(section(at, q)),
            Err(_above) => break,
        }
    }
    recursive(Iir::new(sections, is_causal(settings))?, stream)
}

/// A notch at `at` (a fraction of the Nyquist frequency).
fn section(at: f64, q: f64) -> Section {
    // A width of more than the whole axis would turn the tangent's sign.
    let width = (at / q).min(1.0) * std::f64::consts::PI;
    let gain = 1.0 / (1.0 + (width / 2.0).tan());
    let cosine = (std::f64::consts::PI * at).cos();
    Section { b: [gain, -2.0 * cosine * gain, gain], a: [-2.0 * gain * cosine, 2.0 * gain - 1.0] }
}
