//! The window under random commands: every verb of the vocabulary, with arguments that make sense and such that do not,
//! beside keys, wheel and mouse, on recordings of several kinds, one of which is being written meanwhile.
//!
//! Nothing may panic, on any thread; everything that was started must end; what is at rest must not be drawn; and memory
//! must not grow from round to round. It takes half a minute; `LONGWAVE_SOAK_MINUTES` makes it longer and
//! `LONGWAVE_SOAK_SEED` another one. When it fails it says the seed and the last commands.
#![cfg(feature = "gui")]
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
use std::alloc::System as Allocator;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cap::Cap;
use common::Random;
use eframe::egui::{
    self, Event, Key, Modifiers, MouseWheelSource, MouseWheelUnit, PointerButton, TouchPhase, pos2, vec2,
};
use egui_kittest::Harness;
use longwave::budget::MemoryBudget;
use longwave::cli::Viewer;
use longwave::gui::App;
use longwave::gui::vocabulary::{self, Verb};
use longwave::source::OpenOptions;
use longwave::task::Task;
#[cfg(any(target_os = "linux", target_os = "macos"))]
use tikv_jemallocator::Jemalloc as Allocator;

/// How long it takes unless it is told.
const DEFAULT: Duration = Duration::from_secs(30);
/// Nothing may be under way for longer.
const PATIENCE: Duration = Duration::from_secs(120);
/// Commands before everything must come to rest.
const ROUND: u64 = 60;
/// Rounds, at least, in which caches, threads and fonts find their size.
const WARM_UP: usize = 4;
/// What the heap may go up and down by: atlases of fonts and a log that is bounded.
const SLACK: usize = 4 << 20;
/// What the process holds of the system may be more than that by what the allocator has not given back yet.
const RESIDENT_SLACK: u64 = 32 << 20;
const SIZE: (f32, f32) = (1280.0, 800.0);

type Window = Harness<'static, App>;

/// The program's allocator, and a count of what is allocated and not yet given back.
#[global_allocator]
static HEAP: Cap<Allocator> = Cap::new(Allocator, usize::MAX);

/// Verbs that are not run: they end the window, ask the system for a dialog or a screen, or write to the user's folders.
const LEFT_OUT: [&str; 7] = ["quit", "open-file", "save-workspace-as", "demo", "screenshot", "size", "full-screen"];

/// Arguments by what the verb calls them, and such as fit nothing.
fn argument(verb: &Verb, files: &Path, random: &mut Random) -> String {
    let number = |random: &mut Random| {
        let numbers = ["0.5", "2", "-1", "0", "1e9", "1e-9", "-0.25", "NaN", "inf", "1e400", "0.999", "17", "-1e18"];
        pick(&numbers, random).to_owned()
    };
    let time = |random: &mut Random| match random.below(5) {
        0 => format!("{:.3}s", random.below(40_000) as f64 / 1000.0),
        1 => format!("#{}", random.below(1 << 20)),
        2 => format!("0:{:02}:{:02}.5", random.below(99), random.below(99)),
        3 => "2024-05-17T09:30:01Z".to_owned(),
        _ => pick(&["", "-3s", "#-1", "99999999999999999999s", "noon", "::", "1e30s"], random).to_owned(),
    };
    let path = |random: &mut Random| {
        let names = ["a.npy", "b.rec", "grows.raw", "broken.rec", "nothing.npy", "empty.npy", ".", "b.rec/x"];
        files.join(pick(&names, random)).display().to_string()
    };
    let target = |random: &mut Random| {
        let names = ["o.npy", "o.csv", "o.raw", "o.nwb", "o.png", "o.svg", "o.wav", "o", "no/where.npy"];
        format!("{} {}", files.join("out").join(pick(&names, random)).display(), pick(&["", "scope=visible"], random))
    };
    match (verb.name, verb.argument) {
        ("export" | "export-annotations" | "save-workspace" | "save-result", _) => target(random),
        _ if random.below(12) == 0 => {
            pick(&["", "x", "\u{0}", "é=…", "a=b c=d", "-", "9999999999999999999999"], random).to_owned()
        }
        (_, "FILE" | "[FILE]") => path(random),
        (_, "A..B") => format!("{}..{}", time(random), time(random)),
        (_, "TIME") => time(random),
        (_, "BYTES") => pick(&["64MiB", "256MiB", "1GiB", "1", "0", "-5", "99999 PiB"], random).to_owned(),
        (_, "LIST") => pick(&["0", "0-1", "1,0", "0-99", "ch 1", "*", "2-1", ","], random).to_owned(),
        (_, "CHAIN") => pick(&FILTERS, random).to_owned(),
        ("analyse", _) => {
            let analyses = longwave::analysis::ANALYSES;
            let name = analyses[random.below(analyses.len() as u64) as usize].name;
            format!("{name} {}", pick(&["", "scope=visible", "window=256", "window=0", "above=200", "hop=-1"], random))
        }
        (_, "NAME") => {
            let names =
                ["measure", "stats", "spectrum", "filter", "annotations", "recording", "ephys", "counter", "none"];
            pick(&names, random).to_owned()
        }
        (_, "NUMBER [LABEL]") => format!("{} of it", random.below(12)),
        (_, argument) if argument.contains('|') => {
            let choices: Vec<&str> = argument.trim_matches(['[', ']']).split('|').collect();
            pick(&choices, random).to_owned()
        }
        _ => match random.below(6) {
            0 => time(random),
            1 => String::new(),
            2 => "a word".to_owned(),
            _ => number(random),
        },
    }
}

