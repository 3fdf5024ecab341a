//! One filter over a recording, as a recording: what is read of the one below for what is wanted of this one.

use std::ops::Range;
use std::sync::Arc;

use super::chain::Step;
use super::reference::Reference;
use super::relay::Relay;
use super::stretch::{Stretch, describe};
use super::{Built, DIRECT_REACH, Kernel, LANES, MAX_REACH, Piece, READ_BYTES, Reach, SLICE_FRAMES, Work};
use crate::error::{Error, Result};
use crate::file::FlatLayout;
use crate::recording::{Block, Event, Recording, Sample, SampleType, Samples, Scale, Stream, Warning};
use crate::source::{FlatPiece, Source, for_flat_pieces};
use crate::task::Task;
use crate::with_samples;

/// What an estimate reads around what it shows, at most.
const ESTIMATE_REACH: u64 = 2048;
/// Mapped pages are handed back behind reads of more bytes than this.
const RELEASED_BYTES: u64 = 1 << 20;

/// A recording with one of its streams filtered.
pub(super) struct Stage {
    pub(super) inner: Arc<dyn Source>,
    pub(super) stream: usize,
    recording: Recording,
    work: Work,
    every: u64,
    /// Stored values of the recording below → what the filter works on.
    pub(super) scales: Vec<Scale>,
    stretches: Vec<Stretch>,
    relay: Option<Relay>,
}

impl Stage {
    /// Stream `stream` of `inner` through `step`, as samples of type `output`.
    pub(super) fn new(inner: Arc<dyn Source>, stream: usize, step: &Step, output: SampleType) -> Result<Self> {
        let mut recording = inner.recording().clone();
        let Some(target) = recording.streams.get_mut(stream) else {
            return Err(Error::invalid(format!("there is no stream {stream}")));
        };
        if target.format.sample_type == SampleType::Bool {
            return Err(Error::invalid(format!("'{}' holds digital lines, which are not filtered", target.name)));
        }
        if ![SampleType::F32, SampleType::F64].contains(&output) {
            return Err(Error::invalid("filters give f32 or f64"));
        }
        // With fewer frames it might no longer be the largest.
        recording.main_stream = Some(inner.recording().default_stream());
        let built = step.build(target)?;
        let scales = target.channels.iter().enumerate().map(|(c, channel)| {
            let factor = built.factors.as_ref().map_or(1.0, |f| f[c]);
            Scale { gain: channel.scale.gain * factor, offset: channel.scale.offset * factor }
        });
        let scales = scales.collect();
        let longest = target.time.contiguous(0..target.frames).map(|s| s.end - s.start).max().unwrap_or(0);
        let relay = match &built.work {
            Work::Lanes(kernel) => {
                let settling = kernel.reach().before.min(longest);
                if settling > MAX_REACH {
                    let long = |frames: u64| crate::text::duration(frames as f64 / target.time.rate_hz());
                    let reach = kernel.reach().before;
                    return Err(Error::invalid(format!(
                        "{step} cannot be settled: it forgets what was before only after {} frames ({}), and at most \
                         {} ({}) are looked at",
                        crate::units::count(reach),
                        long(reach),
                        crate::units::count(MAX_REACH),
                        long(MAX_REACH)
                    ))
                    .with_remedy("decimate first, raise the lowest cut-off, or lower the order or q"));
                }
                kernel.recursive().filter(|_| settling > DIRECT_REACH).map(|iir| Relay::new(iir.clone()))
            }
            Work::Across(_) => None,
        };
        let stretches = describe(target, &built, output);
        recording.warnings.extend(built.warnings.into_iter().map(Warning::new));
        recording.properties.push(("filter".to_owned(), step.to_string()));
        // What is made of it says so in its title.
        recording.name = format!("{} · {step}", recording.name);
        let Built { work, every, .. } = built;
        Ok(Self { inner, stream, recording, work, every, scales, stretches, relay })
    }

    /// Where the recording below is read first for what begins at `frame`, and of which channels.
    ///
    /// # Errors
    /// When there is no such channel.
    fn first_below(&self, frame: u64, channels: &[usize]) -> Result<(u64, Vec<usize>)> {
        let all = self.below().channels.len();
        if let Some(c) = channels.iter().find(|&&c| c >= all) {
            return Err(Error::invalid(format!("there is no channel {c}")));
        }
        let (reach, channels) = match &self.work {
            Work::Lanes(kernel) => (kernel.reach(), channels.to_vec()),
            Work::Across(reference) => (Reach::default(), reference.needed(channels)),
        };
        let index = self.stretches.partition_point(|s| s.first <= frame).saturating_sub(1);
        let Some(stretch) = self.stretches.get(index) else { return Ok((0, channels)) };
        let at = stretch.first_kept.saturating_add(frame.saturating_sub(stretch.first).saturating_mul(self.every));
        let at = at.min(stretch.below.end).saturating_sub(reach.before).max(stretch.below.start);
        Ok((at, channels))
    }

