//! The glue: replies in, commands applied, panels drawn.

mod beneath;
mod closing;
mod copying;
mod files;
mod keeping;
mod panels;
mod replies;
mod scripted;
mod timeline;
mod working;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use eframe::egui;

use super::column_worker::{ColumnWorker, Place, Wish};
use super::command::{AnnotationCommand, ChannelCommand, Command, FilterCommand, PanelCommand};
use super::cursors::{CursorCommand, Snap};
use super::dock::{Dock, Pane};
use super::gauge::GaugeState;
use super::jobs::{JobId, Jobs, Reply};
use super::keys::Keymap;
use super::measured::MeasureWorker;
use super::message::Message;
use super::opening;
use super::opening::Which;
use super::recent::{self, Recent};
use super::script::Script;
use super::settings::{self, Settings};
use super::state::{Document, InspectorTab, Panels, Times};
use super::undo::Timeline;
use super::workspace::Keeper;
use super::zone::Zone;
use crate::budget::MemoryBudget;
use crate::cli::Viewer;
use crate::error::Error;
use crate::file::without_files;
use crate::filter::Chain;
use crate::summary::ViewRequest;

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
    timeline: Timeline,
    keeper: Keeper,
    /// That closing the window loses something was said.
    warned: bool,
}

/// What outlives a recording: the user's settings, and the script that is being run.
#[derive(Default)]
pub(super) struct Kept {
    pub settings: Settings,
    /// Where they are kept; `None`: nowhere.
    pub settings_file: Option<PathBuf>,
    /// What was wrong with them.
    trouble: Option<Error>,
    /// As they are in the file, or will be.
    written: Option<Settings>,
    /// As they were written last.
    in_file: Arc<Mutex<Settings>>,
    /// What is to be said when the window is closed.
    pub last_words: super::script::Outcome,
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
    probe: super::cursors::ProbeWorker,
    follower: super::following::Follower,
    /// Those of companions of other recordings.
    beneath: BTreeMap<u64, super::following::Follower>,
    /// The filters that were asked for last, until the filtered recording is there.
    filtering: Option<Chain>,
}

impl App {
    /// A window that is about to show what `viewer` says.
    #[must_use]
    pub fn new(ctx: &egui::Context, viewer: Viewer) -> Self {
        Self::with(ctx, viewer, Kept::default())
    }

    /// The same with what the user has kept.
    pub(super) fn with(ctx: &egui::Context, viewer: Viewer, kept: Kept) -> Self {
        let mut app = Self::build(ctx, viewer, recent::list_file(), &kept);
        let (keymap, mut wrong) = Keymap::new(&kept.settings.preset, &kept.settings.keys);
        app.keymap = keymap;
        app.panels.time_format = kept.settings.time;
        app.panels.snap = kept.settings.snap;
        match Zone::named(&kept.settings.zone) {
            Ok(zone) => app.panels.zone = zone,
            Err(error) => wrong.push(error),
        }
        app.panels.dock = Dock::of(&kept.settings.layout);
        super::theme::show(ctx, &kept.settings, app.panels.dock.zoom());
        if let Some(error) = kept.trouble.as_ref().or(wrong.pop().as_ref()) {
            app.message = Some(Message::from_error(error));
        }
        app.kept = kept;
        app.jobs.spawn("motion", |replies| {
            if super::motion::ask_system() {
                replies.send(Reply::SystemMotion);
            }
        });
        app
    }

    /// The same with the recent files listed in `recent_list`, so that a test leaves the user's own list alone.
    #[must_use]
    pub fn with_recent_list(ctx: &egui::Context, viewer: Viewer, recent_list: Option<PathBuf>) -> Self {
        Self::build(ctx, viewer, recent_list, &Kept::default())
    }

