//! Neurodata Without Borders: a recording as an `.nwb` file that pynwb and what is built on it read.
//!
//! The main stream becomes `/acquisition/e-series`, an `ElectricalSeries` of the *stored* numbers with their conversion to
//! volts (what is no voltage becomes a `TimeSeries`); a whole recording also brings its other streams, its digital lines
//! (`/processing/behavior`), its lost packets and its parts (`/intervals`). Times are seconds from the start of the
//! session: start and rate where nothing is missing, else a list ([`clock`], [`plan`]).
//!
//! The file is written front to back, in memory that does not grow with it: pieces are packed by the workers ([`pack`]),
//! appended in order and noted in a journal ([`part`]), so that an interrupted export goes on where it was; what describes
//! them ([`build`], [`h5`]) comes last. It is read back before it gets its name ([`verify`]).
//!
//! After the NWB core schema and hdmf-common; HDF5 is encoded by `rust-hdf5`.

use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use super::{Exporter, Prediction, Request};
use crate::error::{Error, ErrorKind, Result};
use crate::file::free_bytes;
use crate::form::{Kind, Parameter, Settings};
use crate::scan::map_pieces;

mod about;
mod build;
mod clock;
mod compatible;
mod compress;
mod electrodes;
mod events;
mod h5;
mod intervals;
mod lines;
pub(crate) mod metadata;
mod optogenetics;
mod pack;
mod part;
mod pass;
mod plan;
mod probe;
mod provenance;
mod schema;
mod table;
mod tasks;
mod tree;
mod verify;

use about::About;
use build::Contents;
use clock::Reference;
use compress::Codec;
use metadata::Metadata;
use part::{Part, Record};
use pass::{Dropped, Pass};
use plan::{Choices, Plan, Timing};

pub(crate) const EXPORTER: Exporter = Exporter {
    name: "nwb",
    title: "Neurodata Without Borders",
    extensions: &["nwb"],
    parameters: PARAMETERS,
    check,
    predict,
    run,
};

const PARAMETERS: &[Parameter] = &[
    metadata::METADATA,
    metadata::PROBE,
    Parameter {
        name: "compression",
        title: "Compression",
        help: "how chunks are packed; zstd needs a plugin (hdf5plugin) wherever the file is read",
        kind: Kind::Choice(&["gzip", "none", "zstd"]),
        default: "gzip",
    },
    Parameter {
        name: "level",
        title: "Level",
        help: "effort of the compression, 1 to 9 [default: 4, for zstd 3]",
        kind: Kind::Integer { min: 1, max: 9 },
        default: "",
    },
    Parameter {
        name: "dropped",
        title: "Lost packets",
        help: "what stands for packets that were lost: a gap in the times, rows of NaN, or the row before; where that is is listed in intervals/dropped_packets",
        kind: Kind::Choice(&["gap", "nan", "repeat"]),
        default: "gap",
    },
    Parameter {
        name: "time",
        title: "Times",
        help: "start and rate, and a list of times where there are gaps (auto); always a list; or a series for each span between gaps",
        kind: Kind::Choice(&["auto", "list", "spans"]),
        default: "auto",
    },
    Parameter {
        name: "verify",
        title: "Verify",
        help: "read the finished file back and compare every sample [default: of whole recordings]",
        kind: Kind::Switch { off: "no-verify" },
        default: "auto",
    },
    Parameter {
        name: "compatible",
        title: "Compatible with",
        help: "write the paths, names and types of another converter, for what reads its files; the samples stay the recorded integers with their true conversion",
        kind: Kind::Choice(&["no", compatible::NAME]),
        default: "no",
    },
    Parameter {
        name: "hash",
        title: "Hash the source",
        help: "note an XXH3 hash of each source file in the provenance; reads them once more",
        kind: Kind::Flag,
        default: "false",
    },
];

/// What one thread packs and a disk takes in, bytes a second, for the prediction.
const EXPECTED: [(&str, f64); 3] = [("gzip", 110e6), ("zstd", 180e6), ("none", 500e6)];
/// What is expected to be left of neural recordings after compression.
const EXPECTED_RATIO: f64 = 0.6;

fn check(settings: &Settings) -> Result<()> {
    metadata::refuse_probes_without_metadata(settings)?;
    if settings.text("compression") == "none" && settings.optional_integer("level").is_some() {
        return Err(Error::invalid("without compression there is no level").with_remedy("leave out --level"));
    }
    if settings.text("time") == "spans" && settings.text("dropped") != "gap" {
        return Err(Error::invalid("a series for each span has no lost packets to fill in")
            .with_remedy("leave out --dropped or --time"));
    }
    if is_compatible(settings) {
        if settings.text("metadata").is_empty() {
            return Err(Error::invalid("this layout is made of what the metadata says")
                .with_remedy("name the file: --metadata META.yml (`longwave metadata FILE -o META.yml` makes one)"));
        }
        if settings.text("dropped") == "nan" {
            return Err(Error::invalid("this layout holds 16-bit integers, which have no NaN")
                .with_remedy("use --dropped gap or repeat"));
        }
        if settings.text("time") == "spans" {
            return Err(Error::invalid("this layout has one series").with_remedy("leave out --time"));
        }
    }
    Ok(())
}

