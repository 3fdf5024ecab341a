//! The file while it is being written: `.NAME.part` beside the target, and a journal that says which pieces are whole.
//!
//! Bytes are only ever appended; the first bytes of the file stay empty until everything else is there, so that nobody
//! takes a part for a whole. The journal gets a record for every piece, behind its bytes. After a kill, a full disk or a
//! stop by the user the same export finds both, cuts off what is not whole and goes on; whatever does not belong together
//! (another recording, other settings) starts over. The target appears by a rename, as the last thing.
//!
//! The journal is a line of text, which says what is being written, and records of
//! `u32 length | payload | u32 XXH3 of the payload`, little-endian; a payload is
//! `u32 pass | u64 piece | u64 first byte | u64 XXH3 of the stored bytes | (u32 length | u32 skipped | u64 hash)…`.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use twox_hash::XxHash3_64;

use super::h5::FIRST_CHUNK_BYTE;
use super::tree::StoredChunk;
use crate::error::{Error, ErrorKind, Result};
use crate::file::Flusher;

/// Pieces are known to have reached the disk up to a mark in the journal that is made so often, bytes.
const SYNC_EVERY_BYTES: u64 = 1 << 30;
/// A record of more chunks than this was not written by us.
const MAX_RECORD_BYTES: u32 = 16 << 20;
/// The pass number of a mark.
const MARK: u32 = u32::MAX;

/// A piece that is whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Record {
    pub pass: u32,
    pub piece: u64,
    /// In the order of the datasets, rows, columns.
    pub chunks: Vec<StoredChunk>,
}

/// The file being written.
#[derive(Debug)]
pub(super) struct Part {
    target: PathBuf,
    path: PathBuf,
    journal_path: PathBuf,
    file: Option<File>,
    journal: Option<File>,
    len: u64,
    synced: u64,
    overwrite: bool,
    /// Whether it is worth going on with later.
    keep: bool,
    flusher: Option<Flusher>,
}

fn beside(target: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(suffix);
    target.with_file_name(name)
}

