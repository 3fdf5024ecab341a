//! Readers, one file a format. A reader describes a file as a [`Recording`] and reads *stored* values; scaling, time,
//! chunks, summaries and progress live once, above it.
//!
//! To add a format: one file here with a `pub(crate) const FORMAT: Format`, one `mod` line and one line in [`FORMATS`].
//! `memory.rs` is the worked example.
//!
//! A recording that is still being written is followed: a [`Watch`] notices what its files do, and [`again`] describes it as
//! it is now.
//!
//! A recording may also be several files: those of a session ([`session`], by their names) or a list in order, laid on
//! one time line by [`JoinedSource`], which is a [`Source`] like any other.

use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::file::FlatLayout;
use crate::recording::{Block, Event, Recording};
use crate::task::Task;

pub mod detect;
mod excerpt;
mod flat_source;
mod grow;
mod join;
mod memory;
mod npy;
mod npy_header;
mod npz;
pub(crate) mod options;
mod raw;
pub(crate) mod rec;
pub mod session;
mod watch;

pub use excerpt::Excerpt;
pub use flat_source::FlatSource;
pub use grow::{Again, again, anew};
pub use join::{JoinedSource, Part, PlacedBy};
pub use memory::MemorySource;
pub use npy_header::npy_header;
pub use options::{ChannelOrder, HardwareOrder, OpenOptions, WallClock};
pub use watch::{Event as FileEvent, Watch};

/// Every format, in the order that breaks ties between equally confident readers.
pub const FORMATS: &[&Format] = &[&npy::FORMAT, &npz::FORMAT, &rec::FORMAT, &raw::FORMAT];

/// An open recording.
pub trait Source: Send + Sync {
    /// What it is. Does not change while it is open.
    fn recording(&self) -> &Recording;

    /// Fills `out` with stored values of `channels` (indices) over `frames` of stream `stream`, in this machine's byte
    /// order, channel after channel.
    ///
    /// # Errors
    /// When the range is not in the stream ([`ErrorKind::Invalid`]) or the file has become shorter
    /// ([`ErrorKind::Truncated`]).
    fn read(&self, stream: usize, frames: Range<u64>, channels: &[usize], out: &mut Block) -> Result<()>;

    /// As [`Self::read`], for a picture that is marked as an estimate: what would have to be looked for far away in the
    /// file may be guessed.
    ///
    /// # Errors
    /// As [`Self::read`].
    fn read_estimate(&self, stream: usize, frames: Range<u64>, channels: &[usize], out: &mut Block) -> Result<()> {
        self.read(stream, frames, channels, out)
    }

    /// How many frames [`Self::read_estimate`] looks at around those that it is asked for: many short reads may cost more
    /// than one long one. `None`: what [`Self::read`] looks at may be far more.
    fn estimate_reach(&self, stream: usize) -> Option<u64> {
        let _ = stream;
        Some(0)
    }

    /// Does ahead what reading `channels` from `frame` on would have to look for far away in the file, with a task that
    /// can stop it: a pass calls it before its first read. Nothing, for most formats.
    ///
    /// # Errors
    /// As [`Self::read`]; [`ErrorKind::Cancelled`] if the task was stopped.
    fn prepare(&self, stream: usize, channels: &[usize], frame: u64, task: &Task) -> Result<()> {
        let _ = (stream, channels, frame, task);
        Ok(())
    }

    /// Whether [`Self::read`] from `frame` on answers promptly. If not, a picture shows [`Self::read_estimate`] first.
    fn is_prepared(&self, stream: usize, channels: &[usize], frame: u64) -> bool {
        let _ = (stream, channels, frame);
        true
    }

    /// Where the samples lie in a mapped file, if they lie regularly: hot kernels then work in place.
    fn flat(&self, stream: usize) -> Option<&FlatLayout> {
        let _ = stream;
        None
    }

    /// Where the samples of `stream` lie around `frame`, if they lie regularly there: as [`Self::flat`] for a recording of
    /// one file; for one of several files, the piece of the file that holds the frame. Cheap to ask once a chunk, not
    /// once a frame.
    fn flat_at(&self, stream: usize, frame: u64) -> Option<FlatPiece> {
        let flat = self.flat(stream)?;
        (frame < flat.frames()).then(|| FlatPiece { layout: flat.clone(), first_frame: 0 })
    }

    /// Appends the events of `track` that touch `range` (seconds) to `out`, in order. Without events: nothing.
    ///
    /// # Errors
    /// When the file cannot be read.
    fn read_events(&self, track: usize, range: Range<f64>, out: &mut Vec<Event>) -> Result<()> {
        let _ = (track, range, out);
        Ok(())
    }

