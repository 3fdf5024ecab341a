//! Recordings of several files: any split is as good as the whole, for everything that is computed and written.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{Random, longwave, oracle_scripts, python};
use longwave::analysis::{self, Report};
use longwave::budget::MemoryBudget;
use longwave::demo::write_demo;
use longwave::export::{Request, Values, for_target};
use longwave::form::Settings;
use longwave::recording::{Block, Event, Stream, TimeBase};
use longwave::scan::Selection;
use longwave::source::{self, OpenOptions, PlacedBy, Source};
use longwave::summary::{Columns, SidecarPolicy, Summary, ViewRequest, peaks_at};
use longwave::task::Task;

fn open_all(paths: &[PathBuf]) -> longwave::Result<Arc<dyn Source>> {
    source::open_all(paths, &OpenOptions::default(), &Task::unattended())
}

/// Bytes of the header of a `.rec`.
fn header_len(bytes: &[u8]) -> usize {
    let end = b"</Configuration>\n";
    bytes.windows(end.len()).position(|w| w == end).unwrap() + end.len()
}

/// The demo recording, `seconds` long, and the same packets in parts that begin at `cuts` (packets).
struct Split {
    whole: PathBuf,
    parts: Vec<PathBuf>,
}

fn split_demo(folder: &Path, seconds: f64, channels: usize, cuts: &[usize]) -> Split {
    let whole = folder.join("whole.rec");
    write_demo(&whole, seconds, channels, &Task::unattended(), true).unwrap();
    let bytes = fs::read(&whole).unwrap();
    let (header, packets) = bytes.split_at(header_len(&bytes));
    // Sync, DIO 1, ECU 8, SysClock 8, counter 4, samples.
    let packet = 22 + 2 * channels;
    assert_eq!(packets.len() % packet, 0);
    let mut edges: Vec<usize> = cuts.iter().map(|c| (c * packet).min(packets.len())).collect();
    edges.extend([0, packets.len()]);
    edges.sort_unstable();
    let parts = edges.windows(2).enumerate().map(|(i, w)| {
        let path = folder.join(format!("20240517_demo_{:02}_r1_part{}.rec", 1 + i / 3, 1 + i % 3));
        fs::write(&path, [header, &packets[w[0]..w[1]]].concat()).unwrap();
        path
    });
    Split { parts: parts.collect(), whole }
}

/// Equal but for the line through the system clock, which is drawn through other readings of it: within the jitter.
fn same_streams(a: &[Stream], b: &[Stream]) {
    let plain =
        |s: &Stream| Stream { time: TimeBase::with_spans(s.time.rate_hz(), s.time.spans().to_vec()), ..s.clone() };
    assert_eq!(a.iter().map(plain).collect::<Vec<_>>(), b.iter().map(plain).collect::<Vec<_>>());
    for (a, b) in a.iter().zip(b) {
        for tick in [0, a.time.end_tick(a.frames)] {
            let (x, y) = (a.time.unix_ns_of_tick(tick).unwrap(), b.time.unix_ns_of_tick(tick).unwrap());
            assert!((x - y).abs() < 1_000_000, "{x} and {y} at tick {tick}");
        }
    }
}

fn report(source: &Arc<dyn Source>, name: &str, selection: &Selection, threads: usize) -> Report {
    let analysis = analysis::named(name).unwrap();
    let task = Task::new(MemoryBudget::new(64 << 20), threads);
    let settings = Settings::defaults(analysis.parameters);
    let request =
        analysis::Request { source, selection, settings: &settings, task: &task, summary: None, publish: &|_| {} };
    (analysis.run)(&request).unwrap()
}

fn export(source: &Arc<dyn Source>, selection: &Selection, target: &Path, values: Values) -> Vec<Vec<u8>> {
    let exporter = for_target(target).unwrap();
    let task = Task::new(MemoryBudget::new(64 << 20), 2);
    let settings = Settings::defaults(exporter.parameters);
    let whole = false;
    let request =
        Request { source, selection, whole, target, values, settings: &settings, overwrite: true, task: &task };
    let files = (exporter.run)(&request).unwrap();
    files.iter().map(|f| fs::read(f).unwrap()).collect()
}

