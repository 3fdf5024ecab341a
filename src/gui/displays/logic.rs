//! Lanes of logic channels: a line at the foot of the lane while low, at its head while high, joined where it changes.
//!
//! A column whose samples are on one side is drawn as that level; one that holds both is filled from foot to head, so
//! that no pulse is lost at any zoom, and from the zoom at which a column is a sample on, every edge stands where it is. A
//! sample holds until the next one: edges are upright, never slanted. Several columns in a texel are drawn as one.
//! Painted once for each picture, as a [`Sheet`]: a pass over its columns; a frame of panning costs three rectangles a lane.

use std::ops::{Range, RangeInclusive};

use eframe::egui::{Color32, Painter, Rect, Rgba, Shape, Ui};

use super::extent;
use crate::gui::channels::{ChannelView, Display};
use crate::gui::sheet::{Grid, Sheet};
use crate::gui::state::Document;
use crate::recording::TimeBase;
use crate::summary::{Columns, MinMax};

/// What a texel shows: bits of what occurs in it.
const LOW: u8 = 1;
const HIGH: u8 = 2;
/// Some of it is an estimate.
const ESTIMATE: u8 = 4;
/// It is where the level changes.
const EDGE: u8 = 8;
/// Thickness of the line, points.
const LINE: f32 = 1.5;
/// How much of the lane is left free above and below.
const FREE: f32 = 0.16;
/// How strong the fill is where a column holds both levels, and the colour of an estimate.
const BOTH: f32 = 0.75;
const ESTIMATED: f32 = 0.45;
/// Rows of texels of a lane: its head, what is between, its foot.
const PARTS: usize = 3;

/// One lane to draw.
struct Lane<'a> {
    /// Heights of head and foot, points, and of the line.
    head: f32,
    foot: f32,
    line: f32,
    colour: Color32,
    channel: usize,
    view: &'a ChannelView,
    values: &'a [MinMax],
}

/// Draws the logic channels that are on the screen, in `rect`.
pub(in crate::gui) fn logic_ui(ui: &Ui, painter: &Painter, document: &Document, rect: Rect, colours: &[Color32]) {
    if document.lanes.display != Display::Stacked || !rect.is_positive() {
        return;
    }
    let Some((columns, packed)) = &document.pictures.view else { return };
    let pixels = ui.ctx().pixels_per_point();
    let lanes = lanes(document, columns, rect, colours, pixels);
    let side = ui.input(|i| i.max_texture_side).max(1024);
    for (i, lanes) in lanes.chunks(side / PARTS).enumerate() {
        let seen = |lane: &Lane<'_>| (lane.channel, lane.view.threshold.to_bits(), lane.view.inverted, lane.colour);
        let key = (packed.generation(), lanes.iter().map(seen).collect::<Vec<_>>());
        let place = (&document.viewport, rect);
        let sheet = Sheet::new(ui, &format!("logic {i}"), key, place, lanes.len() * PARTS, |grid| {
            let places = places(columns, document.time(), grid);
            let scale = |lane: &Lane<'_>| document.shown().channels[lane.channel].scale;
            let texels = |lane: &Lane<'_>| {
                let level = |column: usize| {
                    let exact = columns.exact.get(column) == Some(&true);
                    lane.values.get(column).map_or(0, |v| bits(lane.view, v.scaled(scale(lane)), exact))
                };
                paint(&levels(&places, grid.len(), level), lane.colour)
            };
            lanes.iter().flat_map(texels).collect()
        });
        let mut mesh = sheet.mesh();
        for (row, lane) in lanes.iter().enumerate() {
            for (part, y) in lane.parts().into_iter().enumerate() {
                sheet.strip(row * PARTS + part, y, &mut mesh);
            }
        }
        painter.add(Shape::mesh(mesh));
    }
}

