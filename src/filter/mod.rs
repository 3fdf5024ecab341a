//! Filters: a filtered recording is a [`Source`] like any other.
//!
//! [`filtered`] wraps a recording so that one of its streams comes out of a [`Chain`] of filters; the others, events and
//! properties pass through. What comes out are physical values (gain 1, offset 0) as 32-bit floats, or 64-bit ones where
//! that is asked for; all filters compute in 64 bits.
//!
//! **Independence of chunks.** A read of any range reads as much around it as the filters need to forget where the cut
//! was (1e-15 of the impulse response), so that the values do not depend on how the recording is read, to rounding. Every
//! contiguous stretch is filtered on its own: no filter looks across a gap. A value that is no number (or infinite) is a
//! gap of its channel: it comes out as NaN, and the filter begins anew behind it.
//!
//! **Cost.** Filters of a chain are sources one on the other. Each works through slices of `SLICE_FRAMES` frames and
//! eight channels side by side; what it holds besides the caller's block are the samples read for a slice of some
//! channels (at most `READ_BYTES`, of at least eight channels) and 64 bytes for every frame of the slice and its
//! margin: 10 MB for each filter and thread, up to 30 MB with the longest windows of averages. Filters that take longer
//! than `DIRECT_REACH` frames to settle pass their states on from block to block instead (`relay`), for which up to 32 MiB
//! of states are kept for each filter. This is not reserved from a budget: a source has none. A reference needs all channels of its group, whichever
//! are read.
//!
//! To add a filter: a file here with a `pub(super) const FILTER: Filter`, one `mod` line and one line in [`FILTERS`]. Flags,
//! text form and the panel of the window come from its table entry.

use std::sync::Arc;

use crate::error::Result;
use crate::form::{Parameter, Settings};
use crate::recording::{SampleType, Stream};
use crate::source::Source;

mod average;
mod cascade;
mod chain;
mod decimate;
mod design;
mod envelope;
mod iir;
mod notch;
mod pass;
mod reference;
mod relay;
mod slope;
mod sos;
mod stage;
mod stretch;
mod to_unit;
mod values;

pub use chain::{Chain, Step};
pub use sos::Section;

/// Every filter, in the order of menus.
pub const FILTERS: &[Filter] = &[
    pass::BAND_PASS,
    pass::HIGH_PASS,
    pass::LOW_PASS,
    pass::BAND_STOP,
    notch::FILTER,
    reference::FILTER,
    average::REMOVE_DC,
    average::MOVING_AVERAGE,
    decimate::FILTER,
    slope::DERIVATIVE,
    slope::RECTIFY,
    envelope::FILTER,
    to_unit::FILTER,
];

/// Channels that are filtered side by side.
const LANES: usize = 8;
/// Frames of the result that are made at once.
const SLICE_FRAMES: u64 = 1 << 16;
/// What is read at once of the recording below, if that is at least eight channels.
const READ_BYTES: u64 = 8 << 20;
/// A filter that settles within this many frames is run over a margin of that length.
const DIRECT_REACH: u64 = 1 << 14;
/// A filter that takes longer than this to settle is refused.
const MAX_REACH: u64 = 1 << 22;

/// A row of the table of filters.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    /// The flag and the name in a chain: `band-pass`.
    pub name: &'static str,
    /// For people: `Band-pass`.
    pub title: &'static str,
    /// One line.
    pub help: &'static str,
    /// What its value is called in help: `A..B`; empty if it takes none.
    pub value_name: &'static str,
    /// Whether it must be given a value; otherwise `--name` alone means the default.
    pub needs_value: bool,
    /// The first is the value; the others follow as `,name=value`.
    pub parameters: &'static [Parameter],
    /// Refuses settings that make no sense for any recording.
    pub check: fn(&Settings) -> Result<()>,
    pub(crate) build: fn(&Settings, &Stream) -> Result<Built>,
}

/// Frames that a filter needs around those it makes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Reach {
    before: u64,
    after: u64,
}

