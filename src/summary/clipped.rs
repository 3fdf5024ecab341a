//! Samples at the limits of their type.

use std::ops::Range;

use crate::file::Rows;
use crate::recording::{ByteOrder, Sample};

/// How many of `samples` are the lowest or the highest value that their type can hold.
pub(super) fn among<T: Sample>(samples: &[T]) -> usize {
    samples.iter().filter(|&&x| is_limit(x)).count()
}

/// The same of some frames of one channel of `rows`.
pub(super) fn in_rows<T: Sample>(rows: &Rows<'_>, channel: usize, frames: Range<usize>) -> usize {
    let (size, first) = (size_of::<T>(), rows.channel_offsets[channel] as usize);
    let decode = match rows.format.byte_order {
        ByteOrder::Little => T::from_le_slice,
        ByteOrder::Big => T::from_be_slice,
    };
    frames
        .filter(|frame| {
            let at = frame * rows.stride + first;
            is_limit(decode(&rows.bytes[at..at + size]))
        })
        .count()
}

#[inline(always)]
fn is_limit<T: Sample>(x: T) -> bool {
    x == T::LOWEST || x == T::HIGHEST
}
