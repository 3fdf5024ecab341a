//! What is chosen within the inspector's panels. Panels stand for what a user is after; the analyses of the table, which
//! become more and more, share one of them, with a list to choose from, and so do the decoders. Searches have a panel of
//! their own, because the keys N and P walk through what they find.
//!
//! Every analysis and decoder is a tab for commands ([`tab_named`]), whatever panel it is shown on ([`pane_of`]).

use eframe::egui::{ComboBox, Ui};

use super::command::{Command, PanelCommand};
use super::controls::named;
use super::dock::Pane;
use super::state::InspectorTab;
use crate::analysis::{ANALYSES, DECODERS};

/// The analysis that has a tab of its own.
const FIND: &str = "find";

/// Which of the analyses and of the decoders was shown last, by its index: the one that the tab goes back to.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Last {
    pub analysis: usize,
    pub decoder: usize,
}

/// Whether the analysis at `index` of the table is the one that has a panel of its own.
pub(super) fn is_find(index: usize) -> bool {
    ANALYSES.get(index).is_some_and(|analysis| analysis.name == FIND)
}

/// The analyses on the tab of all of them, with their index in the table.
fn analyses() -> impl Iterator<Item = (usize, &'static crate::analysis::Analysis)> {
    ANALYSES.iter().enumerate().filter(|&(i, _)| !is_find(i))
}

/// Where searches are in the table of analyses.
pub(super) fn find_index() -> Option<usize> {
    ANALYSES.iter().position(|analysis| analysis.name == FIND)
}

/// The panel that a tab is on.
pub(super) fn pane_of(tab: InspectorTab) -> Pane {
    match tab {
        InspectorTab::Analysis(i) if is_find(i) => Pane::Find,
        InspectorTab::Analysis(_) => Pane::Analyse,
        InspectorTab::Decoder(_) => Pane::Decode,
        InspectorTab::Filter => Pane::Filter,
        InspectorTab::Measure => Pane::Measure,
        InspectorTab::Annotations => Pane::Annotations,
        InspectorTab::Recording => Pane::Recording,
    }
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

    use super::super::dock::{PaneChange, dock_ui};
    use super::super::settings::Settings;
    use super::super::state::Panels;
    use super::super::testing::{Bench, bench, control, document};
    use super::*;

    fn inspector<'a>(tab: InspectorTab) -> Harness<'a, Bench<Panels>> {
        let document = document(4);
        let mut harness = bench([1200.0, 700.0], Panels::default(), move |ui, panels, out| {
            dock_ui(ui, &document, panels, &[], &Settings::default(), out);
        });
        show(&mut harness, tab);
        harness
    }

    fn show(harness: &mut Harness<'_, Bench<Panels>>, tab: InspectorTab) {
        let panels = &mut harness.state_mut().state;
        panels.analysis_forms.choose(tab);
        panels.dock.change(pane_of(tab), PaneChange::Show);
        harness.run();
        harness.state_mut().out.clear();
    }

    /// The tab that was asked for last.
    fn asked(harness: &mut Harness<'_, Bench<Panels>>) -> InspectorTab {
        harness.run();
        let asked = std::mem::take(&mut harness.state_mut().out).into_iter().find_map(|command| match command {
            Command::Panel(PanelCommand::Inspector(tab)) => Some(tab),
            _ => None,
        });
        asked.unwrap()
    }

    #[test]
    fn every_tab_draws_and_the_row_fits() {
        let mut harness = inspector(InspectorTab::Measure);
        for tab in tabs() {
            show(&mut harness, tab);
            let of = |title| control(&harness, Role::Tab, title).rect();
            let (first, last) = (of("Measure"), of("Recording"));
            assert!((last.top() - first.top()).abs() < 1.0 && last.right() <= 1200.0, "{tab:?}: {first} {last}");
            assert!(harness.state().state.dock.is_shown(pane_of(tab)));
        }
        control(&harness, Role::Tab, "Recording").click();
        harness.run();
        assert!(harness.state().state.dock.is_shown(Pane::Recording));
    }

    #[test]
    fn an_analysis_is_chosen_from_the_list_and_remembered() {
        let mut harness = inspector(InspectorTab::Analysis(0));
        control(&harness, Role::ComboBox, "Analysis").click();
        harness.run();
        for (_, analysis) in analyses() {
            assert!(harness.query_all_by_label(analysis.title).next().is_some(), "{} is listed", analysis.title);
        }
        harness.get_by_label("Power spectrum").click();
        let spectrum = asked(&mut harness);
        assert_eq!(spectrum, tab_named("spectrum").unwrap());
        show(&mut harness, spectrum);
        show(&mut harness, tab_named("find").unwrap());
        assert!(harness.query_by_role_and_label(Role::ComboBox, "Analysis").is_none());
        control(&harness, Role::Tab, "Analyse").click();
        harness.run();
        let last = harness.state().state.analysis_forms.last.analysis;
        assert_eq!(InspectorTab::Analysis(last), spectrum, "the one that was shown last");
        control(&harness, Role::ComboBox, "Analysis");
    }

    #[test]
    fn a_protocol_is_chosen() {
        let mut harness = inspector(InspectorTab::Decoder(1));
        harness.get_by_label("UART").click();
        assert_eq!(asked(&mut harness), InspectorTab::Decoder(0));
        show(&mut harness, InspectorTab::Measure);
        assert_eq!(harness.state().state.analysis_forms.last.decoder, 1, "the one that was shown last");
        assert!(tab_named("no such tab").unwrap_err().to_string().contains("spectrum"));
    }
}
