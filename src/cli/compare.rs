//! `longwave compare`: do two recordings hold the same? Exit code 3 if they do not.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Command};

use super::Failure;
use super::args::{Layout, SelectionArgs};
use super::export::{refuse_existing, refuse_source};
use super::shell::Shell;
use super::table::{Align, Columns, fields, render};
use crate::analysis::compare::{Asked, ChannelDifference, Comparison, DifferenceSource, Pair, compare};
use crate::error::Result;
use crate::export::{Exporter, Request, Values, for_target};
use crate::form::Settings;
use crate::scan::Selection;
use crate::source::{OpenOptions, Source};
use crate::text;

/// Channels that people are shown; `--json` has them all.
const ROWS_SHOWN: usize = 40;

#[derive(Args, Clone, Debug)]
pub(crate) struct CompareArgs {
    /// The first recording: a file, the folder of a session, or FOLDER/SESSION
    #[arg(value_name = "A")]
    first: PathBuf,
    /// The second recording
    #[arg(value_name = "B")]
    second: PathBuf,
    #[command(flatten)]
    selection: SelectionArgs,
    /// Differences up to this count as none, in stored steps or in the physical unit
    #[arg(long, value_name = "X", default_value_t = 0.0, allow_negative_numbers = true, value_parser = distance)]
    tolerance: f64,
    /// Compare physical values (stored · gain + offset) even if both are stored as the same type
    #[arg(long)]
    physical: bool,
    /// Write the difference, A minus B, to this file; its extension says the format
    #[arg(long, short, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Replace an existing output
    #[arg(long)]
    force: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    layout: Layout,
}

fn distance(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|x: &f64| x.is_finite() && *x >= 0.0).ok_or_else(|| "use a number from zero on".to_owned())
}

pub(crate) fn command() -> Command {
    CompareArgs::augment_args(Command::new("compare"))
        .about("Compare two recordings sample by sample: where they first differ, and by how much each channel does")
        .after_help(
            "Stream, channels and range are those of A. Channels of B are found by their ids, or by their places where ids\n\
             differ; frames are counted from the first. If B holds just the chosen channels or the chosen range, it is taken\n\
             to be them. Samples of one type are compared as stored, others in physical units, rounded to the coarser\n\
             floating-point type of the two; NaN equals NaN. The layout is that of whichever does not tell its own.\n\
             Exit codes: 0 equal, 3 different (also in length, number of channels or rate), 1 error, 2 wrong usage,\n\
             130 interrupted.\n\n\
             Examples:\n  longwave compare day.rec day.npy\n  longwave compare raw.npy filtered.npy --tolerance 0.5 -o difference.npy\n  \
             longwave compare day.rec part.npy --range 10s..20s --channels 0-3 --json",
        )
}

pub(crate) fn run(args: &CompareArgs, shell: &Shell) -> Result<(), Failure> {
    let target = args.output.as_deref().map(|path| Target::of(path, args)).transpose()?;
    let layout = args.layout.options()?;
    let open = |path: &Path| open(path, &layout, shell);
    let (a, b) = (open(&args.first)?, open(&args.second)?);
    if let Some(target) = &target {
        let files = a.files().into_iter().chain(b.files());
        files.into_iter().try_for_each(|file| refuse_source(target.path, &file))?;
    }
    let asked = Asked {
        selection: args.selection.selection(a.as_ref())?,
        some_channels: args.selection.has_channels(),
        some_frames: args.selection.has_range(),
        physical: args.physical,
    };
    let pair = Arc::new(Pair::new(a, b, asked)?);
    let comparison = shell.attend("compare", |task| compare(&pair, args.tolerance, task))?;
    let written = match &target {
        Some(target) => target.write(&pair, args.force, shell)?,
        None => Vec::new(),
    };
    if args.json {
        shell.print_json(&comparison.json())?;
    } else {
        shell.notes(&comparison.notes);
        shell.print(&for_people(&comparison))?;
        for file in &written {
            shell.print(&format!("wrote {}\n", file.display()))?;
        }
    }
    if comparison.is_equal() { Ok(()) } else { Err(Failure::Findings) }
}

