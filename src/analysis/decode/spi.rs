//! SPI: a clock, one or two lines of data, and a line that selects the device.
//!
//! Data are taken at the rising edge of the clock in modes 0 and 3, at the falling one in modes 1 and 2 (mode = 2 · CPOL +
//! CPHA); where data change in the same frame, what they are from it on counts. While the device is not selected nothing
//! counts, and whenever the select line changes a new word begins. Without one, words begin with the first edge of the
//! clock (and behind a gap). A word reaches from its first such edge to one bit behind its last, as sigrok has it
//! (`tests/decode.rs` compares with its `spi`).

use super::lines::{self, Lines};
use super::pass::{Found, pass};
use super::{Decoder, HYSTERESIS, Input, LIMIT, Levels, Outcome, THRESHOLD, report, silent};
use crate::analysis::{Analysis, Cell, Field, Place, PublishClock, Report, Request};
use crate::error::{Error, Result};
use crate::form::{Kind, Parameter, Settings};

/// A line by its name, as every decoder of several lines has them.
const fn line(name: &'static str, title: &'static str, help: &'static str) -> Parameter {
    Parameter { name, title, help, kind: Kind::Channel, default: "" }
}

pub(super) const ANALYSIS: Analysis = Analysis {
    name: "spi",
    title: "SPI",
    about: "Decode the words on an SPI bus, from digital or analog channels",
    example: "longwave decode spi capture.npy --rate 10000000 --clk 0 --mosi 1 --miso 2 --cs 3 --mode 0 -o words.csv",
    parameters: &[
        line("clk", "Clock", "The clock: a channel (index, id or name), CHANNEL:BIT, or a digital line of the file"),
        line("mosi", "MOSI", "What the master sends [default: not looked at]"),
        line("miso", "MISO", "What the device sends [default: not looked at]"),
        line("cs", "Select", "Selects the device [default: it always is]"),
        Parameter {
            name: "mode",
            title: "Mode",
            help: "2 if the clock idles high, plus 1 if data are taken at its second edge",
            kind: Kind::Choice(&["0", "1", "2", "3"]),
            default: "0",
        },
        Parameter {
            name: "word-size",
            title: "Word size",
            help: "Bits of a word",
            kind: Kind::Integer { min: 2, max: 32 },
            default: "8",
        },
        Parameter {
            name: "bit-order",
            title: "Bit order",
            help: "The bit that comes first: the most (msb) or the least significant (lsb)",
            kind: Kind::Choice(&["msb", "lsb"]),
            default: "msb",
        },
        Parameter {
            name: "cs-polarity",
            title: "Select level",
            help: "The level of the select line at which the device listens",
            kind: Kind::Choice(&["low", "high"]),
            default: "low",
        },
        THRESHOLD,
        HYSTERESIS,
        LIMIT,
    ],
    file_types: &["csv", "bin"],
    check: check_settings,
    run,
};

/// The word is of MISO,
const MISO: u32 = 1;
/// and there is one of MOSI besides.
const BOTH: u32 = 2;
/// How many bytes it has, times this.
const BYTES: u32 = 0x100;

const FIELDS: &[Field] = &[
    Field::START_SECS,
    Field::END_SECS,
    Field {
        name: "line",
        cell: |place, _| Cell::Text(if place.flags & MISO == 0 { "mosi" } else { "miso" }.to_owned()),
    },
    Field { name: "value", cell: |place, _| Cell::Integer(place.value as i128) },
];

/// The words of MOSI, or of MISO where MOSI is not looked at, the most significant byte first.
fn bytes(place: &Place, out: &mut Vec<u8>) {
    if place.flags & (MISO | BOTH) != MISO | BOTH {
        let count = (place.flags / BYTES).clamp(1, 4) as usize;
        out.extend(&(place.value as u32).to_be_bytes()[4 - count..]);
    }
}

fn check_settings(settings: &Settings) -> Result<()> {
    if lines::given(settings, "clk").is_none() {
        return Err(Error::invalid("the clock is not named").with_remedy("name its channel with --clk"));
    }
    if lines::given(settings, "mosi").or(lines::given(settings, "miso")).is_none() {
        return Err(Error::invalid("no line of data is named").with_remedy("name one with --mosi, --miso or both"));
    }
    Ok(())
}

struct Spi {
    /// The places of the lines; the clock is line 0.
    mosi: Option<u32>,
    miso: Option<u32>,
    select: Option<u32>,
    /// The channels of the words.
    channels: [u32; 2],
    /// Data are taken when the clock rises.
    rising: bool,
    word_size: u32,
    msb_first: bool,
    selected_high: bool,
    /// Of the word under way: its bits so far, its first frame and that of the bit before.
    count: u32,
    words: [u32; 2],
    first: u64,
    last: u64,
    end: u64,
    /// Words that were not complete when the device was no longer selected, or the data ended.
    cut: u64,
}

