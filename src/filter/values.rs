//! Frequencies and lengths of time as they are typed, and what they are in a stream.

use crate::error::{Error, Result};
use crate::recording::Stream;

/// Frequencies: `300`, `300Hz`, `6k`, `6 kHz`.
pub(super) fn hz(text: &str) -> Result<f64> {
    let bad = || {
        Error::invalid(format!("'{}' is no frequency", text.trim()))
            .with_remedy("use a number above zero, such as 300 or 6kHz")
    };
    let number = text.trim();
    let lower = number.to_ascii_lowercase();
    let number = number[..number.len() - if lower.ends_with("hz") { 2 } else { 0 }].trim_end();
    let (number, factor) = match number.strip_suffix('k') {
        Some(rest) => (rest, 1e3),
        None => number.strip_suffix('M').map_or((number, 1.0), |rest| (rest, 1e6)),
    };
    let value = number.trim().parse::<f64>().map_err(|_not_a_number| bad())? * factor;
    if value.is_finite() && value > 0.0 { Ok(value) } else { Err(bad()) }
}

/// `A..B`, `A` below `B`.
pub(super) fn band(text: &str) -> Result<(f64, f64)> {
    let Some((low, high)) = text.split_once("..") else {
        return Err(
            Error::invalid(format!("'{text}' is no band")).with_remedy("write its two edges in Hz, such as 300..6000")
        );
    };
    let (low, high) = (hz(low)?, hz(high)?);
    if low < high {
        return Ok((low, high));
    }
    Err(Error::invalid(format!("the band {text} has its lower edge at or above its upper one"))
        .with_remedy(format!("the lower edge comes first: {high}..{low}")))
}

/// The rate of `stream`, which a filter must know.
pub(super) fn rate(stream: &Stream, what: &str) -> Result<f64> {
    if stream.time.rate_known() {
        return Ok(stream.time.rate_hz());
    }
    Err(Error::invalid(format!("{what} needs the rate of '{}', which is not known", stream.name))
        .with_remedy("give it in Hz (--rate 30000)"))
}

/// A cut-off as a fraction of the Nyquist frequency.
pub(super) fn fraction(hz: f64, stream: &Stream, what: &str) -> Result<f64> {
    let nyquist = rate(stream, what)? / 2.0;
    if hz < nyquist {
        return Ok(hz / nyquist);
    }
    Err(Error::invalid(format!(
        "{what} at {hz} Hz is not below the Nyquist frequency of '{}', {nyquist} Hz",
        stream.name
    ))
    .with_remedy(format!("choose a frequency below {nyquist} Hz")))
}

/// A length: of time, or in frames.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Length {
    Secs(f64),
    Frames(u64),
}

/// Lengths: `5ms`, `0.5s`, `200us`, `2`, (seconds), `#150` (frames).
pub(super) fn length(text: &str) -> Result<Length> {
    let bad = || {
        Error::invalid(format!("'{}' is no length of time", text.trim()))
            .with_remedy("use a number above zero with its unit, such as 5ms or 1s, or #150 for frames")
    };
    let text = text.trim();
    if let Some(frames) = text.strip_prefix('#') {
        return frames.trim().parse().ok().filter(|&n| n > 0).map(Length::Frames).ok_or_else(bad);
    }
    let units = [("ms", 1e-3), ("us", 1e-6), ("µs", 1e-6), ("s", 1.0)];
    let (number, factor) =
        units.into_iter().find_map(|(unit, f)| Some((text.strip_suffix(unit)?, f))).unwrap_or((text, 1.0));
    let secs = number.trim().parse::<f64>().map_err(|_not_a_number| bad())? * factor;
    if secs.is_finite() && secs > 0.0 { Ok(Length::Secs(secs)) } else { Err(bad()) }
}

impl Length {
    /// In frames of `stream`, to the nearest, at least one.
    pub(super) fn frames(self, stream: &Stream, what: &str) -> Result<u64> {
        match self {
            Self::Frames(frames) => Ok(frames),
            Self::Secs(secs) => Ok(((secs * rate(stream, what)?).round() as u64).max(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_and_lengths_are_read() {
        for (text, value) in
            [("300", 300.0), ("0.5Hz", 0.5), ("6k", 6e3), ("6 kHz", 6e3), (" 2MHz ", 2e6), ("1e2hz", 100.0)]
        {
            assert_eq!(hz(text).unwrap(), value, "{text}");
        }
        for text in ["", "Hz", "x", "0", "-3", "inf", "1e300k0", "1e308k", "µHz"] {
            assert!(hz(text).is_err(), "{text}");
        }
        assert_eq!(band("300..6k").unwrap(), (300.0, 6000.0));
        assert_eq!(length("5ms").unwrap(), Length::Secs(0.005));
        assert_eq!(length("#150").unwrap(), Length::Frames(150));
        assert_eq!(length("200µs").unwrap(), Length::Secs(200.0 * 1e-6));
        for text in ["", "ms", "#0", "#-1", "-1s", "nan", "#1.5"] {
            assert!(length(text).is_err(), "{text}");
        }
    }
}