/// The lanes of logic channels on the screen.
fn lanes<'a>(
    document: &'a Document,
    columns: &'a Columns,
    rect: Rect,
    colours: &[Color32],
    pixels: f32,
) -> Vec<Lane<'a>> {
    let stack = document.stack();
    let (first, count) = extent(document);
    let y = |at: f64| rect.top() + ((at - first) / count) as f32 * rect.height();
    let snap = |y: f32| (y * pixels).round() / pixels;
    let line = (LINE * pixels).round().max(1.0) / pixels;
    let lane = |row: usize| {
        let channel = stack.channels()[row];
        let view = &document.channels[channel];
        if !view.is_logic() {
            return None;
        }
        let values = columns.values.get(columns.request.channels.binary_search(&channel).ok()?)?;
        let span = stack.span(row);
        let (top, bottom) = (y(span.start), y(span.end));
        let free = (bottom - top) * FREE;
        let head = snap(top + free);
        let foot = snap(bottom - free).max(head + line);
        Some(Lane { head, foot, line, colour: colours[channel], channel, view, values })
    };
    document.lanes_on_screen().filter_map(lane).collect()
}

impl Lane<'_> {
    /// Heights of head, middle and foot.
    fn parts(&self) -> [RangeInclusive<f32>; PARTS] {
        let (below_head, above_foot) = (self.head + self.line, self.foot - self.line);
        let above_foot = above_foot.max(self.head);
        [
            self.head..=below_head.min(self.foot),
            below_head.min(above_foot)..=above_foot.max(below_head).min(self.foot),
            above_foot..=self.foot,
        ]
    }
}

/// The bits of a column.
fn bits(view: &ChannelView, value: MinMax, exact: bool) -> u8 {
    if value.is_empty() {
        return 0;
    }
    let of = |physical: f64| if super::is_high(view, physical) { HIGH } else { LOW };
    of(value.min) | of(value.max) | if exact { 0 } else { ESTIMATE }
}

/// Where a column lies.
struct Place {
    column: usize,
    texels: Range<usize>,
    /// No gap lies between it and the one before.
    joined: bool,
}

/// The texels of each column that reaches into `grid`.
fn places(columns: &Columns, time: &TimeBase, grid: &Grid) -> Vec<Place> {
    let first = time.frame_at_tick(grid.start_tick().max(0.0) as u64);
    let from = columns.edges.partition_point(|&e| e <= first).saturating_sub(2);
    let mut places: Vec<Place> = Vec::new();
    let mut last_end = None;
    for column in from..columns.edges.len().saturating_sub(1) {
        let (first, end) = (columns.edges[column], columns.edges[column + 1]);
        if first >= end {
            continue;
        }
        let (start_tick, end_tick) = (time.tick_of_frame(first), time.tick_of_frame(end - 1) + 1);
        if start_tick as f64 >= grid.end_tick() {
            break;
        }
        let joined = last_end.is_some_and(|last: u64| start_tick.saturating_sub(last) < columns.request.bucket_frames);
        last_end = Some(end_tick);
        let from = grid.texel_of(start_tick);
        // Where two columns end in one texel, it is of both.
        let to = grid.texel_of(end_tick).max(from + 1).min(grid.len());
        if joined && let Some(before) = places.last_mut() {
            before.texels.end = before.texels.end.max(from);
        }
        places.push(Place { column, texels: from.min(to)..to, joined });
    }
    places
}

/// What each of `len` texels shows of a lane whose columns hold `level`.
fn levels(places: &[Place], len: usize, level: impl Fn(usize) -> u8) -> Vec<u8> {
    let mut texels = vec![0; len];
    let mut before = 0;
    for place in places {
        let seen = level(place.column);
        // Where the level changes between two columns, the edge stands at the first texel of the second.
        let is_edge = place.joined && before & seen & (LOW | HIGH) == 0 && before != 0 && seen != 0;
        before = seen;
        for texel in &mut texels[place.texels.clone()] {
            *texel |= seen;
        }
        if is_edge && let Some(texel) = texels.get_mut(place.texels.start) {
            *texel |= EDGE;
        }
    }
    texels
}

