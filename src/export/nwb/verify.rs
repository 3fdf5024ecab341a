//! The finished file, read back: every chunk is unpacked and its hash compared with the one that was taken of the samples
//! when they were packed; the index is asked for some of the chunks through `rust-hdf5`'s reader; and some pieces are read
//! from the recording once more and compared sample by sample.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rust_hdf5::H5File;
use twox_hash::XxHash3_64;

use super::compress::Codec;
use super::pack;
use super::part::Record;
use super::pass::Pass;
use super::plan::Plan;
use super::tree::StoredChunk;
use crate::error::{Error, Result};
use crate::source::Source;
use crate::task::Task;

/// Chunks of each dataset that the index is asked for, and pieces of each pass that are read once more.
const SAMPLES: u64 = 16;

/// # Errors
/// When anything is not what was written.
pub(super) fn verify(
    path: &Path,
    source: &dyn Source,
    plan: &Plan,
    records: &[Vec<Record>],
    task: &Task,
) -> Result<()> {
    for (pass, records) in plan.passes.iter().zip(records) {
        hashes(path, pass, plan.codec, records, task)?;
        again(source, pass, plan.codec, records, task)?;
    }
    index(path, plan, records).map_err(|e| e.with_path(path))
}

fn differs(path: &Path, at: u64) -> Error {
    Error::malformed(at, "what was written reads back differently")
        .with_path(path)
        .with_remedy("the disk or the memory of this machine may be failing: export to another disk")
}

/// Reads every chunk of a pass on all threads.
fn hashes(path: &Path, pass: &Pass, codec: Codec, records: &[Record], task: &Task) -> Result<()> {
    let next = AtomicUsize::new(0);
    let threads = task.threads().min(records.len()).max(1);
    let frame_bytes = pass.bytes() / pass.rows.len().max(1);
    let work = || -> Result<()> {
        let mut file = File::open(path).map_err(|e| Error::io(path, e))?;
        let mut stored = Vec::new();
        loop {
            let Some(record) = records.get(next.fetch_add(1, Ordering::Relaxed)) else { return Ok(()) };
            for index in 0..pass.datasets() {
                let (size, len) = chunk_size(pass, index);
                let range = pass.chunk_range(record.piece, index);
                for chunk in record.chunks.get(range).unwrap_or_default() {
                    let _memory = task.budget().reserve(u64::from(chunk.len) + 2 * len as u64)?;
                    stored.resize(chunk.len as usize, 0);
                    file.seek(SeekFrom::Start(chunk.at)).map_err(|e| Error::io(path, e))?;
                    file.read_exact(&mut stored).map_err(|e| Error::io(path, e))?;
                    // Bytes that were not changed by a filter need no second copy.
                    let hash = if codec == Codec::None || chunk.skipped == 3 {
                        XxHash3_64::oneshot(&stored)
                    } else {
                        let raw = codec.decode(&stored, chunk.skipped, size, len);
                        XxHash3_64::oneshot(&raw.ok().ok_or_else(|| differs(path, chunk.at))?)
                    };
                    if hash != chunk.hash {
                        return Err(differs(path, chunk.at));
                    }
                }
            }
            let rows = pass.rows_of(record.piece);
            task.advance((rows.end - rows.start) * frame_bytes)?;
        }
    };
    let mut failure: Option<Error> = None;
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let result = worker.join().unwrap_or_else(|panic| Err(crate::scan::panicked(panic.as_ref())));
            if let Err(e) = result
                && failure.as_ref().is_none_or(Error::is_cancelled)
            {
                failure = Some(e);
            }
        }
    });
    failure.map_or(Ok(()), Err)
}

/// Bytes of an element and of a chunk of dataset `index`.
fn chunk_size(pass: &Pass, index: usize) -> (usize, usize) {
    match pass.series.get(index) {
        Some(series) => (series.kind.size(), series.chunk_bytes()),
        None => (8, pass.time_chunk_rows() as usize * 8),
    }
}

/// `n` numbers below `len`: the first, the last, and some between.
fn some_of(len: u64) -> impl Iterator<Item = u64> {
    let n = len.min(SAMPLES);
    (0..n).map(move |i| if n > 1 { i * (len - 1) / (n - 1) } else { 0 })
}

/// Packs some pieces again, from the recording.
fn again(source: &dyn Source, pass: &Pass, codec: Codec, records: &[Record], task: &Task) -> Result<()> {
    for i in some_of(records.len() as u64) {
        let record = &records[i as usize];
        task.advance(0)?;
        let packed = pack::pack(source, pass, record.piece, codec, task)?;
        let same = packed.chunks.iter().map(|c| c.2).eq(record.chunks.iter().map(|c| c.hash));
        if !same {
            return Err(Error::invalid("the recording has changed while it was exported")
                .with_remedy("export it again when nothing writes to it any more"));
        }
    }
    Ok(())
}

/// Asks the index of every dataset for some of its chunks, as any other reader would.
fn index(path: &Path, plan: &Plan, records: &[Vec<Record>]) -> Result<()> {
    let broken = |what: String| Error::invalid(format!("the finished file does not read back: {what}"));
    // The lock on it is our own.
    let file = H5File::options().no_locking().open(path).map_err(|e| broken(e.to_string()))?;
    let mut plain = File::open(path).map_err(|e| Error::io(path, e))?;
    for (pass, records) in plan.passes.iter().zip(records) {
        for index in 0..pass.datasets() {
            let (name, columns) = match pass.series.get(index) {
                Some(series) => (format!("{}/data", &series.path()[1..]), series.columns()),
                None => (format!("{}/timestamps", &pass.owner_of(index - pass.series.len()).path()[1..]), 1),
            };
            let dataset = file.dataset(&name).map_err(|e| broken(format!("{name}: {e}")))?;
            let shape = dataset.shape();
            if shape.first().copied() != usize::try_from(pass.rows.len()).ok() {
                return Err(broken(format!("{name} has the shape {shape:?}")));
            }
            let chunks: Vec<StoredChunk> = super::build::chunks_of(pass, records, index);
            for i in some_of(chunks.len() as u64) {
                let mut at = vec![(i / columns) as usize, (i % columns) as usize];
                at.truncate(shape.len());
                let (bytes, skipped) = dataset.read_chunk_raw_at(&at).map_err(|e| broken(format!("{name}: {e}")))?;
                let chunk = &chunks[i as usize];
                let mut own = vec![0; chunk.len as usize];
                plain.seek(SeekFrom::Start(chunk.at)).map_err(|e| Error::io(path, e))?;
                plain.read_exact(&mut own).map_err(|e| Error::io(path, e))?;
                if bytes != own || skipped != chunk.skipped {
                    return Err(broken(format!("chunk {i} of {name} is another one")));
                }
            }
        }
    }
    Ok(())
}
