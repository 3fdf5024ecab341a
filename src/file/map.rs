//! A read-only memory map that survives what files do while they are open. The only `unsafe` of the crate.
//!
//! A mapped file is memory until it isn't: when the file shrinks, touching a page past its new end raises `SIGBUS`,
//! which kills a process. Here it becomes an error instead:
//!
//! 1. [`FileMap::bytes`] checks the range against the length that was mapped and against the length that the file has
//!    now, so that a file that has shrunk is an [`ErrorKind::Truncated`] before any byte is touched.
//! 2. For the race that remains (the file shrinks while a kernel runs over the bytes) a `SIGBUS` handler puts a page of
//!    zeros where the lost page was and marks the map as damaged; whoever computes over mapped bytes calls
//!    [`FileMap::check`] behind it and throws the result away if the map is damaged. A `SIGBUS` at any other address
//!    takes its usual course.
//! 3. Behind the end of a file, but in its last page, there are zeros and no signal: [`FileMap::check_to`] looks at the
//!    length once more.
//!
//! On systems other than Unix only the first holds (Windows refuses to shrink a mapped file).
//!
//! Pages are handed back with [`FileMap::release`]: they leave this process' resident memory, not the page cache.

#![allow(unsafe_code)]

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::error::{Error, ErrorKind, Result};

/// A file, mapped read-only as it was when it was opened.
#[derive(Debug)]
pub struct FileMap {
    path: PathBuf,
    file: File,
    /// Before `map`, because fields are dropped in this order: once the addresses are free, another map may get them,
    /// and a fault in that one must not be taken for one of this.
    #[cfg(unix)]
    guard: Option<sigbus::Guard>,
    map: Option<memmap2::Mmap>,
    len: u64,
    modified: Option<SystemTime>,
}

