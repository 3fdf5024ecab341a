//! The stretches of a recording that annotations of a category cover: what statistics, spectra and exports go over.

use std::ops::Range;

use super::Annotation;
use crate::error::{Error, Result};
use crate::recording::TimeBase;

/// What stands for every category.
pub const ALL: &str = "all";

/// The frames of one annotation.
#[derive(Clone, PartialEq, Debug)]
pub struct Annotated {
    /// Its label, or the category of one that has none.
    pub title: String,
    pub category: String,
    /// Of a stream; never none.
    pub frames: Range<u64>,
}

/// The annotated ranges of `wanted` (a category, or the label of annotations; [`ALL`]: every range) inside of `within`,
/// frames of a stream with this clock, in order of their starts. What reaches beyond `within` is cut.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] when nothing is called so, or what is has no length there: with what there is.
pub fn annotated(list: &[Annotation], wanted: &str, time: &TimeBase, within: &Range<u64>) -> Result<Vec<Annotated>> {
    let wanted = wanted.trim();
    let is_wanted = |a: &&Annotation| wanted == ALL || a.category == wanted || a.label == wanted;
    let named: Vec<&Annotation> = list.iter().filter(is_wanted).collect();
    if named.is_empty() {
        return Err(nothing_called(list, wanted));
    }
    let frames = |a: &Annotation| {
        let start = time.frame_at_secs(a.start_secs).max(within.start);
        start..time.frame_at_secs(a.end_secs()).min(within.end)
    };
    let ranges = named.iter().filter(|a| !a.is_mark()).map(|a| Annotated {
        title: a.title().to_owned(),
        category: a.category.clone(),
        frames: frames(a),
    });
    let ranges: Vec<Annotated> = ranges.filter(|a| a.frames.start < a.frames.end).collect();
    if ranges.is_empty() {
        let what =
            if named.iter().all(|a| a.is_mark()) { "are marks without a length" } else { "cover no frames there" };
        return Err(Error::invalid(format!("the annotations of '{wanted}' {what}"))
            .with_remedy("annotate ranges: select one in the viewer, then press M or the number of a category"));
    }
    Ok(ranges)
}

fn nothing_called(list: &[Annotation], wanted: &str) -> Error {
    let mut names: Vec<&str> = Vec::new();
    for a in list.iter().filter(|a| !a.is_mark() && !a.category.is_empty()) {
        if names.len() < 12 && !names.contains(&a.category.as_str()) {
            names.push(&a.category);
        }
    }
    let error = match list.is_empty() {
        true => Error::invalid("the recording has no annotations"),
        false => Error::invalid(format!("no annotation is of the category '{wanted}', nor called so")),
    };
    error.with_remedy(if names.is_empty() {
        "annotate ranges in the viewer, or add some: longwave annotations FILE --import LABELS".to_owned()
    } else {
        format!("use {ALL}, or one of: {}", names.join(", "))
    })
}

/// The frames that any of them covers, in order, without overlaps: no sample counts twice.
#[must_use]
pub fn together(ranges: &[Annotated]) -> Vec<Range<u64>> {
    let mut all: Vec<Range<u64>> = ranges.iter().map(|a| a.frames.clone()).collect();
    all.sort_unstable_by_key(|r| (r.start, r.end));
    let mut merged: Vec<Range<u64>> = Vec::with_capacity(all.len());
    for range in all {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::ClockSpan;

    #[test]
    fn ranges_are_those_of_the_category_and_cut() {
        let spans = [(0, 0), (100, 200)].map(|(first_frame, first_tick)| ClockSpan { first_frame, first_tick });
        let time = TimeBase::with_spans(100.0, spans.to_vec());
        let of = |category: &str, start, duration| Annotation {
            category: category.to_owned(),
            ..Annotation::new(start, duration, "x")
        };
        let list = [of("A", 0.2, 0.3), of("A", 0.4, 1.8), of("A", 1.2, 0.1), of("B", 0.0, 9.0), of("C", 0.5, 0.0)];
        let found = annotated(&list, "A", &time, &(0..500)).unwrap();
        let frames: Vec<Range<u64>> = found.iter().map(|a| a.frames.clone()).collect();
        // The second reaches over the gap; the third lies in it and has no frames.
        assert_eq!(frames, [20..50, 40..120]);
        assert_eq!(together(&found), vec![20..120]);
        let cut = annotated(&list, "all", &time, &(30..40)).unwrap();
        assert!(cut.iter().all(|a| a.frames == (30..40)) && cut.len() == 2, "{cut:?}");
        assert_eq!(annotated(&list, "x", &time, &(0..500)).unwrap().len(), 3, "labels are names, too");
        let error =
            |wanted: &str, list: &[Annotation]| annotated(list, wanted, &time, &(0..500)).unwrap_err().to_string();
        assert!(error("C", &list).contains("without a length"));
        assert!(error("D", &list).contains("A, B"), "{}", error("D", &list));
        assert!(error("all", &[]).contains("no annotations"));
    }
}
