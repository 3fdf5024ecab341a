//! `longwave check`: is the recording sound? Exit code 3 if it is not.

use clap::{Args, Command};
use serde_json::{Value, json};

use super::Failure;
use super::args::{FileArgs, StreamArg};
use super::shell::Shell;
use super::table::{Align, Columns, fields, render};
use crate::check::{ChannelReport, Finding, Place, Report};
use crate::recording::Recording;
use crate::source::{Part, Source};
use crate::text;

/// Findings that people are shown; `--json` has them all.
const ROWS_SHOWN: usize = 40;

#[derive(Args, Clone, Debug)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    stream: StreamArg,
    /// Print one JSON object, with everything
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: FileArgs,
}

pub(crate) fn command() -> Command {
    CheckArgs::augment_args(Command::new("check"))
        .about("Read all of a recording and tell what is wrong with it: lost packets, clocks, dead channels")
        .after_help(
            "Checks every packet of a .rec (dropped, duplicated, out of order, damaged, cut), its system clock against its\n\
             sample clock, and every sample of one stream (flat, stuck and clipped channels, NaN).\n\
             The files of a session are checked one by one.\n\
             Exit codes: 0 clean, 3 something was found, 1 error, 2 wrong usage, 130 interrupted.\n\n\
             Examples:\n  longwave check day.rec\n  longwave check day.rec --json\n  longwave check day.rec --stream ECU_analog",
        )
}

pub(crate) fn run(args: &CheckArgs, shell: &Shell) -> Result<(), Failure> {
    let source = shell.open(&args.file)?;
    if !source.parts().is_empty() {
        return run_parts(args, source.as_ref(), shell);
    }
    let stream = args.stream.index(source.as_ref())?;
    let report = shell.attend("check", |task| crate::check::check(source.as_ref(), stream, task))?;
    let recording = source.recording();
    if args.json {
        shell.print_json(&as_json(recording, &report))?;
    } else {
        shell.print(&for_people(recording, &report))?;
    }
    if report.is_clean() { Ok(()) } else { Err(Failure::Findings) }
}

/// Checks the files of a session one by one: packets, counters and clocks are those of a file.
fn run_parts(args: &CheckArgs, source: &dyn Source, shell: &Shell) -> Result<(), Failure> {
    let options = args.file.layout.options()?;
    let stream = args.stream.index(source)?;
    let mut clean = true;
    let mut list = Vec::new();
    for about in source.parts() {
        let part = crate::source::open(&about.path, &options, shell.task())?;
        let recording = part.recording();
        let report = shell.attend(&recording.name, |task| crate::check::check(part.as_ref(), stream, task))?;
        clean &= report.is_clean();
        if args.json {
            list.push(part_json(source, about, as_json(recording, &report)));
        } else {
            let space = if list.is_empty() { "" } else { "\n" };
            shell.print(&format!("{space}{}", for_people(recording, &report)))?;
            list.push(Value::Null);
        }
    }
    if args.json {
        shell.print_json(&json!({ "name": source.recording().name, "clean": clean, "parts": list }))?;
    }
    if clean { Ok(()) } else { Err(Failure::Findings) }
}

/// The report on a file of a session, with where the file is and where it begins on the session's time line: places in
/// it are counted from there.
fn part_json(session: &dyn Source, part: &Part, mut report: Value) -> Value {
    let recording = session.recording();
    let first_secs = recording.streams.get(recording.default_stream()).map(|s| s.time.secs_of_tick(part.first_tick));
    if let Some(report) = report.as_object_mut() {
        report.insert("path".to_owned(), json!(part.path.display().to_string()));
        report.insert("first_frame".to_owned(), json!(part.first_frame));
        report.insert("first_secs".to_owned(), json!(first_secs));
    }
    report
}

fn place_json(place: &Place) -> Value {
    json!({ "frame": place.frame, "secs": place.secs, "byte": place.byte, "amount": place.amount })
}

fn finding_json(finding: &Finding) -> Value {
    json!({
        "kind": finding.kind.name(),
        "channel": finding.channel,
        "places": finding.places,
        "amount": finding.amount,
        "first": finding.first.iter().map(place_json).collect::<Vec<_>>(),
        "text": finding.text,
    })
}

