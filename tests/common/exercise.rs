//! Everything that is done with a `.rec` of unknown origin, on any bytes: it may be refused with an error that names a
//! place, but must not panic, hang, or grow. The mutation test and the fuzz target (`fuzz/`) run the same.

#![allow(unreachable_pub)]

use std::path::Path;

use longwave::recording::Block;
use longwave::source::{self, HardwareOrder, OpenOptions, WallClock};
use longwave::task::Task;

/// Frames that one read asks for.
const FRAMES: u64 = 4096;

/// Opens `bytes` as a `.rec` at `path` (which is overwritten), in the ways in which it can be opened, and reads all of it.
pub fn rec(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("a file to write to");
    let rec = OpenOptions { format: Some("rec".to_owned()), ..OpenOptions::default() };
    let otherwise = OpenOptions {
        channel_order: Some(HardwareOrder::Interleaved),
        clock: Some(WallClock::Creation),
        ..rec.clone()
    };
    for options in [rec, otherwise] {
        let task = Task::unattended();
        let source = match source::open(path, &options, &task) {
            Ok(source) => source,
            Err(error) => {
                assert!(error.path().is_some(), "{error}");
                continue;
            }
        };
        let recording = source.recording();
        let mut block = Block::default();
        let mut events = Vec::new();
        for (i, stream) in recording.streams.iter().enumerate() {
            let channels: Vec<usize> = (0..stream.channels.len().min(64)).collect();
            for start in [0, stream.frames / 2, stream.frames.saturating_sub(FRAMES)] {
                let frames = start..stream.frames.min(start + FRAMES);
                source.read(i, frames.clone(), &channels, &mut block).expect("what is there can be read");
                source.read_estimate(i, frames, &channels, &mut block).expect("what is there can be read");
            }
            let time = &stream.time;
            assert!(time.end_tick(stream.frames) >= stream.frames);
            if stream.frames > 0 {
                let last = time.tick_of_frame(stream.frames - 1);
                assert_eq!(time.frame_at_tick(last), stream.frames - 1);
                assert_eq!(time.unix_ns_of_tick(last).is_some(), time.start_unix_ns().is_some());
            }
        }
        for track in 0..recording.events.len().min(8) {
            events.clear();
            // Too many changes for one question is an answer too.
            drop(source.read_events(track, 0.0..1.0, &mut events));
        }
        if let Some(stream) = recording.streams.len().checked_sub(1) {
            longwave::check::check(source.as_ref(), stream, &task).expect("what is there can be checked");
            longwave::check::fit_clock(source.as_ref(), &task).expect("what is there can be fitted");
        }
    }
}