impl FileMap {
    /// Maps the whole file; the cost does not depend on its length.
    ///
    /// # Errors
    /// When it cannot be opened, is not a regular file, or cannot be mapped.
    pub fn open(path: &Path) -> Result<Arc<Self>> {
        super::touches_file();
        let io = |e| Error::io(path, e);
        // Asked before opening: opening a named pipe would wait for its writer.
        let meta = std::fs::metadata(path).map_err(io)?;
        if !meta.is_file() {
            let what = if meta.is_dir() { "this is a folder, not a file" } else { "this is not a regular file" };
            return Err(Error::invalid(what).with_path(path).with_remedy("choose a recording file"));
        }
        let file = File::open(path).map_err(io)?;
        let meta = file.metadata().map_err(io)?;
        let len = meta.len();
        let map = if len == 0 {
            None
        } else {
            // SAFETY: the map is read-only and private to this type. That others may change the file meanwhile is the
            // point of this module: bytes are only ever read as plain numbers, for which any value is valid; lost
            // pages are handled as the module documentation says.
            Some(unsafe { memmap2::MmapOptions::new().map(&file) }.map_err(io)?)
        };
        #[cfg(unix)]
        let guard = match &map {
            Some(map) => Some(sigbus::Guard::new(map).map_err(|e| e.with_path(path))?),
            None => None,
        };
        Ok(Arc::new(Self {
            path: path.to_path_buf(),
            file,
            #[cfg(unix)]
            guard,
            map,
            len,
            modified: meta.modified().ok(),
        }))
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its length when it was opened, bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it was empty when it was opened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its length now, bytes.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn current_len(&self) -> Result<u64> {
        self.file.metadata().map(|m| m.len()).map_err(|e| Error::io(&self.path, e))
    }

    /// When it was last changed, as of opening.
    #[must_use]
    pub fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    /// The open file, for copying ranges of it inside the system. Its cursor is nobody's: read at offsets.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The bytes of `range`, in place.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`] if the file is, or has become, shorter.
    pub fn bytes(&self, range: Range<u64>) -> Result<&[u8]> {
        let len = self.len.min(self.current_len()?);
        if range.end > len || range.start > range.end {
            return Err(self.truncated(range, len));
        }
        self.check()?;
        let Some(map) = &self.map else { return Ok(&[]) };
        // Both ends are at most `self.len`, which is the length of the map and therefore a `usize`.
        Ok(&map[range.start as usize..range.end as usize])
    }

    /// Copies bytes from `at` on into `out`, past the map: nothing of it becomes resident.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`] if the file is, or has become, shorter; what the system says if it cannot be read.
    pub fn copy_to(&self, at: u64, out: &mut [u8]) -> Result<()> {
        let range = at..at.saturating_add(out.len() as u64);
        if range.end > self.len {
            return Err(self.truncated(range, self.len));
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::FileExt::read_exact_at(&self.file, out, at).map_err(|e| match e.kind() {
                std::io::ErrorKind::UnexpectedEof => self.truncated(range, self.current_len().unwrap_or(0)),
                _ => Error::io(&self.path, e),
            })
        }
        #[cfg(not(unix))]
        {
            out.copy_from_slice(self.bytes(range)?);
            Ok(())
        }
    }

    /// Whether all that was read from the map so far was really in the file. To be called after computing over
    /// [`Self::bytes`] and before using the result.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`] if the file has shrunk under the map. The map stays damaged then: reopen the file.
    pub fn check(&self) -> Result<()> {
        #[cfg(unix)]
        if let Some(at) = self.guard.as_ref().and_then(sigbus::Guard::fault) {
            return Err(self.truncated(at..at + 1, self.current_len()?));
        }
        Ok(())
    }

    /// [`Self::check`], and whether the file still reaches to byte `end`.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`] if it does not.
    pub fn check_to(&self, end: u64) -> Result<()> {
        self.check()?;
        let len = self.current_len()?;
        if len < end { Err(self.truncated(len..end, len)) } else { Ok(()) }
    }

    fn truncated(&self, range: Range<u64>, len: u64) -> Error {
        Error::new(ErrorKind::Truncated { at: range.start, needed: range.end.saturating_sub(range.start), len })
            .with_path(&self.path)
            .with_remedy(if len < self.len {
                "the file was shortened while it was open: open it again"
            } else {
                "it may have been cut while copying: compare its size with the original"
            })
    }

    /// Reads `range` ahead, in one go rather than page by page as it is touched. Advice: it never fails.
    pub fn populate(&self, range: Range<u64>) {
        #[cfg(target_os = "linux")]
        self.madvise(range, libc::MADV_POPULATE_READ);
        #[cfg(not(target_os = "linux"))]
        let _ = range;
    }

    /// Starts reading `range` from the disk, without waiting for it, unless both its ends are in memory already: asking
    /// costs something for every page. Advice: it never fails.
    pub fn will_need(&self, range: Range<u64>) {
        #[cfg(target_os = "linux")]
        if self.is_cached(range.start) && self.is_cached(range.end.min(self.len).saturating_sub(1)) {
            return;
        }
        #[cfg(unix)]
        self.madvise(range, libc::MADV_WILLNEED);
        #[cfg(not(unix))]
        let _ = range;
    }

    /// Hands the pages of `range` back, outwards to whole pages: they no longer count as resident. Reading them again
    /// is correct and costs a page fault.
    pub fn release(&self, range: Range<u64>) {
        #[cfg(unix)]
        self.madvise(range, libc::MADV_DONTNEED);
        #[cfg(not(unix))]
        let _ = range;
    }

    /// Whether byte `at` can be read without waiting for the disk; where the file system cannot tell: no.
    #[cfg(target_os = "linux")]
    fn is_cached(&self, at: u64) -> bool {
        let mut byte = [0];
        let mut into = [std::io::IoSliceMut::new(&mut byte)];
        matches!(rustix::io::preadv2(&self.file, &mut into, at, rustix::io::ReadWriteFlags::NOWAIT), Ok(1))
    }

    #[cfg(unix)]
    fn madvise(&self, range: Range<u64>, advice: libc::c_int) {
        let Some(map) = &self.map else { return };
        let start = range.start.min(self.len) / sigbus::page() * sigbus::page();
        let end = range.end.min(self.len);
        if start >= end {
            return;
        }
        // SAFETY: the range lies in the map. It is a read-only file mapping, so no advice used here can lose data:
        // dropped pages are read from the file again. (A page that the handler put in place of a lost one stays
        // marked as damaged even if it is dropped.) Failure is of no consequence.
        unsafe {
            libc::madvise(map.as_ptr().add(start as usize).cast_mut().cast(), (end - start) as usize, advice);
        }
    }
}

#[cfg(unix)]
mod sigbus {
    //! The handler and the table of maps it may patch: a fixed array of atomics, because a signal handler may neither
    //! lock nor allocate.

