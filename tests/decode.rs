//! Decoders of serial lines against sigrok's (`sigrok-cli`), on captures with noise, framing and parity errors, breaks and
//! glitches; and the contract of `longwave decode`.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Random, longwave};
use serde_json::Value;

/// A capture: the levels of up to eight lines in each frame, as bits of a byte.
struct Capture {
    folder: tempfile::TempDir,
    levels: Vec<u8>,
    rate: u32,
}

impl Capture {
    fn new(levels: Vec<u8>, rate: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("cap.bin"), &levels).unwrap();
        Self { folder, levels, rate }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The lines as volts with noise, in an `.npy` of float32, frames × lines.
    fn analog(&self, lines: usize, random: &mut Random) -> PathBuf {
        let path = self.path("analog.npy");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {lines}), }}", self.levels.len());
        bytes.extend(118_u16.to_le_bytes());
        bytes.extend(format!("{text:<117}\n").as_bytes());
        for levels in &self.levels {
            for line in 0..lines {
                let volts = if levels >> line & 1 == 1 { 3.3 } else { 0.0 } + 0.4 * random.signed();
                bytes.extend((volts as f32).to_le_bytes());
            }
        }
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// What sigrok says: start, end and text of each annotation, by the rows asked for.
    fn sigrok(&self, decoder: &str, rows: &str) -> Vec<(u64, u64, String)> {
        let output = Command::new("sigrok-cli")
            .arg("-i")
            .arg(self.path("cap.bin"))
            .args(["-I", &format!("binary:numchannels=8:samplerate={}", self.rate)])
            .args(["-P", decoder, "-A", rows, "--protocol-decoder-samplenum"])
            .output()
            .unwrap_or_else(|e| {
                panic!("sigrok-cli does not start ({e}): run the tests with `make test`, which installs it")
            });
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let line = |line: &str| {
            let (frames, rest) = line.split_once(' ')?;
            let (start, end) = frames.split_once('-')?;
            let (_, text) = rest.split_once(": ")?;
            Some((start.parse().ok()?, end.parse().ok()?, text.to_owned()))
        };
        text.lines().map(|l| line(l).unwrap_or_else(|| panic!("{l}"))).collect()
    }

    /// What longwave says of the same bits.
    fn ours(&self, protocol: &str, args: &[&str]) -> Value {
        self.decode(
            protocol,
            &self.path("cap.bin"),
            &["--format", "raw", "--dtype", "u8", "--channel-count", "1"],
            args,
        )
    }

    fn decode(&self, protocol: &str, path: &Path, layout: &[&str], args: &[&str]) -> Value {
        let rate = self.rate.to_string();
        let mut all = vec!["decode", protocol, path.to_str().unwrap(), "--rate", &rate, "--json", "--quiet"];
        all.extend(layout);
        all.extend(args);
        let output = longwave(&all);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn frame(&self, secs: &Value) -> u64 {
        (secs.as_f64().unwrap() * f64::from(self.rate)).round() as u64
    }
}

/// Builds a line bit by bit, exactly in time.
struct Line {
    levels: Vec<u8>,
    at: f64,
    bit: f64,
}

impl Line {
    fn hold(&mut self, level: u8, bits: f64) {
        self.at += bits * self.bit;
        self.levels.resize((self.at.ceil() as usize).max(self.levels.len()), level);
    }
}

struct Case {
    rate: u32,
    baud: f64,
    /// What the sender's clock is off by.
    off: f64,
    data_bits: u32,
    parity: &'static str,
    msb: bool,
    invert: bool,
}

/// Bytes with all that goes wrong on a real line.
fn uart_line(case: &Case, random: &mut Random) -> Vec<u8> {
    let bit = f64::from(case.rate) / case.baud * (1.0 + case.off);
    let mut line = Line { levels: vec![], at: 0.3, bit };
    line.hold(1, 5.0);
    for i in 0..400 {
        let value = random.below(1 << case.data_bits) as u32;
        line.hold(0, 1.0);
        for k in 0..case.data_bits {
            let place = if case.msb { case.data_bits - 1 - k } else { k };
            line.hold((value >> place & 1) as u8, 1.0);
        }
        let ones = value.count_ones() as u8;
        match case.parity {
            "even" => line.hold((ones ^ u8::from(i % 11 == 3)) & 1, 1.0),
            "odd" => line.hold((ones ^ 1 ^ u8::from(i % 11 == 3)) & 1, 1.0),
            "mark" => line.hold(u8::from(i % 11 != 3), 1.0),
            "space" => line.hold(u8::from(i % 11 == 3), 1.0),
            _ => {}
        }
        line.hold(u8::from(i % 13 != 5), 1.0);
        match i % 17 {
            // A break, a glitch, silence.
            4 => line.hold(0, 30.0),
            8 => {
                line.hold(1, 4.0);
                line.hold(0, 0.4);
                line.hold(1, 3.0);
            }
            9..12 => line.hold(1, random.below(40) as f64 * 0.37),
            _ => {}
        }
        if i % 13 == 5 || i % 17 == 4 {
            line.hold(1, 1.0 + random.below(20) as f64 * 0.61);
        }
    }
    line.hold(1, 12.0);
    if case.invert {
        line.levels.iter_mut().for_each(|level| *level ^= 1);
    }
    line.levels
}

