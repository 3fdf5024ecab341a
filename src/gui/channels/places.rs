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
        let (source, stream) = (Arc::clone(&self.source), self.stream);
        jobs.spawn_awaited("places", move |replies| {
            let work = std::panic::AssertUnwindSafe(|| read(&source, stream, &files));
            let result = std::panic::catch_unwind(work).unwrap_or_else(|p| Err(crate::scan::panicked(p.as_ref())));
            replies.send(Reply::Places { source, stream, result });
        });
    }

    /// Takes in where contacts are, unless something else is shown by now. Lanes are sorted by it at once: that is what
    /// it was read for.
    pub(in crate::gui) fn places_arrived(
        &mut self,
        source: &Arc<dyn Source>,
        stream: usize,
        places: Vec<Option<Position>>,
    ) {
        if !Arc::ptr_eq(source, &self.source) || stream != self.stream {
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
