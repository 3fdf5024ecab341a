//! Files beside the recording that the metadata names: texts, which are copied into the NWB file, and the frame times of
//! videos, which the camera module of Trodes writes as `NAME.videoTimeStamps.cameraHWSync`.
//!
//! They are looked for while planning, so that what is missing is said before anything is written, and read when the
//! file is finished. The file of times is text (`<Start settings>`, `Fields: <PosTimestamp uint32>…`, `<End settings>`)
//! and then packed little-endian records; `HWTimestamp` is nanoseconds since 1970. After SpikeGadgets'
//! `readTrodesExtractedDataFile3.py`, which describes that kind of file.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::super::metadata::Metadata;
use crate::budget::Reservation;
use crate::error::{Error, Result};
use crate::source::Source;
use crate::task::Task;

/// A text that belongs to a session is not longer.
const MAX_TEXT_BYTES: u64 = 4 << 20;
/// Frames of one video: two days at 25 Hz.
const MAX_FRAMES: u64 = 1 << 22;
/// The settings of a file of times end in front of this.
const MAX_SETTINGS_BYTES: usize = 64 << 10;
/// What is read is in memory so many times before it is in the file.
const COPIES: u64 = 4;
/// Entries of a folder that are looked at.
const MAX_ENTRIES: usize = 100_000;
const SYNC: &str = "videoTimeStamps.cameraHWSync";

/// What the metadata names, and where it is.
#[derive(Clone, PartialEq, Debug, Default)]
pub(in crate::export::nwb) struct Found {
    /// Of each associated file.
    texts: Vec<Option<PathBuf>>,
    /// Of each video its file's name and the file of its times.
    videos: Vec<Option<(String, PathBuf)>>,
    pub notes: Vec<String>,
}

/// What stands in them.
#[derive(Default)]
pub(in crate::export::nwb) struct Attached {
    /// Of each associated file; empty where there is none.
    pub files: Vec<String>,
    /// Of each video its file's name and the times of its frames, seconds since 1970.
    pub videos: Vec<Option<(String, Vec<f64>)>>,
    /// For what is kept here, and for its way into the file.
    _memory: Vec<Reservation>,
}

impl Found {
    /// Looks for the files: texts where the metadata says (from its own folder, or from where the program runs), videos
    /// in the folders of the recording.
    pub(in crate::export::nwb) fn new(told: &Metadata, source: &dyn Source) -> Self {
        let mut found = Self::default();
        let own = told.path.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        for file in &told.associated_files {
            let told = PathBuf::from(file.path.clone().unwrap_or_else(|| file.name.clone()));
            // Some say the folder, some the file.
            let places = [own.join(&told), told.clone(), own.join(&told).join(&file.name), told.join(&file.name)];
            let place = places.into_iter().find(|p| p.is_file());
            if place.is_none() {
                found.notes.push(format!("the associated file '{}' is not there: its content stays empty", file.name));
            }
            found.texts.push(place);
        }
        if !told.associated_videos.is_empty() {
            let folders: BTreeSet<PathBuf> =
                source.files().iter().filter_map(|f| f.parent().map(Path::to_path_buf)).collect();
            let here =
                |folder: &PathBuf| if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.clone() };
            let entries: Vec<PathBuf> = folders
                .iter()
                .filter_map(|folder| std::fs::read_dir(here(folder)).ok())
                .flat_map(|entries| entries.take(MAX_ENTRIES).flatten().map(|e| e.path()))
                .collect();
            for video in &told.associated_videos {
                let place = find_video(&video.name, &entries, Path::is_file);
                if place.is_none() {
                    found.notes.push(format!(
                        "the video '{0}' or its times ({1}.{SYNC}) are not beside the recording: it is not written",
                        video.name,
                        stem(&video.name)
                    ));
                }
                found.videos.push(place);
            }
        }
        found
    }

    /// Reads them.
    ///
    /// # Errors
    /// When a file cannot be read, is too long, or is not what its name says.
    pub(in crate::export::nwb) fn read(&self, task: &Task) -> Result<Attached> {
        let mut attached = Attached::default();
        for path in &self.texts {
            let text = path.as_deref().map_or_else(|| Ok(String::new()), text)?;
            attached._memory.push(task.budget().reserve(COPIES * text.len() as u64)?);
            attached.files.push(text);
        }
        for found in &self.videos {
            let mut video = None;
            if let Some((name, path)) = found {
                let times = times(path, task)?;
                attached._memory.push(task.budget().reserve(COPIES * 8 * times.len() as u64)?);
                video = Some((name.clone(), times));
            }
            attached.videos.push(video);
            task.advance(0)?;
        }
        Ok(attached)
    }
}

/// Without the last extension.
fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// The video that `name` means, and the file of its times.
fn find_video(name: &str, entries: &[PathBuf], is_file: fn(&Path) -> bool) -> Option<(String, PathBuf)> {
    let name_of = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut videos: Vec<&PathBuf> = entries
        .iter()
        .filter(|p| p.extension().is_some_and(|e| e == "h264" || e == "mp4"))
        .filter(|p| name_of(p).contains(stem(name)))
        .collect();
    videos.sort();
    // The name itself before one that has it in it.
    let video = videos.iter().find(|p| name_of(p) == name).or(videos.first())?;
    let sync = video.with_extension(SYNC);
    (entries.contains(&sync) && is_file(&sync)).then(|| (name_of(video), sync))
}

