//! The export dialog: where to, which part, which values, and what it will cost, predicted while it is edited.
//!
//! The prediction is made by a worker, one at a time; only the newest question counts.

use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui::{Align, Button, ComboBox, Grid, Id, Key, Layout, RichText, ScrollArea, TextEdit, Ui, vec2};

use super::command::{Command, JobCommand, PanelCommand, Scope, ViewCommand};
use super::command_line::{Line, export_line, line_ui};
use super::controls::{dialog, dialog_buttons, main_button, named, section};
use super::export_part::{Part, part_ui};
use super::jobs::{Jobs, Reply};
use super::picturing;
use super::raw_preview::next_question;
use super::settings_form::settings_with_files_ui;
use super::state::{Document, TimeFormat};
use super::theme::Colours;
use super::wording::{sentence, span};
use crate::budget::MemoryBudget;
use crate::error::{ErrorKind, Result};
use crate::export::{EXPORTERS, Exporter, Prediction, Request, Values};
use crate::form::{Kind, Settings};
use crate::scan::Selection;
use crate::task::Task;
use crate::text::bytes;

/// The open dialog.
#[derive(Debug)]
pub struct ExportForm {
    /// As typed.
    pub target: String,
    pub part: Part,
    pub values: Values,
    pub overwrite: bool,
    /// Of annotated ranges: all in one file.
    pub joined: bool,
    /// Index in [`EXPORTERS`].
    exporter: usize,
    settings: Settings,
    /// The question under way.
    waiting: Option<u64>,
    /// What the prediction was last asked for.
    asked: Option<String>,
    forecast: Option<Forecast>,
}

/// The answer to the newest question.
#[derive(Debug)]
struct Forecast {
    /// A file is there already.
    exists: bool,
    prediction: Result<Prediction, String>,
}

impl ExportForm {
    /// A form that would write beside the open file.
    #[must_use]
    pub fn new(document: &Document) -> Self {
        let exporter = EXPORTERS.first();
        let extension = exporter.and_then(|e| e.extensions.first()).copied().unwrap_or("npy");
        let stem = document.path.file_stem().unwrap_or_default().to_string_lossy();
        let target = document.path.with_file_name(format!("{stem} cut.{extension}"));
        Self {
            target: target.to_string_lossy().into_owned(),
            part: Part::default(),
            values: Values::default(),
            overwrite: false,
            joined: false,
            exporter: 0,
            settings: Settings::defaults(exporter.map_or(&[], |e| e.parameters)),
            waiting: None,
            asked: None,
            forecast: None,
        }
    }

    /// One that draws what the window shows, times in `format`, at a size for print.
    #[must_use]
    pub fn picture(document: &Document, format: TimeFormat) -> Self {
        let mut form = Self::new(document);
        let stem = document.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        form.set_target(&document.path.with_file_name(format!("{stem}.png")));
        form.part = Part::of(picturing::SCOPE);
        form.settings = picturing::settings(document, format, "180x100mm");
        form
    }

    /// One for the exporter called `name`.
    #[must_use]
    pub fn of_type(document: &Document, name: &str, format: TimeFormat) -> Self {
        if name == "picture" {
            return Self::picture(document, format);
        }
        let mut form = Self::new(document);
        if let Some(i) = EXPORTERS.iter().position(|e| e.name == name) {
            form.take_type(i);
        }
        form
    }

    /// Another type of file, with its ending.
    fn take_type(&mut self, exporter: usize) {
        self.choose(exporter);
        if let Some(extension) = self.exporter().and_then(|e| e.extensions.first()) {
            self.target = self.path().with_extension(extension).to_string_lossy().into_owned();
            self.overwrite = false;
        }
    }

    /// What is written.
    ///
    /// # Errors
    /// When the times that are typed are no range.
    fn selection(&self, document: &Document) -> Result<Selection> {
        let scope = self.part.scope;
        let usual = if self.is_picture() { picturing::selection(document, scope) } else { document.scope(scope) };
        Ok(Selection { frames: self.part.frames(document)?, ..usual })
    }

    fn is_picture(&self) -> bool {
        self.exporter().is_some_and(|e| e.name == "picture")
    }

    /// Takes the file that was picked in the system's dialog, and the type that its extension means.
    pub fn set_target(&mut self, path: &std::path::Path) {
        self.target = path.to_string_lossy().into_owned();
        self.follow_extension();
        self.overwrite = false;
    }

