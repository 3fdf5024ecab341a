//! Any two recordings, compared in any way, against going through all samples.

use proptest::prelude::*;

use super::*;
use crate::budget::{MIN_LIMIT_BYTES, MemoryBudget};
use crate::recording::{Channel, Recording, SampleFormat, SampleType, Scale, Stream, TimeBase};
use crate::scan::Selection;
use crate::source::{MemorySource, Source};

const FRAMES: usize = 9000;

/// A recording of `samples` (channel after channel).
fn source(samples: Samples, channels: usize, scale: Scale, unit: &str) -> Arc<dyn Source> {
    let frames = (samples.len() / channels) as u64;
    let stream = Stream {
        name: "x".to_owned(),
        format: SampleFormat::native(samples.sample_type()),
        time: TimeBase::regular(1000.0),
        frames,
        channels: (0..channels).map(|c| Channel { scale, unit: unit.to_owned(), ..Channel::numbered(c) }).collect(),
    };
    let recording = Recording { name: "m".to_owned(), format: "memory", streams: vec![stream], ..Recording::default() };
    Arc::new(MemorySource::new(recording, vec![samples]).unwrap())
}

fn plain(samples: Samples, channels: usize) -> Arc<dyn Source> {
    source(samples, channels, Scale::default(), "")
}

fn pair(a: &Arc<dyn Source>, b: &Arc<dyn Source>) -> Pair {
    Pair::new(Arc::clone(a), Arc::clone(b), Asked::all(a.as_ref(), 0)).unwrap()
}

fn compared(a: &Arc<dyn Source>, b: &Arc<dyn Source>, tolerance: f64) -> Comparison {
    compare(&pair(a, b), tolerance, &Task::unattended()).unwrap()
}

fn noise(seed: u32) -> Vec<i16> {
    (0..2 * FRAMES as u32).map(|i| ((i ^ seed).wrapping_mul(2_654_435_761) >> 16) as i16).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn every_change_is_found_whatever_the_chunks(
        changes in prop::collection::vec((0_usize..2 * FRAMES, 1_i16..500), 0..6),
        tolerance in prop_oneof![Just(0.0), Just(100.0)],
        start in 0_u64..8000, len in 1_u64..1000, some in any::<bool>(),
        chunk_frames in prop_oneof![Just(256_u64), Just(1024), Just(1 << 20)], threads in 1_usize..4,
    ) {
        let original = noise(7);
        let mut changed = original.clone();
        for &(at, by) in &changes {
            changed[at] = original[at].wrapping_add(by);
        }
        let range = if some { start..start + len } else { 0..FRAMES as u64 };
        let (a, b) = (plain(Samples::I16(original.clone()), 2), plain(Samples::I16(changed.clone()), 2));
        let selection = Selection { frames: range.clone(), ..Selection::all(a.recording(), 0) };
        let asked = Asked { selection, some_channels: false, some_frames: some, physical: false };
        let pair = Pair::new(a, b, asked).unwrap();
        let comparison = compare(&pair, tolerance, &Task::unattended()).unwrap();
        for c in 0..2 {
            let differences: Vec<(u64, f64)> = range
                .clone()
                .map(|f| {
                    let i = c * FRAMES + f as usize;
                    (f, (f64::from(original[i]) - f64::from(changed[i])).abs())
                })
                .collect();
            let max = differences.iter().map(|d| d.1).fold(0.0, f64::max);
            let over: Vec<u64> = differences.iter().filter(|d| d.1 > tolerance).map(|d| d.0).collect();
            let found = &comparison.channels[c];
            prop_assert_eq!(found.max_abs_difference, max);
            prop_assert_eq!(found.max_at, differences.iter().find(|d| max > 0.0 && d.1 == max).map(|d| d.0));
            prop_assert_eq!((found.first, found.differing), (over.first().copied(), over.len() as u64));
        }
        prop_assert_eq!(comparison.is_equal(), comparison.first_difference().is_none());
        let other = Other { pair: &pair, tolerance, task: &Task::unattended(), blocks: Mutex::default() };
        let plan = ChunkPlan { chunk_frames, threads };
        let pass = || Pass { other: &other, found: Vec::new() };
        let found = scan(pair.a.as_ref(), &pair.selection, &plan, other.task, pass).unwrap();
        prop_assert_eq!(Comparison::new(&pair, tolerance, &found), comparison.clone());
        // The difference, as a recording, is zero where they are equal.
        let difference = DifferenceSource::new(Arc::new(pair));
        let stream = &difference.recording().streams[0];
        prop_assert_eq!(stream.frames, comparison.frames);
        let mut block = Block::default();
        difference.read(0, 0..stream.frames, &[1, 0], &mut block).unwrap();
        for (i, c) in [(0, 1), (1, 0)] {
            for f in 0..stream.frames as usize {
                let at = c * FRAMES + range.start as usize + f;
                let expected = f64::from(original[at]) - f64::from(changed[at]);
                prop_assert_eq!(block.samples().get_f64(i * stream.frames as usize + f), expected);
            }
        }
    }
}

