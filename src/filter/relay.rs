//! Filters that take long to settle: their states are passed on from block to block, instead of being found anew over a
//! margin of seconds for every read.
//!
//! A recursive filter is linear, and what it remembers is its state: a few numbers for each channel. The state behind a
//! block is what the block's own samples leave in a filter that was empty (its *trace*), plus what the state before the
//! block has become meanwhile, which is a matrix that is the same for all blocks. So the state anywhere follows from the
//! traces of the blocks before; those from before the settling time do not matter. Backward it is the same: the pass back
//! over a block that is entered empty, over what an empty pass forward made of it, leaves a trace; what the true state
//! forward adds to it is a second matrix.
//!
//! Traces are made when they are first needed and kept for the neighbourhood last read ([`KEPT_BYTES`]). A pass over a
//! recording makes every trace once: it costs twice the filter, whatever it remembers. The values are those of the filter
//! run over the whole stretch, to rounding.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::cascade::{State, backward, forward};
use super::iir::Iir;
use super::stage::Stage;
use super::{Kernel as _, LANES};
use crate::error::Result;
use crate::recording::Block;

/// Frames of a block, at least and at most; there are about [`BLOCKS`] in the settling time.
const LEAST_BLOCK: u64 = 1 << 13;
const LARGEST_BLOCK: u64 = 1 << 16;
const BLOCKS: u64 = 128;
/// What kept traces may occupy.
const KEPT_BYTES: usize = 32 << 20;

type Lanes = [f64; LANES];

/// What a block leaves in an empty filter, forward and backward; `None` where a sample is not a number.
type Trace = Option<Arc<[f64]>>;

/// A recursive filter that settles slowly.
pub(super) struct Relay {
    iir: Iir,
    block: u64,
    /// Blocks after which a state is forgotten.
    reach: u64,
    /// State before a block → state behind it, without input. `onward[j]` is what becomes of the `j`th unit state.
    onward: Vec<Vec<f64>>,
    /// State before a block, of the pass forward → what the pass back over the block has at its start.
    reflected: Vec<Vec<f64>>,
    kept: Mutex<Kept>,
}

/// Traces by first frame of the block and channel: the newer ones, and those from before.
#[derive(Default)]
struct Kept {
    new: HashMap<(u64, usize), Trace>,
    old: HashMap<(u64, usize), Trace>,
}

impl Relay {
    pub(super) fn new(iir: Iir) -> Self {
        let settling = iir.reach().before;
        let block = (settling / BLOCKS).next_power_of_two().clamp(LEAST_BLOCK, LARGEST_BLOCK);
        let n = 2 * iir.sections.len();
        let (mut onward, mut reflected) = (Vec::new(), Vec::new());
        for j in 0..n {
            let mut states = vec![[[0.0; 1]; 2]; iir.sections.len()];
            states[j / 2][j % 2] = [1.0];
            let mut data = vec![[0.0; 1]; block as usize];
            forward(&iir.sections, &mut states, &mut data);
            onward.push(states.iter().flatten().map(|z| z[0]).collect());
            if !iir.is_causal() {
                let mut states = vec![[[0.0; 1]; 2]; iir.sections.len()];
                backward(&iir.sections, &mut states, &mut data);
                reflected.push(states.iter().flatten().map(|z| z[0]).collect());
            }
        }
        Self { reach: settling.div_ceil(block), iir, block, onward, reflected, kept: Mutex::default() }
    }

