//! The dialog that describes a file of plain numbers, with the first frames as the description reads them.
//!
//! The preview is read by a worker, one at a time: while an answer is under way, further changes wait for it, and only
//! the newest is asked about. Nothing is drawn from an answer to an older question.

use std::path::PathBuf;

use eframe::egui::{Button, ComboBox, DragValue, Frame, Grid, Key, RichText, ScrollArea, TextEdit, Ui, vec2};

use super::command::{Command, FileCommand, PanelCommand};
use super::command_line::{open_line, small_line_ui};
use super::controls::{dialog, dialog_buttons, example, main_button, named, section};
use super::jobs::Jobs;
pub(super) use super::raw_preview::Preview;
use super::raw_preview::{ask, next_question, preview_ui};
use super::theme::Colours;
use super::wording::sentence;
use crate::error::Result;
use crate::recording::{ByteOrder, SampleType};
use crate::source::detect::{Guess, SURE};
use crate::source::{ChannelOrder, OpenOptions};

/// More channels than any instrument has; a typing error costs no memory.
const MAX_CHANNELS: usize = 65_536;

/// The description as it is edited.
#[derive(Clone, PartialEq, Debug)]
pub struct Fields {
    pub sample_type: SampleType,
    pub byte_order: ByteOrder,
    pub channel_count: usize,
    pub order: ChannelOrder,
    pub header_bytes: u64,
    pub trailing_bytes: u64,
    /// As typed: empty while it is not known.
    pub rate_hz: String,
    pub gain: f64,
    pub offset: f64,
    pub unit: String,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            sample_type: SampleType::I16,
            byte_order: ByteOrder::Little,
            channel_count: 1,
            order: ChannelOrder::Interleaved,
            header_bytes: 0,
            trailing_bytes: 0,
            rate_hz: String::new(),
            gain: 1.0,
            offset: 0.0,
            unit: String::new(),
        }
    }
}

impl Fields {
    /// Samples a second, if a sensible number is typed.
    fn rate(&self) -> Option<f64> {
        self.rate_hz.trim().parse::<f64>().ok().filter(|r| r.is_finite() && *r > 0.0)
    }

    /// The options to open the file with.
    #[must_use]
    pub fn options(&self) -> OpenOptions {
        let unit = self.unit.trim();
        OpenOptions {
            format: Some("raw".to_owned()),
            sample_type: Some(self.sample_type),
            byte_order: Some(self.byte_order),
            channel_count: Some(self.channel_count),
            order: Some(self.order),
            header_bytes: Some(self.header_bytes),
            trailing_bytes: Some(self.trailing_bytes),
            rate_hz: self.rate(),
            gain: Some(self.gain),
            offset: Some(self.offset),
            unit: (!unit.is_empty()).then(|| unit.to_owned()),
            ..OpenOptions::default()
        }
    }

    fn take(&mut self, guess: &Guess) {
        self.sample_type = guess.sample_type;
        self.byte_order = guess.byte_order;
        self.channel_count = guess.channel_count;
        self.header_bytes = guess.header_bytes;
        self.trailing_bytes = 0;
        self.order = ChannelOrder::Interleaved;
    }
}

/// The open dialog.
#[derive(Debug)]
pub struct RawForm {
    pub path: PathBuf,
    pub fields: Fields,
    /// Most likely first; `None` until the answer is there.
    pub guesses: Option<Vec<Guess>>,
    pub remember: bool,
    /// Whether the user has changed something: guesses that come later change nothing then.
    touched: bool,
    /// The question under way.
    waiting: Option<u64>,
    /// What the preview was last asked for.
    asked: Option<OpenOptions>,
    preview: Option<Result<Preview, String>>,
}

impl RawForm {
    /// A form for `path`; start [`super::raw_preview::guess`] beside it.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            fields: Fields::default(),
            guesses: None,
            remember: true,
            touched: false,
            waiting: None,
            asked: None,
            preview: None,
        }
    }

    /// Takes the guesses; the best one fills the form unless the user has been there first.
    pub fn guessed(&mut self, result: Result<Vec<Guess>>) {
        let guesses = result.unwrap_or_default();
        if let Some(best) = guesses.first()
            && !self.touched
        {
            self.fields.take(best);
        }
        self.guesses = Some(guesses);
    }

    /// Takes a preview, if it answers the question under way.
    pub fn previewed(&mut self, form: u64, result: Result<Preview>) {
        if self.waiting == Some(form) {
            self.waiting = None;
            self.preview = Some(result.map_err(|e| sentence(&e.to_string())));
        }
    }

    /// Asks for a new preview when the description has changed and no answer is awaited.
    fn refresh(&mut self, jobs: &Jobs) {
        let options = self.fields.options();
        if self.waiting.is_none() && self.asked.as_ref() != Some(&options) && self.guesses.is_some() {
            let question = next_question();
            self.waiting = Some(question);
            self.asked = Some(options.clone());
            ask(jobs, question, self.path.clone(), options);
        }
    }
}

