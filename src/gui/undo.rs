//! One time line of everything that the user changed: `Ctrl+Z` takes back the last of it, whatever it was.
//!
//! Annotations keep their own history ([`crate::annotation::Annotations`]); this one only notes *that* one was edited.
//! Of all else (channels, amplitude, selection, filters, settings) it keeps the state before each change. No command has
//! to say how it is undone: the state is looked at before and after every command, so that a new one is undone, too.
//! Where the view has been is another history, which Backspace walks.
//!
//! What the window does by itself (heights found in the first picture, filters that arrive) is no step. Changes of the
//! same thing without a pause, as by dragging a gain, are one. Cost: a copy of the state of each channel a step, which
//! steps that leave the channels alone share; the oldest steps are forgotten when all of them take more than [`MAX_BYTES`].

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::channels::Arrangement;
use super::command::{Command, ViewCommand};
use super::settings::Settings;
use super::state::{ChannelView, Document, LaneView};
use crate::filter::Chain;

/// Steps that are kept.
const MAX_STEPS: usize = 500;
/// What they may take in memory; the last one is kept whatever it takes.
const MAX_BYTES: usize = 64 << 20;
/// Changes of one thing that are closer together are one step.
const PAUSE: Duration = Duration::from_millis(700);

/// What the user has arranged, as far as it can be undone.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Arranged {
    pub settings: Settings,
    /// `None`: nothing is open.
    pub shown: Option<Shown>,
}

/// The same of the open recording.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Shown {
    pub channels: Arc<Vec<ChannelView>>,
    pub lanes: LaneView,
    pub selection: Option<Range<u64>>,
    pub filter: Option<Chain>,
}

impl Shown {
    /// What is arranged now; `filter` is the one that is applied or on its way.
    #[must_use]
    pub(super) fn of(document: &Document, filter: Option<Chain>, before: Option<&Self>) -> Self {
        let channels = before.map(|b| &b.channels).filter(|b| ***b == document.channels);
        Self {
            channels: channels.map_or_else(|| Arc::new(document.channels.clone()), Arc::clone),
            lanes: arranged(&document.lanes),
            selection: document.selection.clone(),
            filter,
        }
    }

    /// What it takes in memory, without what it shares with `next`.
    fn bytes(&self, next: Option<&Self>) -> usize {
        let list = &self.lanes.list;
        let folded: usize = list.folded.iter().chain(&self.lanes.events.tracks).map(|name| 64 + name.len()).sum();
        let shared = next.is_some_and(|next| Arc::ptr_eq(&next.channels, &self.channels));
        let channels = if shared { 0 } else { self.channels.len() * size_of::<ChannelView>() };
        size_of::<Self>() + channels + list.order.len() * size_of::<usize>() + folded
    }

    /// Puts it back: all but what the window has found by itself, and where the lanes are scrolled to.
    pub(super) fn restore(&self, document: &mut Document) {
        if self.channels.len() != document.channels.len() {
            return; // of another stream
        }
        let before = document.stack().height();
        for (view, kept) in document.channels.iter_mut().zip(self.channels.iter()) {
            *view = ChannelView {
                centre: view.centre,
                threshold: view.threshold,
                is_binary: view.is_binary,
                ..kept.clone()
            };
        }
        let LaneView { first, count, half_range, list: now, .. } = document.lanes.clone();
        let refit = document.lanes.heights != self.lanes.heights;
        // What was read from a file, and what is picked, is no step either.
        let list =
            Arrangement { places: now.places, picked: now.picked, anchor: now.anchor, ..self.lanes.list.clone() };
        document.lanes = LaneView { first, count, half_range, list, ..self.lanes.clone() };
        if refit {
            document.refit_heights();
        }
        document.selection.clone_from(&self.selection);
        document.fit_lanes(before);
        document.refresh_envelope();
    }
}