#[test]
fn uart_bytes_and_errors_are_those_of_sigrok() {
    let mut random = Random(4711);
    let case =
        |rate, baud, off, data_bits, parity, msb, invert| Case { rate, baud, off, data_bits, parity, msb, invert };
    let cases = [
        case(1_000_000, 115_200.0, 0.0, 8, "none", false, false),
        case(1_000_000, 115_200.0, 0.018, 8, "even", false, false),
        case(500_000, 9600.0, -0.02, 7, "odd", false, true),
        case(2_000_000, 500_000.0, 0.003, 8, "mark", true, false),
        case(1_000_000, 57_600.0, 0.01, 5, "space", true, true),
        case(1_000_000, 38_400.0, -0.01, 9, "odd", false, false),
    ];
    for case in &cases {
        let capture = Capture::new(uart_line(case, &mut random), case.rate);
        let (order, yes) = (if case.msb { "msb" } else { "lsb" }, if case.invert { "yes" } else { "no" });
        let parity = match case.parity {
            "mark" => "one",
            "space" => "zero",
            other => other,
        };
        let decoder = format!(
            "uart:rx=0:baudrate={}:data_bits={}:parity={parity}:bit_order={order}-first:invert_rx={yes}",
            case.baud, case.data_bits
        );
        let data = capture.sigrok(&decoder, "uart=rx-data");
        let warnings = capture.sigrok(&decoder, "uart=rx-warnings");
        let wrong_parity = capture.sigrok(&decoder, "uart=rx-parity-err");
        let breaks = capture.sigrok(&decoder, "uart=rx-break");
        assert!(data.len() >= 395 && warnings.len() > 20 && breaks.len() > 20, "the capture has it all");

        let (baud, bits) = (case.baud.to_string(), case.data_bits.to_string());
        let mut args = vec!["--baud", &baud, "--data-bits", &bits, "--parity", case.parity, "--bit-order", order];
        if case.invert {
            args.push("--invert");
        }
        let digital = [&args[..], &["--channel", "0", "--bit", "0"]].concat();
        let report = capture.ours("uart", &digital);
        let bytes = report["bytes"].as_array().unwrap();

        // Sigrok marks the data bits alone; where the bits are follows from where the byte begins.
        let bit = f64::from(case.rate) / case.baud;
        let half = (bit / 2.0).floor() as u64;
        let centre = |k: u32| ((bit - 1.0) / 2.0 + f64::from(k) * bit).ceil() as u64;
        let at_bit = |byte: &Value, k: u32| capture.frame(&byte["start_secs"]) + centre(k) - half;
        let ours: Vec<_> = bytes.iter().map(|b| (at_bit(b, 1), b["value"].as_u64().unwrap())).collect();
        let theirs: Vec<_> = data.iter().map(|(at, _, hex)| (*at, u64::from_str_radix(hex, 16).unwrap())).collect();
        assert_eq!(ours, theirs);

        let flagged = |key: &str| -> Vec<&Value> { bytes.iter().filter(|b| b[key] == true).collect() };
        let stop = 1 + case.data_bits + u32::from(case.parity != "none");
        let mut framing: Vec<u64> = flagged("framing_error").iter().map(|b| at_bit(b, stop)).collect();
        assert!(framing.len() > 20);
        // The rest of the warnings are of start bits that were none.
        let theirs: Vec<u64> = warnings.iter().map(|w| w.0).collect();
        assert_eq!(report["false_starts"].as_u64().unwrap() as usize + framing.len(), theirs.len());
        framing.retain(|at| !theirs.contains(at));
        assert!(framing.is_empty(), "{framing:?}");
        let parity: Vec<u64> = flagged("parity_error").iter().map(|b| at_bit(b, stop - 1)).collect();
        assert_eq!(parity, wrong_parity.iter().map(|p| p.0).collect::<Vec<_>>());
        assert_eq!(flagged("break").len(), breaks.len());

        // The same line as volts with noise, found out without being told.
        let analog = capture.analog(1, &mut random);
        let again = capture.decode("uart", &analog, &[], &[&args[..], &["--channel", "ch 0"]].concat());
        assert_eq!(again["bytes"], report["bytes"]);
        let unknown: Vec<&str> =
            args[2..].iter().copied().chain(["--threshold", "1.4", "--hysteresis", "0.5"]).collect();
        let again = capture.decode("uart", &analog, &[], &unknown);
        let found = again["baud"].as_f64().unwrap();
        assert!((found / case.baud - 1.0).abs() < 0.03, "{found} instead of {}", case.baud);
    }
}

