//! What opening finds out about each file of a recording of several.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use twox_hash::XxHash3_64;

use super::compare;
use crate::error::Result;
use crate::file::FlatLayout;
use crate::recording::{Block, Recording, Samples, TimeBase, Warning};
use crate::source::{Source, for_flat_pieces};

/// Different warnings of the files that are kept.
const MAX_WARNINGS: usize = 100;

/// What opening found out about a file.
#[derive(Clone)]
pub(super) struct Found {
    pub source: Option<Arc<dyn Source>>,
    pub path: PathBuf,
    pub bytes: u64,
    pub modified: Option<SystemTime>,
    /// For each stream.
    pub clocks: Vec<(TimeBase, u64)>,
    pub counters: Option<(u32, u32)>,
    pub layout: u64,
    pub events: Vec<Option<u64>>,
    pub warnings: Vec<Warning>,
    pub difference: Option<String>,
}

impl Found {
    pub(super) fn of(path: &Path, source: Arc<dyn Source>, model: &Recording, keep: bool) -> Result<Self> {
        let recording = source.recording();
        let mut layout = String::new();
        for stream in 0..recording.streams.len() {
            if let Some(flat) = source.flat(stream) {
                layout += &format!("{} {} {:?}\n", flat.first_byte(), flat.frame_stride(), flat.channel_offsets());
            }
        }
        // As it was when it was opened, where that is known: it may have grown since.
        let map = (0..recording.streams.len()).find_map(|stream| source.flat(stream)).map(FlatLayout::map);
        let map = map.filter(|map| map.path() == path);
        let meta = if map.is_none() { std::fs::metadata(path).ok() } else { None };
        let clocks = recording.streams.iter().map(|s| (s.time.clone(), s.frames)).collect();
        let (warnings, difference) = (recording.warnings.clone(), compare::difference(model, recording));
        let events = recording.events.iter().map(|track| track.events).collect();
        let counters = counters(source.as_ref())?;
        Ok(Self {
            path: path.to_path_buf(),
            bytes: map.map_or_else(|| meta.as_ref().map_or(0, std::fs::Metadata::len), |map| map.len()),
            modified: map.map_or_else(|| meta.as_ref().and_then(|m| m.modified().ok()), |map| map.modified()),
            clocks,
            counters,
            layout: XxHash3_64::oneshot(layout.as_bytes()),
            events,
            warnings,
            difference,
            source: keep.then_some(source),
        })
    }

    pub(super) fn name(&self) -> String {
        self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned()
    }
}

/// The packet counter of the first and of the last frame, where the recording keeps one (`.rec`: stream `counter`).
fn counters(source: &dyn Source) -> Result<Option<(u32, u32)>> {
    let recording = source.recording();
    let Some(stream) = recording.stream_index("counter").filter(|_| recording.format == "rec") else {
        return Ok(None);
    };
    let frames = recording.streams[stream].frames;
    if frames == 0 {
        return Ok(None);
    }
    let mut block = Block::default();
    let mut at = |frame: u64| -> Result<Option<u32>> {
        source.read(stream, frame..frame + 1, &[0], &mut block)?;
        Ok(if let Samples::U32(counter) = block.samples() { counter.first().copied() } else { None })
    };
    let (first, last) = (at(0)?, at(frames - 1)?);
    for frame in [0, frames - 1] {
        for_flat_pieces(source, stream, &(frame..frame + 1), |piece, local| {
            piece.layout.release(local);
            Ok(())
        })?;
    }
    Ok(first.zip(last))
}

/// The warnings of all files; what several say alike is told once.
pub(super) fn gathered(found: &[Found]) -> Vec<Warning> {
    let mut order: Vec<(Warning, usize)> = Vec::new();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut more = 0;
    for f in found {
        for warning in &f.warnings {
            if let Some(&i) = seen.get(warning.text.as_str()) {
                order[i].1 += 1;
            } else if order.len() < MAX_WARNINGS {
                seen.insert(&warning.text, order.len());
                order.push((Warning { text: format!("{}: {}", f.name(), warning.text), ..warning.clone() }, 1));
            } else {
                more += 1;
            }
        }
    }
    let mut warnings: Vec<Warning> = order
        .into_iter()
        .map(|(mut warning, files)| {
            if files > 1 {
                warning.text += &format!(" (as do {} more of the files)", files - 1);
            }
            warning
        })
        .collect();
    if more > 0 {
        warnings.push(Warning::new(format!("the files give {more} further warnings; open them one by one to see all")));
    }
    warnings
}
