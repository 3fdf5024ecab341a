//! The file that keeps a summary: `NAME.lwpeaks`, version 2.
//!
//! A header of [`HEADER_BYTES`], then one slot for each tile row, in the order of time, each as long as a full row (see
//! [`super::tile`] for what a row holds; the last one may be shorter). All numbers are little-endian.
//!
//! | bytes   | header                                                                                       |
//! |---------|----------------------------------------------------------------------------------------------|
//! | 0..8    | magic `LWPEAKS` and a zero                                                                    |
//! | 8..12   | version (u32)                                                                                 |
//! | 12..16  | 1 if every row was written, else 0 (u32)                                                      |
//! | 16..24  | length of the recording's file, bytes (u64)                                                   |
//! | 24..32  | when it was last changed, nanoseconds since 1970 (u64)                                        |
//! | 32..48  | xxh3 of its first and of its last 64 KiB (or of all of it, if it is shorter) (u64 each)        |
//! | 48..56  | xxh3 of a description of the stream: name, sample format, channels, place of the samples (u64) |
//! | 56..64  | frames (u64)                                                                                  |
//! | 64..80  | zero                                                                                          |
//! | 80..88  | xxh3 of bytes 0..80 (u64)                                                                     |
//! | 88..128 | zero                                                                                          |
//!
//! Behind the last row, once every row was written: magic `LWTOTALS`, xxh3 (u64) of what follows, and the totals of
//! each row (see [`super::tile`]). They make the statistics of everything one short read. Where they are missing or
//! broken, they are made from the rows. Version 1 had none, and other moments: it counts as not there.
//!
//! Rows may be written in any order; a slot that is missing or broken fails its checksum and counts as not there, so
//! that a crash at any moment leaves a valid, shorter sidecar. Nothing read from a sidecar says how much to allocate:
//! all sizes follow from the recording. A sidecar that does not belong to the recording as it is now is made anew,
//! unless the recording, of one file, has only grown: then the full rows stay.
//!
//! Of a recording of several files, the length is that of all together, and the numbers in the place of time and hashes
//! are hashes of those of each file (of its first and last 4 KiB), in their order. Its sidecar is called
//! `FIRST+N-HASH.lwpeaks`: the name of the first file, how many follow, and a hash of all names. If the last of the files
//! has grown, the full rows stay, too; if others have, it is made anew. If there are further files, the rows of the list
//! without them are taken over ([`super::grow`]).
//!
//! Two programs may write the same sidecar at once, because they write the same bytes to the same places.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use twox_hash::XxHash3_64;

use super::tile::{Part, Shape, TILE_FRAMES, u64_at};
use crate::error::{Error, Result};
use crate::file::{FlatLayout, read_at, write_at};
use crate::source::{Part as SourcePart, Source};

pub(super) const HEADER_BYTES: u64 = 128;
const VERSION: u32 = 2;
/// What the totals begin with.
const TOTALS_MAGIC: [u8; 8] = *b"LWTOTALS";
/// That, and their checksum.
const TOTALS_HEADER: u64 = 16;
const MAGIC: [u8; 8] = *b"LWPEAKS\0";
/// How much of either end of the recording's file is hashed.
const END_BYTES: u64 = 64 << 10;
/// The same of each file of a recording of several: opening has touched these pages already.
const PART_END_BYTES: u64 = 4 << 10;

/// Whether and where a summary is kept.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum SidecarPolicy {
    /// In memory only, as far as the budget allows.
    Off,
    /// `NAME.lwpeaks` beside the recording, or in the user's cache folder where that cannot be written.
    #[default]
    Auto,
    /// In this file.
    At(PathBuf),
}

/// What a sidecar must agree with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Key {
    source: PathBuf,
    source_bytes: u64,
    modified_ns: u64,
    head: u64,
    tail: u64,
    description: u64,
    shape: Shape,
    /// The files of a recording of several, and how much of each is of it.
    parts: Arc<[(PathBuf, u64)]>,
}

