//! Events of several files on the one time line.

use std::ops::Range;

use super::{JoinedSource, Part};
use crate::error::{Error, Result};
use crate::recording::Event;

/// Events that one question may bring.
const MAX_EVENTS: usize = 1 << 20;

impl JoinedSource {
    /// [`crate::source::Source::read_all_events`].
    pub(super) fn append_all_events(&self, range: &Range<f64>, out: &mut [Vec<Event>]) -> Result<()> {
        let first: Vec<usize> = out.iter().map(Vec::len).collect();
        for (i, part, local) in self.touched_by(range) {
            let mut own = vec![Vec::new(); out.len()];
            self.part(i)?.read_all_events(local, &mut own)?;
            for (track, own) in own.into_iter().enumerate() {
                self.append(track, part, range, own, (&mut out[track], first[track]))?;
            }
        }
        Ok(())
    }

    /// [`crate::source::Source::read_events`].
    pub(super) fn append_events(&self, track: usize, range: &Range<f64>, out: &mut Vec<Event>) -> Result<()> {
        if track >= self.recording.events.len() {
            return Err(Error::invalid(format!("there is no event track {track}")));
        }
        let first = out.len();
        for (i, part, local) in self.touched_by(range) {
            let mut own = Vec::new();
            self.part(i)?.read_events(track, local, &mut own)?;
            self.append(track, part, range, own, (out, first))?;
        }
        Ok(())
    }

    /// The parts with frames that `range` (seconds) may touch, each with its own share of it, from its own first frame.
    fn touched_by(&self, range: &Range<f64>) -> impl Iterator<Item = (usize, &Part, Range<f64>)> {
        let (start, end) = (range.start, range.end);
        let first = self.parts.partition_point(|p| p.end_tick as f64 / self.rate_hz <= start);
        let offset = |part: &Part| part.first_tick as f64 / self.rate_hz;
        let parts = self.parts.iter().enumerate().skip(first);
        let touched = parts.take_while(move |(_, part)| offset(part) < end).filter(|(_, part)| part.frames > 0);
        touched.map(move |(i, part)| (i, part, (start - offset(part)).max(0.0)..end - offset(part)))
    }

    /// Appends `own` events of `part` to those of `track` in `out`, of which the ones from `first` on are of this question.
    fn append(
        &self,
        track: usize,
        part: &Part,
        range: &Range<f64>,
        own: Vec<Event>,
        (out, first): (&mut Vec<Event>, usize),
    ) -> Result<()> {
        // A track of states begins in every file with the state in its first frame, which is news only if it is another.
        let states = self.recording.events[track].description.starts_with("digital");
        let offset = part.first_tick as f64 / self.rate_hz;
        for mut event in own {
            event.start_secs = self.shifted(event.start_secs, part.first_tick);
            let last = out.get(first..).and_then(<[Event]>::last);
            let known = states
                && event.start_secs <= offset
                && last.is_some_and(|last| last.label == event.label && event.duration_secs == 0.0);
            if known || !event.touches(range) {
                continue;
            }
            if out.len() - first == MAX_EVENTS {
                out.truncate(first);
                return Err(Error::invalid(format!("there are more than {MAX_EVENTS} events here"))
                    .with_remedy("ask for a shorter range"));
            }
            out.push(event);
        }
        Ok(())
    }

    /// `secs` of a part that begins at `first_tick`, from the first frame of all. On a tick, exactly that of the joined
    /// clock, so that an event stands where its frame does.
    fn shifted(&self, secs: f64, first_tick: u64) -> f64 {
        let ticks = secs * self.rate_hz;
        let nearest = ticks.round();
        let ticks =
            if (ticks - nearest).abs() < 1e-6 * nearest.abs().max(1.0).log2().max(1.0) { nearest } else { ticks };
        (first_tick as f64 + ticks) / self.rate_hz
    }
}
