//! Hand-made files, sound and broken; the oracle is in `tests/rec.rs`.

use std::io::Write as _;

use super::*;
use crate::error::ErrorKind;
use crate::source::WallClock;

const XML: &str = r#"<?xml version="1.0"?>
<Configuration>
 <GlobalConfiguration systemTimeAtCreation="1700000000000" timestampAtCreation="70"/>
 <HardwareConfiguration samplingRate="1000" numChannels="4">
  <Device name="ECU" numBytes="4" packetOrderPreference="20">
   <Channel id="Din1" dataType="digital" startByte="0" bit="3" input="1"/>
   <Channel id="Ain1" dataType="analog" startByte="2"/>
  </Device>
  <Device name="Mux" numBytes="4" packetOrderPreference="30">
   <Channel id="AccelX" dataType="analog" startByte="2" interleavedDataIDByte="0" interleavedDataIDBit="3"/>
   <Channel id="GyroX" dataType="analog" startByte="2" interleavedDataIDByte="0" interleavedDataIDBit="2"/>
   <Channel id="Ack" dataType="uint32" startByte="2"/>
  </Device>
 </HardwareConfiguration>
 <SpikeConfiguration chanPerChip="2">
  <SpikeNTrode id="5" spikeScalingToUv="0.5"><SpikeChannel hwChan="3"/><SpikeChannel hwChan="0"/></SpikeNTrode>
  <SpikeNTrode id="6" spikeScalingToUv="0.25"><SpikeChannel hwChan="1"/><SpikeChannel hwChan="2"/></SpikeNTrode>
 </SpikeConfiguration>
</Configuration>
"#;
const PACKET: usize = 1 + 4 + 4 + 4 + 8;

fn packet(counter: u32, line: bool) -> Vec<u8> {
    let mut packet = vec![SYNC, u8::from(line) << 3, 0];
    packet.extend((counter as i16).to_le_bytes());
    packet.extend([8, 0, 0x34, 0x12]);
    packet.extend(counter.to_le_bytes());
    for column in 0..4_i16 {
        packet.extend((counter as i16 * 4 + column).to_le_bytes());
    }
    packet
}

fn file(xml: &str, counters: impl IntoIterator<Item = u32>) -> Vec<u8> {
    let mut bytes = xml.as_bytes().to_vec();
    for counter in counters {
        bytes.extend(packet(counter, counter / 10 % 2 == 1));
    }
    bytes
}

/// Stored values of channel `c` of a block.
fn stored(block: &Block, c: usize) -> Vec<f64> {
    let mut out = Vec::new();
    block.channel_f64(c, crate::recording::Scale::default(), &mut out);
    out
}

fn open_bytes(bytes: &[u8]) -> Result<Arc<dyn Source>> {
    open_with(bytes, &OpenOptions::default())
}

fn open_with(bytes: &[u8], options: &OpenOptions) -> Result<Arc<dyn Source>> {
    let mut file = tempfile::Builder::new().suffix(".rec").tempfile().unwrap();
    file.write_all(bytes).unwrap();
    crate::source::open(file.path(), options, &Task::unattended())
}

/// The error of opening a header in which `from` was replaced by `to`.
fn refused(from: &str, to: &str) -> Error {
    assert!(XML.contains(from), "{from}");
    match open_bytes(&file(&XML.replacen(from, to, 1), 70..90)) {
        Ok(_) => panic!("{from} → {to} was accepted"),
        Err(e) => e,
    }
}

