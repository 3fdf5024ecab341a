//! The picture as a file: `.png` (pixels) or `.svg` (lines that scale), by the extension of the target.
//!
//! Nothing of the samples is written but what is drawn, so the file says at its foot what is exact and what is an
//! estimate. Cost: what [`crate::picture`] needs, and for a PNG four to ten bytes a pixel, reserved beforehand.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Exporter, Prediction, Request};
use crate::analysis::{Track, read_tracks};
use crate::annotation::{self, Annotation, Annotations, store};
use crate::error::{Error, Result};
use crate::file::{AtomicFile, free_bytes};
use crate::form::{Kind, Parameter, Settings};
use crate::picture::palette::{Color, Theme};
use crate::picture::scene::Scene;
use crate::picture::zone::Zone;
use crate::picture::{self, Display, EventRow, HeatValue, Look, Mark, Options, TimeAxis};
use crate::summary::{Levels, SidecarPolicy, Summary, ViewRequest};
use crate::task::Task;

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
            name: "display",
            title: "Display",
            help: "Channels in lanes, over each other on one axis, or as rows of colours",
            kind: Kind::Choice(Display::NAMES),
            default: "stacked",
        },
        Parameter {
            name: "heat",
            title: "Heat map of",
            help: "What the colours of a heat map show of the samples in each cell",
            kind: Kind::Choice(HeatValue::NAMES),
            default: "peak",
        },
        Parameter {
            name: "time-axis",
            title: "Time axis",
            help: "How time is written; clock needs a recording that knows when it began",
            kind: Kind::Choice(&["auto", "seconds", "hours", "clock", "frames"]),
            default: "auto",
        },
        Parameter {
            name: "zone",
            title: "Time zone",
            help: "Of clock times: utc, local, or a name such as Europe/Berlin",
            kind: Kind::Text,
            default: "utc",
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
            help: "Values at the foot and top of a lane (of the plot of a butterfly; of the colours of a heat map), LOW..HIGH for all channels or one for each, with commas; HIGH..LOW is upside down",
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
            name: "logic",
            title: "Logic",
            help: "Channels drawn as logic levels, by index: 3>0.5 is high above 0.5, 7<2 below 2",
            kind: Kind::Text,
            default: "",
        },
        Parameter {
            name: "tracks",
            title: "Event tracks",
            help: "Event tracks of the recording that have a row beneath the traces: all, or names with commas",
            kind: Kind::Text,
            default: "",
        },
        Parameter {
            name: "cursors",
            title: "Cursors",
            help: "Where the cursors A and B stand, seconds from the first frame: 1.25,1.5",
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
            "hours" => TimeAxis::Hours,
            "clock" => TimeAxis::Clock,
            "frames" => TimeAxis::Frames,
            _ => TimeAxis::Automatic,
        },
        look: Look {
            display: Display::named(settings.text("display")).unwrap_or_default(),
            heat: HeatValue::named(settings.text("heat")).unwrap_or_default(),
            logic: picture::parse_logic(settings.text("logic"))?,
            cursors: picture::parse_cursors(settings.text("cursors"))?,
            zone: Zone::named(settings.text("zone"))?,
            rows: Vec::new(),
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

/// The rows of the event tracks that the settings name, read from the whole recording.
fn rows(request: &Request<'_>) -> Result<Vec<EventRow>> {
    let all = &request.source.recording().events;
    let wanted = request.settings.text("tracks");
    let names: Vec<String> = match wanted.trim() {
        "" => return Ok(Vec::new()),
        "all" => all.iter().map(|track| track.name.clone()).collect(),
        list => list.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect(),
    };
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|track| track.name != **name)) {
        let known: Vec<&str> = all.iter().map(|track| track.name.as_str()).take(12).collect();
        let remedy = if known.is_empty() {
            "the recording holds none: leave the setting out".to_owned()
        } else {
            format!("use all, or some of: {}", known.join(", "))
        };
        return Err(Error::invalid(format!("there is no event track '{unknown}'")).with_remedy(remedy));
    }
    let tracks = read_tracks(request.source, request.selection.stream, &names, request.task)?;
    let row = |(name, track): (String, Track)| EventRow { name, frames: track.frames, levels: track.levels };
    Ok(tracks.into_iter().map(row).collect())
}

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
    let each = match options.look.display {
        Display::Stacked if is_svg(request) => 24,
        Display::Stacked => 8,
        // All lanes together, before they are drawn.
        Display::Butterfly => 48,
        Display::HeatMap => 8,
    };
    let field = if options.look.display == Display::HeatMap {
        u64::from(options.width) * u64::from(options.height) * if is_svg(request) { 16 } else { 4 }
    } else {
        0
    };
    let traces = channels * u64::from(options.width) * each + picture::GROUP_BYTES as u64 + field;
    let _reservation = request.task.budget().reserve(traces)?;
    options.look.rows = rows(request)?;
    // The sidecar is used if it is there; none is made for one picture.
    let Request { source, selection, task, .. } = request;
    let summary = Summary::open(Arc::clone(source), selection.stream, task.budget(), &SidecarPolicy::Auto)?;
    let mut columns_of = |view: &ViewRequest| summary.columns(view, task);
    let mut levels_of = |view: &ViewRequest| levels(&summary, view, task);
    picture::compose_with(source.recording(), selection, &options, &mut columns_of, &mut levels_of)
}

/// The levels of a request, all of them: what no tile tells is read, however much it is.
fn levels(summary: &Summary, view: &ViewRequest, task: &Task) -> Result<Levels> {
    summary.levels(view, u64::MAX, task)
}
