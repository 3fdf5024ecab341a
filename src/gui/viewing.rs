//! What part of the recording is seen: applying [`ViewCommand`]s.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::channels::AMPLITUDES;
use super::command::ViewCommand;
use super::following::Growth;
use super::state::{Document, Filtered, Pictures, ViewHistory};
use super::viewport::Viewport;
use crate::error::Result;
use crate::scan::Selection;
use crate::source::Source;
use crate::summary::{Columns, Summary};

/// Changes of the view that are closer together are one step of its history.
const PAUSE: Duration = Duration::from_millis(700);

impl Document {
    /// Does what a view command says.
    ///
    /// # Errors
    /// When a typed time is not one.
    pub fn apply_view(&mut self, command: ViewCommand) -> Result<()> {
        self.remember(&command);
        let view = &mut self.viewport;
        match command {
            ViewCommand::Zoom { factor, about_tick } => view.zoom(factor, view.x_of(about_tick)),
            ViewCommand::ZoomCentre(factor) => view.zoom(factor, view.width_points() / 2.0),
            ViewCommand::Pan(ticks) => view.scroll(ticks),
            ViewCommand::Page(screens) => view.page(screens),
            ViewCommand::Centre(tick) => view.center_on(tick),
            ViewCommand::Start => view.home(),
            ViewCommand::End => {
                view.end();
                self.live.follow |= self.live.growth == Growth::Growing;
            }
            ViewCommand::Follow(follow) => self.follow(follow),
            ViewCommand::Fit => view.fit(),
            ViewCommand::Range(range) => view.show(range.start, range.end),
            ViewCommand::Width(points) => view.set_width(points),
            ViewCommand::GoTo(text) => {
                let tick = self.tick_of_text(&text)? as f64;
                if self.viewport.ticks() > self.viewport.len_ticks() / 4.0 {
                    // Where all of it is in view, moving would show nothing: close in on the place.
                    let half = self.viewport.len_ticks() / 100.0;
                    self.viewport.show(tick - half, tick + half);
                }
                self.viewport.center_on(tick);
                self.pictures.goal = Some(tick as u64);
            }
            ViewCommand::ToSelection => {
                if let Some(ticks) = &self.selection {
                    self.viewport.show(ticks.start as f64, ticks.end as f64);
                }
            }
            ViewCommand::Gap(step) => self.go_to_gap(step),
            ViewCommand::Back => drop(self.history.steps.back(view)),
            ViewCommand::Forward => drop(self.history.steps.forward(view)),
            ViewCommand::Select(ticks) => self.selection = ticks.filter(|t| t.start < t.end),
            ViewCommand::SelectAll => {
                let end = self.time().end_tick(self.shown().frames);
                self.selection = Some(0..end);
            }
            ViewCommand::Amplitude(factor) => {
                let amplitude = self.lanes.amplitude * factor;
                if amplitude.is_finite() && factor > 0.0 {
                    self.lanes.amplitude = amplitude.clamp(*AMPLITUDES.start(), *AMPLITUDES.end());
                }
            }
            ViewCommand::AmplitudeReset => {
                self.lanes.amplitude = 1.0;
                self.lanes.half_range = None;
                self.companions.list.iter_mut().for_each(|companion| {
                    companion.lanes = None;
                    if let Some((columns, packed)) = companion.picture.take() {
                        companion.arrived(columns, packed);
                    }
                });
                if let Some(columns) = self.pictures.view.as_ref().map(|(columns, _)| Arc::clone(columns)) {
                    self.fit_amplitudes(&columns);
                    self.refresh_envelope();
                }
            }
            ViewCommand::Play(speed) => self.play(speed),
            ViewCommand::Read(read) => self.read(read),
            // Where channels are drawn over each other there is nothing to scroll.
            ViewCommand::ScrollLanes(_) | ViewCommand::ZoomLanes(_)
                if self.lanes.display == super::channels::Display::Butterfly => {}
            ViewCommand::ScrollLanes(lanes) if (self.lanes.first + lanes).is_finite() => self.lanes.first += lanes,
            ViewCommand::ZoomLanes(factor) if factor > 0.0 && (self.lanes.count * factor).is_finite() => {
                self.lanes.count *= factor;
            }
            ViewCommand::ScrollLanes(_) | ViewCommand::ZoomLanes(_) => {}
        }
        self.still_follows();
        self.keep_lanes_in_view();
        Ok(())
    }