    fn below(&self) -> &Stream {
        &self.inner.recording().streams[self.stream]
    }

    /// Reads part of the recording below, and hands its pages back behind a long read: the engine, which does that for
    /// recordings in a file, does not know that this one is.
    pub(super) fn read_below(
        &self,
        frames: Range<u64>,
        channels: &[usize],
        block: &mut Block,
        guess: bool,
    ) -> Result<()> {
        if guess {
            return self.inner.read_estimate(self.stream, frames, channels, block);
        }
        self.inner.read(self.stream, frames.clone(), channels, block)?;
        let stream = self.below();
        let bytes = (frames.end - frames.start) * (stream.channels.len() * stream.format.size()) as u64;
        if bytes < RELEASED_BYTES {
            return Ok(());
        }
        for_flat_pieces(self.inner.as_ref(), self.stream, &frames, |piece, frames| {
            piece.layout.release(frames);
            Ok(())
        })
    }

    fn read_as(&self, frames: Range<u64>, channels: &[usize], out: &mut Block, guess: bool) -> Result<()> {
        let stream = &self.recording.streams[self.stream];
        if frames.start > frames.end || frames.end > stream.frames {
            let Range { start, end } = frames;
            let all = stream.frames;
            return Err(Error::invalid(format!("frames {start} to {end} are not in the stream, which has {all}")));
        }
        if let Some(&c) = channels.iter().find(|&&c| c >= stream.channels.len()) {
            return Err(Error::invalid(format!("there is no channel {c}")));
        }
        out.reset(stream.format.sample_type, channels.len(), (frames.end - frames.start) as usize);
        let mut at = frames.start;
        while at < frames.end && !channels.is_empty() {
            let index = self.stretches.partition_point(|s| s.first <= at) - 1;
            let stretch = &self.stretches[index];
            let behind = self.stretches.get(index + 1).map_or(u64::MAX, |s| s.first);
            let slice = (SLICE_FRAMES / self.every).max(1);
            let end = frames.end.min(behind).min((at / slice + 1) * slice);
            let below = |frame: u64| stretch.first_kept + (frame - stretch.first) * self.every;
            let core = below(at)..below(end - 1) + 1;
            let place = Place { stretch: stretch.below.clone(), core, at: (at - frames.start) as usize };
            match &self.work {
                Work::Lanes(kernel) => self.lanes(kernel.as_ref(), &place, channels, out, guess)?,
                Work::Across(reference) => self.across(reference, &place, channels, out, guess)?,
            }
            at = end;
        }
        Ok(())
    }

    /// Fills the place of `out` by a filter that treats channels alike.
    fn lanes(
        &self,
        kernel: &dyn Kernel,
        place: &Place,
        channels: &[usize],
        out: &mut Block,
        guess: bool,
    ) -> Result<()> {
        let reach = kernel.reach();
        let relay = self.relay.as_ref().filter(|_| !guess);
        let read = match relay {
            Some(_) => place.core.clone(),
            None => place.read(if guess { reach.at_most(ESTIMATE_REACH) } else { reach }),
        };
        let frame_bytes = (read.end - read.start) * self.below().format.size() as u64;
        let together = ((READ_BYTES / frame_bytes.max(1)) as usize).max(LANES) / LANES * LANES;
        let mut block = Block::default();
        let mut data = Vec::new();
        for (b, batch) in channels.chunks(together).enumerate() {
            if relay.is_none() {
                self.read_below(read.clone(), batch, &mut block, guess)?;
            }
            for (g, group) in batch.chunks(LANES).enumerate() {
                let first = b * together + g * LANES;
                let bad = match relay {
                    Some(relay) => relay.run(self, &place.stretch, &place.core, group, &mut data)?,
                    None => {
                        let bad = self.gather(&block, g * LANES, group, &mut data);
                        let (starts, ends) = place.edges(&read);
                        kernel.run(Piece { data: &mut data, lanes: LANES, starts, ends });
                        bad
                    }
                };
                let skipped = if relay.is_some() { 0 } else { (place.core.start - read.start) as usize };
                for lane in (0..group.len()).filter(|lane| !bad[*lane]) {
                    let samples = data[skipped * LANES + lane..].iter().step_by(LANES * self.every as usize);
                    put(out, first + lane, place, samples.take(place.kept(self.every)).copied());
                }
                for lane in (0..group.len()).filter(|lane| bad[*lane]) {
                    self.broken(kernel, place, group[lane], first + lane, out, guess)?;
                }
            }
        }
        Ok(())
    }

