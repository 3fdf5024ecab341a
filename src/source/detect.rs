//! The detective for raw files: which sample type, byte order, number of channels and header would make sense of them.
//!
//! Every candidate layout is judged by how well it predicts the samples: the value of the same channel one frame ago,
//! or the straight line through the last two. The mean size of the error, channel by channel, gives the bits that a
//! sample would cost in a lossless code (Rice 1979; the fixed predictors are those of Shorten and FLAC), and the layout
//! with the fewest bits a byte is the likeliest: a wrong type, byte order or number of channels turns smooth signals
//! into noise. Floating-point candidates pay for values that no instrument measures (1e300, denormals), and the bits of
//! their mantissas count as far as they are used.
//!
//! Where no layout makes the samples smooth, as with noise, [`period`] looks for what else tells channels apart; if that
//! finds nothing either, the usual numbers that give whole frames are guessed alike, and none is called likely.
//!
//! Cost: at most [`MAX_SAMPLED_BYTES`] are looked at, whatever the length of the file.

mod header;
mod period;
mod preview;

use std::path::Path;

use header::header_bytes;
pub use preview::{Preview, preview};

use super::OpenOptions;
use super::raw;
use crate::error::Result;
use crate::file::FileMap;
use crate::recording::{ByteOrder, Sample, SampleFormat, SampleType};
use crate::with_type;

/// No more than this is read of a file.
pub const MAX_SAMPLED_BYTES: u64 = 1 << 20;
/// Stretches of the file that are looked at, and samples of each that are predicted.
const RUNS: usize = 3;
const RUN_SAMPLES: usize = 2560;
const MAX_CHANNEL_COUNT: usize = 1024;
/// A best guess with a lower score than this is not likelier than the others together.
pub const SURE: f64 = 0.5;
/// Guesses returned at most.
const MAX_GUESSES: usize = 12;
/// A layout whose prediction errors are at least this share of the differences between samples far apart predicts nothing.
const UNPREDICTED: f64 = 0.5;
/// Numbers of channels that are usual, for files that do not tell theirs.
const USUAL_COUNTS: [usize; 15] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 384, 24, 48, 96, 192, 385];
/// A prediction better than this share of the typical difference between samples far apart is as good as perfect;
/// otherwise a clean periodic signal would look like as many channels as it has samples a period.
const PERFECT: f64 = 1.0 / 12.0;
/// Doubling the number of channels must make the prediction better by this many bits.
const BITS_A_DOUBLING: f64 = 0.1;

/// A layout that would make sense.
#[derive(Clone, PartialEq, Debug)]
pub struct Guess {
    pub sample_type: SampleType,
    pub byte_order: ByteOrder,
    pub channel_count: usize,
    pub header_bytes: u64,
    /// How likely it is among the guesses returned: they add up to 1.
    pub score: f64,
    /// Why, for people.
    pub reason: String,
}

impl Guess {
    /// The guess as options, to open the file with or to preselect in a dialog.
    #[must_use]
    pub fn options(&self) -> OpenOptions {
        OpenOptions {
            format: Some(raw::FORMAT.name.into()),
            sample_type: Some(self.sample_type),
            byte_order: Some(self.byte_order),
            channel_count: Some(self.channel_count),
            header_bytes: Some(self.header_bytes),
            ..OpenOptions::default()
        }
    }

    /// The guess as options of the command line.
    #[must_use]
    pub fn command_line(&self) -> String {
        let mut line = format!("--format raw --dtype {}", self.sample_type.name());
        if self.byte_order == ByteOrder::Big {
            line.push_str(" --byte-order big");
        }
        line.push_str(&format!(" --channel-count {}", self.channel_count));
        if self.header_bytes > 0 {
            line.push_str(&format!(" --header-bytes {}", self.header_bytes));
        }
        line
    }
}

