//! Which files of a folder are one recording, by their names.
//!
//! SpikeGadgets users name the files of a day `{YYYYMMDD}_{animal}_{epoch}_{tag}.rec`, and long ones are split into
//! `…_part1.rec`, `…_part2.rec` (trodes_to_nwb scans a folder for the same pattern). All files of a date and an animal
//! are one session, in the order of epoch and part. Files of other names are sessions of their own, apart from their
//! `_partN`.
//!
//! A session has a name, `{YYYYMMDD}_{animal}`, by which it can be opened: `FOLDER/20230622_rat`. This module lists
//! folders and never opens a recording.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use super::FORMATS;
use crate::error::{Error, Result};

/// Entries of a folder that are looked at.
const MAX_ENTRIES: usize = 100_000;
/// Sessions that an error lists.
const LISTED: usize = 12;

/// Files that belong together, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// `20230622_rat`, or the name of the file without extension and part.
    pub name: String,
    pub files: Vec<PathBuf>,
}

impl Session {
    /// `5 files, 1.2 GiB`. Asks the system for the lengths.
    #[must_use]
    pub fn summary(&self) -> String {
        let bytes: u64 = self.files.iter().map(|f| std::fs::metadata(f).map_or(0, |m| m.len())).sum();
        let files = if self.files.len() == 1 { "1 file".to_owned() } else { format!("{} files", self.files.len()) };
        format!("{files}, {}", crate::text::bytes(bytes))
    }
}

/// What a file's name tells.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Name {
    session: String,
    /// Zero where there is none.
    epoch: u64,
    /// Zero where there is none: the file without a part comes before its parts.
    part: u64,
    stem: String,
}

impl Name {
    fn of(path: &Path) -> Self {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (base, part) = without_part(&stem);
        match dated(base) {
            Some((session, epoch)) => Self { session, epoch, part, stem },
            None => Self { session: base.to_owned(), epoch: 0, part, stem },
        }
    }

    fn order(&self, other: &Self) -> Ordering {
        natural(&self.session, &other.session)
            .then(self.epoch.cmp(&other.epoch))
            .then_with(|| natural(without_part(&self.stem).0, without_part(&other.stem).0))
            .then(self.part.cmp(&other.part))
            .then_with(|| self.stem.cmp(&other.stem))
    }
}

/// `x_part2` or `x.part2` → `x` and 2; zero without a part.
fn without_part(stem: &str) -> (&str, u64) {
    let digits = stem.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (head, number) = stem.split_at(stem.len() - digits);
    let marked = head.len().checked_sub(5).filter(|&at| head.is_char_boundary(at)).map(|at| head.split_at(at));
    match (marked, number.parse()) {
        (Some((base, mark)), Ok(part))
            if !base.is_empty() && ["_part", ".part"].iter().any(|m| m.eq_ignore_ascii_case(mark)) =>
        {
            (base, part)
        }
        _ => (stem, 0),
    }
}

/// `20230622_rat_01_a1` → `20230622_rat` and 1. The animal's name may have underscores; the epoch is the number in front
/// of the tag, or the last one if there is no tag.
fn dated(base: &str) -> Option<(String, u64)> {
    let fields: Vec<&str> = base.split('_').collect();
    let number = |text: &&str| !text.is_empty() && text.len() <= 18 && text.bytes().all(|b| b.is_ascii_digit());
    let (date, rest) = fields.split_first()?;
    let is_date = date.len() == 8 && number(date) && {
        let month: u32 = date[4..6].parse().unwrap_or(0);
        let day: u32 = date[6..8].parse().unwrap_or(0);
        (1..=12).contains(&month) && (1..=31).contains(&day)
    };
    // An animal at least, then the epoch.
    if !is_date || rest.len() < 2 || rest.iter().any(|f| f.is_empty()) {
        return None;
    }
    let before_tag = (rest.len() >= 3).then(|| rest.len() - 2).filter(|&i| number(&rest[i]));
    let at_end = Some(rest.len() - 1).filter(|&i| number(&rest[i]));
    let inside = || (1..rest.len()).find(|&i| number(&rest[i]));
    let at = before_tag.or(at_end).or_else(inside)?;
    Some((format!("{date}_{}", rest[..at].join("_")), rest[at].parse().ok()?))
}

