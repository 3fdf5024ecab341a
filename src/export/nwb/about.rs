//! What is known of a session beside its samples, and what stands for the things that are not.

use crate::recording::{Channel, Recording};

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
    pub subject: Subject,
    pub devices: Vec<Device>,
    pub groups: Vec<ElectrodeGroup>,
    /// One for each exported channel of the main stream.
    pub electrodes: Vec<Electrode>,
    /// Names of digital lines: the line's own name, and the one that it gets.
    pub lines: Vec<(String, String)>,
    /// Attempts at the behaviour: when, and what.
    pub epochs: Vec<Epoch>,
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
    pub rel: Option<[f64; 3]>,
    pub bad: bool,
    pub shank: Option<i64>,
    pub contact: Option<i64>,
    pub reference: Option<i64>,
}

/// A stretch of the session.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Epoch {
    pub start_secs: f64,
    pub stop_secs: f64,
    pub tags: Vec<String>,
}

impl About {
    /// What a recording alone tells, and defaults that NWB accepts for the rest.
    pub(super) fn of(recording: &Recording, channels: &[&Channel]) -> Self {
        let rec = recording.format == "rec";
        let mut groups: Vec<ElectrodeGroup> = vec![];
        let mut electrodes = vec![];
        for channel in channels {
            let name = if channel.group.is_empty() { "electrodes" } else { &channel.group };
            let group = match groups.iter().position(|g| g.name == name) {
                Some(group) => group,
                None => {
                    groups.push(ElectrodeGroup {
                        name: name.to_owned(),
                        description: if channel.group.is_empty() {
                            "all electrodes".to_owned()
                        } else {
                            format!("electrodes of {name}")
                        },
                        location: "unknown".to_owned(),
                        device: 0,
                    });
                    groups.len() - 1
                }
            };
            electrodes.push(Electrode { group, location: "unknown".to_owned(), ..Electrode::default() });
        }
        Self {
            session_description: format!("recording {}", recording.name),
            subject: Subject {
                id: "unknown".to_owned(),
                // Latin in form, as the best practices ask.
                species: "Unknown species".to_owned(),
                sex: "U".to_owned(),
                age: "P0D/".to_owned(),
                ..Subject::default()
            },
            devices: vec![Device {
                name: "recording_system".to_owned(),
                description: format!("the system that made the recording, a file of format {}", recording.format),
                manufacturer: if rec { "SpikeGadgets".to_owned() } else { String::new() },
            }],
            groups,
            electrodes,
            notes: vec![
                "there is no metadata file: subject and session are written as unknown (--metadata)".to_owned(),
            ],
            ..Self::default()
        }
    }
}
