//! Bytes of an HDF5 file whose chunks are already written: everything that describes them goes behind them, and the
//! superblock in front, which is the last thing written, makes a file of it.
//!
//! Nothing in front of the chunks depends on what follows, so a part file can be gone on with after any interruption, and
//! memory does not grow with the recording but for the list of chunks. The encoders are `rust-hdf5`'s. The generation is
//! that of HDF5 1.8 (superblock 2, object headers 2, chunks indexed by version-1 B-trees), which every HDF5 library reads.
//!
//! After the HDF5 File Format Specification, version 3.0.

use std::collections::BTreeMap;

use rust_hdf5::format::btree_v1::{BTreeV1Config, ChunkBTreeV1Node, ChunkKey};
use rust_hdf5::format::global_heap::{GlobalHeapCollection, GlobalHeapObject, encode_vlen_reference};
use rust_hdf5::format::messages::attribute::AttributeMessage;
use rust_hdf5::format::messages::data_layout::DataLayoutMessage;
use rust_hdf5::format::messages::dataspace::DataspaceMessage;
use rust_hdf5::format::messages::datatype::{DatatypeMessage, EnumMember};
use rust_hdf5::format::messages::fill_value::FillValueMessage;
use rust_hdf5::format::messages::filter::{Filter, FilterPipeline};
use rust_hdf5::format::messages::group_info::GroupInfoMessage;
use rust_hdf5::format::messages::link::LinkMessage;
use rust_hdf5::format::messages::link_info::LinkInfoMessage;
use rust_hdf5::format::messages::{
    MSG_ATTRIBUTE, MSG_DATA_LAYOUT, MSG_DATASPACE, MSG_DATATYPE, MSG_FILL_VALUE, MSG_FILTER_PIPELINE, MSG_GROUP_INFO,
    MSG_LINK, MSG_LINK_INFO,
};
use rust_hdf5::format::object_header::ObjectHeader;
use rust_hdf5::format::superblock::SuperblockV2V3;
use rust_hdf5::format::{FormatContext, FormatError, UNDEF_ADDR};

use super::part::Part;
use super::tree::{Attributes, Chunked, Data, Dataset, Group, Object, StoredChunk, Value};
use crate::error::{Error, Result};
use crate::recording::SampleType;

/// The chunks begin here; in front of them is the superblock, and room that stays empty.
pub(super) const FIRST_CHUNK_BYTE: u64 = 2048;
/// Strings of one heap collection, bytes: below the 64 KiB that libraries expect.
const HEAP_BYTES: usize = 48 << 10;
/// Of the object header message flags: the message does not change.
const CONSTANT: u8 = 1;

const CONTEXT: FormatContext = FormatContext { sizeof_addr: 8, sizeof_size: 8 };

