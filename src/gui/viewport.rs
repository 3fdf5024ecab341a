//! Which part of the recording is on screen: pure arithmetic on ticks, without egui.
//!
//! The time line is that of ticks, gaps included, so that a pixel is the same time everywhere. Positions are `f64`
//! ticks: exact to 2⁵³, which is 285 years at a megahertz. Positions on the screen are points from the left edge of
//! the plot. Every operation keeps the law of [`Viewport`]; none of them can fail, whatever it is given.

/// Fewest ticks across the window: single samples, well apart.
pub const MIN_TICKS: f64 = 8.0;
/// How far the view may reach beyond either end of the recording, as a share of what is visible.
pub const MARGIN: f64 = 0.05;
/// Steps that [`History`] remembers in each direction.
const HISTORY: usize = 200;

/// The visible stretch of the time line.
///
/// Always: at least [`MIN_TICKS`] are visible, and at most [`MARGIN`] of the window lies beyond each end of the
/// recording (a recording that is shorter than the window at its closest stands in the middle).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Viewport {
    start_tick: f64,
    ticks_per_point: f64,
    width_points: f64,
    len_ticks: f64,
}

impl Viewport {
    /// All of a recording of `len_ticks`, in a plot that is `width_points` wide.
    #[must_use]
    pub fn new(len_ticks: u64, width_points: f32) -> Self {
        let mut view = Self { start_tick: 0.0, ticks_per_point: 1.0, width_points: 1.0, len_ticks: len_ticks as f64 };
        view.width_points = usable_width(width_points);
        view.fit();
        view
    }

    /// The tick at the left edge; negative where the view reaches before the recording.
    #[must_use]
    pub fn start_tick(&self) -> f64 {
        self.start_tick
    }

    /// The tick at the right edge.
    #[must_use]
    pub fn end_tick(&self) -> f64 {
        self.start_tick + self.ticks()
    }

    /// Ticks from edge to edge.
    #[must_use]
    pub fn ticks(&self) -> f64 {
        self.ticks_per_point * self.width_points
    }

    /// The scale.
    #[must_use]
    pub fn ticks_per_point(&self) -> f64 {
        self.ticks_per_point
    }

    /// Width of the plot.
    #[must_use]
    pub fn width_points(&self) -> f64 {
        self.width_points
    }

    /// Length of the recording.
    #[must_use]
    pub fn len_ticks(&self) -> f64 {
        self.len_ticks
    }

    /// The part of the recording that is visible, in whole ticks, widened to include the ones that are cut.
    #[must_use]
    pub fn visible(&self) -> std::ops::Range<u64> {
        let start = self.start_tick.floor().clamp(0.0, self.len_ticks) as u64;
        let end = self.end_tick().ceil().clamp(0.0, self.len_ticks) as u64;
        start..end.max(start)
    }

    /// The tick under a point `x` right of the left edge.
    #[must_use]
    pub fn tick_at(&self, x: f64) -> f64 {
        self.start_tick + x * self.ticks_per_point
    }

    /// Points from the left edge to `tick`.
    #[must_use]
    pub fn x_of(&self, tick: f64) -> f64 {
        (tick - self.start_tick) / self.ticks_per_point
    }

    /// Whether the whole recording is visible.
    #[must_use]
    pub fn shows_all(&self) -> bool {
        // The end is a product of the width: what rounding takes from it is not hidden.
        self.start_tick <= 0.0 && self.end_tick() >= self.len_ticks * (1.0 - 1e-12)
    }

    /// Makes everything `factor` times as large (below 1: smaller), keeping the tick under `about_x` where it is, as
    /// far as the ends of the recording allow.
    pub fn zoom(&mut self, factor: f64, about_x: f64) {
        if !(factor.is_finite() && factor > 0.0 && about_x.is_finite()) {
            return;
        }
        let tick = self.tick_at(about_x);
        let ticks = self.clamped_ticks(self.ticks() / factor);
        self.place(tick - about_x / self.width_points * ticks, ticks);
    }

    /// Moves the content by `points` to the right (the view moves to the left).
    pub fn pan(&mut self, points: f64) {
        self.scroll(-points * self.ticks_per_point);
    }

    /// Moves the view by `ticks` towards the end.
    pub fn scroll(&mut self, ticks: f64) {
        if ticks.is_finite() {
            self.place(self.start_tick + ticks, self.ticks());
        }
    }

    /// Moves the view by this many windows towards the end (`-1.0`: one page back).
    pub fn page(&mut self, windows: f64) {
        self.scroll(windows * self.ticks());
    }

    /// Shows the whole recording, edge to edge.
    pub fn fit(&mut self) {
        self.show(0.0, self.len_ticks);
    }

