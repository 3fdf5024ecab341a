//! The whole window without a screen: the real [`App`], driven by the labels that people and screen readers see, by
//! mouse and by keys. Workers answer when they do, so every expectation is polled for, with a generous end.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use eframe::egui::{
    self, Event, Key, Modifiers, MouseWheelSource, MouseWheelUnit, OutputCommand, PointerButton, Pos2, Role,
    TouchPhase, vec2,
};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use longwave::analysis::{self, View};
use longwave::budget::MemoryBudget;
use longwave::cli::Viewer;
use longwave::form::Settings;
use longwave::gui::command::{Command, ViewCommand};
use longwave::gui::jobs::JobState;
use longwave::scan::Selection;
use longwave::source::{OpenOptions, Source};
use longwave::task::Task;
use tempfile::TempDir;

use crate::common::{Window, document, sees, until, until_drawn, until_seen, viewer, window_of};

const MIB: u64 = 1 << 20;
/// Frames and channels of [`npy`].
const FRAMES: usize = 20_000;
const CHANNELS: usize = 3;
const NPY_RATE: f64 = 1000.0;

/// A window that was given `path` on the command line, or nothing; its files are in `folder`.
fn window_with_budget(folder: &TempDir, path: Option<PathBuf>, budget: MemoryBudget) -> Window {
    let viewer = Viewer { budget, ..viewer(path, OpenOptions::default()) };
    window_of(folder.path(), viewer, (1400.0, 900.0))
}

fn window(folder: &TempDir, path: Option<PathBuf>) -> Window {
    window_with_budget(folder, path, MemoryBudget::new(256 * MIB))
}

/// A window in which the file at `path` is open and drawn exactly.
fn opened(folder: &TempDir, path: &Path) -> Window {
    let mut window = window(folder, Some(path.to_path_buf()));
    until_drawn(&mut window);
    window
}

/// Clicks the only thing called `label` and draws until all is quiet.
fn click(window: &mut Window, label: &str) {
    window.get_by_label(label).click();
    window.run();
}

/// The same for a control of this role, where its name stands as text beside it or elsewhere, too.
fn click_role(window: &mut Window, role: Role, label: &str) {
    window.get_by_role_and_label(role, label).click();
    window.run();
}

fn push(window: &mut Window, command: ViewCommand) {
    window.state_mut().push(Command::View(command));
    window.run();
}

fn press(window: &mut Window, modifiers: Modifiers, key: Key) {
    window.key_press_modifiers(modifiers, key);
    window.run();
}

/// Types into the text field called `label`, in place of what is there.
fn type_into(window: &mut Window, label: &str, text: &str) {
    window.get_by_role_and_label(Role::TextInput, label).focus();
    window.run();
    window.key_press_modifiers(Modifiers::COMMAND, Key::A);
    window.get_by_role_and_label(Role::TextInput, label).type_text(text);
    window.run();
}

/// Where the traces are.
fn plot(window: &Window) -> egui::Rect {
    window.get_by_label_contains("Traces: ").rect()
}

/// Presses at `from`, moves to `to` in steps and lets go.
fn drag(window: &mut Window, from: Pos2, to: Pos2, modifiers: Modifiers) {
    let button = |pos, pressed| Event::PointerButton { pos, button: PointerButton::Primary, pressed, modifiers };
    window.event(Event::ModifiersChanged(modifiers));
    window.event(Event::PointerMoved(from));
    window.event(button(from, true));
    for i in 1..=8 {
        window.event(Event::PointerMoved(from.lerp(to, i as f32 / 8.0)));
    }
    window.event(button(to, false));
    window.event(Event::ModifiersChanged(Modifiers::NONE));
    window.run();
}

fn wheel(window: &mut Window, at: Pos2, points: f32, modifiers: Modifiers) {
    window.event(Event::ModifiersChanged(modifiers));
    window.event(Event::PointerMoved(at));
    let (unit, delta) = (MouseWheelUnit::Point, vec2(0.0, points));
    let source = MouseWheelSource::Wheel;
    window.event(Event::MouseWheel { unit, delta, modifiers, phase: TouchPhase::Move, source });
    // The scrolling is smooth: it takes some frames.
    window.run();
    window.event(Event::ModifiersChanged(Modifiers::NONE));
    window.run();
}

/// The demo recording, with its gaps.
fn demo(folder: &TempDir) -> PathBuf {
    let path = folder.path().join("demo.rec");
    longwave::demo::write_demo(&path, 4.0, 4, &Task::unattended(), false).unwrap();
    path
}

