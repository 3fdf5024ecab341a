//! Following a recording that is being written: whatever is appended, in pieces of any size, the description and the
//! summary are those of opening the file again.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::Random;
use longwave::budget::MemoryBudget;
use longwave::filter::{self, Chain};
use longwave::recording::{SampleType, Stream};
use longwave::source::{self, OpenOptions, Source, again};
use longwave::summary::{Columns, SidecarPolicy, Summary, TILE_FRAMES, ViewRequest, peaks_at};
use longwave::task::Task;

fn task() -> Task {
    Task::new(MemoryBudget::new(256 << 20), 2)
}

fn raw(sample_type: SampleType, channels: usize) -> OpenOptions {
    OpenOptions {
        format: Some("raw".to_owned()),
        sample_type: Some(sample_type),
        channel_count: Some(channels),
        rate_hz: Some(1000.0),
        ..OpenOptions::default()
    }
}

fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    (0..len.div_ceil(8)).flat_map(|_| random.next().to_le_bytes()).take(len).collect()
}

fn append(path: &Path, bytes: &[u8]) {
    fs::File::options().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

/// A recording that is followed, and what it is compared with.
struct Live {
    source: Arc<dyn Source>,
    summary: Summary,
    options: OpenOptions,
    files: Vec<PathBuf>,
    sidecar: PathBuf,
}

impl Live {
    fn open(files: &[PathBuf], options: OpenOptions, sidecar: PathBuf) -> Self {
        let source = source::open_all(files, &options, &task()).unwrap();
        let stream = source.recording().default_stream();
        let policy = SidecarPolicy::At(sidecar.clone());
        let summary = Summary::open(Arc::clone(&source), stream, task().budget(), &policy).unwrap();
        summary.build(&task()).unwrap();
        Self { source, summary, options, files: files.to_vec(), sidecar }
    }

    /// Takes in what its files have got.
    fn follow(&mut self) {
        let now = again(&self.source, &self.files, &self.options, &task()).unwrap();
        assert!(now.is_longer);
        let frames = self.stream().frames;
        self.summary = self.summary.grown(Arc::clone(&now.source), frames).unwrap();
        self.source = now.source;
    }

    fn stream(&self) -> &Stream {
        &self.source.recording().streams[self.summary.stream()]
    }

    fn fresh(&self) -> Arc<dyn Source> {
        source::open_all(&self.files, &self.options, &task()).unwrap()
    }

    /// Against the same files, opened again and looked at sample by sample.
    fn check(&self, random: &mut Random) {
        let fresh = self.fresh();
        let expected = &fresh.recording().streams[self.summary.stream()];
        let stream = self.stream();
        assert_eq!((stream.frames, stream.time.spans()), (expected.frames, expected.time.spans()));
        assert_eq!(stream.channels, expected.channels);
        same_columns(&self.summary, &in_memory(fresh, self.summary.stream()), random);
    }

    /// The sidecar is the one that a pass over the finished file makes.
    fn check_sidecar(&self) {
        let other = self.sidecar.with_extension("fresh");
        let stream = self.summary.stream();
        peaks_at(self.fresh(), stream, &SidecarPolicy::At(other.clone()), &task()).unwrap();
        assert!(fs::read(&self.sidecar).unwrap() == fs::read(&other).unwrap(), "the sidecars differ");
        fs::remove_file(other).unwrap();
    }
}

fn in_memory(source: Arc<dyn Source>, stream: usize) -> Summary {
    Summary::open(source, stream, task().budget(), &SidecarPolicy::Off).unwrap()
}

fn request(summary: &Summary, random: &mut Random) -> ViewRequest {
    let stream = &summary.source().recording().streams[summary.stream()];
    let frames = stream.frames;
    let end = if random.below(2) == 0 { frames } else { random.below(frames) + 1 };
    let start = random.below(end);
    let per_column = [1.0, 3.0, 256.0, 700.0, 4096.0, 70_000.0, 2e6][random.below(7) as usize];
    // Not so many columns that a test takes long.
    let start = start.max(end.saturating_sub((per_column * 3000.0) as u64));
    let channels = (0..stream.channels.len()).filter(|_| random.below(3) > 0).collect();
    ViewRequest::covering(summary.stream(), channels, start..end, frames, per_column)
}

/// Columns of both for some ranges; those of `b` are made of all samples.
fn same_columns(a: &Summary, b: &Summary, random: &mut Random) {
    b.build(&task()).unwrap();
    for _ in 0..6 {
        let request = request(a, random);
        let of = |summary: &Summary| -> Columns { summary.columns(&request, &task()).unwrap() };
        let (a, b) = (of(a), of(b));
        assert_eq!((&a.edges, &a.values), (&b.edges, &b.values), "{request:?}");
        assert!(a.exact.iter().all(|&exact| exact), "{request:?}");
    }
    let stream = &b.source().recording().streams[b.stream()];
    let channels: Vec<usize> = (0..stream.channels.len()).collect();
    let start = random.below(stream.frames);
    for frames in [0..stream.frames, start..stream.frames] {
        let of = |summary: &Summary| summary.range(frames.clone(), &channels, u64::MAX, &task()).unwrap().unwrap();
        for (a, b) in of(a).iter().zip(&of(b)) {
            assert_eq!((a.count, a.nan_count, a.clipped), (b.count, b.nan_count, b.clipped));
            assert_eq!((a.min_frame, a.max_frame), (b.min_frame, b.max_frame));
            let near =
                |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(1.0) || a == b || (a.is_nan() && b.is_nan());
            let (p, q) = (a.physical.unwrap(), b.physical.unwrap());
            assert!(near(p.mean, q.mean) && near(p.std, q.std), "{a:?} {b:?}");
        }
    }
}

/// Appends `bytes` to `path` in pieces of odd sizes, and follows.
fn grow(live: &mut Live, path: &Path, bytes: &[u8], most: u64, random: &mut Random) {
    let mut at = 0;
    while at < bytes.len() {
        let piece = (1 + random.below(most) as usize).min(bytes.len() - at);
        append(path, &bytes[at..at + piece]);
        at += piece;
        let before = live.summary.clone();
        live.follow();
        // The window asks while nothing is made yet, while it is made, and when it is.
        if random.below(3) > 0 {
            live.summary.build(&task()).unwrap();
            assert!(live.summary.is_complete());
        }
        if random.below(3) == 0 {
            live.summary.settle();
            live.summary.build(&task()).unwrap();
        }
        live.check(random);
        // What began before goes on with the recording as it was.
        if random.below(3) == 0 {
            let source = Arc::clone(before.source());
            same_columns(&before, &in_memory(source, before.stream()), random);
        }
    }
    live.summary.settle();
    live.summary.build(&task()).unwrap();
    live.check(random);
    live.check_sidecar();
}

#[test]
fn a_raw_file_grows_over_tiles() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.raw");
    let bytes = noise(2_300_007, 1);
    let mut random = Random(3);
    for (sample_type, channels) in [(SampleType::U8, 1), (SampleType::F32, 3)] {
        fs::write(&path, &bytes[..100_001]).unwrap();
        let sidecar = folder.path().join(format!("peaks {channels}"));
        let mut live = Live::open(std::slice::from_ref(&path), raw(sample_type, channels), sidecar);
        grow(&mut live, &path, &bytes[100_001..], 900_000, &mut random);
    }
}

