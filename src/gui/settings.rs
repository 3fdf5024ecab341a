//! What the user has chosen once for all: `settings.toml` in the user's configuration folder.
//!
//! ```toml
//! theme = "system"        # light, dark or system
//! high_contrast = false   # black and white, thicker lines
//! motion = "system"       # reduced, full or system
//! preset = "longwave"     # keys and wheel: longwave, scope, eeg or audio
//! wheel = "zoom"          # zoom, pan or channels; left out: as the preset has it
//! time = "Auto"           # Auto, Seconds, Hours, Clock or Frames
//! zone = "utc"            # of clock times: utc, local, or a name such as Europe/Berlin
//! snap = "On"             # cursors snap to extremes and edges: On or Off
//!
//! [keys]                  # lines of the command palette on keys; an empty one frees a key
//! "Ctrl+Shift+F" = "fit"
//! ```
//!
//! Where the panels are is kept there, too, under `[layout]` ([`Layout`]).
//!
//! Comments are not kept when the window writes the file. One that cannot be read is told about and left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use eframe::egui::{self, RichText, ScrollArea, ThemePreference, Ui};
use serde::{Deserialize, Serialize};

use super::analysis_tab::BETWEEN_CHOICES;
use super::command::{Command, PanelCommand};
use super::controls::{dialog, dialog_buttons, section};
use super::dock::Layout;
use super::keys::{PRESETS, preset};
use super::state::TimeFormat;
use crate::error::{Error, Result};
use crate::file::{Update, update};

/// A longer file was not written by people.
const MAX_BYTES: u64 = 1 << 20;

/// What turning the wheel over the traces does; with Shift it always pans, with Alt it shows more or fewer channels.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wheel {
    /// Zoom time at the pointer; with Ctrl the amplitude.
    #[default]
    Zoom,
    /// Pan time; with Ctrl zoom.
    Pan,
    /// Scroll through the channels; with Ctrl zoom.
    Channels,
}

impl Wheel {
    /// What it does with which key.
    fn about(self) -> &'static str {
        match self {
            Self::Zoom => "Turning it zooms at the pointer, with Ctrl it changes the amplitude, with Shift it pans",
            Self::Pan => "Turning it pans, with Ctrl it zooms",
            Self::Channels => "Turning it goes through the channels, with Ctrl it zooms, with Shift it pans",
        }
    }

    const ALL: [(Self, &'static str); 3] =
        [(Self::Zoom, "Zooms time"), (Self::Pan, "Pans time"), (Self::Channels, "Scrolls channels")];
}

/// How the window looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    Light,
    Dark,
    #[default]
    System,
}

impl From<Theme> for ThemePreference {
    fn from(theme: Theme) -> Self {
        match theme {
            Theme::Light => Self::Light,
            Theme::Dark => Self::Dark,
            Theme::System => Self::System,
        }
    }
}

impl From<ThemePreference> for Theme {
    fn from(theme: ThemePreference) -> Self {
        match theme {
            ThemePreference::Light => Self::Light,
            ThemePreference::Dark => Self::Dark,
            ThemePreference::System => Self::System,
        }
    }
}

/// Whether things may move by themselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Motion {
    /// Nothing fades, slides or glides.
    Reduced,
    Full,
    /// As the system asks, where it can be found out.
    #[default]
    System,
}

/// All of it. Unknown keys are ignored, so that later versions may add some.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    pub theme: Theme,
    pub high_contrast: bool,
    pub motion: Motion,
    pub preset: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wheel: Option<Wheel>,
    pub time: TimeFormat,
    pub zone: String,
    pub snap: super::cursors::Snap,
    /// Show every recording from its start, not as it was left.
    pub start_over: bool,
    pub keys: BTreeMap<String, String>,
    /// The categories of annotations that new recordings begin with; none: the usual ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<crate::annotation::Category>,
    pub layout: Layout,
}

