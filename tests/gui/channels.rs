//! Channels at scale in the whole window: order, groups, displays, logic levels and rows of events, by the lines that
//! scripts are made of and by the labels that people see.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use longwave::gui::channels::{Display, Heights};
use longwave::gui::vocabulary::parse;
use longwave::source::OpenOptions;
use longwave::task::Task;
use tempfile::TempDir;

use crate::common::{Window, document, push_line, until_drawn, viewer, window_of};

fn opened(folder: &TempDir, path: &Path) -> Window {
    let rate_hz = if path.extension().is_some_and(|e| e == "rec") { None } else { Some(1000.0) };
    let options = OpenOptions { rate_hz, ..OpenOptions::default() };
    let mut window = window_of(folder.path(), viewer([path], options), (1400.0, 900.0));
    until_drawn(&mut window);
    window
}

/// Does what a line of a script says.
fn say(window: &mut Window, line: &str) {
    push_line(window, line);
    window.step();
    until_drawn(window);
}

fn refused(window: &Window, line: &str) -> String {
    parse(line, window.state().document.as_ref(), None).unwrap_err().to_string()
}

/// `frames` × `channels` in C order.
fn npy(folder: &TempDir, descr: &str, shape: (usize, usize), bytes: &[u8]) -> PathBuf {
    let (frames, channels) = shape;
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({frames}, {channels}), }}");
    while !(10 + text.len() + 1).is_multiple_of(64) {
        text.push(' ');
    }
    text.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend_from_slice(&(text.len() as u16).to_le_bytes());
    file.extend_from_slice(text.as_bytes());
    file.extend_from_slice(bytes);
    let path = folder.path().join("made.npy");
    std::fs::write(&path, file).unwrap();
    path
}

/// Eight channels of a slow wave, each its own size; `ch 3` fifty times as large.
fn waves(folder: &TempDir) -> PathBuf {
    let value = |frame: usize, channel: usize| {
        let size = if channel == 3 { 20_000.0 } else { 300.0 + 20.0 * channel as f64 };
        ((frame as f64 / 30.0).sin() * size) as i16
    };
    let bytes: Vec<u8> = (0..8 * 4000).flat_map(|i| value(i / 8, i % 8).to_le_bytes()).collect();
    npy(folder, "<i2", (4000, 8), &bytes)
}

#[test]
fn channels_are_arranged_by_lines() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(&folder, &waves(&folder));
    for line in
        ["move 6-7 1", "hide 4", "gain 0-1 2.5", "offset 2 -0.5", "invert 5", "colour 0 vermilion", "colour 1 #102030"]
    {
        say(&mut window, line);
    }
    let shown = document(&window);
    assert_eq!(shown.visible_channels(), [0, 6, 7, 1, 2, 3, 5]);
    let views = &shown.channels;
    assert_eq!((views[0].gain, views[1].gain, views[2].offset, views[5].inverted), (2.5, 2.5, -0.5, true));
    assert_eq!(views[1].colour.unwrap().to_array(), [0x10, 0x20, 0x30, 255]);
    assert!(views[0].colour.is_some());
    for line in ["colour 0-7 auto", "reset-channels 0-7", "unhide 4", "order file"] {
        say(&mut window, line);
    }
    assert_eq!(document(&window).visible_channels(), (0..8).collect::<Vec<_>>());
    assert!(document(&window).channels.iter().all(|view| view.gain == 1.0 && view.colour.is_none() && !view.inverted));
    // Picked and moved by keys, as by mouse.
    say(&mut window, "pick 2,5");
    window.key_press_modifiers(Modifiers::ALT, Key::ArrowDown);
    until_drawn(&mut window);
    assert_eq!(document(&window).visible_channels(), [0, 1, 3, 2, 4, 6, 5, 7]);
    window.get_by_label("Move the picked channels up").click();
    until_drawn(&mut window);
    assert_eq!(document(&window).visible_channels(), (0..8).collect::<Vec<_>>());
    for (line, hint) in [
        ("order depth", "where the contacts"),
        ("colour-by shank", "where the contacts"),
        ("hide-bad", "analyse health"),
        ("display pie", "butterfly"),
        ("heights -3", "above 0"),
        ("gain 0 0", "above 0"),
        ("gain 0", "not channels and a value"),
        ("colour 0 mud", "#rrggbb"),
        ("fold nowhere", "no groups"),
        ("tracks DIO", "no event tracks"),
        ("move 1 99", "99"),
    ] {
        let said = refused(&window, line);
        assert!(said.contains(hint), "{line}: {said}");
    }
}

