//! Streams beneath the traces: opening them, aligning them, taking them away.

use std::sync::Arc;

use super::App;
use crate::gui::companions::{self, Alignment, Answer, Beneath, CompanionCommand, HEIGHTS, MAX};
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
                if let Some(companion) = document.companions.get_mut(id) {
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
        if companion.summary.is_complete() {
            return;
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
