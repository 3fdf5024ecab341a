//! The arrangement of the panels as a value: what the settings and a workspace file keep.
//!
//! A layout is a tree of rows and columns whose leaves are groups of tabs. As it comes from a file it may be anything, so
//! [`Layout::checked`] is the only way from it to the screen: a tree that is too deep or too large, names a panel twice
//! or lacks the traces is refused, and the default taken instead. A panel that the file does not know yet, because a
//! later version added it, comes to where it stands by default.
//!
//! Sizes are logical pixels along the direction of the row or column; the part that holds the traces has none, it takes
//! what the others leave. Cost: a few dozen nodes.

use std::collections::BTreeSet;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

use super::panes::{Home, PANES, Pane};

/// A group within more groups than this was not arranged by hand.
const MAX_DEPTH: usize = 12;
/// No panel is wider or higher, logical pixels.
const MAX_SIZE: f32 = 8192.0;

/// Where the panels are, how large, and which are closed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Layout {
    /// Panels that are not shown; they keep their place for when they are opened again.
    #[serde(deserialize_with = "known_or_default")]
    pub closed: BTreeSet<Pane>,
    /// The whole inspector is out of the way, whatever of it is open.
    pub inspector_hidden: bool,
    /// Magnification of everything on the screen; 1 is as large as the system says.
    pub zoom: f32,
    #[serde(deserialize_with = "known_or_default")]
    pub tree: Node,
}

/// What is there, or the default where it is of a version that knows other panels: no reason to refuse the whole file.
fn known_or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Known<T> {
        Yes(T),
        No(IgnoredAny),
    }
    Ok(match Known::deserialize(from)? {
        Known::Yes(value) => value,
        Known::No(IgnoredAny) => T::default(),
    })
}

/// A part of the window.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Node {
    /// Beside each other, from the left.
    Row(Vec<Part>),
    /// Below each other, from the top.
    Column(Vec<Part>),
    /// In the same place, one of them in front.
    Tabs(Tabs),
}

/// A member of a row or column.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Part {
    /// Logical pixels along the row or column; 0: as it is by default.
    #[serde(default)]
    pub size: f32,
    pub node: Node,
}

/// Panels in the same place.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Tabs {
    pub panes: Vec<Pane>,
    /// The one in front; the first that is open, if that is not among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub front: Option<Pane>,
}

impl Default for Node {
    fn default() -> Self {
        Layout::default().tree
    }
}

impl Default for Layout {
    fn default() -> Self {
        let at = |home: Home| PANES.iter().filter(move |entry| entry.home == home).map(|entry| entry.pane).collect();
        let tabs = |home| Node::Tabs(Tabs { panes: at(home), front: None });
        let part = |node| Part { size: 0.0, node };
        let middle = Node::Column(vec![part(tabs(Home::Middle)), part(tabs(Home::Below))]);
        let right = Node::Tabs(Tabs { panes: at(Home::Right), front: Some(Pane::Recording) });
        Self {
            closed: PANES.iter().filter(|entry| !entry.open).map(|entry| entry.pane).collect(),
            inspector_hidden: false,
            zoom: 1.0,
            tree: Node::Row(vec![part(tabs(Home::Left)), part(middle), part(right)]),
        }
    }
}

impl Layout {
    /// The layout as it can be shown: the same if it is sound, with the panels that it does not know; else the default.
    #[must_use]
    pub fn checked(&self) -> Self {
        let mut panes = BTreeSet::new();
        if !self.tree.is_sound(0, &mut panes) || !panes.contains(&Pane::Traces) {
            return Self::default();
        }
        let mut layout = self.clone();
        layout.closed.remove(&Pane::Traces);
        layout.zoom = if self.zoom.is_finite() { self.zoom.clamp(MIN_ZOOM, MAX_ZOOM) } else { 1.0 };
        for entry in PANES.iter().filter(|entry| !panes.contains(&entry.pane)) {
            layout.settle(entry.pane, entry.home);
            if !entry.open {
                layout.closed.insert(entry.pane);
            }
        }
        layout.tree = layout.tree.tidied().unwrap_or_else(|| Self::default().tree);
        layout
    }

