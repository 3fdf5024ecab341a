//! Where tiles are: in the sidecar, in memory, or not yet made.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::grow::Heritage;
use super::range::Sought;
use super::rows::Rows;
use super::sidecar::{Key, Sidecar, SidecarPolicy};
use super::tile::{Part, Shape, TILE_FRAMES};
use super::totals::Totals;
use crate::budget::{MemoryBudget, Reservation};
use crate::error::{Error, Result};
use crate::source::Source;

/// Cached parts take at most this share of the memory limit.
const CACHE_SHARE: u64 = 8;
/// The same where there is no sidecar to read them from again.
const SOLE_SHARE: u64 = 2;

/// The summary of one stream of an open recording; clones are the same summary. It may be asked for columns while it is
/// being built by another thread.
#[derive(Clone)]
pub struct Summary(pub(super) Arc<Store>);

pub(super) struct Store {
    pub(super) source: Arc<dyn Source>,
    pub(super) stream: usize,
    pub(super) shape: Shape,
    pub(super) budget: MemoryBudget,
    pub(super) policy: SidecarPolicy,
    pub(super) rows: Rows,
    pub(super) sidecar_places: Vec<PathBuf>,
    pub(super) key: Option<Key>,
    /// Of whichever generation has opened it; [`Self::sidecar`] is that of this one.
    pub(super) sidecar: Arc<RwLock<Option<Arc<Sidecar>>>>,
    pub(super) own_sidecar: RwLock<Option<Arc<Sidecar>>>,
    /// Shared by all generations of a recording that grows.
    pub(super) cache: Arc<Mutex<Cache>>,
    pub(super) totals: Mutex<Totals>,
    /// Where extremes were found.
    pub(super) places: Mutex<HashMap<Sought, u64>>,
    /// Frames that somebody is looking at.
    pub(super) wanted: Mutex<Option<Range<u64>>>,
    /// Held by whoever builds, of all generations.
    pub(super) building: Arc<Mutex<()>>,
    /// The recording is being written: see [`super::grow`].
    pub(super) growing: AtomicBool,
    /// The frames of this recording that are the same in the one that it has grown to; `u64::MAX` as long as there is none.
    pub(super) stays: AtomicU64,
    /// Held while a row is taken, and while the recording grows, by all generations.
    pub(super) publishing: Arc<Mutex<()>>,
    pub(super) heritage: Arc<Mutex<Option<Heritage>>>,
}

/// A sidecar, and which rows it holds.
type FoundSidecar = (Sidecar, Vec<bool>);

/// A recording whose last files, so many at most, were not there when its sidecar was made goes on with that.
const FEWER_FILES: usize = 8;

/// A row, its length in frames (the last one of a growing recording has several, one after the other), and a part of it.
type Place = (u64, u64, Part);

#[derive(Default)]
pub(super) struct Cache {
    parts: HashMap<Place, Cached>,
    /// Counts looks.
    clock: u64,
    bytes: u64,
}

struct Cached {
    bytes: Arc<[u8]>,
    last_look: u64,
    /// The only copy: kept even if the machine is short of memory.
    only_copy: bool,
    /// Gives the bytes back to the budget with the entry.
    _reservation: Reservation,
}

impl Summary {
    /// Opens the summary of stream `stream`, with the tiles that its sidecar has.
    ///
    /// Cost: a few reads; for a sidecar that was not completed, one small read for each 2^20 frames.
    ///
    /// # Errors
    /// When there is no such stream, or the recording's file cannot be read. A sidecar that is broken or of another
    /// recording is no error: it is made anew by [`Summary::build`].
    pub fn open(source: Arc<dyn Source>, stream: usize, budget: &MemoryBudget, policy: &SidecarPolicy) -> Result<Self> {
        let s = source
            .recording()
            .streams
            .get(stream)
            .ok_or_else(|| Error::invalid(format!("there is no stream {stream}")))?;
        let shape = Shape { sample_type: s.format.sample_type, channels: s.channels.len(), frames: s.frames };
        let other = (stream != source.recording().default_stream()).then_some(s.name.as_str());
        let key = if *policy == SidecarPolicy::Off { None } else { Key::of(source.as_ref(), stream, shape)? };
        let places = key.as_ref().map_or_else(Vec::new, |key| Sidecar::places(key, other, policy));
        let found = key.as_ref().and_then(|key| Sidecar::find(&places, key));
        if found.is_none()
            && let Some(key) = &key
            && let Some(before) = Self::of_fewer_files(&source, stream, shape, budget, policy)
        {
            return Ok(before.with_further_files(source, shape, key.clone(), places));
        }
        Ok(Self::with(source, stream, shape, budget, policy, (key, places, found)))
    }