    /// What setting `name` holds now, for the dialog to begin with.
    #[must_use]
    pub fn setting_file(&self, name: &str) -> Option<PathBuf> {
        let beside = || Some(self.path().parent()?.join(""));
        self.has(name).then(|| self.settings.files(name).pop()).flatten().or_else(beside)
    }

    /// Takes the files that were picked in the system's dialog for setting `name`: in place of what was there, or behind
    /// it where it may be several.
    pub fn set_setting_files(&mut self, name: &str, paths: &[PathBuf]) {
        if paths.is_empty() || !self.has(name) {
            return;
        }
        let several =
            self.settings.parameters().iter().any(|p| p.name == name && p.kind == Kind::File { several: true });
        let mut files = if several { self.settings.files(name) } else { vec![] };
        for path in paths.iter().take(if several { usize::MAX } else { 1 }) {
            if !files.contains(path) {
                files.push(path.clone());
            }
        }
        let text: Vec<String> = files.iter().map(|f| f.to_string_lossy().into_owned()).collect();
        // A path is allowed whatever it is.
        let _set = self.settings.set(name, &text.join(","));
    }

    /// Whether the type of file has a setting `name`: it may have been changed while a dialog was open.
    fn has(&self, name: &str) -> bool {
        self.settings.parameters().iter().any(|p| p.name == name)
    }

    /// Takes a prediction, if it answers the question under way.
    pub fn predicted(&mut self, form: u64, exists: bool, result: Result<Prediction>) {
        if self.waiting == Some(form) {
            self.waiting = None;
            // That the file is there is told by the checkbox beside it.
            let prediction = result.map_err(|e| match e.kind() {
                ErrorKind::Exists => String::new(),
                _ => sentence(&e.to_string()),
            });
            self.forecast = Some(Forecast { exists, prediction });
        }
    }

    fn exporter(&self) -> Option<&'static Exporter> {
        EXPORTERS.get(self.exporter)
    }

    fn path(&self) -> PathBuf {
        PathBuf::from(self.target.trim())
    }

    fn choose(&mut self, exporter: usize) {
        if exporter != self.exporter {
            self.exporter = exporter;
            self.settings = Settings::defaults(self.exporter().map_or(&[], |e| e.parameters));
        }
    }

    fn follow_extension(&mut self) {
        let path = self.path();
        if let Ok(found) = crate::export::for_target(&path)
            && let Some(i) = EXPORTERS.iter().position(|e| e.name == found.name)
        {
            self.choose(i);
        }
    }

    /// The command line that does the same.
    fn line(&self, document: &Document, selection: &Selection) -> Line {
        let mut line = export_line(document, selection, &self.path(), self.values, &self.settings, self.overwrite);
        line.annotated(document, self.part.scope, self.joined && !self.is_picture());
        line
    }

    /// All that a prediction depends on: the command line, and what is annotated, which may change while the form is open.
    fn question(&self, document: &Document, selection: &Selection) -> String {
        let annotated = matches!(self.part.scope, Scope::Annotated(_));
        let revision = if annotated { document.notes.annotations.revision() } else { 0 };
        format!("{} {revision}", self.line(document, selection))
    }

    /// Asks for a new prediction when something has changed and no answer is awaited.
    fn refresh(&mut self, document: &Document, jobs: &Jobs, budget: &MemoryBudget) {
        let Some(exporter) = self.exporter() else { return };
        let Ok(selection) = self.selection(document) else {
            // What was predicted is of another part.
            (self.forecast, self.asked) = (None, None);
            return;
        };
        let asked = self.question(document, &selection);
        if self.waiting.is_some() || self.asked.as_ref() == Some(&asked) || self.target.trim().is_empty() {
            return;
        }
        let form = next_question();
        self.waiting = Some(form);
        self.asked = Some(asked);
        predict(jobs, budget, form, exporter, document, selection, self);
    }

    /// Whether the export can be started.
    fn is_ready(&self) -> bool {
        let can_write = |f: &Forecast| {
            (!f.exists || self.overwrite)
                && f.prediction.as_ref().is_ok_and(|p| p.free_bytes.is_none_or(|free| free >= p.bytes))
        };
        !self.target.trim().is_empty() && self.waiting.is_none() && self.forecast.as_ref().is_some_and(can_write)
    }
}

