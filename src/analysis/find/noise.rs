//! How noisy a channel is, in a way that spikes do not spoil: its median, and the median absolute deviation from it over
//! 0.6745, which for Gaussian noise is the standard deviation (R. Q. Quiroga, Z. Nadasdy, Y. Ben-Shaul, "Unsupervised
//! spike detection and sorting with wavelets and superparamagnetic clustering", Neural Computation 16, 2004, eq. 3.1).
//!
//! Of up to 2^20 frames every sample counts, and the answer is exact. Of more, 64 stretches of 4096 frames, evenly spread,
//! are taken: the deviation of Gaussian noise is then known to about 0.3 %, and a day costs no more than a minute.

use std::ops::{ControlFlow, Range};

use super::ground::{Ground, samples_of};
use crate::error::Result;
use crate::recording::Sample as _;
use crate::scan::{ChunkPlan, Overlap, Selection, sweep};
use crate::with_samples;

/// Up to so many frames are all looked at.
const EXACT: u64 = 1 << 20;
/// Stretches taken of more.
const STRETCHES: u64 = 64;
/// Frames of a stretch.
const STRETCH: u64 = 4096;
/// Frames of a chunk at most.
const CHUNK_FRAMES: u64 = 1 << 14;
/// The median absolute deviation of a standard normal variable.
const MAD_OF_NORMAL: f64 = 0.6745;

/// What is known of one channel, in physical units.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Noise {
    pub(super) median: f64,
    /// The robust standard deviation; 0 if at least half of the samples are the same.
    pub(super) sd: f64,
    pub(super) least: f64,
    pub(super) greatest: f64,
}

/// The stretches of `frames` that are looked at, in order.
fn stretches(frames: &Range<u64>) -> Vec<Range<u64>> {
    let len = frames.end - frames.start;
    if len <= EXACT {
        return vec![frames.clone()];
    }
    let step = len / STRETCHES;
    (0..STRETCHES).map(|i| frames.start + i * step + (step - STRETCH) / 2).map(|s| s..s + STRETCH).collect()
}

/// Whether all samples of `frames` are looked at.
pub(super) fn is_exact(frames: &Range<u64>) -> bool {
    frames.end - frames.start <= EXACT
}

/// Of each channel of the ground; `None` for one without any finite number. Adds to the total of the task.
pub(super) fn of(ground: &Ground<'_>) -> Result<Vec<Option<Noise>>> {
    let stretches = stretches(&ground.selection.frames);
    let samples: u64 = stretches.iter().map(|s| s.end - s.start).sum();
    // As many channels at a time as fit; each is held twice while it is taken together.
    let at_once = (ground.task.budget().free() / 4 / (16 * samples.max(1))).max(1) as usize;
    let mut all = Vec::with_capacity(ground.selection.channels.len());
    for channels in ground.selection.channels.chunks(at_once) {
        let _held = ground.task.budget().reserve(channels.len() as u64 * samples * 8)?;
        let selection = Selection { channels: channels.to_vec(), ..ground.selection.clone() };
        let ground = Ground { selection: &selection, ..*ground };
        for mut values in collect(&ground, &stretches, samples as usize)? {
            ground.task.advance(0)?;
            all.push(noise_of(&mut values));
        }
    }
    Ok(all)
}

/// The finite physical values of each channel.
fn collect(ground: &Ground<'_>, stretches: &[Range<u64>], samples: usize) -> Result<Vec<Vec<f64>>> {
    let Ground { source, stream, selection, task, .. } = *ground;
    task.add_total(selection.bytes(stream));
    let mut plan = ChunkPlan::for_scan(task, stream, selection, Overlap::default())?;
    // The values on their way are up to eight times as large as the samples that they are of.
    plan.chunk_frames = plan.chunk_frames.min(CHUNK_FRAMES);
    let mut values: Vec<Vec<f64>> = vec![Vec::with_capacity(samples); selection.channels.len()];
    sweep(
        source,
        selection,
        (&plan, Overlap::default()),
        &mut stretches.iter().cloned(),
        task,
        &|chunk, view| {
            let block = view.block()?;
            let held = task.budget().reserve(block.channels() as u64 * block.frames() as u64 * 8)?;
            let of = |position: usize| -> Vec<f64> {
                let scale = ground.scale(position);
                with_samples!(block.samples(), all => {
                    let samples = samples_of(all, block.frames(), position, chunk.read.start, &chunk.core);
                    samples.iter().map(|x| scale.apply(x.to_f64())).filter(|x| x.is_finite()).collect()
                })
            };
            Ok((ground.positions().map(of).collect::<Vec<_>>(), held))
        },
        &mut |_, (found, _held)| {
            values.iter_mut().zip(found).for_each(|(all, more)| all.extend(more));
            Ok(ControlFlow::Continue(()))
        },
    )?;
    Ok(values)
}

fn noise_of(values: &mut [f64]) -> Option<Noise> {
    let least = values.iter().copied().reduce(f64::min)?;
    let greatest = values.iter().copied().reduce(f64::max)?;
    let median = median(values)?;
    values.iter_mut().for_each(|x| *x = (*x - median).abs());
    Some(Noise { median, sd: self::median(values)? / MAD_OF_NORMAL, least, greatest })
}

/// The median, as numpy has it: of an even number the mean of the middle two. Changes the order of the values.
fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    let even = values.len().is_multiple_of(2);
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let lower = if even { below.iter().copied().reduce(f64::max)? } else { upper };
    Some(if lower == upper { upper } else { lower / 2.0 + upper / 2.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_those_of_numpy_and_spikes_do_not_matter() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&mut []), None);
        let noise = noise_of(&mut [1.0, 1.0, 1.0, 1e9]).unwrap();
        assert_eq!((noise.median, noise.sd, noise.greatest), (1.0, 0.0, 1e9));
    }

    #[test]
    fn long_ranges_are_looked_at_in_places() {
        assert_eq!(stretches(&(5..1000)), vec![5..1000]);
        let places = stretches(&(7..7 + (1 << 40)));
        assert_eq!(places.len(), 64);
        assert!(
            places[0].start > 7 && places.windows(2).all(|w| w[0].end < w[1].start) && places[63].end < 7 + (1 << 40)
        );
        assert!(!is_exact(&(0..EXACT + 1)) && stretches(&(0..EXACT + 1)).iter().all(|s| s.end - s.start == STRETCH));
    }
}
