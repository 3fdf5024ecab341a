//! How channels are drawn next to each other: what the window and the pictures have in common.

use serde::{Deserialize, Serialize};

/// How high the lane of a logic channel is, next to 1 of the others.
pub const LOGIC_HEIGHT: f64 = 0.4;
/// How much of such a lane is left free above and below.
pub const LOGIC_FREE: f32 = 0.16;

/// How all channels together are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Display {
    /// A lane for each.
    #[default]
    Stacked,
    /// All over each other, on one axis.
    Butterfly,
    /// A row of colours for each.
    HeatMap,
}

impl Display {
    /// All of them, in the order of the buttons.
    pub const ALL: [Self; 3] = [Self::Stacked, Self::Butterfly, Self::HeatMap];
    /// Their names, in the same order.
    pub const NAMES: &'static [&'static str] = &["stacked", "butterfly", "heat-map"];

    /// Its name in scripts and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// The one called `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|display| display.name() == name)
    }

    /// What it is good for.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Stacked => "Each channel in a lane of its own, below each other",
            Self::Butterfly => "All channels over each other, to compare their shapes",
            Self::HeatMap => "Each channel a row of colours, to see many at once",
        }
    }

    /// The label of its button.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Stacked => "Stacked",
            Self::Butterfly => "Butterfly",
            Self::HeatMap => "Heat map",
        }
    }
}

/// What the colours of the heat map show of the samples in each cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeatValue {
    /// The largest distance from the channel's middle.
    #[default]
    Peak,
    /// The largest value less the least.
    PeakToPeak,
    /// The mean.
    Mean,
    /// The root of the mean squared distance from the channel's middle.
    Rms,
}

impl HeatValue {
    /// All of them, in the order of the buttons.
    pub const ALL: [Self; 4] = [Self::Peak, Self::PeakToPeak, Self::Rms, Self::Mean];
    /// Their names, in the same order.
    pub const NAMES: &'static [&'static str] = &["peak", "peak-to-peak", "rms", "mean"];

    /// Its name in scripts and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Peak => "peak",
            Self::PeakToPeak => "peak-to-peak",
            Self::Mean => "mean",
            Self::Rms => "rms",
        }
    }

    /// The one called `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|value| value.name() == name)
    }

    /// The label of its button.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Peak => "Peak",
            Self::PeakToPeak => "Peak to peak",
            Self::Mean => "Mean",
            Self::Rms => "RMS",
        }
    }

    /// What it is, for a legend.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Peak => "largest distance from the middle",
            Self::PeakToPeak => "peak to peak",
            Self::Mean => "mean, from the middle",
            Self::Rms => "RMS about the middle",
        }
    }

    /// Whether it takes sums of samples, which the extremes of a column do not tell.
    #[must_use]
    pub fn needs_levels(self) -> bool {
        matches!(self, Self::Mean | Self::Rms)
    }

    /// The values of the lowest and the highest colour, where the highest of peaks is `full`: a peak to peak is twice a
    /// peak, and what is averaged is lower than its peaks.
    #[must_use]
    pub fn limits(self, full: f64) -> std::ops::Range<f64> {
        match self {
            Self::Peak => 0.0..full,
            Self::PeakToPeak => 0.0..2.0 * full,
            Self::Mean => -full / 2.0..full / 2.0,
            Self::Rms => 0.0..full / 4.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for (display, name) in Display::ALL.into_iter().zip(Display::NAMES) {
            assert_eq!((display.name(), Display::named(name)), (*name, Some(display)));
        }
        for (value, name) in HeatValue::ALL.into_iter().zip(HeatValue::NAMES) {
            assert_eq!((value.name(), HeatValue::named(name)), (*name, Some(value)));
            let json = serde_json::to_string(&value).expect("a unit variant is a string");
            assert_eq!(json, format!("\"{name}\""), "workspaces and scripts call it alike");
        }
        assert_eq!(HeatValue::named("loudness"), None);
    }
}
