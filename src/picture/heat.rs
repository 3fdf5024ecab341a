//! The picture of values over time and frequency: one field of colours a channel, under each other on one time axis, with
//! names, a frequency axis each, one colour bar and a footer.
//!
//! Pixels take the value of the cell that they lie in; where cells are finer than pixels, whoever makes the cells has to
//! average them before. What is missing is hatched, as gaps are in the picture of traces.

use std::ops::Range;

use super::axis::{self, TimeFormat};
use super::colour_map::{ColourMap, Limits};
use super::font::{fit, text_width};
use super::palette::{Color, Palette};
use super::scene::{Anchor, Area, Scene, Shape, Text};
use super::{Options, layout, time_format};
use crate::error::{Error, Result};
use crate::recording::TimeBase;

const SIZE: f32 = 11.5;
/// No field is less high, pixels: nobody could read it.
pub const LEAST_FIELD: f32 = 48.0;

/// One channel.
pub struct Field<'a> {
    pub name: String,
    /// `values[row · columns + column]`, as drawn (decibels, for instance); NaN where there is nothing.
    pub values: &'a [f32],
}

/// What is drawn.
pub struct Heat<'a> {
    pub title: String,
    pub footer: String,
    pub time: &'a TimeBase,
    /// The ticks that the time axis spans.
    pub ticks: Range<u64>,
    /// The ticks of each column, in order, without overlap.
    pub columns: &'a [Range<u64>],
    /// Where rows begin and end on the frequency axis, from low to high; one more than rows.
    pub borders: &'a [f64],
    pub y_title: String,
    pub value_title: String,
    pub log_y: bool,
    pub fields: Vec<Field<'a>>,
    pub map: ColourMap,
    pub limits: Limits,
}

/// Where the fields lie in a picture of this size.
struct Places {
    scale: f32,
    margin: f32,
    plot: Area,
    field: f32,
    step: f32,
    bar: Area,
}

impl Places {
    fn new(options: &Options, fields: usize) -> Self {
        let scale = layout::scale_for(options.width, options.height);
        let s = |v: f32| (v * scale).round();
        let (w, h) = (options.width as f32, options.height as f32);
        let margin = s(if w < 640.0 { 12.0 } else { 24.0 });
        let (left, right) = (margin + s(64.0), w - margin - s(84.0));
        let top = margin + s(30.0);
        let bottom = h - margin - s(54.0);
        let plot = Area { x: left, y: top, width: (right - left).max(8.0), height: (bottom - top).max(8.0) };
        let step = plot.height / fields.max(1) as f32;
        let label = if fields > 1 { s(18.0) } else { 0.0 };
        let bar = Area { x: plot.right() + s(16.0), y: top + label, width: s(12.0), height: plot.height - label };
        Self { scale, margin, plot, field: (step - label).floor(), step, bar }
    }

    fn area(&self, index: usize) -> Area {
        let bottom = self.plot.y + (index + 1) as f32 * self.step;
        Area { x: self.plot.x, y: (bottom - self.field).round(), width: self.plot.width, height: self.field }
    }
}

/// The pixels of a field of a picture with so many: across, and down.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] if the size makes no sense or the fields do not fit into it.
pub fn field_pixels(options: &Options, fields: usize) -> Result<(usize, usize)> {
    options.validate()?;
    let places = Places::new(options, fields);
    if places.field < LEAST_FIELD {
        let most = (places.plot.height / (LEAST_FIELD + 18.0 * places.scale)).floor().max(1.0);
        return Err(Error::invalid(format!(
            "{fields} channels do not fit into a picture of {}x{} pixels",
            options.width, options.height
        ))
        .with_remedy(format!("choose at most {most} (--channels), or a larger --size")));
    }
    Ok((places.plot.width as usize, places.field as usize))
}

