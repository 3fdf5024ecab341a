//! A metadata file to fill in, with everything that a recording tells about itself already in it.
//!
//! The text has every section that [`Metadata::parse`](super::Metadata::parse) reads, with a comment where it is not
//! plain, and is read by it without a warning. Pure: the recording's description in, text out.

use std::fmt::Write as _;
use std::path::Path;

use super::Probe;
use super::resolve::{Trodes, trodes};
use crate::recording::Recording;

/// The metadata file for `recording`.
pub(crate) fn template(recording: &Recording) -> String {
    let stem = Path::new(&recording.name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let subject = animal(&stem).map_or_else(String::new, quoted);
    let channels = recording.streams.get(recording.default_stream()).map_or(&[][..], |s| &s.channels);
    let trodes = trodes(channels);
    let mut text = format!(
        "\
# Metadata for NWB: who recorded whom, where and with what. Made from the header of
# {name}.
# Fill in what is empty, and remove what does not apply; then trodes_to_nwb reads it too
# (of the digital lines it knows those of the ECU only).

experimenter_name:  # a list: - Last, First
lab:
institution:
experiment_description:
session_description:
session_id: {session}
keywords: []

subject:
  subject_id: {subject}
  description:
  species:  # Latin: Rattus norvegicus, Mus musculus
  genotype:
  sex:  # M, F, O (other) or U (unknown)
  date_of_birth:  # 2020-01-31
  weight:  # grams

data_acq_device:
  - name: {device}
    system: {device}
    amplifier:
    adc_circuit:
device:
  name: []

# Cameras, tasks (with the epochs that they were done in) and files that belong to epochs:
#   cameras:
#     - {{id: 0, camera_name: overhead, manufacturer: , model: , lens: , meters_per_pixel: 0.001}}
#   tasks:
#     - {{task_name: run, task_description: , task_environment: , camera_id: [0], task_epochs: [2, 4]}}
#   associated_files:
#     - {{name: notes.txt, description: , path: , task_epochs: 1}}
#   associated_video_files:
#     - {{name: run.h264, camera_id: 0, task_epochs: 2}}
cameras: []
tasks: []
associated_files: []
associated_video_files: []

units:
  analog: \"-1\"
  behavioral_events: \"-1\"
times_period_multiplier: 1.5
",
        name = one_line(&recording.name),
        session = quoted(&stem),
        device = if recording.format == "rec" { "SpikeGadgets" } else { "" },
    );
    if let Some(gain) = channels.first().filter(|c| c.unit == "uV").map(|c| c.scale.gain) {
        // Without a point, older YAML readers take it for a text.
        let volts = format!("{:e}", gain / 1e6);
        let volts = if volts.contains('.') { volts } else { volts.replacen('e', ".0e", 1) };
        add(&mut text, format_args!("raw_data_to_volts: {volts}\n"));
    }
    lines(&mut text, recording);
    groups(&mut text, &trodes);
    text
}

fn add(text: &mut String, part: std::fmt::Arguments<'_>) {
    // A string takes all that is written to it.
    text.write_fmt(part).unwrap_or_default();
}

/// The animal in `{YYYYMMDD}_{animal}_{epoch}_{tag}`.
fn animal(stem: &str) -> Option<&str> {
    let mut parts = stem.split('_');
    let date = parts.next()?;
    let animal = parts.next()?;
    let epoch = parts.next()?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (date.len() == 8 && digits(date) && digits(epoch) && !animal.is_empty()).then_some(animal)
}

/// A double-quoted scalar: JSON's are YAML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The digital lines, under the names that the recording gives them.
fn lines(text: &mut String, recording: &Recording) {
    let mut seen = std::collections::HashSet::new();
    text.push_str("\n# description: the digital line; name: what it means, such as Poke_1. Remove the lines that nothing is on.\n");
    text.push_str("behavioral_events:\n");
    for track in &recording.events {
        let id = track.name.rsplit('/').next().unwrap_or(&track.name);
        let id = id.strip_prefix("ECU_").unwrap_or(id).trim();
        if !id.is_empty() && seen.insert(id) {
            add(text, format_args!("  - {{description: {0}, name: {0}}}\n", quoted(id)));
        }
    }
}

/// An electrode group for each nTrode, and their maps.
fn groups(text: &mut String, trodes: &Trodes<'_>) {
    // An id that is not a number cannot be written here.
    let trodes: Vec<(i64, usize)> = trodes.iter().filter_map(|(id, m)| Some((id.parse().ok()?, m.len()))).collect();
    text.push_str(
        "\n# A group is a probe: give all nTrodes of one probe the same electrode_group_id, remove the groups too\n",
    );
    text.push_str(
        "# many, and number the electrodes in their maps through (second nTrode of 32: 0: 32, 1: 33, ...).\n",
    );
    text.push_str("# device_type, with the number of electrodes:\n");
    for kind in Probe::built_in_kinds() {
        let electrodes = Probe::built_in(kind).map_or(0, |p| p.contacts().count());
        add(text, format_args!("#   {kind}  {electrodes}\n"));
    }
    text.push_str("electrode_groups:\n");
    for (group, (id, count)) in trodes.iter().enumerate() {
        let kind = if *count == 4 { "tetrode_12.5" } else { "" };
        add(
            text,
            format_args!(
                "  - id: {group}\n    device_type: {kind}\n    description: nTrode {id}\n    location:\n    \
                 targeted_location:\n    targeted_x:\n    targeted_y:\n    targeted_z:\n    units: mm\n"
            ),
        );
    }
    text.push_str("\n# map: channel of the nTrode (from 0): electrode of the probe (from 0).\n");
    text.push_str("ntrode_electrode_group_channel_map:\n");
    for (group, (id, count)) in trodes.iter().enumerate() {
        let map: Vec<String> = (0..*count).map(|i| format!("\"{i}\": {i}")).collect();
        add(
            text,
            format_args!(
                "  - ntrode_id: {id}\n    electrode_group_id: {group}\n    bad_channels: []\n    map: {{{}}}\n",
                map.join(", ")
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::metadata::{Metadata, references_of, resolve};
    use crate::recording::{ByteOrder, Channel, EventTrack, SampleFormat, SampleType, Scale, Stream, TimeBase};

    pub(super) fn recording(trodes: &[(i64, usize)]) -> Recording {
        let mut channels = Vec::new();
        for &(id, count) in trodes {
            for k in 0..count {
                channels.push(Channel {
                    id: format!("hwChan{}", channels.len()),
                    name: format!("nt{id} ch{}", k + 1),
                    unit: "uV".to_owned(),
                    scale: Scale { gain: 0.195, offset: 0.0 },
                    group: format!("nTrode {id}"),
                    position: None,
                });
            }
        }
        Recording {
            name: "20230622_o'brien: #1_02_r1.rec".to_owned(),
            format: "rec",
            streams: vec![Stream {
                name: "ephys".to_owned(),
                format: SampleFormat { sample_type: SampleType::I16, byte_order: ByteOrder::Little },
                time: TimeBase::regular(30_000.0),
                frames: 10,
                channels,
            }],
            events: vec![EventTrack {
                name: "ECU_digital/ECU_Din1".to_owned(),
                description: String::new(),
                events: None,
            }],
            ..Recording::default()
        }
    }

    #[test]
    fn what_is_written_is_read_without_a_warning_and_fits_the_recording() {
        let recording = recording(&[(1, 4), (7, 4), (3, 4)]);
        let text = template(&recording);
        let (metadata, warnings) = Metadata::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!(warnings, [], "{text}");
        assert_eq!(metadata.session_id.as_deref(), Some("20230622_o'brien: #1_02_r1"));
        assert_eq!(metadata.subject.as_ref().and_then(|s| s.id.as_deref()), Some("o'brien: #1"));
        assert_eq!(metadata.raw_to_volts, Some(0.195 / 1e6));
        assert_eq!(metadata.digital_line("ECU_digital/ECU_Din1").map(|l| l.name.as_str()), Some("Din1"));
        assert_eq!(metadata.absent_lines(&recording.events), []);
        let channels = &recording.streams[0].channels;
        let (electrodes, warnings) = resolve(&metadata, channels, &references_of(&recording)).expect("it fits");
        assert_eq!(warnings, []);
        assert!(electrodes.iter().all(|e| e.group.is_some()));
        assert_eq!((electrodes[5].ntrode, electrodes[5].contact), (Some(7), 1));
    }

    #[test]
    fn without_tetrodes_the_probe_is_asked_for() {
        let recording = recording(&[(1, 32)]);
        let (metadata, warnings) = Metadata::parse(template(&recording).as_bytes()).expect("sound");
        assert_eq!(warnings, []);
        let error = resolve(&metadata, &recording.streams[0].channels, &[]).expect_err("no probe is named");
        assert!(error.to_string().contains("device_type"), "{error}");
        // A recording without nTrodes has nothing to place.
        let (metadata, _) = Metadata::parse(template(&Recording::default()).as_bytes()).expect("sound");
        assert!(metadata.ntrodes.is_empty() && metadata.session_id.is_none());
    }
}
