//! What `find` was asked for, read from its settings: levels, durations and what is meant by their combination.

use crate::error::{Error, Result};
use crate::form::Settings;
use crate::recording::{Channel, TimeBase};
use crate::text::Time;

/// A level as it was typed.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Level {
    /// Physical, in the unit of the channel unless another is named.
    Absolute(f64, String),
    /// Robust standard deviations away from the median, on the side that is asked for.
    Robust(f64),
}

impl Level {
    /// Reads `120`, `-3.5`, `0.2mV`, `5sd`.
    pub(super) fn parse(name: &str, text: &str) -> Result<Self> {
        let text = text.trim();
        let bad = || {
            Error::invalid(format!("--{name} cannot be '{text}'")).with_remedy(
                "give a number in the unit of the channel (120, -3.5, 0.2mV) or robust standard deviations (5sd)",
            )
        };
        let is_number = |c: char| c.is_ascii_digit() || "+-.".contains(c);
        // The exponent of `1e3` belongs to the number, the `e` of a unit does not.
        let end = (0..=text.len())
            .rev()
            .filter(|&i| text.is_char_boundary(i))
            .find(|&i| text[..i].trim_end().parse::<f64>().is_ok() && text[..i].starts_with(is_number))
            .ok_or_else(bad)?;
        let value: f64 = text[..end].trim_end().parse().ok().ok_or_else(bad)?;
        let unit = text[end..].trim();
        if !value.is_finite() {
            return Err(bad());
        }
        match unit {
            "sd" | "SD" | "σ" => Ok(Self::Robust(value)),
            _ if unit.chars().any(|c| c.is_ascii_digit() || c == '-') => Err(bad()),
            _ => Ok(Self::Absolute(value, unit.to_owned())),
        }
    }

    /// The level in the unit of `channel`, if it is absolute.
    pub(super) fn absolute(&self, channel: &Channel) -> Result<Option<f64>> {
        let Self::Absolute(value, unit) = self else { return Ok(None) };
        if unit.is_empty() || plain(unit) == plain(&channel.unit) {
            return Ok(Some(*value));
        }
        match (volts(unit), volts(&channel.unit)) {
            (Some(from), Some(to)) => Ok(Some(value * from / to)),
            _ => {
                let known = if channel.unit.is_empty() { "no known unit" } else { &*channel.unit };
                Err(Error::invalid(format!(
                    "a level in '{unit}' cannot be compared with channel {}: {known}",
                    channel.name
                ))
                .with_remedy("give the level as a plain number, in the unit of the channel"))
            }
        }
    }
}

/// The name of a unit with one letter for micro.
fn plain(unit: &str) -> String {
    unit.replace(['µ', 'μ'], "u")
}

/// Volts in one of `unit`.
fn volts(unit: &str) -> Option<f64> {
    Some(match &*plain(unit) {
        "V" => 1.0,
        "mV" => 1e-3,
        "uV" => 1e-6,
        "nV" => 1e-9,
        _ => return None,
    })
}

/// Frames that last at least as long as `text` says: `1ms`, `0.5s`, `#30` (frames).
pub(super) fn frames(name: &str, text: &str, time: &TimeBase) -> Result<u64> {
    let bad = |what: &str| {
        Error::invalid(format!("--{name} cannot be '{text}': {what}"))
            .with_remedy("write a duration such as 1ms, 0.5s or #30 (frames)")
    };
    match text.parse::<Time>() {
        Ok(Time::Frame(frames)) => Ok(frames.max(1)),
        Ok(Time::Secs(_)) if !time.rate_known() => {
            Err(Error::invalid(format!("--{name} {text} means nothing while the rate of the recording is not known"))
                .with_remedy("give it in frames (#30), or tell the rate (--rate)"))
        }
        Ok(Time::Secs(secs)) if secs >= 0.0 && secs.is_finite() => {
            // 1 ms at 30 kHz is 30 frames, whatever the last bit of the product.
            Ok(((secs * time.rate_hz() * (1.0 - 1e-12)).ceil() as u64).clamp(1, 1 << 62))
        }
        Ok(Time::Secs(_)) => Err(bad("it is negative")),
        _ => Err(bad("it is not a duration")),
    }
}

