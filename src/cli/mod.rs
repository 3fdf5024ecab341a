//! The command line: one file a command, each thin. Others script it, so what it prints on standard output, its options
//! and its exit codes are a contract.
//!
//! - **Standard output** holds results only: tables for people, or with `--json` one object.
//! - **Standard error** holds progress bars (when it is a terminal), warnings and notes; `--quiet` silences all but errors.
//! - **Exit codes**: 0 done (also when the reader of a pipe has seen enough), 1 error, 2 wrong usage, 3 `check` found
//!   something or `compare` a difference, 130 interrupted.
//!
//! Analyses and exporters are not named here: their subcommands and options are made from
//! [`crate::analysis::ANALYSES`], [`crate::analysis::DECODERS`] and [`crate::export::EXPORTERS`].

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};

use crate::analysis::{ANALYSES, DECODERS};
use crate::budget::MemoryBudget;
use crate::error::{Error, ErrorKind, Result};
use crate::source::OpenOptions;

mod analyse;
mod annotations;
mod args;
mod check;
mod compare;
mod demo;
mod export;
mod filters;
mod info;
mod manual;
mod metadata;
mod parameters;
mod peaks;
mod progress;
#[cfg(test)]
pub(crate) mod reading;
mod shell;
mod table;

use args::{Global, Root};
use shell::Shell;

/// What the arguments asked for.
pub enum Outcome {
    /// Everything is done; the process exits with this code.
    Exit(u8),
    /// The window is wanted.
    View(Box<Viewer>),
}

/// What the window opens with.
pub struct Viewer {
    /// The recording: a file, several in order, or a folder; none shows the welcome screen.
    pub paths: Vec<PathBuf>,
    pub options: OpenOptions,
    /// The stream to show first; `None`: the one with most samples.
    pub stream: Option<String>,
    pub budget: MemoryBudget,
    pub threads: usize,
    /// Commands that the window does, one a line.
    pub script: Option<String>,
    /// Where a picture of the window goes when it has come to rest; it closes then.
    pub screenshot: Option<PathBuf>,
}

