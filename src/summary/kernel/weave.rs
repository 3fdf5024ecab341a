//! Where the lanes of a row are.

use super::WIDE;

/// No more lanes than this come from weaving rows together.
const MAX_WOVEN: usize = 512;

/// Where the lanes of a row are.
#[derive(Clone, Debug)]
pub(in crate::summary) struct Weave {
    /// From one row to the next.
    pub(super) stride: usize,
    /// Rows that are woven into one.
    pub(super) woven: usize,
    /// Place in the row, first lane, lanes.
    pub(super) runs: Vec<(usize, usize, usize)>,
    /// For each lane, the channel (as counted in `offsets`) that it belongs to.
    pub(super) channels: Vec<usize>,
    /// Lanes of one row.
    pub(super) row_lanes: usize,
    /// Place in the row of each channel.
    offsets: Vec<usize>,
}

impl Weave {
    /// For rows `stride` apart in which channel `i` is at `offsets[i]`; `size` is that of a sample, all in the units of
    /// the [`Feed`].
    pub(in crate::summary) fn new(stride: usize, offsets: &[usize], size: usize) -> Self {
        let mut channels: Vec<usize> = (0..offsets.len()).collect();
        channels.sort_by_key(|&c| offsets[c]);
        let mut runs: Vec<(usize, usize, usize)> = Vec::new();
        for (lane, &c) in channels.iter().enumerate() {
            match runs.last_mut() {
                Some((at, _, lanes)) if *at + *lanes * size == offsets[c] => *lanes += 1,
                _ => runs.push((offsets[c], lane, 1)),
            }
        }
        let row_lanes = channels.len();
        let mut woven = 1;
        if let [(_, _, lanes)] = &mut runs[..]
            && *lanes * size == stride
        {
            let rows = WIDE >> row_lanes.trailing_zeros().min(WIDE.trailing_zeros());
            if rows * row_lanes <= MAX_WOVEN {
                woven = rows;
                *lanes = rows * row_lanes;
                channels = (0..rows).flat_map(|_| channels.iter().copied()).collect();
            }
        }
        Self { stride, woven, runs, channels, row_lanes, offsets: offsets.to_vec() }
    }

    /// Whether rows `stride` apart, in which channel `i` is at the `i`th of `offsets`, are those it was made for.
    pub(in crate::summary) fn fits(&self, stride: usize, offsets: impl ExactSizeIterator<Item = u64>) -> bool {
        stride == self.stride
            && offsets.len() == self.offsets.len()
            && self.offsets.iter().zip(offsets).all(|(&own, other)| own as u64 == other)
    }

    /// Channels of a row.
    pub(in crate::summary) fn channels(&self) -> usize {
        self.row_lanes
    }

    /// For one channel without holes.
    pub(in crate::summary) fn single() -> Self {
        Self::new(1, &[0], 1)
    }
}
