//! Annotations of the open recording: what commands do to them, and how they get to the disk and back.
//!
//! They are read when the recording is opened and written by a worker soon after a change, through a temporary name. A
//! file that could not be read is never written over: the edits are kept in memory then, and the tab says so.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::command::AnnotationCommand;
use super::jobs::{Jobs, Purpose, Reply};
use super::message::Message;
use super::state::Document;
use super::wording::plural;
use crate::annotation::{self, Annotation, Annotations, Category, Edit, Names, store};
use crate::error::{Error, Result};

/// Changes are written when there was none for this long, or at the latest when the recording is closed.
const SETTLE: Duration = Duration::from_millis(600);
/// And again so long after they could not be.
const RETRY: Duration = Duration::from_secs(20);

/// What the window knows about annotations.
#[derive(Default)]
pub struct Notes {
    pub annotations: Annotations,
    /// The one whose fields are shown.
    pub selected: Option<u64>,
    /// The selected one as it is being dragged.
    pub preview: Option<Annotation>,
    pub dragging: super::note_drag::Dragging,
    /// Where they are kept, once they are.
    pub kept_in: Option<PathBuf>,
    /// Why they cannot be kept.
    pub trouble: Option<Error>,
    /// A file that is there but could not be read: nothing may be written over it.
    locked: bool,
    saved: u64,
    /// A worker is writing: two at once could end in the wrong order.
    saving: bool,
    changed: Option<(u64, Instant)>,
}

/// What was found on the disk for a recording.
pub(super) type Found = Result<Option<(PathBuf, store::Stored)>>;

impl Notes {
    /// With what was found.
    #[must_use]
    pub fn of(found: Found) -> Self {
        match found {
            Ok(Some((path, stored))) => Self {
                annotations: Annotations::new(stored.annotations, stored.categories),
                kept_in: Some(path),
                ..Self::default()
            },
            Ok(None) => Self::default(),
            Err(error) => Self { trouble: Some(error), locked: true, ..Self::default() },
        }
    }

    /// What is selected.
    #[must_use]
    pub fn selected(&self) -> Option<&Annotation> {
        self.annotations.get(self.selected?)
    }

    /// Notices changes; says how long until they should be written, if there are any that are not.
    pub(super) fn until_saving(&mut self) -> Option<Duration> {
        let revision = self.annotations.revision();
        if revision == self.saved || self.locked || self.saving {
            return None;
        }
        let since = match self.changed {
            Some((seen, since)) if seen == revision => since,
            _ => self.changed.insert((revision, Instant::now())).1,
        };
        Some((since + SETTLE).saturating_duration_since(Instant::now()))
    }

    /// What is to be written now; from here on it counts as written, unless [`Self::was_saved`] says otherwise.
    pub(super) fn take_for_saving(&mut self, recording: &str) -> Option<store::Snapshot> {
        let revision = self.annotations.revision();
        if revision == self.saved || self.locked {
            return None;
        }
        self.saved = revision;
        self.saving = true;
        self.changed = None;
        let (categories, annotations) = (self.annotations.categories().to_vec(), self.annotations.shared());
        Some(store::Snapshot { recording: recording.to_owned(), categories, annotations })
    }

    /// Takes in how writing ended.
    pub(super) fn was_saved(&mut self, result: Result<PathBuf>) {
        self.saving = false;
        match result {
            Ok(path) => {
                self.kept_in = Some(path);
                self.trouble = None;
            }
            Err(error) => {
                self.trouble = Some(error);
                // It does not count as written: it is tried again later, and when the recording is closed.
                self.saved = self.saved.wrapping_sub(1);
                self.changed = Some((self.annotations.revision(), Instant::now() + RETRY));
            }
        }
    }
}

impl Document {
    /// Gives a recording without annotations of its own the categories that the user has chosen for new ones.
    pub(super) fn begin_with(&mut self, categories: &[Category]) {
        let notes = &mut self.notes;
        if notes.kept_in.is_none() && !notes.locked && !categories.is_empty() {
            notes.annotations = Annotations::new(Vec::new(), categories.to_vec());
        }
    }

