//! Window functions, periodic ("DFT-even"), as `scipy.signal.get_window(name, n, fftbins=True)` gives them.
//!
//! All are sums of cosines; coefficients after F. J. Harris, "On the use of windows for harmonic analysis with the
//! discrete Fourier transform", Proc. IEEE 66 (1978), and, for the flat top, G. D'Antona and A. Ferrero, "Digital
//! Signal Processing for Measurement Systems" (2006).

use std::f64::consts::{PI, TAU};

/// A window function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Taper {
    Rectangular,
    Hann,
    Hamming,
    Blackman,
    BlackmanHarris,
    FlatTop,
}

impl Taper {
    /// As on the command line, in the order of menus.
    pub(super) const NAMES: &'static [&'static str] =
        &["rectangular", "hann", "hamming", "blackman", "blackman-harris", "flat-top"];

    /// The one called `name`; an unknown name (which a checked setting cannot be) is the default.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "rectangular" => Self::Rectangular,
            "hamming" => Self::Hamming,
            "blackman" => Self::Blackman,
            "blackman-harris" => Self::BlackmanHarris,
            "flat-top" => Self::FlatTop,
            _ => Self::Hann,
        }
    }

    const fn cosines(self) -> &'static [f64] {
        match self {
            Self::Rectangular => &[1.0],
            Self::Hann => &[0.5, 0.5],
            Self::Hamming => &[0.54, 0.46],
            Self::Blackman => &[0.42, 0.50, 0.08],
            Self::BlackmanHarris => &[0.35875, 0.48829, 0.14128, 0.01168],
            Self::FlatTop => &[0.215_578_95, 0.416_631_58, 0.277_263_158, 0.083_578_947, 0.006_947_368],
        }
    }

    /// The transform of the taper `bins` bins from its middle, for windows that are not very short; 1 there.
    pub(super) fn response(self, bins: f64) -> f64 {
        let sinc = |x: f64| if x.abs() < 1e-9 { 1.0 } else { (PI * x).sin() / (PI * x) };
        let cosines = self.cosines();
        let term = |(k, a): (usize, &f64)| match k {
            0 => a * sinc(bins),
            k => 0.5 * a * (sinc(bins - k as f64) + sinc(bins + k as f64)),
        };
        cosines.iter().enumerate().map(term).sum::<f64>() / cosines[0]
    }

    /// The equivalent noise bandwidth, bins (Harris): what the powers of the bins of a tone add up to, over its power.
    pub(super) fn noise_bandwidth(self) -> f64 {
        let cosines = self.cosines();
        1.0 + 0.5 * cosines[1..].iter().map(|a| (a / cosines[0]).powi(2)).sum::<f64>()
    }

    /// From the middle of a tone to the first zero, bins.
    pub(super) fn half_lobe(self) -> usize {
        self.cosines().len()
    }

    /// The `n` weights.
    pub(super) fn weights(self, n: usize) -> Vec<f64> {
        if n == 1 {
            return vec![1.0];
        }
        let weight = |i: usize| -> f64 {
            let terms = self.cosines().iter().enumerate().map(|(k, a)| {
                // The phase is reduced in integers, so that it is as exact for the last sample as for the first.
                let phase = TAU * ((k * i) % n) as f64 / n as f64;
                let sign = if k % 2 == 0 { 1.0 } else { -1.0 };
                sign * a * phase.cos()
            });
            terms.sum()
        };
        (0..n).map(weight).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_taper_that_peaks_in_the_middle() {
        for name in Taper::NAMES {
            let taper = Taper::named(name);
            assert_eq!(Taper::NAMES.iter().filter(|n| Taper::named(n) == taper).count(), 1, "{name}");
            let weights = taper.weights(64);
            assert!((weights[32] - 1.0).abs() < 2e-8, "{name}: {}", weights[32]);
            for i in 1..64 {
                assert!((weights[i] - weights[64 - i]).abs() < 1e-15, "{name}");
            }
            assert_eq!(taper.weights(1), [1.0]);
        }
    }
}