#[test]
fn every_part_of_a_packet_is_read() {
    let source = open_bytes(&file(XML, (100..140).chain(150..170))).unwrap();
    let recording = source.recording();
    assert_eq!(recording.warnings, []);
    let names: Vec<&str> = recording.streams.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["ephys", "ECU_analog", "Mux_sensors", "Mux_updated", "Mux_multiplexed", "Mux_slots", "counter"]);
    let ephys = &recording.streams[0];
    assert_eq!((ephys.frames, ephys.time.rate_hz()), (60, 1000.0));
    // Two chips of two: 0, 2, 1, 3.
    let ids: Vec<&str> = ephys.channels.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(ids, ["hwChan0", "hwChan2", "hwChan1", "hwChan3"]);
    let c = &ephys.channels[1];
    assert_eq!((c.name.as_str(), c.group.as_str(), c.unit.as_str(), c.scale.gain), ("nt6 ch2", "nTrode 6", "uV", 0.25));
    assert_eq!(recording.streams[4].channels[0].name, "AccelX / GyroX");
    assert_eq!(recording.default_stream(), 0);
    let mut block = Block::default();
    let mut values = |stream: usize, channels: &[usize]| -> Vec<f64> {
        source.read(stream, 39..41, channels, &mut block).unwrap();
        (0..channels.len()).flat_map(|c| stored(&block, c)).collect()
    };
    assert_eq!(values(0, &[3, 0]), [139.0 * 4.0 + 3.0, 150.0 * 4.0 + 3.0, 139.0 * 4.0, 150.0 * 4.0]);
    assert_eq!(values(1, &[0]), [139.0, 150.0]);
    assert_eq!(values(2, &[0, 1]), [4660.0; 4]);
    assert_eq!(values(3, &[0, 1]), [1.0, 1.0, 0.0, 0.0]);
    assert_eq!(values(4, &[0]), [4660.0, 4660.0]);
    assert_eq!(values(5, &[0]), [8.0, 8.0]);
    assert_eq!(values(6, &[0]), [139.0, 150.0]);
    let gaps: Vec<_> = ephys.time.gaps().collect();
    assert_eq!((gaps.len(), gaps[0].after_frame, gaps[0].missing_frames), (1, 39, 10));
    // Thirty samples were counted between the making of the file and the first packet.
    assert_eq!(ephys.time.start_unix_ns(), Some(1_700_000_000_030_000_000));
    assert!(source.read(9, 0..1, &[0], &mut Block::default()).is_err());
    assert!(source.read(0, 0..61, &[0], &mut Block::default()).is_err());
}

#[test]
fn digital_lines_are_their_changes() {
    let source = open_bytes(&file(XML, (100..140).chain(150..170))).unwrap();
    assert_eq!(source.recording().events[0].name, "ECU_digital/Din1");
    let events = |range: Range<f64>| -> Vec<(f64, String)> {
        let mut out = Vec::new();
        source.read_events(0, range, &mut out).unwrap();
        out.into_iter().map(|e| (e.start_secs, e.label)).collect()
    };
    let e = |secs: f64, label: &str| (secs, label.to_owned());
    // Frames 100 to 139 and 150 to 169 at 1 kHz; the line is high in odd tens.
    assert_eq!(events(0.0..1.0), [e(0.0, "0"), e(0.01, "1"), e(0.02, "0"), e(0.03, "1"), e(0.06, "0")]);
    assert_eq!(events(0.015..0.03), [e(0.015, "1"), e(0.02, "0")]);
    assert_eq!(events(-1.0..0.001), [e(0.0, "0")]);
    assert_eq!(events(0.042..0.049), []);
    assert_eq!(events(5.0..f64::INFINITY), []);
    assert_eq!(events(f64::NAN..f64::NAN), []);
    assert!(source.read_events(1, 0.0..1.0, &mut Vec::new()).is_err());
}

