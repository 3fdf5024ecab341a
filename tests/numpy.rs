//! The Python lines that load a part of a recording: run with numpy, and held against what we export ourselves.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::sync::Arc;

use common::{Random, longwave, run_python};
use longwave::recording::{ByteOrder, SampleType};
use longwave::scan::Selection;
use longwave::source::{self, ChannelOrder, OpenOptions, Source};
use longwave::task::Task;

/// Runs `lines` and compares `x` with the stored and `y` with the physical export of the same selection, both to the
/// bit; returns the first and last of `t`, and how many there are.
fn agrees(
    source: &Arc<dyn Source>,
    selection: &Selection,
    files: &[&str],
    options: &[&str],
    folder: &Path,
) -> Vec<f64> {
    let channels: Vec<String> = selection.channels.iter().map(ToString::to_string).collect();
    let range = format!("#{}..#{}", selection.frames.start, selection.frames.end);
    let (stored, physical) = (folder.join("stored.npy"), folder.join("physical.npy"));
    for (target, values) in [(&stored, "stored"), (&physical, "physical")] {
        let target = target.to_str().unwrap();
        let list = channels.join(",");
        let mut args = vec!["export", "--force", "--quiet", "-o", target, "--values", values, "--range", &range];
        args.extend(["--channels", &list]);
        args.extend(files.iter().chain(options));
        let out = longwave(&args);
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    }
    let lines = longwave::numpy::lines(source.as_ref(), selection, false, "longwave export …", "none.npy").unwrap();
    let check = "
s, p = np.load(sys.argv[1]), np.load(sys.argv[2])
s = s.reshape(len(s), -1)
p = p.reshape(len(p), -1)
assert x.shape == s.shape, (x.shape, s.shape)
assert (x == s).all() or np.array_equal(x, s, equal_nan=True)
assert np.array_equal(np.asarray(y, dtype=p.dtype), p, equal_nan=True)
print(json.dumps([float(t[0]), float(t[-1]), len(t)] if 't' in dir() else []))
";
    let out = run_python(&format!("{lines}{check}"), &[stored.to_str().unwrap(), physical.to_str().unwrap()]);
    serde_json::from_str(&out).unwrap()
}

fn open(path: &Path, options: &OpenOptions) -> Arc<dyn Source> {
    source::open(path, options, &Task::unattended()).unwrap()
}

#[test]
fn raw_files_of_every_layout() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it's \"raw\".bin");
    let mut random = Random(7);
    for (sample_type, byte_order, order) in [
        (SampleType::I16, ByteOrder::Little, ChannelOrder::Interleaved),
        (SampleType::I16, ByteOrder::Big, ChannelOrder::Planar),
        (SampleType::U8, ByteOrder::Little, ChannelOrder::Interleaved),
        (SampleType::F32, ByteOrder::Big, ChannelOrder::Interleaved),
        (SampleType::I32, ByteOrder::Little, ChannelOrder::Planar),
        (SampleType::F16, ByteOrder::Little, ChannelOrder::Interleaved),
        (SampleType::Bool, ByteOrder::Little, ChannelOrder::Interleaved),
    ] {
        let mut bytes: Vec<u8> = (0..13 + 500 * 5 * sample_type.size() + 3).map(|_| random.next() as u8).collect();
        if sample_type == SampleType::Bool {
            bytes.iter_mut().for_each(|b| *b &= 1);
        }
        std::fs::write(&path, &bytes).unwrap();
        let options = OpenOptions {
            format: Some("raw".to_owned()),
            sample_type: Some(sample_type),
            byte_order: Some(byte_order),
            order: Some(order),
            channel_count: Some(5),
            header_bytes: Some(13),
            trailing_bytes: Some(3),
            rate_hz: Some(1000.0),
            gain: Some(0.25),
            offset: Some(-3.0),
            ..OpenOptions::default()
        };
        let source = open(&path, &options);
        let file = path.to_str().unwrap();
        let (order, bytes) = match (order, byte_order) {
            (ChannelOrder::Planar, ByteOrder::Big) => ("planar", "big"),
            (ChannelOrder::Planar, ByteOrder::Little) => ("planar", "little"),
            (ChannelOrder::Interleaved, ByteOrder::Big) => ("interleaved", "big"),
            (ChannelOrder::Interleaved, ByteOrder::Little) => ("interleaved", "little"),
        };
        let told = [
            "--no-remember",
            "--format",
            "raw",
            "--dtype",
            sample_type.name(),
            "--byte-order",
            bytes,
            "--order",
            order,
            "--channel-count",
            "5",
            "--header-bytes",
            "13",
            "--trailing-bytes",
            "3",
            "--rate",
            "1000",
            "--gain",
            "0.25",
            "--offset",
            "-3",
        ];
        for channels in [vec![0, 1, 2, 3, 4], vec![3], vec![4, 2, 0], vec![0, 1, 4]] {
            let selection = Selection { stream: 0, channels, frames: 17..423 };
            let t = agrees(&source, &selection, &[file], &told, folder.path());
            assert_eq!(t, [0.017, 0.422, 406.0]);
        }
    }
}

