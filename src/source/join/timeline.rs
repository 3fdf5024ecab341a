//! Where the files of a recording lie on one time line.
//!
//! A file follows the one before it as its packet counter says, where both count on the same controller: that is exact to
//! the sample, also across a wrap of the 32-bit counter. They do if the clock times of the files confirm it, or if the
//! counter goes on within a second, as it does where a recording was split. Otherwise the clock times of their first frames decide, to the
//! nearest tick. Otherwise nothing is known and they are laid end to end. A file never begins before the last one ends:
//! what would be a negative gap is none, with a warning.

use crate::error::{Error, Result};
use crate::recording::{ClockFit, ClockSpan, ClockSums, TimeBase, Warning};

/// What the beginning of a file was placed by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlacedBy {
    /// It is the first one, or holds no frame.
    First,
    /// The packet counter goes on from the file before.
    Counter,
    /// Both files tell their start time.
    Clock,
    /// Nothing is known: end to end.
    Order,
}

impl PlacedBy {
    /// For tables and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Counter => "counter",
            Self::Clock => "clock",
            Self::Order => "order",
        }
    }
}

/// What is known about when a file begins and ends, in ticks of the common clock.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// For warnings.
    pub name: String,
    /// One past the tick of the last frame, from the first; zero if there is no frame.
    pub end_tick: u64,
    /// The packet counter of the first and of the last frame.
    pub counters: Option<(u32, u32)>,
    pub start_unix_ns: Option<i128>,
}

/// Two counts of the same moment may differ by this much: the clock of a computer is read with some delay.
const CLOCK_TOLERANCE_SECS: f64 = 2.0;
/// The sample clock and the wall clock run apart by at most this share.
const CLOCK_DRIFT: f64 = 5e-4;
/// An overlap is not worth a word if it is shorter than this and what [`CLOCK_DRIFT`] explains: start times are often
/// in milliseconds.
const SILENT_OVERLAP_SECS: f64 = 0.002;
/// A longer gap is told, because it is more often a wrong list than a long night.
const LONG_GAP_SECS: f64 = 86_400.0;
/// Ticks beyond this are no time.
const MAX_TICKS: f64 = 9e15;
/// Points that a line through all files is drawn through.
const FIT_POINTS: f64 = 4096.0;
/// The packet counter has 32 bits.
const COUNTS: f64 = 4_294_967_296.0;
/// A counter that goes on within so long goes on, whatever clocks say: by chance it would do so once in 100,000 times.
const COUNTER_GOES_ON_SECS: f64 = 1.0;
/// So many files are named in one warning, and so many warnings of one kind are given.
const NAMED: usize = 3;

/// Ticks in a second of the wall clock, where a system clock beside the samples tells them, by the longest of `clocks`
/// (with their numbers of frames).
pub(super) fn wall_rate_hz(clocks: &[&(TimeBase, u64)]) -> Option<f64> {
    let fitted = clocks.iter().filter_map(|(time, frames)| Some((time.fit()?, *frames)));
    fitted.max_by_key(|(_, frames)| *frames).map(|(fit, _)| 1e9 / fit.ns_per_tick)
}