    /// As [`Self::lanes`], for one channel with samples that are not numbers: each run of numbers is a stretch of its own.
    fn broken(
        &self,
        kernel: &dyn Kernel,
        place: &Place,
        channel: usize,
        into: usize,
        out: &mut Block,
        guess: bool,
    ) -> Result<()> {
        let reach = kernel.reach();
        let read = place.read(if guess { reach.at_most(ESTIMATE_REACH) } else { reach });
        let mut block = Block::default();
        self.read_below(read.clone(), &[channel], &mut block, guess)?;
        let mut data = Vec::new();
        block.channel_f64(0, self.scales[channel], &mut data);
        drop(block);
        let (starts, ends) = place.edges(&read);
        let n = data.len();
        let mut from = 0;
        while from < n {
            let is_number = data[from].is_finite();
            let run = data[from..].iter().take_while(|x| x.is_finite() == is_number).count();
            let piece = &mut data[from..from + run];
            if is_number {
                let (starts, ends) = (starts || from > 0, ends || from + run < n);
                kernel.run(Piece { data: piece, lanes: 1, starts, ends });
            } else {
                piece.fill(f64::NAN);
            }
            from += run;
        }
        let samples = data[(place.core.start - read.start) as usize..].iter().step_by(self.every as usize);
        put(out, into, place, samples.take(place.kept(self.every)).copied());
        Ok(())
    }

    /// Channels `first..` of `block` side by side in physical values; says which hold samples that are not numbers, in
    /// whose place zeros stand then.
    pub(super) fn gather(&self, block: &Block, first: usize, group: &[usize], data: &mut Vec<f64>) -> [bool; LANES] {
        const TILE: usize = 256;
        let frames = block.frames();
        // Every lane that is used is written; the others must be numbers.
        data.resize(frames * LANES, 0.0);
        if group.len() < LANES {
            data.fill(0.0);
        }
        let mut bad = [false; LANES];
        with_samples!(block.samples(), v => {
            for (t, tile) in data.chunks_mut(TILE * LANES).enumerate() {
                for (lane, &channel) in group.iter().enumerate() {
                    let scale = self.scales[channel];
                    let from = (first + lane) * frames + t * TILE;
                    let mut sum = 0.0;
                    for (row, &x) in tile.chunks_exact_mut(LANES).zip(&v[from..]) {
                        let x = scale.apply(Sample::to_f64(x));
                        row[lane] = x;
                        // Zero, unless some x is infinite or not a number.
                        sum += x * 0.0;
                    }
                    bad[lane] |= sum != 0.0 || f64::is_nan(sum);
                }
            }
        });
        for lane in (0..group.len()).filter(|lane| bad[*lane]) {
            data[lane..].iter_mut().step_by(LANES).for_each(|x| *x = 0.0);
        }
        bad
    }

    /// Fills the place of `out` by a filter that mixes channels.
    fn across(
        &self,
        reference: &Reference,
        place: &Place,
        channels: &[usize],
        out: &mut Block,
        guess: bool,
    ) -> Result<()> {
        let needed = reference.needed(channels);
        let most = (READ_BYTES / (8 * needed.len().max(1) as u64)).max(64);
        let mut block = Block::default();
        let (mut samples, mut column, mut result) = (Vec::new(), Vec::new(), Vec::new());
        let mut at = place.core.start;
        while at < place.core.end {
            let end = place.core.end.min(at + most);
            self.read_below(at..end, &needed, &mut block, guess)?;
            let frames = block.frames();
            samples.clear();
            for (i, &c) in needed.iter().enumerate() {
                block.channel_f64(i, self.scales[c], &mut column);
                samples.extend(column.iter().map(|&x| if x.is_finite() { x } else { f64::NAN }));
            }
            result.resize(frames * channels.len(), 0.0);
            reference.run(&samples, &needed, frames, channels, &mut result);
            for (i, values) in result.chunks_exact(frames).enumerate() {
                let part = Place { at: place.at + (at - place.core.start) as usize, core: at..end, ..place.clone() };
                put(out, i, &part, values.iter().copied());
            }
            at = end;
        }
        Ok(())
    }
}

