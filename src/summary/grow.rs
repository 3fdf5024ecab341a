//! The summary of a recording that is still being written: what was made stays, and the tail is made anew.
//!
//! [`Summary::grown`] gives the summary of the same recording with more frames at its end. It shares with the one before
//! the rows that are as long as a tile, what is cached of them, and the file of the sidecar; both may be asked at the same
//! time, so that an analysis that began before goes on with the recording as it was. Cost: the totals of all rows are
//! copied (28 bytes for 2^20 frames of an int16 channel), nothing is read but the two ends of the file.
//!
//! While a recording grows, its last row, which is shorter than a tile, is kept in memory only: writing it at every
//! step would write as much to the disk as the recording itself does. [`Summary::settle`] says that it grows no more.
//!
//! If a recording goes on in a further file, its sidecar has another name and its rows another seed. The rows are then
//! *inherited*: the old sidecar answers until [`Summary::build`] has written them to the new one.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use super::rows::Rows;
use super::sidecar::{Key, Sidecar, SidecarPolicy};
use super::store::{Store, Summary, lock};
use super::tile::{Part, Shape, TILE_FRAMES};
use crate::error::{Error, Result};
use crate::source::Source;
use crate::task::Task;

/// The summary that rows are taken over from, and the first row that is not yet.
pub(super) struct Heritage {
    pub(super) from: Arc<Store>,
    pub(super) next_row: u64,
    pub(super) end_row: u64,
}

impl Summary {
    /// The summary of `source`: this recording with more frames at its end, whose first `unchanged` frames are as they
    /// were (all of them, for what is stored in a file; fewer where a filter looks ahead).
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] if `source` is not this recording, grown; what the system says if its file cannot be
    /// read.
    pub fn grown(&self, source: Arc<dyn Source>, unchanged: u64) -> Result<Self> {
        let old = &*self.0;
        let stream = source.recording().streams.get(old.stream);
        let stream = stream.ok_or_else(|| Error::invalid(format!("there is no stream {}", old.stream)))?;
        let (sample_type, channels) = (stream.format.sample_type, stream.channels.len());
        let shape = Shape { sample_type, channels, frames: stream.frames };
        if (Shape { frames: old.shape.frames, ..shape }) != old.shape || shape.frames < old.shape.frames {
            return Err(Error::invalid("this is not the same recording, grown"));
        }
        let other = (old.stream != source.recording().default_stream()).then_some(stream.name.as_str());
        let key = match &old.key {
            Some(_) => Key::of(source.as_ref(), old.stream, shape)?,
            None => None,
        };
        let places = key.as_ref().map_or_else(Vec::new, |key| Sidecar::places(key, other, &old.policy));
        let same_file = match (&key, &old.key) {
            (Some(new), Some(old)) => new.continues(old),
            (None, None) => true,
            _ => false,
        };
        if !same_file {
            return Ok(self.inherited(source, shape, key, places));
        }
        // A row that is being made of the recording as it was either is taken before this, and looked at below, or not at
        // all.
        let publishing = lock(&old.publishing);
        old.stays.store(unchanged.min(old.shape.frames), Ordering::Release);
        let rows = old.rows.grown(shape);
        // The last full rows may have been looked ahead in.
        let unchanged_rows = unchanged.min(old.shape.frames) / TILE_FRAMES;
        for row in unchanged_rows..old.shape.rows() {
            if shape.range(row).end - shape.range(row).start == TILE_FRAMES && row < old.shape.frames / TILE_FRAMES {
                rows.set(row, false);
                lock(&old.cache).forget(row);
            }
        }
        lock(&old.cache).forget_short();
        drop(publishing);
        let totals = lock(&old.totals).grown(&old.shape, &shape, unchanged_rows, &old.budget);
        Ok(Self(Arc::new(Store {
            source,
            stream: old.stream,
            shape,
            budget: old.budget.clone(),
            policy: old.policy.clone(),
            rows,
            sidecar_places: places,
            key,
            sidecar: Arc::clone(&old.sidecar),
            own_sidecar: RwLock::default(),
            cache: Arc::clone(&old.cache),
            totals: Mutex::new(totals),
            places: Mutex::default(),
            wanted: Mutex::default(),
            building: Arc::clone(&old.building),
            growing: AtomicBool::new(true),
            stays: AtomicU64::new(u64::MAX),
            publishing: Arc::clone(&old.publishing),
            heritage: Arc::clone(&old.heritage),
        })))
    }

    /// The summary of the same recording with further files, opened anew: it does not grow.
    pub(super) fn with_further_files(
        &self,
        source: Arc<dyn Source>,
        shape: Shape,
        key: Key,
        places: Vec<std::path::PathBuf>,
    ) -> Self {
        let summary = self.inherited(source, shape, Some(key), places);
        summary.0.growing.store(false, Ordering::Release);
        summary
    }

    /// A summary of its own that takes over the full rows of this one.
    fn inherited(
        &self,
        source: Arc<dyn Source>,
        shape: Shape,
        key: Option<Key>,
        places: Vec<std::path::PathBuf>,
    ) -> Self {
        let old = &self.0;
        let end_row = old.shape.frames / TILE_FRAMES;
        let there = (0..end_row).map(|row| old.has(row)).collect();
        let heritage = Heritage { from: Arc::clone(old), next_row: 0, end_row };
        Self(Arc::new(Store {
            source,
            stream: old.stream,
            shape,
            budget: old.budget.clone(),
            policy: old.policy.clone(),
            rows: Rows::new(shape, there),
            sidecar_places: places,
            key,
            sidecar: Arc::default(),
            own_sidecar: RwLock::default(),
            cache: Arc::default(),
            totals: Mutex::default(),
            places: Mutex::new(HashMap::new()),
            wanted: Mutex::default(),
            building: Arc::default(),
            growing: AtomicBool::new(true),
            stays: AtomicU64::new(u64::MAX),
            publishing: Arc::default(),
            heritage: Arc::new(Mutex::new(Some(heritage))),
        }))
    }

    /// Says that the recording grows no more (for now): [`Summary::build`] then completes the sidecar.
    pub fn settle(&self) {
        let store = &*self.0;
        let was_growing = store.growing.swap(false, Ordering::AcqRel);
        if was_growing && store.key.is_some() && !store.shape.frames.is_multiple_of(TILE_FRAMES) {
            // What is in memory is made again, to be written.
            store.set(store.shape.rows() - 1, false);
        }
    }

    /// [`Summary::build`], unless somebody builds already, who also makes the full rows of this one.
    ///
    /// # Errors
    /// As [`Summary::build`].
    pub fn build_if_idle(&self, task: &Task) -> Result<()> {
        match self.0.building.try_lock() {
            Ok(_alone) => self.build_alone(task),
            Err(std::sync::TryLockError::Poisoned(poisoned)) => {
                let _alone = poisoned.into_inner();
                self.build_alone(task)
            }
            Err(std::sync::TryLockError::WouldBlock) => Ok(()),
        }
    }

    /// Whether this is the very same summary as `other`, not one that it has grown from.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Rows, of 2^20 frames, that are still to be made.
    #[must_use]
    pub fn missing_rows(&self) -> usize {
        self.0.rows.len() - self.0.rows.count()
    }

    /// Whether rows are still to be taken over from the summary before, which takes as long as copying its sidecar.
    #[must_use]
    pub fn inherits(&self) -> bool {
        lock(&self.0.heritage).is_some()
    }

    /// Whether what is known of `frames` holds, also if the recording has grown since.
    #[must_use]
    pub fn holds(&self, frames: &Range<u64>) -> bool {
        frames.end <= self.0.stays.load(Ordering::Acquire)
    }

    /// Where its sidecar is kept.
    #[must_use]
    pub fn policy(&self) -> &SidecarPolicy {
        &self.0.policy
    }
}

