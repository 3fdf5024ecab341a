//! Power spectra of overlapping windows, after P. D. Welch (1967), with the conventions of `scipy.signal.welch`.
//!
//! Windows start every `hop` frames from the start of the selection; only whole ones count. A window that crosses a gap
//! is skipped, and so is, in its channel, one that holds a NaN or an infinity; both are counted. The set of windows
//! depends on the selection alone.
//!
//! Where only the sum of the spectra is wanted, two windows go through one complex transform as its real and its
//! imaginary part: the sum of their powers is (|Z(k)|² + |Z(n−k)|²) / 2, and no pass for taking the two apart is
//! needed. Everything is in 64-bit floats: the rounding of 32-bit transforms would drown quiet bins beside a loud one.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex, OnceLock};

use pulp::{Arch, Simd, WithSimd};
use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};
use rustfft::{Fft, FftPlanner};

use super::taper::Taper;
use crate::budget::Reservation;
use crate::error::Result;
use crate::file::Rows;
use crate::file::feed::{Feed, Little, Plain};
use crate::recording::{Block, Sample, SampleFormat, Scale, Stream};
use crate::scan::{Accumulator, Chunk, ChunkPlan, ChunkView, LOOKAHEAD, Overlap, Selection, scan_observed};
use crate::source::Source;
use crate::task::Task;
use crate::{with_samples, with_type};

/// Prime factors up to this one are transformed without a detour.
const LARGEST_SHORT_FACTOR: usize = 31;
/// A complex number.
const COMPLEX_BYTES: u64 = 16;
/// Independent sums of a window.
const LANES: usize = 16;

/// What is taken off each window before it is weighted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Detrend {
    None,
    /// Its mean.
    Constant,
    /// Its least-squares line.
    Linear,
}

/// What becomes of the spectra of the windows.
#[derive(Clone, Copy)]
pub(super) enum Fold<'a> {
    Sum,
    Max,
    /// Each is handed on, from several threads, as channel (its place in the selection) and powers.
    Each(&'a (dyn Fn(usize, &[f64]) + Sync)),
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
    weights: Vec<f64>,
    /// Planned when they are wanted first: each holds as much as several windows.
    pair: OnceLock<Arc<dyn Fft<f64>>>,
    single: OnceLock<Arc<dyn RealToComplex<f64>>>,
    spare: Mutex<Vec<Workspace>>,
    _memory: Reservation,
}

/// What a thread works in.
struct Workspace {
    first: Vec<f64>,
    second: Vec<f64>,
    complex: Vec<Complex<f64>>,
    scratch: Vec<Complex<f64>>,
    /// Powers of a whole complex transform.
    powers: Vec<f64>,
}

