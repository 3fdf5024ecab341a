//! A result about channels over time in the inspector: which had better be left out, the strip of all of them, and the
//! table.

use eframe::egui::{RichText, ScrollArea, Ui};

use super::command::{ChannelCommand, Command, FilterCommand};
use super::controls::{named, section};
use super::heat_view::{HeatOptions, heat_view_ui};
use super::result_view::table_ui;
use super::state::Document;
use super::theme::Colours;
use super::wording::plural;
use crate::analysis::Strip;
use crate::filter::{Chain, Step};

/// Draws the result.
pub(super) fn strip_view_ui(
    ui: &mut Ui,
    strip: &Strip,
    document: &Document,
    options: &mut HeatOptions,
    out: &mut Vec<Command>,
) {
    bad_ui(ui, strip, document, out);
    heat_view_ui(ui, &strip.map, options);
    section(ui, "Channels");
    table_ui(ui, &strip.table);
}

/// The channels that look bad, each with a way to hide it, and one for all.
fn bad_ui(ui: &mut Ui, strip: &Strip, document: &Document, out: &mut Vec<Command>) {
    if strip.bad.is_empty() {
        ui.label(RichText::new("No channel looks bad.").color(Colours::of(ui).muted));
        return;
    }
    // Another stream may be shown by now: its channels are others.
    let here = strip.stream == document.stream;
    let shown = |c: usize| here && document.channels.get(c).is_some_and(|view| view.visible);
    let to_hide: Vec<usize> = strip.bad.iter().map(|(c, _)| *c).filter(|&c| shown(c)).collect();
    ui.horizontal(|ui| {
        ui.label(RichText::new(format!("{} suggested as bad", plural(strip.bad.len() as u64, "channel"))).strong());
        let button = ui.add_enabled(!to_hide.is_empty(), eframe::egui::Button::new("Hide all of them"));
        if button.clicked() {
            out.extend(to_hide.iter().map(|&c| Command::Channels(ChannelCommand::Show(c, false))));
        }
    });
    let chain = if here { reference_without(document, strip) } else { None };
    let button = ui.add_enabled(chain.is_some(), eframe::egui::Button::new("Average reference without them"));
    let about = "Subtract the average of the good channels from every one, with the filters that are applied already";
    if let (true, Some(chain)) = (button.on_hover_text(about).clicked(), chain) {
        out.push(Command::Filter(FilterCommand::Apply(chain)));
    }
    let row_height = 22.0;
    let height = (strip.bad.len() as f32 * (row_height + 4.0)).min(140.0);
    ScrollArea::vertical().id_salt("bad").max_height(height).show_rows(ui, row_height, strip.bad.len(), |ui, range| {
        for (c, why) in &strip.bad[range] {
            let name = document.channels.get(*c).and(document.shown().channels.get(*c)).filter(|_| here);
            let name = name.map_or_else(|| format!("channel {c}"), |channel| channel.name.clone());
            ui.horizontal(|ui| {
                let visible = shown(*c);
                let text = if visible { "Hide" } else { "Show" };
                let button = named(ui.add_enabled(here, eframe::egui::Button::new(text)), &format!("{text} {name}"));
                if button.clicked() {
                    out.push(Command::Channels(ChannelCommand::Show(*c, !visible)));
                }
                ui.label(&name);
                ui.weak(*why);
            });
        }
    });
}

/// The filters that are applied, with the common average of all channels but the bad ones as the reference: in the place
/// of the one there is, or last. `None` if no channel would be left, or that is what is applied.
fn reference_without(document: &Document, strip: &Strip) -> Option<Chain> {
    if strip.bad.len() >= document.unfiltered().channels.len() {
        return None;
    }
    let bad: Vec<String> = strip.bad.iter().map(|(c, _)| c.to_string()).collect();
    let step = Step::named("reference", &format!("car,exclude={}", bad.join("+"))).ok()?;
    let applied = document.filter.as_ref().map(|filter| &filter.chain);
    let mut chain = applied.cloned().unwrap_or_default();
    match chain.steps.iter_mut().find(|present| present.filter.name == step.filter.name) {
        Some(present) => *present = step,
        None => chain = chain.then(step).ok()?,
    }
    (applied != Some(&chain)).then_some(chain)
}

#[cfg(test)]
mod tests {
    use egui_kittest::kittest::Queryable as _;

    use super::super::testing::{bench, document};
    use super::*;
    use crate::analysis::{Axis, Heatmap, Layer, Places};

    #[test]
    fn bad_channels_are_hidden_with_one_click() {
        let mut document = document(6);
        document.channels[3].visible = false;
        let map = Heatmap {
            x: Axis { places: Places::At(vec![30.0, 90.0]), ..Axis::default() },
            y: Axis { places: Places::Names((0..6).map(|i| format!("ch {i}")).collect()), ..Axis::default() },
            layers: vec![Layer { name: "RMS".to_owned(), values: vec![1.0; 12] }],
            ..Heatmap::default()
        };
        let bad = vec![(1, "dead"), (3, "noisy"), (4, "line noise")];
        let strip = Strip { stream: document.stream, bad, map, ..Strip::default() };
        let (source, stream) = (std::sync::Arc::clone(&document.source), document.stream);
        let mut harness = bench([420.0, 700.0], HeatOptions::default(), move |ui, options, out| {
            strip_view_ui(ui, &strip, &document, options, out);
        });
        harness.run();
        harness.get_by_label("3 channels suggested as bad");
        harness.get_by_label("Hide all of them").click();
        harness.get_by_label("Show ch 3").click();
        harness.get_by_label("Average reference without them").click();
        harness.run();
        let applied = harness.state().out.iter().find_map(|c| match c {
            Command::Filter(FilterCommand::Apply(chain)) => Some(chain.clone()),
            _ => None,
        });
        let chain = applied.unwrap();
        assert_eq!(chain, Chain::parse("reference=car,exclude=1+3+4").unwrap());
        let opened = crate::filter::filtered(std::sync::Arc::clone(&source), stream, &chain).unwrap();
        assert_eq!(opened.recording().streams[stream].channels.len(), 6);
        let shows: Vec<(usize, bool)> = harness
            .state()
            .out
            .iter()
            .filter_map(|c| match c {
                Command::Channels(ChannelCommand::Show(c, visible)) => Some((*c, *visible)),
                _ => None,
            })
            .collect();
        assert_eq!(shows, [(1, false), (4, false), (3, true)]);
    }
}
