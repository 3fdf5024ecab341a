//! Cameras, acquisition systems, the header and the probes, in the types of ndx-franklab-novela.
//!
//! Its attributes are required: what the metadata does not say is `unknown`, or NaN.

use super::super::about::or;
use super::super::build::Contents;
use super::super::plan::{clean_name, unique};
use super::super::tree::{Attributes, Group, Value};
use super::{NOVELA, property};

/// Attributes of the header device, and of `GlobalConfiguration` in the recording's header.
const HEADER: [(&str, &str); 20] = [
    ("headstage_serial", "headstageSerial"),
    ("headstage_smart_ref_on", "headstageSmartRefOn"),
    ("realtime_mode", "realtimeMode"),
    ("headstage_auto_settle_on", "headstageAutoSettleOn"),
    ("timestamp_at_creation", "timestampAtCreation"),
    ("controller_firmware_version", "controllerFirmwareVersion"),
    ("controller_serial", "controllerSerial"),
    ("save_displayed_chan_only", "saveDisplayedChanOnly"),
    ("headstage_firmware_version", "headstageFirmwareVersion"),
    ("qt_version", "qtVersion"),
    ("compile_date", "compileDate"),
    ("compile_time", "compileTime"),
    ("file_prefix", "filePrefix"),
    ("headstage_gyro_sensor_on", "headstageGyroSensorOn"),
    ("headstage_mag_sensor_on", "headstageMagSensorOn"),
    ("trodes_version", "trodesVersion"),
    ("headstage_accel_sensor_on", "headstageAccelSensorOn"),
    ("commit_head", "commitHead"),
    ("system_time_at_creation", "systemTimeAtCreation"),
    ("file_path", "filePath"),
];
const UNKNOWN: &str = "unknown";

fn text(key: &str, value: Option<&String>) -> (String, Value) {
    (key.to_owned(), or(value, UNKNOWN).into())
}

pub(super) fn add(contents: &Contents<'_>, root: &mut Group) {
    let told = &contents.about.told;
    let devices = root.at("general/devices");
    let mut put = |name: &str, kind: &str, more: Attributes| {
        let mut attributes = contents.typed(NOVELA, kind, &format!("/general/devices/{name}"));
        attributes.extend(more);
        devices.put(name, Group { attributes, children: vec![] });
    };
    for camera in &told.cameras {
        let mut more = vec![
            ("meters_per_pixel".to_owned(), Value::F64(camera.meters_per_pixel.unwrap_or(f64::NAN))),
            text("manufacturer", camera.manufacturer.as_ref()),
            text("model", camera.model.as_ref()),
            text("lens", camera.lens.as_ref()),
            text("camera_name", camera.name.as_ref()),
        ];
        if let Some(rate) = camera.frame_rate_hz {
            more.push(("frame_rate".to_owned(), rate.into()));
        }
        put(&format!("camera_device {}", camera.id), "CameraDevice", more);
    }
    for (i, device) in told.acquisition_devices.iter().enumerate() {
        let more = vec![
            text("system", device.system.as_ref()),
            text("amplifier", device.amplifier.as_ref()),
            text("adc_circuit", device.adc_circuit.as_ref()),
        ];
        put(&format!("dataacq_device{i}"), "DataAcqDevice", more);
    }
    let of_header = |(key, name): (&str, &str)| (key.to_owned(), property(contents.recording, name).into());
    put("header_device", "HeaderDevice", HEADER.map(of_header).to_vec());
    let mut taken: Vec<String> = devices.children.iter().map(|(name, _)| name.clone()).collect();
    taken.extend(told.electrode_groups.iter().map(|g| format!("probe {}", g.id)));
    for name in &told.device_names {
        let name = unique(clean_name(name), &mut taken);
        let path = format!("/general/devices/{name}");
        let attributes = contents.described("core", "Device", &path, "a device of the experiment");
        devices.put(&name, Group { attributes, children: vec![] });
    }
    for group in &told.electrode_groups {
        let name = format!("probe {}", group.id);
        let probe = probe(contents, group, &format!("/general/devices/{name}"));
        devices.put(&name, probe);
    }
}

/// A probe with its shanks and their electrodes.
fn probe(contents: &Contents<'_>, group: &super::super::metadata::ElectrodeGroup, path: &str) -> Group {
    let kind = or(group.device_type.as_ref(), UNKNOWN);
    let probe = contents.about.told.probe(&kind).unwrap_or_default();
    let mut device = Group { attributes: contents.typed(NOVELA, "Probe", path), children: vec![] };
    let side = probe.contact_side_numbering;
    device.attributes.extend([
        ("id".to_owned(), Value::I64(group.id)),
        ("probe_type".to_owned(), kind.as_str().into()),
        ("units".to_owned(), "um".into()),
        ("probe_description".to_owned(), probe.description.as_str().into()),
        ("contact_size".to_owned(), Value::F64(probe.contact_size.unwrap_or(f64::NAN))),
    ]);
    device.attributes.extend(side.map(|side| ("contact_side_numbering".to_owned(), Value::Bool(side))));
    let named = |kind: &str, path: &str, name: &str| {
        let mut attributes = contents.typed(NOVELA, kind, path);
        attributes.push(("name".to_owned(), name.into()));
        Group { attributes, children: vec![] }
    };
    for shank in &probe.shanks {
        let name = shank.id.to_string();
        let path = format!("{path}/{name}");
        let mut own = named("Shank", &path, &name);
        for contact in &shank.contacts {
            let name = contact.id.to_string();
            let mut electrode = named("ShanksElectrode", &format!("{path}/{name}"), &name);
            let axes = ["rel_x", "rel_y", "rel_z"].into_iter().zip(contact.relative);
            electrode.attributes.extend(axes.map(|(key, value)| (key.to_owned(), Value::F64(value))));
            own.put(&name, electrode);
        }
        device.put(&name, own);
    }
    device
}
