//! Where the contacts behind the channels stand, as spike sorters ask for it: in a plane, micrometres.
//!
//! A recording does not hold that; a metadata file and the probes it names do ([`super::metadata`]). Probes stand far from
//! each other, because where they are in the brain is not known to the micrometre, and no two contacts may coincide;
//! within a probe the positions are the probe's. Without metadata, and for channels that it does not place, positions are
//! made up: each group of channels stands in a column of its own, far from the others, so that a sorter takes only
//! channels of one group for neighbours. Whoever writes them says so.

use super::Request;
use super::metadata::{self, Metadata};
use crate::error::Result;
use crate::recording::Channel;

/// From one contact of a column to the next, µm.
const CONTACT_STEP_UM: f64 = 25.0;
/// From one column or probe to the next, µm: further than any spike is seen.
const COLUMN_STEP_UM: f64 = 1000.0;
/// The probe of channels that no metadata places.
const UNPLACED: &str = "channels by group";

/// Where a channel stands.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Contact {
    /// Index in [`Geometry::probes`].
    pub probe: usize,
    /// Shank, or column, counted over all probes.
    pub group: usize,
    pub x: f64,
    pub y: f64,
}

/// Where all of them stand.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Geometry {
    /// One for each channel.
    pub contacts: Vec<Contact>,
    /// Names of the probes that have channels.
    pub probes: Vec<String>,
    /// Channels whose position is made up.
    pub made_up: usize,
    /// What the metadata leaves out.
    pub notes: Vec<String>,
}

impl Geometry {
    /// Where the selected channels stand, by the metadata of the settings if they name one.
    ///
    /// # Errors
    /// When the metadata cannot be read, or does not fit the recording.
    pub(super) fn of(request: &Request<'_>) -> Result<Self> {
        let recording = request.source.recording();
        let all = &request.selection.stream_in(recording)?.channels;
        let selected = &request.selection.channels;
        let Some(path) = request.settings.files("metadata").pop() else {
            return Ok(Self::arranged(all, selected, None));
        };
        let (told, warnings) = Metadata::load(&path, &request.settings.files("probe"))?;
        let (electrodes, more) = metadata::resolve(&told, all, &metadata::references_of(recording))?;
        let mut geometry = Self::arranged(all, selected, Some((&told, &electrodes)));
        geometry.notes = warnings.into_iter().chain(more).map(|w| w.text).collect();
        Ok(geometry)
    }

    /// What is said about made-up positions, if there are any.
    pub(super) fn warning(&self) -> Option<String> {
        let who = match self.made_up {
            0 => return None,
            n if n == self.contacts.len() => "the positions of contacts are not known and MADE UP".to_owned(),
            1 => "the position of one channel is not in the metadata and MADE UP".to_owned(),
            n => format!("the positions of {n} channels are not in the metadata and MADE UP"),
        };
        Some(format!("{who}: each group of channels stands in a column of its own"))
    }

    fn arranged(all: &[Channel], selected: &[usize], told: Option<(&Metadata, &[metadata::Electrode])>) -> Self {
        // (probe in the metadata, if it is placed; shank or group of channels; position if it is known)
        let place = |&channel: &usize| match told.map(|(_, electrodes)| &electrodes[channel]) {
            Some(e) if e.group.is_some() && e.relative.is_some() => {
                (e.group, e.shank.to_string(), e.relative.unwrap_or_default())
            }
            _ => (None, all[channel].group.clone(), [f64::NAN; 3]),
        };
        let places: Vec<_> = selected.iter().map(place).collect();
        // The probes that have channels, and the axes of their planes.
        let mut kinds: Vec<(Option<usize>, [usize; 2])> = vec![];
        let mut groups: Vec<(usize, &str, usize)> = vec![];
        let mut geometry = Self::default();
        for (kind, shank, at) in &places {
            let probe = kinds.iter().position(|k| k.0 == *kind).unwrap_or_else(|| {
                kinds.push((*kind, plane(&places, *kind)));
                geometry.probes.push(name(told.map(|t| t.0), *kind));
                kinds.len() - 1
            });
            let group = groups.iter().position(|g| (g.0, g.1) == (probe, shank.as_str())).unwrap_or_else(|| {
                groups.push((probe, shank, 0));
                groups.len() - 1
            });
            let row = groups[group].2;
            groups[group].2 += 1;
            let contact = if kind.is_some() {
                let [x, y] = kinds[probe].1.map(|axis| at[axis]);
                Contact { probe, group, x, y }
            } else {
                geometry.made_up += 1;
                let column = groups[..group].iter().filter(|g| g.0 == probe).count();
                Contact { probe, group, x: column as f64 * COLUMN_STEP_UM, y: row as f64 * CONTACT_STEP_UM }
            };
            geometry.contacts.push(contact);
        }
        geometry.spread();
        geometry
    }