/// Asks the exporter on a worker; the answer is [`Reply::Predicted`].
fn predict(
    jobs: &Jobs,
    budget: &MemoryBudget,
    form: u64,
    exporter: &'static Exporter,
    document: &Document,
    selection: Selection,
    of: &ExportForm,
) {
    let (source, budget) = (Arc::clone(&document.source), budget.clone());
    let (target, values, settings, overwrite) = (of.path(), of.values, of.settings.clone(), of.overwrite);
    let (annotated, joined) = (document.annotated(of.part.scope), of.joined && !of.is_picture());
    jobs.spawn_awaited("export-prediction", move |replies| {
        let exists = match &annotated {
            Some(Ok(ranges)) if !joined => crate::export::targets(&target, ranges)
                .is_ok_and(|targets| targets.iter().any(|target| target.symlink_metadata().is_ok())),
            _ => target.symlink_metadata().is_ok(),
        };
        let work = std::panic::AssertUnwindSafe(|| {
            let task = Task::new(budget, 1);
            let (selection, target, settings) = (&selection, &*target, &settings);
            let request =
                Request { source: &source, selection, whole: true, target, values, settings, overwrite, task: &task };
            let ranges = annotated.transpose()?;
            crate::export::predict_over(exporter, &request, ranges.as_deref(), joined)
        });
        let result = std::panic::catch_unwind(work).unwrap_or_else(|p| Err(crate::scan::panicked(p.as_ref())));
        replies.send(Reply::Predicted { form, exists, result });
    });
}

/// Draws the dialog.
pub(super) fn export_form_ui(
    ui: &Ui,
    form: &mut ExportForm,
    document: &Document,
    jobs: &Jobs,
    budget: &MemoryBudget,
    out: &mut Vec<Command>,
) {
    form.refresh(document, jobs, budget);
    let modal = dialog(ui.ctx(), "export-form").show(ui.ctx(), |ui| {
        let screen = ui.ctx().content_rect().size();
        let height = (screen.y - 200.0).max(120.0);
        ui.set_width((screen.x - 64.0).clamp(320.0, 560.0));
        ui.heading("Export");
        let id = Id::unique("height of the export form");
        let before: f32 = ui.data(|data| data.get_temp(id)).unwrap_or(0.0);
        let mut is_settled = false;
        let shown = ScrollArea::vertical().max_height(height).min_scrolled_height(height).show(ui, |ui| {
            target_ui(ui, form, out);
            section(ui, "What");
            part_ui(ui, document, &mut form.part);
            if matches!(form.part.scope, Scope::Annotated(_)) && !form.is_picture() {
                ui.checkbox(&mut form.joined, "All of them in one file")
                    .on_hover_text("Otherwise each range becomes a file of its own, numbered, with its label");
            }
            if form.is_picture() {
                let shown = picturing::channels(document).len();
                ui.weak(format!("The channels on the screen ({shown}), as they are drawn there."));
            } else {
                let shown = document.visible_channels().len();
                ui.weak(format!("Visible channels ({shown}): choose them in the list at the left."));
            }
            if !form.is_picture() {
                values_ui(ui, &mut form.values);
            }
            if !form.settings.parameters().is_empty() {
                section(ui, "Options");
                let mut browse = None;
                settings_with_files_ui(ui, &mut form.settings, &mut browse);
                out.extend(browse.map(|name| Command::Panel(PanelCommand::BrowseSetting(name))));
            }
            if let Ok(selection) = form.selection(document) {
                is_settled = form.forecast.is_some();
                forecast_ui(ui, form);
                line_ui(ui, &form.line(document, &selection));
            }
            if !is_settled {
                // The buttons stay where they are while it is typed, and while the cost is worked out.
                ui.add_space((before - ui.min_rect().height()).max(0.0));
            }
        });
        if is_settled {
            ui.data_mut(|data| data.insert_temp(id, shown.content_size.y));
        }
        buttons_ui(ui, form, document, out);
    });
    // Not by a click beside it, which is easily made and would lose what was typed.
    if modal.should_close() && !modal.backdrop_response.clicked() {
        out.push(Command::Panel(PanelCommand::ExportForm(false)));
    }
}

