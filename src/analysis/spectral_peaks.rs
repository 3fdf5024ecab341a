//! The peaks of a spectrum: the places higher than both neighbours, ranked by how far they stand out, with their frequency
//! between the bins.
//!
//! How far a peak stands out is its prominence on the logarithmic scale, as `scipy.signal.peak_prominences` measures it
//! on decibels: the way down that cannot be avoided on the way to higher ground. The place between the bins is that of
//! the parabola through the logarithms of three bins, corrected by what the transform of the taper makes of a tone there
//! (as a Gaussian taper would need no correction; see M. Gasior and J. L. Gonzalez, "Improving FFT frequency measurement
//! resolution by parabolic and Gaussian spectrum interpolation", AIP Conf. Proc. 732, 2004); the height is that of the
//! tone. The flat top has no parabola: there the place follows from the ratio of the two neighbours. For a steady tone well apart from others the frequency is right to a thousandth of a bin and less.

use super::power::{self, Powers, Recipe, check_overlap, mean_spectra, overlap};
use super::taper::Taper;
use super::welch::Detrend;
use super::{Analysis, Cell, Report, Request, Table, View};
use crate::error::Result;
use crate::form::{Kind, Parameter};
use crate::recording::Stream;
use crate::scan::Selection;

/// Powers less than this share of the greatest are as good as none: the logarithm of nothing must not be a peak's valley.
const LEAST_SHARE: f64 = 1e-30;
/// Halvings until the place between two bins is known as well as numbers allow.
const HALVINGS: usize = 50;

pub(crate) const ANALYSIS: Analysis = Analysis {
    name: "spectral-peaks",
    title: "Spectral peaks",
    about: "The peaks of each channel's power spectrum, with their frequency between the bins",
    example: "longwave spectral-peaks demo.rec --window 65536 --count 5",
    parameters: &[
        Parameter {
            name: "count",
            title: "Count",
            help: "Peaks of each channel, those that stand out most",
            kind: Kind::Integer { min: 1, max: 1000 },
            default: "10",
        },
        Parameter {
            name: "prominence",
            title: "Prominence (dB)",
            help: "How far a peak must stand out, in dB",
            kind: Kind::Number { min: 0.0, max: 300.0 },
            default: "6",
        },
        power::WINDOW,
        power::OVERLAP,
        power::TAPER,
        power::DETREND,
    ],
    file_types: &["csv"],
    check: check_overlap,
    run,
};

const COLUMNS: [&str; 6] = ["name", "unit", "frequency_hz", "power", "amplitude", "prominence_db"];

/// A peak of a spectrum.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Peak {
    /// The bin that is higher than its neighbours.
    pub bin: usize,
    /// Where it is, in bins: within half a bin of `bin`.
    pub place: f64,
    /// Its height, in the unit of the spectrum.
    pub power: f64,
    pub prominence_db: f64,
}

/// The `count` peaks of `powers` that stand out most, by `least_db` at least, the most prominent first. The place is that
/// of the parabola alone, which is within a twentieth of a bin for most tapers.
#[must_use]
pub fn peaks_of(powers: &[f64], count: usize, least_db: f64) -> Vec<Peak> {
    find(powers, None, count, least_db)
}

/// As [`peaks_of`], with place and height corrected for a tone under `taper`.
pub(super) fn find(powers: &[f64], taper: Option<Taper>, count: usize, least_db: f64) -> Vec<Peak> {
    let greatest = powers.iter().copied().filter(|p| p.is_finite()).fold(0.0, f64::max);
    if greatest <= 0.0 {
        return vec![];
    }
    let least = (greatest * LEAST_SHARE).max(f64::MIN_POSITIVE);
    let decibel: Vec<f64> =
        powers.iter().map(|p| 10.0 * if p.is_finite() { p.max(least) } else { least }.log10()).collect();
    let from_left = valleys(decibel.iter().copied());
    let mut from_right = valleys(decibel.iter().rev().copied());
    from_right.reverse();
    let mut peaks: Vec<(usize, f64)> = summits(&decibel)
        .map(|k| (k, decibel[k] - from_left[k].max(from_right[k])))
        .filter(|&(_, prominence)| prominence >= least_db)
        .collect();
    peaks.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    peaks.truncate(count);
    let peak = |(bin, prominence_db)| {
        let (shift, power) = interpolate(powers, bin, taper);
        Peak { bin, place: bin as f64 + shift, power, prominence_db }
    };
    peaks.into_iter().map(peak).collect()
}

