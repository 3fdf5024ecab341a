//! Statistics of ranges: from the summary the same as from the samples, both the same as numpy's.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/flat.rs"]
mod flat;

use std::io::Write as _;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use common::{Random, longwave, run_python};
use flat::{FlatSource, recording};
use longwave::analysis::{Request, named};
use longwave::budget::MemoryBudget;
use longwave::form::Settings;
use longwave::recording::{ByteOrder, ClockSpan, SampleFormat, SampleType, Samples, Scale, TimeBase};
use longwave::scan::Selection;
use longwave::source::{MemorySource, Source};
use longwave::summary::{SidecarPolicy, Summary, TILE_FRAMES, ViewRequest};
use longwave::task::Task;
use longwave::with_samples;
use proptest::prelude::*;

fn task(threads: usize) -> Task {
    Task::new(MemoryBudget::new(96 << 20), threads)
}

fn statistics(
    source: &Arc<dyn Source>,
    selection: &Selection,
    summary: Option<&Summary>,
    threads: usize,
) -> serde_json::Value {
    let settings = Settings::defaults(&[]);
    let task = task(threads);
    let request = Request { source, selection, settings: &settings, task: &task, summary, publish: &|_| {} };
    let report = (named("stats").unwrap().run)(&request).unwrap();
    let progress = task.progress();
    assert_eq!(progress.done_bytes, progress.total_bytes);
    report.json
}

/// Whole numbers and extremes alike, sums to 1e-9 of the scale of the data.
fn assert_same(a: &serde_json::Value, b: &serde_json::Value, what: &str) {
    let (a, b) = (a["channels"].as_array().unwrap(), b["channels"].as_array().unwrap());
    assert_eq!(a.len(), b.len(), "{what}");
    for (a, b) in a.iter().zip(b) {
        for key in [
            "name",
            "unit",
            "count",
            "nan_count",
            "clipped_count",
            "min",
            "max",
            "peak_to_peak",
            "min_frame",
            "max_frame",
        ] {
            assert_eq!(a[key], b[key], "{what}: {key} of {a} and {b}");
        }
        let scale = a["rms"].as_f64().unwrap_or(0.0).abs();
        for key in ["mean", "std", "rms"] {
            match (a[key].as_f64(), b[key].as_f64()) {
                (Some(x), Some(y)) => {
                    assert!((x - y).abs() <= 1e-9 * x.abs().max(1e-6 * scale), "{what}: {key} {x} and {y}")
                }
                (x, y) => assert_eq!(x, y, "{what}: {key}"),
            }
        }
    }
}

/// Samples of any type, planar: drifting noise, with clipped stretches, and in floats NaN and a large offset.
fn samples(sample_type: SampleType, channels: usize, frames: usize, seed: u64) -> Samples {
    let mut random = Random(seed | 1);
    let mut samples = Samples::empty(sample_type);
    with_samples!(&mut samples, v => {
        fn put<T: longwave::recording::Sample>(v: &mut Vec<T>, random: &mut Random, i: usize, frames: usize) {
            let bits = random.next().to_le_bytes();
            let x = match (i % frames) / 3000 % 7 {
                3 if !T::TYPE.is_float() => T::HIGHEST,
                4 => T::from_le_slice(&[1, 0, 0, 0, 0, 0, 0, 0][..size_of::<T>()]),
                _ => T::from_le_slice(&bits[..size_of::<T>()]),
            };
            v.push(x);
        }
        for i in 0..channels * frames {
            put(v, &mut random, i, frames);
        }
    });
    // Bits at random are no floats that anybody records.
    match &mut samples {
        Samples::F64(v) => v.iter_mut().enumerate().for_each(|(i, x)| {
            *x = if i % 4099 == 7 { f64::NAN } else { 1e9 + (i % 1009) as f64 * 0.01 + random.signed() };
        }),
        Samples::F32(v) => v.iter_mut().enumerate().for_each(|(i, x)| {
            *x = if i % frames < 10_000 { f32::NAN } else { 1000.0 + random.signed() as f32 };
        }),
        Samples::F16(v) => v.iter_mut().for_each(|x| *x = half::f16::from_f64(random.signed())),
        _ => {}
    }
    samples
}

