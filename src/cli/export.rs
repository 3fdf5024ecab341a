//! `longwave export` and `longwave shot`: both write a selection through the table of exporters; a picture is one of them.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{ArgMatches, Args, Command, ValueEnum};
use serde_json::json;

use super::args::{AnnotatedArg, FileArgs, SelectionArgs};
use super::shell::Shell;
use super::table::fields;
use super::{Failure, parameters, parsed};
use crate::annotation::together;
use crate::error::{Error, ErrorKind, Result};
use crate::export::{EXPORTERS, Exporter, Prediction, Request, Values, for_target, predict_over, run_over};
use crate::scan::Selection;
use crate::text;

/// The exporter behind `longwave shot`.
const PICTURE: &str = "picture";
/// Of more files than this only their number is told; `--json` lists all.
const FILES_SHOWN: usize = 16;

#[derive(Args, Clone, Debug)]
struct TargetArgs {
    #[command(flatten)]
    selection: SelectionArgs,
    #[command(flatten)]
    annotated: AnnotatedArg,
    /// With --annotated: all ranges behind each other in one file, not a file each
    #[arg(long, requires = "annotated")]
    joined: bool,
    /// The file to write; its extension says the format
    #[arg(long, short, value_name = "OUT")]
    output: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Only say how large it would become and how long it would take
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    file: FileArgs,
}

#[derive(Args, Clone, Debug)]
struct ExportArgs {
    /// Which values to write
    #[arg(long, value_enum, default_value_t, value_name = "WHICH")]
    values: ValuesArg,
    #[command(flatten)]
    target: TargetArgs,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum ValuesArg {
    /// Bit for bit as they are stored; gain, offset and unit go into a .longwave.toml beside the file
    #[default]
    Stored,
    /// stored · gain + offset, as floating-point numbers
    Physical,
}

pub(crate) fn command() -> Command {
    let mut command = ExportArgs::augment_args(Command::new("export"))
        .about("Write a part of a recording to a file of another format")
        .after_help(
            "The file appears whole or not at all; NAME.sorter and NAME.trodes are folders, which do the same. Of complex recordings, real and imaginary part are a channel each.\n\n\
         Examples:\n  longwave export day.rec -o part.npy --range 1h..1h10m --channels 0-3,7\n  \
         longwave export day.rec -o day.bin --dry-run\n  \
         longwave export day.rec -o spindle.npy --annotated Spindle\n  \
         longwave export 20230622_rat_*.rec -o day.npy\n  \
         longwave export day.rec -o day.sorter        samples, probe.json, probe.prb and params.py\n  \
         longwave export 20230622_rat_*.rec -o rat.nwb --metadata rat.yml\n  \
         longwave export 20230622_rat_*.rec -o rat.nwb --metadata rat.yml --compatible trodes_to_nwb",
        );
    command = exporter_flags(command);
    super::filters::flags(command)
}

/// `longwave filter`: an export that must have a filter.
pub(crate) fn filter_command() -> Command {
    let command = TargetArgs::augment_args(Command::new("filter"))
        .about("Write a filtered part of a recording, as 32-bit floats in physical units")
        .after_help(super::filters::help());
    super::filters::flags(exporter_flags(command))
}

/// The settings of all exporters but the one of pictures.
fn exporter_flags(mut command: Command) -> Command {
    // Exporters may share a setting; it is one flag, and says whose it is.
    let exporters = || EXPORTERS.iter().filter(|e| e.name != PICTURE);
    for exporter in exporters() {
        for parameter in exporter.parameters {
            let owners: Vec<_> =
                exporters().filter(|e| e.parameters.iter().any(|p| p.name == parameter.name)).map(|e| e.name).collect();
            if owners.first() == Some(&exporter.name) {
                command = command.args(parameters::flags(
                    parameter,
                    exporter.parameters,
                    &format!(" ({})", owners.join(", ")),
                ));
            }
        }
    }
    command
}

pub(crate) fn shot_command() -> Command {
    let mut command = TargetArgs::augment_args(Command::new("shot")).about("Draw a part of a recording to a picture, as the viewer would, without a window")
    .after_help(
        "Examples:\n  longwave shot day.rec -o day.png\n  longwave shot day.rec -o spike.svg --range 10s..10.05s --channels 0-7",
    );
    for exporter in EXPORTERS.iter().filter(|e| e.name == PICTURE) {
        for parameter in exporter.parameters {
            let flag = parameters::flag(parameter, exporter.parameters, "");
            command = command.arg(if parameter.name == "size" { flag.value_name("WxH") } else { flag });
        }
    }
    super::filters::flags(command)
}

pub(crate) fn run(matches: &ArgMatches, shell: &Shell) -> Result<(), Failure> {
    let args: ExportArgs = parsed(matches)?;
    let values = match args.values {
        ValuesArg::Stored => Values::Stored,
        ValuesArg::Physical => Values::Physical,
    };
    write(&args.target, exporter_of(&args.target, matches)?, values, matches, shell)
}

pub(crate) fn run_filter(matches: &ArgMatches, shell: &Shell) -> Result<(), Failure> {
    let args: TargetArgs = parsed(matches)?;
    let exporter = exporter_of(&args, matches)?;
    if super::filters::chain(matches, args.file.layout.filter_order()?)?.is_empty() {
        return Err(Failure::Usage("no filter is given, such as --band-pass 300..6000".to_owned()));
    }
    write(&args, exporter, Values::Stored, matches, shell)
}

/// The exporter for the target, if the settings given are its own.
fn exporter_of(target: &TargetArgs, matches: &ArgMatches) -> Result<&'static Exporter, Failure> {
    let exporter = for_target(&target.output).map_err(|e| Failure::Usage(e.to_string()))?;
    if exporter.name == PICTURE {
        return Err(Failure::Usage("pictures are drawn by `longwave shot`".to_owned()));
    }
    let foreign =
        EXPORTERS.iter().filter(|e| e.name != PICTURE).flat_map(|e| e.parameters).find(|p| {
            !exporter.parameters.iter().any(|own| own.name == p.name) && parameters::given(matches, p).is_some()
        });
    if let Some(parameter) = foreign {
        return Err(Failure::Usage(format!("--{} is not a setting of {}", parameter.name, exporter.title)));
    }
    Ok(exporter)
}

