//! From a path to a [`Document`]: on a worker, because a file may be on a slow disk.

use std::path::PathBuf;
use std::sync::Arc;

use super::jobs::{Jobs, Reply};
use super::sessions;
use super::state::{ChannelView, Document, LaneView, Pictures, Results, ViewHistory};
use super::viewport::Viewport;
use crate::budget::MemoryBudget;
use crate::error::{Error, ErrorKind, Result};
use crate::filter::Chain;
use crate::source::{OpenOptions, Source};
use crate::summary::{SidecarPolicy, Summary};
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
}

/// Lanes on the screen at most, until the user zooms: more could not be told apart.
const MAX_LANES: f64 = 128.0;

/// Which stream to show.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Which {
    Index(usize),
    /// `None`: the recording's main one.
    Named(Option<String>),
}

/// Opens `paths`, a file or folder or several files in order, on a worker; the answer is [`Reply::Opened`], or
/// [`Reply::Sessions`] for a folder of several sessions.
pub(super) fn open(jobs: &Jobs, budget: &MemoryBudget, paths: Vec<PathBuf>, options: OpenOptions, which: Which) {
    let budget = budget.clone();
    jobs.spawn("open", move |replies| {
        if let [folder] = &paths[..]
            && let Some(sessions) = sessions::in_folder(folder)
        {
            replies.send(Reply::Sessions { paths, sessions });
            return;
        }
        let work = std::panic::AssertUnwindSafe(|| open_now(&paths, &options, &budget, &which));
        let result = std::panic::catch_unwind(work).unwrap_or_else(|p| Err(crate::scan::panicked(p.as_ref())));
        replies.send(Reply::Opened { paths, options, result });
    });
}

/// Sorts `files`, which came in no order, into sessions on a worker: a single one is opened, several are offered.
pub(super) fn offer(jobs: &Jobs, budget: &MemoryBudget, files: Vec<PathBuf>) {
    let budget = budget.clone();
    jobs.spawn("open", move |replies| {
        let mut sessions = sessions::of_files(&files);
        if sessions.len() > 1 {
            replies.send(Reply::Sessions { paths: files, sessions });
            return;
        }
        let paths = sessions.pop().map_or_else(|| files.clone(), |one| one.paths);
        let options = OpenOptions::default();
        let work = std::panic::AssertUnwindSafe(|| open_now(&paths, &options, &budget, &Which::Named(None)));
        let result = std::panic::catch_unwind(work).unwrap_or_else(|p| Err(crate::scan::panicked(p.as_ref())));
        // In the name of what was asked for, so that the window knows its question; in the order of the session.
        let result = result.map(|opened| Opened { instead: Some(paths), ..opened });
        replies.send(Reply::Opened { paths: files, options, result });
    });
}

fn open_now(paths: &[PathBuf], options: &OpenOptions, budget: &MemoryBudget, which: &Which) -> Result<Opened> {
    let task = Task::new(budget.clone(), default_threads());
    let source = crate::source::open_all(paths, options, &task)?;
    let path = paths.first().map_or_else(|| std::path::Path::new(""), PathBuf::as_path);
    let recording = source.recording();
    let stream = match which {
        Which::Index(index) => *index,
        Which::Named(None) => recording.default_stream(),
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
    Ok(Opened { source, stream, summary, annotations, instead: None })
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
    let channel = ChannelView { visible: true, colour: None, gain: 1.0, centre: 0.0 };
    let channels = vec![channel; stream.channels.len()];
    let viewport = Viewport::new(stream.time.end_tick(stream.frames), 1000.0);
    let lanes =
        LaneView { first: 0.0, count: (channels.len() as f64).clamp(1.0, MAX_LANES), half_range: None, amplitude: 1.0 };
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
        playing: None,
        times: Default::default(),
        cursors: Default::default(),
        companions: Default::default(),
    }
}
