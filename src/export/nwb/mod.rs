//! NWB (Neurodata Without Borders): what it takes from the metadata file that describes a session.

#[allow(dead_code)]
pub(crate) mod metadata;
#[allow(dead_code)]
mod probe;
