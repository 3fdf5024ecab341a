//! The command line is a contract: help, exit codes, what goes to which stream, and what is never left behind.

#![allow(clippy::unwrap_used)]

mod common;

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use common::longwave;

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn json(output: &Output) -> serde_json::Value {
    assert_eq!(code(output), 0, "{}", err(output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", out(output)))
}

/// Frames × 4 channels of i16, and the flags that say so.
const LAYOUT: [&str; 8] = ["--format", "raw", "--dtype", "i16", "--channel-count", "4", "--rate", "1000"];

fn raw_file(folder: &Path, frames: i32) -> String {
    let path = folder.join("x.bin");
    let samples = (0..frames * 4).flat_map(|i| ((i * 37 % 2001 - 1000) as i16).to_le_bytes());
    std::fs::write(&path, samples.collect::<Vec<u8>>()).unwrap();
    path.to_str().unwrap().to_owned()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        folder.read_dir().unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn every_help_is_complete() {
    let help = longwave(&["--help"]);
    assert_eq!(code(&help), 0);
    for name in [
        "info",
        "check",
        "compare",
        "stats",
        "histogram",
        "spectrum",
        "spectral-peaks",
        "bands",
        "tone",
        "coherence",
        "csd",
        "spectrogram",
        "find",
        "health",
        "decode",
        "filter",
        "export",
        "peaks",
        "shot",
        "demo",
        "metadata",
        "completions",
        "man",
    ] {
        assert!(out(&help).contains(&format!("\n  {name} ")), "{name} is not in\n{}", out(&help));
        let sub = longwave(&[name, "--help"]);
        assert_eq!(code(&sub), 0, "{name}");
        assert!(out(&sub).contains("Example") && out(&sub).contains(&format!("longwave {name}")), "{}", out(&sub));
        assert!(err(&sub).is_empty());
    }
    let export = out(&longwave(&["export", "--help"]));
    let flags = ["--range", "--channels", "--values", "--dry-run", "--force", "--memory-limit", "--threads", "--quiet"];
    let layout =
        ["--format", "--dtype", "--byte-order", "--channel-count", "--rate", "--header-bytes", "--gain", "--unit"];
    for flag in flags.iter().chain(&layout) {
        assert!(export.contains(flag), "{flag}");
    }
    let spectrum = out(&longwave(&["spectrum", "--help"]));
    for flag in ["--window", "--overlap", "--taper", "--average", "flat-top", "8192", "half of it", ".csv or .npy"] {
        assert!(spectrum.contains(flag), "{flag}");
    }
    assert!(!out(&longwave(&["stats", "--help"])).contains(".csv or .npy"));
    assert!(out(&longwave(&["shot", "--help"])).contains("--size <WxH>"));
    assert!(out(&longwave(&["--version"])).starts_with("longwave "));
}

#[test]
fn wrong_usage_is_exit_2_and_says_why() {
    for (args, hint) in [
        (&["info"][..], "FILE"),
        (&["stats", "x.bin", "stats", "--no-such-flag"], "--no-such-flag"),
        (&["info", "x.bin", "--no-such-flag"], "--no-such-flag"),
        (&["stats", "x.bin", "--range", "5s"], "A..B"),
        (&["stats", "x.bin", "--range", "2s..1s"], "before"),
        (&["stats", "x.bin", "--range", "1s...2s"], "a dot too many"),
        (&["stats", "x.bin", "--range", "1s..1s"], "is empty"),
        (&["stats", "x.bin", "--memory-limit", "much"], "256MiB"),
        (&["stats", "x.bin", "--threads", "0"], "--threads"),
        (&["info", "x.bin", "--format", "flac"], "use one of"),
        (&["info", "x.bin", "--dtype", "i17"], "use one of"),
        (&["info", "x.bin", "--dtype", ">i2", "--byte-order", "little"], "contradict"),
        (&["info", "x.bin", "--rate", "-1"], "--rate"),
        (&["info", "x.bin", "--gain", "0"], "--gain"),
        (&["export", "x.bin"], "--output"),
        (&["export", "x.bin", "-o", "x.docx"], "use one of"),
        (&["export", "x.bin", "-o", "x.npy", "--values", "some"], "physical"),
        (&["spectrum", "x.bin", "-o", "x.txt"], ".csv"),
        (&["spectrum", "x.bin", "--taper", "kaiser"], "blackman-harris"),
        (&["spectrum", "x.bin", "--window", "many"], "--window"),
        (&["shot", "x.bin", "-o", "x.npy"], ".png"),
        (&["shot", "x.bin", "-o", "x.png", "--size", "foo"], "1920x1080"),
        (&["shot", "x.bin", "-o", "x.png", "--size", "0x0"], "0"),
        (&["shot", "x.bin", "-o", "x.png", "--size", "1x1"], "1"),
        (&["spectrum", "x.bin", "--window", "100", "--overlap", "100"], "--overlap 99"),
        (&["stats", "x.bin", "--channels", "0,,1"], "missing"),
        (&["stats", "x.bin", "--channels", "0-"], "no end"),
        (&["stats", "x.bin", "--channels", ""], "missing"),
        (&["stats", "x.bin", "-o", "st.npy"], ".csv"),
        (&["stats", "x.bin", "-o", "-"], "standard output"),
        (&["export", "x.bin", "-o", "-"], "standard output"),
        (&["export", "x.bin", "-o", "."], "folder"),
        (&["shot", "x.bin", "-o", "."], "folder"),
        (&["demo", "-o", "x.txt"], ".rec"),
        (&["completions", "tcsh"], "fish"),
        (&["man", "nothing"], "nothing"),
        (&["--rate", "5", "info", "x.bin"], "--rate"),
    ] {
        let output = longwave(args);
        assert_eq!(code(&output), 2, "{args:?}: {}", err(&output));
        assert!(err(&output).contains(hint), "{args:?}: '{hint}' is not in\n{}", err(&output));
        assert!(out(&output).is_empty(), "{args:?}");
    }
}

#[cfg(all(feature = "gui", target_os = "linux"))]
#[test]
fn without_a_display_the_window_says_so() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longwave"));
    for variable in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"] {
        command.env_remove(variable);
    }
    let output = command.output().unwrap();
    assert_eq!(code(&output), 1);
    assert!(err(&output).contains("there is no display; ") && !err(&output).contains(".rs"), "{}", err(&output));
}

#[test]
fn errors_are_exit_1_with_path_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let unknown = folder.path().join("notes.xyz");
    std::fs::write(&unknown, "these are no samples").unwrap();
    let unknown = unknown.to_str().unwrap();
    let empty = folder.path().join("empty.bin");
    std::fs::write(&empty, "").unwrap();
    let empty = empty.to_str().unwrap();
    let missing = folder.path().join("missing.npy");
    let missing = missing.to_str().unwrap();
    for (args, hint) in [
        (&["info", unknown][..], "--format raw"),
        (&["info", unknown, "--json"], "at byte 0"),
        (&["info", empty], "the file is empty"),
        (&["info", empty, "--format", "raw"], "the file is empty"),
        (&["stats", missing], "missing.npy"),
        (&["info", folder.path().to_str().unwrap()], "folder"),
        (&[missing], "neither"),
    ] {
        let output = longwave(args);
        assert_eq!(code(&output), 1, "{args:?}: {}", err(&output));
        assert!(err(&output).starts_with("longwave: ") && err(&output).contains(hint), "{args:?}: {}", err(&output));
        assert_eq!(err(&output).trim_end().lines().count(), 1, "{args:?}: {}", err(&output));
        assert!(out(&output).is_empty());
    }
}

