//! Power spectra of overlapping windows, after P. D. Welch (1967), with the conventions of `scipy.signal.welch`.
//!
//! Windows start every `hop` frames from the start of the selection; only whole ones count. A window that crosses a gap
//! is skipped, and so is, in its channel, one that holds a NaN or an infinity; both are counted. The set of windows
//! depends on the selection alone.
//!
//! Where only the sum of the spectra is wanted, two windows go through one complex transform as its real and its
//! imaginary part: the sum of their powers is (|Z(k)|² + |Z(n−k)|²) / 2, and no pass for taking the two apart is
//! needed. For the usual lengths as many such pairs as the processor's vectors have lanes are transformed at once
//! (`lane_fft`), else one by one. Everything is in 64-bit floats: the rounding of 32-bit transforms would drown quiet
//! bins beside a loud one.
//!
//! A window may be weighted by several tapers in turn (D. J. Thomson's multitaper, 1982): its power is then the sum of
//! theirs, each taper being scaled by the root of its share.

use std::sync::{Arc, Mutex, OnceLock};

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};
use rustfft::{Fft, FftPlanner};

use super::dpss::Slepian;
use super::taper::Taper;
use crate::budget::Reservation;
use crate::error::Result;
use crate::file::Rows;
use crate::recording::{SampleFormat, Scale, Stream};
use crate::scan::{Accumulator, Chunk, ChunkPlan, ChunkView, LOOKAHEAD, Overlap, Selection, scan_observed};
use crate::source::Source;
use crate::task::Task;

mod fold;
mod interleave;
mod lane_fft;
mod lanes;
mod windows;

pub(super) use fold::{Fold, Folded};
pub(super) use windows::{Line, Values, weigh};
use windows::{add_powers, load, transform_bytes, weigh_pair};

/// What is taken off each window before it is weighted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Detrend {
    None,
    /// Its mean.
    Constant,
    /// Its least-squares line.
    Linear,
}

impl Detrend {
    /// As on the command line, in the order of menus.
    pub(super) const NAMES: &'static [&'static str] = &["none", "constant", "linear"];

    /// The one called `name`; an unknown name (which a checked setting cannot be) is the default.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "none" => Self::None,
            "linear" => Self::Linear,
            _ => Self::Constant,
        }
    }
}

/// How each window is weighted.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Tapering {
    One(Taper),
    Several(Slepian),
}

impl From<Taper> for Tapering {
    fn from(taper: Taper) -> Self {
        Self::One(taper)
    }
}

impl Tapering {
    fn count(self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Several(slepian) => slepian.count,
        }
    }
}

/// The prepared computation; shared by the threads.
pub(super) struct Welch<'a> {
    source: &'a dyn Source,
    selection: &'a Selection,
    stream: &'a Stream,
    task: &'a Task,
    plan: ChunkPlan,
    window: usize,
    hop: u64,
    detrend: Detrend,
    /// The tapers, each scaled by the root of its share; at least one.
    tapers: Vec<Vec<f64>>,
    /// Planned when they are wanted first: each holds as much as several windows.
    pair: OnceLock<Arc<dyn Fft<f64>>>,
    single: OnceLock<Arc<dyn RealToComplex<f64>>>,
    lanes: OnceLock<Option<lane_fft::LaneFft>>,
    spare: Mutex<Vec<Workspace>>,
    _memory: Reservation,
    /// For [`Self::lanes`]; they are done without where it cannot be had.
    lane_memory: Option<Reservation>,
}

/// What a thread works in.
pub(super) struct Workspace {
    pub(super) first: Vec<f64>,
    pub(super) second: Vec<f64>,
    pub(super) complex: Vec<Complex<f64>>,
    pub(super) scratch: Vec<Complex<f64>>,
    /// Powers of a whole complex transform.
    pub(super) powers: Vec<f64>,
    lanes: Option<lanes::LaneSpace>,
}

