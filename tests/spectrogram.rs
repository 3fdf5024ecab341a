//! Spectrograms against scipy over the same values; independence of threads and budget; gaps, missing values, constants,
//! refusals; pictures.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/flat.rs"]
mod flat;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{Random, longwave, run_python};
use flat::recording;
use longwave::analysis::{Heatmap, Request, View, named, writer};
use longwave::budget::MemoryBudget;
use longwave::form::Settings;
use longwave::recording::{ClockSpan, SampleFormat, SampleType, Samples, TimeBase};
use longwave::scan::Selection;
use longwave::source::{MemorySource, Source};
use longwave::task::Task;
use proptest::prelude::*;

const MIB: u64 = 1 << 20;

fn settings(values: &[(&str, &str)]) -> Settings {
    let mut settings = Settings::defaults(named("spectrogram").unwrap().parameters);
    values.iter().for_each(|(key, value)| settings.set(key, value).unwrap());
    settings
}

/// Frames × channels of float32 as a `.npy` file.
fn save_npy(path: &Path, channels: usize, values: &[f32]) {
    let shape = format!("({}, {channels})", values.len() / channels);
    let dict = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    let padded = format!("{dict:<117}\n");
    bytes.extend((padded.len() as u16).to_le_bytes());
    bytes.extend(padded.bytes());
    bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    std::fs::write(path, bytes).unwrap();
}

/// The array of a float64 `.npy` file in Fortran order: shape and values as they lie.
fn load_npy(path: &Path) -> (Vec<usize>, Vec<f64>) {
    let bytes = std::fs::read(path).unwrap();
    let at = 10 + usize::from(bytes[8]) + 256 * usize::from(bytes[9]);
    let header = String::from_utf8_lossy(&bytes[10..at]).into_owned();
    assert!(header.contains("'fortran_order': True") && header.contains("<f8"), "{header}");
    let shape = header.split('(').nth(1).unwrap().split(')').next().unwrap();
    let shape = shape.split(',').filter_map(|n| n.trim().parse().ok()).collect();
    (shape, bytes[at..].chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect())
}

fn memory(values: Vec<f32>, channels: usize, time: TimeBase) -> Arc<dyn Source> {
    let frames = (values.len() / channels) as u64;
    let mut recording = recording(SampleFormat::native(SampleType::F32), channels, frames, time);
    recording.streams[0].channels.iter_mut().for_each(|c| c.unit = "uV".to_owned());
    Arc::new(MemorySource::new(recording, vec![Samples::F32(values)]).unwrap())
}

fn noise(n: usize, seed: u64) -> Vec<f32> {
    let mut random = Random(seed);
    (0..n).map(|i| (random.signed() + (i as f64 * 0.3).sin() + 0.25) as f32).collect()
}

fn write_to(
    source: &Arc<dyn Source>,
    values: &[(&str, &str)],
    target: &Path,
    task: &Task,
) -> longwave::Result<serde_json::Value> {
    let selection = Selection::all(source.recording(), 0);
    let settings = settings(values);
    let request = Request { source, selection: &selection, settings: &settings, task, summary: None, publish: &|_| {} };
    writer("spectrogram").unwrap()(&request, target, true).map(|report| report.json)
}

fn image(source: &Arc<dyn Source>, values: &[(&str, &str)]) -> longwave::Result<(Heatmap, serde_json::Value)> {
    let task = Task::new(MemoryBudget::new(64 * MIB), 2);
    let selection = Selection::all(source.recording(), 0);
    let settings = settings(values);
    let request =
        Request { source, selection: &selection, settings: &settings, task: &task, summary: None, publish: &|_| {} };
    let report = (named("spectrogram")?.run)(&request)?;
    assert_eq!(task.progress().done_bytes, task.progress().total_bytes);
    assert_eq!(task.budget().used(), 0, "everything reserved comes back");
    let View::Image(map) = report.view else { panic!("a spectrogram is an image") };
    Ok((map, report.json))
}

