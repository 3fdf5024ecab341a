//! Statistics of any range of frames from the pyramid, exact, whatever its length.
//!
//! Whole tiles count by their totals, whole blocks of 4096 frames at either end by their moments, and only what is left
//! at the two edges is read from the samples. Blocks are merged as [`crate::moments`] says, so that everything agrees
//! with a pass over the samples: to the bit for 8- and 16-bit integers and for the extremes, by rounding for sums of
//! other types. Where an extreme is, is found in the finest buckets of the one tile that holds it, and then in the 256
//! samples of a bucket.
//!
//! Cost: the totals (28 bytes for 2^20 int16 samples), up to four parts of two tile rows, less than 8192 frames of
//! samples at the edges, and for each channel the search for two extremes: about 16 KB of the sidecar and 256 samples
//! each. What was read and found is kept, so that a range whose ends move costs its edges.

use std::collections::HashMap;
use std::ops::Range;

use super::kernel::{Lane, PairSums};
use super::store::{Store, Summary, lock};
use super::tile::{LEVELS, MOMENT_FRAMES, Part, Piece, TILE_FRAMES};
use crate::error::{Error, Result};
use crate::moments::{Figures, Moments, Stretch, Sums, pass};
use crate::recording::{Block, Sample as _, SampleType};
use crate::scan::Selection;
use crate::task::Task;
use crate::{with_samples, with_type};

/// A range so short is read on one thread.
const ONE_THREAD_BYTES: u64 = 4 << 20;
/// So many places of extremes are remembered.
const PLACES: usize = 1 << 16;

/// What was searched for: in these frames of a channel, its least or greatest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Sought {
    start: u64,
    end: u64,
    channel: usize,
    greatest: bool,
}

/// A piece of a range, all of whose frames are taken in the same way.
pub(super) enum Piecewise {
    Samples(Range<u64>),
    /// Whole blocks of one row.
    Blocks(u64, Range<u64>),
    /// Whole rows.
    Rows(Range<u64>),
}

impl Summary {
    /// Statistics of each of `channels` over `frames`, exact: the same as by reading all of it.
    ///
    /// Frames without tiles are read from the samples if they are at most `read_bytes` all together; `None` if they are
    /// more, before anything is read.
    ///
    /// # Errors
    /// When the range or a channel is not of this stream, reading fails, or the task was stopped.
    pub fn range(
        &self,
        frames: Range<u64>,
        channels: &[usize],
        read_bytes: u64,
        task: &Task,
    ) -> Result<Option<Vec<Figures>>> {
        let store = &*self.0;
        let selection = Selection { stream: store.stream, channels: channels.to_vec(), frames };
        let stream = selection.stream_in(store.source.recording())?;
        // Tiles outlive the samples that they were made of: a file that has shrunk is no longer what they show.
        store.source.check_files()?;
        let frame_bytes = (channels.len() * store.shape.sample_type.size()) as u64;
        let missing: u64 = selection_rows(&selection)
            .filter(|&row| !store.has(row))
            .map(|row| overlap(&store.shape.range(row), &selection.frames))
            .sum();
        if missing.saturating_mul(frame_bytes) > read_bytes {
            store.want(selection.frames);
            return Ok(None);
        }
        let _held =
            task.budget().reserve(size_of_val(channels) as u64 + (channels.len() * 2 * size_of::<Moments>()) as u64)?;
        let mut gather = Gather { store, selection: &selection, task, all: vec![Moments::EMPTY; channels.len()] };
        for piece in pieces(&selection.frames, store.shape.frames) {
            gather.take(piece)?;
        }
        gather.locate()?;
        let figures =
            |(found, &c): (&Moments, &usize)| found.figures(store.shape.sample_type, stream.channels[c].scale);
        Ok(Some(gather.all.iter().zip(channels).map(figures).collect()))
    }

    /// Whether every tile of `frames` is there.
    #[must_use]
    pub fn covers(&self, frames: &Range<u64>) -> bool {
        (frames.start / TILE_FRAMES..frames.end.div_ceil(TILE_FRAMES)).all(|row| self.0.has(row))
    }
}

/// The rows that hold frames of the selection.
fn selection_rows(selection: &Selection) -> Range<u64> {
    let Range { start, end } = selection.frames;
    if start >= end { 0..0 } else { start / TILE_FRAMES..end.div_ceil(TILE_FRAMES) }
}

pub(super) fn overlap(a: &Range<u64>, b: &Range<u64>) -> u64 {
    a.end.min(b.end).saturating_sub(a.start.max(b.start))
}

