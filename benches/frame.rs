//! CPU of a frame of the traces: from the layout of the plot to the primitives, packing included, as it was promised:
//! 4 ms at the 95th percentile for 128 channels × 1,900 columns, 8 ms for 384 channels of a 4K window.
//!
//! `panning` draws the same columns through another view each frame; `arriving` packs new columns each frame, on the
//! same thread. `mesh` is the picture without a GPU. What the callback does when the frame is handed to the GPU
//! (uploads and draw calls) is measured as `paint`, where there is an adapter: it is the CPU of `update_buffers` and
//! `render`, not the GPU's own time.
//!
//! `window` is all of the window, commands, list of channels, traces, overlays, tessellation and new textures, while it
//! pans through a recording of bits and noise: in each display, with rows for a million places found, with logic levels,
//! and with a hundred thousand annotations. Its times are those of the window's own thread on a processor, so that the
//! workers, which answer meanwhile, do not count.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;
use eframe::egui::{self, Color32, Context, RawInput, Rect, pos2, vec2};
use eframe::egui_wgpu::{RenderState, RendererOptions, ScreenDescriptor};
use eframe::wgpu;
use egui_plot::{Plot, PlotBounds};
use longwave::gui::traces::{self, Lane, Packed, TimeAxis};
use longwave::recording::{Scale, TimeBase};
use longwave::summary::{Columns, MinMax, ViewRequest};

const FRAMES: usize = 200;
const BUCKET: u64 = 256;
/// Only one frame of so many is painted: a software rasteriser takes its time.
const PAINT_EVERY: usize = 20;

fn main() {
    let state =
        egui_kittest::wgpu::create_render_state(egui_kittest::wgpu::default_wgpu_setup(), RendererOptions::default());
    println!("adapter: {}", state.adapter.get_info().name);
    println!("{:<40} {:>9} {:>9} {:>9}", "CPU of a frame, ms", "median", "95 %", "worst");
    for (channels, columns, width, height) in [(128, 1_900, 1_920.0, 1_080.0), (384, 3_800, 3_840.0, 2_160.0)] {
        let window = vec2(width, height);
        for (name, arriving, gpu) in [("panning", false, true), ("arriving", true, true), ("mesh", false, false)] {
            let (cpu, paint) = frames(channels, columns, window, arriving, gpu.then_some(&state));
            report(&format!("{channels} × {columns}, {name}"), cpu);
            if gpu {
                report(&format!("{channels} × {columns}, {name}: paint"), paint);
            }
        }
    }
    for (channels, window) in
        [(128, vec2(1_920.0, 1_080.0)), (384, vec2(3_840.0, 2_160.0)), (1024, vec2(1_920.0, 1_080.0))]
    {
        windows(channels, window, &state);
    }
}

/// A recording in a file: noise, but for every sixteenth channel, which is a clock of 0 and 1 that gets slower.
fn write_recording(path: &std::path::Path, channels: usize, frames: usize) {
    use std::io::Write as _;
    let mut text = format!("{{'descr': '<i2', 'fortran_order': False, 'shape': ({frames}, {channels}), }}");
    while !(10 + text.len() + 1).is_multiple_of(64) {
        text.push(' ');
    }
    text.push('\n');
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    file.write_all(b"\x93NUMPY\x01\x00").unwrap();
    file.write_all(&(text.len() as u16).to_le_bytes()).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let mut state = 1_u64;
    for frame in 0..frames {
        for channel in 0..channels {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let bit = (frame >> (channel / 16 % 12)) & 1;
            let value = if channel % 16 == 7 { bit as i16 } else { (state >> 56) as i16 - 128 };
            file.write_all(&value.to_le_bytes()).unwrap();
        }
    }
}

/// Marks and ranges all over a recording of so many seconds.
fn write_annotations(folder: &std::path::Path, count: usize, seconds: f64) -> std::path::PathBuf {
    use std::fmt::Write as _;
    let mut text = String::from("onset,duration,label,category\n");
    for i in 0..count {
        let onset = seconds * i as f64 / count as f64;
        let duration = if i % 3 == 0 { 0.0 } else { 0.001 * (i % 50) as f64 };
        writeln!(text, "{onset},{duration},mark {i},kind {}", i % 5).unwrap();
    }
    let path = folder.join("marks.csv");
    std::fs::write(&path, text).unwrap();
    path
}

