//! What a recording is: plain data that readers produce and everything else consumes.
//!
//! A [`Recording`] has [`Stream`]s (channels that share a clock, a rate and a sample format) and [`EventTrack`]s.
//! A *frame* is one sample of every channel of a stream; frames are counted as they are stored, without the missing
//! ones, which the stream's [`TimeBase`] knows about.

mod event;
mod fit;
mod sample;
mod time;

pub use event::{Event, EventTrack};
pub use fit::{ClockFit, ClockSums};
pub use sample::{Block, ByteOrder, Sample, SampleFormat, SampleType, Samples};
pub use time::{ClockSpan, Gap, TimeBase};

/// Stored → physical: `physical = stored · gain + offset`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Scale {
    pub gain: f64,
    pub offset: f64,
}

impl Default for Scale {
    fn default() -> Self {
        Self { gain: 1.0, offset: 0.0 }
    }
}

impl Scale {
    /// The physical value of a stored one.
    #[inline(always)]
    #[must_use]
    pub fn apply(self, stored: f64) -> f64 {
        stored * self.gain + self.offset
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_identity(self) -> bool {
        self == Self::default()
    }
}

/// One channel of a stream.
#[derive(Clone, PartialEq, Debug)]
pub struct Channel {
    /// Unique within the stream, stable across openings (a hardware number, say).
    pub id: String,
    /// What the user reads; may repeat.
    pub name: String,
    /// Unit of the physical values (`uV`, `V`, …); empty when unknown.
    pub unit: String,
    pub scale: Scale,
    /// The group it belongs to (tetrode, shank, device); empty when there is none.
    pub group: String,
    /// Where its contact is on the probe, where the file tells.
    pub position: Option<Position>,
}

/// Where a contact is on its probe, as ProbeInterface counts: micrometres in the plane of the shank, y growing away from
/// the tip.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Position {
    /// Shank, or probe, counted over all of a recording.
    pub shank: u32,
    pub x_um: f64,
    pub y_um: f64,
}

impl Channel {
    /// A channel that is known by its number only: no unit, stored values are physical values.
    #[must_use]
    pub fn numbered(index: usize) -> Self {
        Self {
            id: index.to_string(),
            name: format!("ch {index}"),
            unit: String::new(),
            scale: Scale::default(),
            group: String::new(),
            position: None,
        }
    }
}

/// Channels that share clock, rate, sample format and number of frames.
#[derive(Clone, PartialEq, Debug)]
pub struct Stream {
    /// Unique within the recording.
    pub name: String,
    pub format: SampleFormat,
    pub time: TimeBase,
    /// Frames stored (missing ones are not counted).
    pub frames: u64,
    pub channels: Vec<Channel>,
}

impl Stream {
    /// Samples stored: frames × channels.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.frames.saturating_mul(self.channels.len() as u64)
    }

    /// Bytes of the stored samples.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.samples().saturating_mul(self.format.size() as u64)
    }

    /// Seconds from the first frame to the end of the last, gaps included.
    #[must_use]
    pub fn duration_secs(&self) -> f64 {
        self.time.secs_at_end(self.frames)
    }
}

/// Something a user should know about a file that was opened nevertheless.
#[derive(Clone, PartialEq, Debug)]
pub struct Warning {
    pub text: String,
    /// Byte offset of the cause, where there is one.
    pub at: Option<u64>,
}

impl Warning {
    /// A warning without a place.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), at: None }
    }

    /// A warning about byte `at`.
    #[must_use]
    pub fn at(at: u64, text: impl Into<String>) -> Self {
        Self { text: text.into(), at: Some(at) }
    }
}

/// One open file (or set of files).
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Recording {
    /// File name, or what the file calls itself.
    pub name: String,
    /// The name of the format's table entry: `npy`, `raw`, `rec`, …
    pub format: &'static str,
    pub streams: Vec<Stream>,
    /// The stream that is meant when none is named, where the format has a main one; otherwise the largest.
    pub main_stream: Option<usize>,
    pub events: Vec<EventTrack>,
    /// What else the file tells, in its order.
    pub properties: Vec<(String, String)>,
    pub warnings: Vec<Warning>,
}

impl Recording {
    /// The index of the stream called `name`.
    #[must_use]
    pub fn stream_index(&self, name: &str) -> Option<usize> {
        self.streams.iter().position(|s| s.name == name)
    }

    /// The stream that is meant when none is named: the main one (the ephys of a `.rec`), else the one with most samples
    /// (the first of equals).
    #[must_use]
    pub fn default_stream(&self) -> usize {
        if let Some(main) = self.main_stream.filter(|&m| m < self.streams.len()) {
            return main;
        }
        let mut best = 0;
        for (i, stream) in self.streams.iter().enumerate() {
            if stream.samples() > self.streams[best].samples() {
                best = i;
            }
        }
        best
    }

    /// The longest stream's duration, seconds.
    #[must_use]
    pub fn duration_secs(&self) -> f64 {
        self.streams.iter().map(Stream::duration_secs).fold(0.0, f64::max)
    }
}
