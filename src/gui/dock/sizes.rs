//! Sizes in points: when the window grows or a panel closes, the traces take or give the room, and every other panel
//! stays as wide or high as the user made it.
//!
//! `egui_tiles` shares room out in proportion. So the shares of a row or column are kept as points, and the share of the
//! part that holds the traces is set, before every frame, to what the others leave.

use eframe::egui::Vec2;
use egui_tiles::{Container, LinearDir, Tile, TileId, Tiles, Tree};

use super::panes::{Home, Pane};

/// The share of a part whose size nobody has set: what the crate gives to new ones.
pub(super) const UNSET: f32 = 1.0;
/// The traces are never squeezed below this height, points, nor below half of the width.
const MIN_TRACES: f32 = 200.0;
/// A panel beside the traces is folded away rather than drawn narrower than this (its own width, if that is less): at the
/// left, and elsewhere.
const MIN_LEFT: f32 = 156.0;
const MIN_SIDE: f32 = 288.0;

/// Shares out a room of `size` points.
pub(super) fn fit(tree: &mut Tree<Pane>, size: Vec2) {
    if let Some(root) = tree.root() {
        fit_tile(&mut tree.tiles, root, size);
    }
}

fn fit_tile(tiles: &mut Tiles<Pane>, id: TileId, size: Vec2) {
    let Some(Tile::Container(Container::Linear(linear))) = tiles.get(id) else { return };
    let is_row = linear.dir == LinearDir::Horizontal;
    let extent = if is_row { size.x } else { size.y };
    let seen: Vec<TileId> =
        linear.children.iter().copied().filter(|&child| tiles.is_visible_in_layout(child)).collect();
    let main = linear.children.iter().copied().find(|&child| holds_traces(tiles, child));
    let mut shares: Vec<(TileId, f32)> = linear.children.iter().map(|&child| (child, linear.shares[child])).collect();
    let set: Vec<f32> = shares.iter().map(|(_, share)| *share).filter(|&share| share > UNSET).collect();
    let usual = set.iter().sum::<f32>() / set.len().max(1) as f32;
    for (child, share) in shares.iter_mut().filter(|(_, share)| *share <= UNSET) {
        // Beside the traces as large as it is by default; among others as large as they are.
        *share = match main {
            Some(_) => home(tiles, *child).size()[usize::from(!is_row)],
            None if set.is_empty() => extent / linear_len(tiles, id),
            None => usual,
        }
        .max(2.0 * UNSET);
    }
    let mut rest = 0.0;
    if let Some(main) = main {
        let others: f32 =
            shares.iter().filter(|(child, _)| *child != main && seen.contains(child)).map(|(_, share)| share).sum();
        rest = extent - others;
        let least = if is_row { extent / 2.0 } else { MIN_TRACES.min(extent / 2.0) };
        if rest < least {
            // The others give in equal proportion, and have their size again when there is room.
            rest = least.max(1.0);
            let room = (extent - rest).max(1.0);
            rest *= (others / room).max(1.0);
        }
        shares.iter_mut().filter(|(child, _)| *child == main).for_each(|(_, share)| *share = rest);
    }
    if let Some(Tile::Container(Container::Linear(linear))) = tiles.get_mut(id) {
        shares.iter().for_each(|&(child, share)| linear.shares.set_share(child, share));
    }
    if let Some(main) = main {
        let inner = if is_row { Vec2::new(rest, size.y) } else { Vec2::new(size.x, rest) };
        fit_tile(tiles, main, inner);
    }
    for child in seen.into_iter().filter(|&child| Some(child) != main) {
        fit_tile(tiles, child, size);
    }
}

/// The panels that have to make room in a window of `width` points, so that the traces keep half of it and none of the
/// others becomes too narrow to be read. Those at the right go first; the part that `asked` is in goes last, and stays if
/// it is the only one. `is_open` says which panels would be seen.
pub(super) fn folded(tree: &Tree<Pane>, width: f32, asked: Option<Pane>, is_open: impl Fn(Pane) -> bool) -> Vec<Pane> {
    let tiles = &tree.tiles;
    let Some(Tile::Container(Container::Linear(linear))) = tree.root().and_then(|root| tiles.get(root)) else {
        return Vec::new();
    };
    if linear.dir != LinearDir::Horizontal {
        return Vec::new();
    }
    let sides = linear.children.iter().filter(|&&child| !holds_traces(tiles, child)).filter_map(|&child| {
        let mut panes = Vec::new();
        panes_of(tiles, child, &mut panes);
        panes.retain(|&pane| is_open(pane));
        let home = home(tiles, child);
        let share = linear.shares[child];
        let size = if share > UNSET { share } else { home.size()[0] };
        let least = if home == Home::Left { MIN_LEFT } else { MIN_SIDE };
        (!panes.is_empty()).then_some((panes, size, least.min(size)))
    });
    let mut sides: Vec<(Vec<Pane>, f32, f32)> = sides.collect();
    let mut gone = Vec::new();
    while !sides.is_empty() {
        let total: f32 = sides.iter().map(|(_, size, _)| size).sum();
        let factor = (width / 2.0 / total).min(1.0);
        if sides.iter().all(|(_, size, least)| size * factor >= *least) {
            break;
        }
        let is_asked = |panes: &[Pane]| asked.is_some_and(|pane| panes.contains(&pane));
        match sides.iter().rposition(|(panes, ..)| !is_asked(panes)) {
            Some(i) => gone.extend(sides.remove(i).0),
            None => break,
        }
    }
    gone
}

