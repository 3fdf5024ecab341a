//! Where an axis is marked and how the marks are written: seconds, hours, wall clock, frames, and plain values.
//!
//! Time is computed in whole nanoseconds (`i128`) from the first frame, so that a day at a microsecond's resolution has
//! no rounding in its labels. Steps are 1, 2, 5 × 10ⁿ below a minute and the divisions of the clock above (15 s, 30 s,
//! 1 min, … 12 h). A wall clock is written in UTC, so that the same file gives the same picture everywhere.

use std::ops::Range;

use crate::recording::TimeBase;

const NS: i128 = 1_000_000_000;
const MINUTE: i128 = 60 * NS;
const HOUR: i128 = 60 * MINUTE;
const DAY: i128 = 24 * HOUR;

/// How positions in time are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeFormat {
    /// Seconds (or ms, µs where the whole axis is short) from the first frame.
    Seconds,
    /// `m:ss` or `h:mm:ss` from the first frame.
    Hours,
    /// Time of day, UTC; the first frame is at this many nanoseconds since 1970-01-01T00:00:00Z.
    Clock { start_unix_ns: i128 },
    /// Frames: positions are in ticks of the sample clock, not in seconds.
    Frames,
}

impl TimeFormat {
    /// What suits `range_secs` of a recording best: frames where the rate is not known, seconds up to two minutes, then
    /// hours.
    #[must_use]
    pub fn automatic(time: &TimeBase, range_secs: &Range<f64>) -> Self {
        if !time.rate_known() {
            Self::Frames
        } else if range_secs.end <= 120.0 {
            Self::Seconds
        } else {
            Self::Hours
        }
    }
}

/// A mark on an axis.
#[derive(Clone, PartialEq, Debug)]
pub struct Tick {
    /// Where: seconds from the first frame (frames with [`TimeFormat::Frames`]), or the value.
    pub value: f64,
    pub label: String,
}

/// The marks of a time axis over `range` (seconds; ticks with [`TimeFormat::Frames`]), at most `max_count` of them, at
/// round positions, in order.
#[must_use]
pub fn ticks(range: Range<f64>, max_count: usize, format: TimeFormat) -> Vec<Tick> {
    let usable = range.start.is_finite() && range.end.is_finite() && range.start.abs().max(range.end.abs()) < 1e18;
    if max_count == 0 || !usable || range.end < range.start {
        return Vec::new();
    }
    if format == TimeFormat::Frames {
        let (first, last) = (range.start.ceil() as i128, range.end.floor() as i128);
        return positions(first, last, max_count, &decimal_step)
            .map(|frame| Tick { value: frame as f64, label: grouped(frame) })
            .collect();
    }
    let origin = if let TimeFormat::Clock { start_unix_ns } = format { start_unix_ns } else { 0 };
    let ns = |secs: f64| {
        // Whole seconds and the rest apart keeps the nanoseconds of long recordings.
        let whole = secs.floor();
        whole as i128 * NS + ((secs - whole) * 1e9).round() as i128
    };
    let (first, last) = (ns(range.start) + origin, ns(range.end) + origin);
    let step_of: &dyn Fn(i128) -> i128 = if format == TimeFormat::Seconds { &decimal_step } else { &clock_step };
    let step = step_for(first, last, max_count, step_of);
    let unit = seconds_unit(&range);
    positions(first, last, max_count, step_of)
        .map(|at| Tick {
            value: (at - origin) as f64 / 1e9,
            label: match format {
                TimeFormat::Seconds => decimal(at, unit.0, step),
                TimeFormat::Hours => hours(at, step, range.end >= 3600.0),
                _ => clock(at, step),
            },
        })
        .collect()
}

/// What the axis is called: `Time (s)`, `Time (h:mm:ss)`, `Clock time (UTC), 2026-03-01`, `Frame`.
#[must_use]
pub fn title(range: &Range<f64>, format: TimeFormat) -> String {
    match format {
        TimeFormat::Seconds => format!("Time ({})", seconds_unit(range).1),
        TimeFormat::Hours if range.end >= 3600.0 => "Time (h:mm:ss)".to_owned(),
        TimeFormat::Hours => "Time (m:ss)".to_owned(),
        TimeFormat::Clock { start_unix_ns } => {
            format!("UTC, {}", date(start_unix_ns + (range.start * 1e9) as i128))
        }
        TimeFormat::Frames => "Frame".to_owned(),
    }
}

