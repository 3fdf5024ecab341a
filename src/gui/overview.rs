//! The title line, and the strip that shows the whole recording with the visible window in it.

use eframe::egui::{self, Align, Color32, Layout, Mesh, Pos2, Rect, RichText, Sense, Stroke, Ui};

use egui_material_icons::{MaterialIcon, icons};

use super::command::{Command, FileCommand, PanelCommand, ViewCommand};
use super::controls::{icon_button, icon_menu, icon_text_button};
use super::dock::{PANES, Pane, PaneChange};
use super::state::{Document, Panels};
use super::theme::Colours;
use crate::summary::Columns;

/// Height of the strip, points.
pub(super) const HEIGHT: f32 = 56.0;
/// The window in the strip is never drawn narrower than this, so that it can be grabbed.
const MIN_WINDOW: f32 = 6.0;

/// With more room than this for the buttons of the title line they bear their names, points.
const ROOMY: f32 = 905.0;

/// File, channels, rate, duration; what can be done with it; how time is written.
pub(super) fn title_ui(ui: &mut Ui, document: &Document, panels: &Panels, out: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        let stream = document.shown();
        super::file_menu::file_menu(ui, out);
        ui.label(RichText::new(&document.recording().name).strong()).on_hover_text(document.path.display().to_string());
        let rate = if stream.time.rate_known() {
            crate::text::si(stream.time.rate_hz(), "Hz")
        } else {
            "rate unknown".to_owned()
        };
        let duration = if stream.time.rate_known() {
            crate::text::duration(stream.duration_secs())
        } else {
            format!("{} frames", super::wording::count(stream.frames))
        };
        ui.weak(format!("{} channels · {rate} · {duration}", stream.channels.len(),));
        let roomy = ui.available_width() > ROOMY;
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if icon_button(ui, icons::ICON_HELP, "Help", "Keys and mouse (?)").clicked() {
                out.push(Command::Panel(PanelCommand::Help(true)));
            }
            let settings =
                icon_button(ui, icons::ICON_SETTINGS, "Settings", "Theme, size, keys, motion (Ctrl + comma)");
            if settings.clicked() {
                out.push(Command::Panel(PanelCommand::SettingsForm(true)));
            }
            theme_menu(ui, out);
            super::following::status_ui(ui, document, out);
            panels_menu(ui, panels, out);
            ui.separator();
            super::time_menu::time_menu_ui(ui, panels, &stream.time, out);
            ui.separator();
            for (icon, text, hint, command) in title_buttons().into_iter().rev() {
                // The menu of files says it in words, too.
                let in_words = roomy && text != "Close";
                if icon_text_button(ui, icon, text, in_words, hint).clicked() {
                    out.push(command);
                }
            }
        });
    });
}

/// What can be done with the recording, from the left.
fn title_buttons() -> [(MaterialIcon, &'static str, &'static str, Command); 6] {
    let spectrogram = PanelCommand::Pane(Pane::Spectrogram, PaneChange::Toggle);
    let export = "Write the selection, or what is seen, to a file (Ctrl + E)";
    [
        (icons::ICON_FOLDER_OPEN, "Open…", "Open another recording (Ctrl + O)", Command::File(FileCommand::Ask)),
        (icons::ICON_CLOSE, "Close", "Back to the welcome screen", Command::File(FileCommand::Close)),
        (icons::ICON_FIT_SCREEN, "Fit", "Show the whole recording (F)", Command::View(ViewCommand::Fit)),
        (
            icons::ICON_GRADIENT,
            "Spectrogram",
            "Show how the frequencies of a channel change with time (S)",
            Command::Panel(spectrogram),
        ),
        (icons::ICON_DOWNLOAD, "Export…", export, Command::Panel(PanelCommand::ExportForm(true))),
        (icons::ICON_MY_LOCATION, "Go to…", "Go to a time (G)", Command::Panel(PanelCommand::GoToForm(true))),
    ]
}

/// Which panels are open.
fn panels_menu(ui: &mut Ui, panels: &Panels, out: &mut Vec<Command>) {
    let menu = icon_menu(ui, icons::ICON_DASHBOARD, "Panels", |ui| {
        for entry in PANES.iter().filter(|entry| entry.pane != Pane::Traces) {
            let mut open = panels.dock.is_open(entry.pane);
            if ui.checkbox(&mut open, entry.title).on_hover_text(entry.about).changed() {
                let change = if open { PaneChange::Show } else { PaneChange::Close };
                out.push(Command::Panel(PanelCommand::Pane(entry.pane, change)));
            }
        }
        ui.separator();
        if ui.button("Reset layout").on_hover_text("Every panel where it was for a new user").clicked() {
            out.push(Command::Panel(PanelCommand::ResetLayout));
            ui.close();
        }
    });
    menu.on_hover_text("Panels: open and close panels. Drag a tab to dock its panel elsewhere.");
}

fn theme_menu(ui: &mut Ui, out: &mut Vec<Command>) {
    let menu = icon_menu(ui, icons::ICON_CONTRAST, "Theme", |ui| {
        let now = ui.ctx().options(|o| o.theme_preference);
        for (theme, title) in [
            (egui::ThemePreference::System, "Like the system"),
            (egui::ThemePreference::Light, "Light"),
            (egui::ThemePreference::Dark, "Dark"),
        ] {
            if ui.radio(now == theme, title).clicked() {
                out.push(Command::Panel(PanelCommand::Theme(theme)));
                ui.close();
            }
        }
    });
    menu.on_hover_text("Theme: light, dark or as the system has it; high contrast is in the settings");
}

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
