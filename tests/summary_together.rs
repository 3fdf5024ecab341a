//! Summaries that several threads or programs use at once: every answer is right or says that it is not.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/flat.rs"]
mod flat;

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use common::Random;
use flat::FlatSource;
use longwave::Result;
use longwave::budget::MemoryBudget;
use longwave::recording::{Block, Recording, SampleFormat, SampleType};
use longwave::source::Source;
use longwave::summary::{Columns, MinMax, SidecarPolicy, Summary, ViewRequest};
use longwave::task::Task;

const CHANNELS: usize = 2;
const FRAMES: usize = (7 << 20) + 3001;

fn task() -> Task {
    Task::new(MemoryBudget::new(64 << 20), 2)
}

/// Rows of two bytes.
fn samples(frames: usize, seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    (0..frames * CHANNELS).map(|i| ((i >> 14) as u64 + random.below(40)) as u8).collect()
}

fn open(path: &Path) -> Arc<dyn Source> {
    FlatSource::open(path, SampleFormat::native(SampleType::U8), CHANNELS, 0, 0).shared()
}

/// The extremes of some frames, by looking at them: whole buckets of 4096 were looked at beforehand.
struct Truth {
    bytes: Vec<u8>,
    buckets: Vec<[(u8, u8); CHANNELS]>,
}

const BUCKET: usize = 4096;

impl Truth {
    fn new(bytes: Vec<u8>) -> Self {
        let buckets =
            bytes.chunks(BUCKET * CHANNELS).map(|rows| std::array::from_fn(|c| Self::look(rows, c))).collect();
        Self { bytes, buckets }
    }

    fn look(rows: &[u8], channel: usize) -> (u8, u8) {
        let of_channel = rows.iter().skip(channel).step_by(CHANNELS);
        of_channel.fold((u8::MAX, u8::MIN), |(min, max), &x| (min.min(x), max.max(x)))
    }

    fn of(&self, channel: usize, frames: Range<u64>) -> MinMax {
        let (start, end) = (frames.start as usize, frames.end as usize);
        let whole = start.div_ceil(BUCKET)..(end / BUCKET).max(start.div_ceil(BUCKET));
        let edges = if whole.is_empty() {
            std::iter::once(start..end).collect()
        } else {
            vec![start..whole.start * BUCKET, whole.end * BUCKET..end]
        };
        let of_edges =
            edges.into_iter().map(|e| Self::look(&self.bytes[e.start * CHANNELS..e.end * CHANNELS], channel));
        let of_whole = self.buckets[whole].iter().map(|b| b[channel]);
        let (min, max) = of_edges.chain(of_whole).fold((u8::MAX, u8::MIN), |a, b| (a.0.min(b.0), a.1.max(b.1)));
        MinMax { min: f64::from(min), max: f64::from(max) }
    }

    /// Checks every column; returns how many are exact.
    fn check(&self, columns: &Columns) -> u64 {
        let mut exact = 0;
        for (&channel, values) in columns.request.channels.iter().zip(&columns.values) {
            assert_eq!(values.len() + 1, columns.edges.len());
            for (i, value) in values.iter().enumerate() {
                let truth = self.of(channel, columns.edges[i]..columns.edges[i + 1]);
                if columns.exact[i] {
                    assert_eq!(*value, truth, "{:?} column {i} is marked as exact", columns.request);
                    exact += 1;
                } else {
                    let inside = value.is_empty() || (value.min >= truth.min && value.max <= truth.max);
                    assert!(inside, "{:?} column {i}: {value:?} is not inside {truth:?}", columns.request);
                }
            }
        }
        exact
    }
}

fn random_request(random: &mut Random, frames: u64) -> ViewRequest {
    let bucket = 1_u64 << random.below(22);
    let start = random.below(frames);
    let end = (start + 1 + random.below(bucket * 300)).min(frames);
    let channels = if random.below(3) == 0 { vec![1] } else { vec![0, 1] };
    ViewRequest::covering(0, channels, start..end, frames, bucket as f64)
}

