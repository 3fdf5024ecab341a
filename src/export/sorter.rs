//! What spike sorters read: a folder with the samples, the probe and the parameters.
//!
//! | file                          | what                                                                              |
//! |-------------------------------|-----------------------------------------------------------------------------------|
//! | `recording.dat`               | interleaved samples, as the raw exporter writes them                               |
//! | `recording.dat.longwave.toml` | the same for this program: gains, channels, clock, gaps                            |
//! | `params.py`                   | `dat_path`, `n_channels_dat`, `dtype`, `offset`, `sample_rate`, `hp_filtered` (Kilosort, phy) |
//! | `probe.json`                  | the probe in the format of ProbeInterface (SpikeInterface)                         |
//! | `probe.prb`                   | the probe as klusta, SpyKING CIRCUS and others take it                             |
//!
//! Where the contacts lie is not in a recording: a metadata file says it, or it is made up ([`geometry`](super::geometry)),
//! which all three descriptions and a warning say then.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::geometry::{Contact, Geometry};
use super::metadata::{METADATA, PROBE, refuse_probes_without_metadata};
use super::{Exporter, Prediction, Request, payload, raw};
use crate::error::Result;
use crate::file::AtomicFolder;
use crate::form::Settings;
use crate::recording::{ByteOrder, Channel, SampleFormat};

/// Of the folder.
pub(super) const EXTENSION: &str = "sorter";

pub(crate) const EXPORTER: Exporter = Exporter {
    name: "sorter",
    title: "Folder for spike sorters",
    extensions: &[EXTENSION],
    parameters: &[METADATA, PROBE],
    check: refuse_probes_without_metadata,
    predict,
    run,
};

/// What is drawn of a contact, µm.
const CONTACT_RADIUS_UM: f64 = 5.0;
/// What is written besides the samples, roughly.
const SIDE_BYTES_A_CHANNEL: u64 = 512;

fn predict(request: &Request<'_>) -> Result<Prediction> {
    let mut prediction = payload::predict(request, &[])?;
    prediction.bytes = prediction.bytes.saturating_add(SIDE_BYTES_A_CHANNEL * request.selection.channels.len() as u64);
    let geometry = Geometry::of(request)?;
    let remedy = "name a metadata file (--metadata META.yml), or correct probe.json or probe.prb before sorting";
    prediction.notes.extend(geometry.warning().map(|warning| format!("{warning}; {remedy}")));
    prediction.notes.extend(geometry.notes);
    Ok(prediction)
}

fn run(request: &Request<'_>) -> Result<Vec<PathBuf>> {
    let stream = request.selection.stream_in(request.source.recording())?;
    payload::refuse_source_in(request)?;
    let geometry = Geometry::of(request)?;
    let folder = AtomicFolder::create(request.target, predict(request)?.bytes, request.overwrite)?;
    let samples = folder.path().join("recording.dat");
    let settings = Settings::defaults(raw::EXPORTER.parameters);
    let inner = Request { target: &samples, overwrite: false, settings: &settings, ..*request };
    (raw::EXPORTER.run)(&inner)?;
    let channels: Vec<&Channel> = request.selection.channels.iter().map(|&c| &stream.channels[c]).collect();
    let format = payload::written_format(stream, request.values);
    let scaled = request.values == super::Values::Stored;
    let params = comment(geometry.warning()) + &params(&channels, format, stream.time.rate_hz(), scaled);
    folder.write("params.py", params.as_bytes())?;
    folder.write("probe.json", format!("{:#}\n", probe_json(&channels, &geometry)).as_bytes())?;
    folder.write("probe.prb", probe_prb(&geometry).as_bytes())?;
    folder.commit()
}

