//! Several files as one recording on one time line.
//!
//! [`JoinedSource`] wraps sources and is one: frames are counted on from file to file, the clock is one [`TimeBase`] whose
//! gaps are those inside the files and those between them ([`timeline`]), events stand at their times on it ([`events`]).
//! Nobody above can tell where a file ends, except that in-place access ([`Source::flat_at`]) ends there.
//!
//! What a reader holds from packet to packet (the values of multiplexed sensors) begins anew in every file: each is a
//! recording of its own, whose packet 0 initialises all sensors, for the other readers of such files too.
//!
//! The files must describe the same streams ([`compare`]); their properties may differ, and those of the first are shown.
//!
//! **Cost**: opening opens every file once, on the task's threads. At most [`MAX_OPEN`] stay open, the ones last asked
//! for; another one is opened again when it is read, and must then be the file that it was. A read inside one file
//! costs what it costs there; one across a boundary is put together in pieces of [`SCRATCH_BYTES`].

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::{FlatPiece, OpenOptions, Source};
use crate::error::{Error, ErrorKind, Result};
use crate::recording::{Block, Event, EventTrack, Recording, Samples, TimeBase};
use crate::task::Task;

mod compare;
mod events;
mod found;
mod timeline;

use found::{Found, gathered};
pub use timeline::PlacedBy;

/// Files that are kept open: each is a memory map and a file handle, of which a process has 1024 by default.
const MAX_OPEN: usize = 256;
/// More files in one recording are taken for a mistake.
const MAX_PARTS: usize = 1 << 16;
/// A read across a boundary is put together from pieces of this size.
const SCRATCH_BYTES: usize = 1 << 20;
/// Files that opening looks at at once, at most.
const MAX_THREADS: usize = 8;

/// One file of a recording of several.
#[derive(Clone, PartialEq, Debug)]
pub struct Part {
    pub path: PathBuf,
    /// Its length and when it was last changed, as of opening.
    pub bytes: u64,
    pub modified: Option<SystemTime>,
    /// Frames of the default stream in it, the first of them, and its tick.
    pub frames: u64,
    pub first_frame: u64,
    pub first_tick: u64,
    /// One past the tick of its last frame; `first_tick` if it has none.
    pub end_tick: u64,
    /// What its own clock says of its first frame, nanoseconds since the Unix epoch.
    pub start_unix_ns: Option<i128>,
    pub placed_by: PlacedBy,
    /// A hash of the places of the samples in the file, for sidecars.
    pub layout: u64,
}

impl Part {
    /// Whether its file has the length and the time of change that it had when it was opened.
    fn is_as_it_was(&self) -> bool {
        let meta = std::fs::metadata(&self.path).ok();
        let now = meta.as_ref().map_or((0, None), |meta| (meta.len(), meta.modified().ok()));
        now == (self.bytes, self.modified)
    }
}

/// Several sources, one behind the other.
pub struct JoinedSource {
    recording: Recording,
    parts: Vec<Part>,
    /// For each stream: the first frame of each part, and one past the last frame of all.
    first_frames: Vec<Vec<u64>>,
    /// The rate of the clock that `parts` count ticks of.
    rate_hz: f64,
    options: OpenOptions,
    /// When the recording began, if the user has said so.
    start: Option<i128>,
    task: Task,
    open: Mutex<Open>,
    /// What was found out about each file, without its source: what joining them again takes.
    found: Vec<Found>,
}

/// The sources that are open now.
struct Open {
    sources: Vec<Option<Arc<dyn Source>>>,
    /// When each was asked for last.
    looks: Vec<u64>,
    clock: u64,
    number: usize,
}

