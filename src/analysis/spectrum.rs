//! Power spectrum of each channel by Welch's method, equal to `scipy.signal.welch(…, return_onesided=True)` over the
//! same range.
//!
//! Averages are the mean, the median (divided by its bias, after B. Allen et al., "FINDCHIRP", Phys. Rev. D 85, 122006
//! (2012), Appendix B, as scipy does) or the maximum ("max hold"). Memory does not grow with the recording.

use super::median::median;
use super::taper::Taper;
use super::welch::{Detrend, Fold, Folded, Welch};
use super::{Analysis, Curves, PublishClock, Report, Request, View};
use crate::error::{Error, Result};
use crate::form::{Kind, Parameter, Settings};
use crate::recording::Stream;
use crate::scan::Selection;

pub(crate) const ANALYSIS: Analysis = Analysis {
    name: "spectrum",
    title: "Power spectrum",
    about: "Power spectrum of each channel by Welch's method (as scipy.signal.welch)",
    example: "longwave spectrum demo.rec --window 8192 --channels 0-3 -o spectrum.csv",
    parameters: &[
        Parameter {
            name: "window",
            title: "Window",
            help: "Frames in a window: the frequencies are rate / window apart",
            kind: Kind::Integer { min: 2, max: 1 << 22 },
            default: "8192",
        },
        Parameter {
            name: "overlap",
            title: "Overlap",
            help: "Frames that a window shares with the next; less than the window [default: half of it]",
            kind: Kind::Integer { min: 0, max: (1 << 22) - 1 },
            default: "",
        },
        Parameter {
            name: "taper",
            title: "Taper",
            help: "Weights of the frames in a window",
            kind: Kind::Choice(Taper::NAMES),
            default: "hann",
        },
        Parameter {
            name: "average",
            title: "Average",
            help: "How the windows become one spectrum; max keeps the highest value of each frequency",
            kind: Kind::Choice(&["mean", "median", "max"]),
            default: "mean",
        },
        Parameter {
            name: "detrend",
            title: "Detrend",
            help: "What is taken off each window: nothing, its mean, or its least-squares line",
            kind: Kind::Choice(&["none", "constant", "linear"]),
            default: "constant",
        },
        Parameter {
            name: "scaling",
            title: "Scaling",
            help: "density: unit²/Hz, for noise; spectrum: unit², for the power of tones",
            kind: Kind::Choice(&["density", "spectrum"]),
            default: "density",
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
    check(selection, window, overlap)?;
    let detrend = match settings.text("detrend") {
        "none" => Detrend::None,
        "linear" => Detrend::Linear,
        _ => Detrend::Constant,
    };
    let welch = Welch::new(
        request.source.as_ref(),
        selection,
        request.task,
        Taper::named(settings.text("taper")),
        (window as usize, window - overlap),
        detrend,
    )?;
    let result = Outcome::new(stream, selection, settings, &welch);
    let folded = match result.average {
        "median" => median(&welch, selection.channels.len(), request.task)?,
        average => {
            request.task.set_total(welch.pass_bytes());
            let fold = if average == "max" { Fold::Max } else { Fold::Sum };
            let mut clock = PublishClock::default();
            welch.pass(fold, &mut |so_far| {
                if clock.is_due() && so_far.windows.iter().any(|&n| n > 0) {
                    let mut report = result.report(so_far);
                    report.json = serde_json::Value::Null;
                    (request.publish)(report);
                }
            })?
        }
    };
    if !selection.channels.is_empty() && folded.windows.iter().all(|&n| n == 0) {
        return Err(Error::invalid(format!(
            "no window of {window} frames is free of gaps and of values that are not numbers"
        ))
        .with_remedy("use a shorter window (--window), or another range"));
    }
    let mut report = result.report(&folded);
    report.json = result.json(&folded);
    Ok(report)
}

/// Frames that a window shares with the next: half of it, unless the user wants otherwise.
fn overlap(settings: &Settings) -> u64 {
    settings.optional_integer("overlap").unwrap_or_else(|| settings.integer("window") / 2)
}

/// Refuses windows that would never get on.
fn check_settings(settings: &Settings) -> Result<()> {
    let (window, overlap) = (settings.integer("window"), overlap(settings));
    if overlap >= window {
        return Err(Error::invalid(format!("the overlap of {overlap} frames is not less than the window of {window}"))
            .with_remedy(format!("use --overlap {} or less", window.saturating_sub(1))));
    }
    Ok(())
}

/// Refuses a selection that cannot give a spectrum, saying what would.
pub(super) fn check(selection: &Selection, window: u64, overlap: u64) -> Result<()> {
    let frames = selection.len();
    if frames < window {
        let error =
            Error::invalid(format!("the selection has {frames} frames, fewer than one window of {window} frames"));
        return Err(if frames < 2 {
            error.with_remedy("select a longer range")
        } else {
            let fitting = 1_u64 << frames.ilog2();
            error.with_remedy(format!(
                "select a longer range, or use --window {fitting} --overlap {}",
                overlap.min(fitting / 2)
            ))
        });
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
}

impl<'a> Outcome<'a> {
    fn new(stream: &'a Stream, selection: &'a Selection, settings: &'a Settings, welch: &Welch<'_>) -> Self {
        let weights = welch.weights();
        let factor = match settings.text("scaling") {
            "spectrum" => weights.iter().sum::<f64>().powi(2).recip(),
            _ => (stream.time.rate_hz() * weights.iter().map(|w| w * w).sum::<f64>()).recip(),
        };
        Self { stream, selection, settings, average: settings.text("average"), window: weights.len(), factor }
    }

    fn report(&self, folded: &Folded) -> Report {
        let rate = self.stream.time.rate_hz();
        let known = self.stream.time.rate_known();
        let bins = self.window / 2 + 1;
        let mut series = vec![];
        for (i, &c) in self.selection.channels.iter().enumerate() {
            let share = match self.average {
                "max" => 1.0,
                "median" => median_bias(folded.windows[i]).recip(),
                _ => (folded.windows[i] as f64).recip(),
            };
            let value = |(k, power): (usize, &f64)| {
                // Negative frequencies are folded onto the positive ones; zero and half the rate have no partner.
                let lone = k == 0 || 2 * k == self.window;
                if folded.windows[i] == 0 {
                    f64::NAN
                } else {
                    power * self.factor * share * if lone { 1.0 } else { 2.0 }
                }
            };
            let powers = &folded.powers[i * bins..(i + 1) * bins];
            series.push((self.stream.channels[c].name.clone(), powers.iter().enumerate().map(value).collect()));
        }
        let curves = Curves {
            x_key: "frequency_hz".to_owned(),
            x_title: if known { "Frequency (Hz)" } else { "Frequency (cycles per frame)" }.to_owned(),
            y_title: self.y_title(known),
            x: (0..bins).map(|k| k as f64 * rate / self.window as f64).collect(),
            series,
            log_y: true,
            steps: false,
        };
        Report { view: View::Curves(curves), json: serde_json::Value::Null, notes: self.notes(folded) }
    }

    fn y_title(&self, rate_known: bool) -> String {
        let mut units: Vec<&str> = self.selection.channels.iter().map(|&c| &*self.stream.channels[c].unit).collect();
        units.dedup();
        let unit = match units[..] {
            ["uV"] => "µV²",
            [] | [""] => "1",
            [unit] => &format!("{unit}²"),
            _ => "unit²",
        };
        let per = if rate_known { "Hz" } else { "(cycle/frame)" };
        match self.settings.text("scaling") {
            "spectrum" => format!("Power spectrum ({unit})"),
            _ => format!("Power spectral density ({unit}/{per})"),
        }
    }

    fn notes(&self, folded: &Folded) -> Vec<String> {
        let mut notes = vec![];
        if !self.stream.time.rate_known() {
            notes.push("the rate is not known: frequencies are in cycles per frame (give it with --rate)".to_owned());
        }
        if folded.skipped > 0 {
            notes.push(format!("windows skipped because they cross a gap: {}", folded.skipped));
        }
        for (&n, &c) in folded.irregular.iter().zip(&self.selection.channels) {
            if n > 0 {
                let name = &self.stream.channels[c].name;
                notes.push(format!("channel {name}: windows left out because of NaN or infinite values: {n}"));
            }
        }
        notes
    }

    /// The contract of `--json`, but for the numbers of the curves.
    fn json(&self, folded: &Folded) -> serde_json::Value {
        let channels: Vec<serde_json::Value> = (self.selection.channels.iter().zip(&folded.windows))
            .map(|(&c, windows)| {
                let channel = &self.stream.channels[c];
                serde_json::json!({ "name": channel.name, "unit": channel.unit, "windows": windows })
            })
            .collect();
        serde_json::json!({
            "channels": channels,
            "windows": folded.windows.iter().copied().max().unwrap_or(0),
            "skipped_windows": folded.skipped,
            "window": self.window,
            "overlap": overlap(self.settings),
            "taper": self.settings.text("taper"),
            "average": self.average,
            "detrend": self.settings.text("detrend"),
            "scaling": self.settings.text("scaling"),
            "rate_known": self.stream.time.rate_known(),
        })
    }
}

/// What the median of `windows` powers of noise is to their mean, as `scipy.signal._spectral_py._median_bias`.
fn median_bias(windows: u64) -> f64 {
    // The sum converges to ln 2; from the smallest terms up, so that a million of them keep all digits.
    let terms = windows.saturating_sub(1) / 2;
    1.0 + (1..=terms).rev().map(|i| 1.0 / (2 * i + 1) as f64 - 1.0 / (2 * i) as f64).sum::<f64>()
}
