//! Power spectrum of each channel: by Welch's method, equal to `scipy.signal.welch(…, return_onesided=True)` over the
//! same range, or with several orthogonal tapers on each window (multitaper, D. J. Thomson, Proc. IEEE 70, 1982).
//!
//! The windows are averaged by the mean, the median (divided by its bias, after B. Allen et al., "FINDCHIRP", Phys. Rev. D
//! 85, 122006 (2012), Appendix B, as scipy does), the maximum ("max hold") or the minimum ("min hold"). Memory does not
//! grow with the recording.
//!
//! Multitaper: each window is weighted with the K Slepian sequences of half bandwidth NW in turn, and its power is the
//! mean of theirs, weighted by their concentrations (`eigenvalue`: as `nitime` and `mne` do where they do not adapt) or
//! not (`unity`). With one window over the whole range it is the classical estimate.
//!
//! With `confidence`, each curve comes with the edges of its band (see [`super::confidence`]); `NAME low` and `NAME high`
//! follow behind all channels.

use super::confidence::Confidence;
use super::dpss::Slepian;
use super::median::median;
use super::power::{self, check_length, check_overlap, check_windows, overlap};
use super::taper::Taper;
use super::welch::{Detrend, Fold, Folded, Tapering, Welch};
use super::{Analysis, Curves, PublishClock, Report, Request, View};
use crate::error::{Error, Result};
use crate::form::{Kind, Parameter, Settings};
use crate::recording::Stream;
use crate::scan::Selection;

pub(crate) const ANALYSIS: Analysis = Analysis {
    name: "spectrum",
    title: "Power spectrum",
    about: "Power spectrum of each channel by Welch's method (as scipy.signal.welch) or multitaper",
    example: "longwave spectrum demo.rec --window 8192 --channels 0-3 -o spectrum.csv",
    parameters: &[
        power::WINDOW,
        power::OVERLAP,
        Parameter { help: "Weights of the frames in a window, of Welch's method", ..power::TAPER },
        Parameter {
            name: "average",
            title: "Average",
            help: "How the windows become one spectrum; max and min keep the highest or lowest value of each frequency",
            kind: Kind::Choice(&["mean", "median", "max", "min"]),
            default: "mean",
        },
        power::DETREND,
        Parameter {
            name: "scaling",
            title: "Scaling",
            help: "density: unit²/Hz, for noise; spectrum: unit², for the power of tones",
            kind: Kind::Choice(&["density", "spectrum"]),
            default: "density",
        },
        Parameter {
            name: "confidence",
            title: "Confidence",
            help: "Adds the band that holds the true spectrum with this probability (0.95); 0 for none",
            kind: Kind::Number { min: 0.0, max: 0.999_999 },
            default: "0",
        },
        Parameter {
            name: "method",
            title: "Method",
            help: "welch: one taper; multitaper: several Slepian tapers on each window",
            kind: Kind::Choice(&["welch", "multitaper"]),
            default: "welch",
        },
        Parameter {
            name: "time-bandwidth",
            title: "Half bandwidth (NW)",
            help: "Multitaper: bins of the window to each side over which power is spread",
            kind: Kind::Number { min: 0.5, max: 64.0 },
            default: "4",
        },
        Parameter {
            name: "tapers",
            title: "Tapers (K)",
            help: "Multitaper: how many tapers, 2·NW at most [default: 2·NW - 1]",
            kind: Kind::Integer { min: 1, max: 128 },
            default: "",
        },
        Parameter {
            name: "taper-weights",
            title: "Taper weights",
            help: "Multitaper: the share of each taper by its concentration (eigenvalue), or all the same (unity)",
            kind: Kind::Choice(&["eigenvalue", "unity"]),
            default: "eigenvalue",
        },
    ],
    file_types: &["csv", "npy"],
    check: check_settings,
    run,
};

