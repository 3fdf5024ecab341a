//! What is sent is received, whatever the settings, the pieces and the gaps.

use std::ops::Range;
use std::sync::Arc;

use proptest::prelude::*;

use super::edges::Rule;
use super::lines::{Line, Lines};
use super::pass::{Found, pass_in_pieces};
use super::receiver::{BREAK, FRAMING, PARITY, Parity, Shape, Uart};
use super::{Decoder, Input, i2c, spi, uart};
use crate::analysis::{Analysis, Events, Place, Report, Request, View};
use crate::budget::MemoryBudget;
use crate::error::Result;
use crate::form::Settings;
use crate::recording::{
    Block, Channel, ClockSpan, Event, EventTrack, Recording, SampleFormat, SampleType, Samples, Scale, Stream, TimeBase,
};
use crate::scan::Selection;
use crate::source::{MemorySource, Source};
use crate::task::Task;

/// Settings by name.
type Given<'a> = &'a [(&'a str, &'a str)];

/// Makes a decoder.
type New<'a> = &'a dyn Fn() -> Box<dyn Decoder>;

/// A sender: what it has said so far, a level for each frame.
struct Sender {
    shape: Shape,
    /// Frames of a bit.
    bit: f64,
    line: Vec<bool>,
    /// The end of what was said, between frames.
    at: f64,
}

impl Sender {
    fn new(shape: Shape, bit: f64) -> Self {
        Self { shape, bit, line: vec![], at: 0.0 }
    }

    /// Holds the line for so many bits.
    fn hold(&mut self, level: bool, bits: f64) {
        self.at += bits * self.bit;
        self.line.resize((self.at.ceil() as usize).max(self.line.len()), level);
    }

    /// Sends a byte as it should be.
    fn say(&mut self, value: u32) {
        self.send(value, 0);
    }

    /// Sends a byte, perhaps with a wrong parity bit or no stop bit; returns the frame at which it begins.
    fn send(&mut self, value: u32, flags: u32) -> u64 {
        let start = self.line.len() as u64;
        self.hold(false, 1.0);
        for i in 0..self.shape.data_bits {
            let bit = if self.shape.msb_first { self.shape.data_bits - 1 - i } else { i };
            self.hold(value >> bit & 1 == 1, 1.0);
        }
        if self.shape.parity != Parity::None {
            self.hold(self.shape.parity_of(value) != (flags & PARITY != 0), 1.0);
        }
        self.hold(flags & FRAMING == 0, self.shape.stop_bits);
        if flags & FRAMING != 0 {
            self.hold(true, 1.0);
        }
        start
    }
}

fn time_with_gaps(gaps: &[u64]) -> TimeBase {
    let mut spans = vec![ClockSpan { first_frame: 0, first_tick: 0 }];
    for (i, &frame) in gaps.iter().enumerate() {
        spans.push(ClockSpan { first_frame: frame, first_tick: frame + 1000 * (i as u64 + 1) });
    }
    TimeBase::with_spans(1e6, spans)
}

fn recording(lines: &[Vec<bool>], time: TimeBase) -> Arc<dyn Source> {
    let frames = lines[0].len();
    let mut channels: Vec<Channel> = (0..lines.len()).map(Channel::numbered).collect();
    channels[0].unit = "V".to_owned();
    let stream = Stream {
        name: "data".into(),
        format: SampleFormat::native(SampleType::U8),
        time,
        frames: frames as u64,
        channels,
    };
    let samples = lines.iter().flatten().map(|&high| u8::from(high)).collect();
    let recording = Recording { name: "test".into(), streams: vec![stream], ..Recording::default() };
    Arc::new(MemorySource::new(recording, vec![Samples::U8(samples)]).unwrap())
}

fn digital(channels: usize) -> Lines {
    let line =
        |channel| Line { role: "channel", channel, rule: Rule::Analog { middle: 0.5, width: 0.2 }, invert: false };
    Lines { list: (0..channels).map(line).collect(), channels: (0..channels).collect() }
}