impl Key {
    /// Of stream `stream`; `None` where the samples are in no file.
    pub(super) fn of(source: &dyn Source, stream: usize, shape: Shape) -> Result<Option<Self>> {
        if !source.parts().is_empty() {
            return Self::of_parts(source, stream, shape, source.parts()).map(Some);
        }
        let Some(path) = source.path() else { return Ok(None) };
        let io = |e| Error::io(path, e);
        // Of the file whose samples are read, even if its name has gone to another one since it was opened; and of so
        // much of it as was there then, even if it has grown.
        let map = source.flat(stream).map(FlatLayout::map).filter(|map| map.path() == path);
        let opened = if map.is_none() { Some(File::open(path).map_err(io)?) } else { None };
        let Some(file) = opened.as_ref().or(map.map(|map| map.file())) else { return Ok(None) };
        let meta = file.metadata().map_err(io)?;
        let modified = meta.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
        let source_bytes = map.map_or(meta.len(), |map| map.len().min(meta.len()));
        let (head, tail) = ends(file, source_bytes).map_err(io)?;
        let s = &source.recording().streams[stream];
        let mut text = format!("{}\n{}\n{:?}\n{}", source.recording().format, s.name, s.format, s.channels.len());
        if let Some(flat) = source.flat(stream) {
            text += &format!("\n{}\n{}\n{:?}", flat.first_byte(), flat.frame_stride(), flat.channel_offsets());
        }
        Ok(Some(Self {
            source: path.to_path_buf(),
            source_bytes,
            modified_ns: modified.map_or(0, |t| t.as_nanos() as u64),
            head,
            tail,
            description: XxHash3_64::oneshot(text.as_bytes()),
            shape,
            parts: Arc::default(),
        }))
    }

    /// Of the first `count` files of a recording of several, as if there were no others; `None` where it is not known how
    /// many frames of the stream are in them.
    pub(super) fn of_first_parts(source: &dyn Source, stream: usize, shape: Shape, count: usize) -> Option<Self> {
        if count < 2 || stream != source.recording().default_stream() {
            return None;
        }
        let (first, rest) = source.parts().split_at_checked(count)?;
        let shape = Shape { frames: rest.first()?.first_frame, ..shape };
        Self::of_parts(source, stream, shape, first).ok()
    }

    pub(super) fn frames(&self) -> u64 {
        self.shape.frames
    }

    /// Of a recording of several files: all of them in their order. The sidecar stands beside the first and has a name
    /// that tells the list, so that other lists with the same first file have other sidecars. Moving the folder keeps
    /// it valid.
    fn of_parts(source: &dyn Source, stream: usize, shape: Shape, parts: &[SourcePart]) -> Result<Self> {
        let first = &parts[0].path;
        let s = &source.recording().streams[stream];
        let mut list = Vec::new();
        let mut identity = Vec::new();
        let mut description =
            format!("{}\n{}\n{:?}\n{}", source.recording().format, s.name, s.format, s.channels.len());
        for (i, part) in parts.iter().enumerate() {
            let io = |e| Error::io(&part.path, e);
            let same_folder = part.path.parent() == first.parent();
            let name = part.path.file_name().filter(|_| same_folder).unwrap_or(part.path.as_os_str());
            list.extend_from_slice(name.as_encoded_bytes());
            list.push(b'\n');
            let file = File::open(&part.path).map_err(io)?;
            let meta = file.metadata().map_err(io)?;
            let modified = meta.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
            identity.extend_from_slice(&meta.len().to_le_bytes());
            identity.extend_from_slice(&modified.map_or(0, |t| t.as_nanos() as u64).to_le_bytes());
            // The last file may grow: how long it is says nothing about the rows.
            let frames = if i + 1 < parts.len() { part.frames } else { 0 };
            description += &format!("\n{frames} {}", part.layout);
        }
        let known: Arc<[(PathBuf, u64)]> = parts.iter().map(|part| (part.path.clone(), part.bytes)).collect();
        let (head, tail) = ends_of_parts(&known)?;
        let mut name = first.file_name().unwrap_or_default().to_owned();
        name.push(format!("+{}-{:08x}", parts.len() - 1, XxHash3_64::oneshot(&list) as u32));
        Ok(Self {
            source: first.with_file_name(name),
            source_bytes: parts.iter().map(|part| part.bytes).fold(0, u64::saturating_add),
            modified_ns: XxHash3_64::oneshot(&identity),
            head,
            tail,
            description: XxHash3_64::oneshot(description.as_bytes()),
            shape,
            parts: known,
        })
    }

    /// Whether a sidecar of `old` may become one of this, which is the same recording with more frames: they have one
    /// place, and one seed.
    pub(super) fn continues(&self, old: &Self) -> bool {
        self.source == old.source && self.description == old.description
    }

