//! One analysis in the inspector: over what, with which settings, the button, and the newest result, which converges
//! while its job runs.

use eframe::egui::{self, RichText, Ui};

use super::annotated_scope::{annotated_text, annotated_ui};
use super::command::{Command, JobCommand, Scope};
use super::command_line::{analysis_line, small_line_ui};
use super::controls::section;
use super::found::{form_ui, list_ui};
use super::heat_view::{HeatOptions, heat_view_ui};
use super::jobs::Job;
use super::jobs_bar::running_ui;
use super::result_view::{CurveOptions, curves_ui, table_ui};
use super::settings_form::settings_of_ui;
use super::state::{AnalysisResult, Document};
use super::strip_view::strip_view_ui;
use super::theme::Colours;
use super::wording::{count, plural, sentence, span};
use crate::analysis::{Analysis, View};
use crate::form::Settings;

/// The analysis whose form shows the fields of one kind of search at a time.
const FIND: &str = "find";

/// What the user has set for one analysis.
#[derive(Clone, Debug)]
pub struct AnalysisForm {
    pub settings: Settings,
    pub scope: Scope,
    pub curves: CurveOptions,
    pub heat: HeatOptions,
    /// Fold the settings away in the next frame.
    fold: bool,
}

impl AnalysisForm {
    /// Everything at its default.
    #[must_use]
    pub fn new(analysis: &Analysis) -> Self {
        Self {
            settings: Settings::defaults(analysis.parameters),
            // What is searched for may be anywhere.
            scope: if analysis.name == FIND { Scope::Everything } else { Scope::default() },
            curves: CurveOptions::default(),
            heat: HeatOptions::default(),
            fold: false,
        }
    }

    /// Shows what is being run, with the settings folded away: the result needs the room.
    pub fn show(&mut self, settings: &Settings, scope: Scope) {
        self.settings = settings.clone();
        self.scope = scope;
        self.fold = true;
    }
}

/// Draws the tab.
pub(super) fn analysis_ui(
    ui: &mut Ui,
    analysis: &Analysis,
    document: &Document,
    jobs: &[Job],
    form: &mut AnalysisForm,
    out: &mut Vec<Command>,
) {
    ui.weak(analysis.about);
    ui.add_space(4.0);
    scope_ui(ui, document, &mut form.scope, crate::analysis::takes_annotated(analysis.name));
    if !analysis.parameters.is_empty() {
        // Folded away once there is a result, which needs the room; a click brings them back.
        egui::CollapsingHeader::new("Settings")
            .default_open(true)
            .open(std::mem::take(&mut form.fold).then_some(false))
            .show(ui, |ui| {
                if analysis.name == FIND {
                    form_ui(ui, analysis.name, document, &mut form.settings, out);
                } else {
                    settings_of_ui(ui, &mut form.settings, document);
                }
            });
    }
    ui.add_space(8.0);
    let result = document.results.list.iter().rev().find(|r| r.name == analysis.name);
    let running = result.and_then(|r| jobs.iter().find(|j| j.id == r.job && j.is_running()));
    ui.horizontal(|ui| {
        let selection = document.scope(form.scope);
        let able = !selection.is_empty() && !selection.channels.is_empty();
        let button = ui.add_enabled(able, eframe::egui::Button::new("Compute").min_size([88.0, 24.0].into()));
        if button.clicked() {
            form.fold = true;
            if let Some(job) = running {
                out.push(Command::Job(JobCommand::Cancel(job.id)));
            }
            let settings = form.settings.clone();
            out.push(Command::Job(JobCommand::Analyse { name: analysis.name, settings, scope: form.scope }));
        }
        if selection.channels.is_empty() {
            ui.weak("No channel is shown: show one in the list at the left.");
        } else if selection.is_empty() {
            ui.weak("There is nothing in this range but a gap.");
        }
        if let Some(job) = running {
            running_ui(ui, job, 72.0, out);
        }
    });
    small_line_ui(ui, &analysis_line(document, analysis, &form.settings, form.scope));
    match result {
        Some(result) => result_ui(ui, result, running, document, form, out),
        None => {
            let what = "It appears here while it is computed, and becomes exact as the work goes on.";
            super::empty::hint(ui, egui_material_icons::icons::ICON_ANALYTICS, "No result yet", what);
        }
    }
}

