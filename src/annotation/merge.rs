//! Two that change the annotations of one recording at the same time: both of what they did is kept.
//!
//! It is a merge of three: what was on the disk when it was last read or written here ([`Base`]), what is there now, and
//! what is to be written. What the others have put in since comes in; what they took out goes, unless it was changed here
//! meanwhile; one that both have changed is there twice, as each has it. Files know no ids, so annotations are the same if
//! all of their fields are; times may differ by [`SAME_SECS`], as numbers do that went through text.
//!
//! Cost: 24 bytes for each annotation of the base, and sorting.

use std::cmp::Ordering;

use twox_hash::XxHash3_64;

use super::store::Stored;
use super::{Annotation, Category};

/// Times that are closer together are the same.
const SAME_SECS: f64 = 1e-9;

/// What tells an annotation from others: a hash of all texts and the colour, and its times.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Mark {
    texts: u64,
    start_secs: f64,
    duration_secs: f64,
}

impl Mark {
    fn of(annotation: &Annotation) -> Self {
        let Annotation { label, category, note, colour, channels, start_secs, duration_secs, id: _ } = annotation;
        let mut bytes = Vec::with_capacity(64);
        for text in [label, category, note].into_iter().chain(channels) {
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(0);
        }
        bytes.extend(colour.iter().flatten());
        let texts = XxHash3_64::oneshot(&bytes);
        Self { texts, start_secs: *start_secs, duration_secs: *duration_secs }
    }

    fn order(&self, other: &Self) -> Ordering {
        let near = |a: f64, b: f64| if (a - b).abs() <= SAME_SECS { Ordering::Equal } else { a.total_cmp(&b) };
        self.texts
            .cmp(&other.texts)
            .then_with(|| near(self.start_secs, other.start_secs))
            .then_with(|| near(self.duration_secs, other.duration_secs))
    }

    fn exact_order(&self, other: &Self) -> Ordering {
        let times = |m: &Self| (m.start_secs, m.duration_secs);
        let (a, b) = (times(self), times(other));
        self.texts.cmp(&other.texts).then_with(|| a.0.total_cmp(&b.0)).then_with(|| a.1.total_cmp(&b.1))
    }
}

/// What the file of annotations held when it was last read or written.
#[derive(Clone, Debug, Default)]
pub struct Base {
    /// Sorted.
    marks: Vec<Mark>,
    categories: Option<Vec<Category>>,
    /// A hash of the bytes of the file, where they were seen.
    bytes: Option<u64>,
}

/// What a merge brings to the side that has asked for it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct News {
    /// Put in by others.
    pub came: Vec<Annotation>,
    /// Taken out by others.
    pub gone: Vec<Annotation>,
    /// The categories, if others have changed them.
    pub categories: Option<Vec<Category>>,
}

impl News {
    /// Whether nobody else has changed anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Base {
    /// Of a file that holds this.
    #[must_use]
    pub fn of(stored: &Stored) -> Self {
        let (marks, _) = marked(&stored.annotations).into_iter().unzip::<_, _, Vec<Mark>, Vec<usize>>();
        Self { marks, categories: Some(stored.categories.clone()), bytes: None }
    }

    /// Whose bytes are these.
    #[must_use]
    pub(super) fn in_bytes(self, bytes: &[u8]) -> Self {
        Self { bytes: Some(XxHash3_64::oneshot(bytes)), ..self }
    }

    /// Whether the file is known to be as it was.
    #[must_use]
    pub(super) fn is_in(&self, bytes: &[u8]) -> bool {
        self.bytes == Some(XxHash3_64::oneshot(bytes))
    }
}

