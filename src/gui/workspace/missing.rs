//! The dialog about a workspace whose files are not where it has them: each can be located, or all is left.

use std::path::{Path, PathBuf};

use eframe::egui::{Button, Label, RichText, ScrollArea, Ui, vec2};

use super::Workspace;
use crate::gui::command::{Command, FileCommand, PanelCommand};
use crate::gui::controls::{dialog, dialog_buttons, main_button, named};
use crate::gui::theme::Colours;
use crate::gui::wording::plural;

/// Rows that are drawn: who locates more files by hand has other troubles.
const ROWS: usize = 200;

/// The open dialog.
#[derive(Clone, PartialEq, Debug)]
pub struct MissingForm {
    /// The workspace's own file.
    pub file: PathBuf,
    pub workspace: Box<Workspace>,
    /// The files that are nowhere, by index, and where they were located since.
    pub missing: Vec<(usize, Option<PathBuf>)>,
}

impl MissingForm {
    /// A dialog about these.
    #[must_use]
    pub fn new(file: PathBuf, workspace: Box<Workspace>, missing: Vec<usize>) -> Self {
        Self { file, workspace, missing: missing.into_iter().map(|i| (i, None)).collect() }
    }

    /// Takes where the `row`th of them is, and looks whether the others are in the same folder. Touches files: whether
    /// they are there is asked by the caller's worker through `is_there`.
    pub fn locate(&mut self, row: usize, path: &Path, is_there: impl Fn(&Path) -> bool) {
        if let Some(located) = self.missing.get_mut(row) {
            located.1 = Some(path.to_path_buf());
        }
        for (i, located) in &mut self.missing {
            let beside = self.workspace.files.get(*i).map(|file| path.with_file_name(file.name()));
            if located.is_none() {
                *located = beside.filter(|path| is_there(path));
            }
        }
    }

    /// The workspace with the files where they were located; `None` while one is missing.
    #[must_use]
    pub fn complete(&self) -> Option<Box<Workspace>> {
        let mut workspace = self.workspace.clone();
        for (i, located) in &self.missing {
            let file = workspace.files.get_mut(*i)?;
            *file = super::FileRef::new(located.as_deref()?, self.file.parent());
        }
        Some(workspace)
    }
}

/// Draws the dialog.
pub(in crate::gui) fn missing_ui(ui: &Ui, form: &MissingForm, out: &mut Vec<Command>) {
    let modal = dialog(ui.ctx(), "missing-files").show(ui.ctx(), |ui| {
        ui.set_width((ui.ctx().content_rect().width() - 64.0).clamp(280.0, 560.0));
        let left = form.missing.iter().filter(|(_, located)| located.is_none()).count();
        ui.heading("Where are the files?");
        let name = form.file.file_name().unwrap_or_default().to_string_lossy();
        let were = if left == 1 { "is not where it was" } else { "are not where they were" };
        ui.add(Label::new(format!("{} of {name} {were}.", plural(left as u64, "file"))).wrap());
        ui.add_space(8.0);
        let height = (ui.ctx().content_rect().height() - 240.0).max(96.0);
        ScrollArea::vertical().max_height(height).show(ui, |ui| {
            for (row, (i, located)) in form.missing.iter().enumerate().take(ROWS) {
                ui.push_id(row, |ui| row_ui(ui, form, row, *i, located.as_deref(), out));
            }
        });
        let mut cancel = false;
        dialog_buttons(ui, |ui| {
            let open = ui.add_enabled(left == 0, main_button(ui, "Open"));
            if open.on_disabled_hover_text("Locate every file first").clicked()
                && let Some(workspace) = form.complete()
            {
                out.push(Command::File(FileCommand::OpenWorkspace(workspace, form.file.clone())));
            }
            cancel = ui.add(Button::new("Cancel").min_size(vec2(88.0, 28.0))).clicked();
        });
        cancel
    });
    if modal.should_close() || modal.inner {
        out.push(Command::Panel(PanelCommand::DismissMissing));
    }
}

fn row_ui(ui: &mut Ui, form: &MissingForm, row: usize, i: usize, located: Option<&Path>, out: &mut Vec<Command>) {
    let Some(file) = form.workspace.files.get(i) else { return };
    let colours = Colours::of(ui);
    ui.horizontal(|ui| {
        let button = named(ui.button("Locate…"), &format!("Locate {}", file.name()));
        if button.clicked() {
            out.push(Command::Panel(PanelCommand::BrowseMissing(row)));
        }
        ui.vertical(|ui| {
            ui.label(RichText::new(file.name()).strong());
            let (text, colour) = match located {
                Some(path) => (format!("found: {}", path.display()), colours.accent),
                None => (format!("was {}", file.absolute.display()), colours.muted),
            };
            ui.add(Label::new(RichText::new(text).small().color(colour)).truncate());
        });
    });
}

#[cfg(test)]
mod tests {
    use egui_kittest::kittest::Queryable as _;

    use super::super::FileRef;
    use super::*;
    use crate::gui::testing::bench;

    fn form() -> MissingForm {
        let file = |name: &str| FileRef { path: name.to_owned(), absolute: PathBuf::from("/gone").join(name) };
        let workspace = Workspace::new(vec![file("a.rec"), file("b.rec")], "ephys".to_owned());
        MissingForm::new(PathBuf::from("/data/x.longwave"), Box::new(workspace), vec![0, 1])
    }

    #[test]
    fn one_located_file_finds_its_neighbours() {
        let mut form = form();
        assert!(form.complete().is_none());
        form.locate(1, Path::new("/new/b.rec"), |path| path == Path::new("/new/a.rec"));
        let workspace = form.complete().unwrap();
        assert_eq!(workspace.files[0].absolute, Path::new("/new/a.rec"));
        assert_eq!(workspace.files[1].path, "../new/b.rec");
    }

    #[test]
    fn the_dialog_locates_and_leaves() {
        let mut harness = bench([700.0, 500.0], form(), |ui, form, out| missing_ui(ui, form, out));
        harness.run();
        harness.get_by_label_contains("2 files");
        harness.get_by_label("Locate b.rec").click();
        harness.run();
        assert!(matches!(harness.state().out[..], [Command::Panel(PanelCommand::BrowseMissing(1))]));
        harness.state_mut().state.locate(0, Path::new("/new/a.rec"), |_| true);
        harness.run();
        harness.get_by_label("Open").click();
        harness.run();
        let opens = |c: &Command| matches!(c, Command::File(FileCommand::OpenWorkspace(..)));
        assert!(harness.state().out.iter().any(opens));
        harness.get_by_label("Cancel").click();
        harness.run();
        assert!(matches!(harness.state().out.last(), Some(Command::Panel(PanelCommand::DismissMissing))));
    }
}