fn npy_header(shape: &str) -> Vec<u8> {
    let mut text = format!("{{'descr': '<i2', 'fortran_order': False, 'shape': {shape}, }}");
    while !(10 + text.len() + 1).is_multiple_of(64) {
        text.push(' ');
    }
    text.push('\n');
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend_from_slice(&(text.len() as u16).to_le_bytes());
    header.extend_from_slice(text.as_bytes());
    header
}

fn sample(frame: usize, channel: usize) -> i16 {
    ((frame as f64 / (20.0 + channel as f64)).sin() * 900.0) as i16 + (frame % 7) as i16 + 100 * channel as i16
}

/// An array of [`FRAMES`] × [`CHANNELS`] at [`NPY_RATE`], and the bytes of its samples.
fn npy(folder: &TempDir) -> (PathBuf, Vec<u8>) {
    let path = folder.path().join("made.npy");
    let samples: Vec<u8> =
        (0..FRAMES * CHANNELS).flat_map(|i| sample(i / CHANNELS, i % CHANNELS).to_le_bytes()).collect();
    let mut file = npy_header(&format!("({FRAMES}, {CHANNELS})"));
    file.extend_from_slice(&samples);
    std::fs::write(&path, file).unwrap();
    let options =
        OpenOptions { rate_hz: Some(NPY_RATE), gain: Some(0.5), unit: Some("mV".to_owned()), ..OpenOptions::default() };
    options.save_beside(&path).unwrap();
    (path, samples)
}

/// An array of zeros that takes no room: `frames` × 4.
fn sparse_npy(folder: &TempDir, name: &str, frames: u64) -> PathBuf {
    let path = folder.path().join(name);
    let header = npy_header(&format!("({frames}, 4)"));
    let mut file = File::create(&path).unwrap();
    file.write_all(&header).unwrap();
    file.set_len(header.len() as u64 + frames * 8).unwrap();
    path
}

/// What the library itself finds.
fn library(name: &str, path: &Path, selection: &Selection) -> View {
    let task = Task::unattended();
    let source: Arc<dyn Source> = longwave::source::open(path, &OpenOptions::default(), &task).unwrap();
    let analysis = analysis::named(name).unwrap();
    let settings = &Settings::defaults(analysis.parameters);
    let request =
        analysis::Request { source: &source, selection, settings, task: &task, summary: None, publish: &|_| {} };
    (analysis.run)(&request).unwrap().view
}

/// Names of the files in a folder, sorted.
fn listing(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn a_typed_path_opens_and_closes_and_is_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let path = demo(&folder);
    let mut window = window(&folder, None);
    window.run();
    window.get_by_label("Try the demo recording");
    type_into(&mut window, "Path of a recording", path.to_str().unwrap());
    click(&mut window, "Open path");
    until_drawn(&mut window);
    window.get_by_label("Picture exact");
    assert!(sees(&window, "4 channels · 30 kHz · 4 s"), "{:#?}", window.root());
    let gaps = document(&window).time().gaps().count();
    assert!(gaps > 0 && sees(&window, &format!("{gaps} gaps")), "the demo has gaps, and they are listed");
    click(&mut window, "Close");
    assert!(window.state().document.is_none());
    until_seen(&mut window, "demo.rec");
    click(&mut window, "demo.rec");
    until_drawn(&mut window);
}

#[test]
fn a_recording_is_compared_and_the_difference_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (path, samples) = npy(&folder);
    let other = folder.path().join("other.npy");
    let mut file = std::fs::read(&path).unwrap();
    let at = file.len() - samples.len() + (700 * CHANNELS + 1) * 2;
    let changed = i16::from_le_bytes([file[at], file[at + 1]]) + 40;
    file[at..at + 2].copy_from_slice(&changed.to_le_bytes());
    std::fs::write(&other, file).unwrap();
    std::fs::copy(OpenOptions::path_beside(&path), OpenOptions::path_beside(&other)).unwrap();
    let mut window = opened(&folder, &path);
    click(&mut window, "Recording");
    type_into(&mut window, "Path of the other recording", other.to_str().unwrap());
    click_role(&mut window, Role::Button, "Compare");
    until_seen(&mut window, "from frame 700 on");
    click(&mut window, "Show difference");
    until_seen(&mut window, "made.npy − other.npy");
    until_drawn(&mut window);
    let difference = document(&window);
    assert_eq!(difference.recording().streams[0].frames, FRAMES as u64);
    let (columns, _) = difference.pictures.view.as_ref().unwrap();
    let deepest = columns.values[1].iter().map(|v| v.min).fold(0.0, f64::min);
    assert_eq!(deepest, -40.0);
    assert!(columns.values[0].iter().all(|v| v.min == 0.0 && v.max == 0.0));
}

