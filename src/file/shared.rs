//! A file that several programs read, change and write: settings, workspaces, annotations, lists.
//!
//! [`update`] reads it, lets the caller make the new contents from the present ones, and puts them in its place, all under
//! an advisory lock (`flock`, `LockFileEx`) on the file itself. Whoever waits for the lock of a file that is replaced
//! meanwhile looks again, so that no change is made from contents that are not there any more. Where the file system knows
//! no locks, what is left is a moment between reading and renaming.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use super::AtomicFile;
use crate::error::{Error, ErrorKind, Result};

/// Nobody holds a lock for longer than it takes to write a file.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(10);

/// What [`update`] writes.
pub enum Update {
    /// These bytes, in the place of what is there.
    Write(Vec<u8>),
    /// Nothing: it stays as it is.
    Leave,
}

/// Replaces the file at `path` by what `change` makes of its bytes (`None`: there is no file), and returns what `change`
/// has returned besides. It appears whole or not at all. `change` may be called again if the file is replaced meanwhile.
///
/// # Errors
/// When it is no file, is longer than `most` bytes, cannot be read or written, or another program keeps it locked; what
/// `change` returns. Then the file is as it was.
pub fn update<T>(path: &Path, most: u64, mut change: impl FnMut(Option<&[u8]>) -> Result<(Update, T)>) -> Result<T> {
    super::touches_file();
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(present) = Present::lock(path, most)? {
            let (new, value) = change(present.bytes.as_deref())?;
            match new {
                Update::Leave => return Ok(value),
                Update::Write(bytes) => match write(path, &bytes, present.bytes.is_some()) {
                    Ok(()) => return Ok(value),
                    // Another program was the first to write it.
                    Err(error) if present.bytes.is_none() && matches!(error.kind(), ErrorKind::Exists) => {}
                    Err(error) => return Err(error),
                },
            }
        }
        if Instant::now() > end {
            return Err(Error::invalid("another program keeps this file locked")
                .with_path(path)
                .with_remedy("close the other window, or try again"));
        }
        std::thread::sleep(PAUSE);
    }
}

fn write(path: &Path, bytes: &[u8], overwrite: bool) -> Result<()> {
    let mut file = AtomicFile::create(path, bytes.len() as u64, overwrite)?;
    file.write_all(bytes).map_err(|e| file.explain(e))?;
    file.commit()
}

/// The file as it is, locked as long as this lives.
struct Present {
    bytes: Option<Vec<u8>>,
    _locked: Option<File>,
}

impl Present {
    /// `None`: somebody else has the lock, or had it until now.
    fn lock(path: &Path, most: u64) -> Result<Option<Self>> {
        let io = |e| Error::io(path, e);
        let nothing = || Ok(Some(Self { bytes: None, _locked: None }));
        // Asked before opening: opening a named pipe would wait for its writer.
        match std::fs::metadata(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return nothing(),
            Err(e) => return Err(io(e)),
            Ok(meta) if !meta.is_file() => {
                let error = Error::invalid("this is no file, but a folder or a device").with_path(path);
                return Err(error.with_remedy("move what is in its place"));
            }
            Ok(_) => {}
        }
        let file = match File::open(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return nothing(),
            opened => opened.map_err(io)?,
        };
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(None),
            // Some file systems have no locks.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let meta = file.metadata().map_err(io)?;
        if !is_at(&meta, path) {
            return Ok(None);
        }
        if meta.len() > most {
            return Err(Error::limit(most, "it is longer than such files ever are").with_path(path));
        }
        let mut bytes = Vec::new();
        (&file).take(most).read_to_end(&mut bytes).map_err(io)?;
        Ok(Some(Self { bytes: Some(bytes), _locked: Some(file) }))
    }
}

/// Whether the open file is still the one of that name.
fn is_at(open: &std::fs::Metadata, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata(path).is_ok_and(|now| (now.dev(), now.ino()) == (open.dev(), open.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = open;
        path.exists()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(path: &Path, line: &str) -> Result<()> {
        update(path, 1 << 20, |present| {
            Ok((Update::Write([present.unwrap_or_default(), line.as_bytes()].concat()), ()))
        })
    }

    #[test]
    fn many_that_change_a_file_at_once_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let path = &path;
                scope.spawn(move || (0..8).for_each(|i| add(path, &format!("{writer}{i};")).unwrap()));
            }
        });
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: std::collections::BTreeSet<&str> = text.split_terminator(';').collect();
        assert_eq!(lines.len(), 32, "{text}");
        assert_eq!(folder.path().read_dir().unwrap().count(), 1, "nothing is left over");
    }

    #[test]
    fn what_cannot_be_changed_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        add(&path, "one").unwrap();
        let refused = update(&path, 1 << 20, |_| Err::<(Update, ()), _>(Error::invalid("no"))).unwrap_err();
        assert!(refused.to_string().contains("no"));
        assert!(update(&path, 2, |_| Ok((Update::Write(Vec::new()), ()))).is_err());
        assert_eq!(update(&path, 9, |present| Ok((Update::Leave, present.map(<[u8]>::len)))).unwrap(), Some(3));
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        assert!(add(folder.path(), "x").is_err());
        let error = add(Path::new("/dev/full"), "x");
        assert!(!cfg!(unix) || error.unwrap_err().to_string().contains("no file"));
    }

    #[cfg(unix)]
    #[test]
    fn whoever_holds_the_lock_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        add(&path, "one").unwrap();
        let held = File::open(&path).unwrap();
        held.lock().unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| add(&path, ", two"));
            std::thread::sleep(5 * PAUSE);
            assert_eq!(std::fs::read(&path).unwrap(), b"one");
            drop(held);
            waiting.join().unwrap().unwrap();
        });
        assert_eq!(std::fs::read(&path).unwrap(), b"one, two");
    }
}
