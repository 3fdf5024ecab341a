//! `longwave find` against numpy over the same values, its sentences about what cannot be found, and its output.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};

use common::{longwave, run_python};
use serde_json::Value;

/// Makes files with numpy: `x` (frames × 3, int16, with planted shapes), `f` (float32 with NaN), `d` (a digital line).
const MAKE: &str = "
import os
rng = np.random.default_rng(4)
n = 400_000
x = np.rint(rng.normal(0, 40, (n, 3))).astype(np.int16)
t = np.arange(45)
shape = np.rint(-900 * np.exp(-((t - 15) / 6.0) ** 2) + 350 * np.exp(-((t - 28) / 8.0) ** 2)).astype(np.int16)
for at in rng.choice(np.arange(100, n - 100, 97), 300, replace=False):
    x[at:at + 45, 1] += shape
x[5000:5040, 0] = 32767
x[9000:9500, 2] = 17
x[250_000:250_003, 2] = -32768
np.save(os.path.join(sys.argv[1], 'x.npy'), x)
f = rng.normal(0, 1, n).astype(np.float32)
f[1000:1010] = np.nan
f[77_777] = np.nan
f[200_000:200_500] += 30
np.save(os.path.join(sys.argv[1], 'f.npy'), f)
d = (np.cumsum(rng.random(n) < 0.001) % 2 * 3.3 + rng.normal(0, 0.05, n)).astype(np.float32)
np.save(os.path.join(sys.argv[1], 'd.npy'), d)
np.save(os.path.join(sys.argv[1], 'nan.npy'), np.full(5000, np.nan))
np.save(os.path.join(sys.argv[1], 'constant.npy'), np.full(5000, 7, np.int16))
";

fn files() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    run_python(MAKE, &[folder.path().to_str().unwrap()]);
    folder
}

fn file(folder: &tempfile::TempDir, name: &str) -> PathBuf {
    folder.path().join(name)
}

/// What `find` prints with `--json`, and on standard error.
fn find(file: &Path, args: &[&str]) -> (Value, String) {
    let mut all = vec!["find", file.to_str().unwrap(), "--rate", "30000", "--json", "--no-remember"];
    all.extend(args);
    let output = longwave(&all);
    let notes = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{args:?}: {notes}");
    (serde_json::from_slice(&output.stdout).unwrap(), notes)
}

fn events(json: &Value) -> &Vec<Value> {
    json["events"].as_array().unwrap()
}

fn spans(json: &Value) -> Vec<(String, u64, u64)> {
    let of = |e: &Value| {
        (
            e["channel"].as_str().unwrap().to_owned(),
            e["start_frame"].as_u64().unwrap(),
            e["end_frame"].as_u64().unwrap(),
        )
    };
    events(json).iter().map(of).collect()
}

/// The spans that a script prints as a JSON list.
fn expected(script: &str, args: &[&str]) -> Vec<(String, u64, u64)> {
    serde_json::from_str(&run_python(script, args)).unwrap()
}

/// Runs of a condition, as numpy users find them.
const RUNS: &str = "
def runs(mask):
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return edges[::2], edges[1::2]
def spans(per_channel, least=1):
    out = [[f'ch {c}', int(a), int(b)] for c, (s, e) in enumerate(per_channel) for a, b in zip(s, e) if b - a >= least]
    out.sort(key=lambda r: (r[1], int(r[0][3:])))
    print(json.dumps(out))
";

