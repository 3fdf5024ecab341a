//! Hand-made files, sound and broken; the oracle is in `tests/rec.rs`.

use std::io::Write as _;

use super::*;
use crate::error::ErrorKind;

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
    let mut file = tempfile::Builder::new().suffix(".rec").tempfile().unwrap();
    file.write_all(bytes).unwrap();
    crate::source::open(file.path(), &OpenOptions::default(), &Task::unattended())
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
    assert_eq!(names, ["ephys", "ECU_analog", "Mux_multiplexed", "Mux_slots", "counter"]);
    let ephys = &recording.streams[0];
    assert_eq!((ephys.frames, ephys.time.rate_hz()), (60, 1000.0));
    // Two chips of two: 0, 2, 1, 3.
    let ids: Vec<&str> = ephys.channels.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(ids, ["hwChan0", "hwChan2", "hwChan1", "hwChan3"]);
    let c = &ephys.channels[1];
    assert_eq!((c.name.as_str(), c.group.as_str(), c.unit.as_str(), c.scale.gain), ("nt6 ch2", "nTrode 6", "uV", 0.25));
    assert_eq!(recording.streams[2].channels[0].name, "AccelX / GyroX");
    assert_eq!(recording.default_stream(), 0);
    let mut block = Block::default();
    let mut values = |stream: usize, channels: &[usize]| -> Vec<f64> {
        source.read(stream, 39..41, channels, &mut block).unwrap();
        (0..channels.len()).flat_map(|c| stored(&block, c)).collect()
    };
    assert_eq!(values(0, &[3, 0]), [139.0 * 4.0 + 3.0, 150.0 * 4.0 + 3.0, 139.0 * 4.0, 150.0 * 4.0]);
    assert_eq!(values(1, &[0]), [139.0, 150.0]);
    assert_eq!(values(2, &[0]), [4660.0, 4660.0]);
    assert_eq!(values(3, &[0]), [8.0, 8.0]);
    assert_eq!(values(4, &[0]), [139.0, 150.0]);
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
    assert_eq!(recording.streams[0].time.start_unix_ns(), Some(1_700_000_000_000_000_000));
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
