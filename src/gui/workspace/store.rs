//! Where workspaces are on the disk. All functions here touch files and run on workers.
//!
//! A workspace of the user's that another program has changed since it was read or written here is left to the other: what
//! is open here goes on in a file of its own beside it. Of the state of a recording, which is kept by itself, the window
//! that writes last says how the stream looks that it shows; other streams stay as they are on the disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use twox_hash::XxHash3_64;

use super::{EXTENSION, MAX_BYTES, Workspace};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{Update, update};

/// Recordings whose state is kept; of older ones it is forgotten.
const MAX_STATES: usize = 400;

/// Names that are tried for a workspace whose own name another program writes to.
const MAX_NAMES: usize = 100;

/// How workspaces were when they were last read or written here, by their files; clones are the same one, so that writers
/// and window know the same.
#[derive(Clone, Debug, Default)]
pub struct Seen(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// A hash of the bytes.
    bytes: BTreeMap<PathBuf, u64>,
    /// Where it goes on, of one that another program writes to.
    instead: BTreeMap<PathBuf, PathBuf>,
}

impl Seen {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in that `bytes` are in the file at `path`.
    fn note(&self, path: &Path, bytes: &[u8]) {
        self.lock().bytes.insert(path.to_path_buf(), XxHash3_64::oneshot(bytes));
    }

    /// Whatever is in the file at `path` may be written over.
    pub(in crate::gui) fn forget(&self, path: &Path) {
        let mut known = self.lock();
        known.bytes.remove(path);
        known.instead.remove(path);
    }

    /// Whether somebody else has written `bytes` to `path` since; not known of what was never looked at.
    fn is_news(&self, path: &Path, bytes: &[u8]) -> bool {
        self.lock().bytes.get(path).is_some_and(|known| *known != XxHash3_64::oneshot(bytes))
    }

    /// Where what is to be written to `path` goes.
    fn place_of(&self, path: &Path) -> PathBuf {
        self.lock().instead.get(path).cloned().unwrap_or_else(|| path.to_path_buf())
    }
}

/// What a workspace file leads to.
pub(in crate::gui) enum Found {
    Here(Box<Workspace>, Vec<PathBuf>),
    /// Some of its files are nowhere: which, by their indices.
    Missing(Box<Workspace>, Vec<usize>),
}

/// Where the state of the recording made of `paths` is kept.
#[must_use]
pub(in crate::gui) fn state_file(states: &Path, paths: &[PathBuf]) -> PathBuf {
    let mut whole = Vec::new();
    for path in paths {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        whole.extend_from_slice(path.as_os_str().as_encoded_bytes());
        whole.push(0);
    }
    let hash = twox_hash::XxHash3_64::oneshot(&whole);
    let name = paths.first().and_then(|p| p.file_name()).unwrap_or_default().to_string_lossy();
    let name: String = name.chars().filter(|c| c.is_alphanumeric() || "-_. ".contains(*c)).take(64).collect();
    states.join(format!("{hash:016x}-{name}.{EXTENSION}"))
}

/// What was kept of the recording made of `paths`; a file that cannot be understood counts as none: it is replaced soon.
#[must_use]
pub(in crate::gui) fn find(states: &Path, paths: &[PathBuf]) -> Option<Workspace> {
    load(&state_file(states, paths), &Seen::default()).ok()
}

/// Reads the workspace at `path`, which is seen then.
///
/// # Errors
/// When it cannot be read, is too long, or is none.
pub(in crate::gui) fn load(path: &Path, seen: &Seen) -> Result<Workspace> {
    let io = |e| Error::io(path, e);
    let meta = std::fs::metadata(path).map_err(io)?;
    if !meta.is_file() {
        // A pipe or a device has no end.
        return Err(Error::invalid("this is no file").with_path(path));
    }
    if meta.len() > MAX_BYTES {
        return Err(Error::limit(MAX_BYTES, "no workspace is as long").with_path(path));
    }
    let bytes = std::fs::read(path).map_err(io)?;
    let workspace = parse(&bytes).map_err(|e| e.with_path(path))?;
    seen.note(path, &bytes);
    Ok(workspace)
}

fn parse(bytes: &[u8]) -> Result<Workspace> {
    // What is no text is no JSON either, and told so.
    Workspace::parse(&String::from_utf8_lossy(bytes))
}

/// Reads the workspace at `path` and looks for its files.
///
/// # Errors
/// As [`load`].
pub(in crate::gui) fn ask_of_file(path: &Path, seen: &Seen) -> Result<Found> {
    let workspace = Box::new(load(path, seen)?);
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    Ok(match workspace.paths(whole.parent().unwrap_or(Path::new(""))) {
        Ok(paths) => Found::Here(workspace, paths),
        Err(missing) => Found::Missing(workspace, missing),
    })
}

