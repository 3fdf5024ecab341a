//! NWB files read back with pynwb and h5py, validated, and looked through by nwbinspector; interrupted exports.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Stdio;

mod common;
use common::{longwave, oracle_scripts, python, real_files, run_python};

/// A generated recording; its facts are formulas of the sample number, in `gen_rec.py`.
fn generated(folder: &Path, name: &str, args: &[&str]) -> Option<PathBuf> {
    let script = oracle_scripts()?.join("gen_rec.py");
    let path = folder.join(name);
    let output = python().arg(script).arg("--out").arg(&path).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(path)
}

fn export(args: &[&str]) {
    let output = longwave(&[&["export", "-q", "--force"], args].concat());
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Nothing that pynwb calls invalid, or nwbinspector critical or a violation of best practice.
const INSPECT: &str = r#"
import warnings; warnings.filterwarnings("ignore")
from pynwb import NWBHDF5IO, validate
from nwbinspector import inspect_nwbfile
def inspect(path):
    errors = validate(path=path)
    assert not errors, errors
    bad = [f"{m.importance.name} {m.check_function_name} {m.location} {m.message}" for m in inspect_nwbfile(nwbfile_path=path)
           if m.importance.name not in ("BEST_PRACTICE_SUGGESTION",)]
    assert not bad, bad
def times(series):
    if series.timestamps is not None: return series.timestamps[:]
    return series.starting_time + np.arange(len(series.data)) / series.rate
"#;

/// Reads packets with numpy alone: `rec(path)` gives counters, samples in the file's order of channels, digital bytes.
const PACKETS: &str = r#"
import re
def rec(path):
    raw = open(path, "rb").read()
    end = raw.index(b"</Configuration>"); end = raw.index(b"\n", end) + 1
    xml = raw[:end].decode(errors="replace")
    devices = [int(n) for n in re.findall(r'<Device\s[^>]*numBytes="(\d+)"', xml)]
    channels = int(re.search(r'numChannels="(\d+)"', xml)[1])
    size = 1 + sum(devices) + 4 + 2 * channels
    n = (len(raw) - end) // size
    packets = np.frombuffer(raw, np.uint8, n * size, end).reshape(n, size)
    counters = packets[:, size - 2 * channels - 4:size - 2 * channels].copy().view("<u4")[:, 0].astype(np.int64)
    samples = packets[:, size - 2 * channels:].copy().view("<i2")
    return counters, samples, packets
"#;

#[test]
fn every_sample_time_and_line_is_that_of_the_recording() {
    let folder = tempfile::tempdir().unwrap();
    let gaps = ["--packets", "40000", "--drop", "9000,9500", "--gap", "20000:250"];
    let Some(path) = generated(folder.path(), "20230622_rat_01_r1.rec", &gaps) else { return };
    let whole = generated(folder.path(), "whole.rec", &["--packets", "20011"]).unwrap();
    let (rec, out) = (path.to_str().unwrap(), folder.path().join("out.nwb"));
    let nwb = out.to_str().unwrap();
    let check = format!(
        r#"{INSPECT}{PACKETS}
nwb, path, listed = sys.argv[1], sys.argv[2], sys.argv[3] == "list"
inspect(nwb)
counters, samples, packets = rec(path)
ticks = counters - counters[0]
with NWBHDF5IO(nwb, "r") as io:
    file = io.read()
    e = file.acquisition["e-series"]
    assert e.data.dtype == np.int16 and e.data.shape == samples.shape, e.data
    assert np.array_equal(e.data[:], samples)
    assert e.conversion == 0.195e-6 or abs(e.conversion - 0.195e-6) < 1e-18
    assert (e.timestamps is not None) == listed, e
    t = times(e)
    assert len(t) == len(ticks) and np.all(np.diff(t) > 0)
    rate = (t[-1] - t[0]) / (ticks[-1] - ticks[0])
    assert np.abs(t - (t[0] + ticks * rate)).max() < 1e-9
    assert np.array_equal(file.acquisition["sample_count"].data[:], counters)
    for name in ("sample_count", "ECU_analog", "system_clock"):
        assert np.array_equal(times(file.acquisition[name]), t), name
    clock = file.acquisition["system_clock"].data[:]
    start = file.session_start_time.timestamp()
    assert np.abs((clock - clock[0]) / 1e9 - (t - t[0])).max() < 2e-3
    assert abs(start + t[0] - clock[0] / 1e9) < 2e-3
    lines = file.processing["behavior"]["behavioral_events"].time_series
    assert len(lines) > 30
    for k in range(8):
        state = (ticks // (1500 * (k + 1))) & 1
        at = np.concatenate([[0], np.flatnonzero(np.diff(state)) + 1])
        line = next(s for s in lines.values() if s.description.startswith("ECU_digital/") and s.name.endswith(f"Din{{k + 1}}"))
        assert np.array_equal(line.data[:], state[at]), line.name
        assert np.abs(times(line) - t[at]).max() < 1e-8, line.name
    lost = file.intervals["dropped_packets"].to_dataframe() if listed else None
    if listed:
        assert list(lost.lost_samples) == [1, 1, 250]
        assert list(lost.next_row) == list(np.flatnonzero(np.diff(ticks) > 1) + 1)
        assert np.abs(lost.stop_time - t[lost.next_row]).max() < 1e-9
    assert len(file.electrodes) == samples.shape[1] and len(e.electrodes) == samples.shape[1]
    assert e.electrodes.table is file.electrodes
    assert "longwave" in file.source_script and "out.nwb" in file.source_script
"#
    );
    export(&[rec, "-o", nwb]);
    run_python(&check, &[nwb, rec, "list"]);
    export(&[whole.to_str().unwrap(), "-o", nwb, "--compression", "none"]);
    run_python(&check, &[nwb, whole.to_str().unwrap(), "rate"]);
}

#[test]
fn lost_packets_and_selections_are_what_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let gaps = ["--packets", "9000", "--drop", "3000", "--gap", "5000:25"];
    let Some(path) = generated(folder.path(), "a.rec", &gaps) else { return };
    let rec = path.to_str().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    export(&[rec, "-o", &at("nan.nwb"), "--dropped", "nan"]);
    export(&[rec, "-o", &at("repeat.nwb"), "--dropped", "repeat"]);
    export(&[rec, "-o", &at("spans.nwb"), "--time", "spans", "--verify"]);
    export(&[rec, "-o", &at("part.nwb"), "--channels", "7,3,100", "--range", "#1000..#4000", "--values", "physical"]);
    run_python(
        &format!(
            r#"{INSPECT}{PACKETS}
folder, path = sys.argv[1:]
counters, samples, packets = rec(path)
ticks = counters - counters[0]
def opened(name):
    inspect(f"{{folder}}/{{name}}.nwb")
    return NWBHDF5IO(f"{{folder}}/{{name}}.nwb", "r").read()
there = np.zeros(9000, bool); there[ticks] = True
e = opened("nan").acquisition["e-series"]
assert e.data.dtype == np.float32 and e.rate and np.array_equal(e.data[:][there], samples)
assert np.isnan(e.data[:][~there]).all()
file = opened("repeat"); e = file.acquisition["e-series"]
last = np.maximum.accumulate(np.where(there, np.cumsum(there) - 1, 0))
assert e.data.dtype == np.int16 and np.array_equal(e.data[:], samples[last])
assert len(file.acquisition["ECU_analog"].data) == 9000
lost = file.intervals["dropped_packets"].to_dataframe()
assert list(lost.first_row) == [3000, 5000] and set(lost.stand_in) == {{"the row before, repeated"}}
file = opened("spans")
spans = [file.acquisition[f"e-series_span{{i:04}}"] for i in (1, 2, 3)]
assert np.array_equal(np.concatenate([s.data[:] for s in spans]), samples)
rate = spans[0].rate
assert np.allclose([s.starting_time - spans[0].starting_time for s in spans], np.array([0, 3001, 5025]) / rate, atol=1e-9)
file = opened("part")
assert list(file.acquisition) == ["e-series"] and not file.processing
e = file.acquisition["e-series"]
assert e.data.shape == (3000, 3) and e.data.dtype == np.float32, e.data
found = e.data[:] * e.conversion
assert np.allclose(found, samples[1000:4000][:, [7, 3, 100]] * 0.195e-6, rtol=1e-6)
"#
        ),
        &[folder.path().to_str().unwrap(), rec],
    );
}

#[test]
fn other_formats_become_series_too() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    run_python(
        "np.save(sys.argv[1], (np.arange(30_000).reshape(10_000, 3) % 2000 - 1000).astype('>i4'))\n\
         np.save(sys.argv[2], np.random.default_rng(1).normal(size=5000).astype('f2'))",
        &[&at("volts.npy"), &at("odd.npy")],
    );
    export(&[
        &at("volts.npy"),
        "-o",
        &at("volts.nwb"),
        "--rate",
        "1000",
        "--unit",
        "mV",
        "--gain",
        "0.5",
        "--offset",
        "2",
    ]);
    export(&[
        &at("odd.npy"),
        "-o",
        &at("odd.nwb"),
        "--rate",
        "250",
        "--unit",
        "Pa",
        "--start",
        "2024-05-17T09:30:00.25Z",
    ]);
    run_python(
        &format!(
            r#"{INSPECT}
folder = sys.argv[1]
for name in ("volts", "odd"): inspect(f"{{folder}}/{{name}}.nwb")
e = NWBHDF5IO(f"{{folder}}/volts.nwb", "r").read().acquisition["e-series"]
stored = np.load(f"{{folder}}/volts.npy")
assert np.array_equal(e.data[:], stored) and e.rate == 1000
assert np.allclose(e.data[:] * e.conversion + e.offset, (stored * 0.5 + 2) * 1e-3)
file = NWBHDF5IO(f"{{folder}}/odd.nwb", "r").read()
(s,) = file.acquisition.values()
assert type(s).__name__ == "TimeSeries" and s.unit == "Pa" and s.data.dtype == np.float16
assert np.array_equal(s.data[:], np.load(f"{{folder}}/odd.npy"))
assert file.session_start_time.isoformat() == "2024-05-17T09:30:00.250000+00:00"
"#
        ),
        &[folder.path().to_str().unwrap()],
    );
}

