//! Work beside the window: named threads that send [`Reply`]s back, and the list of jobs that the user sees.
//!
//! The GUI thread never touches a file. Whatever takes time runs on a thread of this module; its answer arrives through
//! one bounded channel whose only sender, [`Replies`], wakes the window as it sends.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use eframe::egui;

use super::opening::Opened;
use super::traces::Packed;
use crate::analysis::Report;
use crate::budget::MemoryBudget;
use crate::error::{Error, Result};
use crate::export::Prediction;
use crate::filter::Chain;
use crate::memory::{Machine, Process};
use crate::source::detect::Guess;
use crate::source::{OpenOptions, Source};
use crate::summary::{Columns, Summary};
use crate::task::{Progress, Task};

/// What a worker sends back.
pub enum Reply {
    Opened {
        paths: Vec<PathBuf>,
        options: OpenOptions,
        result: Result<Opened>,
    },
    /// There are several sessions in what was to be opened: which one?
    Sessions {
        paths: Vec<PathBuf>,
        sessions: Vec<super::sessions::Offer>,
    },
    /// What is seen; of `epoch`, as all answers of the column worker.
    View {
        epoch: u64,
        columns: Arc<Columns>,
        packed: Arc<Packed>,
    },
    Overview {
        epoch: u64,
        columns: Arc<Columns>,
    },
    /// The view without the filters that are applied.
    RawView {
        epoch: u64,
        columns: Arc<Columns>,
        packed: Arc<Packed>,
    },
    /// The recording `raw` with filters applied.
    Filtered {
        raw: Arc<dyn Source>,
        chain: Chain,
        result: Result<(Arc<dyn Source>, Summary)>,
    },
    /// Where the contacts of a stream's channels are.
    Places {
        source: Arc<dyn Source>,
        stream: usize,
        result: Result<Vec<Option<crate::recording::Position>>>,
    },
    Spectrogram(super::gram::Answer),
    /// Something has happened to the files of the recording.
    Followed(Box<super::following::News>),
    ColumnsFailed {
        epoch: u64,
        error: Error,
    },
    Measured(Arc<super::measured::Measurement>),
    /// A stream to be shown beneath the traces.
    Companion(super::companions::Answer),
    /// The columns of the companion of this number.
    CompanionView {
        id: u64,
        columns: Arc<Columns>,
        packed: Arc<Packed>,
    },
    /// Why there are none.
    CompanionFailed {
        id: u64,
        error: Error,
    },
    /// The values at the cursors.
    Probed(super::cursors::Values),
    /// Where a cursor snaps to.
    Snapped(super::cursors::Snapped),
    Report {
        job: JobId,
        report: Report,
    },
    Finished {
        job: JobId,
        result: Result<Outcome>,
    },
    /// Nothing, if the dialog was cancelled.
    Picked {
        purpose: Purpose,
        paths: Vec<PathBuf>,
    },
    /// `exists`: there is a file at the target already.
    Predicted {
        form: u64,
        exists: bool,
        result: Result<Prediction>,
    },
    Guessed {
        path: PathBuf,
        result: Result<Vec<Guess>>,
    },
    Preview {
        form: u64,
        result: Result<super::raw_form::Preview>,
    },
    Recent(super::recent::Recent),
    /// Something small has failed that no job was made for.
    Failed(Error),
    /// Whether the system asks for little motion is known now.
    SystemMotion,
    /// What annotations are in a file that was to be added.
    AnnotationsRead {
        path: PathBuf,
        result: Result<Vec<crate::annotation::Annotation>>,
    },
    /// A picture of the window, to be written.
    PictureTaken {
        path: PathBuf,
        image: Arc<egui::ColorImage>,
    },
    /// A picture of the view, for the clipboard.
    PictureToCopy(Arc<egui::ColorImage>),
    /// A text for the clipboard, and what is said about it.
    TextToCopy(Result<(String, &'static str)>),
    PictureWritten {
        path: PathBuf,
        result: Result<()>,
    },
    AnnotationsWritten(Result<PathBuf>),
    /// Files of a workspace are not there.
    WorkspaceLacks {
        asked: Vec<PathBuf>,
        form: super::workspace::MissingForm,
    },
    /// One of them was looked for.
    Located(super::workspace::MissingForm),
    /// Written by itself, of the recording of these paths.
    WorkspaceKept {
        of: Vec<PathBuf>,
        result: Result<super::workspace::Moved>,
    },
    /// Written at the user's word, of the recording of these paths.
    WorkspaceSaved {
        of: Vec<PathBuf>,
        result: Result<PathBuf>,
    },
    /// Where the annotations of a recording are kept now, and what others have changed of them.
    AnnotationsKept {
        recording: PathBuf,
        result: Result<crate::annotation::store::Saved>,
    },
    Memory {
        process: Process,
        machine: Machine,
    },
}

/// Why a file dialog was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    Open,
    ExportTarget,
    /// A file that this setting of the export names.
    Setting(&'static str),
    ImportAnnotations,
    ExportAnnotations,
    /// The list of places of that analysis.
    SaveFound(&'static str),
    Compare,
    /// A recording to be shown beneath the traces.
    Companion,
    SaveWorkspace,
    /// The missing file of a workspace, by its row in the dialog.
    Locate(usize),
}

/// What a finished job leaves.
pub enum Outcome {
    /// An analysis: its last report.
    Report(Box<Report>),
    /// A search for the nearest place: what it found.
    Sought(Box<Report>),
    /// An export: what was written.
    Written(Vec<PathBuf>),
    /// Event tracks of the recording, by name.
    Tracks(Vec<(String, super::event_rows::Track)>),
    /// A file was made, to be opened now.
    Opened(PathBuf),
    /// The summary is complete.
    Summarised,
    /// It is in the clipboard.
    Copied,
}

/// A job's number: never reused while the program runs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct JobId(u64);

/// The only sender of replies: sending wakes the window.
#[derive(Clone)]
pub struct Replies {
    sender: Sender<Reply>,
    ctx: egui::Context,
    window: std::sync::Weak<()>,
}

impl Replies {
    /// Sends and wakes. When the window is gone the reply is dropped, which is all that is left to do with it.
    pub fn send(&self, reply: Reply) {
        drop(self.sender.send(reply));
        self.ctx.request_repaint();
    }

    /// Whether the window is closed.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.window.strong_count() == 0
    }
}

/// How a job ended, or that it has not.
pub enum JobState {
    Running,
    /// Ended well; what came of it, where there is more to say than that.
    Done(String),
    Failed(Error),
    Cancelled,
}

/// A job as the user sees it.
pub struct Job {
    pub id: JobId,
    pub title: String,
    pub task: Task,
    pub state: JobState,
    pub ended: Option<(Instant, Progress)>,
}

impl Job {
    /// How far it is, or was when it ended.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.ended.map_or_else(|| self.task.progress(), |(_, progress)| progress)
    }

    /// Whether it is still running.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self.state, JobState::Running)
    }
}

