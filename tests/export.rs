//! Exports hold what numpy reads out of the same bytes, bit for bit, and leave nothing behind when they fail.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/flat.rs"]
mod flat;

use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Random, run_python};
use flat::FlatSource;
use longwave::budget::MemoryBudget;
use longwave::export::{Prediction, Request, Values, for_target};
use longwave::form::Settings;
use longwave::recording::{Block, ByteOrder, ClockSpan, Recording, SampleFormat, SampleType, Scale, TimeBase};
use longwave::scan::Selection;
use longwave::source::{OpenOptions, Source};
use longwave::task::Task;
use longwave::{ErrorKind, Result};

struct Export<'a> {
    source: &'a Arc<dyn Source>,
    selection: Selection,
    target: PathBuf,
    values: Values,
    overwrite: bool,
    task: Task,
}

impl<'a> Export<'a> {
    fn new(source: &'a Arc<dyn Source>, target: &Path) -> Self {
        let task = Task::new(MemoryBudget::new(64 << 20), 2);
        let selection = Selection::all(source.recording(), 0);
        Self { source, selection, target: target.to_owned(), values: Values::Stored, overwrite: false, task }
    }

    fn with<T>(&self, act: impl FnOnce(&Request<'_>) -> T) -> T {
        act(&Request {
            source: self.source,
            selection: &self.selection,
            whole: false,
            target: &self.target,
            values: self.values,
            settings: &Settings::defaults(&[]),
            overwrite: self.overwrite,
            task: &self.task,
        })
    }

    fn run(&self) -> Result<Vec<PathBuf>> {
        self.with(|r| (for_target(&self.target)?.run)(r))
    }

    fn predict(&self) -> Prediction {
        self.with(|r| (for_target(&self.target)?.predict)(r)).unwrap()
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        folder.read_dir().unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn file_of(folder: &Path, name: &str, len: usize) -> PathBuf {
    let mut random = Random(len as u64 + 1);
    let path = folder.join(name);
    let bytes: Vec<u8> = (0..len).map(|_| random.next() as u8).collect();
    std::fs::File::create(&path).unwrap().write_all(&bytes).unwrap();
    path
}

#[test]
fn stored_values_are_bit_identical_for_every_type() {
    const COMPARE: &str = "
for case in json.loads(sys.argv[1]):
    path, dtype, channels, header, trailer, first, last, wanted, npy, raw = case
    size = np.dtype(dtype).itemsize
    rows = np.frombuffer(open(path, 'rb').read()[header:], 'u1')
    stride = channels * size + trailer
    rows = rows[:len(rows) // stride * stride].reshape(-1, stride)[:, :channels * size].copy()
    x = rows.view(dtype)[first:last][:, wanted]
    a = np.load(npy)
    x = x[:, 0] if channels == 1 else x
    assert a.dtype == x.dtype and a.shape == x.shape, (case, a.dtype, a.shape)
    assert a.flags.c_contiguous and a.tobytes() == x.tobytes(), case
    assert open(raw, 'rb').read() == x.tobytes(), case
print('same')";
    let folder = tempfile::tempdir().unwrap();
    let mut cases = vec![];
    for (i, sample_type) in SampleType::ALL.into_iter().enumerate() {
        for byte_order in [ByteOrder::Little, ByteOrder::Big] {
            for (channels, trailer) in [(1_usize, 0_u64), (19, 0), (9, 14)] {
                let format = SampleFormat { sample_type, byte_order };
                let header = 3;
                let path = file_of(folder.path(), &format!("in{i}{byte_order:?}{channels}"), 60_000 + i);
                let source = FlatSource::open(&path, format, channels, header, trailer).shared();
                let frames = source.recording().streams[0].frames;
                let all: Vec<usize> = (0..channels).collect();
                let some: Vec<usize> = (0..channels).rev().step_by(2).collect();
                for (wanted, range) in [(all, 5..frames - 3), (some, 0..frames)] {
                    let stem = format!("out{}", cases.len());
                    let (npy, raw) =
                        (folder.path().join(format!("{stem}.npy")), folder.path().join(format!("{stem}.bin")));
                    for target in [&npy, &raw] {
                        let mut export = Export::new(&source, target);
                        export.selection = Selection { stream: 0, channels: wanted.clone(), frames: range.clone() };
                        let predicted = export.predict();
                        let written = export.run().unwrap();
                        assert_eq!(written, [target.clone(), OpenOptions::path_beside(target)]);
                        assert_eq!(std::fs::metadata(target).unwrap().len(), predicted.bytes);
                        assert_eq!(export.task.budget().used(), 0);
                        let progress = export.task.progress();
                        assert_eq!(progress.done_bytes, progress.total_bytes);
                        let again =
                            longwave::source::open(target, &OpenOptions::default(), &Task::unattended()).unwrap();
                        let stream = &again.recording().streams[0];
                        assert_eq!((stream.format.sample_type, stream.format.size()), (sample_type, format.size()));
                        assert!(format.size() == 1 || stream.format.byte_order == byte_order);
                        assert_eq!((stream.frames, stream.channels.len()), (range.end - range.start, wanted.len()));
                    }
                    let order = if byte_order == ByteOrder::Big { '>' } else { '<' };
                    let dtype = format!("{order}{}", sample_type.npy_name());
                    cases.push((
                        path.clone(),
                        dtype,
                        channels,
                        header,
                        trailer,
                        range.start,
                        range.end,
                        wanted,
                        npy,
                        raw,
                    ));
                }
            }
        }
    }
    assert!(cases.len() > 100);
    for cases in cases.chunks(50) {
        assert_eq!(run_python(COMPARE, &[&serde_json::to_string(cases).unwrap()]).trim(), "same");
    }
}

#[test]
fn physical_values_are_those_of_numpy() {
    let folder = tempfile::tempdir().unwrap();
    for (sample_type, dtype) in [(SampleType::I16, "f4"), (SampleType::I32, "f8"), (SampleType::U8, "f4")] {
        let path = file_of(folder.path(), sample_type.name(), 80_000);
        let mut source = FlatSource::open(&path, SampleFormat::little(sample_type), 10, 0, 0);
        for (i, channel) in source.recording.streams[0].channels.iter_mut().enumerate() {
            channel.scale = Scale { gain: 0.195 * (i + 1) as f64, offset: -(i as f64) };
            channel.unit = "uV".to_owned();
        }
        let source = source.shared();
        let target = folder.path().join(format!("{}.npy", sample_type.name()));
        let mut export = Export::new(&source, &target);
        export.values = Values::Physical;
        export.run().unwrap();
        let script = "
x = np.fromfile(sys.argv[1], dtype=sys.argv[2]).reshape(-1, 10).astype(np.float64)
y = (x * (0.195 * np.arange(1, 11)) - np.arange(10)).astype(sys.argv[3])
a = np.load(sys.argv[4])
print(a.dtype == y.dtype and a.tobytes() == y.tobytes())";
        let args = [path.to_str().unwrap(), sample_type.npy_name(), dtype, target.to_str().unwrap()];
        assert_eq!(run_python(script, &args).trim(), "True", "{sample_type:?}");
        let options = OpenOptions::beside(&target).unwrap();
        assert_eq!((options.gain, options.channel_gains, options.unit.as_deref()), (None, None, Some("uV")));
    }
}

#[test]
fn the_description_tells_what_the_samples_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_of(folder.path(), "in", 6000);
    let mut source = FlatSource::open(&path, SampleFormat::little(SampleType::I16), 3, 0, 0);
    let stream = &mut source.recording.streams[0];
    let spans = vec![ClockSpan { first_frame: 0, first_tick: 0 }, ClockSpan { first_frame: 500, first_tick: 600 }];
    stream.time = TimeBase::with_spans(1000.0, spans).starting_at(1_700_000_000_000_000_000);
    for (i, channel) in stream.channels.iter_mut().enumerate() {
        channel.name = format!("probe {i}");
        channel.unit = "uV".to_owned();
        channel.scale = Scale { gain: 0.195 * (1 + i) as f64, offset: 7.0 };
    }
    let source = source.shared();
    let target = folder.path().join("out.bin");
    let mut export = Export::new(&source, &target);
    export.selection = Selection { stream: 0, channels: vec![2, 0], frames: 250..750 };
    let prediction = export.predict();
    assert!(prediction.notes[0].contains("back to back") && prediction.free_bytes.is_some(), "{prediction:?}");
    assert_eq!(prediction.bytes, 500 * 2 * 2);
    export.run().unwrap();
    let options = OpenOptions::beside(&target).unwrap();
    assert_eq!(options.format.as_deref(), Some("raw"));
    assert_eq!((options.sample_type, options.channel_count), (Some(SampleType::I16), Some(2)));
    assert_eq!(options.rate_hz, Some(1000.0));
    assert_eq!(options.channel_names.unwrap(), ["probe 2", "probe 0"]);
    assert_eq!(options.channel_gains.unwrap(), [0.195 * 3.0, 0.195]);
    assert_eq!((options.offset, options.unit.as_deref()), (Some(7.0), Some("uV")));
    assert_eq!(options.start.as_deref(), Some("2023-11-14T22:13:20.25Z"));
    assert_eq!(options.gaps, Some(vec![[249, 100]]));
    assert_eq!(options.channel_ids.unwrap(), ["2", "0"]);
    let again = longwave::source::open(&target, &OpenOptions::default(), &Task::unattended()).unwrap();
    let stream = &again.recording().streams[0];
    let gaps: Vec<_> = stream.time.gaps().map(|g| (g.after_frame, g.missing_frames)).collect();
    assert_eq!((gaps, stream.duration_secs()), (vec![(249, 100)], 0.6));
    assert_eq!((stream.channels[0].id.as_str(), stream.channels[1].id.as_str()), ("2", "0"));
    export.selection.frames = 0..500;
    assert!(export.predict().notes.is_empty());
}

#[test]
fn nothing_is_overwritten_or_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_of(folder.path(), "in", 60_000);
    let source = FlatSource::open(&path, SampleFormat::little(SampleType::I16), 3, 0, 0).shared();
    for channels in [vec![0, 1, 2], vec![2]] {
        let target = folder.path().join("out.npy");
        let mut export = Export::new(&source, &target);
        export.selection.channels = channels;

        export.task.cancel();
        assert!(export.run().unwrap_err().is_cancelled());
        assert_eq!(names(folder.path()), ["in"]);

        export.task = Task::unattended();
        std::fs::write(OpenOptions::path_beside(&target), "gain = 2.0").unwrap();
        assert!(matches!(export.run().unwrap_err().kind(), ErrorKind::Exists));
        assert_eq!(names(folder.path()), ["in", "out.npy.longwave.toml"]);

        export.overwrite = true;
        export.run().unwrap();
        assert_eq!(names(folder.path()), ["in", "out.npy", "out.npy.longwave.toml"]);
        assert_eq!(OpenOptions::beside(&target).unwrap().gain, None);
        export.overwrite = false;
        assert!(matches!(export.run().unwrap_err().kind(), ErrorKind::Exists));
        std::fs::remove_file(&target).unwrap();
        std::fs::remove_file(OpenOptions::path_beside(&target)).unwrap();
    }
    let itself = folder.path().join("in.npy");
    std::fs::rename(&path, &itself).unwrap();
    let source = FlatSource::open(&itself, SampleFormat::little(SampleType::I16), 3, 0, 0).shared();
    let mut export = Export::new(&source, &itself);
    export.overwrite = true;
    assert!(matches!(export.run().unwrap_err().kind(), ErrorKind::Invalid(_)));
    assert_eq!(std::fs::metadata(&itself).unwrap().len(), 60_000);
}

#[test]
fn a_recording_that_shrinks_gives_an_error_and_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_of(folder.path(), "in", 600_000);
    let source = FlatSource::open(&path, SampleFormat::little(SampleType::I16), 3, 0, 0).shared();
    std::fs::File::options().write(true).open(&path).unwrap().set_len(100_000).unwrap();
    for channels in [vec![0, 1, 2], vec![1]] {
        let mut export = Export::new(&source, &folder.path().join("out.bin"));
        export.selection.channels = channels;
        assert!(matches!(export.run().unwrap_err().kind(), ErrorKind::Truncated { .. }));
        assert_eq!(names(folder.path()), ["in"]);
    }
}

/// Reads of the inner recording; from the `stops`th on they also stop the task.
struct Stopping {
    inner: Arc<dyn Source>,
    task: Task,
    reads: AtomicUsize,
    stops: usize,
}

impl Source for Stopping {
    fn recording(&self) -> &Recording {
        self.inner.recording()
    }

