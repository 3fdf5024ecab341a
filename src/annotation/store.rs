//! Where annotations are kept: `NAME.longwave.json` beside the recording, or, where that folder cannot be written to,
//! in the user's data folder under a name that tells the whole path.
//!
//! The file is JSON, version 1: `{"longwave_annotations": 1, "recording": "day.rec", "categories": [{"name", "colour"}],
//! "annotations": [{"start_secs", "duration_secs", "label", "category", "note", "colour", "channels"}]}`; what is empty is
//! left out. It is written through a temporary name and appears whole or not at all, so that a crash loses what was
//! changed since the last time and nothing else. A newer version than ours is refused rather than overwritten, and what
//! another window has changed since is taken in ([`super::merge`]).

use std::path::{Path, PathBuf};

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::merge::{self, Base, News};
use super::{Annotation, Category, MAX_ANNOTATIONS, default_categories};
use crate::error::{Error, Result};
use crate::file::{Update, update};

/// How the name of the file ends.
pub const ENDING: &str = "longwave.json";
const VERSION: u32 = 1;
/// A longer file was not written by us.
const MAX_BYTES: u64 = 1 << 30;
/// There are nine keys for them.
const MAX_CATEGORIES: usize = 1000;

/// What the file holds.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Stored {
    longwave_annotations: u32,
    /// The name of the recording, for people who find the file.
    #[serde(default)]
    pub recording: String,
    #[serde(default = "default_categories", deserialize_with = "at_most::<MAX_CATEGORIES, _, _>")]
    pub categories: Vec<Category>,
    #[serde(default, deserialize_with = "at_most::<MAX_ANNOTATIONS, _, _>")]
    pub annotations: Vec<Annotation>,
}

/// Reads a list, and fails at the first entry that is too many: what is read from few bytes may take many in memory.
fn at_most<'de, const MOST: usize, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> std::result::Result<Vec<T>, D::Error> {
    struct List<const MOST: usize, T>(std::marker::PhantomData<T>);
    impl<'de, const MOST: usize, T: Deserialize<'de>> Visitor<'de> for List<MOST, T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "a list of at most {MOST}")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> std::result::Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(entry) = entries.next_element()? {
                if list.len() >= MOST {
                    return Err(A::Error::custom(format!("a list has more than {MOST} entries")));
                }
                list.push(entry);
            }
            Ok(list)
        }
    }
    from.deserialize_seq(List::<MOST, T>(std::marker::PhantomData))
}

impl Stored {
    /// What is to be kept.
    #[must_use]
    pub fn new(recording: &str, categories: Vec<Category>, annotations: Vec<Annotation>) -> Self {
        Self { longwave_annotations: VERSION, recording: recording.to_owned(), categories, annotations }
    }
}

/// Whether a file that begins with `head` is one of ours.
#[must_use]
pub(super) fn is_store(head: &[u8]) -> bool {
    String::from_utf8_lossy(&head[..head.len().min(256)]).contains("\"longwave_annotations\"")
}

/// Where the annotations of the recording at `recording` may be, the better place first.
#[must_use]
pub fn places(recording: &Path) -> Vec<PathBuf> {
    let mut name = recording.file_name().unwrap_or(recording.as_os_str()).to_os_string();
    name.push(".");
    name.push(ENDING);
    let beside = recording.with_file_name(&name);
    let whole = std::path::absolute(recording).unwrap_or_else(|_| recording.to_path_buf());
    let hash = twox_hash::XxHash3_64::oneshot(whole.as_os_str().as_encoded_bytes());
    let elsewhere = directories::ProjectDirs::from("", "", "longwave").map(|dirs| {
        let name = format!("{hash:016x}-{}", name.to_string_lossy());
        dirs.data_local_dir().join("annotations").join(name)
    });
    std::iter::once(beside).chain(elsewhere).collect()
}

/// The newest of the files that hold annotations of `recording`, and what is in it; `None` if there is none.
///
/// # Errors
/// When it cannot be read, is broken, or is from a newer version: then nothing may be written over it.
pub fn find(recording: &Path) -> Result<Option<(PathBuf, Stored)>> {
    let changed = |path: &PathBuf| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    let newest = places(recording).into_iter().filter(|p| p.is_file()).max_by_key(changed);
    newest.map(|path| load(&path).map(|stored| (path, stored))).transpose()
}

