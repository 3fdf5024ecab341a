//! Annotated ranges as what a form goes over: all of one category, or all there are.

use eframe::egui::{ComboBox, Id, Ui};

use super::command::Scope;
use super::controls::named;
use super::state::Document;
use super::wording::{plural, sentence, span};
use crate::annotation::{ALL, Annotated, annotated, together};
use crate::error::{Error, Result};

impl Document {
    /// What the category of a scope is called on the command line; `None` for one that is no more.
    #[must_use]
    pub(super) fn annotated_name(&self, category: Option<usize>) -> Option<&str> {
        match category {
            None => Some(ALL),
            Some(i) => self.notes.annotations.categories().get(i).map(|c| c.name.as_str()),
        }
    }

    /// The annotated ranges that a scope means; `None` for one that means a stretch of time.
    pub(super) fn annotated(&self, scope: Scope) -> Option<Result<Vec<Annotated>>> {
        let Scope::Annotated(category) = scope else { return None };
        let name = self.annotated_name(category);
        let name = name.ok_or_else(|| Error::invalid("there is no such category any more"));
        let all = 0..self.shown().frames;
        Some(name.and_then(|name| annotated(self.notes.annotations.list(), name, self.time(), &all)))
    }

    /// The scope that a script means by `annotated` or `annotated:NAME`; blanks in a name may be written as underscores.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] with the categories when there is none of that name.
    pub(super) fn annotated_scope(&self, name: &str) -> Result<Scope> {
        if name.is_empty() || name == ALL {
            return Ok(Scope::Annotated(None));
        }
        let categories = self.notes.annotations.categories();
        let found = categories.iter().position(|c| c.name == name || c.name.replace(' ', "_") == name);
        found.map(|i| Scope::Annotated(Some(i))).ok_or_else(|| {
            let names: Vec<&str> = categories.iter().map(|c| c.name.as_str()).take(12).collect();
            Error::invalid(format!("there is no category '{name}'"))
                .with_remedy(format!("use {ALL}, or one of: {}", names.join(", ")))
        })
    }
}

/// The choice of annotated ranges, beside the stretches of time.
pub(super) fn annotated_ui(ui: &mut Ui, document: &Document, scope: &mut Scope) {
    let list = document.notes.annotations.list();
    let chosen = matches!(scope, Scope::Annotated(_));
    if list.is_empty() && !chosen {
        return;
    }
    if ui.radio(chosen, "Annotated ranges").clicked() && !chosen {
        *scope = Scope::Annotated(None);
    }
    let Scope::Annotated(category) = scope else { return };
    let title = |category: Option<usize>| match category {
        None => "of all categories",
        Some(_) => document.annotated_name(category).unwrap_or("(none)"),
    };
    let combo = ComboBox::from_id_salt("annotated category").selected_text(title(*category)).show_ui(ui, |ui| {
        ui.selectable_value(category, None, title(None));
        for i in 0..document.notes.annotations.categories().len() {
            ui.selectable_value(category, Some(i), title(Some(i)));
        }
    });
    named(combo.response, "Category of the ranges");
}

/// What a scope of annotated ranges comes to, for people. Kept until something changes: a hundred thousand annotations are
/// not gone through in every frame.
pub(super) fn annotated_text(ui: &Ui, document: &Document, scope: Scope) -> String {
    let Scope::Annotated(category) = scope else { return String::new() };
    let key = (document.notes.annotations.revision(), category, document.stream, document.shown().frames);
    type Kept = Option<((u64, Option<usize>, usize, u64), String)>;
    let id = Id::unique("text of the annotated ranges");
    if let Some((_, text)) = ui.data(|d| d.get_temp::<Kept>(id)).flatten().filter(|(of, _)| *of == key) {
        return text;
    }
    let text = match document.annotated(scope) {
        Some(Ok(ranges)) => {
            let frames: u64 = together(&ranges).iter().map(|r| r.end - r.start).sum();
            let time = document.time();
            let length = if time.rate_known() { span(frames as f64 / time.rate_hz()) } else { plural(frames, "frame") };
            format!("{} · {length} together", plural(ranges.len() as u64, "range"))
        }
        Some(Err(error)) => sentence(&error.to_string()),
        None => String::new(),
    };
    ui.data_mut(|d| d.insert_temp::<Kept>(id, Some((key, text.clone()))));
    text
}

#[cfg(test)]
mod tests {
    use super::super::testing::document;
    use super::*;
    use crate::annotation::{Annotation, Edit};

    #[test]
    fn a_category_is_a_scope_by_its_name() {
        let mut document = document(2);
        assert!(document.annotated(Scope::Everything).is_none());
        let bad = |start| Annotation { category: "Bad".to_owned(), ..Annotation::new(start, 0.25, "") };
        document.notes.annotations.apply(Edit::Add(vec![bad(0.1), bad(0.5), Annotation::new(0.2, 0.1, "other")]));
        let scope = document.annotated_scope("Bad").unwrap();
        let ranges = document.annotated(scope).unwrap().unwrap();
        assert_eq!(ranges.iter().map(|r| r.frames.clone()).collect::<Vec<_>>(), [100..350, 500..750]);
        assert_eq!(document.annotated(document.annotated_scope("").unwrap()).unwrap().unwrap().len(), 3);
        assert!(document.annotated_scope("Nothing").unwrap_err().to_string().contains("Artefact"));
        assert!(document.annotated(document.annotated_scope("Event").unwrap()).unwrap().is_err());
        assert!(document.annotated(Scope::Annotated(Some(99))).unwrap().is_err());
    }
}
