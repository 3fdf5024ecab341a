//! The glue: replies in, commands applied, panels drawn.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use eframe::egui;

use super::column_worker::{ColumnWorker, Place, Wish};
use super::command::{AnnotationCommand, Command, FileCommand, FilterCommand, JobCommand, PanelCommand, ScriptCommand};
use super::found::FoundCommand;
use super::gauge::GaugeState;
use super::jobs::{JobId, JobState, Jobs, Outcome, Purpose, Reply};
use super::keys::Keymap;
use super::measured::MeasureWorker;
use super::message::Message;
use super::opening::Which;
use super::recent::{self, Recent};
use super::script::{Awaited, Script};
use super::settings::{self, Settings};
use super::state::{AnalysisResult, Document, Filtered, InspectorTab, Panels};
use super::{opening, raw_preview, vocabulary};
use crate::budget::MemoryBudget;
use crate::cli::Viewer;
use crate::error::{Error, Result};
use crate::filter::Chain;
use crate::source::{OpenOptions, Source};
use crate::summary::{Summary, ViewRequest};
use crate::task::Task;

/// While something runs, its progress is painted this often.
const PROGRESS: Duration = Duration::from_millis(100);
/// Columns of the overview strip; more than a 4K screen shows.
const OVERVIEW_COLUMNS: f64 = 2048.0;
/// Columns asked for beyond either edge of the view.
const MARGIN_COLUMNS: u64 = 256;

/// The whole window.
pub struct App {
    pub document: Option<Document>,
    pub panels: Panels,
    pub jobs: Jobs,
    workers: Workers,
    budget: MemoryBudget,
    gauge: GaugeState,
    recent: Recent,
    /// Where the recent files are listed; `None`: nowhere.
    recent_list: Option<PathBuf>,
    message: Option<Message>,
    commands: Vec<Command>,
    building: Option<JobId>,
    opening: Option<Vec<PathBuf>>,
    kept: Kept,
    keymap: Keymap,
}

/// What outlives a recording: the user's settings, and the script that is being run.
#[derive(Default)]
pub(super) struct Kept {
    pub settings: Settings,
    /// Where they are kept; `None`: nowhere.
    pub settings_file: Option<PathBuf>,
    /// What was wrong with them.
    trouble: Option<Error>,
    /// As they are in the file.
    written: Option<Settings>,
    pub script: Option<Script>,
}

impl Kept {
    /// The settings of this user.
    pub(super) fn of_user() -> Self {
        let Some(file) = settings::file() else { return Self::default() };
        match settings::load(&file) {
            Ok(settings) => Self { settings, settings_file: Some(file), ..Self::default() },
            // Not written over, so that nothing is lost.
            Err(error) => Self { trouble: Some(error), ..Self::default() },
        }
    }
}

/// What answers wishes for something to be shown, newest first.
struct Workers {
    columns: ColumnWorker,
    measure: MeasureWorker,
    gram: super::gram::GramWorker,
}

impl App {
    /// A window that is about to show what `viewer` says.
    #[must_use]
    pub fn new(ctx: &egui::Context, viewer: Viewer) -> Self {
        Self::with(ctx, viewer, Kept::default())
    }

    /// The same with what the user has kept.
    pub(super) fn with(ctx: &egui::Context, viewer: Viewer, kept: Kept) -> Self {
        let mut app = Self::with_recent_list(ctx, viewer, recent::list_file());
        let (keymap, mut wrong) = Keymap::new(&kept.settings.preset, &kept.settings.keys);
        app.keymap = keymap;
        app.panels.time_format = kept.settings.time;
        app.panels.hide_channels = kept.settings.hide_channels;
        app.panels.hide_inspector = kept.settings.hide_inspector;
        ctx.set_theme(egui::ThemePreference::from(kept.settings.theme));
        if let Some(error) = kept.trouble.as_ref().or(wrong.pop().as_ref()) {
            app.message = Some(Message::from_error(error));
        }
        app.kept = kept;
        app
    }

