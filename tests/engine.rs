//! The scan engine: what it computes does not depend on how it is cut, and what fails fails in one way.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/flat.rs"]
mod flat;

use std::ops::Range;
use std::sync::Mutex;

use flat::recording;
use longwave::budget::MemoryBudget;
use longwave::recording::{Block, Recording, SampleFormat, SampleType, Samples, TimeBase};
use longwave::scan::{Accumulator, Chunk, ChunkPlan, ChunkView, LOOKAHEAD, Overlap, Selection, for_each, scan};
use longwave::source::{MemorySource, Source};
use longwave::task::Task;
use longwave::{Error, ErrorKind, Result};
use proptest::prelude::*;

const MIB: u64 = 1 << 20;

/// Sample of channel `c` in frame `f`: `f + 1000000 c`.
fn ramp(channels: usize, frames: u64) -> MemorySource {
    let recording = recording(SampleFormat::native(SampleType::I32), channels, frames, TimeBase::regular(1.0));
    let samples = (0..channels).flat_map(|c| (0..frames).map(move |f| f as i32 + 1_000_000 * c as i32)).collect();
    MemorySource::new(recording, vec![Samples::I32(samples)]).unwrap()
}

fn block_frames(block: &Block) -> Vec<i32> {
    let Samples::I32(v) = block.samples() else { panic!("the ramp is i32") };
    v.clone()
}

/// Collects the cores in order, and checks what is read around them.
struct Pieces<'a> {
    overlap: Overlap,
    selection: &'a Selection,
    cores: Vec<Range<u64>>,
    sum: i64,
}

impl Accumulator for Pieces<'_> {
    type Output = (Vec<Range<u64>>, i64);

    fn overlap(&self) -> Overlap {
        self.overlap
    }

    fn update(&mut self, chunk: &Chunk, view: &mut ChunkView<'_>) -> Result<()> {
        let Range { start, end } = self.selection.frames;
        assert_eq!(chunk.read.start, chunk.core.start.saturating_sub(self.overlap.before).max(start));
        assert_eq!(chunk.read.end, (chunk.core.end + self.overlap.after).min(end));
        let block = view.block()?;
        let n = (chunk.read.end - chunk.read.start) as usize;
        assert_eq!((block.frames(), block.channels()), (n, self.selection.channels.len()));
        let values = block_frames(block);
        for (i, &c) in self.selection.channels.iter().enumerate() {
            for f in chunk.core.clone() {
                let value = values[i * n + (f - chunk.read.start) as usize];
                assert_eq!(value, f as i32 + 1_000_000 * c as i32);
                self.sum += i64::from(value);
            }
        }
        self.cores.push(chunk.core.clone());
        Ok(())
    }

    fn merge(&mut self, later: Self) {
        self.cores.extend(later.cores);
        self.sum += later.sum;
    }

    fn finish(self) -> Self::Output {
        (self.cores, self.sum)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn chunks_tile_the_selection(
        (start, len) in (0_u64..30_000, 0_u64..30_000),
        chunk_log in 0_u32..14,
        threads in 1_usize..6,
        (before, after) in (0_u64..5000, 0_u64..5000),
        pressure: bool,
    ) {
        let source = ramp(3, 60_000);
        // Short chunks over many frames are many chunks: keep the number of them in the thousands.
        let len = len.min(1 << (chunk_log + 9));
        let selection = Selection { stream: 0, channels: vec![2, 0], frames: start..start + len };
        let budget = MemoryBudget::new(64 * MIB);
        budget.set_pressure(pressure);
        let task = Task::new(budget, threads);
        let plan = ChunkPlan { chunk_frames: 1 << chunk_log, threads };
        let overlap = Overlap { before, after };
        let new = || Pieces { overlap, selection: &selection, cores: vec![], sum: 0 };
        let (cores, sum) = scan(&source, &selection, &plan, &task, new).unwrap();
        let mut next = start;
        for core in &cores {
            prop_assert!(core.start == next && core.end > core.start, "{cores:?}");
            prop_assert!(core.start / plan.chunk_frames == (core.end - 1) / plan.chunk_frames, "on the grid");
            next = core.end;
        }
        prop_assert_eq!(next, start + len);
        let frames: i64 = (start..start + len).map(|f| f as i64).sum();
        prop_assert_eq!(sum, 2 * frames + 2_000_000 * len as i64);
        prop_assert_eq!(task.progress().done_bytes, len * 8);
        prop_assert_eq!(task.budget().used(), 0);
    }

    #[test]
    fn blocks_come_in_order(start in 0_u64..20_000, len in 0_u64..30_000, chunk_log in 6_u32..14, threads in 1_usize..6) {
        let source = ramp(2, 50_000);
        let selection = Selection { stream: 0, channels: vec![1], frames: start..start + len };
        let task = Task::new(MemoryBudget::new(16 * MIB), threads);
        let plan = ChunkPlan { chunk_frames: 1 << chunk_log, threads };
        let most = (1 + LOOKAHEAD as u64) * threads as u64 * 4 * plan.chunk_frames;
        let mut values = vec![];
        for_each(&source, &selection, &plan, &task, &mut |chunk, block| {
            assert_eq!(chunk.core, chunk.read);
            assert!(task.budget().used() <= most, "{} of {most}", task.budget().used());
            values.extend(block_frames(block));
            Ok(())
        }).unwrap();
        let expected: Vec<i32> = (start..start + len).map(|f| f as i32 + 1_000_000).collect();
        prop_assert_eq!(values, expected);
        prop_assert_eq!(task.budget().used(), 0);
    }
}