/// Some channels of a part of a contiguous stretch.
pub(crate) struct Piece<'a> {
    /// `data[frame * lanes + lane]`, to be filtered in place. All values are finite.
    data: &'a mut [f64],
    /// 1 or [`LANES`].
    lanes: usize,
    /// Whether the stretch begins with the first frame, ends with the last; otherwise it was cut there.
    starts: bool,
    ends: bool,
}

/// A filter that treats every channel alike and by itself.
pub(crate) trait Kernel: Send + Sync {
    fn reach(&self) -> Reach;

    fn run(&self, piece: Piece<'_>);

    /// What an oscillation of `omega` radians a frame is multiplied by, if the filter is linear.
    fn gain_at(&self, omega: f64) -> Option<f64> {
        let _ = omega;
        None
    }

    /// Itself, if its states can be passed on from block to block.
    fn recursive(&self) -> Option<&iir::Iir> {
        None
    }
}

/// How the samples are made.
pub(crate) enum Work {
    Lanes(Box<dyn Kernel>),
    Across(reference::Reference),
}

/// A filter made for a stream.
pub(crate) struct Built {
    work: Work,
    /// Every so many frames one is kept.
    every: u64,
    /// What the values of each channel are multiplied by beforehand, and their units afterwards; `None`: 1, and as before.
    factors: Option<Vec<f64>>,
    units: Option<Vec<String>>,
    warnings: Vec<String>,
}

impl Built {
    /// A filter that does this and leaves rate and units alone.
    fn new(work: Work) -> Self {
        Self { work, every: 1, factors: None, units: None, warnings: Vec::new() }
    }

    fn lanes(kernel: impl Kernel + 'static) -> Self {
        Self::new(Work::Lanes(Box::new(kernel)))
    }
}

/// `source` with stream `stream` filtered by `chain`; `source` itself if the chain is empty.
///
/// # Errors
/// When a filter does not suit the stream: a cut-off above the Nyquist frequency, a rate that is not known, a stretch too
/// short, no stream of that index.
pub fn filtered(source: Arc<dyn Source>, stream: usize, chain: &Chain) -> Result<Arc<dyn Source>> {
    let mut source = source;
    let last = chain.steps.len().saturating_sub(1);
    for (i, step) in chain.steps.iter().enumerate() {
        let output = if i == last { chain.output } else { SampleType::F64 };
        source = Arc::new(stage::Stage::new(source, stream, step, output)?);
    }
    Ok(source)
}

/// How many frames of what comes out of `chain`, at the end of a stretch of a stream like `stream`, change when the
/// stretch goes on: as far as the filters look ahead.
///
/// # Errors
/// As [`filtered`].
pub fn looks_ahead(stream: &Stream, chain: &Chain) -> Result<u64> {
    let mut stream = stream.clone();
    let mut ahead = 0_u64;
    for step in &chain.steps {
        let built = step.build(&stream)?;
        if let Work::Lanes(kernel) = &built.work {
            ahead = ahead.saturating_add(kernel.reach().after);
        }
        // A frame at the edge of a decimated stretch is kept or not as a whole.
        ahead = ahead.div_ceil(built.every) + u64::from(built.every > 1);
        stretch::describe_only(&mut stream, &built, SampleType::F64);
    }
    Ok(ahead)
}

/// The gain of `chain` at each of `hz` for a stream like `stream`: the product of its linear filters, and whether there
/// are others, which have no response.
///
/// # Errors
/// As [`filtered`].
pub fn response(stream: &Stream, chain: &Chain, hz: &[f64]) -> Result<(Vec<f64>, bool)> {
    let mut gains = vec![1.0; hz.len()];
    let mut stream = stream.clone();
    let mut others = false;
    for step in &chain.steps {
        let built = step.build(&stream)?;
        for (gain, hz) in gains.iter_mut().zip(hz) {
            let omega = std::f64::consts::TAU * hz / stream.time.rate_hz();
            let own = match &built.work {
                Work::Lanes(kernel) => kernel.gain_at(omega),
                Work::Across(_) => None,
            };
            others |= own.is_none();
            *gain *= own.unwrap_or(1.0);
        }
        stretch::describe_only(&mut stream, &built, SampleType::F64);
    }
    Ok((gains, others))
}