/// How lanes are arranged: without what is picked, what was read from a file, and what the window has found by itself.
fn arranged(lanes: &LaneView) -> LaneView {
    let Arrangement { order, colour_by, folded, places: _, picked: _, anchor: _ } = &lanes.list;
    let (order, folded) = (order.clone(), folded.clone());
    let list = Arrangement { order, colour_by: *colour_by, folded, ..Arrangement::default() };
    LaneView { list, half_range: None, events: lanes.events.clone(), ..*lanes }
}

/// What differs between two states; two changes that are alike may be one gesture.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Change {
    /// Of which channels something gradual (gain, colour, …) differs.
    tuned: Vec<usize>,
    /// Whether which channels are shown differs.
    visible: bool,
    lanes: bool,
    selection: bool,
    filter: bool,
    settings: bool,
}

impl Change {
    fn between(a: &Arranged, b: &Arranged) -> Option<Self> {
        let mut change = Self { settings: a.settings != b.settings, ..Self::default() };
        if let (Some(a), Some(b)) = (&a.shown, &b.shown) {
            if !Arc::ptr_eq(&a.channels, &b.channels) {
                let found = ChannelView::default();
                let neutral = |v: &ChannelView| {
                    let ChannelView { visible, centre, threshold, is_binary, .. } = found;
                    ChannelView { visible, centre, threshold, is_binary, ..v.clone() }
                };
                let pairs = || a.channels.iter().zip(b.channels.iter()).enumerate();
                change.tuned = pairs().filter(|(_, (a, b))| neutral(a) != neutral(b)).map(|(i, _)| i).collect();
                change.visible = pairs().any(|(_, (a, b))| a.visible != b.visible);
            }
            let neutral = |v: &LaneView| LaneView { first: 0.0, count: 1.0, half_range: None, ..v.clone() };
            change.lanes = neutral(&a.lanes) != neutral(&b.lanes);
            change.selection = a.selection != b.selection;
            change.filter = a.filter != b.filter;
        }
        (change != Self::default()).then_some(change)
    }

    /// Whether such changes come in numbers while something is dragged.
    fn is_gradual(&self) -> bool {
        !self.visible && !self.filter && !self.settings
    }

    /// What was changed, for people.
    fn title(&self) -> &'static str {
        match self {
            Self { filter: true, .. } => "filters",
            Self { visible: true, .. } => "channels shown",
            Self { settings: true, .. } => "settings",
            Self { lanes: true, .. } => "amplitude",
            Self { selection: true, .. } => "selection",
            _ => "look of a channel",
        }
    }
}

/// One thing that the user did.
#[derive(Clone, PartialEq, Debug)]
enum Step {
    /// One step of the history of annotations.
    Note,
    /// Everything as it was before.
    Arranged(Box<Arranged>, &'static str),
}

impl Step {
    fn shown(&self) -> Option<&Shown> {
        match self {
            Self::Note => None,
            Self::Arranged(state, _) => state.shown.as_ref(),
        }
    }

    /// What it takes in memory, without what it shares with the step after it.
    fn bytes(&self, next: Option<&Shown>) -> usize {
        let Self::Arranged(state, _) = self else { return size_of::<Self>() };
        let Settings { keys, categories, zone, preset, .. } = &state.settings;
        let keys: usize = keys.iter().map(|(key, line)| 64 + key.len() + line.len()).sum();
        let categories: usize = categories.iter().map(|c| size_of_val(c) + c.name.len()).sum();
        let settings = size_of::<Arranged>() + keys + categories + zone.len() + preset.len();
        settings + state.shown.as_ref().map_or(0, |shown| shown.bytes(next))
    }
}

/// How many of the last steps are kept.
fn kept(steps: &[Step], most: usize) -> usize {
    let mut bytes = 0_usize;
    let mut next: Option<&Shown> = None;
    let fitting = steps.iter().rev().take(MAX_STEPS).take_while(|step| {
        bytes = bytes.saturating_add(step.bytes(next));
        next = step.shown().or(next);
        bytes <= most
    });
    fitting.count().max(1).min(steps.len())
}

/// What undoing or redoing asks for.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Ask {
    /// One step of the history of annotations.
    Note,
    /// Put this back.
    Restore(Box<Arranged>),
}