/// Draws the dialog.
pub(super) fn raw_form_ui(ui: &Ui, form: &mut RawForm, jobs: &Jobs, out: &mut Vec<Command>) {
    form.refresh(jobs);
    let modal = dialog(ui.ctx(), "raw-form").show(ui.ctx(), |ui| {
        let screen = ui.ctx().content_rect().size();
        let height = (screen.y - 260.0).max(120.0);
        ui.set_width((screen.x - 64.0).clamp(320.0, 760.0));
        ui.heading("Describe this file");
        ui.weak(form.path.display().to_string());
        ScrollArea::vertical().max_height(height).min_scrolled_height(height).show(ui, |ui| {
            guesses_ui(ui, form);
            ui.add_space(8.0);
            ui.horizontal_top(|ui| {
                ui.vertical(|ui| {
                    ui.set_width(300.0);
                    let before = form.fields.clone();
                    layout_ui(ui, &mut form.fields);
                    scale_ui(ui, &mut form.fields);
                    form.touched |= form.fields != before;
                });
                ui.vertical(|ui| found_ui(ui, form));
            });
        });
        small_line_ui(ui, &open_line(&form.path, &form.fields.options()));
        ui.checkbox(&mut form.remember, "Remember this description")
            .on_hover_text(OpenOptions::path_beside(&form.path).display().to_string());
        buttons_ui(ui, form, out);
    });
    // Not by a click beside it, which is easily made and would lose what was typed.
    if modal.should_close() && !modal.backdrop_response.clicked() {
        out.push(Command::Panel(PanelCommand::RawForm(false)));
    }
}

fn buttons_ui(ui: &mut Ui, form: &RawForm, out: &mut Vec<Command>) {
    let no_rate = form.fields.rate_hz.trim().is_empty();
    let good = matches!(&form.preview, Some(Ok(preview)) if !preview.channels.is_empty())
        && (no_rate || form.fields.rate().is_some());
    dialog_buttons(ui, |ui| {
        let open = ui.add_enabled(good, main_button(ui, "Open"));
        let enter = good && ui.memory(|m| m.focused().is_none()) && ui.input(|i| i.key_pressed(Key::Enter));
        if open.clicked() || enter {
            let options = form.fields.options();
            if form.remember {
                out.push(Command::File(FileCommand::Remember(form.path.clone(), options.clone())));
            }
            out.push(Command::File(FileCommand::Open(form.path.clone(), options)));
            out.push(Command::Panel(PanelCommand::RawForm(false)));
        }
        if ui.add(Button::new("Cancel").min_size(vec2(88.0, 28.0))).clicked() {
            out.push(Command::Panel(PanelCommand::RawForm(false)));
        }
    });
}

fn guesses_ui(ui: &mut Ui, form: &mut RawForm) {
    // Nothing that is less likely than not is called likely.
    let unsure = form.guesses.as_ref().and_then(|g| g.first()).is_some_and(|best| best.score < SURE);
    section(ui, if unsure { "Possible layouts" } else { "Likely layouts" });
    let Some(guesses) = &form.guesses else {
        ui.weak("Looking at the file…");
        return;
    };
    if guesses.is_empty() {
        ui.weak("No layout stands out: fill in the fields below and watch the preview.");
        return;
    }
    if unsure {
        let text = "▲ The file does not tell its layout for certain: the samples fit several. Try these, or fill in what you \
                    know of the instrument, and watch the preview.";
        ui.label(RichText::new(text).color(Colours::of(ui).warning));
    }
    let mut taken = None;
    ui.horizontal_wrapped(|ui| {
        for guess in guesses.iter().take(if unsure { usize::MAX } else { 6 }) {
            let f = &form.fields;
            let chosen = (f.sample_type, f.byte_order, f.channel_count, f.header_bytes)
                == (guess.sample_type, guess.byte_order, guess.channel_count, guess.header_bytes);
            if ui.selectable_label(chosen, guess_text(guess, !unsure)).on_hover_text(sentence(&guess.reason)).clicked()
            {
                taken = Some(guess.clone());
            }
        }
    });
    if let Some(guess) = taken {
        form.fields.take(&guess);
        form.touched = true;
    }
}

