//! Whether two files can be parts of one recording.

use crate::recording::{Channel, Recording, Stream};

/// What keeps `other` from going on where `first` ends, in words that fit behind a colon; `None` if nothing does.
///
/// Streams must agree in name, sample format, rate and channels (id, name, unit, gain, offset, group), event tracks in
/// name. A recording of a single stream calls it after its file, so that its name is not compared.
pub(super) fn difference(first: &Recording, other: &Recording) -> Option<String> {
    if first.format != other.format {
        return Some(format!("one is of the format {}, the other {}", first.format, other.format));
    }
    let names = |recording: &Recording| recording.streams.iter().map(|s| s.name.clone()).collect::<Vec<_>>();
    let (a, b) = (names(first), names(other));
    if a.len() != b.len() || (a.len() > 1 && a != b) {
        return Some(only_in("stream", &a, &b));
    }
    if let Some(text) = first.streams.iter().zip(&other.streams).find_map(|(a, b)| stream_difference(a, b)) {
        return Some(text);
    }
    let tracks = |recording: &Recording| recording.events.iter().map(|t| t.name.clone()).collect::<Vec<_>>();
    let (a, b) = (tracks(first), tracks(other));
    (a != b).then(|| only_in("event track", &a, &b))
}

/// The first name that only one of two lists has.
fn only_in(what: &str, a: &[String], b: &[String]) -> String {
    if let Some(name) = a.iter().find(|name| !b.contains(name)) {
        return format!("only the first has the {what} '{name}'");
    }
    if let Some(name) = b.iter().find(|name| !a.contains(name)) {
        return format!("only the second has the {what} '{name}'");
    }
    format!("their {what}s stand in a different order")
}

fn stream_difference(a: &Stream, b: &Stream) -> Option<String> {
    let name = &a.name;
    if a.format != b.format {
        let text = |s: &Stream| format!("{} ({:?}-endian)", s.format.sample_type.name(), s.format.byte_order);
        return Some(format!("the samples of '{name}' are {} in the first and {} in the second", text(a), text(b)));
    }
    if a.time.rate_known() != b.time.rate_known() {
        return Some(format!("only one tells the rate of '{name}'"));
    }
    let (rate_a, rate_b) = (a.time.rate_hz(), b.time.rate_hz());
    if (rate_a - rate_b).abs() > rate_a * 1e-9 {
        return Some(format!("the rate of '{name}' is {rate_a} Hz in the first and {rate_b} Hz in the second"));
    }
    if a.channels.len() != b.channels.len() {
        return Some(format!(
            "'{name}' has {} channels in the first and {} in the second",
            a.channels.len(),
            b.channels.len()
        ));
    }
    a.channels.iter().zip(&b.channels).enumerate().find_map(|(i, (a, b))| {
        let (what, a, b) = channel_difference(a, b)?;
        Some(format!("the {what} of channel {i} of '{name}' is {a} in the first and {b} in the second"))
    })
}

fn channel_difference(a: &Channel, b: &Channel) -> Option<(&'static str, String, String)> {
    let texts =
        [("id", &a.id, &b.id), ("name", &a.name, &b.name), ("unit", &a.unit, &b.unit), ("group", &a.group, &b.group)];
    if let Some((what, a, b)) = texts.into_iter().find(|(_, a, b)| a != b) {
        return Some((what, format!("'{a}'"), format!("'{b}'")));
    }
    let numbers = [("gain", a.scale.gain, b.scale.gain), ("offset", a.scale.offset, b.scale.offset)];
    let (what, a, b) = numbers.into_iter().find(|(_, a, b)| a != b)?;
    Some((what, a.to_string(), b.to_string()))
}
