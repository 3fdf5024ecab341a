//! The look at the first frames of a file while the user describes it. Runs on workers; reads a bounded piece.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use eframe::egui::{Align2, Color32, Rect, Sense, Stroke, TextStyle, Ui, pos2, vec2};

use super::jobs::{Jobs, Reply};
use super::theme::{Colours, palette};
use crate::budget::MemoryBudget;
use crate::error::Result;
use crate::recording::Block;
use crate::source::OpenOptions;
use crate::task::Task;

/// Frames and channels that are shown; enough to see whether signals are smooth.
const FRAMES: u64 = 400;
const CHANNELS: usize = 12;
/// Room for the number of a channel and its least and greatest value, points.
const NAMES: f32 = 116.0;

/// The first frames of a file, as the options read them.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Preview {
    /// Physical values of the first few channels.
    pub channels: Vec<Vec<f32>>,
    /// How many channels there are.
    pub total: usize,
    /// What the options come to, and what the reader warns of.
    pub note: String,
}

impl Preview {
    /// That not all channels are shown, if so.
    #[must_use]
    pub(super) fn left_out(&self) -> Option<String> {
        let shown = self.channels.len();
        (shown < self.total)
            .then(|| format!("The first {shown} of {} channels", super::wording::count(self.total as u64)))
    }
}

/// A number for a form's question, never used twice while the program runs: an answer to an older question is dropped.
#[must_use]
pub(super) fn next_question() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Reads the preview on a worker; the answer is [`Reply::Preview`].
pub(super) fn ask(jobs: &Jobs, form: u64, path: PathBuf, options: OpenOptions) {
    jobs.spawn_awaited("raw-preview", move |replies| {
        let work = std::panic::AssertUnwindSafe(|| read(&path, &options));
        let result = std::panic::catch_unwind(work).unwrap_or_else(|p| Err(crate::scan::panicked(p.as_ref())));
        replies.send(Reply::Preview { form, result });
    });
}

/// Ranks the layouts that `path` may have on a worker; the answer is [`Reply::Guessed`].
pub(super) fn guess(jobs: &Jobs, path: PathBuf) {
    jobs.spawn_awaited("raw-guess", move |replies| {
        let work = std::panic::AssertUnwindSafe(|| crate::source::detect::guess(&path, &OpenOptions::default()));
        let result = std::panic::catch_unwind(work).unwrap_or_else(|p| Err(crate::scan::panicked(p.as_ref())));
        replies.send(Reply::Guessed { path, result });
    });
}

/// Writes how the file is to be read beside it, as a job.
pub(super) fn remember(jobs: &mut Jobs, budget: &MemoryBudget, path: PathBuf, options: OpenOptions) {
    jobs.start("Saving the description", budget, move |_, _, _| {
        options.save_beside(&path).map(|written| super::jobs::Outcome::Written(vec![written]))
    });
}

fn read(path: &Path, options: &OpenOptions) -> Result<Preview> {
    let task = Task::new(MemoryBudget::new(0), 1);
    let source = crate::source::open(path, options, &task)?;
    let recording = source.recording();
    let index = recording.default_stream();
    let Some(stream) = recording.streams.get(index) else { return Ok(Preview::default()) };
    let channels: Vec<usize> = (0..stream.channels.len().min(CHANNELS)).collect();
    let frames = stream.frames.min(FRAMES);
    let mut block = Block::default();
    source.read(index, 0..frames, &channels, &mut block)?;
    let mut values = Vec::new();
    let read = channels.iter().map(|&c| {
        block.channel_f64(c, stream.channels[c].scale, &mut values);
        values.iter().map(|&v| v as f32).collect()
    });
    let channels = read.collect();
    let file_len = std::fs::metadata(path).map_or(0, |m| m.len());
    let mut note =
        format!("{} of file · {}", crate::text::bytes(file_len), super::wording::plural(stream.frames, "frame"));
    if stream.time.rate_known() {
        note = format!("{note} · {}", super::wording::span(stream.duration_secs()));
    }
    for warning in &recording.warnings {
        note = format!("{note}\n▲ {}", super::wording::sentence(&warning.text));
    }
    Ok(Preview { channels, total: stream.channels.len(), note })
}

