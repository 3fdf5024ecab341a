//! The metadata file, sound and broken; the real one is in `tests/metadata.rs`.

use proptest::prelude::*;

use super::resolve::probe_order;
use super::*;
use crate::error::ErrorKind;
use crate::recording::{Channel, Recording, Scale};

/// Every key that there is, once.
const FULL: &str = r#"experimenter_name:
  - Müller, Ann
  - Smith, Bob
lab: Frank
institution: UCSF
experiment_description: a test
session_description: "of: everything"
session_id: 0123
keywords: [place cells, sleep]
subject:
  subject_id: "54321"
  description: Long-Evans Rat
  genotype: Wild Type
  strain: Long-Evans
  sex: Male
  species: Rattus norvegicus
  date_of_birth: 2000-01-01T00:00:00.000Z
  age: P90D
  age__reference: birth
  weight: 100
data_acq_device:
  - name: SpikeGadgets
    system: MCU
    amplifier: Intan
    adc_circuit: Intan
device:
  name:
    - device1
cameras:
  - id: 0
    meters_per_pixel: 0.001
    manufacturer: Allied Vision
    model: model1
    lens: lens1
    camera_name: overhead
    frame_rate: 30
tasks:
  - task_name: sleep
    task_description: sleeping
    task_environment: box
    camera_id: [0]
    task_epochs:
      - 1
      - 3
associated_files:
  - name: notes.txt
    description: good file
    path: path/
    task_epochs: 1
associated_video_files:
  - name: video1
    camera_id: 0
    task_epochs: [1]
units:
  analog: "-1"
  behavioral_events: "-1"
times_period_multiplier: 1.5
raw_data_to_volts: 1.95e-07
default_header_file_path: default/header/path/
behavioral_events:
  - description: Din1
    name: Light_1
    comments: reward
electrode_groups:
  - id: 0
    location: CA1
    device_type: tetrode_12.5
    description: a tetrode
    targeted_location: CA1
    targeted_x: 1.1
    targeted_y: 2.2
    targeted_z: 3.3
    units: mm
  - id: 1
    device_type: tetrode_12.5
ntrode_electrode_group_channel_map:
  - ntrode_id: 1
    electrode_group_id: 0
    bad_channels: [2]
    map:
      "0": 3
      "1": 2
      "2": 1
      "3": 0
  - ntrode_id: 2
    electrode_group_id: 1
    bad_channels: []
    map: {0: 0, 1: 1, 2: 2, 3: 3}
opto_excitation_source:
  - name: Blue
    model_name: LuxX
    description: Laser
    wavelength_in_nm: 488.0
    power_in_W: 0.077
    intensity_in_W_per_m2: 1e10
optical_fiber:
  - name: Fiber 1
    hardware_name: demo fiber
    implanted_fiber_description: in CA1
    location: CA1
    hemisphere: Right
    ap_in_mm: 1
    ml_in_mm: 2
    dv_in_mm: 3
    roll_in_deg: 4
    pitch_in_deg: 5
    yaw_in_deg: 6
    reference: Bregma
    excitation_source: Blue
virus_injection:
  - name: Injection 1
    description: Viral injection
    hemisphere: left
    location: CA1
    ap_in_mm: 0.0
    ml_in_mm: 0.0
    dv_in_mm: 0.0
    roll_in_deg: 0.0
    pitch_in_deg: 0.0
    yaw_in_deg: 0.0
    reference: Bregma
    virus_name: demo_virus_1
    titer_in_vg_per_ml: 1000000000.0
    volume_in_uL: 0.45
opto_software: fs-gui
fs_gui_yamls:
  - name: theta.yaml
    epochs: [1]
    power_in_mW: 77
    dio_output_name: Light_1
    camera_id: 0
    pulseLength: 40
    nPulses: 1
    sequencePeriod: 125
    nOutputTrains: 1
    trainInterval: 0
"#;

fn sound(text: &str) -> (Metadata, Vec<Warning>) {
    Metadata::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{e}"))
}