/// A text of a Python program, ASCII only.
fn quoted(text: &str) -> String {
    // JSON's strings are Python's, but for the escapes of characters beyond 16 bits.
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            // Writing to a String does not fail.
            _ => drop(write!(out, "\\U{:08x}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

/// One number if all are the same, else the list of them.
fn one_or_list(values: &[f64]) -> String {
    match values.first() {
        Some(first) if values.iter().all(|v| v == first) => format!("{first:?}"),
        _ => format!("[{}]", values.iter().map(|v| format!("{v:?}")).collect::<Vec<_>>().join(", ")),
    }
}

fn params(channels: &[&Channel], format: SampleFormat, rate_hz: f64, scaled: bool) -> String {
    let order = match format.byte_order {
        ByteOrder::Little => '<',
        ByteOrder::Big => '>',
    };
    let native = format.size() == 1 || format.byte_order == ByteOrder::Little;
    let name = format.sample_type.npy_name();
    // The long name where there is one: some readers compare texts.
    let dtype = match (format.sample_type.name(), native) {
        ("i16", true) => "int16".to_owned(),
        ("u16", true) => "uint16".to_owned(),
        ("i32", true) => "int32".to_owned(),
        ("f32", true) => "float32".to_owned(),
        _ => format!("{order}{name}"),
    };
    let mut text = format!(
        "dat_path = 'recording.dat'\nn_channels_dat = {}\ndtype = '{dtype}'\noffset = 0\nsample_rate = {rate_hz:?}\n\
         hp_filtered = False\n",
        channels.len()
    );
    let ids: Vec<String> = channels.iter().map(|c| quoted(&c.id)).collect();
    text += &format!("channel_ids = [{}]\n", ids.join(", "));
    if scaled {
        // Volts and their parts have gains that mean something to a sorter.
        text += "# physical = stored * gain + offset\n";
        text += &format!("gain = {}\n", one_or_list(&channels.iter().map(|c| c.scale.gain).collect::<Vec<_>>()));
        text += &format!(
            "physical_offset = {}\n",
            one_or_list(&channels.iter().map(|c| c.scale.offset).collect::<Vec<_>>())
        );
    }
    let units: Vec<&str> = channels.iter().map(|c| c.unit.as_str()).collect();
    if let Some(unit) = units.first().filter(|first| !first.is_empty() && units.iter().all(|u| u == *first)) {
        text += &format!("unit = {}\n", quoted(unit));
    }
    text
}

/// The probes in the format of ProbeInterface, version 0.2.
fn probe_json(channels: &[&Channel], geometry: &Geometry) -> Value {
    let warning = geometry.warning();
    let probe = |(probe, name): (usize, &String)| {
        let own: Vec<(usize, &Contact)> =
            geometry.contacts.iter().enumerate().filter(|(_, c)| c.probe == probe).collect();
        let each = |value: &dyn Fn(usize, &Contact) -> Value| own.iter().map(|(i, c)| value(*i, c)).collect::<Vec<_>>();
        let mut annotations = json!({ "name": name });
        if let Some(warning) = &warning {
            annotations["note"] = json!(warning);
        }
        json!({
            "ndim": 2,
            "si_units": "um",
            "annotations": annotations,
            "contact_annotations": {},
            "contact_positions": each(&|_, c| json!([c.x, c.y])),
            "contact_plane_axes": each(&|_, _| json!([[1.0, 0.0], [0.0, 1.0]])),
            "contact_shapes": each(&|_, _| json!("circle")),
            "contact_shape_params": each(&|_, _| json!({ "radius": CONTACT_RADIUS_UM })),
            "contact_ids": each(&|i, _| json!(channels[i].id)),
            "shank_ids": each(&|_, c| json!(c.group.to_string())),
            "device_channel_indices": each(&|i, _| json!(i)),
        })
    };
    json!({
        "specification": "probeinterface",
        "version": "0.2.21",
        "probes": geometry.probes.iter().enumerate().map(probe).collect::<Vec<_>>(),
    })
}

/// A comment in Python, if there is something to say.
fn comment(warning: Option<String>) -> String {
    warning.map_or_else(String::new, |warning| format!("# {warning}\n"))
}

fn probe_prb(geometry: &Geometry) -> String {
    let contacts = &geometry.contacts;
    let mut text = comment(geometry.warning());
    text += &format!("total_nb_channels = {}\nradius = 100\nchannel_groups = {{\n", contacts.len());
    let groups = contacts.iter().map(|c| c.group + 1).max().unwrap_or(0);
    for group in 0..groups {
        let own: Vec<(usize, &Contact)> = contacts.iter().enumerate().filter(|(_, c)| c.group == group).collect();
        let list: Vec<String> = own.iter().map(|(i, _)| i.to_string()).collect();
        let places: Vec<String> = own.iter().map(|(i, c)| format!("{i}: [{:?}, {:?}]", c.x, c.y)).collect();
        text += &format!(
            "    {group}: {{\n        'channels': [{}],\n        'graph': [],\n        'geometry': {{{}}},\n    }},\n",
            list.join(", "),
            places.join(", ")
        );
    }
    text + "}\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_python() {
        assert_eq!(quoted("a\"b\\µ\n"), "\"a\\\"b\\\\\\U000000b5\\U0000000a\"");
        assert_eq!(one_or_list(&[0.195, 0.195]), "0.195");
        assert_eq!(one_or_list(&[1.0, -2.5e-7]), "[1.0, -2.5e-7]");
        assert_eq!(one_or_list(&[]), "[]");
    }
}
