//! The peaks of spectra that are marked on their curves, and which curves are the edges of a band around another.

use crate::analysis::{Curves, peaks_of};

/// Marks on a plot; more would hide the curves.
const MAX_MARKS: usize = 8;
/// How far a peak stands out that is marked, dB.
const LEAST_PROMINENCE: f64 = 10.0;
/// Values that are searched; the rest of a very large result is left unmarked rather than the window held up.
const MAX_VALUES: usize = 500_000;

/// A peak to be marked.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Mark {
    /// The curve it is on.
    pub(super) series: usize,
    /// On the axis, between its points.
    pub(super) x: f64,
    /// Its height, in the unit of the curve.
    pub(super) y: f64,
}

/// Whether peaks are worth marking: on curves of powers over frequency.
pub(super) fn has_peaks(curves: &Curves) -> bool {
    curves.log_y && curves.x_key.starts_with("frequency") && curves.x.len() > 2
}

/// The peaks that stand out most of all curves together, edges of bands aside.
pub(super) fn marks(curves: &Curves) -> Vec<Mark> {
    let &[first, second, ..] = &curves.x[..] else { return vec![] };
    let mut left = MAX_VALUES;
    let mut found = vec![];
    for (series, (_, values)) in curves.series.iter().enumerate() {
        if values.len() > left {
            break;
        }
        if parent(curves, series).is_some() {
            continue;
        }
        left -= values.len();
        for peak in peaks_of(values, MAX_MARKS, LEAST_PROMINENCE) {
            found.push((peak.prominence_db, Mark { series, x: first + peak.place * (second - first), y: peak.power }));
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.truncate(MAX_MARKS);
    found.into_iter().map(|(_, mark)| mark).collect()
}

/// The curve that `series` is an edge of the band of: `NAME low` and `NAME high` stand behind all `NAME`s.
pub(super) fn parent(curves: &Curves, series: usize) -> Option<usize> {
    let name = &curves.series.get(series)?.0;
    let of = name.strip_suffix(" low").or_else(|| name.strip_suffix(" high"))?;
    // Two thirds of the curves are edges then, in pairs, in the order of the channels.
    let channels = curves.series.len().is_multiple_of(3).then_some(curves.series.len() / 3)?;
    let i = series.checked_sub(channels)? / 2;
    (curves.series.get(i)?.0 == of).then_some(i)
}

#[cfg(test)]
mod tests {
    use super::super::result_view::tests::curves;
    use super::*;

    #[test]
    fn the_strongest_peaks_are_marked() {
        let curves = curves(2, 300);
        let marks = marks(&curves);
        assert_eq!(marks.len(), 2, "{marks:?}");
        for mark in &marks {
            // The test curves have their peak at a third of the axis, which goes in halves.
            assert!((mark.x - 0.5 * (100 + mark.series) as f64).abs() < 0.5, "{mark:?}");
        }
        assert!(has_peaks(&curves) && !has_peaks(&Curves { log_y: false, ..curves.clone() }));
        assert!(super::marks(&Curves::default()).is_empty());
    }

    #[test]
    fn edges_of_bands_belong_to_their_curve() {
        let mut curves = curves(2, 30);
        let edges = ["ch 0 low", "ch 0 high", "ch 1 low", "ch 1 high"];
        curves.series.extend(edges.map(|name| (name.to_owned(), vec![1.0; 30])));
        let parents: Vec<_> = (0..6).map(|i| parent(&curves, i)).collect();
        assert_eq!(parents, [None, None, Some(0), Some(0), Some(1), Some(1)]);
        curves.series.truncate(2);
        curves.series[1].0 = "ch 0 low".to_owned();
        assert_eq!(parent(&curves, 1), None, "a channel may be called so");
    }
}