fn is_compatible(settings: &Settings) -> bool {
    settings.text("compatible") == compatible::NAME
}

fn choices<'a>(settings: &Settings, told: Option<&'a Metadata>) -> Choices<'a> {
    let level = settings.optional_integer("level").map(|level| level as u32);
    Choices {
        codec: match settings.text("compression") {
            "none" => Codec::None,
            "zstd" => Codec::Zstd(level.unwrap_or(3)),
            _ => Codec::Gzip(level.unwrap_or(4)),
        },
        dropped: match settings.text("dropped") {
            "nan" => Dropped::Nan,
            "repeat" => Dropped::Repeat,
            _ => Dropped::Gap,
        },
        timing: match settings.text("time") {
            _ if is_compatible(settings) => Timing::List,
            "list" => Timing::List,
            "spans" => Timing::Spans,
            _ => Timing::Auto,
        },
        raw_to_volts: told.and_then(|m| m.raw_to_volts).filter(|v| v.is_finite() && *v > 0.0),
        compatible: is_compatible(settings),
        analog_unit: told.and_then(|m| m.analog_unit.as_deref()).filter(|u| !["", "-1", "unspecified"].contains(u)),
    }
}

/// The plan, and everything that is to be said about it.
fn plan_and_about(request: &Request<'_>) -> Result<(Plan, About)> {
    let recording = request.source.recording();
    let stream = request.selection.stream_in(recording)?;
    // Where the recording does not tell when it was made, its file may know when it was last written.
    let modified = request.source.files().first().and_then(|path| std::fs::metadata(path).ok()?.modified().ok());
    let modified_ns = modified.and_then(|t| t.duration_since(UNIX_EPOCH).ok()).map_or(0, |d| d.as_nanos() as i128);
    let otherwise = Reference {
        unix_ns: (modified_ns - (stream.duration_secs() * 1e9) as i128).max(0).div_euclid(1000) * 1000,
        known: false,
    };
    let (told, warnings) = match request.settings.text("metadata") {
        "" => (None, vec![]),
        path => {
            let probes = request.settings.files("probe");
            let (metadata, warnings) = Metadata::load(std::path::Path::new(path), &probes)?;
            (Some(metadata), warnings)
        }
    };
    let compatible = is_compatible(request.settings);
    let ordered = match &told {
        Some(told) if compatible => compatible::ordered(request.selection, recording, told)?,
        _ => request.selection.clone(),
    };
    let request = &Request { selection: &ordered, ..*request };
    let mut plan = Plan::new(request, choices(request.settings, told.as_ref()), otherwise)?;
    plan.notes.extend(warnings.into_iter().map(|w| w.text));
    let mut about =
        About::new(request.source.as_ref(), request.selection.stream, &request.selection.channels, told.as_ref())?;
    if compatible {
        if let Some(unix_ns) = compatible::created_ns(recording) {
            plan.start.unix_ns = unix_ns;
        }
        about.extend_compatibly(request.source.as_ref());
    }
    if !plan.start.known {
        plan.notes.push(
            "the recording does not tell when it began: the session starts when its file was last written, less its length"
                .to_owned(),
        );
    }
    if request.settings.text("compression") == "zstd" {
        plan.notes
            .push("zstd is read only where the HDF5 plugin for it is installed (hdf5plugin in Python)".to_owned());
    }
    plan.notes.extend(about.notes.iter().cloned());
    Ok((plan, about))
}

fn predict(request: &Request<'_>) -> Result<Prediction> {
    let (plan, _) = plan_and_about(request)?;
    let raw = plan.bytes();
    let compression = request.settings.text("compression");
    let speed = EXPECTED.iter().find(|e| e.0 == compression).map_or(100e6, |e| e.1);
    let threads = if plan.codec == Codec::None { 1 } else { request.task.threads() };
    let bytes = if plan.codec == Codec::None { raw as f64 } else { raw as f64 * EXPECTED_RATIO };
    let verify = if verifies(request, &plan) { 1.3 } else { 1.0 };
    let folder = match request.target.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => std::path::Path::new("."),
    };
    let mut notes = plan.notes.clone();
    if plan.codec != Codec::None {
        notes.push("the size is a guess: compressed recordings are between 0.4 and 0.8 of their size".to_owned());
    }
    let secs = raw as f64 / speed / threads as f64 * verify;
    Ok(Prediction { bytes: bytes as u64 + (64 << 10), free_bytes: free_bytes(folder), secs, notes })
}

fn verifies(request: &Request<'_>, plan: &Plan) -> bool {
    let recording = request.source.recording();
    let all_frames = request.selection.frames == (0..recording.streams[request.selection.stream].frames);
    request.settings.switch("verify").unwrap_or(plan.all_streams && all_frames)
}