/// Writes what describes the chunks behind them, and the superblock.
///
/// # Errors
/// When writing fails, or `root` refers to what is not in it.
pub(super) fn write(root: &Group, part: &mut Part) -> Result<()> {
    let mut nodes = Vec::new();
    flatten(root, String::new(), &mut nodes);
    let paths: BTreeMap<&str, usize> = nodes.iter().enumerate().map(|(i, (path, _))| (path.as_str(), i)).collect();

    part.align(8)?;
    let heap = write_strings(&nodes, part)?;

    // Header addresses are needed for references, and the lengths of headers do not depend on addresses.
    let mut encoder = Encoder { heap, next_text: 0, paths: &paths, headers: vec![0; nodes.len()] };
    let mut storage = Vec::with_capacity(nodes.len());
    for (_, node) in &nodes {
        storage.push(match node {
            Node::Dataset(Dataset { data: Data::Chunked(chunked), .. }) => {
                Storage { at: write_chunk_index(chunked, part)?, len: 0 }
            }
            Node::Dataset(Dataset { data, .. }) => Storage { at: 0, len: data_len(data) },
            Node::Group(_) => Storage { at: 0, len: 0 },
        });
    }
    part.align(8)?;
    let mut at = part.len();
    for (storage, (_, node)) in storage.iter_mut().zip(&nodes) {
        if storage.len > 0 {
            storage.at = at;
            at += storage.len.next_multiple_of(8);
        } else if !matches!(node, Node::Dataset(Dataset { data: Data::Chunked(_), .. })) {
            storage.at = UNDEF_ADDR;
        }
    }
    for (i, (_, node)) in nodes.iter().enumerate() {
        let (header, _) = encoder.node(node, &nodes[i].0, &storage[i])?;
        encoder.headers[i] = at;
        at += (header.len() as u64).next_multiple_of(8);
    }
    encoder.next_text = 0;
    let (mut raw, mut headers) = (Vec::new(), Vec::new());
    for (i, (path, node)) in nodes.iter().enumerate() {
        let (header, data) = encoder.node(node, path, &storage[i])?;
        raw.extend_from_slice(&data);
        raw.resize(raw.len().next_multiple_of(8), 0);
        headers.extend_from_slice(&header);
        headers.resize(headers.len().next_multiple_of(8), 0);
    }
    part.append(&raw)?;
    part.append(&headers)?;
    let superblock = SuperblockV2V3 {
        version: 2,
        sizeof_offsets: 8,
        sizeof_lengths: 8,
        file_consistency_flags: 0,
        base_address: 0,
        superblock_extension_address: UNDEF_ADDR,
        end_of_file_address: part.len(),
        root_group_object_header_address: encoder.headers[0],
    };
    part.write_first(&superblock.encode())
}

