//! YAML text as a tree whose every node knows its place, bounded in every direction.
//!
//! The contract: [`parse`] returns the first document of a text as a [`Node`], or one error with line, column and byte
//! offset. Scalars keep their text: whether `012`, `no` or `1e-7` is a word or a number is decided by the field that
//! reads it, so that a session called `0123` or a subject called `no` does not turn into something else (YAML 1.1 and
//! 1.2 differ in this, and so do the programs that read these files). Anchors, aliases and merge keys (`<<`) are
//! followed.
//!
//! The cost: time and memory are proportional to the text. Nesting, the number of nodes and what aliases unfold to are
//! [limited](MAX_DEPTH), so that neither a deep nor an exponentially unfolding document can stop the program.
//!
//! After YAML 1.2.2 (<https://yaml.org/spec/1.2.2/>); the events come from the crate `saphyr-parser`.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use crate::error::{Error, Result};
use crate::recording::Warning;

/// No metadata file is longer; real ones are tens of kilobytes.
pub(crate) const MAX_BYTES: usize = 16 << 20;
/// Lists and mappings inside each other.
const MAX_DEPTH: usize = 32;
/// Nodes of the whole tree, what aliases repeat included.
const MAX_NODES: usize = 500_000;
/// Bytes of text in the whole tree, what aliases repeat included.
const MAX_TEXT: usize = 2 * MAX_BYTES;

/// Where something stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Place {
    /// Byte offset in the file.
    pub at: u64,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
}

impl Place {
    /// An error about what stands here.
    pub(crate) fn error(self, what: impl std::fmt::Display) -> Error {
        Error::malformed(self.at, format!("line {}, column {}: {what}", self.line, self.column))
    }

    /// A warning about what stands here.
    pub(crate) fn warning(self, what: impl std::fmt::Display) -> Warning {
        Warning::at(self.at, format!("line {}: {what}", self.line))
    }
}

/// A value and its place.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Node {
    pub place: Place,
    pub value: Value,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    Scalar(String),
    List(Vec<Node>),
    /// In the order of the file; keys are unique (of two alike the later one counts, with a warning).
    Map(Vec<Entry>),
}

/// A key of a mapping with what it maps to.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Entry {
    pub key: String,
    /// Of the key.
    pub place: Place,
    pub node: Node,
}

/// The first document of `bytes`; an empty one is [`Value::Null`]. Further documents are named in a warning.
///
/// # Errors
/// [`crate::ErrorKind::Malformed`] for what is not UTF-8 or not YAML, [`crate::ErrorKind::Limit`] for what is too large,
/// too deep or unfolds to too much.
pub(crate) fn parse(bytes: &[u8], warnings: &mut Vec<Warning>) -> Result<Node> {
    if bytes.len() > MAX_BYTES {
        return Err(Error::limit(MAX_BYTES as u64, format!("a metadata file of {} MiB", bytes.len() >> 20))
            .with_remedy("this is not a metadata file: name the YAML file that describes the session"));
    }
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err(Error::malformed(0, "the text is UTF-16").with_remedy("save it as UTF-8"));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let at = e.valid_up_to();
        let line = 1 + bytes[..at].iter().filter(|&&b| b == b'\n').count();
        Error::malformed(at as u64, format!("line {line}: byte {:#04x} is not UTF-8", bytes[at]))
            .with_remedy("save the file as UTF-8 text")
    })?;
    let skipped = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    Builder::new(&text[skipped..], skipped).build(warnings)
}

/// Byte offsets of characters: the parser counts characters.
struct Offsets<'t> {
    text: &'t str,
    skipped: usize,
    /// The byte offset of every [`Offsets::STEP`]th character; empty where every character is one byte.
    marks: Vec<usize>,
}

impl<'t> Offsets<'t> {
    const STEP: usize = 256;