/// Draws it.
///
/// # Errors
/// As [`field_pixels`].
pub fn compose(heat: &Heat<'_>, options: &Options) -> Result<Scene> {
    field_pixels(options, heat.fields.len())?;
    let places = Places::new(options, heat.fields.len());
    let range = {
        let seen: Vec<f32> =
            heat.fields.iter().flat_map(|f| f.values.iter().step_by(1 + f.values.len() / 50_000)).copied().collect();
        heat.limits.over(seen.iter())
    };
    let mut painter = Painter { heat, places, palette: Palette::of(options.theme), range, shapes: Vec::new() };
    for index in 0..heat.fields.len() {
        painter.field(index);
    }
    painter.time_axis(options);
    painter.colour_bar();
    painter.words();
    Ok(Scene {
        width: options.width,
        height: options.height,
        dpi: options.dpi,
        ground: painter.palette.ground,
        description: heat.title.clone(),
        plot: painter.places.plot,
        shapes: painter.shapes,
    })
}

struct Painter<'a> {
    heat: &'a Heat<'a>,
    places: Places,
    palette: &'static Palette,
    range: Range<f32>,
    shapes: Vec<Shape>,
}

impl Painter<'_> {
    fn s(&self, v: f32) -> f32 {
        v * self.places.scale
    }

    fn text(&mut self, x: f32, baseline: f32, anchor: Anchor, color: Color, text: String) {
        let size = self.s(SIZE);
        self.shapes.push(Shape::Text(Text { x, baseline, size, anchor, color, text }));
    }

    /// The shares of the height at which `hz` lies, from below.
    fn share(&self, hz: f64) -> f64 {
        let (low, high) = self.y_range();
        if self.heat.log_y { (hz / low).ln() / (high / low).ln() } else { (hz - low) / (high - low) }
    }

    fn hz(&self, share: f64) -> f64 {
        let (low, high) = self.y_range();
        if self.heat.log_y { low * (high / low).powf(share) } else { low + share * (high - low) }
    }

    fn y_range(&self) -> (f64, f64) {
        let borders = self.heat.borders;
        let high = borders.last().copied().unwrap_or(1.0).max(f64::MIN_POSITIVE);
        // Zero has no place on a logarithmic axis: it begins where the first row that has one does.
        let low = if self.heat.log_y { borders.get(1).copied().unwrap_or(high / 2.0) } else { 0.0 };
        (low.min(high / 2.0), high)
    }

    fn field(&mut self, index: usize) {
        let area = self.places.area(index);
        let field = &self.heat.fields[index];
        let (width, height) = (area.width as usize, area.height as usize);
        let columns = self.heat.columns;
        let span = (self.heat.ticks.end - self.heat.ticks.start).max(1) as f64;
        let column_of: Vec<Option<usize>> = (0..width)
            .map(|x| {
                let tick = self.heat.ticks.start + (((x as f64 + 0.5) / width as f64) * span) as u64;
                let column = columns.partition_point(|c| c.end <= tick);
                columns.get(column).is_some_and(|c| c.contains(&tick)).then_some(column)
            })
            .collect();
        let rows = self.heat.borders.len().saturating_sub(1);
        let row_of: Vec<usize> = (0..height)
            .map(|y| {
                let hz = self.hz(1.0 - (y as f64 + 0.5) / height as f64);
                self.heat.borders.partition_point(|&b| b <= hz).clamp(1, rows.max(1)) - 1
            })
            .collect();
        let color = |row: usize, column: &Option<usize>| {
            let value = column.and_then(|c| field.values.get(row * columns.len() + c)).copied().unwrap_or(f32::NAN);
            if value.is_nan() {
                Color::rgb(0).with_opacity(0.0)
            } else {
                self.heat.map.color((value - self.range.start) / (self.range.end - self.range.start))
            }
        };
        let pixels: Vec<Color> = row_of.iter().flat_map(|&row| column_of.iter().map(move |c| color(row, c))).collect();
        self.shapes.push(Shape::Rect { area, fill: self.palette.band });
        let every = self.s(7.0);
        self.shapes.push(Shape::Hatch { area, every, color: self.palette.line.with_opacity(0.55) });
        self.shapes.push(Shape::Raster { x: area.x as u32, y: area.y as u32, width: width as u32, pixels });
        self.frequency_axis(area);
        if self.heat.fields.len() > 1 {
            let size = self.s(SIZE);
            let name = fit(&field.name, size, area.width);
            let at = (area.x, area.y - self.s(5.0));
            self.text(at.0, at.1, Anchor::Start, self.palette.text, name);
        }
    }

    fn frequency_axis(&mut self, area: Area) {
        let (low, high) = self.y_range();
        let room = ((area.height / self.s(30.0)) as usize).clamp(2, 9);
        let ticks = if self.heat.log_y { decades(low, high, room) } else { axis::value_ticks(low..high, room) };
        for tick in ticks {
            let y = (area.bottom() - self.share(tick.value) as f32 * area.height).round();
            let width = self.places.scale.floor().max(1.0);
            let (to_x, color) = (area.x, self.palette.line);
            self.shapes.push(Shape::Line { x: to_x - self.s(4.0), y: y - 0.5, to_x, to_y: y - 0.5, width, color });
            let baseline = (y + self.s(4.0)).max(area.y + self.s(8.0));
            self.text(area.x - self.s(7.0), baseline, Anchor::End, self.palette.quiet, tick.label);
        }
    }

    fn time_axis(&mut self, options: &Options) {
        let heat = self.heat;
        let plot = self.places.plot;
        let secs = heat.time.secs_of_tick(heat.ticks.start)..heat.time.secs_of_tick(heat.ticks.end);
        let format = time_format(options.time_axis, heat.time, &secs);
        let range = if format == TimeFormat::Frames { heat.ticks.start as f64..heat.ticks.end as f64 } else { secs };
        let span = (range.end - range.start).max(f64::MIN_POSITIVE);
        let bottom = plot.bottom().round();
        let count = ((plot.width / self.s(110.0)) as usize).max(2);
        for tick in axis::ticks(range.clone(), count, format) {
            let x = (plot.x + ((tick.value - range.start) / span) as f32 * plot.width).floor() + 0.5;
            let color = self.palette.line;
            let width = self.places.scale.floor().max(1.0);
            self.shapes.push(Shape::Line { x, y: bottom, to_x: x, to_y: bottom + self.s(4.0), width, color });
            let half = text_width(&tick.label, self.s(SIZE)) / 2.0;
            let x = x.clamp(plot.x, (plot.right() + self.s(40.0) - half).max(plot.x));
            self.text(x, bottom + self.s(17.0), Anchor::Middle, self.palette.quiet, tick.label);
        }
        let title = axis::title(&range, format);
        self.text(plot.x + plot.width / 2.0, bottom + self.s(34.0), Anchor::Middle, self.palette.quiet, title);
    }

    fn colour_bar(&mut self) {
        let bar = self.places.bar;
        let (width, height) = (bar.width as u32, bar.height as u32);
        let color = |y: u32| self.heat.map.color(1.0 - (y as f32 + 0.5) / height as f32);
        let pixels = (0..height).flat_map(|y| std::iter::repeat_n(color(y), width as usize)).collect();
        self.shapes.push(Shape::Raster { x: bar.x as u32, y: bar.y as u32, width, pixels });
        let range = f64::from(self.range.start)..f64::from(self.range.end);
        let count = ((bar.height / self.s(36.0)) as usize).clamp(2, 9);
        for tick in axis::value_ticks(range.clone(), count) {
            let share = ((tick.value - range.start) / (range.end - range.start)) as f32;
            let y = (bar.bottom() - share * bar.height + self.s(4.0)).max(bar.y + self.s(8.0));
            self.text(bar.right() + self.s(6.0), y, Anchor::Start, self.palette.quiet, tick.label);
        }
    }

    fn words(&mut self) {
        let (plot, margin) = (self.places.plot, self.places.margin);
        let size = self.s(SIZE);
        let baseline = margin + self.s(12.0);
        let right = plot.right() + self.s(84.0);
        // One field has room for the name of its axis above it.
        let value = match self.heat.fields.len() {
            1 => self.heat.value_title.clone(),
            _ => format!("{}; colours: {}", self.heat.y_title, self.heat.value_title),
        };
        let value = fit(&value, size, plot.width * 0.5);
        let room = right - margin - text_width(&value, size) - self.s(24.0);
        let title = fit(&self.heat.title, size, room);
        self.text(margin, baseline, Anchor::Start, self.palette.text, title);
        self.text(right, baseline, Anchor::End, self.palette.quiet, value);
        if self.heat.fields.len() == 1 {
            let title = self.heat.y_title.clone();
            self.text(margin, plot.y - self.s(6.0), Anchor::Start, self.palette.quiet, title);
        }
        let below = plot.bottom() + self.s(52.0);
        let footer = fit(&self.heat.footer, size, right - margin);
        self.text(margin, below, Anchor::Start, self.palette.quiet, footer);
    }
}

