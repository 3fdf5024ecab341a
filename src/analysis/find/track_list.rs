//! Whole event tracks of a recording as lists of frames, for rows beneath the traces: read by the search for events.

use std::sync::Arc;

use super::ANALYSIS;
use crate::analysis::{Place, Request, View};
use crate::budget::Reservation;
use crate::error::{Error, Result};
use crate::form::Settings;
use crate::scan::Selection;
use crate::source::Source;
use crate::task::Task;

/// Events of one track that are kept; a line that changes more often is a clock, and is said to be cut.
const MOST: usize = 1 << 22;

/// Bytes of memory for each event, while it is sorted in.
const BYTES: u64 = 17;

/// The events of one track, in order.
#[derive(Debug, Default)]
pub struct Track {
    /// The frames at which they begin, of the stream that was searched.
    pub frames: Vec<u64>,
    /// What a digital line is from there on; empty for what is no digital line.
    pub levels: Vec<u8>,
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
        Ok(Self { frames, levels, held: Some(held) })
    }

    /// Whether it is a digital line.
    #[must_use]
    pub fn is_logic(&self) -> bool {
        !self.levels.is_empty() && self.levels.len() == self.frames.len()
    }

    /// Bytes of memory that are reserved for it.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.held.as_ref().map_or(0, Reservation::bytes)
    }
}

/// Reads the tracks of these names in one pass, in frames of a stream: a single one by its name, several together.
///
/// # Errors
/// When one is not there, has more events than can be drawn, reading fails, or the task was stopped.
pub fn read_tracks(
    source: &Arc<dyn Source>,
    stream: usize,
    names: &[String],
    task: &Task,
) -> Result<Vec<(String, Track)>> {
    let recording = source.recording();
    let shown = &recording.streams[stream];
    let mut settings = Settings::defaults(ANALYSIS.parameters);
    let together = names.len() > 1;
    let Some(first_name) = names.first() else { return Ok(Vec::new()) };
    settings.set("track", if together { "all" } else { first_name })?;
    settings.set("limit", &(MOST * names.len()).to_string())?;
    let selection = Selection { stream, channels: vec![0], frames: 0..shown.frames };
    let request = Request { source, selection: &selection, settings: &settings, task, summary: None, publish: &|_| {} };
    let report = (ANALYSIS.run)(&request)?;
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
