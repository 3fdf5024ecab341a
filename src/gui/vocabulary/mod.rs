//! Every command of the window by its name: the one list behind keys, the command palette, scripts and the help.
//!
//! A line is the name of a verb and, for some, an argument: `fit`, `go 12.5s`, `show 10s..20s`, `channels 0-3`,
//! `analyse spectrum window=4096`. It becomes the same [`Command`]s that mouse and panels produce, so that any state of the
//! window can be reproduced. Each group of the help has its file with its table; to add a verb: its entry there.

mod channels;
mod files;
mod look;
mod notes;
mod places;
mod scripts;
mod select;
mod window;

use std::path::PathBuf;

use super::command::{
    AnnotationCommand, ChannelCommand, Command, CopyCommand, FileCommand, FilterCommand, GapStep, JobCommand,
    PanelCommand, Scope, ScriptCommand, TimelineCommand, ViewCommand,
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

    fn on_or_off(&self) -> Result<bool> {
        match self.rest.trim() {
            "on" => Ok(true),
            "off" => Ok(false),
            other => Err(Error::invalid(format!("'{other}' is neither on nor off"))),
        }
    }

    /// Ticks of a range `A..B`.
    fn range(&self) -> Result<std::ops::Range<u64>> {
        let document = self.open()?;
        // What a script says must not depend on how the axis happens to be written.
        let frames = TimeRange::parse_in(self.rest.trim(), document.times.zone.time_zone())?
            .frames(document.time(), document.shown().frames)?;
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

/// Every table, in the order of the help.
const GROUPS: [&[Verb]; 8] = [
    look::VERBS,
    channels::VERBS,
    select::VERBS,
    places::VERBS,
    notes::VERBS,
    files::VERBS,
    window::VERBS,
    scripts::VERBS,
];

/// Every verb, in the order of the help.
pub fn verbs() -> impl Iterator<Item = &'static Verb> {
    GROUPS.into_iter().flatten()
}

/// A verb without argument, for the tables.
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

/// `KEY=VALUE` pairs for `settings`; a flag may stand alone. `scope=` and `joined` are taken out.
fn set(settings: &mut Settings, words: &[&str], document: &Document) -> Result<(Scope, bool)> {
    let (mut scope, mut joined) = (Scope::Selection, false);
    for word in words {
        let (key, value) = word.split_once('=').unwrap_or((word, "true"));
        if key == "scope" {
            scope = match value {
                "selection" => Scope::Selection,
                "visible" => Scope::Visible,
                "everything" => Scope::Everything,
                other => match other.strip_prefix("annotated").map(|rest| rest.strip_prefix(':').unwrap_or(rest)) {
                    Some(name) => document.annotated_scope(name)?,
                    None => {
                        return Err(Error::invalid(format!("there is no scope '{other}'"))
                            .with_remedy("use selection, visible, everything, annotated or annotated:CATEGORY"));
                    }
                },
            };
        } else if key == "joined" {
            joined = value == "true";
        } else {
            settings.set(key, value)?;
        }
    }
    Ok((scope, joined))
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
    let verb = verbs().find(|verb| verb.name == name).ok_or_else(|| {
        let near = verbs().find(|verb| verb.name.contains(name) || name.contains(verb.name));
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
        for (i, verb) in verbs().enumerate() {
            assert!(verbs().take(i).all(|other| other.name != verb.name), "{} twice", verb.name);
            assert!(verb.name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", verb.name);
            for keys in verb.keys.split(',').map(str::trim).filter(|keys| !keys.is_empty()) {
                let others = verbs().filter(|other| other.keys.split(',').any(|theirs| theirs.trim() == keys));
                assert_eq!(others.count(), 1, "{keys} of {}", verb.name);
            }
            assert!(verb.title.len() > 3 && !verb.title.ends_with('.'), "{}", verb.name);
        }
        // What belongs together stands together, for the help.
        let mut groups: Vec<&str> = verbs().map(|v| v.group).collect();
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
