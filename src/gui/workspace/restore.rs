//! From a document to what is kept of it, and back: every number that comes back is held against the recording.

use std::collections::HashMap;
use std::path::Path;

use super::{ChannelState, FileRef, StreamState, WindowState, Workspace, sound_range};
use crate::filter::Chain;
use crate::gui::command::ViewCommand;
use crate::gui::cursors::{CursorCommand, Which};
use crate::gui::dock::{Dock, Layout};
use crate::gui::inspector_tabs::{tab_key, tab_named};
use crate::gui::state::{ChannelView, Document, LaneView, Panels};

/// Gains and amplitudes beyond this are a slip, or malice.
const MOST: f64 = 1e9;

impl StreamState {
    /// How the stream of `document` is shown; `filter`: through these filters, as on the command line.
    #[must_use]
    pub fn of(document: &Document, filter: Option<&str>) -> Self {
        let view = &document.viewport;
        let channels = &document.shown().channels;
        Self {
            view: [view.start_tick(), view.end_tick()],
            selection: document.selection.as_ref().map(|s| [s.start, s.end]),
            filter: filter.or(document.kept.lost_filter.as_deref()).unwrap_or_default().to_owned(),
            raw_behind: document.filter.as_ref().is_some_and(|f| f.shown),
            // What is no number has no place in JSON: all of the file could not be read again.
            lanes: LaneView {
                half_range: document.lanes.half_range.clone().filter(|half| half.iter().all(|h| h.is_finite())),
                ..document.lanes.clone()
            },
            cursor_a: document.cursors.at[0],
            cursor_b: document.cursors.at[1],
            beneath: document.companions.kept(),
            channels: channels
                .iter()
                .zip(&document.channels)
                .map(|(channel, view)| ChannelState { id: channel.id.clone(), view: view.clone().mended() })
                .collect(),
        }
    }

    /// The filters, if there are any; what is wrong with them otherwise.
    ///
    /// # Errors
    /// When they cannot be understood.
    pub fn chain(&self) -> crate::Result<Option<Chain>> {
        Chain::parse(&self.filter).map(|chain| (!chain.is_empty()).then_some(chain))
    }

    /// Shows the stream of `document` like this, but for the filters. Returns what did not fit, as sentences.
    pub fn apply(&self, document: &mut Document) -> Vec<String> {
        let mut notes = Vec::new();
        let same = self.apply_channels(document, &mut notes);
        let lanes = &self.lanes;
        let number = |x: f64, otherwise: f64| if x.is_finite() && x > 0.0 { x.min(MOST) } else { otherwise };
        let half_range = lanes.half_range.clone().filter(|half| {
            same && half.len() == document.channels.len() && half.iter().all(|h| h.is_finite() && *h > 0.0)
        });
        let count = number(lanes.count, document.lanes.count);
        let amplitude = number(lanes.amplitude, 1.0);
        document.restore_lanes(LaneView { count, amplitude, half_range, ..lanes.clone() }, same);
        let end = document.time().end_tick(document.shown().frames);
        document.selection = self.selection.and_then(|pair| sound_range(pair, end));
        if self.selection.is_some() && document.selection.is_none() {
            notes.push("the selection lies outside the recording".to_owned());
        }
        for (which, tick) in [(Which::A, self.cursor_a), (Which::B, self.cursor_b)] {
            if let Some(tick) = tick.filter(|tick| *tick < end) {
                document.apply_cursor(CursorCommand::Place { which, tick, near: None });
            }
        }
        let [from, to] = self.view;
        if from.is_finite() && to.is_finite() && from < to {
            if from < end as f64 {
                document.viewport.show(from, to);
            } else {
                notes.push("the view lies behind the end of the recording".to_owned());
            }
        }
        // Brings lanes and view within their bounds.
        drop(document.apply_view(ViewCommand::ScrollLanes(0.0)));
        notes
    }

