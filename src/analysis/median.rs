//! The exact median over the windows, bin by bin, in bounded memory.
//!
//! Powers are not negative, so that their order is the order of their bits as integers. As long as the powers of all
//! windows do not fit into memory, passes over the recording count, for every bin, how many powers fall into each of
//! many equal stretches of a bracket (at first: all numbers), and the stretch with the middle one becomes the next
//! bracket; this is a radix selection. The last pass collects what lies in the brackets, and the middle values are read
//! off. Counting and collecting commute, so that threads and chunks do not matter.
//!
//! While it works, it shows what is known: after counting, the middle of the stretch that the median is in, by the counts
//! so far; while the powers of all windows are collected, the median of those there are.
//!
//! Cost: one pass if the powers fit, else typically three (two of counting with 4096 stretches each); a pass transforms
//! every window again. Memory: [`share`] of the budget, at most.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::welch::{Fold, Folded, Welch};
use crate::budget::MemoryBudget;
use crate::error::{Error, ErrorKind, Result};
use crate::task::Task;

/// Never more than this, whatever the budget: enough for four channels of 4097 bins to be done in three passes.
const MOST_BYTES: u64 = 96 << 20;
/// Stretches of a bracket.
const MOST_STRETCHES: u64 = 4096;
const LEAST_STRETCHES: u64 = 16;
/// Values that a median which is only shown is made of.
const MOST_SHOWN: usize = 255;
/// Bytes that a bin occupies besides counts or values: its bracket, and where its values are.
const CELL_BYTES: u64 = 48;
/// One past the bits of infinity.
const END_BITS: u64 = f64::INFINITY.to_bits() + 1;

/// The place of a power in the order. Where squares overflow, the transform may make of them what is no number: that is
/// as much as infinity, so that every window has a place.
fn place(power: f64) -> u64 {
    if power.is_nan() { END_BITS - 1 } else { power.to_bits() }
}

/// What selecting may use: a third of what is free.
fn share(budget: &MemoryBudget) -> u64 {
    (budget.free() / 3).min(MOST_BYTES)
}

/// Where the middle power of a bin is: `low ≤ bits < high`.
#[derive(Clone, Copy, Debug)]
struct Bracket {
    low: u64,
    high: u64,
    /// Powers below `low`.
    below: u64,
    /// Powers inside, at most.
    inside: u64,
}

impl Bracket {
    /// Powers that have to be kept to know the middle one.
    fn kept(&self) -> u64 {
        if self.high - self.low == 1 { 0 } else { self.inside }
    }

    /// What is known of the middle power.
    fn middle(&self) -> f64 {
        f64::from_bits(self.low + (self.high - 1 - self.low) / 2)
    }

    /// Bits to drop from a place in the bracket to get the number of its stretch, of `stretches`.
    fn shift(&self, stretches: u64) -> u32 {
        let bits = u64::BITS - (self.high - self.low - 1).leading_zeros();
        bits.saturating_sub(stretches.ilog2())
    }
}

/// When it is worth showing what is known. That costs up to as much as a pass over the counts or values, so that it is
/// done a few times a second, and takes a tenth of the time at most.
struct ShowClock {
    last: Instant,
    pause: Duration,
}

impl ShowClock {
    /// The tests want to see everything.
    const LEAST: Duration = Duration::from_millis(if cfg!(test) { 0 } else { 250 });

    fn new() -> Self {
        Self { last: Instant::now(), pause: Self::LEAST }
    }

    fn if_due(&mut self, work: impl FnOnce()) {
        if self.last.elapsed() < self.pause {
            return;
        }
        let started = Instant::now();
        work();
        self.last = Instant::now();
        self.pause = (10 * started.elapsed()).max(Self::LEAST);
        if cfg!(test) {
            self.pause = Self::LEAST;
        }
    }
}

/// The median of |X|² for every channel and bin, and the counts of the windows. Powers are in [`Folded::powers`].
/// `show` sees what is known so far, now and then.
///
/// # Errors
/// [`ErrorKind::OutOfBudget`] if not even the coarsest counting fits; else what reading fails with.
pub(super) fn median(welch: &Welch<'_>, channels: usize, task: &Task, show: &mut dyn FnMut(&Folded)) -> Result<Folded> {
    let bins = welch.bins();
    let cells = channels * bins;
    let room = share(task.budget()).saturating_sub(cells as u64 * CELL_BYTES);
    let fitting = room / (cells as u64 * 4).max(1);
    let stretches = if fitting == 0 { 0 } else { (1 << fitting.ilog2()).min(MOST_STRETCHES) };
    let mut brackets = vec![Bracket { low: 0, high: END_BITS, below: 0, inside: welch.windows() }; cells];
    let fits = |brackets: &[Bracket]| brackets.iter().map(Bracket::kept).sum::<u64>().saturating_mul(8) <= room;
    if stretches < LEAST_STRETCHES && !fits(&brackets) {
        let need = cells as u64 * (CELL_BYTES + 4 * LEAST_STRETCHES);
        return Err(Error::new(ErrorKind::OutOfBudget { need, free: share(task.budget()) })
            .with_remedy("raise the memory limit (--memory-limit), select fewer channels, or average by mean"));
    }
    let _memory = task.budget().reserve(room + cells as u64 * CELL_BYTES)?;
    // Some 24 leading bits set a power apart from most others.
    let expected = if fits(&brackets) { 1 } else { 1 + 24_u64.div_ceil(u64::from(stretches.ilog2())) };
    let mut passes = 0;
    task.set_total(expected * welch.pass_bytes());
    while !fits(&brackets) {
        narrow(welch, bins, stretches, &mut brackets, show)?;
        passes += 1;
        task.set_total(expected.max(passes + 1) * welch.pass_bytes());
    }
    task.set_total((passes + 1) * welch.pass_bytes());
    collect(welch, bins, &brackets, show)
}