/// A guess in words, with how likely it is where that tells anything.
fn guess_text(guess: &Guess, with_score: bool) -> String {
    let channels = super::wording::plural(guess.channel_count as u64, "channel");
    let big = if guess.byte_order == ByteOrder::Big { " big-endian" } else { "" };
    let header =
        if guess.header_bytes > 0 { format!(", {} bytes of header", guess.header_bytes) } else { String::new() };
    let score = if with_score { format!(" — {:.0} %", guess.score * 100.0) } else { String::new() };
    format!("{}{big}, {channels}{header}{score}", type_title(guess.sample_type))
}

/// The type's name as most languages have it: `int16`, `float32`.
fn type_title(sample_type: SampleType) -> String {
    let name = sample_type.name();
    match name.split_at(1) {
        ("i", bits) => format!("int{bits}"),
        ("u", bits) => format!("uint{bits}"),
        ("f", bits) => format!("float{bits}"),
        _ => name.to_owned(),
    }
}

fn layout_ui(ui: &mut Ui, f: &mut Fields) {
    section(ui, "Layout");
    Grid::new("layout").num_columns(2).spacing([12.0, 6.0]).show(ui, |ui| {
        ui.label("Sample format");
        let combo =
            ComboBox::from_id_salt("sample-format").selected_text(type_title(f.sample_type)).show_ui(ui, |ui| {
                for t in SampleType::ALL {
                    ui.selectable_value(&mut f.sample_type, t, type_title(t));
                }
            });
        named(combo.response, "Sample format");
        ui.end_row();
        ui.label("Byte order");
        ui.horizontal(|ui| {
            ui.selectable_value(&mut f.byte_order, ByteOrder::Little, "Little").on_hover_text("Intel, ARM: most files");
            ui.selectable_value(&mut f.byte_order, ByteOrder::Big, "Big").on_hover_text("Network order; older systems");
        });
        ui.end_row();
        ui.label("Channels");
        named(ui.add(DragValue::new(&mut f.channel_count).range(1..=MAX_CHANNELS).speed(0.1)), "Channels");
        ui.end_row();
        ui.label("Order");
        ui.horizontal(|ui| {
            ui.selectable_value(&mut f.order, ChannelOrder::Interleaved, "Interleaved")
                .on_hover_text("All channels of the first frame, then all of the next");
            ui.selectable_value(&mut f.order, ChannelOrder::Planar, "Planar")
                .on_hover_text("All frames of the first channel, then all of the next");
        });
        ui.end_row();
        for (title, value) in [("Header", &mut f.header_bytes), ("Trailing", &mut f.trailing_bytes)] {
            ui.label(title);
            named(ui.add(DragValue::new(value).suffix(" bytes").speed(1.0)), title);
            ui.end_row();
        }
    });
}

fn scale_ui(ui: &mut Ui, f: &mut Fields) {
    section(ui, "Time and unit");
    let warning = Colours::of(ui).warning;
    Grid::new("scale").num_columns(2).spacing([12.0, 6.0]).show(ui, |ui| {
        ui.label("Rate");
        ui.horizontal(|ui| {
            named(ui.add(TextEdit::singleline(&mut f.rate_hz).desired_width(88.0).hint_text(example("30000"))), "Rate");
            ui.label("Hz");
        });
        ui.end_row();
        for (title, value) in [("Gain", &mut f.gain), ("Offset", &mut f.offset)] {
            ui.label(title);
            let speed = (value.abs() / 100.0).max(0.001);
            let drag = DragValue::new(value).speed(speed).max_decimals(9);
            named(ui.add(drag), title).on_hover_text("physical = stored × gain + offset");
            ui.end_row();
        }
        ui.label("Unit");
        named(ui.add(TextEdit::singleline(&mut f.unit).desired_width(88.0).hint_text(example("µV"))), "Unit");
        ui.end_row();
    });
    if f.rate().is_none() {
        let text = if f.rate_hz.trim().is_empty() {
            "Without a rate the time axis is in frames."
        } else {
            "▲ The rate must be a number above 0."
        };
        ui.label(RichText::new(text).color(warning));
    }
    if f.gain == 0.0 {
        ui.label(RichText::new("▲ With a gain of 0 every value is the same.").color(warning));
    }
}

