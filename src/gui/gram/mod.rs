//! The spectrogram under the traces, on the same time axis.
//!
//! [`worker`] makes what is seen, a job makes the tiles of long recordings, [`panel`] draws. The picture that is there is
//! drawn through the new view until a better one has come, like the traces.

mod panel;
mod worker;

use std::ops::Range;
use std::sync::Arc;

use super::heat::HeatStyle;
use super::jobs::{JobId, Jobs, Outcome};
use super::result_view::CurveOptions;
use super::state::Document;
use crate::analysis::Curves;
use crate::analysis::spectrogram::{Cut, GramView, Pyramid};
use crate::budget::MemoryBudget;

pub(super) use panel::panel_ui;
pub use worker::Answer;
pub(super) use worker::{GramWorker, Wish};

/// Lengths of windows to choose from, frames.
const WINDOWS: [usize; 7] = [256, 512, 1024, 2048, 8192, 32_768, 131_072];

/// What the user asks of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GramCommand {
    /// Stop making tiles, or go on.
    Pause(bool),
    /// Show the spectrum at this tick, or none.
    Spectrum(Option<u64>),
}

/// How the panel looks.
#[derive(Default)]
pub struct GramPanel {
    /// `None`: the uppermost on the screen.
    channel: Option<usize>,
    cut: Cut,
    log: bool,
    style: HeatStyle,
    kept: panel::Kept,
    curves: CurveOptions,
}

/// What there is to show of the open recording.
#[derive(Default)]
pub struct Shown {
    pub picture: Option<Picture>,
    /// Where it was clicked.
    pub spectrum_at: Option<u64>,
    spectrum: Option<Spectrum>,
    error: Option<String>,
    paused: bool,
    building: Option<Building>,
    serial: u64,
}

/// The newest picture that has come.
pub struct Picture {
    pub pyramid: Pyramid,
    pub view: Arc<GramView>,
    /// Tells it from the one before.
    serial: u64,
}

struct Spectrum {
    channel: usize,
    tick: u64,
    result: Result<Curves, String>,
}

struct Building {
    job: JobId,
    channel: usize,
    cut: Cut,
}

impl GramPanel {
    /// The channel shown now.
    #[must_use]
    fn channel(&self, document: &Document) -> Option<usize> {
        let visible = document.visible_channels();
        self.channel.filter(|c| *c < document.channels.len()).or_else(|| {
            let first = document.lanes_on_screen().start;
            visible.get(first).or(visible.first()).copied()
        })
    }

    /// What to ask the worker for; nothing if no channel is shown.
    #[must_use]
    pub(super) fn wish(&self, document: &Document) -> Option<Wish> {
        let source = document.live.for_spectrogram(&document.source);
        let shown = &source.recording().streams[document.stream];
        let end = shown.time.end_tick(shown.frames);
        let seen = document.visible_ticks();
        Some(Wish {
            source: Arc::clone(source),
            stream: document.stream,
            channel: self.channel(document)?,
            cut: self.cut,
            ticks: with_margin(seen.start.min(end.saturating_sub(1))..seen.end.min(end), end),
            spectrum_at: document.pictures.gram.spectrum_at,
        })
    }
}

/// The range with half a screen at both sides, on a coarse grid, so that scrolling asks a few times for each screen.
fn with_margin(ticks: Range<u64>, end: u64) -> Range<u64> {
    let step = ((ticks.end - ticks.start) / 2).max(1);
    let grid = 1_u64 << step.ilog2();
    let start = ticks.start.saturating_sub(grid) / grid * grid;
    start..ticks.end.saturating_add(grid).div_ceil(grid).saturating_mul(grid).min(end.max(1))
}

impl Shown {
    /// Whether there is nothing to be made of the picture, if there is one.
    pub(super) fn is_complete(&self) -> bool {
        self.picture.as_ref().is_none_or(|picture| picture.pyramid.coverage() >= 1.0)
    }

    /// Takes in what the worker has found.
    pub(super) fn arrived(&mut self, answer: Answer) {
        match answer {
            Answer::Picture { pyramid, view } => {
                self.serial += 1;
                self.error = None;
                self.picture = Some(Picture { pyramid, view, serial: self.serial });
            }
            Answer::Spectrum { channel, tick, result } => {
                let result = result.map_err(|e| super::wording::sentence(&e.to_string()));
                self.spectrum = Some(Spectrum { channel, tick, result });
            }
            Answer::Failed(error) => {
                self.picture = None;
                self.error = Some(super::wording::sentence(&error.to_string()));
            }
        }
    }

    /// Does what was asked.
    pub(super) fn apply(&mut self, command: GramCommand) {
        match command {
            GramCommand::Pause(paused) => self.paused = paused,
            GramCommand::Spectrum(tick) => {
                self.spectrum_at = tick;
                if tick.is_none() {
                    self.spectrum = None;
                }
            }
        }
    }

