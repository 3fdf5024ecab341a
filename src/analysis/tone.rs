//! How clean a tone is: its frequency and amplitude, total harmonic distortion, ratios of signal to noise and to the
//! largest spurious tone, and effective number of bits.
//!
//! Definitions after IEEE Std 1241-2010 (§9) and 1057-2017: of the powers in the mean spectrum of the windows,
//!
//! - THD: the harmonics 2 to `harmonics`, those above half the rate where they fold to, over the fundamental;
//! - SNR: the fundamental over the noise, which is everything but zero frequency, fundamental and harmonics;
//! - SINAD: the fundamental over noise and harmonics;
//! - SFDR: the fundamental over the strongest other tone, harmonic or not;
//! - ENOB: log2(full scale / (√12 · rms of noise and harmonics)); where no full scale is given, that of the tone itself,
//!   peak to peak, so that ENOB = (SINAD − 1.76 dB) / 6.02 dB.
//!
//! A tone reaches over several bins, how many depends on the taper: of the fundamental and of zero frequency all bins
//! are taken in which the side lobes are not below −100 dB together (64 to each side at most), of harmonics the main
//! lobe. The noise in these bins is taken to be the median of all others, by its bias. Rectangular and Hamming windows do not get there;
//! they are for tones with a whole number of periods in a window.

use super::power::{self, MOST_FRAMES, Powers, Recipe, mean_spectra};
use super::spectral_peaks::interpolate;
use super::taper::Taper;
use super::welch::Detrend;
use super::{Analysis, Cell, Report, Request, Table, View};
use crate::error::{Error, Result};
use crate::form::{Kind, Parameter};
use crate::recording::Stream;
use crate::scan::Selection;

/// The longest window that is chosen unasked, and the shortest that there is.
const MOST_AUTOMATIC: u64 = 1 << 16;
const LEAST_WINDOW: u64 = 256;
/// What the side lobes of a tone may hold together outside its bins, over its power.
const LEAST_LEAK: f64 = 1e-10;
/// Bins of a tone to each side, at most.
const MOST_BINS: usize = 64;
/// Side lobes that are added up to know what they hold.
const LOBES: usize = 4096;

pub(crate) const ANALYSIS: Analysis = Analysis {
    name: "tone",
    title: "Tone quality",
    about: "Frequency, THD, SNR, SINAD, SFDR and effective bits of a tone in each channel (IEEE 1241)",
    example: "longwave tone demo.rec --channels 0 --harmonics 5",
    parameters: &[
        Parameter {
            name: "fundamental",
            title: "Fundamental (Hz)",
            help: "Where the tone is, to a few bins; 0: the strongest there is",
            kind: Kind::Number { min: 0.0, max: 1e12 },
            default: "0",
        },
        Parameter {
            name: "harmonics",
            title: "Harmonics",
            help: "The highest harmonic that counts as distortion; the fundamental is the first",
            kind: Kind::Integer { min: 2, max: 100 },
            default: "10",
        },
        Parameter {
            name: "full-scale",
            title: "Full scale",
            help: "Range of the converter, lowest to highest value in the channel's unit, for ENOB; 0: that of the tone",
            kind: Kind::Number { min: 0.0, max: 1e300 },
            default: "0",
        },
        Parameter {
            name: "window",
            title: "Window",
            help: "Frames in a window [default: 65536, or what fits]",
            kind: Kind::Integer { min: LEAST_WINDOW, max: MOST_FRAMES },
            default: "",
        },
        Parameter { default: "blackman-harris", ..power::TAPER },
    ],
    file_types: &["csv"],
    check: |_| Ok(()),
    run,
};

const COLUMNS: [&str; 10] =
    ["name", "unit", "frequency_hz", "amplitude", "thd_db", "thd_percent", "snr_db", "sinad_db", "sfdr_db", "enob"];

/// What is asked of a tone.
#[derive(Clone, Copy, Debug)]
struct Question {
    fundamental_hz: f64,
    harmonics: usize,
    full_scale: f64,
}

