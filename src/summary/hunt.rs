//! Where something can be at all, from the extremes that tiles keep: what a search need not read.
//!
//! From the tile of 2^20 frames down to buckets of 4096: finer ones would save less reading than looking at them costs.
//! Where a tile is not there, or is not sound, everything is possible.

use std::ops::Range;
use std::sync::Arc;

use super::columns::MinMax;
use super::store::{Store, Summary};
use super::tile::{LEVELS, MOMENT_FRAMES, Part, TILE_FRAMES, to_min_max};
use crate::recording::Sample as _;
use crate::with_type;

/// The finest level looked at.
const FINEST: usize = 1;

/// One bucket of one channel, as [`Summary::candidates`] asks about it.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// Place among the channels asked for.
    pub channel: usize,
    pub frames: Range<u64>,
    /// Stored values; empty if none is a number.
    pub extremes: MinMax,
    /// Samples that are numbers, where the finest buckets were asked for alone.
    pub numbers: Option<u64>,
    /// Whether this is the last word: buckets are asked about in order on the finest level, and coarser ones only to
    /// spare that.
    pub is_finest: bool,
}

/// How deep a search looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Depth {
    /// Coarse buckets first: what they exclude is excluded.
    Descend,
    /// The finest buckets only, for what extremes of more frames do not tell.
    Finest,
    /// The same, with the number of samples that are numbers.
    Numbers,
}

impl Summary {
    /// The pieces of `frames`, in order, in which `may` says of a bucket of at least one of `channels` that there may be
    /// something, each widened by `widen` frames on both sides. Every channel is asked about, even where another has
    /// said yes. A tile that is not there is told to `may` as one finest bucket of all values, whatever it answers: it may
    /// remember what was before.
    pub fn candidates<'a>(
        &'a self,
        channels: &'a [usize],
        frames: Range<u64>,
        depth: Depth,
        widen: u64,
        mut may: impl FnMut(&Bucket) -> bool + 'a,
    ) -> impl Iterator<Item = Range<u64>> + 'a {
        let store = &*self.0;
        let rows = frames.start / TILE_FRAMES..frames.end.div_ceil(TILE_FRAMES);
        let of_row = move |row| {
            let mut pieces = Vec::new();
            let part = store.shape.range(row);
            let part = part.start.max(frames.start)..part.end.min(frames.end);
            if !part.is_empty() && look(store, row, channels, depth, &mut may, &mut pieces).is_none() {
                for channel in 0..channels.len() {
                    let extremes = MinMax { min: f64::NEG_INFINITY, max: f64::INFINITY };
                    let frames = store.shape.range(row);
                    may(&Bucket { channel, frames, extremes, numbers: Some(0), is_finest: true });
                }
                pieces = vec![part];
            }
            let clamp = |p: Range<u64>| {
                p.start.saturating_sub(widen).max(frames.start)..p.end.saturating_add(widen).min(frames.end)
            };
            pieces.into_iter().map(clamp).filter(|p| p.start < p.end).collect::<Vec<_>>()
        };
        Joined { pieces: rows.flat_map(of_row), held: None }
    }
}

/// Pieces that touch or overlap become one.
struct Joined<I> {
    pieces: I,
    held: Option<Range<u64>>,
}

impl<I: Iterator<Item = Range<u64>>> Iterator for Joined<I> {
    type Item = Range<u64>;

    fn next(&mut self) -> Option<Range<u64>> {
        for piece in self.pieces.by_ref() {
            match &mut self.held {
                Some(held) if piece.start <= held.end => held.end = held.end.max(piece.end),
                held => {
                    if let Some(done) = held.replace(piece) {
                        return Some(done);
                    }
                }
            }
        }
        self.held.take()
    }
}

/// The parts of one row that are needed, read once.
struct Parts<'a> {
    store: &'a Store,
    row: u64,
    channels: &'a [usize],
}

impl Parts<'_> {
    /// The extremes of bucket `index` of `level` of a channel, in a part that holds it.
    fn extremes(&self, bytes: &[u8], level: usize, channel: usize, index: usize) -> MinMax {
        let shape = self.store.shape.row(self.row);
        let (_, place) = shape.level(level, channel);
        let size = shape.sample_type.size();
        let pair = &bytes[place][index * 2 * size..(index + 1) * 2 * size];
        with_type!(shape.sample_type, T => to_min_max(T::from_le_slice(&pair[..size]), T::from_le_slice(&pair[size..])))
    }

    fn bucket(&self, bytes: &[u8], level: usize, channel: usize, index: usize) -> Bucket {
        let row = self.store.shape.range(self.row);
        let start = row.start + index as u64 * LEVELS[level];
        Bucket {
            channel,
            frames: start..(start + LEVELS[level]).min(row.end),
            extremes: self.extremes(bytes, level, self.channels[channel], index),
            numbers: None,
            is_finest: level == FINEST,
        }
    }

    /// Whether `may` is true of a bucket of any channel.
    fn any(&self, bytes: &[u8], level: usize, index: usize, may: &mut dyn FnMut(&Bucket) -> bool) -> bool {
        let mut any = false;
        for channel in 0..self.channels.len() {
            any |= may(&self.bucket(bytes, level, channel, index));
            if any && level != FINEST {
                break;
            }
        }
        any
    }
}

/// Appends the pieces of one row; `None` if its tiles do not tell.
fn look(
    store: &Store,
    row: u64,
    channels: &[usize],
    depth: Depth,
    may: &mut dyn FnMut(&Bucket) -> bool,
    pieces: &mut Vec<Range<u64>>,
) -> Option<()> {
    if channels.iter().any(|&c| c >= store.shape.channels) {
        return None;
    }
    const { assert!(MOMENT_FRAMES == LEVELS[FINEST]) };
    let parts = Parts { store, row, channels };
    let shape = store.shape.row(row);
    let per_coarse = (LEVELS[2] / LEVELS[FINEST]) as usize;
    let coarse = match depth {
        Depth::Descend => {
            let coarse = store.part(row, Part::Coarse)?;
            if !parts.any(&coarse, 3, 0, may) {
                return Some(());
            }
            Some(coarse)
        }
        Depth::Finest | Depth::Numbers => None,
    };
    let mid: Arc<[u8]> = store.part(row, Part::Mid)?;
    let moments = if depth == Depth::Numbers { Some(store.part(row, Part::Moments)?) } else { None };
    for block in 0..shape.buckets(2) {
        if coarse.as_ref().is_some_and(|coarse| !parts.any(coarse, 2, block, may)) {
            continue;
        }
        for index in block * per_coarse..((block + 1) * per_coarse).min(shape.buckets(FINEST)) {
            let mut hit = false;
            for (place, &channel) in channels.iter().enumerate() {
                let mut bucket = parts.bucket(&mid, FINEST, place, index);
                bucket.numbers = moments.as_ref().map(|m| u64::from(shape.moments(m, channel, index).0.count));
                hit |= may(&bucket);
            }
            if hit {
                let frames = parts.bucket(&mid, FINEST, 0, index).frames;
                match pieces.last_mut() {
                    Some(last) if last.end == frames.start => last.end = frames.end,
                    _ => pieces.push(frames),
                }
            }
        }
    }
    Some(())
}
