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
        Self::between(end_of(start)?, end_of(end)?, text)
    }

    /// The range from `start` to `end`, which was written as `text`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] when it is empty or ends before it starts.
    pub fn between(start: Option<Time>, end: Option<Time>, text: &str) -> Result<Self> {
        let range = Self { start, end };
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
mod tests;