    /// Does what an annotation command says; dialogs and files are opened by `jobs`.
    pub(super) fn apply_annotation(&mut self, command: AnnotationCommand, jobs: &mut Jobs) {
        use AnnotationCommand as A;
        match command {
            A::Mark { category, at_tick, label } => {
                let annotation = Annotation { label, ..self.new_annotation(category, at_tick) };
                let ids = self.notes.annotations.apply(Edit::Add(vec![annotation]));
                self.notes.selected = ids.first().copied();
            }
            A::Drag(drag) if Some(drag.id) == self.notes.selected => self.drag_note(drag),
            A::Drop => self.drop_note(),
            A::Drag(_) | A::CancelDrag => self.cancel_note_drag(),
            A::EditLabel(id) => self.notes.selected = self.notes.annotations.get(id).map(|a| a.id),
            A::Categories(list) => drop(self.notes.annotations.apply(Edit::Categories(list))),
            A::Recategorise(name, new) => drop(self.notes.annotations.apply(Edit::Recategorise(name, new))),
            A::Change(annotation) => drop(self.notes.annotations.apply(Edit::Change(annotation))),
            A::Remove(id) => drop(self.notes.annotations.apply(Edit::Remove(vec![id]))),
            A::RemoveSelected => {
                if let Some(id) = self.notes.selected.take() {
                    self.notes.annotations.apply(Edit::Remove(vec![id]));
                }
            }
            A::Select(id) => {
                self.notes.selected = id;
                self.cancel_note_drag();
            }
            A::GoTo(id) => self.go_to_annotation(id),
            A::Step { forward } => {
                let middle = self.viewport.start_tick() + self.viewport.ticks() / 2.0;
                let from = match self.notes.selected() {
                    Some(selected) => selected.start_secs,
                    None => self.time().secs_of_tick(middle.max(0.0) as u64),
                };
                if let Some(id) = self.notes.annotations.next(from, forward).map(|a| a.id) {
                    self.go_to_annotation(id);
                }
            }
            A::SelectRange(id) => {
                if let Some(ticks) = self.notes.annotations.get(id).map(|a| self.ticks_of(a)) {
                    self.selection = (ticks.start < ticks.end).then_some(ticks);
                }
            }
            A::Import(path) => {
                let from = path.clone();
                jobs.spawn_awaited("annotations", move |replies| {
                    replies.send(Reply::AnnotationsRead { path: from.clone(), result: annotation::import(&from) });
                });
            }
            A::Export(path) => self.export_annotations(path, jobs),
            A::AskImport => jobs.pick(Purpose::ImportAnnotations, Some(self.path.clone())),
            A::AskExport => {
                jobs.pick(Purpose::ExportAnnotations, Some(self.path.with_extension("annotations.csv")));
            }
        }
    }

    /// The selected range, or the instant at `at_tick`, or the middle of the view.
    fn new_annotation(&self, category: Option<usize>, at_tick: Option<u64>) -> Annotation {
        let time = self.time();
        let category = category.and_then(|i| self.notes.annotations.categories().get(i));
        let (start, duration) = match &self.selection {
            Some(ticks) => {
                let start = time.secs_of_tick(ticks.start);
                (start, time.secs_of_tick(ticks.end) - start)
            }
            None => {
                let middle = self.viewport.start_tick() + self.viewport.ticks() / 2.0;
                let end = time.end_tick(self.shown().frames).saturating_sub(1);
                (time.secs_of_tick(at_tick.unwrap_or(middle.max(0.0) as u64).min(end)), 0.0)
            }
        };
        let name = category.map_or_else(String::new, |c| c.name.clone());
        Annotation { category: name, ..Annotation::new(start, duration, "") }
    }

    /// The ticks that an annotation covers.
    #[must_use]
    pub fn ticks_of(&self, annotation: &Annotation) -> std::ops::Range<u64> {
        let time = self.time();
        time.tick_of_secs(annotation.start_secs)..time.tick_of_secs(annotation.end_secs())
    }