#[test]
fn a_session_of_several_files_with_its_metadata_is_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let Some(data) = real_files() else { return };
    let metadata = data.join("rec/20230622_sample_metadataProbeReconfig.yml");
    let header = data.join("rec/xml/reconfig_probeDevice.trodesconf");
    let header = header.to_str().unwrap();
    let parts = [("20230622_sample_01_a1.rec", "1000000", "6000"), ("20230622_sample_02_a1.rec", "1900000", "5000")];
    let mut paths = vec![];
    for (name, t0, packets) in parts {
        let Some(path) = generated(folder.path(), name, &["--packets", packets, "--t0", t0, "--header", header]) else {
            return;
        };
        paths.push(path.to_str().unwrap().to_owned());
    }
    let nwb = folder.path().join("session.nwb");
    let nwb = nwb.to_str().unwrap();
    export(&[&paths[0], &paths[1], "-o", nwb, "--metadata", metadata.to_str().unwrap(), "--hash"]);
    run_python(
        &format!(
            r#"{INSPECT}{PACKETS}
nwb, *paths = sys.argv[1:]
inspect(nwb)
file = NWBHDF5IO(nwb, "r").read()
samples = np.concatenate([rec(p)[1] for p in paths])
e = file.acquisition["e-series"]
assert np.array_equal(e.data[:], samples)
assert file.lab and file.institution and file.experimenter and file.subject.subject_id not in (None, "unknown")
table = file.electrodes.to_dataframe()
assert {{"rel_x", "rel_y", "probe_electrode", "ntrode_id"}} <= set(table.columns), table.columns
assert len(table) == samples.shape[1] and table.rel_y.nunique() > 3
epochs = file.intervals["epochs"].to_dataframe()
assert [list(t)[0] for t in epochs.tags] == ["01_a1", "02_a1"], epochs
assert np.all(epochs.stop_time > epochs.start_time)
assert "xxh3" in file.source_script and paths[1].rsplit("/")[-1] in file.source_script
"#
        ),
        &[nwb, &paths[0], &paths[1]],
    );
}

