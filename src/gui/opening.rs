//! From a path to a [`Document`]: on a worker, because a file may be on a slow disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::channels::{Arrangement, MAX_LANES, sorting};
use super::jobs::{Jobs, Reply};
use super::sessions;
use super::state::{ChannelView, Document, LaneView, Pictures, Results, ViewHistory};
use super::viewport::Viewport;
use super::workspace::{self, Workspace};
use super::writer::Writer;
use crate::budget::MemoryBudget;
use crate::error::{Error, ErrorKind, Result};
use crate::filter::Chain;
use crate::source::{OpenOptions, Source};
use crate::summary::{Fingerprint, SidecarPolicy, Since, Summary};
use crate::task::{Task, default_threads};

/// An open source and the summary of the stream to show.
pub struct Opened {
    pub source: Arc<dyn Source>,
    pub stream: usize,
    pub summary: Summary,
    /// What the user has noted about it.
    pub annotations: super::annotating::Found,
    /// What was opened, where it is not what was asked for.
    pub instead: Option<Vec<PathBuf>>,
    /// How it was looked at before.
    pub recalled: Option<Box<Recalled>>,
    /// What it will be known by the next time; `None`: it cannot be opened by its paths again.
    pub fingerprint: Option<Fingerprint>,
}

/// How a recording is to be shown.
pub struct Recalled {
    pub workspace: Workspace,
    /// The user's file that says so.
    pub file: Option<PathBuf>,
    pub seen: workspace::Seen,
    pub since: Since,
}

/// What is to be done for the memory of what is opened.
#[derive(Default)]
pub(super) struct Recall {
    /// Where the states of recordings are kept, if they count.
    pub states: Option<PathBuf>,
    /// What is known already.
    pub workspace: Option<Box<Workspace>>,
    /// The user's file that it is from.
    pub file: Option<PathBuf>,
    /// How that file was when it was read.
    pub seen: workspace::Seen,
    /// What is to be written first, by its lanes: the same recording may be opened again.
    pub first: Option<(Writer, Vec<PathBuf>)>,
}

/// Opening waits no longer than this for what is to be written first.
const PATIENCE: Duration = Duration::from_secs(5);

impl Recall {
    fn wait(&mut self) {
        if let Some((writer, lanes)) = self.first.take() {
            lanes.iter().for_each(|lane| writer.wait_for(lane, PATIENCE));
        }
    }

    /// What is known of the recording of `paths`, or found.
    fn find(&mut self, paths: &[PathBuf]) {
        if let (None, Some(states)) = (&self.workspace, &self.states) {
            self.workspace = workspace::find(states, paths).map(Box::new);
        }
    }

    /// As the document wants it.
    fn of(self, source: &dyn Source) -> Option<Recalled> {
        let workspace = *self.workspace?;
        let since = if workspace.fingerprint.0.is_empty() { Since::Same } else { workspace.fingerprint.since(source) };
        Some(Recalled { workspace, file: self.file, seen: self.seen, since })
    }
}

/// Which stream to show.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Which {
    Index(usize),
    /// `None`: the recording's main one.
    Named(Option<String>),
}

/// Opens `paths`, a file or folder or several files in order, on a worker; the answer is [`Reply::Opened`], or
/// [`Reply::Sessions`] for a folder of several sessions.
pub(super) fn open(
    jobs: &Jobs,
    budget: &MemoryBudget,
    paths: Vec<PathBuf>,
    options: OpenOptions,
    which: Which,
    mut recall: Recall,
) {
    let budget = budget.clone();
    jobs.spawn("open", move |replies| {
        recall.wait();
        if let [file] = &paths[..]
            && workspace::is_workspace(file)
            && !file.is_dir()
        {
            open_workspace(&paths, (options, &which), &budget, recall, replies);
            return;
        }
        if let [folder] = &paths[..]
            && let Some(sessions) = sessions::in_folder(folder)
        {
            replies.send(Reply::Sessions { paths, sessions });
            return;
        }
        recall.find(&paths);
        let result = guarded(|| open_now(&paths, &options, &budget, &which, recall));
        replies.send(Reply::Opened { paths, options, result });
    });
}

fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work))
        .unwrap_or_else(|p| Err(crate::scan::panicked(p.as_ref())))
}

