//! A recording as its files are now: what following one that is being written takes.
//!
//! Every description of a recording stays as it is while it is open; an analysis that is under way goes on with the frames
//! that there were when it began. What was appended since is seen by describing the recording again, which costs what was
//! appended, not what was there before ([`Source::grown`]).

use std::path::PathBuf;
use std::sync::Arc;

use super::{OpenOptions, Source, join, open_file, session};
use crate::error::{Error, Result};
use crate::task::Task;

/// A recording, described again.
pub struct Again {
    pub source: Arc<dyn Source>,
    /// Whether it is the one before with (at least) as many frames at the same places: what was computed of them holds.
    pub is_longer: bool,
}

/// Describes `old` as it is now. `files` are those that it is made of, and perhaps further ones that go on where they end.
///
/// # Errors
/// As opening them; [`crate::ErrorKind::Invalid`] if the samples are in no file.
pub fn again(old: &Arc<dyn Source>, files: &[PathBuf], options: &OpenOptions, task: &Task) -> Result<Again> {
    let Some(source) = old.grown(files, task)? else { return anew(old, files, options, task) };
    let is_longer = is_longer(old.as_ref(), source.as_ref());
    Ok(Again { source, is_longer })
}

/// As [`again`], but nothing is taken from what was known: for files that may be others by now, whose names alone are the
/// same.
///
/// # Errors
/// As [`again`].
pub fn anew(old: &Arc<dyn Source>, files: &[PathBuf], options: &OpenOptions, task: &Task) -> Result<Again> {
    let source = match files {
        [] => return Err(Error::invalid("the recording is in no file")),
        [file] => open_file(file, options, task)?,
        files => join::open(&session::name_of(files), files, options, task)?,
    };
    let is_longer = is_longer(old.as_ref(), source.as_ref());
    Ok(Again { source, is_longer })
}

/// Whether every frame of `old` is the same frame of `new`, as far as their descriptions tell.
fn is_longer(old: &dyn Source, new: &dyn Source) -> bool {
    let (a, b) = (old.recording(), new.recording());
    let same_streams = a.format == b.format
        && a.streams.len() == b.streams.len()
        && a.streams.iter().zip(&b.streams).all(|(a, b)| {
            a.format == b.format
                && a.channels == b.channels
                && a.time.rate_hz() == b.time.rate_hz()
                && a.frames <= b.frames
        });
    let parts = |source: &dyn Source| source.parts().iter().map(|part| (part.layout, part.frames)).collect::<Vec<_>>();
    let (old_parts, new_parts) = (parts(old), parts(new));
    let same_parts = match old_parts.split_last() {
        None => true,
        Some(((layout, frames), before)) => {
            new_parts.starts_with(before)
                && new_parts.get(before.len()).is_some_and(|(now, longer)| now == layout && longer >= frames)
        }
    };
    same_streams && same_parts && (0..a.streams.len()).all(|stream| same_places(old, new, stream))
}

/// Whether the frames of `old` lie at the same places in `new`. Where a planar file grows, they do not.
fn same_places(old: &dyn Source, new: &dyn Source, stream: usize) -> bool {
    // Of several files, the layout of each is compared by its hash.
    if !old.parts().is_empty() {
        return true;
    }
    match (old.flat_at(stream, 0), new.flat_at(stream, 0)) {
        (Some(a), Some(b)) => {
            let place = |flat: &crate::file::FlatLayout| (flat.first_byte(), flat.frame_stride());
            let (a, b) = (&a.layout, &b.layout);
            place(a) == place(b) && a.channel_offsets() == b.channel_offsets()
        }
        (None, None) => true,
        // No frame yet.
        (None, Some(_)) => old.recording().streams[stream].frames == 0,
        (Some(_), None) => false,
    }
}
