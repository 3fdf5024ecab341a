//! The window.

pub mod traces;
pub mod viewport;
