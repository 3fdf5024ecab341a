//! What the user asks about channels, and doing it.

use std::path::PathBuf;

use eframe::egui::Color32;

use super::sorting;
use super::view::{
    AMPLITUDES, ChannelView, ColourBy, Display, FARTHEST, GAINS, HeatValue, Heights, Kind, LaneView, OFFSETS, OVERLAPS,
    SortBy,
};
use crate::gui::state::Document;

/// Lanes on the screen at most when a recording is opened or channels come back into view: more could not be told apart.
pub const MAX_LANES: f64 = 128.0;
/// At least so many heights of a lane are on the screen.
const MIN_LANES: f64 = 1.0;

/// About channels, by index in the stream.
#[derive(Clone, PartialEq, Debug)]
pub enum ChannelCommand {
    Show(usize, bool),
    ShowOnly(usize),
    ShowAll(bool),
    Colour(usize, Color32),
    /// Times the common amplitude.
    Gain(usize, f32),
    /// The same change of several.
    Change(Vec<usize>, Change),
    /// Hide those that the last check of their health suggests as bad.
    HideBad,
    Sort(SortBy),
    /// Sort by where contacts are, which a metadata file (the first) and those of its probes tell.
    ReadPlaces(Vec<PathBuf>),
    /// Put these in front of that one, or last.
    Move(Vec<usize>, Option<usize>),
    /// The picked ones a place up or down.
    Step {
        up: bool,
    },
    ColourBy(ColourBy),
    /// List the channels of this group, or only its name.
    Fold(String, bool),
    FoldAll(bool),
    Pick(Pick),
    Heights(Heights),
    /// How many lanes a trace may reach beyond its own.
    Overlap(f64),
    Display(Display),
    Heat(HeatValue),
    /// A row for this event track of the recording.
    Track(String, bool),
    /// Rows for the places that were found.
    Rasters(bool),
}

/// What changes about a channel.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Change {
    Visible(bool),
    /// `None`: the one that it has by itself.
    Colour(Option<Color32>),
    Gain(f32),
    /// The gain it has times this.
    Scale(f32),
    Offset(f32),
    Inverted(bool),
    /// Upside down, or not any more.
    Invert,
    Kind(Kind),
    /// Gain 1, not moved, not upside down.
    Reset,
}

/// Which channels the next change is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Pick {
    Only(usize),
    /// This one too, or no more.
    Toggle(usize),
    /// All from the one picked last, as they are listed.
    To(usize),
    These(Vec<usize>),
    Nothing,
}

impl Document {
    /// Applies what the user asked about channels; an index that is not there changes nothing.
    pub fn apply_channels(&mut self, command: ChannelCommand) {
        use ChannelCommand as C;
        let before = self.stack().height();
        match command {
            C::Show(c, visible) => self.change(&[c], Change::Visible(visible)),
            C::ShowOnly(only) if only < self.channels.len() => {
                self.channels.iter_mut().enumerate().for_each(|(c, v)| v.visible = c == only);
            }
            C::ShowOnly(_) => {}
            C::ShowAll(visible) => self.channels.iter_mut().for_each(|v| v.visible = visible),
            C::Colour(c, colour) => self.change(&[c], Change::Colour(Some(colour))),
            C::Gain(c, gain) => self.change(&[c], Change::Gain(gain)),
            C::Change(channels, change) => self.change(&channels, change),
            C::HideBad => {
                let bad: Vec<usize> = self.bad_channels().iter().map(|(c, _)| *c).collect();
                self.change(&bad, Change::Visible(false));
            }
            C::Sort(SortBy::File) => self.lanes.list.order.clear(),
            C::Sort(by) => {
                self.lanes.list.order = sorting::sorted(&self.shown().channels, &self.positions(), by);
            }
            // Files are read by a worker; see `read_places`.
            C::ReadPlaces(_) => {}
            C::Move(channels, before) => {
                let mut order = self.channels_in_order();
                sorting::moved(&mut order, &channels, before.filter(|b| *b < self.channels.len()));
                self.lanes.list.order = order;
            }
            C::Step { up } => self.step_picked(up),
            C::ColourBy(by) => self.lanes.list.colour_by = by,
            C::Fold(group, true) => drop(self.lanes.list.folded.insert(group)),
            C::Fold(group, false) => drop(self.lanes.list.folded.remove(&group)),
            C::FoldAll(true) => {
                self.lanes.list.folded = self.shown().channels.iter().map(|c| c.group.clone()).collect();
            }
            C::FoldAll(false) => self.lanes.list.folded.clear(),
            C::Pick(pick) => self.pick(pick),
            C::Heights(heights) => self.set_heights(heights),
            C::Overlap(lanes) if lanes.is_finite() => {
                self.lanes.overlap = lanes.clamp(*OVERLAPS.start(), *OVERLAPS.end());
            }
            C::Overlap(_) => {}
            C::Display(display) => self.set_display(display),
            C::Heat(value) => self.lanes.heat = value,
            C::Track(name, true) => {
                self.results.tracks.try_again(&name);
                self.lanes.events.tracks.insert(name);
            }
            C::Track(name, false) => drop(self.lanes.events.tracks.remove(&name)),
            C::Rasters(shown) => self.lanes.events.found = shown,
        }
        self.fit_lanes(before);
        self.refresh_envelope();
    }

