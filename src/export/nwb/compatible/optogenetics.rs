//! Optogenetics in the types of ndx-optogenetics 0.2.0, as trodes_to_nwb lays them out.
//!
//! That converter takes what a light source, a fibre and a virus are from files of its own; the same come from the
//! table of [`hardware`](super::super::metadata::hardware) and from `--probe`. It writes nothing unless source, fibre,
//! injection and software are all told; here an incomplete description is text, in `/general/virus` and `/general/stimulus`.

use super::super::about::or;
use super::super::build::Contents;
use super::super::metadata::{Implant, Metadata};
use super::super::optogenetics::source_of;
use super::super::plan::{clean_name, unique};
use super::super::table::Table;
use super::super::tree::{Attributes, Data, Group, Object, Value};

const OPTOGENETICS: &str = "ndx-optogenetics";
const PATH: &str = "/general/optogenetic_experiment_metadata";
const UNKNOWN: &str = "unknown";

/// Whether all is there that the extension asks for.
pub(in crate::export::nwb) fn is_complete(told: &Metadata) -> bool {
    let o = &told.optogenetics;
    !o.sources.is_empty() && !o.fibers.is_empty() && !o.injections.is_empty() && o.software.is_some()
}

fn number(key: &str, value: Option<f64>) -> (String, Value) {
    (key.to_owned(), Value::F64(value.unwrap_or(f64::NAN)))
}

fn text(key: &str, value: &str) -> (String, Value) {
    (key.to_owned(), value.into())
}