#[test]
fn a_raw_file_is_described_measured_and_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let file = raw_file(folder.path(), 5000);
    let args = |rest: &[&'static str]| -> Vec<String> {
        rest.iter().copied().map(str::to_owned).chain(LAYOUT.iter().map(|s| (*s).to_owned())).collect()
    };
    let run = |name: &str, rest: &[&'static str]| {
        let args = args(rest);
        let all: Vec<&str> = [name, file.as_str()].into_iter().chain(args.iter().map(String::as_str)).collect();
        longwave(&all)
    };
    let info = json(&run("info", &["--json", "--no-remember"]));
    assert_eq!(names(folder.path()), ["x.bin"]);
    // Quiet means that nothing is written which nobody is told of.
    json(&run("info", &["--json", "--quiet"]));
    assert_eq!(names(folder.path()), ["x.bin"]);
    assert_eq!((info["format"].as_str(), info["duration_secs"].as_f64()), (Some("raw"), Some(5.0)));
    let stream = &info["streams"][0];
    assert_eq!((stream["frames"].as_u64(), stream["rate_hz"].as_f64()), (Some(5000), Some(1000.0)));
    assert_eq!(stream["sample_format"], "i16");
    for key in ["id", "name", "unit", "gain", "offset"] {
        assert!(stream["channels"][3].get(key).is_some(), "{key}");
    }
    for key in ["events", "properties", "warnings"] {
        assert!(info.get(key).is_some(), "{key}");
    }

    let stats =
        json(&run("stats", &["--json", "--range", "1s..2s", "--channels", "1,3", "--gain", "-0.5", "--unit", "mV"]));
    let channels = stats["channels"].as_array().unwrap();
    assert_eq!(channels.len(), 2);
    for key in ["name", "unit", "count", "nan_count", "min", "max", "mean", "std", "rms"] {
        assert!(channels[0].get(key).is_some(), "{key}");
    }
    let values: Vec<f64> = (1000..2000).map(|f| f64::from((f * 4 + 1) * 37 % 2001 - 1000) * -0.5).collect();
    assert_eq!(channels[0]["count"], 1000);
    assert_eq!(channels[0]["unit"], "mV");
    assert_eq!(channels[0]["min"].as_f64(), values.iter().copied().reduce(f64::min));
    assert_eq!(channels[0]["max"].as_f64(), values.iter().copied().reduce(f64::max));

    // What was told once is known from now on, and never replaced.
    assert_eq!(names(folder.path()), ["x.bin", "x.bin.longwave.toml"]);
    let remembered = std::fs::read(folder.path().join("x.bin.longwave.toml")).unwrap();
    let again = json(&longwave(&["info", &file, "--json"]));
    assert_eq!(again["streams"][0]["channels"][0]["gain"], -0.5);
    json(&longwave(&["info", &file, "--json", "--gain", "7"]));
    assert_eq!(std::fs::read(folder.path().join("x.bin.longwave.toml")).unwrap(), remembered);

    let table = longwave(&["stats", &file]);
    assert_eq!(out(&table).lines().count(), 5, "{}", out(&table));
}

