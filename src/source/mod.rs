//! Readers, one file a format. A reader describes a file as a [`Recording`] and reads *stored* values; scaling, time,
//! chunks, summaries and progress live once, above it.
//!
//! To add a format: one file here with a `pub(crate) const FORMAT: Format`, one `mod` line and one line in [`FORMATS`].
//! `memory.rs` is the worked example.

use std::io::Read as _;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::file::FlatLayout;
use crate::recording::{Block, Event, Recording};
use crate::task::Task;

pub mod detect;
mod flat_source;
mod memory;
mod npy;
mod npy_header;
mod npz;
pub(crate) mod options;
mod raw;
pub(crate) mod rec;

pub use flat_source::FlatSource;
pub use memory::MemorySource;
pub use npy_header::npy_header;
pub use options::{ChannelOrder, HardwareOrder, OpenOptions, WallClock};

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

    /// Where the samples lie in a mapped file, if they lie regularly: hot kernels then work in place.
    fn flat(&self, stream: usize) -> Option<&FlatLayout> {
        let _ = stream;
        None
    }

    /// Appends the events of `track` that touch `range` (seconds) to `out`, in order. Without events: nothing.
    ///
    /// # Errors
    /// When the file cannot be read.
    fn read_events(&self, track: usize, range: Range<f64>, out: &mut Vec<Event>) -> Result<()> {
        let _ = (track, range, out);
        Ok(())
    }

    /// The file on disk that holds the samples, for sidecars and titles; `None` if there is no (single) one.
    fn path(&self) -> Option<&Path> {
        self.flat(0).map(|flat| flat.map().path())
    }
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
        Error::new(ErrorKind::UnknownFormat).with_path(path).with_remedy(
            "if it holds plain numbers, say how: --format raw --dtype i16 --channel-count 64 --rate 30000 \
             (or use the raw-file dialog of the viewer)",
        )
    })
}

/// Opens the recording at `path`. Options that the user gave win over the `NAME.longwave.toml` beside the file, which
/// wins over what the file says.
///
/// # Errors
/// When the format is not known, or the file is broken: one error with path, byte offset and remedy.
pub fn open(path: &Path, options: &OpenOptions, task: &Task) -> Result<Arc<dyn Source>> {
    options.validate().map_err(|e| e.with_path(path))?;
    let options = options.clone().or(OpenOptions::beside(path)?);
    let format = probe(path, &options)?;
    (format.open)(path, &options, task).map_err(|e| e.with_path(path))
}
