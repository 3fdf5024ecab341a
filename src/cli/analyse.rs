//! One subcommand for each row of the table of analyses.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{ArgMatches, Args, Command};

use super::args::{AnnotatedArg, FileArgs, SelectionArgs};
use super::shell::Shell;
use super::table::{Align, Columns, render};
use super::{Failure, parameters, parsed};
use crate::analysis::{Analysis, Cell, Report, Request, Strip, Table, View, run_annotated, takes_annotated};
use crate::error::Result;
use crate::form::Kind;
use crate::source::Source;
use crate::summary::{SidecarPolicy, Summary};
use crate::task::Task;
use crate::text;

#[derive(Args, Clone, Debug)]
struct AnalyseArgs {
    #[command(flatten)]
    selection: SelectionArgs,
    #[command(flatten)]
    annotated: AnnotatedArg,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Write the result to this file
    #[arg(long, short, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Replace an existing output
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    file: FileArgs,
}

pub(crate) fn command(analysis: &'static Analysis) -> Command {
    let mut command = AnalyseArgs::augment_args(Command::new(analysis.name))
        .about(analysis.about)
        .after_help(format!("Example:\n  {}", analysis.example))
        .mut_arg("output", |arg| arg.help(format!("Write the result to this file, {}", endings(analysis))));
    if !takes_annotated(analysis.name) {
        command = command.mut_arg("annotated", |arg| arg.hide(true));
    }
    if names_lines(analysis) {
        command = command.mut_arg("channels", |arg| arg.hide(true));
    }
    for parameter in analysis.parameters {
        command = command.args(parameters::flags(parameter, analysis.parameters, ""));
    }
    super::filters::flags(command)
}

/// Whether its settings name the channels one by one, so that a list of them means nothing.
fn names_lines(analysis: &Analysis) -> bool {
    analysis.parameters.iter().any(|parameter| parameter.kind == Kind::Channel)
}

/// The command of a table of analyses that belong together, each of them a subcommand.
pub(crate) fn group(name: &'static str, about: &'static str, analyses: &'static [Analysis]) -> Command {
    let examples: Vec<String> = analyses.iter().map(|analysis| format!("\n  {}", analysis.example)).collect();
    Command::new(name)
        .about(about)
        .after_help(format!("Examples:{}", examples.concat()))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(analyses.iter().map(command))
}

/// Runs the subcommand of a [`group`] that was given.
pub(crate) fn run_group(matches: &ArgMatches, shell: &Shell) -> Result<(), Failure> {
    let Some((name, sub)) = matches.subcommand() else {
        return Err(Failure::Usage("a subcommand is missing".to_owned()));
    };
    run(crate::analysis::named(name)?, sub, shell)
}

/// `.csv or .npy`.
fn endings(analysis: &Analysis) -> String {
    analysis.file_types.iter().map(|t| format!(".{t}")).collect::<Vec<_>>().join(" or ")
}

pub(crate) fn run(analysis: &'static Analysis, matches: &ArgMatches, shell: &Shell) -> Result<(), Failure> {
    let args: AnalyseArgs = parsed(matches)?;
    if names_lines(analysis) && matches.value_source("channels").is_some() {
        let lines = analysis.parameters.iter().filter(|parameter| parameter.kind == Kind::Channel);
        let flags: Vec<String> = lines.map(|parameter| format!("--{}", parameter.name)).collect();
        return Err(Failure::Usage(format!("--channels is not for {}; use {}", analysis.name, flags.join(", "))));
    }
    if args.annotated.annotated.is_some() && !takes_annotated(analysis.name) {
        let name = analysis.name;
        return Err(Failure::Usage(format!("--annotated is not for {name}: give it a range of time, --range A..B")));
    }
    let settings = parameters::settings(matches, analysis.parameters)?;
    (analysis.check)(&settings).map_err(|e| Failure::Usage(e.to_string()))?;
    let target = args.output.as_deref().map(|path| Target::of(analysis, path, args.force)).transpose()?;
    let writer = crate::analysis::writer(analysis.name);
    if writer.is_some() && target.is_none() {
        let (name, types) = (analysis.name, endings(analysis));
        return Err(Failure::Usage(format!("say where the {name} goes: -o OUT, which ends in {types}")));
    }
    let (source, filters) = shell.open_filtered(&args.file, &args.selection.stream, matches)?;
    if let Some(target) = &target {
        source.files().iter().try_for_each(|file| super::export::refuse_source(target.path, file))?;
    }
    let selection = args.selection.selection(source.as_ref())?;
    let ranges = args.annotated.ranges(&args.file, source.as_ref(), &selection)?;
    let report = shell.attend(analysis.name, |task| {
        // What is filtered has another summary than the file.
        let summary = if filters.is_empty() { summary_of(&source, selection.stream, task) } else { None };
        let request = Request {
            source: &source,
            selection: &selection,
            settings: &settings,
            task,
            summary: summary.as_ref(),
            publish: &mut |_| {},
        };
        if let (Some(write), Some(target)) = (writer, &target) {
            return write(&request, target.path, target.overwrite);
        }
        let report = match &ranges {
            Some(ranges) => run_annotated(analysis, &request, ranges)?,
            None => (analysis.run)(&request)?,
        };
        if let Some(target) = &target {
            target.write(&report)?;
        }
        Ok(report)
    })?;
    shell.notes(&report.notes);
    if args.json {
        let mut report = report;
        if let Some(object) = report.json.as_object_mut().filter(|_| !filters.is_empty()) {
            object.insert("filter".to_owned(), filters.to_string().into());
        }
        return shell.print_with(|out| report.write_json(out));
    }
    match (&target, &report.view) {
        (Some(target), _) => shell.print(&format!("wrote {}\n", target.path.display())),
        (None, View::Table(table) | View::Strip(Strip { table, .. })) => shell.print(&for_people(table)),
        (None, _) => shell.print_with(|out| report.write_csv_to(out)),
    }
}

