//! The clock of a stream: frame ↔ tick ↔ seconds ↔ wall clock, and the gaps, without an array of timestamps.
//!
//! A *tick* is one period of the sample clock; the first frame is tick 0. As long as nothing is lost, frame and tick
//! advance together. A [`ClockSpan`] is such a contiguous stretch; where ticks are skipped between two spans lies a
//! [`Gap`]. A day-long recording with a few dropped packets is a few hundred bytes of spans.
//!
//! Frames and ticks are integers and convert exactly, both ways. Seconds appear at the edges and round to the nearest
//! tick, never down.
//!
//! **Wall clock.** A recording that starts at a known time has it at tick 0 and goes on at the nominal rate. Where a
//! system clock was recorded beside the samples, a [`ClockFit`] (a straight line through both) says more truly when each
//! tick was ([`TimeBase::fitted_to`]). Seconds on the time axis stay ticks over the nominal rate either way: what the
//! system clock says bends no axis.

use std::ops::Range;
use std::sync::Arc;

use super::fit::ClockFit;

/// A contiguous stretch: frame `first_frame + i` is at tick `first_tick + i`, until the next span begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClockSpan {
    pub first_frame: u64,
    pub first_tick: u64,
}

/// Ticks for which no frame was stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gap {
    /// The last frame before the gap.
    pub after_frame: u64,
    /// The tick at which the gap begins (one past the tick of `after_frame`).
    pub first_tick: u64,
    pub missing_frames: u64,
}

/// The clock of one stream. Cloning is cheap (spans are shared).
#[derive(Clone, PartialEq, Debug)]
pub struct TimeBase {
    rate_hz: f64,
    rate_known: bool,
    start_unix_ns: Option<i128>,
    fit: Option<ClockFit>,
    spans: Arc<[ClockSpan]>,
}

impl TimeBase {
    /// A clock without gaps. `rate_hz` must be positive and finite.
    #[must_use]
    pub fn regular(rate_hz: f64) -> Self {
        Self::with_spans(rate_hz, vec![ClockSpan { first_frame: 0, first_tick: 0 }])
    }

    /// The clock of a file that does not tell its rate: one frame a second, and [`Self::rate_known`] is false.
    #[must_use]
    pub fn frames_only() -> Self {
        Self { rate_known: false, ..Self::regular(1.0) }
    }

    /// A clock made of `spans`, sorted, the first at frame 0 and tick 0, with no two spans that touch.
    ///
    /// # Panics
    /// In debug builds, if that is not so.
    #[must_use]
    pub fn with_spans(rate_hz: f64, spans: Vec<ClockSpan>) -> Self {
        debug_assert!(rate_hz.is_finite() && rate_hz > 0.0, "rate {rate_hz}");
        debug_assert!(spans.first() == Some(&ClockSpan { first_frame: 0, first_tick: 0 }));
        debug_assert!(spans.windows(2).all(|w| {
            w[1].first_frame > w[0].first_frame
                && w[1].first_tick - w[0].first_tick > w[1].first_frame - w[0].first_frame
        }));
        Self { rate_hz, rate_known: true, start_unix_ns: None, fit: None, spans: spans.into() }
    }

    /// The same clock, of which nobody knows how fast it runs: time is in frames.
    #[must_use]
    pub fn without_rate(mut self) -> Self {
        self.rate_known = false;
        self
    }