fn target_ui(ui: &mut Ui, form: &mut ExportForm, out: &mut Vec<Command>) {
    section(ui, "Where to");
    ui.horizontal(|ui| {
        let width = ui.available_width() - 96.0;
        let edit = named(ui.add(TextEdit::singleline(&mut form.target).desired_width(width)), "Target file");
        if edit.changed() {
            form.follow_extension();
            form.overwrite = false;
        }
        if ui.button("Browse…").clicked() {
            out.push(Command::Panel(PanelCommand::BrowseExport));
        }
    });
    ui.horizontal(|ui| {
        ui.label("File type");
        let title = form.exporter().map_or("", |e| e.title);
        let combo = ComboBox::from_id_salt("file-type").width(200.0).selected_text(title).show_ui(ui, |ui| {
            for (i, exporter) in EXPORTERS.iter().enumerate() {
                if ui.selectable_label(i == form.exporter, exporter.title).clicked() {
                    form.take_type(i);
                }
            }
        });
        named(combo.response, "File type");
    });
    if form.forecast.as_ref().is_some_and(|f| f.exists) {
        let text = RichText::new("Replace the file that is there").color(Colours::of(ui).warning);
        ui.checkbox(&mut form.overwrite, text);
    }
}

fn values_ui(ui: &mut Ui, values: &mut Values) {
    section(ui, "Values");
    ui.radio_value(values, Values::Stored, "As stored")
        .on_hover_text("Bit for bit as in the file; gain, offset and unit are written beside");
    ui.radio_value(values, Values::Physical, "In physical units")
        .on_hover_text("stored × gain + offset, as floating-point numbers in the channel's unit");
    ui.weak(match values {
        Values::Stored => "Bit for bit as in the file; gain, offset and unit are written beside it.",
        Values::Physical => "stored × gain + offset, as floating-point numbers in the channel's unit.",
    });
}

fn forecast_ui(ui: &mut Ui, form: &ExportForm) {
    section(ui, "What it will cost");
    let colours = Colours::of(ui);
    if EXPORTERS.is_empty() {
        ui.weak("No file type can be written.");
        return;
    }
    match form.forecast.as_ref().map(|f| &f.prediction) {
        None => {
            ui.weak("Working it out…");
        }
        Some(Err(error)) if error.is_empty() => {
            ui.weak("The file is there already: choose another name, or replace it.");
        }
        Some(Err(error)) => {
            ui.label(RichText::new(format!("▲ {error}")).color(colours.error));
        }
        Some(Ok(prediction)) => {
            let free = prediction.free_bytes;
            Grid::new("forecast").num_columns(2).spacing([12.0, 4.0]).show(ui, |ui| {
                super::controls::fact(ui, "Size", bytes(prediction.bytes));
                super::controls::fact(ui, "Time", format!("about {}", span(prediction.secs)));
                super::controls::fact(ui, "Free on the disk", free.map_or_else(|| "not known".to_owned(), bytes));
            });
            if free.is_some_and(|free| free < prediction.bytes) {
                let text = "▲ The disk has not enough room. Choose another disk, a shorter range or fewer channels.";
                ui.label(RichText::new(text).color(colours.error));
            }
            for note in &prediction.notes {
                ui.label(RichText::new(format!("▲ {}", sentence(note))).color(colours.warning));
            }
        }
    }
}

fn buttons_ui(ui: &mut Ui, form: &ExportForm, document: &Document, out: &mut Vec<Command>) {
    let typed = form.part.ticks(document);
    let ready = form.is_ready() && typed.is_ok();
    dialog_buttons(ui, |ui| {
        let export = ui.add_enabled(ready, main_button(ui, "Export"));
        let enter = ready && ui.memory(|m| m.focused().is_none()) && ui.input(|i| i.key_pressed(Key::Enter));
        if export.clicked() || enter {
            let mut scope = form.part.scope;
            if let Ok(Some(ticks)) = typed {
                // What is written is seen, as if it had been selected by hand.
                scope = Scope::Selection;
                out.push(Command::View(ViewCommand::Select(Some(ticks))));
            }
            out.push(Command::Job(JobCommand::Export {
                target: form.path(),
                values: form.values,
                settings: form.settings.clone(),
                scope,
                joined: form.joined,
                overwrite: form.overwrite,
            }));
            out.push(Command::Panel(PanelCommand::ExportForm(false)));
        }
        if ui.add(Button::new("Cancel").min_size(vec2(88.0, 28.0))).clicked() {
            out.push(Command::Panel(PanelCommand::ExportForm(false)));
        }
        // What the form says further up, which may be scrolled away.
        if let Some(Ok(prediction)) = form.forecast.as_ref().map(|f| &f.prediction) {
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.weak(format!("About {} in {}", bytes(prediction.bytes), span(prediction.secs)));
            });
        }
    });
}

#[cfg(test)]
pub(crate) mod tests;
