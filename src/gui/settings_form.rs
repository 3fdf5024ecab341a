//! A form made from a list of [`Parameter`]s: whatever an analysis or exporter declares can be set without a line of
//! code here.

use eframe::egui::{ComboBox, DragValue, Grid, TextEdit, Ui};

use super::controls::named;
use crate::form::{Kind, Parameter, Settings};

/// Draws the fields; returns whether one has changed. Values that a parameter forbids are not taken over.
pub(super) fn settings_ui(ui: &mut Ui, settings: &mut Settings) -> bool {
    let mut changed = false;
    if settings.parameters().is_empty() {
        return false;
    }
    Grid::new("settings").num_columns(2).spacing([12.0, 6.0]).show(ui, |ui| {
        for parameter in settings.parameters() {
            changed |= field_ui(ui, settings, parameter);
        }
    });
    changed
}

/// Draws the row of one field in a grid of two columns; returns whether it has changed.
pub(super) fn field_ui(ui: &mut Ui, settings: &mut Settings, parameter: &Parameter) -> bool {
    if parameter.kind == Kind::Flag {
        ui.label("");
    } else {
        ui.label(parameter.title).on_hover_text(parameter.help);
    }
    // What the widget gives back is what the kind allows; anything else is left as it was.
    let new = field(ui, parameter, settings.text(parameter.name));
    ui.end_row();
    new.is_some_and(|text| settings.set(parameter.name, &text).is_ok())
}

/// One field; its new value as text if the user changed it.
fn field(ui: &mut Ui, parameter: &Parameter, text: &str) -> Option<String> {
    match parameter.kind {
        Kind::Choice(choices) => {
            let mut chosen = None;
            let combo = ComboBox::from_id_salt(parameter.name).selected_text(text).show_ui(ui, |ui| {
                for &choice in choices {
                    if ui.selectable_label(choice == text, choice).clicked() && choice != text {
                        chosen = Some(choice.to_owned());
                    }
                }
            });
            named(combo.response, parameter.title).on_hover_text(parameter.help);
            chosen
        }
        Kind::Integer { .. } if parameter.default.is_empty() => {
            let mut value = text.to_owned();
            let edit = ui.add(TextEdit::singleline(&mut value).desired_width(80.0).hint_text("automatic"));
            named(edit, parameter.title).on_hover_text(parameter.help).changed().then_some(value)
        }
        Kind::Integer { min, max } => {
            let mut value: u64 = text.parse().unwrap_or(min);
            let speed = (value as f64 / 100.0).max(0.1);
            let drag = ui.add(DragValue::new(&mut value).range(min..=max).speed(speed));
            named(drag, parameter.title).on_hover_text(parameter.help).changed().then(|| value.to_string())
        }
        Kind::Number { min, max } => {
            let mut value: f64 = text.parse().unwrap_or(min);
            let speed = (value.abs() / 100.0).max(0.001);
            let drag = ui.add(DragValue::new(&mut value).range(min..=max).speed(speed).max_decimals(6));
            named(drag, parameter.title).on_hover_text(parameter.help).changed().then(|| value.to_string())
        }
        Kind::Flag => {
            let mut value = text == "true";
            let check = ui.checkbox(&mut value, parameter.title).on_hover_text(parameter.help);
            check.changed().then(|| value.to_string())
        }
        Kind::Text => {
            let mut value = text.to_owned();
            let edit = ui.add(TextEdit::singleline(&mut value).desired_width(160.0));
            named(edit, parameter.title).on_hover_text(parameter.help).changed().then_some(value)
        }
    }
}

#[cfg(test)]
mod tests {
    use eframe::egui::Role;
    use egui_kittest::kittest::Queryable as _;

    use super::super::testing::{bench, control};
    use super::*;

    pub(crate) const ALL_KINDS: &[Parameter] = &[
        Parameter {
            name: "taper",
            title: "Taper",
            help: "Shape",
            kind: Kind::Choice(&["hann", "hamming"]),
            default: "hann",
        },
        Parameter {
            name: "window",
            title: "Window",
            help: "Samples",
            kind: Kind::Integer { min: 2, max: 1 << 20 },
            default: "8192",
        },
        Parameter {
            name: "level",
            title: "Level",
            help: "Volts",
            kind: Kind::Number { min: -1.0, max: 1.0 },
            default: "0.5",
        },
        Parameter { name: "fast", title: "Fast", help: "Quick", kind: Kind::Flag, default: "false" },
        Parameter { name: "note", title: "Note", help: "Any text", kind: Kind::Text, default: "" },
    ];

    #[test]
    fn every_kind_can_be_set() {
        let mut harness = bench([320.0, 260.0], Settings::defaults(ALL_KINDS), |ui, settings, _| {
            settings_ui(ui, settings);
        });
        harness.run();
        harness.get_by_label("Fast").click();
        control(&harness, Role::ComboBox, "Taper").click();
        harness.run();
        harness.get_by_label("hamming").click();
        harness.run();
        control(&harness, Role::TextInput, "Note").focus();
        control(&harness, Role::TextInput, "Note").type_text("day one");
        harness.run();
        control(&harness, Role::SpinButton, "Window").set_value_accesskit(4096.0);
        harness.run();
        let settings = &harness.state().state;
        assert!(settings.flag("fast"));
        assert_eq!(settings.text("taper"), "hamming");
        assert_eq!(settings.text("note"), "day one");
        assert_eq!(settings.integer("window"), 4096);
        assert_eq!(settings.number("level"), 0.5);
    }
}
