//! How much power each channel has in named bands of frequency.
//!
//! The power of a band is the integral of Welch's power spectral density from its lower to its upper edge: each bin
//! stands for the frequencies nearer to it than to any other, and an edge inside a bin takes its part of it, so that
//! bands side by side add up. The relative power is the share of all power above zero frequency, of which the bin at
//! zero is no part (the mean is taken off each window). Nothing is extrapolated: a band that reaches beyond half the rate
//! ends there, and one that begins there has no power; both are said.

use super::power::{self, MOST_FRAMES, Powers, Recipe, mean_spectra};
use super::taper::Taper;
use super::welch::Detrend;
use super::{Analysis, Cell, Report, Request, Table, View};
use crate::error::{Error, Result};
use crate::form::{Kind, Parameter, Settings};
use crate::recording::Stream;
use crate::scan::Selection;
use crate::text;

/// More bands than this are a mistake.
const MOST_BANDS: usize = 64;
/// The longest window that is chosen unasked.
const MOST_AUTOMATIC: u64 = 1 << 20;
/// Periods of the lowest edge in a window that is chosen unasked.
const PERIODS: f64 = 2.0;

pub(crate) const ANALYSIS: Analysis = Analysis {
    name: "bands",
    title: "Band power",
    about: "Absolute and relative power of each channel in named bands of frequency",
    example: "longwave bands demo.rec --bands slow=1..30,fast=300..6000",
    parameters: &[
        Parameter {
            name: "bands",
            title: "Bands",
            help: "Name and edges in Hz of each band, separated by commas",
            kind: Kind::Text,
            default: "delta=0.5..4,theta=4..8,alpha=8..13,beta=13..30,gamma=30..80,high-gamma=80..150,LFP=1..300,spikes=300..6000",
        },
        Parameter {
            name: "window",
            title: "Window",
            help: "Frames in a window [default: two periods of the lowest edge, as far as that fits]",
            kind: Kind::Integer { min: 2, max: MOST_FRAMES },
            default: "",
        },
        power::TAPER,
    ],
    file_types: &["csv"],
    check: |settings| parse(settings.text("bands")).map(|_| ()),
    run,
};

const COLUMNS: [&str; 8] = ["name", "unit", "band", "low_hz", "high_hz", "power", "rms", "relative"];

/// A named stretch of frequencies.
#[derive(Clone, PartialEq, Debug)]
struct Band {
    name: String,
    low_hz: f64,
    high_hz: f64,
}

/// Reads `delta=0.5..4, theta=4..8`; edges may be joined by `-` as well.
fn parse(text: &str) -> Result<Vec<Band>> {
    let bad = |what: String| {
        Err(Error::invalid(what).with_remedy("write bands as --bands delta=0.5..4,theta=4..8 (name=low..high in Hz)"))
    };
    let mut bands: Vec<Band> = vec![];
    for part in text.split([',', ';', '\n']).map(str::trim).filter(|part| !part.is_empty()) {
        let Some((name, edges)) = part.split_once(['=', ':']) else {
            return bad(format!("the band '{part}' has no edges"));
        };
        let name = name.trim();
        let edges = edges.trim().trim_end_matches("Hz");
        let Some((low, high)) = edges.split_once("..").or_else(|| edges.split_once(['-', '–'])) else {
            return bad(format!("the band '{part}' has no two edges"));
        };
        let (Ok(low_hz), Ok(high_hz)) = (low.trim().parse::<f64>(), high.trim().parse::<f64>()) else {
            return bad(format!("the edges of the band '{part}' are no numbers"));
        };
        if !(0.0 <= low_hz && low_hz < high_hz && high_hz.is_finite()) {
            return bad(format!("the band '{part}' does not go upwards from zero or more"));
        }
        if name.is_empty() || bands.iter().any(|b| b.name == name) {
            return bad(format!("the band '{part}' has no name of its own"));
        }
        bands.push(Band { name: name.to_owned(), low_hz, high_hz });
    }
    match bands.len() {
        0 => bad("there is no band".to_owned()),
        1..=MOST_BANDS => Ok(bands),
        n => bad(format!("{n} bands are more than the {MOST_BANDS} that are possible")),
    }
}

fn run(request: &Request<'_>) -> Result<Report> {
    let selection = request.selection;
    let stream = selection.stream_in(request.source.recording())?;
    let bands = parse(request.settings.text("bands"))?;
    let window = window(stream, selection, request.settings, &bands);
    let recipe = Recipe {
        window: window as usize,
        overlap: window / 2,
        taper: Taper::named(request.settings.text("taper")),
        detrend: Detrend::Constant,
        spectrum: false,
    };
    let result = |powers: &Powers| report(stream, selection, &bands, powers);
    let powers = mean_spectra(request, recipe, &mut |so_far| (request.publish)(result(so_far)))?;
    Ok(result(&powers))
}

/// The window wanted, or one that tells the lowest edge from zero.
fn window(stream: &Stream, selection: &Selection, settings: &Settings, bands: &[Band]) -> u64 {
    settings.optional_integer("window").unwrap_or_else(|| {
        let edges = bands.iter().map(|b| if b.low_hz > 0.0 { b.low_hz } else { b.high_hz });
        let lowest = edges.fold(f64::INFINITY, f64::min);
        let wanted = (PERIODS * stream.time.rate_hz() / lowest).max(256.0);
        power::fitting_window(stream, selection, wanted, MOST_AUTOMATIC)
    })
}