    /// Starts, stops or forgets the job that makes the tiles, as the panel and its channel demand.
    pub(super) fn keep_up(&mut self, wish: Option<&Wish>, near: u64, jobs: &mut Jobs, budget: &MemoryBudget) {
        let wanted = wish.map(|w| (w.channel, w.cut));
        if let Some(building) = &self.building {
            let running = jobs.list.iter().any(|j| j.id == building.job && j.is_running());
            let same = wanted == Some((building.channel, building.cut));
            if running && (!same || self.paused) {
                jobs.cancel(building.job);
            }
            if running && same && !self.paused {
                return;
            }
            // Stopped in the list of jobs, or failed: it does not start again by itself.
            let unfinished = self.picture.as_ref().is_some_and(|p| p.pyramid.coverage() < 1.0);
            self.paused |= !running && same && unfinished;
            self.building = None;
            if !same {
                self.paused = false;
            }
        }
        let Some(picture) = self.picture.as_ref().filter(|p| wanted == Some((p.pyramid.channel(), p.pyramid.cut())))
        else {
            return;
        };
        if self.paused || picture.pyramid.coverage() >= 1.0 {
            return;
        }
        let pyramid = picture.pyramid.clone();
        let (channel, cut) = (pyramid.channel(), pyramid.cut());
        let name =
            wish.map_or_else(String::new, |w| w.source.recording().streams[w.stream].channels[channel].name.clone());
        let job = jobs.start(format!("Spectrogram of {name}"), budget, move |_, task, _| {
            pyramid.build(near, task)?;
            Ok(Outcome::Summarised)
        });
        self.building = Some(Building { job, channel, cut });
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::{Duration, Instant};

    use eframe::egui;

    use super::super::testing::document;
    use super::*;
    use crate::analysis::spectrogram::Tiles;
    use crate::source::{MemorySource, Source};
    use crate::summary::SidecarPolicy;
    use crate::task::Task;

    const CUT: Cut = Cut { window: 64, hop: 32, taper: "hann" };

    /// A document of two channels whose spectrogram has come, and the panel that shows it.
    pub(crate) fn with_picture() -> (Document, GramPanel) {
        let mut document = document(2);
        let budget = MemoryBudget::new(64 << 20);
        let tiles = Tiles::open(Arc::clone(&document.source), 0, &budget, &SidecarPolicy::Off).unwrap();
        let pyramid = Pyramid::open(&tiles, 0, CUT).unwrap();
        let view = Arc::new(pyramid.view(&document.visible_ticks(), &Task::new(budget, 1)).unwrap());
        document.pictures.gram.arrived(Answer::Picture { pyramid, view });
        (document, GramPanel { cut: CUT, ..GramPanel::default() })
    }

    fn long() -> Arc<dyn Source> {
        use crate::recording::{Channel, Recording, SampleFormat, SampleType, Samples, Stream, TimeBase};
        let frames = 400_000;
        let stream = Stream {
            name: "a".to_owned(),
            format: SampleFormat::native(SampleType::I16),
            time: TimeBase::regular(1000.0),
            frames,
            channels: vec![Channel::numbered(0)],
        };
        let recording = Recording {
            name: "a".to_owned(),
            format: "test",
            main_stream: None,
            streams: vec![stream],
            events: vec![],
            properties: vec![],
            warnings: vec![],
        };
        let samples = Samples::I16((0..frames).map(|i| (i * i % 977) as i16).collect());
        Arc::new(MemorySource::new(recording, vec![samples]).unwrap())
    }

    #[test]
    fn tiles_are_made_by_a_job_that_pauses_and_goes_on() {
        let source = long();
        let budget = MemoryBudget::new(64 << 20);
        let tiles = Tiles::open(Arc::clone(&source), 0, &budget, &SidecarPolicy::Off).unwrap();
        let pyramid = Pyramid::open(&tiles, 0, CUT).unwrap();
        let view = Arc::new(pyramid.view(&(0..400_000), &Task::new(budget.clone(), 1)).unwrap());
        assert!(!view.is_exact());
        let mut jobs = Jobs::new(egui::Context::default(), 2);
        let mut shown = Shown::default();
        shown.arrived(Answer::Picture { pyramid: pyramid.clone(), view });
        let wish = Wish { source, stream: 0, channel: 0, cut: CUT, ticks: 0..400_000, spectrum_at: None };
        shown.apply(GramCommand::Pause(true));
        shown.keep_up(Some(&wish), 0, &mut jobs, &budget);
        assert!(jobs.list.is_empty(), "paused");
        shown.apply(GramCommand::Pause(false));
        shown.keep_up(Some(&wish), 0, &mut jobs, &budget);
        assert_eq!(jobs.list.len(), 1);
        // The panel is closed: the job is asked to stop; open again, it goes on where it was.
        shown.keep_up(None, 0, &mut jobs, &budget);
        assert!(jobs.list[0].task.is_cancelled() && !shown.paused);
        let end = Instant::now() + Duration::from_secs(60);
        while pyramid.coverage() < 1.0 {
            for reply in jobs.take_replies() {
                if let super::super::jobs::Reply::Finished { job, .. } = reply {
                    jobs.finish(job, super::super::jobs::JobState::Cancelled);
                }
            }
            shown.keep_up(Some(&wish), 0, &mut jobs, &budget);
            assert!(Instant::now() < end, "at {}", pyramid.coverage());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn the_range_asked_for_moves_in_steps() {
        let at = |start: u64| with_margin(start..start + 1000, 1_000_000);
        assert_eq!(at(5000), at(5010));
        let range = at(5000);
        assert!(range.start <= 4750 && range.end >= 6250 && range.end - range.start < 3000, "{range:?}");
        assert_eq!(with_margin(0..10, 10), 0..10);
    }
}