fn columns(source: &Arc<dyn Source>, stream: usize, policy: &SidecarPolicy, build: bool) -> Vec<Columns> {
    let task = Task::new(MemoryBudget::new(64 << 20), 2);
    let summary = Summary::open(Arc::clone(source), stream, task.budget(), policy).unwrap();
    if build {
        summary.build(&task).unwrap();
    }
    let s = &source.recording().streams[stream];
    let channels: Vec<usize> = (0..s.channels.len()).collect();
    let mut all = Vec::new();
    for (first, end, per_column) in [(0, s.frames, 900.0), (s.frames / 3, s.frames / 2, 17.0), (0, s.frames / 7, 300.0)]
    {
        let request = ViewRequest::covering(stream, channels.clone(), first..end, s.frames, per_column);
        all.push(summary.estimate(&request, &task).unwrap());
        all.push(summary.columns(&request, &task).unwrap());
    }
    all
}

fn events(source: &dyn Source, track: usize, range: std::ops::Range<f64>) -> Vec<Event> {
    let mut events = Vec::new();
    source.read_events(track, range, &mut events).unwrap();
    events
}

#[test]
fn any_split_of_a_rec_is_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random(42);
    for round in 0..6_u64 {
        // The demo's stretches of lost packets lie inside, and by the cuts now and then.
        let cuts: Vec<usize> = (0..round * 2).map(|_| random.below(60_000) as usize).collect();
        let split = split_demo(folder.path(), 2.0, 3, &cuts);
        let whole = open_all(std::slice::from_ref(&split.whole)).unwrap();
        let joined = open_all(&split.parts).unwrap();
        let (a, b) = (whole.recording(), joined.recording());
        same_streams(&a.streams, &b.streams);
        assert_eq!(a.events, b.events);
        let told: Vec<&str> = b.warnings.iter().map(|w| w.text.as_str()).collect();
        assert!(told.iter().all(|w| w.contains("no whole packet")), "{told:?}");
        if round > 0 {
            let parts = joined.parts();
            assert_eq!(parts.len(), split.parts.len());
            assert!(parts.iter().skip(1).all(|p| p.frames == 0 || p.placed_by != PlacedBy::Order));
        }
        for stream in 0..a.streams.len() {
            let s = &a.streams[stream];
            let (mut x, mut y) = (Block::default(), Block::default());
            for _ in 0..10 {
                let (p, q) = (random.below(s.frames), random.below(s.frames));
                let range = p.min(q)..p.max(q);
                let channels: Vec<usize> = (0..s.channels.len()).rev().collect();
                whole.read(stream, range.clone(), &channels, &mut x).unwrap();
                joined.read(stream, range, &channels, &mut y).unwrap();
                assert_eq!(x.samples(), y.samples());
            }
        }
        for track in 0..a.events.len() {
            for range in [0.0..2.0, 0.3..1.7, 0.5..0.5001, 1.999..9.0] {
                assert_eq!(
                    events(whole.as_ref(), track, range.clone()),
                    events(joined.as_ref(), track, range.clone()),
                    "track {track}, {range:?}, cuts {cuts:?}"
                );
            }
        }
        for frames in [0..a.streams[0].frames, 100..30_011] {
            let selection = Selection { frames, ..Selection::all(a, 0) };
            for threads in [1, 2] {
                let (x, y) =
                    (report(&whole, "stats", &selection, threads), report(&joined, "stats", &selection, threads));
                assert_eq!(x.json, y.json);
                let (x, y) =
                    (report(&whole, "spectrum", &selection, threads), report(&joined, "spectrum", &selection, threads));
                assert_eq!(x.csv(), y.csv());
            }
            for (name, values) in [("x.npy", Values::Stored), ("x.bin", Values::Stored), ("x.npy", Values::Physical)] {
                let target = folder.path().join(name);
                let (x, y) =
                    (export(&whole, &selection, &target, values), export(&joined, &selection, &target, values));
                assert!(x[0] == y[0] && x.len() == y.len(), "{name}");
            }
        }
        for build in [false, true] {
            let (x, y) =
                (columns(&whole, 0, &SidecarPolicy::Off, build), columns(&joined, 0, &SidecarPolicy::Off, build));
            for (x, y) in x.iter().zip(&y) {
                assert_eq!((&x.edges, &x.exact), (&y.edges, &y.exact));
                assert_eq!(x.values, y.values);
            }
        }
        for path in split.parts {
            fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn parts_of_plain_numbers_are_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let frames = 20_000_usize;
    let bytes: Vec<u8> = (0..frames * 2).flat_map(|i| ((i as i32 * 7919) as i16).to_le_bytes()).collect();
    fs::write(at("whole.bin"), &bytes).unwrap();
    let edges = [0, 1, 4096, 4097, 19_999, frames];
    let parts: Vec<PathBuf> = edges
        .windows(2)
        .enumerate()
        .map(|(i, w)| {
            fs::write(at(&format!("p{i}.bin")), &bytes[w[0] * 4..w[1] * 4]).unwrap();
            at(&format!("p{i}.bin"))
        })
        .collect();
    let layout = OpenOptions {
        format: Some("raw".to_owned()),
        sample_type: Some(longwave::recording::SampleType::I16),
        channel_count: Some(2),
        rate_hz: Some(1000.0),
        start: Some("2024-05-17T09:30:00Z".to_owned()),
        ..OpenOptions::default()
    };
    let task = Task::unattended();
    let whole = source::open(&at("whole.bin"), &layout, &task).unwrap();
    let joined = source::open_all(&parts, &layout, &task).unwrap();
    let recording = joined.recording();
    assert_eq!(recording.streams[0].time, whole.recording().streams[0].time);
    assert_eq!(recording.name, "p0.bin and 4 more");
    assert!(recording.warnings[0].text.contains("end to end"), "{:?}", recording.warnings);
    let selection = Selection::all(recording, 0);
    for name in ["x.bin", "x.npy"] {
        let target = at(name);
        assert_eq!(
            export(&whole, &selection, &target, Values::Stored),
            export(&joined, &selection, &target, Values::Stored)
        );
    }
    assert_eq!(fs::read(at("x.bin")).unwrap(), bytes, "the bytes of the parts, copied one behind the other");
    // None of the parts may be written over.
    let exporter = for_target(&parts[3]).unwrap();
    let settings = Settings::defaults(exporter.parameters);
    let request = Request {
        source: &joined,
        selection: &selection,
        whole: false,
        target: &parts[3],
        values: Values::Stored,
        settings: &settings,
        overwrite: true,
        task: &task,
    };
    let error = (exporter.run)(&request).unwrap_err().to_string();
    assert!(error.contains("recording itself"), "{error}");
    // Channel after channel: every part has a layout of its own.
    let planar = OpenOptions { order: Some(source::ChannelOrder::Planar), ..layout };
    let joined = source::open_all(&parts[1..4], &planar, &task).unwrap();
    let (mut all, mut one) = (Block::default(), Block::default());
    let frames = joined.recording().streams[0].frames;
    joined.read(0, 0..frames, &[1], &mut all).unwrap();
    let mut expected = Vec::new();
    for part in &parts[1..4] {
        let part = source::open(part, &planar, &task).unwrap();
        part.read(0, 0..part.recording().streams[0].frames, &[1], &mut one).unwrap();
        let longwave::recording::Samples::I16(v) = one.samples() else { panic!("i16") };
        expected.extend_from_slice(v);
    }
    assert_eq!(*all.samples(), longwave::recording::Samples::I16(expected));
    let exact = columns(&joined, 0, &SidecarPolicy::Off, true);
    assert!(exact.iter().all(|c| c.exact_share() >= 1.0));
}

#[test]
fn start_times_of_described_files_make_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let mut parts = Vec::new();
    for (i, start) in ["2024-05-17T09:30:00Z", "2024-05-17T09:30:02.5Z", "2024-05-17T09:30:04Z"].iter().enumerate() {
        let path = folder.path().join(format!("p{i}.bin"));
        fs::write(&path, vec![i as u8; 1000]).unwrap();
        let options = OpenOptions {
            format: Some("raw".to_owned()),
            sample_type: Some(longwave::recording::SampleType::U8),
            channel_count: Some(1),
            rate_hz: Some(1000.0),
            start: Some((*start).to_owned()),
            gaps: (i == 1).then(|| vec![[99, 50]]),
            ..OpenOptions::default()
        };
        options.save_beside(&path).unwrap();
        parts.push(path);
    }
    let joined = open_all(&parts).unwrap();
    let time = &joined.recording().streams[0].time;
    let gaps: Vec<(u64, u64)> = time.gaps().map(|g| (g.after_frame, g.missing_frames)).collect();
    assert_eq!(gaps, [(999, 1500), (1099, 50), (1999, 450)]);
    assert!(joined.recording().warnings.is_empty());
    assert_eq!(time.unix_ns_of_tick(4000), Some(1_715_938_204_000_000_000));
    let wrong: Vec<PathBuf> = [1, 0, 2].iter().map(|&i| parts[i].clone()).collect();
    let warnings = &open_all(&wrong).unwrap().recording().warnings.clone();
    assert!(warnings[0].text.contains("begins before"), "{warnings:?}");
}

