//! The picture of a recording: what the window shows, without a window.
//!
//! [`compose`] asks for columns and lays out a [`Scene`] (stacked traces, names and units, scales, time axis, gaps,
//! overview, what is exact and what is an estimate); [`svg::document`] and [`png::encode`] make a file of it. The
//! picture depends on nothing but the recording and the options: no system fonts, no locale, no time zone.
//!
//! **What is drawn is true**: every pixel column of a trace spans the least to the greatest value of the columns in it,
//! at full height, however narrow; a hole is left where there is nothing; a gap is hatched; an estimate is lighter and
//! the footer says so. Each channel has its own scale, given by a scale bar or, where there is room, by an axis.
//!
//! **Cost**: columns of at most [`GROUP_BYTES`] at a time, one bar (8 bytes) a channel and pixel, and for a PNG
//! [`png::peak_bytes`]. [`axis`], [`palette`], [`font`] and [`layout::Lanes`] are shared with the window.

pub mod amplitude;
pub mod axis;
pub mod colour_map;
pub mod font;
pub mod heat;
pub mod layout;
pub mod palette;
pub mod png;
pub mod scene;
pub mod svg;
mod trace;

use std::ops::Range;

use crate::error::{Error, Result};
use crate::recording::{Gap, Recording, Stream, TimeBase};
use crate::scan::Selection;
use crate::summary::{Columns, MinMax, ViewRequest};
use axis::TimeFormat;
use font::{fit, text_width};
use layout::{Lanes, Layout};
use palette::{Color, ESTIMATE_OPACITY, Palette, Theme};
use scene::{Anchor, Area, Bar, Scene, Shape, Text};
use trace::{Placement, TimeScale, ValueScale};

/// Smallest side lengths, pixels.
pub const MIN_SIZE: (u32, u32) = (240, 120);
/// Largest side length, pixels.
pub const MAX_SIDE: u32 = 16_384;
/// Columns that are held at a time: channels are asked for in groups of this size.
pub const GROUP_BYTES: usize = 24 << 20;
/// Channels that the overview shows when the picture shows only a part of the recording.
const OVERVIEW_CHANNELS: usize = 16;

const NAME_SIZE: f32 = 12.5;
const SMALL_SIZE: f32 = 11.5;
const LABEL_HEIGHT: f32 = 15.0;
const SCALE_WIDTH: f32 = 62.0;

/// Which time axis is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TimeAxis {
    /// What suits the range and the recording.
    #[default]
    Automatic,
    Seconds,
    /// Wall clock (UTC), where the recording has one; otherwise as [`Self::Automatic`].
    Clock,
    Frames,
}

/// How a picture looks.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Options {
    /// Pixels.
    pub width: u32,
    pub height: u32,
    pub theme: Theme,
    pub time_axis: TimeAxis,
}

impl Default for Options {
    fn default() -> Self {
        Self { width: 1920, height: 1080, theme: Theme::Light, time_axis: TimeAxis::Automatic }
    }
}

impl Options {
    /// Whether such a picture can be made.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] with the sizes that can.
    pub fn validate(&self) -> Result<()> {
        let (w, h) = (self.width, self.height);
        if w < MIN_SIZE.0 || h < MIN_SIZE.1 || w > MAX_SIDE || h > MAX_SIDE {
            return Err(Error::invalid(format!("a picture of {w}x{h} pixels cannot be made"))
                .with_remedy(format!("use a size from {}x{} to {MAX_SIDE}x{MAX_SIDE}", MIN_SIZE.0, MIN_SIZE.1)));
        }
        Ok(())
    }
}

/// Reads a size: `1920x1080`.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] if it is none.
pub fn parse_size(text: &str) -> Result<(u32, u32)> {
    let parsed =
        text.split_once(['x', 'X', '×']).and_then(|(w, h)| Some((w.trim().parse().ok()?, h.trim().parse().ok()?)));
    parsed.ok_or_else(|| {
        Error::invalid(format!("'{text}' is not a size")).with_remedy("write width x height in pixels: 1920x1080")
    })
}

/// Where the picture gets its columns from.
pub type ColumnsOf<'a> = dyn FnMut(&ViewRequest) -> Result<Columns> + 'a;

