//! What the files of an open recording do meanwhile: they grow, are cut, replaced or changed in place, vanish and come
//! back, or go on in a further file.
//!
//! [`Watch::look`] asks the system for the length, time of change and identity of the files: one question a look for a
//! recording of one file, two for one of several (the last one, and each of the others in turn). When a file has grown,
//! two pages of it are read, to see that what was there before still is. Folders are listed only when their time of
//! change says that something was put into them. Nothing is kept open.
//!
//! A change in place that is followed by growth at once is that of the program that writes the recording (which mends a
//! header, say), and is not told.

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use twox_hash::XxHash3_64;

use super::{Source, session};

/// How much is looked at, at the first sample and at the end, to tell growth from another file.
const PRINT_BYTES: u64 = 4 << 10;
/// A change in place is told when the file has rested for so long.
const SETTLE: Duration = Duration::from_secs(2);
/// Looks at the files for one at the folder.
const FOLDER_LOOKS: u64 = 8;
/// A folder that was changed so shortly before it was listed is listed again: its clock may be coarse.
const COARSE: Duration = Duration::from_secs(3);

/// Something that a file has done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// It has more bytes.
    Grew { path: PathBuf, from: u64, to: u64 },
    /// It has fewer.
    Shrank { path: PathBuf, from: u64, to: u64 },
    /// Another file has its name, or what was in it is another thing now.
    Replaced { path: PathBuf },
    /// It was changed without growing.
    Edited { path: PathBuf },
    /// It is not there any more, or cannot be reached.
    Vanished { path: PathBuf },
    /// It is there again, as it was.
    Returned { path: PathBuf },
    /// The recording goes on in a further file.
    Next { path: PathBuf },
}

/// What tells one file from another that has its name.
type Id = (u64, u64);

#[cfg(unix)]
fn id_of(meta: &Metadata) -> Option<Id> {
    use std::os::unix::fs::MetadataExt as _;
    Some((meta.dev(), meta.ino()))
}

#[cfg(not(unix))]
fn id_of(_: &Metadata) -> Option<Id> {
    None
}

/// A file as it was seen last.
#[derive(Debug)]
struct Seen {
    path: PathBuf,
    id: Option<Id>,
    len: u64,
    modified: Option<SystemTime>,
    /// The byte of the first sample, as far as it is known: headers are rewritten while a file grows.
    first_byte: u64,
    /// What is at the first sample and at the end; `None` if it was not looked at.
    print: Option<u64>,
    is_gone: bool,
    /// Changed in place, at this time of change, first seen then.
    edited: Option<Instant>,
}

impl Seen {
    fn look(&mut self, events: &mut Vec<Event>) {
        let path = self.path.clone();
        let Ok(meta) = std::fs::metadata(&path) else {
            if !std::mem::replace(&mut self.is_gone, true) {
                events.push(Event::Vanished { path });
            }
            return;
        };
        let (id, len, modified) = (id_of(&meta), meta.len(), meta.modified().ok());
        let was_gone = std::mem::replace(&mut self.is_gone, false);
        let same_file = id == self.id;
        let from = self.len;
        if !same_file || len < from {
            events.push(if same_file { Event::Shrank { path, from, to: len } } else { Event::Replaced { path } });
            (self.id, self.len, self.modified, self.edited) = (id, len, modified, None);
            self.print = self.print_now();
            return;
        }
        if was_gone {
            events.push(Event::Returned { path: path.clone() });
        }
        if len > from {
            let is_same = self.print.is_none() || self.print == self.print_now();
            (self.len, self.modified, self.edited) = (len, modified, None);
            self.print = self.print_now();
            events.push(if is_same { Event::Grew { path, from, to: len } } else { Event::Replaced { path } });
        } else if modified != self.modified {
            self.modified = modified;
            self.edited = Some(Instant::now());
        } else if self.edited.is_some_and(|since| since.elapsed() >= SETTLE) {
            self.edited = None;
            self.print = self.print_now();
            events.push(Event::Edited { path });
        }
    }

    /// A hash of what is at the first sample and before `self.len`.
    fn print_now(&self) -> Option<u64> {
        let file = File::open(&self.path).ok()?;
        let mut bytes = vec![0; (2 * PRINT_BYTES) as usize];
        let (head, tail) = bytes.split_at_mut(PRINT_BYTES as usize);
        let each = PRINT_BYTES.min(self.len.saturating_sub(self.first_byte));
        crate::file::read_at(&file, &mut head[..each as usize], self.first_byte).ok()?;
        crate::file::read_at(&file, &mut tail[..each as usize], self.len - each).ok()?;
        Some(XxHash3_64::oneshot(&bytes))
    }
}

