//! What is set against what.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::values::{Measure, Rounding, Scaled, unit_factor};
use crate::error::{Error, Result};
use crate::recording::{Channel, Scale, Stream};
use crate::scan::Selection;
use crate::source::Source;
use crate::units::count;

/// Rates further apart than this differ.
const RATE_TOLERANCE: f64 = 1e-9;

/// What the user asks to be compared, in terms of the first recording.
#[derive(Clone, Debug)]
pub struct Asked {
    pub selection: Selection,
    /// Whether the channels, and the range, were chosen; otherwise they are all there is.
    pub some_channels: bool,
    pub some_frames: bool,
    /// Physical values even where stored ones could be compared.
    pub physical: bool,
}

impl Asked {
    /// All of a stream.
    #[must_use]
    pub fn all(source: &dyn Source, stream: usize) -> Self {
        let selection = Selection::all(source.recording(), stream);
        Self { selection, some_channels: false, some_frames: false, physical: false }
    }
}

/// Two recordings, and which samples of one stand against which of the other.
pub struct Pair {
    pub(super) a: Arc<dyn Source>,
    pub(super) b: Arc<dyn Source>,
    /// Of the first: as many channels and frames as there are in both.
    pub(super) selection: Selection,
    pub(super) b_stream: usize,
    /// One for each selected channel.
    pub(super) b_channels: Vec<usize>,
    /// The frame that stands against the first selected one.
    pub(super) b_first: u64,
    pub(super) measure: Measure,
    /// What makes them different already: lengths, channels, rates.
    pub(super) differences: Vec<String>,
    pub(super) notes: Vec<String>,
}

impl Pair {
    /// Matches `b` with what is asked of `a`.
    ///
    /// The stream of `b` is the one of the same name, or its only one, or the main one if the main one of `a` is asked for.
    /// Channels stand against each other in order if `b` has as many as were chosen; otherwise those with the same ids
    /// do, or, where ids differ, those at the same place. Frames are counted as stored: from the first, or, where a range was
    /// chosen and `b` holds exactly as many frames, from the beginning of the range.
    ///
    /// # Errors
    /// When `b` has no stream or no channel to compare with.
    pub fn new(a: Arc<dyn Source>, b: Arc<dyn Source>, asked: Asked) -> Result<Self> {
        let mut selection = asked.selection;
        let stream_a = selection.stream_in(a.recording())?;
        let b_stream = stream_of(b.as_ref(), a.as_ref(), selection.stream)?;
        let stream_b = &b.recording().streams[b_stream];
        let (mut differences, mut notes) = (Vec::new(), Vec::new());

        let matched = match_channels(&selection.channels, &stream_a.channels, &stream_b.channels);
        let (left, right) = (selection.channels.len(), stream_b.channels.len());
        if matched.is_empty() {
            return Err(Error::invalid(format!(
                "'{}' and '{}' have no channel in common",
                stream_a.name, stream_b.name
            ))
            .with_remedy("choose streams that hold the same channels (--stream)"));
        }
        if matched.len() < left || (!asked.some_channels && left != right) {
            let only = if matched.len() < left.max(right) {
                format!("; {} are compared", count(matched.len() as u64))
            } else {
                String::new()
            };
            differences.push(format!("the first has {left} channels and the second {right}{only}"));
        }
        selection.channels = matched.iter().map(|&(i, _)| selection.channels[i]).collect();
        let b_channels: Vec<usize> = matched.iter().map(|&(_, c)| c).collect();

        let (frames, b_first) = match_frames(&selection, stream_b.frames, asked.some_frames, &mut differences)?;
        if asked.some_frames && b_first != selection.frames.start {
            notes.push(
                "the second holds as many frames as the range of the first, and is taken to be that range".to_owned(),
            );
        }
        selection.frames = frames;
        compare_clocks((stream_a, &selection.frames), (stream_b, b_first), &mut differences, &mut notes);
        let measure = measure((stream_a, &selection.channels), (stream_b, &b_channels), asked.physical, &mut notes);
        Ok(Self { selection, b_stream, b_channels, b_first, measure, differences, notes, a, b })
    }

    /// The two streams.
    #[must_use]
    pub fn streams(&self) -> (&Stream, &Stream) {
        (&self.a.recording().streams[self.selection.stream], &self.b.recording().streams[self.b_stream])
    }
}

fn stream_of(b: &dyn Source, a: &dyn Source, stream: usize) -> Result<usize> {
    let (a, b) = (a.recording(), b.recording());
    let name = &a.streams[stream].name;
    let same = b.stream_index(name);
    let only = (b.streams.len() == 1).then_some(0);
    let main = (a.default_stream() == stream && !b.streams.is_empty()).then(|| b.default_stream());
    same.or(only).or(main).ok_or_else(|| {
        let names: Vec<&str> = b.streams.iter().map(|s| s.name.as_str()).collect();
        Error::invalid(format!("the second recording has no stream '{name}'"))
            .with_remedy(format!("compare one that both have; the second has {}", names.join(", ")))
    })
}

