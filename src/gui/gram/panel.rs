//! The panel: a line of controls with the colour bar, and the picture with frequencies at its left edge.

use std::hash::{DefaultHasher, Hasher as _};
use std::ops::Range;

use eframe::egui::{self, Align2, Color32, ColorImage, ComboBox, FontId, Pos2, Rect, Sense, Stroke, Ui, Vec2, vec2};

use super::super::command::{Command, PanelCommand, ViewCommand};
use super::super::command_line::spectrogram_line;
use super::super::controls::named;
use super::super::heat::HeatTexture;
use super::super::result_view::curves_ui;
use super::super::state::{Document, TimeFormat};
use super::super::theme::Colours;
use super::super::time_axis::TimeAxis;
use super::super::traces;
use super::super::wording::significant;
use super::{GramCommand, GramPanel, Picture, WINDOWS};
use crate::analysis::spectrogram::{Cut, State};
use crate::picture::axis::value_ticks;
use crate::picture::heat::decades;

/// One notch of the wheel (about 50 points) zooms by this factor, as over the traces.
const WHEEL_ZOOM: f64 = 1.25;
/// Rows of the texture, at most.
const MOST_ROWS: usize = 768;
/// Of a spectrum under the pointer, the lines between readings.
const LABEL_EVERY: f32 = 34.0;
/// What the colour bar takes with its labels, points.
const BAR_WIDTH: f32 = 270.0;
/// How far an estimate is dimmed.
const ESTIMATE: f32 = 0.6;

/// What is kept for drawing.
#[derive(Default)]
pub(super) struct Kept {
    texture: HeatTexture,
    range: Option<(u64, Range<f32>)>,
    /// Why the picture has no colours, if it has none.
    blank: Option<&'static str>,
}

/// Draws the panel.
pub(in super::super) fn panel_ui(
    ui: &mut Ui,
    document: &Document,
    panel: &mut GramPanel,
    format: TimeFormat,
    out: &mut Vec<Command>,
) {
    let Some(channel) = panel.channel(document) else {
        ui.weak("No channel is shown: show one in the list at the left.");
        return;
    };
    let shown = &document.pictures.gram;
    let current = |p: &&Picture| (p.pyramid.channel(), p.pyramid.cut()) == (channel, panel.cut);
    let picture = shown.picture.as_ref().filter(current);
    if let Some(picture) = picture {
        let key = key_of(&(picture.serial, format!("{:?}", panel.style.limits)));
        if panel.kept.range.as_ref().is_none_or(|(kept, _)| *kept != key) {
            panel.kept.range = Some((key, panel.style.limits.over(picture.view.values.iter())));
            panel.kept.blank = why_blank(&picture.view.values);
        }
    }
    controls_ui(ui, document, panel, channel, picture, out);
    let (rect, response) = ui.allocate_exact_size(ui.available_size(), Sense::click_and_drag());
    let place = Place { document, rect, log: panel.log };
    place.ground(ui);
    if let Some(picture) = picture {
        place.picture(ui, picture, panel);
        place.frequencies(ui, picture);
    }
    place.marks(ui, picture, panel.kept.blank, &response, format);
    place.mouse(ui, &response, out);
    let name = &document.shown().channels[channel].name;
    let about = format!("Spectrogram of {name}. A click shows the spectrum there; wheel zooms, drag pans.");
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &about));
    spectrum_ui(ui, rect, document, panel, format, out);
}

/// No empty picture without a reason.
fn why_blank(values: &[f32]) -> Option<&'static str> {
    if values.iter().any(|v| v.is_finite()) {
        None
    } else if values.iter().any(|v| v.is_infinite()) {
        Some("no power here: the values do not change")
    } else {
        Some("no spectrum here: only gaps, or values that are not numbers (NaN)")
    }
}

