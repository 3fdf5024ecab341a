//! Lanes of logic channels: a line at the foot of the lane while low, at its head while high, joined where it changes.
//!
//! A column whose samples are on one side is drawn as that level; one that holds both is filled from foot to head, so
//! that no pulse is lost at any zoom, and from the zoom at which a column is a sample on, every edge stands where it is. A
//! sample holds until the next one: edges are upright, never slanted. Several columns in a pixel are drawn as one.
//! Costs a pass over the visible columns and as many rectangles as there are changes of what is drawn, at most two a
//! pixel.

use eframe::egui::{Color32, Mesh, Painter, Rect, Rgba, Shape, Ui, pos2};

use super::extent;
use crate::gui::channels::{ChannelView, Display};
use crate::gui::state::Document;
use crate::picture::display::LOGIC_FREE;
use crate::summary::{Columns, MinMax};

/// What a pixel shows: bits of what occurs in it.
const LOW: u8 = 1;
const HIGH: u8 = 2;
/// Some of it is an estimate.
const ESTIMATE: u8 = 4;
/// Thickness of the line, points.
const LINE: f32 = 1.5;
/// How strong the fill is where a column holds both levels, and the colour of an estimate.
const BOTH: f32 = 0.75;
const ESTIMATED: f32 = 0.45;

/// One lane to draw.
pub struct LogicLane<'a> {
    pub rect: Rect,
    pub colour: Color32,
    /// What each column holds, as bits; 0 for nothing.
    pub levels: &'a dyn Fn(usize) -> u8,
}

/// Draws the logic channels that are on the screen, in `rect`.
pub(in crate::gui) fn logic_ui(ui: &Ui, painter: &Painter, document: &Document, rect: Rect, colours: &[Color32]) {
    if document.lanes.display != Display::Stacked {
        return;
    }
    let Some((columns, _)) = &document.pictures.view else { return };
    let stack = document.stack();
    let (first, count) = extent(document);
    let y = |at: f64| rect.top() + ((at - first) / count) as f32 * rect.height();
    let pixels = ui.ctx().pixels_per_point();
    let mut edges = None;
    let mut mesh = Mesh::default();
    for row in document.lanes_on_screen() {
        let channel = stack.channels()[row];
        let view = &document.channels[channel];
        if !view.is_logic() {
            continue;
        }
        let Ok(index) = columns.request.channels.binary_search(&channel) else { continue };
        let Some(values) = columns.values.get(index) else { continue };
        let scale = document.shown().channels[channel].scale;
        let edges = edges.get_or_insert_with(|| places(document, columns, rect, pixels));
        let levels = |column: usize| {
            let exact = columns.exact.get(column) == Some(&true);
            values.get(column).map_or(0, |v| bits(view, v.scaled(scale), exact))
        };
        let span = stack.span(row);
        let lane = Rect::from_x_y_ranges(rect.x_range(), y(span.start)..=y(span.end));
        logic_mesh(&LogicLane { rect: lane, colour: colours[channel], levels: &levels }, edges, pixels, &mut mesh);
    }
    painter.add(Shape::mesh(mesh));
}

/// The bits of a column.
fn bits(view: &ChannelView, value: MinMax, exact: bool) -> u8 {
    if value.is_empty() {
        return 0;
    }
    let of = |physical: f64| if super::is_high(view, physical) { HIGH } else { LOW };
    of(value.min) | of(value.max) | if exact { 0 } else { ESTIMATE }
}

/// The pixels (from the left edge of `rect`) at which each visible column begins and ends: its index, first and last
/// pixel, and whether it goes on from the one before.
fn places(document: &Document, columns: &Columns, rect: Rect, pixels: f32) -> Vec<LogicPlace> {
    let (time, view) = (document.time(), &document.viewport);
    let seen = document.visible_frames();
    let width = rect.width() * pixels;
    let x = |tick: u64| ((tick as f64 - view.start_tick()) / view.ticks()) as f32 * width;
    let from = columns.edges.partition_point(|&e| e <= seen.start).saturating_sub(2);
    let mut places: Vec<LogicPlace> = Vec::new();
    let mut last_end = None;
    for column in from..columns.edges.len().saturating_sub(1) {
        let (first, end) = (columns.edges[column], columns.edges[column + 1]);
        if first >= end {
            continue;
        }
        let (start_tick, end_tick) = (time.tick_of_frame(first), time.tick_of_frame(end - 1) + 1);
        let joined = last_end.is_some_and(|last: u64| start_tick.saturating_sub(last) < columns.request.bucket_frames);
        last_end = Some(end_tick);
        if joined && let Some(before) = places.last_mut() {
            before.right = x(start_tick);
        }
        places.push(LogicPlace { column, left: x(start_tick), right: x(end_tick), joined });
        if x(start_tick) > width {
            break;
        }
    }
    places
}

/// Where a column lies, pixels.
pub struct LogicPlace {
    pub column: usize,
    pub left: f32,
    pub right: f32,
    /// No gap lies between it and the one before.
    pub joined: bool,
}

