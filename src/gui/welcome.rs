//! The screen before a recording is open: open one, drop one, take up a recent one, or try the demo.

use eframe::egui::{Button, Key, RichText, ScrollArea, Sense, Shape, Stroke, TextEdit, Ui, vec2};

use egui_material_icons::icons;

use super::command::{Command, FileCommand};
use super::controls::named;
use super::recent::Recent;
use super::theme::Colours;
use crate::source::{FORMATS, OpenOptions};

/// Logical pixels.
const WIDTH: f32 = 600.0;

/// Draws the screen; `path` is the text of the path field.
pub(super) fn welcome_ui(ui: &mut Ui, recent: &Recent, path: &mut String, out: &mut Vec<Command>) {
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let margin = ((ui.available_width() - WIDTH) / 2.0).max(8.0);
        ui.add_space((ui.ctx().content_rect().height() * 0.08).max(8.0));
        ui.horizontal(|ui| {
            ui.add_space(margin);
            ui.vertical(|ui| {
                ui.set_width(WIDTH.min(ui.available_width() - 8.0));
                ui.label(RichText::new("Longwave").size(32.0).strong());
                ui.label(RichText::new("See, measure and cut waveform recordings of any length.").size(15.0));
                ui.add_space(20.0);
                open_ui(ui, path, out);
                ui.add_space(16.0);
                drop_ui(ui);
                ui.add_space(16.0);
                recent_ui(ui, recent, out);
                ui.add_space(16.0);
                first_steps_ui(ui);
            });
        });
    });
}

fn open_ui(ui: &mut Ui, path: &mut String, out: &mut Vec<Command>) {
    let accent = Colours::of(ui).accent;
    ui.horizontal(|ui| {
        let folder = RichText::new(icons::ICON_FOLDER_OPEN.codepoint).size(16.0);
        let open = Button::new((folder, RichText::new("Open…").strong()))
            .stroke(Stroke::new(1.5, accent))
            .min_size(vec2(120.0, 36.0));
        if named(ui.add(open), "Open…").on_hover_text("Ctrl + O").clicked() {
            out.push(Command::File(FileCommand::Ask));
        }
        let demo = Button::new("Try the demo recording").min_size(vec2(180.0, 36.0));
        if ui.add(demo).on_hover_text("Makes a recording with spikes, a drifting tone, a slow wave and gaps").clicked()
        {
            out.push(Command::File(FileCommand::Demo));
        }
    });
    ui.add_space(8.0);
    ui.horizontal(|ui| {
        let width = ui.available_width() - 104.0;
        let edit = ui.add(TextEdit::singleline(path).hint_text("or type a path").desired_width(width));
        let edit = named(edit, "Path of a recording");
        let typed = path.trim();
        let enter = edit.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
        let open = ui.add_enabled(!typed.is_empty(), Button::new("Open path"));
        if (open.clicked() || enter) && !typed.is_empty() {
            out.push(Command::File(FileCommand::Open(typed.into(), OpenOptions::default())));
        }
    });
}

/// The dashed area that invites to drop a file, and what can be opened.
fn drop_ui(ui: &mut Ui) {
    let colours = Colours::of(ui);
    let hovering = ui.input(|i| !i.raw.hovered_files.is_empty());
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 92.0), Sense::hover());
    let (stroke, text) = if hovering {
        (Stroke::new(2.0, colours.accent), "Let go to open")
    } else {
        (Stroke::new(1.0, colours.muted), "Drop a recording, or the folder of a session, here")
    };
    if hovering {
        ui.painter().rect_filled(rect, 4.0, ui.visuals().faint_bg_color);
    }
    let corners = [rect.left_top(), rect.right_top(), rect.right_bottom(), rect.left_bottom(), rect.left_top()];
    ui.painter().extend(Shape::dashed_line(&corners, stroke, 6.0, 4.0));
    let mut inner = ui.new_child(
        eframe::egui::UiBuilder::new()
            .max_rect(rect.shrink(12.0))
            .layout(eframe::egui::Layout::top_down(eframe::egui::Align::Center)),
    );
    inner.add_space(8.0);
    inner.label(RichText::new(text).size(15.0));
    let formats: Vec<String> = FORMATS
        .iter()
        .map(|f| match f.extensions {
            [] => f.title.to_owned(),
            some => format!("{} (.{})", f.title, some.join(", .")),
        })
        .collect();
    inner.label(RichText::new(formats.join(" · ")).color(colours.muted));
}

