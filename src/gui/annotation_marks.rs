//! Annotations over the traces: a line and a flag for a mark, a shaded band for a range, the label where it has room.
//!
//! What is drawn is bounded by the width of the screen, however many there are: of those that fall on the same pixel one
//! is drawn, and labels stand only where they do not run into each other.

use eframe::egui::{Align2, Color32, FontId, Pos2, Rect, Stroke, Ui, Vec2, pos2};

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
/// A click this near to a line means it, points.
const REACH: f32 = 5.0;

/// Where annotations were drawn, for clicks.
pub(super) struct Drawn {
    places: Vec<(f32, f32, u64)>,
}

impl Drawn {
    /// The annotation that a click at `at` means: the narrowest of those that are there.
    pub(super) fn under(&self, at: Pos2) -> Option<u64> {
        let near = |&&(left, right, _): &&(f32, f32, u64)| (left - REACH..=right + REACH).contains(&at.x);
        self.places.iter().filter(near).min_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0))).map(|place| place.2)
    }
}

/// Draws what of the annotations is seen in `rect`.
pub(super) fn marks_ui(ui: &Ui, document: &Document, rect: Rect) -> Drawn {
    let (view, time) = (&document.viewport, document.time());
    let x_of = |tick: u64| {
        let share = (tick as f64 + 0.5 - view.start_tick()) / view.ticks();
        rect.left() + share as f32 * rect.width()
    };
    let ticks = document.visible_ticks();
    let seen = time.secs_of_tick(ticks.start)..time.secs_of_tick(ticks.end);
    let (notes, painter) = (&document.notes, ui.painter().with_clip_rect(rect));
    let list = &notes.annotations.list()[notes.annotations.near(&seen)];
    let mut drawn = Drawn { places: Vec::new() };
    let mut labels = Labels { free_from: f32::NEG_INFINITY, left: MAX_LABELS };
    let mut last = None;
    for a in list.iter().filter(|a| a.end_secs() >= seen.start) {
        let ticks = document.ticks_of(a);
        let (left, right) = (x_of(ticks.start), x_of(ticks.end));
        let selected = notes.selected == Some(a.id);
        let pixels = (left.round() as i32, right.round() as i32);
        if !selected && last.replace(pixels) == Some(pixels) {
            continue;
        }
        drawn.places.push((left, right, a.id));
        let [red, green, blue] = notes.annotations.colour(a);
        let colour = Color32::from_rgb(red, green, blue);
        if !a.is_mark() {
            let band = Rect::from_x_y_ranges(left..=right, rect.y_range()).intersect(rect);
            let alpha = if selected { SELECTED_ALPHA } else { BAND_ALPHA };
            painter.rect_filled(band, 0.0, Color32::from_rgba_unmultiplied(red, green, blue, alpha));
            painter.vline(right, rect.y_range(), Stroke::new(1.0, colour.gamma_multiply(0.7)));
        }
        painter.vline(left, rect.y_range(), Stroke::new(if selected { 2.0 } else { 1.0 }, colour));
        labels.draw(ui, &painter, a, colour, pos2(left.max(rect.left()), rect.top()));
    }
    drawn
}

/// Keeps labels from running into each other, left to right.
struct Labels {
    free_from: f32,
    left: usize,
}

impl Labels {
    fn draw(&mut self, ui: &Ui, painter: &eframe::egui::Painter, a: &Annotation, colour: Color32, at: Pos2) {
        if at.x < self.free_from || self.left == 0 {
            return;
        }
        let colours = Colours::of(ui);
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
        let wide = Annotation::new(0.5, 2.0, "wide");
        document.notes.annotations.apply(Edit::Add(many.chain([wide]).collect()));
        let mut harness = bench(vec2(800.0, 300.0), (document, None), |ui, state, _| {
            let rect = ui.max_rect();
            state.1 = Some(marks_ui(ui, &state.0, rect));
        });
        harness.run();
        let (document, drawn) = &harness.state().state;
        let drawn = drawn.as_ref().unwrap();
        assert!(drawn.places.len() <= 2000, "{}", drawn.places.len());
        let found = drawn.under(pos2(400.0, 100.0)).and_then(|id| document.notes.annotations.get(id)).unwrap();
        assert_eq!(found.label, "x");
        assert!(drawn.under(pos2(-500.0, 0.0)).is_none());
    }
}
