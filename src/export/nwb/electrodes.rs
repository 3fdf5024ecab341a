//! Electrode groups and the table of electrodes.

use super::about::Electrode;
use super::build::{Contents, ELECTRODES};
use super::pass::Class;
use super::plan::{clean_name, unique, volts_of};
use super::table::{Table, texts};
use super::tree::{Data, Group, Object};

impl Contents<'_> {
    /// Electrode groups, and the table of electrodes: a row for each exported channel of the main stream.
    pub(super) fn electrodes(&self, root: &mut Group) {
        let about = self.about;
        let ephys = root.at("general/extracellular_ephys");
        let mut taken = vec!["electrodes".to_owned()];
        let names: Vec<String> = about.groups.iter().map(|g| unique(clean_name(&g.name), &mut taken)).collect();
        for (group, name) in about.groups.iter().zip(&names) {
            let path = format!("/general/extracellular_ephys/{name}");
            let mut attributes = self.described("core", "ElectrodeGroup", &path, &group.description);
            attributes.push(("location".to_owned(), group.location.as_str().into()));
            let device = about.devices.get(group.device).map_or("", |d| &d.name);
            let link = Object::Link(format!("/general/devices/{}", clean_name(device)));
            ephys.put(name, Group { attributes, children: vec![("device".to_owned(), link)] });
        }
        let Some(series) =
            self.plan.passes.iter().flat_map(|p| &p.series).find(|s| matches!(s.class, Class::Electrical { .. }))
        else {
            return;
        };
        let stream = &self.recording.streams[series.stream];
        let channels: Vec<_> = series.channels.iter().map(|&c| &stream.channels[c]).collect();
        let rows = &about.electrodes;
        let mut table = Table::new(self, ELECTRODES, "DynamicTable", "hdmf-common", "the electrodes of the recording");
        table.column("location", "where the electrode is", Data::texts(texts(rows, |e| e.location.clone())));
        let groups = rows.iter().map(|e| format!("/general/extracellular_ephys/{}", names[e.group])).collect();
        table.column("group", "the group that the electrode belongs to", Data::References(groups));
        table.column("group_name", "the name of its group", Data::texts(texts(rows, |e| names[e.group].clone())));
        let ids = channels.iter().map(|c| c.id.clone()).collect();
        table.column("channel_id", "the channel as the recording identifies it", Data::texts(ids));
        let names = channels.iter().map(|c| c.name.clone()).collect();
        table.column("channel_name", "the channel as the recording names it", Data::texts(names));
        let microvolts = |unit: &str| volts_of(unit).unwrap_or(1.0) * 1e6;
        let gains: Vec<f64> = channels.iter().map(|c| c.scale.gain * microvolts(&c.unit)).collect();
        table.column("gain_to_uV", "microvolts of one step of the recorded numbers", Data::f64s(&gains));
        let offsets: Vec<f64> = channels.iter().map(|c| c.scale.offset * microvolts(&c.unit)).collect();
        table.column("offset_to_uV", "microvolts of a recorded zero", Data::f64s(&offsets));
        if rows.iter().any(|e| e.relative.is_some()) {
            for (axis, name) in ["rel_x", "rel_y", "rel_z"].into_iter().enumerate() {
                let values: Vec<f64> = rows.iter().map(|e| e.relative.map_or(f64::NAN, |at| at[axis])).collect();
                table.column(name, "position on the probe, micrometres", Data::f64s(&values));
            }
        }
        if rows.iter().any(|e| e.bad) {
            table.column(
                "bad_channel",
                "whether the channel is known to be bad",
                Data::Bools(rows.iter().map(|e| e.bad).collect()),
            );
        }
        type Number = fn(&Electrode) -> Option<i64>;
        let numbers: [(&str, &str, Number); 4] = [
            ("ntrode_id", "the nTrode of the recording", |e| e.ntrode),
            ("probe_shank", "the shank of the probe", |e| e.shank),
            ("probe_electrode", "the contact of the probe", |e| e.contact),
            ("ref_elect_id", "the row of the electrode that it is measured against, -1 for none", |e| e.reference),
        ];
        for (name, what, value) in numbers {
            if rows.iter().any(|e| value(e).is_some()) {
                table.column(name, what, Data::i64s(rows.iter().map(|e| value(e).unwrap_or(-1))));
            }
        }
        ephys.put("electrodes", table.finish(rows.len()));
    }
}
