//! Strings to values: the one grammar for bytes, times, ranges and channel lists, on the command line and in the window.
//!
//! | what | written as |
//! |---|---|
//! | bytes | `1073741824`, `256MiB` (1024s), `1.5GB` (1000s), `64k` (1024s) |
//! | time | `12.5s`, `250ms`, `3m20s`, `1h2m`, `2d 3h`, `01:02:03.5`, `02:03.5`, `12.5` (seconds), `#30000` (a frame), ISO 8601 |
//! | range | `A..B`, half-open; either end may be empty |
//! | channels | `all`, or a list of indices `7`, ranges of indices `0-3`, ids and names, separated by commas |
//!
//! Seconds count from the first frame of the stream, missing time included, and round to the nearest tick. An ISO 8601
//! clock time without a zone is taken as UTC; the window takes it in the zone that it shows. The way back is
//! [`crate::units`]; what it writes is read here.

use std::ops::Range;
use std::str::FromStr;

use jiff::tz::TimeZone;

use crate::error::{Error, Result};
use crate::recording::{Channel, TimeBase};

pub use crate::units::{bytes, clock, count, duration, number, rate, si, time, time_left, unit};

const TIME_REMEDY: &str =
    "write a time as 12.5s, 3m20s, 01:02:03.5, #30000 (a frame) or 2026-05-01T12:00:00Z (a clock time)";

/// Reads a number of bytes: `256MiB`, `1.5 GB`, `1073741824`. Units without `i` and with `B` are decimal; a bare letter
/// means 1024s, as in `ls -h` and `ulimit`.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] when it is not one, or beyond 2^64.
pub fn parse_bytes(text: &str) -> Result<u64> {
    let bad = || {
        Error::invalid(format!("'{text}' is not a number of bytes"))
            .with_remedy("write it as 256MiB, 1.5GB or 1073741824")
    };
    let trimmed = text.trim();
    let split = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
    let (digits, unit) = trimmed.split_at(split);
    let unit = unit.trim_start().to_ascii_lowercase();
    let power = |letter: char| "kmgtpe".find(letter).map(|p| p as i32 + 1);
    let factor = match *unit.chars().collect::<Vec<_>>() {
        [] | ['b'] => 1.0,
        [letter] | [letter, 'i', 'b'] => 1024_f64.powi(power(letter).ok_or_else(bad)?),
        [letter, 'b'] => 1000_f64.powi(power(letter).ok_or_else(bad)?),
        _ => return Err(bad()),
    };
    // Whole bytes are exact; only a number with a unit or a fraction goes through floating point.
    if factor == 1.0
        && let Ok(exact) = digits.parse::<u64>()
    {
        return Ok(exact);
    }
    let bytes = (unsigned_decimal(digits).ok_or_else(bad)? * factor).round();
    if bytes < u64::MAX as f64 { Ok(bytes as u64) } else { Err(bad()) }
}

/// Digits with at most one point; no sign, exponent, `inf` or `nan`.
fn unsigned_decimal(text: &str) -> Option<f64> {
    let plain = text.chars().all(|c| c.is_ascii_digit() || c == '.') && text.contains(|c: char| c.is_ascii_digit());
    if plain { text.parse().ok().filter(|v: &f64| v.is_finite()) } else { None }
}

/// A place on the time axis, as it was written.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Time {
    /// From the first frame.
    Secs(f64),
    /// A stored frame.
    Frame(u64),
    /// Nanoseconds since the Unix epoch.
    Clock(i128),
}

impl FromStr for Time {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse_in(text, &TimeZone::UTC)
    }
}