/// Text order in which runs of digits count as numbers: `a2` before `a10`.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let digits = |s: &[u8]| s.iter().take_while(|c| c.is_ascii_digit()).count();
        let (m, n) = (digits(a), digits(b));
        if m > 0 && n > 0 {
            let strip = |s: &[u8]| -> Vec<u8> { s.iter().copied().skip_while(|&c| c == b'0').collect() };
            let (x, y) = (strip(&a[..m]), strip(&b[..n]));
            let order = x.len().cmp(&y.len()).then(x.cmp(&y));
            if order != Ordering::Equal {
                return order;
            }
            (a, b) = (&a[m..], &b[n..]);
            continue;
        }
        match (a.split_first(), b.split_first()) {
            (Some((x, rest_a)), Some((y, rest_b))) => {
                let order = x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase());
                if order != Ordering::Equal {
                    return order;
                }
                (a, b) = (rest_a, rest_b);
            }
            (x, y) => return x.is_some().cmp(&y.is_some()),
        }
    }
}

/// What a file's name says of its place in the session: the epoch, where it is named after the pattern, and what comes
/// behind it in the name.
#[must_use]
pub fn epoch_of(path: &Path) -> Option<(u64, String)> {
    let stem = path.file_stem()?.to_string_lossy().into_owned();
    let (base, _) = without_part(&stem);
    let (session, epoch) = dated(base)?;
    // Behind the session's name: the epoch's number, then the tag.
    let tag = base.get(session.len() + 1..)?.split_once('_').map_or("", |(_, tag)| tag);
    Some((epoch, tag.to_owned()))
}

/// Sorts files into sessions, each in its order, by their names alone: Trodes may put each of them in a folder of its
/// own.
#[must_use]
pub fn group(files: Vec<PathBuf>) -> Vec<Session> {
    let mut named: Vec<(Name, PathBuf)> = files.into_iter().map(|f| (Name::of(&f), f)).collect();
    named.sort_by(|a, b| a.0.order(&b.0).then_with(|| a.1.cmp(&b.1)));
    let mut sessions: Vec<Session> = Vec::new();
    for (name, file) in named {
        let same = |s: &&mut Session| {
            s.name == name.session && s.files.first().is_some_and(|f| f.extension() == file.extension())
        };
        match sessions.iter_mut().rev().find(same) {
            Some(session) => session.files.push(file),
            None => sessions.push(Session { name: name.session, files: vec![file] }),
        }
    }
    sessions
}

/// Whether `next`, which has appeared while `last` was being written, goes on where it ends, by its name: it is a later file
/// of the same session, or has the next number: `day.rec` and `day_2.rec` (or `day_1.rec`), `x004.raw` and `x005.raw`.
#[must_use]
pub fn goes_on(last: &Path, next: &Path) -> bool {
    let same_kind = match (last.extension(), next.extension()) {
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
        (a, b) => a == b,
    };
    if !same_kind || last == next {
        return false;
    }
    let (a, b) = (Name::of(last), Name::of(next));
    if a.session == b.session && (a.epoch, a.part) < (b.epoch, b.part) {
        return true;
    }
    let numbered = |stem: &str| -> (String, Option<u64>) {
        let digits = stem.bytes().rev().take_while(u8::is_ascii_digit).count();
        let (head, number) = stem.split_at(stem.len() - digits);
        (head.to_owned(), number.parse().ok())
    };
    let ((head_a, number_a), (head_b, number_b)) = (numbered(&a.stem), numbered(&b.stem));
    let Some(number_b) = number_b else { return false };
    let counts_on = head_a == head_b && number_a.is_some_and(|a| a.checked_add(1) == Some(number_b));
    let first_number = !a.stem.is_empty()
        && (1..=2).contains(&number_b)
        && head_b.strip_prefix(a.stem.as_str()).is_some_and(|between| ["_", "-", ".", " "].contains(&between));
    counts_on || first_number
}

/// The first of `files` in the order of sessions.
#[must_use]
pub(super) fn first_of(files: Vec<PathBuf>) -> Option<PathBuf> {
    group(files).into_iter().next()?.files.into_iter().next()
}

/// A name for files that are opened together: that of their session, or of the first and how many follow.
#[must_use]
pub fn name_of(files: &[PathBuf]) -> String {
    let mut sessions = group(files.to_vec());
    if let ([session], true) = (&mut sessions[..], files.len() > 1) {
        return std::mem::take(&mut session.name);
    }
    let first = files.first().and_then(|f| f.file_name()).unwrap_or_default().to_string_lossy();
    if files.len() > 1 { format!("{first} and {} more", files.len() - 1) } else { first.into_owned() }
}

