//! A thread that must never wait for a disk, and the check that it does not.
//!
//! The window's thread is one: a file may be on a disk that is asleep, or on a machine that does not answer. In builds with
//! debug assertions, opening, mapping or writing a file on it is a panic, so that tests find it.

use std::cell::Cell;

thread_local! {
    static WITHOUT_FILES: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`, in which this thread touches no file.
pub fn without_files<T>(work: impl FnOnce() -> T) -> T {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            WITHOUT_FILES.set(self.0);
        }
    }
    let _before = Before(WITHOUT_FILES.replace(true));
    work()
}

/// To be called where a file is about to be touched.
#[track_caller]
pub(crate) fn touches_file() {
    debug_assert!(!WITHOUT_FILES.get(), "a file is touched on a thread that must not wait for a disk");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::{AtomicFile, FileMap};

    #[test]
    fn a_file_that_is_touched_where_none_may_be_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let fails = |work: fn(&std::path::Path)| {
            let work = || without_files(|| work(&path));
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err()
        };
        assert!(!fails(|_| {}));
        assert!(fails(|path| drop(AtomicFile::create(path, 0, true))));
        assert!(fails(|path| drop(FileMap::open(path))));
        assert!(AtomicFile::create(&path, 0, true).is_ok(), "elsewhere it may be");
    }
}
