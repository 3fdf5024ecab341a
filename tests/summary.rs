//! The summary against brute force: columns, sidecars, estimates.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::Random;
use longwave::budget::MemoryBudget;
use longwave::file::{FileMap, FlatLayout};
use longwave::recording::{
    Block, ByteOrder, Channel, ClockSpan, Recording, SampleFormat, SampleType, Samples, Stream, TimeBase,
};
use longwave::source::{MemorySource, Source};
use longwave::summary::{Columns, MinMax, SidecarPolicy, Summary, ViewRequest, peaks_at};
use longwave::task::Task;
use longwave::{Result, with_samples};

/// A file of numbers whose layout is told.
struct Flat {
    recording: Recording,
    layout: FlatLayout,
}

impl Source for Flat {
    fn recording(&self) -> &Recording {
        &self.recording
    }

    fn read(&self, _: usize, frames: Range<u64>, channels: &[usize], out: &mut Block) -> Result<()> {
        self.layout.read(frames, channels, out)
    }

    fn flat(&self, _: usize) -> Option<&FlatLayout> {
        Some(&self.layout)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Interleaved,
    /// Rows with a head that is no multiple of the sample size, channels backwards.
    Packets,
    Planar,
    Memory,
}

fn recording(format: SampleFormat, channels: usize, frames: u64, time: TimeBase) -> Recording {
    let channels = (0..channels).map(Channel::numbered).collect();
    let stream = Stream { name: "main".into(), format, time, frames, channels };
    Recording { name: "test".into(), format: "test", streams: vec![stream], ..Recording::default() }
}

fn place(kind: Kind, size: u64, channels: u64, frames: u64) -> (u64, u64, Vec<u64>) {
    match kind {
        Kind::Interleaved | Kind::Memory => (3, size * channels, (0..channels).map(|c| c * size).collect()),
        Kind::Packets => (11, size * channels + 7, (0..channels).rev().map(|c| 5 + c * size).collect()),
        Kind::Planar => (8, size, (0..channels).map(|c| c * frames * size).collect()),
    }
}

fn open_flat(path: &Path, kind: Kind, format: SampleFormat, channels: usize, frames: u64, time: TimeBase) -> Flat {
    let (first, stride, offsets) = place(kind, format.size() as u64, channels as u64, frames);
    let map = FileMap::open(path).unwrap();
    let layout = FlatLayout::new(map, format, first, stride, offsets, frames).unwrap();
    Flat { recording: recording(format, channels, frames, time), layout }
}

/// Random samples of any type, with what floats have besides numbers.
fn random_samples(sample_type: SampleType, n: usize, random: &mut Random) -> Samples {
    let mut samples = Samples::empty(sample_type);
    with_samples!(&mut samples, v => {
        fn one<T: longwave::recording::Sample>(_: &[T], random: &mut Random) -> T {
            let bits = random.next().to_le_bytes();
            T::from_le_slice(&bits[..size_of::<T>()])
        }
        for i in 0..n {
            let x = one(v, random);
            v.push(if i % 1000 < 3 { Default::default() } else { x });
        }
    });
    if let Samples::F64(v) = &mut samples {
        for i in (0..n).step_by(97) {
            v[i] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY][i % 3];
        }
        let end = n.min(5000);
        v[n.min(2000)..end].fill(f64::NAN);
    }
    samples
}

fn write_file(path: &Path, kind: Kind, format: SampleFormat, channels: usize, frames: u64, samples: &Samples) {
    let (first, stride, offsets) = place(kind, format.size() as u64, channels as u64, frames);
    let len = first + (frames - 1) * stride + offsets.iter().max().unwrap() + format.size() as u64;
    let mut bytes = vec![0xA5_u8; len as usize];
    with_samples!(samples, v => {
        use longwave::recording::Sample as _;
        for c in 0..channels {
            for f in 0..frames {
                let at = (first + f * stride + offsets[c]) as usize;
                let x = v[c * frames as usize + f as usize];
                match format.byte_order {
                    ByteOrder::Little => bytes[at..at + format.size()].copy_from_slice(x.to_le_array().as_ref()),
                    ByteOrder::Big => bytes[at..at + format.size()].copy_from_slice(x.to_be_array().as_ref()),
                }
            }
        }
    });
    fs::write(path, bytes).unwrap();
}

