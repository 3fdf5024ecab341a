//! The list of annotations and what was done to it.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use super::merge::like;
use super::{Annotation, Category, News, Reach, default_categories};

/// Categories at most that annotations bring with them.
const MAX_CATEGORIES: usize = 64;
/// Edits that can be undone; of older ones the result stays.
const MAX_STEPS: usize = 1000;
/// The same, bytes of what they took away and put in: a list of a million has few such edits, not a thousand. The last
/// one can be undone whatever it takes.
const MAX_BYTES: usize = 64 << 20;

/// One step of editing; importing a file is one step, too.
#[derive(Clone, PartialEq, Debug)]
pub enum Edit {
    /// Put in; their ids are given by the list.
    Add(Vec<Annotation>),
    /// Take out, by id.
    Remove(Vec<u64>),
    /// Put this in the place of the one with the same id.
    Change(Annotation),
    /// The categories, all of them.
    Categories(Vec<Category>),
    /// Put a category in the place of the one of this name, for all annotations of it.
    Recategorise(String, Category),
}

/// What undoes a step: everything that it took away, and the ids of everything that it put in.
#[derive(Clone, Debug, Default)]
struct Step {
    removed: Vec<Annotation>,
    added: Vec<Annotation>,
    categories: Option<(Vec<Category>, Vec<Category>)>,
    /// What it takes in memory.
    bytes: usize,
}

impl Step {
    fn measured(self) -> Self {
        let texts = |a: &Annotation| {
            a.label.len() + a.category.len() + a.note.len() + a.channels.iter().map(|c| 24 + c.len()).sum::<usize>()
        };
        let list = |list: &[Annotation]| list.iter().map(|a| size_of::<Annotation>() + texts(a)).sum::<usize>();
        let categories = self.categories.as_ref().map_or(0, |(from, to)| 64 * (from.len() + to.len()));
        let bytes = size_of::<Self>() + list(&self.removed) + list(&self.added) + categories;
        Self { bytes, ..self }
    }
}

/// Annotations sorted by start, with the history of edits.
#[derive(Clone, Debug)]
pub struct Annotations {
    /// Shared with whoever writes it to the disk meanwhile.
    list: Arc<Vec<Annotation>>,
    /// Where each starts, by id: so that one is found without going through all.
    starts: HashMap<u64, f64>,
    categories: Vec<Category>,
    next_id: u64,
    /// How far they reach, for what is seen of them.
    reach: Reach,
    undo: Vec<Step>,
    redo: Vec<Step>,
    /// What the steps to be undone take, bytes.
    undo_bytes: usize,
    /// Grows with every change, so that whoever saves or draws knows that there was one.
    revision: u64,
    /// Grows with every step of the user's, and with every one that is taken back or done again.
    steps: u64,
}

impl Default for Annotations {
    fn default() -> Self {
        Self::new(Vec::new(), default_categories())
    }
}

impl Annotations {
    /// These, with nothing to undo.
    #[must_use]
    pub fn new(list: Vec<Annotation>, categories: Vec<Category>) -> Self {
        let mut new = Self {
            list: Arc::default(),
            starts: HashMap::new(),
            categories,
            next_id: 1,
            reach: Reach::default(),
            undo: Vec::new(),
            redo: Vec::new(),
            undo_bytes: 0,
            revision: 0,
            steps: 0,
        };
        let list: Vec<Annotation> = list.into_iter().filter_map(Annotation::sound).map(|a| new.numbered(a)).collect();
        if let Some(categories) = new.with_those_of(&list) {
            new.categories = categories;
        }
        new.put(list);
        new
    }

    /// All of them, sorted by start.
    #[must_use]
    pub fn list(&self) -> &[Annotation] {
        &self.list
    }

    /// The same, for another thread: it costs a copy only if there is an edit before it is dropped.
    #[must_use]
    pub fn shared(&self) -> Arc<Vec<Annotation>> {
        Arc::clone(&self.list)
    }

