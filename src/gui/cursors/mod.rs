//! Two cursors, A and B: what lies between them, the values at them, and snapping to what is near.
//!
//! A cursor stands on a tick. It follows the hand at once; if it is to snap, the worker ([`probe`]) reads the samples near
//! it, exactly, and it goes to the frame that was found. The same worker reads the values of the visible channels at both.

mod draw;
mod probe;
mod snap;
mod table;

use std::ops::Range;

pub(super) use draw::cursors_ui;
pub(super) use probe::ProbeWorker;
pub use probe::{Probe, Snapped, Values};
pub use snap::{Feature, nearest};
pub(super) use table::cursor_table_ui;

use super::state::Document;

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    A = 0,
    B = 1,
}

impl Which {
    /// Both.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// Its letter.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
        }
    }
}

/// Whether cursors snap to extremes and edges.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub enum Snap {
    #[default]
    On,
    Off,
}

/// The channel under the pointer, and how far from it is near.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Near {
    pub channel: usize,
    pub reach_ticks: u64,
}

/// About cursors.
#[derive(Clone, PartialEq, Debug)]
pub enum CursorCommand {
    /// Put one at a tick; it snaps to what is near, if that is given.
    Place {
        which: Which,
        tick: u64,
        near: Option<Near>,
    },
    /// Put one at a tick that the pointer is over; what is near is known to the window.
    AtPointer {
        which: Which,
        tick: u64,
    },
    /// Move one by so many points of the screen, at least a tick.
    Step {
        which: Which,
        points: f64,
    },
    /// Put both into view, or take both away.
    Toggle,
    Off,
}

/// The cursors, and what is known of them.
#[derive(Default)]
pub struct Cursors {
    /// The ticks of A and B.
    pub at: [Option<u64>; 2],
    /// What each of them has snapped to.
    pub features: [Option<Feature>; 2],
    /// What is being looked for.
    pub(super) sought: Option<Sought>,
    pub values: Option<Values>,
}

/// A place that a cursor shall snap to, once it is found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sought {
    pub which: Which,
    pub channel: usize,
    /// Where to look.
    pub frames: Range<u64>,
    /// What was pointed at.
    pub frame: u64,
}

impl Cursors {
    /// Where one is.
    #[must_use]
    pub fn get(&self, which: Which) -> Option<u64> {
        self.at[which as usize]
    }

    /// Ticks from A to B, if both are set.
    #[must_use]
    pub fn between(&self) -> Option<i128> {
        let [Some(a), Some(b)] = self.at else { return None };
        Some(i128::from(b) - i128::from(a))
    }

    /// The values that were read, if they are those of where the cursors are now.
    pub(super) fn current<'a>(&'a self, wanted: &Probe) -> Option<&'a Values> {
        self.values.as_ref().filter(|values| values.of == *wanted)
    }
}

impl Document {
    /// Does what a command says.
    pub fn apply_cursor(&mut self, command: CursorCommand) {
        match command {
            CursorCommand::Place { which, tick, near } => self.place_cursor(which, tick, near),
            CursorCommand::AtPointer { which, tick } => self.place_cursor(which, tick, None),
            CursorCommand::Step { which, points } => {
                let Some(tick) = self.cursors.get(which) else { return };
                let step = points * self.viewport.ticks_per_point();
                let step = if step.abs() < 1.0 { points.signum() } else { step.round() };
                self.place_cursor(which, (tick as f64 + step).max(0.0) as u64, None);
            }
            CursorCommand::Toggle if self.cursors.at == [None, None] => {
                let (start, ticks) = (self.viewport.start_tick(), self.viewport.ticks());
                for (which, share) in [(Which::A, 1.0 / 3.0), (Which::B, 2.0 / 3.0)] {
                    self.place_cursor(which, (start + share * ticks).max(0.0) as u64, None);
                }
            }
            CursorCommand::Toggle | CursorCommand::Off => self.cursors = Cursors::default(),
        }
    }

    fn place_cursor(&mut self, which: Which, tick: u64, near: Option<Near>) {
        let last = self.time().end_tick(self.shown().frames).saturating_sub(1);
        let tick = tick.min(last);
        let sought = near.and_then(|near| self.sought(which, tick, near));
        let cursors = &mut self.cursors;
        let stays = sought.is_some() && cursors.sought.as_ref().is_some_and(|old| old.which == which) && {
            // While the hand moves near what was found, the cursor stays there rather than flutter.
            let reach = near.map_or(0, |near| near.reach_ticks);
            cursors.features[which as usize].is_some()
                && cursors.at[which as usize].is_some_and(|at| at.abs_diff(tick) <= reach)
        };
        if !stays {
            cursors.at[which as usize] = Some(tick);
            cursors.features[which as usize] = None;
        }
        cursors.sought = sought;
    }

