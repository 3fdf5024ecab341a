//! All the traces of a plot as one egui_plot item.
//!
//! [`Columns`](crate::summary::Columns) are packed once, when they arrive ([`Packed`]; any thread), into numbers that
//! do not depend on where they are drawn. A frame then costs a few numbers a lane: the item hands one paint callback
//! to the GPU, and columns that were computed for another view are drawn through the present one at once.
//!
//! What is drawn is true: a column covers the pixel that its first tick falls on (and all up to the next column's), at
//! least one line width wide and high, so nothing vanishes between two pixels. Where the ranges of two neighbours do
//! not touch, the first is drawn on to the edge of the second, so that a steep signal stays connected and no column
//! reaches beyond what it or the next one holds. Estimates are blended towards the background. Nothing is drawn
//! across a gap. Where single samples are far enough apart they are joined by lines and marked by dots. A lane may have
//! limits: what is beyond them is cut, and the cut has a mark, so that a channel far larger than the others does not hide
//! them and does not look smaller than it is.
//!
//! Call [`install`] once when the window is created. Without it (no wgpu, or a test that draws nothing) the same
//! picture is made as an egui mesh, slower.

mod gaps;
mod mesh;
mod packed;
mod painter;

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use eframe::egui::{self, Color32, Id, Rect, Rgba, Shape, Ui};
use egui_plot::{PlotBounds, PlotGeometry, PlotItem, PlotItemBase, PlotPoint, PlotTransform};

use super::theme;

pub use gaps::{GapItem, gap_bands, gap_item, gap_shapes, gap_shapes_in};
pub use packed::{Packed, envelope};
pub use painter::install;

/// Samples this many points apart (or more) are joined by lines instead of drawn as columns.
const LINES_FROM_POINTS: f64 = 1.5;
/// Samples this many points apart (or more) are marked by dots.
const DOTS_FROM_POINTS: f64 = 5.0;
/// How high the mark is where a trace is cut, points.
const MARK_POINTS: f64 = 2.5;
/// Where nothing is cut: farther than any screen, and far from what floats cannot tell apart.
const NO_CUT: [f32; 2] = [-1e6, 1e6];
/// How far an estimate's colour is from that of the background (0) to its own (1).
const ESTIMATE_STRENGTH: f32 = 0.45;

/// One channel, where it lies in the plot: a physical value `v` is drawn at `center + (v − baseline) · scale`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Lane {
    /// Index into [`Columns::values`](crate::summary::Columns::values) (not the channel's number in the stream).
    pub values: usize,
    pub color: Color32,
    /// In units of the plot's y axis.
    pub center: f64,
    /// Units of the plot's y axis for a physical unit; negative draws upside down.
    pub scale: f64,
    /// The physical value that lies at `center`.
    pub baseline: f64,
    /// The lowest and the highest y of the plot's axis that it may cover: what is beyond is cut there, and marked.
    pub cut: Option<[f64; 2]>,
}

/// How the plot's x axis runs in ticks: `tick = origin_tick + x · ticks_per_x`. Choose the origin near what is
/// visible (the left edge), so that x keeps its precision in a recording of any length.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TimeAxis {
    pub origin_tick: f64,
    pub ticks_per_x: f64,
}

/// The traces of a plot. Two items that are visible at the same time need different names.
pub struct TraceItem {
    base: PlotItemBase,
    packed: Arc<Packed>,
    lanes: Vec<Lane>,
    axis: TimeAxis,
    line_width: f32,
}

/// The traces of `lanes`, drawn from `packed`, first lane at the back.
#[must_use]
pub fn item(packed: Arc<Packed>, lanes: Vec<Lane>, axis: TimeAxis) -> TraceItem {
    TraceItem { base: PlotItemBase::new("traces".to_owned()), packed, lanes, axis, line_width: 1.25 }
}