impl Time {
    /// Reads a time of which a date without a zone is one of `zone`. Of an hour that the clocks go through twice the first
    /// is meant, unless the text names the offset; one that they leave out means as much later.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] when it is none.
    pub fn parse_in(text: &str, zone: &TimeZone) -> Result<Self> {
        let trimmed = text.trim();
        let time = if let Some(frame) = trimmed.strip_prefix('#') {
            // In groups of three, as frames are written on an axis.
            let digits: String = frame.chars().filter(|c| !c.is_whitespace()).collect();
            digits.parse().ok().map(Time::Frame)
        } else if is_date(trimmed) {
            unix_ns(trimmed, zone).map(Time::Clock)
        } else if trimmed.contains(':') {
            secs_of_colons(trimmed).map(Time::Secs)
        } else {
            secs_of_units(trimmed).map(Time::Secs)
        };
        time.ok_or_else(|| Error::invalid(format!("'{text}' is not a time")).with_remedy(TIME_REMEDY))
    }

    /// The first frame at or after this time, however far outside the recording; `None` if it is before the first.
    ///
    /// # Errors
    /// When a clock time is asked of a recording that does not know when it was made.
    pub fn frame(self, clock: &TimeBase) -> Result<Option<u64>> {
        let secs = match self {
            Self::Frame(frame) => return Ok(Some(frame)),
            Self::Secs(secs) => secs,
            Self::Clock(ns) => clock.secs_of_unix_ns(ns).ok_or_else(|| {
                Error::invalid("the recording does not tell when it was made, so a clock time has no place in it")
                    .with_remedy("give seconds from its start instead, such as 12.5s")
            })?,
        };
        let tick = (secs * clock.rate_hz()).round();
        Ok((tick >= 0.0).then(|| clock.frame_at_tick(tick as u64)))
    }
}

/// Whether it starts like a date, `2026-05-…`: then the colons in it are not ours.
fn is_date(text: &str) -> bool {
    let year = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = year.bytes().take_while(u8::is_ascii_digit).count();
    digits >= 4 && year.as_bytes().get(digits) == Some(&b'-')
}

fn unix_ns(text: &str, zone: &TimeZone) -> Option<i128> {
    let zoned = || text.parse::<jiff::Zoned>().ok().map(|t| t.timestamp());
    let with_offset = || text.parse::<jiff::Timestamp>().ok();
    let without_zone = || {
        let civil = text.parse::<jiff::civil::DateTime>().ok()?;
        civil.to_zoned(zone.clone()).ok().map(|t| t.timestamp())
    };
    zoned().or_else(with_offset).or_else(without_zone).map(jiff::Timestamp::as_nanosecond)
}

/// `h:m:s`, `m:s`; only the last part may have a fraction, only the first may be 60 or more.
fn secs_of_colons(text: &str) -> Option<f64> {
    let parts: Vec<&str> = text.split(':').collect();
    if !(2..=3).contains(&parts.len()) {
        return None;
    }
    let mut secs = 0.0;
    for (i, part) in parts.iter().enumerate() {
        let last = i + 1 == parts.len();
        let value = if last { unsigned_decimal(part)? } else { part.parse::<u32>().ok()?.into() };
        if i > 0 && value >= 60.0 {
            return None;
        }
        secs = secs * 60.0 + value;
    }
    Some(secs)
}

/// `3m20s`, `1 h 02 m`, `250ms`, `12.5` (seconds): units in falling order, each once.
fn secs_of_units(text: &str) -> Option<f64> {
    const UNITS: [(&[&str], f64); 7] = [
        (&["d"], 86_400.0),
        (&["h"], 3600.0),
        (&["m", "min"], 60.0),
        (&["s"], 1.0),
        (&["ms"], 1e3),
        (&["us", "µs", "μs"], 1e6),
        (&["ns"], 1e9),
    ];
    if let Some(secs) = unsigned_decimal(text) {
        return Some(secs);
    }
    let mut rest = text;
    let mut secs = 0.0;
    let mut next_unit = 0;
    while !rest.is_empty() {
        let number_len = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let value = unsigned_decimal(&rest[..number_len])?;
        rest = rest[number_len..].trim_start();
        let unit_len = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        let unit = UNITS.iter().position(|(names, _)| names.contains(&&rest[..unit_len]))?;
        if unit < next_unit {
            return None;
        }
        next_unit = unit + 1;
        // Below a second the factor divides, so that `250ms` is the same number as `0.25s`.
        secs += if unit > 3 { value / UNITS[unit].1 } else { value * UNITS[unit].1 };
        rest = rest[unit_len..].trim_start();
    }
    (!text.is_empty()).then_some(secs)
}