#[test]
fn the_sidecar_belongs_to_the_list_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let split = split_demo(folder.path(), 1.0, 2, &[7000, 20_000]);
    let task = Task::new(MemoryBudget::new(64 << 20), 2);
    let joined = || open_all(&split.parts).unwrap();
    let stream = joined().recording().default_stream();
    let first = peaks_at(joined(), stream, &SidecarPolicy::Auto, &task).unwrap();
    assert!(!first.was_complete);
    let path = first.path.unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    assert!(path.parent() == Some(folder.path()) && name.starts_with("20240517_demo_01_r1_part1.rec+2-"), "{name}");
    assert!(peaks_at(joined(), stream, &SidecarPolicy::Auto, &task).unwrap().was_complete);
    // Another list has another sidecar.
    let other = peaks_at(open_all(&split.parts[..2]).unwrap(), stream, &SidecarPolicy::Auto, &task).unwrap();
    assert!(!other.was_complete && other.path.unwrap() != path);
    // One of the files changes: made anew.
    let mut bytes = fs::read(&split.parts[1]).unwrap();
    let at = bytes.len() - 1;
    bytes[at] ^= 0x40;
    fs::write(&split.parts[1], bytes).unwrap();
    let third = peaks_at(joined(), stream, &SidecarPolicy::Auto, &task).unwrap();
    assert!(!third.was_complete && third.path.as_deref() == Some(path.as_path()));
    // The same from tiles as from samples.
    let whole = open_all(&split.parts).unwrap();
    let (x, y) =
        (columns(&whole, stream, &SidecarPolicy::Auto, false), columns(&whole, stream, &SidecarPolicy::Off, true));
    assert!(x.iter().zip(&y).all(|(x, y)| x.values == y.values || !x.exact.iter().all(|&e| e)));
}