#[test]
fn excursions_are_the_runs_of_numpy_with_a_sidecar_and_without() {
    let folder = files();
    let x = file(&folder, "x.npy");
    let path = x.to_str().unwrap();
    let script = format!("{RUNS}\ny = np.load(sys.argv[1]) * 0.195\nspans([runs(y[:, c] > 24) for c in range(3)], 2)");
    let wanted = expected(&script, &[path]);
    assert!(wanted.len() > 300);
    let args = ["--gain", "0.195", "--unit", "uV", "--above", "0.024mV", "--for", "#2"];
    let (json, _) = find(&x, &args);
    assert_eq!(spans(&json), wanted);
    let (small, _) = find(&x, &[&args[..], &["--memory-limit", "16MiB", "--threads", "1"]].concat());
    assert_eq!(json, small);
    assert!(
        longwave(&["peaks", path, "--rate", "30000", "--gain", "0.195", "--unit", "uV", "--no-remember"])
            .status
            .success()
    );
    assert_eq!(json, find(&x, &args).0, "tiles do not change the answer");

    let both = format!("{RUNS}
y = np.load(sys.argv[1]) * 1.0
sd = np.median(np.abs(y - np.median(y, axis=0)), axis=0) / 0.6745
med = np.median(y, axis=0)
spans([tuple(map(np.concatenate, zip(runs(y[:, c] > med[c] + 6 * sd[c]), runs(y[:, c] < med[c] - 8 * sd[c])))) for c in range(3)])");
    let (json, notes) = find(&x, &["--above", "6sd", "--below", "-8sd"]);
    assert_eq!(spans(&json), expected(&both, &[path]));
    assert!(notes.contains("over all samples"), "{notes}");

    // The peak is the farthest sample; the first and the last are those of the list.
    let all = find(&x, &["--below", "-500", "--channels", "1"]).0;
    let peaks: Vec<f64> = events(&all).iter().map(|e| e["peak"].as_f64().unwrap()).collect();
    let script = "
y = np.load(sys.argv[1])[:, 1]
print(json.dumps([float(y[a:b].min()) for a, b in json.loads(sys.argv[2])]))";
    let ranges: Vec<(u64, u64)> = spans(&all).iter().map(|s| (s.1, s.2)).collect();
    let theirs: Vec<f64> = serde_json::from_str(&run_python(
        script,
        &[path, &format!("{:?}", ranges.iter().map(|r| [r.0, r.1]).collect::<Vec<_>>())],
    ))
    .unwrap();
    assert_eq!(peaks, theirs);
    let (first, _) = find(&x, &["--below", "-500", "--channels", "1", "--first"]);
    let (last, _) = find(&x, &["--below", "-500", "--channels", "1", "--last"]);
    assert_eq!(events(&first)[..], events(&all)[..1]);
    assert_eq!(events(&last)[..], events(&all)[events(&all).len() - 1..]);
    let (limited, notes) = find(&x, &["--below", "-500", "--channels", "1", "--limit", "5"]);
    assert_eq!(events(&limited)[..], events(&all)[..5]);
    assert!(limited["limit_reached"] == true && notes.contains("--limit"), "{notes}");
    let (next, _) =
        find(&x, &["--below", "-500", "--channels", "1", "--first", "--range", &format!("#{}..", ranges[3].1)]);
    assert_eq!(events(&next)[0], events(&all)[4]);
}

#[test]
fn flat_clipped_and_missing_stretches_are_found() {
    let folder = files();
    let x = file(&folder, "x.npy");
    let (json, notes) = find(&x, &["--flat", "--for", "1ms"]);
    assert_eq!(spans(&json), [("ch 0".to_owned(), 5000, 5040), ("ch 2".to_owned(), 9000, 9500)], "{notes}");
    assert_eq!(events(&json)[1]["peak"], 17.0);
    let (json, _) = find(&x, &["--clipped"]);
    assert_eq!(spans(&json), [("ch 0".to_owned(), 5000, 5040), ("ch 2".to_owned(), 250_000, 250_003)]);
    let (json, _) = find(&file(&folder, "f.npy"), &["--missing"]);
    assert_eq!(spans(&json), [("ch 0".to_owned(), 1000, 1010), ("ch 0".to_owned(), 77_777, 77_778)]);
    assert_eq!(events(&json)[0]["kind"], "nan");
    let (json, notes) = find(&x, &["--missing"]);
    assert!(events(&json).is_empty() && notes.contains("no missing part was found"), "{notes}");
}

#[test]
fn edges_are_those_of_a_comparator_with_hysteresis() {
    let folder = files();
    let d = file(&folder, "d.npy");
    let script = "
y = np.load(sys.argv[1]).astype(np.float64)
lo, hi = float(sys.argv[2]), float(sys.argv[3])
marks = np.where(y >= hi, 1, np.where(y < lo, -1, 0))
at = np.flatnonzero(marks)
change = np.flatnonzero(np.diff(marks[at])) + 1
print(json.dumps([['rising' if marks[at[i]] > 0 else 'falling', int(at[i]), int(at[i]) + 1] for i in change]))";
    let told = |json: &Value| -> Vec<(String, u64, u64)> {
        spans(json).iter().zip(events(json)).map(|(s, e)| (e["edge"].as_str().unwrap().to_owned(), s.1, s.2)).collect()
    };
    let (json, _) = find(&d, &["--edges", "both", "--threshold", "1.6", "--hysteresis", "0.5"]);
    let wanted = expected(script, &[d.to_str().unwrap(), "1.35", "1.85"]);
    assert!(wanted.len() > 200);
    assert_eq!(told(&json), wanted);
    let (falling, notes) = find(&d, &["--edges", "falling"]);
    assert_eq!(told(&falling), wanted.iter().filter(|e| e.0 == "falling").cloned().collect::<Vec<_>>());
    assert!(notes.contains("midway"), "{notes}");
}

/// Spikes as a plain loop finds them in `y`.
const SPIKES: &str = "
def spikes(y, times):
    found = []
    for c in range(y.shape[1]):
        v = y[:, c]
        med = np.median(v); sd = np.median(np.abs(v - med)) / 0.6745
        beyond = v < med - times * sd
        crossings = np.flatnonzero(beyond & ~np.concatenate([[False], beyond[:-1]]))
        dead = 0
        for i in crossings:
            if i >= dead:
                dead = i + 30
                peak = int(i + np.argmin(v[i:i + 30]))
                found.append([f'ch {c}', peak, peak + 1])
    found.sort(key=lambda r: (r[1], r[0]))
    print(json.dumps(found))
y = np.load(sys.argv[1]).astype(np.float64)
";

#[test]
fn spikes_are_those_of_a_plain_loop() {
    let folder = files();
    let x = file(&folder, "x.npy");
    let path = x.to_str().unwrap();
    let (json, notes) = find(&x, &["--spikes", "6", "--band", "off"]);
    assert_eq!(spans(&json), expected(&format!("{SPIKES}spikes(y, 6)"), &[path]));
    assert!(events(&json).len() >= 300 && notes.contains("without a band-pass"), "{notes}");

    let (json, notes) = find(&x, &["--spikes", "5"]);
    let script = format!(
        "{SPIKES}import scipy.signal
sos = scipy.signal.butter(4, [300, 6000], 'bandpass', fs=30000, output='sos')
spikes(scipy.signal.sosfiltfilt(sos, y, axis=0).astype(np.float32).astype(np.float64), 5)"
    );
    let wanted = expected(&script, &[path]);
    assert!(wanted.len() >= 300 && notes.contains("band-passed to 300..6000 Hz"), "{notes}");
    assert_eq!(spans(&json), wanted);
    // The same filter given as one for all analyses.
    let (given, notes) = find(&x, &["--spikes", "5", "--band-pass", "300..6000"]);
    assert_eq!(spans(&given), wanted, "{notes}");
    assert!(notes.contains("filtered already"), "{notes}");
}

#[test]
fn what_looks_like_the_example_is_what_numpy_correlates() {
    let folder = files();
    let x = file(&folder, "x.npy");
    let script = "
y = np.load(sys.argv[1]).astype(np.float64)[:, 1]
at = int(sys.argv[2]); m = 45
t = y[at:at + m] - y[at:at + m].mean()
w = np.lib.stride_tricks.sliding_window_view(y, m)
mean = w.mean(axis=1)
r = (w @ t) / (np.sqrt(np.maximum((w * w).sum(axis=1) - m * mean ** 2, 1e-9)) * np.sqrt((t * t).sum()))
peak = (r >= 0.8) & (r >= np.concatenate([[-2], r[:-1]])) & (r > np.concatenate([r[1:], [-2]]))
kept = []
for i in sorted(np.flatnonzero(peak), key=lambda i: -r[i]):
    if all(abs(i - j) >= m for j in kept):
        kept.append(int(i))
print(json.dumps([['%.9f' % r[i], i, i + m] for i in sorted(kept)]))";
    let (spikes, _) = find(&x, &["--below", "-700", "--channels", "1", "--first"]);
    let at = events(&spikes)[0]["start_frame"].as_u64().unwrap() - 13;
    let range = format!("#{at}..#{}", at + 45);
    let (json, notes) = find(&x, &["--like", &range, "--similarity", "0.8", "--channels", "1"]);
    let wanted = expected(script, &[x.to_str().unwrap(), &at.to_string()]);
    assert!(wanted.len() >= 290, "{}", wanted.len());
    let found: Vec<(u64, u64)> = spans(&json).iter().map(|s| (s.1, s.2)).collect();
    assert_eq!(found, wanted.iter().map(|w| (w.1, w.2)).collect::<Vec<_>>(), "{notes}");
    for (event, (r, ..)) in events(&json).iter().zip(&wanted) {
        let (ours, theirs) = (event["peak"].as_f64().unwrap(), r.parse::<f64>().unwrap());
        assert!((ours - theirs).abs() < 1e-8, "{ours} {theirs}");
    }
    let best = events(&json).iter().find(|e| e["rank"] == 1).unwrap();
    assert_eq!(best["start_frame"], at);
    // At the limit the best stay, not the earliest.
    let like = ["--like", &range, "--similarity", "0.8", "--channels", "1"];
    let (few, notes) = find(&x, &[&like[..], &["--limit", "7"]].concat());
    let best: Vec<&Value> = events(&json).iter().filter(|e| e["rank"].as_u64().unwrap() <= 7).collect();
    assert_eq!(events(&few).iter().collect::<Vec<_>>(), best);
    assert!(few["limit_reached"] == true && notes.contains("the 7 most similar"), "{notes}");
    let (first, _) = find(&x, &[&like[..], &["--first"]].concat());
    assert_eq!(events(&first)[0]["start_frame"], events(&json)[0]["start_frame"]);
}

#[test]
fn what_cannot_be_found_is_said_in_a_sentence() {
    let folder = files();
    let none = |name: &str, args: &[&str], hint: &str| {
        let (json, notes) = find(&file(&folder, name), args);
        assert!(events(&json).is_empty() && notes.contains(hint), "{name} {args:?}: {notes}");
    };
    none("x.npy", &["--above", "40000"], "cannot occur: i16 samples reach from -32768 to 32767");
    none("nan.npy", &["--above", "5sd"], "none of the samples looked at is a number");
    none("nan.npy", &["--edges", "both"], "none of the samples looked at is a number");
    none("nan.npy", &["--above", "0"], "no excursion was found");
    none("constant.npy", &["--spikes", "5", "--band", "off"], "its noise is 0");
    none("constant.npy", &["--edges", "both"], "give --threshold");
    let refused = |name: &str, args: &[&str], code: i32, hint: &str| {
        let path = file(&folder, name);
        let output = longwave(&[&["find", path.to_str().unwrap(), "--no-remember"], args].concat());
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(code) && text.contains(hint), "{args:?}: {text}");
    };
    refused("x.npy", &[], 2, "nothing to find was named");
    refused("x.npy", &["--flat", "--clipped"], 2, "different searches");
    refused("x.npy", &["--above", "loud"], 2, "--above cannot be 'loud'");
    refused("x.npy", &["--above", "5", "--for", "1ms"], 1, "rate");
    refused("x.npy", &["--above", "5kg"], 1, "kg");
    refused("f.npy", &["--clipped"], 1, "no least or greatest value");
    refused("constant.npy", &["--like", "#10..#50"], 1, "flat line");
    refused("nan.npy", &["--like", "#10..#50"], 1, "not numbers");
    refused("x.npy", &["--like", "#10..#12"], 1, "2 frames");
    refused("x.npy", &["--spikes", "5", "--rate", "8000"], 1, "Nyquist");
    refused("x.npy", &["--track", "DIO"], 1, "no event tracks");
}

