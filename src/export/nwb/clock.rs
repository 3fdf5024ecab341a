//! Seconds from the start of the session: NWB's time, from the ticks of a stream.
//!
//! NWB counts in `float64` seconds from one instant, `timestamps_reference_time`. Here that is the first tick of the main
//! stream, rounded down to the microsecond (what the text of that instant can hold), so that times stay small and keep
//! their nanoseconds. Where the recording has a fitted system clock, seconds follow it; otherwise the nominal rate.

use std::ops::Range;

use crate::recording::TimeBase;

/// The instant from which a session counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Reference {
    /// Nanoseconds since the Unix epoch, whole microseconds.
    pub unix_ns: i128,
    /// Whether the recording tells it.
    pub known: bool,
}

impl Reference {
    /// The start of `time`; `otherwise` (nanoseconds since the Unix epoch) where it does not tell.
    pub(super) fn of(time: &TimeBase, otherwise: i128) -> Self {
        let start = time.unix_ns_of_tick(0);
        Self { unix_ns: start.unwrap_or(otherwise).div_euclid(1000) * 1000, known: start.is_some() }
    }

    /// ISO 8601 with microseconds, in UTC.
    pub(super) fn iso(self) -> String {
        jiff::Timestamp::from_nanosecond(self.unix_ns).map_or_else(
            |_| "1970-01-01T00:00:00.000000+00:00".to_owned(),
            |t| format!("{t:.6}").replace('Z', "+00:00"),
        )
    }
}

/// What times are counted in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TimeUnit {
    Seconds,
    /// As trodes_to_nwb counts the times of `sample_count`.
    Nanoseconds,
}

impl TimeUnit {
    pub(super) fn of(self, secs: f64) -> f64 {
        match self {
            Self::Seconds => secs,
            Self::Nanoseconds => secs * 1e9,
        }
    }
}

/// The clock of a stream, in seconds from the reference.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    pub time: TimeBase,
    /// Seconds from the reference to tick 0, whole and the rest: together they may need more digits than an `f64` has.
    whole_secs: f64,
    rest_secs: f64,
}

impl Clock {
    /// The clock of a session that begins at `start`, counted from `reference_ns` (nanoseconds since the Unix epoch).
    pub(super) fn new(time: &TimeBase, start: Reference, reference_ns: i128) -> Self {
        const SECOND: i128 = 1_000_000_000;
        let first = if start.known { time.unix_ns_of_tick(0) } else { None };
        let shift = first.unwrap_or(start.unix_ns) - reference_ns;
        let (whole, rest) = (shift.div_euclid(SECOND), shift.rem_euclid(SECOND));
        Self { time: time.clone(), whole_secs: whole as f64, rest_secs: rest as f64 * 1e-9 }
    }

    /// Seconds from the reference to `tick`.
    pub(super) fn secs_of_tick(&self, tick: u64) -> f64 {
        let secs = match self.time.fit() {
            Some(fit) => tick as f64 * fit.ns_per_tick / 1e9,
            None => self.time.secs_of_tick(tick),
        };
        self.whole_secs + (self.rest_secs + secs)
    }

    /// Seconds from the reference to an instant `secs` from frame 0 on the axis of the recording, whose seconds are ticks
    /// over the nominal rate.
    pub(super) fn secs_of_axis(&self, secs: f64) -> f64 {
        let tick = secs * self.time.rate_hz();
        let whole = tick.round();
        // The clock is exact on ticks; nearly all instants are on one.
        if whole >= 0.0 && (tick - whole).abs() < 1e-3 {
            return self.secs_of_tick(whole as u64);
        }
        self.secs_of_tick(0) + secs * self.time.rate_hz() / self.rate_hz()
    }

    /// Ticks a second of the session's time.
    pub(super) fn rate_hz(&self) -> f64 {
        self.time.fit().map_or(self.time.rate_hz(), |fit| 1e9 / fit.ns_per_tick)
    }

    /// The time of each of `frames` in `unit`, appended to `out` as little-endian `f64`.
    pub(super) fn append_times(&self, frames: Range<u64>, unit: TimeUnit, out: &mut Vec<u8>) {
        for piece in self.time.contiguous(frames) {
            let first_tick = self.time.tick_of_frame(piece.start);
            for i in 0..piece.end - piece.start {
                out.extend_from_slice(&unit.of(self.secs_of_tick(first_tick + i)).to_le_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{ClockFit, ClockSpan};

    #[test]
    fn times_are_those_of_the_reader_to_the_nanosecond() {
        let start = 1_700_000_000_123_456_789;
        let spans = vec![ClockSpan { first_frame: 0, first_tick: 0 }, ClockSpan { first_frame: 10, first_tick: 12 }];
        let fit = ClockFit { ns_per_tick: 33_333.9, ..ClockFit::nominal(start, 30_000.0) };
        let plain = TimeBase::with_spans(30_000.0, spans).starting_at(start);
        for time in [plain.clone(), plain.fitted_to(fit)] {
            let reference = Reference::of(&time, 0);
            assert_eq!((reference.unix_ns, reference.known), (1_700_000_000_123_456_000, true));
            assert_eq!(reference.iso(), "2023-11-14T22:13:20.123456+00:00");
            let clock = Clock::new(&time, reference, reference.unix_ns);
            // Seconds since 1970 are within half the step of such a number, 238 ns.
            let absolute = Clock::new(&time, reference, 0);
            for tick in [0, 1, 9, 12, 1_000_000, 1_836_000_000] {
                let exact = (time.unix_ns_of_tick(tick).unwrap() - reference.unix_ns) as f64 * 1e-9;
                assert!((clock.secs_of_tick(tick) - exact).abs() < 2e-9, "{tick}");
                let nanoseconds = (absolute.secs_of_tick(tick) * 1e9) as i128 - time.unix_ns_of_tick(tick).unwrap();
                assert!(nanoseconds.abs() < 400, "{nanoseconds}");
                assert_eq!(clock.secs_of_axis(time.secs_of_tick(tick)), clock.secs_of_tick(tick));
            }
            let mut bytes = vec![];
            clock.append_times(8..13, TimeUnit::Seconds, &mut bytes);
            let times: Vec<f64> = bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect();
            assert_eq!(times, [8, 9, 12, 13, 14].map(|tick| clock.secs_of_tick(tick)));
        }
        assert!(!Reference::of(&TimeBase::regular(1.0), 5000).known);
    }
}
