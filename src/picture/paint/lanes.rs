//! The traces in their lanes, with names and scales.

use super::super::amplitude;
use super::super::axis;
use super::super::display::Display;
use super::super::font::{self, fit};
use super::super::layout::Lanes;
use super::super::palette::ESTIMATE_OPACITY;
use super::super::scene::{Anchor, Area, Bar, Shape};
use super::super::trace::{self, Placement, ValueScale};
use super::super::{ColumnsOf, GROUP_BYTES};
use super::overview::Strip;
use super::{LABEL_HEIGHT, NAME_SIZE, Painter, SMALL_SIZE};
use crate::error::Result;
use crate::summary::{MinMax, ViewRequest};

impl Painter<'_> {
    /// All traces with their names and scales; returns what the overview needs if all of the recording is in view.
    pub(super) fn traces(&mut self, columns_of: &mut ColumnsOf<'_>) -> Result<Strip> {
        let mut strip = Strip::new(self.at.width);
        let frames_per_column = self.at.ticks as f64 / f64::from(self.at.width);
        // Two columns a pixel at most, cuts at gaps aside.
        let group = (GROUP_BYTES / (self.at.width as usize * 2 * size_of::<MinMax>())).max(1);
        let channels = &self.selection.channels;
        for (g, group_channels) in channels.chunks(group).enumerate() {
            let request = ViewRequest::covering(
                self.selection.stream,
                group_channels.to_vec(),
                self.selection.frames.clone(),
                self.stream.frames,
                frames_per_column,
            );
            if self.selection.is_empty() {
                break;
            }
            let columns = columns_of(&request)?;
            let placement = Placement::new(&columns, &self.stream.time, &self.at);
            self.tally.columns += placement.exact.len();
            self.tally.estimates += placement.exact.iter().filter(|&&e| !e).count();
            // Single samples are joined by lines; from six pixels apart they are also dots.
            let samples = columns.request.bucket_frames == 1 && self.at.pixels_per_tick() >= 2.0;
            self.tally.samples |= samples;
            for (i, values) in columns.values.iter().enumerate() {
                let index = g * group + i;
                let channel = channels[index];
                let pixels = placement.spread(values, self.stream.channels[channel].scale);
                let typical = typical(&pixels, self.lanes.count);
                strip.add(&pixels, typical);
                if let Some(threshold) = self.threshold(channel) {
                    self.logic(&pixels, index, threshold, &placement.exact);
                    self.name(index);
                    continue;
                }
                let (extent, half) = match self.range_of(index) {
                    // Nothing is nothing, whatever the scale.
                    Some(range) if !typical.is_empty() => (range, self.lane_height(index) / 2.0),
                    _ => (typical, self.lane_height(index) * self.lanes.reach() / 2.0),
                };
                let mut scale = ValueScale::fitting(extent, self.middle(index), half.max(self.s(1.0)));
                if self.is_inverted(index) {
                    scale.per_unit = -scale.per_unit;
                }
                if samples {
                    self.polylines(&placement, values, index, &scale);
                } else {
                    let bars = trace::bars(&pixels, &scale, self.s(if self.lanes.count > 40 { 1.0 } else { 1.25 }));
                    self.bars(self.clipped(bars), &placement.exact, channel);
                }
                self.label(index, extent, &scale, half);
            }
        }
        Ok(strip)
    }

    /// Whether the trace is to be upside down.
    pub(super) fn is_inverted(&self, index: usize) -> bool {
        let ranges = &self.options.look.ranges;
        let range = if ranges.len() == 1 { ranges.first() } else { ranges.get(index) };
        range.is_some_and(|r| r.start > r.end)
    }

    /// The least and greatest value that the lane shows, if they were given.
    pub(super) fn range_of(&self, index: usize) -> Option<MinMax> {
        let ranges = &self.options.look.ranges;
        let range = if ranges.len() == 1 { ranges.first() } else { ranges.get(index) };
        range.map(|r| MinMax { min: r.start.min(r.end), max: r.start.max(r.end) })
    }

    /// Traces may be higher than the plot; they end at its edges then.
    pub(super) fn clipped(&self, mut bars: Vec<Bar>) -> Vec<Bar> {
        let (top, bottom) = (self.field().y, self.field().bottom());
        for bar in bars.iter_mut().filter(|bar| !bar.is_empty()) {
            *bar = Bar { top: bar.top.clamp(top, bottom), bottom: bar.bottom.clamp(top, bottom) };
        }
        bars
    }

    pub(super) fn bars(&mut self, bars: Vec<Bar>, exact: &[bool], color_index: usize) {
        let color = self.colour(color_index);
        let first_x = self.at.x as u32;
        if exact.iter().all(|&e| e) {
            self.shapes.push(Shape::Bars { first_x, bars, color });
            return;
        }
        for (wanted, color) in [(false, color.with_opacity(ESTIMATE_OPACITY)), (true, color)] {
            let part: Vec<Bar> =
                bars.iter().zip(exact).map(|(&b, &e)| if e == wanted { b } else { Bar::EMPTY }).collect();
            if part.iter().any(|b| !b.is_empty()) {
                self.shapes.push(Shape::Bars { first_x, bars: part, color });
            }
        }
    }

    pub(super) fn polylines(&mut self, placement: &Placement, values: &[MinMax], index: usize, scale: &ValueScale) {
        let channel = self.selection.channels[index];
        let color = self.colour(channel);
        let apart = self.at.pixels_per_tick() as f32;
        let dots = apart >= self.s(6.0);
        for run in placement.samples(values, self.stream.channels[channel].scale) {
            let (top, bottom) = (self.field().y, self.field().bottom());
            let height = |y: f32| y.clamp(top, bottom);
            let points: Vec<[f32; 2]> =
                run.into_iter().map(|(tick, v)| [self.at.x_of(tick), height(scale.y_of(v))]).collect();
            // A sample on its own would not be seen as a line.
            let dot_radius =
                if dots || points.len() == 1 { self.s(if apart >= 16.0 { 2.6 } else { 1.8 }) } else { 0.0 };
            self.shapes.push(Shape::Polyline { points, width: self.s(1.25), dot_radius, color });
        }
    }

    /// Every how many lanes there is room for a label.
    fn label_every(&self) -> usize {
        let least = self.spans.iter().map(|span| span.1).fold(f32::INFINITY, f32::min);
        let lanes = Lanes { height: least * self.lanes.count as f32, ..self.lanes };
        lanes.label_every(self.s(LABEL_HEIGHT))
    }

    /// The name of channel `index`, if its lane is one of those that have room; the baseline of it.
    pub(super) fn name(&mut self, index: usize) -> Option<f32> {
        if !index.is_multiple_of(self.label_every()) {
            return None;
        }
        let (channel, middle) = (self.selection.channels[index], self.middle(index));
        Some(self.name_at(channel, middle))
    }

    /// The name of a channel at this height, with its colour; the baseline of it.
    pub(super) fn name_at(&mut self, channel: usize, y: f32) -> f32 {
        let (x, color) = (self.layout.margin, self.colour(channel));
        let baseline = y + self.s(NAME_SIZE) * font::CAP_HEIGHT / 2.0;
        if self.options.look.display != Display::HeatMap {
            let swatch = Area { x, y: y - self.s(5.0), width: self.s(3.0), height: self.s(10.0) };
            self.shapes.push(Shape::Rect { area: swatch, fill: color });
        }
        let name = fit(&self.stream.channels[channel].name, self.s(NAME_SIZE), self.name_width);
        self.text(x + self.s(8.0), baseline, NAME_SIZE, Anchor::Start, self.palette.text, name);
        baseline
    }

    /// Name, unit and scale of channel `index`, if its lane is one of those that have room.
    pub(super) fn label(&mut self, index: usize, extent: MinMax, scale: &ValueScale, half: f32) {
        let Some(baseline) = self.name(index) else { return };
        let every = self.label_every();
        let channel = &self.stream.channels[self.selection.channels[index]];
        let y = self.middle(index);
        let (unit, factor) = unit_of(&channel.unit);
        let bars = self.options.look.scale_bars;
        let right = self.layout.plot.x - self.s(12.0);
        if extent.is_empty() {
            self.text(right, baseline, SMALL_SIZE, Anchor::End, self.palette.quiet, "no data".to_owned());
        } else if scale.per_unit == 0.0 {
            let text = with_unit(axis::number(extent.min * factor, significant(extent.min * factor)), unit);
            self.text(right, baseline, SMALL_SIZE, Anchor::End, self.palette.quiet, format!("= {text}"));
        } else if bars && self.options.look.common_range(self.stream, self.selection).is_some() {
            // One bar beside the plot is for all.
        } else if self.lane_height(index) >= self.s(84.0) && !bars {
            let count = ((self.lane_height(index) / self.s(34.0)) as usize).clamp(2, 12);
            self.value_axis(extent, scale, factor, count);
            if !unit.is_empty() {
                let (x, below) = (self.layout.margin + self.s(8.0), baseline + self.s(15.0));
                self.text(x, below, SMALL_SIZE, Anchor::Start, self.palette.quiet, unit.to_owned());
            }
        } else {
            let room = (0.72 * 2.0 * half).min(every as f32 * self.lane_height(index) * 0.86);
            let value = axis::round_down(f64::from(room) / scale.per_unit.abs() * factor);
            let height = (value / factor * scale.per_unit.abs()) as f32;
            let text = with_unit(axis::number(value, value), unit);
            self.vertical(self.layout.plot.x - self.s(7.0), y - height / 2.0, y + height / 2.0, self.palette.quiet);
            self.text(right, baseline, SMALL_SIZE, Anchor::End, self.palette.quiet, text);
        }
    }

    /// Values at the left edge of a lane that is high enough for several.
    pub(super) fn value_axis(&mut self, extent: MinMax, scale: &ValueScale, factor: f64, count: usize) {
        let x = self.layout.plot.x;
        for tick in axis::value_ticks(extent.min * factor..extent.max * factor, count) {
            let y = scale.y_of(tick.value / factor);
            self.horizontal(x - self.s(5.0), x, y, self.palette.line);
            let baseline = y + self.s(SMALL_SIZE) * font::CAP_HEIGHT / 2.0;
            self.text(x - self.s(10.0), baseline, SMALL_SIZE, Anchor::End, self.palette.quiet, tick.label);
        }
        let (top, bottom) = (scale.y_of(extent.max), scale.y_of(extent.min));
        self.vertical(x - 1.0, top, bottom, self.palette.line);
    }
}

/// The values that a lane has room for.
pub(super) fn typical(pixels: &[MinMax], lanes: usize) -> MinMax {
    amplitude::fit(pixels.iter().copied(), lanes)
        .map_or(MinMax::EMPTY, |(middle, half)| MinMax { min: middle - half, max: middle + half })
}

/// The unit as it is written, and what values are multiplied with for it.
pub(super) fn unit_of(unit: &str) -> (&str, f64) {
    match unit {
        "uV" | "\u{3bc}V" => ("µV", 1.0),
        "uA" | "\u{3bc}A" => ("µA", 1.0),
        "us" => ("µs", 1.0),
        other => (other, 1.0),
    }
}

pub(super) fn with_unit(number: String, unit: &str) -> String {
    // A long unit does not fit beside a number; it is the same for all numbers of a channel and may be cut.
    if unit.is_empty() { number } else { format!("{number} {}", fit(unit, 1.0, 3.0)) }
}

/// A step that gives `value` about four significant figures.
pub(super) fn significant(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() { 1.0 } else { 10_f64.powf(value.abs().log10().floor() - 3.0).min(1.0) }
}
