//! The min/max pyramid: every drawn column is the exact minimum and maximum of the samples that it covers.

mod columns;

pub use columns::{Columns, MinMax, ViewRequest};
