//! Scripts: lines of the [`vocabulary`](super::vocabulary), done one after the other, each when what the one before
//! started has come to rest. The same lines do the same on every machine, however fast it is.
//!
//! Empty lines, and those that begin with `#`, are skipped. The first line that fails ends the script, the window and the
//! program, with the number of the line.

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use eframe::egui;

use crate::error::{Error, Result};

/// Frames without anything under way before the next line: what has arrived must be drawn, too.
const QUIET_FRAMES: u32 = 3;

/// What a script waits for before its next line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Awaited {
    /// That nothing is under way but the summary.
    Rest,
    /// That the summary is complete, too.
    Exact,
    /// That the picture of the window arrives, for this file.
    Picture(PathBuf),
    /// That the window is so large, points; a window manager that says no is waited for so many frames.
    Size { width: u32, height: u32, frames: u32 },
}

impl Awaited {
    /// Frames that a window may take to change its size.
    pub(super) const SIZE_FRAMES: u32 = 60;
}

/// Why a script has failed, for the program's exit code.
pub(super) type Outcome = Arc<Mutex<Option<Error>>>;

/// A script and how far it is.
pub(super) struct Script {
    lines: VecDeque<(usize, String)>,
    pub awaited: Awaited,
    quiet: u32,
    /// The line that is being done.
    at: usize,
    outcome: Outcome,
}

impl Script {
    /// The lines of `text`; with `screenshot`, a picture of the window and the end of it follow.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming the first line whose verb there is none of.
    pub(super) fn new(text: &str, screenshot: Option<&Path>, outcome: Outcome) -> Result<Self> {
        let mut lines = VecDeque::new();
        for (i, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            super::vocabulary::split(line).map_err(|e| Error::invalid(format!("line {}: {e}", i + 1)))?;
            lines.push_back((i + 1, line.to_owned()));
        }
        if let Some(path) = screenshot {
            let after = text.lines().count();
            lines.push_back((after + 1, format!("screenshot {}", path.display())));
            lines.push_back((after + 2, "quit".to_owned()));
        }
        Ok(Self { lines, awaited: Awaited::Rest, quiet: 0, at: 0, outcome })
    }

    /// The next line, once everything has come to rest; called once a frame.
    pub(super) fn next_line(&mut self, at_rest: bool, exact: bool) -> Option<String> {
        let ready = match self.awaited {
            Awaited::Rest => at_rest,
            Awaited::Exact => at_rest && exact,
            Awaited::Picture(_) | Awaited::Size { .. } => false,
        };
        self.quiet = if ready { self.quiet + 1 } else { 0 };
        if self.quiet < QUIET_FRAMES {
            return None;
        }
        self.awaited = Awaited::Rest;
        self.quiet = 0;
        let (at, line) = self.lines.pop_front()?;
        self.at = at;
        Some(line)
    }

    /// Says how large the window is now; called once a frame, before [`Self::next_line`].
    pub(super) fn window_is(&mut self, size: egui::Vec2) {
        if let Awaited::Size { width, height, frames } = &mut self.awaited {
            let there = size.x.round() as u32 == *width && size.y.round() as u32 == *height;
            *frames = frames.saturating_sub(1);
            if there || *frames == 0 {
                self.awaited = Awaited::Rest;
            }
        }
    }

    /// Whether all lines are done.
    #[must_use]
    pub(super) fn is_done(&self) -> bool {
        self.lines.is_empty() && self.awaited == Awaited::Rest
    }

    /// Whether a line has failed.
    #[must_use]
    pub(super) fn has_failed(&self) -> bool {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Notes that the line being done has failed.
    pub(super) fn fail(&mut self, what: &str) {
        self.lines.clear();
        self.awaited = Awaited::Rest;
        let error = Error::invalid(format!("line {} of the script: {what}", self.at));
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

/// Writes a picture of the window as 8-bit RGB `.png`, over what is there.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write_picture(path: &Path, image: &egui::ColorImage) -> Result<()> {
    let [width, height] = image.size;
    let failed = |e: png::EncodingError| Error::invalid(format!("the picture could not be compressed: {e}"));
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(failed)?;
    let pixels: Vec<u8> = image.pixels.iter().flat_map(|p| [p.r(), p.g(), p.b()]).collect();
    writer.write_image_data(&pixels).map_err(failed)?;
    writer.finish().map_err(failed)?;
    let mut file = crate::file::AtomicFile::create(path, bytes.len() as u64, true)?;
    file.write_all(&bytes).map_err(|e| file.explain(e))?;
    file.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_wait_for_rest_and_unknown_verbs_are_told_beforehand() {
        let text = "# a comment\nfit\n\n  zoom 2\n";
        let mut script = Script::new(text, Some(Path::new("a b.png")), Outcome::default()).unwrap();
        let mut done = Vec::new();
        for frame in 0..40 {
            done.extend(script.next_line(frame % 7 != 0, true));
        }
        assert_eq!(done, ["fit", "zoom 2", "screenshot a b.png", "quit"]);
        assert!(script.is_done());
        let error = Script::new("fit\nfly", None, Outcome::default()).err().unwrap().to_string();
        assert!(error.contains("line 2") && error.contains("fly"), "{error}");
    }

    #[test]
    fn a_new_size_is_waited_for_but_not_for_ever() {
        let mut script = Script::new("fit", None, Outcome::default()).unwrap();
        let size = Awaited::Size { width: 800, height: 600, frames: Awaited::SIZE_FRAMES };
        script.awaited = size.clone();
        script.window_is(egui::vec2(1280.0, 800.0));
        assert!((0..20).all(|_| script.next_line(true, true).is_none()));
        script.window_is(egui::vec2(800.0, 600.0));
        assert_eq!((0..20).find_map(|_| script.next_line(true, true)).as_deref(), Some("fit"));
        script.awaited = size;
        for _ in 0..Awaited::SIZE_FRAMES {
            script.window_is(egui::vec2(1280.0, 800.0));
        }
        assert_eq!(script.awaited, Awaited::Rest);
    }

    #[test]
    fn a_failure_names_its_line_and_ends_the_script() {
        let outcome = Outcome::default();
        let mut script = Script::new("\nfit\nzoom 2", None, Arc::clone(&outcome)).unwrap();
        while script.next_line(true, true).is_none() {}
        script.fail("it is so");
        assert!(script.is_done());
        let text = outcome.lock().unwrap().as_ref().unwrap().to_string();
        assert!(text.contains("line 2") && text.contains("it is so"), "{text}");
    }
}
