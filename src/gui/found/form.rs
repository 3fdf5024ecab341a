//! What to find, with the fields that belong to it alone; and what looks for one place at a time.

use eframe::egui::{ComboBox, Grid, Id, Ui};
use egui_material_icons::icons;

use crate::form::Settings;
use crate::gui::command::{Command, JobCommand, Scope};
use crate::gui::controls::{icon_text_button, named};
use crate::gui::settings_form::field_ui;
use crate::gui::state::Document;

/// A kind of search: its title, its fields, and the setting (with a value) that asks for it.
struct Kind {
    title: &'static str,
    fields: &'static [&'static str],
    asks: &'static [(&'static str, &'static str)],
}

const KINDS: &[Kind] = &[
    Kind { title: "Above or below a level", fields: &["above", "below", "for", "limit"], asks: &[("above", "5sd")] },
    Kind { title: "Spikes", fields: &["spikes", "polarity", "refractory", "band", "limit"], asks: &[("spikes", "5")] },
    Kind { title: "Edges", fields: &["edges", "threshold", "hysteresis", "limit"], asks: &[("edges", "both")] },
    Kind { title: "Flat stretches", fields: &["for", "limit"], asks: &[("flat", "true")] },
    Kind { title: "Clipped samples", fields: &["for", "limit"], asks: &[("clipped", "true")] },
    Kind { title: "Gaps and missing samples", fields: &["for", "limit"], asks: &[("missing", "true")] },
    Kind {
        title: "What looks like a range",
        fields: &["like", "example", "similarity", "limit"],
        asks: &[("like", "")],
    },
    Kind { title: "Events of the file", fields: &["track", "limit"], asks: &[("track", "all")] },
];
const LIKE: usize = 6;

/// Draws the form. Choosing another kind clears what asks for the one before.
pub(in crate::gui) fn form_ui(
    ui: &mut Ui,
    name: &'static str,
    document: &Document,
    settings: &mut Settings,
    out: &mut Vec<Command>,
) {
    let id = Id::unique(("kind of search", name));
    // What the settings ask for, which may come from elsewhere, goes before what was chosen.
    let asked = KINDS.iter().position(|kind| is_asked(settings, kind));
    let before: Option<usize> = asked.or_else(|| ui.data(|data| data.get_temp(id)));
    let mut chosen = before.unwrap_or(0);
    let combo = ComboBox::from_id_salt("kind").width(220.0).selected_text(KINDS[chosen].title).show_ui(ui, |ui| {
        for (i, kind) in KINDS.iter().enumerate() {
            ui.selectable_value(&mut chosen, i, kind.title);
        }
    });
    drop(named(combo.response, "Find what").on_hover_text("The kind of place to look for"));
    if before != Some(chosen) {
        choose(settings, chosen);
    }
    ui.data_mut(|data| data.insert_temp(id, chosen));
    Grid::new("find settings").num_columns(3).spacing([12.0, 6.0]).show(ui, |ui| {
        for parameter in settings.parameters().iter().filter(|p| KINDS[chosen].fields.contains(&p.name)) {
            field_ui(ui, settings, parameter);
        }
    });
    if chosen == LIKE {
        like_ui(ui, name, document, settings, out);
        return;
    }
    ui.horizontal(|ui| {
        for (icon, text, hover, forward) in [
            (icons::ICON_CHEVRON_LEFT, "Find previous", "The nearest one before the middle of the view", false),
            (icons::ICON_CHEVRON_RIGHT, "Find next", "The nearest one behind the middle of the view", true),
        ] {
            if icon_text_button(ui, icon, text, true, hover).clicked() {
                out.push(Command::Job(JobCommand::Seek { name, settings: settings.clone(), forward }));
            }
        }
    });
}

/// Whether one of the settings that ask for `kind` differs from its default.
fn is_asked(settings: &Settings, kind: &Kind) -> bool {
    let below = kind.fields.iter().filter(|field| **field == "below");
    kind.asks
        .iter()
        .map(|(name, _)| name)
        .chain(below)
        .any(|name| settings.parameters().iter().any(|p| p.name == *name && settings.text(p.name) != p.default))
}

/// Sets what asks for `kind`, and clears what asks for others.
fn choose(settings: &mut Settings, kind: usize) {
    for p in settings.parameters() {
        let asked = KINDS.iter().flat_map(|k| k.asks).any(|(name, _)| *name == p.name) || p.name == "below";
        if asked {
            // A default is always allowed.
            drop(settings.set(p.name, p.default));
        }
    }
    for (name, value) in KINDS[kind].asks {
        drop(settings.set(name, value));
    }
}

/// The button that takes the selected range for the example.
fn like_ui(ui: &mut Ui, name: &'static str, document: &Document, settings: &mut Settings, out: &mut Vec<Command>) {
    let Some(ticks) = &document.selection else {
        ui.weak("Shift-drag over the traces to select an example, then find more like it.");
        return;
    };
    let frames = document.frames_of_ticks(ticks);
    if ui
        .button("Find more like the selection")
        .on_hover_text("In the whole recording, on the channels shown")
        .clicked()
    {
        drop(settings.set("like", &format!("#{}..#{}", frames.start, frames.end)));
        if settings.text("example").trim().is_empty()
            && let Some(&channel) = document.visible_channels().get(document.lanes_on_screen().start)
        {
            drop(settings.set("example", &channel.to_string()));
        }
        let settings = settings.clone();
        out.push(Command::Job(JobCommand::Analyse { name, settings, scope: Scope::Everything }));
    }
}

#[cfg(test)]
mod tests {
    use egui_kittest::kittest::Queryable as _;

    use super::*;
    use crate::gui::testing::{bench, document};

    #[test]
    fn settings_from_elsewhere_are_shown_and_kept() {
        let mut settings = Settings::defaults(crate::analysis::named("find").unwrap().parameters);
        settings.set("spikes", "7").unwrap();
        let document = document(2);
        let mut harness = bench([400.0, 400.0], settings, move |ui, settings, out| {
            form_ui(ui, "find", &document, settings, out);
        });
        harness.run();
        assert_eq!(harness.state().state.text("spikes"), "7");
        assert_eq!(harness.state().state.text("above"), "");
        assert!(harness.query_all_by_label("Polarity").next().is_some(), "the fields of spikes");
    }
}
