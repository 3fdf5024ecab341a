//! `.rec` against python-neo, on recordings made from the headers of real ones, and the made demo recording.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use longwave::recording::{Block, Samples};
use longwave::source::{self, OpenOptions, Source};
use longwave::task::Task;

fn open(path: &Path) -> Arc<dyn Source> {
    source::open(path, &OpenOptions::default(), &Task::unattended()).unwrap()
}

/// Runs the generator of recordings; `None` where it is not at hand.
fn generate(folder: &Path, name: &str, header: &str, arguments: &[&str]) -> Option<PathBuf> {
    let script = common::oracle_scripts()?.join("gen_rec.py");
    let header = common::real_files()?.join("rec/xml").join(header);
    let out = folder.join(name);
    let output = common::python()
        .arg(script)
        .arg("--header")
        .arg(header)
        .arg("--out")
        .arg(&out)
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(out)
}

fn stored_i16(source: &dyn Source, stream: usize, frames: std::ops::Range<u64>, channels: &[usize]) -> Vec<i16> {
    let mut block = Block::default();
    source.read(stream, frames, channels, &mut block).unwrap();
    match block.samples() {
        Samples::I16(v) => v.clone(),
        other => panic!("not i16: {:?}", other.sample_type()),
    }
}

/// What neo says about a file: streams with channels (id, gain, unit), and a checksum of each channel over ranges.
const NEO: &str = r#"
import logging; logging.disable(logging.CRITICAL)
from neo.rawio import SpikeGadgetsRawIO
out = []
for path in sys.argv[1:]:
    r = SpikeGadgetsRawIO(filename=path); r.parse_header()
    streams = []
    for s, (name, sid, _) in enumerate(r.header['signal_streams']):
        ch = r.header['signal_channels']; ch = ch[ch['stream_id'] == sid]
        n = r.get_signal_size(0, 0, s)
        rng = np.random.default_rng(n); ranges = [[0, min(n, 700)], [max(0, n - 300), n]]
        for _ in range(4):
            a = int(rng.integers(0, n)); ranges.append([a, min(n, a + int(rng.integers(1, 500)))])
        data = []
        for a, b in ranges:
            x = np.asarray(r.get_analogsignal_chunk(0, 0, a, b, s, None)).astype('<i2').T
            data.append(np.ascontiguousarray(x).tobytes().hex())
        streams.append(dict(name=str(name), frames=int(n), rate=float(ch['sampling_rate'][0]), ids=[str(i) for i in ch['id']],
            gains=[float(g) for g in ch['gain']], units=[str(u) for u in ch['units']], ranges=ranges, data=data))
    out.append(streams)
print(json.dumps(out))
"#;

fn assert_as_neo(paths: &[PathBuf]) {
    let args: Vec<&str> = paths.iter().map(|p| p.to_str().unwrap()).collect();
    let answer: serde_json::Value = serde_json::from_str(&common::run_python(NEO, &args)).unwrap();
    for (path, streams) in paths.iter().zip(answer.as_array().unwrap()) {
        let source = open(path);
        let recording = source.recording();
        assert!(!streams.as_array().unwrap().is_empty());
        for theirs in streams.as_array().unwrap() {
            let name = theirs["name"].as_str().unwrap();
            let ours = if name == "trodes" { "ephys".to_owned() } else { format!("{name}_analog") };
            let index = recording.stream_index(&ours).unwrap();
            let stream = &recording.streams[index];
            assert_eq!(Some(stream.frames), theirs["frames"].as_u64(), "{name}");
            assert_eq!(Some(stream.time.rate_hz()), theirs["rate"].as_f64(), "{name}");
            let text = |key: &str| -> Vec<String> {
                theirs[key].as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
            };
            let ids: Vec<&str> = stream.channels.iter().map(|c| c.id.trim_start_matches("hwChan")).collect();
            assert_eq!(ids, text("ids"), "{name} of {}", path.display());
            let units: Vec<&str> = stream.channels.iter().map(|c| c.unit.as_str()).collect();
            assert_eq!(units, text("units"), "{name}");
            for (channel, gain) in stream.channels.iter().zip(theirs["gains"].as_array().unwrap()) {
                assert_eq!(Some(channel.scale.gain), gain.as_f64(), "{name} {}", channel.id);
            }
            let channels: Vec<usize> = (0..stream.channels.len()).collect();
            for (range, data) in theirs["ranges"].as_array().unwrap().iter().zip(theirs["data"].as_array().unwrap()) {
                let (a, b) = (range[0].as_u64().unwrap(), range[1].as_u64().unwrap());
                let values = stored_i16(&*source, index, a..b, &channels);
                let hex: String = values.iter().flat_map(|v| v.to_le_bytes()).map(|b| format!("{b:02x}")).collect();
                assert!(Some(hex.as_str()) == data.as_str(), "{name} of {}, frames {a} to {b}", path.display());
            }
        }
    }
}

