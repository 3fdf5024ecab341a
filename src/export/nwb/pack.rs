//! A piece of a pass, packed: the samples of every series as rows, cut into chunks, compressed. Done by the workers.

use std::ops::Range;

use twox_hash::XxHash3_64;

use super::compress::{Codec, Encoder};
use super::pass::{Dropped, Pass, Rows, Series};
use crate::budget::Reservation;
use crate::error::Result;
use crate::file;
use crate::recording::{Block, ByteOrder, Event, Sample, SampleType, Scale};
use crate::source::Source;
use crate::task::Task;
use crate::with_samples;

/// What a worker made of a piece.
pub(super) struct Packed {
    /// The stored chunks, one after the other: of each series, row by row, then of the list of times.
    pub bytes: Vec<u8>,
    /// Of each chunk: its length, which filters were left out, XXH3 before any.
    pub chunks: Vec<(u32, u32, u64)>,
    /// Of each event track, if events are read in this pass.
    pub events: Vec<Vec<Event>>,
    /// Holds the memory until the piece is written.
    pub _memory: Option<Reservation>,
}

/// Packs the samples and times of piece `piece`.
///
/// # Errors
/// When reading fails, or the memory is over the budget.
pub(super) fn pack(source: &dyn Source, pass: &Pass, piece: u64, codec: Codec, task: &Task) -> Result<Packed> {
    let rows = pass.rows_of(piece);
    let frames = pass.frames_of(piece);
    let part = pass.rows.part(&rows);
    let n = rows.end - rows.start;
    let row: u64 = pass.series.iter().map(|s| (s.width() * s.kind.size()) as u64).sum::<u64>() + 8;
    let memory = task.budget().reserve(pass.piece_memory())?;
    let mut encoder = codec.encoder()?;
    let mut packed = Packed {
        bytes: Vec::with_capacity(if codec == Codec::None { (n * row) as usize } else { (n * row / 2) as usize }),
        chunks: Vec::new(),
        events: Vec::new(),
        _memory: Some(memory),
    };
    let mut raw = Vec::new();
    for series in &pass.series {
        let in_place = in_place(source, series, &part);
        let samples = match &in_place {
            Some(_) => None,
            None => Some(Samples::read(source, pass, series, &part, &frames)?),
        };
        for first in (0..n).step_by(series.chunk_rows as usize) {
            let count = series.chunk_rows.min(n - first);
            for column in 0..series.columns() {
                let first_channel = (column * series.chunk_columns) as usize;
                let last_channel = (first_channel + series.chunk_columns as usize).min(series.width());
                let channels = first_channel..last_channel;
                raw.clear();
                raw.resize(series.chunk_bytes(), 0);
                match (&in_place, &samples) {
                    (Some(piece), _) => {
                        let start = frames.start + first;
                        let local = piece.local(&(start..start + count));
                        if let Some(rows) = piece.layout.rows(local)? {
                            copy_rows(&rows, &series.channels[channels], series, &mut raw);
                        }
                    }
                    (None, Some(samples)) => samples.rows(series, first as usize, count as usize, channels, &mut raw),
                    (None, None) => {}
                }
                packed.append(&mut encoder, &raw, series.kind.size())?;
            }
        }
        if let Some(piece) = &in_place {
            piece.layout.map().check()?;
        }
    }
    for &unit in &pass.lists {
        for first in (0..n).step_by(pass.time_chunk_rows() as usize) {
            let count = pass.time_chunk_rows().min(n - first);
            raw.clear();
            match part.part(&(first..first + count)) {
                Rows::Frames(frames) => pass.clock.append_times(frames, unit, &mut raw),
                Rows::Ticks(ticks) => {
                    for tick in ticks {
                        raw.extend_from_slice(&unit.of(pass.clock.secs_of_tick(tick)).to_le_bytes());
                    }
                }
            }
            raw.resize(pass.time_chunk_rows() as usize * 8, 0);
            packed.append(&mut encoder, &raw, 8)?;
        }
    }
    Ok(packed)
}

impl Packed {
    fn append(&mut self, encoder: &mut Encoder, raw: &[u8], size: usize) -> Result<()> {
        let (len, skipped) = encoder.append(raw, size, &mut self.bytes)?;
        self.chunks.push((len, skipped, XxHash3_64::oneshot(raw)));
        Ok(())
    }
}

/// The piece of a file that holds all these rows as they are to be written, if there is one.
fn in_place(source: &dyn Source, series: &Series, rows: &Rows) -> Option<crate::source::FlatPiece> {
    let Rows::Frames(frames) = rows else { return None };
    let piece = source.flat_at(series.stream, frames.start).filter(|piece| piece.holds(frames))?;
    let format = piece.layout.format();
    let as_stored = series.scales.is_none() && series.beside.is_none() && format.sample_type == series.kind;
    let little = format.byte_order == ByteOrder::Little || format.size() == 1;
    (as_stored && little && piece.layout.is_interleaved()).then_some(piece)
}

/// Copies the samples of `channels` in these rows to the rows of a chunk: neighbours together.
fn copy_rows(rows: &file::Rows<'_>, channels: &[usize], series: &Series, out: &mut [u8]) {
    let size = rows.format.size();
    // Where a run of neighbouring samples goes, where it is, and how long it is.
    let mut runs: Vec<(usize, usize, usize)> = Vec::new();
    for (i, &channel) in channels.iter().enumerate() {
        let from = rows.channel_offsets[channel] as usize;
        match runs.last_mut() {
            Some((_, start, len)) if *start + *len == from => *len += size,
            _ => runs.push((i * size, from, size)),
        }
    }
    let row = series.chunk_columns as usize * size;
    for (i, out) in out.chunks_exact_mut(row).take(rows.frames).enumerate() {
        let bytes = &rows.bytes[i * rows.stride..];
        for &(to, from, len) in &runs {
            out[to..to + len].copy_from_slice(&bytes[from..from + len]);
        }
    }
}

