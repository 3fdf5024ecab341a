//! The made recording behind `longwave demo`: what a first look should show, and what tests can rely on.
//!
//! An imagined headstage at 30 kHz: tetrodes with two neurons each, a slow wave that travels over the channels, a tone
//! that drifts through the second tetrode, mains hum on the last channel, two artefacts that saturate everything,
//! stretches of lost packets, three digital lines and two analog inputs of a behaviour box. Written as `.rec` (a header
//! as Trodes writes it and packets; python-neo opens it), or, where the target's name says so, as `.npy` without the
//! lost packets. The same request gives the same bytes.
//!
//! Samples are made block by block; nothing is held but one block of packets.

use std::f64::consts::TAU;
use std::io::Write as _;
use std::path::Path;

use crate::error::{Error, Result};
use crate::file::AtomicFile;
use crate::source::OpenOptions;
use crate::task::Task;

/// What `longwave demo` makes unless told otherwise: 143 MB.
pub const DEFAULT_SECONDS: f64 = 90.0;
/// Four tetrodes.
pub const DEFAULT_CHANNELS: usize = 16;
pub const MAX_CHANNELS: usize = 4096;
pub const MAX_SECONDS: f64 = 7.0 * 86_400.0;

const RATE_HZ: f64 = 30_000.0;
/// Microvolts of one step of the converter, as in Intan's chips.
const UV_PER_STEP: f64 = 0.195;
const BLOCK_FRAMES: u64 = 3000;
/// Sync, Controller_DIO 1, ECU 8, SysClock 8, counter 4.
const PACKET_HEAD_BYTES: usize = 1 + 1 + 8 + 8 + 4;
const FIRST_COUNTER: u32 = 1_327_428;
/// 2024-05-17T09:30:00Z.
const START_UNIX_MS: i64 = 1_715_938_200_000;
/// The controller's clock and the wall's differ by this much, as real ones do.
const CLOCK_PPM: f64 = 12.0;
const SPIKE_FRAMES: usize = 48;

/// Writes a made recording of `seconds` and `channels` to `target`: `.npy` if its name ends so, `.rec` otherwise.
///
/// # Errors
/// When the numbers make no sense, the target exists (unless `overwrite`) or cannot be written, the disk has no room,
/// or the task is stopped; nothing is left behind then.
pub fn write_demo(target: &Path, seconds: f64, channels: usize, task: &Task, overwrite: bool) -> Result<()> {
    if !(seconds > 0.0 && seconds <= MAX_SECONDS) {
        return Err(Error::invalid(format!("{seconds} seconds cannot be made"))
            .with_remedy(format!("choose more than 0 and at most {MAX_SECONDS}")));
    }
    if channels == 0 || channels > MAX_CHANNELS {
        return Err(Error::invalid(format!("{channels} channels cannot be made"))
            .with_remedy(format!("choose 1 to {MAX_CHANNELS}")));
    }
    let ticks = ((seconds * RATE_HZ).round() as u64).max(1);
    let npy = target.extension().is_some_and(|e| e.eq_ignore_ascii_case("npy"));
    let header = if npy { npy_header(ticks, channels) } else { xml_header(channels).into_bytes() };
    let frame_bytes = 2 * channels + if npy { 0 } else { PACKET_HEAD_BYTES };
    let lost = if npy { Vec::new() } else { lost_ticks(ticks) };
    let frames = ticks - lost.iter().map(|(start, end)| end - start).sum::<u64>();
    let bytes = header.len() as u64 + frames * frame_bytes as u64;
    let mut out = AtomicFile::create(target, bytes, overwrite)?;
    task.set_total(bytes);
    let mut reservation = task.budget().reserve(0)?;
    let block_bytes = BLOCK_FRAMES as usize * (frame_bytes + 2 * channels);
    reservation.resize(block_bytes as u64)?;
    out.write_all(&header).map_err(|e| out.explain(e))?;
    task.advance(header.len() as u64)?;

    let mut signals = Signals::new(channels, ticks);
    let mut packets = Vec::with_capacity(BLOCK_FRAMES as usize * frame_bytes);
    let mut samples = vec![0_i16; BLOCK_FRAMES as usize * channels];
    let mut first = 0;
    while first < ticks {
        let count = BLOCK_FRAMES.min(ticks - first) as usize;
        let samples = &mut samples[..count * channels];
        signals.make(first, count, samples);
        packets.clear();
        for i in 0..count {
            let tick = first + i as u64;
            if !npy {
                if lost.iter().any(|&(start, end)| (start..end).contains(&tick)) {
                    continue;
                }
                packets.extend_from_slice(&packet_head(tick, signals.artefact(tick) != 0.0));
            }
            for channel in 0..channels {
                packets.extend_from_slice(&samples[channel * count + i].to_le_bytes());
            }
        }
        out.write_all(&packets).map_err(|e| out.explain(e))?;
        task.advance(packets.len() as u64)?;
        first += count as u64;
    }
    out.commit()?;
    if npy {
        let options = OpenOptions {
            rate_hz: Some(RATE_HZ),
            gain: Some(UV_PER_STEP),
            unit: Some("uV".to_owned()),
            start: Some("2024-05-17T09:30:00Z".to_owned()),
            ..OpenOptions::default()
        };
        options.save_beside(target)?;
    }
    Ok(())
}

