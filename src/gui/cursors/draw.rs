//! The cursors over the traces: a line with its letter at the foot, a dot on each trace, and between them what lies
//! between.

use eframe::egui::{
    self, Align2, Color32, CursorIcon, EventFilter, FontId, Id, Key, Painter, Pos2, Rect, Sense, Stroke, Ui, Vec2, pos2,
};

use super::super::channels::Display;
use super::super::command::Command;
use super::super::displays;
use super::super::mouse::Mouse;
use super::super::state::Document;
use super::super::theme::Colours;
use super::super::time_axis::TimeAxis;
use super::super::wording::{count, significant};
use super::table::delta_text;
use super::{CursorCommand, Which};

/// The letter's field at the foot of a line.
const FLAG: Vec2 = Vec2::new(18.0, 18.0);
/// Dots on traces are drawn where there are at most so many.
const MAX_DOTS: usize = 64;
const DOT: f32 = 3.0;
/// An arrow key moves a cursor by so many points, with Shift by this many times more.
const STEP: f64 = 1.0;
const STRIDE: f64 = 10.0;

/// Draws the cursors in `rect`, the field of the traces; their letters are dragged, and moved by the arrow keys.
pub(in super::super) fn cursors_ui(
    ui: &Ui,
    document: &Document,
    rect: Rect,
    axis: &TimeAxis<'_>,
    out: &mut Vec<Command>,
) {
    let cursors = &document.cursors;
    if cursors.at == [None, None] {
        return;
    }
    let colours = Colours::of(ui);
    let painter = ui.painter().with_clip_rect(rect);
    let mouse = Mouse { document, rect };
    for which in Which::ALL {
        let Some(tick) = cursors.get(which) else { continue };
        let x = mouse.x_of(tick as f64 + 0.5);
        if !rect.x_range().contains(x) {
            continue;
        }
        let stroke = Stroke::new(1.5, colours.accent);
        let ends = [pos2(x, rect.top()), pos2(x, rect.bottom())];
        if which == Which::A {
            painter.line_segment(ends, stroke);
        } else {
            // Told apart without colour, too.
            painter.extend(egui::Shape::dashed_line(&ends, stroke, 8.0, 4.0));
        }
        dots(&painter, document, which, x, &mouse, colours, ui.visuals().dark_mode);
        flag_ui(ui, &mouse, which, x, &axis.precise(tick), colours, out);
    }
    between(&painter, document, &mouse, colours, ui.input(|i| i.pointer.hover_pos()));
}

/// The letter of a cursor: a control that is dragged or, with the focus, moved by keys.
fn flag_ui(ui: &Ui, mouse: &Mouse<'_>, which: Which, x: f32, at: &str, colours: Colours, out: &mut Vec<Command>) {
    let flag = Rect::from_center_size(pos2(x, mouse.rect.bottom() - FLAG.y / 2.0), FLAG);
    let id = Id::unique(("cursor", which.title()));
    let response = ui.interact(flag, id, Sense::click_and_drag());
    let painter = ui.painter().with_clip_rect(mouse.rect);
    painter.rect_filled(flag, 3.0, colours.accent);
    let ink = if ui.visuals().dark_mode { Color32::BLACK } else { Color32::WHITE };
    painter.text(flag.center(), Align2::CENTER_CENTER, which.title(), FontId::proportional(12.5), ink);
    if response.has_focus() {
        painter.rect_stroke(flag.expand(2.0), 4.0, Stroke::new(2.0, colours.ink), egui::StrokeKind::Outside);
        let filter = EventFilter { horizontal_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|m| m.set_focus_lock_filter(id, filter));
        let (left, right, shift) =
            ui.input(|i| (i.key_pressed(Key::ArrowLeft), i.key_pressed(Key::ArrowRight), i.modifiers.shift));
        let points = if shift { STRIDE * STEP } else { STEP };
        for points in [(left, -points), (right, points)].into_iter().filter(|(pressed, _)| *pressed).map(|p| p.1) {
            out.push(Command::Cursor(CursorCommand::Step { which, points }));
        }
    }
    if response.dragged()
        && let Some(pointer) = response.interact_pointer_pos()
    {
        let tick = mouse.tick_at(pointer).max(0.0) as u64;
        out.push(Command::Cursor(CursorCommand::Place { which, tick, near: mouse.near(pointer) }));
    }
    if response.hovered() || response.dragged() {
        ui.set_cursor_icon(CursorIcon::ResizeHorizontal);
    }
    let about = format!("Cursor {} at {at}", which.title());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Slider, true, &about));
}