/// Opens `files` as the recording `name`.
pub(super) fn open(name: &str, files: &[PathBuf], options: &OpenOptions, task: &Task) -> Result<Arc<dyn Source>> {
    if files.len() > MAX_PARTS {
        return Err(Error::invalid(format!("{} files are more than one recording can have", files.len()))
            .with_remedy(format!("open at most {MAX_PARTS} files together")));
    }
    // A start that the user gives is that of the first frame of all, not of every file.
    let each = OpenOptions { start: None, ..options.clone() };
    let open_one = |path: &Path| super::open_file(path, &each, task);
    let first = open_one(&files[0])?;
    let model = first.recording().clone();
    let look = |i: usize, source: Arc<dyn Source>| Found::of(&files[i], source, &model, i < MAX_OPEN);
    let mut found: Vec<Option<Result<Found>>> = (0..files.len()).map(|_| None).collect();
    found[0] = Some(look(0, first));
    let next = AtomicUsize::new(1);
    let results = Mutex::new(&mut found);
    let work = || {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            if i >= files.len() || task.is_cancelled() {
                return;
            }
            let result = open_one(&files[i]).and_then(|source| look(i, source));
            lock(&results)[i] = Some(result);
        }
    };
    std::thread::scope(|scope| {
        for i in 1..task.threads().min(files.len()).min(MAX_THREADS) {
            // Without a further thread this one does all of the work.
            drop(std::thread::Builder::new().name(format!("open-{i}")).spawn_scoped(scope, work));
        }
        work();
    });
    task.advance(0)?;
    let found = found.into_iter().map(|f| f.unwrap_or_else(|| Err(Error::cancelled()))).collect::<Result<_>>()?;
    let mut joined = JoinedSource::of(name.to_owned(), &model, found, each, task)?;
    joined.begin_at(options.start_unix_ns()?);
    Ok(Arc::new(joined))
}

impl JoinedSource {
    /// Joins sources that are open already, in order: recordings in memory, say. They are kept.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] naming the difference if they do not describe the same streams, or if there is none.
    pub fn new(name: impl Into<String>, sources: Vec<Arc<dyn Source>>) -> Result<Self> {
        let Some(first) = sources.first() else { return Err(Error::invalid("there is nothing to join")) };
        let model = first.recording().clone();
        let paths: Vec<PathBuf> = sources
            .iter()
            .map(|source| source.path().map_or_else(|| PathBuf::from(&source.recording().name), Path::to_path_buf))
            .collect();
        let found = sources.into_iter().zip(&paths).map(|(source, path)| Found::of(path, source, &model, true));
        Self::of(name.into(), &model, found.collect::<Result<_>>()?, OpenOptions::default(), &Task::unattended())
    }