/// A group or dataset with its absolute path; the root is first.
enum Node<'a> {
    Group(&'a Group),
    Dataset(&'a Dataset),
}

fn flatten<'a>(group: &'a Group, path: String, nodes: &mut Vec<(String, Node<'a>)>) {
    let own = if path.is_empty() { "/".to_owned() } else { path.clone() };
    nodes.push((own, Node::Group(group)));
    for (name, object) in &group.children {
        let path = format!("{path}/{name}");
        match object {
            Object::Group(group) => flatten(group, path, nodes),
            Object::Dataset(dataset) => nodes.push((path, Node::Dataset(dataset))),
            Object::Link(_) => {}
        }
    }
}

/// Where the values of a dataset are.
struct Storage {
    at: u64,
    len: u64,
}

/// Bytes of the values that are written here (those of chunks are written already).
fn data_len(data: &Data) -> u64 {
    match data {
        Data::Text(_) => 16,
        Data::Texts { values, .. } => 16 * values.len() as u64,
        Data::Numbers { bytes, .. } => bytes.len() as u64,
        Data::Bools(values) => values.len() as u64,
        Data::References(paths) => 8 * paths.len() as u64,
        Data::Chunked(_) => 0,
    }
}

/// The strings of attributes and data, in the order in which [`Encoder`] comes by.
fn texts<'a>(nodes: &'a [(String, Node<'a>)]) -> impl Iterator<Item = &'a String> {
    fn of_attributes(attributes: &Attributes) -> impl Iterator<Item = &String> {
        attributes.iter().flat_map(|(_, value)| match value {
            Value::Text(text) => std::slice::from_ref(text),
            Value::Texts(texts) => texts.as_slice(),
            _ => &[],
        })
    }
    nodes.iter().flat_map(|(_, node)| {
        let (attributes, data) = match node {
            Node::Group(group) => (&group.attributes, None),
            Node::Dataset(dataset) => (&dataset.attributes, Some(&dataset.data)),
        };
        let data = match data {
            Some(Data::Text(text)) => std::slice::from_ref(text),
            Some(Data::Texts { values, .. }) => values.as_slice(),
            _ => &[],
        };
        data.iter().chain(of_attributes(attributes))
    })
}

/// Writes every string to heap collections; returns the 16 bytes that stand for each.
fn write_strings(nodes: &[(String, Node<'_>)], part: &mut Part) -> Result<Vec<Vec<u8>>> {
    let mut references = Vec::new();
    let mut collection = GlobalHeapCollection::new();
    let mut held = 0;
    // Where the collection being filled will lie: behind what is written so far.
    let mut at = part.len();
    for text in texts(nodes) {
        if text.is_empty() {
            references.push(vec![0; 16]);
            continue;
        }
        if held > 0 && held + text.len() > HEAP_BYTES {
            part.append(&std::mem::take(&mut collection).encode(&CONTEXT))?;
            part.align(8)?;
            at = part.len();
            held = 0;
        }
        held += text.len() + 24;
        let index = collection.objects.len() as u16 + 1;
        collection.objects.push(GlobalHeapObject { index, ref_count: 0, data: text.clone().into_bytes() });
        let len = u32::try_from(text.len()).ok().ok_or_else(|| Error::invalid("a text is longer than 4 GiB"))?;
        references.push(encode_vlen_reference(len, at, u32::from(index), &CONTEXT));
    }
    if held > 0 {
        part.append(&collection.encode(&CONTEXT))?;
        part.align(8)?;
    }
    Ok(references)
}

/// Writes the version-1 B-tree of `chunked`, level by level; returns the address of its root. Takes the memory of one
/// node and of one key in 64.
fn write_chunk_index(chunked: &Chunked, part: &mut Part) -> Result<u64> {
    if chunked.chunks.is_empty() {
        return Ok(UNDEF_ADDR);
    }
    part.align(8)?;
    let grid: Vec<u64> = chunked.dims.iter().zip(&chunked.chunk).map(|(&d, &c)| d.div_ceil(c)).collect();
    let mut dims = chunked.chunk.clone();
    dims.push(chunked.kind.size() as u64);
    let scaled = |mut index: u64| {
        let mut at = vec![0; grid.len()];
        for axis in (0..grid.len()).rev() {
            at[axis] = index % grid[axis];
            index /= grid[axis];
        }
        at
    };
    let key = |i: usize| {
        let StoredChunk { len, skipped, .. } = chunked.chunks[i];
        ChunkKey::for_chunk(&scaled(i as u64), &dims, len, skipped)
    };
    let end_key = ChunkKey::right_bound(&scaled(chunked.chunks.len() as u64 - 1), &dims);
    let config = BTreeV1Config::default();
    let capacity = usize::from(config.chunk_max_entries());
    let node_size = config.chunk_btree_node_size(8, grid.len());

    // Of a level: the first child of each node, counted in chunks, and the address of its first node.
    let mut starts: Vec<usize> = (0..chunked.chunks.len()).collect();
    let mut children_at: Option<u64> = None;
    let mut level = 0;
    loop {
        let base = part.len();
        let nodes = starts.len().div_ceil(capacity);
        let address = |node: usize| base + (node * node_size) as u64;
        for node in 0..nodes {
            let own = node * capacity..((node + 1) * capacity).min(starts.len());
            let mut keys: Vec<ChunkKey> = starts[own.clone()].iter().map(|&i| key(i)).collect();
            keys.push(starts.get(own.end).map_or_else(|| end_key.clone(), |&i| key(i)));
            let children: Vec<u64> = own
                .clone()
                .map(|child| match children_at {
                    None => chunked.chunks[child].at,
                    Some(first) => first + (child * node_size) as u64,
                })
                .collect();
            let node = ChunkBTreeV1Node {
                level,
                entries_used: children.len() as u16,
                left_sibling: if node > 0 { address(node - 1) } else { UNDEF_ADDR },
                right_sibling: if node + 1 < nodes { address(node + 1) } else { UNDEF_ADDR },
                keys,
                children,
            };
            part.append(&node.encode(node_size, 8).map_err(broken)?)?;
        }
        if nodes == 1 {
            return Ok(base);
        }
        starts = starts.into_iter().step_by(capacity).collect();
        children_at = Some(base);
        level += 1;
    }
}

/// Turns nodes into object headers and values.
struct Encoder<'a> {
    heap: Vec<Vec<u8>>,
    next_text: usize,
    paths: &'a BTreeMap<&'a str, usize>,
    /// The address of each node's header.
    headers: Vec<u64>,
}

impl Encoder<'_> {
    /// The object header of `node`, and its values.
    fn node(&mut self, node: &Node<'_>, path: &str, storage: &Storage) -> Result<(Vec<u8>, Vec<u8>)> {
        let mut header = ObjectHeader::new();
        let mut values = Vec::new();
        match node {
            Node::Group(group) => {
                header.add_message(MSG_LINK_INFO, 0, LinkInfoMessage::compact().encode(&CONTEXT));
                header.add_message(MSG_GROUP_INFO, CONSTANT, GroupInfoMessage::default().encode());
                for (name, object) in &group.children {
                    let link = match object {
                        Object::Link(target) => LinkMessage::soft(name, target),
                        _ => {
                            let child = if path == "/" { format!("/{name}") } else { format!("{path}/{name}") };
                            LinkMessage::hard(name, self.address(&child)?)
                        }
                    };
                    header.add_message(MSG_LINK, 0, link.encode(&CONTEXT));
                }
                self.attributes(&mut header, &group.attributes)?;
            }
            Node::Dataset(dataset) => {
                let (datatype, dataspace) = self.describe(&dataset.data);
                values = self.values(&dataset.data)?;
                header.add_message(MSG_DATASPACE, 0, dataspace.encode(&CONTEXT));
                header.add_message(MSG_DATATYPE, CONSTANT, datatype.encode(&CONTEXT));
                let chunked = if let Data::Chunked(chunked) = &dataset.data { Some(chunked) } else { None };
                // 3: space is taken as chunks are written; 2: with the data.
                let fill = FillValueMessage { alloc_time: if chunked.is_some() { 3 } else { 2 }, ..Default::default() };
                header.add_message(MSG_FILL_VALUE, CONSTANT, fill.encode());
                let layout = match chunked {
                    Some(chunked) => {
                        let mut dims = chunked.chunk.clone();
                        dims.push(chunked.kind.size() as u64);
                        DataLayoutMessage::chunked_v3_btree_v1(dims, storage.at)
                    }
                    None => DataLayoutMessage::contiguous(storage.at, storage.len),
                };
                header.add_message(MSG_DATA_LAYOUT, CONSTANT, layout.encode(&CONTEXT));
                if let Some(chunked) = chunked.filter(|c| !c.filters.is_empty()) {
                    let filters = chunked.filters.iter().map(|filter| Filter {
                        id: filter.id,
                        flags: 1,
                        cd_values: filter.values.clone(),
                    });
                    let pipeline = FilterPipeline { filters: filters.collect() };
                    header.add_message(MSG_FILTER_PIPELINE, CONSTANT, pipeline.encode());
                }
                self.attributes(&mut header, &dataset.attributes)?;
            }
        }
        Ok((header.encode().map_err(broken)?, values))
    }

    fn attributes(&mut self, header: &mut ObjectHeader, attributes: &Attributes) -> Result<()> {
        for (name, value) in attributes {
            let scalar = DataspaceMessage::scalar;
            let text = DatatypeMessage::vlen_string_utf8;
            let (datatype, dataspace, data) = match value {
                Value::Text(_) => (text(), scalar(), self.text()),
                Value::Texts(values) => {
                    let data = values.iter().flat_map(|_| self.text()).collect();
                    (text(), DataspaceMessage::simple(&[values.len() as u64]), data)
                }
                Value::F64(value) => (DatatypeMessage::f64_type(), scalar(), value.to_le_bytes().to_vec()),
                Value::F64s(values) => {
                    let data = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                    (DatatypeMessage::f64_type(), DataspaceMessage::simple(&[values.len() as u64]), data)
                }
                Value::I32(value) => (DatatypeMessage::i32_type(), scalar(), value.to_le_bytes().to_vec()),
                Value::I64(value) => (DatatypeMessage::i64_type(), scalar(), value.to_le_bytes().to_vec()),
                Value::I64s(values) => {
                    let data = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                    (DatatypeMessage::i64_type(), DataspaceMessage::simple(&[values.len() as u64]), data)
                }
                Value::Bool(value) => (boolean(), scalar(), vec![u8::from(*value)]),
                Value::Reference(path) => {
                    (DatatypeMessage::object_reference(&CONTEXT), scalar(), self.address(path)?.to_le_bytes().to_vec())
                }
            };
            let message = AttributeMessage { name: name.clone(), datatype, dataspace, data };
            header.add_message(MSG_ATTRIBUTE, 0, message.encode(&CONTEXT));
        }
        Ok(())
    }

    /// The next string's 16 bytes.
    fn text(&mut self) -> Vec<u8> {
        self.next_text += 1;
        self.heap.get(self.next_text - 1).cloned().unwrap_or_else(|| vec![0; 16])
    }

    fn address(&self, path: &str) -> Result<u64> {
        let index = self.paths.get(path).ok_or_else(|| Error::invalid(format!("there is no {path} to refer to")))?;
        Ok(self.headers[*index])
    }

    fn describe(&self, data: &Data) -> (DatatypeMessage, DataspaceMessage) {
        let shape = |dims: &[u64]| {
            if dims.is_empty() { DataspaceMessage::scalar() } else { DataspaceMessage::simple(dims) }
        };
        match data {
            Data::Text(_) => (DatatypeMessage::vlen_string_utf8(), DataspaceMessage::scalar()),
            Data::Texts { dims, .. } => (DatatypeMessage::vlen_string_utf8(), shape(dims)),
            Data::Numbers { kind, dims, .. } => (datatype(*kind), shape(dims)),
            Data::Bools(values) => (boolean(), shape(&[values.len() as u64])),
            Data::References(paths) => (DatatypeMessage::object_reference(&CONTEXT), shape(&[paths.len() as u64])),
            Data::Chunked(chunked) => (datatype(chunked.kind), shape(&chunked.dims)),
        }
    }

    fn values(&mut self, data: &Data) -> Result<Vec<u8>> {
        Ok(match data {
            Data::Text(_) => self.text(),
            Data::Texts { values, .. } => values.iter().flat_map(|_| self.text()).collect(),
            Data::Numbers { bytes, .. } => bytes.clone(),
            Data::Bools(values) => values.iter().map(|&v| u8::from(v)).collect(),
            Data::References(paths) => {
                let mut bytes = Vec::with_capacity(8 * paths.len());
                for path in paths {
                    bytes.extend_from_slice(&self.address(path)?.to_le_bytes());
                }
                bytes
            }
            Data::Chunked(_) => vec![],
        })
    }
}

/// h5py's booleans: an enumeration of bytes.
fn boolean() -> DatatypeMessage {
    let member = |(name, value): (&str, u8)| EnumMember { name: name.to_owned(), value: vec![value] };
    DatatypeMessage::enumeration(DatatypeMessage::i8_type(), [("FALSE", 0), ("TRUE", 1)].map(member).to_vec())
}

fn datatype(kind: SampleType) -> DatatypeMessage {
    match kind {
        SampleType::I8 => DatatypeMessage::i8_type(),
        SampleType::Bool | SampleType::U8 => DatatypeMessage::u8_type(),
        SampleType::I16 => DatatypeMessage::i16_type(),
        SampleType::U16 => DatatypeMessage::u16_type(),
        SampleType::I32 => DatatypeMessage::i32_type(),
        SampleType::U32 => DatatypeMessage::u32_type(),
        SampleType::I64 => DatatypeMessage::i64_type(),
        SampleType::U64 => DatatypeMessage::u64_type(),
        SampleType::F16 => DatatypeMessage::f16_type(),
        SampleType::F32 => DatatypeMessage::f32_type(),
        SampleType::F64 => DatatypeMessage::f64_type(),
    }
}

/// An error of the encoders, which is one of ours: what was given them cannot be encoded.
#[allow(clippy::needless_pass_by_value)]
fn broken(error: FormatError) -> Error {
    Error::invalid(format!("this cannot be written as HDF5: {error}"))
}
