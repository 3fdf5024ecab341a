//! What the mouse does over the traces: wheel and pinch zoom and pan, drags pan, select, zoom to what they span, and move
//! cursors and annotations.

use eframe::egui::{self, CursorIcon, Pos2, Rect, Stroke, Ui};

use super::annotation_marks::{Drawn, Part};
use super::channels::Display;
use super::command::{AnnotationCommand, ChannelCommand, Command, ViewCommand};
use super::cursors::{CursorCommand, Near, Which};
use super::displays;
use super::note_drag::NoteDrag;
use super::settings::Wheel;
use super::state::Document;
use super::theme::Colours;

/// One notch of the wheel (about 50 points) zooms by this factor.
const WHEEL_ZOOM: f64 = 1.25;
/// Where the wheel pans, it moves by so many times what it turns.
const WHEEL_PAN: f64 = 2.0;
/// A double click zooms by this factor.
const CLICK_ZOOM: f64 = 2.0;
/// A cursor this near to the pointer is taken hold of, and it snaps to what is as near, points.
const GRAB: f32 = 5.0;
const SNAP: f64 = 8.0;
/// Names stand this far from the left edge, points.
const NAMES: f32 = 90.0;

/// The field of the traces, for turning places on the screen into ticks and channels and back.
pub(super) struct Mouse<'a> {
    pub(super) document: &'a Document,
    pub(super) rect: Rect,
}

/// What a drag does, and from which tick on.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
enum Drag {
    #[default]
    Pan,
    Select,
    Zoom,
    Cursor(Which),
    Note(u64, Part),
}

