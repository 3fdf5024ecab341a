//! Going to a time: what was typed, read as the axis writes it, and the dialog that asks for it. A range `A..B` is selected
//! and shown.

use std::ops::Range;

use eframe::egui::{self, Key, RichText, TextEdit, Ui};

use super::command::{Command, PanelCommand, ViewCommand};
use super::controls::{dialog, dialog_buttons, example, main_button, named};
use super::state::{Document, TimeFormat};
use super::theme::Colours;
use super::wording::sentence;
use crate::error::Result;
use crate::text::{Time, TimeRange};

impl Document {
    /// The tick that a typed time means: that of the first frame at or behind it.
    ///
    /// Whatever the axis shows is read as it is meant there: a bare number as a frame where frames are shown, a time of
    /// day where the clock is shown (on that of the days around the view on which it is nearest), dates without an offset
    /// in the zone that is shown.
    ///
    /// # Errors
    /// When it is no time, or a clock time in a recording that has none.
    pub fn tick_of_text(&self, text: &str) -> Result<u64> {
        let time = self.time_of_text(text)?;
        let frame = time.frame(self.time())?.unwrap_or(0);
        Ok(self.time().tick_of_frame(frame.min(self.shown().frames.saturating_sub(1))))
    }

    /// The ticks of a typed range `A..B`, whose ends are written as a time to go to; either may be absent. Half-open: the
    /// frame at B is not in it.
    ///
    /// # Errors
    /// When it is no range, or holds no frame of the recording.
    pub fn ticks_of_range(&self, text: &str) -> Result<Range<u64>> {
        let end = |text: &str| if text.trim().is_empty() { Ok(None) } else { self.time_of_text(text).map(Some) };
        let range = match text.split_once("..") {
            Some((start, stop)) if !text.contains("...") => TimeRange::between(end(start)?, end(stop)?, text)?,
            // That explains how a range is written.
            _ => TimeRange::parse_in(text.trim(), self.times.zone.time_zone())?,
        };
        let frames = range.frames(self.time(), self.shown().frames)?;
        let time = self.time();
        Ok(time.tick_of_frame(frames.start)..time.tick_of_frame(frames.end.saturating_sub(1)) + 1)
    }

    /// A time before it is looked for in the recording.
    fn time_of_text(&self, text: &str) -> Result<Time> {
        let (text, zone) = (text.trim(), self.times.zone.time_zone());
        let digits = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c.is_whitespace());
        match self.times.format {
            TimeFormat::Frames if digits => Time::parse_in(&format!("#{text}"), zone),
            TimeFormat::Clock => self.time_of_day(text).map_or_else(|| Time::parse_in(text, zone), Ok),
            _ => Time::parse_in(text, zone),
        }
    }

    /// `14:03:05.5`, with an offset behind it or without, on the day on which it is nearest to the middle of the view and
    /// inside the recording.
    fn time_of_day(&self, text: &str) -> Option<Time> {
        let (of_day, offset) = text.split_once(' ').unwrap_or((text, ""));
        of_day.parse::<jiff::civil::Time>().ok().filter(|_| of_day.contains(':'))?;
        let time = self.time();
        let seen = self.visible_ticks();
        let middle = time.unix_ns_of_tick(seen.start + (seen.end - seen.start) / 2)?;
        let inside = time.start_unix_ns()?..=time.unix_ns_of_tick(time.end_tick(self.shown().frames))?;
        let today = self.times.zone.date(middle)?;
        let days = [today.yesterday().ok(), Some(today), today.tomorrow().ok()].into_iter().flatten();
        let instants = days.filter_map(|day| {
            let text = format!("{day}T{of_day}{}", offset.trim());
            match Time::parse_in(&text, self.times.zone.time_zone()) {
                Ok(Time::Clock(ns)) => Some(ns),
                _ => None,
            }
        });
        instants.min_by_key(|ns| (!inside.contains(ns), (ns - middle).abs())).map(Time::Clock)
    }
}

/// What was typed: where to go, or what to select.
enum Goal {
    Time(String),
    Range(Range<u64>),
}

/// The dialog that asks where to go.
pub(super) fn go_to_ui(ctx: &egui::Context, text: &mut String, document: &Document, out: &mut Vec<Command>) {
    let modal = dialog(ctx, "go to").show(ctx, |ui| {
        ui.set_width(420.0);
        ui.heading("Go to");
        ui.add_space(8.0);
        let field = TextEdit::singleline(text).hint_text(example("12.5s, or 30s..40s")).desired_width(f32::INFINITY);
        named(ui.add(field.char_limit(64)), "Time or range").request_focus();
        let goal = if text.contains("..") {
            document.ticks_of_range(text).map(Goal::Range)
        } else {
            document.tick_of_text(text).map(|_| Goal::Time(text.clone()))
        };
        ui.add_space(4.0);
        match (&goal, text.trim().is_empty()) {
            (Err(error), false) => {
                drop(ui.label(RichText::new(sentence(&error.to_string())).color(Colours::of(ui).error)));
            }
            (Ok(Goal::Range(_)), _) => drop(ui.weak("Selects this range and shows it.")),
            _ => drop(ui.label("")),
        }
        forms_ui(ui, document);
        let enter = ui.input(|i| i.key_pressed(Key::Enter));
        dialog_buttons(ui, |ui| {
            let go = ui.add_enabled(goal.is_ok(), main_button(ui, "Go")).clicked();
            if let Ok(goal) = goal
                && (go || enter)
            {
                match goal {
                    Goal::Time(text) => out.push(Command::View(ViewCommand::GoTo(text))),
                    Goal::Range(ticks) => {
                        let shown = ticks.start as f64..ticks.end as f64;
                        out.push(Command::View(ViewCommand::Select(Some(ticks))));
                        out.push(Command::View(ViewCommand::Range(shown)));
                    }
                }
                out.push(Command::Panel(PanelCommand::GoToForm(false)));
            }
            if ui.add(egui::Button::new("Cancel").min_size(egui::vec2(88.0, 28.0))).clicked() {
                out.push(Command::Panel(PanelCommand::GoToForm(false)));
            }
        });
    });
    if modal.should_close() {
        out.push(Command::Panel(PanelCommand::GoToForm(false)));
    }
}

