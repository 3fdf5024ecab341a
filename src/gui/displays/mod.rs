//! How channels are drawn: stacked in lanes, all over each other (butterfly), as rows of colours (heat map); and the
//! lanes of logic channels.
//!
//! Whatever the display, channels are drawn between the heights [`extent`] of the plot's y axis, which runs upwards: the
//! lane that begins `y` lanes below the top of the first lies at `−y`. What stands beneath the lanes (rows of events)
//! takes its room from the foot of the same plot.

mod butterfly;
mod heat_lanes;
mod logic;

use eframe::egui::{Color32, Rect};

pub(super) use butterfly::{axis_ui, value_near};
pub(super) use heat_lanes::heat_lanes_ui;
pub use heat_lanes::{HeatCells, HeatRow, heat_cells};
pub(super) use logic::logic_ui;

use super::channels::heights::FILL;
use super::channels::{ChannelView, Display};
use super::state::Document;
use super::traces::{Lane, Packed};
use crate::summary::Columns;

/// In the butterfly display so many times what fills a lane fills half of the plot: what is over each other is compared
/// by its extremes, which must fit.
pub(super) const BUTTERFLY: f64 = 2.0;

/// So many traces over each other are drawn so that others are seen through them.
const MANY: usize = 4;
const SEE_THROUGH: f32 = 0.6;

/// Where the part of the stack that is on the screen begins, and how high it is.
#[must_use]
pub(super) fn extent(document: &Document) -> (f64, f64) {
    match document.lanes.display {
        Display::Butterfly => (0.0, 1.0),
        Display::Stacked | Display::HeatMap => (document.lanes.first, document.lanes.count),
    }
}

/// Heights of the plot's axis for a physical unit of a channel; below 0 if it is upside down.
#[must_use]
pub(super) fn scale_of(document: &Document, channel: usize) -> f64 {
    let view = &document.channels[channel];
    let half = document.lanes.half_range.as_ref().and_then(|h| h.get(channel)).copied().unwrap_or(1.0);
    let fill = if document.lanes.display == Display::Butterfly { FILL / BUTTERFLY } else { FILL };
    let scale = fill / half * document.lanes.amplitude * f64::from(view.gain);
    if view.inverted { -scale } else { scale }
}

/// How each of the `channels` of a picture is drawn, in their order, if it is visible and drawn as a line.
#[must_use]
pub(super) fn lanes(document: &Document, channels: &[usize], colours: &[Color32]) -> Vec<Lane> {
    let stack = document.stack();
    let rows = stack.rows(document.channels.len());
    let butterfly = document.lanes.display == Display::Butterfly;
    let overlap = document.lanes.overlap;
    let opacity = if butterfly && channels.len() >= MANY { SEE_THROUGH } else { 1.0 };
    let mut lanes = Vec::with_capacity(channels.len());
    for (values, &channel) in channels.iter().enumerate() {
        let Some(row) = rows.get(channel).copied().flatten() else { continue };
        let view = &document.channels[channel];
        if view.is_logic() && !butterfly {
            continue;
        }
        let span = stack.span(row);
        let (top, bottom) = if butterfly { (0.0, 1.0) } else { (span.start - overlap, span.end + overlap) };
        let middle = if butterfly { 0.5 } else { f64::midpoint(span.start, span.end) };
        lanes.push(Lane {
            values,
            color: colours.get(channel).copied().unwrap_or(Color32::GRAY).gamma_multiply(opacity),
            center: f64::from(view.offset) - middle,
            scale: scale_of(document, channel),
            baseline: view.centre,
            cut: Some([-bottom, -top]),
        });
    }
    lanes
}

/// The channels of a picture whose traces are cut within the visible frames, because they would reach too far over
/// their neighbours (or, in the butterfly display, out of the plot).
///
/// Only those are looked through of which something is beyond in all of the picture, which [`Packed`] knows.
#[must_use]
pub(super) fn cut_channels(document: &Document, columns: &Columns, packed: &Packed, lanes: &[Lane]) -> Vec<usize> {
    let seen = document.visible_frames();
    let from = columns.edges.partition_point(|&e| e <= seen.start).saturating_sub(1);
    let to = columns.edges.partition_point(|&e| e < seen.end);
    let channels = &document.shown().channels;
    let is_cut = |lane: &&Lane| {
        let (Some([low, high]), Some(values)) = (lane.cut, columns.values.get(lane.values)) else { return false };
        let channel = columns.request.channels[lane.values];
        let (middle, half) = packed.range(lane.values).unwrap_or_default();
        let (centre, reach) = (lane.center + (middle - lane.baseline) * lane.scale, (half * lane.scale).abs());
        if centre - reach >= low && centre + reach <= high {
            return false;
        }
        let y = |stored: f64| lane.center + (channels[channel].scale.apply(stored) - lane.baseline) * lane.scale;
        let beyond = |stored: f64| !(low..=high).contains(&y(stored));
        let seen = &values[from.min(values.len())..to.min(values.len()).max(from.min(values.len()))];
        seen.iter().any(|v| !v.is_empty() && (beyond(v.min) || beyond(v.max)))
    };
    lanes.iter().filter(is_cut).map(|lane| columns.request.channels[lane.values]).collect()
}

/// The part of the plot at `rect` that is left for the channels when `foot` (a share of its height) stands beneath them.
#[must_use]
pub(super) fn above(rect: Rect, foot: f32) -> Rect {
    Rect::from_min_max(rect.min, eframe::egui::pos2(rect.right(), rect.bottom() - rect.height() * foot.clamp(0.0, 0.9)))
}

/// Whether a stored value of a channel is high.
#[must_use]
pub(super) fn is_high(view: &ChannelView, physical: f64) -> bool {
    (physical > view.threshold) != view.inverted
}