/// The summary that was made before, if there is any of it: an analysis that can do without reading everything uses it.
fn summary_of(source: &Arc<dyn Source>, stream: usize, task: &Task) -> Option<Summary> {
    // A summary that cannot be read is no reason to refuse what can be computed without it.
    let opened = Summary::open(Arc::clone(source), stream, task.budget(), &SidecarPolicy::Auto).ok();
    opened.filter(|summary| summary.coverage() > 0.0)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FileKind {
    Csv,
    Npy,
    Bin,
}

/// Where a report goes.
struct Target<'a> {
    path: &'a Path,
    kind: FileKind,
    overwrite: bool,
}

impl<'a> Target<'a> {
    /// Refuses before anything is computed what could not be written after it.
    fn of(analysis: &Analysis, path: &'a Path, overwrite: bool) -> Result<Self, Failure> {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        if path.as_os_str() == "-" {
            return Err(Failure::Usage("without -o the result goes to standard output".to_owned()));
        }
        if path.is_dir() {
            return Err(Failure::Usage(format!("'{}' is a folder, not a file", path.display())));
        }
        let kind = match extension.as_str() {
            known if !analysis.file_types.contains(&known) => {
                return Err(Failure::Usage(format!("'{}' must end in {}", path.display(), endings(analysis))));
            }
            "npy" => FileKind::Npy,
            "bin" => FileKind::Bin,
            _ => FileKind::Csv,
        };
        super::export::refuse_existing(path, overwrite)?;
        Ok(Self { path, kind, overwrite })
    }

    fn write(&self, report: &Report) -> Result<()> {
        match self.kind {
            FileKind::Csv => report.write_csv(self.path, self.overwrite),
            FileKind::Npy => report.write_npy(self.path, self.overwrite),
            FileKind::Bin => report.write_bin(self.path, self.overwrite),
        }
    }
}

fn for_people(table: &Table) -> String {
    let is_text = |column: usize| table.rows.iter().any(|row| matches!(row.get(column), Some(Cell::Text(_))));
    let columns: Vec<(&str, Align)> = table
        .columns
        .iter()
        .enumerate()
        .map(|(i, name)| (name.as_str(), if is_text(i) { Align::Left } else { Align::Right }))
        .collect();
    let rows: Vec<Vec<String>> = table
        .rows
        .iter()
        .map(|row| {
            row.iter()
                .map(|cell| match cell {
                    Cell::Text(text) => text.clone(),
                    Cell::Integer(value) => {
                        let sign = if *value < 0 { "-" } else { "" };
                        u64::try_from(value.unsigned_abs())
                            .map_or_else(|_| value.to_string(), |size| format!("{sign}{}", text::count(size)))
                    }
                    // There is none: of nothing, of NaN.
                    Cell::Number(value) if value.is_nan() => "-".to_owned(),
                    Cell::Number(value) => text::number(*value),
                    Cell::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
                })
                .collect()
        })
        .collect();
    render(&Columns(&columns), &rows, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_become_text() {
        let table = Table {
            columns: vec!["name".to_owned(), "count".to_owned(), "mean".to_owned()],
            rows: vec![vec![Cell::Text("ch 0".to_owned()), Cell::Integer(1_000_000), Cell::Number(-1.0 / 3.0)]],
        };
        assert_eq!(for_people(&table), "name      count       mean\nch 0  1,000,000  -0.333333\n");
    }
}
