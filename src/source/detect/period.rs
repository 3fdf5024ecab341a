//! The number of channels of a recording whose samples do not predict each other, as noise: told from what differs between
//! channels all the same.
//!
//! Samples are folded over every candidate number of channels, and what is the same in each round shows in the means of the
//! folds: offsets of channels, how loud each is, and that neighbours in a frame share something, which the last of a frame
//! and the first of the next do not. How far the means differ more than chance lets them is the statistic of epoch folding
//! (Leahy et al. 1983, Astrophysical Journal 266, 160), in deviations of its χ² distribution.
//!
//! A tone repeats, too. It is told from channels by its neighbours: lengths of round close to its period fold as well as the
//! period itself, and its folds follow each other smoothly.
//!
//! Cost: three features × [`MAX_COUNT`] lengths × [`SAMPLES`] additions, a fraction of a second.

/// Samples that are folded.
pub(super) const SAMPLES: usize = 1 << 16;
const MAX_COUNT: usize = 1024;
/// Rounds that there must be.
const LEAST_ROUNDS: usize = 16;
/// Deviations by which the best number of channels must stand out from all others: chance alone reaches 4 to 5 among
/// three thousand.
const STANDS_OUT: f64 = 8.0;
/// Folds that follow each other more smoothly than this (correlation of each with the next) are a tone.
const SMOOTH: f64 = 0.7;

/// What was found.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Found {
    pub count: usize,
    /// Deviations by which it stands out.
    pub strength: f64,
    /// What is alike from round to round.
    pub what: &'static str,
}

/// The number of channels that `samples`, a contiguous piece, repeat with; `None` if nothing tells.
pub(super) fn channels(samples: &[f64]) -> Option<Found> {
    let finite = || samples.iter().copied().filter(|x| x.is_finite());
    let count = finite().count();
    if count < 64 * LEAST_ROUNDS {
        return None;
    }
    let mean = finite().sum::<f64>() / count as f64;
    // Values that are no numbers count as the mean: they tell nothing.
    let level: Vec<f64> = samples.iter().map(|x| if x.is_finite() { x - mean } else { 0.0 }).collect();
    let size: Vec<f64> = level.iter().map(|x| x.abs()).collect();
    let neighbours: Vec<f64> = level.windows(2).map(|pair| pair[0] * pair[1]).collect();
    let found = [
        best(&level, "every channel has a level of its own"),
        best(&size, "every channel has a noise of its own"),
        best(&neighbours, "neighbours in a frame have something in common"),
    ];
    found.into_iter().flatten().max_by(|a, b| a.strength.total_cmp(&b.strength))
}

/// The length of round with which `feature` repeats most clearly.
fn best(feature: &[f64], what: &'static str) -> Option<Found> {
    let n = feature.len() as f64;
    let mean = feature.iter().sum::<f64>() / n;
    let variance = feature.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
    if !(variance.is_finite() && variance > 0.0) {
        return None;
    }
    let longest = MAX_COUNT.min(feature.len() / LEAST_ROUNDS);
    // By the length of round; a round of one is no fold.
    let mut scores = vec![0.0; longest + 2];
    for (length, score) in scores.iter_mut().enumerate().skip(2) {
        let folds = folded(feature, length, mean);
        let rounds = rounds_of(feature, length);
        let chi = folds.iter().map(|m| m * m).sum::<f64>() * rounds / variance;
        let freedom = (length - 1) as f64;
        *score = (chi - freedom) / (2.0 * freedom).sqrt();
    }
    let count = (2..=longest).max_by(|&a, &b| scores[a].total_cmp(&scores[b]))?;
    let mut sorted = scores[2..].to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted[sorted.len() / 2];
    let mut distances: Vec<f64> = sorted.iter().map(|z| (z - middle).abs()).collect();
    distances.sort_by(f64::total_cmp);
    // The median distance of a normal distribution is two thirds of its deviation.
    let deviation = (distances[distances.len() / 2] * 1.4826).max(1.0);
    let strength = (scores[count] - middle) / deviation;
    let beside = scores[count - 1].max(scores[count + 1]);
    let is_tone = beside > 0.5 * scores[count]
        || (count >= 8 && smoothness(&folded(feature, count, mean), variance / rounds_of(feature, count)) > SMOOTH);
    (strength >= STANDS_OUT && !is_tone).then_some(Found { count, strength, what })
}

