//! The middle of the window: the traces, and what the mouse does over them.

use eframe::egui::{self, Align2, Color32, FontId, Pos2, Rect, Sense, Stroke, Ui, Vec2};
use egui_plot::{Plot, PlotBounds};

use super::channels::Display;
use super::command::{AnnotationCommand, Command, ViewCommand};
use super::cursors::Near;
use super::displays;
use super::gap_hover::gap_at;
use super::mouse::Mouse;
use super::settings::Wheel;
use super::state::{Document, TimeFormat};
use super::theme::Colours;
use super::time_axis::TimeAxis;
use super::traces::{self, TimeAxis as TicksPerX};

/// Lane names are not drawn closer than this, points.
const NAME_HEIGHT: f32 = 14.0;
/// Bands of gaps that are narrower carry no text, points.
const GAP_TEXT: f64 = 110.0;
/// Half of what the title of the time axis takes, points.
const TITLE_HALF_WIDTH: f32 = 60.0;
/// How strong the colour of a trace without filters is behind the one with.
const DIMMED: f32 = 0.35;

/// Draws the traces, and the panes of companions beneath them.
pub(super) fn trace_ui(ui: &mut Ui, document: &Document, format: TimeFormat, wheel: Wheel, out: &mut Vec<Command>) {
    if document.companions.list.is_empty() {
        traces_ui(ui, document, format, wheel, out);
        return;
    }
    let (above, beneath) = super::companions::split(document, ui.available_rect_before_wrap());
    let mut traces = ui.new_child(egui::UiBuilder::new().max_rect(above));
    traces.set_clip_rect(above.intersect(ui.clip_rect()));
    traces_ui(&mut traces, document, format, wheel, out);
    super::companions::panes_ui(ui, document, beneath, wheel, out);
}

/// Draws the traces and collects what the mouse asks for.
fn traces_ui(ui: &mut Ui, document: &Document, format: TimeFormat, wheel: Wheel, out: &mut Vec<Command>) {
    let colours = Colours::of(ui);
    let axis = TimeAxis::new(document, format, ui.available_width());
    let channel_colours = document.channel_colours(ui.visuals().dark_mode);
    let mut cut = Vec::new();
    let (first, count) = displays::extent(document);
    let foot = super::event_rows::share_of(ui, document);
    let span = document.viewport.ticks();
    let ticks_per_x = TicksPerX { origin_tick: document.viewport.start_tick(), ticks_per_x: 1.0 };
    let plot = Plot::new("traces")
        .show_axes([true, false])
        .show_grid([true, false])
        .grid_color(colours.separator)
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
        .sense(Sense::click_and_drag())
        .x_grid_spacer(|_| axis.marks())
        .x_axis_formatter(|mark, _| axis.label(mark.value))
        .x_axis_label(axis.title());
    ui.painter().rect_filled(ui.available_rect_before_wrap(), 0.0, ui.visuals().panel_fill);
    let behind = ui.painter().add(egui::Shape::Noop);
    let shown = plot.show(ui, |plot| {
        let below = first + count / f64::from(1.0 - foot);
        plot.set_plot_bounds(PlotBounds::from_min_max([0.0, -below], [span, -first]));
        if document.lanes.display == Display::HeatMap {
            return;
        }
        let behind = document.filter.as_ref().filter(|f| f.shown && document.raw_is_comparable());
        if let Some((filter, (columns, packed))) = behind.and_then(|f| Some((f, f.picture.as_ref()?))) {
            let mut raw = displays::lanes(document, &columns.request.channels, &channel_colours);
            for lane in &mut raw {
                lane.color = lane.color.gamma_multiply(DIMMED);
                lane.baseline = filter.centres.get(columns.request.channels[lane.values]).copied().unwrap_or(0.0);
            }
            plot.add(traces::item(packed.clone(), raw, ticks_per_x).named("raw traces"));
        }
        if let Some((columns, packed)) = &document.pictures.view {
            let lanes = displays::lanes(document, &columns.request.channels, &channel_colours);
            cut = displays::cut_channels(document, columns, packed, &lanes);
            plot.add(traces::item(packed.clone(), lanes, ticks_per_x));
        }
    });
    let whole = *shown.transform.frame();
    let rect = displays::above(whole, foot);
    let gaps = traces::gap_shapes(ui, &shown.transform, ticks_per_x, document.time());
    let canvas = egui::Shape::rect_filled(whole, 0.0, colours.canvas);
    ui.painter().set(behind, egui::Shape::Vec(std::iter::once(canvas).chain(gaps).collect()));
    if (f64::from(rect.width()) - document.viewport.width_points()).abs() > 0.5 {
        out.push(Command::View(ViewCommand::Width(rect.width())));
    }
    let over = Overlay { document, rect, colours };
    let painter = ui.painter().with_clip_rect(rect);
    displays::heat_lanes_ui(ui, &painter, document, rect);
    displays::logic_ui(ui, &painter, document, rect, &channel_colours);
    over.gap_lengths(&painter);
    over.selection(&painter);
    if document.lanes.display == Display::Butterfly {
        displays::axis_ui(&painter, document, rect, colours);
    } else {
        over.lane_names(&painter);
    }
    over.state(&painter, &cut);
    let response = shown.response;
    super::found::marks_ui(ui, document, rect);
    let annotated = super::annotation_marks::marks_ui(ui, document, rect);
    over.goal(&painter);
    over.playhead(&painter);
    if document.lanes.display == Display::Stacked {
        over.scale_bar(&painter);
    }
    super::event_rows::rows_ui(ui, document, whole, rect);
    over.readout(ui.painter(), &response, &axis, whole.right_bottom());
    super::reading::reading_ui(ui, document, &axis, rect, &response);
    let mouse = Mouse { document, rect };
    let hovered = response.hover_pos().filter(|at| rect.contains(*at));
    let at = hovered.map(|at| (mouse.tick_at(at).max(0.0) as u64, mouse.near(at)));
    ui.data_mut(|data| data.insert_temp(pointer_id(), at));
    super::cursors::cursors_ui(ui, document, rect, &axis, out);
    if response.clicked()
        && let Some(at) = response.interact_pointer_pos()
    {
        let id = annotated.under(at);
        if id.is_some() || document.notes.selected.is_some() {
            out.push(Command::Annotation(AnnotationCommand::Select(id)));
        }
    }
    mouse.wheel(ui, &response, wheel, out);
    mouse.drag(ui, &response, (&painter, colours), &annotated, out);
    let response = super::gap_hover::gap_hover(response, &mouse, &axis);
    let mut about = format!("Traces: {}. Wheel zooms, drag pans, shift-drag selects.", axis.describe());
    if !cut.is_empty() {
        about = format!("{about} {}.", cut_text(document, &cut));
    }
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &about));
}

