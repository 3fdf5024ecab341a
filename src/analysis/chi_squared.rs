//! Quantiles of the chi-squared distribution, as `scipy.stats.chi2.ppf`, for the confidence bands of spectra.
//!
//! The distribution function is the regularised incomplete gamma function, by its power series below and its continued
//! fraction above the mean (M. Abramowitz and I. A. Stegun, "Handbook of Mathematical Functions", 6.5.29 and 6.5.31);
//! the quantile is where it is bisected to. From [`MANY`] degrees on, where the series would be long, the cube of a
//! normal quantile (E. B. Wilson and M. M. Hilferty, 1931) is right to nine digits.

/// Degrees of freedom from which the distribution is a cubed normal one.
const MANY: f64 = 1e6;
/// Terms of series and fraction: several times the root of the greatest argument.
const MOST_TERMS: usize = 20_000;

/// The value below which lies the share `p` (in 0..1) of a chi-squared distribution with `degrees` (positive, not
/// necessarily whole) of freedom.
pub(super) fn quantile(p: f64, degrees: f64) -> f64 {
    let spread = (2.0 / (9.0 * degrees)).sqrt();
    if degrees >= MANY {
        return degrees * (1.0 - spread * spread + spread * normal_quantile(p)).powi(3);
    }
    let (mut low, mut high) = (0.0, degrees + 10.0);
    while cumulative(high, degrees) < p && high < f64::MAX / 4.0 {
        low = high;
        high *= 2.0;
    }
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high || high - low < 1e-15 * high {
            return middle;
        }
        if cumulative(middle, degrees) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// The share of a chi-squared distribution below `x`.
fn cumulative(x: f64, degrees: f64) -> f64 {
    let (a, x) = (0.5 * degrees, 0.5 * x);
    if x <= 0.0 {
        return 0.0;
    }
    let front = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum) = (1.0 / a, 1.0 / a);
        for n in 1..MOST_TERMS {
            term *= x / (a + n as f64);
            sum += term;
            if term < 1e-17 * sum {
                break;
            }
        }
        return front * sum;
    }
    // Lentz's way through the continued fraction.
    let mut b = x + 1.0 - a;
    let mut d = 1.0 / b;
    let (mut c, mut fraction) = (1e300, d);
    for n in 1..MOST_TERMS {
        let factor = -(n as f64) * (n as f64 - a);
        b += 2.0;
        d = 1.0 / (factor * d + b);
        c = b + factor / c;
        fraction *= c * d;
        if (c * d - 1.0).abs() < 1e-16 {
            break;
        }
    }
    1.0 - front * fraction
}

/// The logarithm of the gamma function of a positive number: Stirling's series, from a number that is large enough on.
fn ln_gamma(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 8] = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1260.0,
        -1.0 / 1680.0,
        1.0 / 1188.0,
        -691.0 / 360_360.0,
        1.0 / 156.0,
        -3617.0 / 122_400.0,
    ];
    let (mut x, mut product) = (x, 1.0);
    while x < 16.0 {
        product *= x;
        x += 1.0;
    }
    let mut power = 1.0 / x;
    let mut sum = (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln();
    for coefficient in COEFFICIENTS {
        sum += coefficient * power;
        power /= x * x;
    }
    sum - f64::ln(product)
}

/// The standard normal value below which lies the share `p`: bisected on the distribution function, which is the
/// chi-squared one of its square.
fn normal_quantile(p: f64) -> f64 {
    let tail = p.min(1.0 - p);
    let root = quantile(1.0 - 2.0 * tail, 1.0).sqrt();
    if p < 0.5 { -root } else { root }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        // Abramowitz and Stegun, table 26.8; of two degrees it is −2·ln(1 − p).
        for (p, degrees, wanted) in [
            (0.95, 1.0, 3.841_458_820_694_124),
            (0.975, 10.0, 20.483_177_350_807_39),
            (0.025, 10.0, 3.246_972_780_236_84),
            (0.005, 100.0, 67.327_563_305_473_6),
            (0.9, 2.0, -2.0 * 0.1_f64.ln()),
        ] {
            let ours = quantile(p, degrees);
            assert!((ours - wanted).abs() < 1e-11 * wanted, "{p} {degrees}: {ours} and {wanted}");
        }
    }

    #[test]
    fn both_ways_meet_where_one_takes_over() {
        for p in [0.005, 0.025, 0.5, 0.975] {
            let (few, many) = (quantile(p, MANY * (1.0 - 1e-12)) / MANY, quantile(p, MANY) / MANY);
            assert!((few - many).abs() < 1e-8, "{p}: {few} and {many}");
        }
    }
}
