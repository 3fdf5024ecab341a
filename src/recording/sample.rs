//! Stored numbers: their types, and the caller-owned block that readers fill with them.

use half::f16;

use crate::error::{Error, Result};

/// The numeric type of a stored sample.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SampleType {
    /// One byte, 0 or 1 (any other value reads as it is stored).
    Bool,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F16,
    F32,
    F64,
}

impl SampleType {
    /// Every type, in the order in which menus list them.
    pub const ALL: [Self; 12] = [
        Self::I16,
        Self::U16,
        Self::I32,
        Self::U32,
        Self::F32,
        Self::F64,
        Self::I8,
        Self::U8,
        Self::I64,
        Self::U64,
        Self::F16,
        Self::Bool,
    ];

    /// Bytes of one sample.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::Bool | Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 | Self::F16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }

    /// The short name used on the command line, in TOML and in JSON: `i16`, `f32`, …
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::I8 => "i8",
            Self::U8 => "u8",
            Self::I16 => "i16",
            Self::U16 => "u16",
            Self::I32 => "i32",
            Self::U32 => "u32",
            Self::I64 => "i64",
            Self::U64 => "u64",
            Self::F16 => "f16",
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }

    /// Reads a name: ours (`i16`), C's and numpy's (`int16`, `short`, `float`, `<i2`, `f4`, …).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.trim().trim_start_matches(['<', '>', '=', '|']).to_ascii_lowercase();
        // numpy's short names count bytes, ours count bits; `i8` and `u8` mean bits here, as everywhere on our
        // command line. A leading byte-order mark says that numpy is speaking.
        if text.trim().starts_with(['<', '>', '=', '|']) {
            return Self::ALL.into_iter().find(|t| t.npy_name() == name);
        }
        Some(match name.as_str() {
            "bool" | "b1" => Self::Bool,
            "i8" | "int8" | "s8" => Self::I8,
            "u8" | "uint8" | "byte" => Self::U8,
            "i16" | "int16" | "s16" | "short" | "i2" => Self::I16,
            "u16" | "uint16" | "ushort" | "u2" => Self::U16,
            "i32" | "int32" | "s32" | "int" | "i4" => Self::I32,
            "u32" | "uint32" | "uint" | "u4" => Self::U32,
            "i64" | "int64" | "s64" | "long" => Self::I64,
            "u64" | "uint64" | "ulong" => Self::U64,
            "f16" | "float16" | "half" | "f2" => Self::F16,
            "f32" | "float32" | "float" | "single" | "f4" => Self::F32,
            "f64" | "float64" | "double" => Self::F64,
            _ => return None,
        })
    }

    /// numpy's type code without byte order: `i2`, `f4`, `b1`.
    #[must_use]
    pub const fn npy_name(self) -> &'static str {
        match self {
            Self::Bool => "b1",
            Self::I8 => "i1",
            Self::U8 => "u1",
            Self::I16 => "i2",
            Self::U16 => "u2",
            Self::I32 => "i4",
            Self::U32 => "u4",
            Self::I64 => "i8",
            Self::U64 => "u8",
            Self::F16 => "f2",
            Self::F32 => "f4",
            Self::F64 => "f8",
        }
    }

    /// Whether the type is a floating-point one.
    #[must_use]
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::F32 | Self::F64)
    }
}

/// The order of the bytes of one stored sample.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ByteOrder {
    #[default]
    Little,
    Big,
}

impl ByteOrder {
    /// The order of this machine.
    pub const NATIVE: Self = if cfg!(target_endian = "big") { Self::Big } else { Self::Little };
}

/// How one sample is stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SampleFormat {
    pub sample_type: SampleType,
    pub byte_order: ByteOrder,
}

impl SampleFormat {
    /// `sample_type` in this machine's byte order.
    #[must_use]
    pub const fn native(sample_type: SampleType) -> Self {
        Self { sample_type, byte_order: ByteOrder::NATIVE }
    }

    /// Little-endian `sample_type`.
    #[must_use]
    pub const fn little(sample_type: SampleType) -> Self {
        Self { sample_type, byte_order: ByteOrder::Little }
    }

    /// Bytes of one sample.
    #[must_use]
    pub const fn size(self) -> usize {
        self.sample_type.size()
    }
}

