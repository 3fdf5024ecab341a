//! A table of columns, as hdmf-common 1.8 has it (`DynamicTable`, and `TimeIntervals` of the core).

use super::build::Contents;
use super::tree::{Data, Dataset, Group, Object, Value};

/// A table that is being filled, column by column.
pub(super) struct Table<'a> {
    contents: &'a Contents<'a>,
    path: String,
    group: Group,
    columns: Vec<String>,
}

impl<'a> Table<'a> {
    pub(super) fn new(contents: &'a Contents<'a>, path: &str, kind: &str, namespace: &str, description: &str) -> Self {
        let group = Group { attributes: contents.described(namespace, kind, path, description), children: vec![] };
        Self { contents, path: path.to_owned(), group, columns: vec![] }
    }

    pub(super) fn column(&mut self, name: &str, description: &str, data: Data) {
        debug_assert!(name != "description" && name != "colnames", "the table has an attribute of this name");
        let path = format!("{}/{name}", self.path);
        let attributes = self.contents.described("hdmf-common", "VectorData", &path, description);
        self.group.put(name, Object::Dataset(Dataset { attributes, data }));
        self.columns.push(name.to_owned());
    }

    /// An attribute of the table itself.
    pub(super) fn attribute(&mut self, name: &str, value: Value) {
        self.group.attributes.push((name.to_owned(), value));
    }

    /// The rows of ragged column `name` end where `ends` says.
    pub(super) fn index(&mut self, name: &str, ends: &[u64]) {
        let own = format!("{name}_index");
        let path = format!("{}/{own}", self.path);
        let mut attributes =
            self.contents.described("hdmf-common", "VectorIndex", &path, &format!("where the rows of {name} end"));
        attributes.push(("target".to_owned(), Value::Reference(format!("{}/{name}", self.path))));
        self.group.put(&own, Object::Dataset(Dataset { attributes, data: Data::unsigned(ends) }));
    }

    pub(super) fn finish(mut self, rows: usize) -> Group {
        self.group.attributes.push(("colnames".to_owned(), Value::Texts(std::mem::take(&mut self.columns))));
        let path = format!("{}/id", self.path);
        let attributes = self.contents.typed("hdmf-common", "ElementIdentifiers", &path);
        let data = Data::i64s(0..rows as i64);
        self.group.put("id", Object::Dataset(Dataset { attributes, data }));
        self.group
    }
}

/// A text of each row.
pub(super) fn texts<T>(rows: &[T], of: impl Fn(&T) -> String) -> Vec<String> {
    rows.iter().map(of).collect()
}