    /// Puts a panel that has no place beside those that live where it does by default.
    fn settle(&mut self, pane: Pane, home: Home) {
        let near: Vec<Pane> = PANES.iter().filter(|e| e.home == home && e.pane != pane).map(|e| e.pane).collect();
        if let Some(tabs) = self.tree.tabs_mut(&|tabs| tabs.panes.iter().any(|pane| near.contains(pane))) {
            tabs.panes.push(pane);
            return;
        }
        let part = |node| Part { size: 0.0, node };
        let alone = part(Node::Tabs(Tabs { panes: vec![pane], front: None }));
        let whole = part(std::mem::replace(&mut self.tree, Node::Row(Vec::new())));
        self.tree = match home {
            Home::Left => Node::Row(vec![alone, whole]),
            Home::Middle | Home::Right => Node::Row(vec![whole, alone]),
            Home::Below => Node::Column(vec![whole, alone]),
        };
    }
}

/// The least and greatest magnification; egui's own keys know the same.
pub const MIN_ZOOM: f32 = 0.5;
pub const MAX_ZOOM: f32 = 3.0;

impl Node {
    /// Whether the tree is one that a user can have made; `seen` collects its panels.
    fn is_sound(&self, depth: usize, seen: &mut BTreeSet<Pane>) -> bool {
        if depth > MAX_DEPTH {
            return false;
        }
        match self {
            Self::Row(parts) | Self::Column(parts) => {
                parts.len() <= PANES.len()
                    && parts.iter().all(|part| {
                        part.size.is_finite()
                            && (0.0..=MAX_SIZE).contains(&part.size)
                            && part.node.is_sound(depth + 1, seen)
                    })
            }
            Self::Tabs(tabs) => tabs.panes.iter().all(|&pane| seen.insert(pane)),
        }
    }

    /// The first group of tabs that `holds` is true of.
    fn tabs_mut(&mut self, holds: &dyn Fn(&Tabs) -> bool) -> Option<&mut Tabs> {
        match self {
            Self::Row(parts) | Self::Column(parts) => parts.iter_mut().find_map(|part| part.node.tabs_mut(holds)),
            Self::Tabs(tabs) => holds(tabs).then_some(tabs),
        }
    }

    /// Whether that panel is in it.
    #[must_use]
    pub fn holds(&self, pane: Pane) -> bool {
        match self {
            Self::Row(parts) | Self::Column(parts) => parts.iter().any(|part| part.node.holds(pane)),
            Self::Tabs(tabs) => tabs.panes.contains(&pane),
        }
    }