/// The first tick of each file on the clock `time`, and what it is due to. `wall_rate_hz` counts ticks in a second of
/// the wall clock, if that is known better than by the nominal rate.
pub(super) fn place(
    files: &[Known],
    time: &TimeBase,
    wall_rate_hz: Option<f64>,
    warnings: &mut Vec<Warning>,
) -> Vec<(u64, PlacedBy)> {
    let rate_hz = time.rate_hz();
    let wall_rate_hz = wall_rate_hz.unwrap_or(rate_hz);
    let mut placed: Vec<(u64, PlacedBy)> = Vec::with_capacity(files.len());
    let mut unknown: Vec<&str> = Vec::new();
    let mut overlaps: Vec<String> = Vec::new();
    let mut doubtful: Vec<(&str, f64)> = Vec::new();
    let mut before: Option<&Known> = None;
    // Where clock times are counted from, so that rounding does not add up.
    let mut origin: Option<(u64, i128)> = None;
    let mut end = 0_u64;
    for file in files {
        let Some(last) = before.filter(|_| file.end_tick > 0) else {
            placed.push((end, PlacedBy::First));
            if file.end_tick > 0 {
                before = Some(file);
                origin = file.start_unix_ns.map(|ns| (end, ns));
                end = end.saturating_add(file.end_tick);
            }
            continue;
        };
        let by_clock = if time.rate_known() {
            origin.zip(file.start_unix_ns).and_then(|((tick, ns), start)| ticks_between(ns, start, wall_rate_hz, tick))
        } else {
            None
        };
        let by_counter = counted(last, file, by_clock.map(|tick| tick - end as f64 + 1.0), rate_hz);
        let (wanted, by) = match (by_counter, by_clock) {
            (Some(step), clock) => {
                let wanted = end as f64 - 1.0 + step;
                let off = clock.map_or(0.0, |tick| (tick - wanted).abs() / rate_hz);
                if off > tolerance(last, rate_hz, (wanted - end as f64) / rate_hz) {
                    doubtful.push((&file.name, off));
                }
                (wanted, PlacedBy::Counter)
            }
            (None, Some(tick)) => (tick.round(), PlacedBy::Clock),
            (None, None) => (end as f64, PlacedBy::Order),
        };
        if by == PlacedBy::Order && time.rate_known() {
            unknown.push(&file.name);
        }
        let overlap = (end as f64 - wanted) / rate_hz;
        let explained = SILENT_OVERLAP_SECS + last.end_tick as f64 / rate_hz * CLOCK_DRIFT;
        if overlap > if by == PlacedBy::Counter { 0.0 } else { explained } {
            overlaps.push(overlapping(last, file, overlap, by));
        } else if overlap < -LONG_GAP_SECS {
            warnings.push(Warning::new(format!(
                "{:.1} days lie between {} and {}: check that they belong together",
                -overlap / 86_400.0,
                last.name,
                file.name
            )));
        }
        let tick = (wanted.max(0.0) as u64).max(end);
        if by != PlacedBy::Clock || origin.is_none() {
            origin = file.start_unix_ns.map(|ns| (tick, ns));
        }
        placed.push((tick, by));
        before = Some(file);
        end = tick.saturating_add(file.end_tick);
    }
    let shown = overlaps.len().min(NAMED);
    let further = overlaps.len() - shown;
    warnings.extend(overlaps.drain(..shown).map(Warning::new));
    if further > 0 {
        warnings.push(Warning::new(format!("{further} further files begin before the file in front of them ends")));
    }
    if let Some((name, secs)) = doubtful.first() {
        let more = and_more(&doubtful);
        warnings.push(Warning::new(format!(
            "the clock time of {name}{more} is off by {secs:.3} s from where the packet counter goes on: the counter is \
             followed"
        )));
    }
    if !unknown.is_empty() {
        let more = if unknown.len() > NAMED { format!(" and {} more", unknown.len() - NAMED) } else { String::new() };
        warnings.push(Warning::new(format!(
            "when it begins is not known of {}{more}: laid end to end with the file before, without a gap",
            unknown[..unknown.len().min(NAMED)].join(", ")
        )));
    }
    placed
}

fn and_more<T>(list: &[T]) -> String {
    if list.len() > 1 { format!(" (and of {} more files)", list.len() - 1) } else { String::new() }
}

/// Seconds by which clock and counter may differ over a stretch of `secs` behind `last`.
fn tolerance(last: &Known, rate_hz: f64, secs: f64) -> f64 {
    CLOCK_TOLERANCE_SECS + (last.end_tick as f64 / rate_hz + secs.abs()) * CLOCK_DRIFT
}

fn overlapping(last: &Known, file: &Known, secs: f64, by: PlacedBy) -> String {
    let (last_name, name) = (&last.name, &file.name);
    let backward = file.start_unix_ns.zip(last.start_unix_ns).is_some_and(|(b, a)| b < a);
    let laid = "they are laid end to end";
    if backward {
        format!("{name} begins before {last_name}, behind which it stands: {laid}; check the order of the files")
    } else {
        let clock = if by == PlacedBy::Counter { "packet counters" } else { "start times" };
        format!("{name} begins {secs:.3} s before {last_name} ends, by their {clock}: {laid}")
    }
}

/// The tick of `unix_ns` on a clock that had `tick` at `origin_ns`; `None` if it is out of all reason.
fn ticks_between(origin_ns: i128, unix_ns: i128, rate_hz: f64, tick: u64) -> Option<f64> {
    let ns = unix_ns.checked_sub(origin_ns)?;
    let (secs, rest) = (ns.div_euclid(1_000_000_000), ns.rem_euclid(1_000_000_000));
    let ticks = secs as f64 * rate_hz + rest as f64 * (rate_hz / 1e9) + tick as f64;
    (ticks.abs() < MAX_TICKS).then_some(ticks)
}

