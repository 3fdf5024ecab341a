//! The strip that shows the whole recording with the visible window in it.

use eframe::egui::{self, Color32, Mesh, Pos2, Rect, Sense, Shape, Stroke, Ui, pos2};

use super::command::{Command, ViewCommand};
use super::state::Document;
use super::theme::Colours;
use crate::summary::Columns;

/// Height of the strip, points.
pub(super) const HEIGHT: f32 = 56.0;
/// The window in the strip is never drawn narrower than this, so that it can be grabbed.
const MIN_WINDOW: f32 = 6.0;
/// Half the width of the mark above a gap, and its height: the gap itself may be narrower than a pixel.
const GAP_MARK: [f32; 2] = [4.0, 6.0];

/// The strip: envelope, gaps, selection, and the visible window, which can be dragged; a click elsewhere centres there.
pub(super) fn overview_ui(ui: &mut Ui, document: &Document, out: &mut Vec<Command>) {
    let (response, painter) = ui.allocate_painter(ui.available_size(), Sense::click_and_drag());
    let rect = response.rect;
    let colours = Colours::of(ui);
    let end = document.time().end_tick(document.shown().frames).max(1) as f64;
    let x = |tick: f64| rect.left() + (tick / end) as f32 * rect.width();
    painter.rect_filled(rect, 2.0, colours.canvas);
    if let Some(columns) = &document.pictures.overview {
        let colour = colours.accent.gamma_multiply(0.8);
        painter.add(envelope(document, columns, rect, x, colour, ui.ctx().pixels_per_point()));
    }
    gaps(document, &painter, rect, x, colours.gap);
    if let Some(ticks) = &document.selection {
        let band = Rect::from_x_y_ranges(
            x(ticks.start as f64)..=x(ticks.end as f64).max(x(ticks.start as f64) + 1.0),
            rect.y_range(),
        );
        painter.rect_filled(band, 0.0, colours.selection);
    }
    let view = &document.viewport;
    let (mut left, mut right) = (x(view.start_tick()).max(rect.left()), x(view.end_tick()).min(rect.right()));
    if right - left < MIN_WINDOW {
        let middle =
            f32::midpoint(left, right).min(rect.right() - MIN_WINDOW / 2.0).max(rect.left() + MIN_WINDOW / 2.0);
        (left, right) = (middle - MIN_WINDOW / 2.0, middle + MIN_WINDOW / 2.0);
    }
    let window = Rect::from_x_y_ranges(left..=right, rect.y_range());
    let shade = ui.visuals().panel_fill.gamma_multiply(0.55);
    painter.rect_filled(Rect::from_x_y_ranges(rect.left()..=left, rect.y_range()), 0.0, shade);
    painter.rect_filled(Rect::from_x_y_ranges(right..=rect.right(), rect.y_range()), 0.0, shade);
    painter.rect_stroke(window, 2.0, Stroke::new(1.5, colours.accent), egui::StrokeKind::Inside);
    gap_marks(document, &painter, rect, x, colours.warning);
    let tick_at = |at: Pos2| f64::from((at.x - rect.left()) / rect.width()) * end;
    if response.drag_started()
        && let Some(at) = ui.input(|i| i.pointer.press_origin())
        && !window.expand(4.0).contains(at)
    {
        // A drag that begins outside takes the window along from there.
        out.push(Command::View(ViewCommand::Centre(tick_at(at))));
    }
    if response.dragged() {
        let moved = f64::from(response.drag_delta().x / rect.width()) * end;
        if moved != 0.0 {
            out.push(Command::View(ViewCommand::Pan(moved)));
        }
    } else if response.clicked()
        && let Some(at) = response.interact_pointer_pos()
    {
        out.push(Command::View(ViewCommand::Centre(tick_at(at))));
    }
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::Image, true, "Overview of the whole recording: drag the window in it")
    });
}