#[test]
fn wheel_and_keys_zoom_and_fit_shows_all_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(&folder, &demo(&folder));
    let all = document(&window).viewport;
    assert!(all.shows_all());
    let rect = plot(&window);
    let at = Pos2::new(rect.left() + 0.25 * rect.width(), rect.center().y);
    let x = f64::from(at.x - rect.left());
    let under = all.tick_at(x);
    for _ in 0..10 {
        wheel(&mut window, at, 50.0, Modifiers::NONE);
    }
    let view = document(&window).viewport;
    let expected = all.ticks() / 1.25_f64.powi(10);
    assert!((view.ticks() / expected - 1.0).abs() < 0.02, "{} instead of {expected}", view.ticks());
    assert!((view.x_of(under) - x).abs() < 1.0, "what is under the pointer stays there");
    until_drawn(&mut window);
    // Down to single samples, which are asked for one by one.
    for _ in 0..40 {
        wheel(&mut window, at, 100.0, Modifiers::NONE);
    }
    assert!(document(&window).viewport.ticks() <= 8.0 + 1e-9);
    until(&mut window, "single samples", |w| {
        document(w).pictures.view.as_ref().is_some_and(|(columns, _)| columns.request.bucket_frames == 1)
    });
    click(&mut window, "Fit");
    assert!(document(&window).viewport.shows_all());
    press(&mut window, Modifiers::NONE, Key::Backspace);
    assert!(!document(&window).viewport.shows_all(), "back to where the view was");
    press(&mut window, Modifiers::NONE, Key::F);
    assert!(document(&window).viewport.shows_all());
    push(&mut window, ViewCommand::ZoomCentre(4.0));
    assert!((document(&window).viewport.ticks() * 4.0 / all.ticks() - 1.0).abs() < 1e-6);
    // The wheel with Ctrl is about heights, with Alt about the number of lanes, not about time.
    let before = (document(&window).viewport, document(&window).lanes.clone());
    wheel(&mut window, rect.center(), 50.0, Modifiers::COMMAND);
    assert!(document(&window).lanes.amplitude > before.1.amplitude);
    wheel(&mut window, rect.center(), 50.0, Modifiers::ALT);
    assert!(document(&window).lanes.count < before.1.count);
    assert_eq!(document(&window).viewport, before.0);
}

#[test]
fn dragging_pans_and_with_shift_selects() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(&folder, &demo(&folder));
    push(&mut window, ViewCommand::Range(30_000.0..60_000.0));
    let rect = plot(&window);
    let (y, width) = (rect.center().y, rect.width());
    let (a, b) = (Pos2::new(rect.left() + 0.3 * width, y), Pos2::new(rect.left() + 0.6 * width, y));
    drag(&mut window, a, b, Modifiers::SHIFT);
    let selected = document(&window).selection.clone().unwrap();
    let near = |tick: u64, expected: f64| (tick as f64 - expected).abs() < 3.0 * 30_000.0 / f64::from(width);
    assert!(near(selected.start, 39_000.0) && near(selected.end, 48_000.0), "{selected:?}");
    assert_eq!(document(&window).viewport.start_tick(), 30_000.0, "selecting moves nothing");
    drag(&mut window, b, a, Modifiers::NONE);
    let start = document(&window).viewport.start_tick();
    assert!((start - 39_000.0).abs() < 3.0 * 30_000.0 / f64::from(width), "panned to {start}");
    press(&mut window, Modifiers::NONE, Key::E);
    let view = document(&window).viewport;
    assert_eq!((view.start_tick().round(), view.end_tick().round()), (selected.start as f64, selected.end as f64));
    press(&mut window, Modifiers::NONE, Key::Escape);
    assert_eq!(document(&window).selection, None);
    press(&mut window, Modifiers::COMMAND, Key::A);
    let end = document(&window).time().end_tick(document(&window).shown().frames);
    assert_eq!(document(&window).selection, Some(0..end));
}

