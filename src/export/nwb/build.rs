//! The NWB file as a tree: what goes where, with which types, after the NWB core schema 2.x and hdmf-common 1.8.

use super::about::{About, Device};
use super::clock::Reference;
use super::compatible;
use super::events::Tracks;
use super::part::Record;
use super::pass::{Class, Dropped, Pass, Rows, Series};
use super::plan::{Plan, clean_name};
use super::schema;
use super::tree::{Attributes, Chunked, Data, Dataset, Group, Object, Value};
use crate::recording::{Recording, SampleType};

/// The schema that the file follows.
const NWB_VERSION: &str = "2.8.0"; // As in `schema`.
pub(super) const ELECTRODES: &str = "/general/extracellular_ephys/electrodes";

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
    /// What stands in the files beside the recording, for the layout of trodes_to_nwb.
    pub attached: &'a compatible::Attached,
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
    contents.subject(&mut root);
    contents.series(&mut root);
    contents.lost(&mut root);
    contents.epochs(&mut root);
    if contents.plan.compatible {
        compatible::build(contents, &mut root);
    } else {
        contents.devices(&mut root);
        if contents.has_electrodes() {
            contents.electrodes(&mut root);
        }
        contents.digital(&mut root);
        contents.tasks(&mut root);
        contents.optogenetics(&mut root);
    }
    schema::add(&mut root, contents.plan.compatible);
    root
}

