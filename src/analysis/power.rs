//! What the analyses that rest on power spectra share: their parameters, what they refuse, the way from |X|² to physical
//! units, and the mean spectrum of each channel.

use super::taper::Taper;
use super::welch::{Detrend, Fold, Folded, Tapering, Welch};
use super::{PublishClock, Request};
use crate::error::{Error, Result};
use crate::form::{Kind, Parameter, Settings};
use crate::recording::Stream;
use crate::scan::Selection;

/// The longest window, frames.
pub(super) const MOST_FRAMES: u64 = 1 << 22;

/// A window is not made shorter than this to lose less at gaps.
const LEAST_AUTOMATIC: u64 = 1024;

pub(super) const WINDOW: Parameter = Parameter {
    name: "window",
    title: "Window",
    help: "Frames in a window: the frequencies are rate / window apart",
    kind: Kind::Integer { min: 2, max: MOST_FRAMES },
    default: "8192",
};

pub(super) const OVERLAP: Parameter = Parameter {
    name: "overlap",
    title: "Overlap",
    help: "Frames that a window shares with the next; less than the window [default: half of it]",
    kind: Kind::Integer { min: 0, max: MOST_FRAMES - 1 },
    default: "",
};

pub(super) const TAPER: Parameter = Parameter {
    name: "taper",
    title: "Taper",
    help: "Weights of the frames in a window",
    kind: Kind::Choice(Taper::NAMES),
    default: "hann",
};

pub(super) const DETREND: Parameter = Parameter {
    name: "detrend",
    title: "Detrend",
    help: "What is taken off each window: nothing, its mean, or its least-squares line",
    kind: Kind::Choice(Detrend::NAMES),
    default: "constant",
};

/// Frames that a window shares with the next: half of it, unless the user wants otherwise.
pub(super) fn overlap(settings: &Settings) -> u64 {
    settings.optional_integer("overlap").unwrap_or_else(|| settings.integer("window") / 2)
}

/// Refuses windows that would never get on.
pub(super) fn check_overlap(settings: &Settings) -> Result<()> {
    let (window, overlap) = (settings.integer("window"), overlap(settings));
    if overlap >= window {
        return Err(Error::invalid(format!("the overlap of {overlap} frames is not less than the window of {window}"))
            .with_remedy(format!("use --overlap {} or less", window.saturating_sub(1))));
    }
    Ok(())
}

/// How many windows, `hop` apart from the start of the selection, lie between gaps.
fn usable_windows(stream: &Stream, selection: &Selection, window: u64, hop: u64) -> u64 {
    let origin = selection.frames.start;
    let in_stretch = |stretch: std::ops::Range<u64>| {
        let first = origin + (stretch.start - origin).div_ceil(hop) * hop;
        stretch.end.checked_sub(first).and_then(|left| left.checked_sub(window)).map_or(0, |rest| rest / hop + 1)
    };
    stream.time.contiguous(selection.frames.clone()).map(in_stretch).sum()
}

/// The longest window of a power of two of frames, `most` at most, that lies between gaps if it overlaps the next by
/// half; 0 if there is none.
fn longest_window(stream: &Stream, selection: &Selection, most: u64) -> u64 {
    let longest = most.min(selection.len());
    let mut window = longest.checked_ilog2().map_or(0, |bits| 1 << bits);
    while window > 1 && usable_windows(stream, selection, window, window / 2) == 0 {
        window /= 2;
    }
    if window > 1 { window } else { 0 }
}

/// Refuses a selection that cannot give a spectrum, saying what would.
pub(super) fn check_length(stream: &Stream, selection: &Selection, window: u64, overlap: u64) -> Result<()> {
    if usable_windows(stream, selection, window, window - overlap) > 0 {
        return Ok(());
    }
    let frames = selection.len();
    let error = if frames < window {
        Error::invalid(format!("the selection has {frames} frames, fewer than one window of {window} frames"))
    } else {
        let longest = stream.time.contiguous(selection.frames.clone()).map(|r| r.end - r.start).max().unwrap_or(0);
        Error::invalid(format!(
            "every window of {window} frames crosses a gap: the longest stretch of the selection without one has {longest} frames"
        ))
    };
    Err(match longest_window(stream, selection, window) {
        0 => error.with_remedy("select a longer range"),
        fitting => error.with_remedy(format!(
            "select a longer range, or use --window {fitting} --overlap {}",
            overlap.min(fitting / 2)
        )),
    })
}

/// Refuses a pass that took in no window at all.
pub(super) fn check_windows(selection: &Selection, window: usize, windows: &[u64]) -> Result<()> {
    if selection.channels.is_empty() || windows.iter().any(|&n| n > 0) {
        return Ok(());
    }
    Err(Error::invalid(format!("no window of {window} frames is free of gaps and of values that are not numbers"))
        .with_remedy("use a shorter window (--window), or another range"))
}

/// From |X|² of one window to the unit that is wanted, before doubling: unit² where `spectrum`, else unit²/Hz.
pub(super) fn factor(welch: &Welch<'_>, rate_hz: f64, spectrum: bool) -> f64 {
    let tapers = welch.tapers().iter();
    if spectrum {
        tapers.map(|w| w.iter().sum::<f64>().powi(2)).sum::<f64>().recip()
    } else {
        (rate_hz * tapers.map(|w| w.iter().map(|x| x * x).sum::<f64>()).sum::<f64>()).recip()
    }
}

/// The frequencies of a window of `window` frames, 0 to half the rate.
pub(super) fn frequencies(window: usize, rate_hz: f64) -> Vec<f64> {
    (0..=window / 2).map(|k| k as f64 * rate_hz / window as f64).collect()
}