impl Settings {
    /// What the wheel does.
    #[must_use]
    pub fn wheel(&self) -> Wheel {
        self.wheel.unwrap_or(preset(&self.preset).wheel)
    }

    /// Whether nothing may move by itself: no fading, no gliding.
    #[must_use]
    pub fn reduced_motion(&self) -> bool {
        match self.motion {
            Motion::Reduced => true,
            Motion::Full => false,
            Motion::System => super::motion::system_reduces(),
        }
    }

    /// The same but for how the panels lie, which is no setting that one undoes.
    #[must_use]
    pub(super) fn without_panels(&self) -> Self {
        self.clone().with_panels_of(&Self::default())
    }

    /// These with the panels as `other` has them.
    #[must_use]
    pub(super) fn with_panels_of(self, other: &Self) -> Self {
        Self { layout: other.layout.clone(), ..self }
    }
}

/// Where the settings of this user are; `None` where users have no home.
#[must_use]
pub(super) fn file() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "longwave").map(|dirs| dirs.config_dir().join("settings.toml"))
}

/// The settings in `file`; the defaults if there is none.
///
/// # Errors
/// When it is there and cannot be read or understood: it must not be written over then.
pub(super) fn load(file: &Path) -> Result<Settings> {
    match std::fs::metadata(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Settings::default()),
        Err(error) => return Err(Error::io(file, error)),
        Ok(meta) if meta.len() > MAX_BYTES => {
            return Err(Error::limit(MAX_BYTES, "no settings are as long").with_path(file));
        }
        Ok(_) => {}
    }
    understood(&std::fs::read_to_string(file).map_err(|e| Error::io(file, e))?, file)
}

fn understood(text: &str, file: &Path) -> Result<Settings> {
    toml::from_str(text).map_err(|e| {
        let line = e.span().map_or(0, |span| text.get(..span.start).map_or(0, |before| before.lines().count()));
        Error::invalid(format!("line {line}: {}", e.message()))
            .with_path(file)
            .with_remedy("mend the line, or delete the file to have the defaults")
    })
}

/// Writes what has changed of the settings since `before`, which were read or written last. What others have changed in
/// the file since (another window, or the user in an editor) stays, as do keys that are not known here.
///
/// # Errors
/// When the file is there and cannot be understood: one that is being mended in an editor is left alone; when the folder
/// cannot be written to.
pub(super) fn keep(file: &Path, before: &Settings, settings: &Settings) -> Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
    }
    let (before, after) = (table(before)?, table(settings)?);
    update(file, MAX_BYTES, |present| {
        let Some(bytes) = present else { return Ok((Update::Write(text(&after)?.into_bytes()), ())) };
        let there = String::from_utf8_lossy(bytes);
        // What others wrote must be understood, or writing it again would spoil it.
        understood(&there, file)?;
        let mut there: toml::Table = toml::from_str(&there).map_err(|e| Error::invalid(e.message().to_owned()))?;
        take_over(&mut there, &before, &after);
        Ok((Update::Write(text(&there)?.into_bytes()), ()))
    })
}

/// Puts what differs between `before` and `after` into `there`; tables within tables likewise.
fn take_over(there: &mut toml::Table, before: &toml::Table, after: &toml::Table) {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for key in keys {
        match (before.get(key), after.get(key)) {
            (old, new) if old == new => {}
            (Some(toml::Value::Table(old)), Some(toml::Value::Table(new))) => {
                let own = there.entry(key.clone()).or_insert_with(|| toml::Value::Table(toml::Table::new()));
                match own {
                    toml::Value::Table(own) => take_over(own, old, new),
                    other => *other = toml::Value::Table(new.clone()),
                }
            }
            (_, Some(new)) => drop(there.insert(key.clone(), new.clone())),
            (_, None) => drop(there.remove(key)),
        }
    }
}

fn table(settings: &Settings) -> Result<toml::Table> {
    toml::Table::try_from(settings).map_err(|e| Error::invalid(e.to_string()))
}