/// Writes `workspace`; it appears whole or not at all. What is there already is only replaced if it is a workspace, too,
/// and nobody else has changed it since it was seen here: otherwise it is written beside it. Returns where it is.
///
/// # Errors
/// [`ErrorKind::Exists`] if something else is there; when the folder cannot be written to.
pub(in crate::gui) fn save(path: &Path, workspace: &Workspace, seen: &Seen) -> Result<PathBuf> {
    let text = workspace.text()?;
    let place = seen.place_of(path);
    if write(&place, &text, seen)? {
        return Ok(place);
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    for number in 2..MAX_NAMES {
        let beside = path.with_file_name(format!("{stem} {number}.{EXTENSION}"));
        // One that is there is somebody's.
        if beside.symlink_metadata().is_err() && write(&beside, &text, seen)? {
            seen.lock().instead.insert(path.to_path_buf(), beside.clone());
            return Ok(beside);
        }
    }
    Err(Error::new(ErrorKind::Exists)
        .with_path(path)
        .with_remedy("another program has changed it: save the workspace under another name"))
}

/// Writes `text` to `path`; false if somebody else has written to it.
fn write(path: &Path, text: &str, seen: &Seen) -> Result<bool> {
    let is_written = update(path, MAX_BYTES, |present| {
        if let Some(bytes) = present {
            if seen.is_news(path, bytes) {
                return Ok((Update::Leave, false));
            }
            if parse(bytes).is_err() && !is_ours(bytes) {
                return Err(Error::new(ErrorKind::Exists)
                    .with_path(path)
                    .with_remedy("it is no workspace and is not replaced: choose another name"));
            }
        }
        Ok((Update::Write(text.as_bytes().to_vec()), true))
    })?;
    if is_written {
        seen.note(path, text.as_bytes());
    }
    Ok(is_written)
}

/// Whether the file begins as our files do, even if it is broken further on.
fn is_ours(bytes: &[u8]) -> bool {
    bytes.is_empty() || String::from_utf8_lossy(&bytes[..bytes.len().min(256)]).contains("\"longwave_workspace\"")
}

/// Writes the state of a recording into the user's own folder, which is made if need be. Streams that it does not show
/// stay as they are there.
///
/// # Errors
/// When the folder cannot be written to.
pub(in crate::gui) fn save_state(path: &Path, workspace: &Workspace) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
        forget_oldest(folder, path);
    }
    update(path, MAX_BYTES, |present| {
        let mut workspace = workspace.clone();
        if let Some(there) = present.and_then(|bytes| parse(bytes).ok())
            && there.files == workspace.files
        {
            let shown = workspace.stream.clone();
            workspace.streams.extend(there.streams.into_iter().filter(|(name, _)| *name != shown));
        }
        Ok((Update::Write(workspace.text()?.into_bytes()), ()))
    })
}

