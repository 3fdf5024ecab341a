//! A straight line from the ticks of a sample clock to the wall clock, by ordinary least squares.
//!
//! Where a system clock was recorded beside the sample counter, the line through all pairs says when each tick was: it
//! averages the jitter of the single readings, and its slope is what a period of the sample clock really lasts.
//! [`ClockSums`] takes the pairs in one by one. Its sums are exact integers of the *differences* from an anchor line, so
//! that the result depends neither on the order of the pairs nor on how they were cut into chunks, and loses none of the
//! nanoseconds that a regression on Unix times in `f64` (steps of 256 ns) rounds away.

/// Ticks are taken in up to here: 4.6 years at 30 kHz. Keeps every sum within 128 bits.
const MAX_TICK: u64 = 1 << 42;
/// Pairs further from the anchor than this are no reading of the clock (seven days).
const MAX_DIFFERENCE_NS: i64 = 7 * 86_400 * 1_000_000_000;

/// A line from ticks to nanoseconds since the Unix epoch, and how well it fits.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ClockFit {
    /// Where the line is at tick 0, to the nearest nanosecond.
    pub unix_ns_at_tick_0: i128,
    /// How long a tick lasts; positive.
    pub ns_per_tick: f64,
    /// Pairs of tick and system clock that it was drawn through.
    pub points: u64,
    /// Root mean square of the distances of these pairs from the line, to some 1e-8 of what the line corrects.
    pub residual_rms_ns: f64,
    /// The largest of them, as far as it is known (exact where the line was drawn through samples of the recording; that
    /// of the pairs furthest from the anchor in a full pass).
    pub residual_max_ns: f64,
}

impl ClockFit {
    /// The line of a clock that keeps the nominal rate and is right at tick 0.
    #[must_use]
    pub fn nominal(unix_ns_at_tick_0: i128, rate_hz: f64) -> Self {
        Self { unix_ns_at_tick_0, ns_per_tick: 1e9 / rate_hz, points: 0, residual_rms_ns: 0.0, residual_max_ns: 0.0 }
    }

    /// The wall-clock time of `tick`, nanoseconds since the Unix epoch, to the nearest one.
    #[must_use]
    pub fn unix_ns_of_tick(&self, tick: u64) -> i128 {
        self.unix_ns_at_tick_0 + ns_of_ticks(tick, self.ns_per_tick)
    }

    /// The tick nearest to a wall-clock time, as a number that may be negative and have a fraction.
    #[must_use]
    pub fn ticks_at_unix_ns(&self, unix_ns: i128) -> f64 {
        (unix_ns - self.unix_ns_at_tick_0) as f64 / self.ns_per_tick
    }

    /// How much faster the system clock runs than a sample clock of `rate_hz` says, parts per million.
    #[must_use]
    pub fn drift_ppm(&self, rate_hz: f64) -> f64 {
        // One step from 1, not two roundings of a number near 1e9.
        (self.ns_per_tick - 1e9 / rate_hz) / (1e9 / rate_hz) * 1e6
    }
}

/// `ticks · ns_per_tick` to the nearest nanosecond: whole and broken nanoseconds apart, so that days at a megahertz keep
/// theirs.
fn ns_of_ticks(ticks: u64, ns_per_tick: f64) -> i128 {
    let whole = ns_per_tick.floor();
    let high = (ticks >> 32) as f64 * 4_294_967_296.0;
    let low = (ticks & 0xffff_ffff) as f64;
    let broken = ns_per_tick - whole;
    i128::from(ticks) * whole as i128 + (high * broken + low * broken).round() as i128
}

/// Sums over pairs of tick and system clock, relative to an anchor line.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ClockSums {
    anchor: ClockFit,
    n: i128,
    x: i128,
    y: i128,
    xx: i128,
    xy: i128,
    yy: i128,
    /// The pairs furthest below and above the anchor: tick and difference.
    extremes: Option<[(u64, i64); 2]>,
}

impl ClockSums {
    /// No pairs yet. Sums are merged with others of the same anchor only.
    #[must_use]
    pub fn new(anchor: ClockFit) -> Self {
        Self { anchor, n: 0, x: 0, y: 0, xx: 0, xy: 0, yy: 0, extremes: None }
    }

    /// How far `unix_ns` is from the anchor at `tick`; `None` if it can be no reading of this clock.
    #[must_use]
    pub fn difference(&self, tick: u64, unix_ns: i64) -> Option<i64> {
        let difference = i64::try_from(i128::from(unix_ns) - self.anchor.unix_ns_of_tick(tick)).ok()?;
        (tick < MAX_TICK && difference.abs() <= MAX_DIFFERENCE_NS).then_some(difference)
    }

    /// Takes in a pair, by its [`Self::difference`] from the anchor.
    pub fn add(&mut self, tick: u64, difference_ns: i64) {
        let (x, y) = (i128::from(tick), i128::from(difference_ns));
        self.n += 1;
        self.x += x;
        self.y += y;
        self.xx += x * x;
        self.xy += x * y;
        self.yy += y * y;
        let here = (tick, difference_ns);
        let [low, high] = self.extremes.get_or_insert([here, here]);
        if difference_ns < low.1 {
            *low = here;
        }
        if difference_ns > high.1 {
            *high = here;
        }
    }

    /// Takes in the pairs behind mine.
    pub fn merge(&mut self, later: &Self) {
        debug_assert!(self.anchor == later.anchor);
        self.n += later.n;
        self.x += later.x;
        self.y += later.y;
        self.xx += later.xx;
        self.xy += later.xy;
        self.yy += later.yy;
        if let Some([low, high]) = later.extremes {
            let mine = self.extremes.get_or_insert([low, high]);
            if low.1 < mine[0].1 {
                mine[0] = low;
            }
            if high.1 > mine[1].1 {
                mine[1] = high;
            }
        }
    }