/// Pairs of (place among the chosen channels of the first, channel of the second).
fn match_channels(chosen: &[usize], a: &[Channel], b: &[Channel]) -> Vec<(usize, usize)> {
    // An export of the chosen channels.
    if b.len() == chosen.len() && chosen.len() != a.len() {
        return (0..b.len()).map(|i| (i, i)).collect();
    }
    let places: HashMap<&str, usize> = b.iter().enumerate().rev().map(|(i, c)| (c.id.as_str(), i)).collect();
    let by_id: Vec<(usize, usize)> =
        chosen.iter().enumerate().filter_map(|(i, &c)| Some((i, *places.get(a[c].id.as_str())?))).collect();
    if by_id.len() == chosen.len().min(b.len()) {
        by_id
    } else if b.len() == a.len() {
        chosen.iter().copied().enumerate().collect()
    } else if by_id.is_empty() {
        (0..chosen.len().min(b.len())).map(|i| (i, i)).collect()
    } else {
        by_id
    }
}

/// The frames of the first that have a counterpart, and that of the first of them.
fn match_frames(
    selection: &Selection,
    b_frames: u64,
    some_frames: bool,
    differences: &mut Vec<String>,
) -> Result<(Range<u64>, u64)> {
    let Range { start, end } = selection.frames;
    let len = selection.len();
    if some_frames && len == 0 {
        return Err(Error::invalid("there is no frame in the range").with_remedy("choose a longer one (--range)"));
    }
    let b_first = if some_frames && b_frames != len { start } else { 0 };
    let there = b_frames.saturating_sub(b_first);
    if some_frames && there < len {
        let (from, to, frames) = (count(start), count(end), count(b_frames));
        differences.push(format!("frames {from} to {to} are compared, but the second has only {frames}"));
    } else if !some_frames && there != len {
        let compared = count(len.min(there));
        let (a, b) = (count(len), count(b_frames));
        differences.push(format!("the first has {a} frames and the second {b}; the first {compared} are compared"));
    }
    Ok((start..start + len.min(there), b_first))
}

fn compare_clocks(
    (a, frames): (&Stream, &Range<u64>),
    (b, b_first): (&Stream, u64),
    differences: &mut Vec<String>,
    notes: &mut Vec<String>,
) {
    let (rate_a, rate_b) = (a.time.rate_hz(), b.time.rate_hz());
    match (a.time.rate_known(), b.time.rate_known()) {
        (true, true) if (rate_a - rate_b).abs() > rate_a * RATE_TOLERANCE => {
            differences.push(format!("the rate of the first is {rate_a} Hz and that of the second {rate_b} Hz"));
        }
        (true, false) => notes.push("the second does not tell its rate".to_owned()),
        (false, true) => notes.push("the first does not tell its rate".to_owned()),
        _ => {}
    }
    // Where stretches begin, in frames and ticks from the first one compared.
    let begins = |stream: &Stream, frames: Range<u64>| -> Vec<(u64, u64)> {
        let ticks = stream.time.tick_of_frame(frames.start);
        let time = &stream.time;
        time.contiguous(frames.clone()).map(|p| (p.start - frames.start, time.tick_of_frame(p.start) - ticks)).collect()
    };
    let len = frames.end - frames.start;
    let (of_a, of_b) = (begins(a, frames.clone()), begins(b, b_first..b_first + len));
    if of_a != of_b {
        let gaps = |begins: &[(u64, u64)]| match begins.len().saturating_sub(1) {
            1 => "1 gap".to_owned(),
            n => format!("{} gaps", count(n as u64)),
        };
        let place = if of_a.len() == of_b.len() { ", in other places or of other lengths" } else { "" };
        notes.push(format!(
            "the first has {} here and the second {}{place}; frames are compared in the order in which they are stored",
            gaps(&of_a),
            gaps(&of_b)
        ));
    }
}

fn measure(
    (a, a_channels): (&Stream, &[usize]),
    (b, b_channels): (&Stream, &[usize]),
    physical: bool,
    notes: &mut Vec<String>,
) -> Measure {
    let pairs = || a_channels.iter().zip(b_channels).map(|(&x, &y)| (&a.channels[x], &b.channels[y]));
    let (type_a, type_b) = (a.format.sample_type, b.format.sample_type);
    if type_a == type_b && !physical {
        let others = pairs().filter(|(x, y)| x.scale != y.scale).count();
        if others > 0 {
            notes.push(format!(
                "gain or offset of {} of the channels differ; the stored values are compared, not what they stand for (--physical)",
                count(others as u64)
            ));
        }
        return Measure::Stored;
    }
    let mut unlike: Vec<(&str, &str)> = Vec::new();
    let scales = pairs()
        .map(|(x, y)| {
            let factor = if x.unit == y.unit { Some(1.0) } else { unit_factor(&y.unit, &x.unit) };
            if factor.is_none() && unlike.is_empty() {
                unlike.push((&x.unit, &y.unit));
            }
            let factor = factor.unwrap_or(1.0);
            (x.scale, Scale { gain: y.scale.gain * factor, offset: y.scale.offset * factor })
        })
        .collect();
    let named = |unit: &str| if unit.is_empty() { "none".to_owned() } else { format!("'{unit}'") };
    if let Some((x, y)) = unlike.first() {
        notes.push(format!(
            "the unit of the first is {} and that of the second {}; their numbers are compared",
            named(x),
            named(y)
        ));
    }
    let rounding = Rounding::of(type_a, type_b);
    if rounding != Rounding::None && type_a != type_b {
        let coarse = if rounding == Rounding::F16 { "f16" } else { "f32" };
        notes.push(format!("values are compared as {coarse}, as which one of the two holds them"));
    }
    Measure::Physical(Scaled { scales, rounding })
}
