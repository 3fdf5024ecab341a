//! The filter tab: a chain is built here, its response drawn while it is, and applied to what the window shows.
//!
//! Nothing is filtered here: `Apply` asks for the filtered recording, which is opened on a worker like any other. From then
//! on traces, analyses and exports are those of the filtered recording, and the traces without filters may be shown
//! behind, dimmed.

use eframe::egui::{RichText, Ui};
use egui_material_icons::icons;
use egui_plot::{HLine, Line, Plot, PlotPoint, PlotPoints};

use super::command::{Command, FilterCommand};
use super::command_line::{filter_line, line_ui};
use super::controls::{icon_button, main_button, section};
use super::settings_form::settings_of_ui;
use super::state::Document;
use super::theme::Colours;
use super::wording::{sentence, significant};
use crate::filter::{Chain, FILTERS, Step, response};
use crate::recording::Stream;

/// Chains that are asked for often.
const PRESETS: &[(&str, &str)] = &[
    ("Spikes 300–6000 Hz", "band-pass=300..6000"),
    ("LFP 1–300 Hz", "band-pass=1..300,order=2"),
    ("EEG 0.5–40 Hz + notch 50", "band-pass=0.5..40,order=2; notch=50"),
];
/// Points of the response curve.
const POINTS: usize = 400;
/// The curve reaches down from the Nyquist frequency by so many decades.
const DECADES: f64 = 4.5;
/// What is smaller is drawn there, decibels.
const FLOOR_DB: f64 = -120.0;

/// The chain that is being designed.
#[derive(Clone, Debug, Default)]
pub struct FilterForm {
    pub steps: Vec<Step>,
    /// What the curve was computed for, and the curve or why there is none.
    curve: Option<(String, Result<Curve, String>)>,
}

#[derive(Clone, Debug)]
struct Curve {
    /// log10 of the frequency, and decibels.
    points: Vec<PlotPoint>,
    /// Some filters have no response, being not linear.
    incomplete: bool,
}

/// Where a step goes.
enum Change {
    Up(usize),
    Down(usize),
    Remove(usize),
}

impl FilterForm {
    /// The chain as it is now.
    #[must_use]
    pub fn chain(&self) -> Chain {
        Chain { steps: self.steps.clone(), ..Chain::default() }
    }

    fn load(&mut self, text: &str) {
        // The presets are constants, which a test reads.
        self.steps = Chain::parse(text).map(|chain| chain.steps).unwrap_or_default();
    }

    /// Shows a chain that is applied, wherever it comes from.
    pub fn show(&mut self, chain: &Chain) {
        self.steps.clone_from(&chain.steps);
    }

    fn change(&mut self, change: &Change) {
        match *change {
            Change::Up(i) if i > 0 => self.steps.swap(i - 1, i),
            Change::Down(i) if i + 1 < self.steps.len() => self.steps.swap(i, i + 1),
            Change::Remove(i) => drop(self.steps.remove(i)),
            Change::Up(_) | Change::Down(_) => {}
        }
    }

    /// The response for `stream`, computed when something has changed.
    fn curve(&mut self, stream: &Stream) -> &Result<Curve, String> {
        let chain = self.chain();
        let key = format!("{chain} at {} of {} channels", stream.time.rate_hz(), stream.channels.len());
        if self.curve.as_ref().is_none_or(|(of, _)| *of != key) {
            self.curve = Some((key, Curve::of(stream, &chain)));
        }
        &self.curve.get_or_insert_with(|| (String::new(), Err(String::new()))).1
    }
}

impl Curve {
    fn of(stream: &Stream, chain: &Chain) -> Result<Self, String> {
        let nyquist = stream.time.rate_hz() / 2.0;
        let hz: Vec<f64> = (0..POINTS)
            .map(|i| nyquist * 10_f64.powf(-DECADES * (1.0 - i as f64 / (POINTS - 1) as f64)) * 0.9999)
            .collect();
        let (gains, incomplete) = response(stream, chain, &hz).map_err(|e| e.to_string())?;
        let decibels = gains.iter().map(|gain| (20.0 * gain.log10()).max(FLOOR_DB));
        let points = hz.iter().zip(decibels).map(|(hz, db)| PlotPoint::new(hz.log10(), db)).collect();
        Ok(Self { points, incomplete })
    }
}