/// The header of a little-endian int16 array of `frames` × `channels`, version 1.0.
fn npy_header(frames: u64, channels: usize) -> Vec<u8> {
    let mut text = format!("{{'descr': '<i2', 'fortran_order': False, 'shape': ({frames}, {channels}), }}");
    while !(10 + text.len() + 1).is_multiple_of(64) {
        text.push(' ');
    }
    text.push('\n');
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend_from_slice(&(text.len() as u16).to_le_bytes());
    header.extend_from_slice(text.as_bytes());
    header
}

/// The header as Trodes writes it; one chip of `channels` channels, so that columns are in ascending order.
fn xml_header(channels: usize) -> String {
    let mut xml = format!(
        r#"<?xml version="1.0"?>
<Configuration>
 <GlobalConfiguration trodesVersion="2.4.1" systemTimeAtCreation="{START_UNIX_MS}" timestampAtCreation="{FIRST_COUNTER}" controllerFirmwareVersion="3.18" headstageFirmwareVersion="4.4" filePrefix="longwave demo" saveDisplayedChanOnly="1" realtimeMode="0"/>
 <HardwareConfiguration samplingRate="{RATE_HZ}" numChannels="{channels}">
  <Device name="Controller_DIO" packetOrderPreference="10" numBytes="1" available="1">
   <Channel id="Controller_Din1" dataType="digital" startByte="0" bit="0" input="1"/>
   <Channel id="Controller_Din2" dataType="digital" startByte="0" bit="1" input="1"/>
  </Device>
  <Device name="ECU" packetOrderPreference="20" numBytes="8" available="1">
   <Channel id="ECU_Din1" dataType="digital" startByte="0" bit="0" input="1"/>
   <Channel id="ECU_Ain1" dataType="analog" startByte="4" bit="0" input="1"/>
   <Channel id="ECU_Ain2" dataType="analog" startByte="6" bit="0" input="1"/>
  </Device>
  <Device name="SysClock" packetOrderPreference="10000" numBytes="8" available="1"/>
 </HardwareConfiguration>
 <SpikeConfiguration device="intan" chanPerChip="{channels}" categories="">
"#
    );
    for first in (0..channels).step_by(4) {
        xml.push_str(&format!(
            "  <SpikeNTrode id=\"{}\" spikeScalingToUv=\"{UV_PER_STEP}\" rawScalingToUv=\"{UV_PER_STEP}\" lfpScalingToUv=\"{UV_PER_STEP}\" lowFilter=\"300\" highFilter=\"6000\">\n",
            first / 4 + 1
        ));
        for channel in first..channels.min(first + 4) {
            xml.push_str(&format!(
                "   <SpikeChannel hwChan=\"{channel}\" thresh=\"30\" maxDisp=\"200\" triggerOn=\"1\"/>\n"
            ));
        }
        xml.push_str("  </SpikeNTrode>\n");
    }
    xml.push_str(" </SpikeConfiguration>\n</Configuration>\n");
    xml
}

