//! The time axis of the traces: where it is marked and how instants are written, in the format and zone that the user
//! chose.
//!
//! Positions on the plot are ticks from the left edge of the view, so that a day-long recording keeps its precision at
//! the zoom of single samples. A clock time is that of the recording's clock, line through a recorded system clock
//! included; where clocks are put forward or back in between, the marks before and behind are those of their own offset,
//! and the first behind it says which that is.

use std::ops::Range;

use egui_plot::GridMark;

use super::state::{Document, TimeFormat};
use crate::picture::axis::{self, Tick};
use crate::picture::clock;

/// Points between two labels, at least.
const LABEL_WIDTH: f32 = 110.0;
/// Labels nearer to the edge, points, are left out.
const EDGE: f64 = 16.0;

/// The axis of what is on the screen.
pub(super) struct TimeAxis<'a> {
    document: &'a Document,
    format: axis::TimeFormat,
    /// Seconds, or ticks when time is in frames; on a clock seconds from the first frame as the clock has them.
    range: Range<f64>,
    ticks: Vec<Tick>,
    /// The recording has no clock, but its time was asked for.
    no_clock: bool,
}

impl<'a> TimeAxis<'a> {
    /// The axis for a plot that is `width` points wide.
    #[must_use]
    pub(super) fn new(document: &'a Document, format: TimeFormat, width: f32) -> Self {
        let time = document.time();
        let view = &document.viewport;
        let seen = view.start_tick()..view.end_tick();
        let secs = seen.start / time.rate_hz()..seen.end / time.rate_hz();
        let no_clock = format == TimeFormat::Clock && time.start_unix_ns().is_none();
        let format = match (format, time.start_unix_ns()) {
            _ if !time.rate_known() => axis::TimeFormat::Frames,
            (TimeFormat::Frames, _) => axis::TimeFormat::Frames,
            (TimeFormat::Clock, Some(start_unix_ns)) => axis::TimeFormat::Clock { start_unix_ns },
            (TimeFormat::Seconds, _) => axis::TimeFormat::Seconds,
            (TimeFormat::Hours, _) => axis::TimeFormat::Hours,
            _ => axis::TimeFormat::automatic(time, &secs),
        };
        let most = ((width / LABEL_WIDTH) as usize).max(2);
        let (range, ticks) = match format {
            axis::TimeFormat::Frames => (seen.clone(), axis::ticks(seen, most, format)),
            axis::TimeFormat::Clock { start_unix_ns } => {
                let range = clock::range(time, &seen, start_unix_ns);
                let ticks = clock::ticks(&range, most, start_unix_ns, &document.times.zone);
                (range, ticks)
            }
            _ => (secs.clone(), axis::ticks(secs, most, format)),
        };
        Self { document, format, range, ticks, no_clock }
    }

    /// From a position on the axis to one on the plot.
    fn plot_x(&self, value: f64) -> f64 {
        let (time, start) = (self.document.time(), self.document.viewport.start_tick());
        match self.format {
            axis::TimeFormat::Frames => value - start,
            axis::TimeFormat::Clock { start_unix_ns } => clock::tick_of(time, value, start_unix_ns) - start,
            _ => value * time.rate_hz() - start,
        }
    }

    /// The marks, for the plot's grid.
    #[must_use]
    pub(super) fn marks(&self) -> Vec<GridMark> {
        let step = self.document.viewport.ticks() / self.ticks.len().max(1) as f64;
        self.ticks.iter().map(|t| GridMark { value: self.plot_x(t.value), step_size: step }).collect()
    }

    /// The label of the mark at plot position `x`.
    #[must_use]
    pub(super) fn label(&self, x: f64) -> String {
        let nearest = self.ticks.iter().min_by(|a, b| {
            let distance = |t: &Tick| (self.plot_x(t.value) - x).abs();
            distance(a).total_cmp(&distance(b))
        });
        // Half of a label at the edge would be cut off.
        let edge = EDGE * self.document.viewport.ticks_per_point();
        if x < edge || x > self.document.viewport.ticks() - edge {
            return String::new();
        }
        nearest.map_or_else(String::new, |t| t.label.clone())
    }

    /// What the axis is called, on a clock with the zone and how far it is ahead of UTC.
    #[must_use]
    pub(super) fn title(&self) -> String {
        let title = clock::title(&self.range, self.format, &self.document.times.zone);
        if self.no_clock { format!("{title} – this recording tells no clock time") } else { title }
    }

    /// An instant to the tick: `00:00:12.345 666`, a clock time, or a frame; all of them can be gone to as they stand.
    #[must_use]
    pub(super) fn precise(&self, tick: u64) -> String {
        let (time, zone) = (self.document.time(), &self.document.times.zone);
        // As many decimals as tell one tick from the next.
        let decimals = time.rate_hz().log10().ceil().clamp(0.0, 9.0) as usize;
        match self.format {
            axis::TimeFormat::Frames => format!("#{}", time.frame_at_tick(tick)),
            axis::TimeFormat::Clock { .. } => {
                time.unix_ns_of_tick(tick).and_then(|ns| zone.write(ns, decimals.max(3))).unwrap_or_default()
            }
            axis::TimeFormat::Seconds if time.secs_of_tick(tick) < 1e9 => {
                format!("{:.decimals$} s", time.secs_of_tick(tick))
            }
            _ => crate::text::time(time.secs_of_tick(tick), decimals),
        }
    }

    /// The axis in words, for screen readers.
    #[must_use]
    pub(super) fn describe(&self) -> String {
        let seen = self.document.visible_ticks();
        format!("{} to {}", self.precise(seen.start), self.precise(seen.end))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::document;
    use super::super::zone::Zone;
    use super::*;
    use crate::text::Time;

    #[test]
    fn what_the_axis_writes_can_be_gone_to() {
        let mut document = document(1);
        for zone in ["utc", "Europe/Berlin", "Asia/Kolkata"] {
            document.times.zone = Zone::named(zone).unwrap();
            for format in TimeFormat::ALL {
                let axis = TimeAxis::new(&document, format, 800.0);
                for tick in [0, 1, 777, 1500, 2999] {
                    let text = axis.precise(tick);
                    let time = Time::parse_in(&text, document.times.zone.time_zone()).unwrap();
                    let frame = time.frame(document.time()).unwrap().unwrap();
                    assert_eq!(frame, document.time().frame_at_tick(tick), "{format:?} {zone}: {text}");
                }
            }
        }
        let axis = TimeAxis::new(&document, TimeFormat::Clock, 800.0);
        assert!(axis.title().contains("no clock time"), "{}", axis.title());
    }
}
