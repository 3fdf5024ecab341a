//! Statistics against numpy and spectra against scipy, over the same values; independence of chunks, threads and
//! budget; gaps, missing values and refusals.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/flat.rs"]
mod flat;

use std::io::Write as _;
use std::sync::Arc;

use common::{Random, run_python};
use flat::{FlatSource, recording};
use longwave::analysis::{Report, Request, View, named};
use longwave::budget::MemoryBudget;
use longwave::form::Settings;
use longwave::recording::{ClockSpan, SampleFormat, SampleType, Samples, Scale, TimeBase};
use longwave::scan::Selection;
use longwave::source::{MemorySource, Source};
use longwave::task::Task;
use longwave::{ErrorKind, Result};

const MIB: u64 = 1 << 20;

fn run_with(
    source: &Arc<dyn Source>,
    selection: &Selection,
    name: &str,
    settings: &[(&str, &str)],
    task: &Task,
) -> Result<Report> {
    let analysis = named(name)?;
    let mut values = Settings::defaults(analysis.parameters);
    for (key, value) in settings {
        values.set(key, value)?;
    }
    (analysis.run)(&Request { source, selection, settings: &values, task, summary: None, publish: &|_| {} })
}

fn run(source: &Arc<dyn Source>, name: &str, settings: &[(&str, &str)]) -> Report {
    let task = Task::new(MemoryBudget::new(256 * MIB), 2);
    let report = run_with(source, &Selection::all(source.recording(), 0), name, settings, &task).unwrap();
    let progress = task.progress();
    assert_eq!(progress.done_bytes, progress.total_bytes, "{name} {settings:?}");
    assert_eq!(task.budget().used(), 0, "everything reserved comes back");
    report
}

fn noise(n: usize, seed: u64) -> Vec<f64> {
    let mut random = Random(seed);
    (0..n).map(|i| random.signed() + (i as f64 * 0.3).sin() + 0.25).collect()
}

/// `samples` (planar) as a recording in memory.
fn memory(samples: Samples, sample_type: SampleType, channels: usize, time: TimeBase) -> Arc<dyn Source> {
    let frames = samples.len() / channels;
    let mut recording = recording(SampleFormat::native(sample_type), channels, frames as u64, time);
    for (i, channel) in recording.streams[0].channels.iter_mut().enumerate() {
        channel.scale = Scale { gain: 0.5 - i as f64, offset: 3.0 * i as f64 };
        channel.unit = "uV".to_owned();
    }
    Arc::new(MemorySource::new(recording, vec![samples]).unwrap())
}

fn assert_close(ours: f64, theirs: f64, relative: f64, what: &str) {
    let scale = ours.abs().max(theirs.abs());
    assert!(ours == theirs || (ours - theirs).abs() <= relative * scale, "{what}: {ours:e} and {theirs:e}");
}

fn curve(report: &Report, i: usize) -> (&[f64], &[f64]) {
    let View::Curves(curves) = &report.view else { panic!("a spectrum is curves") };
    (&curves.x, &curves.series[i].1)
}

/// `values` in a file, for Python to read.
fn file_of(bytes: impl IntoIterator<Item = u8>) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&bytes.into_iter().collect::<Vec<u8>>()).unwrap();
    file
}

