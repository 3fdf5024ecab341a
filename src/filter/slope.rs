//! Pointwise filters: the derivative and the absolute value.

use super::values::rate;
use super::{Built, Filter, Kernel, Piece, Reach};
use crate::Result;
use crate::form::Settings;
use crate::recording::Stream;

pub(super) const DERIVATIVE: Filter = Filter {
    name: "derivative",
    title: "Derivative",
    help: "The slope a second, from the neighbours on both sides (as numpy.gradient)",
    value_name: "",
    needs_value: false,
    parameters: &[],
    check: |_| Ok(()),
    build: derivative,
};

pub(super) const RECTIFY: Filter = Filter {
    name: "rectify",
    title: "Rectify",
    help: "The absolute value",
    value_name: "",
    needs_value: false,
    parameters: &[],
    check: |_| Ok(()),
    build: |_, _| Ok(Built::lanes(Rectify)),
};

fn derivative(_: &Settings, stream: &Stream) -> Result<Built> {
    let rate_hz = rate(stream, "a derivative")?;
    let per_second = |unit: &str| if unit.is_empty() { String::new() } else { format!("{unit}/s") };
    let units = stream.channels.iter().map(|c| per_second(&c.unit)).collect();
    Ok(Built { units: Some(units), ..Built::lanes(Derivative { rate_hz }) })
}

struct Derivative {
    rate_hz: f64,
}

impl Kernel for Derivative {
    fn reach(&self) -> Reach {
        Reach { before: 1, after: 1 }
    }

    fn run(&self, piece: Piece<'_>) {
        let Piece { data, lanes, .. } = piece;
        let frames = data.len() / lanes;
        for lane in 0..lanes {
            let mut before = data[lane];
            for i in 0..frames {
                let here = data[i * lanes + lane];
                let next = if i + 1 < frames { data[(i + 1) * lanes + lane] } else { here };
                // At an end, the slope to the only neighbour.
                let span = if frames > 1 && (i == 0 || i + 1 == frames) { 1.0 } else { 2.0 };
                data[i * lanes + lane] = (next - before) * self.rate_hz / span;
                before = here;
            }
        }
    }

    fn gain_at(&self, omega: f64) -> Option<f64> {
        Some(self.rate_hz * omega.sin().abs())
    }
}

struct Rectify;

impl Kernel for Rectify {
    fn reach(&self) -> Reach {
        Reach::default()
    }

    fn run(&self, piece: Piece<'_>) {
        piece.data.iter_mut().for_each(|x| *x = x.abs());
    }
}