/// Reads the file at `path`.
///
/// # Errors
/// When it cannot be read, is broken (with line and column), or is from a newer version.
pub fn load(path: &Path) -> Result<Stored> {
    let io = |e| Error::io(path, e);
    let len = std::fs::metadata(path).map_err(io)?.len();
    if len > MAX_BYTES {
        return Err(Error::limit(MAX_BYTES, "the file is longer than annotations ever are").with_path(path));
    }
    parse(&std::fs::read(path).map_err(io)?, path)
}

fn parse(bytes: &[u8], path: &Path) -> Result<Stored> {
    let stored: Stored = serde_json::from_slice(bytes).map_err(|e| {
        Error::invalid(format!("this is not a file of annotations: {e}"))
            .with_path(path)
            .with_remedy("mend or move it; nothing is written over it")
    })?;
    if stored.longwave_annotations > VERSION {
        return Err(Error::unsupported(format!("annotations of version {}", stored.longwave_annotations))
            .with_path(path)
            .with_remedy("use a newer longwave; nothing is written over it"));
    }
    let annotations = stored.annotations.into_iter().filter_map(Annotation::sound).collect();
    Ok(Stored { annotations, ..stored })
}

/// What writing has come to.
#[derive(Clone, Debug)]
pub struct Saved {
    /// Where it is.
    pub path: PathBuf,
    /// What is there now: the base of the next time.
    pub base: Base,
    /// What others have changed meanwhile, and what is written with the rest.
    pub news: News,
}

/// Writes what is to be kept for `recording`: over the file at `present` if there is one, else to the first place that
/// can be written to. `base` is what was there when it was last read or written; what others have changed since is kept,
/// and returned.
///
/// # Errors
/// When no place can be written to. A file that cannot be understood any more is left alone.
pub fn save(recording: &Path, present: Option<&Path>, base: &Base, stored: &Stored) -> Result<Saved> {
    let mut targets: Vec<PathBuf> = present.map(Path::to_path_buf).into_iter().collect();
    targets.extend(places(recording).into_iter().filter(|place| Some(place.as_path()) != present));
    let mut first_error = None;
    for (i, target) in targets.iter().enumerate() {
        // Only the user's own folder may be made; the recording's is there, or the recording is gone.
        if i + 1 == targets.len()
            && let Some(folder) = target.parent()
        {
            drop(std::fs::create_dir_all(folder));
        }
        match write(target, base, stored) {
            Ok(saved) => return Ok(saved),
            Err(error) => drop(first_error.get_or_insert(error)),
        }
    }
    Err(first_error.unwrap_or_else(|| Error::invalid("there is no place to keep annotations")))
}