/// Over what something may be done: with its label and what it means.
pub(super) const SCOPES: [(Scope, &str, &str); 3] = [
    (Scope::Selection, "Selection", "What is selected over the traces (Shift-drag); what is seen, if nothing is"),
    (Scope::Visible, "Visible range", "What the traces show now, from edge to edge"),
    (Scope::Everything, "Whole recording", "From the first frame to the last"),
];

/// Between choices on one line, points: each is nearer to its own mark than to the next.
pub(super) const BETWEEN_CHOICES: f32 = 14.0;

/// The choice of the range, with annotated ranges where they can be gone over, and what it comes to.
pub(super) fn scope_ui(ui: &mut Ui, document: &Document, scope: &mut Scope, annotated: bool) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = BETWEEN_CHOICES;
        for (choice, label, about) in SCOPES {
            ui.radio_value(scope, choice, label).on_hover_text(about);
        }
        if annotated {
            annotated_ui(ui, document, scope);
        } else if matches!(scope, Scope::Annotated(_)) {
            *scope = Scope::default();
        }
    });
    if *scope == Scope::Selection && document.selection.is_none() {
        ui.weak("Nothing is selected, so the visible range is taken. Shift-drag over the traces to select a range.");
    }
    let text = match scope {
        Scope::Annotated(_) => annotated_text(ui, document, *scope),
        _ => range_text(document, *scope),
    };
    ui.label(RichText::new(text).color(Colours::of(ui).muted));
}

/// The range that `scope` means now, in time and samples.
#[must_use]
pub(super) fn range_text(document: &Document, scope: Scope) -> String {
    let selection = document.scope(scope);
    frames_text(document, &selection.frames, selection.channels.len())
}

/// These frames of so many channels, in time and samples.
#[must_use]
pub(super) fn frames_text(document: &Document, frames: &std::ops::Range<u64>, channels: usize) -> String {
    let time = document.time();
    let channels = plural(channels as u64, "channel");
    let samples = plural(frames.end.saturating_sub(frames.start), "frame");
    if frames.is_empty() {
        return format!("{samples} · {channels}");
    }
    let from = time.secs_of_frame(frames.start);
    let to = time.secs_of_frame(frames.end - 1) + 1.0 / time.rate_hz();
    if time.rate_known() {
        format!("{from:.3} s to {to:.3} s ({}) · {samples} · {channels}", span(to - from))
    } else {
        format!("#{} to #{}, both included · {samples} · {channels}", count(frames.start), count(frames.end - 1))
    }
}

fn result_ui(
    ui: &mut Ui,
    result: &AnalysisResult,
    running: Option<&Job>,
    document: &Document,
    form: &mut AnalysisForm,
    out: &mut Vec<Command>,
) {
    report_ui(ui, result, running, |ui, view| match view {
        View::Table(table) => table_ui(ui, table),
        View::Curves(found) => curves_ui(ui, found, &mut form.curves),
        View::Events(events) => list_ui(ui, result.name, events, document, out),
        View::Image(map) => heat_view_ui(ui, map, &mut form.heat),
        View::Strip(strip) => strip_view_ui(ui, strip, document, &mut form.heat, out),
    });
}

