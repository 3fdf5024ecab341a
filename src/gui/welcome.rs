//! The screen before a recording is open: open one, drop one, take up a recent one, or try the demo.

use eframe::egui::text::{LayoutJob, TextWrapping};
use eframe::egui::{
    Align2, Button, FontId, Key, Rect, RichText, Role, ScrollArea, Sense, Shape, Stroke, StrokeKind, TextEdit, Ui,
    WidgetInfo, pos2, vec2,
};

use egui_material_icons::icons;

use super::command::{Command, FileCommand};
use super::controls::named;
use super::recent::{Recent, RecentFile};
use super::theme::Colours;
use crate::source::{FORMATS, OpenOptions};

/// Logical pixels.
const WIDTH: f32 = 640.0;
/// A recent file: height, its picture, and what its buttons take.
const ROW: f32 = 60.0;
const PICTURE: f32 = 168.0;
const BUTTONS: f32 = 84.0;

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
                open_ui(ui, recent, path, out);
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

fn open_ui(ui: &mut Ui, recent: &Recent, path: &mut String, out: &mut Vec<Command>) {
    let accent = Colours::of(ui).accent;
    ui.horizontal(|ui| {
        let folder = RichText::new(icons::ICON_FOLDER_OPEN.codepoint).size(16.0);
        let open = Button::new((folder, RichText::new("Open…").strong()))
            .stroke(Stroke::new(1.5, accent))
            .min_size(vec2(120.0, 36.0));
        if named(ui.add(open), "Open…").on_hover_text("Ctrl + O").clicked() {
            out.push(Command::File(FileCommand::Ask));
        }
        if let Some(last) = recent.last() {
            let name = last.path.file_name().unwrap_or_default().to_string_lossy();
            let text: String =
                if name.chars().count() > 24 { name.chars().take(23).chain(['…']).collect() } else { name.into() };
            let go_on = Button::new(format!("Continue with {text}")).min_size(vec2(120.0, 36.0));
            if ui.add(go_on).on_hover_text("Open the last recording as you left it").clicked() {
                out.push(Command::File(FileCommand::Continue));
            }
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
        let edit = ui
            .add(TextEdit::singleline(path).hint_text(RichText::new("or type a path").italics()).desired_width(width));
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
        (Stroke::new(1.0, colours.muted), "Drop a recording, a workspace, or the folder of a session here")
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
        ui.push_id(&file.entry.path, |ui| row_ui(ui, file, out));
    }
}

/// A recent file: its picture, name, what and when; a click opens it.
fn row_ui(ui: &mut Ui, file: &RecentFile, out: &mut Vec<Command>) {
    let (entry, colours) = (&file.entry, Colours::of(ui));
    let name = entry.path.file_name().unwrap_or(entry.path.as_os_str()).to_string_lossy();
    ui.horizontal(|ui| {
        let size = vec2((ui.available_width() - BUTTONS).max(160.0), ROW);
        let able = file.trouble.is_none();
        let (rect, row) = ui.allocate_exact_size(size, if able { Sense::click() } else { Sense::hover() });
        row.widget_info(|| WidgetInfo::labeled(Role::Button, able, name.as_ref()));
        let visuals = ui.visuals();
        if row.has_focus() || (able && row.hovered()) {
            let stroke = if row.has_focus() { Stroke::new(2.0, colours.accent) } else { Stroke::NONE };
            ui.painter().rect(rect, 4.0, visuals.faint_bg_color, stroke, StrokeKind::Inside);
        }
        let picture = Rect::from_min_size(rect.min + vec2(6.0, 6.0), vec2(PICTURE, ROW - 12.0));
        ui.painter().rect_filled(picture, 3.0, colours.canvas);
        let ink = if able { colours.accent.gamma_multiply(0.85) } else { colours.muted.gamma_multiply(0.5) };
        ui.painter().add(entry.sketch.mesh(picture.shrink(3.0), ink));
        if entry.sketch.is_empty() {
            let font = FontId::proportional(11.0);
            ui.painter().text(picture.center(), Align2::CENTER_CENTER, "no picture yet", font, colours.muted);
        }
        let text = if able { visuals.text_color() } else { colours.muted };
        let folder = entry.path.parent().map(|f| f.display().to_string()).unwrap_or_default();
        let when = super::recent::when(entry.opened);
        let facts: Vec<&str> = [entry.about.as_str(), when.as_str()].into_iter().filter(|t| !t.is_empty()).collect();
        let second = file.trouble.clone().unwrap_or_else(|| facts.join(" · "));
        let lines = [(name.to_string(), 14.0, text), (second, 12.0, colours.muted), (folder, 11.0, colours.muted)];
        let (x, room) = (picture.right() + 10.0, rect.right() - picture.right() - 16.0);
        let mut y = rect.top() + 5.0;
        for (line, size, colour) in lines {
            let mut job = LayoutJob::simple_singleline(line, FontId::proportional(size), colour);
            job.wrap = TextWrapping::truncate_at_width(room);
            let galley = ui.painter().layout_job(job);
            ui.painter().galley(pos2(x, y), galley, colour);
            y += size + 4.0;
        }
        let whole = entry.path.display().to_string();
        let row = match &file.trouble {
            Some(trouble) => row.on_hover_text(format!("{whole}: {trouble}")),
            None => row.on_hover_text(whole),
        };
        if row.clicked() {
            out.push(Command::File(FileCommand::Open(entry.path.clone(), OpenOptions::default())));
        }
        let path = || entry.path.clone();
        let pin = named(ui.selectable_label(entry.pinned, "Pin"), &format!("Pin {name}"));
        if pin.on_hover_text("Keep it at the top of the list").clicked() {
            out.push(Command::File(FileCommand::PinRecent(path(), !entry.pinned)));
        }
        let remove = named(ui.button("×"), &format!("Take {name} off the list"));
        if remove.on_hover_text("Take it off the list; the file stays").clicked() {
            out.push(Command::File(FileCommand::ForgetRecent(path())));
        }
    });
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use egui_kittest::kittest::Queryable as _;

    use super::super::recent::{Entry, RecentFile, Sketch};
    use super::super::testing::bench;
    use super::*;

    pub(crate) fn recent() -> Recent {
        let wave = Sketch::new((0..160).map(|i| {
            let height = (i as f32 / 9.0).sin().abs() * 0.8 + 0.1;
            (-height, height * 0.9)
        }));
        let file = |path: &str, about: &str, sketch: &Sketch, trouble: Option<&str>| RecentFile {
            entry: Entry {
                path: path.into(),
                opened: 1,
                about: about.to_owned(),
                sketch: sketch.clone(),
                ..Entry::default()
            },
            trouble: trouble.map(str::to_owned),
        };
        let gone = Some("not there any more: moved, renamed or deleted");
        let files = vec![
            file("/data/rat 3/day 1.rec", "128 channels · 23.5 h", &wave, None),
            file("/mnt/old/gone.npy", "4 channels · 10 min", &Sketch::default(), gone),
        ];
        Recent { files }
    }

    #[test]
    fn every_way_in_works() {
        let mut harness = bench([1000.0, 700.0], "  /data/typed.npy ".to_owned(), |ui, path, out| {
            welcome_ui(ui, &recent(), path, out);
        });
        harness.run();
        let labels = ["Open…", "Try the demo recording", "Open path", "day 1.rec", "gone.npy", "Pin day 1.rec"];
        for label in labels.into_iter().chain(["Take gone.npy off the list", "Continue with day 1.rec"]) {
            harness.get_by_label(label).click();
            harness.run();
        }
        let out = &harness.state().out;
        assert_eq!(out.len(), 7, "a missing file cannot be opened: {out:?}");
        assert!(matches!(out[0], Command::File(FileCommand::Ask)));
        assert!(matches!(out[1], Command::File(FileCommand::Demo)));
        assert!(matches!(&out[2], Command::File(FileCommand::Open(p, _)) if p == Path::new("/data/typed.npy")));
        assert!(matches!(&out[3], Command::File(FileCommand::Open(p, _)) if p == Path::new("/data/rat 3/day 1.rec")));
        assert!(matches!(&out[4], Command::File(FileCommand::PinRecent(p, true)) if p.ends_with("day 1.rec")));
        assert!(matches!(&out[5], Command::File(FileCommand::ForgetRecent(p)) if p.ends_with("gone.npy")));
        assert!(matches!(&out[6], Command::File(FileCommand::Continue)));
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