    /// Moves every probe but the first to the right of the one before.
    fn spread(&mut self) {
        let mut right: Option<f64> = None;
        for probe in 0..self.probes.len() {
            let own = || self.contacts.iter().filter(|c| c.probe == probe).map(|c| c.x);
            let (left, end) = (own().fold(f64::INFINITY, f64::min), own().fold(f64::NEG_INFINITY, f64::max));
            let shift = right.map_or(0.0, |right| right + COLUMN_STEP_UM - left);
            for contact in self.contacts.iter_mut().filter(|c| c.probe == probe) {
                contact.x += shift;
            }
            right = Some(end + shift);
        }
    }
}

/// `tetrode_12.5 (electrode group 3)`.
fn name(told: Option<&Metadata>, group: Option<usize>) -> String {
    let group = told.zip(group).and_then(|(told, group)| told.electrode_groups.get(group));
    group.map_or_else(
        || UNPLACED.to_owned(),
        |g| format!("{} (electrode group {})", g.device_type.as_deref().unwrap_or("probe"), g.id),
    )
}

/// The two axes in which the contacts of a probe lie: x and y, unless all have one y (a tetrode lies in x and z).
fn plane(places: &[(Option<usize>, String, [f64; 3])], probe: Option<usize>) -> [usize; 2] {
    let mut own = places.iter().filter(|p| p.0 == probe).map(|p| p.2);
    let first = own.next().unwrap_or_default();
    let (mut y, mut z) = (false, false);
    for at in own {
        y |= at[1] != first[1];
        z |= at[2] != first[2];
    }
    if z && !y { [0, 2] } else { [0, 1] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::metadata::{Electrode, Probe};

    fn channels(groups: &[&str]) -> Vec<Channel> {
        groups.iter().enumerate().map(|(i, g)| Channel { group: (*g).to_owned(), ..Channel::numbered(i) }).collect()
    }

    #[test]
    fn without_metadata_groups_stand_in_columns() {
        let geometry = Geometry::arranged(&channels(&["a", "b", "a", "c"]), &[0, 1, 2], None);
        let places: Vec<(usize, f64, f64)> = geometry.contacts.iter().map(|c| (c.group, c.x, c.y)).collect();
        assert_eq!(places, [(0, 0.0, 0.0), (1, 1000.0, 0.0), (0, 0.0, 25.0)]);
        assert_eq!((geometry.made_up, geometry.probes.len()), (3, 1));
        assert!(geometry.warning().unwrap().contains("MADE UP"));
        assert_eq!(Geometry::arranged(&[], &[], None), Geometry::default());
    }

    #[test]
    fn probes_keep_their_shape_and_stand_apart() {
        let mut told = Metadata::default();
        for (id, kind) in [(0, "tetrode_12.5"), (7, "32c-2s8mm6cm-20um-40um-dl")] {
            let device_type = Some(kind.to_owned());
            told.electrode_groups.push(metadata::ElectrodeGroup { id, device_type, ..Default::default() });
        }
        let mut electrodes = vec![];
        for group in 0..2 {
            let probe = Probe::built_in(told.electrode_groups[group].device_type.as_deref().unwrap()).unwrap();
            electrodes.extend(probe.contacts().map(|(shank, contact)| Electrode {
                group: Some(group),
                shank,
                relative: Some(contact.relative),
                ..Electrode::default()
            }));
        }
        electrodes.push(Electrode::default());
        let all = channels(&vec!["x"; electrodes.len()]);
        let selected: Vec<usize> = (0..electrodes.len()).rev().collect();
        let geometry = Geometry::arranged(&all, &selected, Some((&told, &electrodes)));
        assert_eq!(geometry.made_up, 1);
        assert!(geometry.warning().unwrap().contains("one channel"));
        assert_eq!(
            geometry.probes,
            ["channels by group", "32c-2s8mm6cm-20um-40um-dl (electrode group 7)", "tetrode_12.5 (electrode group 0)"]
        );
        // Two shanks, a tetrode, and a column.
        assert_eq!(geometry.contacts.iter().map(|c| c.group).max(), Some(3));
        for (i, &a) in selected.iter().enumerate() {
            for (j, &b) in selected.iter().enumerate().skip(i + 1) {
                let (p, q) = (geometry.contacts[i], geometry.contacts[j]);
                let found = (p.x - q.x).hypot(p.y - q.y);
                if p.probe != q.probe {
                    assert!(found >= 999.0, "{a} {b} {found}");
                } else if let (Some(r), Some(s)) = (electrodes[a].relative, electrodes[b].relative) {
                    let exact = (0..3).map(|axis| (r[axis] - s[axis]).powi(2)).sum::<f64>().sqrt();
                    assert!((found - exact).abs() < 1e-6 && found > 1.0, "{a} {b}: {found}, {exact}");
                }
            }
        }
    }
}