impl TraceItem {
    /// Another name than `traces`.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.base = PlotItemBase::new(name.into());
        self
    }

    /// Width of the lines, points; never less than a pixel is drawn.
    #[must_use]
    pub fn line_width(mut self, points: f32) -> Self {
        self.line_width = points;
        self
    }

    /// What is to be drawn, in physical pixels of the screen.
    fn picture(&self, ui: &Ui, transform: &PlotTransform, clip: Rect) -> Picture {
        let pixels = f64::from(ui.ctx().pixels_per_point());
        let x_of = |x: f64| {
            f64::from(transform.frame().left()) + (x - transform.bounds().min()[0]) * transform.dpos_dvalue_x()
        };
        let y_of = |y: f64| {
            f64::from(transform.frame().bottom()) + (y - transform.bounds().min()[1]) * transform.dpos_dvalue_y()
        };
        let base_x = (self.packed.base_tick() as f64 - self.axis.origin_tick) / self.axis.ticks_per_x;
        let x_scale = transform.dpos_dvalue_x() / self.axis.ticks_per_x * pixels;
        let x_offset = x_of(base_x) * pixels;
        let background = ui.visuals().extreme_bg_color;

        let spacing = x_scale / pixels;
        let style = if self.packed.bucket_frames() > 1 || spacing < LINES_FROM_POINTS {
            Style::Columns
        } else if spacing < DOTS_FROM_POINTS {
            Style::Lines
        } else {
            Style::Dots { radius: ((spacing * 0.3).clamp(1.5, 2.5) * pixels) as f32 }
        };
        let left = f64::from(clip.left()) * pixels;
        let right = f64::from(clip.right()) * pixels;
        let columns =
            self.packed.columns_between((left - 8.0 - x_offset) / x_scale, (right + 8.0 - x_offset) / x_scale);

        let width = self.line_width * theme::trace_width(ui.visuals());
        let half_line = (f64::from(width) * pixels).max(1.0) / 2.0;
        let (top, bottom) = (f64::from(clip.top()) * pixels, f64::from(clip.bottom()) * pixels);
        let lanes = self.lanes.iter().filter_map(|lane| {
            let (middle, half) = self.packed.range(lane.values)?;
            let y_offset = y_of(lane.center + (middle - lane.baseline) * lane.scale) * pixels;
            let y_scale = half * lane.scale * transform.dpos_dvalue_y() * pixels;
            let reach = y_scale.abs() + half_line + 4.0;
            let cut =
                lane.cut.map_or(NO_CUT, |[low, high]| [(y_of(high) * pixels) as f32, (y_of(low) * pixels) as f32]);
            let (upper, lower) = (f64::from(cut[0]).max(y_offset - reach), f64::from(cut[1]).min(y_offset + reach));
            // What lies beyond the cut altogether is seen by its mark.
            let visible = lower.max(f64::from(cut[0])) >= top && upper.min(f64::from(cut[1])) <= bottom;
            (visible && y_offset.is_finite() && y_scale.is_finite()).then(|| PixelLane {
                values: lane.values,
                y_offset: y_offset as f32,
                y_scale: y_scale as f32,
                cut,
                exact: lane.color,
                estimate: blend(background, lane.color, ESTIMATE_STRENGTH),
            })
        });
        Picture {
            lanes: lanes.collect(),
            columns,
            x_offset: x_offset as f32,
            x_scale: x_scale as f32,
            half_line: half_line as f32,
            style,
            mark: ui.visuals().strong_text_color(),
            mark_height: (MARK_POINTS * pixels).round().max(1.0) as f32,
            pixels_per_point: pixels as f32,
        }
    }
}

impl PlotItem for TraceItem {
    fn shapes(&self, ui: &Ui, transform: &PlotTransform, shapes: &mut Vec<Shape>) {
        let clip = transform.frame().intersect(ui.clip_rect());
        if !clip.is_positive() || self.packed.is_empty() {
            return;
        }
        let picture = self.picture(ui, transform, clip);
        if picture.columns.is_empty() || picture.lanes.is_empty() || !picture.x_scale.is_normal() {
            return;
        }
        if painter::is_installed(ui.ctx()) {
            let id = Id::unique(("traces", self.name()));
            shapes.push(painter::callback(clip, id, Arc::clone(&self.packed), picture));
        } else {
            mesh::shapes(&self.packed, &picture, clip, shapes);
        }
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

    fn find_closest(&self, _point: egui::Pos2, _transform: &PlotTransform) -> Option<egui_plot::ClosestElem> {
        None
    }

    fn base(&self) -> &PlotItemBase {
        &self.base
    }

    fn base_mut(&mut self) -> &mut PlotItemBase {
        &mut self.base
    }
}

/// How the columns of a view are drawn.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Style {
    Columns,
    Lines,
    /// Lines, and a dot of this radius (pixels) on each sample.
    Dots {
        radius: f32,
    },
}

/// A lane in physical pixels: normalised value `v` (see [`Packed`]) at `y_offset + v · y_scale`.
#[derive(Clone, Copy, Debug)]
struct PixelLane {
    values: usize,
    y_offset: f32,
    y_scale: f32,
    /// Top and bottom of what it may cover.
    cut: [f32; 2],
    exact: Color32,
    estimate: Color32,
}

/// All that changes from frame to frame; x of a packed tick `t` is `x_offset + t · x_scale`, physical pixels.
#[derive(Debug)]
struct Picture {
    lanes: Vec<PixelLane>,
    columns: Range<usize>,
    x_offset: f32,
    x_scale: f32,
    half_line: f32,
    style: Style,
    /// The colour and height of what stands where a trace is cut.
    mark: Color32,
    mark_height: f32,
    pixels_per_point: f32,
}

/// From `from` (share 0) to `to` (share 1), in linear light.
fn blend(from: Color32, to: Color32, share: f32) -> Color32 {
    Color32::from(Rgba::from(from) * (1.0 - share) + Rgba::from(to) * share)
}

/// Where the physical value of a lane lies, plot coordinates: the inverse of reading the trace.
#[must_use]
pub fn point_of(lane: &Lane, axis: &TimeAxis, tick: f64, physical: f64) -> PlotPoint {
    PlotPoint::new((tick - axis.origin_tick) / axis.ticks_per_x, lane.center + (physical - lane.baseline) * lane.scale)
}
