//! Opening a companion, on a worker.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::jobs::{Jobs, Reply};
use super::Alignment;
use crate::budget::MemoryBudget;
use crate::error::{Error, Result};
use crate::source::{OpenOptions, Source};
use crate::summary::{SidecarPolicy, Summary};
use crate::task::{Task, default_threads};

/// A stream that is ready to be shown.
pub struct Opened {
    pub(super) source: Arc<dyn Source>,
    pub(super) stream: usize,
    pub(super) summary: Summary,
    pub(super) path: Option<PathBuf>,
    pub(super) alignment: Alignment,
}

/// What opening one ended with.
pub struct Answer {
    /// The recording that it is to accompany.
    pub main: Arc<dyn Source>,
    pub result: Result<Opened>,
}

/// What is to be opened: a stream of the recording that is open, or the main stream of another one.
pub(in super::super) enum Wanted {
    Stream(usize),
    File(PathBuf, Alignment),
}

/// Opens a companion of `main`, unfiltered; the answer is [`Reply::Companion`].
pub(in super::super) fn open(jobs: &Jobs, budget: &MemoryBudget, main: Arc<dyn Source>, wanted: Wanted) {
    let budget = budget.clone();
    jobs.spawn_awaited("companion", move |replies| {
        let work = std::panic::AssertUnwindSafe(|| open_now(&main, wanted, &budget));
        let result = std::panic::catch_unwind(work).unwrap_or_else(|p| Err(crate::scan::panicked(p.as_ref())));
        replies.send(Reply::Companion(Answer { main, result }));
    });
}

fn open_now(main: &Arc<dyn Source>, wanted: Wanted, budget: &MemoryBudget) -> Result<Opened> {
    let (source, stream, path, alignment) = match wanted {
        Wanted::Stream(stream) => (Arc::clone(main), stream, None, Alignment::Start),
        Wanted::File(path, alignment) => {
            let task = Task::new(budget.clone(), default_threads());
            let source = crate::source::open(&path, &OpenOptions::default(), &task)?;
            let stream = source.recording().default_stream();
            (source, stream, Some(path), alignment)
        }
    };
    if source.recording().streams.get(stream).is_none_or(|s| s.samples() == 0) {
        let place = path.as_deref().unwrap_or(Path::new(""));
        return Err(Error::invalid("there are no samples in this stream").with_path(place));
    }
    let summary = Summary::open(Arc::clone(&source), stream, budget, &SidecarPolicy::Auto)?;
    Ok(Opened { source, stream, summary, path, alignment })
}
