//! The reading cursor: a place in one lane that keys move, for those who read the traces by ear or cannot point.
//!
//! What is there — the time, and the least and greatest value of the column, or the value of the sample — is the value of
//! the traces' node for screen readers (AccessKit; a polite live region while the cursor is on), and is written beside the
//! cursor. Without the cursor the node tells what is under the pointer. One step is one column of the picture, or one
//! sample where samples are seen, so that nothing that is drawn is passed over; a step into a gap goes to its far side.

use eframe::egui::accesskit::Live;
use eframe::egui::{self, Align2, EventFilter, FontId, Pos2, Rect, Response, Stroke, StrokeKind, Ui, vec2};

use super::channels::Display;
use super::displays;
use super::state::Document;
use super::theme::Colours;
use super::time_axis::TimeAxis;

/// Where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    pub tick: u64,
    /// Among the visible channels.
    pub row: usize,
}

/// How it is moved.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ReadCommand {
    /// By so many columns.
    Columns(i64),
    /// By so many lanes, down.
    Lanes(i64),
    /// To this tick.
    At(u64),
    Off,
}

impl Document {
    /// Moves the reading cursor; the first move puts it into the middle of the first lane on the screen. The view follows.
    pub fn read(&mut self, command: ReadCommand) {
        let rows = self.visible_channels().len();
        let seen = self.visible_ticks();
        let first = self.lanes_on_screen().start;
        let before = self.pictures.reading;
        let here = before.unwrap_or(Reading { tick: seen.start + (seen.end - seen.start) / 2, row: first });
        self.pictures.reading = match command {
            ReadCommand::Off => None,
            _ if rows == 0 => None,
            ReadCommand::At(tick) => Some(Reading { tick, ..here }),
            // Switching on moves nothing, so that the first thing told is where it is.
            _ if before.is_none() => Some(here),
            ReadCommand::Columns(by) => Some(Reading { tick: self.column_beside(here.tick, by), ..here }),
            ReadCommand::Lanes(by) => Some(Reading { row: here.row.saturating_add_signed(by as isize), ..here }),
        };
        let end = self.time().end_tick(self.shown().frames);
        if let Some(reading) = &mut self.pictures.reading {
            reading.row = reading.row.min(rows - 1);
            reading.tick = reading.tick.min(end.saturating_sub(1));
        }
        self.show_reading();
    }

    /// The tick that the column `by` beside that of `tick` begins with.
    fn column_beside(&self, tick: u64, by: i64) -> u64 {
        let time = self.time();
        let frame = time.frame_at_tick(tick);
        let edges = self.pictures.view.as_ref().map_or(&[][..], |(columns, _)| &columns.edges[..]);
        let here = edges.partition_point(|&edge| edge <= frame) as i64 - 1;
        let column = here.saturating_add(by);
        // Beyond the picture: as wide as a column is.
        let width = edges.get(1).zip(edges.first()).map_or(1, |(b, a)| b.saturating_sub(*a).max(1));
        let beyond = || frame.saturating_add_signed(by.saturating_mul(width as i64));
        let target = usize::try_from(column).ok().and_then(|c| edges.get(c)).copied().unwrap_or_else(beyond);
        time.tick_of_frame(target.min(self.shown().frames.saturating_sub(1)))
    }

    /// Scrolls to the reading cursor, if it has left the screen.
    fn show_reading(&mut self) {
        let Some(reading) = self.pictures.reading else { return };
        let seen = self.visible_ticks();
        if !seen.contains(&reading.tick) {
            let half = (seen.end - seen.start) as f64 / 2.0;
            let start = reading.tick as f64 - half;
            drop(self.apply_view(super::command::ViewCommand::Range(start..start + 2.0 * half)));
        }
        let (span, count) = (self.stack().span(reading.row), self.lanes.count);
        if self.lanes.display != Display::Butterfly && span.start.is_finite() {
            let last = (span.end - count).max(0.0).min(span.start);
            self.lanes.first = self.lanes.first.clamp(last, span.start);
        }
    }

    /// What the picture says about the lane `row` at `tick`: `nt1 ch1: −12 … 30 µV`; `gap` where nothing was recorded.
    #[must_use]
    pub fn says_at(&self, tick: u64, row: usize) -> Option<String> {
        let (columns, _) = self.pictures.view.as_ref()?;
        let channel = *self.visible_channels().get(row)?;
        let info = self.shown().channels.get(channel)?;
        let frame = self.time().frame_at_tick(tick);
        if self.time().tick_of_frame(frame) != tick {
            return Some(format!("{}: gap", info.name));
        }
        let column = columns.edges.partition_point(|&edge| edge <= frame).checked_sub(1)?;
        let index = columns.request.channels.iter().position(|&c| c == channel)?;
        let seen = columns.values.get(index)?.get(column)?.scaled(info.scale);
        if seen.is_empty() {
            return Some(format!("{}: no number", info.name));
        }
        let about = if columns.exact.get(column) == Some(&true) { "" } else { "about " };
        let (unit, number) = (crate::text::unit(&info.unit), crate::text::number);
        let text = if seen.min == seen.max {
            format!("{}: {about}{} {unit}", info.name, number(seen.min))
        } else {
            format!("{}: {about}{} … {} {unit}", info.name, number(seen.min), number(seen.max))
        };
        Some(text.trim_end().to_owned())
    }
}