/// The sessions in `folder`: of its `.rec` files; if it has none, of those in its subfolders (Trodes makes one for each
/// recording); if there are none either, of its files of other formats that tell their layout themselves.
///
/// # Errors
/// When the folder cannot be read.
pub fn sessions(folder: &Path) -> Result<Vec<Session>> {
    let entries = list(folder)?;
    let of_kind = |files: &[PathBuf], extensions: &[&str]| -> Vec<PathBuf> {
        let known = |f: &&PathBuf| {
            f.extension().and_then(|e| e.to_str()).is_some_and(|e| extensions.iter().any(|k| k.eq_ignore_ascii_case(e)))
        };
        files.iter().filter(known).filter(|f| f.is_file()).cloned().collect()
    };
    let mut files = of_kind(&entries, &["rec"]);
    if files.is_empty() {
        for subfolder in entries.iter().filter(|e| e.is_dir()) {
            // One that cannot be read holds nothing that could be opened.
            files.extend(of_kind(&list(subfolder).unwrap_or_default(), &["rec"]));
        }
    }
    if files.is_empty() {
        let telling: Vec<&str> =
            FORMATS.iter().filter(|f| f.name != "raw").flat_map(|f| f.extensions.iter().copied()).collect();
        files = of_kind(&entries, &telling);
    }
    Ok(group(files))
}

/// What is in `folder`, without hidden files.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|e| Error::io(folder, e))?.take(MAX_ENTRIES) {
        let entry = entry.map_err(|e| Error::io(folder, e))?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            entries.push(entry.path());
        }
    }
    Ok(entries)
}

/// The session that `path` means: the one in a folder, or `FOLDER/SESSION`. `None` for everything else, files above all.
///
/// # Errors
/// When `path` is a folder that cannot be read, holds no recording, or holds several sessions, which are listed.
pub fn resolve(path: &Path) -> Result<Option<Session>> {
    if let Ok(meta) = std::fs::metadata(path) {
        if !meta.is_dir() {
            return Ok(None);
        }
        let mut sessions = sessions(path)?;
        return match sessions.len() {
            0 => Err(Error::invalid("this is a folder, not a file, and there is no recording in it")
                .with_path(path)
                .with_remedy("choose a recording file")),
            1 => Ok(sessions.pop()),
            _ => Err(several(path, &sessions)),
        };
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str())) else {
        return Ok(None);
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    // Whatever keeps the folder from being listed: what is wrong with the path itself is the better answer.
    let found = sessions(folder).unwrap_or_default();
    Ok(found.into_iter().find(|s| s.name == name))
}