#[test]
fn an_array_grows_as_far_as_its_header_tells() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    let frames = TILE_FRAMES + 40_000;
    let text = format!("{:<117}\n", format!("{{'descr': '|i1', 'fortran_order': False, 'shape': ({frames}, 2), }}"));
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.extend(noise(frames as usize * 2, 5));
    fs::write(&path, &bytes[..70_001]).unwrap();
    let mut live = Live::open(std::slice::from_ref(&path), OpenOptions::default(), folder.path().join("peaks"));
    let mut random = Random(8);
    grow(&mut live, &path, &bytes[70_001..], 1 << 20, &mut random);
    // What stands behind the array is none of it.
    append(&path, &[1; 4000]);
    live.follow();
    assert_eq!(live.stream().frames, frames);
    live.check(&mut random);
}

/// The bytes of a `.rec` with some packets missing, and the lengths of its header and of a packet.
fn rec(folder: &Path, seconds: f64, random: &mut Random) -> (Vec<u8>, usize, usize) {
    let path = folder.join("whole.rec");
    longwave::demo::write_demo(&path, seconds, 2, &task(), true).unwrap();
    let source = source::open(&path, &OpenOptions::default(), &task()).unwrap();
    let layout = source.flat_at(0, 0).unwrap().layout;
    let (header, packet) = (layout.first_byte() as usize, layout.frame_stride() as usize);
    let bytes = fs::read(&path).unwrap();
    let mut kept = bytes[..header].to_vec();
    let mut skip = 0;
    for packet in bytes[header..].chunks_exact(packet) {
        if skip > 0 {
            skip -= 1;
        } else {
            kept.extend_from_slice(packet);
            skip = if random.below(900) == 0 { 1 + random.below(700) } else { 0 };
        }
    }
    fs::remove_file(&path).unwrap();
    (kept, header, packet)
}

