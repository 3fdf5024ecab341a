//! Search by example: where does a channel look like a given shape, whatever its height and offset?
//!
//! The measure is the normalised cross-correlation (Pearson's r of the shape and of as many frames of the channel), from
//! −1 to 1. For all offsets at once the products come from transforms of overlapping blocks (overlap-save) and the norms from
//! running sums, as in J. P. Lewis, "Fast normalized cross-correlation", Vision Interface (1995); those that may be
//! similar enough are computed again, directly and in double precision, and these are the numbers that count.
//!
//! Blocks lie on a grid from frame 0, so that the last bit of a result does not depend on the chunks. Windows that cross a
//! gap or hold a value that is no number are left out. Of matches that overlap in a channel the more similar one stays
//! (the earlier of equals).

use std::ops::Range;
use std::sync::{Arc, Mutex};

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use super::ground::{Ground, Seeker, samples_of};
use super::keeper::{Keeper, Places};
use crate::analysis::Place;
use crate::budget::Reservation;
use crate::error::{Error, Result};
use crate::recording::{Block, Sample, TimeBase};
use crate::scan::{Chunk, Overlap};
use crate::task::Task;
use crate::with_samples;

/// No shape is longer, frames.
pub(super) const LONGEST: u64 = 1 << 20;
/// No block is shorter, frames.
const LEAST_BLOCK: usize = 1 << 14;
/// Matches that overlap one another are held back until the last of them is known, but not more of a channel than
/// these.
const MOST_HELD: usize = 1 << 16;
/// What transforms and running sums may be off by, at least.
const SLACK: f64 = 1e-6;

/// The search.
pub(super) struct Like {
    /// The shape without its mean, of length 1 as a vector.
    shape: Vec<f64>,
    /// Its spectrum, conjugated.
    spectrum: Vec<Complex<f64>>,
    forward: Arc<dyn RealToComplex<f64>>,
    backward: Arc<dyn ComplexToReal<f64>>,
    similarity: f64,
    /// Offsets of a block.
    step: u64,
    spare: Mutex<Vec<Workspace>>,
    _memory: Reservation,
}

/// What a thread works in.
struct Workspace {
    values: Vec<f64>,
    /// For each frame, and one more: the sums of all frames before it.
    sums: Vec<(f64, f64)>,
    /// The same for samples that are no numbers.
    bad: Vec<u32>,
    products: Vec<f64>,
    spectrum: Vec<Complex<f64>>,
    scores: Vec<f64>,
    /// What they may be off by.
    slack: Vec<f64>,
}

impl Like {
    /// Prepares the search for `shape` (physical values).
    ///
    /// # Errors
    /// When the shape is too short or long, flat, or not all numbers; when it does not fit into the budget.
    pub(super) fn new(shape: &[f64], similarity: f64, task: &Task) -> Result<Self> {
        let m = shape.len();
        if m < 3 || m as u64 > LONGEST {
            return Err(Error::invalid(format!("a shape of {m} frames cannot be searched for"))
                .with_remedy(format!("choose a range of 3 to {LONGEST} frames (--like A..B)")));
        }
        if !shape.iter().all(|x| x.is_finite()) {
            return Err(Error::invalid("the example holds values that are not numbers")
                .with_remedy("choose another range (--like A..B)"));
        }
        let mean = shape.iter().sum::<f64>() / m as f64;
        let shape: Vec<f64> = shape.iter().map(|x| x - mean).collect();
        let norm = shape.iter().map(|x| x * x).sum::<f64>().sqrt();
        let greatest = shape.iter().fold(mean.abs(), |a, x| a.max(x.abs()));
        if norm <= greatest * 1e-12 * (m as f64).sqrt() {
            return Err(Error::invalid("the example is a flat line, to which everything is equally similar")
                .with_remedy("choose a range in which something happens (--like A..B)"));
        }
        let n = (2 * m).next_power_of_two().max(LEAST_BLOCK);
        let step = n / 2;
        // For each thread: values, sums, marks, products, scores, their slack and a spectrum; and the transforms themselves.
        let bytes = (n * (8 + 16 + 4 + 8 + 8 + 8 + 8)) as u64 * task.threads() as u64 + (n * 48) as u64;
        let memory = task.budget().reserve(bytes)?;
        let mut planner = RealFftPlanner::new();
        let (forward, backward) = (planner.plan_fft_forward(n), planner.plan_fft_inverse(n));
        let shape: Vec<f64> = shape.iter().map(|x| x / norm).collect();
        let mut padded = vec![0.0; n];
        padded[..m].copy_from_slice(&shape);
        let mut spectrum = forward.make_output_vec();
        forward.process(&mut padded, &mut spectrum).map_err(|e| Error::invalid(e.to_string()))?;
        // The inverse is not scaled; that is done here, once.
        spectrum.iter_mut().for_each(|c| *c = c.conj() / n as f64);
        Ok(Self {
            shape,
            spectrum,
            forward,
            backward,
            similarity,
            step: step as u64,
            spare: Mutex::default(),
            _memory: memory,
        })
    }