    /// The same clock with the wall-clock time of frame 0, nanoseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn starting_at(mut self, unix_ns: i128) -> Self {
        self.start_unix_ns = Some(unix_ns);
        self.fit = None;
        self
    }

    /// The same clock with the wall-clock time of every tick told by `fit`, whose slope must be positive.
    #[must_use]
    pub fn fitted_to(mut self, fit: ClockFit) -> Self {
        debug_assert!(fit.ns_per_tick.is_finite() && fit.ns_per_tick > 0.0, "{fit:?}");
        self.start_unix_ns = Some(fit.unix_ns_at_tick_0);
        self.fit = Some(fit);
        self
    }

    /// The line through a recorded system clock, if the wall clock is told by one.
    #[must_use]
    pub fn fit(&self) -> Option<&ClockFit> {
        self.fit.as_ref()
    }

    /// Ticks a second.
    #[must_use]
    pub fn rate_hz(&self) -> f64 {
        self.rate_hz
    }

    /// Whether the rate was told by the file or the user; otherwise time is in frames (1 Hz).
    #[must_use]
    pub fn rate_known(&self) -> bool {
        self.rate_known
    }

    /// Wall-clock time of frame 0, nanoseconds since the Unix epoch, if known.
    #[must_use]
    pub fn start_unix_ns(&self) -> Option<i128> {
        self.start_unix_ns
    }

    /// The contiguous stretches.
    #[must_use]
    pub fn spans(&self) -> &[ClockSpan] {
        &self.spans
    }

    /// The stretches of missing frames, in order.
    pub fn gaps(&self) -> impl ExactSizeIterator<Item = Gap> + '_ {
        self.spans.windows(2).map(|w| {
            let frames = w[1].first_frame - w[0].first_frame;
            let first_tick = w[0].first_tick + frames;
            Gap { after_frame: w[1].first_frame - 1, first_tick, missing_frames: w[1].first_tick - first_tick }
        })
    }

    /// The index of the span that holds `frame`.
    #[must_use]
    pub fn span_of_frame(&self, frame: u64) -> usize {
        self.spans.partition_point(|s| s.first_frame <= frame) - 1
    }

    /// The tick of `frame` (which may be one past the last).
    #[must_use]
    pub fn tick_of_frame(&self, frame: u64) -> u64 {
        let span = self.spans[self.span_of_frame(frame)];
        span.first_tick + (frame - span.first_frame)
    }

    /// One past the tick of the last of `frames` frames: the length of the recording in ticks.
    #[must_use]
    pub fn end_tick(&self, frames: u64) -> u64 {
        if frames == 0 { 0 } else { self.tick_of_frame(frames - 1) + 1 }
    }

    /// The first frame at or after `tick`; a tick inside a gap gives the first frame behind the gap. May be past the
    /// end: clamp it to the number of frames.
    #[must_use]
    pub fn frame_at_tick(&self, tick: u64) -> u64 {
        let i = self.spans.partition_point(|s| s.first_tick <= tick).max(1) - 1;
        let span = self.spans[i];
        let frame = span.first_frame + tick.saturating_sub(span.first_tick);
        match self.spans.get(i + 1) {
            Some(next) => frame.min(next.first_frame),
            None => frame,
        }
    }

    /// The pieces of `frames` between which nothing is missing.
    pub fn contiguous(&self, frames: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let first = if frames.is_empty() { self.spans.len() } else { self.span_of_frame(frames.start) };
        (first..self.spans.len())
            .map(move |i| {
                let start = self.spans[i].first_frame.max(frames.start);
                let end = self.spans.get(i + 1).map_or(u64::MAX, |s| s.first_frame).min(frames.end);
                start..end
            })
            .take_while(|r| r.start < r.end)
    }

    /// Whether nothing is missing inside `frames`.
    #[must_use]
    pub fn is_contiguous(&self, frames: Range<u64>) -> bool {
        frames.is_empty() || self.span_of_frame(frames.start) == self.span_of_frame(frames.end - 1)
    }

    /// Seconds from frame 0 to `tick`.
    #[must_use]
    pub fn secs_of_tick(&self, tick: u64) -> f64 {
        tick as f64 / self.rate_hz
    }

    /// Seconds from frame 0 to `frame`, missing time included.
    #[must_use]
    pub fn secs_of_frame(&self, frame: u64) -> f64 {
        self.secs_of_tick(self.tick_of_frame(frame))
    }

    /// Seconds from the first of `frames` frames to the end of the last.
    #[must_use]
    pub fn secs_at_end(&self, frames: u64) -> f64 {
        self.secs_of_tick(self.end_tick(frames))
    }

    /// The tick nearest to `secs`; times before frame 0 give tick 0.
    #[must_use]
    pub fn tick_of_secs(&self, secs: f64) -> u64 {
        // `as` saturates: negative and NaN give 0, the infinite future u64::MAX.
        (secs * self.rate_hz).round() as u64
    }

    /// The first frame at or after the tick nearest to `secs`.
    #[must_use]
    pub fn frame_at_secs(&self, secs: f64) -> u64 {
        self.frame_at_tick(self.tick_of_secs(secs))
    }

    /// Wall-clock time of `tick`, nanoseconds since the Unix epoch, to the nearest one: on the fitted line if there is
    /// one, else from the start at the nominal rate. `None` without a wall clock.
    #[must_use]
    pub fn unix_ns_of_tick(&self, tick: u64) -> Option<i128> {
        if let Some(fit) = &self.fit {
            return Some(fit.unix_ns_of_tick(tick));
        }
        self.start_unix_ns.map(|start| {
            // Whole seconds and the rest apart, so that a day at a megahertz keeps its nanoseconds.
            let secs = (tick as f64 / self.rate_hz).floor();
            if secs.is_infinite() {
                return i128::MAX;
            }
            let rest = tick as f64 - secs * self.rate_hz;
            // A rate of next to nothing puts the end beyond all calendars; it saturates there.
            let whole = (secs as i128).saturating_mul(1_000_000_000);
            start.saturating_add(whole).saturating_add((rest / self.rate_hz * 1e9).round() as i128)
        })
    }

    /// Wall-clock time of `tick` in seconds since the Unix epoch, the `f64` next to [`Self::unix_ns_of_tick`] (such
    /// numbers are 238 ns apart today). `None` without a wall clock.
    #[must_use]
    pub fn unix_secs_of_tick(&self, tick: u64) -> Option<f64> {
        self.unix_ns_of_tick(tick).map(secs_of_ns)
    }

    /// The tick nearest to a wall-clock time in seconds since the Unix epoch; times before frame 0 give tick 0. The
    /// inverse of [`Self::unix_secs_of_tick`] wherever ticks are a microsecond or more apart.
    #[must_use]
    pub fn tick_of_unix_secs(&self, unix_secs: f64) -> Option<u64> {
        let whole = unix_secs.floor();
        let unix_ns = whole as i128 * 1_000_000_000 + ((unix_secs - whole) * 1e9).round() as i128;
        self.secs_of_unix_ns(unix_ns).map(|secs| self.tick_of_secs(secs))
    }

    /// Seconds on the time axis from frame 0 to a wall-clock time, negative if it lies before; `None` without a wall
    /// clock.
    #[must_use]
    pub fn secs_of_unix_ns(&self, unix_ns: i128) -> Option<f64> {
        if let Some(fit) = &self.fit {
            return Some(fit.ticks_at_unix_ns(unix_ns) / self.rate_hz);
        }
        self.start_unix_ns.map(|start| (unix_ns - start) as f64 / 1e9)
    }
}

