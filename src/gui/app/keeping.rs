//! Workspaces: opening, continuing, saving; and writing by itself what is to be continued.

use std::path::PathBuf;

use eframe::egui;

use super::App;
use crate::error::Error;
use crate::gui::command::FilterCommand;
use crate::gui::companions::{self, CompanionCommand};
use crate::gui::jobs::{Purpose, Reply};
use crate::gui::message::Message;
use crate::gui::opening::{Recall, Recalled};
use crate::gui::recent::{self, Sketch};
use crate::gui::state::Document;
use crate::gui::workspace::{self, EXTENSION, MissingForm, WindowState, Workspace};
use crate::summary::Since;

impl App {
    /// What is to be remembered when a recording is opened: what was kept of it, and of the one before.
    pub(super) fn recall(&mut self) -> Recall {
        let states = self.keeper.states.clone().filter(|_| !self.kept.settings.start_over);
        let mut lanes: Vec<PathBuf> = self.write_workspace().into_iter().collect();
        if let Some(document) = &mut self.document {
            document.save_annotations(&self.jobs);
            lanes.push(document.path.clone());
        }
        Recall { states, first: Some((self.jobs.writer.clone(), lanes)), ..Recall::default() }
    }

    /// The same with what is open now, for another stream of it.
    pub(super) fn recall_present(&mut self) -> Recall {
        let filter = self.wanted_filter().map(|chain| chain.to_string());
        let recall = self.recall();
        let Some(document) = &self.document else { return recall };
        let present = Box::new(Workspace::of(document, filter.as_deref(), None));
        let (file, seen) = (document.kept.file.clone(), document.kept.seen.clone());
        Recall { workspace: Some(present), file, seen, ..recall }
    }

    /// Writes what has changed of the workspace, behind what is being written; returns the lane that it is written in.
    pub(super) fn write_workspace(&mut self) -> Option<PathBuf> {
        let filter = self.wanted_filter().map(|chain| chain.to_string());
        let document = self.document.as_ref()?;
        let writing = self.keeper.take(document, filter.as_deref(), &self.panels)?;
        let (replies, lane, of) = (self.jobs.replies(), writing.lane().to_path_buf(), document.paths());
        self.jobs.writer.state(&lane, move || {
            let result = writing.run();
            replies.send(Reply::WorkspaceKept { of, result });
        });
        Some(lane)
    }

    /// Shows the recording that was just opened as it was left, or as its workspace says; `same`: it was open already.
    pub(super) fn take_up(&mut self, recalled: Option<Box<Recalled>>, same: bool) {
        self.keeper.begin(same);
        let (Some(recalled), Some(document)) = (recalled, &mut self.document) else { return };
        let Recalled { workspace, file, seen, since } = *recalled;
        let name = document.shown().name.clone();
        let mut streams = workspace.streams;
        let state = streams.remove(&name);
        document.kept.file.clone_from(&file);
        document.kept.seen = seen;
        document.kept.others = streams;
        let mut notes = Vec::new();
        let mut chain = None;
        let mut beneath = Vec::new();
        if let Some(state) = state {
            notes = state.apply(document);
            beneath.clone_from(&state.beneath);
            match state.chain() {
                Ok(found) => chain = found,
                Err(error) => {
                    notes.push(format!("its filters cannot be understood: {error}"));
                    document.kept.lost_filter = Some(state.filter.clone());
                }
            }
            if chain.is_some() {
                self.keeper.restoring = Some(Box::new(state));
            }
        }
        if let Some(window) = workspace.window.filter(|_| file.is_some()) {
            window.apply(&mut self.panels);
        }
        if since == Since::Changed {
            notes.insert(0, "the recording has changed since it was looked at: what still fits is shown".to_owned());
        }
        if !notes.is_empty() {
            self.message = Some(Message::notice(&notes.join("; "), "press F to see all of the recording"));
        }
        for wanted in beneath.into_iter().take(companions::MAX) {
            self.apply_companion(CompanionCommand::Add(wanted));
        }
        if let Some(chain) = chain {
            self.apply_filter(FilterCommand::Apply(chain));
        }
    }

    /// The filters are there through which the recording was looked at.
    pub(super) fn go_on_restoring(&mut self) {
        if let (Some(state), Some(document)) = (self.keeper.restoring.take(), &mut self.document) {
            drop(state.apply(document));
            if let Some(filter) = &mut document.filter {
                filter.shown = state.raw_behind;
            }
        }
    }

    /// What the open recording looks like, for the list of recent files.
    pub(super) fn seen(&self) -> Option<recent::Change> {
        let document = self.document.as_ref()?;
        Some(recent::Change::Seen { path: listed_as(document)?, sketch: Sketch::of(document)? })
    }

    /// Puts what is open at the top of the list of recent files.
    pub(super) fn list_as_recent(&self) {
        let Some(document) = &self.document else { return };
        if let Some(path) = listed_as(document) {
            self.change_recent(recent::Change::Opened { path, about: recent::about(document) });
        }
    }