#[test]
fn a_killed_export_leaves_a_part_that_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let rec = folder.path().join("demo.rec");
    let rec = rec.to_str().unwrap();
    assert!(longwave(&["demo", "-o", rec, "--seconds", "8", "--channels", "64", "-q"]).status.success());
    let before = std::fs::read(rec).unwrap();
    let (out, part) = (folder.path().join("out.nwb"), folder.path().join(".out.nwb.part"));
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_longwave"))
        .args(["export", rec, "-o", out.to_str().unwrap(), "-q", "--level", "9", "--threads", "1"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Some pieces, then the end.
    while std::fs::metadata(&part).map_or(0, |m| m.len()) < 2 << 20 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!out.exists() && part.exists());
    let kept = std::fs::metadata(&part).unwrap().len();
    let whole = folder.path().join("whole.nwb");
    for (target, level) in [(&whole, "9"), (&out, "9")] {
        export(&[rec, "-o", target.to_str().unwrap(), "--level", level]);
    }
    assert!(!part.exists() && std::fs::metadata(&out).unwrap().len() > kept);
    same_samples(&out, &whole);
    assert!(before == std::fs::read(rec).unwrap());
}

/// A limit on the size of files stands for a disk that is full at 60 % of what is written.
#[test]
#[cfg(unix)]
fn a_disk_that_fills_up_leaves_a_part_and_the_command_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let rec = folder.path().join("demo.rec");
    let rec = rec.to_str().unwrap();
    assert!(longwave(&["demo", "-o", rec, "--seconds", "6", "--channels", "64", "-q"]).status.success());
    let before = std::fs::read(rec).unwrap();
    let (whole, target) = (folder.path().join("whole.nwb"), folder.path().join("full.nwb"));
    export(&[rec, "-o", whole.to_str().unwrap(), "--compression", "none"]);
    let kib = std::fs::metadata(&whole).unwrap().len() * 6 / 10 / 1024;
    let command = format!(
        "trap '' XFSZ; ulimit -f {kib}; exec '{}' export '{rec}' -o '{}' --compression none",
        env!("CARGO_BIN_EXE_longwave"),
        target.display()
    );
    let output = std::process::Command::new("bash").args(["-c", &command]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let again = format!("to go on: longwave export {rec} -o {} --compression none", target.display());
    assert!(said.contains(&again) && !target.exists(), "{said}");
    let part = folder.path().join(".full.nwb.part");
    assert!(std::fs::metadata(&part).unwrap().len() > kib * 512, "what was written is kept");
    // The command that was printed.
    export(&[rec, "-o", target.to_str().unwrap(), "--compression", "none"]);
    assert!(!part.exists() && before == std::fs::read(rec).unwrap());
    same_samples(&target, &whole);
}

