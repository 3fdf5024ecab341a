//! Where the tiles of spectrograms are kept: `NAME.lwgram` beside the recording (or in the user's cache folder where that
//! cannot be written), version 1; in memory where there is neither.
//!
//! A header of [`HEADER_BYTES`], then records, one behind the other, of any channels and windows in any order. All numbers
//! are little-endian.
//!
//! | bytes  | header                                               | record                                          |
//! |--------|------------------------------------------------------|-------------------------------------------------|
//! | 0..8   | magic `LWGRAM` and two zeros                         | magic `LWGT` (4), number of the tile (u32)       |
//! | 8..16  | version (u32), zero                                  | what it belongs to: hash of channel and windows  |
//! | 16..24 | hash of the recording as it is (see the `.lwpeaks`)  | rows (u32), zero                                |
//! | 24..56 | zero                                                 | xxh3 of each level, coarsest first              |
//! | 56..64 | xxh3 of bytes 0..56                                  | xxh3 of bytes 0..56, seeded with the recording's |
//!
//! Behind a record's header come its levels, coarsest first (see [`super::pyramid`]). The file only grows: a crash at any
//! moment leaves whole records and at most one torn one at the end, which the next run writes over. One program writes at a
//! time (the file is locked); others read it. Nothing read from the file says how much to allocate: sizes follow from the
//! rows that are asked for, and a record of another size is of another spectrogram. A file that belongs to the recording as it
//! was is made anew, and so is one that has grown to [`LARGEST`].

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use twox_hash::XxHash3_64;

use crate::budget::{MemoryBudget, Reservation};
use crate::error::{Error, Result};
use crate::file::{read_at, write_at};
use crate::source::Source;
use crate::summary::{SidecarPolicy, keeping};

/// Columns of each level of a tile, coarsest first.
pub(super) const LEVEL_COLUMNS: [usize; 4] = [1, 4, 16, 64];
const HEADER_BYTES: u64 = 64;
const RECORD_HEADER: usize = 64;
const VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"LWGRAM\0\0";
const RECORD_MAGIC: [u8; 4] = *b"LWGT";
/// More rows than any spectrogram has.
const MOST_ROWS: u32 = 1 << 14;
/// A file of this size is begun anew.
const LARGEST: u64 = 4 << 30;

/// All tiles of one stream of an open recording.
pub(super) struct Store {
    inner: Mutex<Inner>,
    identity: u64,
    places: Vec<PathBuf>,
    budget: MemoryBudget,
}

#[derive(Default)]
struct Inner {
    file: Option<Kept>,
    tiles: HashMap<(u64, u32), Place>,
}

impl Inner {
    fn writes(&self) -> bool {
        self.file.as_ref().is_some_and(|kept| kept.end.is_some())
    }
}

struct Kept {
    file: File,
    path: PathBuf,
    /// Where the next record goes; `None` if another program writes, or nobody may.
    end: Option<u64>,
}

