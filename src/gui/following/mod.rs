//! Following a recording that is being written: it grows on the screen, and what its files do is told.
//!
//! A worker ([`worker`]) watches the files of what is open and describes the recording anew when it has grown; the window
//! takes that in between two frames ([`Document::grow`]): view, selection, annotations, channels, filters and results stay,
//! and what was drawn is drawn until the new picture comes. In *follow mode* the end stays in view, as in a viewer of
//! logs: moving away from it ends the mode, the End key begins it again.
//!
//! Cost: while nothing grows, one question to the system every quarter of a second (every second after a minute), and no
//! frame is drawn.

mod target;
mod worker;

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use eframe::egui::{self, RichText, Ui};

use super::command::{Command, ViewCommand};
use super::state::Document;
use super::theme::Colours;
use crate::source::Source;
pub(super) use worker::Follower;
pub use worker::{Described, News, What};

/// The spectrogram of a growing recording, which is made anew each time, is taken further after so long, and not before
/// the recording is this share longer.
const SPECTROGRAM_AGE: Duration = Duration::from_secs(10);
const SPECTROGRAM_SHARE: f64 = 0.01;

/// Whether the recording is being written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Growth {
    /// Not as far as was seen.
    #[default]
    Still,
    Growing,
    /// It was, and has rested for some seconds.
    Stopped,
}

/// What the window knows of a recording that is being written.
#[derive(Default)]
pub struct Live {
    /// The end stays in view.
    pub follow: bool,
    pub growth: Growth,
    /// What the spectrogram shows meanwhile, and since when: it would begin anew at every step.
    held: Option<(Arc<dyn Source>, Instant)>,
    /// What it was before it grew, as far as somebody still works on that.
    earlier: Vec<Weak<dyn Source>>,
}

impl Live {
    /// The recording that the spectrogram is made of: `now`, or as it was a little while ago.
    pub(super) fn for_spectrogram<'a>(&'a self, now: &'a Arc<dyn Source>) -> &'a Arc<dyn Source> {
        self.held.as_ref().map_or(now, |(source, _)| source)
    }

    /// Whether the recording without filters was `source` before it grew.
    #[must_use]
    pub(super) fn was(&self, source: &Arc<dyn Source>) -> bool {
        self.earlier.iter().any(|earlier| Weak::ptr_eq(earlier, &Arc::downgrade(source)))
    }

    /// Another recording, or another filter, is shown.
    pub(super) fn let_go(&mut self) {
        self.held = None;
    }
}

impl Document {
    /// The recording without filters.
    #[must_use]
    pub fn raw_source(&self) -> &Arc<dyn Source> {
        self.filter.as_ref().map_or(&self.source, |filter| &filter.source)
    }

    /// Takes in that the recording has grown.
    pub(super) fn grow(&mut self, described: Described) {
        let Described { source, summary, filtered, beneath, next, .. } = described;
        self.companions.take_in(&source, beneath, true);
        let before = Arc::clone(&self.source);
        self.live.earlier.retain(|earlier| earlier.strong_count() > 0);
        let raw = Arc::downgrade(self.raw_source());
        self.live.earlier.push(raw);
        match (filtered, &mut self.filter) {
            (Some((_, shown, shown_summary)), Some(filter)) => {
                (filter.source, filter.summary) = (source, summary);
                (self.source, self.summary) = (shown, shown_summary);
            }
            _ => (self.source, self.summary) = (source, summary),
        }
        self.more.extend(next);
        let now = Instant::now();
        match &self.live.held {
            Some((held, since)) if now - *since > SPECTROGRAM_AGE && self.is_longer_by_a_share(held) => {
                self.live.held = None
            }
            Some(_) => {}
            None => self.live.held = Some((before, now)),
        }
        self.viewport.set_len(self.time().end_tick(self.shown().frames));
        if self.live.follow && !self.viewport.shows_all() {
            self.viewport.end();
        }
    }

    /// Whether it is worth making the spectrogram anew that was made of `held`.
    fn is_longer_by_a_share(&self, held: &Arc<dyn Source>) -> bool {
        let before = held.recording().streams[self.stream].frames as f64;
        self.pictures.gram.is_complete() && self.shown().frames as f64 > before * (1.0 + SPECTROGRAM_SHARE)
    }

    /// Begins or ends the follow mode.
    pub(super) fn follow(&mut self, follow: bool) {
        self.live.follow = follow;
        if follow {
            self.playing = None;
            if !self.viewport.shows_all() {
                self.viewport.end();
            }
        }
    }

    /// After the view was moved: whoever moves away from the end does not follow it.
    pub(super) fn still_follows(&mut self) {
        let sees_end = self.viewport.end_tick() >= self.viewport.len_ticks();
        self.live.follow &= sees_end && self.playing.is_none();
    }