    /// The channels, found by their ids; whether all are there, in their places.
    fn apply_channels(&self, document: &mut Document, notes: &mut Vec<String>) -> bool {
        let channels = document.source.recording().streams[document.stream].channels.clone();
        let kept: HashMap<&str, &ChannelView> = self.channels.iter().map(|c| (c.id.as_str(), &c.view)).collect();
        let mut found = 0;
        for (channel, view) in channels.iter().zip(&mut document.channels) {
            if let Some(kept) = kept.get(channel.id.as_str()) {
                // What it holds is found out here, not kept.
                *view = ChannelView { is_binary: view.is_binary, ..sound((*kept).clone()) };
                found += 1;
            }
        }
        if !self.channels.is_empty() && document.channels.iter().all(|view| !view.visible) && found == 0 {
            document.channels.iter_mut().for_each(|view| view.visible = true);
        }
        let gone = self.channels.len().saturating_sub(found);
        if gone > 0 {
            notes.push(format!("{} not there any more", crate::gui::wording::plural(gone as u64, "channel")));
        }
        let same = |(channel, kept): (&crate::recording::Channel, &ChannelState)| channel.id == kept.id;
        channels.len() == self.channels.len() && channels.iter().zip(&self.channels).all(same)
    }
}

/// A channel's look with nothing in it that could not be drawn.
fn sound(view: ChannelView) -> ChannelView {
    let gain = if view.gain.is_finite() && view.gain > 0.0 { view.gain.clamp(1e-4, 1e4) } else { 1.0 };
    let centre = if view.centre.is_finite() { view.centre } else { 0.0 };
    ChannelView { gain, centre, ..view.mended() }
}

/// Analyses and decoders that may be named as chosen; there is one of each.
const MAX_CHOSEN: usize = 2;

impl WindowState {
    /// How the window is arranged.
    #[must_use]
    pub fn of(panels: &Panels) -> Self {
        Self {
            time: panels.time_format,
            inspector: panels.analysis_forms.chosen().map(tab_key).map(str::to_owned).to_vec(),
            layout: panels.dock.layout(),
        }
    }

    /// Arranges it so.
    pub fn apply(&self, panels: &mut Panels) {
        panels.time_format = self.time;
        for tab in self.inspector.iter().take(MAX_CHOSEN).filter_map(|name| tab_named(name).ok()) {
            panels.analysis_forms.choose(tab);
        }
        // How large the letters are is a matter of the screen, not of the recording.
        let zoom = panels.dock.zoom();
        panels.dock = Dock::of(&Layout { zoom, ..self.layout.clone() });
    }
}

impl Workspace {
    /// All that is kept of `document`, for a file in the folder `base`; without one, with absolute places only.
    #[must_use]
    pub fn of(document: &Document, filter: Option<&str>, base: Option<&Path>) -> Self {
        let files = document.paths().iter().map(|path| FileRef::new(path, base)).collect();
        let name = document.shown().name.clone();
        let mut streams = document.kept.others.clone();
        streams.insert(name.clone(), StreamState::of(document, filter));
        Self {
            options: document.options.clone(),
            fingerprint: document.kept.fingerprint.clone().unwrap_or_default(),
            streams,
            annotations: document.notes.kept_in.as_deref().map(|path| FileRef::new(path, base)),
            ..Self::new(files, name)
        }
    }
}

#[cfg(test)]
mod tests {
    use eframe::egui::Color32;
    use proptest::prelude::*;

    use super::*;
    use crate::gui::command::ChannelCommand;
    use crate::gui::testing::document;

    fn arranged() -> Document {
        let mut document = document(8);
        document.apply_view(ViewCommand::Range(700.0..1900.0)).unwrap();
        document.apply_channels(ChannelCommand::Show(3, false));
        document.apply_channels(ChannelCommand::Gain(2, 2.5));
        document.apply_channels(ChannelCommand::Colour(1, Color32::from_rgb(1, 2, 3)));
        document.apply_view(ViewCommand::Amplitude(4.0)).unwrap();
        document.lanes.half_range = Some(vec![2.0; 8]);
        document.selection = Some(800..1700);
        document
    }