    /// Appends the events of every track that touch `range` (seconds) to its list in `out`, each as
    /// [`Self::read_events`] would: for those who go through all of them, at the cost of going through the file once.
    ///
    /// # Errors
    /// When the file cannot be read.
    fn read_all_events(&self, range: Range<f64>, out: &mut [Vec<Event>]) -> Result<()> {
        for (track, out) in out.iter_mut().enumerate() {
            self.read_events(track, range.clone(), out)?;
        }
        Ok(())
    }

    /// The file on disk that holds the samples, for sidecars and titles; `None` if there is no (single) one.
    fn path(&self) -> Option<&Path> {
        self.flat(0).map(|flat| flat.map().path())
    }

    /// The files that a recording of several is made of, in order; empty for a recording of one.
    fn parts(&self) -> &[Part] {
        &[]
    }

    /// Every file that holds samples: what an export must never be written over.
    fn files(&self) -> Vec<PathBuf> {
        match self.parts() {
            [] => self.path().map(Path::to_path_buf).into_iter().collect(),
            parts => parts.iter().map(|part| part.path.clone()).collect(),
        }
    }

    /// The same recording as its files are now: `files` are those that it is made of, and perhaps further ones behind them.
    /// Cost: what was appended is looked at, not what was there before. `None`: it can only be opened again.
    ///
    /// # Errors
    /// As opening it.
    fn grown(&self, files: &[PathBuf], task: &Task) -> Result<Option<Arc<dyn Source>>> {
        let _ = (files, task);
        Ok(None)
    }

    /// Whether the files are still at least as long as they were when they were opened.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`] if one has become shorter.
    fn check_files(&self) -> Result<()> {
        if let Some(flat) = self.flat(0) {
            flat.map().bytes(0..flat.map().len())?;
        }
        Ok(())
    }
}

/// Frames of a stream that lie regularly in one file: frame `first_frame + i` of the stream is frame `i` of the layout.
#[derive(Clone, Debug)]
pub struct FlatPiece {
    pub layout: FlatLayout,
    pub first_frame: u64,
}

impl FlatPiece {
    /// The frames of the stream that lie in it.
    #[must_use]
    pub fn frames(&self) -> Range<u64> {
        self.first_frame..self.first_frame + self.layout.frames()
    }

    /// Whether all of `frames` of the stream, which are at least one, lie in it.
    #[must_use]
    pub fn holds(&self, frames: &Range<u64>) -> bool {
        let own = self.frames();
        own.start <= frames.start && frames.end <= own.end
    }

    /// The part of `frames` of the stream that lies in it, counted from its own first frame.
    #[must_use]
    pub fn local(&self, frames: &Range<u64>) -> Range<u64> {
        let own = self.frames();
        let start = frames.start.clamp(own.start, own.end);
        let end = frames.end.clamp(start, own.end);
        start - own.start..end - own.start
    }
}

/// Calls `act` for the pieces that hold `frames` of `stream`, in order, each with its own share of the frames. Stops at
/// the first frame that does not lie regularly.
///
/// # Errors
/// What `act` fails with.
pub fn for_flat_pieces(
    source: &dyn Source,
    stream: usize,
    frames: &Range<u64>,
    mut act: impl FnMut(&FlatPiece, Range<u64>) -> Result<()>,
) -> Result<()> {
    let mut at = frames.start;
    while at < frames.end
        && let Some(piece) = source.flat_at(stream, at)
    {
        act(&piece, piece.local(&(at..frames.end)))?;
        at = piece.frames().end.max(at + 1);
    }
    Ok(())
}

/// A bounded look at the start of a file.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    pub path: &'a Path,
    /// At most [`Head::LEN`] bytes.
    pub bytes: &'a [u8],
    pub file_len: u64,
}

impl Head<'_> {
    /// How far a probe can see.
    pub const LEN: usize = 64 << 10;

    /// Whether the file name ends in one of `extensions` (without dot, any case).
    #[must_use]
    pub fn has_extension(&self, extensions: &[&str]) -> bool {
        let extension = self.path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        extensions.iter().any(|e| e.eq_ignore_ascii_case(extension))
    }
}

/// How sure a probe is. The surest reader wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Confidence {
    No,
    /// The name says so.
    Extension,
    /// The bytes say so.
    Magic,
}

/// A row of the table of formats.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// Short, lower-case, used on the command line: `npy`.
    pub name: &'static str,
    /// For people: `NumPy array`.
    pub title: &'static str,
    /// Without dot, lower-case.
    pub extensions: &'static [&'static str],
    /// Looks at the head only; never fails.
    pub probe: fn(&Head<'_>) -> Confidence,
    /// Opens the file; the cost does not grow with its length.
    pub open: fn(&Path, &OpenOptions, &Task) -> Result<Arc<dyn Source>>,
}