/// Ranked guesses of the layout of the file at `path`, the likeliest first; what `options` tell is taken as given.
/// None for a file that is too short to tell anything.
///
/// # Errors
/// When the file cannot be read.
pub fn guess(path: &Path, options: &OpenOptions) -> Result<Vec<Guess>> {
    let map = FileMap::open(path)?;
    let base = options.header_bytes.unwrap_or(0);
    let data = map.len().saturating_sub(base).saturating_sub(options.trailing_bytes.unwrap_or(0));
    let mut found: Vec<Candidate> = Vec::new();
    for sample_type in SampleType::ALL {
        for byte_order in [ByteOrder::Little, ByteOrder::Big] {
            let format = SampleFormat { sample_type, byte_order };
            let told = options.sample_type.is_some_and(|t| t != sample_type)
                || options.byte_order.is_some_and(|o| o != byte_order)
                || (sample_type.size() == 1 && byte_order == ByteOrder::Big);
            if !told && let Some(runs) = Runs::read(&map, base, data, format)? {
                found.extend(candidates(&runs, format, options.channel_count));
            }
        }
    }
    map.check()?;
    found.sort_by(|a, b| a.bits_per_byte.total_cmp(&b.bits_per_byte));
    if options.channel_count.is_none() {
        look_closer(&map, base, data, &mut found)?;
    }
    let mut guesses: Vec<Guess> = Vec::new();
    let best = found.first().map_or(0.0, |c| c.bits_per_byte);
    for candidate in found.into_iter().take(MAX_GUESSES) {
        let header_bytes = match options.header_bytes {
            Some(told) => told,
            None => header_bytes(&map, &candidate)?,
        };
        guesses.push(Guess {
            sample_type: candidate.format.sample_type,
            byte_order: candidate.format.byte_order,
            channel_count: candidate.channel_count,
            header_bytes,
            score: (-6.0 * (candidate.bits_per_byte - best)).exp2(),
            reason: candidate.reason(header_bytes),
        });
    }
    map.check()?;
    let total: f64 = guesses.iter().map(|g| g.score).sum();
    for guess in &mut guesses {
        guess.score /= total;
    }
    Ok(guesses)
}

/// Where the best candidate predicts nothing: what the samples tell of their number of channels all the same, or else
/// that nothing does, and what it may be.
fn look_closer(map: &FileMap, base: u64, data: u64, found: &mut Vec<Candidate>) -> Result<()> {
    let Some(best) = found.first().filter(|best| best.relative >= UNPREDICTED) else { return Ok(()) };
    let (format, bits_per_byte) = (best.format, best.bits_per_byte);
    let size = format.size() as u64;
    let like = |channel_count, better: f64, told| Candidate {
        format,
        channel_count,
        bits_per_byte: bits_per_byte - better,
        residual: best.residual,
        relative: best.relative,
        told,
    };
    // Behind what may be a header.
    let skipped = (data / size / 4).min(16_384);
    let samples = (data / size - skipped).min(period::SAMPLES as u64);
    let bytes = map.bytes(base + skipped * size..base + (skipped + samples) * size)?;
    let samples = with_type!(format.sample_type, T => decode::<T>(bytes, format.byte_order));
    if let Some(period) = period::channels(&samples) {
        let told = Told::Repeats { what: period.what };
        found.insert(0, like(period.count, (period.strength / 20.0).clamp(0.4, 1.0), Some(told)));
        return Ok(());
    }
    let whole = |&count: &usize| data.is_multiple_of(count as u64 * size);
    let usual: Vec<Candidate> =
        USUAL_COUNTS.into_iter().filter(whole).map(|count| like(count, 0.0, Some(Told::Nothing))).collect();
    if !usual.is_empty() {
        // What one number of channels predicts less badly than another is chance.
        found.retain(|candidate| candidate.format != format);
        found.splice(0..0, usual.into_iter().take(MAX_GUESSES));
    }
    Ok(())
}

/// A layout and what it costs.
#[derive(Debug)]
struct Candidate {
    format: SampleFormat,
    channel_count: usize,
    bits_per_byte: f64,
    /// Mean prediction error, stored units.
    residual: f64,
    /// The same, relative to the difference of samples far apart.
    relative: f64,
    /// What a closer look has told of the number of channels.
    told: Option<Told>,
}

