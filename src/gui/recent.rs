//! The files that were open lately, newest first, with a small picture of each, kept as JSON in the user's data folder:
//! `{"files": [{"path", "opened" (seconds since 1970), "pinned", "about", "sketch"}]}`; earlier versions had only paths.
//!
//! All functions here that touch files run on workers, one at a time; the window holds a [`Recent`] that it was sent. A
//! list that cannot be read counts as empty, and one that cannot be written is not kept: neither is worth a word to the
//! user. The pictures are [`Sketch`]es of some hundred bytes inside the list, so that it is all there is to bound: a
//! recording that is forgotten leaves nothing behind.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize};

use super::jobs::{Jobs, Reply};
pub use super::sketch::Sketch;
use super::state::Document;
use crate::file::{Update, update};

/// Files kept that are not pinned, and that are.
const MAX_FILES: usize = 20;
const MAX_PINNED: usize = 40;
/// A longer list was not written by us.
const MAX_BYTES: u64 = 1 << 20;

/// The list, as it was when it was read.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Recent {
    /// Pinned ones first, then the newest.
    pub files: Vec<RecentFile>,
}

/// One file of the list.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RecentFile {
    pub entry: Entry,
    /// Why it could not be opened when the list was read.
    pub trouble: Option<String>,
}

/// What is kept of a file.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Entry {
    pub path: PathBuf,
    /// Seconds since 1970.
    pub opened: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// Channels and duration, for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub about: String,
    #[serde(skip_serializing_if = "Sketch::is_empty")]
    pub sketch: Sketch,
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Whole {
            path: PathBuf,
            opened: u64,
            pinned: bool,
            about: String,
            sketch: Sketch,
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Path(PathBuf),
            Whole(Whole),
        }
        Ok(match Either::deserialize(from)? {
            Either::Path(path) => Self { path, ..Self::default() },
            Either::Whole(Whole { path, opened, pinned, mut about, sketch }) => {
                // As much as a line shows, without what would break it.
                about = about.chars().filter(|c| !c.is_control()).take(120).collect();
                Self { path, opened, pinned, about, sketch }
            }
        })
    }
}

/// What is in the file; unknown keys are ignored so that later versions may add some.
#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Stored {
    files: Vec<Entry>,
}

/// A change of the list.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// It was opened just now.
    Opened {
        path: PathBuf,
        about: String,
    },
    /// It looks like this.
    Seen {
        path: PathBuf,
        sketch: Sketch,
    },
    Pin(PathBuf, bool),
    Forget(PathBuf),
}

/// Reads the list in `file` on a worker; the answer is [`Reply::Recent`].
pub(super) fn load(jobs: &Jobs, file: PathBuf) {
    jobs.spawn("recent-files", move |replies| replies.send(Reply::Recent(checked(read(&file)))));
}

/// Changes the list in `file` on a worker; the answer is [`Reply::Recent`].
pub(super) fn change(jobs: &Jobs, file: PathBuf, change: Change) {
    let replies = jobs.replies();
    jobs.writer.change(&file.clone(), move || replies.send(Reply::Recent(checked(change_now(&file, change)))));
}

/// Where the list of this user is; `None` where users have no home.
#[must_use]
pub(super) fn list_file() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "longwave").map(|dirs| dirs.data_local_dir().join("recent.json"))
}

/// A recording in a few words: `128 channels · 23.5 h`.
#[must_use]
pub(super) fn about(document: &Document) -> String {
    let stream = document.shown();
    let channels = super::wording::plural(stream.channels.len() as u64, "channel");
    if stream.time.rate_known() {
        format!("{channels} · {}", crate::text::duration(stream.duration_secs()))
    } else {
        format!("{channels} · {}", super::wording::plural(stream.frames, "frame"))
    }
}

impl Recent {
    /// The one that was open last, of those that are there.
    #[must_use]
    pub fn last(&self) -> Option<&Entry> {
        let there = self.files.iter().filter(|f| f.trouble.is_none());
        there.map(|f| &f.entry).max_by_key(|entry| entry.opened)
    }
}