/// What came of a pass. Powers are |X|², one-sided but not doubled, without any scaling.
#[derive(Clone, Debug, Default)]
pub(super) struct Folded {
    /// `channel · bins + bin`; empty for [`Fold::Each`].
    pub(super) powers: Vec<f64>,
    /// For each channel: windows taken in.
    pub(super) windows: Vec<u64>,
    /// For each channel: windows with a NaN or an infinity.
    pub(super) irregular: Vec<u64>,
    /// Windows that cross a gap.
    pub(super) skipped: u64,
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
        taper: Taper,
        (window, hop): (usize, u64),
        detrend: Detrend,
    ) -> Result<Self> {
        let stream = selection.stream_in(source.recording())?;
        let overlap = Overlap { before: 0, after: window as u64 - 1 };
        let spectra = (selection.channels.len() * (window / 2 + 1) * 8) as u64;
        let mut threads = task.threads();
        // Workspaces, partial results on their way, the merged one and the one that is shown.
        let (plan, scratch) = transform_bytes(window);
        let need = |threads: usize| {
            let each = window as u64 * 40 + scratch;
            window as u64 * 8 + plan + each * threads as u64 + spectra * (threads * (LOOKAHEAD + 1) + 2) as u64
        };
        let memory = loop {
            match task.budget().reserve(need(threads)) {
                Ok(memory) => break memory,
                Err(_) if threads > 1 => threads -= 1,
                Err(e) => return Err(e),
            }
        };
        let mut plan = ChunkPlan::for_scan(task, stream, selection, overlap)?;
        plan.threads = plan.threads.min(threads);
        Ok(Self {
            source,
            selection,
            stream,
            task,
            plan,
            window,
            hop,
            detrend,
            weights: taper.weights(window),
            pair: OnceLock::new(),
            single: OnceLock::new(),
            spare: Mutex::default(),
            _memory: memory,
        })
    }

    /// Frequencies of a spectrum, zero to half the rate.
    pub(super) fn bins(&self) -> usize {
        self.window / 2 + 1
    }

    pub(super) fn weights(&self) -> &[f64] {
        &self.weights
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

    /// One pass over the selection; `observe` sees the merged result so far.
    pub(super) fn pass(&self, fold: Fold<'_>, observe: &mut dyn FnMut(&Folded)) -> Result<Folded> {
        let channels = self.selection.channels.len();
        let new = || Partial {
            welch: self,
            fold,
            folded: Folded {
                powers: match fold {
                    Fold::Sum | Fold::Max => vec![0.0; channels * self.bins()],
                    Fold::Each(_) => vec![],
                },
                windows: vec![0; channels],
                irregular: vec![0; channels],
                skipped: 0,
            },
        };
        scan_observed(self.source, self.selection, &self.plan, self.task, new, &mut |p: &Partial<'_, '_>| {
            observe(&p.folded);
        })
    }

    /// The starts of the windows that begin in `core`, those without a gap first to last, and how many have one.
    fn windows_in(&self, chunk: &Chunk) -> (Vec<u64>, u64) {
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

    fn single(&self) -> &Arc<dyn RealToComplex<f64>> {
        self.single.get_or_init(|| RealFftPlanner::new().plan_fft_forward(self.window))
    }

    /// Windows that overlap almost wholly make minutes of work of one chunk: who stops waits for one window only.
    fn go_on(&self) -> Result<()> {
        if self.task.is_cancelled() { Err(crate::Error::cancelled()) } else { Ok(()) }
    }

    fn workspace(&self) -> Workspace {
        let spare = self.spare.lock().ok().and_then(|mut s| s.pop());
        spare.unwrap_or_else(|| {
            let n = self.window;
            Workspace {
                first: vec![0.0; n],
                second: vec![0.0; n],
                complex: vec![Complex::default(); n],
                scratch: vec![],
                powers: vec![0.0; n],
            }
        })
    }
}

struct Partial<'w, 'f> {
    welch: &'w Welch<'w>,
    fold: Fold<'f>,
    folded: Folded,
}

impl Accumulator for Partial<'_, '_> {
    type Output = Folded;

    fn overlap(&self) -> Overlap {
        Overlap { before: 0, after: self.welch.window as u64 - 1 }
    }

    fn update(&mut self, chunk: &Chunk, view: &mut ChunkView<'_>) -> Result<()> {
        let welch = self.welch;
        let (starts, skipped) = welch.windows_in(chunk);
        self.folded.skipped = skipped;
        if starts.is_empty() {
            return Ok(());
        }
        let is_dense = |rows: Rows<'_>| {
            rows.stride == rows.format.size() && rows.format == SampleFormat::little(rows.format.sample_type)
        };
        let dense = if view.rows()?.is_some_and(is_dense) { view.copied_rows()? } else { None };
        let values = match dense {
            // The only channel, sample behind sample.
            Some(rows) => Values::Bytes(rows),
            None => Values::Block(view.block()?),
        };
        let places: Vec<usize> = starts.iter().map(|s| (s - chunk.read.start) as usize).collect();
        let mut space = welch.workspace();
        for c in 0..welch.selection.channels.len() {
            match self.fold {
                Fold::Sum => self.sum(values, c, &places, &mut space)?,
                Fold::Max | Fold::Each(_) => self.each(values, c, &places, &mut space)?,
            }
        }
        if let Ok(mut spare) = welch.spare.lock() {
            spare.push(space);
        }
        Ok(())
    }

    fn merge(&mut self, later: Self) {
        match self.fold {
            Fold::Sum => add(&mut self.folded.powers, &later.folded.powers),
            Fold::Max => hold(&mut self.folded.powers, &later.folded.powers),
            Fold::Each(_) => {}
        }
        for (mine, theirs) in self.folded.windows.iter_mut().zip(&later.folded.windows) {
            *mine += theirs;
        }
        for (mine, theirs) in self.folded.irregular.iter_mut().zip(&later.folded.irregular) {
            *mine += theirs;
        }
        self.folded.skipped += later.folded.skipped;
    }

    fn finish(self) -> Folded {
        self.folded
    }
}

impl Partial<'_, '_> {
    fn scale(&self, c: usize) -> Scale {
        self.welch.stream.channels[self.welch.selection.channels[c]].scale
    }

