//! How channels and their lanes are shown: plain data, changed by [`ChannelCommand`](super::ChannelCommand)s only.
//!
//! A workspace keeps [`ChannelView`] and [`LaneView`] as they are here (serde, every field optional, so that what an
//! older or newer program has written can be read); [`Document::restore_lanes`](crate::gui::state::Document::restore_lanes)
//! takes them in again and mends what does not fit the recording, because a file may say anything.

use std::collections::BTreeSet;

use eframe::egui::Color32;
use serde::{Deserialize, Serialize};

use crate::recording::Position;

/// A channel may be drawn this much higher or lower than the others.
pub const GAINS: std::ops::RangeInclusive<f32> = 1e-4..=1e4;
/// A trace may be moved so many lanes up or down.
pub const OFFSETS: std::ops::RangeInclusive<f32> = -100.0..=100.0;
/// So many of its unit may be the height of a lane: no signal is smaller or larger, and all of it can be drawn.
pub const UNITS: std::ops::RangeInclusive<f64> = 1e-18..=1e18;
/// Middles and levels beyond this are no signal's.
pub const FARTHEST: f64 = 1e30;
/// All amplitudes may be so many times the automatic ones.
pub const AMPLITUDES: std::ops::RangeInclusive<f64> = 1e-6..=1e6;
/// A trace may reach so many lanes beyond its own.
pub const OVERLAPS: std::ops::RangeInclusive<f64> = 0.0..=100.0;
/// How high the lane of a logic channel is, next to 1 of the others.
pub const LOGIC_HEIGHT: f64 = 0.4;

/// How a channel is shown.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ChannelView {
    pub visible: bool,
    /// `None`: from the palette.
    #[serde(with = "crate::gui::workspace::colour", skip_serializing_if = "Option::is_none")]
    pub colour: Option<Color32>,
    /// Times the common amplitude.
    pub gain: f32,
    /// Lanes upwards.
    pub offset: f32,
    /// Drawn upside down.
    pub inverted: bool,
    /// Drawn as a line or as logic levels.
    pub kind: Kind,
    /// Physical value in the middle of the lane.
    pub centre: f64,
    /// Physical value from which a logic channel is high.
    pub threshold: f64,
    /// The overview holds nothing but 0 and 1.
    #[serde(skip)]
    pub is_binary: bool,
}

impl Default for ChannelView {
    fn default() -> Self {
        Self {
            visible: true,
            colour: None,
            gain: 1.0,
            offset: 0.0,
            inverted: false,
            kind: Kind::Auto,
            centre: 0.0,
            threshold: 0.5,
            is_binary: false,
        }
    }
}

impl ChannelView {
    /// Whether it is drawn as logic levels.
    #[must_use]
    pub fn is_logic(&self) -> bool {
        match self.kind {
            Kind::Auto => self.is_binary,
            Kind::Analog => false,
            Kind::Logic => true,
        }
    }

    /// How high its lane is, next to 1 of an analog channel.
    #[must_use]
    pub fn height(&self) -> f64 {
        if self.is_logic() { LOGIC_HEIGHT } else { 1.0 }
    }
}

/// What a channel holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Logic levels if it holds integers that are 0 and 1 only, else a line.
    #[default]
    Auto,
    Analog,
    Logic,
}

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

    /// Its name in scripts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stacked => "stacked",
            Self::Butterfly => "butterfly",
            Self::HeatMap => "heat-map",
        }
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

/// What the colours of the heat map show of each column of a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeatValue {
    /// The largest distance from the channel's middle.
    #[default]
    Peak,
    /// The largest value less the least.
    PeakToPeak,
}

/// How high channels are drawn.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Heights {
    /// All channels of a unit alike, so that they can be compared.
    #[default]
    Common,
    /// Each so that it fills its lane.
    Each,
    /// So many of its own unit for a lane.
    Fixed(f64),
}

/// Which colour a channel has that was given none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColourBy {
    /// One after the other.
    #[default]
    Channel,
    /// Those of a group (tetrode, device) alike.
    Group,
    /// Those of a shank alike, where the file knows positions.
    Shank,
    /// All alike.
    One,
}

/// The order of lanes that is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SortBy {
    #[default]
    File,
    Name,
    Group,
    /// Shank by shank, what is farthest from the tip first.
    Depth,
}