/// The format called `name`.
///
/// # Errors
/// [`ErrorKind::Invalid`] with the list of names if there is none.
pub fn format_named(name: &str) -> Result<&'static Format> {
    FORMATS.iter().copied().find(|f| f.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
        let names: Vec<&str> = FORMATS.iter().map(|f| f.name).collect();
        Error::invalid(format!("there is no format '{name}'")).with_remedy(format!("use one of: {}", names.join(", ")))
    })
}

/// The format of the file at `path`: what `options` or the file's own description say, or the surest probe.
///
/// # Errors
/// [`ErrorKind::UnknownFormat`] if no reader recognises it; what the system says if it cannot be read.
pub fn probe(path: &Path, options: &OpenOptions) -> Result<&'static Format> {
    let io = |e| Error::io(path, e);
    let meta = std::fs::metadata(path).map_err(io)?;
    // Not read to see: the files of the system that have no length (/proc, /sys) may keep a reader waiting for ever.
    if meta.is_file() && meta.len() == 0 {
        return Err(Error::malformed(0, "the file is empty")
            .with_path(path)
            .with_remedy("the recording may not have been saved; choose another file"));
    }
    if let Some(name) = &options.format {
        return format_named(name);
    }
    if meta.is_dir() {
        return Err(Error::invalid("this is a folder, not a file")
            .with_path(path)
            .with_remedy("choose a recording file"));
    }
    if !meta.is_file() {
        return Err(Error::invalid("this is not a regular file")
            .with_path(path)
            .with_remedy("choose a recording file"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path).and_then(|f| f.take(Head::LEN as u64).read_to_end(&mut bytes)).map_err(io)?;
    let head = Head { path, bytes: &bytes, file_len: meta.len() };
    let mut best: (Confidence, Option<&'static Format>) = (Confidence::No, None);
    for format in FORMATS {
        let confidence = (format.probe)(&head);
        if confidence > best.0 {
            best = (confidence, Some(format));
        }
    }
    best.1.ok_or_else(|| {
        if bytes.trim_ascii_start().starts_with(b"{")
            && String::from_utf8_lossy(&bytes).contains("\"longwave_workspace\"")
        {
            return Error::unsupported("a workspace in the place of a recording")
                .with_path(path)
                .with_remedy("open it in the viewer, longwave FILE, or name the recording that it is of");
        }
        Error::new(ErrorKind::UnknownFormat).with_path(path).with_remedy(
            "if it holds plain numbers, say how: --format raw --dtype i16 --channel-count 64 --rate 30000 \
             (or use the raw-file dialog of the viewer)",
        )
    })
}

/// Opens the recording at `path`: a file, the folder of a session (if there is one in it), or a session of a folder by
/// its name, `FOLDER/SESSION` (see [`session`]). Options that the user gave win over the `NAME.longwave.toml` beside a
/// file, which wins over what the file says.
///
/// # Errors
/// When the format is not known, or the file is broken: one error with path, byte offset and remedy. For a folder of
/// several sessions, an error that lists them.
pub fn open(path: &Path, options: &OpenOptions, task: &Task) -> Result<Arc<dyn Source>> {
    match session::resolve(path)? {
        Some(session) => open_session(&session, options, task),
        None => open_file(path, options, task),
    }
}

/// Opens several files as one recording, in the order given; one path as [`open`] does. A path may be of a folder that
/// holds one session.
///
/// # Errors
/// As [`open`], and [`ErrorKind::Invalid`] naming the difference if the files do not belong together.
pub fn open_all(paths: &[PathBuf], options: &OpenOptions, task: &Task) -> Result<Arc<dyn Source>> {
    if let [path] = paths {
        return open(path, options, task);
    }
    let mut files = Vec::new();
    for path in paths {
        match session::resolve(path)? {
            Some(session) => files.extend(session.files),
            None => files.push(path.clone()),
        }
    }
    let mut seen = std::collections::HashSet::new();
    if let Some(twice) = files.iter().find(|file| !seen.insert(*file)) {
        return Err(Error::invalid("this file is named twice")
            .with_path(twice)
            .with_remedy("name every file once, in the order of time"));
    }
    open_session(&session::Session { name: session::name_of(&files), files }, options, task)
}

fn open_session(session: &session::Session, options: &OpenOptions, task: &Task) -> Result<Arc<dyn Source>> {
    match &session.files[..] {
        [] => Err(Error::invalid("no file is named").with_remedy("name at least one recording")),
        [file] => open_file(file, options, task),
        files => join::open(&session.name, files, options, task),
    }
}

/// Opens one file.
fn open_file(path: &Path, options: &OpenOptions, task: &Task) -> Result<Arc<dyn Source>> {
    options.validate().map_err(|e| e.with_path(path))?;
    let options = options.clone().or(OpenOptions::beside(path)?);
    let format = probe(path, &options)?;
    (format.open)(path, &options, task).map_err(|e| e.with_path(path))
}