/// The newest measurement is that of the selection as it is dragged on.
#[test]
fn a_selection_is_measured_while_it_changes() {
    use longwave::summary::{SidecarPolicy, Summary};
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = npy(&folder);
    let mut window = opened(&folder, &path);
    click_role(&mut window, Role::Tab, "Measure");
    let source = longwave::source::open(&path, &OpenOptions::default(), &Task::unattended()).unwrap();
    for end in [2_600, 3_000, 7_321] {
        push(&mut window, ViewCommand::Select(Some(2_500..end)));
        until(&mut window, "measurement", |w| {
            document(w).pictures.measured.as_ref().is_some_and(|m| m.of.frames == (2_500..end))
        });
        let measured = document(&window).pictures.measured.clone().unwrap();
        let longwave::gui::measured::Found::Exact(figures) = &measured.found else { panic!("{measured:?}") };
        let task = Task::unattended();
        let summary = Summary::open(std::sync::Arc::clone(&source), 0, task.budget(), &SidecarPolicy::Off).unwrap();
        let truth = summary.range(2_500..end, &[0, 1, 2], u64::MAX, &task).unwrap().unwrap();
        assert_eq!(*figures, truth);
    }
    window.run();
    assert!(sees(&window, "exact: every sample counted"));
}

#[test]
fn statistics_of_the_selection_are_the_librarys() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = npy(&folder);
    let mut window = opened(&folder, &path);
    push(&mut window, ViewCommand::Select(Some(2_500..7_321)));
    click_role(&mut window, Role::Tab, "Analyse");
    click(&mut window, "Compute");
    until(&mut window, "statistics", |w| document(w).results.list.iter().any(|r| r.name == "stats" && r.done));
    window.run();
    assert!(sees(&window, "4821"), "the count stands in the table");
    let selection = Selection { stream: 0, channels: vec![0, 1, 2], frames: 2_500..7_321 };
    let View::Table(table) = library("stats", &path, &selection) else { panic!("statistics are a table") };
    window.get_by_label("Copy as text").click();
    window.step();
    let copied = window.output().platform_output.commands.iter().find_map(|c| match c {
        OutputCommand::CopyText(text) => Some(text.clone()),
        _ => None,
    });
    let copied = copied.unwrap();
    let lines: Vec<Vec<&str>> = copied.lines().map(|l| l.split('\t').collect()).collect();
    assert_eq!(lines[0], table.columns.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(lines.len(), CHANNELS + 1);
    for (line, row) in lines[1..].iter().zip(&table.rows) {
        for (text, cell) in line.iter().zip(row) {
            match cell {
                analysis::Cell::Text(expected) => assert_eq!(text, expected),
                analysis::Cell::Integer(n) => assert_eq!(*text, n.to_string()),
                analysis::Cell::Bool(yes) => assert_eq!(*text, yes.to_string()),
                analysis::Cell::Number(x) => {
                    assert!((text.parse::<f64>().unwrap() - x).abs() <= 1e-9 * x.abs(), "{text} instead of {x}");
                }
            }
        }
    }
}

#[test]
fn the_spectrum_is_the_librarys_over_selection_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = npy(&folder);
    let mut window = opened(&folder, &path);
    push(&mut window, ViewCommand::Select(Some(1_000..19_000)));
    click_role(&mut window, Role::Tab, "Analyse");
    click_role(&mut window, Role::ComboBox, "Analysis");
    click(&mut window, "Power spectrum");
    for (choice, over, frames) in
        [("Selection", "1.000", 1_000..19_000), ("Whole recording", "the whole recording", 0..FRAMES as u64)]
    {
        click_role(&mut window, Role::RadioButton, choice);
        click(&mut window, "Compute");
        until(&mut window, "a spectrum", |w| {
            document(w).results.list.iter().any(|r| r.name == "spectrum" && r.done && r.over.contains(over))
        });
        window.run();
        assert!(sees(&window, "Over "));
        let selection = Selection { stream: 0, channels: vec![0, 1, 2], frames };
        let View::Curves(expected) = library("spectrum", &path, &selection) else { panic!("a spectrum is curves") };
        let shown = document(&window).results.list.iter().find(|r| r.name == "spectrum").unwrap();
        let Some(View::Curves(found)) = shown.report.as_ref().map(|r| &r.view) else { panic!("no curves are shown") };
        assert_eq!(found.x, expected.x);
        assert_eq!(found.series.len(), CHANNELS);
        for ((name, found), (expected_name, expected)) in found.series.iter().zip(&expected.series) {
            assert_eq!(name, expected_name);
            let total: f64 = expected.iter().sum();
            assert!(total > 0.0);
            for (a, b) in found.iter().zip(expected) {
                assert!((a - b).abs() <= 1e-9 * b.abs() + 1e-12 * total, "{a} instead of {b}");
            }
        }
    }
}

