//! The power spectral density of every window of some channels, in order: what all of the spectrogram stands on.
//!
//! Windows start every `hop` frames from a first frame. Each is freed of its mean, weighted, transformed (64-bit floats)
//! and scaled as `scipy.signal.spectrogram` does by default (one-sided density, unit²/Hz). A window that crosses a gap or
//! holds a NaN or an infinity is missing: its powers are NaN. What is handed on does not depend on threads or memory,
//! because the windows come one by one in their order.
//!
//! Cost: one real transform a window. Memory: for each thread a piece of the recording of a few windows and the powers of
//! as many, reserved before; fewer windows and threads where that is too much.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use super::super::taper::Taper;
use crate::budget::Reservation;
use crate::error::{Error, ErrorKind, Result};
use crate::recording::{Block, Stream};
use crate::scan::{Chunk, LOOKAHEAD, Selection, map_pieces};
use crate::source::Source;
use crate::task::Task;

/// Windows of a piece at most, and bytes of the file that a piece may touch if it holds several.
const PIECE_WINDOWS: u64 = 64;
const PIECE_BYTES: u64 = 4 << 20;

/// How the recording is cut into windows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Cut {
    /// Frames of a window.
    pub window: usize,
    /// Frames from the start of one window to that of the next.
    pub hop: u64,
    /// Its weights, by name, as on the command line.
    pub taper: &'static str,
}

impl Default for Cut {
    fn default() -> Self {
        Self { window: 8192, hop: 4096, taper: "hann" }
    }
}

impl Cut {
    /// Frequencies of a spectrum, from zero to half the rate.
    #[must_use]
    pub fn bins(&self) -> usize {
        self.window / 2 + 1
    }

    /// Whole windows in so many frames.
    #[must_use]
    pub fn windows_in(&self, frames: u64) -> u64 {
        frames.checked_sub(self.window as u64).map_or(0, |rest| rest / self.hop.max(1) + 1)
    }
}

/// Which bins of a spectrum are averaged into which row: row `i` is the mean of bins `edges[i]` to `edges[i + 1]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rows {
    edges: Vec<usize>,
}

impl Rows {
    /// A row for each bin.
    pub(super) fn all(bins: usize) -> Self {
        Self { edges: (0..=bins).collect() }
    }

    /// At most `most` rows, equally high.
    pub(super) fn linear(bins: usize, most: usize) -> Self {
        let per_row = bins.div_ceil(most.max(1)).max(1);
        Self { edges: (0..bins).step_by(per_row).chain([bins]).collect() }
    }

    /// At most about `most` rows of equal ratios; single bins where these are wider than that, and one for zero.
    pub(super) fn logarithmic(bins: usize, most: usize) -> Self {
        let most = most.max(2);
        let ratio = ((bins as f64) / 0.5).powf(1.0 / most as f64);
        let edge = |i: usize| ((0.5 * ratio.powi(i as i32) + 0.5).round() as usize).clamp(1, bins);
        let mut edges: Vec<usize> = std::iter::once(0).chain((0..=most).map(edge)).chain([bins]).collect();
        edges.dedup();
        Self { edges }
    }

    /// Single bins at the low end, then ever more of them, but never more than an eighth of a percent of all: enough for a
    /// linear and for a logarithmic axis on a screen.
    pub(super) fn for_screens(bins: usize) -> Self {
        let widest = (bins / 512).max(1);
        let mut edges = vec![0];
        let mut at = 0;
        while at < bins {
            at = (at + (at / 128).clamp(1, widest)).min(bins);
            edges.push(at);
        }
        Self { edges }
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.edges.len() - 1
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bins of row `row`.
    #[must_use]
    pub fn bins(&self, row: usize) -> Range<usize> {
        self.edges[row]..self.edges[row + 1]
    }

    /// Where rows begin and end, in bins: a bin reaches half a bin to either side. One more than rows.
    pub fn borders(&self) -> impl Iterator<Item = f64> + '_ {
        let last = self.edges.len() - 1;
        self.edges.iter().enumerate().map(move |(i, &edge)| match i {
            0 => 0.0,
            _ if i == last => edge as f64 - 1.0,
            _ => edge as f64 - 0.5,
        })
    }

    /// The middle of each, in bins.
    pub(super) fn middles(&self) -> impl Iterator<Item = f64> + '_ {
        self.edges.windows(2).map(|w| (w[0] + w[1] - 1) as f64 / 2.0)
    }
}

/// The powers of one window, channel after channel, `rows` each; NaN where the window is missing.
pub(super) struct Window<'a> {
    pub(super) index: u64,
    pub(super) powers: &'a [f64],
    /// It crosses a gap.
    pub(super) gap: bool,
}

