//! Rows of events beneath the lanes, as in the window: digital lines as levels, others as marks.

use super::super::event_marks::{level_runs, mark_runs, pixel_edges};
use super::super::font::{self, fit};
use super::super::scene::{Anchor, Area, Shape};
use super::time::gap_bands;
use super::{Painter, SMALL_SIZE};

/// Height of a row, and the least.
const ROW: f32 = 18.0;
const LEAST: f32 = 2.0;
/// Rows take at most this share of the plot.
const MOST: f32 = 0.4;

/// How high so many rows are on a plot of this height.
pub(super) fn height(rows: usize, plot: f32, scale: f32) -> f32 {
    (rows as f32 * ROW * scale).min(plot * MOST)
}

impl Painter<'_> {
    /// All rows, as far as they have room.
    pub(super) fn event_rows(&mut self) {
        let rows = &self.options.look.rows;
        if rows.is_empty() || self.foot < 1.0 {
            return;
        }
        let plot = self.layout.plot;
        let high = (self.foot / rows.len() as f32).max(LEAST);
        let top = plot.bottom() - self.foot;
        self.horizontal(plot.x, plot.right(), top, self.palette.line);
        let edges = pixel_edges(
            &self.stream.time,
            self.at.first_tick as f64,
            1.0 / self.at.pixels_per_tick(),
            self.at.width as usize,
        );
        let mut free = f32::NEG_INFINITY;
        for (i, row) in rows.iter().enumerate() {
            let y = top + i as f32 * high;
            if y + high > plot.bottom() + 0.5 {
                break;
            }
            let pad = (high * LEAST / ROW).min(self.s(1.5));
            let (head, foot) = (y + pad, y + high - pad);
            let color = self.palette.trace(i);
            let x = self.at.x;
            let line = self.s(1.5).max(1.0).min(foot - head);
            let mut shapes = Vec::new();
            let mut put = |from: usize, to: usize, head: f32, foot: f32| {
                let area = Area { x: x + from as f32, y: head, width: (to - from) as f32, height: foot - head };
                shapes.push(Shape::Rect { area, fill: color });
            };
            if row.levels.len() == row.frames.len() && !row.levels.is_empty() {
                let mut last = None;
                level_runs(&row.frames, &row.levels, &edges, |from, to, low, high| {
                    match (low, high) {
                        (true, false) => put(from, to, foot - line, foot),
                        (false, true) => put(from, to, head, head + line),
                        _ => put(from, to, head, foot),
                    }
                    // An edge between two pixels is as upright as one within a pixel.
                    if last.is_some_and(|(end, was)| end == from && was != (low, high)) {
                        put(from, from + 1, head, foot);
                    }
                    last = Some((to, (low, high)));
                });
            } else {
                mark_runs(&row.frames, &edges, |from, to| put(from, to, head, foot));
            }
            self.shapes.extend(shapes);
            let middle = y + high / 2.0;
            if middle >= free {
                free = middle + self.s(SMALL_SIZE);
                let (size, room) = (self.s(SMALL_SIZE), plot.x - self.layout.margin - self.s(14.0));
                let name = fit(&row.name, size, room);
                let baseline = middle + size * font::CAP_HEIGHT / 2.0;
                let at = self.layout.margin + self.s(8.0);
                self.text(at, baseline, SMALL_SIZE, Anchor::Start, self.palette.text, name);
            }
        }
        // What a line was while nothing was recorded, nobody knows.
        for band in gap_bands(&self.stream.time, &self.at).bands {
            let area =
                Area { x: plot.x + band.first, y: top + 1.0, width: band.last - band.first, height: self.foot - 1.0 };
            self.shapes.push(Shape::Rect { area, fill: self.palette.ground });
            self.gap_band(area);
        }
    }
}
