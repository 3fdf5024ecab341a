//! The controller's system clock beside the packet counter: a line through a few packets, without reading the file.
//!
//! [`POINTS`] packets at regular distances are read; a line of least squares is drawn through those that a clock can have
//! said ([`ClockFit`]). Readings jitter by a millisecond, so that the line of so few is right to about a quarter of one;
//! its residual is told, and a full pass ([`crate::check`]) draws the exact one.

use std::ops::Range;

use super::clock::Packets;
use crate::recording::{ClockFit, ClockSums, TimeBase, Warning};
use crate::text;

/// The clock of the controller is believed between the years 2000 and 2200.
pub(crate) const PLAUSIBLE_UNIX_NS: Range<i64> = 946_684_800_000_000_000..7_258_118_400_000_000_000;
/// Packets that are read; each may cost a page fault or a disk seek.
const POINTS: u64 = 32;
/// Of short recordings, which lie in few pages anyway, more are read.
const SHORT_BYTES: u64 = 16 << 20;
const SHORT_POINTS: u64 = 1024;
/// A reading further from the others than this, and than [`MAX_DRIFT`] of the time between, is no reading.
const MAX_STRAY_NS: f64 = 1e9;
/// Clocks of crystals differ by some 1e-4 at most.
const MAX_DRIFT: f64 = 1e-2;
/// The line of a clock that strays by more is worth a warning.
const WARN_RESIDUAL_NS: f64 = 50e6;

/// The frames whose packets are read.
pub(super) fn sampled_frames(frames: u64, packet_bytes: u64) -> impl Iterator<Item = u64> {
    let short = frames.saturating_mul(packet_bytes) <= SHORT_BYTES;
    let points = if short { SHORT_POINTS } else { POINTS }.min(frames);
    (0..points).map(move |i| {
        if points < 2 { 0 } else { (u128::from(i) * u128::from(frames - 1) / u128::from(points - 1)) as u64 }
    })
}

/// The line through the sampled packets; `None` if there is no clock in them, or none that goes with the counter.
pub(super) fn fit(
    packets: &impl Packets,
    packet_bytes: u64,
    time: &TimeBase,
    warnings: &mut Vec<Warning>,
) -> Option<ClockFit> {
    let readings: Vec<(u64, i64)> = sampled_frames(packets.count(), packet_bytes)
        .filter_map(|frame| Some((time.tick_of_frame(frame), plausible(packets, frame)?)))
        .collect();
    let &(_, first_ns) = readings.first()?;
    let nominal = ClockFit::nominal(i128::from(first_ns), time.rate_hz());
    let distance = |&(tick, ns): &(u64, i64)| (i128::from(ns) - nominal.unix_ns_of_tick(tick)) as f64;
    let mut distances: Vec<f64> = readings.iter().map(distance).collect();
    let middle = distances.len() / 2;
    let median = *distances.select_nth_unstable_by(middle, f64::total_cmp).1;
    let duration_ns = readings.last().map_or(0.0, |&(tick, _)| tick as f64 * nominal.ns_per_tick);
    let mut limit = MAX_STRAY_NS + duration_ns * MAX_DRIFT;
    let mut line = ClockFit { unix_ns_at_tick_0: nominal.unix_ns_at_tick_0 + median as i128, ..nominal };
    // Twice more through those near the line before: one bad reading must not bend it.
    for _ in 0..3 {
        let mut sums = ClockSums::new(line);
        for &(tick, ns) in &readings {
            if let Some(difference) = sums.difference(tick, ns).filter(|d| (*d as f64).abs() <= limit) {
                sums.add(tick, difference);
            }
        }
        if sums.points() * 2 < readings.len() as u64 {
            break;
        }
        line = sums.line()?;
        limit = (6.0 * line.residual_rms_ns).max(1e3);
    }
    let drift = line.drift_ppm(time.rate_hz()) / 1e6;
    // Where a recording is shorter than the jitter of its clock, the slope is chance.
    let is_slope_told = duration_ns > 100.0 * line.residual_rms_ns;
    if line.points < 2 || (is_slope_told && drift.abs() > MAX_DRIFT) {
        warnings.push(Warning::new(
            "the system clock does not go with the packet counter: the start is what it says in the first packet, and time goes on at the rate of the header",
        ));
        return None;
    }
    if !is_slope_told {
        let mean = line.unix_ns_at_tick_0 as f64 - nominal.unix_ns_at_tick_0 as f64;
        let middle_ns = duration_ns / 2.0 * (line.ns_per_tick / nominal.ns_per_tick - 1.0);
        let unix_ns_at_tick_0 = nominal.unix_ns_at_tick_0 + (mean + middle_ns).round() as i128;
        line = ClockFit { unix_ns_at_tick_0, ns_per_tick: nominal.ns_per_tick, ..line };
    }
    if line.residual_rms_ns > WARN_RESIDUAL_NS {
        warnings.push(Warning::new(format!(
            "the system clock strays by {} from a line over the packet counter: clock times are right to about that",
            text::si(line.residual_rms_ns / 1e9, "s")
        )));
    }
    Some(line)
}

