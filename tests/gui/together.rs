//! Windows that share files with each other and with recorders: what two of them change is kept, what is being written when
//! one is closed is written to the end, and everything on the screen grows with the recording that it is of.

use std::path::{Path, PathBuf};
use std::time::Duration;

use eframe::egui::{ViewportCommand, ViewportEvent, ViewportId};
use longwave::Error;
use longwave::annotation::store;
use longwave::gui::command::Command;
use longwave::gui::companions::{Alignment, Beneath, CompanionCommand};
use longwave::source::OpenOptions;
use tempfile::TempDir;

use crate::common::{Window, document, until, viewer, window_of};
use crate::growing::{append, frames, options, run};

fn recording(folder: &TempDir, name: &str, n: u64) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, frames(0, n)).unwrap();
    options().save_beside(&path).unwrap();
    path
}

/// A window of a user whose lists and states are in `home`.
fn window(home: &TempDir, paths: &[&Path]) -> Window {
    let viewer = viewer(paths.iter().copied(), OpenOptions::default());
    let mut window = window_of(home.path(), viewer, (1200.0, 800.0));
    until(&mut window, "the recording", |w| w.state().document.is_some() && !w.state().jobs.any_awaited());
    window
}

fn told(window: &Window, text: &str) -> bool {
    window.state().message_text().is_some_and(|message| message.contains(text))
}

fn labels(window: &Window) -> Vec<String> {
    document(window).notes.annotations.list().iter().map(|a| a.label.clone()).collect()
}

fn kept(recording: &Path) -> Vec<String> {
    let found = store::find(recording).unwrap();
    let mut labels: Vec<String> =
        found.iter().flat_map(|(_, stored)| &stored.annotations).map(|a| a.label.clone()).collect();
    labels.sort();
    labels
}

/// As the window system ends the program.
fn close(mut window: Window) {
    eframe::App::on_exit(window.state_mut());
}

#[test]
fn what_two_windows_note_about_one_recording_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(&folder, "day.raw", 5000);
    let (mut one, mut other) = (window(&folder, &[&path]), window(&folder, &[&path]));
    run(&mut one, "mark by the one");
    until(&mut one, "its annotation on the disk", |_| kept(&path) == ["by the one"]);
    run(&mut other, "mark by the other");
    until(&mut other, "both on the disk", |_| kept(&path).len() == 2);
    until(&mut other, "what came in", |w| told(w, "1 annotation came in"));
    assert_eq!(labels(&other).len(), 2);
    assert_eq!(labels(&one), ["by the one"], "it hears of it when it writes");
    run(&mut one, "mark later");
    until(&mut one, "all three", |w| labels(w).len() == 3);
    // What came in is no step of one's own.
    run(&mut one, "undo");
    assert_eq!(labels(&one), ["by the one", "by the other"]);
    run(&mut one, "undo");
    assert_eq!(labels(&one), ["by the other"]);
    close(one);
    assert_eq!(kept(&path), ["by the other"]);
    close(other);
    assert_eq!(kept(&path), ["by the other"], "the other has not put it in again");
}

#[test]
fn closing_waits_for_a_disk_that_is_slow() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(&folder, "day.raw", 5000);
    let mut window = window(&folder, &[&path]);
    run(&mut window, "mark first");
    until(&mut window, "the file", |_| kept(&path) == ["first"]);
    // Somebody holds the file for a moment, as a disk does that wakes up.
    let held = std::fs::File::open(store::find(&path).unwrap().unwrap().0).unwrap();
    held.lock().unwrap();
    let wait = move || {
        std::thread::sleep(Duration::from_millis(400));
        drop(held);
    };
    let slow = std::thread::Builder::new().name("slow-disk".to_owned()).spawn(wait).unwrap();
    run(&mut window, "mark second");
    run(&mut window, "select 1s..2s");
    close(window);
    assert_eq!(kept(&path), ["first", "second"]);
    slow.join().unwrap();
    let states = folder.path().join("home").join("states");
    let state = states.read_dir().unwrap().next().unwrap().unwrap().path();
    assert!(std::fs::read_to_string(state).unwrap().contains("\"selection\""));
}

#[test]
fn closing_a_recording_that_is_being_written_writes_it_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(&folder, "day.raw", 5000);
    let mut window = window(&folder, &[&path]);
    run(&mut window, "mark first");
    run(&mut window, "close");
    assert!(window.state().document.is_none());
    close(window);
    assert_eq!(kept(&path), ["first"]);
}

#[test]
fn opening_a_recording_again_shows_what_was_noted_a_moment_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(&folder, "day.raw", 5000);
    let mut window = window(&folder, &[&path]);
    run(&mut window, "mark first");
    run(&mut window, "reload");
    until(&mut window, "the recording as it was opened again", |w| {
        w.state().document.as_ref().is_some_and(|d| d.notes.kept_in.is_some() && d.notes.annotations.steps() == 0)
    });
    assert_eq!(labels(&window), ["first"]);
}