impl Mouse<'_> {
    pub(super) fn tick_at(&self, at: Pos2) -> f64 {
        let view = &self.document.viewport;
        view.start_tick() + f64::from((at.x - self.rect.left()) / self.rect.width()) * view.ticks()
    }

    pub(super) fn x_of(&self, tick: f64) -> f32 {
        let view = &self.document.viewport;
        self.rect.left() + ((tick - view.start_tick()) / view.ticks()) as f32 * self.rect.width()
    }

    /// Where it is on the screen, so many lanes below the top of the first; fractions between.
    pub(super) fn y_of(&self, lanes: f64) -> f32 {
        let (first, count) = displays::extent(self.document);
        self.rect.top() + ((lanes - first) / count) as f32 * self.rect.height()
    }

    /// The channel that is meant by `at`: whose lane is there, or in the butterfly display whose trace is nearest.
    pub(super) fn channel_at(&self, at: Pos2) -> Option<usize> {
        let y = f64::from((at.y - self.rect.top()) / self.rect.height());
        if self.document.lanes.display == Display::Butterfly {
            let (columns, _) = self.document.pictures.view.as_ref()?;
            let frame = self.document.time().frame_at_tick(self.tick_at(at).max(0.0) as u64);
            let column = columns.edges.partition_point(|&e| e <= frame).checked_sub(1)?;
            return displays::value_near(self.document, columns, column, y);
        }
        let (stack, (first, count)) = (self.document.stack(), displays::extent(self.document));
        stack.channels().get(stack.row_at(first + y * count)?).copied()
    }

    /// What a cursor at `at` may snap to.
    pub(super) fn near(&self, at: Pos2) -> Option<Near> {
        let reach_ticks = (SNAP * self.document.viewport.ticks_per_point()).ceil().max(1.0) as u64;
        self.channel_at(at).map(|channel| Near { channel, reach_ticks })
    }

    /// The cursor whose line is at `at`; of two the nearer.
    fn cursor_at(&self, at: Pos2) -> Option<Which> {
        let distance = |which: &Which| {
            let tick = self.document.cursors.get(*which)?;
            Some((self.x_of(tick as f64 + 0.5) - at.x).abs()).filter(|d| *d <= GRAB)
        };
        let near = Which::ALL.into_iter().filter_map(|which| Some((which, distance(&which)?)));
        near.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(which, _)| which)
    }

    /// Wheel, sideways wheel and pinch.
    pub(super) fn wheel(&self, ui: &Ui, response: &egui::Response, wheel: Wheel, out: &mut Vec<Command>) {
        let Some(pointer) = response.hover_pos() else { return };
        let (scroll, pinch, modifiers) = ui.input(|i| (i.smooth_scroll_delta(), i.zoom_delta(), i.modifiers));
        if pinch != 1.0 {
            let factor = f64::from(pinch);
            // A pinch comes without the key; a wheel with Ctrl is given as a pinch, too.
            if !modifiers.command || wheel != Wheel::Zoom {
                let about_tick = self.tick_at(pointer);
                out.push(Command::View(ViewCommand::Zoom { factor, about_tick }));
            } else if let Some((channel, gain)) = self.name_under(pointer) {
                out.push(Command::Channels(ChannelCommand::Gain(channel, gain * pinch)));
            } else {
                out.push(Command::View(ViewCommand::Amplitude(factor)));
            }
        }
        if scroll.y != 0.0 && modifiers.alt {
            out.push(Command::View(ViewCommand::ZoomLanes(WHEEL_ZOOM.powf(-f64::from(scroll.y) / 50.0))));
        } else if scroll.y != 0.0 {
            out.push(Command::View(match wheel {
                Wheel::Zoom => {
                    let factor = WHEEL_ZOOM.powf(f64::from(scroll.y) / 50.0);
                    ViewCommand::Zoom { factor, about_tick: self.tick_at(pointer) }
                }
                Wheel::Pan => {
                    let share = f64::from(scroll.y / self.rect.width());
                    ViewCommand::Pan(-share * WHEEL_PAN * self.document.viewport.ticks())
                }
                Wheel::Channels => ViewCommand::ScrollLanes(-f64::from(scroll.y) / 50.0),
            }));
        }
        if scroll.x != 0.0 {
            let ticks = -f64::from(scroll.x / self.rect.width()) * self.document.viewport.ticks();
            out.push(Command::View(ViewCommand::Pan(ticks)));
        }
    }

    /// The same over something else that has this time axis: what is about channels is left out.
    pub(super) fn wheel_over(&self, ui: &Ui, response: &egui::Response, wheel: Wheel, out: &mut Vec<Command>) {
        let mut all = Vec::new();
        self.wheel(ui, response, wheel, &mut all);
        out.extend(all.into_iter().filter(|c| {
            matches!(c, Command::View(ViewCommand::Zoom { .. } | ViewCommand::Pan(_) | ViewCommand::Range(_)))
        }));
    }

    /// The channel whose name is under the pointer, and its gain.
    fn name_under(&self, at: Pos2) -> Option<(usize, f32)> {
        if at.x > self.rect.left() + NAMES || self.document.lanes.display == Display::Butterfly {
            return None;
        }
        let channel = self.channel_at(at)?;
        Some((channel, self.document.channels[channel].gain))
    }

    /// A cursor and the edges of the selected annotation are dragged, and snap unless Alt is held; elsewhere a drag pans, with Shift selects, with the
    /// right button or Ctrl zooms to what it spans. A double click edits the label of an annotation, or zooms in.
    pub(super) fn drag(
        &self,
        ui: &Ui,
        response: &egui::Response,
        (painter, colours): (&egui::Painter, Colours),
        notes: &Drawn,
        out: &mut Vec<Command>,
    ) {
        let id = response.id.with("drag");
        // The keys held when the button went down count: they may be let go of before a slow frame sees the drag.
        let pressed = ui.input(|i| {
            i.events.iter().rev().find_map(|event| match event {
                egui::Event::PointerButton { pressed: true, modifiers, .. } => Some(*modifiers),
                _ => None,
            })
        });
        if let Some(modifiers) = pressed {
            ui.data_mut(|d| d.insert_temp(id.with("keys"), modifiers));
        }
        let modifiers = ui.data(|d| d.get_temp::<egui::Modifiers>(id.with("keys"))).unwrap_or_default();
        if response.double_clicked()
            && let Some(at) = response.interact_pointer_pos()
        {
            out.push(self.double_click(at, notes));
        }
        if let Some(at) = response.hover_pos()
            && !response.dragged()
            && (self.cursor_at(at).is_some() || notes.part_at(at).is_some())
        {
            ui.set_cursor_icon(CursorIcon::ResizeHorizontal);
        }
        if response.drag_started()
            && let Some(at) = ui.input(|i| i.pointer.press_origin())
        {
            let right = response.dragged_by(egui::PointerButton::Secondary);
            let kind = match (right || modifiers.command, modifiers.shift) {
                (true, _) => Drag::Zoom,
                (false, true) => Drag::Select,
                (false, false) => match (self.cursor_at(at), notes.part_at(at)) {
                    (Some(which), _) => Drag::Cursor(which),
                    (None, Some((note, part))) => Drag::Note(note, part),
                    (None, None) => Drag::Pan,
                },
            };
            ui.data_mut(|d| d.insert_temp(id, (kind, self.tick_at(at))));
        }
        let Some((kind, from)) = ui.data(|d| d.get_temp::<(Drag, f64)>(id)) else { return };
        let Some(at) = response.interact_pointer_pos() else { return };
        let to = self.tick_at(at);
        let (low, high) = (from.min(to), from.max(to));
        // With Alt nothing attracts what is dragged.
        let free = ui.input(|i| i.modifiers.alt);
        match kind {
            Drag::Pan => self.pan(response, out),
            Drag::Select => {
                let ticks = low.round().max(0.0) as u64..high.round().max(0.0) as u64;
                out.push(Command::View(ViewCommand::Select(Some(ticks))));
            }
            Drag::Zoom => {
                let band = Rect::from_x_y_ranges(self.x_of(low)..=self.x_of(high), self.rect.y_range());
                painter.rect(band, 0.0, colours.selection, Stroke::new(1.0, colours.accent), egui::StrokeKind::Inside);
                if response.drag_stopped() && band.width() > 3.0 {
                    out.push(Command::View(ViewCommand::Range(low..high)));
                }
            }
            Drag::Cursor(which) => {
                let near = self.near(at).filter(|_| !free);
                out.push(Command::Cursor(CursorCommand::Place { which, tick: to.max(0.0) as u64, near }));
            }
            Drag::Note(note, part) => {
                let near = self.near(at).filter(|_| !free);
                let by = (to - from).round() as i64;
                out.push(Command::Annotation(AnnotationCommand::Drag(NoteDrag { id: note, part, by, near })));
                if response.drag_stopped() {
                    out.push(Command::Annotation(AnnotationCommand::Drop));
                }
            }
        }
        if response.drag_stopped() {
            ui.data_mut(|d| d.remove_temp::<(Drag, f64)>(id));
        }
    }

    fn pan(&self, response: &egui::Response, out: &mut Vec<Command>) {
        let moved = f64::from(response.drag_delta().x / self.rect.width()) * self.document.viewport.ticks();
        if moved != 0.0 {
            out.push(Command::View(ViewCommand::Pan(-moved)));
        }
        let lanes = f64::from(response.drag_delta().y / self.rect.height()) * self.document.lanes.count;
        if lanes != 0.0 {
            out.push(Command::View(ViewCommand::ScrollLanes(-lanes)));
        }
    }

    fn double_click(&self, at: Pos2, notes: &Drawn) -> Command {
        if let Some(note) = notes.label_at(at) {
            return Command::Annotation(AnnotationCommand::EditLabel(note));
        }
        let mut view = self.document.destination();
        view.zoom(CLICK_ZOOM, view.x_of(self.tick_at(at)));
        Command::View(ViewCommand::Range(view.start_tick()..view.end_tick()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::document;
    use super::*;

    #[test]
    fn places_are_those_of_lanes() {
        let document = document(2);
        let rect = Rect::from_min_size(Pos2::ZERO, egui::vec2(1000.0, 400.0));
        let mouse = Mouse { document: &document, rect };
        assert_eq!(mouse.channel_at(Pos2::new(5.0, 399.0)), Some(1));
        assert_eq!(mouse.channel_at(Pos2::new(5.0, -1.0)), None);
    }
}
