//! Multitaper, confidence bands, cross-spectra, band powers, peaks and tones, against scipy and numpy, and against
//! signals whose answer is known; gaps, missing values and refusals; independence of chunks and threads.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/flat.rs"]
mod flat;

use std::f64::consts::{PI, TAU};
use std::io::Write as _;
use std::sync::Arc;

use common::{Random, longwave, run_python};
use flat::recording;
use longwave::Result;
use longwave::analysis::{Report, Request, View, dpss, named};
use longwave::budget::MemoryBudget;
use longwave::form::Settings;
use longwave::recording::{ClockSpan, SampleFormat, SampleType, Samples, TimeBase};
use longwave::scan::Selection;
use longwave::source::{MemorySource, Source};
use longwave::task::Task;
use serde_json::Value;

const MIB: u64 = 1 << 20;

fn run_with(
    source: &Arc<dyn Source>,
    channels: &[usize],
    name: &str,
    settings: &[(&str, &str)],
    task: &Task,
) -> Result<Report> {
    let analysis = named(name)?;
    let mut values = Settings::defaults(analysis.parameters);
    for (key, value) in settings {
        values.set(key, value)?;
    }
    (analysis.check)(&values)?;
    let mut selection = Selection::all(source.recording(), 0);
    if !channels.is_empty() {
        selection.channels = channels.to_vec();
    }
    let report = (analysis.run)(&Request {
        source,
        selection: &selection,
        settings: &values,
        task,
        summary: None,
        publish: &|_| {},
    })?;
    assert_eq!(task.budget().used(), 0, "everything reserved comes back");
    Ok(report)
}

fn run(source: &Arc<dyn Source>, name: &str, settings: &[(&str, &str)]) -> Report {
    run_with(source, &[], name, settings, &Task::new(MemoryBudget::new(256 * MIB), 2)).unwrap()
}

fn refused(source: &Arc<dyn Source>, name: &str, settings: &[(&str, &str)]) -> String {
    let error = run_with(source, &[], name, settings, &Task::unattended()).unwrap_err();
    assert!(error.remedy().is_some(), "{error}");
    error.to_string()
}

/// Channels as a recording in memory.
fn memory(channels: &[Vec<f64>], time: TimeBase) -> Arc<dyn Source> {
    let frames = channels[0].len() as u64;
    let mut recording = recording(SampleFormat::native(SampleType::F64), channels.len(), frames, time);
    for (i, channel) in recording.streams[0].channels.iter_mut().enumerate() {
        channel.name = ["a", "b", "c", "d"][i].to_owned();
        channel.unit = "uV".to_owned();
    }
    Arc::new(MemorySource::new(recording, vec![Samples::F64(channels.concat())]).unwrap())
}

fn noise(n: usize, seed: u64) -> Vec<f64> {
    let mut random = Random(seed);
    (0..n).map(|_| (0..6).map(|_| random.signed()).sum::<f64>()).collect()
}

/// Three channels: noise with a tone, the same two frames later with other noise on it, and something else.
fn related(n: usize) -> Vec<Vec<f64>> {
    let (common, own, other) = (noise(n, 1), noise(n, 2), noise(n, 3));
    let a: Vec<f64> = (0..n).map(|i| common[i] + (0.7 * i as f64).sin() + 2.0).collect();
    let b = (0..n).map(|i| a[i.saturating_sub(2)] + 0.4 * own[i]).collect();
    vec![a, b, other]
}

fn file_of(channels: &[Vec<f64>]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&channels.concat().iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>()).unwrap();
    file
}

/// Runs Python over channels (as rows of `x`) and reads the JSON it prints.
fn python_over(channels: &[Vec<f64>], script: &str, argument: &str) -> Value {
    let file = file_of(channels);
    let read = format!("x = np.fromfile(sys.argv[1]).reshape({}, -1)\n{script}", channels.len());
    serde_json::from_str(&run_python(&read, &[file.path().to_str().unwrap(), argument])).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap_or(f64::NAN)).collect()
}

fn series(report: &Report) -> Vec<(String, Vec<f64>)> {
    let View::Curves(curves) = &report.view else { panic!("these are curves") };
    assert!(curves.series.iter().all(|(_, values)| values.len() == curves.x.len()));
    curves.series.clone()
}