#[test]
fn a_window_whose_annotations_cannot_be_written_asks_before_it_closes() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(&folder, "day.raw", 5000);
    let mut window = window(&folder, &[&path]);
    let request = |window: &mut Window| {
        let root = window.input_mut().viewports.entry(ViewportId::ROOT).or_default();
        root.events.push(ViewportEvent::Close);
        window.step();
        let out = &window.output().viewport_output[&ViewportId::ROOT].commands;
        let cancelled = out.contains(&ViewportCommand::CancelClose);
        window.input_mut().viewports.entry(ViewportId::ROOT).or_default().events.clear();
        cancelled
    };
    run(&mut window, "mark first");
    let notes = &mut window.state_mut().document.as_mut().unwrap().notes;
    notes.trouble = Some(Error::invalid("the disk is full"));
    assert!(request(&mut window));
    assert!(told(&window, "the disk is full"), "{:?}", window.state().message_text());
    assert!(!request(&mut window), "the second time it is meant");
}

#[test]
fn filters_that_cannot_be_applied_outlive_the_next_saving() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(&folder, "day.raw", 5000);
    let file = folder.path().join("own.longwave");
    let mut first = window(&folder, &[&path]);
    run(&mut first, &format!("save-workspace {}", file.display()));
    until(&mut first, "the workspace", |w| told(w, "was saved"));
    close(first);
    // Above half the sampling rate: made for another recording.
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replacen("\"view\":", "\"filter\": \"low-pass=900\", \"view\":", 1);
    std::fs::write(&file, text).unwrap();
    let mut window = window(&folder, &[&file]);
    until(&mut window, "why", |w| told(w, "900"));
    run(&mut window, "select 1s..2s");
    close(window);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("low-pass=900") && text.contains("\"selection\""), "{text}");
}

#[test]
fn a_workspace_that_another_window_writes_is_left_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(&folder, "day.raw", 5000);
    let file = folder.path().join("own.longwave");
    let mut one = window(&folder, &[&path]);
    run(&mut one, &format!("save-workspace {}", file.display()));
    until(&mut one, "the workspace", |w| told(w, "was saved"));
    let mut other = window(&folder, &[&file]);
    run(&mut other, "select 1s..2s");
    close(other);
    run(&mut one, "select 3s..4s");
    until(&mut one, "what has become of it", |w| told(w, "own 2.longwave"));
    close(one);
    let selection = |name: &str| {
        let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        json["streams"].as_object().unwrap().values().next().unwrap()["selection"][0].as_u64()
    };
    assert_eq!((selection("own.longwave"), selection("own 2.longwave")), (Some(1000), Some(3000)));
}

#[test]
fn what_is_beneath_grows_with_its_recording() {
    let folder = tempfile::tempdir().unwrap();
    let (path, foreign) = (recording(&folder, "day.raw", 5000), recording(&folder, "aux.raw", 3000));
    let mut window = window(&folder, &[&path]);
    for path in [None, Some(foreign.clone())] {
        let wanted = Beneath { path, alignment: Alignment::Start, ..Beneath::default() };
        window.state_mut().push(Command::Companion(CompanionCommand::Add(wanted)));
        until(&mut window, "the companion", |w| !w.state().jobs.any_awaited());
    }
    let lengths = |w: &Window| document(w).companions.list.iter().map(|c| c.shown().frames).collect::<Vec<_>>();
    until(&mut window, "both companions", |w| lengths(w) == [5000, 3000]);
    append(&path, &frames(5000, 1000));
    until(&mut window, "the stream of the same recording", |w| lengths(w) == [6000, 3000]);
    append(&foreign, &frames(3000, 500));
    until(&mut window, "the stream of the other recording", |w| lengths(w) == [6000, 3500]);
    until(&mut window, "pictures to the end", |w| {
        document(w).companions.list.iter().all(|c| {
            let end = |(columns, _): &(std::sync::Arc<longwave::summary::Columns>, _)| columns.request.frames.end;
            c.picture.as_ref().map(end) == Some(c.shown().frames) && c.error.is_none()
        })
    });
    // Both again, and one that is put in meanwhile.
    append(&path, &frames(6000, 10));
    append(&foreign, &frames(3500, 10));
    let wanted = Beneath { alignment: Alignment::Start, ..Beneath::default() };
    window.state_mut().push(Command::Companion(CompanionCommand::Add(wanted)));
    until(&mut window, "all three", |w| lengths(w) == [6010, 3510, 6010]);
}

#[test]
fn a_file_in_the_middle_that_grows_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (first, last) = (recording(&folder, "day_1.raw", 3000), recording(&folder, "day_2.raw", 2000));
    let mut window = window(&folder, &[&first, &last]);
    assert_eq!(document(&window).unfiltered().frames, 5000);
    append(&first, &frames(3000, 700));
    until(&mut window, "what has happened", |w| told(w, "day_1.raw has grown, which is not the last"));
    assert_eq!(document(&window).unfiltered().frames, 5700);
    append(&last, &frames(2000, 100));
    until(&mut window, "the last goes on", |w| document(w).unfiltered().frames == 5800);
}
