//! The time zone in which clock times are written and read: UTC, that of this computer, or one by its name in the IANA
//! database (RFC 6557). It is named wherever a clock time stands, and what is written is read back as the same instant,
//! on the days too on which clocks are put forward or back.

use std::sync::OnceLock;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};

use crate::error::{Error, Result};

/// A time zone and how the user calls it.
#[derive(Clone, PartialEq, Debug)]
pub struct Zone {
    /// `utc`, `local` or an IANA name, as in the settings.
    key: String,
    zone: TimeZone,
}

impl Default for Zone {
    fn default() -> Self {
        Self { key: "utc".to_owned(), zone: TimeZone::UTC }
    }
}

/// The zone of this computer. It is read from the system's files the first time, which is before there is a window.
pub(super) fn local_zone() -> Option<TimeZone> {
    static LOCAL: OnceLock<Option<TimeZone>> = OnceLock::new();
    LOCAL.get_or_init(|| TimeZone::try_system().ok()).clone()
}

impl Zone {
    /// The zone called `name`: `utc` (or nothing), `local`, `Europe/Berlin`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] when there is none of that name, or the computer does not tell its own.
    pub fn named(name: &str) -> Result<Self> {
        let name = name.trim();
        if name.is_empty() || name.eq_ignore_ascii_case("utc") {
            return Ok(Self::default());
        }
        const REMEDY: &str = "use utc, local, or a name such as Europe/Berlin or America/New_York";
        let local = name.eq_ignore_ascii_case("local");
        // The database that the program carries: the window asks for zones while they are typed, and waits for no disk.
        let zone = if local { local_zone() } else { TimeZoneDatabase::bundled().get(name).ok() };
        let zone = zone.ok_or_else(|| {
            let what = if local {
                "this computer does not tell its time zone".to_owned()
            } else {
                format!("there is no time zone '{name}'")
            };
            Error::invalid(what).with_remedy(REMEDY)
        })?;
        let key = if local { "local" } else { zone.iana_name().unwrap_or(name) };
        Ok(Self { key: key.to_owned(), zone })
    }

    /// As in the settings: what [`Self::named`] takes.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// For people: `UTC`, `Europe/Berlin`, `local time`.
    #[must_use]
    pub fn title(&self) -> &str {
        if self.is_utc() { "UTC" } else { self.zone.iana_name().unwrap_or("local time") }
    }

    /// Whether nothing but UTC is meant.
    #[must_use]
    pub fn is_utc(&self) -> bool {
        self.key == "utc"
    }

    /// For reading what was typed.
    #[must_use]
    pub fn time_zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Nanoseconds that its clocks are ahead of UTC at an instant (nanoseconds since the Unix epoch).
    #[must_use]
    pub fn ahead_ns(&self, unix_ns: i128) -> i128 {
        i128::from(self.offset(unix_ns).seconds()) * 1_000_000_000
    }

    fn offset(&self, unix_ns: i128) -> Offset {
        Timestamp::from_nanosecond(unix_ns).map_or(Offset::UTC, |at| self.zone.to_offset(at))
    }

