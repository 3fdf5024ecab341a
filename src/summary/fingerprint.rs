//! What tells whether a recording is still the one that it was: length and hashes of both ends of each of its files, as
//! the sidecar of the summary has them. Two short reads a file; what was changed in the middle only is not noticed.

use std::fs::File;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::sidecar::ends;
use crate::error::{Error, Result};
use crate::source::Source;

/// More files than this are not looked at: the rest counts as it is.
const MAX_FILES: usize = 4096;

/// One file: its length, and xxh3 of its first and of its last 64 KiB (or of all of it, if it is shorter), in hex.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FileMark {
    pub bytes: u64,
    pub head: String,
    pub tail: String,
}

/// All files of a recording, in their order; empty for one that is in no file.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub Vec<FileMark>);

/// What has become of a recording.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Since {
    Same,
    /// What was there is there still, and more behind it.
    Grown,
    Changed,
}

impl FileMark {
    fn of(path: &Path, bytes: Option<u64>) -> Result<Self> {
        let io = |e| Error::io(path, e);
        let file = File::open(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        let bytes = bytes.unwrap_or(len).min(len);
        let (head, tail) = ends(&file, bytes).map_err(io)?;
        Ok(Self { bytes, head: format!("{head:016x}"), tail: format!("{tail:016x}") })
    }
}

impl Fingerprint {
    /// Of the files of `source` as they are now.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn of(source: &dyn Source) -> Result<Self> {
        let files = source.files();
        files.iter().take(MAX_FILES).map(|path| FileMark::of(path, None)).collect::<Result<_>>().map(Self)
    }

    /// What has become of the recording since this was taken. A file that cannot be read has changed.
    #[must_use]
    pub fn since(&self, source: &dyn Source) -> Since {
        let files = source.files();
        let mut grown = files.len().min(MAX_FILES) > self.0.len();
        for (i, before) in self.0.iter().enumerate() {
            let now = files.get(i).and_then(|path| FileMark::of(path, Some(before.bytes)).ok());
            if now.as_ref() != Some(before) {
                return Since::Changed;
            }
            let longer = |path: &std::path::PathBuf| std::fs::metadata(path).is_ok_and(|m| m.len() > before.bytes);
            grown |= files.get(i).is_some_and(longer);
        }
        if grown { Since::Grown } else { Since::Same }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::OpenOptions;
    use crate::task::Task;

    #[test]
    fn growth_and_change_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.raw");
        std::fs::write(&path, vec![7_u8; 100_000]).unwrap();
        let options = OpenOptions {
            sample_type: Some(crate::recording::SampleType::I16),
            channel_count: Some(1),
            ..OpenOptions::default()
        };
        let open = || crate::source::open(&path, &options, &Task::unattended()).unwrap();
        let before = Fingerprint::of(open().as_ref()).unwrap();
        assert_eq!(before.since(open().as_ref()), Since::Same);
        std::fs::write(&path, vec![7_u8; 100_002]).unwrap();
        assert_eq!(before.since(open().as_ref()), Since::Grown);
        std::fs::write(&path, vec![8_u8; 100_002]).unwrap();
        assert_eq!(before.since(open().as_ref()), Since::Changed);
        std::fs::write(&path, vec![7_u8; 99_998]).unwrap();
        assert_eq!(before.since(open().as_ref()), Since::Changed);
        let text = serde_json::to_string(&before).unwrap();
        assert_eq!(serde_json::from_str::<Fingerprint>(&text).unwrap(), before);
    }
}
