//! The heat map display: a row of colours for each channel, so that a thousand channels are seen at once.
//!
//! A cell ([`crate::picture::cells`]) has the colour of the largest distance from the channel's middle (peak), of the
//! greatest value less the least (peak to peak), of the mean or of the RMS of all samples that it covers. Extremes are those
//! of the traces; means come from the sums in the tiles, and where the view is finer than those and too wide to be read,
//! cells are as wide as the sums, and a line says so. The brightest colour of peaks is twice what fills a lane of the stacked display, so that the same keys that make traces higher make the map brighter, and a legend tells
//! it in the channels' unit. Colours are viridis, perceptually uniform and in order for colour-blind eyes.
//!
//! Cells are made once for each picture and drawn as one texture through the present view: a frame of panning costs a
//! rectangle. Making 1,024 × 2,400 of them takes some milliseconds.

use std::hash::{Hash as _, Hasher as _};
use std::ops::Range;

use eframe::egui::{Color32, ColorImage, Id, Mesh, Painter, Rect, Rgba, Shape, TextureOptions, Ui, pos2, vec2};

use super::{HEADROOM, extent, scale_of};
use crate::gui::channels::heights::FILL;
use crate::gui::channels::{Display, HeatValue, Stack};
use crate::gui::heat::{BAR_WIDTH, HeatStyle};
use crate::gui::state::Document;
use crate::gui::theme::Colours;
use crate::picture::cells::louder;
pub use crate::picture::cells::{HeatCells, HeatData, HeatRow};
use crate::picture::colour_map::ColourMap;
use crate::summary::Levels;

/// How strong the colour of an estimate is.
const ESTIMATED: f32 = 0.45;
/// Size of the legend, points.
const LEGEND: eframe::egui::Vec2 = vec2(BAR_WIDTH, 132.0);

/// The colours of all cells, row after row; `rows` beside each other, `merged` to a row of the picture.
#[must_use]
pub fn heat_cells(
    data: HeatData<'_>,
    cells: &HeatCells,
    rows: &[HeatRow],
    merged: usize,
    value: HeatValue,
) -> ColorImage {
    let table: Vec<Color32> = (0..=255_u8)
        .map(|i| ColourMap::Viridis.color(f32::from(i) / 255.0))
        .map(|c| Color32::from_rgb(c.r, c.g, c.b))
        .collect();
    let faint: Vec<Color32> = table.iter().map(|c| Color32::from(Rgba::from(*c) * ESTIMATED)).collect();
    let exact: Vec<bool> = cells.cells.iter().map(|cell| data.is_exact(cell.2.clone())).collect();
    let width = cells.cells.len();
    let mut pixels = Vec::with_capacity(width * rows.len().div_ceil(merged.max(1)));
    let mut most: Vec<Option<f32>> = vec![None; width];
    for together in rows.chunks(merged.max(1)) {
        most.fill(None);
        for row in together {
            for (slot, cell) in most.iter_mut().zip(&cells.cells) {
                *slot = louder(*slot, data.share(row, cell.2.clone(), value), value);
            }
        }
        let colour = |(share, exact): (&Option<f32>, &bool)| {
            let Some(share) = share else { return Color32::TRANSPARENT };
            let i = (share.clamp(0.0, 1.0) * 255.0 + 0.5) as usize;
            if *exact { table[i.min(255)] } else { faint[i.min(255)] }
        };
        pixels.extend(most.iter().zip(&exact).map(colour));
    }
    let height = pixels.len().checked_div(width).unwrap_or(0);
    ColorImage::new([width, height], pixels)
}

/// The texture that is shown, kept from frame to frame.
#[derive(Clone, Default)]
pub(in crate::gui) struct HeatLanes {
    made: Option<(u64, eframe::egui::TextureHandle, std::sync::Arc<HeatCells>)>,
}

