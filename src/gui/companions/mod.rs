//! Companions: further streams beneath the one that is shown, on its time axis, each in a pane of its own with its own
//! lanes. They are of the same recording, or of another one that is aligned with it by the clock or by hand.
//!
//! A companion asks for columns as the main view does, in frames of its own clock; [`Companion::tick_of`] is the one place
//! in which the two clocks meet. Nothing of the main stream is resampled for it, and nothing of it for the main stream.

mod opening;
mod pane;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use opening::Answer;
pub(super) use opening::open;
pub(super) use pane::{panes_ui, split};

use serde::{Deserialize, Serialize};

use super::column_worker::Wish;
use super::jobs::JobId;
use super::state::Document;
use super::time_axis::unix_ns_of;
use super::traces::Packed;
use crate::picture::amplitude;
use crate::recording::{Stream, TimeBase};
use crate::source::Source;
use crate::summary::{Columns, Summary, ViewRequest};

/// Companions at most; more panes would leave no room for the traces.
pub(super) const MAX: usize = 6;
/// Lanes of a pane at most.
pub(super) const MAX_LANES: usize = 64;
/// Heights of a pane, points.
pub(super) const HEIGHTS: std::ops::RangeInclusive<f32> = 56.0..=600.0;
const FIRST_HEIGHT: f32 = 120.0;

/// How the clock of a companion lies on that of the main stream.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Alignment {
    /// Both begin together: streams of one recording do.
    #[default]
    Start,
    /// As the clocks of both recordings have it.
    Clock,
    /// It begins so many seconds after the main stream (below 0: before).
    Seconds(f64),
}

/// A companion as it is asked for, and as it is kept in workspaces.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Beneath {
    /// Another recording; `None`: the one that is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// The name of the stream; empty for the recording's main one.
    pub stream: String,
    pub alignment: Alignment,
    /// Points; 0 for the usual one.
    pub height: f32,
}

/// About companions, by their number.
#[derive(Clone, PartialEq, Debug)]
pub enum CompanionCommand {
    /// Show this beneath the traces.
    Add(Beneath),
    /// Ask for that recording.
    AskFile,
    Align(u64, Alignment),
    /// Its height, points.
    Height(u64, f32),
    Remove(u64),
    RemoveAll,
}

/// A stream beneath the traces.
pub struct Companion {
    /// Never used again.
    pub id: u64,
    pub source: Arc<dyn Source>,
    pub stream: usize,
    pub summary: Summary,
    /// Where the recording is, if it is another one.
    pub path: Option<PathBuf>,
    pub alignment: Alignment,
    /// Points.
    pub height: f32,
    pub picture: Option<(Arc<Columns>, Arc<Packed>)>,
    /// Middle and half of what each lane shows, set by the first picture.
    pub lanes: Option<Vec<(f64, f64)>>,
    /// Why there is no picture.
    pub error: Option<String>,
    /// The job that makes its summary.
    pub(super) building: Option<JobId>,
}

/// All companions of a document, from top to bottom.
#[derive(Default)]
pub struct Companions {
    pub list: Vec<Companion>,
}

/// The number of the next one: never used again, so that a late answer about one that is gone means no other.
static NEXT: AtomicU64 = AtomicU64::new(1);

impl Companions {
    /// Puts in one that was opened; its number, or `None` if there are enough.
    pub(super) fn add(&mut self, opened: opening::Opened) -> Option<u64> {
        if self.list.len() >= MAX {
            return None;
        }
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let opening::Opened { source, stream, summary, wanted: Beneath { path, alignment, height, .. } } = opened;
        let height = if height > 0.0 { height.clamp(*HEIGHTS.start(), *HEIGHTS.end()) } else { FIRST_HEIGHT };
        self.list.push(Companion {
            id,
            source,
            stream,
            summary,
            path,
            alignment,
            height,
            picture: None,
            lanes: None,
            error: None,
            building: None,
        });
        Some(id)
    }

    /// As they are kept.
    #[must_use]
    pub fn kept(&self) -> Vec<Beneath> {
        let of = |c: &Companion| Beneath {
            path: c.path.clone(),
            stream: c.shown().name.clone(),
            alignment: c.alignment,
            height: c.height,
        };
        self.list.iter().map(of).collect()
    }