/// All running and recent jobs.
pub struct Jobs {
    pub list: Vec<Job>,
    /// What is told about those that have ended.
    pub toasts: super::toasts::Toasts,
    /// What is written by itself.
    pub(super) writer: super::writer::Writer,
    replies: Replies,
    incoming: Receiver<Reply>,
    next: AtomicU64,
    /// Threads that a job may use.
    threads: usize,
    /// Lives as long as the window.
    _window: Arc<()>,
    /// Held by what [`Self::spawn_awaited`] has started.
    awaited: Arc<()>,
    /// One file dialog at a time.
    pub dialog_open: bool,
    dialog_since: Option<Instant>,
}

/// Replies that may wait for the window; a worker that is faster waits.
const REPLIES: usize = 256;
/// A dialog that is gone after this time was never there.
const NO_DIALOG: Duration = Duration::from_millis(900);
/// Finished jobs stay listed for this long.
const KEEP: Duration = Duration::from_secs(15);

impl Jobs {
    /// No jobs; replies wake `ctx`.
    #[must_use]
    pub fn new(ctx: egui::Context, threads: usize) -> Self {
        let (sender, incoming) = crossbeam_channel::bounded(REPLIES);
        let window = Arc::new(());
        Self {
            list: Vec::new(),
            toasts: Default::default(),
            writer: Default::default(),
            replies: Replies { sender, ctx, window: Arc::downgrade(&window) },
            incoming,
            next: AtomicU64::new(0),
            threads,
            _window: window,
            awaited: Arc::new(()),
            dialog_open: false,
            dialog_since: None,
        }
    }

