//! A form made from a list of [`Parameter`]s: whatever an analysis or exporter declares can be set without a line of
//! code here.

use eframe::egui::{ComboBox, DragValue, Grid, ScrollArea, TextEdit, TextStyle, Ui};
use egui_material_icons::icons;

use super::controls::{absent, named};
use super::state::Document;
use crate::form::{Kind, Parameter, SWITCH, Settings};

/// Draws the fields, with the channels and digital lines of `document` to choose from; returns whether one has changed.
/// Values that a parameter forbids are not taken over. Files can be typed; where there is a dialog to choose them with,
/// [`settings_with_files_ui`] offers it.
pub(super) fn settings_of_ui(ui: &mut Ui, settings: &mut Settings, document: &Document) -> bool {
    draw(ui, settings, None, Some(document))
}

/// The same with a button beside every file; `browse` becomes the name of the setting whose button was pressed.
pub(super) fn settings_with_files_ui(ui: &mut Ui, settings: &mut Settings, browse: &mut Option<&'static str>) -> bool {
    draw(ui, settings, Some(browse), None)
}

fn draw(
    ui: &mut Ui,
    settings: &mut Settings,
    mut browse: Option<&mut Option<&'static str>>,
    document: Option<&Document>,
) -> bool {
    let mut changed = false;
    if settings.parameters().is_empty() {
        return false;
    }
    Grid::new("settings").num_columns(3).spacing([12.0, 6.0]).show(ui, |ui| {
        for parameter in settings.parameters() {
            changed |= row(ui, settings, parameter, &mut browse, document);
        }
    });
    changed
}

/// Draws the row of one field in a grid of three columns: title, field, what it means; returns whether it has changed.
pub(super) fn field_ui(ui: &mut Ui, settings: &mut Settings, parameter: &Parameter) -> bool {
    row(ui, settings, parameter, &mut None, None)
}

fn row(
    ui: &mut Ui,
    settings: &mut Settings,
    parameter: &Parameter,
    browse: &mut Option<&mut Option<&'static str>>,
    document: Option<&Document>,
) -> bool {
    if parameter.kind == Kind::Flag {
        ui.label("");
    } else {
        ui.label(parameter.title).on_hover_text(parameter.help);
    }
    let text = settings.text(parameter.name);
    let new = match (parameter.kind, browse) {
        (Kind::File { .. }, Some(browse)) => file_field(ui, parameter, text, browse),
        (Kind::Channel, _) => channel_field(ui, parameter, text, document),
        _ => field(ui, parameter, text),
    };
    // That there is an explanation is seen without pointing at everything.
    ui.weak(icons::ICON_HELP.codepoint).on_hover_text(parameter.help);
    ui.end_row();
    // What the widget gives back is what the kind allows; anything else is left as it was.
    new.is_some_and(|text| settings.set(parameter.name, &text).is_ok())
}

/// A path with a button that asks for a dialog.
fn file_field(ui: &mut Ui, parameter: &Parameter, text: &str, browse: &mut Option<&'static str>) -> Option<String> {
    let mut value = text.to_owned();
    let hint = if parameter.kind == (Kind::File { several: true }) { "none, or several with commas" } else { "none" };
    ui.horizontal(|ui| {
        let edit = ui.add(TextEdit::singleline(&mut value).desired_width(240.0).hint_text(absent(hint)));
        let changed = named(edit, parameter.title).on_hover_text(parameter.help).changed();
        if named(ui.button("Browse…"), &format!("Browse for {}", parameter.title)).clicked() {
            *browse = Some(parameter.name);
        }
        changed.then_some(value)
    })
    .inner
}