/// Places higher than both neighbours; of a flat top, the middle.
fn summits(values: &[f64]) -> impl Iterator<Item = usize> + '_ {
    (1..values.len().saturating_sub(1)).filter_map(|k| {
        if values[k - 1] >= values[k] {
            return None;
        }
        let end = (k + 1..values.len()).find(|&i| values[i] != values[k])?;
        (values[end] < values[k]).then_some((k + end - 1) / 2)
    })
}

/// For each value, the least one on the way back to a higher one, or to the start.
fn valleys(values: impl Iterator<Item = f64>) -> Vec<f64> {
    // Values that get less, each with the least on the way from it to the one before it in the list.
    let mut higher: Vec<(f64, f64)> = vec![];
    let of = |value: f64| {
        let mut least = value;
        while let Some(&(before, valley)) = higher.last()
            && before <= value
        {
            least = least.min(valley);
            higher.pop();
        }
        higher.push((value, least));
        least
    };
    values.map(of).collect()
}

/// Where between the bins next to `bin` the peak is (−½ to ½), and its height.
pub(super) fn interpolate(powers: &[f64], bin: usize, taper: Option<Taper>) -> (f64, f64) {
    let top = powers[bin];
    if bin == 0 || bin + 1 >= powers.len() || top <= 0.0 || !top.is_finite() {
        return (0.0, top);
    }
    // A neighbour without power would pull the parabola down for ever.
    let log = |i: usize| if powers[i].is_finite() { powers[i].max(top * 1e-12) } else { top }.ln();
    let logs = [log(bin - 1), log(bin), log(bin + 1)];
    match taper {
        None => {
            let shift = vertex(logs);
            (shift, top * (-0.25 * (logs[0] - logs[2]) * shift).exp())
        }
        Some(taper) => {
            let shift = place_under(taper, logs);
            (shift, top / taper.response(shift).powi(2))
        }
    }
}

/// The top of the parabola through three values at −1, 0 and 1.
fn vertex([left, middle, right]: [f64; 3]) -> f64 {
    let bend = left - 2.0 * middle + right;
    if bend < 0.0 { (0.5 * (left - right) / bend).clamp(-0.5, 0.5) } else { 0.0 }
}

