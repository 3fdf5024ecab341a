//! `longwave demo`: a made recording worth looking at.

use std::path::PathBuf;

use clap::{Args, Command};
use serde_json::json;

use super::Failure;
use super::export::refuse_existing;
use super::shell::Shell;
use crate::demo::write_demo;
use crate::text;

#[derive(Args, Clone, Debug)]
pub(crate) struct DemoArgs {
    /// The file to write: a .rec, or a .npy (which cannot hold gaps)
    #[arg(long, short, value_name = "FILE", default_value = "demo.rec")]
    output: PathBuf,
    /// Its length, seconds
    #[arg(long, value_name = "N", default_value = "60", value_parser = seconds)]
    seconds: f64,
    /// Number of channels
    #[arg(long, value_name = "N", default_value = "32", value_parser = clap::value_parser!(u16).range(1..=1024))]
    channels: u16,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|s| (0.001..=1e7).contains(s))
        .ok_or_else(|| "use a number from 0.001 to 10000000".to_owned())
}

pub(crate) fn command() -> Command {
    DemoArgs::augment_args(Command::new("demo"))
        .about("Make a recording worth looking at: spikes, a drifting tone, gaps, a slow wave")
        .after_help("Example:\n  longwave demo -o demo.rec --seconds 60 --channels 32")
}

pub(crate) fn run(args: &DemoArgs, shell: &Shell) -> Result<(), Failure> {
    let extension = args.output.extension().unwrap_or_default().to_ascii_lowercase();
    if extension != "rec" && extension != "npy" {
        return Err(Failure::Usage(format!("'{}' must end in .rec or .npy", args.output.display())));
    }
    refuse_existing(&args.output, args.force)?;
    let channels = usize::from(args.channels);
    shell.attend("demo", |task| write_demo(&args.output, args.seconds, channels, task, args.force))?;
    let bytes = std::fs::metadata(&args.output).map_or(0, |meta| meta.len());
    if args.json {
        return shell.print_json(&json!({ "path": args.output.display().to_string(), "bytes": bytes }));
    }
    let path = args.output.display();
    shell.print(&format!("wrote {path} ({}); look at it with: longwave {path}\n", text::bytes(bytes)))
}
