//! Samples at regular places in a mapped file, and the one piece of code that reads them all.
//!
//! Sample of channel `c` in frame `f` is at byte `first_byte + f · frame_stride + channel_offsets[c]`. Interleaved
//! files, planar files, packets with headers and trailers, and `.npy` in both orders are all of this shape.

use std::ops::Range;
use std::sync::Arc;

use pulp::bytemuck::cast_slice_mut;

use super::FileMap;
use super::gather::{gather, gather_words};
use crate::error::{Error, Result};
use crate::recording::{Block, ByteOrder, Sample, SampleFormat, Samples};
use crate::{with_samples, with_type};

/// Channels that lie apart are copied out of the file in pieces of about this many bytes.
const COPY_BYTES: usize = 256 << 10;
/// As long as not more than so many times the wanted bytes are copied.
const COPY_WASTE: u64 = 4;

/// Where the samples of a stream are in a map.
#[derive(Clone, Debug)]
pub struct FlatLayout {
    map: Arc<FileMap>,
    format: SampleFormat,
    first_byte: u64,
    frame_stride: u64,
    channel_offsets: Arc<[u64]>,
    frames: u64,
}

/// Consecutive frames in place: row `i` starts at byte `i · stride`; the sample of channel `c` is at
/// `channel_offsets[c]` from there. The last row may be cut behind its last sample.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    pub bytes: &'a [u8],
    pub stride: usize,
    /// One for each channel of the stream, bytes from the start of a row.
    pub channel_offsets: &'a [u64],
    pub format: SampleFormat,
    pub frames: usize,
}

impl FlatLayout {
    /// Describes `frames` frames. `channel_offsets` are bytes from the start of a frame.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Truncated`] if the file does not hold all of them; [`crate::ErrorKind::Limit`] if the
    /// numbers overflow.
    pub fn new(
        map: Arc<FileMap>,
        format: SampleFormat,
        first_byte: u64,
        frame_stride: u64,
        channel_offsets: Vec<u64>,
        frames: u64,
    ) -> Result<Self> {
        let layout = Self { map, format, first_byte, frame_stride, channel_offsets: channel_offsets.into(), frames };
        if frames > 0 && !layout.channel_offsets.is_empty() {
            let furthest = layout.channel_offsets.iter().copied().max().unwrap_or(0);
            let end = (frames - 1)
                .checked_mul(frame_stride)
                .and_then(|n| n.checked_add(first_byte))
                .and_then(|n| n.checked_add(furthest))
                .and_then(|n| n.checked_add(format.size() as u64))
                .ok_or_else(|| Error::limit(first_byte, "the size of the data").with_path(layout.map.path()))?;
            if end > layout.map.len() {
                return Err(layout.map.bytes(first_byte..end).err().unwrap_or_else(|| {
                    Error::malformed(first_byte, "the data ends behind the file").with_path(layout.map.path())
                }));
            }
        }
        Ok(layout)
    }

    /// The mapped file.
    #[must_use]
    pub fn map(&self) -> &Arc<FileMap> {
        &self.map
    }

    /// How each sample is stored.
    #[must_use]
    pub fn format(&self) -> SampleFormat {
        self.format
    }

    /// Frames described.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Byte offset of the first frame.
    #[must_use]
    pub fn first_byte(&self) -> u64 {
        self.first_byte
    }

    /// Bytes from one frame to the next.
    #[must_use]
    pub fn frame_stride(&self) -> u64 {
        self.frame_stride
    }

    /// Bytes from the start of a frame to the sample of each channel.
    #[must_use]
    pub fn channel_offsets(&self) -> &[u64] {
        &self.channel_offsets
    }

    /// Byte offset of a sample.
    #[must_use]
    pub fn byte_of(&self, frame: u64, channel: usize) -> u64 {
        self.first_byte + frame * self.frame_stride + self.channel_offsets[channel]
    }

    /// Whether a frame's samples lie together, so that [`Self::rows`] can hand them out.
    #[must_use]
    pub fn is_interleaved(&self) -> bool {
        let size = self.format.size() as u64;
        self.channel_offsets.iter().all(|&o| o + size <= self.frame_stride)
    }

