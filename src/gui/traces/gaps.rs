//! Gaps, drawn as hatched bands.

use eframe::egui::{
    Color32, ColorImage, Context, Id, Mesh, Rect, Rgba, Shape, TextureHandle, TextureOptions, Ui, pos2, vec2,
};
use std::ops::RangeInclusive;

use egui_plot::{PlotBounds, PlotGeometry, PlotItem, PlotItemBase, PlotTransform};

use super::TimeAxis;
use crate::recording::TimeBase;

/// Side of the hatching's tile, points.
const TILE_POINTS: f32 = 8.0;
/// Texels along the tile's side: enough for twice the usual resolution.
const TILE_TEXELS: usize = 32;
/// Bands at least this wide are hatched; narrower ones have no room for it.
const HATCH_FROM_POINTS: f64 = 3.0;

/// Where gaps lie on screen: left and right edges, within `0..width` (any unit), for a view of which 0 is at
/// `start_tick` and a unit is `ticks_per_unit`. Gaps less than one `unit` apart are one band, so there are never more
/// than half of `width` of them; gaps that are passed over cost a binary search for each band, however many they are.
#[must_use]
pub fn gap_bands(time: &TimeBase, start_tick: f64, ticks_per_unit: f64, width: f64) -> Vec<(f64, f64)> {
    let spans = time.spans();
    let mut bands: Vec<(f64, f64)> = Vec::new();
    if !(ticks_per_unit > 0.0 && width > 0.0 && start_tick.is_finite()) {
        return bands;
    }
    let x_of = |tick: u64| (tick as f64 - start_tick) / ticks_per_unit;
    // Gap `i` ends where span `i` begins.
    let mut i = spans.partition_point(|s| x_of(s.first_tick) <= 0.0).max(1);
    while i < spans.len() {
        let begin = spans[i - 1].first_tick + (spans[i].first_frame - spans[i - 1].first_frame);
        let (left, right) = (x_of(begin).max(0.0), x_of(spans[i].first_tick).min(width));
        if left >= width {
            break;
        }
        match bands.last_mut() {
            Some(band) if left - band.1 < 1.0 => band.1 = band.1.max(right),
            _ => bands.push((left, right)),
        }
        // All gaps that end within a unit of this one are in the same band: on to the last of them.
        let reach = right + 1.0;
        let skip = spans[i + 1..].partition_point(|s| x_of(s.first_tick) < reach);
        if skip > 0 {
            let end = x_of(spans[i + skip].first_tick).min(width);
            if let Some(band) = bands.last_mut() {
                band.1 = band.1.max(end);
            }
        }
        i += skip + 1;
    }
    bands
}

/// The visible gaps of a plot, hatched from top to bottom, at least a pixel wide: one small mesh. Draw it before the
/// traces.
#[must_use]
pub fn gap_shapes(ui: &Ui, transform: &PlotTransform, axis: TimeAxis, time: &TimeBase) -> Vec<Shape> {
    let start_tick = axis.origin_tick + transform.bounds().min()[0] * axis.ticks_per_x;
    gap_shapes_in(ui, *transform.frame(), start_tick, axis.ticks_per_x / transform.dpos_dvalue_x(), time)
}

/// The same for an area whose left edge is at `start_tick`.
#[must_use]
pub fn gap_shapes_in(ui: &Ui, frame: Rect, start_tick: f64, ticks_per_point: f64, time: &TimeBase) -> Vec<Shape> {
    let pixels = f64::from(ui.ctx().pixels_per_point());
    let ticks_per_pixel = ticks_per_point / pixels;
    let bands = gap_bands(time, start_tick, ticks_per_pixel, f64::from(frame.width()) * pixels);
    if bands.is_empty() {
        return Vec::new();
    }
    let visuals = ui.visuals();
    let ink = visuals.weak_text_color();
    let fill = faint(ink, 0.10);
    let mut plain = Mesh::default();
    let mut hatched = Mesh::with_texture(tile(ui.ctx()).id());
    for (left, right) in bands {
        let right = right.max(left + 1.0);
        let at = |x: f64| frame.left() + (x / pixels) as f32;
        let rect = Rect::from_x_y_ranges(at(left)..=at(right), frame.y_range());
        let wide = (right - left) / pixels >= HATCH_FROM_POINTS;
        plain.add_colored_rect(rect, if wide { fill } else { faint(ink, 0.35) });
        if wide {
            // Anchored to the screen vertically and to the gap horizontally, so that it moves with the time line.
            let anchor = frame.left() + ((x_anchor(left, start_tick, ticks_per_pixel)) / pixels) as f32;
            let uv = Rect::from_min_size(
                pos2((rect.left() - anchor) / TILE_POINTS, 0.0),
                vec2(rect.width(), rect.height()) / TILE_POINTS,
            );
            hatched.add_rect_with_uv(rect, uv, faint(ink, 0.55));
        }
    }
    let mut shapes = vec![Shape::mesh(plain)];
    if !hatched.is_empty() {
        shapes.push(Shape::mesh(hatched));
    }
    shapes
}

