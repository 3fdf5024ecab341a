//! How tabs and panels are drawn: the titles, the buttons that close, and what is said to screen readers.

use std::collections::BTreeMap;

use eframe::egui::{
    self, Align2, Color32, CursorIcon, FontId, Id, Rect, Response, Role, Sense, Stroke, Style, Ui, Vec2, Visuals,
    WidgetInfo, WidgetText, vec2,
};
use egui_tiles::{
    Behavior, Container, EditAction, ResizeState, SimplificationOptions, TabState, Tile, TileId, Tiles, Tree,
    UiResponse,
};

use super::super::command::{Command, PanelCommand};
use super::super::theme::Colours;
use super::PaneChange;
use super::panes::{Pane, Shown};

/// Height of a row of tabs, points.
const HEIGHT: f32 = 28.0;
/// Room at either side of a title, and the size of its letters, where there is enough room and where there is little.
const TITLES: [(f32, f32); 3] = [(9.0, 13.0), (4.0, 13.0), (4.0, 12.0)];
/// The cross that closes.
const CROSS: f32 = 16.0;
/// An icon instead of a title.
const ICON: f32 = 16.0;

/// How the titles of a group find room.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Titles {
    /// At either side of each.
    margin: f32,
    /// Of the letters.
    size: f32,
    /// Those that are not in front are icons.
    icons: bool,
}

/// One frame's drawing.
pub(super) struct Frame<'a> {
    shown: Shown<'a>,
    titles: BTreeMap<Pane, Titles>,
    /// The group that needs no titles.
    untitled: Option<TileId>,
    edited: bool,
    dropped: bool,
}

impl<'a> Frame<'a> {
    /// Draws the panels of `tree` from what is `shown`.
    pub(super) fn new(ui: &Ui, tree: &Tree<Pane>, shown: Shown<'a>) -> Self {
        Self { shown, titles: titles(ui, tree), untitled: untitled(tree), edited: false, dropped: false }
    }

    /// Whether something was changed, and whether that was a drop.
    pub(super) fn edits(&self) -> (bool, bool) {
        (self.edited, self.dropped)
    }
}

fn title_width(ui: &Ui, text: &str, size: f32) -> f32 {
    ui.painter().layout_no_wrap(text.to_owned(), FontId::proportional(size), Color32::WHITE).size().x
}

/// How the titles of each panel's group find room in the width that it had in the last frame.
fn titles(ui: &Ui, tree: &Tree<Pane>) -> BTreeMap<Pane, Titles> {
    let tiles = &tree.tiles;
    let mut titles = BTreeMap::new();
    for (&id, tile) in tiles.iter() {
        let (Tile::Container(Container::Tabs(tabs)), Some(rect)) = (tile, tiles.rect(id)) else { continue };
        let open: Vec<Pane> = tabs
            .children
            .iter()
            .filter(|&&child| tiles.is_visible(child))
            .filter_map(|child| tiles.get_pane(child).copied())
            .collect();
        let fits = |&(margin, size): &(f32, f32)| {
            let titles: f32 = open.iter().map(|pane| title_width(ui, pane.entry().title, size) + 2.0 * margin).sum();
            titles + CROSS <= rect.width()
        };
        let roomy = TITLES.into_iter().find(fits);
        let (margin, size) = roomy.unwrap_or(TITLES[0]);
        let how = Titles { margin, size, icons: roomy.is_none() };
        titles.extend(open.into_iter().map(|pane| (pane, how)));
    }
    titles
}

/// The group in which the traces are alone: what they are needs not be said.
fn untitled(tree: &Tree<Pane>) -> Option<TileId> {
    let tiles = &tree.tiles;
    tiles.iter().find_map(|(&id, tile)| {
        let Tile::Container(Container::Tabs(tabs)) = tile else { return None };
        let mut seen = tabs.children.iter().filter(|&&child| tiles.is_visible_in_layout(child));
        let first = seen.next().and_then(|child| tiles.get_pane(child));
        (first == Some(&Pane::Traces) && seen.next().is_none()).then_some(id)
    })
}