/// What was done and taken back, newest last.
#[derive(Default)]
pub(super) struct Timeline {
    undo: Vec<Step>,
    redo: Vec<Step>,
    now: Option<Arranged>,
    /// Edits of annotations seen so far.
    revision: u64,
    last: Option<(Change, Instant)>,
    /// The selection that belongs to filters which are on their way.
    pub selection: Option<Option<Range<u64>>>,
}

impl Timeline {
    /// Whether `command` may change what is looked at here: others are not worth a look.
    #[must_use]
    pub(super) fn concerns(command: &Command) -> bool {
        use ViewCommand as V;
        match command {
            Command::View(view) => {
                matches!(view, V::Select(_) | V::SelectAll | V::Amplitude(_) | V::AmplitudeReset)
            }
            Command::File(_) | Command::Job(_) | Command::Script(_) | Command::Timeline(_) | Command::Copy(_) => false,
            _ => true,
        }
    }

    /// The state that was seen last, to share what has not changed.
    #[must_use]
    pub(super) fn seen(&self) -> Option<&Shown> {
        self.now.as_ref().and_then(|now| now.shown.as_ref())
    }

    /// Takes the state as it is for what was there before the next command.
    pub(super) fn settle(&mut self, now: Arranged, revision: u64) {
        self.now = Some(now);
        self.note_edits(revision);
    }

    /// Notes what a command has changed.
    pub(super) fn note(&mut self, now: Arranged, revision: u64, at: Instant) {
        self.note_edits(revision);
        let Some(before) = self.now.replace(now) else { return };
        let Some(change) = self.now.as_ref().and_then(|now| Change::between(&before, now)) else { return };
        self.redo.clear();
        let (last, title) = (self.last.replace((change.clone(), at)), change.title());
        let goes_on = last.is_some_and(|(last, then)| last == change && change.is_gradual() && at - then < PAUSE);
        if goes_on && let (Some(Step::Arranged(first, _)), Some(now)) = (self.undo.last(), &self.now) {
            // A gesture that ends where it began has changed nothing.
            if Change::between(first, now).is_none() {
                self.undo.pop();
            }
            return;
        }
        self.push(Step::Arranged(Box::new(before), title));
    }

    fn note_edits(&mut self, revision: u64) {
        for _ in self.revision..revision.min(self.revision + MAX_STEPS as u64) {
            self.redo.clear();
            self.last = None;
            self.push(Step::Note);
        }
        self.revision = revision;
    }

    fn push(&mut self, step: Step) {
        self.undo.push(step);
        let kept = kept(&self.undo, MAX_BYTES);
        self.undo.drain(..self.undo.len() - kept);
    }

    /// The step of the list of annotations that was asked for last is not there any more.
    pub(super) fn has_failed(&mut self, undo: bool) {
        let to = if undo { &mut self.redo } else { &mut self.undo };
        if to.pop_if(|step| *step == Step::Note).is_some() {
            self.revision -= 1;
        }
    }

    /// What takes back the last step (or does it again), if there is one; `now` is how things are.
    pub(super) fn step(&mut self, undo: bool, now: Arranged, revision: u64) -> Option<(Ask, &'static str)> {
        self.settle(now.clone(), revision);
        self.last = None;
        let (from, to) = if undo { (&mut self.undo, &mut self.redo) } else { (&mut self.redo, &mut self.undo) };
        match from.pop()? {
            Step::Note => {
                to.push(Step::Note);
                // The step that the list of annotations makes is not a new one.
                self.revision += 1;
                Some((Ask::Note, "annotation"))
            }
            Step::Arranged(state, title) => {
                to.push(Step::Arranged(Box::new(now), title));
                Some((Ask::Restore(state), title))
            }
        }
    }

