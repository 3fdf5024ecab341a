//! The Python lines that load a part of a recording with plain NumPy: the very bytes, mapped, where they lie at regular
//! places in a file.
//!
//! `numpy.memmap` maps the file and `numpy.ndarray` (with its `buffer`, `offset` and `strides`, see the NumPy reference)
//! lays frames × channels over it, which works for every layout that [`FlatLayout`] describes: arrays in C and in Fortran
//! order, raw files, packets with headers. What NumPy checks there are the same bounds that we have checked. Where
//! samples lie at no regular places (compressed archives, packed bits, filtered recordings), the lines say so and load an
//! export instead.

use std::fmt::Write as _;
use std::path::Path;

use crate::error::{Error, Result};
use crate::file::FlatLayout;
use crate::recording::{ByteOrder, SampleFormat, SampleType, Scale, Stream, TimeBase};
use crate::scan::Selection;
use crate::source::{Source, for_flat_pieces};

/// A recording in more pieces than this is exported first: nobody reads as many lines.
const MAX_PIECES: usize = 64;
/// Of more contiguous stretches, the times are not written out.
const MAX_SPANS: usize = 100;

/// A stretch of frames in one file: the path, where the first wanted frame begins, and how many follow.
struct Piece {
    layout: FlatLayout,
    first: u64,
    frames: u64,
}

/// Python that gives `selection` as `x`, frames × channels as stored, `y`, the same in physical units, and `t`, seconds.
/// `export` is the command line that writes the same to a `.npy` file called `target`, for what NumPy cannot read;
/// `filtered` says that it is seen through filters.
///
/// # Errors
/// When nothing is selected, or a path is no text.
pub fn lines(source: &dyn Source, selection: &Selection, filtered: bool, export: &str, target: &str) -> Result<String> {
    let stream = selection.stream_in(source.recording())?;
    if selection.is_empty() || selection.channels.is_empty() {
        return Err(Error::invalid("nothing is selected").with_remedy("select a range that is no gap, of a channel"));
    }
    let mut out = String::from("import numpy as np\n\n");
    match if filtered { Err("it is seen through filters") } else { pieces(source, selection) } {
        Ok(pieces) => {
            put(&mut out, format_args!("# {}\n", about(source, stream, selection)));
            stored(&mut out, &pieces, &selection.channels)?;
            scaled(&mut out, stream, &selection.channels);
        }
        Err(why) => {
            put(&mut out, format_args!("# {}\n", about(source, stream, selection)));
            put(&mut out, format_args!("# NumPy alone cannot read this: {why}. Write it to a file first:\n"));
            export.lines().for_each(|line| put(&mut out, format_args!("#   {line}\n")));
            put(&mut out, format_args!("x = np.load({}, mmap_mode=\"r\")\n", literal(target)));
            if filtered {
                out.push_str("y = x  # in physical units already\n");
            } else {
                scaled(&mut out, stream, &selection.channels);
            }
        }
    }
    times(&mut out, &stream.time, selection);
    Ok(out)
}

fn put(out: &mut String, args: std::fmt::Arguments<'_>) {
    out.write_fmt(args).expect("writing to a string cannot fail");
}

/// The stretches that the frames lie in, or why there are none.
fn pieces(source: &dyn Source, selection: &Selection) -> Result<Vec<Piece>, &'static str> {
    let mut pieces = Vec::new();
    let mut frames = 0;
    let mut too_many = false;
    let found = for_flat_pieces(source, selection.stream, &selection.frames, |piece, local| {
        if local.start < local.end && pieces.len() < MAX_PIECES {
            frames += local.end - local.start;
            let (first, length) = (local.start, local.end - local.start);
            pieces.push(Piece { layout: piece.layout.clone(), first, frames: length });
        } else {
            too_many |= local.start < local.end;
        }
        Ok(())
    });
    if too_many {
        Err("it is in too many pieces")
    } else if found.is_err() || frames != selection.len() {
        Err("its samples lie at no regular places in a file")
    } else {
        Ok(pieces)
    }
}

/// What the lines load, for people. A name may hold anything but the end of a line.
fn about(source: &dyn Source, stream: &Stream, selection: &Selection) -> String {
    let clean = |text: &str| text.replace(char::is_control, " ");
    let names: Vec<String> = selection.channels.iter().take(8).map(|&c| clean(&stream.channels[c].name)).collect();
    let more = selection.channels.len().saturating_sub(names.len());
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    let gaps = stream.time.contiguous(selection.frames.clone()).count().saturating_sub(1);
    let gaps = match gaps {
        0 => String::new(),
        1 => "; a gap lies between two of them".to_owned(),
        n => format!("; {n} gaps lie between them"),
    };
    format!(
        "{}, {}: frames {} to {} of {}{rest}{gaps}",
        clean(&source.recording().name),
        clean(&stream.name),
        selection.frames.start,
        selection.frames.end,
        names.join(", ")
    )
}

