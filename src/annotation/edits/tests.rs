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
fn categories_that_a_file_brings_are_known_from_then_on() {
    let mut list = Annotations::default();
    let of = |category: &str| Annotation { category: category.to_owned(), ..Annotation::new(1.0, 0.5, "x") };
    list.apply(Edit::Add(vec![of("Spindle"), of("Bad"), of("Spindle"), of("")]));
    let names = |list: &Annotations| list.categories().iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    let before = names(&Annotations::default());
    assert_eq!(names(&list), [&before[..], &["Spindle".to_owned()]].concat());
    assert!(list.undo());
    assert_eq!(names(&list), before, "one step takes both back");
    let many = (0..5000).map(|i| of(&format!("c{i}"))).collect();
    assert_eq!(Annotations::new(many, Vec::new()).categories().len(), MAX_CATEGORIES);
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
