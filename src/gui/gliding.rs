//! The view on its way: a jump by key, button or command is eased over [`LENGTH`], so that the eye keeps its place.
//!
//! What the hand moves (drag, wheel, pinch, the window of the overview) is there at once, and ends it where it is
//! seen. A further jump goes on from what is seen to where both together lead. The columns of the end are asked for at the
//! start; nothing is repainted once it has arrived.

use super::command::ViewCommand;
use super::state::Document;
use super::viewport::Viewport;
use crate::error::Result;

/// How long a jump takes, seconds.
const LENGTH: f64 = 0.12;
/// The frame in which it begins shows its first step already.
const AHEAD: f64 = 1.0 / 60.0;

/// A jump that is under way.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Glide {
    from: Viewport,
    to: Viewport,
    /// On the clock of the window, seconds.
    began: f64,
}

impl Glide {
    /// What is seen at `now`; `None` when it has arrived.
    fn at(&self, now: f64) -> Option<Viewport> {
        let share = (now - self.began) / LENGTH;
        if share.is_nan() || !(0.0..1.0).contains(&share) {
            return None;
        }
        let eased = 1.0 - (1.0 - share).powi(3);
        let (from, to) = (self.from.ticks(), self.to.ticks());
        // As a zoom about a point that stays: the span in equal factors, the place in proportion to the span.
        let ticks = from * (to / from).powf(eased);
        let moved = if (to - from).abs() > 1e-9 * from { (ticks - from) / (to - from) } else { eased };
        let start = self.from.start_tick() + (self.to.start_tick() - self.from.start_tick()) * moved;
        let mut view = self.to;
        view.show(start, start + ticks);
        Some(view)
    }
}

/// Whether the view is eased to where a command leads.
fn is_jump(command: &ViewCommand) -> bool {
    use ViewCommand as V;
    matches!(
        command,
        V::ZoomCentre(_)
            | V::Page(_)
            | V::Start
            | V::End
            | V::Fit
            | V::Range(_)
            | V::GoTo(_)
            | V::ToSelection
            | V::Gap(_)
            | V::Back
            | V::Forward
    )
}

/// Whether a command moves the view at once.
fn is_by_hand(command: &ViewCommand) -> bool {
    matches!(command, ViewCommand::Zoom { .. } | ViewCommand::Pan(_) | ViewCommand::Centre(_) | ViewCommand::Play(_))
}

impl Document {
    /// Does what a view command says; `now` is the clock of the window in seconds, or `None` where nothing shall move by
    /// itself.
    ///
    /// # Errors
    /// As [`Document::apply_view`].
    pub(super) fn apply_view_at(&mut self, command: ViewCommand, now: Option<f64>) -> Result<()> {
        let shown = self.viewport;
        if let ViewCommand::Width(points) = command
            && let Some(glide) = &mut self.history.glide
        {
            glide.from.set_width(points);
            glide.to.set_width(points);
        }
        if is_by_hand(&command) {
            self.history.glide = None;
        }
        if !is_jump(&command) {
            return self.apply_view(command);
        }
        if let Some(glide) = self.history.glide.take() {
            self.viewport = glide.to;
        }
        let result = self.apply_view(command);
        if let Some(now) = now
            && self.viewport != shown
        {
            self.history.glide = Some(Glide { from: shown, to: self.viewport, began: now - AHEAD });
            self.viewport = shown;
        }
        result
    }

    /// Moves the view on; false if it is at rest.
    pub(super) fn move_on(&mut self, now: f64) -> bool {
        let Some(mut glide) = self.history.glide else { return false };
        // The recording may have grown on the way.
        let len = self.viewport.len_ticks();
        if glide.to.len_ticks() != len {
            glide.to.set_len(len as u64);
            if self.live.follow && !glide.to.shows_all() {
                glide.to.end();
            }
            self.history.glide = Some(glide);
        }
        if let Some(view) = glide.at(now) {
            self.viewport = view;
            return true;
        }
        self.viewport = glide.to;
        self.history.glide = None;
        // What is drawn now is the end: no further frame is needed.
        false
    }

    /// What is seen when the view has arrived.
    #[must_use]
    pub fn destination(&self) -> Viewport {
        self.history.glide.map_or(self.viewport, |glide| glide.to)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::document;
    use super::*;

    #[test]
    fn a_jump_is_eased_and_the_hand_ends_it() {
        let mut document = document(1);
        let all = document.viewport;
        document.apply_view_at(ViewCommand::Range(1000.0..1100.0), Some(10.0)).unwrap();
        assert!(document.move_on(10.0));
        let first = document.viewport.ticks();
        assert!(100.0 < first && first < all.ticks(), "the first frame has moved: {first}");
        assert_eq!(document.destination().start_tick(), 1000.0);
        let mut last = first;
        for i in 1..10 {
            assert!(document.move_on(10.0 + f64::from(i) * 0.01));
            let ticks = document.viewport.ticks();
            assert!(ticks < last && ticks > 100.0, "it only comes closer");
            last = ticks;
        }
        assert!(!document.move_on(10.13), "at rest after 120 ms");
        assert!((document.viewport.ticks() - 100.0).abs() < 1e-6);
        // Two jumps lead to where both lead; the wheel goes on from what is seen.
        document.apply_view_at(ViewCommand::ZoomCentre(0.5), Some(20.0)).unwrap();
        document.apply_view_at(ViewCommand::ZoomCentre(0.5), Some(20.01)).unwrap();
        assert!((document.destination().ticks() - 400.0).abs() < 1e-6);
        document.move_on(20.05);
        let seen = document.viewport;
        document.apply_view_at(ViewCommand::Pan(10.0), Some(20.06)).unwrap();
        assert!(!document.move_on(20.07));
        assert!((document.viewport.start_tick() - seen.start_tick() - 10.0).abs() < 1e-6);
        // Where nothing shall move by itself, the end is there at once.
        document.apply_view_at(ViewCommand::Fit, None).unwrap();
        assert!(document.viewport.shows_all() && document.history.glide.is_none());
    }

    #[test]
    fn a_zoom_keeps_its_point_on_the_way() {
        let mut document = document(1);
        document.viewport.show(0.0, 3000.0);
        let mut zoomed = document.viewport;
        zoomed.zoom(8.0, 200.0);
        let under = document.viewport.tick_at(200.0);
        let ticks = zoomed.start_tick()..zoomed.end_tick();
        document.apply_view_at(ViewCommand::Range(ticks), Some(0.0)).unwrap();
        for i in 0..8 {
            document.move_on(f64::from(i) * 0.013);
            assert!((document.viewport.x_of(under) - 200.0).abs() < 0.01, "{}", document.viewport.x_of(under));
        }
    }
}