/// Why a command ends early.
pub(crate) enum Failure {
    /// The arguments make no sense: exit code 2.
    Usage(String),
    Failed(Error),
    /// A check has found something, or a comparison a difference, and said so: exit code 3.
    Findings,
    /// Whoever reads our output has seen enough: exit code 0.
    ClosedPipe,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The exit code when the user has interrupted the program: 128 + SIGINT, as shells do.
const INTERRUPTED: u8 = 130;
/// The exit code when a check or a comparison has found something.
const FINDINGS: u8 = 3;

const AFTER_HELP: &str = "\
Examples:
  longwave demo -o demo.rec                     make a recording worth looking at
  longwave demo.rec                             look at it
  longwave info demo.rec                        what is in it
  longwave check demo.rec                       is it sound?
  longwave stats demo.rec --range 10s..20s      measure it
  longwave export demo.rec -o part.npy --range 1m..1m30s --channels 0-3

Times: 12.5s, 3m20s, 01:02:03.5, #30000 (a frame), or an ISO 8601 clock time (UTC if it names no zone).
Ranges: A..B, half-open; either end may be empty. Channels: 0-3,7, ids, names, or all.
Several files in order, such as the parts of a day, are one recording; a folder stands for the session in it,
FOLDER/SESSION for one of several ({YYYYMMDD}_{animal}_{epoch}_{tag}.rec: FOLDER/20230622_rat).
A file with the name of a command is given as ./info.
Exit codes: 0 done, 1 error, 2 wrong usage, 3 check or compare found something, 130 interrupted.";

/// The whole command line, from which help, completions and manual pages are made.
#[must_use]
pub fn command() -> Command {
    // The texts come last: the groups of options would put their own descriptions in their place.
    let mut command = Global::augment_args(Root::augment_args(Command::new("longwave")))
        .version(env!("CARGO_PKG_VERSION"))
        .about("View, measure, cut and convert waveform recordings that are too long for everybody else's tools")
        .long_about(
            "View, measure, cut and convert waveform recordings that are too long for everybody else's tools.\n\n\
             `longwave FILE` opens the viewer, `longwave` alone its welcome screen. The commands need no display.",
        )
        .after_help(AFTER_HELP)
        .subcommand_value_name("COMMAND")
        .override_usage("longwave [OPTIONS] [FILE]…\n       longwave COMMAND [OPTIONS] …")
        // `longwave a.rec info` is a command with something in front of it, not two files.
        .subcommand_precedence_over_arg(true)
        .max_term_width(110)
        .subcommands([info::command(), check::command()]);
    for analysis in ANALYSES {
        command = command.subcommand(analyse::command(analysis));
    }
    command.subcommands([
        compare::command(),
        analyse::group("decode", "Decode what was said on serial lines: UART, SPI, I2C", DECODERS),
        export::command(),
        export::filter_command(),
        peaks::command(),
        export::shot_command(),
        demo::command(),
        metadata::command(),
        annotations::command(),
        manual::completions_command(),
        manual::man_command(),
    ])
}

/// Does what `args` (the program's name first) ask for, or says that the window is wanted.
pub fn run(args: impl IntoIterator<Item = OsString>) -> Outcome {
    let matches = match command().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version go to standard output, whose reader may have gone.
            drop(error.print());
            return Outcome::Exit(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    // A panic is a bug, but it is still an error with a message and exit code 1.
    let result = catch_unwind(AssertUnwindSafe(|| dispatch(&matches)))
        .unwrap_or_else(|panic| Err(crate::scan::panicked(panic.as_ref()).into()));
    match result {
        Ok(None) | Err(Failure::ClosedPipe) => Outcome::Exit(0),
        Ok(Some(viewer)) => Outcome::View(Box::new(viewer)),
        Err(Failure::Usage(text)) => {
            say(&format!("error: {text}\n\nFor more information, try '--help'."));
            Outcome::Exit(2)
        }
        Err(Failure::Findings) => Outcome::Exit(FINDINGS),
        Err(Failure::Failed(error)) => Outcome::Exit(report(&error)),
    }
}

/// Prints `error` on standard error; returns the exit code that says the same.
#[must_use]
pub fn report(error: &Error) -> u8 {
    if error.is_cancelled() {
        let rest = error.remedy().unwrap_or("nothing was left half-written");
        say(&format!("longwave: interrupted; {}", table::clean(rest)));
        return INTERRUPTED;
    }
    say(&format!("longwave: {}", table::clean(&error.to_string())));
    1
}

/// A line on standard error. If even that is closed, there is nobody left to tell.
fn say(text: &str) {
    drop(writeln!(std::io::stderr(), "{text}"));
}

/// What comes out of the arguments of a command.
fn parsed<T: clap::FromArgMatches>(matches: &ArgMatches) -> Result<T, Failure> {
    T::from_arg_matches(matches).map_err(|e| Failure::Usage(e.to_string()))
}

fn dispatch(matches: &ArgMatches) -> Result<Option<Viewer>, Failure> {
    let shell = Shell::new(&parsed::<Global>(matches)?);
    let root: Root = parsed(matches)?;
    let Some((name, sub)) = matches.subcommand() else {
        return viewer(root, &shell).map(Some);
    };
    if let Some(option) = root.first_given(matches) {
        return Err(Failure::Usage(format!("{option} belongs behind the command: longwave {name} FILE …")));
    }
    match name {
        "info" => info::run(&parsed(sub)?, &shell),
        "check" => check::run(&parsed(sub)?, &shell),
        "compare" => compare::run(&parsed(sub)?, &shell),
        "decode" => analyse::run_group(sub, &shell),
        "export" => export::run(sub, &shell),
        "filter" => export::run_filter(sub, &shell),
        "shot" => export::run_shot(sub, &shell),
        "peaks" => peaks::run(&parsed(sub)?, &shell),
        "demo" => demo::run(&parsed(sub)?, &shell),
        "annotations" => annotations::run(&parsed(sub)?, &shell),
        "metadata" => metadata::run(&parsed(sub)?, &shell),
        "completions" => manual::completions(sub, &shell),
        "man" => manual::man(sub, &shell),
        _ => analyse::run(crate::analysis::named(name)?, sub, &shell),
    }
    .map(|()| None)
}

fn viewer(root: Root, shell: &Shell) -> Result<Viewer, Failure> {
    let options = root.layout.options()?;
    for path in &root.file {
        let Err(error) = std::fs::metadata(path) else { continue };
        if crate::source::session::resolve(path)?.is_some() {
            continue;
        }
        let remedy = match error.kind() {
            std::io::ErrorKind::NotFound => "there is neither such a file nor such a command: see longwave --help",
            _ => "check that it can be read",
        };
        return Err(Error::new(ErrorKind::Io(error)).with_path(path).with_remedy(remedy).into());
    }
    let script = root.run.as_ref().map(|path| script_text(path)).transpose()?;
    let task = shell.task();
    Ok(Viewer {
        paths: root.file,
        options,
        stream: root.stream,
        budget: task.budget().clone(),
        threads: task.threads(),
        script,
        screenshot: root.screenshot,
    })
}

/// The files that `words` name, and how they are to be read, in the words of the command line: `--dtype i16 --rate 1000
/// day.bin`.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] with what the command line would say.
#[cfg(feature = "gui")]
pub(crate) fn described(words: &[String]) -> Result<(Vec<PathBuf>, OpenOptions)> {
    let command = args::FileArgs::augment_args(Command::new("open-as").no_binary_name(true).disable_help_flag(true));
    let said = |text: &str| {
        let text = text.trim_start_matches("error: ");
        // What follows is how the program is called, which says nothing about a line of a script.
        Error::invalid(text.lines().next().unwrap_or_default().trim().to_owned())
            .with_remedy("longwave info --help lists the options")
    };
    let matches = command.try_get_matches_from(words).map_err(|e| said(&e.to_string()))?;
    let args = args::FileArgs::from_arg_matches(&matches).map_err(|e| said(&e.to_string()))?;
    let options = args.layout.options().map_err(|failure| match failure {
        Failure::Failed(error) => error,
        Failure::Usage(text) => said(&text),
        Failure::Findings | Failure::ClosedPipe => said("the options make no sense"),
    })?;
    Ok((args.files, options))
}

/// The text of a script, `-` for standard input.
fn script_text(path: &std::path::Path) -> Result<String> {
    const MAX_BYTES: u64 = 16 << 20;
    let read = |source: &mut dyn std::io::Read| -> std::io::Result<String> {
        let mut text = String::new();
        std::io::Read::take(source, MAX_BYTES).read_to_string(&mut text)?;
        Ok(text)
    };
    let text = if path.as_os_str() == "-" {
        read(&mut std::io::stdin())
    } else {
        std::fs::File::open(path).and_then(|mut file| read(&mut file))
    };
    text.map_err(|e| Error::io(path, e).with_remedy("name a text file of commands, or - for standard input"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_sound() {
        command().debug_assert();
    }

    #[test]
    fn every_command_has_a_description_and_an_example() {
        let all = command();
        let groups = all.get_subcommands().flat_map(Command::get_subcommands);
        for command in all.get_subcommands().chain(groups) {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(about.split(' ').count() > 4, "{}: {about}", command.get_name());
            assert!(command.get_long_about().is_none(), "{}", command.get_name());
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.contains("Example"), "{}", command.get_name());
            for arg in command.get_arguments() {
                assert!(arg.get_help().is_some(), "{} --{}", command.get_name(), arg.get_id());
            }
        }
    }
}
