//! Measuring in the whole window without a screen: cursors that snap, values at them, gaps, clock times and their zones,
//! annotations that are dragged, and streams beneath the traces.

use std::path::{Path, PathBuf};

use eframe::egui::{Event, Key, Modifiers, PointerButton, Pos2, Rect, vec2};
use egui_kittest::kittest::Queryable as _;
use longwave::annotation::Edit;
use longwave::gui::command::{Command, PanelCommand, ViewCommand};
use longwave::gui::companions::Alignment;
use longwave::gui::cursors::{Feature, Which};
use longwave::gui::state::{Document, InspectorTab};
use longwave::gui::vocabulary;
use longwave::recording::Block;
use longwave::source::OpenOptions;
use longwave::task::Task;
use tempfile::TempDir;

use crate::common::{Window, document, push_line, sees, until, until_drawn, viewer, window_of};

/// The demo recording: four channels of ephys at 30 kHz with gaps, and analog inputs.
fn demo(folder: &TempDir, name: &str) -> PathBuf {
    let path = folder.path().join(name);
    longwave::demo::write_demo(&path, 4.0, 4, &Task::unattended(), false).unwrap();
    path
}

/// A window in which the file at `path` is open and drawn exactly.
fn opened(folder: &TempDir, path: &Path) -> Window {
    let mut window = window_of(folder.path(), viewer([path], OpenOptions::default()), (1400.0, 900.0));
    until_drawn(&mut window);
    window
}

/// Does a line of the vocabulary.
fn line(window: &mut Window, text: &str) {
    push_line(window, text);
    window.run();
}

fn plot(window: &Window) -> Rect {
    window.get_by_label_contains("Traces: ").rect()
}

/// Where a tick and a lane are on the screen.
fn place(window: &Window, tick: f64, lane: f64) -> Pos2 {
    let (rect, view, lanes) = (plot(window), &document(window).viewport, &document(window).lanes);
    let x = rect.left() + ((tick + 0.5 - view.start_tick()) / view.ticks()) as f32 * rect.width();
    // The picture's rectangle is that of the traces, without the axis beneath it.
    Pos2::new(x, rect.top() + ((lane + 0.5 - lanes.first) / lanes.count) as f32 * (rect.height() - 40.0))
}

fn point(window: &mut Window, at: Pos2) {
    window.event(Event::PointerMoved(at));
    window.run();
}

fn drag(window: &mut Window, from: Pos2, to: Pos2) {
    drag_with(window, from, to, Modifiers::NONE);
}

/// The physical values of a channel.
fn samples(document: &Document, channel: usize, frames: std::ops::Range<u64>) -> Vec<f64> {
    let (mut block, mut values) = (Block::default(), Vec::new());
    document.source.read(document.stream, frames, &[channel], &mut block).unwrap();
    block.channel_f64(0, document.shown().channels[channel].scale, &mut values);
    values
}

#[test]
fn cursors_are_set_by_keys_snap_to_the_exact_extreme_and_tell_values() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(&folder, &demo(&folder, "day.rec"));
    line(&mut window, "inspector measure");
    // The deepest sample of a tenth of a second, so that snapping has something to find.
    let deepest = {
        let values = samples(document(&window), 0, 3000..6000);
        let lowest = values.iter().copied().enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
        3000 + lowest.0 as u64
    };
    let tick = document(&window).time().tick_of_frame(deepest) as f64;
    window.state_mut().push(Command::View(ViewCommand::Range(tick - 300.0..tick + 300.0)));
    window.run();
    let at = place(&window, tick, 0.0) + vec2(3.0, 0.0);
    point(&mut window, at);
    window.key_press(Key::OpenBracket);
    until(&mut window, "the cursor to snap", |w| document(w).cursors.features[0].is_some());
    assert_eq!(document(&window).cursors.get(Which::A), Some(tick as u64), "to the very sample");
    assert_eq!(document(&window).cursors.features[0], Some(Feature::Lowest));
    // Without snapping the other one stands where it is put; both tell the values of every channel.
    line(&mut window, "snap off");
    line(&mut window, &format!("cursor b #{}", deepest + 120));
    until(&mut window, "values", |w| {
        document(w).cursors.values.as_ref().is_some_and(|v| v.of.frames == [Some(deepest), Some(deepest + 120)])
    });
    let values = document(&window).cursors.values.clone().unwrap();
    for channel in 0..4 {
        for (which, frame) in [deepest, deepest + 120].into_iter().enumerate() {
            assert_eq!(values.at[which][channel], Some(samples(document(&window), channel, frame..frame + 1)[0]));
        }
    }
    window.run();
    assert!(sees(&window, "0.004000 s") && sees(&window, "250.000 Hz"), "{:#?}", window.root());
    // Dragged by its line, by its letter, and with the keys.
    let from = place(&window, tick + 120.0, 2.0);
    let to = place(&window, tick + 240.0, 2.0);
    drag(&mut window, from, to);
    let b = document(&window).cursors.get(Which::B).unwrap() as f64;
    assert!((b - tick - 240.0).abs() < 3.0, "{b}");
    window.get_by_label_contains("Cursor B at").focus();
    window.run();
    window.key_press(Key::ArrowLeft);
    window.run();
    assert!((document(&window).cursors.get(Which::B).unwrap() as f64) < b);
    line(&mut window, "cursors-off");
    assert!(!sees(&window, "Cursor B at"));
}

