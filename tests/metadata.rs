//! `longwave metadata` on real headers and a real metadata file.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};

use common::longwave;
use serde_json::Value;

/// A recording of a few packets behind a real header.
fn recording(folder: &Path, header: &Path, packet_bytes: usize) -> PathBuf {
    let mut bytes = std::fs::read(header).unwrap();
    if bytes.last() != Some(&b'\n') {
        bytes.push(b'\n');
    }
    for counter in 0..8_u32 {
        let mut packet = vec![0_u8; packet_bytes];
        packet[0] = 0x55;
        let at = packet_bytes - 2 * 128 - 4;
        packet[at..at + 4].copy_from_slice(&counter.to_le_bytes());
        bytes.extend(packet);
    }
    let path = folder.join("20230622_sample_01_a1.rec");
    std::fs::write(&path, bytes).unwrap();
    path
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn json(args: &[&str]) -> Value {
    let output = longwave(args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_real_metadata_file_fits_the_real_header() {
    let Some(real) = common::real_files() else { return };
    let folder = tempfile::tempdir().unwrap();
    let rec = recording(folder.path(), &real.join("rec/xml/reconfig_probeDevice.trodesconf"), 310);
    let yaml = real.join("rec/20230622_sample_metadataProbeReconfig.yml");
    let report = json(&["metadata", text(&rec), "--check", text(&yaml), "--json"]);
    let electrodes = report["electrodes"].as_array().unwrap();
    assert_eq!(electrodes.len(), 128);
    assert_eq!((report["session_id"].as_str(), report["subject_id"].as_str()), (Some("12345"), Some("54321")));
    for e in electrodes {
        // Four shanks of 32, an nTrode each.
        let (number, shank) = (e["electrode"].as_i64().unwrap(), e["shank"].as_i64().unwrap());
        assert_eq!((e["group"].as_i64(), e["bad"].as_bool()), (Some(0), Some(false)));
        assert_eq!((shank, e["ntrode"].as_i64().unwrap()), (number / 32, number / 32 + 1));
        let expected = [[0.0, 350.0, 774.0, 1124.0][shank as usize], -26.0 * (number % 32) as f64, 0.0];
        let found: Vec<f64> = e["relative_um"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        assert_eq!(found, expected);
        // Every nTrode of this header is shown against the first channel of nTrode 1.
        let reference = electrodes.iter().find(|o| o["channel"] == e["reference"]).unwrap();
        assert_eq!((reference["ntrode"].as_i64(), reference["electrode"].as_i64()), (Some(1), Some(0)));
    }
    // Nothing in the file is unused; the header names its lines otherwise than the metadata does, which is said.
    let warnings: Vec<&str> = report["warnings"].as_array().unwrap().iter().map(|w| w.as_str().unwrap()).collect();
    assert!(warnings.iter().all(|w| !w.contains("is not used")), "{warnings:?}");

    // The metadata of another recording: both sides are named, and nothing is printed as a result.
    let other = folder.path().join("other.yml");
    let yaml = std::fs::read_to_string(yaml).unwrap();
    std::fs::write(&other, yaml.replace("ntrode_id: 3", "ntrode_id: 33")).unwrap();
    let output = longwave(&["metadata", text(&rec), "--check", text(&other)]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{error}");
    assert!(
        error.contains("nTrode 33") && error.contains("4 nTrodes (1, 2, 3, 4)") && error.contains("line "),
        "{error}"
    );
}

#[test]
fn a_template_of_every_real_header_is_sound_and_asks_only_for_probes() {
    let Some(real) = common::real_files() else { return };
    let mut tried = 0;
    for entry in real.join("rec/xml").read_dir().unwrap() {
        let header = entry.unwrap().path();
        let folder = tempfile::tempdir().unwrap();
        let rec = recording(folder.path(), &header, 566);
        let meta = folder.path().join("meta.yml");
        let output = longwave(&["metadata", text(&rec), "-o", text(&meta)]);
        if !output.status.success() {
            // A header that cannot be read at all.
            assert!(text(&header).contains("bad_header"), "{}", String::from_utf8_lossy(&output.stderr));
            continue;
        }
        tried += 1;
        assert_eq!(
            longwave(&["metadata", text(&rec), "-o", text(&meta)]).status.code(),
            Some(1),
            "it is there already"
        );
        let checked = longwave(&["metadata", text(&rec), "--check", text(&meta)]);
        let said = String::from_utf8(checked.stderr).unwrap();
        let template = std::fs::read_to_string(&meta).unwrap();
        if template.contains("device_type: \n") {
            assert_eq!(checked.status.code(), Some(1));
            assert!(said.contains("has no device_type"), "{said}");
            // With a probe of the user's that has one shank, it fits.
            let channels = template.lines().find(|l| l.contains("map: {")).unwrap().matches(':').count() - 1;
            let contacts: Vec<String> = (0..channels).map(|i| format!("[0, {i}]")).collect();
            let probe = folder.path().join("mine.json");
            let positions = contacts.join(",");
            std::fs::write(
                &probe,
                format!("{{\"probes\": [{{\"si_units\": \"um\", \"contact_positions\": [{positions}]}}]}}"),
            )
            .unwrap();
            std::fs::write(&meta, template.replace("device_type: \n", "device_type: mine\n")).unwrap();
            let report = json(&["metadata", text(&rec), "--check", text(&meta), "--probe", text(&probe), "--json"]);
            assert!(report["electrodes"].as_array().unwrap().iter().all(|e| e["group"].is_i64()));
        } else {
            assert_eq!(checked.status.code(), Some(0), "{said}");
            assert!(said.contains("no experimenter_name"), "{said}");
        }
    }
    assert!(tried >= 4, "{tried}");
}

#[test]
fn files_that_are_no_metadata_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let rec = folder.path().join("demo.rec");
    assert!(longwave(&["demo", "-o", text(&rec), "--seconds", "0.1", "--channels", "4"]).status.success());
    let broken = folder.path().join("broken.yml");
    std::fs::write(&broken, "lab: [a\nsubject: {\n").unwrap();
    for (path, says) in [
        (broken, "this is not YAML"),
        (folder.path().to_path_buf(), "this is not a file"),
        (folder.path().join("absent.yml"), "No such file"),
        (rec.clone(), "is not UTF-8"),
    ] {
        let output = longwave(&["metadata", text(&rec), "--check", text(&path)]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{error}");
        assert!(error.contains(text(&path)) && (error.contains(says) || says == "is not UTF-8"), "{error}");
    }
}