    fn build(ctx: &egui::Context, viewer: Viewer, recent_list: Option<PathBuf>, kept: &Kept) -> Self {
        super::theme::apply(ctx);
        let Viewer { paths, options, stream, budget, threads, script, screenshot } = viewer;
        // What a script shows must not depend on what was looked at before.
        let scripted = script.is_some() || screenshot.is_some();
        let states = recent_list.as_ref().filter(|_| !scripted).map(|list| list.with_file_name("states"));
        let keeper = Keeper::new(states.clone());
        let jobs = Jobs::new(ctx.clone(), threads);
        jobs.watch_memory(&budget);
        let workers = Workers {
            columns: ColumnWorker::start(&jobs, &budget),
            measure: MeasureWorker::start(&jobs, &budget),
            gram: super::gram::GramWorker::start(&jobs, &budget),
            probe: super::cursors::ProbeWorker::start(&jobs, &budget),
            follower: super::following::Follower::start(&jobs, &budget),
            beneath: BTreeMap::new(),
            filtering: None,
        };
        if let Some(file) = recent_list.clone() {
            recent::load(&jobs, file);
        }
        let mut opening = None;
        if !paths.is_empty() {
            opening = Some(paths.clone());
            let recall = opening::Recall { states: states.filter(|_| !kept.settings.start_over), ..Default::default() };
            opening::open(&jobs, &budget, paths, options, Which::Named(stream), recall);
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
            timeline: Timeline::default(),
            keeper,
            warned: false,
        }
    }

    /// Adds a command, as if a panel had produced it. For tests and scripts.
    pub fn push(&mut self, command: Command) {
        self.commands.push(command);
    }

    /// What the banner says, for tests.
    #[must_use]
    pub fn message_text(&self) -> Option<&str> {
        self.message.as_ref().map(|message| message.text.as_str())
    }

    /// Does what a command says.
    pub fn apply(&mut self, ctx: &egui::Context, command: Command) {
        let concerns = Timeline::concerns(&command);
        self.keeper.notice(&command);
        if concerns {
            self.before_change();
        }
        self.carry_out(ctx, command);
        if concerns {
            self.after_change();
        }
    }

    fn carry_out(&mut self, ctx: &egui::Context, command: Command) {
        match command {
            Command::File(file) => self.apply_file(file),
            Command::View(view) => {
                let now = (!self.kept.settings.reduced_motion()).then(|| ctx.input(|i| i.time));
                if let Some(document) = &mut self.document
                    && let Err(error) = document.apply_view_at(view, now)
                {
                    self.message = Some(Message::from_error(&error));
                }
            }
            Command::Companion(change) => self.apply_companion(change),
            Command::Cursor(mut change) => {
                if let CursorCommand::AtPointer { which, tick } = change {
                    change = CursorCommand::Place { which, tick, near: super::trace_ui::pointer_near(ctx) };
                }
                if let CursorCommand::Place { near, .. } = &mut change {
                    near.take_if(|_| self.panels.snap == Snap::Off);
                }
                if let Some(document) = &mut self.document {
                    document.apply_cursor(change);
                }
            }
            Command::Channels(change) => match (&mut self.document, change) {
                (Some(document), ChannelCommand::ReadPlaces(files)) => document.read_places(&self.jobs, files),
                (Some(document), change) => document.apply_channels(change),
                (None, _) => {}
            },
            Command::Annotation(change) => {
                if let AnnotationCommand::EditLabel(_) = change {
                    self.apply(ctx, Command::Panel(PanelCommand::Inspector(InspectorTab::Annotations)));
                    ctx.data_mut(|data| data.insert_temp(super::annotation_tab::label_id(), true));
                }
                if let Some(document) = &mut self.document {
                    document.apply_annotation(change, &mut self.jobs);
                }
            }
            Command::Job(job) => self.apply_job(job),
            Command::Filter(filter) => {
                if !matches!(filter, FilterCommand::ShowRaw(_)) {
                    // What was to be shown through the filters of before is not what is asked for any more.
                    self.keeper.restoring = None;
                    self.timeline.selection = None;
                }
                self.apply_filter(filter);
            }
            Command::Found(found) => self.apply_found(found),
            Command::Panel(panel) => self.apply_panel(ctx, panel),
            Command::Script(script) => self.apply_script(ctx, script),
            Command::Timeline(step) => self.apply_timeline(ctx, step),
            Command::Copy(what) => self.apply_copy(ctx, what),
        }
    }

