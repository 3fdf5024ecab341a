//! The butterfly display: all channels over each other, with an axis of values.
//!
//! The axis is that of the unit of the uppermost channel, and counts from each channel's own middle, as EEG viewers do:
//! constant offsets would pull the channels apart. Channels of other units are drawn at heights of their own, which is
//! said; so is it when single channels have a gain.

use eframe::egui::{Align2, FontId, Painter, Pos2, Rect, Stroke, Vec2};

use super::scale_of;
use crate::gui::state::Document;
use crate::gui::theme::Colours;
use crate::picture::axis::value_ticks;
use crate::summary::{Columns, MinMax};

/// Marks of the axis are not closer than this, points.
const MARK_STEP: f32 = 36.0;

/// Draws the axis over the plot at `rect`.
pub(in crate::gui) fn axis_ui(painter: &Painter, document: &Document, rect: Rect, colours: Colours) {
    let visible = document.visible_channels();
    let Some(&first) = visible.iter().find(|&&c| document.channels[c].gain == 1.0).or(visible.first()) else { return };
    let channels = &document.shown().channels;
    let unit = channels[first].unit.as_str();
    // Below 0 where the channels are upside down, as in EEG: the axis is, too.
    let points_per_unit = scale_of(document, first) * f64::from(rect.height());
    let half = f64::from(rect.height()) / 2.0 / points_per_unit.abs();
    if !(half.is_finite() && half > 0.0) {
        return;
    }
    let count = (rect.height() / MARK_STEP).clamp(2.0, 40.0) as usize;
    for mark in value_ticks(-half..half, count) {
        let y = rect.center().y - (mark.value * points_per_unit) as f32;
        if !(rect.top() + 8.0..=rect.bottom() - 4.0).contains(&y) {
            continue;
        }
        painter.hline(rect.x_range(), y, Stroke::new(1.0, colours.separator.gamma_multiply(0.7)));
        let galley = painter.layout_no_wrap(mark.label, FontId::proportional(11.0), colours.ink);
        let place = Align2::LEFT_CENTER.anchor_size(Pos2::new(rect.left() + 6.0, y), galley.size());
        painter.rect_filled(place.expand2(Vec2::new(2.0, 0.0)), 2.0, colours.canvas.gamma_multiply(0.85));
        painter.galley(place.min, galley, colours.ink);
    }
    let others = visible.iter().filter(|&&c| channels[c].unit != unit).count();
    let own = scale_of(document, first);
    let changed = visible
        .iter()
        .filter(|&&c| (scale_of(document, c) - own).abs() > 1e-9 * own.abs() && channels[c].unit == unit)
        .count();
    let moved = visible.iter().filter(|&&c| document.channels[c].offset != 0.0).count();
    let unit = if unit.is_empty() { "Stored values" } else { &crate::text::unit(unit) };
    let mut title = format!("{unit} from each channel's middle");
    for (count, why) in [(others, "of other units"), (changed, "at heights of their own"), (moved, "moved up or down")]
    {
        if count > 0 {
            title = format!("{title}; {count} {why}");
        }
    }
    let galley = painter.layout_no_wrap(title, FontId::proportional(12.0), colours.ink);
    let place = Rect::from_min_size(rect.left_top() + Vec2::new(56.0, 6.0), galley.size());
    painter.rect_filled(place.expand2(Vec2::new(4.0, 1.0)), 2.0, colours.canvas.gamma_multiply(0.85));
    painter.galley(place.min, galley, colours.ink);
}

/// The channel of `columns` whose column is nearest to the height `y` (0 at the top of the plot, 1 at its foot).
#[must_use]
pub(in crate::gui) fn value_near(document: &Document, columns: &Columns, column: usize, y: f64) -> Option<usize> {
    let distance = |(index, &channel): (usize, &usize)| {
        let (view, info) = (document.channels.get(channel)?, &document.shown().channels[channel]);
        let value: MinMax = columns.values.get(index)?.get(column)?.scaled(info.scale);
        if value.is_empty() || !view.visible {
            return None;
        }
        let at = |physical: f64| 0.5 - f64::from(view.offset) - (physical - view.centre) * scale_of(document, channel);
        let (a, b) = (at(value.min), at(value.max));
        let distance = (a.min(b) - y).max(y - a.max(b)).max(0.0);
        Some((distance, (a - b).abs(), channel))
    };
    let near = columns.request.channels.iter().enumerate().filter_map(distance);
    // Of those that cover the place, the one that is the least high is meant.
    near.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))).map(|(_, _, channel)| channel)
}
