//! The sample rate of a recording whose file does not tell it (`.npy`, `.npz`, plain numbers), typed in the window: the
//! recording is opened again with it, and it may be written beside the file for the next time, as `--rate` and the
//! dialog for plain numbers do it.

use eframe::egui::{Button, Key, TextEdit, Ui};

use super::command::{Command, FileCommand};
use super::controls::{example, named};
use super::state::Document;
use crate::source::OpenOptions;

/// A rate as it is typed, hertz; `k` and `M` may stand behind it: `30k`.
fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    let text = text.strip_suffix("Hz").or_else(|| text.strip_suffix("hz")).unwrap_or(text).trim_end();
    let (number, factor) = match text.strip_suffix(['k', 'K']) {
        Some(number) => (number, 1e3),
        None => text.strip_suffix('M').map_or((text, 1.0), |number| (number, 1e6)),
    };
    let rate = number.trim_end().parse::<f64>().ok()? * factor;
    // Above a terahertz the clock would leave what it can count; no recorder comes near.
    (rate > 0.0 && rate <= 1e12).then_some(rate)
}

/// The formats that are plain numbers: whatever rate they have was told by a person, who may have been wrong.
const PLAIN: [&str; 3] = ["npy", "npz", "raw"];

/// Draws the field where the file tells no rate: nothing for recordings that know theirs.
pub(super) fn rate_ui(ui: &mut Ui, document: &Document, out: &mut Vec<Command>) {
    // Filters may change the rate; the one that is set is that of the file.
    let time = &document.unfiltered().time;
    let told = document.options.rate_hz.or_else(|| time.rate_known().then(|| time.rate_hz()));
    let plain = PLAIN.contains(&document.recording().format);
    if time.rate_known() && !plain && document.options.rate_hz.is_none() {
        return;
    }
    let id = ui.scope_id().with(("sample rate", &document.path));
    let (mut text, mut remember) = ui
        .data_mut(|data| data.get_temp::<(String, bool)>(id))
        .unwrap_or_else(|| (told.map(|rate| rate.to_string()).unwrap_or_default(), true));
    ui.horizontal(|ui| {
        ui.label("Sample rate");
        let field = TextEdit::singleline(&mut text).hint_text(example("30000")).desired_width(88.0);
        let field = named(ui.add(field), "Sample rate");
        ui.weak("Hz");
        let rate = parse(&text).filter(|&rate| told != Some(rate));
        let entered = field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
        let button = ui.add_enabled(rate.is_some(), Button::new("Set"));
        let button = named(button, "Set the sample rate");
        let button = button.on_hover_text("Open it again with this rate");
        let clicked = button.on_disabled_hover_text("Type another rate, in hertz: 30000 or 30k").clicked();
        if let Some(rate) = rate.filter(|_| clicked || entered) {
            set(document, rate, remember, out);
        }
    });
    if document.more.is_empty() {
        ui.checkbox(&mut remember, "Remember it beside the file")
            .on_hover_text(OpenOptions::path_beside(&document.path).display().to_string());
    }
    ui.add_space(4.0);
    ui.data_mut(|data| data.insert_temp(id, (text, remember)));
}

/// Asks for the recording at that rate.
fn set(document: &Document, rate: f64, remember: bool, out: &mut Vec<Command>) {
    let options = OpenOptions { rate_hz: Some(rate), ..document.options.clone() };
    if remember && document.more.is_empty() {
        out.push(Command::File(FileCommand::Remember(document.path.clone(), options.clone())));
    }
    out.push(Command::File(FileCommand::OpenTogether(document.paths(), options)));
}

#[cfg(test)]
mod tests {
    use egui_kittest::kittest::Queryable as _;

    use super::super::testing::{bench, document};
    use super::*;

    #[test]
    fn rates_are_read_as_people_write_them() {
        for (text, rate) in
            [("30000", 30_000.0), (" 30 kHz ", 30_000.0), ("24.4140625k", 24_414.062_5), ("2M", 2e6), ("0.5", 0.5)]
        {
            assert_eq!(parse(text), Some(rate), "{text}");
        }
        for text in ["", "fast", "0", "-3", "NaN", "inf", "1e300", "kHz"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_rate_is_set_where_none_is_told_and_only_there() {
        let known = document(1);
        let mut harness = bench([400.0, 200.0], (), move |ui, (), out| rate_ui(ui, &known, out));
        harness.run();
        assert!(harness.query_by_label("Set the sample rate").is_none());

        let mut told = document(1);
        told.options.rate_hz = Some(1000.0);
        let mut harness = bench([400.0, 200.0], (), move |ui, (), out| rate_ui(ui, &told, out));
        harness.run();
        harness.get_by_label("Set the sample rate").click();
        harness.run();
        assert!(harness.state().out.is_empty(), "it is that already");
        let field = || eframe::egui::Role::TextInput;
        harness.get_by_role_and_label(field(), "Sample rate").focus();
        harness.run();
        harness.key_press_modifiers(eframe::egui::Modifiers::COMMAND, Key::A);
        harness.get_by_role_and_label(field(), "Sample rate").type_text("25k");
        harness.run();
        harness.get_by_label("Set the sample rate").click();
        harness.run();
        let [
            Command::File(FileCommand::Remember(path, kept)),
            Command::File(FileCommand::OpenTogether(paths, options)),
        ] = &harness.state().out[..]
        else {
            panic!("{:?}", harness.state().out)
        };
        assert_eq!((options.rate_hz, kept.rate_hz), (Some(25_000.0), Some(25_000.0)));
        assert_eq!(&paths[..], std::slice::from_ref(path));
    }
}
