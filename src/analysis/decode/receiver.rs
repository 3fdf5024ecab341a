//! The receiver of a UART: from changes of the line to bytes, see [`super::uart`].

use super::pass::Found;
use super::{Decoder, Levels};
use crate::analysis::Place;
use crate::form::Settings;

/// A stop bit was not there.
pub(super) const FRAMING: u32 = 1;
/// The parity bit is wrong.
pub(super) const PARITY: u32 = 2;
/// The line stayed low.
pub(super) const BREAK: u32 = 4;

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
    pub(super) fn of(settings: &Settings) -> Self {
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
    fn start(&mut self, _: u64, end: u64, levels: Levels, _: &mut Found) {
        self.level = levels & 1 == 1;
        // What was low before anybody looked is no break: it may be how the line idles.
        (self.low_since, self.under_way, self.last, self.end) = (None, None, None, end);
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
