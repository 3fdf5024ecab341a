//! UART: asynchronous serial lines (RS-232, RS-485, the serial port of every microcontroller).
//!
//! A byte begins where an idle line (high) falls. Each bit is the level at its centre, `start + (k + 0.5) · rate / baud`,
//! computed anew for every bit so that nothing drifts, at the frame nearest to it (as sigrok's decoder does: of two equally
//! near the earlier). Of the stop bits the first is looked at, as receivers do; if it is low, that is a framing error. From
//! behind its centre on the next fall of the line begins the next byte, so that after an error the receiver is in step
//! again as soon as the line has been idle. A start bit that is high at its centre was none. A line that stays low for a
//! whole frame or longer is a break: the byte whose stop bit it swallowed, 0 unless it began amidst one, carries the mark.
//!
//! Checked against sigrok's `uart` (`tests/decode.rs`): the same bytes and errors at the same times.

use super::baud;
use super::lines::{self, Lines};
use super::pass::{Found, pass};
use super::receiver::{BREAK, FRAMING, PARITY, Shape, Troubles, Uart};
use super::{HYSTERESIS, Input, LIMIT, Outcome, THRESHOLD, report, silent};
use crate::analysis::{Analysis, Cell, Field, Place, PublishClock, Report, Request};
use crate::error::{Error, Result};
use crate::form::{Kind, Parameter};

pub(super) const ANALYSIS: Analysis = Analysis {
    name: "uart",
    title: "UART",
    about: "Decode bytes on an asynchronous serial line (UART, RS-232), from a digital or an analog channel",
    example: "longwave decode uart capture.npy --rate 1000000 --channel 0 --baud 115200 -o bytes.csv",
    parameters: &[
        Parameter {
            name: "channel",
            title: "Channel",
            help: "The line: a channel (index, id or name), CHANNEL:BIT, or a digital line of the file [default: the first \
                   channel]",
            kind: Kind::Channel,
            default: "",
        },
        Parameter {
            name: "bit",
            title: "Bit",
            help: "The bit of an integer channel that is the line [default: the whole value, with a threshold]",
            kind: Kind::Integer { min: 0, max: 63 },
            default: "",
        },
        Parameter {
            name: "baud",
            title: "Baud",
            help: "Bits a second [default: found out from the shortest pulses; a usual rate if one is within 2 %]",
            kind: Kind::Number { min: 1e-3, max: 1e12 },
            default: "",
        },
        Parameter {
            name: "data-bits",
            title: "Data bits",
            help: "Bits of a byte",
            kind: Kind::Integer { min: 5, max: 9 },
            default: "8",
        },
        Parameter {
            name: "parity",
            title: "Parity",
            help: "The bit behind them: none, even or odd number of ones, always one (mark) or zero (space)",
            kind: Kind::Choice(&["none", "even", "odd", "mark", "space"]),
            default: "none",
        },
        Parameter {
            name: "stop-bits",
            title: "Stop bits",
            help: "How long the line is idle at least behind a byte, in bits; the first is checked",
            kind: Kind::Choice(&["1", "1.5", "2"]),
            default: "1",
        },
        Parameter {
            name: "bit-order",
            title: "Bit order",
            help: "The bit that comes first: the least (lsb) or the most significant (msb)",
            kind: Kind::Choice(&["lsb", "msb"]),
            default: "lsb",
        },
        Parameter {
            name: "invert",
            title: "Inverted",
            help: "The line idles low, as on RS-232 itself",
            kind: Kind::Flag,
            default: "false",
        },
        THRESHOLD,
        HYSTERESIS,
        LIMIT,
    ],
    file_types: &["csv", "bin"],
    check: |_| Ok(()),
    run,
};

const FIELDS: &[Field] = &[
    Field::START_SECS,
    Field::END_SECS,
    Field { name: "value", cell: |place, _| Cell::Integer(place.value as i128) },
    Field { name: "text", cell: |place, _| Cell::Text(text(place.value as u32)) },
    Field { name: "framing_error", cell: |place, _| Cell::Bool(place.flags & FRAMING != 0) },
    Field { name: "parity_error", cell: |place, _| Cell::Bool(place.flags & PARITY != 0) },
    Field { name: "break", cell: |place, _| Cell::Bool(place.flags & BREAK != 0) },
];

/// A printable character as itself, line ends as in source code, and nothing for the rest.
fn text(value: u32) -> String {
    match value {
        0x0a => "\\n".to_owned(),
        0x0d => "\\r".to_owned(),
        0x09 => "\\t".to_owned(),
        0x20..=0x7e => char::from_u32(value).map(String::from).unwrap_or_default(),
        _ => String::new(),
    }
}