/// Puts what others have changed since `base` into `ours`; `theirs` is what they have left on the disk.
pub(super) fn merge(base: &Base, theirs: Stored, ours: &mut Stored) -> News {
    let mine = marked(&ours.annotations);
    let their = marked(&theirs.annotations);
    let (taken_out, put_in) = differences(&base.marks, &their);
    let (_, new_here) = differences(&base.marks, &mine);
    // What both have put in alike is there once.
    let new_marks: Vec<Mark> = new_here.iter().map(|&i| mine[i].0).collect();
    let added: Vec<(Mark, usize)> = put_in.iter().map(|&i| their[i]).collect();
    let (_, came) = differences(&new_marks, &added);
    let mut came: Vec<usize> = came.into_iter().map(|i| added[i].1).collect();
    came.sort_unstable();
    // Of what they took out, what is here as it was.
    let mut gone: Vec<usize> = Vec::new();
    let mut at = 0;
    for &i in &taken_out {
        let mark = base.marks[i];
        at += mine[at..].partition_point(|(m, _)| m.order(&mark).is_lt());
        if let Some(&(_, index)) = mine.get(at).filter(|(m, _)| m.order(&mark).is_eq()) {
            gone.push(index);
            at += 1;
        }
    }
    let gone_set: std::collections::HashSet<usize> = gone.iter().copied().collect();
    let news = News {
        came: came.iter().map(|&i| theirs.annotations[i].clone()).collect(),
        gone: gone.iter().map(|&i| ours.annotations[i].clone()).collect(),
        categories: None,
    };
    let mut index = 0;
    ours.annotations.retain(|_| {
        index += 1;
        !gone_set.contains(&(index - 1))
    });
    ours.annotations.extend(news.came.iter().cloned());
    ours.annotations.sort_by(|a, b| a.start_secs.total_cmp(&b.start_secs));
    let before = ours.categories.clone();
    ours.categories = categories(base.categories.as_deref(), theirs.categories, &ours.categories);
    let categories = (ours.categories != before).then(|| ours.categories.clone());
    News { categories, ..news }
}

/// The categories of whoever has changed them; if both have, all of them.
fn categories(base: Option<&[Category]>, theirs: Vec<Category>, ours: &[Category]) -> Vec<Category> {
    let base = base.unwrap_or_default();
    if theirs == *base {
        return ours.to_vec();
    }
    if ours == base {
        return theirs;
    }
    let known = |list: &[Category], name: &str| list.iter().any(|c| c.name == name);
    let further = theirs.into_iter().filter(|c| !known(ours, &c.name) && !known(base, &c.name));
    ours.iter().cloned().chain(further).collect()
}

/// The marks of a list and their indices, sorted.
fn marked(list: &[Annotation]) -> Vec<(Mark, usize)> {
    let mut marks: Vec<(Mark, usize)> = list.iter().map(Mark::of).zip(0..).collect();
    marks.sort_by(|(a, i), (b, j)| a.exact_order(b).then(i.cmp(j)));
    marks
}

/// Indices of those that are only in `before`, and only in `after`; both are sorted.
fn differences(before: &[Mark], after: &[(Mark, usize)]) -> (Vec<usize>, Vec<usize>) {
    let (mut a, mut b) = (0, 0);
    let (mut only_before, mut only_after) = (Vec::new(), Vec::new());
    while a < before.len() || b < after.len() {
        let order = match (before.get(a), after.get(b)) {
            (Some(x), Some((y, _))) => x.order(y),
            (Some(_), None) => Ordering::Less,
            _ => Ordering::Greater,
        };
        if order.is_lt() {
            only_before.push(a);
        }
        if order.is_gt() {
            only_after.push(b);
        }
        a += usize::from(order.is_le());
        b += usize::from(order.is_ge());
    }
    (only_before, only_after)
}

