//! Stretches in which something holds of every sample: excursions, clipped and flat stretches, samples that are no
//! numbers.
//!
//! A run is looked for in each chunk alone; one that reaches the border of its chunk is joined with its continuation, if
//! no gap lies between. In pieces of 256 frames whose extremes exclude it nothing is looked at sample by sample; whole
//! buckets of the summary that exclude it are not read.

use std::ops::Range;

use super::ground::{Ground, Pieces, Seeker, samples_of};
use super::keeper::{Keeper, Places};
use crate::analysis::Place;
use crate::error::Result;
use crate::recording::{Block, Sample, SampleType, Scale};
use crate::scan::Chunk;
use crate::summary::{Bucket, Depth, LEVELS};
use crate::{with_samples, with_type};

/// Frames whose extremes are looked at first.
const PIECE: usize = 256;
/// The flag of a run on the low side.
pub(super) const LOW: u32 = 1 << 31;
/// The other bits of the flags: frames from the start to the peak.
pub(super) const OFFSET: u32 = LOW - 1;

/// What holds in a run.
pub(super) enum Holds {
    /// The physical value is beyond one of the levels of its channel, infinite where there is none.
    Beyond { above: Vec<f64>, below: Vec<f64> },
    /// The stored value is the least or the greatest of its type.
    Clipped,
    /// The value is that of the sample before.
    Flat,
    /// The value is no number.
    Nan,
}

/// A search for runs of at least `least` frames.
pub(super) struct Runs {
    pub(super) holds: Holds,
    pub(super) least: u64,
}

/// The run that reaches the end of what was joined, for each channel.
pub(super) type Open = Vec<Option<Place>>;

impl Seeker for Runs {
    type Found = Places;
    type State = Open;

    fn pieces<'s>(&'s self, ground: &Ground<'s>) -> Pieces<'s> {
        let frames = ground.selection.frames.clone();
        let Some(tiles) = ground.tiles() else { return Box::new(std::iter::once(frames)) };
        let channels = &ground.selection.channels[..];
        match &self.holds {
            Holds::Beyond { above, below } => {
                let scales: Vec<Scale> = ground.positions().map(|p| ground.scale(p)).collect();
                Box::new(tiles.candidates(channels, frames, Depth::Descend, 0, move |bucket: &Bucket| {
                    let seen = bucket.extremes.scaled(scales[bucket.channel]);
                    !seen.is_empty() && (seen.max > above[bucket.channel] || seen.min < below[bucket.channel])
                }))
            }
            Holds::Clipped => {
                let (low, high) = extremes(ground.stream.format.sample_type);
                Box::new(tiles.candidates(channels, frames, Depth::Descend, 0, move |bucket: &Bucket| {
                    bucket.extremes.min == low || bucket.extremes.max == high
                }))
            }
            // A run that long covers a bucket wholly, and its ends lie in the buckets beside it.
            Holds::Flat if self.least >= 2 * LEVELS[1] => {
                Box::new(tiles.candidates(channels, frames, Depth::Finest, LEVELS[1], |bucket: &Bucket| {
                    bucket.extremes.min == bucket.extremes.max
                }))
            }
            Holds::Nan => Box::new(tiles.candidates(channels, frames, Depth::Numbers, 0, |bucket: &Bucket| {
                bucket.numbers.is_some_and(|n| n < bucket.frames.end - bucket.frames.start)
            })),
            Holds::Flat => Box::new(std::iter::once(frames)),
        }
    }

    fn state(&self, ground: &Ground<'_>) -> Open {
        vec![None; ground.selection.channels.len()]
    }

    fn look(&self, ground: &Ground<'_>, chunk: &Chunk, block: &Block) -> Result<Places> {
        let mut places = Places::new(ground.task)?;
        for position in ground.positions() {
            let scale = ground.scale(position);
            for piece in ground.stream.time.contiguous(chunk.core.clone()) {
                let mut emit = |mut run: Place| {
                    run.channel = position as u32;
                    // What reaches a border of the chunk may go on beyond it.
                    let long = run.end - run.start >= self.least;
                    if long || run.start == chunk.core.start || run.end == chunk.core.end {
                        places.push(run)
                    } else {
                        Ok(())
                    }
                };
                with_samples!(block.samples(), all => {
                    let samples = samples_of(all, block.frames(), position, chunk.read.start, &piece);
                    self.holds.runs(samples, &piece, (position, scale), self.least, &mut emit)?;
                });
            }
        }
        Ok(places)
    }

