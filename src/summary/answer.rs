//! Columns from what there is: tiles, a bounded reading of the samples, or an estimate that says so.
//!
//! The columns of a request are buckets on a grid from frame 0, cut at gaps. Between two cuts the coarsest level that
//! fits is used as far as its buckets reach, the next finer one for what is left at either end, and the samples
//! themselves for less than 256 frames. Columns narrower than 256 frames come from the samples. Where tiles are
//! missing, the samples are read if that is little work; otherwise a few short stretches of each column are, and the
//! column is marked as not exact.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use super::columns::{Columns, MinMax, ViewRequest};
use super::kernel::{Found, Lane, Scratch, Weave, buckets_of_planes, buckets_of_rows};
use super::store::{Store, Summary, lock};
use super::tile::{LEVELS, TILE_FRAMES, to_min_max, unite};
use crate::error::{Error, Result};
use crate::file::FlatLayout;
use crate::recording::Block;
use crate::scan::{Accumulator, Chunk, ChunkPlan, ChunkView, MIN_CHUNK_FRAMES, Overlap, Selection, scan};
use crate::source::for_flat_pieces;
use crate::task::Task;
use crate::{with_samples, with_type};

/// Columns narrower than the finest buckets are read from at most so many bytes.
const FINE_READ_BYTES: u64 = 256 << 20;
/// In place of missing tiles, at most so many bytes of samples are read.
const READ_BYTES: u64 = 32 << 20;
/// For an estimate, so many bytes are still read whole.
const ESTIMATE_READ_BYTES: u64 = 2 << 20;
/// A stretch that an estimate reads, bytes of samples.
const STRETCH_BYTES: u64 = 4096;
/// The rows of a stretch are not longer than this, unless they are very few.
const STRETCH_ROWS_BYTES: u64 = 64 << 10;
/// A range so short is read on one thread.
const ONE_THREAD_BYTES: u64 = 1 << 20;

/// Frames between two cuts; column `first_column` is the one that holds the first.
#[derive(Clone, Debug)]
struct Segment {
    frames: Range<u64>,
    first_column: usize,
}

/// Some frames of a segment.
type Piece = (Range<u64>, usize);

struct Answer<'a> {
    store: &'a Store,
    request: &'a ViewRequest,
    at_once: bool,
    segments: Vec<Segment>,
    /// For each channel, each column.
    values: Vec<Vec<MinMax>>,
    exact: Vec<bool>,
    /// To be read because no bucket fits.
    ends: Vec<Piece>,
    /// Without tiles.
    missing: Vec<Piece>,
}

impl Summary {
    /// The columns of `request`: exact where tiles are there or few samples are to be read, elsewhere a marked estimate.
    /// Frames whose tiles were missed are [`Summary::want`]ed from then on.
    ///
    /// Cost: some milliseconds from tiles; at most the reading of 256 MiB of samples for columns narrower than 256
    /// frames, of 32 MiB in place of missing tiles; of more where the margins of filters make an estimate dearer than that.
    ///
    /// # Errors
    /// When the request is not of this stream, or reading fails.
    pub fn columns(&self, request: &ViewRequest, task: &Task) -> Result<Columns> {
        let narrow = request.bucket_frames < LEVELS[0];
        self.answer(request, if narrow { FINE_READ_BYTES } else { READ_BYTES }, false, task)
    }

    /// As [`Summary::columns`], but hardly reads samples: what can be shown at once, whatever the disk.
    ///
    /// # Errors
    /// As [`Summary::columns`].
    pub fn estimate(&self, request: &ViewRequest, task: &Task) -> Result<Columns> {
        self.answer(request, ESTIMATE_READ_BYTES, true, task)
    }

    /// Whether [`Summary::columns`] of `request` need not look for anything far away in the file.
    #[must_use]
    pub fn is_prompt(&self, request: &ViewRequest) -> bool {
        let ends = [request.frames.start, request.frames.end];
        ends.iter().all(|&frame| self.0.source.is_prepared(request.stream, &request.channels, frame))
    }

