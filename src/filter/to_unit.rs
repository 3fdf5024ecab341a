//! Another unit of the same kind: V to mV, nA to pA. Only the SI prefix may differ.

use super::{Built, Filter, Kernel, Piece, Reach};
use crate::error::{Error, Result};
use crate::form::{Kind, Parameter, Settings};
use crate::recording::Stream;

pub(super) const FILTER: Filter = Filter {
    name: "to-unit",
    title: "Convert unit",
    help: "Give the values in another unit of the same kind, such as mV for uV",
    value_name: "UNIT",
    needs_value: true,
    parameters: &[Parameter {
        name: "unit",
        title: "Unit",
        help: "The new unit: uV, mV, V, pA, …",
        kind: Kind::Text,
        default: "mV",
    }],
    check: |settings| match settings.text("unit") {
        "" => Err(Error::invalid("a unit is missing").with_remedy("name one, such as mV")),
        _ => Ok(()),
    },
    build,
};

const PREFIXES: [(&str, f64); 10] = [
    ("f", 1e-15),
    ("p", 1e-12),
    ("n", 1e-9),
    ("u", 1e-6),
    ("µ", 1e-6),
    ("μ", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
];

/// What `unit` may be read as: a unit without prefix, and what it is multiplied by.
fn readings(unit: &str) -> impl Iterator<Item = (&str, f64)> {
    let prefixed = PREFIXES.into_iter().filter_map(move |(prefix, factor)| Some((unit.strip_prefix(prefix)?, factor)));
    std::iter::once((unit, 1.0)).chain(prefixed.filter(|(rest, _)| !rest.is_empty()))
}

/// What a value in `from` is multiplied by to be in `to`.
fn factor(from: &str, to: &str) -> Option<f64> {
    let (from, to) = (from.trim(), to.trim());
    readings(from).find_map(|(base, a)| readings(to).find(|(other, _)| *other == base).map(|(_, b)| a / b))
}

fn build(settings: &Settings, stream: &Stream) -> Result<Built> {
    let to = settings.text("unit");
    let factors = stream.channels.iter().map(|channel| {
        factor(&channel.unit, to).ok_or_else(|| {
            let from = if channel.unit.is_empty() { "no unit" } else { &channel.unit };
            Error::invalid(format!("channel '{}' has {from}, which cannot be given in {to}", channel.name))
                .with_remedy("choose a unit of the same kind; a file that tells none can be given one with --unit")
        })
    });
    let factors = factors.collect::<Result<Vec<f64>>>()?;
    let units = vec![to.to_owned(); factors.len()];
    Ok(Built { factors: Some(factors), units: Some(units), ..Built::lanes(Same) })
}

/// The values as they are: the factor is applied with the scale.
struct Same;

impl Kernel for Same {
    fn reach(&self) -> Reach {
        Reach::default()
    }

    fn run(&self, _: Piece<'_>) {}

    fn gain_at(&self, _: f64) -> Option<f64> {
        Some(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_converted_and_kinds_are_not_mixed() {
        for (from, to, expected) in [
            ("uV", "mV", Some(1e-3)),
            ("µV", "uV", Some(1.0)),
            ("V", "V", Some(1.0)),
            ("V", "nV", Some(1e9)),
            ("mV", "pA", None),
            ("", "mV", None),
            ("m", "mm", Some(1e3)),
            ("counts", "counts", Some(1.0)),
        ] {
            let found = factor(from, to);
            let close = match (found, expected) {
                (Some(a), Some(b)) => (a / b - 1.0_f64).abs() < 1e-12,
                (a, b) => a == b,
            };
            assert!(close, "{from} to {to}: {found:?}");
        }
    }
}
