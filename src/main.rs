//! Arguments → command line or window; error → exit code. Nothing else.

use std::process::ExitCode;

use longwave::cli::{self, Outcome, Viewer};

/// It gives back what many short-lived threads have used, and with it the memory gauge tells what is in use: with glibc's,
/// an hour in the window ends with hundreds of MiB that nothing uses. Tuned in `.cargo/config.toml`.
#[cfg(any(target_os = "linux", target_os = "macos"))]
#[global_allocator]
static HEAP: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match cli::run(std::env::args_os()) {
        Outcome::Exit(code) => ExitCode::from(code),
        Outcome::View(viewer) => match open_window(*viewer) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => ExitCode::from(cli::report(&error)),
        },
    }
}

#[cfg(feature = "gui")]
fn open_window(viewer: Viewer) -> longwave::Result<()> {
    longwave::gui::run(viewer)
}

#[cfg(not(feature = "gui"))]
fn open_window(_: Viewer) -> longwave::Result<()> {
    Err(longwave::Error::unsupported("the window").with_remedy(
        "this program was built without it (--no-default-features); `longwave --help` lists what works without",
    ))
}