    fn answer(&self, request: &ViewRequest, read_bytes: u64, at_once: bool, task: &Task) -> Result<Columns> {
        let store = &*self.0;
        check(store, request)?;
        // Tiles outlive the samples that they were made of: a file that has shrunk is no longer what they show.
        store.source.check_files()?;
        let time = &store.source.recording().streams[store.stream].time;
        let most = (request.frames.end - request.frames.start) / request.bucket_frames + 2 + time.gaps().len() as u64;
        let bytes = most.saturating_mul(request.channels.len() as u64 + 1).saturating_mul(size_of::<MinMax>() as u64);
        let _held = store.budget.reserve(bytes)?;
        let edges = request.edges(time);
        let columns = edges.len().saturating_sub(1);
        let mut answer = Answer {
            store,
            request,
            at_once,
            segments: segments(&edges, request.bucket_frames),
            values: vec![vec![MinMax::EMPTY; columns]; request.channels.len()],
            exact: vec![true; columns],
            ends: Vec::new(),
            missing: Vec::new(),
        };
        if !request.channels.is_empty() {
            let level = LEVELS.iter().rposition(|&l| l <= request.bucket_frames);
            for segment in 0..answer.segments.len() {
                answer.take_tiles(level, answer.segments[segment].frames.clone(), segment);
            }
            answer.take_samples(&edges, read_bytes, task)?;
        }
        Ok(Columns { request: request.clone(), edges, values: answer.values, exact: answer.exact })
    }
}

fn check(store: &Store, request: &ViewRequest) -> Result<()> {
    let frames = &request.frames;
    let ends = |f: u64| f.is_multiple_of(request.bucket_frames) || f == store.shape.frames;
    if request.stream != store.stream
        || request.channels.iter().any(|&c| c >= store.shape.channels)
        || frames.start > frames.end
        || frames.end > store.shape.frames
        || !request.bucket_frames.is_power_of_two()
        || !(ends(frames.start) && ends(frames.end))
    {
        return Err(Error::invalid("the columns asked for are not of this recording"));
    }
    Ok(())
}

/// The stretches between those edges that are not on the grid.
fn segments(edges: &[u64], bucket: u64) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut first = 0;
    for i in 1..edges.len() {
        if i + 1 == edges.len() || !edges[i].is_multiple_of(bucket) {
            segments.push(Segment { frames: edges[first]..edges[i], first_column: first });
            first = i;
        }
    }
    segments
}

impl Segment {
    fn column(&self, frame: u64, bucket: u64) -> usize {
        self.first_column + (frame / bucket - self.frames.start / bucket) as usize
    }
}

