//! The shell of the window: panels that dock and are kept, messages, names for screen readers, the keyboard, and rest.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use eframe::egui::{self, Key, Modifiers, Role, ViewportId};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use longwave::gui::command::{AnnotationCommand, Command, JobCommand, PanelCommand, Scope, ViewCommand};
use longwave::gui::dock::{PANES, Pane, PaneChange};
use longwave::gui::reading::ReadCommand;
use longwave::source::OpenOptions;

use crate::common::{Window, until, until_drawn, viewer, window_of};

const FRAMES: usize = 20_000;
const CHANNELS: usize = 3;

/// A recording of three channels at 1 kHz.
fn npy(folder: &Path) -> PathBuf {
    let path = folder.join("ramp.npy");
    let dict = format!("{{'descr': '<i2', 'fortran_order': False, 'shape': ({FRAMES}, {CHANNELS}), }}");
    let mut file = std::fs::File::create(&path).unwrap();
    let padded = format!("{dict:<117}\n");
    file.write_all(b"\x93NUMPY\x01\x00").unwrap();
    file.write_all(&(padded.len() as u16).to_le_bytes()).unwrap();
    file.write_all(padded.as_bytes()).unwrap();
    let samples: Vec<u8> =
        (0..FRAMES * CHANNELS).flat_map(|i| ((i / CHANNELS % 500) as i16 - 250).to_le_bytes()).collect();
    file.write_all(&samples).unwrap();
    path
}

fn window(folder: &Path, path: Option<PathBuf>) -> Window {
    let options = OpenOptions { rate_hz: Some(1000.0), ..OpenOptions::default() };
    window_of(folder, viewer(path, options), (1280.0, 800.0))
}

fn opened(folder: &tempfile::TempDir) -> Window {
    let path = npy(folder.path());
    let mut window = window(folder.path(), Some(path));
    until_drawn(&mut window);
    window
}

fn panel(window: &mut Window, command: PanelCommand) {
    window.state_mut().push(Command::Panel(command));
    window.run_steps(3);
}

fn is_shown(window: &Window, pane: Pane) -> bool {
    window.state().panels.dock.is_shown(pane)
}

#[test]
fn panels_are_moved_by_dragging_closed_by_their_cross_and_brought_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(&folder);
    assert!(is_shown(&window, Pane::Recording) && !is_shown(&window, Pane::Annotations));
    // Dropped on the lower half of the channels, it stands below them.
    let tab = window.get_by_role_and_label(Role::Tab, "Annotations").rect().center();
    let channels = window.get_by_label("Filter channels").rect();
    window.drag_at(tab);
    window.run_steps(2);
    for step in 1_u8..=10 {
        let target = egui::pos2(channels.center().x, 680.0);
        window.hover_at(tab + (target - tab) * f32::from(step) / 10.0);
        window.run_steps(1);
    }
    window.drop_at(egui::pos2(channels.center().x, 680.0));
    window.run_steps(4);
    assert!(is_shown(&window, Pane::Annotations) && is_shown(&window, Pane::Recording));
    assert!(is_shown(&window, Pane::Channels), "{:?}", window.state().panels.dock.layout());
    let below = window.get_by_role_and_label(Role::Tab, "Annotations").rect();
    assert!(below.left() < 300.0 && below.top() > 300.0, "{below}");
    window.get_by_label("Close Annotations").click();
    window.run_steps(3);
    assert!(!window.state().panels.dock.is_open(Pane::Annotations));
    window.get_by_label("Panels").click();
    window.run_steps(8);
    window.get_by_role_and_label(Role::CheckBox, "Annotations").click();
    window.run_steps(3);
    assert!(is_shown(&window, Pane::Annotations), "it keeps its place");
    window.get_by_label("Reset layout").click();
    window.run_steps(3);
    let home = window.get_by_role_and_label(Role::Tab, "Annotations").rect();
    assert!(home.left() > 800.0 && home.top() < 200.0, "{home}");
}

