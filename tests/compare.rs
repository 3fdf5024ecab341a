//! `longwave compare` as scripts use it, against numpy: every pair of types, conversions, places, exit codes.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::process::Output;

use common::{longwave, run_python};
use longwave::demo::write_demo;
use longwave::task::Task;

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| {
        panic!("{e}: {} {}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    })
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Writes pairs of arrays in several types, the second with some values changed, and says what must be found.
const PAIRS: &str = r#"
folder = sys.argv[1]
rng = np.random.default_rng(5)
types = ['i1', 'u1', 'i2', '>i2', 'u2', 'i4', 'u4', 'i8', 'u8', 'f2', 'f4', '>f4', 'f8']
out = []
def measure(a, b):
    # As the documentation says: stored values of one type; else physical ones, rounded to the coarser float type.
    ka, kb = a.dtype.newbyteorder('='), b.dtype.newbyteorder('=')
    if ka == kb and ka.kind in 'iu':
        d = [[abs(int(x) - int(y)) for x, y in zip(p, q)] for p, q in zip(a.T, b.T)]
        d = np.array(d, dtype=object)
        return np.array([[float(x) for x in row] for row in d]).T, (a != b)
    x, y = a.astype(np.float64), b.astype(np.float64)
    if ka != kb:
        for t in (np.float16, np.float32):
            if ka == t or kb == t:
                with np.errstate(over='ignore'): x, y = x.astype(t).astype(np.float64), y.astype(t).astype(np.float64)
                break
    with np.errstate(invalid='ignore'): d = np.abs(x - y)
    same = (x == y) | (np.isnan(x) & np.isnan(y))
    return np.where(same, 0, d), ~same
for i, (ta, tb) in enumerate([(t, t) for t in types] + [('i2', 'f4'), ('i2', 'f8'), ('f4', 'f8'), ('u1', 'i2'), ('i4', 'f4'), ('f2', 'i2'), ('i8', 'f8'), ('>i2', 'i2')]):
    n, c = 7000, 3
    kind = np.dtype(ta).kind
    if kind == 'f': a = (rng.standard_normal((n, c)) * 100)
    else:
        lo, hi = (-100, 100) if kind == 'i' else (0, 100)
        a = rng.integers(lo, hi, (n, c))
    a = a.astype(ta)
    b = a.astype(tb)
    for _ in range(int(rng.integers(0, 5))):
        f, k = int(rng.integers(0, n)), int(rng.integers(0, 2))
        b[f, k] = b[f, k] + 7 if not np.isnan(b[f, k].astype('f8')) else 0
    if np.dtype(ta).kind == 'f' and np.dtype(tb).kind == 'f':
        a[17, 2] = np.nan; b[17, 2] = np.nan
        if i % 2: b[4000, 2] = np.nan; a[4001, 2] = np.inf
    pa, pb = f'{folder}/{i}a.npy', f'{folder}/{i}b.npy'
    np.save(pa, a); np.save(pb, b)
    d, differ = measure(a, b)
    channels = []
    for k in range(c):
        finite = np.where(np.isfinite(d[:, k]), d[:, k], 0)
        at = np.flatnonzero(differ[:, k])
        channels.append(dict(max=float(finite.max()), at=int(finite.argmax()) if finite.max() > 0 else None,
            first=int(at[0]) if len(at) else None, count=len(at), odd=int((~np.isfinite(d[:, k])).sum())))
    out.append(dict(a=pa, b=pb, types=ta + ' ' + tb, equal=not differ.any(), channels=channels))
print(json.dumps(out))
"#;

#[test]
fn any_two_arrays_differ_as_numpy_says() {
    let folder = tempfile::tempdir().unwrap();
    let cases: serde_json::Value =
        serde_json::from_str(&run_python(PAIRS, &[folder.path().to_str().unwrap()])).unwrap();
    let (mut equal, mut different) = (0, 0);
    for case in cases.as_array().unwrap() {
        let (a, b) = (case["a"].as_str().unwrap(), case["b"].as_str().unwrap());
        let output = longwave(&["compare", a, b, "--json", "--quiet"]);
        let found = json(&output);
        let what = &case["types"];
        assert_eq!(found["equal"], case["equal"], "{what}: {found}");
        assert_eq!(code(&output), if case["equal"] == true { 0 } else { 3 }, "{what}");
        if case["equal"] == true {
            equal += 1
        } else {
            different += 1
        }
        let expected = case["channels"].as_array().unwrap();
        let first = expected.iter().filter_map(|c| c["first"].as_u64()).min();
        assert_eq!(found["first_difference_frame"].as_u64(), first, "{what}");
        for (i, (ours, theirs)) in found["channels"].as_array().unwrap().iter().zip(expected).enumerate() {
            assert_eq!(ours["max_abs_difference"], theirs["max"], "{what} {i}");
            assert_eq!(ours["max_abs_difference_frame"], theirs["at"], "{what} {i}");
            assert_eq!(ours["first_difference_frame"], theirs["first"], "{what} {i}");
            assert_eq!(ours["differing_frames"], theirs["count"], "{what} {i}");
            assert_eq!(ours["unmeasurable_frames"], theirs["odd"], "{what} {i}");
        }
        // One thread in little memory says the same.
        let again = longwave(&["compare", a, b, "--json", "--quiet", "--threads", "1", "--memory-limit", "16MiB"]);
        assert_eq!(json(&again), found, "{what}");
    }
    assert!(equal > 2 && different > 5, "{equal} {different}");
}

#[test]
fn a_recording_is_compared_with_what_it_was_converted_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let rec = text(&path("demo.rec"));
    write_demo(&path("demo.rec"), 1.0, 4, &Task::unattended(), false).unwrap();
    let (stored, physical, part) = (text(&path("stored.npy")), text(&path("physical.npy")), text(&path("part.npy")));
    let export = |args: &[&str]| {
        let output = longwave(&[&["export", &rec, "--quiet"], args].concat());
        assert_eq!(code(&output), 0, "{}", String::from_utf8_lossy(&output.stderr));
    };
    export(&["-o", &stored]);
    export(&["-o", &physical, "--values", "physical"]);
    let chosen = ["--range", "0.2s..0.5s", "--channels", "3,1"];
    export(&[&["-o", &part][..], &chosen].concat());
    for (second, more) in [(&stored, &[][..]), (&physical, &[]), (&rec, &[]), (&part, &chosen)] {
        let output = longwave(&[&["compare", &rec, second, "--json"], more].concat());
        let found = json(&output);
        assert_eq!((code(&output), found["equal"].as_bool()), (0, Some(true)), "{second}: {found}");
        assert!(found["first_difference_frame"].is_null() && found["channels"][0]["max_abs_difference"] == 0.0);
    }
    // The range of the recording against the same range of all that was converted.
    let output = longwave(&["compare", &rec, &stored, "--range", "0.2s..0.5s"]);
    assert_eq!(code(&output), 0, "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("equal"));

    // One sample changed: where it is, and by how much, in steps and in the unit.
    let header = 128;
    let mut bytes = std::fs::read(&stored).unwrap();
    let at = header + (5000 * 4 + 2) * 2;
    let sample = i16::from_le_bytes([bytes[at], bytes[at + 1]]);
    bytes[at..at + 2].copy_from_slice(&sample.wrapping_add(9).to_le_bytes());
    std::fs::write(&stored, bytes).unwrap();
    let difference = text(&path("difference.npy"));
    let output = longwave(&["compare", &rec, &stored, "--json", "-o", &difference]);
    assert_eq!(code(&output), 3, "{}", String::from_utf8_lossy(&output.stderr));
    let found = json(&output);
    assert_eq!(found["first_difference_frame"], 5000);
    assert_eq!(found["channels"][2]["max_abs_difference"], 9.0);
    assert_eq!(found["channels"][2]["max_abs_difference_frame"], 5000);
    assert_eq!(found["channels"][1]["max_abs_difference"], 0.0);
    let script = "d = np.load(sys.argv[1]); print(json.dumps([str(d.dtype), list(d.shape), float(d[5000, 2]), int((d != 0).sum())]))";
    let frames = found["frames"].as_u64().unwrap();
    let seen: serde_json::Value = serde_json::from_str(&run_python(script, &[&difference])).unwrap();
    assert_eq!(seen, serde_json::json!(["float32", [frames, 4], -9.0, 1]));
    let output = longwave(&["compare", &rec, &stored, "--physical", "--json"]);
    let gain = json(&longwave(&["info", &rec, "--json"]))["streams"][0]["channels"][2]["gain"].as_f64().unwrap();
    let physical = json(&output)["channels"][2]["max_abs_difference"].as_f64().unwrap();
    assert!((physical / (9.0 * gain) - 1.0).abs() < 1e-9 && physical > 0.0, "{physical}");
    assert_eq!(code(&longwave(&["compare", &rec, &stored, "--tolerance", "9", "--quiet"])), 0);
    assert_eq!(code(&longwave(&["compare", &rec, &stored, "--range", "0s..0.1s", "--quiet"])), 0);
    let people = longwave(&["compare", &rec, &stored]);
    let people = String::from_utf8(people.stdout).unwrap();
    for part in ["different: 1 of 4 channels, from frame 5,000 on", "greatest difference", "stored values of"] {
        assert!(people.contains(part), "{part} in\n{people}");
    }

    // Refused: an output that exists, or is one of the two; what is not there; nonsense.
    let again = longwave(&["compare", &rec, &stored, "-o", &difference]);
    assert!(code(&again) == 1 && String::from_utf8_lossy(&again.stderr).contains("--force"));
    for target in [&rec.replace("demo.rec", "stored.npy"), &text(&folder.path().join("stored.npy"))] {
        let output = longwave(&["compare", &rec, &stored, "-o", target, "--force"]);
        assert!(code(&output) == 1 && String::from_utf8_lossy(&output.stderr).contains("recording itself"));
    }
    assert_eq!(code(&longwave(&["compare", &rec, &text(&path("none.npy"))])), 1);
    assert_eq!(code(&longwave(&["compare", &rec, &stored, "--stream", "no"])), 1);
    assert_eq!(code(&longwave(&["compare", &rec])), 2);
    assert_eq!(code(&longwave(&["compare", &rec, &stored, "--tolerance", "-1"])), 2);
    assert_eq!(code(&longwave(&["compare", &rec, &stored, "--range", "0.5s..0.5s"])), 2);
    assert_eq!(code(&longwave(&["compare", &rec, &stored, "--range", "1h..2h"])), 1);
}

#[test]
fn plain_numbers_lengths_and_rates_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| text(&folder.path().join(name));
    let script = "
folder = sys.argv[1]
a = (np.arange(4000 * 2) % 997).astype('<i2').reshape(-1, 2)
np.save(folder + '/a.npy', a); a.tofile(folder + '/a.bin'); np.save(folder + '/short.npy', a[:3990]); np.save(folder + '/one.npy', a[:, :1])";
    run_python(script, &[folder.path().to_str().unwrap()]);
    let layout = ["--dtype", "i16", "--channel-count", "2", "--rate", "500"];
    let output = longwave(&[&["compare", &path("a.npy"), &path("a.bin"), "--json"], &layout[..]].concat());
    assert_eq!(code(&output), 0, "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((json(&output)["notes"].as_array().unwrap().len(), said.as_str()), (0, ""), "the rate is that of both");
    for (second, told) in
        [("short.npy", "4,000 frames and the second 3,990"), ("one.npy", "2 channels and the second 1")]
    {
        let output = longwave(&["compare", &path("a.npy"), &path(second), "--json"]);
        let found = json(&output);
        assert_eq!((code(&output), found["equal"].as_bool()), (3, Some(false)));
        assert!(found["differences"][0].as_str().unwrap().contains(told), "{found}");
        assert!(found["first_difference_frame"].is_null());
        let people = longwave(&["compare", &path("a.npy"), &path(second)]);
        assert!(String::from_utf8_lossy(&people.stdout).contains(told));
    }
    for (name, rate) in [("x.bin", "1000"), ("y.bin", "2000")] {
        std::fs::copy(path("a.bin"), path(name)).unwrap();
        let toml = format!("format = \"raw\"\ndtype = \"i16\"\nchannel_count = 2\nrate_hz = {rate}.0\n");
        std::fs::write(path(&format!("{name}.longwave.toml")), toml).unwrap();
    }
    let output = longwave(&["compare", &path("x.bin"), &path("y.bin"), "--json"]);
    assert_eq!(code(&output), 3, "{}", String::from_utf8_lossy(&output.stderr));
    assert!(json(&output)["differences"][0].as_str().unwrap().contains("1000 Hz"), "{}", json(&output));
}
