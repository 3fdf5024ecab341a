//! Annotations over the traces: a line and a flag for a mark, a shaded band for a range, the label where it has room.
//!
//! What is looked at and drawn is bounded by the width of the screen, however many there are and however long: of those
//! that begin on the same pixel the first and the one that reaches farthest are drawn, found by the list's index; labels
//! stand only where they do not run into each other. Categories are told apart by the pattern of their lines, too.

use std::ops::Range;

use eframe::egui::{Align2, Color32, FontId, Painter, Pos2, Rect, Shape, Stroke, Ui, Vec2, pos2};

use super::state::Document;
use super::theme::Colours;
use crate::annotation::Annotation;

/// How much a band covers of what is behind it (EDFbrowser and MNE are as faint).
const BAND_ALPHA: u8 = 34;
/// The same of the selected one.
const SELECTED_ALPHA: u8 = 70;
/// The strip at the top that labels stand in.
const LABEL_HEIGHT: f32 = 16.0;
/// Labels at most.
const MAX_LABELS: usize = 100;
/// Lines have the pattern of their category where there are at most so many; more are too close to see it.
const MAX_PATTERNS: usize = 80;
/// Of those that began before what is seen and reach into it, so many are drawn.
const MAX_BEFORE: usize = 200;
/// A click this near to a line means it, points.
const REACH: f32 = 5.0;

/// A part of an annotation that can be dragged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Part {
    #[default]
    Whole,
    Start,
    End,
}

/// Where annotations were drawn, for the mouse.
#[derive(Default)]
pub(super) struct Drawn {
    places: Vec<(f32, f32, u64)>,
    labels: Vec<(Rect, u64)>,
    selected: Option<u64>,
    /// Where the strip of labels ends.
    strip: f32,
}

impl Drawn {
    /// The annotation that a click at `at` means: the narrowest of those that are there.
    pub(super) fn under(&self, at: Pos2) -> Option<u64> {
        let near = |&&(left, right, _): &&(f32, f32, u64)| (left - REACH..=right + REACH).contains(&at.x);
        self.narrowest(near)
    }

    fn narrowest(&self, wanted: impl Fn(&&(f32, f32, u64)) -> bool) -> Option<u64> {
        self.places.iter().filter(wanted).min_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0))).map(|place| place.2)
    }

    /// The annotation whose label, line or strip at the top is at `at`.
    pub(super) fn label_at(&self, at: Pos2) -> Option<u64> {
        let flag = self.labels.iter().rev().find(|(flag, _)| flag.contains(at)).map(|flag| flag.1);
        flag.or_else(|| {
            self.narrowest(|&&(left, right, _)| {
                let line = (left - at.x).abs() <= REACH || (right - at.x).abs() <= REACH;
                line || (at.y <= self.strip && (left..=right).contains(&at.x))
            })
        })
    }

    /// The part of the selected annotation that is at `at`.
    pub(super) fn part_at(&self, at: Pos2) -> Option<(u64, Part)> {
        let selected = self.selected?;
        let &(left, right, id) = self.places.iter().find(|place| place.2 == selected)?;
        let flag = self.labels.iter().any(|(flag, of)| *of == id && flag.contains(at));
        let strip = at.y <= self.strip && (left..=right).contains(&at.x);
        let part = if right <= left {
            (flag || (left - at.x).abs() <= REACH).then_some(Part::Whole)
        } else if (left - at.x).abs() <= REACH {
            Some(Part::Start)
        } else if (right - at.x).abs() <= REACH {
            Some(Part::End)
        } else {
            (flag || strip).then_some(Part::Whole)
        };
        part.map(|part| (id, part))
    }
}

/// Draws what of the annotations is seen in `rect`.
pub(super) fn marks_ui(ui: &Ui, document: &Document, rect: Rect) -> Drawn {
    let (notes, painter) = (&document.notes, ui.painter().with_clip_rect(rect));
    let list = notes.annotations.list();
    let seen = seen(document, rect.width());
    let mut drawn = Drawn { strip: rect.top() + LABEL_HEIGHT, selected: notes.selected, ..Drawn::default() };
    let mut brush = Brush {
        document,
        painter,
        rect,
        colours: Colours::of(ui),
        patterns: seen.len() <= MAX_PATTERNS,
        labels: Labels { free_from: f32::NEG_INFINITY, left: MAX_LABELS },
    };
    let selected = notes.selected;
    for a in seen.iter().map(|&i| &list[i]).filter(|a| Some(a.id) != selected) {
        brush.draw(a, false, &mut drawn);
    }
    // The selected one over the others, and where it is being dragged to.
    if let Some(a) = notes.preview.as_ref().or(notes.selected()) {
        brush.labels.free_from = f32::NEG_INFINITY;
        brush.draw(a, true, &mut drawn);
    }
    super::note_drag::held_ui(&brush.painter, document, rect, drawn.strip, brush.colours);
    drawn
}