impl Behavior<Pane> for Frame<'_> {
    fn pane_ui(&mut self, ui: &mut Ui, _: TileId, pane: &mut Pane) -> UiResponse {
        let rect = ui.max_rect();
        ui.set_clip_rect(ui.clip_rect().intersect(rect));
        ui.painter().rect_filled(rect, 0.0, ui.visuals().panel_fill);
        ui.push_id(pane.entry().name, |ui| (pane.entry().draw)(ui, &mut self.shown));
        UiResponse::None
    }

    fn tab_title_for_pane(&mut self, pane: &Pane) -> WidgetText {
        pane.entry().title.into()
    }

    fn tab_ui(&mut self, tiles: &mut Tiles<Pane>, ui: &mut Ui, id: Id, tile: TileId, state: &TabState) -> Response {
        let Some(&pane) = tiles.get_pane(&tile) else { return ui.response() };
        let entry = pane.entry();
        let usual = Titles { margin: TITLES[0].0, size: TITLES[0].1, icons: false };
        let Titles { margin, size, icons } = self.titles.get(&pane).copied().unwrap_or(usual);
        let icon_only = icons && !state.active;
        let closable = state.active && pane != Pane::Traces;
        let text = if icon_only { ICON } else { title_width(ui, entry.title, size) };
        let width = text + 2.0 * margin + if closable { CROSS } else { 0.0 };
        let (_, rect) = ui.allocate_space(vec2(width, ui.available_height()));
        let response = ui.interact(rect, id, Sense::click_and_drag()).on_hover_cursor(CursorIcon::Grab);
        response.widget_info(|| WidgetInfo::selected(Role::Tab, ui.is_enabled(), state.active, entry.title));
        if ui.is_rect_visible(rect) && !state.is_being_dragged {
            let text = (!icon_only).then_some((margin, size));
            self.paint_tab(ui, rect, pane, text, state.active, &response);
        }
        if closable {
            let place =
                Rect::from_center_size(rect.right_center() - vec2(CROSS / 2.0 + margin / 2.0, 0.0), Vec2::splat(CROSS));
            self.close_button(ui, place, pane);
        }
        if response.clicked_by(egui::PointerButton::Middle) && pane != Pane::Traces {
            self.shown.out.push(Command::Panel(PanelCommand::Pane(pane, PaneChange::Close)));
        }
        response.on_hover_ui(|ui| {
            ui.strong(entry.title);
            ui.label(entry.about);
            ui.weak("Drag to dock it elsewhere.");
        })
    }

    fn is_tile_draggable(&self, tiles: &Tiles<Pane>, tile: TileId) -> bool {
        // A whole group has no name that could be shown while it is dragged; its members go one by one.
        tiles.get_pane(&tile).is_some()
    }

    fn is_tab_bar_visible(&self, tile: TileId, _: &egui_tiles::Tabs) -> bool {
        self.untitled != Some(tile)
    }

    fn tab_bar_height(&self, _: &Style) -> f32 {
        HEIGHT
    }

    fn tab_bar_color(&self, visuals: &Visuals) -> Color32 {
        visuals.faint_bg_color
    }

    fn gap_width(&self, _: &Style) -> f32 {
        2.0
    }

    fn min_size(&self) -> f32 {
        96.0
    }

    fn resize_stroke(&self, style: &Style, state: ResizeState) -> Stroke {
        match state {
            ResizeState::Idle => Stroke::new(2.0, style.visuals.widgets.noninteractive.bg_stroke.color),
            ResizeState::Hovering | ResizeState::Dragging => Stroke::new(3.0, style.visuals.hyperlink_color),
        }
    }

    fn simplification_options(&self) -> SimplificationOptions {
        SimplificationOptions { all_panes_must_have_tabs: true, flatten_tabs_in_tabs: true, ..Default::default() }
    }

    fn on_edit(&mut self, action: EditAction) {
        self.edited = true;
        self.dropped |= action == EditAction::TileDropped;
    }
}

impl Frame<'_> {
    /// The title at that distance from the left edge and of that size, or an icon in its place.
    fn paint_tab(&self, ui: &Ui, rect: Rect, pane: Pane, title: Option<(f32, f32)>, active: bool, response: &Response) {
        let (colours, visuals) = (Colours::of(ui), ui.visuals());
        if active {
            ui.painter().rect_filled(rect, 0.0, visuals.panel_fill);
            // The tab in front is told by the line, not by its shade alone.
            let line = Rect::from_min_size(rect.left_top(), vec2(rect.width(), 2.0));
            ui.painter().rect_filled(line, 0.0, colours.accent);
        } else if response.hovered() {
            ui.painter().rect_filled(rect, 0.0, visuals.widgets.hovered.weak_bg_fill);
        }
        if response.has_focus() {
            ui.painter().rect_stroke(rect.shrink(1.0), 2.0, Stroke::new(1.5, colours.accent), egui::StrokeKind::Inside);
        }
        let colour = if active || response.hovered() { visuals.strong_text_color() } else { colours.muted };
        let entry = pane.entry();
        if let Some((margin, size)) = title {
            let at = rect.left_center() + vec2(margin, 0.0);
            ui.painter().text(at, Align2::LEFT_CENTER, entry.title, FontId::proportional(size), colour);
        } else {
            ui.painter().text(rect.center(), Align2::CENTER_CENTER, entry.icon, FontId::proportional(ICON), colour);
        }
    }

    fn close_button(&mut self, ui: &Ui, place: Rect, pane: Pane) {
        let entry = pane.entry();
        let button = ui.interact(place, ui.scope_id().with(("close", entry.name)), Sense::click());
        super::super::controls::painted_button(&button, &format!("Close {}", entry.title));
        let hot = button.hovered() || button.has_focus();
        if hot {
            ui.painter().rect_filled(place, 3.0, ui.visuals().widgets.hovered.weak_bg_fill);
        }
        let colour = if hot { ui.visuals().strong_text_color() } else { Colours::of(ui).muted };
        let icon = egui_material_icons::icons::ICON_CLOSE.codepoint;
        ui.painter().text(place.center(), Align2::CENTER_CENTER, icon, FontId::proportional(14.0), colour);
        if button.clicked() {
            self.shown.out.push(Command::Panel(PanelCommand::Pane(pane, PaneChange::Close)));
        }
        button.on_hover_text("Close (the menu Panels opens it again)");
    }
}