#[test]
fn the_summary_of_a_list_goes_on_with_that_of_a_shorter_one() {
    const ROW: usize = 1 << 20;
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random(7);
    let mut part = |name: &str, frames: usize| {
        let path = folder.path().join(name);
        let bytes: Vec<u8> = (0..frames).map(|_| random.below(250) as u8).collect();
        fs::write(&path, bytes).unwrap();
        let options = OpenOptions {
            format: Some("raw".to_owned()),
            sample_type: Some(longwave::recording::SampleType::U8),
            rate_hz: Some(1000.0),
            ..OpenOptions::default()
        };
        options.save_beside(&path).unwrap();
        path
    };
    let parts = [part("a_1.raw", ROW / 2), part("a_2.raw", ROW + 5000), part("a_3.raw", ROW), part("a_4.raw", 700)];
    let budget = MemoryBudget::new(64 << 20);
    let task = Task::new(budget.clone(), 2);
    let open =
        |n: usize, policy: &SidecarPolicy| Summary::open(open_all(&parts[..n]).unwrap(), 0, &budget, policy).unwrap();
    let same = |summary: &Summary, n: usize| {
        let frames = summary.source().recording().streams[0].frames;
        let request = ViewRequest::covering(0, vec![0], 0..frames, frames, 5000.0);
        let expected = open(n, &SidecarPolicy::Off);
        expected.build(&task).unwrap();
        let (a, b) = (summary.columns(&request, &task).unwrap(), expected.columns(&request, &task).unwrap());
        assert!(a.values == b.values && a.exact.iter().all(|&e| e));
    };
    let first = open(2, &SidecarPolicy::Auto);
    first.build(&task).unwrap();
    assert_eq!(first.missing_rows(), 0);
    // Two files more: the row that was full is there before anything is read, and answers.
    let longer = open(4, &SidecarPolicy::Auto);
    assert_eq!(longer.missing_rows(), 2);
    longer.build(&task).unwrap();
    assert!(longer.is_complete() && !longer.inherits());
    same(&longer, 4);
    same(&open(4, &SidecarPolicy::Auto), 4);
    assert!(open(4, &SidecarPolicy::Auto).is_complete());
    // The last file has grown.
    let more: Vec<u8> = (0..ROW).map(|i| (i % 240) as u8).collect();
    let mut last = fs::OpenOptions::new().append(true).open(&parts[3]).unwrap();
    std::io::Write::write_all(&mut last, &more).unwrap();
    let grown = open(4, &SidecarPolicy::Auto);
    assert_eq!(grown.missing_rows(), 2, "of four, the full ones stay");
    grown.build(&task).unwrap();
    same(&grown, 4);
    // Any other file: nothing holds.
    let mut bytes = fs::read(&parts[1]).unwrap();
    bytes[0] ^= 1;
    fs::write(&parts[1], bytes).unwrap();
    assert_eq!(open(4, &SidecarPolicy::Auto).missing_rows(), 4);
}

