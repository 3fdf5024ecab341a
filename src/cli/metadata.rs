//! `longwave metadata`: a metadata file for NWB to fill in, and whether one fits a recording.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use serde_json::{Value, json};

use super::Failure;
use super::args::FileArgs;
use super::export::refuse_existing;
use super::shell::{Shell, warning_text};
use super::table::fields;
use crate::error::Result;
use crate::export::metadata::{Electrode, Metadata, references_of, resolve, template};
use crate::file::AtomicFile;
use crate::recording::{Channel, Recording, Warning};

#[derive(Args, Clone, Debug)]
pub(crate) struct MetadataArgs {
    /// Write a metadata file to fill in, with what the recording tells already in it [default: standard output]
    #[arg(long, short, value_name = "META.yml")]
    output: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
    /// Say whether this metadata file is sound and fits the recording
    #[arg(long, value_name = "META.yml", conflicts_with_all = ["output", "force"])]
    check: Option<PathBuf>,
    /// A file that describes a probe: trodes_to_nwb's .yml or ProbeInterface's .json; may be given several times
    #[arg(long, value_name = "FILE", requires = "check")]
    probe: Vec<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: FileArgs,
}

pub(crate) fn command() -> Command {
    MetadataArgs::augment_args(Command::new("metadata"))
        .about("Make the metadata file that goes with a recording into NWB, or check one")
        .after_help(
            "The file is YAML, in the form that trodes_to_nwb reads; README lists its keys and where they end up.\n\n\
             Examples:\n  longwave metadata day.rec -o day.yml\n  longwave metadata day.rec --check day.yml",
        )
}

pub(crate) fn run(args: &MetadataArgs, shell: &Shell) -> Result<(), Failure> {
    if let Some(target) = &args.output {
        refuse_existing(target, args.force)?;
    }
    let source = shell.open(&args.file)?;
    let recording = source.recording();
    if let Some(path) = &args.check {
        return check(args, path, recording, shell);
    }
    let text = template(recording);
    let Some(target) = &args.output else {
        return if args.json { shell.print_json(&json!({ "template": text })) } else { shell.print(&text) };
    };
    let mut file = AtomicFile::create(target, text.len() as u64, args.force)?;
    file.file().write_all(text.as_bytes()).map_err(|e| file.explain(e))?;
    file.commit()?;
    let path = target.display();
    if args.json {
        return shell.print_json(&json!({ "path": path.to_string(), "bytes": text.len() }));
    }
    let files: Vec<String> = args.file.files.iter().map(|file| file.display().to_string()).collect();
    let files = files.join(" ");
    shell.print(&format!("wrote {path}; fill it in, then: longwave metadata {files} --check {path}\n"))
}

fn check(args: &MetadataArgs, path: &Path, recording: &Recording, shell: &Shell) -> Result<(), Failure> {
    let (metadata, mut warnings) = Metadata::load(path, &args.probe)?;
    let channels = recording.streams.get(recording.default_stream()).map_or(&[][..], |s| &s.channels);
    let (electrodes, more) = resolve(&metadata, channels, &references_of(recording))?;
    warnings.extend(more);
    warnings.extend(metadata.absent_lines(&recording.events));
    warnings.extend(metadata.missing());
    if args.json {
        return shell.print_json(&as_json(path, &metadata, channels, &electrodes, &warnings));
    }
    shell.notes(&warnings.iter().map(warning_text).collect::<Vec<_>>());
    let placed = electrodes.iter().filter(|e| e.group.is_some()).count();
    let bad = electrodes.iter().filter(|e| e.bad).count();
    let subject = metadata.subject.as_ref().and_then(|s| s.id.clone()).unwrap_or_else(|| "not named".to_owned());
    let lines = [
        ("metadata", path.display().to_string()),
        ("session", metadata.session_id.clone().unwrap_or_else(|| "not named".to_owned())),
        ("subject", subject),
        ("electrode groups", metadata.electrode_groups.len().to_string()),
        ("channels on probes", format!("{placed} of {}", channels.len())),
        ("bad channels", bad.to_string()),
        ("digital lines", metadata.digital_lines.len().to_string()),
        ("warnings", warnings.len().to_string()),
    ];
    shell.print(&fields(&lines, ""))
}

fn as_json(
    path: &Path,
    metadata: &Metadata,
    channels: &[Channel],
    electrodes: &[Electrode],
    warnings: &[Warning],
) -> Value {
    let electrode = |(channel, electrode): (&Channel, &Electrode)| {
        json!({
            "channel": channel.id,
            "group": electrode.group.map(|g| metadata.electrode_groups[g].id),
            "ntrode": electrode.ntrode,
            "shank": electrode.group.map(|_| electrode.shank),
            "electrode": electrode.group.map(|_| electrode.contact),
            "relative_um": electrode.relative,
            "bad": electrode.bad,
            "reference": electrode.reference.and_then(|i| channels.get(i)).map(|c| c.id.as_str()),
        })
    };
    json!({
        "path": path.display().to_string(),
        "session_id": metadata.session_id,
        "subject_id": metadata.subject.as_ref().and_then(|s| s.id.as_deref()),
        "electrodes": channels.iter().zip(electrodes).map(electrode).collect::<Vec<_>>(),
        "warnings": warnings.iter().map(warning_text).collect::<Vec<_>>(),
    })
}