/// The integral of `density` from `low` to `high`, the bin at zero left out.
fn integral(density: &[f64], window: usize, resolution: f64, low: f64, high: f64) -> f64 {
    let top = 0.5 * window as f64 * resolution;
    let share = |k: usize| {
        let (from, to) = ((k as f64 - 0.5) * resolution, ((k as f64 + 0.5) * resolution).min(top));
        let inside = to.min(high) - from.max(low);
        // The last bin is half as wide and not doubled: all of its power is in that half.
        (inside.max(0.0) / (to - from)).min(1.0)
    };
    let first = ((low / resolution).floor() as usize).max(1);
    let last = ((high / resolution).ceil() as usize + 1).min(density.len());
    (first..last).map(|k| density[k] * resolution * share(k)).sum()
}

fn report(stream: &Stream, selection: &Selection, bands: &[Band], powers: &Powers) -> Report {
    let half_rate = 0.5 * powers.rate_hz;
    let (window, resolution) = (powers.recipe.window, powers.resolution_hz());
    let mut table = Table { columns: COLUMNS.map(str::to_owned).to_vec(), rows: vec![] };
    let mut channels = vec![];
    for (density, (&c, &windows)) in powers.channels.iter().zip(selection.channels.iter().zip(&powers.windows)) {
        let channel = &stream.channels[c];
        // A channel without windows has no density, and none of its powers is a number.
        let total = if density.is_empty() { f64::NAN } else { integral(density, window, resolution, 0.0, half_rate) };
        let mut entries = vec![];
        for band in bands {
            let high = band.high_hz.min(half_rate);
            let is_seen = band.low_hz < half_rate && band.high_hz > 0.5 * resolution;
            let power = if total.is_nan() || !is_seen {
                f64::NAN
            } else {
                integral(density, window, resolution, band.low_hz, high)
            };
            // Of nothing there is no share.
            let relative = if total > 0.0 { power / total } else { f64::NAN };
            let mut row =
                vec![Cell::Text(channel.name.clone()), Cell::Text(channel.unit.clone()), Cell::Text(band.name.clone())];
            row.extend([band.low_hz, high.max(band.low_hz), power, power.sqrt(), relative].map(Cell::Number));
            table.rows.push(row);
            entries.push(serde_json::json!({
                "name": band.name,
                "low_hz": band.low_hz,
                "high_hz": high.max(band.low_hz),
                "power": power,
                "rms": power.sqrt(),
                "relative": relative,
            }));
        }
        channels.push(serde_json::json!({
            "name": channel.name,
            "unit": channel.unit,
            "windows": windows,
            "total_power": total,
            "bands": entries,
        }));
    }
    let json = serde_json::json!({
        "channels": channels,
        "window": window,
        "overlap": powers.recipe.overlap,
        "resolution_hz": resolution,
        "skipped_windows": powers.skipped,
        "rate_known": stream.time.rate_known(),
    });
    let mut notes = power::notes(stream, selection, &powers.irregular, powers.skipped);
    notes.extend(bands.iter().filter_map(|band| about(band, half_rate, resolution)));
    Report { view: View::Table(table), json, notes }
}

/// What must be known to read the power of a band.
fn about(band: &Band, half_rate: f64, resolution: f64) -> Option<String> {
    let Band { name, low_hz, high_hz } = band;
    let limit = text::number(half_rate);
    if *low_hz >= half_rate {
        Some(format!("band {name} lies above half the sample rate, {limit} Hz, and has no power"))
    } else if *high_hz > half_rate {
        Some(format!("band {name} ends at half the sample rate, {limit} Hz"))
    } else if *high_hz <= 0.5 * resolution {
        Some(format!("band {name} cannot be told from a constant: use a longer --window or a longer range"))
    } else if high_hz - low_hz < 2.0 * resolution {
        Some(format!(
            "band {name} is narrower than two steps of frequency, {} Hz: use a longer --window or a longer range",
            text::number(2.0 * resolution)
        ))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_are_read() {
        let bands = parse(ANALYSIS.parameters[0].default).unwrap();
        assert_eq!(bands.len(), 8);
        assert_eq!(bands[0], Band { name: "delta".to_owned(), low_hz: 0.5, high_hz: 4.0 });
        assert_eq!(parse(" a: 1 - 2 Hz ;b=0..1e3").unwrap()[1].high_hz, 1000.0);
        for bad in ["", "delta", "a=1", "a=2..1", "a=-1..2", "a=1..x", "a=1..inf", "=1..2", "a=1..2,a=3..4", "a=nan..2"]
        {
            assert!(parse(bad).unwrap_err().remedy().is_some(), "{bad}");
        }
        let many: Vec<String> = (0..65).map(|i| format!("b{i}=1..2")).collect();
        assert!(parse(&many.join(",")).is_err());
    }

    #[test]
    fn bands_side_by_side_add_up() {
        for window in [16, 17] {
            let density: Vec<f64> = (0..=window / 2).map(|k| 1.0 + k as f64).collect();
            let resolution = 100.0 / window as f64;
            let all: f64 = density[1..].iter().sum::<f64>() * resolution;
            let edges = [0.0, 1.0, 3.0, 3.1, 20.0, 46.9, 50.0];
            let parts = edges.windows(2).map(|e| integral(&density, window, resolution, e[0], e[1]));
            let sum: f64 = parts.sum();
            assert!((sum - all).abs() < 1e-9 * all, "{window}: {sum} and {all}");
        }
    }
}
