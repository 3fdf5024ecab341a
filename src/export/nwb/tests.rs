//! Small recordings in memory and on disk, exported and read back with `rust-hdf5`.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use rust_hdf5::H5File;

use super::*;
use crate::budget::MemoryBudget;
use crate::demo::write_demo;
use crate::export::Values;
use crate::recording::{Block, Channel, ClockSpan, Recording, SampleType, Samples, Scale, Stream, TimeBase};
use crate::scan::Selection;
use crate::source::{self, MemorySource, OpenOptions, Source};
use crate::task::Task;

fn demo(folder: &Path, secs: f64, channels: usize) -> Arc<dyn Source> {
    let path = folder.join("demo.rec");
    let task = Task::unattended();
    write_demo(&path, secs, channels, &task, true).unwrap();
    source::open(&path, &OpenOptions::default(), &task).unwrap()
}

fn settings(pairs: &[(&str, &str)]) -> Settings {
    let mut settings = Settings::defaults(PARAMETERS);
    for (name, value) in pairs {
        settings.set(name, value).unwrap();
    }
    settings
}

fn export(
    source: &Arc<dyn Source>,
    selection: &Selection,
    target: &Path,
    pairs: &[(&str, &str)],
    task: &Task,
) -> Result<Vec<PathBuf>> {
    let settings = settings(pairs);
    run(&Request {
        source,
        selection,
        whole: true,
        target,
        values: Values::Stored,
        settings: &settings,
        overwrite: true,
        task,
    })
}

/// All samples of a dataset of 16-bit integers, by its chunks.
fn samples(path: &Path, name: &str, codec: Codec) -> (Vec<usize>, Vec<i16>) {
    let file = H5File::open(path).unwrap();
    let dataset = file.dataset(name).unwrap();
    let (shape, chunk) = (dataset.shape(), dataset.chunk_dims().unwrap());
    let mut out = vec![0; shape[0] * shape[1]];
    let len = chunk[0] * chunk[1] * 2;
    for row in 0..shape[0].div_ceil(chunk[0]) {
        for column in 0..shape[1].div_ceil(chunk[1]) {
            let (stored, skipped) = dataset.read_chunk_raw_at(&[row, column]).unwrap();
            let raw = codec.decode(&stored, skipped, 2, len).unwrap();
            for (i, pair) in raw.chunks_exact(2).enumerate() {
                let (r, c) = (row * chunk[0] + i / chunk[1], column * chunk[1] + i % chunk[1]);
                if r < shape[0] && c < shape[1] {
                    out[r * shape[1] + c] = i16::from_le_bytes([pair[0], pair[1]]);
                }
            }
        }
    }
    (shape, out)
}

fn expected(source: &dyn Source, selection: &Selection) -> Vec<i16> {
    let mut block = Block::default();
    source.read(selection.stream, selection.frames.clone(), &selection.channels, &mut block).unwrap();
    let Samples::I16(planar) = block.samples() else { panic!("16-bit integers") };
    let (frames, channels) = (block.frames(), block.channels());
    (0..frames).flat_map(|f| (0..channels).map(move |c| planar[c * frames + f])).collect()
}

