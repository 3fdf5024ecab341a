//! The worker that watches the files of what is open, and describes the recording anew when it has grown.
//!
//! It works on what the window shows ([`Target`]), with the further streams of the same recording beneath it; a companion
//! of another recording has a worker of its own. An answer carries the recording that it is about, and nothing more is
//! done until the window has taken it in. The tail of the summary is made before the window hears of it, so that what is
//! drawn is exact at once.

use std::any::Any;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::super::companions::Companion;
use super::super::jobs::{Jobs, Replies, Reply};
use super::super::state::Document;
use super::Growth;
use super::target::Target;
use crate::budget::MemoryBudget;
use crate::error::Result;
use crate::filter::Chain;
use crate::source::{FORMATS, FileEvent, Source, Watch, again, anew};
use crate::summary::Summary;
use crate::task::{Task, default_threads};

/// Files are looked at this often, and, when they have rested for [`LONG`], this often.
const PACE: Duration = Duration::from_millis(250);
const SLOW_PACE: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(60);
/// A recording that has not grown for so long has stopped.
const STOPPED: Duration = Duration::from_secs(5);
/// After an answer that took some time, the worker rests so many times as long.
const REST: u32 = 4;
/// Rows that are made before the window hears of them; more are made by the job that makes the summary.
const TAIL_ROWS: usize = 2;
/// After so many looks it is told that a further file does not go on with the recording.
const TRIES: u32 = 40;

/// What has happened to the recording `of`.
pub struct News {
    pub of: Arc<dyn Source>,
    pub what: What,
}

/// See [`News`].
pub enum What {
    /// It is described anew; what is to be said about it.
    Described(Described, Option<(String, String)>),
    /// Something to say, and what can be done.
    Told(String, String),
    Growth(Growth),
}

/// The recording as it is now.
pub struct Described {
    pub source: Arc<dyn Source>,
    pub summary: Summary,
    /// The same through the filters that are applied.
    pub filtered: Option<(Chain, Arc<dyn Source>, Summary)>,
    /// The streams beneath: the companion, and its summary.
    pub beneath: Vec<(u64, Summary)>,
    /// A further file that it goes on in, where files were opened by a list.
    pub next: Option<PathBuf>,
    /// It is the one before with more at its end; otherwise nothing that was computed holds.
    pub is_longer: bool,
}

#[derive(Default)]
struct Slot {
    target: Option<Target>,
    /// An answer about the target is on its way to the window.
    waiting: bool,
    /// The answer was of no use: the recording must be described again.
    refused: bool,
    closed: bool,
}

type Shared = (Mutex<Slot>, Condvar);

/// The window's end of the worker; dropping it ends the worker.
pub(in super::super) struct Follower(Arc<Shared>);

impl Follower {
    /// Starts the worker.
    #[must_use]
    pub(in super::super) fn start(jobs: &Jobs, budget: &MemoryBudget) -> Self {
        let shared: Arc<Shared> = Arc::default();
        let theirs = Arc::clone(&shared);
        let budget = budget.clone();
        jobs.spawn("follow", move |replies| work(&theirs, &budget, replies));
        Self(shared)
    }

    /// Says what is open; saying the same again costs nothing.
    pub(in super::super) fn watch(&self, document: Option<&Document>) {
        self.aim(document, Target::is, Target::of);
    }

    /// The same for a companion of another recording.
    pub(in super::super) fn watch_companion(&self, companion: &Companion) {
        self.aim(Some(companion), Target::is_companion, Target::of_companion);
    }

    fn aim<T>(&self, at: Option<&T>, is: impl Fn(&Target, &T) -> bool, of: impl Fn(&T) -> Target) {
        let mut slot = lock(&self.0.0);
        let same = match (&slot.target, at) {
            (None, None) => true,
            (Some(target), Some(at)) => is(target, at),
            _ => false,
        };
        if !same {
            slot.target = at.map(of);
            slot.waiting = false;
            self.0.1.notify_one();
        }
    }

    /// Says that an answer came too late to be of use.
    pub(in super::super) fn refuse(&self) {
        let mut slot = lock(&self.0.0);
        (slot.waiting, slot.refused) = (false, true);
        self.0.1.notify_one();
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        lock(&self.0.0).closed = true;
        self.0.1.notify_all();
    }
}

fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

