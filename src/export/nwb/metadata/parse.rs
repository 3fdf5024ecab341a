//! From the tree of a metadata file to [`Metadata`]: one function a section.
//!
//! What a section says that contradicts itself (two groups with one id) is an error here; whether it fits the recording
//! is asked in `resolve.rs`.

use std::collections::HashSet;

use super::fields::{Fields, number, whole, wrong};
use super::subject::{subject, without_slashes};
use super::yaml::{Node, Place, Value, short};
use super::{
    AcquisitionDevice, AssociatedFile, AssociatedVideo, BehaviorTask, Camera, DigitalLine, ElectrodeGroup,
    ExcitationSource, Implant, Metadata, Ntrode, OpticalFiber, Optogenetics, Protocol, VirusInjection,
};
use crate::error::Result;
use crate::recording::Warning;

/// Channels of one nTrode.
const MAX_MAP: usize = 1 << 16;

pub(super) fn metadata(root: &Node, warnings: &mut Vec<Warning>) -> Result<Metadata> {
    let mut fields = Fields::new(String::new(), root)?;
    let place = fields.place_of("session_id");
    if root.value == Value::Null {
        warnings.push(Warning::new("the metadata file is empty"));
    }
    let metadata = Metadata {
        experimenters: fields.texts("experimenter_name")?,
        lab: fields.text("lab")?,
        institution: fields.text("institution")?,
        experiment_description: fields.text("experiment_description")?,
        session_description: fields.text("session_description")?,
        session_id: fields.text("session_id")?.map(|id| without_slashes(id, "session_id", place, warnings)),
        keywords: fields.texts("keywords")?,
        subject: fields.map("subject")?.map(|map| subject(map, warnings)).transpose()?,
        acquisition_devices: acquisition_devices(&mut fields, warnings)?,
        device_names: devices(&mut fields, warnings)?,
        cameras: cameras(&mut fields, warnings)?,
        tasks: tasks(&mut fields, warnings)?,
        associated_files: associated_files(&mut fields, warnings)?,
        associated_videos: associated_videos(&mut fields, warnings)?,
        raw_to_volts: fields.number("raw_data_to_volts")?,
        times_period_multiplier: fields.number("times_period_multiplier")?,
        header_path: fields.text("default_header_file_path")?,
        digital_lines: digital_lines(&mut fields, warnings)?,
        electrode_groups: electrode_groups(&mut fields, warnings)?,
        ntrodes: ntrodes(&mut fields, warnings)?,
        optogenetics: optogenetics(&mut fields, warnings)?,
        ..Metadata::default()
    };
    let (analog_unit, events_unit) = units(&mut fields, warnings)?;
    cross_check(&metadata, warnings);
    fields.finish(warnings);
    Ok(Metadata { analog_unit, events_unit, ..metadata })
}

/// Cameras and lines that are named in one section and not there in the other: nothing is lost, but something is wrong.
fn cross_check(metadata: &Metadata, warnings: &mut Vec<Warning>) {
    let known: HashSet<i64> = metadata.cameras.iter().map(|c| c.id).collect();
    let mut check = |id: i64, what: &str| {
        if !known.contains(&id) {
            warnings.push(Warning::new(format!("{what} names the camera {id}, which is not among the cameras")));
        }
    };
    for task in &metadata.tasks {
        for &id in &task.camera_ids {
            check(id, &format!("the task '{}'", short(&task.name)));
        }
    }
    for video in &metadata.associated_videos {
        if let Some(id) = video.camera_id {
            check(id, &format!("the video '{}'", short(&video.name)));
        }
    }
    for protocol in &metadata.optogenetics.protocols {
        let Some(output) = &protocol.digital_output else { continue };
        if !metadata.digital_lines.iter().any(|l| l.name == *output) {
            warnings.push(Warning::new(format!(
                "the stimulation protocol '{}' names the digital output '{}', which is not among the behavioral_events",
                short(&protocol.name),
                short(output)
            )));
        }
    }
}

/// Refuses what is there twice and must not be.
struct Unique<T>(HashSet<T>);

impl<T: std::hash::Hash + Eq> Unique<T> {
    fn new() -> Self {
        Self(HashSet::new())
    }

