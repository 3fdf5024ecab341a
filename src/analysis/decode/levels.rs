//! The two levels of an analog line, found in a sample of it, and the threshold between them.
//!
//! Up to 2^18 samples, taken from all over the selection, are split in two classes so that the variance between their
//! means is greatest (N. Otsu, "A threshold selection method from gray-level histograms", IEEE Trans. SMC 9, 62–66
//! (1979)); one in ten thousand at either end is left out, so that spikes do not count. The split is believed when the
//! means lie further apart than [`TOLD_APART`] times the spread around them, which noise alone never does (2.7 times for
//! Gaussian, 3.5 for uniform noise, 4.1 for a sine). Where it is not, as when the line was idle almost all the time, one
//! pass finds the stretches with the widest range, and these are the sample.

use std::ops::Range;

use super::edges::Rule;
use super::pass::{piece_of, pieces};
use super::{Input, quantity};
use crate::error::{Error, Result};
use crate::recording::{Block, Sample, Scale};
use crate::scan;
use crate::with_samples;

/// Stretches looked at,
const STRETCHES: u64 = 256;
/// and the frames of each.
const STRETCH: u64 = 1024;
/// The widest stretches that are looked at, on a grid of [`BUCKET`] frames.
const WIDEST: usize = 64;
const BUCKET: u64 = 4096;
/// How far apart the means of two levels lie at least, in standard deviations of the samples around them.
const TOLD_APART: f64 = 3.8;
/// The share of the distance between the levels that the hysteresis takes, unless it is given.
const HYSTERESIS: f64 = 0.2;
/// Of so many samples, one at either end is not believed.
const TRIMMED: usize = 10_000;

/// When channel `channel` is high: as the settings say, or midway between its levels. A channel without two levels takes
/// `known`, if there is one.
///
/// # Errors
/// When its levels cannot be told apart; what reading fails with.
pub(super) fn rule(input: &Input<'_>, channel: usize, known: Option<Rule>) -> Result<Rule> {
    let threshold = input.settings.optional_number("threshold");
    let hysteresis = input.settings.optional_number("hysteresis");
    if let (Some(middle), Some(width)) = (threshold, hysteresis) {
        return Ok(Rule::Analog { middle, width });
    }
    let Range { start, end } = input.selection.frames;
    let frames = input.selection.len();
    let spread: Vec<Range<u64>> = if frames <= STRETCHES * STRETCH {
        // In pieces, for a channel of many touches the pages of all.
        pieces(&(start..end), piece_of(input, 1, 0, STRETCH * STRETCHES).0).collect()
    } else {
        // Evenly, the first and the last frames included.
        let step = |i: u64| (u128::from(frames - STRETCH) * u128::from(i) / u128::from(STRETCHES - 1)) as u64;
        (0..STRETCHES).map(|i| start + step(i)..start + step(i) + STRETCH).collect()
    };
    let mut levels = two_levels(sample(input, channel, spread)?);
    if let Some(middle) = threshold {
        // A band that reaches over a level would hide it.
        let width = levels.map_or(0.0, |(low, high)| {
            (HYSTERESIS * (high - low)).min(2.0 * 0.8 * (middle - low).min(high - middle)).max(0.0)
        });
        return Ok(Rule::Analog { middle, width });
    }
    let mut extremes = None;
    if levels.is_none() {
        let survey = survey(input, channel)?;
        extremes = survey.extremes();
        if frames > STRETCHES * STRETCH {
            levels = two_levels(sample(input, channel, survey.stretches(end))?);
        }
    }
    match (levels, known, extremes) {
        (Some((low, high)), ..) => {
            let width = hysteresis.unwrap_or(HYSTERESIS * (high - low));
            Ok(Rule::Analog { middle: 0.5 * (low + high), width })
        }
        (None, Some(known @ Rule::Analog { .. }), _) => Ok(known),
        (None, _, extremes) => Err(no_levels(input, channel, extremes)),
    }
}

