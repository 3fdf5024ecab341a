//! From columns (one for each bucket) to bars (one for each pixel), so that no extreme is lost on the way: a pixel shows
//! the union of the columns whose middle it holds, and every column is in at least one pixel.

use std::ops::Range;

use super::scene::Bar;
use crate::recording::{Scale, TimeBase};
use crate::summary::{Columns, MinMax};

/// Where ticks of the sample clock lie on the picture.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct TimeScale {
    pub(super) first_tick: u64,
    /// At least 1.
    pub(super) ticks: u64,
    pub(super) x: f32,
    /// Whole pixels.
    pub(super) width: u32,
}

impl TimeScale {
    /// The pixel position of `tick`, which may lie outside.
    #[must_use]
    pub(super) fn x_of(&self, tick: u64) -> f32 {
        self.x + self.offset(tick) as f32
    }

    /// Pixels a tick.
    #[must_use]
    pub(super) fn pixels_per_tick(&self) -> f64 {
        f64::from(self.width) / self.ticks as f64
    }

    fn offset(&self, tick: u64) -> f64 {
        // The difference is taken in integers: ticks of a day at a megahertz have no room left in a float.
        (i128::from(tick) - i128::from(self.first_tick)) as f64 * self.pixels_per_tick()
    }
}

/// Which pixels each column goes to; the same for all channels of a request.
pub(super) struct Placement {
    /// For each column: first pixel and one past the last, relative to the plot; empty if it is not visible.
    pixels: Vec<(u32, u32)>,
    /// For each pixel: whether what is in it is exact.
    pub(super) exact: Vec<bool>,
    /// For each column: the tick of its first frame, and whether the column before it ends there.
    ticks: Vec<(u64, bool)>,
}

impl Placement {
    pub(super) fn new(columns: &Columns, time: &TimeBase, scale: &TimeScale) -> Self {
        Self::of(&columns.edges, &columns.exact, time, scale)
    }

    /// The same of columns between these edges, of which these are exact.
    pub(super) fn of(edges: &[u64], exact: &[bool], time: &TimeBase, scale: &TimeScale) -> Self {
        let count = edges.len().saturating_sub(1);
        let mut placement = Self {
            pixels: Vec::with_capacity(count),
            exact: vec![true; scale.width as usize],
            ticks: Vec::with_capacity(count),
        };
        let last_tick = scale.first_tick + scale.ticks;
        let mut end_before = None;
        for (i, edge) in edges.windows(2).enumerate() {
            let first = time.tick_of_frame(edge[0]);
            let end = time.tick_of_frame(edge[1].max(edge[0] + 1) - 1) + 1;
            placement.ticks.push((first, end_before == Some(first)));
            end_before = Some(end);
            let (from, to) = (first.max(scale.first_tick), end.min(last_tick));
            let pixels = if from < to { pixels_of(scale.offset(from), scale.offset(to), scale.width) } else { (0, 0) };
            if !exact.get(i).copied().unwrap_or(false) {
                placement.exact[pixels.0 as usize..pixels.1 as usize].fill(false);
            }
            placement.pixels.push(pixels);
        }
        placement
    }

    /// The union of the columns in each pixel; [`MinMax::EMPTY`] where there is none.
    pub(super) fn spread(&self, values: &[MinMax], scale: Scale) -> Vec<MinMax> {
        let mut out = vec![MinMax::EMPTY; self.exact.len()];
        for (&(from, to), value) in self.pixels.iter().zip(values) {
            let value = drawable(value.scaled(scale));
            for pixel in &mut out[from as usize..to as usize] {
                *pixel = pixel.union(value);
            }
        }
        out
    }

    /// The columns in each pixel, one after the other; none where there is none.
    pub(super) fn columns(&self) -> Vec<Range<usize>> {
        let mut out = vec![0..0; self.exact.len()];
        for (i, &(from, to)) in self.pixels.iter().enumerate() {
            for pixel in &mut out[from as usize..to as usize] {
                let first = if pixel.start < pixel.end { pixel.start } else { i };
                *pixel = first..i + 1;
            }
        }
        out
    }

    /// The samples of a request for single frames, as stretches without gaps and holes: tick and value.
    pub(super) fn samples(&self, values: &[MinMax], scale: Scale) -> Vec<Vec<(u64, f64)>> {
        let mut runs = Vec::new();
        let mut run: Vec<(u64, f64)> = Vec::new();
        for ((&(tick, joined), &(from, to)), value) in self.ticks.iter().zip(&self.pixels).zip(values) {
            let value = drawable(value.scaled(scale));
            let visible = from < to && !value.is_empty();
            if !joined || !visible {
                runs.push(std::mem::take(&mut run));
            }
            if visible {
                run.push((tick, value.min));
            }
        }
        runs.push(run);
        runs.retain(|r| !r.is_empty());
        runs
    }
}