fn panes_of(tiles: &Tiles<Pane>, id: TileId, found: &mut Vec<Pane>) {
    match tiles.get(id) {
        Some(Tile::Pane(pane)) => found.push(*pane),
        Some(Tile::Container(container)) => container.children().for_each(|&child| panes_of(tiles, child, found)),
        None => {}
    }
}

fn linear_len(tiles: &Tiles<Pane>, id: TileId) -> f32 {
    tiles.get_container(id).map_or(1.0, |container| container.num_children().max(1) as f32)
}

fn holds_traces(tiles: &Tiles<Pane>, id: TileId) -> bool {
    match tiles.get(id) {
        Some(Tile::Pane(pane)) => *pane == Pane::Traces,
        Some(Tile::Container(container)) => container.children().any(|&child| holds_traces(tiles, child)),
        None => false,
    }
}

/// Where the first panel of a tile lives by default.
fn home(tiles: &Tiles<Pane>, id: TileId) -> Home {
    match tiles.get(id) {
        Some(Tile::Pane(pane)) => pane.entry().home,
        Some(Tile::Container(container)) => {
            container.children().next().map_or(Home::Right, |&child| home(tiles, child))
        }
        None => Home::Right,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Dock, PaneChange};
    use super::*;

    /// The points that the row at the root gives to its parts.
    fn widths(dock: &Dock) -> Vec<f32> {
        let root = dock.tree.root().unwrap();
        let Some(Tile::Container(Container::Linear(linear))) = dock.tree.tiles.get(root) else { panic!() };
        linear.children.iter().map(|&child| linear.shares[child].round()).collect()
    }

    /// What becomes of them in a row of `width` points.
    fn shown(dock: &Dock, width: f32) -> Vec<f32> {
        let shares = widths(dock);
        let total: f32 = shares.iter().sum();
        shares.iter().map(|share| (share / total * width).round()).collect()
    }

    #[test]
    fn panels_fold_away_where_they_would_be_too_narrow_and_come_back() {
        let mut dock = Dock::default();
        dock.fold(1000.0);
        assert!(dock.is_shown(Pane::Channels) && dock.is_shown(Pane::Recording), "both still fit");
        dock.fold(800.0);
        assert!(dock.is_shown(Pane::Channels) && !dock.is_shown(Pane::Recording) && dock.is_folded(Pane::Filter));
        assert!(dock.is_open(Pane::Recording), "it is not closed for that");
        // Whoever asks for a panel sees it: the other one goes.
        dock.change(Pane::Recording, PaneChange::Toggle);
        dock.fold(800.0);
        assert!(!dock.is_shown(Pane::Channels) && dock.is_shown(Pane::Recording));
        dock.change(Pane::Channels, PaneChange::Toggle);
        dock.fold(800.0);
        assert!(dock.is_shown(Pane::Channels) && !dock.is_shown(Pane::Recording));
        dock.toggle_inspector();
        dock.fold(400.0);
        assert!(dock.is_shown(Pane::Recording), "what was asked for stays in the narrowest window");
        assert_eq!(dock.layout().checked(), super::super::Layout::default(), "nothing of it is kept");
        dock.fold(1280.0);
        assert!(dock.is_shown(Pane::Channels) && dock.is_shown(Pane::Recording));
        dock.change(Pane::Channels, PaneChange::Close);
        dock.fold(640.0);
        assert!(!dock.is_folded(Pane::Channels) && dock.is_shown(Pane::Recording), "{:?}", dock.layout());
    }

    #[test]
    fn the_traces_take_what_the_others_leave() {
        let mut dock = Dock::default();
        fit(&mut dock.tree, Vec2::new(1280.0, 700.0));
        assert_eq!(shown(&dock, 1280.0), [224.0, 640.0, 416.0], "half of the width is for the traces");
        fit(&mut dock.tree, Vec2::new(1400.0, 700.0));
        assert_eq!(widths(&dock), [232.0, 736.0, 432.0]);
        fit(&mut dock.tree, Vec2::new(3840.0, 2000.0));
        assert_eq!(widths(&dock), [232.0, 3176.0, 432.0]);
        dock.toggle_inspector();
        fit(&mut dock.tree, Vec2::new(1280.0, 700.0));
        assert_eq!(widths(&dock), [232.0, 1048.0, 432.0], "the size is kept for when it is shown again");
        dock.toggle_inspector();
        dock.change(Pane::Channels, PaneChange::Close);
        fit(&mut dock.tree, Vec2::new(1280.0, 700.0));
        assert_eq!(widths(&dock), [232.0, 848.0, 432.0]);
    }

    #[test]
    fn in_a_narrow_window_the_others_give_in_proportion_and_come_back() {
        let mut dock = Dock::default();
        fit(&mut dock.tree, Vec2::new(640.0, 400.0));
        assert!((shown(&dock, 640.0)[1] - 320.0).abs() < 2.0, "{:?}", widths(&dock));
        fit(&mut dock.tree, Vec2::new(1400.0, 700.0));
        assert_eq!(widths(&dock), [232.0, 736.0, 432.0]);
        fit(&mut dock.tree, Vec2::ZERO);
        assert!(widths(&dock).iter().all(|width| width.is_finite() && *width > 0.0));
    }
}
