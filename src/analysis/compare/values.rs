//! What one sample is less than another.

use half::f16;

use crate::recording::{Sample, SampleType, Samples, Scale};
use crate::with_samples;

/// Samples are taken in pieces of so many.
pub(super) const PIECE: usize = 1024;

/// In what the two recordings are compared.
#[derive(Clone, Debug)]
pub(super) enum Measure {
    /// Stored values of one type.
    Stored,
    Physical(Scaled),
}

/// Samples of one type that can be set against each other.
pub(super) trait Minus: Sample + PartialEq {
    /// `self − other`: zero where both are the same, NaN and infinities included; rounded once.
    fn minus(self, other: Self) -> f64;
}

macro_rules! impl_minus {
    ($($t:ty: $minus:expr;)*) => { $(
        impl Minus for $t {
            #[inline(always)]
            fn minus(self, other: Self) -> f64 { #[allow(clippy::redundant_closure_call)] ($minus)(self, other) }
        }
    )* };
}
impl_minus! {
    i8: |a, b| f64::from(a) - f64::from(b);
    u8: |a, b| f64::from(a) - f64::from(b);
    i16: |a, b| f64::from(a) - f64::from(b);
    u16: |a, b| f64::from(a) - f64::from(b);
    i32: |a, b| f64::from(a) - f64::from(b);
    u32: |a, b| f64::from(a) - f64::from(b);
    i64: |a, b| (i128::from(a) - i128::from(b)) as f64;
    u64: |a, b| (i128::from(a) - i128::from(b)) as f64;
    f16: |a: f16, b: f16| float_minus(a.to_f64(), b.to_f64());
    f32: |a: f32, b: f32| float_minus(f64::from(a), f64::from(b));
    f64: float_minus;
}

#[inline(always)]
fn float_minus(a: f64, b: f64) -> f64 {
    if a == b || (a.is_nan() && b.is_nan()) { 0.0 } else { a - b }
}

/// To what both values are rounded before they are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rounding {
    None,
    F32,
    F16,
}

impl Rounding {
    /// The coarsest of the floating-point types that either of the two is stored as.
    pub(super) fn of(a: SampleType, b: SampleType) -> Self {
        let has = |t: SampleType| a == t || b == t;
        if has(SampleType::F16) {
            Self::F16
        } else if has(SampleType::F32) {
            Self::F32
        } else {
            Self::None
        }
    }

    #[inline(always)]
    fn apply(self, value: f64) -> f64 {
        match self {
            Self::None => value,
            Self::F32 => f64::from(value as f32),
            Self::F16 => f16::from_f64(value).to_f64(),
        }
    }
}

/// How stored values of both become physical ones in the same unit.
#[derive(Clone, Debug)]
pub(super) struct Scaled {
    /// For each channel: of the first, and of the second.
    pub scales: Vec<(Scale, Scale)>,
    pub rounding: Rounding,
}

impl Scaled {
    /// The differences of channel `c` over as many samples as `out` holds, of each side from the index given on.
    pub(super) fn differences(&self, c: usize, a: (&Samples, usize), b: (&Samples, usize), out: &mut [f64]) {
        let (scale_a, scale_b) = self.scales[c];
        let mut other = [0.0; PIECE];
        let other = &mut other[..out.len()];
        self.physical(a, scale_a, out);
        self.physical(b, scale_b, other);
        for (x, y) in out.iter_mut().zip(&*other) {
            *x = float_minus(*x, *y);
        }
    }

    fn physical(&self, (samples, first): (&Samples, usize), scale: Scale, out: &mut [f64]) {
        with_samples!(samples, v => {
            for (x, y) in out.iter_mut().zip(&v[first..]) {
                *x = self.rounding.apply(scale.apply(y.to_f64()));
            }
        });
    }
}

/// Stored differences of `n` samples from index `first` on, of both.
pub(super) fn stored_differences(a: &Samples, b: &Samples, first: usize, out: &mut [f32]) {
    macro_rules! subtract { ($($variant:ident)*) => {
        match (a, b) {
            $((Samples::$variant(a), Samples::$variant(b)) => {
                for (x, (&a, &b)) in out.iter_mut().zip(a[first..].iter().zip(&b[first..])) {
                    *x = a.minus(b) as f32;
                }
            })*
            _ => out.fill(f32::NAN),
        }
    } }
    subtract!(I8 U8 I16 U16 I32 U32 I64 U64 F16 F32 F64);
}

/// By what a value in the unit `from` is multiplied to be one in `to`: of the same quantity, with other prefixes. `None`
/// if they are not known to be of the same quantity.
pub(super) fn unit_factor(from: &str, to: &str) -> Option<f64> {
    const PREFIXES: [(&str, i32); 9] =
        [("p", -12), ("n", -9), ("u", -6), ("µ", -6), ("μ", -6), ("m", -3), ("k", 3), ("M", 6), ("G", 9)];
    const BASES: [&str; 8] = ["V", "A", "Hz", "s", "g", "T", "Ohm", "Ω"];
    let power = |unit: &str| {
        let (prefix, base) = BASES.iter().find_map(|base| unit.strip_suffix(base).map(|prefix| (prefix, *base)))?;
        if prefix.is_empty() {
            return Some((0, base));
        }
        PREFIXES.iter().find(|(text, _)| *text == prefix).map(|(_, power)| (*power, base))
    };
    let ((from, base), (to, other)) = (power(from)?, power(to)?);
    (base == other).then(|| 10_f64.powi(from - to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_exact_and_equal_things_do_not_differ() {
        assert_eq!(i64::MAX.minus(i64::MAX - 1), 1.0);
        assert_eq!(u64::MAX.minus(0), u64::MAX as f64);
        assert_eq!(i16::MIN.minus(i16::MAX), -65_535.0);
        assert_eq!(f32::NAN.minus(f32::NAN), 0.0);
        assert_eq!(f64::INFINITY.minus(f64::INFINITY), 0.0);
        assert!(f64::INFINITY.minus(f64::NEG_INFINITY).is_infinite());
        assert!(f16::NAN.minus(f16::ONE).is_nan());
        assert_eq!(0.0_f64.minus(-0.0), 0.0);
    }

    #[test]
    fn units_of_one_quantity_are_converted() {
        assert_eq!(unit_factor("uV", "uV"), Some(1.0));
        assert_eq!(unit_factor("µV", "uV"), Some(1.0));
        assert_eq!(unit_factor("V", "uV"), Some(1e6));
        assert_eq!(unit_factor("mV", "V"), Some(1e-3));
        assert_eq!(unit_factor("mV", "mA"), None);
        assert_eq!(unit_factor("counts", "V"), None);
        assert_eq!(unit_factor("", "V"), None);
    }
}