/// Indices in `list` of as many annotations like each of `these` as there are of them.
pub(super) fn like(list: &[Annotation], these: &[Annotation]) -> Vec<usize> {
    let all = marked(list);
    let mut found = Vec::new();
    let mut at = 0;
    for (mark, _) in marked(these) {
        at += all[at..].partition_point(|(m, _)| m.order(&mark).is_lt());
        if let Some(&(_, index)) = all.get(at).filter(|(m, _)| m.order(&mark).is_eq()) {
            found.push(index);
            at += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::default_categories;
    use super::*;

    fn stored(labels: &[(u8, &str)]) -> Stored {
        let list = labels.iter().map(|&(start, label)| Annotation::new(f64::from(start) / 3.0, 0.0, label)).collect();
        Stored::new("day.rec", default_categories(), list)
    }

    fn labels(stored: &Stored) -> Vec<&str> {
        stored.annotations.iter().map(|a| a.label.as_str()).collect()
    }

    #[test]
    fn what_both_have_done_is_kept() {
        let base = stored(&[(1, "kept"), (2, "they remove"), (3, "we remove"), (4, "both change"), (5, "they change")]);
        let theirs = stored(&[(1, "kept"), (3, "we remove"), (4, "theirs of both"), (5, "they changed"), (9, "alike")]);
        let mut ours = stored(&[
            (1, "kept"),
            (2, "they remove"),
            (4, "ours of both"),
            (5, "they change"),
            (7, "new here"),
            (9, "alike"),
        ]);
        let news = merge(&Base::of(&base), theirs, &mut ours);
        assert_eq!(labels(&ours), ["kept", "ours of both", "theirs of both", "they changed", "new here", "alike"]);
        assert_eq!((news.came.len(), news.gone.len(), news.categories), (2, 2, None));
        // What both changed the same annotation into differs; neither is lost, whoever comes last.
    }

    #[test]
    fn without_a_base_all_of_both_is_kept() {
        let mut ours = stored(&[(1, "a"), (1, "a")]);
        let news = merge(&Base::default(), stored(&[(1, "a"), (2, "b")]), &mut ours);
        assert_eq!(labels(&ours), ["a", "a", "b"]);
        assert_eq!((news.came.len(), news.gone.len()), (1, 0));
    }

    #[test]
    fn times_that_went_through_text_are_the_same() {
        let base = stored(&[(1, "a"), (200, "b")]);
        let mut theirs = base.clone();
        theirs.annotations[1].start_secs = theirs.annotations[1].start_secs.next_up();
        let mut ours = stored(&[(1, "a"), (200, "b"), (7, "c")]);
        assert!(merge(&Base::of(&base), theirs, &mut ours).is_empty());
    }

    #[test]
    fn categories_follow_whoever_has_changed_them() {
        let of = |names: &[&str]| names.iter().map(|n| Category { name: (*n).to_owned(), colour: [0; 3] }).collect();
        let (base, more): (Vec<_>, Vec<_>) = (of(&["a", "b"]), of(&["a", "b", "c"]));
        assert_eq!(categories(Some(&base), more.clone(), &base), more);
        assert_eq!(categories(Some(&base), base.clone(), &more), more);
        assert_eq!(categories(Some(&base), of(&["a", "d"]), &of(&["b", "c"])), of(&["b", "c", "d"]));
        assert_eq!(categories(None, of(&["a", "d"]), &base), of(&["a", "b", "d"]));
    }

    proptest! {
        #[test]
        fn nothing_that_anybody_put_in_is_lost(
            base in prop::collection::vec((0_u8..6, 0_u8..3), 0..8),
            theirs in prop::collection::vec((0_u8..6, 0_u8..3), 0..8),
            ours in prop::collection::vec((0_u8..6, 0_u8..3), 0..8),
        ) {
            let texts = ["x", "y", "z"];
            let of = |list: &[(u8, u8)]| stored(&list.iter().map(|&(t, l)| (t, texts[l as usize])).collect::<Vec<_>>());
            let count = |stored: &Stored, of: &Annotation| {
                let same = |a: &&Annotation| (a.start_secs, &a.label) == (of.start_secs, &of.label);
                stored.annotations.iter().filter(same).count() as i64
            };
            let (base, theirs, before) = (of(&base), of(&theirs), of(&ours));
            let mut merged = before.clone();
            let news = merge(&Base::of(&base), theirs.clone(), &mut merged);
            for a in base.annotations.iter().chain(&theirs.annotations).chain(&before.annotations) {
                let (b, t, o, m) = (count(&base, a), count(&theirs, a), count(&before, a), count(&merged, a));
                let expected = match (t - b, o - b) {
                    (0, _) => o,
                    (_, 0) => t,
                    // Both put some in: the more of the two. Otherwise each change counts.
                    (more, own) if more > 0 && own > 0 => b + more.max(own),
                    (less, own) if less < 0 && own > 0 => o + less,
                    (more, less) if more > 0 && less < 0 => o + more,
                    (less, own) => (b + own + less).max(0).max(o + less.max(-o)),
                };
                prop_assert_eq!(m, expected, "{:?}: {} {} {}", a, b, t, o);
            }
            // The other side of the merge: what was in the window becomes what was written.
            let mut window = before.annotations.clone();
            let mut gone = like(&window, &news.gone);
            gone.sort_unstable();
            prop_assert_eq!(gone.len(), news.gone.len());
            gone.iter().rev().for_each(|&i| drop(window.remove(i)));
            window.extend(news.came);
            window.sort_by(|a, b| a.start_secs.total_cmp(&b.start_secs));
            prop_assert_eq!(window.len(), merged.annotations.len());
        }
    }
}
