//! A recording that is being written, in the real window without a screen: it grows on the screen while the view, the
//! selection, annotations, channels and filters stay; what its files do is told in words.

use std::path::{Path, PathBuf};
use std::time::Duration;

use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use longwave::budget::MemoryBudget;
use longwave::gui::following::Growth;
use longwave::gui::jobs::Reply;
use longwave::summary::{SidecarPolicy, Summary};
use tempfile::TempDir;

use crate::common::{Window, document, until, until_seen, viewer, window_of};
use crate::growing::{append, frames, options, run};

fn window(folder: &TempDir, path: &Path) -> Window {
    let mut window = window_of(folder.path(), viewer([path], options()), (1400.0, 900.0));
    until(&mut window, "the recording", |w| w.state().document.is_some());
    window
}

/// Until so many frames are drawn exactly.
fn until_frames(window: &mut Window, frames: u64) {
    until(window, "the frames that were appended", |w| {
        let Some(document) = &w.state().document else { return false };
        let drawn = document.pictures.overview.as_ref().is_some_and(|c| c.request.frames.end == frames);
        let exact = document.pictures.view.as_ref().is_some_and(|(columns, _)| columns.exact_share() >= 1.0);
        document.unfiltered().frames == frames && drawn && exact
    });
}

fn recording(folder: &TempDir, name: &str, n: u64) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, frames(0, n)).unwrap();
    path
}

#[test]
fn a_recording_grows_on_the_screen_and_can_be_followed() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(&folder, "day.raw", 10_000);
    let mut window = window(&folder, &path);
    until_frames(&mut window, 10_000);
    assert!(window.query_by_label("Follow").is_none());
    for line in ["select 1s..2s", "mark first", "hide 1", "show 4s..6s"] {
        run(&mut window, line);
    }
    // Half a frame is none yet.
    append(&path, &frames(10_000, 5000)[..19_999]);
    until_frames(&mut window, 14_999);
    until_seen(&mut window, "is being written");
    let view = |w: &Window| (document(w).viewport.start_tick(), document(w).viewport.end_tick());
    assert_eq!(view(&window), (4000.0, 6000.0));
    append(&path, &frames(10_000, 5000)[19_999..]);
    until_frames(&mut window, 15_000);

    // The key follows the end; moving away ends that; the button and the End key begin it again.
    window.key_press_modifiers(Modifiers::SHIFT, Key::F);
    until(&mut window, "the end in view", |w| view(w) == (13_000.0, 15_000.0));
    append(&path, &frames(15_000, 1000));
    until_frames(&mut window, 16_000);
    assert_eq!(view(&window), (14_000.0, 16_000.0));
    run(&mut window, "page-left");
    append(&path, &frames(16_000, 1000));
    until_frames(&mut window, 17_000);
    assert_eq!(view(&window), (12_000.0, 14_000.0));
    window.key_press(Key::End);
    append(&path, &frames(17_000, 1000));
    until_frames(&mut window, 18_000);
    assert_eq!(view(&window), (16_000.0, 18_000.0));
    window.get_by_label("Follow").click();
    window.run();
    assert!(!document(&window).live.follow);

    // What the user had done is as it was.
    let now = document(&window);
    assert_eq!(now.selection, Some(1000..2000));
    assert_eq!(now.notes.annotations.list().len(), 1);
    assert_eq!(now.visible_channels(), [0]);
    assert!(now.live.growth == Growth::Growing && !window.state().jobs.any_running());

    // It stops, and then all of it is kept.
    until_seen(&mut window, "has stopped growing; it is 18");
    until_seen(&mut window, "■ Stopped");
    until(&mut window, "a complete sidecar", |w| {
        let source = std::sync::Arc::clone(document(w).raw_source());
        let budget = MemoryBudget::new(64 << 20);
        let kept = Summary::open(source, 0, &budget, &SidecarPolicy::Auto).unwrap();
        kept.is_complete() && kept.sidecar_path().is_some()
    });
}

