//! The engine: tickets out to the workers, results back, merged in order.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use super::view::HeldBlock;
use super::{Chunk, ChunkView, LOOKAHEAD, Selection};
use crate::error::{Error, ErrorKind, Result};
use crate::source::{Source, for_flat_pieces};
use crate::task::Task;

pub(super) type Make<'a, T> = dyn Fn(&Chunk, &mut ChunkView<'_>, Option<HeldBlock>) -> Result<T> + Sync + 'a;
pub(super) type Merge<'a, T> = dyn FnMut(&Chunk, T) -> Result<Option<HeldBlock>> + 'a;

/// Runs `make` over the chunks that `next_chunk` gives, and `merge` over what was made, in order.
///
/// At most `threads × LOOKAHEAD` chunks are out at any time, so neither channel can block for good and the results
/// that wait for an earlier one are bounded.
pub(super) fn run_chunks<T: Send>(
    source: &dyn Source,
    selection: &Selection,
    threads: usize,
    task: &Task,
    next_chunk: &mut dyn FnMut(bool) -> Option<Chunk>,
    make: &Make<'_, T>,
    merge: &mut Merge<'_, T>,
) -> Result<()> {
    let stream = selection.stream_in(source.recording())?;
    source.prepare(selection.stream, &selection.channels, selection.frames.start, task)?;
    let frame_bytes = selection.channels.len() as u64 * stream.format.size() as u64;
    let in_flight = threads * LOOKAHEAD;
    let (ticket_out, ticket_in) = crossbeam_channel::bounded::<Chunk>(in_flight);
    let (result_out, result_in) = crossbeam_channel::bounded::<(Chunk, Result<T>)>(in_flight);
    let recycled: Mutex<Vec<HeldBlock>> = Mutex::new(Vec::new());

    let work_on = |chunk: &Chunk, held: &mut HeldBlock| -> Result<T> {
        if task.is_cancelled() {
            return Err(Error::cancelled());
        }
        let piece = source.flat_at(selection.stream, chunk.read.start).filter(|piece| piece.holds(&chunk.read));
        let mut view = ChunkView { source, selection, read: chunk.read.clone(), piece, held, loaded: false };
        let spare = recycled.lock().ok().and_then(|mut r| r.pop());
        let made = make(chunk, &mut view, spare)?;
        for_flat_pieces(source, selection.stream, &chunk.read, |piece, frames| {
            piece.layout.check(frames.clone())?;
            piece.layout.release(frames);
            Ok(())
        })?;
        Ok(made)
    };
    let worker = |result_out: &crossbeam_channel::Sender<(Chunk, Result<T>)>| {
        let mut held = HeldBlock::empty(task);
        for chunk in &ticket_in {
            let result = match &mut held {
                Ok(held) => catch_unwind(AssertUnwindSafe(|| work_on(&chunk, held)))
                    .unwrap_or_else(|panic| Err(panicked(panic.as_ref()))),
                Err(e) => Err(Error::new(ErrorKind::Panicked(e.to_string()))),
            };
            if result_out.send((chunk, result)).is_err() {
                return;
            }
        }
    };
    let worker = &worker;

    std::thread::scope(|scope| {
        for i in 0..threads {
            std::thread::Builder::new()
                .name(format!("scan-{i}"))
                .spawn_scoped(scope, {
                    let result_out = result_out.clone();
                    move || worker(&result_out)
                })
                .map_err(|e| Error::new(ErrorKind::Io(e)))?;
        }
        drop(result_out);

        let mut waiting: BTreeMap<u64, (Chunk, T)> = BTreeMap::new();
        let mut failure: Option<(u64, Error)> = None;
        let mut out = 0_usize;
        let mut next_merge = 0_u64;
        loop {
            while failure.is_none() && out + waiting.len() < in_flight {
                let Some(chunk) = next_chunk(task.budget().pressure()) else { break };
                if ticket_out.send(chunk).is_err() {
                    break;
                }
                out += 1;
            }
            if out == 0 {
                break;
            }
            let Ok((chunk, result)) = result_in.recv() else {
                fail(&mut failure, next_merge, Error::new(ErrorKind::Panicked("the workers ended early".to_owned())));
                break;
            };
            out -= 1;
            match result {
                Ok(made) => {
                    waiting.insert(chunk.index, (chunk, made));
                }
                Err(e) => fail(&mut failure, chunk.index, e),
            }
            // Chunks before a failed one are still merged: one of them may be the first to fail.
            while failure.as_ref().is_none_or(|(at, e)| next_merge < *at && !e.is_cancelled())
                && let Some((chunk, made)) = waiting.remove(&next_merge)
            {
                next_merge += 1;
                let merged = catch_unwind(AssertUnwindSafe(|| merge(&chunk, made)))
                    .unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
                match merged {
                    Ok(Some(block)) => {
                        if let Ok(mut r) = recycled.lock() {
                            r.push(block);
                        }
                    }
                    Ok(None) => {}
                    Err(e) => fail(&mut failure, chunk.index, e),
                }
                if let Err(e) = task.advance((chunk.core.end - chunk.core.start) * frame_bytes) {
                    fail(&mut failure, chunk.index, e);
                }
            }
        }
        drop(ticket_out);
        failure.map_or(Ok(()), |(_, e)| Err(e))
    })
}

/// Keeps the error of the first chunk that did not merely stop.
fn fail(failure: &mut Option<(u64, Error)>, index: u64, error: Error) {
    let wins = failure.as_ref().is_none_or(|(at, e)| match (e.is_cancelled(), error.is_cancelled()) {
        (true, stopped) => !stopped || index < *at,
        (false, stopped) => !stopped && index < *at,
    });
    if wins {
        *failure = Some((index, error));
    }
}

/// The message of a panic, as an error.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Error {
    let message = panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown panic".to_owned());
    Error::new(ErrorKind::Panicked(message)).with_remedy("please report it; the recording itself is untouched")
}