const FILTERS: [&str; 9] = [
    "band-pass=300..3000",
    "high-pass=10; rectify",
    "notch=50",
    "decimate=7",
    "reference=cmr",
    "moving-average=0.01; derivative",
    "low-pass=0",
    "band-pass=9..1",
    "nothing=5",
];

fn pick<'a>(list: &[&'a str], random: &mut Random) -> &'a str {
    list[random.below(list.len() as u64) as usize]
}

/// Says what led to a failure.
struct Diary {
    seed: u64,
    last: VecDeque<String>,
}

impl Diary {
    fn note(&mut self, line: String) {
        if self.last.len() == 60 {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }
}

impl Drop for Diary {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let lines = Vec::from(std::mem::take(&mut self.last)).join("\n");
            eprintln!("LONGWAVE_SOAK_SEED={}; the last commands were\n{lines}", self.seed);
        }
    }
}

/// The recordings: an array, a `.rec` with gaps, one that grows, and three that are none.
fn make_files(folder: &Path) {
    std::fs::create_dir(folder.join("out")).unwrap();
    longwave::demo::write_demo(&folder.join("a.npy"), 2.0, 3, &Task::unattended(), false).unwrap();
    longwave::demo::write_demo(&folder.join("b.rec"), 4.0, 4, &Task::unattended(), false).unwrap();
    std::fs::write(folder.join("grows.raw"), vec![1; 4000]).unwrap();
    let described = OpenOptions {
        sample_type: Some(longwave::recording::SampleType::I16),
        channel_count: Some(2),
        rate_hz: Some(1000.0),
        ..OpenOptions::default()
    };
    described.save_beside(&folder.join("grows.raw")).unwrap();
    let whole = std::fs::read(folder.join("b.rec")).unwrap();
    std::fs::write(folder.join("broken.rec"), &whole[..whole.len() / 90]).unwrap();
    std::fs::write(folder.join("empty.npy"), []).unwrap();
}

struct Soak {
    window: Window,
    random: Random,
    diary: Diary,
    files: PathBuf,
}

impl Soak {
    fn step(&mut self) {
        self.window.step();
    }

    /// One random thing that a user or a script may do.
    fn act(&mut self) {
        match self.random.below(10) {
            0 => self.key(),
            1 => self.wheel(),
            2 => self.drag(),
            _ => self.command(),
        }
        for _ in 0..=self.random.below(3) {
            self.step();
        }
    }

    fn command(&mut self) {
        let verbs: Vec<&Verb> = vocabulary::verbs().filter(|verb| !LEFT_OUT.contains(&verb.name)).collect();
        // One in six opens something, so that most of the time something is open.
        let open = self.window.state().document.is_none() && self.random.below(2) == 0;
        let named = |name: &str| verbs.iter().copied().find(|verb| verb.name == name);
        let any = verbs[self.random.below(verbs.len() as u64) as usize];
        let verb = if open { named("open").unwrap_or(any) } else { any };
        let mut line = verb.name.to_owned();
        if !verb.argument.is_empty() || self.random.below(40) == 0 {
            let argument = argument(verb, &self.files, &mut self.random);
            if argument.trim().is_empty() && ["compare", "save-workspace"].contains(&verb.name) {
                return; // it would ask for a file with the system's dialog
            }
            write!(line, " {argument}").unwrap();
        }
        self.run(&line);
    }

