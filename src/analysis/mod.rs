//! What can be computed over a selection, one file an analysis.
//!
//! Protocols of serial lines have a table of their own, [`DECODERS`], of the same rows.
//!
//! To add one: a file here with a `pub(crate) const ANALYSIS: Analysis`, one `mod` line and one line in [`ANALYSES`].
//! The subcommand, the form in the window and the view of the result come from its table entry.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::form::{Parameter, Settings};
use crate::scan::Selection;
use crate::source::Source;
use crate::summary::Summary;
use crate::task::Task;

mod annotated;
mod bands;
mod chi_squared;
mod coherence;
pub mod compare;
mod confidence;
mod decode;
mod dpss;
mod find;
mod found;
mod health;
mod heatmap;
mod histogram;
mod median;
mod pair_sums;
mod power;
mod report;
mod spectral_peaks;
pub mod spectrogram;
mod spectrum;
mod stats;
mod taper;
mod tone;
mod welch;

pub use annotated::{run_annotated, takes_annotated};
pub use decode::DECODERS;
pub use dpss::dpss;
pub use find::{Track, read_tracks};
pub use found::{Context, Events, Field, Place};
pub use heatmap::{Axis, Heatmap, Layer, Places};
pub use spectral_peaks::{Peak, peaks_of};

/// Every analysis, in the order of menus.
pub const ANALYSES: &[Analysis] = &[
    stats::ANALYSIS,
    histogram::ANALYSIS,
    spectrum::ANALYSIS,
    spectral_peaks::ANALYSIS,
    bands::ANALYSIS,
    tone::ANALYSIS,
    coherence::COHERENCE,
    coherence::CROSS_SPECTRUM,
    spectrogram::ANALYSIS,
    find::ANALYSIS,
    health::ANALYSIS,
];

/// A row of the table of analyses.
#[derive(Clone, Copy, Debug)]
pub struct Analysis {
    /// The subcommand: `spectrum`.
    pub name: &'static str,
    /// For people: `Power spectrum`.
    pub title: &'static str,
    /// One sentence for `--help` and the hover.
    pub about: &'static str,
    /// A command line that works on the demo recording.
    pub example: &'static str,
    pub parameters: &'static [Parameter],
    /// The files that [`Report`] can be written to, without dot: `csv`, `npy` where all of it are numbers, and `bin` where
    /// places are bytes.
    pub file_types: &'static [&'static str],
    /// Refuses settings that do not go together, before anything is opened.
    pub check: fn(&Settings) -> Result<()>,
    pub run: fn(&Request<'_>) -> Result<Report>,
}

/// One run of an analysis.
pub struct Request<'a> {
    pub source: &'a Arc<dyn Source>,
    pub selection: &'a Selection,
    pub settings: &'a Settings,
    pub task: &'a Task,
    /// The summary of the selected stream, as far as it is made; `None` where there is none, as for what is filtered.
    pub summary: Option<&'a Summary>,
    /// Takes the result so far, a few times a second at most; the window shows it converging.
    pub publish: &'a dyn Fn(Report),
}

/// The result of an analysis.
#[derive(Clone, PartialEq, Debug)]
pub struct Report {
    pub view: View,
    /// The object that `--json` prints, without the numbers of curves; its keys are a contract.
    pub json: serde_json::Value,
    /// What the user must know to read it: windows skipped at gaps, a rate that is not known, …
    pub notes: Vec<String>,
}

