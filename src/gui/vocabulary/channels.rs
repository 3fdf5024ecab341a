//! Heights, which channels are shown, in which order and how.

use super::*;
use crate::gui::channels::{Change, ColourBy, Display, HeatValue, Heights, Kind, Pick, SortBy, UNITS, colour_named};
use crate::gui::theme::{PALETTE_NAMES, palette};

/// One step of amplitude by key.
const AMPLITUDE: f64 = 1.25;
const HEIGHT: &str = "Amplitude and channels";

pub(super) const VERBS: &[Verb] = &[
    verb("higher", HEIGHT, "Higher traces", "Plus, Shift+Plus, Equals", |_| view(ViewCommand::Amplitude(AMPLITUDE))),
    verb("lower", HEIGHT, "Lower traces", "Minus", |_| view(ViewCommand::Amplitude(1.0 / AMPLITUDE))),
    verb("auto-height", HEIGHT, "Automatic height", "0", |_| view(ViewCommand::AmplitudeReset)),
    with(
        "FACTOR",
        verb("amplitude", HEIGHT, "All amplitudes times a factor", "", |w| {
            let factor = w.number()?;
            if factor <= 0.0 {
                return Err(Error::invalid("an amplitude must be above 0"));
            }
            view(ViewCommand::Amplitude(factor))
        }),
    ),
    with(
        "common|each|UNITS",
        verb("heights", HEIGHT, "Alike for each unit, each channel its own, or so many units for a lane", "", |w| {
            let heights = match w.rest.trim() {
                "common" => Heights::Common,
                "each" => Heights::Each,
                _ => match w.number().ok().filter(|units| UNITS.contains(units)) {
                    Some(per_lane) => Heights::Fixed(per_lane),
                    None => return Err(choice(w, "heights", "common, each, or a number above 0, from 1e-18 to 1e18")),
                },
            };
            channels(ChannelCommand::Heights(heights))
        }),
    ),
    with(
        "LANES",
        verb("overlap", HEIGHT, "How many lanes a trace may reach beyond its own", "", |w| {
            let lanes = w.number()?;
            if lanes < 0.0 {
                return Err(Error::invalid("a trace reaches over 0 lanes or more"));
            }
            channels(ChannelCommand::Overlap(lanes))
        }),
    ),
    verb("channel-up", HEIGHT, "Scroll up through the channels", "ArrowUp", |_| view(ViewCommand::ScrollLanes(-1.0))),
    verb("channel-down", HEIGHT, "Scroll down through the channels", "ArrowDown", |_| {
        view(ViewCommand::ScrollLanes(1.0))
    }),
    with(
        "FACTOR",
        verb("lanes", HEIGHT, "So many times as many channels on the screen", "", |w| {
            let factor = w.number()?;
            if factor <= 0.0 {
                return Err(Error::invalid("a factor must be above 0"));
            }
            view(ViewCommand::ZoomLanes(factor))
        }),
    ),
    verb("next-display", HEIGHT, "Stacked, butterfly or heat map", "D", |w| {
        let all = Display::ALL;
        let now = all.iter().position(|d| *d == w.open().map(|d| d.lanes.display).unwrap_or_default());
        channels(ChannelCommand::Display(all[(now.unwrap_or(0) + 1) % all.len()]))
    }),
    with(
        "stacked|butterfly|heat-map",
        verb("display", HEIGHT, "How channels are drawn", "", |w| {
            let display = Display::ALL.into_iter().find(|d| d.name() == w.rest.trim());
            let display = display.ok_or_else(|| choice(w, "display", "stacked, butterfly or heat-map"))?;
            channels(ChannelCommand::Display(display))
        }),
    ),
    with(
        "peak|peak-to-peak",
        verb("heat", HEIGHT, "What the colours of the heat map show", "", |w| {
            channels(ChannelCommand::Heat(match w.rest.trim() {
                "peak" => HeatValue::Peak,
                "peak-to-peak" => HeatValue::PeakToPeak,
                _ => return Err(choice(w, "kind of heat map", "peak or peak-to-peak")),
            }))
        }),
    ),
    verb("all-channels", HEIGHT, "Show all channels", "A", |_| one(Command::Channels(ChannelCommand::ShowAll(true)))),
    with(
        "LIST",
        verb("channels", HEIGHT, "Show only these channels: 0-3,7, ids or names", "", |w| {
            let hide = Command::Channels(ChannelCommand::ShowAll(false));
            let show = w.channels()?.into_iter().map(|c| Command::Channels(ChannelCommand::Show(c, true)));
            Ok(std::iter::once(hide).chain(show).collect())
        }),
    ),
    with("LIST", verb("hide", HEIGHT, "Hide these channels", "", |w| change(w.channels()?, Change::Visible(false)))),
    with(
        "LIST",
        verb("unhide", HEIGHT, "Show these channels too", "", |w| change(w.channels()?, Change::Visible(true))),
    ),
    with("GROUP", verb("hide-group", HEIGHT, "Hide a group", "", |w| change(group(w)?, Change::Visible(false)))),
    with("GROUP", verb("show-group", HEIGHT, "Show a group", "", |w| change(group(w)?, Change::Visible(true)))),
    verb("hide-bad", HEIGHT, "Hide the channels that 'analyse health' suggests as bad", "", |w| {
        if w.open()?.health().is_none() {
            return Err(
                Error::invalid("nobody has looked which channels are bad").with_remedy("run 'analyse health' first")
            );
        }
        channels(ChannelCommand::HideBad)
    }),
    with(
        "LIST GAIN",
        verb("gain", HEIGHT, "Height of these channels, times that of the others", "", |w| {
            let (list, gain) = list_and_number(w)?;
            if gain <= 0.0 {
                return Err(Error::invalid("a gain must be above 0").with_remedy("'invert' turns traces upside down"));
            }
            change(list, Change::Gain(gain))
        }),
    ),
    with(
        "LIST LANES",
        verb("offset", HEIGHT, "Move the traces of these channels so many lanes up", "", |w| {
            let (list, lanes) = list_and_number(w)?;
            change(list, Change::Offset(lanes))
        }),
    ),
    with(
        "LIST",
        verb("invert", HEIGHT, "Turn these channels upside down, or back", "", |w| {
            change(w.channels()?, Change::Invert)
        }),
    ),
    with(
        "LIST",
        verb("reset-channels", HEIGHT, "Gain 1, not moved, not upside down", "", |w| {
            change(w.channels()?, Change::Reset)
        }),
    ),
    with(
        "LIST COLOUR|auto",
        verb("colour", HEIGHT, "The colour of these channels: #rrggbb or a name", "", |w| {
            let (list, text) = list_and_word(w)?;
            let named = PALETTE_NAMES.iter().position(|name| name.eq_ignore_ascii_case(text));
            let colour = match (text, named) {
                ("auto", _) => None,
                (_, Some(i)) => Some(palette(i, true)),
                _ => Some(colour_named(text).ok_or_else(|| {
                    let names = PALETTE_NAMES.map(str::to_lowercase).join(", ");
                    Error::invalid(format!("'{text}' is no colour"))
                        .with_remedy(format!("use #rrggbb, auto, or one of: {names}"))
                })?),
            };
            change(list, Change::Colour(colour))
        }),
    ),
    with(
        "channel|group|shank|one",
        verb("colour-by", HEIGHT, "What colours follow", "", |w| {
            channels(ChannelCommand::ColourBy(match w.rest.trim() {
                "channel" => ColourBy::Channel,
                "group" => ColourBy::Group,
                "shank" => {
                    known_places(w)?;
                    ColourBy::Shank
                }
                "one" => ColourBy::One,
                _ => return Err(choice(w, "rule for colours", "channel, group, shank or one")),
            }))
        }),
    ),
    with(
        "LIST line|logic|auto",
        verb("kind", HEIGHT, "Draw these channels as lines or as logic levels", "", |w| {
            let (list, text) = list_and_word(w)?;
            let kind = match text {
                "line" => Kind::Analog,
                "logic" => Kind::Logic,
                "auto" => Kind::Auto,
                _ => return Err(choice(w, "kind", "line, logic or auto")),
            };
            change(list, Change::Kind(kind))
        }),
    ),
    with(
        "file|name|group|depth",
        verb("order", HEIGHT, "The order of channels", "", |w| {
            channels(ChannelCommand::Sort(match w.rest.trim() {
                "file" => SortBy::File,
                "name" => SortBy::Name,
                "group" => SortBy::Group,
                "depth" => {
                    known_places(w)?;
                    SortBy::Depth
                }
                _ => return Err(choice(w, "order", "file, name, group or depth")),
            }))
        }),
    ),
    with(
        "META.yml [PROBE]…",
        verb("probe", HEIGHT, "Sort by shank and depth, as a metadata file and those of its probes tell", "", |w| {
            w.open()?;
            // Names with spaces stand in quotes.
            let quoted = w.rest.trim().split('"').enumerate();
            let names =
                quoted.flat_map(|(i, part)| if i % 2 == 1 { vec![part] } else { part.split_whitespace().collect() });
            channels(ChannelCommand::ReadPlaces(names.map(PathBuf::from).collect()))
        }),
    ),
    with(
        "LIST CHANNEL|end",
        verb("move", HEIGHT, "Put these channels in front of another one", "", |w| {
            let (list, text) = list_and_word(w)?;
            let before = match text {
                "end" => None,
                _ => parse_channels(text, &w.open()?.shown().channels)?.first().copied(),
            };
            channels(ChannelCommand::Move(list, before))
        }),
    ),
    verb("move-up", HEIGHT, "Move the picked channels up", "Alt+ArrowUp", |_| {
        channels(ChannelCommand::Step { up: true })
    }),
    verb("move-down", HEIGHT, "Move the picked channels down", "Alt+ArrowDown", |_| {
        channels(ChannelCommand::Step { up: false })
    }),
    with(
        "LIST|none",
        verb("pick", HEIGHT, "Pick channels to move or change together", "", |w| {
            let pick = if w.rest.trim() == "none" { Pick::Nothing } else { Pick::These(w.channels()?) };
            channels(ChannelCommand::Pick(pick))
        }),
    ),
    with("GROUP|all", verb("fold", HEIGHT, "List only the name of a group", "", |w| fold(w, true))),
    with("GROUP|all", verb("unfold", HEIGHT, "List the channels of a group", "", |w| fold(w, false))),
    with(
        "all|none|NAMES",
        verb("tracks", HEIGHT, "Which event tracks of the recording have rows: names with commas between", "", tracks),
    ),
    verb("rasters", HEIGHT, "Rows of marks for the places found, or none", "R", |w| {
        let shown = w.open()?.lanes.events.found;
        channels(ChannelCommand::Rasters(!shown))
    }),
];

