//! The time axis, and where nothing was recorded.

use std::ops::Range;

use super::super::axis::{self, TimeFormat};
use super::super::clock;
use super::super::display::Display;
use super::super::font::{fit, text_width};
use super::super::scene::{Anchor, Area, Shape};
use super::super::trace::TimeScale;
use super::{Painter, SMALL_SIZE};
use crate::recording::{Gap, TimeBase};

impl Painter<'_> {
    /// Time grid, axis and its labels, bounds of the lanes.
    pub(super) fn grid(&mut self) {
        let plot = self.layout.plot;
        let range = self.range();
        let size = self.s(SMALL_SIZE);
        // As many marks as have room for their own labels.
        let mut count = (plot.width / self.s(90.0)).max(1.0) as usize;
        let mut ticks = self.time_ticks(&range, count);
        let widest = |ticks: &[axis::Tick]| ticks.iter().map(|t| text_width(&t.label, size)).fold(0.0, f32::max);
        while count > 1 && (widest(&ticks) + self.s(18.0)) * ticks.len() as f32 > plot.width {
            count -= 1;
            ticks = self.time_ticks(&range, count);
        }
        let bottom = plot.bottom().round();
        for tick in ticks {
            let x = self.x_of_value(tick.value);
            let half = text_width(&tick.label, size) / 2.0;
            self.vertical(x.min(plot.right() - 1.0), plot.y, bottom, self.palette.faint);
            self.vertical(x.min(plot.right() - 1.0), bottom, bottom + self.s(4.0), self.palette.line);
            // Labels at the ends stay on the picture.
            let x = x.min(self.layout.plot.right() + self.layout.margin - half - 2.0);
            self.text(x, bottom + self.s(17.0), SMALL_SIZE, Anchor::Middle, self.palette.quiet, tick.label);
        }
        self.horizontal(plot.x, plot.right(), bottom, self.palette.line);
        let title = clock::title(&range, self.format, &self.options.look.zone);
        if self.title_below {
            let title = fit(&title, size, plot.width);
            let middle = plot.x + plot.width / 2.0;
            self.text(middle, bottom + self.s(34.0), SMALL_SIZE, Anchor::Middle, self.palette.quiet, title);
        } else {
            let (x, room) = (self.layout.margin, plot.x - self.layout.margin - self.s(30.0));
            let title = fit(&title, size, room);
            self.text(x, bottom + self.s(17.0), SMALL_SIZE, Anchor::Start, self.palette.quiet, title);
        }
        let stacked = self.options.look.display == Display::Stacked;
        if stacked && self.lanes.lane_height() >= self.s(40.0) {
            for i in 1..self.lanes.count {
                let y = self.middle(i) - self.lane_height(i) / 2.0;
                self.horizontal(plot.x, plot.right(), y, self.palette.faint);
            }
        }
    }

    fn time_ticks(&self, range: &Range<f64>, most: usize) -> Vec<axis::Tick> {
        match self.format {
            TimeFormat::Clock { start_unix_ns } => clock::ticks(range, most, start_unix_ns, &self.options.look.zone),
            format => axis::ticks(range.clone(), most, format),
        }
    }

    /// Bands where nothing was recorded, labelled where there is room.
    pub(super) fn gaps(&mut self) {
        let plot = self.layout.plot;
        let bands = gap_bands(&self.stream.time, &self.at);
        self.tally.gaps = bands.gaps;
        self.tally.missing_ticks = bands.missing_ticks;
        for band in bands.bands {
            let area = Area { x: plot.x + band.first, y: plot.y, width: band.last - band.first, height: plot.height };
            self.gap_band(area);
            let missing = self.missing(band.missing_ticks);
            let width = text_width(&missing, self.s(SMALL_SIZE));
            if area.width >= width + self.s(16.0) {
                let (x, baseline) = (area.x + area.width / 2.0, area.y + self.s(20.0));
                let (height, pad) = (self.s(18.0), self.s(5.0));
                let label =
                    Area { x: x - width / 2.0 - pad, y: baseline - self.s(13.0), width: width + 2.0 * pad, height };
                self.shapes.push(Shape::Rect { area: label, fill: self.palette.ground });
                self.text(x, baseline, SMALL_SIZE, Anchor::Middle, self.palette.quiet, missing);
            }
        }
    }

    pub(super) fn gap_band(&mut self, area: Area) {
        self.shapes.push(Shape::Rect { area, fill: self.palette.band });
        let color = self.palette.line.with_opacity(0.55);
        self.shapes.push(Shape::Hatch { area, every: self.s(7.0), color });
    }

    pub(super) fn missing(&self, ticks: u64) -> String {
        if self.stream.time.rate_known() {
            format!("{} missing", axis::duration(self.stream.time.secs_of_tick(ticks)))
        } else {
            format!("{} frames missing", axis::grouped(i128::from(ticks)))
        }
    }
}

/// A stretch of pixels, relative to the left edge of the plot, in which ticks are missing.
pub(super) struct GapBand {
    pub(super) first: f32,
    pub(super) last: f32,
    pub(super) missing_ticks: u64,
}

#[derive(Default)]
pub(super) struct GapBands {
    pub(super) bands: Vec<GapBand>,
    pub(super) gaps: usize,
    pub(super) missing_ticks: u64,
}

/// The visible gaps; those that touch on the picture are one band, and none is narrower than a pixel.
pub(super) fn gap_bands(time: &TimeBase, at: &TimeScale) -> GapBands {
    let mut out = GapBands::default();
    let end = at.first_tick + at.ticks;
    let visible = |g: &Gap| g.first_tick < end && g.first_tick + g.missing_frames > at.first_tick;
    for gap in time.gaps().filter(visible) {
        out.gaps += 1;
        out.missing_ticks += gap.missing_frames;
        let first = (at.x_of(gap.first_tick) - at.x).max(0.0);
        let last = (at.x_of(gap.first_tick + gap.missing_frames) - at.x).min(at.width as f32);
        let (first, last) = if last - first < 1.0 { (first.floor(), first.floor() + 1.0) } else { (first, last) };
        match out.bands.last_mut() {
            Some(band) if first <= band.last + 0.01 => {
                band.last = band.last.max(last);
                band.missing_ticks += gap.missing_frames;
            }
            _ => out.bands.push(GapBand { first, last, missing_ticks: gap.missing_frames }),
        }
    }
    out
}
