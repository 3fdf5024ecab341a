//! The painter of a picture of traces: what it draws with, and on; each part of the picture has a file of its own.

mod lanes;
mod marks;
mod overview;
mod time;
mod words;

use std::ops::Range;

use super::axis::TimeFormat;
use super::font::text_width;
use super::layout::{Lanes, Layout};
use super::palette::{Color, Palette};
use super::scene::{Anchor, Scene, Shape, Text};
use super::trace::TimeScale;
use super::{ColumnsOf, Options, time_format};
use crate::error::{Error, Result};
use crate::recording::{Recording, Stream};
use crate::scan::Selection;

const NAME_SIZE: f32 = 12.5;
const SMALL_SIZE: f32 = 11.5;
const LABEL_HEIGHT: f32 = 15.0;
const SCALE_WIDTH: f32 = 62.0;

/// What the footer tells.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) columns: usize,
    pub(super) estimates: usize,
    pub(super) samples: bool,
    pub(super) gaps: usize,
    pub(super) missing_ticks: u64,
}

pub(super) struct Painter<'a> {
    recording: &'a Recording,
    stream: &'a Stream,
    selection: &'a Selection,
    options: &'a Options,
    layout: Layout,
    at: TimeScale,
    palette: &'static Palette,
    lanes: Lanes,
    format: TimeFormat,
    name_width: f32,
    shapes: Vec<Shape>,
    tally: Tally,
}

impl<'a> Painter<'a> {
    /// Lays out the picture.
    ///
    /// # Errors
    /// When the selection, the size or the look makes no sense.
    pub(super) fn new(recording: &'a Recording, selection: &'a Selection, options: &'a Options) -> Result<Self> {
        options.validate()?;
        let stream = selection.stream_in(recording)?;
        let ranges = options.look.ranges.len();
        if ranges > 1 && ranges != selection.channels.len() {
            let channels = selection.channels.len();
            return Err(Error::invalid(format!("there are {ranges} ranges for {channels} channels"))
                .with_remedy("give one for all of them, or one for each"));
        }
        let scale = options.scale();
        let names = selection.channels.iter().map(|&c| text_width(&stream.channels[c].name, NAME_SIZE));
        let name_width = names.fold(36.0, f32::max).min(if options.width < 640 { 70.0 } else { 170.0 });
        let bars = options.look.scale_bars && options.look.common_range(stream, selection).is_some();
        let scale_width = if bars { 0.0 } else { SCALE_WIDTH };
        let gutter = ((name_width + scale_width + 26.0) * scale).ceil();
        let layout = Layout::new(options.width, options.height, scale, gutter, options.look.plain, bars);
        let time = &stream.time;
        let first_tick =
            if selection.frames.start < stream.frames { time.tick_of_frame(selection.frames.start) } else { 0 };
        let ticks =
            if selection.is_empty() { 1 } else { time.tick_of_frame(selection.frames.end - 1) + 1 - first_tick };
        let at = TimeScale { first_tick, ticks, x: layout.plot.x, width: layout.plot.width as u32 };
        let secs = time.secs_of_tick(first_tick)..time.secs_of_tick(first_tick + ticks);
        let mut lanes = Lanes { top: layout.plot.y, height: layout.plot.height, count: selection.channels.len() };
        if ranges == 0 {
            // Traces may reach into each other's lanes, but not out of the plot.
            let over = ((lanes.reach() - 1.0) / 2.0).max(0.0) * lanes.lane_height();
            lanes.top += over.min(lanes.height / 4.0);
            lanes.height -= 2.0 * over.min(lanes.height / 4.0);
        }
        Ok(Self {
            recording,
            stream,
            selection,
            options,
            layout,
            at,
            palette: Palette::of(options.theme),
            lanes,
            format: time_format(options.time_axis, time, &secs),
            name_width: name_width * scale,
            shapes: Vec::new(),
            tally: Tally::default(),
        })
    }

    /// Draws all of it, with columns from `columns_of`.
    ///
    /// # Errors
    /// What `columns_of` says.
    pub(super) fn paint(mut self, columns_of: &mut ColumnsOf<'_>) -> Result<Scene> {
        let look = &self.options.look;
        if look.scale_bars {
            self.scale_bars();
        } else {
            self.grid();
        }
        self.gaps();
        let strip = self.traces(columns_of)?;
        self.marks();
        if !look.plain {
            self.overview(strip, columns_of)?;
            self.title();
            self.footer();
        }
        Ok(Scene {
            width: self.options.width,
            height: self.options.height,
            dpi: self.options.dpi,
            ground: self.palette.ground,
            description: format!("{}, {} channels", self.recording.name, self.selection.channels.len()),
            shapes: self.shapes,
            plot: self.layout.plot,
        })
    }

    /// The colour of channel `c`.
    fn colour(&self, c: usize) -> Color {
        let own = self.options.look.colours.iter().find(|(channel, _)| *channel == c);
        own.map_or_else(|| self.palette.trace(c), |(_, colour)| *colour)
    }
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
}