fn key_of(what: &impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

fn command(command: GramCommand) -> Command {
    Command::Panel(PanelCommand::Spectrogram(command))
}

fn controls_ui(
    ui: &mut Ui,
    document: &Document,
    panel: &mut GramPanel,
    channel: usize,
    picture: Option<&Picture>,
    out: &mut Vec<Command>,
) {
    // What is at the right comes first, so that a narrow panel wraps the rest instead of losing the button.
    let size = vec2(ui.available_width(), ui.spacing().interact_size.y);
    ui.allocate_ui_with_layout(size, egui::Layout::right_to_left(egui::Align::Min), |ui| {
        ui.add_space(6.0);
        if let Some(picture) = picture {
            progress_ui(ui, document, picture, out);
        }
        let size = vec2(ui.available_width(), ui.spacing().interact_size.y);
        let wrapped = egui::Layout::left_to_right(egui::Align::Center).with_main_wrap(true);
        ui.allocate_ui_with_layout(size, wrapped, |ui| choices_ui(ui, document, panel, channel, picture.is_some()));
    });
}

/// What is shown and how, and what the colours mean.
fn choices_ui(ui: &mut Ui, document: &Document, panel: &mut GramPanel, channel: usize, has_picture: bool) {
    let stream = document.shown();
    ui.add_space(6.0);
    let combo = ComboBox::from_id_salt("gram channel").width(88.0).selected_text(&stream.channels[channel].name);
    let response = combo.show_ui(ui, |ui| {
        ui.selectable_value(&mut panel.channel, None, "Uppermost on the screen");
        for c in document.visible_channels() {
            ui.selectable_value(&mut panel.channel, Some(c), &stream.channels[c].name);
        }
    });
    named(response.response, "Channel of the spectrogram").on_hover_text("The channel whose frequencies are shown");
    window_ui(ui, panel, stream.time.rate_hz(), stream.time.rate_known());
    if let Some(line) = spectrogram_line(document, channel, panel.cut) {
        let copy = named(ui.button("Copy command"), "Copy the command line of the spectrogram");
        if copy.on_hover_text(line.to_string()).clicked() {
            ui.ctx().copy_text(line.to_string());
        }
    }
    ui.checkbox(&mut panel.log, "Log").on_hover_text("Equal distances of frequency are equal ratios");
    let range = panel.kept.range.as_ref().map(|(_, range)| range.clone());
    panel.style.controls(ui, range.as_ref());
    if let Some(range) = range.filter(|_| has_picture) {
        let unit = crate::text::unit(&stream.channels[channel].unit);
        let per = if stream.time.rate_known() { "Hz" } else { "(cycle/frame)" };
        let title = format!("dB re {}/{per}", if unit.is_empty() { "1".to_owned() } else { format!("{unit}²") });
        if ui.available_size_before_wrap().x < BAR_WIDTH {
            ui.end_row();
            ui.add_space(6.0);
        }
        panel.style.bar_across(ui, &range, &title);
    }
}

fn window_ui(ui: &mut Ui, panel: &mut GramPanel, rate: f64, known: bool) {
    let text = |window: usize| {
        let length = crate::picture::axis::duration(window as f64 / rate);
        if known { format!("{window} frames, {length}") } else { format!("{window} frames") }
    };
    let combo = ComboBox::from_id_salt("gram window").width(64.0).selected_text(panel.cut.window.to_string());
    let response = combo.show_ui(ui, |ui| {
        for window in WINDOWS {
            let cut = Cut { window, hop: window as u64 / 2, taper: "hann" };
            ui.selectable_value(&mut panel.cut, cut, text(window));
        }
    });
    named(response.response, "Window of the spectrogram")
        .on_hover_text("Frames of a window: long ones tell frequencies apart, short ones moments");
}

/// How much of a long recording is worked out, and the button that pauses it.
fn progress_ui(ui: &mut Ui, document: &Document, picture: &Picture, out: &mut Vec<Command>) {
    let coverage = picture.pyramid.coverage();
    if coverage >= 1.0 {
        return;
    }
    let paused = document.pictures.gram.paused;
    let text = if paused { "Go on" } else { "Pause" };
    let hover = "What is worked out is kept, and is not worked out again";
    if ui.button(text).on_hover_text(hover).clicked() {
        out.push(command(GramCommand::Pause(!paused)));
    }
    let percent = (coverage * 100.0).floor();
    let text = if paused { format!("paused at {percent} %") } else { format!("{percent} %") };
    ui.weak(text)
        .on_hover_text("Share of the recording whose spectra are known; the rest is an estimate, drawn dimmer");
}

/// The area of the picture.
struct Place<'a> {
    document: &'a Document,
    rect: Rect,
    log: bool,
}