/// Draws the tab.
pub(super) fn filter_ui(ui: &mut Ui, document: &Document, form: &mut FilterForm, out: &mut Vec<Command>) {
    ui.weak("Filters are applied in this order to what is seen, computed and exported; the file stays as it is.");
    ui.add_space(4.0);
    applied_ui(ui, document, out);
    ui.horizontal_wrapped(|ui| {
        for (title, text) in PRESETS {
            if ui.button(*title).on_hover_text(*text).clicked() {
                form.load(text);
            }
        }
    });
    steps_ui(ui, document, form);
    ui.menu_button("Add a filter", |ui| {
        for filter in FILTERS {
            if ui.button(filter.title).on_hover_text(filter.help).clicked() {
                form.steps.push(Step::new(filter));
                ui.close();
            }
        }
    });
    if form.steps.is_empty() {
        ui.add_space(8.0);
        ui.weak("No filter yet: take one of the usual ones, or add one.");
        return;
    }
    let raw = document.unfiltered();
    let able = match form.curve(raw) {
        Ok(curve) => {
            curve_ui(ui, curve);
            true
        }
        Err(error) => {
            ui.add_space(8.0);
            ui.label(RichText::new(format!("▲ {}", sentence(error))).color(Colours::of(ui).error));
            false
        }
    };
    let chain = form.chain();
    let same = document.filter.as_ref().is_some_and(|f| f.chain == chain);
    ui.add_space(8.0);
    ui.horizontal(|ui| {
        let apply = ui.add_enabled(able && !same, main_button(ui, "Apply"));
        if apply.on_hover_text("Show, compute and export the filtered recording").clicked() {
            out.push(Command::Filter(FilterCommand::Apply(chain.clone())));
        }
        if same {
            ui.weak("This is applied.");
        }
    });
    line_ui(ui, &filter_line(document, &chain));
}

/// What is applied now, and how to be rid of it.
fn applied_ui(ui: &mut Ui, document: &Document, out: &mut Vec<Command>) {
    let Some(filter) = &document.filter else { return };
    ui.label(RichText::new(format!("Applied: {}", filter.chain)).color(Colours::of(ui).accent));
    ui.horizontal(|ui| {
        if ui.button("Remove").on_hover_text("Show the recording as it is stored").clicked() {
            out.push(Command::Filter(FilterCommand::Remove));
        }
        let comparable = document.raw_is_comparable();
        let mut shown = filter.shown && comparable;
        let check = ui.add_enabled(comparable, eframe::egui::Checkbox::new(&mut shown, "Raw behind, dimmed"));
        let check = check.on_disabled_hover_text("the filtered recording has another rate");
        if check.on_hover_text("Draw the traces without filters behind those with").changed() {
            out.push(Command::Filter(FilterCommand::ShowRaw(shown)));
        }
    });
    ui.separator();
}

fn steps_ui(ui: &mut Ui, document: &Document, form: &mut FilterForm) {
    let mut change = None;
    let count = form.steps.len();
    for (i, step) in form.steps.iter_mut().enumerate() {
        ui.push_id(("step", i), |ui| {
            ui.add_space(6.0);
            ui.horizontal(|ui| {
                ui.strong(format!("{}. {}", i + 1, step.filter.title)).on_hover_text(step.filter.help);
                let mut button = |icon, name: &str, able: bool, what: Change| {
                    let full = format!("{name} {} {}", step.filter.title, i + 1);
                    if ui.add_enabled_ui(able, |ui| icon_button(ui, icon, &full, name)).inner.clicked() {
                        change = Some(what);
                    }
                };
                button(icons::ICON_ARROW_UPWARD, "Earlier", i > 0, Change::Up(i));
                button(icons::ICON_ARROW_DOWNWARD, "Later", i + 1 < count, Change::Down(i));
                button(icons::ICON_CLOSE, "Remove", true, Change::Remove(i));
            });
            ui.indent("settings", |ui| settings_of_ui(ui, &mut step.settings, document));
        });
    }
    if let Some(change) = change {
        form.change(&change);
    }
    ui.add_space(6.0);
}

