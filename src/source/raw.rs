//! Files of plain numbers: nothing but samples, perhaps behind a header and in front of a trailer.
//!
//! Such a file tells nothing about itself. The options must say at least the sample type; what they do not say is
//! little-endian, interleaved, one channel, no header and no trailer. Without a sample type nothing is guessed in
//! silence: the error names the likeliest layouts (see [`super::detect`]) as command-line options.
//!
//! Opening costs nothing that grows with the file.

use std::path::Path;
use std::sync::Arc;

use super::flat_source::MAX_CHANNELS;
use super::{ChannelOrder, Confidence, FlatSource, Format, Head, OpenOptions, Source, detect};
use crate::error::{Error, Result};
use crate::file::{FileMap, FlatLayout};
use crate::recording::{Channel, Recording, SampleFormat, SampleType, Stream, Warning};
use crate::task::Task;

pub(super) const FORMAT: Format = Format {
    name: "raw",
    title: "Raw binary",
    extensions: &[
        "bin", "dat", "raw", "pcm", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "f16", "f32", "f64",
    ],
    probe,
    open,
};

fn probe(head: &Head<'_>) -> Confidence {
    if head.has_extension(FORMAT.extensions) { Confidence::Extension } else { Confidence::No }
}

fn open(path: &Path, options: &OpenOptions, _: &Task) -> Result<Arc<dyn Source>> {
    let map = FileMap::open(path)?;
    let Some(sample_type) = options.sample_type.or_else(|| type_in_name(path)) else {
        return Err(untold(path, options));
    };
    Ok(Arc::new(describe(&map, sample_type, options)?))
}

/// `day.f32` tells its sample type by its name.
fn type_in_name(path: &Path) -> Option<SampleType> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    SampleType::ALL.into_iter().find(|t| t.name() == extension)
}

fn untold(path: &Path, options: &OpenOptions) -> Error {
    let error = Error::invalid("a raw file does not tell how its samples are stored").with_path(path);
    let guesses = detect::guess(path, options).unwrap_or_default();
    let lines: Vec<String> = guesses.iter().take(3).map(detect::Guess::command_line).collect();
    if lines.is_empty() {
        error.with_remedy("say it: --format raw --dtype i16 --channel-count 64 --rate 30000")
    } else {
        let sure = guesses.first().is_some_and(|best| best.score >= detect::SURE);
        let how = if sure { "the likeliest are" } else { "the samples fit several, among them" };
        error.with_remedy(format!("say it; {how}: {}", lines.join("  or  ")))
    }
}

fn describe(map: &Arc<FileMap>, sample_type: SampleType, options: &OpenOptions) -> Result<FlatSource> {
    let path = map.path();
    let format = SampleFormat { sample_type, byte_order: options.byte_order.unwrap_or_default() };
    let size = format.size() as u64;
    let mut warnings = Vec::new();
    let count = options.channel_count.unwrap_or_else(|| {
        warnings
            .push(Warning::new("no number of channels is known: read as one channel; say it with --channel-count N"));
        1
    }) as u64;
    if count > MAX_CHANNELS {
        return Err(Error::limit(0, format!("a stream of {count} channels")));
    }
    let header = options.header_bytes.unwrap_or(0);
    let trailing = options.trailing_bytes.unwrap_or(0);
    let Some(data) = map.len().checked_sub(header).and_then(|n| n.checked_sub(trailing)) else {
        return Err(Error::invalid(format!(
            "the file has {} bytes: less than the header of {header} and the trailer of {trailing} bytes",
            map.len()
        )));
    };
    let frame_bytes = count * size;
    let frames = data / frame_bytes;
    if frames == 0 {
        return Err(Error::invalid(format!(
            "the file has no whole frame: {data} bytes of samples, a frame of {count} × {} has {frame_bytes}",
            sample_type.name()
        ))
        .with_remedy("check sample type, number of channels and header bytes"));
    }
    let planar = options.order == Some(ChannelOrder::Planar);
    if data % frame_bytes != 0 {
        let text = if planar {
            format!(
                "{} bytes are left over after {count} channels of {frames} frames: the number of channels or of header \
                 bytes may be wrong",
                data % frame_bytes
            )
        } else {
            format!("the last {} bytes are less than a frame and left out", data % frame_bytes)
        };
        warnings.push(Warning::at(header + frames * frame_bytes, text));
    }
    let (stride, step) = if planar { (size, frames * size) } else { (frame_bytes, size) };
    let offsets = (0..count).map(|c| c * step).collect();
    let layout = FlatLayout::new(map.clone(), format, header, stride, offsets, frames)?;
    let mut channels: Vec<Channel> = (0..count as usize).map(Channel::numbered).collect();
    options.apply_to_channels(&mut channels);
    let time = options.time_base(frames, &mut warnings)?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let recording = Recording {
        name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        format: FORMAT.name,
        streams: vec![Stream { name: stem, format, time, frames, channels }],
        properties: vec![
            ("header bytes".into(), header.to_string()),
            ("order".into(), if planar { "planar" } else { "interleaved" }.into()),
        ],
        warnings,
        ..Recording::default()
    };
    FlatSource::new(recording, vec![layout])
}