/// The `f64` nearest to so many nanoseconds, in seconds.
fn secs_of_ns(ns: i128) -> f64 {
    let (secs, rest) = (ns.div_euclid(1_000_000_000), ns.rem_euclid(1_000_000_000));
    secs as f64 + rest as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A clock with gaps, and the tick of each of its frames, counted one by one.
    fn clocks() -> impl Strategy<Value = (TimeBase, Vec<u64>)> {
        let rates = prop_oneof![Just(30_000.0), Just(1.0), Just(24414.0625), Just(1e-3), Just(3e6), 0.1..1e5];
        (rates, prop::collection::vec((1_u64..40, 1_u64..1_000), 0..12), 1_u64..40).prop_map(
            |(rate_hz, stretches, tail)| {
                let mut spans = vec![ClockSpan { first_frame: 0, first_tick: 0 }];
                let mut ticks = Vec::new();
                let mut tick = 0;
                for (frames, missing) in stretches {
                    ticks.extend(tick..tick + frames);
                    tick += frames + missing;
                    spans.push(ClockSpan { first_frame: ticks.len() as u64, first_tick: tick });
                }
                ticks.extend(tick..tick + tail);
                (TimeBase::with_spans(rate_hz, spans), ticks)
            },
        )
    }

    proptest! {
        #[test]
        fn frames_ticks_seconds_and_clock_times_convert_both_ways((time, ticks) in clocks(), start in any::<i64>()) {
            let time = time.starting_at(i128::from(start));
            for (frame, &tick) in ticks.iter().enumerate() {
                let frame = frame as u64;
                prop_assert_eq!(time.tick_of_frame(frame), tick);
                prop_assert_eq!(time.frame_at_tick(tick), frame);
                prop_assert_eq!(time.frame_at_secs(time.secs_of_frame(frame)), frame);
                let unix_ns = time.unix_ns_of_tick(tick).unwrap();
                let exact = tick as f64 / time.rate_hz() * 1e9;
                prop_assert!(((unix_ns - i128::from(start)) as f64 - exact).abs() <= 1.0 + exact * 1e-12);
                if time.rate_hz() < 1e8 {
                    prop_assert_eq!(time.frame_at_secs(time.secs_of_unix_ns(unix_ns).unwrap()), frame);
                }
            }
            prop_assert_eq!(time.end_tick(ticks.len() as u64), ticks[ticks.len() - 1] + 1);
        }

        #[test]
        fn a_tick_in_a_gap_gives_the_frame_behind_it((time, ticks) in clocks()) {
            for tick in 0..=ticks[ticks.len() - 1] + 3 {
                // By counting: the first frame at or after the tick.
                let expected = match ticks.iter().position(|&t| t >= tick) {
                    Some(frame) => frame as u64,
                    None => ticks.len() as u64 + (tick - ticks[ticks.len() - 1] - 1),
                };
                prop_assert_eq!(time.frame_at_tick(tick), expected);
            }
        }

        #[test]
        fn gaps_and_contiguous_pieces_are_those_of_the_ticks((time, ticks) in clocks(), a in 0_u64..600, b in 0_u64..600) {
            let breaks: Vec<u64> = (1..ticks.len()).filter(|&i| ticks[i] != ticks[i - 1] + 1).map(|i| i as u64).collect();
            let gaps: Vec<Gap> = time.gaps().collect();
            prop_assert_eq!(gaps.len(), breaks.len());
            for (gap, &frame) in gaps.iter().zip(&breaks) {
                let before = ticks[frame as usize - 1];
                prop_assert_eq!(gap.after_frame, frame - 1);
                prop_assert_eq!(gap.first_tick, before + 1);
                prop_assert_eq!(gap.missing_frames, ticks[frame as usize] - before - 1);
            }
            let range = a.min(ticks.len() as u64)..b.min(ticks.len() as u64);
            let pieces: Vec<Range<u64>> = time.contiguous(range.clone()).collect();
            if range.is_empty() {
                prop_assert!(pieces.is_empty() && time.is_contiguous(range));
            } else {
                prop_assert_eq!(pieces[0].start, range.start);
                prop_assert_eq!(pieces[pieces.len() - 1].end, range.end);
                prop_assert!(pieces.windows(2).all(|w| w[0].end == w[1].start && breaks.contains(&w[1].start)));
                let inside = breaks.iter().filter(|&&f| f > range.start && f < range.end).count();
                prop_assert_eq!(pieces.len(), inside + 1);
                prop_assert_eq!(time.is_contiguous(range), inside == 0);
            }
        }

        #[test]
        fn a_fitted_clock_converts_both_ways_to_the_tick(
            (time, ticks) in clocks(), start in 1_000_000_000_000_000_000_i64..2_000_000_000_000_000_000,
            ppm in -500.0..500.0_f64, far in 0_u64..2_000_000_000,
        ) {
            let ns_per_tick = 1e9 / time.rate_hz() * (1.0 + ppm * 1e-6);
            let fit = ClockFit { ns_per_tick, ..ClockFit::nominal(i128::from(start), time.rate_hz()) };
            let time = time.fitted_to(fit);
            for tick in ticks.into_iter().chain([far]) {
                let exact = tick as f64 * ns_per_tick;
                let unix_ns = time.unix_ns_of_tick(tick).unwrap();
                prop_assert!(((unix_ns - i128::from(start)) as f64 - exact).abs() <= 1.0 + exact * 1e-15);
                if time.rate_hz() < 1e6 && exact < 1e17 {
                    prop_assert_eq!(time.tick_of_secs(time.secs_of_unix_ns(unix_ns).unwrap()), tick);
                    let secs = time.unix_secs_of_tick(tick).unwrap();
                    prop_assert!((secs - unix_ns as f64 / 1e9).abs() <= 5e-7);
                    prop_assert_eq!(time.tick_of_unix_secs(secs), Some(tick));
                }
            }
        }

        #[test]
        fn any_seconds_give_a_tick(secs in any::<f64>()) {
            let time = TimeBase::regular(30_000.0);
            let tick = time.tick_of_secs(secs);
            if secs.is_nan() || secs <= 0.0 {
                prop_assert_eq!(tick, 0);
            } else if secs < 1e9 {
                prop_assert!((tick as f64 - secs * 30_000.0).abs() <= 0.5 + secs * 1e-9);
            }
        }
    }

    #[test]
    fn a_day_keeps_its_nanoseconds() {
        let start = 1_715_938_200_000_000_000;
        let time = TimeBase::regular(1e6).starting_at(start);
        assert_eq!(time.unix_ns_of_tick(86_400_000_001), Some(start + 86_400_000_001_000));
        assert_eq!(time.secs_of_unix_ns(start - 500_000_000), Some(-0.5));
        assert_eq!(TimeBase::regular(1.0).unix_ns_of_tick(1), None);
        let slow = TimeBase::regular(f64::MIN_POSITIVE).starting_at(start);
        assert!(slow.unix_ns_of_tick(1_000_000).is_some_and(|ns| ns > start));
    }

    #[test]
    fn an_unknown_rate_counts_frames() {
        let time = TimeBase::frames_only();
        assert!(!time.rate_known() && time.rate_hz() == 1.0);
        assert_eq!((time.secs_of_frame(7), time.end_tick(0), time.secs_at_end(0)), (7.0, 0, 0.0));
        assert_eq!(time.gaps().len(), 0);
    }
}