/// Cuts a range of a stream of `all` frames.
pub(super) fn pieces(frames: &Range<u64>, all: u64) -> Vec<Piecewise> {
    let Range { start, end } = *frames;
    let first = start.div_ceil(MOMENT_FRAMES) * MOMENT_FRAMES;
    // The last block of the recording is whole even if it is short.
    let last = if end == all { end } else { end / MOMENT_FRAMES * MOMENT_FRAMES };
    if start >= end {
        return Vec::new();
    }
    if first >= last {
        return vec![Piecewise::Samples(start..end)];
    }
    let mut pieces = Vec::new();
    if start < first {
        pieces.push(Piecewise::Samples(start..first));
    }
    let mut at = first;
    while at < last {
        let row = at / TILE_FRAMES;
        let row_end = ((row + 1) * TILE_FRAMES).min(all);
        if at == row * TILE_FRAMES && row_end <= last {
            let rows = row..if last == all { all.div_ceil(TILE_FRAMES) } else { last / TILE_FRAMES };
            at = (rows.end * TILE_FRAMES).min(all);
            pieces.push(Piecewise::Rows(rows));
        } else {
            let to = row_end.min(last);
            pieces.push(Piecewise::Blocks(row, at..to));
            at = to;
        }
    }
    if last < end {
        pieces.push(Piecewise::Samples(last..end));
    }
    pieces
}

/// What is being laid together.
pub(super) struct Gather<'a> {
    pub(super) store: &'a Store,
    pub(super) selection: &'a Selection,
    pub(super) task: &'a Task,
    pub(super) all: Vec<Moments>,
}

