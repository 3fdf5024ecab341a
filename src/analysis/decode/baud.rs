//! Finding out the baud rate.
//!
//! Between two changes of the line lie whole bits, so the shortest stretches are single bits, unless they are glitches: the
//! few shortest lengths that at least one in a hundred of the stretches has (as good as) are tried, each refined by a line
//! through all stretches of up to ten bits. It may also be that no single bit occurs, as when only zeros are sent; so a
//! half, a third, … of each length are tried as well. Each candidate, moved to the usual rate within [`SNAP`] of it if
//! there is one, decodes the stretches, and the one with the fewest errors is taken; of equals the shortest length, then a
//! usual rate, then the slowest.

use super::lines::Lines;
use super::pass::{Found, pass};
use super::receiver::{Shape, Uart};
use super::{Decoder, Input, Levels};
use crate::error::{Error, Result};

/// Changes that are looked at.
const MOST: usize = 1 << 15;
/// Rates that are likelier than others: of serial ports and terminals, MIDI, DMX and microcontrollers.
const USUAL: [f64; 40] = [
    50.0, 75.0, 110.0, 134.5, 150.0, 200.0, 300.0, 600.0, 1200.0, 1800.0, 2400.0, 4800.0, 7200.0, 9600.0, 14_400.0,
    19_200.0, 28_800.0, 31_250.0, 38_400.0, 57_600.0, 74_880.0, 76_800.0, 100_000.0, 115_200.0, 128_000.0, 153_600.0,
    230_400.0, 250_000.0, 256_000.0, 460_800.0, 500_000.0, 576_000.0, 921_600.0, 1e6, 1.152e6, 1.5e6, 2e6, 2.5e6, 3e6,
    4e6,
];
/// How far from a usual rate it may be measured, as a share.
const SNAP: f64 = 0.02;
/// Lengths that are tried,
const SHORTEST: usize = 4;
/// and the bits that a stretch of such a length may be of.
const SHORTEST_BITS: u32 = 9;

/// What was found out.
pub(super) struct Measured {
    pub(super) baud: f64,
    /// All changes of the line, if there are no more than were looked at: there is no need to look again.
    pub(super) whole: Option<Record>,
}

/// The baud rate of the line, or `None` if it never changes.
///
/// # Errors
/// What reading fails with; if the line changes, but not often enough.
pub(super) fn find(input: &Input<'_>, lines: &Lines, shape: &Shape) -> Result<Option<Measured>> {
    let stream = input.selection.stream_in(input.source.recording())?;
    let rate = stream.time.rate_hz();
    let _held = input.task.budget().reserve((MOST * (size_of::<Event>() + size_of::<u64>())) as u64)?;
    let mut record = Record::default();
    let mut found = Found::new(input.task.budget(), u64::MAX)?;
    let changes = pass(input, lines, &mut record, &mut found, &mut |_| {})?;
    if changes == [0] {
        return Ok(None);
    }
    let Some(baud) = of_stretches(&record, rate, shape) else {
        return Err(Error::invalid("the line changes too seldom here, or too fast, to tell the baud rate")
            .with_remedy("give it with --baud"));
    };
    let whole = found.stopped().is_none().then_some(record);
    Ok(Some(Measured { baud, whole }))
}

/// What the decoder was told.
#[derive(Clone, Copy)]
enum Event {
    Start { frame: u64, end: u64, levels: Levels },
    Change { frame: u64, levels: Levels },
    Stop { frame: u64 },
}

/// Writes down the changes of a line.
#[derive(Default)]
pub(super) struct Record {
    events: Vec<Event>,
    stretches: Vec<u64>,
    last: Option<u64>,
}

impl Decoder for Record {
    fn start(&mut self, frame: u64, end: u64, levels: Levels, _: &mut Found) {
        self.events.push(Event::Start { frame, end, levels });
        self.last = None;
    }

