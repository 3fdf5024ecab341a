//! What the panels and dialogs ask for, and drawing them.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use eframe::egui;

use super::App;
use crate::gui::command::PanelCommand;
use crate::gui::cursors::Snap;
use crate::gui::dock::{self, Dock, Pane, PaneChange};
use crate::gui::inspector_tabs::pane_of;
use crate::gui::jobs::Purpose;
use crate::gui::keys::Keymap;
use crate::gui::message::Message;
use crate::gui::settings::{self};
use crate::gui::zone::Zone;

/// Between the banner and what is above it, points.
const MARGIN: f32 = 8.0;

impl App {
    pub(super) fn apply_panel(&mut self, ctx: &egui::Context, command: PanelCommand) {
        use crate::gui::{export_form::ExportForm, state::TimeFormat};
        let panels = &mut self.panels;
        match command {
            PanelCommand::TimeFormat(format) => panels.time_format = format,
            PanelCommand::NextTimeFormat => {
                let all = TimeFormat::ALL;
                let i = all.iter().position(|&f| f == panels.time_format).unwrap_or(0);
                panels.time_format = all[(i + 1) % all.len()];
            }
            PanelCommand::Zone(zone) => panels.zone = zone,
            PanelCommand::Snap(snap) => panels.snap = snap,
            PanelCommand::ToggleSnap => panels.snap = if panels.snap == Snap::On { Snap::Off } else { Snap::On },
            PanelCommand::KeepCategories(categories) => {
                self.kept.settings.categories = categories;
                self.message = Some(Message::notice("new recordings begin with these categories", ""));
            }
            PanelCommand::Inspector(tab) => {
                panels.analysis_forms.choose(tab);
                panels.dock.change(pane_of(tab), PaneChange::Show);
            }
            PanelCommand::Pane(pane, change) => panels.dock.change(pane, change),
            PanelCommand::ToggleInspector => panels.dock.toggle_inspector(),
            PanelCommand::ResetLayout => panels.dock.reset(),
            PanelCommand::Layout(layout) => panels.dock = Dock::of(&layout),
            PanelCommand::Zoom(zoom) => panels.dock.set_zoom(zoom),
            PanelCommand::ZoomStep(steps) => {
                // Steps of a tenth, on whole tenths, as egui has them.
                let tenths = (panels.dock.zoom() * 10.0).round() + f32::from(steps);
                panels.dock.set_zoom(tenths / 10.0);
            }
            PanelCommand::Help(open) => panels.help = open,
            PanelCommand::ExportForm(open) => {
                panels.export = self.document.as_ref().filter(|_| open).map(ExportForm::new);
            }
            PanelCommand::ExportAs(name) => {
                let format = panels.time_format;
                panels.export = self.document.as_ref().map(|d| ExportForm::of_type(d, name, format));
            }
            PanelCommand::PictureForm => {
                let format = panels.time_format;
                panels.export = self.document.as_ref().map(|document| ExportForm::picture(document, format));
            }
            PanelCommand::RawForm(_) => panels.raw = None,
            PanelCommand::GoToForm(open) => panels.go_to = open.then(String::new),
            PanelCommand::BudgetForm(open) => {
                panels.budget = open.then(|| crate::text::bytes(self.budget.limit()));
            }
            PanelCommand::Budget(bytes) => {
                self.budget.set_limit(bytes);
                self.gauge.limit = self.budget.limit();
                panels.budget = None;
            }
            PanelCommand::Theme(theme) => {
                self.kept.settings.theme = theme.into();
                crate::gui::theme::show(ctx, &self.kept.settings, panels.dock.zoom());
            }
            PanelCommand::HighContrast(high) => {
                self.kept.settings.high_contrast = high;
                crate::gui::theme::show(ctx, &self.kept.settings, panels.dock.zoom());
            }
            PanelCommand::FullScreen => {
                let full = ctx.input(|i| i.viewport().fullscreen.unwrap_or(false));
                ctx.send_viewport_cmd(egui::ViewportCommand::Fullscreen(!full));
            }
            PanelCommand::Palette(open) => {
                let palette = || crate::gui::palette::Palette::new(&panels.ran, &self.recent);
                panels.palette = open.then(palette);
            }
            PanelCommand::Ran(line) => crate::gui::palette::remember(&mut panels.ran, &line),
            PanelCommand::SettingsForm(open) => panels.settings_form = open,
            PanelCommand::Settings(settings) => {
                crate::gui::theme::show(ctx, &settings, panels.dock.zoom());
                panels.time_format = settings.time;
                panels.snap = settings.snap;
                if let Ok(zone) = Zone::named(&settings.zone) {
                    panels.zone = zone;
                }
                let (keymap, mut wrong) = Keymap::new(&settings.preset, &settings.keys);
                self.keymap = keymap;
                self.message = wrong.pop().as_ref().map(Message::from_error);
                self.kept.settings = settings;
            }
            PanelCommand::DismissMessage => self.message = None,
            PanelCommand::DismissToast(id) => self.jobs.toasts.dismiss(id),
            PanelCommand::DismissSessions => panels.sessions = None,
            PanelCommand::DismissMissing => panels.missing = None,
            PanelCommand::BrowseMissing(row) => {
                let file = panels.missing.as_ref().map(|form| form.file.clone());
                self.jobs.pick(Purpose::Locate(row), file.and_then(|file| file.parent().map(|f| f.join(""))));
            }
            PanelCommand::BrowseCompare => {
                let suggested = self.document.as_ref().and_then(|d| d.path.parent()).map(|folder| folder.join(""));
                self.jobs.pick(Purpose::Compare, suggested);
            }
            PanelCommand::Spectrogram(command) => {
                if let Some(document) = &mut self.document {
                    document.pictures.gram.apply(command);
                }
            }
            PanelCommand::BrowseExport => {
                let suggested = panels.export.as_ref().map(|form| PathBuf::from(form.target.trim()));
                self.jobs.pick(Purpose::ExportTarget, suggested);
            }
            PanelCommand::BrowseSetting(name) => {
                let suggested = panels.export.as_ref().and_then(|form| form.setting_file(name));
                self.jobs.pick(Purpose::Setting(name), suggested);
            }
        }
    }

