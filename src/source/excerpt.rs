//! Some stretches of one stream of a recording, as a recording: what lies between them is a gap, so that no window, filter
//! or search goes from one to the next as if they were one.
//!
//! Frames count from the first stretch, and so do seconds; the wall clock is that of the recording. Filters belong beneath
//! it: they then see what was around a stretch. Costs 24 bytes for each stretch; reading is that of the recording.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Source;
use crate::error::{Error, Result};
use crate::recording::{Block, ClockFit, ClockSpan, Event, Recording, TimeBase};
use crate::task::Task;
use crate::with_samples;

/// Stretches at most.
const MOST: usize = 1 << 20;

/// Stretches of a stream.
pub struct Excerpt {
    inner: Arc<dyn Source>,
    stream: usize,
    recording: Recording,
    /// The first frame of each stretch, and its frames in the recording.
    pieces: Vec<(u64, Range<u64>)>,
    /// How much later than the recording it begins.
    later_secs: f64,
}

impl Excerpt {
    /// These frames of stream `stream` of `inner`, in order and without overlaps.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] when there are none, they are not in order, or not in the stream.
    pub fn new(inner: Arc<dyn Source>, stream: usize, ranges: &[Range<u64>]) -> Result<Self> {
        let all = inner.recording();
        let Some(of) = all.streams.get(stream) else {
            return Err(Error::invalid(format!("there is no stream {stream}")));
        };
        let sound = ranges.iter().all(|r| r.start < r.end && r.end <= of.frames);
        let ordered = ranges.windows(2).all(|w| w[0].end <= w[1].start);
        let (true, Some(first)) = (sound && ordered && ranges.len() <= MOST, ranges.first()) else {
            return Err(Error::invalid("these stretches are not in the stream, or not in order"));
        };
        let first_tick = of.time.tick_of_frame(first.start);
        let (mut pieces, mut spans) = (Vec::with_capacity(ranges.len()), Vec::new());
        let mut frames = 0;
        let mut end_tick = None;
        for range in ranges {
            pieces.push((frames, range.clone()));
            for piece in of.time.contiguous(range.clone()) {
                let tick = of.time.tick_of_frame(piece.start) - first_tick;
                if end_tick != Some(tick) {
                    spans.push(ClockSpan { first_frame: frames, first_tick: tick });
                }
                frames += piece.end - piece.start;
                end_tick = Some(tick + (piece.end - piece.start));
            }
        }
        let time = later(&of.time, first_tick, spans);
        let mut streams = vec![of.clone()];
        (streams[0].time, streams[0].frames) = (time, frames);
        let recording = Recording { streams, main_stream: Some(0), ..all.clone() };
        let later_secs = of.time.secs_of_tick(first_tick);
        Ok(Self { inner: Arc::clone(&inner), stream, recording, pieces, later_secs })
    }

    /// Calls `act` for the frames of the recording that `frames` are, stretch by stretch.
    fn below(&self, frames: &Range<u64>, mut act: impl FnMut(Range<u64>) -> Result<()>) -> Result<()> {
        let mut i = self.pieces.partition_point(|(first, _)| *first <= frames.start).saturating_sub(1);
        let mut at = frames.start;
        while at < frames.end
            && let Some((first, of)) = self.pieces.get(i)
        {
            let start = of.start + (at - first);
            let end = of.end.min(start + (frames.end - at));
            act(start..end)?;
            at += end - start;
            i += 1;
        }
        Ok(())
    }

    fn events(&self, range: &Range<f64>) -> Range<f64> {
        range.start + self.later_secs..range.end + self.later_secs
    }

    fn checked(&self, stream: usize, frames: &Range<u64>) -> Result<()> {
        if stream != 0 || frames.start > frames.end || frames.end > self.recording.streams[0].frames {
            return Err(Error::invalid("this part is not in the recording"));
        }
        Ok(())
    }
}

/// The clock from `first_tick` on, with these spans.
fn later(time: &TimeBase, first_tick: u64, spans: Vec<ClockSpan>) -> TimeBase {
    let new = TimeBase::with_spans(time.rate_hz(), spans);
    let new = if time.rate_known() { new } else { new.without_rate() };
    match (time.fit(), time.unix_ns_of_tick(first_tick)) {
        (Some(fit), Some(at)) => new.fitted_to(ClockFit { unix_ns_at_tick_0: at, ..*fit }),
        (None, Some(at)) => new.starting_at(at),
        (_, None) => new,
    }
}

impl Source for Excerpt {
    fn recording(&self) -> &Recording {
        &self.recording
    }

