//! The heat map display: a row of colours for each channel, so that a thousand channels are seen at once.
//!
//! A cell has the colour of the largest distance from the channel's middle (peak) or of the greatest value less the least
//! (peak to peak) of all samples that it covers, exactly as the traces have them. The brightest colour is twice what fills a
//! lane of the stacked display, so that the same keys that make traces higher make the map brighter, and a legend tells
//! it in the channels' unit. Colours are viridis, perceptually uniform and in order for colour-blind eyes.
//!
//! Several columns in a pixel, or several lanes in a row of pixels, are one cell with the most of them: nothing vanishes.
//! Cells are made once for each picture and drawn as one texture through the present view: a frame of panning costs a
//! rectangle. Making 1,024 × 2,400 of them takes some milliseconds.

use std::hash::{Hash as _, Hasher as _};
use std::ops::Range;

use eframe::egui::{Color32, ColorImage, Id, Mesh, Painter, Rect, Rgba, Shape, TextureOptions, Ui, pos2, vec2};

use super::{extent, scale_of};
use crate::gui::channels::heights::FILL;
use crate::gui::channels::{Display, HeatValue, Stack};
use crate::gui::heat::{BAR_WIDTH, HeatStyle};
use crate::gui::state::Document;
use crate::gui::theme::Colours;
use crate::picture::colour_map::ColourMap;
use crate::recording::TimeBase;
use crate::summary::{Columns, MinMax};

/// How strong the colour of an estimate is.
const ESTIMATED: f32 = 0.45;
/// The brightest colour is so many times what fills a lane: what fills lanes at its loudest is usual, and must not be the
/// brightest there is.
const HEADROOM: f64 = 2.0;
/// Size of the legend, points.
const LEGEND: eframe::egui::Vec2 = vec2(BAR_WIDTH, 132.0);

/// A row of the map: which values of the columns, where its middle is, and how much of its unit is the brightest colour.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct HeatRow {
    pub values: usize,
    pub gain: f64,
    pub offset: f64,
    pub middle: f64,
    pub full: f64,
}

/// The cells of a picture, from left to right: ticks, and the columns that each shows.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct HeatCells {
    /// First tick, the tick behind the last, and the columns.
    pub cells: Vec<(u64, u64, Range<usize>)>,
}

impl HeatCells {
    /// The columns of a stream with this clock, `merged` (a power of two) to a cell, never across a gap that is seen.
    #[must_use]
    pub fn new(columns: &Columns, time: &TimeBase, merged: usize) -> Self {
        let mut cells: Vec<(u64, u64, Range<usize>)> = Vec::with_capacity(columns.edges.len() / merged.max(1) + 1);
        for (i, edge) in columns.edges.windows(2).enumerate().filter(|(_, edge)| edge[0] < edge[1]) {
            let (start, end) = (time.tick_of_frame(edge[0]), time.tick_of_frame(edge[1] - 1) + 1);
            match cells.last_mut() {
                Some((_, last, of)) if start.saturating_sub(*last) < columns.request.bucket_frames => {
                    // A gap that is shorter than a column opens no seam.
                    *last = start;
                    if of.len() < merged {
                        (*last, of.end) = (end, i + 1);
                    } else {
                        cells.push((start, end, i..i + 1));
                    }
                }
                _ => cells.push((start, end, i..i + 1)),
            }
        }
        Self { cells }
    }

    /// Runs of cells that touch and are equally long: each is drawn as one rectangle.
    fn runs(&self) -> Vec<Range<usize>> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        for (i, (start, end, _)) in self.cells.iter().enumerate() {
            let fits = |run: &Range<usize>| {
                let (first, last) = (&self.cells[run.start], &self.cells[run.end - 1]);
                last.1 == *start && first.1 - first.0 == end - start
            };
            match runs.last_mut() {
                Some(run) if fits(run) => run.end = i + 1,
                _ => runs.push(i..i + 1),
            }
        }
        runs
    }
}

