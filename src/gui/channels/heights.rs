//! How high channels are drawn, and which of them are logic.

use super::view::{Heights, Kind, UNITS};
use crate::gui::state::Document;
use crate::picture::amplitude;
use crate::recording::SampleType;
use crate::summary::{Columns, MinMax};

/// The share of the channels that fit into their lanes at amplitude 1; louder ones reach over their neighbours.
const COVERED: f64 = 0.9;
/// A signal that is lower is drawn as if it were constant: dividing by less gives no number.
const LEAST_HALF: f64 = 1e-100;
/// Half the height of a lane that a trace fills at amplitude 1.
pub const FILL: f64 = 0.45;

impl Heights {
    /// The same within what can be drawn; `None` for what is no height.
    #[must_use]
    pub(super) fn sound(self) -> Option<Self> {
        match self {
            Self::Fixed(per_lane) if !(per_lane.is_finite() && per_lane > 0.0) => None,
            Self::Fixed(per_lane) => Some(Self::Fixed(per_lane.clamp(*UNITS.start(), *UNITS.end()))),
            other => Some(other),
        }
    }
}

impl Document {
    /// Chooses how heights are found, and finds them anew from the whole recording.
    pub(super) fn set_heights(&mut self, heights: Heights) {
        let Some(heights) = heights.sound() else { return };
        self.lanes.heights = heights;
        self.lanes.amplitude = 1.0;
        self.refit_heights();
    }

    /// Finds heights anew from the whole recording, or when it is there.
    pub(in crate::gui) fn refit_heights(&mut self) {
        if let Some(columns) = self.pictures.overview.clone() {
            self.fit_amplitudes(&columns);
        } else {
            self.lanes.half_range = None;
        }
    }

    /// Sets the middle of every lane, and how much of its unit half a lane shows: by default one common range for all
    /// channels of the same unit, so that amplitudes can be compared between channels and single artefacts do not flatten
    /// the rest.
    pub(in crate::gui) fn fit_amplitudes(&mut self, columns: &Columns) {
        let stream = &self.source.recording().streams[self.stream];
        let lanes = self.channels.iter().filter(|c| c.visible).count();
        let mut own: Vec<Option<f64>> = vec![None; stream.channels.len()];
        for (&c, values) in columns.request.channels.iter().zip(&columns.values) {
            let scaled = values.iter().map(|v| v.scaled(stream.channels[c].scale));
            let Some((middle, half)) = amplitude::fit(scaled, lanes) else { continue };
            self.channels[c].centre = middle;
            own[c] = Some(half).filter(|half| *half >= LEAST_HALF);
        }
        // What is logic says nothing about how high a signal is.
        let mut of_units: Vec<(&str, Vec<f64>)> = Vec::new();
        for (c, half) in own.iter().enumerate().filter(|(c, _)| !self.channels[*c].is_logic()) {
            let (unit, Some(half)) = (stream.channels[c].unit.as_str(), *half) else { continue };
            match of_units.iter_mut().find(|(u, _)| *u == unit) {
                Some((_, list)) => list.push(half),
                None => of_units.push((unit, vec![half])),
            }
        }
        let mut of_units: Vec<(&str, f64)> =
            of_units.into_iter().map(|(unit, mut list)| (unit, amplitude::quantile(&mut list, COVERED))).collect();
        of_units.retain(|(_, half)| half.is_finite() && *half >= LEAST_HALF);
        let common = |unit: &str| of_units.iter().find(|(u, _)| *u == unit).map_or(1.0, |(_, half)| *half);
        let half = |c: usize| match self.lanes.heights {
            Heights::Common => common(&stream.channels[c].unit),
            Heights::Each => own[c].unwrap_or_else(|| common(&stream.channels[c].unit)),
            Heights::Fixed(per_lane) => per_lane * FILL,
        };
        self.lanes.half_range = Some((0..stream.channels.len()).map(half).collect());
    }

    /// Finds out which channels hold nothing but 0 and 1, and where the levels of all lie apart. What is an estimate may
    /// miss a value: the next overview says so, and the lane becomes a line again.
    pub(in crate::gui) fn recognise_logic(&mut self, columns: &Columns) {
        let before = self.stack().height();
        let stream = &self.source.recording().streams[self.stream];
        let integers = !matches!(stream.format.sample_type, SampleType::F16 | SampleType::F32 | SampleType::F64);
        let is_bool = stream.format.sample_type == SampleType::Bool;
        for (&c, values) in columns.request.channels.iter().zip(&columns.values) {
            let Some(view) = self.channels.get_mut(c) else { continue };
            let finite = values.iter().filter(|v| !v.is_empty() && v.min.is_finite() && v.max.is_finite());
            let all = finite.fold(MinMax::EMPTY, |all, &v| all.union(v));
            // What is 0 throughout may be anything, unless its type says what it is.
            view.is_binary =
                integers && !all.is_empty() && all.min >= 0.0 && (all.max == 1.0 || is_bool && all.max < 1.0);
            if !all.is_empty() {
                let levels = if view.is_binary { MinMax { min: 0.0, max: 1.0 } } else { all };
                let levels = levels.scaled(stream.channels[c].scale);
                view.threshold = levels.min / 2.0 + levels.max / 2.0;
            }
        }
        if self.channels.iter().any(|view| view.kind == Kind::Auto) {
            self.fit_lanes(before);
        }
    }
}