impl Place<'_> {
    fn x(&self, tick: f64) -> f32 {
        let view = &self.document.viewport;
        self.rect.left() + ((tick - view.start_tick()) / view.ticks()) as f32 * self.rect.width()
    }

    fn tick_at(&self, at: Pos2) -> f64 {
        let view = &self.document.viewport;
        view.start_tick() + f64::from((at.x - self.rect.left()) / self.rect.width()) * view.ticks()
    }

    /// The frequencies at the foot and at the top.
    fn range_hz(&self, picture: &Picture) -> (f64, f64) {
        let borders = &picture.view.borders_hz;
        let high = borders.last().copied().unwrap_or(1.0).max(f64::MIN_POSITIVE);
        let low = if self.log { borders.get(1).copied().unwrap_or(high / 2.0) } else { 0.0 };
        (low.min(high / 2.0), high)
    }

    fn hz(&self, picture: &Picture, share: f64) -> f64 {
        let (low, high) = self.range_hz(picture);
        if self.log { low * (high / low).powf(share) } else { low + share * (high - low) }
    }

    fn share(&self, picture: &Picture, hz: f64) -> f64 {
        let (low, high) = self.range_hz(picture);
        if self.log { (hz / low).ln() / (high / low).ln() } else { (hz - low) / (high - low) }
    }

    /// The canvas and the gaps on it.
    fn ground(&self, ui: &Ui) {
        let painter = ui.painter().with_clip_rect(self.rect);
        painter.rect_filled(self.rect, 0.0, Colours::of(ui).canvas);
        let view = &self.document.viewport;
        let per_point = view.ticks() / f64::from(self.rect.width());
        painter.extend(traces::gap_shapes_in(ui, self.rect, view.start_tick(), per_point, self.document.time()));
    }

    fn picture(&self, ui: &Ui, picture: &Picture, panel: &mut GramPanel) {
        let Some((_, range)) = &panel.kept.range else { return };
        let side = ui.input(|i| i.max_texture_side);
        // No more texels than pixels: those between would not be drawn, and lines with them.
        let per_point = ui.ctx().pixels_per_point();
        let height = ((self.rect.height() * per_point) as usize).clamp(1, MOST_ROWS.min(side));
        let view = &self.document.viewport;
        let per_pixel = view.ticks() / f64::from((self.rect.width() * per_point).max(1.0));
        let group = (per_pixel / (1_u64 << picture.view.shift) as f64).ceil().clamp(1.0, 64.0) as usize;
        let width = picture.view.states.len().div_ceil(group).clamp(1, side);
        let canvas = Colours::of(ui).canvas;
        let key = key_of(&(
            picture.serial,
            self.log,
            panel.style.map,
            (width, height),
            canvas,
            range.start.to_bits(),
            range.end.to_bits(),
        ));
        let style = panel.style.clone();
        let texture = panel.kept.texture.get(ui, key, || {
            let rows = self.rows(picture, height);
            image(picture, &rows, width, |value, state| {
                let colour = style.colour(value, range);
                if state == State::Estimate && colour.a() > 0 { canvas.lerp_to_gamma(colour, ESTIMATE) } else { colour }
            })
        });
        // Cut to the screen before it becomes points: at deep zoom the rest of the picture is millions of them away.
        let ticks = picture.view.ticks();
        let (start, end) = (ticks.start as f64, ticks.end as f64);
        let (from, to) = (start.max(view.start_tick()), end.min(view.end_tick()));
        if from < to {
            let u = |tick: f64| ((tick - start) / (end - start)) as f32;
            let uv = Rect::from_min_max(Pos2::new(u(from), 0.0), Pos2::new(u(to), 1.0));
            let at = Rect::from_x_y_ranges(self.x(from)..=self.x(to), self.rect.y_range());
            ui.painter().with_clip_rect(self.rect).image(texture, at, uv, Color32::WHITE);
        }
    }

    /// The rows of the spectrogram in each row of the texture, from the top.
    fn rows(&self, picture: &Picture, height: usize) -> Vec<Range<usize>> {
        let borders = &picture.view.borders_hz;
        let rows = picture.view.rows();
        let row_of = |hz: f64| borders.partition_point(|&b| b <= hz).clamp(1, rows.max(1)) - 1;
        (0..height)
            .map(|y| {
                let share = |edge: usize| 1.0 - edge as f64 / height as f64;
                let (low, high) = (row_of(self.hz(picture, share(y + 1))), row_of(self.hz(picture, share(y))));
                // A row that only begins at the upper edge belongs to the pixel above.
                low..if y == 0 { rows } else { high.max(low + 1) }
            })
            .collect()
    }

    /// Frequencies at the left edge, over the picture, as the names of the traces are.
    fn frequencies(&self, ui: &Ui, picture: &Picture) {
        let (low, high) = self.range_hz(picture);
        let colours = Colours::of(ui);
        let count = ((self.rect.height() / LABEL_EVERY) as usize).clamp(2, 9);
        let ticks = if self.log { decades(low, high, count) } else { value_ticks(low..high, count) };
        let painter = ui.painter().with_clip_rect(self.rect);
        let known = self.document.time().rate_known();
        for tick in ticks {
            let y = self.rect.bottom() - self.share(picture, tick.value) as f32 * self.rect.height();
            let text = if known { crate::text::si(tick.value, "Hz") } else { tick.label };
            let galley = painter.layout_no_wrap(text, FontId::proportional(11.5), colours.ink);
            let y = y.clamp(self.rect.top() + 8.0, (self.rect.bottom() - 8.0).max(self.rect.top() + 8.0));
            painter.hline(self.rect.left()..=self.rect.left() + 5.0, y, Stroke::new(1.0, colours.ink));
            let place = Align2::LEFT_CENTER.anchor_size(Pos2::new(self.rect.left() + 9.0, y), galley.size());
            painter.rect_filled(place.expand2(Vec2::new(3.0, 0.0)), 2.0, colours.canvas.gamma_multiply(0.85));
            painter.galley(place.min, galley, colours.ink);
        }
    }

    /// The place that was clicked, what is under the pointer, and why there is nothing to see.
    fn marks(
        &self,
        ui: &Ui,
        picture: Option<&Picture>,
        blank: Option<&str>,
        response: &egui::Response,
        format: TimeFormat,
    ) {
        let painter = ui.painter().with_clip_rect(self.rect);
        let colours = Colours::of(ui);
        let gram = &self.document.pictures.gram;
        if let Some(tick) = gram.spectrum_at {
            painter.vline(self.x(tick as f64 + 0.5), self.rect.y_range(), Stroke::new(1.0, colours.accent));
        }
        let chip = |at: Pos2, align: Align2, text: String, font: FontId, colour: Color32| {
            let galley = painter.layout(text, font, colour, (self.rect.width() - 40.0).max(60.0));
            let place = align.anchor_size(at, galley.size());
            painter.rect_filled(place.expand(4.0), 2.0, colours.canvas.gamma_multiply(0.9));
            painter.galley(place.min, galley, colour);
        };
        if picture.is_none() || blank.is_some() {
            let (text, colour) = match (&gram.error, blank) {
                (Some(error), _) => (error.clone(), colours.error),
                (None, Some(why)) if picture.is_some() => (why.to_owned(), colours.muted),
                _ => ("working out the spectra…".to_owned(), colours.muted),
            };
            chip(self.rect.center(), Align2::CENTER_CENTER, text, FontId::proportional(12.5), colour);
        }
        let (Some(at), Some(picture)) = (response.hover_pos().filter(|at| self.rect.contains(*at)), picture) else {
            return;
        };
        let tick = self.tick_at(at).max(0.0) as u64;
        let hz = self.hz(picture, f64::from((self.rect.bottom() - at.y) / self.rect.height()));
        let stroke = Stroke::new(1.0, colours.muted.gamma_multiply(0.5));
        painter.vline(at.x, self.rect.y_range(), stroke);
        painter.hline(self.rect.x_range(), at.y, stroke);
        let axis = TimeAxis::new(self.document, format, self.rect.width());
        let text = format!("{}   {}   {}", axis.precise(tick), self.hz_text(hz), power_text(picture, tick, hz));
        let corner = self.rect.right_top() + vec2(-8.0, 6.0);
        chip(corner, Align2::RIGHT_TOP, text, FontId::monospace(12.0), colours.ink);
    }

    fn hz_text(&self, hz: f64) -> String {
        if self.document.time().rate_known() {
            format!("{} Hz", significant(hz, 5))
        } else {
            format!("{} cycles/frame", significant(hz, 4))
        }
    }

    fn mouse(&self, ui: &Ui, response: &egui::Response, out: &mut Vec<Command>) {
        let view = &self.document.viewport;
        if let Some(at) = response.hover_pos() {
            let (scroll, pinch) = ui.input(|i| (i.smooth_scroll_delta(), i.zoom_delta()));
            let about_tick = self.tick_at(at);
            if pinch != 1.0 {
                out.push(Command::View(ViewCommand::Zoom { factor: f64::from(pinch), about_tick }));
            }
            if scroll.y != 0.0 {
                let factor = WHEEL_ZOOM.powf(f64::from(scroll.y) / 50.0);
                out.push(Command::View(ViewCommand::Zoom { factor, about_tick }));
            }
            if scroll.x != 0.0 {
                out.push(Command::View(ViewCommand::Pan(-f64::from(scroll.x / self.rect.width()) * view.ticks())));
            }
        }
        if response.dragged() && response.drag_delta().x != 0.0 {
            let moved = f64::from(response.drag_delta().x / self.rect.width()) * view.ticks();
            out.push(Command::View(ViewCommand::Pan(-moved)));
        }
        let Some(at) = response.interact_pointer_pos() else { return };
        if response.double_clicked() {
            out.push(Command::View(ViewCommand::Zoom { factor: 2.0, about_tick: self.tick_at(at) }));
        } else if response.clicked() {
            let end = self.document.time().end_tick(self.document.shown().frames).saturating_sub(1);
            out.push(command(GramCommand::Spectrum(Some((self.tick_at(at).max(0.0) as u64).min(end)))));
        }
    }
}