fn run(request: &Request<'_>) -> Result<Report> {
    let selection = request.selection;
    let stream = selection.stream_in(request.source.recording())?;
    let settings = request.settings;
    check_settings(settings)?;
    let (window, overlap) = (settings.integer("window"), overlap(settings));
    check_length(stream, selection, window, overlap)?;
    let welch = Welch::new(
        request.source.as_ref(),
        selection,
        request.task,
        tapering(settings),
        (window as usize, window - overlap),
        Detrend::named(settings.text("detrend")),
    )?;
    let bands = selection.channels.len() as u64
        * (window / 2 + 1)
        * 8
        * if settings.number("confidence") > 0.0 { 4 } else { 0 };
    let _bands = request.task.budget().reserve(bands)?;
    let mut result = Outcome::new(stream, selection, settings, &welch);
    let fold = match settings.text("average") {
        "median" => None,
        "max" => Some(Fold::Max),
        "min" => Some(Fold::Min),
        _ => Some(Fold::Sum),
    };
    let mut clock = PublishClock::default();
    let mut show = |so_far: &Folded| {
        if so_far.windows.iter().any(|&n| n > 0) {
            (request.publish)(result.report(so_far));
        }
    };
    let folded = match fold {
        None => median(&welch, selection.channels.len(), request.task, &mut show)?,
        Some(fold) => {
            request.task.set_total(welch.pass_bytes());
            welch.pass(fold, &mut |so_far| {
                if clock.is_due() {
                    show(so_far);
                }
            })?
        }
    };
    check_windows(selection, welch.window(), &folded.windows)?;
    let mut report = result.report(&folded);
    report.json = result.json(&folded);
    Ok(report)
}

/// NW and K.
fn slepian(settings: &Settings) -> Slepian {
    let half_bandwidth = settings.number("time-bandwidth");
    let usual = (2.0 * half_bandwidth).floor() as u64;
    Slepian {
        half_bandwidth,
        count: settings.optional_integer("tapers").unwrap_or(usual.saturating_sub(1).max(1)) as usize,
        by_eigenvalue: settings.text("taper-weights") == "eigenvalue",
    }
}

fn is_multitaper(settings: &Settings) -> bool {
    settings.text("method") == "multitaper"
}

fn tapering(settings: &Settings) -> Tapering {
    if is_multitaper(settings) {
        Tapering::Several(slepian(settings))
    } else {
        Tapering::One(Taper::named(settings.text("taper")))
    }
}

/// Refuses settings that do not go together.
fn check_settings(settings: &Settings) -> Result<()> {
    check_overlap(settings)?;
    let average = settings.text("average");
    if settings.number("confidence") > 0.0 && ["max", "min"].contains(&average) {
        return Err(Error::invalid(format!("there is no confidence band of the {average} of the windows"))
            .with_remedy("use --average mean or --average median, or leave out --confidence"));
    }
    if !is_multitaper(settings) {
        return Ok(());
    }
    let (Slepian { half_bandwidth, count, .. }, window) = (slepian(settings), settings.integer("window"));
    if 2.0 * half_bandwidth >= window as f64 {
        return Err(Error::invalid(format!(
            "a half bandwidth of {half_bandwidth} bins is not less than half of a window of {window} frames"
        ))
        .with_remedy("use a smaller --time-bandwidth, or a longer --window"));
    }
    if count as f64 > 2.0 * half_bandwidth {
        let most = (2.0 * half_bandwidth).floor() as u64;
        return Err(Error::invalid(format!(
            "{count} tapers are more than a half bandwidth of {half_bandwidth} bins has: those beyond leak"
        ))
        .with_remedy(format!("use --tapers {} or less, or a greater --time-bandwidth", most.max(1))));
    }
    Ok(())
}

/// Everything that turns folded powers into a report.
struct Outcome<'a> {
    stream: &'a Stream,
    selection: &'a Selection,
    settings: &'a Settings,
    average: &'a str,
    window: usize,
    /// From |X|² of one window to the wanted unit, before doubling.
    factor: f64,
    confidence: Option<Confidence>,
}

impl<'a> Outcome<'a> {
    fn new(stream: &'a Stream, selection: &'a Selection, settings: &'a Settings, welch: &Welch<'_>) -> Self {
        let average = settings.text("average");
        let probability = settings.number("confidence");
        let confidence = (probability > 0.0).then(|| Confidence::new(welch, probability, average == "median"));
        let factor = power::factor(welch, stream.time.rate_hz(), settings.text("scaling") == "spectrum");
        Self { stream, selection, settings, average, window: welch.window(), factor, confidence }
    }

    fn report(&mut self, folded: &Folded) -> Report {
        let mut series = vec![];
        for (i, &c) in self.selection.channels.iter().enumerate() {
            series.push((self.stream.channels[c].name.clone(), self.values(folded, i)));
        }
        self.add_bands(folded, &mut series);
        let curves = Curves {
            x_key: "frequency_hz".to_owned(),
            x_title: power::frequency_title(self.stream),
            y_title: self.y_title(),
            x: power::frequencies(self.window, self.stream.time.rate_hz()),
            series,
            log_y: true,
            steps: false,
        };
        let mut notes = power::notes(self.stream, self.selection, &folded.irregular, folded.skipped);
        if self.confidence.is_some() {
            notes.push(format!(
                "the band holds the true spectrum of Gaussian noise with a probability of {}",
                self.settings.number("confidence")
            ));
        }
        Report { view: View::Curves(curves), json: serde_json::Value::Null, notes }
    }

