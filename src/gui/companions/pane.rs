//! The panes of companions beneath the traces: a line with what it is and how it is aligned, and its lanes on the time axis
//! above. The mouse does over a pane what it does over the traces; Shift + drag moves another recording in time.

use eframe::egui::{
    self, Align, Align2, CursorIcon, FontId, Id, Layout, PointerButton, Pos2, Rect, Sense, Stroke, Ui, UiBuilder, Vec2,
};
use egui_plot::{Plot, PlotBounds};

use super::super::command::{Command, ViewCommand};
use super::super::controls::named;
use super::super::mouse::Mouse;
use super::super::settings::Wheel;
use super::super::state::Document;
use super::super::theme::{self, Colours};
use super::super::traces::{self, Lane, TimeAxis as TicksPerX};
use super::super::wording::{plural, significant};
use super::{Alignment, Companion, CompanionCommand, HEIGHTS};

/// The line above the lanes, and what is dragged to make a pane higher.
const HEAD: f32 = 22.0;
const GRIP: f32 = 5.0;
/// The traces keep at least this share of the height.
const LEFT_FOR_TRACES: f32 = 0.35;
/// Half the height of a lane that a trace fills.
const FILL: f64 = 0.42;
/// Lanes that are lower have no names, points.
const NAME_HEIGHT: f32 = 13.0;

/// Cuts `all` into the field of the traces and that of the panes under it.
pub(in super::super) fn split(document: &Document, all: Rect) -> (Rect, Rect) {
    let wanted: f32 = document.companions.list.iter().map(|c| c.height).sum();
    let height = wanted.min(all.height() * (1.0 - LEFT_FOR_TRACES));
    all.split_top_bottom_at_y(all.bottom() - height)
}

/// Draws the panes in `field`.
pub(in super::super) fn panes_ui(ui: &mut Ui, document: &Document, field: Rect, wheel: Wheel, out: &mut Vec<Command>) {
    let list = &document.companions.list;
    let wanted: f32 = list.iter().map(|c| c.height).sum();
    let share = field.height() / wanted.max(1.0);
    let mut top = field.top();
    for companion in list {
        let rect =
            Rect::from_min_size(Pos2::new(field.left(), top), Vec2::new(field.width(), companion.height * share));
        top = rect.bottom();
        let builder = UiBuilder::new().max_rect(rect).id_salt(("companion", companion.id));
        let mut ui = ui.new_child(builder);
        ui.set_clip_rect(rect.intersect(ui.clip_rect()));
        pane_ui(&mut ui, document, companion, rect, wheel, out);
    }
}

fn pane_ui(ui: &mut Ui, document: &Document, c: &Companion, rect: Rect, wheel: Wheel, out: &mut Vec<Command>) {
    let colours = Colours::of(ui);
    let send = |command| Command::Companion(command);
    ui.painter().rect_filled(rect, 0.0, ui.visuals().panel_fill);
    ui.painter().hline(rect.x_range(), rect.top(), Stroke::new(1.0, colours.separator));
    let grip = Rect::from_min_size(rect.min, Vec2::new(rect.width(), GRIP));
    let dragged = named(
        ui.interact(grip, Id::unique(("height of companion", c.id)), Sense::drag()),
        &format!("Height of {}", c.title()),
    );
    if dragged.hovered() || dragged.dragged() {
        ui.set_cursor_icon(CursorIcon::ResizeVertical);
    }
    if dragged.dragged() && dragged.drag_delta().y != 0.0 {
        let height = (c.height - dragged.drag_delta().y).clamp(*HEIGHTS.start(), *HEIGHTS.end());
        out.push(send(CompanionCommand::Height(c.id, height)));
    }
    let head = Rect::from_min_size(rect.min + Vec2::new(6.0, 1.0), Vec2::new(rect.width() - 12.0, HEAD));
    let mut line = ui.new_child(UiBuilder::new().max_rect(head).layout(Layout::left_to_right(Align::Center)));
    head_ui(&mut line, document, c, out);
    let field = Rect::from_min_max(Pos2::new(rect.left(), rect.top() + HEAD + 2.0), rect.max);
    if field.height() > 8.0 {
        lanes_ui(ui, document, c, field, wheel, out);
    }
}

/// What it is, how it is aligned, and the button that takes it away.
fn head_ui(ui: &mut Ui, document: &Document, c: &Companion, out: &mut Vec<Command>) {
    let stream = c.shown();
    ui.strong(c.title());
    let rate =
        if stream.time.rate_known() { crate::text::si(stream.time.rate_hz(), "Hz") } else { "rate unknown".to_owned() };
    let shown = c.channels();
    let channels = plural(stream.channels.len() as u64, "channel");
    let channels = if shown < stream.channels.len() { format!("{shown} of {channels}") } else { channels };
    ui.weak(format!("{channels} · {rate}"));
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        let close = named(ui.small_button("×"), &format!("Remove {}", c.title()));
        if close.on_hover_text("Show it no longer").clicked() {
            out.push(Command::Companion(CompanionCommand::Remove(c.id)));
        }
        if c.path.is_some() {
            align_ui(ui, document, c, out);
        }
    });
}

