//! The menu of how times are written, and in which zone.

use eframe::egui::{Id, TextEdit, Ui};

use super::command::{Command, PanelCommand};
use super::controls::{example, named};
use super::state::{Panels, TimeFormat};
use super::zone::Zone;
use crate::recording::TimeBase;

/// Zones that are offered besides the one that is typed.
const OFFERED: [(&str, &str); 2] = [("utc", "UTC"), ("local", "Local time of this computer")];

/// Draws the menu's button, which says what is chosen, and the menu.
pub(super) fn time_menu_ui(ui: &mut Ui, panels: &Panels, time: &TimeBase, out: &mut Vec<Command>) {
    let clock = time.start_unix_ns().is_some();
    let zone =
        if panels.time_format == TimeFormat::Clock { format!(", {}", panels.zone.title()) } else { String::new() };
    let response = ui.menu_button(format!("Time: {}{zone}", panels.time_format.title()), |ui| {
        ui.set_min_width(220.0);
        for format in TimeFormat::ALL {
            let able = format != TimeFormat::Clock || clock;
            let radio = eframe::egui::RadioButton::new(panels.time_format == format, title(format));
            let radio = ui.add_enabled(able, radio).on_disabled_hover_text("the recording does not tell when it began");
            if radio.on_hover_text(format.about()).clicked() {
                out.push(Command::Panel(PanelCommand::TimeFormat(format)));
                ui.close();
            }
        }
        ui.separator();
        ui.add_enabled_ui(clock, |ui| zone_ui(ui, &panels.zone, out));
    });
    named(response.response, "How times are written")
        .on_hover_text("How times are written (T), and in which time zone");
}

fn title(format: TimeFormat) -> &'static str {
    match format {
        TimeFormat::Auto => "Automatic: seconds, then h:m:s",
        other => other.title(),
    }
}

/// The choice of the zone: UTC, local, or any by its name.
pub(super) fn zone_ui(ui: &mut Ui, zone: &Zone, out: &mut Vec<Command>) {
    let mut choose = |name: &str| {
        if let Ok(zone) = Zone::named(name) {
            out.push(Command::Panel(PanelCommand::Zone(zone)));
        }
    };
    for (key, title) in OFFERED {
        if ui.radio(zone.key() == key, title).clicked() {
            choose(key);
        }
    }
    let other = OFFERED.iter().all(|(key, _)| *key != zone.key());
    let id = Id::unique("time zone being typed");
    let mut text = ui
        .data(|d| d.get_temp::<String>(id))
        .unwrap_or_else(|| if other { zone.key().to_owned() } else { String::new() });
    ui.horizontal(|ui| {
        ui.label(if other { "● Zone" } else { "Zone" });
        let field =
            TextEdit::singleline(&mut text).hint_text(example("Europe/Berlin")).desired_width(140.0).char_limit(64);
        let field = named(ui.add(field), "Name of a time zone");
        let unknown = !text.trim().is_empty() && Zone::named(&text).is_err();
        if field.lost_focus() && !unknown && !text.trim().is_empty() {
            choose(&text);
        }
        if unknown && field.has_focus() {
            ui.weak("not a zone yet");
        }
    });
    ui.data_mut(|d| d.insert_temp(id, text));
}