    /// The summary of the recording without its last files, if there is a sidecar of that.
    fn of_fewer_files(
        source: &Arc<dyn Source>,
        stream: usize,
        shape: Shape,
        budget: &MemoryBudget,
        policy: &SidecarPolicy,
    ) -> Option<Self> {
        if *policy != SidecarPolicy::Auto {
            return None;
        }
        let count = source.parts().len();
        (count.saturating_sub(FEWER_FILES)..count).rev().find_map(|count| {
            let key = Key::of_first_parts(source.as_ref(), stream, shape, count)?;
            let places = Sidecar::places(&key, None, policy);
            let found = Sidecar::find(&places, &key)?;
            let shape = Shape { frames: key.frames(), ..shape };
            let rows = found.1.iter().any(|there| *there);
            let summary =
                Self::with(Arc::clone(source), stream, shape, budget, policy, (Some(key), places, Some(found)));
            rows.then_some(summary)
        })
    }

    fn with(
        source: Arc<dyn Source>,
        stream: usize,
        shape: Shape,
        budget: &MemoryBudget,
        policy: &SidecarPolicy,
        (key, places, found): (Option<Key>, Vec<PathBuf>, Option<FoundSidecar>),
    ) -> Self {
        let (sidecar, there) = match found {
            Some((sidecar, there)) => (Some(Arc::new(sidecar)), there),
            None => (None, vec![false; shape.rows() as usize]),
        };
        Self(Arc::new(Store {
            source,
            stream,
            shape,
            budget: budget.clone(),
            policy: policy.clone(),
            rows: Rows::new(shape, there),
            sidecar_places: places,
            key,
            sidecar: Arc::new(RwLock::new(sidecar)),
            own_sidecar: RwLock::default(),
            cache: Arc::default(),
            totals: Mutex::default(),
            places: Mutex::default(),
            wanted: Mutex::default(),
            building: Arc::default(),
            growing: AtomicBool::new(false),
            stays: AtomicU64::new(u64::MAX),
            publishing: Arc::default(),
            heritage: Arc::default(),
        }))
    }

    /// The recording.
    #[must_use]
    pub fn source(&self) -> &Arc<dyn Source> {
        &self.0.source
    }

    /// The index of the stream.
    #[must_use]
    pub fn stream(&self) -> usize {
        self.0.stream
    }

    /// Share of the tiles that are there, 0 to 1.
    #[must_use]
    pub fn coverage(&self) -> f32 {
        match self.0.rows.len() {
            0 => 1.0,
            rows => self.0.rows.count() as f32 / rows as f32,
        }
    }

    /// Whether all tiles are there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.0.rows.count() == self.0.rows.len()
    }

    /// The sidecar in use; `None` before there is one.
    #[must_use]
    pub fn sidecar_path(&self) -> Option<PathBuf> {
        self.0.sidecar().map(|s| s.path().to_path_buf())
    }

    /// Asks [`Summary::build`] to make the tiles of `frames` next. The newest wish wins.
    pub fn want(&self, frames: Range<u64>) {
        self.0.want(frames);
    }

    /// Drops what is cached and can be read again.
    pub fn trim(&self) {
        lock(&self.0.cache).trim();
    }
}

