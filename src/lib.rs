//! Longwave: viewer, engine and converter for waveform recordings that are too long for everybody else's tools.
//!
//! This page is the architecture. It says what the rooms are, how data passes through them, and what is deliberately
//! absent.
//!
//! # Bird's-eye view
//!
//! A *reader* ([`source`]) describes a file as a [`recording::Recording`] — streams of channels that share a clock — and
//! hands out *stored* values; where samples lie at regular places in the file, a [`file::FlatLayout`] over a memory map
//! describes them and no reading code is needed. A chain of filters ([`mod@filter`]) over a recording is a recording again.
//! One engine ([`scan`]) loops over recordings, in chunks, with overlap,
//! on several threads, inside a memory budget. On it stand the check for soundness ([`mod@check`]), the min/max pyramid
//! ([`summary`]), the analyses ([`analysis`]) and the exporters ([`export`]). What the user says about places in a recording
//! is an [`annotation`]. Two thin shells use them: the command line
//! ([`cli`]) and the window (`gui`).
//!
//! Data flows one way: the modules below stand in the order in which it flows, and a module names only modules above
//! it (`tests/layering.rs` checks that).
//!
//! # Three requests, walked
//!
//! **The user zooms.** The wheel becomes a `ViewCommand::Zoom`; in the next `logic()` the viewport — pure arithmetic on
//! clock ticks — changes, and the window overwrites the one wish of the column worker with a [`summary::ViewRequest`].
//! The worker picks the level of the pyramid from the frames per column, reads tiles or raw edges, and sends
//! [`summary::Columns`] as they get better; meanwhile the previous columns are drawn through the new transform.
//!
//! **The user exports a range.** The form is built from the exporter's table entry. The exporter checks the free disk
//! space, writes through an [`file::AtomicFile`], stays in stored integers, streams chunk by chunk, and finishes by
//! rename. Cancel or error leaves nothing behind.
//!
//! **The user runs a spectrum over a day.** [`scan::scan_observed`] cuts the range into chunks that fit the budget; every
//! chunk owns the windows that start in it and reads a little beyond; partial spectra merge in order; the running average
//! is published so that the curve on screen converges while the job runs.
//!
//! # Invariants
//!
//! - **Readers know nothing of scaling, chunks, progress or the screen.** Gain and offset are applied once, above them.
//! - **Only [`scan`] loops over a recording**, and its result does not depend on chunk size or number of threads.
//! - **Memory is reserved before it is allocated** ([`budget`]); mapped pages are handed back behind a pass.
//! - **[`task::Task::advance`] is the only point of cancellation.**
//! - **Frames are integers.** Seconds appear at the edges and round to the nearest frame. No array of timestamps exists:
//!   the clock is a list of contiguous spans ([`recording::TimeBase`]), and what is missing is a gap, not data.
//! - **What is drawn is true.** A column is the exact minimum and maximum of its samples, on buckets fixed to absolute
//!   frame numbers, or it is marked as an estimate.
//! - **The GUI thread never touches a file**, and `unsafe` lives in `file/map.rs` only.
//! - **Files are hostile.** Every number read from one is checked against a limit before it is used.
//!
//! # Example
//!
//! ```
//! use longwave::source::{self, OpenOptions};
//! use longwave::task::Task;
//!
//! # fn main() -> longwave::Result<()> {
//! # let folder = tempfile::tempdir().expect("a temporary folder");
//! # let path = folder.path().join("demo.rec");
//! let task = Task::unattended();
//! longwave::demo::write_demo(&path, 2.0, 4, &task, false)?;
//!
//! let source = source::open(&path, &OpenOptions::default(), &task)?;
//! let recording = source.recording();
//! let ephys = &recording.streams[recording.default_stream()];
//! assert_eq!((ephys.name.as_str(), ephys.channels.len()), ("ephys", 4));
//! # Ok(())
//! # }
//! ```
//!
//! # Adding to it
//!
//! A format is one file in [`source`] and its line in [`source::FORMATS`]; an analysis one file in [`analysis`] and its
//! line in [`analysis::ANALYSES`]; a protocol of a serial line one file beside the others and its line in
//! [`analysis::DECODERS`]; a filter one file in [`mod@filter`] and its line in [`filter::FILTERS`]; a target one file in
//! [`export`] and its line in [`export::EXPORTERS`]. The command line and the window find them there.

pub mod units;

pub mod error;
pub mod form;

pub mod recording;
pub mod text;

pub mod memory;

pub mod budget;
pub mod task;

pub mod file;
pub mod source;

pub mod annotation;
pub mod demo;

pub mod filter;

pub mod scan;

pub mod numpy;

pub mod moments;

pub mod check;
pub mod summary;

pub mod picture;

pub mod analysis;
pub mod export;

pub mod cli;
#[cfg(feature = "gui")]
pub mod gui;

pub use error::{Error, ErrorKind, Result};
