//! Electrode groups in the type of ndx-franklab-novela, and the columns of the electrodes table that readers of
//! trodes_to_nwb's files ask for.

use super::super::about::Electrode;
use super::super::build::{Contents, ELECTRODES};
use super::super::table::{Table, texts};
use super::super::tree::{Data, Group, Object, Value};
use super::NOVELA;

pub(super) fn add(contents: &Contents<'_>, root: &mut Group) {
    let about = contents.about;
    let ephys = root.at("general/extracellular_ephys");
    for (i, group) in about.groups.iter().enumerate() {
        let path = format!("/general/extracellular_ephys/{}", group.name);
        let told = about.told.electrode_groups.get(i);
        let (namespace, kind) = if told.is_some() { (NOVELA, "NwbElectrodeGroup") } else { ("core", "ElectrodeGroup") };
        let description = told.and_then(|g| g.description.as_deref()).unwrap_or(&group.description);
        let location = told.and_then(|g| g.location.as_deref()).unwrap_or(&group.location);
        let mut attributes = contents.described(namespace, kind, &path, description);
        attributes.push(("location".to_owned(), location.into()));
        if let Some(told) = told {
            let target = told.targeted_location.as_deref().unwrap_or(location);
            attributes.push(("targeted_location".to_owned(), target.into()));
            for (key, value) in ["targeted_x", "targeted_y", "targeted_z"].into_iter().zip(told.targeted) {
                attributes.push((key.to_owned(), Value::F64(value.unwrap_or(f64::NAN))));
            }
            attributes.push(("units".to_owned(), told.units.as_deref().unwrap_or("mm").into()));
        }
        let device = told.map_or_else(|| "header_device".to_owned(), |g| format!("probe {}", g.id));
        let link = Object::Link(format!("/general/devices/{device}"));
        ephys.put(&group.name, Group { attributes, children: vec![("device".to_owned(), link)] });
    }
    ephys.put("electrodes", table(contents));
}

fn table(contents: &Contents<'_>) -> Group {
    let about = contents.about;
    let rows = &about.electrodes;
    let what = "metadata about extracellular electrodes";
    let mut table = Table::new(contents, ELECTRODES, "DynamicTable", "hdmf-common", what);
    let name = |e: &Electrode| about.groups[e.group].name.clone();
    let f64s = |of: &dyn Fn(&Electrode) -> f64| Data::f64s(&rows.iter().map(of).collect::<Vec<_>>());
    let i64s = |of: &dyn Fn(&Electrode) -> i64| Data::i64s(rows.iter().map(of));
    table.column("location", "where the electrode was meant to be", Data::texts(texts(rows, |e| e.location.clone())));
    let groups = rows.iter().map(|e| format!("/general/extracellular_ephys/{}", name(e))).collect();
    table.column("group", "the group of the electrode", Data::References(groups));
    table.column("group_name", "the name of its group", Data::texts(texts(rows, name)));
    for axis in ["x", "y", "z"] {
        table.column(axis, "not known: zero, as trodes_to_nwb writes it", f64s(&|_| 0.0));
    }
    table.column("imp", "not known: zero, as trodes_to_nwb writes it", f64s(&|_| 0.0));
    table.column("filtering", "filters of the hardware", Data::texts(texts(rows, |_| "None".to_owned())));
    for (axis, column) in ["rel_x", "rel_y", "rel_z"].into_iter().enumerate() {
        let value = |e: &Electrode| e.relative.map_or(f64::NAN, |at| at[axis]);
        table.column(column, "position on the probe, micrometres", f64s(&value));
    }
    let hardware = texts(rows, |e| e.hardware.map_or_else(String::new, |n| n.to_string()));
    table.column("hwChan", "channel of the hardware", Data::texts(hardware));
    table.column("ntrode_id", "the nTrode of the recording", i64s(&|e| e.ntrode.unwrap_or(-1)));
    let on_probe = |e: &Electrode| e.contact.map_or(-1, |_| e.contact_index as i64);
    table.column("channel_id", "place among the electrodes of the probe", i64s(&on_probe));
    let bad = rows.iter().map(|e| e.bad).collect();
    table.column("bad_channel", "whether the channel is noisy or not connected", Data::Bools(bad));
    table.column("probe_shank", "the shank of the probe", i64s(&|e| e.shank.unwrap_or(-1)));
    table.column("probe_electrode", "place among the electrodes of the probe", i64s(&on_probe));
    let what = "the row of the electrode that it was shown against, -1 for none";
    table.column("ref_elect_id", what, i64s(&|e| e.reference.unwrap_or(-1)));
    table.finish(rows.len())
}
