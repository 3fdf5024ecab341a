//! What a user can tell about a file that does not tell it itself, and the `NAME.longwave.toml` that remembers it.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::file::AtomicFile;
use crate::recording::{ByteOrder, ClockSpan, Recording, SampleType, Scale, TimeBase, Warning};

/// A description file is not longer than this; a longer one is not read.
const MAX_TOML_BYTES: u64 = 8 << 20;

/// A description has no more gaps than this.
pub(crate) const MAX_GAPS: usize = 100_000;
/// Frames and missing frames together are fewer than this.
const MAX_TICKS: u64 = 1 << 62;

/// How the warning begins that a file without a rate gives.
pub(super) const NO_RATE: &str = "no sample rate is known";

/// How frames are laid out in a file of plain numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelOrder {
    /// All channels of frame 0, then all of frame 1, …
    Interleaved,
    /// All frames of channel 0, then all of channel 1, …
    Planar,
}

/// Which channel of the hardware is in which column of a packet, where headers do not tell it surely (`.rec`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HardwareOrder {
    /// Channel 0 of every chip, then channel 1 of every chip, …
    Interleaved,
    /// By the number of the channel.
    Ascending,
}

/// What tells the wall-clock time of a recording that has two clocks (`.rec`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WallClock {
    /// A line through the system clock that was recorded beside the samples.
    System,
    /// When the file was made, and the samples counted since.
    Creation,
}

/// Everything that can be said about a file when opening it; what is `None` is up to the file.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OpenOptions {
    /// The format's name; `None`: find out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    #[serde(rename = "dtype", skip_serializing_if = "Option::is_none")]
    pub sample_type: Option<SampleType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub byte_order: Option<ByteOrder>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_count: Option<usize>,
    /// Raw: how frames are laid out. `.npy`: which axis is time (`Interleaved`: the first, `Planar`: the second).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<ChannelOrder>,
    /// `.rec`: the columns of a packet; `None`: what the header suggests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_order: Option<HardwareOrder>,
    /// `.rec`: where wall-clock time comes from; `None`: the system clock if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock: Option<WallClock>,
    /// Bytes before the first sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_bytes: Option<u64>,
    /// Bytes behind the last sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trailing_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_hz: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gain: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Where frames are missing, in order: the last frame before each gap, and how many are missing in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gaps: Option<Vec<[u64; 2]>>,
    /// Ids of the channels, in order and no two alike; used if there is one for every channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_ids: Option<Vec<String>>,
    /// Names of the channels, in order; further channels keep their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_names: Option<Vec<String>>,
    /// Gain of each channel, where they differ; wins over `gain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_gains: Option<Vec<f64>>,
    /// Offset of each channel, where they differ; wins over `offset`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_offsets: Option<Vec<f64>>,
    /// Unit of each channel, where they differ; wins over `unit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_units: Option<Vec<String>>,
    /// Wall-clock time of the first frame, ISO 8601.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// The member to open in an archive (`.npz`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
}