/// The error of [`FULL`] in which `from` was replaced by `to`.
fn refused(from: &str, to: &str) -> String {
    assert!(FULL.contains(from), "{from}");
    let error = Metadata::parse(FULL.replacen(from, to, 1).as_bytes()).expect_err(to);
    assert!(error.at().is_some() && error.remedy().is_some(), "{error}");
    error.to_string()
}

#[test]
fn every_key_ends_in_plain_data() {
    let (metadata, warnings) = sound(FULL);
    assert_eq!(warnings, []);
    assert_eq!(metadata.missing(), []);
    assert_eq!(metadata.experimenters, ["Müller, Ann", "Smith, Bob"]);
    assert_eq!(metadata.session_description.as_deref(), Some("of: everything"));
    // What looks like a number stays the text that it is.
    assert_eq!(metadata.session_id.as_deref(), Some("0123"));
    let subject = metadata.subject.as_ref().expect("a subject");
    assert_eq!((subject.sex.as_deref(), subject.weight().as_deref()), (Some("M"), Some("100 g")));
    assert_eq!(subject.date_of_birth.as_deref(), Some("2000-01-01T00:00:00+00:00"));
    assert_eq!(&subject.completed(), subject);
    assert_eq!(metadata.acquisition_devices[0].system.as_deref(), Some("MCU"));
    assert_eq!(metadata.device_names, ["device1"]);
    assert_eq!((metadata.cameras[0].meters_per_pixel, metadata.cameras[0].frame_rate_hz), (Some(0.001), Some(30.0)));
    assert_eq!((metadata.tasks[0].camera_ids.as_slice(), metadata.tasks[0].epochs.as_slice()), (&[0][..], &[1, 3][..]));
    assert_eq!(metadata.associated_files[0].epochs, [1]);
    assert_eq!(metadata.associated_videos[0].camera_id, Some(0));
    assert_eq!((metadata.analog_unit.as_deref(), metadata.raw_to_volts), (Some("-1"), Some(1.95e-7)));
    assert_eq!(metadata.digital_lines[0].comments.as_deref(), Some("reward"));
    assert_eq!(metadata.electrode_groups[0].targeted, [Some(1.1), Some(2.2), Some(3.3)]);
    assert_eq!(metadata.ntrodes[0].map, [(0, 3), (1, 2), (2, 1), (3, 0)]);
    let opto = &metadata.optogenetics;
    assert_eq!(opto.fibers[0].hemisphere.as_deref(), Some("right"));
    assert_eq!((opto.fibers[0].implant.yaw_deg, opto.injections[0].volume_ul), (Some(6.0), Some(0.45)));
    assert_eq!((opto.software.as_deref(), opto.protocols[0].settings.len()), (Some("fs-gui"), 5));
    assert_eq!(opto.sources[0].intensity_watts_per_m2, Some(1e10));
}

#[test]
fn keys_that_are_not_used_are_named_with_their_line() {
    let text = FULL.replacen("lab: Frank\n", "lab: Frank\ncolour: blue\n", 1).replacen(
        "    lens: lens1\n",
        "    lens: lens1\n    focus: 3\n",
        1,
    );
    let (metadata, warnings) = sound(&text);
    assert_eq!(metadata, sound(&text).0);
    let texts: Vec<&str> = warnings.iter().map(|w| w.text.as_str()).collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    for (warning, key, path) in [(&warnings[0], "focus", "cameras[0].focus"), (&warnings[1], "colour", "colour")] {
        // The offset is in bytes, behind a name with an umlaut.
        let at = warning.at.expect("a place") as usize;
        assert!(text[at..].starts_with(key), "{warning:?}");
        let line = 1 + text[..at].matches('\n').count();
        assert_eq!(warning.text, format!("line {line}: {path} is not used"));
    }
    // Thousands of them are counted.
    let many: String = (0..5000).map(|i| format!("key{i}: 1\n")).collect();
    let (_, warnings) = sound(&many);
    assert_eq!(warnings.len(), 200);
    assert!(warnings[199].text.contains("4801 more"), "{:?}", warnings[199]);
}

