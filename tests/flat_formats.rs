//! `.npy`, `.npz` and raw files against numpy, on the files of others, and on broken ones.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::sync::Arc;

use common::{Random, real_files, run_python};
use longwave::recording::{Block, ByteOrder, SampleFormat, SampleType};
use longwave::source::{self, ChannelOrder, OpenOptions, Source, detect};
use longwave::task::Task;

fn open(path: &Path, options: &OpenOptions) -> longwave::Result<Arc<dyn Source>> {
    source::open(path, options, &Task::unattended())
}

/// All values of a stream, frame after frame.
fn values(source: &dyn Source, stream: usize) -> Vec<f64> {
    let s = &source.recording().streams[stream];
    let channels: Vec<usize> = (0..s.channels.len()).collect();
    let mut block = Block::default();
    source.read(stream, 0..s.frames, &channels, &mut block).unwrap();
    let n = s.frames as usize;
    (0..n * channels.len()).map(|i| block.samples().get_f64(i % channels.len() * n + i / channels.len())).collect()
}

fn f64s(path: &Path) -> Vec<f64> {
    std::fs::read(path).unwrap().chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
}

fn same(a: &[f64], b: &[f64], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (i, (x, y)) in a.iter().zip(b).enumerate() {
        assert!(x == y || (x.is_nan() && y.is_nan()), "{what}: value {i} is {x}, numpy says {y}");
    }
}

/// `expected`: frames × channels as f64, a complex number as two.
const TO_F64: &str = r"
def expected(a, path):
    a = np.asarray(a)
    a = a.reshape(a.shape[0] if a.ndim else 1, int(np.prod(a.shape[1:], dtype=int)))
    if a.dtype.kind == 'c':
        a = np.stack([a.real, a.imag], axis=-1).reshape(a.shape[0], 2 * a.shape[1])
    np.ascontiguousarray(a).astype('<f8').tofile(path)
";

#[test]
fn every_type_order_and_version_reads_as_numpy_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        r"{TO_F64}
from numpy.lib import format as f
r = np.random.default_rng(1)
n = 0
for code in ['i1','i2','i4','i8','u1','u2','u4','u8','f2','f4','f8','b1','c8','c16']:
    for order in '<>':
        for shape in [(), (7,), (13, 5), (4, 3, 2), (0, 4), (1, 1)]:
            size = int(np.dtype(code).itemsize) * int(np.prod(shape, dtype=int))
            raw = r.integers(0, 256, size, dtype='u1').tobytes()
            a = np.frombuffer(raw, order + code).reshape(shape)
            if code == 'b1': a = (np.frombuffer(raw, 'u1') > 127).reshape(shape)
            if code in ('i8', 'u8'): a = (a >> (a.dtype.type(12))).astype(order + code)
            for layout in 'CF':
                b = np.asarray(a, order=layout)
                for version in [(1, 0), (2, 0), (3, 0)]:
                    path = f'{{sys.argv[1]}}/{{n}}'
                    with open(path + '.npy', 'wb') as out: f.write_array(out, b, version=version)
                    expected(a, path + '.f64')
                    n += 1
print(n)
"
    );
    let count: usize = run_python(&script, &[folder.path().to_str().unwrap()]).trim().parse().unwrap();
    assert_eq!(count, 14 * 2 * 6 * 2 * 3);
    for i in 0..count {
        let path = folder.path().join(format!("{i}.npy"));
        let source = open(&path, &OpenOptions::default()).unwrap();
        same(
            &values(&*source, 0),
            &f64s(&path.with_extension("f64")),
            &format!("{i}: {:?}", source.recording().properties),
        );
    }
}

