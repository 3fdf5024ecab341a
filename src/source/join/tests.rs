use proptest::prelude::*;

use super::timeline::{Known, place};
use super::*;
use crate::recording::{Channel, ClockFit, ClockSpan, SampleFormat, SampleType, Scale, Stream};
use crate::source::MemorySource;

const RATE_HZ: f64 = 1000.0;
const START_NS: i128 = 1_700_000_000_123_000_000;

/// Sample of channel `c` in frame `f`.
fn sample(f: u64, c: usize) -> i16 {
    (f as i16).wrapping_mul(31).wrapping_add(7000 * c as i16)
}

/// Frames `frames` of a recording with the clock `time`, as one that begins there.
fn cut(time: &TimeBase, frames: Range<u64>, channels: usize, started: bool) -> Arc<dyn Source> {
    let n = frames.end - frames.start;
    let first_tick = time.tick_of_frame(frames.start);
    let mut spans = vec![ClockSpan { first_frame: 0, first_tick: 0 }];
    spans.extend(
        time.spans()
            .iter()
            .filter(|s| s.first_frame > frames.start && s.first_frame < frames.end)
            .map(|s| ClockSpan { first_frame: s.first_frame - frames.start, first_tick: s.first_tick - first_tick }),
    );
    let mut own = TimeBase::with_spans(RATE_HZ, spans);
    if started {
        own = own.starting_at(time.unix_ns_of_tick(first_tick).unwrap());
    }
    let stream = Stream {
        name: "data".to_owned(),
        format: SampleFormat::native(SampleType::I16),
        time: own,
        frames: n,
        channels: (0..channels).map(Channel::numbered).collect(),
    };
    let recording = Recording {
        name: format!("part at {}", frames.start),
        format: "raw",
        streams: vec![stream],
        ..Recording::default()
    };
    let samples = (0..channels).flat_map(|c| frames.clone().map(move |f| sample(f, c))).collect();
    Arc::new(MemorySource::new(recording, vec![Samples::I16(samples)]).unwrap())
}

fn frames_of(source: &dyn Source, frames: Range<u64>, channels: &[usize]) -> Vec<i16> {
    let mut block = Block::default();
    source.read(0, frames, channels, &mut block).unwrap();
    let Samples::I16(v) = block.samples() else { panic!("the samples are i16") };
    v.clone()
}

fn known(name: &str, end_tick: u64, counters: Option<(u32, u32)>, start_ns: Option<i128>) -> Known {
    Known { name: name.to_owned(), end_tick, counters, start_unix_ns: start_ns }
}

fn placed(files: &[Known], rate_hz: f64) -> (Vec<(u64, PlacedBy)>, Vec<String>) {
    let mut warnings = Vec::new();
    let placed = place(files, &TimeBase::regular(rate_hz), None, &mut warnings);
    (placed, warnings.into_iter().map(|w| w.text).collect())
}

