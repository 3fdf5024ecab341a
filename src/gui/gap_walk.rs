//! Walking from gap to gap: the next one, the one before, or one that was clicked, shown so large that it can be seen.
//!
//! What a walk goes on from is the place that was gone to last, if it is still in view; else it begins at the edge of
//! what is seen. Behind the last gap comes the first. Cost: one pass over the list of gaps.

use super::command::GapStep;
use super::state::Document;
use crate::recording::Gap;

/// A gap takes this share of the screen where the view has to be changed for it.
const SHARE: f64 = 0.2;
/// The share of the screen within which a gap is seen well enough for the magnification to stay.
const SEEN: std::ops::Range<f64> = 0.02..0.7;
/// However short a gap is, so many ticks are shown around it.
const LEAST_TICKS: f64 = 64.0;

impl Document {
    /// The gap that a step leads to; `None` if there is none.
    fn gap_of(&self, step: GapStep) -> Option<Gap> {
        let time = self.time();
        let seen = self.visible_ticks();
        // Inside or at the end of what is seen: the view may have been moved since.
        let at = self.pictures.goal.filter(|goal| seen.contains(goal));
        match step {
            GapStep::Next => {
                let is_next = |gap: &Gap| at.map_or(gap.first_tick >= seen.start, |at| gap.first_tick > at);
                time.gaps().find(is_next).or_else(|| time.gaps().next())
            }
            GapStep::Previous => {
                let before = at.unwrap_or(seen.end);
                time.gaps().take_while(|gap| gap.first_tick < before).last().or_else(|| time.gaps().last())
            }
            GapStep::At(tick) => time.gaps().find(|gap| gap.first_tick == tick),
        }
    }

    /// Shows the gap that a step leads to, and marks where it begins; nothing happens where there is none.
    pub(super) fn go_to_gap(&mut self, step: GapStep) {
        let Some(gap) = self.gap_of(step) else { return };
        let (first, missing) = (gap.first_tick as f64, gap.missing_frames as f64);
        let middle = first + missing / 2.0;
        if !SEEN.contains(&(missing / self.viewport.ticks())) {
            let half = (missing / SHARE).max(LEAST_TICKS) / 2.0;
            self.viewport.show(middle - half, middle + half);
        }
        self.viewport.center_on(middle);
        self.pictures.goal = Some(gap.first_tick);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::command::ViewCommand;
    use super::super::testing::document;
    use super::super::viewport::Viewport;
    use super::*;
    use crate::recording::{ClockSpan, Recording, Samples, TimeBase};
    use crate::source::MemorySource;

    /// A million frames with gaps of 1, 5000 and 200,000 ticks.
    fn gappy() -> Document {
        let mut document = document(1);
        let mut recording: Recording = document.source.recording().clone();
        recording.streams.truncate(1);
        let span = |first_frame, first_tick| ClockSpan { first_frame, first_tick };
        let spans = vec![span(0, 0), span(100_000, 100_001), span(400_000, 405_001), span(900_000, 1_105_001)];
        recording.streams[0].time = TimeBase::with_spans(1000.0, spans);
        recording.streams[0].frames = 1_000_000;
        let samples = vec![Samples::I16(vec![0; 1_000_000])];
        document.source = Arc::new(MemorySource::new(recording, samples).unwrap());
        document.viewport = Viewport::new(1_205_001, 800.0);
        document
    }

    fn step(document: &mut Document, step: GapStep) -> (u64, f64) {
        document.apply_view(ViewCommand::Gap(step)).unwrap();
        (document.pictures.goal.unwrap(), document.viewport.ticks())
    }

    #[test]
    fn a_walk_shows_every_gap_in_turn_and_begins_again() {
        let mut document = gappy();
        let (first, ticks) = step(&mut document, GapStep::Next);
        assert_eq!((first, ticks), (100_000, LEAST_TICKS));
        let seen = document.visible_ticks();
        assert!(seen.contains(&first), "{seen:?}");
        let (second, ticks) = step(&mut document, GapStep::Next);
        assert_eq!((second, ticks), (400_001, 25_000.0));
        assert_eq!(step(&mut document, GapStep::Next).0, 905_001);
        assert_eq!(step(&mut document, GapStep::Next).0, 100_000, "behind the last comes the first");
        assert_eq!(step(&mut document, GapStep::Previous).0, 905_001);
        assert_eq!(step(&mut document, GapStep::Previous).0, 400_001);
        assert_eq!(step(&mut document, GapStep::At(905_001)).0, 905_001);
        // A view that was moved is walked from where it is.
        document.apply_view(ViewCommand::Range(0.0..50_000.0)).unwrap();
        assert_eq!(step(&mut document, GapStep::Previous).0, 905_001);
        document.apply_view(ViewCommand::Range(0.0..50_000.0)).unwrap();
        assert_eq!(step(&mut document, GapStep::Next).0, 100_000);
        // One that is seen well leaves the magnification alone, and the walk can be gone back.
        document.apply_view(ViewCommand::Range(350_000.0..450_000.0)).unwrap();
        assert_eq!(step(&mut document, GapStep::Next), (400_001, 100_000.0));
        document.apply_view(ViewCommand::Back).unwrap();
        assert_eq!(document.visible_ticks(), 350_000..450_000);
    }

    #[test]
    fn without_gaps_nothing_moves() {
        let mut document = gappy();
        let mut recording = document.source.recording().clone();
        recording.streams[0].time = TimeBase::regular(1000.0);
        document.source = Arc::new(MemorySource::new(recording, vec![Samples::I16(vec![0; 1_000_000])]).unwrap());
        let before = document.viewport;
        for step in [GapStep::Next, GapStep::Previous, GapStep::At(3)] {
            document.apply_view(ViewCommand::Gap(step)).unwrap();
            assert_eq!((document.viewport, document.pictures.goal), (before, None));
        }
    }
}
