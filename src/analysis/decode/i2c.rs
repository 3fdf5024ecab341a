//! I²C: a clock and a line of data, shared by all devices (NXP UM10204).
//!
//! Data falling while the clock is high is a start, rising a stop. In between a bit is taken wherever the clock rises;
//! eight are a byte, the most significant first, and the ninth is the receiver's answer: low for yes (ACK). The first byte
//! behind a start is an address of seven bits and the direction. (Of an address of ten bits, the first byte shows as the
//! address 0x78 to 0x7B and the second as data.) A start is obeyed anywhere, so that the decoder is in step again at once.
//!
//! A place is a byte with its answer, from the rise of its first clock to the fall of its ninth. Checked against sigrok's
//! `i2c` (`tests/decode.rs`).

use super::lines::{self, Lines};
use super::pass::{Found, pass};
use super::{Decoder, HYSTERESIS, Input, LIMIT, Levels, Outcome, THRESHOLD, report, silent};
use crate::analysis::{Analysis, Cell, Field, Place, PublishClock, Report, Request};
use crate::error::{Error, Result};
use crate::form::{Kind, Parameter, Settings};

pub(super) const ANALYSIS: Analysis = Analysis {
    name: "i2c",
    title: "I²C",
    about: "Decode addresses and data on an I2C bus, from digital or analog channels",
    example: "longwave decode i2c capture.npy --rate 4000000 --scl 0 --sda 1 -o bytes.csv",
    parameters: &[
        Parameter {
            name: "scl",
            title: "Clock (SCL)",
            help: "The clock: a channel (index, id or name), CHANNEL:BIT, or a digital line of the file",
            kind: Kind::Channel,
            default: "",
        },
        Parameter {
            name: "sda",
            title: "Data (SDA)",
            help: "The data: a channel (index, id or name), CHANNEL:BIT, or a digital line of the file",
            kind: Kind::Channel,
            default: "",
        },
        THRESHOLD,
        HYSTERESIS,
        LIMIT,
    ],
    file_types: &["csv", "bin"],
    check: check_settings,
    run,
};

/// What a place is: an address rather than data,
const ADDRESS: u32 = 1;
/// of a transfer to the master,
const READ: u32 = 2;
/// answered,
const ACK: u32 = 4;
/// behind a start that followed a stop, or one that did not,
const START: u32 = 8;
const REPEATED: u32 = 16;
/// and in front of a stop.
const STOP: u32 = 32;

const FIELDS: &[Field] = &[
    Field::START_SECS,
    Field::END_SECS,
    Field { name: "kind", cell: |place, _| text(if place.flags & ADDRESS != 0 { "address" } else { "data" }) },
    Field { name: "value", cell: |place, _| Cell::Integer(place.value as i128) },
    Field { name: "direction", cell: |place, _| text(if place.flags & READ != 0 { "read" } else { "write" }) },
    Field { name: "ack", cell: |place, _| Cell::Bool(place.flags & ACK != 0) },
    Field {
        name: "start",
        cell: |place, _| {
            text(match place.flags & (START | REPEATED) {
                0 => "",
                START => "start",
                _ => "repeated",
            })
        },
    },
    Field { name: "stop", cell: |place, _| Cell::Bool(place.flags & STOP != 0) },
];

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

/// `S 50 W A`, `0F N P`.
fn label(place: &Place) -> String {
    let has = |flag: u32, text: &'static str| if place.flags & flag != 0 { text } else { "" };
    let direction = if place.flags & READ != 0 { " R" } else { " W" };
    format!(
        "{}{}{:02X}{}{}{}",
        has(START, "S "),
        has(REPEATED, "Sr "),
        place.value as u32,
        if place.flags & ADDRESS != 0 { direction } else { "" },
        if place.flags & ACK != 0 { " A" } else { " N" },
        has(STOP, " P"),
    )
}

fn check_settings(settings: &Settings) -> Result<()> {
    for (name, what) in [("scl", "clock"), ("sda", "line of data")] {
        if lines::given(settings, name).is_none() {
            return Err(Error::invalid(format!("the {what} is not named"))
                .with_remedy(format!("name its channel with --{name}")));
        }
    }
    Ok(())
}

const SCL: Levels = 1;
const SDA: Levels = 2;

#[derive(Default)]
pub(super) struct I2c {
    channel: u32,
    /// Behind a start and before a stop.
    busy: bool,
    /// What the next byte is, from the start before it.
    flags: u32,
    /// The direction of the transfer.
    read: u32,
    /// Bits of the byte under way, how many, and where the first was.
    bits: u32,
    count: u32,
    first: u64,
    /// The byte before: the end of its last clock is still to come, and a stop.
    last: Option<Place>,
    /// Its last clock is high.
    open: bool,
    end: u64,
    cut: u64,
}

