//! Every command of the window by its name: the one list behind keys, the command palette, scripts and the help.
//!
//! A line is the name of a verb and, for some, an argument: `fit`, `go 12.5s`, `show 10s..20s`, `channels 0-3`,
//! `analyse spectrum window=4096`. It becomes the same [`Command`]s that mouse and panels produce, so that any state of the
//! window can be reproduced. To add one: its line in [`VERBS`].

use std::path::PathBuf;

use eframe::egui::ThemePreference;

use super::command::{
    AnnotationCommand, ChannelCommand, Command, FileCommand, FilterCommand, JobCommand, PanelCommand, Scope,
    ScriptCommand, ViewCommand,
};
use super::found::FoundCommand;
use super::inspector_tabs::tab_named;
use super::state::{Document, InspectorTab, TimeFormat};
use crate::error::{Error, Result};
use crate::export::Values;
use crate::filter::Chain;
use crate::form::Settings;
use crate::source::OpenOptions;
use crate::text::{TimeRange, parse_bytes, parse_channels};

/// One step of the arrow keys, as a share of the screen.
const STEP: f64 = 0.1;
/// One step of zooming by key.
const ZOOM: f64 = 2.0;
/// One step of amplitude by key.
const AMPLITUDE: f64 = 1.25;

/// One command that the user can name.
pub struct Verb {
    /// `zoom-in`.
    pub name: &'static str,
    /// The heading it stands under in the help.
    pub group: &'static str,
    /// What it does, sentence case.
    pub title: &'static str,
    /// What it takes, for people; empty for nothing, in square brackets what may be left out.
    pub argument: &'static str,
    /// Its keys, as in the settings file: `Ctrl+Plus, Ctrl+Equals`.
    pub keys: &'static str,
    /// Whether it means something while nothing is open.
    pub always: bool,
    make: fn(&Words<'_>) -> Result<Vec<Command>>,
}

impl Verb {
    /// Whether it does something without an argument.
    #[must_use]
    pub fn stands_alone(&self) -> bool {
        self.argument.is_empty() || self.argument.starts_with('[')
    }
}

/// What a line says behind its verb, and what it may refer to.
pub struct Words<'a> {
    rest: &'a str,
    document: Option<&'a Document>,
    pointer_tick: Option<u64>,
}

impl Words<'_> {
    fn open(&self) -> Result<&Document> {
        self.document.ok_or_else(|| Error::invalid("no recording is open").with_remedy("open one first"))
    }

    fn number(&self) -> Result<f64> {
        self.rest
            .trim()
            .parse()
            .ok()
            .filter(|x: &f64| x.is_finite())
            .ok_or_else(|| Error::invalid(format!("'{}' is not a number", self.rest.trim())))
    }

    /// Ticks of a range `A..B`.
    fn range(&self) -> Result<std::ops::Range<u64>> {
        let document = self.open()?;
        let frames = self.rest.trim().parse::<TimeRange>()?.frames(document.time(), document.shown().frames)?;
        let time = document.time();
        Ok(time.tick_of_frame(frames.start)..time.tick_of_frame(frames.end.saturating_sub(1)) + 1)
    }

    fn channels(&self) -> Result<Vec<usize>> {
        parse_channels(self.rest.trim(), &self.open()?.shown().channels)
    }

    fn path(&self) -> Result<PathBuf> {
        let path = self.rest.trim().trim_matches('"');
        if path.is_empty() { Err(Error::invalid("no file is named")) } else { Ok(PathBuf::from(path)) }
    }
}

fn one(command: Command) -> Result<Vec<Command>> {
    Ok(vec![command])
}

fn view(command: ViewCommand) -> Result<Vec<Command>> {
    one(Command::View(command))
}

fn panel(command: PanelCommand) -> Result<Vec<Command>> {
    one(Command::Panel(command))
}

fn note(command: AnnotationCommand) -> Result<Vec<Command>> {
    one(Command::Annotation(command))
}

