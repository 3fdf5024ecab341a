//! When what is open is written by itself: some seconds behind the last change, and when it is closed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::store::{Seen, save, save_state};
use super::{StreamState, Workspace, state_file};
use crate::error::Result;
use crate::gui::command::{Command, FileCommand, ViewCommand};
use crate::gui::state::{Document, Panels};

/// Written when nothing was changed for so long.
const SETTLE: Duration = Duration::from_secs(2);
/// And again so long after it could not be.
const RETRY: Duration = Duration::from_secs(20);

/// What is to be written, and where.
#[derive(Clone, Debug)]
pub(in crate::gui) struct Writing {
    /// The state of the recording.
    state: (PathBuf, Workspace),
    /// The user's own file.
    named: Option<(PathBuf, Workspace)>,
    seen: Seen,
}

/// Where the user's own file is, if it is not where it was: another program writes to that.
pub(in crate::gui) type Moved = Option<PathBuf>;

impl Writing {
    /// The lane of the writer that all that is kept of the recording goes through.
    pub(in crate::gui) fn lane(&self) -> &Path {
        &self.state.0
    }

    /// Writes it. That the state could not be is no word worth: it is a comfort.
    ///
    /// # Errors
    /// When the user's own file cannot be written.
    pub(in crate::gui) fn run(&self) -> Result<Moved> {
        let (path, workspace) = &self.state;
        drop(save_state(path, workspace));
        let Some((path, workspace)) = &self.named else { return Ok(None) };
        let place = save(path, workspace, &self.seen)?;
        Ok((place != *path).then_some(place))
    }

    fn is(&self, other: &Self) -> bool {
        self.state == other.state && self.named == other.named
    }
}

/// Looks after it.
#[derive(Default)]
pub(in crate::gui) struct Keeper {
    /// The folder of the states of recordings; `None`: nothing is kept by itself, as while a script runs.
    pub(in crate::gui) states: Option<PathBuf>,
    /// What is to be shown when the filters are there that it is shown through.
    pub(in crate::gui) restoring: Option<Box<StreamState>>,
    changed: Option<Instant>,
    /// Something was changed since the recording was opened: what was only looked at is not written over, not even with
    /// what it was when it was opened. Another window may have gone on with it, or parts of it did not fit.
    touched: bool,
    written: Option<Writing>,
    /// That it cannot be written was said.
    complained: bool,
}

impl Keeper {
    /// One that keeps states in the folder `states`.
    #[must_use]
    pub(in crate::gui) fn new(states: Option<PathBuf>) -> Self {
        Self { states, ..Self::default() }
    }

    /// Takes notice of a command: what it changes is written later.
    pub(in crate::gui) fn notice(&mut self, command: &Command) {
        let by_itself = match command {
            Command::View(ViewCommand::Width(_)) | Command::Script(_) | Command::Job(_) | Command::Copy(_) => true,
            // Going elsewhere changes nothing of what is left.
            Command::File(file) => !matches!(file, FileCommand::Stream(_) | FileCommand::SaveWorkspace(_)),
            _ => false,
        };
        if !by_itself {
            self.changed = Some(Instant::now());
            self.touched = true;
        }
    }

    /// How long until something is to be written, if anything may be.
    #[must_use]
    pub(in crate::gui) fn until_writing(&self) -> Option<Duration> {
        let since = self.changed.filter(|_| self.states.is_some())?;
        Some((since + SETTLE).saturating_duration_since(Instant::now()))
    }

    /// What is to be written of `document` now, if it is not there already; it counts as written from here on.
    pub(in crate::gui) fn take(
        &mut self,
        document: &Document,
        filter: Option<&str>,
        panels: &Panels,
    ) -> Option<Writing> {
        self.changed = None;
        if !self.touched {
            return None;
        }
        let states = self.states.as_ref().filter(|_| document.kept.fingerprint.is_some())?;
        let state = (state_file(states, &document.paths()), Workspace::of(document, filter, None));
        let named = document.kept.file.clone().map(|file| {
            let workspace = Workspace::of(document, filter, file.parent());
            let window = Some(super::WindowState::of(panels));
            (file, Workspace { window, ..workspace })
        });
        let writing = Writing { state, named, seen: document.kept.seen.clone() };
        if self.written.as_ref().is_some_and(|written| written.is(&writing)) {
            return None;
        }
        self.written = Some(writing.clone());
        Some(writing)
    }

    /// It could not be written: that is tried again. Says whether the user is to hear of it, once.
    pub(in crate::gui) fn has_failed(&mut self) -> bool {
        self.written = None;
        self.changed = Some(Instant::now() + RETRY);
        !std::mem::replace(&mut self.complained, true)
    }

    /// It was written.
    pub(in crate::gui) fn has_succeeded(&mut self) {
        self.complained = false;
    }

    /// Another recording: nothing of it is written yet, nor changed, unless it is another stream of the `same`.
    pub(in crate::gui) fn begin(&mut self, same: bool) {
        *self = Self { states: self.states.take(), touched: self.touched && same, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gui::testing::document;

    #[test]
    fn only_what_has_changed_is_written_and_only_after_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let mut keeper = Keeper { states: Some(folder.path().join("states")), ..Keeper::default() };
        let (mut document, panels) = (document(2), Panels::default());
        assert!(keeper.until_writing().is_none());
        keeper.notice(&Command::View(ViewCommand::Width(400.0)));
        assert!(keeper.take(&document, None, &panels).is_none(), "nothing was changed");
        assert!(keeper.until_writing().is_none(), "the window has laid itself out");
        keeper.notice(&Command::View(ViewCommand::Fit));
        assert!(keeper.until_writing().unwrap() > Duration::from_millis(1500));
        keeper.take(&document, None, &panels).unwrap().run().unwrap();
        assert!(keeper.until_writing().is_none());
        keeper.notice(&Command::View(ViewCommand::Fit));
        assert!(keeper.take(&document, None, &panels).is_none(), "it is there already");
        document.selection = Some(10..20);
        document.kept.file = Some(folder.path().join("own.longwave"));
        keeper.take(&document, None, &panels).unwrap().run().unwrap();
        let read = super::super::store::load(&folder.path().join("own.longwave"), &Seen::default()).unwrap();
        assert_eq!(read.streams["ephys"].selection, Some([10, 20]));
        assert!(read.window.is_some());
        let state = super::super::find(&folder.path().join("states"), &document.paths()).unwrap();
        assert!(state.window.is_none() && state.files[0].path.is_empty());
        assert_eq!(state.files[0].absolute, document.path);
    }

    #[test]
    fn what_could_not_be_written_is_tried_again_and_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut keeper = Keeper { states: Some(folder.path().join("states")), ..Keeper::default() };
        let (mut document, panels) = (document(2), Panels::default());
        document.kept.file = Some(folder.path().join("not there/own.longwave"));
        keeper.notice(&Command::View(ViewCommand::Fit));
        assert!(keeper.take(&document, None, &panels).unwrap().run().is_err());
        assert!(keeper.has_failed() && !keeper.has_failed());
        let wait = keeper.until_writing().unwrap();
        assert!(SETTLE < wait && wait <= SETTLE + RETRY, "{wait:?}");
        std::fs::create_dir(folder.path().join("not there")).unwrap();
        assert_eq!(keeper.take(&document, None, &panels).unwrap().run().unwrap(), None);
        keeper.has_succeeded();
        assert!(keeper.has_failed());
    }
}