    /// Writes the settings, if they have changed.
    pub(super) fn keep_settings(&mut self, ctx: &egui::Context) {
        if ctx.input(|i| i.pointer.any_down()) {
            return; // a border that is being dragged is kept when it is let go
        }
        if self.write_settings() {
            ctx.set_zoom_factor(self.kept.settings.layout.zoom);
        }
    }

    /// The same whatever is being dragged; says whether the panels have moved.
    pub(super) fn write_settings(&mut self) -> bool {
        let settings = &mut self.kept.settings;
        settings.time = self.panels.time_format;
        settings.snap = self.panels.snap;
        if settings.zone != self.panels.zone.key() {
            self.panels.zone.key().clone_into(&mut settings.zone);
        }
        let moved = self.panels.dock.take_moved();
        if moved {
            settings.layout = self.panels.dock.layout();
        }
        let Some(file) = self.kept.settings_file.clone() else { return moved };
        if self.kept.written.as_ref() == Some(settings) {
            return moved;
        }
        let Some(_before) = self.kept.written.replace(settings.clone()) else {
            *self.kept.in_file.lock().unwrap_or_else(PoisonError::into_inner) = settings.clone();
            return moved;
        };
        let (settings, in_file) = (settings.clone(), Arc::clone(&self.kept.in_file));
        self.jobs.writer.state(&file.clone(), move || {
            let mut in_file = in_file.lock().unwrap_or_else(PoisonError::into_inner);
            // Settings are a comfort: a folder that cannot be written to is not the user's present concern. What could not
            // be written is written with the next change.
            if settings::keep(&file, &in_file, &settings).is_ok() {
                *in_file = settings;
            }
        });
        moved
    }

