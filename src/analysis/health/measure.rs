//! What is measured of each channel in each interval, in one pass.
//!
//! Deviation, clipping and missing values are of all samples of an interval. The rest comes from *windows* of a fifth of
//! a second, which lie side by side from the start of each interval and each stretch without gaps: a window never
//! crosses either. In a window
//!
//! - a *block* of 256 frames in which no sample differs is flat;
//! - where the signal stands still at the channel's extremes, it is clipped ([`super::rails`]);
//! - the samples are averaged in groups down to about 2 kHz, and of that signal, less its mean,
//! - the power at 50 and 60 Hz and their harmonics up to the fifth is taken from the Fourier transform, in which these
//!   frequencies fall on bins 5 Hz apart; the mean of the two neighbouring bins is taken off, so that a broad spectrum
//!   does not count as line noise; the loss by averaging is undone;
//! - the product with the next channel is summed, for the correlation.
//!
//! A chunk owns the windows that start in it, so that nothing depends on how the pass is cut.

use std::ops::Range;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use super::rails::Rails;
use crate::error::{Error, Result};
use crate::moments::{Moments, of_samples};
use crate::recording::{Block, Sample, SampleType, Samples, Scale, Stream, TimeBase};
use crate::scan::{Accumulator, Chunk, ChunkView, Overlap, Selection};
use crate::with_samples;

/// A window, seconds.
const WINDOW_SECS: f64 = 0.2;
/// Rate down to which samples are averaged, at least.
const REDUCED_HZ: f64 = 2000.0;
/// No window is shorter than so many averaged samples.
const LEAST_WINDOW: usize = 16;
/// And none longer, whatever a file says of its rate.
const MOST_WINDOW: usize = 1 << 16;
/// Frames that must be equal to be flat.
const BLOCK: usize = 256;
/// The mains of the world.
pub(super) const MAINS: [f64; 2] = [50.0, 60.0];
/// The highest harmonic that counts.
const HARMONICS: usize = 5;

/// How a selection is cut, and what is needed to measure it.
pub(super) struct Plan<'a> {
    pub(super) selection: &'a Selection,
    time: &'a TimeBase,
    scales: Vec<Scale>,
    /// For each channel but the last, whether the next is its neighbour.
    neighbours: Vec<bool>,
    /// Frames of an interval.
    pub(super) interval: u64,
    /// Samples that are averaged to one.
    group: usize,
    /// Averaged samples in a window.
    window: usize,
    fft: Arc<dyn RealToComplex<f64>>,
    /// For each of [`MAINS`], the bins of its harmonics and what their power is multiplied with.
    lines: [Vec<(usize, f64)>; 2],
}

impl<'a> Plan<'a> {
    /// # Errors
    /// When an interval is shorter than a window.
    pub(super) fn new(stream: &'a Stream, selection: &'a Selection, interval_secs: f64) -> Result<Self> {
        let rate = stream.time.rate_hz();
        let group = if stream.time.rate_known() { (rate / REDUCED_HZ).floor().clamp(1.0, 65_536.0) } else { 1.0 };
        let reduced = rate / group;
        let window = ((reduced * WINDOW_SECS).round() as usize).clamp(LEAST_WINDOW, MOST_WINDOW);
        let interval = (interval_secs * rate).round().clamp(1.0, 1e18) as u64;
        let (group, frames) = (group as usize, (group as usize * window) as u64);
        if interval < frames {
            return Err(Error::invalid(format!(
                "an interval of {interval_secs} s is {interval} frames, less than the {frames} that one look takes"
            ))
            .with_remedy(format!("use --interval {:.3} or more", (frames as f64 / rate).max(0.001))));
        }
        let lines = MAINS.map(|mains| {
            if !stream.time.rate_known() {
                return Vec::new();
            }
            let harmonics = (1..=HARMONICS).map(|h| mains * h as f64);
            harmonics.filter_map(|f| line(f, rate, group, window)).collect()
        });
        let channels = &selection.channels;
        let group_of = |c: usize| &stream.channels[c].group;
        Ok(Self {
            selection,
            time: &stream.time,
            scales: channels.iter().map(|&c| stream.channels[c].scale).collect(),
            neighbours: channels.windows(2).map(|w| group_of(w[0]) == group_of(w[1])).collect(),
            interval,
            group,
            window,
            fft: RealFftPlanner::new().plan_fft_forward(window),
            lines,
        })
    }

    /// Frames of a window.
    pub(super) fn window_frames(&self) -> u64 {
        (self.group * self.window) as u64
    }

    /// Whether the power at these mains can be measured at this rate.
    pub(super) fn sees(&self, mains: usize) -> bool {
        !self.lines[mains].is_empty()
    }

    /// How many intervals there are.
    pub(super) fn intervals(&self) -> u64 {
        self.selection.len().div_ceil(self.interval)
    }

