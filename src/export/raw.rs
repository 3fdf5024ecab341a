//! Samples and nothing else: interleaved, in the byte order of the recording. What they mean is in the `NAME.longwave.toml` beside them.

use std::path::PathBuf;

use super::{Exporter, Prediction, Request, payload};
use crate::error::Result;
use crate::source::{ChannelOrder, OpenOptions};

pub(crate) const EXPORTER: Exporter = Exporter {
    name: "raw",
    title: "Raw binary",
    extensions: &["bin", "raw", "dat"],
    parameters: &[],
    check: |_| Ok(()),
    predict,
    run,
};

fn predict(request: &Request<'_>) -> Result<Prediction> {
    payload::predict(request, &[])
}

fn run(request: &Request<'_>) -> Result<Vec<PathBuf>> {
    let stream = request.selection.stream_in(request.source.recording())?;
    let format = payload::written_format(stream, request.values);
    let options = OpenOptions {
        format: Some("raw".to_owned()),
        sample_type: Some(format.sample_type),
        byte_order: Some(format.byte_order),
        channel_count: Some(request.selection.channels.len()),
        order: Some(ChannelOrder::Interleaved),
        ..OpenOptions::default()
    };
    payload::write(request, &[], options)
}
