//! The picture as a file: `.png` (pixels) or `.svg` (lines that scale), by the extension of the target.
//!
//! Nothing of the samples is written but what is drawn, so the file says at its foot what is exact and what is an
//! estimate. Cost: what [`crate::picture`] needs, and for a PNG four to ten bytes a pixel, reserved beforehand.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Exporter, Prediction, Request};
use crate::error::Result;
use crate::file::{AtomicFile, free_bytes};
use crate::form::{Kind, Parameter, Settings};
use crate::picture::palette::Theme;
use crate::picture::{self, Options, TimeAxis};
use crate::summary::{SidecarPolicy, Summary, ViewRequest};

/// The table entry.
pub(crate) const EXPORTER: Exporter = Exporter {
    name: "picture",
    title: "Picture",
    extensions: &["png", "svg"],
    parameters: &[
        Parameter {
            name: "size",
            title: "Size",
            help: "Width x height in pixels",
            kind: Kind::Text,
            default: "1920x1080",
        },
        Parameter {
            name: "theme",
            title: "Theme",
            help: "The ground: light for paper, dark for the screen",
            kind: Kind::Choice(&["light", "dark"]),
            default: "light",
        },
        Parameter {
            name: "time-axis",
            title: "Time axis",
            help: "How time is written; clock is UTC and needs a recording that knows when it began",
            kind: Kind::Choice(&["auto", "seconds", "clock", "frames"]),
            default: "auto",
        },
    ],
    check: |settings| options(settings).map(drop),
    predict,
    run,
};

fn options(settings: &Settings) -> Result<Options> {
    let (width, height) = picture::parse_size(settings.text("size"))?;
    let options = Options {
        width,
        height,
        theme: if settings.text("theme") == "dark" { Theme::Dark } else { Theme::Light },
        time_axis: match settings.text("time-axis") {
            "seconds" => TimeAxis::Seconds,
            "clock" => TimeAxis::Clock,
            "frames" => TimeAxis::Frames,
            _ => TimeAxis::Automatic,
        },
    };
    options.validate()?;
    Ok(options)
}

fn is_svg(request: &Request<'_>) -> bool {
    request.target.extension().is_some_and(|e| e.eq_ignore_ascii_case("svg"))
}

fn predict(request: &Request<'_>) -> Result<Prediction> {
    let options = options(request.settings)?;
    request.selection.stream_in(request.source.recording())?;
    let bytes = if is_svg(request) {
        // An outline takes about nine characters a pixel and channel.
        16_384 + 9 * u64::from(options.width) * request.selection.channels.len() as u64
    } else {
        u64::from(options.width) * u64::from(options.height) / 2
    };
    let free_bytes = request.target.parent().and_then(free_bytes);
    Ok(Prediction { bytes, free_bytes, secs: 1.0, notes: Vec::new() })
}

fn run(request: &Request<'_>) -> Result<Vec<PathBuf>> {
    let options = options(request.settings)?;
    // The target is checked before anything is computed.
    let mut file = AtomicFile::create(request.target, predict(request)?.bytes, request.overwrite)?;
    let svg = is_svg(request);
    let channels = request.selection.channels.len() as u64;
    let traces = channels * u64::from(options.width) * if svg { 24 } else { 8 } + picture::GROUP_BYTES as u64;
    let pixels = if svg { 0 } else { picture::png::peak_bytes(options.width, options.height) };
    let _reservation = request.task.budget().reserve(traces + pixels)?;
    // The sidecar is used if it is there; none is made for one picture.
    let Request { source, selection, task, .. } = request;
    let summary = Summary::open(Arc::clone(source), selection.stream, task.budget(), &SidecarPolicy::Auto)?;
    let mut columns_of = |view: &ViewRequest| summary.columns(view, task);
    let scene = picture::compose(request.source.recording(), request.selection, &options, &mut columns_of)?;
    request.task.advance(0)?;
    let bytes = if svg { picture::svg::document(&scene).into_bytes() } else { picture::png::encode(&scene)? };
    file.write_all(&bytes).map_err(|e| file.explain(e))?;
    request.task.advance(0)?;
    file.commit()?;
    Ok(vec![request.target.to_path_buf()])
}
