//! Reading the metadata file, and the files of probes that a user adds.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::fields::bounded;
use super::yaml::MAX_BYTES;
use super::{Metadata, Probe};
use crate::error::{Error, Result};
use crate::recording::Warning;

impl Metadata {
    /// Reads a metadata file and the `probes` that are described in files of their own, which win over built-in ones.
    ///
    /// # Errors
    /// Those of [`Metadata::parse`] and [`Probe::parse`], and what the system says, with the file's name; a probe that
    /// is described twice.
    pub(crate) fn load(path: &Path, probes: &[PathBuf]) -> Result<(Self, Vec<Warning>)> {
        let (mut metadata, warnings) = Self::parse(&contents(path)?).map_err(|e| e.with_path(path))?;
        let mut all: Vec<Warning> = named(warnings, path).collect();
        for file in probes {
            let bytes = contents(file)?;
            let mut found = vec![];
            if metadata.hardware.take(&bytes, &mut found).map_err(|e| e.with_path(file))? {
                all.extend(named(found, file));
                continue;
            }
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            let (probe, warnings) = Probe::parse(&bytes, &stem).map_err(|e| e.with_path(file))?;
            if metadata.probes.iter().any(|p| p.kind == probe.kind) {
                return Err(Error::invalid(format!("the probe '{}' is described twice", probe.kind))
                    .with_path(file)
                    .with_remedy("name each probe's file once"));
            }
            metadata.probes.push(probe);
            all.extend(named(warnings, file));
        }
        metadata.path = Some(path.to_path_buf());
        Ok((metadata, bounded(all)))
    }
}

fn named(warnings: Vec<Warning>, path: &Path) -> impl Iterator<Item = Warning> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    warnings.into_iter().map(move |w| Warning { text: format!("{name}: {}", w.text), at: w.at })
}

/// The bytes of a small file; a larger one is cut behind the limit, which its parser refuses. What is no file (a folder,
/// a pipe that nobody writes to) is not opened.
fn contents(path: &Path) -> Result<Vec<u8>> {
    let fail = |e| Error::io(path, e).with_remedy("check its name, and that it can be read");
    if !std::fs::metadata(path).map_err(fail)?.is_file() {
        return Err(Error::invalid("this is not a file").with_path(path).with_remedy("name a YAML file"));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(fail)?;
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(fail)?;
    Ok(bytes)
}