#[test]
fn lists_are_written_as_csv_and_events_one_a_line() {
    let folder = files();
    let f = file(&folder, "f.npy");
    let target = folder.path().join("out.csv");
    let args = [
        "find",
        f.to_str().unwrap(),
        "--rate",
        "30000",
        "--no-remember",
        "--above",
        "25",
        "-o",
        target.to_str().unwrap(),
    ];
    assert!(longwave(&args).status.success());
    let csv = std::fs::read_to_string(&target).unwrap();
    assert!(csv.starts_with("channel,start_frame,end_frame,start_secs,end_secs,peak,peak_frame\n"), "{csv}");
    let (json, _) = find(&f, &["--above", "25"]);
    assert_eq!(csv.lines().count(), events(&json).len() + 1);
    let first = csv.lines().nth(1).unwrap();
    assert!(first.starts_with("ch 0,200000,"), "{first}");
    assert_eq!(json["count"], events(&json).len());
    assert_eq!(json["channels"][0]["above"], 25.0);
    let to_stdout = longwave(&args[..args.len() - 2]);
    assert_eq!(String::from_utf8(to_stdout.stdout).unwrap(), csv);
}

/// Digital lines of a `.rec`, against the states that the demo recording is made of.
#[test]
fn digital_lines_are_listed_like_any_event() {
    let folder = tempfile::tempdir().unwrap();
    let rec = folder.path().join("demo.rec");
    let path = rec.to_str().unwrap();
    assert!(longwave(&["demo", "-o", path, "--seconds", "40", "--channels", "4"]).status.success());
    let info: Value = serde_json::from_slice(&longwave(&["info", path, "--json"]).stdout).unwrap();
    let output = longwave(&["find", path, "--track", "all", "--json"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success() && info.is_object(), "{}", String::from_utf8_lossy(&output.stderr));
    let list = events(&json);
    assert!(list.len() > 2, "{json}");
    // Of each line, every event is a change; a part of the time tells the same changes.
    let mut states = std::collections::HashMap::new();
    for event in list {
        let before = states.insert(event["channel"].as_str().unwrap(), event["peak"].as_f64().unwrap());
        assert_ne!(before, event["peak"].as_f64(), "{event}");
    }
    let part = longwave(&["find", path, "--track", "all", "--json", "--range", "20s.."]);
    let part: Value = serde_json::from_slice(&part.stdout).unwrap();
    let late = |e: &&Value| e["start_secs"].as_f64().unwrap() > 20.0;
    assert_eq!(events(&part).iter().filter(late).collect::<Vec<_>>(), list.iter().filter(late).collect::<Vec<_>>());
}
