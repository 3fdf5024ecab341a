//! What is known of a session beside its samples — from the metadata file, or defaults that NWB accepts — in the shape in
//! which it is written.

use super::compatible::Found;
use super::metadata::{self, Metadata};
use super::plan::{clean_name, unique};
use crate::error::Result;
use crate::recording::{Channel, Recording};
use crate::source::{Source, session};

/// Session, subject, electrodes: everything of an NWB file that no recording holds.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct About {
    pub session_description: String,
    pub session_id: String,
    pub experiment_description: String,
    pub experimenters: Vec<String>,
    pub institution: String,
    pub lab: String,
    pub keywords: Vec<String>,
    /// What has no place of its own.
    pub remarks: String,
    /// Injections of viruses, for which the core has a text only.
    pub virus: String,
    /// What is known of stimulation, in words.
    pub stimulus: String,
    pub subject: Subject,
    pub devices: Vec<Device>,
    /// Index of the first probe among them: one for each electrode group of the metadata.
    pub first_probe: usize,
    pub groups: Vec<ElectrodeGroup>,
    /// One for each exported channel of the main stream.
    pub electrodes: Vec<Electrode>,
    /// What the metadata file says, for what is written as it stands there.
    pub told: Metadata,
    /// The parts of the session.
    pub epochs: Vec<Epoch>,
    /// Files beside the recording that the metadata names, for the layout of trodes_to_nwb.
    pub found: Found,
    /// What is missing or was not used.
    pub notes: Vec<String>,
}

#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Subject {
    pub id: String,
    pub description: String,
    pub species: String,
    pub sex: String,
    pub age: String,
    pub age_reference: String,
    pub date_of_birth: String,
    pub genotype: String,
    pub strain: String,
    pub weight: String,
}

#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Device {
    pub name: String,
    pub description: String,
    pub manufacturer: String,
    pub model: String,
}

#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct ElectrodeGroup {
    pub name: String,
    pub description: String,
    pub location: String,
    /// Index of its device.
    pub device: usize,
}

/// A row of the electrodes table.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Electrode {
    /// Index of its group.
    pub group: usize,
    pub location: String,
    /// Micrometres on the probe, where its geometry is known.
    pub relative: Option<[f64; 3]>,
    pub bad: bool,
    pub ntrode: Option<i64>,
    pub shank: Option<i64>,
    pub contact: Option<i64>,
    /// Counted over the electrodes of the probe, shank by shank.
    pub contact_index: usize,
    /// Number of the hardware's channel.
    pub hardware: Option<u64>,
    /// Row of the electrode that it was shown against.
    pub reference: Option<i64>,
}

/// A part of the session: ticks of the main stream.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Epoch {
    pub first_tick: u64,
    pub end_tick: u64,
    /// Counted from 1, or as the file's name says.
    pub number: i64,
    pub tags: Vec<String>,
}

/// `text`, or `otherwise` where there is none.
pub(super) fn or(text: Option<&String>, otherwise: &str) -> String {
    text.filter(|t| !t.is_empty()).map_or_else(|| otherwise.to_owned(), Clone::clone)
}

/// `name: text; …` of what is told.
pub(super) fn joined(parts: &[(&str, Option<String>)]) -> String {
    let told: Vec<String> = parts
        .iter()
        .filter_map(|(name, text)| text.as_ref().filter(|t| !t.is_empty()).map(|t| format!("{name}{t}")))
        .collect();
    told.join("; ")
}

impl About {
    /// What the recording and the metadata tell of the selected channels (indices) of stream `stream`.
    ///
    /// # Errors
    /// When metadata, probes and recording do not fit together.
    pub(super) fn new(
        source: &dyn Source,
        stream: usize,
        channels: &[usize],
        metadata: Option<&Metadata>,
    ) -> Result<Self> {
        let recording = source.recording();
        let nothing = Metadata::default();
        let told = metadata.unwrap_or(&nothing);
        let mut about = Self {
            session_description: or(told.session_description.as_ref(), &format!("recording {}", recording.name)),
            session_id: or(told.session_id.as_ref(), ""),
            experiment_description: or(told.experiment_description.as_ref(), ""),
            experimenters: told.experimenters.clone(),
            institution: or(told.institution.as_ref(), ""),
            lab: or(told.lab.as_ref(), ""),
            keywords: told.keywords.clone(),
            subject: subject(told.subject.as_ref()),
            told: told.clone(),
            virus: super::optogenetics::virus(told),
            stimulus: super::optogenetics::stimulus(told),
            ..Self::default()
        };
        about.devices(recording, told);
        let all = &recording.streams[stream].channels;
        if told.ntrodes.is_empty() {
            about.plain_electrodes(channels.iter().map(|&c| &all[c]));
        } else {
            about.placed_electrodes(recording, told, all, channels)?;
        }
        about.epochs = epochs(source, told);
        if let Some(metadata) = metadata {
            about.notes.extend(metadata.absent_lines(&recording.events).into_iter().map(|w| w.text));
            about.notes.extend(metadata.missing().into_iter().map(|w| w.text));
        } else {
            about
                .notes
                .push("without a metadata file, subject and session are written as unknown (--metadata)".to_owned());
        }
        Ok(about)
    }

