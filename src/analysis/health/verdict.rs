//! What the figures of a channel say about it, in comparison with the others.
//!
//! The rules, in this order; the first that holds gives the verdict. *Robust z* of a figure is its distance from the
//! median of all channels in units of 1.4826 times the median absolute deviation (which for normally distributed figures
//! is the standard deviation), with a floor under that unit, so that channels that are nearly alike do not condemn one
//! that is a little different. Comparisons with others need four channels at least.
//!
//! | verdict        | when                                                                                        |
//! |----------------|---------------------------------------------------------------------------------------------|
//! | `dead`         | no number at all; or half of it flat; or no deviation; or less than a tenth of the median   |
//! | `clipped`      | more than one sample in two hundred at the limits of the stored type, or at [`super::rails`] |
//! | `line noise`   | more than half of the power at the mains; or more than a tenth, and robust z above 5         |
//! | `noisy`        | more than twice the median deviation, and robust z of its logarithm above 5                  |
//! | `uncorrelated` | the median correlation is above 0.3, its own less than half of that, and robust z below −5   |
//! | `good`         | otherwise                                                                                   |

/// Channels that are needed to compare one with the others.
const COMPARABLE: usize = 4;

/// What decides about one channel; NaN where there is no figure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence {
    pub(super) count: u64,
    pub(super) rms: f64,
    pub(super) line_noise: f64,
    pub(super) clipped: f64,
    pub(super) flat: f64,
    pub(super) correlation: f64,
}

/// The verdict about each channel.
pub(super) fn verdicts(all: &[Evidence]) -> Vec<&'static str> {
    let figures = |of: &dyn Fn(&Evidence) -> f64| Spread::of(all.iter().map(of), 0.0);
    let rms = figures(&|e| e.rms);
    let log_rms = Spread::of(all.iter().map(|e| e.rms.ln()), 0.05);
    let line = Spread::of(all.iter().map(|e| e.line_noise), 0.02);
    let correlation = Spread::of(all.iter().map(|e| e.correlation), 0.05);
    let verdict = |e: &Evidence| {
        let dead = e.count == 0 || e.flat >= 0.5 || e.rms == 0.0 || (rms.compares() && e.rms < 0.1 * rms.median);
        if dead {
            "dead"
        } else if e.clipped > 5e-3 {
            "clipped"
        } else if e.line_noise > 0.5 || (e.line_noise > 0.1 && line.z(e.line_noise) > 5.0) {
            "line noise"
        } else if rms.compares() && e.rms > 2.0 * rms.median && log_rms.z(e.rms.ln()) > 5.0 {
            "noisy"
        } else if correlation.median > 0.3
            && e.correlation < 0.5 * correlation.median
            && correlation.z(e.correlation) < -5.0
        {
            "uncorrelated"
        } else {
            "good"
        }
    };
    all.iter().map(verdict).collect()
}

/// Median of those that are numbers; NaN if there is none.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.filter(|x| x.is_finite()).collect();
    if values.is_empty() {
        return f64::NAN;
    }
    values.sort_by(f64::total_cmp);
    let n = values.len();
    f64::midpoint(values[(n - 1) / 2], values[n / 2])
}

/// Where a figure lies over the channels, and how wide.
struct Spread {
    n: usize,
    median: f64,
    unit: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64> + Clone, floor: f64) -> Self {
        let middle = median(values.clone());
        let deviation = 1.4826 * median(values.clone().map(|x| (x - middle).abs()));
        Self { n: values.filter(|x| x.is_finite()).count(), median: middle, unit: deviation.max(floor) }
    }

    fn compares(&self) -> bool {
        self.n >= COMPARABLE
    }

    /// Robust z; 0 where there is nothing to compare with.
    fn z(&self, x: f64) -> f64 {
        if self.compares() && self.unit > 0.0 && x.is_finite() { (x - self.median) / self.unit } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_finds_its_channel_and_no_other() {
        let good = Evidence { count: 1000, rms: 10.0, line_noise: 0.01, clipped: 0.0, flat: 0.0, correlation: 0.8 };
        let mut all: Vec<Evidence> = (0..16).map(|i| Evidence { rms: 10.0 + f64::from(i) * 0.1, ..good }).collect();
        assert!(verdicts(&all).iter().all(|v| *v == "good"));
        all[1].rms = 0.5;
        all[2].flat = 0.6;
        all[3].clipped = 0.01;
        all[4].line_noise = 0.3;
        all[5].rms = 50.0;
        all[6].correlation = 0.1;
        all[7] = Evidence { count: 0, rms: f64::NAN, line_noise: f64::NAN, correlation: f64::NAN, ..good };
        all[8].correlation = f64::NAN;
        let found = verdicts(&all);
        assert_eq!(
            found[..9],
            ["good", "dead", "dead", "clipped", "line noise", "noisy", "uncorrelated", "dead", "good"]
        );
        assert!(found[9..].iter().all(|v| *v == "good"));
        assert_eq!(verdicts(&all[5..6]), ["good"], "one channel cannot be compared");
        assert!(verdicts(&[]).is_empty());
    }
}
