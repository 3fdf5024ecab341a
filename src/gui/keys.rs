//! Keys → commands. The list that the help shows is [`super::help::KEYS`]; a test holds the two together.

use eframe::egui::{self, Key, Modifiers};

use super::command::{AnnotationCommand, ChannelCommand, Command, FileCommand, PanelCommand, ViewCommand};
use super::found::FoundCommand;
use super::state::{Document, InspectorTab, Panels};

/// One step of the arrow keys, as a share of the screen.
const STEP: f64 = 0.1;
/// One step of zooming by key.
const ZOOM: f64 = 2.0;
/// One step of amplitude by key.
const AMPLITUDE: f64 = 1.25;

/// One for each category of annotations, in their order.
const CATEGORY_KEYS: [Key; 9] =
    [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8, Key::Num9];

/// Turns the keys pressed in this frame into commands, unless a text field or a dialog has them.
pub(super) fn collect(ctx: &egui::Context, document: Option<&Document>, panels: &Panels, out: &mut Vec<Command>) {
    let pressed = |modifiers: Modifiers, key: Key| ctx.input_mut(|i| i.consume_key(modifiers, key));
    if pressed(Modifiers::COMMAND, Key::O) {
        out.push(Command::File(FileCommand::Ask));
    }
    if ctx.egui_wants_keyboard_input() || panels.has_dialog() {
        return;
    }
    let question = ctx.input(|i| i.events.iter().any(|e| matches!(e, egui::Event::Text(t) if t == "?")));
    if question || pressed(Modifiers::NONE, Key::F1) {
        out.push(Command::Panel(PanelCommand::Help(true)));
    }
    if pressed(Modifiers::NONE, Key::F11) {
        let full = ctx.input(|i| i.viewport().fullscreen.unwrap_or(false));
        ctx.send_viewport_cmd(egui::ViewportCommand::Fullscreen(!full));
    }
    if document.is_none() {
        return;
    }
    let view = |c: ViewCommand| Command::View(c);
    let panel = |c: PanelCommand| Command::Panel(c);
    let found = |c: FoundCommand| Command::Found(c);
    let note = |c: AnnotationCommand| Command::Annotation(c);
    let at_tick = super::trace_ui::pointer_tick(ctx);
    for (i, key) in CATEGORY_KEYS.into_iter().enumerate() {
        if pressed(Modifiers::NONE, key) {
            out.push(note(AnnotationCommand::Mark { category: Some(i), at_tick }));
        }
    }
    let table: [(Modifiers, Key, Command); 45] = [
        (Modifiers::SHIFT, Key::ArrowLeft, view(ViewCommand::Page(-1.0))),
        (Modifiers::SHIFT, Key::ArrowRight, view(ViewCommand::Page(1.0))),
        (Modifiers::ALT, Key::ArrowLeft, view(ViewCommand::Back)),
        (Modifiers::ALT, Key::ArrowRight, view(ViewCommand::Forward)),
        (Modifiers::NONE, Key::ArrowLeft, view(ViewCommand::Page(-STEP))),
        (Modifiers::NONE, Key::ArrowRight, view(ViewCommand::Page(STEP))),
        (Modifiers::NONE, Key::ArrowUp, view(ViewCommand::ScrollLanes(-1.0))),
        (Modifiers::NONE, Key::ArrowDown, view(ViewCommand::ScrollLanes(1.0))),
        (Modifiers::NONE, Key::PageUp, view(ViewCommand::Page(-1.0))),
        (Modifiers::NONE, Key::PageDown, view(ViewCommand::Page(1.0))),
        (Modifiers::NONE, Key::Home, view(ViewCommand::Start)),
        (Modifiers::NONE, Key::End, view(ViewCommand::End)),
        (Modifiers::COMMAND, Key::Plus, view(ViewCommand::ZoomCentre(ZOOM))),
        (Modifiers::COMMAND, Key::Equals, view(ViewCommand::ZoomCentre(ZOOM))),
        (Modifiers::COMMAND, Key::Minus, view(ViewCommand::ZoomCentre(1.0 / ZOOM))),
        (Modifiers::NONE, Key::Plus, view(ViewCommand::Amplitude(AMPLITUDE))),
        (Modifiers::SHIFT, Key::Plus, view(ViewCommand::Amplitude(AMPLITUDE))),
        (Modifiers::NONE, Key::Equals, view(ViewCommand::Amplitude(AMPLITUDE))),
        (Modifiers::NONE, Key::Minus, view(ViewCommand::Amplitude(1.0 / AMPLITUDE))),
        (Modifiers::NONE, Key::Num0, view(ViewCommand::AmplitudeReset)),
        (Modifiers::COMMAND, Key::A, view(ViewCommand::SelectAll)),
        (Modifiers::NONE, Key::F, view(ViewCommand::Fit)),
        (Modifiers::NONE, Key::E, view(ViewCommand::ToSelection)),
        (Modifiers::NONE, Key::Backspace, view(ViewCommand::Back)),
        (Modifiers::NONE, Key::Insert, view(ViewCommand::Forward)),
        (Modifiers::NONE, Key::Escape, view(ViewCommand::Select(None))),
        (Modifiers::NONE, Key::G, panel(PanelCommand::GoToForm(true))),
        (Modifiers::COMMAND, Key::G, panel(PanelCommand::GoToForm(true))),
        (Modifiers::NONE, Key::T, panel(PanelCommand::NextTimeFormat)),
        (Modifiers::COMMAND, Key::E, panel(PanelCommand::ExportForm(true))),
        (Modifiers::NONE, Key::C, panel(PanelCommand::ToggleChannels)),
        (Modifiers::NONE, Key::I, panel(PanelCommand::ToggleInspector)),
        (Modifiers::SHIFT, Key::N, found(FoundCommand::End { last: true })),
        (Modifiers::SHIFT, Key::P, found(FoundCommand::End { last: false })),
        (Modifiers::NONE, Key::N, found(FoundCommand::Step { forward: true })),
        (Modifiers::NONE, Key::P, found(FoundCommand::Step { forward: false })),
        (Modifiers::NONE, Key::M, note(AnnotationCommand::Mark { category: None, at_tick })),
        (Modifiers::COMMAND | Modifiers::SHIFT, Key::Z, note(AnnotationCommand::Redo)),
        (Modifiers::COMMAND, Key::Z, note(AnnotationCommand::Undo)),
        (Modifiers::COMMAND, Key::Y, note(AnnotationCommand::Redo)),
        (Modifiers::COMMAND, Key::N, note(AnnotationCommand::Step { forward: true })),
        (Modifiers::COMMAND, Key::B, note(AnnotationCommand::Step { forward: false })),
        (Modifiers::NONE, Key::Delete, note(AnnotationCommand::RemoveSelected)),
        (Modifiers::NONE, Key::L, panel(PanelCommand::Inspector(InspectorTab::Annotations))),
        (Modifiers::NONE, Key::A, Command::Channels(ChannelCommand::ShowAll(true))),
    ];
    for (modifiers, key, command) in table {
        if pressed(modifiers, key) {
            out.push(command);
        }
    }
}