pub(crate) fn run_shot(matches: &ArgMatches, shell: &Shell) -> Result<(), Failure> {
    let args: TargetArgs = parsed(matches)?;
    let exporter = EXPORTERS.iter().find(|e| e.name == PICTURE).ok_or_else(|| Error::unsupported("drawing"))?;
    let found = for_target(&args.output);
    if let Err(error) = &found
        && (args.output.as_os_str() == "-" || args.output.is_dir())
    {
        return Err(Failure::Usage(error.to_string()));
    }
    if !found.is_ok_and(|found| found.name == PICTURE) {
        let known: Vec<String> = exporter.extensions.iter().map(|e| format!(".{e}")).collect();
        return Err(Failure::Usage(format!("'{}' must end in {}", args.output.display(), known.join(" or "))));
    }
    write(&args, exporter, Values::Physical, matches, shell)
}

/// Refuses an existing target before any work is done; the exporter itself makes sure once more when it writes.
pub(crate) fn refuse_existing(target: &Path, overwrite: bool) -> Result<()> {
    if !overwrite && target.symlink_metadata().is_ok() {
        return Err(Error::new(ErrorKind::Exists)
            .with_path(target)
            .with_remedy("choose another name, or overwrite it with --force"));
    }
    Ok(())
}

/// Refuses to write over the recording that is being read, which `--force` would otherwise do.
pub(crate) fn refuse_source(target: &Path, source: &Path) -> Result<()> {
    let same = target.canonicalize().is_ok_and(|t| source.canonicalize().is_ok_and(|s| s == t));
    if same {
        return Err(Error::invalid("this is the recording itself")
            .with_path(target)
            .with_remedy("choose another name"));
    }
    Ok(())
}