/// A list to choose from.
fn choice_field(ui: &mut Ui, parameter: &Parameter, choices: &[&str], text: &str) -> Option<String> {
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

/// One field; its new value as text if the user changed it.
fn field(ui: &mut Ui, parameter: &Parameter, text: &str) -> Option<String> {
    match parameter.kind {
        Kind::Choice(choices) => choice_field(ui, parameter, choices, text),
        Kind::Switch { .. } => choice_field(ui, parameter, &SWITCH, text),
        Kind::Integer { .. } | Kind::Number { .. } if parameter.default.is_empty() => {
            let mut value = text.to_owned();
            let edit = ui.add(TextEdit::singleline(&mut value).desired_width(96.0).hint_text(absent("automatic")));
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
        Kind::Text | Kind::File { .. } | Kind::Channel => {
            let mut value = text.to_owned();
            let edit = ui.add(TextEdit::singleline(&mut value).desired_width(160.0));
            named(edit, parameter.title).on_hover_text(parameter.help).changed().then_some(value)
        }
    }
}

/// A line of the recording: typed (`0`, a name, `0:3` for a bit), or chosen from what there is.
fn channel_field(ui: &mut Ui, parameter: &Parameter, text: &str, document: Option<&Document>) -> Option<String> {
    let mut chosen = None;
    ui.horizontal(|ui| {
        let mut value = text.to_owned();
        let edit = ui.add(TextEdit::singleline(&mut value).desired_width(96.0).hint_text(absent("not given")));
        if named(edit, parameter.title).on_hover_text(parameter.help).changed() {
            chosen = Some(value);
        }
        let Some(document) = document else { return };
        let button = ui.menu_button(icons::ICON_ARROW_DROP_DOWN.codepoint, |ui| {
            let channels = &document.shown().channels;
            let tracks = &document.recording().events;
            let row = ui.text_style_height(&TextStyle::Button) + 2.0 * ui.spacing().button_padding.y;
            ScrollArea::vertical().max_height(320.0).show_rows(
                ui,
                row,
                1 + channels.len() + tracks.len(),
                |ui, rows| {
                    ui.set_min_width(160.0);
                    for i in rows {
                        let (label, value) = match (i.checked_sub(1), i.checked_sub(1 + channels.len())) {
                            (None, _) => ("(not given)".to_owned(), String::new()),
                            (_, Some(track)) => (tracks[track].name.clone(), tracks[track].name.clone()),
                            (Some(channel), None) => {
                                (format!("{channel}: {}", channels[channel].name), channel.to_string())
                            }
                        };
                        if ui.selectable_label(value == text, label).clicked() {
                            chosen = Some(value);
                            ui.close();
                        }
                    }
                },
            );
        });
        named(button.response, &format!("Choose {}", parameter.title)).on_hover_text("The channels and digital lines");
    });
    chosen
}

#[cfg(test)]
mod tests {
    use eframe::egui::Role;
    use egui_kittest::kittest::Queryable as _;

    use super::super::testing::{bench, control, document};
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
        Parameter { name: "line", title: "Line", help: "A channel", kind: Kind::Channel, default: "" },
        Parameter {
            name: "look",
            title: "Look",
            help: "Again",
            kind: Kind::Switch { off: "no-look" },
            default: "auto",
        },
        Parameter { name: "file", title: "File", help: "To read", kind: Kind::File { several: false }, default: "" },
    ];

    #[test]
    fn a_file_has_a_button_and_a_switch_three_answers() {
        let state = (Settings::defaults(ALL_KINDS), None);
        let mut harness = bench([480.0, 320.0], state, |ui, (settings, browse), _| {
            settings_with_files_ui(ui, settings, browse);
        });
        harness.run();
        harness.get_by_label("Browse for File").click();
        control(&harness, Role::ComboBox, "Look").click();
        harness.run();
        harness.get_by_label("no").click();
        harness.run();
        let (settings, browse) = &harness.state().state;
        assert_eq!((*browse, settings.switch("look")), (Some("file"), Some(false)));
    }

    #[test]
    fn every_kind_can_be_set() {
        let mut harness = bench([320.0, 260.0], Settings::defaults(ALL_KINDS), |ui, settings, _| {
            settings_with_files_ui(ui, settings, &mut None);
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

    #[test]
    fn a_line_is_typed_or_chosen_from_what_there_is() {
        let document = document(4);
        let name = document.shown().channels[2].name.clone();
        let mut harness = bench([320.0, 420.0], Settings::defaults(ALL_KINDS), move |ui, settings, _| {
            settings_of_ui(ui, settings, &document);
        });
        harness.run();
        control(&harness, Role::TextInput, "Line").focus();
        control(&harness, Role::TextInput, "Line").type_text("0:3");
        harness.run();
        assert_eq!(harness.state().state.text("line"), "0:3");
        harness.get_by_label("Choose Line").click();
        harness.run();
        harness.get_by_label(&format!("2: {name}")).click();
        harness.run();
        assert_eq!(harness.state().state.text("line"), "2");
    }
}