    fn join(
        &self,
        ground: &Ground<'_>,
        open: &mut Open,
        core: &Range<u64>,
        found: Places,
        keeper: &mut Keeper,
    ) -> Result<u64> {
        let unbroken = core.start > 0 && ground.stream.time.is_contiguous(core.start - 1..core.start + 1);
        for run in found.as_slice() {
            let slot = &mut open[run.channel as usize];
            let mut run = *run;
            if let Some(before) = slot.take() {
                if unbroken && before.end == run.start && run.start == core.start && self.holds.goes_on(&before, &run) {
                    run = joined(&before, &run);
                } else {
                    self.close(ground, before, keeper)?;
                }
            }
            if run.end == core.end {
                *slot = Some(run);
            } else {
                self.close(ground, run, keeper)?;
            }
        }
        let mut earliest = core.end;
        for slot in open {
            match slot {
                Some(run) if run.end == core.end => earliest = earliest.min(run.start),
                slot => {
                    if let Some(ended) = slot.take() {
                        self.close(ground, ended, keeper)?;
                    }
                }
            }
        }
        Ok(earliest)
    }

    fn finish(&self, ground: &Ground<'_>, open: Open, keeper: &mut Keeper) -> Result<()> {
        open.into_iter().flatten().try_for_each(|run| self.close(ground, run, keeper))
    }
}

impl Runs {
    fn close(&self, ground: &Ground<'_>, mut run: Place, keeper: &mut Keeper) -> Result<()> {
        if run.end - run.start < self.least {
            return Ok(());
        }
        run.channel = ground.selection.channels[run.channel as usize] as u32;
        if matches!(self.holds, Holds::Nan) {
            run.value = (run.end - run.start) as f64;
        }
        keeper.push(run)
    }
}

/// The least and the greatest value of a type.
pub(super) fn extremes(sample_type: SampleType) -> (f64, f64) {
    with_type!(sample_type, T => (T::LOWEST.to_f64(), T::HIGHEST.to_f64()))
}

/// `before` and its continuation `run` as one.
fn joined(before: &Place, run: &Place) -> Place {
    let low = run.flags & LOW;
    let farther = if low != 0 { run.value < before.value } else { run.value > before.value };
    let (value, offset) = if farther {
        (run.value, (run.start - before.start).saturating_add(u64::from(run.flags & OFFSET)))
    } else {
        (before.value, u64::from(before.flags & OFFSET))
    };
    Place { start: before.start, end: run.end, value, flags: low | offset.min(u64::from(OFFSET)) as u32, ..*run }
}

impl Holds {
    /// Whether `run`, which begins where `before` ends, is the same run.
    fn goes_on(&self, before: &Place, run: &Place) -> bool {
        match self {
            Self::Flat => before.value == run.value,
            _ => before.flags & LOW == run.flags & LOW,
        }
    }

    /// Hands on every run in `samples`, the frames of `piece`; runs of fewer than `least` frames that touch no end of it
    /// may be left out.
    fn runs<T: Sample>(
        &self,
        samples: &[T],
        piece: &Range<u64>,
        (position, scale): (usize, Scale),
        least: u64,
        emit: &mut dyn FnMut(Place) -> Result<()>,
    ) -> Result<()> {
        match self {
            Self::Beyond { above, below } => {
                let (above, below) = (above[position], below[position]);
                let may = |block: &[T]| {
                    let (least, greatest) = least_and_greatest(block);
                    let (a, b) = (scale.apply(least.to_f64()), scale.apply(greatest.to_f64()));
                    least <= greatest && (a.max(b) > above || a.min(b) < below)
                };
                runs(samples, piece.start, may, emit, |x| {
                    let value = scale.apply(x.to_f64());
                    let side = if value > above { Some(0) } else { (value < below).then_some(LOW) };
                    side.map(|side| (side, value))
                })
            }
            Self::Clipped => {
                let may = |block: &[T]| {
                    let (least, greatest) = least_and_greatest(block);
                    least == T::LOWEST || greatest == T::HIGHEST
                };
                runs(samples, piece.start, may, emit, |x| {
                    let low = if scale.gain < 0.0 { x == T::HIGHEST } else { x == T::LOWEST };
                    let side = if low { LOW } else { 0 };
                    (x == T::LOWEST || x == T::HIGHEST).then(|| (side, scale.apply(x.to_f64())))
                })
            }
            Self::Nan => {
                let may = |block: &[T]| block.iter().any(|x| x.is_nan());
                runs(samples, piece.start, may, emit, |x| x.is_nan().then_some((0, 0.0)))
            }
            Self::Flat => flat(samples, piece.start, least, scale, emit),
        }
    }
}

