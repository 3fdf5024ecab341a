//! One pass over streams that share a clock: its rows, its series, and how they are cut into pieces and chunks.
//!
//! A piece is a number of rows of all series of the pass, and a whole number of chunks of each; its datasets are the
//! series in their order, then the lists of times.

use std::ops::Range;

use super::clock::{Clock, TimeUnit};
use crate::recording::{SampleType, Scale};
use crate::scan::Selection;

/// A chunk holds at most this: what HDF5 keeps of each dataset in memory, so that no reader unpacks a chunk twice.
const CHUNK_BYTES: u64 = 1 << 20;
/// Channels of a chunk: few of them can be read without unpacking all.
pub(super) const CHUNK_COLUMNS: u64 = 64;
/// A piece is about this long, if the memory allows.
const PIECE_BYTES: u64 = 4 << 20;
/// Pieces that exist at a time are not longer than this together.
const ALL_PIECES_BYTES: u64 = 96 << 20;
/// No piece is shorter, rows, but for the last, and where rows are very long.
const MIN_PIECE_ROWS: u64 = 256;

/// What stands for packets that were lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dropped {
    /// Nothing: the times of the rows jump.
    Gap,
    /// Rows of NaN (the samples become floating-point numbers).
    Nan,
    /// The row before, again.
    Repeat,
}

/// The rows of a pass.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Rows {
    /// A row for each of these frames.
    Frames(Range<u64>),
    /// A row for each of these ticks, whether there is a frame or not.
    Ticks(Range<u64>),
}

impl Rows {
    pub(super) fn len(&self) -> u64 {
        let (Self::Frames(range) | Self::Ticks(range)) = self;
        range.end - range.start
    }

    /// These rows of mine.
    pub(super) fn part(&self, rows: &Range<u64>) -> Self {
        let of = |range: &Range<u64>| range.start + rows.start..range.start + rows.end;
        match self {
            Self::Frames(range) => Self::Frames(of(range)),
            Self::Ticks(range) => Self::Ticks(of(range)),
        }
    }
}

/// What a series is in NWB.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Class {
    /// Voltages between electrodes.
    Electrical { conversion: f64, offset: f64, channel_conversion: Option<Vec<f64>> },
    /// Anything else.
    Plain { unit: String, conversion: f64, offset: f64 },
}

/// A series of samples.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Series {
    pub name: String,
    pub description: String,
    pub stream: usize,
    pub channels: Vec<usize>,
    /// Columns behind those: channels of another stream with the same clock and the same stored type.
    pub beside: Option<(usize, Vec<usize>)>,
    /// The group that it stands in: `acquisition`.
    pub folder: &'static str,
    pub times: TimeUnit,
    /// As it is written.
    pub kind: SampleType,
    /// Applied before writing, a scale for each channel.
    pub scales: Option<Vec<Scale>>,
    pub class: Class,
    pub chunk_rows: u64,
    pub chunk_columns: u64,
}

impl Series {
    /// Its group, as an absolute path.
    pub(super) fn path(&self) -> String {
        format!("/{}/{}", self.folder, self.name)
    }

    /// Columns.
    pub(super) fn width(&self) -> usize {
        self.channels.len() + self.beside.as_ref().map_or(0, |(_, channels)| channels.len())
    }

    /// Bytes of a row.
    fn row_bytes(&self) -> u64 {
        self.width() as u64 * self.kind.size() as u64
    }

    /// Chunks side by side.
    pub(super) fn columns(&self) -> u64 {
        (self.width() as u64).div_ceil(self.chunk_columns)
    }

    /// Bytes of a chunk before any filter.
    pub(super) fn chunk_bytes(&self) -> usize {
        (self.chunk_rows * self.chunk_columns) as usize * self.kind.size()
    }
}

/// One pass over streams that share a clock.
#[derive(Clone, Debug)]
pub(super) struct Pass {
    /// What is read of the first of them: for progress, and for giving pages back.
    pub selection: Selection,
    pub rows: Rows,
    pub fill: Dropped,
    pub series: Vec<Series>,
    /// The lists of the times of the rows: none where start and rate say them, else one for each unit that the series
    /// count them in.
    pub lists: Vec<TimeUnit>,
    pub clock: Clock,
    pub piece_rows: u64,
}

impl Pass {
    pub(super) fn pieces(&self) -> u64 {
        self.rows.len().div_ceil(self.piece_rows)
    }

