//! Edges of a digital signal, on a channel of numbers: high from `high` up, low below `low`, between the two as it was.
//!
//! A chunk does not know the state at its start: it says which samples decided first and last, and what lies between; the
//! first is compared with the state before when the chunks are joined. A gap makes the state unknown.

use std::ops::Range;

use super::ground::{Ground, Pieces, Seeker, samples_of};
use super::keeper::{Keeper, Places};
use crate::analysis::Place;
use crate::error::Result;
use crate::recording::{Block, Sample, Scale};
use crate::scan::Chunk;
use crate::summary::{Bucket, Depth};
use crate::with_samples;

/// Frames whose extremes are looked at first.
const PIECE: usize = 256;
/// The flag of an edge up.
pub(super) const RISING: u32 = 1;

/// The search: physical levels of each channel, and which edges are wanted.
pub(super) struct Edges {
    pub(super) low: Vec<f64>,
    pub(super) high: Vec<f64>,
    pub(super) rising: bool,
    pub(super) falling: bool,
}

/// A sample that decides the state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decided {
    frame: u64,
    high: bool,
    value: f64,
}

/// What a stretch without gap in a chunk says of one channel.
pub(super) struct Stretch {
    channel: u32,
    first: Decided,
    last: Decided,
}

pub(super) struct Found {
    stretches: Vec<Stretch>,
    edges: Places,
}

impl Seeker for Edges {
    type Found = Found;
    /// The newest sample of each channel that decided.
    type State = Vec<Option<Decided>>;

    fn pieces<'s>(&'s self, ground: &Ground<'s>) -> Pieces<'s> {
        let frames = ground.selection.frames.clone();
        let Some(tiles) = ground.tiles() else { return Box::new(std::iter::once(frames)) };
        let scales: Vec<Scale> = ground.positions().map(|p| ground.scale(p)).collect();
        let (time, first) = (&ground.stream.time, frames.start);
        // The state at the end of the bucket before, and the span of the clock that it is of.
        let mut known: Vec<Option<(bool, usize)>> = vec![None; scales.len()];
        Box::new(tiles.candidates(&ground.selection.channels, frames, Depth::Descend, 0, move |bucket: &Bucket| {
            let c = bucket.channel;
            let seen = bucket.extremes.scaled(scales[c]);
            let (low, high) = (seen.min < self.low[c], seen.max >= self.high[c]);
            let span = time.span_of_frame(bucket.frames.start);
            let whole = time.is_contiguous(bucket.frames.clone());
            let state = known[c].filter(|k| whole && k.1 == span).map(|k| k.0);
            let nothing_new = whole
                && match (low, high) {
                    (false, false) => true,
                    (true, false) => state == Some(false),
                    (false, true) => state == Some(true),
                    (true, true) => false,
                };
            if bucket.is_finest && !nothing_new {
                // What lies before the selection decides nothing in it.
                let inside = bucket.frames.start >= first;
                known[c] = (inside && whole && low != high).then_some((high, span));
            }
            !nothing_new
        }))
    }

    fn state(&self, ground: &Ground<'_>) -> Self::State {
        vec![None; ground.selection.channels.len()]
    }

    fn look(&self, ground: &Ground<'_>, chunk: &Chunk, block: &Block) -> Result<Found> {
        let mut found = Found { stretches: Vec::new(), edges: Places::new(ground.task)? };
        for position in ground.positions() {
            for piece in ground.stream.time.contiguous(chunk.core.clone()) {
                let levels = (self.low[position], self.high[position], ground.scale(position));
                let mut emit = |at: Decided| match self.place(at, position as u32) {
                    Some(place) => found.edges.push(place),
                    None => Ok(()),
                };
                let ends = with_samples!(block.samples(), all => {
                    let samples = samples_of(all, block.frames(), position, chunk.read.start, &piece);
                    edges(samples, piece.start, levels, &mut emit)?
                });
                if let Some((first, last)) = ends {
                    found.stretches.push(Stretch { channel: position as u32, first, last });
                }
            }
        }
        Ok(found)
    }

    fn join(
        &self,
        ground: &Ground<'_>,
        state: &mut Self::State,
        core: &Range<u64>,
        found: Found,
        keeper: &mut Keeper,
    ) -> Result<u64> {
        let named = |mut place: Place| {
            place.channel = ground.selection.channels[place.channel as usize] as u32;
            place
        };
        let span = |frame: u64| ground.stream.time.span_of_frame(frame);
        for Stretch { channel, first, last } in found.stretches {
            let before = state[channel as usize].replace(last);
            if before.is_some_and(|b| b.high != first.high && span(b.frame) == span(first.frame))
                && let Some(place) = self.place(first, channel)
            {
                keeper.push(named(place))?;
            }
        }
        found.edges.as_slice().iter().try_for_each(|&place| keeper.push(named(place)))?;
        Ok(core.end)
    }

    fn finish(&self, _: &Ground<'_>, _: Self::State, _: &mut Keeper) -> Result<()> {
        Ok(())
    }
}

impl Edges {
    /// The place of the edge at `at`, if such edges are wanted.
    fn place(&self, at: Decided, channel: u32) -> Option<Place> {
        let wanted = if at.high { self.rising } else { self.falling };
        let flags = if at.high { RISING } else { 0 };
        wanted.then_some(Place { channel, flags, start: at.frame, end: at.frame + 1, value: at.value })
    }
}

/// Hands on every edge in `samples` but one at the first sample that decides; returns that and the last one.
fn edges<T: Sample>(
    samples: &[T],
    first: u64,
    (low, high, scale): (f64, f64, Scale),
    emit: &mut dyn FnMut(Decided) -> Result<()>,
) -> Result<Option<(Decided, Decided)>> {
    let mut ends: Option<(Decided, Decided)> = None;
    let mut at = first;
    for block in samples.chunks(PIECE) {
        let start = at;
        at += block.len() as u64;
        let (mut least, mut greatest) = (T::HIGHEST, T::LOWEST);
        for &x in block {
            least = if x < least { x } else { least };
            greatest = if x > greatest { x } else { greatest };
        }
        let (a, b) = (scale.apply(least.to_f64()), scale.apply(greatest.to_f64()));
        let (is_low, is_high) = (least <= greatest && a.min(b) < low, least <= greatest && a.max(b) >= high);
        let changes = match ends {
            Some((_, last)) => {
                if last.high {
                    is_low
                } else {
                    is_high
                }
            }
            None => is_low || is_high,
        };
        if !changes {
            continue;
        }
        for (frame, &x) in (start..).zip(block) {
            let value = scale.apply(x.to_f64());
            let is_high = value >= high;
            let is_low = value < low;
            // NaN decides nothing.
            if !is_high && !is_low {
                continue;
            }
            let decided = Decided { frame, high: is_high, value };
            match &mut ends {
                None => ends = Some((decided, decided)),
                Some((_, last)) => {
                    if last.high != is_high {
                        emit(decided)?;
                    }
                    *last = decided;
                }
            }
        }
    }
    Ok(ends)
}