fn brute_force(samples: &Samples, frames: u64, request: &ViewRequest, edges: &[u64]) -> Vec<Vec<MinMax>> {
    let column = |c: usize, range: Range<u64>| {
        range.fold(MinMax::EMPTY, |of, f| {
            let x = samples.get_f64(c * frames as usize + f as usize);
            if x.is_nan() { of } else { of.union(MinMax { min: x, max: x }) }
        })
    };
    request.channels.iter().map(|&c| edges.windows(2).map(|e| column(c, e[0]..e[1])).collect()).collect()
}

fn task(threads: usize) -> Task {
    Task::new(MemoryBudget::new(64 << 20), threads)
}

fn random_request(random: &mut Random, channels: usize, frames: u64) -> ViewRequest {
    let bucket = 1_u64 << random.below(17);
    let start = random.below(frames);
    let end = (start + 1 + random.below(bucket * 40)).min(frames);
    let channels = (0..channels).filter(|_| random.below(4) > 0).collect();
    ViewRequest::covering(0, channels, start..end, frames, bucket as f64)
}

fn check_equal(columns: &Columns, samples: &Samples, frames: u64, what: &str) {
    let truth = brute_force(samples, frames, &columns.request, &columns.edges);
    assert!(columns.exact.iter().all(|&e| e), "{what}: {:?}", columns.request);
    assert_eq!(columns.values, truth, "{what}: {:?}", columns.request);
}

fn gaps(frames: u64, random: &mut Random) -> TimeBase {
    let mut spans = vec![ClockSpan { first_frame: 0, first_tick: 0 }];
    let mut missing = 0;
    let mut at = 1 + random.below(9000);
    while at < frames {
        missing += 1 + random.below(100_000);
        spans.push(ClockSpan { first_frame: at, first_tick: at + missing });
        at += 1 + random.below(30_000);
    }
    TimeBase::with_spans(1000.0, spans)
}

#[test]
fn columns_equal_brute_force() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random(11);
    let kinds = [Kind::Interleaved, Kind::Packets, Kind::Planar, Kind::Memory];
    for (i, sample_type) in SampleType::ALL.into_iter().enumerate() {
        for (j, kind) in kinds.into_iter().enumerate() {
            let channels = [3, 1, 17, 2][(i + j) % 4];
            let frames = 20_000 + random.below(60_000);
            let order = if (i + j) % 2 == 0 { ByteOrder::Little } else { ByteOrder::Big };
            let order = if kind == Kind::Memory { ByteOrder::NATIVE } else { order };
            let format = SampleFormat { sample_type, byte_order: order };
            let samples = random_samples(sample_type, channels * frames as usize, &mut random);
            let time = if i % 2 == 0 { TimeBase::regular(1000.0) } else { gaps(frames, &mut random) };
            let path = folder.path().join(format!("{i}-{j}"));
            let source: Arc<dyn Source> = if kind == Kind::Memory {
                let recording = recording(format, channels, frames, time);
                Arc::new(MemorySource::new(recording, vec![samples.clone()]).unwrap())
            } else {
                write_file(&path, kind, format, channels, frames, &samples);
                Arc::new(open_flat(&path, kind, format, channels, frames, time))
            };
            let policy = SidecarPolicy::At(folder.path().join(format!("{i}-{j}.lwpeaks")));
            let task = task(1 + (i + j) % 3);
            let summary = Summary::open(Arc::clone(&source), 0, task.budget(), &policy).unwrap();
            let what = format!("{sample_type:?} {kind:?}");
            for _ in 0..4 {
                let request = random_request(&mut random, channels, frames);
                check_equal(&summary.columns(&request, &task).unwrap(), &samples, frames, &what);
            }
            summary.build(&task).unwrap();
            assert!(summary.is_complete());
            let again = Summary::open(source, 0, task.budget(), &policy).unwrap();
            assert_eq!(again.is_complete(), kind != Kind::Memory);
            for round in 0..10 {
                let request = random_request(&mut random, channels, frames);
                let of = if round % 2 == 0 { &summary } else { &again };
                check_equal(&of.columns(&request, &task).unwrap(), &samples, frames, &what);
            }
        }
    }
}