    /// Asks for the pictures that the state calls for; asking for the same again costs nothing.
    fn want_pictures(&self, pixels_per_point: f32) {
        let Some(document) = &self.document else { return };
        let stream = document.shown();
        // What will be seen, if the view is on its way there.
        let viewport = document.destination();
        let seen = document.frames_of_ticks(&viewport.visible());
        document.summary.want(seen.clone());
        let wish = |request: ViewRequest| Wish {
            scales: request.channels.iter().map(|&c| stream.channels[c].scale).collect(),
            request,
            summary: document.summary.clone(),
            time: stream.time.clone(),
        };
        let shown = document.pictured_channels();
        let per_column = viewport.ticks_per_point() / f64::from(pixels_per_point);
        let view = ViewRequest::covering(document.stream, shown.clone(), seen.clone(), stream.frames, per_column);
        self.workers.columns.want(Place::View, wish(with_margin(view, stream.frames)));
        if let Some(filter) = document.filter.as_ref().filter(|f| f.shown && document.raw_is_comparable()) {
            let raw = document.unfiltered();
            let request = ViewRequest::covering(document.stream, shown, seen, raw.frames, per_column);
            let request = with_margin(request, raw.frames);
            let scales = request.channels.iter().map(|&c| raw.channels[c].scale).collect();
            let wish = Wish { scales, request, summary: filter.summary.clone(), time: raw.time.clone() };
            self.workers.columns.want(Place::Raw, wish);
        }
        let all: Vec<usize> = (0..stream.channels.len()).collect();
        let per_column = stream.frames as f64 / OVERVIEW_COLUMNS;
        let overview = ViewRequest::covering(document.stream, all, 0..stream.frames, stream.frames, per_column);
        self.workers.columns.want(Place::Overview, wish(overview));
        for companion in &document.companions.list {
            let wish = document.companion_wish(companion, pixels_per_point);
            let request = with_margin(wish.request, companion.shown().frames);
            self.workers.columns.want(Place::Companion(companion.id), Wish { request, ..wish });
        }
        if self.panels.dock.is_shown(Pane::Measure) {
            self.workers.measure.want(document.to_measure(), &document.summary);
        }
        self.workers.probe.want(document.to_probe(), document.cursors.sought.clone(), &document.summary);
    }

    fn dropped_files(&mut self, ctx: &egui::Context) {
        let paths: Vec<PathBuf> = ctx.input(|i| i.raw.dropped_files.iter().map(|f| f.path().to_path_buf()).collect());
        self.open_what_came(paths);
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &egui::Context, _: &mut eframe::Frame) {
        without_files(|| self.logic_now(ctx));
    }

    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        without_files(|| self.ui_now(ui));
    }

    fn on_exit(&mut self) {
        self.end();
    }
}

impl App {
    /// Takes in what has arrived and applies what was asked for.
    pub fn logic_now(&mut self, ctx: &egui::Context) {
        for reply in self.jobs.take_replies() {
            match reply {
                Reply::PictureToCopy(image) => ctx.copy_image(egui::ColorImage::clone(&image)),
                Reply::TextToCopy(copied) => self.take_copied(ctx, copied),
                reply => self.take_in(reply),
            }
        }
        self.dropped_files(ctx);
        self.think_of_closing(ctx);
        // A command may ask for another one (the demo, when it is made, for opening it).
        for command in std::mem::take(&mut self.commands) {
            self.apply(ctx, command);
        }
        if let Some(document) = &mut self.document
            && (document.times.format != self.panels.time_format || document.times.zone != self.panels.zone)
        {
            document.times = Times { format: self.panels.time_format, zone: self.panels.zone.clone() };
        }
        self.jobs.tidy();
        self.run_script(ctx);
        self.keep_settings(ctx);
        self.keep_workspace(ctx);
        let now = ctx.input(|i| i.time);
        if self.document.as_mut().is_some_and(|document| document.move_on(now) | document.play_on()) {
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
        self.workers.follower.watch(self.document.as_ref());
        self.watch_companions();
        self.want_pictures(ctx.pixels_per_point());
        self.want_spectrogram();
        if let Some(document) = &mut self.document {
            document.keep_tracks(&mut self.jobs, &self.budget);
        }
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
