//! The pass: changes are found in parallel, piece by piece, and handed to the decoder in order of time.

use std::ops::Range;

use super::edges::{Edge, Edges};
use super::lines::Lines;
use super::{Decoder, Input, Levels};
use crate::analysis::Place;
use crate::budget::{MemoryBudget, Reservation};
use crate::error::{Error, Result};
use crate::recording::TimeBase;
use crate::scan::{self, LOOKAHEAD, MIN_CHUNK_FRAMES};

/// A piece has at most so many frames (a power of two),
const MOST_FRAMES: u64 = 1 << 20;
/// touches at most so many bytes of a mapped file, if it is not shorter than [`MIN_CHUNK_FRAMES`] then,
const TOUCHED_BYTES: u64 = 8 << 20;
/// and of a digital line as many frames as surely have no more changes than the reader answers at once.
const TRACK_FRAMES: u64 = 1 << 17;
/// Places shown while the work goes on.
const GLIMPSE: usize = 10_000;

/// What a decoder has found, and what it has counted.
pub(super) struct Found {
    places: Vec<Place>,
    /// For the places; none of a glimpse.
    reservation: Option<Reservation>,
    budget: MemoryBudget,
    limit: u64,
    stopped: Option<Stopped>,
    /// Places are counted, not kept.
    count_only: bool,
    count: u64,
}

/// Why a decoder was stopped before the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stopped {
    /// There are as many as were wanted, and one more.
    Limit,
    /// More would not fit into half of the memory budget.
    Memory,
}

impl Found {
    /// Nothing yet, and at most `limit` of it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::OutOfBudget`] when there is nothing left at all.
    pub(super) fn new(budget: &MemoryBudget, limit: u64) -> Result<Self> {
        let reservation = Some(budget.reserve(0)?);
        Ok(Self {
            places: vec![],
            reservation,
            budget: budget.clone(),
            limit,
            stopped: None,
            count_only: false,
            count: 0,
        })
    }

    /// Takes a place in. What follows the last that there is room for is dropped.
    pub(super) fn push(&mut self, place: Place) {
        if self.stopped.is_some() {
            return;
        }
        if self.count_only {
            self.count += 1;
            return;
        }
        if self.places.len() as u64 >= self.limit {
            self.stopped = Some(Stopped::Limit);
            return;
        }
        if self.places.len() == self.places.capacity() && !self.grow() {
            self.stopped = Some(Stopped::Memory);
            return;
        }
        self.places.push(place);
        self.count += 1;
    }

    /// Makes room; says whether there was any.
    fn grow(&mut self) -> bool {
        let size = size_of::<Place>() as u64;
        let held = self.places.capacity() as u64;
        let wanted = (2 * held).max(1024);
        // Both are there while they are copied.
        let Some(reservation) = &mut self.reservation else { return false };
        if (held + wanted) * size > self.budget.limit() / 2 || reservation.resize((held + wanted) * size).is_err() {
            return false;
        }
        self.places.reserve_exact((wanted as usize).saturating_sub(self.places.len()));
        // Less is always granted.
        reservation.resize(wanted * size).is_ok()
    }

    /// Nothing more is wanted.
    pub(super) fn stop(&mut self) {
        self.stopped = self.stopped.or(Some(Stopped::Limit));
    }

    /// Why no more was taken in, if so.
    pub(super) fn stopped(&self) -> Option<Stopped> {
        self.stopped
    }

    /// The first of what there is so far, to be shown while the work goes on.
    pub(super) fn glimpse(&self) -> Self {
        let places = self.places.iter().take(GLIMPSE).copied().collect();
        Self { places, reservation: None, budget: self.budget.clone(), ..Self::counting() }
    }

    /// Takes any number in without keeping them.
    pub(super) fn counting() -> Self {
        let budget = MemoryBudget::new(0);
        Self { places: vec![], reservation: None, budget, limit: 0, stopped: None, count_only: true, count: 0 }
    }

    /// How many places were taken in.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The places, which are handed over with the memory for them.
    pub(super) fn take(&mut self) -> Vec<Place> {
        std::mem::take(&mut self.places)
    }
}

/// Hands the changes of `lines` over the selection to `decoder`; ends early when `found` is full. `after` is called
/// behind every piece. Returns, for each line, how often its level has changed.
///
/// # Errors
/// What reading fails with; [`crate::ErrorKind::Cancelled`].
pub(super) fn pass(
    input: &Input<'_>,
    lines: &Lines,
    decoder: &mut dyn Decoder,
    found: &mut Found,
    after: &mut dyn FnMut(&Found),
) -> Result<Vec<u64>> {
    let mut most = MOST_FRAMES;
    if lines.channels.len() < lines.list.len() {
        most = TRACK_FRAMES;
    }
    // The list of changes is doubled when it is full.
    let waiting = 2 * LOOKAHEAD as u64 * lines.list.len() as u64 * Edges::SIZE;
    let cut = piece_of(input, lines.channels.len(), waiting, most);
    pass_in_pieces(input, lines, decoder, found, after, cut)
}

