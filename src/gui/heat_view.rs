//! A result that is an image in the inspector: the layer chosen, with axes, colour bar and the value under the pointer.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;

use eframe::egui::{self, Align2, Color32, ColorImage, ComboBox, FontId, Pos2, Rect, Sense, Ui, vec2};

use super::controls::named;
use super::heat::{BAR_WIDTH, HeatStyle, HeatTexture};
use super::theme::Colours;
use super::wording::significant;
use crate::analysis::{Axis, Heatmap, Places};
use crate::picture::axis::value_ticks;

/// Height of the picture, points.
const HEIGHT: f32 = 280.0;
/// Room for the labels at the left and at the foot.
const LEFT: f32 = 56.0;
const FOOT: f32 = 34.0;

/// How an image is drawn, and what is kept for it.
#[derive(Clone, Debug, Default)]
pub struct HeatOptions {
    style: HeatStyle,
    layer: usize,
    texture: HeatTexture,
    /// The limits of the colours, for the picture of this key.
    range: Option<(u64, Range<f32>)>,
}

/// Draws an image with its options.
pub(super) fn heat_view_ui(ui: &mut Ui, map: &Heatmap, options: &mut HeatOptions) {
    let (columns, rows) = (map.x.len(), map.y.len());
    options.layer = options.layer.min(map.layers.len().saturating_sub(1));
    let Some(layer) = map.layers.get(options.layer).filter(|l| columns * rows > 0 && l.values.len() >= columns * rows)
    else {
        ui.weak("There is nothing to draw: the result has no cells.");
        return;
    };
    ui.horizontal_wrapped(|ui| {
        if map.layers.len() > 1 {
            let combo = ComboBox::from_id_salt("layer").selected_text(&layer.name);
            let response = combo.show_ui(ui, |ui| {
                for (i, layer) in map.layers.iter().enumerate() {
                    ui.selectable_value(&mut options.layer, i, &layer.name);
                }
            });
            named(response.response, "Layer");
        }
        let shown = options.range.as_ref().map(|(_, range)| range.clone());
        options.style.controls(ui, shown.as_ref());
    });
    let picture = Picture { map, values: &layer.values, columns, rows };
    let key = picture.key(options);
    if options.range.as_ref().is_none_or(|(kept, _)| *kept != key) {
        let drawn: Vec<f32> = layer.values.iter().map(|&v| map.drawn(v)).collect();
        options.range = Some((key, options.style.limits.over(drawn.iter())));
    }
    let Some((_, range)) = &options.range else { return };
    let (whole, response) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT + FOOT), Sense::hover());
    let rect = Rect::from_min_max(
        whole.min + vec2(LEFT, 6.0),
        Pos2::new((whole.right() - BAR_WIDTH).max(whole.left() + LEFT + 40.0), whole.bottom() - FOOT),
    );
    let colours = Colours::of(ui);
    ui.painter().rect_filled(rect, 0.0, colours.gap.gamma_multiply(0.35));
    // No more texels than pixels: those between would not be drawn.
    let (side, per_point) = (ui.input(|i| i.max_texture_side), ui.ctx().pixels_per_point());
    let fit = |cells: usize, points: f32| cells.min((points * per_point) as usize).clamp(1, side);
    let size = [fit(columns, rect.width()), fit(rows, rect.height())];
    let texture = options.texture.get(ui, texture_key(key, size), || picture.image(&options.style, range, size));
    let uv = Rect::from_min_max(Pos2::ZERO, Pos2::new(1.0, 1.0));
    ui.painter().image(texture, rect, uv, Color32::WHITE);
    let title = if map.decibel { format!("{}, dB", map.value_title) } else { map.value_title.clone() };
    let bar = Rect::from_min_max(rect.right_top() + vec2(10.0, 0.0), Pos2::new(whole.right(), rect.bottom()));
    options.style.bar(ui, bar, range, &title);
    picture.axes(ui, rect, colours);
    let about = format!("Heat map of {}: {columns} by {rows} cells, {title}", layer.name);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &about));
    if let Some(at) = response.hover_pos().filter(|at| rect.contains(*at)) {
        let text = picture.readout(at, rect);
        response.on_hover_text_at_pointer(text);
    }
    if layer.values.iter().all(|v| v.is_nan()) {
        ui.label("There is nothing to draw here: only gaps, or values that are not numbers.");
    }
    ui.weak(format!("Colours: {title}. Blank: nothing there."));
}

fn texture_key(key: u64, size: [usize; 2]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (key, size).hash(&mut hasher);
    hasher.finish()
}

struct Picture<'a> {
    map: &'a Heatmap,
    values: &'a [f32],
    columns: usize,
    rows: usize,
}