/// Opens the recording of the workspace that was asked for, or says which of its files are missing.
fn open_workspace(
    asked: &[PathBuf],
    (options, which): (OpenOptions, &Which),
    budget: &MemoryBudget,
    recall: Recall,
    replies: &super::jobs::Replies,
) {
    let file = asked.first().map_or_else(PathBuf::new, |file| std::path::absolute(file).unwrap_or(file.clone()));
    let asked = asked.to_vec();
    let (workspace, paths) = match workspace::ask_of_file(&file, &recall.seen) {
        Ok(workspace::Found::Here(workspace, paths)) => (workspace, paths),
        Ok(workspace::Found::Missing(workspace, missing)) => {
            let form = workspace::MissingForm::new(file, workspace, missing);
            replies.send(Reply::WorkspaceLacks { asked, form });
            return;
        }
        Err(error) => {
            replies.send(Reply::Opened { paths: asked, options, result: Err(error) });
            return;
        }
    };
    // What the user says now about the layout comes before what the workspace says.
    let options = options.or(workspace.options.clone());
    let recall = Recall { workspace: Some(workspace), file: Some(file), ..recall };
    let result = guarded(|| open_now(&paths, &options, budget, which, recall));
    let result = result.map(|opened| Opened { instead: Some(paths), ..opened });
    replies.send(Reply::Opened { paths: asked, options, result });
}

/// Opens the recording of `workspace`, whose files have been located; the answer is in the name of `file`.
pub(super) fn open_located(jobs: &Jobs, budget: &MemoryBudget, workspace: Box<Workspace>, file: PathBuf) {
    let budget = budget.clone();
    jobs.spawn("open", move |replies| {
        let options = workspace.options.clone();
        let base = file.parent().unwrap_or(Path::new("")).to_path_buf();
        let result = guarded(|| {
            let paths = workspace.paths(&base).map_err(|missing| {
                let name = missing.first().and_then(|&i| workspace.files.get(i)).map(workspace::FileRef::name);
                Error::invalid(format!("{} is not there any more", name.unwrap_or_default())).with_path(&file)
            })?;
            let recall = Recall { workspace: Some(workspace), file: Some(file.clone()), ..Recall::default() };
            open_now(&paths, &options, &budget, &Which::Named(None), recall)
                .map(|opened| Opened { instead: Some(paths), ..opened })
        });
        replies.send(Reply::Opened { paths: vec![file], options, result });
    });
}

/// Sorts `files`, which came in no order, into sessions on a worker: a single one is opened, several are offered.
pub(super) fn offer(jobs: &Jobs, budget: &MemoryBudget, files: Vec<PathBuf>, mut recall: Recall) {
    let budget = budget.clone();
    jobs.spawn("open", move |replies| {
        recall.wait();
        let mut sessions = sessions::of_files(&files);
        if sessions.len() > 1 {
            replies.send(Reply::Sessions { paths: files, sessions });
            return;
        }
        let paths = sessions.pop().map_or_else(|| files.clone(), |one| one.paths);
        let options = OpenOptions::default();
        recall.find(&paths);
        let result = guarded(|| open_now(&paths, &options, &budget, &Which::Named(None), recall));
        // In the name of what was asked for, so that the window knows its question; in the order of the session.
        let result = result.map(|opened| Opened { instead: Some(paths), ..opened });
        replies.send(Reply::Opened { paths: files, options, result });
    });
}

fn open_now(
    paths: &[PathBuf],
    options: &OpenOptions,
    budget: &MemoryBudget,
    which: &Which,
    recall: Recall,
) -> Result<Opened> {
    let task = Task::new(budget.clone(), default_threads());
    let source = crate::source::open_all(paths, options, &task)?;
    let path = paths.first().map_or_else(|| std::path::Path::new(""), PathBuf::as_path);
    let recording = source.recording();
    let stream = match which {
        Which::Index(index) => *index,
        Which::Named(None) => {
            let last = recall.workspace.as_ref().and_then(|w| recording.stream_index(&w.stream));
            last.filter(|&s| recording.streams[s].samples() > 0).unwrap_or_else(|| recording.default_stream())
        }
        Which::Named(Some(name)) => recording.stream_index(name).ok_or_else(|| {
            let names: Vec<&str> = recording.streams.iter().map(|s| s.name.as_str()).collect();
            Error::invalid(format!("there is no stream '{name}'"))
                .with_path(path)
                .with_remedy(format!("use one of: {}", names.join(", ")))
        })?,
    };
    if recording.streams.get(stream).is_none_or(|s| s.samples() == 0) {
        return Err(Error::invalid("there are no samples in this file")
            .with_path(path)
            .with_remedy("the recording may not have been saved, or the layout given may be wrong"));
    }
    let summary = Summary::open(Arc::clone(&source), stream, budget, &SidecarPolicy::Auto)?;
    let annotations = crate::annotation::store::find(path);
    // A recording whose ends cannot be read just now is known by nothing.
    let fingerprint = Some(Fingerprint::of(source.as_ref()).unwrap_or_default());
    let recalled = recall.of(source.as_ref()).map(Box::new);
    Ok(Opened { source, stream, summary, annotations, instead: None, recalled, fingerprint })
}

