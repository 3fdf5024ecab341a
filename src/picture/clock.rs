//! The marks of a wall clock on a time axis, in a zone: round on the clock of the wall, on days too that are an hour longer
//! or shorter. Where clocks are put forward or back, the marks before and behind are those of their own offset, and the
//! first behind it says which that is. Positions are seconds from the first frame *as the clock has them*: what a recorded
//! system clock tells is followed ([`TimeBase::unix_ns_of_tick`]).

use std::ops::Range;

use super::axis::{self, Tick, TimeFormat};
use super::zone::Zone;
use crate::recording::TimeBase;

/// Changes of the offset from UTC that one axis shows; more lie years apart.
const MAX_CHANGES: usize = 64;

/// Nanoseconds of so many seconds, whole ones and the rest apart, so that long recordings keep theirs.
#[must_use]
pub fn ns(secs: f64) -> i128 {
    let whole = secs.floor();
    whole as i128 * 1_000_000_000 + ((secs - whole) * 1e9).round() as i128
}

/// The clock at a position that may lie between ticks, or before the first one.
#[must_use]
pub fn unix_ns_of(time: &TimeBase, tick: f64) -> i128 {
    let whole = tick.floor().max(0.0);
    let at = time.unix_ns_of_tick(whole as u64).unwrap_or(0);
    at.saturating_add(ns((tick - whole) / time.rate_hz()))
}

/// The ticks `seen` in seconds of the clock from its `start_unix_ns`.
#[must_use]
pub fn range(time: &TimeBase, seen: &Range<f64>, start_unix_ns: i128) -> Range<f64> {
    let of = |tick: f64| unix_ns_of(time, tick).saturating_sub(start_unix_ns) as f64 / 1e9;
    of(seen.start)..of(seen.end)
}

/// The tick (with fractions) at so many seconds of the clock from its `start_unix_ns`.
#[must_use]
pub fn tick_of(time: &TimeBase, secs: f64, start_unix_ns: i128) -> f64 {
    time.secs_of_unix_ns(start_unix_ns.saturating_add(ns(secs))).unwrap_or(secs) * time.rate_hz()
}

/// The marks of a clock in `zone` over `range`, seconds from `start_unix_ns`.
#[must_use]
pub fn ticks(range: &Range<f64>, most: usize, start_unix_ns: i128, zone: &Zone) -> Vec<Tick> {
    let secs_of = |unix_ns: i128| (unix_ns - start_unix_ns) as f64 / 1e9;
    let begin = start_unix_ns.saturating_add(ns(range.start));
    let changes = zone.changes_behind(begin).take(MAX_CHANGES).take_while(|&at| secs_of(at) <= range.end);
    let starts: Vec<i128> = std::iter::once(begin).chain(changes).collect();
    let mut all = Vec::new();
    for (i, &from) in starts.iter().enumerate() {
        // Of the whole range, so that the steps are the same before and behind.
        let shifted = TimeFormat::Clock { start_unix_ns: start_unix_ns.saturating_add(zone.ahead_ns(from)) };
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

/// What an axis of `range` is called, on a clock with the zone and how far it is ahead of UTC.
#[must_use]
pub fn title(range: &Range<f64>, format: TimeFormat, zone: &Zone) -> String {
    match format {
        TimeFormat::Clock { start_unix_ns } if !zone.is_utc() => {
            let (from, to) = (start_unix_ns + ns(range.start), start_unix_ns + ns(range.end));
            let date = zone.date(from).map(|date| format!(", {date}")).unwrap_or_default();
            let (ahead, later) = (zone.ahead(from), zone.ahead(to));
            let change = if later == ahead { String::new() } else { format!(" → {later}") };
            format!("{} (UTC{ahead}{change}){date}", zone.title())
        }
        _ => axis::title(range, format),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-10-25T00:00Z; clocks of Berlin go back at 01:00Z.
    const AUTUMN: i128 = 1_792_886_400_000_000_000;

    #[test]
    fn the_long_day_has_round_marks_on_both_sides_of_its_change() {
        let berlin = Zone::named("Europe/Berlin").expect("a zone of the database");
        let marks = ticks(&(0.0..10_800.0), 8, AUTUMN, &berlin);
        let labels: Vec<&str> = marks.iter().map(|t| t.label.as_str()).collect();
        assert_eq!(labels, ["02:00", "02:30", "02:00 +01:00", "02:30", "03:00", "03:30", "04:00"]);
        assert!(marks.windows(2).all(|w| (w[1].value - w[0].value - 1800.0).abs() < 1e-6), "{marks:?}");
        // The short day of New York, 2026-03-08: an hour is left out at 07:00Z.
        let york = Zone::named("America/New_York").expect("a zone of the database");
        let labels: Vec<String> =
            ticks(&(0.0..7200.0), 5, 1_772_949_600_000_000_000, &york).into_iter().map(|t| t.label).collect();
        assert_eq!(labels, ["01:00", "01:30", "03:00 -04:00", "03:30", "04:00"]);
        let clock = TimeFormat::Clock { start_unix_ns: AUTUMN };
        assert_eq!(title(&(0.0..10_800.0), clock, &berlin), "Europe/Berlin (UTC+02:00 → +01:00), 2026-10-25");
        assert_eq!(title(&(0.0..10.0), clock, &Zone::default()), "UTC, 2026-10-25");
    }

    #[test]
    fn positions_lead_back() {
        let time = TimeBase::regular(30_000.0).starting_at(AUTUMN);
        let seen = range(&time, &(3_000.0..6_000.0), AUTUMN);
        assert!((seen.start - 0.1).abs() < 1e-9 && (seen.end - 0.2).abs() < 1e-9, "{seen:?}");
        assert!((tick_of(&time, 0.15, AUTUMN) - 4_500.0).abs() < 1e-3);
    }
}
