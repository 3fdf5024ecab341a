//! Opening, closing and showing instead: what [`FileCommand`]s and [`FilterCommand`]s do.

use std::sync::Arc;

use super::App;
use crate::gui::command::{FileCommand, FilterCommand};
use crate::gui::following::{News, What};
use crate::gui::jobs::{Outcome, Purpose};
use crate::gui::message::Message;
use crate::gui::opening::Which;
use crate::gui::state::Filtered;
use crate::gui::{opening, raw_preview, recent};
use crate::source::{OpenOptions, Source};
use crate::summary::Summary;
use crate::task::Task;

impl App {
    /// Lets go of the open recording and of all that works on it.
    pub(super) fn close(&mut self) {
        if let Some(document) = &mut self.document {
            document.save_annotations(&self.jobs);
        }
        if let Some(seen) = self.seen() {
            self.change_recent(seen);
        }
        self.write_workspace();
        self.jobs.cancel_all();
        self.workers.columns.clear();
        self.workers.measure.clear();
        self.workers.probe.clear();
        self.workers.columns.keep_companions(&[]);
        self.document = None;
        self.building = None;
        // Filters that are on their way belong to what is closed.
        self.workers.filtering = None;
        self.panels.export = None;
        self.forget_changes();
    }

    /// Starts the pass that makes every column exact, visible frames first.
    pub(super) fn build_summary(&mut self) {
        let Some(document) = &self.document else { return };
        if document.summary.is_complete() {
            return;
        }
        let summary = document.summary.clone();
        let title = format!("Summary of {}", document.recording().name);
        let id = self.jobs.start(title, &self.budget, move |_, task: &Task, _| {
            summary.build(task)?;
            Ok(Outcome::Summarised)
        });
        self.building = Some(id);
    }

    /// Takes in what has happened to the files of the recording.
    pub(super) fn followed(&mut self, news: News) {
        if self.document.as_ref().is_none_or(|d| !Arc::ptr_eq(d.raw_source(), &news.of)) {
            return self.companion_followed(news);
        }
        let Some(document) = &mut self.document else { return };
        let (described, told) = match news.what {
            What::Growth(growth) => return document.growth_is(growth),
            What::Told(text, remedy) => {
                self.message = Some(Message::notice(&text, &remedy));
                return;
            }
            What::Described(described, told) => (described, told),
        };
        let chains = (document.filter.as_ref().map(|f| &f.chain), described.filtered.as_ref().map(|(chain, ..)| chain));
        if chains.0 != chains.1 {
            // Other filters were applied meanwhile.
            self.workers.follower.refuse();
            return;
        }
        if described.is_longer {
            document.grow(described);
            self.build_companions();
            let idle = self.building.is_none_or(|id| self.jobs.list.iter().all(|j| j.id != id || !j.is_running()));
            if idle {
                self.build_summary();
            }
        } else {
            document.results.tracks.forget();
            document.companions.take_in(&described.source, described.beneath, false);
            let before = document.filter.take();
            let (source, summary, filter) = match (described.filtered, before) {
                (Some((_, shown, shown_summary)), Some(before)) => {
                    let (source, summary) = (described.source, described.summary);
                    (shown, shown_summary, Some(Filtered { source, summary, picture: None, ..before }))
                }
                _ => (described.source, described.summary, None),
            };
            self.show_instead(source, summary, filter);
            self.build_companions();
        }
        if let Some((text, remedy)) = told {
            self.message = Some(Message::notice(&text, &remedy));
        }
    }

