//! The clock of a stream: frame ↔ tick ↔ seconds ↔ wall clock, and the gaps, without an array of timestamps.
//!
//! A *tick* is one period of the sample clock; the first frame is tick 0. As long as nothing is lost, frame and tick
//! advance together. A [`ClockSpan`] is such a contiguous stretch; where ticks are skipped between two spans lies a
//! [`Gap`]. A day-long recording with a few dropped packets is a few hundred bytes of spans.
//!
//! Frames and ticks are integers and convert exactly, both ways. Seconds appear at the edges and round to the nearest
//! tick, never down.

use std::ops::Range;
use std::sync::Arc;

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
        Self { rate_hz, rate_known: true, start_unix_ns: None, spans: spans.into() }
    }

    /// The same clock with the wall-clock time of frame 0, nanoseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn starting_at(mut self, unix_ns: i128) -> Self {
        self.start_unix_ns = Some(unix_ns);
        self
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

    /// Wall-clock time of `tick`, nanoseconds since the Unix epoch, to the nearest nanosecond of the tick grid.
    #[must_use]
    pub fn unix_ns_of_tick(&self, tick: u64) -> Option<i128> {
        self.start_unix_ns.map(|start| {
            // Whole seconds and the rest apart, so that a day at a megahertz keeps its nanoseconds.
            let secs = (tick as f64 / self.rate_hz).floor();
            let rest = tick as f64 - secs * self.rate_hz;
            start + secs as i128 * 1_000_000_000 + (rest / self.rate_hz * 1e9).round() as i128
        })
    }

    /// Seconds from frame 0 to a wall-clock time, negative if it lies before; `None` without a wall clock.
    #[must_use]
    pub fn secs_of_unix_ns(&self, unix_ns: i128) -> Option<f64> {
        self.start_unix_ns.map(|start| (unix_ns - start) as f64 / 1e9)
    }
}