#[test]
fn a_rec_grows_packet_by_packet_with_its_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random(11);
    let (bytes, header, packet) = rec(folder.path(), 3.0, &mut random);
    let path = folder.path().join("a.rec");
    for start in [header + packet, header + 5 * packet + 3, header + 9000 * packet] {
        fs::write(&path, &bytes[..start]).unwrap();
        let sidecar = folder.path().join(format!("peaks {start}"));
        let mut live = Live::open(std::slice::from_ref(&path), OpenOptions::default(), sidecar);
        grow(&mut live, &path, &bytes[start..], 300_000, &mut random);
        let (live, fresh) = (live.source.recording(), live.fresh());
        for (a, b) in live.streams.iter().zip(&fresh.recording().streams) {
            assert_eq!((&a.name, a.frames, a.time.spans()), (&b.name, b.frames, b.time.spans()));
            let start = |s: &Stream| s.time.start_unix_ns().unwrap();
            assert!((start(a) - start(b)).abs() < 2_000_000, "{} and {}", start(a), start(b));
        }
        assert!(live.streams[0].time.gaps().len() > 50);
    }
}

#[test]
fn irregular_counters_are_as_when_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random(12);
    let (mut bytes, header, packet) = rec(folder.path(), 1.0, &mut random);
    let n = (bytes.len() - header) / packet;
    // Some packets come twice, some are damaged.
    for at in [n / 2, n / 3, n / 4] {
        let twice = bytes[header + at * packet..header + (at + 7) * packet].to_vec();
        let to = header + (at + 7) * packet;
        bytes.splice(to..to, twice);
    }
    for at in [n / 5, n / 5 + 1, n - 100] {
        bytes[header + at * packet..][..packet].fill(0);
    }
    let path = folder.path().join("a.rec");
    fs::write(&path, &bytes[..header + 10 * packet]).unwrap();
    let mut live = Live::open(std::slice::from_ref(&path), OpenOptions::default(), folder.path().join("peaks"));
    let mut at = header + 10 * packet;
    while at < bytes.len() {
        let piece = (1 + random.below(90_000) as usize).min(bytes.len() - at);
        append(&path, &bytes[at..at + piece]);
        at += piece;
        live.follow();
        let (now, fresh) = (live.stream().frames, live.fresh().recording().streams[0].frames);
        assert_eq!(now, fresh);
        let time = &live.stream().time;
        assert!(time.end_tick(now) >= now);
    }
}

#[test]
fn the_last_of_several_files_grows_and_a_further_one_follows() {
    let folder = tempfile::tempdir().unwrap();
    let at = |i: usize| folder.path().join(format!("day_{i}.raw"));
    let bytes = noise(2 << 20, 2);
    let mut random = Random(4);
    let options = raw(SampleType::I8, 1);
    fs::write(at(1), &bytes[..1_200_000]).unwrap();
    let mut live = Live::open(&[at(1)], options, folder.path().join("peaks"));
    append(&at(1), &bytes[1_200_000..1_300_000]);
    // It goes on in another file, twice, with tiles that are not made again.
    for i in 2..4 {
        let before = live.summary.coverage();
        fs::write(at(i), &bytes[i..70_001]).unwrap();
        live.files.push(at(i));
        live.follow();
        assert_eq!(before, 1.0);
        assert!(live.summary.missing_rows() <= 2, "{}", live.summary.missing_rows());
        // Nor when they are taken over into a sidecar of its own.
        let missing = live.summary.missing_rows() as u64;
        let build = task();
        live.summary.build(&build).unwrap();
        assert!(build.progress().total_bytes <= missing * TILE_FRAMES);
        live.check(&mut random);
        grow(&mut live, &at(i), &bytes[..1_100_000], 700_000, &mut random);
        assert_eq!(live.source.parts().len(), i);
    }
}

