//! Annotations on the command line: kept beside the recording, from and to the files of other programs, and read from
//! real EDF+ files as their own library reads them.

mod common;

use common::{longwave, real_files};
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