    /// The rows of a piece, counted from the first of the pass.
    pub(super) fn rows_of(&self, piece: u64) -> Range<u64> {
        piece * self.piece_rows..((piece + 1) * self.piece_rows).min(self.rows.len())
    }

    /// The frames behind the rows of a piece.
    pub(super) fn frames_of(&self, piece: u64) -> Range<u64> {
        match self.rows.part(&self.rows_of(piece)) {
            Rows::Frames(frames) => frames,
            Rows::Ticks(ticks) => {
                let Range { start, end } = self.selection.frames;
                let at = |tick| self.clock.time.frame_at_tick(tick).clamp(start, end);
                at(ticks.start)..at(ticks.end)
            }
        }
    }

    /// Rows of a chunk of the list of times.
    pub(super) fn time_chunk_rows(&self) -> u64 {
        self.piece_rows.min(CHUNK_BYTES / 8)
    }

    /// Bytes that packing a piece takes: what is packed and what it is packed from, and a chunk before and after the
    /// shuffle.
    pub(super) fn piece_memory(&self) -> u64 {
        let largest = self.series.iter().map(Series::chunk_bytes).max().unwrap_or(0) as u64;
        self.piece_rows
            .saturating_mul(row_bytes(&self.series) + 8 * self.lists.len().max(1) as u64)
            .saturating_mul(2)
            .saturating_add(3 * largest)
    }

    /// How many threads can pack pieces with `free` bytes: each has one in hand, and two wait.
    pub(super) fn threads(&self, threads: usize, free: u64) -> usize {
        let fitting = free / self.piece_memory().saturating_mul(3).max(1);
        usize::try_from(fitting).unwrap_or(usize::MAX).clamp(1, threads)
    }

    /// Datasets: the series, and the lists of times.
    pub(super) fn datasets(&self) -> usize {
        self.series.len() + self.lists.len()
    }

    /// The series beside which the list of times `list` stands: the first that counts in its unit.
    pub(super) fn owner_of(&self, list: usize) -> &Series {
        let unit = self.lists[list];
        self.series.iter().find(|s| s.times == unit).unwrap_or(&self.series[0])
    }

    /// Chunks of dataset `index` in a piece.
    fn chunks_in(&self, piece: u64, index: usize) -> usize {
        let rows = self.rows_of(piece);
        let n = rows.end - rows.start;
        match self.series.get(index) {
            Some(series) => (n.div_ceil(series.chunk_rows) * series.columns()) as usize,
            None => n.div_ceil(self.time_chunk_rows()) as usize,
        }
    }

    /// Where the chunks of dataset `index` are among those of a piece.
    pub(super) fn chunk_range(&self, piece: u64, index: usize) -> Range<usize> {
        let before: usize = (0..index).map(|i| self.chunks_in(piece, i)).sum();
        before..before + self.chunks_in(piece, index)
    }

    /// Bytes of all rows, before any filter.
    pub(super) fn bytes(&self) -> u64 {
        self.rows.len().saturating_mul(row_bytes(&self.series) + 8 * self.lists.len() as u64)
    }
}

fn row_bytes(series: &[Series]) -> u64 {
    series.iter().map(Series::row_bytes).sum()
}

/// The largest power of two up to `n`, at least 1.
fn power_below(n: u64) -> u64 {
    1 << n.max(1).ilog2()
}

/// Gives every series the shape of its chunks, as wide as it says at most; returns the rows of a piece.
pub(super) fn shape(series: &mut [Series], rows: u64, lists: usize, threads: usize, limit: u64) -> u64 {
    let row = row_bytes(series) + 8 * lists as u64;
    // While a worker has one in hand, others wait for their turn; each exists read and packed.
    let share = ALL_PIECES_BYTES.min(limit / 2) / (threads as u64 * 6).max(1);
    let least = MIN_PIECE_ROWS.min(2 * PIECE_BYTES / row.max(1)).max(1);
    let piece_rows = power_below((PIECE_BYTES.min(share) / row.max(1)).max(least));
    // A short recording is one piece of one row of chunks.
    let piece_rows = if rows <= piece_rows { rows } else { piece_rows };
    for series in series {
        let columns = series.width() as u64;
        series.chunk_columns = columns.div_ceil(columns.div_ceil(series.chunk_columns.max(1)));
        let fitting = power_below(CHUNK_BYTES / (series.chunk_columns * series.kind.size() as u64));
        series.chunk_rows = fitting.min(piece_rows);
    }
    piece_rows
}
