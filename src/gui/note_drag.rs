//! Dragging an annotation or one of its edges: it follows the hand, and the edge that moves snaps to what is near, as
//! cursors do — to a cursor, an edge of another annotation or of the selection, an extreme or an edge of the trace under the
//! pointer. What it has snapped to is drawn beside it. Nothing is changed before the hand lets go; then it is one step that
//! can be undone. With Alt, and where snapping is switched off, nothing attracts it.
//!
//! Costs a search in the sorted list for each movement; samples are read by the cursors' worker.

use eframe::egui::{Align2, FontId, Painter, Rect, Stroke, pos2, vec2};

use super::annotation_marks::Part;
use super::cursors::{Near, Snapped, Sought, Which};
use super::state::Document;
use super::theme::Colours;
use crate::annotation::{Annotation, Edit};

/// Of the annotations that reach to a place from before, so many are looked at.
const OTHERS: usize = 64;

/// Where the hand is.
#[derive(Clone, PartialEq, Debug)]
pub struct NoteDrag {
    pub id: u64,
    pub part: Part,
    /// By so many ticks from where the part was.
    pub by: i64,
    /// The channel under the pointer and how far is near; nothing where it is not to snap.
    pub near: Option<Near>,
}

/// The drag under way.
#[derive(Default)]
pub struct Dragging {
    drag: Option<NoteDrag>,
    /// Where a feature of the trace is being looked for.
    pub(super) sought: Option<Sought>,
    /// The one that was found last.
    found: Option<(u64, &'static str)>,
    /// What the moving edge has snapped to: its tick, and what is there.
    pub held: Option<(u64, String)>,
}

impl Document {
    /// The hand has moved.
    pub(super) fn drag_note(&mut self, drag: NoteDrag) {
        let edge = self.moving_edge(&drag);
        let sought = match (edge, drag.near) {
            (Some(edge), Some(near)) => self.sought(Which::A, edge, near),
            _ => None,
        };
        let dragging = &mut self.notes.dragging;
        if drag.near.is_none() {
            dragging.found = None;
        }
        dragging.sought = sought;
        dragging.drag = Some(drag);
        self.hold_note();
    }

    /// The hand has let go: what is seen holds.
    pub(super) fn drop_note(&mut self) {
        self.notes.dragging = Dragging::default();
        if let Some(annotation) = self.notes.preview.take() {
            self.notes.annotations.apply(Edit::Change(annotation));
        }
    }

    /// Nothing is being dragged any more, and nothing has changed.
    pub(super) fn cancel_note_drag(&mut self) {
        self.notes.dragging = Dragging::default();
        self.notes.preview = None;
    }

    /// Takes in what was found to snap to; false if something else has asked for it.
    pub(super) fn note_snapped(&mut self, found: &Snapped) -> bool {
        if self.notes.dragging.sought.as_ref() != Some(&found.of) {
            return false;
        }
        let all = self.shown().frames;
        let place = found.found.filter(|(frame, _)| *frame < all);
        self.notes.dragging.found = place.map(|(frame, what)| (self.time().tick_of_frame(frame), what.title()));
        self.hold_note();
        true
    }

    /// Where the edge that moves is under the hand; of a whole annotation its start.
    fn moving_edge(&self, drag: &NoteDrag) -> Option<u64> {
        let ticks = self.ticks_of(self.notes.annotations.get(drag.id)?);
        let from = if drag.part == Part::End { ticks.end } else { ticks.start };
        Some(from.saturating_add_signed(drag.by))
    }

    /// Puts the preview where the hand is, or where it snaps to.
    fn hold_note(&mut self) {
        let Some(drag) = self.notes.dragging.drag.clone() else { return };
        let Some(annotation) = self.notes.annotations.get(drag.id).cloned() else {
            self.cancel_note_drag();
            return;
        };
        let ticks = self.ticks_of(&annotation);
        let held = drag.near.and_then(|near| {
            let edge = |from: u64| from.saturating_add_signed(drag.by);
            let start =
                (drag.part != Part::End).then(|| (ticks.start, self.attraction(drag.id, edge(ticks.start), near)));
            let end = (drag.part != Part::Start && !annotation.is_mark())
                .then(|| (ticks.end, self.attraction(drag.id, edge(ticks.end), near)));
            let found = [start, end].into_iter().flatten().filter_map(|(from, found)| Some((from, found?)));
            found.min_by_key(|(from, (tick, _))| edge(*from).abs_diff(*tick))
        });
        let by = match &held {
            Some((from, (tick, _))) => i64::try_from(i128::from(*tick) - i128::from(*from)).unwrap_or(drag.by),
            None => drag.by,
        };
        self.notes.dragging.held = held.map(|(_, held)| held);
        self.notes.preview = Some(self.moved(&annotation, drag.part, by));
    }