#[test]
fn spi_words_are_those_of_sigrok() {
    let mut random = Random(99);
    for (mode, word_size, order, select_high) in
        [(0, 8, "msb", false), (1, 8, "lsb", false), (2, 12, "msb", true), (3, 16, "lsb", false)]
    {
        // Bits: 0 clock, 1 MOSI, 2 MISO, 3 select.
        let idle_clock = u8::from(mode >= 2);
        let away = if select_high { 0 } else { 8 };
        let mut levels = vec![idle_clock | away; 20];
        for transfer in 0..40 {
            // Now and then the device is let go amidst a word.
            let bits = word_size * (1 + random.below(4) as usize) - usize::from(transfer % 7 == 3) * 3;
            levels.extend(vec![idle_clock | (8 - away); 3 + random.below(5) as usize]);
            for _ in 0..bits {
                let data = (random.below(4) as u8) << 1;
                let (first, second) =
                    if mode % 2 == 0 { (idle_clock, 1 - idle_clock) } else { (1 - idle_clock, idle_clock) };
                for clock in [first, second] {
                    let hold = 1 + random.below(4) as usize;
                    levels.extend(vec![clock | data | (8 - away); hold]);
                }
            }
            levels.extend(vec![idle_clock | (8 - away); 4]);
            levels.extend(vec![idle_clock | away; 2 + random.below(9) as usize]);
            // A clock for somebody else.
            levels.extend(vec![(1 - idle_clock) | away; 3]);
            levels.extend(vec![idle_clock | away; 3]);
        }
        let capture = Capture::new(levels, 1_000_000);
        let decoder = format!(
            "spi:clk=0:mosi=1:miso=2:cs=3:cpol={}:cpha={}:wordsize={word_size}:bitorder={order}-first:cs_polarity=active-{}",
            mode / 2,
            mode % 2,
            if select_high { "high" } else { "low" }
        );
        let (mode, word_size) = (mode.to_string(), word_size.to_string());
        let settings = [
            "--mode",
            &mode,
            "--word-size",
            &word_size,
            "--bit-order",
            order,
            "--cs-polarity",
            if select_high { "high" } else { "low" },
        ];
        let digital = ["--clk", "0:0", "--mosi", "0:1", "--miso", "0:2", "--cs", "0:3"];
        let report = capture.ours("spi", &[&settings[..], &digital].concat());
        for line in ["mosi", "miso"] {
            let theirs: Vec<_> = capture
                .sigrok(&decoder, &format!("spi={line}-data"))
                .into_iter()
                .map(|(start, end, hex)| (start, end, u64::from_str_radix(&hex, 16).unwrap()))
                .collect();
            let ours: Vec<_> = report["bytes"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|w| w["line"] == line)
                .map(|w| (capture.frame(&w["start_secs"]), capture.frame(&w["end_secs"]), w["value"].as_u64().unwrap()))
                .collect();
            assert!(theirs.len() > 40);
            assert_eq!(ours, theirs, "{line} {decoder}");
        }
        let analog = capture.analog(4, &mut random);
        let lines = ["--clk", "0", "--mosi", "1", "--miso", "ch 2", "--cs", "3"];
        let again = capture.decode("spi", &analog, &[], &[&settings[..], &lines].concat());
        assert_eq!(again["bytes"], report["bytes"]);
    }
}

