//! The table of panels. To add one: its entry in [`Pane`] and its line in [`PANES`]; tab, menu, palette, default place
//! and the file's name for it come from there.

use eframe::egui::{Frame, Margin, ScrollArea, Ui};
use egui_material_icons::icons;
use serde::{Deserialize, Serialize};

use super::super::command::Command;
use super::super::inspector;
use super::super::jobs::Job;
use super::super::settings::Settings;
use super::super::state::{Document, Panels};

/// A panel that can be moved, closed and opened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pane {
    Channels,
    Traces,
    Spectrogram,
    Measure,
    Analyse,
    Find,
    Decode,
    Filter,
    Annotations,
    Recording,
}

/// Where a panel stands by default.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Home {
    /// Beside the traces, at the left.
    Left,
    /// In the middle; the traces only.
    Middle,
    /// Below the traces, on their time axis.
    Below,
    /// The inspector, at the right.
    Right,
}

impl Home {
    /// Width and height of a panel from there, logical pixels.
    #[must_use]
    pub const fn size(self) -> [f32; 2] {
        match self {
            Self::Left => [232.0, 240.0],
            Self::Middle | Self::Below => [480.0, 240.0],
            Self::Right => [432.0, 280.0],
        }
    }
}

/// What a panel is drawn from, and where its wishes go.
pub struct Shown<'a> {
    pub document: &'a Document,
    /// The text being typed; its `dock` must not be asked here.
    pub panels: &'a mut Panels,
    pub jobs: &'a [Job],
    pub settings: &'a Settings,
    pub out: &'a mut Vec<Command>,
}

/// A line of the table.
pub struct Entry {
    pub pane: Pane,
    /// What commands call it.
    pub name: &'static str,
    pub title: &'static str,
    pub about: &'static str,
    /// The verb of the vocabulary that shows and hides it, if it has one of its own.
    pub verb: &'static str,
    pub icon: &'static str,
    pub home: Home,
    /// Whether it is open by default.
    pub open: bool,
    /// Draws it.
    pub(super) draw: fn(&mut Ui, &mut Shown<'_>),
}

/// Every panel, in the order of tabs and menus.
pub const PANES: &[Entry] = &[
    Entry {
        pane: Pane::Channels,
        name: "channels",
        title: "Channels",
        about: "Which channels are shown, in which colour, how high",
        verb: "toggle-channels",
        icon: icons::ICON_LIST.codepoint,
        home: Home::Left,
        open: true,
        draw: |ui, shown| {
            framed(ui, |ui| {
                let filter = &mut shown.panels.channel_filter;
                super::super::channels::channels_ui(ui, shown.document, filter, shown.out);
            });
        },
    },
    Entry {
        pane: Pane::Traces,
        name: "traces",
        title: "Traces",
        about: "The recording",
        verb: "",
        icon: icons::ICON_SHOW_CHART.codepoint,
        home: Home::Middle,
        open: true,
        draw: |ui, shown| {
            let wheel = shown.settings.wheel();
            super::super::trace_ui::trace_ui(ui, shown.document, shown.panels.time_format, wheel, shown.out);
            super::super::empty::no_channels_ui(ui, shown.document, shown.out);
        },
    },
    Entry {
        pane: Pane::Spectrogram,
        name: "spectrogram",
        title: "Spectrogram",
        about: "How the frequencies of a channel change with time",
        verb: "toggle-spectrogram",
        icon: icons::ICON_GRADIENT.codepoint,
        home: Home::Below,
        open: false,
        draw: |ui, shown| {
            let Panels { spectrogram, time_format, .. } = &mut *shown.panels;
            super::super::gram::panel_ui(ui, shown.document, spectrogram, *time_format, shown.out);
        },
    },
    Entry {
        pane: Pane::Measure,
        name: "measure",
        title: "Measure",
        about: "The selected range, measured while you drag",
        verb: "",
        icon: icons::ICON_STRAIGHTEN.codepoint,
        home: Home::Right,
        open: true,
        draw: |ui, shown| {
            scrolled(ui, |ui| super::super::measure_tab::measure_ui(ui, shown.document, shown.panels.snap, shown.out))
        },
    },
    Entry {
        pane: Pane::Analyse,
        name: "analyse",
        title: "Analyse",
        about: "Statistics, spectra, channel health and more",
        verb: "",
        icon: icons::ICON_ANALYTICS.codepoint,
        home: Home::Right,
        open: true,
        draw: |ui, shown| scrolled(ui, |ui| inspector::analyse_ui(ui, shown)),
    },
    Entry {
        pane: Pane::Find,
        name: "find",
        title: "Find",
        about: "Places where something happens; the keys N and P walk through them",
        verb: "",
        icon: icons::ICON_SEARCH.codepoint,
        home: Home::Right,
        open: true,
        draw: |ui, shown| scrolled(ui, |ui| inspector::find_ui(ui, shown)),
    },
    Entry {
        pane: Pane::Decode,
        name: "decode",
        title: "Decode",
        about: "What was said on serial lines",
        verb: "",
        icon: icons::ICON_DATA_OBJECT.codepoint,
        home: Home::Right,
        open: true,
        draw: |ui, shown| scrolled(ui, |ui| inspector::decode_ui(ui, shown)),
    },
    Entry {
        pane: Pane::Filter,
        name: "filter",
        title: "Filter",
        about: "Filter what is seen, computed and exported",
        verb: "",
        icon: icons::ICON_FILTER_ALT.codepoint,
        home: Home::Right,
        open: true,
        draw: |ui, shown| {
            let form = &mut shown.panels.analysis_forms.filter;
            scrolled(ui, |ui| super::super::filter_tab::filter_ui(ui, shown.document, form, shown.out));
        },
    },
    Entry {
        pane: Pane::Annotations,
        name: "annotations",
        title: "Annotations",
        about: "What you have noted: marks and ranges",
        verb: "",
        icon: icons::ICON_BOOKMARK.codepoint,
        home: Home::Right,
        open: true,
        draw: |ui, shown| {
            let table = &mut shown.panels.annotations;
            scrolled(ui, |ui| {
                super::super::annotation_tab::annotations_ui(ui, shown.document, table, shown.out);
            });
        },
    },
    Entry {
        pane: Pane::Recording,
        name: "recording",
        title: "Recording",
        about: "What the file says about itself",
        verb: "",
        icon: icons::ICON_INFO.codepoint,
        home: Home::Right,
        open: true,
        draw: |ui, shown| {
            scrolled(ui, |ui| inspector::recording_ui(ui, shown.document, shown.jobs, shown.out));
        },
    },
];

impl Pane {
    /// Its line of the table.
    #[must_use]
    pub fn entry(self) -> &'static Entry {
        // Every panel has one; a test says so.
        PANES.iter().find(|entry| entry.pane == self).unwrap_or(&PANES[0])
    }

