//! What a user can tell about a file that does not tell it itself, and the `NAME.longwave.toml` that remembers it.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::file::AtomicFile;
use crate::recording::{ByteOrder, SampleType, Scale};

/// A description file is not longer than this; a longer one is not read.
const MAX_TOML_BYTES: u64 = 1 << 20;

/// How frames are laid out in a file of plain numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelOrder {
    /// All channels of frame 0, then all of frame 1, …
    Interleaved,
    /// All frames of channel 0, then all of channel 1, …
    Planar,
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
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        writeln!(file, "# How longwave reads {name}\n{text}").map_err(|e| Error::io(&toml_path, e))?;
        file.commit()?;
        Ok(toml_path)
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
        Ok(())
    }

    /// Lays what is said about names, units, gains and offsets over the channels that a reader found.
    pub fn apply_to_channels(&self, channels: &mut [crate::recording::Channel]) {
        let nth = |list: &Option<Vec<f64>>, i: usize| list.as_ref().and_then(|l| l.get(i).copied());
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