/// Keeps the folder of states small. What cannot be removed stays.
fn forget_oldest(folder: &Path, but: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let ours = entries.flatten().map(|e| e.path()).filter(|p| super::is_workspace(p) && p != but);
    let age = |path: &PathBuf| std::fs::metadata(path).and_then(|m| m.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut states: Vec<(SystemTime, PathBuf)> = ours.map(|p| (age(&p), p)).collect();
    if states.len() >= MAX_STATES {
        states.sort();
        for (_, path) in &states[..states.len() + 1 - MAX_STATES] {
            drop(std::fs::remove_file(path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::FileRef;
    use super::*;

    fn workspace(folder: &Path, name: &str) -> Workspace {
        Workspace::new(vec![FileRef::new(&folder.join(name), Some(folder))], "ephys".to_owned())
    }

    #[test]
    fn a_folder_that_was_moved_still_finds_its_files() {
        let base = tempfile::tempdir().unwrap();
        let (before, after) = (base.path().join("before"), base.path().join("after"));
        std::fs::create_dir_all(before.join("data")).unwrap();
        std::fs::write(before.join("data/day.rec"), b"x").unwrap();
        let file = before.join("notes.longwave");
        save(&file, &workspace(&before, "data/day.rec"), &Seen::default()).unwrap();
        assert!(std::fs::read_to_string(&file).unwrap().contains("\"path\": \"data/day.rec\""));
        std::fs::rename(&before, &after).unwrap();
        let Found::Here(_, paths) = ask_of_file(&after.join("notes.longwave"), &Seen::default()).unwrap() else {
            panic!("missing")
        };
        assert_eq!(paths, [after.join("data/day.rec")]);
        // The workspace alone elsewhere: the absolute place counts.
        let alone = base.path().join("alone.longwave");
        save(&alone, &workspace(&after, "data/day.rec"), &Seen::default()).unwrap();
        assert!(matches!(ask_of_file(&alone, &Seen::default()).unwrap(), Found::Here(..)));
        std::fs::remove_file(after.join("data/day.rec")).unwrap();
        let Found::Missing(_, missing) = ask_of_file(&alone, &Seen::default()).unwrap() else { panic!("found") };
        assert_eq!(missing, [0]);
    }

    #[test]
    fn what_is_no_workspace_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("thesis.longwave");
        std::fs::write(&file, "chapter one").unwrap();
        let error = save(&file, &workspace(folder.path(), "a.rec"), &Seen::default()).unwrap_err().to_string();
        assert!(error.contains("not replaced"), "{error}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "chapter one");
        std::fs::write(&file, "{\"longwave_workspace\": 1, ").unwrap();
        save(&file, &workspace(folder.path(), "a.rec"), &Seen::default()).unwrap();
        assert_eq!(load(&file, &Seen::default()).unwrap().files.len(), 1);
    }

    #[test]
    fn two_windows_with_one_workspace_keep_both() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("day.longwave");
        let showing = |stream: &str| Workspace { stream: stream.to_owned(), ..workspace(folder.path(), "a.rec") };
        let stream = |path: &Path| load(path, &Seen::default()).unwrap().stream;
        let (one, other) = (Seen::default(), Seen::default());
        assert_eq!(save(&file, &showing("first"), &one).unwrap(), file);
        load(&file, &other).unwrap();
        assert_eq!(save(&file, &showing("of the other"), &other).unwrap(), file);
        let beside = folder.path().join("day 2.longwave");
        std::fs::write(&beside, "somebody's").unwrap();
        let own = folder.path().join("day 3.longwave");
        assert_eq!(save(&file, &showing("of the one"), &one).unwrap(), own);
        assert_eq!(save(&file, &showing("of the one, later"), &one).unwrap(), own, "it goes on there");
        assert_eq!(save(&file, &showing("of the other, later"), &other).unwrap(), file);
        assert_eq!((stream(&file).as_str(), stream(&own).as_str()), ("of the other, later", "of the one, later"));
        assert_eq!(std::fs::read_to_string(&beside).unwrap(), "somebody's");
    }

    #[test]
    fn the_state_of_another_stream_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.longwave");
        let state = |streams: &[(&str, &str)]| {
            let of = |filter: &str| super::super::StreamState { filter: filter.to_owned(), ..Default::default() };
            let streams = streams.iter().map(|(name, filter)| ((*name).to_owned(), of(filter))).collect();
            let stream = "ephys".to_owned();
            Workspace { streams, stream, ..workspace(folder.path(), "a.rec") }
        };
        let other = Workspace { stream: "aux".to_owned(), ..state(&[("aux", "notch=60"), ("ephys", "")]) };
        save_state(&file, &other).unwrap();
        save_state(&file, &state(&[("ephys", "high-pass=1"), ("aux", "")])).unwrap();
        let kept = load(&file, &Seen::default()).unwrap();
        assert_eq!(
            (kept.streams["aux"].filter.as_str(), kept.streams["ephys"].filter.as_str()),
            ("notch=60", "high-pass=1")
        );
    }

    #[test]
    fn states_are_kept_apart_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (PathBuf::from("/data/a.rec"), PathBuf::from("/data/b.rec"));
        let of = |paths: &[PathBuf]| state_file(folder.path(), paths);
        assert_ne!(of(std::slice::from_ref(&a)), of(std::slice::from_ref(&b)));
        assert_ne!(of(&[a.clone(), b.clone()]), of(&[b.clone(), a.clone()]));
        for i in 0..MAX_STATES + 5 {
            save_state(&of(&[PathBuf::from(format!("/data/{i}.rec"))]), &workspace(folder.path(), "x")).unwrap();
        }
        assert!(std::fs::read_dir(folder.path()).unwrap().count() <= MAX_STATES);
        assert!(find(folder.path(), &[PathBuf::from(format!("/data/{}.rec", MAX_STATES + 4))]).is_some());
        std::fs::write(of(std::slice::from_ref(&a)), "nonsense").unwrap();
        assert!(find(folder.path(), &[a]).is_none());
    }
}