proptest! {
    #[test]
    fn any_split_is_the_whole(
        kept in prop::collection::vec((1_u64..60, 1_u64..5000), 0..6),
        tail in 1_u64..60,
        cuts in prop::collection::vec(0_u64..500, 0..6),
        ranges in prop::collection::vec((0_u64..500, 0_u64..500), 8),
    ) {
        let mut spans = vec![ClockSpan { first_frame: 0, first_tick: 0 }];
        let (mut frames, mut tick) = (0, 0);
        for (n, missing) in kept {
            frames += n;
            tick += n + missing;
            spans.push(ClockSpan { first_frame: frames, first_tick: tick });
        }
        frames += tail;
        let time = TimeBase::with_spans(RATE_HZ, spans).starting_at(START_NS);
        let mut edges: Vec<u64> = cuts.into_iter().map(|c| c.min(frames)).chain([0, frames]).collect();
        edges.sort_unstable();
        // Equal edges make parts without frames, which are as good as others.
        let parts = edges.windows(2).map(|w| cut(&time, w[0]..w[1], 3, true)).collect();
        let joined = JoinedSource::new("whole", parts).unwrap();
        let stream = &joined.recording().streams[0];
        prop_assert_eq!(&stream.time, &time);
        prop_assert_eq!(stream.frames, frames);
        prop_assert!(joined.recording().warnings.is_empty(), "{:?}", joined.recording().warnings);
        for (a, b) in ranges {
            let (a, b) = (a.min(frames), b.min(frames));
            let range = a.min(b)..a.max(b);
            let expected: Vec<i16> = [2, 0].iter().flat_map(|&c| range.clone().map(move |f| sample(f, c))).collect();
            prop_assert_eq!(frames_of(&joined, range, &[2, 0]), expected);
        }
        for part in joined.parts() {
            prop_assert_eq!(part.first_tick, if part.frames > 0 { time.tick_of_frame(part.first_frame) } else { part.end_tick });
        }
    }

    #[test]
    fn any_clocks_make_a_time_line(
        files in prop::collection::vec(
            (0_u64..1 << 40, prop::option::of((any::<u32>(), any::<u32>())), prop::option::of(any::<i64>())), 1..12
        ),
        rate_hz in 1e-3..1e7,
    ) {
        let files: Vec<Known> =
            files.into_iter().map(|(ticks, counters, start)| known("f", ticks, counters, start.map(i128::from))).collect();
        let (placed, _) = placed(&files, rate_hz);
        let mut end = 0;
        for (file, (tick, _)) in files.iter().zip(placed) {
            prop_assert!(tick >= end);
            end = tick + file.end_tick;
        }
    }
}

#[test]
fn a_counter_places_to_the_tick_and_wraps() {
    let second = 1_000_000_000_i128;
    // The clocks are in whole seconds and run 20 ppm fast: the counter knows better.
    let files = [
        known("a", 30_000, Some((u32::MAX - 29_999, u32::MAX)), Some(0)),
        known("b", 30_000, Some((0, 29_999)), Some(second)),
        known("c", 30_000, Some((89_999, 119_998)), Some(4 * second)),
        // Two wraps of the counter later.
        known("d", 10, Some((119_999, 120_008)), Some(4 * second + 2 * (143_165_576_533_333 + 1_000_000))),
        // Started again: only the clock is left.
        known("e", 10, Some((5, 14)), Some(400_000 * second)),
    ];
    let (list, warnings) = placed(&files, 30_000.0);
    let wraps = 2_u64 << 32;
    assert_eq!(
        list,
        [
            (0, PlacedBy::First),
            (30_000, PlacedBy::Counter),
            (119_999, PlacedBy::Counter),
            (149_999 + wraps, PlacedBy::Counter),
            (
                149_999
                    + wraps
                    + ((400_000 * second - 4 * second - 2 * 143_165_577_533_333) as f64 * 3e-5).round() as u64,
                PlacedBy::Clock
            )
        ]
    );
    assert!(warnings.iter().all(|w| w.contains("days")), "{warnings:?}");
}