#[test]
fn outside_ranges_and_unknown_channels_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let file = raw_file(folder.path(), 5000);
    for (flag, value, hint) in [
        ("--range", "6s..7s", "5,000 frames"),
        ("--range", "2026-05-01T12:00:00Z..", "clock"),
        ("--channels", "4", "no channel 4"),
        ("--channels", "nobody", "nobody"),
        ("--stream", "nobody", "no stream"),
    ] {
        let args: Vec<&str> = ["stats", &file, flag, value, "--no-remember"].into_iter().chain(LAYOUT).collect();
        let output = longwave(&args);
        assert_eq!(code(&output), 1, "{args:?}");
        assert!(err(&output).contains(hint), "{args:?}: {}", err(&output));
    }
}

#[test]
fn export_predicts_refuses_and_writes_whole_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = raw_file(folder.path(), 5000);
    let target = folder.path().join("part.npy");
    let target = target.to_str().unwrap();
    let run = |rest: &[&str]| {
        let args: Vec<&str> = ["export", &file, "-o", target, "--no-remember"]
            .into_iter()
            .chain(LAYOUT)
            .chain(rest.iter().copied())
            .collect();
        longwave(&args)
    };
    let dry = json(&run(&["--dry-run", "--json", "--range", "#1000..#2000", "--channels", "0-2"]));
    assert_eq!((dry["frames"].as_u64(), dry["channels"].as_array().map(Vec::len)), (Some(1000), Some(3)));
    assert!(dry["bytes"].as_u64().is_some_and(|b| (6000..7000).contains(&b)), "{dry}");
    assert!(dry["secs"].is_number() && dry["free_bytes"].is_number());
    assert_eq!(names(folder.path()), ["x.bin"]);
    assert!(out(&run(&["--dry-run"])).contains("free space"));

    assert_eq!(code(&run(&["--range", "#1000..#2000"])), 0);
    let written = std::fs::read(target).unwrap();
    assert!(written.ends_with(&std::fs::read(&file).unwrap()[8000..16_000]));
    let refused = run(&[]);
    assert_eq!(code(&refused), 1);
    assert!(err(&refused).contains("--force"));
    assert_eq!(std::fs::read(target).unwrap(), written);
    assert_eq!(code(&run(&["--force", "--range", "#0..#10"])), 0);
    assert!(std::fs::metadata(target).unwrap().len() < written.len() as u64);
    assert!(!names(folder.path()).iter().any(|n| n.ends_with(".part")), "{:?}", names(folder.path()));

    // The recording itself is never the target, not even by force.
    let before = std::fs::read(&file).unwrap();
    let args: Vec<&str> = ["export", &file, "-o", &file, "--force"].into_iter().chain(LAYOUT).collect();
    assert_ne!(code(&longwave(&args)), 0);
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[test]
fn spectrum_goes_to_csv_and_npy_and_pipes() {
    let folder = tempfile::tempdir().unwrap();
    let file = raw_file(folder.path(), 5000);
    let target = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let run = |rest: &[&str]| {
        let args: Vec<&str> = ["spectrum", &file, "--no-remember", "--window", "512", "--overlap", "256"]
            .into_iter()
            .chain(LAYOUT)
            .chain(rest.iter().copied())
            .collect();
        longwave(&args)
    };
    let unrated =
        longwave(&["spectrum", &file, "--no-remember", "--window", "512", "--dtype", "i16", "--channel-count", "4"]);
    assert_eq!(err(&unrated).matches("counts frames").count(), 1, "{}", err(&unrated));
    assert_eq!(code(&run(&["-o", &target("s.csv")])), 0);
    let csv = std::fs::read_to_string(target("s.csv")).unwrap();
    assert!(csv.starts_with("frequency_hz,"), "{csv}");
    assert_eq!(csv.lines().count(), 258);
    assert_eq!(csv.lines().next().unwrap().split(',').count(), 5);
    assert_eq!(code(&run(&["-o", &target("s.npy")])), 0);
    assert!(std::fs::read(target("s.npy")).unwrap().starts_with(b"\x93NUMPY"));
    assert_eq!(code(&run(&["-o", &target("s.npy")])), 1);
    assert_eq!(out(&run(&[])), csv);
    let object = json(&run(&["--json"]));
    assert_eq!(object["frequency_hz"].as_array().unwrap().len(), 257);
    let channels = object["channels"].as_array().unwrap();
    assert_eq!(channels.len(), 4);
    for (i, channel) in channels.iter().enumerate() {
        let in_csv: f64 = csv.lines().nth(101).unwrap().split(',').nth(1 + i).unwrap().parse().unwrap();
        assert_eq!((channel["values"][100].as_f64(), channel["values"].as_array().unwrap().len()), (Some(in_csv), 257));
        assert!(channel["windows"].as_u64().unwrap() > 0 && channel["name"].is_string() && channel["unit"].is_string());
    }
    // A result is never written over the recording that it is made of.
    let itself = target("itself.npy");
    let made = longwave(&["export", &file, "--no-remember", "--dtype", "i16", "--channel-count", "4", "-o", &itself]);
    assert_eq!(code(&made), 0, "{}", err(&made));
    let before = std::fs::read(&itself).unwrap();
    let over = longwave(&["spectrum", &itself, "--window", "512", "-o", &itself, "--force"]);
    assert_eq!(code(&over), 1, "{}", err(&over));
    assert!(err(&over).contains("the recording itself"), "{}", err(&over));
    assert_eq!(std::fs::read(&itself).unwrap(), before);
    // What a channel is compared with is another option than what is subtracted from it.
    let pair = longwave(&["coherence", &itself, "--window", "512", "--against", "2", "--reference", "cmr", "--json"]);
    assert_eq!(code(&pair), 0, "{}", err(&pair));
    let pair = json(&pair);
    assert_eq!((pair["reference"].as_str(), pair["filter"].as_str()), (Some("ch 2"), Some("reference=cmr")));
    // The overlap follows the window, unless it is given.
    let half = longwave(&[
        "spectrum",
        &file,
        "--no-remember",
        "--window",
        "512",
        "--dtype",
        "i16",
        "--channel-count",
        "4",
        "--rate",
        "1000",
    ]);
    assert_eq!(out(&half), csv, "{}", err(&half));
}

