//! Rows of events beneath the lanes: the event tracks of the recording (digital lines as levels, others as marks), and
//! rasters of the places that analyses have found, a row for each channel.
//!
//! What a row shows is a list of frames in order. Rows are painted as a [`Sheet`]: at most one step of a search for each
//! texel and row, however many events there are, and once for many frames of the window, each of which costs a rectangle a
//! row. Tracks are read by a job that goes through the recording once, shows how far it is and can be stopped; nothing is
//! read before a row is asked for.

mod marks;
mod tracks;

use std::sync::Arc;

use eframe::egui::{self, Align2, Color32, FontId, Id, Pos2, Rect, Shape, Stroke, Ui, Vec2, WidgetInfo, pos2, vec2};

use marks::{level_runs, mark_runs};
pub use tracks::{Track, Tracks};

use super::displays::above;
use super::sheet::{Grid, Sheet};
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
    /// Places that were found, and a number that changes with them.
    Frames(&'a [u64], u64),
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
                rows.push(Row { name, height: RASTER, colour, shows: Shows::Frames(frames, listed.stamp()) });
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
    strips(ui, &painter, document, area, &rows);
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
            response.on_hover_text_at_pointer(explain(document, row, area, at.x, ui.ctx().pixels_per_point()));
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

/// Rows of texels of a row of the window: a digital line has a head, a middle and a foot.
const fn parts(shows: &Shows<'_>) -> usize {
    match shows {
        Shows::Levels(_) => 3,
        Shows::Marks(_) | Shows::Frames(..) => 1,
        Shows::Nothing(_) => 0,
    }
}

/// Draws what the rows hold.
fn strips(ui: &Ui, painter: &egui::Painter, document: &Document, area: Rect, rows: &[Row<'_>]) {
    let dark = ui.visuals().dark_mode;
    let side = ui.input(|i| i.max_texture_side).max(1024);
    let total: usize = rows.iter().map(|row| parts(&row.shows)).sum();
    // A picture of the whole height of the screen has not so many rows.
    if total == 0 || total > side || !area.is_positive() {
        return;
    }
    let clock = (document.raw_is_comparable(), document.unfiltered().frames, document.shown().frames);
    let key = (clock, dark, rows.iter().map(Row::stamp).collect::<Vec<_>>());
    let sheet = Sheet::new(ui, "event rows", key, (&document.viewport, area), total, |grid| {
        let (shown, recorded) = frames_of_texels(document, grid);
        let mut texels = vec![Color32::TRANSPARENT; grid.len() * total];
        let mut rest = &mut texels[..];
        for row in rows {
            let (own, others) = rest.split_at_mut(grid.len() * parts(&row.shows));
            rest = others;
            row.paint(own, &shown, &recorded, palette(row.colour, dark));
        }
        texels
    });
    let mut mesh = sheet.mesh();
    let (mut top, mut texel_row) = (area.top(), 0);
    for row in rows {
        let inner = if row.height > 6.0 { top + 1.5..=top + row.height - 1.5 } else { top..=top + row.height };
        match &row.shows {
            Shows::Nothing(_) => {}
            Shows::Marks(_) | Shows::Frames(..) => sheet.strip(texel_row, inner, &mut mesh),
            Shows::Levels(_) => {
                let (head, foot) = (inner.start() + 1.0, (inner.end() - 1.0).max(inner.start() + 1.0));
                let line = 1.5_f32.min((foot - head) / 2.0);
                sheet.strip(texel_row, head..=head + line, &mut mesh);
                sheet.strip(texel_row + 1, head + line..=foot - line, &mut mesh);
                sheet.strip(texel_row + 2, foot - line..=foot, &mut mesh);
            }
        }
        top += row.height;
        texel_row += parts(&row.shows);
    }
    painter.add(Shape::mesh(mesh));
}

/// The frames at the edges of texels, of the shown stream and of the recording.
fn frames_of_texels(document: &Document, grid: &Grid) -> (Vec<u64>, Vec<u64>) {
    let shown = grid.frames(document.time(), 1.0);
    let recorded = if document.raw_is_comparable() {
        shown.clone()
    } else {
        // Filters may leave frames out: the same instants on the clock of the recording.
        let time = &document.unfiltered().time;
        grid.frames(time, time.rate_hz() / document.time().rate_hz())
    };
    (shown, recorded)
}

impl Row<'_> {
    /// What another picture of this row would differ in.
    fn stamp(&self) -> (u64, usize, usize) {
        let (stamp, count) = match &self.shows {
            Shows::Levels(track) | Shows::Marks(track) => (track.stamp(), track.frames.len()),
            Shows::Frames(frames, stamp) => (*stamp, frames.len()),
            Shows::Nothing(_) => (0, 0),
        };
        (stamp, count, self.colour)
    }

    /// Paints its rows of texels, whose edges are at these frames of the shown stream and of the recording.
    fn paint(&self, texels: &mut [Color32], shown: &[u64], recorded: &[u64], colour: Color32) {
        match &self.shows {
            Shows::Nothing(_) => {}
            Shows::Frames(frames, _) => mark_runs(frames, shown, |from, to| texels[from..to].fill(colour)),
            Shows::Marks(track) => mark_runs(&track.frames, recorded, |from, to| texels[from..to].fill(colour)),
            Shows::Levels(track) => {
                let (head, rest) = texels.split_at_mut(texels.len() / 3);
                let (middle, foot) = rest.split_at_mut(rest.len() / 2);
                level_runs(&track.frames, &track.levels, recorded, |from, to, low, high| {
                    if high || !low {
                        head[from..to].fill(colour);
                    }
                    if high == low {
                        middle[from..to].fill(colour);
                    }
                    if low || !high {
                        foot[from..to].fill(colour);
                    }
                });
            }
        }
    }
}

/// What a row holds in the texel at `x`, in words.
fn explain(document: &Document, row: &Row<'_>, area: Rect, x: f32, pixels: f32) -> String {
    let view = &document.viewport;
    let per_pixel = view.ticks() / f64::from((area.width() * pixels).max(1.0));
    let start = view.start_tick() + f64::from((x - area.left()) * pixels) * per_pixel;
    let (shown, recorded) = frames_of_texels(document, &Grid::around(start, per_pixel, 1.0, 0.0, 4));
    let here = |frames: &[u64], edges: &[u64]| {
        frames.partition_point(|&f| f < edges[1]) - frames.partition_point(|&f| f < edges[0])
    };
    let text = match &row.shows {
        Shows::Nothing(why) => why.clone(),
        Shows::Frames(frames, _) => format!("{} here", plural(here(frames, &shown) as u64, "event")),
        Shows::Marks(track) => format!("{} here", plural(here(&track.frames, &recorded) as u64, "event")),
        Shows::Levels(track) => {
            let changes = here(&track.frames, &recorded);
            let at = track.frames.partition_point(|&f| f < recorded[1]);
            match at.checked_sub(1).and_then(|i| track.levels.get(i)) {
                Some(level) if changes == 0 => format!("{level}"),
                Some(level) => format!("{} here, then {level}", plural(changes as u64, "change")),
                None => "not known before its first change".to_owned(),
            }
        }
    };
    format!("{}: {text}", row.name)
}

#[cfg(test)]
mod tests;
