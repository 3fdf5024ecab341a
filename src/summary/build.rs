//! The pass that makes tiles: one look at every sample, in place where they lie interleaved in a mapped file.
//!
//! Workers of [`scan`] summarise chunks to buckets of 256 frames; the calling thread lays those of a
//! tile row together in order, derives the coarser levels and publishes the row. The pass goes in stretches of a
//! fraction of a second, between which it looks which frames are wanted next.
//!
//! Memory: one row (1 % of 2^20 frames) and the partial results of a few chunks, whatever the length.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::clipped;
use super::kernel::{Found, Lane, PairSums, Scratch, Weave, buckets_of_planes, buckets_of_rows};
use super::sidecar::SidecarPolicy;
use super::store::{Store, Summary, lock};
use super::tile::{LEVELS, MOMENT_FRAMES, Part, RowShape, TILE_FRAMES, put_pair};
use crate::budget::Reservation;
use crate::error::{Error, Result};
use crate::file::FlatLayout;
use crate::scan::{Accumulator, Chunk, ChunkPlan, ChunkView, MIN_CHUNK_FRAMES, Overlap, Selection, scan};
use crate::source::Source;
use crate::task::Task;
use crate::{with_samples, with_type};

/// A stretch between two looks at what is wanted takes about this long.
const STRETCH: Duration = Duration::from_millis(300);
/// The first stretch, bytes.
const FIRST_STRETCH_BYTES: u64 = 512 << 20;
/// A worker takes so much of a mapped file at once: enough that handing chunks out costs nothing, little enough that
/// the resident part of the map stays small.
const CHUNK_BYTES: u64 = 4 << 20;

/// What [`peaks`] has found and done.
#[derive(Clone, PartialEq, Debug)]
pub struct PeaksReport {
    /// The sidecar; `None` if there was no place for one.
    pub path: Option<PathBuf>,
    /// Its length.
    pub bytes: u64,
    /// Bytes of the samples that it summarises.
    pub source_bytes: u64,
    /// Tiles there are: one for each channel and 2^20 frames.
    pub tiles: u64,
    /// Whether a complete and sound sidecar was there already.
    pub was_complete: bool,
    pub secs: f64,
}

/// Builds the sidecar of stream `stream`, or checks every byte of the one that is there and repairs it.
///
/// # Errors
/// When the recording cannot be read, the sidecar cannot be written, or the task was stopped; what was made by then
/// stays and is not made again.
pub fn peaks(source: std::sync::Arc<dyn Source>, stream: usize, task: &Task) -> Result<PeaksReport> {
    peaks_at(source, stream, &SidecarPolicy::Auto, task)
}

/// [`peaks`] with the sidecar where `policy` says.
///
/// # Errors
/// As [`peaks`].
pub fn peaks_at(
    source: std::sync::Arc<dyn Source>,
    stream: usize,
    policy: &SidecarPolicy,
    task: &Task,
) -> Result<PeaksReport> {
    let started = Instant::now();
    let summary = Summary::open(source, stream, task.budget(), policy)?;
    let shape = summary.0.shape;
    let there: Vec<u64> = (0..shape.rows()).filter(|&row| summary.0.has(row)).collect();
    let row_bytes = shape.full_row_bytes();
    task.add_total(there.len() as u64 * row_bytes);
    let mut was_complete = summary.is_complete();
    for row in there {
        was_complete &= summary.0.verify(row);
        task.advance(row_bytes)?;
    }
    summary.build(task).map_err(|e| match summary.sidecar_path() {
        Some(path) if e.is_cancelled() => {
            e.with_remedy(format!("what was summarised so far is kept in {}; run it again to go on", path.display()))
        }
        _ => e,
    })?;
    Ok(PeaksReport {
        path: summary.sidecar_path(),
        bytes: summary.0.sidecar().map_or(0, |s| s.len()),
        source_bytes: summary.0.source.recording().streams[stream].bytes(),
        tiles: shape.rows() * shape.channels as u64,
        was_complete,
        secs: started.elapsed().as_secs_f64(),
    })
}