#[test]
fn i2c_transfers_are_those_of_sigrok() {
    let mut random = Random(5);
    // Bit 0 is the clock, bit 1 the data.
    let mut levels: Vec<u8> = vec![3; 30];
    let mut sent = 0;
    for _ in 0..60 {
        let starts = 1 + random.below(3);
        for start in 0..starts {
            if start > 0 {
                levels.extend([0, 2, 2, 3, 3]);
            }
            levels.extend([3, 1, 1, 0]);
            for _ in 0..1 + random.below(5) {
                sent += 1;
                for _ in 0..9 {
                    let data = (random.below(2) as u8) << 1;
                    levels.extend(vec![data; 1 + random.below(3) as usize]);
                    levels.extend(vec![data | 1; 2 + random.below(3) as usize]);
                    levels.extend([data]);
                }
            }
        }
        levels.extend([0, 0, 1, 1, 3]);
        levels.extend(vec![3; 5 + random.below(30) as usize]);
    }
    let capture = Capture::new(levels, 400_000);
    let theirs = |row: &str| capture.sigrok("i2c:scl=0:sda=1", &format!("i2c={row}"));
    let report = capture.ours("i2c", &["--scl", "0:0", "--sda", "0:1"]);
    let bytes = report["bytes"].as_array().unwrap();
    assert_eq!(bytes.len(), sent);
    for (kind, direction) in [("address", "read"), ("address", "write"), ("data", "read"), ("data", "write")] {
        let mut theirs = theirs(&format!("{kind}-{direction}"));
        // Besides the address itself there is a word for the direction.
        theirs.retain(|(.., text)| text.contains(": "));
        let theirs: Vec<_> = theirs
            .iter()
            .map(|(at, _, text)| (*at, u64::from_str_radix(text.rsplit(' ').next().unwrap(), 16).unwrap()))
            .collect();
        let ours: Vec<_> = bytes
            .iter()
            .filter(|b| b["kind"] == kind && b["direction"] == direction)
            .map(|b| (capture.frame(&b["start_secs"]), b["value"].as_u64().unwrap()))
            .collect();
        assert_eq!(ours, theirs, "{kind} {direction}");
    }
    let count = |key: &str, value: Value| bytes.iter().filter(|b| b[key] == value).count();
    assert_eq!(count("ack", true.into()), theirs("ack").len());
    assert_eq!(count("ack", false.into()), theirs("nack").len());
    assert_eq!(count("start", "start".into()), theirs("start").len());
    assert_eq!(count("start", "repeated".into()), theirs("repeat-start").len());
    assert_eq!(count("stop", true.into()), theirs("stop").len());
    let analog = capture.analog(2, &mut random);
    let again = capture.decode("i2c", &analog, &[], &["--scl", "0", "--sda", "1"]);
    assert_eq!(again["bytes"], report["bytes"]);
}

#[test]
fn results_go_to_files() {
    let case =
        Case { rate: 1_000_000, baud: 115_200.0, off: 0.0, data_bits: 8, parity: "none", msb: false, invert: false };
    let capture = Capture::new(uart_line(&case, &mut Random(1)), case.rate);
    let report = capture.ours("uart", &["--channel", "0:0", "--baud", "115200"]);
    let bytes = report["bytes"].as_array().unwrap();
    let (path, csv, bin) = (capture.path("cap.bin"), capture.path("out.csv"), capture.path("out.bin"));
    for target in [&csv, &bin] {
        let args =
            ["decode", "uart", path.to_str().unwrap(), "--format", "raw", "--dtype", "u8", "--channel-count", "1"];
        let rest =
            ["--rate", "1000000", "--channel", "0:0", "--baud", "115200", "--quiet", "-o", target.to_str().unwrap()];
        let output = longwave(&[&args[..], &rest].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let values: Vec<u8> = bytes.iter().map(|b| b["value"].as_u64().unwrap() as u8).collect();
    assert_eq!(std::fs::read(&bin).unwrap(), values);
    let csv = std::fs::read_to_string(&csv).unwrap();
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("start_secs,end_secs,value,text,framing_error,parity_error,break"));
    assert_eq!(lines.count(), values.len());
    assert!(csv.lines().any(|line| line.ends_with(",true,false,true")), "a break is there");
}

#[test]
fn what_makes_no_sense_is_refused_with_a_sentence() {
    let capture = Capture::new(vec![1; 10_000], 1_000_000);
    let path = capture.path("cap.bin");
    let refused = |args: &[&str], code: i32, expected: &str| {
        let file =
            [path.to_str().unwrap(), "--format", "raw", "--dtype", "u8", "--channel-count", "1", "--no-remember"];
        let output = longwave(&[&["decode"], args, &file[..]].concat());
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        assert!(text.contains(expected), "{args:?}: {text}");
    };
    let rate = ["--rate", "1e6"];
    refused(&[&["uart", "--channel", "0", "--baud", "600000"], &rate[..]].concat(), 1, "half the sampling rate");
    refused(&["uart", "--channel", "0", "--baud", "9600"], 1, "--rate");
    refused(&[&["uart", "--channel", "5"], &rate[..]].concat(), 1, "use one of: 0 (ch 0)");
    refused(&[&["uart", "--channel", "0"], &rate[..]].concat(), 1, "is 1 throughout");
    refused(&[&["uart", "--channel", "0", "--bit", "2"], &rate[..]].concat(), 1, "never changes");
    refused(&[&["uart", "--channels", "0"], &rate[..]].concat(), 2, "use --channel");
    refused(&[&["uart", "--baud", "fast"], &rate[..]].concat(), 2, "number");
    refused(&[&["spi", "--clk", "0"], &rate[..]].concat(), 2, "--mosi");
    refused(&[&["i2c", "--scl", "0:0"], &rate[..]].concat(), 2, "--sda");
    refused(&["morse"], 2, "morse");
}
