//! An invisible screen with a window manager, for tests of the real window.
//!
//! It needs Xvfb, openbox and xdotool; `make test` installs them, and without them the tests that use it fail.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// No expectation is waited for any longer.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Asks until there is an answer.
pub fn until<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = answer() {
            return found;
        }
        assert!(Instant::now() < end, "waited too long: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A process that ends with the test.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

pub fn start(command: &mut Command) -> Running {
    let program = command.get_program().to_string_lossy().into_owned();
    Running(command.spawn().unwrap_or_else(|e| {
        panic!("{program} cannot be started ({e}): run the tests with `make test`, which installs what they need")
    }))
}

/// The invisible screen; what is fields first is stopped first.
pub struct Screen {
    _manager: Running,
    _server: Running,
    display: String,
    home: PathBuf,
}

impl Screen {
    pub fn new(home: &Path) -> Self {
        let runtime = home.join("run");
        std::fs::create_dir(&runtime).unwrap();
        let mut server = Command::new("Xvfb");
        // The server finds a free number itself and says which.
        server.args(["-displayfd", "1", "-screen", "0", "1400x900x24", "-nolisten", "tcp"]);
        let mut server = start(server.stdout(Stdio::piped()).stderr(Stdio::null()));
        let mut number = String::new();
        BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut number).unwrap();
        let display = format!(":{}", number.trim());
        let mut manager = Command::new("openbox");
        on_display(&mut manager, &display, home);
        let manager = start(manager.stdout(Stdio::null()).stderr(Stdio::null()));
        Self { _manager: manager, _server: server, display, home: home.to_path_buf() }
    }

    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        on_display(&mut command, &self.display, &self.home);
        command
    }

    /// Runs `xdotool`; what it prints, or nothing if it could not do it (yet).
    pub fn ask(&self, args: &[&str]) -> Option<String> {
        let output = self.command("xdotool").args(args).output();
        let output = output.expect("xdotool cannot be started: run the tests with `make test`, which installs it");
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
    }

    pub fn act(&self, args: &[&str]) {
        assert!(self.ask(args).is_some(), "xdotool {args:?}");
    }
}

/// The user's folders are in `home`, and nothing asks the real desktop.
fn on_display(command: &mut Command, display: &str, home: &Path) {
    for variable in
        ["WAYLAND_DISPLAY", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "DBUS_SESSION_BUS_ADDRESS"]
    {
        command.env_remove(variable);
    }
    command
        .env("DISPLAY", display)
        .env("HOME", home)
        .env("XDG_RUNTIME_DIR", home.join("run"))
        .env("WINIT_UNIX_BACKEND", "x11")
        .env("LIBGL_ALWAYS_SOFTWARE", "1");
}

/// All that the program has said; it must have ended, or be ending.
pub fn stderr(program: &mut Running) -> String {
    let mut text = String::new();
    if let Some(mut pipe) = program.0.stderr.take() {
        pipe.read_to_string(&mut text).unwrap();
    }
    text
}
