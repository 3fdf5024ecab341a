//! The order of lanes: by the file, by name, by group, by where contacts are; and moving channels by hand.

use std::cmp::Ordering;

use super::view::SortBy;
use crate::recording::{Channel, Position};

/// The channels sorted; the order of the file where nothing else decides.
#[must_use]
pub fn sorted(channels: &[Channel], positions: &[Option<Position>], by: SortBy) -> Vec<usize> {
    let mut order: Vec<usize> = (0..channels.len()).collect();
    match by {
        SortBy::File => {}
        SortBy::Name => order.sort_by(|&a, &b| natural(&channels[a].name, &channels[b].name)),
        SortBy::Group => order.sort_by(|&a, &b| {
            let (a, b) = (&channels[a], &channels[b]);
            natural(&a.group, &b.group).then_with(|| natural(&a.name, &b.name))
        }),
        SortBy::Depth => {
            let position = |c: usize| positions.get(c).copied().flatten();
            order.sort_by(|&a, &b| by_depth(position(a), position(b)));
        }
    }
    order
}

/// The order that a recording is opened with, empty for that of the file: groups whose channels the file mixes (nTrodes in
/// the order of the hardware) are put together.
#[must_use]
pub fn at_first(channels: &[Channel]) -> Vec<usize> {
    let mut groups: Vec<&str> = channels.iter().map(|c| c.group.as_str()).collect();
    groups.dedup();
    let runs = groups.len();
    groups.sort_unstable();
    groups.dedup();
    if runs == groups.len() { Vec::new() } else { sorted(channels, &[], SortBy::Group) }
}

/// Shank by shank, what is farthest from the tip first; what has no place last.
fn by_depth(a: Option<Position>, b: Option<Position>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.shank.cmp(&b.shank).then(b.y_um.total_cmp(&a.y_um)).then(a.x_um.total_cmp(&b.x_um)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

/// Puts the channels `moved` (in the order that they have) in front of `before`, or last.
pub fn moved(order: &mut Vec<usize>, moved: &[usize], before: Option<usize>) {
    let is_moved = |c: &usize| moved.contains(c);
    if before.as_ref().is_some_and(is_moved) {
        return;
    }
    let taken: Vec<usize> = order.iter().copied().filter(is_moved).collect();
    order.retain(|c| !is_moved(c));
    let at = before.and_then(|b| order.iter().position(|&c| c == b)).unwrap_or(order.len());
    order.splice(at..at, taken);
}

/// Moves each of `picked` one visible place up or down; what stands at the end stays, and keeps those behind it.
pub fn stepped(order: &mut [usize], picked: &dyn Fn(usize) -> bool, visible: &dyn Fn(usize) -> bool, up: bool) {
    let mut places: Vec<usize> = (0..order.len()).filter(|&i| visible(order[i])).collect();
    if !up {
        places.reverse();
    }
    for pair in places.windows(2) {
        if picked(order[pair[1]]) && !picked(order[pair[0]]) {
            order.swap(pair[0], pair[1]);
        }
    }
}

/// Compares as people count: `ch 9` before `ch 10`; letters without regard to case.
#[must_use]
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.chars().peekable(), b.chars().peekable());
    loop {
        match (a.peek().copied(), b.peek().copied()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (x, y) = (digits(&mut a), digits(&mut b));
                let order = x.len().cmp(&y.len()).then_with(|| x.cmp(&y));
                if order != Ordering::Equal {
                    return order;
                }
            }
            (Some(x), Some(y)) => {
                let order = x.to_lowercase().cmp(y.to_lowercase());
                if order != Ordering::Equal {
                    return order;
                }
                a.next();
                b.next();
            }
        }
    }
}

/// The digits that come next, without leading zeros.
fn digits(text: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let mut digits = String::new();
    while let Some(digit) = text.next_if(char::is_ascii_digit) {
        if digit != '0' || !digits.is_empty() {
            digits.push(digit);
        }
    }
    digits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn channel(name: &str, group: &str, position: Option<(u32, f64)>) -> (Channel, Option<Position>) {
        let position = position.map(|(shank, y_um)| Position { shank, x_um: 0.0, y_um });
        (Channel { name: name.to_owned(), group: group.to_owned(), ..Channel::numbered(0) }, position)
    }

    #[test]
    fn channels_sort_as_people_count() {
        let channels = [
            channel("ch 10", "b", Some((1, 20.0))),
            channel("ch 9", "a", None),
            channel("Ch 1", "b", Some((0, 0.0))),
            channel("aux", "a", Some((0, 500.0))),
        ];
        let (channels, positions): (Vec<_>, Vec<_>) = channels.into_iter().unzip();
        let sorted = |channels: &[Channel], by| sorted(channels, &positions, by);
        assert_eq!(sorted(&channels, SortBy::File), [0, 1, 2, 3]);
        assert_eq!(sorted(&channels, SortBy::Name), [3, 2, 1, 0]);
        assert_eq!(sorted(&channels, SortBy::Group), [3, 1, 2, 0]);
        assert_eq!(at_first(&channels), [3, 1, 2, 0]);
        assert!(at_first(&channels[..2]).is_empty() && at_first(&[]).is_empty());
        assert_eq!(sorted(&channels, SortBy::Depth), [3, 2, 0, 1]);
        assert_eq!(natural("x007", "x7"), Ordering::Equal);
        assert_eq!(natural("x08y2", "x8y10"), Ordering::Less);
    }

    #[test]
    fn channels_move_together_and_keep_their_order() {
        let mut order: Vec<usize> = (0..6).collect();
        moved(&mut order, &[4, 1], Some(3));
        assert_eq!(order, [0, 2, 1, 4, 3, 5]);
        moved(&mut order, &[0], None);
        assert_eq!(order, [2, 1, 4, 3, 5, 0]);
        moved(&mut order, &[4], Some(4));
        assert_eq!(order, [2, 1, 4, 3, 5, 0]);
        // The hidden 1 is stepped over.
        stepped(&mut order, &|c| c == 4, &|c| c != 1, true);
        assert_eq!(order, [4, 1, 2, 3, 5, 0]);
        stepped(&mut order, &|c| c == 4 || c == 2, &|_| true, true);
        assert_eq!(order, [4, 2, 1, 3, 5, 0]);
        stepped(&mut order, &|c| c == 0 || c == 5, &|_| true, false);
        assert_eq!(order, [4, 2, 1, 3, 5, 0]);
    }

    proptest! {
        #[test]
        fn an_order_stays_one_whatever_is_moved(steps in prop::collection::vec((0_usize..14, 0_usize..14, any::<bool>()), 0..40)) {
            let mut order: Vec<usize> = (0..12).collect();
            for (a, b, up) in steps {
                moved(&mut order, &[a, b], (a % 3 != 0).then_some((a * 5 + b) % 14));
                stepped(&mut order, &|c| c == a || c == b, &|c| c % 4 != 1, up);
                let mut all = order.clone();
                all.sort_unstable();
                prop_assert_eq!(all, (0..12).collect::<Vec<_>>());
            }
        }
    }
}