    pub(super) fn panels_ui(&mut self, ui: &mut egui::Ui) {
        let out = &mut self.commands;
        let view =
            self.document.as_ref().and_then(|d| d.pictures.view.as_ref()).map(|(columns, _)| columns.exact_share());
        let summary = self.document.as_ref().map_or(1.0, |d| d.summary.coverage());
        let exactness = crate::gui::jobs_bar::Exactness { view, summary };
        egui::Panel::bottom("status").show(ui, |ui| {
            let form = &mut self.panels.budget;
            crate::gui::jobs_bar::jobs_bar_ui(ui, &self.gauge, form, &self.jobs.list, exactness, out);
        });
        let Some(document) = &self.document else {
            egui::CentralPanel::default().show(ui, |ui| {
                crate::gui::welcome::welcome_ui(ui, &self.recent, &mut self.panels.open_path, out);
            });
            if let Some(message) = &self.message {
                crate::gui::message::banner_ui(ui, message, MARGIN, out);
            }
            return;
        };
        egui::Panel::top("title").show(ui, |ui| crate::gui::title::title_ui(ui, document, &self.panels, out));
        egui::Panel::top("overview")
            .exact_size(crate::gui::overview::HEIGHT)
            .show(ui, |ui| crate::gui::overview::overview_ui(ui, document, out));
        if let Some(message) = &self.message {
            let below_tabs = ui.available_rect_before_wrap().top() + 28.0;
            crate::gui::message::banner_ui(ui, message, below_tabs + MARGIN, out);
        }
        egui::CentralPanel::no_frame().show(ui, |ui| {
            dock::dock_ui(ui, document, &mut self.panels, &self.jobs.list, &self.kept.settings, out);
        });
    }

    pub(super) fn dialogs_ui(&mut self, ui: &egui::Ui) {
        let out = &mut self.commands;
        crate::gui::toasts::toasts_ui(ui, &mut self.jobs.toasts, out);
        if self.panels.help {
            crate::gui::help::help_ui(ui, &self.keymap, out);
        }
        if let (Some(form), Some(document)) = (&mut self.panels.export, &self.document) {
            crate::gui::export_form::export_form_ui(ui, form, document, &self.jobs, &self.budget, out);
        }
        if let Some(form) = &mut self.panels.raw {
            crate::gui::raw_form::raw_form_ui(ui, form, &self.jobs, out);
        }
        if let Some(sessions) = &self.panels.sessions {
            crate::gui::sessions::sessions_ui(ui, sessions, out);
        }
        if let Some(missing) = &self.panels.missing {
            crate::gui::workspace::missing_ui(ui, missing, out);
        }
        if self.panels.settings_form {
            let file = self.kept.settings_file.as_deref();
            crate::gui::settings::settings_form_ui(ui, &self.kept.settings, file, out);
        }
        if let Some(palette) = &mut self.panels.palette {
            crate::gui::palette::palette_ui(ui, palette, self.document.as_ref(), &self.keymap, out);
        }
        if let (Some(text), Some(document)) = (&mut self.panels.go_to, &self.document) {
            crate::gui::go_to::go_to_ui(ui.ctx(), text, document, out);
        }
    }

    /// Asks for the spectrogram that is to be seen, and keeps its tiles in the making.
    pub(super) fn want_spectrogram(&mut self) {
        let shown = self.panels.dock.is_shown(Pane::Spectrogram);
        let wish = self.document.as_ref().filter(|_| shown).and_then(|d| self.panels.spectrogram.wish(d));
        if let Some(document) = &mut self.document {
            let near = document.visible_ticks().start;
            document.pictures.gram.keep_up(wish.as_ref(), near, &mut self.jobs, &self.budget);
        }
        self.workers.gram.want(wish);
    }
}
