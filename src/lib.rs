//! Longwave: viewer, engine and converter for waveform recordings that are too long for everybody else's tools.
//!
//! Data flows one way, and the modules below stand in the order in which it flows: a module names only modules above
//! it (`tests/layering.rs` checks that).

pub mod error;
pub mod form;
pub mod text;

pub mod recording;

pub mod budget;
pub mod memory;
pub mod task;

pub mod file;
pub mod source;

pub mod scan;
pub mod summary;

pub mod analysis;
pub mod export;

#[cfg(feature = "gui")]
pub mod gui;

pub use error::{Error, ErrorKind, Result};