#[test]
fn statistics_are_those_of_numpy_for_every_type() {
    const STATS: &str = "
x = np.fromfile(sys.argv[1], dtype=sys.argv[2]).reshape(-1, int(sys.argv[3]))
out = []
for i in range(x.shape[1]):
    c = x[:, i].astype(np.float64) * (0.5 - i) + 3.0 * i
    n = int(np.isnan(c).sum()); c = c[~np.isnan(c)]
    out.append([float(c.size), float(n), c.min(), c.max(), c.mean(), c.std(), float(np.sqrt(np.mean(c ** 2)))])
# As text: reading JSON is not exact to the last bit.
print(json.dumps([[repr(float(v)) for v in c] for c in out]))";
    let mut random = Random(7);
    for sample_type in SampleType::ALL {
        // One channel takes the dense path, eleven the rows or the blocks.
        for (channels, trailer) in [(1, 0), (11, 0), (9, 5)] {
            let mut rows: Vec<u8> = vec![];
            let mut plain: Vec<u8> = vec![];
            for _ in 0..9001 {
                let row: Vec<u8> = (0..channels)
                    .flat_map(|_| match sample_type {
                        SampleType::F32 => {
                            let x = if random.below(50) == 0 { f32::NAN } else { random.signed() as f32 };
                            x.to_le_bytes().to_vec()
                        }
                        SampleType::F64 => (1e6 + random.signed()).to_le_bytes().to_vec(),
                        SampleType::F16 => (0x3000 + random.below(0x800) as u16).to_le_bytes().to_vec(),
                        SampleType::Bool => vec![random.below(2) as u8],
                        other => random.next().to_le_bytes()[..other.size()].to_vec(),
                    })
                    .collect();
                rows.extend(&row);
                rows.extend(vec![0xAA; trailer as usize]);
                plain.extend(row);
            }
            let (file, reference) = (file_of(rows), file_of(plain));
            let mut source = FlatSource::open(file.path(), SampleFormat::little(sample_type), channels, 0, trailer);
            for (i, channel) in source.recording.streams[0].channels.iter_mut().enumerate() {
                channel.scale = Scale { gain: 0.5 - i as f64, offset: 3.0 * i as f64 };
            }
            let report = run(&source.shared(), "stats", &[]);
            let code = sample_type.npy_name();
            let theirs = run_python(STATS, &[reference.path().to_str().unwrap(), code, &channels.to_string()]);
            let theirs: Vec<Vec<String>> = serde_json::from_str(&theirs).unwrap();
            let theirs: Vec<Vec<f64>> = theirs.iter().map(|c| c.iter().map(|x| x.parse().unwrap()).collect()).collect();
            for (ours, theirs) in report.json["channels"].as_array().unwrap().iter().zip(&theirs) {
                let what = format!("{code}, {channels} channels: {ours}");
                for (i, key) in ["count", "nan_count", "min", "max"].iter().enumerate() {
                    assert_eq!(ours[key].as_f64().unwrap().to_bits(), theirs[i].to_bits(), "{key}, {what}");
                }
                for (i, key) in ["mean", "std", "rms"].iter().enumerate() {
                    assert_close(ours[key].as_f64().unwrap(), theirs[4 + i], 1e-9, &format!("{key}, {what}"));
                }
            }
        }
    }
}

#[test]
fn nothing_and_nan_have_no_statistics() {
    let source = memory(Samples::F32(vec![f32::NAN; 10]), SampleType::F32, 1, TimeBase::regular(1.0));
    let channel = &run(&source, "stats", &[]).json["channels"][0];
    assert_eq!((channel["count"].as_u64(), channel["nan_count"].as_u64()), (Some(0), Some(10)));
    for key in ["min", "max", "mean", "std", "rms"] {
        assert!(channel[key].is_null(), "{key}");
    }
    let task = Task::unattended();
    let nothing = Selection { stream: 0, channels: vec![0], frames: 3..3 };
    let report = run_with(&source, &nothing, "stats", &[], &task).unwrap();
    assert_eq!(report.json["channels"][0]["count"], 0);
    let outside = Selection { stream: 0, channels: vec![0], frames: 3..11 };
    assert!(run_with(&source, &outside, "stats", &[], &task).is_err());
}