fn read(file: &Path) -> Vec<Entry> {
    let small = std::fs::metadata(file).is_ok_and(|m| m.is_file() && m.len() <= MAX_BYTES);
    parse(&if small { std::fs::read(file).unwrap_or_default() } else { Vec::new() })
}

fn parse(bytes: &[u8]) -> Vec<Entry> {
    let stored: Stored = serde_json::from_slice(bytes).unwrap_or_default();
    sorted(stored.files)
}

/// Pinned ones first, each group newest first, no more than are kept, no path twice.
fn sorted(mut files: Vec<Entry>) -> Vec<Entry> {
    files.truncate(4 * (MAX_FILES + MAX_PINNED));
    files.sort_by_key(|f| (std::cmp::Reverse(f.pinned), std::cmp::Reverse(f.opened)));
    let (mut pinned, mut others) = (0, 0);
    let mut known = std::collections::HashSet::new();
    files.retain(|f| {
        let (count, most) = if f.pinned { (&mut pinned, MAX_PINNED) } else { (&mut others, MAX_FILES) };
        *count += 1;
        *count <= most && !f.path.as_os_str().is_empty() && known.insert(f.path.clone())
    });
    files
}

/// The new list; it is also written, so that two windows that change it at once lose nothing.
fn change_now(file: &Path, change: Change) -> Vec<Entry> {
    if let Some(folder) = file.parent() {
        // If this fails, so does writing.
        drop(std::fs::create_dir_all(folder));
    }
    let changed_list = update(file, MAX_BYTES, |present| {
        let files = changed(parse(present.unwrap_or_default()), change.clone());
        let stored = Stored { files };
        let text = serde_json::to_string_pretty(&stored).map_err(|e| crate::Error::invalid(e.to_string()))?;
        Ok((Update::Write(text.into_bytes()), stored.files))
    });
    // The list is a comfort; a folder that cannot be written to is not the user's present concern.
    changed_list.unwrap_or_else(|_unwritten| changed(read(file), change))
}