#[track_caller]
fn assert_close(ours: &[f64], theirs: &[f64], relative: f64, what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let top = theirs.iter().copied().filter(|x| x.is_finite()).map(f64::abs).fold(0.0, f64::max);
    for (k, (a, b)) in ours.iter().zip(theirs).enumerate() {
        // The lowest bins of windows without their mean are rounding errors, theirs as ours.
        let fine = (a - b).abs() <= relative * a.abs().max(b.abs()) || (a.abs().max(b.abs()) < 1e-24 * top);
        assert!(fine || (a.is_nan() && b.is_nan()), "{what}, {k}: {a:e} and {b:e}");
    }
}

#[test]
fn slepian_tapers_are_those_of_scipy() {
    let cases =
        [(64, 4.0, 7), (63, 4.0, 8), (2, 0.75, 1), (8192, 4.0, 7), (1001, 2.5, 4), (4096, 16.0, 31), (20, 9.5, 18)];
    let script = "
from scipy.signal.windows import dpss
out = []
for n, nw, k in json.loads(sys.argv[1]):
    v, r = dpss(int(n), nw, int(k), return_ratios=True)
    out.append([v.ravel().tolist(), r.tolist()])
print(json.dumps(out))";
    let theirs: Value = serde_json::from_str(&run_python(script, &[&serde_json::to_string(&cases).unwrap()])).unwrap();
    for ((n, nw, k), theirs) in cases.into_iter().zip(theirs.as_array().unwrap()) {
        let (tapers, ratios) = dpss(n, nw, k, &Task::unattended()).unwrap();
        for (ours, theirs) in tapers.concat().iter().zip(numbers(&theirs[0])) {
            assert!((ours - theirs).abs() < 1e-9, "{n} {nw} {k}: {ours} and {theirs}");
        }
        for (ours, theirs) in ratios.iter().zip(numbers(&theirs[1])) {
            assert!((ours - theirs).abs() < 1e-9, "{n} {nw} {k}: {ours} and {theirs}");
        }
    }
}

#[test]
fn multitaper_and_holds_are_those_of_numpy() {
    const SPECTRA: &str = "
from scipy.signal import detrend
from scipy.signal.windows import dpss, hann
x = x[0]
def powers(n, hop, kind, tapers, shares, average, scaling):
    w = np.lib.stride_tricks.sliding_window_view(x, n)[::hop]
    w = detrend(w, type='constant') if kind == 'constant' else w
    p = sum(s * np.abs(np.fft.rfft(w * t)) ** 2 for t, s in zip(tapers, shares))
    p = {'mean': np.mean, 'max': np.max, 'min': np.min}[average](p, axis=0)
    p /= sum(s * (t.sum() ** 2 if scaling == 'spectrum' else 30000 * (t * t).sum()) for t, s in zip(tapers, shares))
    p[1:(-1 if n % 2 == 0 else None)] *= 2
    return p.tolist()
out = []
for method, n, hop, nw, k, weights, average, kind, scaling in json.loads(sys.argv[2]):
    if method == 'multitaper':
        t, r = dpss(n, nw, k, return_ratios=True)
        r = r / r.sum() if weights == 'eigenvalue' else np.ones(k) / k
    else:
        t, r = [hann(n, sym=False)], [1.0]
    out.append(powers(n, hop, kind, t, r, average, scaling))
print(json.dumps(out))";
    let cases = [
        ("multitaper", 1024, 512, 4.0, 7, "eigenvalue", "mean", "constant", "density"),
        ("multitaper", 501, 501, 2.5, 5, "unity", "mean", "none", "spectrum"),
        ("multitaper", 20_000, 10_000, 8.0, 15, "eigenvalue", "mean", "constant", "density"),
        ("multitaper", 1000, 250, 3.0, 4, "unity", "max", "constant", "density"),
        ("welch", 1000, 250, 4.0, 7, "unity", "min", "constant", "density"),
        ("welch", 501, 250, 4.0, 7, "unity", "max", "none", "spectrum"),
    ];
    let channels = [related(20_000).swap_remove(0)];
    let theirs = python_over(&channels, SPECTRA, &serde_json::to_string(&cases).unwrap());
    let source = memory(&channels, TimeBase::regular(30_000.0));
    for (case, theirs) in cases.into_iter().zip(theirs.as_array().unwrap()) {
        let (method, n, hop, nw, k, weights, average, detrend, scaling) = case;
        let report = run(
            &source,
            "spectrum",
            &[
                ("method", method),
                ("window", &n.to_string()),
                ("overlap", &(n - hop).to_string()),
                ("time-bandwidth", &nw.to_string()),
                ("tapers", &k.to_string()),
                ("taper-weights", weights),
                ("average", average),
                ("detrend", detrend),
                ("scaling", scaling),
            ],
        );
        assert_close(&series(&report)[0].1, &numbers(theirs), 1e-9, &format!("{case:?}"));
        assert_eq!(report.json["tapers"].as_u64(), (method == "multitaper").then_some(k));
    }
    let usual = run(&source, "spectrum", &[("method", "multitaper")]);
    assert_eq!((usual.json["tapers"].as_u64(), usual.json["taper"].as_str()), (Some(7), Some("dpss")));
}