/// [`pass`] in pieces of so many frames, on so many threads.
pub(super) fn pass_in_pieces(
    input: &Input<'_>,
    lines: &Lines,
    decoder: &mut dyn Decoder,
    found: &mut Found,
    after: &mut dyn FnMut(&Found),
    (frames, threads): (u64, usize),
) -> Result<Vec<u64>> {
    let recording = input.source.recording();
    let stream = input.selection.stream_in(recording)?;
    // One of its channels stands for a digital line where progress is counted.
    let channels =
        if lines.channels.is_empty() { vec![0; stream.channels.len().min(1)] } else { lines.channels.clone() };
    let selection = scan::Selection { channels, ..input.selection.clone() };
    input.task.add_total(selection.bytes(stream));
    let mut order = Order {
        time: &stream.time,
        end: selection.frames.end,
        all: ((1_u16 << lines.list.len()) - 1) as Levels,
        known: 0,
        levels: 0,
        running: false,
        next: None,
        changes: vec![0; lines.list.len()],
    };
    let passed = scan::map_pieces(
        input.source.as_ref(),
        &selection,
        &mut pieces(&selection.frames, frames),
        threads,
        input.task,
        &|chunk| Edges::find(input, lines, &chunk.core),
        &mut |chunk, edges| {
            order.piece(&chunk.core, &edges.list, decoder, found);
            after(found);
            // There is nothing more to do: the rest is called off.
            if found.stopped().is_some() { Err(Error::cancelled()) } else { Ok(()) }
        },
    );
    if found.stopped().is_none() {
        passed?;
        order.end(selection.frames.end, decoder, found);
    }
    Ok(order.changes)
}

/// `frames` cut on a grid of `length` from frame 0.
pub(super) fn pieces(frames: &Range<u64>, length: u64) -> impl Iterator<Item = Range<u64>> + use<> {
    let Range { start: mut next, end } = *frames;
    std::iter::from_fn(move || {
        let piece = next..(next / length + 1).saturating_mul(length).min(end);
        next = piece.end.max(next);
        (!piece.is_empty()).then_some(piece)
    })
}

/// The frames of a piece of so many channels (a power of two, at most `most`) and the threads, so that what is under way,
/// `waiting` bytes a frame besides the samples, takes a third of the free budget.
pub(super) fn piece_of(input: &Input<'_>, channels: usize, waiting: u64, most: u64) -> (u64, usize) {
    let selection = input.selection;
    let size = input.source.recording().streams[selection.stream].format.size();
    let mut frames = most;
    if let Some(piece) = input.source.flat_at(selection.stream, selection.frames.start) {
        let stride = if piece.layout.is_interleaved() { piece.layout.frame_stride().max(1) } else { 1 };
        frames = frames.min(1 << (TOUCHED_BYTES / stride).max(MIN_CHUNK_FRAMES).ilog2());
    }
    let room = input.task.budget().free() / 3;
    let mut threads = input.task.threads().max(1);
    while (threads as u64) * frames * ((channels * size) as u64 + waiting) > room {
        if frames > MIN_CHUNK_FRAMES {
            frames /= 2;
        } else if threads > 1 {
            threads -= 1;
        } else {
            break;
        }
    }
    (frames, threads)
}

/// Puts pieces together: what a line was at the end of one is what it is at the start of the next, unless frames are
/// missing between.
struct Order<'a> {
    time: &'a TimeBase,
    /// The end of the selection.
    end: u64,
    /// All lines.
    all: Levels,
    known: Levels,
    levels: Levels,
    /// The decoder has been started.
    running: bool,
    /// The first frame that has not been seen; `None` at the very start.
    next: Option<u64>,
    changes: Vec<u64>,
}

impl Order<'_> {
    fn piece(&mut self, frames: &Range<u64>, edges: &[Edge], decoder: &mut dyn Decoder, found: &mut Found) {
        let mut edges = edges;
        for stretch in self.time.contiguous(frames.clone()) {
            let span = self.time.span_of_frame(stretch.start);
            if self.next.is_none() || self.time.spans()[span].first_frame == stretch.start {
                self.end(stretch.start, decoder, found);
                self.known = 0;
            }
            let last = self.time.spans().get(span + 1).map_or(self.end, |next| next.first_frame.min(self.end));
            let here = edges.partition_point(|edge| frames.start + u64::from(edge.at) < stretch.end);
            let (mine, rest) = edges.split_at(here);
            for together in mine.chunk_by(|a, b| a.at == b.at) {
                self.at(frames.start + u64::from(together[0].at), last, together, decoder, found);
            }
            edges = rest;
            self.next = Some(stretch.end);
        }
    }

    /// The changes at one frame.
    fn at(&mut self, frame: u64, end: u64, edges: &[Edge], decoder: &mut dyn Decoder, found: &mut Found) {
        let mut changed: Levels = 0;
        for edge in edges {
            let line: Levels = 1 << edge.line;
            let differs = (self.levels & line != 0) != edge.level;
            if differs {
                self.levels ^= line;
            }
            if self.known & line == 0 {
                self.known |= line;
            } else if differs {
                changed |= line;
                self.changes[usize::from(edge.line)] += 1;
            }
        }
        let all_known = self.known == self.all;
        if all_known && !self.running {
            self.running = true;
            decoder.start(frame, end, self.levels, found);
        } else if all_known && changed != 0 {
            decoder.change(frame, self.levels, changed, found);
        }
    }

    /// The data end in front of `frame`.
    fn end(&mut self, frame: u64, decoder: &mut dyn Decoder, found: &mut Found) {
        if std::mem::take(&mut self.running) {
            decoder.stop(self.next.unwrap_or(frame).min(frame), found);
        }
    }
}
