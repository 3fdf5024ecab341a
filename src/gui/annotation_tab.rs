//! The list of annotations: a table that is filtered, sorted and clicked, and the fields of the selected one.

use eframe::egui::{self, Color32, Grid, RichText, ScrollArea, TextEdit, Ui, vec2};

use super::command::{AnnotationCommand, Command, TimelineCommand};
use super::command_line::{annotations_line, small_line_ui};
use super::controls::{named, section};
use super::state::Document;
use super::theme::Colours;
use super::wording::{plural, sentence};
use crate::annotation::{Annotation, Annotations};

/// Height of a row, points.
const ROW: f32 = 20.0;
/// Rows that are shown without scrolling.
const ROWS: usize = 14;

/// How the table is sorted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Order {
    #[default]
    Start,
    Duration,
    Label,
    Category,
}

impl Order {
    const ALL: [(Self, &'static str); 4] =
        [(Self::Start, "Start"), (Self::Duration, "Duration"), (Self::Label, "Label"), (Self::Category, "Category")];
}

/// What the user has set for the table, and the rows that follow from it, kept until something changes.
#[derive(Clone, Debug, Default)]
pub struct TableView {
    filter: String,
    order: Order,
    backwards: bool,
    rows: Vec<usize>,
    made_of: Option<(u64, usize, String, Order, bool)>,
    /// What is being typed: the annotation as it will be.
    draft: Option<Annotation>,
}

impl TableView {
    fn refresh(&mut self, annotations: &Annotations) {
        let list = annotations.list();
        // The length, too: another recording may have the same number of changes.
        let key = (annotations.revision(), list.len(), self.filter.clone(), self.order, self.backwards);
        if self.made_of.as_ref() == Some(&key) {
            return;
        }
        let wanted = self.filter.trim().to_lowercase();
        let fits = |a: &Annotation| {
            wanted.is_empty() || [&a.label, &a.category, &a.note].iter().any(|t| t.to_lowercase().contains(&wanted))
        };
        self.rows = (0..list.len()).filter(|&i| fits(&list[i])).collect();
        match self.order {
            Order::Start => {}
            Order::Duration => self.rows.sort_by(|&a, &b| list[a].duration_secs.total_cmp(&list[b].duration_secs)),
            Order::Label => self.rows.sort_by(|&a, &b| list[a].title().cmp(list[b].title())),
            Order::Category => self.rows.sort_by(|&a, &b| list[a].category.cmp(&list[b].category)),
        }
        if self.backwards {
            self.rows.reverse();
        }
        self.made_of = Some(key);
    }
}

/// Draws the tab.
pub(super) fn annotations_ui(ui: &mut Ui, document: &Document, table: &mut TableView, out: &mut Vec<Command>) {
    let notes = &document.notes;
    let annotations = &notes.annotations;
    ui.horizontal_wrapped(|ui| {
        let (undo, redo) = annotations.can_undo_redo();
        for (able, text, about, command) in [
            (undo, "Undo", "Ctrl + Z: takes back what was changed last", TimelineCommand::Undo),
            (redo, "Redo", "Ctrl + Shift + Z", TimelineCommand::Redo),
        ] {
            if ui.add_enabled(able, egui::Button::new(text)).on_hover_text(about).clicked() {
                out.push(Command::Timeline(command));
            }
        }
        let mut button = |ui: &mut Ui, able: bool, text: &str, about: &str, command: AnnotationCommand| {
            if ui.add_enabled(able, egui::Button::new(text)).on_hover_text(about).clicked() {
                out.push(Command::Annotation(command));
            }
        };
        let mark = AnnotationCommand::Mark { category: None, at_tick: None, label: String::new() };
        let about = "The selected range, or the middle of the view; over the traces, M marks the pointer's place";
        button(ui, true, "Add", about, mark);
        button(ui, true, "Import…", "CSV, Audacity labels, BORIS, EDF+", AnnotationCommand::AskImport);
        let any = !annotations.list().is_empty();
        button(ui, any, "Export…", "CSV, Audacity labels, BORIS, EDF+", AnnotationCommand::AskExport);
    });
    categories_ui(ui, annotations, out);
    super::category_editor::category_editor_ui(ui, annotations, out);
    if let Some(trouble) = &notes.trouble {
        let text = format!("Not kept: {}", sentence(&trouble.to_string()));
        ui.label(RichText::new(text).color(Colours::of(ui).error));
    }
    if let Some(selected) = notes.selected() {
        fields_ui(ui, document, selected, table, out);
    } else {
        table.draft = None;
    }
    if annotations.list().is_empty() {
        let how = "Point at a place and press M, or select a range with Shift + drag and press M.";
        super::empty::hint(ui, egui_material_icons::icons::ICON_BOOKMARK, "Nothing is noted yet", how);
        return;
    }
    section(ui, "All");
    ui.horizontal(|ui| {
        let field = ui.add(
            TextEdit::singleline(&mut table.filter).hint_text(RichText::new("Filter").italics()).desired_width(120.0),
        );
        named(field, "Filter annotations");
        let sort = egui::ComboBox::from_id_salt("order")
            .selected_text(Order::ALL.iter().find(|o| o.0 == table.order).map_or("", |o| o.1))
            .width(84.0)
            .show_ui(ui, |ui| {
                for (order, title) in Order::ALL {
                    ui.selectable_value(&mut table.order, order, title);
                }
            });
        named(sort.response, "Sort annotations by");
        ui.toggle_value(&mut table.backwards, "Reversed");
    });
    table.refresh(annotations);
    rows_ui(ui, document, table, out);
    small_line_ui(ui, &annotations_line(document));
}

/// The field of the label; under it the wish is kept that it should have the focus.
pub(super) fn label_id() -> egui::Id {
    egui::Id::unique("label of the annotation")
}

/// The categories and their keys: a click marks in that category.
fn categories_ui(ui: &mut Ui, annotations: &Annotations, out: &mut Vec<Command>) {
    ui.horizontal_wrapped(|ui| {
        for (i, category) in annotations.categories().iter().enumerate().take(9) {
            let [red, green, blue] = category.colour;
            let text = format!("{} {}", i + 1, category.name);
            let button =
                egui::Button::new(text).small().stroke(egui::Stroke::new(1.5, Color32::from_rgb(red, green, blue)));
            if ui.add(button).on_hover_text(format!("Mark as {}: key {}", category.name, i + 1)).clicked() {
                let mark = AnnotationCommand::Mark { category: Some(i), at_tick: None, label: String::new() };
                out.push(Command::Annotation(mark));
            }
        }
    });
}

/// The fields of the selected annotation; a change takes effect when its field is left.
fn fields_ui(ui: &mut Ui, document: &Document, selected: &Annotation, table: &mut TableView, out: &mut Vec<Command>) {
    section(ui, if selected.is_mark() { "Mark" } else { "Range" });
    let draft = match &mut table.draft {
        Some(draft) if draft.id == selected.id => draft,
        other => other.insert(selected.clone()),
    };
    let mut done = false;
    Grid::new("annotation").num_columns(2).spacing([12.0, 4.0]).show(ui, |ui| {
        let time = document.time();
        let known = |secs: f64| if time.rate_known() { crate::text::time(secs, 6) } else { format!("{secs}") };
        super::controls::fact(ui, "Start", known(selected.start_secs));
        if !selected.is_mark() {
            super::controls::fact(ui, "Duration", crate::text::duration(selected.duration_secs));
        }
        let label = ui.label("Label");
        let field = ui
            .add(TextEdit::singleline(&mut draft.label).id(label_id()).desired_width(f32::INFINITY))
            .labelled_by(label.id);
        // Not while the grid only measures itself: its fields cannot hold the focus then.
        let measures = ui.is_sizing_pass() || !ui.is_enabled();
        if !measures && ui.data_mut(|data| data.remove_temp::<bool>(label_id())).unwrap_or(false) {
            field.request_focus();
        }
        done |= field.lost_focus();
        ui.end_row();
        let label = ui.label("Category");
        let name = if draft.category.is_empty() { "none" } else { draft.category.as_str() };
        let combo = egui::ComboBox::from_id_salt("category").selected_text(name.to_owned());
        let chosen = combo.show_ui(ui, |ui| {
            let mut chosen = ui.selectable_value(&mut draft.category, String::new(), "none").clicked();
            for category in document.notes.annotations.categories() {
                chosen |= ui.selectable_value(&mut draft.category, category.name.clone(), &category.name).clicked();
            }
            chosen
        });
        done |= chosen.inner.unwrap_or(false);
        chosen.response.labelled_by(label.id);
        ui.end_row();
        let label = ui.label("Note");
        let field = TextEdit::multiline(&mut draft.note).desired_rows(2).desired_width(f32::INFINITY);
        done |= ui.add(field).labelled_by(label.id).lost_focus();
        ui.end_row();
    });
    if done && draft != selected {
        // Only what is edited here: the place may have changed meanwhile.
        let Annotation { label, category, note, .. } = draft.clone();
        let changed = Annotation { label, category, note, ..selected.clone() };
        out.push(Command::Annotation(AnnotationCommand::Change(changed)));
    } else if !ui.ctx().egui_wants_keyboard_input() && draft != selected {
        // It was changed from elsewhere, by undo for example.
        *draft = selected.clone();
    }
    ui.horizontal(|ui| {
        let id = selected.id;
        let mut button = |text: &str, about: &str, command: AnnotationCommand| {
            if ui.button(text).on_hover_text(about).clicked() {
                out.push(Command::Annotation(command));
            }
        };
        button("Show", "Bring it into view", AnnotationCommand::GoTo(id));
        if !selected.is_mark() {
            button(
                "Select",
                "Select its range, for statistics, spectra and export",
                AnnotationCommand::SelectRange(id),
            );
        }
        button("Remove", "Delete", AnnotationCommand::Remove(id));
        button("Done", "Close these fields", AnnotationCommand::Select(None));
    });
}

/// The rows on the screen.
fn rows_ui(ui: &mut Ui, document: &Document, table: &TableView, out: &mut Vec<Command>) {
    let (annotations, selected) = (&document.notes.annotations, document.notes.selected);
    let total = annotations.list().len();
    let shown = plural(table.rows.len() as u64, "annotation");
    ui.weak(if table.rows.len() == total { shown } else { format!("{shown} of {total}") });
    ScrollArea::vertical().id_salt("annotations").max_height(ROW * ROWS as f32).auto_shrink([false, true]).show_rows(
        ui,
        ROW,
        table.rows.len(),
        |ui, range| {
            for &i in &table.rows[range.start.min(table.rows.len())..range.end.min(table.rows.len())] {
                let Some(a) = annotations.list().get(i) else { continue };
                let [red, green, blue] = annotations.colour(a);
                let duration =
                    if a.is_mark() { String::new() } else { format!(" · {}", crate::text::duration(a.duration_secs)) };
                let title = match (a.title(), a.category.as_str()) {
                    ("", _) => "(no label)".to_owned(),
                    (title, "") => title.to_owned(),
                    (title, category) if title == category => title.to_owned(),
                    // The colour in front is not the only thing that tells the category.
                    (title, category) => format!("{title} · {category}"),
                };
                let text = format!("{}{duration}   {title}", crate::text::time(a.start_secs, 3));
                ui.horizontal(|ui| {
                    let (dot, _) = ui.allocate_exact_size(vec2(8.0, ROW - 4.0), egui::Sense::hover());
                    ui.painter().rect_filled(dot, 2.0, Color32::from_rgb(red, green, blue));
                    let row = egui::Button::selectable(selected == Some(a.id), text).truncate();
                    let left = egui::Layout::top_down_justified(egui::Align::Min);
                    let row = ui.with_layout(left, |ui| ui.add(row)).inner;
                    if row.clicked() {
                        out.push(Command::Annotation(AnnotationCommand::GoTo(a.id)));
                    }
                });
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use egui_kittest::kittest::Queryable as _;

    use super::super::testing::{bench, document};
    use super::*;
    use crate::annotation::Edit;

    #[test]
    fn rows_are_filtered_sorted_and_gone_to() {
        let mut document = document(2);
        let list = ["b", "a", "blink"].iter().enumerate().map(|(i, l)| Annotation::new(i as f64, 0.1 * i as f64, *l));
        let ids = document.notes.annotations.apply(Edit::Add(list.collect()));
        let mut table = TableView { order: Order::Label, ..TableView::default() };
        table.refresh(&document.notes.annotations);
        assert_eq!(table.rows, [1, 0, 2]);
        table.filter = "BL".to_owned();
        table.refresh(&document.notes.annotations);
        assert_eq!(table.rows, [2]);
        let mut harness = bench(vec2(400.0, 700.0), (document, TableView::default()), |ui, state, out| {
            annotations_ui(ui, &state.0, &mut state.1, out);
        });
        harness.run();
        harness.get_by_label_contains("blink").click();
        harness.run();
        let gone = harness
            .state()
            .out
            .iter()
            .any(|c| matches!(c, Command::Annotation(AnnotationCommand::GoTo(id)) if *id == ids[2]));
        assert!(gone, "{:?}", harness.state().out);
    }

    #[test]
    fn an_empty_list_says_how_to_begin() {
        let mut harness = bench(vec2(400.0, 500.0), (document(1), TableView::default()), |ui, state, out| {
            annotations_ui(ui, &state.0, &mut state.1, out);
        });
        harness.run();
        harness.get_by_label_contains("press M");
        harness.get_by_label("1 Event").click();
        harness.run();
        assert!(matches!(
            harness.state().out.first(),
            Some(Command::Annotation(AnnotationCommand::Mark { category: Some(0), .. }))
        ));
    }
}