#[test]
fn what_is_odd_about_the_subject_is_told_with_its_line() {
    let text = FULL
        .replacen("sex: Male", "sex: unclear", 1)
        .replacen("species: Rattus norvegicus", "species: Rat", 1)
        .replacen("age: P90D", "age: old", 1)
        .replacen("weight: 100", "weight: Unknown", 1)
        .replacen("\"54321\"", "54/321", 1)
        .replacen("session_id: 0123", "session_id: a/b", 1);
    let (metadata, warnings) = sound(&text);
    let subject = metadata.subject.expect("a subject");
    assert_eq!((subject.id.as_deref(), metadata.session_id.as_deref()), (Some("54-321"), Some("a-b")));
    assert_eq!((subject.sex.as_deref(), subject.species.as_deref()), (Some("U"), Some("Rattus norvegicus")));
    assert_eq!((subject.age, subject.weight_grams), (None, None));
    assert_eq!(warnings.len(), 6, "{warnings:?}");
    for (warning, value) in warnings.iter().zip(["a/b", "54/321", "unclear", "Rat", "old", "Unknown"]) {
        assert!(text[warning.at.expect("a place") as usize..].starts_with(value), "{warning:?}");
    }
}

#[test]
fn nothing_is_needed() {
    for text in ["", "\n\n", "# only a comment\n", "---\n", "lab:\nsubject:\ncameras: []\ntasks: ~\n", "\u{feff}lab:\n"]
    {
        let (metadata, _) = sound(text);
        assert_eq!(metadata, Metadata::default(), "{text:?}");
        assert!(metadata.missing().len() >= 6);
    }
    let (metadata, warnings) =
        sound("experimenter_name: Michael Coulter\ntasks:\n- {task_epochs: 2}\n---\nlab: other\n");
    assert_eq!(metadata.experimenters, ["Michael Coulter"]);
    assert_eq!((metadata.tasks[0].name.as_str(), metadata.tasks[0].epochs.as_slice()), ("task 0", &[2][..]));
    assert!(metadata.lab.is_none() && warnings[0].text.contains("more than one document"), "{warnings:?}");
}

#[test]
fn wrong_types_and_contradictions_are_one_sentence_with_the_place() {
    for (from, to, says) in [
        ("lab: Frank", "lab: [a, b]", "line 4, column 6: lab must be a text, but a list is there, at byte"),
        ("lab: Frank", "lab: {a: b}", "lab must be a text, but a mapping"),
        ("session_id: 0123", "session_id: [1]", "session_id must be a text"),
        ("0.001", "wide", "cameras[0].meters_per_pixel must be a number, but 'wide' is there"),
        ("0.001", ".nan", "must be a number"),
        ("  - id: 0\n    meters", "  - id: zero\n    meters", "cameras[0].id must be a whole number"),
        ("  - id: 0\n    meters", "  - meters", "cameras[0] has no id"),
        (
            "task_epochs:\n      - 1",
            "task_epochs:\n      - first",
            "tasks[0].task_epochs must be a whole number, but 'first'",
        ),
        ("2000-01-01T00:00:00.000Z", "last spring", "date_of_birth must be a date"),
        ("subject:\n", "subject: Rat\nsubjects:\n", "subject must be keys and values (key: value), but 'Rat' is there"),
        ("  - id: 1\n", "  - id: 0\n", "the electrode group with id 0 is there twice"),
        ("ntrode_id: 2", "ntrode_id: 1", "the nTrode 1 is there twice"),
        ("\"1\": 2", "\"0\": 2", "the later one counts"),
        ("\"1\": 2", "one: 2", "'one' in ntrode_electrode_group_channel_map[0].map is not the number of a channel"),
        ("\"1\": 2", "\"1\": 2.5", "map.1 must be a whole number, but '2.5'"),
        ("    bad_channels: [2]\n    map:", "    bad_channels: [2]\n    maps:", "has no map"),
        ("hemisphere: left", "hemisphere: top", "virus_injection[0].hemisphere must be left or right, but 'top'"),
        ("description: Din1\n", "descriptions: Din1\n", "behavioral_events[0] has no description"),
        ("lab: Frank", "lab: Frank: again", "not YAML"),
        ("lab: Frank", "lab: \"Frank", "not YAML"),
        ("lab: Frank", "? [lab]\n: Frank", "a key is a list"),
        ("lab: Frank", "<<: Frank", "'<<' needs a mapping"),
    ] {
        if says == "the later one counts" {
            let (_, warnings) = sound(&FULL.replacen(from, to, 1));
            assert!(warnings[0].text.contains(says), "{warnings:?}");
            continue;
        }
        let error = refused(from, to);
        assert!(error.contains(says), "{error}\nfor {to}");
    }
    let error = Metadata::parse(b"- a\n- b\n").expect_err("a list").to_string();
    assert!(error.contains("the file must be keys and values"), "{error}");
}

