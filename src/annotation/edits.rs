//! The list of annotations and what was done to it.

use std::ops::Range;

use super::merge::like;
use super::{Annotation, Category, News, Reach, default_categories};

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
    list: Vec<Annotation>,
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
            list: Vec::new(),
            categories,
            next_id: 1,
            reach: Reach::default(),
            undo: Vec::new(),
            redo: Vec::new(),
            undo_bytes: 0,
            revision: 0,
            steps: 0,
        };
        let list = list.into_iter().filter_map(Annotation::sound).map(|a| new.numbered(a)).collect();
        new.put(list);
        new
    }

    /// All of them, sorted by start.
    #[must_use]
    pub fn list(&self) -> &[Annotation] {
        &self.list
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
        self.list.retain(|a| gone.binary_search(&a.id).is_err());
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
        self.list.iter().find(|a| a.id == id)
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

    fn numbered(&mut self, mut annotation: Annotation) -> Annotation {
        annotation.id = self.next_id;
        self.next_id += 1;
        annotation
    }

    fn of_ids(&self, mut ids: Vec<u64>) -> Vec<Annotation> {
        ids.sort_unstable();
        self.list.iter().filter(|a| ids.binary_search(&a.id).is_ok()).cloned().collect()
    }

    fn carry_out(&mut self, step: &Step) {
        self.exchange(&step.removed, &step.added, step.categories.as_ref().map(|(_, to)| to));
    }

    fn exchange(&mut self, out: &[Annotation], into: &[Annotation], categories: Option<&Vec<Category>>) {
        // What goes in is not there a second time, even where something from elsewhere has come between.
        let mut ids: Vec<u64> = out.iter().chain(into).map(|a| a.id).collect();
        ids.sort_unstable();
        if !ids.is_empty() {
            self.list.retain(|a| ids.binary_search(&a.id).is_err());
        }
        self.put(into.to_vec());
        if let Some(categories) = categories {
            self.categories.clone_from(categories);
        }
        self.revision += 1;
        self.steps += 1;
    }

    fn put(&mut self, added: Vec<Annotation>) {
        match <[Annotation; 1]>::try_from(added) {
            Ok([one]) => {
                let at = self.list.partition_point(|a| order(a, &one).is_le());
                self.list.insert(at, one);
            }
            Err(many) => {
                self.list.extend(many);
                // Stable and fast on what is sorted already.
                self.list.sort_by(order);
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn starts(list: &Annotations) -> Vec<f64> {
        list.list().iter().map(|a| a.start_secs).collect()
    }

    #[test]
    fn edits_are_undone_and_done_again() {
        let mut list = Annotations::default();
        let ids = list.apply(Edit::Add(vec![Annotation::new(5.0, 0.0, "b"), Annotation::new(1.0, 2.0, "a")]));
        assert_eq!(starts(&list), [1.0, 5.0]);
        let changed = Annotation { start_secs: 9.0, ..list.get(ids[1]).unwrap().clone() };
        list.apply(Edit::Change(changed));
        assert_eq!(starts(&list), [5.0, 9.0]);
        list.apply(Edit::Remove(vec![ids[0]]));
        assert_eq!(starts(&list), [9.0]);
        assert!(list.undo() && list.undo());
        assert_eq!(starts(&list), [1.0, 5.0]);
        assert!(list.redo());
        assert_eq!(starts(&list), [5.0, 9.0]);
        list.apply(Edit::Add(vec![Annotation::new(7.0, 0.0, "c")]));
        assert!(!list.redo());
        assert_eq!(list.can_undo_redo(), (true, false));
        let revision = list.revision();
        assert!(list.apply(Edit::Remove(vec![12345])).is_empty());
        assert_eq!(list.revision(), revision, "what changes nothing is no step");
    }

    #[test]
    fn what_came_from_elsewhere_is_no_step_of_ones_own() {
        let mut list = Annotations::new(vec![Annotation::new(1.0, 0.0, "a"), Annotation::new(2.0, 0.0, "b")], vec![]);
        let ids = list.apply(Edit::Add(vec![Annotation::new(3.0, 0.0, "mine")]));
        let (revision, steps) = (list.revision(), list.steps());
        let news = News {
            came: vec![Annotation::new(0.5, 0.0, "theirs")],
            gone: vec![Annotation::new(1.0, 0.0, "a"), Annotation::new(8.0, 0.0, "never there")],
            categories: None,
        };
        list.take_in(news);
        assert_eq!(starts(&list), [0.5, 2.0, 3.0]);
        assert!(list.revision() > revision && list.steps() == steps);
        assert!(list.get(ids[0]).is_some() && list.undo() && !list.undo());
        assert_eq!(starts(&list), [0.5, 2.0]);
        list.take_in(News::default());
        assert!(list.redo());
    }

    #[test]
    fn the_history_is_bounded_in_bytes() {
        let mut list = Annotations::new(Vec::new(), Vec::new());
        let many = |n: usize| vec![Annotation { note: "n".repeat(1000), ..Annotation::new(1.0, 0.0, "x") }; n];
        let some = MAX_BYTES / 1200 / 4;
        for _ in 0..9 {
            list.apply(Edit::Add(many(some)));
            assert!(list.undo_bytes <= MAX_BYTES, "{}", list.undo_bytes);
        }
        assert!((2..9).contains(&list.undo.len()), "{}", list.undo.len());
        while list.undo() {}
        assert_eq!(list.undo_bytes, 0);
        assert!(list.list().len() >= 5 * some, "what is forgotten cannot be taken back");
        while list.redo() {}
        assert_eq!(list.list().len(), 9 * some);
        assert_eq!(list.undo_bytes, list.undo.iter().map(|step| step.bytes).sum::<usize>());
        // The last one can be taken back, however large it is.
        list.apply(Edit::Remove(list.list().iter().map(|a| a.id).collect()));
        assert_eq!(list.undo.len(), 1);
        assert!(list.undo() && list.list().len() == 9 * some);
    }

    #[test]
    fn places_are_found_by_time() {
        let list = Annotations::new(
            vec![Annotation::new(0.0, 10.0, "long"), Annotation::new(4.0, 0.0, ""), Annotation::new(20.0, 0.0, "")],
            Vec::new(),
        );
        assert_eq!(list.starting_in(&(4.0..20.0)), 1..2);
        assert_eq!(list.reach().ending_from(0..1, 9.0, 9), [0], "the long one reaches into it");
        assert!(list.reach().ending_from(0..2, 10.5, 9).is_empty());
        assert_eq!(list.next(4.0, true).unwrap().start_secs, 20.0);
        assert_eq!(list.next(4.0, false).unwrap().start_secs, 0.0);
        assert!(list.next(20.0, true).is_none());
    }

    #[test]
    fn a_category_is_renamed_with_what_is_in_it_in_one_step() {
        let mut list = Annotations::default();
        let of = |category: &str| Annotation { category: category.to_owned(), ..Annotation::new(1.0, 0.0, "x") };
        list.apply(Edit::Add(vec![of("Event"), of("Bad")]));
        let new = Category { name: "Spindle".to_owned(), colour: [1, 2, 3] };
        list.apply(Edit::Recategorise("Event".to_owned(), new.clone()));
        assert_eq!(list.categories()[0], new);
        let names = |list: &Annotations| list.list().iter().map(|a| a.category.clone()).collect::<Vec<_>>();
        assert_eq!(names(&list), ["Spindle", "Bad"]);
        assert_eq!(list.colour(&list.list()[0]), [1, 2, 3]);
        assert!(list.undo());
        assert_eq!((names(&list), list.categories()[0].name.as_str()), (vec!["Event".into(), "Bad".into()], "Event"));
        let revision = list.revision();
        list.apply(Edit::Recategorise("Nothing".to_owned(), new));
        assert_eq!(list.revision(), revision);
    }

    proptest! {
        #[test]
        fn undoing_everything_leads_back(steps in prop::collection::vec((0_u8..3, 0.0_f64..9.0, 0_usize..9), 1..40)) {
            let mut list = Annotations::new(vec![Annotation::new(3.0, 1.0, "x")], Vec::new());
            let first = list.list().to_vec();
            for (kind, secs, which) in steps {
                let id = list.list().get(which).map_or(0, |a| a.id);
                list.apply(match kind {
                    0 => Edit::Add(vec![Annotation::new(secs, 1.0, "n"); which % 3]),
                    1 => Edit::Remove(vec![id]),
                    _ => Edit::Change(Annotation { id, ..Annotation::new(secs, 0.5, "c") }),
                });
                prop_assert!(starts(&list).is_sorted());
            }
            let last = list.list().to_vec();
            while list.undo() {}
            prop_assert_eq!(list.list(), &first[..]);
            while list.redo() {}
            prop_assert_eq!(list.list(), &last[..]);
        }
    }
}