/// A result with what it is over and its notes, its view drawn by `show`.
pub(super) fn report_ui(
    ui: &mut Ui,
    result: &AnalysisResult,
    running: Option<&Job>,
    show: impl FnOnce(&mut Ui, &View),
) {
    section(ui, "Result");
    ui.weak(format!("Over {}", result.over));
    if !result.done {
        let share = running.and_then(|j| j.progress().fraction()).unwrap_or(0.0);
        // A job that has ended without finishing leaves what it had.
        let text = match running {
            Some(_) => format!("converging… {:.0} %", (share * 100.0).floor()),
            None => "incomplete: the work was stopped".to_owned(),
        };
        ui.label(RichText::new(text).color(Colours::of(ui).warning));
    }
    let Some(report) = &result.report else {
        if running.is_none() {
            ui.weak("There is no result.");
        }
        return;
    };
    ui.push_id(result.name, |ui| show(ui, &report.view));
    for note in &report.notes {
        ui.weak(format!("Note: {}", sentence(note)));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use eframe::egui::Role;
    use egui_kittest::kittest::Queryable as _;

    use super::super::jobs_bar::tests::some_jobs;
    use super::super::result_view::tests::{curves, table};
    use super::super::testing::{bench, control, document};
    use super::*;
    use crate::analysis::Report;
    use crate::form::{Kind, Parameter};

    pub(crate) const SPECTRUM: Analysis = Analysis {
        name: "test-spectrum",
        title: "Power spectrum",
        about: "How the power is spread over frequencies.",
        example: "",
        parameters: &[
            Parameter {
                name: "window",
                title: "Window",
                help: "Frames in a window",
                kind: Kind::Integer { min: 2, max: 1 << 20 },
                default: "8192",
            },
            Parameter {
                name: "taper",
                title: "Taper",
                help: "Shape of the window",
                kind: Kind::Choice(&["hann", "hamming"]),
                default: "hann",
            },
        ],
        file_types: &["csv"],
        check: |_| Ok(()),
        run: |_| Err(crate::Error::cancelled()),
    };

    pub(crate) fn report(view: View) -> Option<Report> {
        let notes = vec!["3 windows that cross a gap were left out".to_owned()];
        Some(Report { view, json: serde_json::Value::Null, notes })
    }

    #[test]
    fn compute_asks_with_the_settings_and_scope_chosen() {
        let document = document(4);
        let mut harness = bench([360.0, 500.0], AnalysisForm::new(&SPECTRUM), move |ui, form, out| {
            analysis_ui(ui, &SPECTRUM, &document, &[], form, out);
        });
        harness.run();
        harness.get_by_label_contains("Shift-drag over the traces");
        harness.get_by_label("Whole recording").click();
        harness.run();
        control(&harness, Role::ComboBox, "Taper").click();
        harness.run();
        harness.get_by_label("hamming").click();
        harness.run();
        harness.get_by_label("Compute").click();
        harness.run();
        let [Command::Job(JobCommand::Analyse { name, settings, scope })] = &harness.state().out[..] else {
            panic!("{:?}", harness.state().out)
        };
        assert_eq!((*name, settings.text("taper"), *scope), ("test-spectrum", "hamming", Scope::Everything));
    }

    #[test]
    fn a_running_job_shows_its_partial_result_and_stops() {
        let jobs = some_jobs();
        let id = jobs.list[0].id;
        let mut document = document(4);
        document.results.list.push(AnalysisResult {
            name: SPECTRUM.name,
            over: "0.000 s to 3.500 s, 4 channels".to_owned(),
            job: id,
            report: report(View::Curves(curves(4, 257))),
            done: false,
        });
        let mut harness = bench([420.0, 800.0], AnalysisForm::new(&SPECTRUM), move |ui, form, out| {
            analysis_ui(ui, &SPECTRUM, &document, &jobs.list, form, out);
        });
        harness.run();
        harness.get_by_label_contains("converging… 43 %");
        harness.get_by_label_contains("3 windows that cross a gap");
        harness.get_by_label("Stop Power spectrum").click();
        harness.run();
        assert!(matches!(harness.state().out[..], [Command::Job(JobCommand::Cancel(job))] if job == id));
    }

    #[test]
    fn a_range_is_told_in_time_and_frames() {
        let mut document = document(4);
        let text = range_text(&document, Scope::Everything);
        assert_eq!(text, "0.000 s to 3.500 s (3.50 s) · 3\u{a0}000 frames · 4 channels");
        document.selection = Some(1000..1200);
        assert_eq!(range_text(&document, Scope::Selection), "0 frames · 4 channels", "inside the gap");
        let mut harness = bench([360.0, 400.0], AnalysisForm::new(&SPECTRUM), move |ui, form, out| {
            analysis_ui(ui, &SPECTRUM, &document, &[], form, out);
        });
        harness.run();
        harness.get_by_label_contains("nothing in this range but a gap");
        let _ = table(1);
    }
}
