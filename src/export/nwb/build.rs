//! The NWB file as a tree: what goes where, with which types, after the NWB core schema 2.x and hdmf-common 1.8.

use super::about::{About, Electrode, numbers};
use super::events::Tracks;
use super::part::Record;
use super::plan::{Class, Pass, Plan, Series, clean_name, unique, volts_of};
use super::tree::{Attributes, Chunked, Data, Dataset, Group, Object, Value};
use crate::recording::{Recording, SampleType};

/// The schema that the file follows.
const NWB_VERSION: &str = "2.8.0";
const ELECTRODES: &str = "/general/extracellular_ephys/electrodes";
/// Rows of the list of lost packets: what is beyond is told in its description.
const MAX_LOST: usize = 1 << 20;

/// Everything that goes into the tree.
pub(super) struct Contents<'a> {
    pub recording: &'a Recording,
    pub plan: &'a Plan,
    pub about: &'a About,
    /// What was written of each pass, in order.
    pub records: &'a [Vec<Record>],
    pub tracks: &'a Tracks,
    /// Text that no other file has; object ids follow from it.
    pub identifier: &'a str,
    /// Where the file comes from, for `source_script`.
    pub provenance: &'a str,
    pub now: String,
}

/// The whole file.
pub(super) fn build(contents: &Contents<'_>) -> Group {
    let mut root = Group { attributes: contents.typed("core", "NWBFile", "/"), children: vec![] };
    root.attributes.push(("nwb_version".to_owned(), NWB_VERSION.into()));
    for path in ["acquisition", "analysis", "processing", "stimulus/presentation", "stimulus/templates", "general"] {
        root.at(path);
    }
    contents.session(&mut root);
    if contents.has_electrodes() {
        contents.electrodes(&mut root);
    }
    contents.series(&mut root);
    contents.digital(&mut root);
    contents.lost(&mut root);
    contents.epochs(&mut root);
    contents.tasks(&mut root);
    root
}