    /// Takes in how the recording itself is now: `summaries` of its streams that are shown here. One that is missing there
    /// is not in the recording any more, if that `is_longer` is not what it was with more at its end.
    pub(super) fn take_in(&mut self, source: &Arc<dyn Source>, summaries: Vec<(u64, Summary)>, is_longer: bool) {
        let mut summaries: BTreeMap<u64, Summary> = summaries.into_iter().collect();
        for companion in self.list.iter_mut().filter(|c| c.path.is_none()) {
            match summaries.remove(&companion.id) {
                Some(summary) => companion.follow(Arc::clone(source), summary, is_longer),
                None if is_longer => {}
                None => {
                    companion.picture = None;
                    companion.error = Some("this stream is not in the recording any more".to_owned());
                }
            }
        }
    }

    /// The one of this number.
    pub fn get_mut(&mut self, id: u64) -> Option<&mut Companion> {
        self.list.iter_mut().find(|c| c.id == id)
    }
}

impl Companion {
    /// Its stream.
    #[must_use]
    pub fn shown(&self) -> &Stream {
        &self.source.recording().streams[self.stream]
    }

    /// What it is called: the stream, of another recording with its name.
    #[must_use]
    pub fn title(&self) -> String {
        let stream = &self.shown().name;
        match &self.path {
            Some(_) if self.source.recording().streams.len() > 1 => {
                format!("{} · {stream}", self.source.recording().name)
            }
            Some(_) => self.source.recording().name.clone(),
            None => stream.clone(),
        }
    }

    /// Whether both recordings tell the time, so that they can be aligned by it.
    #[must_use]
    pub fn has_clock(&self, main: &TimeBase) -> bool {
        main.start_unix_ns().is_some() && self.shown().time.start_unix_ns().is_some()
    }

    /// Seconds by which it begins after the main stream.
    #[must_use]
    pub fn offset_secs(&self, main: &TimeBase) -> f64 {
        match self.alignment {
            Alignment::Start => 0.0,
            Alignment::Seconds(secs) => secs,
            Alignment::Clock => {
                let start = self.shown().time.start_unix_ns();
                start.and_then(|ns| main.secs_of_unix_ns(ns)).unwrap_or(0.0)
            }
        }
    }

    /// The tick of its own clock, fractions between, at a tick of the main stream's.
    #[must_use]
    pub fn tick_of(&self, main: &TimeBase, tick: f64) -> f64 {
        let own = &self.shown().time;
        let secs = match self.alignment {
            Alignment::Clock if self.has_clock(main) => {
                own.secs_of_unix_ns(unix_ns_of(main, tick)).unwrap_or(tick / main.rate_hz())
            }
            _ => tick / main.rate_hz() - self.offset_secs(main),
        };
        secs * own.rate_hz()
    }

    /// Channels that have lanes.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.shown().channels.len().min(MAX_LANES)
    }

    /// Shows its recording as it is now.
    pub(super) fn follow(&mut self, source: Arc<dyn Source>, summary: Summary, is_longer: bool) {
        (self.source, self.summary) = (source, summary);
        if !is_longer {
            (self.picture, self.lanes, self.error) = (None, None, None);
        }
    }

    /// Takes in a picture; the first one settles the heights, each channel for itself: units differ.
    pub(super) fn arrived(&mut self, columns: Arc<Columns>, packed: Arc<Packed>) {
        if self.lanes.is_none() && columns.values.iter().any(|values| values.iter().any(|v| !v.is_empty())) {
            let (lanes, channels) = (self.channels(), &self.source.recording().streams[self.stream].channels);
            let fit = |(&c, values): (&usize, &Vec<crate::summary::MinMax>)| {
                let scaled = values.iter().map(|v| v.scaled(channels[c].scale));
                amplitude::fit(scaled, lanes)
                    .map_or((0.0, 1.0), |(middle, half)| (middle, if half > 0.0 { half } else { 1.0 }))
            };
            self.lanes = Some(columns.request.channels.iter().zip(&columns.values).map(fit).collect());
        }
        self.error = None;
        self.picture = Some((columns, packed));
    }
}

