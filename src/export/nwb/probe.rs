//! Where the electrodes of a probe are.
//!
//! A [`Probe`] is a list of shanks with their electrodes, positions in micrometres relative to the probe. It comes from
//! the built-in table of the types that metadata files name ([`Probe::built_in`]), from a probe file of trodes_to_nwb
//! (YAML: `probe_type`, `shanks`, `electrodes`, `rel_x` …) or from a ProbeInterface file (JSON), both through
//! [`Probe::parse`]. Pure: texts in, plain data out; costs are those of the text.
//!
//! The numbers of the table are those of trodes_to_nwb's probe files (version 0.1.9 and commit 58b2751, MIT licence,
//! <https://github.com/LorenFrankLab/trodes_to_nwb>). ProbeInterface:
//! <https://probeinterface.readthedocs.io/en/stable/format_spec.html>.

use std::collections::HashSet;

use serde::Deserialize;

use super::metadata::fields::Fields;
use super::metadata::yaml::{self, short};
use crate::error::{Error, Result};
use crate::recording::Warning;

/// No probe has more electrodes.
const MAX_ELECTRODES: usize = 1 << 16;
/// No probe has more shanks.
const MAX_SHANKS: usize = 4096;
/// No probe file is longer.
const MAX_BYTES: usize = 16 << 20;
/// No probe is longer, micrometres.
const MAX_POSITION: f64 = 1e9;

/// A probe type.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Probe {
    /// `tetrode_12.5`: what an electrode group calls its `device_type`.
    pub kind: String,
    pub description: String,
    /// Micrometres.
    pub contact_size: Option<f64>,
    /// Whether contacts are numbered from the side of the contacts.
    pub contact_side_numbering: Option<bool>,
    pub shanks: Vec<Shank>,
}

#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Shank {
    pub id: i64,
    pub contacts: Vec<Contact>,
}

/// An electrode of a probe.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Contact {
    /// Its number on the probe.
    pub id: i64,
    /// x, y, z relative to the probe, micrometres.
    pub relative: [f64; 3],
}

/// A shank of a built-in probe: `count` contacts, in which `pattern` (micrometres) repeats every `step` along y.
struct Rows {
    count: usize,
    pattern: &'static [[f64; 3]],
    step: f64,
}

struct BuiltIn {
    kinds: &'static [&'static str],
    description: &'static str,
    contact_size: f64,
    shanks: &'static [Rows],
}

const fn rows(count: usize, pattern: &'static [[f64; 3]], step: f64) -> Rows {
    Rows { count, pattern, step }
}