    fn new(text: &'t str, skipped: usize) -> Self {
        let marks = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().step_by(Self::STEP).map(|(at, _)| at).collect()
        };
        Self { text, skipped, marks }
    }

    fn place(&self, marker: &Marker) -> Place {
        let index = marker.index();
        let byte = match self.marks.get(index / Self::STEP) {
            _ if self.marks.is_empty() => index.min(self.text.len()),
            Some(&from) => {
                let rest = &self.text[from..];
                from + rest.char_indices().nth(index % Self::STEP).map_or(rest.len(), |(at, _)| at)
            }
            None => self.text.len(),
        };
        Place {
            at: (self.skipped + byte) as u64,
            line: u32::try_from(marker.line()).unwrap_or(u32::MAX),
            column: u32::try_from(marker.col() + 1).unwrap_or(u32::MAX),
        }
    }
}

/// A list or mapping that is not closed yet.
struct Open {
    place: Place,
    anchor: usize,
    kind: Kind,
}

enum Kind {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        /// Where each key is in `entries`.
        known: HashMap<String, usize>,
        /// The key whose value comes next.
        key: Option<(String, Place)>,
        /// What merge keys bring, in order; the mapping's own keys win.
        merged: Vec<Entry>,
    },
}

struct Builder<'t> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    offsets: Offsets<'t>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    text: usize,
}

impl<'t> Builder<'t> {
    fn new(text: &'t str, skipped: usize) -> Self {
        Self {
            parser: Parser::new_from_str(text),
            offsets: Offsets::new(text, skipped),
            open: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            text: 0,
        }
    }