#[test]
fn headers_are_written_as_numpy_writes_them() {
    let folder = tempfile::tempdir().unwrap();
    for (i, shape) in [vec![], vec![7], vec![13, 5], vec![100_000, 3], vec![4, 3, 2]].iter().enumerate() {
        for sample_type in SampleType::ALL {
            for byte_order in [ByteOrder::Little, ByteOrder::Big] {
                let size: u64 = shape.iter().product::<u64>() * sample_type.size() as u64;
                let mut bytes = source::npy_header(SampleFormat { sample_type, byte_order }, shape);
                bytes.resize(bytes.len() + size as usize, 1);
                let name = format!("{i}-{}-{byte_order:?}.npy", sample_type.name());
                std::fs::write(folder.path().join(name), bytes).unwrap();
            }
        }
    }
    let script = r"
import glob, io
n = 0
for name in glob.glob(sys.argv[1] + '/*.npy'):
    a = np.load(name)
    out = io.BytesIO(); np.save(out, a)
    assert out.getvalue() == open(name, 'rb').read(), name
    n += 1
print(n)
";
    assert_eq!(run_python(script, &[folder.path().to_str().unwrap()]).trim(), (5 * 12 * 2).to_string());
}

#[test]
fn real_arrays() {
    let Some(real) = real_files() else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        r"{TO_F64}
import glob
names = sorted(glob.glob(sys.argv[1] + '/npy/**/*.npy', recursive=True))
for i, name in enumerate(names): expected(np.load(name), f'{{sys.argv[2]}}/{{i}}.f64')
print(json.dumps(names))
"
    );
    let out = run_python(&script, &[real.to_str().unwrap(), folder.path().to_str().unwrap()]);
    let names: Vec<String> = serde_json::from_str(&out).unwrap();
    assert!(names.len() >= 15, "{names:?}");
    for (i, name) in names.iter().enumerate() {
        let options = OpenOptions { order: Some(ChannelOrder::Interleaved), ..OpenOptions::default() };
        let source = open(Path::new(name), &options).unwrap();
        same(&values(&*source, 0), &f64s(&folder.path().join(format!("{i}.f64"))), name);
    }
    let records = open(&real.join("events/expelliarmus/evt3_sample.npy"), &OpenOptions::default()).err().unwrap();
    assert!(records.to_string().contains("np.save('out.npy', a['t'])"), "{records}");
}

#[test]
fn archives() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let script = format!(
        r"{TO_F64}
import zipfile
d = sys.argv[1]
r = np.random.default_rng(2)
a, b = r.integers(-9999, 9999, (500, 3)).astype('<i2'), r.normal(size=(2000,)).astype('>f4')
np.savez(d + '/plain.npz', a=a, b=b, fs=np.float64(30000.5), text=np.array(['x']))
np.savez_compressed(d + '/deflated.npz', a=a)
np.savez(d + '/mixed.npz', a=a)
with zipfile.ZipFile(d + '/mixed.npz', 'a', zipfile.ZIP_DEFLATED) as z:
    np.save(d + '/b.npy', b); z.write(d + '/b.npy', 'b.npy')
open(d + '/shifted.npz', 'wb').write(b'#!/bin/sh\n' * 7 + open(d + '/plain.npz', 'rb').read())
with zipfile.ZipFile(d + '/zip64.npz', 'w') as z:
    z.comment = b'PK\5\6 a comment'
    with z.open('a.npy', 'w', force_zip64=True) as out: np.save(out, a)
zipfile.ZIP64_LIMIT = 10
with zipfile.ZipFile(d + '/all64.npz', 'w') as z:
    with z.open('a.npy', 'w', force_zip64=True) as out: np.save(out, a)
expected(a, d + '/a.f64'); expected(b, d + '/b.f64')
"
    );
    run_python(&script, &[dir]);
    let at = |name: &str| folder.path().join(name);
    for name in ["plain.npz", "shifted.npz"] {
        let options = OpenOptions { format: Some("npz".into()), ..OpenOptions::default() };
        let source = open(&at(name), &options).unwrap();
        let recording = source.recording();
        assert_eq!(recording.streams.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(recording.default_stream(), 1);
        assert!(recording.properties.contains(&("fs".into(), "30000.5".into())), "{:?}", recording.properties);
        assert!(recording.warnings.iter().any(|w| w.text.contains("'text'")), "{:?}", recording.warnings);
        same(&values(&*source, 0), &f64s(&at("a.f64")), name);
        same(&values(&*source, 1), &f64s(&at("b.f64")), name);
    }
    for name in ["zip64.npz", "all64.npz", "mixed.npz"] {
        let source = open(&at(name), &OpenOptions::default()).unwrap();
        same(&values(&*source, 0), &f64s(&at("a.f64")), name);
    }
    let mixed = open(&at("mixed.npz"), &OpenOptions::default()).unwrap();
    assert!(mixed.recording().warnings.iter().any(|w| w.text.contains("compressed members are not shown: b")));
    let error = open(&at("deflated.npz"), &OpenOptions::default()).err().unwrap().to_string();
    assert!(error.contains("np.savez instead"), "{error}");
    let member = |m: &str| OpenOptions { member: Some(m.into()), ..OpenOptions::default() };
    let only = open(&at("plain.npz"), &member("b.npy")).unwrap();
    assert_eq!(only.recording().streams.len(), 1);
    let error = open(&at("plain.npz"), &member("c")).err().unwrap().to_string();
    assert!(error.contains("it has: a, b, fs, text"), "{error}");
}

