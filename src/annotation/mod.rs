//! What the user says about places in a recording: marks and ranges with a label, a category, a note.
//!
//! [`Annotations`] is the list, sorted by time, and the only way to change it is [`Annotations::apply`], which can be
//! undone. [`store`] keeps it in `NAME.longwave.json`, beside the recording or in the user's data folder; [`FORMATS`] are
//! the files of other programs that it is read from and written to. Times are seconds from the first frame of the
//! recording, gaps included, as everywhere at the edges; what they mean in frames follows from a stream's clock.
//!
//! A hundred thousand annotations cost a binary search for what is seen, and a move of a few megabytes for an edit.
//!
//! To add a format: one file here with a `pub(crate) const FORMAT: Format`, one `mod` line and one line in [`FORMATS`].

use std::io::{Read, Seek, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

mod audacity;
mod boris;
mod csv;
mod edf_plus;
mod edits;
mod merge;
mod reach;
pub mod store;

pub use edits::{Annotations, Edit};
pub use merge::{Base, News};
pub use reach::Reach;

/// Annotations of one file at most; a longer one was not written for people.
pub const MAX_ANNOTATIONS: usize = 2_000_000;
/// Characters of a label or note that are kept.
pub const MAX_TEXT: usize = 4000;
/// Files longer than this are refused where they must be read whole.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// Every format of other programs, in the order of menus. The first is the one for spreadsheets and scripts.
pub const FORMATS: &[&Format] = &[&csv::FORMAT, &audacity::FORMAT, &boris::FORMAT, &edf_plus::FORMAT];

/// A mark (no duration) or a range.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Annotation {
    /// Unique in its list and never used again there; 0 until it is in one.
    #[serde(skip)]
    pub id: u64,
    pub start_secs: f64,
    /// Zero for a mark.
    pub duration_secs: f64,
    pub label: String,
    /// The name of a [`Category`]; empty for none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub category: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Red, green, blue; `None`: the colour of the category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub colour: Option<[u8; 3]>,
    /// Names of the channels that are meant; none: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<String>,
}

impl Annotation {
    /// A mark or range with a label.
    #[must_use]
    pub fn new(start_secs: f64, duration_secs: f64, label: impl Into<String>) -> Self {
        Self { start_secs, duration_secs, label: label.into(), ..Self::default() }
    }

    /// Where it ends, seconds from the first frame.
    #[must_use]
    pub fn end_secs(&self) -> f64 {
        self.start_secs + self.duration_secs
    }

    /// Whether it is one instant.
    #[must_use]
    pub fn is_mark(&self) -> bool {
        self.duration_secs == 0.0
    }

    /// What is said of it in a list or at its mark: the label, or the category of one that has none.
    #[must_use]
    pub fn title(&self) -> &str {
        if self.label.is_empty() { &self.category } else { &self.label }
    }

    /// With finite times, no negative duration, and texts of a length that people write.
    fn sound(mut self) -> Option<Self> {
        if !self.start_secs.is_finite() || !self.duration_secs.is_finite() {
            return None;
        }
        if self.duration_secs < 0.0 {
            self.start_secs += self.duration_secs;
            self.duration_secs = -self.duration_secs;
        }
        for text in [&mut self.label, &mut self.category, &mut self.note].into_iter().chain(&mut self.channels) {
            *text = cleaned(text);
        }
        self.channels.retain(|name| !name.is_empty());
        Some(self)
    }
}

/// Without characters that would drive a terminal, and no longer than [`MAX_TEXT`].
fn cleaned(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).take(MAX_TEXT).collect()
}

/// A kind of annotation, set with a number key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Category {
    pub name: String,
    /// Red, green, blue.
    pub colour: [u8; 3],
}

/// The categories of a recording that has none of its own yet, on the keys 1, 2, 3, … Their colours can be told apart
/// by everybody (Okabe & Ito 2008), on dark and on light.
#[must_use]
pub fn default_categories() -> Vec<Category> {
    [
        ("Event", [0, 114, 178]),
        ("Artefact", [213, 94, 0]),
        ("Interesting", [0, 158, 115]),
        ("Bad", [204, 121, 167]),
        ("Question", [230, 159, 0]),
    ]
    .map(|(name, colour)| Category { name: name.to_owned(), colour })
    .to_vec()
}