#[test]
fn text_that_is_not_utf8_is_refused_with_its_byte() {
    let error = Metadata::parse(b"lab: Frank\nname: \xff\n").expect_err("latin");
    assert_eq!((error.at(), error.to_string().contains("line 2: byte 0xff")), (Some(17), true), "{error}");
    let error = Metadata::parse(b"\xff\xfel\0a\0b\0").expect_err("utf-16").to_string();
    assert!(error.contains("UTF-16"), "{error}");
    let error = Metadata::parse(b"lab: a\0b\n").expect_err("a zero byte");
    assert!(error.at().is_some(), "{error}");
}

#[test]
fn what_is_deep_huge_or_unfolds_is_refused_at_once() {
    let limit = |text: &str| {
        let error = Metadata::parse(text.as_bytes()).expect_err("beyond all limits");
        let limit = matches!(error.kind(), ErrorKind::Limit { .. });
        assert!((limit || matches!(error.kind(), ErrorKind::Malformed { .. })) && error.remedy().is_some(), "{error}");
        limit
    };
    // Deep: flow lists, block lists, mappings.
    limit(&"[".repeat(1_000_000));
    limit(&"{a: ".repeat(200_000));
    assert!(limit(&format!("a: {}{}", "[".repeat(40), "]".repeat(40))));
    assert!(limit(&format!("a:\n {}x", "- ".repeat(100_000))));
    let deep: String = (0..40).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
    assert!(limit(&deep));
    // A billion laughs, in lists and in merge keys.
    let mut laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    let mut merged = "b0: &b0 {k: [x, x, x, x, x, x, x, x, x, x]}\n".to_owned();
    for i in 1..30 {
        let before = i - 1;
        laughs.push_str(&format!("a{i}: &a{i} [{}]\n", vec![format!("*a{before}"); 10].join(", ")));
        merged.push_str(&format!("b{i}: &b{i} {{<<: *b{before}, l{i}: *b{before}, m{i}: *b{before}}}\n"));
    }
    assert!(limit(&laughs));
    assert!(limit(&merged));
    // One long text, repeated.
    assert!(limit(&format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), vec!["*a"; 64].join(", "))));
    // An alias inside of what it repeats, and one of nothing.
    limit("a: &a [*a]\n");
    limit("a: *b\n");
    // Large: too long, too many values.
    assert!(limit(&"# x\n".repeat((yaml::MAX_BYTES >> 2) + 1)));
    assert!(limit(&"- 1\n".repeat(600_000)));
    // What is merely long is read.
    let (metadata, _) = sound(&format!("lab: {}\n", "é".repeat(1 << 20)));
    assert_eq!(metadata.lab.map(|l| l.len()), Some(2 << 20));
}

#[test]
fn a_file_cut_anywhere_is_read_or_refused_with_a_place_inside_it() {
    for cut in 0..FULL.len() {
        if let Err(error) = Metadata::parse(&FULL.as_bytes()[..cut]) {
            assert!(error.at().is_some_and(|at| at <= cut as u64) && error.remedy().is_some(), "{cut}: {error}");
        }
    }
}

