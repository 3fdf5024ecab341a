//! `.npy`, as `numpy.load` reads it: version 1.0, C order, frames × channels (a stream of one channel: frames), in the
//! byte order of the recording, memory-mappable.

use std::path::PathBuf;

use super::{Exporter, Prediction, Request, payload};
use crate::error::Result;
use crate::source::{ChannelOrder, OpenOptions, npy_header};

pub(crate) const EXPORTER: Exporter = Exporter {
    name: "npy",
    title: "NumPy array",
    extensions: &["npy"],
    parameters: &[],
    check: |_| Ok(()),
    predict,
    run,
};

fn header(request: &Request<'_>) -> Result<Vec<u8>> {
    let stream = request.selection.stream_in(request.source.recording())?;
    let shape = [request.selection.len(), request.selection.channels.len() as u64];
    let axes = if stream.channels.len() == 1 { 1 } else { 2 };
    Ok(npy_header(payload::written_format(stream, request.values), &shape[..axes]))
}

fn predict(request: &Request<'_>) -> Result<Prediction> {
    payload::predict(request, &header(request)?)
}

fn run(request: &Request<'_>) -> Result<Vec<PathBuf>> {
    // Fewer frames than channels would be taken for channels × frames.
    let options = OpenOptions { order: Some(ChannelOrder::Interleaved), ..OpenOptions::default() };
    payload::write(request, &header(request)?, options)
}
