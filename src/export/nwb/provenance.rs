//! Where a file comes from: for the journal, for the file itself, and for whoever has to start an export again.

use std::hash::Hasher as _;
use std::io::Read as _;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use serde_json::json;

use super::plan::Plan;
use crate::error::{Error, Result};
use crate::export::Request;

/// What is read of a file at once.
const STEP_BYTES: usize = 1 << 20;

/// A line that says everything that the bytes of the pieces depend on.
pub(super) fn identity(request: &Request<'_>, plan: &Plan, files: &[PathBuf]) -> String {
    let files: Vec<_> = files
        .iter()
        .map(|path| {
            let meta = std::fs::metadata(path).ok();
            let modified = meta.as_ref().and_then(|m| m.modified().ok()?.duration_since(UNIX_EPOCH).ok());
            json!([path.display().to_string(), meta.map(|m| m.len()), modified.map(|m| m.as_nanos().to_string())])
        })
        .collect();
    let passes: Vec<_> = plan
        .passes
        .iter()
        .map(|p| {
            let series: Vec<_> = p
                .series
                .iter()
                .map(|s| {
                    json!([s.path(), s.stream, s.channels, s.beside, s.kind.name(), s.chunk_rows, s.chunk_columns])
                })
                .collect();
            json!([format!("{:?}", p.rows), format!("{:?}", p.fill), p.piece_rows, format!("{:?}", p.lists), series])
        })
        .collect();
    json!({
        "journal": 2,
        "longwave": env!("CARGO_PKG_VERSION"),
        "files": files,
        "start": plan.start.unix_ns.to_string(),
        "reference": plan.reference_ns.to_string(),
        "codec": format!("{:?}", plan.codec),
        "values": format!("{:?}", request.values),
        "passes": passes,
    })
    .to_string()
}

/// The provenance that is kept in the file.
///
/// # Errors
/// When a source cannot be read for its hash.
pub(super) fn text(request: &Request<'_>, plan: &Plan, files: &[PathBuf]) -> Result<String> {
    let recording = request.source.recording();
    let mut out = format!("longwave {}\n", env!("CARGO_PKG_VERSION"));
    let mut line = |text: &str| {
        out += text;
        out += "\n";
    };
    line(&format!("command: {}", command().unwrap_or_else(|| "exported from the window".to_owned())));
    line(&format!("format: {}", recording.format));
    for path in files {
        let len = std::fs::metadata(path).map_or(0, |m| m.len());
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let hash =
            if request.settings.flag("hash") { format!(", xxh3 {:016x}", hash(request, path)?) } else { String::new() };
        line(&format!("source: {name}, {len} bytes{hash}"));
    }
    for pass in &plan.passes {
        for series in &pass.series {
            let frames = &pass.selection.frames;
            line(&format!(
                "series: {} of stream {}, frames {} to {}, {} channels, {} rows",
                series.name,
                recording.streams[series.stream].name,
                frames.start,
                frames.end,
                series.width(),
                pass.rows.len()
            ));
        }
    }
    for note in &plan.notes {
        line(&format!("note: {note}"));
    }
    for (name, value) in &recording.properties {
        line(&format!("property: {name} = {value}"));
    }
    for warning in &recording.warnings {
        line(&format!("warning: {}", warning.text));
    }
    Ok(out)
}

fn hash(request: &Request<'_>, path: &std::path::Path) -> Result<u64> {
    let io = |e| Error::io(path, e);
    let mut file = std::fs::File::open(path).map_err(io)?;
    let mut hasher = twox_hash::XxHash3_64::new();
    let mut buffer = vec![0; STEP_BYTES];
    loop {
        let n = file.read(&mut buffer).map_err(io)?;
        if n == 0 {
            return Ok(hasher.finish());
        }
        hasher.write(&buffer[..n]);
        request.task.advance(0)?;
    }
}

/// The command that is running, if it is an export on the command line.
fn command() -> Option<String> {
    let mut args = std::env::args();
    args.next()?;
    let rest: Vec<String> = args.collect();
    rest.iter().any(|a| a == "export").then(|| {
        let quoted: Vec<String> = rest.iter().map(|a| quote(a)).collect();
        format!("longwave {}", quoted.join(" "))
    })
}

/// As a shell takes it.
fn quote(arg: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=,:+@%".contains(c);
    if !arg.is_empty() && arg.chars().all(plain) { arg.to_owned() } else { format!("'{}'", arg.replace('\'', "'\\''")) }
}

/// What to do to go on with an interrupted export.
pub(super) fn again() -> String {
    command().unwrap_or_else(|| "start the same export again".to_owned())
}
