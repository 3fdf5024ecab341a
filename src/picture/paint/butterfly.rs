//! All channels over each other, on one axis of values that counts from each channel's own middle, as in the window.

use super::super::display::Display;
use super::super::font::fit;
use super::super::scene::{Anchor, Shape};
use super::super::trace::{self, Placement, ValueScale};
use super::super::{ColumnsOf, GROUP_BYTES};
use super::lanes::{typical, unit_of};
use super::overview::Strip;
use super::{LABEL_HEIGHT, Painter, SMALL_SIZE};
use crate::error::Result;
use crate::summary::{Columns, MinMax, ViewRequest};

/// So many traces over each other are drawn so that others are seen through them.
const MANY: usize = 4;
const SEE_THROUGH: f32 = 0.6;

/// Values of one channel, a pixel each, and what its part of the plot shows.
struct Wing {
    pixels: Vec<MinMax>,
    range: MinMax,
    inverted: bool,
}

impl Painter<'_> {
    /// All traces with the axis and the list of names; returns what the overview needs.
    pub(super) fn butterfly(&mut self, columns_of: &mut ColumnsOf<'_>) -> Result<Strip> {
        debug_assert_eq!(self.options.look.display, Display::Butterfly);
        let mut strip = Strip::new(self.at.width);
        let mut wings: Vec<Wing> = Vec::new();
        let mut samples: Vec<Columns> = Vec::new();
        let mut placement = None;
        let frames_per_column = self.at.ticks as f64 / f64::from(self.at.width);
        let group = (GROUP_BYTES / (self.at.width as usize * 2 * size_of::<MinMax>())).max(1);
        let channels = self.selection.channels.clone();
        for group_channels in channels.chunks(group) {
            if self.selection.is_empty() {
                break;
            }
            let request = ViewRequest::covering(
                self.selection.stream,
                group_channels.to_vec(),
                self.selection.frames.clone(),
                self.stream.frames,
                frames_per_column,
            );
            let columns = columns_of(&request)?;
            let place = Placement::new(&columns, &self.stream.time, &self.at);
            self.tally.columns += place.exact.len();
            self.tally.estimates += place.exact.iter().filter(|&&e| !e).count();
            for (i, values) in columns.values.iter().enumerate() {
                let pixels = place.spread(values, self.stream.channels[group_channels[i]].scale);
                let typical = typical(&pixels, 1);
                strip.add(&pixels, typical);
                let index = wings.len();
                let range = self.range_of(index).filter(|_| !typical.is_empty()).unwrap_or(typical);
                wings.push(Wing { pixels, range, inverted: self.is_inverted(index) });
            }
            if columns.request.bucket_frames == 1 && self.at.pixels_per_tick() >= 2.0 {
                self.tally.samples = true;
                samples.push(columns);
            }
            placement = Some(place);
        }
        self.fit_wings(&mut wings);
        if let Some(placement) = placement {
            self.wings(&wings, &placement, &samples);
        }
        self.butterfly_axis(&wings);
        self.names();
        Ok(strip)
    }

    /// Where no ranges are given, channels of one unit are drawn to one scale, in which the loudest fits.
    fn fit_wings(&self, wings: &mut [Wing]) {
        if !self.options.look.ranges.is_empty() {
            return;
        }
        let unit = |index: usize| self.stream.channels[self.selection.channels[index]].unit.as_str();
        let half = |wing: &Wing| wing.range.max / 2.0 - wing.range.min / 2.0;
        let halves: Vec<f64> = wings.iter().map(|w| if w.range.is_empty() { 0.0 } else { half(w) }).collect();
        for (index, wing) in wings.iter_mut().enumerate().filter(|(_, wing)| !wing.range.is_empty()) {
            let alike = (0..halves.len()).filter(|&other| unit(other) == unit(index));
            // A little is left free above and below.
            let most = alike.map(|other| halves[other]).fold(0.0, f64::max) * 1.05;
            let middle = wing.range.min / 2.0 + wing.range.max / 2.0;
            wing.range = MinMax { min: middle - most, max: middle + most };
        }
    }

    fn scale_of(&self, wing: &Wing) -> ValueScale {
        let field = self.field();
        let mut scale = ValueScale::fitting(wing.range, field.y + field.height / 2.0, field.height / 2.0);
        if wing.inverted {
            scale.per_unit = -scale.per_unit;
        }
        scale
    }

    /// The traces; single samples are joined by lines.
    fn wings(&mut self, wings: &[Wing], placement: &Placement, samples: &[Columns]) {
        let before = self.shapes.len();
        let mut values = samples.iter().flat_map(|columns| &columns.values);
        for (index, wing) in wings.iter().enumerate() {
            let scale = self.scale_of(wing);
            if let Some(values) = values.next() {
                self.polylines(placement, values, index, &scale);
            } else {
                let bars = self.clipped(trace::bars(&wing.pixels, &scale, self.s(1.25)));
                self.bars(bars, &placement.exact, self.selection.channels[index]);
            }
        }
        if wings.len() >= MANY {
            for shape in &mut self.shapes[before..] {
                if let Shape::Bars { color, .. } | Shape::Polyline { color, .. } = shape {
                    *color = color.with_opacity(color.opacity() * SEE_THROUGH);
                }
            }
        }
    }

    /// The axis of the first channel's unit, from its middle; what is drawn otherwise is said above it.
    fn butterfly_axis(&mut self, wings: &[Wing]) {
        let Some((first, wing)) = wings.iter().enumerate().find(|(_, wing)| !wing.range.is_empty()) else { return };
        let unit = self.stream.channels[self.selection.channels[first]].unit.clone();
        let half = wing.range.max / 2.0 - wing.range.min / 2.0;
        if !(half.is_finite() && half > 0.0) {
            return;
        }
        let extent = MinMax { min: -half, max: half };
        let field = self.field();
        let mut scale = ValueScale::fitting(extent, field.y + field.height / 2.0, field.height / 2.0);
        if wing.inverted {
            scale.per_unit = -scale.per_unit;
        }
        let (unit_name, factor) = unit_of(&unit);
        if !self.options.look.scale_bars {
            let count = ((field.height / self.s(40.0)) as usize).clamp(2, 24);
            self.value_axis(extent, &scale, factor, count);
        }
        if field.height < self.s(80.0) {
            return;
        }
        let unit_at = |index: usize| &self.stream.channels[self.selection.channels[index]].unit;
        let alike = |wing: &Wing| {
            let own = wing.range.max / 2.0 - wing.range.min / 2.0;
            (own - half).abs() <= 1e-6 * half
        };
        let others = wings.iter().enumerate().filter(|(i, _)| *unit_at(*i) != unit).count();
        let changed = wings
            .iter()
            .enumerate()
            .filter(|(i, w)| *unit_at(*i) == unit && !w.range.is_empty() && (!alike(w) || w.inverted != wing.inverted))
            .count();
        let mut title = if unit_name.is_empty() {
            "Stored values, from each channel's middle".to_owned()
        } else {
            format!("{unit_name}, from each channel's middle")
        };
        for (count, why) in [(others, "of other units"), (changed, "at heights of their own")] {
            if count > 0 {
                title = format!("{title}; {count} {why}");
            }
        }
        let title = fit(&title, self.s(SMALL_SIZE), field.width - self.s(8.0));
        let at = (field.x + self.s(6.0), field.y + self.s(14.0));
        self.text(at.0, at.1, SMALL_SIZE, Anchor::Start, self.palette.quiet, title);
    }

    /// Names at the left, as many as have room.
    fn names(&mut self) {
        let (field, row) = (self.field(), self.s(LABEL_HEIGHT));
        let all = self.selection.channels.clone();
        let room = ((field.height / row) as usize).max(1);
        let shown = if all.len() <= room { all.len() } else { room - 1 };
        for (i, &channel) in all.iter().take(shown).enumerate() {
            self.name_at(channel, field.y + (i as f32 + 0.5) * row);
        }
        if shown < all.len() {
            let baseline = field.y + (shown as f32 + 0.8) * row;
            let text = format!("and {} more", all.len() - shown);
            let at = self.layout.margin + self.s(8.0);
            self.text(at, baseline, SMALL_SIZE, Anchor::Start, self.palette.quiet, text);
        }
    }
}
