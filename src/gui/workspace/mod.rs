//! Work that lasts: what is open and how it is looked at, as a file that people can read, send and keep.
//!
//! A *workspace* is `NAME.longwave`: JSON, version 1, `{"longwave_workspace": 1, "files": [{"path", "absolute"}],
//! "options": {…}, "fingerprint": […], "stream": "ephys", "streams": {"ephys": {"view", "selection", "filter", "lanes",
//! "channels"}}, "annotations": {"path", "absolute"}, "window": {…}}`. Paths are relative to the workspace, with the
//! absolute one beside in case that it was moved alone; positions are ticks of the stream's clock. The same is kept by
//! itself for every recording in the user's data folder, so that opening it again continues where it was left.
//!
//! It is written by a worker, some seconds behind the last change, through a temporary name: a crash loses these seconds
//! and nothing else. It is read as what anybody may have written: sizes are bounded before anything is kept, every
//! number is held against the recording ([`restore`]), and what does not fit is left out and told. Keys that are not
//! known are ignored, those that are missing have defaults, and a newer version is refused rather than misread.

pub(super) mod colour;
mod keeping;
mod missing;
mod restore;
mod store;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub(super) use keeping::{Keeper, Moved};
pub use missing::MissingForm;
pub(super) use missing::missing_ui;
pub use store::Seen;
pub(super) use store::{Found, ask_of_file, find, save, state_file};

use super::companions::Beneath;
use super::state::{ChannelView, LaneView, TimeFormat};
use crate::error::{Error, Result};
use crate::source::OpenOptions;
use crate::summary::Fingerprint;

/// How the name of a workspace ends.
pub const EXTENSION: &str = "longwave";
const VERSION: u32 = 1;
/// A longer file was not written by us.
const MAX_BYTES: u64 = 64 << 20;
/// Of more files, streams or channels a workspace does not speak.
const MAX_FILES: usize = 4096;
const MAX_STREAMS: usize = 1024;
const MAX_CHANNELS: usize = 65_536;

/// All of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Workspace {
    longwave_workspace: u32,
    #[serde(default)]
    pub files: Vec<FileRef>,
    #[serde(default, skip_serializing_if = "OpenOptions::is_empty")]
    pub options: OpenOptions,
    #[serde(default)]
    pub fingerprint: Fingerprint,
    /// The stream that is shown.
    #[serde(default)]
    pub stream: String,
    /// How each stream that was looked at is shown.
    #[serde(default)]
    pub streams: BTreeMap<String, StreamState>,
    /// Where the annotations were kept; they are found by the recording, this is for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<FileRef>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowState>,
}

/// A file, by its place relative to the workspace and by its absolute one.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FileRef {
    /// With `/` between folders, on every system; empty where there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    #[serde(skip_serializing_if = "path_is_empty")]
    pub absolute: PathBuf,
}

#[expect(clippy::ptr_arg, reason = "serde hands out the field itself")]
fn path_is_empty(path: &PathBuf) -> bool {
    path.as_os_str().is_empty()
}

/// How one stream is shown.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamState {
    /// First and last visible tick.
    pub view: [f64; 2],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selection: Option<[u64; 2]>,
    /// Filters, as on the command line.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub filter: String,
    /// Whether the traces without them are drawn behind.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub raw_behind: bool,
    pub lanes: LaneView,
    /// Ticks of the cursors A and B.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor_a: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor_b: Option<u64>,
    /// Streams beneath the traces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub beneath: Vec<Beneath>,
    pub channels: Vec<ChannelState>,
}

/// How one channel is shown; what else a channel has is beside `id`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ChannelState {
    pub id: String,
    #[serde(flatten)]
    pub view: ChannelView,
}

/// How the window is arranged.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WindowState {
    pub time: TimeFormat,
    /// The analysis and the decoder that are chosen.
    pub inspector: Vec<String>,
    pub layout: super::dock::Layout,
}

/// What a document keeps of the workspace that it is of.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// The file that the user has named, if there is one.
    pub file: Option<PathBuf>,
    /// How it and others were when they were last read or written.
    pub seen: Seen,
    /// How the other streams were shown.
    pub others: BTreeMap<String, StreamState>,
    /// Filters that it was looked at through and that cannot be applied: they are kept until others are asked for.
    pub lost_filter: Option<String>,
    /// `None`: it cannot be opened by its paths again, and nothing is kept.
    pub fingerprint: Option<Fingerprint>,
}

