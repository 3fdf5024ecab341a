//! Opening a companion, on a worker.

use std::path::Path;
use std::sync::Arc;

use super::super::jobs::{Jobs, Reply};
use super::Beneath;
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
    pub(super) wanted: Beneath,
}

/// What opening one ended with.
pub struct Answer {
    /// The recording that it is to accompany.
    pub main: Arc<dyn Source>,
    pub result: Result<Opened>,
}

/// Opens a companion of `main`, unfiltered; the answer is [`Reply::Companion`].
pub(in super::super) fn open(jobs: &Jobs, budget: &MemoryBudget, main: Arc<dyn Source>, wanted: Beneath) {
    let budget = budget.clone();
    jobs.spawn_awaited("companion", move |replies| {
        let work = std::panic::AssertUnwindSafe(|| open_now(&main, wanted, &budget));
        let result = std::panic::catch_unwind(work).unwrap_or_else(|p| Err(crate::scan::panicked(p.as_ref())));
        replies.send(Reply::Companion(Answer { main, result }));
    });
}

fn open_now(main: &Arc<dyn Source>, wanted: Beneath, budget: &MemoryBudget) -> Result<Opened> {
    let source = match &wanted.path {
        None => Arc::clone(main),
        Some(path) => {
            let task = Task::new(budget.clone(), default_threads());
            crate::source::open(path, &OpenOptions::default(), &task)?
        }
    };
    let place = wanted.path.as_deref().unwrap_or(Path::new(""));
    let recording = source.recording();
    let stream = if wanted.stream.is_empty() {
        recording.default_stream()
    } else {
        recording.stream_index(&wanted.stream).ok_or_else(|| {
            let names: Vec<&str> = recording.streams.iter().map(|s| s.name.as_str()).collect();
            Error::invalid(format!("there is no stream '{}'", wanted.stream))
                .with_path(place)
                .with_remedy(format!("use one of: {}", names.join(", ")))
        })?
    };
    if recording.streams.get(stream).is_none_or(|s| s.samples() == 0) {
        return Err(Error::invalid("there are no samples in this stream").with_path(place));
    }
    let summary = Summary::open(Arc::clone(&source), stream, budget, &SidecarPolicy::Auto)?;
    Ok(Opened { source, stream, summary, wanted })
}