/// Makes the filtered recording and its summary on a worker; the answer is [`Reply::Filtered`].
pub(super) fn filter(jobs: &Jobs, budget: &MemoryBudget, raw: Arc<dyn Source>, stream: usize, chain: Chain) {
    let budget = budget.clone();
    jobs.spawn_awaited("filter", move |replies| {
        let work = std::panic::AssertUnwindSafe(|| {
            let source = crate::filter::filtered(Arc::clone(&raw), stream, &chain)?;
            let summary = Summary::open(Arc::clone(&source), stream, &budget, &SidecarPolicy::Off)?;
            Ok((source, summary))
        });
        let result = std::panic::catch_unwind(work).unwrap_or_else(|p| Err(crate::scan::panicked(p.as_ref())));
        replies.send(Reply::Filtered { raw, chain, result });
    });
}

/// The demo recording, made once and kept in the user's cache.
///
/// # Errors
/// When there is no place to keep it.
pub(super) fn demo(task: &Task) -> Result<PathBuf> {
    let folder = directories::ProjectDirs::from("", "", "longwave")
        .map_or_else(std::env::temp_dir, |dirs| dirs.cache_dir().to_path_buf());
    std::fs::create_dir_all(&folder).map_err(|e| Error::io(&folder, e))?;
    let path = folder.join("longwave demo.rec");
    if !path.exists() {
        crate::demo::write_demo(&path, crate::demo::DEFAULT_SECONDS, crate::demo::DEFAULT_CHANNELS, task, false)?;
    }
    Ok(path)
}

/// Whether `path` was not opened only because it holds plain numbers whose type nobody has told yet.
#[must_use]
pub(super) fn lacks_layout(error: &Error, path: &std::path::Path, options: &OpenOptions) -> bool {
    let plain = path.extension().is_some_and(|e| ["bin", "dat", "raw"].iter().any(|p| e.eq_ignore_ascii_case(p)));
    plain && options.sample_type.is_none() && matches!(error.kind(), ErrorKind::Invalid(_))
}

/// The document that shows `opened` from its start to its end.
#[must_use]
pub(super) fn document(paths: Vec<PathBuf>, options: OpenOptions, opened: Opened) -> Document {
    let mut paths = opened.instead.unwrap_or(paths).into_iter();
    let stream = &opened.source.recording().streams[opened.stream];
    let channels = vec![ChannelView::default(); stream.channels.len()];
    let viewport = Viewport::new(stream.time.end_tick(stream.frames), 1000.0);
    let list = Arrangement { order: sorting::at_first(&stream.channels), ..Arrangement::default() };
    let lanes = LaneView { count: (channels.len() as f64).clamp(1.0, MAX_LANES), list, ..LaneView::default() };
    Document {
        path: paths.next().unwrap_or_default(),
        more: paths.collect(),
        options,
        source: opened.source,
        stream: opened.stream,
        summary: opened.summary,
        viewport,
        history: ViewHistory::default(),
        selection: None,
        channels,
        lanes,
        pictures: Pictures::default(),
        results: Results::default(),
        filter: None,
        notes: super::annotating::Notes::of(opened.annotations),
        kept: workspace::Kept { fingerprint: opened.fingerprint, ..workspace::Kept::default() },
        playing: None,
        times: Default::default(),
        cursors: Default::default(),
        companions: Default::default(),
        live: super::following::Live::default(),
    }
}