impl<'a> Welch<'a> {
    /// Prepares windows of `window` frames, `hop` apart.
    ///
    /// # Errors
    /// [`crate::ErrorKind::OutOfBudget`] if windows or spectra do not fit into the memory budget.
    pub(super) fn new(
        source: &'a dyn Source,
        selection: &'a Selection,
        task: &'a Task,
        tapering: impl Into<Tapering>,
        (window, hop): (usize, u64),
        detrend: Detrend,
    ) -> Result<Self> {
        let spectra = (selection.channels.len() * (window / 2 + 1) * 8) as u64;
        Self::for_results(source, selection, task, tapering.into(), (window, hop), detrend, (spectra, 0))
    }

    /// As [`Self::new`], where what is made of a chunk occupies `partial` bytes and a thread needs `private` more.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(super) fn for_results(
        source: &'a dyn Source,
        selection: &'a Selection,
        task: &'a Task,
        tapering: Tapering,
        (window, hop): (usize, u64),
        detrend: Detrend,
        (partial, private): (u64, u64),
    ) -> Result<Self> {
        let stream = selection.stream_in(source.recording())?;
        let overlap = Overlap { before: 0, after: window as u64 - 1 };
        let mut threads = task.threads();
        // Workspaces, partial results on their way, the merged one and the one that is shown.
        let (plan, scratch) = transform_bytes(window);
        let need = |threads: usize| {
            let each = window as u64 * 40 + scratch + private;
            let tapers = (window * tapering.count()) as u64 * 8;
            tapers + plan + each * threads as u64 + partial.saturating_mul((threads * (LOOKAHEAD + 1) + 2) as u64)
        };
        let memory = loop {
            match task.budget().reserve(need(threads)) {
                Ok(memory) => break memory,
                Err(_) if threads > 1 => threads -= 1,
                Err(e) => return Err(e),
            }
        };
        let tapers = match tapering {
            Tapering::One(taper) => vec![taper.weights(window)],
            Tapering::Several(slepian) => slepian.scaled_tapers(window, task)?,
        };
        let mut plan = ChunkPlan::for_scan(task, stream, selection, overlap)?;
        plan.threads = plan.threads.min(threads);
        let lanes = lanes::LaneSpace::bytes(window).saturating_mul(threads as u64);
        let lane_memory = if lane_fft::LaneFft::fits(window) {
            task.budget().reserve(lane_fft::LaneFft::bytes(window).saturating_add(lanes)).ok()
        } else {
            None
        };
        Ok(Self {
            source,
            selection,
            stream,
            task,
            plan,
            window,
            hop,
            detrend,
            tapers,
            pair: OnceLock::new(),
            single: OnceLock::new(),
            lanes: OnceLock::new(),
            spare: Mutex::default(),
            _memory: memory,
            lane_memory,
        })
    }

    /// Frequencies of a spectrum, zero to half the rate.
    pub(super) fn bins(&self) -> usize {
        self.window / 2 + 1
    }

    /// Frames in a window.
    pub(super) fn window(&self) -> usize {
        self.window
    }

    /// Frames from the start of a window to that of the next.
    pub(super) fn hop(&self) -> u64 {
        self.hop
    }

    /// The tapers, each scaled by the root of its share; at least one.
    pub(super) fn tapers(&self) -> &[Vec<f64>] {
        &self.tapers
    }

    /// The selection that the windows lie in, and its stream.
    pub(super) fn selection(&self) -> (&'a Selection, &'a Stream) {
        (self.selection, self.stream)
    }

    /// Whole windows in the selection, those that cross gaps included.
    pub(super) fn windows(&self) -> u64 {
        match self.selection.len().checked_sub(self.window as u64) {
            Some(rest) => rest / self.hop + 1,
            None => 0,
        }
    }

    /// Bytes of the recording that one pass goes through.
    pub(super) fn pass_bytes(&self) -> u64 {
        self.selection.bytes(self.stream)
    }

    /// One pass of another accumulator that takes windows as this one does.
    pub(super) fn scan<A: Accumulator>(
        &self,
        new: impl Fn() -> A + Sync,
        observe: &mut dyn FnMut(&A),
    ) -> Result<A::Output> {
        scan_observed(self.source, self.selection, &self.plan, self.task, new, observe)
    }

    /// The frames around a chunk that its windows need.
    pub(super) fn overlap(&self) -> Overlap {
        Overlap { before: 0, after: self.window as u64 - 1 }
    }

    /// The starts of the windows that begin in `core`, those without a gap first to last, and how many have one.
    pub(super) fn windows_in(&self, chunk: &Chunk) -> (Vec<u64>, u64) {
        let origin = self.selection.frames.start;
        let window = self.window as u64;
        let mut starts = vec![];
        let mut skipped = 0;
        let mut start = origin + (chunk.core.start - origin).div_ceil(self.hop) * self.hop;
        while start < chunk.core.end && self.selection.frames.end - start >= window {
            if self.stream.time.is_contiguous(start..start + window) {
                starts.push(start);
            } else {
                skipped += 1;
            }
            start += self.hop;
        }
        (starts, skipped)
    }

    fn pair(&self) -> &Arc<dyn Fft<f64>> {
        self.pair.get_or_init(|| FftPlanner::new().plan_fft_forward(self.window))
    }

    pub(super) fn single(&self) -> &Arc<dyn RealToComplex<f64>> {
        self.single.get_or_init(|| RealFftPlanner::new().plan_fft_forward(self.window))
    }

    /// Adds the powers of the two windows in `space`, for every taper, to its `powers`.
    fn add_pair(&self, space: &mut Workspace, first: Line, second: Line) {
        let pair = self.pair();
        for taper in &self.tapers {
            weigh_pair(&space.first, first, &space.second, second, taper, &mut space.complex);
            pair.process_with_scratch(&mut space.complex, &mut space.scratch);
            add_powers(&space.complex, &mut space.powers);
        }
    }

    /// Windows that overlap almost wholly make minutes of work of one chunk: who stops waits for one window only.
    pub(super) fn go_on(&self) -> Result<()> {
        if self.task.is_cancelled() { Err(crate::Error::cancelled()) } else { Ok(()) }
    }

    /// The samples of a chunk, wherever they are cheapest to visit several times.
    pub(super) fn values<'v>(view: &'v mut ChunkView<'_>) -> Result<Values<'v>> {
        let is_dense = |rows: Rows<'_>| {
            rows.stride == rows.format.size() && rows.format == SampleFormat::little(rows.format.sample_type)
        };
        // Sample behind sample of the only channel, or else a block.
        if view.rows()?.is_some_and(is_dense) {
            let gone = || crate::Error::invalid("the rows of a chunk are there no more");
            return view.copied_rows()?.map(Values::Bytes).ok_or_else(gone);
        }
        Ok(Values::Block(view.block()?))
    }

    /// Loads the window at `place` of the selected channel `c`; its trend, or `None` if it holds a NaN or an infinity.
    pub(super) fn load(&self, values: Values<'_>, c: usize, place: usize, into: &mut [f64]) -> Option<Line> {
        load(values, c, place, self.scale(c), self.detrend, into)
    }

    fn scale(&self, c: usize) -> Scale {
        self.stream.channels[self.selection.channels[c]].scale
    }

    /// Puts a workspace back for the next chunk.
    pub(super) fn put_back(&self, space: Workspace) {
        if let Ok(mut spare) = self.spare.lock() {
            spare.push(space);
        }
    }

    pub(super) fn workspace(&self) -> Workspace {
        let spare = self.spare.lock().ok().and_then(|mut s| s.pop());
        spare.unwrap_or_else(|| {
            let n = self.window;
            Workspace {
                first: vec![0.0; n],
                second: vec![0.0; n],
                complex: vec![Complex::default(); n],
                scratch: vec![],
                powers: vec![0.0; n],
                lanes: None,
            }
        })
    }
}

/// One real transform; lengths that do not fit (which would be our mistake) fail the job, not the process.
pub(super) fn transform(
    plan: &dyn RealToComplex<f64>,
    values: &mut [f64],
    spectrum: &mut [Complex<f64>],
    scratch: &mut [Complex<f64>],
) -> Result<()> {
    plan.process_with_scratch(values, spectrum, scratch)
        .map_err(|e| crate::Error::new(crate::ErrorKind::Panicked(e.to_string())))
}
