//! Joins the metadata with the channels of a recording: one row of the electrodes table for each channel.
//!
//! The recording knows nTrodes and their channels, the metadata which electrode of which probe each of them is, the
//! probe where that electrode lies. The three must agree: an nTrode that one knows and the other does not, another
//! number of channels, an electrode that the probe does not have, or one electrode for two channels is an error that
//! names both sides.
//!
//! After trodes_to_nwb 0.1.9 (`convert_rec_header.py`, `convert_yaml.py`), which joins them the same way, with two
//! differences: of a probe with several nTrodes it applies the `bad_channels` of the first only, and writes the id of the
//! first for all its electrodes. Here each nTrode has its own (see [`mark_bad`]).

use std::collections::{HashMap, HashSet};

use super::{Metadata, Ntrode, Probe};
use crate::error::Result;
use crate::recording::{Channel, Recording, Warning};

/// What the reader of `.rec` puts before the number of the nTrode in a channel's group.
const GROUP_PREFIX: &str = "nTrode ";
/// The property of a recording that says which channels Trodes showed the others against.
const REFERENCES: &str = "references";

/// What the electrodes table says of a channel.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Electrode {
    /// Index in [`Metadata::electrode_groups`]; `None` where the metadata does not place the channel.
    pub group: Option<usize>,
    /// The nTrode's id.
    pub ntrode: Option<i64>,
    /// Number of the hardware's channel.
    pub hardware_channel: Option<u64>,
    /// Shank of the probe, counted from 0.
    pub shank: usize,
    /// Number of the electrode on the probe.
    pub contact: i64,
    /// Counted over the probe's electrodes from 0, shank by shank.
    pub contact_index: usize,
    /// x, y, z relative to the probe, micrometres; `None` without a probe.
    pub relative: Option<[f64; 3]>,
    /// Noisy or not connected.
    pub bad: bool,
    /// Index of the channel that the recording names as the reference of this one's nTrode.
    pub reference: Option<usize>,
}

/// That the channels of an nTrode are shown against a channel of another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Reference {
    /// Id of the nTrode, as the recording writes it.
    pub ntrode: String,
    /// Id of the nTrode that holds the reference.
    pub reference_ntrode: String,
    /// Its channel, counted from 1.
    pub channel: u64,
}

/// The references that a recording names in its properties: `nTrode 2: nTrode 1 ch 3; …`.
pub(crate) fn references_of(recording: &Recording) -> Vec<Reference> {
    let Some((_, text)) = recording.properties.iter().find(|(key, _)| key == REFERENCES) else { return Vec::new() };
    let one = |part: &str| {
        let (ntrode, rest) = part.trim().strip_prefix(GROUP_PREFIX)?.split_once(": ")?;
        let (reference, channel) = rest.strip_prefix(GROUP_PREFIX)?.rsplit_once(" ch ")?;
        Some(Reference {
            ntrode: ntrode.to_owned(),
            reference_ntrode: reference.to_owned(),
            channel: channel.parse().ok()?,
        })
    };
    text.split(';').filter_map(one).collect()
}

/// One electrode for each of `channels`, which are all channels of the recording's main stream, in their order.
///
/// Where the metadata has no nTrodes, or the recording has none, nothing is placed; the second is a warning.
///
/// # Errors
/// [`crate::ErrorKind::Malformed`] with line, column and byte offset in the metadata file, where metadata, probe and
/// recording do not fit together.
pub(crate) fn resolve(
    metadata: &Metadata,
    channels: &[Channel],
    references: &[Reference],
) -> Result<(Vec<Electrode>, Vec<Warning>)> {
    placed(metadata, channels, references).map_err(|e| match &metadata.path {
        Some(path) => e.with_path(path),
        None => e,
    })
}

