//! Files that are cut short, changed or of another kind give `Ok` or `Err`: never a panic, a hang or a huge allocation.

#![allow(clippy::unwrap_used)]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use common::Random;
use longwave::budget::MemoryBudget;
use longwave::recording::Block;
use longwave::scan::Selection;
use longwave::source::{self, FORMATS, OpenOptions};
use longwave::task::Task;

/// What is changed is at most so long: the head of a large file is where its structure is.
const LONGEST: usize = 96 << 10;
/// Places at which each file is cut, and changes that are made to it.
const CUTS: u64 = 16;
const FLIPS: u64 = 16;
/// Of a real file. There are many of them, so each of them needs fewer.
const REAL: u64 = 6;
/// Frames read from each end of every stream.
const FRAMES: u64 = 64;
/// A read of this many channels is enough to go wrong.
const CHANNELS: usize = 8;

fn task() -> Task {
    Task::new(MemoryBudget::new(64 << 20), 2)
}

/// Opens a file, reads from both ends, and measures a little.
fn exercise(path: &Path, options: &OpenOptions) -> longwave::Result<()> {
    let task = task();
    let source = source::open(path, options, &task)?;
    let recording = source.recording();
    let mut block = Block::default();
    for (i, stream) in recording.streams.iter().enumerate() {
        assert!(stream.duration_secs().is_finite());
        let channels: Vec<usize> = (0..stream.channels.len().min(CHANNELS)).collect();
        let near = stream.frames.min(FRAMES);
        for frames in [0..near, stream.frames - near..stream.frames, stream.frames..stream.frames] {
            source.read(i, frames, &channels, &mut block)?;
        }
        // What is outside is refused, not read.
        assert!(source.read(i, stream.frames..stream.frames.saturating_add(1), &channels, &mut block).is_err());
        assert!(source.read(i, 0..0, &[stream.channels.len()], &mut block).is_err());
        for analysis in longwave::analysis::ANALYSES {
            let frames = 0..stream.frames.min(2048);
            let settings = longwave::form::Settings::defaults(analysis.parameters);
            let request = longwave::analysis::Request {
                source: &source,
                selection: &Selection { stream: i, channels: channels.clone(), frames },
                settings: &settings,
                task: &task,
                summary: None,
                publish: &mut |_| {},
            };
            // A short or odd part may have no spectrum; that is an answer too.
            drop((analysis.run)(&request));
        }
    }
    for track in 0..recording.events.len() {
        source.read_events(track, 0.0..10.0, &mut Vec::new())?;
    }
    Ok(())
}

/// [`exercise`], with a panic told apart from an error.
fn survives(path: &Path, options: &OpenOptions, what: &str) -> Result<bool, String> {
    let result = catch_unwind(AssertUnwindSafe(|| exercise(path, options)));
    match result {
        Ok(Ok(())) => Ok(true),
        Ok(Err(error)) if matches!(error.kind(), longwave::ErrorKind::Panicked(_)) => Err(format!("{what}: {error}")),
        Ok(Err(_)) => Ok(false),
        Err(_) => Err(format!("{what}: panic")),
    }
}

fn files_below(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = folder.read_dir().unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files_below(&path, out);
        } else {
            out.push(path);
        }
    }
}

