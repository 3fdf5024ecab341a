//! A recording that is being written: two channels of int16 at 1 kHz.

use std::io::Write as _;
use std::path::Path;

use longwave::recording::SampleType;
use longwave::source::OpenOptions;

use crate::common::{Window, push_line};

pub(crate) fn options() -> OpenOptions {
    OpenOptions {
        format: Some("raw".to_owned()),
        sample_type: Some(SampleType::I16),
        channel_count: Some(2),
        rate_hz: Some(1000.0),
        ..OpenOptions::default()
    }
}

/// Frames of two channels that count up from `first`.
pub(crate) fn frames(first: u64, n: u64) -> Vec<u8> {
    (first..first + n).flat_map(|i| [(i % 3000) as i16, -((i % 700) as i16)]).flat_map(i16::to_le_bytes).collect()
}

pub(crate) fn append(path: &Path, bytes: &[u8]) {
    std::fs::File::options().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

pub(crate) fn run(window: &mut Window, line: &str) {
    push_line(window, line);
    window.step();
    window.step();
}