/// A serial line at ten frames a bit that says `text`.
fn serial_npy(folder: &TempDir, text: &[u8]) -> PathBuf {
    let bits =
        |byte: &u8| (0..10).map(|k| if k == 0 { 0 } else { i16::from(k == 9 || byte >> (k - 1) & 1 == 1) }).collect();
    let line = text.iter().flat_map(|byte| -> Vec<i16> { bits(byte) });
    let idle = std::iter::repeat_n(1, 20);
    let line: Vec<i16> = idle.clone().chain(line).chain(idle).flat_map(|bit| [3300 * bit; 10]).collect();
    let path = folder.path().join("line.npy");
    let mut file = npy_header(&format!("({}, 1)", line.len()));
    file.extend(line.iter().flat_map(|x| x.to_le_bytes()));
    std::fs::write(&path, file).unwrap();
    OpenOptions { rate_hz: Some(96_000.0), ..OpenOptions::default() }.save_beside(&path).unwrap();
    path
}

#[test]
fn a_serial_line_is_decoded_into_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = serial_npy(&folder, b"Longwave!");
    let mut window = opened(&folder, &path);
    click_role(&mut window, Role::Tab, "Decode");
    click_role(&mut window, Role::RadioButton, "Whole recording");
    click(&mut window, "Compute");
    until(&mut window, "the bytes", |w| document(w).results.list.iter().any(|r| r.name == "uart" && r.done));
    window.run();
    let shown = document(&window).results.list.iter().find(|r| r.name == "uart").unwrap();
    let Some(View::Events(events)) = shown.report.as_ref().map(|r| &r.view) else { panic!("no bytes are shown") };
    let said: Vec<u8> = events.places.iter().map(|place| place.value as u8).collect();
    assert_eq!(said, b"Longwave!");
    assert!(sees(&window, "9 bytes") && sees(&window, "9600"));
}

#[test]
fn the_spectrogram_stands_under_the_traces_and_its_click_shows_a_spectrum() {
    let folder = tempfile::tempdir().unwrap();
    let path = demo(&folder);
    let mut window = opened(&folder, &path);
    press(&mut window, Modifiers::NONE, Key::S);
    until(&mut window, "a spectrogram", |w| document(w).pictures.gram.picture.is_some());
    until_seen(&mut window, "Colour bar, ");
    let rect = window.get_by_label_contains("Spectrogram of ").rect();
    assert!(rect.top() > plot(&window).center().y && (rect.left() - plot(&window).left()).abs() < 1.5);
    assert!((rect.width() - plot(&window).width()).abs() < 1.5, "the same time axis");
    window.get_by_label_contains("Spectrogram of ").click();
    window.run();
    until_seen(&mut window, "One window of 8192 frames");
    press(&mut window, Modifiers::NONE, Key::Escape);
    window.run();
    assert!(document(&window).pictures.gram.spectrum_at.is_none());
    click(&mut window, "Close Spectrogram");
    until(&mut window, "the panel is gone", |w| w.query_by_label_contains("Spectrogram of ").is_none());
}

#[test]
fn an_export_holds_the_selection_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let (path, samples) = npy(&folder);
    let mut window = opened(&folder, &path);
    push(&mut window, ViewCommand::Select(Some(1_234..5_678)));
    click(&mut window, "Export…");
    let target = folder.path().join("cut.npy");
    type_into(&mut window, "Target file", target.to_str().unwrap());
    until_seen(&mut window, "Free on the disk");
    until(&mut window, "an export that can start", |w| {
        !w.get_by_role_and_label(Role::Button, "Export").accesskit_node().is_disabled()
    });
    click_role(&mut window, Role::Button, "Export");
    until_seen(&mut window, "wrote ");
    let (dismiss, exact) = (window.get_by_label("Dismiss Export to cut.npy"), window.get_by_label("Picture exact"));
    assert!(dismiss.rect().right() < exact.rect().left(), "the status bar has room for both");
    let written = std::fs::read(&target).unwrap();
    let payload = &samples[1_234 * CHANNELS * 2..5_678 * CHANNELS * 2];
    assert!(written.starts_with(b"\x93NUMPY") && written.ends_with(payload));
    let options = OpenOptions::default();
    let again = longwave::source::open(&target, &options, &Task::unattended()).unwrap();
    let stream = &again.recording().streams[0];
    assert_eq!((stream.frames, stream.channels.len(), stream.time.rate_hz()), (4_444, CHANNELS, NPY_RATE));
    assert_eq!((stream.channels[1].scale.gain, stream.channels[1].unit.as_str()), (0.5, "mV"));

    // The same target again is refused until the box is ticked.
    press(&mut window, Modifiers::COMMAND, Key::E);
    type_into(&mut window, "Target file", target.to_str().unwrap());
    until_seen(&mut window, "Replace the file that is there");
    assert!(window.get_by_role_and_label(Role::Button, "Export").accesskit_node().is_disabled());
    click(&mut window, "Cancel");
    assert!(!sees(&window, "Replace the file that is there"));
    assert_eq!(std::fs::read(&target).unwrap(), written);
}

