//! The places kept of those found: the first, the last or the best so many, in bounded, reserved memory.

use crate::analysis::Place;
use crate::budget::Reservation;
use crate::error::Result;
use crate::task::Task;

/// Room for so many places is reserved first; then for twice as many, and so on.
const FIRST: usize = 64;
/// No list is cut to its limit before it is this long.
const LEAST_CUT: usize = 1 << 12;

/// A list of places that reserves before it grows.
pub(super) struct Places {
    list: Vec<Place>,
    held: Reservation,
}

impl Places {
    pub(super) fn new(task: &Task) -> Result<Self> {
        Ok(Self { list: Vec::new(), held: task.budget().reserve(0)? })
    }

    pub(super) fn push(&mut self, place: Place) -> Result<()> {
        if self.list.len() == self.list.capacity() {
            let more = self.list.len().max(FIRST);
            let bytes = (self.list.len() + more) as u64 * size_of::<Place>() as u64;
            self.held.resize(bytes).map_err(|e| {
                e.with_remedy("keep fewer places (--limit), or raise the memory limit (--memory-limit)")
            })?;
            self.list.reserve_exact(more);
        }
        self.list.push(place);
        Ok(())
    }

    pub(super) fn as_slice(&self) -> &[Place] {
        &self.list
    }

    /// The list, to be sorted or emptied; the room for it stays reserved.
    pub(super) fn list_mut(&mut self) -> &mut Vec<Place> {
        &mut self.list
    }
}

/// The order of places: by start, then channel.
fn key(place: &Place) -> (u64, u32, u64) {
    (place.start, place.channel, place.end)
}

/// Which of the places are wanted where there are too many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    First,
    Last,
    /// Those of the greatest values, the first of equals.
    Best,
}

/// Keeps the first (or last, or best) `limit` places, whatever the order in which they arrive.
pub(super) struct Keeper {
    places: Places,
    limit: usize,
    end: End,
    /// Places that arrived.
    found: u64,
    /// Whether the search was ended because there were enough.
    ended: bool,
    /// The greatest key kept, once there are as many as wanted; forgotten when more arrive.
    bound: Option<(u64, u32, u64)>,
    /// The least value among the best, once there were too many.
    floor: f64,
}

impl Keeper {
    pub(super) fn new(limit: u64, end: End, task: &Task) -> Result<Self> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX).max(1);
        Ok(Self {
            places: Places::new(task)?,
            limit,
            end,
            found: 0,
            ended: false,
            bound: None,
            floor: f64::NEG_INFINITY,
        })
    }

    pub(super) fn push(&mut self, place: Place) -> Result<()> {
        self.found += 1;
        if self.bound.is_some_and(|bound| key(&place) > bound) || place.value < self.floor {
            return Ok(());
        }
        self.bound = None;
        self.places.push(place)?;
        if self.places.list.len() >= self.limit.saturating_mul(2).max(LEAST_CUT) {
            self.shrink();
        }
        Ok(())
    }

    fn shrink(&mut self) {
        let list = &mut self.places.list;
        if list.len() > self.limit {
            match self.end {
                End::First => {
                    list.select_nth_unstable_by_key(self.limit - 1, key);
                    list.truncate(self.limit);
                }
                End::Last => {
                    let drop = list.len() - self.limit;
                    list.select_nth_unstable_by_key(drop, key);
                    list.drain(..drop);
                }
                End::Best => {
                    let order = |a: &Place, b: &Place| b.value.total_cmp(&a.value).then(key(a).cmp(&key(b)));
                    let worst = list.select_nth_unstable_by(self.limit - 1, order).1.value;
                    self.floor = if worst.is_nan() { f64::NEG_INFINITY } else { worst };
                    list.truncate(self.limit);
                }
            }
        }
    }

    /// Whether no place that starts at `frame` or later can still be among those wanted: then the search may end.
    pub(super) fn is_full(&mut self, frame: u64) -> bool {
        if self.end != End::First || self.places.list.len() < self.limit {
            return false;
        }
        if self.bound.is_none() {
            self.shrink();
            self.bound = self.places.list.iter().map(key).max();
        }
        let full = self.bound.is_some_and(|bound| bound.0 < frame);
        self.ended |= full;
        full
    }

    pub(super) fn len(&self) -> usize {
        self.places.list.len().min(self.limit)
    }

    /// Whether places were left out, or may have been.
    pub(super) fn left_out(&self) -> bool {
        self.ended || self.found > self.limit as u64
    }

    /// What there is so far, in order.
    pub(super) fn so_far(&mut self) -> Vec<Place> {
        self.shrink();
        let mut list = self.places.list.clone();
        list.sort_unstable_by_key(key);
        list
    }

    pub(super) fn finish(mut self) -> Vec<Place> {
        self.shrink();
        let mut list = self.places.list;
        list.sort_unstable_by_key(key);
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_last_or_best_are_kept_whatever_the_order() {
        let task = Task::unattended();
        // Many are worth the same.
        let worth = |start: u64| (start * 31 % 101) as f64;
        for end in [End::First, End::Last, End::Best] {
            let mut keeper = Keeper::new(3, end, &task).unwrap();
            for i in 0..20_000_u64 {
                let start = i * 7919 % 20_011;
                keeper.push(Place { channel: 0, flags: 0, start, end: start + 1, value: worth(start) }).unwrap();
            }
            assert!(keeper.left_out() && keeper.len() == 3);
            assert_eq!(keeper.is_full(20_011), end == End::First);
            let starts: Vec<u64> = keeper.finish().iter().map(|p| p.start).collect();
            let mut all: Vec<u64> = (0..20_000_u64).map(|i| i * 7919 % 20_011).collect();
            all.sort_unstable();
            let wanted = match end {
                End::First => all[..3].to_vec(),
                End::Last => all[all.len() - 3..].to_vec(),
                End::Best => {
                    all.sort_by(|&a, &b| worth(b).total_cmp(&worth(a)).then(a.cmp(&b)));
                    all.truncate(3);
                    all.sort_unstable();
                    all
                }
            };
            assert_eq!(starts, wanted, "{end:?}");
        }
        assert_eq!(task.budget().used(), 0);
    }
}