/// Ticks whose packets are lost: two single ones, a quarter of a second, and a second and a half.
fn lost_ticks(ticks: u64) -> Vec<(u64, u64)> {
    let at = |share: f64| (ticks as f64 * share) as u64;
    let secs = |s: f64| (s * RATE_HZ) as u64;
    [(at(0.11), 1), (at(0.32), secs(0.25)), (at(0.47), 1), (at(0.71), secs(1.5))]
        .into_iter()
        // The longer ones only where there is room for them.
        .map(|(start, len)| (start, start + len.min(ticks / 30)))
        .filter(|(start, end)| *start > 0 && end > start)
        .collect()
}

/// Everything before the ephys samples.
fn packet_head(tick: u64, artefact: bool) -> [u8; PACKET_HEAD_BYTES] {
    let secs = tick as f64 / RATE_HZ;
    let mut head = [0; PACKET_HEAD_BYTES];
    head[0] = 0x55;
    head[1] = u8::from(tick / RATE_HZ as u64 % 2 == 1) | u8::from(artefact) << 1;
    // The animal runs to and fro in eight seconds and licks at one end.
    let lap = (secs / 8.0).fract();
    let position = 1.0 - (2.0 * lap - 1.0).abs();
    head[2] = u8::from(position > 0.95 && (secs * 7.0).fract() < 0.3);
    head[6..8].copy_from_slice(&((position * 20_000.0) as i16).to_le_bytes());
    let speed = (lap * TAU).sin().abs() * 9_000.0;
    head[8..10].copy_from_slice(&(speed as i16).to_le_bytes());
    let clock = START_UNIX_MS * 1_000_000 + (secs * 1e9 * (1.0 + CLOCK_PPM * 1e-6)).round() as i64;
    head[10..18].copy_from_slice(&clock.to_le_bytes());
    head[18..22].copy_from_slice(&FIRST_COUNTER.wrapping_add(tick as u32).to_le_bytes());
    head
}

/// The ephys signals; asked for one block after the other.
struct Signals {
    channels: usize,
    artefacts: [(f64, f64); 2],
    noise: Vec<Random>,
    units: Vec<Unit>,
    /// What all channels share, each frame of the block: slow wave (cosine, sine), tone, hum, artefact; microvolts.
    shared: Vec<[f32; 5]>,
    trace: Vec<f32>,
}

/// A neuron: its spike, how strongly each channel of its tetrode sees it, and when it fires.
struct Unit {
    shape: [f32; SPIKE_FRAMES],
    first_channel: usize,
    gains: [f32; 4],
    rate_hz: f64,
    random: Random,
    next_tick: u64,
    /// Spikes that reach into the next block.
    unfinished: Vec<u64>,
}

impl Unit {
    fn new(index: usize) -> Self {
        let mut random = Random::new(0xA11CE + index as u64);
        let height = 70.0 + 130.0 * random.unit();
        let width = 7.0 + 6.0 * random.unit();
        let shape = std::array::from_fn(|i| {
            let t = (i as f64 - 14.0) / width;
            (height * (0.45 * (-(t - 1.6).powi(2) / 1.8).exp() - (-t * t * 2.2).exp())) as f32
        });
        let nearest = (random.unit() * 4.0) as usize % 4;
        let gains = std::array::from_fn(|k| if k == nearest { 1.0 } else { (0.15 + 0.6 * random.unit()) as f32 });
        let rate_hz = 2.0 + 18.0 * random.unit();
        let mut unit =
            Self { shape, first_channel: index / 2 * 4, gains, rate_hz, random, next_tick: 0, unfinished: Vec::new() };
        unit.next_tick = unit.interval();
        unit
    }

    /// Ticks to the next spike: at random, but not within two milliseconds.
    fn interval(&mut self) -> u64 {
        let secs = 0.002 - (1.0 - self.random.unit()).ln() / self.rate_hz;
        (secs * RATE_HZ) as u64
    }
}

impl Signals {
    fn new(channels: usize, ticks: u64) -> Self {
        let secs = ticks as f64 / RATE_HZ;
        Self {
            channels,
            artefacts: [(secs * 0.4, 0.12), (secs * 0.85, 0.3)],
            noise: (0..channels).map(|c| Random::new(0x5EED + c as u64)).collect(),
            units: (0..channels.div_ceil(4) * 2).map(Unit::new).collect(),
            shared: vec![[0.0; 5]; BLOCK_FRAMES as usize],
            trace: vec![0.0; BLOCK_FRAMES as usize],
        }
    }