impl I2c {
    fn bit(&mut self, frame: u64, high: bool) {
        if self.count == 0 {
            self.first = frame;
        }
        self.bits = self.bits << 1 | u32::from(high);
        self.count += 1;
    }

    /// The ninth bit has been taken at `frame`.
    fn byte(&mut self, frame: u64, found: &mut Found) {
        let byte = self.bits >> 1;
        let mut flags = self.flags | if self.bits & 1 == 0 { ACK } else { 0 };
        let value = if flags & ADDRESS != 0 {
            self.read = if byte & 1 == 1 { READ } else { 0 };
            byte >> 1
        } else {
            byte
        };
        flags |= self.read;
        self.hand_over(found);
        let end = (frame + 1).min(self.end);
        self.last = Some(Place { channel: self.channel, flags, start: self.first, end, value: f64::from(value) });
        self.open = true;
        (self.bits, self.count, self.flags) = (0, 0, 0);
    }

    fn hand_over(&mut self, found: &mut Found) {
        if let Some(place) = self.last.take() {
            found.push(place);
        }
    }
}

impl Decoder for I2c {
    fn start(&mut self, _: u64, end: u64, _: Levels, _: &mut Found) {
        *self = Self { channel: self.channel, cut: self.cut, end, ..Self::default() };
    }

    fn change(&mut self, frame: u64, levels: Levels, changed: Levels, found: &mut Found) {
        let (clock, data) = (levels & SCL != 0, levels & SDA != 0);
        if changed & SCL != 0 {
            if clock && self.busy {
                self.bit(frame, data);
                if self.count == 9 {
                    self.byte(frame, found);
                }
            } else if !clock
                && std::mem::take(&mut self.open)
                && let Some(last) = &mut self.last
            {
                last.end = frame;
            }
        } else if clock && !data {
            // The clock that is high now was taken for a bit; more than it are lost.
            self.cut += u64::from(self.count > 1);
            self.hand_over(found);
            self.flags = ADDRESS | if self.busy { REPEATED } else { START };
            (self.busy, self.open, self.bits, self.count) = (true, false, 0, 0);
        } else if clock {
            self.cut += u64::from(self.busy && self.count > 1);
            if self.busy
                && let Some(last) = &mut self.last
            {
                last.flags |= STOP;
            }
            self.hand_over(found);
            (self.busy, self.open, self.bits, self.count) = (false, false, 0, 0);
        }
    }

    fn stop(&mut self, _: u64, found: &mut Found) {
        self.hand_over(found);
        self.cut += u64::from(self.count > 1);
        self.count = 0;
    }
}

/// A decoder whose places are on `channel`.
pub(super) fn of_channel(channel: u32) -> I2c {
    I2c { channel, ..I2c::default() }
}

fn run(request: &Request<'_>) -> Result<Report> {
    let input = &Input::of(request);
    let settings = input.settings;
    check_settings(settings)?;
    let stream = input.selection.stream_in(input.source.recording())?;
    let names = ["scl", "sda"].map(|role| (role, lines::given(settings, role).unwrap_or_default()));
    let lines = Lines::new(input, &names, false)?;
    let mut i2c = of_channel(lines.list[1].channel as u32);
    let outcome = |cut: u64| Outcome {
        noun: "byte",
        fields: FIELDS,
        label: |place, _| label(place),
        bytes: |place, out| {
            if place.flags & ADDRESS == 0 {
                out.push(place.value as u8);
            }
        },
        json: serde_json::json!({ "cut": cut }),
        notes: if cut > 0 {
            vec![format!("bytes cut off by a start, a stop, a gap or the end, and left out: {cut}")]
        } else {
            vec![]
        },
    };
    let mut found = Found::new(input.task.budget(), settings.integer("limit"))?;
    let mut clock = PublishClock::default();
    let changes = pass(input, &lines, &mut i2c, &mut found, &mut |so_far| {
        if clock.is_due()
            && let Ok(report) = report(input, &lines, &mut so_far.glimpse(), outcome(0))
        {
            (request.publish)(report);
        }
    })?;
    for (line, changes) in lines.list.iter().zip(changes) {
        if changes == 0 {
            return Err(silent(input, stream, line));
        }
    }
    let mut report = report(input, &lines, &mut found, outcome(i2c.cut))?;
    if found.count() == 0 {
        report.notes.push("no start was seen: check that --scl and --sda are not the wrong way round".to_owned());
    }
    Ok(report)
}
