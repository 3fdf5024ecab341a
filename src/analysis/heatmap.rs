//! Results that are values over a grid: a spectrogram (frequency over time), a strip of channels over time.

use serde_json::{Map, Value, json};

/// Values over a grid, one layer or several over the same axes.
///
/// What is missing (a gap, a channel without values) is NaN, and is left blank or hatched: never drawn as a number.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Heatmap {
    /// From left to right: time, mostly.
    pub x: Axis,
    /// From the bottom up where it is of numbers, from the top down where it is of names.
    pub y: Axis,
    /// Key of the values in JSON: `psd`.
    pub value_key: String,
    /// With its unit: `Power spectral density (µV²/Hz)`.
    pub value_title: String,
    /// Drawn as 10 · log10 of the values; zero is then the lowest colour.
    pub decibel: bool,
    pub layers: Vec<Layer>,
}

/// The values of one layer.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Layer {
    /// The channel, or what else tells it from the others.
    pub name: String,
    /// Row after row: `values[y · x.len() + x]`.
    pub values: Vec<f32>,
}

/// One axis of a [`Heatmap`].
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Axis {
    /// As in JSON and CSV: `time_secs`.
    pub key: String,
    /// `Time (s)`.
    pub title: String,
    pub places: Places,
}

/// Where the middles of the cells are.
#[derive(Clone, PartialEq, Debug)]
pub enum Places {
    /// `start`, `start + step`, …
    Regular { start: f64, step: f64, count: usize },
    /// In order, not evenly spread: where a gap lies between columns, for instance.
    At(Vec<f64>),
    /// Cells without a measure: channels.
    Names(Vec<String>),
}

impl Default for Places {
    fn default() -> Self {
        Self::Regular { start: 0.0, step: 1.0, count: 0 }
    }
}

impl Axis {
    /// Cells along it.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.places {
            Places::Regular { count, .. } => *count,
            Places::At(places) => places.len(),
            Places::Names(names) => names.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The middle of cell `index`; its number where cells have names.
    #[must_use]
    pub fn at(&self, index: usize) -> f64 {
        match &self.places {
            Places::Regular { start, step, .. } => start + step * index as f64,
            Places::At(places) => places.get(index).copied().unwrap_or(f64::NAN),
            Places::Names(_) => index as f64,
        }
    }

    /// Where the axis begins and ends: half a cell beyond the outer middles.
    #[must_use]
    pub fn range(&self) -> std::ops::Range<f64> {
        let n = self.len();
        match n {
            0 => 0.0..1.0,
            1 => {
                let half = if let Places::Regular { step, .. } = self.places { step / 2.0 } else { 0.5 };
                self.at(0) - half..self.at(0) + half
            }
            _ => {
                let half = |a: usize, b: usize| (self.at(b) - self.at(a)) / 2.0;
                self.at(0) - half(0, 1)..self.at(n - 1) + half(n - 2, n - 1)
            }
        }
    }

    /// What is written for cell `index`: its name, or its number as it reads back identically.
    #[must_use]
    pub fn text(&self, index: usize) -> String {
        match &self.places {
            Places::Names(names) => names.get(index).cloned().unwrap_or_default(),
            _ => format!("{:?}", self.at(index)),
        }
    }

    fn json(&self) -> Value {
        match &self.places {
            Places::Names(names) => json!(names),
            _ => (0..self.len()).map(|i| self.at(i)).collect(),
        }
    }
}

impl Heatmap {
    /// What is drawn of a value: itself, or its decibels; NaN where it is missing, −∞ for no power at all.
    #[must_use]
    pub fn drawn(&self, value: f32) -> f32 {
        if !self.decibel || value.is_nan() {
            return value;
        }
        10.0 * value.max(0.0).log10()
    }

    /// Adds the axes under their keys, and `layers` with the `name` of each and its values under the key of the values:
    /// a list for each row, null where there is none.
    pub(super) fn add_to(&self, object: &mut Map<String, Value>) {
        let columns = self.x.len().max(1);
        object.insert(self.x.key.clone(), self.x.json());
        object.insert(self.y.key.clone(), self.y.json());
        let layers = self.layers.iter().map(|layer| {
            let rows: Vec<Value> = layer.values.chunks(columns).map(|row| json!(row)).collect();
            json!({ "name": layer.name, (self.value_key.as_str()): rows })
        });
        object.insert("layers".to_owned(), layers.collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_and_values_become_json() {
        let map = Heatmap {
            x: Axis {
                key: "time_secs".to_owned(),
                places: Places::Regular { start: 1.0, step: 0.5, count: 2 },
                ..Axis::default()
            },
            y: Axis {
                key: "channel".to_owned(),
                places: Places::Names(vec!["a".to_owned(), "b".to_owned()]),
                ..Axis::default()
            },
            value_key: "psd".to_owned(),
            decibel: true,
            layers: vec![Layer { name: "all".to_owned(), values: vec![1.0, 2.0, f32::NAN, 0.0] }],
            ..Heatmap::default()
        };
        let mut object = Map::new();
        map.add_to(&mut object);
        assert_eq!(
            Value::Object(object),
            json!({"time_secs": [1.0, 1.5], "channel": ["a", "b"], "layers": [{"name": "all", "psd": [[1.0, 2.0], [null, 0.0]]}]})
        );
        assert_eq!((map.x.range(), map.y.text(1)), (0.75..1.75, "b".to_owned()));
        assert!(map.drawn(f32::NAN).is_nan());
        assert_eq!((map.drawn(0.0), map.drawn(100.0)), (f32::NEG_INFINITY, 20.0));
    }
}