    fn build(mut self, warnings: &mut Vec<Warning>) -> Result<Node> {
        let mut root = None;
        while let Some(event) = self.parser.next_event() {
            let (event, span) = event.map_err(|e| {
                let place = self.offsets.place(e.marker());
                place.error(format_args!("this is not YAML: {}", e.info())).with_remedy(
                    "look at the indentation, quotes and colons there and in the line before; \
                     text with a colon or a # goes in quotes",
                )
            })?;
            let place = self.offsets.place(&span.start);
            let done = match event {
                Event::StreamStart | Event::DocumentEnd | Event::Nothing => None,
                Event::StreamEnd => break,
                Event::DocumentStart(_) if root.is_some() => {
                    warnings.push(place.warning("the file has more than one document; only the first is read"));
                    break;
                }
                Event::DocumentStart(_) => None,
                Event::Scalar(text, style, anchor, _) => {
                    self.count(1, text.len(), place)?;
                    let null = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                    let value = if null { Value::Null } else { Value::Scalar(text.into_owned()) };
                    self.finished(Node { place, value }, anchor, warnings)?
                }
                Event::Alias(anchor) => {
                    let Some(node) = self.anchors.get(&anchor) else {
                        return Err(place
                            .error("this alias stands inside of what it repeats")
                            .with_remedy("write out what is meant"));
                    };
                    let node = node.clone();
                    self.count_tree(&node, place)?;
                    self.finished(Node { place, ..node }, 0, warnings)?
                }
                Event::SequenceStart(anchor, _) => {
                    self.open(place, anchor, Kind::List(Vec::new()))?;
                    None
                }
                Event::MappingStart(anchor, _) => {
                    let kind = Kind::Map { entries: Vec::new(), known: HashMap::new(), key: None, merged: Vec::new() };
                    self.open(place, anchor, kind)?;
                    None
                }
                Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                    None => None,
                    Some(open) => {
                        let value = match open.kind {
                            Kind::List(items) => Value::List(items),
                            Kind::Map { mut entries, known, merged, .. } => {
                                let mut known: std::collections::HashSet<String> = known.into_keys().collect();
                                entries.extend(merged.into_iter().filter(|e| known.insert(e.key.clone())));
                                Value::Map(entries)
                            }
                        };
                        self.finished(Node { place: open.place, value }, open.anchor, warnings)?
                    }
                },
            };
            if root.is_none() {
                root = done;
            }
        }
        Ok(root.unwrap_or(Node { place: Place { at: 0, line: 1, column: 1 }, value: Value::Null }))
    }

    fn open(&mut self, place: Place, anchor: usize, kind: Kind) -> Result<()> {
        self.count(1, 0, place)?;
        if self.open.len() == MAX_DEPTH {
            return Err(Error::limit(place.at, format!("line {}: the nesting", place.line))
                .with_remedy("this is not a metadata file, or its brackets or indentation are damaged"));
        }
        self.open.push(Open { place, anchor, kind });
        Ok(())
    }

    fn count(&mut self, nodes: usize, text: usize, place: Place) -> Result<()> {
        self.nodes = self.nodes.saturating_add(nodes);
        self.text = self.text.saturating_add(text);
        if self.nodes > MAX_NODES || self.text > MAX_TEXT {
            return Err(Error::limit(place.at, format!("line {}: the number of values up to here", place.line))
                .with_remedy("this is not a metadata file, or its aliases (*name) repeat each other"));
        }
        Ok(())
    }

    fn count_tree(&mut self, node: &Node, place: Place) -> Result<()> {
        self.count(1, 0, place)?;
        match &node.value {
            Value::Null => Ok(()),
            Value::Scalar(text) => self.count(0, text.len(), place),
            Value::List(items) => items.iter().try_for_each(|item| self.count_tree(item, place)),
            Value::Map(entries) => entries.iter().try_for_each(|entry| {
                self.count(0, entry.key.len(), place)?;
                self.count_tree(&entry.node, place)
            }),
        }
    }

    /// Puts a finished node where it belongs; returns it if it is the document.
    fn finished(&mut self, node: Node, anchor: usize, warnings: &mut Vec<Warning>) -> Result<Option<Node>> {
        if anchor != 0 {
            self.count_tree(&node, node.place)?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else { return Ok(Some(node)) };
        match &mut open.kind {
            Kind::List(items) => items.push(node),
            Kind::Map { entries, known, key, merged } => match key.take() {
                None => {
                    let text = match node.value {
                        Value::Scalar(text) => text,
                        Value::Null => String::new(),
                        Value::List(_) | Value::Map(_) => {
                            return Err(node
                                .place
                                .error("a key is a list or a mapping")
                                .with_remedy("write the key as a word before the colon"));
                        }
                    };
                    *key = Some((text, node.place));
                }
                Some((text, place)) if text == "<<" => merge(node, place, merged)?,
                Some((text, place)) => match known.get(&text).and_then(|&i| entries.get_mut(i)) {
                    // As in the Python readers of these files, the later one counts.
                    Some(entry) => {
                        warnings.push(place.warning(format_args!(
                            "the key '{}' is in line {} already; the later one counts",
                            short(&text),
                            entry.place.line
                        )));
                        *entry = Entry { key: text, place, node };
                    }
                    None => {
                        known.insert(text.clone(), entries.len());
                        entries.push(Entry { key: text, place, node });
                    }
                },
            },
        }
        Ok(None)
    }
}

/// What a merge key brings: the entries of a mapping or of several.
fn merge(node: Node, place: Place, merged: &mut Vec<Entry>) -> Result<()> {
    match node.value {
        Value::Map(entries) => merged.extend(entries),
        Value::List(items) => {
            for item in items {
                merge(item, place, merged)?;
            }
        }
        Value::Null | Value::Scalar(_) => {
            return Err(place
                .error("'<<' needs a mapping to take keys from")
                .with_remedy("write '<<: *name', where '&name' stands before a mapping"));
        }
    }
    Ok(())
}

/// `text` for a message: one line, cut.
pub(crate) fn short(text: &str) -> String {
    const CHARS: usize = 60;
    let clean: String = text.chars().take(CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(CHARS).is_some() { format!("{clean}…") } else { clean }
}
