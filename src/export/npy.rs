//! `.npy`, as `numpy.load` reads it: version 1.0, C order, frames × channels, little-endian, memory-mappable.

use std::path::PathBuf;

use super::{Exporter, Prediction, Request, payload};
use crate::analysis::npy_header;
use crate::error::Result;
use crate::source::{ChannelOrder, OpenOptions};

pub(crate) const EXPORTER: Exporter =
    Exporter { name: "npy", title: "NumPy array", extensions: &["npy"], parameters: &[], check: |_| Ok(()), predict, run };

fn header(request: &Request<'_>) -> Result<Vec<u8>> {
    let stream = request.selection.stream_in(request.source.recording())?;
    let shape = [request.selection.len(), request.selection.channels.len() as u64];
    Ok(npy_header(payload::written_type(stream, request.values), &shape))
}

fn predict(request: &Request<'_>) -> Result<Prediction> {
    payload::predict(request, &header(request)?)
}

fn run(request: &Request<'_>) -> Result<Vec<PathBuf>> {
    // Fewer frames than channels would be taken for channels × frames.
    let options = OpenOptions { order: Some(ChannelOrder::Interleaved), ..OpenOptions::default() };
    payload::write(request, &header(request)?, options)
}
