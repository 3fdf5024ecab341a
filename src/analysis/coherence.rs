//! Two channels beside each other: magnitude-squared coherence and phase, and the cross-spectrum, over Welch's windows,
//! equal to `scipy.signal.coherence` and `scipy.signal.csd` over the same range.
//!
//! The cross-spectrum of a reference A and a channel B is the mean of conj(A)·B, one-sided; its phase is that of B less
//! that of A, in radians: positive where B is ahead. Coherence is |AB|² / (AA·BB), where a power is no more than the
//! rounding of what was taken off the windows not defined (NaN: empty in CSV, null in JSON). Windows across gaps are left
//! out, and of a pair those with a NaN or an infinity in either channel.
//!
//! With n independent windows, channels that have nothing to do with each other have a coherence of 1/n on average, and
//! of more than 1 − 0.05^(1/(n−1)) at one frequency in twenty (G. C. Carter, Proc. IEEE 75, 1987); the effective n of
//! overlapped windows is that of [`super::confidence`].

use super::confidence::Confidence;
use super::pair_sums::{Pair, PairSums, accumulate, bytes};
use super::power::{self, check_length, check_overlap, overlap};
use super::taper::Taper;
use super::welch::{Detrend, Tapering, Welch};
use super::{Analysis, Curves, PublishClock, Report, Request, View};
use crate::error::{Error, Result};
use crate::form::{Kind, Parameter, Settings};
use crate::recording::Stream;
use crate::scan::Selection;
use crate::text::parse_channels;

/// Not `reference`, which is the filter that subtracts a channel: the command line has one option of a name.
const REFERENCE: Parameter = Parameter {
    name: "against",
    title: "Reference",
    help: "The channel that each other selected one is compared with, by name or number [default: the first selected]",
    kind: Kind::Text,
    default: "",
};

pub(crate) const COHERENCE: Analysis = Analysis {
    name: "coherence",
    title: "Coherence",
    about: "Magnitude-squared coherence and phase between a reference and each other channel (as scipy.signal.coherence)",
    example: "longwave coherence demo.rec --channels 0,1 -o coherence.csv",
    parameters: &[
        REFERENCE,
        power::WINDOW,
        power::OVERLAP,
        power::TAPER,
        power::DETREND,
        Parameter {
            name: "show",
            title: "Show",
            help: "The coherence (0 to 1), the phase by which the channel is ahead of the reference (radians), or both",
            kind: Kind::Choice(&["coherence", "phase", "both"]),
            default: "both",
        },
    ],
    file_types: &["csv", "npy"],
    check: check_overlap,
    run: |request| run(request, Kinds::of_coherence(request.settings)),
};

pub(crate) const CROSS_SPECTRUM: Analysis = Analysis {
    name: "csd",
    title: "Cross-spectrum",
    about: "Cross power spectrum of a reference and each other channel (as scipy.signal.csd)",
    example: "longwave csd demo.rec --channels 0,1 -o csd.csv",
    parameters: &[
        REFERENCE,
        power::WINDOW,
        power::OVERLAP,
        power::TAPER,
        power::DETREND,
        Parameter {
            name: "scaling",
            title: "Scaling",
            help: "density: product of the units per Hz, for noise; spectrum: product of the units, for tones",
            kind: Kind::Choice(&["density", "spectrum"]),
            default: "density",
        },
        Parameter {
            name: "show",
            title: "Show",
            help: "Which parts of the complex numbers; phases are in radians, positive where the channel is ahead",
            kind: Kind::Choice(&["magnitude", "phase", "magnitude-phase", "real-imaginary"]),
            default: "magnitude-phase",
        },
    ],
    file_types: &["csv", "npy"],
    check: check_overlap,
    run: |request| run(request, Kinds::of_cross_spectrum(request.settings)),
};

/// What is made of a pair, a curve each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Quantity {
    Coherence,
    Phase,
    Magnitude,
    Real,
    Imaginary,
}

impl Quantity {
    fn name(self) -> &'static str {
        match self {
            Self::Coherence => "coherence",
            Self::Phase => "phase_rad",
            Self::Magnitude => "magnitude",
            Self::Real => "real",
            Self::Imaginary => "imaginary",
        }
    }
}

/// The curves of each pair, and what they are over which unit.
struct Kinds {
    quantities: &'static [Quantity],
    /// Of a cross-spectrum; a coherence has none.
    scaling: Option<String>,
}