    /// A stimulus that saturates the amplifier and rings off, microvolts; zero elsewhere.
    fn artefact(&self, tick: u64) -> f64 {
        let secs = tick as f64 / RATE_HZ;
        self.artefacts
            .iter()
            .filter(|(start, len)| (*start..start + len).contains(&secs))
            .map(|(start, len)| {
                let t = secs - start;
                9_000.0 * (-5.0 * t / len).exp() * if (t * 200.0).fract() < 0.5 { 1.0 } else { -1.0 }
            })
            .sum()
    }

    /// Fills `out[channel * count + i]` with the stored value at tick `first + i`.
    fn make(&mut self, first: u64, count: usize, out: &mut [i16]) {
        for i in 0..count {
            let secs = (first + i as u64) as f64 / RATE_HZ;
            let slow = TAU * (7.0 * secs + 0.8 * (TAU * 0.05 * secs).sin());
            // From 300 to 3,300 Hz and back within 40 seconds; the phase is the integral of that.
            let tone = TAU * (1_800.0 * secs - 1_500.0 * 40.0 / TAU * (TAU * secs / 40.0).sin());
            self.shared[i] = [
                (120.0 * slow.cos()) as f32,
                (120.0 * slow.sin()) as f32,
                (45.0 * tone.sin()) as f32,
                (150.0 * (TAU * 50.0 * secs).sin() + 40.0 * (TAU * 150.0 * secs).sin()) as f32,
                self.artefact(first + i as u64) as f32,
            ];
        }
        let spikes: Vec<(usize, Vec<u64>)> =
            self.units.iter_mut().enumerate().map(|(u, unit)| (u, unit.spikes(first, count))).collect();
        for channel in 0..self.channels {
            let phase = TAU * 0.5 * channel as f64 / self.channels as f64;
            let slow = [phase.cos() as f32, phase.sin() as f32];
            let tone =
                if (4..8).contains(&channel) || self.channels <= 4 { 1.0 - 0.2 * (channel % 4) as f32 } else { 0.0 };
            let hum = if channel + 1 == self.channels { 1.0 } else { 0.02 };
            let trace = &mut self.trace[..count];
            let random = &mut self.noise[channel];
            for (x, s) in trace.iter_mut().zip(&self.shared) {
                *x = 9.0 * random.normal() + slow[0] * s[0] + slow[1] * s[1] + tone * s[2] + hum * s[3] + s[4];
            }
            for (u, ticks) in &spikes {
                let unit = &self.units[*u];
                let Some(&gain) = channel.checked_sub(unit.first_channel).and_then(|k| unit.gains.get(k)) else {
                    continue;
                };
                for &tick in ticks {
                    for (k, v) in unit.shape.iter().enumerate() {
                        let at = (tick + k as u64).checked_sub(first).map(|at| at as usize);
                        if let Some(x) = at.and_then(|at| trace.get_mut(at)) {
                            *x += gain * v;
                        }
                    }
                }
            }
            for (stored, x) in out[channel * count..(channel + 1) * count].iter_mut().zip(trace.iter()) {
                // `as` saturates, as the amplifier does.
                *stored = (x * (1.0 / UV_PER_STEP) as f32).round() as i16;
            }
        }
    }
}

impl Unit {
    /// First ticks of the spikes that touch the block.
    fn spikes(&mut self, first: u64, count: usize) -> Vec<u64> {
        let end = first + count as u64;
        let mut spikes = std::mem::take(&mut self.unfinished);
        while self.next_tick < end {
            spikes.push(self.next_tick);
            self.next_tick += self.interval();
        }
        self.unfinished.extend(spikes.iter().copied().filter(|tick| tick + SPIKE_FRAMES as u64 > end));
        spikes
    }
}

/// A small generator (xorshift64*), so that every machine makes the same recording.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..4 {
            random.next();
        }
        random
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// In 0..1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Near enough to a normal distribution of variance 1: the sum of four even ones.
    fn normal(&mut self) -> f32 {
        let bits = self.next();
        let sum = (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
        (sum as f32 - 131_070.0) * (1.0 / 37_837.0)
    }
}