#[test]
fn generated_recordings_read_as_in_neo() {
    let folder = tempfile::tempdir().unwrap();
    let made = |name: &str, header: &str, arguments: &[&str]| generate(folder.path(), name, header, arguments);
    let probe = "reconfig_probeDevice.trodesconf";
    let Some(plain) = made("plain.rec", probe, &["--packets", "4000"]) else { return };
    let gaps = made(
        "gaps.rec",
        probe,
        &["--packets", "9000", "--drop", "100,2000,2002", "--gap", "5000:750", "--trunc", "33"],
    );
    let wraps =
        made("wraps.rec", probe, &["--packets", "3000", "--t0", "4294966000", "--drop", "1500", "--no-sysclock"]);
    let wide = made("wide.rec", "rec_to_nwb_reconfig_header.xml", &["--packets", "3000", "--gap", "10:5"]);
    let (gaps, wraps, wide) = (gaps.unwrap(), wraps.unwrap(), wide.unwrap());
    assert_as_neo(&[plain.clone(), gaps.clone(), wraps.clone(), wide.clone()]);

    let missing = |path: &Path| -> Vec<(u64, u64)> {
        let source = open(path);
        source.recording().streams[0].time.gaps().map(|g| (g.first_tick, g.missing_frames)).collect()
    };
    assert_eq!(missing(&plain), []);
    assert_eq!(missing(&gaps), [(100, 1), (2000, 1), (2002, 1), (5000, 750)]);
    assert_eq!(missing(&wraps), [(1500, 1)]);
    assert_eq!(missing(&wide), [(10, 5)]);

    let source = open(&gaps);
    let recording = source.recording();
    let info: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("gaps.rec.json")).unwrap()).unwrap();
    let stream = &recording.streams[0];
    assert_eq!((stream.channels.len(), stream.channels[0].scale.gain), (128, 0.195));
    // The line through a clock that jitters by up to a millisecond.
    let start = stream.time.start_unix_ns().unwrap() - i128::from(info["C0_ns"].as_i64().unwrap());
    assert!((300_000..700_000).contains(&start), "{start}");
    let cut = info["header_bytes"].as_u64().unwrap() + stream.frames * info["packet_bytes"].as_u64().unwrap();
    assert!(
        recording.warnings.iter().any(|w| w.at == Some(cut) && w.text.contains("33 bytes")),
        "{:?}",
        recording.warnings
    );
    // Digital line k is (n / (1500 (k + 1))) & 1 at logical sample n: changes are at multiples of that.
    let track = recording.events.iter().position(|t| t.name == "ECU_digital/ECU_Din1").unwrap();
    let mut events = Vec::new();
    source.read_events(track, 0.0..1.0, &mut events).unwrap();
    let ticks: Vec<u64> = events.iter().map(|e| stream.time.tick_of_secs(e.start_secs)).collect();
    assert_eq!(ticks, [0, 1500, 3000, 4500, 6000, 7500]);
    let labels: Vec<&str> = events.iter().map(|e| e.label.as_str()).collect();
    assert_eq!(labels, ["0", "1", "0", "1", "0", "1"]);
    assert_eq!(recording.events.len(), 8 + 64);
}

#[test]
fn seventeen_hours_open_without_being_read() {
    let folder = tempfile::tempdir().unwrap();
    let probe = "reconfig_probeDevice.trodesconf";
    let Some(path) = generate(folder.path(), "day.rec", probe, &["--sparse-hours", "17"]) else { return };
    let before = longwave::memory::process();
    let source = open(&path);
    let after = longwave::memory::process();
    let stream = &source.recording().streams[0];
    assert_eq!(stream.frames, 17 * 3600 * 30_000);
    assert_eq!(stream.time.gaps().len(), 0);
    assert_eq!(source.recording().warnings, []);
    let grown = (after.heap_bytes + after.mapped_bytes).saturating_sub(before.heap_bytes + before.mapped_bytes);
    assert!(grown < 32 << 20, "{grown}");
}

#[test]
fn every_real_header_is_read() {
    let Some(files) = common::real_files() else { return };
    let mut read = 0;
    for entry in files.join("rec/xml").read_dir().unwrap() {
        let path = entry.unwrap().path();
        let result = source::open(&path, &OpenOptions::default(), &Task::unattended());
        if path.file_name().unwrap() == "bad_header.trodesconf" {
            let error = result.err().unwrap();
            assert!(error.to_string().contains("</Configuration>") && error.at() == Some(40), "{error}");
            continue;
        }
        let source = result.unwrap_or_else(|e| panic!("{e}"));
        let recording = source.recording();
        assert_eq!(recording.format, "rec");
        assert!(!recording.streams[0].channels.is_empty() && recording.streams[0].frames == 0);
        assert!(recording.warnings.iter().any(|w| w.text.contains("nothing was recorded")));
        read += 1;
    }
    assert!(read >= 5);
}