fn in_memory(samples: Samples, channels: usize, time: TimeBase) -> Arc<dyn Source> {
    let (sample_type, frames) = (samples.sample_type(), samples.len() / channels);
    let mut recording = recording(SampleFormat::native(sample_type), channels, frames as u64, time);
    for (i, channel) in recording.streams[0].channels.iter_mut().enumerate() {
        channel.scale = Scale { gain: 0.195 - 0.3 * i as f64, offset: i as f64 };
        channel.unit = "uV".to_owned();
    }
    Arc::new(MemorySource::new(recording, vec![samples]).unwrap())
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::File::create(path).unwrap().write_all(bytes).unwrap();
}

fn ranges(frames: u64, random: &mut Random, n: usize) -> Vec<Range<u64>> {
    let mut ranges = vec![0..frames, 0..0, frames..frames, 4096..8192, frames - 1..frames, 1..frames];
    if frames > TILE_FRAMES {
        ranges.extend([0..TILE_FRAMES, TILE_FRAMES - 1..TILE_FRAMES + 1, 255..TILE_FRAMES + 4097, TILE_FRAMES..frames]);
    }
    ranges.extend((0..n).map(|_| {
        let (a, b) = (random.below(frames + 1), random.below(frames + 1));
        a.min(b)..a.max(b)
    }));
    ranges
}

#[test]
fn every_type_gives_the_same_with_and_without_a_summary() {
    let mut random = Random(77);
    for (i, sample_type) in SampleType::ALL.into_iter().enumerate() {
        let (channels, frames) = ([1, 3, 9][i % 3], 70_001 + i);
        let time = TimeBase::with_spans(
            1000.0,
            vec![ClockSpan { first_frame: 0, first_tick: 0 }, ClockSpan { first_frame: 30_000, first_tick: 40_000 }],
        );
        let source = in_memory(samples(sample_type, channels, frames, i as u64), channels, time);
        let task = task(2);
        let summary = Summary::open(Arc::clone(&source), 0, task.budget(), &SidecarPolicy::Off).unwrap();
        let some: Vec<usize> = (0..channels).rev().step_by(2).collect();
        assert!(summary.range(0..frames as u64, &some, 1000, &task).unwrap().is_none(), "nothing is read unasked");
        summary.build(&task).unwrap();
        for frames in ranges(frames as u64, &mut random, 6) {
            let selection = Selection { stream: 0, channels: some.clone(), frames };
            let whole = statistics(&source, &selection, None, 1);
            let quick = statistics(&source, &selection, Some(&summary), 2);
            assert_same(&whole, &quick, &format!("{sample_type:?} {:?}", selection.frames));
        }
    }
}

/// Whole tiles, their totals in the sidecar, the same again when it is opened anew, broken or only half there.
#[test]
fn whole_tiles_count_by_their_totals() {
    let folder = tempfile::tempdir().unwrap();
    let (path, sidecar) = (folder.path().join("long"), folder.path().join("long.lwpeaks"));
    let (channels, frames) = (2_u64, 2 * TILE_FRAMES + 300_001);
    let mut random = Random(5);
    let mut bytes: Vec<u8> = Vec::new();
    for f in 0..frames {
        for c in 0..channels {
            let x = (random.signed() * 3000.0) as i16 + (f >> 12) as i16;
            bytes.extend((if f % 700_000 == 123 + c { i16::MIN } else { x }).to_be_bytes());
        }
    }
    write(&path, &bytes);
    let format = SampleFormat { sample_type: SampleType::I16, byte_order: ByteOrder::Big };
    let source = FlatSource::open(&path, format, channels as usize, 0, 0).shared();
    let open = || Summary::open(Arc::clone(&source), 0, task(1).budget(), &SidecarPolicy::At(sidecar.clone())).unwrap();
    let check = |summary: &Summary, n: usize| {
        for frames in ranges(frames, &mut Random(3), n) {
            let selection = Selection { stream: 0, channels: vec![1, 0], frames };
            let whole = statistics(&source, &selection, None, 2);
            assert_eq!(whole, statistics(&source, &selection, Some(summary), 1), "{:?}", selection.frames);
        }
    };
    let summary = open();
    check(&summary, 1);
    summary.build(&task(2)).unwrap();
    check(&summary, 8);
    let again = open();
    assert!(again.is_complete());
    check(&again, 3);
    let whole = std::fs::read(&sidecar).unwrap();
    for cut in [whole.len() - 1, whole.len() - 100, whole.len() / 2] {
        write(&sidecar, &whole[..cut]);
        check(&open(), 1);
    }
    let mut rotten = whole.clone();
    let at = rotten.len() - 30;
    rotten[at] ^= 4;
    write(&sidecar, &rotten);
    check(&open(), 1);
    open().build(&task(1)).unwrap();
    assert_eq!(std::fs::read(&sidecar).unwrap(), whole, "the totals are mended");
}