    /// The same with the recent files listed in `recent_list`, so that a test leaves the user's own list alone.
    #[must_use]
    pub fn with_recent_list(ctx: &egui::Context, viewer: Viewer, recent_list: Option<PathBuf>) -> Self {
        super::theme::apply(ctx);
        let Viewer { paths, options, stream, budget, threads, .. } = viewer;
        let jobs = Jobs::new(ctx.clone(), threads);
        jobs.watch_memory(&budget);
        let workers = Workers {
            columns: ColumnWorker::start(&jobs, &budget),
            measure: MeasureWorker::start(&jobs, &budget),
            gram: super::gram::GramWorker::start(&jobs, &budget),
        };
        if let Some(file) = recent_list.clone() {
            recent::load(&jobs, file);
        }
        let mut opening = None;
        if !paths.is_empty() {
            opening = Some(paths.clone());
            opening::open(&jobs, &budget, paths, options, Which::Named(stream));
        }
        Self {
            document: None,
            panels: Panels::default(),
            gauge: GaugeState::new(Default::default(), Default::default(), &budget),
            jobs,
            workers,
            budget,
            recent: Recent::default(),
            recent_list,
            message: None,
            commands: Vec::new(),
            building: None,
            opening,
            kept: Kept::default(),
            keymap: Keymap::new("", &Default::default()).0,
        }
    }

    /// Adds a command, as if a panel had produced it. For tests and scripts.
    pub fn push(&mut self, command: Command) {
        self.commands.push(command);
    }

