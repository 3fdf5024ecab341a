//! Scrolling by itself: a playhead that moves with time, and the view with it.

use std::time::Instant;

use super::state::Document;

/// The playhead stays left of this share of the screen; the view follows.
const FOLLOW: f64 = 0.7;
/// A frame that took longer than this does not jump, seconds.
const LONGEST_STEP: f64 = 0.25;
/// At more than this all of a year has gone by in a minute.
const FASTEST: f64 = 1e6;

/// A recording that scrolls by itself.
#[derive(Clone, Copy, Debug)]
pub struct Playing {
    /// Times the speed of time; below 0 backwards.
    pub speed: f64,
    /// Where the playhead is.
    pub tick: f64,
    last: Instant,
}

impl Document {
    /// Starts playing at what is selected or gone to, if it is on the screen, else at the left edge; or stops.
    pub(super) fn play(&mut self, speed: Option<f64>) {
        let (start, end) = (self.viewport.start_tick(), self.viewport.end_tick());
        let from = match (&self.playing, &self.selection, self.pictures.goal) {
            (Some(playing), ..) => playing.tick,
            (None, Some(selected), _) => selected.start as f64,
            (None, None, Some(goal)) => goal as f64,
            _ => start,
        };
        let tick = if (start..end).contains(&from) { from } else { start.max(0.0) };
        let speed = speed.filter(|speed| speed.is_finite()).map(|speed| speed.clamp(-FASTEST, FASTEST));
        self.playing = speed.map(|speed| Playing { speed, tick, last: Instant::now() });
    }

    /// Moves the playhead by the time that has gone by; false if nothing plays.
    pub(super) fn play_on(&mut self) -> bool {
        let rate = self.time().rate_hz();
        let Some(playing) = &mut self.playing else { return false };
        let step = playing.last.elapsed().as_secs_f64().min(LONGEST_STEP);
        playing.last = Instant::now();
        playing.tick += step * rate * playing.speed;
        let (tick, forward) = (playing.tick, playing.speed > 0.0);
        let limit = if forward { FOLLOW } else { 1.0 - FOLLOW };
        let beyond = tick - (self.viewport.start_tick() + limit * self.viewport.ticks());
        if (beyond > 0.0) == forward {
            self.viewport.scroll(beyond);
        }
        if !(0.0..=self.viewport.len_ticks()).contains(&tick) {
            self.playing = None;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::document;

    #[test]
    fn the_playhead_moves_with_time_and_ends_at_the_end() {
        let mut document = document(2);
        document.viewport.show(0.0, 500.0);
        document.play(Some(4.0));
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(document.play_on());
        let tick = document.playing.unwrap().tick;
        assert!(tick >= 80.0, "{tick}");
        document.play(Some(1e6));
        assert_eq!(document.playing.unwrap().tick, tick, "another speed goes on from where it is");
        while document.play_on() {}
        assert!(document.playing.is_none());
        assert!(document.viewport.start_tick() > 0.0);
    }
}