/// A reader's source: a file, or bytes in memory.
pub trait Input: Read + Seek {}
impl<T: Read + Seek> Input for T {}

/// A row of the table of formats.
pub struct Format {
    /// For people: `Audacity labels`.
    pub name: &'static str,
    /// How it is named on the command line: `audacity`.
    pub key: &'static str,
    /// How its files end, without dot; the first is the usual one.
    pub extensions: &'static [&'static str],
    /// Whether a file that begins with these bytes (at most 64 KiB of it) is one.
    pub probe: fn(&[u8]) -> bool,
    pub read: fn(&mut dyn Input) -> Result<Vec<Annotation>>,
    pub write: fn(&[Annotation], &Names<'_>, &mut dyn Write) -> std::io::Result<()>,
}

/// What formats write besides the annotations themselves.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// The name of the recording.
    pub recording: &'a str,
    /// When it began, if that is known.
    pub start_unix_ns: Option<i128>,
    /// How long it is, seconds.
    pub duration_secs: f64,
}

/// The format called `key`.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] with the list of keys if there is none.
pub fn format_named(key: &str) -> Result<&'static Format> {
    FORMATS.iter().find(|f| f.key == key).copied().ok_or_else(|| {
        let keys: Vec<&str> = FORMATS.iter().map(|f| f.key).collect();
        Error::invalid(format!("there is no annotation format '{key}'"))
            .with_remedy(format!("use one of: {}", keys.join(", ")))
    })
}

/// The format that is usually written to files of this name.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] with the endings that are known.
pub fn format_for(target: &Path) -> Result<&'static Format> {
    let extension = target.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    FORMATS.iter().find(|f| f.extensions.contains(&extension.as_str())).copied().ok_or_else(|| {
        let endings: Vec<String> = FORMATS.iter().map(|f| format!(".{} ({})", f.extensions[0], f.name)).collect();
        Error::invalid("the ending of the name does not tell a format of annotations")
            .with_path(target)
            .with_remedy(format!("use {}", endings.join(", ")))
    })
}

/// Reads the annotations in the file at `path`, whatever its format, sorted by start.
///
/// # Errors
/// When it cannot be read, is in no format of [`FORMATS`] (nor our own), or is broken: with the line or byte.
pub fn import(path: &Path) -> Result<Vec<Annotation>> {
    const HEAD: u64 = 64 << 10;
    let io = |e| Error::io(path, e);
    let mut file = std::io::BufReader::new(std::fs::File::open(path).map_err(io)?);
    let mut head = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut head).map_err(io)?;
    file.rewind().map_err(io)?;
    if head.is_empty() {
        return Err(Error::invalid("the file is empty").with_path(path));
    }
    if store::is_store(&head) {
        return store::load(path).map(|stored| stored.annotations);
    }
    let known = FORMATS.iter().find(|format| (format.probe)(&head)).ok_or_else(|| {
        let names: Vec<&str> = FORMATS.iter().map(|f| f.name).collect();
        Error::invalid("this is no file of annotations that can be read")
            .with_path(path)
            .with_remedy(format!("use one of: {}", names.join(", ")))
    })?;
    let mut list = (known.read)(&mut file).map_err(|e| e.with_path(path))?;
    list.sort_by(|a, b| a.start_secs.total_cmp(&b.start_secs));
    Ok(list)
}

/// Writes `annotations` to `target`, which appears whole or not at all.
///
/// # Errors
/// When the target exists and `overwrite` is false, or cannot be written.
pub fn export(
    annotations: &[Annotation],
    names: &Names<'_>,
    format: &Format,
    target: &Path,
    overwrite: bool,
) -> Result<()> {
    let mut file = crate::file::AtomicFile::create(target, annotations.len() as u64 * 64, overwrite)?;
    let mut out = std::io::BufWriter::new(file.file());
    let written = (format.write)(annotations, names, &mut out).and_then(|()| out.flush());
    drop(out);
    written.map_err(|e| file.explain(e))?;
    file.commit()
}