#[test]
fn spectra_are_those_of_scipy() {
    const WELCH: &str = "
import scipy.signal
x = np.fromfile(sys.argv[1])
out = []
for case in json.loads(sys.argv[2]):
    window, overlap, taper, average, detrend, scaling = case
    f, p = scipy.signal.welch(x, 30000.0, window=taper, nperseg=window, noverlap=overlap, average=average,
                              detrend=False if detrend == 'none' else detrend, scaling=scaling)
    out.append([f.tolist(), p.tolist()])
print(json.dumps(out))";
    let values = noise(150_000, 3);
    let file = file_of(values.iter().flat_map(|x| (x * 0.5).to_le_bytes()));
    let source = memory(Samples::F64(values), SampleType::F64, 1, TimeBase::regular(30_000.0));
    let tapers = ["rectangular", "hann", "hamming", "blackman", "blackman-harris", "flat-top"];
    let theirs = ["boxcar", "hann", "hamming", "blackman", "blackmanharris", "flattop"];
    let mut cases = vec![];
    for (i, taper) in tapers.iter().enumerate() {
        for average in ["mean", "median"] {
            for detrend in ["none", "constant", "linear"] {
                let scaling = ["density", "spectrum"][i % 2];
                let (window, overlap) = [(8192, 4096), (1000, 250), (501, 0), (4096, 4000)][(i + detrend.len()) % 4];
                cases.push((window, overlap, *taper, theirs[i], average, detrend, scaling));
            }
        }
    }
    // An even and an odd number of windows, one window, and the shortest window.
    cases.push((150_000, 0, "hann", "hann", "median", "constant", "density"));
    cases.push((75_000, 0, "hann", "hann", "median", "constant", "density"));
    cases.push((2, 1, "hamming", "hamming", "mean", "constant", "spectrum"));
    let asked: Vec<_> = cases.iter().map(|c| (c.0, c.1, c.3, c.4, c.5, c.6)).collect();
    let answers = run_python(WELCH, &[file.path().to_str().unwrap(), &serde_json::to_string(&asked).unwrap()]);
    let answers: Vec<(Vec<f64>, Vec<f64>)> = serde_json::from_str(&answers).unwrap();
    assert_eq!(answers.len(), cases.len());
    for ((window, overlap, taper, _, average, detrend, scaling), (x, y)) in cases.into_iter().zip(answers) {
        let settings = [
            ("window", window.to_string()),
            ("overlap", overlap.to_string()),
            ("taper", taper.to_owned()),
            ("average", average.to_owned()),
            ("detrend", detrend.to_owned()),
            ("scaling", scaling.to_owned()),
        ];
        let settings: Vec<(&str, &str)> = settings.iter().map(|(k, v)| (*k, &**v)).collect();
        let report = run(&source, "spectrum", &settings);
        let (ours_x, ours_y) = curve(&report, 0);
        assert_eq!(ours_x.len(), x.len());
        let top = y.iter().copied().fold(0.0, f64::max);
        for (k, (ours, theirs)) in ours_y.iter().zip(&y).enumerate() {
            assert_close(ours_x[k], x[k], 1e-12, "frequency");
            // The lowest bin of a window without its mean is a rounding error, theirs as ours.
            if *theirs > 1e-24 * top {
                assert_close(*ours, *theirs, 1e-9, &format!("bin {k} of {settings:?}"));
            }
        }
    }
}

#[test]
fn results_do_not_depend_on_threads_and_budget() {
    let mut random = Random(99);
    let samples: Vec<i16> = (0..7 * 60_000).map(|_| random.next() as i16).collect();
    let source = memory(Samples::I16(samples), SampleType::I16, 7, TimeBase::regular(1000.0));
    let mut references: Vec<Vec<Report>> = vec![];
    for (threads, mib, pressure) in [(1, 512, false), (2, 16, false), (5, 64, true)] {
        let budget = MemoryBudget::new(mib * MIB);
        budget.set_pressure(pressure);
        let task = Task::new(budget, threads);
        let selection = Selection { stream: 0, channels: vec![6, 0, 3], frames: 777..59_000 };
        let mut reports = vec![run_with(&source, &selection, "stats", &[], &task).unwrap()];
        for average in ["mean", "median", "max"] {
            let settings = [("window", "1024"), ("overlap", "700"), ("average", average)];
            reports.push(run_with(&source, &selection, "spectrum", &settings, &task).unwrap());
        }
        references.push(reports);
    }
    for reports in &references[1..] {
        for (a, b) in references[0][0].json["channels"]
            .as_array()
            .unwrap()
            .iter()
            .zip(reports[0].json["channels"].as_array().unwrap())
        {
            for key in ["count", "min", "max"] {
                assert_eq!(a[key], b[key]);
            }
            for key in ["mean", "std", "rms"] {
                assert_close(a[key].as_f64().unwrap(), b[key].as_f64().unwrap(), 1e-9, key);
            }
        }
        for (a, b) in references[0][1..].iter().zip(&reports[1..]) {
            for i in 0..3 {
                for (x, y) in curve(a, i).1.iter().zip(curve(b, i).1) {
                    assert_close(*x, *y, 1e-9, "power");
                }
            }
            assert_eq!(a.json["windows"], b.json["windows"]);
        }
    }
}

