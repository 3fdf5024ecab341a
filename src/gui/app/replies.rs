//! What has arrived from the workers, and what it changes.

use std::path::PathBuf;
use std::sync::Arc;

use super::App;
use crate::error::Result;
use crate::filter::Chain;
use crate::gui::annotating;
use crate::gui::command::{AnnotationCommand, Command, FileCommand, FilterCommand, JobCommand, PanelCommand};
use crate::gui::companions::{Alignment, Beneath, CompanionCommand};
use crate::gui::found::FoundCommand;
use crate::gui::gauge::GaugeState;
use crate::gui::inspector_tabs::{pane_of, tab_named};
use crate::gui::jobs::{JobId, JobState, Outcome, Purpose, Reply};
use crate::gui::message::Message;
use crate::gui::opening;
use crate::gui::recent::{self};
use crate::gui::script::Awaited;
use crate::gui::state::Filtered;
use crate::gui::toasts::About;
use crate::source::{OpenOptions, Source};
use crate::summary::Summary;

impl App {
    pub(super) fn take_in(&mut self, reply: Reply) {
        match reply {
            Reply::View { epoch, .. }
            | Reply::Overview { epoch, .. }
            | Reply::RawView { epoch, .. }
            | Reply::ColumnsFailed { epoch, .. }
                if !self.workers.columns.is_current(epoch) => {}
            Reply::Opened { paths, options, result } => self.opened(paths, options, result),
            Reply::Sessions { paths, sessions } => {
                // Unless the user has gone elsewhere meanwhile.
                if self.opening.take_if(|asked| *asked == paths).is_some() {
                    self.panels.sessions = Some(sessions);
                }
            }
            Reply::View { columns, packed, .. } => {
                if let Some(document) = &mut self.document {
                    document.pictures.error = None;
                    document.pictures.view = Some((columns, packed));
                }
            }
            Reply::Overview { columns, .. } => {
                let mut first = false;
                if let Some(document) = &mut self.document {
                    first = document.pictures.overview.is_none();
                    document.overview_arrived(columns);
                }
                if let Some(seen) = self.seen().filter(|_| first) {
                    self.change_recent(seen);
                }
            }
            Reply::RawView { columns, packed, .. } => {
                if let Some(filter) = self.document.as_mut().and_then(|d| d.filter.as_mut()) {
                    filter.picture = Some((columns, packed));
                }
            }
            Reply::Filtered { raw, chain, result } => self.filtered(&raw, chain, result),
            Reply::Places { source, stream, result } => match (&mut self.document, result) {
                (Some(document), Ok(places)) => document.places_arrived(&source, stream, places),
                (_, Err(error)) => self.message = Some(Message::from_error(&error)),
                (None, Ok(_)) => {}
            },
            Reply::Spectrogram(answer) => {
                if let Some(document) = &mut self.document {
                    document.pictures.gram.arrived(answer);
                }
            }
            Reply::Followed(news) => self.followed(*news),
            Reply::ColumnsFailed { error, .. } => {
                if let Some(document) = &mut self.document {
                    // What was drawn before may no longer be there.
                    document.pictures.view = None;
                    document.pictures.error = Some("the recording cannot be read any more".to_owned());
                    self.message = Some(Message::from_error(&error));
                }
            }
            Reply::Measured(measurement) => {
                if let Some(document) = &mut self.document {
                    document.measured(measurement);
                }
            }
            Reply::Companion(answer) => self.companion_opened(answer),
            Reply::CompanionView { id, columns, packed } => {
                if let Some(companion) = self.document.as_mut().and_then(|d| d.companions.get_mut(id)) {
                    companion.arrived(columns, packed);
                }
            }
            Reply::CompanionFailed { id, error } => {
                if let Some(companion) = self.document.as_mut().and_then(|d| d.companions.get_mut(id)) {
                    companion.picture = None;
                    companion.error = Some(error.to_string());
                }
            }
            Reply::Probed(values) => {
                if let Some(document) = &mut self.document {
                    document.cursors.values = Some(values);
                }
            }
            Reply::Snapped(found) => {
                if let Some(document) = &mut self.document {
                    document.snapped(found);
                }
            }
            Reply::Report { job, report } => {
                let result = self.document.iter_mut().flat_map(|d| &mut d.results.list).find(|r| r.job == job);
                if let Some(result) = result {
                    result.report = Some(report);
                }
                self.document.iter_mut().for_each(|document| document.found_arrived(job));
            }
            Reply::Failed(error) => self.message = Some(Message::from_error(&error)),
            Reply::SystemMotion => {
                let theme = self.kept.settings.theme.into();
                self.push(Command::Panel(PanelCommand::Theme(theme)));
            }
            Reply::Finished { job, result } => self.finished(job, result),
            Reply::Picked { purpose, mut paths } => {
                self.jobs.dialog_open = false;
                if paths.is_empty() && self.jobs.dialog_was_brief() {
                    self.message = Some(Message::notice(
                        "no file dialog is available here (it needs a desktop portal or zenity)",
                        "type the path into the field, or press Ctrl + P and type the command with the path behind it: open FILE, save-workspace FILE",
                    ));
                }
                match (purpose, &mut self.panels.export) {
                    (Purpose::Open, _) => self.open_what_came(paths),
                    (Purpose::ExportTarget, Some(form)) => paths.pop().iter().for_each(|path| form.set_target(path)),
                    (Purpose::SaveFound(name), _) => {
                        let saves = paths.into_iter().map(|p| Command::Found(FoundCommand::Save(name, p)));
                        self.commands.extend(saves);
                    }
                    (Purpose::Setting(name), Some(form)) => form.set_setting_files(name, &paths),
                    (Purpose::SaveWorkspace, _) => {
                        let saves = paths.into_iter().map(|p| Command::File(FileCommand::SaveWorkspace(Some(p))));
                        self.commands.extend(saves);
                    }
                    (Purpose::Locate(row), _) => {
                        if let (Some(mut form), Some(path)) = (self.panels.missing.clone(), paths.pop()) {
                            self.jobs.spawn("locate", move |replies| {
                                form.locate(row, &path, recent::is_there);
                                replies.send(Reply::Located(form));
                            });
                        }
                    }
                    (Purpose::ExportTarget | Purpose::Setting(_), None) => {}
                    (Purpose::Compare, _) => {
                        let chosen = paths.pop().map(|path| Command::Job(JobCommand::Compare(path)));
                        chosen.into_iter().for_each(|command| self.push(command));
                    }
                    (Purpose::Companion, _) => {
                        let chosen = paths.pop().map(|path| {
                            Command::Companion(CompanionCommand::Add(Beneath {
                                path: Some(path),
                                alignment: Alignment::Clock,
                                ..Beneath::default()
                            }))
                        });
                        chosen.into_iter().for_each(|command| self.push(command));
                    }
                    (Purpose::ImportAnnotations, _) => {
                        let imports = paths.into_iter().map(|p| Command::Annotation(AnnotationCommand::Import(p)));
                        self.commands.extend(imports);
                    }
                    (Purpose::ExportAnnotations, _) => {
                        let exports = paths.into_iter().map(|p| Command::Annotation(AnnotationCommand::Export(p)));
                        self.commands.extend(exports);
                    }
                }
            }
            Reply::Predicted { form, exists, result } => {
                if let Some(open) = &mut self.panels.export {
                    open.predicted(form, exists, result);
                }
            }
            Reply::Guessed { path, result } => {
                if let Some(open) = self.panels.raw.as_mut().filter(|open| open.path == path) {
                    open.guessed(result);
                }
            }
            Reply::Preview { form, result } => {
                if let Some(open) = &mut self.panels.raw {
                    open.previewed(form, result);
                }
            }
            // The window has put it into the clipboard before it came here.
            Reply::PictureToCopy(_) | Reply::TextToCopy(_) => {}
            Reply::Recent(list) => self.recent = list,
            Reply::WorkspaceLacks { asked, form } => self.workspace_lacks(&asked, form),
            Reply::Located(form) => {
                if let Some(open) = self.panels.missing.as_mut().filter(|open| open.file == form.file) {
                    *open = form;
                }
            }
            Reply::WorkspaceKept { of, result } => self.workspace_kept(&of, result),
            Reply::WorkspaceSaved { of, result } => self.workspace_saved(&of, result),
            Reply::AnnotationsRead { path, result } => {
                if let Some(document) = &mut self.document {
                    self.message = Some(document.annotations_read(&path, result));
                }
            }
            Reply::AnnotationsWritten(Ok(path)) => {
                let text = format!("the annotations were written to {}", path.display());
                self.message = Some(Message::notice(&text, ""));
            }
            Reply::AnnotationsWritten(Err(error)) => self.message = Some(Message::from_error(&error)),
            Reply::PictureTaken { path, image } => self.jobs.spawn("screenshot", move |replies| {
                let result = crate::gui::script::write_picture(&path, &image);
                replies.send(Reply::PictureWritten { path, result });
            }),
            Reply::PictureWritten { path, result } => {
                if let Some(script) = self.kept.script.as_mut().filter(|s| s.awaited == Awaited::Picture(path.clone()))
                {
                    script.awaited = Awaited::Rest;
                }
                self.message = match result {
                    Ok(()) => None,
                    Err(error) => Some(Message::from_error(&error)),
                };
            }
            Reply::AnnotationsKept { recording, result } => {
                let told = match &result {
                    Ok(saved) => annotating::told(&saved.news),
                    // Of what is open the tab says so, and it is tried again.
                    Err(error) => Some(Message::from_error(error)),
                };
                let document = self.document.as_mut().filter(|d| d.path == recording);
                if result.is_ok() || document.is_none() {
                    self.message = told.or(self.message.take());
                }
                if let Some(document) = document {
                    document.notes.was_saved(result);
                }
            }
            Reply::Memory { process, machine } => self.gauge = GaugeState::new(process, machine, &self.budget),
        }
    }

