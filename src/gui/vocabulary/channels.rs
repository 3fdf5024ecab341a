//! Heights, and which channels are shown.

use super::*;

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
    verb("all-channels", HEIGHT, "Show all channels", "A", |_| one(Command::Channels(ChannelCommand::ShowAll(true)))),
    with(
        "LIST",
        verb("channels", HEIGHT, "Show only these channels: 0-3,7, ids or names", "", |w| {
            let hide = Command::Channels(ChannelCommand::ShowAll(false));
            let show = w.channels()?.into_iter().map(|c| Command::Channels(ChannelCommand::Show(c, true)));
            Ok(std::iter::once(hide).chain(show).collect())
        }),
    ),
    with(
        "LIST",
        verb("hide", HEIGHT, "Hide these channels", "", |w| {
            Ok(w.channels()?.into_iter().map(|c| Command::Channels(ChannelCommand::Show(c, false))).collect())
        }),
    ),
];