fn write(
    args: &TargetArgs,
    exporter: &'static Exporter,
    values: Values,
    matches: &ArgMatches,
    shell: &Shell,
) -> Result<(), Failure> {
    let settings = parameters::settings(matches, exporter.parameters)?;
    (exporter.check)(&settings).map_err(|e| Failure::Usage(e.to_string()))?;
    for file in &args.file.files {
        refuse_source(&args.output, file)?;
    }
    if !args.dry_run && (args.annotated.annotated.is_none() || args.joined) {
        refuse_existing(&args.output, args.force)?;
    }
    let (source, _) = shell.open_filtered(&args.file, &args.selection.stream, matches)?;
    // A folder or a session does not name its files.
    for file in source.files() {
        refuse_source(&args.output, &file)?;
    }
    let selection = args.selection.selection(source.as_ref())?;
    let request = Request {
        source: &source,
        selection: &selection,
        whole: args.selection.is_whole(),
        target: &args.output,
        values,
        settings: &settings,
        overwrite: args.force,
        task: shell.task(),
    };
    let ranges = args.annotated.ranges(&args.file, source.as_ref(), &selection)?;
    if args.joined && exporter.name == PICTURE {
        return Err(Failure::Usage("--joined is for samples: pictures are one for each range".to_owned()));
    }
    let prediction = predict_over(exporter, &request, ranges.as_deref(), args.joined)?;
    shell.notes(&prediction.notes);
    if args.dry_run {
        let frames = match &ranges {
            Some(ranges) if args.joined => together(ranges).iter().map(|r| r.end - r.start).sum(),
            Some(ranges) => ranges.iter().map(|r| r.frames.end - r.frames.start).sum(),
            None => selection.len(),
        };
        return predicted(args, exporter, (&selection, frames), &prediction, shell);
    }
    let started = Instant::now();
    let title = if exporter.name == PICTURE { "shot" } else { "export" };
    let files = shell.attend(title, |_| run_over(exporter, &request, ranges.as_deref(), args.joined))?;
    let secs = started.elapsed().as_secs_f64();
    let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |meta| meta.len());
    let bytes: u64 = files.iter().map(size).sum();
    if args.json {
        let written: Vec<_> =
            files.iter().map(|f| json!({ "path": f.display().to_string(), "bytes": size(f) })).collect();
        return shell.print_json(&json!({ "written": written, "bytes": bytes, "secs": secs }));
    }
    let mut lines = String::new();
    if files.len() > FILES_SHOWN {
        let number = text::count(files.len() as u64);
        lines += &format!("wrote {} ({number} files, {})\n", args.output.display(), text::bytes(bytes));
    } else {
        for file in &files {
            lines += &format!("wrote {} ({})\n", file.display(), text::bytes(size(file)));
        }
    }
    if exporter.name != PICTURE {
        lines += &format!("in {}, {}\n", text::duration(secs), text::rate(bytes as f64 / secs.max(1e-9)));
    }
    shell.print(&lines)
}

fn predicted(
    args: &TargetArgs,
    exporter: &Exporter,
    (selection, frames): (&Selection, u64),
    prediction: &Prediction,
    shell: &Shell,
) -> Result<(), Failure> {
    let exists = args.output.symlink_metadata().is_ok();
    if args.json {
        return shell.print_json(&json!({
            "target": args.output.display().to_string(),
            "exporter": exporter.name,
            "exists": exists,
            "bytes": prediction.bytes,
            "secs": prediction.secs,
            "free_bytes": prediction.free_bytes,
            "fits": prediction.free_bytes.is_none_or(|free| free >= prediction.bytes),
            "frames": frames,
            "first_frame": selection.frames.start,
            "channels": selection.channels,
            "notes": prediction.notes,
        }));
    }
    let free = prediction.free_bytes.map_or_else(
        || "unknown".to_owned(),
        |free| {
            let verdict = if free < prediction.bytes { ": too little" } else { "" };
            format!("{}{verdict}", text::bytes(free))
        },
    );
    let overwrite = if exists { ", which exists" } else { "" };
    shell.print(&fields(
        &[
            ("would write", format!("{} ({}){overwrite}", args.output.display(), exporter.title)),
            ("frames", text::count(frames)),
            ("channels", text::count(selection.channels.len() as u64)),
            ("size", text::bytes(prediction.bytes)),
            ("time", format!("about {}", text::duration(prediction.secs))),
            ("free space", free),
        ],
        "",
    ))
}