impl Store {
    /// The sidecar in use, as that of this generation.
    pub(super) fn sidecar(&self) -> Option<Arc<Sidecar>> {
        let opened = self.sidecar.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        let Some(key) = &self.key else { return Some(opened) };
        let own = self.own_sidecar.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(own) = own.filter(|own| own.is_of(key, &opened)) {
            return Some(own);
        }
        let own = Arc::new(opened.grown(key));
        *self.own_sidecar.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&own));
        Some(own)
    }

    pub(super) fn want(&self, frames: Range<u64>) {
        *lock(&self.wanted) = Some(frames);
    }

    pub(super) fn has(&self, row: u64) -> bool {
        self.rows.has(row)
    }

    pub(super) fn set(&self, row: u64, there: bool) {
        self.rows.set(row, there);
    }

    /// A part of a row, if it is there and sound.
    pub(super) fn part(&self, row: u64, part: Part) -> Option<Arc<[u8]>> {
        if !self.has(row) {
            return None;
        }
        if let Some(bytes) = lock(&self.cache).get(self.place(row, part)) {
            return Some(bytes);
        }
        if self.is_inherited(row) {
            return self.inherited_part(row, part);
        }
        let sidecar = self.sidecar().filter(|_| !self.is_tail(row))?;
        let header = if part == Part::Header { None } else { Some(self.part(row, Part::Header)?) };
        let Some(bytes) = sidecar.read(row, part, header.as_deref()) else {
            self.set(row, false);
            return None;
        };
        let bytes: Arc<[u8]> = bytes.into();
        self.keep(row, part, &bytes, false);
        Some(bytes)
    }

    /// Whether every part of `row` is sound; reads all of it, past the cache.
    pub(super) fn verify(&self, row: u64) -> bool {
        let Some(sidecar) = self.sidecar() else { return self.has(row) };
        let sound = self.has(row)
            && sidecar.read(row, Part::Header, None).is_some_and(|header| {
                self.shape.row(row).parts().all(|part| sidecar.read(row, part, Some(&header)).is_some())
            });
        self.set(row, sound);
        sound
    }

    /// Takes a sealed row: into the sidecar, or into memory where there is none.
    pub(super) fn publish(&self, row: u64, image: &[u8]) -> Result<()> {
        let _alone = lock(&self.publishing);
        if self.is_left_behind(row) {
            // The grown recording has a longer one in its place, or one that a filter has looked further ahead for.
            return Ok(());
        }
        self.take_totals(row, image);
        if let Some(sidecar) = self.sidecar().filter(|_| !self.is_tail(row)) {
            sidecar.write(row, image)?;
            lock(&self.cache).forget(row);
            self.set(row, true);
            return Ok(());
        }
        let shape = self.shape.row(row);
        let mut whole = true;
        for part in shape.parts() {
            let bytes: Arc<[u8]> = image[shape.part(part)].into();
            // Without memory for the finest level the coarser ones are still worth having.
            let fine = matches!(part, Part::Fine(_));
            whole &= self.keep(row, part, &bytes, !fine) || fine;
        }
        self.set(row, whole);
        Ok(())
    }

    fn place(&self, row: u64, part: Part) -> Place {
        let frames = self.shape.range(row);
        (row, frames.end - frames.start, part)
    }

    fn keep(&self, row: u64, part: Part, bytes: &Arc<[u8]>, only_copy: bool) -> bool {
        let mut cache = lock(&self.cache);
        if self.budget.pressure() {
            cache.trim();
            if !only_copy {
                return false;
            }
        }
        let len = bytes.len() as u64;
        let share = if self.key.is_none() { SOLE_SHARE } else { CACHE_SHARE };
        let limit = self.budget.limit() / share;
        if cache.bytes + len > limit {
            cache.drop_older_half();
        }
        let reservation = match self.budget.reserve(len) {
            Ok(reservation) => reservation,
            Err(_) => {
                cache.drop_older_half();
                match self.budget.reserve(len) {
                    Ok(reservation) => reservation,
                    Err(_) => return false,
                }
            }
        };
        if cache.bytes + len > limit {
            return false;
        }
        cache.insert(self.place(row, part), Arc::clone(bytes), only_copy, reservation);
        true
    }

    /// Sees to it that rows can be written, if they are to be kept at all. Returns false if there is no place for a
    /// sidecar.
    pub(super) fn open_for_writing(&self) -> bool {
        let Some(key) = &self.key else { return false };
        // In the order in which whoever asks for totals locks them.
        let mut totals = lock(&self.totals);
        let mut sidecar = self.sidecar.write().unwrap_or_else(PoisonError::into_inner);
        if sidecar.as_ref().is_some_and(|s| s.is_writable()) {
            return true;
        }
        // Another program may have begun one meanwhile: then both write to it.
        let begun = Sidecar::find(&self.sidecar_places, key).filter(|(begun, _)| begun.is_writable());
        let (new, there) = match begun {
            Some((begun, there)) => (begun, there),
            None => match Sidecar::create(&self.sidecar_places, key) {
                // What a sidecar that cannot be written has is made again.
                Some(new) => (new, Vec::new()),
                None => return sidecar.is_some(),
            },
        };
        lock(&self.cache).retain(|_, _| false);
        *totals = Totals::default();
        *sidecar = Some(Arc::new(new));
        for row in 0..self.shape.rows() {
            // What is still to be taken over is there as long as the summary before answers for it.
            let inherited = self.has(row) && self.is_inherited(row);
            self.set(row, inherited || there.get(row as usize).copied().unwrap_or(false));
        }
        true
    }

    /// Removes the sidecar if no row of it is there: a header alone is of no use to anybody.
    pub(super) fn remove_empty_sidecar(&self) {
        if self.rows.count() > 0 {
            return;
        }
        let mut sidecar = self.sidecar.write().unwrap_or_else(PoisonError::into_inner);
        *self.own_sidecar.write().unwrap_or_else(PoisonError::into_inner) = None;
        if let Some(empty) = sidecar.take_if(|s| s.is_writable()) {
            empty.remove_if_empty();
        }
    }

    /// The rows to make next: missing ones next to each other, at most `most`, wanted ones first; rows in `tried` are
    /// not made again.
    pub(super) fn next_rows(&self, most: u64, tried: &[bool]) -> Option<Range<u64>> {
        let missing = |row: &u64| !self.has(*row) && !tried.get(*row as usize).copied().unwrap_or(true);
        let all = 0..self.shape.rows();
        let wanted = lock(&self.wanted).clone();
        let wanted = wanted.map_or(0..0, |w| w.start / TILE_FRAMES..w.end.div_ceil(TILE_FRAMES).min(all.end));
        let (first, end) = match wanted.clone().find(missing) {
            Some(row) => (row, wanted.end),
            None => (all.clone().find(missing)?, all.end),
        };
        let end = (first..end.min(first.saturating_add(most.max(1)))).find(|r| !missing(r)).unwrap_or(end);
        Some(first..end.min(first.saturating_add(most.max(1))))
    }
}

