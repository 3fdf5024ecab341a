//! The real window, once from end to end: on an invisible screen, driven by mouse and keys, judged by its pixels and by
//! the files that it writes. The pictures stay in `target/window/`.
//!
//! It needs Xvfb, openbox, xdotool and ImageMagick; `make test` installs them, and without them this test fails.
#![cfg(all(feature = "gui", target_os = "linux"))]
#![allow(clippy::unwrap_used)]

#[path = "common/screen.rs"]
mod screen;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use eframe::egui::Color32;
use longwave::gui::theme::palette;
use longwave::source::OpenOptions;
use longwave::task::Task;
use screen::{PATIENCE, Screen, start, stderr, until};

const CHANNELS: usize = 4;
/// Pixels of the window at first.
const SIZE: (usize, usize) = (1280, 800);

/// What a window shows.
struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<[u8; 3]>,
}

impl Picture {
    fn decode(png: &[u8]) -> Self {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut bytes).unwrap();
        let samples = info.color_type.samples();
        let pixel = |p: &[u8]| if samples < 3 { [p[0]; 3] } else { [p[0], p[1], p[2]] };
        let rgb = bytes[..info.buffer_size()].chunks_exact(samples).map(pixel).collect();
        Self { width: info.width as usize, height: info.height as usize, rgb }
    }

    /// The pixels between these shares of width and height.
    fn part(&self, x: (f32, f32), y: (f32, f32)) -> impl Iterator<Item = [u8; 3]> + '_ {
        let of = |share: f32, whole: usize| (share * whole as f32) as usize;
        let (left, right) = (of(x.0, self.width), of(x.1, self.width));
        (of(y.0, self.height)..of(y.1, self.height))
            .flat_map(move |row| self.rgb[row * self.width + left..row * self.width + right].iter().copied())
    }

    /// Pixels of a trace's colour, in either theme.
    fn of_trace(&self, channel: usize, x: (f32, f32)) -> usize {
        let near = |p: [u8; 3], c: Color32| p.iter().zip(c.to_array()).all(|(a, b)| a.abs_diff(b) < 10);
        let is = |p: &[u8; 3]| near(*p, palette(channel, true)) || near(*p, palette(channel, false));
        self.part(x, PLOT).filter(is).count()
    }

    fn has_traces(&self, x: (f32, f32)) -> bool {
        (0..CHANNELS).all(|c| self.of_trace(c, x) > 20)
    }

    /// The share of pixels that differ, between these shares of the width of the plot.
    fn difference(&self, other: &Self, x: (f32, f32)) -> f64 {
        if (self.width, self.height) != (other.width, other.height) {
            return 1.0;
        }
        let differ = |(a, b): &([u8; 3], [u8; 3])| a.iter().zip(b).any(|(a, b)| a.abs_diff(*b) > 6);
        let pairs = || self.part(x, PLOT).zip(other.part(x, PLOT));
        pairs().filter(differ).count() as f64 / pairs().count() as f64
    }
}

/// Where the traces are in the height of the window, clear of the strip above and of the readout and the axis below.
const PLOT: (f32, f32) = (0.115, 0.91);
/// The whole width, but for the pointer's line at the edges.
const ALL: (f32, f32) = (0.02, 0.98);

/// The window under test.
struct Window<'a> {
    screen: &'a Screen,
    id: String,
    pictures: PathBuf,
}