    /// Takes in whether it grows.
    pub(super) fn growth_is(&mut self, growth: Growth) {
        self.live.growth = growth;
        if growth != Growth::Growing {
            self.live.let_go();
        }
    }
}

/// Says that the recording grows, and lets the user follow it; nothing for a recording that does not.
pub(super) fn status_ui(ui: &mut Ui, document: &Document, out: &mut Vec<Command>) {
    let (text, hover) = match document.live.growth {
        Growth::Still => return,
        Growth::Growing => ("● Growing", "The recording is being written: it grows while you look"),
        Growth::Stopped => ("■ Stopped", "The recording was being written, and has not grown for some seconds"),
    };
    let colours = Colours::of(ui);
    let follows = document.live.follow;
    let button = ui.add(egui::Button::selectable(follows, "Follow"));
    if button.on_hover_text("Keep the end in view (Shift+F); moving away from it ends this").clicked() {
        out.push(Command::View(ViewCommand::Follow(!follows)));
    }
    let colour = if document.live.growth == Growth::Growing { colours.accent } else { colours.muted };
    ui.label(RichText::new(text).color(colour)).on_hover_text(hover);
}

#[cfg(test)]
mod tests {
    use egui_kittest::kittest::Queryable as _;

    use super::super::testing::{bench, document};
    use super::*;
    use crate::source::MemorySource;
    use crate::summary::{SidecarPolicy, Summary};

    /// The recording of [`document`], a hundred frames longer.
    fn longer(document: &Document) -> Described {
        let mut recording = document.recording().clone();
        let samples = recording
            .streams
            .iter_mut()
            .map(|stream| {
                stream.frames += 100;
                crate::recording::Samples::I16(vec![5; stream.frames as usize * stream.channels.len()])
            })
            .collect();
        let source: Arc<dyn Source> = Arc::new(MemorySource::new(recording, samples).unwrap());
        let budget = crate::budget::MemoryBudget::new(64 << 20);
        let summary = Summary::open(Arc::clone(&source), 0, &budget, &SidecarPolicy::Off).unwrap();
        Described { source, summary, filtered: None, beneath: Vec::new(), next: None, is_longer: true }
    }

    fn grow(document: &mut Document) {
        let described = longer(document);
        document.grow(described);
    }

    #[test]
    fn a_view_of_all_stays_one_and_any_other_stays_where_it_is() {
        let mut document = document(2);
        grow(&mut document);
        assert!(document.viewport.shows_all() && !document.live.follow);
        document.apply_view(ViewCommand::Range(100.0..200.0)).unwrap();
        document.selection = Some(5..10);
        grow(&mut document);
        assert_eq!((document.viewport.start_tick(), document.viewport.end_tick()), (100.0, 200.0));
        assert_eq!(document.selection, Some(5..10));
        assert_eq!(document.shown().frames, 3200);
    }

    #[test]
    fn following_ends_by_moving_away_and_begins_again_at_the_end() {
        let mut document = document(2);
        document.apply_view(ViewCommand::Range(100.0..200.0)).unwrap();
        document.apply_view(ViewCommand::Follow(true)).unwrap();
        assert_eq!(document.viewport.end_tick(), 3500.0);
        grow(&mut document);
        assert_eq!((document.viewport.start_tick(), document.viewport.end_tick()), (3500.0, 3600.0));
        document.apply_view(ViewCommand::Amplitude(2.0)).unwrap();
        document.apply_view(ViewCommand::ZoomCentre(0.5)).unwrap();
        assert!(document.live.follow, "the end is still in view");
        document.apply_view(ViewCommand::Page(-1.0)).unwrap();
        assert!(!document.live.follow);
        let at = document.viewport.start_tick();
        grow(&mut document);
        assert_eq!(document.viewport.start_tick(), at);
        document.apply_view(ViewCommand::End).unwrap();
        assert!(!document.live.follow, "what does not grow is not followed");
        document.growth_is(Growth::Growing);
        document.apply_view(ViewCommand::End).unwrap();
        assert!(document.live.follow);
        document.apply_view(ViewCommand::Play(Some(1.0))).unwrap();
        assert!(!document.live.follow);
    }

    #[test]
    fn what_grows_says_so_and_can_be_followed() {
        let state = document(2);
        let mut harness = bench([500.0, 60.0], state, |ui, document, out| {
            ui.horizontal(|ui| status_ui(ui, document, out));
        });
        harness.run();
        assert!(harness.query_by_label("Follow").is_none());
        harness.state_mut().state.growth_is(Growth::Growing);
        harness.run();
        harness.get_by_label("● Growing");
        harness.get_by_label("Follow").click();
        harness.run();
        assert!(matches!(harness.state().out[..], [Command::View(ViewCommand::Follow(true))]));
    }
}
