//! Events as pixels: which of them hold one.
//!
//! Lists are in order, and so are the frames at the edges of pixels; going from a pixel to the next event is a search that
//! starts where the last one ended and doubles its steps (Bentley & Yao 1976), so that a million events in one pixel cost
//! twenty comparisons, and a few cost two.

/// Calls `draw` for each run of pixels that hold at least one of `frames`, which are in order: its first pixel, and the
/// one behind its last.
pub(super) fn mark_runs(frames: &[u64], edges: &[u64], mut draw: impl FnMut(usize, usize)) {
    let (Some(&first), Some(&end)) = (edges.first(), edges.last()) else { return };
    let mut event = frames.partition_point(|&f| f < first);
    let mut pixel = 0;
    let mut run: Option<(usize, usize)> = None;
    while let Some(&frame) = frames.get(event).filter(|&&f| f < end) {
        // The last edge that is not behind the event: several pixels may begin at one frame.
        pixel = gallop(edges, pixel, |&edge| edge <= frame) - 1;
        match &mut run {
            Some((_, to)) if *to == pixel => *to = pixel + 1,
            _ => {
                if let Some((from, to)) = run.replace((pixel, pixel + 1)) {
                    draw(from, to);
                }
            }
        }
        event = gallop(frames, event, |&f| f < edges[pixel + 1]);
    }
    if let Some((from, to)) = run {
        draw(from, to);
    }
}

/// Calls `draw` for each run of pixels that show the same of a line that takes `levels` at `frames`: its first pixel, the
/// one behind its last, and whether the line is low and whether it is high in it. Before the first frame nothing is known
/// and nothing drawn.
pub(super) fn level_runs(frames: &[u64], levels: &[u8], edges: &[u64], mut draw: impl FnMut(usize, usize, bool, bool)) {
    let Some(width) = edges.len().checked_sub(1) else { return };
    let frames = &frames[..frames.len().min(levels.len())];
    let mut next = frames.partition_point(|&f| f <= edges[0]);
    let mut pixel = 0;
    let mut run: Option<(usize, usize, bool, bool)> = None;
    while pixel < width {
        let before = next.checked_sub(1).map(|i| levels[i] != 0);
        let until = gallop(frames, next, |&f| f < edges[pixel + 1]);
        let (to, shown) = if until == next {
            // Nothing changes before the pixel in which the next event is.
            let to = frames.get(next).map_or(width, |&f| gallop(edges, pixel, |&edge| edge <= f).saturating_sub(1));
            (to.clamp(pixel + 1, width), before.map(|high| (!high, high)))
        } else {
            // What holds until the first frame of the pixel does not hold in it.
            let before = before.filter(|_| frames[next] > edges[pixel]);
            let mut seen = (before == Some(false), before == Some(true));
            // Two changes hold both levels, whatever more there are.
            for level in levels[next..until].iter().take(2) {
                seen = (seen.0 || *level == 0, seen.1 || *level != 0);
            }
            (pixel + 1, Some(seen))
        };
        next = until;
        match (&mut run, shown) {
            (Some((_, end, low, high)), Some(shown)) if *end == pixel && (*low, *high) == shown => *end = to,
            (_, Some((low, high))) => {
                if let Some((from, to, low, high)) = run.replace((pixel, to, low, high)) {
                    draw(from, to, low, high);
                }
            }
            (_, None) => {}
        }
        pixel = to;
    }
    if let Some((from, to, low, high)) = run {
        draw(from, to, low, high);
    }
}

/// The first index from `from` on for which `before` does not hold, of a list for whose start it does.
fn gallop<T>(list: &[T], from: usize, before: impl Fn(&T) -> bool) -> usize {
    let mut step = 1;
    let mut low = from;
    while let Some(item) = list.get(low + step - 1) {
        if !before(item) {
            break;
        }
        low += step;
        step *= 2;
    }
    let end = (low + step - 1).min(list.len());
    low + list[low.min(end)..end].partition_point(before)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lists() -> impl Strategy<Value = (Vec<u64>, Vec<u64>)> {
        let frames = prop::collection::vec(0_u64..400, 0..80);
        let steps = prop::collection::vec(0_u64..12, 1..60);
        (frames, 0_u64..50, steps).prop_map(|(mut frames, first, steps)| {
            frames.sort_unstable();
            let edges = std::iter::once(first).chain(steps.into_iter().scan(first, |at, step| {
                *at += step;
                Some(*at)
            }));
            (frames, edges.collect())
        })
    }

    proptest! {
        #[test]
        fn a_pixel_is_marked_if_and_only_if_it_holds_an_event((frames, edges) in lists()) {
            let mut marked = vec![false; edges.len() - 1];
            mark_runs(&frames, &edges, |from, to| marked[from..to].iter_mut().for_each(|m| *m = true));
            for (pixel, edge) in edges.windows(2).enumerate() {
                prop_assert_eq!(marked[pixel], frames.iter().any(|f| (edge[0]..edge[1]).contains(f)), "pixel {}", pixel);
            }
        }

        #[test]
        fn levels_are_those_that_hold_in_the_pixel((mut frames, edges) in lists(), first in 0_u8..2) {
            frames.dedup();
            let levels: Vec<u8> = (0..frames.len()).map(|i| (first + i as u8) % 2).collect();
            let mut shown = vec![None; edges.len() - 1];
            level_runs(&frames, &levels, &edges, |from, to, low, high| {
                for pixel in &mut shown[from..to] {
                    assert!(pixel.replace((low, high)).is_none());
                }
            });
            for (pixel, edge) in edges.windows(2).enumerate() {
                let level_at = |frame: u64| frames.partition_point(|&f| f <= frame).checked_sub(1).map(|i| levels[i]);
                let held: Vec<u8> = (edge[0]..edge[1].max(edge[0] + 1)).filter_map(level_at).collect();
                let expected = (held.contains(&0), held.contains(&1));
                let expected = (expected != (false, false)).then_some(expected);
                if edge[0] < edge[1] {
                    prop_assert_eq!(shown[pixel], expected, "pixel {}", pixel);
                }
            }
        }
    }

    #[test]
    fn a_million_events_make_one_run() {
        let frames: Vec<u64> = (0..1_000_000).map(|i| i * 3).collect();
        let edges: Vec<u64> = (0..=100).map(|i| i * 30_000).collect();
        let mut runs = Vec::new();
        mark_runs(&frames, &edges, |from, to| runs.push((from, to)));
        assert_eq!(runs, [(0, 100)]);
        assert_eq!(gallop(&frames, 5, |&f| f < 300), 100);
        assert_eq!(gallop(&[1, 2, 3], 0, |_| true), 3);
        assert_eq!(gallop(&[1, 2, 3], 3, |_| true), 3);
    }
}