fn found_ui(ui: &mut Ui, form: &RawForm) {
    section(ui, "The first frames, read like this");
    let colours = Colours::of(ui);
    match &form.preview {
        Some(Ok(preview)) => {
            if let Some(text) = preview.left_out() {
                ui.weak(text);
            }
            preview_ui(ui, preview, form.fields.unit.trim());
            ui.label(&preview.note);
            ui.weak("Smooth lines mean that the description fits; noise, that it does not, or that nothing else was recorded.");
        }
        Some(Err(error)) => {
            Frame::new().fill(colours.canvas).inner_margin(12).show(ui, |ui| {
                ui.set_min_size(vec2(ui.available_width(), 216.0));
                ui.label(RichText::new(format!("▲ {error}")).color(colours.error));
            });
        }
        None => {
            ui.weak("Reading…");
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use eframe::egui;
    use egui_kittest::kittest::Queryable as _;

    use super::super::testing::{bench, control};
    use super::*;

    pub(crate) fn form() -> RawForm {
        let mut form = RawForm::new(PathBuf::from("/data/probe.bin"));
        let guess = |sample_type, channel_count, score| Guess {
            sample_type,
            byte_order: ByteOrder::Little,
            channel_count,
            header_bytes: 0,
            score,
            reason: "rows are smooth".to_owned(),
        };
        form.guessed(Ok(vec![guess(SampleType::I16, 4, 0.9), guess(SampleType::F32, 2, 0.1)]));
        form.asked = Some(form.fields.options());
        form.waiting = Some(7);
        let wave = |c: usize| (0..400).map(move |i| ((i * (c + 1)) as f32 / 40.0).sin() * 100.0).collect();
        let preview = Preview {
            channels: (0..4).map(wave).collect(),
            total: 128,
            note: "30\u{a0}000 frames · 1.00 s".to_owned(),
        };
        form.previewed(7, Ok(preview));
        form
    }

    #[test]
    fn the_best_guess_fills_the_form_and_open_remembers_it() {
        let jobs = Jobs::new(egui::Context::default(), 1);
        let mut harness = bench([1000.0, 800.0], form(), move |ui, form, out| raw_form_ui(ui, form, &jobs, out));
        harness.run();
        assert_eq!(harness.state().state.fields.channel_count, 4);
        harness.get_by_label("The first 4 of 128 channels");
        harness.get_by_label("Likely layouts");
        harness.get_by_label("Open").click();
        harness.run();
        let [
            Command::File(FileCommand::Remember(_, remembered)),
            Command::File(FileCommand::Open(_, opened)),
            Command::Panel(PanelCommand::RawForm(false)),
        ] = &harness.state().out[..]
        else {
            panic!("{:?}", harness.state().out)
        };
        assert_eq!(remembered, opened);
        assert_eq!(opened.channel_count, Some(4));
        assert_eq!(opened.rate_hz, None);
    }

    #[test]
    fn a_guess_can_be_taken_and_an_old_preview_is_dropped() {
        let jobs = Jobs::new(egui::Context::default(), 1);
        let mut harness = bench([1000.0, 800.0], form(), move |ui, form, out| raw_form_ui(ui, form, &jobs, out));
        harness.run();
        harness.get_by_label_contains("float32, 2 channels").click();
        control(&harness, egui::Role::TextInput, "Rate").focus();
        control(&harness, egui::Role::TextInput, "Rate").type_text("30000");
        harness.run();
        let form = &mut harness.state_mut().state;
        assert_eq!((form.fields.sample_type, form.fields.rate()), (SampleType::F32, Some(30_000.0)));
        form.waiting = Some(9);
        form.previewed(8, Err(crate::Error::invalid("old")));
        assert!(matches!(form.preview, Some(Ok(_))));
    }

    #[test]
    fn guesses_that_are_none_are_called_so_and_stay_a_click_away() {
        let jobs = Jobs::new(egui::Context::default(), 1);
        let mut unsure = form();
        let guesses = unsure.guesses.as_mut().unwrap();
        let one = guesses[0].clone();
        *guesses =
            [1, 2, 4, 8, 16, 32, 64, 128].map(|n| Guess { channel_count: n, score: 0.125, ..one.clone() }).to_vec();
        let mut harness = bench([1000.0, 800.0], unsure, move |ui, form, out| raw_form_ui(ui, form, &jobs, out));
        harness.run();
        harness.get_by_label("Possible layouts");
        harness.get_by_label_contains("does not tell its layout for certain");
        harness.get_by_label("int16, 128 channels").click();
        harness.run();
        assert_eq!(harness.state().state.fields.channel_count, 128);
    }

    #[test]
    fn late_guesses_leave_the_users_entries_alone() {
        let mut form = RawForm::new(PathBuf::from("x"));
        form.fields.channel_count = 9;
        form.touched = true;
        let guesses = super::tests::form().guesses.unwrap();
        form.guessed(Ok(guesses));
        assert_eq!(form.fields.channel_count, 9);
    }
}
