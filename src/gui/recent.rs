//! The files that were open lately, newest first, kept as JSON in the user's data folder.
//!
//! All functions here touch files and run on workers; the window holds a [`Recent`] that it was sent. A list that
//! cannot be read counts as empty, and one that cannot be written is not kept: neither is worth a word to the user.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::jobs::{Jobs, Reply};

/// Files kept.
const MAX_FILES: usize = 20;
/// A longer list was not written by us.
const MAX_BYTES: u64 = 1 << 20;

/// The list, as it was when it was read.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Recent {
    pub files: Vec<RecentFile>,
}

/// One file of the list.
#[derive(Clone, PartialEq, Debug)]
pub struct RecentFile {
    pub path: PathBuf,
    /// Whether it was there when the list was read.
    pub exists: bool,
}

/// What is in the file; unknown keys are ignored so that later versions may add some.
#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Stored {
    files: Vec<PathBuf>,
}

/// Reads the list in `file` on a worker; the answer is [`Reply::Recent`].
pub(super) fn load(jobs: &Jobs, file: PathBuf) {
    jobs.spawn("recent-files", move |replies| replies.send(Reply::Recent(checked(read(&file)))));
}

/// Puts `path` at the top of the list in `file` on a worker; the answer is [`Reply::Recent`].
pub(super) fn remember(jobs: &Jobs, file: PathBuf, path: PathBuf) {
    jobs.spawn("recent-files", move |replies| {
        let path = std::path::absolute(&path).unwrap_or(path);
        replies.send(Reply::Recent(checked(add(&file, path))));
    });
}

/// Where the list of this user is; `None` where users have no home.
#[must_use]
pub(super) fn list_file() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "longwave").map(|dirs| dirs.data_local_dir().join("recent.json"))
}

fn read(file: &Path) -> Vec<PathBuf> {
    let small = std::fs::metadata(file).is_ok_and(|m| m.is_file() && m.len() <= MAX_BYTES);
    let text = if small { std::fs::read_to_string(file).unwrap_or_default() } else { String::new() };
    let mut stored: Stored = serde_json::from_str(&text).unwrap_or_default();
    stored.files.truncate(MAX_FILES);
    stored.files
}

/// The new list; it is also written, through a temporary name, so that two windows never leave half a list.
fn add(file: &Path, path: PathBuf) -> Vec<PathBuf> {
    let mut files = read(file);
    files.retain(|known| *known != path);
    files.insert(0, path);
    files.truncate(MAX_FILES);
    let stored = Stored { files };
    if write(file, &stored).is_err() {
        // The list is a comfort; a folder that cannot be written to is not the user's present concern.
    }
    stored.files
}

fn write(file: &Path, stored: &Stored) -> crate::Result<()> {
    use std::io::Write as _;
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(|e| crate::Error::io(folder, e))?;
    }
    let text = serde_json::to_string_pretty(stored).map_err(|e| crate::Error::invalid(e.to_string()))?;
    let mut out = crate::file::AtomicFile::create(file, text.len() as u64, true)?;
    out.write_all(text.as_bytes()).map_err(|e| crate::Error::io(file, e))?;
    out.commit()
}

fn checked(files: Vec<PathBuf>) -> Recent {
    // A folder, or a session by its name in one, can be opened like a file.
    let is_there = |path: &Path| path.exists() || matches!(crate::source::session::resolve(path), Ok(Some(_)));
    let files = files.into_iter().map(|path| RecentFile { exists: is_there(&path), path });
    Recent { files: files.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_first_once_and_the_list_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/recent.json");
        for i in 0..30 {
            add(&file, PathBuf::from(format!("/data/{i}.rec")));
        }
        add(&file, PathBuf::from("/data/25.rec"));
        let files = read(&file);
        assert_eq!(files.len(), MAX_FILES);
        assert_eq!(files[0], Path::new("/data/25.rec"));
        assert_eq!(files.iter().filter(|f| f.ends_with("25.rec")).count(), 1);
        assert!(checked(files).files.iter().all(|f| !f.exists));
        assert!(checked(vec![file]).files[0].exists);
    }

    #[test]
    fn nonsense_is_an_empty_list() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("recent.json");
        for text in ["", "{", "[1, 2]", "{\"files\": 3}"] {
            std::fs::write(&file, text).unwrap();
            assert!(read(&file).is_empty(), "{text}");
        }
        assert!(read(folder.path()).is_empty());
    }
}
