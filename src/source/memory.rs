//! A recording in memory: the worked example of a reader, and what tests compare others with.

use std::ops::Range;

use super::Source;
use crate::error::{Error, Result};
use crate::recording::{Block, Recording, Samples};
use crate::with_samples;

/// A recording whose samples are in memory, channel after channel (planar), one [`Samples`] for each stream.
#[derive(Clone, Debug)]
pub struct MemorySource {
    recording: Recording,
    samples: Vec<Samples>,
}

impl MemorySource {
    /// A source that serves `samples[stream][channel * frames + frame]`.
    ///
    /// # Errors
    /// When the number or type of the samples does not fit the recording.
    pub fn new(recording: Recording, samples: Vec<Samples>) -> Result<Self> {
        let fits = recording.streams.len() == samples.len()
            && recording.streams.iter().zip(&samples).all(|(stream, samples)| {
                samples.len() as u64 == stream.samples()
                    && Samples::empty(stream.format.sample_type).sample_type() == samples.sample_type()
            });
        if fits { Ok(Self { recording, samples }) } else { Err(Error::invalid("the samples do not fit the recording")) }
    }
}

impl Source for MemorySource {
    fn recording(&self) -> &Recording {
        &self.recording
    }

    fn read(&self, stream: usize, frames: Range<u64>, channels: &[usize], out: &mut Block) -> Result<()> {
        let s =
            self.recording.streams.get(stream).ok_or_else(|| Error::invalid(format!("there is no stream {stream}")))?;
        if frames.start > frames.end || frames.end > s.frames || channels.iter().any(|&c| c >= s.channels.len()) {
            return Err(Error::invalid("this part is not in the recording"));
        }
        let n = (frames.end - frames.start) as usize;
        out.reset(s.format.sample_type, channels.len(), n);
        macro_rules! copy { ($($variant:ident)*) => {
            match (&self.samples[stream], out.samples_mut()) {
                $((Samples::$variant(from), Samples::$variant(to)) => {
                    for (i, &c) in channels.iter().enumerate() {
                        let at = c * s.frames as usize + frames.start as usize;
                        to[i * n..(i + 1) * n].copy_from_slice(&from[at..at + n]);
                    }
                })*
                _ => return Err(Error::invalid("the samples do not fit the recording")),
            }
        } }
        copy!(I8 U8 I16 U16 I32 U32 I64 U64 F16 F32 F64);
        debug_assert_eq!(with_samples!(out.samples(), v => v.len()), n * channels.len());
        Ok(())
    }
}