const BUILT_IN: &[BuiltIn] = &[
    BuiltIn {
        kinds: &["tetrode_12.5"],
        description: "four wire electrode",
        contact_size: 12.5,
        shanks: &[rows(4, &[[6.25, 0.0, 6.25], [-6.25, 0.0, 6.25], [-6.25, 0.0, -6.25], [6.25, 0.0, -6.25]], 0.0)],
    },
    // The length of the shank (4, 6, 8 mm) does not move the contacts.
    BuiltIn {
        kinds: &["128c-4s4mm6cm-20um-40um-sl", "128c-4s6mm6cm-20um-40um-sl", "128c-4s8mm6cm-20um-40um-sl"],
        description: "128 channel polyimide probe",
        contact_size: 20.0,
        shanks: &[
            rows(32, &[[0.0, 0.0, 0.0]], -40.0),
            rows(32, &[[344.0, 0.0, 0.0]], -40.0),
            rows(32, &[[742.0, 0.0, 0.0]], -40.0),
            rows(32, &[[1086.0, 0.0, 0.0]], -40.0),
        ],
    },
    BuiltIn {
        kinds: &["128c-4s4mm6cm-15um-26um-sl", "128c-4s6mm6cm-15um-26um-sl", "128c-4s8mm6cm-15um-26um-sl"],
        description: "128 channel polyimide probe",
        contact_size: 15.0,
        shanks: &[
            rows(32, &[[0.0, 0.0, 0.0]], -26.0),
            rows(32, &[[350.0, 0.0, 0.0]], -26.0),
            rows(32, &[[774.0, 0.0, 0.0]], -26.0),
            rows(32, &[[1124.0, 0.0, 0.0]], -26.0),
        ],
    },
    BuiltIn {
        kinds: &["32c-2s8mm6cm-20um-40um-dl"],
        description: "32 channel polyimide probe",
        contact_size: 20.0,
        shanks: &[
            rows(16, &[[0.0, 0.0, 0.0], [58.0, -20.0, 0.0]], -40.0),
            rows(16, &[[340.0, -20.0, 0.0], [398.0, 0.0, 0.0]], -40.0),
        ],
    },
    BuiltIn {
        kinds: &["64c-3s6mm6cm-20um-40um-sl"],
        description: "64 channel polyimide probe - LFP",
        contact_size: 20.0,
        shanks: &[
            rows(21, &[[0.0, 0.0, 0.0]], -100.0),
            rows(21, &[[500.0, 0.0, 0.0]], -100.0),
            rows(22, &[[1000.0, 0.0, 0.0]], -100.0),
        ],
    },
    BuiltIn {
        kinds: &["64c-4s6mm6cm-20um-40um-dl"],
        description: "64 channel polyimide probe",
        contact_size: 20.0,
        shanks: &[
            rows(16, &[[0.0, 0.0, 0.0], [36.0, -20.0, 0.0]], -40.0),
            rows(16, &[[330.0, 0.0, 0.0], [366.0, -20.0, 0.0]], -40.0),
            rows(16, &[[660.0, 0.0, 0.0], [696.0, -20.0, 0.0]], -40.0),
            rows(16, &[[990.0, 0.0, 0.0], [1026.0, -20.0, 0.0]], -40.0),
        ],
    },
    BuiltIn {
        kinds: &["A1x32-6mm-50-177-H32_21mm"],
        description: "neuronexus probe",
        contact_size: 15.0,
        shanks: &[rows(32, &[[0.0, 0.0, 0.0]], -50.0)],
    },
];

const NET: &str = "NET-EBL-128ch-single-shank";
/// The contacts of the NET probe in their order: the column (left, centre, right: 21.4 um apart) and how many steps of 46.6 um
/// they lie above the end of the column; the outer columns begin half a step higher (23.25 um).
const NET_CONTACTS: &str = "\
    L7 C29 C25 C30 C23 C28 C32 L6 C39 C24 C22 C41 L0 C31 L2 C40 C21 C35 L1 C38 C36 L3 C37 L41 L23 L4 L22 \
    C34 L21 C33 L40 C27 L5 C26 L9 L10 L38 L37 L8 L36 L39 L35 L11 L34 L12 L33 L13 L32 L31 L14 L30 L15 L29 \
    L16 L28 L17 L27 L18 L26 L19 L25 L20 L24 L42 R38 R25 R41 R26 R42 R27 R20 R28 R19 R29 R18 R30 R17 R31 \
    R16 R32 R33 R15 R34 R14 R35 R13 R36 R12 R37 C3 R10 R11 C5 C4 C42 C20 R5 R40 C12 R22 C11 R23 R6 R24 \
    R39 C8 R7 C10 C7 R9 C9 R3 C13 R8 C16 R4 C14 R2 R0 C6 C1 C15 C19 R1 C17 C0 C18 C2";