/// The power at a place, or what is there instead.
fn power_text(picture: &Picture, tick: u64, hz: f64) -> String {
    let Some((column, state)) = picture.view.column_at(tick) else { return "…".to_owned() };
    let row = picture.view.borders_hz.partition_point(|&b| b <= hz).clamp(1, picture.view.rows().max(1)) - 1;
    match (state, column.get(row)) {
        (State::Missing, _) | (_, None) => "nothing here".to_owned(),
        (_, Some(value)) if value.is_nan() => "nothing here".to_owned(),
        (_, Some(value)) if value.is_infinite() => "no power".to_owned(),
        (State::Estimate, Some(value)) => format!("about {value:.0} dB"),
        (State::Exact, Some(value)) => format!("{value:.1} dB"),
    }
}

/// The picture in colours; where several values fall on a pixel it has the greatest, so that no line is lost.
fn image(picture: &Picture, rows: &[Range<usize>], width: usize, colour: impl Fn(f32, State) -> Color32) -> ColorImage {
    let view = &picture.view;
    let columns = view.states.len().max(1);
    let mut pixels = vec![Color32::TRANSPARENT; width * rows.len()];
    for x in 0..width {
        let columns = x * columns / width..((x + 1) * columns).div_ceil(width);
        let state = columns.clone().filter_map(|c| view.states.get(c).copied()).find(|&s| s != State::Missing);
        for (y, rows) in rows.iter().enumerate() {
            let mut greatest = f32::NAN;
            for column in columns.clone() {
                let values = view.values.get(column * view.rows()..(column + 1) * view.rows()).unwrap_or_default();
                greatest = values.get(rows.clone()).unwrap_or_default().iter().copied().fold(greatest, f32::max);
            }
            pixels[y * width + x] = colour(greatest, state.unwrap_or(State::Missing));
        }
    }
    ColorImage::new([width, rows.len()], pixels)
}

