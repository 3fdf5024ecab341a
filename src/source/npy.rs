//! NumPy arrays (`.npy`, versions 1.0, 2.0 and 3.0): every real and complex numeric type, both byte orders, C and
//! Fortran order, read where they lie.
//!
//! Which axis is time: the first, unless the options say otherwise (`order = "planar"`: the last) or a two-dimensional
//! array has an *obvious shape*: at most 1024 rows, at least 1000 columns and at least 16 columns for every row are
//! channels × frames. All other axes together are the channels, in C order. An element of a complex array gives two
//! channels, its real and its imaginary part. A one-dimensional array is one channel, or interleaved channels where the
//! options tell how many.
//!
//! Opening costs the header, whatever the length of the array.

use std::path::Path;
use std::sync::Arc;

use super::flat_source::MAX_CHANNELS;
use super::npy_header::{self, ArrayHeader, MAGIC};
use super::{ChannelOrder, Confidence, FlatSource, Format, Head, OpenOptions, Source};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{FileMap, FlatLayout};
use crate::recording::{Channel, Recording, Stream, Warning};
use crate::task::Task;

pub(super) const FORMAT: Format = Format { name: "npy", title: "NumPy array", extensions: &["npy"], probe, open };

fn probe(head: &Head<'_>) -> Confidence {
    if head.bytes.starts_with(MAGIC) {
        Confidence::Magic
    } else if head.has_extension(FORMAT.extensions) {
        Confidence::Extension
    } else {
        Confidence::No
    }
}

fn open(path: &Path, options: &OpenOptions, _: &Task) -> Result<Arc<dyn Source>> {
    let map = FileMap::open(path)?;
    let mut recording = Recording {
        name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        format: FORMAT.name,
        ..Recording::default()
    };
    let header = npy_header::read(&map, 0, map.len())?;
    recording.properties = properties(&header);
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let (stream, layout) = array(&map, &header, map.len(), name, options, &mut recording.warnings)?;
    recording.streams.push(stream);
    Ok(Arc::new(FlatSource::new(recording, vec![layout])?))
}

/// What a header tells, for people.
fn properties(header: &ArrayHeader) -> Vec<(String, String)> {
    vec![
        ("dtype".into(), header.descr.clone()),
        ("shape".into(), shape_text(&header.shape)),
        ("order".into(), if header.fortran_order { "Fortran" } else { "C" }.into()),
        ("npy version".into(), format!("{}.{}", header.version.0, header.version.1)),
    ]
}

pub(super) fn shape_text(shape: &[u64]) -> String {
    let axes: Vec<String> = shape.iter().map(u64::to_string).collect();
    axes.join(" × ")
}

/// Describes the array of `header`, whose bytes must end before `end`, as the stream `name`.
///
/// # Errors
/// When sizes overflow or are beyond sense, or the file lacks bytes that cannot be done without.
pub(super) fn array(
    map: &Arc<FileMap>,
    header: &ArrayHeader,
    end: u64,
    name: String,
    options: &OpenOptions,
    warnings: &mut Vec<Warning>,
) -> Result<(Stream, FlatLayout)> {
    let shape = axes(header, options, warnings)?;
    let strides = strides(&shape, header)?;
    let time = time_axis(&shape, header, options, warnings);
    let mut frames = shape[time];
    let others: Vec<usize> = (0..shape.len()).filter(|&axis| axis != time).collect();
    // The product of all axes did not overflow, except that a zero among them hides the others.
    let elements = others.iter().try_fold(1_u64, |n, &axis| n.checked_mul(shape[axis])).unwrap_or(u64::MAX);
    let parts: u64 = if header.complex { 2 } else { 1 };
    if elements == 0 {
        return Err(Error::unsupported(format!("an array without channels (shape {})", shape_text(&header.shape))));
    }
    if elements > MAX_CHANNELS / parts {
        return Err(Error::limit(header.data_start, format!("a stream of {elements} channels"))
            .with_remedy("say which axis is time with --order interleaved or --order planar, or reshape the array"));
    }
    if others.len() > 1 {
        let flattened: Vec<u64> = others.iter().map(|&axis| shape[axis]).collect();
        warnings.push(Warning::new(format!(
            "the array has {} axes: axis {time} is time, the others ({}) are flattened into {elements} channels",
            shape.len(),
            shape_text(&flattened)
        )));
    }

    let needed = shape.iter().product::<u64>() * header.item_bytes();
    let present = end.min(map.len()).saturating_sub(header.data_start);
    if present < needed {
        // Only whole frames at the front are of use, so frames must follow each other in the file.
        let slowest = if is_fortran(&shape, header) { shape.len() - 1 } else { 0 };
        let frame_bytes = needed / frames;
        let whole = if time == slowest { present / frame_bytes } else { 0 };
        if whole == 0 {
            return Err(Error::new(ErrorKind::Truncated { at: header.data_start, needed, len: end.min(map.len()) })
                .with_remedy("it may have been cut while copying or saving: compare its size with the original"));
        }
        warnings.push(Warning::at(
            header.data_start + present,
            format!(
                "the file was cut short: {needed} bytes of samples are announced, {present} are there; the first \
                 {whole} of {frames} frames are shown"
            ),
        ));
        frames = whole;
    } else if present > needed {
        warnings.push(Warning::at(
            header.data_start + needed,
            format!("{} bytes behind the array are ignored", present - needed),
        ));
    }
    if frames == 0 {
        warnings.push(Warning::new("the array is empty"));
    }

    let (offsets, mut channels) = channels(&shape, &strides, &others, header);
    options.apply_to_channels(&mut channels);
    let layout = FlatLayout::new(map.clone(), header.format, header.data_start, strides[time], offsets, frames)?;
    let time = options.time_base(frames, warnings)?;
    Ok((Stream { name, format: header.format, time, frames, channels }, layout))
}