/// Opens, and reads a little of what opens: whatever the bytes, no panic.
fn survive(path: &Path, options: &OpenOptions) -> bool {
    let Ok(source) = open(path, options) else { return false };
    for (i, s) in source.recording().streams.iter().enumerate() {
        let mut block = Block::default();
        let n = s.frames.min(50);
        for frames in [0..n, s.frames - n..s.frames] {
            source.read(i, frames, &[0, s.channels.len() - 1], &mut block).unwrap();
        }
        assert!(source.read(i, 0..s.frames + 1, &[0], &mut block).is_err());
        assert!(source.read(i, 0..n, &[s.channels.len()], &mut block).is_err());
    }
    assert!(source.read(source.recording().streams.len(), 0..1, &[0], &mut Block::default()).is_err());
    true
}

#[test]
fn broken_files_are_errors_or_warnings() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let script = r"
d = sys.argv[1]
a = np.arange(600, dtype='<i2').reshape(200, 3)
np.save(d + '/a.npy', a); np.save(d + '/f.npy', np.asfortranarray(a)); np.savez(d + '/a.npz', a=a, b=a[:, 0])
";
    run_python(script, &[dir]);
    let broken = |extension: &str| folder.path().join(format!("broken.{extension}"));
    let mut random = Random(7);
    let (mut opened, mut refused) = (0, 0);
    for name in ["a.npy", "f.npy", "a.npz"] {
        let bytes = std::fs::read(folder.path().join(name)).unwrap();
        let path = broken(&name[2..]);
        let mut check = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            if survive(&path, &OpenOptions::default()) { opened += 1 } else { refused += 1 }
        };
        for len in (0..bytes.len()).filter(|&n| n < 200 || n % 7 == 0) {
            check(&bytes[..len]);
        }
        for _ in 0..1500 {
            let mut bytes = bytes.clone();
            for _ in 0..=random.below(3) {
                // Headers and directories are where it hurts.
                let n = bytes.len() as u64;
                let at = match random.below(3) {
                    0 => random.below(n),
                    1 => random.below(200.min(n)),
                    _ => n - 1 - random.below(300.min(n)),
                };
                bytes[at as usize] = random.next() as u8;
            }
            check(&bytes);
        }
    }
    assert!(opened > 500 && refused > 500, "{opened} opened, {refused} refused");

    // A C-ordered array that was cut short shows its whole frames; a Fortran-ordered one has none.
    let bytes = std::fs::read(folder.path().join("a.npy")).unwrap();
    std::fs::write(broken("npy"), &bytes[..bytes.len() - 7]).unwrap();
    let source = open(&broken("npy"), &OpenOptions::default()).unwrap();
    assert_eq!(source.recording().streams[0].frames, 198);
    assert!(source.recording().warnings.iter().any(|w| w.at == Some(bytes.len() as u64 - 7)));
    let bytes = std::fs::read(folder.path().join("f.npy")).unwrap();
    std::fs::write(broken("npy"), &bytes[..bytes.len() - 7]).unwrap();
    let error = open(&broken("npy"), &OpenOptions::default()).err().unwrap();
    assert!(matches!(error.kind(), longwave::ErrorKind::Truncated { at: 128, needed: 1200, len: 1321 }), "{error}");
}