/// What is known of the number of channels where samples do not predict each other.
#[derive(Clone, Copy, Debug)]
enum Told {
    Repeats { what: &'static str },
    Nothing,
}

impl Candidate {
    fn reason(&self, header_bytes: u64) -> String {
        let mut text = if let Some(Told::Repeats { what }) = self.told {
            format!("every {} samples something repeats: {what}", self.channel_count)
        } else if let Some(Told::Nothing) = self.told {
            "the samples do not tell how many channels there are; the file would hold whole frames".to_owned()
        } else if self.relative < UNPREDICTED {
            let closer = 1.0 / self.relative.max(1e-3);
            format!("samples {} apart are {closer:.0} times closer than others", self.channel_count)
        } else {
            "no number of channels makes the samples smooth".to_owned()
        };
        text.push_str(&format!("; about {:.1} of 8 bits of each byte are needed", self.bits_per_byte.clamp(0.0, 8.0)));
        if header_bytes > 0 {
            text.push_str(&format!("; the first {header_bytes} bytes are unlike the rest"));
        }
        text
    }
}

/// Samples of a few stretches of the file, as numbers.
struct Runs {
    runs: Vec<Vec<f64>>,
    /// The number of the first sample of each, so that all runs agree about which channel a sample belongs to.
    firsts: Vec<usize>,
    /// Mean number of mantissa bits in use (floats).
    mantissa_bits: f64,
    /// Share of values that no instrument measures (floats).
    implausible: f64,
    /// All values are 0 or 1.
    logical: bool,
    /// The farthest frame whose sample can be predicted from.
    max_lag: usize,
}

impl Runs {
    fn read(map: &FileMap, base: u64, data: u64, format: SampleFormat) -> Result<Option<Self>> {
        let size = format.size() as u64;
        let samples = data / size;
        if samples < 64 {
            return Ok(None);
        }
        // The front may be a header that nobody told of: stay behind it where the file is long enough.
        let skipped = (samples / 4).min(16_384);
        let usable = samples - skipped;
        let wanted = (RUN_SAMPLES + 2 * MAX_CHANNEL_COUNT) as u64;
        let (count, len) = if usable >= wanted * RUNS as u64 { (RUNS as u64, wanted) } else { (1, usable) };
        let len = len.min(MAX_SAMPLED_BYTES / 24 / size);
        let mut this = Self {
            runs: Vec::new(),
            firsts: Vec::new(),
            mantissa_bits: 0.0,
            implausible: 0.0,
            logical: true,
            max_lag: len as usize / 8,
        };
        this.max_lag = this.max_lag.min(MAX_CHANNEL_COUNT);
        for i in 0..count {
            // Eight samples are 8, 16, 32 or 64 bytes: runs begin where a sample of any type would.
            let first = skipped + (usable - len) * i / count.max(2).saturating_sub(1).max(1);
            let first = first.min(samples - len) / 8 * 8;
            let at = base + first * size;
            this.firsts.push(first as usize);
            let bytes = map.bytes(at..at + len * size)?;
            this.runs.push(with_type!(format.sample_type, T => decode::<T>(bytes, format.byte_order)));
        }
        this.judge(format.sample_type);
        Ok(Some(this))
    }

