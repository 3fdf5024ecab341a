//! The traces, drawn by a software rasteriser (or whatever adapter there is; none fails the tests) and looked at pixel
//! by pixel. `LONGWAVE_TRACE_PICTURES=FOLDER` also writes the pictures there.
#![cfg(feature = "gui")]
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use eframe::egui::{self, Color32, Theme, vec2};
use eframe::egui_wgpu::RendererOptions;
use egui_kittest::Harness;
use egui_kittest::wgpu::{WgpuTestRenderer, create_render_state, default_wgpu_setup};
use egui_plot::{Plot, PlotBounds};
use longwave::gui::traces::{self, Lane, Packed, TimeAxis};
use longwave::recording::{ClockSpan, Scale, TimeBase};
use longwave::summary::{Columns, MinMax, ViewRequest};

const SIZE: f32 = 300.0;
const COLOR: Color32 = Color32::from_rgb(0, 158, 115);

/// One picture to be drawn: the plot fills `SIZE` × `SIZE` points, x is `ticks` from `origin`, y is −1 to 1.
struct Scene {
    columns: Columns,
    time: TimeBase,
    lanes: Vec<Lane>,
    origin: f64,
    ticks: f64,
    scale: f32,
    theme: Theme,
    /// Left half only, as if another panel covered the rest.
    clipped: bool,
    gpu: bool,
}

/// The columns of samples that are given by a function of the frame.
fn columns(frames: u64, bucket: u64, time: &TimeBase, sample: impl Fn(u64) -> f64) -> Columns {
    let request = ViewRequest { stream: 0, channels: vec![0], frames: 0..frames, bucket_frames: bucket };
    let edges = request.edges(time);
    let value = |edge: &[u64]| {
        (edge[0]..edge[1])
            .map(&sample)
            .filter(|v| !v.is_nan())
            .fold(MinMax::EMPTY, |all, v| all.union(MinMax { min: v, max: v }))
    };
    let values: Vec<MinMax> = edges.windows(2).map(value).collect();
    Columns { exact: vec![true; values.len()], values: vec![values], edges, request }
}

impl Scene {
    fn new(columns: Columns, time: TimeBase, ticks: f64) -> Self {
        let lane = Lane { values: 0, color: COLOR, center: 0.0, scale: 1.0, baseline: 0.0, cut: None };
        Self {
            columns,
            time,
            lanes: vec![lane],
            origin: 0.0,
            ticks,
            scale: 1.0,
            theme: Theme::Dark,
            clipped: false,
            gpu: true,
        }
    }

    fn scale(mut self, scale: f32) -> Self {
        self.scale = scale;
        self
    }

    fn draw(self, name: &str) -> Image {
        let scales = vec![Scale::default(); self.columns.values.len()];
        let packed = Arc::new(Packed::new(&self.columns, &self.time, &scales));
        let axis = TimeAxis { origin_tick: self.origin, ticks_per_x: 1.0 };
        let (lanes, ticks, time, clipped) = (self.lanes, self.ticks, self.time, self.clipped);
        let state = create_render_state(default_wgpu_setup(), RendererOptions::PREDICTABLE);
        let for_install = state.clone();
        let renderer = WgpuTestRenderer::from_render_state(state);
        let gpu = self.gpu;
        let mut harness = Harness::builder()
            .with_size(vec2(SIZE, SIZE))
            .with_pixels_per_point(self.scale)
            .with_theme(self.theme)
            .renderer(renderer)
            .with_context_setup(move |ctx| {
                if gpu {
                    traces::install(ctx, &for_install);
                }
            })
            .build_ui(move |ui| {
                let rect = egui::Rect::from_min_size(egui::Pos2::ZERO, vec2(SIZE, SIZE));
                let mut child = ui.new_child(egui::UiBuilder::new().max_rect(rect));
                if clipped {
                    child.set_clip_rect(egui::Rect::from_min_size(rect.min, vec2(SIZE / 2.0 + 0.3, SIZE)));
                } else {
                    child.set_clip_rect(rect);
                }
                let (packed, lanes) = (Arc::clone(&packed), lanes.clone());
                let gaps = time.clone();
                Plot::new("plot").show_axes(false).show_grid(false).set_margin_fraction(vec2(0.0, 0.0)).show(
                    &mut child,
                    |plot| {
                        plot.set_plot_bounds(PlotBounds::from_min_max([0.0, -1.0], [ticks, 1.0]));
                        plot.add(traces::gap_item(gaps, axis));
                        plot.add(traces::item(packed, lanes, axis));
                    },
                );
            });
        harness.run_steps(3);
        let image = harness.render().expect("an adapter that draws: install a software rasteriser");
        if let Some(folder) = std::env::var_os("LONGWAVE_TRACE_PICTURES") {
            image.save(std::path::Path::new(&folder).join(format!("{name}.png"))).unwrap();
        }
        let (width, height) = image.dimensions();
        Image { width: width as usize, height: height as usize, rgba: image.into_raw(), scale: self.scale }
    }
}