/// Round values over `range`, at most `max_count` of them, with labels of equally many decimals.
#[must_use]
pub fn value_ticks(range: Range<f64>, max_count: usize) -> Vec<Tick> {
    let span = range.end - range.start;
    if max_count == 0 || !span.is_finite() || span <= 0.0 {
        return Vec::new();
    }
    let mut step = round_up(span / max_count as f64);
    loop {
        let first = (range.start / step).ceil();
        let count = (range.end / step).floor() - first + 1.0;
        if !count.is_finite() || first.abs() > 1e15 {
            return Vec::new();
        }
        if count <= max_count as f64 {
            return (0..count.max(0.0) as usize)
                .map(|i| {
                    let value = (first + i as f64) * step;
                    Tick { value, label: number(value, step) }
                })
                .collect();
        }
        step = round_up(step * 1.5);
    }
}

/// The same, and more of them where there would be only one: a single mark tells no scale.
#[must_use]
pub fn scale_ticks(range: Range<f64>, max_count: usize) -> Vec<Tick> {
    let more = (max_count..max_count + 4).map(|count| value_ticks(range.clone(), count));
    let mut last = Vec::new();
    for ticks in more {
        last = ticks;
        if last.len() > 1 {
            break;
        }
    }
    last
}

/// The largest of 1, 2, 5 × 10ⁿ that is not over `value`; zero for what is not positive.
#[must_use]
pub fn round_down(value: f64) -> f64 {
    if !(value > 0.0 && value.is_finite()) {
        return 0.0;
    }
    let decade = 10_f64.powf(value.log10().floor());
    let lead = value / decade;
    // A hair of tolerance: 0.3 / 0.1 is just under 3.
    [5.0, 2.0, 1.0].into_iter().find(|&m| lead >= m * (1.0 - 1e-9)).unwrap_or(0.5) * decade
}

fn round_up(value: f64) -> f64 {
    let down = round_down(value);
    if down >= value * (1.0 - 1e-9) { down } else { round_down(down * 2.6) }
}

/// `value` with the decimals that a step of `step` needs, with a true minus sign.
#[must_use]
pub fn number(value: f64, step: f64) -> String {
    let magnitude = value.abs().max(step);
    if magnitude >= 1e6 || step < 1e-5 {
        let digits = (magnitude.log10().floor() - step.log10().floor()).clamp(0.0, 15.0) as usize;
        return if value == 0.0 { "0".to_owned() } else { format!("{value:.digits$e}").replace('-', "−") };
    }
    let decimals = (-(step * 1.000_001).log10().floor()).max(0.0) as usize;
    let text = format!("{:.decimals$}", value.abs());
    if value < 0.0 && text.bytes().any(|b| (b'1'..=b'9').contains(&b)) { format!("−{text}") } else { text }
}

/// A duration for people: `820 µs`, `12.5 s`, `3 min 20 s`, `17 h 00 min`.
#[must_use]
pub fn duration(secs: f64) -> String {
    let short = |value: f64, unit: &str| {
        let decimals = if value >= 100.0 {
            0
        } else if value >= 10.0 {
            1
        } else {
            2
        };
        let text = format!("{value:.decimals$}");
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        format!("{text} {unit}")
    };
    match secs {
        s if !s.is_finite() || s < 0.0 => "–".to_owned(),
        0.0 => "0 s".to_owned(),
        s if s < 0.000_999_5 => short(s * 1e6, "µs"),
        s if s < 0.999_5 => short(s * 1e3, "ms"),
        s if s < 59.995 => short(s, "s"),
        s if s < 3599.5 => format!("{} min {:02} s", (s.round() / 60.0) as u64, s.round() as u64 % 60),
        s => {
            let minutes = (s / 60.0).round() as u64;
            format!("{} h {:02} min", minutes / 60, minutes % 60)
        }
    }
}

/// A whole number in groups of three figures: `12 345 678`.
#[must_use]
pub fn grouped(value: i128) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut out = String::from(if value < 0 { "−" } else { "" });
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// Multiples of the smallest allowed step that gives at most `max_count` of them.
fn positions(
    first: i128,
    last: i128,
    max_count: usize,
    step_of: &dyn Fn(i128) -> i128,
) -> impl Iterator<Item = i128> + use<> {
    let step = step_for(first, last, max_count, step_of);
    let start = -(-first).div_euclid(step);
    let end = last.div_euclid(step);
    (0..(end - start + 1).max(0)).map(move |i| (start + i) * step)
}