impl Part {
    /// Starts writing `target`, or goes on where a run with the same `identity` (one line that says everything the bytes
    /// depend on) was interrupted; the pieces that are whole are returned, in order.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`] if the target exists and `overwrite` is false; when another process is writing it; what the
    /// system says if the folder is not writable.
    pub(super) fn open(target: &Path, identity: &str, overwrite: bool) -> Result<(Self, Vec<Record>)> {
        if !overwrite && target.symlink_metadata().is_ok() {
            return Err(exists(target));
        }
        if target.is_dir() || target.file_name().is_none() {
            return Err(Error::invalid("this is not a file name").with_path(target));
        }
        let (path, journal_path) = (beside(target, ".part"), beside(target, ".part.journal"));
        let open = |path: &Path| {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)
                .map_err(|e| Error::io(target, e).with_remedy("check that the folder exists and can be written to"))
        };
        let fresh = path.symlink_metadata().is_err();
        let file = open(&path)?;
        if let Err(std::fs::TryLockError::WouldBlock) = file.try_lock() {
            return Err(Error::invalid("another export is writing this file")
                .with_path(target)
                .with_remedy("wait for it, or choose another name"));
        }
        let journal = open(&journal_path)?;
        let mut part = Self {
            target: target.to_path_buf(),
            path,
            journal_path,
            file: Some(file),
            journal: Some(journal),
            len: 0,
            synced: 0,
            overwrite,
            keep: false,
            flusher: None,
        };
        let records = if fresh { None } else { part.resume(identity) };
        let records = match records {
            Some(records) => records,
            None => {
                part.start_over(identity)?;
                vec![]
            }
        };
        part.keep = !records.is_empty();
        part.synced = part.len;
        part.flusher = part.file.as_ref().and_then(Flusher::start);
        Ok((part, records))
    }

    fn start_over(&mut self, identity: &str) -> Result<()> {
        let journal = self.journal.as_mut().expect("only the end takes the journal");
        let file = self.file.as_mut().expect("only the end takes the file");
        let mut empty = || -> io::Result<()> {
            journal.set_len(0)?;
            journal.seek(SeekFrom::Start(0))?;
            journal.write_all(identity.as_bytes())?;
            journal.write_all(b"\n")?;
            file.set_len(0)?;
            file.set_len(FIRST_CHUNK_BYTE)?;
            file.seek(SeekFrom::Start(FIRST_CHUNK_BYTE)).map(|_| ())
        };
        empty().map_err(|e| Error::io(&self.target, e))?;
        self.len = FIRST_CHUNK_BYTE;
        Ok(())
    }

    /// What can be gone on with; none if nothing can, for whatever reason.
    fn resume(&mut self, identity: &str) -> Option<Vec<Record>> {
        let journal = self.journal.as_mut()?;
        let file_len = self.file.as_ref()?.metadata().ok()?.len();
        let mut reader = io::BufReader::new(&mut *journal);
        let mut line = vec![0; identity.len() + 1];
        reader.read_exact(&mut line).ok()?;
        if line.split_last() != Some((&b'\n', identity.as_bytes())) {
            return None;
        }
        let mut good = line.len() as u64;
        let mut records: Vec<Record> = Vec::new();
        let mut hashes = Vec::new();
        let mut sure = 0;
        while let Some((payload, bytes)) = read_record(&mut reader) {
            let Some((record, at, hash)) = parse_record(&payload) else { break };
            if record.pass == MARK {
                sure = records.len();
            } else {
                let end = record.chunks.last().map_or(at, |c| c.at + u64::from(c.len));
                if end > file_len {
                    break;
                }
                hashes.push((at, end, hash));
                records.push(record);
            }
            good += bytes;
        }
        drop(reader);
        // What the disk may not have kept is looked at; a piece that is not what it was ends the list.
        let mut file = self.file.as_ref()?;
        for (i, &(at, end, hash)) in hashes.iter().enumerate().skip(sure) {
            let mut bytes = vec![0; usize::try_from(end - at).ok()?];
            file.seek(SeekFrom::Start(at)).ok()?;
            if file.read_exact(&mut bytes).is_err() || XxHash3_64::oneshot(&bytes) != hash {
                records.truncate(i);
                // The journal is written anew below: its later records are void.
                return self.rewrite(identity, records, &hashes[..i]);
            }
        }
        let journal = self.journal.as_mut()?;
        journal.set_len(good).ok()?;
        journal.seek(SeekFrom::Start(good)).ok()?;
        self.cut(hashes.last().map_or(FIRST_CHUNK_BYTE, |h| h.1))?;
        Some(records)
    }

    fn rewrite(&mut self, identity: &str, records: Vec<Record>, hashes: &[(u64, u64, u64)]) -> Option<Vec<Record>> {
        let journal = self.journal.as_mut()?;
        journal.set_len(0).ok()?;
        journal.seek(SeekFrom::Start(0)).ok()?;
        let mut bytes = identity.as_bytes().to_vec();
        bytes.push(b'\n');
        for (record, &(at, _, hash)) in records.iter().zip(hashes) {
            bytes.extend_from_slice(&encode_record(record, at, hash));
        }
        journal.write_all(&bytes).ok()?;
        self.cut(hashes.last().map_or(FIRST_CHUNK_BYTE, |h| h.1))?;
        Some(records)
    }

    fn cut(&mut self, len: u64) -> Option<()> {
        let file = self.file.as_mut()?;
        file.set_len(len).ok()?;
        file.seek(SeekFrom::Start(len)).ok()?;
        self.len = len;
        Some(())
    }

    /// Bytes so far: where the next ones go.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The name it has until it is finished.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether something is kept that a later run can go on with.
    pub(super) fn is_worth_keeping(&self) -> bool {
        self.keep
    }

    /// Appends bytes; returns where they begin.
    ///
    /// # Errors
    /// When the system refuses: a full disk, above all.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<u64> {
        let at = self.len;
        let file = self.file.as_mut().expect("only the end takes the file");
        file.write_all(bytes).map_err(|e| self.explain(e))?;
        self.len += bytes.len() as u64;
        Ok(at)
    }

    /// Appends zeros up to a multiple of `step`.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub(super) fn align(&mut self, step: u64) -> Result<()> {
        let missing = self.len.next_multiple_of(step) - self.len;
        self.append(&vec![0; missing as usize]).map(|_| ())
    }

    /// Writes the first bytes, which make a file of it.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub(super) fn write_first(&mut self, bytes: &[u8]) -> Result<()> {
        let file = self.file.as_mut().expect("only the end takes the file");
        let mut write = || -> io::Result<()> {
            // What follows must not be on the disk later than what points to it.
            file.sync_data()?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(bytes)
        };
        write().map_err(|e| self.explain(e))
    }

    /// Appends a piece: the bytes of its chunks, one after the other, and its record.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub(super) fn append_piece(
        &mut self,
        pass: u32,
        piece: u64,
        bytes: &[u8],
        chunks: &[(u32, u32, u64)],
    ) -> Result<Vec<StoredChunk>> {
        let first = self.append(bytes)?;
        let mut at = first;
        let stored: Vec<StoredChunk> = chunks
            .iter()
            .map(|&(len, skipped, hash)| {
                let chunk = StoredChunk { at, len, skipped, hash };
                at += u64::from(len);
                chunk
            })
            .collect();
        let record = Record { pass, piece, chunks: stored };
        self.write_record(&encode_record(&record, first, XxHash3_64::oneshot(bytes)))?;
        self.keep = true;
        if self.len - self.synced >= SYNC_EVERY_BYTES {
            self.synced = self.len;
            let file = self.file.as_ref().expect("only the end takes the file");
            file.sync_data().map_err(|e| self.explain(e))?;
            let mark = Record { pass: MARK, piece, chunks: vec![] };
            self.write_record(&encode_record(&mark, self.len, 0))?;
        }
        Ok(record.chunks)
    }

    fn write_record(&mut self, bytes: &[u8]) -> Result<()> {
        let journal = self.journal.as_mut().expect("only the end takes the journal");
        journal.write_all(bytes).map_err(|e| self.explain(e))
    }

    /// Puts an error of writing into words.
    fn explain(&self, error: io::Error) -> Error {
        Error::io(&self.target, error)
    }

    /// Makes the file durable under its final name.
    ///
    /// # Errors
    /// When the system refuses, or when the target has come to exist meanwhile.
    pub(super) fn commit(mut self) -> Result<()> {
        self.flusher = None;
        let file = self.file.as_ref().expect("only the end takes the file");
        file.sync_all().map_err(|e| self.explain(e))?;
        if !self.overwrite {
            // A hard link fails where a rename would silently replace what another program has put there meanwhile.
            match std::fs::hard_link(&self.path, &self.target) {
                Ok(()) => {
                    self.keep = false;
                    return Ok(());
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Err(exists(&self.target)),
                Err(_) => {} // a file system without hard links
            }
        }
        std::fs::rename(&self.path, &self.target).map_err(|e| Error::io(&self.target, e))?;
        self.keep = false;
        Ok(())
    }

    /// Removes what was written: it cannot be gone on with.
    pub(super) fn discard(mut self) {
        self.keep = false;
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.flusher = None;
        self.journal = None;
        self.file = None;
        if !self.keep {
            // After a rename there is nothing to remove; otherwise a leftover is the least evil.
            drop(std::fs::remove_file(&self.path));
            drop(std::fs::remove_file(&self.journal_path));
        }
    }
}