/// Draws the heat map in `rect`, and its legend.
pub(in crate::gui) fn heat_lanes_ui(ui: &Ui, painter: &Painter, document: &Document, rect: Rect) {
    if document.lanes.display != Display::HeatMap || !rect.is_positive() {
        return;
    }
    let stack = document.stack();
    let levels = document.pictures.levels.as_ref().filter(|levels| levels.request.stream == document.stream);
    let (data, generation) = match (&document.pictures.view, levels, document.lanes.heat.needs_levels()) {
        (Some((columns, packed)), _, false) if !packed.is_empty() => (HeatData::Extremes(columns), packed.generation()),
        (_, Some(levels), true) => (HeatData::Levels(levels), version(levels)),
        (_, None, true) => return told(painter, rect, "being computed…", Colours::of(ui)),
        _ => return,
    };
    let shown = document.lanes_on_screen();
    let rows: Vec<HeatRow> = shown.clone().filter_map(|row| heat_row(document, data, stack.channels()[row])).collect();
    if rows.is_empty() {
        return;
    }
    let pixels = f64::from(ui.ctx().pixels_per_point());
    let per_pixel = document.viewport.ticks() / (f64::from(rect.width()) * pixels);
    let side = ui.input(|i| i.max_texture_side).max(1024);
    let mut merged = 1_usize;
    while (merged as u64).saturating_mul(data.bucket_frames()) < per_pixel as u64
        || data.edges().len() / merged > side / 2
    {
        merged *= 2;
    }
    let rows_of_pixels = f64::from(rect.height()) * pixels / document.lanes.count.max(1e-9);
    let lanes_merged = (1.0 / rows_of_pixels).ceil().max((rows.len() as f64 / side as f64).ceil()).max(1.0) as usize;
    let (texture, cells) = texture(ui, document, (merged, lanes_merged), data, generation, &rows);
    draw(painter, document, rect, &stack, (shown, lanes_merged), texture, &cells);
    legend(ui, document, rect, &stack);
    if let HeatData::Levels(levels) = data {
        coarse(painter, document, rect, levels, per_pixel, Colours::of(ui));
    }
}

/// What tells these levels from others, for the texture that is made of them.
fn version(levels: &std::sync::Arc<Levels>) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    (&levels.request, &levels.known, std::sync::Arc::as_ptr(levels) as usize).hash(&mut hasher);
    hasher.finish()
}

/// Says it where cells are wider than a pixel, and where some are not known yet.
fn coarse(painter: &Painter, document: &Document, rect: Rect, levels: &Levels, per_pixel: f64, colours: Colours) {
    let frames = levels.request.bucket_frames;
    let mut said = Vec::new();
    if frames as f64 > 2.0 * per_pixel.max(1.0) {
        let time = document.time();
        said.push(if time.rate_known() {
            format!("{} in a cell", crate::picture::axis::duration(frames as f64 / time.rate_hz()))
        } else {
            format!("{frames} frames in a cell")
        });
    }
    if levels.known.contains(&false) {
        said.push("the rest follows as the recording is read".to_owned());
    }
    if !said.is_empty() {
        told(painter, rect, &said.join("; "), colours);
    }
}

/// A line at the top of the map.
fn told(painter: &Painter, rect: Rect, text: &str, colours: Colours) {
    let font = eframe::egui::FontId::proportional(12.0);
    let galley = painter.layout_no_wrap(text.to_owned(), font, colours.ink);
    let place = Rect::from_min_size(rect.left_top() + vec2(100.0, 6.0), galley.size());
    painter.rect_filled(place.expand2(vec2(4.0, 1.0)), 2.0, colours.canvas.gamma_multiply(0.85));
    painter.galley(place.min, galley, colours.ink);
}

fn heat_row(document: &Document, data: HeatData<'_>, channel: usize) -> Option<HeatRow> {
    let values = data.place_of(channel)?;
    let scale = document.shown().channels[channel].scale;
    let full = HEADROOM * FILL / scale_of(document, channel).abs();
    let middle = document.channels[channel].centre;
    Some(HeatRow { values, scale, middle, full })
}

