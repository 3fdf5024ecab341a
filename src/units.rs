//! Values to strings, for people: bytes, rates, durations, times, clock times and plain numbers, each with its unit.
//!
//! These stand above everything else, because error messages use them too; the way back, from strings to values, is
//! [`crate::text`]. What is written here is read there: `text` has the property tests of the round trip.

/// `bytes` with a binary unit and three significant digits: `512 MiB`, `1.86 GiB`, `97 B`.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{} {}", three_digits(value), UNITS[unit])
}

/// Bytes a second with a decimal unit, as disks and memory are sold: `1.1 GB/s`, `0 B/s`.
#[must_use]
pub fn rate(bytes_per_sec: f64) -> String {
    si(bytes_per_sec, "B/s")
}

/// A value with the SI prefix that leaves one to three digits before the point: `30 kHz`, `1.1 GB/s`, `195 nV`.
/// Zero and what is not finite get no prefix; three significant digits are kept.
#[must_use]
pub fn si(value: f64, unit: &str) -> String {
    const PREFIXES: [&str; 11] = ["p", "n", "µ", "m", "", "k", "M", "G", "T", "P", "E"];
    const NONE: i32 = 4;
    if value == 0.0 || !value.is_finite() {
        return join(&number(value), unit);
    }
    let mut i = ((value.abs().log10() / 3.0).floor() as i32).clamp(-NONE, PREFIXES.len() as i32 - 1 - NONE);
    // Rounding to three digits may carry into the next prefix: 999.9 Hz is 1 kHz.
    if (value / 1000_f64.powi(i)).abs() >= 999.5 && i + NONE + 1 < PREFIXES.len() as i32 {
        i += 1;
    }
    let digits = three_digits(value / 1000_f64.powi(i));
    join(&digits, &format!("{}{unit}", PREFIXES[(i + NONE) as usize]))
}

fn join(number: &str, unit: &str) -> String {
    if unit.is_empty() { number.to_owned() } else { format!("{number} {unit}") }
}

fn three_digits(value: f64) -> String {
    let size = value.abs();
    let decimals = if size >= 99.95 {
        0
    } else if size >= 9.995 {
        1
    } else {
        2
    };
    without_trailing_zeros(format!("{value:.decimals$}"))
}

fn without_trailing_zeros(number: String) -> String {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.').to_owned() } else { number }
}

/// A number with at most six significant digits, in the shorter of plain and exponent notation: `0.195`, `-12.5`,
/// `1.25e-9`, `NaN`, `inf`.
#[must_use]
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    // Rounded first, so that the exponent is that of what is shown.
    let scientific = format!("{value:.5e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..9).contains(&exponent) {
        let decimals = (5 - exponent).max(0) as usize;
        without_trailing_zeros(format!("{value:.decimals$}"))
    } else {
        format!("{}e{exponent}", without_trailing_zeros(mantissa.to_owned()))
    }
}

/// A whole number with its thousands apart: `1,836,000,000`.
#[must_use]
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A length of time in the two units that matter: `2 d 03 h`, `17 h 00 m`, `3 m 20 s`, `12.5 s`, `250 ms`, `33.3 µs`.
#[must_use]
pub fn duration(secs: f64) -> String {
    if !secs.is_finite() || secs < 0.0 {
        return "unknown".to_owned();
    }
    if secs < 59.95 {
        return if secs >= 1.0 || secs == 0.0 { format!("{} s", three_digits(secs)) } else { si(secs, "s") };
    }
    // To the nearest second, minute or hour: whichever is shown last.
    let (whole, minutes, hours) = (secs.round() as u64, (secs / 60.0).round() as u64, (secs / 3600.0).round() as u64);
    if whole < 3600 {
        format!("{} m {:02} s", whole / 60, whole % 60)
    } else if whole < 86_400 {
        format!("{} h {:02} m", minutes / 60, minutes % 60)
    } else {
        format!("{} d {:02} h", hours / 24, hours % 24)
    }
}

/// How long a job still takes, no more exactly than anyone can know: `2 min left`, `45 s left`, `1 h 10 m left`.
#[must_use]
pub fn time_left(left: std::time::Duration) -> String {
    let secs = left.as_secs_f64();
    if secs < 10.0 {
        format!("{} s left", secs.ceil())
    } else if secs < 60.0 {
        format!("{} s left", (secs / 5.0).round() * 5.0)
    } else if secs < 3570.0 {
        format!("{} min left", (secs / 60.0).round())
    } else {
        format!("{} left", duration(secs))
    }
}

