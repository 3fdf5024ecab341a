//! Where workspaces are on the disk. All functions here touch files and run on workers, but for the moment in which the
//! window closes.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{EXTENSION, MAX_BYTES, Workspace};
use crate::error::{Error, ErrorKind, Result};
use crate::file::AtomicFile;

/// Recordings whose state is kept; of older ones it is forgotten.
const MAX_STATES: usize = 400;

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
    load(&state_file(states, paths)).ok()
}

/// Reads the workspace at `path`.
///
/// # Errors
/// When it cannot be read, is too long, or is none.
pub(in crate::gui) fn load(path: &Path) -> Result<Workspace> {
    let io = |e| Error::io(path, e);
    let meta = std::fs::metadata(path).map_err(io)?;
    if !meta.is_file() {
        // A pipe or a device has no end.
        return Err(Error::invalid("this is no file").with_path(path));
    }
    if meta.len() > MAX_BYTES {
        return Err(Error::limit(MAX_BYTES, "no workspace is as long").with_path(path));
    }
    let text = std::fs::read_to_string(path).map_err(io)?;
    Workspace::parse(&text).map_err(|e| e.with_path(path))
}

/// Reads the workspace at `path` and looks for its files.
///
/// # Errors
/// As [`load`].
pub(in crate::gui) fn ask_of_file(path: &Path) -> Result<Found> {
    let workspace = Box::new(load(path)?);
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    Ok(match workspace.paths(whole.parent().unwrap_or(Path::new(""))) {
        Ok(paths) => Found::Here(workspace, paths),
        Err(missing) => Found::Missing(workspace, missing),
    })
}

/// Writes `workspace`; it appears whole or not at all. What is there already is only replaced if it is a workspace, too.
///
/// # Errors
/// [`ErrorKind::Exists`] if something else is there; when the folder cannot be written to.
pub(in crate::gui) fn save(path: &Path, workspace: &Workspace) -> Result<()> {
    if path.symlink_metadata().is_ok() && load(path).is_err() && !is_ours(path) {
        return Err(Error::new(ErrorKind::Exists)
            .with_path(path)
            .with_remedy("it is no workspace and is not replaced: choose another name"));
    }
    write(path, workspace)
}

/// Whether the file begins as our files do, even if it is broken further on.
fn is_ours(path: &Path) -> bool {
    use std::io::Read as _;
    let mut head = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(256).read_to_end(&mut head));
    read.is_ok() && (head.is_empty() || String::from_utf8_lossy(&head).contains("\"longwave_workspace\""))
}

/// Writes the state of a recording into the user's own folder, which is made if need be.
///
/// # Errors
/// When the folder cannot be written to.
pub(in crate::gui) fn save_state(path: &Path, workspace: &Workspace) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
        forget_oldest(folder, path);
    }
    write(path, workspace)
}

fn write(path: &Path, workspace: &Workspace) -> Result<()> {
    let text = workspace.text()?;
    let mut file = AtomicFile::create(path, text.len() as u64, true)?;
    file.write_all(text.as_bytes()).map_err(|e| file.explain(e))?;
    file.commit()
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
        save(&file, &workspace(&before, "data/day.rec")).unwrap();
        assert!(std::fs::read_to_string(&file).unwrap().contains("\"path\": \"data/day.rec\""));
        std::fs::rename(&before, &after).unwrap();
        let Found::Here(_, paths) = ask_of_file(&after.join("notes.longwave")).unwrap() else { panic!("missing") };
        assert_eq!(paths, [after.join("data/day.rec")]);
        // The workspace alone elsewhere: the absolute place counts.
        let alone = base.path().join("alone.longwave");
        save(&alone, &workspace(&after, "data/day.rec")).unwrap();
        assert!(matches!(ask_of_file(&alone).unwrap(), Found::Here(..)));
        std::fs::remove_file(after.join("data/day.rec")).unwrap();
        let Found::Missing(_, missing) = ask_of_file(&alone).unwrap() else { panic!("found") };
        assert_eq!(missing, [0]);
    }

    #[test]
    fn what_is_no_workspace_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("thesis.longwave");
        std::fs::write(&file, "chapter one").unwrap();
        let error = save(&file, &workspace(folder.path(), "a.rec")).unwrap_err().to_string();
        assert!(error.contains("not replaced"), "{error}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "chapter one");
        std::fs::write(&file, "{\"longwave_workspace\": 1, ").unwrap();
        save(&file, &workspace(folder.path(), "a.rec")).unwrap();
        assert_eq!(load(&file).unwrap().files.len(), 1);
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
