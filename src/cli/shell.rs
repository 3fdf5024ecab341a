//! What every command stands on: the task with its budget, opening with warnings, printing, interruption.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use clap::ArgMatches;
use serde::Serialize;

use super::args::{FileArgs, Global, StreamArg};
use super::progress::Bar;
use super::{Failure, filters, say, table};
use crate::budget::{MIN_LIMIT_BYTES, MemoryBudget};
use crate::error::{Error, Result};
use crate::filter::Chain;
use crate::recording::Warning;
use crate::source::{OpenOptions, Source};
use crate::task::{Task, default_threads};

/// So many warnings are printed before the rest is only counted.
const WARNINGS_SHOWN: usize = 8;

/// The surroundings of one run of the program.
pub(crate) struct Shell {
    quiet: bool,
    task: Task,
}

impl Shell {
    pub(crate) fn new(global: &Global) -> Self {
        let budget = global.memory_limit.map_or_else(MemoryBudget::for_this_machine, MemoryBudget::new);
        let threads = global.threads.map_or_else(default_threads, usize::from);
        let shell = Self { quiet: global.quiet, task: Task::new(budget, threads) };
        if global.memory_limit.is_some_and(|limit| limit < MIN_LIMIT_BYTES) {
            shell.note(&format!("the memory limit is {}, the least that works", crate::text::bytes(MIN_LIMIT_BYTES)));
        }
        shell
    }

    /// The one task of this run.
    pub(crate) fn task(&self) -> &Task {
        &self.task
    }

    /// A line for people, unless they want none.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            say(&format!("note: {}", table::clean(text)));
        }
    }

    /// A result, on standard output.
    pub(crate) fn print(&self, text: &str) -> Result<(), Failure> {
        self.print_bytes(text.as_bytes())
    }

    /// As [`Self::print`].
    pub(crate) fn print_bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        self.print_with(|out| out.write_all(bytes))
    }

    /// As [`Self::print`], for what is too long to be held as one text.
    pub(crate) fn print_with(&self, write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> Result<(), Failure> {
        let mut out = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
        write(&mut out).and_then(|()| out.flush()).map_err(not_printed)
    }

    /// The object that `--json` promises. It is written as it is made, so that a long list is never there as a whole.
    pub(crate) fn print_json(&self, value: &impl Serialize) -> Result<(), Failure> {
        let mut out = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
        serde_json::to_writer_pretty(&mut out, value).map_err(|e| not_printed(e.into()))?;
        out.write_all(b"\n").and_then(|()| out.flush()).map_err(not_printed)
    }

    /// Opens the recording, warns about what is odd with it, and remembers its layout if that was typed in.
    pub(crate) fn open(&self, args: &FileArgs) -> Result<Arc<dyn Source>, Failure> {
        let source = self.open_silently(args)?;
        self.warn(&source.recording().warnings);
        Ok(source)
    }

    /// [`Self::open`] for a command that shows the warnings itself.
    pub(crate) fn open_silently(&self, args: &FileArgs) -> Result<Arc<dyn Source>, Failure> {
        if let Some(number) = args.layout.filter_order()? {
            return Err(Failure::Usage(format!("--order cannot be {number}: use interleaved or planar")));
        }
        self.open_plain(args)
    }

    /// Opens the recording and puts the filters that `matches` ask for over the stream that is meant. Every command whose
    /// options come from [`filters::flags`] opens with this.
    pub(crate) fn open_filtered(
        &self,
        args: &FileArgs,
        stream: &StreamArg,
        matches: &ArgMatches,
    ) -> Result<(Arc<dyn Source>, Chain), Failure> {
        let chain = filters::chain(matches, args.layout.filter_order()?)?;
        let source = self.open_plain(args)?;
        if chain.is_empty() {
            self.warn(&source.recording().warnings);
            return Ok((source, chain));
        }
        let index = stream.index(source.as_ref())?;
        let source = crate::filter::filtered(source, index, &chain)?;
        self.warn(&source.recording().warnings);
        Ok((source, chain))
    }

    fn open_plain(&self, args: &FileArgs) -> Result<Arc<dyn Source>, Failure> {
        let options = args.layout.options()?;
        let source = crate::source::open_all(&args.files, &options, &self.task)?;
        // What was told about several files is told again with the same command; it belongs to none of them alone.
        if let ([file], true) = (&args.files[..], source.parts().is_empty() && !args.no_remember) {
            self.remember(source.path().unwrap_or(file), options, source.recording().format);
        }
        Ok(source)
    }

    /// Writes what was told about a file of plain numbers beside it, once. A folder that cannot be written to is no
    /// reason to complain: the file was opened.
    fn remember(&self, path: &Path, options: OpenOptions, format: &str) {
        let told = OpenOptions { format: None, member: None, ..options };
        // What cannot be announced is not done behind the user's back.
        if self.quiet || !["raw", "npy"].contains(&format) || told == OpenOptions::default() {
            return;
        }
        if OpenOptions::path_beside(path).symlink_metadata().is_ok() {
            return;
        }
        let options = OpenOptions { format: Some(format.to_owned()), ..told };
        if let Ok(toml) = options.save_beside(path) {
            self.note(&format!("the layout is remembered in {} (delete it to forget; --no-remember)", toml.display()));
        }
    }

    /// Warnings about a recording that was opened nevertheless.
    pub(crate) fn warn(&self, warnings: &[Warning]) {
        if self.quiet {
            return;
        }
        for warning in warnings.iter().take(WARNINGS_SHOWN) {
            say(&format!("warning: {}", table::clean(&warning_text(warning))));
        }
        if warnings.len() > WARNINGS_SHOWN {
            say(&format!("warning: and {} more, which `longwave info` lists", warnings.len() - WARNINGS_SHOWN));
        }
    }

    /// Notes of a report or a prediction.
    pub(crate) fn notes(&self, notes: &[String]) {
        for note in notes {
            self.note(note);
        }
    }

    /// Runs something that may take long: with a progress bar, ended by Ctrl-C (and by the system's request to end),
    /// watching the machine's memory.
    pub(crate) fn attend<T>(&self, title: &str, work: impl FnOnce(&Task) -> Result<T>) -> Result<T> {
        let task = self.task.clone();
        // Every further signal asks the same: what is half-written is always removed first. A handler that cannot be
        // installed leaves the system's own behaviour.
        drop(ctrlc::set_handler(move || task.cancel()));
        crate::budget::watch_pressure(self.task.budget());
        let bar = if self.quiet { None } else { Bar::start(&self.task, title) };
        let result = work(&self.task);
        drop(bar);
        result
    }
}

/// Why standard output does not take a result.
fn not_printed(e: io::Error) -> Failure {
    match e.kind() {
        io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
        _ => Failure::Failed(Error::io(Path::new("standard output"), e)),
    }
}

/// A warning with its place.
pub(crate) fn warning_text(warning: &Warning) -> String {
    match warning.at {
        Some(at) => format!("{}, at byte {at}", warning.text),
        None => warning.text.clone(),
    }
}
