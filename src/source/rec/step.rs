//! What a step of the packet counter means: packets that are missing, a counter that started again, one that goes back.
//!
//! The counter has 32 bits, so that a step is known modulo 2³² only: a gap of more than half of that looks like a step
//! back, and a reset may look like a gap of hours. Where packets carry a system clock too, it decides about steps of more
//! than a second.

/// A system clock that jumps by more was set, not waited for.
const MAX_LOST_SECS: f64 = 366.0 * 86_400.0;
/// Where the counter skips a little and the system clock as much, the counter has gone all round between.
const LONG_SECS: f64 = 3600.0;
/// Gaps that only the system clock tells are at least this long: it jitters by a millisecond.
const MIN_CLOCK_GAP_SECS: f64 = 0.01;

/// Ticks that were lost before a packet.
#[derive(Clone, Copy)]
pub(super) enum Missing {
    /// By the counter, which the system clock confirms.
    Counted(u64),
    /// By the system clock; the counter says something else.
    Reset(u64),
}

/// What a step of the counter is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CounterStep {
    /// So many packets are missing.
    Missing(u64),
    /// The counter started again.
    Reset,
    /// It goes back a little.
    Back,
}

/// What it is when the counter steps by `ticks` more (modulo 2³²) than there are packets, and the system clock by
/// `elapsed` ticks.
pub(crate) fn counter_step(ticks: i64, elapsed: Option<f64>, rate_hz: f64) -> CounterStep {
    match missing_by_clock(ticks, elapsed, rate_hz) {
        Some(Missing::Counted(missing)) => CounterStep::Missing(missing),
        Some(Missing::Reset(_)) => CounterStep::Reset,
        None if ticks > 0 => CounterStep::Missing(ticks.unsigned_abs()),
        None if ticks.unsigned_abs() as f64 > rate_hz => CounterStep::Reset,
        None => CounterStep::Back,
    }
}

/// What is missing where the counter steps by `ticks` (modulo 2³²) and the system clock by `elapsed` ticks. `None` if
/// the clock has nothing to say about it: it goes back, jumps by years, or the step is too small for it.
pub(super) fn missing_by_clock(ticks: i64, elapsed: Option<f64>, rate_hz: f64) -> Option<Missing> {
    let elapsed = elapsed.filter(|e| (0.0..MAX_LOST_SECS * rate_hz).contains(e))?;
    if ticks.unsigned_abs() as f64 <= rate_hz && elapsed <= LONG_SECS * rate_hz {
        return None;
    }
    // The counter cannot tell 2³² ticks more or less.
    let counted = ticks.rem_euclid(1 << 32);
    let turns = ((elapsed - counted as f64) / 4_294_967_296.0).round().max(0.0);
    let counted = counted as f64 + turns * 4_294_967_296.0;
    if (counted - elapsed).abs() <= (rate_hz / 10.0).max(elapsed * 1e-3) {
        return Some(Missing::Counted(counted as u64));
    }
    let missing = (elapsed - 1.0).round();
    (missing >= rate_hz * MIN_CLOCK_GAP_SECS).then_some(Missing::Reset(missing as u64))
}