/// A tone; ratios are of powers.
#[derive(Clone, PartialEq, Debug)]
struct Tone {
    /// In bins.
    place: f64,
    power: f64,
    noise: f64,
    /// Order, place in bins, power.
    harmonics: Vec<(usize, f64, f64)>,
    spur: f64,
}

impl Tone {
    fn distortion(&self) -> f64 {
        self.harmonics.iter().map(|h| h.2).sum()
    }

    /// Frequency in Hz, amplitude, THD (dB, %), SNR, SINAD, SFDR (dB), ENOB. A ratio to nothing is NaN.
    fn figures(&self, resolution_hz: f64, full_scale: f64) -> [f64; 8] {
        let finite = |x: f64| if x.is_finite() { x } else { f64::NAN };
        let decibel = |ratio: f64| finite(10.0 * ratio.log10());
        let amplitude = (2.0 * self.power).sqrt();
        let unwanted = self.noise + self.distortion();
        let range = if full_scale > 0.0 { full_scale } else { 2.0 * amplitude };
        [
            self.place * resolution_hz,
            amplitude,
            decibel(self.distortion() / self.power),
            finite(100.0 * (self.distortion() / self.power).sqrt()),
            decibel(self.power / self.noise),
            decibel(self.power / unwanted),
            decibel(self.power / self.spur),
            finite((range / (12.0 * unwanted).sqrt()).log2()),
        ]
    }
}

fn run(request: &Request<'_>) -> Result<Report> {
    let selection = request.selection;
    let settings = request.settings;
    let stream = selection.stream_in(request.source.recording())?;
    let automatic = || power::fitting_window(stream, selection, MOST_AUTOMATIC as f64, MOST_AUTOMATIC);
    let window = settings.optional_integer("window").unwrap_or_else(automatic);
    if window < LEAST_WINDOW {
        return Err(Error::invalid(format!(
            "a tone needs a window of {LEAST_WINDOW} frames without a gap, not {window}"
        ))
        .with_remedy("select a longer range"));
    }
    let question = Question {
        fundamental_hz: settings.number("fundamental"),
        harmonics: settings.integer("harmonics") as usize,
        full_scale: settings.number("full-scale"),
    };
    let half_rate = 0.5 * stream.time.rate_hz();
    if question.fundamental_hz >= half_rate {
        return Err(Error::invalid(format!(
            "a fundamental of {} Hz is not below half the sample rate, {half_rate} Hz",
            question.fundamental_hz
        ))
        .with_remedy("give a lower --fundamental, or leave it out to take the strongest tone"));
    }
    let recipe = Recipe {
        window: window as usize,
        overlap: window / 2,
        taper: Taper::named(settings.text("taper")),
        detrend: Detrend::Constant,
        spectrum: false,
    };
    let result = |powers: &Powers| report(stream, selection, question, powers);
    let powers = mean_spectra(request, recipe, &mut |so_far| (request.publish)(result(so_far)))?;
    Ok(result(&powers))
}

/// Bins to each side of a tone outside of which its side lobes hold next to nothing.
fn reach(taper: Taper) -> usize {
    // Half way between two bins is the worst.
    let energy = |k: usize| 2.0 * taper.response(k as f64 + 0.5).powi(2) / taper.noise_bandwidth();
    let mut outside: f64 = (MOST_BINS..LOBES).map(energy).sum();
    let mut bins = MOST_BINS;
    while bins > taper.half_lobe() && outside + energy(bins - 1) < LEAST_LEAK {
        bins -= 1;
        outside += energy(bins);
    }
    bins
}

/// Where the harmonic at `place` bins is seen in a spectrum that ends at `top`.
fn folded(place: f64, top: f64) -> f64 {
    let place = place % (2.0 * top);
    if place > top { 2.0 * top - place } else { place }
}

