use proptest::prelude::*;

use super::*;
use crate::recording::ClockSpan;

fn secs(text: &str) -> f64 {
    match text.parse() {
        Ok(Time::Secs(secs)) => secs,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn bytes_are_read() {
    for (text, value) in [
        ("256MiB", 256 << 20),
        ("1.5GB", 1_500_000_000),
        ("1073741824", 1 << 30),
        ("1 kb", 1000),
        ("64k", 65_536),
        ("2G", 2 << 30),
        ("18446744073709551615", u64::MAX),
        ("17B", 17),
        (" 0.5 KiB ", 512),
    ] {
        assert_eq!(parse_bytes(text).unwrap(), value, "{text}");
    }
    for text in ["", "MiB", "-1", "1e9", "12 apples", "1.2.3", "20EiB", "99999999999999999999", "1Mi", "inf", "１"] {
        assert!(parse_bytes(text).is_err(), "{text}");
    }
}

#[test]
fn times_are_read() {
    for (text, value) in [
        ("12.5s", 12.5),
        ("3m20s", 200.0),
        ("1h2m", 3720.0),
        ("01:02:03.5", 3723.5),
        ("02:03.5", 123.5),
        ("250ms", 0.25),
        ("12.5", 12.5),
        ("17 h 00 m", 61_200.0),
        ("2 d 03 h", 183_600.0),
        ("5min", 300.0),
        ("100:00:00", 360_000.0),
        ("1s500ms", 1.5),
        ("33µs", 33e-6),
    ] {
        assert_eq!(secs(text), value, "{text}");
    }
    assert_eq!("#30000".parse::<Time>().unwrap(), Time::Frame(30_000));
    for text in [
        "",
        "s",
        "12x",
        "-3s",
        "1s2m",
        "1m1m",
        "1:60",
        "1:2:3:4",
        "#-1",
        "#",
        "1e3s",
        "nan",
        "inf",
        ":",
        "1:",
        "3m20",
        "2026-13-01",
    ] {
        assert!(text.parse::<Time>().is_err(), "{text}");
    }
}

#[test]
fn clock_times_are_read() {
    let noon = Time::Clock(1_777_636_800_000_000_000);
    for text in [
        "2026-05-01T12:00:00Z",
        "2026-05-01T12:00:00",
        "2026-05-01 12:00",
        "2026-05-01T14:00:00+02:00",
        "2026-05-01T12:00:00.000000000Z",
    ] {
        assert_eq!(text.parse::<Time>().unwrap(), noon, "{text}");
    }
    assert_eq!("2026-05-01".parse::<Time>().unwrap(), Time::Clock(1_777_593_600_000_000_000));
    // Without an offset in the zone that is asked for; with one as it says.
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    for text in ["2026-05-01T14:00:00", "2026-05-01 12:00Z", "2026-05-01T14:00+02:00[Europe/Berlin]"] {
        assert_eq!(Time::parse_in(text, &berlin).unwrap(), noon, "{text}");
    }
    assert_eq!(Time::parse_in("#1 000\u{a0}000", &berlin).unwrap(), Time::Frame(1_000_000));
}

#[test]
fn ranges_mean_frames() {
    let regular = TimeBase::regular(1000.0);
    let frames = |text: &str, clock: &TimeBase| {
        text.parse::<TimeRange>().and_then(|r| r.frames(clock, 10_000)).map_err(|e| e.to_string())
    };
    for (text, range) in [
        ("..", 0..10_000),
        ("1s..2s", 1000..2000),
        ("..2s", 0..2000),
        ("8s..", 8000..10_000),
        ("0.0004..0.0016", 0..2),
        ("#5..#7", 5..7),
        ("9s..1h", 9000..10_000),
        ("#5..1s", 5..1000),
        ("0..3:00", 0..10_000),
    ] {
        assert_eq!(frames(text, &regular), Ok(range), "{text}");
    }
    for text in ["10s..", "2s..1s", "#7..#5", "1s..1s", "..0", "#9..3ms", "11s..12s", "5s", "2026-05-01..", "..#0"] {
        assert!(frames(text, &regular).is_err(), "{text}");
    }

    // Ticks 2000 to 4999 are missing; the recording began at noon.
    let spans = vec![ClockSpan { first_frame: 0, first_tick: 0 }, ClockSpan { first_frame: 2000, first_tick: 5000 }];
    let gappy = TimeBase::with_spans(1000.0, spans).starting_at(1_777_636_800_000_000_000);
    for (text, range) in [
        ("1s..3s", 1000..2000),
        ("3s..6s", 2000..3000),
        ("2026-05-01T12:00:01..2026-05-01T12:00:06", 1000..3000),
        ("2026-05-01T11:00:00Z..1s", 0..1000),
    ] {
        assert_eq!(frames(text, &gappy), Ok(range), "{text}");
    }
    assert!(frames("100s..", &regular).unwrap_err().contains("after the end of the recording (10 s)"));
    assert!(frames("1s...2s", &regular).unwrap_err().contains("a dot too many"));
    assert!(frames("1s..1s", &regular).unwrap_err().contains("is empty"));
    assert!(frames("3s..4s", &gappy).unwrap_err().contains("gap"));
    assert!(frames("..2026-05-01T11:00:00Z", &gappy).unwrap_err().contains("outside"));
    assert_eq!("..".parse::<TimeRange>().unwrap().frames(&regular, 0).unwrap(), 0..0);
}

#[test]
fn channel_lists() {
    let mut channels: Vec<Channel> = (0..8).map(Channel::numbered).collect();
    channels[2].name = "Fp1-Ref".to_owned();
    channels[3].id = "hw 17".to_owned();
    channels[4].name = "same".to_owned();
    channels[5].name = "same".to_owned();
    channels[6].name = "0".to_owned();
    for (text, list) in [
        ("all", (0..8).collect()),
        ("0-3,7", vec![0, 1, 2, 3, 7]),
        ("3-1", vec![3, 2, 1]),
        ("1,1,0-2", vec![1, 0, 2]),
        (" 5 , hw 17,Fp1-Ref", vec![5, 3, 2]),
        ("0,name:0", vec![0, 6]),
        ("id:7", vec![7]),
        ("ch 1", vec![1]),
    ] {
        assert_eq!(parse_channels(text, &channels).unwrap(), list, "{text}");
    }
    for text in ["", "8", "0-18446744073709551615", "0,,1", "same", "nobody", "-1", "1-", "99999999999999999999"] {
        assert!(parse_channels(text, &channels).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn written_bytes_are_read_back(value: u64) {
        let read = parse_bytes(&bytes(value)).unwrap_or(u64::MAX) as f64;
        prop_assert!((read - value as f64).abs() <= 0.006 * value as f64);
        prop_assert_eq!(parse_bytes(&value.to_string()).unwrap(), value);
    }

    #[test]
    fn written_times_are_read_back(value in 0.0..1e7_f64, decimals in 1_usize..7) {
        let half_a_digit = 0.5 / 10_f64.powi(decimals as i32) + 1e-8;
        prop_assert!((secs(&time(value, decimals)) - value).abs() <= half_a_digit);
    }

    #[test]
    fn written_durations_are_read_back(exponent in -6.0..7.0_f64) {
        let value = 10_f64.powf(exponent);
        let unit = if value < 59.95 { value * 0.006 } else if value < 3600.0 { 0.5 } else if value < 86_400.0 { 30.0 } else { 1800.0 };
        let read = secs(&duration(value));
        prop_assert!((read - value).abs() <= unit + 1e-9, "{} read as {}", duration(value), read);
    }

    #[test]
    fn written_clock_times_are_read_back(ns in -2_000_000_000_000_000_000_i128..4_000_000_000_000_000_000) {
        let Ok(Time::Clock(read)) = clock(ns).unwrap().parse() else { panic!() };
        prop_assert!((read - ns).abs() <= 500_000);
    }

    #[test]
    fn frames_and_their_times_mean_the_same_range(
        rate in prop::sample::select(vec![1.0, 250.0, 24_414.062_5, 30_000.0, 1e6]),
        a in 0_u64..100_000_000, len in 1_u64..100_000_000,
    ) {
        let clock = TimeBase::regular(rate);
        let written = format!("{}s..{}s", clock.secs_of_frame(a), clock.secs_of_frame(a + len));
        let range: TimeRange = written.parse().unwrap();
        prop_assert_eq!(range.frames(&clock, u64::MAX).unwrap(), a..a + len);
    }

    #[test]
    fn nothing_that_is_typed_panics(text in "[-0-9a-zA-Z:.#, µ]{0,24}") {
        drop(parse_bytes(&text));
        drop(text.parse::<Time>());
        if let Ok(range) = text.parse::<TimeRange>() {
            drop(range.frames(&TimeBase::regular(30_000.0), 1000));
        }
        drop(parse_channels(&text, &[Channel::numbered(0)]));
    }
}