#[test]
fn the_array_is_that_of_scipy() {
    const CHECK: &str = "
from scipy.signal import spectrogram, get_window
x = np.load(sys.argv[1]).astype(np.float64)[1000:31000, [2, 0]]
ours = np.load(sys.argv[2], mmap_mode='r')
axes = json.load(open(sys.argv[2].replace('.npy', '.axes.json')))
n, overlap, taper = int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
f, t, theirs = spectrogram(x, 1000.0, window=get_window(taper, n), nperseg=n, noverlap=overlap, axis=0, detrend='constant')
theirs = np.moveaxis(theirs, 1, 0)
assert ours.shape == theirs.shape == tuple(axes['shape']), (ours.shape, theirs.shape)
assert axes['axes'] == ['channels', 'frequency_hz', 'time_secs'] and [c['name'] for c in axes['channels']] == ['ch 2', 'ch 0']
np.testing.assert_allclose(axes['frequency_hz'], f, rtol=1e-12)
np.testing.assert_allclose(axes['time_secs'], t + 1.0, rtol=1e-12)
# What is left at zero after the mean is taken off is rounding, in theirs as in ours.
np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9 * theirs.max() * 1e-9)
db = np.load(sys.argv[6])
np.testing.assert_allclose(db[:, 1:], 10 * np.log10(theirs[:, 1:]), atol=1e-6)";
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    save_npy(&path("in.npy"), 3, &noise(3 * 40_000, 5));
    let text = |p: PathBuf| p.to_str().unwrap().to_owned();
    for (n, overlap, taper) in [("256", "128", "hann"), ("500", "480", "hamming"), ("255", "0", "blackman")] {
        let run = |out: &str, more: &[&str]| {
            let (file, out) = (text(path("in.npy")), text(path(out)));
            let mut args = vec!["spectrogram", &file, "--rate", "1000", "--window", n, "--overlap", overlap];
            args.extend([
                "--taper",
                taper,
                "--channels",
                "2,0",
                "--range",
                "1s..31s",
                "--force",
                "--quiet",
                "-o",
                &out,
            ]);
            args.extend(more);
            let output = longwave(&args);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        run("out.npy", &[]);
        let json: serde_json::Value = serde_json::from_str(&run("db.npy", &["--db", "--json"])).unwrap();
        assert_eq!((json["db"].as_bool(), json["window"].to_string().as_str()), (Some(true), n));
        let args =
            [text(path("in.npy")), text(path("out.npy")), n.into(), overlap.into(), taper.into(), text(path("db.npy"))];
        run_python(CHECK, &args.each_ref().map(String::as_str));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn threads_and_memory_change_nothing(
        frames in 600_usize..4000,
        window in 16_usize..300,
        overlap_share in 0.0..0.95_f64,
        columns in prop::option::of(1_u64..40),
        gap in 0_u64..3,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let spans = [ClockSpan { first_frame: 0, first_tick: 0 }, ClockSpan { first_frame: 300, first_tick: 300 + gap }];
        let time = TimeBase::with_spans(1000.0, spans[..if gap > 0 { 2 } else { 1 }].to_vec());
        let source = memory(noise(2 * frames, 3), 2, time);
        let (window, overlap) = (window.to_string(), ((window as f64 * overlap_share) as usize).to_string());
        let windows = (frames as u64 - window.parse::<u64>().unwrap()) / (window.parse::<u64>().unwrap() - overlap.parse::<u64>().unwrap()) + 1;
        let columns = columns.map(|n| n.min(windows).to_string());
        let mut values = vec![("window", window.as_str()), ("overlap", overlap.as_str())];
        values.extend(columns.as_deref().map(|n| ("columns", n)));
        let results: Vec<Vec<u8>> = [(1, 16), (3, 16), (2, 256)]
            .map(|(threads, mib)| {
                let task = Task::new(MemoryBudget::new(mib * MIB), threads);
                let target = folder.path().join("out.npy");
                write_to(&source, &values, &target, &task).unwrap();
                assert_eq!(task.budget().used(), 0);
                std::fs::read(&target).unwrap()
            })
            .to_vec();
        prop_assert!(results[0] == results[1] && results[0] == results[2]);
    }
}

#[test]
fn columns_are_the_means_of_their_windows() {
    let folder = tempfile::tempdir().unwrap();
    let source = memory(noise(20_000, 9), 1, TimeBase::regular(1000.0));
    let task = Task::new(MemoryBudget::new(64 * MIB), 2);
    let (all, few) = (folder.path().join("all.npy"), folder.path().join("few.npy"));
    let cut = [("window", "128"), ("overlap", "64")];
    write_to(&source, &cut, &all, &task).unwrap();
    let json = write_to(&source, &[cut[0], cut[1], ("columns", "10")], &few, &task).unwrap();
    let ((all_shape, all), (shape, few)) = (load_npy(&all), load_npy(&few));
    assert_eq!((all_shape, shape), (vec![1, 65, 311], vec![1, 65, 10]));
    // A column is 31.1 hops long: the window of middle i hops behind the first edge belongs to column i / 31.1.
    for column in 0..10 {
        let windows: Vec<usize> = (0..311).filter(|w| (2 * w + 1) * 10 / 622 == column).collect();
        for bin in 0..65 {
            let mean = windows.iter().map(|w| all[w * 65 + bin]).sum::<f64>() / windows.len() as f64;
            let ours = few[column * 65 + bin];
            assert!((ours - mean).abs() <= 1e-12 * mean, "{column} {bin}: {ours} and {mean}");
        }
    }
    let secs: Vec<f64> = json["time_secs"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    assert!((secs[1] - secs[0] - 1.9904).abs() < 0.002, "{secs:?}");
}

#[test]
fn windows_over_gaps_and_values_that_are_none_are_missing() {
    let spans = vec![ClockSpan { first_frame: 0, first_tick: 0 }, ClockSpan { first_frame: 1000, first_tick: 51_000 }];
    let mut values = noise(2 * 4000, 4);
    values[4000..].fill(f32::NAN);
    values[2100] = f32::INFINITY;
    let source = memory(values, 2, TimeBase::with_spans(1000.0, spans));
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("out.npy");
    let task = Task::new(MemoryBudget::new(64 * MIB), 2);
    let json = write_to(&source, &[("window", "100"), ("overlap", "50")], &target, &task).unwrap();
    let (shape, values) = load_npy(&target);
    assert_eq!(shape, [2, 51, 79]);
    // Window 19 covers frames 950 to 1050, over the gap; 41 and 42 hold frame 2100 (41 and 42 cover 2050..2200).
    for window in 0..79 {
        let missing = [19, 41, 42].contains(&window);
        for bin in 0..51 {
            let at = |channel: usize| values[(window * 51 + bin) * 2 + channel];
            assert_eq!(at(0).is_nan(), missing, "window {window}");
            assert!(at(1).is_nan());
        }
    }
    assert_eq!((json["skipped_windows"].as_u64(), json["channels"][0]["windows"].as_u64()), (Some(1), Some(76)));
    let secs = json["time_secs"].as_array().unwrap();
    assert_eq!((secs[18].as_f64(), secs[20].as_f64()), (Some(0.95), Some(51.05)));
    let (map, _) = image(&source, &[("window", "100"), ("overlap", "50"), ("columns", "51")]).unwrap();
    let empty = (0..51).filter(|&column| map.layers[0].values[column].is_nan()).count();
    assert!((46..=48).contains(&empty), "the gap is most of the time: {empty}");
}

#[test]
fn nothing_to_show_is_said() {
    let nan = memory(vec![f32::NAN; 3000], 1, TimeBase::regular(1000.0));
    let error = image(&nan, &[("window", "100")]).unwrap_err().to_string();
    assert!(error.contains("no window of 100 frames") && error.contains("--window"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    for name in ["out.npy", "out.png"] {
        let target = folder.path().join(name);
        let task = Task::new(MemoryBudget::new(64 * MIB), 2);
        assert!(write_to(&nan, &[("window", "100")], &target, &task).is_err());
        let error = write_to(&nan, &[("window", "5000")], &target, &task).unwrap_err().to_string();
        assert!(error.contains("fewer than one window of 5000") && error.contains("--window 2048"), "{error}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn a_constant_has_no_power_and_is_the_lowest_colour() {
    let mut values = vec![3.25_f32; 4096];
    values.extend(noise(4096, 2));
    let source = memory(values, 2, TimeBase::regular(1000.0));
    let (map, _) = image(&source, &[("window", "256")]).unwrap();
    assert!(map.layers[0].values.iter().all(|&v| v == 0.0));
    assert_eq!(map.drawn(map.layers[0].values[0]), f32::NEG_INFINITY);
    let folder = tempfile::tempdir().unwrap();
    let (target, picture) = (folder.path().join("out.npy"), folder.path().join("out.png"));
    let task = Task::new(MemoryBudget::new(64 * MIB), 2);
    write_to(&source, &[("window", "256"), ("db", "true")], &target, &task).unwrap();
    let (_, values) = load_npy(&target);
    assert!(values.iter().step_by(2).all(|&v| v == f64::NEG_INFINITY));
    write_to(&source, &[("window", "256")], &picture, &task).unwrap();
}

#[test]
fn a_chirp_is_a_rising_line_in_the_picture() {
    const CHIRP_HZ: f64 = 400.0;
    let frames = 60_000;
    // From 0 to 400 Hz in a minute at 1 kHz.
    let value = |i: usize| {
        let t = i as f64 / 1000.0;
        (std::f64::consts::PI * CHIRP_HZ / 60.0 * t * t).sin() as f32
    };
    let folder = tempfile::tempdir().unwrap();
    let (file, target) = (folder.path().join("in.npy"), folder.path().join("out.png"));
    save_npy(&file, 1, &(0..frames).map(value).collect::<Vec<_>>());
    let (file, out) = (file.to_str().unwrap(), target.to_str().unwrap());
    let output = longwave(&[
        "spectrogram",
        file,
        "--rate",
        "1000",
        "--window",
        "512",
        "--size",
        "800x500",
        "--limits",
        "-60..0",
        "-o",
        out,
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut reader =
        png::Decoder::new(std::io::BufReader::new(std::fs::File::open(&target).unwrap())).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((info.width, info.height), (800, 500));
    // The plot: 24 + 64 pixels at the left, 24 + 84 at the right, 54 above, 78 below.
    let (left, right, top, bottom) = (88, 692, 54, 422);
    for share in [0.2, 0.5, 0.8] {
        let x = left + ((right - left) as f64 * share) as usize;
        let green = |y: usize| i32::from(pixels[(y * 800 + x) * 3 + 1]);
        let brightest = (top..bottom).max_by_key(|&y| green(y)).unwrap();
        let hz = 500.0 * (bottom - brightest) as f64 / (bottom - top) as f64;
        assert!((hz - CHIRP_HZ * share).abs() < 12.0, "at {share} the line is at {hz} Hz");
    }
}

#[test]
fn what_cannot_be_is_refused_with_what_would_work() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in.npy");
    save_npy(&file, 1, &noise(80_000, 8));
    let file = file.to_str().unwrap();
    let out = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (npy, png) = (out("out.npy"), out("out.png"));
    let fails = |more: &[&str], code: i32, hint: &str| {
        let mut args = vec!["spectrogram", file, "--rate", "1000"];
        args.extend(more);
        let output = longwave(&args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{more:?}: {said}");
        assert!(said.contains(hint), "{more:?}: {said}");
    };
    fails(&[], 2, "-o OUT, which ends in .npy or .png");
    fails(&["--json"], 2, "-o OUT");
    fails(&["-o", &out("out.csv")], 2, ".npy or .png");
    fails(&["-o", &npy, "--window", "64", "--overlap", "64"], 2, "--overlap 63");
    fails(&["-o", &png, "--limits", "9..1"], 2, "-20..40");
    fails(&["-o", &png, "--size", "10x10"], 2, "240x120");
    fails(&["-o", &npy, "--window", "131072"], 1, "--window 65536");
    fails(&["-o", &npy, "--window", "65536", "--columns", "4"], 1, "--columns 1 or less");
    fails(&["-o", &npy, "--window", "40000", "--overlap", "39999"], 1, "--columns");
    let left = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| !name.to_string_lossy().starts_with("in.npy")).collect();
    assert!(left.is_empty(), "nothing is left behind: {left:?}");
    let made = longwave(&["spectrogram", file, "--rate", "1000", "--window", "512", "-o", &npy]);
    assert!(made.status.success());
    fails(&["-o", &npy, "--window", "512"], 1, "--force");
}