    #[test]
    fn all_of_it_comes_back() {
        let before = arranged();
        let workspace = Workspace::of(&before, Some("high-pass=300"), Some(Path::new("/data")));
        assert_eq!(workspace.files[0].path, "day 1.rec");
        let read = Workspace::parse(&workspace.text().unwrap()).unwrap();
        assert_eq!(read, workspace);
        let state = &read.streams["ephys"];
        assert_eq!(state.chain().unwrap().unwrap().to_string(), "high-pass=300");
        let mut after = document(8);
        assert_eq!(state.apply(&mut after), Vec::<String>::new());
        assert_eq!((after.channels, after.lanes, after.selection), (before.channels, before.lanes, before.selection));
        assert_eq!(after.viewport, before.viewport);
    }

    #[test]
    fn filters_that_cannot_be_applied_are_kept_until_others_are() {
        let mut document = arranged();
        document.kept.lost_filter = Some("low-pass=99999".to_owned());
        assert_eq!(StreamState::of(&document, None).filter, "low-pass=99999");
        assert_eq!(StreamState::of(&document, Some("high-pass=1")).filter, "high-pass=1");
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_told() {
        let state = StreamState::of(&arranged(), None);
        let mut fewer = document(4);
        let notes = StreamState { selection: Some([10, 99_999]), view: [1e9, 2e9], ..state }.apply(&mut fewer);
        assert_eq!(notes.len(), 3, "{notes:?}");
        assert!(!fewer.channels[3].visible && fewer.lanes.half_range.is_none() && fewer.selection.is_none());
        assert!(fewer.viewport.shows_all());
    }

    #[test]
    fn unknown_keys_are_ignored_and_bad_files_refused() {
        let text = r#"{"longwave_workspace": 1, "files": [{"path": "a.rec"}], "later": [1, 2],
            "streams": {"ephys": {"channels": [{"id": "hw0", "gain": 2, "sparkle": true}], "view": [0, 10]}}}"#;
        let workspace = Workspace::parse(text).unwrap();
        assert_eq!(workspace.streams["ephys"].channels[0].view.gain, 2.0);
        for (text, hint) in [
            ("", "not a workspace"),
            ("{}", "not a workspace"),
            ("[1]", "not a workspace"),
            (r#"{"longwave_workspace": 2, "files": [{"path": "a"}]}"#, "newer"),
            (r#"{"longwave_workspace": 1}"#, "names no recording"),
            (r#"{"longwave_workspace": 1, "files": [{"path": "a"}], "options": {"rate_hz": -1}}"#, "rate"),
        ] {
            let error = Workspace::parse(text).unwrap_err().to_string();
            assert!(error.contains(hint), "{text}: {error}");
        }
        let deep = "[".repeat(100_000);
        assert!(Workspace::parse(&format!("{{\"longwave_workspace\": 1, \"later\": {deep}")).is_err());
    }

    proptest! {
        #[test]
        fn hostile_numbers_do_no_harm(
            view in any::<[f64; 2]>(), selection in any::<[u64; 2]>(), first in any::<f64>(), count in any::<f64>(),
            amplitude in any::<f64>(), gain in any::<f32>(), centre in any::<f64>(), half in any::<f64>(),
            filter in "[a-z=0-9.;-]{0,12}",
        ) {
            let mut target = document(3);
            let mut state = StreamState::of(&target, None);
            state.view = view;
            state.selection = Some(selection);
            state.filter = filter;
            let half_range = Some(vec![half; 3]);
            (state.lanes.first, state.lanes.count, state.lanes.amplitude) = (first, count, amplitude);
            state.lanes.half_range = half_range;
            state.channels[1].view.gain = gain;
            state.channels[1].view.centre = centre;
            drop(state.chain());
            state.apply(&mut target);
            prop_assert!(target.lanes.count >= 1.0 && target.lanes.first >= 0.0 && target.lanes.amplitude > 0.0);
            prop_assert!(target.lanes.amplitude.is_finite() && target.channels.iter().all(|v| v.gain.is_finite()));
            prop_assert!(target.viewport.ticks().is_finite() && !target.lanes_on_screen().is_empty());
            if let Some(selection) = &target.selection {
                prop_assert!(selection.start < selection.end);
            }
        }
    }
}