/// By the clock, or by so many seconds, from right to left.
fn align_ui(ui: &mut Ui, document: &Document, c: &Companion, out: &mut Vec<Command>) {
    let main = document.time();
    let mut align = |alignment| out.push(Command::Companion(CompanionCommand::Align(c.id, alignment)));
    let now = c.offset_secs(main);
    let id = Id::unique(("offset of companion", c.id));
    let mut text = ui.data(|d| d.get_temp::<String>(id)).unwrap_or_else(|| format!("{now:.6}"));
    ui.label("s");
    let field = ui.add(egui::TextEdit::singleline(&mut text).desired_width(96.0).char_limit(32));
    let field = named(field, &format!("Seconds by which {} begins later", c.title()));
    if field.lost_focus() {
        if let Some(secs) = text.trim().replace('−', "-").parse().ok().filter(|s: &f64| s.is_finite())
            && secs != now
        {
            align(Alignment::Seconds(secs));
        }
        ui.data_mut(|d| d.remove_temp::<String>(id));
    } else if field.has_focus() {
        ui.data_mut(|d| d.insert_temp(id, text));
    }
    ui.label("begins later by").on_hover_text("Shift + drag over the pane moves it");
    let able = c.has_clock(main);
    let clock = ui.add_enabled(able, egui::Button::selectable(c.alignment == Alignment::Clock, "By clock"));
    let clock = clock.on_disabled_hover_text("one of the recordings does not tell when it began");
    if clock.clicked() {
        align(Alignment::Clock);
    }
}

fn lanes_ui(ui: &mut Ui, document: &Document, c: &Companion, field: Rect, wheel: Wheel, out: &mut Vec<Command>) {
    let (colours, dark) = (Colours::of(ui), ui.visuals().dark_mode);
    let (view, main, own) = (&document.viewport, document.time(), &c.shown().time);
    let (start, end) = (c.tick_of(main, view.start_tick()), c.tick_of(main, view.end_tick()));
    let (span, count) = (view.ticks(), c.channels().max(1) as f64);
    let ticks_per_x = TicksPerX { origin_tick: start, ticks_per_x: (end - start) / span };
    let painter = ui.painter().with_clip_rect(field);
    painter.rect_filled(field, 0.0, colours.canvas);
    let per_point = (end - start) / f64::from(field.width().max(1.0));
    painter.extend(traces::gap_shapes_in(ui, field, start, per_point, own));
    outside(&painter, field, (start, end), own.end_tick(c.shown().frames) as f64, colours);
    let mut child = ui.new_child(UiBuilder::new().max_rect(field));
    let plot = Plot::new(("companion", c.id))
        .show_axes([false, false])
        .show_grid([false, false])
        .show_x(false)
        .show_y(false)
        .show_background(false)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_axis_zoom_drag(false)
        .allow_double_click_reset(false)
        .set_margin_fraction(Vec2::ZERO)
        .sense(Sense::click_and_drag());
    let lanes = lanes(c, dark);
    let shown = plot.show(&mut child, |plot| {
        plot.set_plot_bounds(PlotBounds::from_min_max([0.0, -count], [span, 0.0]));
        if let Some((_, packed)) = &c.picture {
            let name = format!("companion {}", c.id);
            plot.add(traces::item(packed.clone(), lanes.clone(), ticks_per_x).named(name));
        }
    });
    names(&painter, c, field, colours);
    let response = shown.response;
    let mouse = Mouse { document, rect: field };
    mouse.wheel_over(ui, &response, wheel, out);
    drag(ui, &response, &mouse, c, out);
    if let Some(at) = response.hover_pos().filter(|at| field.contains(*at)) {
        painter.vline(at.x, field.y_range(), Stroke::new(1.0, colours.muted.gamma_multiply(0.4)));
        let tick = c.tick_of(main, mouse.tick_at(at));
        if let Some(text) = value_at(c, tick, f64::from((at.y - field.top()) / field.height()) * count) {
            let place = field.right_bottom() - Vec2::new(6.0, 4.0);
            let galley = painter.layout_no_wrap(text, FontId::monospace(12.0), colours.ink);
            let place = Align2::RIGHT_BOTTOM.anchor_size(place, galley.size());
            painter.rect_filled(place.expand(3.0), 2.0, colours.canvas.gamma_multiply(0.9));
            painter.galley(place.min, galley, colours.ink);
        }
    }
    let about = format!("Traces of {}", c.title());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &about));
}

