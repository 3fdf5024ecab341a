//! A folder of files that appears whole or not at all.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::free_bytes;
use crate::error::{Error, ErrorKind, Result};

/// So many temporary names are tried.
const NAMES_TRIED: u32 = 1000;

/// A folder filled under a temporary name beside its target; [`AtomicFolder::commit`] makes it durable and renames it,
/// dropping it uncommitted removes it with all that is in it.
#[derive(Debug)]
pub struct AtomicFolder {
    target: PathBuf,
    temporary: PathBuf,
    overwrite: bool,
    committed: bool,
}

impl AtomicFolder {
    /// Makes the folder that will be `target`.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`] if the target exists and `overwrite` is false; [`ErrorKind::NoSpace`] if the disk has less
    /// than `expected_bytes` free; what the system says if the folder around it is not writable.
    pub fn create(target: &Path, expected_bytes: u64, overwrite: bool) -> Result<Self> {
        if !overwrite && target.symlink_metadata().is_ok() {
            return Err(exists(target));
        }
        if target.symlink_metadata().is_ok_and(|meta| !meta.is_dir()) {
            return Err(Error::invalid("this is a file, not a folder")
                .with_path(target)
                .with_remedy("choose another name"));
        }
        let around = match target.parent() {
            Some(p) if !p.as_os_str().is_empty() => p,
            _ => Path::new("."),
        };
        let Some(name) = target.file_name() else {
            return Err(Error::invalid("this is not the name of a folder").with_path(target));
        };
        if let Some(free) = free_bytes(around)
            && free < expected_bytes
        {
            return Err(Error::new(ErrorKind::NoSpace { need: expected_bytes, free })
                .with_path(target)
                .with_remedy("free some space, choose another disk, or export a shorter range"));
        }
        let temporary = create_temporary(around, name)
            .map_err(|e| Error::io(target, e).with_remedy("check that the folder exists and can be written to"))?;
        Ok(Self { target: target.to_path_buf(), temporary, overwrite, committed: false })
    }

    /// Where files are to be written until [`Self::commit`].
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.temporary
    }

    /// Makes a folder in it.
    ///
    /// # Errors
    /// What the system says.
    pub fn subfolder(&self, name: &str) -> Result<PathBuf> {
        let path = self.temporary.join(name);
        std::fs::create_dir(&path).map_err(|e| self.explain(e))?;
        Ok(path)
    }

    /// Writes a small file into it.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        std::fs::write(self.temporary.join(name), bytes).map_err(|e| self.explain(e))
    }

    /// Puts an error of writing into words.
    #[must_use]
    pub fn explain(&self, error: std::io::Error) -> Error {
        let full = error.kind() == std::io::ErrorKind::StorageFull;
        let error = Error::io(&self.target, error);
        if full {
            error.with_remedy("the disk is full; nothing was kept: free some space and try again")
        } else {
            error
        }
    }

    /// Makes all files durable and gives the folder its name; returns the files under it, in the order of their names.
    ///
    /// A folder that is there already is replaced only if it was allowed, and if it holds no file but those that are
    /// now replaced: what a user has put there since is not removed.
    ///
    /// # Errors
    /// When that is not so, or the system refuses; nothing is left of the new folder then.
    pub fn commit(mut self) -> Result<Vec<PathBuf>> {
        let io = |e| Error::io(&self.target, e);
        let mut files = Vec::new();
        list(&self.temporary, Path::new(""), &mut files).map_err(io)?;
        files.sort();
        for file in &files {
            File::open(self.temporary.join(file)).and_then(|f| f.sync_all()).map_err(io)?;
        }
        let old = match self.target.symlink_metadata() {
            Ok(_) if !self.overwrite => return Err(exists(&self.target)),
            Ok(_) => Some(self.set_aside(&files)?),
            Err(_) => None,
        };
        if let Err(e) = std::fs::rename(&self.temporary, &self.target) {
            if let Some(old) = old {
                // If even that fails, the old folder is still there under the other name.
                drop(std::fs::rename(old, &self.target));
            }
            return Err(Error::io(&self.target, e));
        }
        self.committed = true;
        if let Some(old) = old {
            // The new folder is complete; a leftover is the least evil.
            drop(std::fs::remove_dir_all(old));
        }
        Ok(files.iter().map(|file| self.target.join(file)).collect())
    }

    /// Renames the folder that is in the way, and returns its new name.
    fn set_aside(&self, files: &[PathBuf]) -> Result<PathBuf> {
        let mut there = Vec::new();
        list(&self.target, Path::new(""), &mut there).map_err(|e| Error::io(&self.target, e))?;
        if let Some(other) = there.iter().find(|file| !files.contains(file)) {
            return Err(Error::invalid(format!("the folder also holds '{}', which would be lost", other.display()))
                .with_path(&self.target)
                .with_remedy("choose another name, or remove the folder yourself"));
        }
        let mut name = self.temporary.as_os_str().to_owned();
        name.push(".old");
        let old = PathBuf::from(name);
        std::fs::rename(&self.target, &old).map_err(|e| Error::io(&self.target, e))?;
        Ok(old)
    }
}