/// The tone in the powers of the bins (unit², their sum is the mean square), or `None` if there is none.
fn measure(
    powers: &[f64],
    (window, windows): (usize, u64),
    taper: Taper,
    question: Question,
    resolution_hz: f64,
) -> Option<Tone> {
    let bins = powers.len();
    let lobe = taper.half_lobe() + 1;
    // In a short spectrum the skirts of the tone must leave something to be called noise.
    let reach = reach(taper).min(bins / 8).max(lobe);
    let peak = strongest(powers, lobe, question.fundamental_hz / resolution_hz)?;
    let place = peak as f64 + interpolate(powers, peak, Some(taper)).0;
    // What each bin belongs to: 0 is noise, 1 zero frequency, 2 the tone, 3 a harmonic.
    let mut owners = vec![0_u8; bins];
    let near = |at: f64, reach: usize| {
        let middle = at.round() as usize;
        middle.saturating_sub(reach)..(middle + reach + 1).min(bins)
    };
    owners[near(place, reach)].fill(2);
    owners[..reach.min(peak.saturating_sub(lobe)) + 1].fill(1);
    let mut regions = vec![];
    for order in 2..=question.harmonics {
        let at = folded(order as f64 * place, 0.5 * window as f64);
        let range = near(at, lobe);
        // A harmonic that falls on the tone, on zero or on another one cannot be told from it.
        if owners[range.clone()].iter().all(|&o| o == 0) {
            owners[range.clone()].fill(3);
            regions.push((order, at, range));
        }
    }
    let of = |owner: u8| powers.iter().zip(&owners).filter(move |(_, o)| **o == owner).map(|(p, _)| *p);
    let floor = floor(of(0).collect(), windows)?;
    let above = |range: std::ops::Range<usize>| {
        let own: f64 = powers[range.clone()].iter().sum();
        (own - floor * range.len() as f64).max(0.0)
    };
    let power = of(2).sum::<f64>() - floor * of(2).count() as f64;
    let other = (0..bins).filter(|&k| owners[k] == 0 || owners[k] == 3);
    let spur_bin = other.max_by(|&a, &b| powers[a].total_cmp(&powers[b]))?;
    let around =
        (spur_bin.saturating_sub(lobe)..(spur_bin + lobe + 1).min(bins)).filter(|&k| matches!(owners[k], 0 | 3));
    let (spur, spur_bins) = around.fold((0.0, 0.0), |(sum, n), k| (sum + powers[k], n + 1.0));
    let spur = (spur - floor * spur_bins).max(powers[spur_bin]);
    (power > 0.0).then(|| Tone {
        place,
        power,
        noise: of(0).sum::<f64>() + floor * (bins - 1 - of(0).count()) as f64,
        harmonics: regions.into_iter().map(|(order, at, range)| (order, at, above(range))).collect(),
        spur,
    })
}

/// The mean power of a bin of noise, from the median of the bins, which no tone among them can lift. That of the mean
/// of n powers, which has a gamma distribution, is (1 − 1 / 9n)³ of it.
fn floor(mut bins: Vec<f64>, windows: u64) -> Option<f64> {
    let middle = bins.len() / 2;
    if bins.is_empty() {
        return None;
    }
    let median = *bins.select_nth_unstable_by(middle, f64::total_cmp).1;
    Some(median / (1.0 - 1.0 / (9.0 * windows.max(1) as f64)).powi(3))
}

/// The strongest bin, near `wanted` if that is not zero, outside of what is nearer to zero frequency than `lobe`.
fn strongest(powers: &[f64], lobe: usize, wanted: f64) -> Option<usize> {
    let first = lobe + 1;
    let last = powers.len().checked_sub(2)?;
    let range = if wanted > 0.0 {
        let middle = wanted.round() as usize;
        middle.saturating_sub(2 * lobe).max(first)..=middle.saturating_add(2 * lobe).min(last)
    } else {
        first..=last
    };
    let found = range.max_by(|&a, &b| powers[a].total_cmp(&powers[b]))?;
    (powers[found] > 0.0 && powers[found].is_finite()).then_some(found)
}