fn work(shared: &Shared, budget: &MemoryBudget, replies: &Replies) {
    let mut following: Option<Following> = None;
    let mut next_look = Instant::now() + PACE;
    loop {
        let (target, refused) = {
            let mut slot = lock(&shared.0);
            let target = loop {
                if slot.closed || replies.is_gone() {
                    return;
                }
                let wait = next_look.saturating_duration_since(Instant::now());
                slot = match slot.target.as_ref().filter(|_| !slot.waiting) {
                    None => shared.1.wait(slot).unwrap_or_else(PoisonError::into_inner),
                    // That the window has taken in an answer is no reason to look before it is time; that something was
                    // opened is: a further file that appears meanwhile would pass for one that was there.
                    Some(target) if wait.is_zero() || following.as_ref().is_none_or(|f| !f.is_of(target)) => {
                        break target.clone();
                    }
                    Some(_) => shared.1.wait_timeout(slot, wait).unwrap_or_else(PoisonError::into_inner).0,
                };
            };
            (target, std::mem::take(&mut slot.refused))
        };
        if following.as_ref().is_none_or(|f| !f.is_of(&target)) {
            following = Some(Following::of(&target));
        }
        let Some(now) = &mut following else { continue };
        now.due |= refused;
        let started = Instant::now();
        let task = Task::new(budget.clone(), default_threads());
        let step = std::panic::AssertUnwindSafe(|| now.step(&target, &task));
        let news = std::panic::catch_unwind(step).unwrap_or_else(|panic| vec![panicked(panic.as_ref())]);
        next_look = Instant::now() + now.pace().max(started.elapsed() * REST);
        let mut of = Arc::clone(&target.source);
        for what in news {
            let mut then = Arc::clone(&of);
            if let What::Described(described, _) = &what {
                then = Arc::clone(&described.source);
                let mut slot = lock(&shared.0);
                // Unless the window has gone elsewhere meanwhile.
                slot.waiting = slot.target.as_ref().is_some_and(|t| Arc::ptr_eq(&t.source, &target.source));
            }
            replies.send(Reply::Followed(Box::new(News { of, what })));
            of = then;
        }
    }
}

fn panicked(panic: &(dyn Any + Send)) -> What {
    What::Told(format!("following the recording failed: {}", crate::scan::panicked(panic)), String::new())
}

/// A further file that has appeared, and does not go on with the recording yet: it may have no whole frame so far.
struct Next {
    path: PathBuf,
    /// How long it was when it was tried last.
    tried: Option<u64>,
    looks: u32,
}

impl Next {
    /// Whether it is worth trying: it is another one than the last time.
    fn is_due(&mut self) -> bool {
        self.looks = self.looks.saturating_add(1);
        let len = std::fs::metadata(&self.path).map_or(0, |meta| meta.len());
        self.tried.replace(len) != Some(len)
    }
}

/// The files of a recording, and what was told of them.
struct Following {
    /// As it was described last, whether or not the window has taken that in.
    source: Arc<dyn Source>,
    watch: Watch,
    /// A description is due, whatever the files do.
    due: bool,
    /// What a change that is not described yet is to be called.
    changed: Option<String>,
    /// It is no more than a change in place.
    edited: bool,
    next: Option<Next>,
    growth: Growth,
    since: Instant,
    /// Companions whose stream cannot be shown as it is now.
    left_behind: BTreeSet<u64>,
    /// That it cannot be read now, or that it grows in a way that cannot be shown, was said.
    complained: bool,
}

impl Following {
    fn of(target: &Target) -> Self {
        Self {
            source: Arc::clone(&target.source),
            watch: Watch::of(target.source.as_ref()),
            due: false,
            changed: None,
            edited: false,
            next: None,
            growth: target.growth,
            since: Instant::now(),
            left_behind: BTreeSet::new(),
            complained: false,
        }
    }

    /// Whether it is that recording, or one that it was before.
    fn is_of(&self, target: &Target) -> bool {
        Arc::ptr_eq(&self.source, &target.source)
    }

    fn pace(&self) -> Duration {
        if self.since.elapsed() > LONG { SLOW_PACE } else { PACE }
    }

