//! The summary of a page-cached interleaved file: building all of it, and the first picture before there is any of it.
//!
//! `LONGWAVE_BENCH_MIB` sets the size of the file (256). Throughput is bytes of the recording; `read to nowhere` is what
//! `cat FILE >/dev/null` does, to compare with.
#![allow(missing_docs, clippy::unwrap_used)]

use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use longwave::budget::MemoryBudget;
use longwave::recording::{SampleFormat, SampleType};
use longwave::source::Source;
use longwave::summary::{SidecarPolicy, Summary, ViewRequest, peaks_at};
use longwave::task::Task;

#[path = "../tests/common/flat.rs"]
mod flat;
use flat::FlatSource;

/// Columns of a picture.
const COLUMNS: u64 = 1900;

fn bytes() -> u64 {
    std::env::var("LONGWAVE_BENCH_MIB").ok().and_then(|t| t.parse().ok()).unwrap_or(256_u64) << 20
}

fn task() -> Task {
    Task::new(MemoryBudget::new(512 << 20), 2)
}

fn write_noise(path: &Path) {
    let mut out = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..bytes() / 8 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.write_all(&state.to_le_bytes()).unwrap();
    }
    out.flush().unwrap();
}

fn read_to_nowhere(path: &Path) {
    let mut file = std::fs::File::open(path).unwrap();
    let mut buffer = vec![0; 128 << 10];
    while file.read(&mut buffer).unwrap() > 0 {}
    std::hint::black_box(&buffer);
}

/// All channels of all of the recording, or of the first `COLUMNS` buckets of `bucket` frames.
fn view(source: &Arc<dyn Source>, bucket: Option<u64>) -> ViewRequest {
    let stream = &source.recording().streams[0];
    let bucket_frames = bucket.unwrap_or_else(|| stream.frames.div_ceil(COLUMNS).next_power_of_two());
    ViewRequest {
        stream: 0,
        channels: (0..stream.channels.len()).collect(),
        frames: 0..stream.frames.min(COLUMNS * bucket_frames),
        bucket_frames,
    }
}

fn all(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("int16");
    write_noise(&path);
    let open = |sample_type, channels, tail| {
        FlatSource::open(&path, SampleFormat::little(sample_type), channels, 0, tail).shared()
    };
    let wide = open(SampleType::I16, 128, 0);
    let cases = [
        ("i16, 128 channels", Arc::clone(&wide)),
        ("i16, 128 channels in packets", open(SampleType::I16, 128, 54)),
        ("i16, 4 channels", open(SampleType::I16, 4, 0)),
        ("u8, 64 channels", open(SampleType::U8, 64, 0)),
    ];

    let mut group = c.benchmark_group("peaks");
    group.sample_size(10).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_secs(1));
    group.throughput(Throughput::Bytes(bytes()));
    group.bench_function("read to nowhere", |b| b.iter(|| read_to_nowhere(&path)));
    let sidecar = folder.path().join("sidecar");
    let policy = SidecarPolicy::At(sidecar.clone());
    for (name, source) in &cases {
        group.bench_function(format!("build, {name}"), |b| {
            b.iter(|| {
                // The first time there is none.
                drop(std::fs::remove_file(&sidecar));
                peaks_at(Arc::clone(source), 0, &policy, &task()).unwrap()
            });
        });
    }
    group.finish();

    let mut group = c.benchmark_group("columns");
    group.sample_size(10).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_secs(1));
    let task = task();
    let summary = Summary::open(Arc::clone(&wide), 0, task.budget(), &SidecarPolicy::Off).unwrap();
    let whole = view(&wide, None);
    group.bench_function("estimate of the whole", |b| b.iter(|| summary.estimate(&whole, &task).unwrap()));
    let near = view(&wide, Some(128));
    group.bench_function("buckets of 128, from samples", |b| b.iter(|| summary.columns(&near, &task).unwrap()));
    group.finish();
}

/// Statistics of ranges of 10^10 samples that occupy no disk, from the sidecar: as it is opened anew, and while the end
/// of a range is dragged.
fn ranges(c: &mut Criterion) {
    const FRAMES: u64 = 10_000_000_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sparse");
    let mut file = std::fs::File::create(&path).unwrap();
    file.set_len(2 * FRAMES).unwrap();
    for (frame, x) in [(FRAMES / 3, 30_000_i16), (FRAMES / 7 * 5, -12_345)] {
        file.seek(std::io::SeekFrom::Start(2 * frame)).unwrap();
        file.write_all(&x.to_le_bytes()).unwrap();
    }
    let source = FlatSource::open(&path, SampleFormat::little(SampleType::I16), 1, 0, 0).shared();
    let policy = SidecarPolicy::At(folder.path().join("sidecar"));
    peaks_at(Arc::clone(&source), 0, &policy, &task()).unwrap();
    let task = task();
    let open = || Summary::open(Arc::clone(&source), 0, task.budget(), &policy).unwrap();
    let range = |summary: &Summary, frames| summary.range(frames, &[0], 0, &task).unwrap().unwrap();
    let mut group = c.benchmark_group("range");
    group.sample_size(20).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_secs(1));
    group.bench_function("10^10 samples, opened anew", |b| b.iter(|| range(&open(), 1234..FRAMES - 777)));
    let summary = open();
    let mut end = FRAMES - 777;
    group.bench_function("10^10 samples, dragged", |b| {
        b.iter(|| {
            end -= 1_234_567;
            range(&summary, 1234..end)
        });
    });
    group.finish();
}

criterion_group!(benches, all, ranges);
criterion_main!(benches);
