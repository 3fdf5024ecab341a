//! The rows of the list: channels in the order of their lanes, under the names of their groups.
//!
//! Groups have headings where the order keeps each of them together; where it mixes them (by name, by depth, by hand)
//! the list is flat, so that it always has the order of the lanes.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use eframe::egui::{Color32, Id, Ui};

use super::view::{Arrangement, ChannelView, ColourBy};
use crate::gui::state::Document;
use crate::gui::theme;
use crate::recording::{Channel, Position};

/// A row of the list.
#[derive(Clone, PartialEq, Debug)]
pub enum Row {
    Group(Group),
    Channel(usize),
}

/// The heading of a group.
#[derive(Clone, PartialEq, Debug)]
pub struct Group {
    pub name: String,
    /// Its channels that match the filter.
    pub members: Vec<usize>,
    pub folded: bool,
}

impl Group {
    /// What it is called, for people.
    #[must_use]
    pub fn title(&self) -> &str {
        if self.name.is_empty() { "No group" } else { &self.name }
    }
}

/// The rows that match `filter` (a part of name, id or group, any case). While something is looked for no group is
/// folded: what is found must be seen.
#[must_use]
pub fn rows(channels: &[Channel], order: &[usize], arrangement: &Arrangement, filter: &str) -> Vec<Row> {
    let filter = filter.trim().to_lowercase();
    let matches = |c: &Channel| {
        filter.is_empty() || [&c.name, &c.id, &c.group].iter().any(|text| text.to_lowercase().contains(&filter))
    };
    let order: Vec<usize> = order.iter().copied().filter(|&c| c < channels.len()).collect();
    let runs = order.chunk_by(|&a, &b| channels[a].group == channels[b].group);
    let groups = groups(channels).len();
    let together = groups > 1 && runs.clone().count() == groups;
    if !together {
        return order.into_iter().filter(|&c| matches(&channels[c])).map(Row::Channel).collect();
    }
    let mut rows = Vec::with_capacity(order.len() + 64);
    for run in runs {
        let members: Vec<usize> = run.iter().copied().filter(|&c| matches(&channels[c])).collect();
        let Some(&first) = members.first() else { continue };
        let name = channels[first].group.clone();
        let folded = filter.is_empty() && arrangement.folded.contains(&name);
        let listed = if folded { Vec::new() } else { members.clone() };
        rows.push(Row::Group(Group { name, members, folded }));
        rows.extend(listed.into_iter().map(Row::Channel));
    }
    rows
}

/// The rows of `document` that match `filter`, made anew when something is listed otherwise, not in every frame: that costs
/// a pass over the names.
pub(super) fn listed(ui: &Ui, document: &Document, filter: &str) -> Arc<Vec<Row>> {
    let (channels, list) = (&document.shown().channels, &document.lanes.list);
    let mut hasher = DefaultHasher::new();
    (filter, &list.order, &list.folded, document.channels.len()).hash(&mut hasher);
    channels.iter().for_each(|c| (&c.name, &c.id, &c.group).hash(&mut hasher));
    let (key, place) = (hasher.finish(), Id::unique("rows of the list of channels"));
    if let Some((of, rows)) = ui.data(|data| data.get_temp::<(u64, Arc<Vec<Row>>)>(place))
        && of == key
    {
        return rows;
    }
    let rows = Arc::new(rows(channels, &document.channels_in_order(), list, filter));
    ui.data_mut(|data| data.insert_temp(place, (key, Arc::clone(&rows))));
    rows
}

/// The groups, each with its place among them, in the order of the file.
fn groups(channels: &[Channel]) -> HashMap<&str, usize> {
    let mut groups = HashMap::new();
    for channel in channels {
        let next = groups.len();
        groups.entry(channel.group.as_str()).or_insert(next);
    }
    groups
}

/// The colour of every channel: the one it was given, else by the rule that was chosen. All rules take the palette that
/// stays distinguishable for colour-blind eyes, in its order.
#[must_use]
pub fn colours(
    channels: &[Channel],
    positions: &[Option<Position>],
    views: &[ChannelView],
    by: ColourBy,
    dark: bool,
) -> Vec<Color32> {
    let groups = if by == ColourBy::Group { groups(channels) } else { HashMap::new() };
    let colour = |(c, channel): (usize, &Channel)| {
        let number = match by {
            ColourBy::Channel => c,
            ColourBy::Group => groups.get(channel.group.as_str()).copied().unwrap_or(0),
            ColourBy::Shank => positions.get(c).copied().flatten().map_or(theme::PALETTE_LEN - 1, |p| p.shank as usize),
            ColourBy::One => 0,
        };
        views.get(c).and_then(|view| view.colour).unwrap_or_else(|| theme::palette(number, dark))
    };
    channels.iter().enumerate().map(colour).collect()
}

impl Document {
    /// The colour of every channel.
    #[must_use]
    pub fn channel_colours(&self, dark: bool) -> Vec<Color32> {
        let by = self.lanes.list.colour_by;
        let positions = if by == ColourBy::Shank { self.positions() } else { Vec::new() };
        colours(&self.shown().channels, &positions, &self.channels, by, dark)
    }
}