/// Indices of the annotations to draw on `width` points, in order.
fn seen(document: &Document, width: f32) -> Vec<usize> {
    let (view, time) = (&document.viewport, document.time());
    let annotations = &document.notes.annotations;
    let secs_at = |tick: f64| tick / time.rate_hz();
    let secs = secs_at(view.start_tick())..secs_at(view.end_tick());
    let inside = annotations.starting_in(&secs);
    let mut seen = annotations.reach().ending_from(0..inside.start, secs.start, MAX_BEFORE);
    // The one that reaches farthest is among them, however many there are.
    let farthest = annotations.reach().last_end(0..inside.start);
    let farthest = farthest.filter(|&f| annotations.list()[f].end_secs() >= secs.start && !seen.contains(&f));
    seen.extend(farthest);
    seen.reverse();
    thinned(document, inside, (secs.end - secs.start) / f64::from(width.max(1.0)), secs.start, &mut seen);
    seen
}

/// Those of `inside` that are drawn where a pixel is `step` seconds: the first and the farthest-reaching of each pixel.
fn thinned(document: &Document, inside: Range<usize>, step: f64, start_secs: f64, out: &mut Vec<usize>) {
    let annotations = &document.notes.annotations;
    let list = annotations.list();
    let mut i = inside.start;
    while i < inside.end {
        let pixel = ((list[i].start_secs - start_secs) / step).floor();
        let next_secs = start_secs + (pixel + 1.0) * step;
        let next = i + list[i..inside.end].partition_point(|a| a.start_secs < next_secs);
        let next = next.max(i + 1);
        out.push(i);
        let farthest = annotations.reach().last_end(i..next);
        out.extend(farthest.filter(|&f| f != i && list[f].end_secs() > list[i].end_secs() + step));
        i = next;
    }
}

struct Brush<'a> {
    document: &'a Document,
    painter: Painter,
    rect: Rect,
    colours: Colours,
    patterns: bool,
    labels: Labels,
}

impl Brush<'_> {
    fn x_of(&self, tick: u64) -> f32 {
        let view = &self.document.viewport;
        let share = (tick as f64 + 0.5 - view.start_tick()) / view.ticks();
        self.rect.left() + share as f32 * self.rect.width()
    }

    fn draw(&mut self, a: &Annotation, selected: bool, drawn: &mut Drawn) {
        let ticks = self.document.ticks_of(a);
        let (left, right) = (self.x_of(ticks.start), self.x_of(ticks.end));
        let rect = self.rect;
        if right < rect.left() - REACH || left > rect.right() + REACH {
            return;
        }
        drawn.places.push((left, right, a.id));
        let annotations = &self.document.notes.annotations;
        let [red, green, blue] = annotations.colour(a);
        let colour = Color32::from_rgb(red, green, blue);
        let pattern = annotations.categories().iter().position(|c| c.name == a.category).filter(|_| self.patterns);
        if !a.is_mark() {
            let band = Rect::from_x_y_ranges(left..=right, rect.y_range()).intersect(rect);
            let alpha = if selected { SELECTED_ALPHA } else { BAND_ALPHA };
            self.painter.rect_filled(band, 0.0, Color32::from_rgba_unmultiplied(red, green, blue, alpha));
            let stroke = Stroke::new(if selected { 2.0 } else { 1.0 }, colour.gamma_multiply(0.8));
            line(&self.painter, right, rect, stroke, pattern);
        }
        line(&self.painter, left, rect, Stroke::new(if selected { 2.0 } else { 1.0 }, colour), pattern);
        let at = pos2(left.max(rect.left()), rect.top());
        if let Some(flag) = self.labels.draw(&self.painter, a, colour, self.colours, at) {
            drawn.labels.push((flag, a.id));
        }
    }
}

/// A line from top to bottom, in the pattern of a category: those on the first number keys differ.
fn line(painter: &Painter, x: f32, rect: Rect, stroke: Stroke, pattern: Option<usize>) {
    let ends = [pos2(x, rect.top()), pos2(x, rect.bottom())];
    let (dashes, gaps): (&[f32], &[f32]) = match pattern.map(|p| p % 5) {
        Some(1) => (&[8.0], &[4.0]),
        Some(2) => (&[2.0], &[3.0]),
        Some(3) => (&[10.0, 2.0], &[3.0, 3.0]),
        Some(4) => (&[16.0], &[6.0]),
        _ => {
            painter.line_segment(ends, stroke);
            return;
        }
    };
    painter.extend(Shape::dashed_line_with_offset(&ends, stroke, dashes, gaps, 0.0));
}