#[test]
fn real_headers_cut_and_flipped() {
    let Some(files) = common::real_files() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.rec");
    let whole = std::fs::read(files.join("rec/xml/reconfig_probeDevice.trodesconf")).unwrap();
    let whole = [&whole[..], &[0x55; 3000]].concat();
    let mut random = common::Random(7);
    for round in 0..120 {
        let mut bytes = whole.clone();
        if round % 2 == 0 {
            bytes.truncate(random.below(whole.len() as u64) as usize);
        } else {
            for _ in 0..4 {
                let at = random.below(whole.len() as u64) as usize;
                bytes[at] ^= 1 << random.below(8);
            }
        }
        std::fs::write(&path, &bytes).unwrap();
        match source::open(&path, &OpenOptions::default(), &Task::unattended()) {
            Ok(source) => {
                for (i, stream) in source.recording().streams.iter().enumerate() {
                    let channels: Vec<usize> = (0..stream.channels.len()).collect();
                    source.read(i, 0..stream.frames, &channels, &mut Block::default()).unwrap();
                }
            }
            Err(error) => assert!(error.path().is_some(), "{error}"),
        }
    }
}

#[test]
fn the_demo_is_a_sound_recording() {
    let folder = tempfile::tempdir().unwrap();
    let task = Task::unattended();
    let made = |name: &str, channels: usize| {
        let path = folder.path().join(name);
        longwave::demo::write_demo(&path, 3.0, channels, &task, false).unwrap();
        path
    };
    let (one, two) = (made("a.rec", 16), made("b.rec", 16));
    assert_eq!(std::fs::read(&one).unwrap(), std::fs::read(&two).unwrap(), "the same request, the same bytes");
    assert_as_neo(&[one.clone(), made("one.rec", 1), made("many.rec", 70)]);
    let source = open(&one);
    let recording = source.recording();
    assert_eq!(recording.warnings, []);
    assert_eq!((recording.default_stream(), recording.streams[0].channels.len()), (0, 16));
    let stream = &recording.streams[0];
    assert_eq!(stream.time.gaps().len(), 4);
    assert_eq!(stream.time.end_tick(stream.frames), 90_000);
    assert_eq!(stream.time.start_unix_ns(), Some(1_715_938_200_000_000_000));
    let mut events = Vec::new();
    source.read_events(0, 0.0..3.0, &mut events).unwrap();
    assert_eq!(events.len(), 3, "{events:?}");
    // Something is there: noise, spikes, and an artefact that saturates.
    let values = stored_i16(&*source, 0, 0..stream.frames, &[0]);
    assert_eq!(values.iter().copied().max(), Some(i16::MAX));
    let quiet = &values[..9000];
    assert!(quiet.iter().any(|&v| v < -400) && quiet.iter().map(|&v| i64::from(v)).sum::<i64>().abs() < 9000 * 200);

    // The array has every tick; where packets are not lost it is the same signal.
    let npy = made("a.npy", 16);
    let bytes = std::fs::read(&npy).unwrap();
    let shape = common::run_python("a = np.load(sys.argv[1]); print(a.shape, a.dtype)", &[npy.to_str().unwrap()]);
    assert_eq!(shape.trim(), "(90000, 16) int16");
    let data = &bytes[bytes.len() - 90_000 * 32..];
    for frame in [0, 100, stream.frames - 1] {
        let at = stream.time.tick_of_frame(frame) as usize * 32;
        assert_eq!(values[frame as usize].to_le_bytes(), data[at..at + 2], "frame {frame}");
    }
    assert_eq!(OpenOptions::beside(&npy).unwrap().rate_hz, Some(30_000.0));

    let again = longwave::demo::write_demo(&one, 3.0, 16, &task, false).unwrap_err();
    assert!(matches!(again.kind(), longwave::ErrorKind::Exists));
    for (seconds, channels) in [(0.0, 1), (f64::NAN, 1), (1.0, 0), (1e12, 4), (1.0, 1 << 20)] {
        assert!(longwave::demo::write_demo(&folder.path().join("no.rec"), seconds, channels, &task, false).is_err());
    }
    let stopped = Task::unattended();
    stopped.cancel();
    let error = longwave::demo::write_demo(&folder.path().join("no.rec"), 3.0, 4, &stopped, false).unwrap_err();
    assert!(error.is_cancelled() && !folder.path().join("no.rec").exists());
}
