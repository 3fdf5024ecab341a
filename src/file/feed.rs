//! Samples as they are loaded: several neighbours at a time, in the byte order of the file.

use std::ops::Range;

use super::map::prefetch;
use crate::recording::Sample;

/// Bytes that come from memory at once.
pub(crate) const LINE: usize = 64;

/// Samples to be loaded several at a time.
pub(crate) trait Feed<T: Sample> {
    /// `W` neighbouring samples from place `at`.
    fn lanes<const W: usize>(&self, at: usize) -> [T; W];

    /// Fetches `places` from memory, as far as they go, without waiting for them: the processor on its own does not
    /// follow lanes that are taken out of several rows at a time.
    #[inline(always)]
    fn fetch(&self, places: Range<usize>) {
        let _ = places;
    }
}

/// Little-endian bytes; places are bytes.
pub(crate) struct Little<'a>(pub(crate) &'a [u8]);
/// Big-endian bytes; places are bytes.
pub(crate) struct Big<'a>(pub(crate) &'a [u8]);
/// Samples in memory; places are samples.
pub(crate) struct Plain<'a, T>(pub(crate) &'a [T]);

impl<T: Sample> Feed<T> for Little<'_> {
    #[inline(always)]
    fn lanes<const W: usize>(&self, at: usize) -> [T; W] {
        let bytes = &self.0[at..at + W * size_of::<T>()];
        std::array::from_fn(|i| T::from_le_slice(&bytes[i * size_of::<T>()..(i + 1) * size_of::<T>()]))
    }

    #[inline(always)]
    fn fetch(&self, places: Range<usize>) {
        let end = places.end.min(self.0.len());
        prefetch(&self.0[places.start.min(end)..end]);
    }
}

impl<T: Sample> Feed<T> for Big<'_> {
    #[inline(always)]
    fn lanes<const W: usize>(&self, at: usize) -> [T; W] {
        let bytes = &self.0[at..at + W * size_of::<T>()];
        std::array::from_fn(|i| T::from_be_slice(&bytes[i * size_of::<T>()..(i + 1) * size_of::<T>()]))
    }

    #[inline(always)]
    fn fetch(&self, places: Range<usize>) {
        let end = places.end.min(self.0.len());
        prefetch(&self.0[places.start.min(end)..end]);
    }
}

impl<T: Sample> Feed<T> for Plain<'_, T> {
    #[inline(always)]
    fn lanes<const W: usize>(&self, at: usize) -> [T; W] {
        load(self.0, at)
    }
}

#[inline(always)]
pub(crate) fn load<X: Copy + Default, const W: usize>(from: &[X], at: usize) -> [X; W] {
    let mut lanes = [X::default(); W];
    lanes.copy_from_slice(&from[at..at + W]);
    lanes
}