#[test]
fn the_keys_of_panels_work_and_the_traces_stay() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(&folder);
    for (key, pane) in [(Key::C, Pane::Channels), (Key::I, Pane::Recording), (Key::S, Pane::Spectrogram)] {
        let before = is_shown(&window, pane);
        window.key_press(key);
        window.run_steps(3);
        assert_eq!(is_shown(&window, pane), !before, "{key:?}");
        window.key_press(key);
        window.run_steps(3);
        assert_eq!(is_shown(&window, pane), before, "{key:?}");
    }
    for entry in PANES {
        panel(&mut window, PanelCommand::Pane(entry.pane, PaneChange::Close));
    }
    assert!(is_shown(&window, Pane::Traces));
    let traces = window.get_by_label_contains("Traces: ").rect();
    assert!(traces.width() > 1200.0, "they take all the room: {traces}");
    let larger = Modifiers::COMMAND | Modifiers::SHIFT;
    window.key_press_modifiers(larger, Key::Plus);
    window.run_steps(3);
    assert!((window.state().panels.dock.zoom() - 1.1).abs() < 1e-6);
}

/// What can be pressed, typed into or chosen.
fn is_interactive(role: Role) -> bool {
    matches!(
        role,
        Role::Button
            | Role::CheckBox
            | Role::RadioButton
            | Role::ComboBox
            | Role::TextInput
            | Role::MultilineTextInput
            | Role::SpinButton
            | Role::Slider
            | Role::Link
            | Role::Tab
            | Role::ColorWell
            | Role::Image
    )
}

/// Every interactive node of the window that has no name.
fn unnamed(window: &Window) -> Vec<String> {
    let nodes = window.query_all(egui_kittest::kittest::By::new().predicate(|node| {
        let node: &egui_kittest::kittest::AccessKitNode<'_> = node;
        let text = node.label().or_else(|| node.value()).unwrap_or_default();
        // A character of the icon font says nothing.
        let says = text.chars().any(|c| !('\u{e000}'..='\u{f8ff}').contains(&c) && !c.is_whitespace());
        is_interactive(node.role()) && !says
    }));
    nodes.map(|node| format!("{:?} at {}", node.accesskit_node().role(), node.rect())).collect()
}

#[test]
fn every_control_of_every_panel_and_dialog_has_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut empty = self::window(folder.path(), None);
    empty.run();
    assert_eq!(unnamed(&empty), Vec::<String>::new(), "the welcome screen");
    let mut window = opened(&folder);
    let mark = AnnotationCommand::Mark { category: None, at_tick: Some(10), label: "here".to_owned() };
    window.state_mut().push(Command::Annotation(mark));
    window.run_steps(3);
    for entry in PANES {
        panel(&mut window, PanelCommand::Pane(entry.pane, PaneChange::Show));
        assert_eq!(unnamed(&window), Vec::<String>::new(), "{}", entry.name);
    }
    for analysis in longwave::analysis::ANALYSES.iter().chain(longwave::analysis::DECODERS) {
        let commands = longwave::gui::vocabulary::parse(
            &format!("inspector {}", analysis.name),
            window.state().document.as_ref(),
            None,
        );
        commands.unwrap().into_iter().for_each(|command| window.state_mut().push(command));
        window.run_steps(3);
        assert_eq!(unnamed(&window), Vec::<String>::new(), "{}", analysis.name);
    }
    for (open, close) in [
        (PanelCommand::Help(true), PanelCommand::Help(false)),
        (PanelCommand::ExportForm(true), PanelCommand::ExportForm(false)),
        (PanelCommand::GoToForm(true), PanelCommand::GoToForm(false)),
        (PanelCommand::BudgetForm(true), PanelCommand::BudgetForm(false)),
        (PanelCommand::Palette(true), PanelCommand::Palette(false)),
        (PanelCommand::SettingsForm(true), PanelCommand::SettingsForm(false)),
    ] {
        panel(&mut window, open.clone());
        window.run_steps(4);
        assert_eq!(unnamed(&window), Vec::<String>::new(), "{open:?}");
        panel(&mut window, close);
    }
}

