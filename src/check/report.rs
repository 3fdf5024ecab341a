//! What a check found, in plain data: every figure, and the findings that make a recording unsound.

use super::packets::{PacketFindings, PacketLayout};
use super::signals::{MIN_CONSTANT, Signal};
use crate::file::FlatLayout;
use crate::recording::{ClockFit, SampleType, Stream, TimeBase};
use crate::source::Source;

/// Places of a finding that are told one by one.
const PLACES: usize = 10;
/// Crystals of two clocks differ by less.
const MAX_DRIFT_PPM: f64 = 200.0;
/// The readings of a sound system clock lie closer to their line.
const MAX_RESIDUAL_NS: f64 = 100e6;
/// An amplifier's channel that says the same for so long is not connected.
const STUCK_SECS: f64 = 1.0;

/// What can be wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Packets are missing.
    Dropped,
    /// Packets came twice, or more often than the counter allows.
    Duplicated,
    /// The counter goes back by less than a second.
    Backward,
    /// The counter starts again.
    Reset,
    /// Counters of a few packets do not fit those around them.
    DamagedCounter,
    /// Packets do not begin with the byte that packets begin with.
    WrongSync,
    /// The last packet is cut.
    Cut,
    /// Frames are missing, by the description of the file.
    Gap,
    /// The system clock and the sample clock run at different rates.
    Drift,
    /// Readings of the system clock are far from their line.
    ClockStrays,
    /// Samples are not numbers.
    NotNumbers,
    /// Samples are infinite.
    Infinite,
    /// All samples of a channel are the same.
    Flat,
    /// A channel stays the same for a second or longer.
    Stuck,
    /// Consecutive samples are at an end of the type's range.
    Clipped,
    /// Nothing was recorded.
    Empty,
}

impl Kind {
    /// The word for it, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::Duplicated => "duplicated",
            Self::Backward => "backward",
            Self::Reset => "reset",
            Self::DamagedCounter => "damaged-counter",
            Self::WrongSync => "wrong-sync",
            Self::Cut => "cut",
            Self::Gap => "gap",
            Self::Drift => "drift",
            Self::ClockStrays => "clock-strays",
            Self::NotNumbers => "nan",
            Self::Infinite => "infinite",
            Self::Flat => "flat",
            Self::Stuck => "stuck",
            Self::Clipped => "clipped",
            Self::Empty => "empty",
        }
    }
}

/// Where something is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Place {
    pub frame: u64,
    /// Seconds from frame 0.
    pub secs: f64,
    /// Byte offset in the file, where that is a place of its own.
    pub byte: Option<u64>,
    /// Packets, ticks or samples concerned.
    pub amount: u64,
}

impl Place {
    pub(super) fn of_packet(packets: &FlatLayout, time: &TimeBase, frame: u64, amount: u64) -> Self {
        let byte = packets.first_byte() + frame * packets.frame_stride();
        Self { frame, secs: time.secs_of_frame(frame), byte: Some(byte), amount }
    }

