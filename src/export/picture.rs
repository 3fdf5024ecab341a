//! The picture as a file: `.png` (pixels) or `.svg` (lines that scale), by the extension of the target.
//!
//! Nothing of the samples is written but what is drawn, so the file says at its foot what is exact and what is an
//! estimate. Cost: what [`crate::picture`] needs, and for a PNG four to ten bytes a pixel, reserved beforehand.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Exporter, Prediction, Request};
use crate::annotation::{self, Annotation, Annotations, store};
use crate::error::Result;
use crate::file::{AtomicFile, free_bytes};
use crate::form::{Kind, Parameter, Settings};
use crate::picture::palette::{Color, Theme};
use crate::picture::scene::Scene;
use crate::picture::{self, Look, Mark, Options, TimeAxis};
use crate::summary::{SidecarPolicy, Summary, ViewRequest};

/// The table entry. `longwave shot` and the window make the same pictures of the same settings.
pub(crate) const EXPORTER: Exporter = Exporter {
    name: "picture",
    title: "Picture",
    extensions: &["png", "svg"],
    parameters: &[
        Parameter {
            name: "size",
            title: "Size",
            help: "Width x height in pixels (1920x1080) or on paper (180x100mm)",
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
        Parameter {
            name: "dpi",
            title: "Resolution",
            help: "Pixels an inch; text and lines have their size in print then (300 for sizes in mm unless given)",
            kind: Kind::Number { min: 30.0, max: 2400.0 },
            default: "",
        },
        Parameter {
            name: "ranges",
            title: "Value ranges",
            help: "Values at the foot and top of a lane, LOW..HIGH for all channels or one for each, with commas; HIGH..LOW is upside down",
            kind: Kind::Text,
            default: "",
        },
        Parameter {
            name: "colours",
            title: "Trace colours",
            help: "Colours of channels by index: 3=#ff8800,7=#0072b2; the others have those of the palette",
            kind: Kind::Text,
            default: "",
        },
        Parameter {
            name: "annotations",
            title: "Annotations",
            help: "Draw the annotations in this file: NAME.longwave.json, CSV, EDF+ or labels of BORIS and Audacity",
            kind: Kind::File { several: false },
            default: "",
        },
        Parameter {
            name: "scale-bars",
            title: "Scale bars",
            help: "Bars for time and amplitude in the place of axes",
            kind: Kind::Flag,
            default: "false",
        },
        Parameter {
            name: "plain",
            title: "Traces and scales only",
            help: "Leave out title, overview and footer",
            kind: Kind::Flag,
            default: "false",
        },
    ],
    check: |settings| options(settings).map(drop),
    predict,
    run,
};

fn options(settings: &Settings) -> Result<Options> {
    let (width, height, dpi) = picture::parse_paper(settings.text("size"), settings.optional_number("dpi"))?;
    let options = Options {
        width,
        height,
        dpi,
        theme: if settings.text("theme") == "dark" { Theme::Dark } else { Theme::Light },
        time_axis: match settings.text("time-axis") {
            "seconds" => TimeAxis::Seconds,
            "clock" => TimeAxis::Clock,
            "frames" => TimeAxis::Frames,
            _ => TimeAxis::Automatic,
        },
        look: Look {
            ranges: picture::parse_ranges(settings.text("ranges"))?,
            colours: picture::parse_colours(settings.text("colours"))?,
            marks: Vec::new(),
            plain: settings.flag("plain"),
            scale_bars: settings.flag("scale-bars"),
        },
    };
    options.validate()?;
    Ok(options)
}

/// What is marked in the file that the settings name.
fn marks(settings: &Settings) -> Result<Vec<Mark>> {
    let Some(file) = settings.files("annotations").pop() else { return Ok(Vec::new()) };
    let annotations = match store::load(&file) {
        Ok(stored) => Annotations::new(stored.annotations, stored.categories),
        Err(_) => Annotations::new(annotation::import(&file)?, annotation::default_categories()),
    };
    let mark = |a: &Annotation| {
        let [red, green, blue] = annotations.colour(a);
        let colour = Color { r: red, g: green, b: blue, a: 255 };
        Mark { secs: a.start_secs..a.end_secs(), label: a.title().to_owned(), colour }
    };
    Ok(annotations.list().iter().map(mark).collect())
}

/// Programs that edit drawings become slow with larger ones.
const LARGE_SVG_BYTES: u64 = 16 << 20;

fn is_svg(request: &Request<'_>) -> bool {
    request.target.extension().is_some_and(|e| e.eq_ignore_ascii_case("svg"))
}

fn predict(request: &Request<'_>) -> Result<Prediction> {
    let options = options(request.settings)?;
    request.selection.stream_in(request.source.recording())?;
    let mut notes = Vec::new();
    let bytes = if is_svg(request) {
        // An outline takes about thirteen characters a pixel and channel.
        let outlines = 13 * u64::from(options.width) * request.selection.channels.len() as u64;
        if outlines > LARGE_SVG_BYTES {
            notes.push("an SVG grows with the number of channels, and this one will be slow to open: show fewer, or write a PNG".to_owned());
        }
        16_384 + outlines
    } else {
        u64::from(options.width) * u64::from(options.height) / 2
    };
    let free_bytes = request.target.parent().and_then(free_bytes);
    Ok(Prediction { bytes, free_bytes, secs: 1.0, notes })
}

fn run(request: &Request<'_>) -> Result<Vec<PathBuf>> {
    // The target is checked before anything is computed.
    let mut file = AtomicFile::create(request.target, predict(request)?.bytes, request.overwrite)?;
    let (scene, svg) = (compose(request)?, is_svg(request));
    request.task.advance(0)?;
    let bytes = if svg {
        picture::svg::document(&scene).into_bytes()
    } else {
        let _reservation = request.task.budget().reserve(picture::png::peak_bytes(scene.width, scene.height))?;
        picture::png::encode(&scene)?
    };
    file.write_all(&bytes).map_err(|e| file.explain(e))?;
    request.task.advance(0)?;
    file.commit()?;
    Ok(vec![request.target.to_path_buf()])
}

/// The picture that would be written, for whoever puts it elsewhere.
///
/// # Errors
/// As the exporter.
pub(crate) fn compose(request: &Request<'_>) -> Result<Scene> {
    let mut options = options(request.settings)?;
    options.look.marks = marks(request.settings)?;
    let channels = request.selection.channels.len() as u64;
    let each = if is_svg(request) { 24 } else { 8 };
    let traces = channels * u64::from(options.width) * each + picture::GROUP_BYTES as u64;
    let _reservation = request.task.budget().reserve(traces)?;
    // The sidecar is used if it is there; none is made for one picture.
    let Request { source, selection, task, .. } = request;
    let summary = Summary::open(Arc::clone(source), selection.stream, task.budget(), &SidecarPolicy::Auto)?;
    let mut columns_of = |view: &ViewRequest| summary.columns(view, task);
    picture::compose(source.recording(), selection, &options, &mut columns_of)
}