/// `A..B` as it was written: half-open, either end may be absent.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct TimeRange {
    pub start: Option<Time>,
    pub end: Option<Time>,
}

impl FromStr for TimeRange {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse_in(text, &TimeZone::UTC)
    }
}

impl TimeRange {
    /// Reads a range of which dates without a zone are those of `zone`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] when it is none, is empty, or ends before it starts.
    pub fn parse_in(text: &str, zone: &TimeZone) -> Result<Self> {
        if text.contains("...") {
            return Err(Error::invalid(format!("the range '{text}' has a dot too many"))
                .with_remedy("write it as A..B, with two dots between the ends"));
        }
        let Some((start, end)) = text.split_once("..") else {
            return Err(Error::invalid(format!("'{text}' is not a range"))
                .with_remedy("write it as A..B, A.. or ..B, for example 10s..3m20s or #0..#30000"));
        };
        let end_of = |text: &str| if text.trim().is_empty() { Ok(None) } else { Time::parse_in(text, zone).map(Some) };
        let range = Self { start: end_of(start)?, end: end_of(end)? };
        let reversed = match (range.start, range.end) {
            (Some(Time::Secs(a)), Some(Time::Secs(b))) => a > b,
            (Some(Time::Frame(a)), Some(Time::Frame(b))) => a > b,
            (Some(Time::Clock(a)), Some(Time::Clock(b))) => a > b,
            _ => false,
        };
        if reversed {
            return Err(Error::invalid(format!("the range '{text}' ends before it starts")));
        }
        if range.start.is_some() && range.start == range.end {
            return Err(Error::invalid(format!("the range '{text}' is empty"))
                .with_remedy("its end is not part of it: give a later one"));
        }
        Ok(range)
    }

    /// The stored frames that are meant, out of `frames`: each end at the nearest tick, an end inside a gap at the first
    /// frame behind it, an end outside the recording at the recording's end.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] when no frame is meant (it lies outside, in a gap, or is shorter than a frame), or when a
    /// clock time is used with a recording that has none.
    pub fn frames(&self, clock: &TimeBase, frames: u64) -> Result<Range<u64>> {
        let start = match self.start {
            Some(time) => time.frame(clock)?.unwrap_or(0),
            None => 0,
        };
        let end = match self.end {
            Some(time) => time.frame(clock)?.unwrap_or(0),
            None => frames,
        };
        let length = || {
            let whole = format!("the recording has {} frames", count(frames));
            if clock.rate_known() { format!("{whole}, {}", time(clock.secs_at_end(frames), 3)) } else { whole }
        };
        if frames > 0 && self.start.is_some() && start >= frames {
            let end = if clock.rate_known() {
                duration(clock.secs_at_end(frames))
            } else {
                format!("{} frames", count(frames))
            };
            return Err(Error::invalid(format!("the range starts after the end of the recording ({end})"))
                .with_remedy(length()));
        }
        if start > end {
            return Err(Error::invalid("the range ends before it starts").with_remedy(length()));
        }
        if frames > 0 && (start >= frames || (end == 0 && self.end.is_some())) {
            return Err(Error::invalid("the range lies outside the recording").with_remedy(length()));
        }
        if start == end && frames > 0 {
            return Err(Error::invalid("the range holds no frame: it lies in a gap or is shorter than a frame")
                .with_remedy(length()));
        }
        Ok(start.min(frames)..end.min(frames))
    }
}

