//! A recording whose streams all lie flat in mapped files: its reader only describes, this type reads.

use std::ops::Range;

use super::Source;
use crate::error::{Error, Result};
use crate::file::FlatLayout;
use crate::recording::{Block, Recording};

/// More channels than this in one file are taken for a mistake (an array read along the wrong axis, a broken header),
/// because every channel costs memory even if nobody looks at it.
pub(super) const MAX_CHANNELS: u64 = 1 << 16;

/// A description and, for each of its streams, where the samples are. Reading costs what [`FlatLayout::read`] costs.
#[derive(Clone, Debug)]
pub struct FlatSource {
    recording: Recording,
    layouts: Vec<FlatLayout>,
}

impl FlatSource {
    /// A source that reads stream `i` through `layouts[i]`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] when number of streams, format, frames or channels of the two do not agree.
    pub fn new(recording: Recording, layouts: Vec<FlatLayout>) -> Result<Self> {
        let fits = recording.streams.len() == layouts.len()
            && recording.streams.iter().zip(&layouts).all(|(stream, layout)| {
                stream.format == layout.format()
                    && stream.frames == layout.frames()
                    && stream.channels.len() == layout.channel_offsets().len()
            });
        if fits { Ok(Self { recording, layouts }) } else { Err(Error::invalid("the layouts do not fit the recording")) }
    }
}

impl Source for FlatSource {
    fn recording(&self) -> &Recording {
        &self.recording
    }

    fn read(&self, stream: usize, frames: Range<u64>, channels: &[usize], out: &mut Block) -> Result<()> {
        let layout = self.layouts.get(stream).ok_or_else(|| Error::invalid(format!("there is no stream {stream}")))?;
        layout.read(frames, channels, out)
    }

    fn flat(&self, stream: usize) -> Option<&FlatLayout> {
        self.layouts.get(stream)
    }
}
