//! Output that appears whole or not at all.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};

/// A file written under a temporary name beside its target; [`AtomicFile::commit`] makes it durable and renames it,
/// dropping it uncommitted removes it.
#[derive(Debug)]
pub struct AtomicFile {
    target: PathBuf,
    temporary: PathBuf,
    file: Option<File>,
    overwrite: bool,
    flusher: Option<Flusher>,
}

/// Files from this size on are sent to the disk while they are being written.
const FLUSH_FROM_BYTES: u64 = 64 << 20;
/// Names of targets up to this length are part of the temporary name.
const LONGEST_NAME: usize = 200;
/// So many temporary names are tried.
const TEMPORARY_NAMES: usize = 1000;
/// So often.
const FLUSH_EVERY: Duration = Duration::from_millis(20);

/// Sends what is written to the disk on a thread of its own, so that little is left to wait for at the end.
#[derive(Debug)]
pub(crate) struct Flusher {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Flusher {
    pub(crate) fn start(file: &File) -> Option<Self> {
        let file = file.try_clone().ok()?;
        let stop = Arc::new(AtomicBool::new(false));
        let theirs = Arc::clone(&stop);
        let flush = move || {
            while !theirs.load(Ordering::Relaxed) {
                file.sync_data()?;
                std::thread::park_timeout(FLUSH_EVERY);
            }
            Ok(())
        };
        let thread = std::thread::Builder::new().name("flush".into()).spawn(flush).ok();
        Some(Self { stop, thread })
    }

    /// Stops it; the error that it has met. The system tells an error of writing once only: whoever syncs the file
    /// afterwards does not hear of it again.
    fn finish(&mut self) -> io::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        let Some(thread) = self.thread.take() else { return Ok(()) };
        thread.thread().unpark();
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that writes to the disk has failed")))
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        // Dropped without being asked, the file is not wanted any more.
        drop(self.finish());
    }
}

impl AtomicFile {
    /// Starts writing `target`.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`] if the target exists and `overwrite` is false; [`ErrorKind::NoSpace`] if the disk has less
    /// than `expected_bytes` free; what the system says if the folder is not writable.
    pub fn create(target: &Path, expected_bytes: u64, overwrite: bool) -> Result<Self> {
        super::touches_file();
        if !overwrite && target.symlink_metadata().is_ok() {
            return Err(exists(target));
        }
        if target.is_dir() {
            return Err(Error::invalid("this is a folder, not a file").with_path(target));
        }
        let folder = folder_of(target);
        let Some(name) = target.file_name() else {
            return Err(Error::invalid("this is not a file name").with_path(target));
        };
        if let Some(free) = free_bytes(folder)
            && free < expected_bytes
        {
            return Err(Error::new(ErrorKind::NoSpace { need: expected_bytes, free })
                .with_path(target)
                .with_remedy("free some space, choose another disk, or export a shorter range"));
        }
        let (temporary, file) = create_temporary(folder, name)
            .map_err(|e| Error::io(target, e).with_remedy("check that the folder exists and can be written to"))?;
        let flusher = if expected_bytes >= FLUSH_FROM_BYTES { Flusher::start(&file) } else { None };
        Ok(Self { target: target.to_path_buf(), temporary, file: Some(file), overwrite, flusher })
    }

    /// The name it will have.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// The file being written; errors from it are put into words by [`Self::explain`].
    pub fn file(&mut self) -> &mut File {
        self.file.as_mut().expect("only `commit` takes the file")
    }

    /// Puts an error of writing into words.
    #[must_use]
    pub fn explain(&self, error: io::Error) -> Error {
        let full = error.kind() == io::ErrorKind::StorageFull;
        let error = Error::io(&self.target, error);
        if full {
            error.with_remedy("the disk is full; nothing was kept: free some space and try again")
        } else {
            error
        }
    }

    /// Sends everything written so far to the disk, so that little is left for [`Self::commit`] to wait for.
    ///
    /// # Errors
    /// When the system refuses: a full disk may say so only now.
    pub fn settle(&mut self) -> Result<()> {
        let flushed = self.flusher.take().map_or(Ok(()), |mut flusher| flusher.finish());
        let synced = self.file.as_ref().map_or(Ok(()), File::sync_all);
        flushed.and(synced).map_err(|e| self.explain(e))
    }

    /// Makes the file durable under its final name.
    ///
    /// # Errors
    /// When the system refuses (a full disk may say so only now), or when the target has come to exist meanwhile.
    pub fn commit(mut self) -> Result<()> {
        self.settle()?;
        self.file = None;
        if !self.take_free_name()? {
            std::fs::rename(&self.temporary, &self.target).map_err(|e| Error::io(&self.target, e))?;
        }
        sync_folder(folder_of(&self.target));
        Ok(())
    }