fn angles(at: &Implant) -> [(&'static str, Option<f64>); 6] {
    [
        ("ap_in_mm", at.ap_mm),
        ("ml_in_mm", at.ml_mm),
        ("dv_in_mm", at.dv_mm),
        ("pitch_in_deg", at.pitch_deg),
        ("yaw_in_deg", at.yaw_deg),
        ("roll_in_deg", at.roll_deg),
    ]
}

pub(super) fn add(contents: &Contents<'_>, root: &mut Group) {
    let told = &contents.about.told;
    contents.protocols(root);
    if !is_complete(told) {
        contents.optogenetic_devices(root);
        contents.sites(root);
        return;
    }
    let names = devices(contents, root);
    let group = |kind: &str, path: &str, more: Attributes| {
        let mut attributes = contents.typed(OPTOGENETICS, kind, path);
        attributes.extend(more);
        Group { attributes, children: vec![] }
    };
    let o = &told.optogenetics;
    let software = text("stimulation_software", o.software.as_deref().unwrap_or(UNKNOWN));
    let mut all = group("OptogeneticExperimentMetadata", PATH, vec![software]);
    all.put("optical_fiber_locations_table", locations(contents, &names));
    let (viruses_at, injections_at) =
        (format!("{PATH}/optogenetic_viruses"), format!("{PATH}/optogenetic_virus_injections"));
    let mut viruses = group("OptogeneticViruses", &viruses_at, vec![]);
    let mut injections = group("OptogeneticVirusInjections", &injections_at, vec![]);
    let mut taken = vec![];
    for injection in &o.injections {
        let virus = or(injection.virus.as_ref(), UNKNOWN);
        let known = told.hardware.viruses.iter().find(|v| v.name == virus);
        let virus_path = format!("{viruses_at}/{}", clean_name(&virus));
        if !viruses.children.iter().any(|(name, _)| *name == clean_name(&virus)) {
            let more = vec![
                text("construct_name", known.map_or(virus.as_str(), |v| &v.construct)),
                text("description", known.map_or("", |v| &v.description)),
                text("manufacturer", known.map_or(UNKNOWN, |v| &v.manufacturer)),
                number("titer_in_vg_per_ml", injection.titer_vg_per_ml),
            ];
            viruses.put(&clean_name(&virus), group("OptogeneticVirus", &virus_path, more));
        }
        let name = unique(clean_name(&injection.name), &mut taken);
        let mut more = vec![
            text("description", &or(injection.description.as_ref(), "")),
            text("hemisphere", &or(injection.hemisphere.as_ref(), UNKNOWN)),
            text("location", &or(injection.location.as_ref(), UNKNOWN)),
            text("reference", &or(injection.reference.as_ref(), UNKNOWN)),
            number("volume_in_uL", injection.volume_ul),
        ];
        more.extend(angles(&injection.implant).map(|(key, value)| number(key, value)));
        let mut own = group("OptogeneticVirusInjection", &format!("{injections_at}/{name}"), more);
        own.put("virus", Object::Link(virus_path));
        injections.put(&name, own);
    }
    all.put("optogenetic_viruses", viruses);
    all.put("optogenetic_virus_injections", injections);
    root.at("general").put("optogenetic_experiment_metadata", all);
}

/// Names of the devices of sources and fibres.
struct Names {
    sources: Vec<String>,
    fibers: Vec<String>,
}

fn devices(contents: &Contents<'_>, root: &mut Group) -> Names {
    let told = &contents.about.told;
    let devices = root.at("general/devices");
    let mut taken: Vec<String> = devices.children.iter().map(|(name, _)| name.clone()).collect();
    let mut models: Vec<(String, String)> = vec![];
    let mut put = |name: &str, kind: &str, more: Attributes, model: Option<&str>| {
        let name = unique(clean_name(name), &mut taken);
        let mut attributes = contents.typed(OPTOGENETICS, kind, &format!("/general/devices/{name}"));
        attributes.extend(more);
        let link = model.map(|model| ("model".to_owned(), Object::Link(format!("/general/devices/{model}"))));
        devices.put(&name, Group { attributes, children: link.into_iter().collect() });
        name
    };
    let mut names = Names { sources: vec![], fibers: vec![] };
    for source in &told.optogenetics.sources {
        let kind = or(source.model.as_ref(), UNKNOWN);
        let model = models.iter().find(|m| m.0 == kind).map(|m| m.1.clone()).unwrap_or_else(|| {
            let known = told.hardware.sources.iter().find(|s| s.name == kind);
            let mut more = vec![
                text("description", known.map_or("", |s| &s.description)),
                text("manufacturer", known.map_or(UNKNOWN, |s| &s.manufacturer)),
                text("illumination_type", known.map_or(UNKNOWN, |s| &s.illumination)),
            ];
            let range = known.and_then(|s| s.wavelength_range_nm);
            more.extend(range.map(|range| ("wavelength_range_in_nm".to_owned(), Value::F64s(range.to_vec()))));
            let name = put(&kind, "ExcitationSourceModel", more, None);
            models.push((kind, name.clone()));
            name
        });
        let more = vec![
            number("wavelength_in_nm", source.wavelength_nm),
            number("power_in_W", source.power_watts),
            number("intensity_in_W_per_m2", source.intensity_watts_per_m2),
        ];
        names.sources.push(put(&source.name, "ExcitationSource", more, Some(&model)));
    }
    models.clear();
    for fiber in &told.optogenetics.fibers {
        let kind = or(fiber.model.as_ref(), UNKNOWN);
        let model = models.iter().find(|m| m.0 == kind).map(|m| m.1.clone()).unwrap_or_else(|| {
            let known = told.hardware.fibers.iter().find(|f| f.name == kind);
            let mut more = vec![
                text("description", known.map_or("", |f| &f.description)),
                text("fiber_name", &kind),
                text("manufacturer", known.map_or(UNKNOWN, |f| &f.manufacturer)),
                number("numerical_aperture", known.and_then(|f| f.numerical_aperture)),
                number("core_diameter_in_um", known.and_then(|f| f.core_diameter_um)),
            ];
            if let Some(known) = known {
                more.extend([
                    text("fiber_model", &known.model),
                    text("ferrule_name", &known.ferrule),
                    number("active_length_in_mm", known.active_length_mm),
                    number("ferrule_diameter_in_mm", known.ferrule_diameter_mm),
                ]);
            }
            let name = put(&kind, "OpticalFiberModel", more, None);
            models.push((kind, name.clone()));
            name
        });
        names.fibers.push(put(&fiber.name, "OpticalFiber", vec![], Some(&model)));
    }
    names
}

/// Where the fibres are.
fn locations(contents: &Contents<'_>, names: &Names) -> Group {
    let told = &contents.about.told;
    let o = &told.optogenetics;
    let path = format!("{PATH}/optical_fiber_locations_table");
    let what = "Information about implanted optical fiber locations";
    let mut table = Table::new(contents, &path, "OpticalFiberLocationsTable", OPTOGENETICS, what);
    let reference = o.fibers.iter().find_map(|f| f.reference.clone());
    table.attribute("reference", or(reference.as_ref(), UNKNOWN).into());
    let mut texts = |name: &str, what: &str, of: &dyn Fn(usize) -> Option<String>| {
        let values = (0..o.fibers.len()).map(|i| of(i).unwrap_or_else(|| UNKNOWN.to_owned())).collect();
        table.column(name, what, Data::texts(values));
    };
    texts("implanted_fiber_description", "what the fibre is", &|i| o.fibers[i].description.clone());
    texts("location", "where its tip was meant to be", &|i| o.fibers[i].location.clone());
    texts("hemisphere", "left or right", &|i| o.fibers[i].hemisphere.clone());
    let numbers = |axes: std::ops::Range<usize>, what: &str, table: &mut Table<'_>| {
        for axis in axes {
            let values: Vec<f64> = o.fibers.iter().map(|f| angles(&f.implant)[axis].1.unwrap_or(f64::NAN)).collect();
            table.column(angles(&Implant::default())[axis].0, what, Data::f64s(&values));
        }
    };
    numbers(0..3, "position of its tip from the reference, millimetres", &mut table);
    let devices = names.fibers.iter().map(|name| format!("/general/devices/{name}")).collect();
    table.column("optical_fiber", "its device", Data::References(devices));
    numbers(3..6, "its angle, degrees", &mut table);
    let lit_by = |fiber| {
        let source = source_of(told, fiber).and_then(|s| o.sources.iter().position(|other| other.name == s.name));
        format!("/general/devices/{}", names.sources[source.unwrap_or(0)])
    };
    table.column("excitation_source", "its light source", Data::References(o.fibers.iter().map(lit_by).collect()));
    table.finish(o.fibers.len())
}