#[test]
fn filters_grow_with_the_recording() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(&folder, "day.raw", 8000);
    let mut window = window(&folder, &path);
    run(&mut window, "filter high-pass=50");
    until(&mut window, "the filter", |w| document(w).filter.is_some());
    append(&path, &frames(8000, 3000));
    until_frames(&mut window, 11_000);
    let now = document(&window);
    assert_eq!(now.shown().frames, 11_000);
    assert_eq!(now.filter.as_ref().unwrap().chain.to_string(), "high-pass=50");
    run(&mut window, "remove-filter");
    until(&mut window, "no filter", |w| document(w).filter.is_none());
    append(&path, &frames(11_000, 1000));
    until_frames(&mut window, 12_000);
}

#[test]
fn it_is_told_when_files_are_cut_replaced_changed_or_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(&folder, "day.raw", 10_000);
    let mut window = window(&folder, &path);
    until_frames(&mut window, 10_000);
    run(&mut window, "mark note");
    std::fs::write(&path, frames(500, 4000)).unwrap();
    until_seen(&mut window, "was cut from");
    until_frames(&mut window, 4000);
    assert_eq!(document(&window).notes.annotations.list().len(), 1);

    let other = recording(&folder, "other", 5000);
    std::fs::rename(&other, &path).unwrap();
    until_seen(&mut window, "was replaced by another file");
    until_frames(&mut window, 5000);

    // Changed in place: what is drawn is drawn anew.
    let spike = |w: &Window| {
        let (columns, _) = document(w).pictures.view.as_ref().unwrap();
        columns.values[0].iter().any(|v| v.max == 12_345.0)
    };
    assert!(!spike(&window));
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &12_345_i16.to_le_bytes(), 4000).unwrap();
    until_seen(&mut window, "was changed without growing");
    until(&mut window, "what is in the file now", |w| document(w).pictures.view.is_some() && spike(w));

    let aside = folder.path().join("aside");
    std::fs::rename(&path, &aside).unwrap();
    until_seen(&mut window, "is not there any more");
    std::fs::rename(&aside, &path).unwrap();
    until_seen(&mut window, "is there again");

    // Emptied, and begun again.
    std::fs::write(&path, []).unwrap();
    until_seen(&mut window, "is shown again when it can be read");
    append(&path, &frames(0, 2000));
    until_frames(&mut window, 2000);
    assert!(window.state().jobs.list.iter().all(|job| !job.is_running()));
}

#[test]
fn a_recording_goes_on_in_the_next_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(&folder, "day_1.raw", 10_000);
    let next = folder.path().join("day_2.raw");
    let mut window = window(&folder, &path);
    until_frames(&mut window, 10_000);
    run(&mut window, "show 1s..3s");
    // It appears before it holds a frame.
    std::fs::write(&next, []).unwrap();
    append(&path, &frames(10_000, 500));
    until_frames(&mut window, 10_500);
    append(&next, &frames(10_500, 700));
    until_frames(&mut window, 11_200);
    until_seen(&mut window, "goes on in day_2.raw");
    append(&next, &frames(11_200, 300));
    until_frames(&mut window, 11_500);
    let now = document(&window);
    assert_eq!(now.paths(), [path, next]);
    assert_eq!((now.viewport.start_tick(), now.viewport.end_tick()), (1000.0, 3000.0));
}

#[test]
fn what_rests_is_not_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(&folder, "day.raw", 10_000);
    let mut window = window(&folder, &path);
    until_frames(&mut window, 10_000);
    window.run();
    // Some looks at the file.
    std::thread::sleep(Duration::from_millis(1200));
    let told = window.state().jobs.take_replies().into_iter().any(|reply| matches!(reply, Reply::Followed(_)));
    assert!(!told, "nothing is told, so that nothing is drawn");
}