    /// Unless it may be replaced: gives the file its final name if that is free. A hard link fails where a rename would
    /// silently replace what another program has put there meanwhile. False where a rename has to do.
    fn take_free_name(&self) -> Result<bool> {
        if self.overwrite {
            return Ok(false);
        }
        match std::fs::hard_link(&self.temporary, &self.target) {
            Ok(()) => {
                // `drop` tries again.
                drop(std::fs::remove_file(&self.temporary));
                Ok(true)
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Err(exists(&self.target)),
            // A file system without hard links; looked at once more, since a rename does not ask.
            Err(_) if self.target.symlink_metadata().is_ok() => Err(exists(&self.target)),
            Err(_) => Ok(false),
        }
    }
}

fn folder_of(target: &Path) -> &Path {
    match target.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    }
}

/// A new file in `folder` whose name nobody else uses: neither another job of this process that writes the same target,
/// nor what a crash has left, nor a link that somebody has laid there.
fn create_temporary(folder: &Path, name: &OsStr) -> io::Result<(PathBuf, File)> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // Names have at most 255 bytes on most systems.
    let long = name.len() > LONGEST_NAME;
    let stem =
        if long { OsString::from(name.to_string_lossy().chars().take(32).collect::<String>()) } else { name.into() };
    for _ in 0..TEMPORARY_NAMES {
        let mut temporary = OsString::from(".");
        temporary.push(&stem);
        temporary.push(format!(".{}-{}.part", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        let path = folder.join(temporary);
        match OpenOptions::new().write(true).read(true).create_new(true).open(&path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            result => return result.map(|file| (path, file)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Makes names durable. A file system that cannot do that does it by itself, sooner or later.
fn sync_folder(folder: &Path) {
    #[cfg(unix)]
    drop(File::open(folder).and_then(|f| f.sync_all()));
    #[cfg(not(unix))]
    let _ = folder;
}

fn exists(target: &Path) -> Error {
    Error::new(ErrorKind::Exists).with_path(target).with_remedy("choose another name, or overwrite it with --force")
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file().flush()
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        self.file = None;
        // After a rename there is nothing to remove; otherwise a leftover is the least evil.
        drop(std::fs::remove_file(&self.temporary));
    }
}

/// Free bytes on the disk of `folder`, as far as this user may use them; `None` where the system does not tell.
#[must_use]
pub fn free_bytes(folder: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let stat = rustix::fs::statvfs(folder).ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            folder.read_dir().unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.npy");
        let mut out = AtomicFile::create(&target, 10, false).unwrap();
        out.write_all(b"half").unwrap();
        assert!(!target.exists());
        drop(out);
        assert!(names(folder.path()).is_empty());

        let mut out = AtomicFile::create(&target, 10, false).unwrap();
        out.write_all(b"whole").unwrap();
        out.commit().unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"whole");
        assert_eq!(names(folder.path()), ["out.npy"]);

        assert!(matches!(AtomicFile::create(&target, 0, false).unwrap_err().kind(), ErrorKind::Exists));
        let mut out = AtomicFile::create(&target, 0, true).unwrap();
        out.write_all(b"new").unwrap();
        out.commit().unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["out.npy"]);
    }

    #[test]
    fn never_replaces_what_came_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.npy");
        let out = AtomicFile::create(&target, 0, false).unwrap();
        std::fs::write(&target, b"theirs").unwrap();
        assert!(matches!(out.commit().unwrap_err().kind(), ErrorKind::Exists));
        assert_eq!(std::fs::read(&target).unwrap(), b"theirs");
        assert_eq!(names(folder.path()), ["out.npy"]);
    }

    #[test]
    fn two_that_write_the_same_target_do_not_mix() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.npy");
        let mut first = AtomicFile::create(&target, 0, true).unwrap();
        let mut second = AtomicFile::create(&target, 0, true).unwrap();
        first.write_all(b"first").unwrap();
        second.write_all(b"2").unwrap();
        second.commit().unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"2");
        first.commit().unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"first");
        assert_eq!(names(folder.path()), ["out.npy"]);
        // The longest name that a file may have.
        let target = folder.path().join("n".repeat(251) + ".npy");
        AtomicFile::create(&target, 0, false).unwrap().commit().unwrap();
        assert!(target.is_file());
    }

    #[test]
    fn refuses_before_writing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.npy");
        if free_bytes(folder.path()).is_some() {
            let error = AtomicFile::create(&target, u64::MAX, false).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::NoSpace { need: u64::MAX, .. }));
        }
        assert!(AtomicFile::create(&folder.path().join("no/such/out.npy"), 0, false).is_err());
        assert!(AtomicFile::create(folder.path(), 0, true).is_err());
        assert!(names(folder.path()).is_empty());
    }
}