/// Whether both hold the same samples.
fn same_samples(a: &Path, b: &Path) {
    run_python(
        "import h5py\na, b = (h5py.File(p)['acquisition/e-series/data'] for p in sys.argv[1:])\n\
         assert a.shape == b.shape and np.array_equal(a[:], b[:])",
        &[a.to_str().unwrap(), b.to_str().unwrap()],
    );
}

/// The recording becomes shorter while it is exported, as on a network disk that goes away or with another program that
/// writes it anew.
#[test]
fn a_source_that_shrinks_ends_the_export_without_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let rec = folder.path().join("demo.rec");
    let path = rec.to_str().unwrap();
    assert!(longwave(&["demo", "-o", path, "--seconds", "8", "--channels", "64", "-q"]).status.success());
    let (out, part) = (folder.path().join("out.nwb"), folder.path().join(".out.nwb.part"));
    let child = std::process::Command::new(env!("CARGO_BIN_EXE_longwave"))
        .args(["export", path, "-o", out.to_str().unwrap(), "-q", "--level", "9", "--threads", "1"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while std::fs::metadata(&part).map_or(0, |m| m.len()) < 2 << 20 {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let half = std::fs::metadata(&rec).unwrap().len() / 2;
    std::fs::OpenOptions::new().write(true).open(&rec).unwrap().set_len(half).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("demo.rec") && said.contains("to go on: longwave export"), "{said}");
    assert!(!out.exists() && std::fs::metadata(&rec).unwrap().len() == half, "{said}");
    // What is left is another recording: it is exported from its beginning, and nothing of the longer one is in it.
    export(&[path, "-o", out.to_str().unwrap()]);
    let fresh = folder.path().join("fresh.nwb");
    export(&[path, "-o", fresh.to_str().unwrap()]);
    assert!(!part.exists());
    same_samples(&out, &fresh);
}

#[test]
fn a_sparse_recording_of_a_day_is_planned_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let Some(path) = generated(folder.path(), "day.rec", &["--sparse-hours", "17"]) else { return };
    let output = longwave(&["export", path.to_str().unwrap(), "-o", "/nowhere/day.nwb", "--dry-run", "--json", "-q"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(answer["bytes"].as_u64().unwrap() > 100 << 30, "{answer}");
    assert_eq!(answer["frames"], 17_u64 * 3600 * 30_000);
}