    /// Files from outside, in whatever order the system gives them.
    pub(super) fn open_what_came(&mut self, mut paths: Vec<PathBuf>) {
        match paths.len() {
            0 => {}
            1 => {
                let path = paths.remove(0);
                self.push(Command::File(FileCommand::Open(path, OpenOptions::default())));
            }
            _ => self.push(Command::File(FileCommand::Offer(paths))),
        }
    }

    pub(super) fn opened(&mut self, paths: Vec<PathBuf>, options: OpenOptions, result: Result<opening::Opened>) {
        if self.opening.take().as_ref() != Some(&paths) {
            return; // the user has gone elsewhere meanwhile
        }
        match result {
            Ok(opened) => {
                let same = self.document.as_ref().is_some_and(|document| document.paths() == paths);
                self.close();
                let mut opened = opened;
                let recalled = opened.recalled.take();
                let mut document = opening::document(paths, options, opened);
                document.begin_with(&self.kept.settings.categories);
                self.message = None;
                self.panels.raw = None;
                self.panels.sessions = None;
                self.panels.missing = None;
                self.document = Some(document);
                self.take_up(recalled, same);
                self.list_as_recent();
                self.forget_changes();
                self.build_summary();
            }
            Err(error) => {
                match &paths[..] {
                    // A file of plain numbers that nobody has described yet is no error: the dialog asks.
                    [path] if opening::lacks_layout(&error, path, &options) => {
                        self.push(Command::File(FileCommand::Describe(path.clone())));
                    }
                    _ => self.message = Some(Message::from_error(&error)),
                }
            }
        }
    }

