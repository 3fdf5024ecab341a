//! Runs of frames for which something is true, found piece by piece: a mergeable summary of a sequence of bits.

/// What is known of a sequence of bits: how many are set, and in which runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Runs {
    /// Bits in all.
    pub len: u64,
    /// Set bits.
    pub set: u64,
    /// Runs of at least two set bits.
    pub runs: u64,
    /// The longest run of set bits.
    pub longest: u64,
    /// Where it begins (the first of equals), from the first bit.
    pub longest_at: u64,
    /// Where the first run of at least two begins.
    pub first_at: Option<u64>,
    /// Set bits at the start, before the first that is not.
    pub lead: u64,
    /// Set bits at the end, behind the last that is not.
    pub trail: u64,
}

impl Runs {
    /// `len` bits of which none is set.
    pub(super) fn none(len: u64) -> Self {
        Self { len, ..Self::default() }
    }

    /// `len` bits of which all are set.
    pub(super) fn all(len: u64) -> Self {
        let run = len >= 2;
        Self {
            len,
            set: len,
            runs: u64::from(run),
            longest: len,
            longest_at: 0,
            first_at: run.then_some(0),
            lead: len,
            trail: len,
        }
    }

    /// Of `bits`, one by one.
    pub(super) fn of(bits: impl Iterator<Item = bool>) -> Self {
        let (mut all, mut run) = (Self::default(), 0);
        for bit in bits {
            if bit {
                run += 1;
                continue;
            }
            all.append(&Self::all(run));
            all.append(&Self::none(1));
            run = 0;
        }
        all.append(&Self::all(run));
        all
    }

    /// Puts `later` behind.
    pub(super) fn append(&mut self, later: &Self) {
        if later.len == 0 {
            return;
        }
        let joined = if self.trail > 0 && later.lead > 0 { self.trail + later.lead } else { 0 };
        let joined_at = self.len - self.trail;
        self.runs += later.runs;
        if joined > 0 {
            // One run where two were counted, or none.
            self.runs = self.runs + 1 - u64::from(self.trail >= 2) - u64::from(later.lead >= 2);
            self.first_at = self.first_at.or(Some(joined_at));
        }
        self.first_at = self.first_at.or(later.first_at.map(|at| at + self.len));
        for (longest, at) in [(joined, joined_at), (later.longest, self.len + later.longest_at)] {
            if longest > self.longest {
                (self.longest, self.longest_at) = (longest, at);
            }
        }
        if self.lead == self.len {
            self.lead += later.lead;
        }
        self.trail = if later.trail == later.len { self.trail + later.len } else { later.trail };
        self.set += later.set;
        self.len += later.len;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_cut_gives_what_counting_gives(
            bits in prop::collection::vec(prop::bool::weighted(0.7), 0..80),
            cuts in prop::collection::vec(0_usize..80, 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(bits.len())).chain([0, bits.len()]).collect();
            cuts.sort_unstable();
            let mut all = Runs::default();
            for w in cuts.windows(2) {
                all.append(&Runs::of(bits[w[0]..w[1]].iter().copied()));
            }
            let mut runs: Vec<(usize, usize)> = Vec::new();
            for (i, &bit) in bits.iter().enumerate() {
                match runs.last_mut() {
                    Some((at, len)) if bit && *at + *len == i => *len += 1,
                    _ if bit => runs.push((i, 1)),
                    _ => {}
                }
            }
            let longest = runs.iter().map(|r| r.1).max().unwrap_or(0);
            prop_assert_eq!(all.len, bits.len() as u64);
            prop_assert_eq!(all.set, bits.iter().filter(|&&b| b).count() as u64);
            prop_assert_eq!(all.runs, runs.iter().filter(|r| r.1 >= 2).count() as u64);
            prop_assert_eq!(all.first_at, runs.iter().find(|r| r.1 >= 2).map(|r| r.0 as u64));
            prop_assert_eq!(all.longest, longest as u64);
            if longest > 0 {
                prop_assert_eq!(Some(all.longest_at), runs.iter().find(|r| r.1 == longest).map(|r| r.0 as u64));
            }
        }
    }
}