    fn of(name: String, model: &Recording, mut found: Vec<Found>, options: OpenOptions, task: &Task) -> Result<Self> {
        if let Some((other, difference)) = found.iter().find_map(|f| Some((f, f.difference.as_deref()?))) {
            let first = &found[0].path;
            return Err(Error::invalid(format!("this is not of one recording with {}: {difference}", first.display()))
                .with_path(&other.path)
                .with_remedy("open only files together that were recorded with the same settings"));
        }
        let mut warnings = gathered(&found);
        let main = model.default_stream();
        let main_clock = model.streams.get(main).map_or_else(TimeBase::frames_only, |s| s.time.clone());
        let known: Vec<timeline::Known> = found
            .iter()
            .map(|f| timeline::Known {
                name: f.name(),
                end_tick: f.clocks.get(main).map_or(0, |(time, frames)| time.end_tick(*frames)),
                counters: f.counters,
                start_unix_ns: f.clocks.get(main).and_then(|(time, _)| time.start_unix_ns()),
            })
            .collect();
        let clocks: Vec<_> = found.iter().filter_map(|f| f.clocks.get(main)).collect();
        let placed = timeline::place(&known, &main_clock, timeline::wall_rate_hz(&clocks), &mut warnings);
        let mut recording = Recording { name, warnings, ..model.clone() };
        let mut first_frames = Vec::with_capacity(recording.streams.len());
        let mut known_times: Vec<TimeBase> = Vec::new();
        for (i, stream) in recording.streams.iter_mut().enumerate() {
            let mut firsts = vec![0_u64];
            let mut end_tick = 0;
            let mut clocks = Vec::with_capacity(found.len());
            for (f, &(tick, _)) in found.iter().zip(&placed) {
                let (time, frames) = &f.clocks[i];
                // Streams of other rates begin at the same time, as nearly as their ticks allow.
                let same = time.rate_hz() == main_clock.rate_hz();
                let tick = if same { tick } else { time.tick_of_secs(main_clock.secs_of_tick(tick)) }.max(end_tick);
                end_tick = tick.saturating_add(time.end_tick(*frames));
                clocks.push((time, *frames, tick));
                let last = firsts[firsts.len() - 1];
                firsts.push(last.checked_add(*frames).ok_or_else(|| Error::invalid("the files are too long"))?);
            }
            stream.frames = firsts[firsts.len() - 1];
            let time = timeline::join_clocks(&clocks)?;
            // Streams with one clock share it: its list of gaps may be long.
            stream.time = match known_times.iter().find(|known| **known == time) {
                Some(known) => known.clone(),
                None => time,
            };
            if known_times.last() != Some(&stream.time) {
                known_times.push(stream.time.clone());
            }
            first_frames.push(firsts);
        }
        for (i, track) in recording.events.iter_mut().enumerate() {
            let EventTrack { events, .. } = track;
            *events = found.iter().map(|f| f.events[i]).sum();
        }
        let parts = found
            .iter()
            .zip(known.iter().zip(&placed))
            .enumerate()
            .map(|(i, (f, (known, &(first_tick, placed_by))))| {
                let firsts = first_frames.get(main).map_or((0, 0), |firsts| (firsts[i], firsts[i + 1]));
                Part {
                    path: f.path.clone(),
                    bytes: f.bytes,
                    modified: f.modified,
                    frames: firsts.1 - firsts.0,
                    first_frame: firsts.0,
                    first_tick,
                    end_tick: first_tick.saturating_add(known.end_tick),
                    start_unix_ns: known.start_unix_ns,
                    placed_by,
                    layout: f.layout,
                }
            })
            .collect();
        let sources: Vec<Option<Arc<dyn Source>>> = found.iter_mut().map(|f| f.source.take()).collect();
        let number = sources.iter().flatten().count();
        let open = Open { looks: vec![0; sources.len()], sources, clock: 0, number };
        Ok(Self {
            recording,
            parts,
            first_frames,
            rate_hz: main_clock.rate_hz(),
            options,
            start: None,
            task: task.clone(),
            open: Mutex::new(open),
            found,
        })
    }

    /// Takes in when the recording began, if the user has said so.
    fn begin_at(&mut self, start: Option<i128>) {
        self.start = start;
        if let Some(start) = start {
            for stream in &mut self.recording.streams {
                stream.time = stream.time.clone().starting_at(start);
            }
        }
    }

    /// The source of part `i`, opened again if need be.
    fn part(&self, i: usize) -> Result<Arc<dyn Source>> {
        let mut open = lock(&self.open);
        open.clock += 1;
        open.looks[i] = open.clock;
        if let Some(source) = &open.sources[i] {
            return Ok(Arc::clone(source));
        }
        let source = self.open_again(i)?;
        if open.number >= MAX_OPEN {
            let there = (0..open.sources.len()).filter(|&j| open.sources[j].is_some());
            if let Some(oldest) = there.min_by_key(|&j| open.looks[j]) {
                open.sources[oldest] = None;
                open.number -= 1;
            }
        }
        open.sources[i] = Some(Arc::clone(&source));
        open.number += 1;
        Ok(source)
    }

    fn open_again(&self, i: usize) -> Result<Arc<dyn Source>> {
        let part = &self.parts[i];
        let changed = || {
            Error::invalid("the file was changed while the recording was open")
                .with_path(&part.path)
                .with_remedy("open the recording again")
        };
        let meta = std::fs::metadata(&part.path).map_err(|e| Error::io(&part.path, e))?;
        // The last one may be still being written.
        let grows = i + 1 == self.parts.len() && meta.len() > part.bytes;
        if !grows && (meta.len() != part.bytes || meta.modified().ok() != part.modified) {
            return Err(changed());
        }
        let source = super::open_file(&part.path, &self.options, &self.task)?;
        let streams = &source.recording().streams;
        let same = streams.len() == self.first_frames.len()
            && streams.iter().zip(&self.first_frames).all(|(s, firsts)| {
                let frames = firsts[i + 1] - firsts[i];
                s.frames == frames || (grows && s.frames > frames)
            });
        if same { Ok(source) } else { Err(changed()) }
    }

