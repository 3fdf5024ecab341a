//! The one error of the library: what went wrong, in which file, at which byte, and what to do next.
//!
//! Libraries return errors; only the shells (`cli`, `gui`) print them.
//! Messages are lower-case, without a final period, with the path in front of them and the remedy behind:
//! `day.rec: truncated header, at byte 512; the file may still be copying: try again when it is complete`.

use std::fmt;
use std::path::{Path, PathBuf};

/// The result of everything that can fail in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, where, and what to do about it.
///
/// One pointer wide, so that `Result<()>` stays cheap in hot loops.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    path: Option<PathBuf>,
    remedy: Option<String>,
}

/// The kinds of failure; `at` is always a byte offset in the file.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system refused.
    Io(std::io::Error),
    /// The bytes at `at` are not what the format prescribes.
    Malformed { at: u64, what: String },
    /// The file is well-formed but uses something that this version does not read.
    Unsupported(String),
    /// No reader recognises the file.
    UnknownFormat,
    /// A number read from the file is over what any sensible file holds; nothing was allocated.
    Limit { at: u64, what: String },
    /// The file has fewer bytes than were asked for (cut short, or shrunk while open).
    Truncated { at: u64, needed: u64, len: u64 },
    /// The memory budget does not allow the allocation; it was not made.
    OutOfBudget { need: u64, free: u64 },
    /// The disk has not enough room for the output; nothing was written.
    NoSpace { need: u64, free: u64 },
    /// The output exists and may not be overwritten.
    Exists,
    /// The user stopped the job.
    Cancelled,
    /// An argument or option makes no sense.
    Invalid(String),
    /// A worker died; the text is its panic message.
    Panicked(String),
}

impl Error {
    /// An error of `kind` that names no file yet.
    #[must_use]
    pub fn new(kind: ErrorKind) -> Self {
        Self(Box::new(Inner { kind, path: None, remedy: None }))
    }

    /// Bytes at `at` break the format's rule `what`.
    #[must_use]
    pub fn malformed(at: u64, what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Malformed { at, what: what.into() })
    }

    /// A number at byte `at` is beyond a sane limit.
    #[must_use]
    pub fn limit(at: u64, what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Limit { at, what: what.into() })
    }

    /// The request, not the file, is wrong.
    #[must_use]
    pub fn invalid(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid(what.into()))
    }

    /// Well-formed, but not something this version reads or writes.
    #[must_use]
    pub fn unsupported(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported(what.into()))
    }

    /// The job was stopped.
    #[must_use]
    pub fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled)
    }

    /// The operating system refused to do something with `path`.
    #[must_use]
    pub fn io(path: &Path, source: std::io::Error) -> Self {
        Self::new(ErrorKind::Io(source)).with_path(path)
    }

    /// Names the file, unless it is named already (the innermost reader knows best).
    #[must_use]
    pub fn with_path(mut self, path: &Path) -> Self {
        self.0.path.get_or_insert_with(|| path.to_path_buf());
        self
    }

    /// Says what to do next, unless that is said already.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.remedy.get_or_insert_with(|| remedy.into());
        self
    }

    /// Adds a remedy behind the one that there is.
    #[must_use]
    pub fn with_further_remedy(mut self, remedy: &str) -> Self {
        self.0.remedy = Some(match self.0.remedy.take() {
            Some(first) => format!("{first}; {remedy}"),
            None => remedy.to_owned(),
        });
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The file concerned, if known.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// The byte offset concerned, where the kind has one.
    #[must_use]
    pub fn at(&self) -> Option<u64> {
        match self.0.kind {
            ErrorKind::Malformed { at, .. } | ErrorKind::Limit { at, .. } | ErrorKind::Truncated { at, .. } => Some(at),
            _ => None,
        }
    }

    /// What the user can do, if the place that failed knew.
    #[must_use]
    pub fn remedy(&self) -> Option<&str> {
        self.0.remedy.as_deref()
    }

    /// Whether the job was stopped rather than failed.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Cancelled)
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self::new(kind)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.0.path {
            write!(f, "{}: ", path.display())?;
        }
        match &self.0.kind {
            ErrorKind::Io(e) => write!(f, "{e}")?,
            ErrorKind::Malformed { at, what } => write!(f, "{what}, at byte {at}")?,
            ErrorKind::Unsupported(what) => write!(f, "{what} is not supported")?,
            ErrorKind::UnknownFormat => write!(f, "not a format that longwave knows, at byte 0")?,
            ErrorKind::Limit { at, what } => write!(f, "{what} is beyond any sensible limit, at byte {at}")?,
            ErrorKind::Truncated { at, needed, len } => {
                write!(
                    f,
                    "the file ends too early: {needed} bytes are needed from byte {at}, but it is {len} bytes long"
                )?;
            }
            ErrorKind::OutOfBudget { need, free } => write!(
                f,
                "needs {} of memory but {} of the budget is free",
                crate::units::bytes(*need),
                crate::units::bytes(*free)
            )?,
            ErrorKind::NoSpace { need, free } => write!(
                f,
                "needs {} of disk space but {} is free",
                crate::units::bytes(*need),
                crate::units::bytes(*free)
            )?,
            ErrorKind::Exists => write!(f, "the file exists already")?,
            ErrorKind::Cancelled => write!(f, "stopped")?,
            ErrorKind::Invalid(what) => write!(f, "{what}")?,
            ErrorKind::Panicked(what) => write!(f, "internal error: {what}")?,
        }
        if let Some(remedy) = &self.0.remedy {
            write!(f, "; {remedy}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.kind {
            ErrorKind::Io(e) => Some(e),
            _ => None,
        }
    }
}
