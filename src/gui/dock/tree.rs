//! From the [`Layout`](super::Layout)'s tree to the tiles on the screen and back.

use eframe::egui;
use egui_tiles::{Container, Linear, LinearDir, Tile, TileId, Tiles, Tree};

use super::layout::{Node, Part, Tabs};
use super::panes::Pane;
use super::sizes::UNSET;

/// What the tree is called among the widgets.
pub(super) fn id() -> egui::Id {
    egui::Id::unique("dock")
}

/// The tiles of a sound tree.
pub(super) fn planted(node: &Node) -> Tree<Pane> {
    let mut tiles = Tiles::default();
    let root = plant(&mut tiles, node);
    Tree::new(id(), root, tiles)
}

fn plant(tiles: &mut Tiles<Pane>, node: &Node) -> TileId {
    let (dir, parts) = match node {
        Node::Tabs(tabs) => {
            let children: Vec<TileId> = tabs.panes.iter().map(|&pane| tiles.insert_pane(pane)).collect();
            let front = tabs.panes.iter().position(|&pane| Some(pane) == tabs.front).and_then(|i| children.get(i));
            let mut container = egui_tiles::Tabs::new(children.clone());
            if let Some(&front) = front {
                container.set_active(front);
            }
            return tiles.insert_container(container);
        }
        Node::Row(parts) => (LinearDir::Horizontal, parts),
        Node::Column(parts) => (LinearDir::Vertical, parts),
    };
    let children: Vec<TileId> = parts.iter().map(|part| plant(tiles, &part.node)).collect();
    let mut linear = Linear::new(dir, children);
    for (part, &child) in parts.iter().zip(&linear.children.clone()) {
        linear.shares.set_share(child, part.size.max(UNSET));
    }
    tiles.insert_container(linear)
}

/// The tiles as a layout has them; `None` if there are none. A split inside a tab, which dropping a panel on the half
/// of another makes, becomes a split of the group: `dropped` is the panel that goes beside it.
pub(super) fn described(tree: &Tree<Pane>, dropped: Option<Pane>) -> Option<Node> {
    describe(&tree.tiles, tree.root()?, dropped)?.tidied()
}

fn describe(tiles: &Tiles<Pane>, id: TileId, dropped: Option<Pane>) -> Option<Node> {
    match tiles.get(id)? {
        Tile::Pane(pane) => Some(Node::Tabs(Tabs { panes: vec![*pane], front: None })),
        Tile::Container(Container::Linear(linear)) => {
            let part = |&child: &TileId| {
                let size = linear.shares[child];
                // Points are whole in files, so that they do not change with every frame.
                let size = if size <= UNSET { 0.0 } else { size.round() };
                Some(Part { size, node: describe(tiles, child, dropped)? })
            };
            let parts = linear.children.iter().filter_map(part).collect();
            Some(if linear.dir == LinearDir::Horizontal { Node::Row(parts) } else { Node::Column(parts) })
        }
        Tile::Container(Container::Grid(grid)) => {
            let part = |&child: &TileId| Some(Part { size: 0.0, node: describe(tiles, child, dropped)? });
            Some(Node::Row(grid.children().filter_map(part).collect()))
        }
        Tile::Container(Container::Tabs(tabs)) => {
            let children = tabs.children.iter().filter_map(|&child| {
                let node = describe(tiles, child, dropped)?;
                Some((Some(child) == tabs.active, node))
            });
            Some(hoisted(children.collect(), dropped))
        }
    }
}