    /// Their categories, in the order of the number keys.
    #[must_use]
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// Grows with every change.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Grows with every step of the user's, also one backwards; not with what came from elsewhere.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Takes in what others have changed. It is no step: who has not done it does not undo it.
    pub fn take_in(&mut self, news: News) {
        if news.is_empty() {
            return;
        }
        let mut gone: Vec<u64> = like(&self.list, &news.gone).into_iter().map(|i| self.list[i].id).collect();
        gone.sort_unstable();
        self.take_out(&gone);
        let came = news.came.into_iter().filter_map(Annotation::sound).map(|a| self.numbered(a)).collect();
        self.put(came);
        if let Some(categories) = news.categories {
            self.categories = categories;
        }
        self.revision += 1;
    }

    /// The one with this id.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<&Annotation> {
        // The list is in the order of starts, and of ids among those that start together.
        let start = self.starts.get(&id)?;
        let at = self.list.partition_point(|a| a.start_secs.total_cmp(start).then(a.id.cmp(&id)).is_lt());
        self.list.get(at).filter(|a| a.id == id)
    }

    /// The colour that `annotation` is drawn in; grey where neither it nor its category says.
    #[must_use]
    pub fn colour(&self, annotation: &Annotation) -> [u8; 3] {
        let of_category = || self.categories.iter().find(|c| c.name == annotation.category).map(|c| c.colour);
        annotation.colour.or_else(of_category).unwrap_or([128, 128, 128])
    }

    /// Those that start in `secs`, by their indices.
    #[must_use]
    pub fn starting_in(&self, secs: &Range<f64>) -> Range<usize> {
        let from = self.list.partition_point(|a| a.start_secs < secs.start);
        let to = self.list.partition_point(|a| a.start_secs < secs.end);
        from..to.max(from)
    }

    /// How far they reach.
    #[must_use]
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// The first that starts behind `secs`, or the last before it.
    #[must_use]
    pub fn next(&self, secs: f64, forward: bool) -> Option<&Annotation> {
        if forward {
            self.list.get(self.list.partition_point(|a| a.start_secs <= secs))
        } else {
            self.list[..self.list.partition_point(|a| a.start_secs < secs)].last()
        }
    }

    /// Does one step; returns the ids of what it put in.
    pub fn apply(&mut self, edit: Edit) -> Vec<u64> {
        let mut step = Step::default();
        match edit {
            Edit::Add(list) => {
                step.added = list.into_iter().filter_map(Annotation::sound).map(|a| self.numbered(a)).collect();
                step.categories = self.with_those_of(&step.added).map(|new| (self.categories.clone(), new));
            }
            Edit::Remove(ids) => step.removed = self.of_ids(ids),
            Edit::Change(annotation) => {
                let (Some(before), Some(after)) = (self.get(annotation.id).cloned(), annotation.sound()) else {
                    return Vec::new();
                };
                if before == after {
                    return Vec::new();
                }
                (step.removed, step.added) = (vec![before], vec![after]);
            }
            Edit::Categories(categories) if categories == self.categories => return Vec::new(),
            Edit::Categories(categories) => step.categories = Some((self.categories.clone(), categories)),
            Edit::Recategorise(name, new) => {
                let mut categories = self.categories.clone();
                let Some(old) = categories.iter_mut().find(|c| c.name == name) else { return Vec::new() };
                if *old == new {
                    return Vec::new();
                }
                if new.name != name {
                    step.removed = self.list.iter().filter(|a| a.category == name).cloned().collect();
                    let renamed = |a: &Annotation| Annotation { category: new.name.clone(), ..a.clone() };
                    step.added = step.removed.iter().map(renamed).collect();
                }
                *old = new;
                step.categories = Some((self.categories.clone(), categories));
            }
        }
        if step.added.is_empty() && step.removed.is_empty() && step.categories.is_none() {
            return Vec::new();
        }
        let ids = step.added.iter().map(|a| a.id).collect();
        self.carry_out(&step);
        self.redo.clear();
        self.keep(step.measured());
        ids
    }

    /// Puts a step into the history, which forgets the oldest ones where they are too many or take too much.
    fn keep(&mut self, step: Step) {
        self.undo_bytes += step.bytes;
        self.undo.push(step);
        let mut forgotten = 0;
        for old in &self.undo[..self.undo.len() - 1] {
            if self.undo.len() - forgotten <= MAX_STEPS && self.undo_bytes <= MAX_BYTES {
                break;
            }
            forgotten += 1;
            self.undo_bytes -= old.bytes;
        }
        self.undo.drain(..forgotten);
    }

    /// Takes the last step back; false if there is none.
    pub fn undo(&mut self) -> bool {
        let Some(step) = self.undo.pop() else { return false };
        self.undo_bytes -= step.bytes;
        self.exchange(&step.added, &step.removed, step.categories.as_ref().map(|(from, _)| from));
        self.redo.push(step);
        true
    }

    /// Does again what was taken back; false if there is nothing.
    pub fn redo(&mut self) -> bool {
        let Some(step) = self.redo.pop() else { return false };
        self.carry_out(&step);
        self.keep(step);
        true
    }

    /// Whether [`Self::undo`] and [`Self::redo`] would do something.
    #[must_use]
    pub fn can_undo_redo(&self) -> (bool, bool) {
        (!self.undo.is_empty(), !self.redo.is_empty())
    }

    /// The categories with those that only `added` name, each with a colour of its own as far as they go; `None` if all
    /// are known. What a file calls categories may be anything: of very many only the first are taken in.
    fn with_those_of(&self, added: &[Annotation]) -> Option<Vec<Category>> {
        let colours = default_categories();
        let mut known: HashSet<&str> = self.categories.iter().map(|c| c.name.as_str()).collect();
        let mut all = self.categories.clone();
        for a in added {
            if all.len() >= MAX_CATEGORIES {
                break;
            }
            if !a.category.is_empty() && known.insert(&a.category) {
                let free = colours.iter().map(|c| c.colour).find(|colour| all.iter().all(|c| c.colour != *colour));
                let colour = free.unwrap_or_else(|| colours[all.len() % colours.len()].colour);
                all.push(Category { name: a.category.clone(), colour });
            }
        }
        (all.len() > self.categories.len()).then_some(all)
    }

    fn numbered(&mut self, mut annotation: Annotation) -> Annotation {
        annotation.id = self.next_id;
        self.next_id += 1;
        annotation
    }

    fn of_ids(&self, mut ids: Vec<u64>) -> Vec<Annotation> {
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().filter_map(|id| self.get(id).cloned()).collect()
    }

    fn carry_out(&mut self, step: &Step) {
        self.exchange(&step.removed, &step.added, step.categories.as_ref().map(|(_, to)| to));
    }

    fn exchange(&mut self, out: &[Annotation], into: &[Annotation], categories: Option<&Vec<Category>>) {
        // What goes in is not there a second time, even where something from elsewhere has come between.
        let mut ids: Vec<u64> = out.iter().chain(into).map(|a| a.id).collect();
        ids.sort_unstable();
        ids.dedup();
        self.take_out(&ids);
        self.put(into.to_vec());
        if let Some(categories) = categories {
            self.categories.clone_from(categories);
        }
        self.revision += 1;
        self.steps += 1;
    }

    /// Takes out those with these ids, which are in order.
    fn take_out(&mut self, ids: &[u64]) {
        // Most steps are of one, whose place is found without going through all.
        let there: Vec<(u64, f64)> = ids.iter().filter_map(|id| Some((*id, self.starts.remove(id)?))).collect();
        if there.is_empty() {
            return;
        }
        let list = Arc::make_mut(&mut self.list);
        if let [(id, start)] = there[..] {
            let at = list.partition_point(|a| a.start_secs.total_cmp(&start).then(a.id.cmp(&id)).is_lt());
            if list.get(at).is_some_and(|a| a.id == id) {
                list.remove(at);
            }
        } else {
            list.retain(|a| ids.binary_search(&a.id).is_err());
        }
    }

    fn put(&mut self, added: Vec<Annotation>) {
        self.starts.extend(added.iter().map(|a| (a.id, a.start_secs)));
        let list = Arc::make_mut(&mut self.list);
        match <[Annotation; 1]>::try_from(added) {
            Ok([one]) => {
                let at = list.partition_point(|a| order(a, &one).is_le());
                list.insert(at, one);
            }
            Err(many) => {
                list.extend(many);
                // Stable and fast on what is sorted already.
                list.sort_by(order);
            }
        }
        self.reach = Reach::new(self.list.iter().map(Annotation::end_secs));
    }
}

/// By start; of those that start together the older first.
fn order(a: &Annotation, b: &Annotation) -> std::cmp::Ordering {
    a.start_secs.total_cmp(&b.start_secs).then(a.id.cmp(&b.id))
}

#[cfg(test)]
mod tests;