#[test]
fn a_gap_tells_how_long_it_is_and_the_zone_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(&folder, &demo(&folder, "day.rec"));
    let gap = document(&window).time().gaps().max_by_key(|g| g.missing_frames).unwrap();
    let (first, missing) = (gap.first_tick as f64, gap.missing_frames as f64);
    window.state_mut().push(Command::View(ViewCommand::Range(first - missing..first + 2.0 * missing)));
    window.run();
    let middle = place(&window, first + missing / 2.0, 1.0);
    point(&mut window, middle);
    until(&mut window, "the length of the gap", |w| sees(w, "frames) missing"));
    assert!(sees(&window, "on the clock (UTC)"), "{:#?}", window.root());
    // In another zone the same instants have another clock.
    line(&mut window, "time clock");
    line(&mut window, "zone Asia/Kolkata");
    assert!(sees(&window, "+05:30"), "{:#?}", window.root());
    let start = document(&window).time().start_unix_ns().unwrap();
    let text = document(&window).times.zone.write(start + 2_000_000_000, 9).unwrap();
    line(&mut window, &format!("go {text}"));
    let time = document(&window).time();
    let two = time.tick_of_secs(time.secs_of_unix_ns(start + 2_000_000_000).unwrap());
    let goal = document(&window).pictures.goal.unwrap();
    assert!(goal.abs_diff(two) <= 1, "{goal} {two}");
    assert!(vocabulary::parse("zone Atlantis", None, None).is_err());
}

#[test]
fn an_annotation_is_dragged_in_one_step_and_its_label_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(&folder, &demo(&folder, "day.rec"));
    window.state_mut().push(Command::View(ViewCommand::Range(30_000.0..60_000.0)));
    line(&mut window, "snap off");
    line(&mut window, "select #40000..#50000");
    line(&mut window, "category 2");
    line(&mut window, "select-none");
    let id = document(&window).notes.selected.unwrap();
    let ticks = |w: &Window| document(w).ticks_of(document(w).notes.annotations.get(id).unwrap());
    let before = ticks(&window);
    let (edge, away) = (place(&window, before.end as f64, 2.0), place(&window, before.end as f64 + 4000.0, 2.0));
    drag(&mut window, edge, away);
    let after = ticks(&window);
    assert_eq!(after.start, before.start);
    assert!(after.end.abs_diff(before.end + 4000) < 60, "{after:?}");
    assert!(document(&window).notes.preview.is_none());
    // All of it by its label.
    let label = Pos2::new(place(&window, after.start as f64, 0.0).x + 40.0, plot(&window).top() + 8.0);
    drag(&mut window, label, label + vec2(-60.0, 0.0));
    let moved = ticks(&window);
    assert!(moved.start < after.start && moved.end - moved.start == after.end - after.start, "{moved:?}");
    line(&mut window, "undo");
    line(&mut window, "undo");
    assert_eq!(ticks(&window), before, "each drag is one step");
    // A double click on its line leads into the field of the label.
    let at = place(&window, before.start as f64, 2.0);
    point(&mut window, at);
    for pressed in [true, false, true, false] {
        let (button, modifiers) = (PointerButton::Primary, Modifiers::NONE);
        window.event(Event::PointerButton { pos: at, button, pressed, modifiers });
        window.step();
    }
    window.run();
    window.event(Event::Text("burst".to_owned()));
    window.run();
    window.key_press(Key::Enter);
    window.run();
    assert_eq!(document(&window).notes.annotations.get(id).unwrap().label, "burst");
    // Its range is a selection for everything that works on one.
    line(&mut window, "select-annotation");
    assert_eq!(document(&window).selection, Some(before));
}