    /// The frames of interval `k`.
    pub(super) fn interval_at(&self, k: u64) -> Range<u64> {
        let start = self.selection.frames.start + k * self.interval;
        start..start.saturating_add(self.interval).min(self.selection.frames.end)
    }

    /// The intervals that hold frames of `frames`.
    fn intervals_of(&self, frames: &Range<u64>) -> Range<u64> {
        let first = self.selection.frames.start;
        (frames.start - first) / self.interval..(frames.end - first).div_ceil(self.interval)
    }

    /// The first frames of the windows of interval `k` that start in `core`.
    fn windows(&self, k: u64, core: &Range<u64>) -> Vec<u64> {
        let frames = self.window_frames();
        let mut starts = Vec::new();
        for piece in self.time.contiguous(self.interval_at(k)) {
            let first = core.start.saturating_sub(piece.start).div_ceil(frames);
            let mut at = piece.start + first * frames;
            while at < core.end && at + frames <= piece.end {
                starts.push(at);
                at += frames;
            }
        }
        starts
    }
}

/// The bin of a frequency, and what makes its power that of the full signal.
fn line(frequency: f64, rate: f64, group: usize, window: usize) -> Option<(usize, f64)> {
    let reduced = rate / group as f64;
    let bin = (frequency * window as f64 / reduced).round() as usize;
    // Its neighbours must be there too, above zero and below the highest.
    if bin < 2 || bin + 1 > (window - 1) / 2 {
        return None;
    }
    let x = std::f64::consts::PI * frequency / rate;
    let kept = (x * group as f64).sin() / (group as f64 * x.sin());
    Some((bin, 2.0 / (window as f64 * window as f64 * kept * kept)))
}

/// What was found of one channel in one interval.
#[derive(Clone)]
pub(super) struct Cell {
    pub(super) moments: Moments,
    /// Of each of [`MAINS`], the sum of the powers in the windows.
    lines: [f64; 2],
    /// Windows without NaN.
    windows: u32,
    pub(super) flat_frames: u64,
    pub(super) looked_frames: u64,
    rails: Rails,
    /// With the next channel: the sum of products, and the energies of both.
    with_next: [f64; 3],
}

impl Cell {
    fn empty() -> Self {
        Self {
            moments: Moments::EMPTY,
            lines: [0.0; 2],
            windows: 0,
            flat_frames: 0,
            looked_frames: 0,
            rails: Rails::default(),
            with_next: [0.0; 3],
        }
    }

    fn merge(&mut self, later: &Self) {
        self.moments.merge(&later.moments);
        self.windows += later.windows;
        self.flat_frames += later.flat_frames;
        self.looked_frames += later.looked_frames;
        self.rails.merge(&later.rails);
        self.lines.iter_mut().zip(later.lines).for_each(|(a, b)| *a += b);
        self.with_next.iter_mut().zip(later.with_next).for_each(|(a, b)| *a += b);
    }

    fn correlation_with_next(&self) -> f64 {
        let [product, a, b] = self.with_next;
        if a > 0.0 && b > 0.0 { product / (a.sqrt() * b.sqrt()) } else { f64::NAN }
    }
}

/// The figures of one channel in one interval; NaN where there is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figures {
    pub(super) rms: f32,
    pub(super) lines: [f32; 2],
    /// At the limits of the type.
    clipped: f32,
    /// In plateaus at the extremes of the interval, as far as none before it reach further.
    rails: [f32; 2],
    pub(super) flat: f32,
    pub(super) correlation: f32,
}

/// Of one channel over everything.
#[derive(Clone, Copy, Default)]
pub(super) struct Whole {
    pub(super) count: u64,
    clipped: u64,
    pub(super) flat_frames: u64,
    pub(super) looked_frames: u64,
    rails: Rails,
    /// For each rail, the first interval that reaches it.
    since: [usize; 2],
}

/// What was measured: for each interval the figures of each channel.
#[derive(Clone, Default)]
pub(super) struct Measured {
    pub(super) intervals: Vec<Vec<Figures>>,
    pub(super) whole: Vec<Whole>,
    /// Of the stored samples.
    pub(super) sample_type: Option<SampleType>,
}

impl Measured {
    fn rails_of(&self, channel: usize) -> Option<&Whole> {
        let whole = self.whole.get(channel)?;
        self.sample_type.is_some_and(|t| whole.rails.clip(t, whole.looked_frames)).then_some(whole)
    }

    /// The share of clipped samples of a channel: at the limits of the type, or at rails of its own.
    pub(super) fn clipped(&self, channel: usize) -> f64 {
        let whole = self.whole.get(channel).copied().unwrap_or_default();
        if whole.count == 0 {
            return f64::NAN;
        }
        let at_rails = self.rails_of(channel).map_or(0.0, |w| {
            w.rails.0.iter().map(|rail| rail.frames).sum::<u64>() as f64 / w.looked_frames.max(1) as f64
        });
        at_rails.max(whole.clipped as f64 / whole.count as f64)
    }

