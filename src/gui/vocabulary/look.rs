//! Moving about in time.

use super::*;
use crate::gui::reading::ReadCommand;

/// One step of the arrow keys, as a share of the screen.
const STEP: f64 = 0.1;
/// One step of zooming by key.
const ZOOM: f64 = 2.0;
const LOOK: &str = "Look around";

pub(super) const VERBS: &[Verb] = &[
    verb("fit", LOOK, "The whole recording", "F", |_| view(ViewCommand::Fit)),
    verb("zoom-in", LOOK, "Zoom in about the middle", "Ctrl+Plus, Ctrl+Equals", |_| {
        view(ViewCommand::ZoomCentre(ZOOM))
    }),
    verb("zoom-out", LOOK, "Zoom out about the middle", "Ctrl+Minus", |_| view(ViewCommand::ZoomCentre(1.0 / ZOOM))),
    with(
        "FACTOR",
        verb("zoom", LOOK, "Zoom by a factor", "", |w| {
            let factor = w.number()?;
            view(ViewCommand::ZoomCentre(factor))
        }),
    ),
    verb("step-left", LOOK, "A tenth of the screen back", "ArrowLeft", |_| view(ViewCommand::Page(-STEP))),
    verb("step-right", LOOK, "A tenth of the screen on", "ArrowRight", |_| view(ViewCommand::Page(STEP))),
    verb("page-left", LOOK, "A screen back", "PageUp, Shift+ArrowLeft", |_| view(ViewCommand::Page(-1.0))),
    verb("page-right", LOOK, "A screen on", "PageDown, Shift+ArrowRight", |_| view(ViewCommand::Page(1.0))),
    with("SCREENS", verb("pan", LOOK, "By so many screens", "", |w| view(ViewCommand::Page(w.number()?)))),
    verb("start", LOOK, "The start of the recording", "Home", |_| view(ViewCommand::Start)),
    verb("end", LOOK, "The end of the recording", "End", |_| view(ViewCommand::End)),
    verb("follow", LOOK, "Keep the end of a growing recording in view, or not", "Shift+F", |w| {
        let follows = w.open()?.live.follow;
        view(ViewCommand::Follow(!follows))
    }),
    verb("go-to", LOOK, "Ask for a time, frame or clock time to go to", "G, Ctrl+G", |_| {
        panel(PanelCommand::GoToForm(true))
    }),
    with(
        "TIME",
        verb("go", LOOK, "Go to a time, #frame or clock time", "", |w| {
            view(ViewCommand::GoTo(w.rest.trim().to_owned()))
        }),
    ),
    with(
        "A..B",
        verb("show", LOOK, "Show a range", "", |w| {
            let ticks = w.range()?;
            view(ViewCommand::Range(ticks.start as f64..ticks.end as f64))
        }),
    ),
    verb("next-gap", LOOK, "The next gap", "J", |_| view(ViewCommand::Gap(GapStep::Next))),
    verb("previous-gap", LOOK, "The gap before", "Shift+J", |_| view(ViewCommand::Gap(GapStep::Previous))),
    verb("back", LOOK, "The view before", "Backspace, Alt+ArrowLeft", |_| view(ViewCommand::Back)),
    verb("forward", LOOK, "The view after it again", "Insert, Alt+ArrowRight", |_| view(ViewCommand::Forward)),
    verb("read-right", LOOK, "Read the traces with keys: a column on", "Ctrl+Shift+ArrowRight", |_| {
        view(ViewCommand::Read(ReadCommand::Columns(1)))
    }),
    verb("read-left", LOOK, "Read the traces with keys: a column back", "Ctrl+Shift+ArrowLeft", |_| {
        view(ViewCommand::Read(ReadCommand::Columns(-1)))
    }),
    verb("read-down", LOOK, "Read the traces with keys: the channel below", "Ctrl+Shift+ArrowDown", |_| {
        view(ViewCommand::Read(ReadCommand::Lanes(1)))
    }),
    verb("read-up", LOOK, "Read the traces with keys: the channel above", "Ctrl+Shift+ArrowUp", |_| {
        view(ViewCommand::Read(ReadCommand::Lanes(-1)))
    }),
    with(
        "TIME",
        verb("read-at", LOOK, "Put the reading cursor there: a time or #frame", "", |w| {
            let document = w.open()?;
            let rest = format!("{}..", w.rest.trim());
            let frames = rest.parse::<TimeRange>()?.frames(document.time(), document.shown().frames)?;
            view(ViewCommand::Read(ReadCommand::At(document.time().tick_of_frame(frames.start))))
        }),
    ),
    verb("read-off", LOOK, "Take the reading cursor away", "", |_| view(ViewCommand::Read(ReadCommand::Off))),
    verb("play", LOOK, "Scroll by itself, or stop", "Space", |w| {
        let playing = w.open()?.playing.is_some();
        view(ViewCommand::Play((!playing).then_some(1.0)))
    }),
    with(
        "SPEED",
        verb("play-at", LOOK, "Scroll by itself, at times the speed of time; 0 stops", "", |w| {
            let speed = w.number()?;
            view(ViewCommand::Play((speed != 0.0).then_some(speed)))
        }),
    ),
];
