//! The window's tests: one program, because each that holds the window takes a minute to build.
#![cfg(feature = "gui")]
#![allow(clippy::unwrap_used)]

mod browse;
mod channels;
#[path = "../common/window.rs"]
mod common;
mod dock;
mod follow;
mod growing;
mod measure;
mod together;
mod work;