fn several(folder: &Path, sessions: &[Session]) -> Error {
    let mut lines: Vec<String> =
        sessions.iter().take(LISTED).map(|s| format!("{} ({})", folder.join(&s.name).display(), s.summary())).collect();
    if sessions.len() > LISTED {
        lines.push(format!("and {} more", sessions.len() - LISTED));
    }
    Error::invalid(format!("there are {} sessions in this folder", sessions.len()))
        .with_path(folder)
        .with_remedy(format!("choose one by its name, or name its files: {}", lines.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(files: &[&str]) -> Vec<(String, Vec<String>)> {
        let sessions = group(files.iter().map(PathBuf::from).collect());
        let text = |f: &PathBuf| f.to_string_lossy().into_owned();
        sessions.into_iter().map(|s| (s.name, s.files.iter().map(text).collect())).collect()
    }

    #[test]
    fn files_of_a_date_and_an_animal_are_a_session_in_the_order_of_epoch_and_part() {
        let found = names(&[
            "d/20230622_rat_10_r2.rec",
            "d/20230622_rat_02_r1_part10.rec",
            "d/20230622_rat_02_r1_part2.rec",
            "d/20230622_rat_01_s1.rec",
            "d/20230623_rat_01_s1.rec",
            "d/20230622_my_mouse_7_01_s1.rec",
        ]);
        let expected = [
            ("20230622_my_mouse_7", vec!["d/20230622_my_mouse_7_01_s1.rec"]),
            (
                "20230622_rat",
                vec![
                    "d/20230622_rat_01_s1.rec",
                    "d/20230622_rat_02_r1_part2.rec",
                    "d/20230622_rat_02_r1_part10.rec",
                    "d/20230622_rat_10_r2.rec",
                ],
            ),
            ("20230623_rat", vec!["d/20230623_rat_01_s1.rec"]),
        ];
        let expected = expected.map(|(n, f)| (n.to_owned(), f.into_iter().map(str::to_owned).collect::<Vec<_>>()));
        assert_eq!(found, expected);
    }

    #[test]
    fn names_are_taken_apart() {
        for (stem, session, epoch, part) in [
            ("20230622_rat_01_a1", "20230622_rat", 1, 0),
            ("20230622_rat_01", "20230622_rat", 1, 0),
            ("20230622_rat_01_a1_part3", "20230622_rat", 1, 3),
            ("20230622_rat_01_a1.Part12", "20230622_rat", 1, 12),
            ("20230622_rat_7_02_r1_box", "20230622_rat", 7, 0),
            ("20230622_rat", "20230622_rat", 0, 0),
            ("20231322_rat_01_a1", "20231322_rat_01_a1", 0, 0),
            ("day", "day", 0, 0),
            ("day_part2", "day", 0, 2),
            ("_part2", "_part2", 0, 0),
            ("depart2", "depart2", 0, 0),
            ("ä_part2", "ä", 0, 2),
            ("äpart2", "äpart2", 0, 0),
            ("", ".rec", 0, 0),
            ("20230622_rat_99999999999999999999_a", "20230622_rat_99999999999999999999_a", 0, 0),
        ] {
            let name = Name::of(Path::new(&format!("{stem}.rec")));
            assert_eq!((name.session.as_str(), name.epoch, name.part), (session, epoch, part), "{stem}");
        }
    }

    #[test]
    fn what_goes_on_is_known_by_its_name() {
        for (last, next, goes) in [
            ("day.rec", "day_2.rec", true),
            ("day.rec", "day_1.rec", true),
            ("day.rec", "day_3.rec", false),
            ("day_2.rec", "day_3.rec", true),
            ("day_3.rec", "day_2.rec", false),
            ("day_9.rec", "day_10.rec", true),
            ("x004.raw", "x005.raw", true),
            ("x004.raw", "x006.raw", false),
            ("x004.raw", "x005.npy", false),
            ("day.rec", "day_part2.rec", true),
            ("day_part2.rec", "day_part3.rec", true),
            ("day.rec", "days_2.rec", false),
            ("20230622_rat_01_a1.rec", "20230622_rat_02_b1.rec", true),
            ("20230622_rat_02_a1.rec", "20230622_rat_01_b1.rec", false),
            ("20230622_rat_01_a1.rec", "20230622_cat_02_b1.rec", false),
            ("day.rec", "day.rec", false),
            ("day", "day_2", true),
            ("", "_2", false),
        ] {
            assert_eq!(goes_on(Path::new(last), Path::new(next)), goes, "{last} {next}");
        }
    }

    #[test]
    fn numbers_in_names_count_as_numbers() {
        let mut list = vec!["a10", "A2", "a2b", "a", "b1", "a02", ""];
        list.sort_by(|a, b| natural(a, b));
        assert_eq!(list, ["", "a", "A2", "a02", "a2b", "a10", "b1"]);
    }

    #[test]
    fn folders_are_resolved() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let none = resolve(folder.path()).unwrap_err().to_string();
        assert!(none.contains("folder") && none.contains("no recording"), "{none}");
        std::fs::write(at("x.npy"), b"x").unwrap();
        std::fs::write(at("notes.txt"), b"x").unwrap();
        assert_eq!(resolve(folder.path()).unwrap().unwrap().files, [at("x.npy")]);
        // Trodes' folder of a recording.
        std::fs::create_dir(at("20230622_rat_01_a")).unwrap();
        std::fs::write(at("20230622_rat_01_a/20230622_rat_01_a.rec"), b"x").unwrap();
        let inside = resolve(folder.path()).unwrap().unwrap();
        assert_eq!(inside.files, [at("20230622_rat_01_a/20230622_rat_01_a.rec")]);
        for name in ["20230622_rat_02_b.rec", "20230622_rat_01_a.rec", ".hidden.rec", "20230623_cat_01_a.rec"] {
            std::fs::write(at(name), b"x").unwrap();
        }
        let error = resolve(folder.path()).unwrap_err().to_string();
        for part in ["2 sessions", "20230622_rat (2 files", "20230623_cat (1 file"] {
            assert!(error.contains(part), "{error}");
        }
        let rat = resolve(&at("20230622_rat")).unwrap().unwrap();
        assert_eq!(rat.files, [at("20230622_rat_01_a.rec"), at("20230622_rat_02_b.rec")]);
        assert_eq!(name_of(&rat.files), "20230622_rat");
        assert_eq!(name_of(&[at("a.npy"), at("b.npy")]), "a.npy and 1 more");
        assert_eq!(resolve(&at("20230622_rat_02_b.rec")).unwrap(), None);
        assert_eq!(resolve(&at("20230624_rat")).unwrap(), None);
        assert_eq!(resolve(Path::new("/no/such/folder/20230624_rat")).unwrap(), None);
        assert_eq!(resolve(Path::new("")).unwrap(), None);
    }
}
