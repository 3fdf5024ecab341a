//! The window and its panels.

use eframe::egui::ThemePreference;

use super::*;
use crate::gui::dock::{MAX_ZOOM, MIN_ZOOM, Pane, PaneChange, pane_named};

const WINDOW: &str = "Window";

pub(super) const VERBS: &[Verb] = &[
    always(verb(
        "undo",
        WINDOW,
        "Undo the last change: annotation, channels, selection, filters, …",
        "Ctrl+Z",
        |_| one(Command::Timeline(TimelineCommand::Undo)),
    )),
    always(verb("redo", WINDOW, "Do again what was undone", "Ctrl+Shift+Z, Ctrl+Y", |_| {
        one(Command::Timeline(TimelineCommand::Redo))
    })),
    always(verb("palette", WINDOW, "Find and run any command by its name", "Ctrl+P, Ctrl+Shift+P, Colon", |_| {
        panel(PanelCommand::Palette(true))
    })),
    verb("next-time-format", WINDOW, "Seconds, h:m:s, clock or frames", "T", |_| panel(PanelCommand::NextTimeFormat)),
    with(
        "automatic|seconds|h:m:s|clock|frames",
        verb("time", WINDOW, "How times are written", "", |w| {
            let wanted = w.rest.trim();
            let format = TimeFormat::ALL.into_iter().find(|f| f.title().eq_ignore_ascii_case(wanted));
            let format = format
                .ok_or_else(|| Error::invalid("times are written as automatic, seconds, h:m:s, clock or frames"))?;
            panel(PanelCommand::TimeFormat(format))
        }),
    ),
    always(with(
        "utc|local|NAME",
        verb("zone", WINDOW, "The time zone of clock times: utc, local, Europe/Berlin, …", "", |w| {
            panel(PanelCommand::Zone(crate::gui::zone::Zone::named(w.rest)?))
        }),
    )),
    verb("toggle-channels", WINDOW, "Show or hide the list of channels", "C", |_| {
        panel(PanelCommand::Pane(Pane::Channels, PaneChange::Toggle))
    }),
    verb("toggle-spectrogram", WINDOW, "Show or hide the spectrogram under the traces", "S", |_| {
        panel(PanelCommand::Pane(Pane::Spectrogram, PaneChange::Toggle))
    }),
    verb("toggle-inspector", WINDOW, "Show or hide the inspector", "I", |_| panel(PanelCommand::ToggleInspector)),
    with(
        "NAME",
        verb(
            "panel",
            WINDOW,
            "Open a panel and bring it to the front: channels, spectrogram, measure, filter, annotations, …",
            "",
            |w| panel(PanelCommand::Pane(pane_named(w.rest.trim())?, PaneChange::Show)),
        ),
    ),
    with(
        "NAME",
        verb("close-panel", WINDOW, "Close a panel; it keeps its place", "", |w| match pane_named(w.rest.trim())? {
            Pane::Traces => Err(Error::invalid("the traces stay open")),
            pane => panel(PanelCommand::Pane(pane, PaneChange::Close)),
        }),
    ),
    always(verb("reset-layout", WINDOW, "Every panel where it was for a new user", "", |_| {
        panel(PanelCommand::ResetLayout)
    })),
    always(with(
        "FACTOR",
        verb("interface-zoom", WINDOW, "How large everything on the screen is: 1, 1.25, 2", "", |w| {
            let zoom = w.number()? as f32;
            if (MIN_ZOOM..=MAX_ZOOM).contains(&zoom) {
                return panel(PanelCommand::Zoom(zoom));
            }
            Err(Error::invalid(format!("'{}' is not between {MIN_ZOOM} and {MAX_ZOOM}", w.rest.trim())))
        }),
    )),
    always(verb(
        "interface-larger",
        WINDOW,
        "Everything on the screen larger",
        "Ctrl+Shift+Plus, Ctrl+Shift+Equals",
        |_| panel(PanelCommand::ZoomStep(1)),
    )),
    always(verb("interface-smaller", WINDOW, "Everything on the screen smaller", "Ctrl+Shift+Minus", |_| {
        panel(PanelCommand::ZoomStep(-1))
    })),
    always(verb("dismiss-messages", WINDOW, "Close all messages", "Ctrl+Shift+Escape", |_| {
        Ok(vec![Command::Panel(PanelCommand::DismissMessage), Command::Panel(PanelCommand::DismissToast(None))])
    })),
    with(
        "NAME",
        verb(
            "inspector",
            WINDOW,
            "Show a tab of the inspector: measure, stats, spectrum, filter, annotations, recording, …",
            "",
            |w| panel(PanelCommand::Inspector(tab_named(w.rest.trim())?)),
        ),
    ),
    always(with(
        "light|dark|system",
        verb("theme", WINDOW, "How the window looks", "", |w| {
            panel(PanelCommand::Theme(match w.rest.trim() {
                "light" => ThemePreference::Light,
                "dark" => ThemePreference::Dark,
                "system" => ThemePreference::System,
                other => {
                    return Err(
                        Error::invalid(format!("there is no theme '{other}'")).with_remedy("use light, dark or system")
                    );
                }
            }))
        }),
    )),
    always(with(
        "on|off",
        verb("high-contrast", WINDOW, "Black and white, in either theme", "", |w| {
            panel(PanelCommand::HighContrast(w.on_or_off()?))
        }),
    )),
    always(with(
        "BYTES",
        verb("memory-limit", WINDOW, "How much memory may be used: 512MiB", "", |w| {
            panel(PanelCommand::Budget(parse_bytes(w.rest.trim())?))
        }),
    )),
    always(verb("settings", WINDOW, "Settings: theme, keys, wheel", "Ctrl+Comma", |_| {
        panel(PanelCommand::SettingsForm(true))
    })),
    always(verb("help", WINDOW, "This help", "F1, Questionmark", |_| panel(PanelCommand::Help(true)))),
    always(verb("full-screen", WINDOW, "Fill the screen, or not", "F11", |_| panel(PanelCommand::FullScreen))),
];