/// The folder in which a further file may appear.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    modified: Option<SystemTime>,
    listed: SystemTime,
    known: BTreeSet<PathBuf>,
}

impl Folder {
    fn of(file: &Path) -> Self {
        let path = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
            _ => PathBuf::from("."),
        };
        let mut folder = Self { path, modified: None, listed: SystemTime::UNIX_EPOCH, known: BTreeSet::new() };
        folder.known = folder.list().into_iter().collect();
        folder
    }

    /// Lists it; the time of change is asked for before, so that nothing is missed.
    fn list(&mut self) -> Vec<PathBuf> {
        self.modified = std::fs::metadata(&self.path).and_then(|m| m.modified()).ok();
        self.listed = SystemTime::now();
        session::list(&self.path).unwrap_or_default()
    }

    /// Files that were not there at first, and were not told of; nothing as long as nothing is put into the folder.
    fn look(&mut self) -> Vec<PathBuf> {
        let modified = std::fs::metadata(&self.path).and_then(|m| m.modified()).ok();
        let fresh = self.modified.is_some_and(|m| self.listed.duration_since(m).is_ok_and(|since| since < COARSE));
        if modified == self.modified && !fresh {
            return Vec::new();
        }
        let listed = self.list();
        listed.into_iter().filter(|path| !self.known.contains(path)).collect()
    }
}

/// Watches the files of one recording. See the module.
#[derive(Debug)]
pub struct Watch {
    files: Vec<Seen>,
    folder: Option<Folder>,
    looks: u64,
}

impl Watch {
    /// Watches the files of `source`, from how they were when it was opened on. Reads two pages of the last of them, and
    /// lists its folder.
    #[must_use]
    pub fn of(source: &dyn Source) -> Self {
        let mut files: Vec<Seen> =
            source.files().into_iter().enumerate().map(|(i, path)| seen(i, path, source)).collect();
        if let Some(last) = files.last_mut() {
            last.print = last.print_now();
        }
        let folder = files.last().map(|last| Folder::of(&last.path));
        Self { files, folder, looks: 0 }
    }

    /// The files, in order.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        self.files.iter().map(|seen| seen.path.clone()).collect()
    }

    /// Whether there is anything to watch.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// What has happened since the last look.
    pub fn look(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        self.looks += 1;
        let Some((last, before)) = self.files.split_last_mut() else { return events };
        last.look(&mut events);
        if !before.is_empty() {
            let turn = (self.looks % before.len() as u64) as usize;
            before[turn].look(&mut events);
        }
        let (last, gone) = (last.path.clone(), last.is_gone);
        if !gone && self.looks.is_multiple_of(FOLDER_LOOKS) {
            events.extend(self.next(&last).map(|path| Event::Next { path }));
        }
        events
    }

    /// Takes in that the recording goes on in `path`.
    pub fn add(&mut self, path: PathBuf) {
        let mut seen = seen_now(path);
        seen.print = seen.print_now();
        if let Some(folder) = seen.path.parent().filter(|p| self.folder.as_ref().is_none_or(|f| f.path != **p)) {
            self.folder = Some(Folder::of(&folder.join("x")));
        }
        if let Some(folder) = &mut self.folder {
            // Others that are there already may go on where this one ends.
            folder.modified = None;
        }
        self.files.push(seen);
    }

    /// The new file that goes on where `last` ends, if there is one.
    fn next(&mut self, last: &Path) -> Option<PathBuf> {
        let folder = self.folder.as_mut()?;
        let mut new = folder.look();
        new.retain(|path| session::goes_on(last, path) && std::fs::metadata(path).is_ok_and(|m| m.is_file()));
        let next = session::first_of(new)?;
        folder.known.insert(next.clone());
        Some(next)
    }
}

/// A file of `source` as it was when that was opened.
fn seen(index: usize, path: PathBuf, source: &dyn Source) -> Seen {
    let mut seen = seen_now(path);
    if let Some(part) = source.parts().get(index) {
        (seen.len, seen.modified) = (part.bytes, part.modified);
        return seen;
    }
    let flats = 0..source.recording().streams.len();
    let mut maps = flats.filter_map(|stream| source.flat_at(stream, 0)).filter(|p| p.layout.map().path() == seen.path);
    if let Some(piece) = maps.next() {
        let map = piece.layout.map();
        let id = map.file().metadata().ok().and_then(|meta| id_of(&meta));
        seen.first_byte = piece.layout.first_byte();
        (seen.id, seen.len, seen.modified) = (id.or(seen.id), map.len(), map.modified());
    }
    seen
}

