//! Closing the window: nothing that is still to be written is lost, and what cannot be written is told before it is too
//! late.

use std::time::{Duration, Instant};

use eframe::egui;

use super::App;
use crate::error::Error;
use crate::gui::jobs::Reply;
use crate::gui::message::Message;

/// The program ends no later than this after its window was closed, whatever the disk does.
const PATIENCE: Duration = Duration::from_secs(15);
const SLICE: Duration = Duration::from_millis(20);

impl App {
    /// The window is to be closed: where annotations would be lost it stays open once, and says so.
    pub(super) fn think_of_closing(&mut self, ctx: &egui::Context) {
        if !ctx.input(|i| i.viewport().close_requested()) || self.warned {
            return;
        }
        let Some(document) = self.document.as_mut().filter(|d| d.notes.cannot_be_kept()) else { return };
        let why = document.notes.trouble.as_ref().map(ToString::to_string).unwrap_or_default();
        // What was in the way may be gone by now.
        document.save_annotations(&self.jobs);
        let text = format!("the annotations could not be written: {why}");
        let remedy =
            "mend that, or write them elsewhere (Annotations, Export); close the window again to leave without them";
        self.message = Some(Message::from_error(&Error::invalid(text).with_remedy(remedy)));
        self.warned = true;
        ctx.send_viewport_cmd(egui::ViewportCommand::CancelClose);
    }

    /// Writes all that is still to be written, and waits for it, but not for ever.
    pub(super) fn end(&mut self) {
        self.jobs.cancel_all();
        if let Some(document) = &mut self.document {
            document.save_annotations(&self.jobs);
        }
        if let Some(seen) = self.seen() {
            self.change_recent(seen);
        }
        self.write_workspace();
        self.write_settings();
        let end = Instant::now() + PATIENCE;
        let mut left = self.jobs.writer.finish(SLICE);
        self.hear_last_words();
        // The writers answer into a channel that nobody empties any more.
        while !left.is_empty() && Instant::now() < end {
            left = self.jobs.writer.finish(SLICE);
            self.hear_last_words();
        }
        if let Some(file) = left.first() {
            let error = Error::invalid("it was still being written when the window was closed").with_path(file);
            self.say_at_last(error.with_remedy("the disk may be slow, or not reachable any more"));
        }
    }

    fn hear_last_words(&self) {
        for reply in self.jobs.take_replies() {
            match reply {
                Reply::AnnotationsKept { recording, result: Err(error) } => {
                    let name = recording.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    self.say_at_last(Error::invalid(format!("the annotations of {name} were not written: {error}")));
                }
                Reply::WorkspaceKept { result: Err(error), .. } | Reply::WorkspaceSaved { result: Err(error), .. } => {
                    self.say_at_last(error)
                }
                _ => {}
            }
        }
    }

    /// The first of them is what the program ends with.
    fn say_at_last(&self, error: Error) {
        let mut words = self.kept.last_words.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        words.get_or_insert(error);
    }
}
