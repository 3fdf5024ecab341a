//! The packet counter: where packets are missing, found without reading the file.
//!
//! Each packet carries a 32-bit counter that goes up by one a sample and wraps. As long as nothing is lost,
//! `counter − packet number` is constant; so two packets with the same difference have nothing missing between them
//! (or as much missing as repeated, which no reader can see without reading everything), and two with different ones
//! are bisected until they are neighbours. Cost: two probes where nothing is missing, `log2(packets)` more for each
//! gap, each probe one page of the file.
//!
//! Counters that go backwards (a packet written twice, a controller that was reset, a damaged packet) are not time:
//! [`assemble`] keeps the clock going forwards and says what it did. Where packets carry a system clock too, it decides
//! about steps of more than a second: a counter that was reset, or a gap longer than the counter can tell (19.9 hours at
//! 30 kHz). What bisection cannot see: a gap and an equally
//! long step back between two probes with the same difference; `longwave check` reads all
//! packets and finds it.

use super::step::{Missing, missing_by_clock};
use crate::recording::{ClockSpan, Warning};

/// Gaps that are kept at most: 1.6 MB of spans. A recording with more has lost its radio link, not some packets.
pub(super) const MAX_GAPS: usize = 100_000;
/// Probes at most; each may cost a page fault or a disk seek.
const MAX_PROBES: u64 = 4_000_000;
/// Counters of this many packets in a row may be damaged before the clock believes them.
const GLITCH_FRAMES: u64 = 16;
/// Single warnings about the clock, before they are summed up.
const MAX_WARNINGS: usize = 8;

/// The packets as far as the clock needs them.
pub(super) trait Packets {
    /// How many there are.
    fn count(&self) -> u64;
    /// The counter of packet `index`; `None` if the bytes there are no packet.
    fn counter(&self, index: u64) -> Option<u32>;
    /// Byte offset of packet `index` in the file.
    fn byte_of(&self, index: u64) -> u64;
    /// What a system clock says in packet `index`, nanoseconds since the Unix epoch, if there is one.
    fn system_ns(&self, _index: u64) -> Option<i64> {
        None
    }
    /// Whether the user has stopped opening.
    fn is_stopped(&self) -> bool {
        false
    }
}

/// What the counters say.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Clock {
    pub spans: Vec<ClockSpan>,
    pub warnings: Vec<Warning>,
}

/// A change of `counter − index` between packets `frame - 1` and `frame`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Step {
    frame: u64,
    ticks: i64,
}

/// A packet whose counter was read.
#[derive(Clone, Copy)]
struct Probe {
    index: u64,
    counter: u32,
}

impl Probe {
    /// Ticks missing between here and `later`, modulo 2³².
    fn missing(self, later: Self) -> u32 {
        later.counter.wrapping_sub(self.counter).wrapping_sub((later.index - self.index) as u32)
    }
}

/// Finds the gaps of a recording. `rate_hz` tells small steps back (less than a second) from a reset.
pub(super) fn find(packets: &impl Packets, rate_hz: f64) -> Clock {
    let mut warnings = Warnings::default();
    let steps = ends(packets, &mut warnings).map_or_else(Vec::new, |(a, b)| steps(packets, a, b, &mut warnings));
    let spans = assemble(packets, &steps, rate_hz, &mut warnings);
    Clock { spans, warnings: warnings.finish() }
}

/// The first and the last packet with a counter.
fn ends(packets: &impl Packets, warnings: &mut Warnings) -> Option<(Probe, Probe)> {
    let count = packets.count();
    let probe = |index: u64| packets.counter(index).map(|counter| Probe { index, counter });
    let first = probe(0)?;
    if let Some(last) = probe(count - 1) {
        return Some((first, last));
    }
    // A file that was made longer than what was written into it (a crash): bisect for where the packets end.
    let (mut good, mut bad) = (first, count - 1);
    while bad - good.index > 1 {
        let middle = good.index + (bad - good.index) / 2;
        match probe(middle) {
            Some(p) => good = p,
            None => bad = middle,
        }
    }
    warnings.add(packets.byte_of(bad), || {
        format!(
            "from here to the end ({} frames) there are no packets: the recording may have been cut off",
            count - bad
        )
    });
    Some((first, good))
}

/// Every change between two probes, in order.
fn steps(packets: &impl Packets, first: Probe, last: Probe, warnings: &mut Warnings) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut probes = 0_u64;
    // Intervals still to be looked at, the earliest on top; at most two for each halving.
    let mut waiting = vec![(first, last)];
    let mut given_up = false;
    while let Some((a, b)) = waiting.pop() {
        let missing = a.missing(b);
        if missing == 0 {
            continue;
        }
        // As a signed number, because it may be a step back.
        let whole = Step { frame: b.index, ticks: i64::from(missing.cast_signed()) };
        if b.index - a.index == 1 {
            steps.push(whole);
            continue;
        }
        if steps.len() >= MAX_GAPS || probes >= MAX_PROBES || packets.is_stopped() {
            if !given_up {
                warnings.add(packets.byte_of(a.index), || {
                    format!("more than {MAX_GAPS} stretches of packets are missing; behind this place only some are placed exactly")
                });
            }
            given_up = true;
            steps.push(whole);
            continue;
        }
        let (middle, used) = between(packets, a, b);
        probes += used;
        match middle {
            Some(middle) => {
                waiting.push((middle, b));
                waiting.push((a, middle));
            }
            None => {
                warnings.add(packets.byte_of(a.index + 1), || {
                    format!(
                        "{} packets are damaged here and {} are missing among them; they are taken to be missing behind",
                        b.index - a.index - 1,
                        whole.ticks
                    )
                });
                steps.push(whole);
            }
        }
    }
    steps
}

