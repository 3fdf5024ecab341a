//! One row of the list: a channel, or the heading of a group.

use eframe::egui::{
    self, Color32, DragValue, Label, Popup, PopupCloseBehavior, Rect, Response, RichText, Sense, TextEdit, Ui, vec2,
};

use super::command::{Change, ChannelCommand, Pick};
use super::drag;
use super::list::Group;
use super::view::{ChannelView, GAINS, Kind};
use crate::gui::command::Command;
use crate::gui::controls::{named, painted_button};
use crate::gui::state::Document;
use crate::gui::theme::{Colours, PALETTE_LEN, PALETTE_NAMES, palette};
use crate::recording::Channel;

/// Height of a row, points.
pub(super) const ROW_HEIGHT: f32 = 24.0;

/// The heading of a group: fold it, show or hide all of it, drag it.
pub(super) fn group_row(ui: &mut Ui, document: &Document, group: &Group, out: &mut Vec<Command>) {
    let title = group.title();
    let shown = group.members.iter().filter(|&&c| document.channels[c].visible).count();
    ui.horizontal(|ui| {
        ui.set_min_height(ROW_HEIGHT);
        ui.spacing_mut().item_spacing.x = 4.0;
        let (sign, verb) = if group.folded { ("▸", "Unfold") } else { ("▾", "Fold") };
        let fold = ui.add(egui::Button::new(sign).frame(false).min_size(vec2(16.0, 20.0)));
        if named(fold, &format!("{verb} {title}")).clicked() {
            out.push(Command::Channels(ChannelCommand::Fold(group.name.clone(), !group.folded)));
        }
        let mut all = shown == group.members.len();
        let mixed = shown > 0 && !all;
        let check = ui.add(egui::Checkbox::without_text(&mut all).indeterminate(mixed));
        if named(check, &format!("Show group {title}")).on_hover_text("Show or hide the whole group").changed() {
            change(out, group.members.clone(), Change::Visible(shown == 0 || mixed));
        }
        let text = RichText::new(title).color(Colours::of(ui).muted).strong();
        let name = ui.add(Label::new(text).truncate().selectable(false).sense(Sense::click_and_drag()));
        drag::take(&name, || group.members.clone());
        if name.clicked() {
            out.push(Command::Channels(ChannelCommand::Pick(Pick::These(group.members.clone()))));
        }
        name.context_menu(|ui| menu(ui, document, &group.members, None, out));
        ui.weak(format!("{shown}/{}", group.members.len()));
    });
}

/// What a channel is called where it must be told from others of the same name.
pub(super) fn title(channels: &[Channel], c: usize) -> String {
    let channel = &channels[c];
    let alone = !channels.iter().enumerate().any(|(i, other)| i != c && other.name == channel.name);
    if alone { channel.name.clone() } else { format!("{} ({})", channel.name, channel.id) }
}

/// A channel: show it, its colour, its name to pick and drag it by, its gain.
pub(super) fn channel_row(
    ui: &mut Ui,
    document: &Document,
    (c, colour): (usize, Color32),
    rect: Rect,
    out: &mut Vec<Command>,
) {
    let channels = &document.shown().channels;
    let (channel, view) = (&channels[c], &document.channels[c]);
    let title = title(channels, c);
    let is_picked = document.lanes.list.picked.contains(&c);
    if is_picked {
        ui.painter().rect_filled(rect, 4.0, ui.visuals().selection.bg_fill);
    }
    ui.horizontal(|ui| {
        ui.set_min_height(ROW_HEIGHT);
        let mut visible = view.visible;
        let check = named(ui.checkbox(&mut visible, ""), &format!("Show {title}"));
        if check.on_hover_text(if view.visible { "Hide this channel" } else { "Show this channel" }).changed() {
            out.push(Command::Channels(ChannelCommand::Show(c, visible)));
        }
        if let Some(colour) = swatch(ui, colour, view.visible, &title) {
            out.push(Command::Channels(match colour {
                Some(colour) => ChannelCommand::Colour(c, colour),
                None => ChannelCommand::Change(vec![c], Change::Colour(None)),
            }));
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let mut gain = view.gain;
            let drag = DragValue::new(&mut gain).range(GAINS).speed(0.01).max_decimals(2).prefix("×");
            let drag = named(ui.add(drag), &format!("Gain of {title}"));
            if drag.on_hover_text("Height of this channel, times that of the others. Drag or click to type.").changed()
            {
                out.push(Command::Channels(ChannelCommand::Gain(c, gain)));
            }
            if !channel.unit.is_empty() {
                ui.label(RichText::new(crate::text::unit(&channel.unit)).small().color(Colours::of(ui).muted));
            }
            signs(ui, document, c);
            let text = RichText::new(&title).color(if view.visible {
                ui.visuals().text_color()
            } else {
                Colours::of(ui).muted
            });
            let label = Label::new(text).truncate().selectable(false).sense(Sense::click_and_drag());
            let rest = vec2(ui.available_width(), ROW_HEIGHT);
            let layout = egui::Layout::left_to_right(egui::Align::Center);
            let name = ui.allocate_ui_with_layout(rest, layout, |ui| ui.add(label)).inner;
            name_asks(ui, document, c, &name, out);
            name.context_menu(|ui| menu(ui, document, &about(document, c), Some(c), out));
            name.on_hover_ui(|ui| explain(ui, document, c));
        });
    });
}