fn net_probe() -> Probe {
    let contact = |(id, place): (usize, &str)| {
        let (column, steps) = place.split_at(1);
        let steps: i32 = steps.parse().unwrap_or_default();
        let (x, start) = match column {
            "L" => (-21.4, 2325),
            "R" => (21.4, 2325),
            _ => (0.0, 0),
        };
        // Hundredths of a micrometre, so that the quotient is the decimal number itself.
        Contact { id: id as i64, relative: [x, f64::from(4660 * steps + start) / 100.0, 0.0] }
    };
    Probe {
        kind: NET.to_owned(),
        description: "NET Probe 128 channel".to_owned(),
        contact_size: Some(20.0),
        contact_side_numbering: Some(true),
        shanks: vec![Shank { id: 0, contacts: NET_CONTACTS.split_whitespace().enumerate().map(contact).collect() }],
    }
}

impl BuiltIn {
    fn probe(&self, kind: &str) -> Probe {
        let mut next = 0;
        let mut shank = |(id, rows): (usize, &Rows)| {
            let contacts = (0..rows.count).map(|i| {
                let [x, y, z] = rows.pattern[i % rows.pattern.len()];
                let row = (i / rows.pattern.len()) as f64;
                Contact { id: next + i as i64, relative: [x, y + rows.step * row, z] }
            });
            let shank = Shank { id: id as i64, contacts: contacts.collect() };
            next += rows.count as i64;
            shank
        };
        Probe {
            kind: kind.to_owned(),
            description: self.description.to_owned(),
            contact_size: Some(self.contact_size),
            contact_side_numbering: Some(true),
            shanks: self.shanks.iter().enumerate().map(&mut shank).collect(),
        }
    }
}

impl Probe {
    /// The built-in probe of this type.
    pub(crate) fn built_in(kind: &str) -> Option<Self> {
        if kind == NET {
            return Some(net_probe());
        }
        BUILT_IN.iter().find(|b| b.kinds.contains(&kind)).map(|b| b.probe(kind))
    }

    /// The types that are built in.
    pub(crate) fn built_in_kinds() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().flat_map(|b| b.kinds.iter().copied()).chain([NET])
    }

    /// All contacts with the number of their shank (from 0), in order.
    pub(crate) fn contacts(&self) -> impl Iterator<Item = (usize, &Contact)> {
        self.shanks.iter().enumerate().flat_map(|(i, shank)| shank.contacts.iter().map(move |c| (i, c)))
    }

    /// The probe that a file describes: trodes_to_nwb's YAML, or ProbeInterface's JSON. `stem`, the file's name without
    /// extension, is its type if the file does not say.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Malformed`] or [`crate::ErrorKind::Limit`] with the place; they do not name the file yet.
    pub(crate) fn parse(bytes: &[u8], stem: &str) -> Result<(Self, Vec<Warning>)> {
        if bytes.len() > MAX_BYTES {
            return Err(Error::limit(MAX_BYTES as u64, format!("a probe file of {} MiB", bytes.len() >> 20))
                .with_remedy("this is not the file of a probe"));
        }
        let mut warnings = Vec::new();
        let looks_like_json = bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{');
        let interface = looks_like_json && bytes.windows(10).any(|w| w == b"\"si_units\"");
        let probe = if interface { parse_json(bytes, stem)? } else { parse_yaml(bytes, stem, &mut warnings)? };
        check(&probe)?;
        Ok((probe, warnings))
    }
}

/// Numbers must be unique and positions possible.
fn check(probe: &Probe) -> Result<()> {
    let mut ids = HashSet::new();
    for (_, contact) in probe.contacts() {
        if !ids.insert(contact.id) {
            return Err(Error::malformed(0, format!("the probe has two electrodes with the number {}", contact.id))
                .with_remedy("number the electrodes of a probe through, over all its shanks"));
        }
        if !contact.relative.iter().all(|v| v.abs() <= MAX_POSITION) {
            return Err(Error::malformed(0, format!("the position of the electrode {} cannot be", contact.id))
                .with_remedy("correct it; positions are in the probe's units"));
        }
    }
    match ids.len() {
        0 => Err(Error::malformed(0, "the probe has no electrodes")
            .with_remedy("this is not the file of a probe: it needs shanks with electrodes, or ProbeInterface's JSON")),
        n if n > MAX_ELECTRODES => Err(Error::limit(0, format!("a probe of {n} electrodes"))
            .with_remedy("this is not the file of a probe, or it is damaged")),
        _ => Ok(()),
    }
}

