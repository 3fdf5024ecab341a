//! Small pieces that several panels share.

use eframe::egui::containers::menu::{MenuButton, MenuConfig};
use eframe::egui::{
    Align, Align2, Button, Context, Frame, Id, Layout, Modal, PopupCloseBehavior, Response, RichText, Role, Stroke, Ui,
    WidgetInfo, vec2,
};

use egui_material_icons::MaterialIcon;

use super::theme::Colours;

/// Icons stand a little higher than text, points.
const ICON_SIZE: f32 = 16.0;

/// Gives a control without text of its own a name for screen readers (and tests).
pub(super) fn named(response: Response, name: &str) -> Response {
    response.ctx.accesskit_node_builder(response.id, |node| node.set_label(name));
    response
}

/// Tells screen readers that something painted by hand is a button.
pub(super) fn painted_button(response: &Response, name: &str) {
    response.widget_info(|| WidgetInfo::labeled(Role::Button, response.enabled(), name));
}

/// A button that is an icon, with its name for screen readers and a hint that names its key, if it has one.
pub(super) fn icon_button(ui: &mut Ui, icon: MaterialIcon, name: &str, hint: &str) -> Response {
    let text = RichText::new(icon.codepoint).size(ICON_SIZE);
    named(ui.add(Button::new(text).frame_when_inactive(false)), name).on_hover_text(hint)
}

/// A button with an icon in front of its text, or with the icon only where there is no room for more.
pub(super) fn icon_text_button(ui: &mut Ui, icon: MaterialIcon, text: &str, roomy: bool, hint: &str) -> Response {
    let icon = RichText::new(icon.codepoint).size(ICON_SIZE);
    let button = if roomy { Button::new((icon, text)) } else { Button::new(icon) };
    named(ui.add(button), text).on_hover_text(if roomy { hint.to_owned() } else { format!("{text}: {hint}") })
}

/// A menu that opens from an icon.
pub(super) fn icon_menu(ui: &mut Ui, icon: MaterialIcon, name: &str, add: impl FnOnce(&mut Ui)) -> Response {
    let text = RichText::new(icon.codepoint).size(ICON_SIZE);
    // Several things may be chosen in it before it is left.
    let config = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    let button = Button::new(text).frame_when_inactive(false);
    let menu = MenuButton::from_button(button).config(config).ui(ui, add).0;
    named(menu, name)
}

/// What a field that is empty shows, told from what is typed by its words and its slant.
pub(super) fn example(text: &str) -> RichText {
    RichText::new(format!("e.g. {text}")).italics()
}

/// The same for a field in which nothing is something, too: `automatic`, `none`.
pub(super) fn absent(text: &str) -> RichText {
    RichText::new(format!("({text})")).italics()
}

/// A fact on one line of a two-column grid; the value can be selected and copied.
pub(super) fn fact(ui: &mut Ui, name: &str, value: impl Into<String>) {
    ui.label(RichText::new(name).color(Colours::of(ui).muted));
    ui.add(eframe::egui::Label::new(value.into()).wrap());
    ui.end_row();
}

/// A heading inside a panel.
pub(super) fn section(ui: &mut Ui, title: &str) {
    ui.add_space(8.0);
    ui.label(RichText::new(title).size(14.0).strong());
    ui.add_space(2.0);
}

/// The row of buttons at the foot of a dialog: right-aligned, the main one outermost.
pub(super) fn dialog_buttons(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    ui.add_space(12.0);
    ui.allocate_ui_with_layout(vec2(ui.available_width(), 24.0), Layout::right_to_left(Align::Center), add);
}

/// The free room above a dialog, as a share of the window's height, where the dialog leaves so much.
const ABOVE_DIALOG: f32 = 0.08;

/// A dialog over the window, with room around its content. It hangs from its upper edge: whatever its content comes to while
/// it is edited, nothing moves away under the pointer.
pub(super) fn dialog(ctx: &Context, id: &'static str) -> Modal {
    let above = ctx.content_rect().height() * ABOVE_DIALOG;
    let area = Modal::default_area(Id::unique(id)).anchor(Align2::CENTER_TOP, vec2(0.0, above));
    Modal::new(Id::unique(id)).area(area).frame(Frame::popup(&ctx.global_style()).inner_margin(16))
}

/// The button that does what the dialog is for.
pub(super) fn main_button(ui: &Ui, text: &'static str) -> Button<'static> {
    let accent = Colours::of(ui).accent;
    Button::new(RichText::new(text).strong()).stroke(Stroke::new(1.5, accent)).min_size(vec2(88.0, 28.0))
}
