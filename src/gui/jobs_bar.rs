//! The status bar: memory at the left, then the work that is going on or has just ended, and how exact the picture is
//! at the right.

use eframe::egui::{Align, Label, Layout, Popup, PopupCloseBehavior, ProgressBar, Response, RichText, Ui};

use egui_material_icons::icons;

use super::command::{Command, JobCommand};
use super::controls::{icon_button, named};
use super::gauge::{GaugeState, gauge_ui};
use super::jobs::{Job, JobState};
use super::theme::Colours;
use super::wording::{left, sentence, speed};

/// Jobs beside each other in the bar; further ones are in a list that a click opens.
const IN_BAR: usize = 2;

/// Width of that list.
const LIST_WIDTH: f32 = 420.0;
/// Room for the button that opens it.
const MORE_WIDTH: f32 = 80.0;
/// Room for progress, rate, time left and the button that stops a job.
const RUNNING_WIDTH: f32 = 330.0;
/// Room for the button that takes an ended job off the list.
const DISMISS_WIDTH: f32 = 36.0;

/// What the right end of the bar tells.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Exactness {
    /// Exact share of the columns on the screen, 0 to 1; `None` without a picture.
    pub view: Option<f32>,
    /// Share of the recording that is summarised, 0 to 1.
    pub summary: f32,
}

/// Draws the bar.
pub(super) fn jobs_bar_ui(
    ui: &mut Ui,
    gauge: &GaugeState,
    budget_form: &mut Option<String>,
    jobs: &[Job],
    exactness: Exactness,
    out: &mut Vec<Command>,
) {
    ui.horizontal(|ui| {
        ui.set_min_height(28.0);
        gauge_ui(ui, gauge, budget_form, out);
        ui.separator();
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            exactness_ui(ui, exactness);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| jobs_ui(ui, jobs, out));
        });
    });
}

fn exactness_ui(ui: &mut Ui, exactness: Exactness) {
    let Some(view) = exactness.view else { return };
    // Never "100 %" before it is: the last half percent counts as missing.
    let percent = |share: f32| if share >= 1.0 { 100.0 } else { f64::from(share * 100.0).floor().min(99.0) };
    let (label, what) = if view >= 1.0 {
        let what = "Every column on the screen holds the exact minimum and maximum of its samples.";
        (ui.label("Picture exact"), what)
    } else {
        let text = format!("Picture {:.0} % exact", percent(view));
        let what = "Lighter columns are estimates from a few samples; they become exact by themselves.";
        (ui.label(RichText::new(text).color(Colours::of(ui).warning)), what)
    };
    let rest = if exactness.summary < 1.0 {
        let read = percent(exactness.summary);
        format!("\nOf the whole recording {read:.0} % has been read so far; the rest is read in the background.")
    } else {
        String::new()
    };
    label.on_hover_text(format!("{what}{rest}"));
}

fn jobs_ui(ui: &mut Ui, jobs: &[Job], out: &mut Vec<Command>) {
    if jobs.is_empty() {
        ui.weak("No work in the background");
        return;
    }
    // What runs or failed comes before what ended well.
    let mut order: Vec<&Job> = jobs.iter().collect();
    order.sort_by_key(|j| match j.state {
        JobState::Running => 0,
        JobState::Failed(_) => 1,
        JobState::Done(_) | JobState::Cancelled => 2,
    });
    // Each has its share of the room; what does not fit is shortened, and told in full by the hover.
    let room = ui.available_width() - if order.len() > IN_BAR { MORE_WIDTH } else { 0.0 };
    let share = room / order.len().min(IN_BAR) as f32 - ui.spacing().item_spacing.x * 2.0 - 8.0;
    for job in order.iter().take(IN_BAR) {
        ui.push_id(job.id, |ui| {
            ui.set_max_width(share);
            let mut clip = ui.clip_rect();
            clip.max.x = clip.max.x.min(ui.max_rect().right());
            ui.set_clip_rect(clip);
            job_ui(ui, job, out);
        });
        ui.separator();
    }
    if order.len() > IN_BAR {
        let more = ui.button(format!("{} more", order.len() - IN_BAR));
        Popup::menu(&more).close_behavior(PopupCloseBehavior::CloseOnClickOutside).width(LIST_WIDTH).show(|ui| {
            // Texts are shortened to the list's width, so it must not follow theirs.
            ui.set_width(LIST_WIDTH);
            for job in order.iter().skip(IN_BAR) {
                ui.push_id(job.id, |ui| ui.horizontal(|ui| job_ui(ui, job, out)));
            }
        });
    }
}