/// Micrometres in one of `unit`.
fn micrometres(unit: &str) -> Option<f64> {
    match unit.trim().to_ascii_lowercase().as_str() {
        "" | "um" | "\u{b5}m" | "\u{3bc}m" | "micrometer" | "micrometers" | "micron" | "microns" => Some(1.0),
        "mm" | "millimeter" | "millimeters" => Some(1e3),
        "m" => Some(1e6),
        _ => None,
    }
}

fn parse_yaml(bytes: &[u8], stem: &str, warnings: &mut Vec<Warning>) -> Result<Probe> {
    let root = yaml::parse(bytes, warnings)?;
    let mut fields = Fields::new(String::new(), &root)?;
    let units = fields.text("units")?.unwrap_or_default();
    let factor = micrometres(&units).ok_or_else(|| {
        let place = fields.place;
        place
            .error(format_args!("the unit '{}' of the probe is not a length", short(&units)))
            .with_remedy("use um or mm")
    })?;
    let mut probe = Probe {
        kind: fields.text("probe_type")?.unwrap_or_else(|| stem.to_owned()),
        description: fields.text("probe_description")?.unwrap_or_default(),
        contact_size: fields.number("contact_size")?.map(|size| size * factor),
        contact_side_numbering: fields.flag("contact_side_numbering")?,
        shanks: Vec::new(),
    };
    let declared = fields.integer("num_shanks")?;
    for (i, mut map) in fields.maps("shanks")?.into_iter().enumerate() {
        let mut shank = Shank { id: map.integer("shank_id")?.unwrap_or(i as i64), contacts: Vec::new() };
        for mut electrode in map.maps("electrodes")? {
            let mut axis = |key| electrode.number(key).map(|v| v.unwrap_or_default() * factor);
            let relative = [axis("rel_x")?, axis("rel_y")?, axis("rel_z")?];
            shank.contacts.push(Contact { id: electrode.needed_integer("id")?, relative });
            electrode.finish(warnings);
        }
        map.finish(warnings);
        probe.shanks.push(shank);
    }
    if declared.is_some_and(|n| n != probe.shanks.len() as i64) {
        warnings.push(fields.place.warning(format_args!(
            "num_shanks is {}, but {} shanks are described",
            declared.unwrap_or_default(),
            probe.shanks.len()
        )));
    }
    fields.finish(warnings);
    Ok(probe)
}

/// The parts of a ProbeInterface file that are used; it has many more.
#[derive(Deserialize)]
struct InterfaceFile {
    probes: Vec<InterfaceProbe>,
}

#[derive(Deserialize)]
struct InterfaceProbe {
    #[serde(default)]
    si_units: String,
    #[serde(default)]
    annotations: serde_json::Map<String, serde_json::Value>,
    contact_positions: Vec<Vec<f64>>,
    #[serde(default)]
    shank_ids: Vec<serde_json::Value>,
}