    /// The same in one interval.
    pub(super) fn clipped_in(&self, channel: usize, interval: usize) -> f32 {
        let Some(figures) = self.intervals.get(interval).and_then(|row| row.get(channel)) else { return f32::NAN };
        let Some(whole) = self.rails_of(channel).filter(|_| !figures.clipped.is_nan()) else { return figures.clipped };
        let seen = figures.rails.iter().zip(whole.since).filter(|(_, since)| interval >= *since);
        seen.map(|(share, _)| share).sum::<f32>().max(figures.clipped)
    }
}

/// Intervals that are complete as figures, the one under way as sums.
pub(super) struct Partial<'a> {
    plan: &'a Plan<'a>,
    bool_samples: bool,
    cells: Vec<(u64, Vec<Cell>)>,
    pub(super) done: Measured,
}

impl<'a> Partial<'a> {
    pub(super) fn new(plan: &'a Plan<'a>, stream: &Stream) -> Self {
        let sample_type = stream.format.sample_type;
        let done = Measured { sample_type: Some(sample_type), ..Measured::default() };
        Self { plan, bool_samples: sample_type == SampleType::Bool, cells: Vec::new(), done }
    }

    /// Makes figures of the oldest interval.
    fn close(&mut self) {
        if self.cells.is_empty() {
            return;
        }
        let (_, cells) = self.cells.remove(0);
        let n = cells.len();
        self.done.whole.resize(n, Whole::default());
        let with_next: Vec<f64> = cells.iter().map(Cell::correlation_with_next).collect();
        let pair = |i: usize| if self.plan.neighbours.get(i) == Some(&true) { with_next[i] } else { f64::NAN };
        let mut figures = Vec::with_capacity(n);
        for (i, cell) in cells.iter().enumerate() {
            let clipped = if self.bool_samples { 0 } else { cell.moments.clipped };
            let whole = &mut self.done.whole[i];
            whole.count += cell.moments.count;
            whole.clipped += clipped;
            whole.flat_frames += cell.flat_frames;
            whole.looked_frames += cell.looked_frames;
            let mut rails = [0.0; 2];
            let interval = self.done.intervals.len();
            for (side, (all, here)) in whole.rails.0.iter_mut().zip(&cell.rails.0).enumerate() {
                if all.merge(here) {
                    whole.since[side] = interval;
                }
                if all.level == here.level {
                    rails[side] = here.frames as f32 / cell.looked_frames.max(1) as f32;
                }
            }
            let std = cell.moments.physical(self.plan.scales[i]).map_or(f64::NAN, |p| p.std);
            let share = |n: u64, of: u64| if of == 0 { f32::NAN } else { (n as f64 / of as f64) as f32 };
            let mut lines = [f32::NAN; 2];
            for (mains, line) in lines.iter_mut().enumerate() {
                if self.plan.sees(mains) && cell.windows > 0 && std.is_finite() {
                    let power = cell.lines[mains] / f64::from(cell.windows);
                    *line = if std > 0.0 { (power / (std * std)).clamp(0.0, 1.0) as f32 } else { 0.0 };
                }
            }
            let before = i.checked_sub(1).map_or(f64::NAN, pair);
            figures.push(Figures {
                rms: std as f32,
                lines,
                clipped: share(clipped, cell.moments.count),
                rails,
                flat: share(cell.flat_frames, cell.looked_frames),
                // The maximum of a number and NaN is the number.
                correlation: before.max(pair(i)) as f32,
            });
        }
        self.done.intervals.push(figures);
    }
}

impl Accumulator for Partial<'_> {
    type Output = Measured;

    fn overlap(&self) -> Overlap {
        Overlap { before: 0, after: self.plan.window_frames() - 1 }
    }

    fn update(&mut self, chunk: &Chunk, view: &mut ChunkView<'_>) -> Result<()> {
        let plan = self.plan;
        let block = view.block()?;
        let n = block.frames();
        let mut look = Look::new(plan, block);
        for k in plan.intervals_of(&chunk.core) {
            let interval = plan.interval_at(k);
            let own = interval.start.max(chunk.core.start)..interval.end.min(chunk.core.end);
            let place = (own.start - chunk.read.start) as usize..(own.end - chunk.read.start) as usize;
            let mut cells = vec![Cell::empty(); block.channels()];
            for (c, cell) in cells.iter_mut().enumerate() {
                cell.moments = of_samples(block.samples(), c * n + place.start..c * n + place.end);
            }
            for start in plan.windows(k, &chunk.core) {
                look.window((start - chunk.read.start) as usize, &mut cells);
            }
            self.cells.push((k, cells));
        }
        Ok(())
    }

    fn merge(&mut self, later: Self) {
        for (k, cells) in later.cells {
            match self.cells.last_mut() {
                Some((last, mine)) if *last == k => mine.iter_mut().zip(&cells).for_each(|(a, b)| a.merge(b)),
                _ => {
                    self.close();
                    self.cells.push((k, cells));
                }
            }
        }
    }

    fn finish(mut self) -> Measured {
        self.close();
        self.done
    }
}