#[test]
fn what_is_odd_is_told() {
    let warned = |bytes: &[u8], text: &str, at: Option<usize>| {
        let source = open_bytes(bytes).unwrap();
        let warnings = &source.recording().warnings;
        assert!(
            warnings.iter().any(|w| w.text.contains(text) && (at.is_none() || w.at == at.map(|a| a as u64))),
            "{text}: {warnings:?}"
        );
    };
    let whole = file(XML, 70..90);
    warned(&whole[..whole.len() - 1], "unfinished packet", Some(XML.len() + 19 * PACKET));
    warned(XML.as_bytes(), "nothing was recorded", Some(XML.len()));
    let mut bytes = whole.clone();
    bytes[XML.len()] = 0;
    warned(&bytes, "0x00 instead of 0x55", Some(XML.len()));
    let aux = r#"<AuxDisplayConfiguration><DispChannel device="RF" id="a"/></AuxDisplayConfiguration>
</Configuration>"#;
    let stray = XML.replace("</Configuration>", aux);
    warned(&file(&stray, 0..9), "the device RF, which", stray.find("device=\"RF\""));
    let gainless = XML.replace(r#" spikeScalingToUv="0.25""#, "");
    warned(&file(&gainless, 0..9), "spikeScalingToUv", None);
    let swapped = XML.replace(r#"packetOrderPreference="20""#, r#"packetOrderPreference="40""#);
    warned(&file(&swapped, 0..9), "out of the order", None);
    let mut latin = file(XML, 70..90);
    latin[XML.find("ECU").unwrap()] = 0xe9;
    warned(&latin, "UTF-8", Some(XML.find("ECU").unwrap()));
    warned(&file(XML, (0..30).chain(29..60)), "goes back by 1", Some(XML.len() + 30 * PACKET));
}

#[test]
fn an_extra_clock_shifts_the_samples() {
    let xml = XML.replace("numChannels=", r#"sysTimeIncluded="1" numChannels="#);
    let mut bytes = xml.clone().into_bytes();
    for counter in 0..10_u32 {
        let mut p = packet(counter, false);
        let clock = 1_700_000_000_000_000_000_i64 + i64::from(counter) * 1_000_000;
        p.splice(13..13, clock.to_le_bytes());
        bytes.extend(p);
    }
    let source = open_bytes(&bytes).unwrap();
    let recording = source.recording();
    assert_eq!(recording.streams[0].frames, 10);
    let time = &recording.streams[0].time;
    assert_eq!(time.start_unix_ns(), Some(1_700_000_000_000_000_000));
    assert_eq!(time.fit().map(|f| (f.ns_per_tick, f.points)), Some((1e6, 10)));
    assert_eq!(time.unix_secs_of_tick(7), Some(1_700_000_000.007));
    assert!(recording.properties.iter().any(|(name, text)| name == "system clock" && text.starts_with("+0.00 ppm")));
    let made = OpenOptions { clock: Some(WallClock::Creation), ..OpenOptions::default() };
    let time = &open_with(&bytes, &made).unwrap().recording().streams[0].time.clone();
    // The counter is 70 ticks behind that of the header: no recording starts 49 days after its file was made.
    assert_eq!((time.start_unix_ns(), time.fit()), (Some(1_700_000_000_000_000_000), None));
    let clock = recording.stream_index("SysClock").unwrap();
    let mut block = Block::default();
    source.read(clock, 3..4, &[0], &mut block).unwrap();
    assert_eq!(stored(&block, 0).first().copied(), Some(1.700_000_000_003e18));
    source.read(0, 3..4, &[2], &mut block).unwrap();
    assert_eq!(stored(&block, 0).first().copied(), Some(14.0));
}

#[test]
fn damaged_headers_are_one_error_with_a_place() {
    let at = |what: &str| XML.find(what).unwrap() as u64;
    let cases: &[(&str, &str, &str, u64)] = &[
        (r#" numBytes="4" packetOrderPreference="20""#, "", "has no numBytes", at("<Device name=\"ECU\"")),
        (r#"numBytes="4""#, r#"numBytes="-4""#, "\"-4\"", at("numBytes")),
        (r#"numBytes="4""#, r#"numBytes="99999999999999999999""#, "99999999999999999999", at("numBytes")),
        (r#"numBytes="4""#, r#"numBytes="1""#, "no room", at("<Channel id=\"Ain1\"")),
        (r#"numChannels="4""#, r#"numChannels="3""#, "more <SpikeChannel>", at(r#"hwChan="2""#)),
        (r#"numChannels="4""#, r#"numChannels="many""#, "many", at("numChannels")),
        (r#"numChannels="4""#, "", "has no numChannels", at("<HardwareConfiguration")),
        (r#"samplingRate="1000""#, r#"samplingRate="0""#, "\"0\"", at("samplingRate")),
        (r#"samplingRate="1000""#, r#"samplingRate="NaN""#, "NaN", at("samplingRate")),
        (r#"samplingRate="1000""#, "", "no samplingRate", at("<HardwareConfiguration")),
        (r#"hwChan="2""#, r#"hwChan="1""#, "named twice", at(r#"hwChan="2""#)),
        (r#"hwChan="2""#, "", "no hwChan", at(r#"<SpikeChannel hwChan="2""#)),
        (r#"bit="3""#, r#"bit="8""#, "\"8\"", at("bit=")),
        (r#"startByte="0""#, r#"startByte="4""#, "\"4\"", at("startByte")),
        ("</Device>", "</Devide>", "not sound XML", at("</Device>")),
        ("<HardwareConfiguration ", "<HardwareConfiguratiom ", "", 0),
        ("</Configuration>\n", "</Configuration>\u{1}\n", "header's line ends", at("</Configuration>") + 16),
        ("</Configuration>\n", "", "no closing", 0),
    ];
    for (from, to, text, place) in cases {
        let error = refused(from, to);
        let message = error.to_string();
        assert!(message.contains(text), "{message}");
        assert!(error.remedy().is_some() && error.path().is_some(), "{message}");
        assert!(matches!(error.kind(), ErrorKind::Malformed { .. }), "{message}");
        if *place > 0 {
            let found = error.at().unwrap();
            assert!(found.abs_diff(*place) <= 2, "at {found}, not {place}: {message}");
        }
    }
    let many: String = (0..600).map(|i| format!(" a{i}=\"\"")).collect();
    assert!(matches!(refused(" numChannels", &format!("{many} numChannels")).kind(), ErrorKind::Limit { .. }));
    let deep = "<a>".repeat(1_100_000) + &"</a>".repeat(1_100_000);
    assert!(refused("<SpikeConfiguration", &format!("{deep}<SpikeConfiguration")).to_string().contains("XML"));
    let entities = r#"<!DOCTYPE a [<!ENTITY b "bbbb">]><Configuration>"#;
    assert!(refused("<Configuration>", entities).to_string().contains("XML"));
}

#[test]
fn cut_and_flipped_files_are_read_or_refused() {
    let whole = file(XML, (100..140).chain(150..170));
    let read_all = |bytes: &[u8]| {
        let Ok(source) = open_bytes(bytes) else { return };
        let mut block = Block::default();
        for (i, stream) in source.recording().streams.iter().enumerate() {
            let channels: Vec<usize> = (0..stream.channels.len()).collect();
            source.read(i, 0..stream.frames, &channels, &mut block).unwrap();
            assert!(stream.time.end_tick(stream.frames) >= stream.frames);
        }
        for i in 0..source.recording().events.len() {
            source.read_events(i, 0.0..1e3, &mut Vec::new()).unwrap();
        }
    };
    for len in (0..whole.len()).step_by(7) {
        read_all(&whole[..len]);
    }
    let mut state = 0x1234_5678_9abc_def1_u64;
    for _ in 0..400 {
        let mut bytes = whole.clone();
        for _ in 0..3 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let at = (state % bytes.len() as u64) as usize;
            bytes[at] ^= 1 << (state >> 40 & 7);
        }
        read_all(&bytes);
    }
}

/// A header of one device with two sensors (bits 3 and 2 of byte 0, value in bytes 2 and 3) and no ephys.
const SENSORS: &str = r#"<Configuration>
 <HardwareConfiguration samplingRate="1000" numChannels="0">
  <Device name="Mux" numBytes="4">
   <Channel id="A" dataType="analog" startByte="2" interleavedDataIDByte="0" interleavedDataIDBit="3" units="g"/>
   <Channel id="B" dataType="analog" startByte="2" interleavedDataIDByte="0" interleavedDataIDBit="2"/>
   <Channel id="C" dataType="analog" startByte="1" interleavedDataIDByte="0" interleavedDataIDBit="2"/>
  </Device>
 </HardwareConfiguration>
</Configuration>
"#;

/// Packets of [`SENSORS`]: the bits, and a value that differs from packet to packet.
fn sensor_file(bits: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let mut bytes = SENSORS.as_bytes().to_vec();
    for (i, bits) in bits.into_iter().enumerate() {
        let value = (i as u32).wrapping_mul(2_654_435_761) >> 8;
        bytes.extend([SYNC, bits]);
        bytes.extend(&value.to_le_bytes()[..3]);
        bytes.extend((i as u32).to_le_bytes());
    }
    bytes
}

/// The held values of all channels by going through all packets, and where they were updated.
fn held_by_hand(bytes: &[u8]) -> (Vec<Vec<i16>>, Vec<Vec<u8>>) {
    let (mut values, mut updates) = (vec![Vec::new(); 3], vec![Vec::new(); 3]);
    for (c, (at, bit)) in [(3, 3), (3, 2), (2, 2)].into_iter().enumerate() {
        let mut last = 0_i16;
        for (i, packet) in bytes[SENSORS.len()..].chunks_exact(9).enumerate() {
            let is_set = packet[1] >> bit & 1 == 1;
            if is_set || i == 0 {
                last = i16::from_le_bytes([packet[at], packet[at + 1]]);
            }
            values[c].push(last);
            updates[c].push(u8::from(is_set));
        }
    }
    (values, updates)
}

fn read_i16(source: &dyn Source, stream: &str, frames: Range<u64>, channels: &[usize]) -> Vec<i16> {
    let mut block = Block::default();
    let stream = source.recording().stream_index(stream).unwrap();
    source.read(stream, frames, channels, &mut block).unwrap();
    match block.samples() {
        crate::recording::Samples::I16(v) => v.clone(),
        crate::recording::Samples::U8(v) => v.iter().map(|&x| i16::from(x)).collect(),
        other => panic!("{:?}", other.sample_type()),
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(40))]
    #[test]
    fn held_values_do_not_depend_on_how_they_are_read(
        runs in proptest::collection::vec((0_usize..900, 0_u8..16), 1..60),
        ranges in proptest::collection::vec((0.0..1.0_f64, 0.0..1.0_f64, 0_usize..3), 1..8),
    ) {
        let bits = runs.iter().flat_map(|&(silent, bits)| std::iter::repeat_n(0, silent).chain([bits]));
        let bytes = sensor_file(bits);
        let source = open_bytes(&bytes).unwrap();
        let (values, updates) = held_by_hand(&bytes);
        let frames = values[0].len();
        let path = source.path().map(Path::to_path_buf);
        proptest::prop_assert!(path.is_some() && source.flat(0).is_none());
        for (a, b, c) in ranges {
            let (a, b) = ((a * frames as f64) as usize, (b * frames as f64) as usize);
            let (a, b) = (a.min(b), a.max(b));
            let frames = a as u64..b as u64;
            let read = read_i16(&*source, "Mux_sensors", frames.clone(), &[c, 2 - c]);
            let expected = [&values[c][a..b], &values[2 - c][a..b]].concat();
            proptest::prop_assert!(read == expected, "{}..{} of {}", a, b, c);
            let read = read_i16(&*source, "Mux_updated", frames, &[c]);
            proptest::prop_assert!(read.iter().map(|&x| x as u8).eq(updates[c][a..b].iter().copied()));
        }
    }
}

#[test]
fn a_silent_sensor_keeps_its_last_value_however_far_back() {
    let total = 300_000_u64;
    // A speaks at frame 100 only; B and C at 5 and near the end; then silence.
    let bits = |i: u64| match i {
        100 => 8,
        5 | 250_000 => 4,
        _ => 0,
    };
    let bytes = sensor_file((0..total).map(bits));
    let (values, _) = held_by_hand(&bytes);
    let source = open_bytes(&bytes).unwrap();
    let recording = source.recording();
    assert_eq!((recording.streams[0].channels[0].unit.as_str(), recording.warnings.len()), ("g", 0));
    // Looked for long ago, an estimate is a guess, and reading is not prompt.
    let mut block = Block::default();
    source.read_estimate(0, 200..300, &[0, 1], &mut block).unwrap();
    assert_eq!(stored(&block, 0)[0], f64::from(values[0][200]));
    source.read_estimate(0, 200_000..200_001, &[0], &mut block).unwrap();
    assert_eq!(stored(&block, 0)[0], f64::from(values[0][0]));
    assert!(source.is_prepared(0, &[0, 1], 20_000) && !source.is_prepared(0, &[0], total));
    assert!(source.is_prepared(1, &[0], total));
    // What is stopped goes on where it was.
    let stopped = Task::unattended();
    stopped.cancel();
    assert!(source.prepare(0, &[0], total, &stopped).unwrap_err().is_cancelled());
    let task = Task::unattended();
    source.prepare(0, &[0], total, &task).unwrap();
    assert!(task.progress().done_bytes < total * 9 && task.progress().total_bytes == task.progress().done_bytes);
    assert!(source.is_prepared(0, &[0], total) && source.is_prepared(0, &[0], 200_000));
    source.read_estimate(0, 200_000..200_001, &[0], &mut block).unwrap();
    assert_eq!(stored(&block, 0)[0], f64::from(values[0][100]));
    let again = Task::unattended();
    source.prepare(0, &[0], total, &again).unwrap();
    assert!(again.progress().done_bytes <= 256 * 9);

    let check = |source: &dyn Source, a: u64, b: u64| {
        let read = read_i16(source, "Mux_sensors", a..b, &[0, 1, 2]);
        let expected: Vec<i16> = values.iter().flat_map(|v| v[a as usize..b as usize].to_vec()).collect();
        assert!(read == expected, "{a}..{b}");
    };
    let fresh = open_bytes(&bytes).unwrap();
    check(&*fresh, total - 1, total);
    for source in [&*source, &*fresh, &*open_bytes(&bytes).unwrap()] {
        for middle in [100_u64, 5, 70_000, 65_536 + 100, 250_000] {
            check(source, middle.saturating_sub(3), middle + 3);
        }
        check(source, 3 * 16_384, 5 * 16_384);
        check(source, 0, total);
        check(source, 249_990, 260_000);
        check(source, total - 1, total);
    }
    assert!(source.read(0, 0..total + 1, &[0], &mut block).is_err());
    assert!(source.read(0, 0..1, &[3], &mut block).is_err());
    assert!(source.prepare(0, &[3], 0, &task).is_err());
}

#[test]
fn contacts_lie_where_the_header_says_if_it_does() {
    let positions = |xml: &str| {
        let source = open_bytes(&file(xml, 0..3)).unwrap();
        let stream = &source.recording().streams[source.recording().stream_index("ephys").unwrap()];
        stream.channels.iter().map(|c| (c.id.clone(), c.position)).collect::<Vec<_>>()
    };
    assert!(positions(XML).iter().all(|(_, position)| position.is_none()));
    // Trodes writes zeros where it does not know.
    let zeros = XML.replace("<SpikeChannel ", "<SpikeChannel coord_ml=\"0\" coord_dv=\"0\" coord_ap=\"0\" ");
    assert!(positions(&zeros).iter().all(|(_, position)| position.is_none()));
    let mut known = zeros;
    for (hardware, place) in [(3, "20"), (0, "40.5"), (1, "-60"), (2, "nan")] {
        let (old, new) = ("coord_dv=\"0\"", format!("spikeSortingGroup=\"1\" coord_dv=\"{place}\""));
        let at = known.find(&format!("hwChan=\"{hardware}\"")).unwrap();
        let from = known[..at].rfind(old).unwrap();
        known.replace_range(from..from + old.len(), &new);
    }
    let found = positions(&known);
    let y = |id: &str| found.iter().find(|(i, _)| i == id).unwrap().1.map(|p| (p.shank, p.x_um, p.y_um));
    assert_eq!(y("hwChan3"), Some((1, 0.0, 20.0)));
    assert_eq!(y("hwChan0"), Some((1, 0.0, 40.5)));
    assert_eq!(y("hwChan1"), Some((1, 0.0, -60.0)));
    assert_eq!(y("hwChan2"), None);
}