#[test]
fn answers_given_while_building_are_right_or_marked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long");
    let truth = Truth::new(samples(FRAMES, 21));
    fs::write(&path, &truth.bytes).unwrap();
    let places = [SidecarPolicy::Off, SidecarPolicy::At(folder.path().join("long.lwpeaks"))];
    for (round, policy) in places.iter().cycle().take(4).enumerate() {
        fs::remove_file(folder.path().join("long.lwpeaks")).unwrap_or_default();
        let task = task();
        let summary = Summary::open(open(&path), 0, task.budget(), policy).unwrap();
        let done = AtomicBool::new(false);
        let exact = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for asker in 0..2 {
                let (summary, truth, task, done, exact) = (&summary, &truth, &task, &done, &exact);
                scope.spawn(move || {
                    let mut random = Random(100 * round as u64 + asker + 1);
                    let mut after = 0;
                    // Some more when all is built.
                    while after < 20 {
                        after += u64::from(done.load(Ordering::Acquire));
                        let request = random_request(&mut random, FRAMES as u64);
                        let columns = match random.below(3) {
                            0 => summary.estimate(&request, task),
                            _ => summary.columns(&request, task),
                        };
                        exact.fetch_add(truth.check(&columns.unwrap()), Ordering::Relaxed);
                    }
                });
            }
            scope.spawn(|| {
                let mut random = Random(7 + round as u64);
                while !done.load(Ordering::Acquire) {
                    let start = random.below(FRAMES as u64);
                    summary.want(start..FRAMES as u64 + random.below(100));
                    task.budget().set_pressure(random.below(4) == 0);
                    if random.below(3) == 0 {
                        summary.trim();
                    }
                    std::thread::yield_now();
                }
            });
            let built = summary.build(&task);
            done.store(true, Ordering::Release);
            built.unwrap();
        });
        assert!(summary.is_complete() && exact.load(Ordering::Relaxed) > 0);
        let all = ViewRequest::covering(0, vec![0, 1], 0..FRAMES as u64, FRAMES as u64, 65_536.0);
        let columns = summary.estimate(&all, &task).unwrap();
        truth.check(&columns);
        assert_eq!(columns.exact_share(), 1.0);
        drop(summary);
        assert_eq!(task.budget().used(), 0);
    }
}

#[test]
fn a_summary_that_is_dropped_while_it_answers_is_no_trouble() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long");
    let truth = Truth::new(samples(FRAMES, 22));
    fs::write(&path, &truth.bytes).unwrap();
    let task = task();
    for round in 0..6 {
        let summary = Summary::open(open(&path), 0, task.budget(), &SidecarPolicy::Off).unwrap();
        let (builder, stop) = (summary.clone(), Task::new(task.budget().clone(), 2));
        let (their_stop, truth, task) = (stop.clone(), &truth, &task);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                if let Err(e) = builder.build(&their_stop) {
                    assert!(e.is_cancelled(), "{e}");
                }
            });
            let mut random = Random(round + 1);
            for _ in 0..3 {
                truth.check(&summary.columns(&random_request(&mut random, FRAMES as u64), task).unwrap());
            }
            drop(summary);
            stop.cancel();
        });
        assert_eq!(task.budget().used(), 0);
    }
}

#[cfg(unix)]
fn inode(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(path).unwrap().ino()
}

/// Both have looked before either has begun.
#[cfg(unix)]
#[test]
fn a_second_program_takes_up_what_the_first_has_begun() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long");
    let truth = Truth::new(samples((2 << 20) + 77, 23));
    fs::write(&path, &truth.bytes).unwrap();
    let policy = SidecarPolicy::At(folder.path().join("long.lwpeaks"));
    let first = Summary::open(open(&path), 0, task().budget(), &policy).unwrap();
    let second = Summary::open(open(&path), 0, task().budget(), &policy).unwrap();
    first.build(&task()).unwrap();
    let before = inode(&folder.path().join("long.lwpeaks"));
    let task = task();
    second.build(&task).unwrap();
    assert_eq!(inode(&folder.path().join("long.lwpeaks")), before);
    assert_eq!(task.progress().done_bytes, 0, "nothing was made again");
    for summary in [&first, &second] {
        assert!(summary.is_complete());
        let all = ViewRequest::covering(0, vec![0, 1], 0..(2 << 20) + 77, (2 << 20) + 77, 4096.0);
        truth.check(&summary.columns(&all, &task).unwrap());
    }
}

