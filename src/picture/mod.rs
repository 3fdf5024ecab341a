//! The picture of a recording: what the window shows, without a window.
//!
//! [`compose`] asks for columns and lays out a [`Scene`] (stacked traces, a butterfly or a heat map, names and units, scales, time axis, gaps,
//! overview, what is exact and what is an estimate); [`svg::document`] and [`png::encode`] make a file of it. The
//! picture depends on nothing but the recording and the options: no system fonts, no locale, no time zone but one that is
//! asked for.
//!
//! **What is drawn is true**: every pixel column of a trace spans the least to the greatest value of the columns in it,
//! at full height, however narrow; a hole is left where there is nothing; a gap is hatched; an estimate is lighter and
//! the footer says so. Each channel has its own scale, given by a scale bar or, where there is room, by an axis.
//! [`axis`], [`palette`], [`font`] and [`layout::Lanes`] are shared with the window.

pub mod amplitude;
pub mod axis;
pub mod cells;
pub mod clock;
pub mod colour_map;
pub mod display;
pub mod event_marks;
pub mod font;
pub mod heat;
pub mod layout;
mod options;
mod paint;
pub mod palette;
pub mod png;
pub mod scene;
pub mod svg;
mod trace;
pub mod zone;

use std::ops::Range;

pub use display::{Display, HeatValue};
pub use options::{
    EventRow, Look, Mark, Options, Threshold, TimeAxis, parse_colours, parse_cursors, parse_logic, parse_paper,
    parse_ranges, parse_size,
};

use crate::error::{Error, Result};
use crate::recording::{Recording, TimeBase};
use crate::scan::Selection;
use crate::summary::{Columns, Levels, ViewRequest};
use axis::TimeFormat;
use scene::Scene;

/// Smallest side lengths, pixels.
pub const MIN_SIZE: (u32, u32) = (240, 120);
/// Largest side length, pixels.
pub const MAX_SIDE: u32 = 16_384;
/// Columns that are held at a time: channels are asked for in groups of this size.
pub const GROUP_BYTES: usize = 24 << 20;
/// Channels that the overview shows when the picture shows only a part of the recording.
const OVERVIEW_CHANNELS: usize = 16;

/// Where the picture gets its columns from.
pub type ColumnsOf<'a> = dyn FnMut(&ViewRequest) -> Result<Columns> + 'a;

/// Where a heat map of means gets its levels from.
pub type LevelsOf<'a> = dyn FnMut(&ViewRequest) -> Result<Levels> + 'a;

/// Draws `selection` of `recording`, whatever but a heat map of means.
///
/// # Errors
/// When the selection, the size or the look makes no sense, and whatever `columns_of` says.
pub fn compose(
    recording: &Recording,
    selection: &Selection,
    options: &Options,
    columns_of: &mut ColumnsOf<'_>,
) -> Result<Scene> {
    let mut levels_of = |_: &ViewRequest| Err(Error::unsupported("a heat map of means from extremes alone"));
    compose_with(recording, selection, options, columns_of, &mut levels_of)
}

/// Draws `selection` of `recording`.
///
/// # Errors
/// When the selection, the size or the look makes no sense, and whatever `columns_of` and `levels_of` say.
pub fn compose_with(
    recording: &Recording,
    selection: &Selection,
    options: &Options,
    columns_of: &mut ColumnsOf<'_>,
    levels_of: &mut LevelsOf<'_>,
) -> Result<Scene> {
    paint::Painter::new(recording, selection, options)?.paint(columns_of, levels_of)
}

fn time_format(axis: TimeAxis, time: &TimeBase, range_secs: &Range<f64>) -> TimeFormat {
    match (axis, time.start_unix_ns()) {
        (TimeAxis::Frames, _) => TimeFormat::Frames,
        (TimeAxis::Seconds, _) if time.rate_known() => TimeFormat::Seconds,
        (TimeAxis::Hours, _) if time.rate_known() => TimeFormat::Hours,
        (TimeAxis::Clock, Some(start_unix_ns)) if time.rate_known() => TimeFormat::Clock { start_unix_ns },
        _ => TimeFormat::automatic(time, range_secs),
    }
}
