//! Work that lasts, in the whole window without a screen: what was left is found again, workspaces are saved, moved and
//! opened, everything is undone, and lines and pictures are copied.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eframe::egui::{Key, Modifiers, OutputCommand};
use egui_kittest::kittest::Queryable as _;
use longwave::filter::Chain;
use longwave::gui::command::{
    ChannelCommand, Command, CopyCommand, FileCommand, FilterCommand, PanelCommand, ViewCommand,
};
use longwave::gui::dock::{Pane, PaneChange};
use longwave::source::OpenOptions;
use tempfile::TempDir;

use crate::common::{Window, document, sees, until, viewer, window_of};

const FRAMES: usize = 6000;
const CHANNELS: usize = 4;

/// A recording of noise at 1 kHz in `folder`; other seeds, other samples.
fn recording(folder: &Path, seed: u64) -> PathBuf {
    let path = folder.join("day.raw");
    let mut state = seed;
    let samples = (0..FRAMES * CHANNELS).flat_map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 48) as i16 / 16).to_le_bytes()
    });
    std::fs::write(&path, samples.collect::<Vec<u8>>()).unwrap();
    let options = OpenOptions {
        format: Some("raw".to_owned()),
        sample_type: Some(longwave::recording::SampleType::I16),
        channel_count: Some(CHANNELS),
        rate_hz: Some(1000.0),
        ..OpenOptions::default()
    };
    options.save_beside(&path).unwrap();
    path
}

fn window(folder: &TempDir, path: Option<&Path>) -> Window {
    window_of(folder.path(), viewer(path, OpenOptions::default()), (1400.0, 900.0))
}

/// Until the recording is there with its heights settled, and nothing works in the background.
fn until_open(window: &mut Window) {
    until(window, "an open recording", |w| {
        let document = w.state().document.as_ref();
        let settled = document.is_some_and(|d| d.pictures.overview.is_some() && d.lanes.half_range.is_some());
        settled && !w.state().jobs.any_running() && !w.state().jobs.any_awaited()
    });
}

fn push(window: &mut Window, command: Command) {
    window.state_mut().push(command);
    window.step();
    window.step();
}

/// Zooms, selects, hides one channel and raises another.
fn arrange(window: &mut Window) {
    push(window, Command::View(ViewCommand::Range(1000.0..3000.0)));
    push(window, Command::View(ViewCommand::Select(Some(1500..2500))));
    push(window, Command::Channels(ChannelCommand::Show(2, false)));
    push(window, Command::Channels(ChannelCommand::Gain(1, 3.0)));
    push(window, Command::View(ViewCommand::Amplitude(2.0)));
}

fn assert_arranged(window: &Window) {
    let document = document(window);
    let (start, end) = (document.viewport.start_tick(), document.viewport.end_tick());
    assert!((start - 1000.0).abs() < 1e-6 && (end - 3000.0).abs() < 1e-6, "{start} {end}");
    assert_eq!(document.selection, Some(1500..2500));
    assert_eq!(document.visible_channels(), [0, 1, 3]);
    assert_eq!((document.channels[1].gain, document.lanes.amplitude), (3.0, 2.0));
}

/// Until the state of the recording is on the disk.
fn until_kept(window: &mut Window, folder: &TempDir) {
    push(window, Command::File(FileCommand::Close));
    let states = folder.path().join("home/states");
    let kept = |file: std::fs::DirEntry| {
        std::fs::read_to_string(file.path()).is_ok_and(|text| text.contains("\"filter\": \"high-pass=20\""))
    };
    until(window, "a kept state", |_| std::fs::read_dir(&states).is_ok_and(|mut dir| dir.any(|f| f.is_ok_and(kept))));
    until(window, "a picture in the list", |_| {
        std::fs::read_to_string(folder.path().join("home/recent.json")).is_ok_and(|text| text.contains("\"sketch\""))
    });
}

