//! The time axis of the traces: where it is marked and how instants are written, in the format that the user chose.
//!
//! Positions on the plot are ticks from the left edge of the view, so that a day-long recording keeps its precision at
//! the zoom of single samples.

use std::ops::Range;

use egui_plot::GridMark;

use super::state::{Document, TimeFormat};
use crate::picture::axis::{self, Tick};

/// Points between two labels, at least.
const LABEL_WIDTH: f32 = 110.0;
/// Labels nearer to the edge, points, are left out.
const EDGE: f64 = 16.0;

/// The axis of what is on the screen.
pub(super) struct TimeAxis<'a> {
    document: &'a Document,
    format: axis::TimeFormat,
    /// Seconds, or ticks when time is in frames.
    range: Range<f64>,
    ticks: Vec<Tick>,
}

impl<'a> TimeAxis<'a> {
    /// The axis for a plot that is `width` points wide.
    #[must_use]
    pub(super) fn new(document: &'a Document, format: TimeFormat, width: f32) -> Self {
        let time = document.time();
        let view = &document.viewport;
        let seen = view.start_tick()..view.end_tick();
        let secs = seen.start / time.rate_hz()..seen.end / time.rate_hz();
        let format = match (format, time.start_unix_ns()) {
            _ if !time.rate_known() => axis::TimeFormat::Frames,
            (TimeFormat::Frames, _) => axis::TimeFormat::Frames,
            (TimeFormat::Clock, Some(start_unix_ns)) => axis::TimeFormat::Clock { start_unix_ns },
            _ => axis::TimeFormat::automatic(time, &secs),
        };
        let range = if format == axis::TimeFormat::Frames { seen } else { secs };
        let ticks = axis::ticks(range.clone(), ((width / LABEL_WIDTH) as usize).max(2), format);
        Self { document, format, range, ticks }
    }

    /// From a position on the axis to one on the plot.
    fn plot_x(&self, value: f64) -> f64 {
        let start = self.document.viewport.start_tick();
        if self.format == axis::TimeFormat::Frames {
            value - start
        } else {
            value * self.document.time().rate_hz() - start
        }
    }

    /// The marks, for the plot's grid.
    #[must_use]
    pub(super) fn marks(&self) -> Vec<GridMark> {
        let step = self.document.viewport.ticks() / self.ticks.len().max(1) as f64;
        self.ticks.iter().map(|t| GridMark { value: self.plot_x(t.value), step_size: step }).collect()
    }

    /// The label of the mark at plot position `x`.
    #[must_use]
    pub(super) fn label(&self, x: f64) -> String {
        let nearest = self.ticks.iter().min_by(|a, b| {
            let distance = |t: &Tick| (self.plot_x(t.value) - x).abs();
            distance(a).total_cmp(&distance(b))
        });
        // Half of a label at the edge would be cut off.
        let edge = EDGE * self.document.viewport.ticks_per_point();
        if x < edge || x > self.document.viewport.ticks() - edge {
            return String::new();
        }
        nearest.map_or_else(String::new, |t| t.label.clone())
    }

    /// What the axis is called.
    #[must_use]
    pub(super) fn title(&self) -> String {
        axis::title(&self.range, self.format)
    }

    /// An instant to the tick: `12.345 666 s`, `01:02:03.5`, a clock time, or a frame.
    #[must_use]
    pub(super) fn precise(&self, tick: u64) -> String {
        let time = self.document.time();
        match self.format {
            axis::TimeFormat::Frames => format!("#{}", time.frame_at_tick(tick)),
            axis::TimeFormat::Clock { .. } => {
                time.unix_ns_of_tick(tick).and_then(crate::text::clock).unwrap_or_default()
            }
            _ => {
                // As many decimals as tell one tick from the next.
                let decimals = time.rate_hz().log10().ceil().clamp(0.0, 9.0) as usize;
                crate::text::time(time.secs_of_tick(tick), decimals)
            }
        }
    }

    /// The axis in words, for screen readers.
    #[must_use]
    pub(super) fn describe(&self) -> String {
        let seen = self.document.visible_ticks();
        format!("{} to {}", self.precise(seen.start), self.precise(seen.end))
    }
}
