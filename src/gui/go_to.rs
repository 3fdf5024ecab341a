//! Going to a time: what was typed, read as the axis writes it, and the dialog that asks for it.

use eframe::egui;

use super::command::{Command, PanelCommand, ViewCommand};
use super::state::{Document, TimeFormat};
use crate::error::Result;
use crate::text::Time;

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

    /// The same before it is looked for in the recording.
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

/// The dialog that asks where to go.
pub(super) fn go_to_ui(ctx: &egui::Context, text: &mut String, document: &Document, out: &mut Vec<Command>) {
    let clock = document.time().start_unix_ns().is_some();
    let modal = egui::Modal::new(egui::Id::unique("go to")).show(ctx, |ui| {
        ui.set_width(400.0);
        ui.heading("Go to time");
        ui.add_space(8.0);
        let hint = match document.times.format {
            TimeFormat::Frames => "30000   12.5s   01:02:03.5".to_owned(),
            TimeFormat::Clock if clock => "14:03:05   2026-05-01 14:03   12.5s   #30000".to_owned(),
            _ => "12.5s   01:02:03.5   #30000".to_owned(),
        };
        let field =
            ui.add(egui::TextEdit::singleline(text).hint_text(hint).desired_width(f32::INFINITY).char_limit(64));
        let dates = if clock {
            format!("or a date and time ({})", document.times.zone.title())
        } else {
            "no clock time: this recording does not tell when it began".to_owned()
        };
        let label = ui.label(format!("Seconds, hours:minutes:seconds, a frame number after #, {dates}"));
        field.clone().labelled_by(label.id).request_focus();
        let answer = document.tick_of_text(text);
        ui.add_space(4.0);
        match (&answer, text.is_empty()) {
            (Err(error), false) => drop(ui.colored_label(ui.visuals().error_fg_color, error.to_string())),
            _ => drop(ui.label("")),
        }
        ui.add_space(8.0);
        ui.horizontal(|ui| {
            let go = ui.add_enabled(answer.is_ok(), egui::Button::new("Go"));
            let enter = ui.input(|i| i.key_pressed(egui::Key::Enter));
            if go.clicked() || (enter && answer.is_ok()) {
                out.push(Command::View(ViewCommand::GoTo(text.clone())));
                out.push(Command::Panel(PanelCommand::GoToForm(false)));
            }
            if ui.button("Cancel").clicked() {
                out.push(Command::Panel(PanelCommand::GoToForm(false)));
            }
        });
    });
    if modal.should_close() {
        out.push(Command::Panel(PanelCommand::GoToForm(false)));
    }
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
}
