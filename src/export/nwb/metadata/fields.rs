//! Reading a mapping by its keys, so that none is forgotten: what was not asked for is named when the reading ends.
//!
//! Types are lenient where no meaning is lost (a number where a text is expected is that text; one value where a list
//! is expected is a list of one) and strict elsewhere: a text that is no number is an error that says where.

use super::yaml::{Entry, Node, Place, Value, short};
use crate::error::{Error, Result};
use crate::recording::Warning;

/// More warnings about one file are counted, not kept.
const MAX_WARNINGS: usize = 200;
/// Items of one list that are kept at most; a session has hundreds.
const MAX_ITEMS: usize = 100_000;

/// A mapping that is being read.
pub(crate) struct Fields<'n> {
    /// What it is, for messages: `cameras[1]`; empty for the whole file.
    pub name: String,
    pub place: Place,
    entries: &'n [Entry],
    taken: Vec<bool>,
}

impl<'n> Fields<'n> {
    /// The fields of the mapping `node`, which messages call `name`. Nothing at all is a mapping without fields.
    pub(crate) fn new(name: String, node: &'n Node) -> Result<Self> {
        let entries: &[Entry] = match &node.value {
            Value::Map(entries) => entries,
            Value::Null => &[],
            other => {
                let whole = if name.is_empty() { "the file" } else { &name };
                return Err(wrong(node.place, whole, "keys and values (key: value)", other));
            }
        };
        Ok(Self { name, place: node.place, entries, taken: vec![false; entries.len()] })
    }

    /// The value of `key` if it is there and not empty.
    pub(crate) fn take(&mut self, key: &str) -> Option<&'n Node> {
        let index = self.entries.iter().position(|e| e.key == key)?;
        self.taken[index] = true;
        let node = &self.entries[index].node;
        (node.value != Value::Null).then_some(node)
    }

    /// Where the value of `key` stands; the whole if it is not there.
    pub(crate) fn place_of(&self, key: &str) -> Place {
        self.entries.iter().find(|e| e.key == key).map_or(self.place, |e| e.node.place)
    }

    /// `cameras[1].lens`.
    pub(crate) fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    /// A text without the space around it; an empty one counts as absent.
    pub(crate) fn text(&mut self, key: &str) -> Result<Option<String>> {
        let Some(node) = self.take(key) else { return Ok(None) };
        let text = scalar(node, &self.path(key), "a text")?.trim();
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }

    pub(crate) fn number(&mut self, key: &str) -> Result<Option<f64>> {
        let Some(node) = self.take(key) else { return Ok(None) };
        number(node, &self.path(key)).map(Some)
    }

    pub(crate) fn integer(&mut self, key: &str) -> Result<Option<i64>> {
        let Some(node) = self.take(key) else { return Ok(None) };
        integer(node, &self.path(key)).map(Some)
    }

    /// A whole number without which the rest means nothing.
    pub(crate) fn needed_integer(&mut self, key: &str) -> Result<i64> {
        self.integer(key)?.ok_or_else(|| self.lacks(key))
    }

    /// A text without which the rest means nothing.
    pub(crate) fn needed_text(&mut self, key: &str) -> Result<String> {
        self.text(key)?.ok_or_else(|| self.lacks(key))
    }

    pub(crate) fn flag(&mut self, key: &str) -> Result<Option<bool>> {
        let Some(node) = self.take(key) else { return Ok(None) };
        let path = self.path(key);
        match scalar(node, &path, "true or false")?.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(Some(true)),
            "false" | "no" | "off" | "0" => Ok(Some(false)),
            _ => Err(wrong(node.place, &path, "true or false", &node.value)),
        }
    }

    /// A list, or one value as a list of one.
    pub(crate) fn list(&mut self, key: &str) -> Result<&'n [Node]> {
        let Some(node) = self.take(key) else { return Ok(&[]) };
        let items = match &node.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        if items.len() > MAX_ITEMS {
            return Err(Error::limit(node.place.at, format!("line {}: the length of {key}", node.place.line))
                .with_remedy("this is not a metadata file, or it is damaged"));
        }
        Ok(items)
    }

    pub(crate) fn texts(&mut self, key: &str) -> Result<Vec<String>> {
        let path = self.path(key);
        let mut texts = Vec::new();
        for node in self.list(key)?.iter().filter(|n| n.value != Value::Null) {
            let text = scalar(node, &path, "a text or a list of texts")?.trim();
            if !text.is_empty() {
                texts.push(text.to_owned());
            }
        }
        Ok(texts)
    }

    pub(crate) fn integers(&mut self, key: &str) -> Result<Vec<i64>> {
        let path = self.path(key);
        self.list(key)?.iter().filter(|n| n.value != Value::Null).map(|node| integer(node, &path)).collect()
    }

    /// The mappings of a list.
    pub(crate) fn maps(&mut self, key: &str) -> Result<Vec<Fields<'n>>> {
        let path = self.path(key);
        let items = self.list(key)?.iter().enumerate().filter(|(_, n)| n.value != Value::Null);
        items.map(|(i, node)| Fields::new(format!("{path}[{i}]"), node)).collect()
    }

    /// One mapping.
    pub(crate) fn map(&mut self, key: &str) -> Result<Option<Fields<'n>>> {
        let path = self.path(key);
        self.take(key).map(|node| Fields::new(path, node)).transpose()
    }

    /// Every entry that was not asked for, which are then taken.
    pub(crate) fn rest(&mut self) -> Vec<&'n Entry> {
        let entries = self.entries;
        let left: Vec<&Entry> = entries.iter().zip(&self.taken).filter(|(_, taken)| !**taken).map(|(e, _)| e).collect();
        self.taken.fill(true);
        left
    }

    /// The error that `key` is not here.
    pub(crate) fn lacks(&self, key: &str) -> Error {
        let whole = if self.name.is_empty() { "the file" } else { &self.name };
        self.place.error(format_args!("{whole} has no {key}")).with_remedy(format!("add a line '{key}: …' there"))
    }

    /// Names what was not asked for.
    pub(crate) fn finish(self, warnings: &mut Vec<Warning>) {
        for (entry, _) in self.entries.iter().zip(&self.taken).filter(|(_, taken)| !**taken) {
            let path = self.path(&short(&entry.key));
            warnings.push(entry.place.warning(format_args!("{path} is not used")));
        }
    }
}