impl Window<'_> {
    fn picture(&self) -> Picture {
        Picture::decode(&self.png())
    }

    fn png(&self) -> Vec<u8> {
        let output = self.screen.command("import").args(["-silent", "-window", &self.id, "png:-"]).output();
        let output = output.expect("import cannot be started: run the tests with `make test`, which installs it");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    fn keep(&self, name: &str) {
        std::fs::write(self.pictures.join(name), self.png()).unwrap();
    }

    /// Polls for a picture that `is` as it should be; keeps the last one if it never comes.
    fn until(&self, what: &str, is: impl Fn(&Picture) -> bool) -> Picture {
        let end = Instant::now() + PATIENCE;
        loop {
            let picture = self.picture();
            if is(&picture) {
                return picture;
            }
            if Instant::now() >= end {
                self.keep("failed.png");
                panic!("waited too long: {what}; see {}", self.pictures.join("failed.png").display());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Polls until two pictures in a row are the same: nothing moves any more.
    fn settled(&self) -> Picture {
        let mut last = self.picture();
        until("a picture that stays", || {
            let now = self.picture();
            let still = last.difference(&now, ALL) == 0.0;
            last = now;
            still.then_some(())
        });
        last
    }

    fn key(&self, key: &str) {
        self.screen.act(&["key", key]);
    }

    /// To a share of the width, in the middle of the height.
    fn point(&self, x: f32, size: (usize, usize)) {
        let (x, y) = ((x * size.0 as f32) as usize, size.1 / 2);
        self.screen.act(&["mousemove", "--window", &self.id, &x.to_string(), &y.to_string()]);
    }
}

#[test]
fn a_recording_is_opened_looked_at_and_cut() {
    let folder = tempfile::tempdir().unwrap();
    let (home, data) = (folder.path().join("home"), folder.path().join("data"));
    std::fs::create_dir(&home).unwrap();
    std::fs::create_dir(&data).unwrap();
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("target").join("window");
    std::fs::create_dir_all(&pictures).unwrap();
    let recording = data.join("demo.rec");
    longwave::demo::write_demo(&recording, 6.0, CHANNELS, &Task::unattended(), false).unwrap();

    let screen = Screen::new(&home);
    let mut command = screen.command(env!("CARGO_BIN_EXE_longwave"));
    let mut program = start(command.arg(&recording).stdout(Stdio::null()).stderr(Stdio::piped()));
    let id = until("a window", || {
        assert!(program.0.try_wait().unwrap().is_none(), "the program has ended: {}", stderr(&mut program));
        let ids = screen.ask(&["search", "--onlyvisible", "--name", "^Longwave$"])?;
        ids.lines().last().map(str::to_owned)
    });
    until("the keyboard's focus", || screen.ask(&["getactivewindow"]).filter(|active| *active == id));
    let window = Window { screen: &screen, id, pictures };

    // The traces are there, and without the panels they fill the window.
    window.until("traces", |p| (p.width, p.height) == SIZE && p.has_traces(ALL));
    window.settled();
    window.keep("opened.png");
    window.key("c");
    window.key("i");
    window.until("traces from edge to edge", |p| p.has_traces((0.1, 0.15)) && p.has_traces((0.9, 0.95)));

    // The wheel zooms at the pointer; F shows everything again.
    window.point(0.5, SIZE);
    let all = window.settled();
    for _ in 0..5 {
        screen.act(&["click", "4"]);
    }
    window.until("a closer view", |p| p.difference(&all, ALL) > 0.05);
    let closer = window.settled();
    window.keep("zoomed.png");
    assert!(closer.has_traces(ALL));
    window.key("f");
    window.until("the whole recording again", |p| p.difference(&all, ALL) < 0.005);

    // Shift-drag tints what it selects, and nothing else.
    window.point(0.1, SIZE);
    let before = window.settled();
    screen.act(&["keydown", "shift", "mousedown", "1"]);
    window.point(0.15, SIZE);
    window.until("the beginning of a selection", |p| p.difference(&before, (0.11, 0.14)) > 0.3);
    window.point(0.25, SIZE);
    window.until("the tint of a selection", |p| p.difference(&before, (0.12, 0.23)) > 0.3);
    screen.act(&["mouseup", "1", "keyup", "shift"]);
    let selected = window.settled();
    assert!(selected.difference(&before, (0.27, 0.98)) < 0.01, "the view stays where it is");
    window.keep("selected.png");

    // Ctrl+E asks, Enter writes what is selected.
    window.key("ctrl+e");
    window.until("the export dialog", |p| p.difference(&selected, ALL) > 0.3);
    window.settled();
    window.keep("export.png");
    let cut = data.join("demo cut.npy");
    until("the export", || {
        if !cut.is_file() {
            // The dialog takes the key as soon as it knows what the export will cost.
            window.key("Return");
        }
        cut.is_file().then_some(())
    });
    window.until("the dialog's end", |p| p.difference(&selected, ALL) < 0.01);
    let source = longwave::source::open(&cut, &OpenOptions::default(), &Task::unattended()).unwrap();
    let stream = &source.recording().streams[0];
    let secs = stream.frames as f64 / stream.time.rate_hz();
    assert_eq!(stream.channels.len(), CHANNELS);
    assert!((secs - 0.9).abs() < 0.05, "{secs} s are 15 % of the window's 6 s");

    // Help comes and goes.
    window.key("question");
    window.until("the help", |p| p.difference(&selected, ALL) > 0.3);
    window.settled();
    window.keep("help.png");
    window.key("Escape");
    window.until("the help's end", |p| p.difference(&selected, ALL) < 0.01);

    // Another size, with the panels.
    window.key("c");
    window.key("i");
    screen.act(&["windowsize", &window.id, "900", "600"]);
    window.until("a smaller window", |p| (p.width, p.height) == (900, 600) && p.has_traces(ALL));
    window.settled();
    window.keep("small.png");

    // The window manager's key for closing, as a user would.
    window.key("alt+F4");
    let status = until("the program's end", || program.0.try_wait().unwrap());
    let told = stderr(&mut program);
    assert!(status.success(), "{status}: {told}");
    assert!(!told.contains("panicked"), "{told}");
    let names = std::fs::read_dir(&data).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    assert_eq!(names, ["demo cut.npy", "demo cut.npy.longwave.toml", "demo.rec", "demo.rec.lwpeaks"]);
    let recent = home.join(".local/share/longwave/recent.json");
    assert!(std::fs::read_to_string(recent).unwrap().contains("demo.rec"), "the file is listed for the next time");
}

#[test]
fn a_script_drives_the_window_and_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let (home, data) = (folder.path().join("home"), folder.path().join("data"));
    std::fs::create_dir(&home).unwrap();
    std::fs::create_dir(&data).unwrap();
    let recording = data.join("demo.rec");
    longwave::demo::write_demo(&recording, 2.0, CHANNELS, &Task::unattended(), false).unwrap();
    let screen = Screen::new(&home);
    let run = |text: &str| {
        let script = data.join("script.txt");
        std::fs::write(&script, text).unwrap();
        let mut command = screen.command(env!("CARGO_BIN_EXE_longwave"));
        command.current_dir(&data).arg(&recording).arg("--run").arg(&script);
        let mut program = start(command.stdout(Stdio::null()).stderr(Stdio::piped()));
        let status = until("the end of the script", || program.0.try_wait().unwrap());
        (status.code(), stderr(&mut program))
    };
    let (code, told) =
        run("# in both themes\nsize 1000x700\ntheme light\nfilter band-pass=300..6000\ninspector filter\n\
                            screenshot light.png\ntheme dark\nselect 0.5s..1s\nanalyse spectrum window=1024\n\
                            screenshot dark.png\nquit\n");
    assert_eq!(code, Some(0), "{told}");
    let picture = |name: &str| Picture::decode(&std::fs::read(data.join(name)).unwrap());
    let (light, dark) = (picture("light.png"), picture("dark.png"));
    for picture in [&light, &dark] {
        assert_eq!((picture.width, picture.height), (1000, 700));
        assert!(picture.has_traces(ALL));
    }
    let brightness = |p: &Picture| p.rgb.iter().map(|p| u64::from(p[1])).sum::<u64>() / p.rgb.len() as u64;
    assert!(brightness(&light) > brightness(&dark) + 100, "the themes differ");

    let (code, told) = run("fit\nshow 8s..9s\nquit\n");
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("line 2 of the script"), "{told}");
}
