//! The schema, written into every file (`/specifications`), so that a reader needs no copy of its own and no package for
//! the types of extensions: pynwb, matnwb and the validator read it from there.
//!
//! The texts are those of the NWB core 2.8.0, hdmf-common 1.8.0 with hdmf-experimental 0.5.0, and for the layout of
//! trodes_to_nwb ndx-franklab-novela 0.2.3 and ndx-optogenetics 0.2.0, in the form in which hdmf keeps them: a JSON text
//! for each source of a namespace. They are kept in `assets/nwb-schema`, under the licences (BSD) that stand there. They
//! take 150 KiB of a file, with the extensions 170 KiB.

use serde_json::{Map, Value as Json};

use super::tree::{Data, Group, Value};

/// A namespace: name, version, and an object with the JSON of each source.
struct Namespace(&'static str, &'static str, &'static str);

/// Of every file.
const CORE: [Namespace; 3] = [
    Namespace("core", "2.8.0", include_str!("../../../assets/nwb-schema/core-2.8.0.json")),
    Namespace("hdmf-common", "1.8.0", include_str!("../../../assets/nwb-schema/hdmf-common-1.8.0.json")),
    Namespace("hdmf-experimental", "0.5.0", include_str!("../../../assets/nwb-schema/hdmf-experimental-0.5.0.json")),
];
/// Of the layout of trodes_to_nwb.
const EXTENSIONS: [Namespace; 2] = [
    Namespace(
        "ndx-franklab-novela",
        "0.2.3",
        include_str!("../../../assets/nwb-schema/ndx-franklab-novela-0.2.3.json"),
    ),
    Namespace("ndx-optogenetics", "0.2.0", include_str!("../../../assets/nwb-schema/ndx-optogenetics-0.2.0.json")),
];
const PATH: &str = "/specifications";

/// Adds the schema, and says where it is.
pub(super) fn add(root: &mut Group, with_extensions: bool) {
    let extensions = if with_extensions { EXTENSIONS.as_slice() } else { &[] };
    for Namespace(name, version, text) in CORE.iter().chain(extensions) {
        let group = root.at(&format!("{PATH}/{name}/{version}"));
        // What does not parse (the test below says that all do) would only not be cached.
        for (source, json) in serde_json::from_str::<Map<String, Json>>(text).unwrap_or_default() {
            group.put(&source, Data::Text(json.to_string()));
        }
    }
    root.attributes.push((".specloc".to_owned(), Value::Reference(PATH.to_owned())));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_namespace_is_the_one_that_it_is_called() {
        for Namespace(name, version, text) in CORE.iter().chain(&EXTENSIONS) {
            let sources: Map<String, Json> = serde_json::from_str(text).unwrap();
            let own = &sources["namespace"]["namespaces"][0];
            assert_eq!((own["name"].as_str(), own["version"].as_str()), (Some(*name), Some(*version)));
            for source in own["schema"].as_array().unwrap().iter().filter_map(|s| s["source"].as_str()) {
                let source = source.trim_end_matches(".yaml");
                assert!(sources[source].is_object(), "{name} lacks {source}");
            }
        }
    }
}
