//! Digital lines: one bit of each packet, read as its changes.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::file::FlatLayout;
use crate::recording::{Event, TimeBase};

/// Packets that one question may go through: nine minutes at 30 kHz.
const MAX_FRAMES: u64 = 1 << 24;
/// Changes that one question may bring: a line that toggles in every packet is a clock, not events.
const MAX_EVENTS: usize = 1 << 20;
/// Packets between giving pages back.
const STEP_FRAMES: u64 = 1 << 15;

/// Where the bit is.
#[derive(Clone, Copy, Debug)]
pub(super) struct DigitalLine {
    /// Offset in the packet.
    pub offset: u64,
    pub bit: u8,
}

/// The frames of `range` (seconds), from the first to one past the last.
fn frames_of(packets: &FlatLayout, time: &TimeBase, range: &Range<f64>) -> Result<(u64, u64)> {
    let frames = packets.frames();
    let end_tick = (range.end * time.rate_hz()).ceil().max(0.0) as u64;
    let start = time.frame_at_secs(range.start.max(0.0)).min(frames);
    let end = time.frame_at_tick(end_tick).min(frames);
    if start < end && end - start > MAX_FRAMES {
        return Err(Error::invalid(format!("{} frames are too many to look for events in at once", end - start))
            .with_path(packets.map().path())
            .with_remedy(format!("ask for at most {MAX_FRAMES} frames")));
    }
    Ok((start, end.max(start)))
}

/// What [`read`] appends for each of `lines`, in one pass: whole bytes are compared, and looked into where they change.
/// Hands no pages back: whoever goes through a file does that.
///
/// # Errors
/// As [`read`]; [`MAX_EVENTS`] are those of all lines together.
pub(super) fn read_all(
    lines: &[DigitalLine],
    packets: &FlatLayout,
    time: &TimeBase,
    range: Range<f64>,
    out: &mut [Vec<Event>],
) -> Result<()> {
    let (start, end) = frames_of(packets, time, &range)?;
    let mut offsets: Vec<usize> = lines.iter().map(|line| line.offset as usize).collect();
    offsets.sort_unstable();
    offsets.dedup();
    if start == end || offsets.is_empty() {
        return Ok(());
    }
    let stride = packets.frame_stride();
    let span = packets.first_byte() + start * stride..packets.first_byte() + end * stride;
    let bytes = packets.map().bytes(span)?;
    let mut before: Vec<Option<u8>> = vec![None; offsets.len()];
    let mut events = 0;
    for (i, packet) in bytes.chunks_exact(stride as usize).enumerate() {
        for (&offset, before) in offsets.iter().zip(&mut before) {
            let now = packet[offset];
            if *before == Some(now) {
                continue;
            }
            let changed = before.map_or(0xff, |before| before ^ now);
            *before = Some(now);
            let start_secs = time.secs_of_frame(start + i as u64);
            for (line, out) in lines.iter().zip(out.iter_mut()) {
                if line.offset as usize != offset || changed >> line.bit & 1 == 0 {
                    continue;
                }
                events += 1;
                if events > MAX_EVENTS {
                    return Err(Error::invalid(format!("the lines change more than {MAX_EVENTS} times here"))
                        .with_path(packets.map().path())
                        .with_remedy("ask for a shorter range"));
                }
                let label = if now >> line.bit & 1 == 1 { "1" } else { "0" }.to_owned();
                out.push(Event { start_secs, duration_secs: 0.0, label });
            }
        }
    }
    packets.map().check()
}

/// Appends the state of `line` in the first frame of `range` (seconds), and every change in it, to `out`: instants with
/// the label `0` or `1`. `packets` is any stream of the recording.
///
/// # Errors
/// When the range is longer, or has more changes, than one question may ask for; when the file has become shorter.
pub(super) fn read(
    line: &DigitalLine,
    packets: &FlatLayout,
    time: &TimeBase,
    range: Range<f64>,
    out: &mut Vec<Event>,
) -> Result<()> {
    let (start, end) = frames_of(packets, time, &range)?;
    let stride = packets.frame_stride();
    let first_event = out.len();
    let mut state = None;
    let mut at = start;
    while at < end {
        let until = end.min(at + STEP_FRAMES);
        let first_byte = packets.first_byte() + at * stride;
        let span = first_byte..packets.first_byte() + until * stride;
        packets.map().populate(span.clone());
        let bytes = packets.map().bytes(span.clone())?;
        for (i, packet) in bytes.chunks_exact(stride as usize).enumerate() {
            let now = packet[line.offset as usize] >> line.bit & 1;
            if state == Some(now) {
                continue;
            }
            state = Some(now);
            if out.len() - first_event == MAX_EVENTS {
                out.truncate(first_event);
                return Err(Error::invalid(format!("this line changes more than {MAX_EVENTS} times here"))
                    .with_path(packets.map().path())
                    .with_remedy("ask for a shorter range"));
            }
            let start_secs = time.secs_of_frame(at + i as u64);
            out.push(Event { start_secs, duration_secs: 0.0, label: if now == 1 { "1" } else { "0" }.to_owned() });
        }
        packets.map().check()?;
        packets.map().release(span);
        at = until;
    }
    Ok(())
}