#[test]
fn files_that_change_or_go_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let split = split_demo(folder.path(), 0.5, 2, &[3000, 9000]);
    let joined = open_all(&split.parts).unwrap();
    joined.check_files().unwrap();
    let len = fs::metadata(&split.parts[1]).unwrap().len();
    fs::OpenOptions::new().write(true).open(&split.parts[1]).unwrap().set_len(len / 2).unwrap();
    assert!(joined.check_files().is_err());
    let frames = joined.recording().streams[0].frames;
    assert!(joined.read(0, 0..frames, &[0], &mut Block::default()).is_err());
    // The other parts are as good as ever.
    joined.read(0, 0..3000, &[0], &mut Block::default()).unwrap();
    // A part that cannot be opened at all.
    fs::write(&split.parts[2], b"<?xml version=\"1.0\"?>").unwrap();
    let error = open_all(&split.parts).map(drop).unwrap_err();
    assert_eq!(error.path(), Some(split.parts[2].as_path()));
    let missing = [split.parts[0].clone(), folder.path().join("no.rec")];
    assert!(open_all(&missing).map(drop).unwrap_err().to_string().contains("no.rec"));
    assert!(open_all(&[]).is_err());
}

#[test]
fn more_files_than_are_kept_open() {
    let folder = tempfile::tempdir().unwrap();
    let mut parts = Vec::new();
    let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (10,), }";
    for i in 0..600_u32 {
        let path = folder.path().join(format!("{i:03}.npy"));
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend_from_slice(&118_u16.to_le_bytes());
        bytes.extend_from_slice(format!("{header:<117}\n").as_bytes());
        bytes.extend((0..10).map(|k| (i * 7 + k) as u8));
        fs::write(&path, bytes).unwrap();
        parts.push(path);
    }
    let options = OpenOptions { rate_hz: Some(100.0), ..OpenOptions::default() };
    let joined = source::open_all(&parts, &options, &Task::unattended()).unwrap();
    let expected: Vec<u8> = (0..600_u32).flat_map(|i| (0..10).map(move |k| (i * 7 + k) as u8)).collect();
    let mut block = Block::default();
    for _ in 0..2 {
        joined.read(0, 0..6000, &[0], &mut block).unwrap();
        assert_eq!(*block.samples(), longwave::recording::Samples::U8(expected.clone()));
    }
    let mut random = Random(7);
    for _ in 0..300 {
        let at = random.below(5990);
        joined.read(0, at..at + 10, &[0], &mut block).unwrap();
        assert_eq!(
            *block.samples(),
            longwave::recording::Samples::U8(expected[at as usize..at as usize + 10].to_vec())
        );
    }
    let last = &parts[599];
    fs::write(last, b"shorter").unwrap();
    assert!(joined.check_files().is_err());
    assert!(joined.read(0, 5990..6000, &[0], &mut block).unwrap_err().to_string().contains("changed"));
}