impl Spi {
    fn forget(&mut self) {
        self.cut += u64::from(self.count > 0);
        self.count = 0;
        self.words = [0; 2];
    }

    fn bit(&mut self, frame: u64, levels: Levels, found: &mut Found) {
        if self.count == 0 {
            self.first = frame;
        }
        let place = if self.msb_first { self.word_size - 1 - self.count } else { self.count };
        for (word, line) in self.words.iter_mut().zip([self.mosi, self.miso]) {
            *word |= line.map_or(0, |line| u32::from(levels >> line & 1)) << place;
        }
        self.count += 1;
        let before = std::mem::replace(&mut self.last, frame);
        if self.count < self.word_size {
            return;
        }
        let end = frame.saturating_add(frame - before).min(self.end).max(frame + 1);
        let both = if self.mosi.is_some() && self.miso.is_some() { BOTH } else { 0 };
        let size = self.word_size.div_ceil(8) * BYTES;
        for (i, line) in [self.mosi, self.miso].into_iter().enumerate() {
            if line.is_some() {
                let flags = size | both | if i == 1 { MISO } else { 0 };
                let value = f64::from(self.words[i]);
                found.push(Place { channel: self.channels[i], flags, start: self.first, end, value });
            }
        }
        self.count = 0;
        self.words = [0; 2];
    }
}

impl Decoder for Spi {
    fn start(&mut self, _: u64, end: u64, _: Levels, _: &mut Found) {
        self.count = 0;
        self.words = [0; 2];
        self.end = end;
    }

    fn change(&mut self, frame: u64, levels: Levels, changed: Levels, found: &mut Found) {
        if let Some(select) = self.select {
            if changed >> select & 1 == 1 {
                self.forget();
            }
            if (levels >> select & 1 == 1) != self.selected_high {
                return;
            }
        }
        if changed & 1 == 1 && (levels & 1 == 1) == self.rising {
            self.bit(frame, levels, found);
        }
    }

    fn stop(&mut self, _: u64, _: &mut Found) {
        self.forget();
    }
}

/// Words of four bits of line 1, selected by line 2.
#[cfg(test)]
pub(super) fn for_tests() -> impl Decoder {
    Spi {
        mosi: Some(1),
        miso: None,
        select: Some(2),
        channels: [1, 0],
        rising: true,
        word_size: 4,
        msb_first: true,
        selected_high: false,
        count: 0,
        words: [0; 2],
        first: 0,
        last: 0,
        end: 0,
        cut: 0,
    }
}

fn run(request: &Request<'_>) -> Result<Report> {
    let input = &Input::of(request);
    let settings = input.settings;
    check_settings(settings)?;
    let stream = input.selection.stream_in(input.source.recording())?;
    let names = ["clk", "mosi", "miso", "cs"].map(|role| (role, lines::given(settings, role)));
    let names: Vec<(&'static str, String)> = names.into_iter().filter_map(|(role, name)| Some((role, name?))).collect();
    let lines = Lines::new(input, &names, false)?;
    let place = |role: &str| lines.list.iter().position(|line| line.role == role).map(|i| i as u32);
    let channel = |role: &str| place(role).map_or(0, |i| lines.list[i as usize].channel as u32);
    let mut spi = Spi {
        mosi: place("mosi"),
        miso: place("miso"),
        select: place("cs"),
        channels: [channel("mosi"), channel("miso")],
        rising: ["0", "3"].contains(&settings.text("mode")),
        word_size: settings.integer("word-size").clamp(2, 32) as u32,
        msb_first: settings.text("bit-order") == "msb",
        selected_high: settings.text("cs-polarity") == "high",
        count: 0,
        words: [0; 2],
        first: 0,
        last: 0,
        end: 0,
        cut: 0,
    };
    let outcome = |cut: u64| Outcome {
        noun: "word",
        fields: FIELDS,
        label: |place, _| format!("0x{:0width$X}", place.value as u32, width = 2 * (place.flags / BYTES) as usize),
        bytes,
        json: serde_json::json!({ "mode": settings.integer("mode"), "cut": cut }),
        notes: if cut > 0 {
            vec![format!("words cut off by the select line, a gap or the end, and left out: {cut}")]
        } else {
            vec![]
        },
    };
    let mut found = Found::new(input.task.budget(), settings.integer("limit"))?;
    let mut clock = PublishClock::default();
    let changes = pass(input, &lines, &mut spi, &mut found, &mut |so_far| {
        if clock.is_due()
            && let Ok(report) = report(input, &lines, &mut so_far.glimpse(), outcome(0))
        {
            (request.publish)(report);
        }
    })?;
    if changes.first() == Some(&0) {
        return Err(silent(input, stream, &lines.list[0]));
    }
    let mut report = report(input, &lines, &mut found, outcome(spi.cut))?;
    if found.count() == 0 {
        report
            .notes
            .push("the clock runs, but there is no whole word: check --cs, --cs-polarity and --mode".to_owned());
    }
    Ok(report)
}
