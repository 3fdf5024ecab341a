//! EDF+ (Kemp & Olivan 2003; "European data format 'plus'", section 2.2): annotations as time-stamped annotation lists
//! (TALs) in the signal `EDF Annotations`, and `BDF Annotations` of BDF+.
//!
//! Read are the annotations of any EDF+ or BDF+ file, whatever other signals it has: only the bytes of the annotation
//! signals are read. Written is a file that holds annotations only (data records of no duration, which the standard
//! allows for it).
//!
//! A TAL is `onset[\x15duration]\x14text\x14…\0`; the first of each data record carries no text and says when the record
//! begins. Onsets count from the starting time of the header, which has whole seconds; the first data record may begin up
//! to a second later, and ours count from there.

use std::io::{Read as _, SeekFrom, Write};

use super::{Annotation, Format, Input, Names, take_in};
use crate::error::{Error, Result};

pub(crate) const FORMAT: Format =
    Format { name: "EDF+ annotations", key: "edf", extensions: &["edf"], probe, read, write };

/// The fixed part of the header, and what each signal adds to it.
const HEADER: u64 = 256;
const PER_SIGNAL: u64 = 256;
/// Bytes of a data record that we write: the standard recommends no more than 61,440.
const RECORD_BYTES: usize = 4096;
/// Data records that are no longer are read many at once, so many bytes.
const SMALL_RECORD: u64 = 16 << 10;
const BATCH_BYTES: u64 = 1 << 20;
/// No annotation signal of a data record is longer than this.
const MAX_SIGNAL_BYTES: u64 = 16 << 20;

fn probe(head: &[u8]) -> bool {
    let edf = head.starts_with(b"0       ") && head.get(192..196) == Some(b"EDF+");
    let bdf = head.starts_with(b"\xffBIOSEMI") && head.get(192..196) == Some(b"BDF+");
    edf || bdf
}

/// A number in a field of the header.
fn number<T: std::str::FromStr>(bytes: &[u8], at: u64, what: &str) -> Result<T> {
    let text = String::from_utf8_lossy(bytes);
    text.trim()
        .parse()
        .map_err(|_no_number| Error::malformed(at, format!("the header says '{}' for {what}", super::cleaned(&text))))
}

fn read_exact(input: &mut dyn Input, at: u64, len: u64) -> Result<Vec<u8>> {
    let cut = |_| Error::malformed(at, "the file ends here, although its header says that there is more");
    input.seek(SeekFrom::Start(at)).map_err(cut)?;
    let mut bytes = Vec::new();
    let found = input.take(len).read_to_end(&mut bytes).map_err(cut)?;
    if (found as u64) < len { Err(cut(std::io::ErrorKind::UnexpectedEof.into())) } else { Ok(bytes) }
}

fn read(input: &mut dyn Input) -> Result<Vec<Annotation>> {
    let head = read_exact(input, 0, HEADER)?;
    if !probe(&head) {
        return Err(Error::malformed(0, "this is no EDF+ or BDF+ file"));
    }
    let sample_bytes = if head[0] == b'0' { 2 } else { 3 };
    let file_len = input.seek(SeekFrom::End(0)).map_err(|e| Error::malformed(0, e.to_string()))?;
    let header_bytes: u64 = number(&head[184..192], 184, "the length of the header")?;
    let records: i64 = number(&head[236..244], 236, "the number of data records")?;
    let signals: u64 = number(&head[252..256], 252, "the number of signals")?;
    if signals == 0 || header_bytes != HEADER + signals * PER_SIGNAL {
        return Err(Error::malformed(184, "the length of the header and the number of signals do not agree"));
    }
    let table = read_exact(input, HEADER, signals * PER_SIGNAL)?;
    let n = signals as usize;
    // Where the annotation signals lie in a data record.
    let mut places = Vec::new();
    let mut record_bytes = 0_u64;
    for i in 0..n {
        let at = 216 * n + 8 * i;
        let samples: u64 = number(&table[at..at + 8], HEADER + at as u64, "the samples of a signal in a record")?;
        let bytes = samples.saturating_mul(sample_bytes);
        let label = String::from_utf8_lossy(&table[16 * i..16 * i + 16]).trim().to_owned();
        if label == "EDF Annotations" || label == "BDF Annotations" {
            if bytes > MAX_SIGNAL_BYTES {
                return Err(Error::limit(HEADER + at as u64, "an annotation signal is longer than any is"));
            }
            places.push((record_bytes, bytes));
        }
        record_bytes = record_bytes.saturating_add(bytes);
    }
    if places.is_empty() {
        return Err(Error::malformed(HEADER, "none of the signals is called 'EDF Annotations'"));
    }
    // A recorder that was interrupted has written -1.
    let there = file_len.saturating_sub(header_bytes).checked_div(record_bytes).unwrap_or(0);
    let records = u64::try_from(records).map_or(there, |told| told.min(there));
    let mut list = Vec::new();
    let mut first_secs = None;
    if record_bytes <= SMALL_RECORD {
        // Many at once, because finding a place in the file costs as much as reading a few thousand bytes.
        let batch = (BATCH_BYTES / record_bytes.max(1)).max(1);
        for first in (0..records).step_by(usize::try_from(batch).unwrap_or(usize::MAX)) {
            let at = header_bytes + first * record_bytes;
            let bytes = read_exact(input, at, batch.min(records - first) * record_bytes)?;
            for (i, record) in bytes.chunks_exact(record_bytes as usize).enumerate() {
                let at = at + i as u64 * record_bytes;
                for &(offset, len) in &places {
                    let begins = tals(&record[offset as usize..(offset + len) as usize], at + offset, &mut list)?;
                    first_secs = first_secs.or(begins);
                }
            }
        }
    } else {
        for record in 0..records {
            for &(offset, bytes) in &places {
                let at = header_bytes + record * record_bytes + offset;
                let begins = tals(&read_exact(input, at, bytes)?, at, &mut list)?;
                first_secs = first_secs.or(begins);
            }
        }
    }
    let first_secs = first_secs.unwrap_or(0.0);
    list.iter_mut().for_each(|a| a.start_secs -= first_secs);
    Ok(list)
}

