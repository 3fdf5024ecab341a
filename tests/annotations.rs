//! Annotations on the command line: kept beside the recording, from and to the files of other programs, and read from
//! real EDF+ files as their own library reads them.

#![allow(clippy::unwrap_used)]

mod common;

use common::{longwave, real_files, run_python};
use serde_json::Value;

fn json(args: &[&str]) -> Value {
    let out = longwave(args);
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("JSON")
}

#[test]
fn annotations_are_added_kept_and_converted() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("day.rec");
    let recording = recording.to_str().unwrap();
    let out = longwave(&["demo", "-o", recording, "--seconds", "2"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let scored = folder.path().join("scored.csv");
    std::fs::write(&scored, "onset,duration,label,category\n1.5,0.25,\"spike, big\",Artefact\n0.5,0,blink,\n").unwrap();
    let scored = scored.to_str().unwrap();
    let report = json(&["annotations", recording, "--import", scored, "--json"]);
    let list = report["annotations"].as_array().unwrap();
    assert_eq!((list.len(), list[0]["label"].as_str(), list[1]["start_secs"].as_f64()), (2, Some("blink"), Some(1.5)));
    assert!(report["kept_in"].as_str().unwrap().ends_with("day.rec.longwave.json"));
    for ending in ["csv", "txt", "tsv", "edf"] {
        let target = folder.path().join(format!("out.{ending}"));
        let target = target.to_str().unwrap();
        let out = longwave(&["annotations", recording, "-o", target]);
        assert!(out.status.success(), "{ending}: {}", String::from_utf8_lossy(&out.stderr));
        let back = json(&["annotations", target, "--json"]);
        let back = back["annotations"].as_array().unwrap();
        assert_eq!(back.len(), 2, "{ending}");
        assert_eq!(back[1]["label"], "spike, big", "{ending}");
        assert_eq!(back[1]["duration_secs"], 0.25, "{ending}");
        let again = longwave(&["annotations", recording, "-o", target]);
        assert!(String::from_utf8_lossy(&again.stderr).contains("--force"), "{ending}");
    }
    let plain = longwave(&["annotations", recording]);
    assert!(String::from_utf8_lossy(&plain.stdout).contains("spike, big"));
}

/// A .npy file of two channels in which the samples tell their frames, with annotations beside it.
fn annotated(folder: &std::path::Path) -> String {
    let path = folder.join("day.npy");
    let header = "{'descr': '<i2', 'fortran_order': False, 'shape': (4000, 2), }";
    let padded = format!("{header:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((padded.len() as u16).to_le_bytes());
    bytes.extend(padded.as_bytes());
    (0..4000_i16).for_each(|f| [f, -f].iter().for_each(|v| bytes.extend(v.to_le_bytes())));
    std::fs::write(&path, bytes).unwrap();
    let note = |start: f64, duration: f64, category: &str, label: &str| serde_json::json!({ "start_secs": start, "duration_secs": duration, "category": category, "label": label });
    let notes = serde_json::json!({ "longwave_annotations": 1, "annotations": [
        note(0.5, 0.25, "Spindle", "first/one"), note(2.0, 0.5, "Spindle", ""), note(2.25, 0.5, "Spindle", "over it"),
        note(1.0, 0.0, "Spindle", "a mark"), note(3.0, 1.0, "Bad", "loud"), note(0.1, 0.0, "Event", ""),
    ]});
    std::fs::write(folder.join("day.npy.longwave.json"), notes.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn annotated_ranges_are_measured_and_exported_each_and_together() {
    let folder = tempfile::tempdir().unwrap();
    let recording = annotated(folder.path());
    let args = ["--rate", "1000", "--annotated", "Spindle"];
    let with = |start: &[&str], end: &[&str]| json(&[start, &args, end].concat());
    let report = with(&["stats", &recording, "--json"], &[]);
    let list = report["annotated"].as_array().unwrap();
    assert_eq!(list.len(), 3, "the mark has no samples");
    let of = |i: usize, key: &str| list[i]["result"]["channels"][0][key].as_f64().unwrap();
    assert_eq!((of(0, "min"), of(0, "max"), of(0, "min_frame")), (500.0, 749.0, 500.0), "frames are the recording's");
    assert_eq!((of(2, "min"), of(2, "max"), list[2]["label"].as_str()), (2250.0, 2749.0, Some("over it")));
    // Together no sample counts twice, and no window reaches from one to the next.
    let report = with(&["histogram", &recording, "--json"], &[]);
    assert_eq!(report["annotated"]["frames"], 250 + 750);
    let report = with(&["spectrum", &recording, "--window", "128", "--json"], &[]);
    assert_eq!(report["annotated"]["ranges"], 3);
    let samples = |path: &str| {
        let bytes = std::fs::read(folder.path().join(path)).unwrap();
        let body = &bytes[10 + u16::from_le_bytes([bytes[8], bytes[9]]) as usize..];
        body.chunks_exact(4).map(|b| i16::from_le_bytes([b[0], b[1]])).collect::<Vec<i16>>()
    };
    let target = folder.path().join("part.npy");
    let target = target.to_str().unwrap();
    let report = with(&["export", &recording, "-o", target, "--json"], &[]);
    assert!(report["written"].as_array().unwrap().len() >= 3);
    assert_eq!(samples("part 001 first_one.npy"), (500..750).collect::<Vec<i16>>());
    assert_eq!(samples("part 002 Spindle.npy"), (2000..2500).collect::<Vec<i16>>());
    assert_eq!(samples("part 003 over_it.npy"), (2250..2750).collect::<Vec<i16>>());
    with(&["export", &recording, "-o", target, "--joined", "--json"], &[]);
    assert_eq!(samples("part.npy"), (500..750).chain(2000..2750).collect::<Vec<i16>>());
    // Within a range of time, they are cut to it.
    let cut = folder.path().join("cut.npy");
    with(&["export", &recording, "-o", cut.to_str().unwrap(), "--range", "2.4s..", "--joined", "--json"], &[]);
    assert_eq!(samples("cut.npy"), (2400..2750).collect::<Vec<i16>>());
    let picture = folder.path().join("view.svg");
    with(&["shot", &recording, "-o", picture.to_str().unwrap(), "--json"], &[]);
    assert!(folder.path().join("view 002 Spindle.svg").is_file());
}

#[test]
fn annotated_ranges_are_written_all_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let recording = annotated(folder.path());
    let fails = |args: &[&str], hint: &str| {
        let out = longwave(args);
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!out.status.success() && text.contains(hint), "{args:?}: {text}");
    };
    let target = folder.path().join("part.npy");
    let target = target.to_str().unwrap();
    let rate = ["--rate", "1000"];
    let export = |wanted: &'static str| ["export", &recording, "-o", target, "--annotated", wanted, rate[0], rate[1]];
    // The second is there: nothing is written before it, and it stays.
    let there = folder.path().join("part 002 Spindle.npy");
    std::fs::write(&there, "mine").unwrap();
    fails(&export("Spindle"), "part 002 Spindle.npy");
    assert!(!folder.path().join("part 001 first_one.npy").exists());
    assert_eq!(std::fs::read(&there).unwrap(), b"mine");
    // A folder in the place of the second, which cannot be replaced: the first is taken away again.
    std::fs::remove_file(&there).unwrap();
    std::fs::create_dir(&there).unwrap();
    std::fs::write(there.join("kept"), "x").unwrap();
    fails(&[&export("Spindle")[..], &["--force"]].concat(), "part 002 Spindle.npy");
    assert!(!folder.path().join("part 001 first_one.npy").exists(), "all or none");
    assert!(there.join("kept").exists());
    fails(&export("Nothing"), "Bad");
    fails(&export("Event"), "without a length");
    fails(&["find", &recording, "--rate", "1000", "--annotated", "Bad"], "--range");
    fails(&["export", &recording, "-o", target, "--joined", "--rate", "1000"], "--annotated");
    std::fs::remove_file(folder.path().join("day.npy.longwave.json")).unwrap();
    fails(&export("all"), "no annotations");
}

#[test]
fn what_cannot_be_used_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let recording = path("day.bin");
    std::fs::write(&recording, [0_u8; 64]).unwrap();
    let fails = |args: &[&str], hint: &str| {
        let out = longwave(args);
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!out.status.success() && text.contains(hint), "{args:?}: {text}");
    };
    fails(&["annotations", &path("none.rec")], "none.rec");
    std::fs::write(path("bad.csv"), "onset,label\n1,a\nsoon,b\n").unwrap();
    fails(&["annotations", &recording, "--import", &path("bad.csv")], "byte 16");
    fails(&["annotations", &recording, "-o", &path("out.xyz")], ".csv");
    std::fs::write(path("day.bin.longwave.json"), "{\"longwave_annotations\": 9}").unwrap();
    fails(&["annotations", &recording, "--import", &path("bad.csv")], "newer longwave");
}

