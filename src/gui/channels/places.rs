//! Where the contacts of channels are: as the file tells, or as a metadata file (and the probes that it names) tells.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::export::metadata::{Metadata, references_of, resolve};
use crate::gui::jobs::{Jobs, Reply};
use crate::gui::state::Document;
use crate::recording::Position;
use crate::source::Source;

impl Document {
    /// Where the contact of each channel of the shown stream is, as far as that is known.
    #[must_use]
    pub fn positions(&self) -> Vec<Option<Position>> {
        let told = &self.lanes.list.places;
        let channels = self.shown().channels.iter().enumerate();
        channels.map(|(c, channel)| told.get(c).copied().flatten().or(channel.position)).collect()
    }

    /// Whether it is known of any.
    #[must_use]
    pub fn knows_positions(&self) -> bool {
        self.positions().iter().any(Option::is_some)
    }

    /// Reads where contacts are from a metadata file and the files of its probes, on a worker.
    pub(in crate::gui) fn read_places(&self, jobs: &Jobs, files: Vec<PathBuf>) {
        // Filters change nothing about where contacts are.
        let (source, stream) = (Arc::clone(self.raw_source()), self.stream);
        jobs.spawn_awaited("places", move |replies| {
            let work = std::panic::AssertUnwindSafe(|| read(&source, stream, &files));
            let result = std::panic::catch_unwind(work).unwrap_or_else(|p| Err(crate::scan::panicked(p.as_ref())));
            replies.send(Reply::Places { source, stream, result });
        });
    }

    /// Takes in where contacts are, unless something else is shown by now: the recording may have grown meanwhile, or be
    /// described anew, as long as it is of the same files and has the same channels. Lanes are sorted by it at once: that is what
    /// it was read for.
    pub(in crate::gui) fn places_arrived(
        &mut self,
        source: &Arc<dyn Source>,
        stream: usize,
        places: Vec<Option<Position>>,
    ) {
        let raw = self.raw_source();
        let same_files = || !source.files().is_empty() && raw.files().starts_with(&source.files());
        let same = Arc::ptr_eq(source, raw) || self.live.was(source) || same_files();
        let channels = source.recording().streams.get(stream).map(|s| &s.channels);
        if !same || stream != self.stream || channels != Some(&self.unfiltered().channels) {
            return;
        }
        self.lanes.list.places = places;
        self.apply_channels(super::ChannelCommand::Sort(super::SortBy::Depth));
    }
}

/// The place of each channel, on shanks that are counted over all probes.
fn read(source: &Arc<dyn Source>, stream: usize, files: &[PathBuf]) -> Result<Vec<Option<Position>>> {
    let (metadata, probes) = files.split_first().ok_or_else(|| Error::invalid("no file is named"))?;
    let recording = source.recording();
    let (told, _) = Metadata::load(metadata, probes)?;
    let (electrodes, _) = resolve(&told, &recording.streams[stream].channels, &references_of(recording))?;
    let mut shanks: BTreeMap<(usize, usize), u32> = BTreeMap::new();
    for electrode in &electrodes {
        if let Some(group) = electrode.group {
            shanks.entry((group, electrode.shank)).or_insert(0);
        }
    }
    shanks.values_mut().zip(0..).for_each(|(shank, number)| *shank = number);
    // The contacts of a tetrode lie in x and z: where all of a probe have one y, z tells them apart.
    let is_flat = |group: Option<usize>| {
        let mut own = electrodes.iter().filter(|e| e.group == group).filter_map(|e| Some(e.relative?[1]));
        let first = own.next();
        own.all(|y| Some(y) == first)
    };
    let groups: BTreeSet<Option<usize>> = electrodes.iter().map(|e| e.group).collect();
    let flat: BTreeMap<Option<usize>, bool> = groups.into_iter().map(|group| (group, is_flat(group))).collect();
    let places: Vec<Option<Position>> = electrodes
        .iter()
        .map(|electrode| {
            let ([x_um, y, z], group) = (electrode.relative?, electrode.group?);
            let y_um = if flat.get(&Some(group)) == Some(&true) { z } else { y };
            Some(Position { shank: shanks[&(group, electrode.shank)], x_um, y_um })
        })
        .collect();
    if places.iter().all(Option::is_none) {
        return Err(Error::invalid("it places none of these channels")
            .with_path(metadata)
            .with_remedy("name a metadata file with nTrodes, and the files of its probes behind it"));
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gui::following::Described;
    use crate::gui::testing::document;
    use crate::recording::Samples;
    use crate::source::MemorySource;
    use crate::summary::{SidecarPolicy, Summary};

    fn places(n: usize) -> Vec<Option<Position>> {
        (0..n).map(|i| Some(Position { shank: 0, x_um: 0.0, y_um: 20.0 * i as f64 })).collect()
    }

    #[test]
    fn an_answer_that_comes_after_growth_counts_and_one_about_something_else_does_not() {
        let mut shown = document(4);
        let asked = Arc::clone(shown.raw_source());
        let mut recording = shown.recording().clone();
        recording.streams.iter_mut().for_each(|s| s.frames += 10);
        let samples = |s: &crate::recording::Stream| Samples::I16(vec![0; s.frames as usize * s.channels.len()]);
        let samples = recording.streams.iter().map(samples).collect();
        let source: Arc<dyn Source> = Arc::new(MemorySource::new(recording, samples).unwrap());
        let budget = crate::budget::MemoryBudget::new(16 << 20);
        let summary = Summary::open(Arc::clone(&source), 0, &budget, &SidecarPolicy::Off).unwrap();
        shown.grow(Described { source, summary, filtered: None, beneath: Vec::new(), next: None, is_longer: true });
        shown.places_arrived(&asked, 0, places(4));
        assert_eq!(shown.lanes.list.places, places(4));
        assert_eq!(shown.lanes.list.order, [3, 2, 1, 0], "sorted by depth");
        let other = document(4);
        shown.places_arrived(other.raw_source(), 0, vec![None; 4]);
        assert_eq!(shown.lanes.list.places, places(4));
    }
}
