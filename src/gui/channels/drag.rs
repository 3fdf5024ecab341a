//! Dragging rows of the list to another place.

use eframe::egui::{DragAndDrop, Rect, Response, Stroke, Ui};

use super::command::ChannelCommand;
use crate::gui::command::Command;
use crate::gui::theme::Colours;

/// Near the edges of the list it scrolls while something is dragged: within so many points, so fast.
const EDGE: f32 = 28.0;
const SCROLL: f32 = 6.0;

/// The channels that are dragged.
struct Dragged(Vec<usize>);

/// Takes up `channels` where the drag of `handle` begins.
pub(super) fn take(handle: &Response, channels: impl FnOnce() -> Vec<usize>) {
    if handle.drag_started() {
        DragAndDrop::set_payload(&handle.ctx, Dragged(channels()));
    }
}

/// Lets what is dragged be put down on the row at `rect`: above its middle in front of `this`, below it in front of
/// `next`.
pub(super) fn put(ui: &Ui, rect: Rect, this: Option<usize>, next: Option<usize>, out: &mut Vec<Command>) {
    let Some(dragged) = DragAndDrop::payload::<Dragged>(ui.ctx()) else { return };
    let Some(pointer) = ui.ctx().pointer_interact_pos() else { return };
    let within = rect.y_range().contains(pointer.y) && ui.clip_rect().contains(pointer);
    if !within {
        return;
    }
    let above = pointer.y < rect.center().y;
    let (before, y) = if above { (this, rect.top()) } else { (next, rect.bottom()) };
    ui.painter().hline(rect.x_range(), y, Stroke::new(2.0, Colours::of(ui).accent));
    if ui.input(|i| i.pointer.any_released()) {
        DragAndDrop::clear_payload(ui.ctx());
        let channels = dragged.0.clone();
        out.push(Command::Channels(ChannelCommand::Move(channels, before)));
    }
}

/// Scrolls the list while something is held near one of its edges.
pub(super) fn scroll_at_edges(ui: &Ui) {
    if !DragAndDrop::has_payload_of_type::<Dragged>(ui.ctx()) {
        return;
    }
    let Some(pointer) = ui.ctx().pointer_interact_pos() else { return };
    let clip = ui.clip_rect();
    let by = if pointer.y < clip.top() + EDGE {
        SCROLL
    } else if pointer.y > clip.bottom() - EDGE {
        -SCROLL
    } else {
        return;
    };
    ui.scroll_with_delta(eframe::egui::vec2(0.0, by));
    ui.ctx().request_repaint();
}