    /// Where to look for something to snap to; nowhere if a gap is pointed at.
    pub(super) fn sought(&self, which: Which, tick: u64, near: Near) -> Option<Sought> {
        let time = self.time();
        let frame = time.frame_at_tick(tick);
        let all = self.shown().frames;
        if near.channel >= self.channels.len() || frame >= all || time.tick_of_frame(frame) != tick {
            return None;
        }
        let reach = near.reach_ticks.max(1);
        let ticks = tick.saturating_sub(reach)..tick.saturating_add(reach + 1);
        let frames = self.frames_of_ticks(&ticks);
        Some(Sought { which, channel: near.channel, frames, frame })
    }

    /// Takes in what was found to snap to.
    pub(super) fn snapped(&mut self, found: Snapped) {
        if self.note_snapped(&found) {
            return;
        }
        if self.cursors.sought.as_ref() != Some(&found.of) {
            return;
        }
        let which = found.of.which as usize;
        match found.found {
            Some((frame, feature)) if frame < self.shown().frames => {
                self.cursors.at[which] = Some(self.time().tick_of_frame(frame));
                self.cursors.features[which] = Some(feature);
            }
            _ => {
                self.cursors.at[which] = Some(self.time().tick_of_frame(found.of.frame));
                self.cursors.features[which] = None;
            }
        }
    }

    /// What is to be read at the cursors: the visible channels at their frames. `None` without cursors.
    pub(super) fn to_probe(&self) -> Option<Probe> {
        let frame = |tick: u64| {
            let frame = self.time().frame_at_tick(tick);
            (self.time().tick_of_frame(frame) == tick && frame < self.shown().frames).then_some(frame)
        };
        let frames = self.cursors.at.map(|tick| tick.and_then(frame));
        let any = self.cursors.at.iter().any(Option::is_some);
        any.then(|| Probe { frames, channels: self.visible_channels() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::document;
    use super::*;

    fn place(which: Which, tick: u64, near: Option<Near>) -> CursorCommand {
        CursorCommand::Place { which, tick, near }
    }

    #[test]
    fn cursors_are_placed_moved_and_taken_away() {
        let mut document = document(2);
        document.apply_cursor(place(Which::A, 100, None));
        document.apply_cursor(place(Which::B, 9_999_999, None));
        assert_eq!(document.cursors.at, [Some(100), Some(3499)], "inside the recording");
        assert_eq!(document.cursors.between(), Some(3399));
        document.apply_cursor(CursorCommand::Step { which: Which::A, points: -1.0 });
        assert!(document.cursors.get(Which::A).unwrap() < 100);
        let probe = document.to_probe().unwrap();
        assert_eq!(probe.frames[1], Some(2999));
        document.apply_cursor(place(Which::A, 1200, None));
        assert_eq!(document.to_probe().unwrap().frames[0], None, "a gap has no frame");
        document.apply_cursor(CursorCommand::Toggle);
        assert!(document.to_probe().is_none());
        document.apply_cursor(CursorCommand::Toggle);
        assert!(document.cursors.between().unwrap() > 0);
    }

    #[test]
    fn a_cursor_goes_where_something_was_found() {
        let mut document = document(2);
        let near = Some(Near { channel: 1, reach_ticks: 20 });
        document.apply_cursor(place(Which::A, 100, near));
        let of = document.cursors.sought.clone().unwrap();
        assert_eq!((of.frames.clone(), of.frame), (80..121, 100));
        document.snapped(Snapped { of, found: Some((110, Feature::Edge)) });
        assert_eq!((document.cursors.at[0], document.cursors.features[0]), (Some(110), Some(Feature::Edge)));
        // The hand moves on a little: the cursor stays until the answer; far away it follows at once.
        document.apply_cursor(place(Which::A, 105, near));
        assert_eq!(document.cursors.at[0], Some(110));
        let of = document.cursors.sought.clone().unwrap();
        document.snapped(Snapped { of: of.clone(), found: None });
        assert_eq!(document.cursors.at[0], Some(105));
        document.apply_cursor(place(Which::A, 500, near));
        assert_eq!(document.cursors.at[0], Some(500));
        document.snapped(Snapped { of, found: Some((1, Feature::Edge)) });
        assert_eq!(document.cursors.at[0], Some(500), "an answer to an older question is dropped");
        document.apply_cursor(place(Which::B, 1200, near));
        assert!(document.cursors.sought.is_none(), "nothing is looked for in a gap");
    }
}