    /// Notes where the view was, before a jump, and before a gesture that follows a pause.
    fn remember(&mut self, command: &ViewCommand) {
        use ViewCommand as V;
        let gesture = match command {
            V::Zoom { .. } | V::ZoomCentre(_) | V::Pan(_) | V::Page(_) => true,
            V::Centre(_)
            | V::Start
            | V::End
            | V::Follow(_)
            | V::Fit
            | V::Range(_)
            | V::GoTo(_)
            | V::ToSelection
            | V::Gap(_) => false,
            _ => return,
        };
        let now = Instant::now();
        let paused = self.history.last_change.is_none_or(|last| now - last > PAUSE);
        if !gesture || paused {
            self.history.steps.leave(&self.viewport);
        }
        self.history.last_change = Some(now);
    }

    /// Takes in a picture of the whole recording. The first one settles the amplitudes.
    pub fn overview_arrived(&mut self, columns: Arc<Columns>) {
        self.recognise_logic(&columns);
        if self.lanes.half_range.is_none() {
            self.fit_amplitudes(&columns);
        }
        self.pictures.overview = Some(columns);
        self.refresh_envelope();
    }

    /// Shows `source` in the place of what is shown: the same stream with other filters. The view stays where it is,
    /// unless frames mean something else now; heights are found anew.
    pub fn show_instead(&mut self, source: Arc<dyn Source>, summary: Summary, filter: Option<Filtered>) {
        let same_clock = source.recording().streams[self.stream].time == *self.time()
            && source.recording().streams[self.stream].frames == self.shown().frames;
        (self.source, self.summary, self.filter) = (source, summary, filter);
        self.live.let_go();
        self.pictures = Pictures { goal: self.pictures.goal.filter(|_| same_clock), ..Pictures::default() };
        self.lanes.half_range = None;
        // Where the cursors are stays, what is there does not.
        self.cursors.values = None;
        if !same_clock {
            self.cursors = Default::default();
            let width = self.viewport.width_points();
            self.viewport = Viewport::new(self.time().end_tick(self.shown().frames), width as f32);
            self.history = ViewHistory::default();
            self.selection = None;
        }
    }

    /// Lays all visible channels of the overview over each other. Called when one of them changes, not in every frame.
    pub fn refresh_envelope(&mut self) {
        let Some(columns) = &self.pictures.overview else { return };
        let half = self.lanes.half_range.as_deref().unwrap_or_default();
        let channels = &self.source.recording().streams[self.stream].channels;
        let mut band = vec![(1.0_f32, -1.0_f32); columns.exact.len()];
        for (&c, values) in columns.request.channels.iter().zip(&columns.values) {
            let (view, range) = (&self.channels[c], half.get(c).copied().unwrap_or(1.0) * 2.0);
            if !view.visible {
                continue;
            }
            for (column, value) in band.iter_mut().zip(values).filter(|(_, v)| !v.is_empty()) {
                let value = value.scaled(channels[c].scale);
                let low = (((value.min - view.centre) / range) as f32).clamp(-1.0, 1.0);
                let high = (((value.max - view.centre) / range) as f32).clamp(-1.0, 1.0);
                *column = if column.0 > column.1 { (low, high) } else { (column.0.min(low), column.1.max(high)) };
            }
        }
        self.pictures.envelope = band;
    }

    /// A selection in words: `12 s to 14.5 s, 16 channels`.
    #[must_use]
    pub fn describe(&self, selection: &Selection) -> String {
        let channels = match selection.channels.as_slice() {
            [one] => self.shown().channels[*one].name.clone(),
            many => format!("{} channels", many.len()),
        };
        let channels = match &self.filter {
            Some(filter) => format!("{channels}, through {}", filter.chain),
            None => channels,
        };
        if selection.frames == (0..self.shown().frames) {
            return format!("the whole recording, {channels}");
        }
        let time = self.time();
        let start = time.secs_of_frame(selection.frames.start);
        let end = time.secs_at_end(selection.frames.end).max(start);
        format!("{} to {}, {channels}", crate::text::time(start, 3), crate::text::time(end, 3))
    }
}