impl Summary {
    /// Makes all missing tiles, those of [`Summary::want`]ed frames first, and writes them to the sidecar. Each is there
    /// for [`Summary::columns`] as soon as it is made. Progress is counted in bytes of the recording.
    ///
    /// # Errors
    /// When reading or writing fails or the task was stopped; the tiles made by then stay. A sidecar without any goes.
    pub fn build(&self, task: &Task) -> Result<()> {
        let _alone = lock(&self.0.building);
        self.build_alone(task)
    }

    pub(super) fn build_alone(&self, task: &Task) -> Result<()> {
        let store = &*self.0;
        let built = self.build_missing(task);
        if built.is_err() {
            store.remove_empty_sidecar();
        }
        built
    }

    fn build_missing(&self, task: &Task) -> Result<()> {
        let store = &*self.0;
        if self.is_complete() {
            // One that was cut short behind its rows is mended; one that grows has none yet.
            let growing = store.growing.load(Ordering::Acquire) || store.is_superseded();
            return if growing { Ok(()) } else { store.mend_totals() };
        }
        let kept = store.open_for_writing();
        if kept
            && !store.is_superseded()
            && let Some(sidecar) = store.sidecar().filter(|s| s.is_writable())
        {
            // Of a recording that has grown, it is still that of the one before.
            sidecar.write_header(false)?;
            sidecar.forget_totals()?;
        }
        store.take_heritage(task)?;
        if store.shape.channels == 0 {
            (0..store.shape.rows()).for_each(|row| store.set(row, true));
            return Ok(());
        }
        let frame_bytes = (store.shape.channels * store.shape.sample_type.size()) as u64;
        let missing: u64 = (0..store.shape.rows())
            .filter(|&row| !store.has(row))
            .map(|row| store.shape.range(row))
            .map(|r| r.end - r.start)
            .sum();
        task.add_total(missing * frame_bytes);
        let mut tried = vec![false; store.shape.rows() as usize];
        let mut most = (FIRST_STRETCH_BYTES / (frame_bytes * TILE_FRAMES)).max(1);
        while let Some(rows) = store.next_rows(most, &tried) {
            let started = Instant::now();
            let first_frame = rows.start * TILE_FRAMES;
            let end_frame = store.shape.range(rows.end - 1).end;
            stretch(store, first_frame..end_frame, task)?;
            tried[rows.start as usize..rows.end as usize].fill(true);
            let took = started.elapsed();
            if took < STRETCH / 2 {
                most = most.saturating_mul(2);
            } else if took > STRETCH * 2 {
                most = (most / 2).max(1);
            }
        }
        if kept
            && self.is_complete()
            && !store.growing.load(Ordering::Acquire)
            && !store.is_superseded()
            && let Some(sidecar) = store.sidecar()
        {
            store.write_totals(&sidecar)?;
            sidecar.write_header(true)?;
        }
        Ok(())
    }
}

/// Makes the rows of `frames`, which begin and end where rows do.
fn stretch(store: &Store, frames: std::ops::Range<u64>, task: &Task) -> Result<()> {
    let source = store.source.as_ref();
    let selection = Selection { stream: store.stream, channels: (0..store.shape.channels).collect(), frames };
    let stream = &source.recording().streams[store.stream];
    let mut plan = ChunkPlan::new(task, stream, &selection, Overlap::default())?;
    // Rows are never longer than tiles; a chunk of a wide recording is as short as the engine allows.
    plan.chunk_frames = plan.chunk_frames.clamp(MIN_CHUNK_FRAMES, TILE_FRAMES);
    let first = source.flat_at(store.stream, selection.frames.start);
    let rows_in_place = first.map(|piece| piece.layout).filter(FlatLayout::is_interleaved);
    if let Some(flat) = &rows_in_place {
        let frames = (CHUNK_BYTES / flat.frame_stride().max(1)).max(1);
        plan.chunk_frames = plan.chunk_frames.min(frames.next_power_of_two()).max(MIN_CHUNK_FRAMES);
    }
    let weave = rows_in_place.map(|flat| {
        let offsets: Vec<usize> = flat.channel_offsets().iter().map(|&o| o as usize).collect();
        Weave::new(flat.frame_stride() as usize, &offsets, store.shape.sample_type.size())
    });
    let assembly = Mutex::new(Assembly {
        store,
        row: Vec::new(),
        next_frame: selection.frames.start,
        reservation: task.budget().reserve(0)?,
        error: None,
    });
    let failed = AtomicU64::new(0);
    let scanned = scan(source, &selection, &plan, task, || Partial {
        weave: weave.as_ref(),
        assembly: &assembly,
        failed: &failed,
        fine: None,
    });
    // A row that could not be published stops the scan, and is the error to report.
    let assembly = assembly.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    assembly.error.map_or(scanned.map(drop), Err)
}

