//! What is known of when nothing was said: stretches of frames, merged as they become known.
//!
//! The value of a held sensor is that of its last update, however far back. Looking for it goes backwards through the
//! file; what was looked through and held no update is a *silent* stretch, and is never looked through again: the next
//! look jumps to its beginning. Stretches that touch become one, so that a sensor that is switched off costs one pass
//! over the file in all, and one entry here. Only stretches that are worth a jump are kept.

use std::collections::BTreeMap;

/// Shorter stretches are found again as fast as they are looked up.
const MIN_FRAMES: u64 = 1 << 12;
/// Stretches that are kept of all together (some 6 MiB); then all are forgotten.
const MAX_STRETCHES: usize = 1 << 17;

/// The silent stretches of several sources of updates.
#[derive(Debug, Default)]
pub(super) struct Silence {
    /// For each source: where stretches begin → where they end (one past the last silent frame). They never touch.
    stretches: Vec<BTreeMap<u64, u64>>,
    number: usize,
}

impl Silence {
    /// Nothing known of `sources` of updates.
    pub(super) fn new(sources: usize) -> Self {
        Self { stretches: vec![BTreeMap::new(); sources], number: 0 }
    }

    /// The first frame from which on, up to `frame`, nothing is known to have been said; `frame` if nothing is known.
    pub(super) fn since(&self, source: usize, frame: u64) -> u64 {
        let before = self.stretches[source].range(..frame).next_back();
        before.filter(|(_, end)| **end >= frame).map_or(frame, |(start, _)| *start)
    }

    /// Takes in that `source` said nothing from frame `start` until before `end`.
    pub(super) fn add(&mut self, source: usize, start: u64, end: u64) {
        let stretches = &mut self.stretches[source];
        let (mut start, mut end) = (start, end);
        // Everything that it overlaps or touches becomes part of it.
        while let Some((&s, &e)) = stretches.range(..=end).next_back().filter(|(_, e)| **e >= start) {
            stretches.remove(&s);
            self.number -= 1;
            (start, end) = (start.min(s), end.max(e));
        }
        if end.saturating_sub(start) < MIN_FRAMES {
            return;
        }
        if self.number >= MAX_STRETCHES {
            self.stretches.iter_mut().for_each(BTreeMap::clear);
            self.number = 0;
        }
        self.stretches[source].insert(start, end);
        self.number += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn known_silence_is_true_and_is_not_forgotten(
            adds in prop::collection::vec((0_u64..40, 1_u64..20), 1..20),
            asked in 0_u64..60,
        ) {
            // In units that are worth keeping.
            let mut silence = Silence::new(2);
            let mut silent = [false; 64];
            for &(start, len) in &adds {
                silence.add(1, start * MIN_FRAMES, (start + len) * MIN_FRAMES);
                silent[start as usize..(start + len) as usize].fill(true);
            }
            let mut since = asked;
            while since > 0 && silent[since as usize - 1] {
                since -= 1;
            }
            prop_assert_eq!(silence.since(1, asked * MIN_FRAMES), since * MIN_FRAMES);
            prop_assert_eq!(silence.since(0, asked * MIN_FRAMES), asked * MIN_FRAMES);
            let runs = silent.windows(2).filter(|w| w[0] != w[1]).count().div_ceil(2);
            prop_assert!(silence.number <= runs + 1);
            prop_assert_eq!(silence.number, silence.stretches[1].len());
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut silence = Silence::new(3);
        for i in 0..MAX_STRETCHES as u64 + 10 {
            silence.add((i % 3) as usize, i * 3 * MIN_FRAMES, (i * 3 + 1) * MIN_FRAMES);
        }
        assert!(silence.number <= MAX_STRETCHES);
        // Too short to be worth it.
        let before = silence.number;
        silence.add(0, 1, 2);
        assert_eq!(silence.number, before);
    }
}