/// The colours of all cells, row after row; `rows` beside each other, `merged` to a row of the picture.
#[must_use]
pub fn heat_cells(
    columns: &Columns,
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
    let exact: Vec<bool> =
        cells.cells.iter().map(|cell| cell.2.clone().all(|i| columns.exact.get(i).copied().unwrap_or(false))).collect();
    let width = cells.cells.len();
    let mut pixels = Vec::with_capacity(width * rows.len().div_ceil(merged.max(1)));
    let mut most = vec![f32::NEG_INFINITY; width];
    for together in rows.chunks(merged.max(1)) {
        most.fill(f32::NEG_INFINITY);
        for row in together {
            let Some(values) = columns.values.get(row.values) else { continue };
            let share = shares(row, value);
            for (slot, cell) in most.iter_mut().zip(&cells.cells) {
                // Of all samples together: the extremes may lie in different columns.
                let columns = values.get(cell.2.clone()).unwrap_or_default();
                let all = columns.iter().fold(MinMax::EMPTY, |all, &v| if v.is_empty() { all } else { all.union(v) });
                if !all.is_empty() {
                    *slot = slot.max(share(all.min, all.max));
                }
            }
        }
        let colour = |(share, exact): (&f32, &bool)| {
            if *share == f32::NEG_INFINITY {
                return Color32::TRANSPARENT;
            }
            let i = (share.clamp(0.0, 1.0) * 255.0 + 0.5) as usize;
            if *exact { table[i.min(255)] } else { faint[i.min(255)] }
        };
        pixels.extend(most.iter().zip(&exact).map(colour));
    }
    let height = pixels.len().checked_div(width).unwrap_or(0);
    ColorImage::new([width, height], pixels)
}

/// What share of the brightest colour a column has, from its stored minimum and maximum.
fn shares(row: &HeatRow, value: HeatValue) -> impl Fn(f64, f64) -> f32 {
    let (gain, full) = (row.gain, row.full);
    let middle = row.middle - row.offset;
    move |min, max| match value {
        HeatValue::Peak => (((min * gain - middle).abs()).max((max * gain - middle).abs()) / full) as f32,
        HeatValue::PeakToPeak => ((max - min) * gain.abs() / (2.0 * full)) as f32,
    }
}

/// The texture that is shown, kept from frame to frame.
#[derive(Clone, Default)]
pub(in crate::gui) struct HeatLanes {
    made: Option<(u64, eframe::egui::TextureHandle, std::sync::Arc<HeatCells>)>,
}

/// Draws the heat map in `rect`, and its legend.
pub(in crate::gui) fn heat_lanes_ui(ui: &Ui, painter: &Painter, document: &Document, rect: Rect) {
    if document.lanes.display != Display::HeatMap {
        return;
    }
    let Some((columns, packed)) = &document.pictures.view else { return };
    let stack = document.stack();
    let shown = document.lanes_on_screen();
    let rows: Vec<HeatRow> =
        shown.clone().filter_map(|row| heat_row(document, columns, stack.channels()[row])).collect();
    if rows.is_empty() || packed.is_empty() || !rect.is_positive() {
        return;
    }
    let pixels = f64::from(ui.ctx().pixels_per_point());
    let per_pixel = document.viewport.ticks() / (f64::from(rect.width()) * pixels);
    let side = ui.input(|i| i.max_texture_side).max(1024);
    let mut merged = 1_usize;
    while (merged as u64).saturating_mul(columns.request.bucket_frames) < per_pixel as u64
        || columns.edges.len() / merged > side / 2
    {
        merged *= 2;
    }
    let rows_of_pixels = f64::from(rect.height()) * pixels / document.lanes.count.max(1e-9);
    let lanes_merged = (1.0 / rows_of_pixels).ceil().max((rows.len() as f64 / side as f64).ceil()).max(1.0) as usize;
    let (texture, cells) = texture(ui, document, (merged, lanes_merged), columns, packed.generation(), &rows);
    draw(painter, document, rect, &stack, (shown, lanes_merged), texture, &cells);
    legend(ui, document, rect, &stack);
}

fn heat_row(document: &Document, columns: &Columns, channel: usize) -> Option<HeatRow> {
    let values = columns.request.channels.binary_search(&channel).ok()?;
    let scale = document.shown().channels[channel].scale;
    let full = HEADROOM * FILL / scale_of(document, channel).abs();
    let middle = document.channels[channel].centre;
    Some(HeatRow { values, gain: scale.gain, offset: scale.offset, middle, full })
}