    /// Whether there is something to undo, and to redo.
    #[cfg(test)]
    pub(super) fn can(&self) -> (bool, bool) {
        (!self.undo.is_empty(), !self.redo.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::command::ChannelCommand;
    use super::super::testing::document;
    use super::*;
    use crate::annotation::{Annotation, Edit};

    /// A document with its time line, without the window.
    struct Desk {
        document: Document,
        settings: Settings,
        filter: Option<Chain>,
        timeline: Timeline,
        clock: Instant,
    }

    impl Desk {
        fn new() -> Self {
            let (settings, timeline, clock) = (Settings::default(), Timeline::default(), Instant::now());
            Self { document: document(4), settings, filter: None, timeline, clock }
        }

        fn state(&self) -> Arranged {
            let shown = Shown::of(&self.document, self.filter.clone(), self.timeline.seen());
            Arranged { settings: self.settings.clone(), shown: Some(shown) }
        }

        fn act(&mut self, pause: Duration, act: impl FnOnce(&mut Self)) {
            self.clock += pause;
            self.timeline.settle(self.state(), self.document.notes.annotations.steps());
            act(self);
            self.timeline.note(self.state(), self.document.notes.annotations.steps(), self.clock);
        }

        fn step(&mut self, undo: bool) -> bool {
            let revision = self.document.notes.annotations.steps();
            match self.timeline.step(undo, self.state(), revision) {
                None => return false,
                Some((Ask::Note, _)) => {
                    let notes = &mut self.document.notes.annotations;
                    assert!(if undo { notes.undo() } else { notes.redo() });
                }
                Some((Ask::Restore(state), _)) => {
                    self.settings = state.settings;
                    if let Some(shown) = state.shown {
                        shown.restore(&mut self.document);
                        self.filter = shown.filter;
                    }
                }
            }
            true
        }

        /// All that can be undone, as text.
        fn told(&self) -> String {
            let labels: Vec<&str> = self.document.notes.annotations.list().iter().map(|a| a.label.as_str()).collect();
            format!("{:?} {labels:?}", self.state())
        }
    }

    const LONG: Duration = Duration::from_secs(2);

    #[test]
    fn a_gesture_is_one_step_and_different_things_are_several() {
        let mut desk = Desk::new();
        for gain in [1.1, 1.2, 1.3] {
            desk.act(Duration::from_millis(30), |d| d.document.apply_channels(ChannelCommand::Gain(1, gain)));
        }
        desk.act(Duration::from_millis(30), |d| d.document.apply_channels(ChannelCommand::Gain(2, 3.0)));
        desk.act(Duration::from_millis(30), |d| d.document.apply_channels(ChannelCommand::Show(0, false)));
        desk.act(Duration::from_millis(30), |d| d.document.apply_channels(ChannelCommand::Show(3, false)));
        let steps = desk.timeline.undo.len();
        assert_eq!(steps, 4, "{:?}", desk.timeline.undo);
        assert!(desk.step(true) && desk.step(true));
        assert!(desk.document.channels.iter().all(|v| v.visible));
        assert!(desk.step(true));
        assert_eq!((desk.document.channels[1].gain, desk.document.channels[2].gain), (1.3, 1.0));
        assert!(desk.step(true));
        assert_eq!(desk.document.channels[1].gain, 1.0);
        assert!(!desk.step(true));
    }

    #[test]
    fn a_gesture_back_to_where_it_began_is_none() {
        let mut desk = Desk::new();
        for gain in [1.1, 1.0] {
            desk.act(Duration::from_millis(30), |d| d.document.apply_channels(ChannelCommand::Gain(1, gain)));
        }
        assert!(!desk.step(true));
    }

    #[test]
    fn what_the_window_does_by_itself_is_no_step() {
        let mut desk = Desk::new();
        desk.act(LONG, |d| d.document.selection = Some(3..9));
        desk.document.channels[2].centre = 17.0;
        desk.document.lanes.half_range = Some(vec![1.0; 4]);
        desk.document.lanes.first = 1.0;
        desk.act(LONG, |_| {});
        assert_eq!(desk.timeline.can(), (true, false));
        assert!(desk.step(true));
        assert_eq!(desk.document.selection, None);
        assert_eq!(desk.document.channels[2].centre, 17.0, "what the window has found stays");
        assert_eq!(desk.timeline.can(), (false, true));
    }

    #[test]
    fn steps_that_take_much_are_few() {
        let mut desk = Desk::new();
        desk.document = document(128);
        for i in 0..20 {
            desk.act(LONG, |d| d.document.apply_channels(ChannelCommand::Show(i, false)));
            desk.act(LONG, |d| d.document.selection = Some(0..i as u64 + 1));
        }
        let steps = &desk.timeline.undo;
        assert_eq!((steps.len(), kept(steps, usize::MAX), kept(steps, 0)), (40, 40, 1));
        let one = 128 * size_of::<ChannelView>() + 2 * size_of::<Arranged>();
        let half = kept(steps, 10 * one);
        assert!((14..26).contains(&half), "pairs share their channels: {half}");
    }

    #[test]
    fn a_step_that_the_annotations_have_forgotten_is_passed_over() {
        let mut desk = Desk::new();
        desk.act(LONG, |d| d.document.selection = Some(0..7));
        desk.act(LONG, |d| drop(d.document.notes.annotations.apply(Edit::Add(vec![Annotation::new(1.0, 0.0, "")]))));
        let steps = desk.document.notes.annotations.steps();
        let (ask, _) = desk.timeline.step(true, desk.state(), steps).unwrap();
        assert_eq!(ask, Ask::Note);
        desk.timeline.has_failed(true);
        assert_eq!(desk.timeline.can(), (true, false));
        assert!(desk.step(true));
        assert_eq!((desk.document.selection.clone(), desk.document.notes.annotations.list().len()), (None, 1));
    }

    #[test]
    fn history_is_bounded() {
        let mut desk = Desk::new();
        for i in 0..MAX_STEPS + 20 {
            desk.act(LONG, |d| d.document.selection = Some(0..i as u64 + 1));
        }
        assert_eq!(desk.timeline.undo.len(), MAX_STEPS);
    }

    proptest! {
        #[test]
        fn undoing_all_leads_back_and_redoing_all_forth(
            acts in prop::collection::vec((0_u8..9, 0_usize..4, 0_u32..5, 0_u64..1500), 1..40)
        ) {
            let mut desk = Desk::new();
            let first = desk.told();
            for (kind, channel, value, pause) in acts {
                desk.act(Duration::from_millis(pause), |d| {
                    let factor = [0.5, 0.8, 1.0, 1.25, 2.0][value as usize];
                    match kind {
                        0 => d.document.apply_channels(ChannelCommand::Show(channel, value % 2 == 0)),
                        1 => d.document.apply_channels(ChannelCommand::Gain(channel, factor as f32)),
                        2 => d.document.apply_channels(ChannelCommand::ShowOnly(channel)),
                        3 => d.document.apply_view(ViewCommand::Amplitude(factor)).unwrap(),
                        4 => d.document.selection = (value > 0).then(|| 0..u64::from(value)),
                        5 => d.filter = (value > 0).then(|| Chain::parse(&format!("high-pass={value}")).unwrap()),
                        6 => d.settings.preset = ["", "eeg", "scope", "audio", ""][value as usize].to_owned(),
                        7 => drop(d.document.notes.annotations.apply(Edit::Add(vec![
                            Annotation::new(f64::from(value), 0.0, format!("{channel}"))
                        ]))),
                        _ => {
                            let id = d.document.notes.annotations.list().first().map_or(0, |a| a.id);
                            drop(d.document.notes.annotations.apply(Edit::Remove(vec![id])));
                        }
                    }
                });
            }
            let last = desk.told();
            let mut steps = 0;
            while desk.step(true) { steps += 1; }
            prop_assert_eq!(desk.told(), first);
            while desk.step(false) { steps -= 1; }
            prop_assert_eq!(steps, 0);
            prop_assert_eq!(desk.told(), last);
        }
    }
}