#[test]
fn raw_layouts_equal_brute_force() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.bin");
    let mut random = Random(3);
    for _ in 0..200 {
        let sample_type = SampleType::ALL[random.below(12) as usize];
        let size = sample_type.size();
        let big = random.below(2) == 1;
        let planar = random.below(2) == 1;
        let (channels, frames) = (1 + random.below(9) as usize, 1 + random.below(300) as usize);
        let (header, trailing) = (random.below(40) as usize, random.below(30) as usize);
        let bytes: Vec<u8> =
            (0..header + channels * frames * size + trailing).map(|_| random.next() as u8 & 0x3f).collect();
        std::fs::write(&path, &bytes).unwrap();
        let options = OpenOptions {
            sample_type: Some(sample_type),
            byte_order: Some(if big { ByteOrder::Big } else { ByteOrder::Little }),
            order: planar.then_some(ChannelOrder::Planar),
            channel_count: Some(channels),
            header_bytes: Some(header as u64),
            trailing_bytes: Some(trailing as u64),
            ..OpenOptions::default()
        };
        let source = open(&path, &options).unwrap();
        let (from, to) = (random.below(frames as u64), frames as u64);
        let wanted: Vec<usize> = (0..3).map(|_| random.below(channels as u64) as usize).collect();
        let mut block = Block::default();
        source.read(0, from..to, &wanted, &mut block).unwrap();
        for (i, &c) in wanted.iter().enumerate() {
            for f in from as usize..frames {
                let at = header + size * if planar { c * frames + f } else { f * channels + c };
                let mut b = [0_u8; 8];
                b[..size].copy_from_slice(&bytes[at..at + size]);
                if big {
                    b[..size].reverse();
                }
                let bits = u64::from_le_bytes(b);
                let shift = 64 - 8 * size as u32;
                let signed = ((bits << shift) as i64 >> shift) as f64;
                let expected = match sample_type {
                    SampleType::I8 | SampleType::I16 | SampleType::I32 | SampleType::I64 => signed,
                    SampleType::F16 => half::f16::from_bits(bits as u16).to_f64(),
                    SampleType::F32 => f64::from(f32::from_bits(bits as u32)),
                    SampleType::F64 => f64::from_bits(bits),
                    _ => bits as f64,
                };
                let got = block.samples().get_f64(i * (frames - from as usize) + f - from as usize);
                assert!(got == expected || expected.is_nan(), "{options:?}: frame {f} channel {c}: {got} {expected}");
            }
        }
    }
}