    pub(super) fn finished(&mut self, id: JobId, result: Result<Outcome>) {
        let state = match result {
            Ok(Outcome::Report(report)) => {
                let found = self.document.iter_mut().flat_map(|d| &mut d.results.list).find(|r| r.job == id);
                if let Some(found) = found {
                    found.report = Some(*report);
                    found.done = true;
                }
                self.document.iter_mut().for_each(|document| document.found_arrived(id));
                self.tell_result(id);
                JobState::Done(String::new())
            }
            Ok(Outcome::Tracks(tracks)) => {
                if let Some(document) = &mut self.document {
                    document.tracks_arrived(id, Ok(tracks));
                }
                JobState::Done(String::new())
            }
            Ok(Outcome::Sought(report)) => {
                self.sought(&report);
                JobState::Done(String::new())
            }
            Ok(Outcome::Written(paths)) => {
                let names: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
                let text = if names.len() > 1 {
                    format!("{} files, the first {}", names.len(), names[0])
                } else {
                    names.concat()
                };
                self.jobs.toasts.done(format!("{} done", self.jobs.title(id)), text, About::Files(paths));
                JobState::Done(format!("wrote {}", names.join(", ")))
            }
            Ok(Outcome::Copied) => JobState::Done("it is in the clipboard".to_owned()),
            Ok(Outcome::Opened(path)) => {
                self.push(Command::File(FileCommand::Open(path, OpenOptions::default())));
                JobState::Done(String::new())
            }
            Ok(Outcome::Summarised) => {
                if let Some(seen) = self.seen().filter(|_| self.building == Some(id)) {
                    self.change_recent(seen);
                }
                if self.building.take_if(|building| *building == id).is_some() {
                    // A recording that has grown meanwhile has more to be made.
                    self.build_summary();
                }
                let companions = self.document.iter_mut().flat_map(|d| &mut d.companions.list);
                companions.filter(|c| c.building == Some(id)).for_each(|c| c.building = None);
                self.build_companions();
                JobState::Done("every column is exact".to_owned())
            }
            Err(error) if error.is_cancelled() => {
                self.forget_unfinished(id);
                JobState::Cancelled
            }
            Err(error) => {
                self.forget_unfinished(id);
                let title = format!("{} failed", self.jobs.title(id));
                self.jobs.toasts.failed(title, crate::gui::wording::sentence(&error.to_string()));
                JobState::Failed(error)
            }
        };
        self.jobs.finish(id, state);
    }