impl Contents<'_> {
    /// The attributes that every typed object has.
    pub(super) fn typed(&self, namespace: &str, kind: &str, path: &str) -> Attributes {
        vec![
            ("namespace".to_owned(), namespace.into()),
            ("neurodata_type".to_owned(), kind.into()),
            ("object_id".to_owned(), object_id(self.identifier, path).into()),
        ]
    }

    pub(super) fn described(&self, namespace: &str, kind: &str, path: &str, description: &str) -> Attributes {
        let mut attributes = self.typed(namespace, kind, path);
        attributes.push(("description".to_owned(), description.into()));
        attributes
    }

    fn session(&self, root: &mut Group) {
        let about = self.about;
        let reference = Reference { unix_ns: self.plan.reference_ns, known: true };
        root.put("identifier", Data::Text(self.identifier.to_owned()));
        root.put("session_description", Data::Text(about.session_description.clone()));
        root.put("session_start_time", Data::Text(self.plan.start.iso()));
        root.put("timestamps_reference_time", Data::Text(reference.iso()));
        root.put("file_create_date", Data::texts(vec![self.now.clone()]));
        let general = root.at("general");
        general.put_texts("experimenter", &about.experimenters);
        general.put_text("institution", &about.institution);
        general.put_text("lab", &about.lab);
        general.put_text("session_id", &about.session_id);
        general.put_text("experiment_description", &about.experiment_description);
        general.put_texts("keywords", &about.keywords);
        general.put_text("notes", &about.remarks);
        general.put_text("virus", &about.virus);
        general.put_text("stimulus", &about.stimulus);
        let script = Dataset {
            attributes: vec![("file_name".to_owned(), "longwave export".into())],
            data: Data::Text(self.provenance.to_owned()),
        };
        general.put("source_script", Object::Dataset(script));
    }

    fn subject(&self, root: &mut Group) {
        let mut subject = Group { attributes: self.typed("core", "Subject", "/general/subject"), children: vec![] };
        let s = &self.about.subject;
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
        root.at("general").put("subject", subject);
    }

    fn devices(&self, root: &mut Group) {
        self.put_devices(root, &self.about.devices);
    }

    /// Devices as the core has them.
    pub(super) fn put_devices(&self, root: &mut Group, devices: &[Device]) {
        let general = root.at("general");
        for device in devices {
            let name = clean_name(&device.name);
            let path = format!("/general/devices/{name}");
            let mut attributes = self.described("core", "Device", &path, &device.description);
            for (key, text) in [("manufacturer", &device.manufacturer), ("model_name", &device.model)] {
                if !text.is_empty() {
                    attributes.push((key.to_owned(), text.as_str().into()));
                }
            }
            general.at("devices").put(&name, Group { attributes, children: vec![] });
        }
    }

    fn has_electrodes(&self) -> bool {
        self.plan.passes.iter().flat_map(|p| &p.series).any(|s| matches!(s.class, Class::Electrical { .. }))
    }

    /// Every series of every pass.
    fn series(&self, root: &mut Group) {
        for (pass, records) in self.plan.passes.iter().zip(self.records) {
            for (index, series) in pass.series.iter().enumerate() {
                let path = series.path();
                let kind =
                    if matches!(series.class, Class::Electrical { .. }) { "ElectricalSeries" } else { "TimeSeries" };
                let mut attributes = self.described("core", kind, &path, &series.description);
                attributes.push(("comments".to_owned(), comments(pass).into()));
                let mut group = Group { attributes, children: vec![] };
                group.put("data", Object::Dataset(self.data(pass, records, index, series)));
                if let Class::Electrical { channel_conversion, .. } = &series.class {
                    group.put("electrodes", Object::Dataset(self.region(&path, series.width())));
                    if let Some(factors) = channel_conversion {
                        let attributes = vec![("axis".to_owned(), Value::from(1))];
                        let data = Data::f64s(factors);
                        group.put("channel_conversion", Object::Dataset(Dataset { attributes, data }));
                    }
                }
                self.times(pass, records, series, &path, &mut group);
                root.at(series.folder).put(&series.name, group);
            }
        }
    }

    /// When the rows of a series were: start and rate, a list, or a link to the list beside another series.
    fn times(&self, pass: &Pass, records: &[Record], series: &Series, path: &str, group: &mut Group) {
        let Some(list) = pass.lists.iter().position(|unit| *unit == series.times) else {
            let first = match &pass.rows {
                Rows::Frames(frames) => pass.clock.time.tick_of_frame(frames.start),
                Rows::Ticks(ticks) => ticks.start,
            };
            let start = starting_time(pass.clock.secs_of_tick(first), pass.clock.rate_hz());
            group.put("starting_time", Object::Dataset(start));
            return;
        };
        let owner = pass.owner_of(list).path();
        if owner != path {
            group.put("timestamps", Object::Link(format!("{owner}/timestamps")));
            return;
        }
        let data = Data::Chunked(Chunked {
            kind: SampleType::F64,
            dims: vec![pass.rows.len()],
            chunk: vec![pass.time_chunk_rows()],
            filters: self.plan.codec.filters(8),
            chunks: chunks_of(pass, records, pass.series.len() + list),
        });
        group.put("timestamps", Object::Dataset(timestamps(data)));
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
        let columns = series.width() as u64;
        // A single channel of something other than voltages is a line, not a table of one column.
        let table = matches!(series.class, Class::Electrical { .. }) || series.folder == compatible::ANALOG;
        let flat = columns == 1 && !table;
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
}

fn comments(pass: &Pass) -> String {
    let filled = matches!(pass.rows, Rows::Ticks(_));
    match (filled, pass.fill) {
        (true, Dropped::Nan) => "rows of lost packets are NaN: see intervals/dropped_packets".to_owned(),
        (true, _) => "rows of lost packets repeat the row before: see intervals/dropped_packets".to_owned(),
        (false, _) => "stored values as they were recorded".to_owned(),
    }
}

/// A start and a rate instead of a list of times.
pub(super) fn starting_time(secs: f64, rate: f64) -> Dataset {
    let attributes = vec![("rate".to_owned(), rate.into()), ("unit".to_owned(), "seconds".into())];
    Dataset { attributes, data: Data::f64(secs) }
}

/// A list of times.
pub(super) fn timestamps(data: Data) -> Dataset {
    let attributes = vec![("interval".to_owned(), Value::I64(1)), ("unit".to_owned(), "seconds".into())];
    Dataset { attributes, data }
}

/// The chunks of dataset `index` of a pass (its series, then its lists of times), row by row.
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
