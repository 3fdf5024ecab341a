//! Sheets: rows of marks over time that are painted once, as texels, and shown through any view.
//!
//! A texel covers 2^k ticks (k may be negative) and lies at a multiple of that, with k such that it is at least as wide as a
//! pixel and little more than two: what it holds does not depend on where the view begins, and nothing is narrower than a
//! pixel, so that no mark is lost between two. A sheet reaches beyond the view on both sides; while the view pans within
//! it or zooms within its octave, a frame costs one rectangle for each strip, however many marks there are.

use std::hash::{Hash as _, Hasher as _};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};

use eframe::egui::{Color32, ColorImage, Id, Mesh, Rect, TextureId, Ui, pos2};

use super::heat::HeatTexture;
use super::viewport::Viewport;
use crate::recording::TimeBase;

/// Shares of the view that a sheet reaches beyond it, on each side: of one with few texels, and with many.
const MARGIN: f64 = 0.5;
const SMALL_MARGIN: f64 = 0.125;
/// Texels above which a sheet counts as large.
const MANY: usize = 1 << 22;
/// A texel is wider than a pixel by this, so that rounding cannot let it fall between two.
const SPARE: f64 = 1.01;

/// A number that no other list has had: a sheet is painted anew when it is given another.
pub(super) fn stamp() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(1);
    LAST.fetch_add(1, Ordering::Relaxed)
}

/// The texels of a sheet along time.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Grid {
    /// A texel covers 2 to the power of this ticks.
    exponent: i32,
    /// The first texel, counted from tick 0.
    first: i64,
    len: usize,
}

impl Grid {
    /// The grid for a view of `ticks` ticks from `start_tick` on that is `pixels` wide, with this share of the view on
    /// each side; `side` is the most texels that there may be.
    #[must_use]
    pub(super) fn around(start_tick: f64, ticks: f64, pixels: f64, margin: f64, side: usize) -> Self {
        // A view of 2^53 ticks is longer than any clock; a sample as wide as a million screens is one texel.
        let least = (ticks / pixels.max(1.0) * SPARE).max(ticks / side.max(4) as f64 * 2.0);
        let exponent = least.log2().ceil().clamp(-40.0, 60.0) as i32;
        let texel = 2_f64.powi(exponent);
        let spare = (side as f64 - ticks / texel - 2.0).max(0.0) / 2.0;
        let margin = (margin * ticks / texel).min(spare).floor();
        let first = (start_tick / texel).floor() - margin;
        let end = ((start_tick + ticks) / texel).ceil() + margin;
        Self { exponent, first: first as i64, len: (end - first).clamp(1.0, side.max(4) as f64) as usize }
    }

    /// Number of texels.
    #[must_use]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Ticks of a texel.
    #[must_use]
    pub(super) fn texel(&self) -> f64 {
        2_f64.powi(self.exponent)
    }

    /// The tick at which the first texel begins; may be below 0.
    #[must_use]
    pub(super) fn start_tick(&self) -> f64 {
        self.first as f64 * self.texel()
    }

    /// The tick behind the last texel.
    #[must_use]
    pub(super) fn end_tick(&self) -> f64 {
        (self.first as f64 + self.len as f64) * self.texel()
    }

    /// Which texel holds `tick`, counted from the first; what lies beyond the ends is at the ends.
    #[must_use]
    pub(super) fn texel_of(&self, tick: u64) -> usize {
        let at = (tick as f64 / self.texel()).floor() - self.first as f64;
        at.clamp(0.0, self.len as f64) as usize
    }

    /// Whether a sheet of this grid serves where `wanted` was asked for without a margin.
    fn serves(&self, wanted: &Self) -> bool {
        let end = |grid: &Self| grid.first.saturating_add(grid.len as i64);
        self.exponent == wanted.exponent && self.first <= wanted.first && end(self) >= end(wanted)
    }

    /// The first frame of each texel, and the one behind the last. An event of a frame belongs to the texel in which the
    /// frame begins. `ratio`: ticks of the clock `time` to a tick of the view.
    #[must_use]
    pub(super) fn frames(&self, time: &TimeBase, ratio: f64) -> Vec<u64> {
        let (start, texel) = (self.first as f64, self.texel() * ratio);
        let frame = |i: usize| time.frame_at_tick(((start + i as f64) * texel).ceil().max(0.0) as u64);
        (0..=self.len).map(frame).collect()
    }
}

/// What is kept of a sheet from frame to frame.
#[derive(Clone, Default)]
struct Kept {
    grid: Grid,
    texture: HeatTexture,
}