/// Takes in the annotations of one signal of one data record, which begins at byte `at`; returns when the record begins,
/// which the first signal says.
fn tals(bytes: &[u8], at: u64, list: &mut Vec<Annotation>) -> Result<Option<f64>> {
    let mut from = 0;
    let mut begins = None;
    for tal in bytes.split(|&b| b == 0) {
        let here = at + from;
        from += tal.len() as u64 + 1;
        if tal.is_empty() {
            continue;
        }
        let mut texts = tal.split(|&b| b == 0x14);
        let times = texts.next().unwrap_or_default();
        let mut times = times.split(|&b| b == 0x15).map(|t| String::from_utf8_lossy(t).into_owned());
        let mut secs = || times.next().map(|t| t.parse::<f64>());
        let (Some(Ok(onset)), duration) = (secs(), secs()) else {
            return Err(Error::malformed(here, "an annotation does not begin with its onset in seconds"));
        };
        let duration = duration.and_then(std::result::Result::ok).unwrap_or(0.0);
        if here == at && onset.is_finite() {
            begins = Some(onset);
        }
        for text in texts.filter(|t| !t.is_empty()) {
            take_in(list, Annotation::new(onset, duration, String::from_utf8_lossy(text)), here)?;
        }
    }
    Ok(begins)
}

/// The TAL of `a`; a label that would not fit into a record is cut at a whole character.
fn tal(a: &Annotation) -> Vec<u8> {
    const ROOM: usize = RECORD_BYTES - 128;
    // Marks of the standard itself cannot stand in a label.
    let mut label: String = a.title().chars().map(|c| if c < ' ' { ' ' } else { c }).collect();
    let fits = (0..=label.len().min(ROOM)).rev().find(|&at| label.is_char_boundary(at)).unwrap_or(0);
    label.truncate(fits);
    // An empty text would say when the record begins, and be no annotation.
    let label = if label.trim().is_empty() { "annotation" } else { &label };
    let duration = if a.is_mark() { String::new() } else { format!("\x15{:.9}", a.duration_secs) };
    format!("{:+.9}{duration}\x14{label}\x14\0", a.start_secs).into_bytes()
}

fn write(list: &[Annotation], names: &Names<'_>, out: &mut dyn Write) -> std::io::Result<()> {
    const START: &[u8] = b"+0\x14\x14\0";
    // Cut into records first: the header says how many there are.
    let mut ends = Vec::new();
    let mut room = 0;
    for (i, a) in list.iter().enumerate() {
        let len = tal(a).len();
        if len > room {
            ends.push(i);
            room = RECORD_BYTES - START.len();
        }
        room -= len;
    }
    ends.push(list.len());
    let starts: Vec<usize> = if list.is_empty() { vec![0] } else { ends[..ends.len() - 1].to_vec() };
    out.write_all(&header(names, starts.len()))?;
    for (r, &first) in starts.iter().enumerate() {
        let end = starts.get(r + 1).copied().unwrap_or(list.len());
        let mut record = START.to_vec();
        list[first..end].iter().for_each(|a| record.extend(tal(a)));
        record.resize(RECORD_BYTES, 0);
        out.write_all(&record)?;
    }
    Ok(())
}