/// The group of these tabs; what was dropped beside one of them stands beside the group.
fn hoisted(children: Vec<(bool, Node)>, dropped: Option<Pane>) -> Node {
    let mut group = Tabs { panes: Vec::new(), front: None };
    let mut beside: Vec<(bool, bool, Node)> = Vec::new();
    for (is_front, node) in children {
        let (is_row, parts) = match node {
            Node::Tabs(tabs) => {
                let front = tabs.front.or(tabs.panes.first().copied());
                group.front = if is_front { front } else { group.front };
                group.panes.extend(tabs.panes);
                continue;
            }
            Node::Row(parts) => (true, parts),
            Node::Column(parts) => (false, parts),
        };
        let stays = |node: &Node| match node {
            Node::Tabs(tabs) => dropped.is_none_or(|pane| tabs.panes != [pane]),
            Node::Row(_) | Node::Column(_) => false,
        };
        let stem = parts.iter().position(|part| stays(&part.node));
        for (i, part) in parts.into_iter().enumerate() {
            match part.node {
                Node::Tabs(tabs) if Some(i) == stem => {
                    group.front = if is_front { tabs.panes.first().copied() } else { group.front };
                    group.panes.extend(tabs.panes);
                }
                other => beside.push((is_row, stem.is_some_and(|stem| i < stem), other)),
            }
        }
    }
    beside.into_iter().fold(Node::Tabs(group), |node, (is_row, before, other)| {
        let part = |node| Part { size: 0.0, node };
        let parts = if before { vec![part(other), part(node)] } else { vec![part(node), part(other)] };
        if is_row { Node::Row(parts) } else { Node::Column(parts) }
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Dock, Layout, PANES, PaneChange};
    use super::*;

    #[test]
    fn a_layout_comes_back_from_the_screen() {
        let layout = Layout::default();
        assert_eq!(Dock::of(&layout).layout().checked(), layout);
    }

    /// The tile of a panel, and of the group that it is in.
    fn tile(dock: &Dock, pane: Pane) -> (TileId, TileId) {
        let id = dock.tree.tiles.iter().find(|(_, tile)| **tile == Tile::Pane(pane)).map(|(&id, _)| id).unwrap();
        (id, dock.tree.tiles.parent_of(id).unwrap())
    }

    /// What dropping `pane` on the lower half of `base` does to the tiles.
    fn drop_below(dock: &mut Dock, pane: Pane, base: Pane) {
        let ((moved, from), (base, group)) = (tile(dock, pane), tile(dock, base));
        let Some(Tile::Container(Container::Tabs(tabs))) = dock.tree.tiles.get_mut(from) else { panic!() };
        tabs.children.retain(|&child| child != moved);
        let split = dock.tree.tiles.insert_vertical_tile(vec![base, moved]);
        let Some(Tile::Container(Container::Tabs(tabs))) = dock.tree.tiles.get_mut(group) else { panic!() };
        tabs.children.iter_mut().filter(|child| **child == base).for_each(|child| *child = split);
        tabs.set_active(split);
        dock.dragged = Some(pane);
    }

    #[test]
    fn a_panel_dropped_on_the_half_of_another_splits_the_group() {
        let mut dock = Dock::default();
        drop_below(&mut dock, Pane::Annotations, Pane::Filter);
        let layout = dock.layout().checked();
        let Node::Row(parts) = &layout.tree else { panic!("{layout:?}") };
        let Node::Column(right) = &parts[2].node else { panic!("{layout:?}") };
        assert_eq!(right[1].node, Node::Tabs(Tabs { panes: vec![Pane::Annotations], front: None }));
        let Node::Tabs(group) = &right[0].node else { panic!("{layout:?}") };
        assert_eq!(group.front, Some(Pane::Filter));
        assert!(group.panes.contains(&Pane::Recording) && !group.panes.contains(&Pane::Annotations));
        let again = Dock::of(&layout);
        assert!(again.is_shown(Pane::Annotations) && again.is_shown(Pane::Filter) && !again.is_shown(Pane::Measure));
    }

    #[test]
    fn a_panel_dropped_on_the_traces_stands_beside_them() {
        let mut dock = Dock::default();
        drop_below(&mut dock, Pane::Annotations, Pane::Traces);
        let dock = Dock::of(&dock.layout());
        assert!(dock.is_shown(Pane::Traces) && dock.is_shown(Pane::Annotations) && dock.is_shown(Pane::Recording));
    }

    #[test]
    fn panels_close_come_back_and_the_traces_stay() {
        let mut dock = Dock::default();
        assert!(dock.is_shown(Pane::Recording) && dock.is_open(Pane::Measure) && !dock.is_shown(Pane::Measure));
        dock.change(Pane::Measure, PaneChange::Toggle);
        assert!(dock.is_shown(Pane::Measure) && !dock.is_shown(Pane::Recording));
        dock.change(Pane::Measure, PaneChange::Toggle);
        assert!(!dock.is_open(Pane::Measure));
        dock.change(Pane::Traces, PaneChange::Close);
        assert!(dock.is_shown(Pane::Traces));
        dock.toggle_inspector();
        assert!(!dock.inspector_is_open());
        dock.toggle_inspector();
        assert!(!dock.is_open(Pane::Measure) && dock.is_open(Pane::Filter), "what was closed stays so");
        for entry in PANES.iter().filter(|entry| entry.pane.is_inspector()) {
            dock.change(entry.pane, PaneChange::Close);
        }
        dock.toggle_inspector();
        assert!(dock.inspector_is_open(), "all of it, if nothing was open");
        dock.toggle_inspector();
        dock.change(Pane::Filter, PaneChange::Show);
        assert!(dock.is_shown(Pane::Filter));
        assert!(dock.take_moved() && !dock.take_moved());
        dock.set_zoom(2.0);
        dock.reset();
        assert_eq!(dock.layout().checked(), Layout { zoom: 2.0, ..Layout::default() });
    }
}