impl Answer<'_> {
    /// Fills in `frames` from level `level` and finer ones; `None`: from the samples.
    fn take_tiles(&mut self, level: Option<usize>, frames: Range<u64>, segment: usize) {
        if frames.is_empty() {
            return;
        }
        let Some(level) = level else {
            self.ends.push((frames, segment));
            return;
        };
        let bucket = LEVELS[level];
        let start = frames.start.div_ceil(bucket) * bucket;
        // The last bucket of the recording is whole even if it is short.
        let end = if frames.end == self.store.shape.frames { frames.end } else { frames.end / bucket * bucket };
        if start >= end {
            self.take_tiles(level.checked_sub(1), frames, segment);
            return;
        }
        self.take_tiles(level.checked_sub(1), frames.start..start, segment);
        for row in start / TILE_FRAMES..end.div_ceil(TILE_FRAMES) {
            let of_row = self.store.shape.range(row);
            let part = start.max(of_row.start)..end.min(of_row.end);
            if !self.take_row(row, level, &part, segment) {
                match self.missing.last_mut() {
                    Some((last, s)) if last.end == part.start && *s == segment => last.end = part.end,
                    _ => self.missing.push((part, segment)),
                }
            }
        }
        self.take_tiles(level.checked_sub(1), end..frames.end, segment);
    }

    /// Fills in `frames`, whole buckets of `level`, from one row; false if it is not there.
    fn take_row(&mut self, row: u64, level: usize, frames: &Range<u64>, segment: usize) -> bool {
        let shape = self.store.shape.row(row);
        let bucket = LEVELS[level];
        let each = (self.request.bucket_frames / bucket) as usize;
        let in_row = frames.start - row * TILE_FRAMES;
        let buckets = (in_row / bucket) as usize..((frames.end - row * TILE_FRAMES).div_ceil(bucket)) as usize;
        let first = each - (frames.start / bucket) as usize % each;
        let segment = &self.segments[segment];
        let columns = segment.column(frames.start, self.request.bucket_frames)
            ..=segment.column(frames.end - 1, self.request.bucket_frames);
        let pair = 2 * shape.sample_type.size();
        let mut last: Option<(super::tile::Part, Arc<[u8]>)> = None;
        // One part at a time: all channels' finest levels together may be larger than the memory budget. If a part is
        // missing, what was united before it does no harm: it is of these frames, all of which are then looked at in
        // another way.
        for (&channel, values) in self.request.channels.iter().zip(&mut self.values) {
            let (part, place) = shape.level(level, channel);
            let bytes = match &last {
                Some((of, bytes)) if *of == part => Arc::clone(bytes),
                _ => match self.store.part(row, part) {
                    Some(bytes) => bytes,
                    None => return false,
                },
            };
            let pairs = &bytes[place][buckets.start * pair..buckets.end * pair];
            let columns = &mut values[columns.clone()];
            with_type!(shape.sample_type, T => unite::<T>(pairs, first, each, columns));
            last = Some((part, bytes));
        }
        true
    }

    /// Fills in what tiles did not give.
    fn take_samples(&mut self, edges: &[u64], read_bytes: u64, task: &Task) -> Result<()> {
        let (ends, missing) = (std::mem::take(&mut self.ends), std::mem::take(&mut self.missing));
        if !missing.is_empty() {
            self.store.want(self.request.frames.clone());
        }
        // Where every stretch of an estimate is read with a margin, as through a filter, and margins lie over each other,
        // all of the samples are less work than two stretches of each column; and they are exact.
        let Store { source, stream, .. } = self.store;
        let reach = source.estimate_reach(*stream);
        let is_less = reach.is_some_and(|reach| self.request.bucket_frames <= reach.saturating_mul(2));
        let mut left = read_bytes;
        let mut not_read = Vec::new();
        for pieces in [ends, missing] {
            let bytes: u64 = pieces.iter().map(|(frames, _)| self.cost(frames)).sum();
            if (bytes <= left || is_less) && pieces.iter().all(|(frames, _)| self.may_read(frames)) {
                left = left.saturating_sub(bytes);
                for (frames, segment) in &pieces {
                    self.read(frames.clone(), *segment, task)?;
                }
            } else {
                not_read.extend(pieces);
            }
        }
        self.sample(edges, &not_read, task)
    }

    /// Whether `frames` may be read, or only be guessed at: what must be shown at once waits for nothing.
    fn may_read(&self, frames: &Range<u64>) -> bool {
        let Store { source, stream, .. } = self.store;
        !self.at_once || source.is_prepared(*stream, &self.request.channels, frames.start)
    }

    /// How the first of the frames asked for lie; those of a recording of several files may go on differently.
    fn flat(&self) -> Option<FlatLayout> {
        self.store.source.flat_at(self.store.stream, self.request.frames.start).map(|piece| piece.layout)
    }

    /// Bytes that reading `frames` touches.
    fn cost(&self, frames: &Range<u64>) -> u64 {
        let frame = match self.flat() {
            Some(flat) if flat.is_interleaved() => flat.frame_stride(),
            _ => (self.request.channels.len() * self.store.shape.sample_type.size()) as u64,
        };
        (frames.end - frames.start).saturating_mul(frame)
    }

    /// Of the channels asked for, where they lie in rows.
    fn weave(&self) -> Option<Weave> {
        self.flat().filter(|flat| flat.is_interleaved()).map(|flat| {
            let offsets: Vec<usize> =
                self.request.channels.iter().map(|&c| flat.channel_offsets()[c] as usize).collect();
            Weave::new(flat.frame_stride() as usize, &offsets, flat.format().size())
        })
    }

    /// Fills in `frames` from all of its samples.
    fn read(&mut self, frames: Range<u64>, segment: usize, task: &Task) -> Result<()> {
        let source = self.store.source.as_ref();
        let stream = &source.recording().streams[self.store.stream];
        let selection = Selection { stream: self.store.stream, channels: self.request.channels.clone(), frames };
        let mut plan = ChunkPlan::new(task, stream, &selection, Overlap::default())?;
        let bytes = self.cost(&selection.frames);
        if bytes <= ONE_THREAD_BYTES {
            plan.threads = 1;
        } else {
            let frame = (bytes / selection.len().max(1)).max(1);
            let chunk = (bytes / (4 * plan.threads as u64)).min(4 << 20) / frame;
            // As short as that, but not for nothing; shorter only where the budget wants it.
            plan.chunk_frames = plan.chunk_frames.min(chunk.next_power_of_two().max(MIN_CHUNK_FRAMES));
        }
        let weave = self.weave();
        let channels = &self.request.channels;
        let bucket = self.request.bucket_frames;
        let segment = &self.segments[segment];
        let target = Mutex::new(&mut self.values);
        scan(source, &selection, &plan, task, || Reading {
            weave: weave.as_ref(),
            channels,
            bucket,
            segment,
            target: &target,
            found: None,
        })
    }

    /// Fills in the columns that `pieces` lie in from a few short stretches of each, and marks them.
    fn sample(&mut self, edges: &[u64], pieces: &[Piece], task: &Task) -> Result<()> {
        let bucket = self.request.bucket_frames;
        let interleaved = self.flat().is_none_or(|flat| flat.is_interleaved());
        let frame_bytes = (self.request.channels.len() * self.store.shape.sample_type.size()) as u64;
        let row_bytes = self.flat().map_or(frame_bytes, |flat| flat.frame_stride()).max(1);
        let stretch = (STRETCH_BYTES / frame_bytes.max(1)).min(STRETCH_ROWS_BYTES / row_bytes).clamp(8, 256);
        // In a planar file every channel is another place on the disk.
        let stretches = if interleaved { 2 } else { 1 };
        let mut plan: Vec<(usize, Range<u64>)> = Vec::new();
        for (frames, segment) in pieces {
            let segment = &self.segments[*segment];
            let columns = segment.column(frames.start, bucket)..=segment.column(frames.end - 1, bucket);
            for column in columns {
                self.exact[column] = false;
                let span = frames.start.max(edges[column])..frames.end.min(edges[column + 1]);
                let len = span.end - span.start;
                if len <= stretch * stretches {
                    plan.push((column, span));
                } else {
                    let step = len / stretches;
                    plan.extend((0..stretches).map(|i| {
                        let first = span.start + i * step + (step - stretch) / 2;
                        (column, first..first + stretch)
                    }));
                }
            }
        }
        let source = Arc::clone(&self.store.source);
        let weave = self.weave();
        let mut block = Block::default();
        let bytes = Block::bytes_for(self.store.shape.sample_type, self.request.channels.len(), stretch * stretches)?;
        let _held = self.store.budget.reserve(bytes)?;
        let mut next = 0;
        while let Some((column, frames)) = plan.get(next) {
            let piece = source.flat_at(self.store.stream, frames.start).filter(|piece| piece.holds(frames));
            if let (Some(weave), Some(piece)) = (&weave, &piece)
                && self.is_woven(weave, &piece.layout)
            {
                let here = plan[next..].iter().take_while(|(_, frames)| piece.holds(frames));
                let here: Vec<_> = here.map(|(column, frames)| (*column, piece.local(frames))).collect();
                next += here.len();
                // All of them on their way before the first is waited for.
                here.iter().for_each(|(_, frames)| piece.layout.will_need(frames.clone()));
                let flat = &piece.layout;
                with_type!(self.store.shape.sample_type, T => self.sample_rows::<T>(flat, weave, &here, task))?;
                continue;
            }
            source.read_estimate(self.store.stream, frames.clone(), &self.request.channels, &mut block)?;
            let values = &mut self.values;
            let n = (frames.end - frames.start) as usize;
            with_samples!(block.samples(), samples => {
                buckets_of_planes::<_, false>(samples, (0, n), u64::MAX, |_, c, found| {
                    values[c][*column] = values[c][*column].union(to_min_max(found.min, found.max));
                });
            });
            // Where they are mapped, the system maps the neighbourhood of a page with it; all of that goes.
            for_flat_pieces(
                source.as_ref(),
                self.store.stream,
                &(edges[*column]..edges[*column + 1]),
                |piece, frames| {
                    piece.layout.release(frames);
                    Ok(())
                },
            )?;
            next += 1;
            task.advance(0)?;
        }
        Ok(())
    }

    /// Whether `flat` lies as `weave` takes it.
    fn is_woven(&self, weave: &Weave, flat: &FlatLayout) -> bool {
        let offsets = self.request.channels.iter().map(|&c| flat.channel_offsets()[c]);
        flat.is_interleaved() && weave.fits(flat.frame_stride() as usize, offsets)
    }

    /// The stretches of `plan`, in rows.
    fn sample_rows<T: Lane>(
        &mut self,
        flat: &FlatLayout,
        weave: &Weave,
        plan: &[(usize, Range<u64>)],
        task: &Task,
    ) -> Result<()> {
        let mut scratch = Scratch::<T>::new(weave);
        let most = plan.iter().map(|(_, frames)| frames.end - frames.start).max().unwrap_or(0);
        let _held = self.store.budget.reserve(most.saturating_mul(flat.frame_stride()))?;
        let mut buffer = Vec::new();
        for (column, frames) in plan {
            let Some(rows) = flat.copied_rows(frames.clone(), &mut buffer)? else { break };
            let values = &mut self.values;
            let bytes = (rows.bytes, rows.format.byte_order);
            buckets_of_rows::<T, false>(&mut scratch, bytes, weave, (0, rows.frames), u64::MAX, |_, c, found| {
                values[c][*column] = values[c][*column].union(to_min_max(found.min, found.max));
            });
            task.advance(0)?;
        }
        Ok(())
    }
}

