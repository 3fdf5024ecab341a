//! What is marked, and the bars that give the scale where there are no axes.

use super::super::axis::{self, TimeFormat};
use super::super::display::Display;
use super::super::font::{fit, text_width};
use super::super::scene::{Anchor, Area, Shape};
use super::lanes::{unit_of, with_unit};
use super::{Painter, SMALL_SIZE};

/// More marks than this on one picture hide what they mark; further ones are lines without labels.
const LABELLED: usize = 200;

impl Painter<'_> {
    /// Lines and bands for what is marked, with labels where there is room.
    pub(super) fn marks(&mut self) {
        let plot = self.layout.plot;
        let time = &self.stream.time;
        let from = time.secs_of_tick(self.at.first_tick);
        let to = time.secs_of_tick(self.at.first_tick + self.at.ticks);
        let place = |secs: f64| plot.x + ((secs - from) / (to - from)).clamp(0.0, 1.0) as f32 * plot.width;
        let look = &self.options.look;
        let seen = look.marks.iter().filter(|m| m.secs.start < to && m.secs.end >= from && m.secs.start.is_finite());
        let mut free = f32::NEG_INFINITY;
        for (i, mark) in seen.enumerate() {
            let (left, right) = (place(mark.secs.start), place(mark.secs.end));
            if right - left >= 1.0 {
                let area = Area { x: left, width: right - left, ..plot };
                self.shapes.push(Shape::Rect { area, fill: mark.colour.with_opacity(0.16) });
            }
            if mark.secs.start >= from {
                self.vertical(left.min(plot.right() - 1.0), plot.y, plot.bottom(), mark.colour);
            }
            let size = self.s(SMALL_SIZE);
            let label = fit(&mark.label, size, (plot.right() - left - self.s(6.0)).min(self.s(160.0)));
            let width = text_width(&label, size);
            if label.is_empty() || i >= LABELLED || left < free {
                continue;
            }
            free = left + width + self.s(10.0);
            let area =
                Area { x: left + self.s(2.0), y: plot.y, width: width + self.s(4.0), height: self.s(SMALL_SIZE + 4.0) };
            self.shapes.push(Shape::Rect { area, fill: self.palette.ground.with_opacity(0.85) });
            let baseline = plot.y + self.s(SMALL_SIZE);
            self.text(left + self.s(4.0), baseline, SMALL_SIZE, Anchor::Start, self.palette.text, label);
        }
    }

    /// The cursors, with their letters, and the time between them.
    pub(super) fn cursors(&mut self) {
        let (plot, time) = (self.layout.plot, &self.stream.time);
        let ticks: Vec<u64> = self.options.look.cursors.iter().map(|&secs| time.tick_of_secs(secs)).collect();
        let between = match (&ticks[..], time.rate_known()) {
            ([a, b], true) => format!("{} apart", axis::duration(time.secs_of_tick(a.abs_diff(*b)))),
            ([a, b], false) => format!("{} frames apart", axis::grouped(i128::from(a.abs_diff(*b)))),
            _ => String::new(),
        };
        let seen = self.at.first_tick..self.at.first_tick + self.at.ticks;
        let last = ticks.iter().rposition(|tick| seen.contains(tick));
        for (i, tick) in ticks.iter().enumerate().filter(|(_, tick)| seen.contains(tick)) {
            let (letter, color) = (["A", "B"].get(i).copied().unwrap_or("?"), self.palette.accent);
            let x = self.at.x_of(*tick) + self.at.pixels_per_tick() as f32 / 2.0;
            self.vertical(x.min(plot.right() - 1.0), plot.y, plot.bottom(), color);
            let text =
                if Some(i) == last && !between.is_empty() { format!("{letter}  {between}") } else { letter.into() };
            let width = text_width(&text, self.s(SMALL_SIZE)) + self.s(8.0);
            // At the foot, where labels of annotations are not; to the left where there is no room.
            let left = if x + width > plot.right() { x - width } else { x };
            let height = self.s(SMALL_SIZE + 5.0);
            let flag = Area { x: left, y: plot.bottom() - self.foot - height, width, height };
            self.shapes.push(Shape::Rect { area: flag, fill: self.palette.ground.with_opacity(0.9) });
            let baseline = flag.bottom() - self.s(4.5);
            self.text(left + self.s(4.0), baseline, SMALL_SIZE, Anchor::Start, color, text);
        }
    }

    /// A bar of a round length of time under the plot and, if all lanes have one scale, one of amplitude at its right.
    pub(super) fn scale_bars(&mut self) {
        let plot = self.layout.plot;
        let y = plot.bottom() + self.s(8.0);
        let color = self.palette.text;
        let span = self.range();
        let length = axis::round_down((span.end - span.start) * 0.2).max(f64::MIN_POSITIVE);
        let width = (length / (span.end - span.start)) as f32 * plot.width;
        let text = if self.format == TimeFormat::Frames {
            format!("{} frames", axis::number(length, length))
        } else {
            // On a clock that runs faster or slower than the samples, a second is one of the clock.
            axis::duration(length)
        };
        let thick = self.s(2.0).max(1.0);
        let bar = Area { x: plot.right() - width, y: y - thick / 2.0, width, height: thick };
        self.shapes.push(Shape::Rect { area: bar, fill: color });
        let middle = plot.right() - width / 2.0;
        self.text(middle, y + self.s(15.0), SMALL_SIZE, Anchor::Middle, color, text);
        let Some(range) = self.options.look.common_range(self.stream, self.selection) else { return };
        let lane = if self.options.look.display == Display::Butterfly {
            self.field().height
        } else {
            self.lanes.lane_height()
        };
        let room = (lane * 0.8).max(self.s(24.0)).min(plot.height * 0.5);
        let per_unit = f64::from(lane) / range;
        let (unit, factor) = unit_of(&self.stream.channels[self.selection.channels[0]].unit);
        let value = axis::round_down(f64::from(room) / per_unit * factor);
        let height = (value / factor * per_unit) as f32;
        let x = plot.right() + self.s(8.0);
        let bar = Area { x: x - thick / 2.0, y: plot.bottom() - height, width: thick, height };
        self.shapes.push(Shape::Rect { area: bar, fill: color });
        let baseline = plot.bottom() - height / 2.0 + self.s(SMALL_SIZE) * 0.35;
        let text = with_unit(axis::number(value, value), unit);
        self.text(x + self.s(6.0), baseline, SMALL_SIZE, Anchor::Start, color, text);
    }
}
