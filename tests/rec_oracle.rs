//! `.rec` in full against others: the order of channels as in python-neo, held sensors, digital changes and fitted clocks
//! as numpy works them out of the bytes; and recordings that were damaged on purpose.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/exercise.rs"]
mod exercise;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use longwave::recording::{Block, Samples};
use longwave::source::{self, HardwareOrder, OpenOptions, Source};
use longwave::summary::{SidecarPolicy, Summary, ViewRequest};
use longwave::task::Task;

fn open_with(path: &Path, options: &OpenOptions) -> Arc<dyn Source> {
    source::open(path, options, &Task::unattended()).unwrap()
}

fn open(path: &Path) -> Arc<dyn Source> {
    open_with(path, &OpenOptions::default())
}

/// A recording to be written: what bears on the order of channels and the places in a packet.
#[derive(Clone)]
struct Made {
    /// Attributes of `<SpikeConfiguration>`.
    spikes: &'static str,
    declared: u32,
    recorded: Vec<u32>,
    /// `<Device>` elements, and their bytes in all.
    devices: &'static str,
    device_bytes: usize,
    first_counter: u32,
    /// Frames before which packets are missing, and how many.
    gaps: Vec<(u32, u32)>,
}

const NO_DEVICES: &str = "";
const MANY_DEVICES: &str = r#"
  <Device name="MCU_IO" numBytes="1" packetOrderPreference="10"><Channel id="MCU_Din1" dataType="digital" startByte="0" bit="0" input="1"/></Device>
  <Device name="ECU" numBytes="32" packetOrderPreference="20">
   <Channel id="ECU_Din9" dataType="digital" startByte="1" bit="7" input="1"/>
   <Channel id="ECU_Dout1" dataType="digital" startByte="4" bit="0" input="0"/>
   <Channel id="ECU_Ain1" dataType="analog" startByte="8" bit="0" input="1"/>
   <Channel id="ECU_Aout4" dataType="analog" startByte="30" bit="0" input="0"/>
  </Device>
  <Device name="headstageSensor" numBytes="8" packetOrderPreference="30">
   <Channel id="AccelX" dataType="analog" startByte="2" bit="0" interleavedDataIDByte="0" interleavedDataIDBit="3" input="1"/>
   <Channel id="GyroZ" dataType="analog" startByte="6" bit="0" interleavedDataIDByte="0" interleavedDataIDBit="2" input="1"/>
   <Channel id="RFsync" dataType="uint32" startByte="2" bit="0" interleavedDataIDByte="0" interleavedDataIDBit="0" input="1"/>
  </Device>
  <Device name="SysClock" numBytes="8" packetOrderPreference="10000"/>
"#;

impl Made {
    fn new(spikes: &'static str, declared: u32, recorded: impl IntoIterator<Item = u32>) -> Self {
        Self {
            spikes,
            declared,
            recorded: recorded.into_iter().collect(),
            devices: NO_DEVICES,
            device_bytes: 0,
            first_counter: 1000,
            gaps: Vec::new(),
        }
    }

    fn with_devices(self) -> Self {
        Self { devices: MANY_DEVICES, device_bytes: 49, ..self }
    }