    /// The same in its plainest form: without empty groups, rows of one, and rows in rows; `None` if nothing is left.
    #[must_use]
    pub fn tidied(self) -> Option<Self> {
        let is_row = matches!(self, Self::Row(_));
        let parts = match self {
            Self::Tabs(mut tabs) => {
                // The first is in front where nothing is said.
                tabs.front = tabs.front.filter(|front| tabs.panes.iter().skip(1).any(|pane| pane == front));
                return (!tabs.panes.is_empty()).then_some(Self::Tabs(tabs));
            }
            Self::Row(parts) | Self::Column(parts) => parts,
        };
        let mut tidy = Vec::with_capacity(parts.len());
        for Part { size, node } in parts {
            match node.tidied() {
                None => {}
                Some(Self::Row(inner)) if is_row => tidy.extend(inner),
                Some(Self::Column(inner)) if !is_row => tidy.extend(inner),
                Some(node) => tidy.push(Part { size, node }),
            }
        }
        match tidy.len() {
            0 => None,
            1 => tidy.pop().map(|part| part.node),
            _ => Some(if is_row { Self::Row(tidy) } else { Self::Column(tidy) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tabs(panes: &[Pane]) -> Node {
        Node::Tabs(Tabs { panes: panes.to_vec(), front: None })
    }

    fn part(node: Node) -> Part {
        Part { size: 0.0, node }
    }

    fn panes(node: &Node) -> Vec<Pane> {
        match node {
            Node::Row(parts) | Node::Column(parts) => parts.iter().flat_map(|part| panes(&part.node)).collect(),
            Node::Tabs(tabs) => tabs.panes.clone(),
        }
    }

    #[test]
    fn the_default_is_sound_and_has_every_panel() {
        let layout = Layout::default();
        assert_eq!(layout.checked(), layout);
        let mut all = panes(&layout.tree);
        all.sort_unstable();
        let mut table: Vec<Pane> = PANES.iter().map(|entry| entry.pane).collect();
        table.sort_unstable();
        assert_eq!(all, table);
    }

    #[test]
    fn what_cannot_be_is_not_taken_over() {
        let traces = || part(tabs(&[Pane::Traces]));
        let mut deep = tabs(&[Pane::Traces]);
        for i in 0..100 {
            deep = if i % 2 == 0 { Node::Row(vec![part(deep)]) } else { Node::Column(vec![part(deep)]) };
        }
        let wide = (0..1000).map(|_| part(Node::Row(Vec::new()))).chain([traces()]).collect();
        for tree in [
            Node::Row(Vec::new()),
            tabs(&[Pane::Channels]),
            tabs(&[Pane::Traces, Pane::Traces]),
            Node::Row(vec![traces(), part(tabs(&[Pane::Filter, Pane::Filter]))]),
            Node::Row(vec![traces(), Part { size: f32::NAN, node: tabs(&[Pane::Filter]) }]),
            Node::Row(vec![traces(), Part { size: -1.0, node: tabs(&[Pane::Filter]) }]),
            deep,
            Node::Row(wide),
        ] {
            let layout = Layout { tree, zoom: 2.0, ..Layout::default() };
            assert_eq!(layout.checked(), Layout::default());
        }
        let odd = Layout { zoom: f32::INFINITY, closed: BTreeSet::from([Pane::Traces]), ..Layout::default() };
        assert_eq!((odd.checked().zoom, odd.checked().closed.contains(&Pane::Traces)), (1.0, false));
    }

    #[test]
    fn a_panel_that_the_file_does_not_know_comes_home() {
        let tree = Node::Row(vec![part(tabs(&[Pane::Traces])), part(tabs(&[Pane::Measure]))]);
        let layout = Layout { tree, ..Layout::default() }.checked();
        let Node::Column(rows) = &layout.tree else { panic!("{layout:?}") };
        assert!(rows[1].node.holds(Pane::Spectrogram) && layout.closed.contains(&Pane::Spectrogram));
        let Node::Row(parts) = &rows[0].node else { panic!("{layout:?}") };
        assert!(parts[0].node.holds(Pane::Channels) && parts[2].node.holds(Pane::Recording), "{layout:?}");
        assert_eq!(panes(&layout.tree).len(), PANES.len());
    }

    #[test]
    fn it_comes_back_from_both_kinds_of_files() {
        let mut layout = Layout { zoom: 1.25, ..Layout::default() };
        let Node::Row(parts) = &mut layout.tree else { panic!() };
        parts[0].size = 300.0;
        let text = toml::to_string(&layout).unwrap();
        assert_eq!(toml::from_str::<Layout>(&text).unwrap(), layout, "{text}");
        let text = serde_json::to_string(&layout).unwrap();
        assert_eq!(serde_json::from_str::<Layout>(&text).unwrap(), layout, "{text}");
        let later = r#"{"zoom":2.0,"closed":["oven"],"tree":{"tabs":{"panes":["oven"]}}}"#;
        let known = Layout { zoom: 2.0, closed: BTreeSet::new(), ..Layout::default() };
        assert_eq!(serde_json::from_str::<Layout>(later).unwrap(), known);
        assert_eq!(serde_json::from_str::<Layout>("{}").unwrap(), Layout::default());
    }

    fn any_node() -> impl Strategy<Value = Node> {
        let pane = (0..PANES.len()).prop_map(|i| PANES[i].pane);
        let leaf = prop::collection::vec(pane, 0..4)
            .prop_map(|panes| Node::Tabs(Tabs { front: panes.first().copied(), panes }));
        leaf.prop_recursive(4, 24, 4, |inner| {
            let parts =
                prop::collection::vec((0.0_f32..2000.0, inner).prop_map(|(size, node)| Part { size, node }), 0..4);
            (any::<bool>(), parts).prop_map(|(row, parts)| if row { Node::Row(parts) } else { Node::Column(parts) })
        })
    }

    proptest! {
        #[test]
        fn any_tree_becomes_one_with_every_panel_once(tree in any_node()) {
            let checked = Layout { tree, ..Layout::default() }.checked();
            let mut all = panes(&checked.tree);
            all.sort_unstable();
            let mut once = all.clone();
            once.dedup();
            prop_assert_eq!(&all, &once);
            prop_assert_eq!(all.len(), PANES.len());
            prop_assert_eq!(checked.checked(), checked.clone());
        }
    }
}
