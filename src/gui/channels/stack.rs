//! Where each lane lies: the visible channels in the order of their lanes, and how high each is.
//!
//! Heights are counted in lanes of analog channels; those of logic channels are lower. Making one costs a pass over the
//! channels; a frame makes a few.

use std::ops::Range;

use super::view::{ChannelView, Display};
use crate::gui::state::Document;

/// The lanes from top to bottom.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Stack {
    /// The channel of each row.
    channels: Vec<usize>,
    /// Where each row begins, and where the last one ends.
    tops: Vec<f64>,
}

impl Stack {
    /// The rows of these channels, in this order; all equally high where no `views` are given.
    #[must_use]
    pub fn new(channels: Vec<usize>, views: &[ChannelView]) -> Self {
        let mut tops = Vec::with_capacity(channels.len() + 1);
        let mut top = 0.0;
        tops.push(top);
        for &channel in &channels {
            top += views.get(channel).map_or(1.0, ChannelView::height);
            tops.push(top);
        }
        Self { channels, tops }
    }

    /// The channel of each row.
    #[must_use]
    pub fn channels(&self) -> &[usize] {
        &self.channels
    }

    /// How high all of it is.
    #[must_use]
    pub fn height(&self) -> f64 {
        self.tops.last().copied().unwrap_or(0.0)
    }

    /// Where `row` begins and ends; nowhere for a row that is not there.
    #[must_use]
    pub fn span(&self, row: usize) -> Range<f64> {
        match (self.tops.get(row), self.tops.get(row + 1)) {
            (Some(&top), Some(&bottom)) => top..bottom,
            _ => f64::NAN..f64::NAN,
        }
    }

    /// The row that is at `y`, if one is.
    #[must_use]
    pub fn row_at(&self, y: f64) -> Option<usize> {
        let row = self.tops.partition_point(|&top| top <= y).checked_sub(1)?;
        (row < self.channels.len()).then_some(row)
    }

    /// The rows that touch `from..to`.
    #[must_use]
    pub fn rows_in(&self, from: f64, to: f64) -> Range<usize> {
        let rows = self.channels.len();
        let first = self.tops.partition_point(|&top| top <= from).saturating_sub(1).min(rows);
        let end = self.tops.partition_point(|&top| top < to).min(rows);
        first..end.max(first)
    }

    /// The row of each of `count` channels, if it has one.
    #[must_use]
    pub fn rows(&self, count: usize) -> Vec<Option<usize>> {
        let mut rows = vec![None; count];
        for (row, &channel) in self.channels.iter().enumerate() {
            if let Some(slot) = rows.get_mut(channel) {
                *slot = Some(row);
            }
        }
        rows
    }
}

impl Document {
    /// Indices of all channels, in the order of lanes.
    #[must_use]
    pub fn channels_in_order(&self) -> Vec<usize> {
        let order = &self.lanes.list.order;
        if order.len() == self.channels.len() { order.clone() } else { (0..self.channels.len()).collect() }
    }

    /// Indices of the visible channels, in the order of lanes.
    #[must_use]
    pub fn visible_channels(&self) -> Vec<usize> {
        let mut channels = self.channels_in_order();
        channels.retain(|&c| self.channels[c].visible);
        channels
    }

    /// Where the lanes lie.
    #[must_use]
    pub fn stack(&self) -> Stack {
        // A row of colours is as high as any other.
        let views = if self.lanes.display == Display::HeatMap { &[] } else { &self.channels[..] };
        Stack::new(self.visible_channels(), views)
    }

    /// Positions, among the visible channels, of the lanes that are on the screen, at least partly: all of them where
    /// channels are drawn over each other.
    #[must_use]
    pub fn lanes_on_screen(&self) -> Range<usize> {
        let stack = self.stack();
        if self.lanes.display == Display::Butterfly {
            return 0..stack.channels().len();
        }
        stack.rows_in(self.lanes.first, self.lanes.first + self.lanes.count)
    }

    /// The channels that are on the screen, in the order of the file: what a picture is asked of, so that another order
    /// of lanes needs no other picture.
    #[must_use]
    pub fn pictured_channels(&self) -> Vec<usize> {
        let mut channels = self.visible_channels()[self.lanes_on_screen()].to_vec();
        channels.sort_unstable();
        channels
    }
}

#[cfg(test)]
mod tests {
    use super::super::view::{Kind, LOGIC_HEIGHT};
    use super::*;

    fn views() -> Vec<ChannelView> {
        let logic = ChannelView { kind: Kind::Logic, ..Default::default() };
        vec![ChannelView::default(), logic.clone(), logic, ChannelView::default()]
    }

    #[test]
    fn logic_lanes_are_lower_and_every_place_has_its_row() {
        let stack = Stack::new(vec![3, 1, 2, 0], &views());
        assert_eq!(stack.height(), 2.0 + 2.0 * LOGIC_HEIGHT);
        assert_eq!(stack.span(1), 1.0..1.0 + LOGIC_HEIGHT);
        assert!(stack.span(4).start.is_nan());
        assert_eq!([0.0, 0.99, 1.0, 1.5, 2.7].map(|y| stack.row_at(y)), [Some(0), Some(0), Some(1), Some(2), Some(3)]);
        assert_eq!([-0.1, 2.81, f64::NAN].map(|y| stack.row_at(y)), [None, None, None]);
        assert_eq!(stack.rows_in(0.0, 1.0), 0..1);
        assert_eq!(stack.rows_in(0.5, 1.5), 0..3);
        assert_eq!(stack.rows_in(5.0, 9.0), 4..4);
        assert_eq!(stack.rows(5), [Some(3), Some(1), Some(2), Some(0), None]);
        assert_eq!(Stack::new(Vec::new(), &[]).rows_in(0.0, 1.0), 0..0);
    }
}