/// A dot on each trace where a cursor meets its sample.
fn dots(painter: &Painter, document: &Document, which: Which, x: f32, mouse: &Mouse<'_>, colours: Colours, dark: bool) {
    let values = document.to_probe().and_then(|wanted| document.cursors.current(&wanted));
    let Some(values) = values.filter(|values| values.of.channels.len() <= MAX_DOTS) else { return };
    if document.lanes.display == Display::HeatMap {
        return;
    }
    for lane in displays::lanes(document, &values.of.channels, &document.channel_colours(dark)) {
        let Some(value) = values.at[which as usize].get(lane.values).copied().flatten() else { continue };
        let height = lane.center + (value - lane.baseline) * lane.scale;
        let is_cut = lane.cut.is_some_and(|[low, high]| !(low..=high).contains(&height));
        let y = mouse.y_of(-height);
        if !is_cut && mouse.rect.y_range().contains(y) {
            painter.circle(pos2(x, y), DOT, lane.color, Stroke::new(1.0, colours.canvas));
        }
    }
}

/// What lies between the cursors, on a line between them at the foot, or beside B where there is no room.
fn between(painter: &Painter, document: &Document, mouse: &Mouse<'_>, colours: Colours, pointer: Option<Pos2>) {
    let cursors = &document.cursors;
    let (Some(ticks), [Some(a), Some(b)]) = (cursors.between(), cursors.at) else { return };
    let (left, right) = (mouse.x_of(a.min(b) as f64 + 0.5), mouse.x_of(a.max(b) as f64 + 0.5));
    let rect = mouse.rect;
    if right < rect.left() || left > rect.right() {
        return;
    }
    let time = document.time();
    let mut text = if time.rate_known() {
        let hz = time.rate_hz() / ticks.unsigned_abs().max(1) as f64;
        let hz = if ticks == 0 { String::new() } else { format!("   {} Hz", significant(hz, 5)) };
        format!("Δ {}{hz}", delta_text(ticks, time.rate_hz()))
    } else {
        format!("Δ {} frames", count(ticks.unsigned_abs() as u64))
    };
    if let Some(difference) = pointer.and_then(|at| of_lane(document, mouse, at)) {
        text = format!("{text}   {difference}");
    }
    // Above the letters, so that it covers neither.
    let galley = painter.layout_no_wrap(text, FontId::monospace(12.0), colours.ink);
    let y = rect.bottom() - FLAG.y - galley.size().y / 2.0 - 8.0;
    let (seen_left, seen_right) = (left.max(rect.left()), right.min(rect.right()));
    painter.hline(seen_left..=seen_right, y, Stroke::new(1.0, colours.accent));
    let half = galley.size().x / 2.0 + 4.0;
    let middle = f32::midpoint(seen_left, seen_right);
    let middle = middle.clamp(rect.left() + half, (rect.right() - half).max(rect.left() + half));
    let at = Align2::CENTER_CENTER.anchor_size(pos2(middle, y), galley.size());
    painter.rect_filled(at.expand(3.0), 3.0, colours.canvas.gamma_multiply(0.93));
    painter.galley(at.min, galley, colours.ink);
}

/// The difference on the channel under the pointer.
fn of_lane(document: &Document, mouse: &Mouse<'_>, pointer: Pos2) -> Option<String> {
    let channel = mouse.channel_at(pointer)?;
    let values = document.cursors.current(&document.to_probe()?)?;
    let i = values.of.channels.iter().position(|&c| c == channel)?;
    let [Some(a), Some(b)] = Which::ALL.map(|which| values.at[which as usize].get(i).copied().flatten()) else {
        return None;
    };
    let channel = document.shown().channels.get(channel)?;
    let unit = crate::text::unit(&channel.unit);
    Some(format!("{}: Δ {} {unit}", channel.name, crate::text::number(b - a)))
}
