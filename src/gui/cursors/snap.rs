//! What a cursor snaps to: the highest and lowest sample near it, and edges.
//!
//! An edge is where the signal goes through the middle between the lowest and the highest sample that are near, stays on
//! either side of it for a fifth of what is looked at, and takes no longer than that from a tenth to nine tenths of the
//! height (the rise time of IEC 60469): a slow slope has no place to snap to, and a spike is no edge. An extreme falls by
//! a tenth of the height on both sides: the noise on top of a pulse is none. Of all candidates the one nearest to the
//! pointer is taken. What is not a number is passed over, and nothing is an edge across a gap.

/// What is at a place that was snapped to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Feature {
    Highest,
    Lowest,
    Edge,
}

impl Feature {
    /// For people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Highest => "maximum",
            Self::Lowest => "minimum",
            Self::Edge => "edge",
        }
    }
}

/// An edge is over after this share of what is looked at.
const STEEP: usize = 5;
/// Its beginning and end, as shares of the height.
const LOW: f64 = 0.1;
const HIGH: f64 = 0.9;

/// Where to snap to: an index into `values`, and what is there. `at` is the index under the pointer; `pieces` are the
/// stretches without a gap, in order.
#[must_use]
pub fn nearest(values: &[f64], pieces: &[std::ops::Range<usize>], at: usize) -> Option<(usize, Feature)> {
    let finite = || values.iter().copied().enumerate().filter(|(_, v)| v.is_finite());
    let lowest = finite().min_by(|a, b| a.1.total_cmp(&b.1))?;
    let highest = finite().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
    let height = highest.1 - lowest.1;
    if height <= 0.0 || !height.is_finite() {
        return None;
    }
    // At the border of what is looked at the signal goes on: what is highest there is no extreme.
    let stands_out = |i: usize| {
        let far = |v: &f64| (v - values[i]).abs() >= LOW * height;
        values[..i].iter().any(far) && values[i + 1..].iter().any(far)
    };
    let extremes = [(highest.0, Feature::Highest), (lowest.0, Feature::Lowest)].into_iter().filter(|e| stands_out(e.0));
    let mut best: Option<(usize, Feature)> = None;
    let mut offer = |candidate: (usize, Feature)| {
        if best.is_none_or(|(i, _)| candidate.0.abs_diff(at) < i.abs_diff(at)) {
            best = Some(candidate);
        }
    };
    edges(values, pieces, lowest.1, height).for_each(|i| offer((i, Feature::Edge)));
    extremes.for_each(&mut offer);
    best
}

/// The first samples behind the middle of edges.
fn edges<'a>(
    values: &'a [f64],
    pieces: &'a [std::ops::Range<usize>],
    lowest: f64,
    height: f64,
) -> impl Iterator<Item = usize> + 'a {
    let longest = (values.len() / STEEP).max(1);
    let share = move |i: usize| (values[i] - lowest) / height;
    pieces.iter().flat_map(move |piece| {
        let piece = piece.start.min(values.len())..piece.end.min(values.len());
        (piece.start + 1..piece.end).filter(move |&i| {
            let (before, behind) = (share(i - 1), share(i));
            let rises = before < 0.5 && behind >= 0.5;
            let falls = before >= 0.5 && behind < 0.5;
            if !(rises || falls) {
                return false;
            }
            // From the foot to the head, whichever way it goes.
            let foot = |s: f64| if rises { s <= LOW } else { s >= HIGH };
            let head = |s: f64| if rises { s >= HIGH } else { s <= LOW };
            let from = (piece.start..i).rev().take(longest).position(|j| foot(share(j)));
            let to = (i..piece.end).take(longest).position(|j| head(share(j)));
            let stays = |range: std::ops::Range<usize>, above: bool| {
                range.into_iter().all(|j| {
                    let s = share(j);
                    if above { s >= 0.5 } else { s < 0.5 }
                })
            };
            matches!((from, to), (Some(a), Some(b)) if a + b < longest)
                && stays(i.saturating_sub(longest).max(piece.start)..i, falls)
                && stays(i..(i + longest).min(piece.end), rises)
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(values: &[f64]) -> Vec<std::ops::Range<usize>> {
        std::iter::once(0..values.len()).collect()
    }

    #[test]
    fn a_spike_an_edge_and_a_slope() {
        let mut spike = vec![0.0; 40];
        (spike[19], spike[20], spike[21]) = (4.0, 9.0, 3.0);
        assert_eq!(nearest(&spike, &all(&spike), 20), Some((20, Feature::Highest)));
        let pulse: Vec<f64> = (0..40).map(|i| if (12..30).contains(&i) { 5.0 } else { 0.0 }).collect();
        assert_eq!(nearest(&pulse, &all(&pulse), 14), Some((12, Feature::Edge)));
        assert_eq!(nearest(&pulse, &all(&pulse), 28), Some((30, Feature::Edge)));
        let slope: Vec<f64> = (0..40).map(f64::from).collect();
        assert_eq!(nearest(&slope, &all(&slope), 20), None, "there is nothing on a slope");
        assert_eq!(nearest(&[1.0; 9], &all(&[1.0; 9]), 4), None);
        assert_eq!(nearest(&[f64::NAN; 9], &all(&[f64::NAN; 9]), 4), None);
        assert_eq!(nearest(&[], &[], 0), None);
    }

    #[test]
    fn an_edge_may_take_a_few_samples_but_no_gap() {
        let rise: Vec<f64> = (0..50).map(|i| f64::from((i - 20).clamp(0, 4)) / 4.0).collect();
        assert_eq!(nearest(&rise, &all(&rise), 25), Some((22, Feature::Edge)));
        let step: Vec<f64> = (0..50).map(|i| f64::from(u8::from(i >= 25))).collect();
        assert_eq!(nearest(&step, &[0..25, 25..50], 25), None, "the levels lie on either side of a gap");
    }

    proptest! {
        #[test]
        fn what_is_found_is_there(values in prop::collection::vec(prop_oneof![9 => -9.0_f64..9.0, 1 => Just(f64::NAN)], 0..80),
            at in 0_usize..90, cut in 0_usize..90) {
            let cut = cut.min(values.len());
            if let Some((i, feature)) = nearest(&values, &[0..cut, cut..values.len()], at) {
                prop_assert!(i < values.len());
                let others = values.iter().copied().filter(|v| v.is_finite());
                match feature {
                    Feature::Highest => prop_assert!(others.fold(f64::NEG_INFINITY, f64::max) == values[i]),
                    Feature::Lowest => prop_assert!(others.fold(f64::INFINITY, f64::min) == values[i]),
                    Feature::Edge => prop_assert!(i != cut && i > 0 && values[i - 1] != values[i]),
                }
            }
        }
    }
}