#[test]
fn what_comes_out_of_filters_grows_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.raw");
    let bytes = noise(1_700_000, 6);
    let mut random = Random(7);
    for text in ["high-pass=100", "moving-average=0.5", "rectify; decimate=4"] {
        let chain = Chain::parse(text).unwrap();
        fs::write(&path, &bytes[..1_200_000]).unwrap();
        let options = raw(SampleType::I8, 1);
        let mut source = source::open(&path, &options, &task()).unwrap();
        let mut shown = filter::filtered(Arc::clone(&source), 0, &chain).unwrap();
        let mut summary = in_memory(Arc::clone(&shown), 0);
        summary.build(&task()).unwrap();
        let mut at = 1_200_000;
        while at < bytes.len() {
            let piece = (1 + random.below(300_000) as usize).min(bytes.len() - at);
            append(&path, &bytes[at..at + piece]);
            at += piece;
            let ahead = filter::looks_ahead(&source.recording().streams[0], &chain).unwrap();
            source = again(&source, std::slice::from_ref(&path), &options, &task()).unwrap().source;
            let frames = shown.recording().streams[0].frames;
            shown = filter::filtered(Arc::clone(&source), 0, &chain).unwrap();
            summary = summary.grown(Arc::clone(&shown), frames.saturating_sub(ahead)).unwrap();
            summary.build(&task()).unwrap();
            let fresh = in_memory(Arc::clone(&shown), 0);
            fresh.build(&task()).unwrap();
            for _ in 0..4 {
                let request = request(&summary, &mut random);
                let of = |summary: &Summary| summary.columns(&request, &task()).unwrap();
                let (a, b) = (of(&summary), of(&fresh));
                for (a, b) in a.values.iter().flatten().zip(b.values.iter().flatten()) {
                    let near = |a: f64, b: f64| a == b || (a - b).abs() <= 1e-6 * a.abs().max(1.0);
                    assert!(near(a.min, b.min) && near(a.max, b.max), "{text}: {a:?} {b:?} {request:?}");
                }
            }
        }
    }
}

#[test]
fn a_pass_that_began_before_leaves_nothing_that_does_not_hold() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.raw");
    let bytes = noise(TILE_FRAMES as usize + 200_000, 6);
    let options = raw(SampleType::I8, 1);
    let chain = Chain::parse("moving-average=0.5").unwrap();
    // The filter has not looked far enough ahead for the end of the first tile.
    fs::write(&path, &bytes[..TILE_FRAMES as usize + 10]).unwrap();
    let source = source::open(&path, &options, &task()).unwrap();
    let shown = filter::filtered(Arc::clone(&source), 0, &chain).unwrap();
    let before = in_memory(shown, 0);
    append(&path, &bytes[TILE_FRAMES as usize + 10..]);
    let ahead = filter::looks_ahead(&source.recording().streams[0], &chain).unwrap();
    assert!(ahead > 10);
    let unchanged = TILE_FRAMES + 10 - ahead;
    let longer = again(&source, std::slice::from_ref(&path), &options, &task()).unwrap().source;
    let shown = filter::filtered(longer, 0, &chain).unwrap();
    let summary = before.grown(shown, unchanged).unwrap();
    before.build(&task()).unwrap();
    assert_eq!(summary.missing_rows(), 2);
    assert!(before.holds(&(0..unchanged)) && !before.holds(&(0..unchanged + 1)));
    summary.build(&task()).unwrap();
    assert!(summary.is_complete());
}

#[test]
fn what_is_not_the_same_recording_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.raw");
    fs::write(&path, noise(50_000, 1)).unwrap();
    let options = raw(SampleType::I16, 2);
    let live = Live::open(std::slice::from_ref(&path), options.clone(), folder.path().join("peaks"));
    // Cut.
    fs::write(&path, noise(20_000, 1)).unwrap();
    let now = again(&live.source, &live.files, &options, &task()).unwrap();
    assert!(!now.is_longer);
    assert!(live.summary.grown(now.source, 0).is_err());
    // A planar file that grows puts its channels elsewhere.
    let planar = OpenOptions { order: Some(source::ChannelOrder::Planar), ..options };
    let old = source::open(&path, &planar, &task()).unwrap();
    append(&path, &noise(400, 3));
    assert!(!again(&old, &live.files, &planar, &task()).unwrap().is_longer);
    // Gone, and nothing that could be read.
    fs::remove_file(&path).unwrap();
    assert!(again(&old, &live.files, &planar, &task()).is_err());
    fs::write(&path, []).unwrap();
    assert!(again(&old, &live.files, &planar, &task()).is_err());
}

#[test]
fn commands_work_on_a_file_that_grows_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.i16");
    fs::write(&path, noise(4_000_000, 1)).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = Random(9);
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                append(&path, &noise(1 + random.below(30_000) as usize, 5));
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        });
        let file = path.to_str().unwrap();
        let cut = folder.path().join("cut.npy");
        let commands: [&[&str]; 4] = [
            &["info", file, "--channel-count", "2", "--json"],
            &["stats", file, "--channel-count", "2"],
            &["check", file, "--channel-count", "2"],
            &["export", file, "--channel-count", "2", "-o", cut.to_str().unwrap()],
        ];
        for args in commands {
            let output = common::longwave(args);
            assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