/// The texture of these rows, made anew if anything of it has changed.
fn texture(
    ui: &Ui,
    document: &Document,
    (merged, lanes_merged): (usize, usize),
    data: HeatData<'_>,
    generation: u64,
    rows: &[HeatRow],
) -> (eframe::egui::TextureId, std::sync::Arc<HeatCells>) {
    let mut hasher = std::hash::DefaultHasher::new();
    (generation, merged, lanes_merged, document.lanes.heat as u8).hash(&mut hasher);
    for row in rows {
        (row.values, row.middle.to_bits(), row.full.to_bits()).hash(&mut hasher);
    }
    let key = hasher.finish();
    let id = Id::unique("heat map of lanes");
    let kept = ui.data_mut(|data| std::mem::take(data.get_temp_mut_or_default::<HeatLanes>(id)));
    let made = kept.made.filter(|(made, ..)| *made == key).unwrap_or_else(|| {
        let cells = HeatCells::new(data, document.time(), merged);
        let image = heat_cells(data, &cells, rows, lanes_merged, document.lanes.heat);
        let handle = ui.ctx().load_texture("heat map of lanes", image, TextureOptions::NEAREST);
        (key, handle, std::sync::Arc::new(cells))
    });
    let answer = (made.1.id(), std::sync::Arc::clone(&made.2));
    ui.data_mut(|data| data.insert_temp(id, HeatLanes { made: Some(made) }));
    answer
}

/// A rectangle for each run of cells.
fn draw(
    painter: &Painter,
    document: &Document,
    rect: Rect,
    stack: &Stack,
    (shown, lanes_merged): (Range<usize>, usize),
    texture: eframe::egui::TextureId,
    cells: &HeatCells,
) {
    let view = &document.viewport;
    let x = |tick: u64| rect.left() + ((tick as f64 - view.start_tick()) / view.ticks()) as f32 * rect.width();
    let (first, count) = extent(document);
    let y = |at: f64| rect.top() + ((at - first) / count) as f32 * rect.height();
    let top = y(stack.span(shown.start).start);
    let lane = rect.height() / count as f32;
    // In this display all lanes are equally high; rows of merged lanes too, the last one perhaps with room left.
    let rows = shown.len().div_ceil(lanes_merged);
    let bottom = top + lane * (rows * lanes_merged) as f32;
    let width = cells.cells.len().max(1) as f32;
    let mut mesh = Mesh::with_texture(texture);
    for run in cells.runs() {
        let (left, right) = (x(cells.cells[run.start].0), x(cells.cells[run.end - 1].1));
        if right < rect.left() || left > rect.right() {
            continue;
        }
        let uv = Rect::from_min_max(pos2(run.start as f32 / width, 0.0), pos2(run.end as f32 / width, 1.0));
        let area = Rect::from_min_max(pos2(left, top), pos2(right.max(left + 0.5), bottom));
        mesh.add_rect_with_uv(area, uv, Color32::WHITE);
    }
    painter.add(Shape::mesh(mesh));
}