/// The buckets of a chunk.
struct Fine {
    first_frame: u64,
    frames: u64,
    /// For each channel, the pairs of its buckets of 256.
    pairs: Vec<u8>,
    /// For each channel and 4096 frames: the sums, and how many samples are at the limits of their type.
    moments: Vec<(PairSums, u16)>,
}

struct Partial<'a, 's> {
    weave: Option<&'a Weave>,
    assembly: &'a Mutex<Assembly<'s>>,
    /// Not zero once a row could not be published: the rest need not be read.
    failed: &'a AtomicU64,
    fine: Option<Fine>,
}

impl Accumulator for Partial<'_, '_> {
    type Output = ();

    fn update(&mut self, chunk: &Chunk, view: &mut ChunkView<'_>) -> Result<()> {
        if self.failed.load(Ordering::Relaxed) != 0 {
            return Err(Error::cancelled());
        }
        let at = (chunk.core.start, (chunk.core.end - chunk.core.start) as usize);
        if let Some(weave) = self.weave
            && let Some(rows) = view.rows()?
            && weave.fits(rows.stride, rows.channel_offsets.iter().copied())
        {
            self.fine = Some(with_type!(rows.format.sample_type, T => {
                let mut fine = Fine::of::<T>(rows.channel_offsets.len(), at, |found| {
                    let bytes = (rows.bytes, rows.format.byte_order);
                    buckets_of_rows::<T, true>(&mut Scratch::new(weave), bytes, weave, at, LEVELS[0], found);
                });
                fine.count_clipped::<T>(|channel, frames| clipped::in_rows::<T>(&rows, channel, frames));
                fine
            }));
            return Ok(());
        }
        let block = view.block()?;
        let n = block.frames();
        self.fine = Some(with_samples!(block.samples(), samples => {
            let mut fine = Fine::of(block.channels(), at, |found| {
                buckets_of_planes::<_, true>(samples, at, LEVELS[0], found);
            });
            fine.count_clipped_like(samples, |channel, frames| {
                clipped::among(&samples[channel * n + frames.start..channel * n + frames.end])
            });
            fine
        }));
        Ok(())
    }

    /// Chunks come in order; what is merged into the first partial result is laid into the row at once, so that nothing
    /// piles up.
    fn merge(&mut self, later: Self) {
        let Some(fine) = later.fine else { return };
        let mut assembly = lock(self.assembly);
        if assembly.error.is_none()
            && let Err(e) = assembly.take(&fine)
        {
            self.failed.store(1, Ordering::Relaxed);
            assembly.error = Some(e);
        }
    }

    fn finish(self) {}
}

impl Fine {
    fn of<T: Lane>(
        channels: usize,
        (first_frame, frames): (u64, usize),
        run: impl FnOnce(&mut dyn FnMut(usize, usize, Found<T>)),
    ) -> Self {
        debug_assert!(first_frame.is_multiple_of(MOMENT_FRAMES));
        let pair = 2 * size_of::<T>();
        let buckets = frames.div_ceil(LEVELS[0] as usize);
        let per_moment = (MOMENT_FRAMES / LEVELS[0]) as usize;
        let moments_each = frames.div_ceil(MOMENT_FRAMES as usize);
        let mut pairs = vec![0; channels * buckets * pair];
        let mut moments = vec![(PairSums::default(), 0); channels * moments_each];
        run(&mut |bucket, channel, found| {
            put_pair(&mut pairs[(channel * buckets + bucket) * pair..][..pair], found.min, found.max);
            moments[channel * moments_each + bucket / per_moment].0.unite::<T>(found.sums);
        });
        Self { first_frame, frames: frames as u64, pairs, moments }
    }