    /// Looks once, and does what follows from it.
    fn step(&mut self, target: &Target, task: &Task) -> Vec<What> {
        let mut news = Vec::new();
        // What is computed from other recordings is in no file of its own.
        if !FORMATS.iter().any(|format| format.name == target.source.recording().format) {
            return news;
        }
        let mut grew = false;
        for event in self.watch.look() {
            match event {
                FileEvent::Grew { path, .. } => match target.source.parts().split_last() {
                    Some((_, before)) if before.iter().any(|part| part.path == path) => {
                        self.edited = false;
                        let name = name(&path);
                        self.changed =
                            Some(format!("the file {name} has grown, which is not the last of the recording"));
                    }
                    _ => grew = true,
                },
                FileEvent::Next { path } => self.next = Some(Next { path, tried: None, looks: 0 }),
                FileEvent::Shrank { path, from, to } => {
                    self.edited = false;
                    let (from, to) = (crate::text::bytes(from), crate::text::bytes(to));
                    self.changed = Some(format!("the file {} was cut from {from} to {to}", name(&path)));
                }
                FileEvent::Replaced { path } => {
                    self.edited = false;
                    self.changed = Some(format!("the file {} was replaced by another file of that name", name(&path)));
                }
                FileEvent::Edited { path } => {
                    self.edited = self.changed.is_none() || self.edited;
                    self.changed = Some(format!("the file {} was changed without growing", name(&path)));
                }
                FileEvent::Vanished { path } => news.push(What::Told(
                    format!("the file {} is not there any more", path.display()),
                    "the disk may have been removed, or the file renamed; what was read stays on the screen".to_owned(),
                )),
                FileEvent::Returned { path } => {
                    news.push(What::Told(format!("the file {} is there again", name(&path)), String::new()));
                }
            }
        }
        let next_due = self.next.as_mut().is_some_and(Next::is_due);
        if let Some(next) = self.next.as_ref().filter(|next| next.looks == TRIES) {
            news.push(What::Told(
                format!("the file {} has appeared, but does not go on with the recording", name(&next.path)),
                "it is looked at again when it changes".to_owned(),
            ));
        }
        if grew || self.due || self.changed.is_some() || next_due || target.is_ahead(&self.left_behind) {
            self.since = Instant::now();
            self.describe(target, task, (grew, next_due), &mut news);
        } else if self.growth == Growth::Growing && self.since.elapsed() > STOPPED {
            news.extend(self.stop(target, task));
        }
        news
    }

    /// Says that it has stopped, and completes what is kept of it.
    fn stop(&mut self, target: &Target, task: &Task) -> [What; 2] {
        self.growth = Growth::Stopped;
        target.summary.settle();
        if missing(&target.summary) <= TAIL_ROWS {
            // A sidecar is a comfort: where it cannot be written, the summary stays in memory.
            drop(target.summary.build_if_idle(task));
        }
        for (_, summary) in &target.beneath {
            summary.settle();
            if missing(summary) <= TAIL_ROWS {
                drop(summary.build_if_idle(task));
            }
        }
        let stream = &target.source.recording().streams[target.stream];
        let long = crate::text::duration(stream.duration_secs());
        let text = format!("the recording {} has stopped growing; it is {long} long", target.source.recording().name);
        [What::Growth(Growth::Stopped), What::Told(text, String::new())]
    }

    fn describe(&mut self, target: &Target, task: &Task, (grew, with_next): (bool, bool), news: &mut Vec<What>) {
        let mut files = self.watch.files();
        let mut next = None;
        let mut described = None;
        if let Some(path) = self.next.as_ref().filter(|_| with_next).map(|next| next.path.clone()) {
            let longer: Vec<PathBuf> = files.iter().cloned().chain([path.clone()]).collect();
            if let Ok(now) = self.described(target, &longer, true, task) {
                (files, next, described) = (longer, Some(path), Some(Ok(now)));
                self.next = None;
            }
        }
        // As long as the further file does not go on with it, what the others have got meanwhile is shown.
        let described = described.unwrap_or_else(|| self.described(target, &files, false, task));
        match described {
            Ok(None) => {
                self.due = false;
                if grew {
                    self.cannot_show_growth(target, news);
                }
            }
            Ok(Some(mut described)) => {
                (self.due, self.complained) = (false, false);
                let changed = self.changed.take();
                if let Some(path) = next {
                    self.watch.add(path.clone());
                    // A folder, or a session of one, finds it by itself the next time.
                    let listed = target.source.files().first() == Some(&target.path);
                    described.next = listed.then_some(path);
                }
                self.source = Arc::clone(&described.source);
                let there = |id: &u64| described.beneath.iter().any(|(other, _)| other == id);
                self.left_behind.extend(target.beneath.iter().map(|(id, _)| *id).filter(|id| !there(id)));
                let is_longer = described.is_longer;
                let told = self.words(&described, changed, files.last().filter(|_| files.len() > 1));
                news.push(What::Described(described, told));
                let growth = if is_longer { Growth::Growing } else { Growth::Still };
                if growth != self.growth {
                    self.growth = growth;
                    news.push(What::Growth(growth));
                }
            }
            Err(error) => self.cannot_read(target, &error, news),
        }
    }