/// Puts another file in place of the sidecar at its first read, and stops the task.
struct Meddling {
    inner: Arc<dyn Source>,
    path: PathBuf,
    sidecar: PathBuf,
    task: Task,
}

impl Source for Meddling {
    fn recording(&self) -> &Recording {
        self.inner.recording()
    }

    fn read(&self, stream: usize, frames: Range<u64>, channels: &[usize], out: &mut Block) -> Result<()> {
        fs::remove_file(&self.sidecar).unwrap_or_default();
        fs::write(&self.sidecar, "of another program").unwrap();
        self.task.cancel();
        self.inner.read(stream, frames, channels, out)
    }

    fn path(&self) -> Option<&Path> {
        Some(&self.path)
    }
}

#[cfg(unix)]
#[test]
fn who_stops_does_not_remove_the_sidecar_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long");
    fs::write(&path, samples(1 << 21, 24)).unwrap();
    let sidecar = folder.path().join("long.lwpeaks");
    let task = task();
    let source = Meddling { inner: open(&path), path, sidecar: sidecar.clone(), task: task.clone() };
    let summary = Summary::open(Arc::new(source), 0, task.budget(), &SidecarPolicy::At(sidecar.clone())).unwrap();
    assert!(summary.build(&task).unwrap_err().is_cancelled());
    assert_eq!(fs::read(&sidecar).unwrap(), b"of another program");
}

/// The name of the recording goes to another file after it was opened: what is made of the one is not for the other.
#[cfg(unix)]
#[test]
fn a_sidecar_is_of_the_file_that_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("long"), folder.path().join("other"));
    let truth = Truth::new(samples(1 << 21, 25));
    fs::write(&path, samples(1 << 21, 26)).unwrap();
    fs::write(&other, &truth.bytes).unwrap();
    let policy = SidecarPolicy::At(folder.path().join("long.lwpeaks"));
    let old = open(&path);
    fs::rename(&other, &path).unwrap();
    Summary::open(old, 0, task().budget(), &policy).unwrap().build(&task()).unwrap();
    let summary = Summary::open(open(&path), 0, task().budget(), &policy).unwrap();
    assert_eq!(summary.coverage(), 0.0);
    let all = ViewRequest::covering(0, vec![0, 1], 0..1 << 21, 1 << 21, 65_536.0);
    truth.check(&summary.columns(&all, &task()).unwrap());
}

/// A recording that grows between opening it and looking at its summary keeps its full rows at the next opening.
#[test]
fn what_was_made_of_a_growing_file_stays() {
    use std::io::Write as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long");
    let truth = Truth::new(samples((3 << 20) + 500, 27));
    let early = ((1 << 20) + 4000) * CHANNELS;
    fs::write(&path, &truth.bytes[..early]).unwrap();
    let policy = SidecarPolicy::At(folder.path().join("long.lwpeaks"));
    let old = open(&path);
    let mut file = fs::File::options().append(true).open(&path).unwrap();
    file.write_all(&truth.bytes[early..]).unwrap();
    drop(file);
    Summary::open(old, 0, task().budget(), &policy).unwrap().build(&task()).unwrap();
    let summary = Summary::open(open(&path), 0, task().budget(), &policy).unwrap();
    assert_eq!(summary.coverage(), 0.25);
    summary.build(&task()).unwrap();
    let all = ViewRequest::covering(0, vec![0, 1], 0..(3 << 20) + 500, (3 << 20) + 500, 256.0);
    assert_eq!(truth.check(&summary.columns(&all, &task()).unwrap()), 2 * ((3 << 12) + 2));
}
