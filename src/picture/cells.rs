//! The cells of a heat map of channels: which columns each shows, and how much of the highest colour it has.
//!
//! A cell tells of all samples that it covers: the largest distance from the channel's middle, the greatest less the least,
//! the mean or the RMS. Several columns in a pixel are one cell, several lanes in a row of pixels have the cell of the one
//! that is farthest from nothing: what is loud never vanishes. No cell reaches across a gap that is seen.

use std::ops::Range;

use super::display::HeatValue;
use crate::recording::{Scale, TimeBase};
use crate::summary::{Columns, Level, Levels, MinMax};

/// A row of the map: which values of the columns, where its middle is, and how much of its unit is the brightest colour
/// of peaks.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct HeatRow {
    pub values: usize,
    pub scale: Scale,
    pub middle: f64,
    pub full: f64,
}

/// What the cells are made of.
#[derive(Clone, Copy, Debug)]
pub enum HeatData<'a> {
    Extremes(&'a Columns),
    /// For values that [`HeatValue::needs_levels`].
    Levels(&'a Levels),
}

impl HeatData<'_> {
    /// The first frame of each column, and the end of the last.
    #[must_use]
    pub fn edges(&self) -> &[u64] {
        match self {
            Self::Extremes(columns) => &columns.edges,
            Self::Levels(levels) => &levels.edges,
        }
    }

    /// Frames of a column.
    #[must_use]
    pub fn bucket_frames(&self) -> u64 {
        match self {
            Self::Extremes(columns) => columns.request.bucket_frames,
            Self::Levels(levels) => levels.request.bucket_frames,
        }
    }

    /// The place of a channel among the values.
    #[must_use]
    pub fn place_of(&self, channel: usize) -> Option<usize> {
        let channels = match self {
            Self::Extremes(columns) => &columns.request.channels,
            Self::Levels(levels) => &levels.request.channels,
        };
        channels.binary_search(&channel).ok()
    }

    /// Whether all of these columns are exact.
    #[must_use]
    pub fn is_exact(&self, columns: Range<usize>) -> bool {
        let of = match self {
            Self::Extremes(columns) => &columns.exact,
            Self::Levels(levels) => &levels.known,
        };
        of.get(columns).is_some_and(|exact| exact.iter().all(|&e| e))
    }

    /// How far between the lowest and the highest colour the samples of these columns are, 0 to 1 and beyond; `None`
    /// where nothing is known of them or there are none.
    #[must_use]
    pub fn share(&self, row: &HeatRow, columns: Range<usize>, value: HeatValue) -> Option<f32> {
        let limits = value.limits(row.full);
        let physical = match self {
            Self::Extremes(all) => {
                let of = all.values.get(row.values)?.get(columns)?;
                // Of all samples together: the extremes may lie in different columns.
                let all = of.iter().fold(MinMax::EMPTY, |all, &v| if v.is_empty() { all } else { all.union(v) });
                if all.is_empty() {
                    return None;
                }
                let MinMax { min, max } = all.scaled(row.scale);
                if value == HeatValue::PeakToPeak {
                    max - min
                } else {
                    (min - row.middle).abs().max((max - row.middle).abs())
                }
            }
            Self::Levels(all) => {
                // What is known of a part would be told as if it were the whole.
                if !self.is_exact(columns.clone()) {
                    return None;
                }
                let of = all.values.get(row.values)?.get(columns)?;
                let level = of.iter().fold(Level::default(), |all, &level| all.merged(level));
                if value == HeatValue::Mean {
                    level.mean_in(row.scale)? - row.middle
                } else {
                    level.rms_about(row.middle, row.scale)?
                }
            }
        };
        let share = (physical - limits.start) / (limits.end - limits.start);
        // Infinite samples have the highest colour; what has no height at all (a range of none) has no colour.
        (!share.is_nan()).then_some(share as f32)
    }
}