fn step_for(first: i128, last: i128, max_count: usize, step_of: &dyn Fn(i128) -> i128) -> i128 {
    let max_count = max_count as i128;
    let mut step = step_of(((last - first) / max_count).max(1));
    while last.div_euclid(step) + (-first).div_euclid(step) + 1 > max_count {
        step = step_of(step + 1);
    }
    step
}

/// The smallest of 1, 2, 5 × 10ⁿ not under `least`.
fn decimal_step(least: i128) -> i128 {
    let mut decade = 1;
    loop {
        if let Some(step) = [decade, 2 * decade, 5 * decade].into_iter().find(|&s| s >= least) {
            return step;
        }
        decade *= 10;
    }
}

/// The same with the divisions of the clock.
fn clock_step(least: i128) -> i128 {
    const STEPS: [i128; 18] = [
        NS,
        2 * NS,
        5 * NS,
        10 * NS,
        15 * NS,
        30 * NS,
        MINUTE,
        2 * MINUTE,
        5 * MINUTE,
        10 * MINUTE,
        15 * MINUTE,
        30 * MINUTE,
        HOUR,
        2 * HOUR,
        3 * HOUR,
        6 * HOUR,
        12 * HOUR,
        DAY,
    ];
    if least <= NS / 2 {
        return decimal_step(least);
    }
    STEPS.into_iter().find(|&s| s >= least).unwrap_or_else(|| decimal_step(-(-least).div_euclid(DAY)) * DAY)
}

/// Nanoseconds of the unit in which an axis of seconds is written, and its name.
fn seconds_unit(range: &Range<f64>) -> (i128, &'static str) {
    match range.start.abs().max(range.end.abs()) {
        m if m <= 0.001 => (1_000, "µs"),
        m if m <= 1.0 => (1_000_000, "ms"),
        _ => (NS, "s"),
    }
}

/// `ns` in units of `unit_ns`, with the decimals that steps of `step_ns` need.
fn decimal(ns: i128, unit_ns: i128, step_ns: i128) -> String {
    let mut out = String::from(if ns < 0 { "−" } else { "" });
    let ns = ns.abs();
    out.push_str(&(ns / unit_ns).to_string());
    push_fraction(&mut out, ns % unit_ns, unit_ns, step_ns);
    out
}

fn push_fraction(out: &mut String, rest: i128, unit_ns: i128, step_ns: i128) {
    let (mut place, mut rest, mut step) = (unit_ns / 10, rest, step_ns % unit_ns);
    if step != 0 {
        out.push('.');
    }
    while step != 0 && place > 0 {
        out.push(char::from(b'0' + (rest / place) as u8));
        (rest, step, place) = (rest % place, step % place, place / 10);
    }
}

fn hours(ns: i128, step: i128, with_hours: bool) -> String {
    let mut out = String::from(if ns < 0 { "−" } else { "" });
    let ns = ns.abs();
    let (h, m, s) = (ns / HOUR, ns / MINUTE % 60, ns / NS % 60);
    out.push_str(&if with_hours { format!("{h}:{m:02}:{s:02}") } else { format!("{}:{s:02}", ns / MINUTE) });
    push_fraction(&mut out, ns % NS, NS, step);
    out
}

fn clock(unix_ns: i128, step: i128) -> String {
    let of_day = unix_ns.rem_euclid(DAY);
    let (h, m, s) = (of_day / HOUR, of_day / MINUTE % 60, of_day / NS % 60);
    if step >= DAY || (of_day == 0 && step >= MINUTE) {
        return date(unix_ns);
    }
    let mut out = if step >= MINUTE { format!("{h:02}:{m:02}") } else { format!("{h:02}:{m:02}:{s:02}") };
    push_fraction(&mut out, of_day % NS, NS, step);
    out
}