/// What to try first: the few gestures that everything else can be found with.
fn first_steps_ui(ui: &mut Ui) {
    ui.strong("First steps");
    ui.add_space(4.0);
    let steps = [
        (icons::ICON_ZOOM_IN, "The wheel zooms at the pointer, a drag pans, F shows everything again."),
        (icons::ICON_SELECT_ALL, "Shift + drag selects a range: it is measured, and can be analysed and exported."),
        (icons::ICON_SEARCH, "Ctrl + P finds every command by its name; ? lists keys and mouse."),
        (icons::ICON_DASHBOARD, "Panels are dragged by their tabs to where you want them."),
    ];
    for (icon, text) in steps {
        ui.horizontal(|ui| {
            ui.label(RichText::new(icon.codepoint).size(16.0).color(Colours::of(ui).accent));
            ui.add(eframe::egui::Label::new(text).wrap());
        });
    }
}

fn recent_ui(ui: &mut Ui, recent: &Recent, out: &mut Vec<Command>) {
    ui.strong("Recent files");
    ui.add_space(4.0);
    if recent.files.is_empty() {
        ui.weak("Files that you open are listed here.");
        return;
    }
    for file in &recent.files {
        ui.push_id(&file.path, |ui| {
            ui.horizontal(|ui| {
                let name = file.path.file_name().unwrap_or(file.path.as_os_str()).to_string_lossy();
                let whole = file.path.display().to_string();
                let link = ui.add_enabled(file.exists, eframe::egui::Link::new(name.as_ref()));
                if link.on_hover_text(&whole).on_disabled_hover_text(format!("{whole} is not there")).clicked() {
                    out.push(Command::File(FileCommand::Open(file.path.clone(), OpenOptions::default())));
                }
                if !file.exists {
                    ui.weak("missing");
                }
                let folder = file.path.parent().map(|f| f.display().to_string()).unwrap_or_default();
                ui.add(eframe::egui::Label::new(RichText::new(folder).small().weak()).truncate());
            });
        });
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use egui_kittest::kittest::Queryable as _;

    use super::super::recent::RecentFile;
    use super::super::testing::bench;
    use super::*;

    pub(crate) fn recent() -> Recent {
        let file = |path: &str, exists| RecentFile { path: path.into(), exists };
        Recent { files: vec![file("/data/rat 3/day 1.rec", true), file("/mnt/old/gone.npy", false)] }
    }

    #[test]
    fn every_way_in_works() {
        let mut harness = bench([1000.0, 700.0], "  /data/typed.npy ".to_owned(), |ui, path, out| {
            welcome_ui(ui, &recent(), path, out);
        });
        harness.run();
        for label in ["Open…", "Try the demo recording", "Open path", "day 1.rec", "gone.npy"] {
            harness.get_by_label(label).click();
            harness.run();
        }
        let out = &harness.state().out;
        assert_eq!(out.len(), 4, "a missing file cannot be opened: {out:?}");
        assert!(matches!(out[0], Command::File(FileCommand::Ask)));
        assert!(matches!(out[1], Command::File(FileCommand::Demo)));
        assert!(matches!(&out[2], Command::File(FileCommand::Open(p, _)) if p == Path::new("/data/typed.npy")));
        assert!(matches!(&out[3], Command::File(FileCommand::Open(p, _)) if p == Path::new("/data/rat 3/day 1.rec")));
    }

    #[test]
    fn an_empty_list_says_what_it_is_for() {
        let mut harness = bench([800.0, 600.0], String::new(), |ui, path, out| {
            welcome_ui(ui, &Recent::default(), path, out);
        });
        harness.run();
        harness.get_by_label("Files that you open are listed here.");
    }
}