struct Image {
    width: usize,
    height: usize,
    rgba: Vec<u8>,
    scale: f32,
}

impl Image {
    fn pixel(&self, x: usize, y: usize) -> [f32; 3] {
        let at = (y * self.width + x) * 4;
        [0, 1, 2].map(|i| f32::from(self.rgba[at + i]))
    }

    /// How far a pixel is from the background of the plot, 0 to 1 for the full colour of the trace.
    fn ink(&self, x: usize, y: usize) -> f32 {
        let background = self.pixel(self.width - 7, 7);
        let distance = |a: [f32; 3]| (0..3).map(|i| (a[i] - background[i]).powi(2)).sum::<f32>().sqrt();
        distance(self.pixel(x, y)) / distance([0.0, 158.0, 115.0])
    }

    /// The rows of a pixel column that are at least half inked.
    fn rows(&self, x: usize) -> Vec<usize> {
        (3..self.height - 3).filter(|&y| self.ink(x, y) > 0.5).collect()
    }

    /// The pixel in which a point of the window lies.
    fn at(&self, points: f32) -> usize {
        ((points * self.scale) as usize).min(self.width - 1)
    }
}

const SCALES: [f32; 5] = [1.0, 1.25, 1.5, 1.75, 2.0];

/// One sample of 30,000 is high: it is seen, where it is, in its full height, whatever the scale factor.
#[test]
fn a_single_sample_is_seen_where_it_is() {
    for scale in SCALES {
        for frame in [707_u64, 12_345, 29_507] {
            let time = TimeBase::regular(1000.0);
            let columns = columns(30_000, 64, &time, |f| if f == frame { 0.8 } else { 0.0 });
            let image = Scene::new(columns, time, 30_000.0).scale(scale).draw(&format!("spike-{scale}-{frame}"));
            let high: Vec<usize> = (0..image.width).filter(|&x| image.ink(x, image.at(60.0)) > 0.9).collect();
            let expected = (frame / 64 * 64) as f32 / 30_000.0 * SIZE * scale;
            assert!((1..=1 + scale.ceil() as usize).contains(&high.len()), "scale {scale} frame {frame}: {high:?}");
            assert!((high[0] as f32 - expected.floor()).abs() <= 1.0, "scale {scale}: {high:?}, not {expected}");
            let rows = image.rows(high[0]);
            let top = (1.0 - 0.8) / 2.0 * SIZE * scale;
            assert!((rows[0] as f32 - top).abs() <= 1.5, "scale {scale}: top {} not {top}", rows[0]);
            assert!(rows.windows(2).all(|w| w[1] == w[0] + 1), "scale {scale}: a hole in the spike");
        }
    }
}

/// A flat line has no hole, at any scale factor and number of columns for a pixel.
#[test]
fn a_flat_line_is_whole() {
    for scale in SCALES {
        for frames in [23_000_u64, 29_001, 30_000, 47_311] {
            let time = TimeBase::regular(1000.0);
            let image =
                Scene::new(columns(frames, 64, &time, |_| 0.013), time, frames as f64).scale(scale).draw("flat");
            let middle = image.at((1.0 - 0.013) / 2.0 * SIZE);
            let first = image.pixel(9, middle);
            // No request has more than two columns for a pixel; more are only seen until an answer comes.
            let wanted = frames / 64 <= 2 * image.width as u64;
            for x in 3..image.width - 3 {
                let ink = (middle - 2..=middle + 2).map(|y| image.ink(x, y)).sum::<f32>();
                assert!(!wanted || image.pixel(x, middle) == first, "scale {scale}, {frames} frames: mottled at {x}");
                assert!(ink > 0.9, "scale {scale}, {frames} frames: nothing at pixel {x} of {}: {ink}", image.width);
            }
        }
    }
}

/// A step from low to high is drawn as one connected stroke, and no column reaches beyond its neighbours' values.
#[test]
fn a_steep_edge_has_no_hole() {
    for scale in SCALES {
        let time = TimeBase::regular(1000.0);
        let columns = columns(30_000, 64, &time, |f| if f < 15_000 / 64 * 64 { -0.7 } else { 0.7 });
        let image = Scene::new(columns, time, 30_000.0).scale(scale).draw(&format!("step-{scale}"));
        let (top, bottom) = (image.at(0.15 * SIZE), image.at(0.85 * SIZE));
        for y in top + 1..bottom {
            assert!((0..image.width).any(|x| image.ink(x, y) > 0.9), "scale {scale}: row {y} is empty");
        }
        for y in (3..top - 3).chain(bottom + 4..image.height - 3) {
            assert!((3..image.width - 3).all(|x| image.ink(x, y) < 0.1), "scale {scale}: ink in row {y}");
        }
    }
}