    /// Fills `data` with the filtered frames `core` of `group`, side by side; says which channels hold samples that are
    /// not numbers among those that matter, and were not filtered.
    pub(super) fn run(
        &self,
        stage: &Stage,
        stretch: &Range<u64>,
        core: &Range<u64>,
        group: &[usize],
        data: &mut Vec<f64>,
    ) -> Result<[bool; LANES]> {
        let start = |block: u64| stretch.start + block * self.block;
        // The last whole block and what follows it are the tail, which is long enough to begin the pass back in.
        let tail = ((stretch.end - stretch.start) / self.block).saturating_sub(1);
        let first = ((core.start - stretch.start) / self.block).min(tail);
        let behind = (core.end - stretch.start).div_ceil(self.block);
        let mut bad = [false; LANES];
        let mut block = Block::default();
        let mut states = self.before(stage, stretch, first, group, &mut block, &mut bad)?;
        let back = if self.iir.is_causal() || behind > tail {
            None
        } else {
            let last = tail.min(behind + self.reach);
            let mut on_the_way = Vec::new();
            let mut ahead = states.clone();
            for b in first..last {
                let trace = self.trace(stage, start(b), group, &mut block, &mut bad)?;
                if b >= behind {
                    on_the_way.push((ahead.clone(), trace.clone()));
                }
                ahead = self.pass(&self.onward, &ahead, &trace, 0, None);
            }
            let mut back = if last == tail {
                self.back_from_end(stage, start(tail)..stretch.end, group, ahead, &mut block, &mut bad)?
            } else {
                vec![[[0.0; LANES]; 2]; self.iir.sections.len()]
            };
            for (ahead, trace) in on_the_way.iter().rev() {
                back = self.pass(&self.onward, &back, trace, 1, Some(ahead));
            }
            Some(back)
        };
        let end = if behind > tail { stretch.end } else { start(behind) };
        // Causally, nothing behind the wanted frames matters.
        let end = if self.iir.is_causal() { core.end } else { end };
        self.read(stage, start(first)..end, group, &mut block, data, &mut bad)?;
        let lanes = data.as_chunks_mut::<LANES>().0;
        match back {
            _ if self.iir.is_causal() => forward(&self.iir.sections, &mut states, lanes),
            Some(mut back) => {
                forward(&self.iir.sections, &mut states, lanes);
                backward(&self.iir.sections, &mut back, lanes);
            }
            None => {
                let following = self.iir.behind(lanes);
                forward(&self.iir.sections, &mut states, lanes);
                let last = lanes.last().copied().unwrap_or([0.0; LANES]);
                let mut back = self.iir.at_end(states, last, following);
                backward(&self.iir.sections, &mut back, lanes);
            }
        }
        data.drain(..(core.start - start(first)) as usize * LANES);
        data.truncate((core.end - core.start) as usize * LANES);
        Ok(bad)
    }

    /// The states forward before block `first`.
    fn before(
        &self,
        stage: &Stage,
        stretch: &Range<u64>,
        first: u64,
        group: &[usize],
        block: &mut Block,
        bad: &mut [bool; LANES],
    ) -> Result<Vec<State<LANES>>> {
        let from = first.saturating_sub(self.reach);
        let mut states = if from == 0 {
            let end = stretch.end.min(stretch.start + self.iir.extension() as u64 + 1);
            let mut data = Vec::new();
            self.read(stage, stretch.start..end, group, block, &mut data, bad)?;
            self.iir.at_start(data.as_chunks::<LANES>().0)
        } else {
            vec![[[0.0; LANES]; 2]; self.iir.sections.len()]
        };
        for b in from..first {
            let trace = self.trace(stage, stretch.start + b * self.block, group, block, bad)?;
            states = self.pass(&self.onward, &states, &trace, 0, None);
        }
        Ok(states)
    }

    /// The states of the pass back where it enters `tail.start`, the end of the stretch behind it.
    fn back_from_end(
        &self,
        stage: &Stage,
        tail: Range<u64>,
        group: &[usize],
        mut states: Vec<State<LANES>>,
        block: &mut Block,
        bad: &mut [bool; LANES],
    ) -> Result<Vec<State<LANES>>> {
        let mut data = Vec::new();
        self.read(stage, tail, group, block, &mut data, bad)?;
        let lanes = data.as_chunks_mut::<LANES>().0;
        let following = self.iir.behind(lanes);
        forward(&self.iir.sections, &mut states, lanes);
        let last = lanes.last().copied().unwrap_or([0.0; LANES]);
        let mut back = self.iir.at_end(states, last, following);
        backward(&self.iir.sections, &mut back, lanes);
        Ok(back)
    }