/// Opens one of the two. What was typed about a layout is for a file that does not tell it.
fn open(path: &Path, layout: &OpenOptions, shell: &Shell) -> Result<Arc<dyn Source>> {
    let tells = || crate::source::probe(path, &OpenOptions::default()).is_ok_and(|format| format.name != "raw");
    let options = if path.is_file() && !tells() { layout.clone() } else { OpenOptions::default() };
    let mut source = crate::source::open(path, &options, shell.task())?;
    // An array tells its layout, but not its rate: that is then what was typed.
    if layout.rate_hz.is_some() && source.recording().streams.iter().all(|s| !s.time.rate_known()) {
        let options = OpenOptions { rate_hz: layout.rate_hz, ..options };
        source = crate::source::open(path, &options, shell.task())?;
    }
    shell.warn(&source.recording().warnings);
    Ok(source)
}

/// Where the difference goes.
struct Target<'a> {
    path: &'a Path,
    exporter: &'static Exporter,
}

impl<'a> Target<'a> {
    /// Refuses before anything is computed what could not be written after it.
    fn of(path: &'a Path, args: &CompareArgs) -> Result<Self, Failure> {
        let exporter = for_target(path).map_err(|e| Failure::Usage(e.to_string()))?;
        for source in [&args.first, &args.second] {
            refuse_source(path, source)?;
        }
        refuse_existing(path, args.force)?;
        Ok(Self { path, exporter })
    }

    fn write(&self, pair: &Arc<Pair>, overwrite: bool, shell: &Shell) -> Result<Vec<PathBuf>> {
        let source: Arc<dyn Source> = Arc::new(DifferenceSource::new(Arc::clone(pair)));
        let selection = Selection::all(source.recording(), 0);
        let settings = Settings::defaults(self.exporter.parameters);
        let request = Request {
            source: &source,
            selection: &selection,
            whole: true,
            target: self.path,
            values: Values::Stored,
            settings: &settings,
            overwrite,
            task: shell.task(),
        };
        shell.attend("difference", |_| (self.exporter.run)(&request))
    }
}

fn for_people(comparison: &Comparison) -> String {
    let side = |i: usize| {
        let (name, stream) = &comparison.streams[i];
        let from = comparison.first_frames[i];
        let from = if from > 0 { format!(", from frame {} on", text::count(from)) } else { String::new() };
        if name == stream { format!("{name}{from}") } else { format!("{name}: {stream}{from}") }
    };
    let what = if comparison.is_physical { "physical" } else { "stored" };
    let channels = comparison.channels.len();
    let mut head = vec![
        ("first", side(0)),
        ("second", side(1)),
        (
            "compared",
            format!(
                "{what} values of {} frames of {channels} channel{}",
                text::count(comparison.frames),
                if channels == 1 { "" } else { "s" }
            ),
        ),
        ("found", comparison.verdict()),
    ];
    head.extend(comparison.differences.iter().map(|text| ("differs", text.clone())));
    let mut out = fields(&head, "");
    let differing: Vec<&ChannelDifference> =
        comparison.channels.iter().filter(|c| c.differing > 0 || c.max_abs_difference > 0.0).collect();
    if differing.is_empty() {
        return out;
    }
    let frame = |frame: Option<u64>| frame.map_or_else(|| "-".to_owned(), text::count);
    let row = |c: &&ChannelDifference| {
        let unit = if c.unit.is_empty() { String::new() } else { format!(" {}", c.unit) };
        vec![
            c.name.clone(),
            comparison.greatest(c).map_or_else(|| "-".to_owned(), |x| format!("{}{unit}", text::number(x))),
            frame(c.max_at),
            frame(c.first),
            text::count(c.differing),
            text::count(c.unmeasurable),
        ]
    };
    let rows: Vec<Vec<String>> = differing.iter().take(ROWS_SHOWN).map(row).collect();
    let columns = Columns(&[
        ("channel", Align::Left),
        ("greatest difference", Align::Right),
        ("at frame", Align::Right),
        ("first differs at", Align::Right),
        ("differing frames", Align::Right),
        ("of them not numbers", Align::Right),
    ]);
    out += &format!("\n{}", render(&columns, &rows, ""));
    if differing.len() > ROWS_SHOWN {
        out += &format!("… and {} more (--json lists all)\n", differing.len() - ROWS_SHOWN);
    }
    out
}
