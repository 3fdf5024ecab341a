//! Longwave: viewer, engine and converter for waveform recordings that are too long for everybody else's tools.
//!
//! Data flows one way, and the modules below stand in the order in which it flows: a module names only modules above
//! it (`tests/layering.rs` checks that).

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

pub mod scan;
pub mod summary;

pub mod analysis;
pub mod export;

pub mod cli;

pub use error::{Error, ErrorKind, Result};