/// `0x41 'A'`, with `FE`, `PE` or `break` behind it.
fn label(place: &Place) -> String {
    let text = text(place.value as u32);
    let mut label = format!("0x{:02X}", place.value as u32);
    if !text.is_empty() {
        label.push_str(&format!(" '{text}'"));
    }
    let marks = match (place.flags & BREAK != 0, place.flags & FRAMING != 0, place.flags & PARITY != 0) {
        (true, ..) => " break",
        (_, true, true) => " FE PE",
        (_, true, _) => " FE",
        (.., true) => " PE",
        _ => "",
    };
    label + marks
}

fn run(request: &Request<'_>) -> Result<Report> {
    let input = &Input::of(request);
    let (settings, selection) = (input.settings, input.selection);
    let stream = selection.stream_in(input.source.recording())?;
    let rate = stream.time.rate_hz();
    if !stream.time.rate_known() {
        return Err(Error::invalid("the sampling rate is not known, so a baud rate means nothing")
            .with_remedy("give it with --rate"));
    }
    if let Some(baud) = settings.optional_number("baud") {
        check_baud(baud, rate)?;
    }
    let given = lines::given(settings, "channel");
    let Some(text) = given.or_else(|| selection.channels.first().map(ToString::to_string)) else {
        return Err(Error::invalid("there is no channel to decode").with_remedy("name one with --channel"));
    };
    let text = lines::with_bit(text, settings.optional_integer("bit"));
    let lines = Lines::new(input, &[("channel", text)], settings.flag("invert"))?;
    let line = &lines.list[0];
    let shape = Shape::of(settings);

    let measured = match settings.optional_number("baud") {
        Some(_) => None,
        None => Some(baud::find(input, &lines, &shape)?.ok_or_else(|| silent(input, stream, line))?),
    };
    let found_out = measured.as_ref().map(|measured| measured.baud);
    let baud = found_out.or(settings.optional_number("baud")).unwrap_or_default();
    let mut uart = Uart::new(shape.clone(), rate / baud, line.channel as u32);
    let mut found = Found::new(input.task.budget(), settings.integer("limit"))?;
    let mut clock = PublishClock::default();
    let outcome = |troubles: Troubles, count: u64| Outcome {
        noun: "byte",
        fields: FIELDS,
        label: |place, _| label(place),
        bytes: if shape.data_bits > 8 { pair } else { |place, out| out.push(place.value as u8) },
        json: serde_json::json!({
            "baud": baud,
            "baud_found": found_out.is_some(),
            "samples_per_bit": rate / baud,
            "framing_errors": troubles.framing,
            "parity_errors": troubles.parity,
            "breaks": troubles.breaks,
            "false_starts": troubles.false_starts,
            "cut": troubles.cut,
        }),
        notes: notes(troubles, count, rate / baud, found_out),
    };
    let mut show = |so_far: &Found| {
        if clock.is_due() {
            let mut few = so_far.glimpse();
            if let Ok(report) = report(input, &lines, &mut few, outcome(Troubles::default(), 0)) {
                (request.publish)(report);
            }
        }
    };
    match measured.and_then(|measured| measured.whole) {
        Some(record) => record.replay(&mut uart, &mut found),
        None if pass(input, &lines, &mut uart, &mut found, &mut show)? == [0] => {
            return Err(silent(input, stream, line));
        }
        None => {}
    }
    let count = found.count();
    report(input, &lines, &mut found, outcome(uart.troubles, count))
}

/// Two bytes, the more significant first, as sigrok writes words of nine bits.
fn pair(place: &Place, out: &mut Vec<u8>) {
    out.extend((place.value as u16).to_be_bytes());
}

fn check_baud(baud: f64, rate: f64) -> Result<()> {
    if baud > rate / 2.0 {
        return Err(Error::invalid(format!(
            "{} baud is above half the sampling rate of {} Hz: its bits fall between the samples",
            crate::text::number(baud),
            crate::text::number(rate)
        ))
        .with_remedy(format!("use --baud {} or less, or record faster", crate::text::number(rate / 2.0))));
    }
    Ok(())
}

fn notes(troubles: Troubles, count: u64, bit: f64, found_out: Option<f64>) -> Vec<String> {
    let mut notes = vec![];
    if let Some(baud) = found_out {
        notes.push(format!("the baud rate was found to be {} (--baud)", crate::text::number(baud)));
    }
    if bit < 3.0 {
        notes.push(format!("a bit is only {bit:.2} samples long: expect wrong bytes below 3"));
    }
    let errors = troubles.framing + troubles.parity + troubles.false_starts;
    if errors * 2 > count && count + troubles.false_starts >= 8 {
        notes.push("most of the bytes have errors: check --baud, --parity, --data-bits and --invert".to_owned());
    }
    if troubles.framing + troubles.parity > 0 {
        let Troubles { framing, parity, breaks, .. } = troubles;
        notes.push(format!("framing errors: {framing} (of which breaks: {breaks}), parity errors: {parity}"));
    }
    if troubles.cut > 0 {
        notes.push(format!("bytes cut off by a gap or the end, and left out: {}", troubles.cut));
    }
    notes
}