proptest! {
    #[test]
    fn bytes_changed_anywhere_are_read_or_refused(
        changes in prop::collection::vec((0..FULL.len(), any::<u8>()), 1..6),
        syntax in prop::collection::vec((0..FULL.len(), prop::sample::select(&b"[]{}:-&*!|>'\"#%@,?\n \t~<"[..])), 0..6),
    ) {
        let mut bytes = FULL.as_bytes().to_vec();
        for (at, byte) in changes.into_iter().chain(syntax) {
            bytes[at] = byte;
        }
        if let Err(error) = Metadata::parse(&bytes) {
            prop_assert!(error.at().is_some_and(|at| at <= bytes.len() as u64), "{}", error);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        drop(Metadata::parse(text.as_bytes()));
        drop(Probe::parse(text.as_bytes(), "x"));
    }
}

fn channels(trodes: &[(i64, usize)]) -> Vec<Channel> {
    let channel = |id: i64, k: usize, i: usize| Channel {
        id: format!("hwChan{}", 10 + i),
        name: format!("nt{id} ch{}", k + 1),
        unit: "uV".to_owned(),
        scale: Scale::default(),
        group: format!("nTrode {id}"),
        position: None,
    };
    let places = trodes.iter().flat_map(|&(id, count)| (0..count).map(move |k| (id, k)));
    places.enumerate().map(|(i, (id, k))| channel(id, k, i)).collect()
}

#[test]
fn channels_are_placed_on_their_probes() {
    let (metadata, _) = sound(FULL);
    // The order of the recording is not that of the nTrodes.
    let mut channels = channels(&[(1, 4), (2, 4)]);
    channels.swap(0, 7);
    channels.swap(1, 2);
    let recording = Recording {
        properties: vec![("references".to_owned(), "nTrode 2: nTrode 1 ch 3; nTrode 1: nTrode 9 ch 1".to_owned())],
        ..Recording::default()
    };
    let (electrodes, warnings) = resolve(&metadata, &channels, &references_of(&recording)).expect("they fit");
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].text.contains("the reference of the nTrode 1 (nTrode 9, channel 1) is not recorded"));
    // Channel 7 is the first of nTrode 1, whose map turns the tetrode round.
    let first = &electrodes[7];
    assert_eq!((first.group, first.ntrode, first.contact, first.hardware_channel), (Some(0), Some(1), 3, Some(10)));
    assert_eq!(first.relative, Some([6.25, 0.0, -6.25]));
    // Electrode 2 of the probe is bad, which is channel 1 of the nTrode.
    let bad: Vec<usize> = (0..8).filter(|&i| electrodes[i].bad).collect();
    assert_eq!((bad.as_slice(), electrodes[2].contact), (&[2][..], 2));
    // nTrode 2 is shown against the third channel of nTrode 1.
    assert_eq!((electrodes[0].ntrode, electrodes[0].reference, electrodes[7].reference), (Some(2), Some(1), None));
    let order: Vec<(Option<usize>, i64)> =
        probe_order(&electrodes).into_iter().map(|i| (electrodes[i].group, electrodes[i].contact)).collect();
    assert!(order.is_sorted(), "{order:?}");
}