fn pointer_id() -> egui::Id {
    egui::Id::unique("tick under the pointer")
}

/// The tick that was under the pointer in the last frame, if that was over the traces.
pub(super) fn pointer_tick(ctx: &egui::Context) -> Option<u64> {
    ctx.data(|data| data.get_temp::<Option<(u64, Option<Near>)>>(pointer_id())).flatten().map(|at| at.0)
}

/// The channel that was under it, and how far from it is near.
pub(super) fn pointer_near(ctx: &egui::Context) -> Option<Near> {
    ctx.data(|data| data.get_temp::<Option<(u64, Option<Near>)>>(pointer_id())).flatten().and_then(|at| at.1)
}

/// What is painted over the traces.
struct Overlay<'a> {
    document: &'a Document,
    rect: Rect,
    colours: Colours,
}

impl Overlay<'_> {
    fn x(&self, tick: f64) -> f32 {
        let view = &self.document.viewport;
        self.rect.left() + ((tick - view.start_tick()) / view.ticks()) as f32 * self.rect.width()
    }

    fn y(&self, row: f64) -> f32 {
        let lanes = &self.document.lanes;
        self.rect.top() + ((row - lanes.first) / lanes.count) as f32 * self.rect.height()
    }

    /// The length of a gap, where its band has room for it.
    fn gap_lengths(&self, painter: &egui::Painter) {
        let view = &self.document.viewport;
        let time = self.document.time();
        let width = f64::from(self.rect.width());
        for (left, right) in traces::gap_bands(time, view.start_tick(), view.ticks() / width, width) {
            if right - left < GAP_TEXT {
                continue;
            }
            let middle = view.start_tick() + f64::midpoint(left, right) / width * view.ticks();
            let Some(gap) = gap_at(time, middle.max(0.0) as u64) else { continue };
            let text = format!("gap: {} missing", crate::text::duration(gap.missing_frames as f64 / time.rate_hz()));
            let at = Pos2::new(self.rect.left() + f64::midpoint(left, right) as f32, self.rect.top() + 6.0);
            painter.text(at, Align2::CENTER_TOP, text, FontId::proportional(12.0), self.colours.muted);
        }
    }

    fn selection(&self, painter: &egui::Painter) {
        let Some(ticks) = &self.document.selection else { return };
        let (left, right) = (self.x(ticks.start as f64), self.x(ticks.end as f64));
        let band = Rect::from_x_y_ranges(left..=right, self.rect.y_range()).intersect(self.rect);
        if band.is_positive() {
            painter.rect_filled(band, 0.0, self.colours.selection);
            let stroke = Stroke::new(1.0, self.colours.accent);
            painter.vline(left, self.rect.y_range(), stroke);
            painter.vline(right, self.rect.y_range(), stroke);
        }
    }

    /// Names and units at the left edge, thinned out where lanes are narrower than a line of text.
    fn lane_names(&self, painter: &egui::Painter) {
        let stack = self.document.stack();
        let channels = &self.document.shown().channels;
        let ground = self.colours.canvas.gamma_multiply(0.93);
        let mut free_from = f32::NEG_INFINITY;
        for row in self.document.lanes_on_screen() {
            let span = stack.span(row);
            let middle = self.y(f64::midpoint(span.start, span.end));
            if middle < free_from {
                continue;
            }
            free_from = middle + NAME_HEIGHT;
            let channel = &channels[stack.channels()[row]];
            let text = match channel.unit.as_str() {
                "" => channel.name.clone(),
                unit => format!("{} ({})", channel.name, crate::text::unit(unit)),
            };
            let at = Pos2::new(self.rect.left() + 6.0, middle);
            let font = FontId::proportional(11.5);
            let galley = painter.layout_no_wrap(text, font, self.colours.ink);
            let place = Align2::LEFT_CENTER.anchor_size(at, galley.size());
            painter.rect_filled(place.expand2(Vec2::new(3.0, 0.0)), 2.0, ground);
            painter.galley(place.min, galley, self.colours.ink);
        }
    }

    /// Says when the picture is an estimate, or why there is none.
    fn state(&self, painter: &egui::Painter, cut: &[usize]) {
        let pictures = &self.document.pictures;
        let (text, colour) = match (&pictures.error, &pictures.view) {
            (Some(error), _) => (error.clone(), self.colours.error),
            (None, None) => ("reading…".to_owned(), self.colours.muted),
            (None, Some((columns, _))) if columns.exact_share() < 1.0 => {
                let percent = (columns.exact_share() * 100.0).floor();
                (format!("estimate, {percent} % exact"), self.colours.muted)
            }
            _ if self.document.visible_channels().is_empty() => {
                ("every channel is hidden: choose some in the list on the left".to_owned(), self.colours.muted)
            }
            _ if !cut.is_empty() => (cut_text(self.document, cut), self.colours.warning),
            _ => return,
        };
        let galley = painter.layout_no_wrap(text, FontId::proportional(12.0), colour);
        let place = Align2::RIGHT_TOP.anchor_size(self.rect.right_top() + Vec2::new(-8.0, 6.0), galley.size());
        painter.rect_filled(place.expand2(Vec2::new(4.0, 1.0)), 2.0, self.colours.canvas.gamma_multiply(0.88));
        painter.galley(place.min, galley, colour);
    }

    /// The place that was gone to.
    fn goal(&self, painter: &egui::Painter) {
        if let Some(tick) = self.document.pictures.goal {
            painter.vline(self.x(tick as f64 + 0.5), self.rect.y_range(), Stroke::new(1.0, self.colours.accent));
        }
    }

    /// Where playing is.
    fn playhead(&self, painter: &egui::Painter) {
        if let Some(playing) = &self.document.playing {
            painter.vline(self.x(playing.tick), self.rect.y_range(), Stroke::new(2.0, self.colours.accent));
        }
    }

    /// How high a round value is drawn, in the first lane's unit, at the right edge.
    fn scale_bar(&self, painter: &egui::Painter) {
        let (stack, lanes) = (self.document.stack(), &self.document.lanes);
        // Levels have no scale.
        let is_line = |channel: &&usize| !self.document.channels[**channel].is_logic();
        let first = stack.channels()[self.document.lanes_on_screen()].iter().find(is_line);
        let (Some(_), Some(&channel)) = (&lanes.half_range, first) else { return };
        let lane = f64::from(self.rect.height()) / lanes.count;
        // With the gain of that channel: it is in its lane that the bar is read.
        let points_per_unit = lane * displays::scale_of(self.document, channel).abs();
        let room = (f64::from(self.rect.height()) * 0.25).min(lane.max(40.0));
        let value = crate::picture::axis::round_down(room / points_per_unit);
        let height = (value * points_per_unit) as f32;
        if !(value > 0.0 && height.is_finite()) {
            return;
        }
        let unit = &self.document.shown().channels[channel].unit;
        let text = format!("{} {}", crate::picture::axis::number(value, value), crate::text::unit(unit));
        let galley = painter.layout_no_wrap(text.trim().to_owned(), FontId::proportional(12.0), self.colours.ink);
        let foot = self.rect.right_bottom() + Vec2::new(-12.0, -10.0);
        let place = Align2::RIGHT_CENTER.anchor_size(foot + Vec2::new(-8.0, -height / 2.0), galley.size());
        let ground = Rect::from_two_pos(foot + Vec2::new(4.0, 4.0), place.min.min(foot - Vec2::new(0.0, height + 4.0)));
        painter.rect_filled(ground.union(place).expand(2.0), 2.0, self.colours.canvas.gamma_multiply(0.8));
        let stroke = Stroke::new(2.0, self.colours.ink);
        painter.vline(foot.x, foot.y - height..=foot.y, stroke);
        painter.galley(place.min, galley, self.colours.ink);
    }

    /// Time and value under the pointer.
    fn readout(&self, painter: &egui::Painter, response: &egui::Response, axis: &TimeAxis<'_>, corner: Pos2) {
        let Some(pointer) = response.hover_pos().filter(|p| self.rect.contains(*p)) else { return };
        let mouse = Mouse { document: self.document, rect: self.rect };
        let tick = mouse.tick_at(pointer).max(0.0) as u64;
        let mut text = axis.precise(tick);
        if let Some(value) = mouse.channel_at(pointer).and_then(|channel| self.value_at(tick, channel)) {
            text = format!("{text}   {value}");
        }
        painter.vline(pointer.x, self.rect.y_range(), Stroke::new(1.0, self.colours.muted.gamma_multiply(0.4)));
        // In the row of the axis' title, where it covers no trace.
        let at = corner + Vec2::new(-8.0, 34.0);
        let galley = painter.layout_no_wrap(text, FontId::monospace(12.0), self.colours.ink);
        let place = Align2::RIGHT_BOTTOM.anchor_size(at, galley.size());
        let ground = painter.ctx().global_style().visuals.panel_fill;
        // From below the labels of the marks down to the edge, so that no half of a title is left.
        let mut covered = place.expand2(Vec2::new(3.0, 2.0));
        if covered.left() < self.rect.center().x + TITLE_HALF_WIDTH {
            // All of the title, rather than its end.
            covered.set_left(covered.left().min(self.rect.center().x - TITLE_HALF_WIDTH));
        }
        painter.rect_filled(covered, 2.0, ground);
        painter.galley(place.min, galley, Color32::PLACEHOLDER);
    }

    /// What the picture says about a channel at `tick`.
    fn value_at(&self, tick: u64, channel: usize) -> Option<String> {
        let (columns, _) = self.document.pictures.view.as_ref()?;
        let time = self.document.time();
        let frame = time.frame_at_tick(tick);
        if time.tick_of_frame(frame) != tick {
            return Some("gap".to_owned());
        }
        let column = columns.edges.partition_point(|&e| e <= frame).checked_sub(1)?;
        let index = columns.request.channels.iter().position(|&c| c == channel)?;
        let info = &self.document.shown().channels[channel];
        let seen = columns.values.get(index)?.get(column)?.scaled(info.scale);
        if seen.is_empty() {
            return None;
        }
        let about = if columns.exact.get(column) == Some(&true) { "" } else { "about " };
        let unit = crate::text::unit(&info.unit);
        let number = crate::text::number;
        let samples = columns.edges.get(column + 1).map_or(1, |end| end - columns.edges[column]);
        Some(if samples <= 1 {
            format!("{}: {about}{} {unit}", info.name, number(seen.min))
        } else {
            let of = super::wording::count(samples);
            format!("{}: {about}{} … {} {unit} in {of} samples", info.name, number(seen.min), number(seen.max))
        })
    }
}

/// Whose traces are cut, in words.
fn cut_text(document: &Document, cut: &[usize]) -> String {
    match cut {
        [one] => format!("{} is cut where it reaches farther", document.shown().channels[*one].name),
        many => format!("{} traces are cut where they reach farther", many.len()),
    }
}