/// What the system clock says in `frame`, if a clock can have said it.
pub(super) fn plausible(packets: &impl Packets, frame: u64) -> Option<i64> {
    packets.system_ns(frame).filter(|ns| PLAUSIBLE_UNIX_NS.contains(ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_700_000_000_000_000_000;

    struct Clocked(Vec<i64>);

    impl Packets for Clocked {
        fn count(&self) -> u64 {
            self.0.len() as u64
        }
        fn counter(&self, index: u64) -> Option<u32> {
            Some(index as u32)
        }
        fn byte_of(&self, index: u64) -> u64 {
            index
        }
        fn system_ns(&self, index: u64) -> Option<i64> {
            self.0.get(index as usize).copied()
        }
    }

    fn fitted(clock: impl Fn(u64) -> i64, frames: u64) -> (Option<ClockFit>, usize) {
        let packets = Clocked((0..frames).map(clock).collect());
        let mut warnings = Vec::new();
        let fit = fit(&packets, 300, &TimeBase::regular(1000.0), &mut warnings);
        (fit, warnings.len())
    }

    #[test]
    fn a_drifting_clock_with_bad_readings_is_fitted() {
        let clock = |i: u64| match i {
            i if i % 97 == 5 => 0,
            i if i % 101 == 7 => START + 3_600_000_000_000,
            i => START + i as i64 * 1_000_030 + (i as i64 * 48_271) % 999_983,
        };
        let (fit, warnings) = fitted(clock, 200_000);
        let fit = fit.unwrap();
        assert_eq!(warnings, 0);
        assert!((fit.drift_ppm(1000.0) - 30.0).abs() < 2.0, "{fit:?}");
        assert!((fit.unix_ns_at_tick_0 - i128::from(START + 500_000)).abs() < 300_000, "{fit:?}");
        assert!(fit.residual_rms_ns < 400_000.0, "{fit:?}");
    }

    #[test]
    fn what_is_no_clock_is_not_fitted() {
        assert_eq!(fitted(|_| 0, 1000), (None, 0));
        assert_eq!(fitted(|_| START, 1).0.map(|f| f.points), None);
        assert_eq!(fitted(|_| START, 50_000), (None, 1), "a clock that stands still");
        assert_eq!(fitted(|i| START + i as i64 * 1_500_000, 50_000), (None, 1), "another rate");
        // Ten seconds of noise: told, but used.
        let (fit, warnings) = fitted(|i| START + i as i64 * 1_000_000 + (i as i64 * 7_919) % 400_000_000, 500_000);
        assert!(fit.is_some() && warnings == 1);
    }

    #[test]
    fn a_short_recording_has_no_slope_of_its_own() {
        let (fit, _) = fitted(|i| START + i as i64 * 1_000_000 + (i as i64 * 600_011) % 999_983, 20);
        let fit = fit.unwrap();
        assert_eq!(fit.ns_per_tick, 1e6);
        assert!((fit.unix_ns_at_tick_0 - i128::from(START + 500_000)).abs() < 400_000, "{fit:?}");
    }
}
