//! Every search against the plainest one, sample by sample: in any chunks, on any number of threads, with the summary and
//! without, across gaps and past values that are no numbers.

use std::sync::Arc;

use proptest::prelude::*;

use super::ground::hunt_planned;
use super::*;
use crate::budget::MemoryBudget;
use crate::recording::{Channel, ClockSpan, Recording, SampleFormat, Samples, Scale, Stream, TimeBase};
use crate::scan::ChunkPlan;
use crate::source::{MemorySource, Source};
use crate::summary::{SidecarPolicy, Summary};
use crate::task::Task;

const SCALE: Scale = Scale { gain: -0.5, offset: 3.0 };

/// One channel of values that stand still and jump, with NaN among them, on a clock with a gap at `gap` if it is inside.
fn source(stored: &[f32], gap: u64) -> Arc<dyn Source> {
    let frames = stored.len() as u64;
    let mut spans = vec![ClockSpan { first_frame: 0, first_tick: 0 }];
    if gap > 0 && gap < frames {
        spans.push(ClockSpan { first_frame: gap, first_tick: gap + 7 });
    }
    let recording = Recording {
        name: "test".to_owned(),
        format: "memory",
        streams: vec![Stream {
            name: "s".to_owned(),
            format: SampleFormat::native(SampleType::F32),
            time: TimeBase::with_spans(1000.0, spans),
            frames,
            channels: vec![Channel { scale: SCALE, ..Channel::numbered(0) }],
        }],
        ..Recording::default()
    };
    Arc::new(MemorySource::new(recording, vec![Samples::F32(stored.to_vec())]).unwrap())
}

fn physical(stored: f32) -> f64 {
    SCALE.apply(f64::from(stored))
}

/// Long stretches of nothing, short ones of everything.
fn signals() -> impl Strategy<Value = Vec<f32>> {
    let value = prop_oneof![6 => -4_i8..4, 1 => Just(i8::MAX), 1 => Just(i8::MIN)];
    let length = prop_oneof![5 => 1_usize..6, 3 => 1_usize..300, 1 => 3000_usize..9000];
    prop::collection::vec((value, length), 1..40).prop_map(|stretches| {
        let of = |(x, n): (i8, usize)| {
            let x = if x == i8::MIN { f32::NAN } else { f32::from(x) };
            std::iter::repeat_n(x, n)
        };
        stretches.into_iter().flat_map(of).take(30_000).collect()
    })
}

/// How a search is done: chunk size, threads, with the summary or without.
type Way = (u32, usize, bool);

fn ways() -> impl Strategy<Value = Way> {
    (5_u32..15, 1_usize..4, any::<bool>())
}

fn search<S: Seeker>(
    source: &Arc<dyn Source>,
    frames: std::ops::Range<u64>,
    seeker: &S,
    way: Way,
    limit: u64,
) -> Vec<Place> {
    let (log_chunk, threads, tiles) = way;
    let task = Task::new(MemoryBudget::new(64 << 20), threads);
    let selection = Selection { stream: 0, channels: vec![0], frames };
    let summary = tiles.then(|| {
        let summary = Summary::open(Arc::clone(source), 0, task.budget(), &SidecarPolicy::Off).unwrap();
        summary.build(&task).unwrap();
        summary
    });
    let ground = Ground {
        source: source.as_ref(),
        stream: &source.recording().streams[0],
        selection: &selection,
        summary: summary.as_ref(),
        task: &task,
    };
    let mut keeper = Keeper::new(limit, End::First, &task).unwrap();
    let plan = ChunkPlan { chunk_frames: 1 << log_chunk, threads };
    hunt_planned(&ground, seeker, &plan, &mut keeper, &mut |_| {}).unwrap();
    keeper.finish()
}

/// The runs of `frames` for which `side` says the same, cut at the gap, at least `least` long.
fn runs_by_hand(
    frames: std::ops::Range<u64>,
    gap: u64,
    least: u64,
    side: impl Fn(u64) -> Option<i64>,
) -> Vec<(u64, u64)> {
    let mut all: Vec<(u64, u64, i64)> = Vec::new();
    for i in frames {
        match (side(i), all.last_mut()) {
            (Some(s), Some(last)) if last.1 == i && last.2 == s && i != gap => last.1 += 1,
            (Some(s), _) => all.push((i, i + 1, s)),
            (None, _) => {}
        }
    }
    all.into_iter().filter(|r| r.1 - r.0 >= least).map(|r| (r.0, r.1)).collect()
}