/// The indices that a list of channels means, in its order and each once: `all`, indices and ranges of them (`0-3,7`,
/// `3-0` backwards), ids and names (exactly as they are shown; numbers are always indices, `id:7` and `name:7` are not).
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] naming the part that means no channel, or several.
pub fn parse_channels(text: &str, channels: &[Channel]) -> Result<Vec<usize>> {
    if text.trim().eq_ignore_ascii_case("all") {
        return Ok((0..channels.len()).collect());
    }
    let mut list = Vec::new();
    let mut taken = vec![false; channels.len()];
    for part in text.split(',').map(str::trim) {
        let (first, last) = match indices(part) {
            Some(range) => range,
            None => named(part, channels).map(|i| (i as u64, i as u64))?,
        };
        if let Some(outside) = [first, last].into_iter().find(|&i| i >= channels.len() as u64) {
            return Err(Error::invalid(format!("there is no channel {outside}")).with_remedy(range_of(channels)));
        }
        let (first, last) = (first as usize, last as usize);
        let mut take = |i: usize| {
            if !std::mem::replace(&mut taken[i], true) {
                list.push(i);
            }
        };
        if first <= last { (first..=last).for_each(&mut take) } else { (last..=first).rev().for_each(&mut take) }
    }
    Ok(list)
}

fn indices(part: &str) -> Option<(u64, u64)> {
    let index = |text: &str| text.trim().parse::<u64>().ok().filter(|_| !text.trim().starts_with('+'));
    match part.split_once('-') {
        Some((a, b)) => Some((index(a)?, index(b)?)),
        None => index(part).map(|i| (i, i)),
    }
}

fn named(part: &str, channels: &[Channel]) -> Result<usize> {
    let by_id = |id: &str| channels.iter().position(|c| c.id == id);
    let by_name = |name: &str| -> Option<Result<usize>> {
        let mut same = channels.iter().enumerate().filter(|(_, c)| c.name == name).map(|(i, _)| i);
        let first = same.next()?;
        Some(if same.next().is_some() {
            Err(Error::invalid(format!("several channels are called '{name}'")).with_remedy("give the index instead"))
        } else {
            Ok(first)
        })
    };
    by_id(part)
        .map(Ok)
        .or_else(|| by_name(part))
        .or_else(|| part.strip_prefix("id:").and_then(by_id).map(Ok))
        .or_else(|| part.strip_prefix("name:").and_then(by_name))
        .unwrap_or_else(|| {
            let what = if part.is_empty() {
                "a channel is missing in the list".to_owned()
            } else {
                format!("there is no channel '{part}'")
            };
            Err(Error::invalid(what).with_remedy(range_of(channels)))
        })
}