/// Cuts and changes `original` in many ways under its own name; returns what did not survive.
fn torment(original: &[u8], name: &str, most: u64, random: &mut Random, failures: &mut Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let mut attempt = |bytes: &[u8], what: String| {
        std::fs::write(&path, bytes).unwrap();
        let mut all_options = vec![OpenOptions::default()];
        // Whatever it is, every reader must cope when it is told to read it.
        all_options
            .extend(FORMATS.iter().map(|f| OpenOptions { format: Some(f.name.to_owned()), ..Default::default() }));
        for options in all_options {
            let how = options.format.as_deref().unwrap_or("probed").to_owned();
            if let Err(failure) = survives(&path, &options, &format!("{name}, {what}, {how}")) {
                failures.push(failure);
            }
        }
    };
    let original = &original[..original.len().min(LONGEST)];
    attempt(original, "as it is".to_owned());
    let len = original.len() as u64;
    for i in 0..CUTS.min(most) {
        // Half of the cuts are in the first kilobyte, where the headers are.
        let cut = if i % 2 == 0 { random.below(len.min(1024) + 1) } else { random.below(len + 1) } as usize;
        attempt(&original[..cut], format!("cut at {cut}"));
    }
    for i in 0..FLIPS.min(most) {
        let mut bytes = original.to_vec();
        let mut what = "changed at".to_owned();
        for _ in 0..=random.below(4) {
            if bytes.is_empty() {
                break;
            }
            let at = random.below(if i % 2 == 0 { len.min(2048) } else { len }) as usize;
            let extremes = [0, 0xff, 0x7f, 0x80, b'9', b'-', b'<'];
            bytes[at] = match random.below(3) {
                0 => extremes[random.below(extremes.len() as u64) as usize],
                1 => bytes[at] ^ (1 << random.below(8)),
                _ => random.next() as u8,
            };
            what += &format!(" {at}");
        }
        attempt(&bytes, what);
    }
}

/// Small files of the formats that can be made here without another program.
fn made() -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for (descr, shape, item) in [
        ("<i2", "(500, 4)", 2),
        (">f8", "(4, 100)", 8),
        ("|b1", "(300,)", 1),
        ("<c8", "(10, 2, 3)", 8),
        ("<f2", "(64, 1)", 2),
    ] {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend((0..item * 2000).map(|i| (i * 31 % 251) as u8));
        files.push((format!("made-{}.npy", files.len()), bytes));
    }
    files.push(("empty.npy".to_owned(), Vec::new()));
    files.push(("zeros.rec".to_owned(), vec![0; 5000]));
    files.push(("numbers.bin".to_owned(), (0..9999).map(|i| (i * 7) as u8).collect()));
    let header = "<?xml version=\"1.0\"?><Configuration><HardwareConfiguration samplingRate=\"30000\" numChannels=\"32\"/>\
                  </Configuration>\n";
    files.push(("made.rec".to_owned(), [header.as_bytes(), &[0x55; 4000]].concat()));
    files
}

#[test]
fn made_files_survive_cuts_and_changes() {
    let mut failures = Vec::new();
    let mut random = Random(0x5eed);
    for (name, bytes) in made() {
        torment(&bytes, &name, u64::MAX, &mut random, &mut failures);
    }
    assert!(
        failures.is_empty(),
        "{} failures, the first:\n{}",
        failures.len(),
        failures[..failures.len().min(20)].join("\n")
    );
}

#[test]
fn real_files_survive_cuts_and_changes() {
    let Some(folder) = common::real_files() else { return };
    let mut files = Vec::new();
    files_below(&folder, &mut files);
    assert!(files.len() > 10, "{} has too few files", folder.display());
    let mut failures = Vec::new();
    let mut random = Random(0xf11e);
    let mut known = 0;
    for path in &files {
        let options = OpenOptions::default();
        let format = source::probe(path, &options).ok();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match survives(path, &options, &name) {
            Ok(_) => {}
            Err(failure) => failures.push(failure),
        }
        // A format that is read is changed in many ways; of the others, the head as it is must be refused by all readers.
        if format.is_some() {
            known += 1;
            torment(&head(path), &name, REAL, &mut random, &mut failures);
        }
    }
    assert!(FORMATS.is_empty() || known > 0, "no file in {} is of a format that is read", folder.display());
    assert!(
        failures.is_empty(),
        "{} failures, the first:\n{}",
        failures.len(),
        failures[..failures.len().min(20)].join("\n")
    );
}

/// The beginning of a file.
fn head(path: &Path) -> Vec<u8> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path).unwrap().take(LONGEST as u64).read_to_end(&mut bytes).unwrap();
    bytes
}