    /// The rows of `frames` in place, if the layout is interleaved. Call [`Self::check`] behind using them.
    ///
    /// # Errors
    /// When the range is not in the stream, or the file has shrunk.
    pub fn rows(&self, frames: Range<u64>) -> Result<Option<Rows<'_>>> {
        self.check_range(&frames)?;
        if !self.is_interleaved() || self.channel_offsets.is_empty() {
            return Ok(None);
        }
        let bytes = self.map.bytes(self.byte_range(&frames, &self.channel_offsets))?;
        Ok(Some(Rows {
            bytes,
            stride: self.frame_stride as usize,
            channel_offsets: &self.channel_offsets,
            format: self.format,
            frames: (frames.end - frames.start) as usize,
        }))
    }

    /// As [`Self::rows`], but copied into `buffer`, past the map: for a look at a few rows here and there. Touched in the
    /// map, each would bring its neighbourhood from the disk (as much as the system reads ahead, which may be
    /// megabytes) and keep up to 2 MiB resident.
    ///
    /// # Errors
    /// When the range is not in the stream, or the file has shrunk.
    pub fn copied_rows<'a>(&'a self, frames: Range<u64>, buffer: &'a mut Vec<u8>) -> Result<Option<Rows<'a>>> {
        self.check_range(&frames)?;
        if !self.is_interleaved() || self.channel_offsets.is_empty() {
            return Ok(None);
        }
        let range = self.byte_range(&frames, &self.channel_offsets);
        buffer.resize((range.end - range.start) as usize, 0);
        self.map.copy_to(range.start, buffer)?;
        Ok(Some(Rows {
            bytes: buffer,
            stride: self.frame_stride as usize,
            channel_offsets: &self.channel_offsets,
            format: self.format,
            frames: (frames.end - frames.start) as usize,
        }))
    }

    /// Fills `out` with `channels` over `frames`, stored values in this machine's byte order.
    ///
    /// # Errors
    /// When the range or a channel is not in the stream, or the file has shrunk.
    pub fn read(&self, frames: Range<u64>, channels: &[usize], out: &mut Block) -> Result<()> {
        self.check_range(&frames)?;
        if let Some(&c) = channels.iter().find(|&&c| c >= self.channel_offsets.len()) {
            return Err(Error::invalid(format!("there is no channel {c}")).with_path(self.map.path()));
        }
        let n = (frames.end - frames.start) as usize;
        out.reset(self.format.sample_type, channels.len(), n);
        if n == 0 || channels.is_empty() {
            return Ok(());
        }
        let big = self.format.byte_order == ByteOrder::Big;
        if self.is_interleaved() {
            let bytes = self.map.bytes(self.byte_range(&frames, &self.channel_offsets))?;
            let offsets: Vec<usize> = channels.iter().map(|&c| self.channel_offsets[c] as usize).collect();
            let stride = self.frame_stride as usize;
            match out.samples_mut() {
                Samples::I16(v) if !big => gather_words(bytes, stride, &offsets, v, n),
                Samples::U16(v) if !big => gather_words(bytes, stride, &offsets, cast_slice_mut(v), n),
                samples => with_samples!(samples, v => {
                    if big { gather::<_, true>(bytes, stride, &offsets, v, n) } else { gather::<_, false>(bytes, stride, &offsets, v, n) }
                }),
            }
        } else if self.is_copied() {
            return self.copy(&frames, channels, out);
        } else {
            for (i, &c) in channels.iter().enumerate() {
                let bytes = self.map.bytes(self.byte_range(&frames, &self.channel_offsets[c..=c]))?;
                let stride = self.frame_stride as usize;
                with_samples!(out.samples_mut(), v => {
                    let v = &mut v[i * n..(i + 1) * n];
                    if big { gather::<_, true>(bytes, stride, &[0], v, n) } else { gather::<_, false>(bytes, stride, &[0], v, n) }
                });
            }
        }
        self.check(frames)
    }

    /// Whether what was made of [`Self::rows`] of `frames`, by now, was made of what is in the file.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Truncated`] if the file has shrunk meanwhile.
    pub fn check(&self, frames: Range<u64>) -> Result<()> {
        let end = if frames.is_empty() { 0 } else { self.byte_range(&frames, &self.channel_offsets).end };
        self.map.check_to(end)
    }

    /// Whether [`Self::read`] copies the samples past the map. A pass over many channels that lie apart is in as many
    /// places of the file at once, and the system maps the neighbourhood of each (up to 2 MiB since Linux 6.18): mapped,
    /// what is resident would grow with the number of channels. A copy of a few hundred KiB costs less than that.
    fn is_copied(&self) -> bool {
        !self.is_interleaved() && self.frame_stride <= COPY_WASTE * self.format.size() as u64
    }

    /// [`Self::read`] past the map.
    fn copy(&self, frames: &Range<u64>, channels: &[usize], out: &mut Block) -> Result<()> {
        let (size, stride) = (self.format.size(), self.frame_stride as usize);
        let n = (frames.end - frames.start) as usize;
        let big = self.format.byte_order == ByteOrder::Big;
        let most = (COPY_BYTES / stride.max(1)).clamp(1, n.max(1));
        let mut bytes = vec![0; (most - 1) * stride + size];
        for (i, &c) in channels.iter().enumerate() {
            for first in (0..n).step_by(most) {
                let rows = most.min(n - first);
                let bytes = &mut bytes[..(rows - 1) * stride + size];
                self.map.copy_to(self.byte_of(frames.start + first as u64, c), bytes)?;
                let bytes = &*bytes;
                with_samples!(out.samples_mut(), v => {
                    let v = &mut v[i * n + first..i * n + first + rows];
                    if big { gather::<_, true>(bytes, stride, &[0], v, rows) } else { gather::<_, false>(bytes, stride, &[0], v, rows) }
                });
            }
        }
        Ok(())
    }

    /// Reads ahead what [`Self::read`] of `frames` will touch.
    pub fn populate(&self, frames: Range<u64>) {
        if self.is_copied() {
            return;
        }
        self.for_byte_ranges(frames, |range| self.map.populate(range));
    }

    /// Starts reading from the disk what [`Self::read`] of `frames` will touch, without waiting for it.
    pub fn will_need(&self, frames: Range<u64>) {
        self.for_byte_ranges(frames, |range| self.map.will_need(range));
    }

    /// Hands back the pages behind a pass over `frames`.
    pub fn release(&self, frames: Range<u64>) {
        if self.is_copied() {
            return;
        }
        self.for_byte_ranges(frames, |range| self.map.release(range));
    }

    fn for_byte_ranges(&self, frames: Range<u64>, act: impl Fn(Range<u64>)) {
        let frames = frames.start.min(self.frames)..frames.end.min(self.frames);
        if frames.is_empty() || self.channel_offsets.is_empty() {
            return;
        }
        if self.is_interleaved() {
            act(self.byte_range(&frames, &self.channel_offsets));
        } else {
            for c in 0..self.channel_offsets.len() {
                act(self.byte_range(&frames, &self.channel_offsets[c..=c]));
            }
        }
    }

    /// From the start of the first row (interleaved) or the first sample (one channel) to behind the last sample.
    fn byte_range(&self, frames: &Range<u64>, offsets: &[u64]) -> Range<u64> {
        let first = if offsets.len() == 1 && !self.is_interleaved() { offsets[0] } else { 0 };
        let furthest = offsets.iter().copied().max().unwrap_or(0);
        let start = self.first_byte + frames.start * self.frame_stride + first;
        if frames.is_empty() {
            return start..start;
        }
        let end = self.first_byte + (frames.end - 1) * self.frame_stride + furthest + self.format.size() as u64;
        start..end
    }

    fn check_range(&self, frames: &Range<u64>) -> Result<()> {
        if frames.start > frames.end || frames.end > self.frames {
            return Err(Error::invalid(format!(
                "frames {} to {} are not in the stream, which has {}",
                frames.start, frames.end, self.frames
            ))
            .with_path(self.map.path()));
        }
        Ok(())
    }
}

impl Rows<'_> {
    /// The sample of channel `c` in row `row`, as `f64`. For checks and single values, not for kernels.
    #[must_use]
    pub fn get_f64(&self, row: usize, c: usize) -> f64 {
        let at = row * self.stride + self.channel_offsets[c] as usize;
        let bytes = &self.bytes[at..at + self.format.size()];
        with_type!(self.format.sample_type, T => match self.format.byte_order {
            ByteOrder::Little => T::from_le_slice(bytes).to_f64(),
            ByteOrder::Big => T::from_be_slice(bytes).to_f64(),
        })
    }
}