/// Signs of what is special about a channel.
fn signs(ui: &mut Ui, document: &Document, c: usize) {
    let view = &document.channels[c];
    let muted = Colours::of(ui).muted;
    let mut sign = |text: &str, about: String| {
        ui.label(RichText::new(text).small().color(muted)).on_hover_text(about);
    };
    if view.inverted {
        sign("inv", "Drawn upside down".to_owned());
    }
    if view.offset != 0.0 {
        sign("⇕", format!("Moved by {} lanes", view.offset));
    }
    if view.is_logic() {
        sign("0/1", "Drawn as logic levels".to_owned());
    }
    if let Some((_, why)) = document.bad_channels().iter().find(|(bad, _)| *bad == c) {
        let warning = Colours::of(ui).warning;
        ui.label(RichText::new("bad").small().color(warning)).on_hover_text(format!("Suggested as bad: {why}"));
    }
}

/// What clicks, drags and keys over a name ask for.
fn name_asks(ui: &Ui, document: &Document, c: usize, name: &Response, out: &mut Vec<Command>) {
    let modifiers = ui.input(|i| i.modifiers);
    drag::take(name, || about(document, c));
    if name.double_clicked() {
        out.push(Command::Channels(ChannelCommand::ShowOnly(c)));
    } else if name.clicked() {
        let only_it = document.lanes.list.picked.len() == 1 && document.lanes.list.picked.contains(&c);
        let pick = if modifiers.shift {
            Pick::To(c)
        } else if modifiers.command || only_it {
            Pick::Toggle(c)
        } else {
            Pick::Only(c)
        };
        out.push(Command::Channels(ChannelCommand::Pick(pick)));
    }
}

/// What a command over this channel is about: all that are picked, if it is one of them.
fn about(document: &Document, c: usize) -> Vec<usize> {
    let picked = &document.lanes.list.picked;
    if picked.contains(&c) { picked.iter().copied().collect() } else { vec![c] }
}

fn change(out: &mut Vec<Command>, channels: Vec<usize>, change: Change) {
    out.push(Command::Channels(ChannelCommand::Change(channels, change)));
}

