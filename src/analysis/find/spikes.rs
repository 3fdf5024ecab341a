//! Spikes: crossings of a threshold, with a dead time, each told by its peak.
//!
//! A *crossing* is a sample beyond the threshold whose predecessor is not (or that is the first behind a gap or of the
//! selection). A crossing less than the refractory time behind the last one that counted does not count. The peak is the
//! most extreme sample within the refractory time from the crossing, the first of equals; a gap ends that time.
//!
//! A chunk finds crossings and their peaks on its own, reading one frame before it and a refractory time behind it; which
//! of them count is decided in order when the chunks are joined, so that it does not depend on how they are cut.

use std::ops::Range;

use super::ground::{Ground, Pieces, Seeker, samples_of};
use super::keeper::{Keeper, Places};
use crate::analysis::Place;
use crate::error::Result;
use crate::recording::{Block, Sample, Scale};
use crate::scan::{Chunk, Overlap};
use crate::summary::{Bucket, Depth};
use crate::with_samples;

/// Frames whose extremes are looked at first.
const PIECE: usize = 256;

/// The search: physical thresholds of each channel, infinite where there is none.
pub(super) struct Spikes {
    pub(super) below: Vec<f64>,
    pub(super) above: Vec<f64>,
    pub(super) refractory: u64,
}

impl Seeker for Spikes {
    type Found = Places;
    /// For each channel, the tick up to which crossings do not count.
    type State = Vec<u64>;

    fn overlap(&self) -> Overlap {
        Overlap { before: 1, after: self.refractory }
    }

    fn pieces<'s>(&'s self, ground: &Ground<'s>) -> Pieces<'s> {
        let frames = ground.selection.frames.clone();
        let Some(tiles) = ground.tiles() else { return Box::new(std::iter::once(frames)) };
        let scales: Vec<Scale> = ground.positions().map(|p| ground.scale(p)).collect();
        Box::new(tiles.candidates(&ground.selection.channels, frames, Depth::Descend, 0, move |bucket: &Bucket| {
            let seen = bucket.extremes.scaled(scales[bucket.channel]);
            !seen.is_empty() && (seen.max > self.above[bucket.channel] || seen.min < self.below[bucket.channel])
        }))
    }

    fn state(&self, ground: &Ground<'_>) -> Vec<u64> {
        vec![0; ground.selection.channels.len()]
    }

    fn look(&self, ground: &Ground<'_>, chunk: &Chunk, block: &Block) -> Result<Places> {
        let mut places = Places::new(ground.task)?;
        for position in ground.positions() {
            let spikes = Levels {
                below: self.below[position],
                above: self.above[position],
                scale: ground.scale(position),
                refractory: usize::try_from(self.refractory).unwrap_or(usize::MAX),
            };
            for piece in ground.stream.time.contiguous(chunk.read.clone()) {
                let wanted = piece.start.max(chunk.core.start)..piece.end.min(chunk.core.end);
                if wanted.start >= wanted.end {
                    continue;
                }
                let local = (wanted.start - piece.start) as usize..(wanted.end - piece.start) as usize;
                with_samples!(block.samples(), all => {
                    let samples = samples_of(all, block.frames(), position, chunk.read.start, &piece);
                    spikes.crossings(samples, local, &mut |at, peak, value| places.push(Place {
                        channel: position as u32,
                        flags: (peak - at) as u32,
                        start: piece.start + peak as u64,
                        end: piece.start + peak as u64 + 1,
                        value,
                    }))?;
                });
            }
        }
        Ok(places)
    }

    fn join(
        &self,
        ground: &Ground<'_>,
        dead: &mut Vec<u64>,
        core: &Range<u64>,
        found: Places,
        keeper: &mut Keeper,
    ) -> Result<u64> {
        for spike in found.as_slice() {
            let crossing = ground.stream.time.tick_of_frame(spike.start - u64::from(spike.flags));
            let dead = &mut dead[spike.channel as usize];
            if crossing >= *dead {
                *dead = crossing.saturating_add(self.refractory);
                let channel = ground.selection.channels[spike.channel as usize] as u32;
                keeper.push(Place { channel, flags: 0, ..*spike })?;
            }
        }
        Ok(core.end)
    }

    fn finish(&self, _: &Ground<'_>, _: Vec<u64>, _: &mut Keeper) -> Result<()> {
        Ok(())
    }
}

/// What one channel is searched for.
struct Levels {
    below: f64,
    above: f64,
    scale: Scale,
    refractory: usize,
}

impl Levels {
    /// Hands on the crossings in `wanted` with their peaks: index of the crossing, of the peak, its value.
    fn crossings<T: Sample>(
        &self,
        samples: &[T],
        wanted: Range<usize>,
        emit: &mut dyn FnMut(usize, usize, f64) -> Result<()>,
    ) -> Result<()> {
        let value = |x: T| self.scale.apply(x.to_f64());
        let beyond = |x: f64| x < self.below || x > self.above;
        let mut at = wanted.start;
        while at < wanted.end {
            let block = at..wanted.end.min(at + PIECE);
            at = block.end;
            let (mut least, mut greatest) = (T::HIGHEST, T::LOWEST);
            for &x in &samples[block.clone()] {
                least = if x < least { x } else { least };
                greatest = if x > greatest { x } else { greatest };
            }
            if !(least <= greatest && (beyond(value(least)) || beyond(value(greatest)))) {
                continue;
            }
            let mut inside = block.start > 0 && beyond(value(samples[block.start - 1]));
            for i in block {
                let is_beyond = beyond(value(samples[i]));
                if is_beyond && !inside {
                    let (peak, x) = self.peak(samples, i);
                    emit(i, peak, x)?;
                }
                inside = is_beyond;
            }
        }
        Ok(())
    }

    /// The most extreme sample from the crossing at `from` on, on the side that it went to.
    fn peak<T: Sample>(&self, samples: &[T], from: usize) -> (usize, f64) {
        let end = samples.len().min(from.saturating_add(self.refractory));
        let first = self.scale.apply(samples[from].to_f64());
        let low = first < self.below;
        let mut best = (from, first);
        for (i, &x) in samples.iter().enumerate().take(end).skip(from + 1) {
            let x = self.scale.apply(x.to_f64());
            if if low { x < best.1 } else { x > best.1 } {
                best = (i, x);
            }
        }
        best
    }
}