/// Annotations of files of several recorders, as MNE 1.13 reads them (which pyedflib's files were tested with, too).
#[test]
fn real_edf_files_give_up_their_annotations() {
    let Some(folder) = real_files() else { return };
    for (name, count, index, start_secs, duration_secs, label) in [
        ("mne-python/test.edf", 5, 1, 0.1344, 0.256, "type A"),
        ("pyedflib/test_generator.edf", 2, 1, 600.0, 0.0, "Recording ends"),
        // Its first data record begins 0.394531 s behind the whole second of the header.
        ("pyedflib/test_utf8.edf", 5, 2, 119.605_469, 0.0, "中文测试八个字"),
        ("mne-python/test_stim_channel.edf", 0, 0, 0.0, 0.0, ""),
    ] {
        let path = folder.join("edf_bdf").join(name);
        let report = json(&["annotations", path.to_str().unwrap(), "--json"]);
        let list = report["annotations"].as_array().unwrap();
        assert_eq!(list.len(), count, "{name}");
        let Some(found) = list.get(index) else { continue };
        let near = |key: &str, wanted: f64| (found[key].as_f64().unwrap() - wanted).abs() < 1e-6;
        assert!(near("start_secs", start_secs) && near("duration_secs", duration_secs), "{name}: {found}");
        assert_eq!(found["label"], label, "{name}");
    }
}