/// What lies before its start and behind its end is greyed: nothing was recorded there.
fn outside(painter: &egui::Painter, field: Rect, (start, end): (f64, f64), last: f64, colours: Colours) {
    let x = |tick: f64| field.left() + (((tick - start) / (end - start)).clamp(0.0, 1.0) as f32) * field.width();
    for (from, to) in [(field.left(), x(0.0)), (x(last), field.right())] {
        if to - from > 0.5 {
            let band = Rect::from_x_y_ranges(from..=to, field.y_range());
            painter.rect_filled(band, 0.0, colours.gap.gamma_multiply(0.35));
        }
    }
    if x(0.0) >= field.right() || x(last) <= field.left() {
        let text = "nothing of it lies here: align it, or go to where it is";
        painter.text(field.center(), Align2::CENTER_CENTER, text, FontId::proportional(12.0), colours.muted);
    }
}

fn lanes(c: &Companion, dark: bool) -> Vec<Lane> {
    let Some(fits) = &c.lanes else { return Vec::new() };
    let lane = |(i, &(middle, half)): (usize, &(f64, f64))| Lane {
        values: i,
        color: theme::palette(i, dark),
        center: -(i as f64 + 0.5),
        scale: FILL / half,
        baseline: middle,
        cut: Some([-(i as f64 + 1.0), -(i as f64)]),
    };
    fits.iter().enumerate().map(lane).collect()
}

/// Names, units and what the height of a lane is, or why there is nothing.
fn names(painter: &egui::Painter, c: &Companion, field: Rect, colours: Colours) {
    let state = match (&c.error, &c.picture) {
        (Some(error), _) => Some((error.clone(), colours.error)),
        (None, None) => Some(("reading…".to_owned(), colours.muted)),
        (None, Some((columns, _))) if columns.exact_share() < 1.0 => {
            let percent = (columns.exact_share() * 100.0).floor();
            Some((format!("estimate, {percent} % exact"), colours.muted))
        }
        _ => None,
    };
    if let Some((text, colour)) = state {
        let at = field.right_top() + Vec2::new(-8.0, 4.0);
        painter.text(at, Align2::RIGHT_TOP, text, FontId::proportional(12.0), colour);
    }
    let height = field.height() / c.channels().max(1) as f32;
    let step = (NAME_HEIGHT / height).ceil().max(1.0) as usize;
    for (i, channel) in c.shown().channels.iter().enumerate().take(c.channels()).step_by(step) {
        let unit = crate::text::unit(&channel.unit);
        let half = c.lanes.as_ref().and_then(|lanes| lanes.get(i)).map_or_else(String::new, |(middle, half)| {
            let reach = half / (2.0 * FILL);
            format!("  {} … {} {unit}", significant(middle - reach, 3), significant(middle + reach, 3))
        });
        let text = format!("{}{half}", channel.name);
        let at = Pos2::new(field.left() + 6.0, field.top() + (i as f32 + 0.5) * height);
        let galley = painter.layout_no_wrap(text, FontId::proportional(11.5), colours.ink);
        let place = Align2::LEFT_CENTER.anchor_size(at, galley.size());
        painter.rect_filled(place.expand2(Vec2::new(3.0, 0.0)), 2.0, colours.canvas.gamma_multiply(0.93));
        painter.galley(place.min, galley, colours.ink);
    }
}

/// Panning as over the traces; with Shift another recording is moved in time.
fn drag(ui: &Ui, response: &egui::Response, mouse: &Mouse<'_>, c: &Companion, out: &mut Vec<Command>) {
    if !response.dragged_by(PointerButton::Primary) || response.drag_delta().x == 0.0 {
        return;
    }
    let view = &mouse.document.viewport;
    let ticks = f64::from(response.drag_delta().x / mouse.rect.width()) * view.ticks();
    if ui.input(|i| i.modifiers.shift) && c.path.is_some() {
        let main = mouse.document.time();
        let secs = c.offset_secs(main) + ticks / main.rate_hz();
        out.push(Command::Companion(CompanionCommand::Align(c.id, Alignment::Seconds(secs))));
    } else {
        out.push(Command::View(ViewCommand::Pan(-ticks)));
    }
}

/// What the picture says about a lane at a tick of the companion's clock.
fn value_at(c: &Companion, tick: f64, row: f64) -> Option<String> {
    let (columns, _) = c.picture.as_ref()?;
    let time = &c.shown().time;
    if tick < 0.0 || tick >= time.end_tick(c.shown().frames) as f64 {
        return None;
    }
    let tick = tick.floor() as u64;
    let frame = time.frame_at_tick(tick);
    if time.tick_of_frame(frame) != tick {
        return Some("gap".to_owned());
    }
    let column = columns.edges.partition_point(|&e| e <= frame).checked_sub(1)?;
    let index = row.max(0.0) as usize;
    let channel = c.shown().channels.get(*columns.request.channels.get(index)?)?;
    let seen = columns.values.get(index)?.get(column)?.scaled(channel.scale);
    if seen.is_empty() {
        return None;
    }
    let about = if columns.exact.get(column) == Some(&true) { "" } else { "about " };
    let (unit, number) = (crate::text::unit(&channel.unit), crate::text::number);
    let value =
        if seen.min == seen.max { number(seen.min) } else { format!("{} … {}", number(seen.min), number(seen.max)) };
    Some(format!("{}: {about}{value} {unit}", channel.name))
}
