//! Rows of events beneath the lanes: the event tracks of the recording (digital lines as levels, others as marks), and
//! rasters of the places that analyses have found, a row for each channel.
//!
//! What a row shows is a list of frames in order; a frame of the window costs at most one step of a search for each pixel
//! and row, however many events there are, and a mark for each pixel at most. Tracks are read by a job that goes through
//! the recording once, shows how far it is and can be stopped; nothing is read before a row is asked for.

mod marks;
mod tracks;

use std::sync::Arc;

use eframe::egui::{self, Align2, FontId, Id, Mesh, Pos2, Rect, Shape, Stroke, Ui, Vec2, WidgetInfo, pos2, vec2};

pub use marks::{level_runs, mark_runs, pixel_edges};
pub use tracks::{Track, Tracks};

use super::displays::above;
use super::state::Document;
use super::theme::{Colours, palette};
use super::wording::plural;

/// Height of a row of a track, and of a raster, points; the least height of either.
const TRACK: f32 = 18.0;
const RASTER: f32 = 9.0;
const LEAST: f32 = 2.0;
/// Rows take at most this share of the plot.
const MOST: f32 = 0.4;
/// Rows that are lower carry no name.
const NAMED: f32 = 9.0;
/// Height of the line that says what does not fit, points.
const NOTE: f32 = 14.0;

/// What a row is called: put together only where it is read, since there may be a thousand rows in every frame.
#[derive(Clone, Copy)]
struct Name<'a> {
    of: &'a str,
    noun: &'a str,
}

impl std::fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let space = if self.of.is_empty() || self.noun.is_empty() { "" } else { " " };
        write!(f, "{}{space}{}", self.of, self.noun)
    }
}

/// A row.
struct Row<'a> {
    name: Name<'a>,
    height: f32,
    colour: usize,
    shows: Shows<'a>,
}

enum Shows<'a> {
    Levels(Arc<Track>),
    Marks(Arc<Track>),
    Frames(&'a [u64]),
    /// Why there is nothing yet.
    Nothing(String),
}

/// The rows that are asked for, at their full height.
fn rows(document: &Document) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for (i, track) in document.recording().events.iter().enumerate() {
        if !document.lanes.events.tracks.contains(&track.name) {
            continue;
        }
        let shows = match document.results.tracks.of(&track.name) {
            Some(Ok(track)) if track.is_logic() => Shows::Levels(track),
            Some(Ok(track)) => Shows::Marks(track),
            Some(Err(why)) => Shows::Nothing(why),
            None => Shows::Nothing("being read…".to_owned()),
        };
        rows.push(Row { name: Name { of: &track.name, noun: "" }, height: TRACK, colour: i, shows });
    }
    if document.lanes.events.found {
        let channels = &document.shown().channels;
        let order = document.visible_channels();
        for result in &document.results.list {
            let Some(events) = result.events().filter(|e| e.stream == document.stream) else { continue };
            let Some(listed) = document.listed(result.name) else { continue };
            let of_lanes =
                order.iter().filter_map(|&c| Some((channels[c].name.as_str(), c, listed.frames_of(c as u32)?)));
            let others = listed.frames_of_others(channels.len() as u32).map(|(number, frames)| {
                (events.context.channels.get(number as usize).map_or("", String::as_str), number as usize, frames)
            });
            for (name, colour, frames) in of_lanes.chain(others) {
                let name = Name { of: name, noun: events.noun };
                rows.push(Row { name, height: RASTER, colour, shows: Shows::Frames(frames) });
            }
        }
    }
    rows
}

/// Makes the rows so low that they take at most `most` points; returns how many of them do not fit even then.
fn fit(rows: &mut Vec<Row<'_>>, most: f32) -> usize {
    let total: f32 = rows.iter().map(|row| row.height).sum();
    if total <= most {
        return 0;
    }
    let share = most / total;
    rows.iter_mut().for_each(|row| row.height = (row.height * share).max(LEAST));
    let mut room = most - NOTE;
    let fitting = rows.iter().take_while(|row| {
        room -= row.height;
        room >= 0.0
    });
    let fitting = fitting.count();
    let left_out = rows.len() - fitting;
    let total: f32 = rows.iter().map(|row| row.height).sum();
    if total <= most {
        return 0;
    }
    rows.truncate(fitting);
    left_out
}

fn height_id() -> Id {
    Id::unique("height of the plot")
}