/// The error of a channel on which there are no two levels.
fn no_levels(input: &Input<'_>, channel: usize, extremes: Option<(f64, f64)>) -> Error {
    let stream = &input.source.recording().streams[input.selection.stream];
    let about = &stream.channels[channel];
    let Some((least, greatest)) = extremes else {
        return Error::invalid(format!("channel {} holds no numbers here", about.name))
            .with_remedy("choose another channel or range");
    };
    if least == greatest {
        return Error::invalid(format!(
            "channel {} is {} throughout: nothing ever crosses a threshold",
            about.name,
            quantity(least, &about.unit)
        ))
        .with_remedy("choose another channel, or a range in which the line is used (--range)");
    }
    let bits = if stream.format.sample_type.is_float() { "" } else { ", or --bit if its bits are lines" };
    Error::invalid(format!(
        "channel {} does not show two levels that can be told apart: it stays within {} to {}",
        about.name,
        quantity(least, &about.unit),
        quantity(greatest, &about.unit)
    ))
    .with_remedy(format!("give the level between them with --threshold{bits}; or choose another channel or range"))
}

/// The finite physical values of `channel` in `stretches`, which are in order.
fn sample(input: &Input<'_>, channel: usize, stretches: Vec<Range<u64>>) -> Result<Vec<f64>> {
    let frames: u64 = stretches.iter().map(|r| r.end - r.start).sum();
    let budget = input.task.budget();
    // The values, once as they come from the pieces and once together.
    let _held = budget.reserve(frames * 2 * size_of::<f64>() as u64)?;
    let mut values = Vec::with_capacity(frames as usize);
    let (_, threads) = piece_of(input, 1, size_of::<f64>() as u64, STRETCHES * STRETCH);
    let selection = scan::Selection { channels: vec![channel], ..input.selection.clone() };
    input.task.add_total(frames * input.source.recording().streams[selection.stream].format.size() as u64);
    scan::map_pieces(
        input.source.as_ref(),
        &selection,
        &mut stretches.into_iter(),
        threads,
        input.task,
        &|chunk| {
            let mut physical = vec![];
            load(input, channel, &chunk.core, |block, scale| block.channel_f64(0, scale, &mut physical))?;
            Ok(physical)
        },
        &mut |_, physical| {
            values.extend(physical.into_iter().filter(|x| x.is_finite()));
            Ok(())
        },
    )?;
    Ok(values)
}

/// Reads one channel and shows it to `act`.
fn load(input: &Input<'_>, channel: usize, frames: &Range<u64>, act: impl FnOnce(&Block, Scale)) -> Result<()> {
    let stream = &input.source.recording().streams[input.selection.stream];
    let bytes = Block::bytes_for(stream.format.sample_type, 1, frames.end - frames.start)?;
    let _held = input.task.budget().reserve(bytes)?;
    let mut block = Block::default();
    input.source.read(input.selection.stream, frames.clone(), &[channel], &mut block)?;
    act(&block, stream.channels[channel].scale);
    Ok(())
}

/// The low and the high level of `values`, if there are two.
fn two_levels(mut values: Vec<f64>) -> Option<(f64, f64)> {
    values.sort_unstable_by(f64::total_cmp);
    let trimmed = values.len() / TRIMMED;
    let values = &values[trimmed..values.len() - trimmed];
    let (first, last) = (*values.first()?, *values.last()?);
    if first >= last {
        return None;
    }
    let n = values.len() as f64;
    // About the middle, so that a large offset costs no digits.
    let middle = 0.5 * first + 0.5 * last;
    let total: f64 = values.iter().map(|x| x - middle).sum();
    let squares: f64 = values.iter().map(|x| (x - middle) * (x - middle)).sum();
    let mut best: Option<(f64, f64, f64)> = None;
    let mut sum = 0.0;
    for (i, pair) in values.windows(2).enumerate() {
        sum += pair[0] - middle;
        if pair[0] == pair[1] {
            continue;
        }
        let below = (i + 1) as f64;
        let (low, high) = (sum / below, (total - sum) / (n - below));
        let between = below * (n - below) / n * (high - low) * (high - low);
        if best.is_none_or(|(most, ..)| between > most) {
            best = Some((between, low, high));
        }
    }
    let (between, low, high) = best?;
    let within = ((squares - total * total / n - between).max(0.0) / n).sqrt();
    (high - low > TOLD_APART * within).then_some((low + middle, high + middle))
}

/// What a pass over a channel has seen: buckets of the grid with their least and greatest values, the widest first.
#[derive(Default)]
struct Survey {
    least: Option<f64>,
    greatest: Option<f64>,
    widest: Vec<(f64, u64)>,
}

impl Survey {
    fn extremes(&self) -> Option<(f64, f64)> {
        self.least.zip(self.greatest)
    }

