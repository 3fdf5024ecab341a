//! What is written by itself (annotations, workspaces, settings, lists), in order and to the end.
//!
//! Each file has a *lane*: what is to be written to it waits there until what came before is written, so that nothing
//! older is ever written over something newer. Of several states of the same file that wait, the last one is written. A
//! slow disk holds up its own lanes only. Before the program ends, [`Writer::finish`] waits for what is still under way.
//!
//! A lane has a thread while there is something in it. Where no thread can be started the work is done by the caller:
//! better a window that stands still for a moment than a change that is lost.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

type Work = Box<dyn FnOnce() + Send>;

/// What waits in a lane, and whether a later state takes its place.
struct Waiting {
    work: Work,
    is_state: bool,
}

/// The lanes in which something waits or is being written.
#[derive(Default)]
struct Lanes(BTreeMap<PathBuf, VecDeque<Waiting>>);

/// See the module; clones are the same one.
#[derive(Clone, Default)]
pub(super) struct Writer(Arc<(Mutex<Lanes>, Condvar)>);

impl Writer {
    /// Writes the whole state of `file` by `work`; a state that waits to be written is not any more.
    pub(super) fn state(&self, file: &Path, work: impl FnOnce() + Send + 'static) {
        self.put(file, Waiting { work: Box::new(work), is_state: true });
    }

    /// Changes `file` by `work`, behind all that waits.
    pub(super) fn change(&self, file: &Path, work: impl FnOnce() + Send + 'static) {
        self.put(file, Waiting { work: Box::new(work), is_state: false });
    }

    fn put(&self, file: &Path, waiting: Waiting) {
        let mut lanes = lock(&self.0.0);
        if let Some(lane) = lanes.0.get_mut(file) {
            if waiting.is_state {
                lane.retain(|earlier| !earlier.is_state);
            }
            lane.push_back(waiting);
            return;
        }
        lanes.0.insert(file.to_path_buf(), VecDeque::from([waiting]));
        drop(lanes);
        let (theirs, place) = (self.clone(), file.to_path_buf());
        let started = std::thread::Builder::new().name("writer".to_owned()).spawn(move || theirs.run(&place));
        if started.is_err() {
            self.run(file);
        }
    }

    /// Does what is in a lane, and takes it away when it is empty.
    fn run(&self, file: &Path) {
        loop {
            let mut lanes = lock(&self.0.0);
            let next = lanes.0.get_mut(file).and_then(VecDeque::pop_front);
            let Some(Waiting { work, .. }) = next else {
                lanes.0.remove(file);
                self.0.1.notify_all();
                return;
            };
            drop(lanes);
            // Work that panics has said so; what waits behind it is written all the same.
            drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)));
        }
    }

    /// Waits until all is written, but no longer than `most`; returns the files that are not.
    #[must_use]
    pub(super) fn finish(&self, most: Duration) -> Vec<PathBuf> {
        let lanes = self.wait_while(most, |lanes| !lanes.0.is_empty());
        lanes.0.keys().cloned().collect()
    }

    /// Waits until what is to be written to `file` is written, but no longer than `most`.
    pub(super) fn wait_for(&self, file: &Path, most: Duration) {
        drop(self.wait_while(most, |lanes| lanes.0.contains_key(file)));
    }

    fn wait_while(&self, most: Duration, holds: impl Fn(&Lanes) -> bool) -> MutexGuard<'_, Lanes> {
        let end = Instant::now() + most;
        let mut lanes = lock(&self.0.0);
        while holds(&lanes) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            lanes = self.0.1.wait_timeout(lanes, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        lanes
    }
}

fn lock(lanes: &Mutex<Lanes>) -> MutexGuard<'_, Lanes> {
    lanes.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn the_last_state_is_written_last_and_what_is_outrun_not_at_all() {
        let (writer, done) = (Writer::default(), Arc::new(Mutex::new(Vec::new())));
        let gate = Arc::new(Mutex::new(()));
        let closed = gate.lock().unwrap();
        let file = Path::new("settings.toml");
        for i in 0..100 {
            let (done, gate) = (Arc::clone(&done), Arc::clone(&gate));
            let work = move || {
                drop(gate.lock().unwrap());
                done.lock().unwrap().push(i);
            };
            if i % 10 == 5 { writer.change(file, work) } else { writer.state(file, work) }
        }
        // Another file does not wait for this one.
        let (tell, told) = std::sync::mpsc::channel();
        writer.state(Path::new("other"), move || tell.send(()).unwrap());
        told.recv_timeout(LONG).unwrap();
        assert_eq!(writer.finish(Duration::from_millis(20)), [file]);
        drop(closed);
        assert!(writer.finish(LONG).is_empty());
        let done = done.lock().unwrap();
        assert!(done.is_sorted(), "{done:?}");
        assert_eq!(done.last(), Some(&99));
        let changes = done.iter().filter(|i| *i % 10 == 5).count();
        assert_eq!(changes, 10, "no change is left out");
        assert!(done.len() <= 12, "{done:?}");
    }

    #[test]
    fn what_panics_holds_nothing_up() {
        let writer = Writer::default();
        let file = Path::new("a");
        writer.change(file, || panic!("on purpose"));
        let (tell, told) = std::sync::mpsc::channel();
        writer.change(file, move || tell.send(7).unwrap());
        assert_eq!(told.recv_timeout(LONG), Ok(7));
        assert!(writer.finish(LONG).is_empty());
    }
}