#[test]
fn a_trace_far_too_large_is_cut_and_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(&folder, &waves(&folder));
    window.get_by_label_contains("ch 3 is cut where it reaches farther");
    let half = |window: &Window, c: usize| document(window).lanes.half_range.as_ref().unwrap()[c];
    let common = half(&window, 0);
    assert_eq!(common, half(&window, 3), "one range for all of a unit");
    say(&mut window, "heights each");
    assert!(window.query_by_label_contains("is cut where").is_none(), "each in its own lane");
    assert!(half(&window, 3) > 30.0 * half(&window, 0) && half(&window, 0) < half(&window, 7));
    say(&mut window, "heights 1000");
    assert_eq!(document(&window).lanes.heights, Heights::Fixed(1000.0));
    assert_eq!((half(&window, 0), half(&window, 3)), (450.0, 450.0));
    say(&mut window, "heights common");
    assert_eq!(half(&window, 0), common);
    say(&mut window, "overlap 0.25");
    assert_eq!(document(&window).lanes.overlap, 0.25);
}

#[test]
fn displays_are_chosen_by_button_key_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(&folder, &waves(&folder));
    window.get_by_label("Heat map").click();
    until_drawn(&mut window);
    assert_eq!(document(&window).lanes.display, Display::HeatMap);
    window.get_by_label_contains("Colour bar, largest distance from the middle, stored values");
    say(&mut window, "heat peak-to-peak");
    window.get_by_label_contains("Colour bar, peak to peak");
    window.key_press(Key::D);
    until_drawn(&mut window);
    assert_eq!(document(&window).lanes.display, Display::Stacked);
    // Over each other, all channels are on the screen, wherever the lanes were.
    say(&mut window, "lanes 0.25");
    assert_eq!(document(&window).pictured_channels(), [0, 1]);
    say(&mut window, "display butterfly");
    assert_eq!(document(&window).pictured_channels(), (0..8).collect::<Vec<_>>());
    window.key_press(Key::ArrowDown);
    until_drawn(&mut window);
    assert_eq!(document(&window).lanes.first, 0.0, "there is nothing to scroll");
}

#[test]
fn a_thousand_channels_are_one_screen_of_colours() {
    let folder = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..1024_usize * 600).flat_map(|i| ((i * 37 % 200) as i16).to_le_bytes()).collect();
    let mut window = opened(&folder, &npy(&folder, "<i2", (600, 1024), &bytes));
    assert_eq!(document(&window).lanes.count, 128.0);
    say(&mut window, "display heat-map");
    assert_eq!((document(&window).lanes.count, document(&window).pictured_channels().len()), (1024.0, 1024));
    say(&mut window, "display stacked");
    assert_eq!(document(&window).lanes.count, 128.0);
}

#[test]
fn channels_of_bits_are_levels_in_lower_lanes() {
    let folder = tempfile::tempdir().unwrap();
    // A wave, a clock, a pulse of one sample, and what is never 1.
    let value = |frame: usize, channel: usize| match channel {
        0 => (frame % 200) as u8,
        1 => (frame / 8 % 2) as u8,
        2 => u8::from(frame == 1777),
        _ => 0,
    };
    let bytes: Vec<u8> = (0..4 * 4000).map(|i| value(i / 4, i % 4)).collect();
    let mut window = opened(&folder, &npy(&folder, "|u1", (4000, 4), &bytes));
    let logic = |window: &Window| document(window).channels.iter().map(|view| view.is_logic()).collect::<Vec<_>>();
    assert_eq!(logic(&window), [false, true, true, false]);
    let stack = document(&window).stack();
    assert!((stack.height() - 2.8).abs() < 1e-9 && document(&window).lanes.count == stack.height());
    say(&mut window, "kind 3 logic");
    say(&mut window, "kind 1 line");
    assert_eq!(logic(&window), [false, false, true, true]);
    say(&mut window, "kind 0-3 auto");
    assert_eq!(logic(&window), [false, true, true, false]);
}

