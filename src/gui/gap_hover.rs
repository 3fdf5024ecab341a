//! The gap under the pointer: how much is missing, and from when to when, in every way in which times are written.

use eframe::egui::{Pos2, Response};

use super::mouse::Mouse;
use super::state::TimeFormat;
use super::time_axis::TimeAxis;
use super::wording::{count, plural};
use crate::recording::{Gap, TimeBase};

/// A gap this near to the pointer is meant, points: many are narrower than a pixel.
const REACH: f32 = 3.0;

/// The gap that holds `tick`.
pub(super) fn gap_at(time: &TimeBase, tick: u64) -> Option<Gap> {
    let after = time.frame_at_tick(tick);
    let span = time.span_of_frame(after);
    time.gaps().nth(span.checked_sub(1)?).filter(|g| (g.first_tick..g.first_tick + g.missing_frames).contains(&tick))
}

/// The gaps of which a part lies in `ticks`, which is not empty: the first, how many, and how much is missing in all of
/// them. A few binary searches, however many there are.
fn gaps_in(time: &TimeBase, ticks: &std::ops::Range<u64>) -> Option<(Gap, u64, u64)> {
    // The first frame at or behind either end tells which contiguous stretch comes next; gap `i` ends where stretch
    // `i + 1` begins.
    let first = time.frame_at_tick(ticks.start);
    let spans = time.spans();
    let stretch_of = |tick: u64| spans.partition_point(|s| s.first_tick <= tick).saturating_sub(1);
    let from = if time.tick_of_frame(first) == ticks.start {
        stretch_of(ticks.start)
    } else {
        time.span_of_frame(first).checked_sub(1)?
    };
    let last = ticks.end - 1;
    // The gap behind the stretch of the last tick counts if it has begun there.
    let mut to = stretch_of(last);
    if gap_at(time, last).is_some() {
        to += 1;
    }
    let gap = time.gaps().nth(from).filter(|_| to > from)?;
    let behind = spans.get(to)?;
    let begin = spans.get(from)?;
    let missing = (behind.first_tick - begin.first_tick) - (behind.first_frame - begin.first_frame);
    Some((gap, (to - from) as u64, missing))
}

/// Says what is missing where the pointer is over a gap.
pub(super) fn gap_hover(response: Response, mouse: &Mouse<'_>, axis: &TimeAxis<'_>) -> Response {
    let Some(at) = response.hover_pos().filter(|at| mouse.rect.contains(*at)) else { return response };
    match text_at(mouse, axis, at) {
        Some(text) => response.on_hover_text_at_pointer(text),
        None => response,
    }
}

fn text_at(mouse: &Mouse<'_>, axis: &TimeAxis<'_>, at: Pos2) -> Option<String> {
    let (document, time) = (mouse.document, mouse.document.time());
    let side = |by: f32| mouse.tick_at(Pos2::new(at.x + by, at.y)).max(0.0) as u64;
    let end = time.end_tick(document.shown().frames);
    let ticks = side(-REACH).min(end)..(side(REACH) + 1).min(end);
    if ticks.is_empty() {
        return None;
    }
    // The one under the pointer, if the pointer is in one: those beside it are another matter.
    let under = gap_at(time, side(0.0)).map(|gap| (gap, 1, gap.missing_frames));
    let (gap, gaps, missing) = under.or_else(|| gaps_in(time, &ticks))?;
    let length = |frames: u64| {
        let counted = plural(frames, "frame");
        if time.rate_known() {
            format!("{} ({counted})", crate::text::duration(frames as f64 / time.rate_hz()))
        } else {
            counted
        }
    };
    if gaps > 1 {
        return Some(format!("{gaps} gaps here: {} missing in all. Zoom in to tell them apart.", length(missing)));
    }
    let behind = gap.first_tick + gap.missing_frames;
    let mut lines = vec![format!("Gap: {} missing", length(gap.missing_frames))];
    lines.push(format!("from {} to {}", axis.precise(gap.first_tick), axis.precise(behind)));
    let zone = &document.times.zone;
    let clock = |tick: u64| time.unix_ns_of_tick(tick).and_then(|ns| zone.write(ns, 3));
    match (clock(gap.first_tick), clock(behind)) {
        (Some(_), Some(_)) if document.times.format == TimeFormat::Clock => {}
        (Some(from), Some(to)) => lines.push(format!("on the clock ({}): {from} to {to}", zone.title())),
        _ => lines.push("this recording tells no clock time".to_owned()),
    }
    lines.push(format!("behind frame #{}", count(gap.after_frame)));
    Some(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use eframe::egui::{Rect, vec2};
    use proptest::prelude::*;

    use super::super::testing::document;
    use super::*;
    use crate::recording::ClockSpan;

    #[test]
    fn a_gap_says_how_long_it_is_and_when() {
        let mut document = document(1);
        document.viewport.show(0.0, 3500.0);
        let rect = Rect::from_min_size(Pos2::ZERO, vec2(document.viewport.width_points() as f32, 300.0));
        let mouse = Mouse { document: &document, rect };
        let axis = TimeAxis::new(&document, TimeFormat::Seconds, 800.0);
        let x = |tick: f64| Pos2::new(mouse.x_of(tick), 10.0);
        let text = text_at(&mouse, &axis, x(1200.0)).unwrap();
        assert!(text.contains("500 ms (500 frames) missing") && text.contains("1.000 s to 1.500 s"), "{text}");
        assert!(text.contains("no clock time") && text.contains("#999"), "{text}");
        assert!(text_at(&mouse, &axis, x(2000.0)).is_none());
        assert!(text_at(&mouse, &axis, x(1500.0) + vec2(1.0, 0.0)).is_some(), "beside it is near enough");
    }

    proptest! {
        #[test]
        fn gaps_are_counted_as_one_by_one(stretches in prop::collection::vec((1_u64..30, 1_u64..30), 0..8),
            a in 0_u64..300, length in 1_u64..200) {
            let mut spans = vec![ClockSpan { first_frame: 0, first_tick: 0 }];
            let (mut frame, mut tick) = (0, 0);
            for (frames, missing) in stretches {
                (frame, tick) = (frame + frames, tick + frames + missing);
                spans.push(ClockSpan { first_frame: frame, first_tick: tick });
            }
            let time = TimeBase::with_spans(10.0, spans);
            let ticks = a..a + length;
            let touching: Vec<Gap> = time
                .gaps()
                .filter(|g| g.first_tick < ticks.end && g.first_tick + g.missing_frames > ticks.start)
                .collect();
            let found = gaps_in(&time, &ticks);
            prop_assert_eq!(found.map_or(0, |f| f.1), touching.len() as u64);
            if let Some((first, _, missing)) = found {
                prop_assert_eq!(first, touching[0]);
                prop_assert_eq!(missing, touching.iter().map(|g| g.missing_frames).sum::<u64>());
            }
        }
    }
}
