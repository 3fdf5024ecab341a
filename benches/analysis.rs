//! Statistics, spectrum and export over page-cached files, as bytes a second of the recording.
//!
//! `LONGWAVE_BENCH_MIB` sets the size of the files (256); the temporary folder must have room for three of them.
#![allow(missing_docs, clippy::unwrap_used)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use longwave::budget::MemoryBudget;
use longwave::export::Values;
use longwave::form::Settings;
use longwave::recording::{SampleFormat, SampleType};
use longwave::scan::Selection;
use longwave::source::Source;
use longwave::task::Task;

#[path = "../tests/common/flat.rs"]
mod flat;
use flat::FlatSource;

fn bytes() -> u64 {
    std::env::var("LONGWAVE_BENCH_MIB").ok().and_then(|t| t.parse().ok()).unwrap_or(256_u64) << 20
}

fn task() -> Task {
    Task::new(MemoryBudget::new(512 << 20), 2)
}

/// Noise of about normal distribution: the sum of the four bytes of each word, or a float made of it.
fn write_noise(path: &Path, float: bool) {
    let mut out = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let size = if float { 4 } else { 2 };
    for _ in 0..bytes() / size {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let word = state.wrapping_mul(0x2545_F491_4F6C_DD1D);
        let sum: i32 = word.to_le_bytes().iter().map(|&b| i32::from(b) - 128).sum();
        if float {
            out.write_all(&(sum as f32 / 200.0).to_le_bytes()).unwrap();
        } else {
            out.write_all(&(sum as i16).to_le_bytes()).unwrap();
        }
    }
    out.flush().unwrap();
}

fn analyse(source: &Arc<dyn Source>, name: &str, settings: &[(&str, &str)]) {
    let analysis = longwave::analysis::named(name).unwrap();
    let mut values = Settings::defaults(analysis.parameters);
    for (key, value) in settings {
        values.set(key, value).unwrap();
    }
    let selection = Selection::all(source.recording(), 0);
    let request = longwave::analysis::Request {
        source,
        selection: &selection,
        settings: &values,
        task: &task(),
        summary: None,
        publish: &|_| {},
    };
    std::hint::black_box((analysis.run)(&request).unwrap());
}

fn export(source: &Arc<dyn Source>, target: &Path) -> Vec<PathBuf> {
    let exporter = longwave::export::for_target(target).unwrap();
    let selection = Selection::all(source.recording(), 0);
    let request = longwave::export::Request {
        source,
        selection: &selection,
        target,
        values: Values::Stored,
        settings: &Settings::defaults(exporter.parameters),
        overwrite: true,
        whole: false,
        task: &task(),
    };
    (exporter.run)(&request).unwrap()
}

fn all(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let (float_path, int_path) = (folder.path().join("float"), folder.path().join("int"));
    write_noise(&float_path, true);
    write_noise(&int_path, false);
    let float = FlatSource::open(&float_path, SampleFormat::little(SampleType::F32), 1, 0, 0).shared();
    let int = FlatSource::open(&int_path, SampleFormat::little(SampleType::I16), 128, 0, 0).shared();
    let packets = FlatSource::open(&int_path, SampleFormat::little(SampleType::I16), 128, 0, 14).shared();
    let few = FlatSource::open(&int_path, SampleFormat::little(SampleType::I16), 4, 0, 0).shared();

    let mut group = c.benchmark_group("analysis");
    group.sample_size(10).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_secs(1));
    group.throughput(Throughput::Bytes(bytes()));
    group.bench_function("stats, f32, 1 channel", |b| b.iter(|| analyse(&float, "stats", &[])));
    group.bench_function("stats, i16, 128 channels", |b| b.iter(|| analyse(&int, "stats", &[])));
    group.bench_function("stats, i16, 4 channels", |b| b.iter(|| analyse(&few, "stats", &[])));
    group.bench_function("spectrum, f32, 1 channel", |b| b.iter(|| analyse(&float, "spectrum", &[])));
    group.bench_function("spectrum, i16, 128 channels", |b| b.iter(|| analyse(&int, "spectrum", &[])));
    let max = [("average", "max")];
    group.bench_function("spectrum, f32, 1 channel, max", |b| b.iter(|| analyse(&float, "spectrum", &max)));
    let target = folder.path().join("out.npy");
    group.bench_function("export, bytes as they are", |b| b.iter(|| export(&float, &target)));
    group.bench_function("export, out of packets", |b| b.iter(|| export(&packets, &target)));
    let copy = folder.path().join("copy");
    group.bench_function("std::fs::copy", |b| b.iter(|| std::fs::copy(&float_path, &copy).unwrap()));
    group.finish();
}

criterion_group!(benches, all);
criterion_main!(benches);