#[test]
fn metadata_that_does_not_fit_the_recording_is_refused_with_both_sides() {
    let both = [(1, 4), (2, 4)];
    for (from, to, trodes, says) in [
        (
            "ntrode_id: 2",
            "ntrode_id: 5",
            &both[..],
            "the metadata places the nTrode 5, but the recording has 2 nTrodes (1, 2)",
        ),
        ("lab", "lab", &[(1, 4), (2, 4), (3, 4)], "the recording has the nTrode 3, but"),
        ("lab", "lab", &[(1, 4), (2, 3)], "the nTrode 2 has 4 channels in the metadata and 3 in the recording"),
        (
            "\"3\": 0",
            "\"3\": 4",
            &both,
            "names the electrode 4, but the probe 'tetrode_12.5' of the electrode group 0 has 4 electrodes, numbered 0 to 3",
        ),
        ("\"3\": 0", "\"4\": 0", &both, "has no channel 3, which the recording has"),
        (
            "\"3\": 0",
            "\"3\": 1",
            &both,
            "the electrode 1 of the electrode group 0 is a channel of the nTrode 1 and of the nTrode 1",
        ),
        (
            "electrode_group_id: 1",
            "electrode_group_id: 7",
            &both,
            "the nTrode 2 is of the electrode group 7, which is not there",
        ),
        (
            "device_type: tetrode_12.5",
            "device_type: octrode",
            &both,
            "the probe 'octrode' of the electrode group 0 is not known",
        ),
        (
            "    device_type: tetrode_12.5\n    description",
            "    description",
            &both,
            "the electrode group 0 has no device_type",
        ),
    ] {
        let text = FULL.replacen(from, to, 1);
        let (mut metadata, _) = sound(&text);
        metadata.path = Some("day.yml".into());
        let error = resolve(&metadata, &channels(trodes), &[]).expect_err(says);
        assert!(error.at().is_some() && error.remedy().is_some(), "{error}");
        let error = error.to_string();
        assert!(error.starts_with("day.yml: line ") && error.contains(says), "{error}");
    }
}

#[test]
fn bad_channels_count_for_every_ntrode_of_a_probe() {
    let map = |from: usize| (0..16).map(|i| format!("{i}: {}", from + i)).collect::<Vec<_>>().join(", ");
    let text = format!(
        "electrode_groups: [{{id: 0, device_type: 32c-2s8mm6cm-20um-40um-dl}}]\n\
         ntrode_electrode_group_channel_map:\n\
         - {{ntrode_id: 1, electrode_group_id: 0, bad_channels: [3, 20], map: {{{}}}}}\n\
         - {{ntrode_id: 2, electrode_group_id: 0, bad_channels: [4, 31, 99], map: {{{}}}}}\n",
        map(0),
        map(16)
    );
    let (metadata, _) = sound(&text);
    let (electrodes, warnings) = resolve(&metadata, &channels(&[(1, 16), (2, 16)]), &[]).expect("they fit");
    let bad: Vec<i64> = electrodes.iter().filter(|e| e.bad).map(|e| e.contact).collect();
    // 3 of the probe; 20 of the probe, though named at the first nTrode; the second's channel 4; 31 of the probe.
    assert_eq!(bad, [3, 20, 31]);
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].text.contains("the bad channel 99 of the nTrode 2"), "{warnings:?}");
    assert_eq!((electrodes[20].shank, electrodes[3].shank), (1, 0));
}

#[test]
fn recordings_without_ntrodes_are_left_unplaced() {
    let (metadata, _) = sound(FULL);
    let plain: Vec<Channel> = (0..3).map(Channel::numbered).collect();
    let (electrodes, warnings) = resolve(&metadata, &plain, &[]).expect("nothing to place");
    assert!(electrodes.iter().all(|e| e.group.is_none() && e.relative.is_none()));
    assert!(warnings[0].text.contains("the recording has none"));
    let (electrodes, warnings) = resolve(&Metadata::default(), &channels(&[(3, 2)]), &[]).expect("nothing to place");
    assert_eq!((electrodes.len(), electrodes[0].ntrode, warnings.len()), (2, Some(3), 0));
}

#[test]
fn merge_keys_and_aliases_are_followed() {
    let text = "\
defaults: &tetrode {device_type: tetrode_12.5, location: CA1}
electrode_groups:
  - {<<: *tetrode, id: 0}
  - {id: 1, location: CA3, <<: *tetrode}
keywords: &words [a, b]
experimenter_name: *words
";
    let (metadata, warnings) = sound(text);
    assert_eq!(metadata.experimenters, ["a", "b"]);
    let locations: Vec<_> = metadata.electrode_groups.iter().map(|g| g.location.as_deref()).collect();
    assert_eq!(locations, [Some("CA1"), Some("CA3")]);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}
