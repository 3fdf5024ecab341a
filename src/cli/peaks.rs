//! `longwave peaks`: build the min/max pyramid beside a recording, or check the one that is there.

use std::sync::Arc;

use clap::{Args, Command};
use serde_json::json;

use super::Failure;
use super::args::{FileArgs, StreamArg};
use super::shell::Shell;
use super::table::fields;
use crate::summary;
use crate::text;

#[derive(Args, Clone, Debug)]
pub(crate) struct PeaksArgs {
    #[command(flatten)]
    stream: StreamArg,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: FileArgs,
}

pub(crate) fn command() -> Command {
    PeaksArgs::augment_args(Command::new("peaks")).about("Build the min/max pyramid of a recording, or check the one that is there")
    .after_help(
        "The viewer builds it too; with it, any part of any length is drawn exactly at once. It is about 1 % of the \
         recording, kept in FILE.lwpeaks, or in the user's cache where the folder cannot be written to.\n\n\
         Example:\n  longwave peaks day.rec",
    )
}

pub(crate) fn run(args: &PeaksArgs, shell: &Shell) -> Result<(), Failure> {
    let source = shell.open(&args.file)?;
    let stream = args.stream.index(source.as_ref())?;
    let peaks = shell.attend("peaks", |task| summary::peaks(Arc::clone(&source), stream, task))?;
    let secs = peaks.secs;
    let stream = &source.recording().streams[stream];
    let state = if peaks.was_complete { "checked" } else { "built" };
    let path = peaks
        .path
        .as_ref()
        .map_or_else(|| "nowhere: no folder can be written to".to_owned(), |p| p.display().to_string());
    let rate = stream.bytes() as f64 / secs.max(1e-9);
    if args.json {
        return shell.print_json(&json!({
            "path": path,
            "state": state,
            "stream": stream.name,
            "bytes": peaks.bytes,
            "recording_bytes": stream.bytes(),
            "secs": secs,
        }));
    }
    let share = peaks.bytes as f64 / (stream.bytes().max(1)) as f64 * 100.0;
    let mut lines = vec![
        ("peaks", path),
        ("state", if peaks.was_complete { "was there and is complete" } else { "built, complete" }.to_owned()),
        ("size", format!("{}, {share:.2} % of the samples", text::bytes(peaks.bytes))),
    ];
    if !peaks.was_complete {
        lines.push(("time", format!("{}, {}", text::duration(secs), text::rate(rate))));
    }
    shell.print(&fields(&lines, ""))
}
