//! Pictures of the traces as the whole window draws them, beside those in `tests/snapshots`: drawn by a software rasteriser
//! (or whatever adapter there is; none fails the tests), in both themes. Only the plot is compared, without the panels
//! around it and the text in it.
//!
//! Where the look was changed on purpose: `UPDATE_SNAPSHOTS=1 cargo test --test snapshots`, and look at what has changed
//! before it is kept.
#![cfg(feature = "gui")]
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::{Duration, Instant};

use eframe::egui::{Rect, Theme, vec2};
use eframe::egui_wgpu::RendererOptions;
use egui_kittest::kittest::Queryable as _;
use egui_kittest::wgpu::{WgpuTestRenderer, create_render_state, default_wgpu_setup};
use egui_kittest::{Harness, SnapshotOptions, try_image_snapshot_options};
use longwave::budget::MemoryBudget;
use longwave::cli::Viewer;
use longwave::gui::{App, traces, vocabulary};
use longwave::source::OpenOptions;
use longwave::task::Task;

/// No expectation is waited for any longer.
const PATIENCE: Duration = Duration::from_secs(120);
/// Pixels that may differ: rasterisers do not agree on the edges of lines.
const DIFFERENT: usize = 300;
/// What is left of the plot: its margins hold the names of the channels, the axis and its numbers.
const MARGINS: [f32; 4] = [150.0, 30.0, 20.0, 90.0];

/// What is shown, and the lines that lead there.
const SCENES: [(&str, &[&str]); 4] = [
    ("all", &["fit"]),
    // Around the first gap: see `gap`.
    ("gap", &[]),
    ("samples", &["show 1s..1.002s"]),
    ("selected", &["show 1s..2s", "select 1.3s..1.6s"]),
];

fn window(folder: &Path, theme: Theme) -> Harness<'static, App> {
    let recent = folder.join("recent.json");
    let viewer = Viewer {
        paths: vec![folder.join("demo.rec")],
        options: OpenOptions::default(),
        stream: None,
        budget: MemoryBudget::new(256 << 20),
        threads: 2,
        script: None,
        screenshot: None,
    };
    let state = create_render_state(default_wgpu_setup(), RendererOptions::PREDICTABLE);
    let renderer = WgpuTestRenderer::from_render_state(state.clone());
    let builder = Harness::builder().with_size(vec2(900.0, 600.0)).with_theme(theme).with_max_steps(200);
    builder.renderer(renderer).build_eframe(move |creation| {
        traces::install(&creation.egui_ctx, &state);
        App::with_recent_list(&creation.egui_ctx, viewer, Some(recent))
    })
}

fn run(window: &mut Harness<'static, App>, line: &str) {
    let commands = vocabulary::parse(line, window.state().document.as_ref(), None).unwrap();
    commands.into_iter().for_each(|command| window.state_mut().push(command));
    window.step();
}

/// The line that shows the first gap and a little around it.
fn gap(window: &Harness<'static, App>) -> String {
    let time = window.state().document.as_ref().unwrap().time().clone();
    let gap = time.gaps().next().unwrap();
    let secs = |tick: u64| time.secs_of_tick(tick);
    let (start, end) = (secs(gap.first_tick), secs(gap.first_tick + gap.missing_frames));
    let around = (end - start) / 2.0;
    format!("show {:.4}s..{:.4}s", start - around, end + around)
}

/// Draws frames until what is seen is drawn exactly and nothing is under way.
fn settle(window: &mut Harness<'static, App>) {
    let end = Instant::now() + PATIENCE;
    loop {
        window.step();
        let app = window.state();
        let seen = app.document.as_ref().is_some_and(|document| {
            let view = document.pictures.view.as_ref().filter(|(columns, _)| columns.exact_share() >= 1.0);
            let seen = document.visible_frames();
            view.is_some_and(|(columns, _)| {
                // Until the new ones come, those of the view before are drawn.
                let fine = columns.request.bucket_frames as f64 <= document.viewport.ticks_per_point().max(1.0);
                fine && columns.request.frames.start <= seen.start && columns.request.frames.end >= seen.end
            }) && document.pictures.overview.is_some()
        });
        if seen && !app.jobs.any_running() {
            break;
        }
        assert!(Instant::now() < end, "waited too long for an exact picture");
        std::thread::sleep(Duration::from_millis(10));
    }
    window.run();
}

#[test]
fn the_traces_look_as_they_did() {
    let folder = tempfile::tempdir().unwrap();
    longwave::demo::write_demo(&folder.path().join("demo.rec"), 6.0, 4, &Task::unattended(), false).unwrap();
    let mut failures = Vec::new();
    for theme in [Theme::Dark, Theme::Light] {
        let mut window = window(folder.path(), theme);
        settle(&mut window);
        run(&mut window, if theme == Theme::Dark { "theme dark" } else { "theme light" });
        run(&mut window, "toggle-channels");
        run(&mut window, "toggle-inspector");
        for (name, lines) in SCENES {
            for line in lines {
                run(&mut window, line);
            }
            if name == "gap" {
                let line = gap(&window);
                run(&mut window, &line);
            }
            // The columns of the new view come in one of the next frames.
            window.run();
            settle(&mut window);
            let plot = window.get_by_label_contains("Traces: ").rect();
            let [left, top, right, bottom] = MARGINS;
            let plot = Rect::from_min_max(plot.min + vec2(left, top), plot.max - vec2(right, bottom));
            let mut image = window.render().expect("an adapter that draws: install a software rasteriser");
            let mut colours = std::collections::HashSet::new();
            for (x, y, pixel) in image.enumerate_pixels_mut() {
                if plot.contains(eframe::egui::pos2(x as f32, y as f32)) {
                    colours.insert(pixel.0);
                } else {
                    pixel.0 = [128, 128, 128, 255];
                }
            }
            assert!(colours.len() > 4, "{name}: nothing is drawn");
            let options = SnapshotOptions::new().threshold(1.0).max_failed_pixels(DIFFERENT);
            let name = format!("{name}-{}", if theme == Theme::Dark { "dark" } else { "light" });
            if let Err(failure) = try_image_snapshot_options(&image, name.as_str(), &options) {
                failures.push(failure.to_string());
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