/// The mean of each place in a round, less that of all; what is behind the last whole round is left out.
fn folded(feature: &[f64], length: usize, mean: f64) -> Vec<f64> {
    let mut sums = vec![0.0; length];
    for round in feature.chunks_exact(length) {
        for (sum, x) in sums.iter_mut().zip(round) {
            *sum += x;
        }
    }
    let rounds = rounds_of(feature, length);
    sums.iter().map(|sum| sum / rounds - mean).collect()
}

fn rounds_of(feature: &[f64], length: usize) -> f64 {
    (feature.len() / length).max(1) as f64
}

/// How much each fold is like the next, the first following the last: 1 for a slow wave, 0 for chance. `noise` is the
/// variance of a fold that chance alone makes.
fn smoothness(folds: &[f64], noise: f64) -> f64 {
    let next = folds.iter().cycle().skip(1);
    let products: f64 = folds.iter().zip(next).map(|(a, b)| a * b).sum();
    let squares = folds.iter().map(|a| a * a).sum::<f64>() - noise * folds.len() as f64;
    if squares > 0.0 { products / squares } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise of a fixed seed, roughly normal, of unit deviation.
    struct Noise(u64);

    impl Noise {
        fn next(&mut self) -> f64 {
            let mut sum = 0.0;
            for _ in 0..4 {
                self.0 ^= self.0 << 13;
                self.0 ^= self.0 >> 7;
                self.0 ^= self.0 << 17;
                sum += (self.0 >> 11) as f64 / (1_u64 << 53) as f64 - 0.5;
            }
            sum * 3.0_f64.sqrt()
        }
    }

    const N: usize = 1 << 14;

    #[test]
    fn channels_of_noise_are_told_by_level_loudness_and_company() {
        let mut noise = Noise(7);
        let gains: Vec<f64> = (0..37).map(|i| 20.0 + f64::from(i * 7919 % 61)).collect();
        let loud: Vec<f64> = (0..N).map(|i| noise.next() * gains[i % 37]).collect();
        assert_eq!(channels(&loud).map(|found| found.count), Some(37));
        let offsets: Vec<f64> = (0..5).map(|i| f64::from(i * i % 7)).collect();
        let level: Vec<f64> = (0..N).map(|i| noise.next() + offsets[i % 5]).collect();
        assert_eq!(channels(&level).map(|found| found.count), Some(5));
        let mut shared = 0.0;
        let company: Vec<f64> = (0..N)
            .map(|i| {
                if i % 16 == 0 {
                    shared = noise.next();
                }
                noise.next() * 0.6 + shared
            })
            .collect();
        let found = channels(&company).unwrap();
        assert_eq!((found.count, found.what), (16, "neighbours in a frame have something in common"));
    }

    #[test]
    fn noise_and_tones_have_no_channels() {
        let mut noise = Noise(11);
        let white: Vec<f64> = (0..N).map(|_| noise.next()).collect();
        assert_eq!(channels(&white), None);
        for period in [20.0, 53.3, 600.0] {
            let tone = |i: usize| (i as f64 / period * std::f64::consts::TAU).sin();
            let hum: Vec<f64> = white.iter().enumerate().map(|(i, x)| x + 0.7 * tone(i)).collect();
            assert_eq!(channels(&hum), None, "{period}");
        }
        assert_eq!(channels(&[]), None);
        assert_eq!(channels(&vec![3.0; N]), None);
        assert_eq!(channels(&vec![f64::NAN; N]), None);
        assert_eq!(channels(&white[..1000]), None);
    }
}