/// A place on the time axis as `h:m:s` with `decimals` (up to 9): `03:12:45.200`. Hours go on beyond 99; a time before
/// zero gets a minus sign.
#[must_use]
pub fn time(secs: f64, decimals: usize) -> String {
    if !secs.is_finite() {
        return secs.to_string();
    }
    let decimals = decimals.min(9);
    let scale = 10_u64.pow(decimals as u32);
    // `as` saturates: beyond 18 billion seconds at nine decimals the display stops, nothing breaks.
    let ticks = (secs.abs() * scale as f64).round() as u64;
    let (whole, rest) = (ticks / scale, ticks % scale);
    let sign = if secs < 0.0 && ticks > 0 { "-" } else { "" };
    let (h, m, s) = (whole / 3600, whole / 60 % 60, whole % 60);
    if decimals == 0 {
        format!("{sign}{h:02}:{m:02}:{s:02}")
    } else {
        format!("{sign}{h:02}:{m:02}:{s:02}.{rest:0decimals$}")
    }
}

/// A wall-clock time, ISO 8601 in UTC to the millisecond: `2026-05-01T12:00:00.250Z`; `None` outside the years -9999
/// to 9999.
#[must_use]
pub fn clock(unix_ns: i128) -> Option<String> {
    // To the nearest millisecond, as everywhere; `strftime` alone would cut.
    let rounded = unix_ns.checked_add(500_000)?.div_euclid(1_000_000).checked_mul(1_000_000)?;
    let time = jiff::Timestamp::from_nanosecond(rounded).ok()?;
    Some(time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

/// A unit as it is read: `uV` becomes `µV`.
#[must_use]
pub fn unit(unit: &str) -> std::borrow::Cow<'_, str> {
    match unit.strip_prefix('u') {
        Some("") | None => unit.into(),
        Some(rest) if rest.starts_with(char::is_uppercase) || rest == "s" || rest == "m" => format!("µ{rest}").into(),
        Some(_) => unit.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Copy>(f: impl Fn(T) -> String, cases: &[(T, &str)]) {
        for &(value, text) in cases {
            assert_eq!(f(value), text);
        }
    }

    #[test]
    fn bytes_and_rates() {
        check(bytes, &[(0, "0 B"), (97, "97 B"), (1024, "1 KiB"), (512 << 20, "512 MiB"), (2_000_000_000, "1.86 GiB")]);
        check(bytes, &[(1023 << 10, "1 MiB"), (u64::MAX, "16 EiB")]);
        check(
            rate,
            &[(1.1e9, "1.1 GB/s"), (0.0, "0 B/s"), (999.0, "999 B/s"), (999.9, "1 kB/s"), (17.84e9, "17.8 GB/s")],
        );
        check(|v| si(v, "V"), &[(195e-9, "195 nV"), (-1.5e-3, "-1.5 mV"), (1e-20, "0 pV"), (1e30, "1000000000000 EV")]);
        check(|v| si(v, "Hz"), &[(30_000.0, "30 kHz"), (1.0, "1 Hz"), (24_414.062_5, "24.4 kHz")]);
    }

    #[test]
    fn numbers() {
        check(number, &[(0.195, "0.195"), (-12.5, "-12.5"), (0.0, "0"), (1.25e-9, "1.25e-9"), (1e300, "1e300")]);
        check(
            number,
            &[(123_456_789.0, "123456789"), (f64::NAN, "NaN"), (1.0 / 3.0, "0.333333"), (999_999.7, "1000000")],
        );
        check(number, &[(f64::INFINITY, "inf"), (f64::NEG_INFINITY, "-inf"), (1e9, "1e9"), (0.000_1, "0.0001")]);
        check(count, &[(0, "0"), (999, "999"), (1000, "1,000"), (1_836_000_000, "1,836,000,000")]);
    }

    #[test]
    fn durations_and_times() {
        check(duration, &[(17.0 * 3600.0, "17 h 00 m"), (200.0, "3 m 20 s"), (12.5, "12.5 s"), (0.25, "250 ms")]);
        check(duration, &[(0.0, "0 s"), (59.96, "1 m 00 s"), (3599.6, "1 h 00 m"), (1.0 / 30_000.0, "33.3 µs")]);
        check(
            duration,
            &[(86_399.0, "24 h 00 m"), (183_600.0, "2 d 03 h"), (172_799.0, "2 d 00 h"), (f64::NAN, "unknown")],
        );
        let left = |s: f64| time_left(std::time::Duration::from_secs_f64(s));
        check(left, &[(0.2, "1 s left"), (44.0, "45 s left"), (119.0, "2 min left"), (4200.0, "1 h 10 m left")]);
        check(|s| time(s, 3), &[(11_565.2, "03:12:45.200"), (0.0, "00:00:00.000"), (-1.5, "-00:00:01.500")]);
        check(|s| time(s, 3), &[(59.9996, "00:01:00.000"), (-0.0001, "00:00:00.000"), (360_000.0, "100:00:00.000")]);
        check(|s| time(s, 0), &[(59.5, "00:01:00")]);
    }

    #[test]
    fn clock_times() {
        assert_eq!(clock(1_777_636_800_250_000_000).as_deref(), Some("2026-05-01T12:00:00.250Z"));
        assert_eq!(clock(-1).as_deref(), Some("1970-01-01T00:00:00.000Z"));
        assert_eq!(clock(i128::MAX), None);
    }
}