/// The shape, with at least one axis, and with the channels of a flat interleaved array on an axis of their own.
fn axes(header: &ArrayHeader, options: &OpenOptions, warnings: &mut Vec<Warning>) -> Result<Vec<u64>> {
    match (header.shape.as_slice(), options.channel_count) {
        ([], _) => Ok(vec![1]),
        ([samples], Some(count)) if count > 1 => {
            let count = count as u64;
            if *samples < count {
                return Err(Error::invalid(format!("{samples} samples are less than one frame of {count} channels")));
            }
            if samples % count != 0 {
                warnings.push(Warning::new(format!(
                    "the last {} samples are less than a frame of {count} channels and left out",
                    samples % count
                )));
            }
            let frames = samples / count;
            let planar = options.order == Some(ChannelOrder::Planar);
            Ok(if planar { vec![count, frames] } else { vec![frames, count] })
        }
        (shape, _) => Ok(shape.to_vec()),
    }
}

/// Whether the first axis varies fastest. A one-dimensional array that was split into frames and channels is C-ordered
/// whatever its header says.
fn is_fortran(shape: &[u64], header: &ArrayHeader) -> bool {
    header.fortran_order && header.shape.len() == shape.len()
}

/// Bytes from one element to the next along each axis.
fn strides(shape: &[u64], header: &ArrayHeader) -> Result<Vec<u64>> {
    let too_large = || Error::limit(header.data_start, format!("an array of {} elements", shape_text(shape)));
    let mut strides = vec![0; shape.len()];
    let mut stride = header.item_bytes();
    // An axis of length 0 must not hide that the others overflow.
    let mut step = |axis: usize| -> Result<()> {
        strides[axis] = stride;
        stride = stride.checked_mul(shape[axis].max(1)).ok_or_else(too_large)?;
        Ok(())
    };
    if is_fortran(shape, header) {
        (0..shape.len()).try_for_each(&mut step)?;
    } else {
        (0..shape.len()).rev().try_for_each(&mut step)?;
    }
    Ok(strides)
}

fn time_axis(shape: &[u64], header: &ArrayHeader, options: &OpenOptions, warnings: &mut Vec<Warning>) -> usize {
    let last = shape.len() - 1;
    match options.order {
        Some(ChannelOrder::Planar) => last,
        Some(ChannelOrder::Interleaved) => 0,
        None => {
            let &[rows, columns] = shape else { return 0 };
            let obvious = rows <= 1024 && columns >= 1000 && columns / 16 >= rows;
            if !obvious || header.shape.len() != 2 {
                return 0;
            }
            warnings.push(Warning::new(format!(
                "the shape {} is taken for {rows} channels × {columns} frames; if it is frames × channels, say \
                 --order interleaved",
                shape_text(shape)
            )));
            last
        }
    }
}

/// Byte offset from the start of a frame, and description, of every channel: the elements along `others` in C order.
fn channels(shape: &[u64], strides: &[u64], others: &[usize], header: &ArrayHeader) -> (Vec<u64>, Vec<Channel>) {
    let mut offsets = vec![0_u64];
    for &axis in others {
        offsets =
            offsets.iter().flat_map(|&offset| (0..shape[axis]).map(move |i| offset + i * strides[axis])).collect();
    }
    if !header.complex {
        let channels = (0..offsets.len()).map(Channel::numbered).collect();
        return (offsets, channels);
    }
    let size = header.format.size() as u64;
    let channels = (0..offsets.len())
        .flat_map(|i| {
            ["re", "im"].map(|part| {
                let channel = Channel::numbered(i);
                Channel { id: format!("{i}{part}"), name: format!("ch {i} {part}"), ..channel }
            })
        })
        .collect();
    (offsets.iter().flat_map(|&o| [o, o + size]).collect(), channels)
}

/// The only element of a zero-dimensional real array, as text.
pub(super) fn scalar_text(map: &FileMap, header: &ArrayHeader) -> Result<String> {
    let end = header.data_start.saturating_add(header.item_bytes());
    let bytes = map.bytes(header.data_start..end)?.to_vec();
    let size = header.format.size();
    let parts: Vec<String> = bytes.chunks_exact(size).map(|b| number_text(b, header)).collect();
    map.check_to(end)?;
    Ok(parts.join(" + i·"))
}

fn number_text(bytes: &[u8], header: &ArrayHeader) -> String {
    use crate::recording::{ByteOrder, Sample as _};
    crate::with_type!(header.format.sample_type, T => match header.format.byte_order {
        ByteOrder::Little => T::from_le_slice(bytes).to_string(),
        ByteOrder::Big => T::from_be_slice(bytes).to_string(),
    })
}