fn header(names: &Names<'_>, records: usize) -> Vec<u8> {
    const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
    let start = names.start_unix_ns.and_then(|ns| jiff::Timestamp::from_nanosecond(ns).ok());
    let start = start.map(|at| at.to_zoned(jiff::tz::TimeZone::UTC));
    let (recording, date, time) = start.as_ref().map_or_else(
        || ("Startdate X X X X".to_owned(), "01.01.85".to_owned(), "00.00.00".to_owned()),
        |at| {
            let month = MONTHS[usize::try_from(at.month() - 1).unwrap_or(0).min(11)];
            (
                format!("Startdate {:02}-{month}-{:04} X X longwave", at.day(), at.year()),
                format!("{:02}.{:02}.{:02}", at.day(), at.month(), at.year().rem_euclid(100)),
                format!("{:02}.{:02}.{:02}", at.hour(), at.minute(), at.second()),
            )
        },
    );
    let fields: [(&str, usize); 20] = [
        ("0", 8),
        ("X X X X", 80),
        (&recording, 80),
        (&date, 8),
        (&time, 8),
        ("512", 8),
        ("EDF+C", 44),
        (&records.to_string(), 8),
        ("0", 8),
        ("1", 4),
        ("EDF Annotations", 16),
        ("", 80),
        ("", 8),
        ("-1", 8),
        ("1", 8),
        ("-32768", 8),
        ("32767", 8),
        ("", 80),
        (&(RECORD_BYTES / 2).to_string(), 8),
        ("", 32),
    ];
    let mut bytes = Vec::with_capacity(512);
    for (text, width) in fields {
        let ascii = text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c as u8 } else { b'_' });
        bytes.extend(ascii.chain(std::iter::repeat(b' ')).take(width));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::tests::{NAMES, some, through};
    use super::*;

    #[test]
    fn many_annotations_take_many_records() {
        let list: Vec<Annotation> =
            (0..5000).map(|i| Annotation::new(f64::from(i) / 7.0, 0.5, format!("é {i}"))).collect();
        let back = through(&FORMAT, &list);
        assert_eq!(back.len(), list.len());
        assert!(list.iter().zip(&back).all(|(a, b)| a.label == b.label));
        let long = Annotation::new(1.0, 0.0, "ü".repeat(4000));
        assert_eq!(through(&FORMAT, &[long])[0].label.chars().count(), (RECORD_BYTES - 128) / 2);
        assert_eq!(through(&FORMAT, &some())[1].label, "µV; spike or not");
    }

    /// A file of bytes that counts how often a place in it is looked for.
    struct Counting(std::io::Cursor<Vec<u8>>, usize);

    impl std::io::Read for Counting {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(out)
        }
    }

    impl std::io::Seek for Counting {
        fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
            self.1 += 1;
            self.0.seek(to)
        }
    }

    #[test]
    fn tiny_records_are_read_many_at_once() {
        // Three-sample annotation signals (`+0` and its marks) in 50,000 records of 8 bytes.
        let records = 50_000;
        let mut bytes = header(&NAMES, records);
        bytes[472..480].copy_from_slice(b"4       ");
        (0..records).for_each(|_| bytes.extend(b"+0\x14\x14\0\0\0\0"));
        let last = bytes.len() - 8;
        bytes[last..last + 7].copy_from_slice(b"+9\x14ab\x14\0");
        let mut input = Counting(std::io::Cursor::new(bytes), 0);
        let list = read(&mut input).unwrap();
        assert_eq!((list.len(), list[0].label.as_str(), list[0].start_secs), (1, "ab", 9.0));
        assert!(input.1 < 10, "{} times", input.1);
    }

    #[test]
    fn the_header_is_as_the_standard_has_it() {
        let bytes = header(&NAMES, 3);
        assert_eq!(bytes.len(), 512);
        assert_eq!(&bytes[88..111], b"Startdate 14-NOV-2023 X");
        assert_eq!((&bytes[168..184], &bytes[184..192]), (&b"14.11.2322.13.20"[..], &b"512     "[..]));
    }
}