    fn read(&self, stream: usize, frames: Range<u64>, channels: &[usize], out: &mut Block) -> Result<()> {
        if self.reads.fetch_add(1, Ordering::Relaxed) + 1 >= self.stops {
            self.task.cancel();
        }
        self.inner.read(stream, frames, channels, out)
    }
}

#[test]
fn a_stop_in_the_middle_of_the_samples_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_of(folder.path(), "in", 3 << 20);
    for overwrite in [false, true] {
        let target = folder.path().join("out.npy");
        let before = if overwrite { vec!["in", "out.npy", "out.npy.longwave.toml"] } else { vec!["in"] };
        if overwrite {
            std::fs::write(&target, "older").unwrap();
            std::fs::write(OpenOptions::path_beside(&target), "gain = 2.0").unwrap();
        }
        for stops in [1, 3, 20] {
            let inner = FlatSource::open(&path, SampleFormat::little(SampleType::I16), 3, 0, 0).shared();
            let task = Task::new(MemoryBudget::new(16 << 20), 2);
            // What is elsewhere reserved makes the chunks short, so that there are many.
            let _elsewhere = task.budget().reserve(15 << 20).unwrap();
            let source: Arc<dyn Source> =
                Arc::new(Stopping { inner, task: task.clone(), reads: AtomicUsize::new(0), stops });
            let mut export = Export::new(&source, &target);
            (export.task, export.overwrite) = (task, overwrite);
            assert!(export.run().unwrap_err().is_cancelled());
            let progress = export.task.progress();
            assert!(progress.done_bytes < progress.total_bytes);
            assert_eq!(names(folder.path()), before);
        }
        if overwrite {
            assert_eq!(std::fs::read(&target).unwrap(), b"older");
            assert_eq!(OpenOptions::beside(&target).unwrap().gain, Some(2.0));
        }
    }
}

