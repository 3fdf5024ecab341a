//! Work in the background that was asked for: analyses, exports, searches.

use std::sync::Arc;

use super::App;
use crate::gui::command::JobCommand;
use crate::gui::found::FoundCommand;
use crate::gui::jobs::{Outcome, Purpose, Reply};
use crate::gui::message::Message;
use crate::gui::state::AnalysisResult;
use crate::gui::wording::plural;

impl App {
    pub(super) fn apply_job(&mut self, command: JobCommand) {
        match command {
            JobCommand::Compare(with) => {
                if let Some(document) = &mut self.document {
                    crate::gui::comparing::start(document, &mut self.jobs, &self.budget, with);
                }
            }
            JobCommand::ShowInFolder(file) => self.jobs.spawn("file-manager", move |replies| {
                if let Err(error) = crate::gui::toasts::show_in_folder(&file) {
                    replies.send(Reply::Failed(error));
                }
            }),
            JobCommand::Cancel(id) => self.jobs.cancel(id),
            JobCommand::CancelAll => self.jobs.cancel_all(),
            JobCommand::Dismiss(id) => self.jobs.dismiss(id),
            JobCommand::Analyse { name, settings, scope } => {
                let Some(document) = &mut self.document else { return };
                let Ok(analysis) = crate::analysis::named(name) else { return };
                self.panels.analysis_forms.show(name, &settings, scope);
                let source = Arc::clone(&document.source);
                let summary = document.summary.clone();
                let selection = document.scope(scope);
                let ranges = match document.annotated(scope).transpose() {
                    Ok(ranges) => ranges,
                    Err(error) => {
                        self.message = Some(Message::from_error(&error));
                        return;
                    }
                };
                let over = match &ranges {
                    Some(ranges) => plural(ranges.len() as u64, "annotated range"),
                    None => document.describe(&selection),
                };
                for old in document.results.list.iter().filter(|r| r.name == name && !r.done) {
                    self.jobs.cancel(old.job);
                }
                let title = format!("{} of {over}", analysis.title);
                let job = self.jobs.start(title, &self.budget, move |job, task, replies| {
                    let mut publish = |report| replies.send(Reply::Report { job, report });
                    let request = crate::analysis::Request {
                        source: &source,
                        selection: &selection,
                        settings: &settings,
                        task,
                        summary: Some(&summary),
                        publish: &mut publish,
                    };
                    let report = match &ranges {
                        Some(ranges) => crate::analysis::run_annotated(analysis, &request, ranges),
                        None => (analysis.run)(&request),
                    };
                    report.map(|report| Outcome::Report(Box::new(report)))
                });
                document.results.list.retain(|r| r.name != name);
                document.results.list.push(AnalysisResult { name, over, job, report: None, done: false });
            }
            JobCommand::Seek { name, mut settings, forward } => {
                let Some(document) = &self.document else { return };
                let Ok(analysis) = crate::analysis::named(name) else { return };
                let (source, summary) = (Arc::clone(&document.source), document.summary.clone());
                let mut selection = document.scope(crate::gui::command::Scope::Everything);
                let ticks = document.visible_ticks();
                let middle = document.frames_of_ticks(&(ticks.start + (ticks.end - ticks.start) / 2..ticks.end)).start;
                let (which, title) = if forward { ("first", "Next") } else { ("last", "Previous") };
                // What is in the middle already was found before.
                selection.frames =
                    if forward { (middle + 1).min(selection.frames.end)..selection.frames.end } else { 0..middle };
                if settings.set(which, "true").is_err() || selection.is_empty() {
                    return;
                }
                self.jobs.start(format!("{title}: {}", analysis.title), &self.budget, move |_, task, _| {
                    let request = crate::analysis::Request {
                        source: &source,
                        selection: &selection,
                        settings: &settings,
                        task,
                        summary: Some(&summary),
                        publish: &|_| {},
                    };
                    (analysis.run)(&request).map(|report| Outcome::Sought(Box::new(report)))
                });
            }
            JobCommand::Export { target, values, settings, scope, joined, overwrite } => {
                let Some(document) = &self.document else { return };
                let ranges = match document.annotated(scope).transpose() {
                    Ok(ranges) => ranges,
                    Err(error) => {
                        self.message = Some(Message::from_error(&error));
                        return;
                    }
                };
                let source = Arc::clone(&document.source);
                let picture = crate::export::for_target(&target).is_ok_and(|e| e.name == "picture");
                let selection =
                    if picture { crate::gui::picturing::selection(document, scope) } else { document.scope(scope) };
                let title = format!("Export to {}", target.file_name().unwrap_or_default().to_string_lossy());
                self.jobs.start(title, &self.budget, move |_, task, _| {
                    let exporter = crate::export::for_target(&target)?;
                    let request = crate::export::Request {
                        source: &source,
                        selection: &selection,
                        whole: true,
                        target: &target,
                        values,
                        settings: &settings,
                        overwrite,
                        task,
                    };
                    let joined = joined && exporter.name != "picture";
                    crate::export::run_over(exporter, &request, ranges.as_deref(), joined).map(Outcome::Written)
                });
            }
        }
    }

    pub(super) fn apply_found(&mut self, command: FoundCommand) {
        let Some(document) = &mut self.document else { return };
        match command {
            FoundCommand::AskSave(name) => {
                let stem = document.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                let suggested = document.path.with_file_name(format!("{stem}.{name}.csv"));
                self.jobs.pick(Purpose::SaveFound(name), Some(suggested));
            }
            FoundCommand::Save(name, mut target) => {
                let result = document.results.list.iter().rev().find(|r| r.name == name);
                let Some(report) = result.and_then(|r| r.report.clone()) else { return };
                if target.extension().is_none() {
                    target.set_extension("csv");
                }
                self.jobs.start(format!("Saving {}", target.display()), &self.budget, move |_, _, _| {
                    // That it may be replaced is what the dialog has asked.
                    report.write_csv(&target, true)?;
                    Ok(Outcome::Written(vec![target]))
                });
            }
            other => document.apply_found(other),
        }
    }
}