    fn run(&mut self, line: &str) {
        self.diary.note(line.to_owned());
        if let Ok(commands) = vocabulary::parse(line, self.window.state().document.as_ref(), None) {
            commands.into_iter().for_each(|command| self.window.state_mut().push(command));
        }
        self.step();
    }

    fn key(&mut self) {
        const KEYS: [Key; 12] = [
            Key::Escape,
            Key::ArrowLeft,
            Key::ArrowRight,
            Key::ArrowUp,
            Key::Tab,
            Key::Enter,
            Key::Home,
            Key::End,
            Key::M,
            Key::Space,
            Key::F,
            Key::Num3,
        ];
        let key = KEYS[self.random.below(KEYS.len() as u64) as usize];
        let modifiers = [Modifiers::NONE, Modifiers::SHIFT, Modifiers::ALT][self.random.below(3) as usize];
        // Enter presses whatever has the focus: in a dialog that asks for a file, that opens the system's.
        if key == Key::Enter || key == Key::Space {
            self.diary.note("Escape before".to_owned());
            self.window.key_press(Key::Escape);
            self.step();
        }
        if key != Key::Enter {
            self.diary.note(format!("{modifiers:?} {key:?}"));
            self.window.key_press_modifiers(modifiers, key);
        }
    }

    /// Somewhere on the traces and what is beside and below them.
    fn place(&mut self) -> egui::Pos2 {
        pos2(240.0 + self.random.below(600) as f32, 130.0 + self.random.below(620) as f32)
    }

    fn wheel(&mut self) {
        let at = self.place();
        let points = self.random.signed() as f32 * 400.0;
        let modifiers = [Modifiers::NONE, Modifiers::SHIFT, Modifiers::COMMAND][self.random.below(3) as usize];
        self.diary.note(format!("wheel {points} at {at:?} with {modifiers:?}"));
        self.window.event(Event::PointerMoved(at));
        let (unit, phase) = (MouseWheelUnit::Point, TouchPhase::Move);
        let (delta, source) = (vec2(0.0, points), MouseWheelSource::Wheel);
        self.window.event(Event::MouseWheel { unit, delta, modifiers, phase, source });
    }

    fn drag(&mut self) {
        let (from, to) = (self.place(), self.place());
        let modifiers = if self.random.below(2) == 0 { Modifiers::SHIFT } else { Modifiers::NONE };
        self.diary.note(format!("drag {from:?} to {to:?} with {modifiers:?}"));
        let button = |pos, pressed| Event::PointerButton { pos, button: PointerButton::Primary, pressed, modifiers };
        for event in [Event::PointerMoved(from), button(from, true), Event::PointerMoved(to), button(to, false)] {
            self.window.event(event);
            self.step();
        }
        self.window.event(Event::PointerGone);
    }

    /// Stops and closes everything, and waits until all of it is at rest; what is allocated then, bytes.
    fn rest(&mut self, panics: &AtomicUsize) -> usize {
        for line in ["play-at 0", "cancel-jobs", "close", "memory-limit 256MiB", "theme dark"] {
            self.run(line);
        }
        let end = Instant::now() + PATIENCE;
        loop {
            self.window.key_press(Key::Escape);
            self.step();
            let app = self.window.state();
            if !app.jobs.any_running() && !app.jobs.any_awaited() && app.document.is_none() {
                break;
            }
            if app.document.is_some() {
                self.run("close");
            }
            assert!(Instant::now() < end, "something does not come to rest: {:?}", self.running());
            std::thread::sleep(Duration::from_millis(10));
        }
        // Nothing asks for a frame any more; what has failed stays listed until it is dismissed.
        let failed: Vec<_> = self.window.state().jobs.list.iter().map(|job| job.id).collect();
        for id in failed {
            self.window.state_mut().jobs.dismiss(id);
        }
        let drawn = self.window.try_run();
        assert!(drawn.is_ok(), "what is at rest is drawn again and again: {drawn:?}");
        assert_eq!(panics.load(Ordering::Relaxed), 0, "something has panicked");
        HEAP.allocated()
    }