/// Infinite samples are data, but they have no place on paper.
fn drawable(value: MinMax) -> MinMax {
    if value.is_empty() || (value.min.is_finite() && value.max.is_finite()) {
        return value;
    }
    let bound = |v: f64| v.clamp(-1e300, 1e300);
    if value.min == value.max { MinMax::EMPTY } else { MinMax { min: bound(value.min), max: bound(value.max) } }
}

/// The pixels whose middle lies in `from..to`, or else the one that holds the middle of `from..to`.
fn pixels_of(from: f64, to: f64, width: u32) -> (u32, u32) {
    let (first, end) = ((from - 0.5).ceil().max(0.0) as u32, (to - 0.5).ceil().max(0.0) as u32);
    if first < end {
        return (first.min(width), end.min(width));
    }
    let pixel = (((from + to) / 2.0).floor().max(0.0) as u32).min(width.saturating_sub(1));
    (pixel, pixel + 1)
}

/// How values become heights: `middle` is drawn at `y`, and `per_unit` pixels (upwards) are one unit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct ValueScale {
    pub(super) y: f32,
    pub(super) middle: f64,
    pub(super) per_unit: f64,
}

impl ValueScale {
    /// Draws `extent` centred on `y`, half of it `half` pixels high; a constant lies on `y`.
    pub(super) fn fitting(extent: MinMax, y: f32, half: f32) -> Self {
        if extent.is_empty() {
            return Self { y, middle: 0.0, per_unit: 0.0 };
        }
        let range = extent.max / 2.0 - extent.min / 2.0;
        let middle = extent.min + range;
        let per_unit = f64::from(half) / range;
        Self { y, middle, per_unit: if per_unit.is_finite() { per_unit } else { 0.0 } }
    }

    pub(super) fn y_of(&self, value: f64) -> f32 {
        self.y - ((value - self.middle) * self.per_unit) as f32
    }
}

/// One bar a pixel, at least `thickness` high; neighbours that do not meet are each drawn half-way towards the other,
/// as a line through them would be. No bar becomes shorter.
pub(super) fn bars(values: &[MinMax], scale: &ValueScale, thickness: f32) -> Vec<Bar> {
    let mut bars: Vec<Bar> = values
        .iter()
        .map(|v| {
            if v.is_empty() {
                return Bar::EMPTY;
            }
            let (a, b) = (scale.y_of(v.max), scale.y_of(v.min));
            // The scale may be upside down.
            let (top, bottom) = (a.min(b), a.max(b));
            let more = ((thickness - (bottom - top)) / 2.0).max(0.0);
            Bar { top: top - more, bottom: bottom + more }
        })
        .collect();
    for i in 1..bars.len() {
        let (a, b) = (bars[i - 1], bars[i]);
        if a.is_empty() || b.is_empty() {
            continue;
        }
        if b.top > a.bottom {
            let between = (b.top + a.bottom) / 2.0;
            (bars[i - 1].bottom, bars[i].top) = (between, between);
        } else if a.top > b.bottom {
            let between = (a.top + b.bottom) / 2.0;
            (bars[i - 1].top, bars[i].bottom) = (between, between);
        }
    }
    bars
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_a_pixel() {
        for width in [1_u32, 7, 100] {
            for columns in [1_u32, 3, 99, 170, 1000] {
                let step = f64::from(width) / f64::from(columns);
                let mut covered = vec![0; width as usize];
                for c in 0..columns {
                    let (from, to) = pixels_of(f64::from(c) * step, f64::from(c + 1) * step, width);
                    assert!(from < to && to <= width);
                    (from..to).for_each(|p| covered[p as usize] += 1);
                }
                assert!(covered.iter().all(|&n| n > 0), "{width} {columns}");
            }
        }
    }

    #[test]
    fn bars_meet_and_keep_their_extremes() {
        let values = [
            MinMax { min: 0.0, max: 1.0 },
            MinMax { min: 8.0, max: 9.0 },
            MinMax::EMPTY,
            MinMax { min: 4.0, max: 4.0 },
        ];
        let scale = ValueScale::fitting(MinMax { min: 0.0, max: 9.0 }, 50.0, 45.0);
        let bars = bars(&values, &scale, 1.0);
        assert_eq!((bars[0].bottom, bars[1].top), (95.0, 5.0));
        assert_eq!(bars[0].top, bars[1].bottom);
        assert!(bars[2].is_empty());
        assert_eq!(bars[3].bottom - bars[3].top, 1.0);
    }

    #[test]
    fn what_cannot_be_drawn_does_no_harm() {
        let all = f64::INFINITY;
        assert!(drawable(MinMax { min: all, max: all }).is_empty());
        let wide = drawable(MinMax { min: -all, max: all });
        let scale = ValueScale::fitting(wide, 10.0, 5.0);
        assert!((scale.y_of(wide.max) - 5.0).abs() < 1e-3 && (scale.y_of(wide.min) - 15.0).abs() < 1e-3);
        let constant = ValueScale::fitting(MinMax { min: 3.0, max: 3.0 }, 10.0, 5.0);
        assert_eq!(constant.y_of(3.0), 10.0);
    }
}
