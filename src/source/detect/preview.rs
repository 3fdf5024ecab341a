//! What a raw file would hold, if its layout were as told.

use std::path::Path;

use crate::error::{Error, Result};
use crate::recording::{Block, Recording};
use crate::source::{OpenOptions, raw};

/// The first frames of a raw file, for looking at while its layout is being told.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The whole file as these options describe it, with its warnings.
    pub recording: Recording,
    /// Stored values of the first channels over the first frames.
    pub block: Block,
}

/// Opens the file as raw with exactly these `options` (nothing remembered beside it) and reads at most `frames` frames
/// of at most 64 channels; not more than 2^18 samples in all.
///
/// # Errors
/// When the options do not tell the sample type or do not fit the file: the message is meant for the dialog.
pub fn preview(path: &Path, options: &OpenOptions, frames: u64) -> Result<Preview> {
    const MAX_SAMPLES: u64 = 1 << 18;
    let source = (raw::FORMAT.open)(path, options, &crate::task::Task::new(preview_budget(), 1))?;
    let recording = source.recording().clone();
    let stream = recording.streams.first().ok_or_else(|| Error::invalid("the file has no stream"))?;
    let channels: Vec<usize> = (0..stream.channels.len().min(64)).collect();
    let frames = frames.min(stream.frames).min(MAX_SAMPLES / channels.len().max(1) as u64);
    let mut block = Block::default();
    source.read(0, 0..frames, &channels, &mut block)?;
    Ok(Preview { recording, block })
}

/// Opening a raw file allocates nothing worth counting.
fn preview_budget() -> crate::budget::MemoryBudget {
    crate::budget::MemoryBudget::new(crate::budget::MIN_LIMIT_BYTES)
}
