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
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::*;

    /// Counters in memory; `None` is a damaged packet.
    struct List {
        counters: Vec<Option<u32>>,
        probes: Cell<u64>,
    }

    impl Packets for List {
        fn count(&self) -> u64 {
            self.counters.len() as u64
        }
        fn counter(&self, index: u64) -> Option<u32> {
            self.probes.set(self.probes.get() + 1);
            self.counters[index as usize]
        }
        fn byte_of(&self, index: u64) -> u64 {
            index
        }
    }

    fn list(counters: impl IntoIterator<Item = u32>) -> List {
        List { counters: counters.into_iter().map(Some).collect(), probes: Cell::new(0) }
    }

    /// The same by looking at every packet.
    fn full_scan(counters: &[Option<u32>]) -> Vec<ClockSpan> {
        let mut spans = vec![ClockSpan { first_frame: 0, first_tick: 0 }];
        let mut tick = 0;
        for (i, pair) in counters.windows(2).enumerate() {
            let step = u64::from(pair[1].unwrap().wrapping_sub(pair[0].unwrap()));
            tick += step;
            if step > 1 {
                spans.push(ClockSpan { first_frame: i as u64 + 1, first_tick: tick });
            }
        }
        spans
    }

    proptest! {
        #[test]
        fn any_pattern_of_drops_is_found_as_by_a_full_scan(
            start in any::<u32>(),
            kept in prop::collection::vec((1_u32..300, 1_u32..1_000_000), 0..40),
            tail in 1_u32..500,
        ) {
            let mut counters = Vec::new();
            let mut counter = start;
            for &(frames, missing) in &kept {
                for _ in 0..frames {
                    counters.push(counter);
                    counter = counter.wrapping_add(1);
                }
                counter = counter.wrapping_add(missing);
            }
            counters.extend((0..tail).map(|i| counter.wrapping_add(i)));
            let packets = list(counters);
            let clock = find(&packets, 30_000.0);
            prop_assert_eq!(&clock.spans, &full_scan(&packets.counters));
            prop_assert!(clock.warnings.is_empty());
            let depth = u64::from(packets.count().ilog2()) + 2;
            prop_assert!(packets.probes.get() <= 2 + kept.len() as u64 * 2 * depth);
        }

        #[test]
        fn steps_either_way_that_do_not_cancel_out_are_found_as_by_a_full_scan(
            start in any::<u32>(),
            kept in prop::collection::vec((20_u32..300, prop_oneof![3 => 1_i64..1_000_000, 2 => -25_000_i64..0]), 0..30),
            tail in 20_u32..500,
        ) {
            // What comes back to where it was cannot be seen from both its sides.
            let mut offsets = vec![0_i64];
            offsets.extend(kept.iter().scan(0, |sum, &(_, ticks)| {
                *sum += ticks;
                Some(*sum)
            }));
            offsets.sort_unstable();
            prop_assume!(offsets.windows(2).all(|w| w[0] != w[1]));
            let (mut counters, mut steps) = (Vec::new(), Vec::new());
            let mut counter = start;
            for (frames, ticks) in kept.into_iter().chain([(tail, 0)]) {
                counters.extend((0..frames).map(|i| counter.wrapping_add(i)));
                counter = counter.wrapping_add(frames).wrapping_add(ticks as u32);
                if ticks != 0 {
                    steps.push(Step { frame: counters.len() as u64, ticks });
                }
            }
            let packets = list(counters);
            let mut warnings = Warnings::default();
            let spans = assemble(&packets, &steps, 30_000.0, &mut warnings);
            prop_assert_eq!(find(&packets, 30_000.0), Clock { spans, warnings: warnings.finish() });
        }

        #[test]
        fn any_counters_give_a_clock_that_goes_forwards(
            counters in prop::collection::vec(prop_oneof![3 => any::<u32>().prop_map(Some), 1 => Just(None)], 0..200),
            runs in 1_usize..20,
        ) {
            let counters: Vec<Option<u32>> = counters
                .iter()
                .flat_map(|c| (0..runs as u32).map(move |i| c.map(|c| c.wrapping_add(i))))
                .collect();
            let count = counters.len() as u64;
            let packets = List { counters, probes: Cell::new(0) };
            if count > 0 {
                let clock = find(&packets, 30_000.0);
                // `with_spans` asserts the order in debug builds.
                let time = crate::recording::TimeBase::with_spans(30_000.0, clock.spans.clone());
                prop_assert!(time.end_tick(count) >= count);
                prop_assert!(clock.spans.iter().all(|s| s.first_frame < count));
            }
        }
    }

    #[test]
    fn regular_counters_cost_two_probes() {
        let packets = list((0..100_000_u32).map(|i| (u32::MAX - 500).wrapping_add(i)));
        assert_eq!(find(&packets, 30_000.0).spans.len(), 1);
        assert_eq!(packets.probes.get(), 2);
    }

    #[test]
    fn steps_back_are_told_and_do_not_stop_the_clock() {
        // A packet written twice, then one dropped: the clock is right again behind both.
        let packets = list((0..50).chain(49..60).chain(61..103));
        let clock = find(&packets, 30_000.0);
        // Net zero: invisible between the ends.
        assert_eq!(clock.spans.len(), 1);
        let packets = list((0..50).chain(49..60).chain(62..103));
        let clock = find(&packets, 30_000.0);
        assert_eq!(
            clock.spans,
            [(0, 0), (61, 62)].map(|(first_frame, first_tick)| ClockSpan { first_frame, first_tick })
        );
        assert_eq!(clock.warnings[0].at, Some(50));
        // A reset of the controller, and a gap behind it.
        let packets = list((4_000_000..4_000_050).chain(0..20).chain(25..40));
        let clock = find(&packets, 30_000.0);
        assert_eq!(
            clock.spans,
            [(0, 0), (70, 75)].map(|(first_frame, first_tick)| ClockSpan { first_frame, first_tick })
        );
        assert!(clock.warnings[0].text.contains("starts again"));
        // One damaged counter that bisection meets.
        let mut packets = list((0..20).chain(25..100));
        packets.counters[47] = Some(0x8000_0000);
        let clock = find(&packets, 30_000.0);
        assert_eq!(
            clock.spans,
            [(0, 0), (20, 25)].map(|(first_frame, first_tick)| ClockSpan { first_frame, first_tick })
        );
        assert_eq!(clock.warnings.len(), 1);
    }

    /// Counters with a system clock beside them.
    struct Clocked(Vec<(u32, i64)>);

    impl Packets for Clocked {
        fn count(&self) -> u64 {
            self.0.len() as u64
        }
        fn counter(&self, index: u64) -> Option<u32> {
            Some(self.0[index as usize].0)
        }
        fn byte_of(&self, index: u64) -> u64 {
            index
        }
        fn system_ns(&self, index: u64) -> Option<i64> {
            Some(self.0[index as usize].1)
        }
    }

    #[test]
    fn the_system_clock_tells_resets_from_gaps() {
        // At 1 kHz; `(counter, seconds)` at which stretches of 50 packets begin.
        let spans = |starts: &[(u32, f64)]| {
            let packets = starts.iter().flat_map(|&(counter, secs)| {
                (0..50_u32).map(move |i| {
                    let jitter = i64::from(i * 7919 % 1000) * 1000;
                    let ns = (secs * 1e9) as i64 + i64::from(i) * 1_000_000 + jitter;
                    (counter.wrapping_add(i), 1_700_000_000_000_000_000 + ns)
                })
            });
            let clock = find(&Clocked(packets.collect()), 1000.0);
            let missing: Vec<u64> = clock.spans.windows(2).map(|w| w[1].first_tick - w[0].first_tick - 50).collect();
            (missing, clock.warnings.len())
        };
        // A gap of an hour is what the counter says, to the tick.
        assert_eq!(spans(&[(7, 0.0), (7 + 3_600_050, 3600.05)]), (vec![3_600_000], 0));
        // A longer one than 2³² ticks, of which the counter shows only the rest.
        let (missing, warnings) = spans(&[(0, 0.0), (50_u32.wrapping_add(5), 4_294_967.296 + 0.055)]);
        assert_eq!((missing, warnings), (vec![5 + (1 << 32)], 0));
        // One of more than 2³¹ looks like a step back.
        assert_eq!(spans(&[(0, 0.0), (3_000_000_050, 3_000_000.05)]), (vec![3_000_000_000], 0));
        // A reset that looks like a gap of weeks, with ten seconds between.
        let (missing, warnings) = spans(&[(3_900_000_000, 0.0), (0, 10.05)]);
        assert!(missing.len() == 1 && missing[0].abs_diff(10_000) <= 2 && warnings == 1, "{missing:?}");
        // And one that looks like a step back.
        let (missing, warnings) = spans(&[(1_000_000, 0.0), (0, 10.05)]);
        assert!(missing.len() == 1 && missing[0].abs_diff(10_000) <= 2 && warnings == 1, "{missing:?}");
        // At once: nothing to be seen but the counter itself.
        assert_eq!(spans(&[(1_000_000, 0.0), (0, 0.05)]), (vec![], 1));
    }

    #[test]
    fn holes_are_not_counters() {
        let counters = |range: std::ops::Range<u32>| range.map(Some).collect::<Vec<_>>();
        // A hole in the middle and nothing missing: not even looked at.
        let hole = [counters(0..10), vec![None; 80], counters(90..100)].concat();
        let packets = List { counters: hole, probes: Cell::new(0) };
        let clock = find(&packets, 30_000.0);
        assert_eq!((clock.spans.len(), clock.warnings.len(), packets.probes.get()), (1, 0, 2));
        // Something missing in the hole: placed behind it, and said.
        let hole = [counters(0..10), vec![None; 80], counters(95..100)].concat();
        let clock = find(&List { counters: hole, probes: Cell::new(0) }, 30_000.0);
        assert_eq!(clock.spans[1], ClockSpan { first_frame: 90, first_tick: 95 });
        assert_eq!(clock.warnings.len(), 1);
        // No packets at the end.
        let tail = [counters(0..10), counters(12..20), vec![None; 30]].concat();
        let clock = find(&List { counters: tail, probes: Cell::new(0) }, 30_000.0);
        assert_eq!(clock.spans[1], ClockSpan { first_frame: 10, first_tick: 12 });
        assert_eq!(clock.warnings[0].at, Some(18));
    }

    #[test]
    fn too_many_gaps_are_bounded() {
        let packets = list((0..MAX_GAPS as u32 * 3).map(|i| i * 2));
        let clock = find(&packets, 30_000.0);
        assert!(clock.spans.len() <= MAX_GAPS + 64);
        assert_eq!(clock.warnings.len(), 1);
        // The end is where it belongs.
        let last = clock.spans[clock.spans.len() - 1];
        let end = packets.count() - 1;
        assert_eq!(last.first_tick + (end - last.first_frame), 2 * end);
    }
}