fn channel_json(channel: &ChannelReport) -> Value {
    json!({
        "id": channel.id,
        "name": channel.name,
        "nan_count": channel.nan,
        "infinite_count": channel.infinite,
        "flat": channel.flat,
        "longest_constant": channel.longest_constant.map(|(frames, first)| json!({ "frames": frames, "first_frame": first })),
        "at_lowest": channel.at_lowest,
        "at_highest": channel.at_highest,
        "clipped_runs": channel.clipped_runs,
        "longest_clipped": channel.longest_clipped,
        "first_clipped_frame": channel.first_clipped,
    })
}

fn as_json(recording: &Recording, report: &Report) -> Value {
    json!({
        "format": recording.format,
        "name": recording.name,
        "clean": report.is_clean(),
        "stream": report.stream,
        "frames": report.frames,
        "duration_secs": report.duration_secs,
        "findings": report.findings.iter().map(finding_json).collect::<Vec<_>>(),
        "packets": report.packets.as_ref().map(|p| json!({
            "packets": p.packets,
            "packet_bytes": p.packet_bytes,
            "wraps": p.wraps,
            "unseen_gaps": p.unseen_gaps,
            "cut_bytes": p.cut_bytes,
        })),
        "clock": report.clock.as_ref().map(|c| json!({
            "drift_ppm": c.drift_ppm,
            "drift_error_ppm": c.drift_error_ppm,
            "ns_per_tick": c.fit.ns_per_tick,
            "unix_ns_at_tick_0": c.fit.unix_ns_at_tick_0.to_string(),
            "points": c.fit.points,
            "residual_rms_ns": c.fit.residual_rms_ns,
            "residual_max_ns": c.fit.residual_max_ns,
            "strays": c.strays,
        })),
        "channels": report.channels.iter().map(channel_json).collect::<Vec<_>>(),
    })
}

fn for_people(recording: &Recording, report: &Report) -> String {
    let channels = report.channels.len();
    let mut head = vec![
        ("recording", recording.name.clone()),
        (
            "checked",
            format!(
                "{}: {} frames of {channels} channel{}",
                report.stream,
                text::count(report.frames),
                if channels == 1 { "" } else { "s" }
            ),
        ),
    ];
    if let Some(p) = &report.packets {
        let mut line = format!("{} of {} bytes", text::count(p.packets), p.packet_bytes);
        if p.wraps > 0 {
            line += &format!("; the counter went through 2^32 {}", times(p.wraps));
        }
        if p.unseen_gaps > 0 {
            line += &format!("; {} gaps are not in the clock of the opened file", text::count(p.unseen_gaps));
        }
        head.push(("packets", line));
    }
    if let Some(c) = &report.clock {
        head.push((
            "system clock",
            format!(
                "{:+.3} ppm (± {:.3}) against the packet counter; {:.3} ms off on average, at most {:.3} ms",
                c.drift_ppm,
                c.drift_error_ppm,
                c.fit.residual_rms_ns / 1e6,
                c.fit.residual_max_ns / 1e6
            ),
        ));
    }
    if report.is_clean() {
        head.push(("found", "nothing wrong".to_owned()));
        return fields(&head, "");
    }
    let rows: Vec<Vec<String>> = report.findings.iter().take(ROWS_SHOWN).map(row).collect();
    let columns = Columns(&[
        ("found", Align::Left),
        ("channel", Align::Left),
        ("places", Align::Right),
        ("amount", Align::Right),
        ("first at", Align::Right),
        ("frame", Align::Right),
        ("byte", Align::Right),
        ("what", Align::Left),
    ]);
    let mut out = format!("{}\n{}", fields(&head, ""), render(&columns, &rows, ""));
    if report.findings.len() > ROWS_SHOWN {
        out += &format!("… and {} more (--json lists all)\n", report.findings.len() - ROWS_SHOWN);
    }
    out
}

fn times(n: u64) -> String {
    if n == 1 { "once".to_owned() } else { format!("{} times", text::count(n)) }
}

fn row(finding: &Finding) -> Vec<String> {
    let first = finding.first.first();
    let dash = || "-".to_owned();
    vec![
        finding.kind.name().to_owned(),
        finding.channel.clone().unwrap_or_else(dash),
        text::count(finding.places),
        text::count(finding.amount),
        first.map_or_else(dash, |p| text::time(p.secs, 3)),
        first.map_or_else(dash, |p| text::count(p.frame)),
        first.and_then(|p| p.byte).map_or_else(dash, text::count),
        finding.text.clone(),
    ]
}