#[test]
fn a_recording_continues_where_it_was_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), 1);
    let mut first = window(&folder, Some(&path));
    until_open(&mut first);
    arrange(&mut first);
    push(&mut first, Command::Filter(FilterCommand::Apply(Chain::parse("high-pass=20").unwrap())));
    until(&mut first, "the filter", |w| document(w).filter.is_some());
    until_open(&mut first);
    until_kept(&mut first, &folder);
    drop(first);

    let mut second = window(&folder, None);
    until(&mut second, "the list", |w| sees(w, "Continue with day.raw"));
    second.get_by_label("Continue with day.raw").click();
    until(&mut second, "the filter", |w| w.state().document.as_ref().is_some_and(|d| d.filter.is_some()));
    until_open(&mut second);
    assert_arranged(&second);
    assert_eq!(document(&second).filter.as_ref().unwrap().chain.to_string(), "high-pass=20");
    // What was left is where it begins: nothing to be undone.
    second.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    second.run();
    assert_arranged(&second);
    until_kept(&mut second, &folder);
    drop(second);

    // Other samples under the same name: told, and what fits is shown.
    recording(folder.path(), 2);
    let mut third = window(&folder, Some(&path));
    until(&mut third, "a word about it", |w| sees(w, "has changed since"));
    until_open(&mut third);
    assert_eq!(document(&third).visible_channels(), [0, 1, 3]);
}

#[test]
fn a_workspace_is_saved_moved_and_opened() {
    let folder = tempfile::tempdir().unwrap();
    let before = folder.path().join("before");
    std::fs::create_dir(&before).unwrap();
    let path = recording(&before, 3);
    let mut first = window(&folder, Some(&path));
    until_open(&mut first);
    arrange(&mut first);
    push(&mut first, Command::Panel(PanelCommand::Pane(Pane::Channels, PaneChange::Close)));
    let file = before.join("paper.longwave");
    push(&mut first, Command::File(FileCommand::SaveWorkspace(Some(file.clone()))));
    until(&mut first, "a saved workspace", |w| sees(w, "The workspace was saved"));
    assert_eq!(document(&first).kept.file.as_ref(), Some(&file));
    // It is kept up to date by itself, some seconds behind the last change.
    push(&mut first, Command::Channels(ChannelCommand::Gain(0, 7.0)));
    until(&mut first, "what was changed since", |_| {
        std::fs::read_to_string(&file).is_ok_and(|text| text.contains("\"gain\": 7.0"))
    });
    drop(first);
    std::fs::remove_dir_all(folder.path().join("home")).unwrap();

    let after = folder.path().join("after");
    std::fs::rename(&before, &after).unwrap();
    let mut second = window(&folder, Some(&after.join("paper.longwave")));
    until_open(&mut second);
    assert_arranged(&second);
    assert_eq!(document(&second).channels[0].gain, 7.0);
    assert!(!second.state().panels.dock.is_open(Pane::Channels), "the window is arranged, too");
    assert_eq!(document(&second).path, after.join("day.raw"));
    drop(second);

    std::fs::remove_file(after.join("day.raw")).unwrap();
    let mut third = window(&folder, Some(&after.join("paper.longwave")));
    until(&mut third, "the question where it is", |w| sees(w, "Where are the files?"));
    third.get_by_label("Locate day.raw");
    third.get_by_label("Cancel").click();
    until(&mut third, "an answer", |w| !sees(w, "Where are the files?"));
}