fn report(stream: &Stream, selection: &Selection, question: Question, powers: &Powers) -> Report {
    let (window, taper, resolution) = (powers.recipe.window, powers.recipe.taper, powers.resolution_hz());
    let mut table = Table { columns: COLUMNS.map(str::to_owned).to_vec(), rows: vec![] };
    let mut channels = vec![];
    let mut notes = power::notes(stream, selection, &powers.irregular, powers.skipped);
    if reach(taper) == MOST_BINS && [Taper::Rectangular, Taper::Hamming].contains(&taper) {
        notes.push(
            "the side lobes of this taper count as noise unless whole periods fit the window: \
                    use --taper blackman-harris"
                .to_owned(),
        );
    }
    for (density, (&c, &windows)) in powers.channels.iter().zip(selection.channels.iter().zip(&powers.windows)) {
        let channel = &stream.channels[c];
        let bins: Vec<f64> = density.iter().map(|d| d * resolution).collect();
        let tone = measure(&bins, (window, windows), taper, question, resolution);
        if tone.is_none() {
            notes.push(format!("channel {}: there is no tone", channel.name));
        }
        let figures = tone.as_ref().map_or([f64::NAN; 8], |t| t.figures(resolution, question.full_scale));
        let mut row = vec![Cell::Text(channel.name.clone()), Cell::Text(channel.unit.clone())];
        row.extend(figures.map(Cell::Number));
        table.rows.push(row);
        let mut entry = serde_json::json!({ "name": channel.name, "unit": channel.unit, "windows": windows });
        for (key, figure) in COLUMNS[2..].iter().zip(figures) {
            entry[*key] = figure.into();
        }
        let level = |tone: &Tone, power: f64| {
            let level = 10.0 * (power / tone.power).log10();
            level.is_finite().then_some(level)
        };
        let harmonics = tone.iter().flat_map(|tone| tone.harmonics.iter().map(move |h| (tone, h)));
        entry["harmonics"] = harmonics
            .map(|(tone, &(order, place, power))| {
                serde_json::json!({ "order": order, "frequency_hz": place * resolution, "level_dbc": level(tone, power) })
            })
            .collect();
        channels.push(entry);
    }
    let json = serde_json::json!({
        "channels": channels,
        "window": window,
        "resolution_hz": resolution,
        "skipped_windows": powers.skipped,
        "rate_known": stream.time.rate_known(),
    });
    Report { view: View::Table(table), json, notes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_fold_back() {
        assert_eq!(folded(30.0, 100.0), 30.0);
        assert_eq!(folded(130.0, 100.0), 70.0);
        assert_eq!(folded(230.0, 100.0), 30.0);
    }

    #[test]
    fn a_tone_reaches_as_far_as_its_taper_leaks() {
        for name in Taper::NAMES {
            let taper = Taper::named(name);
            assert!((taper.half_lobe()..=MOST_BINS).contains(&reach(taper)), "{name}");
        }
        assert_eq!(reach(Taper::Rectangular), MOST_BINS);
        assert!(reach(Taper::Blackman) < MOST_BINS);
    }

    #[test]
    fn nothing_and_noise_alone_are_answered() {
        let question = Question { fundamental_hz: 0.0, harmonics: 5, full_scale: 0.0 };
        for powers in [vec![], vec![0.0; 129], vec![f64::NAN; 129], vec![1.0; 3]] {
            assert_eq!(measure(&powers, (256, 1), Taper::Hann, question, 1.0), None);
        }
        let flat = measure(&[1.0; 129], (256, 1), Taper::Hann, question, 1.0);
        assert!(flat.is_none_or(|t| t.figures(1.0, 0.0)[4].abs() < 200.0));
        let beyond = Question { fundamental_hz: 1e12, ..question };
        assert_eq!(measure(&[1.0; 129], (256, 1), Taper::Hann, beyond, 1e-12), None, "a tone far beyond the spectrum");
    }
}
