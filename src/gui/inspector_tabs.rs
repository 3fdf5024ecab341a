//! The row of tabs over the inspector. Tabs stand for what a user is after; the analyses of the table, which become more
//! and more, share one of them, with a list to choose from, and so do the decoders. Searches have a tab of their own,
//! because the keys N and P walk through what they find.
//!
//! Every analysis and decoder is a tab for commands, too ([`tab_named`]), whatever tab it is shown on.

use eframe::egui::{ComboBox, Ui};

use super::command::{Command, PanelCommand};
use super::controls::named;
use super::state::InspectorTab;
use crate::analysis::{ANALYSES, DECODERS};

/// The analysis that has a tab of its own.
const FIND: &str = "find";

/// Which of the analyses and of the decoders was shown last, by its index: the one that the tab goes back to.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Last {
    analysis: usize,
    decoder: usize,
}

fn is_find(index: usize) -> bool {
    ANALYSES.get(index).is_some_and(|analysis| analysis.name == FIND)
}

/// The analyses on the tab of all of them, with their index in the table.
fn analyses() -> impl Iterator<Item = (usize, &'static crate::analysis::Analysis)> {
    ANALYSES.iter().enumerate().filter(|&(i, _)| !is_find(i))
}

/// Draws the row.
pub(super) fn tabs_ui(ui: &mut Ui, tab: InspectorTab, last: &mut Last, out: &mut Vec<Command>) {
    match tab {
        InspectorTab::Analysis(i) if !is_find(i) => last.analysis = i,
        InspectorTab::Decoder(i) => last.decoder = i,
        _ => {}
    }
    let find = ANALYSES.iter().position(|analysis| analysis.name == FIND);
    let find = find.map(|i| (InspectorTab::Analysis(i), "Find", ANALYSES[i].about));
    let before = [
        (InspectorTab::Measure, "Measure", "The selected range, measured while you drag"),
        (InspectorTab::Analysis(last.analysis), "Analyse", "Statistics, spectra, channel health and more"),
    ];
    let behind = [
        (InspectorTab::Decoder(last.decoder), "Decode", "What was said on serial lines"),
        (InspectorTab::Filter, "Filter", "Filter what is seen, computed and exported"),
        (InspectorTab::Annotations, "Annotations", "What you have noted: marks and ranges (M)"),
        (InspectorTab::Recording, "Recording", "What the file says about itself"),
    ];
    ui.horizontal_wrapped(|ui| {
        // Close together, so that they are one row in a panel of the usual width.
        ui.spacing_mut().item_spacing.x = 1.0;
        ui.spacing_mut().button_padding.x = 4.0;
        for (which, title, about) in before.into_iter().chain(find).chain(behind) {
            if ui.selectable_label(tab == which, title).on_hover_text(about).clicked() {
                out.push(Command::Panel(PanelCommand::Inspector(which)));
            }
        }
    });
}

/// The choice of the analysis; nothing on the tab of searches.
pub(super) fn analyses_ui(ui: &mut Ui, tab: InspectorTab, out: &mut Vec<Command>) {
    let InspectorTab::Analysis(shown) = tab else { return };
    if is_find(shown) {
        return;
    }
    let title = ANALYSES.get(shown).map_or("", |analysis| analysis.title);
    // All of them without scrolling: what cannot be seen is not found.
    let height = 28.0 * (ANALYSES.len() + 1) as f32;
    let combo = ComboBox::from_id_salt("analysis").width(220.0).height(height).selected_text(title);
    let combo = combo.show_ui(ui, |ui| {
        for (i, analysis) in analyses() {
            if ui.selectable_label(i == shown, analysis.title).on_hover_text(analysis.about).clicked() {
                out.push(Command::Panel(PanelCommand::Inspector(InspectorTab::Analysis(i))));
            }
        }
    });
    drop(named(combo.response, "Analysis").on_hover_text("What to compute"));
    ui.add_space(4.0);
}

/// The choice of the protocol.
pub(super) fn protocols_ui(ui: &mut Ui, tab: InspectorTab, out: &mut Vec<Command>) {
    ui.horizontal_wrapped(|ui| {
        for (i, decoder) in DECODERS.iter().enumerate() {
            let which = InspectorTab::Decoder(i);
            if ui.radio(tab == which, decoder.title).on_hover_text(decoder.about).clicked() {
                out.push(Command::Panel(PanelCommand::Inspector(which)));
            }
        }
    });
    ui.add_space(4.0);
}

/// The tabs of all analyses, decoders and of the rest, in their order.
fn tabs() -> impl Iterator<Item = InspectorTab> {
    let decoders = (0..DECODERS.len()).map(InspectorTab::Decoder);
    let others = [InspectorTab::Measure, InspectorTab::Filter, InspectorTab::Annotations, InspectorTab::Recording];
    (0..ANALYSES.len()).map(InspectorTab::Analysis).chain(decoders).chain(others)
}