/// Parts made by the generator that python-neo reads back, with packets lost between and inside them.
#[test]
fn generated_parts_lie_where_their_counters_say() {
    let Some(oracle) = oracle_scripts() else { return };
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.rec");
    let run = |out: &Path, gap: &str| {
        let args = ["--packets", "6000", "--gap", gap];
        let status = python().arg(oracle.join("gen_rec.py")).arg("--out").arg(out).args(args).output().unwrap();
        assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    };
    run(&whole, "1000:250,4000:77");
    let recording = open_all(std::slice::from_ref(&whole)).unwrap();
    let flat = recording.flat(0).unwrap();
    let bytes = fs::read(&whole).unwrap();
    let (header, stride) = (flat.first_byte() as usize, flat.frame_stride() as usize);
    let frames = flat.frames() as usize;
    // Packets 2000 to 2100 are in neither file: a gap between the files.
    let pieces = [0..2000, 2100..frames];
    let parts: Vec<PathBuf> = pieces
        .iter()
        .enumerate()
        .map(|(i, frames)| {
            let path = folder.path().join(format!("20230622_rat_0{i}_s.rec"));
            let packets = &bytes[header + frames.start * stride..header + frames.end * stride];
            fs::write(&path, [&bytes[..header], packets].concat()).unwrap();
            path
        })
        .collect();
    let joined = open_all(&parts).unwrap();
    assert_eq!(joined.recording().name, "20230622_rat");
    let time = &joined.recording().streams[0].time;
    let original = &recording.recording().streams[0].time;
    for (i, frame) in pieces.iter().flat_map(Clone::clone).enumerate() {
        assert_eq!(time.tick_of_frame(i as u64), original.tick_of_frame(frame as u64), "frame {frame}");
    }
    let difference = time.start_unix_ns().unwrap() - original.start_unix_ns().unwrap();
    assert!(difference.abs() < 2_000_000, "{difference} ns");
    assert_eq!(time.gaps().len(), original.gaps().len() + 1);
    assert!(joined.recording().warnings.iter().all(|w| !w.text.contains("laid")), "{:?}", joined.recording().warnings);
}

#[test]
fn faults_of_a_session_are_told_with_their_file_byte_frame_and_time() {
    let folder = tempfile::tempdir().unwrap();
    let split = split_demo(folder.path(), 1.0, 2, &[7000, 20_000]);
    fs::remove_file(&split.whole).unwrap();
    let packet = 22 + 2 * 2;
    // The second file loses 40 packets from its packet 500 on, and its end is cut.
    let bytes = fs::read(&split.parts[1]).unwrap();
    let header = header_len(&bytes);
    let at = header + 500 * packet;
    let damaged = [&bytes[..at], &bytes[at + 40 * packet..bytes.len() - 5]].concat();
    fs::write(&split.parts[1], damaged).unwrap();
    let output = longwave(&["check", folder.path().to_str().unwrap(), "--json", "--quiet"]);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["clean"], false);
    let part = &json["parts"][1];
    assert_eq!(part["name"], "20240517_demo_01_r1_part2.rec");
    assert_eq!(part["path"], split.parts[1].to_str().unwrap());
    assert_eq!(part["first_frame"], 7000);
    let source = open_all(&split.parts).unwrap();
    let time = &source.recording().streams[0].time;
    assert_eq!(part["first_secs"].as_f64().unwrap(), time.secs_of_frame(7000));
    let first = |kind: &str| {
        let finding = part["findings"].as_array().unwrap().iter().find(|f| f["kind"] == kind).unwrap().clone();
        finding["first"].as_array().unwrap().clone()
    };
    let place = first("dropped").into_iter().find(|p| p["frame"] == 500).unwrap();
    assert_eq!((place["byte"].as_u64().unwrap(), place["amount"].as_u64().unwrap()), (at as u64, 40));
    let secs = part["first_secs"].as_f64().unwrap() + place["secs"].as_f64().unwrap();
    assert!((secs - time.secs_of_frame(7500)).abs() < 1e-9, "{secs}");
    let cut = &first("cut")[0];
    assert_eq!(cut["amount"], packet - 5);
    let people = longwave(&["check", folder.path().to_str().unwrap(), "--quiet"]);
    let people = String::from_utf8(people.stdout).unwrap();
    assert!(people.contains("20240517_demo_01_r1_part2.rec") && people.contains("dropped"), "{people}");
}

