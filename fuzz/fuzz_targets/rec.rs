//! Any bytes as a `.rec`: header, packets, clocks, held values and the check.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/common/exercise.rs"]
mod exercise;

fuzz_target!(|bytes: &[u8]| {
    // One file for each process, in memory where the system has such a place.
    let folder = ["/dev/shm", "/tmp"].into_iter().find(|f| std::path::Path::new(f).is_dir()).unwrap_or(".");
    let path = std::path::Path::new(folder).join(format!("longwave-fuzz-{}.rec", std::process::id()));
    exercise::rec(&path, bytes);
});