fn channels(command: ChannelCommand) -> Result<Vec<Command>> {
    one(Command::Channels(command))
}

fn change(list: Vec<usize>, change: Change) -> Result<Vec<Command>> {
    channels(ChannelCommand::Change(list, change))
}

fn choice(w: &Words<'_>, what: &str, choices: &str) -> Error {
    Error::invalid(format!("there is no {what} '{}'", w.rest.trim())).with_remedy(format!("use {choices}"))
}

/// `LIST WORD`.
fn list_and_word<'a>(w: &Words<'a>) -> Result<(Vec<usize>, &'a str)> {
    let text = w.rest.trim();
    let (list, word) = text
        .rsplit_once(char::is_whitespace)
        .ok_or_else(|| Error::invalid(format!("'{text}' is not channels and a value")).with_remedy("write 0-3,7 2"))?;
    Ok((parse_channels(list.trim(), &w.open()?.shown().channels)?, word))
}

fn list_and_number(w: &Words<'_>) -> Result<(Vec<usize>, f32)> {
    let (list, word) = list_and_word(w)?;
    let number = word.parse().ok().filter(|x: &f32| x.is_finite());
    Ok((list, number.ok_or_else(|| Error::invalid(format!("'{word}' is not a number")))?))
}

/// The channels of the group that is named.
fn group(w: &Words<'_>) -> Result<Vec<usize>> {
    let name = w.rest.trim();
    let all = &w.open()?.shown().channels;
    let members: Vec<usize> = (0..all.len()).filter(|&c| all[c].group.eq_ignore_ascii_case(name)).collect();
    if members.is_empty() {
        let mut names: Vec<&str> = all.iter().map(|c| c.group.as_str()).filter(|g| !g.is_empty()).collect();
        names.dedup();
        names.truncate(12);
        let remedy = if names.is_empty() {
            "the channels of this stream are in no groups".to_owned()
        } else {
            format!("use one of: {}", names.join(", "))
        };
        return Err(Error::invalid(format!("there is no group '{name}'")).with_remedy(remedy));
    }
    Ok(members)
}

