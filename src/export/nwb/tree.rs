//! What an HDF5 file holds, as plain data: groups, datasets, attributes and links. [`super::h5`] turns it into bytes.

use crate::recording::SampleType;

/// The value of an attribute.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Value {
    Text(String),
    Texts(Vec<String>),
    F64(f64),
    F64s(Vec<f64>),
    I32(i32),
    I64(i64),
    I64s(Vec<i64>),
    /// h5py's boolean.
    Bool(bool),
    /// A reference to the object at this path.
    Reference(String),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::F64(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::I32(value)
    }
}

/// Names and values, in the order in which they are written.
pub(super) type Attributes = Vec<(String, Value)>;

/// What a name in a group stands for.
#[derive(Clone, Debug)]
pub(super) enum Object {
    Group(Group),
    Dataset(Dataset),
    /// A soft link to this path.
    Link(String),
}

/// A group.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    pub attributes: Attributes,
    pub children: Vec<(String, Object)>,
}

/// A dataset.
#[derive(Clone, Debug)]
pub(super) struct Dataset {
    pub attributes: Attributes,
    pub data: Data,
}

/// The values of a dataset.
#[derive(Clone, Debug)]
pub(super) enum Data {
    /// A scalar string.
    Text(String),
    /// Strings of this shape.
    Texts { values: Vec<String>, dims: Vec<u64> },
    /// Little-endian numbers of this shape; without dimensions a scalar.
    Numbers { kind: SampleType, dims: Vec<u64>, bytes: Vec<u8> },
    /// h5py's booleans.
    Bools(Vec<bool>),
    /// References to the objects at these paths.
    References(Vec<String>),
    /// Chunks that are in the file already.
    Chunked(Chunked),
}

/// A filter of HDF5: its registered number and its parameters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct FilterUse {
    pub id: u16,
    pub values: Vec<u32>,
}

/// Chunks that are in the file already, one after the other along the last axis first.
#[derive(Clone, Debug)]
pub(super) struct Chunked {
    pub kind: SampleType,
    pub dims: Vec<u64>,
    pub chunk: Vec<u64>,
    pub filters: Vec<FilterUse>,
    pub chunks: Vec<StoredChunk>,
}

/// Where a chunk is, and what was in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct StoredChunk {
    pub at: u64,
    pub len: u32,
    /// Bit i: filter i was left out, because it did not make the chunk smaller.
    pub skipped: u32,
    /// XXH3 of the samples before any filter.
    pub hash: u64,
}

impl Data {
    /// Numbers in one dimension.
    pub(super) fn f64s(values: &[f64]) -> Self {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Self::Numbers { kind: SampleType::F64, dims: vec![values.len() as u64], bytes }
    }

    /// Whole numbers in one dimension.
    pub(super) fn i64s(values: impl IntoIterator<Item = i64>) -> Self {
        let bytes: Vec<u8> = values.into_iter().flat_map(i64::to_le_bytes).collect();
        Self::Numbers { kind: SampleType::I64, dims: vec![(bytes.len() / 8) as u64], bytes }
    }

    /// Whole numbers without sign in one dimension, in the least type that holds them, which is what hdmf writes for
    /// indices.
    pub(super) fn unsigned(values: &[u64]) -> Self {
        let (dims, largest) = (vec![values.len() as u64], values.iter().copied().max().unwrap_or(0));
        let bytes = |size: usize| values.iter().flat_map(|v| v.to_le_bytes().into_iter().take(size)).collect();
        let (kind, size) = match largest {
            0..=0xff => (SampleType::U8, 1),
            0x100..=0xffff => (SampleType::U16, 2),
            0x1_0000..=0xffff_ffff => (SampleType::U32, 4),
            _ => (SampleType::U64, 8),
        };
        Self::Numbers { kind, dims, bytes: bytes(size) }
    }

    /// One number of single precision.
    pub(super) fn f32(value: f32) -> Self {
        Self::Numbers { kind: SampleType::F32, dims: vec![], bytes: value.to_le_bytes().to_vec() }
    }

    /// One number.
    pub(super) fn f64(value: f64) -> Self {
        Self::Numbers { kind: SampleType::F64, dims: vec![], bytes: value.to_le_bytes().to_vec() }
    }

    /// Strings in one dimension.
    pub(super) fn texts(values: Vec<String>) -> Self {
        Self::Texts { dims: vec![values.len() as u64], values }
    }
}

impl Dataset {
    /// A dataset without attributes.
    pub(super) fn plain(data: Data) -> Self {
        Self { attributes: vec![], data }
    }
}

impl From<Data> for Object {
    fn from(data: Data) -> Self {
        Self::Dataset(Dataset::plain(data))
    }
}

impl From<Group> for Object {
    fn from(group: Group) -> Self {
        Self::Group(group)
    }
}

impl Group {
    /// The group at `path` below this one (`a/b`), made where it is missing. An object in the way is replaced: names are
    /// chosen so that there is none.
    pub(super) fn at(&mut self, path: &str) -> &mut Self {
        let mut group = self;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let index = match group.children.iter().position(|(n, o)| n == name && matches!(o, Object::Group(_))) {
                Some(index) => index,
                None => {
                    group.put(name, Self::default());
                    group.children.len() - 1
                }
            };
            let Object::Group(next) = &mut group.children[index].1 else { unreachable!("it was just looked for") };
            group = next;
        }
        group
    }

    /// Adds `object`, in the place of any of the same name.
    pub(super) fn put(&mut self, name: &str, object: impl Into<Object>) {
        self.children.retain(|(n, _)| n != name);
        self.children.push((name.to_owned(), object.into()));
    }

    /// Adds a scalar string, unless it is empty.
    pub(super) fn put_text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.put(name, Data::Text(text.to_owned()));
        }
    }

    /// Adds strings, unless there are none.
    pub(super) fn put_texts(&mut self, name: &str, texts: &[String]) {
        if !texts.is_empty() {
            self.put(name, Data::texts(texts.to_vec()));
        }
    }
}