/// The whole window, panning, in each of its displays.
fn windows(channels: usize, window: egui::Vec2, state: &RenderState) {
    const RATE_HZ: f64 = 30_000.0;
    let frames_in_file = (96 << 20) / channels / 2;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("noise.npy");
    write_recording(&path, channels, frames_in_file);
    let ctx = Context::default();
    traces::install(&ctx, state);
    let options = longwave::source::OpenOptions { rate_hz: Some(RATE_HZ), ..Default::default() };
    let viewer = longwave::cli::Viewer {
        paths: vec![path],
        options,
        stream: None,
        budget: longwave::budget::MemoryBudget::new(1 << 30),
        threads: 2,
        script: None,
        screenshot: None,
    };
    let mut app = longwave::gui::App::with_recent_list(&ctx, viewer, None);
    let input = RawInput { screen_rect: Some(Rect::from_min_size(pos2(0.0, 0.0), window)), ..RawInput::default() };
    let mut frame = |app: &mut longwave::gui::App| {
        let before = ThreadTime::now();
        app.logic_now(&ctx);
        let output = ctx.run_ui(input.clone(), |ui| app.ui_now(ui));
        let primitives = ctx.tessellate(output.shapes, output.pixels_per_point);
        apply(Some(state), output.textures_delta);
        let time = before.elapsed();
        drop(primitives);
        time
    };
    let settle = |app: &mut longwave::gui::App, frame: &mut dyn FnMut(&mut longwave::gui::App) -> Duration| {
        for quiet in (0..20_000).scan(0, |quiet, _| {
            frame(app);
            let drawn = app.document.as_ref().is_some_and(|d| {
                let view = d.pictures.view.as_ref();
                view.is_some_and(|(c, _)| c.exact_share() >= 1.0 && c.request.channels == d.pictured_channels())
            });
            *quiet = if drawn && !app.jobs.any_running() { *quiet + 1 } else { 0 };
            std::thread::sleep(Duration::from_millis(2));
            Some(*quiet)
        }) {
            if quiet > 10 {
                return;
            }
        }
    };
    settle(&mut app, &mut frame);
    let displays = ["display stacked", "display butterfly", "display heat-map"];
    let rasters = ["display stacked", "analyse find above=96 limit=1000000 scope=everything", "rasters"];
    let logic = ["display stacked", "kind 0-99 logic"];
    let seconds = frames_in_file as f64 / RATE_HZ;
    let import = format!("import-annotations {}", write_annotations(folder.path(), 100_000, seconds).display());
    let annotated = ["display stacked", "kind 0-99 auto", "annotations", &import];
    let mut cases: Vec<(&str, Vec<&str>)> = displays.iter().map(|line| (&line[8..], vec![*line])).collect();
    cases.push(("rasters of a million places", rasters.to_vec()));
    cases.push(("100 channels as logic levels", logic.to_vec()));
    cases.push(("100,000 annotations and their list", annotated.to_vec()));
    for (name, lines) in cases {
        for line in lines.into_iter().chain(["show 0.2s..0.9s"]) {
            for command in longwave::gui::vocabulary::parse(line, app.document.as_ref(), None).unwrap() {
                app.push(command);
            }
            settle(&mut app, &mut frame);
        }
        let mut times = Vec::new();
        for i in 0..FRAMES {
            // Two seconds there and back, a pixel or two a frame, as a hand does.
            let ticks = RATE_HZ * 0.7 / f64::from(window.x) * if i % 160 < 80 { 3.3 } else { -3.3 };
            app.push(longwave::gui::command::Command::View(longwave::gui::command::ViewCommand::Pan(ticks)));
            times.push(frame(&mut app));
            std::thread::sleep(Duration::from_millis(4));
        }
        report(&format!("window, {channels} channels, {name}"), times);
    }
    app.jobs.cancel_all();
}

fn report(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!("{name:<40} {:>9.3} {:>9.3} {:>9.3}", at(0.5), at(0.95), at(1.0));
}

/// Noise with a slow wave: no two columns alike.
fn columns(channels: usize, count: usize, seed: u64) -> Columns {
    let mut state = seed | 1;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f64 / (1_u64 << 24) as f64
    };
    let frames = count as u64 * BUCKET;
    let request =
        ViewRequest { stream: 0, channels: (0..channels).collect(), frames: 0..frames, bucket_frames: BUCKET };
    let edges = request.edges(&TimeBase::regular(30_000.0));
    let mut column = |i: usize| {
        let middle = (i as f64 * 0.01).sin() * 400.0;
        MinMax { min: middle - 300.0 * random(), max: middle + 300.0 * random() }
    };
    let values = (0..channels).map(|_| (0..count).map(&mut column).collect()).collect();
    Columns { request, exact: (0..count).map(|i| i % 5 != 0).collect(), values, edges }
}

