//! The panels around the traces: each can be dragged by its tab to another place, resized, closed and opened again.
//!
//! `egui_tiles` draws and drags; this module says what there is ([`panes`]), keeps the arrangement as a value for files
//! ([`layout`]), and sees to it that a window that grows gives its room to the traces ([`sizes`]), and that in a narrow
//! one panels fold away rather than take more than half of it. Traces cannot be closed, and a panel that is closed or
//! folded keeps its place.

mod layout;
mod panes;
mod sizes;
mod tabs;
mod tree;

use std::collections::BTreeSet;

use eframe::egui::Ui;
use egui_tiles::{Tile, TileId, Tiles, Tree};

pub use layout::{Layout, MAX_ZOOM, MIN_ZOOM, Node, Part, Tabs};
pub use panes::{Entry, Home, PANES, Pane, Shown, pane_named};

use super::command::Command;
use super::jobs::Job;
use super::settings::Settings;
use super::state::{Document, Panels};

/// What is asked of a panel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PaneChange {
    /// Open it, and bring it to the front.
    Show,
    Close,
    /// Close it if it is seen, else show it.
    Toggle,
}

/// The panels as they are arranged now.
pub struct Dock {
    tree: Tree<Pane>,
    closed: BTreeSet<Pane>,
    inspector_hidden: bool,
    zoom: f32,
    /// Panels that are open and for which the window is too narrow now.
    folded: BTreeSet<Pane>,
    /// The one that was asked for last: it folds last.
    asked: Option<Pane>,
    /// The panel whose tab is being dragged.
    dragged: Option<Pane>,
    /// Something has moved since [`Self::layout`] was asked for last.
    moved: bool,
}

impl Default for Dock {
    fn default() -> Self {
        Self::of(&Layout::default())
    }
}

impl Dock {
    /// The panels as `layout` has them, if it makes sense.
    #[must_use]
    pub fn of(layout: &Layout) -> Self {
        let layout = layout.checked();
        let mut dock = Self {
            tree: tree::planted(&layout.tree),
            closed: layout.closed,
            inspector_hidden: layout.inspector_hidden,
            zoom: layout.zoom,
            folded: BTreeSet::new(),
            asked: None,
            dragged: None,
            moved: false,
        };
        dock.hide_closed();
        dock
    }

    /// How they are arranged, to be kept.
    #[must_use]
    pub fn layout(&self) -> Layout {
        Layout {
            closed: self.closed.clone(),
            inspector_hidden: self.inspector_hidden,
            zoom: self.zoom,
            tree: tree::described(&self.tree, self.dragged).unwrap_or_else(|| Layout::default().tree),
        }
    }

    /// Whether something was moved, opened or closed since this was asked last.
    #[must_use]
    pub fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// Whether a panel is on the screen, in front of those in the same place.
    #[must_use]
    pub fn is_shown(&self, pane: Pane) -> bool {
        let tiles = self.tiles();
        let is_it = |id: &TileId| tiles.get_pane(id) == Some(&pane);
        let in_front = tiles.iter().any(|(_, tile)| match tile {
            Tile::Container(egui_tiles::Container::Tabs(tabs)) => tabs.next_active(tiles).as_ref().is_some_and(is_it),
            Tile::Container(_) | Tile::Pane(_) => false,
        });
        self.is_open(pane) && !self.is_folded(pane) && in_front
    }

    /// Whether a panel is open, but out of the way because the window is narrow.
    #[must_use]
    pub fn is_folded(&self, pane: Pane) -> bool {
        self.folded.contains(&pane)
    }

    /// Folds panels away, or brings them back, for a window of `width` points.
    fn fold(&mut self, width: f32) {
        let folded = sizes::folded(&self.tree, width, self.asked, |pane| self.is_open(pane));
        let folded: BTreeSet<Pane> = folded.into_iter().collect();
        if folded != self.folded {
            self.folded = folded;
            self.hide_closed();
        }
    }

    /// Whether a panel has a tab, in front or not, where there is room for it.
    #[must_use]
    pub fn is_open(&self, pane: Pane) -> bool {
        !(self.closed.contains(&pane) || self.inspector_hidden && pane.is_inspector())
    }