/// The extremes of the samples that are numbers; the wrong way round if there are none.
fn least_and_greatest<T: Sample>(samples: &[T]) -> (T, T) {
    let (mut least, mut greatest) = (T::HIGHEST, T::LOWEST);
    for &x in samples {
        least = if x < least { x } else { least };
        greatest = if x > greatest { x } else { greatest };
    }
    (least, greatest)
}

/// Runs of samples on the same side, `side` of a sample being its flag and physical value, if it is in a run at all.
fn runs<T: Sample>(
    samples: &[T],
    first: u64,
    may: impl Fn(&[T]) -> bool,
    emit: &mut dyn FnMut(Place) -> Result<()>,
    side: impl Fn(T) -> Option<(u32, f64)>,
) -> Result<()> {
    let mut open: Option<Place> = None;
    let mut at = first;
    for block in samples.chunks(PIECE) {
        if !may(block) {
            open.take().map_or(Ok(()), &mut *emit)?;
            at += block.len() as u64;
            continue;
        }
        for &x in block {
            let sided = side(x);
            if let Some(run) = open.take_if(|run| sided.is_none_or(|(side, _)| run.flags & LOW != side)) {
                emit(run)?;
            }
            if let Some((side, value)) = sided {
                let run = open.get_or_insert(Place { channel: 0, flags: side, start: at, end: at, value });
                run.end = at + 1;
                let farther = if side == LOW { value < run.value } else { value > run.value };
                if farther {
                    run.value = value;
                    run.flags = side | (at - run.start).min(u64::from(OFFSET)) as u32;
                }
            }
            at += 1;
        }
    }
    open.map_or(Ok(()), emit)
}

/// Runs of equal samples. Away from the ends only every `least`-th sample is compared with those before it, until one
/// differs: a run that is long enough cannot be missed, and noise costs next to nothing.
fn flat<T: Sample>(
    samples: &[T],
    first: u64,
    least: u64,
    scale: Scale,
    emit: &mut dyn FnMut(Place) -> Result<()>,
) -> Result<()> {
    let n = samples.len();
    let step = usize::try_from(least).unwrap_or(usize::MAX).clamp(1, n.max(1));
    // The end of the run that holds `i`; a NaN is a run by itself.
    let end_of = |i: usize| i + 1 + samples[i + 1..].iter().take_while(|&&x| x == samples[i]).count();
    let start_of =
        |i: usize, floor: usize| i - samples[floor..i].iter().rev().take_while(|&&x| x == samples[i]).count();
    let mut run = |range: Range<usize>| {
        let value = scale.apply(samples[range.start].to_f64());
        let flags = 0;
        if value.is_nan() {
            return Ok(());
        }
        emit(Place { channel: 0, flags, start: first + range.start as u64, end: first + range.end as u64, value })
    };
    if n == 0 {
        return Ok(());
    }
    let lead = end_of(0);
    run(0..lead)?;
    let mut at = lead;
    while at < n {
        // Does the run that begins at `at` (or later) last to `at + step - 1`?
        let probe = at.saturating_add(step - 1);
        if probe >= n {
            break;
        }
        let start = start_of(probe, at);
        if start > at {
            at = start;
            continue;
        }
        let end = end_of(probe);
        if end == n {
            break;
        }
        run(at..end)?;
        at = end;
    }
    if at < n {
        let start = start_of(n - 1, at);
        run(start..n)?;
    }
    Ok(())
}
