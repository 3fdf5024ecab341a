//! Annotations of the open recording: what commands do to them, and how they get to the disk and back.
//!
//! They are read when the recording is opened and written by a worker soon after a change, through a temporary name. What
//! another window has written meanwhile is taken in. A file that could not be read is never written over: the edits are
//! kept in memory then, and the tab says so.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::command::AnnotationCommand;
use super::jobs::{Jobs, Purpose, Reply};
use super::message::Message;
use super::state::Document;
use super::wording::plural;
use crate::annotation::{self, Annotation, Annotations, Base, Category, Edit, Names, store};
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
    /// Where they are kept, once they are.
    pub kept_in: Option<PathBuf>,
    /// Why they cannot be kept.
    pub trouble: Option<Error>,
    /// A file that is there but could not be read: nothing may be written over it.
    locked: bool,
    /// What the file held when it was last read or written; the writer's, while it writes.
    base: Arc<Mutex<Base>>,
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
                base: Arc::new(Mutex::new(Base::of(&stored))),
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

    /// Whether there is something that is not on the disk, though it was tried.
    #[must_use]
    pub fn cannot_be_kept(&self) -> bool {
        self.trouble.is_some() && (self.saving || self.annotations.revision() != self.saved)
    }

    /// What is to be written now; from here on it counts as written, unless [`Self::was_saved`] says otherwise.
    pub(super) fn take_for_saving(&mut self, recording: &str) -> Option<store::Stored> {
        let revision = self.annotations.revision();
        if revision == self.saved || self.locked {
            return None;
        }
        self.saved = revision;
        self.saving = true;
        self.changed = None;
        let (categories, list) = (self.annotations.categories().to_vec(), self.annotations.list().to_vec());
        Some(store::Stored::new(recording, categories, list))
    }

    /// Takes in how writing ended.
    pub(super) fn was_saved(&mut self, result: Result<store::Saved>) {
        self.saving = false;
        match result {
            Ok(store::Saved { path, news, .. }) => {
                self.kept_in = Some(path);
                self.trouble = None;
                let is_all = self.saved == self.annotations.revision();
                self.annotations.take_in(news);
                if is_all {
                    self.saved = self.annotations.revision();
                }
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

/// What to say about annotations that another window has changed.
pub(super) fn told(news: &annotation::News) -> Option<Message> {
    let count = |list: &[Annotation], done: &str| {
        (!list.is_empty()).then(|| format!("{} {done}", plural(list.len() as u64, "annotation")))
    };
    let parts = [count(&news.came, "came in"), count(&news.gone, "went")];
    let categories = news.categories.as_ref().map(|_| "the categories are others".to_owned());
    let parts: Vec<String> = parts.into_iter().flatten().chain(categories).collect();
    let text = format!("another window has changed the annotations, too: {}", parts.join(", "));
    (!parts.is_empty()).then(|| Message::notice(&text, "what was changed here is kept"))
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
            A::Preview(preview) => self.notes.preview = preview.filter(|p| Some(p.id) == self.notes.selected),
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
                self.notes.preview = None;
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
        let list = self.notes.annotations.list().to_vec();
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

    /// Writes what has changed, now, behind what is being written.
    pub(super) fn save_annotations(&mut self, jobs: &Jobs) {
        let name = self.recording().name.clone();
        let Some(stored) = self.notes.take_for_saving(&name) else { return };
        let (path, present, base) = (self.path.clone(), self.notes.kept_in.clone(), Arc::clone(&self.notes.base));
        let (replies, awaited) = (jobs.replies(), jobs.awaited());
        // Every one is written: each knows what was there before it.
        jobs.writer.change(&self.path, move || {
            let _until_the_end = awaited;
            let mut base = base.lock().unwrap_or_else(PoisonError::into_inner);
            let result = store::save(&path, present.as_deref(), &base, &stored);
            if let Ok(saved) = &result {
                base.clone_from(&saved.base);
            }
            drop(base);
            replies.send(Reply::AnnotationsKept { recording: path, result });
        });
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

    fn saved(came: Vec<Annotation>) -> store::Saved {
        let news = annotation::News { came, ..Default::default() };
        store::Saved { path: PathBuf::from("day.rec.longwave.json"), base: Base::default(), news }
    }

    #[test]
    fn what_came_from_another_window_is_not_written_again() {
        let mut notes = Notes::default();
        notes.annotations.apply(Edit::Add(vec![Annotation::new(1.0, 0.0, "mine")]));
        drop(notes.take_for_saving("day.rec"));
        notes.was_saved(Ok(saved(vec![Annotation::new(2.0, 0.0, "theirs")])));
        assert_eq!(notes.annotations.list().len(), 2);
        assert!(notes.until_saving().is_none());
        // Unless something was changed here while it was written.
        notes.annotations.apply(Edit::Add(vec![Annotation::new(3.0, 0.0, "mine too")]));
        drop(notes.take_for_saving("day.rec"));
        notes.annotations.apply(Edit::Add(vec![Annotation::new(4.0, 0.0, "later")]));
        notes.was_saved(Ok(saved(vec![Annotation::new(5.0, 0.0, "theirs too")])));
        assert!(notes.until_saving().is_some());
        assert_eq!(notes.take_for_saving("day.rec").unwrap().annotations.len(), 5);
    }

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
        assert!(notes.cannot_be_kept());
        notes.was_saved(Ok(saved(Vec::new())));
        assert!(notes.until_saving().is_none() && notes.trouble.is_none());
        assert!(notes.take_for_saving("day.rec").is_none());
    }
}