    fn insert(&mut self, value: T, place: Place, what: impl std::fmt::Display) -> Result<()> {
        if self.0.insert(value) {
            return Ok(());
        }
        Err(place.error(format_args!("{what} is there twice")).with_remedy("keep one of the two"))
    }
}

fn acquisition_devices(fields: &mut Fields<'_>, warnings: &mut Vec<Warning>) -> Result<Vec<AcquisitionDevice>> {
    let mut devices = Vec::new();
    for (i, mut map) in fields.maps("data_acq_device")?.into_iter().enumerate() {
        devices.push(AcquisitionDevice {
            name: map.text("name")?.unwrap_or_else(|| format!("acquisition device {i}")),
            system: map.text("system")?,
            amplifier: map.text("amplifier")?,
            adc_circuit: map.text("adc_circuit")?,
        });
        map.finish(warnings);
    }
    Ok(devices)
}

/// `device: {name: [a, b]}`, or the names alone.
fn devices(fields: &mut Fields<'_>, warnings: &mut Vec<Warning>) -> Result<Vec<String>> {
    let Some(node) = fields.take("device") else { return Ok(Vec::new()) };
    if !matches!(node.value, Value::Map(_)) {
        return fields.texts("device");
    }
    let mut map = Fields::new("device".to_owned(), node)?;
    let names = map.texts("name")?;
    map.finish(warnings);
    Ok(names)
}

fn cameras(fields: &mut Fields<'_>, warnings: &mut Vec<Warning>) -> Result<Vec<Camera>> {
    let (mut cameras, mut ids) = (Vec::new(), Unique::new());
    for mut map in fields.maps("cameras")? {
        let id = map.needed_integer("id")?;
        ids.insert(id, map.place, format_args!("the camera with id {id}"))?;
        cameras.push(Camera {
            id,
            name: map.text("camera_name")?,
            meters_per_pixel: map.number("meters_per_pixel")?,
            manufacturer: map.text("manufacturer")?,
            model: map.text("model")?,
            lens: map.text("lens")?,
            frame_rate_hz: map.number("frame_rate")?,
        });
        map.finish(warnings);
    }
    Ok(cameras)
}

fn tasks(fields: &mut Fields<'_>, warnings: &mut Vec<Warning>) -> Result<Vec<BehaviorTask>> {
    let mut tasks = Vec::new();
    for (i, mut map) in fields.maps("tasks")?.into_iter().enumerate() {
        tasks.push(BehaviorTask {
            name: map.text("task_name")?.unwrap_or_else(|| format!("task {i}")),
            description: map.text("task_description")?,
            environment: map.text("task_environment")?,
            camera_ids: map.integers("camera_id")?,
            epochs: map.integers("task_epochs")?,
        });
        map.finish(warnings);
    }
    Ok(tasks)
}

fn associated_files(fields: &mut Fields<'_>, warnings: &mut Vec<Warning>) -> Result<Vec<AssociatedFile>> {
    let (mut files, mut names) = (Vec::new(), Unique::new());
    for mut map in fields.maps("associated_files")? {
        let name = map.needed_text("name")?;
        names.insert(name.clone(), map.place, format_args!("the associated file '{}'", short(&name)))?;
        files.push(AssociatedFile {
            name,
            description: map.text("description")?,
            path: map.text("path")?,
            epochs: map.integers("task_epochs")?,
        });
        map.finish(warnings);
    }
    Ok(files)
}

fn associated_videos(fields: &mut Fields<'_>, warnings: &mut Vec<Warning>) -> Result<Vec<AssociatedVideo>> {
    let mut videos = Vec::new();
    for mut map in fields.maps("associated_video_files")? {
        videos.push(AssociatedVideo {
            name: map.needed_text("name")?,
            camera_id: map.integer("camera_id")?,
            epochs: map.integers("task_epochs")?,
        });
        map.finish(warnings);
    }
    Ok(videos)
}

fn units(fields: &mut Fields<'_>, warnings: &mut Vec<Warning>) -> Result<(Option<String>, Option<String>)> {
    let Some(mut map) = fields.map("units")? else { return Ok((None, None)) };
    let units = (map.text("analog")?, map.text("behavioral_events")?);
    map.finish(warnings);
    Ok(units)
}