/// What is written is read by readers that know nothing of ours: Python's csv module, and one of EDF+ that follows the
/// specification (Kemp & Olivan 2003, section 2.2) byte by byte.
#[test]
fn what_is_written_is_what_the_formats_say() {
    const READER: &str = r#"
import csv, json, struct, sys
folder = sys.argv[1]
out = {}
with open(folder + "/out.csv", newline="", encoding="utf-8") as f:
    out["csv"] = [[float(r["onset"]), float(r["duration"]), r["label"]] for r in csv.DictReader(f)]
with open(folder + "/out.txt", encoding="utf-8") as f:
    out["txt"] = [[float(a), float(b) - float(a), c] for a, b, c in (l.rstrip("\n").split("\t") for l in f)]
with open(folder + "/out.tsv", newline="", encoding="utf-8") as f:
    begun, out["tsv"] = {}, []
    for r in csv.DictReader(f, delimiter="\t"):
        key, t = (r["Subject"], r["Behavior"]), float(r["Time"])
        if r["Behavior type"] == "POINT": out["tsv"].append([t, 0.0, r["Behavior"]])
        elif r["Behavior type"] == "START": begun[key] = t
        else: out["tsv"].append([begun[key], t - begun.pop(key), r["Behavior"]])
    assert not begun
b = open(folder + "/out.edf", "rb").read()
assert b[:8] == b"0       " and b[192:197] == b"EDF+C" and all(32 <= c < 127 for c in b[:256])
size, records, signals = int(b[184:192]), int(b[236:244]), int(b[252:256])
assert size == 256 + 256 * signals
labels = [b[256 + 16 * i:272 + 16 * i].decode().strip() for i in range(signals)]
counts = [int(b[256 + 216 * signals + 8 * i:264 + 216 * signals + 8 * i]) for i in range(signals)]
assert labels == ["EDF Annotations"] and len(b) == size + records * 2 * sum(counts)
out["edf"] = []
for r in range(records):
    data = b[size + r * 2 * counts[0]:size + (r + 1) * 2 * counts[0]]
    tals = [t for t in data.split(b"\0") if t]
    assert tals[0].endswith(b"\x14\x14") and tals[0][:1] in b"+-", "the record tells when it begins"
    for tal in tals:
        head, *texts = tal.split(b"\x14")
        assert texts[-1] == b"" and head[:1] in b"+-"
        onset, _, duration = head.partition(b"\x15")
        assert not duration or duration[:1] not in b"+-"
        out["edf"] += [[float(onset), float(duration or 0), t.decode()] for t in texts[:-1] if t]
print(json.dumps(out))
"#;
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("day.npy.longwave.json");
    let note = |start: f64, duration: f64, label: &str| serde_json::json!({ "start_secs": start, "duration_secs": duration, "label": label });
    let many = (0..700).map(|i| note(10.0 + f64::from(i) * 0.125, f64::from(i % 3) * 0.5, &format!("n{i}")));
    let first = [note(0.25, 0.0, "µV, \"quoted\"; spike"), note(1.0 / 3.0, 1e-6, "short"), note(0.5, 3600.5, "long")];
    let list: Vec<Value> = first.into_iter().chain(many).collect();
    let notes = serde_json::json!({ "longwave_annotations": 1, "annotations": list });
    std::fs::write(&recording, notes.to_string()).unwrap();
    for ending in ["csv", "txt", "tsv", "edf"] {
        let target = folder.path().join(format!("out.{ending}"));
        let out = longwave(&["annotations", recording.to_str().unwrap(), "-o", target.to_str().unwrap()]);
        assert!(out.status.success(), "{ending}: {}", String::from_utf8_lossy(&out.stderr));
    }
    let read: Value = serde_json::from_str(&run_python(READER, &[folder.path().to_str().unwrap()])).unwrap();
    for ending in ["csv", "txt", "tsv", "edf"] {
        let mut rows = read[ending].as_array().unwrap().clone();
        rows.sort_by(|a, b| a[0].as_f64().unwrap().total_cmp(&b[0].as_f64().unwrap()));
        assert_eq!(rows.len(), list.len(), "{ending}");
        for (row, wanted) in rows.iter().zip(&list) {
            let near = |i: usize, key: &str| (row[i].as_f64().unwrap() - wanted[key].as_f64().unwrap()).abs() < 2e-7;
            assert!(near(0, "start_secs") && near(1, "duration_secs"), "{ending}: {row} {wanted}");
            assert_eq!(row[2], wanted["label"], "{ending}");
        }
    }
}
