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
    assert_eq!(clock.spans, [(0, 0), (61, 62)].map(|(first_frame, first_tick)| ClockSpan { first_frame, first_tick }));
    assert_eq!(clock.warnings[0].at, Some(50));
    // A reset of the controller, and a gap behind it.
    let packets = list((4_000_000..4_000_050).chain(0..20).chain(25..40));
    let clock = find(&packets, 30_000.0);
    assert_eq!(clock.spans, [(0, 0), (70, 75)].map(|(first_frame, first_tick)| ClockSpan { first_frame, first_tick }));
    assert!(clock.warnings[0].text.contains("starts again"));
    // One damaged counter that bisection meets.
    let mut packets = list((0..20).chain(25..100));
    packets.counters[47] = Some(0x8000_0000);
    let clock = find(&packets, 30_000.0);
    assert_eq!(clock.spans, [(0, 0), (20, 25)].map(|(first_frame, first_tick)| ClockSpan { first_frame, first_tick }));
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
