//! From samples to changes of level, one piece of the recording at a time, without knowing what came before it: the first
//! change of a line in a piece says which level it has there, and whoever goes through the pieces in order sees whether
//! that is news. So the same changes come out however the recording is cut.

use std::ops::Range;

use super::Input;
use super::lines::{Line, Lines};
use crate::budget::Reservation;
use crate::error::{Error, Result};
use crate::recording::{Block, Sample, Samples, Scale, Stream};

/// Samples that are looked at together: in most groups of them nothing changes, which is soon seen.
const GROUP: usize = 64;

/// When a line is high and when low. A sample that says neither (within the hysteresis, or NaN) changes nothing.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Rule {
    /// High from half of the width above the middle (physical), low below half of it under the middle.
    Analog { middle: f64, width: f64 },
    /// A bit of the stored integer.
    Bit { bit: u8 },
    /// A digital line of the file: the number of its event track.
    Track { track: usize },
}

/// One change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Edge {
    /// Frames from the start of the piece.
    pub(super) at: u32,
    pub(super) line: u8,
    pub(super) level: bool,
}

/// The changes in a piece, in order of time, and the part of the budget that they occupy.
pub(super) struct Edges {
    pub(super) list: Vec<Edge>,
    reservation: Reservation,
}

impl Edges {
    /// Bytes of one.
    pub(super) const SIZE: u64 = size_of::<Edge>() as u64;

    fn push(&mut self, edge: Edge) -> Result<()> {
        if self.list.len() == self.list.capacity() {
            let more = self.list.capacity().max(256);
            self.reservation.resize((self.list.capacity() + more) as u64 * Self::SIZE)?;
            self.list.reserve_exact(more);
        }
        self.list.push(edge);
        Ok(())
    }

    /// The changes of `lines` over `frames`, which are fewer than 2^32.
    ///
    /// # Errors
    /// What reading fails with, and [`crate::ErrorKind::OutOfBudget`].
    pub(super) fn find(input: &Input<'_>, lines: &Lines, frames: &Range<u64>) -> Result<Self> {
        let selection = input.selection;
        let stream = &input.source.recording().streams[selection.stream];
        let budget = input.task.budget();
        let mut edges = Self { list: vec![], reservation: budget.reserve(0)? };
        let count = lines.channels.len();
        let kind = stream.format.sample_type;
        let _held = budget.reserve(Block::bytes_for(kind, count, frames.end - frames.start)?)?;
        let mut block = Block::default();
        if count > 0 {
            input.source.read(selection.stream, frames.clone(), &lines.channels, &mut block)?;
        }
        for piece in stream.time.contiguous(frames.clone()) {
            for (i, line) in lines.list.iter().enumerate() {
                let mut found = |at: u64, level: bool| {
                    // A piece has fewer than 2^32 frames.
                    let at = (at + piece.start - frames.start) as u32;
                    edges.push(Edge { at, line: i as u8, level: level != line.invert })
                };
                match line.rule {
                    Rule::Track { track } => of_track(input, stream, track, &piece, &mut found)?,
                    _ => {
                        let place = lines.channels.binary_search(&line.channel).unwrap_or_default() * block.frames();
                        let from = place + (piece.start - frames.start) as usize;
                        let to = place + (piece.end - frames.start) as usize;
                        let scale = stream.channels[line.channel].scale;
                        of_samples(block.samples(), from..to, line, scale, &mut found)?;
                    }
                }
            }
        }
        if lines.list.len() > 1 {
            edges.list.sort_unstable_by_key(|edge| (edge.at, edge.line));
        }
        Ok(edges)
    }
}

/// The changes of a digital line over `piece`, in which no frame is missing.
fn of_track(
    input: &Input<'_>,
    stream: &Stream,
    track: usize,
    piece: &Range<u64>,
    found: &mut dyn FnMut(u64, bool) -> Result<()>,
) -> Result<()> {
    let time = &stream.time;
    // To the middle of the last frame: rounding must not bring in the one behind it.
    let until = (time.tick_of_frame(piece.end - 1) as f64 + 0.5) / time.rate_hz();
    let mut events = vec![];
    input.source.read_events(track, time.secs_of_frame(piece.start)..until, &mut events)?;
    for event in events {
        let level = match event.label.as_str() {
            "0" => false,
            "1" => true,
            _ => {
                let name = &input.source.recording().events[track].name;
                return Err(Error::invalid(format!("the events of {name} are not the levels of a digital line"))
                    .with_remedy("choose a digital line or a channel"));
            }
        };
        let frame = time.frame_at_secs(event.start_secs);
        if piece.contains(&frame) {
            found(frame - piece.start, level)?;
        }
    }
    Ok(())
}

fn of_samples(
    samples: &Samples,
    range: Range<usize>,
    line: &Line,
    scale: Scale,
    found: &mut dyn FnMut(u64, bool) -> Result<()>,
) -> Result<()> {
    macro_rules! integers { ($($variant:ident)*) => {
        match (line.rule, samples) {
            $((Rule::Bit { bit }, Samples::$variant(v)) => {
                changes(&v[range], |x| x >> bit & 1 == 1, |x| x >> bit & 1 == 0, found)
            })*
            (Rule::Analog { middle, width }, samples) => {
                analog(samples, range, (middle + 0.5 * width, middle - 0.5 * width), scale, found)
            }
            // Refused when the line was named: floats have no bits.
            _ => Ok(()),
        }
    } }
    integers!(I8 U8 I16 U16 I32 U32 I64 U64)
}

fn analog(
    samples: &Samples,
    range: Range<usize>,
    (rise, fall): (f64, f64),
    scale: Scale,
    found: &mut dyn FnMut(u64, bool) -> Result<()>,
) -> Result<()> {
    // The thresholds are scaled, not the samples.
    let sign = scale.gain.signum();
    let stored = |physical: f64| (physical - scale.offset) / scale.gain.abs();
    let (rise, fall) = (stored(rise), stored(fall));
    crate::with_samples!(samples, v => {
        changes(&v[range], |x| sign * x.to_f64() >= rise, |x| sign * x.to_f64() < fall, found)
    })
}

/// Calls `found` with the first sample that says which level it is, and with each that says otherwise than the last.
fn changes<T: Copy>(
    values: &[T],
    high: impl Fn(T) -> bool,
    low: impl Fn(T) -> bool,
    found: &mut dyn FnMut(u64, bool) -> Result<()>,
) -> Result<()> {
    let mut level = None;
    let mut at = 0;
    for group in values.chunks(GROUP) {
        // Without leaving early, which lets the compiler compare many at once.
        let news = match level {
            None => true,
            Some(true) => group.iter().fold(false, |any, &x| any | low(x)),
            Some(false) => group.iter().fold(false, |any, &x| any | high(x)),
        };
        if news {
            for (i, &x) in group.iter().enumerate() {
                let now = if high(x) {
                    true
                } else if low(x) {
                    false
                } else {
                    continue;
                };
                if level != Some(now) {
                    level = Some(now);
                    found(at + i as u64, now)?;
                }
            }
        }
        at += group.len() as u64;
    }
    Ok(())
}