#[test]
fn every_sample_is_there_whatever_the_codec_and_the_cut() {
    let folder = tempfile::tempdir().unwrap();
    let source = demo(folder.path(), 3.0, 70);
    let stream = source.recording().default_stream();
    let target = folder.path().join("out.nwb");
    let all = Selection::all(source.recording(), stream);
    let part = Selection { channels: vec![69, 3, 4, 5, 0], frames: 1001..60_007, ..all.clone() };
    for (compression, codec) in [("none", Codec::None), ("gzip", Codec::Gzip(4)), ("zstd", Codec::Zstd(3))] {
        for selection in [&all, &part] {
            for threads in [1, 3] {
                let task = Task::new(MemoryBudget::new(256 << 20), threads);
                let files = export(&source, selection, &target, &[("compression", compression)], &task).unwrap();
                assert_eq!(files, std::slice::from_ref(&target));
                let (shape, found) = samples(&target, "acquisition/e-series/data", codec);
                assert_eq!(shape, [selection.len() as usize, selection.channels.len()]);
                assert!(found == expected(source.as_ref(), selection), "{compression}, {threads} threads");
                assert_eq!(task.budget().used(), 0);
            }
        }
    }
    let names: Vec<_> = folder.path().read_dir().unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn a_stopped_export_goes_on_and_becomes_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let source = demo(folder.path(), 4.0, 64);
    let selection = Selection::all(source.recording(), source.recording().default_stream());
    let target = folder.path().join("out.nwb");
    let part = folder.path().join(".out.nwb.part");
    // The recording becomes unreadable for the budget after some pieces: a stop that comes at a known place.
    let task = Task::new(MemoryBudget::new(64 << 20), 1);
    let watcher = task.clone();
    let progress = std::thread::Builder::new().name("progress".to_owned()).spawn(move || {
        while watcher.progress().done_bytes < 6 << 20 {
            std::thread::yield_now();
        }
        watcher.cancel();
    });
    let progress = progress.unwrap();
    let error = export(&source, &selection, &target, &[], &task).unwrap_err();
    progress.join().unwrap();
    assert!(error.is_cancelled() && error.remedy().unwrap().contains("to go on"), "{error}");
    assert!(!target.exists() && part.exists());
    let kept = std::fs::metadata(&part).unwrap().len();
    let task = Task::new(MemoryBudget::new(64 << 20), 2);
    export(&source, &selection, &target, &[("verify", "yes")], &task).unwrap();
    assert!(!part.exists() && std::fs::metadata(&target).unwrap().len() > kept);
    let (_, found) = samples(&target, "acquisition/e-series/data", Codec::Gzip(4));
    assert!(found == expected(source.as_ref(), &selection));
}

/// A recording of two channels with these gaps: frames before each, and frames missing.
fn gappy(gaps: &[(u64, u64)], tail: u64) -> (Arc<dyn Source>, TimeBase, u64) {
    let mut spans = vec![ClockSpan { first_frame: 0, first_tick: 0 }];
    let (mut frame, mut tick) = (0, 0);
    for &(frames, missing) in gaps {
        frame += frames;
        tick += frames + missing;
        spans.push(ClockSpan { first_frame: frame, first_tick: tick });
    }
    let frames = frame + tail;
    let time = TimeBase::with_spans(1000.0, spans).starting_at(1_700_000_000_000_000_000);
    let channel =
        |i: usize| Channel { unit: "uV".to_owned(), scale: Scale { gain: 0.195, offset: 0.0 }, ..Channel::numbered(i) };
    let stream = Stream {
        name: "ephys".to_owned(),
        format: crate::recording::SampleFormat::native(SampleType::I16),
        time: time.clone(),
        frames,
        channels: vec![channel(0), channel(1)],
    };
    let recording =
        Recording { name: "gappy".to_owned(), format: "memory", streams: vec![stream], ..Recording::default() };
    let planar: Vec<i16> = (0..2 * frames).map(|i| (i * 7919 % 65_536) as u16 as i16).collect();
    (Arc::new(MemorySource::new(recording, vec![Samples::I16(planar)]).unwrap()), time, frames)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn gaps_are_told_or_filled(
        gaps in prop::collection::vec((1_u64..700, 1_u64..900), 1..6), tail in 1_u64..900, first in 0_u64..400,
    ) {
        let (source, time, frames) = gappy(&gaps, tail);
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.nwb");
        let task = Task::new(MemoryBudget::new(64 << 20), 2);
        let first = first.min(frames - 1);
        let selection = Selection { frames: first..frames, ..Selection::all(source.recording(), 0) };
        let stored = expected(source.as_ref(), &selection);
        let file = |pairs: &[(&str, &str)]| {
            export(&source, &selection, &target, pairs, &task).unwrap();
            H5File::open(&target).unwrap()
        };
        let f64s = |file: &H5File, name: &str| file.dataset(name).unwrap().read_raw::<f64>().unwrap();
        // A gap: the times say so.
        let found = file(&[("compression", "none"), ("time", "list"), ("verify", "yes")]);
        let times = f64s(&found, "acquisition/e-series/timestamps");
        let exact: Vec<f64> = (first..frames).map(|f| time.secs_of_frame(f)).collect();
        prop_assert_eq!(times, exact);
        prop_assert_eq!(samples(&target, "acquisition/e-series/data", Codec::None).1, stored.clone());
        // Rows of NaN, and repeated rows.
        let ticks = time.tick_of_frame(first)..time.tick_of_frame(frames - 1) + 1;
        let contiguous = time.is_contiguous(first..frames);
        let found = file(&[("compression", "none"), ("dropped", "nan"), ("verify", "yes")]);
        if !contiguous {
            let dataset = found.dataset("acquisition/e-series/data").unwrap();
            prop_assert_eq!(dataset.shape(), vec![(ticks.end - ticks.start) as usize, 2]);
            let values = dataset.read_raw::<f32>().unwrap();
            for (row, tick) in ticks.clone().enumerate() {
                let frame = time.frame_at_tick(tick);
                let there = time.tick_of_frame(frame) == tick;
                for c in 0..2 {
                    let value = values[row * 2 + c];
                    let wanted = f32::from(stored[(frame - first) as usize * 2 + c]);
                    let right = if there { value == wanted } else { value.is_nan() };
                    prop_assert!(right, "row {} channel {}", row, c);
                }
            }
            let lost = f64s(&found, "intervals/dropped_packets/start_time");
            prop_assert_eq!(lost.len(), time.contiguous(first..frames).count() - 1);
        }
        file(&[("compression", "none"), ("dropped", "repeat"), ("verify", "yes")]);
        let (shape, values) = samples(&target, "acquisition/e-series/data", Codec::None);
        prop_assert_eq!(shape[0] as u64, ticks.end - ticks.start);
        let mut last = first;
        for (row, tick) in ticks.enumerate() {
            let frame = time.frame_at_tick(tick);
            if time.tick_of_frame(frame) == tick {
                last = frame;
            }
            prop_assert_eq!(&values[row * 2..row * 2 + 2], &stored[(last - first) as usize * 2..][..2]);
        }
        // A series for each stretch.
        let found = file(&[("compression", "none"), ("time", "spans")]);
        let spans = time.contiguous(first..frames).count();
        if spans > 1 {
            let mut at = 0;
            for (i, stretch) in time.contiguous(first..frames).enumerate() {
                let name = format!("acquisition/e-series_span{:04}", i + 1);
                let start = f64s(&found, &format!("{name}/starting_time"));
                prop_assert_eq!(start, vec![time.secs_of_frame(stretch.start)]);
                let (_, values) = samples(&target, &format!("{name}/data"), Codec::None);
                let n = (stretch.end - stretch.start) as usize * 2;
                prop_assert_eq!(values, stored[at..at + n].to_vec());
                at += n;
            }
        }
    }
}

