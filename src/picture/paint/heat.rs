//! A row of colours for each channel, and the bar that tells what they mean, as in the window.

use super::super::cells::{HeatData, HeatRow, louder};
use super::super::colour_map::ColourMap;
use super::super::display::{Display, HeatValue};
use super::super::font::{self, fit};
use super::super::palette::{Color, ESTIMATE_OPACITY};
use super::super::scene::{Anchor, Area, Shape};
use super::super::trace::Placement;
use super::super::{ColumnsOf, GROUP_BYTES, LevelsOf};
use super::lanes::{typical, unit_of};
use super::overview::Strip;
use super::{Painter, SMALL_SIZE};
use crate::error::Result;
use crate::picture::axis;
use crate::summary::{LEVEL_FRAMES, Level, MinMax, ViewRequest};

/// The highest colour is so many times what most of a channel reaches.
const HEADROOM: f64 = 2.0;
/// Width and height of the colour bar.
const BAR: (f32, f32) = (12.0, 160.0);
/// Levels are as fine as pixels where that is at most so many samples of all channels.
const FINE_SAMPLES: u64 = 32 << 20;

/// A lane: its shares of the highest colour, a pixel each.
type Lane = Vec<Option<f32>>;

impl Painter<'_> {
    /// The map, names and the colour bar; returns what the overview needs (of a map of means nothing: the overview is of
    /// extremes, and asks for its own).
    pub(super) fn heat_map(&mut self, columns_of: &mut ColumnsOf<'_>, levels_of: &mut LevelsOf<'_>) -> Result<Strip> {
        debug_assert_eq!(self.options.look.display, Display::HeatMap);
        let mut strip = Strip::new(self.at.width);
        let channels = self.selection.channels.clone();
        if self.selection.is_empty() || channels.is_empty() {
            return Ok(strip);
        }
        let value = self.options.look.heat;
        let rows = self.heat_rows(columns_of, &mut strip)?;
        let mut lanes: Vec<Lane> = Vec::with_capacity(channels.len());
        let mut exact = vec![true; self.at.width as usize];
        let width = size_of::<Level>().max(size_of::<MinMax>());
        let group = (GROUP_BYTES / (self.at.width as usize * 2 * width)).max(1);
        for (g, of) in channels.chunks(group).enumerate() {
            let request = self.heat_request(of, value);
            let (columns, levels);
            let data = if value.needs_levels() {
                levels = levels_of(&request)?;
                HeatData::Levels(&levels)
            } else {
                columns = columns_of(&request)?;
                HeatData::Extremes(&columns)
            };
            self.tally.cell_frames = data.bucket_frames();
            let known = |i: usize| data.is_exact(i..i + 1);
            let known: Vec<bool> = (0..data.edges().len().saturating_sub(1)).map(known).collect();
            let placement = Placement::of(data.edges(), &known, &self.stream.time, &self.at);
            let pixels = placement.columns();
            exact.iter_mut().zip(&placement.exact).for_each(|(all, &e)| *all &= e);
            for (i, row) in rows[g * group..][..of.len()].iter().enumerate() {
                let row = HeatRow { values: i, ..*row };
                let share = |of: &std::ops::Range<usize>| {
                    if of.is_empty() { None } else { data.share(&row, of.clone(), value) }
                };
                lanes.push(pixels.iter().map(share).collect());
            }
        }
        self.tally.columns += exact.len();
        self.tally.estimates += exact.iter().filter(|&&e| !e).count();
        self.raster(&lanes, &exact, value);
        for index in 0..channels.len() {
            self.name(index);
        }
        self.colour_bar(&rows, value);
        Ok(strip)
    }

    /// The columns of a map: a pixel each, or, for means of more than can be read, as wide as the sums of the tiles.
    fn heat_request(&self, channels: &[usize], value: HeatValue) -> ViewRequest {
        let per_pixel = self.at.ticks as f64 / f64::from(self.at.width);
        let samples = self.selection.len().saturating_mul(self.selection.channels.len() as u64);
        let per_column =
            if value.needs_levels() && samples > FINE_SAMPLES { per_pixel.max(LEVEL_FRAMES as f64) } else { per_pixel };
        let frames = self.selection.frames.clone();
        ViewRequest::covering(self.selection.stream, channels.to_vec(), frames, self.stream.frames, per_column)
    }

    /// Middle and highest colour of each channel: those that were given, or one height for all channels of a unit.
    fn heat_rows(&self, columns_of: &mut ColumnsOf<'_>, strip: &mut Strip) -> Result<Vec<HeatRow>> {
        let channels = self.selection.channels.clone();
        let given = !self.options.look.ranges.is_empty();
        let per_pixel = self.at.ticks as f64 / f64::from(self.at.width);
        let group = (GROUP_BYTES / (self.at.width as usize * 2 * size_of::<MinMax>())).max(1);
        let mut rows: Vec<HeatRow> = Vec::with_capacity(channels.len());
        for of in channels.chunks(group) {
            let frames = self.selection.frames.clone();
            let stream = self.selection.stream;
            let request = ViewRequest::covering(stream, of.to_vec(), frames, self.stream.frames, per_pixel);
            // What is given needs no look at the values, unless the overview wants one.
            let columns = if given && self.options.look.plain { None } else { Some(columns_of(&request)?) };
            let placement = columns.as_ref().map(|columns| Placement::new(columns, &self.stream.time, &self.at));
            for (i, &channel) in of.iter().enumerate() {
                let scale = self.stream.channels[channel].scale;
                let mut found = MinMax::EMPTY;
                if let (Some(columns), Some(placement)) = (&columns, &placement) {
                    let pixels = placement.spread(&columns.values[i], scale);
                    found = typical(&pixels, channels.len().max(2));
                    strip.add(&pixels, found);
                }
                let range = self.range_of(rows.len());
                let extent = range.unwrap_or(found);
                let (middle, half) = if extent.is_empty() {
                    (0.0, 0.0)
                } else {
                    (extent.min / 2.0 + extent.max / 2.0, extent.max / 2.0 - extent.min / 2.0)
                };
                let full = if range.is_some() { half } else { half * HEADROOM };
                rows.push(HeatRow { values: i, scale, middle, full });
            }
        }
        if !given {
            let unit = |index: usize| self.stream.channels[channels[index]].unit.as_str();
            let full: Vec<f64> = (0..rows.len())
                .map(|index| {
                    let alike = (0..rows.len()).filter(|&other| unit(other) == unit(index));
                    let most = alike.map(|other| rows[other].full).fold(0.0, f64::max);
                    if most > 0.0 { most } else { 1.0 }
                })
                .collect();
            rows.iter_mut().zip(full).for_each(|(row, full)| row.full = full);
        }
        Ok(rows)
    }

    /// The cells, a pixel each; where lanes are lower than a pixel, the loudest of those in it.
    fn raster(&mut self, lanes: &[Lane], exact: &[bool], value: HeatValue) {
        let field = self.field();
        let (top, bottom) = (field.y.round(), field.bottom().round());
        let (height, count) = ((bottom - top).max(1.0) as usize, lanes.len());
        let width = self.at.width as usize;
        let ground = self.palette.ground;
        let table: Vec<Color> = (0..=255_u8).map(|i| ColourMap::Viridis.color(f32::from(i) / 255.0)).collect();
        let faint: Vec<Color> = table.iter().map(|&color| mixed(color, ground, ESTIMATE_OPACITY)).collect();
        let clear = ground.with_opacity(0.0);
        let mut pixels: Vec<Color> = Vec::with_capacity(width * height);
        let mut last = None;
        for y in 0..height {
            let from = y * count / height;
            let to = ((y + 1) * count / height).max(from + 1).min(count);
            if last.replace((from, to)) == Some((from, to)) {
                // The same lanes as in the row above.
                pixels.extend_from_within(pixels.len() - width..);
                continue;
            }
            pixels.extend((0..width).map(|x| {
                let share = lanes[from..to].iter().fold(None, |most, lane| louder(most, lane[x], value));
                let Some(share) = share else { return clear };
                let i = ((share.clamp(0.0, 1.0) * 255.0 + 0.5) as usize).min(255);
                if exact[x] { table[i] } else { faint[i] }
            }));
        }
        self.shapes.push(Shape::Raster { x: self.at.x as u32, y: top as u32, width: self.at.width, pixels });
    }

    /// What the colours mean, at the right of the plot.
    fn colour_bar(&mut self, rows: &[HeatRow], value: HeatValue) {
        let field = self.field();
        let of = |index: usize| self.stream.channels[self.selection.channels[index]].unit.as_str();
        let Some(first) = rows.first() else { return };
        let alike =
            (0..rows.len()).all(|i| of(i) == of(0) && (rows[i].full - first.full).abs() <= 1e-6 * first.full.abs());
        let (unit, factor) = unit_of(of(0));
        let (limits, unit) =
            if alike { (value.limits(first.full * factor), unit) } else { (value.limits(1.0), "of height") };
        let span = limits.end - limits.start;
        if !(span.is_finite() && span > 0.0) {
            return;
        }
        let (width, height) = (self.s(BAR.0), self.s(BAR.1).min(field.height - self.s(40.0)));
        if height < self.s(24.0) {
            return;
        }
        let (x, top) = (field.right() + self.s(10.0), field.y + self.s(34.0));
        let steps = (height as usize).clamp(2, 128);
        for i in 0..steps {
            let y = |i: usize| top + height - i as f32 / steps as f32 * height;
            let fill = ColourMap::Viridis.color((i as f32 + 0.5) / steps as f32);
            // Steps overlap a little, so that no seam is seen between them.
            let area = Area { x, y: y(i + 1), width, height: height / steps as f32 + if i > 0 { 0.6 } else { 0.0 } };
            self.shapes.push(Shape::Rect { area, fill });
        }
        for tick in axis::scale_ticks(limits.clone(), ((height / self.s(30.0)) as usize).clamp(2, 8)) {
            let y = top + height - ((tick.value - limits.start) / span) as f32 * height;
            let baseline = y + self.s(SMALL_SIZE) * font::CAP_HEIGHT / 2.0;
            let at = x + width + self.s(4.0);
            self.text(at, baseline, SMALL_SIZE, Anchor::Start, self.palette.quiet, tick.label);
        }
        let room = self.s(66.0) + self.layout.margin - self.s(12.0);
        for (line, text) in [value.title(), if unit.is_empty() { "stored" } else { unit }].into_iter().enumerate() {
            let text = fit(text, self.s(SMALL_SIZE), room);
            let baseline = field.y + self.s(12.0 + 14.0 * line as f32);
            self.text(x, baseline, SMALL_SIZE, Anchor::Start, self.palette.text, text);
        }
    }
}

/// A colour over an opaque ground.
fn mixed(over: Color, ground: Color, share: f32) -> Color {
    let mix = |a: u8, b: u8| (f32::from(a) * share + f32::from(b) * (1.0 - share) + 0.5) as u8;
    Color { r: mix(over.r, ground.r), g: mix(over.g, ground.g), b: mix(over.b, ground.b), a: 255 }
}