#[test]
fn a_median_that_does_not_fit_takes_more_passes_and_is_exact() {
    // 2,000 windows of 2,049 bins are 31 MiB: more than a third of the least budget.
    let values = noise(2_001 * 2048, 11).iter().map(|&x| x as f32).collect();
    let source = memory(Samples::F32(values), SampleType::F32, 1, TimeBase::regular(1.0));
    let selection = Selection::all(source.recording(), 0);
    let settings = [("window", "4096"), ("overlap", "2048"), ("average", "median")];
    let small = Task::new(MemoryBudget::new(24 * MIB), 2);
    let a = run_with(&source, &selection, "spectrum", &settings, &small).unwrap();
    let large = Task::new(MemoryBudget::new(512 * MIB), 2);
    let b = run_with(&source, &selection, "spectrum", &settings, &large).unwrap();
    assert!(small.progress().total_bytes >= 2 * large.progress().total_bytes, "{:?}", small.progress());
    assert_eq!(small.progress().done_bytes, small.progress().total_bytes);
    assert_eq!(curve(&a, 0), curve(&b, 0), "bit for bit");
}

#[test]
fn windows_over_gaps_and_nan_are_left_out() {
    let spans = vec![ClockSpan { first_frame: 0, first_tick: 0 }, ClockSpan { first_frame: 5000, first_tick: 5100 }];
    let time = TimeBase::with_spans(1000.0, spans);
    let mut values = noise(10_000, 5);
    values[9990] = f64::NAN;
    let source = memory(Samples::F64(values.clone()), SampleType::F64, 1, time);
    let report = run(&source, "spectrum", &[("window", "1000"), ("overlap", "500")]);
    // 19 windows, one of which crosses the gap and one of which holds the NaN.
    assert_eq!((report.json["windows"].as_u64(), report.json["skipped_windows"].as_u64()), (Some(17), Some(1)));
    assert_eq!(report.notes.len(), 2, "{:?}", report.notes);
    assert!(curve(&report, 0).1.iter().all(|p| p.is_finite()));

    let task = Task::unattended();
    let across = Selection { stream: 0, channels: vec![0], frames: 4500..5500 };
    let settings = [("window", "1000"), ("overlap", "500")];
    assert!(run_with(&source, &across, "spectrum", &settings, &task).unwrap_err().remedy().is_some());
    let short = Selection { stream: 0, channels: vec![0], frames: 0..999 };
    let error = run_with(&source, &short, "spectrum", &settings, &task).unwrap_err().to_string();
    assert!(error.contains("--window 512"), "{error}");
    let settings = [("window", "1000"), ("overlap", "1000")];
    assert!(run_with(&source, &across, "spectrum", &settings, &task).is_err());
}

#[test]
fn a_rate_that_is_not_known_is_said() {
    let source = memory(Samples::F64(noise(4096, 1)), SampleType::F64, 1, TimeBase::frames_only());
    let report = run(&source, "spectrum", &[("window", "512"), ("overlap", "0")]);
    assert_eq!(curve(&report, 0).0.last(), Some(&0.5));
    assert!(report.notes[0].contains("cycles per frame"));
}

#[test]
fn spectra_are_written_as_numpy_reads_them() {
    let source = memory(Samples::F64(noise(40_000, 1)), SampleType::F64, 2, TimeBase::regular(1000.0));
    let report = run(&source, "spectrum", &[("window", "512"), ("overlap", "256")]);
    let folder = tempfile::tempdir().unwrap();
    let (npy, csv) = (folder.path().join("s.npy"), folder.path().join("s.csv"));
    report.write_npy(&npy, false).unwrap();
    report.write_csv(&csv, false).unwrap();
    let script = "
a = np.load(sys.argv[1]); b = np.loadtxt(sys.argv[2], delimiter=',', skiprows=1)
print(open(sys.argv[2]).readline().strip(), a.dtype, a.shape, a.flags.c_contiguous, bool((a == b).all()), repr(a[1, 2]))";
    let text = run_python(script, &[npy.to_str().unwrap(), csv.to_str().unwrap()]);
    assert!(text.starts_with("frequency_hz,ch 0,ch 1 float64 (257, 3) True True"), "{text}");
    assert!(text.contains(&format!("{:?}", curve(&report, 1).1[1])), "{text}");
}

