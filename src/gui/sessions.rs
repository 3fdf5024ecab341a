//! The list of sessions that a folder, or several files, hold: one is chosen and opened.

use std::path::{Path, PathBuf};

use eframe::egui::{Align, Button, Layout, RichText, ScrollArea, Ui};

use super::command::{Command, FileCommand, PanelCommand};
use super::controls::{dialog, dialog_buttons};
use super::theme::Colours;
use crate::source::OpenOptions;
use crate::source::session::{self, Session};

/// A session to choose.
#[derive(Clone, PartialEq, Debug)]
pub struct Offer {
    pub name: String,
    /// `5 files, 1.2 GiB`.
    pub summary: String,
    /// What opens it: the session by its name in its folder, where that is enough; otherwise its files in order.
    pub paths: Vec<PathBuf>,
}

impl Offer {
    /// Asks the system for the lengths of the files.
    fn of(session: Session) -> Self {
        let summary = session.summary();
        let folder = session.files.first().and_then(|f| f.parent());
        let by_name = folder.map(|f| f.join(&session.name)).filter(|path| {
            session.files.len() > 1 && matches!(session::resolve(path), Ok(Some(found)) if found == session)
        });
        let Session { name, files } = session;
        Self { name, summary, paths: by_name.map_or(files, |path| vec![path]) }
    }
}

/// The sessions in `folder`, if it is one and holds several. Touches files: for workers.
#[must_use]
pub(super) fn in_folder(folder: &Path) -> Option<Vec<Offer>> {
    let sessions = folder.is_dir().then(|| session::sessions(folder).ok())??;
    (sessions.len() > 1).then(|| sessions.into_iter().map(Offer::of).collect())
}

/// The sessions that `files` are of; folders among them stand for what is in them. Touches files: for workers.
#[must_use]
pub(super) fn of_files(files: &[PathBuf]) -> Vec<Offer> {
    let mut all = Vec::new();
    for file in files {
        let inside = if file.is_dir() { session::sessions(file).ok() } else { None };
        match inside {
            Some(sessions) => all.extend(sessions.into_iter().flat_map(|s| s.files)),
            None => all.push(file.clone()),
        }
    }
    session::group(all).into_iter().map(Offer::of).collect()
}

/// Draws the list.
pub(super) fn sessions_ui(ui: &Ui, sessions: &[Offer], out: &mut Vec<Command>) {
    let modal = dialog(ui.ctx(), "sessions").show(ui.ctx(), |ui| {
        ui.set_width(520.0_f32.min(ui.ctx().content_rect().width() - 64.0));
        ui.heading("Which session?");
        ui.weak("The files of a session are shown on one time line.");
        ui.add_space(8.0);
        let height = (ui.ctx().content_rect().height() - 220.0).max(96.0);
        ScrollArea::vertical().max_height(height).show(ui, |ui| {
            for (i, session) in sessions.iter().enumerate() {
                ui.push_id(i, |ui| session_ui(ui, session, out));
            }
        });
        let mut cancel = false;
        dialog_buttons(ui, |ui| cancel = ui.button("Cancel").clicked());
        cancel
    });
    if modal.should_close() || modal.inner {
        out.push(Command::Panel(PanelCommand::DismissSessions));
    }
}

fn session_ui(ui: &mut Ui, session: &Offer, out: &mut Vec<Command>) {
    let muted = Colours::of(ui).muted;
    ui.horizontal(|ui| {
        let open = Button::new(RichText::new(&session.name).strong()).min_size(eframe::egui::vec2(280.0, 28.0));
        let files: Vec<String> = session.paths.iter().take(12).map(|p| p.display().to_string()).collect();
        if ui.add(open).on_hover_text(files.join("\n")).clicked() {
            out.push(Command::File(FileCommand::OpenTogether(session.paths.clone(), OpenOptions::default())));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.label(RichText::new(&session.summary).color(muted));
        });
    });
}

#[cfg(test)]
mod tests {
    use eframe::egui::Key;
    use egui_kittest::kittest::Queryable as _;

    use super::super::testing::bench;
    use super::*;

    #[test]
    fn a_session_is_chosen_or_none() {
        let offer = |name: &str| Offer {
            name: name.to_owned(),
            summary: format!("2 files of {name}"),
            paths: vec![PathBuf::from("/data").join(name)],
        };
        let sessions = vec![offer("20230622_rat"), offer("20230623_rat")];
        let mut harness = bench([800.0, 600.0], sessions, |ui, sessions, out| sessions_ui(ui, sessions, out));
        harness.run();
        harness.get_by_label("2 files of 20230622_rat");
        harness.get_by_label("20230623_rat").click();
        harness.run();
        harness.get_by_label("Cancel").click();
        harness.run();
        harness.key_press(Key::Escape);
        harness.run();
        let out = &harness.state().out;
        assert!(
            matches!(&out[0], Command::File(FileCommand::OpenTogether(p, _)) if p[..] == [PathBuf::from("/data/20230623_rat")]),
            "{out:?}"
        );
        let closed = out.iter().filter(|c| matches!(c, Command::Panel(PanelCommand::DismissSessions))).count();
        assert_eq!(closed, 2, "{out:?}");
    }

    #[test]
    fn files_and_folders_become_offers() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["20230622_rat_02_b.rec", "20230622_rat_01_a.rec", "20230623_rat_01_a.rec"] {
            std::fs::write(at(name), b"x").unwrap();
        }
        let offers = in_folder(folder.path()).unwrap();
        assert_eq!(offers[0].paths, [at("20230622_rat")]);
        assert_eq!(offers[1].paths, [at("20230623_rat_01_a.rec")], "a single file is opened as what it is");
        assert_eq!(in_folder(&at("20230623_rat_01_a.rec")), None);
        let some = of_files(&[at("20230622_rat_02_b.rec"), at("20230622_rat_01_a.rec")]);
        assert_eq!(some.len(), 1);
        assert_eq!(some[0].paths, [at("20230622_rat")], "all of its files: the session by its name");
        let part = of_files(&[at("20230623_rat_01_a.rec"), at("20230622_rat_02_b.rec")]);
        assert_eq!(part.len(), 2);
        assert_eq!(of_files(&[folder.path().to_path_buf()]), offers);
    }
}
