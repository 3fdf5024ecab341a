//! Which lines a decoder looks at: names become channels, bits of channels, and digital lines of the file.

use super::edges::Rule;
use super::{Input, levels};
use crate::error::{Error, Result};
use crate::form::Settings;
use crate::recording::{Recording, Stream};
use crate::text::parse_channels;

/// Names that an error lists.
const LISTED: usize = 12;

/// One line.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Line {
    /// The setting that names it: `clk`.
    pub(super) role: &'static str,
    /// The channel in the stream; for a track, the number of channels plus the number of the track.
    pub(super) channel: usize,
    pub(super) rule: Rule,
    /// Low is high and high is low.
    pub(super) invert: bool,
}

/// The lines of one decoder, in its order.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Lines {
    pub(super) list: Vec<Line>,
    /// The channels that they are read from, each once.
    pub(super) channels: Vec<usize>,
}

/// Where a line comes from, before its levels are known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Origin {
    Channel(usize),
    Bit(usize, u8),
    Track(usize),
}

impl Lines {
    /// The lines that the settings called `roles` name, those that are not given left out. An optional line that stays at
    /// one level takes the threshold of the first, whose levels must be plain.
    ///
    /// # Errors
    /// When a name means nothing here, or the levels of the first line cannot be told apart.
    pub(super) fn new(input: &Input<'_>, roles: &[(&'static str, String)], invert: bool) -> Result<Self> {
        let recording = input.source.recording();
        let stream = input.selection.stream_in(recording)?;
        let mut list: Vec<Line> = vec![];
        for (role, text) in roles {
            let line = |channel, rule| Line { role, channel, rule, invert };
            let made = match origin(text, recording, stream)? {
                Origin::Track(track) => line(stream.channels.len() + track, Rule::Track { track }),
                Origin::Bit(channel, bit) => line(channel, Rule::Bit { bit }),
                Origin::Channel(channel) => {
                    let known = list.first().filter(|first| same_unit(first, channel, stream)).map(|first| first.rule);
                    line(channel, levels::rule(input, channel, known)?)
                }
            };
            if let Some(same) = list.iter().find(|l| l.channel == made.channel && l.rule == made.rule) {
                return Err(Error::invalid(format!("--{} and --{role} name the same line", same.role))
                    .with_remedy("name a line of its own for each"));
            }
            list.push(made);
        }
        let mut channels: Vec<usize> =
            list.iter().filter(|line| !matches!(line.rule, Rule::Track { .. })).map(|line| line.channel).collect();
        channels.sort_unstable();
        channels.dedup();
        Ok(Self { list, channels })
    }

    /// What JSON says of them.
    pub(super) fn json(&self, recording: &Recording, stream: &Stream) -> serde_json::Value {
        let lines = self.list.iter().map(|line| {
            let mut json = serde_json::json!({ "role": line.role, "name": line.plain_name(recording, stream) });
            match line.rule {
                Rule::Analog { middle, width } => {
                    json["threshold"] = middle.into();
                    json["hysteresis"] = width.into();
                    json["unit"] = stream.channels[line.channel].unit.as_str().into();
                }
                Rule::Bit { bit } => json["bit"] = bit.into(),
                Rule::Track { .. } => {}
            }
            json
        });
        lines.collect()
    }
}

fn same_unit(first: &Line, channel: usize, stream: &Stream) -> bool {
    stream.channels.get(first.channel).is_some_and(|c| c.unit == stream.channels[channel].unit)
}

impl Line {
    fn plain_name<'r>(&self, recording: &'r Recording, stream: &'r Stream) -> &'r str {
        match self.rule {
            Rule::Track { track } => &recording.events[track].name,
            _ => &stream.channels[self.channel].name,
        }
    }