#[test]
fn a_stopped_analysis_says_so() {
    let source = memory(Samples::F64(noise(40_000, 1)), SampleType::F64, 2, TimeBase::regular(1000.0));
    for name in ["stats", "spectrum"] {
        let task = Task::unattended();
        task.cancel();
        let error = run_with(&source, &Selection::all(source.recording(), 0), name, &[], &task).unwrap_err();
        assert!(error.is_cancelled(), "{error}");
        assert_eq!(task.budget().used(), 0);
    }
}

/// Almost wholly overlapping windows make a quarter of an hour of work of a single chunk: a stop does not wait for it.
#[test]
fn a_stop_does_not_wait_for_a_chunk() {
    for average in ["mean", "median", "max"] {
        let samples = Samples::F64(noise((1 << 16) + (1 << 19), 4));
        let source = memory(samples, SampleType::F64, 1, TimeBase::regular(1000.0));
        let task = Task::new(MemoryBudget::new(256 * MIB), 2);
        let stopper = task.clone();
        let (run, settings) = (Selection::all(source.recording(), 0), [("window", "65536"), ("overlap", "65535")]);
        let settings: Vec<(&str, &str)> = settings.into_iter().chain([("average", average)]).collect();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(std::time::Duration::from_millis(50));
                stopper.cancel();
            });
            let error = run_with(&source, &run, "spectrum", &settings, &task).unwrap_err();
            assert!(error.is_cancelled(), "{error}");
        });
        assert_eq!(task.budget().used(), 0);
    }
}

/// A channel without numbers, and one whose squares are beyond all numbers, with more windows than memory for them.
#[test]
fn a_median_of_nothing_or_of_too_much_comes_to_an_end() {
    let n = 200_000;
    let mut values = vec![f64::NAN; n];
    // Sums stay finite, sums of squares do not.
    values.extend((0..n).map(|i| if (i + i / 16) % 2 == 0 { 1.7e308 } else { -1.7e308 }));
    values.extend(noise(n, 8));
    let source = memory(Samples::F64(values), SampleType::F64, 3, TimeBase::regular(1000.0));
    let settings = [("window", "64"), ("overlap", "60"), ("average", "median")];
    let all = Selection::all(source.recording(), 0);
    let spectra = |budget: u64| {
        let task = Task::new(MemoryBudget::new(budget), 2);
        let report = run_with(&source, &all, "spectrum", &settings, &task).unwrap();
        [0, 1, 2].map(|i| curve(&report, i).1.to_vec())
    };
    let (little, much) = (spectra(16 * MIB), spectra(512 * MIB));
    for [nothing, too_much, noise] in [&little, &much] {
        assert!(nothing.iter().all(|x| x.is_nan()));
        assert!(too_much.iter().any(|x| x.is_infinite()) && !too_much.iter().any(|x| x.is_nan()), "{too_much:?}");
        assert!(noise.iter().all(|x| *x > 0.0 && x.is_finite()));
    }
    assert_eq!(little[1..], much[1..]);
}

/// A prime number of frames is transformed through one that is much larger: that is reserved, or refused, beforehand.
#[test]
fn what_a_long_window_needs_is_reserved() {
    let n = 1 << 20;
    let source = memory(Samples::F32(vec![1.0; n]), SampleType::F32, 1, TimeBase::regular(1.0));
    let all = Selection::all(source.recording(), 0);
    let run = |window: &str| {
        let task = Task::new(MemoryBudget::new(64 * MIB), 1);
        run_with(&source, &all, "spectrum", &[("window", window), ("average", "max")], &task)
    };
    assert!(matches!(run("524287").unwrap_err().kind(), ErrorKind::OutOfBudget { .. }));
    assert_eq!(curve(&run("262144").unwrap(), 0).1.len(), 131_073);
    assert_eq!(curve(&run("65537").unwrap(), 0).1.len(), 32_769);
}