impl Document {
    /// What a companion wishes for, to be drawn where the view is going.
    pub(super) fn companion_wish(&self, companion: &Companion, pixels_per_point: f32) -> Wish {
        let (view, main, stream) = (self.destination(), self.time(), companion.shown());
        let start = companion.tick_of(main, view.start_tick());
        let end = companion.tick_of(main, view.end_tick());
        // `as` saturates: what lies before the first tick is 0.
        let frame = |tick: f64| stream.time.frame_at_tick(tick.max(0.0) as u64).min(stream.frames);
        let seen = frame(start.floor())..frame(end.ceil()).max(frame(start.floor()));
        companion.summary.want(seen.clone());
        let columns = view.width_points() * f64::from(pixels_per_point);
        let per_column = (end - start).max(0.0) / columns.max(1.0);
        let channels: Vec<usize> = (0..companion.channels()).collect();
        let request = ViewRequest::covering(companion.stream, channels, seen, stream.frames, per_column);
        Wish {
            scales: request.channels.iter().map(|&c| stream.channels[c].scale).collect(),
            request,
            summary: companion.summary.clone(),
            time: stream.time.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::document;
    use super::*;
    use crate::recording::ClockFit;

    fn companion(document: &Document, time: TimeBase, alignment: Alignment) -> Companion {
        let mut recording = document.source.recording().clone();
        recording.streams.truncate(1);
        let stream = &mut recording.streams[0];
        (stream.time, stream.frames) = (time, 100);
        let samples = vec![crate::recording::Samples::I16((0..100 * stream.channels.len() as i16).collect())];
        let source = Arc::new(crate::source::MemorySource::new(recording, samples).unwrap());
        let budget = crate::budget::MemoryBudget::new(16 << 20);
        let summary =
            Summary::open(Arc::clone(&source) as Arc<dyn Source>, 0, &budget, &crate::summary::SidecarPolicy::Off)
                .unwrap();
        let mut companions = Companions::default();
        let wanted = Beneath { path: Some("b.rec".into()), alignment, ..Beneath::default() };
        let opened = opening::Opened { source, stream: 0, summary, wanted };
        assert!(companions.add(opened).is_some());
        companions.list.remove(0)
    }

    #[test]
    fn clocks_meet_by_start_by_hand_and_by_the_wall() {
        let document = document(2);
        let main = document.time().clone().starting_at(1_000_000_000_000);
        let own = TimeBase::regular(50.0);
        let together = companion(&document, own.clone(), Alignment::Start);
        assert_eq!(together.tick_of(&main, 2000.0), 100.0);
        let later = companion(&document, own.clone(), Alignment::Seconds(0.5));
        assert_eq!((later.tick_of(&main, 2000.0), later.offset_secs(&main)), (75.0, 0.5));
        // By the clock: it began 1.5 s later, and its clock runs 0.1 % fast.
        let start = 1_001_500_000_000;
        let fit = ClockFit { ns_per_tick: 2e7 * 1.001, ..ClockFit::nominal(start, 50.0) };
        let timed = companion(&document, own.clone().fitted_to(fit), Alignment::Clock);
        assert!((timed.offset_secs(&main) - 1.5).abs() < 1e-9);
        assert!((timed.tick_of(&main, 1500.0)).abs() < 1e-6);
        assert!((timed.tick_of(&main, 3502.0) - 100.0).abs() < 1e-6, "{}", timed.tick_of(&main, 3502.0));
        assert!(!companion(&document, own, Alignment::Clock).has_clock(&main));
    }

    #[test]
    fn a_wish_is_for_the_frames_that_are_seen_in_its_own_clock() {
        let mut document = document(2);
        document.viewport.show(500.0, 1500.0);
        let c = companion(&document, TimeBase::regular(50.0), Alignment::Start);
        let wish = document.companion_wish(&c, 1.0);
        assert_eq!((wish.request.frames.clone(), wish.request.bucket_frames), (25..75, 1));
        let far = companion(&document, TimeBase::regular(50.0), Alignment::Seconds(1e6));
        assert!(document.companion_wish(&far, 1.0).request.frames.is_empty(), "it is not there yet");
        let long_ago = companion(&document, TimeBase::regular(50.0), Alignment::Seconds(-1e300));
        assert!(document.companion_wish(&long_ago, 1.0).request.frames.is_empty());
    }
}