    fn change(&mut self, channels: &[usize], change: Change) {
        for &channel in channels {
            if let Some(view) = self.channels.get_mut(channel) {
                view.change(change);
            }
        }
    }

    /// The channels that the last check of their health suggests as bad, and why; none if there was no check.
    #[must_use]
    pub fn bad_channels(&self) -> &[(usize, &'static str)] {
        self.health().map_or(&[], |strip| &strip.bad)
    }

    /// What the last check of health says about the stream that is shown.
    pub(in crate::gui) fn health(&self) -> Option<&crate::analysis::Strip> {
        self.results.list.iter().rev().filter(|result| result.done).find_map(|result| {
            match &result.report.as_ref()?.view {
                crate::analysis::View::Strip(strip) if strip.stream == self.stream => Some(strip),
                _ => None,
            }
        })
    }

    /// Moves the picked channels a place up or down among the visible ones.
    fn step_picked(&mut self, up: bool) {
        let mut order = self.channels_in_order();
        let (picked, views) = (&self.lanes.list.picked, &self.channels);
        sorting::stepped(&mut order, &|c| picked.contains(&c), &|c| views[c].visible, up);
        self.lanes.list.order = order;
    }

    fn pick(&mut self, pick: Pick) {
        let order = self.channels_in_order();
        let count = self.channels.len();
        let list = &mut self.lanes.list;
        match pick {
            Pick::Only(c) if c < count => {
                list.picked = [c].into();
                list.anchor = Some(c);
            }
            Pick::Toggle(c) if c < count => {
                if !list.picked.remove(&c) {
                    list.picked.insert(c);
                }
                list.anchor = Some(c);
            }
            Pick::To(c) if c < count => {
                let place = |c: usize| order.iter().position(|&o| o == c).unwrap_or(0);
                let (a, b) = (place(list.anchor.unwrap_or(c)), place(c));
                list.picked = order[a.min(b)..=a.max(b)].iter().copied().collect();
                list.anchor = list.anchor.or(Some(c));
            }
            Pick::These(channels) => list.picked = channels.into_iter().filter(|c| *c < count).collect(),
            Pick::Nothing => list.picked.clear(),
            Pick::Only(_) | Pick::Toggle(_) | Pick::To(_) => {}
        }
    }

    /// Keeps the stack of lanes full after a change: if all of it (or as much as is shown at most) was on the screen it
    /// still is, else no lane stands below the last. `before` is how high it was.
    pub(in crate::gui) fn fit_lanes(&mut self, before: f64) {
        let height = self.stack().height();
        if height == before {
            return;
        }
        let most = self.most_lanes();
        let lanes = &mut self.lanes;
        let all_were_seen = lanes.count >= before.min(most) - 1e-6;
        lanes.count = if all_were_seen { height.min(most) } else { lanes.count };
        self.keep_lanes_in_view();
    }

    /// Another display; what was on the screen as a whole still is, as far as lanes can be told apart.
    fn set_display(&mut self, display: Display) {
        let all_were_seen = self.lanes.count >= self.stack().height().min(self.most_lanes()) - 1e-6;
        self.lanes.display = display;
        let height = self.stack().height();
        self.lanes.count = if all_were_seen { height } else { self.lanes.count }.min(self.most_lanes());
        self.keep_lanes_in_view();
    }

    /// So many lanes are shown at once until the user asks for more: in colours a thousand can be told apart.
    fn most_lanes(&self) -> f64 {
        if self.lanes.display == Display::HeatMap { f64::INFINITY } else { MAX_LANES }
    }

    /// Keeps the part of the stack that is on the screen inside of it.
    pub(in crate::gui) fn keep_lanes_in_view(&mut self) {
        let height = self.stack().height();
        let lanes = &mut self.lanes;
        lanes.count = lanes.count.clamp(MIN_LANES, height.max(MIN_LANES));
        lanes.first = lanes.first.clamp(0.0, (height - lanes.count).max(0.0));
    }

    /// Takes in how lanes were shown in an earlier sitting, as far as that fits this recording: what a file says is
    /// mended, never trusted. `same`: it has the same channels in the same places.
    pub fn restore_lanes(&mut self, lanes: LaneView, same: bool) {
        let count = self.channels.len();
        let mut sorted = lanes.list.order.clone();
        sorted.sort_unstable();
        let is_order = same && sorted.len() == count && sorted.iter().enumerate().all(|(i, &c)| i == c);
        let sound = |value: &f64| value.is_finite() && *value > 0.0;
        let drawable = |value: &f64| (1.0 / FARTHEST..=FARTHEST).contains(value);
        let half_range = lanes.half_range.clone().filter(|half| half.len() == count && half.iter().all(drawable));
        let or = |value: f64, default: f64| if value.is_finite() { value } else { default };
        let heights = lanes.heights.sound().unwrap_or_default();
        let amplitude = if sound(&lanes.amplitude) { lanes.amplitude } else { 1.0 };
        let amplitude = amplitude.clamp(*AMPLITUDES.start(), *AMPLITUDES.end());
        let overlap = or(lanes.overlap, 1.0).clamp(*OVERLAPS.start(), *OVERLAPS.end());
        let (first, on_screen) = (or(lanes.first, 0.0), or(lanes.count, MAX_LANES));
        let mut list = lanes.list.without_picks();
        if !is_order {
            list.order = if lanes.list.order.is_empty() && same { Vec::new() } else { self.lanes.list.order.clone() };
        }
        list.places.clone_from(&self.lanes.list.places);
        self.lanes = LaneView { first, count: on_screen, half_range, amplitude, heights, overlap, list, ..lanes };
        self.keep_lanes_in_view();
        self.refresh_envelope();
    }
}

impl ChannelView {
    /// The same with nothing in it that could not be drawn, which a file may say.
    #[must_use]
    pub fn mended(self) -> Self {
        let default = Self::default();
        let mut mended = Self { gain: default.gain, offset: default.offset, ..self.clone() };
        mended.change(Change::Gain(self.gain));
        mended.change(Change::Offset(self.offset));
        let is_near = |value: f64| value.abs() <= FARTHEST;
        if !is_near(mended.centre) {
            mended.centre = default.centre;
        }
        if !is_near(mended.threshold) {
            mended.threshold = default.threshold;
        }
        mended
    }

    /// Changes one thing; what is no number, or beyond the limits, is not taken as it is.
    pub(super) fn change(&mut self, change: Change) {
        match change {
            Change::Visible(visible) => self.visible = visible,
            Change::Colour(colour) => self.colour = colour,
            Change::Gain(gain) if gain.is_finite() => self.gain = gain.clamp(*GAINS.start(), *GAINS.end()),
            Change::Scale(factor) => self.change(Change::Gain(self.gain * factor)),
            Change::Offset(lanes) if lanes.is_finite() => self.offset = lanes.clamp(*OFFSETS.start(), *OFFSETS.end()),
            Change::Gain(_) | Change::Offset(_) => {}
            Change::Inverted(inverted) => self.inverted = inverted,
            Change::Invert => self.inverted = !self.inverted,
            Change::Kind(kind) => self.kind = kind,
            Change::Reset => (self.gain, self.offset, self.inverted) = (1.0, 0.0, false),
        }
    }
}
