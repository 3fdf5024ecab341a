//! Exports that are folders of files: what spike sorters read, and what `trodesexport` writes.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{longwave, run_python};
use longwave::demo::write_demo;
use longwave::recording::{Block, Samples};
use longwave::source::{self, OpenOptions};
use longwave::task::Task;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn run(args: &[&str]) -> (i32, String, String) {
    let output = longwave(args);
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(at) = folders.pop() {
        for entry in at.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { all.push(path.strip_prefix(folder).unwrap().to_path_buf()) }
        }
    }
    all.sort();
    all
}

/// Reads the files as `readTrodesExtractedDataFile3.py` does, written anew after its behaviour: settings as `Key: value`
/// lines in ASCII, keys in lower case, records of the types that `Fields` names.
const READER: &str = r#"
import re
def read(path):
    with open(path, 'rb') as f:
        assert f.readline().decode('ascii').strip() == '<Start settings>'
        found = {}
        for line in f:
            line = line.decode('ascii').strip()
            if line == '<End settings>':
                break
            parts = line.split(': ')
            found[parts[0].lower()] = parts[1]
        fields = re.findall(r'<(\S+) (\S+)>', found['fields'])
        dtype = np.dtype([(name, getattr(np, kind)) for name, kind in fields])
        found['data'] = np.frombuffer(f.read(), dtype)
        return found
"#;