impl Report {
    /// The object that `--json` prints: of curves with their axis, under its key, and with the `values` of each of the
    /// `channels`; of events with the list of them, under its key; of images with their axes and
    /// `layers`. Made only when it is wanted, because there a number occupies several times what it does in a curve.
    #[must_use]
    pub fn whole_json(&self) -> serde_json::Value {
        let mut json = self.json.clone();
        if let (View::Curves(curves), Some(object)) = (&self.view, json.as_object_mut()) {
            object.insert(curves.x_key.clone(), serde_json::json!(curves.x));
            let channels = object.get_mut("channels").and_then(serde_json::Value::as_array_mut);
            for (channel, (_, values)) in channels.into_iter().flatten().zip(&curves.series) {
                if let Some(channel) = channel.as_object_mut() {
                    channel.insert("values".to_owned(), serde_json::json!(values));
                }
            }
        }
        if let (View::Events(events), Some(object)) = (&self.view, json.as_object_mut()) {
            let rows: Vec<_> = (0..events.places.len()).map(|i| events.json_of(i)).collect();
            object.insert(events.key.to_owned(), rows.into());
        }
        if let (View::Image(map), Some(object)) = (&self.view, json.as_object_mut()) {
            map.add_to(object);
        }
        if let (View::Strip(strip), Some(object)) = (&self.view, json.as_object_mut()) {
            strip.add_to(object);
        }
        json
    }
}

/// Writes the result of a request to a file as it is computed, which may be far larger than memory; the report that comes
/// back has what `--json` prints, but no values.
pub type Writer = fn(&Request<'_>, &std::path::Path, bool) -> Result<Report>;

/// The writer of the analysis called `name`, if it is of that kind: its results go to a file only.
#[must_use]
pub fn writer(name: &str) -> Option<Writer> {
    (name == spectrogram::ANALYSIS.name).then_some(spectrogram::write)
}

/// How a result looks.
#[derive(Clone, PartialEq, Debug)]
pub enum View {
    Table(Table),
    Curves(Curves),
    Events(Events),
    Image(Heatmap),
    Strip(Strip),
}

/// What is to be said of each channel, and how it changes with time.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Strip {
    /// The stream that channels count in.
    pub stream: usize,
    /// A row for each channel.
    pub table: Table,
    /// Channels over time, a layer for each figure.
    pub map: Heatmap,
    /// Where each column begins, seconds.
    pub starts: Vec<f64>,
    /// The channels that had better be left out, and why.
    pub bad: Vec<(usize, &'static str)>,
}

/// Rows of values.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Table {
    /// Keys, as in CSV and JSON.
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
}

/// One value of a table.
#[derive(Clone, PartialEq, Debug)]
pub enum Cell {
    Text(String),
    Integer(i128),
    /// Written so that it reads back identically.
    Number(f64),
    Bool(bool),
}

/// Curves over a common axis.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Curves {
    /// Key of the axis, as the first CSV column: `frequency_hz`.
    pub x_key: String,
    /// `Frequency (Hz)`.
    pub x_title: String,
    /// `Power spectral density (µV²/Hz)`.
    pub y_title: String,
    pub x: Vec<f64>,
    /// Name and values (as many as `x`) of each curve.
    pub series: Vec<(String, Vec<f64>)>,
    pub log_y: bool,
    /// Each value belongs to all of the axis around its point, as in a histogram: drawn as steps.
    pub steps: bool,
}

/// The analysis or decoder called `name`.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] with the list of names if there is none.
pub fn named(name: &str) -> Result<&'static Analysis> {
    let all = || ANALYSES.iter().chain(DECODERS);
    all().find(|a| a.name == name).ok_or_else(|| {
        let names: Vec<&str> = all().map(|a| a.name).collect();
        Error::invalid(format!("there is no analysis '{name}'"))
            .with_remedy(format!("use one of: {}", names.join(", ")))
    })
}

/// Says a few times a second that it is time to show what there is so far.
#[derive(Debug)]
struct PublishClock(std::time::Instant);

impl Default for PublishClock {
    fn default() -> Self {
        Self(std::time::Instant::now())
    }
}

impl PublishClock {
    const PERIOD: std::time::Duration = std::time::Duration::from_millis(250);

    fn is_due(&mut self) -> bool {
        let due = self.0.elapsed() >= Self::PERIOD;
        if due {
            self.0 = std::time::Instant::now();
        }
        due
    }
}
