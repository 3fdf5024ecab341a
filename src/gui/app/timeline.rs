//! Undo and redo: what the time line asks for, done.

use std::time::Instant;

use eframe::egui;

use super::App;
use crate::filter::Chain;
use crate::gui::command::{FilterCommand, PanelCommand, TimelineCommand};
use crate::gui::settings::Settings;
use crate::gui::undo::{Arranged, Ask, Shown, Timeline};

impl App {
    /// How things are arranged now.
    fn arranged(&self) -> Arranged {
        let filter = self.wanted_filter();
        let shown = self.document.as_ref().map(|d| Shown::of(d, filter, self.timeline.seen()));
        let mut settings = self.kept.settings.without_panels();
        settings.time = self.panels.time_format;
        Arranged { settings, shown }
    }

    /// The filters that are applied, or will be when they are there.
    pub(super) fn wanted_filter(&self) -> Option<Chain> {
        let applied = || self.document.as_ref().and_then(|d| d.filter.as_ref()).map(|f| f.chain.clone());
        self.workers.filtering.clone().or_else(applied)
    }

    fn edits(&self) -> u64 {
        self.document.as_ref().map_or(0, |d| d.notes.annotations.steps())
    }

    /// To be called before a command that may change something.
    pub(super) fn before_change(&mut self) {
        let (now, edits) = (self.arranged(), self.edits());
        self.timeline.settle(now, edits);
    }

    /// To be called after it.
    pub(super) fn after_change(&mut self) {
        let (now, edits) = (self.arranged(), self.edits());
        self.timeline.note(now, edits, Instant::now());
    }

    /// Another recording is open, or none: what was done to the one before cannot be undone any more.
    pub(super) fn forget_changes(&mut self) {
        self.timeline = Timeline::default();
        let (now, edits) = (self.arranged(), self.edits());
        self.timeline.settle(now, edits);
    }

    pub(super) fn apply_timeline(&mut self, ctx: &egui::Context, command: TimelineCommand) {
        let undo = command == TimelineCommand::Undo;
        loop {
            let (now, edits) = (self.arranged(), self.edits());
            match self.timeline.step(undo, now, edits) {
                None => return,
                Some((Ask::Note, _)) => {
                    let notes = self.document.as_mut().map(|document| &mut document.notes.annotations);
                    if notes.is_none_or(|notes| if undo { notes.undo() } else { notes.redo() }) {
                        return;
                    }
                    // The list of annotations does not know that step any more: the one before it is meant.
                    self.timeline.has_failed(undo);
                }
                Some((Ask::Restore(state), _)) => return self.restore(ctx, *state),
            }
        }
    }

    fn restore(&mut self, ctx: &egui::Context, state: Arranged) {
        if state.settings != self.arranged().settings {
            let settings = Settings { ..state.settings }.with_panels_of(&self.kept.settings);
            self.apply_panel(ctx, PanelCommand::Settings(settings));
        }
        let (Some(shown), Some(document)) = (state.shown, &mut self.document) else { return };
        shown.restore(document);
        if shown.filter != self.wanted_filter() {
            // With other filters the clock may be another one; the selection goes with it.
            self.timeline.selection = Some(shown.selection);
            self.apply_filter(shown.filter.map_or(FilterCommand::Remove, FilterCommand::Apply));
        }
    }
}
