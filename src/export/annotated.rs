//! A file for each annotated range: `part.npy` becomes `part 001 spindle.npy`, `part 002 spindle.npy`, ….
//!
//! All of them or none: every target is looked at before the first is written, and where one fails or the work is stopped,
//! those that were written are taken away again. What was there before and was to be replaced is replaced file by file.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Exporter, Prediction, Request};
use crate::annotation::{Annotated, together};
use crate::error::{Error, ErrorKind, Result};
use crate::scan::Selection;
use crate::source::{Excerpt, Source};

/// Files at most.
const MOST: usize = 10_000;
/// Characters of a label that become part of a name.
const LABEL: usize = 40;

/// The file of each range.
///
/// # Errors
/// When there are more ranges than files should be.
pub fn targets(target: &Path, ranges: &[Annotated]) -> Result<Vec<PathBuf>> {
    if ranges.len() > MOST {
        return Err(Error::invalid(format!("{} annotated ranges are too many for a file each", ranges.len()))
            .with_remedy("join them into one file, or take a part of the time axis"));
    }
    let digits = ranges.len().to_string().len().max(3);
    let stem = target.file_stem().unwrap_or_default().to_string_lossy();
    let extension = target.extension().map(|e| format!(".{}", e.to_string_lossy())).unwrap_or_default();
    let name = |(i, range): (usize, &Annotated)| {
        let label = plain(&range.title);
        let space = if label.is_empty() { "" } else { " " };
        target.with_file_name(format!("{stem} {:0digits$}{space}{label}{extension}", i + 1))
    };
    Ok(ranges.iter().enumerate().map(name).collect())
}

/// What of a label every file system takes as part of a name.
fn plain(label: &str) -> String {
    let kept = |c: char| if c.is_alphanumeric() || "-_+.".contains(c) { c } else { ' ' };
    let words: String = label.chars().take(LABEL).map(kept).collect();
    words.split_whitespace().collect::<Vec<_>>().join("_").trim_matches('.').to_owned()
}

