//! The spectrogram of one channel at every zoom, from a day to single windows.
//!
//! Frequencies are averaged into rows (single bins at the low end, see [`Rows::for_screens`]), powers are kept in decibels
//! in steps of 0.01 dB (u16; 0 is missing, 1 is no power at all). A *base column* is the mean power of `base` windows, 4
//! unless the recording is so long that there would be more than 2^18 of them (2^13 where there is no file to keep them
//! in); a *tile* has 64 base columns, and their means by 4, 16 and 64. All lie on a grid from frame 0, so that a column
//! keeps its value while the view moves. A day of one channel at 30 kHz takes 0.3 GB, 1 % of what 16 channels of int16 do.
//!
//! [`Pyramid::build`] makes the missing tiles, those near what is looked at first, in one pass; stopping it loses at most
//! the tile under work, and the next call goes on from there. [`Pyramid::view`] answers from tiles where a base column is
//! narrower than a column of the view, from the samples where the view has few windows, and elsewhere by an estimate: one
//! window of many, marked as such.
//!
//! Memory: a column of a tile while building, a picture of at most 2048 columns while answering; reserved.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use twox_hash::XxHash3_64;

use super::stft::{Cut, Rows, Stft};
use super::store::{LEVEL_COLUMNS, Store};
use super::tile::{Picture, TileMaker, decoder};
pub use super::view::{State, View};
use crate::analysis::Curves;
use crate::budget::MemoryBudget;
use crate::error::{Error, Result};
use crate::recording::Stream;
use crate::scan::Selection;
use crate::source::Source;
use crate::summary::SidecarPolicy;
use crate::task::Task;

/// Base columns of a tile.
pub(super) const TILE_COLUMNS: u64 = 64;
/// Windows of a base column, at least.
const LEAST_BASE: u64 = 4;
/// Base columns at most, with and without a file to keep them in.
const MOST_KEPT: u64 = 1 << 18;
const MOST_HELD: u64 = 1 << 13;
/// Views of no more windows are computed from the samples.
pub const DIRECT_WINDOWS: u64 = 8192;
/// A view of fewer windows takes windows that overlap more, so many if it can.
const SMOOTH_WINDOWS: u64 = 1024;
/// Columns of a view, at most.
const VIEW_COLUMNS: u64 = 2048;
/// Windows that an estimate looks at.
const SAMPLES: u64 = 256;
/// Windows of estimates that are remembered.
const REMEMBERED: usize = 2048;

/// The tiles of a stream, shared by the pyramids of its channels.
#[derive(Clone)]
pub struct Tiles {
    source: Arc<dyn Source>,
    stream: usize,
    store: Arc<Store>,
}

impl Tiles {
    /// Opens what is kept for stream `stream`; nothing is made.
    ///
    /// # Errors
    /// When there is no such stream, or the recording's file cannot be read.
    pub fn open(source: Arc<dyn Source>, stream: usize, budget: &MemoryBudget, policy: &SidecarPolicy) -> Result<Self> {
        if stream >= source.recording().streams.len() {
            return Err(Error::invalid(format!("there is no stream {stream}")));
        }
        let store = Arc::new(Store::open(source.as_ref(), stream, budget, policy)?);
        Ok(Self { source, stream, store })
    }
}

/// The spectrogram of one channel; clones are the same. It may be asked for views while another thread builds it.
#[derive(Clone)]
pub struct Pyramid(Arc<Inner>);