/// The lines that make `x`.
fn stored(out: &mut String, pieces: &[Piece], channels: &[usize]) -> Result<()> {
    let one = pieces.len() == 1;
    for (i, piece) in pieces.iter().enumerate() {
        let (raw, x) = if one { ("raw".to_owned(), "x".to_owned()) } else { (format!("raw{i}"), format!("x{i}")) };
        let path = text_of(piece.layout.map().path())?;
        put(out, format_args!("{raw} = np.memmap({}, dtype=np.uint8, mode=\"r\")\n", literal(path)));
        piece.array(out, &x, &raw, channels);
    }
    if !one {
        let parts: Vec<String> = (0..pieces.len()).map(|i| format!("x{i}")).collect();
        put(out, format_args!("x = np.concatenate([{}])\n", parts.join(", ")));
    }
    Ok(())
}

impl Piece {
    /// The line that lays frames × channels over the mapped bytes.
    fn array(&self, out: &mut String, x: &str, raw: &str, channels: &[usize]) {
        let (n, stride) = (self.frames, self.layout.frame_stride());
        let dtype = dtype(self.layout.format());
        let first = channels.first().map_or(0, |&c| self.layout.byte_of(self.first, c));
        let offsets: Vec<i128> =
            channels.iter().map(|&c| i128::from(self.layout.byte_of(self.first, c)) - i128::from(first)).collect();
        let step = offsets.get(1).copied().unwrap_or(self.layout.format().size() as i128);
        let even = offsets.iter().enumerate().all(|(i, &o)| o == step * i as i128);
        if even {
            put(
                out,
                format_args!(
                    "{x} = np.ndarray(({n}, {}), \"{dtype}\", {raw}, offset={first}, strides=({stride}, {step}))\n",
                    channels.len()
                ),
            );
        } else {
            let list: Vec<String> = offsets.iter().map(|o| (o + i128::from(first)).to_string()).collect();
            put(out, format_args!("{x} = np.stack([\n"));
            put(out, format_args!("    np.ndarray(({n},), \"{dtype}\", {raw}, offset=at, strides=({stride},))\n"));
            put(out, format_args!("    for at in [{}]\n], axis=1)\n", list.join(", ")));
        }
    }
}

/// The line that makes `y`: stored · gain + offset, in double precision.
fn scaled(out: &mut String, stream: &Stream, channels: &[usize]) {
    let of = |c: &usize| &stream.channels[*c];
    let units: Vec<&str> = channels.iter().map(|c| of(c).unit.as_str()).collect();
    let unit = units.first().filter(|first| !first.is_empty() && units.iter().all(|u| u == *first));
    let unit = unit.map(|u| format!("  # {}", u.replace(char::is_control, " "))).unwrap_or_default();
    if channels.iter().all(|c| of(c).scale.is_identity()) {
        put(out, format_args!("y = x{unit}\n"));
        return;
    }
    let numbers = |part: fn(Scale) -> f64| {
        let all: Vec<f64> = channels.iter().map(|c| part(of(c).scale)).collect();
        match all.first() {
            Some(first) if all.iter().all(|v| v == first) => format!("{first:?}"),
            _ => format!("np.array([{}])", all.iter().map(|v| format!("{v:?}")).collect::<Vec<_>>().join(", ")),
        }
    };
    let (gain, offset) = (numbers(|s| s.gain), numbers(|s| s.offset));
    let offset = if offset == "0.0" { String::new() } else { format!(" + {offset}") };
    put(out, format_args!("y = x.astype(np.float64) * {gain}{offset}{unit}\n"));
}

/// The line that makes `t`, if the clock says what a second is.
fn times(out: &mut String, time: &TimeBase, selection: &Selection) {
    if !time.rate_known() {
        out.push_str("# The rate is not known: there are no times.\n");
        return;
    }
    let stretches: Vec<_> = time.contiguous(selection.frames.clone()).take(MAX_SPANS + 1).collect();
    if stretches.len() > MAX_SPANS {
        out.push_str("# There are too many gaps for the times to be written out.\n");
        return;
    }
    let ranges: Vec<String> = stretches
        .iter()
        .map(|frames| {
            let first = time.tick_of_frame(frames.start);
            format!("np.arange({first}, {})", first + (frames.end - frames.start))
        })
        .collect();
    let ticks = match &ranges[..] {
        [one] => one.clone(),
        many => format!("np.concatenate([{}])", many.join(", ")),
    };
    put(out, format_args!("t = {ticks} / {:?}  # seconds\n", time.rate_hz()));
}

/// NumPy's name of a stored type: `<i2`.
fn dtype(format: SampleFormat) -> String {
    // A byte that is neither 0 nor 1 is read as it is.
    let name = if format.sample_type == SampleType::Bool { "u1" } else { format.sample_type.npy_name() };
    let order = match (format.size(), format.byte_order) {
        (1, _) => '|',
        (_, ByteOrder::Little) => '<',
        (_, ByteOrder::Big) => '>',
    };
    format!("{order}{name}")
}

fn text_of(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| Error::unsupported("a path that is no text in Python lines").with_path(path))
}

/// A text as Python reads it: JSON's strings are Python's, with every control character escaped.
fn literal(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