fn text(path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    file.take(MAX_TEXT_BYTES + 1).read_to_end(&mut bytes).map_err(|e| Error::io(path, e))?;
    if bytes.len() as u64 > MAX_TEXT_BYTES {
        return Err(Error::limit(MAX_TEXT_BYTES, "an associated file of more than 4 MiB")
            .with_path(path)
            .with_remedy("name a text in associated_files, or remove it from there"));
    }
    // The text ends at a zero byte where it is stored; no text has one.
    Ok(String::from_utf8_lossy(&bytes).replace('\0', "\u{fffd}"))
}

/// Offset and bytes of the record's field `HWTimestamp`, and the record's length.
fn layout(fields: &str) -> Option<(usize, usize)> {
    let (mut at, mut found) = (0, None);
    for field in fields.split('>').map(|f| f.trim().trim_start_matches('<')).filter(|f| !f.is_empty()) {
        let (name, kind) = field.split_once(' ')?;
        let (count, kind) = match kind.trim().split_once('*') {
            Some((count, kind)) => (count.trim().parse::<usize>().ok().filter(|n| *n <= 1 << 16)?, kind),
            None => (1, kind),
        };
        let size = match kind.trim() {
            "uint8" | "int8" => 1,
            "uint16" | "int16" => 2,
            "uint32" | "int32" | "float32" | "single" => 4,
            "uint64" | "int64" | "float64" | "double" => 8,
            _ => return None,
        };
        if name == "HWTimestamp" && count == 1 && size == 8 {
            found = Some(at);
        }
        at += count * size;
    }
    found.map(|found| (found, at))
}

/// The times of a video's frames, seconds since 1970.
fn times(path: &Path, task: &Task) -> Result<Vec<f64>> {
    let io = |e| Error::io(path, e);
    let broken = |at: u64, what: &str| {
        Error::malformed(at, what)
            .with_path(path)
            .with_remedy("name a video of this recording, or remove it from the metadata")
    };
    let mut file = File::open(path).map_err(io)?;
    let len = file.metadata().map_err(io)?.len();
    let mut head = vec![];
    (&mut file).take(MAX_SETTINGS_BYTES as u64).read_to_end(&mut head).map_err(io)?;
    const END: &[u8] = b"<End settings>";
    let end = head.windows(END.len()).position(|w| w == END).ok_or_else(|| broken(0, "no '<End settings>'"))?;
    let settings = String::from_utf8_lossy(&head[..end]).into_owned();
    let field = |line: &str| {
        let (key, value) = line.split_once(':')?;
        key.trim().eq_ignore_ascii_case("fields").then(|| value.to_owned())
    };
    let fields = settings.lines().find_map(field).unwrap_or_default();
    let (at, record) = layout(&fields).ok_or_else(|| broken(0, "the fields have no HWTimestamp of 64 bits"))?;
    let newline =
        head[end..].iter().position(|b| *b == b'\n').ok_or_else(|| broken(end as u64, "the settings do not end"))?;
    let first = (end + newline + 1) as u64;
    let frames = len.saturating_sub(first) / record as u64;
    if frames > MAX_FRAMES {
        return Err(Error::limit(first, format!("a video of {frames} frames")).with_path(path));
    }
    let _memory = task.budget().reserve(len + 8 * frames)?;
    let mut bytes = head.split_off(first as usize);
    file.take(len).read_to_end(&mut bytes).map_err(io)?;
    let time = |record: &[u8]| {
        let ns = record[at..at + 8].iter().rev().fold(0_u64, |ns, byte| ns << 8 | u64::from(*byte));
        ns as f64 / 1e9
    };
    let times: Vec<f64> = bytes.chunks_exact(record).map(time).collect();
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_frames_are_read_and_broken_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.1.videoTimeStamps.cameraHWSync");
        let settings = "<Start settings>\nClock rate: 30000\nFields: <PosTimestamp uint32><HWframeCount uint32><HWTimestamp uint64>\n<End settings>\n";
        let mut bytes = settings.as_bytes().to_vec();
        for i in 0..3_u64 {
            bytes.extend(((i as u32) * 7).to_le_bytes());
            bytes.extend((i as u32).to_le_bytes());
            bytes.extend((1_500_000_000 + i * 33_000_000).to_le_bytes());
        }
        let task = Task::unattended();
        // What is cut short is no frame.
        for cut in [0, 1, 15] {
            std::fs::write(&path, &bytes[..bytes.len() - cut]).unwrap();
            let expected = [1.5, 1.533, 1.566];
            assert_eq!(times(&path, &task).unwrap(), expected[..3 - usize::from(cut > 0)]);
        }
        for (from, to) in
            [("<End settings>", "<End>"), ("HWTimestamp", "Other"), ("uint64", "uint32"), ("uint64", "odd")]
        {
            std::fs::write(&path, settings.replace(from, to)).unwrap();
            assert!(times(&path, &task).unwrap_err().remedy().is_some(), "{to}");
        }
        assert_eq!(task.budget().used(), 0);
        let entries = ["d/b_01.1.h264", "d/a_01.1.h264", "d/a_01.1.videoTimeStamps.cameraHWSync"].map(PathBuf::from);
        let (name, sync) = find_video("a_01.1.h264", &entries, |_| true).unwrap();
        assert_eq!((name.as_str(), sync.as_path()), ("a_01.1.h264", entries[2].as_path()));
        assert_eq!(find_video("b_01.1.h264", &entries, |_| true), None);
    }
}