#[test]
fn digital_lines_of_the_recording_have_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("demo.rec");
    longwave::demo::write_demo(&path, 4.0, 4, &Task::unattended(), false).unwrap();
    let mut window = opened(&folder, &path);
    let names: Vec<String> = document(&window).recording().events.iter().map(|t| t.name.clone()).collect();
    say(&mut window, &format!("tracks {}", names[0]));
    say(&mut window, "tracks all");
    let end = document(&window).time().secs_at_end(document(&window).shown().frames);
    for (i, name) in names.iter().enumerate() {
        let track = document(&window).results.tracks.of(name).unwrap().unwrap();
        let mut events = Vec::new();
        for start in 0..end.ceil() as u64 {
            document(&window).source.read_events(i, start as f64..(start + 1) as f64, &mut events).unwrap();
        }
        // A reader tells the state at the start of each question, too.
        let mut levels: Vec<u8> = events.iter().map(|e| e.label.parse().unwrap()).collect();
        levels.dedup();
        assert_eq!(track.levels, levels, "{name}");
        assert!(track.is_logic() && track.frames.windows(2).all(|w| w[0] < w[1]));
    }
    window.get_by_label_contains(&format!("Rows of events: {}", names[0]));
    say(&mut window, "tracks none");
    assert!(window.query_by_label_contains("Rows of events").is_none());
    assert!(refused(&window, "tracks nothing").contains(&names[0]));
}

#[test]
fn places_found_have_a_row_for_each_channel() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(&folder, &waves(&folder));
    say(&mut window, "analyse find above=200 scope=everything");
    window.key_press(Key::R);
    until_drawn(&mut window);
    assert!(document(&window).lanes.events.found);
    window.get_by_label_contains("Rows of events: ch 0 ");
}

#[test]
fn lanes_follow_the_probe_that_a_metadata_file_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("demo.rec");
    longwave::demo::write_demo(&path, 1.0, 32, &Task::unattended(), false).unwrap();
    let mut window = opened(&folder, &path);
    assert!(refused(&window, "order depth").contains("probe META.yml"));
    let map = |first: usize| (0..4).map(|i| format!("{i}: {}", first + i)).collect::<Vec<_>>().join(", ");
    let mut text = "electrode_groups: [{id: 0, device_type: 32c-2s8mm6cm-20um-40um-dl}]\n\
                    ntrode_electrode_group_channel_map:\n"
        .to_owned();
    for trode in 0..8 {
        let (id, map) = (trode + 1, map(trode * 4));
        text.push_str(&format!("- {{ntrode_id: {id}, electrode_group_id: 0, bad_channels: [], map: {{{map}}}}}\n"));
    }
    let meta = folder.path().join("day one.yml");
    std::fs::write(&meta, text).unwrap();
    say(&mut window, &format!("probe \"{}\"", meta.display()));
    let end = Instant::now() + Duration::from_secs(60);
    while document(&window).lanes.list.order.is_empty() {
        assert!(Instant::now() < end, "{:#?}", window.root());
        until_drawn(&mut window);
    }
    // On the first shank the contacts go down one by one; on the second every other one is the higher of its pair.
    let second = (16..32).map(|c| if c % 2 == 0 { c + 1 } else { c - 1 });
    assert_eq!(document(&window).visible_channels(), (0..16).chain(second).collect::<Vec<_>>());
    say(&mut window, "order file");
    say(&mut window, "colour-by shank");
    let colours = document(&window).channel_colours(true);
    assert!(colours[0] == colours[15] && colours[15] != colours[16] && colours[16] == colours[31]);
    say(&mut window, "order depth");
    assert_eq!(document(&window).visible_channels()[16], 17);
}