/// A sheet that is painted, and how the view shows it.
pub(super) struct Sheet {
    texture: TextureId,
    /// From the left edge of its first texel to the right edge of its last, points.
    x: RangeInclusive<f32>,
    rows: usize,
}

impl Sheet {
    /// The sheet called `name` of what has this `key`, over `view` drawn at `rect`; painted by `paint` (`rows` rows of
    /// texels) if it is another than the last time or does not reach far enough.
    pub(super) fn new(
        ui: &Ui,
        name: &str,
        key: impl std::hash::Hash,
        (view, rect): (&Viewport, Rect),
        rows: usize,
        paint: impl FnOnce(&Grid) -> Vec<Color32>,
    ) -> Self {
        let pixels = f64::from(rect.width() * ui.ctx().pixels_per_point());
        let side = ui.input(|i| i.max_texture_side).max(1024);
        let around = |margin: f64| Grid::around(view.start_tick(), view.ticks(), pixels, margin, side);
        let wanted = around(0.0);
        let id = Id::unique(name).with("sheet");
        let mut kept = ui.data_mut(|data| std::mem::take(data.get_temp_mut_or_default::<Kept>(id)));
        if !kept.grid.serves(&wanted) {
            kept.grid = around(if wanted.len() * rows > MANY / 2 { SMALL_MARGIN } else { MARGIN });
        }
        let grid = kept.grid;
        let mut hasher = std::hash::DefaultHasher::new();
        (key, grid.exponent, grid.first, grid.len, rows).hash(&mut hasher);
        let texture = kept.texture.get(ui, hasher.finish(), || {
            let mut texels = paint(&grid);
            texels.resize(grid.len * rows, Color32::TRANSPARENT);
            ColorImage::new([grid.len, rows], texels)
        });
        ui.data_mut(|data| data.insert_temp(id, kept));
        let x = |tick: f64| rect.left() + ((tick - view.start_tick()) / view.ticks()) as f32 * rect.width();
        Self { texture, x: x(grid.start_tick())..=x(grid.end_tick()), rows }
    }

    /// A mesh for strips of this sheet.
    pub(super) fn mesh(&self) -> Mesh {
        Mesh::with_texture(self.texture)
    }

    /// Adds a row of texels as a strip at the height `y` to `mesh`.
    pub(super) fn strip(&self, row: usize, y: RangeInclusive<f32>, mesh: &mut Mesh) {
        let v = (row as f32 + 0.5) / self.rows as f32;
        let uv = Rect::from_min_max(pos2(0.0, v), pos2(1.0, v));
        mesh.add_rect_with_uv(Rect::from_x_y_ranges(self.x.clone(), y), uv, Color32::WHITE);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_texel_is_a_pixel_or_two_and_the_view_is_covered(
            start in 0.0..1e12_f64, exponent in -6.0..40.0_f64, pixels in 1.0..8000.0_f64, margin in 0.0..1.0_f64,
        ) {
            let ticks = exponent.exp2();
            let grid = Grid::around(start, ticks, pixels, margin, 16384);
            let per_pixel = ticks / pixels;
            prop_assert!(grid.texel() >= per_pixel && grid.texel() <= per_pixel * 2.1, "{} {}", grid.texel(), per_pixel);
            prop_assert!(grid.start_tick() <= start && grid.end_tick() >= start + ticks * (1.0 - 1e-9));
            prop_assert!(grid.len() <= 16384);
            // What was painted with a margin serves a view that has moved by less.
            let moved = Grid::around(start + margin * ticks * 0.5, ticks, pixels, 0.0, 16384);
            prop_assert!(margin < 0.1 || grid.serves(&moved) || margin * pixels < 16.0);
        }

        #[test]
        fn an_event_is_in_the_texel_in_which_its_frame_begins(frame in 0..4000_u64, shift in -3..6_i32, start in 0.0..3000.0_f64) {
            let time = TimeBase::regular(1000.0);
            let grid = Grid::around(start, 100.0 * 2_f64.powi(shift), 100.0, 0.0, 4096);
            let edges = grid.frames(&time, 1.0);
            let texel = edges.partition_point(|&e| e <= frame).checked_sub(1);
            if let Some(texel) = texel.filter(|&t| t < grid.len()) {
                prop_assert_eq!(grid.texel_of(frame), texel);
            }
        }
    }

    #[test]
    fn the_ends_of_what_there_is_are_no_surprise() {
        for (ticks, pixels, side) in [(0.0, 0.0, 0), (1e300, 1.0, 4096), (1e-300, 4000.0, 4096), (4.0, 1e9, 1024)] {
            let grid = Grid::around(0.0, ticks, pixels, 0.5, side);
            assert!((1..=4100).contains(&grid.len()), "{grid:?}");
        }
    }
}