    /// The sender, for workers of other modules.
    #[must_use]
    pub fn replies(&self) -> Replies {
        self.replies.clone()
    }

    /// The replies that have arrived.
    #[must_use]
    pub fn take_replies(&self) -> Vec<Reply> {
        self.incoming.try_iter().collect()
    }

    /// Runs `work` on a named thread of its own, outside the list of jobs.
    pub fn spawn(&self, name: &str, work: impl FnOnce(&Replies) + Send + 'static) {
        let replies = self.replies();
        let started = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            // A panic in a worker ends the worker: the window lives on, and the jobs list says what happened.
            work(&replies);
        });
        // Without threads there is nothing to be done; the system says so elsewhere too.
        drop(started);
    }

    /// The same for work that ends by itself and that a script waits for.
    pub fn spawn_awaited(&self, name: &str, work: impl FnOnce(&Replies) + Send + 'static) {
        let awaited = Arc::clone(&self.awaited);
        self.spawn(name, move |replies| {
            let _until_the_end = awaited;
            work(replies);
        });
    }

    /// Held as long as something is done that a script waits for.
    pub(super) fn awaited(&self) -> Arc<()> {
        Arc::clone(&self.awaited)
    }

    /// Whether any of that is under way.
    #[must_use]
    pub fn any_awaited(&self) -> bool {
        Arc::strong_count(&self.awaited) > 1
    }

    /// Runs `work` as a job that the user sees and can stop; its result comes back as [`Reply::Finished`].
    pub fn start(
        &mut self,
        title: impl Into<String>,
        budget: &MemoryBudget,
        work: impl FnOnce(JobId, &Task, &Replies) -> Result<Outcome> + Send + 'static,
    ) -> JobId {
        let id = JobId(self.next.fetch_add(1, Ordering::Relaxed));
        let task = Task::new(budget.clone(), self.threads);
        self.list.push(Job { id, title: title.into(), task: task.clone(), state: JobState::Running, ended: None });
        self.spawn(&format!("job-{}", id.0), move |replies| {
            let run = std::panic::AssertUnwindSafe(|| work(id, &task, replies));
            let result =
                std::panic::catch_unwind(run).unwrap_or_else(|panic| Err(crate::scan::panicked(panic.as_ref())));
            replies.send(Reply::Finished { job: id, result });
        });
        id
    }

    /// What a job is called.
    #[must_use]
    pub fn title(&self, id: JobId) -> String {
        self.list.iter().find(|job| job.id == id).map_or_else(String::new, |job| job.title.clone())
    }

    /// Whether that one is running.
    #[must_use]
    pub fn is_running(&self, id: JobId) -> bool {
        self.list.iter().any(|job| job.id == id && job.is_running())
    }

    /// Notes how a job ended.
    pub fn finish(&mut self, id: JobId, state: JobState) {
        if let Some(job) = self.list.iter_mut().find(|j| j.id == id) {
            job.ended = Some((Instant::now(), job.task.progress()));
            job.state = state;
        }
    }

    /// Asks a job to stop.
    pub fn cancel(&self, id: JobId) {
        if let Some(job) = self.list.iter().find(|j| j.id == id) {
            job.task.cancel();
        }
    }

    /// Asks every job to stop.
    pub fn cancel_all(&self) {
        self.list.iter().for_each(|j| j.task.cancel());
    }

    /// Takes a finished job off the list.
    pub fn dismiss(&mut self, id: JobId) {
        self.list.retain(|j| j.id != id || j.is_running());
    }

    /// Forgets what ended well a while ago; failures stay until they are dismissed.
    pub fn tidy(&mut self) {
        self.list.retain(|j| {
            matches!(j.state, JobState::Running | JobState::Failed(_))
                || j.ended.is_none_or(|(ended, _)| ended.elapsed() < KEEP)
        });
    }

    /// Whether something is running, so that its progress must be repainted now and then.
    #[must_use]
    pub fn any_running(&self) -> bool {
        self.list.iter().any(Job::is_running)
    }

    /// Opens a file dialog on a thread of its own (some systems' dialogs block); one at a time.
    pub fn pick(&mut self, purpose: Purpose, suggested: Option<PathBuf>) {
        if std::mem::replace(&mut self.dialog_open, true) {
            return;
        }
        self.dialog_since = Some(Instant::now());
        self.spawn("file-dialog", move |replies| {
            let mut dialog = rfd::FileDialog::new();
            if let Some(path) = &suggested {
                if let Some(folder) = path.parent() {
                    dialog = dialog.set_directory(folder);
                }
                if let Some(name) = path.file_name() {
                    dialog = dialog.set_file_name(name.to_string_lossy());
                }
            }
            let paths = match purpose {
                Purpose::Open => dialog.set_title("Open a recording").pick_files().unwrap_or_default(),
                Purpose::ImportAnnotations => {
                    dialog.set_title("Add annotations from").pick_file().into_iter().collect()
                }
                Purpose::ExportAnnotations => {
                    let dialog = crate::annotation::FORMATS
                        .iter()
                        .fold(dialog, |dialog, format| dialog.add_filter(format.name, format.extensions));
                    dialog.set_title("Write annotations to").save_file().into_iter().collect()
                }
                Purpose::SaveFound(_) => dialog.set_title("Save the list as CSV").save_file().into_iter().collect(),
                Purpose::SaveWorkspace => dialog
                    .add_filter("Workspace", &[super::workspace::EXTENSION])
                    .set_title("Save the workspace as")
                    .save_file()
                    .into_iter()
                    .collect(),
                Purpose::Locate(_) => dialog.set_title("Locate the recording").pick_file().into_iter().collect(),
                Purpose::Compare => dialog.set_title("Compare with").pick_file().into_iter().collect(),
                Purpose::Companion => dialog.set_title("Show beneath the traces").pick_file().into_iter().collect(),
                Purpose::ExportTarget => dialog.set_title("Export to").save_file().into_iter().collect(),
                Purpose::Setting(_) => dialog.set_title("Choose files").pick_files().unwrap_or_default(),
            };
            replies.send(Reply::Picked { purpose, paths });
        });
    }

    /// Whether the last file dialog was gone sooner than anyone can close one: there was none.
    #[must_use]
    pub fn dialog_was_brief(&self) -> bool {
        self.dialog_since.is_some_and(|since| since.elapsed() < NO_DIALOG)
    }

    /// Watches the memory of process and machine, and tells the window when the gauge would look different.
    pub fn watch_memory(&self, budget: &MemoryBudget) {
        let budget = budget.clone();
        self.spawn("memory-gauge", move |replies| {
            // What other programs take of a machine that has enough is no reason to paint: at rest nothing is.
            let mut shown = (Process::default(), Machine::default());
            while !replies.is_gone() {
                let now = (crate::memory::process(), crate::budget::update_pressure(&budget));
                let limit = budget.limit();
                let step = (limit / 100).max(1);
                let moved = |a: u64, b: u64| a.abs_diff(b) >= step;
                if moved(now.0.heap_bytes, shown.0.heap_bytes)
                    || moved(now.0.mapped_bytes, shown.0.mapped_bytes)
                    || now.1.is_short() != shown.1.is_short()
                    || moved(now.1.available_bytes.min(limit), shown.1.available_bytes.min(limit))
                {
                    shown = now;
                    replies.send(Reply::Memory { process: now.0, machine: now.1 });
                }
                std::thread::sleep(Duration::from_millis(250));
            }
        });
    }
}