fn write(target: &Path, base: &Base, stored: &Stored) -> Result<Saved> {
    update(target, MAX_BYTES, |present| {
        let (mut new, mut news) = (stored.clone(), News::default());
        if let Some(bytes) = present.filter(|bytes| !base.is_in(bytes)) {
            news = merge::merge(base, parse(bytes, target)?, &mut new);
        }
        if new.annotations.len() > MAX_ANNOTATIONS {
            return Err(Error::invalid(format!("more than {MAX_ANNOTATIONS} annotations are not kept")));
        }
        let bytes = serde_json::to_vec_pretty(&new).map_err(|e| Error::invalid(e.to_string()))?;
        let base = Base::of(&new).in_bytes(&bytes);
        Ok((Update::Write(bytes), Saved { path: target.to_path_buf(), base, news }))
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::some;
    use super::*;

    #[test]
    fn what_is_kept_comes_back_identical() {
        let folder = tempfile::tempdir().unwrap();
        let recording = folder.path().join("day.rec");
        assert!(find(&recording).unwrap().is_none());
        let stored = Stored::new("day.rec", default_categories(), some());
        let Saved { path, base, .. } = save(&recording, None, &Base::default(), &stored).unwrap();
        assert_eq!(path, folder.path().join("day.rec.longwave.json"));
        let (found, back) = find(&recording).unwrap().unwrap();
        assert_eq!((found, &back), (path.clone(), &stored));
        assert_eq!(super::super::import(&path).unwrap().len(), 3);
        let fewer = Stored::new("day.rec", Vec::new(), Vec::new());
        assert_eq!(save(&recording, Some(&path), &base, &fewer).unwrap().path, path);
        assert_eq!(find(&recording).unwrap().unwrap().1, fewer);
    }

    #[test]
    fn two_windows_on_one_recording_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let recording = folder.path().join("day.rec");
        let of = |labels: &[&str]| {
            let list = labels.iter().zip(1_u8..).map(|(l, i)| Annotation::new(f64::from(i), 0.0, *l)).collect();
            Stored::new("day.rec", default_categories(), list)
        };
        let first = save(&recording, None, &Base::default(), &of(&["a"])).unwrap();
        let (_, opened) = find(&recording).unwrap().unwrap();
        // The first goes on, then the second, which knows nothing of it; then the first again.
        let path = Some(first.path.as_path());
        let again = save(&recording, path, &first.base, &of(&["a", "b"])).unwrap();
        assert!(again.news.is_empty());
        let second = save(&recording, path, &Base::of(&opened), &of(&["a", "c"])).unwrap();
        assert_eq!(second.news.came.iter().map(|a| a.label.as_str()).collect::<Vec<_>>(), ["b"]);
        let third = save(&recording, path, &again.base, &of(&["b"])).unwrap();
        assert_eq!(third.news.came.len(), 1);
        let (_, kept) = find(&recording).unwrap().unwrap();
        let mut labels: Vec<&str> = kept.annotations.iter().map(|a| a.label.as_str()).collect();
        labels.sort_unstable();
        assert_eq!(labels, ["b", "c"], "the first has taken 'a' out, and moved 'b'");
    }

    #[test]
    fn a_file_that_was_broken_meanwhile_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("day.rec.longwave.json");
        let stored = Stored::new("day.rec", Vec::new(), some());
        let base = write(&path, &Base::default(), &stored).unwrap().base;
        std::fs::write(&path, "half of it").unwrap();
        assert!(write(&path, &base, &stored).unwrap_err().to_string().contains("nothing is written over it"));
        assert_eq!(std::fs::read(&path).unwrap(), b"half of it");
        // One that was deleted is written anew, whole.
        std::fs::remove_file(&path).unwrap();
        write(&path, &base, &stored).unwrap();
        assert_eq!(load(&path).unwrap().annotations.len(), 3);
    }

    #[test]
    fn lists_without_end_are_refused_before_they_fill_the_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("day.rec.longwave.json");
        let list = |entry: &str, n: usize| vec![entry; n].join(",");
        let category = r#"{"name": "", "colour": [1, 2, 3]}"#;
        let file = |n| format!(r#"{{"longwave_annotations": 1, "categories": [{}]}}"#, list(category, n));
        std::fs::write(&path, file(MAX_CATEGORIES)).unwrap();
        assert_eq!(load(&path).unwrap().categories.len(), MAX_CATEGORIES);
        std::fs::write(&path, file(MAX_CATEGORIES + 1)).unwrap();
        let error = load(&path).unwrap_err().to_string();
        assert!(error.contains("more than 1000 entries"), "{error}");
        let text = format!("[{}]", list("1", 11));
        let mut json = serde_json::Deserializer::from_str(&text);
        assert!(at_most::<10, u8, _>(&mut json).unwrap_err().to_string().contains("more than 10"));
    }

    #[test]
    fn broken_and_newer_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let recording = folder.path().join("day.rec");
        for (text, hint) in [
            ("{\"longwave_annotations\": 2}", "newer longwave"),
            ("{\"longwave_annotations\": 1, \"annotations\": 3}", "nothing is written over it"),
            ("", "nothing is written over it"),
        ] {
            std::fs::write(folder.path().join("day.rec.longwave.json"), text).unwrap();
            let error = find(&recording).unwrap_err().to_string();
            assert!(error.contains(hint), "{error}");
        }
    }
}
