//! Title and footer.

use std::ops::Range;

use super::super::axis::{self, TimeFormat};
use super::super::display::Display;
use super::super::font::{fit, text_width};
use super::super::scene::{Anchor, Area, Shape};
use super::lanes::significant;
use super::{Painter, SMALL_SIZE, Tally};

impl Painter<'_> {
    pub(super) fn title(&mut self) {
        let channels = self.selection.channels.len();
        let time = &self.stream.time;
        let mut facts = vec![if channels == self.stream.channels.len() {
            format!("{channels} ch")
        } else {
            format!("{channels} of {} ch", self.stream.channels.len())
        }];
        if time.rate_known() {
            facts.push(rate(time.rate_hz()));
            facts.push(axis::duration(self.stream.duration_secs()));
        } else {
            facts.push("rate unknown".to_owned());
            facts.push(format!("{} frames", axis::grouped(i128::from(self.stream.frames))));
        }
        let facts = facts.join("  ·  ");
        let (left, right) = (self.layout.margin, self.layout.plot.right());
        let baseline = self.layout.title_baseline;
        let (name_size, facts_size, space) = (self.s(20.0), self.s(14.0), self.s(16.0));
        let facts_width = text_width(&facts, facts_size);
        let facts_fit = facts_width + space < 0.6 * (right - left);
        let room = right - left - if facts_fit { facts_width + space } else { 0.0 };
        let name = fit(&self.recording.name, name_size, room);
        let name_width = text_width(&name, name_size);
        self.text(left, baseline, 20.0, Anchor::Start, self.palette.text, name);
        if !facts_fit {
            return;
        }
        self.text(left + name_width + space, baseline, 14.0, Anchor::Start, self.palette.quiet, facts);
        let window = if self.selection.frames == (0..self.stream.frames) {
            return; // the overview says so
        } else if time.rate_known() && self.format != TimeFormat::Frames {
            let range = self.range();
            // A duration would round: 16:59:59 is not 17 hours.
            let start = if range.start < 60.0 {
                axis::duration(range.start)
            } else {
                crate::units::time(range.start, if range.end - range.start < 10.0 { 3 } else { 0 })
            };
            format!("{} from {start}", axis::duration(range.end - range.start))
        } else {
            let Range { start, end } = self.selection.frames;
            format!("frames {} to {}", axis::grouped(i128::from(start)), axis::grouped(i128::from(end)))
        };
        let taken = name_width + facts_width + 3.0 * space;
        if left + taken + text_width(&window, facts_size) < right {
            self.text(right, baseline, 14.0, Anchor::End, self.palette.quiet, window);
        }
    }

    pub(super) fn footer(&mut self) {
        let Some(baseline) = self.layout.footer_baseline else { return };
        let size = self.s(SMALL_SIZE);
        let Tally { columns, estimates, samples, gaps, missing_ticks, .. } = self.tally;
        let mut note = if self.selection.is_empty() {
            "No frames are selected.".to_owned()
        } else if estimates > 0 {
            let share = ((estimates as f64 / columns as f64 * 100.0).round() as u64).clamp(1, 100);
            format!(
                "Estimate: {share} % of the columns, drawn lighter, show only some of their samples. \
                 `longwave peaks` makes them exact."
            )
        } else if self.options.look.display == Display::HeatMap {
            let (frames, time) = (self.tally.cell_frames, &self.stream.time);
            let wide = frames as f64 * self.at.pixels_per_tick() > 2.0;
            let cells = match (wide, time.rate_known()) {
                (false, _) => String::new(),
                (true, true) => format!(", of {}", axis::duration(frames as f64 / time.rate_hz())),
                (true, false) => format!(", of {frames} frames"),
            };
            format!("Exact: every cell{cells} tells of all its samples.")
        } else if samples {
            "Exact: every sample is drawn.".to_owned()
        } else {
            "Exact: every column spans the least to the greatest of all its samples.".to_owned()
        };
        if gaps > 0 {
            let plural = if gaps == 1 { "gap" } else { "gaps" };
            note.push_str(&format!("   Hatched: {gaps} {plural}, {}.", self.missing(missing_ticks)));
        }
        let color = if estimates > 0 { self.palette.accent } else { self.palette.quiet };
        let side = self.s(7.0);
        let mark = Area { x: self.layout.margin, y: baseline - side - self.s(0.5), width: side, height: side };
        self.shapes.push(Shape::Rect { area: mark, fill: color });
        let (left, right) = (self.layout.margin + self.s(13.0), self.layout.plot.right());
        let ticks_per_pixel = 1.0 / self.at.pixels_per_tick();
        let pixel = if self.stream.time.rate_known() {
            format!("1 pixel = {}", axis::duration(ticks_per_pixel / self.stream.time.rate_hz()))
        } else {
            format!("1 pixel = {} frames", axis::number(ticks_per_pixel, significant(ticks_per_pixel)))
        };
        let note = fit(&note, size, right - left);
        let together = left + text_width(&note, size) + self.s(24.0) + text_width(&pixel, size);
        self.text(left, baseline, SMALL_SIZE, Anchor::Start, self.palette.quiet, note);
        if together < right {
            self.text(right, baseline, SMALL_SIZE, Anchor::End, self.palette.quiet, pixel);
        }
    }
}

/// `30 kHz`, `24.414 kHz`, `250 Hz`, `2 MHz`.
fn rate(hz: f64) -> String {
    let (value, unit) = match hz {
        v if v >= 1e6 => (v / 1e6, "MHz"),
        v if v >= 1e3 => (v / 1e3, "kHz"),
        v => (v, "Hz"),
    };
    let text = format!("{value:.3}");
    format!("{} {unit}", text.trim_end_matches('0').trim_end_matches('.'))
}