#[test]
fn bands_of_confidence_are_those_of_the_literature() {
    const DEGREES: &str = "
from scipy.signal.windows import hann
from scipy.stats import chi2
n, hop, count, p = json.loads(sys.argv[1])
w = hann(n, sym=False)
rho = [np.dot(w[j * hop:], w[:n - j * hop]) ** 2 / np.dot(w, w) ** 2 for j in range(1, -(-n // hop))]
v = 2 * count / (1 + 2 * sum((1 - (j + 1) / count) * r for j, r in enumerate(rho)))
a = (1 - p) / 2
print(json.dumps([v, v / chi2.ppf(1 - a, v), v / chi2.ppf(a, v), .5 * v / chi2.ppf(1 - a, .5 * v)]))";
    let channels = related(20_000);
    let source = memory(&channels[..2], TimeBase::regular(1000.0));
    for (window, overlap, p) in [(1000, 500, 0.95), (1000, 0, 0.99), (512, 448, 0.5), (20_000, 0, 0.9)] {
        let settings =
            [("window", window.to_string()), ("overlap", overlap.to_string()), ("confidence", p.to_string())];
        let settings: Vec<(&str, &str)> = settings.iter().map(|(k, v)| (*k, &**v)).collect();
        let report = run(&source, "spectrum", &settings);
        let count = report.json["windows"].as_u64().unwrap();
        let asked = format!("[{window}, {}, {count}, {p}]", window - overlap);
        let theirs = numbers(&serde_json::from_str(&run_python(DEGREES, &[&asked])).unwrap());
        let channel = &report.json["channels"][1];
        let keys = ["degrees_of_freedom", "confidence_low_factor", "confidence_high_factor"];
        let ours = keys.map(|key| channel[key].as_f64().unwrap());
        assert_close(&ours, &theirs[..3], 1e-8, &asked);
        let curves = series(&report);
        let names: Vec<&str> = curves.iter().map(|c| &*c.0).collect();
        assert_eq!(names, ["a", "b", "a low", "a high", "b low", "b high"]);
        for (k, power) in curves[1].1.iter().enumerate().skip(1).take(50) {
            assert_close(&[curves[4].1[k], curves[5].1[k]], &[power * ours[1], power * ours[2]], 1e-12, "edges");
        }
        assert_close(&[curves[4].1[0]], &[curves[1].1[0] * theirs[3]], 1e-8, "zero has half the degrees");
    }
    // Of white noise, the band holds the truth about as often as it says.
    let white = [noise(60_000, 77)];
    let report = run(&memory(&white, TimeBase::regular(1.0)), "spectrum", &[("window", "1024"), ("confidence", "0.9")]);
    let curves = series(&report);
    let truth = 2.0 * 6.0 / 3.0;
    let inside = (2..512).filter(|&k| curves[1].1[k] < truth && truth < curves[2].1[k]).count();
    assert!((430..495).contains(&inside), "{inside} of 510");
}

#[test]
fn coherence_and_cross_spectra_are_those_of_scipy() {
    const CROSS: &str = "
from scipy.signal import coherence, csd
out = []
for window, overlap, taper, kind, scaling in json.loads(sys.argv[2]):
    kind = False if kind == 'none' else kind
    o = dict(fs=500.0, window=taper, nperseg=window, noverlap=overlap, detrend=kind)
    for other in (1, 2):
        p = csd(x[0], x[other], scaling=scaling, **o)[1]
        c = coherence(x[0], x[other], **o)[1]
        out.append([c.tolist(), np.angle(p).tolist(), np.abs(p).tolist(), p.real.tolist(), p.imag.tolist()])
print(json.dumps(out))";
    let cases = [
        (1000, 500, "hann", "constant", "density"),
        (501, 100, "hamming", "none", "spectrum"),
        (4096, 3072, "hann", "linear", "density"),
    ];
    let channels = related(30_000);
    let theirs = python_over(&channels, CROSS, &serde_json::to_string(&cases).unwrap());
    let source = memory(&channels, TimeBase::regular(500.0));
    for (i, (window, overlap, taper, detrend, scaling)) in cases.into_iter().enumerate() {
        let (window, overlap) = (window.to_string(), overlap.to_string());
        let common = [("window", &*window), ("overlap", &overlap), ("taper", taper), ("detrend", detrend)];
        let coherence = series(&run(&source, "coherence", &common));
        let cross =
            |show| series(&run(&source, "csd", &[&common[..], &[("scaling", scaling), ("show", show)]].concat()));
        let (polar, plain) = (cross("magnitude-phase"), cross("real-imaginary"));
        assert_eq!(coherence[2].0, "a/c coherence");
        for other in 0..2 {
            let theirs = &theirs[2 * i + other];
            let what = format!("{window} {detrend} {other}");
            let first = if detrend == "none" { 0 } else { 2 };
            for (ours, j, relative) in [(&coherence[2 * other], 0, 1e-8), (&polar[2 * other], 2, 1e-8)] {
                assert_close(&ours.1[first..], &numbers(&theirs[j])[first..], relative, &what);
            }
            // Parts may be near zero: they are compared as parts of the whole.
            let sizes = numbers(&theirs[2]);
            for (ours, j, unit) in [
                (&plain[2 * other], 3, false),
                (&plain[2 * other + 1], 4, false),
                (&coherence[2 * other + 1], 1, true),
                (&polar[2 * other + 1], 1, true),
            ] {
                for (k, (a, b)) in ours.1.iter().zip(numbers(&theirs[j])).enumerate().skip(first) {
                    let size = if unit { 1.0 } else { sizes[k] };
                    let apart = (a - b).abs();
                    assert!(
                        apart < 1e-8 * size || (unit && (apart - TAU).abs() < 1e-8),
                        "{what} {}: {k} {a} {b}",
                        ours.0
                    );
                }
            }
        }
    }
}

#[test]
fn pairs_are_answered_however_the_channels_are() {
    let n = 20_000;
    let mut channels = related(n);
    channels[2] = channels[0].clone();
    channels.push(vec![0.1; n]);
    channels[1][700] = f64::NAN;
    let spans =
        vec![ClockSpan { first_frame: 0, first_tick: 0 }, ClockSpan { first_frame: 10_100, first_tick: 20_000 }];
    let source = memory(&channels, TimeBase::with_spans(500.0, spans));
    let report = run(&source, "coherence", &[("window", "1000"), ("overlap", "500")]);
    let curves = series(&report);
    // 39 windows, of which two cross the gap; two hold the NaN.
    assert_eq!(report.json["skipped_windows"], 2, "{}", report.json);
    let windows: Vec<u64> = (0..6).map(|i| report.json["channels"][i]["windows"].as_u64().unwrap()).collect();
    assert_eq!(windows, [35, 35, 37, 37, 37, 37]);
    assert!(curves[0].1.iter().all(|c| (0.0..=1.0).contains(c)));
    assert!(curves[2].1.iter().all(|c| (c - 1.0).abs() < 1e-12), "a channel is coherent with its copy");
    assert!(curves[3].1.iter().all(|phase| phase.abs() < 1e-12));
    assert!(curves[4].1.iter().chain(&curves[5].1).all(|c| c.is_nan()), "nothing has no coherence");
    assert!(
        report.notes.iter().any(|n| n.contains("a/d: coherence and phase are not defined at 501 of 501")),
        "{:?}",
        report.notes
    );
    assert!(report.notes.iter().any(|n| n.contains("a/b") && n.contains("NaN")), "{:?}", report.notes);
    let json = report.whole_json();
    assert!(json["channels"][4]["values"][3].is_null());
    assert_eq!(json["channels"][0]["reference"], "a");
    let chance = json["channels"][2]["significance_95"].as_f64().unwrap();
    assert!((0.05..0.2).contains(&chance), "{chance}");

    let named = run(&source, "coherence", &[("against", "c"), ("show", "coherence"), ("window", "1000")]);
    let names: Vec<String> = series(&named).into_iter().map(|s| s.0).collect();
    assert_eq!(names, ["c/a coherence", "c/b coherence", "c/d coherence"]);
    let single = run(&source, "coherence", &[("against", "c"), ("window", "10000"), ("overlap", "0")]);
    assert!(single.notes.iter().any(|n| n.contains("single window")), "{:?}", single.notes);

    assert!(refused(&source, "coherence", &[("against", "x")]).contains('x'));
    assert!(refused(&source, "coherence", &[("against", "0-2")]).contains("3 channels"));
    let task = Task::unattended();
    let alone = run_with(&source, &[1], "csd", &[], &task).unwrap_err();
    assert!(alone.to_string().contains("pair") && alone.remedy().is_some());
    let many = run_with(&source, &[1], "csd", &[("against", "a"), ("window", "500")], &task).unwrap();
    assert_eq!(series(&many)[0].0, "a/b magnitude");
}

#[test]
fn bands_hold_the_power_that_is_in_them() {
    const BANDS: &str = "
from scipy.signal import welch
f, p = welch(x[0], 1000.0, 'hann', 2048, 1024)
df = f[1]
lo, hi = np.maximum(f - df / 2, 0), np.minimum(f + df / 2, 500.0)
def power(a, b):
    share = np.clip((np.minimum(hi, b) - np.maximum(lo, a)) / (hi - lo), 0, 1)
    return float((p * df * share)[1:].sum())
print(json.dumps([power(0, 500), power(4, 8), power(10.1, 10.3), power(30, 500)]))";
    let channels = related(60_000);
    let theirs = numbers(&python_over(&channels, BANDS, ""));
    let source = memory(&[channels[0].clone(), vec![3.0; 60_000]], TimeBase::regular(1000.0));
    let bands = "theta=4..8, thin=10.1-10.3, high=30..2000, none=600..700";
    let report = run(&source, "bands", &[("bands", bands), ("window", "2048")]);
    let channel = &report.json["channels"][0];
    let powers: Vec<f64> = (0..3).map(|i| channel["bands"][i]["power"].as_f64().unwrap()).collect();
    assert_close(&[&[channel["total_power"].as_f64().unwrap()], &powers[..]].concat(), &theirs, 1e-9, "powers");
    let share = channel["bands"][2]["relative"].as_f64().unwrap();
    assert_close(&[share], &[theirs[3] / theirs[0]], 1e-9, "relative");
    assert_eq!(channel["bands"][2]["high_hz"], 500.0);
    assert!(channel["bands"][3]["power"].is_null());
    for what in ["high ends at", "none lies above", "thin is narrower"] {
        assert!(report.notes.iter().any(|n| n.contains(what)), "{what}: {:?}", report.notes);
    }
    let constant = &report.json["channels"][1]["bands"][0];
    assert!(constant["power"].as_f64().unwrap() < 1e-20);
    let View::Table(table) = &report.view else { panic!("bands are a table") };
    assert_eq!(table.rows.len(), 8);
    // The usual bands, the window chosen for them: all of the variance is somewhere.
    let usual = run(&source, "bands", &[]);
    assert_eq!(usual.json["window"], 4096);
    for bad in ["delta", "a=5..1", "a=1..2,a=2..3", ""] {
        assert!(refused(&source, "bands", &[("bands", bad)]).contains("band"));
    }
    // The window chosen unasked lies between the gaps, and loses little at them.
    let spans = (0..6).map(|i| ClockSpan { first_frame: 10_000 * i, first_tick: 10_100 * i }).collect();
    let torn = memory(&channels[..1], TimeBase::with_spans(1000.0, spans));
    assert_eq!(run(&torn, "bands", &[]).json["window"], 4096);
    let spans = (0..60).map(|i| ClockSpan { first_frame: 1000 * i, first_tick: 1001 * i }).collect();
    let rags = memory(&channels[..1], TimeBase::with_spans(1000.0, spans));
    let report = run(&rags, "bands", &[]);
    assert_eq!(report.json["window"], 512, "{:?}", report.notes);
    assert!(report.notes.iter().any(|n| n.contains("delta")), "{:?}", report.notes);
    let short = memory(&[noise(300, 4)], TimeBase::frames_only());
    assert!(run(&short, "bands", &[]).notes.iter().any(|n| n.contains("--rate")));
}

#[test]
fn peaks_are_found_between_the_bins() {
    const PROMINENCES: &str = "
from scipy.signal import welch, find_peaks, peak_prominences
f, p = welch(x[0], 1000.0, 'hann', 1024, 512, scaling='spectrum')
d = 10 * np.log10(p)
k = find_peaks(d)[0]
print(json.dumps(sorted(peak_prominences(d, k)[0].tolist())[::-1][:10]))";
    let tones = [(50.13, 3.0), (123.456, 0.5), (400.02, 0.1)];
    let quiet = noise(50_000, 9);
    let value = |i: usize| {
        let tone = |&(f, a): &(f64, f64)| a * (TAU * f * i as f64 / 1000.0 + f).sin();
        1e-3 * quiet[i] + tones.iter().map(tone).sum::<f64>()
    };
    let channels = [(0..50_000).map(value).collect::<Vec<f64>>(), vec![7.0; 50_000]];
    let source = memory(&channels, TimeBase::regular(1000.0));
    for taper in ["hann", "blackman-harris", "flat-top"] {
        let settings = [("window", "1024"), ("taper", taper), ("count", "3")];
        let report = run(&source, "spectral-peaks", &settings);
        let mut peaks = report.json["channels"][0]["peaks"].as_array().unwrap().clone();
        peaks.sort_by(|a, b| a["frequency_hz"].as_f64().unwrap().total_cmp(&b["frequency_hz"].as_f64().unwrap()));
        for (peak, (frequency, amplitude)) in peaks.iter().zip(tones) {
            let off = (peak["frequency_hz"].as_f64().unwrap() - frequency).abs() * 1024.0 / 1000.0;
            assert!(off < 2e-3, "{taper}: {peak} is {off} bins off");
            let ratio = peak["amplitude"].as_f64().unwrap() / amplitude;
            assert!((ratio - 1.0).abs() < 2e-3, "{taper}: {peak}");
        }
        assert!(report.notes.iter().any(|n| n.contains("channel b: no peak")), "{:?}", report.notes);
    }
    let report = run(&source, "spectral-peaks", &[("window", "1024"), ("prominence", "0")]);
    let ours: Vec<f64> =
        (0..10).map(|i| report.json["channels"][0]["peaks"][i]["prominence_db"].as_f64().unwrap()).collect();
    assert_close(&ours, &numbers(&python_over(&channels, PROMINENCES, "")), 1e-9, "prominences");
}

fn figures(source: &Arc<dyn Source>, settings: &[(&str, &str)]) -> Value {
    run(source, "tone", settings).json["channels"][0].clone()
}

#[track_caller]
fn near(value: &Value, wanted: f64, apart: f64) {
    let value = value.as_f64().unwrap_or(f64::NAN);
    assert!((value - wanted).abs() <= apart, "{value} is not {wanted}");
}

#[test]
fn tones_have_the_quality_they_were_made_with() {
    let n = 3 << 16;
    let rate = 48_000.0;
    let frequency = 997.3;
    let phase = |i: usize| TAU * frequency * i as f64 / rate;
    // What a converter of b bits makes of a sine that fills it.
    for bits in [8, 12, 14] {
        let half = f64::from(1 << (bits - 1));
        let channels = [(0..n).map(|i| ((half - 0.5) * phase(i).sin() - 0.5).round()).collect::<Vec<f64>>()];
        let tone = figures(&memory(&channels, TimeBase::regular(rate)), &[]);
        near(&tone["enob"], f64::from(bits), 0.1);
        near(&tone["sinad_db"], 6.0206 * f64::from(bits) + 1.7609, 0.6);
        near(&tone["frequency_hz"], frequency, 1e-3);
        near(&tone["amplitude"], half - 0.5, 1e-3 * half);
    }
    // Known harmonics, one of them beyond half the rate, and known noise.
    let quiet = noise(n, 21);
    let high = 9001.0;
    let tone_of = |i: usize| {
        let at = TAU * high * i as f64 / rate;
        2.0 * at.sin() + 2e-3 * (2.0 * at + 1.0).cos() + 1e-3 * (3.0 * at).sin() + 1e-3 * quiet[i] / 2.0_f64.sqrt()
    };
    let channels = [(0..n).map(tone_of).collect::<Vec<f64>>()];
    let source = memory(&channels, TimeBase::regular(rate));
    for taper in ["blackman-harris", "hann", "flat-top"] {
        let tone = figures(&source, &[("taper", taper), ("harmonics", "3")]);
        near(&tone["thd_db"], 10.0 * (1.25e-6_f64).log10(), 0.1);
        near(&tone["thd_percent"], 0.1118, 0.002);
        near(&tone["snr_db"], 10.0 * (2.0 / 1e-6_f64).log10(), 0.15);
        near(&tone["sfdr_db"], 60.0, 0.1);
        let unwanted: f64 = 1e-6 + 0.5 * 5e-6;
        near(&tone["sinad_db"], 10.0 * (2.0 / unwanted).log10(), 0.15);
        let third = &tone["harmonics"][1];
        near(&third["frequency_hz"], rate - 3.0 * high, 0.1);
        near(&third["level_dbc"], -66.02, 0.2);
    }
    let full = figures(&source, &[("full-scale", "8")]);
    let own = figures(&source, &[]);
    near(&full["enob"], own["enob"].as_f64().unwrap() + 1.0, 1e-3);
    let second = figures(&source, &[("fundamental", "18002")]);
    near(&second["frequency_hz"], 2.0 * high, 0.01);
    assert!(refused(&source, "tone", &[("fundamental", "24000")]).contains("half the sample rate"));
}

#[test]
fn what_has_no_tone_says_so() {
    let source = memory(&[vec![5.0; 5000], vec![f64::NAN; 5000], noise(5000, 2)], TimeBase::regular(100.0));
    let report = run(&source, "tone", &[]);
    assert!(report.notes.iter().any(|n| n.contains("channel a: there is no tone")), "{:?}", report.notes);
    let text = report.csv();
    assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    assert!(report.json["channels"][0]["enob"].is_null() && report.json["channels"][2]["enob"].is_number());
    let short = memory(&[noise(200, 2)], TimeBase::regular(100.0));
    assert!(refused(&short, "tone", &[]).contains("256"));
}

#[test]
fn results_do_not_depend_on_threads_and_budget() {
    let mut channels = related(30_000);
    channels[1][13_000] = f64::NAN;
    let spans =
        vec![ClockSpan { first_frame: 0, first_tick: 0 }, ClockSpan { first_frame: 21_234, first_tick: 30_000 }];
    let source = memory(&channels, TimeBase::with_spans(1000.0, spans));
    let analyses: [(&str, &[(&str, &str)]); 6] = [
        ("spectrum", &[("method", "multitaper"), ("window", "2000"), ("confidence", "0.9"), ("tapers", "3")]),
        ("spectrum", &[("average", "min"), ("window", "1024"), ("overlap", "800")]),
        ("coherence", &[("window", "1024"), ("overlap", "700")]),
        ("csd", &[("window", "512"), ("show", "real-imaginary")]),
        ("bands", &[("window", "4096")]),
        ("spectral-peaks", &[("window", "4096")]),
    ];
    for (name, settings) in analyses {
        let mut first: Option<Vec<f64>> = None;
        for (threads, mib, pressure) in [(1, 512, false), (2, 16, false), (4, 64, true)] {
            let budget = MemoryBudget::new(mib * MIB);
            budget.set_pressure(pressure);
            let report = run_with(&source, &[], name, settings, &Task::new(budget, threads)).unwrap();
            let values: Vec<f64> = match &report.view {
                View::Curves(_) => series(&report).into_iter().flat_map(|s| s.1).collect(),
                _ => report.csv().split([',', '\n']).filter_map(|t| t.parse().ok()).collect(),
            };
            let reference = first.get_or_insert_with(|| values.clone());
            assert_eq!(reference.len(), values.len(), "{name}");
            for (a, b) in reference.iter().zip(&values) {
                // A phase is as wrong as its number is small, and may be either of both ends.
                let apart = (a - b).abs().min((2.0 * PI - (a - b).abs()).abs());
                assert!(
                    apart <= 1e-9 * a.abs().max(b.abs()).max(1e-3) || (a.is_nan() && b.is_nan()),
                    "{name}: {a} {b}"
                );
            }
        }
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    let spans = vec![ClockSpan { first_frame: 0, first_tick: 0 }, ClockSpan { first_frame: 2000, first_tick: 2100 }];
    let source = memory(&[noise(5000, 1), noise(5000, 2)], TimeBase::with_spans(100.0, spans));
    for name in ["spectrum", "coherence", "csd", "spectral-peaks"] {
        let text = refused(&source, name, &[("window", "4096")]);
        assert!(text.contains("without one has 3000 frames") && text.contains("--window 2048"), "{text}");
        assert!(refused(&source, name, &[("window", "6000")]).contains("the selection has") || name.is_empty());
    }
    let multitaper = |more: &[(&str, &str)]| {
        refused(&source, "spectrum", &[&[("method", "multitaper"), ("window", "100")], more].concat())
    };
    assert!(multitaper(&[("tapers", "9")]).contains("--tapers 8"));
    assert!(multitaper(&[("time-bandwidth", "50")]).contains("half bandwidth of 50"));
    assert!(refused(&source, "spectrum", &[("confidence", "0.9"), ("average", "max")]).contains("max"));
    let nothing = memory(&[vec![f64::NAN; 5000], vec![f64::NAN; 5000]], TimeBase::regular(1.0));
    for name in ["spectrum", "coherence", "csd", "spectral-peaks", "bands", "tone"] {
        let text = refused(&nothing, name, &[("window", "1024")]);
        assert!(text.contains("not numbers"), "{name}: {text}");
    }
}

#[test]
fn the_command_line_speaks_of_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let demo = path("demo.rec");
    assert!(longwave(&["demo", "-o", &demo, "--seconds", "2", "--channels", "3", "--quiet"]).status.success());
    for (name, list) in
        [("coherence", true), ("csd", true), ("bands", false), ("spectral-peaks", false), ("tone", false)]
    {
        let output = longwave(&[name, &demo, "--json", "--quiet"]);
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(!json["channels"].as_array().unwrap().is_empty(), "{name}");
        assert_eq!(json["channels"][0]["values"].is_array(), list, "{name}");
        let (csv, npy) = (path(&format!("{name}.csv")), path(&format!("{name}.npy")));
        assert!(longwave(&[name, &demo, "-o", &csv, "--quiet"]).status.success());
        assert!(!std::fs::read_to_string(&csv).unwrap().contains("NaN"));
        assert_eq!(
            longwave(&[name, &demo, "-o", &npy, "--quiet"]).status.code(),
            Some(if list { 0 } else { 2 }),
            "{name}"
        );
    }
    let order = longwave(&["coherence", &demo, "--channels", "2,0", "--json", "--quiet"]);
    let json: Value = serde_json::from_slice(&order.stdout).unwrap();
    let info: Value = serde_json::from_slice(&longwave(&["info", &demo, "--json"]).stdout).unwrap();
    let third =
        info["streams"].as_array().unwrap().iter().find(|s| s["name"] == "ephys").unwrap()["channels"][2]["name"]
            .clone();
    assert_eq!(json["reference"], third, "the first named is the reference");
}