fn changed(mut files: Vec<Entry>, change: Change) -> Vec<Entry> {
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    match change {
        Change::Opened { path, about } => {
            let path = absolute(path);
            let before = files.iter().position(|f| f.path == path).map(|i| files.remove(i)).unwrap_or_default();
            // Never older than another: clocks are set back now and then.
            let newest = files.iter().map(|f| f.opened).max().unwrap_or(0);
            files.insert(0, Entry { path, about, opened: now().max(newest.saturating_add(1)), ..before });
        }
        Change::Seen { path, sketch } => {
            let path = absolute(path);
            files.iter_mut().filter(|f| f.path == path).for_each(|f| f.sketch = sketch.clone());
        }
        Change::Pin(path, pinned) => {
            files.iter_mut().filter(|f| f.path == path).for_each(|f| f.pinned = pinned);
        }
        Change::Forget(path) => files.retain(|f| f.path != path),
    }
    sorted(files)
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// When it was open, as people say it: `5 minutes ago`, `yesterday`, `2026-11-02`.
#[must_use]
pub(super) fn when(opened: u64) -> String {
    when_at(opened, now())
}

fn when_at(opened: u64, now: u64) -> String {
    const DAY: u64 = 86_400;
    let ago = |count: u64, what: &str| format!("{} ago", super::wording::plural(count, what));
    match now.saturating_sub(opened) {
        _ if opened == 0 => String::new(),
        0..120 => "just now".to_owned(),
        secs @ 120..3600 => ago(secs / 60, "minute"),
        secs @ 3600..DAY => ago(secs / 3600, "hour"),
        secs if secs < 14 * DAY => ago(secs / DAY, "day"),
        _ => {
            let instant = i64::try_from(opened).ok().and_then(|secs| jiff::Timestamp::from_second(secs).ok());
            instant.map(|t| t.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
        }
    }
}

/// Looks whether the files are there.
fn checked(files: Vec<Entry>) -> Recent {
    let files = files.into_iter().map(|entry| RecentFile { trouble: trouble(&entry.path), entry });
    Recent { files: files.collect() }
}

/// Why `path` cannot be opened, if so.
fn trouble(path: &Path) -> Option<String> {
    if is_there(path) {
        return std::fs::metadata(path)
            .and_then(|meta| if meta.is_file() { std::fs::File::open(path).map(drop) } else { Ok(()) })
            .err()
            .filter(|e| e.kind() == std::io::ErrorKind::PermissionDenied)
            .map(|_| "it may not be read".to_owned());
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    Some(if folder.is_dir() {
        "not there any more: moved, renamed or deleted".to_owned()
    } else {
        format!("the folder {} is not there: is the disk connected?", folder.display())
    })
}

/// Whether `path` can be opened: a file, a folder, or a session by its name in one.
#[must_use]
pub(super) fn is_there(path: &Path) -> bool {
    path.exists() || matches!(crate::source::session::resolve(path), Ok(Some(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(file: &Path, path: &str) {
        change_now(file, Change::Opened { path: path.into(), about: "3 channels".to_owned() });
    }

    fn paths(file: &Path) -> Vec<String> {
        read(file).iter().map(|f| f.path.display().to_string()).collect()
    }

    #[test]
    fn the_newest_is_first_once_and_the_list_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/recent.json");
        for i in 0..30 {
            open(&file, &format!("/data/{i}.rec"));
        }
        open(&file, "/data/25.rec");
        let files = paths(&file);
        assert_eq!(files.len(), MAX_FILES);
        assert_eq!(files[0], "/data/25.rec");
        assert_eq!(files.iter().filter(|f| f.ends_with("25.rec")).count(), 1);
        let list = checked(read(&file));
        assert!(list.files.iter().all(|f| f.trouble.as_ref().unwrap().contains("/data")), "{list:?}");
        assert_eq!(list.last(), None);
        assert!(checked(vec![Entry { path: file, ..Entry::default() }]).files[0].trouble.is_none());
    }

    #[test]
    fn pinned_ones_stay_on_top_and_pictures_with_their_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("recent.json");
        for path in ["/a.rec", "/b.rec", "/c.rec"] {
            open(&file, path);
        }
        let sketch = Sketch::new([(-1.0, 1.0), (1.0, -1.0), (0.0, 0.5)].into_iter());
        change_now(&file, Change::Seen { path: "/a.rec".into(), sketch: sketch.clone() });
        change_now(&file, Change::Pin("/a.rec".into(), true));
        assert_eq!(paths(&file), ["/a.rec", "/c.rec", "/b.rec"]);
        for i in 0..50 {
            open(&file, &format!("/data/{i}.rec"));
        }
        let files = read(&file);
        assert_eq!((files.len(), &files[0].path, &files[0].sketch), (MAX_FILES + 1, &PathBuf::from("/a.rec"), &sketch));
        open(&file, "/a.rec");
        assert!(read(&file)[0].pinned && read(&file)[0].sketch == sketch, "opening keeps both");
        change_now(&file, Change::Forget("/a.rec".into()));
        assert!(!paths(&file).contains(&"/a.rec".to_owned()));
    }

    #[test]
    fn lists_of_earlier_versions_are_read_and_nonsense_is_an_empty_list() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("recent.json");
        std::fs::write(&file, r#"{"files": ["/old/a.rec", {"path": "/new/b.rec", "opened": 7, "later": 1}]}"#).unwrap();
        assert_eq!(paths(&file), ["/new/b.rec", "/old/a.rec"]);
        for text in ["", "{", "[1, 2]", "{\"files\": 3}", r#"{"files": [{"path": "a", "sketch": "xyz"}, 3]}"#] {
            std::fs::write(&file, text).unwrap();
            assert!(read(&file).is_empty(), "{text}");
        }
        assert!(read(folder.path()).is_empty());
    }

    #[test]
    fn people_say_when() {
        let now = 1_800_000_000;
        for (secs, text) in [
            (5, "just now"),
            (150, "2 minutes ago"),
            (3600, "1 hour ago"),
            (90_000, "1 day ago"),
            (40 * 86_400, "2026-12-06"),
        ] {
            assert_eq!(when_at(now - secs, now), text);
        }
        assert_eq!(when_at(0, now), "");
        assert_eq!(when_at(now + 99, now), "just now", "a clock that was set back");
        assert_eq!(when_at(u64::MAX, 0), "just now");
    }
}