impl Contents<'_> {
    /// The attributes that every typed object has.
    fn typed(&self, namespace: &str, kind: &str, path: &str) -> Attributes {
        vec![
            ("namespace".to_owned(), namespace.into()),
            ("neurodata_type".to_owned(), kind.into()),
            ("object_id".to_owned(), object_id(self.identifier, path).into()),
        ]
    }

    fn described(&self, namespace: &str, kind: &str, path: &str, description: &str) -> Attributes {
        let mut attributes = self.typed(namespace, kind, path);
        attributes.push(("description".to_owned(), description.into()));
        attributes
    }

    fn session(&self, root: &mut Group) {
        let about = self.about;
        let start = self.plan.reference.iso();
        root.put("identifier", Data::Text(self.identifier.to_owned()));
        root.put("session_description", Data::Text(about.session_description.clone()));
        root.put("session_start_time", Data::Text(start.clone()));
        root.put("timestamps_reference_time", Data::Text(start));
        root.put("file_create_date", Data::texts(vec![self.now.clone()]));
        let general = root.at("general");
        general.put_texts("experimenter", &about.experimenters);
        general.put_text("institution", &about.institution);
        general.put_text("lab", &about.lab);
        general.put_text("session_id", &about.session_id);
        general.put_text("experiment_description", &about.experiment_description);
        general.put_texts("keywords", &about.keywords);
        general.put_text("notes", &about.remarks);
        let script = Dataset {
            attributes: vec![("file_name".to_owned(), "longwave export".into())],
            data: Data::Text(self.provenance.to_owned()),
        };
        general.put("source_script", Object::Dataset(script));
        let mut subject = Group { attributes: self.typed("core", "Subject", "/general/subject"), children: vec![] };
        let s = &about.subject;
        for (name, text) in [
            ("subject_id", &s.id),
            ("description", &s.description),
            ("species", &s.species),
            ("sex", &s.sex),
            ("date_of_birth", &s.date_of_birth),
            ("genotype", &s.genotype),
            ("strain", &s.strain),
            ("weight", &s.weight),
        ] {
            subject.put_text(name, text);
        }
        if !s.age.is_empty() {
            let attributes = vec![("reference".to_owned(), Value::from(s.age_reference.as_str()))];
            subject.put("age", Object::Dataset(Dataset { attributes, data: Data::Text(s.age.clone()) }));
        }
        general.put("subject", subject);
        for device in &about.devices {
            let name = clean_name(&device.name);
            let path = format!("/general/devices/{name}");
            let mut attributes = self.described("core", "Device", &path, &device.description);
            if !device.manufacturer.is_empty() {
                attributes.push(("manufacturer".to_owned(), device.manufacturer.as_str().into()));
            }
            general.at("devices").put(&name, Group { attributes, children: vec![] });
        }
    }

    fn has_electrodes(&self) -> bool {
        self.plan.passes.iter().flat_map(|p| &p.series).any(|s| matches!(s.class, Class::Electrical { .. }))
    }

    /// Electrode groups, and the table of electrodes: a row for each exported channel of the main stream.
    fn electrodes(&self, root: &mut Group) {
        let about = self.about;
        let ephys = root.at("general/extracellular_ephys");
        let mut taken = vec!["electrodes".to_owned()];
        let names: Vec<String> = about.groups.iter().map(|g| unique(clean_name(&g.name), &mut taken)).collect();
        for (group, name) in about.groups.iter().zip(&names) {
            let path = format!("/general/extracellular_ephys/{name}");
            let mut attributes = self.described("core", "ElectrodeGroup", &path, &group.description);
            attributes.push(("location".to_owned(), group.location.as_str().into()));
            let device = about.devices.get(group.device).map_or("", |d| &d.name);
            let link = Object::Link(format!("/general/devices/{}", clean_name(device)));
            ephys.put(name, Group { attributes, children: vec![("device".to_owned(), link)] });
        }
        let Some(series) =
            self.plan.passes.iter().flat_map(|p| &p.series).find(|s| matches!(s.class, Class::Electrical { .. }))
        else {
            return;
        };
        let stream = &self.recording.streams[series.stream];
        let channels: Vec<_> = series.channels.iter().map(|&c| &stream.channels[c]).collect();
        let rows = &about.electrodes;
        let mut table = Table::new(self, ELECTRODES, "DynamicTable", "hdmf-common", "the electrodes of the recording");
        table.column("location", "where the electrode is", Data::texts(texts(rows, |e| e.location.clone())));
        let groups = rows.iter().map(|e| format!("/general/extracellular_ephys/{}", names[e.group])).collect();
        table.column("group", "the group that the electrode belongs to", Data::References(groups));
        table.column("group_name", "the name of its group", Data::texts(texts(rows, |e| names[e.group].clone())));
        let ids = channels.iter().map(|c| c.id.clone()).collect();
        table.column("channel_id", "the channel as the recording identifies it", Data::texts(ids));
        let names = channels.iter().map(|c| c.name.clone()).collect();
        table.column("channel_name", "the channel as the recording names it", Data::texts(names));
        let microvolts = |unit: &str| volts_of(unit).unwrap_or(1.0) * 1e6;
        let gains: Vec<f64> = channels.iter().map(|c| c.scale.gain * microvolts(&c.unit)).collect();
        table.column("gain_to_uV", "microvolts of one step of the recorded numbers", Data::f64s(&gains));
        let offsets: Vec<f64> = channels.iter().map(|c| c.scale.offset * microvolts(&c.unit)).collect();
        table.column("offset_to_uV", "microvolts of a recorded zero", Data::f64s(&offsets));
        if rows.iter().any(|e| e.relative.is_some()) {
            for (axis, name) in ["rel_x", "rel_y", "rel_z"].into_iter().enumerate() {
                let values: Vec<f64> = rows.iter().map(|e| e.relative.map_or(f64::NAN, |at| at[axis])).collect();
                table.column(name, "position on the probe, micrometres", Data::f64s(&values));
            }
        }
        if rows.iter().any(|e| e.bad) {
            table.column(
                "bad_channel",
                "whether the channel is known to be bad",
                Data::Bools(rows.iter().map(|e| e.bad).collect()),
            );
        }
        type Number = fn(&Electrode) -> Option<i64>;
        let numbers: [(&str, &str, Number); 4] = [
            ("ntrode_id", "the nTrode of the recording", |e| e.ntrode),
            ("probe_shank", "the shank of the probe", |e| e.shank),
            ("probe_electrode", "the contact of the probe", |e| e.contact),
            ("ref_elect_id", "the row of the electrode that it is measured against, -1 for none", |e| e.reference),
        ];
        for (name, what, value) in numbers {
            if rows.iter().any(|e| value(e).is_some()) {
                table.column(name, what, Data::i64s(rows.iter().map(|e| value(e).unwrap_or(-1))));
            }
        }
        ephys.put("electrodes", table.finish(rows.len()));
    }

    /// Every series of every pass, in `/acquisition`.
    fn series(&self, root: &mut Group) {
        let acquisition = root.at("acquisition");
        for (pass, records) in self.plan.passes.iter().zip(self.records) {
            let mut times_at: Option<String> = None;
            for (index, series) in pass.series.iter().enumerate() {
                let path = format!("/acquisition/{}", series.name);
                let kind =
                    if matches!(series.class, Class::Electrical { .. }) { "ElectricalSeries" } else { "TimeSeries" };
                let mut attributes = self.described("core", kind, &path, &series.description);
                attributes.push(("comments".to_owned(), comments(pass).into()));
                let mut group = Group { attributes, children: vec![] };
                group.put("data", Object::Dataset(self.data(pass, records, index, series)));
                if let Class::Electrical { channel_conversion, .. } = &series.class {
                    group.put("electrodes", Object::Dataset(self.region(&path, series.channels.len())));
                    if let Some(factors) = channel_conversion {
                        let attributes = vec![("axis".to_owned(), Value::from(1))];
                        let data = Data::f64s(factors);
                        group.put("channel_conversion", Object::Dataset(Dataset { attributes, data }));
                    }
                }
                match &times_at {
                    _ if !pass.listed => {
                        let first = match &pass.rows {
                            super::plan::Rows::Frames(frames) => pass.clock.time.tick_of_frame(frames.start),
                            super::plan::Rows::Ticks(ticks) => ticks.start,
                        };
                        let start = starting_time(pass.clock.secs_of_tick(first), pass.clock.rate_hz());
                        group.put("starting_time", Object::Dataset(start));
                    }
                    Some(path) => group.put("timestamps", Object::Link(path.clone())),
                    None => {
                        let data = Data::Chunked(Chunked {
                            kind: SampleType::F64,
                            dims: vec![pass.rows.len()],
                            chunk: vec![pass.time_chunk_rows()],
                            filters: self.plan.codec.filters(8),
                            chunks: chunks_of(pass, records, pass.series.len()),
                        });
                        group.put("timestamps", Object::Dataset(timestamps(data)));
                        times_at = Some(format!("{path}/timestamps"));
                    }
                }
                acquisition.put(&series.name, group);
            }
        }
    }

    fn data(&self, pass: &Pass, records: &[Record], index: usize, series: &Series) -> Dataset {
        let (unit, conversion, offset) = match &series.class {
            Class::Electrical { conversion, offset, .. } => ("volts", *conversion, *offset),
            Class::Plain { unit, conversion, offset } => (unit.as_str(), *conversion, *offset),
        };
        let attributes = vec![
            ("conversion".to_owned(), conversion.into()),
            ("offset".to_owned(), offset.into()),
            ("resolution".to_owned(), Value::F64(-1.0)),
            ("unit".to_owned(), unit.into()),
        ];
        let columns = series.channels.len() as u64;
        // A single channel of something other than voltages is a line, not a table of one column.
        let flat = columns == 1 && !matches!(series.class, Class::Electrical { .. });
        let shape = |rows: u64, columns: u64| if flat { vec![rows] } else { vec![rows, columns] };
        let data = Data::Chunked(Chunked {
            kind: series.kind,
            dims: shape(pass.rows.len(), columns),
            chunk: shape(series.chunk_rows, series.chunk_columns),
            filters: self.plan.codec.filters(series.kind.size()),
            chunks: chunks_of(pass, records, index),
        });
        Dataset { attributes, data }
    }

    /// The rows of the electrodes table that the columns of a series are.
    fn region(&self, path: &str, channels: usize) -> Dataset {
        let path = format!("{path}/electrodes");
        let mut attributes =
            self.described("hdmf-common", "DynamicTableRegion", &path, "the electrode of each column of the data");
        attributes.push(("table".to_owned(), Value::Reference(ELECTRODES.to_owned())));
        Dataset { attributes, data: Data::i64s(0..channels as i64) }
    }

    /// Digital lines as behavioural events, other tracks as intervals.
    fn digital(&self, root: &mut Group) {
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
                let mut attributes = self.described("core", "TimeSeries", &path, &description);
                if let Some(comments) = given.and_then(|line| line.comments.as_deref()) {
                    attributes.push(("comments".to_owned(), comments.into()));
                }
                let mut group = Group { attributes, children: vec![] };
                let (times, states) = self.tracks.data(index);
                let attributes = vec![
                    ("conversion".to_owned(), Value::F64(1.0)),
                    ("offset".to_owned(), Value::F64(0.0)),
                    ("resolution".to_owned(), Value::F64(-1.0)),
                    ("unit".to_owned(), lines_unit.into()),
                ];
                group.put("data", Object::Dataset(Dataset { attributes, data: states }));
                match found.rate() {
                    Some((start, rate)) => group.put("starting_time", Object::Dataset(starting_time(start, rate))),
                    None => group.put("timestamps", Object::Dataset(timestamps(times))),
                }
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

    /// Where packets were lost, and what stands in their place.
    fn lost(&self, root: &mut Group) {
        let Some(pass) = self.plan.passes.first() else { return };
        let time = &pass.clock.time;
        let first = pass.selection.frames.start;
        let end = self.plan.passes.iter().filter(|p| p.clock.time == *time).map(|p| p.selection.frames.end).max();
        let end = end.unwrap_or(first);
        let gaps: Vec<_> = time.gaps().filter(|g| g.after_frame >= first && g.after_frame + 1 < end).collect();
        if gaps.is_empty() {
            return;
        }
        let shown = &gaps[..gaps.len().min(MAX_LOST)];
        let filled = matches!(pass.rows, super::plan::Rows::Ticks(_));
        let stands = match (filled, pass.fill) {
            (false, _) => "nothing",
            (true, super::plan::Dropped::Nan) => "NaN",
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
            super::plan::Rows::Frames(_) => (g.after_frame + 1 - first) as i64,
            super::plan::Rows::Ticks(ticks) => (g.first_tick - ticks.start) as i64,
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
    fn epochs(&self, root: &mut Group) {
        let Some(pass) = self.plan.passes.first() else { return };
        let time = &pass.clock.time;
        let first = time.tick_of_frame(pass.selection.frames.start);
        let last = self.plan.passes.iter().filter(|p| p.clock.time == *time).map(|p| p.selection.frames.end).max();
        let end = time.end_tick(last.unwrap_or(0));
        let epochs: Vec<_> = self.about.epochs.iter().filter(|e| e.end_tick > first && e.first_tick < end).collect();
        if epochs.is_empty() {
            return;
        }
        let mut table = Table::new(self, "/intervals/epochs", "TimeIntervals", "core", "the parts of the session");
        let starts: Vec<f64> = epochs.iter().map(|e| pass.clock.secs_of_tick(e.first_tick.max(first))).collect();
        let stops: Vec<f64> = epochs.iter().map(|e| pass.clock.secs_of_tick(e.end_tick.min(end))).collect();
        table.column("start_time", "start, seconds", Data::f64s(&starts));
        table.column("stop_time", "end, seconds", Data::f64s(&stops));
        let tags: Vec<String> = epochs.iter().flat_map(|e| e.tags.clone()).collect();
        let mut ends = Vec::new();
        for epoch in &epochs {
            ends.push(ends.last().copied().unwrap_or(0) + epoch.tags.len() as i64);
        }
        if !tags.is_empty() {
            table.column("tags", "what the part is called", Data::texts(tags));
            table.index("tags", &ends);
        }
        let group = table.finish(epochs.len());
        root.at("intervals").put("epochs", group);
    }

    /// What the metadata says of tasks, files and videos: tables of texts and numbers.
    fn tasks(&self, root: &mut Group) {
        let about = self.about;
        let module = |root: &mut Group, name: &str, what: &str, tables: Vec<(String, Group)>| {
            if tables.is_empty() {
                return;
            }
            let path = format!("/processing/{name}");
            let group = root.at(&format!("processing/{name}"));
            group.attributes = self.described("core", "ProcessingModule", &path, what);
            for (name, table) in tables {
                group.put(&name, table);
            }
        };
        let of = Data::texts;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let mut tasks = vec![];
        for (i, task) in about.told.tasks.iter().enumerate() {
            let name = format!("task_{i}");
            let path = format!("/processing/tasks/{name}");
            let mut table = Table::new(self, &path, "DynamicTable", "hdmf-common", "a task of the subject");
            table.column("task_name", "the name of the task", of(vec![task.name.clone()]));
            table.column("task_description", "what the task is", of(vec![text(&task.description)]));
            table.column("task_environment", "where it takes place", of(vec![text(&task.environment)]));
            table.column("camera_id", "the cameras that saw it", of(vec![numbers(&task.camera_ids)]));
            table.column("task_epochs", "the epochs in which it took place", of(vec![numbers(&task.epochs)]));
            tasks.push((name, table.finish(1)));
        }
        module(root, "tasks", "tasks of the subject", tasks);
        let mut files = vec![];
        if !about.told.associated_files.is_empty() {
            let path = "/processing/associated_files/associated_files";
            let mut table = Table::new(self, path, "DynamicTable", "hdmf-common", "files that belong to the session");
            table.column(
                "file_name",
                "the name of the file",
                of(texts(&about.told.associated_files, |f| f.name.clone())),
            );
            table.column(
                "file_description",
                "what it is",
                of(texts(&about.told.associated_files, |f| text(&f.description))),
            );
            table.column("path", "where it was", of(texts(&about.told.associated_files, |f| text(&f.path))));
            table.column("task_epochs", "its epochs", of(texts(&about.told.associated_files, |f| numbers(&f.epochs))));
            files.push(("associated_files".to_owned(), table.finish(about.told.associated_files.len())));
        }
        module(root, "associated_files", "files that belong to the session", files);
        let mut videos = vec![];
        if !about.told.associated_videos.is_empty() {
            let path = "/processing/video_files/video_files";
            let mut table = Table::new(self, path, "DynamicTable", "hdmf-common", "videos of the session");
            table.column(
                "file_name",
                "the name of the file",
                of(texts(&about.told.associated_videos, |v| v.name.clone())),
            );
            let cameras = Data::i64s(about.told.associated_videos.iter().map(|v| v.camera_id.unwrap_or(-1)));
            table.column("camera_id", "the camera, -1 if it is not told", cameras);
            table.column("task_epochs", "its epochs", of(texts(&about.told.associated_videos, |v| numbers(&v.epochs))));
            videos.push(("video_files".to_owned(), table.finish(about.told.associated_videos.len())));
        }
        module(root, "video_files", "videos of the session", videos);
    }
}

/// A table of columns, as hdmf-common has it.
struct Table<'a> {
    contents: &'a Contents<'a>,
    path: String,
    group: Group,
    columns: Vec<String>,
}

impl<'a> Table<'a> {
    fn new(contents: &'a Contents<'a>, path: &str, kind: &str, namespace: &str, description: &str) -> Self {
        let group = Group { attributes: contents.described(namespace, kind, path, description), children: vec![] };
        Self { contents, path: path.to_owned(), group, columns: vec![] }
    }

    fn column(&mut self, name: &str, description: &str, data: Data) {
        debug_assert!(name != "description" && name != "colnames", "the table has an attribute of this name");
        let path = format!("{}/{name}", self.path);
        let attributes = self.contents.described("hdmf-common", "VectorData", &path, description);
        self.group.put(name, Object::Dataset(Dataset { attributes, data }));
        self.columns.push(name.to_owned());
    }

    /// The rows of ragged column `name` end where `ends` says.
    fn index(&mut self, name: &str, ends: &[i64]) {
        let own = format!("{name}_index");
        let path = format!("{}/{own}", self.path);
        let mut attributes =
            self.contents.described("hdmf-common", "VectorIndex", &path, &format!("where the rows of {name} end"));
        attributes.push(("target".to_owned(), Value::Reference(format!("{}/{name}", self.path))));
        let data = Data::u32s(ends.iter().map(|&end| end as u32));
        self.group.put(&own, Object::Dataset(Dataset { attributes, data }));
    }

    fn finish(mut self, rows: usize) -> Group {
        self.group.attributes.push(("colnames".to_owned(), Value::Texts(std::mem::take(&mut self.columns))));
        let path = format!("{}/id", self.path);
        let attributes = self.contents.typed("hdmf-common", "ElementIdentifiers", &path);
        let data = Data::i64s(0..rows as i64);
        self.group.put("id", Object::Dataset(Dataset { attributes, data }));
        self.group
    }
}

fn texts<T>(rows: &[T], of: impl Fn(&T) -> String) -> Vec<String> {
    rows.iter().map(of).collect()
}

fn comments(pass: &Pass) -> String {
    let filled = matches!(pass.rows, super::plan::Rows::Ticks(_));
    match (filled, pass.fill) {
        (true, super::plan::Dropped::Nan) => "rows of lost packets are NaN: see intervals/dropped_packets".to_owned(),
        (true, _) => "rows of lost packets repeat the row before: see intervals/dropped_packets".to_owned(),
        (false, _) => "stored values as they were recorded".to_owned(),
    }
}

fn starting_time(secs: f64, rate: f64) -> Dataset {
    let attributes = vec![("rate".to_owned(), rate.into()), ("unit".to_owned(), "seconds".into())];
    Dataset { attributes, data: Data::f64(secs) }
}

fn timestamps(data: Data) -> Dataset {
    let attributes = vec![("interval".to_owned(), Value::I32(1)), ("unit".to_owned(), "seconds".into())];
    Dataset { attributes, data }
}

/// The chunks of dataset `index` of a pass (its series, then its list of times), row by row.
pub(super) fn chunks_of(pass: &Pass, records: &[Record], index: usize) -> Vec<super::tree::StoredChunk> {
    let mut chunks = Vec::new();
    for record in records {
        let range = pass.chunk_range(record.piece, index);
        chunks.extend_from_slice(record.chunks.get(range).unwrap_or_default());
    }
    chunks
}

/// A UUID (version 8: by hash) for the object at `path`.
pub(super) fn object_id(identifier: &str, path: &str) -> String {
    let half = |seed: u64| twox_hash::XxHash3_64::oneshot_with_seed(seed, format!("{identifier} {path}").as_bytes());
    let bits = u128::from(half(1)) << 64 | u128::from(half(2));
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | 0x8 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