/// Adds the shape of one lane to `mesh`: runs of pixels that show the same.
pub fn logic_mesh(lane: &LogicLane<'_>, places: &[LogicPlace], pixels: f32, mesh: &mut Mesh) {
    let width = (lane.rect.width() * pixels).ceil();
    let pen = Pen::new(lane, pixels);
    let mut run: Option<(f32, f32, u8)> = None;
    let mut before = 0;
    for place in places {
        let seen = (lane.levels)(place.column);
        let left = place.left.floor().clamp(-1.0, width);
        let right = place.right.floor().max(place.left.floor() + 1.0).clamp(-1.0, width);
        if seen & (LOW | HIGH) == 0 || right <= left {
            if seen & (LOW | HIGH) == 0 {
                before = 0;
            }
            continue;
        }
        // Where the level changes between two columns, the edge stands at the first pixel of the second.
        let edge = place.joined && before & seen & (LOW | HIGH) == 0 && before != 0;
        before = seen;
        match &mut run {
            // In the pixel that the last one ended in: what it holds adds up.
            Some((_, to, of)) if left < *to && right <= *to => *of |= seen,
            Some((_, to, of)) if *of == seen && left <= *to && !edge => *to = right,
            _ => {
                if let Some((from, to, of)) = run {
                    pen.run(from, to.min(left.max(from + 1.0)), of, mesh);
                }
                if edge {
                    pen.edge(left, seen | ESTIMATE & before, mesh);
                }
                run = Some((left, right, seen));
            }
        }
    }
    if let Some((from, to, of)) = run {
        pen.run(from, to, of, mesh);
    }
}

/// Draws runs and edges of one lane.
struct Pen {
    left: f32,
    pixels: f32,
    head: f32,
    foot: f32,
    line: f32,
    colour: Color32,
}

impl Pen {
    fn new(lane: &LogicLane<'_>, pixels: f32) -> Self {
        let free = lane.rect.height() * LOGIC_FREE;
        let snap = |y: f32| (y * pixels).round() / pixels;
        let line = (LINE * pixels).round().max(1.0) / pixels;
        let (head, foot) =
            (snap(lane.rect.top() + free), snap(lane.rect.bottom() - free).max(snap(lane.rect.top() + free) + line));
        Self { left: lane.rect.left(), pixels, head, foot, line, colour: lane.colour }
    }

    fn rect(&self, from: f32, to: f32, top: f32, bottom: f32) -> Rect {
        let x = |pixel: f32| self.left + pixel / self.pixels;
        Rect::from_min_max(pos2(x(from), top), pos2(x(to), bottom))
    }

    fn colour(&self, of: u8) -> Color32 {
        if of & ESTIMATE == 0 { self.colour } else { faint(self.colour, ESTIMATED) }
    }

    fn run(&self, from: f32, to: f32, of: u8, mesh: &mut Mesh) {
        let colour = self.colour(of);
        match of & (LOW | HIGH) {
            LOW => mesh.add_colored_rect(self.rect(from, to, self.foot - self.line, self.foot), colour),
            HIGH => mesh.add_colored_rect(self.rect(from, to, self.head, self.head + self.line), colour),
            _ => mesh.add_colored_rect(self.rect(from, to, self.head, self.foot), faint(colour, BOTH)),
        }
    }

    fn edge(&self, at: f32, of: u8, mesh: &mut Mesh) {
        let width = self.line * self.pixels;
        mesh.add_colored_rect(self.rect(at, at + width, self.head, self.foot), self.colour(of));
    }
}

fn faint(colour: Color32, strength: f32) -> Color32 {
    Color32::from(Rgba::from(colour) * strength)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of a lane of ten points, at each of `width` pixels: what is drawn there, as text.
    fn drawn(levels: &[u8], places: &[LogicPlace], width: usize) -> String {
        let rect = Rect::from_min_size(pos2(0.0, 0.0), eframe::egui::vec2(width as f32, 100.0));
        let mut mesh = Mesh::default();
        let of = |column: usize| levels[column];
        logic_mesh(&LogicLane { rect, colour: Color32::WHITE, levels: &of }, places, 1.0, &mut mesh);
        let rects: Vec<Rect> = mesh.vertices.chunks_exact(4).map(|v| Rect::from_two_pos(v[0].pos, v[3].pos)).collect();
        let shows = |x: usize| {
            let at = |y: f32| rects.iter().any(|r| r.contains(pos2(x as f32 + 0.5, y)));
            match (at(17.0), at(50.0), at(83.0)) {
                (true, false, false) => '^',
                (false, false, true) => '_',
                (true, true, true) => '|',
                (false, false, false) => ' ',
                _ => '?',
            }
        };
        (0..width).map(shows).collect()
    }

    fn places(width: f32, n: usize) -> Vec<LogicPlace> {
        (0..n)
            .map(|column| LogicPlace {
                column,
                left: column as f32 * width,
                right: (column + 1) as f32 * width,
                joined: column > 0,
            })
            .collect()
    }

    #[test]
    fn levels_and_edges_stand_where_they_are() {
        let (l, h, b) = (LOW, HIGH, LOW | HIGH);
        assert_eq!(drawn(&[l, h, h, l], &places(4.0, 4), 16), "____||^^^^^^||__");
        assert_eq!(drawn(&[l, b, h, 0, h], &places(2.0, 5), 10), "__||^^  ^^");
        // Eight columns in two pixels: one pulse is enough to fill its pixel.
        assert_eq!(drawn(&[l, l, h, l, l, l, l, l], &places(0.25, 8), 2).chars().next(), Some('|'));
        let gap = vec![
            LogicPlace { column: 0, left: 0.0, right: 3.0, joined: false },
            LogicPlace { column: 1, left: 5.0, right: 8.0, joined: false },
        ];
        assert_eq!(drawn(&[l, h], &gap, 8), "___  ^^^", "no edge across a gap");
    }

    #[test]
    fn a_day_of_pulses_makes_no_more_rectangles_than_pixels() {
        let mut mesh = Mesh::default();
        let rect = Rect::from_min_size(pos2(0.0, 0.0), eframe::egui::vec2(100.0, 20.0));
        let of = |column: usize| if column.is_multiple_of(2) { LOW } else { HIGH };
        logic_mesh(&LogicLane { rect, colour: Color32::WHITE, levels: &of }, &places(0.01, 10_000), 1.0, &mut mesh);
        assert!(mesh.vertices.len() / 4 <= 3 * 100, "{}", mesh.vertices.len() / 4);
    }
}