    fn header(&self, complete: bool) -> [u8; HEADER_BYTES as usize] {
        let mut header = [0; HEADER_BYTES as usize];
        header[..8].copy_from_slice(&MAGIC);
        header[8..12].copy_from_slice(&VERSION.to_le_bytes());
        header[12..16].copy_from_slice(&u32::from(complete).to_le_bytes());
        let numbers = [self.source_bytes, self.modified_ns, self.head, self.tail, self.description, self.shape.frames];
        for (i, number) in numbers.into_iter().enumerate() {
            header[16 + 8 * i..24 + 8 * i].copy_from_slice(&number.to_le_bytes());
        }
        let sum = XxHash3_64::oneshot(&header[..80]);
        header[80..88].copy_from_slice(&sum.to_le_bytes());
        header
    }
}

/// Where files of a kind are kept for the recording at `source`, best first: `NAME.lwKIND` beside it, and in the user's
/// cache folder.
fn places_beside(source: &Path, stream: Option<&str>, kind: &str) -> Vec<PathBuf> {
    let mut ending = String::new();
    if let Some(stream) = stream {
        let plain = |c: char| if c.is_alphanumeric() || "-_".contains(c) { c } else { '_' };
        ending = format!(".{}", stream.chars().take(64).map(plain).collect::<String>());
    }
    ending += &format!(".lw{kind}");
    let mut beside = source.as_os_str().to_owned();
    beside.push(&ending);
    let mut places = vec![PathBuf::from(beside)];
    if let Some(dirs) = directories::ProjectDirs::from("", "", "longwave") {
        let absolute = std::path::absolute(source).unwrap_or_else(|_| source.to_path_buf());
        let name = XxHash3_64::oneshot(absolute.as_os_str().as_encoded_bytes());
        places.push(dirs.cache_dir().join(kind).join(format!("{name:016x}{ending}")));
    }
    places
}

/// For what else is kept beside a recording: a number that changes when the recording does, and where files of that
/// `kind` are to be, best first. `None` where the samples of the stream are in no file.
///
/// # Errors
/// When the recording's file cannot be read.
pub(crate) fn keeping(source: &dyn Source, stream: usize, kind: &str) -> Result<Option<(u64, Vec<PathBuf>)>> {
    let s = &source.recording().streams[stream];
    let shape = Shape { sample_type: s.format.sample_type, channels: s.channels.len(), frames: s.frames };
    let Some(key) = Key::of(source, stream, shape)? else { return Ok(None) };
    let other = (stream != source.recording().default_stream()).then_some(s.name.as_str());
    // Length, time, ends, description and frames: all but what is the sidecar's own.
    let identity = XxHash3_64::oneshot(&key.header(false)[16..64]);
    Ok(Some((identity, places_beside(&key.source, other, kind))))
}

/// Hashes of the first and last [`END_BYTES`] of the first `len` bytes of `file`.
pub(super) fn ends(file: &File, len: u64) -> io::Result<(u64, u64)> {
    ends_of(file, len, END_BYTES)
}