#[test]
fn ranges_equal_numpy() {
    const SCRIPT: &str = "
x = np.fromfile(sys.argv[1], dtype='<i2').reshape(-1, 3)
out = []
for a, b in json.loads(sys.argv[2]):
    for c in range(3):
        v = x[a:b, c].astype(np.float64)
        out.append([float(v.min()), float(v.max()), a + int(v.argmin()), a + int(v.argmax()), float(v.mean()), float(v.std()),
            float(np.sqrt(np.mean(v ** 2))), float(np.ptp(v)), int(((v == -32768) | (v == 32767)).sum())])
print(json.dumps(out))
";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.bin");
    let mut random = Random(21);
    let frames = 250_000_u64;
    let value =
        |random: &mut Random, i: u64| if i % 9973 < 40 { i16::MAX } else { (random.signed() * 40_000.0) as i16 };
    let bytes: Vec<u8> = (0..3 * frames).flat_map(|i| value(&mut random, i).to_le_bytes()).collect();
    write(&path, &bytes);
    let ranges: Vec<Range<u64>> = vec![0..frames, 1..frames - 1, 5000..5001, 4095..4097, 100..99_999, 131_072..249_999];
    let list = serde_json::json!(ranges.iter().map(|r| [r.start, r.end]).collect::<Vec<_>>()).to_string();
    let truth: Vec<Vec<f64>> = serde_json::from_str(&run_python(SCRIPT, &[path.to_str().unwrap(), &list])).unwrap();
    let layout = ["--format", "raw", "--dtype", "i16", "--channel-count", "3", "--rate", "1000"];
    let ours = |range: &Range<u64>| {
        let text = format!("#{}..#{}", range.start, range.end);
        let args = [&["stats", path.to_str().unwrap(), "--range", &text, "--json"][..], &layout].concat();
        let output = longwave(&args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    for with_summary in [false, true] {
        if with_summary {
            assert!(longwave(&[&["peaks", path.to_str().unwrap()][..], &layout].concat()).status.success());
        }
        for (range, truth) in ranges.iter().zip(truth.chunks(3)) {
            let found = ours(range);
            for (found, truth) in found["channels"].as_array().unwrap().iter().zip(truth) {
                let keys =
                    ["min", "max", "min_frame", "max_frame", "mean", "std", "rms", "peak_to_peak", "clipped_count"];
                for (key, &truth) in keys.iter().zip(truth) {
                    let found = found[key].as_f64().unwrap();
                    let close = (found - truth).abs() <= 1e-9 * truth.abs().max(1e-3);
                    assert!(
                        if ["mean", "std", "rms"].contains(key) { close } else { found == truth },
                        "{range:?} {key} {found} {truth}"
                    );
                }
            }
        }
    }
}

#[test]
fn nothing_nan_and_constants() {
    let n = 9000;
    let mut values = vec![f32::NAN; n];
    values.extend(vec![2.5_f32; n]);
    values.extend((0..n).map(|i| if i == 4000 { f32::INFINITY } else { 1.0 }));
    let source = in_memory(Samples::F32(values), 3, TimeBase::regular(10.0));
    let task = task(1);
    let summary = Summary::open(Arc::clone(&source), 0, task.budget(), &SidecarPolicy::Off).unwrap();
    summary.build(&task).unwrap();
    for frames in [0..n as u64, 0..0, 10..5000] {
        let selection = Selection { stream: 0, channels: vec![0, 1, 2], frames: frames.clone() };
        let (whole, quick) =
            (statistics(&source, &selection, None, 1), statistics(&source, &selection, Some(&summary), 1));
        assert_same(&whole, &quick, &format!("{frames:?}"));
        let of = |c: usize, key: &str| quick["channels"][c][key].clone();
        assert!(of(0, "min").is_null() && of(0, "min_frame").is_null() && of(0, "mean").is_null());
        if !frames.is_empty() {
            assert_eq!((of(0, "count"), of(0, "nan_count")), (0.into(), (frames.end - frames.start).into()));
            assert_eq!(
                (of(1, "std"), of(1, "peak_to_peak"), of(1, "min_frame")),
                (0.0.into(), 0.0.into(), frames.start.into())
            );
            assert!(of(2, "mean").is_null());
            assert_eq!((of(2, "clipped_count"), of(2, "min_frame")), (1.into(), 4000.into()), "its gain is negative");
        }
    }
    assert!(summary.range(0..n as u64 + 1, &[0], u64::MAX, &task).is_err());
    assert!(summary.range(0..1, &[3], u64::MAX, &task).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_range_any_threads(seed in any::<u64>(), a in 0_u64..40_000, b in 0_u64..40_000, threads in 1_usize..4, channels in 1_usize..12) {
        let sample_type = [SampleType::I16, SampleType::U16, SampleType::F32, SampleType::U8][(seed % 4) as usize];
        let source = in_memory(samples(sample_type, channels, 40_000, seed), channels, TimeBase::regular(100.0));
        let task = task(threads);
        let summary = Summary::open(Arc::clone(&source), 0, task.budget(), &SidecarPolicy::Off).unwrap();
        summary.build(&task).unwrap();
        let selection = Selection { stream: 0, channels: (0..channels).collect(), frames: a.min(b)..a.max(b) };
        assert_same(&statistics(&source, &selection, None, threads), &statistics(&source, &selection, Some(&summary), 1), "any");
    }
}

/// The columns of `request` from the samples, one after the other: count, mean and mean squared deviation.
fn brute_levels(source: &Arc<dyn Source>, request: &ViewRequest, channel: usize) -> Vec<(u64, f64, f64)> {
    let time = &source.recording().streams[0].time;
    let column = |edge: &[u64]| {
        let mut block = longwave::recording::Block::default();
        source.read(0, edge[0]..edge[1], &[channel], &mut block).unwrap();
        let mut values = Vec::new();
        block.channel_f64(0, Scale { gain: 1.0, offset: 0.0 }, &mut values);
        values.retain(|v| !v.is_nan());
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        (values.len() as u64, mean, values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n)
    };
    request.edges(time).windows(2).map(column).collect()
}

#[test]
fn levels_of_columns_are_those_of_their_samples() {
    let frames = 2 * TILE_FRAMES as usize + 70_001;
    let spans = [(0, 0), (9_000, 12_000), (1_500_000, 1_900_000)]
        .map(|(first_frame, first_tick)| ClockSpan { first_frame, first_tick });
    for sample_type in [SampleType::I16, SampleType::U16, SampleType::F32] {
        let time = TimeBase::with_spans(1000.0, spans.to_vec());
        let source = in_memory(samples(sample_type, 1, frames, 7), 1, time);
        let task = task(2);
        let summary = Summary::open(Arc::clone(&source), 0, task.budget(), &SidecarPolicy::Off).unwrap();
        for built in [false, true] {
            if built {
                summary.build(&task).unwrap();
            }
            for (bucket_frames, from, to) in
                [(1 << 18, 0, frames as u64), (4096, 0, 1 << 20), (1 << 21, 0, frames as u64), (512, 1 << 12, 40_960)]
            {
                let request = ViewRequest { stream: 0, channels: vec![0], frames: from..to, bucket_frames };
                let levels = summary.levels(&request, u64::MAX, &task).unwrap();
                assert!(levels.known.iter().all(|&known| known));
                let expected = brute_levels(&source, &request, 0);
                assert_eq!(levels.values[0].len(), expected.len());
                for (level, (count, mean, square)) in levels.values[0].iter().zip(expected) {
                    assert_eq!(level.count, count);
                    if count > 0 {
                        let spread = square.sqrt();
                        assert!((level.mean - mean).abs() <= 1e-9 * mean.abs().max(spread), "{level:?} {mean}");
                        let own = level.deviations / count as f64;
                        assert!((own - square).abs() <= 1e-6 * square.max(1e-9), "{level:?} {square}");
                    }
                }
            }
        }
        // With tiles, whole blocks need no samples; finer columns are not guessed.
        let whole = ViewRequest { stream: 0, channels: vec![0], frames: 0..TILE_FRAMES, bucket_frames: 1 << 16 };
        let levels = summary.levels(&whole, 8192 * 8, &task).unwrap();
        assert!(levels.known.iter().all(|&known| known), "{:?}", levels.known);
        let fine = ViewRequest { frames: 16_384..32_768, bucket_frames: 256, ..whole };
        let levels = summary.levels(&fine, 0, &task).unwrap();
        assert!(levels.known.iter().all(|&known| !known) && levels.values[0].iter().all(|l| l.count == 0));
    }
}
