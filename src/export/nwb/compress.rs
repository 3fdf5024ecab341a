//! The filters of chunks: shuffle with deflate, or Zstandard. A chunk that they do not make smaller is stored as it is,
//! which HDF5 can say of every chunk.

use libdeflater::{CompressionLvl, Compressor, Decompressor};

use super::tree::FilterUse;
use crate::error::{Error, Result};

const SHUFFLE: u16 = 2;
const DEFLATE: u16 = 1;
/// Registered with the HDF Group.
const ZSTD: u16 = 32015;

/// How chunks are compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Codec {
    None,
    /// 1 to 9.
    Gzip(u32),
    /// 1 to 19.
    Zstd(u32),
}

impl Codec {
    /// The filters of a dataset whose elements are `size` bytes.
    pub(super) fn filters(self, size: usize) -> Vec<FilterUse> {
        let shuffle = FilterUse { id: SHUFFLE, values: vec![size as u32] };
        match self {
            Self::None => vec![],
            Self::Gzip(level) => vec![shuffle, FilterUse { id: DEFLATE, values: vec![level] }],
            Self::Zstd(level) => vec![shuffle, FilterUse { id: ZSTD, values: vec![level] }],
        }
    }

    /// A worker's tools.
    pub(super) fn encoder(self) -> Result<Encoder> {
        let deflate = match self {
            Self::Gzip(level) => {
                let level = CompressionLvl::new(level as i32)
                    .ok()
                    .ok_or_else(|| Error::invalid(format!("there is no gzip level {level}")))?;
                Some(Compressor::new(level))
            }
            _ => None,
        };
        Ok(Encoder { codec: self, deflate, shuffled: Vec::new() })
    }

    /// Undoes what [`Encoder::append`] did; `len` is that of the result.
    ///
    /// # Errors
    /// When the bytes are not what the filters make.
    pub(super) fn decode(self, stored: &[u8], skipped: u32, size: usize, len: usize) -> Result<Vec<u8>> {
        let broken = || Error::invalid("a chunk cannot be unpacked again");
        if self == Self::None || skipped == 3 {
            return if stored.len() == len { Ok(stored.to_vec()) } else { Err(broken()) };
        }
        let shuffled = match self {
            Self::Zstd(_) => rust_zstd::decompress(stored).ok().ok_or_else(broken)?,
            _ => {
                let mut out = vec![0; len];
                let n = Decompressor::new().zlib_decompress(stored, &mut out).ok().ok_or_else(broken)?;
                out.truncate(n);
                out
            }
        };
        if shuffled.len() != len {
            return Err(broken());
        }
        let mut out = vec![0; len];
        let n = len / size;
        for byte in 0..size {
            for (i, &value) in shuffled[byte * n..(byte + 1) * n].iter().enumerate() {
                out[i * size + byte] = value;
            }
        }
        Ok(out)
    }
}

/// Compresses chunks, one after the other.
pub(super) struct Encoder {
    codec: Codec,
    deflate: Option<Compressor>,
    shuffled: Vec<u8>,
}

impl Encoder {
    /// Appends the stored form of a chunk of elements of `size` bytes to `out`; returns its length and which filters were
    /// left out.
    ///
    /// # Errors
    /// When the compressor refuses, which it has no reason to.
    pub(super) fn append(&mut self, raw: &[u8], size: usize, out: &mut Vec<u8>) -> Result<(u32, u32)> {
        let start = out.len();
        let refused = || Error::invalid("a chunk cannot be compressed");
        match self.codec {
            Codec::None => {
                out.extend_from_slice(raw);
                return Ok((raw.len() as u32, 0));
            }
            Codec::Gzip(_) => {
                shuffle(raw, size, &mut self.shuffled);
                let deflate = self.deflate.as_mut().ok_or_else(refused)?;
                out.resize(start + deflate.zlib_compress_bound(raw.len()), 0);
                let n = deflate.zlib_compress(&self.shuffled, &mut out[start..]).ok().ok_or_else(refused)?;
                out.truncate(start + n);
            }
            Codec::Zstd(level) => {
                shuffle(raw, size, &mut self.shuffled);
                out.extend_from_slice(&rust_zstd::compress(&self.shuffled, level as i32));
            }
        }
        if out.len() - start >= raw.len() {
            out.truncate(start);
            out.extend_from_slice(raw);
            return Ok((raw.len() as u32, 3));
        }
        Ok(((out.len() - start) as u32, 0))
    }
}

/// First bytes of all elements, then second ones, …
fn shuffle(raw: &[u8], size: usize, out: &mut Vec<u8>) {
    out.clear();
    out.resize(raw.len(), 0);
    let n = raw.len() / size;
    match size {
        1 => out.copy_from_slice(raw),
        2 => {
            let (low, high) = out.split_at_mut(n);
            for ((pair, low), high) in raw.chunks_exact(2).zip(low).zip(high) {
                *low = pair[0];
                *high = pair[1];
            }
        }
        _ => {
            for byte in 0..size {
                for (element, out) in raw.chunks_exact(size).zip(&mut out[byte * n..(byte + 1) * n]) {
                    *out = element[byte];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(
            elements in prop::collection::vec(prop_oneof![0_u64..9, any::<u64>()], 1..200),
            size in prop::sample::select(vec![1_usize, 2, 4, 8]),
            codec in prop_oneof![Just(Codec::None), (1_u32..=9).prop_map(Codec::Gzip), (1_u32..=9).prop_map(Codec::Zstd)],
        ) {
            let raw: Vec<u8> = elements.iter().flat_map(|e| e.to_le_bytes()[..size].to_vec()).collect();
            let mut out = vec![9; 5];
            let (len, skipped) = codec.encoder().unwrap().append(&raw, size, &mut out).unwrap();
            prop_assert_eq!(out.len(), 5 + len as usize);
            prop_assert!(len as usize <= raw.len());
            prop_assert_eq!(codec.decode(&out[5..], skipped, size, raw.len()).unwrap(), raw.clone());
            prop_assert!(codec.decode(&out[5..], skipped, size, raw.len() + size).is_err());
        }
    }
}