/// The menu of a row, about these channels.
fn menu(ui: &mut Ui, document: &Document, about: &[usize], only: Option<usize>, out: &mut Vec<Command>) {
    let all = |of: &dyn Fn(&ChannelView) -> bool| about.iter().all(|&c| of(&document.channels[c]));
    if about.len() > 1 {
        ui.weak(format!("{} channels", about.len()));
    }
    if ui.button(if about.len() == 1 { "Show only this" } else { "Show only these" }).clicked() {
        match (about, only) {
            ([one], _) => out.push(Command::Channels(ChannelCommand::ShowOnly(*one))),
            _ => {
                out.push(Command::Channels(ChannelCommand::ShowAll(false)));
                change(out, about.to_vec(), Change::Visible(true));
            }
        }
    }
    let visible = all(&|view| view.visible);
    if ui.button(if visible { "Hide" } else { "Show" }).clicked() {
        change(out, about.to_vec(), Change::Visible(!visible));
    }
    let inverted = all(&|view| view.inverted);
    let hover = "Draw what is greater lower down; values and exports stay as they are";
    if ui.selectable_label(inverted, "Upside down").on_hover_text(hover).clicked() {
        change(out, about.to_vec(), Change::Inverted(!inverted));
    }
    for (text, by) in [("Move up by a quarter lane", 0.25), ("Move down by a quarter lane", -0.25)] {
        if ui.button(text).clicked() {
            for &c in about {
                change(out, vec![c], Change::Offset(document.channels[c].offset + by));
            }
        }
    }
    for (text, kind, hover) in [
        ("Line", Kind::Analog, "Draw it as a curve"),
        ("Logic levels", Kind::Logic, "Draw it as a low lane with two levels"),
        ("As it is recognised", Kind::Auto, "Logic levels if it has only two values, else a curve"),
    ] {
        if ui.radio(all(&|view| view.kind == kind), text).on_hover_text(hover).clicked() {
            change(out, about.to_vec(), Change::Kind(kind));
        }
    }
    if ui.button("Reset gain, place and direction").clicked() {
        change(out, about.to_vec(), Change::Reset);
    }
}

fn explain(ui: &mut Ui, document: &Document, c: usize) {
    let channel = &document.shown().channels[c];
    ui.strong(&channel.name);
    ui.label(format!("Id {}", channel.id));
    if !channel.group.is_empty() {
        ui.label(format!("Group {}", channel.group));
    }
    if let Some(p) = document.positions()[c] {
        ui.label(format!("Shank {}, {} µm across, {} µm from the tip", p.shank, p.x_um, p.y_um));
    }
    if !channel.scale.is_identity() {
        let unit = if channel.unit.is_empty() { "" } else { &channel.unit };
        ui.label(format!("Stored × {} + {} {unit}", channel.scale.gain, channel.scale.offset));
    }
    ui.weak("Click to pick (Ctrl, Shift: several), drag to move, double-click to show only this channel.");
}

/// The colour button; returns the colour that was picked, or that none is given any more.
pub(super) fn swatch(ui: &mut Ui, colour: Color32, visible: bool, title: &str) -> Option<Option<Color32>> {
    let dark = ui.visuals().dark_mode;
    let (rect, button) = ui.allocate_exact_size(vec2(16.0, 16.0), Sense::click());
    painted_button(&button, &format!("Colour of {title}"));
    let radius = if button.hovered() || button.has_focus() { 8.0 } else { 6.0 };
    ui.painter().circle_filled(rect.center(), radius, if visible { colour } else { colour.gamma_multiply(0.35) });
    let mut picked = None;
    let popup = Popup::menu(&button).close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    popup.show(|ui| {
        ui.label(format!("Colour of {title}"));
        for (i, name) in PALETTE_NAMES.iter().enumerate().take(PALETTE_LEN) {
            ui.horizontal(|ui| {
                let (dot, _) = ui.allocate_exact_size(vec2(16.0, 16.0), Sense::hover());
                ui.painter().circle_filled(dot.center(), 6.0, palette(i, dark));
                if ui.selectable_label(colour == palette(i, dark), *name).clicked() {
                    picked = Some(Some(palette(i, dark)));
                }
            });
        }
        if ui.button("By itself").on_hover_text("The colour that the list of channels gives it").clicked() {
            picked = Some(None);
        }
        ui.separator();
        ui.horizontal(|ui| {
            let mut own = colour;
            let edit = egui::color_picker::color_edit_button_srgba(ui, &mut own, egui::color_picker::Alpha::Opaque);
            let edit = named(edit, "Another colour");
            ui.label("Another colour");
            if edit.changed() {
                picked = Some(Some(own));
            }
        });
    });
    button.on_hover_text("Change the colour");
    picked
}

/// The field in which a part of a name is typed.
pub(super) fn filter_field(ui: &mut Ui, filter: &mut String) {
    let width = ui.available_width();
    let edit = TextEdit::singleline(filter)
        .hint_text(RichText::new("Filter by name, id or group").italics())
        .desired_width(width);
    named(ui.add(edit), "Filter channels");
}