/// Of two lanes in one row of pixels, the one that is farther from nothing.
#[must_use]
pub fn louder(a: Option<f32>, b: Option<f32>, value: HeatValue) -> Option<f32> {
    let nothing = if value == HeatValue::Mean { 0.5 } else { 0.0 };
    match (a, b) {
        (Some(x), Some(y)) => Some(if (y - nothing).abs() > (x - nothing).abs() { y } else { x }),
        (one, other) => one.or(other),
    }
}

/// The cells of a picture, from left to right: ticks, and the columns that each shows.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct HeatCells {
    /// First tick, the tick behind the last, and the columns.
    pub cells: Vec<(u64, u64, Range<usize>)>,
}

impl HeatCells {
    /// The columns of a stream with this clock, `merged` (a power of two) to a cell, never across a gap that is seen.
    #[must_use]
    pub fn new(data: HeatData<'_>, time: &TimeBase, merged: usize) -> Self {
        let edges = data.edges();
        let mut cells: Vec<(u64, u64, Range<usize>)> = Vec::with_capacity(edges.len() / merged.max(1) + 1);
        for (i, edge) in edges.windows(2).enumerate().filter(|(_, edge)| edge[0] < edge[1]) {
            let (start, end) = (time.tick_of_frame(edge[0]), time.tick_of_frame(edge[1] - 1) + 1);
            match cells.last_mut() {
                Some((_, last, of)) if start.saturating_sub(*last) < data.bucket_frames() => {
                    // A gap that is shorter than a column opens no seam.
                    *last = start;
                    if of.len() < merged {
                        (*last, of.end) = (end, i + 1);
                    } else {
                        cells.push((start, end, i..i + 1));
                    }
                }
                _ => cells.push((start, end, i..i + 1)),
            }
        }
        Self { cells }
    }

    /// Runs of cells that touch and are equally long: each is drawn as one rectangle.
    #[must_use]
    pub fn runs(&self) -> Vec<Range<usize>> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        for (i, (start, end, _)) in self.cells.iter().enumerate() {
            let fits = |run: &Range<usize>| {
                let (first, last) = (&self.cells[run.start], &self.cells[run.end - 1]);
                last.1 == *start && first.1 - first.0 == end - start
            };
            match runs.last_mut() {
                Some(run) if fits(run) => run.end = i + 1,
                _ => runs.push(i..i + 1),
            }
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::ClockSpan;
    use crate::summary::ViewRequest;

    #[test]
    fn cells_end_at_gaps_and_runs_cover_them_all() {
        let spans = [(0, 0), (10, 110)].map(|(first_frame, first_tick)| ClockSpan { first_frame, first_tick });
        let time = TimeBase::with_spans(1.0, spans.to_vec());
        let request = ViewRequest { stream: 0, channels: vec![0], frames: 0..32, bucket_frames: 4 };
        let edges = request.edges(&time);
        let n = edges.len() - 1;
        let values = vec![vec![MinMax { min: 0.0, max: 1.0 }; n]];
        let columns = Columns { exact: vec![true; n], edges, values, request };
        for merged in [1, 2, 4] {
            let cells = HeatCells::new(HeatData::Extremes(&columns), &time, merged);
            assert!(cells.cells.iter().all(|(start, end, _)| *end <= 10 || *start >= 110), "{cells:?}");
            let all: Vec<usize> = cells.cells.iter().flat_map(|c| c.2.clone()).collect();
            assert_eq!(all, (0..n).collect::<Vec<_>>());
            let runs = cells.runs();
            assert_eq!(runs.iter().map(Range::len).sum::<usize>(), cells.cells.len());
            assert!(runs.len() <= 4, "{runs:?}");
        }
    }

    #[test]
    fn the_farther_from_nothing_is_shown() {
        assert_eq!(louder(Some(0.2), Some(0.7), HeatValue::Rms), Some(0.7));
        assert_eq!(louder(Some(0.2), Some(0.7), HeatValue::Mean), Some(0.2));
        assert_eq!(louder(None, Some(0.0), HeatValue::Mean), Some(0.0));
        assert_eq!(louder(None, None, HeatValue::Peak), None);
    }
}
