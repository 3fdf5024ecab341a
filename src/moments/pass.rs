//! One pass over the samples, at about the speed of memory: 8- and 16-bit interleaved channels are taken in place,
//! along the rows; one channel alone is taken from the map in groups that stay in the cache; everything else from
//! blocks.
//!
//! Where an extreme is, is looked for only in chunks that may hold the first one: those whose extreme no earlier chunk
//! is known to have reached. In a signal without drift these are a few of all chunks.

use std::ops::Range;
use std::sync::Mutex;

use super::Moments;
use super::Stretch;
use super::kernel::{GROUP, Small, of, of_small, of_small_rows};
use crate::error::Result;
use crate::file::Rows;
use crate::recording::{ByteOrder, Sample, SampleType, Samples};
use crate::scan::{Accumulator, Chunk, ChunkPlan, ChunkView, Overlap, Selection, scan_observed};
use crate::source::Source;
use crate::task::Task;
use crate::{with_samples, with_type};

/// The moments of each selected channel, in the order of the selection; `observe` sees them grow. `threads` limits the
/// threads for short ranges.
///
/// # Errors
/// When the selection is not of the source, reading fails, or the task was stopped.
pub(crate) fn pass(
    source: &dyn Source,
    selection: &Selection,
    threads: usize,
    task: &Task,
    observe: &mut dyn FnMut(&[Moments]),
) -> Result<Vec<Moments>> {
    let stream = selection.stream_in(source.recording())?;
    let mut plan = ChunkPlan::new(task, stream, selection, Overlap::default())?;
    plan.threads = plan.threads.min(threads.max(1));
    let records = Mutex::new(vec![Record::default(); selection.channels.len()]);
    let new = || Partial { selection, records: &records, channels: vec![Moments::EMPTY; selection.channels.len()] };
    scan_observed(source, selection, &plan, task, new, &mut |so_far: &Partial<'_>| observe(&so_far.channels))
}

/// The moments of some samples that lie side by side; where the extremes are is not looked for.
pub(crate) fn of_samples(samples: &Samples, range: Range<usize>) -> Moments {
    match samples {
        Samples::I8(v) => of_small(&v[range]),
        Samples::U8(v) => of_small(&v[range]),
        Samples::I16(v) => of_small(&v[range]),
        Samples::U16(v) => of_small(&v[range]),
        Samples::I32(v) => of(&v[range]),
        Samples::U32(v) => of(&v[range]),
        Samples::I64(v) => of(&v[range]),
        Samples::U64(v) => of(&v[range]),
        Samples::F16(v) => of(&v[range]),
        Samples::F32(v) => of(&v[range]),
        Samples::F64(v) => of(&v[range]),
    }
}

/// The extremes that some chunk is known to hold, and the earliest chunk that does.
#[derive(Clone, Copy, Debug)]
struct Record {
    min: (f64, u64),
    max: (f64, u64),
}

impl Default for Record {
    fn default() -> Self {
        Self { min: (f64::INFINITY, u64::MAX), max: (f64::NEG_INFINITY, u64::MAX) }
    }
}

impl Record {
    /// Whether chunk `index` may hold the first least, and the first greatest of all.
    fn beaten_by(&mut self, found: &Moments, index: u64) -> (bool, bool) {
        let least = found.count > 0 && (found.min < self.min.0 || (found.min == self.min.0 && index < self.min.1));
        let greatest = found.count > 0 && (found.max > self.max.0 || (found.max == self.max.0 && index < self.max.1));
        if least {
            self.min = (found.min, index);
        }
        if greatest {
            self.max = (found.max, index);
        }
        (least, greatest)
    }
}

/// The moments of each selected channel.
struct Partial<'s> {
    selection: &'s Selection,
    records: &'s Mutex<Vec<Record>>,
    channels: Vec<Moments>,
}

impl Accumulator for Partial<'_> {
    type Output = Vec<Moments>;

    fn update(&mut self, chunk: &Chunk, view: &mut ChunkView<'_>) -> Result<()> {
        if let Some(rows) = view.rows()?
            && self.take_rows(&rows)
        {
            let channels = &self.selection.channels;
            self.locate(chunk, |channel, value| {
                let first = rows.channel_offsets[channels[channel]] as usize;
                with_type!(rows.format.sample_type, T => find_in_rows::<T>(&rows, first, value))
            });
            return Ok(());
        }
        let block = view.block()?;
        let n = block.frames();
        for (c, moments) in self.channels.iter_mut().enumerate() {
            let range = c * n..(c + 1) * n;
            moments.merge(&of_samples(block.samples(), range));
        }
        self.locate(chunk, |channel, value| {
            with_samples!(block.samples(), v => v[channel * n..(channel + 1) * n].iter().position(|x| x.to_f64() == value))
        });
        Ok(())
    }

    fn merge(&mut self, later: Self) {
        for (mine, theirs) in self.channels.iter_mut().zip(&later.channels) {
            mine.merge(theirs);
        }
    }

    fn finish(self) -> Vec<Moments> {
        self.channels
    }
}