/// The spectrum at the place that was clicked, in a window of its own.
fn spectrum_ui(
    ui: &Ui,
    rect: Rect,
    document: &Document,
    panel: &mut GramPanel,
    format: TimeFormat,
    out: &mut Vec<Command>,
) {
    let gram = &document.pictures.gram;
    let Some(tick) = gram.spectrum_at else { return };
    let axis = TimeAxis::new(document, format, 400.0);
    let mut open = true;
    let title = format!("Spectrum at {}", axis.precise(tick));
    egui::Window::new(title)
        .id(egui::Id::unique("spectrum at a place"))
        .open(&mut open)
        .collapsible(false)
        // Over the traces, above the place that it is of.
        .default_pos(Pos2::new(rect.left() + 64.0, (rect.top() - 420.0).max(84.0)))
        .default_size(vec2(460.0, 360.0))
        .show(ui.ctx(), |ui| match gram.spectrum.as_ref().filter(|s| s.tick == tick) {
            Some(found) => match &found.result {
                Ok(curves) => {
                    let name = document.shown().channels.get(found.channel).map_or("", |c| c.name.as_str());
                    ui.weak(format!("One window of {} frames of {name}", panel.cut.window));
                    curves_ui(ui, curves, &mut panel.curves);
                }
                Err(error) => {
                    ui.label(error);
                }
            },
            None => {
                ui.weak("working it out…");
            }
        });
    if !open || ui.input(|i| i.key_pressed(egui::Key::Escape)) {
        out.push(command(GramCommand::Spectrum(None)));
    }
}

#[cfg(test)]
mod tests;
