//! What was found, over the traces: a band and a triangle in the lane of each place, with its label where there is room; or
//! where there are too many for that, how many there are at each pixel, as bars along the foot.

use std::ops::Range;

use eframe::egui::{Align2, Color32, FontId, Painter, Pos2, Rect, Shape, Stroke, Ui, Vec2, pos2};

use super::Listed;
use crate::analysis::{Events, Place};
use crate::gui::channels::{Display, Stack};
use crate::gui::state::Document;
use crate::gui::theme::Colours;
use crate::gui::wording::plural;

/// More places than these are drawn as bars.
const MAX_MARKS: usize = 1500;
/// Labels at most.
const MAX_LABELS: usize = 300;
/// Height of the bars, and of the row for what belongs to no lane, points.
const STRIP: f32 = 22.0;
/// Width of a bar, points.
const BAR: f32 = 2.0;
/// Lanes that are lower carry no triangles.
const TRIANGLE_LANE: f32 = 10.0;
/// Lanes that are lower carry no labels.
const LABEL_LANE: f32 = 26.0;
/// How much a band covers of what is behind it.
const BAND: f32 = 0.22;

/// What was drawn: single places and bars.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::gui) struct Drawn {
    pub(in crate::gui) places: usize,
    pub(in crate::gui) bars: usize,
}

/// Draws the places of all lists that are seen in `rect`.
pub(in crate::gui) fn marks_ui(ui: &Ui, document: &Document, rect: Rect) -> Drawn {
    let frames = document.visible_frames();
    let mut drawn = Drawn::default();
    let mut foot = rect.bottom();
    for result in &document.results.list {
        let Some(events) = result.events().filter(|e| e.stream == document.stream && !e.places.is_empty()) else {
            continue;
        };
        let Some(listed) = document.listed(result.name) else { continue };
        let current = document.results.found.current.filter(|c| c.0 == result.name).map(|c| c.1);
        let marks = Marks {
            document,
            events,
            rect,
            foot,
            painter: ui.painter().with_clip_rect(rect),
            colours: Colours::of(ui),
        };
        let inside = events.places.partition_point(|p| p.start < frames.end)
            - events.places.partition_point(|p| p.start < frames.start);
        if inside > MAX_MARKS {
            drawn.bars += marks.bars(&frames, inside);
            foot -= STRIP;
            if let Some(place) = current.and_then(|i| events.places.get(i)) {
                marks.place(place, true);
            }
        } else {
            drawn.places += marks.places(listed, &frames, current);
        }
    }
    drawn
}

struct Marks<'a> {
    document: &'a Document,
    events: &'a Events,
    rect: Rect,
    /// Where the strip at the foot ends.
    foot: f32,
    painter: Painter,
    colours: Colours,
}