/// Draws `selection` of `recording`.
///
/// # Errors
/// When the selection or the size makes no sense, and whatever `columns_of` says.
pub fn compose(
    recording: &Recording,
    selection: &Selection,
    options: &Options,
    columns_of: &mut ColumnsOf<'_>,
) -> Result<Scene> {
    options.validate()?;
    let stream = selection.stream_in(recording)?;
    let scale = layout::scale_for(options.width, options.height);
    let names = selection.channels.iter().map(|&c| text_width(&stream.channels[c].name, NAME_SIZE));
    let name_width = names.fold(36.0, f32::max).min(if options.width < 640 { 70.0 } else { 170.0 });
    let gutter = ((name_width + SCALE_WIDTH + 26.0) * scale).ceil();
    let layout = Layout::new(options.width, options.height, scale, gutter);
    let time = &stream.time;
    let first_tick =
        if selection.frames.start < stream.frames { time.tick_of_frame(selection.frames.start) } else { 0 };
    let ticks = if selection.is_empty() { 1 } else { time.tick_of_frame(selection.frames.end - 1) + 1 - first_tick };
    let at = TimeScale { first_tick, ticks, x: layout.plot.x, width: layout.plot.width as u32 };
    let mut painter = Painter {
        recording,
        stream,
        selection,
        layout,
        at,
        palette: Palette::of(options.theme),
        lanes: Lanes { top: layout.plot.y, height: layout.plot.height, count: selection.channels.len() },
        format: time_format(
            options.time_axis,
            time,
            &(time.secs_of_tick(first_tick)..time.secs_of_tick(first_tick + ticks)),
        ),
        name_width: name_width * scale,
        shapes: Vec::new(),
        tally: Tally::default(),
    };
    // Traces may reach into each other's lanes, but not out of the plot.
    let over = ((painter.lanes.reach() - 1.0) / 2.0).max(0.0) * painter.lanes.lane_height();
    painter.lanes.top += over.min(painter.lanes.height / 4.0);
    painter.lanes.height -= 2.0 * over.min(painter.lanes.height / 4.0);

    painter.grid();
    painter.gaps();
    let strip = painter.traces(columns_of)?;
    painter.overview(strip, columns_of)?;
    painter.title();
    painter.footer();
    Ok(Scene {
        width: options.width,
        height: options.height,
        ground: painter.palette.ground,
        description: format!("{}, {} channels", recording.name, selection.channels.len()),
        shapes: painter.shapes,
        plot: layout.plot,
    })
}

fn time_format(axis: TimeAxis, time: &TimeBase, range_secs: &Range<f64>) -> TimeFormat {
    match (axis, time.start_unix_ns()) {
        (TimeAxis::Frames, _) => TimeFormat::Frames,
        (TimeAxis::Seconds, _) if time.rate_known() => TimeFormat::Seconds,
        (TimeAxis::Clock, Some(start_unix_ns)) if time.rate_known() => TimeFormat::Clock { start_unix_ns },
        _ => TimeFormat::automatic(time, range_secs),
    }
}

/// What the footer tells.
#[derive(Default)]
struct Tally {
    columns: usize,
    estimates: usize,
    samples: bool,
    gaps: usize,
    missing_ticks: u64,
}

struct Painter<'a> {
    recording: &'a Recording,
    stream: &'a Stream,
    selection: &'a Selection,
    layout: Layout,
    at: TimeScale,
    palette: &'static Palette,
    lanes: Lanes,
    format: TimeFormat,
    name_width: f32,
    shapes: Vec<Shape>,
    tally: Tally,
}