#[test]
fn broken_workspaces_are_told_about_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    for (text, hint) in [
        ("", "not a workspace"),
        ("[1, 2]", "not a workspace"),
        ("{\"longwave_workspace\": 1}", "names no recording"),
        ("{\"longwave_workspace\": 99, \"files\": [{\"path\": \"a\"}]}", "version 99"),
    ] {
        let file = folder.path().join("broken.longwave");
        std::fs::write(&file, text).unwrap();
        let mut window = window(&folder, Some(&file));
        until(&mut window, hint, |w| sees(w, hint));
        assert!(window.state().document.is_none());
    }
    // One in the place of a recording is no riddle either.
    let outer = folder.path().join("outer.longwave");
    std::fs::write(folder.path().join("inner.longwave"), "{\"longwave_workspace\": 1}").unwrap();
    std::fs::write(&outer, "{\"longwave_workspace\": 1, \"files\": [{\"path\": \"inner.longwave\"}]}").unwrap();
    let mut window = window(&folder, Some(&outer));
    until(&mut window, "a sentence", |w| sees(w, "in the place of a recording"));
}

#[test]
fn one_undo_takes_back_whatever_was_done_last() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), 4);
    let mut window = window(&folder, Some(&path));
    until_open(&mut window);
    push(&mut window, Command::Channels(ChannelCommand::Show(0, false)));
    window.key_press(Key::M);
    window.run();
    assert_eq!(document(&window).notes.annotations.list().len(), 1);
    push(&mut window, Command::View(ViewCommand::Range(500.0..900.0)));
    push(&mut window, Command::Filter(FilterCommand::Apply(Chain::parse("rectify").unwrap())));
    until(&mut window, "the filter", |w| document(w).filter.is_some());
    until_open(&mut window);
    let undo = |window: &mut Window| {
        window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
        window.step();
        window.step();
    };
    undo(&mut window);
    assert!(document(&window).filter.is_none());
    let view = |w: &Window| (document(w).viewport.start_tick(), document(w).viewport.end_tick());
    assert_eq!(view(&window), (500.0, 900.0), "the view has a history of its own");
    undo(&mut window);
    assert!(document(&window).notes.annotations.list().is_empty());
    assert!(!document(&window).channels[0].visible);
    undo(&mut window);
    assert!(document(&window).channels[0].visible);
    for _ in 0..3 {
        window.key_press_modifiers(Modifiers::COMMAND, Key::Y);
        window.step();
        window.step();
    }
    until(&mut window, "the filter again", |w| document(w).filter.is_some());
    assert!(!document(&window).channels[0].visible);
    assert_eq!(document(&window).notes.annotations.list().len(), 1);
}

#[test]
fn lines_and_pictures_are_copied() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), 5);
    let mut window = window(&folder, Some(&path));
    until_open(&mut window);
    push(&mut window, Command::View(ViewCommand::Select(Some(1500..2500))));
    window.state_mut().push(Command::Copy(CopyCommand::NumPy));
    let lines = |w: &Window| {
        w.output().platform_output.commands.iter().find_map(|c| match c {
            OutputCommand::CopyText(text) => Some(text.clone()),
            _ => None,
        })
    };
    let end = Instant::now() + crate::common::PATIENCE;
    let lines = loop {
        window.step();
        if let Some(lines) = lines(&window) {
            break lines;
        }
        assert!(Instant::now() < end, "no lines came");
        std::thread::sleep(Duration::from_millis(2));
    };
    assert!(lines.contains("np.ndarray((1000, 4), \"<i2\", raw, offset=12000, strides=(8, 2))"), "{lines}");
    window.state_mut().push(Command::Copy(CopyCommand::Picture));
    let mut size = [0, 0];
    let end = Instant::now() + crate::common::PATIENCE;
    while size == [0, 0] {
        window.step();
        for command in &window.output().platform_output.commands {
            if let OutputCommand::CopyImage(image) = command {
                size = image.size;
            }
        }
        assert!(Instant::now() < end, "no picture came");
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(size, [1400, 900]);
    // The form draws what is seen.
    push(&mut window, Command::Panel(PanelCommand::PictureForm));
    until(&mut window, "the form", |w| sees(w, "longwave shot"));
    assert!(sees(&window, "--size 180x100mm") && sees(&window, "--plain"));
}