#[test]
fn plans_fit_the_budget_or_say_so() {
    let source = ramp(2, 100);
    let mut wide = source.recording().streams[0].clone();
    wide.frames = 1 << 40;
    let selection = |channels: usize| Selection { stream: 0, channels: vec![0; channels], frames: 0..wide.frames };
    let task = Task::new(MemoryBudget::new(16 * MIB), 8);
    for channels in [1, 16, 64, 120] {
        for after in [0, 1000, 20_000] {
            let overlap = Overlap { before: 0, after };
            let frame_bytes = channels as u64 * 4;
            match ChunkPlan::new(&task, &wide, &selection(channels), overlap) {
                Ok(plan) => {
                    let blocks = (1 + LOOKAHEAD as u64) * plan.threads as u64;
                    assert!(plan.chunk_frames.is_power_of_two() && plan.threads >= 1);
                    assert!((plan.chunk_frames + after) * frame_bytes * blocks <= 8 * MIB, "{plan:?}");
                }
                Err(e) => {
                    assert!(matches!(e.kind(), ErrorKind::OutOfBudget { need, free } if need > free), "{e}");
                    assert!(e.remedy().is_some());
                    assert!((4096 + after) * frame_bytes * 3 > 8 * MIB);
                }
            }
        }
    }
    // Very many channels are read in very short chunks, on all threads if that is enough.
    let plan = ChunkPlan::new(&task, &wide, &selection(1000), Overlap::default()).unwrap();
    assert!(plan.chunk_frames >= 256 && plan.threads > 1, "{plan:?}");
    assert!(ChunkPlan::new(&task, &wide, &selection(60_000), Overlap::default()).is_ok());
    assert!(ChunkPlan::new(&task, &wide, &selection(1_000_000), Overlap::default()).is_err());
}

/// Serves a ramp, and fails or dies at given frames.
struct Faulty {
    ramp: MemorySource,
    fails_at: Vec<u64>,
    dies_at: Option<u64>,
}

impl Source for Faulty {
    fn recording(&self) -> &Recording {
        self.ramp.recording()
    }

    fn read(&self, stream: usize, frames: Range<u64>, channels: &[usize], out: &mut Block) -> Result<()> {
        assert!(!self.dies_at.is_some_and(|f| frames.contains(&f)), "the reader is broken");
        match self.fails_at.iter().find(|f| frames.contains(f)) {
            Some(&f) => Err(Error::malformed(f, "a bad frame")),
            None => self.ramp.read(stream, frames, channels, out),
        }
    }
}