    fn len(&self) -> u64 {
        self.shape.len() as u64
    }

    fn workspace(&self) -> Workspace {
        let spare = self.spare.lock().ok().and_then(|mut s| s.pop());
        spare.unwrap_or_else(|| {
            let n = 2 * self.step as usize;
            Workspace {
                values: vec![0.0; n],
                sums: Vec::with_capacity(n + 1),
                bad: Vec::with_capacity(n + 1),
                products: vec![0.0; n],
                spectrum: self.forward.make_output_vec(),
                scores: Vec::with_capacity(n),
                slack: Vec::with_capacity(n),
            }
        })
    }

    /// Makes `work.scores` the similarity at each of the first `offsets` frames of `work.values`, of which `len` are
    /// there; what is no number, or flat, is not similar at all.
    fn score(&self, work: &mut Workspace, len: usize, offsets: usize) -> Result<()> {
        let m = self.shape.len();
        let Workspace { values, sums, bad, products, spectrum, scores, slack } = work;
        bad.clear();
        bad.push(0);
        let mut marks = 0;
        let mut sum = 0.0;
        for x in &mut values[..len] {
            if x.is_finite() {
                sum += *x;
            } else {
                marks += 1;
                *x = f64::NAN;
            }
            bad.push(marks);
        }
        let mean = if marks as usize == len { 0.0 } else { sum / (len - marks as usize) as f64 };
        let mean = if mean.is_finite() { mean } else { 0.0 };
        sums.clear();
        sums.push((0.0, 0.0));
        let (mut s, mut ss) = (0.0, 0.0);
        for x in &mut values[..len] {
            *x = if x.is_nan() { 0.0 } else { *x - mean };
            s += *x;
            ss += *x * *x;
            sums.push((s, ss));
        }
        values[len..].fill(0.0);
        products.copy_from_slice(values);
        let failed = |e: realfft::FftError| Error::invalid(e.to_string());
        self.forward.process(products, spectrum).map_err(failed)?;
        spectrum.iter_mut().zip(&self.spectrum).for_each(|(x, t)| *x *= t);
        // Rounding leaves specks where the imaginary part of a real signal's spectrum is zero.
        if let Some(first) = spectrum.first_mut() {
            first.im = 0.0;
        }
        if let Some(last) = spectrum.last_mut() {
            last.im = 0.0;
        }
        self.backward.process(spectrum, products).map_err(failed)?;
        scores.clear();
        slack.clear();
        for i in 0..offsets {
            let (a, b) = (sums[i], sums[i + m]);
            let sum = b.0 - a.0;
            let power = b.1 - a.1 - sum * sum / m as f64;
            let flat = power <= b.1 * 1e-15;
            scores.push(if flat || bad[i + m] != bad[i] { f64::NEG_INFINITY } else { products[i] / power.sqrt() });
            // Where a window is quiet beside its block, the difference of the sums has lost digits.
            slack.push(SLACK + 1e-13 * b.1 / power);
        }
        Ok(())
    }

    /// The similarity of `window` to the shape, directly.
    fn exactly(&self, window: &[f64]) -> f64 {
        let mean = window.iter().sum::<f64>() / window.len() as f64;
        let (mut product, mut power) = (0.0, 0.0);
        for (x, t) in window.iter().zip(&self.shape) {
            let x = x - mean;
            product += x * t;
            power += x * x;
        }
        if power > 0.0 { product / power.sqrt() } else { f64::NEG_INFINITY }
    }

    /// Hands on the matches that begin in `block`, of the physical values in `piece`, which are without gap.
    fn in_block(
        &self,
        work: &mut Workspace,
        block: Range<u64>,
        end: u64,
        fill: impl FnOnce(&mut [f64]),
        emit: &mut dyn FnMut(u64, f64) -> Result<()>,
    ) -> Result<()> {
        let m = self.shape.len();
        let len = (end.min(block.end + m as u64 - 1) - block.start) as usize;
        if len < m {
            return Ok(());
        }
        fill(&mut work.values[..len]);
        let offsets = (len + 1 - m).min((block.end - block.start) as usize);
        self.score(work, len, offsets)?;
        let scores = &work.scores;
        for i in 0..offsets {
            let score = scores[i];
            // Beside the block nothing is compared: of two neighbours there the better one wins when they are joined.
            let rises = i == 0 || score >= scores[i - 1];
            let falls = i + 1 == offsets || score > scores[i + 1];
            if rises && falls && score >= self.similarity - work.slack[i] {
                let exact = self.exactly(&work.values[i..i + m]).min(1.0);
                if exact >= self.similarity {
                    emit(block.start + i as u64, exact)?;
                }
            }
        }
        Ok(())
    }
}

impl Seeker for Like {
    type Found = Places;
    /// For each channel, the matches of which some overlap, and the end of the last that stayed.
    type State = Vec<(Option<Places>, u64)>;