/// Keeps labels from running into each other, left to right.
struct Labels {
    free_from: f32,
    left: usize,
}

impl Labels {
    fn draw(&mut self, painter: &Painter, a: &Annotation, colour: Color32, colours: Colours, at: Pos2) -> Option<Rect> {
        if at.x < self.free_from || self.left == 0 {
            return None;
        }
        let title: String = a.title().chars().take(40).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let galley = painter.layout_no_wrap(title, FontId::proportional(11.5), colours.ink);
        let flag = Rect::from_min_size(at, Vec2::new(galley.size().x + 10.0, LABEL_HEIGHT));
        self.left -= 1;
        self.free_from = flag.right() + 3.0;
        // The flag has the colour, the text the ink: it can be read on any category.
        painter.rect_filled(flag, 2.0, colours.canvas.gamma_multiply(0.92));
        painter.rect_filled(Rect::from_min_size(at, Vec2::new(4.0, LABEL_HEIGHT)), 0.0, colour);
        let place = Align2::LEFT_CENTER.anchor_size(flag.left_center() + Vec2::new(7.0, 0.0), galley.size());
        painter.galley(place.min, galley, colours.ink);
        Some(flag)
    }
}

#[cfg(test)]
mod tests {
    use eframe::egui::vec2;

    use super::super::testing::{bench, document};
    use super::*;
    use crate::annotation::Edit;

    #[test]
    fn a_click_means_the_narrowest_and_many_cost_no_more_than_pixels() {
        let mut document = document(2);
        let many = (0..100_000).map(|i| Annotation::new(f64::from(i) * 3.5e-5, 0.0, "x"));
        let wide = [Annotation::new(0.5, 2.0, "wide"), Annotation::new(-1.0, 9.0, "all")];
        document.notes.annotations.apply(Edit::Add(many.chain(wide).collect()));
        let mut harness = bench(vec2(800.0, 300.0), (document, None), |ui, state, _| {
            let rect = ui.max_rect();
            state.1 = Some(marks_ui(ui, &state.0, rect));
        });
        harness.run();
        let (document, drawn) = &harness.state().state;
        let drawn = drawn.as_ref().unwrap();
        assert!(drawn.places.len() <= 2000, "{}", drawn.places.len());
        let label = |id: Option<u64>| id.and_then(|id| document.notes.annotations.get(id)).unwrap().label.clone();
        assert_eq!(label(drawn.under(pos2(400.0, 100.0))), "x");
        let drawn_labels: Vec<String> = drawn.places.iter().map(|place| label(Some(place.2))).collect();
        assert!(["wide", "all"].iter().all(|l| drawn_labels.iter().any(|d| d == l)), "long ones are not lost");
        assert!(drawn.under(pos2(-500.0, 0.0)).is_none());
        // Far into it, what began before is found without going through the hundred thousand.
        let mut document = super::super::testing::document(1);
        std::mem::swap(&mut document.notes, &mut harness.state_mut().state.0.notes);
        document.viewport.show(3490.0, 3499.0);
        let found = seen(&document, 800.0);
        assert!(found.len() <= 2 * 800 + MAX_BEFORE);
        let list = document.notes.annotations.list();
        assert!(found.iter().any(|&i| list[i].label == "all") && found.iter().all(|&i| list[i].label != "wide"));
    }

    #[test]
    fn parts_of_the_selected_one_are_taken_hold_of() {
        let drawn = Drawn {
            places: vec![(100.0, 300.0, 7), (200.0, 200.0, 8)],
            labels: vec![(Rect::from_min_size(pos2(100.0, 0.0), vec2(60.0, 16.0)), 7)],
            selected: Some(7),
            strip: 16.0,
        };
        assert_eq!(drawn.part_at(pos2(102.0, 90.0)), Some((7, Part::Start)));
        assert_eq!(drawn.part_at(pos2(297.0, 90.0)), Some((7, Part::End)));
        assert_eq!(drawn.part_at(pos2(250.0, 8.0)), Some((7, Part::Whole)));
        assert_eq!(drawn.part_at(pos2(250.0, 90.0)), None, "inside it the view is panned");
        assert_eq!(drawn.label_at(pos2(130.0, 9.0)), Some(7));
        assert_eq!(drawn.label_at(pos2(201.0, 90.0)), Some(8));
        assert_eq!(drawn.label_at(pos2(250.0, 90.0)), None);
        assert_eq!(Drawn { selected: Some(8), ..drawn }.part_at(pos2(203.0, 90.0)), Some((8, Part::Whole)));
    }
}