fn exists(target: &Path) -> Error {
    Error::new(ErrorKind::Exists).with_path(target).with_remedy("choose another name, or overwrite it with --force")
}

fn encode_record(record: &Record, at: u64, hash: u64) -> Vec<u8> {
    let mut payload = Vec::with_capacity(28 + 16 * record.chunks.len());
    payload.extend_from_slice(&record.pass.to_le_bytes());
    payload.extend_from_slice(&record.piece.to_le_bytes());
    payload.extend_from_slice(&at.to_le_bytes());
    payload.extend_from_slice(&hash.to_le_bytes());
    for chunk in &record.chunks {
        payload.extend_from_slice(&chunk.len.to_le_bytes());
        payload.extend_from_slice(&chunk.skipped.to_le_bytes());
        payload.extend_from_slice(&chunk.hash.to_le_bytes());
    }
    let mut bytes = (payload.len() as u32).to_le_bytes().to_vec();
    let check = XxHash3_64::oneshot(&payload) as u32;
    bytes.append(&mut payload);
    bytes.extend_from_slice(&check.to_le_bytes());
    bytes
}

/// The next payload and the bytes it takes in the journal; none at its end, and where it is broken.
fn read_record(reader: &mut impl io::Read) -> Option<(Vec<u8>, u64)> {
    let mut word = [0; 4];
    reader.read_exact(&mut word).ok()?;
    let len = u32::from_le_bytes(word);
    if len > MAX_RECORD_BYTES {
        return None;
    }
    let mut payload = vec![0; len as usize];
    reader.read_exact(&mut payload).ok()?;
    reader.read_exact(&mut word).ok()?;
    (XxHash3_64::oneshot(&payload) as u32 == u32::from_le_bytes(word)).then_some((payload, u64::from(len) + 8))
}