    fn overlap(&self) -> Overlap {
        Overlap { before: self.step - 1, after: self.step + self.len() }
    }

    fn state(&self, ground: &Ground<'_>) -> Self::State {
        ground.positions().map(|_| (None, 0)).collect()
    }

    fn look(&self, ground: &Ground<'_>, chunk: &Chunk, block: &Block) -> Result<Places> {
        let mut places = Places::new(ground.task)?;
        let mut work = self.workspace();
        let (core, read) = (&chunk.core, &chunk.read);
        for position in ground.positions() {
            let scale = ground.scale(position);
            for piece in ground.stream.time.contiguous(read.clone()) {
                // The blocks of the grid that have offsets in the core; one is cut by gaps and the selection alone.
                let mut start = piece.start.max(core.start / self.step * self.step);
                while start < piece.end.min(core.end) {
                    ground.task.advance(0)?;
                    let end = (start / self.step + 1) * self.step;
                    let fill = |values: &mut [f64]| {
                        let range = start..start + values.len() as u64;
                        with_samples!(block.samples(), all => {
                            let samples = samples_of(all, block.frames(), position, read.start, &range);
                            values.iter_mut().zip(samples).for_each(|(v, x)| *v = scale.apply(x.to_f64()));
                        });
                    };
                    let mut emit = |at: u64, value: f64| {
                        let place =
                            Place { channel: position as u32, flags: 0, start: at, end: at + self.len(), value };
                        if core.contains(&at) { places.push(place) } else { Ok(()) }
                    };
                    self.in_block(&mut work, start..end, piece.end, fill, &mut emit)?;
                    start = end;
                }
            }
        }
        if let Ok(mut spare) = self.spare.lock() {
            spare.push(work);
        }
        Ok(places)
    }

    fn join(
        &self,
        ground: &Ground<'_>,
        state: &mut Self::State,
        core: &Range<u64>,
        found: Places,
        keeper: &mut Keeper,
    ) -> Result<u64> {
        for &place in found.as_slice() {
            let (held, behind) = &mut state[place.channel as usize];
            let held = match held {
                Some(held) => held,
                None => held.insert(Places::new(ground.task)?),
            };
            let apart = held.as_slice().last().is_none_or(|last| last.end <= place.start);
            if apart || held.as_slice().len() >= MOST_HELD {
                release(ground, held.list_mut(), behind, keeper)?;
            }
            held.push(place)?;
        }
        let waiting = state.iter().filter_map(|(held, _)| held.as_ref()?.as_slice().first());
        Ok(waiting.map(|p| p.start).fold(core.end, u64::min))
    }

    fn finish(&self, ground: &Ground<'_>, state: Self::State, keeper: &mut Keeper) -> Result<()> {
        let waiting = state.into_iter().filter_map(|(held, behind)| Some((held?, behind)));
        waiting.into_iter().try_for_each(|(mut held, mut behind)| release(ground, held.list_mut(), &mut behind, keeper))
    }
}

/// Keeps the best of `held`, then the best that does not overlap it, and so on; none that begins before `behind`.
fn release(ground: &Ground<'_>, held: &mut Vec<Place>, behind: &mut u64, keeper: &mut Keeper) -> Result<()> {
    held.retain(|place| place.start >= *behind);
    held.sort_unstable_by(|a, b| b.value.total_cmp(&a.value).then(a.start.cmp(&b.start)));
    let mut kept: std::collections::BTreeMap<u64, u64> = std::collections::BTreeMap::new();
    for place in held.drain(..) {
        let before = kept.range(..=place.start).next_back().is_some_and(|(_, &end)| end > place.start);
        let after = kept.range(place.start..).next().is_some_and(|(&start, _)| start < place.end);
        if !before && !after {
            kept.insert(place.start, place.end);
            *behind = (*behind).max(place.end);
            let channel = ground.selection.channels[place.channel as usize] as u32;
            keeper.push(Place { channel, ..place })?;
        }
    }
    Ok(())
}

/// The physical values of the example: `frames` of channel `channel`.
pub(super) fn example(ground: &Ground<'_>, channel: usize, frames: &Range<u64>) -> Result<Vec<f64>> {
    let time: &TimeBase = &ground.stream.time;
    let len = frames.end - frames.start;
    if len > LONGEST {
        return Err(Error::invalid(format!("an example of {len} frames is too long"))
            .with_remedy(format!("choose at most {LONGEST} frames (--like A..B)")));
    }
    if !time.is_contiguous(frames.clone()) {
        return Err(Error::invalid("the example crosses a gap").with_remedy("choose a range without one (--like A..B)"));
    }
    let format = ground.stream.format;
    let _held = ground.task.budget().reserve(Block::bytes_for(format.sample_type, 1, len)?)?;
    let mut block = Block::default();
    ground.source.read(ground.selection.stream, frames.clone(), &[channel], &mut block)?;
    let scale = ground.stream.channels[channel].scale;
    Ok(with_samples!(block.samples(), v => v.iter().map(|x| scale.apply(x.to_f64())).collect()))
}