/// The prepared computation; shared by the threads.
pub(super) struct Stft<'a> {
    source: &'a dyn Source,
    stream: &'a Stream,
    selection: Selection,
    pub(super) cut: Cut,
    rows: Rows,
    weights: Vec<f64>,
    /// From |X|² to unit²/Hz, before doubling.
    factor: f64,
    transform: Arc<dyn RealToComplex<f64>>,
    task: &'a Task,
    piece_windows: u64,
    threads: usize,
    spare: Mutex<Vec<Workspace>>,
    _memory: Reservation,
}

#[derive(Default)]
struct Workspace {
    block: Block,
    channel: Vec<f64>,
    window: Vec<f64>,
    spectrum: Vec<Complex<f64>>,
    scratch: Vec<Complex<f64>>,
}

/// What came of a piece.
struct Piece {
    first: u64,
    powers: Vec<f64>,
    gaps: Vec<bool>,
}

impl<'a> Stft<'a> {
    /// Prepares the windows of `selection`, the first of which starts where it does.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfBudget`] if not even single windows on one thread fit into the memory budget.
    pub(super) fn new(
        source: &'a dyn Source,
        selection: Selection,
        cut: Cut,
        rows: Rows,
        task: &'a Task,
    ) -> Result<Self> {
        let stream = selection.stream_in(source.recording())?;
        let stride = source
            .flat_at(selection.stream, selection.frames.start)
            .map_or(0, |piece| piece.layout.frame_stride())
            .max((selection.channels.len() * stream.format.size()) as u64)
            .max(1);
        let mut piece_windows = (PIECE_BYTES / stride.saturating_mul(cut.hop).max(1)).clamp(1, PIECE_WINDOWS);
        if cut.hop > 2 * cut.window as u64 {
            // What lies between is not read.
            piece_windows = 1;
        }
        let mut threads = task.threads();
        let channels = selection.channels.len() as u64;
        let n = cut.window as u64;
        let need = |windows: u64, threads: usize| {
            let frames = cut.hop.saturating_mul(windows - 1).saturating_add(n);
            let block = frames.saturating_mul(channels * stream.format.size() as u64 + 8);
            let powers = windows.saturating_mul(channels).saturating_mul(rows.len() as u64 * 8 + 1);
            // Window, spectrum and scratch of a transform, which for awkward lengths is a longer one.
            let transform = 96 * n;
            let shared = 8 * n + 192 * n;
            let each = block.saturating_add(transform).saturating_add(powers.saturating_mul(LOOKAHEAD as u64 + 1));
            each.saturating_mul(threads as u64).saturating_add(shared)
        };
        let room = task.budget().free() / 2;
        while need(piece_windows, threads) > room && piece_windows > 1 {
            piece_windows /= 2;
        }
        while need(piece_windows, threads) > room && threads > 1 {
            threads -= 1;
        }
        let bytes = need(piece_windows, threads);
        if bytes > task.budget().free() {
            return Err(Error::new(ErrorKind::OutOfBudget { need: bytes, free: task.budget().free() }).with_remedy(
                "raise the memory limit (--memory-limit), or use a shorter --window or fewer --channels",
            ));
        }
        let memory = task.budget().reserve(bytes)?;
        let weights = Taper::named(cut.taper).weights(cut.window);
        let factor = (stream.time.rate_hz() * weights.iter().map(|w| w * w).sum::<f64>()).recip();
        Ok(Self {
            source,
            stream,
            selection,
            cut,
            rows,
            weights,
            factor,
            transform: RealFftPlanner::new().plan_fft_forward(cut.window),
            task,
            piece_windows,
            threads,
            spare: Mutex::default(),
            _memory: memory,
        })
    }

    /// Whole windows in the selection, those that cross gaps included.
    pub(super) fn windows(&self) -> u64 {
        self.cut.windows_in(self.selection.len())
    }

    pub(super) fn rows(&self) -> &Rows {
        &self.rows
    }

    /// The first frame of a window.
    pub(super) fn start_of(&self, window: u64) -> u64 {
        self.selection.frames.start + window * self.cut.hop
    }

    /// Bytes of the recording that `windows` go through.
    pub(super) fn bytes_of(&self, windows: &Range<u64>) -> u64 {
        let frames: u64 = self.pieces(windows.clone()).map(|r| r.end - r.start).sum();
        frames * (self.selection.channels.len() * self.stream.format.size()) as u64
    }

    /// The frames of pieces, each from the start of its first window on.
    fn pieces(&self, windows: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let total = self.windows();
        let step = self.piece_windows;
        let end = windows.end.min(total);
        (windows.start..end).step_by(step as usize).map(move |first| {
            let last = (first + step).min(end);
            self.start_of(first)..self.start_of(last).min(self.selection.frames.end)
        })
    }