/// Hashes of the first and last bytes of so much of each of these files.
fn ends_of_parts(parts: &[(PathBuf, u64)]) -> Result<(u64, u64)> {
    let (mut head, mut tail) = (Vec::new(), Vec::new());
    for (path, bytes) in parts {
        let io = |e| Error::io(path, e);
        let file = File::open(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        let (first, last) = ends_of(&file, len.min(*bytes), PART_END_BYTES).map_err(io)?;
        head.extend_from_slice(&first.to_le_bytes());
        tail.extend_from_slice(&last.to_le_bytes());
    }
    Ok((XxHash3_64::oneshot(&head), XxHash3_64::oneshot(&tail)))
}

fn ends_of(file: &File, len: u64, each: u64) -> io::Result<(u64, u64)> {
    let mut bytes = vec![0; each.min(len) as usize];
    read_at(file, &mut bytes, 0)?;
    let head = XxHash3_64::oneshot(&bytes);
    read_at(file, &mut bytes, len - each.min(len))?;
    Ok((head, XxHash3_64::oneshot(&bytes)))
}

/// An open sidecar of a recording.
#[derive(Debug)]
pub(super) struct Sidecar {
    path: PathBuf,
    /// One for all generations of a recording that grows.
    file: Arc<File>,
    writable: bool,
    key: Key,
}

impl Sidecar {
    /// Where sidecars of `key` may be, best first. `stream` is the stream's name if it is not the default stream.
    pub(super) fn places(key: &Key, stream: Option<&str>, policy: &SidecarPolicy) -> Vec<PathBuf> {
        match policy {
            SidecarPolicy::Off => Vec::new(),
            SidecarPolicy::At(path) => vec![path.clone()],
            SidecarPolicy::Auto => places_beside(&key.source, stream, "peaks"),
        }
    }

    /// Opens the first of `places` that belongs to `key`, and says which rows it holds.
    pub(super) fn find(places: &[PathBuf], key: &Key) -> Option<(Self, Vec<bool>)> {
        places.iter().find_map(|path| Self::open(path, key))
    }

    fn open(path: &Path, key: &Key) -> Option<(Self, Vec<bool>)> {
        // Asked before opening: opening a named pipe would wait for its writer.
        if !std::fs::metadata(path).ok()?.is_file() {
            return None;
        }
        let (file, writable) = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => (file, true),
            Err(_) => (File::open(path).ok()?, false),
        };
        let mut header = [0; HEADER_BYTES as usize];
        read_at(&file, &mut header, 0).ok()?;
        if u64_at(&header, 80) != XxHash3_64::oneshot(&header[..80]) {
            return None;
        }
        let complete = header[12] == 1;
        let sidecar = Self { path: path.to_path_buf(), file: Arc::new(file), writable, key: key.clone() };
        let known_rows = if header == key.header(complete) {
            key.shape.rows()
        } else {
            let rows = sidecar.rows_that_stay(&header)?;
            sidecar.write_header(false).ok()?;
            rows
        };
        let rows = sidecar.rows_there(known_rows, complete);
        Some((sidecar, rows))
    }

    /// If the recording is the one that `header` speaks of, only longer: the rows that were full then.
    fn rows_that_stay(&self, header: &[u8]) -> Option<u64> {
        let key = &self.key;
        let (old_bytes, old_frames) = (u64_at(header, 16), u64_at(header, 56));
        let old = Key {
            source_bytes: old_bytes,
            modified_ns: u64_at(header, 24),
            head: u64_at(header, 32),
            tail: u64_at(header, 40),
            shape: Shape { frames: old_frames, ..key.shape },
            ..key.clone()
        };
        let same_kind = header == old.header(header[12] == 1);
        let grown = old_bytes > 0 && old_bytes < key.source_bytes && old_frames <= key.shape.frames;
        if !(same_kind && grown && self.writable) {
            return None;
        }
        let now = match key.parts.split_last() {
            None => ends(&File::open(&key.source).ok()?, old_bytes).ok()?,
            Some((last, before)) => {
                // Only the last file may have been shorter.
                let rest: u64 = before.iter().map(|(_, bytes)| *bytes).sum();
                let of_last = old_bytes.checked_sub(rest).filter(|bytes| *bytes <= last.1)?;
                let mut parts = key.parts.to_vec();
                parts[before.len()].1 = of_last;
                ends_of_parts(&parts).ok()?
            }
        };
        (now == (old.head, old.tail)).then_some(old_frames / TILE_FRAMES)
    }

    fn rows_there(&self, known_rows: u64, complete: bool) -> Vec<bool> {
        let len = self.file.metadata().map_or(0, |m| m.len());
        let shape = &self.key.shape;
        (0..shape.rows())
            .map(|row| {
                let slot = self.slot(row);
                row < known_rows && slot.end <= len && (complete || self.read(row, Part::Header, None).is_some())
            })
            .collect()
    }

    /// Whether it is that of `key`, and in the same file as `other`.
    pub(super) fn is_of(&self, key: &Key, other: &Self) -> bool {
        self.key == *key && Arc::ptr_eq(&self.file, &other.file)
    }

    /// The same file for the recording of `key`, which is the same one with more frames. Its header is as it was: what is
    /// written next must be the new one.
    pub(super) fn grown(&self, key: &Key) -> Self {
        Self { path: self.path.clone(), file: Arc::clone(&self.file), writable: self.writable, key: key.clone() }
    }

    /// Begins a new sidecar at the first of `places` that can be written.
    pub(super) fn create(places: &[PathBuf], key: &Key) -> Option<Self> {
        places.iter().find_map(|path| {
            if let Some(folder) = path.parent()
                && !folder.as_os_str().is_empty()
            {
                // If this fails, so does the creation of the file.
                drop(std::fs::create_dir_all(folder));
            }
            // Removed, not truncated: another program may be reading it.
            if path.is_file() {
                std::fs::remove_file(path).ok()?;
            }
            let file = OpenOptions::new().read(true).write(true).create_new(true).open(path).ok()?;
            let sidecar = Self { path: path.clone(), file: Arc::new(file), writable: true, key: key.clone() };
            sidecar.write_header(false).ok()?;
            Some(sidecar)
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn is_writable(&self) -> bool {
        self.writable
    }

    /// Removes it, if it is a header alone and still the file that has its name: another program may have put a new
    /// one there, or written rows into this one. If it cannot be removed, it is as valid as it is useless.
    pub(super) fn remove_if_empty(&self) {
        if self.len() <= HEADER_BYTES && self.has_its_name() {
            drop(std::fs::remove_file(&self.path));
        }
    }

    fn has_its_name(&self) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            let id = |meta: &std::fs::Metadata| (meta.dev(), meta.ino());
            matches!((self.file.metadata(), std::fs::metadata(&self.path)), (Ok(a), Ok(b)) if id(&a) == id(&b))
        }
        #[cfg(not(unix))]
        {
            true
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.file.metadata().map_or(0, |m| m.len())
    }

    /// Mixed into the checksums of rows, so that a row of another stream never counts.
    pub(super) fn seed(&self) -> u64 {
        self.key.description
    }

    fn slot(&self, row: u64) -> Range<u64> {
        let shape = &self.key.shape;
        let start = HEADER_BYTES + row * shape.full_row_bytes();
        start..start + shape.row(row).len() as u64
    }

    /// A part of a row, checked against `header` (which is not needed to read the header itself); `None` if it is not
    /// there or broken.
    pub(super) fn read(&self, row: u64, part: Part, header: Option<&[u8]>) -> Option<Vec<u8>> {
        let shape = self.key.shape.row(row);
        let range = shape.part(part);
        let mut bytes = vec![0; range.len()];
        read_at(&self.file, &mut bytes, self.slot(row).start + range.start as u64).ok()?;
        let sound = match header {
            _ if part == Part::Header => shape.is_header(row, &bytes, self.seed()),
            Some(header) => super::tile::RowShape::is_part(header, part, &bytes),
            None => false,
        };
        sound.then_some(bytes)
    }

    /// Writes a sealed row.
    pub(super) fn write(&self, row: u64, image: &[u8]) -> Result<()> {
        write_at(&self.file, image, self.slot(row).start).map_err(|e| self.explain(e))
    }

    /// Where the totals are.
    fn totals_at(&self) -> u64 {
        self.key.shape.rows().checked_sub(1).map_or(HEADER_BYTES, |last| self.slot(last).end)
    }

    /// The totals of all rows, `bytes` long, if they are there and sound.
    pub(super) fn read_totals(&self, bytes: usize) -> Option<Vec<u8>> {
        let mut header = [0; TOTALS_HEADER as usize];
        read_at(&self.file, &mut header, self.totals_at()).ok()?;
        if header[..8] != TOTALS_MAGIC {
            return None;
        }
        let mut totals = vec![0; bytes];
        read_at(&self.file, &mut totals, self.totals_at() + TOTALS_HEADER).ok()?;
        (u64_at(&header, 8) == XxHash3_64::oneshot_with_seed(self.seed(), &totals)).then_some(totals)
    }

    /// Sees to it that no totals are taken for those of the rows as they will be: a recording that has grown a little may
    /// have its own in the place of those from before.
    pub(super) fn forget_totals(&self) -> Result<()> {
        let mut magic = TOTALS_MAGIC;
        if read_at(&self.file, &mut magic, self.totals_at()).is_err() || magic != TOTALS_MAGIC {
            return Ok(());
        }
        write_at(&self.file, &[0; 8], self.totals_at()).map_err(|e| self.explain(e))
    }

    /// Writes the totals of all rows.
    pub(super) fn write_totals(&self, totals: &[u8]) -> Result<()> {
        let mut header = TOTALS_MAGIC.to_vec();
        header.extend(XxHash3_64::oneshot_with_seed(self.seed(), totals).to_le_bytes());
        write_at(&self.file, totals, self.totals_at() + TOTALS_HEADER)
            .and_then(|()| write_at(&self.file, &header, self.totals_at()))
            .map_err(|e| self.explain(e))
    }

    /// Writes the header; `complete` says that every row was written.
    pub(super) fn write_header(&self, complete: bool) -> Result<()> {
        write_at(&self.file, &self.key.header(complete), 0).map_err(|e| self.explain(e))
    }

    fn explain(&self, error: io::Error) -> Error {
        Error::io(&self.path, error)
            .with_remedy("the summary could not be written; free some space, or delete this file and try again")
    }
}