/// Ticks from the last frame of one file to the first of the next by the packet counter, if it counts on. The counter
/// wraps; the clock (`expected` ticks) tells how often, and whether it was started again instead.
fn counted(last: &Known, next: &Known, expected: Option<f64>, rate_hz: f64) -> Option<f64> {
    let ((_, from), (to, _)) = last.counters.zip(next.counters)?;
    let step = f64::from(to.wrapping_sub(from));
    let goes_on = (step >= 1.0 && step <= COUNTER_GOES_ON_SECS * rate_hz).then_some(step);
    match expected {
        Some(expected) => {
            let wrapped = step + COUNTS * ((expected - step) / COUNTS).round();
            let confirmed = (wrapped - expected).abs() / rate_hz <= tolerance(last, rate_hz, expected / rate_hz);
            if confirmed { Some(wrapped) } else { goes_on }
        }
        // Without a clock a counter that goes far forward may as well have been started again.
        None => (1.0..=COUNTS / 2.0).contains(&step).then_some(step),
    }
}

/// The clock of files whose clocks are `parts` (with their numbers of frames and first ticks, in the order of time).
pub(super) fn join_clocks(parts: &[(&TimeBase, u64, u64)]) -> Result<TimeBase> {
    let Some((first, ..)) = parts.first() else { return Ok(TimeBase::frames_only()) };
    // That of the first frame, which an empty file in front of it does not hold.
    let start = parts.iter().find(|(_, frames, _)| *frames > 0).and_then(|(time, ..)| time.start_unix_ns());
    let starting = |time: TimeBase| start.map_or(time.clone(), |ns| time.starting_at(ns));
    if !first.rate_known() {
        return Ok(starting(TimeBase::frames_only()));
    }
    let mut spans = vec![ClockSpan { first_frame: 0, first_tick: 0 }];
    let mut first_frame = 0_u64;
    let mut end_tick = 0_u64;
    let too_long = || Error::invalid("the files together are longer than any recording");
    for &(time, frames, first_tick) in parts.iter().filter(|(_, frames, _)| *frames > 0) {
        for span in time.spans().iter().take_while(|span| span.first_frame < frames) {
            let at = ClockSpan {
                first_frame: first_frame.checked_add(span.first_frame).ok_or_else(too_long)?,
                first_tick: first_tick.checked_add(span.first_tick).ok_or_else(too_long)?,
            };
            // A file that follows without a gap goes on with the stretch before.
            if at.first_frame > 0 && (span.first_frame > 0 || at.first_tick > end_tick) {
                spans.push(at);
            }
        }
        first_frame = first_frame.checked_add(frames).ok_or_else(too_long)?;
        end_tick = first_tick.checked_add(time.end_tick(frames)).ok_or_else(too_long)?;
    }
    let time = TimeBase::with_spans(first.rate_hz(), spans);
    Ok(match join_fits(parts, start) {
        Some(fit) => time.fitted_to(fit),
        None => starting(time),
    })
}

/// The line through the system clock of all files, if each has one: through points on their own lines, as many of each
/// as it is long.
fn join_fits(parts: &[(&TimeBase, u64, u64)], start: Option<i128>) -> Option<ClockFit> {
    let parts: Vec<_> = parts.iter().filter(|(_, frames, _)| *frames > 0).collect();
    let fits: Vec<(&ClockFit, u64, u64)> = parts
        .iter()
        .map(|(time, frames, first_tick)| Some((time.fit()?, time.end_tick(*frames), *first_tick)))
        .collect::<Option<_>>()?;
    if let [(fit, _, 0)] = fits[..] {
        return Some(*fit);
    }
    let total: u64 = fits.iter().map(|(_, ticks, _)| *ticks).sum();
    let mut sums = ClockSums::new(ClockFit::nominal(start?, parts.first()?.0.rate_hz()));
    let (mut points, mut square, mut max) = (0, 0.0, 0.0_f64);
    for (fit, ticks, first_tick) in fits {
        let share = ticks as f64 / total as f64;
        let steps = (share * FIT_POINTS).ceil() as u64;
        for i in 0..=steps {
            let tick = (u128::from(ticks - 1) * u128::from(i) / u128::from(steps.max(1))) as u64;
            let unix_ns = i64::try_from(fit.unix_ns_of_tick(tick)).ok()?;
            let tick = first_tick.checked_add(tick)?;
            sums.add(tick, sums.difference(tick, unix_ns)?);
        }
        points += fit.points;
        square += share * fit.residual_rms_ns * fit.residual_rms_ns;
        max = max.max(fit.residual_max_ns);
    }
    let line = sums.line()?;
    Some(ClockFit {
        points,
        residual_rms_ns: (line.residual_rms_ns * line.residual_rms_ns + square).sqrt(),
        residual_max_ns: line.residual_max_ns + max,
        ..line
    })
}