/// One job on one line.
pub(super) fn job_ui(ui: &mut Ui, job: &Job, out: &mut Vec<Command>) {
    let colours = Colours::of(ui);
    match &job.state {
        JobState::Running => {
            shortened(ui, RichText::new(&job.title), RUNNING_WIDTH, 1.0);
            running_ui(ui, job, 96.0, out);
        }
        JobState::Done(text) => {
            shortened(ui, RichText::new(format!("{} done", job.title)), DISMISS_WIDTH, 0.6);
            if !text.is_empty() {
                shortened(ui, RichText::new(text).weak(), DISMISS_WIDTH, 1.0);
            }
            dismiss(ui, job, out);
        }
        JobState::Failed(error) => {
            let text = sentence(&error.to_string());
            let title = RichText::new(format!("▲ {} failed", job.title)).color(colours.error);
            shortened(ui, title, DISMISS_WIDTH, 0.6).on_hover_text(&text);
            shortened(ui, RichText::new(&text), DISMISS_WIDTH, 1.0).on_hover_text(&text);
            dismiss(ui, job, out);
        }
        JobState::Cancelled => {
            shortened(ui, RichText::new(format!("{} stopped", job.title)).weak(), DISMISS_WIDTH, 1.0);
            dismiss(ui, job, out);
        }
    }
}

/// Progress bar, rate, time left and the button that stops a running job.
pub(super) fn running_ui(ui: &mut Ui, job: &Job, width: f32, out: &mut Vec<Command>) {
    let progress = job.progress();
    let fraction = progress.fraction();
    let bar = ProgressBar::new(fraction.unwrap_or(0.0) as f32)
        .desired_width(width)
        .desired_height(16.0)
        .corner_radius(3.0)
        .text(fraction.map_or_else(|| "…".to_owned(), |f| format!("{:.0} %", (f * 100.0).floor())));
    named(ui.add(bar), &format!("Progress of {}", job.title));
    if progress.done_bytes > 0 {
        ui.weak(speed(progress.bytes_per_sec())).on_hover_text("Stored bytes of the recording, a second");
    }
    if let Some(rest) = progress.left() {
        ui.weak(left(rest));
    }
    let stop = if job.task.is_cancelled() {
        ui.add_enabled(false, eframe::egui::Button::new("Stopping…"))
    } else {
        named(ui.button("Stop"), &format!("Stop {}", job.title))
    };
    if stop.clicked() {
        out.push(Command::Job(JobCommand::Cancel(job.id)));
    }
}

fn dismiss(ui: &mut Ui, job: &Job, out: &mut Vec<Command>) {
    if icon_button(ui, icons::ICON_CLOSE, &format!("Dismiss {}", job.title), "Dismiss").clicked() {
        out.push(Command::Job(JobCommand::Dismiss(job.id)));
    }
}

/// Text in at most this share of the room that is left beside `kept` points; the hover of what is cut off shows all.
fn shortened(ui: &mut Ui, text: RichText, kept: f32, share: f32) -> Response {
    let room = ((ui.available_width() - kept) * share).max(40.0);
    let place = ui.scope(|ui| {
        ui.set_max_width(room);
        ui.add(Label::new(text).truncate())
    });
    place.inner
}