fn range_of(channels: &[Channel]) -> String {
    match channels {
        [] => "the stream has no channels".to_owned(),
        [only] => format!("the stream has one: 0 ({})", only.name),
        [first, .., last] => format!("use 0 ({}) to {} ({}), or 'all'", first.name, channels.len() - 1, last.name),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::recording::ClockSpan;

    fn secs(text: &str) -> f64 {
        match text.parse() {
            Ok(Time::Secs(secs)) => secs,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn bytes_are_read() {
        for (text, value) in [
            ("256MiB", 256 << 20),
            ("1.5GB", 1_500_000_000),
            ("1073741824", 1 << 30),
            ("1 kb", 1000),
            ("64k", 65_536),
            ("2G", 2 << 30),
            ("18446744073709551615", u64::MAX),
            ("17B", 17),
            (" 0.5 KiB ", 512),
        ] {
            assert_eq!(parse_bytes(text).unwrap(), value, "{text}");
        }
        for text in ["", "MiB", "-1", "1e9", "12 apples", "1.2.3", "20EiB", "99999999999999999999", "1Mi", "inf", "１"]
        {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_read() {
        for (text, value) in [
            ("12.5s", 12.5),
            ("3m20s", 200.0),
            ("1h2m", 3720.0),
            ("01:02:03.5", 3723.5),
            ("02:03.5", 123.5),
            ("250ms", 0.25),
            ("12.5", 12.5),
            ("17 h 00 m", 61_200.0),
            ("2 d 03 h", 183_600.0),
            ("5min", 300.0),
            ("100:00:00", 360_000.0),
            ("1s500ms", 1.5),
            ("33µs", 33e-6),
        ] {
            assert_eq!(secs(text), value, "{text}");
        }
        assert_eq!("#30000".parse::<Time>().unwrap(), Time::Frame(30_000));
        for text in [
            "",
            "s",
            "12x",
            "-3s",
            "1s2m",
            "1m1m",
            "1:60",
            "1:2:3:4",
            "#-1",
            "#",
            "1e3s",
            "nan",
            "inf",
            ":",
            "1:",
            "3m20",
            "2026-13-01",
        ] {
            assert!(text.parse::<Time>().is_err(), "{text}");
        }
    }

    #[test]
    fn clock_times_are_read() {
        let noon = Time::Clock(1_777_636_800_000_000_000);
        for text in [
            "2026-05-01T12:00:00Z",
            "2026-05-01T12:00:00",
            "2026-05-01 12:00",
            "2026-05-01T14:00:00+02:00",
            "2026-05-01T12:00:00.000000000Z",
        ] {
            assert_eq!(text.parse::<Time>().unwrap(), noon, "{text}");
        }
        assert_eq!("2026-05-01".parse::<Time>().unwrap(), Time::Clock(1_777_593_600_000_000_000));
        // Without an offset in the zone that is asked for; with one as it says.
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        for text in ["2026-05-01T14:00:00", "2026-05-01 12:00Z", "2026-05-01T14:00+02:00[Europe/Berlin]"] {
            assert_eq!(Time::parse_in(text, &berlin).unwrap(), noon, "{text}");
        }
        assert_eq!(Time::parse_in("#1 000\u{a0}000", &berlin).unwrap(), Time::Frame(1_000_000));
    }

    #[test]
    fn ranges_mean_frames() {
        let regular = TimeBase::regular(1000.0);
        let frames = |text: &str, clock: &TimeBase| {
            text.parse::<TimeRange>().and_then(|r| r.frames(clock, 10_000)).map_err(|e| e.to_string())
        };
        for (text, range) in [
            ("..", 0..10_000),
            ("1s..2s", 1000..2000),
            ("..2s", 0..2000),
            ("8s..", 8000..10_000),
            ("0.0004..0.0016", 0..2),
            ("#5..#7", 5..7),
            ("9s..1h", 9000..10_000),
            ("#5..1s", 5..1000),
            ("0..3:00", 0..10_000),
        ] {
            assert_eq!(frames(text, &regular), Ok(range), "{text}");
        }
        for text in ["10s..", "2s..1s", "#7..#5", "1s..1s", "..0", "#9..3ms", "11s..12s", "5s", "2026-05-01..", "..#0"]
        {
            assert!(frames(text, &regular).is_err(), "{text}");
        }

        // Ticks 2000 to 4999 are missing; the recording began at noon.
        let spans =
            vec![ClockSpan { first_frame: 0, first_tick: 0 }, ClockSpan { first_frame: 2000, first_tick: 5000 }];
        let gappy = TimeBase::with_spans(1000.0, spans).starting_at(1_777_636_800_000_000_000);
        for (text, range) in [
            ("1s..3s", 1000..2000),
            ("3s..6s", 2000..3000),
            ("2026-05-01T12:00:01..2026-05-01T12:00:06", 1000..3000),
            ("2026-05-01T11:00:00Z..1s", 0..1000),
        ] {
            assert_eq!(frames(text, &gappy), Ok(range), "{text}");
        }
        assert!(frames("100s..", &regular).unwrap_err().contains("after the end of the recording (10 s)"));
        assert!(frames("1s...2s", &regular).unwrap_err().contains("a dot too many"));
        assert!(frames("1s..1s", &regular).unwrap_err().contains("is empty"));
        assert!(frames("3s..4s", &gappy).unwrap_err().contains("gap"));
        assert!(frames("..2026-05-01T11:00:00Z", &gappy).unwrap_err().contains("outside"));
        assert_eq!("..".parse::<TimeRange>().unwrap().frames(&regular, 0).unwrap(), 0..0);
    }

    #[test]
    fn channel_lists() {
        let mut channels: Vec<Channel> = (0..8).map(Channel::numbered).collect();
        channels[2].name = "Fp1-Ref".to_owned();
        channels[3].id = "hw 17".to_owned();
        channels[4].name = "same".to_owned();
        channels[5].name = "same".to_owned();
        channels[6].name = "0".to_owned();
        for (text, list) in [
            ("all", (0..8).collect()),
            ("0-3,7", vec![0, 1, 2, 3, 7]),
            ("3-1", vec![3, 2, 1]),
            ("1,1,0-2", vec![1, 0, 2]),
            (" 5 , hw 17,Fp1-Ref", vec![5, 3, 2]),
            ("0,name:0", vec![0, 6]),
            ("id:7", vec![7]),
            ("ch 1", vec![1]),
        ] {
            assert_eq!(parse_channels(text, &channels).unwrap(), list, "{text}");
        }
        for text in ["", "8", "0-18446744073709551615", "0,,1", "same", "nobody", "-1", "1-", "99999999999999999999"] {
            assert!(parse_channels(text, &channels).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn written_bytes_are_read_back(value: u64) {
            let read = parse_bytes(&bytes(value)).unwrap_or(u64::MAX) as f64;
            prop_assert!((read - value as f64).abs() <= 0.006 * value as f64);
            prop_assert_eq!(parse_bytes(&value.to_string()).unwrap(), value);
        }

        #[test]
        fn written_times_are_read_back(value in 0.0..1e7_f64, decimals in 1_usize..7) {
            let half_a_digit = 0.5 / 10_f64.powi(decimals as i32) + 1e-8;
            prop_assert!((secs(&time(value, decimals)) - value).abs() <= half_a_digit);
        }

        #[test]
        fn written_durations_are_read_back(exponent in -6.0..7.0_f64) {
            let value = 10_f64.powf(exponent);
            let unit = if value < 59.95 { value * 0.006 } else if value < 3600.0 { 0.5 } else if value < 86_400.0 { 30.0 } else { 1800.0 };
            let read = secs(&duration(value));
            prop_assert!((read - value).abs() <= unit + 1e-9, "{} read as {}", duration(value), read);
        }

        #[test]
        fn written_clock_times_are_read_back(ns in -2_000_000_000_000_000_000_i128..4_000_000_000_000_000_000) {
            let Ok(Time::Clock(read)) = clock(ns).unwrap().parse() else { panic!() };
            prop_assert!((read - ns).abs() <= 500_000);
        }

        #[test]
        fn frames_and_their_times_mean_the_same_range(
            rate in prop::sample::select(vec![1.0, 250.0, 24_414.062_5, 30_000.0, 1e6]),
            a in 0_u64..100_000_000, len in 1_u64..100_000_000,
        ) {
            let clock = TimeBase::regular(rate);
            let written = format!("{}s..{}s", clock.secs_of_frame(a), clock.secs_of_frame(a + len));
            let range: TimeRange = written.parse().unwrap();
            prop_assert_eq!(range.frames(&clock, u64::MAX).unwrap(), a..a + len);
        }

        #[test]
        fn nothing_that_is_typed_panics(text in "[-0-9a-zA-Z:.#, µ]{0,24}") {
            drop(parse_bytes(&text));
            drop(text.parse::<Time>());
            if let Ok(range) = text.parse::<TimeRange>() {
                drop(range.frames(&TimeBase::regular(30_000.0), 1000));
            }
            drop(parse_channels(&text, &[Channel::numbered(0)]));
        }
    }
}