fn spans(places: &[Place]) -> Vec<(u64, u64)> {
    places.iter().map(|p| (p.start, p.end)).collect()
}

/// A part of the signal: most of the time all of it.
fn part(len: usize, from: usize, to: usize) -> std::ops::Range<u64> {
    let (from, to) = (from.min(len), len.saturating_sub(to));
    if from < to { from as u64..to as u64 } else { 0..len as u64 }
}

#[test]
fn what_lies_before_the_selection_decides_no_edge_in_it() {
    // Low, between the two, low, high: the selection begins between the two, in a bucket of the summary that is low.
    let values = [(3000, 1.0_f32), (1096, 6.0), (4096, 1.0), (4096, 11.0)];
    let stored: Vec<f32> = values.iter().flat_map(|&(n, x)| std::iter::repeat_n((x - 3.0) / -0.5, n)).collect();
    let seeker = edges::Edges { low: vec![4.0], high: vec![8.0], rising: true, falling: true };
    for tiles in [false, true] {
        let found = search(&source(&stored, 0), 3500..12_288, &seeker, (14, 1, tiles), u64::MAX);
        assert_eq!(spans(&found), [(8192, 8193)], "tiles {tiles}");
    }
}

#[test]
fn a_tile_that_is_not_there_is_told_as_one_that_holds_everything() {
    let source = source(&[1.0; 100], 0);
    let task = Task::unattended();
    let summary = Summary::open(Arc::clone(&source), 0, task.budget(), &SidecarPolicy::Off).unwrap();
    let mut told = Vec::new();
    let ask = |bucket: &crate::summary::Bucket| {
        told.push((bucket.frames.clone(), bucket.extremes.min, bucket.extremes.max, bucket.is_finest));
        false
    };
    let pieces: Vec<_> = summary.candidates(&[0], 10..90, crate::summary::Depth::Descend, 0, ask).collect();
    assert_eq!((pieces.len(), pieces[0].clone()), (1, 10..90));
    assert_eq!(told, [(0..100, f64::NEG_INFINITY, f64::INFINITY, true)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn runs_are_those_of_counting(
        stored in signals(), gap in 0_u64..40_000, way in ways(), least in prop_oneof![1_u64..4, 1_u64..400, Just(8192_u64)],
        from in 0_usize..5000, to in 0_usize..50, level in -2.0..5.0_f64,
    ) {
        let source = source(&stored, gap);
        let frames = part(stored.len(), from, to);
        let value = |i: u64| physical(stored[i as usize]);

        let holds = Holds::Beyond { above: vec![level], below: vec![level - 1.0] };
        let found = search(&source, frames.clone(), &Runs { holds, least }, way, u64::MAX);
        let side = |i: u64| if value(i) > level { Some(1) } else { (value(i) < level - 1.0).then_some(-1) };
        prop_assert_eq!(spans(&found), runs_by_hand(frames.clone(), gap, least, side));
        for run in &found {
            let farther = |a: f64, b: f64| if value(run.start) > level { a > b } else { a < b };
            let peak = (run.start..run.end).fold(run.start, |best, i| if farther(value(i), value(best)) { i } else { best });
            prop_assert_eq!((run.value, run.start + u64::from(run.flags & runs::OFFSET)), (value(peak), peak));
        }

        let found = search(&source, frames.clone(), &Runs { holds: Holds::Nan, least }, way, u64::MAX);
        prop_assert_eq!(spans(&found), runs_by_hand(frames.clone(), gap, least, |i| value(i).is_nan().then_some(0)));

        let least = least.max(2);
        let found = search(&source, frames.clone(), &Runs { holds: Holds::Flat, least }, way, u64::MAX);
        let same = |i: u64| (!value(i).is_nan()).then(|| (value(i) * 2.0) as i64);
        prop_assert_eq!(spans(&found), runs_by_hand(frames, gap, least, same));
    }

    #[test]
    fn limits_keep_the_first_whatever_the_chunks(stored in signals(), way in ways(), limit in 1_u64..20) {
        let source = source(&stored, 0);
        let frames = 0..stored.len() as u64;
        let seeker = Runs { holds: Holds::Beyond { above: vec![2.0], below: vec![f64::NEG_INFINITY] }, least: 1 };
        let all = search(&source, frames.clone(), &seeker, (14, 1, false), u64::MAX);
        let first = search(&source, frames, &seeker, way, limit);
        prop_assert_eq!(&first[..], &all[..all.len().min(limit as usize)]);
    }

    #[test]
    fn edges_are_those_of_a_state_machine(
        stored in signals(), gap in 0_u64..40_000, way in ways(), from in 0_usize..5000, width in 0.0..3.0_f64,
        (rising, falling) in prop_oneof![Just((true, true)), Just((true, false)), Just((false, true))],
    ) {
        let source = source(&stored, gap);
        let frames = part(stored.len(), from, 0);
        let (low, high) = (3.0 - width / 2.0, 3.0 + width / 2.0);
        let seeker = edges::Edges { low: vec![low], high: vec![high], rising, falling };
        let found = search(&source, frames.clone(), &seeker, way, u64::MAX);
        let mut state = None;
        let mut expected = Vec::new();
        for i in frames {
            if i == gap {
                state = None;
            }
            let x = physical(stored[i as usize]);
            let new = if x >= high { Some(true) } else if x < low { Some(false) } else { state };
            if let (Some(a), Some(b)) = (state, new) && a != b && (if b { rising } else { falling }) {
                expected.push((i, b));
            }
            state = new;
        }
        let found: Vec<(u64, bool)> = found.iter().map(|p| (p.start, p.flags == edges::RISING)).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn spikes_have_a_dead_time(
        stored in signals(), gap in 0_u64..40_000, way in ways(), from in 0_usize..5000, refractory in 1_u64..600, both in any::<bool>(),
    ) {
        let source = source(&stored, gap);
        let frames = part(stored.len(), from, 0);
        let (below, above) = (2.0, if both { 4.0 } else { f64::INFINITY });
        let seeker = spikes::Spikes { below: vec![below], above: vec![above], refractory };
        let found = search(&source, frames.clone(), &seeker, way, u64::MAX);
        let value = |i: u64| physical(stored[i as usize]);
        let tick = |i: u64| if gap > 0 && i >= gap { i + 7 } else { i };
        let beyond = |i: u64| value(i) < below || value(i) > above;
        let mut dead = 0;
        let mut expected = Vec::new();
        for i in frames.clone() {
            let fresh = i == frames.start || i == gap || !beyond(i - 1);
            if beyond(i) && fresh && tick(i) >= dead {
                dead = tick(i) + refractory;
                let end = frames.end.min(i + refractory).min(if i < gap { gap } else { u64::MAX });
                let low = value(i) < below;
                let farther = |a: f64, b: f64| if low { a < b } else { a > b };
                let peak = (i..end).fold(i, |best, j| if farther(value(j), value(best)) { j } else { best });
                expected.push((peak, value(peak)));
            }
        }
        expected.sort_unstable_by_key(|p| p.0);
        let found: Vec<(u64, f64)> = found.iter().map(|p| (p.start, p.value)).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn matches_do_not_depend_on_chunks(stored in signals(), gap in 0_u64..40_000, way in ways(), at in 0_usize..1000, len in 3_usize..200) {
        let source = source(&stored, gap);
        let at = at.min(stored.len().saturating_sub(len));
        let shape: Vec<f64> = stored.iter().skip(at).take(len).map(|&x| physical(x)).collect();
        let task = Task::unattended();
        // A shape that is flat or holds a NaN is refused.
        let Ok(like) = like::Like::new(&shape, 0.8, &task) else { return Ok(()) };
        let frames = 0..stored.len() as u64;
        let plain = search(&source, frames.clone(), &like, (20, 1, false), u64::MAX);
        let found = search(&source, frames, &like, way, u64::MAX);
        prop_assert_eq!(&found, &plain);
        if !(gap > at as u64 && gap < (at + len) as u64) {
            let itself = plain.iter().any(|p| p.value > 0.999_999);
            prop_assert!(itself, "{:?}", plain);
        }
        prop_assert!(found.windows(2).all(|w| w[0].end <= w[1].start));
    }
}
