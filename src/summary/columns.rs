//! What the viewer asks for, and what it gets: one minimum and maximum for each column of the picture.

use std::ops::Range;

use crate::recording::{Scale, TimeBase};

/// The least and the greatest of some samples, as stored values. The identity is (+∞, −∞): no sample (or only NaN).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MinMax {
    pub min: f64,
    pub max: f64,
}

impl MinMax {
    /// Of no samples.
    pub const EMPTY: Self = Self { min: f64::INFINITY, max: f64::NEG_INFINITY };

    /// Whether there is nothing to draw.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.min > self.max
    }

    /// Of both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self { min: self.min.min(other.min), max: self.max.max(other.max) }
    }

    /// In physical units; a negative gain swaps the two.
    #[must_use]
    pub fn scaled(self, scale: Scale) -> Self {
        if self.is_empty() {
            return self;
        }
        let (a, b) = (scale.apply(self.min), scale.apply(self.max));
        Self { min: a.min(b), max: a.max(b) }
    }
}

/// These channels over these frames, in buckets of this many frames. A request is its own identity: an answer carries
/// it, and an answer to another request than the current one is dropped.
///
/// Buckets lie on a grid from frame 0 whatever is visible, so a peak never changes height while scrolling.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ViewRequest {
    pub stream: usize,
    pub channels: Vec<usize>,
    /// `start` is a multiple of `bucket_frames`; `end` is too, or is the end of the stream.
    pub frames: Range<u64>,
    /// A power of two; 1 asks for the samples themselves.
    pub bucket_frames: u64,
}

impl ViewRequest {
    /// The request that covers `frames` (widened to whole buckets, clipped to `stream_frames`) with at least one and
    /// fewer than two buckets for each of the `frames_per_column`.
    #[must_use]
    pub fn covering(
        stream: usize,
        channels: Vec<usize>,
        frames: Range<u64>,
        stream_frames: u64,
        frames_per_column: f64,
    ) -> Self {
        let bucket_frames =
            if frames_per_column >= 2.0 { 1_u64 << (frames_per_column.log2().floor() as u32).min(62) } else { 1 };
        let start = frames.start.min(stream_frames) / bucket_frames * bucket_frames;
        let end = frames.end.div_ceil(bucket_frames).saturating_mul(bucket_frames).min(stream_frames);
        Self { stream, channels, frames: start..end.max(start), bucket_frames }
    }

    /// The first frame of each column, and the end of the last: the bucket grid, cut also at gaps that are at least a
    /// bucket long (shorter ones cannot be seen).
    #[must_use]
    pub fn edges(&self, time: &TimeBase) -> Vec<u64> {
        let mut edges: Vec<u64> =
            (self.frames.start..self.frames.end).step_by(self.bucket_frames.max(1) as usize).collect();
        let cuts = time.gaps().filter(|g| g.missing_frames >= self.bucket_frames).map(|g| g.after_frame + 1);
        edges.extend(cuts.filter(|c| self.frames.contains(c)));
        edges.push(self.frames.end);
        edges.sort_unstable();
        edges.dedup();
        edges
    }
}

/// The answer to a [`ViewRequest`].
#[derive(Clone, PartialEq, Debug)]
pub struct Columns {
    pub request: ViewRequest,
    /// Column `i` covers frames `edges[i]..edges[i + 1]`.
    pub edges: Vec<u64>,
    /// For each requested channel, one for each column; stored values.
    pub values: Vec<Vec<MinMax>>,
    /// For each column: whether it is exact; otherwise it is an estimate from a few samples (or unknown, if empty).
    pub exact: Vec<bool>,
}

impl Columns {
    /// Share of the columns that are exact, 0 to 1.
    #[must_use]
    pub fn exact_share(&self) -> f32 {
        if self.exact.is_empty() {
            return 1.0;
        }
        self.exact.iter().filter(|&&e| e).count() as f32 / self.exact.len() as f32
    }
}