#[test]
fn demo_shot_and_peaks_work_without_a_display() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let demo = path("demo.rec");
    let made = longwave(&["demo", "-o", &demo, "--seconds", "2", "--channels", "4"]);
    assert_eq!(code(&made), 0, "{}", err(&made));
    assert_eq!(code(&longwave(&["demo", "-o", &demo])), 1);
    let info = json(&longwave(&["info", &demo, "--json"]));
    assert_eq!(info["format"], "rec");
    assert_eq!(info["streams"][0]["channels"].as_array().map(Vec::len), Some(4));
    for (name, magic) in [("a.png", &b"\x89PNG"[..]), ("a.svg", b"<")] {
        let shot = longwave(&["shot", &demo, "-o", &path(name), "--size", "640x360"]);
        assert_eq!(code(&shot), 0, "{}", err(&shot));
        assert!(std::fs::read(path(name)).unwrap().starts_with(magic), "{name}");
    }
    let peaks = json(&longwave(&["peaks", &demo, "--json"]));
    assert!(Path::new(peaks["path"].as_str().unwrap()).exists());
    assert_eq!(json(&longwave(&["peaks", &demo, "--json"]))["state"], "checked");
}

#[test]
fn completions_and_manual_pages_come_from_the_definitions() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = longwave(&["completions", shell]);
        assert_eq!(code(&script), 0);
        assert!(out(&script).contains("longwave") && out(&script).contains("memory-limit"), "{shell}");
    }
    assert!(out(&longwave(&["man"])).contains(".TH"));
    assert!(out(&longwave(&["man", "export"])).contains("dry\\-run"));
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(code(&longwave(&["man", "--dir", folder.path().to_str().unwrap()])), 0);
    let names = names(folder.path());
    assert!(names.contains(&"longwave.1".to_owned()) && names.contains(&"longwave-export.1".to_owned()), "{names:?}");
    assert!(!names.iter().any(|n| n.contains("help")), "{names:?}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_longwave"))
        .args(["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let status = child.wait().unwrap();
    let mut complaint = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
    assert_eq!((status.code(), complaint.as_str()), (Some(0), ""));
}

#[cfg(unix)]
#[test]
fn an_interrupted_command_exits_130_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("long.rec");
    let mut child = Command::new(env!("CARGO_BIN_EXE_longwave"))
        .args(["demo", "--seconds", "100000", "--channels", "64", "-o"])
        .arg(&target)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Interrupted once it is writing (the file has its temporary name then), or has ended on a disk that is too small.
    while names(folder.path()).is_empty() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let status = child.wait().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    let expected = if interrupt.success() { 130 } else { 1 };
    assert_eq!(status.code(), Some(expected), "{said}");
    assert!(names(folder.path()).is_empty(), "{:?}", names(folder.path()));
}

#[cfg(unix)]
#[test]
fn an_interrupted_summary_leaves_whole_rows_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // Holes only: long enough that no machine is through before it is interrupted.
    let file = folder.path().join("long.bin");
    std::fs::File::create(&file).unwrap().set_len(1 << 40).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_longwave"))
        .args(["peaks", "--no-remember", "--threads", "1"])
        .args(LAYOUT)
        .arg(&file)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while names(folder.path()).len() < 2 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let status = child.wait().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(status.code(), Some(130), "{said}");
    let sidecar = folder.path().join("long.bin.lwpeaks");
    if sidecar.exists() {
        assert!(std::fs::metadata(&sidecar).unwrap().len() > 128);
        assert!(said.contains("kept in") && said.contains("long.bin.lwpeaks"), "{said}");
    } else {
        assert!(said.contains("nothing was left half-written"), "{said}");
    }
}
