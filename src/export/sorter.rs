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
//! Where the contacts lie is not in a recording: each group of channels (an nTrode, say) stands in a column of its own,
//! far from the others, so that a sorter takes only channels of one group for neighbours. Both files say so.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Exporter, Prediction, Request, payload, raw};
use crate::error::Result;
use crate::file::AtomicFolder;
use crate::recording::{ByteOrder, Channel, SampleFormat};

/// Of the folder.
pub(super) const EXTENSION: &str = "sorter";

pub(crate) const EXPORTER: Exporter = Exporter {
    name: "sorter",
    title: "Folder for spike sorters",
    extensions: &[EXTENSION],
    parameters: &[],
    check: |_| Ok(()),
    predict,
    run,
};

/// From one contact of a column to the next, µm.
const CONTACT_STEP_UM: f64 = 25.0;
/// From one column to the next, µm: further than any spike is seen.
const COLUMN_STEP_UM: f64 = 1000.0;
/// What is drawn of a contact, µm.
const CONTACT_RADIUS_UM: f64 = 5.0;
/// What is written besides the samples, roughly.
const SIDE_BYTES_A_CHANNEL: u64 = 512;
/// Said in both descriptions of the probe.
const MADE_UP: &str = "the positions are not known: each group of channels stands in a column of its own";

fn predict(request: &Request<'_>) -> Result<Prediction> {
    let mut prediction = payload::predict(request, &[])?;
    prediction.bytes = prediction.bytes.saturating_add(SIDE_BYTES_A_CHANNEL * request.selection.channels.len() as u64);
    prediction.notes.push(format!("{MADE_UP}; correct probe.json or probe.prb before sorting, where it matters"));
    Ok(prediction)
}

fn run(request: &Request<'_>) -> Result<Vec<PathBuf>> {
    let stream = request.selection.stream_in(request.source.recording())?;
    payload::refuse_source_in(request)?;
    let folder = AtomicFolder::create(request.target, predict(request)?.bytes, request.overwrite)?;
    let samples = folder.path().join("recording.dat");
    let inner = Request { target: &samples, overwrite: false, ..*request };
    (raw::EXPORTER.run)(&inner)?;
    let channels: Vec<&Channel> = request.selection.channels.iter().map(|&c| &stream.channels[c]).collect();
    let contacts = contacts(&channels);
    let format = payload::written_format(stream, request.values);
    let scaled = request.values == super::Values::Stored;
    folder.write("params.py", params(&channels, format, stream.time.rate_hz(), scaled).as_bytes())?;
    folder.write("probe.json", format!("{:#}\n", probe_json(&channels, &contacts)).as_bytes())?;
    folder.write("probe.prb", probe_prb(&contacts).as_bytes())?;
    folder.commit()
}

/// Where a channel stands: its group, counted from 0, and its position, µm.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Contact {
    group: usize,
    x: f64,
    y: f64,
}

/// A column for each group, in the order in which the groups appear.
fn contacts(channels: &[&Channel]) -> Vec<Contact> {
    let mut groups: Vec<(&str, usize)> = Vec::new();
    let mut place = |name| {
        let group = groups.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            groups.push((name, 0));
            groups.len() - 1
        });
        let row = groups[group].1;
        groups[group].1 += 1;
        Contact { group, x: group as f64 * COLUMN_STEP_UM, y: row as f64 * CONTACT_STEP_UM }
    };
    channels.iter().map(|channel| place(channel.group.as_str())).collect()
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

/// One probe in the format of ProbeInterface, version 0.2, a shank for each group.
fn probe_json(channels: &[&Channel], contacts: &[Contact]) -> Value {
    let each = |value: &dyn Fn(&Contact) -> Value| contacts.iter().map(value).collect::<Vec<_>>();
    json!({
        "specification": "probeinterface",
        "version": "0.2.21",
        "probes": [{
            "ndim": 2,
            "si_units": "um",
            "annotations": { "name": "channels by group", "note": MADE_UP },
            "contact_annotations": {},
            "contact_positions": each(&|c| json!([c.x, c.y])),
            "contact_plane_axes": each(&|_| json!([[1.0, 0.0], [0.0, 1.0]])),
            "contact_shapes": each(&|_| json!("circle")),
            "contact_shape_params": each(&|_| json!({ "radius": CONTACT_RADIUS_UM })),
            "contact_ids": channels.iter().map(|c| c.id.clone()).collect::<Vec<_>>(),
            "shank_ids": each(&|c| json!(c.group.to_string())),
            "device_channel_indices": (0..contacts.len()).collect::<Vec<_>>(),
        }],
    })
}

fn probe_prb(contacts: &[Contact]) -> String {
    let mut text = format!("# {MADE_UP}\ntotal_nb_channels = {}\nradius = 100\nchannel_groups = {{\n", contacts.len());
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
    fn groups_stand_in_columns() {
        let channel = |i: usize, group: &str| Channel { group: group.to_owned(), ..Channel::numbered(i) };
        let channels = [channel(0, "a"), channel(1, "b"), channel(2, "a")];
        let list: Vec<&Channel> = channels.iter().collect();
        let places: Vec<(usize, f64, f64)> = contacts(&list).iter().map(|c| (c.group, c.x, c.y)).collect();
        assert_eq!(places, [(0, 0.0, 0.0), (1, 1000.0, 0.0), (0, 0.0, 25.0)]);
        assert!(contacts(&[]).is_empty());
    }

    #[test]
    fn texts_are_python() {
        assert_eq!(quoted("a\"b\\µ\n"), "\"a\\\"b\\\\\\U000000b5\\U0000000a\"");
        assert_eq!(one_or_list(&[0.195, 0.195]), "0.195");
        assert_eq!(one_or_list(&[1.0, -2.5e-7]), "[1.0, -2.5e-7]");
        assert_eq!(one_or_list(&[]), "[]");
    }
}
