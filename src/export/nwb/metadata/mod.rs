//! The metadata file of a session: who recorded whom, where and with what.
//!
//! It is the YAML file that users of trodes_to_nwb have already (made by the "rec to NWB YAML creator" of the Frank
//! lab). [`Metadata::parse`] reads its text into plain data and warnings: every key either ends in [`Metadata`] or is
//! named in a warning with its line. What is of a wrong type is one error with line, column, byte offset and remedy.
//! Everything may be missing; [`Metadata::missing`] says what an NWB file will lack then. [`resolve()`] joins it with
//! the channels of a recording to rows of NWB's electrodes table.
//!
//! This room knows neither NWB nor HDF5, and reads no files but those that [`Metadata::load`] is told. The cost is that
//! of the text, which is [bounded](yaml).
//!
//! After the schema and the sample files of trodes_to_nwb 0.1.9 (MIT), the NWB schema 2.8 for the meaning of a
//! subject's fields, and the checks of nwbinspector for the forms they should have.

pub(crate) mod fields;
mod hardware;
mod load;
mod parse;
pub(crate) mod resolve;
mod subject;
mod template;
pub(crate) mod yaml;

#[cfg(test)]
mod tests;

pub(crate) use hardware::Hardware;
pub(crate) use resolve::{Electrode, probe_order, references_of, resolve};
pub(crate) use template::template;
pub(crate) use yaml::Place;

pub(crate) use super::probe::Probe;
use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::form::{Kind, Parameter, Settings};
use crate::recording::{EventTrack, Warning};

/// The setting that names the metadata file, of every exporter that uses one.
pub(crate) const METADATA: Parameter = Parameter {
    name: "metadata",
    title: "Metadata",
    help: "the YAML file that tells of session, subject and probes (see `longwave metadata`)",
    kind: Kind::File { several: false },
    default: "",
};
/// The setting that names what the metadata refers to.
pub(crate) const PROBE: Parameter = Parameter {
    name: "probe",
    title: "Probe files",
    help: "files that describe probes (or light sources, fibres and viruses) which are not built in, separated by commas",
    kind: Kind::File { several: true },
    default: "",
};

/// A probe alone says nothing of channels.
///
/// # Errors
/// When there are probe files and no metadata.
pub(crate) fn refuse_probes_without_metadata(settings: &Settings) -> Result<()> {
    if settings.text("metadata").is_empty() && !settings.text("probe").is_empty() {
        return Err(Error::invalid("a probe is placed by a metadata file").with_remedy("name it: --metadata META.yml"));
    }
    Ok(())
}

/// What a metadata file says. Empty lists and `None`: it does not say.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Metadata {
    /// `Last, First`.
    pub experimenters: Vec<String>,
    pub lab: Option<String>,
    pub institution: Option<String>,
    pub experiment_description: Option<String>,
    pub session_description: Option<String>,
    pub session_id: Option<String>,
    pub keywords: Vec<String>,
    pub subject: Option<Subject>,
    /// `data_acq_device`: the acquisition systems.
    pub acquisition_devices: Vec<AcquisitionDevice>,
    /// `device`: names of further devices.
    pub device_names: Vec<String>,
    pub cameras: Vec<Camera>,
    pub tasks: Vec<BehaviorTask>,
    pub associated_files: Vec<AssociatedFile>,
    pub associated_videos: Vec<AssociatedVideo>,
    /// `units.analog`: the unit of the analog channels, as it stands there (`-1`: none).
    pub analog_unit: Option<String>,
    /// `units.behavioral_events`, as it stands there.
    pub events_unit: Option<String>,
    /// `raw_data_to_volts`: volts of one stored step of the ephys channels; only for recordings without gains.
    pub raw_to_volts: Option<f64>,
    /// `times_period_multiplier`: how many sample periods without data make a gap, to old converters.
    pub times_period_multiplier: Option<f64>,
    /// `default_header_file_path`.
    pub header_path: Option<String>,
    /// `behavioral_events`: what digital lines are called.
    pub digital_lines: Vec<DigitalLine>,
    pub electrode_groups: Vec<ElectrodeGroup>,
    /// `ntrode_electrode_group_channel_map`.
    pub ntrodes: Vec<Ntrode>,
    pub optogenetics: Optogenetics,
    /// Probes that the user describes in files of their own (not from the metadata file); looked up before the
    /// built-in ones.
    pub probes: Vec<Probe>,
    /// What light sources, fibres and viruses are: the built-in ones and those of the user.
    pub hardware: Hardware,
    /// The file that it was read from, for errors.
    pub path: Option<PathBuf>,
}

