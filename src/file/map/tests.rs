use std::io::Write as _;

use super::*;

fn file_of(len: usize) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let bytes: Vec<u8> = (0..len).map(|i| i as u8).collect();
    file.write_all(&bytes).unwrap();
    file
}

#[test]
fn bytes_are_those_of_the_file() {
    let file = file_of(10_000);
    let map = FileMap::open(file.path()).unwrap();
    assert_eq!(map.len(), 10_000);
    assert_eq!(map.bytes(255..258).unwrap(), [255, 0, 1]);
    map.populate(0..u64::MAX);
    map.release(5..9_999);
    let mut copy = [0; 3];
    map.copy_to(255, &mut copy).unwrap();
    assert_eq!(copy, [255, 0, 1]);
    assert!(matches!(
        map.copy_to(9_999, &mut copy).unwrap_err().kind(),
        ErrorKind::Truncated { at: 9_999, needed: 3, len: 10_000 }
    ));
    assert!(map.copy_to(u64::MAX, &mut copy).is_err());
    assert_eq!(map.bytes(9_999..10_000).unwrap(), [15]);
    assert!(matches!(
        map.bytes(9_990..10_001).unwrap_err().kind(),
        ErrorKind::Truncated { at: 9_990, needed: 11, len: 10_000 }
    ));
    #[allow(clippy::reversed_empty_ranges)]
    let backwards = 5..4;
    assert!(map.bytes(backwards).is_err());
    map.check().unwrap();
}

#[test]
fn empty_files_and_folders() {
    let file = file_of(0);
    let map = FileMap::open(file.path()).unwrap();
    assert!(map.is_empty() && map.bytes(0..0).unwrap().is_empty() && map.bytes(0..1).is_err());
    let folder = tempfile::tempdir().unwrap();
    assert!(FileMap::open(folder.path()).unwrap_err().to_string().contains("folder"));
    assert!(matches!(FileMap::open(&folder.path().join("no")).unwrap_err().kind(), ErrorKind::Io(_)));
}

#[cfg(unix)]
#[test]
fn a_file_that_shrinks_is_an_error_not_a_crash() {
    let file = file_of(1 << 20);
    let map = FileMap::open(file.path()).unwrap();
    let before = map.bytes(0..1 << 20).unwrap();
    file.as_file().set_len(10_000).unwrap();
    // The bytes were handed out before the file shrank: touching them must not kill us, and must be noticed.
    let sum: u64 = before.iter().map(|&b| u64::from(b)).sum();
    assert!(sum > 0);
    assert!(matches!(map.check().unwrap_err().kind(), ErrorKind::Truncated { len: 10_000, .. }));
    assert!(map.bytes(0..1).is_err(), "a damaged map stays damaged");
    // A second map of the same file is sound.
    let again = FileMap::open(file.path()).unwrap();
    assert_eq!(again.bytes(0..10_000).unwrap().len(), 10_000);
    file.as_file().set_len(100).unwrap();
    assert!(matches!(again.bytes(50..200).unwrap_err().kind(), ErrorKind::Truncated { len: 100, .. }));
    let copied = again.copy_to(50, &mut [0; 150]);
    assert!(matches!(copied.unwrap_err().kind(), ErrorKind::Truncated { len: 100, .. }));
    assert_eq!(again.bytes(50..100).unwrap().len(), 50);
}

/// Several threads meet the same lost page at once: one of them has it patched, and none of them may take the zeros
/// for the file's.
#[cfg(unix)]
#[test]
fn every_thread_that_reads_a_lost_page_is_told() {
    let page = 1 << 16;
    for _ in 0..300 {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), vec![7; 2 * page]).unwrap();
        let map = FileMap::open(file.path()).unwrap();
        let bytes = map.bytes(0..2 * page as u64).unwrap();
        file.as_file().set_len(page as u64).unwrap();
        let start = std::sync::Barrier::new(4);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    start.wait();
                    let byte = std::hint::black_box(bytes)[page + 100];
                    let told = map.check().is_err();
                    assert!(byte == 7 || told, "zeros were taken for samples");
                });
            }
        });
    }
}

/// Maps come and go at the same addresses while others lose pages: the one that lost them is the one that is marked.
#[cfg(unix)]
#[test]
fn a_fault_is_laid_to_the_map_that_has_it() {
    let sound = file_of(1 << 16);
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let map = FileMap::open(sound.path()).unwrap();
                assert_eq!(map.bytes(300..301).unwrap(), [44]);
                map.check().unwrap();
            }
        });
        for _ in 0..300 {
            let file = file_of(1 << 16);
            let map = FileMap::open(file.path()).unwrap();
            let bytes = map.bytes(0..1 << 16).unwrap();
            file.as_file().set_len(0).unwrap();
            let byte = std::hint::black_box(bytes)[40_001];
            assert!(byte == 40_001_usize as u8 || map.check().is_err());
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