/// Looks at windows of a block.
struct Look<'a> {
    plan: &'a Plan<'a>,
    block: &'a Block,
    /// The averaged signal of the channel before and of this one, less their means.
    before: Vec<f64>,
    now: Vec<f64>,
    scratch: Vec<f64>,
    spectrum: Vec<Complex<f64>>,
}

impl<'a> Look<'a> {
    fn new(plan: &'a Plan<'a>, block: &'a Block) -> Self {
        let spectrum = plan.fft.make_output_vec();
        let none = || vec![0.0; plan.window];
        Self { plan, block, before: none(), now: none(), scratch: none(), spectrum }
    }

    /// Takes in the window that begins at frame `start` of the block.
    fn window(&mut self, start: usize, cells: &mut [Cell]) {
        let frames = self.plan.window_frames() as usize;
        let mut energy_before = None;
        for c in 0..cells.len() {
            let at = c * self.block.frames() + start;
            let flat = with_samples!(self.block.samples(), v => flat_frames(&v[at..at + frames]));
            cells[c].flat_frames += flat as u64;
            cells[c].looked_frames += frames as u64;
            with_samples!(self.block.samples(), v => cells[c].rails.take(&v[at..at + frames]));
            average(self.block.samples(), at, self.plan.group, self.plan.scales[c], &mut self.now);
            let mean = self.now.iter().sum::<f64>() / self.now.len() as f64;
            let mut energy = 0.0;
            for x in &mut self.now {
                *x -= mean;
                energy += *x * *x;
            }
            let whole = energy.is_finite();
            if whole {
                cells[c].windows += 1;
                self.lines(&mut cells[c].lines);
            }
            if let (Some(before), true) = (energy_before, whole) {
                let product: f64 = self.before.iter().zip(&self.now).map(|(a, b)| a * b).sum();
                let sums = &mut cells[c - 1].with_next;
                sums.iter_mut().zip([product, before, energy]).for_each(|(sum, x)| *sum += x);
            }
            energy_before = whole.then_some(energy);
            std::mem::swap(&mut self.before, &mut self.now);
        }
    }

    /// Adds the power of the mains and their harmonics.
    fn lines(&mut self, lines: &mut [f64; 2]) {
        if self.plan.lines.iter().all(Vec::is_empty) {
            return;
        }
        self.scratch.copy_from_slice(&self.now);
        // Lengths are those of the plan, which is all that can be wrong.
        if self.plan.fft.process(&mut self.scratch, &mut self.spectrum).is_err() {
            return;
        }
        for (sum, harmonics) in lines.iter_mut().zip(&self.plan.lines) {
            for &(bin, factor) in harmonics {
                let power = |bin: usize| self.spectrum[bin].norm_sqr();
                *sum += (power(bin) - f64::midpoint(power(bin - 1), power(bin + 1))).max(0.0) * factor;
            }
        }
    }
}

/// Frames in blocks in which no sample differs.
fn flat_frames<T: Sample>(window: &[T]) -> usize {
    window.chunks(BLOCK).filter(|block| block.iter().all(|x| *x == block[0])).map(<[T]>::len).sum()
}

/// Means of groups of samples, in physical units.
fn average(samples: &Samples, at: usize, group: usize, scale: Scale, out: &mut [f64]) {
    let share = 1.0 / group as f64;
    let mut fill = |sum: &dyn Fn(Range<usize>) -> f64| {
        for (i, x) in out.iter_mut().enumerate() {
            *x = scale.apply(sum(at + i * group..at + (i + 1) * group) * share);
        }
    };
    // Sums of small integers are exact in 32 bits: at most 2^16 of 16 bits each.
    match samples {
        Samples::I8(v) => fill(&|r| f64::from(v[r].iter().map(|&x| i32::from(x)).sum::<i32>())),
        Samples::U8(v) => fill(&|r| f64::from(v[r].iter().map(|&x| i32::from(x)).sum::<i32>())),
        Samples::I16(v) => fill(&|r| f64::from(v[r].iter().map(|&x| i32::from(x)).sum::<i32>())),
        Samples::U16(v) => fill(&|r| f64::from(v[r].iter().map(|&x| u32::from(x)).sum::<u32>())),
        wide => with_samples!(wide, v => fill(&|r| v[r].iter().map(|x| x.to_f64()).sum())),
    }
}