/// The visible gaps as a plot item. Add it before the traces.
#[must_use]
pub fn gap_item(time: TimeBase, axis: TimeAxis) -> GapItem {
    GapItem { base: PlotItemBase::new("gaps".to_owned()), time, axis }
}

/// See [`gap_item`].
pub struct GapItem {
    base: PlotItemBase,
    time: TimeBase,
    axis: TimeAxis,
}

impl PlotItem for GapItem {
    fn shapes(&self, ui: &Ui, transform: &PlotTransform, shapes: &mut Vec<Shape>) {
        shapes.extend(gap_shapes(ui, transform, self.axis, &self.time));
    }

    fn initialize(&mut self, _x_range: RangeInclusive<f64>) {}

    fn color(&self) -> Color32 {
        Color32::TRANSPARENT
    }

    fn geometry(&self) -> PlotGeometry<'_> {
        PlotGeometry::None
    }

    fn bounds(&self) -> PlotBounds {
        PlotBounds::NOTHING
    }

    fn base(&self) -> &PlotItemBase {
        &self.base
    }

    fn base_mut(&mut self) -> &mut PlotItemBase {
        &mut self.base
    }
}

/// A place near `left` at which a tile begins, on a grid that is fixed to the time line.
fn x_anchor(left: f64, start_tick: f64, ticks_per_pixel: f64) -> f64 {
    let period = f64::from(TILE_POINTS);
    let from_origin = start_tick / ticks_per_pixel;
    ((left + from_origin) / period).floor() * period - from_origin
}

fn faint(color: Color32, strength: f32) -> Color32 {
    Color32::from(Rgba::from(color) * strength)
}

/// A white diagonal stripe on nothing, that continues into its own copies.
fn tile(ctx: &Context) -> TextureHandle {
    let id = Id::unique("longwave gap hatching");
    if let Some(texture) = ctx.data(|d| d.get_temp::<TextureHandle>(id)) {
        return texture;
    }
    let n = TILE_TEXELS;
    let pixels = (0..n * n).map(|i| {
        // Distance from the stripe's middle along x + y, wrapped; soft by half a point.
        let along = ((i % n + i / n) % n) as f32 / n as f32;
        let points = (along - 0.5).abs() * TILE_POINTS * std::f32::consts::FRAC_1_SQRT_2;
        let cover = (1.0 - points).clamp(0.0, 1.0);
        Color32::from_white_alpha((cover * 255.0) as u8)
    });
    let image = ColorImage::new([n, n], pixels.collect());
    let texture = ctx.load_texture("gap hatching", image, TextureOptions::LINEAR_REPEAT);
    ctx.data_mut(|d| d.insert_temp(id, texture.clone()));
    texture
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::ClockSpan;

    fn clock(gaps: &[(u64, u64)]) -> TimeBase {
        let mut spans = vec![ClockSpan { first_frame: 0, first_tick: 0 }];
        let mut missing = 0;
        for &(after, ticks) in gaps {
            missing += ticks;
            spans.push(ClockSpan { first_frame: after, first_tick: after + missing });
        }
        TimeBase::with_spans(1000.0, spans)
    }

    #[test]
    fn a_gap_lies_where_its_ticks_lie() {
        let time = clock(&[(100, 50), (400, 10)]);
        assert_eq!(gap_bands(&time, 0.0, 1.0, 1000.0), [(100.0, 150.0), (450.0, 460.0)]);
        assert_eq!(gap_bands(&time, 120.0, 2.0, 1000.0), [(0.0, 15.0), (165.0, 170.0)]);
        assert_eq!(gap_bands(&time, 120.0, 2.0, 10.0), [(0.0, 10.0)]);
        assert!(gap_bands(&time, 1000.0, 1.0, 100.0).is_empty());
        assert!(gap_bands(&TimeBase::regular(1.0), 0.0, 1.0, 100.0).is_empty());
    }

    #[test]
    fn many_gaps_make_few_bands_that_cover_each_of_them() {
        let gaps: Vec<_> = (1..200_000_u64).map(|i| (i * 7 + (i * i) % 5, 1 + i % 3)).collect();
        let time = clock(&gaps);
        for ticks_per_pixel in [0.5, 3.0, 40.0, 1000.0] {
            let bands = gap_bands(&time, 1234.0, ticks_per_pixel, 900.0);
            assert!(bands.len() <= 451, "{}", bands.len());
            assert!(bands.windows(2).all(|w| w[0].1 + 1.0 <= w[1].0 + 1e-9));
            for gap in time.gaps() {
                let left = (gap.first_tick as f64 - 1234.0) / ticks_per_pixel;
                let right = left + gap.missing_frames as f64 / ticks_per_pixel;
                if right > 0.0 && left < 900.0 {
                    let (left, right) = (left.max(0.0), right.min(900.0));
                    assert!(bands.iter().any(|b| b.0 <= left + 1e-9 && right <= b.1 + 1e-9), "{gap:?}");
                }
            }
        }
    }
}
