//! The window and its panels.

use eframe::egui::ThemePreference;

use super::*;

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
    always(verb("palette", WINDOW, "Find and run any command by its name", "Ctrl+P, Colon", |_| {
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
    verb("toggle-channels", WINDOW, "Show or hide the list of channels", "C", |_| panel(PanelCommand::ToggleChannels)),
    verb("toggle-spectrogram", WINDOW, "Show or hide the spectrogram under the traces", "S", |_| {
        panel(PanelCommand::Spectrogram(crate::gui::gram::GramCommand::Toggle))
    }),
    verb("toggle-inspector", WINDOW, "Show or hide the inspector", "I", |_| panel(PanelCommand::ToggleInspector)),
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