/// What a sine of each frequency is multiplied by, decibels over a logarithmic axis.
fn curve_ui(ui: &mut Ui, curve: &Curve) {
    section(ui, "Response");
    let colours = Colours::of(ui);
    let ends = curve.points.first().zip(curve.points.last()).map_or((0.0, 1.0), |(a, b)| (a.x, b.x));
    let least = curve.points.iter().map(|p| p.y).fold(-20.0, f64::min).max(FLOOR_DB);
    let most = curve.points.iter().map(|p| p.y).fold(3.0, f64::max);
    Plot::new("response")
        .height(160.0)
        .include_x(ends.0)
        .include_x(ends.1)
        .include_y(least)
        .include_y(most)
        .allow_scroll(false)
        .allow_drag(false)
        .allow_zoom(false)
        .x_axis_label("Frequency (Hz)")
        .y_axis_label("Gain (dB)")
        .x_grid_spacer(egui_plot::uniform_grid_spacer(|_| [1.0, 1.0, 1.0]))
        .x_axis_formatter(|mark, _| significant(10_f64.powf(mark.value), 3))
        .label_formatter(|hover| {
            let position = match hover {
                egui_plot::HoverPosition::NearDataPoint { position, .. }
                | egui_plot::HoverPosition::Elsewhere { position } => position,
            };
            Some(format!("{} Hz\n{} dB", significant(10_f64.powf(position.x), 4), significant(position.y, 3)))
        })
        .show(ui, |plot| {
            plot.hline(HLine::new("−3 dB", -3.0).color(colours.separator));
            plot.line(Line::new("response", PlotPoints::Borrowed(&curve.points)).color(colours.accent).width(1.5));
        });
    if curve.incomplete {
        ui.weak("References, envelopes and rectifying have no response; the curve is that of the other filters.");
    }
}

#[cfg(test)]
mod tests {
    use egui_kittest::kittest::Queryable as _;

    use super::super::testing::{bench, document};
    use super::*;

    #[test]
    fn presets_are_chains() {
        for (title, text) in PRESETS {
            assert!(!Chain::parse(text).unwrap().is_empty(), "{title}");
        }
    }

    #[test]
    fn a_chain_is_built_and_applied() {
        let document = document(4);
        let mut harness = bench([400.0, 1000.0], FilterForm::default(), move |ui, form, out| {
            filter_ui(ui, &document, form, out);
        });
        harness.run();
        harness.get_by_label_contains("No filter yet");
        // 6000 Hz is above the Nyquist frequency of a recording of 1 kHz, and that is said.
        harness.get_by_label("Spikes 300–6000 Hz").click();
        harness.run();
        harness.get_by_label_contains("choose a frequency below 500 Hz");
        harness.get_by_label("LFP 1–300 Hz").click();
        harness.run();
        harness.get_by_label("Add a filter").click();
        harness.run();
        harness.get_by_label("Rectify").click();
        harness.run();
        harness.get_by_label("Earlier Rectify 2").click();
        harness.run();
        harness.get_by_label_contains("longwave filter '/data/day 1.rec' --rectify --band-pass 1..300,order=2 -o");
        harness.get_by_label("Remove Rectify 1").click();
        harness.run();
        harness.get_by_label("Apply").click();
        harness.run();
        let out = &harness.state().out;
        let asked = matches!(&out[..], [Command::Filter(FilterCommand::Apply(chain))] if chain.to_string() == "band-pass=1..300,order=2");
        assert!(asked, "{out:?}");
    }
}