/// The civil date of a moment, UTC (algorithm: Hinnant 2013, `civil_from_days`).
fn date(unix_ns: i128) -> String {
    let days = unix_ns.div_euclid(DAY) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i128::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(range: Range<f64>, max_count: usize, format: TimeFormat) -> Vec<String> {
        ticks(range, max_count, format).into_iter().map(|t| t.label).collect()
    }

    #[test]
    fn labels_are_what_people_write() {
        use TimeFormat::{Clock, Frames, Hours, Seconds};
        assert_eq!(labels(0.0..10.0, 6, Seconds), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(labels(12.3..12.9, 4, Seconds), ["12.4", "12.6", "12.8"]);
        assert_eq!(labels(0.0..20e-6, 5, Seconds), ["0", "5", "10", "15", "20"]);
        assert_eq!(title(&(0.0..20e-6), Seconds), "Time (µs)");
        assert_eq!(
            labels(86_399.999_998..86_400.000_002, 3, Seconds),
            ["86399.999998", "86400.000000", "86400.000002"]
        );
        assert_eq!(labels(0.0..86_400.0, 5, Hours), ["0:00:00", "6:00:00", "12:00:00", "18:00:00", "24:00:00"]);
        assert_eq!(
            labels(61.0..64.0, 7, Hours),
            ["1:01.0", "1:01.5", "1:02.0", "1:02.5", "1:03.0", "1:03.5", "1:04.0"]
        );
        let start_unix_ns = 1_772_323_199 * NS; // 2026-02-28T23:59:59Z
        assert_eq!(labels(0.0..3.0, 4, Clock { start_unix_ns }), ["23:59:59", "00:00:00", "00:00:01", "00:00:02"]);
        assert_eq!(title(&(0.0..3.0), Clock { start_unix_ns }), "UTC, 2026-02-28");
        assert_eq!(labels(0.0..20_000.0, 6, Clock { start_unix_ns })[0], "2026-03-01");
        assert_eq!(labels(0.0..2_500_000.0, 3, Frames), ["0", "1 000 000", "2 000 000"]);
        assert_eq!(labels(5.0..5.0, 3, Frames), ["5"]);
        assert_eq!(labels(2.0..1.0, 3, Frames), [""; 0]);
        assert_eq!(labels(0.0..f64::NAN, 3, Seconds), [""; 0]);
    }

    #[test]
    fn never_too_many_and_never_outside() {
        let mut seed = 1_u64;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 11) as f64 / (1_u64 << 53) as f64
        };
        for _ in 0..3000 {
            let start = next() * 10_f64.powf(next() * 12.0 - 3.0);
            let span = 10_f64.powf(next() * 13.0 - 6.0);
            let max_count = 1 + (next() * 12.0) as usize;
            for format in [
                TimeFormat::Seconds,
                TimeFormat::Hours,
                TimeFormat::Frames,
                TimeFormat::Clock { start_unix_ns: 1_700_000_000_123_456_789 },
            ] {
                let marks = ticks(start..start + span, max_count, format);
                assert!(marks.len() <= max_count);
                assert!(marks.windows(2).all(|w| w[0].value < w[1].value && w[0].label != w[1].label), "{marks:?}");
                let slack = 2e-9 + start * 1e-15;
                assert!(marks.iter().all(|t| t.value >= start - slack && t.value <= start + span + slack));
                if max_count >= 5 && (format != TimeFormat::Frames || span > 20.0) && span > 1e-5 {
                    assert!(marks.len() >= 2, "{format:?} {start} {span} {max_count}");
                }
            }
            let values = value_ticks(start - span..start, max_count);
            assert!(values.len() <= max_count);
        }
    }

    #[test]
    fn values_are_round() {
        let text: Vec<String> = value_ticks(-0.31..0.29, 4).into_iter().map(|t| t.label).collect();
        assert_eq!(text, ["−0.2", "0.0", "0.2"]);
        assert_eq!(value_ticks(-190.0..190.0, 3).len(), 1);
        let text: Vec<String> = scale_ticks(-190.0..190.0, 3).into_iter().map(|t| t.label).collect();
        assert_eq!(text, ["−100", "0", "100"]);
        assert_eq!(round_down(0.3), 0.2);
        assert_eq!(round_down(5e9), 5e9);
        assert_eq!(round_down(-1.0), 0.0);
        assert_eq!(number(-0.000_01, 0.1), "0.0");
        assert_eq!(grouped(-1_234_567), "−1 234 567");
    }

    #[test]
    fn durations_read_well() {
        let cases = [
            (0.0, "0 s"),
            (820e-6, "820 µs"),
            (0.25, "250 ms"),
            (12.5, "12.5 s"),
            (59.999, "1 min 00 s"),
            (200.4, "3 min 20 s"),
            (3599.9, "1 h 00 min"),
            (61_200.0, "17 h 00 min"),
        ];
        for (secs, text) in cases {
            assert_eq!(duration(secs), text);
        }
    }

    #[test]
    fn dates_are_civil() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(951_782_400 * NS), "2000-02-29");
        assert_eq!(date(-NS), "1969-12-31");
    }
}