    use std::sync::Once;
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

    use crate::error::{Error, Result};

    const SLOTS: usize = 1024;
    const FREE: usize = 0;
    const TAKEN: usize = 1;
    const NO_FAULT: u64 = u64::MAX;

    struct Slot {
        /// [`FREE`], [`TAKEN`] while it is being filled, else the first address.
        start: AtomicUsize,
        end: AtomicUsize,
        /// Offset of the first lost page that was touched.
        fault: AtomicU64,
    }

    static TABLE: [Slot; SLOTS] =
        [const { Slot { start: AtomicUsize::new(FREE), end: AtomicUsize::new(0), fault: AtomicU64::new(NO_FAULT) } };
            SLOTS];
    static PAGE: AtomicUsize = AtomicUsize::new(4096);
    static INSTALL: Once = Once::new();

    /// The system's page size, bytes.
    pub(super) fn page() -> u64 {
        PAGE.load(Ordering::Relaxed) as u64
    }

    /// A registered map.
    #[derive(Debug)]
    pub(super) struct Guard(usize);

    impl Guard {
        pub(super) fn new(map: &[u8]) -> Result<Self> {
            INSTALL.call_once(install);
            let start = map.as_ptr().addr();
            for (i, slot) in TABLE.iter().enumerate() {
                if slot.start.compare_exchange(FREE, TAKEN, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                    slot.fault.store(NO_FAULT, Ordering::Relaxed);
                    slot.end.store(start + map.len(), Ordering::Release);
                    slot.start.store(start, Ordering::Release);
                    return Ok(Self(i));
                }
            }
            Err(Error::invalid(format!("{SLOTS} files are open already")).with_remedy("close some recordings first"))
        }

        pub(super) fn fault(&self) -> Option<u64> {
            match TABLE[self.0].fault.load(Ordering::Acquire) {
                NO_FAULT => None,
                at => Some(at),
            }
        }
    }

    impl Drop for Guard {
        fn drop(&mut self) {
            TABLE[self.0].start.store(FREE, Ordering::Release);
        }
    }

    fn install() {
        // SAFETY: plain libc calls with valid arguments; the handler is async-signal-safe (atomics, `mmap` and
        // `sigaction`, no locks, no allocation).
        unsafe {
            let page = libc::sysconf(libc::_SC_PAGESIZE);
            if page > 0 {
                PAGE.store(page as usize, Ordering::Relaxed);
            }
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handle as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
            libc::sigemptyset(&raw mut action.sa_mask);
            libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut());
        }
    }

    extern "C" fn handle(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
        // SAFETY: the kernel passes a valid `siginfo_t` to a handler installed with `SA_SIGINFO`.
        let address = unsafe { (*info).si_addr() }.addr();
        let page = PAGE.load(Ordering::Relaxed);
        for slot in &TABLE {
            let start = slot.start.load(Ordering::Acquire);
            if start <= TAKEN || address < start || address >= slot.end.load(Ordering::Acquire) {
                continue;
            }
            // The slot may have got another map between the two looks: then the end is not that of this start.
            if slot.start.load(Ordering::Acquire) != start {
                continue;
            }
            let lost = address / page * page;
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
            // Marked before it is patched: another thread that reads the zeros must already find the mark. The first
            // lost page counts.
            slot.fault.fetch_min((lost - start) as u64, Ordering::AcqRel);
            // SAFETY: the page lies in a live map of ours, which nobody else may remap; replacing a lost page by zeros
            // is what this handler is for.
            let patched =
                unsafe { libc::mmap(std::ptr::without_provenance_mut(lost), page, libc::PROT_READ, flags, -1, 0) };
            if patched == libc::MAP_FAILED {
                break;
            }
            return;
        }
        // Not ours: the default action, at the instruction that is about to be repeated.
        // SAFETY: as in `install`.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = libc::SIG_DFL;
            libc::sigemptyset(&raw mut action.sa_mask);
            libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut());
        }
    }
}

/// Asks the processor to bring `bytes` near, line by line, without waiting for them.
#[inline(always)]
pub(crate) fn prefetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in bytes.chunks(64) {
        // SAFETY: the address is that of a byte that may be read; a hint has no other effect than on speed.
        unsafe { std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}

#[cfg(test)]
mod tests;
