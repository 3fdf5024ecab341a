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
use super::zone::Zone;
use crate::picture::axis::{self, Tick};
use crate::recording::TimeBase;

/// Points between two labels, at least.
const LABEL_WIDTH: f32 = 110.0;
/// Labels nearer to the edge, points, are left out.
const EDGE: f64 = 16.0;
/// Changes of the offset from UTC that one axis shows; more lie years apart.
const MAX_CHANGES: usize = 64;

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
                let of = |tick: f64| (unix_ns_of(time, tick) - start_unix_ns) as f64 / 1e9;
                let range = of(seen.start)..of(seen.end);
                let ticks = clock_ticks(&range, most, start_unix_ns, &document.times.zone);
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
            axis::TimeFormat::Clock { start_unix_ns } => {
                let secs = time.secs_of_unix_ns(start_unix_ns + ns(value)).unwrap_or(value);
                secs * time.rate_hz() - start
            }
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
        let zone = &self.document.times.zone;
        match self.format {
            axis::TimeFormat::Clock { start_unix_ns } if !zone.is_utc() => {
                let (from, to) = (start_unix_ns + ns(self.range.start), start_unix_ns + ns(self.range.end));
                let date = zone.date(from).map(|date| format!(", {date}")).unwrap_or_default();
                let (ahead, later) = (zone.ahead(from), zone.ahead(to));
                let change = if later == ahead { String::new() } else { format!(" → {later}") };
                format!("{} (UTC{ahead}{change}){date}", zone.title())
            }
            _ if self.no_clock => {
                format!("{} – this recording tells no clock time", axis::title(&self.range, self.format))
            }
            _ => axis::title(&self.range, self.format),
        }
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

/// Nanoseconds of so many seconds, whole ones and the rest apart, so that long recordings keep theirs.
fn ns(secs: f64) -> i128 {
    let whole = secs.floor();
    whole as i128 * 1_000_000_000 + ((secs - whole) * 1e9).round() as i128
}

/// The clock at a position that may lie between ticks, or before the first one.
pub(super) fn unix_ns_of(time: &TimeBase, tick: f64) -> i128 {
    let whole = tick.floor().max(0.0);
    let at = time.unix_ns_of_tick(whole as u64).unwrap_or(0);
    at.saturating_add(ns((tick - whole) / time.rate_hz()))
}

/// The marks of a clock in `zone` over `range`, seconds from `start_unix_ns`: round on the clock of the wall, on days too
/// that are an hour longer or shorter.
fn clock_ticks(range: &Range<f64>, most: usize, start_unix_ns: i128, zone: &Zone) -> Vec<Tick> {
    let secs_of = |unix_ns: i128| (unix_ns - start_unix_ns) as f64 / 1e9;
    let begin = start_unix_ns + ns(range.start);
    let changes = zone.changes_behind(begin).take(MAX_CHANGES).take_while(|&at| secs_of(at) <= range.end);
    let starts: Vec<i128> = std::iter::once(begin).chain(changes).collect();
    let mut all = Vec::new();
    for (i, &from) in starts.iter().enumerate() {
        // Of the whole range, so that the steps are the same before and behind.
        let shifted = axis::TimeFormat::Clock { start_unix_ns: start_unix_ns + zone.ahead_ns(from) };
        let until = starts.get(i + 1).map_or(f64::INFINITY, |&next| secs_of(next));
        let piece = axis::ticks(range.clone(), most, shifted).into_iter();
        let piece = piece.filter(|t| t.value < until && (i == 0 || t.value >= secs_of(from)));
        let before = all.len();
        all.extend(piece);
        if i > 0
            && let Some(first) = all.get_mut(before)
        {
            first.label = format!("{} {}", first.label, zone.ahead(from));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::testing::document;
    use super::*;
    use crate::text::Time;

    /// 2026-10-25T00:00Z; clocks of Berlin go back at 01:00Z.
    const AUTUMN: i128 = 1_792_886_400_000_000_000;

    #[test]
    fn the_long_day_has_round_marks_on_both_sides_of_its_change() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        let ticks = clock_ticks(&(0.0..10_800.0), 8, AUTUMN, &berlin);
        let labels: Vec<&str> = ticks.iter().map(|t| t.label.as_str()).collect();
        assert_eq!(labels, ["02:00", "02:30", "02:00 +01:00", "02:30", "03:00", "03:30", "04:00"]);
        assert!(ticks.windows(2).all(|w| (w[1].value - w[0].value - 1800.0).abs() < 1e-6), "{ticks:?}");
        // The short day of New York, 2026-03-08: an hour is left out at 07:00Z.
        let york = Zone::named("America/New_York").unwrap();
        let labels: Vec<String> =
            clock_ticks(&(0.0..7200.0), 5, 1_772_949_600_000_000_000, &york).into_iter().map(|t| t.label).collect();
        assert_eq!(labels, ["01:00", "01:30", "03:00 -04:00", "03:30", "04:00"]);
    }

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
