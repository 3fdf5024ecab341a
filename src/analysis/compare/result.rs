//! What a comparison found, and how it is told.

use serde_json::json;

use super::values::Measure;
use super::{Found, Pair};
use crate::analysis::{Cell, Report, Table, View};
use crate::units::{count, number};

/// One channel of a comparison. Differences are in stored steps or in `unit`, frames are those of the first recording.
#[derive(Clone, PartialEq, Debug)]
pub struct ChannelDifference {
    pub id: String,
    pub name: String,
    /// The channel of the second recording that it was compared with.
    pub other: String,
    /// Of the difference: empty where stored values were compared.
    pub unit: String,
    /// Zero if nothing that can be measured differs; [`Comparison::greatest`] also knows whether anything can be.
    pub max_abs_difference: f64,
    /// The first frame where it is reached.
    pub max_at: Option<u64>,
    /// The first frame that differs by more than the tolerance.
    pub first: Option<u64>,
    /// Frames that do.
    pub differing: u64,
    /// Those of them of which only one is a finite number.
    pub unmeasurable: u64,
}

/// Everything that a comparison found.
#[derive(Clone, PartialEq, Debug)]
pub struct Comparison {
    /// The streams, with the names of their recordings.
    pub streams: [(String, String); 2],
    /// Frames compared, the first of them in either recording.
    pub frames: u64,
    pub first_frames: [u64; 2],
    pub tolerance: f64,
    /// Whether physical values were compared, or stored ones.
    pub is_physical: bool,
    pub channels: Vec<ChannelDifference>,
    /// Of the first differing frame.
    pub first_difference_secs: Option<f64>,
    /// What makes them different whatever the samples are.
    pub differences: Vec<String>,
    pub notes: Vec<String>,
}

impl Comparison {
    pub(super) fn new(pair: &Pair, tolerance: f64, found: &[Found]) -> Self {
        let (a, b) = pair.streams();
        let is_physical = matches!(pair.measure, Measure::Physical(_));
        let channels: Vec<ChannelDifference> = pair
            .selection
            .channels
            .iter()
            .zip(&pair.b_channels)
            .zip(found)
            .map(|((&x, &y), found)| {
                let (x, y) = (&a.channels[x], &b.channels[y]);
                ChannelDifference {
                    id: x.id.clone(),
                    name: x.name.clone(),
                    other: y.name.clone(),
                    unit: if is_physical { x.unit.clone() } else { String::new() },
                    max_abs_difference: found.max,
                    max_at: found.max_at,
                    first: found.first,
                    differing: found.frames,
                    unmeasurable: found.unmeasurable,
                }
            })
            .collect();
        let mut notes = pair.notes.clone();
        if pair.selection.is_empty() {
            notes.push("no frame was compared".to_owned());
        }
        let first = channels.iter().filter_map(|c| c.first).min();
        Self {
            streams: [
                (pair.a.recording().name.clone(), a.name.clone()),
                (pair.b.recording().name.clone(), b.name.clone()),
            ],
            frames: pair.selection.len(),
            first_frames: [pair.selection.frames.start, pair.b_first],
            tolerance,
            is_physical,
            channels,
            first_difference_secs: first.map(|frame| a.time.secs_of_frame(frame)),
            differences: pair.differences.clone(),
            notes,
        }
    }

    /// The first frame (of the first recording) in which any channel differs.
    #[must_use]
    pub fn first_difference(&self) -> Option<u64> {
        self.channels.iter().filter_map(|c| c.first).min()
    }

    /// Whether no sample differs, nor length, channels or rate.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.differences.is_empty() && self.first_difference().is_none()
    }

    /// The verdict, for people: `equal`, or what differs first.
    #[must_use]
    pub fn verdict(&self) -> String {
        let within = if self.tolerance > 0.0 { format!(" within {}", number(self.tolerance)) } else { String::new() };
        let Some(first) = self.first_difference() else {
            return match self.differences.first() {
                None => format!("equal{within}"),
                Some(_) if self.frames == 0 => "different".to_owned(),
                Some(_) => format!("different, though all samples that were compared are equal{within}"),
            };
        };
        let channels = self.channels.iter().filter(|c| c.differing > 0).count();
        format!(
            "different: {} of {} channels, from frame {} on",
            count(channels as u64),
            count(self.channels.len() as u64),
            count(first)
        )
    }

    /// The greatest difference of a channel; `None` where every frame has only one number, so that none can be measured.
    #[must_use]
    pub fn greatest(&self, channel: &ChannelDifference) -> Option<f64> {
        (self.frames == 0 || channel.unmeasurable < self.frames).then_some(channel.max_abs_difference)
    }

    /// The object that `--json` prints.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let side = |i: usize| json!({ "name": self.streams[i].0, "stream": self.streams[i].1, "first_frame": self.first_frames[i] });
        let channel = |c: &ChannelDifference| {
            json!({
                "channel": c.name,
                "id": c.id,
                "other": c.other,
                "unit": c.unit,
                "max_abs_difference": self.greatest(c),
                "max_abs_difference_frame": c.max_at,
                "first_difference_frame": c.first,
                "differing_frames": c.differing,
                "unmeasurable_frames": c.unmeasurable,
            })
        };
        json!({
            "equal": self.is_equal(),
            "first_difference_frame": self.first_difference(),
            "first_difference_secs": self.first_difference_secs,
            "frames": self.frames,
            "values": if self.is_physical { "physical" } else { "stored" },
            "tolerance": self.tolerance,
            "first": side(0),
            "second": side(1),
            "differences": self.differences,
            "notes": self.notes,
            "channels": self.channels.iter().map(channel).collect::<Vec<_>>(),
        })
    }

    /// As a result of the window's kind: a row for each channel.
    #[must_use]
    pub fn report(&self) -> Report {
        let frame = |frame: Option<u64>| match frame {
            Some(frame) => Cell::Integer(frame.into()),
            None => Cell::Text(String::new()),
        };
        let row = |c: &ChannelDifference| {
            vec![
                Cell::Text(c.name.clone()),
                self.greatest(c).map_or_else(|| Cell::Text(String::new()), Cell::Number),
                Cell::Text(c.unit.clone()),
                frame(c.max_at),
                frame(c.first),
                Cell::Integer(c.differing.into()),
                Cell::Integer(c.unmeasurable.into()),
            ]
        };
        let columns = [
            "channel",
            "max_abs_difference",
            "unit",
            "max_abs_difference_frame",
            "first_difference_frame",
            "differing_frames",
            "unmeasurable_frames",
        ];
        let table =
            Table { columns: columns.map(str::to_owned).to_vec(), rows: self.channels.iter().map(row).collect() };
        let notes =
            [self.verdict()].into_iter().chain(self.differences.iter().cloned()).chain(self.notes.iter().cloned());
        Report { view: View::Table(table), json: self.json(), notes: notes.collect() }
    }
}