    /// Shows `start..end`, widened to [`MIN_TICKS`] about its middle where it is shorter.
    pub fn show(&mut self, start: f64, end: f64) {
        if start.is_finite() && end.is_finite() {
            let (start, end) = (start.min(end), start.max(end));
            let ticks = self.clamped_ticks(end - start);
            self.place((start + end - ticks) / 2.0, ticks);
        }
    }

    /// Puts `tick` in the middle.
    pub fn center_on(&mut self, tick: f64) {
        if tick.is_finite() {
            self.place(tick - self.ticks() / 2.0, self.ticks());
        }
    }

    /// To the first tick, at the same scale.
    pub fn home(&mut self) {
        self.place(0.0, self.ticks());
    }

    /// To the last tick, at the same scale.
    pub fn end(&mut self) {
        self.place(self.len_ticks - self.ticks(), self.ticks());
    }

    /// The plot has another width: the same ticks fill it.
    pub fn set_width(&mut self, width_points: f32) {
        let ticks = self.ticks();
        self.width_points = usable_width(width_points);
        self.place(self.start_tick, ticks);
    }

    /// The recording has another length. A view of all of it stays one; any other stays where it is.
    pub fn set_len(&mut self, len_ticks: u64) {
        let all = self.shows_all();
        self.len_ticks = len_ticks as f64;
        if all {
            self.fit();
        } else {
            self.place(self.start_tick, self.ticks());
        }
    }

    fn clamped_ticks(&self, ticks: f64) -> f64 {
        let most = (self.len_ticks / (1.0 - 2.0 * MARGIN)).max(MIN_TICKS);
        ticks.clamp(MIN_TICKS, most)
    }

    /// Where every operation ends: the law of the type.
    fn place(&mut self, start: f64, ticks: f64) {
        let ticks = self.clamped_ticks(ticks);
        let first = -MARGIN * ticks;
        let last = self.len_ticks - ticks + MARGIN * ticks;
        self.start_tick = if first > last { (first + last) / 2.0 } else { start.clamp(first, last) };
        self.ticks_per_point = ticks / self.width_points;
    }
}

/// A plot that is not laid out yet, or is squeezed to nothing, has no width; a scale needs one.
fn usable_width(points: f32) -> f64 {
    if points.is_finite() { f64::from(points).max(1.0) } else { 1.0 }
}

/// Where the view has been: a start and an end tick, independent of the width of the window.
#[derive(Clone, Default, Debug)]
pub struct History {
    back: Vec<(f64, f64)>,
    forward: Vec<(f64, f64)>,
}

impl History {
    /// Remembers the view that a jump leaves. Call it once for a gesture, before the first change.
    pub fn leave(&mut self, view: &Viewport) {
        let place = (view.start_tick(), view.end_tick());
        if self.back.last() != Some(&place) {
            self.back.push(place);
            if self.back.len() > HISTORY {
                self.back.remove(0);
            }
        }
        self.forward.clear();
    }

    /// Goes to where the view was before; false if there is nowhere to go.
    pub fn back(&mut self, view: &mut Viewport) -> bool {
        step(&mut self.back, &mut self.forward, view)
    }

    /// Undoes [`Self::back`]; false if there is nothing to undo.
    pub fn forward(&mut self, view: &mut Viewport) -> bool {
        step(&mut self.forward, &mut self.back, view)
    }

    /// Whether [`Self::back`] leads anywhere.
    #[must_use]
    pub fn can_go_back(&self) -> bool {
        !self.back.is_empty()
    }

    /// Whether [`Self::forward`] leads anywhere.
    #[must_use]
    pub fn can_go_forward(&self) -> bool {
        !self.forward.is_empty()
    }
}