/// What `decoder` finds over `frames`, in pieces of `length`.
fn decode(
    source: &Arc<dyn Source>,
    decoder: &mut dyn Decoder,
    frames: Range<u64>,
    length: u64,
    threads: usize,
) -> Vec<Place> {
    let task = Task::new(MemoryBudget::new(64 << 20), threads);
    let channels = source.recording().streams[0].channels.len();
    let selection = Selection { stream: 0, channels: (0..channels).collect(), frames };
    let input =
        Input { source, selection: &selection, settings: &Settings::defaults(uart::ANALYSIS.parameters), task: &task };
    let mut found = Found::new(task.budget(), u64::MAX).unwrap();
    pass_in_pieces(&input, &digital(channels), decoder, &mut found, &mut |_| {}, (length, threads)).unwrap();
    let places = found.take();
    drop(found);
    assert_eq!(task.budget().used(), 0);
    places
}

fn run(analysis: &Analysis, source: &Arc<dyn Source>, settings: Given<'_>, task: &Task) -> Result<Report> {
    let mut values = Settings::defaults(analysis.parameters);
    for (name, value) in settings {
        values.set(name, value).unwrap();
    }
    let selection = Selection::all(source.recording(), 0);
    (analysis.run)(&Request { source, selection: &selection, settings: &values, task, summary: None, publish: &|_| {} })
}

fn events(report: &Report) -> &Events {
    let View::Events(events) = &report.view else { panic!("a decoder finds places") };
    events
}