fn placed(
    metadata: &Metadata,
    channels: &[Channel],
    references: &[Reference],
) -> Result<(Vec<Electrode>, Vec<Warning>)> {
    let mut warnings = Vec::new();
    let mut electrodes: Vec<Electrode> = channels.iter().map(unplaced).collect();
    if metadata.ntrodes.is_empty() {
        return Ok((electrodes, warnings));
    }
    let trodes = trodes(channels);
    if trodes.is_empty() {
        warnings.push(Warning::new(
            "the metadata places nTrodes, but the recording has none; its channels are not placed on probes",
        ));
        return Ok((electrodes, warnings));
    }
    let probes = probes(metadata)?;
    let mut known: HashSet<&str> = HashSet::new();
    let mut used: HashMap<(usize, i64), usize> = HashMap::new();
    for ntrode in &metadata.ntrodes {
        let id = ntrode.id.to_string();
        let Some((name, members)) = trodes.iter().find(|(name, _)| *name == id) else {
            return Err(ntrode
                .place
                .error(format_args!(
                    "the metadata places the nTrode {id}, but the recording has {}",
                    list(trodes.iter().map(|t| t.0))
                ))
                .with_remedy("use the metadata file of this recording, or remove the nTrode from it"));
        };
        known.insert(name);
        place(metadata, ntrode, members, &probes, &mut electrodes, &mut used)?;
    }
    if let Some((name, _)) = trodes.iter().find(|(name, _)| !known.contains(name)) {
        let last = metadata.ntrodes.last().map(|n| n.place).unwrap_or_default();
        return Err(last
            .error(format_args!(
                "the recording has the nTrode {name}, but ntrode_electrode_group_channel_map ends here with {}",
                list(metadata.ntrodes.iter().map(|n| n.id.to_string()))
            ))
            .with_remedy("use the metadata file of this recording, or add the nTrode to it"));
    }
    mark_bad(metadata, &mut electrodes, &mut warnings);
    refer(&trodes, references, &mut electrodes, &mut warnings);
    for (g, group) in metadata.electrode_groups.iter().enumerate() {
        let recorded = electrodes.iter().filter(|e| e.group == Some(g)).count();
        let total = probes[g].as_ref().map_or(0, |p| p.contacts().count());
        if recorded < total {
            warnings.push(group.place.warning(format_args!(
                "of the {total} electrodes of the electrode group {} {recorded} are recorded",
                group.id
            )));
        }
    }
    Ok((electrodes, super::fields::bounded(warnings)))
}

/// The order in which trodes_to_nwb writes channels: by electrode group, and within one by the probe's electrodes.
/// Channels that are not placed come last.
pub(crate) fn probe_order(electrodes: &[Electrode]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..electrodes.len()).collect();
    order.sort_by_key(|&i| (electrodes[i].group.unwrap_or(usize::MAX), electrodes[i].contact_index));
    order
}

fn unplaced(channel: &Channel) -> Electrode {
    let hardware_channel = channel.id.strip_prefix("hwChan").and_then(|n| n.parse().ok());
    let ntrode = channel.group.strip_prefix(GROUP_PREFIX).and_then(|n| n.trim().parse().ok());
    Electrode { hardware_channel, ntrode, ..Electrode::default() }
}

/// (id of the nTrode, its channels: (number in the nTrode from 0, index)), by their ids.
pub(super) type Trodes<'c> = Vec<(&'c str, Vec<(i64, usize)>)>;

pub(super) fn trodes(channels: &[Channel]) -> Trodes<'_> {
    let mut trodes: Trodes<'_> = Vec::new();
    let mut index: HashMap<&str, usize> = HashMap::new();
    for (i, channel) in channels.iter().enumerate() {
        let Some(id) = channel.group.strip_prefix(GROUP_PREFIX).map(str::trim) else { continue };
        let at = *index.entry(id).or_insert_with(|| {
            trodes.push((id, Vec::new()));
            trodes.len() - 1
        });
        let members = &mut trodes[at].1;
        let number = channel.name.rsplit_once(" ch").and_then(|(_, n)| n.parse::<i64>().ok());
        members.push((number.map_or(members.len() as i64, |n| n - 1), i));
    }
    trodes.sort_by_key(|&(id, _)| (id.parse::<i64>().unwrap_or(i64::MAX), id));
    trodes
}

/// The probe of every electrode group.
fn probes(metadata: &Metadata) -> Result<Vec<Option<Probe>>> {
    let used: HashSet<i64> = metadata.ntrodes.iter().map(|n| n.group_id).collect();
    let probe = |group: &super::ElectrodeGroup| {
        let Some(kind) = &group.device_type else {
            return if used.contains(&group.id) {
                Err(group
                    .place
                    .error(format_args!("the electrode group {} has no device_type", group.id))
                    .with_remedy("name the type of its probe, such as tetrode_12.5"))
            } else {
                Ok(None)
            };
        };
        metadata.probe(kind).map(Some).ok_or_else(|| {
            let text = format!("the probe '{kind}' of the electrode group {} is not known", group.id);
            let kinds: Vec<&str> = Probe::built_in_kinds().collect();
            group.place.error(text).with_remedy(format!(
                "describe it in a file (--probe FILE.yml or ProbeInterface's .json); built in are {}",
                kinds.join(", ")
            ))
        })
    };
    metadata.electrode_groups.iter().map(probe).collect()
}