#[cfg(test)]
pub(crate) mod tests {
    use eframe::egui;
    use egui_kittest::kittest::Queryable as _;

    use super::super::gauge::tests::state;
    use super::super::jobs::Jobs;
    use super::super::testing::bench;
    use super::*;
    use crate::Error;
    use crate::budget::MemoryBudget;

    /// A running job at 43 %, a failed one, a finished one and a stopped one; the first ends when it is cancelled.
    pub(crate) fn some_jobs() -> Jobs {
        let mut jobs = Jobs::new(egui::Context::default(), 1);
        let budget = MemoryBudget::new(64 << 20);
        for title in ["Power spectrum", "Export to cut.npy", "Statistics", "Summary of day 1.rec"] {
            jobs.start(title, &budget, |_, _, _| Err(Error::cancelled()));
        }
        jobs.list[0].task.set_total(100_000_000_000);
        jobs.list[0].task.advance(43_000_000_000).unwrap();
        let ids: Vec<_> = jobs.list.iter().map(|j| j.id).collect();
        jobs.finish(ids[1], JobState::Failed(Error::invalid("the disk is full").with_remedy("free 2 GiB")));
        jobs.finish(ids[2], JobState::Done("in 3.2 s".to_owned()));
        jobs.finish(ids[3], JobState::Cancelled);
        jobs
    }

    #[test]
    fn jobs_can_be_stopped_and_dismissed() {
        let jobs = some_jobs();
        let ids: Vec<_> = jobs.list.iter().map(|j| j.id).collect();
        let exactness = Exactness { view: Some(0.999), summary: 0.43 };
        let mut harness = bench([1400.0, 200.0], None, move |ui, form, out| {
            jobs_bar_ui(ui, &state(), form, &jobs.list, exactness, out);
        });
        harness.run();
        // One percent, of what is seen; that of the whole recording is told by its job and by the hover.
        harness.get_by_label("Picture 99 % exact");
        assert!(harness.query_by_label_contains("summary").is_none());
        harness.get_by_label_contains("B/s");
        harness.get_by_label("Stop Power spectrum").click();
        harness.get_by_label("Dismiss Export to cut.npy").click();
        harness.run();
        harness.get_by_label("2 more").click();
        // The list takes clicks from the frame after the one that it appears in.
        harness.run_steps(4);
        // It stands beside a rate that changes its width with every frame: a click may miss.
        for _ in 0..10 {
            harness.get_by_label("Dismiss Statistics").click();
            harness.run();
            if harness.state().out.len() > 2 {
                break;
            }
        }
        let [
            Command::Job(JobCommand::Cancel(stopped)),
            Command::Job(JobCommand::Dismiss(failed)),
            Command::Job(JobCommand::Dismiss(done)),
        ] = harness.state().out[..]
        else {
            panic!("{:?}", harness.state().out)
        };
        assert_eq!([stopped, failed, done], [ids[0], ids[1], ids[2]]);
    }

    #[test]
    fn long_texts_leave_room_for_the_rest() {
        let mut jobs = some_jobs();
        jobs.list.truncate(2);
        let ids: Vec<_> = jobs.list.iter().map(|j| j.id).collect();
        for id in ids {
            jobs.finish(id, JobState::Done(format!("wrote {}", "/a/long/path".repeat(20))));
        }
        let exactness = Exactness { view: Some(1.0), summary: 1.0 };
        let mut harness = bench([900.0, 200.0], None, move |ui, form, out| {
            jobs_bar_ui(ui, &state(), form, &jobs.list, exactness, out);
        });
        harness.run();
        let left = harness.get_by_label("Picture exact").rect().left();
        for title in ["Power spectrum", "Export to cut.npy"] {
            let dismiss = harness.get_by_label(&format!("Dismiss {title}")).rect();
            assert!(dismiss.right() < left && dismiss.width() > 8.0, "{title}: {dismiss}, {left}");
        }
    }
}
