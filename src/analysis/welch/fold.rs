//! What becomes of the spectra of the windows: their sum, the greatest or least of each frequency, or each handed on.

use realfft::num_complex::Complex;

use super::windows::{Line, Values, add, add_powers, hold, hold_low, weigh};
use super::{Welch, Workspace, transform};
use crate::error::Result;
use crate::scan::{Accumulator, Chunk, ChunkView, Overlap};

/// What becomes of the spectra of the windows.
#[derive(Clone, Copy)]
pub(in crate::analysis) enum Fold<'a> {
    Sum,
    Max,
    Min,
    /// Each is handed on, from several threads, as channel (its place in the selection) and powers.
    Each(&'a (dyn Fn(usize, &[f64]) + Sync)),
}

/// What came of a pass. Powers are |X|², one-sided but not doubled, without any scaling.
#[derive(Clone, Debug, Default)]
pub(in crate::analysis) struct Folded {
    /// `channel · bins + bin`; empty for [`Fold::Each`].
    pub(in crate::analysis) powers: Vec<f64>,
    /// For each channel: windows taken in.
    pub(in crate::analysis) windows: Vec<u64>,
    /// For each channel: windows with a NaN or an infinity.
    pub(in crate::analysis) irregular: Vec<u64>,
    /// Windows that cross a gap.
    pub(in crate::analysis) skipped: u64,
}

impl Welch<'_> {
    /// One pass over the selection; `observe` sees the merged result so far.
    pub(in crate::analysis) fn pass(&self, fold: Fold<'_>, observe: &mut dyn FnMut(&Folded)) -> Result<Folded> {
        let channels = self.selection.channels.len();
        let new = || Partial {
            welch: self,
            fold,
            folded: Folded {
                powers: match fold {
                    Fold::Sum | Fold::Max => vec![0.0; channels * self.bins()],
                    Fold::Min => vec![f64::INFINITY; channels * self.bins()],
                    Fold::Each(_) => vec![],
                },
                windows: vec![0; channels],
                irregular: vec![0; channels],
                skipped: 0,
            },
        };
        self.scan(new, &mut |p: &Partial<'_, '_>| observe(&p.folded))
    }
}

struct Partial<'w, 'f> {
    welch: &'w Welch<'w>,
    fold: Fold<'f>,
    folded: Folded,
}

impl Accumulator for Partial<'_, '_> {
    type Output = Folded;

    fn overlap(&self) -> Overlap {
        self.welch.overlap()
    }

    fn update(&mut self, chunk: &Chunk, view: &mut ChunkView<'_>) -> Result<()> {
        let welch = self.welch;
        let (starts, skipped) = welch.windows_in(chunk);
        self.folded.skipped = skipped;
        if starts.is_empty() {
            return Ok(());
        }
        let values = Welch::values(view)?;
        let places: Vec<usize> = starts.iter().map(|s| (s - chunk.read.start) as usize).collect();
        let mut space = welch.workspace();
        if let (Fold::Sum, Some(fft)) = (self.fold, welch.lane_fft()) {
            welch.sum_in_lanes(fft, values, &places, &mut space.lanes, &mut self.folded)?;
            welch.put_back(space);
            return Ok(());
        }
        for c in 0..welch.selection.channels.len() {
            match self.fold {
                Fold::Sum => self.sum(values, c, &places, &mut space)?,
                Fold::Max | Fold::Min | Fold::Each(_) => self.each(values, c, &places, &mut space)?,
            }
        }
        welch.put_back(space);
        Ok(())
    }

    fn merge(&mut self, later: Self) {
        match self.fold {
            Fold::Sum => add(&mut self.folded.powers, &later.folded.powers),
            Fold::Max => hold(&mut self.folded.powers, &later.folded.powers),
            Fold::Min => hold_low(&mut self.folded.powers, &later.folded.powers),
            Fold::Each(_) => {}
        }
        for (mine, theirs) in self.folded.windows.iter_mut().zip(&later.folded.windows) {
            *mine += theirs;
        }
        for (mine, theirs) in self.folded.irregular.iter_mut().zip(&later.folded.irregular) {
            *mine += theirs;
        }
        self.folded.skipped += later.folded.skipped;
    }

    fn finish(self) -> Folded {
        self.folded
    }
}

impl Partial<'_, '_> {
    /// Adds up the powers of all windows of channel `c`, two at a time.
    fn sum(&mut self, values: Values<'_>, c: usize, places: &[usize], space: &mut Workspace) -> Result<()> {
        let welch = self.welch;
        let n = welch.window;
        let pair = welch.pair();
        space.scratch.resize(pair.get_inplace_scratch_len(), Complex::default());
        space.powers.fill(0.0);
        let mut half = None;
        for &place in places {
            welch.go_on()?;
            let into = if half.is_none() { &mut space.first } else { &mut space.second };
            let Some(line) = welch.load(values, c, place, into) else {
                self.folded.irregular[c] += 1;
                continue;
            };
            self.folded.windows[c] += 1;
            match half.take() {
                None => half = Some(line),
                Some(first_line) => welch.add_pair(space, first_line, line),
            }
        }
        if let Some(line) = half {
            space.second.fill(0.0);
            welch.add_pair(space, line, Line::default());
        }
        let bins = welch.bins();
        let sums = &mut self.folded.powers[c * bins..(c + 1) * bins];
        sums[0] += space.powers[0];
        // The two windows of a pair share the bins k and n − k.
        for (k, sum) in sums.iter_mut().enumerate().skip(1) {
            *sum += 0.5 * (space.powers[k] + space.powers[n - k]);
        }
        Ok(())
    }

    /// Makes the powers of each window of channel `c` and folds them.
    fn each(&mut self, values: Values<'_>, c: usize, places: &[usize], space: &mut Workspace) -> Result<()> {
        let welch = self.welch;
        let bins = welch.bins();
        let single = welch.single();
        space.scratch.resize(single.get_scratch_len(), Complex::default());
        for &place in places {
            welch.go_on()?;
            let Some(line) = welch.load(values, c, place, &mut space.first) else {
                self.folded.irregular[c] += 1;
                continue;
            };
            self.folded.windows[c] += 1;
            space.powers[..bins].fill(0.0);
            for taper in &welch.tapers {
                weigh(&space.first, line, taper, &mut space.second);
                let spectrum = &mut space.complex[..bins];
                transform(single.as_ref(), &mut space.second, spectrum, &mut space.scratch)?;
                add_powers(spectrum, &mut space.powers[..bins]);
            }
            let powers = &space.powers[..bins];
            let kept = &mut self.folded.powers;
            match self.fold {
                Fold::Sum => {}
                Fold::Max => hold(&mut kept[c * bins..(c + 1) * bins], powers),
                Fold::Min => hold_low(&mut kept[c * bins..(c + 1) * bins], powers),
                Fold::Each(take) => take(c, powers),
            }
        }
        Ok(())
    }
}
