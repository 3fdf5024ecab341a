//! Events that the recording itself tells: changes of digital lines, annotations.
//!
//! Tracks are read a stretch of time after the other, so that a day of a busy line costs no more memory than what is
//! kept of it. A reader tells the state of a line at the start of each stretch: that is no event, unless it is the start
//! of the selection or differs from the state before.

use std::ops::Range;

use super::ground::Ground;
use super::keeper::Keeper;
use super::keeper::Places;
use crate::analysis::Place;
use crate::error::{Error, Result};
use crate::recording::{Event, EventTrack};
use crate::scan::map_pieces;

/// Frames read at once.
const STRETCH: u64 = 1 << 16;
/// Labels that are numbers are kept as such; of others only that there is something.
const NO_NUMBER: f64 = 1.0;

/// The tracks called `name`; all of them for `all`.
pub(super) fn named(tracks: &[EventTrack], name: &str) -> Result<Vec<usize>> {
    let name = name.trim();
    let found: Vec<usize> = match name {
        "all" => (0..tracks.len()).collect(),
        _ => tracks.iter().position(|t| t.name == name).into_iter().collect(),
    };
    if !found.is_empty() {
        return Ok(found);
    }
    if tracks.is_empty() {
        return Err(Error::invalid("the recording holds no event tracks")
            .with_remedy("edges of a digital signal that is stored as a channel are found with --edges both"));
    }
    const SHOWN: usize = 12;
    let mut names: Vec<&str> = tracks.iter().map(|t| t.name.as_str()).take(SHOWN).collect();
    if tracks.len() > SHOWN {
        names.push("…");
    }
    Err(Error::invalid(format!("there is no event track '{name}'"))
        .with_remedy(format!("use all, or one of: {}", names.join(", "))))
}

/// Keeps the events of `tracks` in the selection; the channel of one is `first_channel` and its place in the list.
pub(super) fn hunt(ground: &Ground<'_>, tracks: &[usize], first_channel: u32, keeper: &mut Keeper) -> Result<()> {
    let Ground { source, stream, selection, task, .. } = *ground;
    let Range { start, end } = selection.frames;
    task.add_total(selection.bytes(stream));
    let mut pieces =
        (start / STRETCH..end.div_ceil(STRETCH)).map(|i| (i * STRETCH).max(start)..((i + 1) * STRETCH).min(end));
    let time = &stream.time;
    let half = 0.5 / time.rate_hz();
    let mut states: Vec<Option<f64>> = vec![None; tracks.len()];
    map_pieces(
        source,
        selection,
        &mut pieces,
        task.threads(),
        task,
        &|chunk| {
            let range = time.secs_of_frame(chunk.core.start)..time.secs_of_frame(chunk.core.end - 1) + half;
            let mut places = Places::new(task)?;
            let mut lists = vec![Vec::new(); source.recording().events.len()];
            match tracks {
                [track] => source.read_events(*track, range.clone(), &mut lists[*track])?,
                _ => source.read_all_events(range.clone(), &mut lists)?,
            }
            for (i, &track) in tracks.iter().enumerate() {
                let events = &lists[track];
                // What began before was told with the stretch before.
                for event in events.iter().filter(|e| e.start_secs >= range.start - half || chunk.index == 0) {
                    places.push(place(ground, event, first_channel + i as u32))?;
                }
            }
            Ok(places)
        },
        &mut |chunk, found| {
            for &place in found.as_slice() {
                let state = &mut states[(place.channel - first_channel) as usize];
                let repeated = place.start == chunk.core.start && *state == Some(place.value);
                *state = Some(place.value);
                if !repeated {
                    keeper.push(place)?;
                }
            }
            Ok(())
        },
    )
}

fn place(ground: &Ground<'_>, event: &Event, channel: u32) -> Place {
    let time = &ground.stream.time;
    let frames = ground.stream.frames;
    let start = time.frame_at_secs(event.start_secs).min(frames.saturating_sub(1));
    let end = if event.duration_secs > 0.0 { time.frame_at_secs(event.end_secs()).min(frames) } else { start + 1 };
    Place { channel, flags: 0, start, end: end.max(start + 1), value: event.label.trim().parse().unwrap_or(NO_NUMBER) }
}