/// Waits until a job of this kind runs, stops it by its button and waits until it says so.
fn stop(window: &mut Window, title: &str) {
    let button = format!("Stop {title}");
    until_seen(window, &button);
    let is_stopped = |window: &Window| {
        let job = window.state().jobs.list.iter().find(|j| j.title.starts_with(title));
        job.is_some_and(|j| j.task.is_cancelled())
    };
    // It stands beside a rate that changes its width with every frame: a click may miss.
    for _ in 0..20 {
        if let Some(full) = window.query_all_by_label_contains(&button).next() {
            full.click();
        }
        window.run_steps(2);
        if is_stopped(window) {
            break;
        }
    }
    until(window, "a stopped job", |w| {
        let job = w.state().jobs.list.iter().find(|j| j.title.starts_with(title));
        job.is_some_and(|j| matches!(j.state, JobState::Cancelled))
    });
    window.run();
    assert!(sees(window, " stopped"), "{:#?}", window.root());
}

#[test]
fn stopped_work_says_so_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // 20 GB that take no room.
    let path = sparse_npy(&folder, "long.npy", 2_500_000_000);
    let mut window = window(&folder, Some(path.clone()));
    until(&mut window, "a picture", |w| w.state().document.as_ref().is_some_and(|d| d.pictures.view.is_some()));
    assert!(sees(&window, "exact"), "an estimate is marked");
    stop(&mut window, "Summary");
    click_role(&mut window, Role::Tab, "Analyse");
    click_role(&mut window, Role::RadioButton, "Whole recording");
    window.get_by_label("Compute").click();
    stop(&mut window, "Statistics");
    assert!(document(&window).results.list.iter().all(|r| r.name != "stats"), "no half result looks like a whole one");
    drop(window);
    until_left(&folder, &["long.npy"]);
}

#[test]
fn a_stopped_export_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = sparse_npy(&folder, "long.npy", 100_000_000);
    let mut window = window(&folder, Some(path));
    until(&mut window, "a picture", |w| w.state().document.as_ref().is_some_and(|d| d.pictures.view.is_some()));
    window.run();
    if window.state().jobs.any_running() {
        stop(&mut window, "Summary");
    }
    push(&mut window, ViewCommand::SelectAll);
    press(&mut window, Modifiers::COMMAND, Key::E);
    click_role(&mut window, Role::RadioButton, "In physical units");
    until(&mut window, "an export that can start", |w| {
        !w.get_by_role_and_label(Role::Button, "Export").accesskit_node().is_disabled()
    });
    window.get_by_role_and_label(Role::Button, "Export").click();
    stop(&mut window, "Export to");
    assert!(!sees(&window, "wrote "));
    drop(window);
    until_left(&folder, &["long.npy"]);
}