    /// Adds up the powers of all windows of channel `c`, two at a time.
    fn sum(&mut self, values: Values<'_>, c: usize, places: &[usize], space: &mut Workspace) -> Result<()> {
        let welch = self.welch;
        let (n, scale) = (welch.window, self.scale(c));
        let pair = welch.pair();
        space.scratch.resize(pair.get_inplace_scratch_len(), Complex::default());
        space.powers.fill(0.0);
        let mut half = None;
        for &place in places {
            welch.go_on()?;
            let into = if half.is_none() { &mut space.first } else { &mut space.second };
            let Some(line) = load(values, c, place, scale, welch.detrend, into) else {
                self.folded.irregular[c] += 1;
                continue;
            };
            self.folded.windows[c] += 1;
            let Some(first_line) = half.take() else {
                half = Some(line);
                continue;
            };
            weigh_pair(&space.first, first_line, &space.second, line, &welch.weights, &mut space.complex);
            pair.process_with_scratch(&mut space.complex, &mut space.scratch);
            add_powers(&space.complex, &mut space.powers);
        }
        if let Some(line) = half {
            space.second.fill(0.0);
            weigh_pair(&space.first, line, &space.second, Line::default(), &welch.weights, &mut space.complex);
            pair.process_with_scratch(&mut space.complex, &mut space.scratch);
            add_powers(&space.complex, &mut space.powers);
        }
        let bins = welch.bins();
        let sums = &mut self.folded.powers[c * bins..(c + 1) * bins];
        sums[0] += space.powers[0];
        // The two windows of a pair share the bins k and n − k.
        for (k, sum) in sums.iter_mut().enumerate().skip(1) {
            *sum += 0.5 * (space.powers[k] + space.powers[n - k]);
        }
        Ok(())
    }

    /// Makes the powers of each window of channel `c` and folds them.
    fn each(&mut self, values: Values<'_>, c: usize, places: &[usize], space: &mut Workspace) -> Result<()> {
        let welch = self.welch;
        let bins = welch.bins();
        let scale = self.scale(c);
        let single = welch.single();
        space.scratch.resize(single.get_scratch_len(), Complex::default());
        for &place in places {
            welch.go_on()?;
            let Some(line) = load(values, c, place, scale, welch.detrend, &mut space.first) else {
                self.folded.irregular[c] += 1;
                continue;
            };
            self.folded.windows[c] += 1;
            weigh(&mut space.first, line, &welch.weights);
            let spectrum = &mut space.complex[..bins];
            single
                .process_with_scratch(&mut space.first, spectrum, &mut space.scratch)
                .map_err(|e| crate::Error::new(crate::ErrorKind::Panicked(e.to_string())))?;
            let powers = &mut space.powers[..bins];
            powers.fill(0.0);
            add_powers(spectrum, powers);
            match self.fold {
                Fold::Sum => {}
                Fold::Max => hold(&mut self.folded.powers[c * bins..(c + 1) * bins], powers),
                Fold::Each(take) => take(c, powers),
            }
        }
        Ok(())
    }
}

/// What a planned transform of `n` holds, and what a thread needs besides for it, bytes, at most. A length with a large
/// prime factor is transformed through a convolution (L. I. Bluestein, 1970) of at least twice that factor.
fn transform_bytes(n: usize) -> (u64, u64) {
    let (mut rest, mut factor) = (n, 2);
    while factor * factor <= rest && factor <= LARGEST_SHORT_FACTOR {
        if rest.is_multiple_of(factor) {
            rest /= factor;
        } else {
            factor += 1;
        }
    }
    let detour = if rest > LARGEST_SHORT_FACTOR { (2 * rest).next_power_of_two() as u64 } else { 0 };
    let n = n as u64;
    (COMPLEX_BYTES * (n + 3 * detour), COMPLEX_BYTES * (n + n / 2 + 2 * detour))
}

