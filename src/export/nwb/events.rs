//! Event tracks, gathered piece by piece: digital lines as states and their times, which go to the file in chunks as they
//! come, and labelled stretches, of which there are few.

use std::ops::Range;

use super::compress::{Codec, Encoder};
use super::part::Part;
use super::pass::Pass;
use super::tree::{Chunked, Data, StoredChunk};
use crate::error::{Error, Result};
use crate::recording::{Event, SampleType};
use crate::source::Source;

/// Rows of a chunk of states.
const CHUNK_ROWS: usize = 16_384;
/// Labelled events of all tracks together: a hundred megabytes.
const MAX_LABELS: usize = 1 << 20;

/// The seconds of the recording's axis that a piece covers.
pub(super) fn secs_of(pass: &Pass, piece: u64) -> Range<f64> {
    let frames = pass.frames_of(piece);
    let time = &pass.clock.time;
    time.secs_of_frame(frames.start)..time.secs_of_frame(frames.end.max(frames.start))
}

/// Reads the events of every track in a piece.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn read(source: &dyn Source, pass: &Pass, piece: u64) -> Result<Vec<Vec<Event>>> {
    let tracks = source.recording().events.len();
    let range = secs_of(pass, piece);
    let mut events = vec![Vec::new(); tracks];
    if range.start < range.end {
        source.read_all_events(range, &mut events)?;
    }
    Ok(events)
}

/// One track.
#[derive(Debug, Default)]
pub(super) struct Track {
    /// Of a digital line: what it is since when. Those that are not in the file yet.
    times: Vec<f64>,
    states: Vec<u8>,
    /// Chunks of times and states that are in the file.
    chunks: [Vec<StoredChunk>; 2],
    /// States in the file and out of it.
    pub count: u64,
    last: Option<(f64, u8)>,
    /// Whether all times are as far from the one before as the second from the first, to the nanosecond.
    regular: Option<(f64, bool)>,
    first_secs: f64,
    /// Start, end and label, seconds of the session.
    pub labels: Vec<(f64, f64, String)>,
}

/// All tracks of a recording.
pub(super) struct Tracks {
    pub tracks: Vec<Track>,
    codec: Codec,
    encoder: Encoder,
    labels: usize,
}

impl Tracks {
    /// # Errors
    /// When the compressor does not know the level.
    pub(super) fn new(tracks: usize, codec: Codec) -> Result<Self> {
        let tracks = (0..tracks).map(|_| Track::default()).collect();
        Ok(Self { tracks, codec, encoder: codec.encoder()?, labels: 0 })
    }

    /// Takes in what was read of a piece, in order; `first` is the first of all.
    ///
    /// # Errors
    /// When there are too many, or writing fails.
    pub(super) fn take(
        &mut self,
        pass: &Pass,
        piece: u64,
        first: bool,
        events: &[Vec<Event>],
        part: &mut Part,
    ) -> Result<()> {
        let start = secs_of(pass, piece).start;
        for (track, events) in self.tracks.iter_mut().zip(events) {
            for event in events {
                let state =
                    (event.duration_secs == 0.0).then_some(event.label.as_str()).and_then(|label| match label {
                        "0" => Some(0),
                        "1" => Some(1),
                        _ => None,
                    });
                match state {
                    Some(state) if track.labels.is_empty() => {
                        track.add_state(pass.clock.secs_of_axis(event.start_secs), state);
                        if track.times.len() == CHUNK_ROWS {
                            track.flush(&mut self.encoder, part)?;
                        }
                    }
                    // What began in an earlier piece was seen there.
                    _ if !first && event.start_secs < start => {}
                    _ => {
                        let at = |secs| pass.clock.secs_of_axis(secs);
                        let entry = (at(event.start_secs), at(event.end_secs()), event.label.clone());
                        if track.labels.last() == Some(&entry) {
                            continue;
                        }
                        self.labels += 1;
                        if self.labels > MAX_LABELS {
                            return Err(Error::invalid(format!("there are more than {MAX_LABELS} events"))
                                .with_remedy("export a shorter range"));
                        }
                        track.labels.push(entry);
                    }
                }
            }
        }
        Ok(())
    }

    /// What is left goes to the file, of tracks that have something in it already.
    ///
    /// # Errors
    /// When writing fails.
    pub(super) fn finish(&mut self, part: &mut Part) -> Result<()> {
        for track in &mut self.tracks {
            if !track.chunks[0].is_empty() && !track.times.is_empty() {
                track.flush(&mut self.encoder, part)?;
            }
        }
        Ok(())
    }

    /// Times and states of a track that is a digital line.
    pub(super) fn data(&self, track: usize) -> (Data, Data) {
        let track = &self.tracks[track];
        if track.chunks[0].is_empty() {
            let states = Data::Numbers { kind: SampleType::U8, dims: vec![track.count], bytes: track.states.clone() };
            return (Data::f64s(&track.times), states);
        }
        let chunked = |which: usize, kind: SampleType| {
            Data::Chunked(Chunked {
                kind,
                dims: vec![track.count],
                chunk: vec![CHUNK_ROWS as u64],
                filters: self.codec.filters(kind.size()),
                chunks: track.chunks[which].clone(),
            })
        };
        (chunked(0, SampleType::F64), chunked(1, SampleType::U8))
    }
}

impl Track {
    fn add_state(&mut self, secs: f64, state: u8) {
        match self.last {
            // Every question is answered with the state at its start, which is news for the first only.
            Some((at, before)) if before == state || secs <= at => return,
            None => self.first_secs = secs,
            Some((at, _)) => {
                let step = secs - at;
                self.regular = Some(match self.regular {
                    None => (step, true),
                    Some((first, regular)) => (first, regular && (step - first).abs() < 1e-9),
                });
            }
        }
        self.last = Some((secs, state));
        self.times.push(secs);
        self.states.push(state);
        self.count += 1;
    }

    fn flush(&mut self, encoder: &mut Encoder, part: &mut Part) -> Result<()> {
        let mut times: Vec<u8> = self.times.drain(..).flat_map(f64::to_le_bytes).collect();
        times.resize(CHUNK_ROWS * 8, 0);
        let mut states = std::mem::take(&mut self.states);
        states.resize(CHUNK_ROWS, 0);
        for (which, (raw, size)) in [(times, 8), (states, 1)].into_iter().enumerate() {
            let mut stored = Vec::new();
            let (len, skipped) = encoder.append(&raw, size, &mut stored)?;
            let at = part.append(&stored)?;
            let hash = twox_hash::XxHash3_64::oneshot(&raw);
            self.chunks[which].push(StoredChunk { at, len, skipped, hash });
        }
        Ok(())
    }

    /// Start and rate, if the states follow each other at one: NWB wants such a series without a list of times.
    pub(super) fn rate(&self) -> Option<(f64, f64)> {
        let (_, regular) = self.regular?;
        let last = self.last?.0;
        (regular && self.count > 2).then(|| (self.first_secs, (self.count - 1) as f64 / (last - self.first_secs)))
    }
}