/// Places the channels of one nTrode.
fn place(
    metadata: &Metadata,
    ntrode: &Ntrode,
    members: &[(i64, usize)],
    probes: &[Option<Probe>],
    electrodes: &mut [Electrode],
    used: &mut HashMap<(usize, i64), usize>,
) -> Result<()> {
    let fail = |what: String, remedy: &str| Err(ntrode.place.error(what).with_remedy(remedy.to_owned()));
    let Some(group) = metadata.group_index(ntrode.group_id) else {
        return fail(
            format!("the nTrode {} is of the electrode group {}, which is not there", ntrode.id, ntrode.group_id),
            "correct electrode_group_id, or add the group to electrode_groups",
        );
    };
    if members.len() != ntrode.map.len() {
        return fail(
            format!(
                "the nTrode {} has {} channels in the metadata and {} in the recording",
                ntrode.id,
                ntrode.map.len(),
                members.len()
            ),
            "correct its map, or use the metadata file of this recording",
        );
    }
    let map: HashMap<i64, i64> = ntrode.map.iter().copied().collect();
    let Some(probe) = &probes[group] else { return Ok(()) };
    let contacts: HashMap<i64, (usize, usize, [f64; 3])> =
        probe.contacts().enumerate().map(|(i, (shank, c))| (c.id, (i, shank, c.relative))).collect();
    for &(number, channel) in members {
        let Some(&contact) = map.get(&number) else {
            return fail(
                format!("the map of the nTrode {} has no channel {number}, which the recording has", ntrode.id),
                "number the channels of a map from 0",
            );
        };
        let Some(&(contact_index, shank, relative)) = contacts.get(&contact) else {
            return fail(
                format!(
                    "the nTrode {} names the electrode {contact}, but the probe '{}' of the electrode group {} has {} electrodes, numbered {} to {}",
                    ntrode.id,
                    probe.kind,
                    ntrode.group_id,
                    contacts.len(),
                    contacts.keys().min().copied().unwrap_or_default(),
                    contacts.keys().max().copied().unwrap_or_default()
                ),
                "correct the map, or the device_type of the electrode group",
            );
        };
        if let Some(other) = used.insert((group, contact), channel) {
            let other = electrodes[other].ntrode.unwrap_or_default();
            return fail(
                format!(
                    "the electrode {contact} of the electrode group {} is a channel of the nTrode {} and of the nTrode {other}",
                    ntrode.group_id, ntrode.id
                ),
                "correct the maps: each electrode is one channel",
            );
        }
        let electrode = &mut electrodes[channel];
        *electrode = Electrode {
            group: Some(group),
            ntrode: Some(ntrode.id),
            shank,
            contact,
            contact_index,
            relative: Some(relative),
            ..electrode.clone()
        };
    }
    Ok(())
}

/// Marks the bad channels of each nTrode.
///
/// A number there is that of an electrode on the probe where the nTrode's map has it (as trodes_to_nwb reads it), else
/// that of the nTrode's channel counted from 0 (as its predecessor rec_to_nwb did), else that of an electrode of the
/// same probe in another nTrode. For tetrodes, and wherever maps are 0: 0, 1: 1 …, all are the same.
fn mark_bad(metadata: &Metadata, electrodes: &mut [Electrode], warnings: &mut Vec<Warning>) {
    let mut by_contact: HashMap<(usize, i64), usize> = HashMap::new();
    for (i, electrode) in electrodes.iter().enumerate() {
        if let Some(group) = electrode.group {
            by_contact.insert((group, electrode.contact), i);
        }
    }
    for ntrode in &metadata.ntrodes {
        let Some(group) = metadata.group_index(ntrode.group_id) else { continue };
        for &number in &ntrode.bad_channels {
            let contact = bad_contact(ntrode, number);
            match by_contact.get(&(group, contact)) {
                Some(&i) => electrodes[i].bad = true,
                None => warnings.push(ntrode.place.warning(format_args!(
                    "the bad channel {number} of the nTrode {} is none of its channels",
                    ntrode.id
                ))),
            }
        }
    }
}

fn bad_contact(ntrode: &Ntrode, number: i64) -> i64 {
    if ntrode.map.iter().any(|&(_, contact)| contact == number) {
        return number;
    }
    ntrode.map.iter().find(|&&(channel, _)| channel == number).map_or(number, |&(_, contact)| contact)
}

fn refer(trodes: &Trodes<'_>, references: &[Reference], electrodes: &mut [Electrode], warnings: &mut Vec<Warning>) {
    let members = |id: &str| trodes.iter().find(|(name, _)| *name == id).map(|(_, members)| members.as_slice());
    for reference in references {
        let target = members(&reference.reference_ntrode)
            .and_then(|m| m.iter().find(|(number, _)| u64::try_from(number + 1) == Ok(reference.channel)));
        let Some(&(_, target)) = target else {
            warnings.push(Warning::new(format!(
                "the reference of the nTrode {} (nTrode {}, channel {}) is not recorded",
                reference.ntrode, reference.reference_ntrode, reference.channel
            )));
            continue;
        };
        for &(_, channel) in members(&reference.ntrode).unwrap_or_default() {
            electrodes[channel].reference = Some(target);
        }
    }
}

/// `4 nTrodes (1, 2, 3, 4)`, cut.
fn list(ids: impl Iterator<Item = impl AsRef<str>>) -> String {
    const SHOWN: usize = 8;
    let ids: Vec<_> = ids.collect();
    let shown: Vec<&str> = ids.iter().take(SHOWN).map(AsRef::as_ref).collect();
    let more = if ids.len() > SHOWN { ", …" } else { "" };
    format!("{} nTrodes ({}{more})", ids.len(), shown.join(", "))
}