    fn read(&self, stream: usize, frames: Range<u64>, channels: &[usize], out: &mut Block) -> Result<()> {
        self.checked(stream, &frames)?;
        let mut parts: Vec<Range<u64>> = Vec::new();
        self.below(&frames, |part| {
            parts.push(part);
            Ok(())
        })?;
        if let [part] = &parts[..] {
            return self.inner.read(self.stream, part.clone(), channels, out);
        }
        let n = (frames.end - frames.start) as usize;
        out.reset(self.recording.streams[0].format.sample_type, channels.len(), n);
        let (mut own, mut at) = (Block::default(), 0);
        for part in parts {
            let frames = (part.end - part.start) as usize;
            self.inner.read(self.stream, part, channels, &mut own)?;
            macro_rules! copy { ($($variant:ident)*) => {
                match (own.samples(), out.samples_mut()) {
                    $((crate::recording::Samples::$variant(from), crate::recording::Samples::$variant(to)) => {
                        for i in 0..channels.len() {
                            to[i * n + at..i * n + at + frames].copy_from_slice(&from[i * frames..(i + 1) * frames]);
                        }
                    })*
                    _ => return Err(Error::invalid("the samples do not fit the recording")),
                }
            } }
            copy!(I8 U8 I16 U16 I32 U32 I64 U64 F16 F32 F64);
            at += frames;
        }
        debug_assert_eq!(with_samples!(out.samples(), v => v.len()), n * channels.len());
        Ok(())
    }

    fn prepare(&self, stream: usize, channels: &[usize], frame: u64, task: &Task) -> Result<()> {
        self.checked(stream, &(frame..frame))?;
        let mut first = None;
        self.below(&(frame..frame.saturating_add(1)), |part| {
            first.get_or_insert(part.start);
            Ok(())
        })?;
        first.map_or(Ok(()), |frame| self.inner.prepare(self.stream, channels, frame, task))
    }

    fn read_events(&self, track: usize, range: Range<f64>, out: &mut Vec<Event>) -> Result<()> {
        let before = out.len();
        self.inner.read_events(track, self.events(&range), out)?;
        out[before..].iter_mut().for_each(|event| event.start_secs -= self.later_secs);
        Ok(())
    }

    /// None: what is kept beside the file belongs to all of its samples.
    fn path(&self) -> Option<&Path> {
        None
    }

    fn files(&self) -> Vec<PathBuf> {
        self.inner.files()
    }

    fn check_files(&self) -> Result<()> {
        self.inner.check_files()
    }
}

#[cfg(test)]
mod tests {
    use super::super::MemorySource;
    use super::*;
    use crate::recording::{Channel, SampleFormat, SampleType, Samples, Stream};

    #[test]
    fn stretches_are_joined_by_gaps_and_read_as_they_are() {
        let spans = [(0, 0), (40, 100)].map(|(first_frame, first_tick)| ClockSpan { first_frame, first_tick });
        let time = TimeBase::with_spans(10.0, spans.to_vec()).starting_at(1_000_000_000_000);
        let stream = Stream {
            name: "main".into(),
            format: SampleFormat::native(SampleType::I16),
            time,
            frames: 100,
            channels: (0..2).map(Channel::numbered).collect(),
        };
        let recording = Recording { streams: vec![stream], ..Recording::default() };
        let samples = Samples::I16((0..200).collect());
        let inner: Arc<dyn Source> = Arc::new(MemorySource::new(recording, vec![samples]).unwrap());
        let excerpt = Excerpt::new(Arc::clone(&inner), 0, &[10..20, 20..25, 35..50, 90..100]).unwrap();
        let own = &excerpt.recording().streams[0];
        assert_eq!(own.frames, 40);
        let spans: Vec<(u64, u64)> = own.time.spans().iter().map(|s| (s.first_frame, s.first_tick)).collect();
        // 10..25 are one; 35..40 and 40..50 lie on either side of the recording's own gap.
        assert_eq!(spans, [(0, 0), (15, 25), (20, 90), (30, 140)]);
        assert_eq!(own.time.start_unix_ns(), Some(1_001_000_000_000));
        let expected: Vec<i16> = (10..25).chain(35..50).chain(90..100).collect();
        for from in 0..40_u64 {
            for to in from..=40 {
                let mut block = Block::default();
                excerpt.read(0, from..to, &[1, 0], &mut block).unwrap();
                let Samples::I16(got) = block.samples() else { panic!("the type is that of the recording") };
                let range = &expected[from as usize..to as usize];
                let both: Vec<i16> = range.iter().map(|v| v + 100).chain(range.iter().copied()).collect();
                assert_eq!(got, &both, "{from}..{to}");
            }
        }
        for wrong in [&[][..], &[5..5, 6..7], &[5..9, 8..10], &[3..4, 90..101]] {
            assert!(Excerpt::new(Arc::clone(&inner), 0, wrong).is_err(), "{wrong:?}");
        }
    }
}