fn place(command: FoundCommand) -> Result<Vec<Command>> {
    one(Command::Found(command))
}

fn file(command: FileCommand) -> Result<Vec<Command>> {
    one(Command::File(command))
}

fn script(command: ScriptCommand) -> Result<Vec<Command>> {
    one(Command::Script(command))
}

const LOOK: &str = "Look around";
const HEIGHT: &str = "Amplitude and channels";
const SELECT: &str = "Select and measure";
const PLACES: &str = "Places found";
const NOTES: &str = "Annotations";
const FILES: &str = "Files and jobs";
const WINDOW: &str = "Window";
const SCRIPTS: &str = "Scripts";

/// A verb without argument, for the table below.
const fn verb(
    name: &'static str,
    group: &'static str,
    title: &'static str,
    keys: &'static str,
    make: fn(&Words<'_>) -> Result<Vec<Command>>,
) -> Verb {
    Verb { name, group, title, argument: "", keys, always: false, make }
}

/// The same with one.
const fn with(argument: &'static str, verb: Verb) -> Verb {
    Verb { argument, ..verb }
}

/// The same that works while nothing is open.
const fn always(verb: Verb) -> Verb {
    Verb { always: true, ..verb }
}

/// Every verb, in the order of the help.
pub const VERBS: &[Verb] = &[
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
    verb("back", LOOK, "The view before", "Backspace, Alt+ArrowLeft", |_| view(ViewCommand::Back)),
    verb("forward", LOOK, "The view after it again", "Insert, Alt+ArrowRight", |_| view(ViewCommand::Forward)),
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
    with("A..B", verb("select", SELECT, "Select a range", "", |w| view(ViewCommand::Select(Some(w.range()?))))),
    verb("select-all", SELECT, "Select everything", "Ctrl+A", |_| view(ViewCommand::SelectAll)),
    verb("select-none", SELECT, "Clear the selection", "Escape", |_| view(ViewCommand::Select(None))),
    verb("zoom-to-selection", SELECT, "Zoom to the selection", "E", |_| view(ViewCommand::ToSelection)),
    with(
        "NAME [KEY=VALUE]…",
        verb("analyse", SELECT, "Run an analysis over the selection: stats, spectrum window=4096, …", "", analyse),
    ),
    with(
        "CHAIN",
        verb("filter", SELECT, "Show it through filters: band-pass=300..6000; reference=cmr", "", |w| {
            w.open()?;
            let chain = Chain::parse(w.rest)?;
            one(Command::Filter(if chain.is_empty() { FilterCommand::Remove } else { FilterCommand::Apply(chain) }))
        }),
    ),
    verb("remove-filter", SELECT, "Show it as it is stored, without filters", "", |_| {
        one(Command::Filter(FilterCommand::Remove))
    }),
    verb("next-place", PLACES, "Next place found", "N", |_| place(FoundCommand::Step { forward: true })),
    verb("previous-place", PLACES, "The place found before", "P", |_| place(FoundCommand::Step { forward: false })),
    verb("last-place", PLACES, "The last place found", "Shift+N", |_| place(FoundCommand::End { last: true })),
    verb("first-place", PLACES, "The first place found", "Shift+P", |_| place(FoundCommand::End { last: false })),
    with("[LABEL]", verb("mark", NOTES, "Mark the pointer's place, or the selected range", "M", mark)),
    with(
        "NUMBER [LABEL]",
        verb("category", NOTES, "The same in a category, by its number (keys 1 to 9)", "", |w| {
            let (number, label) = w.rest.trim().split_once(' ').unwrap_or((w.rest.trim(), ""));
            let number: usize = number
                .parse()
                .ok()
                .filter(|n| *n > 0)
                .ok_or_else(|| Error::invalid(format!("'{number}' is not the number of a category")))?;
            marks(w, Some(number - 1), label)
        }),
    ),
    verb("next-annotation", NOTES, "Next annotation", "Ctrl+N", |_| note(AnnotationCommand::Step { forward: true })),
    verb("previous-annotation", NOTES, "The annotation before", "Ctrl+B", |_| {
        note(AnnotationCommand::Step { forward: false })
    }),
    verb("remove-annotation", NOTES, "Take out the selected annotation", "Delete", |_| {
        note(AnnotationCommand::RemoveSelected)
    }),
    verb("undo", NOTES, "Undo", "Ctrl+Z", |_| note(AnnotationCommand::Undo)),
    verb("redo", NOTES, "Redo", "Ctrl+Shift+Z, Ctrl+Y", |_| note(AnnotationCommand::Redo)),
    verb("annotations", NOTES, "The list of annotations", "L", |_| {
        panel(PanelCommand::Inspector(InspectorTab::Annotations))
    }),
    with(
        "FILE",
        verb("import-annotations", NOTES, "Add the annotations in a file", "", |w| {
            note(AnnotationCommand::Import(w.path()?))
        }),
    ),
    with(
        "FILE",
        verb("export-annotations", NOTES, "Write the annotations to .csv, .txt, .tsv or .edf", "", |w| {
            note(AnnotationCommand::Export(w.path()?))
        }),
    ),
    always(verb("open-file", FILES, "Choose a recording to open", "Ctrl+O", |_| file(FileCommand::Ask))),
    always(with(
        "FILE",
        verb("open", FILES, "Open a recording", "", |w| file(FileCommand::Open(w.path()?, OpenOptions::default()))),
    )),
    always(verb("demo", FILES, "Open the demo recording", "", |_| file(FileCommand::Demo))),
    with(
        "NAME",
        verb("stream", FILES, "Show another stream", "", |w| {
            let recording = w.open()?.recording();
            let name = w.rest.trim();
            let names = || recording.streams.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", ");
            let index = recording.stream_index(name).ok_or_else(|| {
                Error::invalid(format!("there is no stream '{name}'")).with_remedy(format!("use one of: {}", names()))
            })?;
            file(FileCommand::Stream(index))
        }),
    ),
    verb("close", FILES, "Close the recording", "Ctrl+W", |_| file(FileCommand::Close)),
    verb("export-form", FILES, "Export the selection", "Ctrl+E", |_| panel(PanelCommand::ExportForm(true))),
    with("FILE [KEY=VALUE]…", verb("export", FILES, "Export the selection to a file", "", export)),
    with(
        "[FILE]",
        verb("compare", FILES, "Compare with another recording", "", |w| {
            let ask = w.rest.trim().is_empty();
            let asked = if ask {
                Command::Panel(PanelCommand::BrowseCompare)
            } else {
                Command::Job(JobCommand::Compare(w.path()?))
            };
            Ok(vec![Command::Panel(PanelCommand::Inspector(InspectorTab::Recording)), asked])
        }),
    ),
    verb("difference", FILES, "Show the difference to the recording compared with", "", |_| {
        file(FileCommand::ShowDifference)
    }),
    verb("cancel-jobs", FILES, "Stop all work in the background", "", |_| one(Command::Job(JobCommand::CancelAll))),
    always(verb("palette", WINDOW, "Find and run any command by its name", "Ctrl+P, Ctrl+Shift+P, Colon", |_| {
        panel(PanelCommand::Palette(true))
    })),
    verb("next-time-format", WINDOW, "Seconds, clock or frames", "T", |_| panel(PanelCommand::NextTimeFormat)),
    with(
        "seconds|clock|frames",
        verb("time", WINDOW, "How times are written", "", |w| {
            let wanted = w.rest.trim();
            let format = TimeFormat::ALL.into_iter().find(|f| f.title().eq_ignore_ascii_case(wanted));
            let format = format.ok_or_else(|| Error::invalid("times are written as seconds, clock or frames"))?;
            panel(PanelCommand::TimeFormat(format))
        }),
    ),
    verb("toggle-channels", WINDOW, "Show or hide the list of channels", "C", |_| panel(PanelCommand::ToggleChannels)),
    verb("toggle-spectrogram", WINDOW, "Show or hide the spectrogram under the traces", "S", |_| {
        panel(PanelCommand::Spectrogram(super::gram::GramCommand::Toggle))
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
    always(with(
        "[exact]",
        verb("wait", SCRIPTS, "Until all work is done; exact: until every column is, too", "", |w| {
            script(ScriptCommand::Wait { exact: w.rest.trim() == "exact" })
        }),
    )),
    always(with(
        "FILE",
        verb("screenshot", SCRIPTS, "Write a picture of the window", "", |w| {
            script(ScriptCommand::Screenshot(w.path()?))
        }),
    )),
    always(with(
        "WIDTHxHEIGHT",
        verb("size", SCRIPTS, "How large the window is, points", "", |w| {
            let size = w.rest.trim().split_once('x').and_then(|(x, y)| Some((x.parse().ok()?, y.parse().ok()?)));
            let (width, height): (f32, f32) = size
                .filter(|s: &(f32, f32)| (100.0..=16_384.0).contains(&s.0) && (100.0..=16_384.0).contains(&s.1))
                .ok_or_else(|| {
                    Error::invalid(format!("'{}' is no size", w.rest.trim())).with_remedy("write it as 1280x800")
                })?;
            script(ScriptCommand::Size(width, height))
        }),
    )),
    always(verb("quit", SCRIPTS, "Close the window", "Ctrl+Q", |_| script(ScriptCommand::Quit))),
];

fn mark(w: &Words<'_>) -> Result<Vec<Command>> {
    marks(w, None, w.rest.trim())
}

fn marks(w: &Words<'_>, category: Option<usize>, label: &str) -> Result<Vec<Command>> {
    w.open()?;
    note(AnnotationCommand::Mark { category, at_tick: w.pointer_tick, label: label.trim().to_owned() })
}

/// `KEY=VALUE` pairs for `settings`; a flag may stand alone. `scope=` is taken out.
fn set(settings: &mut Settings, words: &[&str]) -> Result<Scope> {
    let mut scope = Scope::Selection;
    for word in words {
        let (key, value) = word.split_once('=').unwrap_or((word, "true"));
        if key == "scope" {
            scope = match value {
                "selection" => Scope::Selection,
                "visible" => Scope::Visible,
                "everything" => Scope::Everything,
                other => {
                    return Err(Error::invalid(format!("there is no scope '{other}'"))
                        .with_remedy("use selection, visible or everything"));
                }
            };
        } else {
            settings.set(key, value)?;
        }
    }
    Ok(scope)
}

fn analyse(w: &Words<'_>) -> Result<Vec<Command>> {
    w.open()?;
    let words: Vec<&str> = w.rest.split_whitespace().collect();
    let (name, words) = words.split_first().ok_or_else(|| Error::invalid("no analysis is named"))?;
    let analysis = crate::analysis::named(name)?;
    let mut settings = Settings::defaults(analysis.parameters);
    let scope = set(&mut settings, words)?;
    (analysis.check)(&settings)?;
    let show = Command::Panel(PanelCommand::Inspector(tab_named(analysis.name)?));
    Ok(vec![show, Command::Job(JobCommand::Analyse { name: analysis.name, settings, scope })])
}

fn export(w: &Words<'_>) -> Result<Vec<Command>> {
    w.open()?;
    let words: Vec<&str> = w.rest.split_whitespace().collect();
    let (target, words) = words.split_first().ok_or_else(|| Error::invalid("no file is named"))?;
    let target = PathBuf::from(target.trim_matches('"'));
    let exporter = crate::export::for_target(&target)?;
    let mut settings = Settings::defaults(exporter.parameters);
    let scope = set(&mut settings, words)?;
    (exporter.check)(&settings)?;
    one(Command::Job(JobCommand::Export { target, values: Values::Stored, settings, scope, overwrite: false }))
}

/// The commands that `line` names.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] when there is no such verb, its argument makes no sense, or it needs an open recording.
pub fn parse(line: &str, document: Option<&Document>, pointer_tick: Option<u64>) -> Result<Vec<Command>> {
    let (verb, rest) = split(line)?;
    if rest.trim().is_empty() && !verb.stands_alone() {
        return Err(Error::invalid(format!("'{}' needs {}", verb.name, verb.argument)));
    }
    if !rest.trim().is_empty() && verb.argument.is_empty() {
        return Err(Error::invalid(format!("'{}' takes no argument", verb.name)));
    }
    let words = Words { rest, document, pointer_tick };
    if !verb.always {
        words.open()?;
    }
    (verb.make)(&words)
}

/// The verb of a line and what stands behind it.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] when there is no such verb, with one that is meant perhaps.
pub fn split(line: &str) -> Result<(&'static Verb, &str)> {
    let line = line.trim();
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let verb = VERBS.iter().find(|verb| verb.name == name).ok_or_else(|| {
        let near = VERBS.iter().find(|verb| verb.name.contains(name) || name.contains(verb.name));
        let remedy = match near {
            Some(verb) => format!("did you mean '{}'? Ctrl + P lists all", verb.name),
            None => "Ctrl + P lists all".to_owned(),
        };
        Error::invalid(format!("there is no command '{name}'")).with_remedy(remedy)
    })?;
    Ok((verb, rest))
}

#[cfg(test)]
mod tests {
    use super::super::testing::document;
    use super::*;

    #[test]
    fn verbs_are_named_once_and_say_what_they_do() {
        for (i, verb) in VERBS.iter().enumerate() {
            assert!(VERBS[..i].iter().all(|other| other.name != verb.name), "{} twice", verb.name);
            assert!(verb.name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", verb.name);
            assert!(verb.title.len() > 3 && !verb.title.ends_with('.'), "{}", verb.name);
        }
        // What belongs together stands together, for the help.
        let mut groups: Vec<&str> = VERBS.iter().map(|v| v.group).collect();
        groups.dedup();
        let listed = groups.len();
        groups.sort_unstable();
        groups.dedup();
        assert_eq!(groups.len(), listed);
    }

    #[test]
    fn lines_become_commands() {
        let document = document(4);
        let parsed = |line: &str| parse(line, Some(&document), Some(7)).map_err(|e| e.to_string());
        assert!(matches!(parsed("fit").unwrap()[..], [Command::View(ViewCommand::Fit)]));
        let show = parsed("show 0.5s..1s").unwrap();
        assert!(matches!(&show[..], [Command::View(ViewCommand::Range(r))] if r.start == 500.0 && r.end == 1000.0));
        assert_eq!(parsed("channels 1-2").unwrap().len(), 3);
        let mark = parsed("category 2 a spike").unwrap();
        let Command::Annotation(AnnotationCommand::Mark { category: Some(1), at_tick: Some(7), label }) = &mark[0]
        else {
            panic!("{mark:?}")
        };
        assert_eq!(label, "a spike");
        let analyse = parsed("analyse spectrum window=256 scope=everything").unwrap();
        assert!(matches!(
            &analyse[1],
            Command::Job(JobCommand::Analyse { name: "spectrum", settings, scope: Scope::Everything })
                if settings.integer("window") == 256
        ));
        for (line, hint) in [
            ("", "no command"),
            ("zoom", "needs FACTOR"),
            ("fit now", "takes no argument"),
            ("zoom-", "did you mean"),
            ("analyse nothing", "stats"),
            ("analyse spectrum window=1", "window"),
            ("show 5s..4s", "ends before"),
            ("amplitude 0", "above 0"),
            ("size 3x4", "1280x800"),
        ] {
            let error = parsed(line).unwrap_err();
            assert!(error.contains(hint), "{line}: {error}");
        }
        assert!(parse("fit", None, None).unwrap_err().to_string().contains("no recording"));
        assert!(parse("theme dark", None, None).is_ok());
    }
}