#[test]
fn tab_reaches_the_controls_of_every_region() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(&folder);
    let mut reached = std::collections::BTreeSet::new();
    for _ in 0..200 {
        window.key_press(Key::Tab);
        window.run_steps(1);
        let focused = window.query_all(egui_kittest::kittest::By::new().predicate(|n| n.is_focused()));
        reached.extend(focused.filter_map(|node| node.accesskit_node().label()));
    }
    let has = |part: &str| reached.iter().any(|name| name.contains(part));
    for part in [
        "Open…",
        "Help",
        "Panels",
        "Filter channels",
        "Show ",
        "Gain of",
        "Traces: ",
        "Measure",
        "Recording",
        "Memory: ",
    ] {
        assert!(has(part), "{part} is not among {reached:#?}");
    }
}

#[test]
fn the_reading_cursor_tells_time_and_value_of_what_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(&folder);
    let value = |window: &Window| window.get_by_label_contains("Traces: ").accesskit_node().value().unwrap_or_default();
    window.state_mut().push(Command::View(ViewCommand::Range(1000.0..1050.0)));
    window.run();
    until(&mut window, "samples", |w| {
        w.state().document.as_ref().unwrap().pictures.view.as_ref().is_some_and(|(c, _)| c.edges.len() < 2000)
    });
    window.state_mut().push(Command::View(ViewCommand::Read(ReadCommand::At(1010))));
    window.run();
    until(&mut window, "the value of a sample", |w| value(w).contains("-240") || value(w).contains("−240"));
    assert!(value(&window).contains("1.010"), "{}", value(&window));
    let keys = Modifiers::COMMAND | Modifiers::SHIFT;
    window.key_press_modifiers(keys, Key::ArrowRight);
    window.run();
    until(&mut window, "the next sample", |w| value(w).contains("239"));
    window.key_press_modifiers(keys, Key::ArrowDown);
    window.run();
    assert!(value(&window).contains("ch 1") || value(&window).contains('1'), "{}", value(&window));
}

/// How long the window would sleep now, if nothing happened.
fn sleeps(window: &Window) -> Duration {
    window.output().viewport_output[&ViewportId::ROOT].repaint_delay
}

#[test]
fn a_window_at_rest_paints_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(&folder);
    panel(&mut window, PanelCommand::Pane(Pane::Spectrogram, PaneChange::Show));
    // What ended is listed for a while; then nothing is due any more.
    until(&mut window, "rest", |w| sleeps(w) == Duration::MAX);
    for _ in 0..20 {
        window.step();
        std::thread::sleep(Duration::from_millis(5));
        // Only a reply may ask for a frame: of the gauge, for example, while other tests use memory.
        let causes = window.ctx.repaint_causes();
        let own = causes.iter().filter(|cause| !cause.file.ends_with("jobs.rs")).count();
        assert!(
            sleeps(&window) == Duration::MAX || own == 0,
            "a step without anything new asks for no other: {causes:?}"
        );
    }
    let mut empty = self::window(folder.path(), None);
    until(&mut empty, "rest of the welcome screen", |w| sleeps(w) == Duration::MAX);
}

#[test]
fn a_finished_analysis_that_is_not_seen_is_told_and_shown_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(&folder);
    let stats = longwave::analysis::named("stats").unwrap();
    let settings = longwave::form::Settings::defaults(stats.parameters);
    window.state_mut().push(Command::Job(JobCommand::Analyse { name: "stats", settings, scope: Scope::Everything }));
    until(&mut window, "the message", |w| w.query_by_label("Show result").is_some());
    window.get_by_label("Show result").click();
    window.run_steps(4);
    assert!(is_shown(&window, Pane::Analyse));
    assert!(window.query_by_label("Show result").is_none());
}