fn parse_json(bytes: &[u8], stem: &str) -> Result<Probe> {
    let remedy = "this is not a ProbeInterface file: write it with probeinterface.write_probeinterface";
    let file: InterfaceFile = serde_json::from_slice(bytes).map_err(|e| {
        let before: usize =
            bytes.split_inclusive(|&b| b == b'\n').take(e.line().saturating_sub(1)).map(<[u8]>::len).sum();
        Error::malformed(
            (before + e.column().saturating_sub(1)).min(bytes.len()) as u64,
            format!("the probe's JSON: {e}"),
        )
        .with_remedy(remedy)
    })?;
    let [source] = file.probes.as_slice() else {
        return Err(Error::malformed(0, format!("the file has {} probes, not one", file.probes.len()))
            .with_remedy("write each probe to a file of its own"));
    };
    let factor = micrometres(&source.si_units).ok_or_else(|| {
        Error::malformed(0, format!("the unit '{}' of the probe is not a length", short(&source.si_units)))
            .with_remedy("use um or mm for si_units")
    })?;
    let text = |key: &str| source.annotations.get(key).and_then(|v| v.as_str()).filter(|t| !t.trim().is_empty());
    let mut probe = Probe {
        kind: text("name").or_else(|| text("model_name")).or_else(|| text("probe_name")).unwrap_or(stem).to_owned(),
        description: text("description").unwrap_or_default().to_owned(),
        ..Probe::default()
    };
    let mut names: Vec<&serde_json::Value> = Vec::new();
    for (id, position) in source.contact_positions.iter().enumerate() {
        let at = |axis: usize| position.get(axis).copied().unwrap_or_default() * factor;
        let contact = Contact { id: id as i64, relative: [at(0), at(1), at(2)] };
        let name = source.shank_ids.get(id).unwrap_or(&serde_json::Value::Null);
        let shank = match names.iter().position(|n| *n == name) {
            Some(shank) => shank,
            None if names.len() == MAX_SHANKS => {
                return Err(Error::limit(0, format!("a probe of more than {MAX_SHANKS} shanks")).with_remedy(remedy));
            }
            None => {
                names.push(name);
                probe.shanks.push(Shank { id: probe.shanks.len() as i64, contacts: Vec::new() });
                probe.shanks.len() - 1
            }
        };
        probe.shanks[shank].contacts.push(contact);
    }
    Ok(probe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_probes_are_those_of_the_published_files() {
        // Of each file: shanks, electrodes, contact size, and the sums of x, y and z times the electrode's place (from 1).
        let published = [
            ("128c-4s4mm6cm-15um-26um-sl", 4, 128, 15.0, [6583424.0, -3610880.0, 0.0]),
            ("128c-4s4mm6cm-20um-40um-sl", 4, 128, 20.0, [6354880.0, -5555200.0, 0.0]),
            ("128c-4s6mm6cm-15um-26um-sl", 4, 128, 15.0, [6583424.0, -3610880.0, 0.0]),
            ("128c-4s6mm6cm-20um-40um-sl", 4, 128, 20.0, [6354880.0, -5555200.0, 0.0]),
            ("128c-4s8mm6cm-15um-26um-sl", 4, 128, 15.0, [6583424.0, -3610880.0, 0.0]),
            ("128c-4s8mm6cm-20um-40um-sl", 4, 128, 20.0, [6354880.0, -5555200.0, 0.0]),
            ("32c-2s8mm6cm-20um-40um-dl", 2, 32, 20.0, [149056.0, -92640.0, 0.0]),
            ("64c-3s6mm6cm-20um-40um-sl", 3, 64, 20.0, [1513000.0, -2381400.0, 0.0]),
            ("64c-4s6mm6cm-20um-40um-dl", 4, 64, 20.0, [1490016.0, -339200.0, 0.0]),
            ("A1x32-6mm-50-177-H32_21mm", 1, 32, 15.0, [0.0, -545600.0, 0.0]),
            ("NET-EBL-128ch-single-shank", 1, 128, 20.0, [42350.6, 7180342.55, 0.0]),
            ("tetrode_12.5", 1, 4, 12.5, [0.0, 0.0, -25.0]),
        ];
        assert_eq!(Probe::built_in_kinds().count(), published.len());
        for (kind, shanks, electrodes, size, sums) in published {
            let probe = Probe::built_in(kind).unwrap_or_else(|| panic!("{kind} is not there"));
            check(&probe).unwrap_or_else(|e| panic!("{kind}: {e}"));
            assert_eq!((probe.shanks.len(), probe.contacts().count()), (shanks, electrodes), "{kind}");
            assert_eq!(probe.contact_size, Some(size), "{kind}");
            let mut found = [0.0; 3];
            for (i, (_, contact)) in probe.contacts().enumerate() {
                assert_eq!(contact.id, i as i64);
                for (sum, at) in found.iter_mut().zip(contact.relative) {
                    *sum += (i + 1) as f64 * at;
                }
            }
            for (sum, published) in found.into_iter().zip(sums) {
                assert!((sum - published).abs() < 1e-6, "{kind}: {found:?}, published {sums:?}");
            }
        }
        assert_eq!(Probe::built_in("no such probe"), None);
    }

    const YAML: &str = "\
probe_type: two
units: mm
probe_description: for a test
num_shanks: 2
contact_side_numbering: true
contact_size: 0.02
shanks:
  - shank_id: 5
    electrodes:
      - {id: 3, rel_x: 0.1, rel_y: 0, rel_z: -1}
  - shank_id: 6
    electrodes:
      - {id: 1, rel_x: 0.2}
";

    #[test]
    fn a_probe_file_is_read_in_micrometres() {
        let (probe, warnings) = Probe::parse(YAML.as_bytes(), "stem").expect("sound");
        assert_eq!(warnings, []);
        assert_eq!((probe.kind.as_str(), probe.contact_size), ("two", Some(20.0)));
        assert_eq!(probe.contact_side_numbering, Some(true));
        let contacts: Vec<_> = probe.contacts().map(|(shank, c)| (shank, c.id, c.relative)).collect();
        assert_eq!(contacts, [(0, 3, [100.0, 0.0, -1000.0]), (1, 1, [200.0, 0.0, 0.0])]);

        for (from, to, says) in [
            ("id: 1", "id: 3", "two electrodes with the number 3"),
            ("mm", "inch", "'inch'"),
            ("0.1", "far", "rel_x must be a number, but 'far'"),
            ("0.1", "1e300", "the electrode 3"),
            ("id: 3, ", "", "shanks[0].electrodes[0] has no id"),
            ("\nshanks:", "\nlegs:", "no electrodes"),
            ("true", "maybe", "true or false"),
        ] {
            let error = Probe::parse(YAML.replacen(from, to, 1).as_bytes(), "stem").expect_err(to).to_string();
            assert!(error.contains(says), "{error}");
        }
        let (_, warnings) = Probe::parse(YAML.replace("num_shanks: 2", "num_shanks: 3").as_bytes(), "").expect("sound");
        assert!(warnings[0].text.contains("num_shanks is 3"), "{warnings:?}");
    }

    #[test]
    fn a_probe_interface_file_is_read() {
        let json = r#"{"specification": "probeinterface", "version": "0.2.21", "probes": [{"ndim": 2, "si_units": "um",
            "annotations": {"name": "H32", "manufacturer": "x"}, "contact_annotations": {},
            "contact_positions": [[0.0, 1.5], [0.0, 20.0], [250.0, 1.5]], "shank_ids": ["0", "0", "1"],
            "contact_shapes": ["circle", "circle", "circle"]}]}"#;
        let (probe, _) = Probe::parse(json.as_bytes(), "stem").expect("sound");
        assert_eq!((probe.kind.as_str(), probe.shanks.len()), ("H32", 2));
        assert_eq!(probe.shanks[1].contacts, [Contact { id: 2, relative: [250.0, 1.5, 0.0] }]);
        let unnamed = json.replace(r#""name": "H32", "#, "");
        assert_eq!(Probe::parse(unnamed.as_bytes(), "stem").expect("sound").0.kind, "stem");
        // Every cut is an error, with a place inside the file.
        for cut in 1..json.len() {
            let error = Probe::parse(&json.as_bytes()[..cut], "stem").expect_err("cut");
            assert!(error.at().is_some_and(|at| at <= cut as u64), "{cut}: {error}");
            assert!(error.remedy().is_some());
        }
    }
}