#[test]
fn the_first_failure_in_the_recording_is_the_one_reported() {
    for threads in [1, 2, 5] {
        for _ in 0..20 {
            let source = Faulty { ramp: ramp(1, 50_000), fails_at: vec![30_000, 20_000, 20_500], dies_at: None };
            let selection = Selection::all(source.recording(), 0);
            let task = Task::new(MemoryBudget::new(16 * MIB), threads);
            let plan = ChunkPlan { chunk_frames: 256, threads };
            let seen = Mutex::new(0);
            let error = for_each(&source, &selection, &plan, &task, &mut |chunk, _| {
                *seen.lock().unwrap() = chunk.core.end;
                Ok(())
            })
            .unwrap_err();
            assert_eq!(error.at(), Some(20_000));
            assert_eq!(*seen.lock().unwrap(), 20_000 / 256 * 256, "everything before it was handed on");
            assert_eq!(task.budget().used(), 0);
        }
    }
}

#[test]
fn a_panic_fails_the_job_not_the_process() {
    let source = Faulty { ramp: ramp(1, 50_000), fails_at: vec![], dies_at: Some(40_000) };
    let selection = Selection::all(source.recording(), 0);
    let task = Task::new(MemoryBudget::new(16 * MIB), 3);
    let plan = ChunkPlan { chunk_frames: 1024, threads: 3 };
    let error = for_each(&source, &selection, &plan, &task, &mut |_, _| Ok(())).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Panicked(what) if what.contains("broken")), "{error}");
    let error = for_each(&source, &selection, &plan, &task, &mut |_, _| panic!("a bad sink")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Panicked(what) if what.contains("bad sink")), "{error}");
    assert_eq!(task.budget().used(), 0);
}

#[test]
fn sinks_and_users_stop_a_pass() {
    let source = ramp(1, 50_000);
    let selection = Selection::all(source.recording(), 0);
    let plan = ChunkPlan { chunk_frames: 1024, threads: 2 };
    let task = Task::new(MemoryBudget::new(16 * MIB), 2);
    let mut calls = 0;
    let error = for_each(&source, &selection, &plan, &task, &mut |_, _| {
        calls += 1;
        if calls == 3 { Err(Error::invalid("enough")) } else { Ok(()) }
    })
    .unwrap_err();
    assert_eq!((calls, error.to_string().as_str()), (3, "enough"));

    let mut calls = 0;
    let error = for_each(&source, &selection, &plan, &task, &mut |_, _| {
        calls += 1;
        if calls == 5 {
            task.cancel();
        }
        Ok(())
    })
    .unwrap_err();
    assert!(error.is_cancelled() && calls == 5, "{calls}");
    assert_eq!(task.budget().used(), 0);
}

#[test]
fn what_is_not_there_is_refused_and_nothing_is_nothing() {
    let source = ramp(2, 1000);
    let task = Task::new(MemoryBudget::new(16 * MIB), 2);
    let plan = ChunkPlan { chunk_frames: 64, threads: 2 };
    let mut sink = |_: &Chunk, _: &Block| -> Result<()> { panic!("nothing to hand on") };
    for selection in [
        Selection { stream: 1, channels: vec![], frames: 0..0 },
        Selection { stream: 0, channels: vec![2], frames: 0..10 },
        Selection { stream: 0, channels: vec![0], frames: 0..1001 },
    ] {
        let error = for_each(&source, &selection, &plan, &task, &mut sink).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Invalid(_)));
    }
    let nothing = Selection { stream: 0, channels: vec![0], frames: 7..7 };
    for_each(&source, &nothing, &plan, &task, &mut sink).unwrap();
    let odd = ChunkPlan { chunk_frames: 65, threads: 2 };
    let all = Selection::all(source.recording(), 0);
    assert!(for_each(&source, &all, &odd, &task, &mut sink).is_err());
}