    /// What attracts an edge at `tick`: the nearest there is.
    fn attraction(&self, id: u64, tick: u64, near: Near) -> Option<(u64, String)> {
        let reach = near.reach_ticks.max(1);
        let mut best: Option<(u64, String)> = None;
        let mut offer = |at: u64, what: &dyn Fn() -> String| {
            let distance = at.abs_diff(tick);
            if distance <= reach && best.as_ref().is_none_or(|(there, _)| distance < there.abs_diff(tick)) {
                best = Some((at, what()));
            }
        };
        for which in Which::ALL {
            if let Some(at) = self.cursors.get(which) {
                offer(at, &|| format!("cursor {}", which.title()));
            }
        }
        if let Some(selection) = &self.selection {
            offer(selection.start, &|| "start of the selection".to_owned());
            offer(selection.end, &|| "end of the selection".to_owned());
        }
        let named = |side: &str, a: &Annotation| match a.title() {
            "" => format!("{side} of an annotation"),
            title => format!("{side} of {}", title.chars().take(24).collect::<String>()),
        };
        let (time, annotations) = (self.time(), &self.notes.annotations);
        let secs = time.secs_of_tick(tick.saturating_sub(reach))..time.secs_of_tick(tick.saturating_add(reach + 1));
        let starting = annotations.starting_in(&secs);
        // Those that start nearest: the list is in their order.
        let middle = annotations.starting_in(&(secs.start..time.secs_of_tick(tick))).end;
        let around = middle.saturating_sub(OTHERS).max(starting.start)..(middle + OTHERS).min(starting.end);
        for a in annotations.list()[around].iter().filter(|a| a.id != id) {
            offer(time.tick_of_secs(a.start_secs), &|| named("start", a));
        }
        for i in annotations.reach().ending_from(0..starting.end, secs.start, OTHERS) {
            let a = &annotations.list()[i];
            if a.id != id && !a.is_mark() && a.end_secs() <= secs.end {
                offer(time.tick_of_secs(a.end_secs()), &|| named("end", a));
            }
        }
        // What somebody has put there goes before what the trace happens to do beside it.
        let of_trace = self.notes.dragging.found.filter(|(at, _)| at.abs_diff(tick) <= reach);
        best.or_else(|| of_trace.map(|(at, what)| (at, what.to_owned())))
    }

    /// An annotation of which a part was moved by so many ticks; it stays inside the recording.
    pub(super) fn moved(&self, annotation: &Annotation, part: Part, by: i64) -> Annotation {
        let time = self.time();
        let last = time.end_tick(self.shown().frames);
        let ticks = self.ticks_of(annotation);
        let shift = |tick: u64| tick.saturating_add_signed(by).min(last);
        if part == Part::Whole {
            let start = shift(ticks.start).min(last.saturating_sub(ticks.end - ticks.start));
            return Annotation { start_secs: time.secs_of_tick(start), ..annotation.clone() };
        }
        let (a, b) = match part {
            Part::Start => (shift(ticks.start), ticks.end),
            _ => (ticks.start, shift(ticks.end)),
        };
        let (start, end) = (time.secs_of_tick(a.min(b)), time.secs_of_tick(a.max(b)));
        Annotation { start_secs: start, duration_secs: end - start, ..annotation.clone() }
    }
}

/// Draws what a dragged edge has snapped to.
pub(super) fn held_ui(painter: &Painter, document: &Document, rect: Rect, strip: f32, colours: Colours) {
    let Some((tick, what)) = &document.notes.dragging.held else { return };
    let view = &document.viewport;
    let x = rect.left() + ((*tick as f64 + 0.5 - view.start_tick()) / view.ticks()) as f32 * rect.width();
    if !rect.x_range().contains(x) {
        return;
    }
    painter.vline(x, rect.y_range(), Stroke::new(2.0, colours.accent));
    let galley = painter.layout_no_wrap(what.clone(), FontId::proportional(12.0), colours.ink);
    // To the left where there is no room at the right.
    let right = x + galley.size().x + 12.0 < rect.right();
    let (anchor, at) = if right { (Align2::LEFT_TOP, x + 6.0) } else { (Align2::RIGHT_TOP, x - 6.0) };
    let place = anchor.anchor_size(pos2(at, strip + 6.0), galley.size());
    painter.rect_filled(place.expand2(vec2(4.0, 2.0)), 3.0, colours.canvas);
    painter.rect_stroke(
        place.expand2(vec2(4.0, 2.0)),
        3.0,
        Stroke::new(1.0, colours.accent),
        eframe::egui::StrokeKind::Inside,
    );
    painter.galley(place.min, galley, colours.ink);
}

#[cfg(test)]
mod tests {
    use super::super::cursors::{CursorCommand, Feature};
    use super::super::testing::document;
    use super::*;