fn step(from: &mut Vec<(f64, f64)>, to: &mut Vec<(f64, f64)>, view: &mut Viewport) -> bool {
    let Some((start, end)) = from.pop() else { return false };
    to.push((view.start_tick(), view.end_tick()));
    view.show(start, end);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn holds(view: &Viewport) {
        let ticks = view.ticks();
        let slack = 1e-6 * (ticks + view.len_ticks());
        assert!(ticks.is_finite() && view.start_tick().is_finite(), "{view:?}");
        assert!(ticks >= MIN_TICKS - slack, "{view:?}");
        if view.len_ticks() >= MIN_TICKS {
            assert!(view.start_tick() >= -MARGIN * ticks - slack, "{view:?}");
            assert!(view.end_tick() <= view.len_ticks() + MARGIN * ticks + slack, "{view:?}");
        }
    }

    #[test]
    fn fit_shows_exactly_the_recording() {
        let view = Viewport::new(1_000_000, 800.0);
        assert_eq!((view.start_tick(), view.end_tick()), (0.0, 1_000_000.0));
        assert_eq!(view.visible(), 0..1_000_000);
        assert!(view.shows_all());
    }

    #[test]
    fn zoom_stops_at_a_few_samples_and_at_the_recording() {
        let mut view = Viewport::new(1_000_000, 800.0);
        view.zoom(1e12, 400.0);
        assert!((view.ticks() - MIN_TICKS).abs() < 1e-6);
        view.zoom(1e-12, 400.0);
        assert!(view.shows_all());
        assert!(view.ticks() < 1_000_000.0 * 1.2);
    }

    #[test]
    fn home_end_and_pages() {
        let mut view = Viewport::new(1000, 100.0);
        view.show(200.0, 300.0);
        view.page(1.0);
        assert_eq!(view.start_tick(), 300.0);
        view.home();
        assert_eq!(view.start_tick(), 0.0);
        view.end();
        assert_eq!(view.end_tick(), 1000.0);
        view.page(5.0);
        assert_eq!(view.end_tick(), 1000.0 + MARGIN * 100.0);
    }

    #[test]
    fn short_and_empty_recordings_stand_in_the_middle() {
        for len in [0, 1, 3, 7] {
            let mut view = Viewport::new(len, 640.0);
            for _ in 0..3 {
                holds(&view);
                let middle = (view.start_tick() + view.end_tick()) / 2.0;
                assert!((middle - len as f64 / 2.0).abs() < 1e-9, "{view:?}");
                view.zoom(3.0, 10.0);
                view.pan(1e6);
            }
        }
    }

    #[test]
    fn growth_keeps_the_view_of_all_and_any_other_place() {
        let mut view = Viewport::new(1000, 100.0);
        view.set_len(5000);
        assert_eq!(view.end_tick(), 5000.0);
        view.show(1000.0, 1100.0);
        view.set_len(9000);
        assert_eq!((view.start_tick(), view.end_tick()), (1000.0, 1100.0));
        view.set_len(500);
        holds(&view);
    }

    #[test]
    fn history_goes_back_and_forward() {
        let mut view = Viewport::new(100_000, 500.0);
        let mut history = History::default();
        assert!(!history.back(&mut view));
        history.leave(&view);
        view.show(100.0, 200.0);
        history.leave(&view);
        view.show(5000.0, 6000.0);
        assert!(history.back(&mut view));
        assert_eq!((view.start_tick(), view.end_tick()), (100.0, 200.0));
        assert!(history.back(&mut view));
        assert!(view.shows_all() && !history.can_go_back());
        assert!(history.forward(&mut view) && history.forward(&mut view));
        assert_eq!((view.start_tick(), view.end_tick()), (5000.0, 6000.0));
        assert!(!history.forward(&mut view));
    }

    proptest! {
        #[test]
        fn the_law_holds_after_anything(len in 0_u64..1 << 50, width in 0.0_f32..5000.0,
            steps in prop::collection::vec((0_u8..9, -1e13_f64..1e13, 1e-3_f64..1e3), 0..40)) {
            let mut view = Viewport::new(len, width);
            for (kind, a, b) in steps {
                match kind {
                    0 => view.zoom(b, a % 5000.0),
                    1 => view.pan(a),
                    2 => view.page(a),
                    3 => view.show(a, a + b),
                    4 => view.center_on(a),
                    5 => view.set_width(b as f32),
                    6 => view.set_len(a.abs() as u64),
                    7 => view.zoom(f64::NAN, a),
                    _ => view.scroll(f64::INFINITY),
                }
                holds(&view);
            }
        }

        #[test]
        fn zoom_keeps_the_tick_under_the_pointer(start in 1e6_f64..1e9, span in 100.0_f64..1e5,
            x in 0.0_f64..1000.0, factor in 0.5_f64..2.0) {
            let mut view = Viewport::new(2_000_000_000, 1000.0);
            view.show(start, start + span);
            let before = view.tick_at(x);
            view.zoom(factor, x);
            prop_assert!((view.tick_at(x) - before).abs() < 1e-6 * span, "{} {}", view.tick_at(x), before);
            view.zoom(1.0 / factor, x);
            prop_assert!((view.start_tick() - start).abs() < 1e-6 * span);
            prop_assert!((view.x_of(view.tick_at(x)) - x).abs() < 1e-6);
        }

        #[test]
        fn pan_there_and_back(points in -500.0_f64..500.0) {
            let mut view = Viewport::new(1_000_000, 1000.0);
            view.show(400_000.0, 402_000.0);
            let before = view;
            view.pan(points);
            prop_assert!((view.start_tick() - (400_000.0 - 2.0 * points)).abs() < 1e-6);
            view.pan(-points);
            prop_assert!((view.start_tick() - before.start_tick()).abs() < 1e-6);
        }
    }
}
