//! The whole recording in small.

use super::super::font::{self, fit};
use super::super::scene::{Anchor, Area, Shape};
use super::super::trace::{self, Placement, TimeScale, ValueScale};
use super::super::{ColumnsOf, OVERVIEW_CHANNELS};
use super::lanes::typical;
use super::time::gap_bands;
use super::{NAME_SIZE, Painter};
use crate::error::Result;
use crate::summary::{MinMax, ViewRequest};

impl Painter<'_> {
    /// The whole recording in small, with the visible part marked.
    pub(super) fn overview(&mut self, view: Strip, columns_of: &mut ColumnsOf<'_>) -> Result<()> {
        let Some(area) = self.layout.overview else { return Ok(()) };
        if self.stream.frames == 0 || self.selection.channels.is_empty() {
            return Ok(());
        }
        let ticks = self.stream.time.end_tick(self.stream.frames);
        let all = TimeScale { first_tick: 0, ticks: ticks.max(1), ..self.at };
        let strip = if self.selection.frames == (0..self.stream.frames) { view } else { self.whole(&all, columns_of)? };
        self.shapes.push(Shape::Rect { area, fill: self.palette.band });
        for band in gap_bands(&self.stream.time, &all).bands {
            let band = Area { x: area.x + band.first, width: band.last - band.first, ..area };
            self.gap_band(band);
        }
        let mean = strip.mean();
        let scale = ValueScale::fitting(typical(&mean, 1), area.y + area.height / 2.0, area.height * 0.38);
        let bars = trace::bars(&mean, &scale, self.s(1.0));
        let first_x = area.x as u32;
        self.shapes.push(Shape::Bars { first_x, bars, color: self.palette.quiet.with_opacity(0.75) });
        let from = all.x_of(self.at.first_tick);
        let to = all.x_of(self.at.first_tick + self.at.ticks).max(from + self.s(3.0)).min(area.right());
        let from = from.min(to - self.s(3.0)).round();
        let to = to.round();
        let window = Area { x: from, width: to - from, ..area };
        self.shapes.push(Shape::Rect { area: window, fill: self.palette.accent.with_opacity(0.10) });
        let t = (1.5 * self.layout.scale).round().max(1.0);
        for edge in [
            Area { height: t, ..window },
            Area { y: window.bottom() - t, height: t, ..window },
            Area { width: t, ..window },
            Area { x: window.right() - t, width: t, ..window },
        ] {
            self.shapes.push(Shape::Rect { area: edge, fill: self.palette.accent });
        }
        let baseline = area.y + area.height / 2.0 + self.s(NAME_SIZE) * font::CAP_HEIGHT / 2.0;
        let room = area.x - self.layout.margin - self.s(12.0);
        let label = fit("Whole recording", self.s(NAME_SIZE), room);
        self.text(self.layout.margin, baseline, NAME_SIZE, Anchor::Start, self.palette.quiet, label);
        Ok(())
    }

    /// The strip of all frames, from a few of the channels.
    pub(super) fn whole(&self, all: &TimeScale, columns_of: &mut ColumnsOf<'_>) -> Result<Strip> {
        let every = self.selection.channels.len().div_ceil(OVERVIEW_CHANNELS);
        let channels: Vec<usize> = self.selection.channels.iter().copied().step_by(every.max(1)).collect();
        let per_column = all.ticks as f64 / f64::from(all.width);
        let frames = 0..self.stream.frames;
        let request = ViewRequest::covering(self.selection.stream, channels, frames, self.stream.frames, per_column);
        let columns = columns_of(&request)?;
        let placement = Placement::new(&columns, &self.stream.time, all);
        let mut strip = Strip::new(all.width);
        for (values, &c) in columns.values.iter().zip(&columns.request.channels) {
            let pixels = placement.spread(values, self.stream.channels[c].scale);
            strip.add(&pixels, typical(&pixels, self.selection.channels.len()));
        }
        Ok(strip)
    }
}

/// The mean envelope of some channels, each scaled to −1..1: loud stretches stand out whatever the units are.
pub(super) struct Strip {
    sums: Vec<(f64, f64, u32)>,
}

impl Strip {
    pub(super) fn new(width: u32) -> Self {
        Self { sums: vec![(0.0, 0.0, 0); width as usize] }
    }

    pub(super) fn add(&mut self, pixels: &[MinMax], extent: MinMax) {
        let scale = ValueScale::fitting(extent, 0.0, 1.0);
        for (sum, v) in self.sums.iter_mut().zip(pixels).filter(|(_, v)| !v.is_empty()) {
            let at = |v: f64| (v - scale.middle) * scale.per_unit;
            *sum = (sum.0 + at(v.min), sum.1 + at(v.max), sum.2 + 1);
        }
    }

    pub(super) fn mean(&self) -> Vec<MinMax> {
        let mean = |&(min, max, n): &(f64, f64, u32)| match n {
            0 => MinMax::EMPTY,
            n => MinMax { min: min / f64::from(n), max: max / f64::from(n) },
        };
        self.sums.iter().map(mean).collect()
    }
}