    /// Whether any part of the inspector has a tab.
    #[must_use]
    pub fn inspector_is_open(&self) -> bool {
        PANES.iter().any(|entry| entry.pane.is_inspector() && self.is_open(entry.pane))
    }

    /// Opens, closes or brings forward a panel; the traces stay.
    pub fn change(&mut self, pane: Pane, change: PaneChange) {
        let show = match change {
            PaneChange::Show => true,
            PaneChange::Close => false,
            PaneChange::Toggle => !self.is_shown(pane),
        };
        if show {
            self.asked = Some(pane);
            self.closed.remove(&pane);
            self.inspector_hidden &= !pane.is_inspector();
        } else if pane != Pane::Traces {
            self.closed.insert(pane);
        }
        self.hide_closed();
        if show {
            self.tree.make_active(|_, tile| *tile == Tile::Pane(pane));
        }
        self.moved = true;
    }

    /// Hides the inspector as a whole, or shows what was open of it; all of it, if nothing was.
    pub fn toggle_inspector(&mut self) {
        let is_seen =
            |entry: &Entry| entry.pane.is_inspector() && self.is_open(entry.pane) && !self.is_folded(entry.pane);
        if PANES.iter().any(is_seen) {
            self.inspector_hidden = true;
        } else {
            self.inspector_hidden = false;
            if !self.inspector_is_open() {
                self.closed.retain(|pane| !pane.is_inspector());
            }
            self.asked = PANES.iter().map(|entry| entry.pane).find(|&pane| pane.is_inspector() && self.is_open(pane));
        }
        self.hide_closed();
        self.moved = true;
    }

    /// Every panel where it was for a new user; the magnification stays.
    pub fn reset(&mut self) {
        *self = Self { moved: true, ..Self::of(&Layout { zoom: self.zoom, ..Layout::default() }) };
    }

    /// Magnification of everything on the screen.
    #[must_use]
    pub fn zoom(&self) -> f32 {
        self.zoom
    }

    /// Magnifies everything on the screen, within [`MIN_ZOOM`] and [`MAX_ZOOM`].
    pub fn set_zoom(&mut self, zoom: f32) {
        let zoom = if zoom.is_finite() { zoom.clamp(MIN_ZOOM, MAX_ZOOM) } else { 1.0 };
        self.moved |= zoom != self.zoom;
        self.zoom = zoom;
    }

    fn tiles(&self) -> &Tiles<Pane> {
        &self.tree.tiles
    }

    /// Tells the tree which of its panels are not to be seen.
    fn hide_closed(&mut self) {
        let ids: Vec<(TileId, Pane)> = self
            .tiles()
            .iter()
            .filter_map(|(&id, tile)| match tile {
                Tile::Pane(pane) => Some((id, *pane)),
                Tile::Container(_) => None,
            })
            .collect();
        for (id, pane) in ids {
            let seen = self.is_open(pane) && !self.is_folded(pane);
            self.tree.set_visible(id, seen);
        }
    }
}

/// Draws the panels in all the room that is left.
pub(super) fn dock_ui(
    ui: &mut Ui,
    document: &Document,
    panels: &mut Panels,
    jobs: &[Job],
    settings: &Settings,
    out: &mut Vec<Command>,
) {
    panels.dock.fold(ui.available_width());
    // The panels are drawn from the state that the tree is a part of.
    let mut tree = std::mem::replace(&mut panels.dock.tree, Tree::empty(tree::id()));
    sizes::fit(&mut tree, ui.available_rect_before_wrap().size());
    let dragged = tree.dragged_id(ui.ctx()).and_then(|id| tree.tiles.get_pane(&id).copied());
    let mut frame = tabs::Frame::new(ui, &tree, Shown { document, panels, jobs, settings, out });
    tree.ui(&mut frame, ui);
    let (edited, dropped) = frame.edits();
    let dock = &mut panels.dock;
    dock.tree = tree;
    dock.moved |= edited;
    dock.dragged = dragged;
    if dropped {
        // What a drop leaves may be a split within a tab: the layout knows better.
        let layout = dock.layout();
        *dock = Dock { moved: true, ..Dock::of(&layout) };
        ui.ctx().request_repaint();
    }
}