#[test]
fn other_types_are_compared_in_physical_units() {
    let ints = noise(3);
    let scale = Scale { gain: 0.195, offset: 1.5 };
    let a = source(Samples::I16(ints.clone()), 2, scale, "uV");
    let physical: Vec<f64> = ints.iter().map(|&x| scale.apply(f64::from(x))).collect();
    // As f32 they cannot be more equal than this; in volts they are to the rounding of the factor.
    let single = Samples::F32(physical.iter().map(|&x| x as f32).collect());
    let comparison = compared(&a, &source(single.clone(), 2, Scale::default(), "uV"), 0.0);
    assert!(comparison.is_equal() && comparison.is_physical, "{comparison:?}");
    assert_eq!(comparison.channels[0].unit, "uV");
    let volts = Samples::F64(physical.iter().map(|&x| x * 1e-6).collect());
    let comparison = compared(&a, &source(volts, 2, Scale::default(), "V"), 1e-9);
    assert!(comparison.is_equal() && comparison.notes.is_empty(), "{comparison:?}");
    // Stored the same, meant otherwise.
    let b = source(Samples::I16(ints), 2, Scale { gain: 0.39, offset: 1.5 }, "uV");
    let comparison = compared(&a, &b, 0.0);
    assert!(comparison.is_equal() && comparison.notes[0].contains("--physical"), "{comparison:?}");
    let asked = Asked { physical: true, ..Asked::all(a.as_ref(), 0) };
    let comparison = compare(&Pair::new(a, b, asked).unwrap(), 0.0, &Task::unattended()).unwrap();
    assert!(!comparison.is_equal(), "{comparison:?}");
    // Without units numbers are compared.
    let comparison = compared(&source(single, 2, Scale::default(), "uV"), &plain(Samples::I16(noise(3)), 2), 0.0);
    assert!(comparison.notes.iter().any(|n| n.contains("unit of the first is 'uV' and that of the second none")));
}

#[test]
fn nan_equals_nan_and_is_no_distance_from_a_number() {
    let mut a = vec![1.0_f32; 5000];
    (a[10], a[20], a[30], a[4000]) = (f32::NAN, f32::NAN, f32::INFINITY, 2.0);
    let mut b = a.clone();
    (b[20], b[4000]) = (0.0, 4.5);
    let (a, b) = (plain(Samples::F32(a), 1), plain(Samples::F32(b), 1));
    let found = &compared(&a, &b, 100.0).channels[0];
    assert_eq!((found.max_abs_difference, found.max_at), (2.5, Some(4000)));
    assert_eq!((found.first, found.differing, found.unmeasurable), (Some(20), 1, 1));
    assert!(compared(&a, &a, 0.0).is_equal());
    let json = compared(&a, &b, 0.0).json();
    assert_eq!((json["first_difference_frame"].as_u64(), json["equal"].as_bool()), (Some(20), Some(false)));
    assert!(json["channels"][0]["max_abs_difference"].is_number());
    // Where there is no number at all, no difference is told.
    let (ones, none) = (plain(Samples::F32(vec![1.0; 5000]), 1), plain(Samples::F32(vec![f32::NAN; 5000]), 1));
    assert!(compared(&ones, &none, 0.0).json()["channels"][0]["max_abs_difference"].is_null());
    let difference = DifferenceSource::new(Arc::new(pair(&a, &b)));
    let mut block = Block::default();
    difference.read(0, 0..5000, &[0], &mut block).unwrap();
    assert_eq!((block.samples().get_f64(10), block.samples().get_f64(30)), (0.0, 0.0));
    assert!(block.samples().get_f64(20).is_nan());
    assert!(
        difference.read(0, 0..5001, &[0], &mut block).is_err() && difference.read(1, 0..1, &[0], &mut block).is_err()
    );
}