/// The record, where its bytes begin, and their hash.
fn parse_record(payload: &[u8]) -> Option<(Record, u64, u64)> {
    let u32_at = |at: usize| payload.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let u64_at = |at: usize| payload.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
    let (pass, piece, first, hash) = (u32_at(0)?, u64_at(4)?, u64_at(12)?, u64_at(20)?);
    let mut at = first;
    let mut chunks = Vec::with_capacity(payload.len() / 16);
    for i in (28..payload.len()).step_by(16) {
        let (len, skipped, hash) = (u32_at(i)?, u32_at(i + 4)?, u64_at(i + 8)?);
        chunks.push(StoredChunk { at, len, skipped, hash });
        at = at.checked_add(u64::from(len))?;
    }
    Some((Record { pass, piece, chunks }, first, hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(part: &mut Part, piece: u64) -> Vec<StoredChunk> {
        let bytes: Vec<u8> = (0..100).map(|i| (i + piece) as u8).collect();
        part.append_piece(0, piece, &bytes, &[(60, 0, 7), (40, 1, piece)]).unwrap()
    }

    fn leave(part: Part) {
        // As a kill would: nothing is cleaned up.
        std::mem::forget(part);
    }

    #[test]
    fn goes_on_behind_the_last_whole_piece() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.nwb");
        let (mut part, records) = Part::open(&target, "a", false).unwrap();
        assert!(records.is_empty() && !part.is_worth_keeping());
        let first = piece(&mut part, 0);
        let second = piece(&mut part, 1);
        part.append(b"half a piece").unwrap();
        let path = part.path().to_path_buf();
        drop(part);
        assert!(path.exists() && !target.exists());

        let (part, records) = Part::open(&target, "a", false).unwrap();
        assert_eq!(records.iter().map(|r| r.chunks.clone()).collect::<Vec<_>>(), [first.clone(), second]);
        assert_eq!(part.len(), FIRST_CHUNK_BYTE + 200);
        drop(part);

        // A byte that the disk has lost.
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[FIRST_CHUNK_BYTE as usize + 150] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let (mut part, records) = Part::open(&target, "a", false).unwrap();
        assert_eq!(records.len(), 1);
        piece(&mut part, 1);
        drop(part);
        let (part, records) = Part::open(&target, "a", false).unwrap();
        assert_eq!((records.len(), part.len()), (2, FIRST_CHUNK_BYTE + 200));
        drop(part);

        // Something else is wanted: nothing of it can be used.
        let (part, records) = Part::open(&target, "b", false).unwrap();
        assert_eq!((records.len(), part.len()), (0, FIRST_CHUNK_BYTE));
        drop(part);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn a_journal_cut_anywhere_is_read_up_to_there() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.nwb");
        let (mut part, _) = Part::open(&target, "identity", false).unwrap();
        for i in 0..3 {
            piece(&mut part, i);
        }
        let (path, journal_path) = (part.path().to_path_buf(), part.journal_path.clone());
        drop(part);
        let (bytes, journal) = (std::fs::read(&path).unwrap(), std::fs::read(&journal_path).unwrap());
        let mut found = vec![];
        for cut in 0..=journal.len() {
            std::fs::write(&path, &bytes).unwrap();
            std::fs::write(&journal_path, &journal[..cut]).unwrap();
            let (part, records) = Part::open(&target, "identity", false).unwrap();
            found.push(records.len());
            drop(part);
        }
        assert!(found.is_sorted() && found.last() == Some(&3) && found[0] == 0, "{found:?}");
    }

    #[test]
    fn appears_once_and_alone() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.nwb");
        let (mut part, _) = Part::open(&target, "a", false).unwrap();
        piece(&mut part, 0);
        assert!(Part::open(&target, "a", false).unwrap_err().to_string().contains("another export"));
        part.write_first(b"x").unwrap();
        part.commit().unwrap();
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
        assert!(matches!(Part::open(&target, "a", false).unwrap_err().kind(), ErrorKind::Exists));
        let (part, _) = Part::open(&target, "a", true).unwrap();
        leave(part);
    }
}