/// How the lanes are stacked.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct LaneView {
    /// Where the screen begins, in heights of lanes from the top of the first; fractional while scrolling.
    pub first: f64,
    /// Heights of lanes on the screen.
    pub count: f64,
    /// Physical units for half a lane at amplitude 1, by channel; set once from the first picture, so that nothing
    /// changes height by itself afterwards.
    pub half_range: Option<Vec<f64>>,
    pub amplitude: f64,
    pub heights: Heights,
    pub display: Display,
    pub heat: HeatValue,
    /// How many lanes a trace may reach beyond its own; what is farther is cut, and marked.
    pub overlap: f64,
    pub list: Arrangement,
    pub events: EventRows,
}

impl Default for LaneView {
    fn default() -> Self {
        Self {
            first: 0.0,
            count: 1.0,
            half_range: None,
            amplitude: 1.0,
            heights: Heights::Common,
            display: Display::Stacked,
            heat: HeatValue::Peak,
            overlap: 1.0,
            list: Arrangement::default(),
            events: EventRows::default(),
        }
    }
}

/// How the list of channels is arranged.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Arrangement {
    /// All channels in the order of their lanes; empty: the order of the file.
    pub order: Vec<usize>,
    pub colour_by: ColourBy,
    /// Groups whose channels are not listed.
    pub folded: BTreeSet<String>,
    /// Where contacts are, where that was read from a file of its own.
    #[serde(skip)]
    pub places: Vec<Option<Position>>,
    /// Channels that the next change is about.
    #[serde(skip)]
    pub picked: BTreeSet<usize>,
    /// Where a range of picked channels begins.
    #[serde(skip)]
    pub anchor: Option<usize>,
}

/// Which rows of events stand beneath the lanes.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EventRows {
    /// Names of the event tracks of the recording.
    pub tracks: BTreeSet<String>,
    /// The places that analyses have found, a row for each channel.
    pub found: bool,
}

impl Arrangement {
    /// The same with nothing picked.
    #[must_use]
    pub fn without_picks(&self) -> Self {
        Self { picked: BTreeSet::new(), anchor: None, ..self.clone() }
    }
}

/// The opaque colour that `text` (`#rrggbb`) means.
#[must_use]
pub fn colour_named(text: &str) -> Option<Color32> {
    let text = text.trim();
    let hex = text.strip_prefix('#').filter(|hex| hex.len() == 6 && hex.is_ascii());
    let [_, r, g, b] = hex.and_then(|hex| u32::from_str_radix(hex, 16).ok())?.to_be_bytes();
    Some(Color32::from_rgb(r, g, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_are_kept_as_text_and_read_again() {
        let colour = Some(Color32::from_rgb(1, 2, 255));
        let view =
            ChannelView { colour, gain: 2.0, offset: -0.5, inverted: true, kind: Kind::Logic, ..Default::default() };
        let text = serde_json::to_string(&view).unwrap();
        assert!(text.contains("#0102ff") && text.contains("logic"), "{text}");
        assert_eq!(serde_json::from_str::<ChannelView>(&text).unwrap(), view);
        let mut lanes = LaneView { heights: Heights::Fixed(200.0), display: Display::HeatMap, ..Default::default() };
        lanes.list.order = vec![2, 0, 1];
        lanes.list.folded.insert("Tetrode 1".to_owned());
        lanes.events.tracks.insert("DIO 1".to_owned());
        let text = serde_json::to_string(&lanes).unwrap();
        assert_eq!(serde_json::from_str::<LaneView>(&text).unwrap(), lanes);
    }

    #[test]
    fn what_is_missing_or_unknown_has_a_default() {
        assert_eq!(serde_json::from_str::<ChannelView>("{}").unwrap(), ChannelView::default());
        assert_eq!(serde_json::from_str::<LaneView>(r#"{"from_the_future": 1}"#).unwrap(), LaneView::default());
        let view = serde_json::from_str::<ChannelView>(r#"{"colour": "blue-ish"}"#).unwrap();
        assert_eq!(view.colour, None);
        for text in ["", "#", "#12", "#12345g", "123456", "#1234567", "#ééé"] {
            assert_eq!(colour_named(text), None, "{text}");
        }
    }
}