/// One chunk's columns: the first, and for each channel each of them.
struct Read {
    first_column: usize,
    columns: usize,
    values: Vec<MinMax>,
}

struct Reading<'a, 'b> {
    weave: Option<&'a Weave>,
    /// Those that the weave takes, in its order.
    channels: &'a [usize],
    bucket: u64,
    segment: &'a Segment,
    target: &'a Mutex<&'b mut Vec<Vec<MinMax>>>,
    found: Option<Read>,
}

impl Accumulator for Reading<'_, '_> {
    type Output = ();

    fn update(&mut self, chunk: &Chunk, view: &mut ChunkView<'_>) -> Result<()> {
        let at = (chunk.core.start, (chunk.core.end - chunk.core.start) as usize);
        let first_column = self.segment.column(chunk.core.start, self.bucket);
        let columns = self.segment.column(chunk.core.end - 1, self.bucket) + 1 - first_column;
        let mut values = Vec::new();
        if let Some(weave) = self.weave
            && let Some(rows) = view.rows()?
            && weave.fits(rows.stride, self.channels.iter().map(|&c| rows.channel_offsets[c]))
        {
            values.resize(weave.channels() * columns, MinMax::EMPTY);
            with_type!(rows.format.sample_type, T => {
                let put = put::<T>(&mut values, columns);
                let bytes = (rows.bytes, rows.format.byte_order);
                buckets_of_rows::<T, false>(&mut Scratch::new(weave), bytes, weave, at, self.bucket, put);
            });
        } else {
            let block = view.block()?;
            values.resize(block.channels() * columns, MinMax::EMPTY);
            with_samples!(block.samples(), samples => {
                buckets_of_planes::<_, false>(samples, at, self.bucket, put(&mut values, columns));
            });
        }
        self.found = Some(Read { first_column, columns, values });
        Ok(())
    }

    /// A column may be wider than a chunk, so that what is found is united with what is there.
    fn merge(&mut self, later: Self) {
        let Some(found) = later.found else { return };
        let mut target = lock(self.target);
        for (values, new) in target.iter_mut().zip(found.values.chunks_exact(found.columns)) {
            for (value, new) in values[found.first_column..].iter_mut().zip(new) {
                *value = value.union(*new);
            }
        }
    }

    fn finish(self) {}
}

fn put<T: Lane>(values: &mut [MinMax], columns: usize) -> impl FnMut(usize, usize, Found<T>) {
    move |column, channel, found| values[channel * columns + column] = to_min_max(found.min, found.max)
}