#[test]
fn arrays_in_either_order_and_packets() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    run_python(
        "x = np.arange(7 * 300).reshape(300, 7).astype('<i2')
np.save(sys.argv[1], x)
np.save(sys.argv[2], np.asfortranarray(x).astype('>f4'))
np.save(sys.argv[3], np.sin(np.arange(900.0)))",
        &[at("c.npy").to_str().unwrap(), at("f.npy").to_str().unwrap(), at("one.npy").to_str().unwrap()],
    );
    for (name, channels) in [("c.npy", vec![1, 3, 5]), ("f.npy", vec![6, 0, 1]), ("one.npy", vec![0])] {
        let source = open(&at(name), &OpenOptions::default());
        let selection = Selection { stream: 0, channels, frames: 10..290 };
        assert_eq!(agrees(&source, &selection, &[at(name).to_str().unwrap()], &[], folder.path()), [0.0; 0]);
    }
    let rec = at("demo.rec");
    longwave::demo::write_demo(&rec, 4.0, 6, &Task::unattended(), false).unwrap();
    let source = open(&rec, &OpenOptions::default());
    let stream = source.recording().default_stream();
    let frames = source.recording().streams[stream].frames;
    let time = source.recording().streams[stream].time.clone();
    for channels in [vec![0, 1, 2, 3, 4, 5], vec![5, 0], vec![2]] {
        let selection = Selection { stream, channels, frames: 100..frames - 5 };
        let t = agrees(&source, &selection, &[rec.to_str().unwrap()], &[], folder.path());
        assert!((t[0] - time.secs_of_frame(100)).abs() < 1e-9, "{t:?}");
        assert!((t[1] - time.secs_of_frame(frames - 6)).abs() < 1e-9, "{t:?}: gaps count");
        assert_eq!(t[2], (frames - 105) as f64);
    }
}

#[test]
fn several_files_are_put_together() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a.npy"), folder.path().join("b.npy"));
    run_python(
        "x = np.arange(3 * 100).reshape(100, 3).astype('<i4')
np.save(sys.argv[1], x)
np.save(sys.argv[2], x + 1000)",
        &[a.to_str().unwrap(), b.to_str().unwrap()],
    );
    let options = OpenOptions { rate_hz: Some(100.0), ..OpenOptions::default() };
    let source = source::open_all(&[a.clone(), b.clone()], &options, &Task::unattended()).unwrap();
    let selection = Selection { stream: 0, channels: vec![2, 0], frames: 90..120 };
    let files = [a.to_str().unwrap(), b.to_str().unwrap()];
    assert_eq!(agrees(&source, &selection, &files, &["--rate", "100"], folder.path()), [0.9, 1.19, 30.0]);
}

#[test]
fn what_numpy_cannot_read_is_exported_first() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.npy");
    let part = folder.path().join("part.npy");
    run_python("np.save(sys.argv[1], -np.arange(3000.0).reshape(1000, 3))", &[whole.to_str().unwrap()]);
    // What a filter gives lies in no file.
    let chain = longwave::filter::Chain::parse("rectify").unwrap();
    let source = longwave::filter::filtered(open(&whole, &OpenOptions::default()), 0, &chain).unwrap();
    let selection = Selection { stream: 0, channels: vec![1], frames: 5..25 };
    let (from, target) = (whole.display(), part.to_str().unwrap());
    let export = format!("longwave export {from} -o {target} --range #5..#25 --channels 1 --rectify");
    let lines = longwave::numpy::lines(source.as_ref(), &selection, false, &export, target).unwrap();
    assert!(lines.contains("at no regular places"), "{lines}");
    let lines = longwave::numpy::lines(source.as_ref(), &selection, true, &export, target).unwrap();
    assert!(lines.contains("through filters"), "{lines}");
    let words: Vec<&str> =
        lines.lines().find_map(|l| l.strip_prefix("#   longwave ")).unwrap().split_whitespace().collect();
    assert!(longwave(&words).status.success());
    let out = run_python(&format!("{lines}print(float(y.ravel()[0]), y.size)"), &[]);
    assert_eq!(out.trim(), "16.0 20");
    let none = Selection { frames: 5..5, ..selection };
    assert!(longwave::numpy::lines(source.as_ref(), &none, false, "", "").is_err());
}
