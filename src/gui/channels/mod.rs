//! Channels at scale: which are shown, in which order, colour and height; the panel that lists them.
//!
//! - [`view`]: how channels and lanes are shown, plain data that a workspace keeps;
//! - [`command`]: what the user asks about them; each is a verb too, so that keys, palette and scripts reach it;
//! - [`stack`]: where each lane lies; [`sorting`]: their order; [`heights`]: how much half a lane shows;
//! - [`list`]: the rows of the list; `panel` and `row`: the panel. The list is virtual: only the rows on the screen are
//!   laid out, so 1,024 channels cost what 30 do, apart from one pass over them.

pub mod command;
mod drag;
pub mod heights;
pub mod list;
mod panel;
mod picked;
mod places;
mod row;
pub mod sorting;
pub mod stack;
pub mod view;

pub use command::{Change, ChannelCommand, MAX_LANES, Pick};
pub(super) use panel::channels_ui;
pub use stack::Stack;
pub use view::{
    AMPLITUDES, Arrangement, ChannelView, ColourBy, Display, EventRows, HeatValue, Heights, Kind, LaneView, SortBy,
    UNITS, colour_named,
};

#[cfg(test)]
mod tests;