#[test]
fn commands_take_several_files_folders_and_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let day = folder.path().join("day");
    fs::create_dir(&day).unwrap();
    let split = split_demo(&day, 1.0, 2, &[7000, 20_000]);
    fs::rename(&split.whole, folder.path().join("whole.rec")).unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let whole = text(&folder.path().join("whole.rec"));
    let parts: Vec<String> = split.parts.iter().map(|p| text(p)).collect();
    let ok = |args: &[&str]| {
        let output = longwave(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let json = |args: &[&str]| -> serde_json::Value { serde_json::from_str(&ok(args)).unwrap() };
    let of_whole = json(&["info", &whole, "--json"]);
    let day_text = text(&day);
    let session = text(&day.join("20240517_demo"));
    for files in [&parts.iter().map(String::as_str).collect::<Vec<_>>()[..], &[&day_text], &[&session]] {
        let of_parts = json(&[&["info"], files, &["--json"]].concat());
        let plain = |value: &serde_json::Value| {
            let mut streams = value["streams"].clone();
            // The fitted start differs by less than the clock jitters, which may still be another millisecond.
            for stream in streams.as_array_mut().unwrap() {
                stream.as_object_mut().unwrap().retain(|key, _| key != "start" && !key.contains("clock"));
            }
            streams
        };
        assert_eq!(plain(&of_parts), plain(&of_whole), "{files:?}");
        assert_eq!(of_parts["duration_secs"], of_whole["duration_secs"]);
        assert_eq!(of_parts["name"], "20240517_demo");
        assert_eq!(of_parts["parts"].as_array().unwrap().len(), 3);
        assert_eq!(of_parts["parts"][1]["placed_by"], "counter");
        assert_eq!(of_parts["parts"][1]["first_frame"], 7000);
    }
    assert_eq!(of_whole["parts"], serde_json::json!([]));
    let people = ok(&["info", &day_text]);
    for part in ["20240517_demo, 3 files in", "20240517_demo_01_r1_part2.rec", "gap before", "placed by"] {
        assert!(people.contains(part), "{part} in\n{people}");
    }
    assert_eq!(ok(&["stats", &day_text, "--json", "--quiet"]), ok(&["stats", &whole, "--json", "--quiet"]));
    let (a, b) = (text(&folder.path().join("a.npy")), text(&folder.path().join("b.npy")));
    ok(&[&["export"], &parts.iter().map(String::as_str).collect::<Vec<_>>()[..], &["-o", &a, "--range", "0.1s..0.9s"]]
        .concat());
    ok(&["export", &whole, "-o", &b, "--range", "0.1s..0.9s"]);
    assert_eq!(fs::read(&a).unwrap(), fs::read(&b).unwrap());
    assert!(ok(&["peaks", &day_text]).contains("part1.rec+2-"));
    assert!(ok(&["peaks", &session]).contains("was there and is complete"));
    let (a, b) = (text(&folder.path().join("a.png")), text(&folder.path().join("b.png")));
    ok(&["shot", &day_text, "-o", &a]);
    ok(&["shot", &whole, "-o", &b]);

    // What is read is not written over, whichever way it is named.
    fs::create_dir(folder.path().join("arrays")).unwrap();
    let part = folder.path().join("arrays/x_part1.npy");
    for name in [&part, &folder.path().join("arrays/x_part2.npy")] {
        write_demo(name, 0.1, 2, &Task::unattended(), false).unwrap();
    }
    let arrays = text(&folder.path().join("arrays"));
    for command in ["export", "spectrum"] {
        let output = longwave(&[command, &arrays, "-o", &text(&part), "--force"]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && error.contains("recording itself"), "{command}: {error}");
    }

    // Two sessions: an error that lists them and says how to choose.
    fs::copy(&split.parts[0], day.join("20240518_demo_01_r1.rec")).unwrap();
    let output = longwave(&["info", &day_text]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    for part in ["2 sessions", "day/20240517_demo (3 files", "day/20240518_demo (1 file", "choose one"] {
        assert!(error.contains(part), "{part} in {error}");
    }
    assert_eq!(json(&["info", &session, "--json"])["parts"].as_array().unwrap().len(), 3);
    // Files that do not belong together.
    let other = text(&folder.path().join("other.rec"));
    write_demo(Path::new(&other), 0.1, 3, &Task::unattended(), false).unwrap();
    let output = longwave(&["info", &parts[0], &other]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(error.contains("2 channels in the first and 3") && error.contains(&parts[0]) && error.contains(&other));
    let output = longwave(&["info", &parts[0], "no such file.rec"]);
    assert_eq!(output.status.code(), Some(1));
    let output = longwave(&["info", &parts[0], &parts[1], &parts[0]]);
    assert!(output.status.code() == Some(1) && String::from_utf8_lossy(&output.stderr).contains("named twice"));
    // Every file of a session is checked; the demo's lost packets and its saturated artefacts are found.
    let output = longwave(&["check", &session, "--json", "--quiet"]);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((report["parts"].as_array().unwrap().len(), report["clean"].as_bool()), (3, Some(false)));
}