    fn change(&mut self, frame: u64, levels: Levels, _: Levels, found: &mut Found) {
        if self.events.len() + 1 >= MOST {
            found.stop();
            return;
        }
        self.events.push(Event::Change { frame, levels });
        if let Some(last) = self.last.replace(frame) {
            self.stretches.push(frame - last);
        }
    }

    fn stop(&mut self, frame: u64, _: &mut Found) {
        self.events.push(Event::Stop { frame });
    }
}

impl Record {
    /// Tells `decoder` what was told to this one.
    pub(super) fn replay(&self, decoder: &mut dyn Decoder, found: &mut Found) {
        for event in &self.events {
            match *event {
                Event::Start { frame, end, levels } => decoder.start(frame, end, levels, found),
                Event::Change { frame, levels } => decoder.change(frame, levels, 1, found),
                Event::Stop { frame } => decoder.stop(frame, found),
            }
        }
    }
}

fn of_stretches(record: &Record, rate: f64, shape: &Shape) -> Option<f64> {
    let mut sorted = record.stretches.clone();
    sorted.sort_unstable();
    let mut best: Option<(Score, f64)> = None;
    for (length, shortest) in lengths(&sorted).enumerate() {
        for parts in 1..=SHORTEST_BITS {
            let bit = refined(&sorted, shortest / f64::from(parts));
            if bit < 2.0 {
                break;
            }
            let measured = rate / bit;
            let apart = |usual: &f64| (usual / measured - 1.0).abs();
            let usual = USUAL.iter().copied().min_by(|a, b| apart(a).total_cmp(&apart(b)));
            let snapped = usual.filter(|usual| apart(usual) <= SNAP && *usual <= rate / 2.0);
            let baud = snapped.unwrap_or(measured);
            let errors = errors(record, rate / baud, shape);
            let score = Score { errors, length, unusual: snapped.is_none(), parts };
            if best.as_ref().is_none_or(|(least, _)| score < *least) {
                best = Some((score, baud));
            }
        }
    }
    best.map(|(_, baud)| baud)
}

/// How bad a candidate is: errors in a thousand bytes, then what is less likely.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Score {
    errors: u64,
    length: usize,
    unusual: bool,
    parts: u32,
}

/// The lengths of the shortest stretches of which there are enough, each the mean of those that are as good as equal.
fn lengths(sorted: &[u64]) -> impl Iterator<Item = f64> {
    let wanted = (sorted.len() / 100).max(if sorted.len() < 8 { 1 } else { 2 });
    let mut rest = sorted;
    std::iter::from_fn(move || {
        while let Some(&least) = rest.first() {
            let alike = rest.partition_point(|&n| n <= least + least / 4 + 1);
            let (these, longer) = rest.split_at(alike);
            rest = longer;
            if these.len() >= wanted {
                return Some(these.iter().sum::<u64>() as f64 / these.len() as f64);
            }
        }
        None
    })
    .take(SHORTEST)
}

/// The length of a bit, from all stretches of up to ten bits: first of the short ones, which are told apart surely.
fn refined(sorted: &[u64], mut bit: f64) -> f64 {
    for most in [1.5, 3.5, 10.5] {
        let (mut products, mut squares) = (0.0, 0.0);
        for &stretch in &sorted[..sorted.partition_point(|&n| n as f64 <= most * bit)] {
            let bits = (stretch as f64 / bit).round();
            products += bits * stretch as f64;
            squares += bits * bits;
        }
        if squares > 0.0 {
            bit = products / squares;
        }
    }
    bit
}

/// Errors in a thousand bytes if a bit is so many frames long; as many as there can be if there is no byte.
fn errors(record: &Record, bit: f64, shape: &Shape) -> u64 {
    let mut uart = Uart::new(shape.clone(), bit, 0);
    let mut count = Found::counting();
    record.replay(&mut uart, &mut count);
    let troubles = uart.troubles;
    // Breaks among them: at too high a rate every few zeros look like one.
    let wrong = troubles.framing + troubles.parity + troubles.false_starts;
    let bytes = count.count() + troubles.false_starts;
    (wrong * 1000).checked_div(bytes).unwrap_or(1000)
}