/// The share of the plot's height that the rows take. The height is that of the last frame: the plot has not been laid
/// out yet.
pub(super) fn share_of(ui: &Ui, document: &Document) -> f32 {
    let events = &document.lanes.events;
    if events.tracks.is_empty() && !events.found {
        return 0.0;
    }
    let height = ui.data(|data| data.get_temp::<f32>(height_id())).unwrap_or_else(|| ui.available_height()).max(1.0);
    let mut rows = rows(document);
    let left_out = fit(&mut rows, height * MOST);
    let total: f32 = rows.iter().map(|row| row.height).sum();
    ((total + if left_out > 0 { NOTE } else { 0.0 }) / height).min(MOST)
}

/// Draws the rows at the foot of the plot at `whole`, beneath `lanes`.
pub(super) fn rows_ui(ui: &Ui, document: &Document, whole: Rect, lanes: Rect) {
    ui.data_mut(|data| data.insert_temp(height_id(), whole.height()));
    let area = Rect::from_min_max(pos2(whole.left(), lanes.bottom()), whole.max);
    if area.height() < LEAST {
        return;
    }
    debug_assert!(above(whole, area.height() / whole.height()).height() <= whole.height());
    let mut rows = rows(document);
    let left_out = fit(&mut rows, whole.height() * MOST);
    let colours = Colours::of(ui);
    let painter = ui.painter().with_clip_rect(area);
    painter.rect_filled(area, 0.0, colours.canvas);
    painter.hline(area.x_range(), area.top(), Stroke::new(1.0, colours.separator));
    over_time(&painter, document, area, colours);
    let pixels = ui.ctx().pixels_per_point();
    let drawer = Drawer::new(document, area, pixels);
    let dark = ui.visuals().dark_mode;
    let mut mesh = Mesh::default();
    let mut top = area.top();
    for row in &rows {
        let place = Rect::from_min_size(pos2(area.left(), top), vec2(area.width(), row.height));
        drawer.row(row, place, palette(row.colour, dark), &mut mesh);
        top += row.height;
    }
    painter.add(Shape::mesh(mesh));
    names(&painter, &rows, area, colours);
    if left_out > 0 {
        let rows = plural(left_out as u64, "further row");
        let text = format!("no room for {rows}: choose fewer, or a larger window");
        let at = area.left_bottom() + vec2(6.0, -1.0);
        painter.text(at, Align2::LEFT_BOTTOM, text, FontId::proportional(11.0), colours.muted);
    }
    let response = ui.interact(area, ui.scope_id().with("event rows"), egui::Sense::hover());
    response.widget_info(|| {
        let names: Vec<String> = rows.iter().map(|row| row.name.to_string()).take(20).collect();
        WidgetInfo::labeled(egui::Role::Image, true, format!("Rows of events: {}", names.join(", ")))
    });
    if let Some(at) = response.hover_pos() {
        let mut top = area.top();
        let under = rows.iter().find(|row| {
            top += row.height;
            at.y < top
        });
        if let Some(row) = under {
            response.on_hover_text_at_pointer(drawer.explain(row, at.x));
        }
    }
}

/// What lies over time: the selection, the place that was gone to, the playhead.
fn over_time(painter: &egui::Painter, document: &Document, area: Rect, colours: Colours) {
    let view = &document.viewport;
    let x = |tick: f64| area.left() + ((tick - view.start_tick()) / view.ticks()) as f32 * area.width();
    if let Some(ticks) = &document.selection {
        let band = Rect::from_x_y_ranges(x(ticks.start as f64)..=x(ticks.end as f64), area.y_range());
        painter.rect_filled(band.intersect(area), 0.0, colours.selection);
    }
    let goal = document.pictures.goal.map(|tick| tick as f64 + 0.5);
    for tick in goal.into_iter().chain(document.playing.as_ref().map(|playing| playing.tick)) {
        painter.vline(x(tick), area.y_range(), Stroke::new(1.0, colours.accent));
    }
}

