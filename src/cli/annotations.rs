//! `longwave annotations`: what has been noted about a recording, as text, and from and to other programs' files.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Command};
use serde_json::json;

use super::Failure;
use super::export::refuse_existing;
use super::shell::Shell;
use super::table::{Align, Columns, render};
use crate::annotation::{self, Annotation, Annotations, Edit, FORMATS, Names, store};
use crate::source::OpenOptions;
use crate::text;

#[derive(Args, Clone, Debug)]
pub(crate) struct AnnotationsArgs {
    /// A recording, or a file of annotations to be converted
    file: PathBuf,
    /// Add the annotations in this file to those of the recording; may be given several times
    #[arg(long, value_name = "FILE")]
    import: Vec<PathBuf>,
    /// Write the annotations to this file: .csv, .txt (Audacity), .tsv (BORIS) or .edf (EDF+)
    #[arg(long, short, value_name = "OUT")]
    output: Option<PathBuf>,
    /// The format of the output [default: what its ending says]
    #[arg(long, value_parser = PossibleValuesParser::new(FORMATS.iter().map(|f| f.key)), requires = "output")]
    format: Option<String>,
    /// Replace an existing output
    #[arg(long)]
    force: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn command() -> Command {
    AnnotationsArgs::augment_args(Command::new("annotations"))
        .about("List the annotations of a recording, add some from a file, or write them for other programs")
        .after_help(
            "They are kept in NAME.longwave.json beside the recording, or in the user's data folder where that cannot be \
             written to.\n\nExamples:\n  longwave annotations day.rec\n  longwave annotations day.rec --import scored.tsv\n  \
             longwave annotations day.rec -o labels.txt",
        )
}

pub(crate) fn run(args: &AnnotationsArgs, shell: &Shell) -> Result<(), Failure> {
    let format = args.output.as_deref().map(|target| match &args.format {
        Some(key) => annotation::format_named(key),
        None => annotation::format_for(target),
    });
    let format = format.transpose()?;
    if let Some(target) = &args.output {
        refuse_existing(target, args.force)?;
        super::export::refuse_source(target, &args.file)?;
    }
    let (kept_in, list) = annotations(args, shell)?;
    if let (Some(target), Some(format)) = (&args.output, format) {
        let source =
            crate::source::open_all(std::slice::from_ref(&args.file), &OpenOptions::default(), shell.task()).ok();
        let recording = source.as_ref().map(|source| source.recording());
        let time = recording.and_then(|r| r.streams.get(r.default_stream())).map(|s| &s.time);
        let name = args.file.file_name().unwrap_or_default().to_string_lossy();
        let names = Names {
            recording: recording.map_or(&name, |r| &r.name),
            start_unix_ns: time.and_then(crate::recording::TimeBase::start_unix_ns),
            duration_secs: recording.map_or(0.0, crate::recording::Recording::duration_secs),
        };
        annotation::export(list.list(), &names, format, target, args.force)?;
    }
    if args.json {
        return shell.print_json(&json!({
            "kept_in": kept_in,
            "categories": list.categories(),
            "annotations": list.list(),
        }));
    }
    if let Some(target) = &args.output {
        let count = text::count(list.list().len() as u64);
        return shell.print(&format!("wrote {} ({count} annotations)\n", target.display()));
    }
    if list.list().is_empty() {
        return shell.print("there are no annotations: mark places in the viewer with M, or add some with --import\n");
    }
    let columns =
        [("start", Align::Right), ("duration", Align::Right), ("label", Align::Left), ("category", Align::Left)];
    let columns = [&columns[..], &[("note", Align::Left)]].concat();
    shell.print(&render(&Columns(&columns), &list.list().iter().map(row).collect::<Vec<_>>(), ""))
}

fn row(a: &Annotation) -> Vec<String> {
    let duration = if a.is_mark() { String::new() } else { text::duration(a.duration_secs) };
    vec![text::time(a.start_secs, 3), duration, a.label.clone(), a.category.clone(), a.note.clone()]
}

/// What the arguments name, with what is to be added, which is kept then.
fn annotations(args: &AnnotationsArgs, shell: &Shell) -> Result<(Option<PathBuf>, Annotations), Failure> {
    std::fs::metadata(&args.file).map_err(|e| crate::Error::io(&args.file, e))?;
    let found = store::find(&args.file)?;
    if found.is_none()
        && args.import.is_empty()
        && let Ok(list) = annotation::import(&args.file)
    {
        return Ok((None, Annotations::new(list, annotation::default_categories())));
    }
    let base = found.as_ref().map_or_else(annotation::Base::default, |(_, stored)| annotation::Base::of(stored));
    let (path, mut list) = match found {
        Some((path, stored)) => (Some(path), Annotations::new(stored.annotations, stored.categories)),
        None => (None, Annotations::default()),
    };
    if args.import.is_empty() {
        return Ok((path, list));
    }
    for file in &args.import {
        let added = annotation::import(file)?;
        shell.note(&format!("{}: {} annotations", file.display(), text::count(added.len() as u64)));
        list.apply(Edit::Add(added));
    }
    let name = args.file.file_name().unwrap_or_default().to_string_lossy();
    let stored = store::Stored::new(&name, list.categories().to_vec(), list.list().to_vec());
    let saved = store::save(&args.file, path.as_deref(), &base, &stored)?;
    list.take_in(saved.news);
    shell.note(&format!("kept in {}", saved.path.display()));
    Ok((Some(saved.path), list))
}