    fn take_in(&mut self, reply: Reply) {
        match reply {
            Reply::Opened { paths, options, result } => self.opened(paths, options, result),
            Reply::Sessions { paths, sessions } => {
                // Unless the user has gone elsewhere meanwhile.
                if self.opening.take_if(|asked| *asked == paths).is_some() {
                    self.panels.sessions = Some(sessions);
                }
            }
            Reply::View { columns, packed } => {
                if let Some(document) = &mut self.document {
                    document.pictures.error = None;
                    document.pictures.view = Some((columns, packed));
                }
            }
            Reply::Overview { columns } => {
                if let Some(document) = &mut self.document {
                    document.overview_arrived(columns);
                }
            }
            Reply::RawView { columns, packed } => {
                if let Some(filter) = self.document.as_mut().and_then(|d| d.filter.as_mut()) {
                    filter.picture = Some((columns, packed));
                }
            }
            Reply::Filtered { raw, chain, result } => self.filtered(&raw, chain, result),
            Reply::Spectrogram(answer) => {
                if let Some(document) = &mut self.document {
                    document.pictures.gram.arrived(answer);
                }
            }
            Reply::ColumnsFailed(error) => {
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
            Reply::Report { job, report } => {
                let result = self.document.iter_mut().flat_map(|d| &mut d.results.list).find(|r| r.job == job);
                if let Some(result) = result {
                    result.report = Some(report);
                }
                self.document.iter_mut().for_each(|document| document.found_arrived(job));
            }
            Reply::Finished { job, result } => self.finished(job, result),
            Reply::Picked { purpose, mut paths } => {
                self.jobs.dialog_open = false;
                if paths.is_empty() && self.jobs.dialog_was_brief() {
                    self.message = Some(Message::notice(
                        "no file dialog is available here (it needs a desktop portal or zenity)",
                        "type the path into the field, or start 'longwave FILE'",
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
                    (Purpose::ExportTarget | Purpose::Setting(_), None) => {}
                    (Purpose::Compare, _) => {
                        let chosen = paths.pop().map(|path| Command::Job(JobCommand::Compare(path)));
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
            Reply::Recent(list) => self.recent = list,
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
                let result = super::script::write_picture(&path, &image);
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
                if let Some(document) = self.document.as_mut().filter(|d| d.path == recording) {
                    document.notes.was_saved(result);
                }
            }
            Reply::Memory { process, machine } => self.gauge = GaugeState::new(process, machine, &self.budget),
        }
    }

    /// Files from outside, in whatever order the system gives them.
    fn open_what_came(&mut self, mut paths: Vec<PathBuf>) {
        match paths.len() {
            0 => {}
            1 => {
                let path = paths.remove(0);
                self.push(Command::File(FileCommand::Open(path, OpenOptions::default())));
            }
            _ => self.push(Command::File(FileCommand::Offer(paths))),
        }
    }

    fn opened(&mut self, paths: Vec<PathBuf>, options: OpenOptions, result: Result<opening::Opened>) {
        if self.opening.take().as_ref() != Some(&paths) {
            return; // the user has gone elsewhere meanwhile
        }
        match result {
            Ok(opened) => {
                self.close();
                let document = opening::document(paths, options, opened);
                // A list of files has no name that it could be opened by again.
                if let (Some(file), true) = (self.recent_list.clone(), document.more.is_empty()) {
                    recent::remember(&self.jobs, file, document.path.clone());
                }
                self.message = None;
                self.panels.raw = None;
                self.panels.sessions = None;
                self.document = Some(document);
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

    /// Lets go of the open recording and of all that works on it.
    fn close(&mut self) {
        if let Some(document) = &mut self.document {
            document.save_annotations(&self.jobs);
        }
        self.jobs.cancel_all();
        self.workers.columns.clear();
        self.workers.measure.clear();
        self.document = None;
        self.building = None;
        self.panels.export = None;
    }

    /// Starts the pass that makes every column exact, visible frames first.
    fn build_summary(&mut self) {
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

    fn finished(&mut self, id: JobId, result: Result<Outcome>) {
        let state = match result {
            Ok(Outcome::Report(report)) => {
                let found = self.document.iter_mut().flat_map(|d| &mut d.results.list).find(|r| r.job == id);
                if let Some(found) = found {
                    found.report = Some(*report);
                    found.done = true;
                }
                self.document.iter_mut().for_each(|document| document.found_arrived(id));
                JobState::Done(String::new())
            }
            Ok(Outcome::Sought(report)) => {
                self.sought(&report);
                JobState::Done(String::new())
            }
            Ok(Outcome::Written(paths)) => {
                let names: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
                JobState::Done(format!("wrote {}", names.join(", ")))
            }
            Ok(Outcome::Opened(path)) => {
                self.push(Command::File(FileCommand::Open(path, OpenOptions::default())));
                JobState::Done(String::new())
            }
            Ok(Outcome::Summarised) => JobState::Done("every column is exact".to_owned()),
            Err(error) if error.is_cancelled() => {
                self.forget_unfinished(id);
                JobState::Cancelled
            }
            Err(error) => {
                self.forget_unfinished(id);
                JobState::Failed(error)
            }
        };
        self.jobs.finish(id, state);
    }

    /// A job that did not end well leaves no half result on screen that looks like a whole one.
    fn forget_unfinished(&mut self, id: JobId) {
        if let Some(document) = &mut self.document {
            document.results.list.retain(|r| r.job != id);
        }
    }

    /// Does what a command says.
    pub fn apply(&mut self, ctx: &egui::Context, command: Command) {
        match command {
            Command::File(file) => self.apply_file(file),
            Command::View(view) => {
                if let Some(document) = &mut self.document
                    && let Err(error) = document.apply_view(view)
                {
                    self.message = Some(Message::from_error(&error));
                }
            }
            Command::Channels(change) => {
                if let Some(document) = &mut self.document {
                    document.apply_channels(change);
                }
            }
            Command::Annotation(change) => {
                if let Some(document) = &mut self.document {
                    document.apply_annotation(change, &mut self.jobs);
                }
            }
            Command::Job(job) => self.apply_job(job),
            Command::Filter(filter) => self.apply_filter(filter),
            Command::Found(found) => self.apply_found(found),
            Command::Panel(panel) => self.apply_panel(ctx, panel),
            Command::Script(script) => self.apply_script(ctx, script),
        }
    }

    fn apply_file(&mut self, command: FileCommand) {
        match command {
            FileCommand::Open(path, options) => {
                self.apply_file(FileCommand::OpenTogether(vec![path], options));
            }
            FileCommand::OpenTogether(paths, options) => {
                self.message = None;
                self.panels.sessions = None;
                self.opening = Some(paths.clone());
                opening::open(&self.jobs, &self.budget, paths, options, Which::Named(None));
            }
            FileCommand::Offer(paths) => {
                self.message = None;
                self.opening = Some(paths.clone());
                opening::offer(&self.jobs, &self.budget, paths);
            }
            FileCommand::Ask => self.jobs.pick(Purpose::Open, self.document.as_ref().map(|d| d.path.clone())),
            FileCommand::Demo => {
                self.jobs.start("Demo recording", &self.budget, |_, task: &Task, _| {
                    Ok(Outcome::Opened(opening::demo(task)?))
                });
            }
            FileCommand::Describe(path) => {
                raw_preview::guess(&self.jobs, path.clone());
                self.panels.raw = Some(super::raw_form::RawForm::new(path));
            }
            FileCommand::Remember(path, options) => raw_preview::remember(&mut self.jobs, &self.budget, path, options),
            FileCommand::Close => {
                self.close();
                self.opening = None;
                self.message = None;
            }
            FileCommand::ShowDifference => {
                let document = self.document.as_ref();
                self.opening = document.and_then(|d| super::comparing::show(d, &self.jobs, &self.budget));
            }
            FileCommand::Stream(stream) => {
                if let Some(document) = &self.document {
                    let (paths, options) = (document.paths(), document.options.clone());
                    self.opening = Some(paths.clone());
                    opening::open(&self.jobs, &self.budget, paths, options, Which::Index(stream));
                }
            }
        }
    }

    fn apply_filter(&mut self, command: FilterCommand) {
        let Some(document) = &mut self.document else { return };
        match command {
            FilterCommand::Apply(chain) => {
                self.panels.analysis_forms.filter.show(&chain);
                let raw = document.filter.as_ref().map_or(&document.source, |filter| &filter.source);
                opening::filter(&self.jobs, &self.budget, Arc::clone(raw), document.stream, chain);
            }
            FilterCommand::Remove => {
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

    /// The filtered recording is there.
    fn filtered(&mut self, raw: &Arc<dyn Source>, chain: Chain, result: Result<(Arc<dyn Source>, Summary)>) {
        let Some(document) = &mut self.document else { return };
        let before = document.filter.take();
        let unfiltered = before.as_ref().map_or(&document.source, |filter| &filter.source);
        if !Arc::ptr_eq(unfiltered, raw) {
            document.filter = before; // another recording was opened meanwhile
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
            }
            Err(error) => {
                document.filter = before;
                self.message = Some(Message::from_error(&error));
            }
        }
    }

    /// Goes on with the same stream, filtered in another way. What is finished stays; what was being computed of the old
    /// one is stopped, but for exports.
    fn show_instead(&mut self, source: Arc<dyn Source>, summary: Summary, filter: Option<Filtered>) {
        let Some(document) = &mut self.document else { return };
        for unfinished in document.results.list.iter().filter(|r| !r.done) {
            self.jobs.cancel(unfinished.job);
        }
        if let Some(building) = self.building.take() {
            self.jobs.cancel(building);
        }
        self.workers.columns.clear();
        self.panels.export = None;
        self.message = None;
        document.show_instead(source, summary, filter);
        self.build_summary();
    }

    fn apply_job(&mut self, command: JobCommand) {
        match command {
            JobCommand::Compare(with) => {
                if let Some(document) = &mut self.document {
                    super::comparing::start(document, &mut self.jobs, &self.budget, with);
                }
            }
            JobCommand::Cancel(id) => self.jobs.cancel(id),
            JobCommand::CancelAll => self.jobs.cancel_all(),
            JobCommand::Dismiss(id) => self.jobs.dismiss(id),
            JobCommand::Analyse { name, settings, scope } => {
                let Some(document) = &mut self.document else { return };
                let Ok(analysis) = crate::analysis::named(name) else { return };
                self.panels.analysis_forms.show(name, &settings, scope);
                let source = Arc::clone(&document.source);
                let summary = document.summary.clone();
                let selection = document.scope(scope);
                let over = document.describe(&selection);
                for old in document.results.list.iter().filter(|r| r.name == name && !r.done) {
                    self.jobs.cancel(old.job);
                }
                let title = format!("{} of {over}", analysis.title);
                let job = self.jobs.start(title, &self.budget, move |job, task, replies| {
                    let mut publish = |report| replies.send(Reply::Report { job, report });
                    let request = crate::analysis::Request {
                        source: &source,
                        selection: &selection,
                        settings: &settings,
                        task,
                        summary: Some(&summary),
                        publish: &mut publish,
                    };
                    (analysis.run)(&mut { request }).map(|report| Outcome::Report(Box::new(report)))
                });
                document.results.list.retain(|r| r.name != name);
                document.results.list.push(AnalysisResult { name, over, job, report: None, done: false });
            }
            JobCommand::Seek { name, mut settings, forward } => {
                let Some(document) = &self.document else { return };
                let Ok(analysis) = crate::analysis::named(name) else { return };
                let (source, summary) = (Arc::clone(&document.source), document.summary.clone());
                let mut selection = document.scope(super::command::Scope::Everything);
                let ticks = document.visible_ticks();
                let middle = document.frames_of_ticks(&(ticks.start + (ticks.end - ticks.start) / 2..ticks.end)).start;
                let (which, title) = if forward { ("first", "Next") } else { ("last", "Previous") };
                // What is in the middle already was found before.
                selection.frames =
                    if forward { (middle + 1).min(selection.frames.end)..selection.frames.end } else { 0..middle };
                if settings.set(which, "true").is_err() || selection.is_empty() {
                    return;
                }
                self.jobs.start(format!("{title}: {}", analysis.title), &self.budget, move |_, task, _| {
                    let request = crate::analysis::Request {
                        source: &source,
                        selection: &selection,
                        settings: &settings,
                        task,
                        summary: Some(&summary),
                        publish: &|_| {},
                    };
                    (analysis.run)(&request).map(|report| Outcome::Sought(Box::new(report)))
                });
            }
            JobCommand::Export { target, values, settings, scope, overwrite } => {
                let Some(document) = &self.document else { return };
                let source = Arc::clone(&document.source);
                let selection = document.scope(scope);
                let title = format!("Export to {}", target.file_name().unwrap_or_default().to_string_lossy());
                self.jobs.start(title, &self.budget, move |_, task, _| {
                    let exporter = crate::export::for_target(&target)?;
                    let request = crate::export::Request {
                        source: &source,
                        selection: &selection,
                        whole: true,
                        target: &target,
                        values,
                        settings: &settings,
                        overwrite,
                        task,
                    };
                    (exporter.run)(&request).map(Outcome::Written)
                });
            }
        }
    }

    fn apply_found(&mut self, command: FoundCommand) {
        let Some(document) = &mut self.document else { return };
        match command {
            FoundCommand::AskSave(name) => {
                let stem = document.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                let suggested = document.path.with_file_name(format!("{stem}.{name}.csv"));
                self.jobs.pick(Purpose::SaveFound(name), Some(suggested));
            }
            FoundCommand::Save(name, mut target) => {
                let result = document.results.list.iter().rev().find(|r| r.name == name);
                let Some(report) = result.and_then(|r| r.report.clone()) else { return };
                if target.extension().is_none() {
                    target.set_extension("csv");
                }
                self.jobs.start(format!("Saving {}", target.display()), &self.budget, move |_, _, _| {
                    // That it may be replaced is what the dialog has asked.
                    report.write_csv(&target, true)?;
                    Ok(Outcome::Written(vec![target]))
                });
            }
            other => document.apply_found(other),
        }
    }

    fn sought(&mut self, report: &crate::analysis::Report) {
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

    fn apply_panel(&mut self, ctx: &egui::Context, command: PanelCommand) {
        use super::{export_form::ExportForm, state::TimeFormat};
        let panels = &mut self.panels;
        match command {
            PanelCommand::TimeFormat(format) => panels.time_format = format,
            PanelCommand::NextTimeFormat => {
                let all = TimeFormat::ALL;
                let i = all.iter().position(|&f| f == panels.time_format).unwrap_or(0);
                panels.time_format = all[(i + 1) % all.len()];
            }
            PanelCommand::Inspector(tab) => {
                panels.inspector = tab;
                panels.hide_inspector = false;
            }
            PanelCommand::ToggleChannels => panels.hide_channels = !panels.hide_channels,
            PanelCommand::ToggleInspector => panels.hide_inspector = !panels.hide_inspector,
            PanelCommand::Help(open) => panels.help = open,
            PanelCommand::ExportForm(open) => {
                panels.export = self.document.as_ref().filter(|_| open).map(ExportForm::new);
            }
            PanelCommand::RawForm(_) => panels.raw = None,
            PanelCommand::GoToForm(open) => panels.go_to = open.then(String::new),
            PanelCommand::BudgetForm(open) => {
                panels.budget = open.then(|| crate::text::bytes(self.budget.limit()));
            }
            PanelCommand::Budget(bytes) => {
                self.budget.set_limit(bytes);
                self.gauge.limit = self.budget.limit();
                panels.budget = None;
            }
            PanelCommand::Theme(theme) => {
                ctx.set_theme(theme);
                self.kept.settings.theme = theme.into();
            }
            PanelCommand::FullScreen => {
                let full = ctx.input(|i| i.viewport().fullscreen.unwrap_or(false));
                ctx.send_viewport_cmd(egui::ViewportCommand::Fullscreen(!full));
            }
            PanelCommand::Palette(open) => panels.palette = open.then(Default::default),
            PanelCommand::SettingsForm(open) => panels.settings_form = open,
            PanelCommand::Settings(settings) => {
                ctx.set_theme(egui::ThemePreference::from(settings.theme));
                panels.time_format = settings.time;
                let (keymap, mut wrong) = Keymap::new(&settings.preset, &settings.keys);
                self.keymap = keymap;
                self.message = wrong.pop().as_ref().map(Message::from_error);
                self.kept.settings = settings;
            }
            PanelCommand::DismissMessage => self.message = None,
            PanelCommand::DismissSessions => panels.sessions = None,
            PanelCommand::BrowseCompare => {
                let suggested = self.document.as_ref().and_then(|d| d.path.parent()).map(|folder| folder.join(""));
                self.jobs.pick(Purpose::Compare, suggested);
            }
            PanelCommand::Spectrogram(command) => {
                if let Some(document) = &mut self.document {
                    document.pictures.gram.apply(&mut panels.spectrogram, command);
                }
            }
            PanelCommand::BrowseExport => {
                let suggested = panels.export.as_ref().map(|form| PathBuf::from(form.target.trim()));
                self.jobs.pick(Purpose::ExportTarget, suggested);
            }
            PanelCommand::BrowseSetting(name) => {
                let suggested = panels.export.as_ref().and_then(|form| form.setting_file(name));
                self.jobs.pick(Purpose::Setting(name), suggested);
            }
        }
    }

    /// Asks for the spectrogram that is to be seen, and keeps its tiles in the making.
    fn want_spectrogram(&mut self) {
        let wish = self.document.as_ref().and_then(|document| self.panels.spectrogram.wish(document));
        if let Some(document) = &mut self.document {
            let near = document.visible_ticks().start;
            document.pictures.gram.keep_up(wish.as_ref(), near, &mut self.jobs, &self.budget);
        }
        self.workers.gram.want(wish);
    }

    fn apply_script(&mut self, ctx: &egui::Context, command: ScriptCommand) {
        let awaited = match command {
            ScriptCommand::Quit => {
                ctx.send_viewport_cmd(egui::ViewportCommand::Close);
                return;
            }
            ScriptCommand::Size(width, height) => {
                ctx.send_viewport_cmd(egui::ViewportCommand::InnerSize(egui::vec2(width, height)));
                Awaited::Size { width: width as u32, height: height as u32, frames: Awaited::SIZE_FRAMES }
            }
            ScriptCommand::Screenshot(path) => {
                let (replies, target) = (self.jobs.replies(), path.clone());
                let taken = move |image| replies.send(Reply::PictureTaken { path: target, image });
                ctx.send_viewport_cmd(egui::ViewportCommand::Screenshot(egui::ScreenshotCallback::new(taken)));
                Awaited::Picture(path)
            }
            ScriptCommand::Wait { exact: true } => Awaited::Exact,
            ScriptCommand::Wait { exact: false } => Awaited::Rest,
        };
        if let Some(script) = &mut self.kept.script {
            script.awaited = awaited;
        }
    }

    /// Does the next line of the script, when what the last one started has come to rest.
    fn run_script(&mut self, ctx: &egui::Context) {
        let building = self.building;
        let Some(script) = &mut self.kept.script else { return };
        ctx.request_repaint();
        script.window_is(ctx.content_rect().size());
        let failed = self.message.as_ref().filter(|m| m.is_error).map(|m| m.text.clone()).or_else(|| {
            self.jobs.list.iter().find_map(|job| match &job.state {
                JobState::Failed(error) => Some(error.to_string()),
                _ => None,
            })
        });
        if let Some(text) = failed {
            script.fail(&text);
        } else {
            let busy = self.jobs.list.iter().any(|job| job.is_running() && Some(job.id) != building);
            let exact = self.document.as_ref().is_none_or(|d| d.summary.is_complete());
            let at_rest = self.opening.is_none()
                && !busy
                && !self.jobs.any_awaited()
                && self.workers.columns.is_at_rest()
                && self.workers.gram.is_at_rest()
                && self.workers.measure.is_at_rest()
                && self.commands.is_empty();
            if let Some(line) = script.next_line(at_rest, exact) {
                match vocabulary::parse(&line, self.document.as_ref(), None) {
                    Ok(commands) => self.commands.extend(commands),
                    Err(error) => script.fail(&error.to_string()),
                }
            }
        }
        if script.is_done() && self.commands.is_empty() {
            if script.has_failed() {
                ctx.send_viewport_cmd(egui::ViewportCommand::Close);
            }
            self.kept.script = None;
        }
    }

    /// Writes the settings on a worker, if they have changed.
    fn keep_settings(&mut self) {
        let settings = &mut self.kept.settings;
        settings.time = self.panels.time_format;
        settings.hide_channels = self.panels.hide_channels;
        settings.hide_inspector = self.panels.hide_inspector;
        let Some(file) = self.kept.settings_file.clone() else { return };
        if self.kept.written.as_ref() == Some(settings) {
            return;
        }
        let first = self.kept.written.replace(settings.clone()).is_none();
        if !first {
            let settings = settings.clone();
            // Settings are a comfort: a folder that cannot be written to is not the user's present concern.
            self.jobs.spawn("settings", move |_| drop(settings::save(&file, &settings)));
        }
    }

    /// Asks for the pictures that the state calls for; asking for the same again costs nothing.
    fn want_pictures(&self, pixels_per_point: f32) {
        let Some(document) = &self.document else { return };
        let stream = document.shown();
        let seen = document.visible_frames();
        document.summary.want(seen.clone());
        let channels = document.visible_channels();
        let wish = |request: ViewRequest| Wish {
            scales: request.channels.iter().map(|&c| stream.channels[c].scale).collect(),
            request,
            summary: document.summary.clone(),
            time: stream.time.clone(),
        };
        let lanes = document.lanes_on_screen();
        let shown: Vec<usize> = channels[lanes].to_vec();
        let per_column = document.viewport.ticks_per_point() / f64::from(pixels_per_point);
        let view = ViewRequest::covering(document.stream, shown, seen, stream.frames, per_column);
        self.workers.columns.want(Place::View, wish(with_margin(view, stream.frames)));
        if let Some(filter) = document.filter.as_ref().filter(|f| f.shown && document.raw_is_comparable()) {
            let raw = document.unfiltered();
            let shown = channels[document.lanes_on_screen()].to_vec();
            let request =
                ViewRequest::covering(document.stream, shown, document.visible_frames(), raw.frames, per_column);
            let request = with_margin(request, raw.frames);
            let scales = request.channels.iter().map(|&c| raw.channels[c].scale).collect();
            let wish = Wish { scales, request, summary: filter.summary.clone(), time: raw.time.clone() };
            self.workers.columns.want(Place::Raw, wish);
        }
        let all: Vec<usize> = (0..stream.channels.len()).collect();
        let per_column = stream.frames as f64 / OVERVIEW_COLUMNS;
        let overview = ViewRequest::covering(document.stream, all, 0..stream.frames, stream.frames, per_column);
        self.workers.columns.want(Place::Overview, wish(overview));
        if self.panels.inspector == InspectorTab::Measure && !self.panels.hide_inspector {
            self.workers.measure.want(document.to_measure(), &document.summary);
        }
    }

    fn dropped_files(&mut self, ctx: &egui::Context) {
        let paths: Vec<PathBuf> = ctx.input(|i| i.raw.dropped_files.iter().map(|f| f.path().to_path_buf()).collect());
        self.open_what_came(paths);
    }

    fn panels_ui(&mut self, ui: &mut egui::Ui) {
        let out = &mut self.commands;
        let view =
            self.document.as_ref().and_then(|d| d.pictures.view.as_ref()).map(|(columns, _)| columns.exact_share());
        let summary = self.document.as_ref().map_or(1.0, |d| d.summary.coverage());
        let exactness = super::jobs_bar::Exactness { view, summary };
        egui::Panel::bottom("status").show(ui, |ui| {
            let form = &mut self.panels.budget;
            super::jobs_bar::jobs_bar_ui(ui, &self.gauge, form, &self.jobs.list, exactness, out);
        });
        if let Some(message) = &self.message {
            egui::Panel::top("message").show(ui, |ui| super::message::message_ui(ui, message, out));
        }
        let Some(document) = &self.document else {
            egui::CentralPanel::default().show(ui, |ui| {
                super::welcome::welcome_ui(ui, &self.recent, &mut self.panels.open_path, out);
            });
            return;
        };
        egui::Panel::top("title").show(ui, |ui| super::overview::title_ui(ui, document, &self.panels, out));
        egui::Panel::top("overview")
            .exact_size(super::overview::HEIGHT)
            .show(ui, |ui| super::overview::overview_ui(ui, document, out));
        if !self.panels.hide_channels {
            egui::Panel::left("channels").default_size(232.0).size_range(140.0..=480.0).show(ui, |ui| {
                super::channels::channels_ui(ui, document, &mut self.panels.channel_filter, out);
            });
        }
        if !self.panels.hide_inspector {
            egui::Panel::right("inspector").default_size(408.0).size_range(240.0..=900.0).show(ui, |ui| {
                super::inspector::inspector_ui(ui, document, &self.jobs.list, &mut self.panels, out);
            });
        }
        if self.panels.spectrogram.open {
            let frame = egui::Frame::NONE.fill(ui.visuals().panel_fill);
            let panel = egui::Panel::bottom("spectrogram").frame(frame).resizable(true);
            panel.default_size(240.0).size_range(96.0..=900.0).show(ui, |ui| {
                let Panels { spectrogram, time_format, .. } = &mut self.panels;
                super::gram::panel_ui(ui, document, spectrogram, *time_format, out);
            });
        }
        let wheel = self.kept.settings.wheel();
        egui::CentralPanel::no_frame()
            .show(ui, |ui| super::trace_ui::trace_ui(ui, document, self.panels.time_format, wheel, out));
    }

    fn dialogs_ui(&mut self, ui: &egui::Ui) {
        let out = &mut self.commands;
        if self.panels.help {
            super::help::help_ui(ui, &self.keymap, out);
        }
        if let (Some(form), Some(document)) = (&mut self.panels.export, &self.document) {
            super::export_form::export_form_ui(ui, form, document, &self.jobs, &self.budget, out);
        }
        if let Some(form) = &mut self.panels.raw {
            super::raw_form::raw_form_ui(ui, form, &self.jobs, out);
        }
        if let Some(sessions) = &self.panels.sessions {
            super::sessions::sessions_ui(ui, sessions, out);
        }
        if self.panels.settings_form {
            let file = self.kept.settings_file.as_deref();
            super::settings::settings_form_ui(ui, &self.kept.settings, file, out);
        }
        if let Some(palette) = &mut self.panels.palette {
            super::palette::palette_ui(ui, palette, self.document.as_ref(), &self.keymap, out);
        }
        if let (Some(text), Some(document)) = (&mut self.panels.go_to, &self.document) {
            super::viewing::go_to_ui(ui.ctx(), text, document, out);
        }
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &egui::Context, _: &mut eframe::Frame) {
        self.logic_now(ctx);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        self.ui_now(ui);
    }

    fn on_exit(&mut self) {
        if let Some(document) = &mut self.document {
            document.save_annotations_now();
        }
        self.jobs.cancel_all();
    }
}

impl App {
    /// Takes in what has arrived and applies what was asked for.
    pub fn logic_now(&mut self, ctx: &egui::Context) {
        for reply in self.jobs.take_replies() {
            self.take_in(reply);
        }
        self.dropped_files(ctx);
        // A command may ask for another one (the demo, when it is made, for opening it).
        for command in std::mem::take(&mut self.commands) {
            self.apply(ctx, command);
        }
        self.jobs.tidy();
        self.run_script(ctx);
        self.keep_settings();
        if self.document.as_mut().is_some_and(Document::play_on) {
            ctx.request_repaint();
        }
        if let Some(document) = &mut self.document
            && let Some(wait) = document.notes.until_saving()
        {
            if wait.is_zero() {
                document.save_annotations(&self.jobs);
            } else {
                ctx.request_repaint_after(wait);
            }
        }
        self.want_pictures(ctx.pixels_per_point());
        self.want_spectrogram();
        if self.jobs.any_running() {
            ctx.request_repaint_after(PROGRESS);
        }
    }

    /// Draws the window and collects what the user asks for.
    pub fn ui_now(&mut self, ui: &mut egui::Ui) {
        self.panels_ui(ui);
        let ctx = ui.ctx().clone();
        self.dialogs_ui(ui);
        self.keymap.collect(&ctx, self.document.as_ref(), &self.panels, &mut self.commands);
        if !self.commands.is_empty() {
            // What was asked for takes effect in the next frame, which is due now.
            ctx.request_repaint();
        }
    }
}

/// The request with a margin on both sides, on a coarse grid: scrolling finds its next columns there already, and asks
/// for new ones a few times for each screen, not in every frame.
fn with_margin(request: ViewRequest, stream_frames: u64) -> ViewRequest {
    let margin = request.bucket_frames.saturating_mul(MARGIN_COLUMNS);
    let start = request.frames.start.saturating_sub(margin) / margin * margin;
    let end = request.frames.end.saturating_add(margin).div_ceil(margin).saturating_mul(margin).min(stream_frames);
    ViewRequest { frames: start..end, ..request }
}