/// The colours of what the texels show: those of the lane's head, then of its middle, then of its foot.
fn paint(texels: &[u8], colour: Color32) -> Vec<Color32> {
    let mut of = [[Color32::TRANSPARENT; 16]; PARTS];
    for (seen, i) in (0_u8..16).zip(0..) {
        let colour = if seen & ESTIMATE == 0 { colour } else { faint(colour, ESTIMATED) };
        let filled = match seen & (LOW | HIGH | EDGE) {
            LOW | HIGH => None,
            both if both == LOW | HIGH => Some(faint(colour, BOTH)),
            edge if edge & EDGE != 0 => Some(colour),
            _ => continue,
        };
        of[0][i] = filled.unwrap_or(if seen & HIGH == 0 { Color32::TRANSPARENT } else { colour });
        of[1][i] = filled.unwrap_or(Color32::TRANSPARENT);
        of[2][i] = filled.unwrap_or(if seen & LOW == 0 { Color32::TRANSPARENT } else { colour });
    }
    of.iter().flat_map(|table| texels.iter().map(|&seen| table[usize::from(seen & 15)])).collect()
}

fn faint(colour: Color32, strength: f32) -> Color32 {
    Color32::from(Rgba::from(colour) * strength)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is drawn of a lane at each texel, as text.
    fn drawn(held: &[u8], places: &[Place], width: usize) -> String {
        let texels = paint(&levels(places, width, |column| held[column]), Color32::WHITE);
        let shows = |x: usize| match [0, 1, 2].map(|part| texels[part * width + x] != Color32::TRANSPARENT) {
            [true, false, false] => '^',
            [false, false, true] => '_',
            [true, true, true] => '|',
            [false, false, false] => ' ',
            _ => '?',
        };
        (0..width).map(shows).collect()
    }

    /// Columns of so many texels each (a share of one: several in a texel).
    fn even(width: f32, n: usize) -> Vec<Place> {
        let texels = |column: usize| {
            let from = (column as f32 * width) as usize;
            from..(((column + 1) as f32 * width) as usize).max(from + 1)
        };
        (0..n).map(|column| Place { column, texels: texels(column), joined: column > 0 }).collect()
    }

    #[test]
    fn levels_and_edges_stand_where_they_are() {
        let (l, h, b) = (LOW, HIGH, LOW | HIGH);
        assert_eq!(drawn(&[l, h, h, l], &even(4.0, 4), 16), "____|^^^^^^^|___");
        assert_eq!(drawn(&[l, b, h, 0, h], &even(2.0, 5), 10), "__||^^  ^^");
        // Eight columns in two texels: one pulse is enough to fill its texel.
        assert_eq!(drawn(&[l, l, h, l, l, l, l, l], &even(0.25, 8), 2).chars().next(), Some('|'));
        let gap =
            vec![Place { column: 0, texels: 0..3, joined: false }, Place { column: 1, texels: 5..8, joined: false }];
        assert_eq!(drawn(&[l, h], &gap, 8), "___  ^^^", "no edge across a gap");
    }

    #[test]
    fn columns_lie_where_the_clock_puts_them() {
        use crate::recording::ClockSpan;
        use crate::summary::ViewRequest;
        let spans = [(0, 0), (8, 40)].map(|(first_frame, first_tick)| ClockSpan { first_frame, first_tick });
        let time = TimeBase::with_spans(1.0, spans.to_vec());
        let request = ViewRequest { stream: 0, channels: vec![0], frames: 0..16, bucket_frames: 4 };
        let edges = request.edges(&time);
        let n = edges.len() - 1;
        let columns = Columns { exact: vec![true; n], edges, values: vec![vec![MinMax::EMPTY; n]], request };
        let seen = |start: f64, ticks: f64, pixels: f64| -> Vec<(usize, Range<usize>, bool)> {
            let grid = Grid::around(start, ticks, pixels, 0.0, 4096);
            places(&columns, &time, &grid).into_iter().map(|p| (p.column, p.texels, p.joined)).collect()
        };
        // 64 ticks in texels of one; the gap of 32 ticks stays free.
        let all = [(0, 0..4, false), (1, 4..8, true), (2, 40..44, false), (3, 44..48, true)];
        assert_eq!(seen(0.0, 64.0, 65.0), all);
        // Texels of four ticks, and of half a tick.
        assert_eq!(seen(0.0, 64.0, 17.0), [(0, 0..1, false), (1, 1..2, true), (2, 10..11, false), (3, 11..12, true)]);
        assert_eq!(seen(4.0, 8.0, 17.0).iter().find(|p| p.0 == 1), Some(&(1, 0..8, true)));
    }
}