/// The texture of these rows, made anew if anything of it has changed.
fn texture(
    ui: &Ui,
    document: &Document,
    (merged, lanes_merged): (usize, usize),
    columns: &Columns,
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
        let cells = HeatCells::new(columns, document.time(), merged);
        let image = heat_cells(columns, &cells, rows, lanes_merged, document.lanes.heat);
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
    let what = match document.lanes.heat {
        HeatValue::Peak => "largest distance from the middle",
        HeatValue::PeakToPeak => "peak to peak",
    };
    let (unit, scale) = of(first);
    let twice = if document.lanes.heat == HeatValue::PeakToPeak { 2.0 } else { 1.0 };
    let (full, title) = if alike {
        let unit = if unit.is_empty() { "stored values".to_owned() } else { crate::text::unit(unit).into_owned() };
        (HEADROOM * FILL / scale * twice, format!("{what}, {unit}"))
    } else {
        (1.0, format!("{what}, as a share of each channel's own height"))
    };
    let place = Rect::from_min_size(rect.right_top() + vec2(-LEGEND.x - 12.0, 28.0), LEGEND);
    if !(rect.contains_rect(place) && full.is_finite() && full > 0.0) {
        return;
    }
    let colours = Colours::of(ui);
    ui.painter().rect_filled(place.expand(6.0), 3.0, colours.canvas.gamma_multiply(0.88));
    let bar = Rect::from_min_max(place.min, place.max - vec2(0.0, 16.0));
    HeatStyle::default().bar(ui, bar, &(0.0..full as f32), &title);
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
    use crate::recording::ClockSpan;
    use crate::summary::ViewRequest;

    fn columns(values: Vec<Vec<MinMax>>, bucket: u64, time: &TimeBase) -> Columns {
        let n = values[0].len() as u64;
        let channels = (0..values.len()).collect();
        let request = ViewRequest { stream: 0, channels, frames: 0..n * bucket, bucket_frames: bucket };
        let edges = request.edges(time);
        Columns { exact: vec![true; edges.len() - 1], edges, values, request }
    }

    fn row(values: usize) -> HeatRow {
        HeatRow { values, gain: 2.0, offset: 1.0, middle: 1.0, full: 20.0 }
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
        let cells = HeatCells::new(&columns, &time, 1);
        let image = heat_cells(&columns, &cells, &rows, 1, HeatValue::Peak);
        assert_eq!(image.size, [8, 2]);
        let at = |image: &ColorImage, x: usize, y: usize| image.pixels[y * image.size[0] + x];
        let full = ColourMap::Viridis.color(1.0);
        assert_eq!(at(&image, 5, 1), Color32::from_rgb(full.r, full.g, full.b));
        assert_eq!(at(&image, 2, 1), Color32::TRANSPARENT);
        let low = ColourMap::Viridis.color(0.1);
        assert_eq!(at(&image, 0, 0), Color32::from_rgb(low.r, low.g, low.b));
        // Merged in time and over lanes, the loud column is still the brightest.
        let cells = HeatCells::new(&columns, &time, 4);
        let image = heat_cells(&columns, &cells, &rows, 2, HeatValue::Peak);
        assert_eq!(image.size, [2, 1]);
        assert_eq!(at(&image, 1, 0), Color32::from_rgb(full.r, full.g, full.b));
        let image = heat_cells(&columns, &cells, &rows, 1, HeatValue::PeakToPeak);
        // From −10 in one column to 1 in another.
        let most = ColourMap::Viridis.color((0.55_f32 * 255.0).round() / 255.0);
        assert_eq!(at(&image, 1, 1), Color32::from_rgb(most.r, most.g, most.b));
    }

    #[test]
    fn cells_end_at_gaps_and_runs_cover_them_all() {
        let spans = [(0, 0), (10, 110)].map(|(first_frame, first_tick)| ClockSpan { first_frame, first_tick });
        let time = TimeBase::with_spans(1.0, spans.to_vec());
        let request = ViewRequest { stream: 0, channels: vec![0], frames: 0..32, bucket_frames: 4 };
        let edges = request.edges(&time);
        let n = edges.len() - 1;
        let values = vec![vec![MinMax { min: 0.0, max: 1.0 }; n]];
        let columns = Columns { exact: vec![true; n], edges, values, request };
        for merged in [1, 2, 4] {
            let cells = HeatCells::new(&columns, &time, merged);
            assert!(cells.cells.iter().all(|(start, end, _)| *end <= 10 || *start >= 110), "{cells:?}");
            let all: Vec<usize> = cells.cells.iter().flat_map(|c| c.2.clone()).collect();
            assert_eq!(all, (0..n).collect::<Vec<_>>());
            let runs = cells.runs();
            assert_eq!(runs.iter().map(Range::len).sum::<usize>(), cells.cells.len());
            assert!(runs.len() <= 4, "{runs:?}");
        }
    }
}