#[test]
fn the_first_guess_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let script = r"
d = sys.argv[1]
r = np.random.default_rng(4)
cases = []
for code, dtype in [('i16','<i2'),('i16','>i2'),('f32','<f4'),('f32','>f4'),('u8','u1'),('i32','<i4'),('f64','<f8')]:
    for c in [1, 2, 4, 16, 64, 128]:
        for header in [0, 512, 1024]:
            if header and (c not in (1, 16)): continue
            n = max(4000, 200000 // c)
            t = np.arange(n)[:, None] / 1000
            x = np.sin(2 * np.pi * t * r.uniform(1, 12, c) + r.uniform(0, 6, c)) + 0.05 * r.normal(size=(n, c))
            x *= r.uniform(0.5, 1, c)
            if code == 'u8': x = 128 + 90 * x
            elif code[0] == 'i': x = x * {'i16': 3000, 'i32': 5e6}[code]
            a = (np.clip(np.round(x), 0, 255) if code == 'u8' else np.round(x) if code[0] == 'i' else x).astype(dtype)
            name = f'{d}/{len(cases)}.bin'
            head = b'Recorder v1.2\r\nrate=1000\r\n'.ljust(header, b'\0' if header == 512 else b' ')[:header]
            open(name, 'wb').write(head + a.tobytes())
            cases.append([name, code, dtype[0] == '>', c, header])
print(json.dumps(cases))
";
    let out = run_python(script, &[folder.path().to_str().unwrap()]);
    let mut cases: Vec<(String, String, bool, usize, u64)> = serde_json::from_str(&out).unwrap();
    assert!(cases.len() > 60);
    if let Some(real) = real_files() {
        let name = real.join("npy/phy-data/test/test-4ch-1s.dat");
        cases.push((name.to_str().unwrap().into(), "i16".into(), false, 4, 0));
    }
    let mut wrong = Vec::new();
    for case in &cases {
        let (name, sample_type, big, channels, header) = case;
        let guesses = detect::guess(Path::new(name), &OpenOptions::default()).unwrap();
        let first = &guesses[0];
        let right = first.sample_type.name() == sample_type
            && (first.byte_order == ByteOrder::Big) == *big
            && first.channel_count == *channels
            && first.header_bytes == *header;
        if !right {
            wrong.push(format!("{case:?}: {first:?}, then {:?}", guesses.get(1)));
        }
        assert!((guesses.iter().map(|g| g.score).sum::<f64>() - 1.0).abs() < 1e-9);
        let preview = detect::preview(Path::new(name), &first.options(), 100).unwrap();
        assert_eq!(preview.block.frames(), 100);
    }
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    let error = open(Path::new(&cases[0].0), &OpenOptions::default()).err().unwrap().to_string();
    assert!(error.contains("--format raw --dtype i16 --channel-count 1"), "{error}");
}

/// An archive whose directory names one member over and over again.
#[test]
fn an_archive_of_one_name_is_opened_in_bounded_time() {
    const MEMBERS: usize = 40_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("same.npz");
    let mut array = source::npy_header(SampleFormat::little(SampleType::I16), &[4]);
    array.extend([1, 0, 2, 0, 3, 0, 4, 0]);
    let len = u32::try_from(array.len()).unwrap().to_le_bytes();
    let mut bytes = b"PK\x03\x04".to_vec();
    bytes.extend([0; 14]);
    bytes.extend(len);
    bytes.extend(len);
    bytes.extend([5, 0, 0, 0]);
    bytes.extend(b"a.npy");
    bytes.extend(array);
    let at = u32::try_from(bytes.len()).unwrap();
    for _ in 0..MEMBERS {
        bytes.extend(b"PK\x01\x02");
        bytes.extend([0; 16]);
        bytes.extend(len);
        bytes.extend(len);
        bytes.extend([5, 0]);
        bytes.extend([0; 16]);
        bytes.extend(b"a.npy");
    }
    let directory = u32::try_from(bytes.len()).unwrap() - at;
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([u16::try_from(MEMBERS).unwrap().to_le_bytes(); 2].concat());
    bytes.extend(directory.to_le_bytes());
    bytes.extend(at.to_le_bytes());
    bytes.extend([0, 0]);
    std::fs::write(&path, bytes).unwrap();
    let source = open(&path, &OpenOptions::default()).unwrap();
    let streams = &source.recording().streams;
    let names: std::collections::HashSet<&str> = streams.iter().map(|s| s.name.as_str()).collect();
    assert_eq!((streams.len(), names.len()), (MEMBERS, MEMBERS));
    assert!(names.contains("a") && names.contains("a (2)") && names.contains("a (40000)"));
    assert_eq!(values(source.as_ref(), MEMBERS - 1), [1.0, 2.0, 3.0, 4.0]);
}