fn shapes() -> impl Strategy<Value = Shape> {
    let parity =
        prop_oneof![Just(Parity::None), Just(Parity::Even), Just(Parity::Odd), Just(Parity::Mark), Just(Parity::Space)];
    (5_u32..=9, parity, prop_oneof![Just(1.0), Just(1.5), Just(2.0)], any::<bool>())
        .prop_map(|(data_bits, parity, stop_bits, msb_first)| Shape { data_bits, parity, stop_bits, msb_first })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_sent_is_received(
        shape in shapes(), bit in 7.0..60.0_f64, off in -0.02..0.02_f64, phase in 0.0..1.0_f64,
        bytes in prop::collection::vec((any::<u32>(), 0_u32..4, 0.0..9.0_f64), 1..40),
        length in 4_u32..12, threads in 1_usize..4,
    ) {
        let mut sender = Sender::new(shape.clone(), bit * (1.0 + off));
        sender.at = phase;
        sender.hold(true, 2.0);
        let mut sent = vec![];
        for (value, flags, idle) in bytes {
            let value = value & ((1 << shape.data_bits) - 1);
            let flags = if shape.parity == Parity::None { flags & FRAMING } else { flags };
            sent.push((sender.send(value, flags), value, flags));
            sender.hold(true, if idle < 4.0 { 0.0 } else { idle });
        }
        sender.hold(true, 2.0);
        let source = recording(&[sender.line], TimeBase::regular(1e6));
        let frames = 0..source.recording().streams[0].frames;
        let mut receiver = Uart::new(shape, bit, 0);
        let places = decode(&source, &mut receiver, frames, 1 << length, threads);
        let received: Vec<_> = places.iter().map(|p| (p.start, p.value as u32, p.flags & !BREAK)).collect();
        prop_assert_eq!(&received, &sent);
        prop_assert!(places.windows(2).all(|pair| pair[0].end <= pair[1].start));
        prop_assert!(places.iter().all(|p| p.end > p.start));
        prop_assert_eq!(receiver.troubles.false_starts, 0);
    }

    /// Behind a gap everything is as if the recording began there, for any levels whatever and any pieces.
    #[test]
    fn gaps_end_everything_and_pieces_do_not(
        runs in prop::collection::vec((1_usize..40, 0_u8..8), 10..200),
        cuts in prop::collection::btree_set(1_u64..2000, 0..5),
        from in 0_u64..300, length in 2_u32..12, threads in 1_usize..4,
    ) {
        let levels: Vec<u8> = runs.iter().flat_map(|&(n, level)| std::iter::repeat_n(level, n)).collect();
        let lines: Vec<Vec<bool>> =
            (0..3).map(|i| levels.iter().map(|level| level >> i & 1 == 1).collect()).collect();
        let frames = levels.len() as u64;
        let gaps: Vec<u64> = cuts.into_iter().filter(|&cut| cut < frames).collect();
        let from = from.min(frames - 1);
        let shape = Shape { data_bits: 8, parity: Parity::Even, stop_bits: 1.0, msb_first: false };
        let decoders: [(usize, New<'_>); 3] = [
            (1, &|| Box::new(Uart::new(shape.clone(), 5.3, 0))),
            (2, &|| Box::new(i2c::of_channel(1))),
            (3, &|| Box::new(spi::for_tests())),
        ];
        for (count, new) in decoders {
            let lines = &lines[..count];
            let whole = recording(lines, time_with_gaps(&gaps));
            let ours = decode(&whole, new().as_mut(), from..frames, 1 << length, threads);
            let mut apart = vec![];
            let borders: Vec<u64> = [from].into_iter().chain(gaps.iter().copied().filter(|&g| g > from)).chain([frames]).collect();
            for part in borders.windows(2) {
                let part = part[0] as usize..part[1] as usize;
                let lines: Vec<Vec<bool>> = lines.iter().map(|line| line[part.clone()].to_vec()).collect();
                let places = decode(&recording(&lines, TimeBase::regular(1e6)), new().as_mut(), 0..part.len() as u64, 4096, 1);
                let shift = part.start as u64;
                apart.extend(places.into_iter().map(|p| Place { start: p.start + shift, end: p.end + shift, ..p }));
            }
            prop_assert_eq!(ours, apart);
        }
    }

    #[test]
    fn the_baud_rate_is_found(
        baud in prop_oneof![Just(9600.0), Just(19_200.0), Just(57_600.0), Just(115_200.0), Just(250_000.0), Just(33_333.0)],
        mut bytes in prop::collection::vec(any::<u8>(), 8..60),
    ) {
        // Without a single bit anywhere there is more than one answer.
        bytes.push(0x55);
        let shape = Shape { data_bits: 8, parity: Parity::None, stop_bits: 1.0, msb_first: false };
        let mut sender = Sender::new(shape, 2e6 / baud);
        sender.hold(true, 20.0);
        for byte in &bytes {
            sender.send(u32::from(*byte), 0);
        }
        sender.hold(true, 20.0);
        let source = recording(&[sender.line], TimeBase::regular(2e6));
        let report = run(&uart::ANALYSIS, &source, &[], &Task::unattended()).unwrap();
        let found = report.json["baud"].as_f64().unwrap();
        prop_assert!((found / baud - 1.0).abs() < 0.01, "{} instead of {}", found, baud);
        let received: Vec<u8> = events(&report).places.iter().map(|p| p.value as u8).collect();
        prop_assert_eq!(received, bytes);
    }
}

fn shape() -> Shape {
    Shape { data_bits: 8, parity: Parity::None, stop_bits: 1.0, msb_first: false }
}

#[test]
fn a_baud_rate_is_found_where_there_are_no_single_bits() {
    for byte in [0x00, 0x0f, 0xf0, 0x33] {
        let mut sender = Sender::new(shape(), 1e6 / 9600.0);
        sender.hold(true, 30.0);
        for _ in 0..20 {
            sender.send(byte, 0);
            sender.hold(true, 4.0);
        }
        let source = recording(&[sender.line], TimeBase::regular(1e6));
        let report = run(&uart::ANALYSIS, &source, &[], &Task::unattended()).unwrap();
        assert_eq!(report.json["baud"], 9600.0, "{byte:#x}");
    }
}

#[test]
fn a_break_is_a_byte_with_a_mark_and_what_follows_is_in_step() {
    let mut sender = Sender::new(shape(), 10.0);
    sender.hold(true, 5.0);
    sender.send(0x55, 0);
    sender.hold(false, 25.0);
    sender.hold(true, 2.0);
    sender.send(0xaa, 0);
    // A glitch is no byte, nor is one that the end cuts off.
    sender.hold(true, 3.0);
    sender.hold(false, 0.3);
    sender.hold(true, 3.0);
    sender.send(0x0f, 0);
    sender.line.truncate(sender.line.len() - 20);
    let source = recording(&[sender.line], TimeBase::regular(1e6));
    let report = run(&uart::ANALYSIS, &source, &[("baud", "100000")], &Task::unattended()).unwrap();
    let places: Vec<_> = events(&report).places.iter().map(|p| (p.start, p.end, p.value as u8, p.flags)).collect();
    assert_eq!(places, [(50, 150, 0x55, 0), (150, 250, 0, FRAMING | BREAK), (420, 520, 0xaa, 0)]);
    for (key, count) in [("framing_errors", 1), ("breaks", 1), ("false_starts", 1), ("cut", 1)] {
        assert_eq!(report.json[key], count, "{key}");
    }
    let rows = report.whole_json();
    assert_eq!(rows["bytes"][0]["text"], "U");
    assert_eq!(rows["bytes"][1]["break"], true);
    assert_eq!((events(&report).label)(&events(&report).places[0], &events(&report).context), "0x55 'U'");
    assert_eq!((events(&report).label)(&events(&report).places[1], &events(&report).context), "0x00 break");
}

#[test]
fn the_streamed_json_is_the_whole_one() {
    let mut sender = Sender::new(shape(), 10.0);
    sender.hold(true, 5.0);
    let empty = recording(&[sender.line.iter().copied().chain([false, true]).collect()], TimeBase::regular(1e6));
    (0..2000).for_each(|i| sender.say(i & 255));
    let full = recording(&[sender.line], TimeBase::regular(1e6));
    for (source, count) in [(empty, 0), (full, 2000)] {
        let report = run(&uart::ANALYSIS, &source, &[("baud", "100000")], &Task::unattended()).unwrap();
        assert_eq!(events(&report).places.len(), count);
        let mut text = vec![];
        report.write_json(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        // Both read by the same reader, which is not exact to the last bit of a number.
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert!(read(&text) == read(&report.whole_json().to_string()));
    }
}

#[test]
fn a_limit_stops_early_and_says_so() {
    let mut sender = Sender::new(shape(), 10.0);
    sender.hold(true, 5.0);
    (0..3000).for_each(|i| sender.say(i & 255));
    let source = recording(&[sender.line], TimeBase::regular(1e6));
    let task = Task::unattended();
    let report = run(&uart::ANALYSIS, &source, &[("baud", "100000"), ("limit", "100")], &task).unwrap();
    assert_eq!((events(&report).places.len(), &report.json["complete"]), (100, &serde_json::json!(false)));
    assert!(report.notes.iter().any(|note| note.contains("stopped at 100 bytes")), "{:?}", report.notes);
    let all = run(&uart::ANALYSIS, &source, &[("baud", "100000"), ("limit", "3000")], &task).unwrap();
    assert_eq!((events(&all).places.len(), &all.json["complete"]), (3000, &serde_json::json!(true)));
    assert_eq!(task.budget().used(), 0);
}

#[test]
fn analog_lines_bits_and_offsets_say_the_same() {
    let mut sender = Sender::new(shape(), 20.0);
    // Idle most of the time: a look here and there would miss what is said.
    sender.hold(true, 40_000.0);
    let text = b"longwave";
    text.iter().for_each(|&byte| sender.say(u32::from(byte)));
    sender.hold(true, 10.0);
    let mut seed = 9_u64;
    let mut noise = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    };
    let analog: Vec<f32> =
        sender.line.iter().map(|&high| if high { 3.3 } else { 0.1 } + 0.3 * noise() as f32).collect();
    // Upside down by the gain, with a value that is none here and there.
    let stored: Vec<f32> =
        analog.iter().enumerate().map(|(i, &v)| if i % 5003 == 0 { f32::NAN } else { (v - 1.0) / -0.5 }).collect();
    let port: Vec<u8> =
        sender.line.iter().enumerate().map(|(i, &high)| u8::from(high) << 3 | (i % 7) as u8 & 5).collect();
    let source = |samples: Samples, kind, scale| -> Arc<dyn Source> {
        let mut channel = Channel::numbered(0);
        (channel.scale, channel.unit) = (scale, "V".to_owned());
        let (time, format) = (TimeBase::regular(1e6), SampleFormat::native(kind));
        let stream =
            Stream { name: "data".into(), format, time, frames: samples.len() as u64, channels: vec![channel] };
        let recording = Recording { name: "test".into(), streams: vec![stream], ..Recording::default() };
        Arc::new(MemorySource::new(recording, vec![samples]).unwrap())
    };
    let cases: [(Arc<dyn Source>, Given<'_>); 4] = [
        (source(Samples::F32(stored.clone()), SampleType::F32, Scale { gain: -0.5, offset: 1.0 }), &[]),
        (source(Samples::F32(stored), SampleType::F32, Scale { gain: -0.5, offset: 1.0 }), &[("threshold", "1.4")]),
        (source(Samples::U8(port.clone()), SampleType::U8, Scale::default()), &[("bit", "3"), ("baud", "50000")]),
        (source(Samples::U8(port), SampleType::U8, Scale::default()), &[("channel", "ch 0:3"), ("baud", "auto")]),
    ];
    for (source, settings) in cases {
        let report = run(&uart::ANALYSIS, &source, settings, &Task::unattended()).unwrap();
        let received: Vec<u8> = events(&report).places.iter().map(|p| p.value as u8).collect();
        assert_eq!(received, text, "{settings:?} {}", report.json);
        // Eight letters are few: what is found is near.
        assert!((report.json["baud"].as_f64().unwrap() / 50_000.0 - 1.0).abs() < 0.02, "{}", report.json);
        assert_eq!(events(&report).places[0].start, 800_000);
    }
}

#[test]
fn what_cannot_be_decoded_is_explained() {
    let levels = |values: Vec<f64>, time| -> Arc<dyn Source> {
        let mut channel = Channel::numbered(0);
        channel.unit = "V".to_owned();
        let format = SampleFormat::native(SampleType::F64);
        let stream = Stream { name: "data".into(), format, time, frames: values.len() as u64, channels: vec![channel] };
        let recording = Recording { name: "test".into(), streams: vec![stream], ..Recording::default() };
        Arc::new(MemorySource::new(recording, vec![Samples::F64(values)]).unwrap())
    };
    let square = |n: usize| (0..n).map(|i| if i / 50 % 2 == 0 { 3.0 } else { 0.0 }).collect::<Vec<f64>>();
    let ramp: Vec<f64> = (0..5000).map(|i| f64::from(i) / 5000.0).collect();
    let regular = || TimeBase::regular(1e6);
    let cases: [(Arc<dyn Source>, Given<'_>, &str); 12] = [
        (levels(square(5000), regular()), &[("baud", "600000")], "above half the sampling rate"),
        (levels(square(5000), TimeBase::frames_only()), &[("baud", "9600")], "--rate"),
        (levels(vec![3.0; 5000], regular()), &[("baud", "9600")], "is 3 V throughout"),
        (levels(vec![3.0; 5000], regular()), &[], "is 3 V throughout"),
        (levels(vec![f64::NAN; 5000], regular()), &[], "holds no numbers"),
        (levels(ramp.clone(), regular()), &[], "does not show two levels"),
        (
            levels(ramp, regular()),
            &[("threshold", "1.4")],
            "nothing crosses 1.4 V on channel ch 0: the channel stays within",
        ),
        (levels(square(5000), regular()), &[("channel", "tx")], "use one of: 0 (ch 0)"),
        (levels(square(5000), regular()), &[("threshold", "1.4"), ("hysteresis", "9")], "use a smaller --hysteresis"),
        (levels(square(5000), regular()), &[("channel", "all,0")], "no channel or digital line"),
        (levels(square(5000), regular()), &[("bit", "3")], "no bits"),
        (levels(vec![], regular()), &[], "holds no numbers"),
    ];
    for (source, settings, expected) in cases {
        let error = run(&uart::ANALYSIS, &source, settings, &Task::unattended()).unwrap_err().to_string();
        assert!(error.contains(expected), "{settings:?}: {error}");
    }
    // Two samples a bit are allowed, and warned of.
    let source = levels(square(5000), regular());
    let report = run(&uart::ANALYSIS, &source, &[("baud", "500000")], &Task::unattended()).unwrap();
    assert!(report.notes.iter().any(|note| note.contains("only 2.00 samples")), "{:?}", report.notes);
    for (analysis, settings, expected) in [
        (&spi::ANALYSIS, &[("clk", "0")][..], "--mosi"),
        (&spi::ANALYSIS, &[("mosi", "0")], "--clk"),
        (&spi::ANALYSIS, &[("clk", "0"), ("mosi", "0")], "the same line"),
        (&i2c::ANALYSIS, &[("scl", "0")], "--sda"),
    ] {
        let error = run(analysis, &source, settings, &Task::unattended()).unwrap_err().to_string();
        assert!(error.contains(expected), "{settings:?}: {error}");
    }
}

/// A recording with one digital line besides.
struct Tracked {
    inner: Arc<dyn Source>,
    recording: Recording,
    line: Vec<bool>,
}

impl Source for Tracked {
    fn recording(&self) -> &Recording {
        &self.recording
    }

    fn read(&self, stream: usize, frames: Range<u64>, channels: &[usize], out: &mut Block) -> Result<()> {
        self.inner.read(stream, frames, channels, out)
    }

    fn read_events(&self, _: usize, range: Range<f64>, out: &mut Vec<Event>) -> Result<()> {
        let time = &self.recording.streams[0].time;
        let mut last = None;
        for (frame, &level) in self.line.iter().enumerate() {
            let start_secs = time.secs_of_frame(frame as u64);
            if range.contains(&start_secs) && last.replace(level) != Some(level) {
                let label = if level { "1" } else { "0" }.to_owned();
                out.push(Event { start_secs, duration_secs: 0.0, label });
            }
        }
        Ok(())
    }
}

#[test]
fn digital_lines_of_the_file_say_the_same_as_channels() {
    let mut sender = Sender::new(shape(), 9.3);
    sender.hold(true, 5.0);
    for byte in 0..120 {
        sender.say(byte);
        sender.hold(true, f64::from(byte % 5));
    }
    let line = sender.line;
    let inner = recording(std::slice::from_ref(&line), time_with_gaps(&[1234, 5000]));
    let track = |name: &str| EventTrack { name: name.to_owned(), description: String::new(), events: None };
    let events = vec![track("ECU_digital/Din1"), track("other/Din2"), track("ECU_digital/Din2")];
    let described = Recording { events, ..inner.recording().clone() };
    let tracked: Arc<dyn Source> = Arc::new(Tracked { recording: described, line, inner: Arc::clone(&inner) });
    let task = Task::unattended();
    let places = |source, channel| -> Vec<_> {
        let report = run(&uart::ANALYSIS, source, &[("channel", channel), ("baud", "107527")], &task).unwrap();
        events_of(&report)
    };
    let wanted = places(&inner, "0");
    assert!(wanted.len() > 115);
    assert_eq!(places(&tracked, "Din1"), wanted);
    assert_eq!(places(&tracked, "ECU_digital/Din1"), wanted);
    let error = run(&uart::ANALYSIS, &tracked, &[("channel", "Din2")], &task).unwrap_err().to_string();
    assert!(error.contains("may be other/Din2 or ECU_digital/Din2"), "{error}");
    let error = run(&uart::ANALYSIS, &tracked, &[("channel", "Din9")], &task).unwrap_err().to_string();
    assert!(error.contains("0 (ch 0), ECU_digital/Din1"), "{error}");
}

fn events_of(report: &Report) -> Vec<(u64, u64, f64, u32)> {
    events(report).places.iter().map(|p| (p.start, p.end, p.value, p.flags)).collect()
}
