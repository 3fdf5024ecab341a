//! Streams beneath the traces: opening them, aligning them, taking them away.

use std::sync::Arc;

use super::App;
use crate::gui::companions::{self, Alignment, Answer, Beneath, CompanionCommand, HEIGHTS, MAX};
use crate::gui::following::{Follower, News, What};
use crate::gui::jobs::{Outcome, Purpose};
use crate::gui::message::Message;
use crate::task::Task;

impl App {
    pub(super) fn apply_companion(&mut self, command: CompanionCommand) {
        let Some(document) = &mut self.document else { return };
        match command {
            CompanionCommand::Add(_) if document.companions.list.len() >= MAX => {
                let text = format!("no more than {MAX} streams are shown beneath the traces");
                self.message = Some(Message::notice(&text, "take one of them away first"));
            }
            CompanionCommand::Add(wanted) => self.open_companion(wanted),
            CompanionCommand::AskFile => {
                let suggested = document.path.parent().map(|folder| folder.join(""));
                self.jobs.pick(Purpose::Companion, suggested);
            }
            CompanionCommand::Align(id, alignment) => {
                let finite = !matches!(alignment, Alignment::Seconds(secs) if !secs.is_finite());
                if let Some(companion) = document.companions.get_mut(id).filter(|_| finite) {
                    companion.alignment = alignment;
                }
            }
            CompanionCommand::Height(id, height) => {
                if let Some(companion) = document.companions.get_mut(id).filter(|_| height.is_finite()) {
                    companion.height = height.clamp(*HEIGHTS.start(), *HEIGHTS.end());
                }
            }
            CompanionCommand::Remove(id) => self.remove_companions(|of| of == id),
            CompanionCommand::RemoveAll => self.remove_companions(|_| true),
        }
    }

    fn open_companion(&self, wanted: Beneath) {
        let Some(document) = &self.document else { return };
        let main = document.filter.as_ref().map_or(&document.source, |filter| &filter.source);
        companions::open(&self.jobs, &self.budget, Arc::clone(main), wanted);
    }

    fn remove_companions(&mut self, which: impl Fn(u64) -> bool) {
        let Some(document) = &mut self.document else { return };
        let list = &mut document.companions.list;
        for gone in list.iter().filter(|c| which(c.id)) {
            gone.building.iter().for_each(|&job| self.jobs.cancel(job));
        }
        list.retain(|c| !which(c.id));
        let left: Vec<u64> = list.iter().map(|c| c.id).collect();
        self.workers.columns.keep_companions(&left);
    }

    /// A companion is there; its summary is made beside the window, as that of the main stream.
    pub(super) fn companion_opened(&mut self, answer: Answer) {
        let Some(document) = &mut self.document else { return };
        let main = document.filter.as_ref().map_or(&document.source, |filter| &filter.source);
        if !Arc::ptr_eq(main, &answer.main) && !document.live.was(&answer.main) {
            return; // another recording was opened meanwhile
        }
        let opened = match answer.result {
            Ok(opened) => opened,
            Err(error) => {
                self.message = Some(Message::from_error(&error));
                return;
            }
        };
        let time = document.time().clone();
        let Some(companion) = document.companions.add(opened).and_then(|id| document.companions.get_mut(id)) else {
            return;
        };
        if matches!(companion.alignment, Alignment::Seconds(secs) if !secs.is_finite()) {
            companion.alignment = Alignment::Start;
        }
        if companion.alignment == Alignment::Clock && !companion.has_clock(&time) {
            companion.alignment = Alignment::Seconds(0.0);
            let text = "one of the recordings does not tell when it began: they are aligned at their starts";
            self.message = Some(Message::notice(text, "type the seconds by which it begins later, or Shift + drag it"));
        }
        self.build_companions();
    }

    /// Makes the summaries of companions that are not complete, and that nobody makes yet.
    pub(super) fn build_companions(&mut self) {
        let Some(document) = &mut self.document else { return };
        for companion in document.companions.list.iter_mut().filter(|c| !c.summary.is_complete()) {
            if companion.building.is_some_and(|id| self.jobs.is_running(id)) {
                continue;
            }
            let summary = companion.summary.clone();
            let title = format!("Summary of {}", companion.title());
            let id = self.jobs.start(title, &self.budget, move |_, task: &Task, _| {
                summary.build(task)?;
                Ok(Outcome::Summarised)
            });
            companion.building = Some(id);
        }
    }

    /// Takes in what has happened to the files of another recording that is shown beneath.
    pub(super) fn companion_followed(&mut self, news: News) {
        let companions = self.document.iter_mut().flat_map(|d| &mut d.companions.list);
        let Some(companion) = companions.into_iter().find(|c| c.path.is_some() && Arc::ptr_eq(&c.source, &news.of))
        else {
            return;
        };
        let told = match news.what {
            What::Growth(_) => None,
            What::Told(text, remedy) => Some((text, remedy)),
            What::Described(described, told) => {
                companion.follow(described.source, described.summary, described.is_longer);
                self.build_companions();
                told
            }
        };
        if let Some((text, remedy)) = told {
            self.message = Some(Message::notice(&text, &remedy));
        }
    }

    /// Follows the recordings that are shown beneath.
    pub(super) fn watch_companions(&mut self) {
        let list = self.document.iter().flat_map(|d| &d.companions.list).filter(|c| c.path.is_some());
        let watched = &mut self.workers.beneath;
        let mut shown = Vec::new();
        for companion in list {
            shown.push(companion.id);
            watched
                .entry(companion.id)
                .or_insert_with(|| Follower::start(&self.jobs, &self.budget))
                .watch_companion(companion);
        }
        watched.retain(|id, _| shown.contains(id));
    }
}