    /// The part that holds `frame`, which is less than the number of frames.
    fn part_of(&self, stream: usize, frame: u64) -> usize {
        // Of parts without frames, which begin where the next one does, the last is taken: the one that has some.
        self.first_frames[stream].partition_point(|&first| first <= frame) - 1
    }

    /// The part that holds `frame`, and which of its frames that is; `None` behind the last.
    fn place(&self, stream: usize, frame: u64) -> Option<(usize, u64)> {
        let firsts = self.first_frames.get(stream)?;
        (frame < *firsts.last()?).then(|| {
            let part = self.part_of(stream, frame);
            (part, frame - firsts[part])
        })
    }

    fn check(&self, stream: usize, frames: &Range<u64>, channels: &[usize]) -> Result<()> {
        let s =
            self.recording.streams.get(stream).ok_or_else(|| Error::invalid(format!("there is no stream {stream}")))?;
        if frames.start > frames.end || frames.end > s.frames {
            return Err(Error::invalid(format!(
                "frames {} to {} are not in the stream, which has {}",
                frames.start, frames.end, s.frames
            )));
        }
        match channels.iter().find(|&&c| c >= s.channels.len()) {
            Some(c) => Err(Error::invalid(format!("there is no channel {c}"))),
            None => Ok(()),
        }
    }
}

/// Copies channel after channel of `from` into `to`, behind its first `at` frames.
fn copy_frames(from: &Block, to: &mut Block, at: usize) -> Result<()> {
    let (n, frames) = (from.frames(), to.frames());
    macro_rules! copy { ($($variant:ident)*) => {
        match (from.samples(), to.samples_mut()) {
            $((Samples::$variant(from), Samples::$variant(to)) if n > 0 => {
                for (from, to) in from.chunks_exact(n).zip(to.chunks_exact_mut(frames)) {
                    to[at..at + n].copy_from_slice(from);
                }
            })*
            _ if n == 0 => {}
            _ => return Err(Error::invalid("the files do not hold samples of one type")),
        }
    } }
    copy!(I8 U8 I16 U16 I32 U32 I64 U64 F16 F32 F64);
    Ok(())
}

impl Source for JoinedSource {
    fn recording(&self) -> &Recording {
        &self.recording
    }

    fn read(&self, stream: usize, frames: Range<u64>, channels: &[usize], out: &mut Block) -> Result<()> {
        self.read_parts(stream, frames, channels, out, |source, frames, out| source.read(stream, frames, channels, out))
    }

    fn read_estimate(&self, stream: usize, frames: Range<u64>, channels: &[usize], out: &mut Block) -> Result<()> {
        self.read_parts(stream, frames, channels, out, |source, frames, out| {
            source.read_estimate(stream, frames, channels, out)
        })
    }

    fn prepare(&self, stream: usize, channels: &[usize], frame: u64, task: &Task) -> Result<()> {
        match self.place(stream, frame) {
            Some((part, frame)) => self.part(part)?.prepare(stream, channels, frame, task),
            None => Ok(()),
        }
    }

    fn is_prepared(&self, stream: usize, channels: &[usize], frame: u64) -> bool {
        // A file that cannot be opened again is told about by `read`.
        let part = self.place(stream, frame).and_then(|(part, frame)| Some((self.part(part).ok()?, frame)));
        part.is_none_or(|(part, frame)| part.is_prepared(stream, channels, frame))
    }

    fn flat_at(&self, stream: usize, frame: u64) -> Option<FlatPiece> {
        let (part, local) = self.place(stream, frame)?;
        // A file that cannot be opened again is told about by `read`.
        let piece = self.part(part).ok()?.flat_at(stream, local)?;
        Some(FlatPiece { first_frame: piece.first_frame + frame - local, layout: piece.layout })
    }

    fn read_all_events(&self, range: Range<f64>, out: &mut [Vec<Event>]) -> Result<()> {
        self.append_all_events(&range, out)
    }

