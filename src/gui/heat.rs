//! What everything drawn as a heat map shares: the choice of colours and limits, the texture, the colour bar.

use std::ops::Range;

use eframe::egui::{
    self, Align2, Color32, ColorImage, ComboBox, FontId, Pos2, Rect, TextureHandle, TextureOptions, Ui,
};

use super::controls::named;
use super::theme::Colours;
use super::wording::significant;
use crate::picture::axis::value_ticks;
use crate::picture::colour_map::{ColourMap, Limits};

/// Width of the colour bar with its labels, points.
pub(super) const BAR_WIDTH: f32 = 64.0;

/// How values become colours.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct HeatStyle {
    pub map: ColourMap,
    pub limits: Limits,
    /// The limits as they are being typed, and whether they could not be read.
    typed: Option<(String, bool)>,
}

impl HeatStyle {
    /// The controls: colour map and limits. `shown` are the values that the colours span now.
    pub(super) fn controls(&mut self, ui: &mut Ui, shown: Option<&Range<f32>>) {
        let combo = ComboBox::from_id_salt("colour map").width(76.0).selected_text(self.map.name());
        let response = combo.show_ui(ui, |ui| {
            for map in ColourMap::ALL {
                ui.selectable_value(&mut self.map, map, map.name());
            }
        });
        named(response.response, "Colour map").on_hover_text("All three keep their order for colour-blind eyes");
        let mut fixed = matches!(self.limits, Limits::Fixed(..));
        let hover = "Keep the colours where they are; otherwise they follow what is seen (2nd to 99.5th percentile)";
        if ui.checkbox(&mut fixed, "Fixed limits").on_hover_text(hover).changed() {
            self.typed = None;
            self.limits = match shown {
                Some(range) if fixed => {
                    Limits::Fixed(range.start.round(), range.end.round().max(range.start.round() + 1.0))
                }
                _ => Limits::default(),
            };
        }
        if let Limits::Fixed(low, high) = self.limits {
            let (text, bad) = self.typed.get_or_insert_with(|| (format!("{low}..{high}"), false));
            let colour = if *bad { Some(Colours::of(ui).error) } else { None };
            let edit = ui.add(egui::TextEdit::singleline(text).desired_width(84.0).text_color_opt(colour));
            let edit = named(edit, "Limits").on_hover_text("Lowest and highest value: -20..40");
            if edit.changed() {
                match Limits::parse(text) {
                    Ok(limits) => (self.limits, *bad) = (limits, false),
                    Err(_) => *bad = true,
                }
            }
        }
    }

    /// The colour of a drawn value; clear where it is missing.
    #[must_use]
    pub(super) fn colour(&self, value: f32, range: &Range<f32>) -> Color32 {
        if value.is_nan() {
            return Color32::TRANSPARENT;
        }
        let c = self.map.color((value - range.start) / (range.end - range.start));
        Color32::from_rgb(c.r, c.g, c.b)
    }

    /// Draws the colour bar on one line: its limits at either end, and what they are.
    pub(super) fn bar_across(&self, ui: &mut Ui, range: &Range<f32>, title: &str) {
        let colours = Colours::of(ui);
        let number = |value: f32| egui::RichText::new(format!("{value:.0}").replace('-', "−")).color(colours.muted);
        ui.label(number(range.start));
        let (rect, response) = ui.allocate_exact_size(egui::vec2(96.0, 12.0), egui::Sense::hover());
        let mut mesh = egui::Mesh::default();
        let steps = 64;
        for i in 0..steps {
            let x = |i: usize| rect.left() + i as f32 / steps as f32 * rect.width();
            let c = self.map.color((i as f32 + 0.5) / steps as f32);
            mesh.add_colored_rect(
                Rect::from_x_y_ranges(x(i)..=x(i + 1), rect.y_range()),
                Color32::from_rgb(c.r, c.g, c.b),
            );
        }
        ui.painter().add(mesh);
        ui.label(number(range.end));
        ui.weak(title);
        let about = format!("{} to {} {title}", significant(range.start.into(), 4), significant(range.end.into(), 4));
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, format!("Colour bar, {about}")));
        response.on_hover_text(about);
    }

    /// Draws the colour bar in `rect`, labelled to its right.
    pub(super) fn bar(&self, ui: &Ui, rect: Rect, range: &Range<f32>, title: &str) {
        let painter = ui.painter();
        let colours = Colours::of(ui);
        let bar = Rect::from_min_size(rect.min, egui::vec2(12.0, rect.height()));
        let steps = 64;
        let mut mesh = egui::Mesh::default();
        for i in 0..steps {
            let y = |i: usize| bar.bottom() - i as f32 / steps as f32 * bar.height();
            let c = self.map.color((i as f32 + 0.5) / steps as f32);
            let cell = Rect::from_x_y_ranges(bar.x_range(), y(i + 1)..=y(i));
            mesh.add_colored_rect(cell, Color32::from_rgb(c.r, c.g, c.b));
        }
        painter.add(mesh);
        let span = f64::from(range.end) - f64::from(range.start);
        let count = ((rect.height() / 28.0) as usize).clamp(2, 8);
        for tick in value_ticks(f64::from(range.start)..f64::from(range.end), count) {
            let y = bar.bottom() - ((tick.value - f64::from(range.start)) / span) as f32 * bar.height();
            let at = Pos2::new(bar.right() + 4.0, y.min(rect.bottom() - 6.0).max(rect.top() + 6.0));
            painter.text(at, Align2::LEFT_CENTER, tick.label, FontId::proportional(11.0), colours.muted);
        }
        let response = ui.interact(rect, ui.scope_id().with("colour bar"), egui::Sense::hover());
        let about = format!("{title}: {} to {}", significant(range.start.into(), 4), significant(range.end.into(), 4));
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, format!("Colour bar, {about}")));
        response.on_hover_text(about);
    }
}

/// A texture that is made and sent to the graphics card only when what it shows changes.
#[derive(Clone, Default)]
pub struct HeatTexture(Option<(u64, TextureHandle)>);

impl std::fmt::Debug for HeatTexture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("HeatTexture").field(&self.0.as_ref().map(|(key, _)| key)).finish()
    }
}

impl HeatTexture {
    /// The texture of what has this `key`, made by `image` if it is another than the last time.
    pub(super) fn get(&mut self, ui: &Ui, key: u64, image: impl FnOnce() -> ColorImage) -> egui::TextureId {
        match &mut self.0 {
            Some((kept, texture)) if *kept == key => texture.id(),
            slot => {
                let handle = ui.ctx().load_texture("heat map", image(), TextureOptions::NEAREST);
                slot.insert((key, handle)).1.id()
            }
        }
    }
}