/// Marks at 1, 2 and 5 × 10ⁿ, or at 10ⁿ alone where there are more than `most`.
#[must_use]
pub fn decades(low: f64, high: f64, most: usize) -> Vec<axis::Tick> {
    if !(low > 0.0 && high > low && high.is_finite()) {
        return Vec::new();
    }
    let marks = |leads: &[f64]| -> Vec<axis::Tick> {
        let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
        (first..=last)
            .flat_map(|n| leads.iter().map(move |lead| lead * 10_f64.powi(n)))
            .filter(|v| (low..=high).contains(v))
            .map(|value| axis::Tick { value, label: axis::number(value, value) })
            .collect()
    };
    let all = marks(&[1.0, 2.0, 5.0]);
    if all.len() <= most { all } else { marks(&[1.0]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::palette::Theme;

    #[test]
    fn cells_are_drawn_where_they_are_and_holes_stay_open() {
        let time = TimeBase::regular(10.0);
        let values = [0.0, f32::NAN, 1.0, 0.5];
        let heat = Heat {
            title: "demo".to_owned(),
            footer: "all".to_owned(),
            time: &time,
            ticks: 0..30,
            columns: &[0..10, 20..30],
            borders: &[0.0, 1.0, 5.0],
            y_title: "Frequency (Hz)".to_owned(),
            value_title: "Power".to_owned(),
            log_y: false,
            fields: vec![Field { name: "a".to_owned(), values: &values }],
            map: ColourMap::Viridis,
            limits: Limits::Fixed(0.0, 1.0),
        };
        let options = Options { width: 600, height: 300, theme: Theme::Dark, ..Options::default() };
        let scene = compose(&heat, &options).unwrap();
        let Some(Shape::Raster { width, pixels, .. }) = scene.shapes.iter().find(|s| matches!(s, Shape::Raster { .. }))
        else {
            panic!("a field of pixels")
        };
        let height = pixels.len() / *width as usize;
        let at =
            |x: f64, y: f64| pixels[(y * height as f64) as usize * *width as usize + (x * f64::from(*width)) as usize];
        assert_eq!(at(0.1, 0.95), ColourMap::Viridis.color(0.0), "the lower row is at the foot");
        assert_eq!(at(0.1, 0.1), ColourMap::Viridis.color(1.0));
        assert_eq!(at(0.9, 0.1), ColourMap::Viridis.color(0.5));
        assert_eq!((at(0.9, 0.95).a, at(0.5, 0.1).a), (0, 0), "NaN, and between the columns");
        assert!(field_pixels(&options, 40).is_err());
    }
}