/// The tab of the inspector called `name`: that of an analysis or decoder, `measure`, `filter`, `annotations` or `recording`.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] with the list of names if there is none.
pub(super) fn tab_named(name: &str) -> crate::Result<InspectorTab> {
    tabs().find(|&tab| tab_key(tab) == name).ok_or_else(|| {
        let names: Vec<&str> = tabs().map(tab_key).collect();
        crate::Error::invalid(format!("there is no tab '{name}'"))
            .with_remedy(format!("use one of: {}", names.join(", ")))
    })
}

/// The name of a tab for commands.
pub(super) fn tab_key(tab: InspectorTab) -> &'static str {
    match tab {
        InspectorTab::Analysis(i) => ANALYSES.get(i).map_or("", |a| a.name),
        InspectorTab::Decoder(i) => DECODERS.get(i).map_or("", |a| a.name),
        InspectorTab::Filter => "filter",
        InspectorTab::Measure => "measure",
        InspectorTab::Annotations => "annotations",
        InspectorTab::Recording => "recording",
    }
}

#[cfg(test)]
mod tests {
    use eframe::egui::Role;
    use egui_kittest::Harness;
    use egui_kittest::kittest::Queryable as _;

    use super::super::inspector::inspector_ui;
    use super::super::state::Panels;
    use super::super::testing::{Bench, bench, control, document};
    use super::*;

    fn inspector<'a>(tab: InspectorTab) -> Harness<'a, Bench<Panels>> {
        let document = document(4);
        let panels = Panels { inspector: tab, ..Panels::default() };
        let mut harness = bench([400.0, 700.0], panels, move |ui, panels, out| {
            inspector_ui(ui, &document, &[], panels, out);
        });
        harness.run();
        harness
    }

    /// The tab that was asked for last.
    fn asked(harness: &mut Harness<'_, Bench<Panels>>) -> InspectorTab {
        harness.run();
        match std::mem::take(&mut harness.state_mut().out)[..] {
            [Command::Panel(PanelCommand::Inspector(tab))] => tab,
            ref other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_tab_draws_and_the_row_is_no_longer_than_two_lines() {
        let mut harness = inspector(InspectorTab::Recording);
        for tab in tabs() {
            harness.state_mut().state.inspector = tab;
            harness.run();
            let (first, last) = (harness.get_by_label("Measure").rect(), harness.get_by_label("Recording").rect());
            assert!(last.top() - first.top() < 1.5 * first.height(), "{tab:?}: {first} {last}");
            assert!(last.right() <= 400.0, "{tab:?}: {last}");
        }
        harness.get_by_label("Recording").click();
        assert_eq!(asked(&mut harness), InspectorTab::Recording);
    }

    #[test]
    fn an_analysis_is_chosen_from_the_list_and_remembered() {
        let mut harness = inspector(InspectorTab::Measure);
        harness.get_by_label("Analyse").click();
        assert_eq!(asked(&mut harness), InspectorTab::Analysis(0));
        harness.state_mut().state.inspector = InspectorTab::Analysis(0);
        harness.run();
        control(&harness, Role::ComboBox, "Analysis").click();
        harness.run();
        for (_, analysis) in analyses() {
            assert!(harness.query_all_by_label(analysis.title).next().is_some(), "{} is listed", analysis.title);
        }
        harness.get_by_label("Power spectrum").click();
        let spectrum = asked(&mut harness);
        assert_eq!(spectrum, tab_named("spectrum").unwrap());
        harness.state_mut().state.inspector = spectrum;
        harness.run();
        harness.get_by_label("Find").click();
        let find = asked(&mut harness);
        assert_eq!(find, tab_named("find").unwrap());
        harness.state_mut().state.inspector = find;
        harness.run();
        assert!(harness.query_by_role_and_label(Role::ComboBox, "Analysis").is_none());
        harness.get_by_label("Analyse").click();
        assert_eq!(asked(&mut harness), spectrum, "the one that was shown last");
    }

    #[test]
    fn a_protocol_is_chosen() {
        let mut harness = inspector(InspectorTab::Decoder(1));
        harness.get_by_label("UART").click();
        assert_eq!(asked(&mut harness), InspectorTab::Decoder(0));
        harness.state_mut().state.inspector = InspectorTab::Measure;
        harness.run();
        harness.get_by_label("Decode").click();
        assert_eq!(asked(&mut harness), InspectorTab::Decoder(1), "the one that was shown last");
        assert!(tab_named("no such tab").unwrap_err().to_string().contains("spectrum"));
    }
}