/// Whom the recording was made of.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Subject {
    pub id: Option<String>,
    pub description: Option<String>,
    pub genotype: Option<String>,
    pub strain: Option<String>,
    /// `M`, `F`, `U` (unknown), `O` (other); `XX` or `XO` of C. elegans.
    pub sex: Option<String>,
    /// The Latin name where the common one was given and is known.
    pub species: Option<String>,
    /// ISO 8601 with offset, `2000-01-01T00:00:00+00:00`.
    pub date_of_birth: Option<String>,
    /// ISO 8601 duration, `P90D`.
    pub age: Option<String>,
    /// `birth` or `gestational`.
    pub age_reference: Option<String>,
    pub weight_grams: Option<f64>,
}

/// An acquisition system.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct AcquisitionDevice {
    pub name: String,
    pub system: Option<String>,
    pub amplifier: Option<String>,
    pub adc_circuit: Option<String>,
}

#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Camera {
    pub id: i64,
    /// `camera_name`.
    pub name: Option<String>,
    pub meters_per_pixel: Option<f64>,
    pub manufacturer: Option<String>,
    pub model: Option<String>,
    pub lens: Option<String>,
    pub frame_rate_hz: Option<f64>,
}

/// What the subject did in some epochs.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct BehaviorTask {
    pub name: String,
    pub description: Option<String>,
    pub environment: Option<String>,
    pub camera_ids: Vec<i64>,
    /// Epochs are numbered from 1.
    pub epochs: Vec<i64>,
}

/// A text file that belongs to some epochs.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct AssociatedFile {
    pub name: String,
    pub description: Option<String>,
    pub path: Option<String>,
    pub epochs: Vec<i64>,
}

/// A video that belongs to some epochs.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct AssociatedVideo {
    pub name: String,
    pub camera_id: Option<i64>,
    pub epochs: Vec<i64>,
}

/// What a digital line is called.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct DigitalLine {
    /// `description`: the line in the recording, `Din1`; recordings may call it `ECU_Din1`.
    pub line: String,
    /// `Light_1`.
    pub name: String,
    pub comments: Option<String>,
}

impl DigitalLine {
    /// Whether this is about the line that the recording calls `id` (`Din1`, `ECU_Din1`, `ECU_digital/ECU_Din1`).
    pub(crate) fn is_about(&self, id: &str) -> bool {
        let id = id.rsplit('/').next().unwrap_or(id);
        let bare = |text: &'_ str| text.strip_prefix("ECU_").map_or_else(|| text.to_owned(), str::to_owned);
        bare(id.trim()) == bare(self.line.trim())
    }
}

/// A probe in the brain (of a tetrode: the tetrode).
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct ElectrodeGroup {
    pub id: i64,
    pub location: Option<String>,
    /// The probe's type: `tetrode_12.5`.
    pub device_type: Option<String>,
    pub description: Option<String>,
    pub targeted_location: Option<String>,
    /// In `units`; AP, ML, DV by the convention of the laboratory.
    pub targeted: [Option<f64>; 3],
    /// Of `targeted`: `mm`.
    pub units: Option<String>,
    pub place: Place,
}

/// How an nTrode of the recording lies on a probe.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Ntrode {
    pub id: i64,
    pub group_id: i64,
    /// Electrodes that are noisy or not connected; see [`resolve()`].
    pub bad_channels: Vec<i64>,
    /// (channel of the nTrode, from 0; number of the electrode on the probe).
    pub map: Vec<(i64, i64)>,
    pub place: Place,
}

/// What is known of optogenetic stimulation.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Optogenetics {
    /// `opto_excitation_source`.
    pub sources: Vec<ExcitationSource>,
    /// `optical_fiber`.
    pub fibers: Vec<OpticalFiber>,
    /// `virus_injection`.
    pub injections: Vec<VirusInjection>,
    /// `optogenetic_stimulation_software`.
    pub software: Option<String>,
    /// `fs_gui_yamls`: the stimulation protocols and the epochs they ran in.
    pub protocols: Vec<Protocol>,
}

/// A position: millimetres along the three axes, degrees about them.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Implant {
    pub ap_mm: Option<f64>,
    pub ml_mm: Option<f64>,
    pub dv_mm: Option<f64>,
    pub roll_deg: Option<f64>,
    pub pitch_deg: Option<f64>,
    pub yaw_deg: Option<f64>,
}