/// Draws the cursor over the traces in `rect`, and tells screen readers what is there.
pub(super) fn reading_ui(ui: &Ui, document: &Document, axis: &TimeAxis<'_>, rect: Rect, response: &Response) {
    let view = &document.viewport;
    let (stack, (first, count)) = (document.stack(), displays::extent(document));
    let is_butterfly = document.lanes.display == Display::Butterfly;
    let pointed = response.hover_pos().filter(|at| rect.contains(*at)).map(|at| {
        let share = f64::from((at.x - rect.left()) / rect.width());
        let tick = (view.start_tick() + share * view.ticks()).max(0.0) as u64;
        let y = first + f64::from((at.y - rect.top()) / rect.height()) * count;
        // Where channels lie over each other no row is meant.
        let row = if is_butterfly { None } else { stack.row_at(y) };
        Reading { tick, row: row.unwrap_or(usize::MAX) }
    });
    let reading = document.pictures.reading;
    let what = reading.or(pointed).map(|place| match document.says_at(place.tick, place.row) {
        Some(value) => format!("{}, {value}", axis.precise(place.tick)),
        None => axis.precise(place.tick),
    });
    ui.ctx().accesskit_node_builder(response.id, |node| {
        if let Some(what) = &what {
            node.set_value(what.clone());
        }
        if reading.is_some() {
            node.set_live(Live::Polite);
        }
    });
    let colours = Colours::of(ui);
    let painter = ui.painter().with_clip_rect(rect);
    if response.has_focus() {
        // Arrows belong to the traces then, not to the way to the next control.
        let arrows = EventFilter { horizontal_arrows: true, vertical_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, arrows));
        painter.rect_stroke(rect.shrink(1.0), 0.0, Stroke::new(2.0, colours.accent), StrokeKind::Inside);
    }
    let (Some(reading), Some(what)) = (reading, what) else { return };
    let x = rect.left() + ((reading.tick as f64 + 0.5 - view.start_tick()) / view.ticks()) as f32 * rect.width();
    let span = if is_butterfly { 0.0..1.0 } else { stack.span(reading.row) };
    if !span.start.is_finite() {
        return;
    }
    let y = rect.top() + ((f64::midpoint(span.start, span.end) - first) / count) as f32 * rect.height();
    let half = (rect.height() * ((span.end - span.start) / count) as f32 / 2.0).max(6.0);
    painter.vline(x, y - half..=y + half, Stroke::new(3.0, colours.ink));
    painter.vline(x, y - half..=y + half, Stroke::new(1.0, colours.canvas));
    let galley = painter.layout_no_wrap(what, FontId::proportional(13.0), colours.ink);
    let left_of = x + galley.size().x + 16.0 > rect.right();
    let at =
        Pos2::new(x + if left_of { -8.0 } else { 8.0 }, (y - half).min(rect.bottom() - 14.0).max(rect.top() + 14.0));
    let place = if left_of { Align2::RIGHT_CENTER } else { Align2::LEFT_CENTER }.anchor_size(at, galley.size());
    painter.rect(
        place.expand2(vec2(6.0, 3.0)),
        3.0,
        ui.visuals().panel_fill,
        Stroke::new(1.0, colours.accent),
        egui::StrokeKind::Outside,
    );
    painter.galley(place.min, galley, colours.ink);
}

#[cfg(test)]
mod tests {
    use super::super::testing::document;
    use super::*;

    #[test]
    fn it_starts_in_the_middle_and_stays_inside() {
        let mut document = document(4);
        document.read(ReadCommand::Columns(1));
        let seen = document.visible_ticks();
        let first = document.pictures.reading.unwrap();
        assert_eq!(first, Reading { tick: seen.start + (seen.end - seen.start) / 2, row: 0 });
        document.read(ReadCommand::Lanes(99));
        assert_eq!(document.pictures.reading.unwrap().row, 3);
        document.read(ReadCommand::Lanes(-99));
        assert_eq!(document.pictures.reading.unwrap().row, 0);
        for by in [i64::MAX, i64::MIN, 5, -5] {
            document.read(ReadCommand::Columns(by));
            let tick = document.pictures.reading.unwrap().tick;
            assert!(tick < document.time().end_tick(3000), "{tick}");
        }
        document.read(ReadCommand::At(u64::MAX));
        assert_eq!(document.pictures.reading.unwrap().tick, document.time().end_tick(3000) - 1);
        document.read(ReadCommand::Off);
        assert_eq!(document.pictures.reading, None);
        document.apply_channels(super::super::command::ChannelCommand::ShowAll(false));
        document.read(ReadCommand::Lanes(1));
        assert_eq!(document.pictures.reading, None, "nothing to read");
    }
}