/// The error that `value` is not `wanted`.
pub(crate) fn wrong(place: Place, name: &str, wanted: &str, value: &Value) -> Error {
    let found = match value {
        Value::Null => "nothing is there".to_owned(),
        Value::Scalar(text) => format!("'{}' is there", short(text)),
        Value::List(_) => "a list is there".to_owned(),
        Value::Map(_) => "a mapping (key: value) is there".to_owned(),
    };
    place.error(format_args!("{name} must be {wanted}, but {found}")).with_remedy("correct it, or remove the key")
}

fn scalar<'n>(node: &'n Node, name: &str, wanted: &str) -> Result<&'n str> {
    match &node.value {
        Value::Scalar(text) => Ok(text),
        other => Err(wrong(node.place, name, wanted, other)),
    }
}

pub(crate) fn number(node: &Node, name: &str) -> Result<f64> {
    let text = scalar(node, name, "a number")?;
    text.trim()
        .parse()
        .ok()
        .filter(|v: &f64| v.is_finite())
        .ok_or_else(|| wrong(node.place, name, "a number", &node.value))
}

/// A whole number; `3.0` is one.
pub(crate) fn integer(node: &Node, name: &str) -> Result<i64> {
    let text = scalar(node, name, "a whole number")?;
    whole(text).ok_or_else(|| wrong(node.place, name, "a whole number", &node.value))
}

/// The whole number that `text` is.
pub(crate) fn whole(text: &str) -> Option<i64> {
    /// Beyond, a float does not hold every whole number.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let text = text.trim();
    let float = || text.parse::<f64>().ok().filter(|v| v.fract() == 0.0 && v.abs() <= EXACT).map(|v| v as i64);
    text.parse().ok().or_else(float)
}

/// At most [`MAX_WARNINGS`], the last of which says how many there were.
pub(crate) fn bounded(mut warnings: Vec<Warning>) -> Vec<Warning> {
    if warnings.len() > MAX_WARNINGS {
        let more = warnings.len() - (MAX_WARNINGS - 1);
        warnings.truncate(MAX_WARNINGS - 1);
        warnings.push(Warning::new(format!("there are {more} more warnings of this kind about the metadata")));
    }
    warnings
}
