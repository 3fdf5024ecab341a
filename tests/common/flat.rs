//! A recording that is nothing but a flat layout over a file of numbers: what readers of plain formats are at heart.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use longwave::Result;
use longwave::file::{FileMap, FlatLayout};
use longwave::recording::{Block, Channel, Recording, SampleFormat, Stream, TimeBase};
use longwave::source::Source;

pub struct FlatSource {
    pub recording: Recording,
    flat: FlatLayout,
}

impl FlatSource {
    /// All of the file at `path` behind `header` bytes, as interleaved frames of `channels` channels in rows that end
    /// with `trailer` bytes of something else.
    pub fn open(path: &Path, format: SampleFormat, channels: usize, header: u64, trailer: u64) -> Self {
        let map = FileMap::open(path).unwrap();
        let size = format.size() as u64;
        let stride = channels as u64 * size + trailer;
        let frames = (map.len() - header) / stride;
        let offsets = (0..channels as u64).map(|c| c * size).collect();
        let flat = FlatLayout::new(map, format, header, stride, offsets, frames).unwrap();
        Self { recording: recording(format, channels, frames, TimeBase::regular(30_000.0)), flat }
    }

    pub fn shared(self) -> Arc<dyn Source> {
        Arc::new(self)
    }
}

impl Source for FlatSource {
    fn recording(&self) -> &Recording {
        &self.recording
    }

    fn read(&self, _: usize, frames: Range<u64>, channels: &[usize], out: &mut Block) -> Result<()> {
        self.flat.read(frames, channels, out)
    }

    fn flat(&self, _: usize) -> Option<&FlatLayout> {
        Some(&self.flat)
    }
}

/// A recording of one stream.
pub fn recording(format: SampleFormat, channels: usize, frames: u64, time: TimeBase) -> Recording {
    let channels = (0..channels).map(Channel::numbered).collect();
    let stream = Stream { name: "data".to_owned(), format, time, frames, channels };
    Recording { name: "test".to_owned(), format: "raw", streams: vec![stream], ..Recording::default() }
}