    /// Adds `place` to the first few.
    pub(super) fn keep(places: &mut Vec<Self>, place: Self) {
        if places.len() < PLACES {
            places.push(place);
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Debug)]
pub struct Finding {
    pub kind: Kind,
    /// The channel concerned, if it is one channel.
    pub channel: Option<String>,
    /// In how many places.
    pub places: u64,
    /// How many packets, ticks (of resets and gaps) or samples in all.
    pub amount: u64,
    /// The first of the places.
    pub first: Vec<Place>,
    /// For people.
    pub text: String,
}

/// The packets of a `.rec`.
#[derive(Clone, PartialEq, Debug)]
pub struct PacketReport {
    pub packets: u64,
    pub packet_bytes: u64,
    /// How often the counter went through 2³².
    pub wraps: u64,
    /// Gaps that opening the file does not show, because others cancel them out.
    pub unseen_gaps: u64,
    /// Bytes behind the last whole packet.
    pub cut_bytes: u64,
}

/// The system clock against the sample clock.
#[derive(Clone, PartialEq, Debug)]
pub struct ClockReport {
    pub fit: ClockFit,
    /// How much faster the system clock runs, parts per million.
    pub drift_ppm: f64,
    /// The standard error of that, for readings that jitter independently.
    pub drift_error_ppm: f64,
    /// Readings that are more than a second from the line, and left out of it.
    pub strays: u64,
}

/// One channel.
#[derive(Clone, PartialEq, Debug)]
pub struct ChannelReport {
    pub id: String,
    pub name: String,
    pub nan: u64,
    pub infinite: u64,
    pub flat: bool,
    /// The longest stretch of equal samples (of at least 512 frames): frames, and the first of them.
    pub longest_constant: Option<(u64, u64)>,
    /// Samples at the least and the greatest value of the type.
    pub at_lowest: u64,
    pub at_highest: u64,
    /// Runs of two and more of them.
    pub clipped_runs: u64,
    /// Frames of the longest such run.
    pub longest_clipped: u64,
    /// The first frame of the first.
    pub first_clipped: Option<u64>,
}

/// Everything that was found.
#[derive(Clone, PartialEq, Debug)]
pub struct Report {
    pub stream: String,
    pub frames: u64,
    pub duration_secs: f64,
    pub packets: Option<PacketReport>,
    pub clock: Option<ClockReport>,
    pub channels: Vec<ChannelReport>,
    /// Empty for a sound recording.
    pub findings: Vec<Finding>,
}

impl Report {
    pub(super) fn new(
        source: &dyn Source,
        stream: usize,
        layout: Option<&PacketLayout<'_>>,
        signals: Vec<Signal>,
        packets: Option<PacketFindings>,
    ) -> Self {
        let recording = source.recording();
        let s = &recording.streams[stream];
        let mut findings = Vec::new();
        if s.frames == 0 {
            findings.push(Finding {
                kind: Kind::Empty,
                channel: None,
                places: 1,
                amount: 0,
                first: Vec::new(),
                text: "nothing was recorded".to_owned(),
            });
        }
        let packets = layout.zip(packets);
        let packet_report = packets.as_ref().map(|(layout, found)| packet_findings(layout, found, s, &mut findings));
        let clock = packets.as_ref().and_then(|(layout, found)| clock_findings(layout, found, s, &mut findings));
        if packet_report.is_none() {
            gap_findings(s, &mut findings);
        }
        let is_amplifier = recording.format == "rec" && recording.main_stream == Some(stream);
        let channels = channel_findings(s, &signals, is_amplifier, &mut findings);
        Self {
            stream: s.name.clone(),
            frames: s.frames,
            duration_secs: s.duration_secs(),
            packets: packet_report,
            clock,
            channels,
            findings,
        }
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

fn packet_findings(
    layout: &PacketLayout<'_>,
    found: &PacketFindings,
    s: &Stream,
    findings: &mut Vec<Finding>,
) -> PacketReport {
    for (kind, places, amount, first) in &found.found {
        let text = match kind {
            Kind::Dropped => "packets are missing",
            Kind::Duplicated => "packets were written twice",
            Kind::Backward => "the packet counter goes back",
            Kind::Reset => "the packet counter starts again",
            Kind::DamagedCounter => "the counters of packets do not fit those around them",
            _ => "packets do not begin with 0x55",
        };
        findings.push(Finding {
            kind: *kind,
            channel: None,
            places: *places,
            amount: *amount,
            first: first.clone(),
            text: text.to_owned(),
        });
    }
    let flat = layout.packets;
    let end = flat.first_byte() + flat.frames() * flat.frame_stride();
    let cut_bytes = flat.map().len().saturating_sub(end);
    if cut_bytes > 0 {
        findings.push(Finding {
            kind: Kind::Cut,
            channel: None,
            places: 1,
            amount: cut_bytes,
            first: vec![Place::of_packet(flat, &s.time, flat.frames(), cut_bytes)],
            text: format!("the last packet is cut: {cut_bytes} of {} bytes", flat.frame_stride()),
        });
    }
    PacketReport {
        packets: flat.frames(),
        packet_bytes: flat.frame_stride(),
        wraps: found.wraps,
        unseen_gaps: found.unseen,
        cut_bytes,
    }
}

fn clock_findings(
    layout: &PacketLayout<'_>,
    found: &PacketFindings,
    s: &Stream,
    findings: &mut Vec<Finding>,
) -> Option<ClockReport> {
    let mut push = |kind: Kind, places: u64, first: Option<Place>, text: String| {
        let first = first.into_iter().collect();
        findings.push(Finding { kind, channel: None, places, amount: places, first, text });
    };
    let fit = found.sums.as_ref().and_then(|sums| sums.line())?;
    let drift_ppm = fit.drift_ppm(s.time.rate_hz());
    // Ticks spread evenly: their standard deviation is the length over the square root of twelve.
    let length_ns = s.time.end_tick(s.frames) as f64 * fit.ns_per_tick;
    let drift_error_ppm = fit.residual_rms_ns * 12_f64.sqrt() / (length_ns * (fit.points as f64).sqrt()) * 1e6;
    if drift_ppm.abs() > MAX_DRIFT_PPM + 5.0 * drift_error_ppm {
        let text = format!("the system clock runs {drift_ppm:+.1} ppm against the packet counter");
        push(Kind::Drift, 1, None, text);
    }
    if found.strays > 0 {
        let first = found.first_stray.map(|frame| Place::of_packet(layout.packets, &s.time, frame, 1));
        push(
            Kind::ClockStrays,
            found.strays,
            first,
            "readings of the system clock are more than a second from the others".to_owned(),
        );
    } else if fit.residual_max_ns > MAX_RESIDUAL_NS {
        let text = format!("the system clock strays by up to {:.0} ms from its line", fit.residual_max_ns / 1e6);
        push(Kind::ClockStrays, 1, None, text);
    }
    Some(ClockReport { fit, drift_ppm, drift_error_ppm, strays: found.strays })
}

/// Gaps that the file (or its description) tells.
fn gap_findings(s: &Stream, findings: &mut Vec<Finding>) {
    let places = s.time.gaps().len() as u64;
    if places == 0 {
        return;
    }
    let place = |gap: crate::recording::Gap| Place {
        frame: gap.after_frame + 1,
        secs: s.time.secs_of_tick(gap.first_tick),
        byte: None,
        amount: gap.missing_frames,
    };
    findings.push(Finding {
        kind: Kind::Gap,
        channel: None,
        places,
        amount: s.time.gaps().map(|gap| gap.missing_frames).sum(),
        first: s.time.gaps().take(PLACES).map(place).collect(),
        text: "frames are missing".to_owned(),
    });
}

fn channel_findings(
    s: &Stream,
    signals: &[Signal],
    is_amplifier: bool,
    findings: &mut Vec<Finding>,
) -> Vec<ChannelReport> {
    let is_unsigned =
        matches!(s.format.sample_type, SampleType::U8 | SampleType::U16 | SampleType::U32 | SampleType::U64);
    let stuck = (STUCK_SECS * s.time.rate_hz()) as u64;
    let mut reports = Vec::with_capacity(signals.len());
    for (channel, signal) in s.channels.iter().zip(signals) {
        let at = |frame: u64, amount: u64| Place { frame, secs: s.time.secs_of_frame(frame), byte: None, amount };
        let mut push = |kind: Kind, places: u64, amount: u64, first: Option<Place>, text: String| {
            let (channel, first) = (Some(channel.name.clone()), first.into_iter().collect());
            findings.push(Finding { kind, channel, places, amount, first, text });
        };
        let flat = signal.is_flat();
        // A run of frames that are as the one before begins with that one.
        let constant = (signal.same.longest + 1, signal.same.longest_at.saturating_sub(1));
        let longest_constant = Some(constant).filter(|c| c.0 >= MIN_CONSTANT && signal.same.longest > 0);
        // Zero is where unsigned numbers rest; it is an end only for what mostly is elsewhere.
        let low_counts = !is_unsigned || signal.low.set * 2 < signal.low.len;
        let clipped = [(low_counts && !flat, &signal.low), (!flat, &signal.high)];
        let runs = clipped.iter().filter(|c| c.0).map(|c| c.1.runs).sum::<u64>();
        let samples = clipped.iter().filter(|c| c.0).map(|c| c.1.set).sum::<u64>();
        let longest = clipped.iter().filter(|c| c.0 && c.1.runs > 0).map(|c| c.1.longest).max().unwrap_or(0);
        let first_clipped = clipped.iter().filter(|c| c.0).filter_map(|c| c.1.first_at).min();
        if signal.nan > 0 {
            push(Kind::NotNumbers, 1, signal.nan, None, "samples are not numbers".to_owned());
        }
        if signal.infinite > 0 {
            push(Kind::Infinite, 1, signal.infinite, None, "samples are infinite".to_owned());
        }
        if flat {
            push(Kind::Flat, 1, s.frames, Some(at(0, s.frames)), "all samples are the same".to_owned());
        } else if let Some((frames, first)) = longest_constant.filter(|c| is_amplifier && c.0 > stuck) {
            let text = format!("stays the same for {:.1} s", frames as f64 / s.time.rate_hz());
            push(Kind::Stuck, 1, frames, Some(at(first, frames)), text);
        }
        if runs > 0 {
            let text = format!("{samples} samples are at an end of the range, up to {longest} in a row");
            push(Kind::Clipped, runs, samples, first_clipped.map(|f| at(f, longest)), text);
        }
        reports.push(ChannelReport {
            id: channel.id.clone(),
            name: channel.name.clone(),
            nan: signal.nan,
            infinite: signal.infinite,
            flat,
            longest_constant,
            at_lowest: signal.low.set,
            at_highest: signal.high.set,
            clipped_runs: runs,
            longest_clipped: longest,
            first_clipped,
        });
    }
    reports
}