    /// `matrix` times `states`, plus the part of the trace (0: forward, 1: backward), plus what `ahead` is reflected to.
    fn pass(
        &self,
        matrix: &[Vec<f64>],
        states: &[State<LANES>],
        trace: &[Trace],
        part: usize,
        ahead: Option<&Vec<State<LANES>>>,
    ) -> Vec<State<LANES>> {
        let n = matrix.len();
        let mut out = vec![[[0.0; LANES]; 2]; states.len()];
        for (lane, trace) in trace.iter().enumerate() {
            for i in 0..n {
                let mut sum = trace.as_ref().map_or(0.0, |t| t[part * n + i]);
                for j in 0..n {
                    sum += matrix[j][i] * states[j / 2][j % 2][lane];
                    if let Some(ahead) = ahead {
                        sum += self.reflected[j][i] * ahead[j / 2][j % 2][lane];
                    }
                }
                out[i / 2][i % 2][lane] = sum;
            }
        }
        out
    }

    /// The traces of the block at `start` for each channel of `group`.
    fn trace(
        &self,
        stage: &Stage,
        start: u64,
        group: &[usize],
        block: &mut Block,
        bad: &mut [bool; LANES],
    ) -> Result<Vec<Trace>> {
        let known = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            group.iter().map(|&c| kept.find((start, c))).collect::<Option<Vec<Trace>>>()
        };
        let traces = match known {
            Some(traces) => traces,
            None => self.make(stage, start, group, block)?,
        };
        for (lane, trace) in traces.iter().enumerate() {
            bad[lane] |= trace.is_none();
        }
        Ok(traces)
    }

    fn make(&self, stage: &Stage, start: u64, group: &[usize], block: &mut Block) -> Result<Vec<Trace>> {
        let (mut data, mut broken) = (Vec::new(), [false; LANES]);
        self.read(stage, start..start + self.block, group, block, &mut data, &mut broken)?;
        let lanes: &mut [Lanes] = data.as_chunks_mut::<LANES>().0;
        let mut states = vec![[[0.0; LANES]; 2]; self.iir.sections.len()];
        let mut back = states.clone();
        forward(&self.iir.sections, &mut states, lanes);
        if self.iir.is_causal() {
            back.clear();
        } else {
            backward(&self.iir.sections, &mut back, lanes);
        }
        let of = |lane: usize| -> Trace {
            let numbers = states.iter().chain(&back).flatten().map(|z| z[lane]);
            (!broken[lane]).then(|| numbers.collect())
        };
        let traces: Vec<Trace> = (0..group.len()).map(of).collect();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let each = 128 + 8 * 2 * self.onward.len();
        for (&channel, trace) in group.iter().zip(&traces) {
            kept.keep((start, channel), trace.clone(), KEPT_BYTES / 2 / each);
        }
        Ok(traces)
    }

    fn read(
        &self,
        stage: &Stage,
        frames: Range<u64>,
        group: &[usize],
        block: &mut Block,
        data: &mut Vec<f64>,
        bad: &mut [bool; LANES],
    ) -> Result<()> {
        stage.read_below(frames, group, block, false)?;
        let broken = stage.gather(block, 0, group, data);
        bad.iter_mut().zip(broken).for_each(|(bad, broken)| *bad |= broken);
        Ok(())
    }
}

impl Kept {
    fn find(&mut self, key: (u64, usize)) -> Option<Trace> {
        if let Some(trace) = self.new.get(&key) {
            return Some(trace.clone());
        }
        let trace = self.old.remove(&key)?;
        self.new.insert(key, trace.clone());
        Some(trace)
    }

    fn keep(&mut self, key: (u64, usize), trace: Trace, most: usize) {
        if self.new.len() >= most {
            self.old = std::mem::take(&mut self.new);
        }
        self.new.insert(key, trace);
    }
}
