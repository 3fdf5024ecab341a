//! What `.npy` and raw exports have in common: the samples as rows of all channels, and the description beside
//! them. Stored values keep their byte order; physical ones are little-endian.
//!
//! Where the recording holds exactly the wanted bytes in one piece, they are copied by the operating system; otherwise
//! blocks are read ahead by the workers, turned into rows in cache-sized groups and written. The target and its
//! `NAME.longwave.toml` appear together or not at all.

use std::io::Write as _;
use std::path::PathBuf;

use super::{Prediction, Request, Values};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{AtomicFile, FlatLayout, free_bytes};
use crate::recording::{Block, ByteOrder, Sample, SampleFormat, SampleType, Scale, Stream};
use crate::scan::{ChunkPlan, Overlap, Selection, for_each};
use crate::source::OpenOptions;
use crate::source::options::MAX_GAPS;
use crate::with_samples;

/// What one call copies at most: cancelling waits no longer than for this.
const COPY_BYTES: u64 = 16 << 20;
/// Rows are made in groups of about this many bytes, so that reading one channel after the other stays in the cache.
const GROUP_BYTES: usize = 256 << 10;
/// What a disk can be expected to take in, for the prediction.
const EXPECTED_BYTES_PER_SEC: f64 = 500e6;

/// How the samples are stored that are written.
pub(super) fn written_format(stream: &Stream, values: Values) -> SampleFormat {
    match (values, stream.format.sample_type) {
        (Values::Stored, _) => stream.format,
        // More than the 24 bits that a 32-bit float tells apart.
        (_, SampleType::I32 | SampleType::U32 | SampleType::I64 | SampleType::U64 | SampleType::F64) => {
            SampleFormat::little(SampleType::F64)
        }
        _ => SampleFormat::little(SampleType::F32),
    }
}

/// Size, room and time of writing `header` bytes and the samples.
pub(super) fn predict(request: &Request<'_>, header: &[u8]) -> Result<Prediction> {
    let stream = request.selection.stream_in(request.source.recording())?;
    let bytes = total_bytes(request, stream, header)?;
    let folder = match request.target.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => std::path::Path::new("."),
    };
    let mut notes = vec![];
    let pieces = stream.time.contiguous(request.selection.frames.clone()).count();
    if pieces > 1 {
        let gaps = if pieces == 2 { "the gap".to_owned() } else { format!("the {} gaps", pieces - 1) };
        notes.push(format!(
            "the samples on both sides of {gaps} in this range are written back to back; {}",
            if pieces <= MAX_GAPS {
                "where something is missing stands in the .longwave.toml beside the file"
            } else {
                "there are too many of them to be remembered"
            }
        ));
    }
    let exact = stream.format.sample_type;
    if request.values == Values::Physical && matches!(exact, SampleType::I64 | SampleType::U64) {
        notes.push("64-bit integers beyond 2^53 are rounded to the nearest 64-bit float".to_owned());
    }
    Ok(Prediction { bytes, free_bytes: free_bytes(folder), secs: bytes as f64 / EXPECTED_BYTES_PER_SEC, notes })
}

fn total_bytes(request: &Request<'_>, stream: &Stream, header: &[u8]) -> Result<u64> {
    let size = written_format(stream, request.values).size() as u64;
    (request.selection.len())
        .checked_mul(request.selection.channels.len() as u64)
        .and_then(|n| n.checked_mul(size))
        .and_then(|n| n.checked_add(header.len() as u64))
        .ok_or_else(|| Error::invalid("the selection is larger than any file").with_path(request.target))
}

/// Writes `header` and the samples to the target, and `options`, completed by what is known of the channels and the
/// clock, beside it.
pub(super) fn write(request: &Request<'_>, header: &[u8], options: OpenOptions) -> Result<Vec<PathBuf>> {
    let stream = request.selection.stream_in(request.source.recording())?;
    if request.selection.channels.is_empty() {
        return Err(Error::invalid("no channel is selected").with_remedy("select at least one channel"));
    }
    if request.source.files().iter().any(|file| is_same_file(file, request.target)) {
        return Err(Error::invalid("this is the recording itself")
            .with_path(request.target)
            .with_remedy("choose another name"));
    }
    let beside = OpenOptions::path_beside(request.target);
    if !request.overwrite && beside.symlink_metadata().is_ok() {
        return Err(Error::new(ErrorKind::Exists)
            .with_path(&beside)
            .with_remedy("choose another name, or overwrite it with --force"));
    }
    request.task.set_total(request.selection.bytes(stream));
    let mut out = AtomicFile::create(request.target, total_bytes(request, stream, header)?, request.overwrite)?;
    out.write_all(header).map_err(|e| out.explain(e))?;
    write_samples(request, stream, &mut out)?;
    if request.task.is_cancelled() {
        return Err(Error::cancelled());
    }
    // The description first: samples without their gain would be wrong, a description without samples is nothing. If
    // the samples then fail to appear, what was there before is put back.
    let before = std::fs::read(&beside).ok();
    // All that takes time is done before: a power cut between the two finds hardly a moment.
    out.settle()?;
    describe(request, stream, options).save_beside(request.target)?;
    if let Err(e) = out.commit() {
        // Whether this works or not, the error to report is the first one.
        drop(match before {
            Some(text) => std::fs::write(&beside, text),
            None => std::fs::remove_file(&beside),
        });
        return Err(e);
    }
    Ok(vec![request.target.to_path_buf(), beside])
}