    /// The spectrum of the selected channel `i`.
    fn values(&self, folded: &Folded, i: usize) -> Vec<f64> {
        let bins = self.window / 2 + 1;
        let share = match self.average {
            _ if folded.windows[i] == 0 => f64::NAN,
            "max" | "min" => 1.0,
            "median" => median_bias(folded.windows[i]).recip(),
            _ => (folded.windows[i] as f64).recip(),
        };
        power::one_sided(&folded.powers[i * bins..(i + 1) * bins], self.window, self.factor * share)
    }

    /// Behind the curves of all channels, the edges of their bands.
    fn add_bands(&mut self, folded: &Folded, series: &mut Vec<(String, Vec<f64>)>) {
        let Some(confidence) = &mut self.confidence else { return };
        for i in 0..self.selection.channels.len() {
            let band = confidence.band(folded.windows[i].max(1));
            let edge = |values: &[f64], high: bool| {
                let factor = |k| {
                    let factors = band.factors_at(k, self.window);
                    if high { factors.1 } else { factors.0 }
                };
                values.iter().enumerate().map(|(k, power)| power * factor(k)).collect()
            };
            let (name, values) = &series[i];
            let edges = [(format!("{name} low"), edge(values, false)), (format!("{name} high"), edge(values, true))];
            series.extend(edges);
        }
    }

    fn y_title(&self) -> String {
        let unit = power::squared_unit(self.selection.channels.iter().map(|&c| &*self.stream.channels[c].unit));
        let per = if self.stream.time.rate_known() { "Hz" } else { "(cycle/frame)" };
        match self.settings.text("scaling") {
            "spectrum" => format!("Power spectrum ({unit})"),
            _ => format!("Power spectral density ({unit}/{per})"),
        }
    }

    /// The contract of `--json`, but for the numbers of the curves.
    fn json(&mut self, folded: &Folded) -> serde_json::Value {
        let mut channels = vec![];
        for (&c, &windows) in self.selection.channels.iter().zip(&folded.windows) {
            let channel = &self.stream.channels[c];
            let mut entry = serde_json::json!({ "name": channel.name, "unit": channel.unit, "windows": windows });
            if let (Some(confidence), Some(object), 1..) = (&mut self.confidence, entry.as_object_mut(), windows) {
                let band = confidence.band(windows);
                let (low, high) = band.factors();
                object.insert("degrees_of_freedom".to_owned(), band.degrees_of_freedom.into());
                object.insert("confidence_low_factor".to_owned(), low.into());
                object.insert("confidence_high_factor".to_owned(), high.into());
            }
            channels.push(entry);
        }
        let mut json = serde_json::json!({
            "channels": channels,
            "windows": folded.windows.iter().copied().max().unwrap_or(0),
            "skipped_windows": folded.skipped,
            "window": self.window,
            "overlap": overlap(self.settings),
            "method": self.settings.text("method"),
            "average": self.average,
            "detrend": self.settings.text("detrend"),
            "scaling": self.settings.text("scaling"),
            "confidence": self.confidence.is_some().then(|| self.settings.number("confidence")),
            "rate_known": self.stream.time.rate_known(),
        });
        if is_multitaper(self.settings) {
            let Slepian { half_bandwidth, count, .. } = slepian(self.settings);
            json["taper"] = "dpss".into();
            json["time_bandwidth"] = half_bandwidth.into();
            json["tapers"] = count.into();
            json["taper_weights"] = self.settings.text("taper-weights").into();
            json["bandwidth_hz"] = (2.0 * half_bandwidth * self.stream.time.rate_hz() / self.window as f64).into();
        } else {
            json["taper"] = self.settings.text("taper").into();
        }
        json
    }
}

/// What the median of `windows` powers of noise is to their mean, as `scipy.signal._spectral_py._median_bias`.
fn median_bias(windows: u64) -> f64 {
    // The sum converges to ln 2; from the smallest terms up, so that a million of them keep all digits.
    let terms = windows.saturating_sub(1) / 2;
    1.0 + (1..=terms).rev().map(|i| 1.0 / (2 * i + 1) as f64 - 1.0 / (2 * i) as f64).sum::<f64>()
}