    /// Shows an annotation: all of it, or its place at the present scale.
    fn go_to_annotation(&mut self, id: u64) {
        let Some(ticks) = self.notes.annotations.get(id).map(|a| self.ticks_of(a)) else { return };
        self.notes.selected = Some(id);
        self.history.steps.leave(&self.viewport);
        let (start, end) = (ticks.start as f64, ticks.end as f64);
        if end - start > self.viewport.ticks() * 0.9 {
            let margin = (end - start) * 0.1;
            self.viewport.show(start - margin, end + margin);
        } else if self.viewport.ticks() > self.viewport.len_ticks() / 4.0 {
            // Where all of it is in view, moving would show nothing: close in on the place.
            let half = (self.viewport.len_ticks() / 100.0).max(end - start);
            self.viewport.show(start - half, end + half);
        } else {
            self.viewport.center_on(f64::midpoint(start, end));
        }
    }

    fn export_annotations(&self, path: PathBuf, jobs: &Jobs) {
        let list = self.notes.annotations.shared();
        let recording = self.recording();
        let (name, duration_secs) = (recording.name.clone(), recording.duration_secs());
        let start_unix_ns = self.time().start_unix_ns();
        jobs.spawn_awaited("annotations", move |replies| {
            let names = Names { recording: &name, start_unix_ns, duration_secs };
            // The dialog has asked already whether the file may be replaced.
            let result = annotation::format_for(&path)
                .and_then(|format| annotation::export(&list, &names, format, &path, true))
                .map(|()| path);
            replies.send(Reply::AnnotationsWritten(result));
        });
    }

    /// Writes what has changed on a worker, now.
    pub(super) fn save_annotations(&mut self, jobs: &Jobs) {
        let name = self.recording().name.clone();
        let Some(stored) = self.notes.take_for_saving(&name) else { return };
        let (path, present) = (self.path.clone(), self.notes.kept_in.clone());
        jobs.spawn_awaited("annotations", move |replies| {
            let result = store::save_snapshot(&path, present.as_deref(), &stored);
            replies.send(Reply::AnnotationsKept { recording: path, result });
        });
    }

    /// The same on this thread, for the moment in which the window closes and nothing else is left to do.
    pub(super) fn save_annotations_now(&mut self) {
        let name = self.recording().name.clone();
        if self.notes.saving {
            // The worker that is writing may not live to the end: the same is written again.
            self.notes.saved = self.notes.saved.wrapping_sub(1);
        }
        if let Some(stored) = self.notes.take_for_saving(&name) {
            let result = store::save_snapshot(&self.path, self.notes.kept_in.as_deref(), &stored);
            self.notes.was_saved(result);
        }
    }

    /// Takes in the annotations of a file; says what came of it.
    pub(super) fn annotations_read(&mut self, path: &Path, result: Result<Vec<Annotation>>) -> Message {
        match result {
            Ok(list) => {
                let count = plural(list.len() as u64, "annotation");
                self.notes.annotations.apply(Edit::Add(list));
                Message::notice(&format!("{count} added from {}", path.display()), "Ctrl + Z takes them out again")
            }
            Err(error) => Message::from_error(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_written_is_tried_again() {
        let mut notes = Notes::default();
        assert!(notes.until_saving().is_none());
        notes.annotations.apply(Edit::Add(vec![Annotation::new(1.0, 0.0, "kept")]));
        assert!(notes.until_saving().unwrap() <= SETTLE);
        assert!(notes.take_for_saving("day.rec").is_some());
        notes.was_saved(Err(Error::invalid("the disk is full")));
        let wait = notes.until_saving().unwrap();
        assert!(SETTLE < wait && wait <= RETRY + SETTLE, "not at once: {wait:?}");
        let again = notes.take_for_saving("day.rec").unwrap();
        assert_eq!(again.annotations[0].label, "kept");
        notes.was_saved(Ok(PathBuf::from("day.rec.longwave.json")));
        assert!(notes.until_saving().is_none() && notes.trouble.is_none());
        assert!(notes.take_for_saving("day.rec").is_none());
    }
}
