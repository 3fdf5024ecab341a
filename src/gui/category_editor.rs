//! The categories of annotations: their names, colours and order, which is that of the number keys. They are kept with
//! the recording's annotations; on request those of one recording become those of every new one.

use eframe::egui::{Button, CollapsingHeader, Id, TextEdit, Ui};

use super::command::{AnnotationCommand, Command, PanelCommand};
use super::controls::named;
use crate::annotation::{Annotations, Category};

/// Categories at most that the editor makes; nine have keys.
const MAX: usize = 24;
/// Colours of new ones (Okabe & Ito 2008), in turn.
const COLOURS: [[u8; 3]; 6] =
    [[86, 180, 233], [0, 158, 115], [213, 94, 0], [204, 121, 167], [240, 228, 66], [0, 114, 178]];

/// Draws the editor, folded until it is wanted.
pub(super) fn category_editor_ui(ui: &mut Ui, annotations: &Annotations, out: &mut Vec<Command>) {
    let header = CollapsingHeader::new("Edit categories").id_salt("categories");
    header.show(ui, |ui| {
        let categories = annotations.categories();
        for (i, category) in categories.iter().enumerate() {
            ui.push_id(i, |ui| row_ui(ui, categories, i, category, out));
        }
        ui.horizontal_wrapped(|ui| {
            if ui.add_enabled(categories.len() < MAX, Button::new("Add category")).clicked() {
                let mut list = categories.to_vec();
                list.push(Category {
                    name: unused_name(categories),
                    colour: COLOURS[categories.len() % COLOURS.len()],
                });
                out.push(Command::Annotation(AnnotationCommand::Categories(list)));
            }
            let keep = ui.button("Use for new recordings");
            if keep.on_hover_text("Recordings that have no annotations yet begin with these categories").clicked() {
                out.push(Command::Panel(PanelCommand::KeepCategories(categories.to_vec())));
            }
        });
    });
}

fn row_ui(ui: &mut Ui, all: &[Category], i: usize, category: &Category, out: &mut Vec<Command>) {
    let change = |name: String, colour| {
        Command::Annotation(AnnotationCommand::Recategorise(category.name.clone(), Category { name, colour }))
    };
    ui.horizontal(|ui| {
        let key = if i < 9 { (i + 1).to_string() } else { String::new() };
        ui.add_sized([14.0, 18.0], eframe::egui::Label::new(key))
            .on_hover_text("Its key: move it up or down to change");
        colour_ui(ui, category, &change, out);
        let id = Id::unique(("name of category", i));
        let mut name = ui.data(|d| d.get_temp::<String>(id)).unwrap_or_else(|| category.name.clone());
        let field = ui.add(TextEdit::singleline(&mut name).desired_width(120.0).char_limit(60));
        let field = named(field, &format!("Name of category {}", i + 1));
        if field.lost_focus() {
            let new = name.trim();
            let taken = all.iter().enumerate().any(|(j, other)| j != i && other.name == new);
            if !new.is_empty() && !taken && new != category.name {
                out.push(change(new.to_owned(), category.colour));
            }
            ui.data_mut(|d| d.remove_temp::<String>(id));
        } else if field.has_focus() {
            ui.data_mut(|d| d.insert_temp(id, name));
        }
        let mut list = |able: bool, text: &str, about: String, make: &dyn Fn(&mut Vec<Category>)| {
            let button = named(ui.add_enabled(able, Button::new(text).small()), &about);
            if button.on_hover_text(&about).clicked() {
                let mut list = all.to_vec();
                make(&mut list);
                out.push(Command::Annotation(AnnotationCommand::Categories(list)));
            }
        };
        list(i > 0, "↑", format!("Move {} up", category.name), &|list| list.swap(i, i - 1));
        list(i + 1 < all.len(), "↓", format!("Move {} down", category.name), &|list| list.swap(i, i + 1));
        let about = format!("Remove {}; its annotations stay, in grey", category.name);
        list(true, "×", about, &|list| drop(list.remove(i)));
    });
}

/// The colour: it takes effect when the button of the mouse is let go of, so that choosing one is one step.
fn colour_ui(ui: &mut Ui, category: &Category, change: &dyn Fn(String, [u8; 3]) -> Command, out: &mut Vec<Command>) {
    let id = ui.scope_id().with("colour");
    let mut colour = ui.data(|d| d.get_temp::<[u8; 3]>(id)).unwrap_or(category.colour);
    let button = named(ui.color_edit_button_srgb(&mut colour), &format!("Colour of {}", category.name));
    if button.changed() {
        ui.data_mut(|d| d.insert_temp(id, colour));
    }
    if colour != category.colour && !ui.input(|i| i.pointer.any_down()) {
        out.push(change(category.name.clone(), colour));
        ui.data_mut(|d| d.remove_temp::<[u8; 3]>(id));
    }
}

fn unused_name(all: &[Category]) -> String {
    let name = |n: usize| format!("Category {n}");
    let n = (all.len() + 1..).find(|&n| all.iter().all(|c| c.name != name(n))).unwrap_or(0);
    name(n)
}

#[cfg(test)]
mod tests {
    use egui_kittest::kittest::Queryable as _;

    use super::super::testing::bench;
    use super::*;

    #[test]
    fn categories_are_named_ordered_added_and_removed() {
        let mut harness = bench([500.0, 500.0], Annotations::default(), |ui, annotations, out| {
            category_editor_ui(ui, annotations, out);
        });
        harness.run();
        harness.get_by_label("Edit categories").click();
        harness.run();
        harness.get_by_label("Move Artefact up").click();
        harness.get_by_label("Add category").click();
        harness.get_by_label_contains("Remove Question").click();
        harness.get_by_label("Use for new recordings").click();
        harness.run();
        let lists: Vec<Vec<String>> = harness
            .state()
            .out
            .iter()
            .filter_map(|c| match c {
                Command::Annotation(AnnotationCommand::Categories(list)) => {
                    Some(list.iter().map(|c| c.name.clone()).collect())
                }
                _ => None,
            })
            .collect();
        assert!(lists.iter().any(|l| l[0] == "Artefact" && l[1] == "Event"), "{lists:?}");
        assert!(lists.iter().any(|l| l.len() == 6 && l[5] == "Category 6"), "{lists:?}");
        assert!(lists.iter().any(|l| l.len() == 4), "{lists:?}");
        let kept = |c: &Command| matches!(c, Command::Panel(PanelCommand::KeepCategories(l)) if l.len() == 5);
        assert!(harness.state().out.iter().any(kept));
    }
}