impl Partial<'_> {
    /// Notes where the extremes are, exactly where they may be the first; `find` looks for a value in a channel.
    fn locate(&mut self, chunk: &Chunk, find: impl Fn(usize, f64) -> Option<usize>) {
        let wanted: Vec<(bool, bool)> = {
            // Each record is a pair of plain numbers: whatever a thread that panicked has left is sound.
            let mut records = self.records.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let pairs = records.iter_mut().zip(&self.channels);
            pairs.map(|(record, found)| record.beaten_by(found, chunk.index)).collect()
        };
        let exactly = |channel, value, wanted: bool| {
            let found = if wanted { find(channel, value) } else { None };
            found.map_or(Stretch { start: chunk.core.start, end: chunk.core.end }, |i| {
                Stretch::at(chunk.core.start + i as u64)
            })
        };
        let places: Vec<(Stretch, Stretch)> = self
            .channels
            .iter()
            .zip(wanted)
            .enumerate()
            .map(|(c, (found, (least, greatest)))| (exactly(c, found.min, least), exactly(c, found.max, greatest)))
            .collect();
        for (found, (least, greatest)) in self.channels.iter_mut().zip(places) {
            (found.min_in, found.max_in) = (least, greatest);
        }
    }

    /// Takes the rows in place, if they are of a kind for which there is a kernel.
    fn take_rows(&mut self, rows: &Rows<'_>) -> bool {
        let size = rows.format.size();
        if rows.format.byte_order != ByteOrder::Little && size > 1 {
            return false;
        }
        let mut order: Vec<usize> = (0..self.channels.len()).collect();
        let offset = |i: usize| rows.channel_offsets[self.selection.channels[i]] as usize;
        order.sort_unstable_by_key(|&i| offset(i));
        let side_by_side = order.windows(2).all(|w| offset(w[0]) + size == offset(w[1]));
        let Some(&leftmost) = order.first() else { return true };
        let first = offset(leftmost);
        if order.len() == 1 && rows.stride == size {
            self.channels[0].merge(&match rows.format.sample_type {
                SampleType::I8 => dense(rows, first, of_small::<i8>),
                SampleType::Bool | SampleType::U8 => dense(rows, first, of_small::<u8>),
                SampleType::I16 => dense(rows, first, of_small::<i16>),
                SampleType::U16 => dense(rows, first, of_small::<u16>),
                wide => with_type!(wide, T => dense(rows, first, of::<T>)),
            });
            return true;
        }
        // A few channels of many are cheaper to take out one by one than with a short run in every row.
        if !side_by_side || order.len() < 8 {
            return false;
        }
        let n = order.len();
        let all = match rows.format.sample_type {
            SampleType::I8 => in_rows::<i8>(rows, first, n),
            SampleType::Bool | SampleType::U8 => in_rows::<u8>(rows, first, n),
            SampleType::I16 => in_rows::<i16>(rows, first, n),
            SampleType::U16 => in_rows::<u16>(rows, first, n),
            _ => return false,
        };
        for (&i, moments) in order.iter().zip(&all) {
            self.channels[i].merge(moments);
        }
        true
    }
}

fn in_rows<T: Small>(rows: &Rows<'_>, first: usize, channels: usize) -> Vec<Moments> {
    of_small_rows::<T>(rows.bytes, rows.stride, first, channels, rows.frames)
}

/// Samples that follow one another without anything between, decoded group by group.
fn dense<T: Sample>(rows: &Rows<'_>, first: usize, of: impl Fn(&[T]) -> Moments) -> Moments {
    let size = size_of::<T>();
    let mut all = Moments::EMPTY;
    let mut group: Vec<T> = Vec::with_capacity(GROUP);
    let bytes = &rows.bytes[first..];
    for bytes in bytes[..rows.frames * size].chunks(GROUP * size) {
        group.clear();
        group.extend(bytes.chunks_exact(size).map(T::from_le_slice));
        all.merge(&of(&group));
    }
    all
}

/// The first row whose sample at byte `first` is `value`; little-endian.
fn find_in_rows<T: Sample>(rows: &Rows<'_>, first: usize, value: f64) -> Option<usize> {
    let size = size_of::<T>();
    let is = |bytes: &[u8]| T::from_le_slice(bytes).to_f64() == value;
    if rows.stride != size {
        return (0..rows.frames).find(|row| {
            let at = row * rows.stride + first;
            is(&rows.bytes[at..at + size])
        });
    }
    // Run by run, each to its end, so that several samples are compared at a time: a search costs as much as the sums.
    const RUN: usize = 512;
    rows.bytes[first..first + rows.frames * size].chunks(RUN * size).enumerate().find_map(|(i, run)| {
        let hit = run.chunks_exact(size).fold(false, |hit, bytes| hit | is(bytes));
        hit.then(|| run.chunks_exact(size).position(is).map(|at| i * RUN + at)).flatten()
    })
}