#[test]
fn what_overlaps_or_goes_backwards_is_laid_end_to_end_and_told() {
    let second = 1_000_000_000_i128;
    let (list, warnings) = placed(
        &[
            known("a", 1000, None, Some(0)),
            // A millisecond early: rounding of start times.
            known("b", 1000, None, Some(second - 1_000_000)),
            known("c", 1000, None, Some(second + second / 2)),
            known("d", 1000, None, Some(-second)),
            known("e", 1000, None, None),
        ],
        1000.0,
    );
    let ticks: Vec<u64> = list.iter().map(|p| p.0).collect();
    assert_eq!(ticks, [0, 1000, 2000, 3000, 4000]);
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(warnings[0].contains("c begins 0.500 s before b ends"), "{warnings:?}");
    assert!(warnings[1].contains("d begins before c"), "{warnings:?}");
    assert!(warnings[2].contains("not known of e"), "{warnings:?}");
    // A clock that was set, and a counter that goes on regardless.
    let files: Vec<Known> =
        (0..5_u32).map(|i| known(&format!("f{i}"), 1000, Some((1000 * i, 1000 * i + 999)), Some(0))).collect();
    let (list, warnings) = placed(&files, 1000.0);
    assert!(list[1..].iter().zip(1..).all(|(p, i)| *p == (1000 * i, PlacedBy::Counter)), "{list:?}");
    assert!(warnings.is_empty(), "within what clocks may differ: {warnings:?}");
    let files: Vec<Known> =
        (0..5_u32).map(|i| known(&format!("f{i}"), 9000, Some((9000 * i, 9000 * i + 8999)), Some(0))).collect();
    let (list, warnings) = placed(&files, 1000.0);
    assert!(list[1..].iter().zip(1..).all(|(p, i)| *p == (9000 * i, PlacedBy::Counter)), "{list:?}");
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("f1 (and of 3 more files) is off by 9.000 s"), "{warnings:?}");
    // Many files in disorder are not told one by one.
    let files: Vec<Known> = (0..50_i128).map(|i| known(&format!("f{i}"), 9000, None, Some(-i * second))).collect();
    let (_, warnings) = placed(&files, 1000.0);
    assert_eq!(warnings.len(), 4, "{warnings:?}");
    assert!(warnings[3].contains("46 further"), "{warnings:?}");
    // The same packets twice.
    let (list, warnings) =
        placed(&[known("a", 1000, Some((0, 999)), Some(0)), known("b", 1000, Some((990, 1989)), Some(second))], 1000.0);
    assert_eq!(list[1], (1000, PlacedBy::Counter));
    assert!(warnings[0].contains("0.010 s before a ends, by their packet counters"), "{warnings:?}");
}

#[test]
fn without_start_times_files_are_laid_end_to_end() {
    let time = TimeBase::regular(RATE_HZ).starting_at(START_NS);
    let parts = [0..10, 10..25, 25..30].map(|r| cut(&time, r, 1, false));
    let joined = JoinedSource::new("x", parts.to_vec()).unwrap();
    let recording = joined.recording();
    assert_eq!((recording.streams[0].frames, recording.streams[0].time.spans().len()), (30, 1));
    assert_eq!(recording.warnings.len(), 1);
    assert!(recording.warnings[0].text.contains("part at 10, part at 25"), "{:?}", recording.warnings);
    assert_eq!(joined.parts().iter().map(|p| p.placed_by).collect::<Vec<_>>()[1..], [PlacedBy::Order; 2]);
}

#[test]
fn different_streams_are_an_error_that_names_the_difference() {
    let time = TimeBase::regular(RATE_HZ).starting_at(START_NS);
    let first = cut(&time, 0..10, 2, true);
    let with = |change: &dyn Fn(&mut Recording)| {
        let mut recording = cut(&time, 10..20, 2, true).recording().clone();
        change(&mut recording);
        let n = recording.streams[0].samples() as usize;
        let samples = if recording.streams[0].format.sample_type == SampleType::I16 {
            Samples::I16(vec![0; n])
        } else {
            Samples::F32(vec![0.0; n])
        };
        let other: Arc<dyn Source> = Arc::new(MemorySource::new(recording, vec![samples]).unwrap());
        JoinedSource::new("x", vec![Arc::clone(&first), other]).map(drop).map_err(|e| e.to_string())
    };
    with(&|r| r.streams[0].name = "other".to_owned()).expect("a single stream is called after its file");
    let error = |change: &dyn Fn(&mut Recording), part: &str| {
        let text = with(change).unwrap_err();
        assert!(text.contains(part) && text.contains("part at 0") && text.contains("part at 10"), "{part}: {text}");
    };
    error(&|r| r.format = "npy", "format raw, the other npy");
    error(&|r| r.streams[0].format = SampleFormat::native(SampleType::F32), "i16");
    error(&|r| r.streams[0].time = TimeBase::regular(500.0), "1000 Hz in the first and 500 Hz");
    error(&|r| r.streams[0].time = TimeBase::frames_only(), "only one tells the rate");
    error(&|r| drop(r.streams[0].channels.pop()), "2 channels in the first and 1");
    error(&|r| r.streams[0].channels[1].id = "7".to_owned(), "id of channel 1 of 'data' is '1' in the first and '7'");
    error(&|r| r.streams[0].channels[1].scale = Scale { gain: 0.5, offset: 0.0 }, "gain of channel 1");
    error(&|r| r.streams[0].channels[0].unit = "V".to_owned(), "unit of channel 0");
    error(
        &|r| {
            r.events.push(EventTrack { name: "din".to_owned(), description: String::new(), events: None });
        },
        "only the second has the event track 'din'",
    );
    assert!(JoinedSource::new("x", Vec::new()).is_err());
}