/// The kinds of search, each with the setting that asks for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum What {
    Excursions,
    Edges,
    Spikes,
    Flat,
    Clipped,
    Missing,
    Like,
    Track,
}

/// Which kind is asked for.
pub(super) fn what(settings: &Settings) -> Result<What> {
    let given = |name: &str| !settings.text(name).trim().is_empty();
    let asked = [
        (What::Excursions, given("above") || given("below"), "--above/--below"),
        (What::Edges, settings.text("edges") != "none", "--edges"),
        (What::Spikes, given("spikes"), "--spikes"),
        (What::Flat, settings.flag("flat"), "--flat"),
        (What::Clipped, settings.flag("clipped"), "--clipped"),
        (What::Missing, settings.flag("missing"), "--missing"),
        (What::Like, given("like"), "--like"),
        (What::Track, given("track"), "--track"),
    ];
    let chosen: Vec<_> = asked.iter().filter(|a| a.1).collect();
    match chosen[..] {
        [one] => Ok(one.0),
        [] => Err(Error::invalid("nothing to find was named").with_remedy(
            "say what: --above X, --below X, --spikes K, --edges both, --flat, --clipped, --missing, --like A..B or --track NAME",
        )),
        _ => {
            let names: Vec<&str> = chosen.iter().map(|a| a.2).collect();
            Err(Error::invalid(format!("{} are different searches", names.join(" and "))).with_remedy("ask for one at a time"))
        }
    }
}

/// Refuses settings that no recording could make sense of.
pub(super) fn check(settings: &Settings) -> Result<()> {
    let what = what(settings)?;
    for name in ["above", "below", "threshold"] {
        let text = settings.text(name);
        if !text.trim().is_empty() {
            Level::parse(name, text)?;
        }
    }
    let any = TimeBase::regular(1.0);
    for name in ["for", "refractory"] {
        let text = settings.text(name);
        if !text.trim().is_empty() {
            frames(name, text, &any)?;
        }
    }
    for name in ["hysteresis", "spikes"] {
        let text = settings.text(name).trim();
        let least = if name == "spikes" { f64::MIN_POSITIVE } else { 0.0 };
        if !text.is_empty() && !text.parse::<f64>().is_ok_and(|x| x.is_finite() && x >= least) {
            return Err(Error::invalid(format!("--{name} cannot be '{text}'")).with_remedy(if name == "spikes" {
                "give how many times the noise a spike reaches at least, such as 5"
            } else {
                "give a number in the unit of the channel, 0 or more"
            }));
        }
    }
    if what == What::Like {
        settings.text("like").parse::<crate::text::TimeRange>()?;
    }
    if settings.flag("first") && settings.flag("last") {
        return Err(Error::invalid("--first and --last contradict each other").with_remedy("use one of them"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_with_their_units() {
        let read = |text: &str| Level::parse("above", text);
        let channel = |unit: &str| Channel { unit: unit.to_owned(), ..Channel::numbered(0) };
        assert_eq!(read("-3.5").unwrap(), Level::Absolute(-3.5, String::new()));
        assert_eq!(read("1e3").unwrap(), Level::Absolute(1000.0, String::new()));
        assert_eq!(read(" 5 sd ").unwrap(), Level::Robust(5.0));
        assert_eq!(read("0.2 mV").unwrap().absolute(&channel("uV")).unwrap().map(f64::round), Some(200.0));
        assert_eq!(read("7µV").unwrap().absolute(&channel("uV")).unwrap(), Some(7.0));
        assert!(read("7g").unwrap().absolute(&channel("uV")).is_err());
        for bad in ["", "x", "nan", "inf", "1 2", "5sd5", "--json"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_become_whole_frames() {
        let time = TimeBase::regular(30_000.0);
        for (text, expected) in [("1ms", 30), ("0", 1), ("#7", 7), ("1.01ms", 31), ("0.1s", 3000)] {
            assert_eq!(frames("for", text, &time).unwrap(), expected, "{text}");
        }
        assert!(frames("for", "1ms", &TimeBase::frames_only()).is_err());
        assert!(frames("for", "soon", &time).is_err());
    }
}