enum Place {
    /// Its record begins at this byte.
    At(u64),
    Held(Arc<[u8]>, #[expect(dead_code, reason = "gives the bytes back with the tile")] Reservation),
}

impl Store {
    /// The tiles kept for stream `stream`.
    ///
    /// # Errors
    /// When the recording's file cannot be read.
    pub(super) fn open(
        source: &dyn Source,
        stream: usize,
        budget: &MemoryBudget,
        policy: &SidecarPolicy,
    ) -> Result<Self> {
        let kept = if *policy == SidecarPolicy::Off { None } else { keeping(source, stream, "gram")? };
        let (identity, mut places) = kept.unwrap_or_default();
        if let SidecarPolicy::At(path) = policy {
            places = vec![path.clone()];
        }
        let inner = places.iter().find_map(|path| open_file(path, identity)).unwrap_or_default();
        Ok(Self { inner: Mutex::new(inner), identity, places, budget: budget.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the file if there is none yet; whether tiles go to one.
    pub(super) fn prepare(&self) -> bool {
        let mut inner = self.lock();
        match &inner.file {
            None => inner.file = self.places.iter().find_map(|path| create(path, self.identity)),
            // Whoever was writing may have gone by now.
            Some(Kept { end: None, path, .. }) => {
                if let Some(free) = open_file(path, self.identity).filter(|found| found.writes()) {
                    *inner = free;
                }
            }
            Some(_) => {}
        }
        inner.writes()
    }

    /// The file in use.
    pub(super) fn path(&self) -> Option<PathBuf> {
        self.lock().file.as_ref().map(|kept| kept.path.clone())
    }

    /// The tiles of `set` that are there.
    pub(super) fn tiles_of(&self, set: u64) -> Vec<u32> {
        self.lock().tiles.keys().filter(|(of, _)| *of == set).map(|(_, tile)| *tile).collect()
    }

    /// Level `level` (0 is the coarsest) of a tile; `None` if it is not there or broken, and then it is forgotten.
    pub(super) fn read(&self, set: u64, tile: u32, rows: usize, level: usize) -> Option<Vec<u16>> {
        let before: usize = LEVEL_COLUMNS[..level].iter().sum::<usize>() * rows * 2;
        let mut bytes = vec![0; LEVEL_COLUMNS[level] * rows * 2];
        let mut inner = self.lock();
        match inner.tiles.get(&(set, tile))? {
            Place::Held(image, _) => {
                let range = before..before + bytes.len();
                bytes.copy_from_slice(image.get(range)?);
            }
            Place::At(at) => {
                let at = *at;
                let file = &inner.file.as_ref()?.file;
                let sound = (|| {
                    let mut header = [0; RECORD_HEADER];
                    read_at(file, &mut header, at).ok()?;
                    read_at(file, &mut bytes, at + RECORD_HEADER as u64 + before as u64).ok()?;
                    let sum = number(&header, 24 + 8 * level);
                    (sum == XxHash3_64::oneshot(&bytes) && number(&header, 16) == rows as u64).then_some(())
                })();
                if sound.is_none() {
                    inner.tiles.remove(&(set, tile));
                    return None;
                }
            }
        }
        Some(bytes.as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b)).collect())
    }

    /// Keeps a tile: its levels, coarsest first.
    ///
    /// # Errors
    /// When the file cannot be written, or, without one, the memory limit is reached.
    pub(super) fn put(&self, set: u64, tile: u32, rows: usize, codes: &[u16]) -> Result<()> {
        debug_assert_eq!(codes.len(), LEVEL_COLUMNS.iter().sum::<usize>() * rows);
        let image: Vec<u8> = codes.iter().flat_map(|code| code.to_le_bytes()).collect();
        let mut inner = self.lock();
        let Inner { file, tiles } = &mut *inner;
        let Some((kept, end)) = file.as_mut().and_then(|kept| kept.end.map(|end| (kept, end))) else {
            let bytes = image.len() as u64;
            let memory = self.budget.reserve(bytes).or_else(|_| {
                // What was looked at before makes room: it can be made again.
                tiles.retain(|(of, _), place| *of == set || matches!(place, Place::At(_)));
                self.budget.reserve(bytes)
            })?;
            tiles.insert((set, tile), Place::Held(image.into(), memory));
            return Ok(());
        };
        let mut record = record_header(self.identity, set, tile, rows, &image);
        record.extend(&image);
        let mut at = end;
        if at + record.len() as u64 > LARGEST {
            tiles.retain(|_, place| matches!(place, Place::Held(..)));
            kept.file.set_len(HEADER_BYTES).map_err(|e| explain(&kept.path, e))?;
            at = HEADER_BYTES;
        }
        write_at(&kept.file, &record, at).map_err(|e| explain(&kept.path, e))?;
        kept.end = Some(at + record.len() as u64);
        tiles.insert((set, tile), Place::At(at));
        Ok(())
    }
}

fn explain(path: &Path, error: std::io::Error) -> Error {
    Error::io(path, error)
        .with_remedy("the spectrogram could not be kept; free some space, or delete this file and try again")
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default())
}

fn file_header(identity: u64) -> [u8; HEADER_BYTES as usize] {
    let mut header = [0; HEADER_BYTES as usize];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[16..24].copy_from_slice(&identity.to_le_bytes());
    let sum = XxHash3_64::oneshot(&header[..56]);
    header[56..].copy_from_slice(&sum.to_le_bytes());
    header
}

fn record_header(identity: u64, set: u64, tile: u32, rows: usize, image: &[u8]) -> Vec<u8> {
    let mut header = RECORD_MAGIC.to_vec();
    header.extend(tile.to_le_bytes());
    header.extend(set.to_le_bytes());
    header.extend((rows as u64).to_le_bytes());
    let mut at = 0;
    for columns in LEVEL_COLUMNS {
        let len = columns * rows * 2;
        header.extend(XxHash3_64::oneshot(&image[at..at + len]).to_le_bytes());
        at += len;
    }
    header.extend(XxHash3_64::oneshot_with_seed(identity, &header).to_le_bytes());
    header
}

/// Opens a file of the recording with this identity and finds its records.
fn open_file(path: &Path, identity: u64) -> Option<Inner> {
    // Asked before opening: opening a named pipe would wait for its writer.
    if !std::fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let (file, writable) = match OpenOptions::new().read(true).write(true).open(path) {
        // Whoever has the lock writes, others read.
        Ok(file) => {
            let locked = file.try_lock().is_ok();
            (file, locked)
        }
        Err(_) => (File::open(path).ok()?, false),
    };
    let mut header = [0; HEADER_BYTES as usize];
    read_at(&file, &mut header, 0).ok()?;
    if header != file_header(identity) {
        return None;
    }
    let len = file.metadata().ok()?.len();
    let mut tiles = HashMap::new();
    let mut at = HEADER_BYTES;
    while at + RECORD_HEADER as u64 <= len {
        let mut record = [0; RECORD_HEADER];
        if read_at(&file, &mut record, at).is_err() {
            break;
        }
        let rows = number(&record, 16);
        let sound = record[..4] == RECORD_MAGIC
            && number(&record, 56) == XxHash3_64::oneshot_with_seed(identity, &record[..56])
            && (1..=u64::from(MOST_ROWS)).contains(&rows);
        let end = at + RECORD_HEADER as u64 + LEVEL_COLUMNS.iter().sum::<usize>() as u64 * rows * 2;
        if !sound || end > len {
            break;
        }
        let tile = u32::from_le_bytes(record[4..8].try_into().unwrap_or_default());
        tiles.insert((number(&record, 8), tile), Place::At(at));
        at = end;
    }
    let file = Kept { file, path: path.to_path_buf(), end: writable.then_some(at) };
    Some(Inner { file: Some(file), tiles })
}

fn create(path: &Path, identity: u64) -> Option<Kept> {
    if let Some(folder) = path.parent()
        && !folder.as_os_str().is_empty()
    {
        // If this fails, so does the creation of the file.
        drop(std::fs::create_dir_all(folder));
    }
    // Of the recording as it was: removed, not truncated, because another program may be reading it.
    if path.is_file() {
        std::fs::remove_file(path).ok()?;
    }
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(path).ok()?;
    file.try_lock().ok()?;
    write_at(&file, &file_header(identity), 0).ok()?;
    Some(Kept { file, path: path.to_path_buf(), end: Some(HEADER_BYTES) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(path: &Path, identity: u64) -> Store {
        let inner = open_file(path, identity).unwrap_or_default();
        let budget = MemoryBudget::new(16 << 20);
        Store { inner: Mutex::new(inner), identity, places: vec![path.to_path_buf()], budget }
    }

    fn codes(rows: usize, of: u16) -> Vec<u16> {
        (0..85 * rows).map(|i| i as u16 ^ of).collect()
    }

    #[test]
    fn a_torn_record_is_written_over_and_a_broken_one_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lwgram");
        {
            let store = store(&path, 7);
            assert!(store.prepare());
            (0..3).for_each(|tile| store.put(1, tile, 5, &codes(5, tile as u16)).unwrap());
            store.put(2, 0, 9, &codes(9, 99)).unwrap();
        }
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        {
            let store = store(&path, 7);
            assert_eq!((store.tiles_of(1).len(), store.tiles_of(2).len()), (3, 0));
            assert_eq!(store.read(1, 2, 5, 1).unwrap(), codes(5, 2)[5..25]);
            assert!(store.read(1, 2, 6, 1).is_none(), "of other rows");
            store.put(2, 0, 9, &codes(9, 99)).unwrap();
        }
        assert_eq!(std::fs::read(&path).unwrap(), whole);
        let mut broken = whole.clone();
        broken[64 + 64 + 3] ^= 1;
        std::fs::write(&path, &broken).unwrap();
        let damaged = store(&path, 7);
        assert!(damaged.read(1, 0, 5, 1).is_some(), "another level is sound");
        assert!(damaged.read(1, 0, 5, 0).is_none());
        assert_eq!(damaged.tiles_of(1).len(), 2);
        drop(damaged);
        assert!(store(&path, 8).tiles_of(1).is_empty(), "another recording");
    }

    #[test]
    fn in_memory_what_was_looked_at_before_makes_room() {
        // Room for two tiles of 7 MB.
        const ROWS: usize = 41_000;
        let budget = MemoryBudget::new(16 << 20);
        let free = budget.free();
        let store = Store { inner: Mutex::default(), identity: 7, places: Vec::new(), budget: budget.clone() };
        assert!(!store.prepare());
        (0..2).for_each(|tile| store.put(1, tile, ROWS, &codes(ROWS, 1)).unwrap());
        store.put(2, 0, ROWS, &codes(ROWS, 2)).unwrap();
        assert_eq!((store.tiles_of(1).len(), store.tiles_of(2).len()), (0, 1));
        store.put(2, 1, ROWS, &codes(ROWS, 2)).unwrap();
        assert!(store.put(2, 2, ROWS, &codes(ROWS, 2)).is_err(), "of its own nothing is given up");
        drop(store);
        assert_eq!(budget.free(), free);
    }

    #[test]
    fn one_writes_and_others_keep_theirs_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lwgram");
        let first = store(&path, 7);
        assert!(first.prepare());
        let second = store(&path, 7);
        assert!(!second.prepare());
        second.put(1, 0, 5, &codes(5, 3)).unwrap();
        assert_eq!(second.read(1, 0, 5, 3).unwrap(), codes(5, 3)[21 * 5..]);
        assert_eq!(first.read(1, 0, 5, 3), None);
        assert!(second.budget.used() > 0);
        second.lock().tiles.clear();
        assert_eq!(second.budget.used(), 0);
    }
}