/// A part of the result that lies in one stretch.
#[derive(Clone)]
struct Place {
    /// The stretch, and what of it lies between the first and the last wanted frame, as frames below.
    stretch: Range<u64>,
    core: Range<u64>,
    /// Where in the block its first frame goes.
    at: usize,
}

impl Place {
    fn read(&self, reach: Reach) -> Range<u64> {
        let start = self.core.start.saturating_sub(reach.before).max(self.stretch.start);
        start..self.core.end.saturating_add(reach.after).min(self.stretch.end)
    }

    fn edges(&self, read: &Range<u64>) -> (bool, bool) {
        (read.start == self.stretch.start, read.end == self.stretch.end)
    }

    fn kept(&self, every: u64) -> usize {
        (self.core.end - self.core.start).div_ceil(every) as usize
    }
}

impl Reach {
    fn at_most(self, frames: u64) -> Self {
        Self { before: self.before.min(frames), after: self.after.min(frames) }
    }
}

/// Writes `values` to channel `channel` of `out`, from the place's frame on.
fn put(out: &mut Block, channel: usize, place: &Place, values: impl Iterator<Item = f64>) {
    let from = channel * out.frames() + place.at;
    match out.samples_mut() {
        Samples::F32(v) => v[from..].iter_mut().zip(values).for_each(|(to, x)| *to = x as f32),
        Samples::F64(v) => v[from..].iter_mut().zip(values).for_each(|(to, x)| *to = x),
        // `Stage::new` takes no other type.
        _ => {}
    }
}

impl Source for Stage {
    fn recording(&self) -> &Recording {
        &self.recording
    }

    fn read(&self, stream: usize, frames: Range<u64>, channels: &[usize], out: &mut Block) -> Result<()> {
        if stream == self.stream {
            self.read_as(frames, channels, out, false)
        } else {
            self.inner.read(stream, frames, channels, out)
        }
    }

    fn read_estimate(&self, stream: usize, frames: Range<u64>, channels: &[usize], out: &mut Block) -> Result<()> {
        if stream == self.stream {
            self.read_as(frames, channels, out, true)
        } else {
            self.inner.read_estimate(stream, frames, channels, out)
        }
    }

    fn estimate_reach(&self, stream: usize) -> Option<u64> {
        let below = self.inner.estimate_reach(stream)?;
        if stream != self.stream {
            return Some(below);
        }
        if self.relay.is_some() {
            return None;
        }
        let own = match &self.work {
            Work::Lanes(kernel) => kernel.reach().at_most(ESTIMATE_REACH),
            Work::Across(_) => Reach::default(),
        };
        Some((own.before + own.after + below) / self.every.max(1))
    }

    fn prepare(&self, stream: usize, channels: &[usize], frame: u64, task: &Task) -> Result<()> {
        if stream != self.stream {
            return self.inner.prepare(stream, channels, frame, task);
        }
        let (frame, channels) = self.first_below(frame, channels)?;
        self.inner.prepare(stream, &channels, frame, task)
    }

    fn is_prepared(&self, stream: usize, channels: &[usize], frame: u64) -> bool {
        if stream != self.stream {
            return self.inner.is_prepared(stream, channels, frame);
        }
        // A channel that is not there is told about by `read`.
        let first = self.first_below(frame, channels);
        first.is_ok_and(|(frame, channels)| self.inner.is_prepared(stream, &channels, frame))
    }

    fn flat(&self, stream: usize) -> Option<&FlatLayout> {
        if stream == self.stream { None } else { self.inner.flat(stream) }
    }

    fn flat_at(&self, stream: usize, frame: u64) -> Option<FlatPiece> {
        if stream == self.stream { None } else { self.inner.flat_at(stream, frame) }
    }

    fn read_events(&self, track: usize, range: Range<f64>, out: &mut Vec<Event>) -> Result<()> {
        self.inner.read_events(track, range, out)
    }

    fn read_all_events(&self, range: Range<f64>, out: &mut [Vec<Event>]) -> Result<()> {
        self.inner.read_all_events(range, out)
    }

    /// None: what is kept beside the file belongs to its own samples, not to these.
    fn path(&self) -> Option<&std::path::Path> {
        None
    }

    fn files(&self) -> Vec<std::path::PathBuf> {
        self.inner.files()
    }

    fn check_files(&self) -> Result<()> {
        self.inner.check_files()
    }
}