/// One pass that counts, and the narrower brackets that follow from it.
fn narrow(
    welch: &Welch<'_>,
    bins: usize,
    stretches: u64,
    brackets: &mut [Bracket],
    show: &mut dyn FnMut(&Folded),
) -> Result<()> {
    let counts: Vec<AtomicU32> = (0..brackets.len() * stretches as usize).map(|_| AtomicU32::new(0)).collect();
    let count = |channel: usize, powers: &[f64]| {
        for (bin, power) in powers.iter().enumerate() {
            let cell = channel * bins + bin;
            let bracket = &brackets[cell];
            let bits = place(*power);
            if (bracket.low..bracket.high).contains(&bits) {
                let stretch = (bits - bracket.low) >> bracket.shift(stretches);
                counts[cell * stretches as usize + stretch as usize].fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    let mut clock = ShowClock::new();
    let is_first = brackets.iter().all(|b| b.high - b.low == END_BITS);
    let folded = welch.pass(Fold::Each(&count), &mut |so_far| {
        clock.if_due(|| {
            let known = |(cell, bracket): (usize, &Bracket)| {
                let counts = &counts[cell * stretches as usize..(cell + 1) * stretches as usize];
                // What a later pass has counted of its stretches says little before its end: only the first one is shown.
                if is_first { middle_stretch(bracket, counts, stretches).middle() } else { bracket.middle() }
            };
            let powers = brackets.iter().enumerate().map(known).collect();
            show(&Folded { powers, ..so_far.clone() });
        });
    })?;
    for (cell, bracket) in brackets.iter_mut().enumerate() {
        let windows = folded.windows[cell / bins];
        let Some(middle) = windows.checked_sub(1).map(|last| last / 2) else {
            // All of them were left out: there is nothing to be kept, and nothing to look for.
            bracket.inside = 0;
            continue;
        };
        if bracket.kept() == 0 {
            continue;
        }
        let shift = bracket.shift(stretches);
        let counts = &counts[cell * stretches as usize..(cell + 1) * stretches as usize];
        let mut below = bracket.below;
        let mut found = false;
        for (stretch, count) in counts.iter().enumerate() {
            let inside = u64::from(count.load(Ordering::Relaxed));
            if middle < below + inside {
                let low = bracket.low + ((stretch as u64) << shift);
                *bracket = Bracket { low, high: (low + (1 << shift)).min(bracket.high), below, inside };
                found = true;
                break;
            }
            below += inside;
        }
        // Without that a recording that is written to between the passes could keep us for ever.
        if !found {
            return Err(Error::invalid("the recording has changed while its median was looked for")
                .with_remedy("try again when it is complete"));
        }
    }
    Ok(())
}

/// The stretch with the middle one of the powers counted so far, of a bracket that holds them all.
fn middle_stretch(bracket: &Bracket, counts: &[AtomicU32], stretches: u64) -> Bracket {
    let total: u64 = counts.iter().map(|n| u64::from(n.load(Ordering::Relaxed))).sum();
    let mut below = 0;
    for (stretch, count) in counts.iter().enumerate() {
        below += u64::from(count.load(Ordering::Relaxed));
        if 2 * below >= total {
            let shift = bracket.shift(stretches);
            let low = bracket.low + ((stretch as u64) << shift);
            return Bracket { low, high: (low + (1 << shift)).min(bracket.high), ..*bracket };
        }
    }
    *bracket
}

/// The last pass: keeps what lies in the brackets, and the least power behind each, and reads off the medians.
fn collect(welch: &Welch<'_>, bins: usize, brackets: &[Bracket], show: &mut dyn FnMut(&Folded)) -> Result<Folded> {
    let mut firsts = Vec::with_capacity(brackets.len());
    let mut total = 0_usize;
    for bracket in brackets {
        firsts.push(total);
        total += bracket.kept() as usize;
    }
    let values: Vec<AtomicU64> = (0..total).map(|_| AtomicU64::new(0)).collect();
    let filled: Vec<AtomicU32> = brackets.iter().map(|_| AtomicU32::new(0)).collect();
    let behind: Vec<AtomicU64> = brackets.iter().map(|_| AtomicU64::new(u64::MAX)).collect();
    let keep = |channel: usize, powers: &[f64]| {
        for (bin, power) in powers.iter().enumerate() {
            let cell = channel * bins + bin;
            let bracket = &brackets[cell];
            let bits = place(*power);
            if bits >= bracket.high {
                behind[cell].fetch_min(bits, Ordering::Relaxed);
            } else if bits >= bracket.low && bracket.kept() > 0 {
                let i = u64::from(filled[cell].fetch_add(1, Ordering::Relaxed));
                // More than were counted can only be there if the file has changed in between.
                if i < bracket.inside {
                    values[firsts[cell] + i as usize].store(bits, Ordering::Relaxed);
                }
            }
        }
    };
    let mut clock = ShowClock::new();
    let mut some: Vec<u64> = vec![];
    let mut folded = welch.pass(Fold::Each(&keep), &mut |so_far| {
        clock.if_due(|| {
            let mut known = |(cell, bracket): (usize, &Bracket)| {
                if bracket.high - bracket.low < END_BITS {
                    return bracket.middle();
                }
                // Of many, every so many are enough to be drawn. A value that is not stored yet is a zero among them.
                let n = (filled[cell].load(Ordering::Relaxed) as usize).min(bracket.inside as usize);
                let values = &values[firsts[cell]..firsts[cell] + n];
                some.clear();
                some.extend(values.iter().step_by(n.div_ceil(MOST_SHOWN).max(1)).map(|v| v.load(Ordering::Relaxed)));
                let middle = some.len() / 2;
                if some.is_empty() { f64::NAN } else { f64::from_bits(*some.select_nth_unstable(middle).1) }
            };
            let powers = brackets.iter().enumerate().map(&mut known).collect();
            show(&Folded { powers, ..so_far.clone() });
        });
    })?;
    let mut sorted: Vec<u64> = vec![];
    folded.powers = Vec::with_capacity(brackets.len());
    for (cell, bracket) in brackets.iter().enumerate() {
        let windows = folded.windows[cell / bins];
        if windows == 0 {
            folded.powers.push(f64::NAN);
            continue;
        }
        let kept = u64::from(filled[cell].load(Ordering::Relaxed)).min(bracket.kept());
        sorted.clear();
        let first = firsts[cell];
        sorted.extend(values[first..first + kept as usize].iter().map(|v| v.load(Ordering::Relaxed)));
        sorted.sort_unstable();
        let inside = if bracket.kept() == 0 { bracket.inside } else { kept };
        let ranked = |rank: u64| {
            let i = rank.saturating_sub(bracket.below);
            let bits = if i >= inside {
                behind[cell].load(Ordering::Relaxed)
            } else {
                sorted.get(i as usize).copied().unwrap_or(bracket.low)
            };
            f64::from_bits(bits)
        };
        folded.powers.push(0.5 * (ranked((windows - 1) / 2) + ranked(windows / 2)));
    }
    Ok(folded)
}

#[cfg(test)]
mod tests {
    use super::super::taper::Taper;
    use super::super::welch::Detrend;
    use super::*;
    use crate::recording::{Channel, Recording, SampleFormat, SampleType, Samples, Stream, TimeBase};
    use crate::scan::Selection;
    use crate::source::{MemorySource, Source as _};

    /// What is shown, and the result, of a median in a budget of `mib`.
    fn shown(mib: u64) -> (Vec<Folded>, Folded) {
        let mut state = 1_u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        // 4,000 windows of 513 bins are 16 MiB.
        let samples = Samples::F32((0..2001 * 1024).map(|_| noise()).collect());
        let format = SampleFormat::native(SampleType::F32);
        let (frames, time) = (samples.len() as u64, TimeBase::regular(1000.0));
        let stream = Stream { name: "data".to_owned(), format, time, frames, channels: vec![Channel::numbered(0)] };
        let recording = Recording { streams: vec![stream], ..Recording::default() };
        let source = MemorySource::new(recording, vec![samples]).unwrap();
        let selection = Selection::all(source.recording(), 0);
        let task = Task::new(MemoryBudget::new(mib << 20), 2);
        let welch = Welch::new(&source, &selection, &task, Taper::Hann, (1024, 512), Detrend::Constant).unwrap();
        let mut shown = vec![];
        let result = median(&welch, 1, &task, &mut |so_far| shown.push(so_far.clone())).unwrap();
        (shown, result)
    }

    #[test]
    fn what_is_known_is_shown_and_becomes_the_result() {
        for mib in [16, 512] {
            let (shown, result) = shown(mib);
            assert!(shown.len() >= 2, "{mib}: {}", shown.len());
            for so_far in &shown {
                assert_eq!(so_far.powers.len(), 513);
            }
            let last = shown.last().unwrap();
            for (known, wanted) in last.powers.iter().zip(&result.powers).skip(2) {
                assert!((0.5..2.0).contains(&(known / wanted)), "{mib}: {known} and {wanted}");
            }
        }
    }
}