    /// Pairs so far.
    #[must_use]
    pub fn points(&self) -> u64 {
        self.n as u64
    }

    /// The line; `None` with fewer than two pairs at different ticks, or if time would not go forwards on it.
    #[must_use]
    pub fn line(&self) -> Option<ClockFit> {
        if self.n < 2 {
            return None;
        }
        // Around the rounded means, in integers: nothing is lost before the last division.
        let (mx, my) = (self.x.div_euclid(self.n), self.y.div_euclid(self.n));
        let (rx, ry) = ((self.x - mx * self.n) as f64, (self.y - my * self.n) as f64);
        let n = self.n as f64;
        let xx = (self.xx - 2 * mx * self.x + mx * mx * self.n) as f64 - rx * rx / n;
        let xy = (self.xy - mx * self.y - my * self.x + mx * my * self.n) as f64 - rx * ry / n;
        let yy = (self.yy - 2 * my * self.y + my * my * self.n) as f64 - ry * ry / n;
        if xx <= 0.0 {
            return None;
        }
        let slope = xy / xx;
        let intercept = my as f64 + ry / n - slope * (mx as f64 + rx / n);
        let ns_per_tick = self.anchor.ns_per_tick + slope;
        if !(ns_per_tick.is_finite() && ns_per_tick > 0.0) {
            return None;
        }
        let residual = |(tick, y): (u64, i64)| (y as f64 - intercept - slope * tick as f64).abs();
        let residual_max_ns = self.extremes.map_or(0.0, |[low, high]| residual(low).max(residual(high)));
        let mean_square = ((yy - slope * xy) / n).max(0.0);
        Some(ClockFit {
            unix_ns_at_tick_0: self.anchor.unix_ns_at_tick_0 + intercept.round() as i128,
            ns_per_tick,
            points: self.points(),
            residual_rms_ns: mean_square.sqrt(),
            residual_max_ns: residual_max_ns.max(mean_square.sqrt()),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: i64 = 1_700_000_000_000_000_000;

    fn sums(pairs: &[(u64, i64)], rate_hz: f64) -> ClockSums {
        let mut sums = ClockSums::new(ClockFit::nominal(i128::from(START), rate_hz));
        for &(tick, ns) in pairs {
            let difference = sums.difference(tick, ns).unwrap();
            sums.add(tick, difference);
        }
        sums
    }

    proptest! {
        #[test]
        fn a_line_is_found_whatever_the_cut(
            ppm in -200.0..200.0_f64, offset in -1_000_000_i64..1_000_000, cut in 0_usize..100, step in 1_u64..20_000_000,
        ) {
            let rate_hz = 30_000.0;
            let exact = |tick: u64| START + offset + (tick as f64 * 1e9 / rate_hz * (1.0 + ppm * 1e-6)).round() as i64;
            let pairs: Vec<(u64, i64)> = (0..100).map(|i| (i * step, exact(i * step))).collect();
            let whole = sums(&pairs, rate_hz);
            let mut cut_up = sums(&pairs[..cut], rate_hz);
            cut_up.merge(&sums(&pairs[cut..], rate_hz));
            prop_assert_eq!(whole, cut_up);
            let fit = whole.line().unwrap();
            prop_assert!((fit.drift_ppm(rate_hz) - ppm).abs() < 1e6 / (step as f64 * 1000.0), "{:?}", fit);
            for &(tick, ns) in &pairs {
                prop_assert!((fit.unix_ns_of_tick(tick) - i128::from(ns)).abs() <= 2);
            }
            // The residual is a difference of two large sums where the anchor is far away: half the digits are left.
            let limit = 2.0 + 3e-8 * pairs[99].0 as f64 * 1e9 / rate_hz * ppm.abs() * 1e-6;
            prop_assert!(fit.residual_rms_ns < limit && fit.residual_max_ns < limit + 1.0, "{:?}", fit);
        }
    }

    #[test]
    fn jitter_is_averaged_and_told() {
        let pairs: Vec<(u64, i64)> =
            (0..30_000_u64).map(|t| (t, START + (t as i64 * 100_000) / 3 + (t as i64 * 48_271) % 1_000_001)).collect();
        let fit = sums(&pairs, 30_000.0).line().unwrap();
        // A uniform jitter of a millisecond: half of it on average, 1/sqrt(12) of it around that.
        assert!((fit.unix_ns_at_tick_0 - i128::from(START + 500_000)).abs() < 20_000, "{fit:?}");
        assert!((fit.residual_rms_ns - 288_675.0).abs() < 3_000.0 && fit.points == 30_000, "{fit:?}");
        assert!(fit.residual_max_ns > 490_000.0 && fit.residual_max_ns < 520_000.0, "{fit:?}");
    }

    #[test]
    fn what_is_no_line_gives_none() {
        assert_eq!(sums(&[], 1e3).line(), None);
        assert_eq!(sums(&[(5, START)], 1e3).line(), None);
        assert_eq!(sums(&[(5, START), (5, START + 9)], 1e3).line(), None);
        // Time that stands still.
        assert_eq!(sums(&[(0, START), (1000, START)], 1e3).line(), None);
        let empty = sums(&[], 1e3);
        assert_eq!(empty.difference(0, 0), None);
        assert_eq!(empty.difference(u64::MAX, START), None);
        assert_eq!(empty.difference(1000, START + 1_000_000_007), Some(7));
    }
}