    /// For people: `channel ch 0`, `bit 3 of channel port`, `line ECU_digital/Din1`.
    pub(super) fn name(&self, recording: &Recording, stream: &Stream) -> String {
        let name = self.plain_name(recording, stream);
        match self.rule {
            Rule::Analog { .. } => format!("channel {name}"),
            Rule::Bit { bit } => format!("bit {bit} of channel {name}"),
            Rule::Track { .. } => format!("line {name}"),
        }
    }
}

/// What the setting `name` says, or nothing if it is not given.
pub(super) fn given(settings: &Settings, name: &str) -> Option<String> {
    Some(settings.text(name).trim().to_owned()).filter(|text| !text.is_empty())
}

/// What `text` means: a channel by index, id or name; `CHANNEL:BIT`; a digital line by its name, or by what stands behind
/// the last `/` in it.
fn origin(text: &str, recording: &Recording, stream: &Stream) -> Result<Origin> {
    if let Some(channel) = channel(text, stream)? {
        return Ok(Origin::Channel(channel));
    }
    if let Some(track) = track(text, recording)? {
        return Ok(Origin::Track(track));
    }
    if let Some((front, bit)) = text.rsplit_once(':')
        && let Ok(bit) = bit.trim().parse::<u8>()
        && let Some(channel) = channel(front.trim(), stream)?
    {
        return bit_of(channel, bit, stream);
    }
    let mut names: Vec<String> =
        stream.channels.iter().take(LISTED).enumerate().map(|(i, c)| format!("{i} ({})", c.name)).collect();
    let more = stream.channels.len().saturating_sub(names.len());
    if more > 0 {
        names.push(format!("… and {more} more"));
    }
    names.extend(recording.events.iter().take(LISTED).map(|track| track.name.clone()));
    if recording.events.len() > LISTED {
        names.push("… (see longwave info)".to_owned());
    }
    let list =
        if names.is_empty() { "there is none here".to_owned() } else { format!("use one of: {}", names.join(", ")) };
    Err(Error::invalid(format!("there is no channel or digital line '{text}'")).with_remedy(list))
}

/// The one channel that `text` names, if it names any.
fn channel(text: &str, stream: &Stream) -> Result<Option<usize>> {
    match parse_channels(text, &stream.channels) {
        Ok(list) => match list[..] {
            [one] => Ok(Some(one)),
            _ => Err(Error::invalid(format!("'{text}' is not one channel")).with_remedy("name one line at a time")),
        },
        Err(_unknown) => Ok(None),
    }
}

fn track(text: &str, recording: &Recording) -> Result<Option<usize>> {
    let tracks = &recording.events;
    if let Some(whole) = tracks.iter().position(|track| track.name == text) {
        return Ok(Some(whole));
    }
    let short = |name: &str| name.rsplit_once('/').is_some_and(|(_, short)| short == text);
    let mut found = tracks.iter().enumerate().filter(|(_, track)| short(&track.name));
    let first = found.next();
    if let (Some((_, one)), Some((_, other))) = (first, found.next()) {
        return Err(Error::invalid(format!("'{text}' may be {} or {}", one.name, other.name))
            .with_remedy("give the whole name"));
    }
    Ok(first.map(|(i, _)| i))
}

/// `text` with the bit that `--bit` names, if it does.
pub(super) fn with_bit(text: String, bit: Option<u64>) -> String {
    match bit {
        Some(bit) => format!("{text}:{bit}"),
        None => text,
    }
}

fn bit_of(channel: usize, bit: u8, stream: &Stream) -> Result<Origin> {
    let kind = stream.format.sample_type;
    if kind.is_float() {
        return Err(Error::invalid(format!("the samples are {}, which have no bits", kind.name()))
            .with_remedy("leave --bit out; use --threshold"));
    }
    let bits = kind.size() * 8;
    if usize::from(bit) >= bits {
        return Err(Error::invalid(format!("there is no bit {bit} in samples of {bits} bits"))
            .with_remedy(format!("use a bit from 0 to {}", bits - 1)));
    }
    Ok(Origin::Bit(channel, bit))
}