impl Painter<'_> {
    fn s(&self, v: f32) -> f32 {
        v * self.layout.scale
    }

    fn hairline(&self) -> f32 {
        self.layout.scale.floor().max(1.0)
    }

    fn text(&mut self, x: f32, baseline: f32, size: f32, anchor: Anchor, color: Color, text: String) {
        let size = self.s(size);
        self.shapes.push(Shape::Text(Text { x, baseline, size, anchor, color, text }));
    }

    fn horizontal(&mut self, x: f32, to_x: f32, y: f32, color: Color) {
        let (width, y) = (self.hairline(), y.round() + 0.5);
        self.shapes.push(Shape::Line { x, y, to_x, to_y: y, width, color });
    }

    fn vertical(&mut self, x: f32, y: f32, to_y: f32, color: Color) {
        let (width, x) = (self.hairline(), x.floor() + 0.5);
        self.shapes.push(Shape::Line { x, y, to_x: x, to_y, width, color });
    }

    /// The visible range in the unit of the time axis.
    fn range(&self) -> Range<f64> {
        let (first, last) = (self.at.first_tick, self.at.first_tick + self.at.ticks);
        if self.format == TimeFormat::Frames {
            first as f64..last as f64
        } else {
            self.stream.time.secs_of_tick(first)..self.stream.time.secs_of_tick(last)
        }
    }

    /// Time grid, axis and its labels, bounds of the lanes.
    fn grid(&mut self) {
        let plot = self.layout.plot;
        let range = self.range();
        let size = self.s(SMALL_SIZE);
        // As many marks as have room for their own labels.
        let mut count = (plot.width / self.s(90.0)).max(1.0) as usize;
        let mut ticks = axis::ticks(range.clone(), count, self.format);
        let widest = |ticks: &[axis::Tick]| ticks.iter().map(|t| text_width(&t.label, size)).fold(0.0, f32::max);
        while count > 1 && (widest(&ticks) + self.s(18.0)) * ticks.len() as f32 > plot.width {
            count -= 1;
            ticks = axis::ticks(range.clone(), count, self.format);
        }
        let span = (range.end - range.start).max(f64::MIN_POSITIVE);
        let bottom = plot.bottom().round();
        for tick in ticks {
            let x = plot.x + ((tick.value - range.start) / span) as f32 * plot.width;
            let half = text_width(&tick.label, size) / 2.0;
            self.vertical(x.min(plot.right() - 1.0), plot.y, bottom, self.palette.faint);
            self.vertical(x.min(plot.right() - 1.0), bottom, bottom + self.s(4.0), self.palette.line);
            // Labels at the ends stay on the picture.
            let x = x.min(self.layout.plot.right() + self.layout.margin - half - 2.0);
            self.text(x, bottom + self.s(17.0), SMALL_SIZE, Anchor::Middle, self.palette.quiet, tick.label);
        }
        self.horizontal(plot.x, plot.right(), bottom, self.palette.line);
        let (x, y) = (self.layout.margin, bottom + self.s(17.0));
        let room = plot.x - x - self.s(30.0);
        self.text(
            x,
            y,
            SMALL_SIZE,
            Anchor::Start,
            self.palette.quiet,
            fit(&axis::title(&range, self.format), size, room),
        );
        if self.lanes.lane_height() >= self.s(40.0) {
            for i in 1..self.lanes.count {
                let y = self.lanes.middle(i) - self.lanes.lane_height() / 2.0;
                self.horizontal(plot.x, plot.right(), y, self.palette.faint);
            }
        }
    }

    /// Bands where nothing was recorded, labelled where there is room.
    fn gaps(&mut self) {
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

    fn gap_band(&mut self, area: Area) {
        self.shapes.push(Shape::Rect { area, fill: self.palette.band });
        let color = self.palette.line.with_opacity(0.55);
        self.shapes.push(Shape::Hatch { area, every: self.s(7.0), color });
    }

    fn missing(&self, ticks: u64) -> String {
        if self.stream.time.rate_known() {
            format!("{} missing", axis::duration(self.stream.time.secs_of_tick(ticks)))
        } else {
            format!("{} frames missing", axis::grouped(i128::from(ticks)))
        }
    }

    /// All traces with their names and scales; returns what the overview needs if all of the recording is in view.
    fn traces(&mut self, columns_of: &mut ColumnsOf<'_>) -> Result<Strip> {
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
                let pixels = placement.spread(values, self.stream.channels[channels[index]].scale);
                let extent = typical(&pixels, self.lanes.count);
                let half = self.lanes.lane_height() * self.lanes.reach() / 2.0;
                let scale = ValueScale::fitting(extent, self.lanes.middle(index), half.max(self.s(1.0)));
                strip.add(&pixels, extent);
                if samples {
                    self.polylines(&placement, values, index, &scale);
                } else {
                    let bars = trace::bars(&pixels, &scale, self.s(if self.lanes.count > 40 { 1.0 } else { 1.25 }));
                    self.bars(bars, &placement.exact, channels[index]);
                }
                self.label(index, extent, &scale, half);
            }
        }
        Ok(strip)
    }

    fn bars(&mut self, bars: Vec<Bar>, exact: &[bool], color_index: usize) {
        let color = self.palette.trace(color_index);
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

    fn polylines(&mut self, placement: &Placement, values: &[MinMax], index: usize, scale: &ValueScale) {
        let channel = self.selection.channels[index];
        let color = self.palette.trace(channel);
        let apart = self.at.pixels_per_tick() as f32;
        let dots = apart >= self.s(6.0);
        for run in placement.samples(values, self.stream.channels[channel].scale) {
            let points: Vec<[f32; 2]> = run.into_iter().map(|(tick, v)| [self.at.x_of(tick), scale.y_of(v)]).collect();
            // A sample on its own would not be seen as a line.
            let dot_radius =
                if dots || points.len() == 1 { self.s(if apart >= 16.0 { 2.6 } else { 1.8 }) } else { 0.0 };
            self.shapes.push(Shape::Polyline { points, width: self.s(1.25), dot_radius, color });
        }
    }

    /// Name, unit and scale of channel `index`, if its lane is one of those that have room.
    fn label(&mut self, index: usize, extent: MinMax, scale: &ValueScale, half: f32) {
        let every = self.lanes.label_every(self.s(LABEL_HEIGHT));
        if !index.is_multiple_of(every) {
            return;
        }
        let channel = &self.stream.channels[self.selection.channels[index]];
        let color = self.palette.trace(self.selection.channels[index]);
        let (x, y) = (self.layout.margin, self.lanes.middle(index));
        let baseline = y + self.s(NAME_SIZE) * font::CAP_HEIGHT / 2.0;
        let swatch = Area { x, y: y - self.s(5.0), width: self.s(3.0), height: self.s(10.0) };
        self.shapes.push(Shape::Rect { area: swatch, fill: color });
        let name = fit(&channel.name, self.s(NAME_SIZE), self.name_width);
        self.text(x + self.s(8.0), baseline, NAME_SIZE, Anchor::Start, self.palette.text, name);
        let (unit, factor) = unit_of(&channel.unit);
        let right = self.layout.plot.x - self.s(12.0);
        if extent.is_empty() {
            self.text(right, baseline, SMALL_SIZE, Anchor::End, self.palette.quiet, "no data".to_owned());
        } else if scale.per_unit == 0.0 {
            let text = with_unit(axis::number(extent.min * factor, significant(extent.min * factor)), unit);
            self.text(right, baseline, SMALL_SIZE, Anchor::End, self.palette.quiet, format!("= {text}"));
        } else if self.lanes.lane_height() >= self.s(84.0) {
            self.value_axis(extent, scale, unit, factor, baseline);
        } else {
            let room = (0.72 * 2.0 * half).min(every as f32 * self.lanes.lane_height() * 0.86);
            let value = axis::round_down(f64::from(room) / scale.per_unit * factor);
            let height = (value / factor * scale.per_unit) as f32;
            let text = with_unit(axis::number(value, value), unit);
            self.vertical(self.layout.plot.x - self.s(7.0), y - height / 2.0, y + height / 2.0, self.palette.quiet);
            self.text(right, baseline, SMALL_SIZE, Anchor::End, self.palette.quiet, text);
        }
    }

    /// Values at the left edge of a lane that is high enough for several.
    fn value_axis(&mut self, extent: MinMax, scale: &ValueScale, unit: &str, factor: f64, baseline: f32) {
        let count = ((self.lanes.lane_height() / self.s(34.0)) as usize).clamp(2, 12);
        let x = self.layout.plot.x;
        for tick in axis::value_ticks(extent.min * factor..extent.max * factor, count) {
            let y = scale.y_of(tick.value / factor);
            self.horizontal(x - self.s(5.0), x, y, self.palette.line);
            let baseline = y + self.s(SMALL_SIZE) * font::CAP_HEIGHT / 2.0;
            self.text(x - self.s(10.0), baseline, SMALL_SIZE, Anchor::End, self.palette.quiet, tick.label);
        }
        let (top, bottom) = (scale.y_of(extent.max), scale.y_of(extent.min));
        self.vertical(x - 1.0, top, bottom, self.palette.line);
        if !unit.is_empty() {
            let (x, below) = (self.layout.margin + self.s(8.0), baseline + self.s(15.0));
            self.text(x, below, SMALL_SIZE, Anchor::Start, self.palette.quiet, unit.to_owned());
        }
    }

    /// The whole recording in small, with the visible part marked.
    fn overview(&mut self, view: Strip, columns_of: &mut ColumnsOf<'_>) -> Result<()> {
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
    fn whole(&self, all: &TimeScale, columns_of: &mut ColumnsOf<'_>) -> Result<Strip> {
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

    fn title(&mut self) {
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

    fn footer(&mut self) {
        let Some(baseline) = self.layout.footer_baseline else { return };
        let size = self.s(SMALL_SIZE);
        let Tally { columns, estimates, samples, gaps, missing_ticks } = self.tally;
        let mut note = if self.selection.is_empty() {
            "No frames are selected.".to_owned()
        } else if estimates > 0 {
            let share = ((estimates as f64 / columns as f64 * 100.0).round() as u64).clamp(1, 100);
            format!(
                "Estimate: {share} % of the columns, drawn lighter, show only some of their samples. \
                 `longwave peaks` makes them exact."
            )
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

/// The mean envelope of some channels, each scaled to −1..1: loud stretches stand out whatever the units are.
struct Strip {
    sums: Vec<(f64, f64, u32)>,
}

impl Strip {
    fn new(width: u32) -> Self {
        Self { sums: vec![(0.0, 0.0, 0); width as usize] }
    }

    fn add(&mut self, pixels: &[MinMax], extent: MinMax) {
        let scale = ValueScale::fitting(extent, 0.0, 1.0);
        for (sum, v) in self.sums.iter_mut().zip(pixels).filter(|(_, v)| !v.is_empty()) {
            let at = |v: f64| (v - scale.middle) * scale.per_unit;
            *sum = (sum.0 + at(v.min), sum.1 + at(v.max), sum.2 + 1);
        }
    }

    fn mean(&self) -> Vec<MinMax> {
        let mean = |&(min, max, n): &(f64, f64, u32)| match n {
            0 => MinMax::EMPTY,
            n => MinMax { min: min / f64::from(n), max: max / f64::from(n) },
        };
        self.sums.iter().map(mean).collect()
    }
}

/// A stretch of pixels, relative to the left edge of the plot, in which ticks are missing.
struct GapBand {
    first: f32,
    last: f32,
    missing_ticks: u64,
}

#[derive(Default)]
struct GapBands {
    bands: Vec<GapBand>,
    gaps: usize,
    missing_ticks: u64,
}

/// The visible gaps; those that touch on the picture are one band, and none is narrower than a pixel.
/// The values that a lane has room for.
fn typical(pixels: &[MinMax], lanes: usize) -> MinMax {
    amplitude::fit(pixels.iter().copied(), lanes)
        .map_or(MinMax::EMPTY, |(middle, half)| MinMax { min: middle - half, max: middle + half })
}

fn gap_bands(time: &TimeBase, at: &TimeScale) -> GapBands {
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

/// The unit as it is written, and what values are multiplied with for it.
fn unit_of(unit: &str) -> (&str, f64) {
    match unit {
        "uV" | "\u{3bc}V" => ("µV", 1.0),
        "uA" | "\u{3bc}A" => ("µA", 1.0),
        "us" => ("µs", 1.0),
        other => (other, 1.0),
    }
}

fn with_unit(number: String, unit: &str) -> String {
    // A long unit does not fit beside a number; it is the same for all numbers of a channel and may be cut.
    if unit.is_empty() { number } else { format!("{number} {}", fit(unit, 1.0, 3.0)) }
}

/// A step that gives `value` about four significant figures.
fn significant(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() { 1.0 } else { 10_f64.powf(value.abs().log10().floor() - 3.0).min(1.0) }
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