#[test]
fn what_is_not_there_is_an_error() {
    let time = TimeBase::regular(RATE_HZ).starting_at(START_NS);
    let joined = JoinedSource::new("x", vec![cut(&time, 0..10, 2, true), cut(&time, 10..20, 2, true)]).unwrap();
    let mut block = Block::default();
    assert!(joined.read(1, 0..1, &[0], &mut block).is_err());
    assert!(joined.read(0, 0..21, &[0], &mut block).is_err());
    assert!(joined.read(0, 0..20, &[2], &mut block).is_err());
    assert!(joined.read_events(0, 0.0..1.0, &mut Vec::new()).is_err());
    joined.read(0, 20..20, &[0, 1], &mut block).unwrap();
    assert_eq!((block.frames(), block.channels()), (0, 2));
    joined.read(0, 5..15, &[], &mut block).unwrap();
    assert_eq!((block.frames(), block.channels()), (10, 0));
    assert!(joined.flat_at(0, 0).is_none() && joined.flat_at(0, 20).is_none() && joined.flat_at(3, 0).is_none());
    joined.check_files().unwrap();
}

#[test]
fn system_clocks_of_the_files_make_one_line() {
    let start = 1_700_000_000_000_000_000_i128;
    let ns_per_tick = 1e6 * (1.0 + 40e-6);
    let fitted = |first_tick: u64, frames: u64| {
        let fit =
            ClockFit { points: 32, residual_rms_ns: 3e5, residual_max_ns: 9e5, ..ClockFit::nominal(start, RATE_HZ) };
        let fit = ClockFit { ns_per_tick, ..fit };
        let here = ClockFit { unix_ns_at_tick_0: fit.unix_ns_of_tick(first_tick), ..fit };
        let time = TimeBase::regular(RATE_HZ).fitted_to(here);
        let stream = Stream {
            name: "data".to_owned(),
            format: SampleFormat::native(SampleType::I16),
            time,
            frames,
            channels: vec![Channel::numbered(0)],
        };
        let recording = Recording { name: format!("at {first_tick}"), streams: vec![stream], ..Recording::default() };
        let samples = vec![Samples::I16(vec![0; frames as usize])];
        Arc::new(MemorySource::new(recording, samples).unwrap()) as Arc<dyn Source>
    };
    // 100 s, a gap of 1000 s, 50 s, a gap, 200 s: placed by their clocks, whose seconds are not those of the samples.
    let places = [(0, 100_000), (1_100_000, 50_000), (9_000_000, 200_000)];
    let joined = JoinedSource::new("x", places.iter().map(|&(tick, frames)| fitted(tick, frames)).collect()).unwrap();
    let firsts: Vec<u64> = joined.parts().iter().map(|p| p.first_tick).collect();
    assert_eq!(firsts, places.map(|(tick, _)| tick));
    let time = &joined.recording().streams[0].time;
    let fit = time.fit().unwrap();
    assert!((fit.drift_ppm(RATE_HZ) - 40.0).abs() < 1e-3 && fit.points == 96, "{fit:?}");
    for tick in [0, 99_999, 1_100_000, 9_199_999] {
        let exact = start + (tick as f64 * ns_per_tick).round() as i128;
        assert!((time.unix_ns_of_tick(tick).unwrap() - exact).abs() < 1000, "{tick}");
    }
    assert!((fit.residual_rms_ns - 3e5).abs() < 1e3 && (fit.residual_max_ns - 9e5).abs() < 1e4, "{fit:?}");
}
