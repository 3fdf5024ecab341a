//! Recordings with known faults; what is found must be those, whatever the chunks.

use std::io::Write as _;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::source::OpenOptions;

const RATE: u32 = 1000;
const START_NS: i64 = 1_700_000_000_000_000_000;

fn xml(clock: bool) -> String {
    let device = if clock { r#"<Device name="SysClock" numBytes="8"/>"# } else { "" };
    format!(
        r#"<Configuration><HardwareConfiguration samplingRate="{RATE}" numChannels="2">{device}</HardwareConfiguration>
<SpikeConfiguration chanPerChip="2"><SpikeNTrode id="1" spikeScalingToUv="1"><SpikeChannel hwChan="0"/><SpikeChannel hwChan="1"/></SpikeNTrode></SpikeConfiguration></Configuration>
"#
    )
}

/// A file in the making: the next counter, and what must be found.
struct Made {
    bytes: Vec<u8>,
    counter: u32,
    frame: u64,
    clock: bool,
    ns: i64,
}

impl Made {
    fn new(counter: u32, clock: bool) -> Self {
        Self { bytes: xml(clock).into_bytes(), counter, frame: 0, clock, ns: START_NS }
    }

    fn packet(&mut self, sync: u8, counter: u32) {
        self.bytes.push(sync);
        if self.clock {
            let jitter = (self.frame as i64 * 48_271) % 999_983;
            self.bytes.extend((self.ns + jitter).to_le_bytes());
        }
        self.bytes.extend(counter.to_le_bytes());
        let sample = (self.frame as i32 * 7919 % 20_001 - 10_000) as i16;
        self.bytes.extend(sample.to_le_bytes());
        self.bytes.extend((-sample).to_le_bytes());
        self.frame += 1;
    }

    fn run(&mut self, packets: u32) {
        for _ in 0..packets {
            self.packet(SYNC, self.counter);
            self.counter = self.counter.wrapping_add(1);
            self.ns += 1_000_020;
        }
    }

    fn open(&self) -> Arc<dyn Source> {
        let mut file = tempfile::Builder::new().suffix(".rec").tempfile().unwrap();
        file.write_all(&self.bytes).unwrap();
        crate::source::open(file.path(), &OpenOptions::default(), &Task::unattended()).unwrap()
    }
}

fn checked(source: &dyn Source) -> Report {
    check(source, source.recording().default_stream(), &Task::unattended()).unwrap()
}

/// Kind, places, amount and first frame of each finding.
fn found(report: &Report) -> Vec<(Kind, u64, u64, u64)> {
    report.findings.iter().map(|f| (f.kind, f.places, f.amount, f.first.first().map_or(0, |p| p.frame))).collect()
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Drop(u32),
    Twice(u32),
    Back(u32),
    Reset(u32),
    Unsynced(u32),
    Damaged(u32),
}

fn faults() -> impl Strategy<Value = Vec<(u32, Fault)>> {
    let fault = prop_oneof![
        (1_u32..100_000).prop_map(Fault::Drop),
        (1_u32..4).prop_map(Fault::Twice),
        (2_u32..900).prop_map(Fault::Back),
        (5_000_u32..1_000_000).prop_map(Fault::Reset),
        (1_u32..30).prop_map(Fault::Unsynced),
        (1_u32..16).prop_map(Fault::Damaged),
    ];
    prop::collection::vec((40_u32..900, fault), 0..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_fault_is_found_where_it_is_whatever_the_chunks(
        start in any::<u32>(), faults in faults(), tail in 40_u32..9000,
    ) {
        let mut made = Made::new(start, false);
        // Kind → places, amount, first frame.
        let mut expected: Vec<(Kind, u64, u64, u64)> = Vec::new();
        let mut expect = |kind: Kind, amount: u64, frame: u64| match expected.iter_mut().find(|e| e.0 == kind) {
            Some(e) => (e.1, e.2) = (e.1 + 1, e.2 + amount),
            None => expected.push((kind, 1, amount, frame)),
        };
        for (run, fault) in faults {
            made.run(run);
            match fault {
                Fault::Drop(n) => {
                    made.counter = made.counter.wrapping_add(n);
                    expect(Kind::Dropped, u64::from(n), made.frame);
                }
                Fault::Twice(n) => {
                    for _ in 0..n {
                        expect(Kind::Duplicated, 1, made.frame);
                        made.packet(SYNC, made.counter.wrapping_sub(1));
                    }
                }
                Fault::Back(n) => {
                    made.counter = made.counter.wrapping_sub(n);
                    expect(Kind::Backward, u64::from(n - 1), made.frame);
                }
                Fault::Reset(n) => {
                    made.counter = made.counter.wrapping_sub(n);
                    expect(Kind::Reset, u64::from(n), made.frame);
                }
                Fault::Unsynced(n) => {
                    expect(Kind::WrongSync, u64::from(n), made.frame);
                    for i in 0..n {
                        made.packet(0x54, i * 77);
                        made.counter = made.counter.wrapping_add(1);
                    }
                }
                Fault::Damaged(n) => {
                    expect(Kind::DamagedCounter, u64::from(n), made.frame);
                    for _ in 0..n {
                        made.packet(SYNC, made.counter ^ 0x4000_0000);
                        made.counter = made.counter.wrapping_add(1);
                    }
                }
            }
        }
        made.run(tail);
        let cut = made.frame % 5;
        made.bytes.extend(vec![SYNC; cut as usize]);
        if cut > 0 {
            expect(Kind::Cut, cut, made.frame);
        }
        let source = made.open();
        let report = checked(&*source);
        let order = |kind: Kind| kind as u8;
        let mut seen = found(&report);
        seen.sort_by_key(|f| order(f.0));
        expected.sort_by_key(|f| order(f.0));
        prop_assert_eq!(seen, expected);
        // Every place with its byte.
        for place in report.findings.iter().flat_map(|f| &f.first) {
            prop_assert_eq!(place.byte, Some(xml(false).len() as u64 + place.frame * 9));
        }
        let selection = Selection::all(source.recording(), 0);
        for (chunk_frames, threads) in [(64, 3), (1024, 1), (1 << 20, 2)] {
            let plan = ChunkPlan { chunk_frames, threads };
            let again = check_planned(&*source, &selection, &plan, &Task::unattended()).unwrap();
            prop_assert_eq!(&again, &report);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_is_lost_is_found_at_opening_as_by_reading_all(
        start in any::<u32>(),
        runs in prop::collection::vec((1_u32..3000, prop_oneof![1_u32..4, 1_u32..200_000_000]), 0..40),
        clock in any::<bool>(),
    ) {
        let mut made = Made::new(start, clock);
        for &(run, lost) in &runs {
            made.run(run);
            made.counter = made.counter.wrapping_add(lost);
            made.ns += i64::from(lost) * 1_000_020;
        }
        made.run(50);
        let source = made.open();
        let gaps: Vec<(u64, u64)> =
            source.recording().streams[0].time.gaps().map(|g| (g.after_frame + 1, g.missing_frames)).collect();
        let mut frame = 0;
        let expected: Vec<(u64, u64)> = runs
            .iter()
            .map(|&(run, lost)| {
                frame += u64::from(run);
                (frame, u64::from(lost))
            })
            .collect();
        prop_assert_eq!(&gaps, &expected);
        let report = checked(&*source);
        prop_assert_eq!(report.packets.as_ref().map(|p| p.unseen_gaps), Some(0));
        let lost: u64 = expected.iter().map(|g| g.1).sum();
        let dropped = found(&report);
        if expected.is_empty() {
            prop_assert_eq!(dropped, []);
        } else {
            prop_assert_eq!(dropped, [(Kind::Dropped, expected.len() as u64, lost, expected[0].0)]);
        }
        // The counter wraps every 2³² ticks.
        let ticks = u64::from(start) + lost + made.frame - 1;
        prop_assert_eq!(report.packets.map(|p| p.wraps), Some(ticks >> 32));
    }
}

#[test]
fn a_sound_recording_is_clean_and_a_wrap_is_no_fault() {
    let mut made = Made::new(u32::MAX - 700, true);
    made.run(20_000);
    let report = checked(&*made.open());
    assert_eq!(report.findings, [], "{report:?}");
    assert!(report.is_clean());
    let packets = report.packets.unwrap();
    assert_eq!((packets.packets, packets.wraps, packets.cut_bytes, packets.unseen_gaps), (20_000, 1, 0, 0));
    let clock = report.clock.unwrap();
    assert!((clock.drift_ppm - 20.0).abs() < 5.0 * clock.drift_error_ppm.max(0.02), "{clock:?}");
    assert!((clock.fit.residual_rms_ns - 288_675.0).abs() < 5_000.0 && clock.fit.points == 20_000, "{clock:?}");
}

#[test]
fn the_exact_line_is_that_of_the_check() {
    let mut made = Made::new(5, true);
    made.run(9000);
    made.counter += 500;
    made.ns += 500 * 1_000_020;
    made.run(70_000);
    let source = made.open();
    let report = checked(&*source);
    let fit = fit_clock(&*source, &Task::unattended()).unwrap().unwrap();
    assert_eq!(report.clock.unwrap().fit, fit);
    assert!((fit.drift_ppm(1000.0) - 20.0).abs() < 0.1, "{fit:?}");
    assert!((fit.unix_ns_at_tick_0 - i128::from(START_NS + 500_000)).abs() < 10_000, "{fit:?}");
    let without = Made::new(5, false);
    assert_eq!(fit_clock(&*without.open(), &Task::unattended()).unwrap(), None);
}

#[test]
fn clocks_that_drift_or_jump_are_told() {
    let mut made = Made::new(5, true);
    for _ in 0..30 {
        made.run(1000);
        made.ns += 1_000_000;
    }
    let report = checked(&*made.open());
    assert_eq!(found(&report), [(Kind::Drift, 1, 1, 0)], "{report:?}");
    let mut made = Made::new(5, true);
    made.run(20_000);
    made.ns += 7_000_000_000;
    made.run(100);
    made.ns -= 7_000_000_000;
    made.run(20_000);
    let report = checked(&*made.open());
    assert_eq!(found(&report), [(Kind::ClockStrays, 100, 100, 20_000)]);
    assert!((report.clock.unwrap().drift_ppm - 20.0).abs() < 1.0);
}

#[test]
fn what_opening_cannot_see_is_told() {
    let mut made = Made::new(0, false);
    made.run(5_000);
    made.counter -= 3;
    made.run(4_000);
    made.counter += 3;
    made.run(5_000);
    let source = made.open();
    assert_eq!(source.recording().streams[0].time.gaps().len(), 0);
    let report = checked(&*source);
    assert_eq!(found(&report), [(Kind::Dropped, 1, 3, 9_000), (Kind::Backward, 1, 2, 5_000)]);
    assert_eq!(report.packets.unwrap().unseen_gaps, 1);
    let empty = checked(&*Made::new(0, false).open());
    assert_eq!(found(&empty), [(Kind::Empty, 1, 0, 0)]);
}

#[test]
fn dead_and_clipped_channels_of_any_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.bin");
    let rows = (0..5000_i32).flat_map(|i| {
        let noise = (i * 7919 % 2003 - 1000) as i16;
        let clipped = if (2000..2010).contains(&i) || i == 4000 { i16::MAX } else { noise };
        let stuck = if (1000..3000).contains(&i) { 5 } else { noise };
        [noise, 7, clipped, stuck].map(i16::to_le_bytes).concat()
    });
    std::fs::write(&path, rows.collect::<Vec<u8>>()).unwrap();
    let options = OpenOptions {
        format: Some("raw".into()),
        sample_type: Some(SampleType::I16),
        channel_count: Some(4),
        rate_hz: Some(1000.0),
        gaps: Some(vec![[99, 5], [199, 6]]),
        ..OpenOptions::default()
    };
    let source = crate::source::open(&path, &options, &Task::unattended()).unwrap();
    let report = checked(&*source);
    assert_eq!(found(&report), [(Kind::Gap, 2, 11, 100), (Kind::Flat, 1, 5000, 0), (Kind::Clipped, 1, 11, 2000)]);
    assert_eq!(report.channels[3].longest_constant, Some((2000, 1000)));
    assert_eq!((report.channels[2].longest_clipped, report.channels[2].at_highest), (10, 11));
    assert!(report.packets.is_none() && report.clock.is_none() && report.channels[0].longest_constant.is_none());
    // The least budget is enough.
    let small = Task::new(crate::budget::MemoryBudget::new(crate::budget::MIN_LIMIT_BYTES), 4);
    assert_eq!(check(&*source, 0, &small).unwrap(), report);
    let stopped = Task::unattended();
    stopped.cancel();
    assert!(check(&*source, 0, &stopped).unwrap_err().is_cancelled());
    assert!(check(&*source, 1, &Task::unattended()).is_err());
}