/// The whole of `input` as text; what is not UTF-8 is taken for Latin-1, as older programs wrote it.
fn text_of(input: &mut dyn Input) -> Result<String> {
    let mut bytes = Vec::new();
    input
        .take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| Error::invalid(format!("the file cannot be read: {e}")))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(Error::limit(MAX_FILE_BYTES, "the file is longer than annotations ever are"));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(bytes);
    Ok(String::from_utf8(bytes).unwrap_or_else(|e| e.into_bytes().into_iter().map(char::from).collect()))
}

/// Puts `annotation` into `list` if it makes sense.
///
/// # Errors
/// When there are too many, or its times are no numbers.
fn take_in(list: &mut Vec<Annotation>, annotation: Annotation, at: u64) -> Result<()> {
    if list.len() >= MAX_ANNOTATIONS {
        return Err(Error::limit(at, format!("there are more than {MAX_ANNOTATIONS} annotations")));
    }
    let sound = annotation.sound().ok_or_else(|| Error::malformed(at, "a time is not a finite number"))?;
    list.push(sound);
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Cursor;

    use super::*;

    /// Some of every kind, sorted.
    pub(crate) fn some() -> Vec<Annotation> {
        vec![
            Annotation::new(-0.5, 0.0, "before, the \"start\""),
            Annotation {
                category: "Artefact".to_owned(),
                note: "two\nlines".to_owned(),
                channels: vec!["ch 1".to_owned(), "ch;2".to_owned()],
                colour: Some([1, 2, 250]),
                ..Annotation::new(1.0 / 3.0, 0.25, "µV; spike\tor not")
            },
            Annotation::new(61_200.123_456_789, 0.0, "late"),
        ]
    }

    pub(crate) const NAMES: Names<'_> =
        Names { recording: "day.rec", start_unix_ns: Some(1_700_000_000_000_000_000), duration_secs: 61_300.0 };

    /// What comes back of `list` through `format`.
    pub(crate) fn through(format: &Format, list: &[Annotation]) -> Vec<Annotation> {
        let mut bytes = Vec::new();
        (format.write)(list, &NAMES, &mut bytes).unwrap();
        assert!((format.probe)(&bytes[..bytes.len().min(64 << 10)]), "{} knows its own files", format.name);
        for other in FORMATS.iter().take_while(|f| f.key != format.key) {
            assert!(!(other.probe)(&bytes), "{} takes what {} wrote", other.name, format.name);
        }
        (format.read)(&mut Cursor::new(bytes)).unwrap()
    }

    #[test]
    fn every_format_gives_back_times_and_labels() {
        for format in FORMATS {
            let back = through(format, &some());
            assert_eq!(back.len(), 3, "{}", format.name);
            for (a, b) in some().iter().zip(&back) {
                assert!((a.start_secs - b.start_secs).abs() < 1e-6, "{}: {a:?} {b:?}", format.name);
                assert!((a.duration_secs - b.duration_secs).abs() < 1e-6, "{}: {a:?} {b:?}", format.name);
            }
            assert!(through(format, &[]).is_empty(), "{}", format.name);
        }
    }

    #[test]
    fn nonsense_is_an_error_and_never_a_panic() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.txt");
        for bytes in [&b""[..], b"\0\0\0\0", b"{", b"hello world\n", &[0xff; 300]] {
            std::fs::write(&path, bytes).unwrap();
            let error = import(&path).unwrap_err().to_string();
            assert!(error.contains("x.txt"), "{error}");
        }
        for format in FORMATS {
            let mut whole = Vec::new();
            (format.write)(&some(), &NAMES, &mut whole).unwrap();
            for cut in 0..whole.len() {
                drop((format.read)(&mut Cursor::new(&whole[..cut])));
                let mut changed = whole.clone();
                changed[cut] ^= 0x55;
                drop((format.read)(&mut Cursor::new(changed)));
            }
        }
    }
}