/// Refuses a folder as the target in which the recording itself lies.
pub(super) fn refuse_source_in(request: &Request<'_>) -> Result<()> {
    let target = request.target.canonicalize();
    let inside = |file: &std::path::Path| matches!((file.canonicalize(), &target), (Ok(f), Ok(t)) if f.starts_with(t));
    if request.source.files().iter().any(|file| inside(file)) {
        return Err(Error::invalid("the recording itself is in this folder")
            .with_path(request.target)
            .with_remedy("choose another name"));
    }
    Ok(())
}

fn is_same_file(a: &std::path::Path, b: &std::path::Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Writes the samples: file by file as they are where the files hold just these bytes, otherwise as rows.
fn write_samples(request: &Request<'_>, stream: &Stream, out: &mut AtomicFile) -> Result<()> {
    let Selection { stream: index, channels, frames } = request.selection;
    let mut at = frames.start;
    while at < frames.end {
        let piece = request.source.flat_at(*index, at);
        let Some(piece) = piece.filter(|piece| is_copied(request, stream, &piece.layout)) else {
            let rest = Selection { stream: *index, channels: channels.clone(), frames: at..frames.end };
            return write_rows(request, &rest, stream, out);
        };
        let local = piece.local(&(at..frames.end));
        let start = piece.layout.first_byte() + local.start * piece.layout.frame_stride();
        let bytes = (local.end - local.start) * piece.layout.frame_stride();
        copy(request, &piece.layout, start..start + bytes, out)?;
        at += local.end - local.start;
    }
    Ok(())
}

/// Whether `flat` holds the bytes to write, in order and without anything between.
fn is_copied(request: &Request<'_>, stream: &Stream, flat: &FlatLayout) -> bool {
    let size = stream.format.size() as u64;
    let channels = &request.selection.channels;
    let stored = request.values == Values::Stored && flat.format() == stream.format;
    let all = flat.frame_stride() == channels.len() as u64 * size;
    stored && all && channels.iter().enumerate().all(|(i, &c)| flat.channel_offsets()[c] == i as u64 * size)
}

/// Copies bytes of the recording's file, inside the operating system where it can, else from the map.
fn copy(request: &Request<'_>, flat: &FlatLayout, range: std::ops::Range<u64>, out: &mut AtomicFile) -> Result<()> {
    let map = flat.map();
    let mut at = range.start;
    #[cfg(target_os = "linux")]
    while at < range.end {
        let want = COPY_BYTES.min(range.end - at);
        let mut from = at;
        match rustix::fs::copy_file_range(map.file(), Some(&mut from), out.file(), None, want as usize) {
            Ok(0) => break, // the end of a file that has shrunk, which the map explains below
            Ok(n) => {
                at += n as u64;
                request.task.advance(n as u64)?;
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::NOSPC) => return Err(out.explain(rustix::io::Errno::NOSPC.into())),
            Err(_) => break, // file systems that cannot; whatever it is, writing says it better
        }
    }
    while at < range.end {
        let piece = at..(at + COPY_BYTES).min(range.end);
        map.populate(piece.clone());
        let written = out.write_all(map.bytes(piece.clone())?);
        // A page that is lost while the system reads it is a bad address to the system; the map knows better.
        written.map_err(|e| map.bytes(piece.clone()).err().unwrap_or_else(|| out.explain(e)))?;
        map.check_to(piece.end)?;
        map.release(piece.clone());
        at = piece.end;
        request.task.advance(piece.end - piece.start)?;
    }
    Ok(())
}

/// Writes the samples as rows of all selected channels.
fn write_rows(request: &Request<'_>, selection: &Selection, stream: &Stream, out: &mut AtomicFile) -> Result<()> {
    let size = written_format(stream, request.values).size();
    let row = selection.channels.len() * size;
    let group = (GROUP_BYTES / row).max(1);
    let _memory = request.task.budget().reserve((group * row) as u64)?;
    let mut bytes = vec![0_u8; group * row];
    let scales: Vec<Scale> = selection.channels.iter().map(|&c| stream.channels[c].scale).collect();
    let plan = ChunkPlan::new(request.task, stream, selection, Overlap::default())?;
    for_each(request.source.as_ref(), selection, &plan, request.task, &mut |_, block| {
        for first in (0..block.frames()).step_by(group) {
            let rows = group.min(block.frames() - first);
            let bytes = &mut bytes[..rows * row];
            match (request.values, size) {
                (Values::Stored, _) => stored_rows(block, first, stream.format.byte_order, bytes),
                (Values::Physical, 4) => physical_rows::<f32>(block, first, &scales, |x| x as f32, bytes),
                (Values::Physical, _) => physical_rows::<f64>(block, first, &scales, |x| x, bytes),
            }
            out.write_all(bytes).map_err(|e| out.explain(e))?;
        }
        Ok(())
    })
}

fn stored_rows(block: &Block, first: usize, byte_order: ByteOrder, out: &mut [u8]) {
    let (frames, channels) = (block.frames(), block.channels());
    with_samples!(block.samples(), v => match byte_order {
        ByteOrder::Little => interleave(v, frames, first, channels, |_, x| Sample::to_le_array(x), out),
        ByteOrder::Big => interleave(v, frames, first, channels, |_, x| Sample::to_be_array(x), out),
    });
}

fn physical_rows<T: Sample>(
    block: &Block,
    first: usize,
    scales: &[Scale],
    narrow: impl Fn(f64) -> T + Copy,
    out: &mut [u8],
) {
    with_samples!(block.samples(), v => {
        let convert = |c: usize, x| narrow(scales[c].apply(Sample::to_f64(x))).to_le_array();
        interleave(v, block.frames(), first, block.channels(), convert, out);
    });
}

/// Planar samples from frame `first` on, as many as `out` holds, to rows of what `convert` makes of them.
///
/// Channels are taken eight at a time: eight streams are read in order, and what is written of each row is contiguous.
fn interleave<T: Sample, B: AsRef<[u8]>>(
    planar: &[T],
    frames: usize,
    first: usize,
    channels: usize,
    convert: impl Fn(usize, T) -> B,
    out: &mut [u8],
) {
    const TOGETHER: usize = 8;
    let size = size_of::<B>();
    let row = channels * size;
    let rows = out.len() / row;
    let column = |c: usize| &planar[c * frames + first..c * frames + first + rows];
    let mut c = 0;
    while c + TOGETHER <= channels {
        let columns: [&[T]; TOGETHER] = std::array::from_fn(|i| column(c + i));
        for (r, row) in out.chunks_exact_mut(row).enumerate() {
            let cells = row[c * size..(c + TOGETHER) * size].chunks_exact_mut(size);
            for (i, cell) in cells.enumerate() {
                cell.copy_from_slice(convert(c + i, columns[i][r]).as_ref());
            }
        }
        c += TOGETHER;
    }
    for c in c..channels {
        for (row, &x) in out.chunks_exact_mut(row).zip(column(c)) {
            row[c * size..(c + 1) * size].copy_from_slice(convert(c, x).as_ref());
        }
    }
}

/// Completes `options` by what is known of the channels and the clock.
fn describe(request: &Request<'_>, stream: &Stream, mut options: OpenOptions) -> OpenOptions {
    let channels: Vec<_> = request.selection.channels.iter().map(|&c| &stream.channels[c]).collect();
    options.rate_hz = stream.time.rate_known().then(|| stream.time.rate_hz());
    let frames = &request.selection.frames;
    let gaps = stream.time.gaps().filter(|gap| gap.after_frame >= frames.start && gap.after_frame + 1 < frames.end);
    let gaps: Vec<_> = gaps.take(MAX_GAPS + 1).map(|g| [g.after_frame - frames.start, g.missing_frames]).collect();
    // Without a rate time counts frames, and nothing can be missing.
    options.gaps = (options.rate_hz.is_some() && !gaps.is_empty() && gaps.len() <= MAX_GAPS).then_some(gaps);
    let mut ids = std::collections::HashSet::new();
    // Ids that do not tell channels apart are not worth keeping, and a description with them would be refused.
    if channels.iter().enumerate().any(|(i, c)| c.id != i.to_string()) && channels.iter().all(|c| ids.insert(&*c.id)) {
        options.channel_ids = Some(channels.iter().map(|c| c.id.clone()).collect());
    }
    let numbered = |i: usize| crate::recording::Channel::numbered(i).name;
    if channels.iter().enumerate().any(|(i, c)| c.name != numbered(i)) {
        options.channel_names = Some(channels.iter().map(|c| c.name.clone()).collect());
    }
    if request.values == Values::Stored {
        let gains: Vec<f64> = channels.iter().map(|c| c.scale.gain).collect();
        let offsets: Vec<f64> = channels.iter().map(|c| c.scale.offset).collect();
        (options.gain, options.channel_gains) = one_or_all(gains, &1.0);
        (options.offset, options.channel_offsets) = one_or_all(offsets, &0.0);
    }
    let units: Vec<String> = channels.iter().map(|c| c.unit.clone()).collect();
    (options.unit, options.channel_units) = one_or_all(units, &String::new());
    let first_tick = stream.time.tick_of_frame(request.selection.frames.start);
    options.start = stream.time.unix_ns_of_tick(first_tick).and_then(|ns| {
        let instant = jiff::Timestamp::from_nanosecond(ns).ok()?;
        Some(instant.to_string())
    });
    options
}

/// One value if all are the same (none if it is the default), else all of them.
fn one_or_all<T: PartialEq + Clone>(values: Vec<T>, default: &T) -> (Option<T>, Option<Vec<T>>) {
    match values.first() {
        Some(first) if values.iter().all(|v| v == first) => ((first != default).then(|| first.clone()), None),
        Some(_) => (None, Some(values)),
        None => (None, None),
    }
}