impl OpenOptions {
    /// `NAME.longwave.toml` beside `path`.
    #[must_use]
    pub fn path_beside(path: &Path) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(".longwave.toml");
        PathBuf::from(name)
    }

    /// What the `NAME.longwave.toml` beside `path` says; nothing if there is none.
    ///
    /// # Errors
    /// When it is there but cannot be read or understood, with line and column.
    pub fn beside(path: &Path) -> Result<Self> {
        let toml_path = Self::path_beside(path);
        let len = match std::fs::metadata(&toml_path) {
            Ok(meta) if meta.is_file() => meta.len(),
            _ => return Ok(Self::default()),
        };
        if len > MAX_TOML_BYTES {
            return Err(Error::limit(0, "the length of the description").with_path(&toml_path));
        }
        let text = std::fs::read_to_string(&toml_path).map_err(|e| Error::io(&toml_path, e))?;
        let options: Self = toml::from_str(&text).map_err(|e| {
            let at = e.span().map_or(0, |s| s.start as u64);
            Error::malformed(at, e.message().trim_end().replace('\n', " "))
                .with_path(&toml_path)
                .with_remedy("correct the description, or delete it and open the file again")
        })?;
        options.validate().map_err(|e| e.with_path(&toml_path))?;
        Ok(options)
    }

    /// Writes `NAME.longwave.toml` beside `path`, replacing an older one.
    ///
    /// # Errors
    /// When the folder is not writable.
    pub fn save_beside(&self, path: &Path) -> Result<PathBuf> {
        let toml_path = Self::path_beside(path);
        let text = toml::to_string(self).map_err(|e| Error::invalid(e.to_string()).with_path(&toml_path))?;
        let mut file = AtomicFile::create(&toml_path, text.len() as u64, true)?;
        // A comment ends with its line; names of files may not.
        let name = path.file_name().unwrap_or_default().to_string_lossy().replace(char::is_control, " ");
        writeln!(file, "# How longwave reads {name}\n{text}").map_err(|e| Error::io(&toml_path, e))?;
        file.commit()?;
        Ok(toml_path)
    }

    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Keeps what is said here, completed by what was remembered before, for the next opening of `path`. Call it once
    /// `recording` was opened with these options: a description that does not work is not worth keeping. Returns the
    /// file written, or `None` if there is nothing new to remember.
    ///
    /// # Errors
    /// When the older description cannot be understood or the folder is not writable; the recording is of no less use
    /// then, so the caller may only warn.
    pub fn remember(&self, path: &Path, recording: &Recording) -> Result<Option<PathBuf>> {
        if self.is_empty() {
            return Ok(None);
        }
        let before = Self::beside(path)?;
        let mut merged = self.clone().or(before.clone());
        merged.format.get_or_insert_with(|| recording.format.to_owned());
        if merged == before { Ok(None) } else { merged.save_beside(path).map(Some) }
    }

    /// The clock of a file of `frames` frames that tells nothing about time itself. Without a rate it counts frames, and `warnings` says
    /// so.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] when `rate_hz` or `start` makes no sense.
    pub fn time_base(&self, frames: u64, warnings: &mut Vec<Warning>) -> Result<TimeBase> {
        self.validate()?;
        let time = match self.rate_hz {
            Some(rate_hz) => TimeBase::with_spans(rate_hz, self.spans(frames, warnings)),
            None => {
                warnings.push(Warning::new(format!(
                    "{NO_RATE}: the time axis counts frames (1 Hz); give it with --rate HZ"
                )));
                TimeBase::frames_only()
            }
        };
        Ok(match self.start_unix_ns()? {
            Some(unix_ns) => time.starting_at(unix_ns),
            None => time,
        })
    }

    /// The contiguous stretches between the gaps that lie in a file of `frames` frames.
    fn spans(&self, frames: u64, warnings: &mut Vec<Warning>) -> Vec<ClockSpan> {
        let gaps = self.gaps.as_deref().unwrap_or_default();
        let inside = gaps.partition_point(|&[after, _]| after.saturating_add(1) < frames);
        if inside < gaps.len() {
            warnings.push(Warning::new(format!(
                "the description has {} gaps behind the last frame, which are left out",
                gaps.len() - inside
            )));
        }
        let mut missing = 0;
        let mut spans = vec![ClockSpan { first_frame: 0, first_tick: 0 }];
        spans.extend(gaps[..inside].iter().map(|&[after, frames]| {
            missing += frames;
            ClockSpan { first_frame: after + 1, first_tick: after + 1 + missing }
        }));
        spans
    }

    /// Whether the gaps are in order, of some length, and of no more frames than can be counted.
    fn validate_gaps(&self) -> Result<()> {
        let gaps = self.gaps.as_deref().unwrap_or_default();
        if gaps.len() > MAX_GAPS {
            return Err(Error::invalid(format!("there are {} gaps, more than {MAX_GAPS}", gaps.len())));
        }
        let mut before = None;
        let mut missing = 0_u64;
        for &[after, frames] in gaps {
            missing = missing.saturating_add(frames);
            if frames == 0 || before.is_some_and(|b| b >= after) || after.saturating_add(missing) >= MAX_TICKS {
                return Err(Error::invalid(format!("the gap of {frames} frames after frame {after} makes no sense"))
                    .with_remedy("write gaps = [[after_frame, missing_frames], …], in the order of time"));
            }
            before = Some(after);
        }
        Ok(())
    }

    /// `start` in nanoseconds since 1970-01-01T00:00:00Z. A time without an offset counts as UTC, so that a file means
    /// the same on every machine; a date alone is its midnight.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] when it is not an ISO 8601 date or time.
    pub fn start_unix_ns(&self) -> Result<Option<i128>> {
        let Some(text) = self.start.as_deref().map(str::trim) else { return Ok(None) };
        if let Ok(instant) = text.parse::<jiff::Timestamp>() {
            return Ok(Some(instant.as_nanosecond()));
        }
        let civil = text.parse::<jiff::civil::DateTime>();
        let instant = civil.and_then(|t| t.to_zoned(jiff::tz::TimeZone::UTC)).map_err(|e| {
            Error::invalid(format!("'{text}' is not a time: {e}"))
                .with_remedy("write the start like 2024-05-01T12:30:00Z or 2024-05-01T12:30:00+02:00")
        })?;
        Ok(Some(instant.timestamp().as_nanosecond()))
    }

    /// What is said here, completed by `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            format: self.format.or(other.format),
            sample_type: self.sample_type.or(other.sample_type),
            byte_order: self.byte_order.or(other.byte_order),
            channel_count: self.channel_count.or(other.channel_count),
            order: self.order.or(other.order),
            channel_order: self.channel_order.or(other.channel_order),
            clock: self.clock.or(other.clock),
            header_bytes: self.header_bytes.or(other.header_bytes),
            trailing_bytes: self.trailing_bytes.or(other.trailing_bytes),
            rate_hz: self.rate_hz.or(other.rate_hz),
            // A gain given by the user for all channels wins over remembered ones of each channel.
            channel_gains: self.channel_gains.or(if self.gain.is_some() { None } else { other.channel_gains }),
            gain: self.gain.or(other.gain),
            channel_offsets: self.channel_offsets.or(if self.offset.is_some() { None } else { other.channel_offsets }),
            offset: self.offset.or(other.offset),
            channel_units: self.channel_units.or(if self.unit.is_some() { None } else { other.channel_units }),
            unit: self.unit.or(other.unit),
            gaps: self.gaps.or(other.gaps),
            channel_ids: self.channel_ids.or(other.channel_ids),
            channel_names: self.channel_names.or(other.channel_names),
            start: self.start.or(other.start),
            member: self.member.or(other.member),
        }
    }

    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming the one that does not.
    pub fn validate(&self) -> Result<()> {
        if let Some(rate) = self.rate_hz
            && !(rate.is_finite() && rate > 0.0)
        {
            return Err(Error::invalid(format!("the rate {rate} Hz is not a positive number")));
        }
        let gains = self.gain.iter().chain(self.channel_gains.iter().flatten());
        if let Some(gain) = gains.copied().find(|g| !(g.is_finite() && *g != 0.0)) {
            return Err(Error::invalid(format!("the gain {gain} is not a number other than zero")));
        }
        let offsets = self.offset.iter().chain(self.channel_offsets.iter().flatten());
        if let Some(offset) = offsets.copied().find(|o| !o.is_finite()) {
            return Err(Error::invalid(format!("the offset {offset} is not a number")));
        }
        if self.channel_count == Some(0) {
            return Err(Error::invalid("there must be at least one channel"));
        }
        let mut ids = HashSet::new();
        if let Some(twice) = self.channel_ids.iter().flatten().find(|id| !ids.insert(id.as_str())) {
            return Err(Error::invalid(format!("two channels have the id '{twice}'")));
        }
        self.validate_gaps()?;
        self.start_unix_ns().map(|_| ())
    }

    /// Lays what is said about ids, names, units, gains and offsets over the channels that a reader found.
    pub fn apply_to_channels(&self, channels: &mut [crate::recording::Channel]) {
        let nth = |list: &Option<Vec<f64>>, i: usize| list.as_ref().and_then(|l| l.get(i).copied());
        if let Some(ids) = self.channel_ids.as_ref().filter(|ids| ids.len() == channels.len()) {
            for (channel, id) in channels.iter_mut().zip(ids) {
                channel.id.clone_from(id);
            }
        }
        for (i, channel) in channels.iter_mut().enumerate() {
            let Scale { gain, offset } = channel.scale;
            channel.scale = Scale {
                gain: nth(&self.channel_gains, i).or(self.gain).unwrap_or(gain),
                offset: nth(&self.channel_offsets, i).or(self.offset).unwrap_or(offset),
            };
            let unit = self.channel_units.as_ref().and_then(|u| u.get(i)).or(self.unit.as_ref());
            if let Some(unit) = unit {
                channel.unit.clone_from(unit);
            }
            if let Some(name) = self.channel_names.as_ref().and_then(|n| n.get(i)) {
                channel.name.clone_from(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> OpenOptions {
        OpenOptions {
            format: Some("raw".into()),
            sample_type: Some(SampleType::I16),
            byte_order: Some(ByteOrder::Big),
            channel_count: Some(3),
            order: Some(ChannelOrder::Planar),
            channel_order: Some(HardwareOrder::Ascending),
            clock: Some(WallClock::Creation),
            header_bytes: Some(512),
            trailing_bytes: Some(1),
            rate_hz: Some(30_000.0),
            gain: Some(0.195),
            offset: Some(-1.5),
            unit: Some("uV".into()),
            gaps: Some(vec![[0, 7], [99, 1]]),
            channel_ids: Some(vec!["17".into(), "x".into()]),
            channel_names: Some(vec!["a".into(), "ß \"q\"".into()]),
            channel_gains: Some(vec![1.0, 2.0]),
            channel_offsets: Some(vec![0.0, 1e-9]),
            channel_units: Some(vec!["V".into()]),
            start: Some("2024-05-01T12:00:00Z".into()),
            member: Some("x".into()),
        }
    }

    #[test]
    fn what_is_saved_beside_a_file_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("day.bin");
        assert!(OpenOptions::beside(&path).unwrap().is_empty());
        let written = full().save_beside(&path).unwrap();
        assert_eq!(written, folder.path().join("day.bin.longwave.toml"));
        assert_eq!(OpenOptions::beside(&path).unwrap(), full());
        std::fs::write(&written, "rate_hz = 30000\ngian = 3\n").unwrap();
        let error = OpenOptions::beside(&path).unwrap_err();
        assert!(error.at() == Some(16) && error.to_string().contains("gian"), "{error}");
        std::fs::write(&written, "rate_hz = -1.0\n").unwrap();
        assert!(OpenOptions::beside(&path).is_err());
    }

    #[test]
    fn only_what_is_new_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("day.npy");
        let recording = Recording { format: "npy", ..Recording::default() };
        assert_eq!(OpenOptions::default().remember(&path, &recording).unwrap(), None);
        let rate = OpenOptions { rate_hz: Some(1e3), ..OpenOptions::default() };
        assert!(rate.remember(&path, &recording).unwrap().is_some());
        assert_eq!(rate.remember(&path, &recording).unwrap(), None);
        let unit = OpenOptions { unit: Some("V".into()), ..OpenOptions::default() };
        assert!(unit.remember(&path, &recording).unwrap().is_some());
        let both = OpenOptions { format: Some("npy".into()), unit: Some("V".into()), ..rate };
        assert_eq!(OpenOptions::beside(&path).unwrap(), both);
    }

    #[test]
    fn what_the_user_says_now_wins() {
        let now = OpenOptions { gain: Some(2.0), ..OpenOptions::default() };
        let merged = now.or(full());
        assert_eq!((merged.gain, merged.channel_gains), (Some(2.0), None));
        assert_eq!((merged.offset, merged.channel_offsets), (Some(-1.5), Some(vec![0.0, 1e-9])));
    }

    #[test]
    fn gaps_that_make_no_sense_are_refused() {
        let with = |gaps: Vec<[u64; 2]>| OpenOptions { gaps: Some(gaps), rate_hz: Some(1e3), ..OpenOptions::default() };
        let m = u64::MAX;
        for gaps in [vec![[3, 0]], vec![[3, 1], [3, 1]], vec![[4, 1], [3, 1]], vec![[m, 1]], vec![[1, m], [2, m]]] {
            assert!(with(gaps.clone()).validate().is_err(), "{gaps:?}");
        }
        assert!(with(vec![[0, 1]; MAX_GAPS + 1]).validate().is_err());
        let mut warnings = Vec::new();
        let time = with(vec![[0, 5], [8, 2], [9, 4]]).time_base(10, &mut warnings).unwrap();
        assert_eq!((time.gaps().len(), time.end_tick(10), warnings.len()), (2, 17, 1));
        let twice = Some(vec!["a".to_owned(), "a".to_owned()]);
        assert!(OpenOptions { channel_ids: twice, ..OpenOptions::default() }.validate().is_err());
    }

    #[test]
    fn start_times() {
        let start = |text: &str| OpenOptions { start: Some(text.into()), ..OpenOptions::default() };
        let noon = 1_714_564_800_000_000_000_i128;
        for text in
            ["2024-05-01T12:00:00Z", "2024-05-01T14:00:00+02:00", "2024-05-01T12:00:00", " 2024-05-01 12:00:00.0 "]
        {
            assert_eq!(start(text).start_unix_ns().unwrap(), Some(noon), "{text}");
        }
        assert_eq!(start("2024-05-01").start_unix_ns().unwrap(), Some(noon - 43_200_000_000_000));
        assert_eq!(start("2024-05-01T12:00:00.000000001Z").start_unix_ns().unwrap(), Some(noon + 1));
        for text in ["yesterday", "2024-13-01", "", "12:00"] {
            assert!(start(text).validate().is_err(), "{text}");
        }
        let mut warnings = Vec::new();
        let time = start("2024-05-01").time_base(100, &mut warnings).unwrap();
        assert!(!time.rate_known() && time.start_unix_ns().is_some() && warnings[0].text.contains("--rate"));
    }
}
