//! Where things go: the areas of a picture, and the lanes of stacked traces (which the window shares).

use super::scene::Area;

/// Equally high rows, one for each channel, stacked from the top.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Lanes {
    pub top: f32,
    pub height: f32,
    pub count: usize,
}

impl Lanes {
    /// Height of one lane.
    #[must_use]
    pub fn lane_height(&self) -> f32 {
        self.height / self.count.max(1) as f32
    }

    /// The middle of lane `index`.
    #[must_use]
    pub fn middle(&self, index: usize) -> f32 {
        self.top + (index as f32 + 0.5) * self.lane_height()
    }

    /// How many lanes high a trace may be: a few traces keep apart, many reach into their neighbours' lanes, so that
    /// their shape stays visible.
    #[must_use]
    pub fn reach(&self) -> f32 {
        match self.count {
            0..=12 => 0.86,
            13..=40 => 1.3,
            _ => 2.0,
        }
    }

    /// Every how many lanes there is room for a label of height `label_height`: 1, 2, 4, 5, 8, 10, 16, 20, 32, …
    #[must_use]
    pub fn label_every(&self, label_height: f32) -> usize {
        const STEPS: [usize; 7] = [1, 2, 4, 5, 8, 10, 16];
        let least = (label_height / self.lane_height().max(1e-6)).ceil().clamp(1.0, 1e6) as usize;
        let mut scale = 1;
        loop {
            if let Some(step) = STEPS.iter().map(|s| s * scale).find(|&s| s >= least) {
                return step;
            }
            scale *= 20;
        }
    }
}

/// The areas of a picture. What does not fit into a small picture is left out: first the overview, then the footer.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Layout {
    /// Everything is this much larger than on a picture of 1920 × 1080.
    pub(super) scale: f32,
    pub(super) margin: f32,
    pub(super) title_baseline: f32,
    pub(super) overview: Option<Area>,
    pub(super) plot: Area,
    pub(super) footer_baseline: Option<f32>,
}

impl Layout {
    /// Lays out `width` × `height` pixels with `gutter` pixels left of the traces; `plain`: without title, overview and
    /// footer; with `bars`, which need room at the right, or with a `line` more under the time axis.
    pub(super) fn new(
        (width, height): (u32, u32),
        scale: f32,
        gutter: f32,
        plain: bool,
        bars: bool,
        line: bool,
    ) -> Self {
        let (w, h) = (width as f32, height as f32);
        let s = |v: f32| (v * scale).round();
        let margin = s(if w < 640.0 { 12.0 } else { 24.0 });
        let left = (margin + gutter.min(0.45 * w)).round();
        let right = w - margin - if bars { s(66.0) } else { 0.0 };
        let title_baseline = margin + s(16.0);
        let mut top = if plain { margin } else { title_baseline + s(18.0) };
        let overview = (h >= 420.0 * scale && !plain).then(|| {
            let area = Area { x: left, y: top, width: right - left, height: s(36.0) };
            top += s(36.0) + s(14.0);
            area
        });
        let footer = h >= 260.0 * scale && !plain;
        let bottom = h - margin - if footer { s(24.0) } else { 0.0 } - s(if line { 42.0 } else { 26.0 });
        Self {
            scale,
            margin,
            title_baseline,
            overview,
            plot: Area { x: left, y: top, width: (right - left).max(1.0), height: (bottom - top).max(1.0) },
            footer_baseline: footer.then(|| h - margin + s(2.0)),
        }
    }
}

/// How much larger than at 1920 × 1080 text and lines are drawn; never smaller, or nobody could read them.
pub(super) fn scale_for(width: u32, height: u32) -> f32 {
    (width as f32 / 1920.0).min(height as f32 / 1080.0).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_fill_the_height_and_labels_have_room() {
        for count in [1, 2, 7, 128, 384, 5000] {
            let lanes = Lanes { top: 100.0, height: 880.0, count };
            assert!((lanes.middle(0) - 100.0 - lanes.lane_height() / 2.0).abs() < 1e-3);
            assert!((lanes.middle(count - 1) - 980.0 + lanes.lane_height() / 2.0).abs() < 1e-2);
            assert!(lanes.label_every(15.0) as f32 * lanes.lane_height() >= 15.0 - 1e-3);
        }
    }
}
