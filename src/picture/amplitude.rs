//! How high a trace is drawn: so that most of it fills its lane, and single artefacts do not flatten the rest.

use crate::summary::MinMax;

/// The share of the columns whose extremes fit into the lane.
const COVERED: f64 = 0.9;
/// What does not fit reaches over the neighbours' lanes, but over no more than so many half-lanes.
const REACH: f64 = 20.0;
/// With fewer columns than this, all of them fit.
const FEW: usize = 32;

/// The middle of the lane and half of what it shows, in the unit of `values`; `None` if there is no finite value. A
/// constant has half-range zero. With a single one of `lanes` there is nowhere to reach, and everything fits.
#[must_use]
pub fn fit(values: impl Iterator<Item = MinMax> + Clone, lanes: usize) -> Option<(f64, f64)> {
    let drawn = values.filter(|v| !v.is_empty() && v.min.is_finite() && v.max.is_finite());
    let mut middles: Vec<f64> = drawn.clone().map(|v| f64::midpoint(v.min, v.max)).collect();
    if middles.len() < FEW || lanes < 2 {
        let all = drawn.fold(MinMax::EMPTY, MinMax::union);
        return (!all.is_empty()).then(|| (f64::midpoint(all.min, all.max), all.max / 2.0 - all.min / 2.0));
    }
    let middle = quantile(&mut middles, 0.5);
    let mut reaches: Vec<f64> = drawn.map(|v| (v.max - middle).max(middle - v.min)).collect();
    let furthest = reaches.iter().copied().fold(0.0, f64::max);
    Some((middle, quantile(&mut reaches, COVERED).max(furthest / REACH.min(lanes as f64))))
}

/// The value below which the share `q` of `values` (not empty) lies.
#[must_use]
pub fn quantile(values: &mut [f64], q: f64) -> f64 {
    let last = values.len().saturating_sub(1);
    *values.select_nth_unstable_by((last as f64 * q).round() as usize, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(n: usize, half: f64) -> Vec<MinMax> {
        vec![MinMax { min: 5.0 - half, max: 5.0 + half }; n]
    }

    #[test]
    fn artefacts_do_not_flatten_the_rest() {
        assert_eq!(fit(std::iter::empty(), 16), None);
        assert_eq!(fit(vec![MinMax::EMPTY; 100].into_iter(), 16), None);
        assert_eq!(fit(flat(1, 0.0).into_iter(), 16), Some((5.0, 0.0)));
        assert_eq!(fit(flat(1000, 2.0).into_iter(), 16), Some((5.0, 2.0)));
        let mut values = flat(1000, 2.0);
        values[500].max = 5.0 + 8.0;
        assert_eq!(fit(values.clone().into_iter(), 16), Some((5.0, 2.0)));
        values[500].max = 5.0 + 160.0;
        assert_eq!(fit(values.into_iter(), 16), Some((5.0, 10.0)));
        // Alone, all of it fits.
        let mut values = flat(1000, 2.0);
        values[500].max = 5.0 + 60.0;
        assert_eq!(fit(values.into_iter(), 1), Some((34.0, 31.0)));
        // Few columns all fit, whatever they are.
        let few = [MinMax { min: 0.0, max: 1.0 }, MinMax { min: 0.0, max: 9.0 }];
        assert_eq!(fit(few.into_iter(), 16), Some((4.5, 4.5)));
    }
}