    /// Counts the samples at the limits of the type: `among` says how many there are in some frames of a channel,
    /// counted from the first of the chunk. It is asked only about buckets whose extremes say that there are some.
    fn count_clipped<T: Lane>(&mut self, among: impl Fn(usize, std::ops::Range<usize>) -> usize) {
        let (size, frames) = (size_of::<T>(), self.frames as usize);
        let buckets = frames.div_ceil(LEVELS[0] as usize);
        let per_moment = (MOMENT_FRAMES / LEVELS[0]) as usize;
        let moments_each = frames.div_ceil(MOMENT_FRAMES as usize);
        for (i, pair) in self.pairs.chunks_exact(2 * size).enumerate() {
            let (min, max) = (T::from_le_slice(&pair[..size]), T::from_le_slice(&pair[size..]));
            if min > max || (min != T::LOWEST && max != T::HIGHEST) {
                continue;
            }
            let (channel, bucket) = (i / buckets, i % buckets);
            let start = bucket * LEVELS[0] as usize;
            let end = (start + LEVELS[0] as usize).min(frames);
            // Floats that are no numbers do not show in the extremes.
            let n = if min == max && !T::TYPE.is_float() { end - start } else { among(channel, start..end) };
            self.moments[channel * moments_each + bucket / per_moment].1 += n as u16;
        }
    }

    /// The same for samples of this type.
    fn count_clipped_like<T: Lane>(&mut self, _: &[T], among: impl Fn(usize, std::ops::Range<usize>) -> usize) {
        self.count_clipped::<T>(among);
    }
}

/// The row that is being laid together.
struct Assembly<'a> {
    store: &'a Store,
    row: Vec<u8>,
    next_frame: u64,
    reservation: Reservation,
    error: Option<Error>,
}

impl Assembly<'_> {
    fn take(&mut self, fine: &Fine) -> Result<()> {
        debug_assert_eq!(fine.first_frame, self.next_frame);
        let row = fine.first_frame / TILE_FRAMES;
        let range = self.store.shape.range(row);
        let shape = self.store.shape.row(row);
        if self.row.len() != shape.len() {
            self.reservation.resize(shape.len() as u64)?;
            self.row = vec![0; shape.len()];
        }
        let first = fine.first_frame - range.start;
        lay(&shape, &mut self.row, fine, first);
        self.next_frame = fine.first_frame + fine.frames;
        if self.next_frame == range.end {
            let seed = self.store.sidecar().map_or(0, |s| s.seed());
            shape.seal(row, &mut self.row, seed);
            self.store.publish(row, &self.row)?;
        }
        Ok(())
    }
}

/// Lays the buckets of a chunk, which begins `first` frames into the row, into the image of the row.
fn lay(shape: &RowShape, image: &mut [u8], fine: &Fine, first: u64) {
    let bytes_each = fine.pairs.len() / shape.channels;
    let moments_each = fine.moments.len() / shape.channels;
    let first_pair = (first / LEVELS[0]) as usize * 2 * shape.sample_type.size();
    let first_moment = (first / MOMENT_FRAMES) as usize;
    let moments = shape.part(Part::Moments);
    for channel in 0..shape.channels {
        let at = shape.part(Part::Fine(channel)).start + first_pair;
        image[at..at + bytes_each].copy_from_slice(&fine.pairs[channel * bytes_each..][..bytes_each]);
        for (i, &(sums, clipped)) in fine.moments[channel * moments_each..][..moments_each].iter().enumerate() {
            shape.put_moments(&mut image[moments.clone()], channel, first_moment + i, sums, clipped);
        }
    }
}