fn text(table: &toml::Table) -> Result<String> {
    toml::to_string(table).map_err(|e| Error::invalid(e.to_string()))
}

/// Draws the dialog; every choice takes effect at once.
pub(super) fn settings_form_ui(ui: &Ui, settings: &Settings, place: Option<&Path>, out: &mut Vec<Command>) {
    let mut changed = settings.clone();
    let modal = dialog(ui.ctx(), "settings").show(ui.ctx(), |ui| {
        ui.set_width(460.0);
        ui.heading("Settings");
        // In a low window the choices scroll, and the button stays.
        let height = (ui.ctx().content_rect().height() - 160.0).max(120.0);
        ScrollArea::vertical().max_height(height).show(ui, |ui| choices_ui(ui, settings, &mut changed, place, out));
        let mut close = false;
        dialog_buttons(ui, |ui| close = ui.button("Close").clicked());
        close
    });
    if changed != *settings {
        out.push(Command::Panel(PanelCommand::Settings(changed)));
    }
    if modal.should_close() || modal.inner {
        out.push(Command::Panel(PanelCommand::SettingsForm(false)));
    }
}

/// What can be chosen.
fn choices_ui(ui: &mut Ui, settings: &Settings, changed: &mut Settings, place: Option<&Path>, out: &mut Vec<Command>) {
    section(ui, "Theme");
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = BETWEEN_CHOICES;
        for (theme, title, about) in [
            (Theme::System, "As the system", "Light or dark, as the system is set to"),
            (Theme::Light, "Light", "Dark on light: for bright rooms and print"),
            (Theme::Dark, "Dark", "Light on dark: for dim rooms"),
        ] {
            ui.radio_value(&mut changed.theme, theme, title).on_hover_text(about);
        }
    });
    ui.checkbox(&mut changed.high_contrast, "High contrast: black and white, thicker lines");
    section(ui, "Size of everything");
    ui.horizontal(|ui| {
        let percent = format!("{:.0} %", changed.layout.zoom * 100.0);
        let steps = [("Smaller", "Ctrl + Shift + Minus", -1), ("Larger", "Ctrl + Shift + Plus", 1)];
        for (title, keys, step) in steps {
            if ui.button(title).on_hover_text(keys).clicked() {
                out.push(Command::Panel(PanelCommand::ZoomStep(step)));
            }
        }
        ui.label(percent);
    });
    section(ui, "Motion");
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = BETWEEN_CHOICES;
        for (motion, title, about) in [
            (Motion::System, "As the system asks", "Reduced if the system is set so"),
            (Motion::Full, "Full", "Jumps glide, so that the eye keeps its place"),
            (Motion::Reduced, "Reduced", "Nothing fades or glides"),
        ] {
            ui.radio_value(&mut changed.motion, motion, title).on_hover_text(about);
        }
    });
    section(ui, "Mouse and keys");
    for preset in PRESETS {
        let chosen = preset.name == super::keys::preset(&changed.preset).name;
        if ui.radio(chosen, format!("{}: {}", preset.name, preset.about)).clicked() {
            preset.name.clone_into(&mut changed.preset);
            changed.wheel = None;
        }
    }
    ui.add_space(4.0);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = BETWEEN_CHOICES;
        ui.label("The wheel");
        for (wheel, title) in Wheel::ALL {
            if ui.radio(changed.wheel() == wheel, title).on_hover_text(wheel.about()).clicked() {
                changed.wheel = Some(wheel);
            }
        }
    });
    section(ui, "Times");
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = BETWEEN_CHOICES;
        for format in TimeFormat::ALL {
            ui.radio_value(&mut changed.time, format, format.title()).on_hover_text(format.about());
        }
    });
    ui.add_space(4.0);
    ui.label("Clock times in");
    super::time_menu::zone_ui(ui, &super::zone::Zone::named(&settings.zone).unwrap_or_default(), out);
    section(ui, "Opening");
    let mut go_on = !changed.start_over;
    ui.checkbox(&mut go_on, "Continue where a recording was left");
    changed.start_over = !go_on;
    if let Some(place) = place {
        ui.add_space(8.0);
        let text = format!("Single keys are set under [keys] in {}", place.display());
        ui.add(egui::Label::new(RichText::new(text).weak()).wrap().selectable(true));
    }
}

