//! What a command line means, for the tests of those who write some: read by the very parser that runs it.

use std::ops::Range;
use std::path::PathBuf;

use clap::{ArgMatches, FromArgMatches as _};

use super::args::{FileArgs, Layout, Root, SelectionArgs};
use super::{Failure, command, filters, parameters};
use crate::filter::Chain;
use crate::form::{Parameter, Settings};
use crate::recording::{Channel, TimeBase};
use crate::source::OpenOptions;

/// A command line that was understood.
pub(crate) struct Read {
    /// `decode`, `uart`.
    pub(crate) command: Vec<String>,
    matches: ArgMatches,
}

fn sound<T>(result: Result<T, Failure>) -> Result<T, String> {
    result.map_err(|failure| match failure {
        Failure::Usage(text) => text,
        Failure::Failed(error) => error.to_string(),
        Failure::Findings | Failure::ClosedPipe => "it ends early".to_owned(),
    })
}

/// Reads `words`, the first of which is the program.
pub(crate) fn read(words: &[String]) -> Result<Read, String> {
    let mut matches = command().try_get_matches_from(words).map_err(|e| e.to_string())?;
    let mut names = Vec::new();
    while let Some((name, sub)) = matches.subcommand().map(|(name, sub)| (name.to_owned(), sub.clone())) {
        names.push(name);
        matches = sub;
    }
    Ok(Read { command: names, matches })
}

/// The layout that was told to the window.
pub(crate) fn layout_of(matches: &ArgMatches) -> OpenOptions {
    sound(Root::from_arg_matches(matches).unwrap().layout.options()).unwrap()
}

impl Read {
    pub(crate) fn settings(&self, parameters: &'static [Parameter]) -> Result<Settings, String> {
        sound(parameters::settings(&self.matches, parameters))
    }

    pub(crate) fn files(&self) -> Vec<PathBuf> {
        FileArgs::from_arg_matches(&self.matches).unwrap().files
    }

    fn layout(&self) -> Layout {
        Layout::from_arg_matches(&self.matches).unwrap()
    }

    pub(crate) fn options(&self) -> OpenOptions {
        sound(self.layout().options()).unwrap()
    }

    pub(crate) fn chain(&self) -> Chain {
        sound(filters::chain(&self.matches, sound(self.layout().filter_order()).unwrap())).unwrap()
    }

    pub(crate) fn frames(&self, time: &TimeBase, frames: u64) -> Range<u64> {
        SelectionArgs::from_arg_matches(&self.matches).unwrap().frames_of(time, frames).unwrap()
    }

    pub(crate) fn channels(&self, channels: &[Channel]) -> Vec<usize> {
        SelectionArgs::from_arg_matches(&self.matches).unwrap().channels_of(channels).unwrap()
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.matches.get_flag(name)
    }
}