/// Until nothing is in the folder but these, the sidecars of the peaks and what is kept for the user.
fn until_left(folder: &TempDir, expected: &[&str]) {
    let end = Instant::now() + crate::common::PATIENCE;
    loop {
        let mut left = listing(folder.path());
        left.retain(|n| n != "home" && !n.ends_with(".lwpeaks"));
        if left == expected {
            return;
        }
        assert!(Instant::now() < end, "{left:?} is left");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_broken_file_is_told_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = npy(&folder);
    let whole = std::fs::read(&path).unwrap();
    let broken = folder.path().join("broken.npy");
    std::fs::write(&broken, &whole[..40]).unwrap();
    let mut window = window(&folder, Some(broken));
    until_seen(&mut window, " Error");
    assert!(sees(&window, "broken.npy") && sees(&window, "byte"), "{:#?}", window.root());
    assert!(sees(&window, "compare its size with the original"), "{:#?}", window.root());
    assert!(!sees(&window, "Describe as raw file…"), "what is broken is not raw");
    click(&mut window, "Dismiss message");
    assert!(!sees(&window, " Error"));
    // A file that is not there.
    type_into(&mut window, "Path of a recording", folder.path().join("nowhere.rec").to_str().unwrap());
    click(&mut window, "Open path");
    until_seen(&mut window, " Error");
    assert!(sees(&window, "nowhere.rec"));
}

#[test]
fn an_unknown_file_can_be_described_and_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("probe.xyz");
    let wave = |i: usize| ((i as f64 / 40.0).sin() * 3000.0) as i16;
    let bytes: Vec<u8> = (0..40_000).flat_map(|i| [wave(i), wave(i / 3) / 2]).flat_map(i16::to_le_bytes).collect();
    std::fs::write(&path, bytes).unwrap();
    let mut window = window(&folder, Some(path.clone()));
    until_seen(&mut window, "Describe as raw file…");
    click(&mut window, "Describe as raw file…");
    window.get_by_label("Describe this file");
    until(&mut window, "a preview", |w| !w.get_by_role_and_label(Role::Button, "Open").accesskit_node().is_disabled());
    type_into(&mut window, "Rate", "1000");
    window.get_by_role_and_label(Role::SpinButton, "Channels").set_value_accesskit(2.0);
    window.run();
    until(&mut window, "a preview of two channels", |w| sees(w, "40") && sees(w, "frames"));
    click_role(&mut window, Role::Button, "Open");
    until(&mut window, "the raw file", |w| w.state().document.is_some());
    let stream = document(&window).shown();
    assert_eq!((stream.channels.len(), stream.frames, stream.time.rate_hz()), (2, 40_000, 1000.0));
    until_drawn(&mut window);
    let beside = OpenOptions::path_beside(&path);
    until(&mut window, "the description beside the file", |_| beside.is_file());
    // Described once, it opens by itself the next time.
    drop(window);
    let window = opened(&folder, &path);
    assert_eq!(document(&window).shown().channels.len(), 2);
}

#[test]
fn channels_are_hidden_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(&folder, &demo(&folder));
    let name = document(&window).shown().channels[1].name.clone();
    click_role(&mut window, Role::CheckBox, &format!("Show {name}"));
    assert_eq!(document(&window).visible_channels(), [0, 2, 3]);
    window.get_by_label("3 of 4 shown");
    until(&mut window, "a picture without it", |w| {
        document(w).pictures.view.as_ref().is_some_and(|(columns, _)| columns.request.channels == [0, 2, 3])
    });
    click(&mut window, "Hide all");
    assert!(document(&window).visible_channels().is_empty());
    press(&mut window, Modifiers::NONE, Key::A);
    assert_eq!(document(&window).visible_channels(), [0, 1, 2, 3]);
    press(&mut window, Modifiers::NONE, Key::C);
    assert!(!sees(&window, "Hide all"), "the list itself can be hidden");
}

#[test]
fn time_is_written_in_the_format_that_is_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(&folder, &demo(&folder));
    let choose = |window: &mut Window, format: &str| {
        click(window, "How times are written");
        click_role(window, Role::RadioButton, format);
    };
    choose(&mut window, "Frames");
    assert!(sees(&window, "Traces: #0 to #"), "{:#?}", window.root());
    choose(&mut window, "Clock");
    assert!(sees(&window, "Traces: 2024-05-17"), "{:#?}", window.root());
    press(&mut window, Modifiers::NONE, Key::T);
    assert!(sees(&window, "Traces: #0 to #"), "the key goes on to the next format");
    press(&mut window, Modifiers::NONE, Key::T);
    assert!(!sees(&window, "Traces: #") && !sees(&window, "Traces: 2024"));
    // To a time, by the dialog.
    push(&mut window, ViewCommand::Range(0.0..3_000.0));
    press(&mut window, Modifiers::NONE, Key::G);
    window.get_by_label("Go to");
    window.event(Event::Text("2s".to_owned()));
    window.run();
    press(&mut window, Modifiers::NONE, Key::Enter);
    let view = document(&window).viewport;
    assert!((f64::midpoint(view.start_tick(), view.end_tick()) - 60_000.0).abs() < 2.0, "{view:?}");
}

#[test]
fn help_opens_by_key_and_closes_by_escape() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(&folder, &demo(&folder));
    window.event(Event::Text("?".to_owned()));
    window.run();
    window.get_by_label("Mouse and keys");
    window.get_by_label_contains("Zoom time at the pointer");
    press(&mut window, Modifiers::NONE, Key::Escape);
    assert!(!sees(&window, "Mouse and keys"));
    click_role(&mut window, Role::Button, "Help");
    window.get_by_label("Mouse and keys");
    // The title line has a button of this name, too; that of the dialog is drawn above it.
    window.get_all_by_role_and_label(Role::Button, "Close").last().unwrap().click();
    window.run();
    assert!(!sees(&window, "Mouse and keys") && window.state().document.is_some());
}

