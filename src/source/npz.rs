//! Archives of NumPy arrays (`.npz`), read in place: every stored (uncompressed) member is a stream.
//!
//! Standard followed: PKWARE's APPNOTE 6.3.10, the parts that Python's `zipfile` writes: local headers, central
//! directory, ZIP64, comments, bytes in front of the archive. Compressed and encrypted members cannot be read where
//! they lie; they are named in a warning. Members without axes (a sample rate, say) become properties.
//!
//! Opening costs the directory and one header a member, whatever the length of the arrays.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::flat_source::MAX_CHANNELS;
use super::npy_header;
use super::{Confidence, FlatSource, Format, Head, OpenOptions, Source, npy};
use crate::error::{Error, ErrorKind, Result};
use crate::file::FileMap;
use crate::recording::{Recording, Warning};
use crate::task::Task;

pub(super) const FORMAT: Format = Format { name: "npz", title: "NumPy archive", extensions: &["npz"], probe, open };

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const END64: &[u8] = b"PK\x06\x06";
const LOCATOR64: &[u8] = b"PK\x06\x07";
const END_BYTES: u64 = 22;
const LOCATOR64_BYTES: u64 = 20;
const END64_BYTES: u64 = 56;
/// A comment behind the end record is at most this long.
const MAX_COMMENT: u64 = u16::MAX as u64;
const MAX_MEMBERS: u64 = 1 << 16;
/// So many names are listed in one message.
const NAMES_SHOWN: usize = 8;
const RECOMPRESS: &str = "save it uncompressed: np.savez instead of np.savez_compressed";

fn probe(head: &Head<'_>) -> Confidence {
    // A ZIP archive may be anything (a spreadsheet, say): it is one of ours if its first member is an array.
    let first_is_array = head.bytes.starts_with(LOCAL)
        && head.bytes.get(26..28).is_some_and(|b| {
            let len = usize::from(u16::from_le_bytes([b[0], b[1]]));
            head.bytes.get(30..30 + len).is_some_and(|name| name.ends_with(b".npy"))
        });
    match (first_is_array, head.has_extension(FORMAT.extensions)) {
        (true, _) => Confidence::Magic,
        (false, true) => Confidence::Extension,
        _ => Confidence::No,
    }
}

/// One line of the central directory.
#[derive(Debug)]
struct Member {
    name: String,
    compressed: bool,
    encrypted: bool,
    /// Bytes as they are in the archive.
    len: u64,
    /// Of the local header, from the start of the file.
    at: u64,
}

impl Member {
    /// The name of the array: without `.npy`.
    fn array_name(&self) -> &str {
        self.name.strip_suffix(".npy").unwrap_or(&self.name)
    }
}

fn open(path: &Path, options: &OpenOptions, _: &Task) -> Result<Arc<dyn Source>> {
    let map = FileMap::open(path)?;
    let mut members = directory(&map)?;
    if let Some(wanted) = &options.member {
        if !members.iter().any(|m| m.name == *wanted || m.array_name() == wanted) {
            let names = some(members.iter().map(Member::array_name));
            return Err(
                Error::invalid(format!("the archive has no member '{wanted}'")).with_remedy(format!("it has: {names}"))
            );
        }
        members.retain(|m| m.name == *wanted || m.array_name() == wanted);
    }
    let mut recording = Recording {
        name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        format: FORMAT.name,
        ..Recording::default()
    };
    let mut layouts = Vec::new();
    let mut compressed = Vec::new();
    let mut encrypted = Vec::new();
    let mut channels = 0;
    let mut names = HashSet::new();
    let mut copies: HashMap<&str, u64> = HashMap::new();
    let mut warned = HashSet::new();
    let mut first_error = None;
    for member in &members {
        if member.encrypted {
            encrypted.push(member.array_name());
            continue;
        }
        if member.compressed {
            compressed.push(member.array_name());
            continue;
        }
        let mut warnings = Vec::new();
        let opened = open_member(&map, member, options, &mut warnings).and_then(|opened| {
            if let Opened::Stream(stream, _) = &opened
                && channels + stream.channels.len() as u64 > MAX_CHANNELS
            {
                return Err(Error::limit(member.at, "the number of channels in the archive")
                    .with_remedy("open one member alone with --member NAME"));
            }
            Ok(opened)
        });
        match opened {
            Ok(Opened::Stream(mut stream, layout)) => {
                channels += stream.channels.len() as u64;
                // An archive may hold two members of one name; streams are told apart by their names.
                let copy = copies.entry(member.array_name()).or_insert(1);
                while !names.insert(stream.name.clone()) {
                    *copy += 1;
                    stream.name = format!("{} ({copy})", member.array_name());
                }
                recording.properties.push((format!("{} dtype, shape", stream.name), layout.1));
                recording.streams.push(*stream);
                layouts.push(layout.0);
            }
            Ok(Opened::Scalar(text)) => recording.properties.push((member.array_name().to_owned(), text)),
            Err(e) if e.is_cancelled() => return Err(e),
            Err(e) => {
                warnings.push(Warning {
                    at: Some(e.at().unwrap_or(member.at)),
                    text: format!("member '{}' is not shown: {e}", member.array_name()),
                });
                first_error.get_or_insert(e);
            }
        }
        for warning in warnings {
            // What holds for every member (no sample rate) is said once.
            if warned.insert((warning.at, warning.text.clone())) {
                recording.warnings.push(warning);
            }
        }
    }
    if recording.streams.is_empty() {
        return Err(if !compressed.is_empty() {
            Error::unsupported(format!("a compressed archive ({})", some(compressed))).with_remedy(RECOMPRESS)
        } else if !encrypted.is_empty() {
            Error::unsupported(format!("an encrypted archive ({})", some(encrypted)))
        } else {
            first_error.unwrap_or_else(|| {
                Error::unsupported("an archive without arrays")
                    .with_remedy("choose a file written by np.savez with at least one array in it")
            })
        });
    }
    for (names, what, remedy) in [(compressed, "compressed", RECOMPRESS), (encrypted, "encrypted", "decrypt it first")]
    {
        if !names.is_empty() {
            recording.warnings.push(Warning::new(format!("{what} members are not shown: {}; {remedy}", some(names))));
        }
    }
    Ok(Arc::new(FlatSource::new(recording, layouts)?))
}