fn fold(w: &Words<'_>, folded: bool) -> Result<Vec<Command>> {
    if w.rest.trim() == "all" {
        return channels(ChannelCommand::FoldAll(folded));
    }
    let first = group(w)?[0];
    channels(ChannelCommand::Fold(w.open()?.shown().channels[first].group.clone(), folded))
}

fn known_places(w: &Words<'_>) -> Result<()> {
    if w.open()?.knows_positions() {
        return Ok(());
    }
    Err(Error::invalid("the file does not tell where the contacts of this stream are").with_remedy(
        "order or colour them by name or group, or read it from a metadata file: probe META.yml PROBE.json",
    ))
}

fn tracks(w: &Words<'_>) -> Result<Vec<Command>> {
    let all = &w.open()?.recording().events;
    let wanted: Vec<&str> = match w.rest.trim() {
        "all" => all.iter().map(|t| t.name.as_str()).collect(),
        "none" => Vec::new(),
        names => names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect(),
    };
    if let Some(unknown) = wanted.iter().find(|name| all.iter().all(|t| t.name != **name)) {
        let mut names: Vec<&str> = all.iter().map(|t| t.name.as_str()).collect();
        names.truncate(12);
        let remedy = if names.is_empty() {
            "the recording holds no event tracks".to_owned()
        } else {
            format!("use all, none, or some of: {}", names.join(", "))
        };
        return Err(Error::invalid(format!("there is no event track '{unknown}'")).with_remedy(remedy));
    }
    let show = |t: &crate::recording::EventTrack| {
        Command::Channels(ChannelCommand::Track(t.name.clone(), wanted.contains(&t.name.as_str())))
    };
    Ok(all.iter().map(show).collect())
}