    fn take(&mut self, least: f64, greatest: f64, first_frame: u64) {
        self.least = Some(self.least.map_or(least, |x| x.min(least)));
        self.greatest = Some(self.greatest.map_or(greatest, |x| x.max(greatest)));
        self.widest.push((greatest - least, first_frame));
        if self.widest.len() > 2 * WIDEST {
            self.keep_widest();
        }
    }

    fn keep_widest(&mut self) {
        self.widest.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        self.widest.truncate(WIDEST);
    }

    fn merge(&mut self, other: Self) {
        if let Some((least, greatest)) = other.extremes() {
            self.least = Some(self.least.map_or(least, |x| x.min(least)));
            self.greatest = Some(self.greatest.map_or(greatest, |x| x.max(greatest)));
        }
        self.widest.extend(other.widest);
        self.keep_widest();
    }

    /// The frames of the widest buckets, in order.
    fn stretches(&self, end: u64) -> Vec<Range<u64>> {
        let mut list: Vec<_> = self.widest.iter().map(|&(_, first)| first..(first / BUCKET + 1) * BUCKET).collect();
        list.sort_unstable_by_key(|r| r.start);
        list.into_iter().map(|r| r.start..r.end.min(end)).collect()
    }
}

/// The least and the greatest finite value of `channel` over the selection, if it has any.
///
/// # Errors
/// What reading fails with.
pub(super) fn extremes(input: &Input<'_>, channel: usize) -> Result<Option<(f64, f64)>> {
    survey(input, channel).map(|survey| survey.extremes())
}

fn survey(input: &Input<'_>, channel: usize) -> Result<Survey> {
    let selection = scan::Selection { channels: vec![channel], ..input.selection.clone() };
    let stream = selection.stream_in(input.source.recording())?;
    input.task.add_total(selection.bytes(stream));
    let (frames, threads) = piece_of(input, 1, 0, 1 << 20);
    let mut all = Survey::default();
    scan::map_pieces(
        input.source.as_ref(),
        &selection,
        &mut pieces(&selection.frames, frames.max(BUCKET)),
        threads,
        input.task,
        &|chunk| {
            let mut survey = Survey::default();
            load(input, channel, &chunk.core, |block, scale| {
                for bucket in pieces(&chunk.core, BUCKET) {
                    let range = (bucket.start - chunk.core.start) as usize..(bucket.end - chunk.core.start) as usize;
                    let found = with_samples!(block.samples(), v => range_of(&v[range], scale));
                    if let Some((least, greatest)) = found {
                        survey.take(least, greatest, bucket.start);
                    }
                }
            })?;
            survey.keep_widest();
            Ok(survey)
        },
        &mut |_, survey| {
            all.merge(survey);
            Ok(())
        },
    )?;
    Ok(all)
}

fn range_of<T: Sample>(values: &[T], scale: Scale) -> Option<(f64, f64)> {
    let finite = values.iter().map(|x| scale.apply(x.to_f64())).filter(|x| x.is_finite());
    finite.fold(None, |range, x| Some(range.map_or((x, x), |(a, b): (f64, f64)| (a.min(x), b.max(x)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Roughly normal: the sum of twelve uniform numbers.
    fn noise(seed: &mut u64) -> f64 {
        let mut uniform = || {
            *seed ^= *seed << 13;
            *seed ^= *seed >> 7;
            *seed ^= *seed << 17;
            (*seed >> 11) as f64 / (1_u64 << 53) as f64
        };
        (0..12).map(|_| uniform()).sum::<f64>() - 6.0
    }

    #[test]
    fn two_levels_are_told_from_noise() {
        let mut seed = 88;
        let idle: Vec<f64> = (0..50_000).map(|_| 3.3 + 0.1 * noise(&mut seed)).collect();
        assert_eq!(two_levels(idle.clone()), None);
        assert_eq!(two_levels((0..9999).map(|i| (i as f64 * 0.01).rem_euclid(1.0)).collect()), None);
        assert_eq!(two_levels(vec![1.0; 100]), None);
        assert_eq!(two_levels(vec![]), None);
        assert_eq!(two_levels(vec![0.0, 1.0, 1.0, 0.0]), Some((0.0, 1.0)));
        // A hundredth of the time low; a few spikes far out.
        let mut used = idle;
        for x in used.iter_mut().step_by(100) {
            *x -= 3.3;
        }
        used.extend([1e6, -1e6, 1e5]);
        let (low, high) = two_levels(used).unwrap();
        assert!((low - 0.0).abs() < 0.05 && (high - 3.3).abs() < 0.05, "{low} {high}");
    }
}