struct Inner {
    tiles: Tiles,
    channel: usize,
    cut: Cut,
    rows: Rows,
    base: u64,
    windows: u64,
    set: u64,
    /// Whether each tile is there.
    there: Mutex<Vec<bool>>,
    made: AtomicU64,
    building: Mutex<()>,
    sampled: Mutex<HashMap<u64, Arc<[f32]>>>,
    borders_hz: Arc<[f64]>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pyramid {
    /// The spectrogram of channel `channel`, with the tiles that are there.
    ///
    /// # Errors
    /// When there is no such channel, or the stream is shorter than one window.
    pub fn open(tiles: &Tiles, channel: usize, cut: Cut) -> Result<Self> {
        let stream = &tiles.source.recording().streams[tiles.stream];
        let Some(info) = stream.channels.get(channel) else {
            return Err(Error::invalid(format!("there is no channel {channel}")));
        };
        let windows = cut.windows_in(stream.frames);
        if windows == 0 {
            return Err(Error::invalid(format!(
                "the recording has {} frames, fewer than one window of {}",
                stream.frames, cut.window
            ))
            .with_remedy("choose a shorter window"));
        }
        let rows = Rows::for_screens(cut.bins());
        let long = windows > DIRECT_WINDOWS;
        let most = if long && tiles.store.prepare() { MOST_KEPT } else { MOST_HELD };
        let base = windows.div_ceil(most).next_power_of_two().max(LEAST_BASE);
        let rate = stream.time.rate_hz();
        let text = format!("{channel} {:?} {cut:?} {base} {rate:?} {:?}", info.scale, rows);
        let set = XxHash3_64::oneshot(text.as_bytes());
        let count = windows.div_ceil(base * TILE_COLUMNS);
        let mut there = vec![false; count as usize];
        for tile in tiles.store.tiles_of(set) {
            if let Some(there) = there.get_mut(tile as usize) {
                *there = true;
            }
        }
        let made = there.iter().filter(|&&t| t).count() as u64;
        let borders_hz = rows.borders().map(|bin| bin * rate / cut.window as f64).collect();
        Ok(Self(Arc::new(Inner {
            tiles: tiles.clone(),
            channel,
            cut,
            rows,
            base,
            windows,
            set,
            there: Mutex::new(there),
            made: AtomicU64::new(made),
            building: Mutex::default(),
            sampled: Mutex::default(),
            borders_hz,
        })))
    }

    /// The channel.
    #[must_use]
    pub fn channel(&self) -> usize {
        self.0.channel
    }

    /// How it is cut into windows.
    #[must_use]
    pub fn cut(&self) -> Cut {
        self.0.cut
    }

    /// Whether views are ever answered from tiles: shorter recordings are computed from the samples at any zoom.
    #[must_use]
    pub fn wants_tiles(&self) -> bool {
        self.0.windows > DIRECT_WINDOWS
    }

    /// Share of the tiles that are there, 0 to 1; 1 where none are wanted.
    #[must_use]
    pub fn coverage(&self) -> f32 {
        let count = lock(&self.0.there).len();
        if count == 0 || !self.wants_tiles() {
            return 1.0;
        }
        self.0.made.load(Ordering::Relaxed) as f32 / count as f32
    }

    /// The file that keeps the tiles.
    #[must_use]
    pub fn path(&self) -> Option<std::path::PathBuf> {
        self.0.tiles.store.path()
    }

    fn stream(&self) -> &Stream {
        &self.0.tiles.source.recording().streams[self.0.tiles.stream]
    }

    fn selection(&self) -> Selection {
        Selection { stream: self.0.tiles.stream, channels: vec![self.0.channel], frames: 0..self.stream().frames }
    }

    fn stft<'a>(&'a self, hop: u64, rows: Rows, task: &'a Task) -> Result<Stft<'a>> {
        Stft::new(self.0.tiles.source.as_ref(), self.selection(), Cut { hop, ..self.0.cut }, rows, task)
    }

    fn windows_of_tile(&self, tile: usize) -> Range<u64> {
        let each = self.0.base * TILE_COLUMNS;
        tile as u64 * each..((tile as u64 + 1) * each).min(self.0.windows)
    }

    /// Makes the tiles that are missing, from that of `near` (a tick) to the end, then those before it. Two calls at once
    /// do the work once.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Cancelled`] if the task was stopped; what is whole by then stays. What reading or writing fails
    /// with.
    pub fn build(&self, near: u64, task: &Task) -> Result<()> {
        let _alone = lock(&self.0.building);
        if !self.wants_tiles() {
            return Ok(());
        }
        let stft = self.stft(self.0.cut.hop, self.0.rows.clone(), task)?;
        let frame = self.stream().time.frame_at_tick(near).min(self.stream().frames);
        let runs = {
            let there = lock(&self.0.there);
            let first = (frame / self.0.cut.hop / (self.0.base * TILE_COLUMNS)) as usize;
            let first = first.min(there.len() - 1);
            let missing = |range: Range<usize>| range.filter(|&t| !there[t]).collect::<Vec<_>>();
            let mut runs: Vec<Range<usize>> = Vec::new();
            for tile in missing(first..there.len()).into_iter().chain(missing(0..first)) {
                match runs.last_mut() {
                    Some(run) if run.end == tile => run.end += 1,
                    _ => runs.push(tile..tile + 1),
                }
            }
            runs
        };
        let windows = |run: &Range<usize>| self.windows_of_tile(run.start).start..self.windows_of_tile(run.end - 1).end;
        task.set_total(runs.iter().map(|run| stft.bytes_of(&windows(run))).sum());
        let rows = self.0.rows.len();
        // Sums of a tile's base columns, its codes, and the record on its way.
        let _memory = task.budget().reserve(rows as u64 * (TILE_COLUMNS * 8 + 3 * 2 * 85))?;
        for run in runs {
            let mut tile = TileMaker::new(rows, self.0.base);
            stft.run(windows(&run), &mut |window| {
                tile.take(window.index, window.powers);
                let number = (window.index / (self.0.base * TILE_COLUMNS)) as usize;
                if window.index + 1 == self.windows_of_tile(number).end {
                    self.0.tiles.store.put(self.0.set, number as u32, rows, &tile.finish())?;
                    if !std::mem::replace(&mut lock(&self.0.there)[number], true) {
                        self.0.made.fetch_add(1, Ordering::Relaxed);
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// The part over `ticks` in at most 2048 columns.
    ///
    /// # Errors
    /// When reading fails, the picture is over the budget, or the task was stopped.
    pub fn view(&self, ticks: &Range<u64>, task: &Task) -> Result<View> {
        let time = &self.stream().time;
        let end = time.end_tick(self.stream().frames);
        let ticks = ticks.start.min(end.saturating_sub(1))
            ..ticks.end.clamp(ticks.start.min(end.saturating_sub(1)) + 1, end.max(1));
        let mut shift = 0;
        while (ticks.end - ticks.start) >> shift > VIEW_COLUMNS - 2 {
            shift += 1;
        }
        let columns = ticks.start >> shift..((ticks.end - 1) >> shift) + 1;
        let count = (columns.end - columns.start) as usize;
        let rows = self.0.rows.len();
        let _memory = task.budget().reserve((count * (rows * 4 + 64)) as u64)?;
        let frames: Vec<Range<u64>> = columns
            .clone()
            .map(|i| {
                let edge = |tick: u64| time.frame_at_tick(tick).min(self.stream().frames);
                edge(i << shift)..edge((i + 1) << shift)
            })
            .collect();
        let mut picture = Picture {
            rows,
            sums: vec![0.0; count * rows],
            weights: vec![0.0; count],
            states: vec![State::Missing; count],
        };
        let seen = frames.first().map_or(0, |f| f.start)..frames.last().map_or(0, |f| f.end);
        if (seen.end - seen.start) / self.0.cut.hop <= DIRECT_WINDOWS {
            self.direct(&frames, &seen, &mut picture, task)?;
        } else {
            self.of_tiles(&frames, &mut picture, task)?;
        }
        Ok(View {
            first_column: columns.start,
            shift,
            values: picture.decibels(),
            states: picture.states,
            borders_hz: Arc::clone(&self.0.borders_hz),
        })
    }

    /// The windows of `hop` whose middles lie in `frames`, or the nearest one if it holds them; empty where there is none.
    fn windows_at(&self, frames: &Range<u64>, hop: u64, total: u64) -> Range<u64> {
        let n = self.0.cut.window as u64;
        let first_from = |frame: u64| frame.saturating_sub(n / 2).div_ceil(hop).min(total);
        if frames.is_empty() {
            let at = first_from(frames.start);
            return at..at;
        }
        // A frame before the middle of the first window has it as the first from there on, too.
        let from = first_from(frames.start);
        let to = if frames.end <= n / 2 { 0 } else { first_from(frames.end) };
        if from < to {
            return from..to;
        }
        let middle = frames.start + (frames.end - frames.start) / 2;
        let nearest = ((middle.saturating_sub(n / 2) + hop / 2) / hop).min(total.saturating_sub(1));
        let start = nearest * hop;
        if total > 0 && start <= frames.start && frames.end <= start + n { nearest..nearest + 1 } else { from..from }
    }

    /// From the samples.
    fn direct(&self, frames: &[Range<u64>], seen: &Range<u64>, picture: &mut Picture, task: &Task) -> Result<()> {
        let Cut { window, mut hop, .. } = self.0.cut;
        let least = (window as u64 / 64).max(1);
        while hop / 2 >= least && (seen.end - seen.start) / hop < SMOOTH_WINDOWS {
            hop /= 2;
        }
        let stft = self.stft(hop, self.0.rows.clone(), task)?;
        let total = stft.windows();
        let ranges: Vec<Range<u64>> = frames.iter().map(|f| self.windows_at(f, hop, total)).collect();
        let filled = || ranges.iter().filter(|r| !r.is_empty());
        let (Some(first), Some(last)) = (filled().map(|r| r.start).min(), filled().map(|r| r.end).max()) else {
            return Ok(());
        };
        task.set_total(stft.bytes_of(&(first..last)));
        let mut lowest = 0;
        stft.run(first..last, &mut |window| {
            while ranges.get(lowest).is_some_and(|r| r.end <= window.index) {
                lowest += 1;
            }
            for (column, range) in ranges.iter().enumerate().skip(lowest) {
                if range.start > window.index {
                    break;
                }
                if range.contains(&window.index) && !window.powers[0].is_nan() {
                    picture.add(column, 1.0, window.powers.iter().map(|&p| p as f32), State::Exact);
                }
            }
            Ok(())
        })
    }

    /// From tiles, and by an estimate where there are none.
    fn of_tiles(&self, frames: &[Range<u64>], picture: &mut Picture, task: &Task) -> Result<()> {
        let (rows, base, hop) = (self.0.rows.len(), self.0.base, self.0.cut.hop);
        let ranges: Vec<Range<u64>> = frames.iter().map(|f| self.windows_at(f, hop, self.0.windows)).collect();
        let widest = ranges.iter().map(|r| r.end - r.start).max().unwrap_or(0);
        // The coarsest level whose columns are no wider than those of the view; index 3 is the finest.
        let level = (0..4).find(|&l| base * (TILE_COLUMNS / LEVEL_COLUMNS[l] as u64) <= widest).unwrap_or(3);
        let span = base * (TILE_COLUMNS / LEVEL_COLUMNS[level] as u64);
        let there = lock(&self.0.there).clone();
        let mut held: Option<(u64, Option<Vec<u16>>)> = None;
        let mut unknown: Vec<usize> = Vec::new();
        for (column, windows) in ranges.iter().enumerate().filter(|(_, r)| !r.is_empty()) {
            if task.is_cancelled() {
                return Err(Error::cancelled());
            }
            for bucket in windows.start / span..windows.end.div_ceil(span) {
                let tile = bucket / LEVEL_COLUMNS[level] as u64;
                if held.as_ref().is_none_or(|(kept, _)| *kept != tile) {
                    let codes = there[tile as usize]
                        .then(|| self.0.tiles.store.read(self.0.set, tile as u32, rows, level))
                        .flatten();
                    if codes.is_none() && there[tile as usize] {
                        // Broken on the disk: it is made again the next time.
                        if std::mem::replace(&mut lock(&self.0.there)[tile as usize], false) {
                            self.0.made.fetch_sub(1, Ordering::Relaxed);
                        }
                    }
                    held = Some((tile, codes));
                }
                let Some((_, Some(codes))) = &held else {
                    unknown.push(column);
                    break;
                };
                let at = (bucket % LEVEL_COLUMNS[level] as u64) as usize * rows;
                let codes = &codes[at..at + rows];
                if codes[0] == 0 {
                    continue;
                }
                let covered = windows.end.min((bucket + 1) * span) - windows.start.max(bucket * span);
                let powers = decoder();
                picture.add(column, covered as f32, codes.iter().map(|&c| powers[usize::from(c)]), State::Exact);
            }
        }
        self.estimate(&ranges, &unknown, picture, task)
    }

    /// One window for each of the columns `unknown`; neighbours share it where there are many.
    fn estimate(&self, ranges: &[Range<u64>], unknown: &[usize], picture: &mut Picture, task: &Task) -> Result<()> {
        let (Some(&first), Some(&last)) = (unknown.first(), unknown.last()) else { return Ok(()) };
        let span = ranges[last].end - ranges[first].start;
        let step = span.div_ceil(SAMPLES).next_power_of_two();
        let last_sample = (self.0.windows - 1) / step;
        let sample_of = |column: usize| {
            let range = &ranges[column];
            ((range.start + (range.end - range.start) / 2 + step / 2) / step).min(last_sample)
        };
        let wanted: std::collections::BTreeSet<u64> = unknown.iter().map(|&c| sample_of(c)).collect();
        let missing: Vec<u64> = {
            let mut sampled = lock(&self.0.sampled);
            if sampled.len() > REMEMBERED {
                sampled.clear();
            }
            wanted.iter().copied().filter(|s| !sampled.contains_key(&(s * step))).collect()
        };
        let stft = self.stft(step * self.0.cut.hop, self.0.rows.clone(), task)?;
        for run in missing.chunk_by(|a, b| a + 1 == *b) {
            stft.run(run[0]..run[run.len() - 1] + 1, &mut |window| {
                let powers = window.powers.iter().map(|&p| p as f32).collect();
                lock(&self.0.sampled).insert(window.index * step, powers);
                Ok(())
            })?;
        }
        let sampled = lock(&self.0.sampled);
        for &column in unknown {
            picture.clear(column);
            if let Some(powers) = sampled.get(&(sample_of(column) * step)).filter(|p| !p[0].is_nan()) {
                picture.add(column, 1.0, powers.iter().copied(), State::Estimate);
            }
            // What is missing in the one window that was looked at may well be there in the others.
            picture.states[column] = State::Estimate;
        }
        Ok(())
    }

    /// The spectrum of the one window around `tick`, moved where it would cross a gap or an end.
    ///
    /// # Errors
    /// When there is no room for a window between two gaps there, when its values are not all numbers, or reading fails.
    pub fn spectrum_at(&self, tick: u64, task: &Task) -> Result<Curves> {
        let stream = self.stream();
        let n = self.0.cut.window as u64;
        let frame = stream.time.frame_at_tick(tick).min(stream.frames.saturating_sub(1));
        let span = stream.time.span_of_frame(frame);
        let first = stream.time.spans()[span].first_frame;
        let end = stream.time.spans().get(span + 1).map_or(stream.frames, |s| s.first_frame);
        if end - first < n {
            return Err(Error::invalid(format!("no window of {n} frames lies between the gaps here"))
                .with_remedy("choose a shorter window"));
        }
        let start = frame.saturating_sub(n / 2).clamp(first, end - n);
        let selection = Selection { frames: start..start + n, ..self.selection() };
        let stft = Stft::new(self.0.tiles.source.as_ref(), selection, self.0.cut, Rows::all(self.0.cut.bins()), task)?;
        let mut values = vec![];
        stft.run(0..1, &mut |window| {
            values = window.powers.to_vec();
            Ok(())
        })?;
        if values.first().is_none_or(|v| v.is_nan()) {
            return Err(Error::invalid("there are values here that are not numbers (NaN or infinite)"));
        }
        let rate = stream.time.rate_hz();
        let info = &stream.channels[self.0.channel];
        let unit = if info.unit.is_empty() { "1".to_owned() } else { format!("{}²", crate::text::unit(&info.unit)) };
        Ok(Curves {
            x_key: "frequency_hz".to_owned(),
            x_title: "Frequency (Hz)".to_owned(),
            y_title: format!("Power spectral density ({unit}/Hz)"),
            x: (0..self.0.cut.bins()).map(|k| k as f64 * rate / n as f64).collect(),
            series: vec![(info.name.clone(), values)],
            log_y: true,
            steps: false,
        })
    }
}

#[cfg(test)]
mod tests;
