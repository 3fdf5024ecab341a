//! The progress bar on standard error, drawn by a thread of its own that only looks at the task.

use std::io::IsTerminal as _;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::task::{Progress, Task};
use crate::text;

/// How often the bar is drawn.
const PERIOD: Duration = Duration::from_millis(100);

/// A bar that follows a task until it is dropped; then it disappears.
pub(crate) struct Bar {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Bar {
    /// Follows `task`; `None` where nobody would see it.
    pub(crate) fn start(task: &Task, title: &str) -> Option<Self> {
        if !std::io::stderr().is_terminal() {
            return None;
        }
        let (stop, stopped) = crossbeam_channel::bounded(0);
        let (task, title) = (task.clone(), title.to_owned());
        let thread =
            std::thread::Builder::new().name("progress".into()).spawn(move || follow(&task, title, &stopped)).ok()?;
        Some(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.stop = None; // hangs up
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn follow(task: &Task, title: String, stopped: &Receiver<()>) {
    let bar = ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar:.cyan/dim} {prefix}") {
        bar.set_style(style.progress_chars("━━╌"));
    }
    bar.set_message(title);
    while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
        let progress = task.progress();
        bar.set_position((progress.fraction().unwrap_or(0.0) * 1000.0) as u64);
        bar.set_prefix(describe(&progress, task.is_cancelled()));
        bar.tick();
    }
    bar.finish_and_clear();
}

/// `43 % of 1.86 GiB, 1.1 GB/s, 2 min left`.
fn describe(progress: &Progress, cancelled: bool) -> String {
    if cancelled {
        return "stopping …".to_owned();
    }
    let rate = text::rate(progress.bytes_per_sec());
    match (progress.fraction(), progress.left()) {
        (Some(done), Some(left)) => {
            let total = text::bytes(progress.total_bytes);
            format!("{:.0} % of {total}, {rate}, {}", (done * 100.0).floor(), text::time_left(left))
        }
        _ if progress.done_bytes > 0 => format!("{}, {rate}", text::bytes(progress.done_bytes)),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_in_words() {
        let progress = |done_bytes, total_bytes| Progress { done_bytes, total_bytes, elapsed: Duration::from_secs(2) };
        assert_eq!(describe(&progress(2_000_000_000, 20_000_000_000), false), "10 % of 18.6 GiB, 1 GB/s, 20 s left");
        assert_eq!(describe(&progress(1 << 30, 0), false), "1 GiB, 537 MB/s");
        assert_eq!(describe(&progress(0, 0), false), "");
        assert_eq!(describe(&progress(1, 2), true), "stopping …");
    }
}