fn frames(
    channels: usize,
    count: usize,
    window: egui::Vec2,
    arriving: bool,
    gpu: Option<&RenderState>,
) -> (Vec<Duration>, Vec<Duration>) {
    let time = TimeBase::regular(30_000.0);
    let scales = vec![Scale { gain: 0.195, offset: 0.0 }; channels];
    let answers: Vec<Columns> = (0..if arriving { 4 } else { 1 }).map(|i| columns(channels, count, 77 + i)).collect();
    let lanes: Vec<Lane> = (0..channels)
        .map(|i| Lane {
            values: i,
            color: Color32::from_rgb(0, 158, 115),
            center: -(i as f64),
            scale: 0.005,
            baseline: 0.0,
            cut: None,
        })
        .collect();
    let ctx = Context::default();
    if let Some(state) = gpu {
        traces::install(&ctx, state);
    }
    let mut packed = Arc::new(Packed::new(&answers[0], &time, &scales));
    let target = gpu.map(|state| target(state, window));
    let (mut cpu, mut paint) = (Vec::new(), Vec::new());
    for frame in 0..FRAMES + 20 {
        let input = RawInput { screen_rect: Some(Rect::from_min_size(pos2(0.0, 0.0), window)), ..RawInput::default() };
        let clock = Instant::now();
        if arriving {
            packed = Arc::new(Packed::new(&answers[frame % answers.len()], &time, &scales));
        }
        let ticks = (count as u64 * BUCKET) as f64;
        let axis = TimeAxis { origin_tick: (frame as f64 * 0.37 - 30.0) * BUCKET as f64, ticks_per_x: 30_000.0 };
        let output = ctx.run_ui(input, |ui| {
            Plot::new("plot").show_axes([true, false]).show(ui, |plot| {
                let bounds = PlotBounds::from_min_max([0.0, -(channels as f64)], [ticks / 30_000.0, 1.0]);
                plot.set_plot_bounds(bounds);
                plot.add(traces::item(Arc::clone(&packed), lanes.clone(), axis));
            });
        });
        let primitives = ctx.tessellate(output.shapes, output.pixels_per_point);
        let elapsed = clock.elapsed();
        apply(gpu, output.textures_delta);
        let painted = gpu
            .zip(target.as_ref())
            .filter(|_| frame % PAINT_EVERY == 0)
            .map(|(state, view)| paint_frame(state, view, window, &primitives));
        if frame >= 20 {
            cpu.push(elapsed);
            paint.extend(painted);
        }
    }
    (cpu, paint)
}

fn target(state: &RenderState, window: egui::Vec2) -> wgpu::TextureView {
    let texture = state.device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width: window.x as u32, height: window.y as u32, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: state.target_format,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
        view_formats: &[],
    });
    texture.create_view(&wgpu::TextureViewDescriptor::default())
}

fn apply(gpu: Option<&RenderState>, mut delta: egui::TexturesDelta) {
    if let Some(state) = gpu {
        let mut renderer = state.renderer.write();
        #[expect(clippy::iter_over_hash_type, reason = "textures are uploaded in any order")]
        for (id, images) in delta.set.drain() {
            for image in images {
                renderer.update_texture(&state.device, &state.queue, id, &image);
            }
        }
    }
    delta.clear();
}

fn paint_frame(
    state: &RenderState,
    view: &wgpu::TextureView,
    window: egui::Vec2,
    primitives: &[egui::ClippedPrimitive],
) -> Duration {
    let mut renderer = state.renderer.write();
    let screen = ScreenDescriptor { size_in_pixels: [window.x as u32, window.y as u32], pixels_per_point: 1.0 };
    let clock = Instant::now();
    let mut encoder = state.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    let mut buffers = renderer.update_buffers(&state.device, &state.queue, &mut encoder, primitives, &screen);
    {
        let pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view,
                resolve_target: None,
                ops: wgpu::Operations { load: wgpu::LoadOp::Clear(wgpu::Color::BLACK), store: wgpu::StoreOp::Store },
                depth_slice: None,
            })],
            ..Default::default()
        });
        renderer.render(&mut pass.forget_lifetime(), primitives, &screen);
    }
    buffers.push(encoder.finish());
    state.queue.submit(buffers);
    let elapsed = clock.elapsed();
    state.device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    elapsed
}