fn run(request: &Request<'_>) -> Result<Vec<PathBuf>> {
    let (plan, about) = plan_and_about(request)?;
    let files = request.source.files();
    for file in &files {
        if let (Ok(a), Ok(b)) = (file.canonicalize(), request.target.canonicalize())
            && a == b
        {
            return Err(Error::invalid("this is the recording itself")
                .with_path(request.target)
                .with_remedy("choose another name"));
        }
    }
    let free = predict(request)?.free_bytes;
    if let (Codec::None, Some(free)) = (plan.codec, free)
        && free < plan.bytes()
    {
        return Err(Error::new(ErrorKind::NoSpace { need: plan.bytes(), free })
            .with_path(request.target)
            .with_remedy("free some space, choose another disk, compress it, or export a shorter range"));
    }
    let verify = verifies(request, &plan);
    let read: u64 = plan.passes.iter().map(|p| progress_bytes(request, p)).sum();
    request.task.set_total(read + if verify { plan.bytes() } else { 0 });
    let identity = provenance::identity(request, &plan, &files);
    let (mut part, done) = Part::open(request.target, &identity, request.overwrite)?;
    let result = write(request, &plan, &about, &files, &mut part, done, verify, &identity);
    match result {
        Ok(()) => {
            part.commit()?;
            Ok(vec![request.target.to_path_buf()])
        }
        Err(e) if part.is_worth_keeping() && may_go_on(&e) => {
            let kept = part.path().display().to_string();
            drop(part);
            let again = provenance::again();
            Err(e.with_further_remedy(&format!("what is finished is kept in {kept}; to go on: {again}")))
        }
        Err(e) => {
            part.discard();
            Err(e)
        }
    }
}

/// Whether the same export may succeed later, from where it is.
fn may_go_on(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Cancelled
            | ErrorKind::Io(_)
            | ErrorKind::NoSpace { .. }
            | ErrorKind::OutOfBudget { .. }
            | ErrorKind::Truncated { .. }
    )
}

/// What the engine reports of a pass.
fn progress_bytes(request: &Request<'_>, pass: &Pass) -> u64 {
    pass.selection.bytes(&request.source.recording().streams[pass.selection.stream])
}

#[allow(clippy::too_many_arguments)]
fn write(
    request: &Request<'_>,
    plan: &Plan,
    about: &About,
    files: &[PathBuf],
    part: &mut Part,
    done: Vec<Record>,
    verify: bool,
    identity: &str,
) -> Result<()> {
    let source = request.source.as_ref();
    let recording = source.recording();
    let with_events = if plan.all_streams { recording.events.len() } else { 0 };
    let mut tracks = events::Tracks::new(with_events, plan.codec)?;
    let mut records: Vec<Vec<Record>> = vec![Vec::new(); plan.passes.len()];
    for record in done {
        if let Some(list) = records.get_mut(record.pass as usize) {
            list.push(record);
        }
    }
    // Spans of one stream are passes after each other, and events go on from one to the next.
    let main_stream = request.selection.stream;
    for (number, (pass, records)) in plan.passes.iter().zip(&mut records).enumerate() {
        let finished = records.len() as u64;
        let reads_events = with_events > 0 && pass.selection.stream == main_stream;
        let skipped = if reads_events { 0 } else { finished };
        request.task.advance(0)?;
        let make = |chunk: &crate::scan::Chunk| {
            let piece = chunk.index + skipped;
            let mut packed = if piece < finished {
                pack::Packed { bytes: vec![], chunks: vec![], events: vec![], _memory: None }
            } else {
                pack::pack(source, pass, piece, plan.codec, request.task)?
            };
            if reads_events {
                packed.events = events::read(source, pass, piece)?;
            }
            Ok((piece, packed))
        };
        let threads = pass.threads(request.task.threads(), request.task.budget().free());
        let mut pieces = (skipped..pass.pieces()).map(|piece| pass.frames_of(piece));
        map_pieces(source, &pass.selection, &mut pieces, threads, request.task, &make, &mut |_, made| {
            let (piece, packed) = made;
            if piece >= finished {
                let chunks = part.append_piece(number as u32, piece, &packed.bytes, &packed.chunks)?;
                records.push(Record { pass: number as u32, piece, chunks });
            }
            if reads_events {
                let first = piece == 0 && number == 0;
                tracks.take(pass, piece, first, &packed.events, part)?;
            }
            Ok(())
        })?;
    }
    tracks.finish(part)?;
    source.check_files()?;
    let provenance = provenance::text(request, plan, files)?;
    let attached = about.found.read(request.task)?;
    let now = jiff::Timestamp::now();
    let contents = Contents {
        recording,
        plan,
        about,
        records: &records,
        tracks: &tracks,
        identifier: &build::object_id(identity, &now.to_string()),
        attached: &attached,
        provenance: &provenance,
        now: format!("{now:.6}").replace('Z', "+00:00"),
    };
    h5::write(&build::build(&contents), part)?;
    if verify {
        verify::verify(part.path(), source, plan, &records, request.task)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