impl Kinds {
    fn of_coherence(settings: &Settings) -> Self {
        let quantities: &[Quantity] = match settings.text("show") {
            "coherence" => &[Quantity::Coherence],
            "phase" => &[Quantity::Phase],
            _ => &[Quantity::Coherence, Quantity::Phase],
        };
        Self { quantities, scaling: None }
    }

    fn of_cross_spectrum(settings: &Settings) -> Self {
        let quantities: &[Quantity] = match settings.text("show") {
            "magnitude" => &[Quantity::Magnitude],
            "phase" => &[Quantity::Phase],
            "real-imaginary" => &[Quantity::Real, Quantity::Imaginary],
            _ => &[Quantity::Magnitude, Quantity::Phase],
        };
        Self { quantities, scaling: Some(settings.text("scaling").to_owned()) }
    }
}

fn run(request: &Request<'_>, kinds: Kinds) -> Result<Report> {
    let stream = request.selection.stream_in(request.source.recording())?;
    let settings = request.settings;
    check_overlap(settings)?;
    let selection = pairs_of(request.selection, stream, settings.text("against"))?;
    let (window, overlap) = (settings.integer("window"), overlap(settings));
    check_length(stream, &selection, window, overlap)?;
    let welch = Welch::for_results(
        request.source.as_ref(),
        &selection,
        request.task,
        Tapering::One(Taper::named(settings.text("taper"))),
        (window as usize, window - overlap),
        Detrend::named(settings.text("detrend")),
        bytes(selection.channels.len() - 1, window),
    )?;
    let is_spectrum = kinds.scaling.as_deref() == Some("spectrum");
    let outcome = Outcome {
        stream,
        selection: &selection,
        settings,
        kinds,
        window: window as usize,
        confidence: Confidence::new(&welch, 0.95, false),
        factor: power::factor(&welch, stream.time.rate_hz(), is_spectrum),
    };
    request.task.set_total(welch.pass_bytes());
    let mut clock = PublishClock::default();
    let sums = accumulate(&welch, &mut |so_far: &PairSums| {
        if clock.is_due() && so_far.pairs.iter().any(|p| p.windows > 0) {
            (request.publish)(outcome.report(so_far));
        }
    })?;
    let windows: Vec<u64> = sums.pairs.iter().map(|p| p.windows).collect();
    power::check_windows(&selection, welch.window(), &windows)?;
    let mut report = outcome.report(&sums);
    report.json = outcome.json(&sums);
    Ok(report)
}

/// The selection with the reference in front.
fn pairs_of(selection: &Selection, stream: &Stream, reference: &str) -> Result<Selection> {
    let mut others = selection.channels.clone();
    let first = if reference.is_empty() {
        if others.is_empty() { None } else { Some(others.remove(0)) }
    } else {
        let found = parse_channels(reference, &stream.channels)?;
        let [one] = found[..] else {
            return Err(Error::invalid(format!("--against '{reference}' is {} channels", found.len()))
                .with_remedy("name one channel"));
        };
        others.retain(|&c| c != one);
        Some(one)
    };
    match first {
        Some(first) if !others.is_empty() => {
            others.insert(0, first);
            Ok(Selection { channels: others, ..selection.clone() })
        }
        _ => Err(Error::invalid("there is no pair: a reference and at least one other channel are needed")
            .with_remedy("select two channels or more (--channels 0,1), or name another --against")),
    }
}

struct Outcome<'a> {
    stream: &'a Stream,
    /// The reference and the channels that it is compared with.
    selection: &'a Selection,
    settings: &'a Settings,
    kinds: Kinds,
    window: usize,
    confidence: Confidence,
    /// From a product of one window to the wanted unit, before doubling.
    factor: f64,
}