impl Cache {
    fn get(&mut self, place: Place) -> Option<Arc<[u8]>> {
        self.clock += 1;
        let cached = self.parts.get_mut(&place)?;
        cached.last_look = self.clock;
        Some(Arc::clone(&cached.bytes))
    }

    fn insert(&mut self, place: Place, bytes: Arc<[u8]>, only_copy: bool, reservation: Reservation) {
        self.clock += 1;
        self.bytes += bytes.len() as u64;
        let cached = Cached { bytes, last_look: self.clock, only_copy, _reservation: reservation };
        if let Some(old) = self.parts.insert(place, cached) {
            self.bytes -= old.bytes.len() as u64;
        }
    }

    pub(super) fn forget(&mut self, row: u64) {
        self.retain(|(of, ..), _| of != row);
    }

    /// Forgets rows that are shorter than a tile: ends that a growing recording has left behind.
    pub(super) fn forget_short(&mut self) {
        self.retain(|(_, frames, _), _| frames == TILE_FRAMES);
    }

    fn trim(&mut self) {
        self.retain(|_, cached| cached.only_copy);
    }

    fn drop_older_half(&mut self) {
        let mut looks: Vec<u64> = self.parts.values().filter(|c| !c.only_copy).map(|c| c.last_look).collect();
        let middle = looks.len() / 2;
        if !looks.is_empty() {
            let (_, &mut median, _) = looks.select_nth_unstable(middle);
            self.retain(|_, cached| cached.only_copy || cached.last_look > median);
        }
    }

    fn retain(&mut self, keep: impl Fn(Place, &Cached) -> bool) {
        let bytes = &mut self.bytes;
        self.parts.retain(|&place, cached| {
            let stays = keep(place, cached);
            if !stays {
                *bytes -= cached.bytes.len() as u64;
            }
            stays
        });
    }
}

/// Locks; what a thread that panicked left behind is still sound, since every change is a single step.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