    fn drag(id: u64, part: Part, by: i64, snap: bool) -> NoteDrag {
        NoteDrag { id, part, by, near: snap.then_some(Near { channel: 0, reach_ticks: 20 }) }
    }

    fn edges(document: &Document) -> (u64, u64) {
        let ticks = document.ticks_of(document.notes.preview.as_ref().unwrap());
        (ticks.start, ticks.end)
    }

    #[test]
    fn edges_snap_to_what_is_near_and_only_then() {
        let mut document = document(2);
        let list = vec![Annotation::new(0.3, 0.2, "mine"), Annotation::new(0.6, 0.1, "other")];
        let ids = document.notes.annotations.apply(Edit::Add(list));
        document.apply_cursor(CursorCommand::Place { which: Which::A, tick: 250, near: None });
        // The end goes to the start of the other; without snapping it stays where the hand is.
        document.drag_note(drag(ids[0], Part::End, 90, true));
        assert_eq!(edges(&document), (300, 600));
        assert_eq!(document.notes.dragging.held, Some((600, "start of other".to_owned())));
        document.drag_note(drag(ids[0], Part::End, 90, false));
        assert_eq!((edges(&document), document.notes.dragging.held.clone()), ((300, 590), None));
        document.drag_note(drag(ids[0], Part::End, 212, true));
        assert_eq!(edges(&document), (300, 700), "the end of the other");
        // All of it, by whichever edge is nearer.
        document.drag_note(drag(ids[0], Part::Whole, -45, true));
        assert_eq!(edges(&document), (250, 450));
        document.drag_note(drag(ids[0], Part::Whole, 95, true));
        assert_eq!(edges(&document), (400, 600));
        // Nothing is changed before the hand lets go, and then in one step.
        assert_eq!(document.notes.annotations.get(ids[0]).unwrap().start_secs, 0.3);
        document.drop_note();
        assert_eq!(document.ticks_of(document.notes.annotations.get(ids[0]).unwrap()), 400..600);
        assert!(document.notes.annotations.undo() && document.notes.preview.is_none());
    }

    #[test]
    fn a_feature_of_the_trace_attracts_when_it_is_found() {
        let mut document = document(2);
        let ids = document.notes.annotations.apply(Edit::Add(vec![Annotation::new(0.3, 0.2, "mine")]));
        document.drag_note(drag(ids[0], Part::Start, 40, true));
        assert_eq!(edges(&document), (340, 500));
        let of = document.notes.dragging.sought.clone().unwrap();
        assert_eq!((of.frames.clone(), of.frame), (320..361, 340));
        let found = Snapped { of, found: Some((351, Feature::Highest)) };
        assert!(document.note_snapped(&found));
        assert_eq!((edges(&document).0, document.notes.dragging.held.clone().unwrap().1), (351, "maximum".to_owned()));
        // Far from it, it is let go.
        document.drag_note(drag(ids[0], Part::Start, -40, true));
        assert_eq!(edges(&document).0, 260);
        assert!(!document.note_snapped(&found), "an answer to an older question is not for this one");
        document.cancel_note_drag();
        document.drop_note();
        assert_eq!(document.ticks_of(document.notes.annotations.get(ids[0]).unwrap()), 300..500);
    }

    #[test]
    fn parts_of_an_annotation_are_moved_inside_the_recording() {
        let document = document(2);
        let range = Annotation::new(1.0, 0.5, "range");
        let moved = |part, by| {
            let a = document.moved(&range, part, by);
            ((a.start_secs * 1e3).round() as i64, (a.end_secs() * 1e3).round() as i64)
        };
        assert_eq!(moved(Part::Whole, 100), (1100, 1600));
        assert_eq!(moved(Part::Whole, i64::MAX), (3000, 3500));
        assert_eq!(moved(Part::Whole, i64::MIN), (0, 500));
        assert_eq!(moved(Part::Start, -200), (800, 1500));
        assert_eq!(moved(Part::Start, 700), (1500, 1700), "an edge that passes the other one becomes it");
        assert_eq!(moved(Part::End, 100), (1000, 1600));
    }
}