#[test]
fn trodes_files_hold_every_stored_value() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let rec = at("20240517_rat_01_a.rec");
    write_demo(&rec, 3.0, 6, &Task::unattended(), false).unwrap();
    let target = at("rat.trodes");
    let (code, out, err) = run(&["export", text(&rec), "-o", text(&target), "--range", "#100..#70000"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("rat.raw_nt1ch1.dat"), "a list of a few files is printed: {out}");
    let source = source::open(&rec, &OpenOptions::default(), &Task::unattended()).unwrap();
    let recording = source.recording();
    // What the files must hold, from the reader, as numbers for Python.
    let mut expected = serde_json::Map::new();
    let mut block = Block::default();
    let mut add = |name: String, stream: usize, channel: usize| {
        source.read(stream, 100..70_000, &[channel], &mut block).unwrap();
        let list = match block.samples() {
            Samples::I16(v) => serde_json::json!(v),
            Samples::U32(v) => serde_json::json!(v),
            _ => panic!("only these are written"),
        };
        expected.insert(name, list);
    };
    let stream = |name: &str| recording.stream_index(name).unwrap();
    let ephys = stream("ephys");
    let groups: Vec<&str> = recording.streams[ephys].channels.iter().map(|c| c.group.as_str()).collect();
    for (c, group) in groups.iter().enumerate() {
        let number = group.strip_prefix("nTrode ").unwrap();
        let within = groups[..=c].iter().filter(|g| *g == group).count();
        add(format!("rat.raw/rat.raw_nt{number}ch{within}.dat"), ephys, c);
    }
    add("rat.raw/rat.timestamps.dat".to_owned(), stream("counter"), 0);
    add("rat.analog/rat.timestamps.dat".to_owned(), stream("counter"), 0);
    for (c, channel) in recording.streams[stream("ECU_analog")].channels.iter().enumerate() {
        add(format!("rat.analog/rat.analog_{}.dat", channel.id), stream("ECU_analog"), c);
    }
    let names: Vec<String> = expected.keys().cloned().collect();
    let lines = ["Controller_Din1", "Controller_Din2", "ECU_Din1"].map(|id| format!("rat.DIO/rat.dio_{id}.dat"));
    let mut all: Vec<PathBuf> = names.iter().chain(&lines).map(PathBuf::from).collect();
    all.sort();
    assert_eq!(files(&target), all);
    fs::write(at("expected.json"), serde_json::to_string(&expected).unwrap()).unwrap();
    let script = format!(
        r#"{READER}
expected = json.load(open(sys.argv[2]))
for name, values in expected.items():
    found = read(sys.argv[1] + '/' + name)
    field = found['data'].dtype.names[0]
    assert np.array_equal(found['data'][field], np.array(values)), name
    assert found['clockrate'] == '30000' and found['byte_order'] == 'little endian', found
    assert found['original_file'] == '20240517_rat_01_a.rec'
    assert int(found['first_timestamp']) == expected['rat.raw/rat.timestamps.dat'][0]
    if 'raw_nt' in name:
        assert float(found['voltage_scaling']) == 0.195 and found['ntrode_channel'] == name[-5]
        assert found['trodes_version'] == '2.4.1' and found['timestamp_at_creation'] == '1327428'
# The digital lines from the packets themselves.
bytes_ = open(sys.argv[3], 'rb').read()
end = bytes_.index(b'</Configuration>') + len(b'</Configuration>\n')
packet = 22 + 2 * 6
packets = np.frombuffer(bytes_[end:], np.uint8).reshape(-1, packet)
times = packets[:, 18:22].copy().view('<u4')[:, 0]
# '#100..#70000' are frames of the range: 100 to 70000.
packets, times = packets[100:70000], times[100:70000]
for name, byte, bit in [('Controller_Din1', 1, 0), ('Controller_Din2', 1, 1), ('ECU_Din1', 2, 0)]:
    state = packets[:, byte] >> bit & 1
    changes = np.flatnonzero(np.concatenate([[True], state[1:] != state[:-1]]))
    found = read(sys.argv[1] + '/rat.DIO/rat.dio_' + name + '.dat')
    assert np.array_equal(found['data']['time'], times[changes]), name
    assert np.array_equal(found['data']['state'], state[changes]), name
    assert found['direction'] == 'input' and found['id'] == name
print('same', len(expected))
"#
    );
    let said = run_python(&script, &[text(&target), text(&at("expected.json")), text(&rec)]);
    assert_eq!(said.trim(), format!("same {}", expected.len()));

    // Whole or not at all, and never over what a user has added.
    let (code, _, err) = run(&["export", text(&rec), "-o", text(&target)]);
    assert!(code == 1 && err.contains("exists"), "{err}");
    let before = files(&target);
    let (code, out, err) = run(&["export", text(&rec), "-o", text(&target), "--force", "--json"]);
    assert_eq!(code, 0, "{err}");
    let written: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(written["written"].as_array().unwrap().len(), before.len());
    fs::write(target.join("mine.txt"), "x").unwrap();
    let (code, _, err) = run(&["export", text(&rec), "-o", text(&target), "--force"]);
    assert!(code == 1 && err.contains("mine.txt"), "{err}");
    let (code, _, err) = run(&["export", text(&rec), "-o", text(&at("x.trodes")), "--values", "physical"]);
    assert!(code == 1 && err.contains("stored values"), "{err}");
    let names: Vec<String> =
        folder.path().read_dir().unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().all(|n| !n.starts_with('.')), "{names:?}");
}

#[test]
fn trodes_files_of_a_session_are_those_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let whole = at("20240517_rat.rec");
    write_demo(&whole, 2.0, 2, &Task::unattended(), false).unwrap();
    let bytes = fs::read(&whole).unwrap();
    let end = b"</Configuration>\n";
    let header = bytes.windows(end.len()).position(|w| w == end).unwrap() + end.len();
    let cut = header + 26 * 17_001;
    fs::create_dir(at("day")).unwrap();
    fs::write(at("day/20240517_rat_01_a.rec"), &bytes[..cut]).unwrap();
    fs::write(at("day/20240517_rat_02_b.rec"), [&bytes[..header], &bytes[cut..]].concat()).unwrap();
    for (input, output) in [("20240517_rat.rec", "a/rat.trodes"), ("day", "b/rat.trodes")] {
        fs::create_dir(at(output).parent().unwrap()).unwrap();
        let (code, _, err) = run(&["export", text(&at(input)), "-o", text(&at(output))]);
        assert_eq!(code, 0, "{err}");
    }
    let (a, b) = (at("a/rat.trodes"), at("b/rat.trodes"));
    assert_eq!(files(&a), files(&b));
    let data = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        let end = b"<End settings>\n";
        let start = bytes.windows(end.len()).position(|w| w == end).unwrap() + end.len();
        bytes[start..].to_vec()
    };
    for file in files(&a) {
        assert!(data(&a.join(&file)) == data(&b.join(&file)), "{}", file.display());
    }
}

