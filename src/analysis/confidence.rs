//! How far an estimated spectrum may be from the true one: the band that holds it with a given probability.
//!
//! The mean of the powers of windows of Gaussian noise is distributed about as the true power times χ²_ν / ν, with the
//! effective degrees of freedom ν of P. D. Welch, "The use of fast Fourier transform for the estimation of power spectra"
//! (IEEE Trans. Audio Electroacoust. 15, 1967), in the notation of D. B. Percival and A. T. Walden, "Spectral Analysis for
//! Physical Applications" (1993), equations 292b and 255: overlapped windows are correlated as the squared
//! autocorrelation of the taper at their distance says. Several tapers are several such series, correlated by pairs.
//! The spectrum is taken to be flat over the bandwidth of the tapers, and all windows to lie in one row, as if there were
//! no gaps. At zero and at half the rate there are half as many degrees.
//!
//! The median of many powers is as uncertain as the mean of (ln 2)² times as many (its asymptotic variance, for two
//! degrees each; fewer are lost with several tapers, so that the band is then a little wide).

use super::chi_squared::quantile;
use super::power::is_lone;
use super::welch::Welch;

/// Distances between windows at which the correlation is computed; between them it is interpolated.
const MOST_DISTANCES: u64 = 64;
/// Products that are worth computing for it: a second or two.
const MOST_PRODUCTS: u64 = 2_000_000_000;

/// The confidence of a spectrum from some windows.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Band {
    /// ν; half as many at zero and at half the rate.
    pub(super) degrees_of_freedom: f64,
    factors: (f64, f64),
    lone_factors: (f64, f64),
}

impl Band {
    fn new(degrees_of_freedom: f64, probability: f64) -> Self {
        let tail = 0.5 * (1.0 - probability);
        let factors = |degrees: f64| (degrees / quantile(1.0 - tail, degrees), degrees / quantile(tail, degrees));
        Self {
            degrees_of_freedom,
            factors: factors(degrees_of_freedom),
            lone_factors: factors(0.5 * degrees_of_freedom),
        }
    }

    /// What the power is to be multiplied with for the lower and the upper edge, at all but the outermost frequencies.
    pub(super) fn factors(&self) -> (f64, f64) {
        self.factors
    }

    /// The same at bin `k` of a window of `window` frames.
    pub(super) fn factors_at(&self, k: usize, window: usize) -> (f64, f64) {
        if is_lone(k, window) { self.lone_factors } else { self.factors }
    }
}

/// Makes bands for any number of windows.
pub(super) struct Confidence {
    probability: f64,
    /// Of the mean.
    is_median: bool,
    /// The variance of one window over its squared mean, and the covariance with the next ones.
    covariances: Vec<f64>,
    /// The band made last: most channels have as many windows.
    last: Option<(u64, Band)>,
}

impl Confidence {
    /// For the windows of `welch`, and bands that hold the truth with `probability`.
    pub(super) fn new(welch: &Welch<'_>, probability: f64, is_median: bool) -> Self {
        let covariances = covariances(welch.tapers(), welch.hop(), welch.windows());
        Self { probability, is_median, covariances, last: None }
    }

    /// The band of an average of `windows`, which are at least one.
    pub(super) fn band(&mut self, windows: u64) -> Band {
        if let Some((n, band)) = self.last
            && n == windows
        {
            return band;
        }
        let band = Band::new(self.degrees_of_freedom(windows), self.probability);
        self.last = Some((windows, band));
        band
    }

    /// ν of an average of `windows`.
    pub(super) fn degrees_of_freedom(&self, windows: u64) -> f64 {
        let n = windows.max(1) as f64;
        let later = self.covariances.iter().enumerate().skip(1);
        let shared: f64 = later.map(|(j, c)| (1.0 - j as f64 / n).max(0.0) * c).sum();
        let degrees = 2.0 * n / (self.covariances[0] + 2.0 * shared);
        // The median of one or two windows is their mean.
        if self.is_median && windows > 2 { degrees * std::f64::consts::LN_2.powi(2) } else { degrees }
    }
}

/// Over the squared mean, the variance of the power of one window and its covariance with that of each window behind it
/// that it shares frames with.
fn covariances(tapers: &[Vec<f64>], hop: u64, windows: u64) -> Vec<f64> {
    let n = tapers.first().map_or(0, Vec::len);
    let mean: f64 = tapers.iter().flatten().map(|w| w * w).sum();
    let at = |frames: usize| {
        let mut sum = 0.0;
        for a in tapers {
            for b in tapers {
                sum += a[frames..].iter().zip(b).map(|(x, y)| x * y).sum::<f64>().powi(2);
            }
        }
        sum / (mean * mean)
    };
    let last = ((n as u64).div_ceil(hop).saturating_sub(1)).min(windows.saturating_sub(1));
    let pairs = (tapers.len() as u64).pow(2);
    let distances = (MOST_PRODUCTS / (pairs * n as u64).max(1)).clamp(1, MOST_DISTANCES);
    let step = last.div_ceil(distances).max(1);
    let known: Vec<f64> =
        (0..=last.div_ceil(step)).map(|i| at(usize::try_from(i * step * hop).unwrap_or(n).min(n))).collect();
    let between = |j: u64| {
        let (i, part) = ((j / step) as usize, (j % step) as f64 / step as f64);
        known[i] + part * (known.get(i + 1).copied().unwrap_or(0.0) - known[i])
    };
    (0..=last).map(between).collect()
}

#[cfg(test)]
mod tests {
    use super::super::taper::Taper;
    use super::*;

    fn degrees(tapers: &[Vec<f64>], hop: u64, windows: u64) -> f64 {
        let covariances = covariances(tapers, hop, windows);
        Confidence { probability: 0.95, is_median: false, covariances, last: None }.degrees_of_freedom(windows)
    }

    #[test]
    fn degrees_are_those_of_the_literature() {
        let hann = [Taper::Hann.weights(1024)];
        assert!((degrees(&hann, 1024, 10) - 20.0).abs() < 1e-9, "apart, two each");
        assert!((degrees(&hann, 512, 1) - 2.0).abs() < 1e-9);
        // Percival and Walden, page 294: of half overlapped Hann windows, ν is about 36 n² / (19 n − 1).
        for n in [2_u64, 10, 1000] {
            let wanted = 36.0 * (n * n) as f64 / (19.0 * n as f64 - 1.0);
            assert!((degrees(&hann, 512, n) - wanted).abs() < 1e-3 * wanted, "{n}: {wanted}");
        }
    }

    #[test]
    fn what_is_interpolated_is_near_what_is_summed() {
        let hann = [Taper::Hann.weights(512)];
        let exact: Vec<f64> =
            (0..512).map(|d| hann[0][d..].iter().zip(&hann[0]).map(|(a, b)| a * b).sum::<f64>().powi(2)).collect();
        let near = covariances(&hann, 1, 100_000);
        assert_eq!(near.len(), 512);
        let sums = (exact.iter().sum::<f64>() / exact[0], near.iter().sum::<f64>());
        assert!((sums.0 - sums.1).abs() < 1e-3 * sums.0, "{sums:?}");
    }

    #[test]
    fn the_band_holds_the_estimate() {
        let band = Band::new(20.0, 0.95);
        let (low, high) = band.factors();
        assert!(low < 1.0 && high > 1.0);
        let (lone_low, lone_high) = band.factors_at(0, 8);
        assert!(lone_low < low && lone_high > high);
        assert_eq!(band.factors_at(4, 8), (lone_low, lone_high));
        assert_eq!(band.factors_at(3, 8), (low, high));
    }
}
