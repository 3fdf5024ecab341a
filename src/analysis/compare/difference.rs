//! The difference of two recordings as a recording: the first minus the second.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use super::Pair;
use super::values::{Measure, PIECE, stored_differences};
use crate::error::{Error, Result};
use crate::recording::{
    Block, Channel, ClockSpan, Recording, SampleFormat, SampleType, Samples, Scale, Stream, TimeBase,
};
use crate::source::Source;
use crate::task::Task;

/// Both recordings are read in pieces of about so many bytes each.
const SCRATCH_BYTES: u64 = 1 << 20;

/// One stream of `f32`: the frames that a [`Pair`] compares, the first of them at time zero, with the clock of the first
/// recording. Differences of stored values are in stored steps and have the gain of the first recording; physical ones
/// are in its unit. What is equal is zero, NaN beside NaN included; where only one is a number, it is NaN.
pub struct DifferenceSource {
    recording: Recording,
    pair: Arc<Pair>,
}

impl DifferenceSource {
    /// The difference that `pair` describes.
    #[must_use]
    pub fn new(pair: Arc<Pair>) -> Self {
        let (a, b) = (pair.a.recording(), pair.b.recording());
        let (stream, _) = pair.streams();
        let is_physical = matches!(pair.measure, Measure::Physical(_));
        let channel = |&c: &usize| {
            let channel = stream.channels[c].clone();
            let scale = if is_physical { Scale::default() } else { Scale { gain: channel.scale.gain, offset: 0.0 } };
            Channel { scale, ..channel }
        };
        let frames = pair.selection.frames.clone();
        let difference = Stream {
            name: "difference".to_owned(),
            format: SampleFormat::native(SampleType::F32),
            time: clock_from(&stream.time, &frames),
            frames: frames.end - frames.start,
            channels: pair.selection.channels.iter().map(channel).collect(),
        };
        let recording = Recording {
            name: format!("{} − {}", a.name, b.name),
            format: "difference",
            streams: vec![difference],
            main_stream: Some(0),
            events: Vec::new(),
            properties: vec![("first".to_owned(), a.name.clone()), ("second".to_owned(), b.name.clone())],
            warnings: pair.differences.iter().chain(&pair.notes).map(crate::recording::Warning::new).collect(),
        };
        Self { recording, pair }
    }

    fn check(&self, stream: usize, frames: &Range<u64>, channels: &[usize]) -> Result<()> {
        let s = self.recording.streams.get(stream);
        let s = s.ok_or_else(|| Error::invalid(format!("there is no stream {stream}")))?;
        if frames.start > frames.end || frames.end > s.frames {
            let Range { start, end } = frames;
            return Err(Error::invalid(format!(
                "frames {start} to {end} are not in the stream, which has {}",
                s.frames
            )));
        }
        match channels.iter().find(|&&c| c >= s.channels.len()) {
            Some(c) => Err(Error::invalid(format!("there is no channel {c}"))),
            None => Ok(()),
        }
    }

    /// Reads both by `read` (the stored values of a recording: stream, frames, channels) and subtracts.
    fn subtract(
        &self,
        stream: usize,
        frames: Range<u64>,
        channels: &[usize],
        out: &mut Block,
        read: impl Fn(&dyn Source, usize, Range<u64>, &[usize], &mut Block) -> Result<()>,
    ) -> Result<()> {
        self.check(stream, &frames, channels)?;
        let n = (frames.end - frames.start) as usize;
        out.reset(SampleType::F32, channels.len(), n);
        let Samples::F32(samples) = out.samples_mut() else { return Err(Error::invalid("a block of another type")) };
        let Pair { a, b, selection, b_stream, b_channels, b_first, measure, .. } = &*self.pair;
        let a_channels: Vec<usize> = channels.iter().map(|&c| selection.channels[c]).collect();
        let b_channels: Vec<usize> = channels.iter().map(|&c| b_channels[c]).collect();
        let piece = (SCRATCH_BYTES / (8 * channels.len() as u64).max(1)).max(1);
        let (mut of_a, mut of_b) = (Block::default(), Block::default());
        let mut differences = [0.0; PIECE];
        let mut at = frames.start;
        while at < frames.end {
            let until = frames.end.min(at.saturating_add(piece));
            let shift = |first: u64| at + first..until + first;
            read(a.as_ref(), selection.stream, shift(selection.frames.start), &a_channels, &mut of_a)?;
            read(b.as_ref(), *b_stream, shift(*b_first), &b_channels, &mut of_b)?;
            let (from, len) = ((at - frames.start) as usize, (until - at) as usize);
            for (i, &c) in channels.iter().enumerate() {
                let target = &mut samples[i * n + from..i * n + from + len];
                match measure {
                    Measure::Stored => stored_differences(of_a.samples(), of_b.samples(), i * len, target),
                    Measure::Physical(scaled) => {
                        for (p, target) in target.chunks_mut(PIECE).enumerate() {
                            let first = i * len + p * PIECE;
                            let differences = &mut differences[..target.len()];
                            scaled.differences(c, (of_a.samples(), first), (of_b.samples(), first), differences);
                            target.iter_mut().zip(&*differences).for_each(|(x, y)| *x = *y as f32);
                        }
                    }
                }
            }
            at = until;
        }
        Ok(())
    }
}