/// What reaches beyond the limits of its lane is cut there, at any zoom, and the cut has a mark of another colour.
#[test]
fn a_trace_is_cut_at_its_limits_and_marked() {
    for gpu in [true, false] {
        // Columns, lines, and single samples with dots; the last lies beyond the limits altogether.
        for (bucket, ticks, low, high) in
            [(64, 30_000.0, -0.9, 0.9), (1, 100.0, -0.9, 0.9), (1, 24.0, -0.9, 0.9), (64, 30_000.0, 0.7, 0.9)]
        {
            let time = TimeBase::regular(1000.0);
            let period = if bucket == 1 { 10 } else { 3000 };
            let columns = columns(30_000, bucket, &time, |f| if f / period % 2 == 0 { high } else { low });
            let mut scene = Scene::new(columns, time, ticks);
            scene.lanes[0].cut = Some([-0.3, 0.3]);
            scene.gpu = gpu;
            let image = scene.draw(&format!("cut-{gpu}-{bucket}-{ticks}-{low}"));
            let what = format!("gpu {gpu}, bucket {bucket}, {ticks} ticks, {low}");
            let (top, bottom) = (image.at(0.35 * SIZE), image.at(0.65 * SIZE));
            for y in (3..top - 2).chain(bottom + 2..image.height - 3) {
                assert!((3..image.width - 3).all(|x| image.ink(x, y) < 0.1), "{what}: ink in row {y}");
            }
            // A mark has red in it; the trace has none.
            let marked = |rows: std::ops::Range<usize>| {
                let is_mark = |x: usize, y: usize| image.pixel(x, y)[0] > 120.0;
                rows.flat_map(|y| (3..image.width - 3).map(move |x| (x, y))).filter(|&(x, y)| is_mark(x, y)).count()
            };
            assert!(marked(top - 2..top + 5) > 10, "{what}: no mark at the top");
            assert_eq!(marked(bottom - 5..bottom + 2) > 10, low < 0.0, "{what}: the mark at the foot");
        }
    }
}

#[test]
fn nothing_is_drawn_across_a_gap_or_where_there_is_no_number() {
    for gpu in [true, false] {
        let spans = [(0, 0), (1000, 2000)].map(|(first_frame, first_tick)| ClockSpan { first_frame, first_tick });
        let time = TimeBase::with_spans(1000.0, spans.to_vec());
        let columns = columns(2000, 8, &time, |f| if (1500..1750).contains(&f) { f64::NAN } else { 0.5 });
        let mut scene = Scene::new(columns, time, 3000.0);
        scene.gpu = gpu;
        let image = scene.draw(&format!("gap-{gpu}"));
        let y = image.at(0.25 * SIZE);
        let inked = |x: usize| (y - 1..=y + 1).map(|y| image.ink(x, y)).fold(0.0, f32::max) > 0.6;
        assert!((0..99).all(inked) && (202..249).all(inked) && (277..300).all(inked), "gpu {gpu}");
        assert!(!(252..273).any(inked), "ink where there is no number, gpu {gpu}");
        // The gap is hatched, in grey: nothing in it has the colour of the trace.
        let green = |x: usize| (0..image.height).any(|y| image.pixel(x, y)[1] - image.pixel(x, y)[0] > 40.0);
        assert!(!(102..198).any(green), "the trace crosses the gap, gpu {gpu}");
        assert!((110..190).any(|x| image.ink(x, 10) > 0.05), "the gap is not marked, gpu {gpu}");
    }
}

#[test]
fn an_estimate_is_lighter_in_either_theme() {
    for theme in [Theme::Dark, Theme::Light] {
        for gpu in [true, false] {
            let time = TimeBase::regular(1000.0);
            let mut columns = columns(30_000, 128, &time, |f| if f % 2 == 0 { 0.5 } else { -0.5 });
            for exact in &mut columns.exact[117..] {
                *exact = false;
            }
            let mut scene = Scene::new(columns, time, 30_000.0);
            (scene.theme, scene.gpu) = (theme, gpu);
            let image = scene.draw(&format!("estimate-{theme:?}-{gpu}"));
            let (exact, estimate) = (image.ink(75, 150), image.ink(225, 150));
            assert!(exact > 0.8 && estimate > 0.15 && estimate < 0.75 * exact, "{theme:?}: {estimate} of {exact}");
        }
    }
}