#[test]
fn a_hundred_thousand_annotations_are_drawn_like_few() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(&folder, &demo(&folder, "day.rec"));
    let many = (0..100_000).map(|i| longwave::annotation::Annotation::new(f64::from(i) * 4e-5, 0.0, "x"));
    let all = longwave::annotation::Annotation::new(0.0, 4.0, "all of it");
    let list = many.chain([all]).collect();
    window.state_mut().document.as_mut().unwrap().notes.annotations.apply(Edit::Add(list));
    window.state_mut().push(Command::Panel(PanelCommand::Inspector(InspectorTab::Annotations)));
    window.run();
    assert!(sees(&window, "100\u{a0}001 annotations"), "{:#?}", window.root());
    line(&mut window, "show 3.9s..3.95s");
    line(&mut window, "next-annotation");
    assert!(document(&window).notes.selected().is_some_and(|a| a.start_secs > 3.9));
}

#[test]
fn streams_and_recordings_lie_beneath_on_the_same_axis() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (demo(&folder, "day.rec"), demo(&folder, "other.rec"));
    let mut window = opened(&folder, &path);
    let stream = document(&window).recording().streams.iter().find(|s| s.name != "ephys").unwrap().name.clone();
    line(&mut window, "inspector recording");
    window.get_by_label(&format!("Show {stream} beneath")).click();
    let exact = |w: &Window, n: usize| {
        let list = &document(w).companions.list;
        list.len() == n
            && list.iter().all(|c| c.picture.as_ref().is_some_and(|(columns, _)| columns.exact_share() >= 1.0))
    };
    until(&mut window, "its picture", |w| exact(w, 1));
    window.run();
    assert!(sees(&window, &format!("Traces of {stream}")), "{:#?}", window.root());
    // What is drawn are its own samples, over the frames that are seen above.
    line(&mut window, "show #30000..#60000");
    until(&mut window, "the picture of the range", |w| {
        let (columns, _) = document(w).companions.list[0].picture.as_ref().unwrap();
        columns.request.frames.start > 0 && columns.exact_share() >= 1.0
    });
    let companion = &document(&window).companions.list[0];
    let (columns, _) = companion.picture.as_ref().unwrap();
    let mut block = Block::default();
    let frames = columns.edges[10]..columns.edges[11];
    companion.source.read(companion.stream, frames, &[0], &mut block).unwrap();
    let mut stored = Vec::new();
    block.channel_f64(0, Default::default(), &mut stored);
    assert_eq!(columns.values[0][10].min, stored.iter().copied().fold(f64::INFINITY, f64::min));
    assert_eq!(columns.values[0][10].max, stored.iter().copied().fold(f64::NEG_INFINITY, f64::max));
    // Another recording, by the clock and by hand.
    line(&mut window, &format!("beside {}", other.display()));
    until(&mut window, "the other recording", |w| exact(w, 2));
    assert_eq!(document(&window).companions.list[1].alignment, Alignment::Clock);
    line(&mut window, "align -1.25");
    let time = document(&window).time().clone();
    let companion = &document(&window).companions.list[1];
    assert_eq!((companion.offset_secs(&time), companion.tick_of(&time, 30_000.0)), (-1.25, 67_500.0));
    line(&mut window, "nothing-beneath");
    assert!(document(&window).companions.list.is_empty() && !sees(&window, "Traces of"));
    assert!(vocabulary::parse("beneath nothing", window.state().document.as_ref(), None).is_err());
}

