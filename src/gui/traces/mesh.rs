//! The picture as an egui mesh, for windows without wgpu: the same rules as the shader's, one quad a pixel column and
//! lane, without its smooth edges.

use eframe::egui::{Color32, Mesh, Pos2, Rect, Shape, Stroke, pos2};

use super::packed::Packed;
use super::{Picture, PixelLane, Style};

/// Appends the picture to `shapes`.
pub(super) fn shapes(packed: &Packed, picture: &Picture, clip: Rect, shapes: &mut Vec<Shape>) {
    let mut mesh = Mesh::default();
    for lane in &picture.lanes {
        match picture.style {
            Style::Columns => columns(packed, picture, lane, clip, &mut mesh),
            Style::Lines => lines(packed, picture, lane, shapes),
            Style::Dots { radius } => {
                lines(packed, picture, lane, shapes);
                dots(packed, picture, lane, radius, &mut mesh);
            }
        }
    }
    if !mesh.is_empty() {
        shapes.push(Shape::mesh(mesh));
    }
}

/// The drawn range of a column: its own, and any hole to the next one. Normalised; `None` if it is empty.
fn bridged(packed: &Packed, channel: usize, column: usize) -> Option<[f32; 2]> {
    let [low, high] = packed.value(channel, column);
    if low > high {
        return None;
    }
    match packed.marks().get(column + 1).filter(|m| m.joined).map(|_| packed.value(channel, column + 1)) {
        Some([least, greatest]) if least <= greatest => Some([low.min(greatest), high.max(least)]),
        _ => Some([low, high]),
    }
}

/// A stretch of pixels, the rows it spans, and its colour.
struct Bar {
    left: f32,
    right: f32,
    top: f32,
    bottom: f32,
    /// Whether it goes on above, or below.
    cut: [bool; 2],
    color: Color32,
}

fn columns(packed: &Packed, picture: &Picture, lane: &PixelLane, clip: Rect, mesh: &mut Mesh) {
    let pixels = picture.pixels_per_point;
    let (least_x, greatest_x) = ((clip.left() * pixels).floor() - 1.0, (clip.right() * pixels).ceil() + 1.0);
    let line = (picture.half_line * 2.0).round().max(1.0);
    let mut pending: Option<Bar> = None;
    for column in picture.columns.clone() {
        let Some([low, high]) = bridged(packed, lane.values, column) else { continue };
        let mark = packed.marks()[column];
        let left = mark.start.mul_add(picture.x_scale, picture.x_offset).floor();
        let right = mark.end.mul_add(picture.x_scale, picture.x_offset).floor().max(left + 1.0);
        let (left, right) = (left.max(least_x), right.min(greatest_x));
        if left >= right {
            continue;
        }
        let a = low.mul_add(lane.y_scale, lane.y_offset);
        let b = high.mul_add(lane.y_scale, lane.y_offset);
        let mut top = (a.min(b) - picture.half_line).round();
        let mut bottom = (a.max(b) + picture.half_line).round().max(top + 1.0);
        let (over, under) = (a.min(b) < lane.cut[0], a.max(b) > lane.cut[1]);
        if over {
            top = lane.cut[0].round();
            bottom = bottom.max(top + picture.mark_height);
        }
        if under {
            bottom = lane.cut[1].round();
            top = top.min(bottom - picture.mark_height);
        }
        let cut = [over, under];
        let color = if mark.exact { lane.exact } else { lane.estimate };
        match &mut pending {
            Some(bar) if bar.left == left && bar.right == right => {
                bar.top = bar.top.min(top);
                bar.bottom = bar.bottom.max(bottom);
                bar.cut = [bar.cut[0] || over, bar.cut[1] || under];
                if !mark.exact {
                    bar.color = color;
                }
            }
            _ => {
                let bar = Bar { left, right, top, bottom, cut, color };
                if let Some(done) = pending.replace(bar) {
                    quad(mesh, &done, line, picture);
                }
            }
        }
    }
    if let Some(done) = pending {
        quad(mesh, &done, line, picture);
    }
}

fn quad(mesh: &mut Mesh, bar: &Bar, line: f32, picture: &Picture) {
    let pixels = picture.pixels_per_point;
    let extra = (line - (bar.right - bar.left)).max(0.0);
    let left = bar.left - (extra / 2.0).floor();
    let right = bar.right + extra - (extra / 2.0).floor();
    let min = pos2(left / pixels, bar.top / pixels);
    let max = pos2(right / pixels, bar.bottom / pixels);
    mesh.add_colored_rect(Rect { min, max }, bar.color);
    let height = picture.mark_height / pixels;
    if bar.cut[0] {
        mesh.add_colored_rect(Rect { min, max: pos2(max.x, min.y + height) }, picture.mark);
    }
    if bar.cut[1] {
        mesh.add_colored_rect(Rect { min: pos2(min.x, max.y - height), max }, picture.mark);
    }
}

