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
use super::{Decoder, HYSTERESIS, Input, LIMIT, Levels, Outcome, THRESHOLD, report, silent};
use crate::analysis::{Analysis, Cell, Field, Place, PublishClock, Report, Request};
use crate::error::{Error, Result};
use crate::form::{Kind, Parameter, Settings};

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

/// A stop bit was not there.
pub(super) const FRAMING: u32 = 1;
/// The parity bit is wrong.
pub(super) const PARITY: u32 = 2;
/// The line stayed low.
pub(super) const BREAK: u32 = 4;

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

/// How a byte is laid out in time.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Shape {
    pub(super) data_bits: u32,
    pub(super) parity: Parity,
    pub(super) stop_bits: f64,
    pub(super) msb_first: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Parity {
    None,
    Even,
    Odd,
    Mark,
    Space,
}

impl Shape {
    fn of(settings: &Settings) -> Self {
        Self {
            data_bits: settings.integer("data-bits").clamp(5, 9) as u32,
            parity: match settings.text("parity") {
                "even" => Parity::Even,
                "odd" => Parity::Odd,
                "mark" => Parity::Mark,
                "space" => Parity::Space,
                _ => Parity::None,
            },
            stop_bits: settings.text("stop-bits").parse().unwrap_or(1.0),
            msb_first: settings.text("bit-order") == "msb",
        }
    }

    /// Bits from the start bit to the parity bit.
    fn bits_before_stop(&self) -> u32 {
        1 + self.data_bits + u32::from(self.parity != Parity::None)
    }

    /// Bits from the start bit to the last stop bit.
    pub(super) fn bits(&self) -> f64 {
        f64::from(self.bits_before_stop()) + self.stop_bits
    }

    /// Whether the parity bit behind `value` should be a one.
    pub(super) fn parity_of(&self, value: u32) -> bool {
        match self.parity {
            Parity::Even => value.count_ones() % 2 == 1,
            Parity::Odd => value.count_ones().is_multiple_of(2),
            Parity::Mark => true,
            Parity::Space | Parity::None => false,
        }
    }
}

/// What went wrong, and how often.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Troubles {
    pub(super) framing: u64,
    pub(super) parity: u64,
    pub(super) breaks: u64,
    /// Start bits that were none.
    pub(super) false_starts: u64,
    /// Bytes that the end of the data cut off.
    pub(super) cut: u64,
}

/// The receiver.
pub(super) struct Uart {
    shape: Shape,
    channel: u32,
    /// Frames from the start of a byte to the centre of each bit.
    centres: Vec<u64>,
    /// Frames of a whole byte: to the nearest, and what a break is at least.
    length: u64,
    break_length: u64,
    /// The line now, and since when it is low.
    level: bool,
    low_since: Option<u64>,
    /// Where the byte under way began, how many of its bits have been looked at, and those.
    under_way: Option<(u64, usize, u32)>,
    /// The byte before: it may yet turn out to be a break, or to end earlier than it should.
    last: Option<Place>,
    end: u64,
    pub(super) troubles: Troubles,
}

impl Uart {
    /// A receiver of bits that are `bit` frames long each; its places are on `channel`.
    pub(super) fn new(shape: Shape, bit: f64, channel: u32) -> Self {
        let count = shape.bits_before_stop() + 1;
        let centres = (0..count).map(|k| ((bit - 1.0) / 2.0 + f64::from(k) * bit).ceil().max(0.0) as u64).collect();
        Self {
            centres,
            length: ((shape.bits() * bit).round() as u64).max(1),
            break_length: ((shape.bits() * bit).ceil() as u64).max(1),
            shape,
            channel,
            level: true,
            low_since: None,
            under_way: None,
            last: None,
            end: 0,
            troubles: Troubles::default(),
        }
    }

    /// Looks at the bits whose centres lie in front of `frame`, up to which the line stands as it does.
    fn look(&mut self, frame: u64, found: &mut Found) {
        while let Some((start, seen, bits)) = self.under_way {
            if start.saturating_add(self.centres[seen]) >= frame {
                return;
            }
            if seen == 0 && self.level {
                self.troubles.false_starts += 1;
                self.under_way = None;
            } else if seen + 1 < self.centres.len() {
                self.under_way = Some((start, seen + 1, bits | u32::from(self.level) << seen));
            } else {
                self.under_way = None;
                self.byte(start, bits >> 1, found);
            }
        }
    }

    /// A byte is complete: its data and parity bits, in the order in which they came.
    fn byte(&mut self, start: u64, bits: u32, found: &mut Found) {
        let n = self.shape.data_bits;
        let sent = bits & ((1 << n) - 1);
        let value = if self.shape.msb_first { sent.reverse_bits() >> (32 - n) } else { sent };
        let mut flags = 0;
        if !self.level {
            flags |= FRAMING;
            self.troubles.framing += 1;
        }
        if self.shape.parity != Parity::None && (bits >> n & 1 == 1) != self.shape.parity_of(value) {
            flags |= PARITY;
            self.troubles.parity += 1;
        }
        self.hand_over(found);
        let end = start.saturating_add(self.length).min(self.end);
        self.last = Some(Place { channel: self.channel, flags, start, end, value: f64::from(value) });
    }

    /// If the line was low for a whole byte up to `frame`, that was a break.
    fn end_of_low(&mut self, frame: u64) {
        let Some(since) = self.low_since.take() else { return };
        if frame - since < self.break_length {
            return;
        }
        self.troubles.breaks += 1;
        self.under_way = None;
        if let Some(last) = &mut self.last {
            last.flags |= BREAK;
        }
    }

    fn hand_over(&mut self, found: &mut Found) {
        if let Some(place) = self.last.take() {
            found.push(place);
        }
    }
}

impl Decoder for Uart {
    fn start(&mut self, frame: u64, end: u64, levels: Levels, _: &mut Found) {
        self.level = levels & 1 == 1;
        self.low_since = (!self.level).then_some(frame);
        (self.under_way, self.last, self.end) = (None, None, end);
    }

    fn change(&mut self, frame: u64, levels: Levels, _: Levels, found: &mut Found) {
        self.look(frame, found);
        self.level = levels & 1 == 1;
        if self.level {
            self.end_of_low(frame);
            return;
        }
        self.low_since = Some(frame);
        if self.under_way.is_none() {
            if let Some(last) = &mut self.last {
                // A fast sender: the next byte begins before this should be over.
                last.end = last.end.min(frame);
            }
            self.hand_over(found);
            self.under_way = Some((frame, 0, 0));
        }
    }

    fn stop(&mut self, frame: u64, found: &mut Found) {
        self.look(frame, found);
        self.end_of_low(frame);
        self.hand_over(found);
        self.troubles.cut += u64::from(self.under_way.take().is_some());
    }
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
