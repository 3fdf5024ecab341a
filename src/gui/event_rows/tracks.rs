//! The event tracks of a recording, read once they are asked for: by the search for events, as a job.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::analysis::{self, Place, Request, View};
use crate::budget::{MemoryBudget, Reservation};
use crate::error::{Error, Result};
use crate::form::Settings;
use crate::gui::following::Growth;
use crate::gui::jobs::{JobId, Jobs, Outcome};
use crate::gui::sheet::stamp;
use crate::gui::state::Document;
use crate::scan::Selection;
use crate::source::Source;
use crate::task::Task;

/// Events of one track that are kept; a line that changes more often is a clock, and is said to be cut.
const MOST: usize = 1 << 22;

/// Bytes of memory for each event, while it is sorted in.
const BYTES: u64 = 17;

/// While a recording grows, tracks are read again after so long, and not before it is this share longer.
const AGE: Duration = Duration::from_secs(10);
const SHARE: f64 = 0.01;

/// The events of one track, in order.
#[derive(Debug, Default)]
pub struct Track {
    /// The frames at which they begin, of the stream without filters.
    pub frames: Vec<u64>,
    /// What a digital line is from there on; empty for what is no digital line.
    pub levels: Vec<u8>,
    /// No two that were read have the same.
    stamp: u64,
    /// The memory that the two take.
    held: Option<Reservation>,
}

impl Track {
    /// From the places that a search has found, for which memory is reserved.
    fn new(places: impl Iterator<Item = Place> + Clone, task: &Task) -> Result<Self> {
        let held = task.budget().reserve(places.clone().count() as u64 * BYTES)?;
        let (frames, values): (Vec<u64>, Vec<f64>) = places.map(|place| (place.start, place.value)).unzip();
        let is_bit = values.iter().all(|v| *v == 0.0 || *v == 1.0);
        // Labels that are no numbers are all told as 1: a line changes, or is what it was from the start.
        let changes = values.windows(2).all(|pair| pair[0] != pair[1]);
        let is_logic = is_bit && changes && (values.len() > 1 || frames.first() == Some(&0));
        let levels = if is_logic { values.iter().map(|v| u8::from(*v == 1.0)).collect() } else { Vec::new() };
        Ok(Self { frames, levels, stamp: stamp(), held: Some(held) })
    }

    /// Whether it is a digital line.
    #[must_use]
    pub fn is_logic(&self) -> bool {
        !self.levels.is_empty() && self.levels.len() == self.frames.len()
    }

    pub(super) fn stamp(&self) -> u64 {
        self.stamp
    }

    /// Bytes of memory that are reserved for it.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.held.as_ref().map_or(0, Reservation::bytes)
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
        let job = jobs
            .start(title, budget, move |_, task: &Task, _| Ok(Outcome::Tracks(read(&source, stream, &asked, task)?)));
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

/// Reads the tracks of these names in one pass: a single one by its name, several together.
fn read(source: &Arc<dyn Source>, stream: usize, names: &[String], task: &Task) -> Result<Vec<(String, Track)>> {
    let recording = source.recording();
    let shown = &recording.streams[stream];
    let find = analysis::named("find")?;
    let mut settings = Settings::defaults(find.parameters);
    let together = names.len() > 1;
    settings.set("track", if together { "all" } else { &names[0] })?;
    settings.set("limit", &(MOST * names.len()).to_string())?;
    let selection = Selection { stream, channels: vec![0], frames: 0..shown.frames };
    let request = Request { source, selection: &selection, settings: &settings, task, summary: None, publish: &|_| {} };
    let report = (find.run)(&request)?;
    let View::Events(events) = report.view else {
        return Err(Error::invalid("the search for events has found something else"));
    };
    if events.places.len() >= MOST * names.len() {
        return Err(Error::invalid(format!("more than {} events are too many to draw", MOST * names.len()))
            .with_remedy("search a part of the recording for them ('Find' in the inspector)"));
    }
    let first = shown.channels.len() as u32;
    let track = |name: &String| {
        let index =
            if together { recording.events.iter().position(|t| t.name == *name).unwrap_or(0) as u32 } else { 0 };
        let own = events.places.iter().filter(move |place| place.channel == first + index).copied();
        Ok((name.clone(), Track::new(own, task)?))
    };
    names.iter().map(track).collect()
}