/// Where a tone under `taper` is whose three highest bins have these logarithms.
fn place_under(taper: Taper, logs: [f64; 3]) -> f64 {
    // What grows steadily with the place of the tone.
    let lean = |logs: [f64; 3]| if taper == Taper::FlatTop { logs[2] - logs[0] } else { vertex(logs) };
    let log = |bins: f64| taper.response(bins).powi(2).max(1e-12).ln();
    let (wanted, mut low, mut high) = (lean(logs), -0.5, 0.5);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if lean([log(-1.0 - middle), log(-middle), log(1.0 - middle)]) < wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

fn run(request: &Request<'_>) -> Result<Report> {
    let selection = request.selection;
    let settings = request.settings;
    let stream = selection.stream_in(request.source.recording())?;
    check_overlap(settings)?;
    let recipe = Recipe {
        window: settings.integer("window") as usize,
        overlap: overlap(settings),
        taper: Taper::named(settings.text("taper")),
        detrend: Detrend::named(settings.text("detrend")),
        spectrum: true,
    };
    let (count, least) = (settings.integer("count") as usize, settings.number("prominence"));
    let result = |powers: &Powers| report(stream, selection, powers, count, least);
    let powers = mean_spectra(request, recipe, &mut |so_far| (request.publish)(result(so_far)))?;
    Ok(result(&powers))
}

fn report(stream: &Stream, selection: &Selection, powers: &Powers, count: usize, least_db: f64) -> Report {
    let mut table = Table { columns: COLUMNS.map(str::to_owned).to_vec(), rows: vec![] };
    let mut channels = vec![];
    let mut notes = power::notes(stream, selection, &powers.irregular, powers.skipped);
    for (spectrum, (&c, &windows)) in powers.channels.iter().zip(selection.channels.iter().zip(&powers.windows)) {
        let channel = &stream.channels[c];
        let peaks = find(spectrum, Some(powers.recipe.taper), count, least_db);
        if peaks.is_empty() {
            notes.push(format!("channel {}: no peak stands out by {least_db} dB", channel.name));
        }
        let mut entries = vec![];
        for peak in peaks {
            let frequency = peak.place * powers.resolution_hz();
            // The power of a tone is half of the square of its amplitude.
            let amplitude = (2.0 * peak.power).sqrt();
            let mut row = vec![Cell::Text(channel.name.clone()), Cell::Text(channel.unit.clone())];
            row.extend([frequency, peak.power, amplitude, peak.prominence_db].map(Cell::Number));
            table.rows.push(row);
            entries.push(serde_json::json!({
                "frequency_hz": frequency,
                "power": peak.power,
                "amplitude": amplitude,
                "prominence_db": peak.prominence_db,
            }));
        }
        channels.push(serde_json::json!({
            "name": channel.name,
            "unit": channel.unit,
            "windows": windows,
            "peaks": entries,
        }));
    }
    let json = serde_json::json!({
        "channels": channels,
        "window": powers.recipe.window,
        "overlap": powers.recipe.overlap,
        "taper": settings_name(powers.recipe.taper),
        "resolution_hz": powers.resolution_hz(),
        "skipped_windows": powers.skipped,
        "rate_known": stream.time.rate_known(),
    });
    Report { view: View::Table(table), json, notes }
}

/// As on the command line.
fn settings_name(taper: Taper) -> &'static str {
    Taper::NAMES.iter().find(|name| Taper::named(name) == taper).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_under_any_taper_is_found_between_the_bins() {
        for name in Taper::NAMES {
            let taper = Taper::named(name);
            for place in [20.0, 20.001, 20.13, 20.37, 20.4999, 20.5001, 20.8] {
                let powers: Vec<f64> = (0..64).map(|k| 3.0 * taper.response(f64::from(k) - place).powi(2)).collect();
                let peak = find(&powers, Some(taper), 1, 0.0)[0];
                assert!((peak.place - place).abs() < 1e-6, "{name} {place}: {peak:?}");
                assert!((peak.power - 3.0).abs() < 1e-5, "{name} {place}: {peak:?}");
                let plain = peaks_of(&powers, 1, 0.0)[0];
                // These two are far from a parabola.
                let most = if ["rectangular", "flat-top"].contains(name) { 0.51 } else { 0.06 };
                assert!((plain.place - place).abs() < most, "{name} {place}: {plain:?}");
            }
        }
    }

    #[test]
    fn what_is_no_spectrum_has_no_peaks() {
        assert!(peaks_of(&[], 5, 0.0).is_empty());
        assert!(peaks_of(&[0.0; 9], 5, 0.0).is_empty());
        assert!(peaks_of(&[f64::NAN; 9], 5, 0.0).is_empty());
        assert!(peaks_of(&[1.0, 2.0], 5, 0.0).is_empty());
        let odd = [0.0, 1.0, f64::NAN, 4.0, 4.0, 4.0, f64::INFINITY, 0.0, 0.0];
        let peaks = peaks_of(&odd, 5, 0.0);
        assert_eq!(peaks.iter().map(|p| p.bin).collect::<Vec<_>>(), [4, 1]);
        assert!(peaks.iter().all(|p| p.place.is_finite() && p.power.is_finite() && p.prominence_db.is_finite()));
    }
}
