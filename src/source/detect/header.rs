//! Where the header of a raw file ends: its bytes are unlike the samples that follow.

use super::{Candidate, decode};
use crate::error::Result;
use crate::file::FileMap;
use crate::with_type;

/// Headers of the sizes that people use; longer ones must be told.
const HEADERS: [u64; 17] =
    [0, 16, 32, 64, 80, 96, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072];

/// The length of the header: the longest usual one whose bytes are unlike the samples that follow.
pub(super) fn header_bytes(map: &FileMap, candidate: &Candidate) -> Result<u64> {
    let size = candidate.format.size() as u64;
    let frame = candidate.channel_count as u64 * size;
    let middle = map.bytes(map.len() / 2..(map.len() / 2 + 4096).min(map.len()))?;
    let text_body = printable(middle) > 0.9;
    let mut header = 0;
    let mut alike = 0;
    for pair in HEADERS.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        if to % size != 0 {
            continue;
        }
        let from = header.max(from);
        // The stretch and the frame behind it must leave most of the file for samples.
        if to.saturating_add(frame).saturating_mul(2) > map.len() {
            break;
        }
        let bytes = map.bytes(from..to + frame)?;
        if is_header(bytes, (to - from) as usize, frame as usize, candidate, header > 0, text_body) {
            header = to;
            alike = 0;
        } else {
            // A stretch of a header may look like samples by chance; two in a row are samples.
            alike += 1;
            if alike == 2 {
                break;
            }
        }
    }
    Ok(header)
}

/// Share of bytes that occur in text headers, padding with NUL included.
fn printable(bytes: &[u8]) -> f64 {
    let count = bytes.iter().filter(|b| matches!(b, b' '..=b'~' | b'\t' | b'\r' | b'\n' | 0)).count();
    count as f64 / bytes.len().max(1) as f64
}

/// Whether the first `len` of `bytes` are no samples: text, numbers that jump, or, where a header has begun, padding
/// (a recording may begin with silence).
fn is_header(bytes: &[u8], len: usize, frame: usize, candidate: &Candidate, begun: bool, text_body: bool) -> bool {
    let stretch = &bytes[..len];
    let padding = stretch.iter().all(|&b| b == stretch[0]);
    if padding {
        return begun && candidate.residual > 0.0;
    }
    if printable(stretch) > 0.97 && !text_body && stretch.iter().any(|&b| b != 0) {
        return true;
    }
    let format = candidate.format;
    let numbers = |bytes| with_type!(format.sample_type, T => decode::<T>(bytes, format.byte_order));
    let (here, next) = (numbers(stretch), numbers(&bytes[frame..frame + len]));
    let scale = candidate.residual.max(f64::MIN_POSITIVE);
    let jump = |(a, b): (&f64, &f64)| {
        let jump = (a - b).abs() / scale;
        if jump.is_finite() { jump.min(16.0) } else { 16.0 }
    };
    here.iter().zip(&next).map(jump).sum::<f64>() / here.len().max(1) as f64 > 6.0
}