    /// The next instants behind `unix_ns`, nanoseconds since the Unix epoch, at which clocks are put forward or back.
    pub fn changes_behind(&self, unix_ns: i128) -> impl Iterator<Item = i128> + '_ {
        let at = Timestamp::from_nanosecond(unix_ns).unwrap_or(Timestamp::MAX);
        // Databases list changes of the name alone, too.
        let mut last = self.zone.to_offset(at);
        self.zone.following(at).filter_map(move |change| {
            let before = std::mem::replace(&mut last, change.offset());
            (before != change.offset()).then(|| change.timestamp().as_nanosecond())
        })
    }

    /// How far its clocks are ahead at an instant: `UTC`, `+02:00`.
    #[must_use]
    pub fn ahead(&self, unix_ns: i128) -> String {
        if self.is_utc() { "UTC".to_owned() } else { offset_text(self.offset(unix_ns)) }
    }

    /// An instant as ISO 8601 with its offset, to so many decimals of a second: `2026-10-25T02:30:00.250+01:00`. `None`
    /// outside the years −9999 to 9999.
    #[must_use]
    pub fn write(&self, unix_ns: i128, decimals: usize) -> Option<String> {
        let decimals = decimals.min(9);
        let step = 10_i128.pow(9 - decimals as u32);
        let rounded = unix_ns.checked_add(step / 2)?.div_euclid(step).checked_mul(step)?;
        let at = Timestamp::from_nanosecond(rounded).ok()?;
        let offset = self.zone.to_offset(at);
        let civil = offset.to_datetime(at);
        let end = if self.is_utc() { "Z".to_owned() } else { offset_text(offset) };
        let fraction = format!("{:09}", civil.subsec_nanosecond());
        let point = if decimals == 0 { "" } else { "." };
        Some(format!("{}{point}{}{end}", civil.strftime("%Y-%m-%dT%H:%M:%S"), &fraction[..decimals]))
    }

    /// The date of an instant: `2026-10-25`.
    #[must_use]
    pub fn date(&self, unix_ns: i128) -> Option<jiff::civil::Date> {
        let at = Timestamp::from_nanosecond(unix_ns).ok()?;
        Some(self.zone.to_offset(at).to_datetime(at).date())
    }
}

/// `+02:00`, `-09:30`; with seconds where a zone of long ago had some.
fn offset_text(offset: Offset) -> String {
    let secs = offset.seconds();
    let (sign, ahead) = (if secs < 0 { '-' } else { '+' }, secs.unsigned_abs());
    let (h, m, s) = (ahead / 3600, ahead / 60 % 60, ahead % 60);
    if s == 0 { format!("{sign}{h:02}:{m:02}") } else { format!("{sign}{h:02}:{m:02}:{s:02}") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::Time;

    const HOUR: i128 = 3_600_000_000_000;
    /// 2026-10-25T00:00Z: clocks of Berlin go back an hour later.
    const AUTUMN: i128 = 1_792_886_400_000_000_000;

    #[test]
    fn zones_are_found_by_name_and_named() {
        assert!(Zone::named("").unwrap().is_utc() && Zone::named("UTC").unwrap().is_utc());
        let berlin = Zone::named("europe/berlin").unwrap();
        assert_eq!((berlin.key(), berlin.title()), ("Europe/Berlin", "Europe/Berlin"));
        let error = Zone::named("Atlantis").unwrap_err().to_string();
        assert!(error.contains("Atlantis"), "{error}");
    }

    #[test]
    fn the_hour_that_comes_twice_is_told_apart() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        assert_eq!(berlin.write(AUTUMN + HOUR / 2, 0).unwrap(), "2026-10-25T02:30:00+02:00");
        assert_eq!(berlin.write(AUTUMN + HOUR * 3 / 2, 3).unwrap(), "2026-10-25T02:30:00.000+01:00");
        assert_eq!(Zone::default().write(AUTUMN + 250_000_000, 3).unwrap(), "2026-10-25T00:00:00.250Z");
        assert_eq!(berlin.changes_behind(AUTUMN).next(), Some(AUTUMN + HOUR));
        assert_eq!(Zone::default().changes_behind(AUTUMN).next(), None);
        assert!(berlin.write(i128::MAX, 3).is_none());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(secs in -2_000_000_000_i64..4_000_000_000, ns in 0_i128..1_000_000_000,
            which in 0_usize..5) {
            let name = ["utc", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"][which];
            let zone = Zone::named(name).unwrap();
            let at = i128::from(secs) * 1_000_000_000 + ns;
            let text = zone.write(at, 9).unwrap();
            prop_assert_eq!(Time::parse_in(&text, zone.time_zone()).unwrap(), Time::Clock(at), "{}", text);
        }
    }
}
