//! The min/max pyramid: every drawn column is the exact minimum and maximum of the samples that it covers.
//!
//! A [`Summary`] belongs to one stream. [`Summary::columns`] answers a [`ViewRequest`] from tiles where there are some,
//! from the samples where that is little work, and by a marked estimate elsewhere; [`Summary::build`] makes the tiles in
//! one pass and keeps them in a sidecar file beside the recording. [`Summary::range`] gives the statistics of any range
//! from them, reading no more samples than the blocks at its two ends; [`Summary::levels`] the mean and mean square of each
//! column of a picture. [`Summary::grown`] follows a recording that is being
//! written. [`tile`] says what a tile holds, [`sidecar`] how it is
//! stored.
//!
//! Cost: tiles are about 1 % of an int16 recording, on disk; in memory there is one row of tiles while building and a
//! cache that is counted in the budget and dropped when the machine is short of memory. Columns from tiles cost some
//! milliseconds for 128 channels, at any zoom.

mod answer;
mod build;
mod clipped;
mod columns;
mod fingerprint;
mod grow;
mod hunt;
mod kernel;
mod levels;
mod range;
mod rows;
mod sidecar;
mod store;
mod tile;
mod totals;

pub use build::{PeaksReport, peaks, peaks_at};
pub use columns::{Columns, MinMax, ViewRequest};
pub use fingerprint::{Fingerprint, Since};
pub use hunt::{Bucket, Depth};
pub use levels::{LEVEL_FRAMES, Level, Levels};
pub use sidecar::SidecarPolicy;
pub(crate) use sidecar::keeping;
pub use store::Summary;
pub use tile::{LEVELS, TILE_FRAMES};