/// `time` from the first of `frames` on.
fn clock_from(time: &TimeBase, frames: &Range<u64>) -> TimeBase {
    let first_tick = time.tick_of_frame(frames.start);
    let span = |piece: Range<u64>| ClockSpan {
        first_frame: piece.start - frames.start,
        first_tick: time.tick_of_frame(piece.start) - first_tick,
    };
    let mut spans: Vec<ClockSpan> = time.contiguous(frames.clone()).map(span).collect();
    if spans.is_empty() {
        spans.push(ClockSpan { first_frame: 0, first_tick: 0 });
    }
    if !time.rate_known() {
        return TimeBase::frames_only();
    }
    let cut = TimeBase::with_spans(time.rate_hz(), spans);
    match time.unix_ns_of_tick(first_tick) {
        Some(start) => cut.starting_at(start),
        None => cut,
    }
}

impl Source for DifferenceSource {
    fn recording(&self) -> &Recording {
        &self.recording
    }

    fn read(&self, stream: usize, frames: Range<u64>, channels: &[usize], out: &mut Block) -> Result<()> {
        self.subtract(stream, frames, channels, out, |source, stream, frames, channels, out| {
            source.read(stream, frames.clone(), channels, out)?;
            release(source, stream, &frames)
        })
    }

    fn read_estimate(&self, stream: usize, frames: Range<u64>, channels: &[usize], out: &mut Block) -> Result<()> {
        self.subtract(stream, frames, channels, out, |source, stream, frames, channels, out| {
            source.read_estimate(stream, frames.clone(), channels, out)?;
            release(source, stream, &frames)
        })
    }

    fn prepare(&self, stream: usize, channels: &[usize], frame: u64, task: &Task) -> Result<()> {
        self.check(stream, &(frame..frame), channels)?;
        let Pair { a, b, selection, b_stream, b_channels, b_first, .. } = &*self.pair;
        let a_channels: Vec<usize> = channels.iter().map(|&c| selection.channels[c]).collect();
        let b_channels: Vec<usize> = channels.iter().map(|&c| b_channels[c]).collect();
        a.prepare(selection.stream, &a_channels, frame + selection.frames.start, task)?;
        b.prepare(*b_stream, &b_channels, frame + b_first, task)
    }

    fn is_prepared(&self, stream: usize, channels: &[usize], frame: u64) -> bool {
        // What is not there is told about by `read`.
        if self.check(stream, &(frame..frame), channels).is_err() {
            return true;
        }
        let Pair { a, b, selection, b_stream, b_channels, b_first, .. } = &*self.pair;
        let a_channels: Vec<usize> = channels.iter().map(|&c| selection.channels[c]).collect();
        let b_channels: Vec<usize> = channels.iter().map(|&c| b_channels[c]).collect();
        a.is_prepared(selection.stream, &a_channels, frame + selection.frames.start)
            && b.is_prepared(*b_stream, &b_channels, frame + b_first)
    }

    fn files(&self) -> Vec<PathBuf> {
        self.pair.a.files().into_iter().chain(self.pair.b.files()).collect()
    }

    fn check_files(&self) -> Result<()> {
        self.pair.a.check_files()?;
        self.pair.b.check_files()
    }
}

/// Hands back the mapped pages behind a read, which the engine does for a recording that is read itself.
fn release(source: &dyn Source, stream: usize, frames: &Range<u64>) -> Result<()> {
    crate::source::for_flat_pieces(source, stream, frames, |piece, local| {
        piece.layout.release(local);
        Ok(())
    })
}