impl Marks<'_> {
    fn x(&self, tick: f64) -> f32 {
        let view = &self.document.viewport;
        self.rect.left() + ((tick - view.start_tick()) / view.ticks()) as f32 * self.rect.width()
    }

    /// The lane of a channel, if it is on the screen; what belongs to no channel has the strip at the foot.
    fn lane(&self, stack: &Stack, rows: &[Option<usize>], channel: u32) -> Option<Rect> {
        let channel = channel as usize;
        if channel >= rows.len() {
            return Some(Rect::from_x_y_ranges(self.rect.x_range(), self.foot - STRIP..=self.foot));
        }
        let row = rows[channel]?;
        if self.document.lanes.display == Display::Butterfly {
            // All are over each other: a place is one of the whole plot.
            return Some(self.rect);
        }
        let (first, count) = crate::gui::displays::extent(self.document);
        let y = |row: f64| self.rect.top() + ((row - first) / count) as f32 * self.rect.height();
        let span = stack.span(row);
        let lane = Rect::from_x_y_ranges(self.rect.x_range(), y(span.start)..=y(span.end));
        lane.intersects(self.rect).then_some(lane)
    }

    fn places(&self, listed: &Listed, frames: &Range<u64>, current: Option<usize>) -> usize {
        let stack = self.document.stack();
        let rows = stack.rows(self.document.shown().channels.len());
        let mut labels = Labels { free_from: vec![f32::NEG_INFINITY; rows.len() + 1], left: MAX_LABELS };
        let mut drawn = 0;
        let touching = listed.touching(self.events, frames, MAX_MARKS * 2);
        // The current one last, over the others.
        let others = touching.iter().copied().filter(|&i| Some(i) != current);
        for i in others.chain(current.filter(|i| touching.contains(i))) {
            let place = &self.events.places[i];
            let Some(lane) = self.lane(&stack, &rows, place.channel) else { continue };
            let at = self.draw(place, lane, Some(i) == current);
            labels.draw(self, place, lane, at);
            drawn += 1;
        }
        drawn
    }

    /// Draws one place that may not be among those in view.
    fn place(&self, place: &Place, is_current: bool) {
        let stack = self.document.stack();
        let rows = stack.rows(self.document.shown().channels.len());
        if let Some(lane) = self.lane(&stack, &rows, place.channel) {
            self.draw(place, lane, is_current);
        }
    }

    /// The band, the triangle; for the current one an outline. Returns where its label goes.
    fn draw(&self, place: &Place, lane: Rect, is_current: bool) -> Pos2 {
        let ticks = self.document.ticks_of_place(place);
        let (left, right) = (self.x(ticks.start as f64), self.x(ticks.end as f64));
        let colour = if is_current { self.colours.warning } else { self.colours.accent };
        let band = Rect::from_x_y_ranges(left..=right.max(left + 1.0), lane.y_range()).intersect(self.rect);
        if !band.is_positive() {
            return pos2(left, lane.top());
        }
        self.painter.rect_filled(band, 0.0, colour.gamma_multiply(if is_current { 2.0 * BAND } else { BAND }));
        if right - left > 3.0 {
            self.painter.vline(right, lane.y_range(), Stroke::new(1.0, colour.gamma_multiply(0.6)));
        }
        self.painter.vline(left, lane.y_range(), Stroke::new(if is_current { 2.0 } else { 1.0 }, colour));
        if lane.height() >= TRIANGLE_LANE {
            let half = if is_current { 5.0 } else { 3.5 };
            let tip = pos2(left.max(self.rect.left()), lane.top() + 2.0 * half);
            let points = vec![tip, tip + Vec2::new(-half, -2.0 * half), tip + Vec2::new(half, -2.0 * half)];
            self.painter.add(Shape::convex_polygon(points, colour, Stroke::NONE));
        }
        if is_current {
            let outline = band.expand2(Vec2::new(2.0, -1.0)).intersect(self.rect);
            let stroke = Stroke::new(1.5, colour);
            self.painter.rect_stroke(outline, 2.0, stroke, eframe::egui::StrokeKind::Inside);
        }
        pos2(left.max(self.rect.left()) + 6.0, lane.top())
    }

    /// How many there are at each place of the screen, on a logarithmic scale, and in words.
    fn bars(&self, frames: &Range<u64>, inside: usize) -> usize {
        let (document, places) = (self.document, &self.events.places);
        let (time, view) = (document.time(), &document.viewport);
        let columns = (self.rect.width() / BAR).ceil().max(1.0) as usize;
        let index = |column: usize| {
            let tick = view.start_tick() + view.ticks() * column as f64 / columns as f64;
            let frame = time.frame_at_tick(tick.max(0.0) as u64).clamp(frames.start, frames.end);
            places.partition_point(|p| p.start < frame)
        };
        let edges: Vec<usize> = (0..=columns).map(index).collect();
        let counts = edges.windows(2).map(|w| w[1] - w[0]);
        let most = counts.clone().max().unwrap_or(0).max(1);
        let strip = Rect::from_x_y_ranges(self.rect.x_range(), self.foot - STRIP..=self.foot);
        self.painter.rect_filled(strip, 0.0, self.colours.canvas.gamma_multiply(0.85));
        let mut drawn = 0;
        for (column, n) in counts.enumerate().filter(|(_, n)| *n > 0) {
            let share = (1.0 + n as f32).ln() / (1.0 + most as f32).ln();
            let left = strip.left() + column as f32 * BAR;
            let bar = Rect::from_x_y_ranges(left..=left + BAR, strip.bottom() - share * (STRIP - 2.0)..=strip.bottom());
            self.painter.rect_filled(bar, 0.0, self.colours.accent);
            drawn += 1;
        }
        self.painter.hline(strip.x_range(), strip.top(), Stroke::new(1.0, self.colours.separator));
        let text = format!("{} here; zoom in to see each", plural(inside as u64, self.events.noun));
        self.text(strip.left_top() + Vec2::new(6.0, 2.0), text, self.colours.ink);
        drawn
    }

    /// A text on a ground of its own; returns where it ends.
    fn text(&self, at: Pos2, text: String, colour: Color32) -> f32 {
        let galley = self.painter.layout_no_wrap(text, FontId::proportional(11.0), colour);
        let place = Align2::LEFT_TOP.anchor_size(at, galley.size());
        self.painter.rect_filled(place.expand2(Vec2::new(2.0, 0.0)), 2.0, self.colours.canvas.gamma_multiply(0.85));
        self.painter.galley(place.min, galley, colour);
        place.right()
    }
}

/// Keeps the labels of a lane from running into each other.
struct Labels {
    free_from: Vec<f32>,
    left: usize,
}

impl Labels {
    fn draw(&mut self, marks: &Marks<'_>, place: &Place, lane: Rect, at: Pos2) {
        let slot = (place.channel as usize).min(self.free_from.len() - 1);
        if self.left == 0 || lane.height() < LABEL_LANE.min(STRIP) || at.x < self.free_from[slot] {
            return;
        }
        let text: String = (marks.events.label)(place, &marks.events.context).chars().take(24).collect();
        if !text.is_empty() {
            self.left -= 1;
            self.free_from[slot] = marks.text(at, text, marks.colours.ink) + 6.0;
        }
    }
}
