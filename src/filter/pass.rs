//! Low-pass, high-pass, band-pass and band-stop.

use super::design::{Band, Family, MAX_ORDER, design};
use super::iir::{Iir, PHASE, is_causal};
use super::sos::sections;
use super::values::{band, fraction, hz};
use super::{Built, Filter};
use crate::error::{Error, Result};
use crate::form::{Kind, Parameter, Settings};
use crate::recording::Stream;

const ORDER: Parameter = Parameter {
    name: "order",
    title: "Order",
    help: "How steep: 6 dB an octave for each; a band has as much on either side",
    kind: Kind::Integer { min: 1, max: MAX_ORDER },
    default: "4",
};
const FAMILY: Parameter = Parameter {
    name: "kind",
    title: "Kind",
    help: "butterworth: flat; chebyshev-1: ripples where it passes, steeper; chebyshev-2: ripples where it stops",
    kind: Kind::Choice(&["butterworth", "chebyshev-1", "chebyshev-2"]),
    default: "butterworth",
};
const RIPPLE: Parameter = Parameter {
    name: "ripple",
    title: "Ripple (dB)",
    help: "How deep the ripples of chebyshev-1 are",
    kind: Kind::Number { min: 0.001, max: 20.0 },
    default: "1",
};
const ATTENUATION: Parameter = Parameter {
    name: "attenuation",
    title: "Attenuation (dB)",
    help: "How far below the pass-band the ripples of chebyshev-2 are",
    kind: Kind::Number { min: 1.0, max: 200.0 },
    default: "40",
};

const fn cut_off(help: &'static str, default: &'static str) -> Parameter {
    Parameter { name: "cut-off", title: "Cut-off (Hz)", help, kind: Kind::Text, default }
}

const fn edges(help: &'static str, default: &'static str) -> Parameter {
    Parameter { name: "band", title: "Band (Hz)", help, kind: Kind::Text, default }
}

pub(super) const BAND_PASS: Filter = Filter {
    name: "band-pass",
    title: "Band-pass",
    help: "Let the frequencies from A to B (Hz) pass",
    value_name: "A..B",
    needs_value: true,
    parameters: &[edges("The frequencies that pass, A..B", "300..6000"), ORDER, FAMILY, RIPPLE, ATTENUATION, PHASE],
    check: |settings| band(settings.text("band")).map(drop),
    build: |settings, stream| build(settings, stream, edges_of(settings, stream, Band::Pass)?),
};

pub(super) const BAND_STOP: Filter = Filter {
    name: "band-stop",
    title: "Band-stop",
    help: "Keep the frequencies from A to B (Hz) out",
    value_name: "A..B",
    needs_value: true,
    parameters: &[
        edges("The frequencies that are kept out, A..B", "45..55"),
        ORDER,
        FAMILY,
        RIPPLE,
        ATTENUATION,
        PHASE,
    ],
    check: |settings| band(settings.text("band")).map(drop),
    build: |settings, stream| build(settings, stream, edges_of(settings, stream, Band::Stop)?),
};

pub(super) const HIGH_PASS: Filter = Filter {
    name: "high-pass",
    title: "High-pass",
    help: "Let the frequencies above A (Hz) pass",
    value_name: "A",
    needs_value: true,
    parameters: &[cut_off("What is slower is kept out", "300"), ORDER, FAMILY, RIPPLE, ATTENUATION, PHASE],
    check: |settings| hz(settings.text("cut-off")).map(drop),
    build: |settings, stream| build(settings, stream, Band::High(cut_off_of(settings, stream)?)),
};

pub(super) const LOW_PASS: Filter = Filter {
    name: "low-pass",
    title: "Low-pass",
    help: "Let the frequencies below A (Hz) pass",
    value_name: "A",
    needs_value: true,
    parameters: &[cut_off("What is faster is kept out", "300"), ORDER, FAMILY, RIPPLE, ATTENUATION, PHASE],
    check: |settings| hz(settings.text("cut-off")).map(drop),
    build: |settings, stream| build(settings, stream, Band::Low(cut_off_of(settings, stream)?)),
};

fn cut_off_of(settings: &Settings, stream: &Stream) -> Result<f64> {
    fraction(hz(settings.text("cut-off"))?, stream, "a cut-off")
}

fn edges_of(settings: &Settings, stream: &Stream, of: fn(f64, f64) -> Band) -> Result<Band> {
    let (low, high) = band(settings.text("band"))?;
    Ok(of(fraction(low, stream, "a band edge")?, fraction(high, stream, "a band edge")?))
}

fn build(settings: &Settings, stream: &Stream, band: Band) -> Result<Built> {
    let family = match settings.text(FAMILY.name) {
        "chebyshev-1" => Family::Chebyshev1 { ripple_db: settings.number(RIPPLE.name) },
        "chebyshev-2" => Family::Chebyshev2 { attenuation_db: settings.number(ATTENUATION.name) },
        _ => Family::Butterworth,
    };
    let zpk = design(family, settings.integer(ORDER.name) as usize, band);
    let iir = Iir::new(sections(&zpk), is_causal(settings))?;
    recursive(iir, stream)
}

/// A recursive filter for `stream`, with a word about stretches that are too short for it.
pub(super) fn recursive(iir: Iir, stream: &Stream) -> Result<Built> {
    let mut warnings = Vec::new();
    if !iir.is_causal() && stream.frames > 0 {
        let needed = iir.extension() as u64 + 1;
        let stretches = stream.time.contiguous(0..stream.frames);
        let (mut all, mut short) = (0_u64, 0_u64);
        for stretch in stretches {
            all += 1;
            short += u64::from(stretch.end - stretch.start < needed);
        }
        if short == all {
            return Err(Error::invalid(format!(
                "'{}' is too short for this filter: it has no {needed} frames without a gap",
                stream.name
            ))
            .with_remedy("take a lower order, or phase=causal, which needs none"));
        }
        if short > 0 {
            warnings.push(format!(
                "{short} of the {all} stretches between gaps are shorter than the {needed} frames that the filter needs to \
                 begin and end well"
            ));
        }
    }
    Ok(Built { warnings, ..Built::lanes(iir) })
}