    pub(super) fn change_recent(&self, change: recent::Change) {
        if let Some(file) = self.recent_list.clone() {
            recent::change(&self.jobs, file, change);
        }
    }

    /// Writes what has changed, some seconds behind the last change.
    pub(super) fn keep_workspace(&mut self, ctx: &egui::Context) {
        let Some(wait) = self.keeper.until_writing() else { return };
        if !wait.is_zero() {
            ctx.request_repaint_after(wait);
            return;
        }
        self.write_workspace();
    }

    /// Takes in how writing what is kept of the recording of these files has ended.
    pub(super) fn workspace_kept(&mut self, of: &[PathBuf], result: crate::Result<workspace::Moved>) {
        let document = self.document.as_mut().filter(|document| document.paths() == of);
        match (result, document) {
            (Ok(Some(place)), document) => {
                let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let text =
                    format!("another window has changed the workspace: what is open here is in {}", name(&place));
                if let Some(document) = document
                    && document.kept.file.replace(place.clone()) != Some(place)
                {
                    self.message = Some(Message::notice(&text, "it is kept up to date there from now on"));
                }
            }
            (Ok(None), _) => self.keeper.has_succeeded(),
            (Err(error), None) => self.message = Some(Message::from_error(&error)),
            (Err(error), Some(_)) => {
                if self.keeper.has_failed() {
                    self.message = Some(Message::from_error(&error));
                }
            }
        }
    }

    /// Saves the workspace to `target`, or to the file that it has, or asks for one.
    pub(super) fn save_workspace(&mut self, target: Option<PathBuf>) {
        let filter = self.wanted_filter().map(|chain| chain.to_string());
        let Some(document) = &mut self.document else {
            self.message = Some(Message::from_error(&Error::invalid("no recording is open")));
            return;
        };
        if document.kept.fingerprint.is_none() {
            let error = Error::unsupported("a workspace of a difference").with_remedy("save that of either recording");
            self.message = Some(Message::from_error(&error));
            return;
        }
        let Some(mut target) = target.or_else(|| document.kept.file.clone()) else {
            self.ask_for_workspace();
            return;
        };
        if !workspace::is_workspace(&target) {
            let mut name = target.into_os_string();
            name.push(format!(".{EXTENSION}"));
            target = PathBuf::from(name);
        }
        let target = std::path::absolute(&target).unwrap_or(target);
        let window = Some(WindowState::of(&self.panels));
        let mut made = Workspace::of(document, filter.as_deref(), target.parent());
        made.window = window;
        let (of, replies, awaited) = (document.paths(), self.jobs.replies(), self.jobs.awaited());
        // A file that was chosen just now may be replaced, whatever was in it: the dialog has asked.
        let goes_on = document.kept.file.as_ref() == Some(&target);
        let seen = document.kept.seen.clone();
        if !goes_on {
            seen.forget(&target);
        }
        let lane =
            self.keeper.states.as_ref().map_or_else(|| target.clone(), |states| workspace::state_file(states, &of));
        self.jobs.writer.change(&lane, move || {
            let _until_the_end = awaited;
            let result = workspace::save(&target, &made, &seen);
            replies.send(Reply::WorkspaceSaved { of, result });
        });
    }

    pub(super) fn ask_for_workspace(&mut self) {
        let Some(document) = &self.document else { return };
        let beside = || document.path.with_extension(EXTENSION);
        let suggested = document.kept.file.clone().unwrap_or_else(beside);
        self.jobs.pick(Purpose::SaveWorkspace, Some(suggested));
    }

    /// The workspace was written at the user's word.
    pub(super) fn workspace_saved(&mut self, of: &[PathBuf], result: crate::Result<PathBuf>) {
        self.message = Some(match result {
            Ok(path) => {
                let text = format!("the workspace was saved to {}", path.display());
                // What was opened meanwhile must never be written over it.
                if let Some(document) = self.document.as_mut().filter(|d| d.paths() == of) {
                    document.kept.file = Some(path);
                    self.list_as_recent();
                    Message::notice(&text, "it is kept up to date from now on")
                } else {
                    Message::notice(&text, "")
                }
            }
            Err(error) => Message::from_error(&error),
        });
    }

    /// Some files of a workspace are not there.
    pub(super) fn workspace_lacks(&mut self, asked: &[PathBuf], form: MissingForm) {
        if self.opening.take_if(|opening| *opening == asked).is_some() {
            self.panels.missing = Some(form);
        }
    }
}

/// What the recording can be opened by again: its workspace, or itself. A list of files and a difference have no such name.
fn listed_as(document: &Document) -> Option<PathBuf> {
    let alone = document.more.is_empty() && document.kept.fingerprint.is_some();
    document.kept.file.clone().or_else(|| alone.then(|| document.path.clone()))
}