impl Gather<'_> {
    pub(super) fn take(&mut self, piece: Piecewise) -> Result<()> {
        match piece {
            Piecewise::Samples(frames) => self.take_samples(frames),
            Piecewise::Blocks(row, frames) => {
                let done = with_type!(self.store.shape.sample_type, T => self.take_blocks::<T>(row, &frames));
                if done { self.task.advance(0) } else { self.take_samples(frames) }
            }
            Piecewise::Rows(rows) => with_type!(self.store.shape.sample_type, T => self.take_rows::<T>(rows)),
        }
    }

    fn take_samples(&mut self, frames: Range<u64>) -> Result<()> {
        let selection = Selection { frames, ..self.selection.clone() };
        let stream = selection.stream_in(self.store.source.recording())?;
        let bytes = selection.bytes(stream);
        self.task.add_total(bytes);
        let threads = if bytes <= ONE_THREAD_BYTES { 1 } else { self.task.threads() };
        let found = pass(self.store.source.as_ref(), &selection, threads, self.task, &mut |_| {})?;
        self.all.iter_mut().zip(&found).for_each(|(all, found)| all.merge(found));
        Ok(())
    }

    /// Whole blocks of one row; false if the row is not there.
    fn take_blocks<T: Lane>(&mut self, row: u64, frames: &Range<u64>) -> bool {
        let shape = self.store.shape.row(row);
        let parts = self.store.part(row, Part::Mid).zip(self.store.part(row, Part::Moments));
        let Some((mid, moments)) = parts else { return false };
        let first = row * TILE_FRAMES;
        let blocks =
            ((frames.start - first) / MOMENT_FRAMES) as usize..((frames.end - first).div_ceil(MOMENT_FRAMES)) as usize;
        let pair = 2 * size_of::<T>();
        for (&channel, all) in self.selection.channels.iter().zip(&mut self.all) {
            let (_, place) = shape.level(1, channel);
            let pairs = &mid[place];
            for block in blocks.clone() {
                let frames = shape.block_frames(block);
                let mut piece = Piece::<T>::at(&pairs[block * pair..(block + 1) * pair], &[], frames);
                let (sums, clipped) = shape.moments(&moments, channel, block);
                piece.sums = sums;
                piece.clipped = u64::from(clipped);
                all.merge(&moments_of(&piece, first + block as u64 * MOMENT_FRAMES));
            }
        }
        true
    }

    fn take_rows<T: Lane>(&mut self, rows: Range<u64>) -> Result<()> {
        let shape = self.store.shape;
        let each = shape.row(0).total_bytes();
        let mut next = rows.start;
        while next < rows.end {
            // The first row without totals ends the run: it is read while nothing is locked.
            let mut missing = None;
            let (all, channels, task) = (&mut self.all, &self.selection.channels, self.task);
            self.store
                .for_totals(next..rows.end, &mut |row, totals| {
                    let Some(totals) = totals else {
                        missing.get_or_insert(row);
                        return Err(Error::cancelled());
                    };
                    let of_row = shape.range(row);
                    for (&channel, all) in channels.iter().zip(all.iter_mut()) {
                        let piece = Piece::<T>::of_total(
                            &totals[channel * each..(channel + 1) * each],
                            of_row.end - of_row.start,
                        );
                        all.merge(&moments_of(&piece, of_row.start));
                    }
                    task.advance(0)
                })
                .or_else(|e| if missing.is_some() { Ok(()) } else { Err(e) })?;
            let Some(row) = missing else { break };
            self.take_samples(shape.range(row))?;
            next = row + 1;
        }
        Ok(())
    }

    /// Finds the frames of the extremes that are known to be somewhere in a tile or block.
    fn locate(&mut self) -> Result<()> {
        for i in 0..self.all.len() {
            let (found, channel) = (self.all[i], self.selection.channels[i]);
            if found.count == 0 {
                continue;
            }
            self.all[i].min_in = self.first(channel, found.min_in, found.min, false)?;
            self.all[i].max_in = self.first(channel, found.max_in, found.max, true)?;
            self.task.advance(0)?;
        }
        Ok(())
    }

    /// The first frame of `stretch` that holds `value`, the least or the greatest there.
    fn first(&self, channel: usize, stretch: Stretch, value: f64, greatest: bool) -> Result<Stretch> {
        if stretch.frame().is_some() {
            return Ok(stretch);
        }
        let sought = Sought { start: stretch.start, end: stretch.end, channel, greatest };
        if let Some(&frame) = lock(&self.store.places).get(&sought) {
            return Ok(Stretch::at(frame));
        }
        let bucket =
            with_type!(self.store.shape.sample_type, T => self.bucket_of::<T>(channel, stretch, value, greatest));
        let frames = bucket.unwrap_or(stretch.start..stretch.end);
        let frame = if frames.end - frames.start <= LEVELS[0] {
            self.frame_of(channel, frames, value)?
        } else {
            // Without its finest level, the samples of the tile tell.
            let selection = Selection { stream: self.store.stream, channels: vec![channel], frames };
            let found = pass(self.store.source.as_ref(), &selection, self.task.threads(), self.task, &mut |_| {})?;
            found.first().and_then(|found| if greatest { found.max_in } else { found.min_in }.frame())
        };
        let Some(frame) = frame else {
            // The summary speaks of other samples than those that are there now.
            return Ok(stretch);
        };
        let mut places = lock(&self.store.places);
        if places.len() >= PLACES {
            *places = HashMap::new();
        }
        places.insert(sought, frame);
        Ok(Stretch::at(frame))
    }

    /// The first of the finest buckets of `stretch` that holds `value`.
    fn bucket_of<T: Lane>(&self, channel: usize, stretch: Stretch, value: f64, greatest: bool) -> Option<Range<u64>> {
        let row = stretch.start / TILE_FRAMES;
        let fine = self.store.part(row, Part::Fine(channel))?;
        let (pair, first) = (2 * size_of::<T>(), row * TILE_FRAMES);
        let from = ((stretch.start - first) / LEVELS[0]) as usize;
        let to = (stretch.end - first).div_ceil(LEVELS[0]) as usize;
        let holds = |pair: &[u8]| {
            let piece = Piece::<T>::at(pair, &[], 0);
            (if greatest { piece.max } else { piece.min }).to_f64() == value && piece.min <= piece.max
        };
        let bucket = fine.get(from * pair..to * pair)?.chunks_exact(pair).position(holds)?;
        let start = first + (from + bucket) as u64 * LEVELS[0];
        Some(start..(start + LEVELS[0]).min(stretch.end))
    }

    /// The first of a few frames that holds `value`.
    fn frame_of(&self, channel: usize, frames: Range<u64>, value: f64) -> Result<Option<u64>> {
        let bytes = Block::bytes_for(self.store.shape.sample_type, 1, frames.end - frames.start)?;
        let _held = self.task.budget().reserve(bytes)?;
        let mut block = Block::default();
        self.store.source.read(self.store.stream, frames.clone(), &[channel], &mut block)?;
        let at = with_samples!(block.samples(), samples => samples.iter().position(|x| x.to_f64() == value));
        Ok(at.map(|at| frames.start + at as u64))
    }
}

/// The moments of a piece that begins at frame `start`.
fn moments_of<T: Lane>(piece: &Piece<T>, start: u64) -> Moments {
    let PairSums { first, second, count } = piece.sums;
    let sums = if T::EXACT {
        // What a pass subtracts before squaring: both are exact, so that they must be about the same centre.
        let centre: i32 = if T::TYPE == SampleType::U16 { 1 << 15 } else { 0 };
        let (sum, squares, n, c) = (first as i128, second as i128, i128::from(count), i128::from(centre));
        Sums::Exact { centre, sum: sum - n * c, squares: squares - 2 * c * sum + n * c * c }
    } else {
        Sums::Rounded { mean: first, deviations: second }
    };
    let mut moments = Moments {
        count: u64::from(count),
        nan_count: piece.frames.saturating_sub(u64::from(count)),
        clipped: piece.clipped,
        sums,
        ..Moments::EMPTY
    };
    if count > 0 {
        (moments.min, moments.max) = (piece.min.to_f64(), piece.max.to_f64());
        moments.place(start, start + piece.frames);
    }
    moments
}
