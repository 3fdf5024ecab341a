//! What a filtered stream is: its description, and the stretches between gaps of which it is made.

use std::ops::Range;

use super::Built;
use crate::recording::{ClockFit, ClockSpan, SampleFormat, SampleType, Scale, Stream, TimeBase};

/// Frames between two gaps: those below, and those of them that are kept.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Stretch {
    pub(super) below: Range<u64>,
    /// The first kept one; the others follow at the distance of the stage.
    pub(super) first_kept: u64,
    /// The first kept one as a frame of the result.
    pub(super) first: u64,
}

/// Makes of the description of a stream that of its filtered one.
pub(super) fn describe_only(stream: &mut Stream, built: &Built, output: SampleType) {
    drop(describe(stream, built, output));
}

/// The same, and the stretches that are left of it.
pub(super) fn describe(stream: &mut Stream, built: &Built, output: SampleType) -> Vec<Stretch> {
    stream.format = SampleFormat::native(output);
    for (c, channel) in stream.channels.iter_mut().enumerate() {
        channel.scale = Scale::default();
        if let Some(unit) = built.units.as_ref().and_then(|units| units.get(c)) {
            channel.unit.clone_from(unit);
        }
    }
    let mut stretches = Vec::new();
    let mut spans: Vec<ClockSpan> = Vec::new();
    let (mut frames, mut end_tick) = (0, 0);
    for below in stream.time.contiguous(0..stream.frames) {
        let tick = stream.time.tick_of_frame(below.start);
        let first_kept = below.start + (tick.next_multiple_of(built.every) - tick);
        if first_kept >= below.end {
            continue;
        }
        let kept = (below.end - first_kept).div_ceil(built.every);
        let first_tick = tick.div_ceil(built.every);
        if spans.is_empty() || first_tick > end_tick {
            spans.push(ClockSpan { first_frame: frames, first_tick });
        }
        stretches.push(Stretch { below, first_kept, first: frames });
        frames += kept;
        end_tick = first_tick + kept;
    }
    if built.every > 1 {
        stream.time = slower(&stream.time, built.every, spans);
        stream.frames = frames;
    }
    stretches
}

/// The clock of which only every so many ticks are left, with these spans.
fn slower(time: &TimeBase, every: u64, spans: Vec<ClockSpan>) -> TimeBase {
    if !time.rate_known() {
        return TimeBase::frames_only();
    }
    let spans = if spans.is_empty() { vec![ClockSpan { first_frame: 0, first_tick: 0 }] } else { spans };
    let slow = TimeBase::with_spans(time.rate_hz() / every as f64, spans);
    match (time.fit(), time.start_unix_ns()) {
        (Some(fit), _) => slow.fitted_to(ClockFit { ns_per_tick: fit.ns_per_tick * every as f64, ..*fit }),
        (None, Some(start)) => slow.starting_at(start),
        (None, None) => slow,
    }
}