#[test]
fn integers_of_64_bits_are_compared_exactly() {
    let a = plain(Samples::I64(vec![i64::MAX, i64::MIN, 5]), 1);
    let b = plain(Samples::I64(vec![i64::MAX - 1, i64::MIN, 5]), 1);
    let comparison = compared(&a, &b, 0.0);
    assert_eq!((comparison.channels[0].max_abs_difference, comparison.first_difference()), (1.0, Some(0)));
}

#[test]
fn lengths_channels_and_rates_that_differ_are_told() {
    let a = plain(Samples::I16(noise(1)), 2);
    let shorter = noise(1).chunks(FRAMES).flat_map(|c| c[..FRAMES - 3].to_vec()).collect();
    let comparison = compared(&a, &plain(Samples::I16(shorter), 2), 0.0);
    assert_eq!((comparison.is_equal(), comparison.frames), (false, FRAMES as u64 - 3));
    assert!(comparison.differences[0].contains("9,000") && comparison.verdict().contains("all samples that were"));
    let comparison = compared(&a, &plain(Samples::I16(noise(1)[..FRAMES].to_vec()), 1), 0.0);
    assert!(comparison.differences[0].contains("2 channels and the second 1; 1 are"), "{:?}", comparison.differences);
    assert_eq!(comparison.channels.len(), 1);
    let nothing = plain(Samples::I16(Vec::new()), 2);
    let comparison = compared(&a, &nothing, 0.0);
    assert_eq!((comparison.is_equal(), comparison.verdict().as_str()), (false, "different"));
    assert!(compared(&nothing, &nothing, 0.0).is_equal());
    // The channels chosen, of a recording that holds just them.
    let selection = Selection { channels: vec![1], ..Selection::all(a.recording(), 0) };
    let asked = Asked { selection, some_channels: true, some_frames: false, physical: false };
    let b = plain(Samples::I16(noise(1)[FRAMES..].to_vec()), 1);
    let pair = Pair::new(Arc::clone(&a), b, asked.clone()).unwrap();
    assert!(compare(&pair, 0.0, &Task::unattended()).unwrap().is_equal());
    // Or of one that holds all.
    let pair = Pair::new(Arc::clone(&a), Arc::clone(&a), asked).unwrap();
    assert_eq!(pair.b_channels, [1]);
    // A range, of a recording that holds just it.
    let part = noise(1).chunks(FRAMES).flat_map(|c| c[100..300].to_vec()).collect();
    let selection = Selection { frames: 100..300, ..Selection::all(a.recording(), 0) };
    let asked = Asked { selection, some_channels: false, some_frames: true, physical: false };
    let pair = Pair::new(Arc::clone(&a), plain(Samples::I16(part), 2), asked.clone()).unwrap();
    let comparison = compare(&pair, 0.0, &Task::unattended()).unwrap();
    assert!(comparison.is_equal() && comparison.notes.len() == 1, "{comparison:?}");
    let empty = Selection { frames: 5..5, ..asked.selection.clone() };
    assert!(Pair::new(Arc::clone(&a), Arc::clone(&a), Asked { selection: empty, ..asked }).is_err());
}

#[test]
fn the_least_budget_is_enough_and_the_work_can_be_stopped() {
    let wide = Samples::F64((0..200_000).map(f64::from).collect());
    let (a, b) = (plain(Samples::I16(vec![0; 200_000]), 100), plain(wide, 100));
    let pair = Arc::new(pair(&a, &b));
    let expected = compare(&pair, 1.0, &Task::unattended()).unwrap();
    let small = Task::new(MemoryBudget::new(MIN_LIMIT_BYTES), 4);
    assert_eq!(compare(&pair, 1.0, &small).unwrap(), expected);
    assert_eq!(small.budget().used(), 0);
    assert_eq!(expected.channels[99].max_abs_difference, 199_999.0);
    let report = report(&pair, 1.0, &small).unwrap();
    assert!(report.csv().lines().count() == 101 && report.notes[0].starts_with("different"));
    let stopped = Task::unattended();
    stopped.cancel();
    assert!(compare(&pair, 1.0, &stopped).unwrap_err().is_cancelled());
    assert!(compare(&pair, f64::NAN, &small).is_err() && compare(&pair, -1.0, &small).is_err());
    assert_eq!(SampleType::I16, a.recording().streams[0].format.sample_type);
}
