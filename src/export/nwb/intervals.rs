//! Tables of stretches of time: lost packets, and the parts of a session.

use super::about::Epoch;
use super::build::Contents;
use super::pass::{Dropped, Rows};
use super::table::Table;
use super::tree::{Data, Group};

/// Rows of the list of lost packets: what is beyond is told in its description.
const MAX_LOST: usize = 1 << 20;

impl Contents<'_> {
    /// Where packets were lost, and what stands in their place.
    pub(super) fn lost(&self, root: &mut Group) {
        let Some(pass) = self.plan.passes.first() else { return };
        let time = &pass.clock.time;
        let first = pass.selection.frames.start;
        let end = self.plan.passes.iter().filter(|p| p.clock.time == *time).map(|p| p.selection.frames.end).max();
        let end = end.unwrap_or(first);
        let filled = matches!(pass.rows, Rows::Ticks(_));
        // The pauses between the files of a session are no losses; but what is made up there is told.
        let is_pause = |tick: u64| !filled && self.about.epochs.iter().any(|e| e.end_tick == tick);
        let gaps: Vec<_> = time
            .gaps()
            .filter(|g| g.after_frame >= first && g.after_frame + 1 < end && !is_pause(g.first_tick))
            .collect();
        if gaps.is_empty() {
            return;
        }
        let shown = &gaps[..gaps.len().min(MAX_LOST)];
        let stands = match (filled, pass.fill) {
            (false, _) => "nothing",
            (true, Dropped::Nan) => "NaN",
            (true, _) => "the row before, repeated",
        };
        let more = match gaps.len() - shown.len() {
            0 => String::new(),
            n => format!(" {n} more are not listed."),
        };
        let what = format!(
            "Stretches in which the recording has lost packets; in the series there stands: {stands}. An interval begins \
             where the first lost sample was due and ends with the first one behind.{more}"
        );
        let mut table = Table::new(self, "/intervals/dropped_packets", "TimeIntervals", "core", &what);
        let secs = |tick| pass.clock.secs_of_tick(tick);
        let starts: Vec<f64> = shown.iter().map(|g| secs(g.first_tick)).collect();
        let stops: Vec<f64> = shown.iter().map(|g| secs(g.first_tick + g.missing_frames)).collect();
        table.column("start_time", "when the first lost sample was due, seconds", Data::f64s(&starts));
        table.column("stop_time", "the first sample behind, seconds", Data::f64s(&stops));
        let count = Data::i64s(shown.iter().map(|g| g.missing_frames as i64));
        table.column("lost_samples", "samples of each channel that were lost", count);
        let rows = shown.iter().map(|g| match &pass.rows {
            Rows::Frames(_) => (g.after_frame + 1 - first) as i64,
            Rows::Ticks(ticks) => (g.first_tick - ticks.start) as i64,
        });
        let (name, what) = if filled {
            ("first_row", "the first row of the series that was made up")
        } else {
            ("next_row", "the row of the series that follows (counted over all its spans)")
        };
        table.column(name, what, Data::i64s(rows));
        let values = shown.iter().map(|_| stands.to_owned()).collect();
        table.column("stand_in", "what stands in their place", Data::texts(values));
        let group = table.finish(shown.len());
        root.at("intervals").put("dropped_packets", group);
    }

    /// The parts of the session, as far as they are exported.
    pub(super) fn exported_epochs(&self) -> Vec<Stretch> {
        let Some(pass) = self.plan.passes.first() else { return vec![] };
        let time = &pass.clock.time;
        let first = time.tick_of_frame(pass.selection.frames.start);
        let last = self.plan.passes.iter().filter(|p| p.clock.time == *time).map(|p| p.selection.frames.end).max();
        let end = time.end_tick(last.unwrap_or(0));
        let inside = self.about.epochs.iter().filter(|e| e.end_tick > first && e.first_tick < end);
        let stretch = |e: &Epoch| Stretch {
            number: e.number,
            start_secs: pass.clock.secs_of_tick(e.first_tick.max(first)),
            stop_secs: pass.clock.secs_of_tick(e.end_tick.min(end)),
            tags: if self.plan.compatible { vec![super::compatible::tag(e)] } else { e.tags.clone() },
        };
        inside.map(stretch).collect()
    }

    /// The table of the parts of the session.
    pub(super) fn epochs(&self, root: &mut Group) {
        let epochs = self.exported_epochs();
        if epochs.is_empty() {
            return;
        }
        let mut table = Table::new(self, "/intervals/epochs", "TimeIntervals", "core", "the parts of the session");
        let starts: Vec<f64> = epochs.iter().map(|e| e.start_secs).collect();
        let stops: Vec<f64> = epochs.iter().map(|e| e.stop_secs).collect();
        table.column("start_time", "start, seconds", Data::f64s(&starts));
        table.column("stop_time", "end, seconds", Data::f64s(&stops));
        let tags: Vec<String> = epochs.iter().flat_map(|e| e.tags.clone()).collect();
        let mut ends = Vec::new();
        for epoch in &epochs {
            ends.push(ends.last().copied().unwrap_or(0) + epoch.tags.len() as u64);
        }
        if !tags.is_empty() {
            table.column("tags", "what the part is called", Data::texts(tags));
            table.index("tags", &ends);
        }
        let group = table.finish(epochs.len());
        root.at("intervals").put("epochs", group);
    }
}

/// An epoch, in seconds of the session.
pub(super) struct Stretch {
    pub number: i64,
    pub start_secs: f64,
    pub stop_secs: f64,
    pub tags: Vec<String>,
}