#[test]
fn a_clip_rectangle_cuts_and_moves_nothing() {
    for scale in SCALES {
        let draw = |clipped: bool| {
            let time = TimeBase::regular(1000.0);
            let columns = columns(30_000, 64, &time, |f| ((f as f64) * 0.002).sin() * 0.6);
            let mut scene = Scene::new(columns, time, 30_000.0).scale(scale);
            scene.clipped = clipped;
            scene.draw(&format!("clip-{scale}-{clipped}"))
        };
        let (whole, clipped) = (draw(false), draw(true));
        let edge = whole.at(SIZE / 2.0);
        for y in 0..whole.height {
            for x in 0..edge - 2 {
                assert_eq!(whole.pixel(x, y), clipped.pixel(x, y), "scale {scale} at {x}, {y}");
            }
            assert!((edge + 3..whole.width).all(|x| clipped.ink(x, y) < 0.2), "scale {scale}: ink behind the clip");
        }
    }
}

/// Close up, samples are joined by lines and marked by dots, at their own instants.
#[test]
fn single_samples_are_dots_on_a_line() {
    for scale in SCALES {
        for gpu in [true, false] {
            let time = TimeBase::regular(1000.0);
            let columns = columns(20, 1, &time, |f| if f % 2 == 0 { 0.5 } else { -0.5 });
            let mut scene = Scene::new(columns, time, 20.0).scale(scale);
            scene.gpu = gpu;
            let image = scene.draw(&format!("dots-{scale}-{gpu}"));
            for frame in 1..19_usize {
                let x = image.at(frame as f32 * SIZE / 20.0);
                let y = image.at(if frame % 2 == 0 { 0.25 * SIZE } else { 0.75 * SIZE });
                assert!(image.ink(x, y) > 0.9 && image.ink(x + 1, y) > 0.8, "scale {scale}, frame {frame}, gpu {gpu}");
            }
            for y in image.at(80.0)..image.at(220.0) {
                let inked = (0..image.width).filter(|&x| image.ink(x, y) > 0.5).count();
                assert!(inked >= 15, "scale {scale}: {inked} strokes in row {y}, gpu {gpu}");
            }
        }
    }
}

/// A microvolt on a volt, an hour into a day: neither x nor y loses its precision.
#[test]
fn a_small_signal_on_a_large_offset_keeps_its_shape() {
    let start = 3_600_u64 * 30_000 * 20;
    let time = TimeBase::regular(30_000.0);
    let request = ViewRequest { stream: 0, channels: vec![0], frames: start..start + 30, bucket_frames: 1 };
    let edges = request.edges(&time);
    let value = |i: usize| MinMax { min: 1e6 + (i % 2) as f64, max: 1e6 + (i % 2) as f64 };
    let columns = Columns { values: vec![(0..30).map(value).collect()], exact: vec![true; 30], edges, request };
    let mut scene = Scene::new(columns, time, 30.0);
    scene.origin = start as f64;
    scene.lanes[0].baseline = 1e6 + 0.5;
    let image = scene.draw("offset");
    for i in 1..29_usize {
        let y = if i % 2 == 0 { 225 } else { 75 };
        assert!(image.ink(i * 10, y) > 0.9, "sample {i}");
    }
}

/// Many lanes over each other, as the window shows them; written to be looked at.
#[test]
fn lanes_lie_where_they_are_put() {
    let time = TimeBase::regular(1000.0);
    let wave = |k: f64| {
        columns(30_000, 64, &TimeBase::regular(1000.0), move |f| {
            let noise = f64::from((f.wrapping_mul(2_654_435_761) >> 8) as u16) / 65_536.0 - 0.5;
            (f as f64 * 0.001 * k).sin() * 20.0 + noise * 30.0 + if f % 7001 == 0 { 90.0 } else { 0.0 }
        })
    };
    let mut all = wave(1.0);
    for k in 2..9 {
        all.values.extend(wave(f64::from(k)).values);
        all.request.channels.push(k as usize);
    }
    let lanes: Vec<Lane> = (0..8)
        .map(|i| Lane {
            values: i,
            color: COLOR,
            center: 0.875 - i as f64 * 0.25,
            scale: 0.002,
            baseline: 0.0,
            cut: None,
        })
        .collect();
    for theme in [Theme::Dark, Theme::Light] {
        let mut scene = Scene::new(all.clone(), time.clone(), 30_000.0).scale(1.5);
        scene.lanes = lanes.clone();
        scene.theme = theme;
        let image = scene.draw(&format!("lanes-{theme:?}"));
        for i in 0..8 {
            let middle = image.at((i as f32 + 0.5) / 8.0 * SIZE);
            let inked = (0..image.width).filter(|&x| (middle - 8..middle + 8).any(|y| image.ink(x, y) > 0.3)).count();
            assert!(inked > image.width * 9 / 10, "lane {i}: {inked}");
        }
    }
}
