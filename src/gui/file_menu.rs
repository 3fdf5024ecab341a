//! The menu of what is done with files: opening, workspaces, exports, and what goes to the clipboard.

use eframe::egui::{Button, RichText, Ui};

use super::command::{Command, CopyCommand, FileCommand, PanelCommand};

/// Draws the button and its menu.
pub(super) fn file_menu(ui: &mut Ui, out: &mut Vec<Command>) {
    ui.menu_button("File", |ui| {
        let mut item = |ui: &mut Ui, text: &str, keys: &str, about: &str, command: Command| {
            let button = Button::new(text).shortcut_text(RichText::new(keys).weak());
            if ui.add(button).on_hover_text(about).clicked() {
                out.push(command);
                ui.close();
            }
        };
        item(ui, "Open…", "Ctrl + O", "Open a recording or a workspace", Command::File(FileCommand::Ask));
        ui.separator();
        let about = "What is open and how it is shown, to continue with it or to send it";
        item(ui, "Save workspace", "Ctrl + S", about, Command::File(FileCommand::SaveWorkspace(None)));
        let about = "In another file";
        item(ui, "Save workspace as…", "Ctrl + Shift + S", about, Command::File(FileCommand::AskWorkspace));
        ui.separator();
        let about = "Write the selection, or what is seen, to a file";
        item(ui, "Export data…", "Ctrl + E", about, Command::Panel(PanelCommand::ExportForm(true)));
        let about = "A PNG or SVG of the view, for print";
        item(ui, "Export picture…", "Ctrl + Shift + E", about, Command::Panel(PanelCommand::PictureForm));
        ui.separator();
        let about = "A picture of the view, to be pasted";
        item(ui, "Copy picture", "Ctrl + Shift + I", about, Command::Copy(CopyCommand::Picture));
        let about = "The Python lines that load the selection, or what is seen";
        item(ui, "Copy as NumPy", "", about, Command::Copy(CopyCommand::NumPy));
        let about = "What is measured of the selection, or of what is seen, as text";
        item(ui, "Copy figures", "", about, Command::Copy(CopyCommand::Figures));
        ui.separator();
        item(ui, "Close", "Ctrl + W", "Back to the welcome screen", Command::File(FileCommand::Close));
    });
}

#[cfg(test)]
mod tests {
    use egui_kittest::kittest::Queryable as _;

    use super::super::testing::bench;
    use super::*;

    #[test]
    fn the_menu_asks_for_what_it_says() {
        let mut harness = bench([600.0, 500.0], (), |ui, (), out| file_menu(ui, out));
        for label in ["Save workspace Ctrl + S", "Export picture…", "Copy as NumPy"] {
            harness.get_by_label("File").click();
            harness.run();
            harness.get_by_label_contains(label).click();
            harness.run();
        }
        let out = &harness.state().out;
        assert!(
            matches!(
                out[..],
                [
                    Command::File(FileCommand::SaveWorkspace(None)),
                    Command::Panel(PanelCommand::PictureForm),
                    Command::Copy(CopyCommand::NumPy)
                ]
            ),
            "{out:?}"
        );
    }
}
