//! What is followed: a recording that is open, as far as following it needs it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::super::companions::Companion;
use super::super::state::Document;
use super::Growth;
use super::worker::build_tail;
use crate::filter::Chain;
use crate::source::{OpenOptions, Source};
use crate::summary::Summary;
use crate::task::Task;

/// The recording that is open, as far as following it needs it.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) source: Arc<dyn Source>,
    pub(super) summary: Summary,
    /// The filters applied, and the summary of what comes out of them.
    pub(super) filter: Option<(Chain, Summary)>,
    pub(super) stream: usize,
    /// Further streams of it that are shown beneath: the companion, and its summary.
    pub(super) beneath: Vec<(u64, Summary)>,
    /// What was opened first.
    pub(super) path: PathBuf,
    pub(super) options: OpenOptions,
    /// What the window says of it: who begins to follow what grows already is to say when it stops.
    pub(super) growth: Growth,
}

impl Target {
    pub(super) fn of(document: &Document) -> Self {
        let raw = document.filter.as_ref();
        Self {
            source: Arc::clone(document.raw_source()),
            summary: raw.map_or(&document.summary, |filter| &filter.summary).clone(),
            filter: raw.map(|filter| (filter.chain.clone(), document.summary.clone())),
            stream: document.stream,
            beneath: beneath(document).map(|c| (c.id, c.summary.clone())).collect(),
            path: document.path.clone(),
            options: document.options.clone(),
            growth: document.live.growth,
        }
    }

    pub(super) fn is(&self, document: &Document) -> bool {
        let raw = document.filter.as_ref();
        Arc::ptr_eq(&self.source, document.raw_source())
            && self.summary.is(raw.map_or(&document.summary, |filter| &filter.summary))
            && match (&self.filter, raw) {
                (None, None) => true,
                (Some((_, summary)), Some(_)) => summary.is(&document.summary),
                _ => false,
            }
            && self.beneath.len() == beneath(document).count()
            && self
                .beneath
                .iter()
                .zip(beneath(document))
                .all(|((id, summary), c)| *id == c.id && summary.is(&c.summary))
    }

    pub(super) fn of_companion(companion: &Companion) -> Self {
        Self {
            source: Arc::clone(&companion.source),
            summary: companion.summary.clone(),
            filter: None,
            stream: companion.stream,
            beneath: Vec::new(),
            path: companion.path.clone().unwrap_or_default(),
            options: OpenOptions::default(),
            growth: Growth::Still,
        }
    }

    pub(super) fn is_companion(&self, companion: &Companion) -> bool {
        Arc::ptr_eq(&self.source, &companion.source) && self.summary.is(&companion.summary)
    }

    /// Whether a stream beneath, but for these, shows the recording as it was before it has grown: it was opened meanwhile.
    pub(super) fn is_ahead(&self, but: &BTreeSet<u64>) -> bool {
        let frames = |source: &Arc<dyn Source>, stream: usize| source.recording().streams.get(stream).map(|s| s.frames);
        let behind = |s: &Summary| frames(s.source(), s.stream()) < frames(&self.source, s.stream());
        self.beneath.iter().any(|(id, summary)| !but.contains(id) && behind(summary))
    }

    /// The summaries of the streams beneath, for `source`; one that is not there any more, or cannot be read, is left out.
    pub(super) fn beneath_grown(&self, source: &Arc<dyn Source>, is_longer: bool, task: &Task) -> Vec<(u64, Summary)> {
        let one = |(id, before): &(u64, Summary)| {
            let (stream, was) = (before.stream(), &before.source().recording().streams);
            let (old, new) = (was.get(stream)?, source.recording().streams.get(stream)?);
            if old.channels.len() != new.channels.len() || new.samples() == 0 {
                return None;
            }
            let summary = if is_longer {
                before.grown(Arc::clone(source), old.frames)
            } else {
                Summary::open(Arc::clone(source), stream, task.budget(), before.policy())
            };
            let summary = summary.ok()?;
            build_tail(&summary, task).ok()?;
            Some((*id, summary))
        };
        self.beneath.iter().filter_map(one).collect()
    }
}

/// The companions that are of the recording itself.
fn beneath(document: &Document) -> impl Iterator<Item = &Companion> {
    document.companions.list.iter().filter(|companion| companion.path.is_none())
}