/// The ways in which a time can be written, with an example of each.
fn forms_ui(ui: &mut Ui, document: &Document) {
    let clock = document.time().start_unix_ns().is_some();
    let date = if clock {
        format!("date and time ({})", document.times.zone.title())
    } else {
        "date and time: not here, the recording does not tell when it began".to_owned()
    };
    let plain = if document.times.format == TimeFormat::Frames { "30000 or #30000" } else { "#30000" };
    egui::Grid::new("forms of times").num_columns(2).spacing([16.0, 2.0]).show(ui, |ui| {
        for (form, means) in [
            ("12.5s, 3m20s", "seconds, minutes from the start"),
            ("0:12:30.5", "hours:minutes:seconds from the start"),
            (plain, "frame number"),
            ("2026-05-01 14:03:05", &date),
            ("30s..40s, #0..#500", "a range: it is selected and shown"),
        ] {
            ui.label(RichText::new(form).monospace());
            ui.weak(means);
            ui.end_row();
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::testing::document;
    use super::super::zone::Zone;
    use super::*;
    use crate::recording::{Recording, TimeBase};
    use crate::source::MemorySource;

    /// Three hours at 1 Hz from 2026-10-25T00:00Z, the night in which the clocks of Berlin go back.
    fn night() -> Document {
        let mut document = document(1);
        let mut recording: Recording = document.source.recording().clone();
        recording.streams.truncate(1);
        recording.streams[0].time = TimeBase::regular(1.0).starting_at(1_792_886_400_000_000_000);
        recording.streams[0].frames = 10_800;
        let samples = vec![crate::recording::Samples::I16(vec![0; 10_800])];
        document.source = Arc::new(MemorySource::new(recording, samples).unwrap());
        document.viewport = super::super::viewport::Viewport::new(10_800, 800.0);
        document.times.zone = Zone::named("Europe/Berlin").unwrap();
        assert_eq!(document.source.recording().streams[0].frames, 10_800);
        document
    }

    #[test]
    fn times_are_read_as_the_axis_shows_them() {
        let mut document = night();
        let tick = |document: &Document, text: &str| document.tick_of_text(text).map_err(|e| e.to_string());
        assert_eq!(tick(&document, "0:30:00"), Ok(1800));
        assert_eq!(tick(&document, "#1 000"), Ok(1000));
        assert_eq!(tick(&document, "2026-10-25 02:30"), Ok(1800), "the first of the two");
        assert_eq!(tick(&document, "2026-10-25T02:30:00+01:00"), Ok(5400));
        document.times.format = TimeFormat::Clock;
        assert_eq!(tick(&document, "04:00"), Ok(10_799), "inside the recording, at its end");
        assert_eq!(tick(&document, "03:15"), Ok(8100));
        assert_eq!(tick(&document, "02:30 +01:00"), Ok(5400));
        assert_eq!(tick(&document, "12.5s"), Ok(13));
        document.times.format = TimeFormat::Frames;
        assert_eq!(tick(&document, "5 000"), Ok(5000));
        assert!(tick(&document, "soon").is_err() && tick(&document, "").is_err());
    }

    #[test]
    fn ranges_are_read_with_ends_as_times_are() {
        let mut document = night();
        let ticks = |document: &Document, text: &str| document.ticks_of_range(text).map_err(|e| e.to_string());
        assert_eq!(ticks(&document, " 30s..0:01:00 "), Ok(30..60));
        assert_eq!(ticks(&document, "..#5"), Ok(0..5));
        assert_eq!(ticks(&document, "3h..9h").map_err(drop), Err(()), "behind the end");
        assert_eq!(ticks(&document, "2h.."), Ok(7200..10_800));
        document.times.format = TimeFormat::Frames;
        assert_eq!(ticks(&document, "10..1 000"), Ok(10..1000));
        document.times.format = TimeFormat::Clock;
        assert_eq!(ticks(&document, "03:15..03:16"), Ok(8100..8160));
        for (text, what) in
            [("40s..30s", "before it starts"), ("5s..5s", "is empty"), ("1...2", "too many"), ("5", "A..B")]
        {
            let error = ticks(&document, text).unwrap_err();
            assert!(error.contains(what), "{text}: {error}");
        }
    }

    #[test]
    fn the_dialog_says_what_it_takes_and_takes_a_range() {
        use egui_kittest::kittest::Queryable as _;

        use super::super::testing::{bench, control};

        let document = night();
        let mut harness = bench([700.0, 500.0], String::new(), move |ui, text, out| {
            go_to_ui(ui.ctx(), text, &document, out);
        });
        harness.run();
        for form in ["#30000", "hours:minutes:seconds from the start", "a range: it is selected and shown"] {
            harness.get_by_label(form);
        }
        control(&harness, egui::Role::TextInput, "Time or range").type_text("30s..40s");
        harness.run();
        harness.get_by_label("Selects this range and shows it.");
        harness.key_press(Key::Enter);
        harness.run();
        let out = &harness.state().out;
        let asked = matches!(&out[..], [
            Command::View(ViewCommand::Select(Some(ticks))), Command::View(ViewCommand::Range(_)), Command::Panel(_), ..
        ] if *ticks == (30..40));
        assert!(asked, "{out:?}");
    }
}