    fn devices(&mut self, recording: &Recording, told: &Metadata) {
        let mut names = vec![];
        let mut add = |devices: &mut Vec<Device>, name: &str, description: String, manufacturer: String| {
            let name = unique(clean_name(name), &mut names);
            devices.push(Device { name, description, manufacturer, model: String::new() });
        };
        for device in &told.acquisition_devices {
            let what = joined(&[
                ("system: ", device.system.clone()),
                ("amplifier: ", device.amplifier.clone()),
                ("ADC circuit: ", device.adc_circuit.clone()),
            ]);
            add(&mut self.devices, &device.name, what, or(device.system.as_ref(), ""));
        }
        if self.devices.is_empty() {
            let maker = if recording.format == "rec" { "SpikeGadgets" } else { "" };
            let what = format!("the system that made the recording, a file of format {}", recording.format);
            add(&mut self.devices, "recording_system", what, maker.to_owned());
        }
        for name in &told.device_names {
            add(&mut self.devices, name, "a device of the experiment".to_owned(), String::new());
        }
        for camera in &told.cameras {
            let number = |value: Option<f64>| value.map(|v| v.to_string());
            let what = joined(&[
                ("camera ", camera.name.clone()),
                ("model: ", camera.model.clone()),
                ("lens: ", camera.lens.clone()),
                ("meters per pixel: ", number(camera.meters_per_pixel)),
                ("frames a second: ", number(camera.frame_rate_hz)),
            ]);
            let maker = or(camera.manufacturer.as_ref(), "");
            add(&mut self.devices, &format!("camera_device {}", camera.id), what, maker);
        }
        for group in &told.electrode_groups {
            let kind = or(group.device_type.as_ref(), "unknown type");
            let probe = told.probe(&kind);
            let what = joined(&[("type: ", Some(kind)), ("", probe.map(|p| p.description))]);
            add(&mut self.devices, &format!("probe {}", group.id), what, String::new());
        }
        self.first_probe = self.devices.len() - told.electrode_groups.len();
        super::optogenetics::devices(told, &mut self.devices, &mut names);
    }

    /// Takes in what the layout of trodes_to_nwb has besides.
    pub(super) fn extend_compatibly(&mut self, source: &dyn Source) {
        self.found = Found::new(&self.told, source);
        self.notes.extend(self.found.notes.iter().cloned());
        if super::compatible::holds_optogenetics(&self.told) {
            (self.virus, self.stimulus) = (String::new(), super::optogenetics::stimulus(&self.told));
        }
    }