/// A number that recordings store. Implemented for the primitive types (and [`struct@f16`]) only.
pub trait Sample: Copy + Default + PartialOrd + Send + Sync + 'static {
    /// Its [`SampleType`] (booleans are stored as `u8`).
    const TYPE: SampleType;
    /// Its bytes, as an array.
    type Bytes: AsRef<[u8]> + Copy;
    /// The value as `f64`: exact for all types but 64-bit integers beyond 2^53.
    fn to_f64(self) -> f64;
    /// From the bytes of one little-endian sample; `bytes` must be `size_of::<Self>()` long.
    fn from_le_slice(bytes: &[u8]) -> Self;
    /// From the bytes of one big-endian sample; `bytes` must be `size_of::<Self>()` long.
    fn from_be_slice(bytes: &[u8]) -> Self;
    /// The bytes of one little-endian sample.
    fn to_le_array(self) -> Self::Bytes;
    /// The bytes of one big-endian sample.
    fn to_be_array(self) -> Self::Bytes;
    /// Not a number (never, for integers).
    fn is_nan(self) -> bool;
    /// The least value: the identity of `max`.
    const LOWEST: Self;
    /// The greatest value: the identity of `min`.
    const HIGHEST: Self;
}

macro_rules! impl_sample {
    ($($t:ty, $variant:ident, $lo:expr, $hi:expr, $to:expr, $nan:expr;)*) => { $(
        impl Sample for $t {
            const TYPE: SampleType = SampleType::$variant;
            type Bytes = [u8; size_of::<$t>()];
            #[inline(always)]
            fn to_f64(self) -> f64 { #[allow(clippy::redundant_closure_call)] ($to)(self) }
            #[inline(always)]
            fn from_le_slice(bytes: &[u8]) -> Self {
                let mut b = [0; size_of::<$t>()];
                b.copy_from_slice(bytes);
                <$t>::from_le_bytes(b)
            }
            #[inline(always)]
            fn from_be_slice(bytes: &[u8]) -> Self {
                let mut b = [0; size_of::<$t>()];
                b.copy_from_slice(bytes);
                <$t>::from_be_bytes(b)
            }
            #[inline(always)]
            fn to_le_array(self) -> Self::Bytes { self.to_le_bytes() }
            #[inline(always)]
            fn to_be_array(self) -> Self::Bytes { self.to_be_bytes() }
            #[inline(always)]
            fn is_nan(self) -> bool { #[allow(clippy::redundant_closure_call)] ($nan)(self) }
            const LOWEST: Self = $lo;
            const HIGHEST: Self = $hi;
        }
    )* };
}
impl_sample! {
    i8, I8, i8::MIN, i8::MAX, f64::from, |_| false;
    u8, U8, u8::MIN, u8::MAX, f64::from, |_| false;
    i16, I16, i16::MIN, i16::MAX, f64::from, |_| false;
    u16, U16, u16::MIN, u16::MAX, f64::from, |_| false;
    i32, I32, i32::MIN, i32::MAX, f64::from, |_| false;
    u32, U32, u32::MIN, u32::MAX, f64::from, |_| false;
    i64, I64, i64::MIN, i64::MAX, |x| x as f64, |_| false;
    u64, U64, u64::MIN, u64::MAX, |x| x as f64, |_| false;
    f16, F16, f16::NEG_INFINITY, f16::INFINITY, |x: f16| x.to_f64(), |x: f16| x.is_nan();
    f32, F32, f32::NEG_INFINITY, f32::INFINITY, |x: f32| f64::from(x), |x: f32| x.is_nan();
    f64, F64, f64::NEG_INFINITY, f64::INFINITY, |x: f64| x, |x: f64| x.is_nan();
}

/// Samples of one type.
#[derive(Clone, PartialEq, Debug)]
pub enum Samples {
    I8(Vec<i8>),
    U8(Vec<u8>),
    I16(Vec<i16>),
    U16(Vec<u16>),
    I32(Vec<i32>),
    U32(Vec<u32>),
    I64(Vec<i64>),
    U64(Vec<u64>),
    F16(Vec<f16>),
    F32(Vec<f32>),
    F64(Vec<f64>),
}

/// Runs `$body` with `$v` bound to the typed vector or slice inside a [`Samples`] (or a reference to one).
#[macro_export]
macro_rules! with_samples {
    ($samples:expr, $v:ident => $body:expr) => {
        match $samples {
            $crate::recording::Samples::I8($v) => $body,
            $crate::recording::Samples::U8($v) => $body,
            $crate::recording::Samples::I16($v) => $body,
            $crate::recording::Samples::U16($v) => $body,
            $crate::recording::Samples::I32($v) => $body,
            $crate::recording::Samples::U32($v) => $body,
            $crate::recording::Samples::I64($v) => $body,
            $crate::recording::Samples::U64($v) => $body,
            $crate::recording::Samples::F16($v) => $body,
            $crate::recording::Samples::F32($v) => $body,
            $crate::recording::Samples::F64($v) => $body,
        }
    };
}

/// Runs `$body` with the type alias `$T` bound to the Rust type of a [`SampleType`] (`u8` for booleans).
#[macro_export]
macro_rules! with_type {
    ($sample_type:expr, $T:ident => $body:expr) => {
        match $sample_type {
            $crate::recording::SampleType::I8 => {
                type $T = i8;
                $body
            }
            $crate::recording::SampleType::Bool | $crate::recording::SampleType::U8 => {
                type $T = u8;
                $body
            }
            $crate::recording::SampleType::I16 => {
                type $T = i16;
                $body
            }
            $crate::recording::SampleType::U16 => {
                type $T = u16;
                $body
            }
            $crate::recording::SampleType::I32 => {
                type $T = i32;
                $body
            }
            $crate::recording::SampleType::U32 => {
                type $T = u32;
                $body
            }
            $crate::recording::SampleType::I64 => {
                type $T = i64;
                $body
            }
            $crate::recording::SampleType::U64 => {
                type $T = u64;
                $body
            }
            $crate::recording::SampleType::F16 => {
                type $T = ::half::f16;
                $body
            }
            $crate::recording::SampleType::F32 => {
                type $T = f32;
                $body
            }
            $crate::recording::SampleType::F64 => {
                type $T = f64;
                $body
            }
        }
    };
}

impl Samples {
    /// No samples of `sample_type`.
    #[must_use]
    pub fn empty(sample_type: SampleType) -> Self {
        match sample_type {
            SampleType::I8 => Self::I8(Vec::new()),
            SampleType::Bool | SampleType::U8 => Self::U8(Vec::new()),
            SampleType::I16 => Self::I16(Vec::new()),
            SampleType::U16 => Self::U16(Vec::new()),
            SampleType::I32 => Self::I32(Vec::new()),
            SampleType::U32 => Self::U32(Vec::new()),
            SampleType::I64 => Self::I64(Vec::new()),
            SampleType::U64 => Self::U64(Vec::new()),
            SampleType::F16 => Self::F16(Vec::new()),
            SampleType::F32 => Self::F32(Vec::new()),
            SampleType::F64 => Self::F64(Vec::new()),
        }
    }

    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        with_samples!(self, v => v.len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The in-memory type (booleans are `U8`).
    #[must_use]
    pub fn sample_type(&self) -> SampleType {
        with_samples!(self, v => type_of(v))
    }

    /// Sample `i` as `f64`.
    #[must_use]
    pub fn get_f64(&self, i: usize) -> f64 {
        with_samples!(self, v => v[i].to_f64())
    }
}

fn type_of<T: Sample>(_: &[T]) -> SampleType {
    T::TYPE
}

/// Samples of some channels over some frames, channel after channel (planar): sample `f` of channel `c` is at
/// `c * frames + f`. Owned by the caller and reused, so that a pass over a recording allocates once.
#[derive(Clone, Debug)]
pub struct Block {
    frames: usize,
    channels: usize,
    samples: Samples,
}

impl Default for Block {
    fn default() -> Self {
        Self { frames: 0, channels: 0, samples: Samples::I16(Vec::new()) }
    }
}

impl Block {
    /// Gives the block a shape and type, keeping its allocation when the type is the same; every sample is zero
    /// or left over from before, so readers fill all of it.
    pub fn reset(&mut self, sample_type: SampleType, channels: usize, frames: usize) {
        let same = self.samples.sample_type() == Samples::empty(sample_type).sample_type();
        if !same {
            self.samples = Samples::empty(sample_type);
        }
        let n = channels * frames;
        with_samples!(&mut self.samples, v => {
            // To the byte: growing by doubling would use up to twice what was reserved for the block.
            v.reserve_exact(n.saturating_sub(v.len()));
            v.resize(n, Default::default());
        });
        self.frames = frames;
        self.channels = channels;
    }

    /// Frames held, of each channel.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Channels held.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// All samples, channel after channel.
    #[must_use]
    pub fn samples(&self) -> &Samples {
        &self.samples
    }

    /// All samples, to be filled.
    pub fn samples_mut(&mut self) -> &mut Samples {
        &mut self.samples
    }

    /// Channel `c` as `f64`, converted with `scale` (stored · gain + offset), into `out` (cleared first).
    pub fn channel_f64(&self, c: usize, scale: super::Scale, out: &mut Vec<f64>) {
        out.clear();
        let range = c * self.frames..(c + 1) * self.frames;
        with_samples!(&self.samples, v => out.extend(v[range].iter().map(|x| scale.apply(x.to_f64()))));
    }

    /// Bytes that a block of this shape occupies, for the memory budget.
    pub fn bytes_for(sample_type: SampleType, channels: usize, frames: u64) -> Result<u64> {
        (channels as u64)
            .checked_mul(frames)
            .and_then(|n| n.checked_mul(sample_type.size() as u64))
            .ok_or_else(|| Error::invalid(format!("a block of {channels} channels × {frames} frames is too large")))
    }
}