    fn judge(&mut self, sample_type: SampleType) {
        self.logical = self.runs.iter().flatten().all(|&x| x == 0.0 || x == 1.0);
        let (bits, smallest, largest) = match sample_type {
            SampleType::F16 => (11.0, 0.0, 6e4),
            SampleType::F32 => (24.0, 1e-20, 1e15),
            SampleType::F64 => (53.0, 1e-30, 1e18),
            _ => return,
        };
        let (mut used, mut nonzero, mut bad, mut count) = (0.0, 0.0, 0.0, 0.0_f64);
        for x in self.runs.iter().flatten().copied() {
            count += 1.0;
            if x == 0.0 {
                continue;
            }
            if !x.is_finite() || x.abs() < smallest || x.abs() > largest {
                bad += 1.0;
                continue;
            }
            nonzero += 1.0;
            // In an f64 the mantissa of any narrower float stands at the top, followed by zeros.
            used += 53.0 - f64::from((x.to_bits() | 1 << 52).trailing_zeros());
        }
        self.mantissa_bits = if nonzero > 0.0 { used / nonzero } else { bits };
        self.implausible = bad / count.max(1.0);
    }
}

fn decode<T: Sample>(bytes: &[u8], byte_order: ByteOrder) -> Vec<f64> {
    let samples = bytes.chunks_exact(size_of::<T>());
    match byte_order {
        ByteOrder::Little => samples.map(|b| T::from_le_slice(b).to_f64()).collect(),
        ByteOrder::Big => samples.map(|b| T::from_be_slice(b).to_f64()).collect(),
    }
}

/// Numbers of channels worth trying: all small ones, then the multiples that hardware has, with and without a channel
/// for synchronisation.
fn channel_counts(max: usize) -> impl Iterator<Item = usize> {
    let usual = |c: usize| {
        c <= 72
            || (c <= 260 && matches!(c % 4, 0 | 1))
            || c.is_multiple_of(16)
            || (c % 64 == 1)
            || matches!(c, 276 | 277 | 300)
    };
    (1..=max).filter(move |&c| usual(c))
}

/// The best numbers of channels for one format.
fn candidates(runs: &Runs, format: SampleFormat, told: Option<usize>) -> Vec<Candidate> {
    let lags: Vec<usize> = match told {
        Some(count) if count <= runs.max_lag => vec![count],
        Some(_) => return Vec::new(),
        None => channel_counts(runs.max_lag).collect(),
    };
    let trials: Vec<Trial> = lags.into_iter().map(|lag| Trial::new(runs, lag)).collect();
    // What differences are like between samples that have nothing to do with each other.
    let mut usual: Vec<f64> = trials.iter().map(|t| t.first_order).filter(|d| d.is_finite()).collect();
    usual.sort_by(f64::total_cmp);
    let usual = usual.get(usual.len() / 2).copied().unwrap_or(0.0);
    let merit = |t: &Trial| t.log_mean(usual * PERFECT) + BITS_A_DOUBLING * (t.lag as f64).log2();
    let mut ranked: Vec<&Trial> = trials.iter().collect();
    ranked.sort_by(|a, b| merit(a).total_cmp(&merit(b)).then(a.lag.cmp(&b.lag)));
    let Some(&first) = ranked.first() else { return Vec::new() };
    let (best, best_bits) = (merit(first), bits_per_sample(runs, format, first));
    ranked
        .into_iter()
        .take(3)
        .map(|trial| {
            let bits = best_bits + (merit(trial) - best);
            Candidate {
                format,
                channel_count: trial.lag,
                bits_per_byte: bits / format.size() as f64 + prior(format),
                residual: trial.mean(),
                relative: if usual > 0.0 { trial.mean() / usual } else { 1.0 },
                told: None,
            }
        })
        .collect()
}

/// How rare a type is, bits a byte: decides only between layouts that explain the file equally well.
fn prior(format: SampleFormat) -> f64 {
    let rare = match format.sample_type {
        SampleType::I16 | SampleType::F32 | SampleType::F64 => 0.0,
        SampleType::U16 | SampleType::I32 => 0.03,
        SampleType::U8 => 0.15,
        SampleType::U32 => 0.06,
        SampleType::I8 => 0.2,
        SampleType::I64 => 0.1,
        SampleType::U64 => 0.13,
        SampleType::F16 => 0.35,
        SampleType::Bool => 0.0,
    };
    rare + if format.byte_order == ByteOrder::Big { 0.04 } else { 0.0 }
}

fn bits_per_sample(runs: &Runs, format: SampleFormat, trial: &Trial) -> f64 {
    let full = 8.0 * format.size() as f64;
    if format.sample_type == SampleType::Bool {
        return if runs.logical { 0.0 } else { 2.0 * full };
    }
    let code = |residual: f64, quantum: f64| -> f64 {
        let bits = (1.0 + 2.0 * std::f64::consts::E * residual / quantum).log2();
        if bits.is_finite() { bits.min(full) } else { full }
    };
    let costs: Vec<f64> = if format.sample_type.is_float() {
        let bits = |p: &Phase| code(p.residual, (p.log_level - runs.mantissa_bits).exp2());
        trial.phases.iter().map(bits).collect()
    } else {
        trial.phases.iter().map(|p| code(p.residual, 1.0)).collect()
    };
    let mut bits = costs.iter().sum::<f64>() / costs.len().max(1) as f64;
    // Every second "channel" much dearer than the others: halves of wider samples, more likely than channels.
    if costs.len() > 1 && costs.len().is_multiple_of(2) {
        let half = |odd: usize| costs.iter().skip(odd).step_by(2).sum::<f64>() / (costs.len() / 2) as f64;
        if (half(0) - half(1)).abs() > 0.3 * full {
            bits += 0.12 * full;
        }
    }
    if format.sample_type.is_float() {
        bits += (16.0 * full * runs.implausible).min(full);
        // Bits that happen to be sensible numbers are rare.
        if runs.implausible < 1e-3 && format.sample_type != SampleType::F16 {
            bits -= 0.1 * full;
        }
    }
    bits
}

/// One channel of a candidate layout.
#[derive(Clone, Copy, Default)]
struct Phase {
    /// Mean size of the prediction error.
    residual: f64,
    /// Mean logarithm (base 2) of the size of the values that are not zero.
    log_level: f64,
}

/// How well samples are predicted from those `lag` samples before.
struct Trial {
    lag: usize,
    phases: Vec<Phase>,
    /// Mean difference over the lag.
    first_order: f64,
}

impl Trial {
    fn new(runs: &Runs, lag: usize) -> Self {
        #[derive(Clone, Default)]
        struct Sums {
            count: f64,
            first: f64,
            second: f64,
            levels: f64,
            level: f64,
        }
        let mut sums = vec![Sums::default(); lag];
        for (run, first) in runs.runs.iter().zip(&runs.firsts) {
            let n = (run.len() - 2 * lag).min(RUN_SAMPLES);
            let (now, before, earlier) = (&run[2 * lag..2 * lag + n], &run[lag..lag + n], &run[..n]);
            let mut phase = first % lag;
            for ((x, b), e) in now.iter().zip(before).zip(earlier) {
                let s = &mut sums[phase];
                let d = x - b;
                s.count += 1.0;
                s.first += d.abs();
                s.second += (d - (b - e)).abs();
                if *x != 0.0 && x.is_finite() {
                    s.levels += 1.0;
                    s.level += log2(*x);
                }
                phase += 1;
                if phase == lag {
                    phase = 0;
                }
            }
        }
        let total = sums.iter().fold((0.0, 0.0), |t, s| (t.0 + s.first, t.1 + s.count));
        // One order of prediction for all channels.
        let first: f64 = sums.iter().map(|s| (1e-12 + s.first).ln()).sum();
        let second: f64 = sums.iter().map(|s| (1e-12 + s.second).ln()).sum();
        let phases = sums
            .iter()
            .map(|s| Phase {
                residual: if second < first { s.second } else { s.first } / s.count.max(1.0),
                log_level: if s.levels > 0.0 { s.level / s.levels } else { 0.0 },
            })
            .collect();
        Self { lag, phases, first_order: total.0 / total.1.max(1.0) }
    }

    fn mean(&self) -> f64 {
        self.phases.iter().map(|p| p.residual).sum::<f64>() / self.phases.len().max(1) as f64
    }

    /// Mean logarithm of the error, nothing counting as less than `floor`.
    fn log_mean(&self, floor: f64) -> f64 {
        let log = |p: &Phase| {
            let x = p.residual.max(floor).max(f64::MIN_POSITIVE);
            if x.is_finite() { x.log2() } else { 1024.0 }
        };
        self.phases.iter().map(log).sum::<f64>() / self.phases.len().max(1) as f64
    }
}

/// Logarithm to base 2 of the size of `x`, to a tenth: exponent and mantissa taken apart.
fn log2(x: f64) -> f64 {
    let bits = x.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as f64 - 1023.0;
    exponent + (bits << 12) as f64 / 18_446_744_073_709_551_616.0
}