/// Samples that were read, and which of them stands in each row.
struct Samples {
    /// Of the channels of the series.
    block: Block,
    /// Of the channels beside them.
    beside: Option<Block>,
    /// Of each row the frame of the block, or none; without a list, the rows are the frames.
    frame_of_row: Option<Vec<Option<usize>>>,
}

impl Samples {
    fn read(source: &dyn Source, pass: &Pass, series: &Series, rows: &Rows, frames: &Range<u64>) -> Result<Self> {
        let mut frames = frames.clone();
        let mut frame_of_row = None;
        if let Rows::Ticks(ticks) = rows {
            // A piece may begin with rows that repeat the last one of the piece before.
            if pass.fill == Dropped::Repeat && frames.start > pass.selection.frames.start {
                frames.start -= 1;
            }
            let mut list = vec![None; (ticks.end - ticks.start) as usize];
            for stretch in pass.clock.time.contiguous(frames.clone()) {
                let tick = pass.clock.time.tick_of_frame(stretch.start);
                for frame in stretch.clone() {
                    let tick = tick + (frame - stretch.start);
                    if let Some(row) = tick.checked_sub(ticks.start).and_then(|row| list.get_mut(row as usize)) {
                        *row = Some((frame - frames.start) as usize);
                    }
                }
            }
            if pass.fill == Dropped::Repeat {
                let mut last = if frames.is_empty() { None } else { Some(0) };
                for row in &mut list {
                    match row {
                        Some(frame) => last = Some(*frame),
                        None => *row = last,
                    }
                }
            }
            frame_of_row = Some(list);
        }
        let mut block = Block::default();
        source.read(series.stream, frames.clone(), &series.channels, &mut block)?;
        let mut beside = None;
        if let Some((stream, channels)) = &series.beside {
            let mut block = Block::default();
            source.read(*stream, frames, channels, &mut block)?;
            beside = Some(block);
        }
        Ok(Self { block, beside, frame_of_row })
    }

    /// The rows `first..first + count` of the piece, of these columns of the series, as rows of a chunk.
    fn rows(&self, series: &Series, first: usize, count: usize, columns: Range<usize>, out: &mut [u8]) {
        let row = series.chunk_columns as usize;
        let own = series.channels.len();
        let mut part = |block: &Block, columns: Range<usize>, behind: usize, at: usize| {
            let channels = columns.start - behind..columns.end - behind;
            self.block_rows(block, series, &Place { first, count, channels, row, at }, out);
        };
        if columns.start < own {
            part(&self.block, columns.start..columns.end.min(own), 0, 0);
        }
        if let Some(beside) = self.beside.as_ref().filter(|_| columns.end > own) {
            let first = columns.start.max(own);
            part(beside, first..columns.end, own, first - columns.start);
        }
    }

    fn block_rows(&self, block: &Block, series: &Series, place: &Place, out: &mut [u8]) {
        let stored = block.samples().sample_type();
        let frames = block.frames();
        with_samples!(block.samples(), v => {
            if series.scales.is_none() && (series.kind == stored || series.kind.size() == 1) {
                self.fill(v, frames, place, |_, x| Sample::to_le_array(x), None, out);
            } else {
                let scale = |c: usize| series.scales.as_ref().map_or(Scale::default(), |scales| scales[c]);
                if series.kind == SampleType::F32 {
                    let nan = Some(f32::NAN.to_le_bytes());
                    self.fill(v, frames, place, |c, x| (scale(c).apply(Sample::to_f64(x)) as f32).to_le_bytes(), nan, out);
                } else {
                    let nan = Some(f64::NAN.to_le_bytes());
                    self.fill(v, frames, place, |c, x| scale(c).apply(Sample::to_f64(x)).to_le_bytes(), nan, out);
                }
            }
        });
    }

    fn fill<T: Copy, B: AsRef<[u8]>>(
        &self,
        planar: &[T],
        frames: usize,
        place: &Place,
        convert: impl Fn(usize, T) -> B,
        missing: Option<B>,
        out: &mut [u8],
    ) {
        let size = size_of::<B>();
        for (i, c) in place.channels.clone().enumerate() {
            let values = &planar[c * frames..(c + 1) * frames];
            for r in 0..place.count {
                let frame = match &self.frame_of_row {
                    None => Some(place.first + r),
                    Some(list) => list[place.first + r],
                };
                let at = (r * place.row + place.at + i) * size;
                let cell = &mut out[at..at + size];
                match frame.and_then(|frame| values.get(frame)) {
                    Some(&x) => cell.copy_from_slice(convert(c, x).as_ref()),
                    None => {
                        if let Some(missing) = &missing {
                            cell.copy_from_slice(missing.as_ref());
                        } else if let Some(nan) = nan_of(size) {
                            cell.copy_from_slice(&nan[..size]);
                        }
                    }
                }
            }
        }
    }
}

/// Which rows and channels go where.
struct Place {
    first: usize,
    count: usize,
    channels: Range<usize>,
    /// Samples of a row of the chunk.
    row: usize,
    /// The first of these channels in it.
    at: usize,
}

/// Not a number, in the floating-point type of this size: only such types are written without conversion where rows may
/// be missing.
fn nan_of(size: usize) -> Option<[u8; 8]> {
    let mut bytes = [0; 8];
    match size {
        2 => bytes[..2].copy_from_slice(&half::f16::NAN.to_le_bytes()),
        4 => bytes[..4].copy_from_slice(&f32::NAN.to_le_bytes()),
        8 => bytes = f64::NAN.to_le_bytes(),
        _ => return None,
    }
    Some(bytes)
}