/// The same where the system copies the bytes, sixteen mebibytes at a time.
#[test]
fn a_stop_in_the_middle_of_a_copy_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in");
    std::fs::File::create(&path).unwrap().set_len(160 << 20).unwrap();
    let source = FlatSource::open(&path, SampleFormat::little(SampleType::I16), 4, 0, 0).shared();
    let target = folder.path().join("out.bin");
    // The stop may come too late on a machine that has much else to do; not always.
    let stopped = (0..20).any(|_| {
        let mut export = Export::new(&source, &target);
        export.overwrite = true;
        let task = export.task.clone();
        let result = std::thread::scope(|scope| {
            scope.spawn(move || {
                while task.progress().done_bytes == 0 {
                    std::hint::spin_loop();
                }
                task.cancel();
            });
            export.run()
        });
        let progress = export.task.progress();
        match result {
            Err(e) => {
                assert!(e.is_cancelled(), "{e}");
                assert!(!names(folder.path()).iter().any(|n| n.ends_with(".part")), "{:?}", names(folder.path()));
                progress.done_bytes < progress.total_bytes
            }
            Ok(_) => false,
        }
    });
    assert!(stopped);
}

#[test]
fn a_name_with_a_line_break_does_not_break_the_description() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_of(folder.path(), "in", 6000);
    let source = FlatSource::open(&path, SampleFormat::little(SampleType::I16), 3, 0, 0).shared();
    let target = folder.path().join("two\nlines = [.bin");
    Export::new(&source, &target).run().unwrap();
    let again = longwave::source::open(&target, &OpenOptions::default(), &Task::unattended()).unwrap();
    assert_eq!(again.recording().streams[0].channels.len(), 3);
}

#[test]
fn ids_that_do_not_tell_channels_apart_are_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_of(folder.path(), "in", 6000);
    let mut source = FlatSource::open(&path, SampleFormat::little(SampleType::I16), 3, 0, 0);
    for channel in &mut source.recording.streams[0].channels {
        channel.id = "7".to_owned();
    }
    let source = source.shared();
    let target = folder.path().join("out.npy");
    Export::new(&source, &target).run().unwrap();
    longwave::source::open(&target, &OpenOptions::default(), &Task::unattended()).unwrap();
}