    pub(super) fn apply_file(&mut self, command: FileCommand) {
        match command {
            FileCommand::Open(path, options) => {
                self.apply_file(FileCommand::OpenTogether(vec![path], options));
            }
            FileCommand::OpenTogether(paths, options) => {
                self.message = None;
                self.panels.sessions = None;
                self.opening = Some(paths.clone());
                let recall = self.recall();
                opening::open(&self.jobs, &self.budget, paths, options, Which::Named(None), recall);
            }
            FileCommand::Offer(paths) => {
                self.message = None;
                self.opening = Some(paths.clone());
                let recall = self.recall();
                opening::offer(&self.jobs, &self.budget, paths, recall);
            }
            FileCommand::OpenWorkspace(workspace, file) => {
                self.message = None;
                self.panels.missing = None;
                self.opening = Some(vec![file.clone()]);
                opening::open_located(&self.jobs, &self.budget, workspace, file);
            }
            FileCommand::Continue => match self.recent.last().map(|entry| entry.path.clone()) {
                Some(path) => self.apply_file(FileCommand::Open(path, OpenOptions::default())),
                None => self.message = Some(Message::notice("no recording was open before", "open one first")),
            },
            FileCommand::PinRecent(path, pinned) => self.change_recent(recent::Change::Pin(path, pinned)),
            FileCommand::ForgetRecent(path) => self.change_recent(recent::Change::Forget(path)),
            FileCommand::SaveWorkspace(target) => self.save_workspace(target),
            FileCommand::AskWorkspace => self.ask_for_workspace(),
            FileCommand::Ask => self.jobs.pick(Purpose::Open, self.document.as_ref().map(|d| d.path.clone())),
            FileCommand::Demo => {
                self.jobs.start("Demo recording", &self.budget, |_, task: &Task, _| {
                    Ok(Outcome::Opened(opening::demo(task)?))
                });
            }
            FileCommand::Describe(path) => {
                raw_preview::guess(&self.jobs, path.clone());
                self.panels.raw = Some(crate::gui::raw_form::RawForm::new(path));
            }
            FileCommand::Remember(path, options) => raw_preview::remember(&mut self.jobs, &self.budget, path, options),
            FileCommand::Close => {
                self.close();
                self.opening = None;
                self.message = None;
            }
            FileCommand::Reload => {
                let shown = self.document.as_ref().map(|d| d.stream);
                if let Some(stream) = shown {
                    self.apply_file(FileCommand::Stream(stream));
                }
            }
            FileCommand::ShowDifference => {
                let document = self.document.as_ref();
                self.opening = document.and_then(|d| crate::gui::comparing::show(d, &self.jobs, &self.budget));
            }
            FileCommand::Stream(stream) => {
                let recall = self.recall_present();
                if let Some(document) = &self.document {
                    let (paths, options) = (document.paths(), document.options.clone());
                    self.opening = Some(paths.clone());
                    opening::open(&self.jobs, &self.budget, paths, options, Which::Index(stream), recall);
                }
            }
        }
    }

    pub(super) fn apply_filter(&mut self, command: FilterCommand) {
        let Some(document) = &mut self.document else { return };
        match command {
            FilterCommand::Apply(chain) => {
                document.kept.lost_filter = None;
                self.panels.analysis_forms.filter.show(&chain);
                let raw = document.filter.as_ref().map_or(&document.source, |filter| &filter.source);
                self.workers.filtering = Some(chain.clone());
                opening::filter(&self.jobs, &self.budget, Arc::clone(raw), document.stream, chain);
            }
            FilterCommand::Remove => {
                document.kept.lost_filter = None;
                self.workers.filtering = None;
                let Some(filter) = document.filter.take() else { return };
                self.show_instead(filter.source, filter.summary, None);
            }
            FilterCommand::ShowRaw(shown) => {
                if let Some(filter) = &mut document.filter {
                    filter.shown = shown;
                }
            }
        }
    }

    /// Goes on with the same stream, filtered in another way. What is finished stays; what was being computed of the old
    /// one is stopped, but for exports.
    pub(super) fn show_instead(&mut self, source: Arc<dyn Source>, summary: Summary, filter: Option<Filtered>) {
        let Some(document) = &mut self.document else { return };
        for unfinished in document.results.list.iter().filter(|r| !r.done) {
            self.jobs.cancel(unfinished.job);
        }
        if let Some(building) = self.building.take() {
            self.jobs.cancel(building);
        }
        self.workers.columns.clear();
        // The same range has other figures now.
        self.workers.measure.clear();
        self.panels.export = None;
        // What was just said about what is being taken up stays.
        if self.keeper.restoring.is_none() {
            self.message = None;
        }
        document.show_instead(source, summary, filter);
        if let Some(selection) = self.timeline.selection.take() {
            document.selection = selection;
        }
        self.build_summary();
    }
}
