//! Samples and nothing else: interleaved, little-endian. What they mean is in the `NAME.longwave.toml` beside them.

use std::path::PathBuf;

use super::{Exporter, Prediction, Request, payload};
use crate::error::Result;
use crate::recording::ByteOrder;
use crate::source::{ChannelOrder, OpenOptions};

pub(crate) const EXPORTER: Exporter =
    Exporter { name: "raw", title: "Raw binary", extensions: &["bin", "raw", "dat"], parameters: &[], check: |_| Ok(()), predict, run };

fn predict(request: &Request<'_>) -> Result<Prediction> {
    payload::predict(request, &[])
}

fn run(request: &Request<'_>) -> Result<Vec<PathBuf>> {
    let stream = request.selection.stream_in(request.source.recording())?;
    let options = OpenOptions {
        format: Some("raw".to_owned()),
        sample_type: Some(payload::written_type(stream, request.values)),
        byte_order: Some(ByteOrder::Little),
        channel_count: Some(request.selection.channels.len()),
        order: Some(ChannelOrder::Interleaved),
        ..OpenOptions::default()
    };
    payload::write(request, &[], options)
}
