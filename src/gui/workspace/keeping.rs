//! When what is open is written by itself: some seconds behind the last change, and when it is closed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::store::{save, save_state};
use super::{StreamState, Workspace, state_file};
use crate::error::Result;
use crate::filter::Chain;
use crate::gui::command::{Command, FileCommand, ViewCommand};
use crate::gui::state::{Document, Panels};

/// Written when nothing was changed for so long.
const SETTLE: Duration = Duration::from_secs(2);

/// What is to be written, and where.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::gui) struct Writing {
    /// The state of the recording.
    state: Option<(PathBuf, Workspace)>,
    /// The user's own file.
    named: Option<(PathBuf, Workspace)>,
    /// Later ones have greater ones.
    serial: u64,
}

impl Writing {
    /// Writes it. That the state could not be is no word worth: it is a comfort.
    ///
    /// # Errors
    /// When the user's own file cannot be written.
    pub(in crate::gui) fn run(&self) -> Result<()> {
        // Workers may overtake each other: what was made before the last that was written is not written any more.
        static LAST: Mutex<BTreeMap<PathBuf, u64>> = Mutex::new(BTreeMap::new());
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((path, _)) = &self.state {
            if last.get(path).is_some_and(|serial| *serial > self.serial) {
                return Ok(());
            }
            last.insert(path.clone(), self.serial);
        }
        if let Some((path, workspace)) = &self.state {
            drop(save_state(path, workspace));
        }
        self.named.as_ref().map_or(Ok(()), |(path, workspace)| save(path, workspace))
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
    writing: bool,
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
        let since = self.changed.filter(|_| !self.writing && self.states.is_some())?;
        Some((since + SETTLE).saturating_duration_since(Instant::now()))
    }

    /// What is to be written of `document` now, if it is not there already; it counts as written from here on.
    pub(in crate::gui) fn take(
        &mut self,
        document: &Document,
        filter: Option<&Chain>,
        panels: &Panels,
    ) -> Option<Writing> {
        self.changed = None;
        if !self.touched {
            return None;
        }
        let states = self.states.as_ref().filter(|_| document.kept.fingerprint.is_some())?;
        let state = Some((state_file(states, &document.paths()), Workspace::of(document, filter, None)));
        let named = document.kept.file.clone().map(|file| {
            let workspace = Workspace::of(document, filter, file.parent());
            let window = Some(super::WindowState::of(panels));
            (file, Workspace { window, ..workspace })
        });
        let same = |w: &Writing| w.state == state && w.named == named;
        if self.written.as_ref().is_some_and(same) {
            return None;
        }
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        let writing = Writing { state, named, serial: SERIAL.fetch_add(1, Ordering::Relaxed) };
        self.written = Some(writing.clone());
        Some(writing)
    }

    /// A worker begins, or has ended, to write.
    pub(in crate::gui) fn is_writing(&mut self, writing: bool) {
        self.writing = writing;
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
        let read = super::super::store::load(&folder.path().join("own.longwave")).unwrap();
        assert_eq!(read.streams["ephys"].selection, Some([10, 20]));
        assert!(read.window.is_some());
        let state = super::super::find(&folder.path().join("states"), &document.paths()).unwrap();
        assert!(state.window.is_none() && state.files[0].path.is_empty());
        assert_eq!(state.files[0].absolute, document.path);
    }
}
