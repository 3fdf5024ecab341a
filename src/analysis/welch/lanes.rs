//! Sums of powers of many windows at a time: each lane of the processor's vectors goes through the windows of one channel,
//! two by two as real and imaginary part.

use super::fold::Folded;
use super::interleave::{ROW, interleave};
use super::lane_fft::{LaneFft, Preparation, lanes};
use super::windows::{Values, values};
use super::{Detrend, Welch};
use crate::error::Result;

/// What a thread works in.
pub(super) struct LaneSpace {
    /// For each point, the real parts of all lanes and then the imaginary ones.
    data: Vec<f64>,
    /// For each frequency, in the order of the transform, a sum for each lane.
    powers: Vec<f64>,
    /// [`ROW`] samples of each lane.
    rows: Vec<f64>,
}

impl LaneSpace {
    /// Bytes for windows of `n` frames.
    pub(super) fn bytes(n: usize) -> u64 {
        (lanes() as u64).saturating_mul(3 * n as u64 + ROW as u64).saturating_mul(size_of::<f64>() as u64)
    }

    fn new(n: usize) -> Self {
        let lanes = lanes();
        Self { data: vec![0.0; 2 * n * lanes], powers: vec![0.0; n * lanes], rows: vec![0.0; ROW * lanes] }
    }
}

/// The windows of one lane: places in the chunk of windows of a channel (by its place in the selection).
struct Lane<'p> {
    channel: usize,
    places: &'p [usize],
}

/// Shares out the windows at `places` of each of `channels` channels: every group has a lane, or several, for each of its
/// channels.
fn groups(channels: usize, places: &[usize], lanes: usize) -> Vec<Vec<Lane<'_>>> {
    let all: Vec<usize> = (0..channels).collect();
    let groups = all.chunks(lanes).map(|members| {
        let each = lanes / members.len();
        // Whole pairs, so that only the last one of a channel may be half empty.
        let share = places.len().div_ceil(2).div_ceil(each).max(1) * 2;
        members.iter().flat_map(|&channel| places.chunks(share).map(move |places| Lane { channel, places })).collect()
    });
    groups.collect()
}

impl Welch<'_> {
    /// The transform of many windows at a time, if it does what is wanted.
    pub(super) fn lane_fft(&self) -> Option<&LaneFft> {
        let wanted = self.tapers.len() == 1 && self.detrend != Detrend::Linear;
        if wanted && self.lane_memory.is_some() {
            self.lanes.get_or_init(|| LaneFft::new(self.window)).as_ref()
        } else {
            None
        }
    }

    /// Adds the powers of the windows at `places` of all channels to `folded`.
    pub(super) fn sum_in_lanes(
        &self,
        fft: &LaneFft,
        values: Values<'_>,
        places: &[usize],
        space: &mut Option<LaneSpace>,
        folded: &mut Folded,
    ) -> Result<()> {
        let lanes = lanes();
        let space = space.get_or_insert_with(|| LaneSpace::new(self.window));
        let bins = self.bins();
        for group in groups(self.selection.channels.len(), places, lanes) {
            space.powers.fill(0.0);
            let steps = group.iter().map(|lane| lane.places.len().div_ceil(2)).max().unwrap_or(0);
            for step in 0..steps {
                self.go_on()?;
                let mut means = vec![0.0; 2 * lanes];
                for half in 0..2 {
                    let means = &mut means[half * lanes..][..lanes];
                    self.load_lanes(values, &group, 2 * step + half, half, space, means, folded);
                }
                let preparation = Preparation { weights: &self.tapers[0], means: &means };
                fft.add_powers(&mut space.data, preparation, &mut space.powers);
            }
            // The two windows of a pair share the frequencies k and n − k. In the order of frequencies, every lane's
            // sums are written one behind the other.
            for k in 0..bins {
                let here = fft.powers_at(&space.powers, k);
                let there = fft.powers_at(&space.powers, (self.window - k) % self.window);
                for ((lane, a), b) in group.iter().zip(here).zip(there) {
                    folded.powers[lane.channel * bins + k] += 0.5 * (a + b);
                }
            }
        }
        Ok(())
    }

    /// Loads window `index` of each lane as the real (`half` 0) or imaginary part. A lane that has none, or one with a NaN
    /// or an infinity, is zero.
    #[expect(clippy::too_many_arguments, reason = "what is read, where to, and what is counted")]
    fn load_lanes(
        &self,
        from: Values<'_>,
        group: &[Lane<'_>],
        index: usize,
        half: usize,
        space: &mut LaneSpace,
        means: &mut [f64],
        folded: &mut Folded,
    ) {
        let lanes = means.len();
        let n = self.window;
        let block = ROW.min(n);
        means.fill(0.0);
        for first in (0..n).step_by(block) {
            for (l, row) in space.rows.chunks_exact_mut(ROW).enumerate() {
                let row = &mut row[..block];
                match group.get(l).and_then(|lane| Some((lane.channel, *lane.places.get(index)?))) {
                    Some((c, place)) => means[l] += values(from, c, place + first, self.scale(c), row),
                    None => row.fill(0.0),
                }
            }
            let data = &mut space.data[2 * first * lanes..2 * (first + block) * lanes];
            interleave(&space.rows, half, lanes, data);
        }
        for (l, lane) in group.iter().enumerate().filter(|(_, lane)| index < lane.places.len()) {
            let sum = means[l];
            means[l] = 0.0;
            if !sum.is_finite() {
                folded.irregular[lane.channel] += 1;
                space.data.chunks_exact_mut(2 * lanes).for_each(|point| point[half * lanes + l] = 0.0);
                continue;
            }
            folded.windows[lane.channel] += 1;
            if self.detrend == Detrend::Constant {
                means[l] = sum / n as f64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_window_of_every_channel_has_one_lane() {
        let places: Vec<usize> = (0..13).map(|i| i * 10).collect();
        for lanes in [1, 2, 4, 8] {
            for channels in 1..20 {
                for count in 0..13 {
                    let groups = groups(channels, &places[..count], lanes);
                    assert!(groups.iter().all(|group| group.len() <= lanes));
                    for c in 0..channels {
                        let of_channel = groups.iter().flatten().filter(|lane| lane.channel == c);
                        let seen: Vec<usize> = of_channel.flat_map(|lane| lane.places.iter().copied()).collect();
                        assert_eq!(seen, places[..count], "{lanes} lanes, channel {c} of {channels}");
                    }
                }
            }
        }
        // One channel is spread over all lanes.
        assert_eq!(groups(1, &places[..12], 4)[0].len(), 3);
        assert_eq!(groups(1, &places[..8], 4)[0].len(), 4);
    }
}