#[test]
fn the_least_memory_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let source = demo(folder.path(), 2.0, 128);
    let selection = Selection::all(source.recording(), source.recording().default_stream());
    let target = folder.path().join("out.nwb");
    let task = Task::new(MemoryBudget::new(crate::budget::MIN_LIMIT_BYTES), 8);
    export(&source, &selection, &target, &[("verify", "yes")], &task).unwrap();
    assert!(samples(&target, "acquisition/e-series/data", Codec::Gzip(4)).1 == expected(source.as_ref(), &selection));
    assert_eq!(task.budget().used(), 0);
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    for pairs in [
        &[("compatible", "trodes_to_nwb")][..],
        &[("compression", "none"), ("level", "3")],
        &[("time", "spans"), ("dropped", "nan")],
    ] {
        assert!(check(&settings(pairs)).is_err(), "{pairs:?}");
    }
    assert!(check(&settings(&[])).is_ok());
}

#[test]
fn a_piece_is_never_larger_than_the_memory_for_it() {
    for (channels, threads) in [(1, 1), (2, 64), (128, 2), (5000, 16), (100_000, 64)] {
        let mut series = vec![pass::Series {
            name: "a".to_owned(),
            description: String::new(),
            stream: 0,
            channels: (0..channels).collect(),
            kind: SampleType::I16,
            scales: None,
            class: pass::Class::Plain { unit: String::new(), conversion: 1.0, offset: 0.0 },
            beside: None,
            folder: "acquisition",
            times: clock::TimeUnit::Seconds,
            chunk_rows: 0,
            chunk_columns: pass::CHUNK_COLUMNS,
        }];
        for rows in [1, 255, 256, 10_000, 1 << 31] {
            let piece = pass::shape(&mut series, rows, 1, threads, 512 << 20);
            let s = &series[0];
            assert!(s.chunk_bytes() <= 1 << 20 && s.chunk_rows <= piece && piece <= rows.max(1), "{rows} {s:?}");
            assert!(
                rows <= piece || (piece.is_multiple_of(s.chunk_rows) && piece.is_power_of_two()),
                "{rows} {piece} {s:?}"
            );
        }
    }
}