/// What the colours mean.
fn legend(ui: &Ui, document: &Document, rect: Rect, stack: &Stack) {
    let channels = &document.shown().channels;
    let of = |c: usize| (channels[c].unit.as_str(), scale_of(document, c).abs());
    let Some(&first) = stack.channels().first() else { return };
    let alike = stack.channels().iter().all(|&c| of(c) == of(first));
    let (value, (unit, scale)) = (document.lanes.heat, of(first));
    let (full, title) = if alike {
        let unit = if unit.is_empty() { "stored values".to_owned() } else { crate::text::unit(unit).into_owned() };
        (HEADROOM * FILL / scale, format!("{}, {unit}", value.about()))
    } else {
        (1.0, format!("{}, as a share of each channel's own height", value.about()))
    };
    let limits = value.limits(full);
    let place = Rect::from_min_size(rect.right_top() + vec2(-LEGEND.x - 12.0, 28.0), LEGEND);
    if !(rect.contains_rect(place) && (full as f32).is_finite() && full as f32 > 0.0) {
        return;
    }
    let colours = Colours::of(ui);
    ui.painter().rect_filled(place.expand(6.0), 3.0, colours.canvas.gamma_multiply(0.88));
    let bar = Rect::from_min_max(place.min, place.max - vec2(0.0, 16.0));
    HeatStyle::default().bar(ui, bar, &(limits.start as f32..limits.end as f32), &title);
    let short = match (alike, unit) {
        (true, "") => "stored".to_owned(),
        (true, unit) => crate::text::unit(unit).into_owned(),
        (false, _) => "of height".to_owned(),
    };
    let at = place.left_bottom();
    let font = eframe::egui::FontId::proportional(11.0);
    ui.painter().text(at, eframe::egui::Align2::LEFT_BOTTOM, short, font, colours.ink);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{Scale, TimeBase};
    use crate::summary::{Columns, MinMax, ViewRequest};

    fn columns(values: Vec<Vec<MinMax>>, bucket: u64, time: &TimeBase) -> Columns {
        let n = values[0].len() as u64;
        let channels = (0..values.len()).collect();
        let request = ViewRequest { stream: 0, channels, frames: 0..n * bucket, bucket_frames: bucket };
        let edges = request.edges(time);
        Columns { exact: vec![true; edges.len() - 1], edges, values, request }
    }

    fn row(values: usize) -> HeatRow {
        HeatRow { values, scale: Scale { gain: 2.0, offset: 1.0 }, middle: 1.0, full: 20.0 }
    }

    #[test]
    fn a_cell_has_the_most_of_what_it_covers() {
        let time = TimeBase::regular(1.0);
        let quiet = vec![MinMax { min: -1.0, max: 1.0 }; 8];
        let mut loud = quiet.clone();
        loud[5] = MinMax { min: -10.0, max: 0.0 };
        loud[2] = MinMax::EMPTY;
        let columns = columns(vec![quiet, loud], 4, &time);
        let rows = [row(0), row(1)];
        let cells = HeatCells::new(HeatData::Extremes(&columns), &time, 1);
        let image = heat_cells(HeatData::Extremes(&columns), &cells, &rows, 1, HeatValue::Peak);
        assert_eq!(image.size, [8, 2]);
        let at = |image: &ColorImage, x: usize, y: usize| image.pixels[y * image.size[0] + x];
        let full = ColourMap::Viridis.color(1.0);
        assert_eq!(at(&image, 5, 1), Color32::from_rgb(full.r, full.g, full.b));
        assert_eq!(at(&image, 2, 1), Color32::TRANSPARENT);
        let low = ColourMap::Viridis.color(0.1);
        assert_eq!(at(&image, 0, 0), Color32::from_rgb(low.r, low.g, low.b));
        // Merged in time and over lanes, the loud column is still the brightest.
        let cells = HeatCells::new(HeatData::Extremes(&columns), &time, 4);
        let image = heat_cells(HeatData::Extremes(&columns), &cells, &rows, 2, HeatValue::Peak);
        assert_eq!(image.size, [2, 1]);
        assert_eq!(at(&image, 1, 0), Color32::from_rgb(full.r, full.g, full.b));
        let image = heat_cells(HeatData::Extremes(&columns), &cells, &rows, 1, HeatValue::PeakToPeak);
        // From −10 in one column to 1 in another.
        let most = ColourMap::Viridis.color((0.55_f32 * 255.0).round() / 255.0);
        assert_eq!(at(&image, 1, 1), Color32::from_rgb(most.r, most.g, most.b));
    }
}
