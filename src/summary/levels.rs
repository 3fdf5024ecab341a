//! Mean and mean square of each column of a picture, from the sums that the tiles hold.
//!
//! Columns of whole blocks of [`LEVEL_FRAMES`] frames come from the tiles alone, however long the recording; what lies
//! beside them (a column that a gap cuts, columns that are finer than a block) is read, up to a number of bytes that the
//! caller gives. What would take more is left unknown and said to be: no column is ever a guess. Blocks are merged as
//! [`crate::moments`] says.
//!
//! Cost: 24 bytes for each column and channel, reserved while the answer lives; for a day of 1,024 channels the totals of
//! the tiles (70 MB for int16 at 30 kHz, which the cache shares with the statistics of ranges).

use super::columns::ViewRequest;
use super::range::{Gather, Piecewise, overlap, pieces};
use super::store::Summary;
use super::tile::MOMENT_FRAMES;
use crate::budget::Reservation;
use crate::error::Result;
use crate::moments::Moments;
use crate::recording::Scale;
use crate::scan::Selection;
use crate::task::Task;

/// Columns of a multiple of so many frames need no samples where there are tiles.
pub const LEVEL_FRAMES: u64 = MOMENT_FRAMES;

/// How high the samples of a column are, as stored values.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Level {
    /// Samples that are numbers.
    pub count: u64,
    pub mean: f64,
    /// The sum of the squared deviations from the mean.
    pub deviations: f64,
}

impl Level {
    fn of(moments: &Moments) -> Self {
        if moments.count == 0 {
            return Self::default();
        }
        Self { count: moments.count, mean: moments.mean(), deviations: moments.deviations().max(0.0) }
    }

    /// Of both together (Chan, Golub & LeVeque 1983).
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        if self.count == 0 || other.count == 0 {
            return if self.count == 0 { other } else { self };
        }
        let (a, b) = (self.count as f64, other.count as f64);
        let delta = other.mean - self.mean;
        Self {
            count: self.count + other.count,
            mean: self.mean + delta * (b / (a + b)),
            deviations: self.deviations + other.deviations + delta * delta * (a * b / (a + b)),
        }
    }

    /// The mean in physical units; `None` of no samples, or of infinite ones.
    #[must_use]
    pub fn mean_in(self, scale: Scale) -> Option<f64> {
        let mean = scale.apply(self.mean);
        (self.count > 0 && mean.is_finite()).then_some(mean)
    }

    /// The square root of the mean squared distance from the physical value `middle`; `None` as [`Self::mean_in`].
    #[must_use]
    pub fn rms_about(self, middle: f64, scale: Scale) -> Option<f64> {
        let mean = self.mean_in(scale)?;
        let own = (self.deviations / self.count as f64).sqrt() * scale.gain.abs();
        let rms = own.hypot(mean - middle);
        rms.is_finite().then_some(rms)
    }
}

/// The answer to a [`ViewRequest`]: as [`super::Columns`], with levels in the place of extremes.
#[derive(Debug)]
pub struct Levels {
    pub request: ViewRequest,
    /// Column `i` covers frames `edges[i]..edges[i + 1]`.
    pub edges: Vec<u64>,
    /// For each requested channel, one for each column; stored values.
    pub values: Vec<Vec<Level>>,
    /// For each column: whether it is known. All that are known are exact.
    pub known: Vec<bool>,
    /// The memory of the values.
    _held: Reservation,
}

impl Summary {
    /// The levels of each column of `request`. Where tiles are missing, or a column is no multiple of [`LEVEL_FRAMES`],
    /// at most `read_bytes` of samples are read all together, from the left; columns for which that is not enough are
    /// not known.
    ///
    /// # Errors
    /// When the request is not of this stream, there is not enough memory, reading fails, or the task was stopped.
    pub fn levels(&self, request: &ViewRequest, read_bytes: u64, task: &Task) -> Result<Levels> {
        let store = &*self.0;
        let whole =
            Selection { stream: store.stream, channels: request.channels.clone(), frames: request.frames.clone() };
        let stream = whole.stream_in(store.source.recording())?;
        store.source.check_files()?;
        let edges = request.edges(&stream.time);
        let columns = edges.len().saturating_sub(1);
        let channels = request.channels.len();
        let bytes = columns * channels * size_of::<Level>() + channels * size_of::<Moments>();
        let held = task.budget().reserve(bytes as u64)?;
        let frame_bytes = (channels * store.shape.sample_type.size()) as u64;
        let mut levels = Levels {
            request: request.clone(),
            values: vec![Vec::with_capacity(columns); channels],
            known: Vec::with_capacity(columns),
            edges,
            _held: held,
        };
        let mut left = read_bytes;
        for column in 0..columns {
            let frames = levels.edges[column]..levels.edges[column + 1];
            let pieces = pieces(&frames, store.shape.frames);
            let samples = |piece: &Piecewise| match piece {
                Piecewise::Samples(frames) => frames.end - frames.start,
                Piecewise::Blocks(row, frames) if !store.has(*row) => frames.end - frames.start,
                Piecewise::Blocks(..) => 0,
                Piecewise::Rows(rows) => {
                    let missing = rows.clone().filter(|&row| !store.has(row));
                    missing.map(|row| overlap(&store.shape.range(row), &frames)).sum()
                }
            };
            let cost = pieces.iter().map(samples).sum::<u64>().saturating_mul(frame_bytes);
            let known = cost <= left;
            levels.known.push(known);
            if !known {
                levels.values.iter_mut().for_each(|list| list.push(Level::default()));
                continue;
            }
            left -= cost;
            let selection = Selection { frames, ..whole.clone() };
            let mut gather = Gather { store, selection: &selection, task, all: vec![Moments::EMPTY; channels] };
            for piece in pieces {
                gather.take(piece)?;
            }
            for (list, moments) in levels.values.iter_mut().zip(&gather.all) {
                list.push(Level::of(moments));
            }
            task.advance(0)?;
        }
        if levels.known.contains(&false) {
            store.want(request.frames.clone());
        }
        Ok(levels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_merge_to_those_of_all_samples() {
        let of = |values: &[f64]| {
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            let deviations = values.iter().map(|v| (v - mean) * (v - mean)).sum();
            Level { count: values.len() as u64, mean, deviations }
        };
        let values: Vec<f64> = (0..100).map(|i| 1e6 + f64::from(i * i % 37)).collect();
        let (all, merged) = (of(&values), of(&values[..13]).merged(of(&values[13..])));
        assert_eq!(merged.count, 100);
        assert!((merged.mean - all.mean).abs() < 1e-6 && (merged.deviations - all.deviations).abs() < 1e-6);
        assert_eq!(Level::default().merged(all), all);
        let scale = Scale { gain: -2.0, offset: 3.0 };
        assert_eq!(of(&[1.0, 3.0]).mean_in(scale), Some(-1.0));
        assert_eq!(of(&[1.0, 3.0]).rms_about(-1.0, scale), Some(2.0));
        assert_eq!(Level::default().mean_in(scale), None);
        assert_eq!(Level { count: 1, mean: f64::INFINITY, deviations: 0.0 }.rms_about(0.0, scale), None);
    }
}