    fn running(&self) -> Vec<&str> {
        self.window.state().jobs.list.iter().filter(|job| job.is_running()).map(|job| job.title.as_str()).collect()
    }
}

#[test]
fn random_commands_leave_the_window_sound() {
    let minutes = std::env::var("LONGWAVE_SOAK_MINUTES").ok().and_then(|text| text.parse::<f64>().ok());
    let long = minutes.map_or(DEFAULT, |minutes| Duration::from_secs_f64(minutes * 60.0));
    let seed = std::env::var("LONGWAVE_SOAK_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(2024);
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().to_path_buf();
    make_files(&files);

    // Workers catch panics, so that the window lives on; here they must not happen at all.
    let panics = Arc::new(AtomicUsize::new(0));
    let (seen, before) = (Arc::clone(&panics), Mutex::new(std::panic::take_hook()));
    std::panic::set_hook(Box::new(move |info| {
        seen.fetch_add(1, Ordering::Relaxed);
        before.lock().unwrap()(info);
    }));

    let viewer = Viewer {
        paths: vec![files.join("b.rec")],
        options: OpenOptions::default(),
        stream: None,
        budget: MemoryBudget::new(256 << 20),
        threads: 2,
        script: None,
        screenshot: None,
    };
    let recent = Some(files.join("recent.json"));
    let builder = Harness::builder().with_size(vec2(SIZE.0, SIZE.1)).with_step_dt(0.05).with_max_steps(300);
    let window = builder.build_eframe(move |cc| App::with_recent_list(&cc.egui_ctx, viewer, recent));
    let diary = Diary { seed, last: VecDeque::new() };
    let mut soak = Soak { window, random: Random(seed | 1), diary, files: files.clone() };

    let stop = Arc::new(AtomicBool::new(false));
    let (stopped, grows) = (Arc::clone(&stop), files.join("grows.raw"));
    let writer = std::thread::Builder::new().name("acquisition".to_owned()).spawn(move || {
        let mut random = Random(5);
        while !stopped.load(Ordering::Relaxed) {
            let bytes: Vec<u8> = (0..1 + random.below(9000)).map(|_| random.next() as u8).collect();
            let long = std::fs::metadata(&grows).map_or(0, |meta| meta.len());
            let mut file = std::fs::File::options();
            // Now and then the acquisition begins anew.
            let file = if long > 8 << 20 { file.write(true).truncate(true) } else { file.append(true) };
            file.open(&grows).unwrap().write_all(&bytes).unwrap();
            std::thread::sleep(Duration::from_millis(40));
        }
    });
    let writer = writer.unwrap();

    let end = Instant::now() + long;
    let (mut held, mut resident) = (Vec::new(), Vec::new());
    let mut commands = 0;
    while Instant::now() < end || held.len() < WARM_UP + 2 {
        for _ in 0..ROUND {
            soak.act();
        }
        commands += ROUND;
        for entry in std::fs::read_dir(files.join("out")).unwrap() {
            // What jobs are writing at the moment is theirs.
            drop(std::fs::remove_file(entry.unwrap().path()));
        }
        held.push(soak.rest(&panics));
        resident.push(longwave::memory::process().heap_bytes);
    }
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    // Caches find their size within the first rounds; after them, every half must come back to what the one before had.
    if minutes.is_some() {
        let kib: Vec<usize> = held.iter().map(|bytes| bytes >> 10).collect();
        let mib: Vec<u64> = resident.iter().map(|bytes| bytes >> 20).collect();
        eprintln!("{commands} commands; KiB allocated at rest, round by round: {kib:?}; MiB resident: {mib:?}");
    }
    let half = (held.len() / 2).max(WARM_UP);
    let (warm, last) = (held[..half].iter().max().unwrap(), held[half..].iter().min().unwrap());
    assert!(*last <= warm + SLACK, "the heap has grown from {} KiB to {} KiB", warm >> 10, last >> 10);
    let (warm, last) = (resident[..half].iter().max().unwrap(), resident[half..].iter().min().unwrap());
    assert!(*last <= warm + RESIDENT_SLACK, "memory has grown from {} MiB to {} MiB", warm >> 20, last >> 20);
}