    fn write(&self, folder: &Path, name: &str, frames: u32) -> PathBuf {
        let mut xml = format!(
            "<?xml version=\"1.0\"?>\n<Configuration>\n <GlobalConfiguration systemTimeAtCreation=\"1700000000000\" timestampAtCreation=\"{}\"/>\n <HardwareConfiguration numChannels=\"{}\" samplingRate=\"20000\">{}</HardwareConfiguration>\n <SpikeConfiguration {}>\n",
            self.first_counter, self.declared, self.devices, self.spikes
        );
        // The order of the display is not that of the packet.
        for (i, channel) in self.recorded.iter().rev().enumerate() {
            writeln!(
                xml,
                "  <SpikeNTrode id=\"{}\" spikeScalingToUv=\"{}\" rawScalingToUv=\"1\"><SpikeChannel hwChan=\"{channel}\" spikeSortingGroup=\"0\"/></SpikeNTrode>",
                i + 1,
                f64::from(*channel + 1) / 8.0
            )
            .unwrap();
        }
        xml.push_str(" </SpikeConfiguration>\n</Configuration>\n");
        let mut bytes = xml.into_bytes();
        let mut random = common::Random(u64::from(self.declared) + 9);
        let mut counter = self.first_counter;
        for frame in 0..frames {
            let missing: u32 = self.gaps.iter().filter(|g| g.0 == frame).map(|g| g.1).sum();
            counter = counter.wrapping_add(missing);
            bytes.push(0x55);
            let ticks = i64::from(counter.wrapping_sub(self.first_counter));
            let clock = 1_700_000_000_250_000_000 + ticks * 50_001 + random.below(900_000) as i64;
            let start = bytes.len();
            bytes.extend((0..self.device_bytes).map(|_| random.below(256) as u8));
            if self.devices == MANY_DEVICES {
                bytes[start + 41..start + 49].copy_from_slice(&clock.to_le_bytes());
                // Sensors speak now and then.
                bytes[start + 33] = [0, 0, 0, 0, 8, 4, 1, 12][random.below(8) as usize];
            }
            bytes.extend(counter.to_le_bytes());
            bytes.extend((0..self.recorded.len()).flat_map(|_| (random.below(65_536) as u16).to_le_bytes()));
            counter = counter.wrapping_add(1);
        }
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// Channel ids in neo's order, its gains, a hash of all its samples, and the same of the analog devices; or its error.
const NEO: &str = r#"
import logging, hashlib; logging.disable(logging.CRITICAL)
from neo.rawio import SpikeGadgetsRawIO
out = []
for path in sys.argv[1:]:
    try:
        r = SpikeGadgetsRawIO(filename=path); r.parse_header()
    except Exception as e:
        out.append(dict(error=repr(e))); continue
    streams = {}
    for s, (name, sid, _) in enumerate(r.header['signal_streams']):
        ch = r.header['signal_channels']; ch = ch[ch['stream_id'] == sid]
        x = np.asarray(r.get_analogsignal_chunk(0, 0, None, None, s, None)).astype('<i2')
        streams[str(name)] = dict(ids=[str(i) for i in ch['id']], gains=[float(g) for g in ch['gain']],
            shape=list(x.shape), data=[int(v) for v in x[:, ::max(1, x.shape[1] // 7)].astype(np.int64).ravel()[:20000]])
    out.append(streams)
print(json.dumps(out))
"#;

fn read_all(source: &dyn Source, name: &str) -> (usize, Vec<i64>) {
    let stream = source.recording().stream_index(name).unwrap();
    let s = &source.recording().streams[stream];
    let channels: Vec<usize> = (0..s.channels.len()).collect();
    let mut block = Block::default();
    source.read(stream, 0..s.frames, &channels, &mut block).unwrap();
    let values = match block.samples() {
        Samples::I16(v) => v.iter().map(|&x| i64::from(x)).collect(),
        Samples::U8(v) => v.iter().map(|&x| i64::from(x)).collect(),
        Samples::I64(v) => v.clone(),
        Samples::U32(v) => v.iter().map(|&x| i64::from(x)).collect(),
        other => panic!("{:?}", other.sample_type()),
    };
    (channels.len(), values)
}

fn ids(source: &dyn Source, name: &str) -> Vec<String> {
    let stream = source.recording().stream_index(name).unwrap();
    source.recording().streams[stream].channels.iter().map(|c| c.id.trim_start_matches("hwChan").to_owned()).collect()
}

fn assert_like_neo(source: &dyn Source, theirs: &serde_json::Value, what: &str) {
    assert!(theirs.get("error").is_none(), "{what}: {theirs}");
    for (name, stream) in theirs.as_object().unwrap() {
        let ours = if name == "trodes" { "ephys".to_owned() } else { format!("{name}_analog") };
        let their_ids: Vec<String> = stream["ids"]
            .as_array()
            .unwrap()
            .iter()
            .map(|id| id.as_str().unwrap().trim_start_matches("hwChan").to_owned())
            .collect();
        assert_eq!(ids(source, &ours), their_ids, "{what} {name}");
        let index = source.recording().stream_index(&ours).unwrap();
        for (channel, gain) in
            source.recording().streams[index].channels.iter().zip(stream["gains"].as_array().unwrap())
        {
            assert!(name != "trodes" || Some(channel.scale.gain) == gain.as_f64(), "{what} {}", channel.id);
        }
        let (channels, values) = read_all(source, &ours);
        let frames = values.len() / channels;
        assert_eq!(stream["shape"], serde_json::json!([frames, channels]), "{what} {name}");
        let step = (channels / 7).max(1);
        let rows = (0..frames).flat_map(|f| (0..channels).step_by(step).map(move |c| (f, c)));
        let sample: Vec<i64> = rows.take(20_000).map(|(f, c)| values[c * frames + f]).collect();
        assert_eq!(serde_json::json!(sample), stream["data"], "{what} {name}");
    }
}

#[test]
fn every_order_of_channels_is_that_of_neo_or_doubted() {
    let folder = tempfile::tempdir().unwrap();
    let agreed = [
        ("legacy", Made::new("", 128, 0..128)),
        ("intan", Made::new("device=\"intan\" chanPerChip=\"32\"", 64, 0..64).with_devices()),
        ("chips of 64", Made::new("chanPerChip=\"64\"", 256, 0..256)),
        ("chips of 16", Made::new("chanPerChip=\"16\"", 48, 0..48).with_devices()),
        ("one chip", Made::new("chanPerChip=\"32\"", 32, 0..32)),
        ("no chips", Made::new("chanPerChip=\"0\"", 64, 0..64)),
        ("nonsense", Made::new("chanPerChip=\"1645402192\"", 64, 0..64)),
        ("odd", Made::new("chanPerChip=\"48\"", 64, 0..64).with_devices()),
        ("neuropixels 1", Made::new("device=\"neuropixels1\" chanPerChip=\"0\"", 384, 0..384)),
        ("neuropixels 2", Made::new("device=\"neuropixels2\"", 96, 0..96).with_devices()),
    ];
    let paths: Vec<PathBuf> =
        agreed.iter().enumerate().map(|(i, (_, made))| made.write(folder.path(), &format!("{i}.rec"), 300)).collect();
    // Where readers disagree, or refuse.
    let few = Made::new("chanPerChip=\"32\"", 256, (0..12).map(|i| i * 20)).write(folder.path(), "few.rec", 300);
    let holes = Made::new("device=\"neuropixels1\"", 384, (0..384).filter(|h| h % 5 != 0));
    let holes = holes.write(folder.path(), "holes.rec", 300);
    let unknown = Made::new("device=\"whisper\"", 64, 0..64).write(folder.path(), "unknown.rec", 300);
    let args: Vec<&str> = paths.iter().chain([&few, &holes, &unknown]).map(|p| p.to_str().unwrap()).collect();
    let answer: serde_json::Value = serde_json::from_str(&common::run_python(NEO, &args)).unwrap();
    for (i, (what, made)) in agreed.iter().enumerate() {
        let source = open(&paths[i]);
        assert_like_neo(&*source, &answer[i], what);
        let doubts = source.recording().warnings.iter().filter(|w| w.text.contains("--channel-order")).count();
        let fits =
            !made.spikes.contains("48\"") && !["no chips", "nonsense"].contains(what) || what.starts_with("chips");
        assert_eq!(doubts, usize::from(!fits), "{what}: {:?}", source.recording().warnings);
    }
    let n = agreed.len();
    let source = open(&few);
    assert!(source.recording().warnings.iter().any(|w| w.text.contains("--channel-order ascending")));
    // By chips of 32: the channel's number in its chip first.
    let mut interleaved: Vec<u32> = (0..12).map(|i| i * 20).collect();
    interleaved.sort_by_key(|h| (h % 32, h / 32));
    assert_eq!(ids(&*source, "ephys"), interleaved.iter().map(u32::to_string).collect::<Vec<_>>());
    let ascending = OpenOptions { channel_order: Some(HardwareOrder::Ascending), ..OpenOptions::default() };
    let source = open_with(&few, &ascending);
    assert_eq!(source.recording().warnings, []);
    assert_like_neo(&*source, &answer[n], "few, ascending");
    for (path, answer) in [(&holes, &answer[n + 1]), (&unknown, &answer[n + 2])] {
        assert!(answer.get("error").is_some(), "{answer}");
        let source = open(path);
        assert_eq!(source.recording().warnings.len(), 1, "{:?}", source.recording().warnings);
        let ids: Vec<u32> = ids(&*source, "ephys").iter().map(|id| id.parse().unwrap()).collect();
        assert!(ids.is_sorted());
    }
    // The choice may stand beside the file.
    ascending.save_beside(&few).unwrap();
    assert_like_neo(&*open(&few), &answer[n], "few, described");
    let output = common::longwave(&["info", few.to_str().unwrap(), "--channel-order", "interleaved", "--json"]);
    let info: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(info["streams"][0]["channels"][1]["id"], format!("hwChan{}", interleaved[1]));
}

/// The stretches of missing packets as neo's counters tell them: the frame behind each and how many are missing.
const GAPS: &str = r#"
import logging; logging.disable(logging.CRITICAL)
from neo.rawio import SpikeGadgetsRawIO
out = []
for path in sys.argv[1:]:
    r = SpikeGadgetsRawIO(filename=path); r.parse_header()
    at = r._timestamp_byte
    counter = r._raw_memmap[:, at:at + 4].copy().view('<u4')[:, 0].astype(np.int64)
    step = np.diff(counter) % 2**32
    out.append([[int(i) + 1, int(step[i]) - 1] for i in np.flatnonzero(step != 1)])
print(json.dumps(out))
"#;

#[test]
fn every_set_of_devices_with_any_gaps_and_a_wrap_reads_as_in_neo() {
    let folder = tempfile::tempdir().unwrap();
    let sets: [(&str, usize); 5] = [
        (NO_DEVICES, 0),
        (
            r#"<Device name="ECU" numBytes="32" packetOrderPreference="20"><Channel id="ECU_Ain1" dataType="analog" startByte="8" bit="0" input="1"/><Channel id="ECU_Ain8" dataType="analog" startByte="22" bit="0" input="1"/></Device>"#,
            32,
        ),
        (
            r#"<Device name="Controller_DIO" numBytes="1" packetOrderPreference="10"><Channel id="Controller_Din1" dataType="digital" startByte="0" bit="3" input="1"/></Device><Device name="Multiplexed" numBytes="8" packetOrderPreference="30"><Channel id="Headstage_AccelX" dataType="analog" startByte="2" bit="0" interleavedDataIDByte="0" interleavedDataIDBit="3" input="1"/></Device>"#,
            9,
        ),
        (
            r#"<Device name="MCU_IO" numBytes="3" packetOrderPreference="10"><Channel id="Ain" dataType="analog" startByte="1" bit="0" input="1"/></Device><Device name="ECU" numBytes="4" packetOrderPreference="20"><Channel id="Ain" dataType="analog" startByte="0" bit="0" input="1"/></Device>"#,
            7,
        ),
        (MANY_DEVICES, 49),
    ];
    let gaps: [&[(u32, u32)]; 4] = [
        &[],
        &[(1, 1)],
        &[(50, 1), (51, 1), (52, 7), (140, 70_000)],
        &[(2, 3), (90, 1), (130, 1_000_000_000), (199, 2)],
    ];
    let mut cases = Vec::new();
    for (d, &(devices, device_bytes)) in sets.iter().enumerate() {
        for (g, gaps) in gaps.iter().enumerate() {
            for first_counter in [1000, u32::MAX - 100] {
                let made = Made::new("device=\"intan\" chanPerChip=\"32\"", 32, 0..32);
                let made = Made { devices, device_bytes, first_counter, gaps: gaps.to_vec(), ..made };
                let name = format!("{d}_{g}_{first_counter}.rec");
                // Without a clock beside it no counter tells of half its range.
                cases.push((made.write(folder.path(), &name, 200), name));
            }
        }
    }
    let args: Vec<&str> = cases.iter().map(|(path, _)| path.to_str().unwrap()).collect();
    let answers: serde_json::Value = serde_json::from_str(&common::run_python(NEO, &args)).unwrap();
    let missing: serde_json::Value = serde_json::from_str(&common::run_python(GAPS, &args)).unwrap();
    for (i, (path, name)) in cases.iter().enumerate() {
        let source = open(path);
        assert_eq!(source.recording().warnings, [], "{name}");
        assert_like_neo(&*source, &answers[i], name);
        for stream in &source.recording().streams {
            let ours: Vec<(u64, u64)> = stream.time.gaps().map(|g| (g.after_frame + 1, g.missing_frames)).collect();
            assert_eq!(serde_json::json!(ours), missing[i], "{name} {}", stream.name);
        }
    }
}

/// Out of the bytes of `MANY_DEVICES`: held sensors, digital changes (frame and state), the line of least squares in whole
/// numbers.
const BYTES: &str = r#"
from fractions import Fraction
path, header, packet = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
b = np.fromfile(path, np.uint8)[header:]; b = b[:len(b) // packet * packet].reshape(-1, packet)
n = len(b)
def held(bit, at):
    v = b[:, at:at + 2].copy().view('<i2')[:, 0]
    fresh = (b[:, 34] >> bit & 1).astype(bool); updated = fresh.copy(); fresh[0] = True
    return v[np.maximum.accumulate(np.where(fresh, np.arange(n), 0))].astype(int).tolist(), updated.astype(int).tolist()
def changes(byte, bit):
    s = (b[:, byte] >> bit & 1).astype(int); at = np.flatnonzero(np.diff(s)) + 1
    return [[0, int(s[0])]] + [[int(i), int(s[i])] for i in at]
counter = b[:, 50:54].copy().view('<u4')[:, 0].astype(np.int64)
step = np.diff(counter) % 2**32
x = [int(v) for v in np.concatenate([[0], np.cumsum(step)])]
y = [int(v) for v in b[:, 42:50].copy().view('<i8')[:, 0]]
sx, sy = sum(x), sum(y)
slope = Fraction(n * sum(p * q for p, q in zip(x, y)) - sx * sy, n * sum(p * p for p in x) - sx * sx)
intercept = (Fraction(sy) - slope * sx) / n
res = [float(q - (intercept + slope * p)) for p, q in zip(x[::50], y[::50])]
print(json.dumps(dict(accel=held(3, 36), gyro=held(2, 40), ticks=x, slope=float(slope), intercept=int(round(intercept)),
    rms=float(np.sqrt(np.mean(np.square(res)))),
    digital={'MCU_IO_digital/MCU_Din1': changes(1, 0), 'ECU_digital/ECU_Din9': changes(3, 7), 'ECU_digital/ECU_Dout1': changes(6, 0)})))
"#;

#[test]
fn sensors_lines_and_clocks_are_what_the_bytes_say() {
    let folder = tempfile::tempdir().unwrap();
    let gaps = [vec![], vec![(1, 1), (2, 7), (5_000, 300_000), (5_001, 1), (11_999, 2)]];
    for (i, gaps) in gaps.into_iter().enumerate() {
        // The second wraps in the middle.
        let first_counter = if i == 0 { 77 } else { u32::MAX - 200_000 };
        let made = Made { gaps, first_counter, ..Made::new("", 32, 0..32).with_devices() };
        let path = made.write(folder.path(), &format!("{i}.rec"), 12_000);
        let packet = 1 + 49 + 4 + 64;
        let header = std::fs::metadata(&path).unwrap().len() - 12_000 * packet;
        let args = [path.to_str().unwrap(), &header.to_string(), &packet.to_string()];
        let answer: serde_json::Value = serde_json::from_str(&common::run_python(BYTES, &args)).unwrap();
        let source = open(&path);
        let recording = source.recording();
        assert_eq!(recording.warnings, []);
        assert_eq!(ids(&*source, "headstageSensor_sensors"), ["AccelX", "GyroZ"]);
        let held = [&answer["accel"][0], &answer["gyro"][0]].map(|v| v.as_array().unwrap().clone()).concat();
        assert_eq!(serde_json::json!(read_all(&*source, "headstageSensor_sensors").1), serde_json::json!(held));
        let updated = [&answer["accel"][1], &answer["gyro"][1]].map(|v| v.as_array().unwrap().clone()).concat();
        assert_eq!(serde_json::json!(read_all(&*source, "headstageSensor_updated").1), serde_json::json!(updated));

        let time = &recording.streams[0].time;
        let ticks: Vec<u64> = (0..12_000).map(|f| time.tick_of_frame(f)).collect();
        assert_eq!(serde_json::json!(ticks), answer["ticks"]);
        for (name, changes) in answer["digital"].as_object().unwrap() {
            let track = recording.events.iter().position(|t| t.name == *name).unwrap();
            let mut events = Vec::new();
            source.read_events(track, 0.0..f64::from(u32::MAX), &mut events).unwrap();
            let ours: Vec<(u64, i64)> =
                events.iter().map(|e| (time.frame_at_secs(e.start_secs), e.label.parse().unwrap())).collect();
            assert_eq!(serde_json::json!(ours), *changes, "{name}");
        }

        let fit = longwave::check::fit_clock(&*source, &Task::unattended()).unwrap().unwrap();
        let (slope, intercept) = (answer["slope"].as_f64().unwrap(), answer["intercept"].as_i64().unwrap());
        assert!((fit.ns_per_tick / slope - 1.0).abs() < 1e-11, "{fit:?} {slope}");
        assert!((fit.unix_ns_at_tick_0 - i128::from(intercept)).abs() <= 1, "{fit:?} {intercept}");
        assert!((fit.residual_rms_ns / answer["rms"].as_f64().unwrap() - 1.0).abs() < 0.2, "{fit:?}");
        assert_eq!(fit.points, 12_000);
        // The sampled line of opening is near it, and converts to the tick and back.
        let sampled = time.fit().unwrap();
        for frame in [0, 4_999, 5_000, 11_999] {
            let tick = time.tick_of_frame(frame);
            let off = sampled.unix_ns_of_tick(tick) - fit.unix_ns_of_tick(tick);
            assert!(off.abs() < 100_000, "{off} ns at frame {frame}");
            assert_eq!(time.tick_of_unix_secs(time.unix_secs_of_tick(tick).unwrap()), Some(tick));
        }
    }
}

/// `seed` with a few things done to it: bits, digits and words changed, pieces lost and repeated. Mostly in the first
/// `header` bytes: packets are any bytes.
fn mutated(seed: &[u8], header: usize, random: &mut common::Random) -> Vec<u8> {
    let words: [&[u8]; 12] = [
        b"\"",
        b"<",
        b">",
        b"</Configuration>\n",
        b"-1",
        b"99999999999999999999",
        b"<Device numBytes=\"7\"/>",
        b"&#x0;",
        b"\0",
        b"NaN",
        b"\xff\xfe",
        b"<SpikeChannel hwChan=\"3\"/>",
    ];
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(3) {
        let reach = if random.below(4) > 0 { header } else { bytes.len() };
        let at = random.below(reach.min(bytes.len()).max(1) as u64) as usize;
        match random.below(6) {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1 << random.below(8),
            2 => bytes[at] = b'0' + random.below(10) as u8,
            3 => drop(bytes.splice(at..at, words[random.below(words.len() as u64) as usize].iter().copied())),
            4 => {
                let end = bytes.len().min(at + random.below(60) as usize);
                drop(bytes.drain(at..end));
            }
            _ => {
                let end = bytes.len().min(at + random.below(200) as usize);
                let piece = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, piece));
            }
        }
        if bytes.is_empty() {
            bytes.push(b'<');
        }
    }
    bytes
}

#[test]
fn damaged_recordings_are_read_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.rec");
    let seed = Made::new("chanPerChip=\"4\"", 8, 0..8).with_devices().write(folder.path(), "seed.rec", 40);
    let seed = std::fs::read(seed).unwrap();
    let header = seed.len() - 40 * (1 + 49 + 4 + 16);
    exercise::rec(&path, &seed);
    let mut random = common::Random(20);
    for _ in 0..400 {
        exercise::rec(&path, &mutated(&seed, header, &mut random));
    }
}

#[test]
fn damaged_headers_of_real_recordings_are_read_or_refused() {
    let Some(files) = common::real_files() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.rec");
    let mut random = common::Random(21);
    let mut seeds = 0;
    for entry in files.join("rec/xml").read_dir().unwrap() {
        let mut seed = std::fs::read(entry.unwrap().path()).unwrap();
        let end = b"</Configuration>";
        let Some(at) = seed.windows(end.len()).position(|w| w == end) else { continue };
        seed.truncate(at + end.len());
        seed.push(b'\n');
        let header = seed.len();
        // Packets of any length: sync, counter and samples come where they come.
        seed.extend((0..20_000).map(|i| if i % 310 == 0 { 0x55 } else { random.below(256) as u8 }));
        exercise::rec(&path, &seed);
        for _ in 0..12 {
            exercise::rec(&path, &mutated(&seed, header, &mut random));
        }
        seeds += 1;
    }
    assert!(seeds >= 4);
}

#[test]
fn hopeless_headers_are_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.rec");
    let refused = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let error = source::open(&path, &OpenOptions::default(), &Task::unattended()).err().unwrap();
        assert!(error.at().is_some() && error.remedy().is_some(), "{error}");
        error.to_string()
    };
    assert!(refused(b"<Configuration><HardwareConfiguration/>").contains("no closing </Configuration>"));
    assert!(refused(b"<Configuration>] & < \n</Configuration>\n").contains("not sound XML"));
    for depth in [10_000, 400_000] {
        let deep = format!("<Configuration>{}{}</Configuration>\n", "<a>".repeat(depth), "</a>".repeat(depth));
        refused(deep.as_bytes());
    }
    // A header of a gigabyte, of which nothing is kept.
    let file = std::fs::File::create(&path).unwrap();
    std::io::Write::write_all(&mut &file, b"<Configuration>\n").unwrap();
    file.set_len(1 << 30).unwrap();
    let error = source::open(&path, &OpenOptions::default(), &Task::unattended()).err().unwrap();
    assert!(error.to_string().contains("within 64 MiB") && error.remedy().is_some(), "{error}");
}

#[test]
fn the_check_tells_people_and_scripts() {
    let folder = tempfile::tempdir().unwrap();
    let sound = Made::new("chanPerChip=\"4\"", 8, 0..8).with_devices().write(folder.path(), "sound.rec", 6_000);
    let made = Made { gaps: vec![(2_000, 5), (4_000, 70)], ..Made::new("chanPerChip=\"4\"", 8, 0..8).with_devices() };
    let faulty = made.write(folder.path(), "faulty.rec", 6_000);
    let run = |path: &Path, more: &[&str]| -> std::process::Output {
        Command::new(env!("CARGO_BIN_EXE_longwave")).arg("check").arg(path).args(more).output().unwrap()
    };
    let output = run(&sound, &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("nothing wrong") && text.contains("ppm"), "{text}");
    let output = run(&faulty, &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("dropped") && text.contains("00:00:00.100"), "{text}");
    let output = run(&faulty, &["--json", "--threads", "1"]);
    assert_eq!(output.status.code(), Some(3));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packet = 1 + 49 + 4 + 16;
    let header = std::fs::metadata(&faulty).unwrap().len() - 6_000 * packet;
    let dropped = &json["findings"][0];
    assert_eq!((&dropped["kind"], &dropped["places"], &dropped["amount"]), (&"dropped".into(), &2.into(), &75.into()));
    assert_eq!(
        dropped["first"][1],
        serde_json::json!({ "frame": 4000, "secs": 4075.0 / 20_000.0, "byte": header + 4000 * packet, "amount": 70 })
    );
    assert_eq!((json["clean"].as_bool(), json["channels"].as_array().unwrap().len()), (Some(false), 8));
    let figure = |key: &str| json["clock"][key].as_f64().unwrap();
    assert!((figure("drift_ppm") - 20.0).abs() < 4.0 * figure("drift_error_ppm"), "{}", json["clock"]);
    assert_eq!(json["packets"]["packets"], 6_000);
    assert_eq!(run(&folder.path().join("none.rec"), &[]).status.code(), Some(1));
    assert_eq!(run(&sound, &["--stream", "no"]).status.code(), Some(1));
    assert_eq!(run(&sound, &["--no-such"]).status.code(), Some(2));
    // Sensors are checked like any stream.
    let output = run(&sound, &["--stream", "headstageSensor_sensors", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["channels"].as_array().unwrap().len(), 2);
    assert_eq!(json["packets"]["packets"], 6_000);
}

#[test]
fn a_picture_of_a_silent_sensor_is_first_an_estimate_and_then_exact() {
    const XML: &str = "<Configuration><HardwareConfiguration samplingRate=\"1000\" numChannels=\"0\"><Device name=\"Mux\" numBytes=\"4\"><Channel id=\"A\" dataType=\"analog\" startByte=\"2\" interleavedDataIDByte=\"0\" interleavedDataIDBit=\"3\"/></Device></HardwareConfiguration></Configuration>\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("silent.rec");
    let mut bytes = XML.as_bytes().to_vec();
    // It speaks once, in packet 7, and stale bytes follow.
    for i in 0..400_000_u32 {
        bytes.extend([0x55, if i == 7 { 8 } else { 0 }, 0]);
        bytes.extend((if i == 7 { 1234_i16 } else { (i % 100) as i16 }).to_le_bytes());
        bytes.extend(i.to_le_bytes());
    }
    std::fs::write(&path, bytes).unwrap();
    let source = open(&path);
    let stream = source.recording().stream_index("Mux_sensors").unwrap();
    let task = Task::unattended();
    let summary = Summary::open(Arc::clone(&source), stream, task.budget(), &SidecarPolicy::Off).unwrap();
    let request = ViewRequest { stream, channels: vec![0], frames: 390_016..390_032, bucket_frames: 1 };
    assert!(!summary.is_prompt(&request));
    assert!(summary.estimate(&request, &task).unwrap().exact.iter().all(|&e| !e));
    let columns = summary.columns(&request, &task).unwrap();
    assert!(columns.exact.iter().all(|&e| e) && summary.is_prompt(&request));
    assert_eq!((columns.values[0][0].min, columns.values[0][0].max), (1234.0, 1234.0));
    assert!(summary.estimate(&request, &task).unwrap().exact.iter().all(|&e| e));
}