#[test]
fn annotated_ranges_are_measured_and_exported_and_heat_maps_show_means() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(&folder, &demo(&folder, "day.rec"));
    for range in ["0.2s..0.3s", "0.5s..0.75s"] {
        line(&mut window, &format!("select {range}"));
        line(&mut window, "category 1 here");
    }
    line(&mut window, "select-none");
    line(&mut window, "analyse stats scope=annotated:Event");
    until(&mut window, "the statistics", |w| document(w).results.list.iter().any(|r| r.done));
    let report = document(&window).results.list[0].report.clone().unwrap();
    let ranges = report.json["annotated"].as_array().unwrap();
    assert_eq!(ranges.len(), 2, "{}", report.json);
    assert_eq!(
        (ranges[1]["first_frame"].as_u64(), ranges[1]["frames"].as_u64()),
        (Some(14_999), Some(7500)),
        "a frame is missing before"
    );
    assert!(sees(&window, "Annotated ranges") && sees(&window, "--annotated Event"), "the form says the same");
    let target = folder.path().join("part.npy");
    line(&mut window, &format!("export {} scope=annotated:Event", target.display()));
    until(&mut window, "the files", |w| !w.state().jobs.any_running());
    assert!(folder.path().join("part 001 here.npy").is_file() && folder.path().join("part 002 here.npy").is_file());
    line(&mut window, &format!("export {} scope=annotated joined", target.display()));
    until(&mut window, "the file", |w| !w.state().jobs.any_running());
    // Four channels of two bytes, behind a header of 128.
    assert_eq!(std::fs::metadata(&target).unwrap().len(), 128 + (3000 + 7500) * 4 * 2);
    // The heat map of what needs sums: each cell is that of its samples.
    line(&mut window, "display heat-map");
    line(&mut window, "heat rms");
    until(&mut window, "the levels", |w| {
        document(w).pictures.levels.as_ref().is_some_and(|levels| levels.known.iter().all(|&known| known))
    });
    let levels = document(&window).pictures.levels.clone().unwrap();
    let cell = 3;
    let values = samples(document(&window), 2, levels.edges[cell]..levels.edges[cell + 1]);
    let level = levels.values[2][cell];
    let scale = document(&window).shown().channels[2].scale;
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    assert_eq!(level.count, values.len() as u64);
    assert!((level.mean_in(scale).unwrap() - mean).abs() < 1e-6 * mean.abs().max(1.0));
    assert!(sees(&window, "Colour bar, RMS about the middle"));
    line(&mut window, "heat mean");
    assert!(sees(&window, "Colour bar, mean, from the middle"));
}

#[test]
fn a_dragged_edge_snaps_to_a_cursor_and_with_alt_to_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(&folder, &demo(&folder, "day.rec"));
    line(&mut window, "show 1s..1.2s");
    line(&mut window, "select 1.05s..1.1s");
    line(&mut window, "category 1 mine");
    line(&mut window, "select-none");
    line(&mut window, "cursor a 1.15s");
    // Near to the cursor, but not on it, and not where the cursor itself would be taken hold of.
    let (from, to) = (place(&window, 33_000.0, 1.5), place(&window, 34_500.0, 1.5) - vec2(6.0, 0.0));
    let end = |w: &Window| document(w).ticks_of(&document(w).notes.annotations.list()[0]).end;
    drag_with(&mut window, from, to, Modifiers::ALT);
    let free = end(&window);
    assert!(free != 34_500 && free.abs_diff(34_500) < 400, "where the hand was: {free}");
    line(&mut window, "undo");
    assert_eq!(end(&window), 33_000);
    drag(&mut window, from, to);
    assert_eq!(end(&window), 34_500, "where the cursor is");
    line(&mut window, "undo");
    assert_eq!(end(&window), 33_000, "a drag is one step");
}

fn drag_with(window: &mut Window, from: Pos2, to: Pos2, modifiers: Modifiers) {
    let button = |pos, pressed| Event::PointerButton { pos, button: PointerButton::Primary, pressed, modifiers };
    window.event(Event::ModifiersChanged(modifiers));
    window.event(Event::PointerMoved(from));
    window.event(button(from, true));
    for i in 1..=8 {
        window.event(Event::PointerMoved(from.lerp(to, i as f32 / 8.0)));
        window.step();
    }
    window.event(button(to, false));
    window.run();
    window.event(Event::ModifiersChanged(Modifiers::NONE));
}