fn point(packed: &Packed, picture: &Picture, lane: &PixelLane, column: usize) -> Option<Pos2> {
    let [min, max] = packed.value(lane.values, column);
    let x = packed.marks()[column].start.mul_add(picture.x_scale, picture.x_offset);
    let y = min.mul_add(lane.y_scale, lane.y_offset);
    (min <= max).then(|| pos2(x / picture.pixels_per_point, y / picture.pixels_per_point))
}

fn lines(packed: &Packed, picture: &Picture, lane: &PixelLane, shapes: &mut Vec<Shape>) {
    let width = picture.half_line * 2.0 / picture.pixels_per_point;
    let cut = lane.cut.map(|row| row / picture.pixels_per_point);
    let first_shape = shapes.len();
    let mut run: Vec<Pos2> = Vec::new();
    let mut exact = true;
    for column in picture.columns.clone() {
        let next = point(packed, picture, lane, column);
        let mark = packed.marks()[column];
        if next.is_none() || !mark.joined || mark.exact != exact {
            let last = run.last().copied().filter(|_| mark.joined);
            end_run(&mut run, width, if exact { lane.exact } else { lane.estimate }, shapes);
            if next.is_some() {
                run.extend(last);
            }
            exact = mark.exact;
        }
        run.extend(next);
    }
    end_run(&mut run, width, if exact { lane.exact } else { lane.estimate }, shapes);
    let drawn = shapes.split_off(first_shape);
    drawn.into_iter().for_each(|shape| cut_line(shape, cut, width, picture.mark, shapes));
}

/// Cuts a line at the rows that its lane may cover, with a mark along the edge for what is beyond.
fn cut_line(shape: Shape, [top, bottom]: [f32; 2], width: f32, mark: Color32, shapes: &mut Vec<Shape>) {
    let Shape::Path(path) = &shape else {
        // A single sample.
        let inside = matches!(&shape, Shape::Circle(c) if c.center.y >= top && c.center.y <= bottom);
        shapes.extend(inside.then_some(shape));
        return;
    };
    if path.points.iter().all(|p| p.y >= top && p.y <= bottom) {
        shapes.push(shape);
        return;
    }
    let stroke = path.stroke.clone();
    for pair in path.points.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let edge = |y: f32| crossing(a, b, y);
        if a.y.max(b.y) < top || a.y.min(b.y) > bottom {
            let y = if a.y.max(b.y) < top { top + width / 2.0 } else { bottom - width / 2.0 };
            shapes.push(Shape::line_segment([pos2(a.x, y), pos2(b.x, y)], Stroke::new(width, mark)));
            continue;
        }
        let end = |p: Pos2| {
            if p.y < top {
                edge(top)
            } else if p.y > bottom {
                edge(bottom)
            } else {
                p
            }
        };
        let line =
            eframe::egui::epaint::PathShape { points: vec![end(a), end(b)], stroke: stroke.clone(), ..path.clone() };
        shapes.push(Shape::Path(line));
        for (y, beyond) in [(top, a.y.min(b.y) < top), (bottom, a.y.max(b.y) > bottom)] {
            if beyond {
                shapes.push(Shape::circle_filled(edge(y), width, mark));
            }
        }
    }
}

/// Where the line from `a` to `b` crosses row `y`.
fn crossing(a: Pos2, b: Pos2, y: f32) -> Pos2 {
    let share = if b.y == a.y { 0.0 } else { ((y - a.y) / (b.y - a.y)).clamp(0.0, 1.0) };
    pos2(a.x + share * (b.x - a.x), y)
}

fn end_run(run: &mut Vec<Pos2>, width: f32, color: Color32, shapes: &mut Vec<Shape>) {
    match run.as_slice() {
        [] => {}
        [one] => shapes.push(Shape::circle_filled(*one, width / 2.0, color)),
        _ => shapes.push(Shape::line(run.clone(), Stroke::new(width, color))),
    }
    run.clear();
}

fn dots(packed: &Packed, picture: &Picture, lane: &PixelLane, radius: f32, mesh: &mut Mesh) {
    let radius = radius / picture.pixels_per_point;
    for column in picture.columns.clone() {
        let seen = |at: &Pos2| (lane.cut[0]..=lane.cut[1]).contains(&(at.y * picture.pixels_per_point));
        if let Some(center) = point(packed, picture, lane, column).filter(seen) {
            let color = if packed.marks()[column].exact { lane.exact } else { lane.estimate };
            mesh.add_colored_rect(Rect::from_center_size(center, eframe::egui::Vec2::splat(radius * 2.0)), color);
        }
    }
}
