//! The painter of a picture of traces: what it draws with, and on; each part of the picture has a file of its own.

mod butterfly;
mod events;
mod heat;
mod lanes;
mod logic;
mod marks;
mod overview;
mod time;
mod words;

use std::ops::Range;

use super::axis::TimeFormat;
use super::display::{Display, LOGIC_HEIGHT};
use super::font::text_width;
use super::layout::{Lanes, Layout};
use super::palette::{Color, Palette};
use super::scene::{Anchor, Area, Scene, Shape, Text};
use super::trace::TimeScale;
use super::{ColumnsOf, LevelsOf, Options, Threshold, clock, time_format};
use crate::error::{Error, Result};
use crate::recording::{Recording, Stream, TimeBase};
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
    /// Of a heat map: frames of a cell.
    pub(super) cell_frames: u64,
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
    /// Middle and height of each lane.
    spans: Vec<(f32, f32)>,
    /// How much of the foot of the plot the rows of events take.
    foot: f32,
    /// The title of the time axis has a line of its own.
    title_below: bool,
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
        let display = options.look.display;
        let heat = display == Display::HeatMap;
        let bars = options.look.scale_bars && options.look.common_range(stream, selection).is_some();
        let scale_width = if bars { 0.0 } else { SCALE_WIDTH };
        let gutter = ((name_width + scale_width + 26.0) * scale).ceil();
        let time = &stream.time;
        let first_tick =
            if selection.frames.start < stream.frames { time.tick_of_frame(selection.frames.start) } else { 0 };
        let ticks =
            if selection.is_empty() { 1 } else { time.tick_of_frame(selection.frames.end - 1) + 1 - first_tick };
        let secs = time.secs_of_tick(first_tick)..time.secs_of_tick(first_tick + ticks);
        let format = time_format(options.time_axis, time, &secs);
        let title = clock::title(&axis_range(time, first_tick, ticks, format), format, &options.look.zone);
        let title_below = !options.look.scale_bars && text_width(&title, SMALL_SIZE) > name_width + scale_width - 4.0;
        let size = (options.width, options.height);
        let layout = Layout::new(size, scale, gutter, options.look.plain, bars || heat, title_below);
        let at = TimeScale { first_tick, ticks, x: layout.plot.x, width: layout.plot.width as u32 };
        let foot = events::height(options.look.rows.len(), layout.plot.height, scale);
        let height = layout.plot.height - foot;
        let mut lanes = Lanes { top: layout.plot.y, height, count: selection.channels.len() };
        if ranges == 0 && display == Display::Stacked {
            // Traces may reach into each other's lanes, but not out of the plot.
            let over = ((lanes.reach() - 1.0) / 2.0).max(0.0) * lanes.lane_height();
            lanes.top += over.min(lanes.height / 4.0);
            lanes.height -= 2.0 * over.min(lanes.height / 4.0);
        }
        let is_logic = |c: &usize| options.look.logic.iter().any(|(channel, _)| channel == c);
        let heights = selection
            .channels
            .iter()
            .map(|c| if display == Display::Stacked && is_logic(c) { LOGIC_HEIGHT as f32 } else { 1.0 });
        let spans = spans(&lanes, heights.collect());
        Ok(Self {
            recording,
            stream,
            selection,
            options,
            layout,
            at,
            palette: Palette::of(options.theme),
            lanes,
            spans,
            foot,
            title_below,
            format,
            name_width: name_width * scale,
            shapes: Vec::new(),
            tally: Tally::default(),
        })
    }

    /// Draws all of it, with columns from `columns_of` and, for a heat map of means, levels from `levels_of`.
    ///
    /// # Errors
    /// What these say.
    pub(super) fn paint(mut self, columns_of: &mut ColumnsOf<'_>, levels_of: &mut LevelsOf<'_>) -> Result<Scene> {
        let look = &self.options.look;
        if look.scale_bars {
            self.scale_bars();
        } else {
            self.grid();
        }
        let strip = match look.display {
            Display::Stacked => {
                self.gaps();
                self.traces(columns_of)?
            }
            Display::Butterfly => {
                self.gaps();
                self.butterfly(columns_of)?
            }
            Display::HeatMap => {
                let strip = self.heat_map(columns_of, levels_of)?;
                self.gaps();
                strip
            }
        };
        self.event_rows();
        self.marks();
        self.cursors();
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
            description: self.description(),
            shapes: self.shapes,
            plot: self.layout.plot,
        })
    }

    /// What the picture shows, for those who cannot see it.
    fn description(&self) -> String {
        let how = match self.options.look.display {
            Display::Stacked => String::new(),
            Display::Butterfly => ", drawn over each other".to_owned(),
            Display::HeatMap => format!(", as a heat map: {}", self.options.look.heat.about()),
        };
        format!("{}, {} channels{how}", self.recording.name, self.selection.channels.len())
    }

    /// From where on channel `c` is high, if it is drawn as logic levels.
    fn threshold(&self, c: usize) -> Option<Threshold> {
        self.options.look.logic.iter().find(|(channel, _)| *channel == c).map(|(_, threshold)| *threshold)
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
        axis_range(&self.stream.time, self.at.first_tick, self.at.ticks, self.format)
    }

    /// Where on the picture the instant is that the time axis calls `value`.
    fn x_of_value(&self, value: f64) -> f32 {
        let time = &self.stream.time;
        let tick = match self.format {
            TimeFormat::Frames => value,
            TimeFormat::Clock { start_unix_ns } => clock::tick_of(time, value, start_unix_ns),
            _ => value * time.rate_hz(),
        };
        self.at.x + ((tick - self.at.first_tick as f64) * self.at.pixels_per_tick()) as f32
    }

    /// Where the channels are drawn: the plot without the rows of events.
    fn field(&self) -> Area {
        Area { height: self.layout.plot.height - self.foot, ..self.layout.plot }
    }

    fn middle(&self, index: usize) -> f32 {
        self.spans[index].0
    }

    fn lane_height(&self, index: usize) -> f32 {
        self.spans[index].1
    }
}

/// So many ticks in the unit of a time axis of this format.
fn axis_range(time: &TimeBase, first_tick: u64, ticks: u64, format: TimeFormat) -> Range<f64> {
    let (first, last) = (first_tick, first_tick + ticks);
    match format {
        TimeFormat::Frames => first as f64..last as f64,
        TimeFormat::Clock { start_unix_ns } => clock::range(time, &(first as f64..last as f64), start_unix_ns),
        _ => time.secs_of_tick(first)..time.secs_of_tick(last),
    }
}

/// Middles and heights of lanes that are so high next to each other.
fn spans(lanes: &Lanes, heights: Vec<f32>) -> Vec<(f32, f32)> {
    let all: f32 = heights.iter().sum();
    let each = lanes.height / all.max(f32::MIN_POSITIVE);
    let mut above = 0.0;
    let span = |height: f32| {
        let middle = lanes.top + (above + height / 2.0) * each;
        above += height;
        (middle, height * each)
    };
    heights.into_iter().map(span).collect()
}