/// Where the samples of a chunk are.
#[derive(Clone, Copy)]
enum Values<'a> {
    Block(&'a Block),
    /// The only channel of the stream, little-endian, nothing between its samples.
    Bytes(Rows<'a>),
}

/// What is taken off: `mean + slope · (i − middle)`.
#[derive(Clone, Copy, Default)]
struct Line {
    mean: f64,
    slope: f64,
}

/// Converts a window to physical values; its trend, or `None` if it holds a NaN or an infinity.
fn load(values: Values<'_>, c: usize, place: usize, scale: Scale, detrend: Detrend, into: &mut [f64]) -> Option<Line> {
    let sum = match values {
        Values::Block(block) => {
            with_samples!(block.samples(), v => convert(&Plain(v), c * block.frames() + place, 1, scale, into))
        }
        Values::Bytes(rows) => with_type!(rows.format.sample_type, T => {
            convert::<T, _>(&Little(rows.bytes), place * size_of::<T>(), size_of::<T>(), scale, into)
        }),
    };
    if !sum.is_finite() {
        return None;
    }
    let n = into.len() as f64;
    let mean = sum / n;
    Some(match detrend {
        Detrend::None => Line::default(),
        Detrend::Constant => Line { mean, slope: 0.0 },
        Detrend::Linear => {
            let middle = 0.5 * (n - 1.0);
            let moment: f64 = into.iter().enumerate().map(|(i, x)| (i as f64 - middle) * (x - mean)).sum();
            let square = n * (n * n - 1.0) / 12.0;
            Line { mean, slope: if square > 0.0 { moment / square } else { 0.0 } }
        }
    })
}

/// Physical values of the samples from place `at` of `feed`, `unit` places apart, and their sum.
fn convert<T: Sample, F: Feed<T>>(feed: &F, at: usize, unit: usize, scale: Scale, to: &mut [f64]) -> f64 {
    Arch::new().dispatch(Convert { feed, at, unit, scale, to, sample: PhantomData })
}

// The loops below are compiled for the processor's widest vectors. Each is a struct and not a closure, because only a
// method that is always inlined takes part in that.

struct Convert<'a, T, F> {
    feed: &'a F,
    at: usize,
    unit: usize,
    scale: Scale,
    to: &'a mut [f64],
    sample: PhantomData<T>,
}

impl<T: Sample, F: Feed<T>> WithSimd for Convert<'_, T, F> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let Self { feed, mut at, unit, scale, to, .. } = self;
        let mut sums = [0.0; LANES];
        let (groups, rest) = to.as_chunks_mut::<LANES>();
        for group in groups {
            // One step after the other: mixed, they are compiled to one number at a time.
            let mut values = feed.lanes::<LANES>(at).map(Sample::to_f64);
            at += LANES * unit;
            for value in &mut values {
                *value = scale.apply(*value);
            }
            *group = values;
            for i in 0..LANES {
                sums[i] += values[i];
            }
        }
        for value in rest {
            let [sample] = feed.lanes::<1>(at);
            at += unit;
            *value = scale.apply(sample.to_f64());
            sums[0] += *value;
        }
        sums.iter().sum()
    }
}

fn weigh(values: &mut [f64], line: Line, weights: &[f64]) {
    let first = line.mean - line.slope * 0.5 * (values.len() as f64 - 1.0);
    for (i, (x, w)) in values.iter_mut().zip(weights).enumerate() {
        *x = (*x - (first + line.slope * i as f64)) * w;
    }
}

/// Two windows as real and imaginary part.
fn weigh_pair(a: &[f64], line_a: Line, b: &[f64], line_b: Line, weights: &[f64], out: &mut [Complex<f64>]) {
    Arch::new().dispatch(WeighPair { a, line_a, b, line_b, weights, out });
}

struct WeighPair<'a> {
    a: &'a [f64],
    line_a: Line,
    b: &'a [f64],
    line_b: Line,
    weights: &'a [f64],
    out: &'a mut [Complex<f64>],
}

impl WithSimd for WeighPair<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { a, line_a, b, line_b, weights, out } = self;
        let middle = 0.5 * (a.len() as f64 - 1.0);
        let (first_a, first_b) = (line_a.mean - line_a.slope * middle, line_b.mean - line_b.slope * middle);
        let n = out.len();
        let (a, b, weights) = (&a[..n], &b[..n], &weights[..n]);
        if line_a.slope == 0.0 && line_b.slope == 0.0 {
            for i in 0..n {
                out[i].re = (a[i] - first_a) * weights[i];
                out[i].im = (b[i] - first_b) * weights[i];
            }
            return;
        }
        for i in 0..n {
            out[i].re = (a[i] - (first_a + line_a.slope * i as f64)) * weights[i];
            out[i].im = (b[i] - (first_b + line_b.slope * i as f64)) * weights[i];
        }
    }
}

fn add_powers(spectrum: &[Complex<f64>], powers: &mut [f64]) {
    Arch::new().dispatch(AddPowers { spectrum, powers });
}

struct AddPowers<'a> {
    spectrum: &'a [Complex<f64>],
    powers: &'a mut [f64],
}

impl WithSimd for AddPowers<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (z, p) in self.spectrum.iter().zip(self.powers) {
            *p += z.re * z.re + z.im * z.im;
        }
    }
}

fn add(to: &mut [f64], from: &[f64]) {
    for (a, b) in to.iter_mut().zip(from) {
        *a += b;
    }
}

fn hold(to: &mut [f64], from: &[f64]) {
    for (a, b) in to.iter_mut().zip(from) {
        *a = a.max(*b);
    }
}