impl Picture<'_> {
    /// Tells pictures apart without looking at every value.
    fn key(&self, options: &HeatOptions) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.columns, self.rows, options.layer, options.style.map, self.map.decibel).hash(&mut hasher);
        format!("{:?}", options.style.limits).hash(&mut hasher);
        let step = (self.values.len() / 4096).max(1);
        self.values.iter().step_by(step).for_each(|v| v.to_bits().hash(&mut hasher));
        hasher.finish()
    }

    /// Numbers grow upwards; names are read downwards.
    fn upwards(&self) -> bool {
        !matches!(self.map.y.places, Places::Names(_))
    }

    /// A pixel for each cell, or for several where there are more cells than pixels: the greatest of them, so that nothing
    /// that stands out is lost.
    fn image(&self, style: &HeatStyle, range: &Range<f32>, [width, height]: [usize; 2]) -> ColorImage {
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            let y = if self.upwards() { height - 1 - y } else { y };
            let rows = y * self.rows / height..((y + 1) * self.rows).div_ceil(height);
            for x in 0..width {
                let columns = x * self.columns / width..((x + 1) * self.columns).div_ceil(width);
                let cells = rows.clone().flat_map(|r| &self.values[r * self.columns..][columns.clone()]);
                let greatest = cells.copied().fold(f32::NAN, f32::max);
                pixels.push(style.colour(self.map.drawn(greatest), range));
            }
        }
        ColorImage::new([width, height], pixels)
    }

    fn axes(&self, ui: &Ui, rect: Rect, colours: Colours) {
        let painter = ui.painter();
        let font = FontId::proportional(11.0);
        let ticks = |axis: &Axis, count: usize| -> Vec<(f32, String)> {
            if let Places::Names(names) = &axis.places {
                let every = names.len().div_ceil(count.max(1)).max(1);
                let share = |i: usize| (i as f32 + 0.5) / names.len() as f32;
                return names.iter().enumerate().step_by(every).map(|(i, n)| (share(i), n.clone())).collect();
            }
            let range = axis.range();
            let share = |v: f64| ((v - range.start) / (range.end - range.start)) as f32;
            value_ticks(range.clone(), count).into_iter().map(|t| (share(t.value), t.label)).collect()
        };
        for (share, label) in ticks(&self.map.x, (rect.width() / 70.0) as usize) {
            let at = Pos2::new(rect.left() + share * rect.width(), rect.bottom() + 3.0);
            painter.text(at, Align2::CENTER_TOP, label, font.clone(), colours.muted);
        }
        for (share, label) in ticks(&self.map.y, (rect.height() / 24.0) as usize) {
            let share = if self.upwards() { 1.0 - share } else { share };
            let at = Pos2::new(rect.left() - 5.0, rect.top() + share * rect.height());
            let clipped = painter
                .with_clip_rect(Rect::from_x_y_ranges(rect.left() - LEFT..=rect.left(), painter.clip_rect().y_range()));
            clipped.text(at, Align2::RIGHT_CENTER, label, font.clone(), colours.muted);
        }
        let foot = Pos2::new(rect.center().x, rect.bottom() + 18.0);
        let title = format!("{} over {}", self.map.y.title, self.map.x.title);
        painter.text(foot, Align2::CENTER_TOP, title, font, colours.muted);
    }

    fn readout(&self, at: Pos2, rect: Rect) -> String {
        let share = |v: f32| v.clamp(0.0, 1.0);
        let across = share((at.x - rect.left()) / rect.width());
        let down = share((at.y - rect.top()) / rect.height());
        let down = if self.upwards() { 1.0 - down } else { down };
        let x = ((across * self.columns as f32) as usize).min(self.columns - 1);
        let y = ((down * self.rows as f32) as usize).min(self.rows - 1);
        let place = |axis: &Axis, i: usize| match &axis.places {
            Places::Names(_) => axis.text(i),
            _ => format!("{}: {}", axis.title, significant(axis.at(i), 6)),
        };
        let value = self.map.drawn(self.values[y * self.columns + x]);
        let value = if value.is_nan() {
            "nothing here".to_owned()
        } else {
            format!("{}{}", significant(value.into(), 5), if self.map.decibel { " dB" } else { "" })
        };
        format!("{}\n{}\n{value}", place(&self.map.x, x), place(&self.map.y, y))
    }
}

#[cfg(test)]
mod tests {
    use egui_kittest::kittest::Queryable as _;

    use super::super::testing::bench;
    use super::*;
    use crate::analysis::Layer;

    fn strip(channels: usize, minutes: usize) -> Heatmap {
        let value = |i: usize| if i.is_multiple_of(7) { f32::NAN } else { (i % 50) as f32 };
        Heatmap {
            x: Axis {
                key: "time_secs".to_owned(),
                title: "Time (s)".to_owned(),
                places: Places::Regular { start: 30.0, step: 60.0, count: minutes },
            },
            y: Axis {
                key: "channel".to_owned(),
                title: "Channel".to_owned(),
                places: Places::Names((0..channels).map(|c| format!("ch {c}")).collect()),
            },
            value_key: "rms".to_owned(),
            value_title: "RMS (µV)".to_owned(),
            decibel: false,
            layers: ["rms", "line"]
                .map(|name| Layer { name: name.to_owned(), values: (0..channels * minutes).map(value).collect() })
                .to_vec(),
        }
    }

    #[test]
    fn a_strip_of_a_thousand_channels_is_drawn_and_its_limits_can_be_fixed() {
        let mut harness = bench([520.0, 420.0], HeatOptions::default(), |ui, options, _| {
            heat_view_ui(ui, &strip(1000, 30), options);
        });
        harness.run();
        harness.get_by_label_contains("Heat map of rms: 30 by 1000 cells");
        harness.get_by_label_contains("Colour bar, RMS (µV): 1.000 to 49.00");
        harness.get_by_label("Fixed limits").click();
        harness.run();
        harness.get_by_label("Limits");
        assert!(matches!(harness.state().state.style.limits, crate::picture::colour_map::Limits::Fixed(..)));
    }

    #[test]
    fn an_image_without_cells_says_so() {
        let mut harness = bench([400.0, 300.0], HeatOptions::default(), |ui, options, _| {
            heat_view_ui(ui, &Heatmap::default(), options);
        });
        harness.run();
        harness.get_by_label_contains("nothing to draw");
    }
}
