//! Numbers in words as the window shows them: short, with their unit, and of steady width where they change.

use std::time::Duration;

/// `value` with `digits` significant digits, in plain notation where that is short, else with an exponent. NaN and
/// infinities are named.
#[must_use]
pub(super) fn significant(value: f64, digits: usize) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+inf".to_owned() } else { "-inf".to_owned() };
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = digits.max(1);
    // Rounding may carry into the next power of ten (9.9996 → 10.000), so the exponent is that of the rounded number.
    let scientific = format!("{value:.*e}", digits - 1);
    let exponent: i32 = scientific.rsplit('e').next().and_then(|e| e.parse().ok()).unwrap_or(0);
    if (-4..7).contains(&exponent) {
        let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
        format!("{value:.decimals$}")
    } else {
        scientific
    }
}

/// A length of time: `45 µs`, `3.20 ms`, `12.50 s`, `2 min 30 s`, `17 h 00 min`.
#[must_use]
pub(super) fn span(secs: f64) -> String {
    let magnitude = secs.abs();
    if !magnitude.is_finite() {
        return significant(secs, 3);
    }
    if magnitude == 0.0 {
        "0 s".to_owned()
    } else if magnitude < 1e-3 {
        format!("{} µs", significant(secs * 1e6, 3))
    } else if magnitude < 1.0 {
        format!("{} ms", significant(secs * 1e3, 3))
    } else if magnitude < 59.995 {
        format!("{secs:.2} s")
    } else if magnitude < 3599.5 {
        let whole = secs.round() as i64;
        format!("{} min {:02} s", whole / 60, (whole % 60).abs())
    } else {
        let minutes = (secs / 60.0).round() as i64;
        format!("{} h {:02} min", minutes / 60, (minutes % 60).abs())
    }
}

/// Time left, coarse so that it does not flicker: `45 s left`, `2 min left`, `3 h 10 min left`.
#[must_use]
pub(super) fn left(left: Duration) -> String {
    let secs = left.as_secs();
    match secs {
        0 => "under 1 s left".to_owned(),
        1..=89 => format!("{secs} s left"),
        90..=5399 => format!("{} min left", (secs + 30) / 60),
        // A century is as good as never; it means that nothing moves.
        5400..=3_155_760_000 => format!("{} h {:02} min left", secs / 3600, secs / 60 % 60),
        _ => "time left unknown".to_owned(),
    }
}

/// Bytes a second, in decimal units as disks are sold: `1.1 GB/s`.
#[must_use]
pub(super) fn speed(bytes_per_sec: f64) -> String {
    let units = ["B/s", "kB/s", "MB/s", "GB/s", "TB/s"];
    let mut value = bytes_per_sec.max(0.0);
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if value < 9.95 && unit > 0 { format!("{value:.1} {}", units[unit]) } else { format!("{value:.0} {}", units[unit]) }
}

/// A count with thin groups of three digits, readable at a glance: `1 836 000 000`.
#[must_use]
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}

/// `1 channel`, `2 channels`.
#[must_use]
pub(super) fn plural(n: u64, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{} {one}s", count(n)) }
}

/// Reads a number of bytes: `256 MiB`, `1.5GB`, `4 g`, `1048576`. `None` if it is not one.
#[must_use]
pub(super) fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let number: f64 = text[..split].trim().parse().ok()?;
    let factor = match text[split..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kib" => 1024.0,
        "kb" => 1e3,
        "m" | "mib" => 1_048_576.0,
        "mb" => 1e6,
        "g" | "gib" => 1_073_741_824.0,
        "gb" => 1e9,
        "t" | "tib" => 1_099_511_627_776.0,
        "tb" => 1e12,
        _ => return None,
    };
    (number.is_finite() && number >= 0.0).then(|| (number * factor).round() as u64)
}

/// An error as a sentence begins: first letter upper-case, a period at the end.
#[must_use]
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.trim().chars();
    let mut sentence: String = chars.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    sentence.push_str(chars.as_str());
    if !sentence.is_empty() && !sentence.ends_with(['.', '!', '?', ':']) {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1.0000"),
            (-123.456_789, "-123.46"),
            (9.999_96, "10.000"),
            (123_456.7, "123457"),
            (0.000_123_456, "0.00012346"),
            (1.5e-9, "1.5000e-9"),
            (4.2e12, "4.2000e12"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(significant(value, 5), text);
        }
    }

    #[test]
    fn times_and_speeds_read_well() {
        assert_eq!(span(0.0032), "3.20 ms");
        assert_eq!(span(45e-6), "45.0 µs");
        assert_eq!(span(12.5), "12.50 s");
        assert_eq!(span(59.999), "1 min 00 s");
        assert_eq!(span(61_200.0), "17 h 00 min");
        assert_eq!(left(Duration::from_secs(125)), "2 min left");
        assert_eq!(left(Duration::from_secs(11_400)), "3 h 10 min left");
        assert_eq!(speed(1.1e9), "1.1 GB/s");
        assert_eq!(speed(999.9e6), "1.0 GB/s");
        assert_eq!(count(1_836_000), "1\u{a0}836\u{a0}000");
    }

    #[test]
    fn bytes_are_read_as_people_write_them() {
        assert_eq!(parse_bytes("256 MiB"), Some(256 << 20));
        assert_eq!(parse_bytes("1.5g"), Some(3 << 29));
        assert_eq!(parse_bytes("2GB"), Some(2_000_000_000));
        assert_eq!(parse_bytes("4096"), Some(4096));
        for bad in ["", "MiB", "-1 MiB", "12 parsecs", "1e400", "nan"] {
            assert_eq!(parse_bytes(bad), None, "{bad}");
        }
    }
}
