//! The title line: what is open, in one line that is shortened where room is short (the pointer shows all of it), and what
//! can be done with it.
//!
//! How many gaps there are stands beside it, and is never cut off: a click goes to the next one.

use eframe::egui::{self, Align, Button, Label, Layout, RichText, TextStyle, Ui};
use egui_material_icons::{MaterialIcon, icons};

use super::command::{Command, FileCommand, GapStep, PanelCommand, ViewCommand};
use super::controls::{icon_button, icon_menu, icon_text_button, named};
use super::dock::{PANES, Pane, PaneChange};
use super::following::Growth;
use super::state::{Document, Panels};
use super::theme::is_high_contrast;
use super::wording::{count, plural, span};

/// With more room than this for the buttons of the title line they bear their names, points; while a recording grows they
/// share it with what is told of that.
const ROOMY: f32 = 845.0;
const GROWTH: f32 = 160.0;
/// With less, what the menu of files has, too, is left to it.
const TIGHT: f32 = 760.0;
/// Less of a text is no help, and of the name where it has to share the room with the facts, points.
const LEAST_TEXT: f32 = 24.0;
const LEAST_NAME: f32 = 96.0;

/// File, channels, rate, duration, gaps; what can be done with it; how time is written.
pub(super) fn title_ui(ui: &mut Ui, document: &Document, panels: &Panels, out: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        // As high as the highest of them, so that all stand on one line.
        ui.set_min_height(28.0);
        super::file_menu::file_menu(ui, out);
        let about = About::of(ui, document);
        let growth = if document.live.growth == Growth::Still { 0.0 } else { GROWTH };
        let tight = ui.available_width() < TIGHT;
        let roomy = ui.available_width() - about.width > ROOMY + growth;
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
            super::time_menu::time_menu_ui(ui, panels, &document.shown().time, out);
            ui.separator();
            for (icon, text, hint, command) in title_buttons().into_iter().rev() {
                // The menu of files says it in words, too.
                if tight && matches!(text, "Open…" | "Close") {
                    continue;
                }
                let in_words = roomy && text != "Close";
                if icon_text_button(ui, icon, text, in_words, hint).clicked() {
                    out.push(command);
                }
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| about_ui(ui, document, about, out));
        });
    });
}

/// What the line says of the recording.
struct About {
    facts: String,
    /// `4 gaps`, if there are any.
    gaps: Option<String>,
    /// Room that all of it takes uncut, that the name does, and that the gaps do, points.
    width: f32,
    name_width: f32,
    gaps_width: f32,
}

impl About {
    fn of(ui: &Ui, document: &Document) -> Self {
        let stream = document.shown();
        let known = stream.time.rate_known();
        let rate = if known { crate::text::si(stream.time.rate_hz(), "Hz") } else { "rate unknown".to_owned() };
        let duration = if known {
            crate::text::duration(stream.duration_secs())
        } else {
            format!("{} frames", count(stream.frames))
        };
        let gaps = stream.time.gaps().len();
        let none = if gaps == 0 { " · no gaps" } else { "" };
        let facts = format!("{} · {rate} · {duration}{none}", plural(stream.channels.len() as u64, "channel"));
        let gaps = (gaps > 0).then(|| plural(gaps as u64, "gap"));
        let spacing = ui.spacing().item_spacing.x;
        let padding = 2.0 * ui.spacing().button_padding.x + spacing;
        let gaps_width = gaps.as_ref().map_or(0.0, |text| text_width(ui, text) + padding);
        let name_width = text_width(ui, &document.recording().name) + 1.0;
        let width = name_width + text_width(ui, &facts) + 2.0 * spacing + gaps_width;
        Self { facts, gaps, width, name_width, gaps_width }
    }
}

fn text_width(ui: &Ui, text: &str) -> f32 {
    let font = TextStyle::Body.resolve(ui.style());
    ui.painter().layout_no_wrap(text.to_owned(), font, ui.visuals().text_color()).size().x
}

/// Name, facts and gaps in the room that the buttons leave: the facts give way first, then the name.
fn about_ui(ui: &mut Ui, document: &Document, about: About, out: &mut Vec<Command>) {
    let whole = format!("{}\n{}", document.path.display(), about.facts);
    let spacing = ui.spacing().item_spacing.x;
    let room = ui.available_width() - about.gaps_width;
    let name_room = if about.width <= ui.available_width() {
        room
    } else {
        about.name_width.min(room.min(LEAST_NAME).max(room * 0.6))
    };
    let mut shortened = |text: RichText, room: f32| {
        if room < LEAST_TEXT {
            return 0.0;
        }
        let place = ui.scope(|ui| {
            ui.set_max_width(room);
            let label = ui.add(Label::new(text).truncate().show_tooltip_when_elided(false));
            label.on_hover_text(&whole).rect.width()
        });
        place.inner + spacing
    };
    let used = shortened(RichText::new(&document.recording().name).strong(), name_room);
    shortened(RichText::new(&about.facts).weak(), room - used);
    if let Some(text) = about.gaps {
        gaps_button(ui, document, &text, out);
    }
}