#[test]
fn the_memory_gauge_sets_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let budget = MemoryBudget::new(256 * MIB);
    let mut window = window_with_budget(&folder, Some(demo(&folder)), budget.clone());
    until_drawn(&mut window);
    let gauge = |w: &Window| w.get_by_label_contains("Memory: ").rect().center();
    assert!(sees(&window, "of 256 MiB"));
    window.get_by_label_contains("Memory: ").click();
    window.run();
    click(&mut window, "128 MiB");
    assert_eq!(budget.limit(), 128 * MIB);
    until_seen(&mut window, "of 128 MiB");
    assert!(!sees(&window, "Set limit"), "the form is closed when it is done");
    window.get_by_label_contains("Memory: ").click();
    window.run();
    type_into(&mut window, "Memory limit", "200 MiB");
    click(&mut window, "Set limit");
    assert_eq!(budget.limit(), 200 * MIB);
    window.hover_at(gauge(&window));
    window.run();
    until_seen(&mut window, "Own memory");
}

#[test]
fn an_idle_window_is_not_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(&folder, &demo(&folder));
    until(&mut window, "quiet", |w| {
        w.output().viewport_output[&egui::ViewportId::ROOT].repaint_delay > Duration::from_secs(1)
    });
    // As the system does it: a frame whenever one is asked for. The gauge may ask for four a second; anything that
    // keeps drawing by itself asks for many more.
    let asked = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&asked);
    window.ctx.set_request_repaint_callback(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    let (start, mut drawn) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_millis(1500) {
        if asked.swap(0, Ordering::Relaxed) > 0 {
            window.step();
            drawn += 1;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(drawn <= 16, "{drawn} frames of an idle window");
}

/// Something that was dropped on the window.
#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|e| e.to_string())
    }
}

fn drop_on(window: &mut Window, paths: &[PathBuf]) {
    for path in paths {
        window.input_mut().dropped_files.push(Arc::new(Dropped(path.clone())));
    }
    window.step();
}

#[test]
fn dropped_folders_and_files_open_their_session() {
    let folder = tempfile::tempdir().unwrap();
    let day = folder.path().join("day");
    std::fs::create_dir(&day).unwrap();
    let files: Vec<PathBuf> = ["20240517_rat_02_b.rec", "20240517_rat_01_a.rec"].map(|n| day.join(n)).to_vec();
    for file in &files {
        longwave::demo::write_demo(file, 1.0, 2, &Task::unattended(), false).unwrap();
    }
    let open = |w: &Window| w.state().document.as_ref().map(|d| d.recording().name.clone());
    let parts = |w: &Window| -> Vec<PathBuf> { document(w).source.parts().iter().map(|p| p.path.clone()).collect() };
    // A folder of one session: at once, in its order.
    let mut window = window(&folder, None);
    drop_on(&mut window, std::slice::from_ref(&day));
    until(&mut window, "the session", |w| open(w).as_deref() == Some("20240517_rat"));
    assert_eq!(parts(&window), [files[1].clone(), files[0].clone()]);
    until_drawn(&mut window);
    // A folder of two: the user chooses.
    let other = day.join("20240518_rat_01_a.rec");
    longwave::demo::write_demo(&other, 0.5, 2, &Task::unattended(), false).unwrap();
    drop_on(&mut window, std::slice::from_ref(&day));
    until_seen(&mut window, "Which session?");
    window.run();
    assert!(sees(&window, "2 files"));
    press(&mut window, Modifiers::NONE, Key::Escape);
    assert!(!sees(&window, "Which session?") && window.state().document.is_some());
    drop_on(&mut window, std::slice::from_ref(&day));
    until_seen(&mut window, "Which session?");
    window.run();
    click(&mut window, "20240518_rat");
    until(&mut window, "the other session", |w| open(w).as_deref() == Some("20240518_rat_01_a.rec"));
    assert!(!sees(&window, "Which session?") && document(&window).path == other);
    // Several files in any order: as one recording, in the order of their names.
    drop_on(&mut window, &files);
    until(&mut window, "the files", |w| open(w).as_deref() == Some("20240517_rat"));
    assert_eq!(document(&window).source.parts().len(), 2);
    // Another stream of the session.
    let stream = document(&window).recording().stream_index("ECU_analog").unwrap();
    window.state_mut().push(Command::File(longwave::gui::command::FileCommand::Stream(stream)));
    until(&mut window, "the other stream", |w| w.state().document.as_ref().is_some_and(|d| d.stream == stream));
    assert_eq!(parts(&window), [files[1].clone(), files[0].clone()]);
}