/// A packet with a counter between `a` and `b`: the middle one, else one near it at doubling distances, else the edges
/// of the damage around the middle.
fn between(packets: &impl Packets, a: Probe, b: Probe) -> (Option<Probe>, u64) {
    let middle = a.index + (b.index - a.index) / 2;
    let mut used = 0;
    let mut look = |index: u64| {
        used += 1;
        packets.counter(index).map(|counter| Probe { index, counter })
    };
    let mut found = look(middle);
    let mut step = 1;
    while found.is_none() && step < b.index - a.index {
        let below = middle.checked_sub(step).filter(|&i| i > a.index);
        let above = middle.checked_add(step).filter(|&i| i < b.index);
        found = below.and_then(&mut look).or_else(|| above.and_then(&mut look));
        step *= 2;
    }
    for sound in [a, b] {
        let (mut edge, mut damaged) = (sound, middle);
        while found.is_none() && edge.index.abs_diff(damaged) > 1 {
            let between = edge.index.midpoint(damaged);
            match look(between) {
                Some(probe) => edge = probe,
                None => damaged = between,
            }
        }
        if found.is_none() && edge.index != sound.index {
            found = Some(edge);
        }
    }
    (found, used)
}

/// Spans that only go forwards.
fn assemble(packets: &impl Packets, steps: &[Step], rate_hz: f64, warnings: &mut Warnings) -> Vec<ClockSpan> {
    let mut spans = vec![ClockSpan { first_frame: 0, first_tick: 0 }];
    // Ticks that the clock is ahead of the counter, after packets that were written twice.
    let mut ahead = 0_i64;
    let mut i = 0;
    while let Some(&Step { frame, ticks }) = steps.get(i) {
        i += 1;
        // A counter that jumps and jumps back within a few packets is damaged, not time.
        if let Some(next) = steps.get(i)
            && next.ticks == -ticks
            && next.frame - frame <= GLITCH_FRAMES
        {
            warnings.add(packets.byte_of(frame), || {
                format!("the counters of {} packets do not fit the others and are ignored", next.frame - frame)
            });
            i += 1;
            continue;
        }
        if let Some(missing) = missing_by_clock(ticks, elapsed_ticks(packets, frame, rate_hz), rate_hz) {
            if let Missing::Reset(by_clock) = missing {
                warnings.add(packets.byte_of(frame), || {
                    format!(
                        "the packet counter starts again here; by the system clock {:.3} s passed, and the gap is as long",
                        by_clock as f64 / rate_hz
                    )
                });
            }
            ahead = 0;
            let (Missing::Counted(missing) | Missing::Reset(missing)) = missing;
            skip(&mut spans, frame, missing);
            continue;
        }
        if ticks < 0 {
            if (-ticks) as f64 <= rate_hz {
                ahead += -ticks;
                warnings.add(packets.byte_of(frame), || {
                    format!(
                        "the packet counter goes back by {} here (packets written twice?); the clock goes on",
                        -ticks
                    )
                });
            } else {
                ahead = 0;
                warnings.add(packets.byte_of(frame), || {
                    format!(
                        "the packet counter starts again here (it goes back by {}); how much time has passed is not known, the clock goes on without a gap",
                        -ticks
                    )
                });
            }
            continue;
        }
        let caught_up = ahead.min(ticks);
        ahead -= caught_up;
        skip(&mut spans, frame, (ticks - caught_up) as u64);
    }
    spans
}

/// Begins a new span at `frame`, `missing` ticks later than the old one would have it.
fn skip(spans: &mut Vec<ClockSpan>, frame: u64, missing: u64) {
    if missing > 0 {
        // The last span is never empty: steps lie at different frames, the first at frame 1 or later.
        let last = spans[spans.len() - 1];
        let first_tick = last.first_tick + (frame - last.first_frame) + missing;
        spans.push(ClockSpan { first_frame: frame, first_tick });
    }
}

/// The time between the packets `frame - 1` and `frame` by the system clock, in ticks.
fn elapsed_ticks(packets: &impl Packets, frame: u64, rate_hz: f64) -> Option<f64> {
    let before = super::system_clock::plausible(packets, frame.checked_sub(1)?)?;
    let after = super::system_clock::plausible(packets, frame)?;
    Some((after - before) as f64 / 1e9 * rate_hz)
}

/// The first few warnings word by word, the rest as a number.
#[derive(Default)]
struct Warnings {
    list: Vec<Warning>,
    more: usize,
}

impl Warnings {
    fn add(&mut self, at: u64, text: impl FnOnce() -> String) {
        if self.list.len() < MAX_WARNINGS {
            self.list.push(Warning::at(at, text()));
        } else {
            self.more += 1;
        }
    }

    fn finish(mut self) -> Vec<Warning> {
        if self.more > 0 {
            self.list
                .push(Warning::new(format!("{} further places where the packet counter is not regular", self.more)));
        }
        self.list
    }
}

#[cfg(test)]
mod tests;