#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct ExcitationSource {
    pub name: String,
    pub model: Option<String>,
    pub description: Option<String>,
    pub wavelength_nm: Option<f64>,
    pub power_watts: Option<f64>,
    pub intensity_watts_per_m2: Option<f64>,
}

#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct OpticalFiber {
    pub name: String,
    /// `hardware_name`.
    pub model: Option<String>,
    /// `implanted_fiber_description`.
    pub description: Option<String>,
    pub location: Option<String>,
    pub hemisphere: Option<String>,
    pub implant: Implant,
    /// What the position is relative to.
    pub reference: Option<String>,
    pub excitation_source: Option<String>,
}

#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct VirusInjection {
    pub name: String,
    pub description: Option<String>,
    pub virus: Option<String>,
    pub location: Option<String>,
    /// `left` or `right`.
    pub hemisphere: Option<String>,
    pub implant: Implant,
    pub reference: Option<String>,
    pub titer_vg_per_ml: Option<f64>,
    pub volume_ul: Option<f64>,
}

/// A stimulation protocol (a file of FsGui) and the epochs in which it ran.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Protocol {
    /// The file's name.
    pub name: String,
    pub epochs: Vec<i64>,
    pub power_milliwatts: Option<f64>,
    /// The digital output that drives the light.
    pub digital_output: Option<String>,
    pub camera_id: Option<i64>,
    /// What the file may leave to the metadata: `pulseLength`, `nPulses`, `sequencePeriod`, `nOutputTrains`,
    /// `trainInterval`, as far as they are there.
    pub settings: Vec<(String, f64)>,
}

impl Metadata {
    /// Reads the text of a metadata file.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Malformed`] or [`crate::ErrorKind::Limit`] with line, column and byte offset: what is not
    /// UTF-8, not YAML, of a wrong type, or contradicts itself. It names no file yet.
    pub(crate) fn parse(bytes: &[u8]) -> Result<(Self, Vec<Warning>)> {
        let mut warnings = Vec::new();
        let root = yaml::parse(bytes, &mut warnings)?;
        let metadata = parse::metadata(&root, &mut warnings)?;
        Ok((metadata, fields::bounded(warnings)))
    }

    /// What NWB asks for and is not here, a sentence each with what stands in its place.
    pub(crate) fn missing(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let mut say = |missing: bool, text: &str| {
            if missing {
                warnings.push(Warning::new(text));
            }
        };
        say(self.session_description.is_none(), "the metadata has no session_description; a made one stands for it");
        say(self.experimenters.is_empty(), "the metadata has no experimenter_name; the file will name nobody");
        say(self.lab.is_none(), "the metadata has no lab");
        say(self.institution.is_none(), "the metadata has no institution");
        say(self.experiment_description.is_none(), "the metadata has no experiment_description");
        match &self.subject {
            None => say(true, "the metadata has no subject; an unknown animal stands for it"),
            Some(subject) => {
                say(subject.id.is_none(), "the subject has no subject_id; 'unknown' stands for it");
                say(subject.species.is_none(), "the subject has no species; the taxon of all animals stands for it");
                say(subject.sex.is_none(), "the subject has no sex; 'U' (unknown) stands for it");
                say(
                    subject.date_of_birth.is_none() && subject.age.is_none(),
                    "the subject has neither date_of_birth nor age; an age of at least zero days stands for it",
                );
            }
        }
        warnings
    }

    /// The electrode group with this id.
    pub(crate) fn group_index(&self, id: i64) -> Option<usize> {
        self.electrode_groups.iter().position(|g| g.id == id)
    }

    /// The probe of this type: the user's, or a built-in one.
    pub(crate) fn probe(&self, device_type: &str) -> Option<Probe> {
        self.probes.iter().find(|p| p.kind == device_type).cloned().or_else(|| Probe::built_in(device_type))
    }

    /// What the metadata calls the digital line `id` of the recording.
    pub(crate) fn digital_line(&self, id: &str) -> Option<&DigitalLine> {
        self.digital_lines.iter().find(|line| line.is_about(id))
    }

    /// The lines among `behavioral_events` that the recording does not have, a warning each.
    pub(crate) fn absent_lines(&self, tracks: &[EventTrack]) -> Vec<Warning> {
        let absent = self.digital_lines.iter().filter(|line| !tracks.iter().any(|track| line.is_about(&track.name)));
        let warning = |line: &DigitalLine| {
            let (id, name) = (yaml::short(&line.line), yaml::short(&line.name));
            Warning::new(format!(
                "the metadata names the digital line '{id}' ({name}), which the recording does not have"
            ))
        };
        fields::bounded(absent.map(warning).collect())
    }
}