impl Drop for AtomicFolder {
    fn drop(&mut self) {
        if !self.committed {
            // A leftover is the least evil.
            drop(std::fs::remove_dir_all(&self.temporary));
        }
    }
}

/// Makes a folder in `around` whose name nobody else uses.
fn create_temporary(around: &Path, name: &OsStr) -> std::io::Result<PathBuf> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // Long names leave no room for more.
    let stem: String = name.to_string_lossy().chars().take(48).collect();
    let mut result = Err(std::io::ErrorKind::AlreadyExists.into());
    for _ in 0..NAMES_TRIED {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = around.join(format!(".{stem}.{}-{count}.part", std::process::id()));
        result = std::fs::create_dir(&path).map(|()| path);
        // Left behind by a program of the same number that was killed.
        if !matches!(&result, Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists) {
            break;
        }
    }
    result
}

/// Every file under `folder`, relative to it.
fn list(folder: &Path, inside: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = inside.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            list(&entry.path(), &name, files)?;
        } else {
            files.push(name);
        }
    }
    Ok(())
}

fn exists(target: &Path) -> Error {
    Error::new(ErrorKind::Exists).with_path(target).with_remedy("choose another name, or overwrite it with --force")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        list(folder, Path::new(""), &mut files).unwrap();
        files.sort();
        files
    }

    #[test]
    fn all_files_appear_or_none() {
        let around = tempfile::tempdir().unwrap();
        let target = around.path().join("out");
        let make = |overwrite: bool, names: &[&str]| -> Result<Vec<PathBuf>> {
            let folder = AtomicFolder::create(&target, 10, overwrite)?;
            std::fs::create_dir(folder.path().join("sub")).unwrap();
            for name in names {
                std::fs::write(folder.path().join(name), name).unwrap();
            }
            folder.commit()
        };
        let dropped = AtomicFolder::create(&target, 10, false).unwrap();
        std::fs::write(dropped.path().join("half"), "half").unwrap();
        assert!(!target.exists());
        drop(dropped);
        assert!(names(around.path()).is_empty());

        let written = make(false, &["b", "sub/a"]).unwrap();
        assert_eq!(written, [target.join("b"), target.join("sub/a")]);
        assert!(matches!(make(false, &["b"]).unwrap_err().kind(), ErrorKind::Exists));
        make(true, &["b", "sub/a", "c"]).unwrap();
        assert_eq!(names(around.path()), ["out/b", "out/c", "out/sub/a"].map(PathBuf::from));
        // What was added since is not lost.
        std::fs::write(target.join("sorted"), "a day's work").unwrap();
        let error = make(true, &["b", "sub/a", "c"]).unwrap_err().to_string();
        assert!(error.contains("'sorted'"), "{error}");
        assert_eq!(names(around.path()), ["out/b", "out/c", "out/sorted", "out/sub/a"].map(PathBuf::from));
        let file = around.path().join("file");
        std::fs::write(&file, "x").unwrap();
        assert!(AtomicFolder::create(&file, 0, true).unwrap_err().to_string().contains("not a folder"));
        assert!(matches!(
            AtomicFolder::create(&around.path().join("x"), u64::MAX, false).map(drop),
            Err(e) if matches!(e.kind(), ErrorKind::NoSpace { .. }) || free_bytes(around.path()).is_none()
        ));
    }
}
