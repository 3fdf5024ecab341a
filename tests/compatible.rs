//! The layout of trodes_to_nwb, against a listing of what that converter wrote of the same session, and optogenetics as
//! the core of NWB has it.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

mod common;
use common::{longwave, oracle_scripts, python, real_files, run_python};

/// Two files of a session, its metadata with optogenetics, an associated text, and a video with its times. The real
/// metadata file is the middle part.
fn session(folder: &Path) -> Option<(PathBuf, PathBuf, PathBuf)> {
    let (script, real) = (oracle_scripts()?.join("gen_rec.py"), real_files()?);
    let parts = [
        ("20230622_sample_01_a1.rec", "20000", "1000000", "1687474797888", "9000"),
        ("20230622_sample_02_b2.rec", "10000", "1900000", "1687474827888", ""),
    ];
    let [one, two] = parts.map(|(name, packets, t0, created, drop)| {
        let path = folder.join(name);
        let mut command = python();
        command.arg(&script).arg("--out").arg(&path).args(["--packets", packets, "--t0", t0, "--c0-ms", created]);
        let output = command.args(["--drop", drop]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        path
    });
    std::fs::write(folder.join("notes.txt"), "first line\nsecond line\n").unwrap();
    std::fs::write(folder.join("20230622_sample_01_a1.1.h264"), "frames").unwrap();
    let mut sync = b"<Start settings>\nCamera name: test camera 1\n\
        Fields: <PosTimestamp uint32><HWframeCount uint32><HWTimestamp uint64>\n<End settings>\n"
        .to_vec();
    for frame in 0..50_u64 {
        sync.extend((1_000_000 + 100 * frame as u32).to_le_bytes());
        sync.extend((frame as u32).to_le_bytes());
        sync.extend((1_687_474_798_000_000_000 + frame * 3_333_333).to_le_bytes());
    }
    std::fs::write(folder.join("20230622_sample_01_a1.1.videoTimeStamps.cameraHWSync"), sync).unwrap();
    let sample = std::fs::read_to_string(real.join("rec/20230622_sample_metadataProbeReconfig.yml")).unwrap();
    let (before, rest) = sample.split_once("associated_video_files:").unwrap();
    let (_, after) = rest.split_once("units:").unwrap();
    let before = before.replace("path: path/", "path: notes.txt");
    // Another order of electrodes than of channels, and one bad channel.
    let after = after.replace(r#""0": 0"#, r#""0": 1"#).replace(r#""1": 1"#, r#""1": 0"#).replacen("[]", "[5]", 1);
    let metadata = folder.join("20230622_sample_metadata.yml");
    let video =
        "associated_video_files:\n  - name: 20230622_sample_01_a1.1.h264\n    camera_id: 0\n    task_epochs: 1\nunits:";
    std::fs::write(&metadata, format!("{before}{video}{after}{OPTOGENETICS}")).unwrap();
    Some((one, two, metadata))
}

const OPTOGENETICS: &str = "
virus_injection:
  - {name: injection 1, description: an injection, virus_name: demo_virus_1, location: CA1, hemisphere: right,
     ap_in_mm: 1.0, ml_in_mm: 2.0, dv_in_mm: 3.0, roll_in_deg: 0, pitch_in_deg: 0, yaw_in_deg: 0, reference: bregma,
     titer_in_vg_per_ml: 1000000000000, volume_in_uL: 0.45}
opto_excitation_source:
  - {name: source 1, model_name: Omicron LuxX+ 488-100, description: a laser, wavelength_in_nm: 470, power_in_W: 0.077,
     intensity_in_W_per_m2: 10000000000}
optical_fiber:
  - {name: fiber 1, hardware_name: demo fiber device, implanted_fiber_description: in CA1, location: CA1,
     hemisphere: right, ap_in_mm: 1.5, ml_in_mm: 2.5, dv_in_mm: 3.5, roll_in_deg: 0, pitch_in_deg: 1, yaw_in_deg: 0,
     reference: bregma, excitation_source: source 1}
optogenetic_stimulation_software: fsgui
fs_gui_yamls:
  - {name: pulses.yaml, power_in_mW: 5, epochs: [2], dio_output_name: Light_1, nPulses: 7}
";

fn export(args: &[&str]) -> String {
    let output = longwave(&[&["export", "--force"], args].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{args:?}: {said}");
    said
}

/// Lists a file as `tests/data/trodes_to_nwb-0.1.9.txt` does.
const LISTING: &str = r#"
import h5py, re
def kind(t):
    if h5py.check_ref_dtype(t): return "reference"
    if h5py.check_string_dtype(t): return "text"
    return "bool" if h5py.check_enum_dtype(t) else str(t)
def listing(path):
    out = set()
    with h5py.File(path, "r") as file:
        out.add(" ".join(["/", *sorted(file.attrs)]))
        def walk(group, at):
            for name in sorted(group):
                path, o = f"{at}/{name}", group[name]
                shown = re.sub(r"^(/general/devices/probe 0)/\d+", r"\1/SHANK", path)
                shown = re.sub(r"SHANK/\d+", "SHANK/ELECTRODE", shown).replace("20230622_sample_01_a1.1.h264", "VIDEO")
                link = isinstance(group.get(name, getlink=True), h5py.SoftLink)
                if link and isinstance(o, h5py.Group):
                    out.add(f"{shown} link"); continue
                own = [f"{a}:{kind(o.attrs.get_id(a).dtype)}" for a in sorted(o.attrs)
                       if a not in ("object_id", "namespace", "neurodata_type")]
                typed = "neurodata_type" in o.attrs
                t = f"{o.attrs['namespace']}.{o.attrs['neurodata_type']}" if typed else "-"
                if isinstance(o, h5py.Dataset):
                    out.add(" ".join([shown, kind(o.dtype), f"{o.ndim}d", t, *own]))
                else:
                    out.add(" ".join([shown, "group", t, *own]))
                    if path == "/specifications":
                        out.add(" ".join([path, *sorted(f"{n}/{v}" for n in o for v in o[n])]))
                    else: walk(o, path)
        walk(file, "")
    return out
"#;

#[test]
fn the_layout_of_trodes_to_nwb_is_what_that_converter_writes() {
    let folder = tempfile::tempdir().unwrap();
    let Some((one, two, metadata)) = session(folder.path()) else { return };
    let nwb = folder.path().join("out.nwb");
    let [one, two, metadata, nwb] = [&one, &two, &metadata, &nwb].map(|p| p.to_str().unwrap());
    let said = export(&[one, two, "-o", nwb, "--metadata", metadata, "--compatible", "trodes_to_nwb"]);
    assert!(said.contains("no place for") && said.contains("SysClock"), "{said}");
    let expected = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/trodes_to_nwb-0.1.9.txt");
    run_python(
        &format!(
            r#"{LISTING}
nwb, expected, metadata, *recs = sys.argv[1:]
theirs = {{line.rstrip("\n") for line in open(expected) if not line.startswith("\x23")}}
ours = listing(nwb)
# Not written: an empty Position, which is no valid NWB.
assert theirs - ours == {{"/processing/behavior/position group core.Position"}}, theirs - ours
more = {{line.split()[0] for line in ours - theirs}}
assert {{re.sub(r"/(dropped_packets|optogenetic_stimulation)/.*", r"/\1", m) for m in more}} == {{
    "/general/devices/device1", "/general/keywords", "/general/stimulus", "/intervals/dropped_packets",
    "/intervals/optogenetic_stimulation"}}, more

import warnings; warnings.filterwarnings("ignore")
from pynwb import NWBHDF5IO, validate
from nwbinspector import inspect_nwbfile
assert validate(path=nwb) == []
# Its times are nanoseconds, as that converter has them.
bad = [m for m in inspect_nwbfile(nwbfile_path=nwb) if m.importance.name != "BEST_PRACTICE_SUGGESTION"]
assert {{(m.check_function_name, m.object_name) for m in bad}} <= {{("check_time_series_duration", "sample_count")}}, bad
parts = []
for rec in recs:
    raw = open(rec, "rb").read()
    end = raw.index(b"</Configuration>"); end = raw.index(b"\n", end) + 1
    n = (len(raw) - end) // 310
    parts.append(np.frombuffer(raw, np.uint8, n * 310, end).reshape(n, 310))
packets = np.concatenate(parts)
counters = packets[:, 50:54].copy().view("<u4")[:, 0]
samples = packets[:, 54:].copy().view("<i2")
file = NWBHDF5IO(nwb, "r").read()
assert file.timestamps_reference_time.timestamp() == 0
assert file.session_start_time.timestamp() == 1687474797.888
table = file.electrodes.to_dataframe()
assert list(table.columns) == ["location", "group", "group_name", "x", "y", "z", "imp", "filtering", "rel_x", "rel_y", "rel_z",
    "hwChan", "ntrode_id", "channel_id", "bad_channel", "probe_shank", "probe_electrode", "ref_elect_id"]
assert list(table.probe_electrode) == list(range(128)) and list(table.probe_shank) == [i // 32 for i in range(128)]
# The first two electrodes are swapped in the metadata, and the electrode 5 is bad.
assert list(np.flatnonzero(table.bad_channel)) == [5] and set(table.ref_elect_id) == {{1}}
hardware = table.hwChan.astype(int).to_numpy()
assert list(hardware[:3]) == [25, 29, 28]
e = file.acquisition["e-series"]
assert np.array_equal(e.data[:], samples[:, hardware % 32 * 4 + hardware // 32])
assert abs(e.conversion - 0.195e-6) < 1e-18 and e.data.chunks[1] == 32
count = file.processing["sample_count"]["sample_count"]
assert np.array_equal(count.data[:], counters) and count.unit == "int64"
times = e.timestamps[:]
assert np.abs(count.timestamps[:] / 1e9 - times).max() < 1e-6
assert np.abs(times - (1687474797.8885 + (counters - 1e6) / 30000)).max() < 2e-3 and np.all(np.diff(times) > 0)
analog = file.processing["analog"]["analog"].time_series["analog"]
columns = analog.description.split("   ")[:-1]
assert columns[:2] == ["ECU_Ain1", "ECU_Ain2"] and columns[12] == "Headstage_AccelX" and len(columns) == 22
logical = np.concatenate([np.delete(np.arange(20001), 9000)[:20000][:len(parts[0])], np.arange(len(parts[1]))])
plain = ((logical[:, None] * (np.arange(12) + 1)) & 0xffff).astype("<u2").view("<i2")
assert np.array_equal(analog.data[:, :12], plain)
assert analog.data.shape == (len(counters), 22) and np.array_equal(analog.timestamps[:], times)
assert analog.data[1000, 12:15].tolist() == [498, 696, 894]
lines = file.processing["behavior"]["behavioral_events"].time_series
assert list(lines) == ["Light_1", "Light_2", "Poke_1"] and lines["Light_1"].description == "Din1"
state = (logical // 1500) & 1
at = np.concatenate([[0], np.flatnonzero(np.diff(state)) + 1])
assert np.array_equal(lines["Light_1"].data[:], state[at]) and np.abs(lines["Light_1"].timestamps[:] - times[at]).max() < 1e-6
assert [list(t) for t in file.epochs.to_dataframe().tags] == [["01_a1"], ["02_b2"]]
assert abs(file.epochs.start_time[1] - times[len(parts[0])]) < 1e-6
assert list(file.intervals["dropped_packets"].lost_samples[:]) == [1]
texts = file.processing["associated_files"].data_interfaces
assert texts["associated1.txt"].content == "first line\nsecond line\n" and texts["associated2.txt"].task_epochs == "2, "
video = file.processing["video_files"]["video"].time_series["20230622_sample_01_a1.1.h264"]
assert len(video.timestamps) == 50 and video.device.name == "camera_device 0"
assert abs(video.timestamps[1] - 1687474798.003333333) < 1e-6
task = file.processing["tasks"]["task_0"]
assert task["task_epochs"][:].tolist() == [[1, 3, 5]] and task["task_name"][0] == "Sleep"
probe = file.devices["probe 0"]
assert file.devices["camera_device 1"].camera_name == "test camera 2" and file.devices["header_device"].trodes_version == "1.8.2"
opto = file.lab_meta_data["optogenetic_experiment_metadata"]
assert opto.stimulation_software == "fsgui"
"#
        ),
        &[nwb, expected, metadata, one, two],
    );
    // What cannot be is refused before anything is written.
    for (args, says) in [
        (&["--dropped", "nan", "--metadata", metadata][..], "16-bit integers"),
        (&["--channels", "0-3", "--metadata", metadata], "all channels"),
        (&[], "--metadata META.yml"),
    ] {
        let output =
            longwave(&[&["export", one, "-o", nwb, "--force", "--compatible", "trodes_to_nwb"], args].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(says), "{said}");
    }
}

#[test]
fn optogenetics_are_objects_of_the_core() {
    let folder = tempfile::tempdir().unwrap();
    let Some((one, two, metadata)) = session(folder.path()) else { return };
    let nwb = folder.path().join("out.nwb");
    let [one, two, metadata, nwb] = [&one, &two, &metadata, &nwb].map(|p| p.to_str().unwrap());
    export(&[one, two, "-o", nwb, "--metadata", metadata]);
    run_python(
        r#"
import warnings; warnings.filterwarnings("ignore")
from pynwb import NWBHDF5IO, validate
from nwbinspector import inspect_nwbfile
nwb = sys.argv[1]
assert validate(path=nwb) == []
bad = [m for m in inspect_nwbfile(nwbfile_path=nwb) if m.importance.name != "BEST_PRACTICE_SUGGESTION"]
# Nobody tells how strong the light was when, which is what a series for the site would hold.
assert [m.check_function_name for m in bad] == ["check_optogenetic_stimulus_site_has_optogenetic_series"], bad
file = NWBHDF5IO(nwb, "r").read()
site = file.ogen_sites["fiber 1"]
assert site.device.name == "source 1" and site.excitation_lambda == 470
assert "CA1" in site.location and "AP: 1.5 mm" in site.location and "pitch: 1 degrees" in site.location
assert "0.077" in file.devices["source 1"].description and "fibre" in file.devices["fiber 1"].description
assert "demo_virus_1" in file.virus and "0.45" in file.virus and "bregma" in file.virus
assert "fsgui" in file.stimulus_notes and file.notes is None
row = file.intervals["optogenetic_stimulation"].to_dataframe().iloc[0]
epochs = file.epochs.to_dataframe()
assert (row.epoch, row.protocol, row.power_in_mW, row.number_pulses_per_pulse_train) == (2, "pulses.yaml", 5, 7)
assert row.start_time == epochs.start_time[1] and row.stop_time == epochs.stop_time[1] and row.digital_output == "Light_1"
"#,
        &[nwb],
    );
}