/// Names at the left edge, where rows are high enough, and why a row is empty.
fn names(painter: &egui::Painter, rows: &[Row<'_>], area: Rect, colours: Colours) {
    let mut top = area.top();
    let mut free_from = f32::NEG_INFINITY;
    for row in rows {
        let middle = top + row.height / 2.0;
        top += row.height;
        if row.height < NAMED || middle < free_from {
            continue;
        }
        let (mut text, size) = (row.name.to_string(), 11.0_f32.min(row.height.max(NAMED)));
        if let Shows::Nothing(why) = &row.shows {
            text = format!("{text}: {why}");
        }
        free_from = middle + NAMED;
        let galley = painter.layout_no_wrap(text, FontId::proportional(size), colours.ink);
        let place = Align2::LEFT_CENTER.anchor_size(Pos2::new(area.left() + 6.0, middle), galley.size());
        painter.rect_filled(place.expand2(Vec2::new(3.0, -1.0)), 2.0, colours.canvas.gamma_multiply(0.85));
        painter.galley(place.min, galley, colours.ink);
    }
}

/// What drawing all rows shares: the frames at the edges of every pixel, of the recording and of the shown stream.
struct Drawer {
    area: Rect,
    pixels: f32,
    shown: Vec<u64>,
    recorded: Vec<u64>,
}

impl Drawer {
    fn new(document: &Document, area: Rect, pixels: f32) -> Self {
        let width = (area.width() * pixels).ceil().max(1.0) as usize;
        let view = &document.viewport;
        let per_pixel = view.ticks() / f64::from(area.width() * pixels);
        let shown = pixel_edges(document.time(), view.start_tick(), per_pixel, width);
        let recorded = if document.raw_is_comparable() {
            shown.clone()
        } else {
            // Filters may leave frames out: the same instants on the clock of the recording.
            let time = &document.unfiltered().time;
            let ratio = time.rate_hz() / document.time().rate_hz();
            pixel_edges(time, view.start_tick() * ratio, per_pixel * ratio, width)
        };
        Self { area, pixels, shown, recorded }
    }

    fn x(&self, pixel: usize) -> f32 {
        self.area.left() + pixel as f32 / self.pixels
    }

    fn row(&self, row: &Row<'_>, place: Rect, colour: egui::Color32, mesh: &mut Mesh) {
        let inner = if row.height > 6.0 { place.shrink2(vec2(0.0, 1.5)) } else { place };
        let rect = |from: usize, to: usize, y: std::ops::RangeInclusive<f32>| {
            Rect::from_x_y_ranges(self.x(from)..=self.x(to), y)
        };
        match &row.shows {
            Shows::Nothing(_) => {}
            Shows::Frames(frames) => mark_runs(frames, &self.shown, |from, to| {
                mesh.add_colored_rect(rect(from, to, inner.top()..=inner.bottom()), colour);
            }),
            Shows::Marks(track) => mark_runs(&track.frames, &self.recorded, |from, to| {
                mesh.add_colored_rect(rect(from, to, inner.top()..=inner.bottom()), colour);
            }),
            Shows::Levels(track) => {
                let line = 1.5_f32.min(inner.height());
                let (head, foot) = (inner.top() + 1.0, inner.bottom() - 1.0);
                level_runs(&track.frames, &track.levels, &self.recorded, |from, to, low, high| {
                    let y = match (low, high) {
                        (true, false) => foot - line..=foot,
                        (false, true) => head..=head + line,
                        _ => head..=foot,
                    };
                    mesh.add_colored_rect(rect(from, to, y), colour);
                });
            }
        }
    }

    /// What a row holds at `x`, in words.
    fn explain(&self, row: &Row<'_>, x: f32) -> String {
        let pixel = ((x - self.area.left()) * self.pixels).max(0.0) as usize;
        let here = |frames: &[u64], edges: &[u64]| {
            let Some((from, to)) = edges.get(pixel).zip(edges.get(pixel + 1)) else { return 0 };
            frames.partition_point(|f| f < to) - frames.partition_point(|f| f < from)
        };
        let text = match &row.shows {
            Shows::Nothing(why) => why.clone(),
            Shows::Frames(frames) => format!("{} here", plural(here(frames, &self.shown) as u64, "event")),
            Shows::Marks(track) => format!("{} here", plural(here(&track.frames, &self.recorded) as u64, "event")),
            Shows::Levels(track) => {
                let changes = here(&track.frames, &self.recorded);
                let at = self.recorded.get(pixel + 1).map_or(0, |to| track.frames.partition_point(|f| f < to));
                match at.checked_sub(1).and_then(|i| track.levels.get(i)) {
                    Some(level) if changes == 0 => format!("{level}"),
                    Some(level) => format!("{} here, then {level}", plural(changes as u64, "change")),
                    None => "not known before its first change".to_owned(),
                }
            }
        };
        format!("{}: {text}", row.name)
    }
}

#[cfg(test)]
mod tests;
