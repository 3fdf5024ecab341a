//! Optogenetics as NWB's core has it: light sources and fibres as devices, a site for each fibre in
//! `/general/optogenetics`, when which protocol ran in `/intervals/optogenetic_stimulation`.
//!
//! A site has no `OptogeneticSeries`, for which nwbinspector asks: how strong the light was at each moment is told nowhere.
//! The core (2.8) has no objects for viruses and their injections, for the software, and for the files of a protocol:
//! they are texts, in `/general/virus` and `/general/stimulus`, which are the places it names for them. The extension
//! `ndx-optogenetics`, which has objects for the first two, is written in the layout of trodes_to_nwb only
//! ([`super::compatible`]).

use super::about::{Device, joined, numbers, or};
use super::build::Contents;
use super::metadata::{ExcitationSource, Implant, Metadata, OpticalFiber};
use super::plan::{clean_name, unique};
use super::table::Table;
use super::tree::{Data, Group, Object};

/// What an epoch's protocol may say in numbers, with the column that it becomes.
const SETTINGS: [(&str, &str, &str); 5] = [
    ("pulseLength", "pulse_length_in_ms", "how long a pulse is, milliseconds"),
    ("nPulses", "number_pulses_per_pulse_train", "pulses of a train"),
    ("sequencePeriod", "period_in_ms", "from the start of a pulse to the next, milliseconds"),
    ("nOutputTrains", "number_trains", "trains of a stimulus"),
    ("trainInterval", "intertrain_interval_in_ms", "from the start of a train to the next, milliseconds"),
];

fn number(value: Option<f64>) -> Option<String> {
    value.map(|v| v.to_string())
}

/// Where something is, in words.
fn place(location: Option<&String>, hemisphere: Option<&String>, at: &Implant, reference: Option<&String>) -> String {
    let with = |v: Option<f64>, unit: &str| v.map(|v| format!("{v} {unit}"));
    joined(&[
        ("", location.cloned()),
        ("hemisphere: ", hemisphere.cloned()),
        ("AP: ", with(at.ap_mm, "mm")),
        ("ML: ", with(at.ml_mm, "mm")),
        ("DV: ", with(at.dv_mm, "mm")),
        ("roll: ", with(at.roll_deg, "degrees")),
        ("pitch: ", with(at.pitch_deg, "degrees")),
        ("yaw: ", with(at.yaw_deg, "degrees")),
        ("reference: ", reference.cloned()),
    ])
}

fn source_text(source: &ExcitationSource) -> String {
    joined(&[
        ("light source; ", Some(or(source.description.as_ref(), "no description"))),
        ("wavelength (nm): ", number(source.wavelength_nm)),
        ("power (W): ", number(source.power_watts)),
        ("intensity (W/m2): ", number(source.intensity_watts_per_m2)),
    ])
}

/// Light sources and fibres, added to the devices.
pub(super) fn devices(told: &Metadata, devices: &mut Vec<Device>, names: &mut Vec<String>) {
    let mut add = |name: &str, description: String, model: Option<&String>| {
        let name = unique(clean_name(name), names);
        devices.push(Device { name, description, manufacturer: String::new(), model: or(model, "") });
    };
    for source in &told.optogenetics.sources {
        add(&source.name, source_text(source), source.model.as_ref());
    }
    for fiber in &told.optogenetics.fibers {
        let what = joined(&[("optical fibre; ", Some(or(fiber.description.as_ref(), "no description")))]);
        add(&fiber.name, what, fiber.model.as_ref());
    }
}

/// The injections of viruses, a line each.
pub(super) fn virus(told: &Metadata) -> String {
    let line = |v: &super::metadata::VirusInjection| {
        joined(&[
            ("injection ", Some(v.name.clone())),
            ("", v.description.clone()),
            ("virus: ", v.virus.clone()),
            ("location: ", Some(place(v.location.as_ref(), v.hemisphere.as_ref(), &v.implant, v.reference.as_ref()))),
            ("titer (vg/ml): ", number(v.titer_vg_per_ml)),
            ("volume (ul): ", number(v.volume_ul)),
        ])
    };
    told.optogenetics.injections.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The software and the protocols of stimulation, a line each.
pub(super) fn stimulus(told: &Metadata) -> String {
    let mut lines: Vec<String> =
        told.optogenetics.software.iter().map(|s| format!("stimulation software: {s}")).collect();
    for p in &told.optogenetics.protocols {
        let settings: Vec<String> = p.settings.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        lines.push(joined(&[
            ("stimulation protocol ", Some(p.name.clone())),
            ("epochs: ", Some(numbers(&p.epochs))),
            ("power (mW): ", number(p.power_milliwatts)),
            ("digital output: ", p.digital_output.clone()),
            ("camera: ", p.camera_id.map(|c| c.to_string())),
            ("", Some(settings.join(", "))),
        ]));
    }
    lines.join("\n")
}

/// The source of a fibre: the one that it names, or the only one there is.
pub(super) fn source_of<'m>(told: &'m Metadata, fiber: &OpticalFiber) -> Option<&'m ExcitationSource> {
    let sources = &told.optogenetics.sources;
    match &fiber.excitation_source {
        Some(name) => sources.iter().find(|s| s.name == *name),
        None => sources.first().filter(|_| sources.len() == 1),
    }
}