/// Two and a half rows of tiles of one channel of 8-bit samples.
struct Long {
    folder: tempfile::TempDir,
    samples: Samples,
    frames: u64,
}

impl Long {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let frames = (5 << 19) + 1234;
        let mut random = Random(3);
        let samples = Samples::U8((0..frames).map(|i| ((i >> 13) + random.below(60)) as u8).collect());
        let long = Self { folder, samples, frames };
        long.write(&long.bytes());
        long
    }

    fn bytes(&self) -> Vec<u8> {
        let Samples::U8(v) = &self.samples else { unreachable!() };
        [&[1, 2, 3][..], v].concat()
    }

    fn write(&self, bytes: &[u8]) {
        fs::write(self.folder.path().join("long"), bytes).unwrap();
    }

    fn sidecar(&self) -> PathBuf {
        self.folder.path().join("long.lwpeaks")
    }

    fn open(&self, frames: u64) -> Arc<dyn Source> {
        let format = SampleFormat::native(SampleType::U8);
        let path = self.folder.path().join("long");
        Arc::new(open_flat(&path, Kind::Interleaved, format, 1, frames, TimeBase::regular(1.0)))
    }

    fn summary(&self) -> Summary {
        Summary::open(self.open(self.frames), 0, task(2).budget(), &SidecarPolicy::At(self.sidecar())).unwrap()
    }

    fn check(&self, summary: &Summary) {
        let mut random = Random(5);
        for bucket in [1 << 8, 1 << 12, 1 << 17, 1 << 20, 1 << 21, 64] {
            let end = if bucket < 256 { 9999 } else { self.frames };
            let start = random.below(end / 2);
            let request = ViewRequest::covering(0, vec![0], start..end, self.frames, f64::from(bucket));
            check_equal(&summary.columns(&request, &task(2)).unwrap(), &self.samples, self.frames, "long");
        }
    }
}

#[test]
fn a_sidecar_is_used_as_long_as_it_is_right() {
    let long = Long::new();
    long.summary().build(&task(2)).unwrap();
    assert!(fs::metadata(long.sidecar()).unwrap().len() < long.frames / 50);
    let again = long.summary();
    assert!(again.is_complete());
    long.check(&again);
    let report = peaks_at(long.open(long.frames), 0, &SidecarPolicy::At(long.sidecar()), &task(1)).unwrap();
    assert!(report.was_complete && report.tiles == 3 && report.path == Some(long.sidecar()));

    // One byte at either end, with length and time of change as before.
    let path = long.folder.path().join("long");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    for at in [5, long.frames as usize - 5] {
        let mut bytes = long.bytes();
        bytes[at] ^= 1;
        long.write(&bytes);
        fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert!(long.summary().coverage() == 0.0, "byte {at}");
    }
    long.write(&long.bytes());
    let set = |time| fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    set(modified);
    assert!(long.summary().is_complete());
    set(modified + std::time::Duration::from_secs(1));
    assert!(long.summary().coverage() == 0.0);
    set(modified);
    // Another way of reading the same bytes.
    let format = SampleFormat::native(SampleType::U8);
    let other: Arc<dyn Source> =
        Arc::new(open_flat(&path, Kind::Interleaved, format, 2, 1 << 20, TimeBase::regular(1.0)));
    let summary = Summary::open(other, 0, task(1).budget(), &SidecarPolicy::At(long.sidecar())).unwrap();
    assert!(summary.coverage() == 0.0);
}