    /// Tells that an analysis has its result, if that is not what the user is looking at.
    fn tell_result(&mut self, id: JobId) {
        let Some(result) = self.document.iter().flat_map(|d| &d.results.list).find(|r| r.job == id) else { return };
        let Ok(tab) = tab_named(result.name) else { return };
        let forms = &self.panels.analysis_forms;
        let seen = self.panels.dock.is_shown(pane_of(tab)) && forms.is_chosen(tab);
        if !seen {
            let (title, over) = (format!("{} done", self.jobs.title(id)), format!("Computed over {}.", result.over));
            self.jobs.toasts.done(title, over, About::Result(result.name));
        }
    }

    /// A job that did not end well leaves no half result on screen that looks like a whole one.
    pub(super) fn forget_unfinished(&mut self, id: JobId) {
        if let Some(document) = &mut self.document {
            document.results.list.retain(|r| r.job != id);
            document.tracks_arrived(id, Err("not read: choose it again to try once more".to_owned()));
        }
    }

    /// The filtered recording is there.
    pub(super) fn filtered(&mut self, raw: &Arc<dyn Source>, chain: Chain, result: Result<(Arc<dyn Source>, Summary)>) {
        if self.workers.filtering.take_if(|wanted| *wanted == chain).is_none() {
            return; // removed, or others were asked for meanwhile
        }
        let Some(document) = &mut self.document else { return };
        let before = document.filter.take();
        let unfiltered = before.as_ref().map_or(&document.source, |filter| &filter.source);
        if !Arc::ptr_eq(unfiltered, raw) {
            // Another recording was opened meanwhile, or this one has grown: then once more.
            let has_grown = document.live.was(raw);
            document.filter = before;
            if has_grown {
                self.apply_filter(FilterCommand::Apply(chain));
            }
            return;
        }
        match result {
            Ok((source, summary)) => {
                let filter = before.unwrap_or_else(|| Filtered {
                    chain: Chain::default(),
                    source: Arc::clone(raw),
                    summary: document.summary.clone(),
                    shown: true,
                    centres: document.channels.iter().map(|c| c.centre).collect(),
                    picture: None,
                });
                self.show_instead(source, summary, Some(Filtered { chain, picture: None, ..filter }));
                self.go_on_restoring();
            }
            Err(error) => {
                document.filter = before;
                if self.keeper.restoring.take().is_some() {
                    // They may be of use again with another program, or another file.
                    document.kept.lost_filter = Some(chain.to_string());
                }
                // Nothing of this waits for the next filters.
                self.timeline.selection = None;
                self.message = Some(Message::from_error(&error));
            }
        }
    }

    pub(super) fn sought(&mut self, report: &crate::analysis::Report) {
        let Some(document) = &mut self.document else { return };
        let crate::analysis::View::Events(events) = &report.view else { return };
        match events.places.first() {
            Some(place) => {
                document.go_to_place(place);
                document.pictures.goal = Some(document.ticks_of_place(place).start);
                self.message = None;
            }
            None => self.message = Some(Message::notice("nothing was found there", &report.notes.join("; "))),
        }
    }
}
