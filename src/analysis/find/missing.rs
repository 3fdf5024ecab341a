//! What is not there: gaps, in which no frame was stored, and stretches of samples that are no numbers.

use super::ground::Ground;
use super::keeper::Keeper;
use crate::analysis::{Cell, Context, Field, Place};
use crate::error::Result;

/// The channel of what concerns all of them.
pub(super) const ALL_CHANNELS: u32 = u32::MAX;

/// What is told of each. A gap has no frames: both ends are the first frame behind it, and its seconds are those between
/// the frames around it.
pub(super) const FIELDS: &[Field] = &[
    Field {
        name: "channel",
        cell: |place, context| match place.channel {
            ALL_CHANNELS => Cell::Text("all".to_owned()),
            _ => (Field::CHANNEL.cell)(place, context),
        },
    },
    Field::START_FRAME,
    Field::END_FRAME,
    Field {
        name: "start_secs",
        cell: |place, context| {
            if is_gap(place) { Cell::Number(gap(place, context).0) } else { (Field::START_SECS.cell)(place, context) }
        },
    },
    Field {
        name: "end_secs",
        cell: |place, context| {
            if is_gap(place) { Cell::Number(gap(place, context).1) } else { (Field::END_SECS.cell)(place, context) }
        },
    },
    Field { name: "peak", cell: |place, _| Cell::Number(place.value) },
    Field { name: "kind", cell: |place, _| Cell::Text(if is_gap(place) { "gap" } else { "nan" }.to_owned()) },
];

fn is_gap(place: &Place) -> bool {
    place.start == place.end
}

/// From when to when a gap lasts, seconds.
fn gap(place: &Place, context: &Context) -> (f64, f64) {
    let time = &context.time;
    let end = time.tick_of_frame(place.start);
    (time.secs_of_tick(end.saturating_sub(place.value as u64)), time.secs_of_tick(end))
}

/// What is written at the mark of one.
pub(super) fn label(place: &Place, _: &Context) -> String {
    if is_gap(place) { "gap".to_owned() } else { "NaN".to_owned() }
}

/// Keeps the gaps inside the selection that miss at least `least` frames.
pub(super) fn gaps(ground: &Ground<'_>, least: u64, keeper: &mut Keeper) -> Result<()> {
    let frames = &ground.selection.frames;
    for gap in ground.stream.time.gaps() {
        let behind = gap.after_frame + 1;
        if gap.missing_frames >= least && frames.start < behind && behind < frames.end {
            let value = gap.missing_frames as f64;
            keeper.push(Place { channel: ALL_CHANNELS, flags: 0, start: behind, end: behind, value })?;
        }
    }
    Ok(())
}
