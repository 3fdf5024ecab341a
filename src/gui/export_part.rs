//! Which part of the recording is written: one that the window knows, or one whose ends are typed.
//!
//! The fields of the ends always show what will be written, so that a part that is known is where a typed one begins. What
//! is typed is read as where times are gone to ([`Document::ticks_of_range`]).

use std::ops::Range;

use eframe::egui::{RichText, TextEdit, Ui};

use super::analysis_tab::{BETWEEN_CHOICES, SCOPES, frames_text};
use super::annotated_scope::{annotated_text, annotated_ui};
use super::command::Scope;
use super::controls::named;
use super::state::{Document, TimeFormat};
use super::theme::Colours;
use super::wording::sentence;
use crate::error::Result;

/// A part of the recording, chosen or typed.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Part {
    pub scope: Scope,
    /// Both ends as typed, where they are.
    pub typed: Option<[String; 2]>,
}

impl Part {
    /// A part that the window knows.
    #[must_use]
    pub fn of(scope: Scope) -> Self {
        Self { scope, typed: None }
    }

    /// The ticks that are typed; `None` if the part is chosen.
    ///
    /// # Errors
    /// When what is typed is no range.
    pub fn ticks(&self, document: &Document) -> Result<Option<Range<u64>>> {
        let ends = self.typed.as_ref().map(|[from, to]| format!("{from}..{to}"));
        ends.map(|text| document.ticks_of_range(&text)).transpose()
    }

    /// The frames that are meant.
    ///
    /// # Errors
    /// As [`Self::ticks`].
    pub fn frames(&self, document: &Document) -> Result<Range<u64>> {
        let ticks = self.ticks(document)?;
        Ok(ticks.map_or_else(|| document.scope(self.scope).frames, |ticks| document.frames_of_ticks(&ticks)))
    }
}

/// Draws the choice and the fields.
pub(super) fn part_ui(ui: &mut Ui, document: &Document, part: &mut Part) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = BETWEEN_CHOICES;
        for (scope, label, about) in SCOPES {
            let chosen = part.typed.is_none() && part.scope == scope;
            if ui.radio(chosen, label).on_hover_text(about).clicked() {
                *part = Part::of(scope);
            }
        }
        let about = "What lies between the two times below";
        if ui.radio(part.typed.is_some(), "From … to").on_hover_text(about).clicked() && part.typed.is_none() {
            *part = Part { scope: Scope::default(), typed: Some(ends(document, part)) };
        }
        let before = part.scope;
        annotated_ui(ui, document, &mut part.scope);
        if part.scope != before {
            part.typed = None;
        }
    });
    if matches!(part.scope, Scope::Annotated(_)) {
        ui.label(RichText::new(annotated_text(ui, document, part.scope)).color(Colours::of(ui).muted));
        return;
    }
    let mut texts = part.typed.clone().unwrap_or_else(|| ends(document, part));
    ui.horizontal(|ui| {
        let mut changed = false;
        for (text, name) in texts.iter_mut().zip(["From", "to"]) {
            ui.label(name);
            let field = TextEdit::singleline(text).desired_width(150.0).char_limit(64);
            let label = if name == "From" { "From time" } else { "To time" };
            let about =
                "12.5s, 0:00:12.5, #30000 or a date and time. What is at the second time is not written any more.";
            changed |= named(ui.add(field), label).on_hover_text(about).changed();
        }
        if changed {
            *part = Part { scope: Scope::default(), typed: Some(texts) };
        }
    });
    if part.typed.is_none() && part.scope == Scope::Selection && document.selection.is_none() {
        ui.weak("Nothing is selected, so the visible range is taken.");
    }
    match part.frames(document) {
        Ok(frames) => {
            let channels = document.visible_channels().len();
            ui.label(RichText::new(frames_text(document, &frames, channels)).color(Colours::of(ui).muted));
        }
        Err(error) => {
            let text = format!("▲ {}", sentence(&error.to_string()));
            ui.label(RichText::new(text).color(Colours::of(ui).error));
        }
    }
}

/// Both ends of a part that is chosen, so exact that reading them gives the same frames.
fn ends(document: &Document, part: &Part) -> [String; 2] {
    let frames = document.scope(part.scope).frames;
    let time = document.time();
    if frames.is_empty() {
        return [String::new(), String::new()];
    }
    let by_frame = !time.rate_known() || document.times.format == TimeFormat::Frames;
    if by_frame {
        return [format!("#{}", frames.start), format!("#{}", frames.end)];
    }
    [time.tick_of_frame(frames.start), time.tick_of_frame(frames.end - 1) + 1]
        .map(|tick| secs_text(tick, time.rate_hz()))
}

/// `12.5s`, with as many digits as tell its tick from the next.
fn secs_text(tick: u64, rate_hz: f64) -> String {
    let decimals = rate_hz.log10().ceil().clamp(0.0, 9.0) as usize + 1;
    let text = format!("{:.decimals$}", tick as f64 / rate_hz);
    format!("{}s", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use eframe::egui::Role;
    use egui_kittest::kittest::Queryable as _;

    use super::super::testing::{bench, control, document};
    use super::*;

    #[test]
    fn the_fields_show_what_is_chosen_and_can_be_typed_over() {
        let mut document = document(4);
        document.selection = Some(100..700);
        let mut harness = bench([560.0, 200.0], Part::default(), move |ui, part, _| part_ui(ui, &document, part));
        harness.run();
        let value = |harness: &egui_kittest::Harness<'_, _>, name: &str| {
            control(harness, Role::TextInput, name).value().unwrap_or_default()
        };
        assert_eq!((value(&harness, "From time"), value(&harness, "To time")), ("0.1s".to_owned(), "0.7s".to_owned()));
        harness.get_by_label("Whole recording").click();
        harness.run();
        assert_eq!(value(&harness, "To time"), "3.5s");
        control(&harness, Role::TextInput, "To time").focus();
        harness.run();
        harness.key_press_modifiers(eframe::egui::Modifiers::COMMAND, eframe::egui::Key::A);
        control(&harness, Role::TextInput, "To time").type_text("#40");
        harness.run();
        let part = harness.state().state.clone();
        assert_eq!(part.typed, Some(["0s".to_owned(), "#40".to_owned()]));
        harness.get_by_label_contains("40 frames");
        control(&harness, Role::TextInput, "To time").type_text("x");
        harness.run();
        harness.get_by_label_contains("is not a time");
        harness.get_by_label("Selection").click();
        harness.run();
        assert_eq!(harness.state().state, Part::default());
    }

    #[test]
    fn the_ends_that_are_shown_mean_the_same_frames() {
        let mut document = document(2);
        for (start, end) in [(0, 3500), (1, 2), (999, 1501), (1600, 3499), (333, 777)] {
            document.selection = Some(start..end);
            let chosen = Part::default();
            let typed = Part { typed: Some(ends(&document, &chosen)), ..chosen.clone() };
            assert_eq!(typed.frames(&document).unwrap(), chosen.frames(&document).unwrap(), "{typed:?}");
        }
        for rate in [30_000.0, 24_414.062_5, 0.5, 1e9] {
            for tick in [0, 1, 29_999, 86_400 * 30_000 + 1] {
                let text = secs_text(tick, rate);
                let secs: f64 = text.trim_end_matches('s').parse().unwrap();
                assert_eq!((secs * rate).round() as u64, tick, "{text} at {rate}");
            }
        }
    }
}
