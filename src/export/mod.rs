//! Where a selection can be written to, one file a target.
//!
//! To add one: a file here with a `pub(crate) const EXPORTER: Exporter`, one `mod` line and one line in [`EXPORTERS`].
//! The file type of `longwave export` and the form in the window come from its table entry.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::form::{Parameter, Settings};
use crate::scan::Selection;
use crate::source::Source;
use crate::task::Task;

mod annotated;
mod geometry;
mod npy;
mod nwb;
mod payload;
mod picture;
mod raw;
mod sorter;
mod trodes;

pub use annotated::{predict_over, run_over, targets};
pub(crate) use nwb::metadata;
pub(crate) use picture::compose as compose_picture;

/// Every exporter; the first one that knows the extension of the target is taken.
pub const EXPORTERS: &[Exporter] =
    &[npy::EXPORTER, raw::EXPORTER, nwb::EXPORTER, sorter::EXPORTER, trodes::EXPORTER, picture::EXPORTER];

/// Extensions whose target is a folder of files.
const FOLDERS: &[&str] = &[sorter::EXTENSION, trodes::EXTENSION];

/// Which values are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Values {
    /// As stored, bit for bit; gain, offset and unit go beside.
    #[default]
    Stored,
    /// stored · gain + offset, as 32-bit floats (64-bit where the stored type has more than 24 bits).
    Physical,
}

/// A row of the table of exporters.
#[derive(Clone, Copy, Debug)]
pub struct Exporter {
    /// `npy`.
    pub name: &'static str,
    /// `NumPy array`.
    pub title: &'static str,
    /// Without dot, lower-case; the first is the default.
    pub extensions: &'static [&'static str],
    pub parameters: &'static [Parameter],
    /// Refuses settings that make no sense, before anything is opened.
    pub check: fn(&Settings) -> Result<()>,
    /// Size and warnings, without writing anything.
    pub predict: fn(&Request<'_>) -> Result<Prediction>,
    /// Writes; returns every file written.
    pub run: fn(&Request<'_>) -> Result<Vec<PathBuf>>,
}

/// One export.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub source: &'a Arc<dyn Source>,
    pub selection: &'a Selection,
    /// Neither a stream nor channels were chosen: a target that can hold several streams takes all of them over the same
    /// stretch of time.
    pub whole: bool,
    pub target: &'a Path,
    pub values: Values,
    pub settings: &'a Settings,
    /// Replace an existing target.
    pub overwrite: bool,
    pub task: &'a Task,
}

/// What an export will cost.
#[derive(Clone, PartialEq, Debug)]
pub struct Prediction {
    pub bytes: u64,
    /// Free on the target's disk, if known.
    pub free_bytes: Option<u64>,
    /// At the speed that copying is expected to have.
    pub secs: f64,
    /// What will be lost or left out: gaps that the target cannot express, …
    pub notes: Vec<String>,
}

/// The exporter for `target`, by its extension.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] with the extensions known if there is none.
pub fn for_target(target: &Path) -> Result<&'static Exporter> {
    if target.as_os_str() == "-" {
        return Err(
            Error::invalid("an export goes to a file, not to standard output").with_remedy("name one: -o part.npy")
        );
    }
    let extension = target.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    if target.is_dir() && !FOLDERS.contains(&extension.as_str()) {
        return Err(Error::invalid("this is a folder, not a file")
            .with_path(target)
            .with_remedy("name a file in it, such as part.npy"));
    }
    EXPORTERS.iter().find(|e| e.extensions.contains(&extension.as_str())).ok_or_else(|| {
        let known: Vec<String> = EXPORTERS.iter().flat_map(|e| e.extensions).map(|e| format!(".{e}")).collect();
        Error::invalid(format!("no exporter writes '.{extension}'"))
            .with_path(target)
            .with_remedy(format!("use one of: {}", known.join(", ")))
    })
}