    fn read_events(&self, track: usize, range: Range<f64>, out: &mut Vec<Event>) -> Result<()> {
        self.append_events(track, &range, out)
    }

    fn path(&self) -> Option<&Path> {
        None
    }

    fn parts(&self) -> &[Part] {
        &self.parts
    }

    fn grown(&self, files: &[PathBuf], task: &Task) -> Result<Option<Arc<dyn Source>>> {
        let n = self.parts.len();
        if files.len() < n || !files.iter().zip(&self.parts).all(|(file, part)| *file == part.path) {
            return Ok(None);
        }
        // Only the last file of a recording goes on. What has become of another one shows in opening all of them again.
        if self.parts[..n - 1].iter().any(|part| !part.is_as_it_was()) {
            return Ok(None);
        }
        let mut found = self.found.clone();
        for (found, source) in found.iter_mut().zip(&lock(&self.open).sources) {
            found.source.clone_from(source);
        }
        let open_one = |path: &Path| super::open_file(path, &self.options, task);
        let mut model = Recording { warnings: Vec::new(), ..self.recording.clone() };
        for (stream, (time, frames)) in model.streams.iter_mut().zip(&found[0].clocks) {
            (stream.time, stream.frames) = (time.clone(), *frames);
        }
        let last = &self.parts[n - 1].path;
        let known = lock(&self.open).sources[n - 1].clone();
        let again = match known.map(|source| source.grown(std::slice::from_ref(last), task)).transpose()?.flatten() {
            Some(source) => source,
            None => open_one(last)?,
        };
        found[n - 1] = Found::of(last, again, &model, true)?;
        for file in &files[n..] {
            found.push(Found::of(file, open_one(file)?, &model, true)?);
        }
        let name = self.recording.name.clone();
        let mut joined = Self::of(name, &model, found, self.options.clone(), task)?;
        joined.begin_at(self.start);
        Ok(Some(Arc::new(joined)))
    }

    fn check_files(&self) -> Result<()> {
        for (i, part) in self.parts.iter().enumerate() {
            let open = lock(&self.open).sources[i].clone();
            match open {
                Some(source) => source.check_files()?,
                None => {
                    let len = std::fs::metadata(&part.path).map_err(|e| Error::io(&part.path, e))?.len();
                    if len < part.bytes {
                        let kind = ErrorKind::Truncated { at: len, needed: part.bytes - len, len };
                        return Err(Error::new(kind)
                            .with_path(&part.path)
                            .with_remedy("the file was shortened while it was open: open it again"));
                    }
                }
            }
        }
        Ok(())
    }
}

impl JoinedSource {
    /// Reads frames of one part straight into `out`, others piece by piece.
    fn read_parts(
        &self,
        stream: usize,
        frames: Range<u64>,
        channels: &[usize],
        out: &mut Block,
        read: impl Fn(&dyn Source, Range<u64>, &mut Block) -> Result<()>,
    ) -> Result<()> {
        self.check(stream, &frames, channels)?;
        let sample_type = self.recording.streams[stream].format.sample_type;
        if frames.is_empty() {
            out.reset(sample_type, channels.len(), 0);
            return Ok(());
        }
        let firsts = &self.first_frames[stream];
        let mut part = self.part_of(stream, frames.start);
        let first = firsts[part];
        if frames.end <= firsts[part + 1] {
            return read(self.part(part)?.as_ref(), frames.start - first..frames.end - first, out);
        }
        out.reset(sample_type, channels.len(), (frames.end - frames.start) as usize);
        let piece = (SCRATCH_BYTES / (channels.len() * sample_type.size()).max(1)).max(1) as u64;
        let mut scratch = Block::default();
        let mut at = frames.start;
        while at < frames.end {
            part = self.part_of(stream, at);
            let first = firsts[part];
            let end = firsts[part + 1].min(frames.end);
            let source = self.part(part)?;
            while at < end {
                let until = end.min(at + piece);
                read(source.as_ref(), at - first..until - first, &mut scratch)?;
                copy_frames(&scratch, out, (at - frames.start) as usize)?;
                at = until;
            }
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
