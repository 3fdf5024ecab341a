//! "Compare with…": the stream that is shown against another recording, as a job; what differs as a table, and the
//! difference as a recording to look at.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use eframe::egui::{Button, RichText, TextEdit, Ui};

use super::analysis_tab::report_ui;
use super::command::{Command, FileCommand, JobCommand, PanelCommand};
use super::command_line::{compare_line, small_line_ui};
use super::controls::{named, section};
use super::jobs::{Job, Jobs, Outcome, Reply};
use super::jobs_bar::running_ui;
use super::opening::Opened;
use super::result_view::table_ui;
use super::state::{AnalysisResult, Document};
use crate::analysis::View;
use crate::analysis::compare::{self, Asked, DifferenceSource, Pair};
use crate::budget::MemoryBudget;
use crate::error::Result;
use crate::source::{OpenOptions, Source};
use crate::summary::{SidecarPolicy, Summary};
use crate::task::{Task, default_threads};

/// What results of comparisons are listed as.
const NAME: &str = "compare";

/// The shown stream of `source` and what stands against it in the recording at `with`.
fn pair(source: Arc<dyn Source>, stream: usize, with: &Path, task: &Task) -> Result<Arc<Pair>> {
    let other = crate::source::open(with, &OpenOptions::default(), task)?;
    let asked = Asked::all(source.as_ref(), stream);
    Pair::new(source, other, asked).map(Arc::new)
}

/// Starts comparing all of the stream that is shown with the recording at `with`.
pub(super) fn start(document: &mut Document, jobs: &mut Jobs, budget: &MemoryBudget, with: PathBuf) {
    for old in document.results.list.iter().filter(|r| r.name == NAME && !r.done) {
        jobs.cancel(old.job);
    }
    let name = with.file_name().unwrap_or(with.as_os_str()).to_string_lossy().into_owned();
    let (source, stream, path) = (Arc::clone(&document.source), document.stream, with.clone());
    let job = jobs.start(format!("Compare with {name}"), budget, move |_, task, _| {
        let pair = pair(source, stream, &path, task)?;
        compare::report(&pair, 0.0, task).map(|report| Outcome::Report(Box::new(report)))
    });
    let over = format!("{}, with {name}", document.recording().name);
    let results = &mut document.results;
    results.compared = Some(with);
    results.list.retain(|r| r.name != NAME);
    results.list.push(AnalysisResult { name: NAME, over, job, report: None, done: false });
}

/// Opens the difference to the recording that was compared with, in place of what is open. Returns what the answer
/// ([`Reply::Opened`]) will be known by.
pub(super) fn show(document: &Document, jobs: &Jobs, budget: &MemoryBudget) -> Option<Vec<PathBuf>> {
    let with = document.results.compared.clone()?;
    let paths = vec![document.path.clone(), with.clone()];
    let (source, stream, path) = (Arc::clone(&document.source), document.stream, document.path.clone());
    let (budget, asked) = (budget.clone(), paths.clone());
    jobs.spawn("open", move |replies| {
        let open = std::panic::AssertUnwindSafe(|| {
            let task = Task::new(budget.clone(), default_threads());
            let source: Arc<dyn Source> = Arc::new(DifferenceSource::new(pair(source, stream, &with, &task)?));
            let summary = Summary::open(Arc::clone(&source), 0, &budget, &SidecarPolicy::Off)?;
            // The difference begins with the first recording and has its clock: what was noted there is noted here.
            let annotations = crate::annotation::store::find(&path);
            Ok(Opened { source, stream: 0, summary, annotations, instead: None, recalled: None, fingerprint: None })
        });
        let result = std::panic::catch_unwind(open).unwrap_or_else(|p| Err(crate::scan::panicked(p.as_ref())));
        replies.send(Reply::Opened { paths: asked, options: OpenOptions::default(), result });
    });
    Some(paths)
}

/// The part of the inspector that asks for a comparison and shows it.
pub(super) fn comparison_ui(ui: &mut Ui, document: &Document, jobs: &[Job], out: &mut Vec<Command>) {
    section(ui, "Comparison");
    ui.weak("With another recording, sample by sample: a copy, a conversion, a filtered version.");
    let typed = ui.scope_id().with("compared path");
    let mut path: String = ui.data_mut(|data| data.get_temp(typed)).unwrap_or_default();
    ui.horizontal(|ui| {
        let field = TextEdit::singleline(&mut path)
            .hint_text(RichText::new("Path of the other recording").italics())
            .desired_width(180.0);
        let field = named(ui.add(field), "Path of the other recording");
        let entered = field.lost_focus() && ui.input(|i| i.key_pressed(eframe::egui::Key::Enter));
        let button = ui.add_enabled(!path.trim().is_empty(), Button::new("Compare"));
        if (button.clicked() || entered) && !path.trim().is_empty() {
            out.push(Command::Job(JobCommand::Compare(PathBuf::from(path.trim()))));
        }
        if ui.button("Compare with…").on_hover_text("Choose the other recording").clicked() {
            out.push(Command::Panel(PanelCommand::BrowseCompare));
        }
    });
    if !path.trim().is_empty() {
        small_line_ui(ui, &compare_line(document, Path::new(path.trim())));
    }
    ui.data_mut(|data| data.insert_temp(typed, path));
    let Some(result) = document.results.list.iter().rev().find(|r| r.name == NAME) else { return };
    let running = jobs.iter().find(|j| j.id == result.job && j.is_running());
    if let Some(job) = running {
        ui.horizontal(|ui| running_ui(ui, job, 72.0, out));
        return;
    }
    report_ui(ui, result, running, |ui, view| {
        if let View::Table(table) = view {
            table_ui(ui, table);
        }
    });
    let hover = "The first minus the second, as a recording in place of this one";
    if result.done && ui.button("Show difference").on_hover_text(hover).clicked() {
        out.push(Command::File(FileCommand::ShowDifference));
    }
}

#[cfg(test)]
mod tests {
    use egui_kittest::kittest::Queryable as _;

    use super::super::jobs_bar::tests::some_jobs;
    use super::super::testing::{bench, document};
    use super::*;
    use crate::analysis::{Report, View};

    #[test]
    fn what_was_found_is_shown_and_its_difference_can_be_asked_for() {
        let jobs = some_jobs();
        let id = jobs.list.iter().find(|j| !j.is_running()).map_or(jobs.list[0].id, |j| j.id);
        let mut document = document(4);
        let view = View::Table(super::super::result_view::tests::table(3));
        let notes = vec!["different: 1 of 4 channels, from frame 5,000 on".to_owned()];
        document.results.list.push(AnalysisResult {
            name: NAME,
            over: "day 1.rec, with day 1.npy".to_owned(),
            job: id,
            report: Some(Report { view, json: serde_json::Value::Null, notes }),
            done: true,
        });
        let mut harness = bench([420.0, 800.0], (), move |ui, (), out| comparison_ui(ui, &document, &[], out));
        harness.run();
        harness.get_by_label_contains("1 of 4 channels, from frame 5,000");
        harness.get_by_label("Compare with…").click();
        harness.get_by_label("Show difference").click();
        harness.run();
        let out = &harness.state().out[..];
        let asked =
            matches!(out, [Command::Panel(PanelCommand::BrowseCompare), Command::File(FileCommand::ShowDifference)]);
        assert!(asked, "{out:?}");
    }
}