    /// What to say about a new description: nothing, if it only goes on growing.
    fn words(
        &self,
        described: &Described,
        changed: Option<String>,
        last: Option<&PathBuf>,
    ) -> Option<(String, String)> {
        let keys = "Shift+F keeps its end in view";
        match (changed, &described.next, last) {
            (Some(changed), ..) if described.is_longer => Some((changed, String::new())),
            (Some(changed), ..) => Some((changed, "it is shown as it is now, and looked through anew".to_owned())),
            (None, Some(next), _) => Some((format!("the recording goes on in {}", name(next)), keys.to_owned())),
            (None, None, Some(last)) if described.source.parts().len() != self.watch.files().len() => {
                Some((format!("the recording goes on in {}", name(last)), keys.to_owned()))
            }
            _ if !described.is_longer => {
                Some(("the file holds other samples now".to_owned(), "it is shown as it is now".to_owned()))
            }
            _ if self.growth != Growth::Growing => {
                let name = &described.source.recording().name;
                let text = format!("the recording {name} is being written: it grows while you look");
                Some((text, keys.to_owned()))
            }
            _ => None,
        }
    }

    /// There are more bytes, but no more frames: half a frame, or an array whose header does not know of them.
    fn cannot_show_growth(&mut self, target: &Target, news: &mut Vec<What>) {
        let recording = target.source.recording();
        if recording.format == "npy" && !std::mem::replace(&mut self.complained, true) {
            news.push(What::Told(
                format!("the file {} grows behind the array that its header tells of", recording.name),
                "what was appended is shown as soon as the header says how many frames there are".to_owned(),
            ));
        }
    }

    fn cannot_read(&mut self, target: &Target, error: &crate::error::Error, news: &mut Vec<What>) {
        self.due = true;
        if !std::mem::replace(&mut self.complained, true) {
            let unread = || format!("the recording {} cannot be read now", target.source.recording().name);
            let what = self.changed.clone().unwrap_or_else(unread);
            news.push(What::Told(what, format!("it is shown again when it can be read: {error}")));
        }
    }

    /// The recording as it is now; `None` if it is as it was.
    fn described(&self, target: &Target, files: &[PathBuf], next: bool, task: &Task) -> Result<Option<Described>> {
        // What is not known to be the same file has another header, perhaps.
        let describe = if self.changed.is_none() { again } else { anew };
        let now = describe(&target.source, files, &target.options, task)?;
        let (old, new) = (target.source.recording(), now.source.recording());
        // The header of an array is rewritten while the array grows; any other change may be of the samples.
        let header_only = self.edited && new.format == "npy" && has_more(&target.source, &now.source);
        let is_longer = now.is_longer && (self.changed.is_none() || header_only);
        if is_longer && !next && !has_more(&target.source, &now.source) && !target.is_ahead(&self.left_behind) {
            return Ok(None);
        }
        let same_channels = new.streams.get(target.stream).is_some_and(|stream| {
            stream.channels.len() == old.streams[target.stream].channels.len() && stream.samples() > 0
        });
        if !same_channels {
            return Err(crate::error::Error::invalid("it holds a recording of another kind now")
                .with_remedy("open it again (Ctrl+R)"));
        }
        let (stream, budget) = (target.stream, task.budget());
        let summary = if is_longer {
            target.summary.grown(Arc::clone(&now.source), old.streams[stream].frames)?
        } else {
            Summary::open(Arc::clone(&now.source), stream, budget, target.summary.policy())?
        };
        build_tail(&summary, task)?;
        let filtered = match &target.filter {
            None => None,
            Some((chain, before)) => {
                let shown = crate::filter::filtered(Arc::clone(&now.source), stream, chain)?;
                let summary = if is_longer {
                    let frames = before.source().recording().streams[stream].frames;
                    let ahead = crate::filter::looks_ahead(&old.streams[stream], chain)?;
                    before.grown(Arc::clone(&shown), frames.saturating_sub(ahead))?
                } else {
                    Summary::open(Arc::clone(&shown), stream, budget, before.policy())?
                };
                build_tail(&summary, task)?;
                Some((chain.clone(), shown, summary))
            }
        };
        let beneath = target.beneath_grown(&now.source, is_longer, task);
        Ok(Some(Described { source: now.source, summary, filtered, beneath, next: None, is_longer }))
    }
}

/// Whether any stream of `new` has more frames.
fn has_more(old: &Arc<dyn Source>, new: &Arc<dyn Source>) -> bool {
    let (old, new) = (&old.recording().streams, &new.recording().streams);
    old.iter().zip(new).any(|(old, new)| new.frames > old.frames)
}

fn missing(summary: &Summary) -> usize {
    summary.missing_rows()
}

/// Makes the rows at the end, if that is all there is to make: rows to be taken over are as much as a sidecar.
pub(super) fn build_tail(summary: &Summary, task: &Task) -> Result<()> {
    if missing(summary) <= TAIL_ROWS && !summary.inherits() { summary.build_if_idle(task) } else { Ok(()) }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