/// What all files together will cost: one prediction stands for all, by the number of frames.
///
/// # Errors
/// As the exporter's own, and when a target is there and must not be replaced.
fn predict_each(exporter: &Exporter, request: &Request<'_>, ranges: &[Annotated]) -> Result<Prediction> {
    let targets = checked_targets(request, ranges)?;
    let mut all: Option<Prediction> = None;
    let longest = ranges.iter().zip(&targets).max_by_key(|(r, _)| r.frames.end - r.frames.start);
    if let Some((range, target)) = longest {
        let of = |r: &Range<u64>| (r.end - r.start) as f64;
        let selection = Selection { frames: range.frames.clone(), ..request.selection.clone() };
        let mut one = (exporter.predict)(&Request { selection: &selection, target, ..*request })?;
        let share = ranges.iter().map(|r| of(&r.frames)).sum::<f64>() / of(&range.frames);
        (one.bytes, one.secs) = ((one.bytes as f64 * share) as u64, one.secs * share);
        one.notes.push(match ranges.len() {
            1 => format!("one file is written: {}", name_of(target)),
            n => format!("{n} files are written, the first of them {}", name_of(&targets[0])),
        });
        all = Some(one);
    }
    all.ok_or_else(|| Error::invalid("there is no annotated range"))
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn checked_targets(request: &Request<'_>, ranges: &[Annotated]) -> Result<Vec<PathBuf>> {
    let targets = targets(request.target, ranges)?;
    if let Some(there) = targets.iter().find(|t| !request.overwrite && t.symlink_metadata().is_ok()) {
        return Err(Error::new(ErrorKind::Exists)
            .with_path(there)
            .with_remedy("choose another name, or replace what is there"));
    }
    Ok(targets)
}

/// Writes a file for each range; returns all that were written.
///
/// # Errors
/// As the exporter's own; nothing new is left behind then.
fn run_each(exporter: &Exporter, request: &Request<'_>, ranges: &[Annotated]) -> Result<Vec<PathBuf>> {
    let targets = checked_targets(request, ranges)?;
    let mut written = Vec::new();
    let mut new: Vec<&PathBuf> = Vec::new();
    for (range, target) in ranges.iter().zip(&targets) {
        let selection = Selection { frames: range.frames.clone(), ..request.selection.clone() };
        let is_new = target.symlink_metadata().is_err();
        match (exporter.run)(&Request { selection: &selection, target, ..*request }) {
            Ok(files) => {
                // What is written beside it belongs to it.
                new.extend(is_new.then_some(target));
                written.extend(files);
            }
            Err(error) => {
                take_away(&new, &written);
                return Err(error);
            }
        }
    }
    Ok(written)
}

/// Takes away what was written new: files, with those beside them, or folders.
fn take_away(new: &[&PathBuf], written: &[PathBuf]) {
    for target in new {
        if target.is_dir() {
            drop(std::fs::remove_dir_all(target));
        } else {
            drop(std::fs::remove_file(target));
        }
        // `NAME.npy.longwave.toml` beside `NAME.npy`.
        let prefix = format!("{}.", name_of(target));
        let beside = |file: &&PathBuf| file.parent() == target.parent() && name_of(file).starts_with(&prefix);
        for file in written.iter().filter(beside) {
            drop(std::fs::remove_file(file));
        }
    }
}

/// What it will cost to write the selection, or its annotated ranges: a file each, or `joined` in one.
///
/// # Errors
/// As the exporter's own.
pub fn predict_over(
    exporter: &Exporter,
    request: &Request<'_>,
    ranges: Option<&[Annotated]>,
    joined: bool,
) -> Result<Prediction> {
    match ranges {
        None => (exporter.predict)(request),
        Some(ranges) if !joined => predict_each(exporter, request, ranges),
        Some(ranges) => {
            let mut prediction = in_one(request, ranges, |request| (exporter.predict)(request))?;
            prediction.notes.push(format!(
                "the {} annotated ranges follow each other; between two of them lies a gap",
                ranges.len()
            ));
            Ok(prediction)
        }
    }
}

/// Writes the selection, or its annotated ranges; returns all files.
///
/// # Errors
/// As the exporter's own; nothing new is left behind then.
pub fn run_over(
    exporter: &Exporter,
    request: &Request<'_>,
    ranges: Option<&[Annotated]>,
    joined: bool,
) -> Result<Vec<PathBuf>> {
    match ranges {
        None => (exporter.run)(request),
        Some(ranges) if !joined => run_each(exporter, request, ranges),
        Some(ranges) => in_one(request, ranges, |request| (exporter.run)(request)),
    }
}

/// Does something with the ranges as one recording.
fn in_one<T>(request: &Request<'_>, ranges: &[Annotated], act: impl FnOnce(&Request<'_>) -> Result<T>) -> Result<T> {
    let Selection { stream, channels, .. } = request.selection;
    let source: Arc<dyn Source> = Arc::new(Excerpt::new(Arc::clone(request.source), *stream, &together(ranges))?);
    let frames = 0..source.recording().streams[0].frames;
    let selection = Selection { stream: 0, channels: channels.clone(), frames };
    act(&Request { source: &source, selection: &selection, ..*request })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_numbered_and_plain() {
        let range = |title: &str| Annotated { title: title.to_owned(), category: String::new(), frames: 0..1 };
        let ranges = [range("spindle"), range("a/b: \u{7}../µV?"), range("")];
        let names: Vec<String> =
            targets(Path::new("/x/part.npy"), &ranges).unwrap().iter().map(|t| name_of(t)).collect();
        assert_eq!(names, ["part 001 spindle.npy", "part 002 a_b_.._µV.npy", "part 003.npy"]);
        assert!(targets(Path::new("a.npy"), &vec![range("x"); MOST + 1]).is_err());
    }
}