impl Outcome<'_> {
    /// The name of the selected channel `i`.
    fn name(&self, i: usize) -> &str {
        &self.stream.channels[self.selection.channels[i]].name
    }

    fn report(&self, sums: &PairSums) -> Report {
        let mut series = vec![];
        let mut notes = power::notes(self.stream, self.selection, &[], sums.skipped);
        for (i, pair) in sums.pairs.iter().enumerate() {
            let names = format!("{}/{}", self.name(0), self.name(i + 1));
            for &quantity in self.kinds.quantities {
                series.push((format!("{names} {}", quantity.name()), self.values(pair, quantity)));
            }
            if pair.irregular > 0 {
                let n = pair.irregular;
                notes.push(format!("{names}: windows left out because of NaN or infinite values: {n}"));
            }
            self.explain(pair, &names, &mut notes);
        }
        let is_magnitude = self.kinds.quantities == [Quantity::Magnitude];
        let curves = Curves {
            x_key: "frequency_hz".to_owned(),
            x_title: power::frequency_title(self.stream),
            y_title: self.y_title(),
            x: power::frequencies(self.window, self.stream.time.rate_hz()),
            series,
            log_y: is_magnitude,
            steps: false,
        };
        Report { view: View::Curves(curves), json: serde_json::Value::Null, notes }
    }

    /// What must be known to read a pair.
    fn explain(&self, pair: &Pair, names: &str, notes: &mut Vec<String>) {
        if pair.windows == 1 && self.kinds.scaling.is_none() {
            notes.push(format!("{names}: of a single window the coherence is 1 whatever the channels are"));
        }
        let undefined = (0..=self.window / 2).filter(|&k| !pair.has_power(k)).count();
        if undefined > 0 && pair.windows > 0 {
            let what = if self.kinds.scaling.is_none() { "coherence and phase are" } else { "the phase is" };
            notes.push(format!(
                "{names}: {what} not defined at {undefined} of {} frequencies, where a channel has no power",
                self.window / 2 + 1
            ));
        }
    }

    fn values(&self, pair: &Pair, quantity: Quantity) -> Vec<f64> {
        let value = |k: usize| {
            if pair.windows == 0 {
                return f64::NAN;
            }
            let (re, im) = pair.cross(k);
            let doubled = if power::is_lone(k, self.window) { 1.0 } else { 2.0 };
            let factor = self.factor * doubled / pair.windows as f64;
            match quantity {
                Quantity::Coherence => pair.coherence(k),
                Quantity::Phase if !pair.has_power(k) => f64::NAN,
                Quantity::Phase => im.atan2(re),
                Quantity::Magnitude => re.hypot(im) * factor,
                Quantity::Real => re * factor,
                Quantity::Imaginary => im * factor,
            }
        };
        (0..=self.window / 2).map(value).collect()
    }

    fn y_title(&self) -> String {
        let unit = power::squared_unit(self.selection.channels.iter().map(|&c| &*self.stream.channels[c].unit));
        let per = if self.stream.time.rate_known() { "Hz" } else { "(cycle/frame)" };
        let unit = match self.kinds.scaling.as_deref() {
            None => {
                return match self.kinds.quantities {
                    [Quantity::Coherence] => "Coherence".to_owned(),
                    [Quantity::Phase] => "Phase (rad)".to_owned(),
                    _ => "Coherence; phase (rad)".to_owned(),
                };
            }
            Some("spectrum") => unit,
            Some(_) => format!("{unit}/{per}"),
        };
        match self.kinds.quantities {
            [Quantity::Phase] => "Phase (rad)".to_owned(),
            [Quantity::Magnitude, Quantity::Phase] => format!("Cross-spectrum ({unit}); phase (rad)"),
            _ => format!("Cross-spectrum ({unit})"),
        }
    }

    /// The contract of `--json`, but for the numbers of the curves: an entry of `channels` for each curve.
    fn json(&self, sums: &PairSums) -> serde_json::Value {
        let mut channels = vec![];
        for (i, pair) in sums.pairs.iter().enumerate() {
            for quantity in self.kinds.quantities {
                let mut entry = serde_json::json!({
                    "name": self.name(i + 1),
                    "reference": self.name(0),
                    "quantity": quantity.name(),
                    "windows": pair.windows,
                });
                if *quantity == Quantity::Coherence {
                    entry["significance_95"] = self.significance(pair.windows).into();
                }
                channels.push(entry);
            }
        }
        let mut json = serde_json::json!({
            "channels": channels,
            "reference": self.name(0),
            "windows": sums.pairs.iter().map(|p| p.windows).max().unwrap_or(0),
            "skipped_windows": sums.skipped,
            "window": self.window,
            "overlap": overlap(self.settings),
            "taper": self.settings.text("taper"),
            "detrend": self.settings.text("detrend"),
            "rate_known": self.stream.time.rate_known(),
        });
        if let Some(scaling) = &self.kinds.scaling {
            json["scaling"] = scaling.as_str().into();
        }
        json
    }

    /// The coherence that unrelated noise exceeds at one frequency in twenty.
    fn significance(&self, windows: u64) -> Option<f64> {
        let independent = 0.5 * self.confidence.degrees_of_freedom(windows);
        (windows > 1 && independent > 1.0).then(|| 1.0 - 0.05_f64.powf((independent - 1.0).recip()))
    }
}