    /// Whether it is a part of the inspector.
    #[must_use]
    pub fn is_inspector(self) -> bool {
        self.entry().home == Home::Right
    }
}

/// The panel that commands call `name`.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] with the list of names if there is none.
pub fn pane_named(name: &str) -> crate::Result<Pane> {
    PANES.iter().find(|entry| entry.name == name).map(|entry| entry.pane).ok_or_else(|| {
        let names: Vec<&str> = PANES.iter().map(|entry| entry.name).collect();
        crate::Error::invalid(format!("there is no panel '{name}'"))
            .with_remedy(format!("use one of: {}", names.join(", ")))
    })
}

/// Room around what is in a panel.
fn framed(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    Frame::NONE.inner_margin(Margin::symmetric(8, 4)).show(ui, add);
}

/// The same for a panel that scrolls.
fn scrolled(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    framed(ui, |ui| {
        ScrollArea::vertical().auto_shrink(false).show(ui, add);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_panel_is_in_the_table_once_and_by_its_name() {
        for (i, entry) in PANES.iter().enumerate() {
            assert!(PANES[..i].iter().all(|other| other.pane != entry.pane && other.name != entry.name));
            assert_eq!(pane_named(entry.name).unwrap(), entry.pane);
            assert_eq!(entry.pane.entry().name, entry.name);
            // What files call it is what commands call it.
            assert_eq!(serde_json::to_string(&entry.pane).unwrap(), format!("{:?}", entry.name));
            let verb = super::super::super::vocabulary::verbs().any(|verb| verb.name == entry.verb);
            assert!(verb || entry.verb.is_empty(), "{}", entry.verb);
        }
        assert!(pane_named("kitchen").unwrap_err().to_string().contains("spectrogram"));
    }
}
