//! Fewer samples a second: a low-pass against aliasing, then every so many frames one.
//!
//! The low-pass is that of `scipy.signal.decimate`: Chebyshev I of order 8 with ripples of 0.05 dB, up to 0.8 of the new
//! Nyquist frequency. Frames at ticks divisible by the factor are kept, so that the new clock is exact across gaps; a gap
//! shorter than a new period vanishes.

use super::design::{Band, Family, design};
use super::iir::{Iir, PHASE, is_causal};
use super::pass::recursive;
use super::sos::sections;
use super::values::{hz, rate};
use super::{Built, Filter};
use crate::error::{Error, Result};
use crate::form::{Kind, Parameter, Settings};
use crate::recording::Stream;

const MAX_FACTOR: u64 = 1000;

pub(super) const FILTER: Filter = Filter {
    name: "decimate",
    title: "Decimate",
    help: "Keep every Nth frame, or as many as make a rate (1kHz), behind a low-pass against aliasing",
    value_name: "N|HZ",
    needs_value: true,
    parameters: &[
        Parameter {
            name: "factor",
            title: "Factor",
            help: "One frame of so many is kept: 30; or the new rate with its unit: 1kHz",
            kind: Kind::Text,
            default: "30",
        },
        PHASE,
    ],
    check: |settings| target(settings.text("factor")).map(drop),
    build,
};

enum Target {
    Factor(u64),
    Rate(f64),
}

fn target(text: &str) -> Result<Target> {
    if text.trim_end().to_ascii_lowercase().ends_with("hz") {
        return hz(text).map(Target::Rate);
    }
    let factor = text.trim().parse().ok().filter(|n| (2..=MAX_FACTOR).contains(n));
    factor.map(Target::Factor).ok_or_else(|| {
        Error::invalid(format!("decimate cannot be '{text}'")).with_remedy(format!(
            "use a whole number from 2 to {MAX_FACTOR}, or the new rate with its unit, such as 1kHz"
        ))
    })
}

fn factor(settings: &Settings, stream: &Stream) -> Result<u64> {
    let new = match target(settings.text("factor"))? {
        Target::Factor(factor) => return Ok(factor),
        Target::Rate(new) => new,
    };
    let rate = rate(stream, "a new rate")?;
    let ratio = rate / new;
    let factor = ratio.round();
    if (ratio - factor).abs() > 1e-9 * ratio {
        let near = factor.max(2.0);
        return Err(Error::invalid(format!("{new} Hz is not a whole part of {rate} Hz"))
            .with_remedy(format!("{} Hz is: --decimate {near}", rate / near)));
    }
    if !(2.0..=MAX_FACTOR as f64).contains(&factor) {
        return Err(Error::invalid(format!("{new} Hz is {factor} times less than {rate} Hz"))
            .with_remedy(format!("decimate by 2 to {MAX_FACTOR}, twice if need be")));
    }
    Ok(factor as u64)
}

fn build(settings: &Settings, stream: &Stream) -> Result<Built> {
    let every = factor(settings, stream)?;
    let zpk = design(Family::Chebyshev1 { ripple_db: 0.05 }, 8, Band::Low(0.8 / every as f64));
    let built = recursive(Iir::new(sections(&zpk), is_causal(settings))?, stream)?;
    Ok(Built { every, ..built })
}
