//! Decoding of serial lines: what was said on them, byte by byte, from recordings of the wires.
//!
//! Samples become *levels* ([`levels`], [`edges`]: a threshold with hysteresis, a bit of an integer channel, or a digital
//! line of the file), levels become changes in the order of time, and a [`Decoder`] turns those into places. The changes
//! are found in parallel, piece by piece; the decoder sees them one after the other ([`pass`]), so its state goes on over
//! the borders of pieces and the answer depends on neither their size nor the number of threads. A gap in the recording
//! ends everything: behind it the decoder starts anew.
//!
//! Memory: a piece of samples and its changes for each worker, and the places found, 32 bytes each, up to `--limit`.
//! Cost: one pass over the samples; where the baud rate is to be found out, the part up to the first 32,768 changes is
//! read twice.
//!
//! To add a protocol: one file here with a `pub(super) const ANALYSIS`, one `mod` line and one line in [`DECODERS`].

use std::sync::Arc;

use super::{Analysis, Context, Events, Field, Place, Report, Request, View};
use crate::error::{Error, Result};
use crate::form::{Kind, Parameter, Settings};
use crate::recording::Stream;
use crate::scan::Selection;
use crate::source::Source;
use crate::task::Task;

mod baud;
mod edges;
mod i2c;
mod levels;
mod lines;
mod pass;
mod receiver;
mod spi;
#[cfg(test)]
mod tests;
mod uart;

use lines::{Line, Lines};
use pass::{Found, Stopped};

/// Every decoder, in the order of menus: the subcommands of `longwave decode`.
pub const DECODERS: &[Analysis] = &[uart::ANALYSIS, spi::ANALYSIS, i2c::ANALYSIS];

/// The levels of all lines at one frame: bit `i` is the line that the decoder named at place `i`.
type Levels = u8;

/// A protocol: turns the changes of its lines into places.
///
/// Between [`Self::start`] and [`Self::stop`] no frame is missing; nothing is remembered from before a start.
trait Decoder {
    /// From `frame` on the level of every line is known: `levels`. Nothing lies behind `end` that belongs to it.
    fn start(&mut self, frame: u64, end: u64, levels: Levels, found: &mut Found);

    /// At `frame` the lines in `changed` have changed, all at once, and stand at `levels` now.
    fn change(&mut self, frame: u64, levels: Levels, changed: Levels, found: &mut Found);

    /// Nothing has changed since, up to `frame`, in front of which the data end.
    fn stop(&mut self, frame: u64, found: &mut Found);
}

const THRESHOLD: Parameter = Parameter {
    name: "threshold",
    title: "Threshold",
    help: "Level between low and high, in the unit of the channel [default: midway between its two levels]",
    kind: Kind::Number { min: -1e30, max: 1e30 },
    default: "",
};

const HYSTERESIS: Parameter = Parameter {
    name: "hysteresis",
    title: "Hysteresis",
    help: "Width of the band around the threshold in which a line keeps its level [default: a fifth of the way between \
           its two levels]",
    kind: Kind::Number { min: 0.0, max: 1e30 },
    default: "",
};

const LIMIT: Parameter = Parameter {
    name: "limit",
    title: "Limit",
    help: "Stop after so many",
    kind: Kind::Integer { min: 1, max: 1 << 32 },
    default: "1000000",
};

/// What a run is of: a [`Request`] without the part that belongs to one thread.
struct Input<'a> {
    source: &'a Arc<dyn Source>,
    selection: &'a Selection,
    settings: &'a Settings,
    task: &'a Task,
}

impl<'a> Input<'a> {
    fn of(request: &Request<'a>) -> Self {
        let Request { source, selection, settings, task, .. } = *request;
        Self { source, selection, settings, task }
    }
}

/// What makes a report of the places that a decoder has found.
struct Outcome {
    noun: &'static str,
    fields: &'static [Field],
    label: fn(&Place, &Context) -> String,
    bytes: fn(&Place, &mut Vec<u8>),
    json: serde_json::Value,
    notes: Vec<String>,
}

/// The report of what was found, which is left empty.
fn report(input: &Input<'_>, lines: &Lines, found: &mut Found, outcome: Outcome) -> Result<Report> {
    let recording = input.source.recording();
    let stream = input.selection.stream_in(recording)?;
    let Outcome { noun, fields, label, bytes, mut json, mut notes } = outcome;
    let places = found.take();
    if !stream.time.rate_known() {
        notes.push("the rate is not known: times are in frames (give it with --rate)".to_owned());
    }
    if let Some(place) = places.last()
        && let Some(stopped) = found.stopped()
    {
        let at = stream.time.secs_of_frame(place.start);
        notes.push(match stopped {
            Stopped::Limit => {
                format!("stopped at {} {noun}s, {at:.3} s into the recording; there are more (--limit)", places.len())
            }
            Stopped::Memory => format!(
                "stopped at {} {noun}s, {at:.3} s into the recording: there is no memory for more (--memory-limit, or a \
                 --range)",
                places.len()
            ),
        });
    }
    if let Some(object) = json.as_object_mut() {
        object.insert("complete".to_owned(), found.stopped().is_none().into());
        object.insert("lines".to_owned(), lines.json(recording, stream));
    }
    let names = stream.channels.iter().map(|c| &c.name).chain(recording.events.iter().map(|t| &t.name));
    let context = Context { time: stream.time.clone(), channels: names.cloned().collect() };
    let view = View::Events(Events {
        stream: input.selection.stream,
        key: "bytes",
        noun,
        fields,
        label,
        context,
        places,
        bytes: Some(bytes),
    });
    Ok(Report { view, json, notes })
}

/// The error of a line on which nothing was ever said.
fn silent(input: &Input<'_>, stream: &Stream, line: &Line) -> Error {
    let what = line.name(input.source.recording(), stream);
    let edges::Rule::Analog { middle, width } = line.rule else {
        return Error::invalid(format!("{what} never changes here, so there is nothing to decode"))
            .with_remedy("choose another line, or a range in which it is used (--range)");
    };
    let unit = &stream.channels[line.channel].unit;
    let threshold = quantity(middle, unit);
    match levels::extremes(input, line.channel) {
        Ok(Some((least, greatest))) if least < middle && middle < greatest && width > 0.0 => Error::invalid(format!(
            "nothing crosses the band of {} around {threshold} on {what}: the channel stays within {} to {}",
            quantity(width, unit),
            quantity(least, unit),
            quantity(greatest, unit)
        ))
        .with_remedy("use a smaller --hysteresis, or another channel or range"),
        Ok(Some((least, greatest))) if least == greatest => {
            Error::invalid(format!("nothing crosses {threshold} on {what}: it is {} throughout", quantity(least, unit)))
                .with_remedy("choose another channel, or a range in which the line is used (--range)")
        }
        Ok(Some((least, greatest))) => Error::invalid(format!(
            "nothing crosses {threshold} on {what}: the channel stays within {} to {}",
            quantity(least, unit),
            quantity(greatest, unit)
        ))
        .with_remedy(format!(
            "use --threshold {} or another channel or range",
            crate::text::number(0.5 * (least + greatest))
        )),
        Ok(None) => Error::invalid(format!("{what} holds no numbers here, so nothing crosses {threshold}"))
            .with_remedy("choose another channel or range"),
        Err(error) => error,
    }
}

/// A number with its unit: `1.4 V`.
fn quantity(value: f64, unit: &str) -> String {
    let number = crate::text::number(value);
    if unit.is_empty() { number } else { format!("{number} {unit}") }
}