#[test]
fn sorters_get_samples_probe_and_parameters() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let rec = at("day.rec");
    write_demo(&rec, 1.0, 8, &Task::unattended(), false).unwrap();
    let target = at("day.sorter");
    let args = ["export", text(&rec), "-o", text(&target), "--channels", "0-2,4-7"];
    let (code, out, err) = run(&[&args[..], &["--dry-run"]].concat());
    assert!(code == 0 && err.contains("column of its own") && out.contains("spike sorters"), "{out}{err}");
    assert!(!target.exists());
    let (code, _, err) = run(&args);
    assert_eq!(code, 0, "{err}");
    let names = ["params.py", "probe.json", "probe.prb", "recording.dat", "recording.dat.longwave.toml"];
    assert_eq!(files(&target), names.map(PathBuf::from));
    let (code, _, err) = run(&["export", text(&rec), "-o", text(&at("same.bin")), "--channels", "0-2,4-7"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(fs::read(target.join("recording.dat")).unwrap(), fs::read(at("same.bin")).unwrap());
    let script = r#"
folder = sys.argv[1]
params = {}
exec(open(folder + '/params.py').read(), params)
assert params['dat_path'] == 'recording.dat' and params['dtype'] == 'int16' and params['offset'] == 0
assert params['n_channels_dat'] == 7 and params['sample_rate'] == 30000.0 and params['hp_filtered'] is False
assert params['gain'] == 0.195 and params['physical_offset'] == 0.0 and len(params['channel_ids']) == 7
data = np.fromfile(folder + '/' + params['dat_path'], params['dtype'])
assert data.size % 7 == 0 and data.size > 100000
probe = {}
exec(open(folder + '/probe.prb').read(), probe)
groups = probe['channel_groups']
assert probe['total_nb_channels'] == 7 and sorted(groups) == [0, 1]
assert groups[0]['channels'] == [0, 1, 2] and groups[1]['channels'] == [3, 4, 5, 6]
for group in groups.values():
    assert sorted(group['geometry']) == group['channels']
document = json.load(open(folder + '/probe.json'))
assert document['specification'] == 'probeinterface' and len(document['probes']) == 1
one = document['probes'][0]
n = 7
for key in ['contact_positions', 'contact_plane_axes', 'contact_shapes', 'contact_shape_params', 'contact_ids',
            'shank_ids', 'device_channel_indices']:
    assert len(one[key]) == n, key
assert one['device_channel_indices'] == list(range(n)) and one['shank_ids'] == list('0001111')
assert one['contact_ids'] == params['channel_ids'] and len(set(one['contact_ids'])) == n
positions = np.array(one['contact_positions'])
assert len({tuple(p) for p in positions}) == n
for i, group in groups.items():
    assert np.array_equal(positions[group['channels']], [group['geometry'][c] for c in group['channels']])
print('fine')
"#;
    assert_eq!(run_python(script, &[text(&target)]).trim(), "fine");
    for name in ["params.py", "probe.prb", "probe.json"] {
        assert!(fs::read_to_string(target.join(name)).unwrap().contains("MADE UP"), "{name}");
    }
    // The folder is opened again by its samples.
    let back = source::open(&target.join("recording.dat"), &OpenOptions::default(), &Task::unattended()).unwrap();
    assert_eq!(back.recording().streams[0].channels.len(), 7);
    // A source in the target is not written over.
    let inside = target.join("recording.dat");
    let (code, _, err) = run(&["export", text(&inside), "-o", text(&target), "--force"]);
    assert!(code == 1 && err.contains("in this folder"), "{err}");
    let (code, _, err) = run(&["export", text(&rec), "-o", text(&at("p.sorter")), "--values", "physical"]);
    assert_eq!(code, 0, "{err}");
    assert!(fs::read_to_string(at("p.sorter/params.py")).unwrap().contains("dtype = 'float32'"));
}

#[test]
fn sorters_get_the_positions_that_the_metadata_tells() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let rec = at("day.rec");
    write_demo(&rec, 0.1, 8, &Task::unattended(), false).unwrap();
    let (meta, probe, target) = (at("meta.yml"), at("mine.yml"), at("day.sorter"));
    fs::write(&probe, "probe_type: mine\nshanks:\n  - shank_id: 0\n    electrodes:\n      - {id: 0, rel_x: 0, rel_y: 0}\n      - {id: 1, rel_x: 12, rel_y: -20}\n      - {id: 2, rel_x: 0, rel_y: -40}\n      - {id: 3, rel_x: 12, rel_y: -60}\n").unwrap();
    let group = |id: usize, kind: &str| format!("  - {{id: {id}, device_type: {kind}}}\n");
    let map = |id: usize, group: usize, map: &str| {
        format!("  - {{ntrode_id: {id}, electrode_group_id: {group}, bad_channels: [], map: {{{map}}}}}\n")
    };
    let text_of_meta = [
        "electrode_groups:\n",
        &group(0, "mine"),
        &group(1, "tetrode_12.5"),
        "ntrode_electrode_group_channel_map:\n",
        &map(1, 0, "0: 3, 1: 2, 2: 1, 3: 0"),
        &map(2, 1, "0: 0, 1: 1, 2: 2, 3: 3"),
    ]
    .concat();
    fs::write(&meta, text_of_meta).unwrap();
    let args = ["export", text(&rec), "-o", text(&target), "--metadata", text(&meta), "--probe", text(&probe)];
    let (code, _, err) = run(&args);
    assert!(code == 0 && !err.contains("MADE UP"), "{err}");
    let script = r#"
folder = sys.argv[1]
document = json.load(open(folder + '/probe.json'))
one, two = document['probes']
assert one['contact_positions'] == [[12, -60], [0, -40], [12, -20], [0, 0]], one
assert one['device_channel_indices'] == [0, 1, 2, 3] and two['device_channel_indices'] == [4, 5, 6, 7]
assert 'note' not in one['annotations'] and 'tetrode_12.5' in two['annotations']['name']
assert np.ptp(np.array(two['contact_positions']), axis=0).tolist() == [12.5, 12.5]
probe = {}
exec(open(folder + '/probe.prb').read(), probe)
assert probe['channel_groups'][0]['geometry'][0] == [12, -60] and probe['channel_groups'][1]['channels'] == [4, 5, 6, 7]
"#;
    run_python(script, &[text(&target)]);
    let (code, _, err) = run(&["export", text(&rec), "-o", text(&target), "--force", "--probe", text(&probe)]);
    assert!(code == 2 && err.contains("--metadata"), "{err}");
}

#[cfg(unix)]
#[test]
fn an_interrupted_folder_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let rec = folder.path().join("day.rec");
    write_demo(&rec, 1.0, 4, &Task::unattended(), false).unwrap();
    let source = source::open(&rec, &OpenOptions::default(), &Task::unattended()).unwrap();
    for name in ["x.trodes", "x.sorter"] {
        let target = folder.path().join(name);
        let exporter = longwave::export::for_target(&target).unwrap();
        let task = Task::new(longwave::budget::MemoryBudget::new(64 << 20), 2);
        task.cancel();
        let settings = longwave::form::Settings::defaults(exporter.parameters);
        let selection = longwave::scan::Selection::all(source.recording(), 0);
        let request = longwave::export::Request {
            source: &source,
            selection: &selection,
            whole: false,
            target: &target,
            values: longwave::export::Values::Stored,
            settings: &settings,
            overwrite: false,
            task: &task,
        };
        assert!((exporter.run)(&request).unwrap_err().is_cancelled());
        assert_eq!(files(folder.path()), [PathBuf::from("day.rec")]);
    }
}