impl FileRef {
    /// Of the file at `path`, for a workspace in the folder `base`; without one, only the absolute place.
    #[must_use]
    pub fn new(path: &Path, base: Option<&Path>) -> Self {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let path = base.and_then(|base| relative(&absolute, base)).unwrap_or_default();
        Self { path, absolute }
    }

    /// Where it is, the relative place before the absolute one; `None` if it is at neither.
    #[must_use]
    pub fn resolve(&self, base: &Path) -> Option<PathBuf> {
        let beside = (!self.path.is_empty()).then(|| base.join(&self.path));
        let absolute = self.absolute.is_absolute().then(|| self.absolute.clone());
        beside.into_iter().chain(absolute).find(|path| super::recent::is_there(path))
    }

    /// Its name, for people.
    #[must_use]
    pub fn name(&self) -> String {
        let path = if self.path.is_empty() { self.absolute.as_path() } else { Path::new(&self.path) };
        path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
    }
}

/// The way from the folder `base` to `path`, both absolute; `None` where there is none, as between disks.
fn relative(path: &Path, base: &Path) -> Option<String> {
    let base = std::path::absolute(base).ok()?;
    let (to, from): (Vec<_>, Vec<_>) = (path.components().collect(), base.components().collect());
    let shared = to.iter().zip(&from).take_while(|(a, b)| a == b).count();
    if shared == 0 {
        return None;
    }
    let up = std::iter::repeat_n("..", from.len() - shared);
    let down = to[shared..].iter().map(|part| part.as_os_str().to_str());
    let parts: Option<Vec<&str>> = up.map(Some).chain(down).collect();
    parts.map(|parts| parts.join("/"))
}

impl Workspace {
    /// Of these parts.
    #[must_use]
    pub fn new(files: Vec<FileRef>, stream: String) -> Self {
        Self {
            longwave_workspace: VERSION,
            files,
            options: OpenOptions::default(),
            fingerprint: Fingerprint::default(),
            stream,
            streams: BTreeMap::new(),
            annotations: None,
            window: None,
        }
    }

    /// Reads one.
    ///
    /// # Errors
    /// When it is none (with line and column), names no file, speaks of too much, or is of a newer version.
    pub fn parse(text: &str) -> Result<Self> {
        let remedy = "save it anew from the recording, or mend it in an editor";
        // A list would do for serde, field after field.
        let text = if text.trim_start().starts_with('{') { text } else { "" };
        let new: Self = serde_json::from_str(text)
            .map_err(|e| Error::invalid(format!("this is not a workspace: {e}")).with_remedy(remedy))?;
        if new.longwave_workspace != VERSION {
            return Err(Error::unsupported(format!("a workspace of version {}", new.longwave_workspace))
                .with_remedy("use a newer longwave"));
        }
        let channels = new.streams.values().map(|s| s.channels.len()).max().unwrap_or(0);
        for (count, most, of) in [
            (new.files.len(), MAX_FILES, "files"),
            (new.streams.len(), MAX_STREAMS, "streams"),
            (channels, MAX_CHANNELS, "channels"),
        ] {
            if count > most {
                return Err(Error::limit(most as u64, format!("the workspace speaks of {count} {of}")));
            }
        }
        if new.files.is_empty() {
            return Err(Error::invalid("the workspace names no recording").with_remedy(remedy));
        }
        new.options.validate()?;
        Ok(new)
    }

    /// As it is written.
    ///
    /// # Errors
    /// Never, as far as is known: all of it has a place in JSON.
    pub fn text(&self) -> Result<String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n").map_err(|e| Error::invalid(e.to_string()))
    }

    /// Where its files are, seen from `base`.
    ///
    /// # Errors
    /// The indices of those that are nowhere.
    pub fn paths(&self, base: &Path) -> std::result::Result<Vec<PathBuf>, Vec<usize>> {
        let found: Vec<Option<PathBuf>> = self.files.iter().map(|file| file.resolve(base)).collect();
        let missing: Vec<usize> = (0..found.len()).filter(|&i| found[i].is_none()).collect();
        if missing.is_empty() { Ok(found.into_iter().flatten().collect()) } else { Err(missing) }
    }
}

/// Whether `path` is the name of a workspace.
#[must_use]
pub fn is_workspace(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case(EXTENSION))
}

/// Whole ticks of `pair`, if they are a range within `end` ticks.
fn sound_range(pair: [u64; 2], end: u64) -> Option<Range<u64>> {
    (pair[0] < pair[1] && pair[1] <= end).then(|| pair[0]..pair[1])
}