fn digital_lines(fields: &mut Fields<'_>, warnings: &mut Vec<Warning>) -> Result<Vec<DigitalLine>> {
    let (mut lines, mut ids, mut names) = (Vec::new(), Unique::new(), Unique::new());
    for mut map in fields.maps("behavioral_events")? {
        let line = map.needed_text("description")?;
        let name = map.needed_text("name")?;
        ids.insert(line.clone(), map.place, format_args!("the digital line '{}'", short(&line)))?;
        names.insert(name.clone(), map.place, format_args!("the name '{}' of a digital line", short(&name)))?;
        lines.push(DigitalLine { line, name, comments: map.text("comments")? });
        map.finish(warnings);
    }
    Ok(lines)
}

fn electrode_groups(fields: &mut Fields<'_>, warnings: &mut Vec<Warning>) -> Result<Vec<ElectrodeGroup>> {
    let (mut groups, mut ids) = (Vec::new(), Unique::new());
    for mut map in fields.maps("electrode_groups")? {
        let id = map.needed_integer("id")?;
        ids.insert(id, map.place, format_args!("the electrode group with id {id}"))?;
        groups.push(ElectrodeGroup {
            id,
            location: map.text("location")?,
            device_type: map.text("device_type")?,
            description: map.text("description")?,
            targeted_location: map.text("targeted_location")?,
            targeted: [map.number("targeted_x")?, map.number("targeted_y")?, map.number("targeted_z")?],
            units: map.text("units")?,
            place: map.place,
        });
        map.finish(warnings);
    }
    Ok(groups)
}

fn ntrodes(fields: &mut Fields<'_>, warnings: &mut Vec<Warning>) -> Result<Vec<Ntrode>> {
    let (mut ntrodes, mut ids) = (Vec::new(), Unique::new());
    for mut map in fields.maps("ntrode_electrode_group_channel_map")? {
        let id = map.needed_integer("ntrode_id")?;
        ids.insert(id, map.place, format_args!("the nTrode {id}"))?;
        ntrodes.push(Ntrode {
            id,
            group_id: map.needed_integer("electrode_group_id")?,
            bad_channels: map.integers("bad_channels")?,
            map: channel_map(&mut map)?,
            place: map.place,
        });
        map.finish(warnings);
    }
    Ok(ntrodes)
}

/// `{0: 3, 1: 2}`: channel of the nTrode to electrode of the probe, both whole numbers.
fn channel_map(fields: &mut Fields<'_>) -> Result<Vec<(i64, i64)>> {
    let path = fields.path("map");
    let Some(mut map) = fields.map("map")? else { return Err(fields.lacks("map")) };
    let (mut pairs, mut channels) = (Vec::new(), Unique::new());
    for entry in map.rest() {
        let remedy =
            "write it as '0: 3': the nTrode's channel, counted from 0, and the electrode's number on the probe";
        let channel = whole(&entry.key).ok_or_else(|| {
            entry
                .place
                .error(format_args!("'{}' in {path} is not the number of a channel", short(&entry.key)))
                .with_remedy(remedy)
        })?;
        channels.insert(channel, entry.place, format_args!("the channel {channel} of {path}"))?;
        let electrode = super::fields::integer(&entry.node, &format!("{path}.{channel}"))?;
        if pairs.len() == MAX_MAP {
            return Err(entry.place.error(format_args!("{path} has too many channels")).with_remedy(remedy));
        }
        pairs.push((channel, electrode));
    }
    Ok(pairs)
}

fn optogenetics(fields: &mut Fields<'_>, warnings: &mut Vec<Warning>) -> Result<Optogenetics> {
    let mut software = fields.text("optogenetic_stimulation_software")?;
    let newer = fields.text("opto_software")?;
    software = software.or(newer);
    Ok(Optogenetics {
        sources: sources(fields, warnings)?,
        fibers: fibers(fields, warnings)?,
        injections: injections(fields, warnings)?,
        software,
        protocols: protocols(fields, warnings)?,
    })
}

fn sources(fields: &mut Fields<'_>, warnings: &mut Vec<Warning>) -> Result<Vec<ExcitationSource>> {
    let (mut sources, mut names) = (Vec::new(), Unique::new());
    for mut map in fields.maps("opto_excitation_source")? {
        let name = map.needed_text("name")?;
        names.insert(name.clone(), map.place, format_args!("the excitation source '{}'", short(&name)))?;
        sources.push(ExcitationSource {
            name,
            model: map.text("model_name")?,
            description: map.text("description")?,
            wavelength_nm: map.number("wavelength_in_nm")?,
            power_watts: map.number("power_in_W")?,
            intensity_watts_per_m2: map.number("intensity_in_W_per_m2")?,
        });
        map.finish(warnings);
    }
    Ok(sources)
}