    /// Electrodes in the groups of the recording.
    fn plain_electrodes<'c>(&mut self, channels: impl Iterator<Item = &'c Channel>) {
        for channel in channels {
            let name = if channel.group.is_empty() { "electrodes" } else { &channel.group };
            let group = match self.groups.iter().position(|g| g.name == name) {
                Some(group) => group,
                None => {
                    self.groups.push(ElectrodeGroup {
                        name: name.to_owned(),
                        description: if channel.group.is_empty() {
                            "all electrodes".to_owned()
                        } else {
                            name.to_owned()
                        },
                        location: "unknown".to_owned(),
                        device: 0,
                    });
                    self.groups.len() - 1
                }
            };
            let hardware = channel.id.strip_prefix("hwChan").and_then(|n| n.parse().ok());
            self.electrodes.push(Electrode { group, location: "unknown".to_owned(), hardware, ..Electrode::default() });
        }
    }

    /// Electrodes on the probes of the metadata.
    fn placed_electrodes(
        &mut self,
        recording: &Recording,
        told: &Metadata,
        all: &[Channel],
        selected: &[usize],
    ) -> Result<()> {
        let (placed, warnings) = metadata::resolve(told, all, &metadata::references_of(recording))?;
        self.notes.extend(warnings.into_iter().map(|w| w.text));
        let first_probe = self.first_probe;
        for (i, group) in told.electrode_groups.iter().enumerate() {
            let units = or(group.units.as_ref(), "");
            let at = |v: Option<f64>| v.map(|v| format!("{v} {units}").trim().to_owned());
            let location = group.targeted_location.as_ref().or(group.location.as_ref());
            self.groups.push(ElectrodeGroup {
                name: group.id.to_string(),
                description: joined(&[
                    ("", Some(or(group.description.as_ref(), "electrodes of a probe"))),
                    ("location: ", group.location.clone()),
                    ("targeted x: ", at(group.targeted[0])),
                    ("targeted y: ", at(group.targeted[1])),
                    ("targeted z: ", at(group.targeted[2])),
                ]),
                location: or(location, "unknown"),
                device: first_probe + i,
            });
        }
        if selected.iter().any(|&c| placed[c].group.is_none()) {
            self.groups.push(ElectrodeGroup {
                name: "not placed".to_owned(),
                description: "channels that the metadata does not place".to_owned(),
                location: "unknown".to_owned(),
                device: 0,
            });
        }
        for &channel in selected {
            let electrode = &placed[channel];
            let on_probe = electrode.group.is_some();
            let group = electrode.group.unwrap_or(self.groups.len() - 1);
            let reference = electrode.reference.and_then(|r| selected.iter().position(|&c| c == r));
            self.electrodes.push(Electrode {
                group,
                location: self.groups[group].location.clone(),
                relative: electrode.relative,
                bad: electrode.bad,
                ntrode: electrode.ntrode,
                shank: on_probe.then_some(electrode.shank as i64),
                contact: on_probe.then_some(electrode.contact),
                contact_index: electrode.contact_index,
                hardware: electrode.hardware_channel,
                reference: reference.map(|r| r as i64),
            });
        }
        Ok(())
    }
}

fn subject(told: Option<&metadata::Subject>) -> Subject {
    let told = told.cloned().unwrap_or_default().completed();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    Subject {
        id: text(&told.id),
        description: text(&told.description),
        species: text(&told.species),
        sex: text(&told.sex),
        age: text(&told.age),
        age_reference: or(told.age_reference.as_ref(), "birth"),
        date_of_birth: text(&told.date_of_birth),
        genotype: text(&told.genotype),
        strain: text(&told.strain),
        weight: told.weight().unwrap_or_default(),
    }
}

/// `1, 2, 5`.
pub(super) fn numbers(values: &[i64]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The files of a session as its parts, with the tags that trodes_to_nwb gives them (`02_r1`) and their tasks.
fn epochs(source: &dyn Source, told: &Metadata) -> Vec<Epoch> {
    let recording = source.recording();
    let stream = &recording.streams[recording.default_stream()];
    let one;
    let parts: &[_] = match source.parts() {
        [] => {
            one = source.path().map(|path| (path.to_path_buf(), 0, stream.time.end_tick(stream.frames)));
            one.as_slice()
        }
        _ => &[],
    };
    let joined = source.parts().iter().map(|p| (p.path.clone(), p.first_tick, p.end_tick));
    let mut epochs: Vec<(Option<u64>, Epoch)> = vec![];
    for (path, first_tick, end_tick) in parts.iter().cloned().chain(joined) {
        let named = session::epoch_of(&path);
        let number = named.as_ref().map(|n| n.0);
        // Parts of one epoch are one.
        if let Some((last, epoch)) = epochs.last_mut()
            && number.is_some()
            && *last == number
        {
            epoch.end_tick = end_tick;
            continue;
        }
        let mut tags = vec![match &named {
            Some((epoch, tag)) if tag.is_empty() => format!("{epoch:02}"),
            Some((epoch, tag)) => format!("{epoch:02}_{tag}"),
            None => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        }];
        let counted = number.map_or(epochs.len() as i64 + 1, |n| n as i64);
        tags.extend(told.tasks.iter().filter(|t| t.epochs.contains(&counted)).map(|t| t.name.clone()));
        epochs.push((number, Epoch { first_tick, end_tick, number: counted, tags }));
    }
    epochs.into_iter().map(|e| e.1).filter(|e| e.end_tick > e.first_tick).collect()
}