/// Paints the channels below each other, each over its own range.
pub(super) fn preview_ui(ui: &mut Ui, preview: &Preview, unit: &str) {
    let colours = Colours::of(ui);
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 240.0), Sense::hover());
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 4.0, colours.canvas);
    let lanes = preview.channels.len().max(1);
    let height = rect.height() / lanes as f32;
    // Beside the lanes where there is room for text at all.
    let names = if height >= 14.0 { NAMES.min(rect.width() / 3.0) } else { 0.0 };
    for (i, values) in preview.channels.iter().enumerate() {
        let lane = Rect::from_min_size(pos2(rect.left(), rect.top() + i as f32 * height), vec2(rect.width(), height));
        let values_rect = lane.with_min_x(lane.left() + names).shrink2(vec2(0.0, 2.0));
        lane_ui(&painter, values_rect, values, palette(i, ui.visuals().dark_mode));
        let (least, greatest) = range(values);
        let text = if least <= greatest {
            format!(
                "{i}   {} to {} {unit}",
                super::wording::significant(f64::from(least), 3),
                super::wording::significant(f64::from(greatest), 3)
            )
        } else {
            format!("{i}   no numbers")
        };
        if height >= 14.0 {
            let font = TextStyle::Small.resolve(ui.style());
            let galley = painter.layout_no_wrap(text, font, colours.muted);
            let at = Align2::LEFT_CENTER.anchor_size(lane.left_center() + vec2(4.0, 0.0), galley.size());
            painter.with_clip_rect(lane.with_max_x(lane.left() + names)).galley(at.min, galley, colours.muted);
        }
    }
}

fn range(values: &[f32]) -> (f32, f32) {
    let finite = || values.iter().copied().filter(|v| v.is_finite());
    (finite().fold(f32::INFINITY, f32::min), finite().fold(f32::NEG_INFINITY, f32::max))
}

fn lane_ui(painter: &eframe::egui::Painter, lane: Rect, values: &[f32], colour: Color32) {
    let (least, greatest) = range(values);
    if least > greatest {
        return;
    }
    // In f64: the span of two f32 may be beyond f32.
    let span = (f64::from(greatest) - f64::from(least)).max(f64::MIN_POSITIVE);
    let point = |(i, &v): (usize, &f32)| {
        let x = lane.left() + i as f32 / values.len().max(2) as f32 * lane.width();
        let up = if greatest > least { ((f64::from(v) - f64::from(least)) / span) as f32 } else { 0.5 };
        pos2(x, lane.bottom() - up * lane.height())
    };
    for run in values.chunk_by(|a, b| a.is_finite() == b.is_finite()).scan(0, |start, run| {
        let at = *start;
        *start += run.len();
        Some((at, run))
    }) {
        let (start, run) = run;
        if run[0].is_finite() {
            let points = run.iter().enumerate().map(|(i, v)| point((start + i, v))).collect();
            painter.line(points, Stroke::new(1.0, colour));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::bench;
    use super::*;

    #[test]
    fn extreme_values_are_painted() {
        let channels =
            vec![vec![f32::NAN; 9], vec![f32::MIN, f32::MAX, f32::INFINITY, 0.0], vec![3.0; 5], Vec::new(), vec![1.0]];
        let preview = Preview { total: channels.len(), channels, note: String::new() };
        let mut harness = bench([400.0, 260.0], preview, |ui, preview, _| preview_ui(ui, preview, "µV"));
        harness.run();
    }

    #[test]
    fn questions_are_never_asked_twice() {
        assert_ne!(next_question(), next_question());
    }
}
