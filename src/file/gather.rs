//! From rows to channels: the samples of interleaved frames, each channel's behind one another.
//!
//! Eight neighbouring channels of 16-bit samples, the most frequent case, are turned eight rows at a time within the
//! processor's vectors.

use std::ops::Range;

use crate::recording::Sample;

/// Rows are taken in groups of about this many bytes, so that they stay in the processor's cache while the channels
/// are taken out of them one after the other.
const GROUP_BYTES: usize = 128 << 10;
/// Rows and channels that are turned at a time.
const SIDE: usize = 8;

/// Takes samples at `offsets` out of rows of `stride` bytes; `out[i * n + row]` is channel `i`.
pub(super) fn gather<T: Sample, const BIG: bool>(
    bytes: &[u8],
    stride: usize,
    offsets: &[usize],
    out: &mut [T],
    n: usize,
) {
    let size = size_of::<T>();
    let decode = |b: &[u8]| if BIG { T::from_be_slice(b) } else { T::from_le_slice(b) };
    if stride == size && offsets.len() == 1 {
        for (x, b) in out.iter_mut().zip(bytes[offsets[0]..].chunks_exact(size)) {
            *x = decode(b);
        }
        return;
    }
    let group = (GROUP_BYTES / stride.max(1)).clamp(1, n);
    for first in (0..n).step_by(group) {
        let rows = group.min(n - first);
        for (i, &offset) in offsets.iter().enumerate() {
            let out = &mut out[i * n + first..i * n + first + rows];
            let bytes = &bytes[first * stride + offset..];
            for (r, x) in out.iter_mut().enumerate() {
                *x = decode(&bytes[r * stride..r * stride + size]);
            }
        }
    }
}

/// [`gather`] of little-endian 16-bit samples.
pub(super) fn gather_words(bytes: &[u8], stride: usize, offsets: &[usize], out: &mut [i16], n: usize) {
    let are_neighbours = |offsets: &[usize]| offsets.windows(2).all(|pair| pair[1] == pair[0] + size_of::<i16>());
    let is_turned = |offsets: &[usize]| offsets.len() == SIDE && are_neighbours(offsets) && can_turn();
    let group = (GROUP_BYTES / stride.max(1)).next_multiple_of(SIDE);
    for first in (0..n).step_by(group) {
        let rows = first..n.min(first + group);
        for (offsets, out) in offsets.chunks(SIDE).zip(out.chunks_mut(SIDE * n)) {
            if is_turned(offsets) {
                turn(&bytes[offsets[0]..], stride, out, n, rows.clone());
            } else if first == 0 {
                gather::<_, false>(bytes, stride, offsets, out, n);
            }
        }
    }
}

/// Whether the processor has instructions for [`turn`].
fn can_turn() -> bool {
    #[cfg(target_arch = "x86_64")]
    return pulp::x86::V3::try_new().is_some();
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// Turns some rows of the first [`SIDE`] channels.
#[cfg(target_arch = "x86_64")]
fn turn(bytes: &[u8], stride: usize, out: &mut [i16], n: usize, rows: Range<usize>) {
    if let Some(v3) = pulp::x86::V3::try_new() {
        v3.vectorize(Turn { v3, bytes, stride, out, n, rows });
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn turn(_: &[u8], _: usize, _: &mut [i16], _: usize, _: Range<usize>) {}

#[cfg(target_arch = "x86_64")]
struct Turn<'a> {
    v3: pulp::x86::V3,
    bytes: &'a [u8],
    stride: usize,
    out: &'a mut [i16],
    n: usize,
    rows: Range<usize>,
}

#[cfg(target_arch = "x86_64")]
impl pulp::NullaryFnOnce for Turn<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        use pulp::{cast, i16x8};

        const WIDTH: usize = SIDE * size_of::<i16>();
        let Self { v3, bytes, stride, out, n, rows } = self;
        let sse = v3.sse2;
        let mut row = rows.start;
        while row + SIDE <= rows.end {
            let mut x = [i16x8(0, 0, 0, 0, 0, 0, 0, 0); SIDE];
            for (r, x) in x.iter_mut().enumerate() {
                let mut words = [0_u8; WIDTH];
                words.copy_from_slice(&bytes[(row + r) * stride..][..WIDTH]);
                *x = cast!(words);
            }
            // Three rounds of taking words by turns from a row and from the one half the rows further turn the square.
            for _ in 0..3 {
                let mut y = x;
                for i in 0..SIDE / 2 {
                    let (a, b) = (cast!(x[i]), cast!(x[i + SIDE / 2]));
                    y[2 * i] = cast!(sse._mm_unpacklo_epi16(a, b));
                    y[2 * i + 1] = cast!(sse._mm_unpackhi_epi16(a, b));
                }
                x = y;
            }
            for (c, x) in x.iter().enumerate() {
                let words: [i16; SIDE] = cast!(*x);
                out[c * n + row..][..SIDE].copy_from_slice(&words);
            }
            row += SIDE;
        }
        for c in 0..SIDE {
            for r in row..rows.end {
                let at = r * stride + c * size_of::<i16>();
                out[c * n + r] = i16::from_le_bytes([bytes[at], bytes[at + 1]]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_gathered_as_one_by_one() {
        for channels in [1, 7, 8, 9, 16, 19] {
            for n in [1, 7, 8, 9, 16, 100, 20_001] {
                for (head, tail) in [(0, 0), (6, 3)] {
                    let stride = head + 2 * channels + tail;
                    let bytes: Vec<u8> = (0..stride * n).map(|i: usize| (i.wrapping_mul(i) / 3 + i) as u8).collect();
                    let mut offsets: Vec<usize> = (0..channels).map(|c| head + 2 * c).collect();
                    for _ in 0..2 {
                        let (mut fast, mut plain) = (vec![0; channels * n], vec![0; channels * n]);
                        gather_words(&bytes, stride, &offsets, &mut fast, n);
                        gather::<_, false>(&bytes, stride, &offsets, &mut plain, n);
                        assert_eq!(fast, plain, "{channels} channels, {n} rows");
                        offsets.reverse();
                    }
                }
            }
        }
    }
}
