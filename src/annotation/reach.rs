//! How far the annotations of a sorted list reach: an index for what is seen of them, however many and however long.
//!
//! A binary tree over the list holds in each node the latest end of what is below it (the "augmented" interval index of
//! Cormen et al., Introduction to Algorithms, section 14.3, laid out as a heap). Making it costs one pass, a question
//! the logarithm of the list for each answer; one annotation that covers the whole recording costs no more than others.

use std::ops::Range;

/// The index; a leaf for each annotation, in the order of the list.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    leaves: usize,
    /// Node `i` has the children `2i` and `2i + 1`; the leaf of annotation `j` is `leaves + j`.
    latest: Vec<f64>,
}

impl Reach {
    /// Of annotations that end at these times, in the order of the list.
    #[must_use]
    pub fn new(ends: impl ExactSizeIterator<Item = f64>) -> Self {
        let leaves = ends.len().next_power_of_two();
        let mut latest = vec![f64::NEG_INFINITY; 2 * leaves];
        for (leaf, end) in latest[leaves..].iter_mut().zip(ends) {
            *leaf = end;
        }
        for i in (1..leaves).rev() {
            latest[i] = latest[2 * i].max(latest[2 * i + 1]);
        }
        Self { leaves, latest }
    }

    /// Indices in `range` of those that end at or behind `secs`, the last of the list first, at most `most`.
    #[must_use]
    pub fn ending_from(&self, range: Range<usize>, secs: f64, most: usize) -> Vec<usize> {
        let mut found = Vec::new();
        self.visit(1, 0..self.leaves, &range, secs, &mut |i| {
            found.push(i);
            found.len() < most
        });
        found
    }

    /// The index of the one in `range` that ends last.
    #[must_use]
    pub fn last_end(&self, range: Range<usize>) -> Option<usize> {
        let mut best: Option<usize> = None;
        for node in self.nodes(range) {
            if best.is_none_or(|b| self.latest[node] > self.latest[b]) {
                best = Some(node);
            }
        }
        let mut node = best?;
        while node < self.leaves {
            node = if self.latest[2 * node] >= self.latest[node] { 2 * node } else { 2 * node + 1 };
        }
        Some(node - self.leaves)
    }

    /// The few nodes that cover `range` together.
    fn nodes(&self, range: Range<usize>) -> impl Iterator<Item = usize> {
        let (mut from, mut to) = (range.start.min(self.leaves) + self.leaves, range.end.min(self.leaves) + self.leaves);
        let mut nodes = Vec::new();
        while from < to {
            if from % 2 == 1 {
                nodes.push(from);
                from += 1;
            }
            if to % 2 == 1 {
                to -= 1;
                nodes.push(to);
            }
            (from, to) = (from / 2, to / 2);
        }
        nodes.into_iter()
    }

    /// Calls `found` for the leaves below `node`, which stands for `leaves`, from behind; returns whether to go on.
    fn visit(
        &self,
        node: usize,
        leaves: Range<usize>,
        range: &Range<usize>,
        secs: f64,
        found: &mut impl FnMut(usize) -> bool,
    ) -> bool {
        #[cfg(test)]
        LOOKED_AT.with(|n| n.set(n.get() + 1));
        let outside = leaves.end <= range.start || leaves.start >= range.end;
        if outside || self.latest.get(node).is_none_or(|&end| end < secs) {
            return true;
        }
        if node >= self.leaves {
            return found(leaves.start);
        }
        let middle = leaves.start.midpoint(leaves.end);
        self.visit(2 * node + 1, middle..leaves.end, range, secs, found)
            && self.visit(2 * node, leaves.start..middle, range, secs, found)
    }
}

#[cfg(test)]
thread_local! {
    static LOOKED_AT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_that_covers_everything_costs_no_more_than_others() {
        // One that is as long as all, and a hundred thousand short ones behind it.
        let n = 100_000;
        let ends = std::iter::once(1e9).chain((1..n).map(|i| i as f64 + 0.5)).collect::<Vec<_>>();
        let reach = Reach::new(ends.into_iter());
        LOOKED_AT.with(|count| count.set(0));
        let found = reach.ending_from(0..n / 2, 50_001.0, 100);
        assert_eq!(found, [0]);
        let looked_at = LOOKED_AT.with(std::cell::Cell::get);
        assert!(looked_at < 200, "{looked_at} nodes for one answer");
        assert_eq!(reach.last_end(1..n), Some(n - 1));
        assert_eq!(reach.last_end(0..n), Some(0));
        assert_eq!(Reach::new(std::iter::empty()).ending_from(0..5, 0.0, 9), [0_usize; 0]);
        assert_eq!(Reach::default().last_end(0..5), None);
    }

    proptest! {
        #[test]
        fn answers_are_those_of_looking_at_all(ends in prop::collection::vec(-9.0_f64..9.0, 0..70),
            a in 0_usize..80, b in 0_usize..80, secs in -10.0_f64..10.0, most in 1_usize..80) {
            let reach = Reach::new(ends.iter().copied());
            let inside = |i: &usize| (a..b).contains(i);
            let mut all: Vec<usize> = (0..ends.len()).filter(inside).filter(|&i| ends[i] >= secs).rev().collect();
            all.truncate(most);
            prop_assert_eq!(reach.ending_from(a..b, secs, most), all);
            let last = reach.last_end(a..b.min(ends.len()));
            let latest = (0..ends.len()).filter(inside).map(|i| ends[i]).fold(f64::NEG_INFINITY, f64::max);
            prop_assert_eq!(last.map_or(f64::NEG_INFINITY, |i| ends[i]), latest);
        }
    }
}
