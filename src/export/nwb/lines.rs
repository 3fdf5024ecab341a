//! Event tracks: digital lines as behavioural events, labelled stretches as intervals.

use super::build::{Contents, starting_time, timestamps};
use super::plan::{clean_name, unique};
use super::table::Table;
use super::tree::{Data, Dataset, Group, Object, Value};

impl Contents<'_> {
    /// The states of track `index`, a digital line, as a series at `path`: start and rate where it changes at one, which
    /// trodes_to_nwb never writes.
    pub(super) fn line(
        &self,
        index: usize,
        path: &str,
        description: &str,
        comments: Option<&str>,
        unit: &str,
    ) -> Group {
        let mut attributes = self.described("core", "TimeSeries", path, description);
        if let Some(comments) = comments {
            attributes.push(("comments".to_owned(), comments.into()));
        }
        let mut group = Group { attributes, children: vec![] };
        let (times, states) = self.tracks.data(index);
        let attributes = vec![
            ("conversion".to_owned(), Value::F64(1.0)),
            ("offset".to_owned(), Value::F64(0.0)),
            ("resolution".to_owned(), Value::F64(-1.0)),
            ("unit".to_owned(), unit.into()),
        ];
        group.put("data", Object::Dataset(Dataset { attributes, data: states }));
        match self.tracks.tracks[index].rate().filter(|_| !self.plan.compatible) {
            Some((start, rate)) => group.put("starting_time", Object::Dataset(starting_time(start, rate))),
            None => group.put("timestamps", Object::Dataset(timestamps(times))),
        }
        group
    }

    /// Digital lines as behavioural events, other tracks as intervals.
    pub(super) fn digital(&self, root: &mut Group) {
        let mut names = vec![];
        let short = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
        let distinct = {
            let mut all: Vec<String> = self.recording.events.iter().map(|t| short(&t.name)).collect();
            let n = all.len();
            all.sort();
            all.dedup();
            all.len() == n
        };
        let unit = self.about.told.events_unit.as_deref();
        let lines_unit = unit.filter(|u| !["", "-1"].contains(u)).unwrap_or("n.a.");
        let mut lines = Group::default();
        for (index, track) in self.recording.events.iter().enumerate() {
            let Some(found) = self.tracks.tracks.get(index) else { continue };
            let own = if distinct { short(&track.name) } else { track.name.clone() };
            let given = self.about.told.digital_line(&track.name);
            let name = unique(clean_name(given.map_or(&own, |line| &line.name)), &mut names);
            if found.count > 0 {
                let path = format!("/processing/behavior/behavioral_events/{name}");
                let description = format!("{} ({}): state since each time", track.name, track.description);
                let comments = given.and_then(|line| line.comments.as_deref());
                let group = self.line(index, &path, &description, comments, lines_unit);
                lines.put(&name, group);
            }
            if !found.labels.is_empty() {
                let path = format!("/intervals/{name}");
                let mut table = Table::new(self, &path, "TimeIntervals", "core", &track.description);
                let starts: Vec<f64> = found.labels.iter().map(|e| e.0).collect();
                let stops: Vec<f64> = found.labels.iter().map(|e| e.1).collect();
                table.column("start_time", "start, seconds", Data::f64s(&starts));
                table.column("stop_time", "end, seconds", Data::f64s(&stops));
                let labels = found.labels.iter().map(|e| e.2.clone()).collect();
                table.column("label", "what happened", Data::texts(labels));
                let group = table.finish(starts.len());
                root.at("intervals").put(&name, group);
            }
        }
        if lines.children.is_empty() {
            return;
        }
        let path = "/processing/behavior/behavioral_events";
        lines.attributes = self.typed("core", "BehavioralEvents", path);
        let module = root.at("processing/behavior");
        module.attributes =
            self.described("core", "ProcessingModule", "/processing/behavior", "digital lines of the recording");
        module.put("behavioral_events", lines);
    }
}