impl Store {
    /// Whether `row` is the end of a growing recording, which is kept in memory only.
    pub(super) fn is_tail(&self, row: u64) -> bool {
        let range = self.shape.range(row);
        range.end - range.start < TILE_FRAMES && self.growing.load(Ordering::Acquire)
    }

    /// Whether there is a summary of the same recording, grown: this one goes on with the full rows, which are those of
    /// both, and leaves the end to the other.
    pub(super) fn is_superseded(&self) -> bool {
        self.stays.load(Ordering::Acquire) < u64::MAX
    }

    /// Whether a grown recording has another row in the place of this one.
    pub(super) fn is_left_behind(&self, row: u64) -> bool {
        self.is_superseded() && row >= self.stays.load(Ordering::Acquire) / TILE_FRAMES
    }

    /// A part of a row that was not taken over yet.
    pub(super) fn inherited_part(&self, row: u64, part: Part) -> Option<Arc<[u8]>> {
        let from = {
            let heritage = lock(&self.heritage);
            let heritage = heritage.as_ref().filter(|h| (h.next_row..h.end_row).contains(&row))?;
            Arc::clone(&heritage.from)
        };
        from.part(row, part)
    }

    /// Whether `row` is still only in the summary that it is taken over from.
    pub(super) fn is_inherited(&self, row: u64) -> bool {
        lock(&self.heritage).as_ref().is_some_and(|h| (h.next_row..h.end_row).contains(&row))
    }

    /// Takes over the rows of the summary before, into the sidecar (or into memory): one read and one write of each.
    pub(super) fn take_heritage(&self, task: &Task) -> Result<()> {
        loop {
            let (from, row) = match lock(&self.heritage).as_ref() {
                Some(heritage) if heritage.next_row < heritage.end_row => {
                    (Arc::clone(&heritage.from), heritage.next_row)
                }
                _ => break,
            };
            if self.has(row) {
                let image = self.image_of(&from, row);
                // One that is broken, or does not fit into memory, is made from the samples.
                match image {
                    Some(image) => self.publish(row, &image)?,
                    None => self.set(row, false),
                }
            }
            if let Some(heritage) = lock(&self.heritage).as_mut() {
                heritage.next_row = row + 1;
            }
            task.advance(0)?;
        }
        *lock(&self.heritage) = None;
        Ok(())
    }

    /// A row of `from`, sealed for the sidecar of this one.
    fn image_of(&self, from: &Self, row: u64) -> Option<Vec<u8>> {
        let shape = self.shape.row(row);
        let _held = self.budget.reserve(shape.len() as u64).ok()?;
        let mut image = vec![0; shape.len()];
        for part in shape.parts() {
            let bytes = from.part(row, part)?;
            image[shape.part(part)].copy_from_slice(&bytes);
        }
        shape.seal(row, &mut image, self.sidecar().map_or(0, |s| s.seed()));
        Some(image)
    }
}