fn seen_now(path: PathBuf) -> Seen {
    let meta = std::fs::metadata(&path).ok();
    Seen {
        id: meta.as_ref().and_then(id_of),
        len: meta.as_ref().map_or(0, Metadata::len),
        modified: meta.as_ref().and_then(|m| m.modified().ok()),
        is_gone: meta.is_none(),
        path,
        first_byte: 0,
        print: None,
        edited: None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::Arc;

    use super::*;
    use crate::source::{OpenOptions, open};
    use crate::task::Task;

    fn source(path: &Path) -> Arc<dyn Source> {
        let options = OpenOptions { sample_type: Some(crate::recording::SampleType::U8), ..OpenOptions::default() };
        open(path, &options, &Task::unattended()).unwrap()
    }

    fn append(path: &Path, bytes: &[u8]) {
        std::fs::File::options().append(true).open(path).unwrap().write_all(bytes).unwrap();
    }

    /// What happens within some looks.
    fn events(watch: &mut Watch) -> Vec<Event> {
        (0..2 * FOLDER_LOOKS).flat_map(|_| watch.look()).collect()
    }

    #[test]
    fn what_a_file_does_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("day_1.raw");
        std::fs::write(&path, vec![7; 10_000]).unwrap();
        let mut watch = Watch::of(source(&path).as_ref());
        assert!(events(&mut watch).is_empty());
        append(&path, &[1, 2, 3]);
        assert_eq!(events(&mut watch), [Event::Grew { path: path.clone(), from: 10_000, to: 10_003 }]);
        // Rewritten, and longer.
        std::fs::write(&path, vec![8; 20_000]).unwrap();
        assert_eq!(events(&mut watch), [Event::Replaced { path: path.clone() }]);
        std::fs::write(&path, vec![8; 30]).unwrap();
        assert_eq!(events(&mut watch), [Event::Shrank { path: path.clone(), from: 20_000, to: 30 }]);
        let aside = folder.path().join("aside");
        std::fs::rename(&path, &aside).unwrap();
        assert_eq!(events(&mut watch), [Event::Vanished { path: path.clone() }]);
        std::fs::rename(&aside, &path).unwrap();
        assert_eq!(events(&mut watch), [Event::Returned { path: path.clone() }]);
        std::fs::write(&aside, vec![9; 30]).unwrap();
        std::fs::rename(&aside, &path).unwrap();
        assert_eq!(events(&mut watch), [Event::Replaced { path: path.clone() }]);
        assert!(events(&mut watch).is_empty());
    }

    #[test]
    fn growth_between_opening_and_watching_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.raw");
        std::fs::write(&path, [7; 100]).unwrap();
        let source = source(&path);
        append(&path, &[1]);
        assert_eq!(events(&mut Watch::of(source.as_ref())), [Event::Grew { path, from: 100, to: 101 }]);
    }

    #[test]
    fn a_change_in_place_is_told_when_it_rests_and_not_before_growth() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.raw");
        std::fs::write(&path, [7; 100]).unwrap();
        let mut watch = Watch::of(source(&path).as_ref());
        let touch = |secs: u64| {
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(SystemTime::now() + Duration::from_secs(secs)).unwrap();
        };
        touch(5);
        assert!(events(&mut watch).is_empty());
        append(&path, &[1]);
        assert!(matches!(events(&mut watch)[..], [Event::Grew { .. }]));
        touch(9);
        assert!(events(&mut watch).is_empty());
        watch.files[0].edited = Instant::now().checked_sub(SETTLE);
        assert_eq!(events(&mut watch), [Event::Edited { path: path.clone() }]);
        assert!(events(&mut watch).is_empty());
    }

    #[test]
    fn the_next_files_are_found_one_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["day_1.raw", "day_9.raw", "other_2.raw"] {
            std::fs::write(at(name), [7; 100]).unwrap();
        }
        let mut watch = Watch::of(source(&at("day_1.raw")).as_ref());
        for name in ["day_3.raw", "day_2.raw", "day_2.txt", "day_10.raw", "night_2.raw"] {
            std::fs::write(at(name), [7; 100]).unwrap();
        }
        assert_eq!(events(&mut watch), [Event::Next { path: at("day_2.raw") }]);
        watch.add(at("day_2.raw"));
        assert_eq!(events(&mut watch), [Event::Next { path: at("day_3.raw") }]);
        watch.add(at("day_3.raw"));
        append(&at("day_3.raw"), &[1]);
        assert_eq!(events(&mut watch), [Event::Grew { path: at("day_3.raw"), from: 100, to: 101 }]);
        append(&at("day_2.raw"), &[1]);
        assert_eq!(events(&mut watch), [Event::Grew { path: at("day_2.raw"), from: 100, to: 101 }]);
    }
}