impl Contents<'_> {
    pub(super) fn optogenetics(&self, root: &mut Group) {
        self.sites(root);
        self.protocols(root);
    }

    /// Sources and fibres alone, as devices.
    pub(super) fn optogenetic_devices(&self, root: &mut Group) {
        let o = &self.about.told.optogenetics;
        let first = self.about.devices.len().saturating_sub(o.sources.len() + o.fibers.len());
        self.put_devices(root, &self.about.devices[first..]);
    }

    /// A site for each fibre.
    pub(super) fn sites(&self, root: &mut Group) {
        let told = &self.about.told;
        let mut names = vec![];
        // Sources and fibres are the last devices, in their order.
        let o = &told.optogenetics;
        let Some(first) = self.about.devices.len().checked_sub(o.sources.len() + o.fibers.len()) else { return };
        for (i, fiber) in o.fibers.iter().enumerate() {
            let name = unique(clean_name(&fiber.name), &mut names);
            let path = format!("/general/optogenetics/{name}");
            let attributes = self.typed("core", "OptogeneticStimulusSite", &path);
            let mut site = Group { attributes, children: vec![] };
            let source = source_of(told, fiber);
            let what = joined(&[
                ("optical fibre ", Some(fiber.name.clone())),
                ("", fiber.description.clone()),
                ("source: ", fiber.excitation_source.clone().or_else(|| source.map(|s| s.name.clone()))),
            ]);
            site.put("description", Data::Text(what));
            // Not known is NaN: the schema asks for a number.
            site.put("excitation_lambda", Data::f32(source.and_then(|s| s.wavelength_nm).unwrap_or(f64::NAN) as f32));
            let at =
                place(fiber.location.as_ref(), fiber.hemisphere.as_ref(), &fiber.implant, fiber.reference.as_ref());
            site.put("location", Data::Text(if at.is_empty() { "unknown".to_owned() } else { at }));
            let lit_by = source.and_then(|s| o.sources.iter().position(|other| other.name == s.name));
            let device = &self.about.devices[first + lit_by.unwrap_or(o.sources.len() + i)];
            site.put("device", Object::Link(format!("/general/devices/{}", device.name)));
            root.at("general/optogenetics").put(&name, site);
        }
    }

    /// A row for each epoch that a protocol ran in, of those that are exported.
    pub(super) fn protocols(&self, root: &mut Group) {
        let told = &self.about.told.optogenetics;
        let epochs = self.exported_epochs();
        let rows: Vec<_> = told
            .protocols
            .iter()
            .flat_map(|p| p.epochs.iter().map(move |number| (p, *number)))
            .filter_map(|(p, number)| Some((p, epochs.iter().find(|e| e.number == number)?)))
            .collect();
        if rows.is_empty() {
            return;
        }
        let path = "/intervals/optogenetic_stimulation";
        let what = "the epochs in which protocols of optogenetic stimulation ran";
        let mut table = Table::new(self, path, "TimeIntervals", "core", what);
        let f64s = |of: &dyn Fn(usize) -> Option<f64>| {
            Data::f64s(&(0..rows.len()).map(|i| of(i).unwrap_or(f64::NAN)).collect::<Vec<_>>())
        };
        table.column("start_time", "start of the epoch, seconds", f64s(&|i| Some(rows[i].1.start_secs)));
        table.column("stop_time", "end of the epoch, seconds", f64s(&|i| Some(rows[i].1.stop_secs)));
        table.column("epoch", "number of the epoch", Data::i64s(rows.iter().map(|r| r.1.number)));
        table.column("protocol", "file of the protocol", Data::texts(rows.iter().map(|r| r.0.name.clone()).collect()));
        table.column("power_in_mW", "power of the light, milliwatts", f64s(&|i| rows[i].0.power_milliwatts));
        let output = rows.iter().map(|r| r.0.digital_output.clone().unwrap_or_default()).collect();
        table.column("digital_output", "the digital line that drives the light", Data::texts(output));
        let cameras = Data::i64s(rows.iter().map(|r| r.0.camera_id.unwrap_or(-1)));
        table.column("camera_id", "the camera of its conditions, -1 for none", cameras);
        for (key, name, what) in SETTINGS {
            let of = |i: usize| rows[i].0.settings.iter().find(|s| s.0 == key).map(|s: &(String, f64)| s.1);
            if (0..rows.len()).any(|i| of(i).is_some()) {
                table.column(name, what, f64s(&of));
            }
        }
        let group = table.finish(rows.len());
        root.at("intervals").put("optogenetic_stimulation", group);
    }
}
