//! The event tracks of a recording, read once they are asked for: by the search for events, as a job.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::analysis::read_tracks;
use crate::budget::MemoryBudget;
use crate::gui::following::Growth;
use crate::gui::jobs::{JobId, Jobs, Outcome};
use crate::gui::sheet::stamp;
use crate::gui::state::Document;
use crate::task::Task;

/// While a recording grows, tracks are read again after so long, and not before it is this share longer.
const AGE: Duration = Duration::from_secs(10);
const SHARE: f64 = 0.01;

/// The events of one track, in order.
#[derive(Debug)]
pub struct Track {
    events: crate::analysis::Track,
    /// No two that were read have the same.
    stamp: u64,
}

impl Track {
    pub(super) fn stamp(&self) -> u64 {
        self.stamp
    }
}

impl From<crate::analysis::Track> for Track {
    fn from(events: crate::analysis::Track) -> Self {
        Self { events, stamp: stamp() }
    }
}

impl std::ops::Deref for Track {
    type Target = crate::analysis::Track;

    fn deref(&self) -> &Self::Target {
        &self.events
    }
}

/// The tracks that were read, by name, and the job that reads further ones.
#[derive(Default)]
pub struct Tracks {
    read: BTreeMap<String, std::result::Result<Arc<Track>, String>>,
    /// Of how many frames each was read, and when.
    read_of: BTreeMap<String, (u64, Instant)>,
    job: Option<(JobId, Vec<String>)>,
}

impl Tracks {
    /// The track called `name`, or why it is not there; `None` while it is being read.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<std::result::Result<Arc<Track>, String>> {
        self.read.get(name).cloned()
    }

    /// Forgets that reading a track has failed.
    pub fn try_again(&mut self, name: &str) {
        if matches!(self.read.get(name), Some(Err(_))) {
            self.read.remove(name);
        }
    }

    /// Forgets all of them: the recording is another one.
    pub(in crate::gui) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Whether `name` was read before the recording had `frames` frames, and is worth reading again: at once when it has
    /// stopped growing, now and then before that.
    fn is_old(&self, name: &str, frames: u64, growth: Growth) -> bool {
        self.read_of.get(name).is_some_and(|&(of, at)| {
            of != frames
                && (growth != Growth::Growing || (at.elapsed() > AGE && frames as f64 > of as f64 * (1.0 + SHARE)))
        })
    }

    /// Whether a job reads some.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        self.job.is_some()
    }
}

impl Document {
    /// Starts the job that reads the tracks that are asked for and not there yet.
    pub(in crate::gui) fn keep_tracks(&mut self, jobs: &mut Jobs, budget: &MemoryBudget) {
        let tracks = &self.results.tracks;
        if self.lanes.events.tracks.is_empty() || tracks.job.is_some() {
            return;
        }
        let all = &self.recording().events;
        let (frames, growth) = (self.raw_source().recording().streams[self.stream].frames, self.live.growth);
        let wanted = |name: &String| {
            self.lanes.events.tracks.contains(name)
                && (!tracks.read.contains_key(name) || tracks.is_old(name, frames, growth))
        };
        let names: Vec<String> = all.iter().map(|track| track.name.clone()).filter(wanted).collect();
        if names.is_empty() {
            return;
        }
        let source = Arc::clone(self.filter.as_ref().map_or(&self.source, |filter| &filter.source));
        let (stream, asked) = (self.stream, names.clone());
        let title = match &names[..] {
            [one] => format!("Reading {one}"),
            many => format!("Reading {} event tracks", many.len()),
        };
        let job = jobs.start(title, budget, move |_, task: &Task, _| {
            let tracks = read_tracks(&source, stream, &asked, task)?;
            Ok(Outcome::Tracks(tracks.into_iter().map(|(name, track)| (name, track.into())).collect()))
        });
        let now = Instant::now();
        self.results.tracks.read_of.extend(names.iter().map(|name| (name.clone(), (frames, now))));
        self.results.tracks.job = Some((job, names));
    }

    /// The tracks that `job` has read are there, or it has failed.
    pub(in crate::gui) fn tracks_arrived(
        &mut self,
        job: JobId,
        result: std::result::Result<Vec<(String, Track)>, String>,
    ) {
        let tracks = &mut self.results.tracks;
        let Some((_, names)) = tracks.job.take_if(|(reading, _)| *reading == job) else { return };
        match result {
            Ok(list) => tracks.read.extend(list.into_iter().map(|(name, track)| (name, Ok(Arc::new(track))))),
            Err(why) => tracks.read.extend(names.into_iter().map(|name| (name, Err(why.clone())))),
        }
    }
}