/// The band from the least to the greatest of all channels; estimates are lighter.
///
/// There may be more columns than pixels: what a column of pixels shows is the least and greatest of all columns that touch
/// it, and its bar covers it exactly. Bars narrower than a pixel would be left out where they miss its centre.
fn envelope(
    document: &Document,
    columns: &Columns,
    rect: Rect,
    x: impl Fn(f64) -> f32,
    colour: Color32,
    pixels_per_point: f32,
) -> Mesh {
    let time = document.time();
    let spans = document.pictures.envelope.iter().enumerate().map(|(i, &band)| {
        let left = x(time.tick_of_frame(columns.edges[i]) as f64);
        let right = x((time.tick_of_frame(columns.edges[i + 1] - 1) + 1) as f64);
        (left - rect.left()..right - rect.left(), band, columns.exact[i])
    });
    let bars = by_pixel(spans, rect.width(), pixels_per_point);
    let mut mesh = Mesh::default();
    let first = (rect.left() * pixels_per_point).round();
    for (pixel, bar) in bars.into_iter().enumerate() {
        let Some((low, high, exact)) = bar else { continue };
        let y = |v: f32| rect.center().y - v * 0.46 * rect.height();
        let (top, bottom) = (y(high), y(low).max(y(high) + 1.0));
        let left = (first + pixel as f32) / pixels_per_point;
        let right = (first + pixel as f32 + 1.0) / pixels_per_point;
        let colour = if exact { colour } else { colour.gamma_multiply(0.5) };
        mesh.add_colored_rect(Rect::from_min_max(Pos2::new(left, top), Pos2::new(right, bottom)), colour);
    }
    mesh
}

/// The least and the greatest of all bands that touch each pixel of `width` points, and whether all of them are exact;
/// `None` where there is none. Spans are points from the left; a band whose low is above its high is none.
fn by_pixel(
    spans: impl Iterator<Item = (std::ops::Range<f32>, (f32, f32), bool)>,
    width: f32,
    pixels_per_point: f32,
) -> Vec<Option<(f32, f32, bool)>> {
    let pixels = (width * pixels_per_point).ceil().clamp(0.0, 65_536.0) as usize;
    let mut bars: Vec<Option<(f32, f32, bool)>> = vec![None; pixels];
    for (span, (low, high), exact) in spans.filter(|(_, (low, high), _)| low <= high) {
        let from = (span.start * pixels_per_point).floor().max(0.0) as usize;
        let to = ((span.end * pixels_per_point).ceil().max(0.0) as usize).clamp(from + 1, pixels.max(from + 1));
        for bar in bars.iter_mut().take(to).skip(from) {
            let (l, h, e) = bar.unwrap_or((low, high, exact));
            *bar = Some((l.min(low), h.max(high), e && exact));
        }
    }
    bars
}

fn gaps(document: &Document, painter: &egui::Painter, rect: Rect, x: impl Fn(f64) -> f32, colour: Color32) {
    let mut last = f32::NEG_INFINITY;
    for gap in document.time().gaps() {
        let (left, right) = (x(gap.first_tick as f64), x((gap.first_tick + gap.missing_frames) as f64));
        if right - last >= 1.0 {
            let band = Rect::from_x_y_ranges(left..=right.max(left + 1.0), rect.y_range());
            painter.rect_filled(band, 0.0, colour);
            last = right.max(left + 1.0);
        }
    }
}

/// A wedge at the upper edge over each gap, so that even the shortest is seen; where they would touch, one stands for all.
fn gap_marks(document: &Document, painter: &egui::Painter, rect: Rect, x: impl Fn(f64) -> f32, colour: Color32) {
    let [half, height] = GAP_MARK;
    let mut last = f32::NEG_INFINITY;
    for gap in document.time().gaps() {
        let middle = x(gap.first_tick as f64 + gap.missing_frames as f64 / 2.0);
        if middle - last < 2.0 * half {
            continue;
        }
        last = middle;
        let corners = [(-half, 0.0), (half, 0.0), (0.0, height)].map(|(dx, dy)| pos2(middle + dx, rect.top() + dy));
        painter.add(Shape::convex_polygon(corners.to_vec(), colour, Stroke::NONE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_peak_is_lost_between_pixels() {
        // 2048 columns over 1264 or 984 points: wherever the peak is, a pixel shows it.
        for (width, ratio) in [(1264.0, 1.0), (984.0, 1.0), (1264.0, 1.5), (300.0, 2.0)] {
            for peak in [0, 1, 179, 567, 1052, 1625, 2047] {
                let at = |i: usize| i as f32 * width / 2048.0;
                let spans = (0..2048).map(|i| (at(i)..at(i + 1), (-0.1, if i == peak { 1.0 } else { 0.1 }), i != 7));
                let bars = by_pixel(spans, width, ratio);
                assert_eq!(bars.len(), (width * ratio).ceil() as usize);
                assert!(bars.iter().all(Option::is_some), "{width} {ratio}");
                let high = bars.iter().flatten().filter(|bar| bar.1 == 1.0).count();
                assert!((1..=3).contains(&high), "{width} {ratio} {peak}: {high}");
                assert!(bars.iter().flatten().any(|bar| !bar.2) && bars.iter().flatten().any(|bar| bar.2));
            }
        }
        assert_eq!(by_pixel([(0.0..1.0, (1.0, -1.0), true)].into_iter(), 2.0, 1.0), [None, None]);
    }
}
