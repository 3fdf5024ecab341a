//! Places that an analysis has found, in the window: listed, drawn over the traces, walked with N and P.
//!
//! There may be millions. What depends on all of them — the order of the list, an index of how far they reach — is made
//! once, when a result arrives or the order changes; a frame costs what is seen of them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use super::command::ViewCommand;
use super::jobs::JobId;
use super::sheet::stamp;
use super::state::{AnalysisResult, Document};
use crate::analysis::{Events, Place, View};

mod form;
mod list;
mod marks;

pub(super) use form::form_ui;
pub(super) use list::list_ui;
pub(super) use marks::marks_ui;

/// Places of which the farthest end is kept together.
const BLOCK: usize = 1024;
/// A place narrower than this is zoomed in on when it is gone to, points.
const NARROW: f64 = 1.0;
/// By so many times its length, or so many seconds.
const AROUND: f64 = 40.0;
const AROUND_SECS: f64 = 0.5;

/// About what was found; lists are named by their analysis.
#[derive(Clone, PartialEq, Debug)]
pub enum FoundCommand {
    /// Go to the place of this index.
    Show(&'static str, usize),
    /// Go to the next one, or the one before.
    Step {
        forward: bool,
    },
    /// Go to the first or the last one.
    End {
        last: bool,
    },
    Sort(&'static str, Sort),
    /// List and walk only those of one channel.
    Channel(&'static str, Option<u32>),
    /// Ask where the list is to be written.
    AskSave(&'static str),
    Save(&'static str, PathBuf),
}

/// The order of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sort {
    #[default]
    Time,
    Greatest,
    Least,
}

/// What is kept for the lists of results, and the place that was gone to.
#[derive(Default)]
pub struct Found {
    lists: Vec<Listed>,
    /// The list and the index of the place.
    pub current: Option<(&'static str, usize)>,
}

/// One list.
pub(super) struct Listed {
    name: &'static str,
    job: JobId,
    pub(super) sort: Sort,
    pub(super) channel: Option<u32>,
    /// Indices in the order of the list; `None`: all, as they are.
    order: Option<Vec<u32>>,
    /// For each [`BLOCK`] places the farthest end of one.
    reach: Vec<u64>,
    /// Where the places of each channel begin, in order, for their rows of marks.
    starts: BTreeMap<u32, Vec<u64>>,
    /// Another one whenever `starts` is.
    stamp: u64,
}

impl Listed {
    fn new(name: &'static str, job: JobId, events: &Events) -> Self {
        let mut listed = Self {
            name,
            job,
            sort: Sort::Time,
            channel: None,
            order: None,
            reach: Vec::new(),
            starts: BTreeMap::new(),
            stamp: 0,
        };
        listed.arrange(events);
        listed.sort_by_channel(events);
        listed
    }

    /// Makes order and reach anew.
    fn arrange(&mut self, events: &Events) {
        let places = &events.places;
        self.reach = places.chunks(BLOCK).map(|b| b.iter().map(|p| p.end).max().unwrap_or(0)).collect();
        self.order = (self.sort != Sort::Time || self.channel.is_some()).then(|| {
            let wanted = |i: &u32| self.channel.is_none_or(|c| places[*i as usize].channel == c);
            let mut order: Vec<u32> = (0..places.len() as u32).filter(wanted).collect();
            let value = |i: u32| places[i as usize].value;
            match self.sort {
                Sort::Time => {}
                Sort::Greatest => order.sort_by(|&a, &b| value(b).total_cmp(&value(a))),
                Sort::Least => order.sort_by(|&a, &b| value(a).total_cmp(&value(b))),
            }
            order
        });
    }

    /// Sorts where places begin by their channel.
    fn sort_by_channel(&mut self, events: &Events) {
        self.stamp = stamp();
        self.starts.clear();
        for place in &events.places {
            self.starts.entry(place.channel).or_default().push(place.start);
        }
    }

    /// Where the places of a channel begin, in order, if it has any.
    pub(super) fn frames_of(&self, channel: u32) -> Option<&[u64]> {
        self.starts.get(&channel).map(Vec::as_slice)
    }

    /// Changes whenever [`Self::frames_of`] does; no two lists have the same.
    pub(super) fn stamp(&self) -> u64 {
        self.stamp
    }

    /// The same of what is no channel of the stream (tracks, gaps), each with its number.
    pub(super) fn frames_of_others(&self, channels: u32) -> impl Iterator<Item = (u32, &[u64])> {
        self.starts.range(channels..).map(|(&number, frames)| (number, frames.as_slice()))
    }

    /// Rows of the list.
    pub(super) fn len(&self, events: &Events) -> usize {
        self.order.as_ref().map_or(events.places.len(), Vec::len)
    }

    /// The index of the place in row `row`.
    pub(super) fn place_at(&self, row: usize) -> usize {
        self.order.as_ref().map_or(row, |order| order.get(row).map_or(usize::MAX, |&i| i as usize))
    }

    /// The row of the place of index `place`. Looks through the list where it is sorted.
    pub(super) fn row_of(&self, place: usize) -> Option<usize> {
        match &self.order {
            None => Some(place),
            Some(order) => order.iter().position(|&i| i as usize == place),
        }
    }

    /// The places, in order of time, that touch `frames`; at most `most`.
    pub(super) fn touching(&self, events: &Events, frames: &Range<u64>, most: usize) -> Vec<usize> {
        let places = &events.places;
        let from = places.partition_point(|p| p.start < frames.start);
        let to = places.partition_point(|p| p.start < frames.end);
        let mut found = Vec::new();
        // What began before the view: only blocks from which one reaches into it are looked at.
        for (block, _) in
            self.reach.iter().enumerate().take(from.div_ceil(BLOCK)).filter(|(_, end)| **end > frames.start)
        {
            let range = block * BLOCK..((block + 1) * BLOCK).min(from);
            found.extend(range.filter(|&i| places[i].end > frames.start).take(most.saturating_sub(found.len())));
            if found.len() >= most {
                return found;
            }
        }
        found.extend((from..to).take(most - found.len()));
        found
    }
}

impl AnalysisResult {
    /// Its places, if it is a list of them.
    pub(super) fn events(&self) -> Option<&Events> {
        match &self.report.as_ref()?.view {
            View::Events(events) => Some(events),
            _ => None,
        }
    }
}

impl Document {
    /// What is kept for the list called `name`.
    pub(super) fn listed(&self, name: &str) -> Option<&Listed> {
        self.results.found.lists.iter().find(|l| l.name == name)
    }

    /// The result called `name`, if it is a list.
    pub(super) fn events_of(&self, name: &str) -> Option<&Events> {
        self.results.list.iter().rev().find(|r| r.name == name)?.events()
    }

    /// A report of `job` has arrived: its list is arranged anew, in the order that was chosen.
    pub(super) fn found_arrived(&mut self, job: JobId) {
        let Some(result) = self.results.list.iter().find(|r| r.job == job) else { return };
        let (name, Some(events)) = (result.name, result.events()) else { return };
        let found = &mut self.results.found;
        match found.lists.iter_mut().find(|l| l.name == name) {
            Some(listed) => {
                if listed.job != job {
                    listed.job = job;
                    listed.channel = None;
                    found.current = found.current.filter(|current| current.0 != name);
                }
                listed.arrange(events);
                listed.sort_by_channel(events);
            }
            None => found.lists.push(Listed::new(name, job, events)),
        }
    }

    /// Does what a command says; those about files are not done here.
    pub fn apply_found(&mut self, command: FoundCommand) {
        match command {
            FoundCommand::Show(name, index) => self.show_place(name, index),
            FoundCommand::Step { forward } => self.step(forward),
            FoundCommand::End { last } => {
                if let Some((name, events, listed)) = self.walked() {
                    let wanted = |i: &usize| listed.channel.is_none_or(|c| events.places[*i].channel == c);
                    let mut all = 0..events.places.len();
                    if let Some(index) = if last { all.rfind(wanted) } else { all.find(wanted) } {
                        self.show_place(name, index);
                    }
                }
            }
            FoundCommand::Sort(name, sort) => self.arrange(name, |listed| listed.sort = sort),
            FoundCommand::Channel(name, channel) => self.arrange(name, |listed| listed.channel = channel),
            FoundCommand::AskSave(_) | FoundCommand::Save(..) => {}
        }
    }

    fn arrange(&mut self, name: &'static str, change: impl FnOnce(&mut Listed)) {
        let results = &mut self.results;
        let events = results.list.iter().rev().find(|r| r.name == name).and_then(AnalysisResult::events);
        let listed = results.found.lists.iter_mut().find(|l| l.name == name);
        if let (Some(events), Some(listed)) = (events, listed) {
            change(listed);
            listed.arrange(events);
        }
    }

    /// The list that is walked: that of the place gone to last, else the newest.
    fn walked(&self) -> Option<(&'static str, &Events, &Listed)> {
        let chosen = self.results.found.current.map(|current| current.0);
        let all = self.results.list.iter().rev();
        let (result, events) = all
            .filter_map(|r| r.events().filter(|e| !e.places.is_empty() && e.stream == self.stream).map(|e| (r, e)))
            .max_by_key(|(r, _)| Some(r.name) == chosen)?;
        Some((result.name, events, self.listed(result.name)?))
    }

    fn step(&mut self, forward: bool) {
        let Some((name, events, listed)) = self.walked() else { return };
        let places = &events.places;
        let wanted = |i: &usize| listed.channel.is_none_or(|c| places[*i].channel == c);
        let current = self.results.found.current.filter(|c| c.0 == name && c.1 < places.len()).map(|c| c.1);
        let (behind, before) = match current {
            Some(i) => (i + 1, i),
            None => {
                let ticks = self.visible_ticks();
                let middle = self.time().frame_at_tick(ticks.start + (ticks.end - ticks.start) / 2);
                let i = places.partition_point(|p| p.start <= middle);
                (i, i)
            }
        };
        let next = if forward { (behind..places.len()).find(wanted) } else { (0..before).rfind(wanted) };
        if let Some(index) = next {
            self.show_place(name, index);
        }
    }

    /// Goes to a place of a list.
    fn show_place(&mut self, name: &'static str, index: usize) {
        let Some(place) = self.events_of(name).and_then(|e| e.places.get(index)).copied() else { return };
        self.results.found.current = Some((name, index));
        self.go_to_place(&place);
    }

    /// Puts a place in the middle, zooms in where it would not be seen, and scrolls to its channel.
    pub(super) fn go_to_place(&mut self, place: &Place) {
        let ticks = self.ticks_of_place(place);
        let (start, end) = (ticks.start as f64, ticks.end as f64);
        let middle = f64::midpoint(start, end);
        let length = (end - start).max(1.0);
        let around = (length * AROUND).max(AROUND_SECS * self.time().rate_hz()).max(64.0);
        let narrow = length < NARROW * self.viewport.ticks_per_point() && self.viewport.ticks() > around * 4.0;
        let command = if narrow || length > self.viewport.ticks() {
            let half = if narrow { around / 2.0 } else { length * 0.55 };
            ViewCommand::Range(middle - half..middle + half)
        } else {
            ViewCommand::Centre(middle)
        };
        // Only a typed time can be wrong.
        drop(self.apply_view(command));
        let stack = self.stack();
        if let Some(row) = stack.channels().iter().position(|&c| c == place.channel as usize) {
            let (lanes, span) = (&self.lanes, stack.span(row));
            if span.start < lanes.first || span.end > lanes.first + lanes.count {
                let by = f64::midpoint(span.start, span.end) - lanes.count / 2.0 - lanes.first;
                drop(self.apply_view(ViewCommand::ScrollLanes(by)));
            }
        }
    }

    /// The ticks that a place covers; a gap covers those that are missing.
    pub(super) fn ticks_of_place(&self, place: &Place) -> Range<u64> {
        let time = self.time();
        let last = self.shown().frames.saturating_sub(1);
        let start = time.tick_of_frame(place.start.min(last));
        if place.end <= place.start {
            return start.saturating_sub(place.value.max(0.0) as u64)..start;
        }
        start..time.tick_of_frame((place.end - 1).min(last)).max(start) + 1
    }
}

#[cfg(test)]
pub(super) mod tests;