#[cfg(test)]
mod tests {
    use egui_kittest::kittest::Queryable as _;

    use super::super::testing::bench;
    use super::*;

    #[test]
    fn settings_come_back_and_a_broken_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/settings.toml");
        assert_eq!(load(&file).unwrap(), Settings::default());
        let settings = Settings {
            theme: Theme::Light,
            preset: "eeg".to_owned(),
            keys: BTreeMap::from([("F".to_owned(), "zoom 2".to_owned())]),
            ..Settings::default()
        };
        keep(&file, &Settings::default(), &settings).unwrap();
        assert_eq!(load(&file).unwrap(), settings);
        assert_eq!(settings.wheel(), Wheel::Pan);
        std::fs::write(&file, "theme = \"dark\"\nwheel = 3\n").unwrap();
        let error = load(&file).unwrap_err().to_string();
        assert!(error.contains("line 2") || error.contains("line 1"), "{error}");
        std::fs::write(&file, "[keys]\nF = \"fit\"\n").unwrap();
        keep(&file, &Settings { keys: settings.keys.clone(), ..Settings::default() }, &settings).unwrap();
        let kept = load(&file).unwrap();
        assert_eq!((kept.keys["F"].as_str(), kept.theme), ("fit", Theme::Light));
        std::fs::write(&file, "[keys]\nF = \"fi").unwrap();
        assert!(keep(&file, &Settings::default(), &settings).is_err());
        std::fs::write(&file, "later = 1\n").unwrap();
        assert_eq!(load(&file).unwrap(), Settings::default());
    }

    #[test]
    fn two_windows_that_change_settings_keep_both_changes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.toml");
        std::fs::write(&file, "theme = \"light\"\nlater = [1, 2]\n\n[keys]\nF = \"fit\"\n").unwrap();
        let opened = load(&file).unwrap();
        let one = Settings { theme: Theme::Dark, ..opened.clone() };
        let mut other = Settings { high_contrast: true, ..opened.clone() };
        other.layout.zoom = 1.5;
        keep(&file, &opened, &one).unwrap();
        keep(&file, &opened, &other).unwrap();
        let kept = load(&file).unwrap();
        assert_eq!((kept.theme, kept.high_contrast, kept.layout.zoom), (Theme::Dark, true, 1.5));
        assert_eq!(kept.keys["F"], "fit");
        // What goes back to what it was is a change, too; what is not known here stays.
        keep(&file, &one, &opened).unwrap();
        assert_eq!(load(&file).unwrap().theme, Theme::Light);
        assert!(std::fs::read_to_string(&file).unwrap().contains("later"));
        let wheel = Settings { wheel: Some(Wheel::Pan), ..opened.clone() };
        keep(&file, &opened, &wheel).unwrap();
        keep(&file, &wheel, &opened).unwrap();
        assert_eq!(load(&file).unwrap().wheel, None);
    }

    #[test]
    fn a_choice_takes_effect_at_once() {
        let mut harness = bench([700.0, 600.0], Settings::default(), |ui, settings, out| {
            settings_form_ui(ui, settings, None, out);
        });
        harness.run();
        harness.get_by_label("Light").click();
        harness.run();
        let out = &harness.state().out;
        let chosen = |c: &Command| matches!(c, Command::Panel(PanelCommand::Settings(s)) if s.theme == Theme::Light);
        assert!(out.iter().any(chosen), "{out:?}");
    }
}