#[test]
fn a_lowered_budget_is_an_error_not_a_hang() {
    let source = ramp(8, 100_000);
    let selection = Selection::all(source.recording(), 0);
    let task = Task::new(MemoryBudget::new(16 * MIB), 2);
    let held = task.budget().reserve(16 * MIB).unwrap();
    let plan = ChunkPlan { chunk_frames: 4096, threads: 2 };
    let error = for_each(&source, &selection, &plan, &task, &mut |_, _| Ok(())).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::OutOfBudget { .. }), "{error}");
    drop(held);
    for_each(&source, &selection, &plan, &task, &mut |_, _| Ok(())).unwrap();
}

/// One channel of many touches the pages of all of them: chunks are as short as that asks for.
#[test]
fn a_chunk_touches_little_of_wide_rows() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(128 * MIB).unwrap();
    let source = flat::FlatSource::open(file.path(), SampleFormat::little(SampleType::I16), 1000, 0, 48);
    let selection = Selection { channels: vec![7], ..Selection::all(source.recording(), 0) };
    let task = Task::new(MemoryBudget::new(64 * MIB), 2);
    let plan = ChunkPlan::new(&task, &source.recording().streams[0], &selection, Overlap::default()).unwrap();
    assert!(plan.chunk_frames * 2048 > 16 * MIB, "the samples alone would allow long chunks");
    let mut frames = 0;
    for_each(&source, &selection, &plan, &task, &mut |chunk, block| {
        let n = chunk.core.end - chunk.core.start;
        assert!(n * 2048 <= 8 * MIB && block.frames() as u64 == n);
        frames += n;
        Ok(())
    })
    .unwrap();
    assert_eq!(frames, selection.len());
}

/// What is mapped around each channel of a planar file would add up; such files are copied past the map.
#[cfg(target_os = "linux")]
#[test]
fn a_pass_over_a_planar_file_maps_none_of_it() {
    use longwave::file::{FileMap, FlatLayout};
    use longwave::recording::ByteOrder;

    const FRAMES: usize = 1 << 19;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("planar");
    let value = |c: usize, f: usize| (c * 1000 + f % 997) as u16;
    let bytes: Vec<u8> = (0..3).flat_map(|c| (0..FRAMES).flat_map(move |f| value(c, f).to_be_bytes())).collect();
    std::fs::write(&path, bytes).unwrap();
    let map = FileMap::open(&path).unwrap();
    let format = SampleFormat { sample_type: SampleType::U16, byte_order: ByteOrder::Big };
    let offsets = (0..3).map(|c| (c * FRAMES * 2) as u64).collect();
    let flat = FlatLayout::new(map, format, 0, 2, offsets, FRAMES as u64).unwrap();
    let mut block = Block::default();
    flat.read(5..FRAMES as u64 - 3, &[2, 0], &mut block).unwrap();
    let n = FRAMES - 8;
    for (i, c) in [2, 0].into_iter().enumerate() {
        for f in (0..n).step_by(1001).chain([n - 1]) {
            assert_eq!(block.samples().get_f64(i * n + f), f64::from(value(c, f + 5)));
        }
    }
    let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let name = path.to_str().unwrap();
    let of_file = maps.lines().skip_while(|line| !line.ends_with(name)).find(|line| line.starts_with("Rss:")).unwrap();
    assert_eq!(of_file.split_whitespace().nth(1), Some("0"), "{of_file}");
    std::fs::File::options().write(true).open(&path).unwrap().set_len(1000).unwrap();
    assert!(matches!(flat.read(0..10_000, &[0], &mut block).unwrap_err().kind(), ErrorKind::Truncated { .. }));
}

/// In the page that holds the end of the file there are zeros behind it, and no signal that they are none of it.
#[test]
fn what_is_cut_off_in_the_last_page_is_noticed() {
    use longwave::file::{FileMap, FlatLayout};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, [7; 10_000]).unwrap();
    let map = FileMap::open(&path).unwrap();
    let flat = FlatLayout::new(map, SampleFormat::little(SampleType::U8), 0, 1, vec![0], 10_000).unwrap();
    let rows = flat.rows(0..10_000).unwrap().unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_len(9_990).unwrap();
    assert!(rows.bytes[9_985..].contains(&0));
    let error = flat.check(9_000..10_000).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Truncated { at: 9_990, needed: 10, len: 9_990 }), "{error}");
    flat.check(0..9_990).unwrap();
}