#[test]
fn growth_extends() {
    let long = Long::new();
    let bytes = long.bytes();
    let old_frames = (3 << 19) + 77;
    long.write(&bytes[..3 + old_frames as usize]);
    peaks_at(long.open(old_frames), 0, &SidecarPolicy::At(long.sidecar()), &task(2)).unwrap();
    long.write(&bytes);
    let summary = long.summary();
    assert!((summary.coverage() - 1.0 / 3.0).abs() < 1e-6, "the full row stays");
    summary.build(&task(1)).unwrap();
    long.check(&summary);
    assert!(long.summary().is_complete());
    // Grown, but not from what it was.
    long.write(&bytes[..3 + old_frames as usize]);
    fs::remove_file(long.sidecar()).unwrap();
    peaks_at(long.open(old_frames), 0, &SidecarPolicy::At(long.sidecar()), &task(2)).unwrap();
    let mut other = bytes;
    other[old_frames as usize] ^= 1;
    long.write(&other);
    assert!(long.summary().coverage() == 0.0);
}

#[test]
fn a_crash_or_rot_leaves_a_valid_sidecar() {
    let long = Long::new();
    long.summary().build(&task(2)).unwrap();
    let whole = fs::read(long.sidecar()).unwrap();
    let row = (whole.len() - 128 - 16 - 3 * 26) * 2 / 5;
    let mut random = Random(9);
    let mut cuts: Vec<usize> = [0, 127, 128, 129, row, 128 + row + 1, 128 + 2 * row - 40].to_vec();
    cuts.extend((0..10).map(|_| random.below(whole.len() as u64) as usize));
    cuts.extend([whole.len() - 1, whole.len() - 80]);
    for cut in cuts {
        fs::write(long.sidecar(), &whole[..cut]).unwrap();
        let summary = long.summary();
        // Without the totals of its three rows all of it is still there.
        let rows_end = whole.len() - 16 - 3 * 26;
        assert_eq!(summary.coverage() < 1.0, cut < rows_end, "cut at {cut}");
        long.check(&summary);
        summary.build(&task(2)).unwrap();
        assert_eq!(fs::read(long.sidecar()).unwrap(), whole, "cut at {cut}");
    }
    for round in 0..40 {
        let mut broken = whole.clone();
        let at = if round < 12 { round * 11 } else { random.below(whole.len() as u64) as usize };
        broken[at] ^= 1 << random.below(8);
        fs::write(long.sidecar(), &broken).unwrap();
        long.check(&long.summary());
        peaks_at(long.open(long.frames), 0, &SidecarPolicy::At(long.sidecar()), &task(1)).unwrap();
        let repaired = fs::read(long.sidecar()).unwrap();
        assert_eq!(repaired[128..], whole[128..], "byte {at}");
        long.check(&long.summary());
    }
}

#[test]
fn estimates_are_marked_and_lie_inside_the_truth() {
    let long = Long::new();
    let summary = long.summary();
    let task = task(1);
    let request = ViewRequest::covering(0, vec![0], 0..long.frames, long.frames, 4096.0);
    let estimate = summary.estimate(&request, &task).unwrap();
    assert!(estimate.exact.iter().all(|&e| !e));
    let truth = brute_force(&long.samples, long.frames, &request, &estimate.edges);
    for (e, t) in estimate.values[0].iter().zip(&truth[0]) {
        assert!(!e.is_empty() && e.min >= t.min && e.max <= t.max);
    }
    summary.want(long.frames - 1..long.frames);
    summary.build(&task).unwrap();
    assert_eq!(summary.estimate(&request, &task).unwrap().exact_share(), 1.0);
}

#[test]
fn without_room_or_with_a_stop_nothing_breaks() {
    let long = Long::new();
    let stopped = task(1);
    stopped.cancel();
    assert!(long.summary().build(&stopped).unwrap_err().is_cancelled());
    let task = task(2);
    task.budget().set_pressure(true);
    let summary = Summary::open(long.open(long.frames), 0, task.budget(), &SidecarPolicy::Off).unwrap();
    summary.build(&task).unwrap();
    assert!(summary.is_complete() && summary.sidecar_path().is_none());
    long.check(&summary);
    summary.trim();
    long.check(&summary);
    let wrong = ViewRequest { stream: 0, channels: vec![1], frames: 0..4, bucket_frames: 1 };
    assert!(summary.columns(&wrong, &task).is_err());
    let wrong = ViewRequest { stream: 0, channels: vec![0], frames: 0..4, bucket_frames: 3 };
    assert!(summary.columns(&wrong, &task).is_err());
}