    /// Hands the powers of `windows` to `sink`, one window after the other, on this thread.
    ///
    /// # Errors
    /// As [`crate::scan::scan`]; an error of the sink stops the pass and is returned.
    pub(super) fn run(&self, windows: Range<u64>, sink: &mut dyn FnMut(Window<'_>) -> Result<()>) -> Result<()> {
        let width = self.selection.channels.len() * self.rows.len();
        let end = windows.end.min(self.windows());
        let mut pieces = self.pieces(windows);
        map_pieces(
            self.source,
            &self.selection,
            &mut pieces,
            self.threads,
            self.task,
            &|chunk| self.piece(chunk, end),
            &mut |_, piece: Piece| {
                for (i, (powers, &gap)) in piece.powers.chunks(width.max(1)).zip(&piece.gaps).enumerate() {
                    sink(Window { index: piece.first + i as u64, powers, gap })?;
                }
                Ok(())
            },
        )
    }

    fn piece(&self, chunk: &Chunk, end: u64) -> Result<Piece> {
        let first = (chunk.core.start - self.selection.frames.start) / self.cut.hop;
        let last = (first + self.piece_windows).min(end);
        let (n, rows, channels) = (self.cut.window, self.rows.len(), self.selection.channels.len());
        let count = (last - first) as usize;
        let gaps: Vec<bool> = (first..last)
            .map(|w| !self.stream.time.is_contiguous(self.start_of(w)..self.start_of(w) + n as u64))
            .collect();
        let mut powers = vec![f64::NAN; count * channels * rows];
        if gaps.iter().all(|&gap| gap) {
            return Ok(Piece { first, powers, gaps });
        }
        let mut space = self.spare.lock().ok().and_then(|mut s| s.pop()).unwrap_or_default();
        let frames = self.start_of(first)..self.start_of(last - 1) + n as u64;
        self.source.read(self.selection.stream, frames, &self.selection.channels, &mut space.block)?;
        let Workspace { block, channel, window, spectrum, scratch } = &mut space;
        window.resize(n, 0.0);
        spectrum.resize(self.cut.bins(), Complex::default());
        scratch.resize(self.transform.get_scratch_len(), Complex::default());
        for (c, &index) in self.selection.channels.iter().enumerate() {
            block.channel_f64(c, self.stream.channels[index].scale, channel);
            for w in (0..count).filter(|&w| !gaps[w]) {
                if self.task.is_cancelled() {
                    return Err(Error::cancelled());
                }
                let at = w * self.cut.hop as usize;
                let out = &mut powers[(w * channels + c) * rows..][..rows];
                self.window(&channel[at..at + n], window, spectrum, scratch, out)?;
            }
        }
        if let Ok(mut spare) = self.spare.lock() {
            spare.push(space);
        }
        Ok(Piece { first, powers, gaps })
    }

    /// The powers of one window; left as they are if it holds what is not a number.
    fn window(
        &self,
        samples: &[f64],
        window: &mut [f64],
        spectrum: &mut [Complex<f64>],
        scratch: &mut [Complex<f64>],
        out: &mut [f64],
    ) -> Result<()> {
        let n = samples.len();
        let mean = samples.iter().sum::<f64>() / n as f64;
        if !mean.is_finite() {
            return Ok(());
        }
        for ((to, x), w) in window.iter_mut().zip(samples).zip(&self.weights) {
            *to = (x - mean) * w;
        }
        self.transform
            .process_with_scratch(window, spectrum, scratch)
            .map_err(|e| Error::new(ErrorKind::Panicked(e.to_string())))?;
        for (row, to) in out.iter_mut().enumerate() {
            let bins = self.rows.bins(row);
            let share = self.factor / bins.len() as f64;
            let sum: f64 = bins
                .map(|k| {
                    let z = spectrum[k];
                    // Negative frequencies are folded onto the positive ones; zero and half the rate have no partner.
                    let lone = k == 0 || 2 * k == n;
                    (z.re * z.re + z.im * z.im) * if lone { 1.0 } else { 2.0 }
                })
                .sum();
            *to = sum * share;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_hold_every_bin_once() {
        for bins in [2, 3, 17, 513, 4097, 32_769] {
            for rows in
                [Rows::all(bins), Rows::linear(bins, 100), Rows::logarithmic(bins, 200), Rows::for_screens(bins)]
            {
                let held: Vec<usize> = (0..rows.len()).flat_map(|r| rows.bins(r)).collect();
                assert_eq!(held, (0..bins).collect::<Vec<_>>());
                assert_eq!(rows.borders().count(), rows.len() + 1);
                assert!(rows.borders().is_sorted() && rows.middles().is_sorted());
            }
        }
        assert!(Rows::linear(4097, 512).len() <= 512);
        assert!(Rows::logarithmic(4097, 512).len() <= 514);
        assert!(Rows::for_screens(4097).len() < 900, "{}", Rows::for_screens(4097).len());
        assert!(Rows::for_screens(1 << 21).len() < 2000);
    }
}