/// The button that says how many gaps there are, and goes to the next one.
fn gaps_button(ui: &mut Ui, document: &Document, text: &str, out: &mut Vec<Command>) {
    let time = document.time();
    let frames = document.shown().frames;
    let missing = time.end_tick(frames).saturating_sub(frames);
    let missing = if time.rate_known() {
        format!("{} missing", span(missing as f64 / time.rate_hz()))
    } else {
        format!("{} missing", plural(missing, "frame"))
    };
    let button = named(ui.add(Button::new(text).small()), &format!("{text}, {missing}"));
    if button
        .on_hover_text(format!("{text}, {missing}. Click to go to the next one (J; Shift + J: the one before)."))
        .clicked()
    {
        out.push(Command::View(ViewCommand::Gap(GapStep::Next)));
    }
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
        (
            icons::ICON_MY_LOCATION,
            "Go to…",
            "Go to a time, or select a range by its times (G)",
            Command::Panel(PanelCommand::GoToForm(true)),
        ),
    ]
}

/// Which panels are open.
fn panels_menu(ui: &mut Ui, panels: &Panels, out: &mut Vec<Command>) {
    let menu = icon_menu(ui, icons::ICON_DASHBOARD, "Panels", |ui| {
        for entry in PANES.iter().filter(|entry| entry.pane != Pane::Traces) {
            let folded = panels.dock.is_folded(entry.pane);
            let mut open = panels.dock.is_open(entry.pane) && !folded;
            let hint = if folded { "\nFolded away while the window is narrow." } else { "" };
            if ui.checkbox(&mut open, entry.title).on_hover_text(format!("{}{hint}", entry.about)).changed() {
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

/// Light or dark, and whether in high contrast.
fn theme_menu(ui: &mut Ui, out: &mut Vec<Command>) {
    let menu = icon_menu(ui, icons::ICON_CONTRAST, "Theme", |ui| {
        let now = ui.ctx().options(|o| o.theme_preference);
        for (theme, title, about) in [
            (egui::ThemePreference::System, "Like the system", "Light or dark, as the system is set to"),
            (egui::ThemePreference::Light, "Light", "Dark on light: for bright rooms and print"),
            (egui::ThemePreference::Dark, "Dark", "Light on dark: for dim rooms"),
        ] {
            if ui.radio(now == theme, title).on_hover_text(about).clicked() {
                out.push(Command::Panel(PanelCommand::Theme(theme)));
                ui.close();
            }
        }
        ui.separator();
        let mut high = is_high_contrast(ui.visuals());
        let about = "Black and white, framed controls and thicker traces, in either theme";
        if ui.checkbox(&mut high, "High contrast").on_hover_text(about).changed() {
            out.push(Command::Panel(PanelCommand::HighContrast(high)));
            ui.close();
        }
    });
    menu.on_hover_text("Theme: light, dark or as the system has it, and high contrast");
}

#[cfg(test)]
mod tests {
    use egui_kittest::kittest::Queryable as _;

    use super::super::testing::{bench, document};
    use super::*;

    #[test]
    fn gaps_are_counted_and_a_click_goes_to_the_next() {
        let document = document(4);
        for width in [1400.0, 640.0] {
            let document = &document;
            let mut harness = bench([width, 60.0], Panels::default(), move |ui, panels, out| {
                title_ui(ui, document, panels, out);
            });
            harness.run();
            let button = harness.get_by_label("1 gap, 500 ms missing");
            assert!(button.rect().right() < width && button.rect().width() > 20.0, "{}", button.rect());
            let next = harness.get_by_label("Fit").rect().left();
            assert!(button.rect().right() <= next, "{width}: {} and {next}", button.rect());
            button.click();
            harness.run();
            let out = &harness.state().out;
            assert!(matches!(out[..], [Command::View(ViewCommand::Gap(GapStep::Next))]), "{out:?}");
        }
    }

    #[test]
    fn the_theme_menu_offers_high_contrast() {
        let document = document(2);
        let mut harness = bench([1400.0, 300.0], Panels::default(), move |ui, panels, out| {
            title_ui(ui, &document, panels, out);
        });
        harness.run();
        for (label, wanted) in [
            ("High contrast", PanelCommand::HighContrast(true)),
            ("Dark", PanelCommand::Theme(egui::ThemePreference::Dark)),
        ] {
            harness.get_by_label("Theme").click();
            harness.run();
            harness.get_by_label(label).click();
            harness.run();
            let asked = std::mem::take(&mut harness.state_mut().out);
            assert!(matches!(&asked[..], [Command::Panel(panel)] if *panel == wanted), "{asked:?}");
        }
    }
}