fn implant(map: &mut Fields<'_>) -> Result<Implant> {
    Ok(Implant {
        ap_mm: map.number("ap_in_mm")?,
        ml_mm: map.number("ml_in_mm")?,
        dv_mm: map.number("dv_in_mm")?,
        roll_deg: map.number("roll_in_deg")?,
        pitch_deg: map.number("pitch_in_deg")?,
        yaw_deg: map.number("yaw_in_deg")?,
    })
}

fn hemisphere(map: &mut Fields<'_>) -> Result<Option<String>> {
    let Some(node) = map.take("hemisphere") else { return Ok(None) };
    let found = match &node.value {
        Value::Scalar(text) => text.trim().to_ascii_lowercase(),
        _ => String::new(),
    };
    match found.as_str() {
        "left" | "right" => Ok(Some(found)),
        _ => Err(wrong(node.place, &map.path("hemisphere"), "left or right", &node.value)),
    }
}

fn fibers(fields: &mut Fields<'_>, warnings: &mut Vec<Warning>) -> Result<Vec<OpticalFiber>> {
    let (mut fibers, mut names) = (Vec::new(), Unique::new());
    for mut map in fields.maps("optical_fiber")? {
        let name = map.needed_text("name")?;
        names.insert(name.clone(), map.place, format_args!("the optical fiber '{}'", short(&name)))?;
        fibers.push(OpticalFiber {
            name,
            model: map.text("hardware_name")?,
            description: map.text("implanted_fiber_description")?,
            location: map.text("location")?,
            hemisphere: hemisphere(&mut map)?,
            implant: implant(&mut map)?,
            reference: map.text("reference")?,
            excitation_source: map.text("excitation_source")?,
        });
        map.finish(warnings);
    }
    Ok(fibers)
}

fn injections(fields: &mut Fields<'_>, warnings: &mut Vec<Warning>) -> Result<Vec<VirusInjection>> {
    let (mut injections, mut names) = (Vec::new(), Unique::new());
    for mut map in fields.maps("virus_injection")? {
        let name = map.needed_text("name")?;
        names.insert(name.clone(), map.place, format_args!("the virus injection '{}'", short(&name)))?;
        // The schema says ul, the converter reads uL: where both are given, the converter's counts.
        let (schema, converter) = (map.number("volume_in_ul")?, map.number("volume_in_uL")?);
        if let (Some(a), Some(b)) = (schema, converter)
            && a != b
        {
            let place = map.place;
            warnings.push(
                place.warning(format_args!("{} has volume_in_uL {b} and volume_in_ul {a}; the first counts", map.name)),
            );
        }
        injections.push(VirusInjection {
            name,
            description: map.text("description")?,
            virus: map.text("virus_name")?,
            location: map.text("location")?,
            hemisphere: hemisphere(&mut map)?,
            implant: implant(&mut map)?,
            reference: map.text("reference")?,
            titer_vg_per_ml: map.number("titer_in_vg_per_ml")?,
            volume_ul: converter.or(schema),
        });
        map.finish(warnings);
    }
    Ok(injections)
}

fn protocols(fields: &mut Fields<'_>, warnings: &mut Vec<Warning>) -> Result<Vec<Protocol>> {
    const SETTINGS: [&str; 5] = ["pulseLength", "nPulses", "sequencePeriod", "nOutputTrains", "trainInterval"];
    let mut protocols = Vec::new();
    for mut map in fields.maps("fs_gui_yamls")? {
        let mut protocol = Protocol {
            name: map.needed_text("name")?,
            epochs: map.integers("epochs")?,
            power_milliwatts: map.number("power_in_mW")?,
            digital_output: map.text("dio_output_name")?,
            camera_id: map.integer("camera_id")?,
            settings: Vec::new(),
        };
        for key in SETTINGS {
            if let Some(node) = map.take(key) {
                protocol.settings.push((key.to_owned(), number(node, &map.path(key))?));
            }
        }
        map.finish(warnings);
        protocols.push(protocol);
    }
    Ok(protocols)
}
