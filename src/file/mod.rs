//! How bytes are reached: the map that survives truncation, flat layouts over it, and files that appear whole or not
//! at all.

mod at;
mod atomic;
mod atomic_folder;
pub(crate) mod feed;
mod flat;
mod gather;
mod here;
mod map;
mod shared;

pub(crate) use at::{read_at, write_at};
pub(crate) use atomic::Flusher;
pub use atomic::{AtomicFile, free_bytes};
pub use atomic_folder::AtomicFolder;
pub use flat::{FlatLayout, Rows};
pub(crate) use here::touches_file;
pub use here::without_files;
pub use map::FileMap;
pub use shared::{Update, update};