enum Opened {
    Stream(Box<crate::recording::Stream>, (crate::file::FlatLayout, String)),
    Scalar(String),
}

fn open_member(
    map: &Arc<FileMap>,
    member: &Member,
    options: &OpenOptions,
    warnings: &mut Vec<Warning>,
) -> Result<Opened> {
    let (start, end) = data_of(map, member)?;
    let header = npy_header::read(map, start, end)?;
    if header.shape.is_empty() {
        return Ok(Opened::Scalar(npy::scalar_text(map, &header)?));
    }
    let mut own = Vec::new();
    let name = member.array_name().to_owned();
    let (stream, layout) = npy::array(map, &header, end, name, options, &mut own)?;
    for mut warning in own {
        if !warning.text.starts_with(super::options::NO_RATE) {
            warning.text = format!("{}: {}", member.array_name(), warning.text);
        }
        warnings.push(warning);
    }
    let about = format!("{}, {}", header.descr, npy::shape_text(&header.shape));
    Ok(Opened::Stream(Box::new(stream), (layout, about)))
}

fn some<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let shown = names.iter().take(NAMES_SHOWN).copied().collect::<Vec<_>>().join(", ");
    if names.len() > NAMES_SHOWN { format!("{shown} and {} more", names.len() - NAMES_SHOWN) } else { shown }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |b| u16::from_le_bytes([b[0], b[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

/// `len` bytes from `at`, or a clear error.
fn get<'a>(map: &'a FileMap, at: u64, len: u64, what: &str) -> Result<&'a [u8]> {
    match at.checked_add(len).filter(|&end| end <= map.len()) {
        Some(end) => map.bytes(at..end),
        None => Err(Error::malformed(at, format!("{what} lies outside the file"))
            .with_remedy("it may have been cut while copying: compare its size with the original")),
    }
}

/// Where the bytes of a stored member are.
fn data_of(map: &FileMap, member: &Member) -> Result<(u64, u64)> {
    let local = get(map, member.at, 30, "a member of the archive")?;
    if !local.starts_with(LOCAL) {
        return Err(Error::malformed(member.at, format!("member '{}' does not begin here", member.array_name())));
    }
    let names = u64::from(u16_at(local, 26)) + u64::from(u16_at(local, 28));
    let start = member.at + 30 + names;
    // A member that is cut short is a matter for the array in it, which may have whole frames.
    let end = start.checked_add(member.len).ok_or_else(|| Error::limit(member.at, "the length of a member"))?;
    Ok((start, end.min(map.len())))
}

/// The members of the archive, in its order.
fn directory(map: &FileMap) -> Result<Vec<Member>> {
    let tail_at = map.len().saturating_sub(END_BYTES + MAX_COMMENT);
    let tail = map.bytes(tail_at..map.len())?;
    // From behind: the first record whose comment ends with the file is the one.
    let end = (0..tail.len().saturating_sub(END_BYTES as usize - 1)).rev().find(|&i| {
        tail[i..].starts_with(END) && i + END_BYTES as usize + usize::from(u16_at(tail, i + 20)) <= tail.len()
    });
    let Some(end) = end else {
        return Err(Error::malformed(map.len(), "the archive's directory, which is at its end, is missing")
            .with_remedy("it may have been cut while copying or saving: compare its size with the original"));
    };
    let record = &tail[end..];
    let mut directory_end = tail_at + end as u64;
    let mut count = u64::from(u16_at(record, 10));
    let mut len = u64::from(u32_at(record, 12));
    let mut at = u64::from(u32_at(record, 16));
    if let Some(locator_at) = directory_end.checked_sub(LOCATOR64_BYTES)
        && get(map, locator_at, LOCATOR64_BYTES, "the ZIP64 locator")?.starts_with(LOCATOR64)
    {
        let stated = u64_at(get(map, locator_at, LOCATOR64_BYTES, "the ZIP64 locator")?, 8);
        let behind = locator_at.saturating_sub(END64_BYTES);
        // Bytes in front of the archive shift it; then the record lies just before its locator.
        let found = [stated, behind].into_iter().find_map(|at| {
            let record = get(map, at, END64_BYTES, "the ZIP64 end record").ok()?;
            record.starts_with(END64).then_some((at, record))
        });
        let Some((record_at, record)) = found else {
            return Err(Error::malformed(locator_at, "the archive's ZIP64 end record is missing"));
        };
        (count, len, at) = (u64_at(record, 32), u64_at(record, 40), u64_at(record, 48));
        directory_end = record_at;
    }
    // Bytes in front of the archive: the directory ends where its end record begins, whatever the offsets say.
    let shift = directory_end
        .checked_sub(len)
        .and_then(|start| start.checked_sub(at))
        .ok_or_else(|| Error::malformed(directory_end, "the archive's directory is longer than the file"))?;
    if count > MAX_MEMBERS {
        return Err(Error::limit(directory_end, format!("an archive of {count} members")));
    }
    let mut position = at + shift;
    let mut members = Vec::new();
    for _ in 0..count {
        let entry = get(map, position, 46, "the archive's directory")?;
        if !entry.starts_with(CENTRAL) || position >= directory_end {
            return Err(Error::malformed(position, "the archive's directory is broken"));
        }
        let name_len = u64::from(u16_at(entry, 28));
        let extra_len = u64::from(u16_at(entry, 30));
        let comment_len = u64::from(u16_at(entry, 32));
        let name = get(map, position + 46, name_len, "the archive's directory")?;
        let extra = get(map, position + 46 + name_len, extra_len, "the archive's directory")?;
        let member = member(entry, name, extra, shift).ok_or_else(|| {
            Error::malformed(position, "the archive's directory is broken: a ZIP64 field is missing or out of range")
        })?;
        if member.name.ends_with(".npy") {
            members.push(member);
        }
        position += 46 + name_len + extra_len + comment_len;
    }
    map.check()?;
    if members.is_empty() && count > 0 {
        return Err(Error::new(ErrorKind::Unsupported("a ZIP archive without NumPy arrays".into())));
    }
    Ok(members)
}

fn member(entry: &[u8], name: &[u8], extra: &[u8], shift: u64) -> Option<Member> {
    let flags = u16_at(entry, 8);
    let mut len = u64::from(u32_at(entry, 20));
    let original_len = u32_at(entry, 24);
    let mut at = u64::from(u32_at(entry, 42));
    // The ZIP64 field holds those of the three that do not fit 32 bits, in this order.
    let mut zip64 = None;
    let mut rest = extra;
    while rest.len() >= 4 {
        let field_len = usize::from(u16_at(rest, 2));
        let field = rest.get(4..4 + field_len)?;
        if u16_at(rest, 0) == 1 {
            zip64 = Some(field);
        }
        rest = &rest[4 + field_len..];
    }
    let mut used = 0;
    let mut wide = || -> Option<u64> {
        let field = zip64?.get(used..used + 8)?;
        used += 8;
        Some(u64_at(field, 0))
    };
    if original_len == u32::MAX {
        wide()?;
    }
    if len == u64::from(u32::MAX) {
        len = wide()?;
    }
    if at == u64::from(u32::MAX) {
        at = wide()?;
    }
    Some(Member {
        name: String::from_utf8_lossy(name).into_owned(),
        compressed: u16_at(entry, 10) != 0,
        encrypted: flags & 1 != 0,
        len,
        at: at.checked_add(shift)?,
    })
}