/// Whether a bin is its own mirror: zero and half the rate have no partner at a negative frequency.
pub(super) fn is_lone(k: usize, window: usize) -> bool {
    k == 0 || 2 * k == window
}

/// The powers of one channel in physical units: negative frequencies are folded onto the positive ones.
pub(super) fn one_sided(powers: &[f64], window: usize, factor: f64) -> Vec<f64> {
    let value = |(k, power): (usize, &f64)| power * factor * if is_lone(k, window) { 1.0 } else { 2.0 };
    powers.iter().enumerate().map(value).collect()
}

/// What the user must know of the windows.
pub(super) fn notes(stream: &Stream, selection: &Selection, irregular: &[u64], skipped: u64) -> Vec<String> {
    let mut notes = vec![];
    if !stream.time.rate_known() {
        notes.push("the rate is not known: frequencies are in cycles per frame (give it with --rate)".to_owned());
    }
    if skipped > 0 {
        notes.push(format!("windows skipped because they cross a gap: {skipped}"));
    }
    for (&n, &c) in irregular.iter().zip(&selection.channels) {
        if n > 0 {
            let name = &stream.channels[c].name;
            notes.push(format!("channel {name}: windows left out because of NaN or infinite values: {n}"));
        }
    }
    notes
}

/// `Frequency (Hz)`.
pub(super) fn frequency_title(stream: &Stream) -> String {
    if stream.time.rate_known() { "Frequency (Hz)" } else { "Frequency (cycles per frame)" }.to_owned()
}

/// The unit of the square of the values of these channels, where they share one: `µV²`.
pub(super) fn squared_unit<'a>(units: impl Iterator<Item = &'a str>) -> String {
    let mut units: Vec<&str> = units.collect();
    units.dedup();
    match units[..] {
        ["uV"] => "µV²".to_owned(),
        [] | [""] => "1".to_owned(),
        [unit] => format!("{unit}²"),
        _ => "unit²".to_owned(),
    }
}

/// How a mean spectrum is made.
#[derive(Clone, Copy)]
pub(super) struct Recipe {
    pub(super) window: usize,
    pub(super) overlap: u64,
    pub(super) taper: Taper,
    pub(super) detrend: Detrend,
    /// unit² instead of unit²/Hz.
    pub(super) spectrum: bool,
}

/// The mean spectrum of each selected channel.
pub(super) struct Powers {
    pub(super) recipe: Recipe,
    pub(super) rate_hz: f64,
    /// Empty for a channel without windows.
    pub(super) channels: Vec<Vec<f64>>,
    /// Of each channel.
    pub(super) windows: Vec<u64>,
    pub(super) irregular: Vec<u64>,
    pub(super) skipped: u64,
}

impl Powers {
    fn new(recipe: Recipe, rate_hz: f64, factor: f64, folded: &Folded) -> Self {
        let bins = recipe.window / 2 + 1;
        let of_channel = |(i, &windows): (usize, &u64)| match windows {
            0 => vec![],
            n => one_sided(&folded.powers[i * bins..(i + 1) * bins], recipe.window, factor / n as f64),
        };
        Self {
            recipe,
            rate_hz,
            channels: folded.windows.iter().enumerate().map(of_channel).collect(),
            windows: folded.windows.clone(),
            irregular: folded.irregular.clone(),
            skipped: folded.skipped,
        }
    }

    /// How far apart the frequencies are.
    pub(super) fn resolution_hz(&self) -> f64 {
        self.rate_hz / self.recipe.window as f64
    }
}

/// Computes the mean spectra; `publish` sees them a few times a second.
///
/// # Errors
/// When no window fits or is free of gaps and NaN; else what reading fails with.
pub(super) fn mean_spectra(request: &Request<'_>, recipe: Recipe, publish: &mut dyn FnMut(&Powers)) -> Result<Powers> {
    let selection = request.selection;
    let stream = selection.stream_in(request.source.recording())?;
    check_length(stream, selection, recipe.window as u64, recipe.overlap)?;
    let hop = recipe.window as u64 - recipe.overlap;
    let tapering = Tapering::One(recipe.taper);
    let size = (recipe.window, hop);
    let welch = Welch::new(request.source.as_ref(), selection, request.task, tapering, size, recipe.detrend)?;
    request.task.set_total(welch.pass_bytes());
    let rate_hz = stream.time.rate_hz();
    let factor = factor(&welch, rate_hz, recipe.spectrum);
    let mut clock = PublishClock::default();
    let folded = welch.pass(Fold::Sum, &mut |so_far| {
        if clock.is_due() && so_far.windows.iter().any(|&n| n > 0) {
            publish(&Powers::new(recipe, rate_hz, factor, so_far));
        }
    })?;
    check_windows(selection, recipe.window, &folded.windows)?;
    Ok(Powers::new(recipe, rate_hz, factor, &folded))
}

/// A power of two of frames for a window nobody has chosen: at least `wanted`, as far as `most` and the gaps allow. It is
/// rather shorter than that more than half of the selection is lost at gaps.
pub(super) fn fitting_window(stream: &Stream, selection: &Selection, wanted: f64, most: u64) -> u64 {
    let wanted = (wanted.clamp(2.0, most as f64) as u64).next_power_of_two();
    let longest = longest_window(stream, selection, wanted).max(2);
    let mut window = longest;
    while window > LEAST_AUTOMATIC {
        if usable_windows(stream, selection, window, window / 2).saturating_mul(window) >= selection.len() {
            return window;
        }
        window /= 2;
    }
    longest
}
