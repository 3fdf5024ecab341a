//! The parts of the inspector that rest on the tables of analyses and decoders, and the one about what the recording is.

use eframe::egui::{Grid, Label, RichText, ScrollArea, TextStyle, Ui};

use super::analysis_tab::{AnalysisForm, analysis_ui};
use super::command::{Command, FileCommand, GapStep, Scope, ViewCommand};
use super::companions::{Beneath, CompanionCommand};
use super::comparing::comparison_ui;
use super::controls::{fact, named, section};
use super::dock::Shown;
use super::filter_tab::FilterForm;
use super::inspector_tabs::{Last, analyses_ui, find_index, is_find, protocols_ui};
use super::jobs::Job;
use super::state::{Document, InspectorTab};
use super::theme::Colours;
use super::wording::{count, plural, sentence, span};
use crate::analysis::{ANALYSES, DECODERS};
use crate::form::Settings;
use crate::recording::{Recording, Stream};

/// Gaps listed; a recording with more has other troubles.
const MAX_GAPS: usize = 1000;

/// What the user has set for each analysis, in the order of [`ANALYSES`], then for each decoder, in that of [`DECODERS`].
#[derive(Clone, Debug)]
pub struct Forms {
    analyses: Vec<AnalysisForm>,
    pub filter: FilterForm,
    /// Which analysis and which decoder were looked at last.
    pub(super) last: Last,
}

impl Default for Forms {
    fn default() -> Self {
        let analyses = ANALYSES.iter().chain(DECODERS).map(AnalysisForm::new).collect();
        Self { analyses, filter: FilterForm::default(), last: Last::default() }
    }
}

impl Forms {
    /// The form of the analysis at `index` of the table; those of the decoders follow.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut AnalysisForm> {
        self.analyses.get_mut(index)
    }

    /// The panel of analyses or of decoders shows that one from now on.
    pub(super) fn choose(&mut self, tab: InspectorTab) {
        match tab {
            InspectorTab::Analysis(i) if i < ANALYSES.len() && !is_find(i) => self.last.analysis = i,
            InspectorTab::Decoder(i) if i < DECODERS.len() => self.last.decoder = i,
            _ => {}
        }
    }

    /// The analysis and the decoder that their panels show.
    #[must_use]
    pub(super) fn chosen(&self) -> [InspectorTab; 2] {
        [InspectorTab::Analysis(self.last.analysis), InspectorTab::Decoder(self.last.decoder)]
    }

    /// Whether the panel of that tab shows just that one.
    #[must_use]
    pub(super) fn is_chosen(&self, tab: InspectorTab) -> bool {
        match tab {
            InspectorTab::Analysis(i) => is_find(i) || self.last.analysis == i,
            InspectorTab::Decoder(i) => self.last.decoder == i,
            _ => true,
        }
    }

    /// The form of the analysis or decoder called `name` shows what it is run with, whoever asked for it.
    pub fn show(&mut self, name: &str, settings: &Settings, scope: Scope) {
        let index = ANALYSES.iter().chain(DECODERS).position(|analysis| analysis.name == name);
        if let Some(form) = index.and_then(|i| self.analyses.get_mut(i)) {
            form.show(settings, scope);
        }
    }
}

/// The panel of all analyses but the searches: the one that was chosen last.
pub(super) fn analyse_ui(ui: &mut Ui, shown: &mut Shown<'_>) {
    let i = shown.panels.analysis_forms.last.analysis;
    analyses_ui(ui, InspectorTab::Analysis(i), shown.out);
    form_ui(ui, i, shown);
}

/// The panel of searches.
pub(super) fn find_ui(ui: &mut Ui, shown: &mut Shown<'_>) {
    if let Some(i) = find_index() {
        form_ui(ui, i, shown);
    }
}

/// The panel of decoders.
pub(super) fn decode_ui(ui: &mut Ui, shown: &mut Shown<'_>) {
    let i = shown.panels.analysis_forms.last.decoder;
    protocols_ui(ui, InspectorTab::Decoder(i), shown.out);
    form_ui(ui, ANALYSES.len() + i, shown);
}

/// The form and the result of an analysis, or of the decoders that follow them.
fn form_ui(ui: &mut Ui, index: usize, shown: &mut Shown<'_>) {
    let analysis = ANALYSES.iter().chain(DECODERS).nth(index);
    if let Some((analysis, form)) = analysis.zip(shown.panels.analysis_forms.get_mut(index)) {
        ui.push_id(analysis.name, |ui| analysis_ui(ui, analysis, shown.document, shown.jobs, form, shown.out));
    }
}

/// The file, or the first files of a session and how many there are.
fn files_text(path: &std::path::Path, parts: &[crate::source::Part]) -> String {
    const NAMED: usize = 3;
    if parts.is_empty() {
        return path.display().to_string();
    }
    let name = |part: &crate::source::Part| {
        part.path.file_name().unwrap_or(part.path.as_os_str()).to_string_lossy().into_owned()
    };
    let names: Vec<String> = parts.iter().take(NAMED).map(name).collect();
    let more = parts.len().saturating_sub(NAMED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}: {}{rest}", parts.len(), names.join(", "))
}

/// The tab about the recording itself.
pub(super) fn recording_ui(ui: &mut Ui, document: &Document, jobs: &[Job], out: &mut Vec<Command>) {
    let recording = document.recording();
    warnings_ui(ui, recording);
    super::rate_field::rate_ui(ui, document, out);
    Grid::new("facts").num_columns(2).min_row_height(18.0).spacing([12.0, 4.0]).show(ui, |ui| {
        fact(ui, "Name", &recording.name);
        let parts = document.source.parts();
        fact(ui, if parts.is_empty() { "File" } else { "Files" }, files_text(&document.path, parts));
        fact(ui, "Format", recording.format);
        let known = document.time().rate_known();
        fact(
            ui,
            "Duration",
            if known { span(recording.duration_secs()) } else { "unknown: no rate was told".to_owned() },
        );
    });
    gaps_ui(ui, document.shown(), out);
    streams_ui(ui, document, out);
    comparison_ui(ui, document, jobs, out);
    if !recording.events.is_empty() {
        section(ui, "Event tracks");
        // Not side by side: two long texts would make the panel wider than the traces.
        for (i, track) in recording.events.iter().enumerate() {
            ui.push_id(("event track", i), |ui| {
                ui.add(Label::new(&track.name).wrap());
                ui.indent("about", |ui| {
                    ui.weak(match track.events {
                        Some(n) => format!("{} · {}", plural(n, "event"), track.description),
                        None => track.description.clone(),
                    });
                });
            });
        }
    }
    if !recording.properties.is_empty() {
        section(ui, "Properties");
        Grid::new("properties").num_columns(2).min_row_height(18.0).spacing([12.0, 4.0]).striped(true).show(ui, |ui| {
            for (name, value) in &recording.properties {
                fact(ui, name, value);
            }
        });
    }
}

fn warnings_ui(ui: &mut Ui, recording: &Recording) {
    for warning in &recording.warnings {
        let at = warning.at.map(|at| format!(" (at byte {})", count(at))).unwrap_or_default();
        let text = format!("▲ Warning: {}{at}", sentence(&warning.text).trim_end_matches('.'));
        ui.label(RichText::new(text).color(Colours::of(ui).warning));
    }
    if !recording.warnings.is_empty() {
        ui.add_space(4.0);
    }
}

fn streams_ui(ui: &mut Ui, document: &Document, out: &mut Vec<Command>) {
    let streams = &document.recording().streams;
    section(ui, "Streams");
    for (i, stream) in streams.iter().enumerate() {
        ui.push_id(("stream", i), |ui| {
            let chosen = i == document.stream;
            ui.horizontal(|ui| {
                let response =
                    ui.add_enabled(stream.samples() > 0, eframe::egui::RadioButton::new(chosen, &stream.name));
                if response.on_hover_text("Show this stream").clicked() && !chosen {
                    out.push(Command::File(FileCommand::Stream(i)));
                }
                if !chosen && stream.samples() > 0 {
                    let beneath = named(ui.small_button("Show beneath"), &format!("Show {} beneath", stream.name));
                    if beneath.on_hover_text("Under the traces, on the same time axis").clicked() {
                        out.push(Command::Companion(CompanionCommand::Add(Beneath {
                            stream: stream.name.clone(),
                            ..Beneath::default()
                        })));
                    }
                }
            });
            ui.indent("about", |ui| ui.weak(stream_text(stream)));
        });
    }
    let other = ui.button("Show another recording beneath…");
    if other.on_hover_text("On the same time axis, aligned by the clock or by hand").clicked() {
        out.push(Command::Companion(CompanionCommand::AskFile));
    }
}

fn stream_text(stream: &Stream) -> String {
    let rate = if stream.time.rate_known() {
        format!("{} Hz · {}", stream.time.rate_hz(), span(stream.duration_secs()))
    } else {
        "rate not known: time is in frames".to_owned()
    };
    format!(
        "{} · {} · {rate} · {} · {}",
        plural(stream.channels.len() as u64, "channel"),
        plural(stream.frames, "frame"),
        stream.format.sample_type.name(),
        crate::text::bytes(stream.bytes())
    )
}

fn gaps_ui(ui: &mut Ui, stream: &Stream, out: &mut Vec<Command>) {
    section(ui, "Gaps");
    let gaps = stream.time.gaps();
    let total = gaps.len();
    if total == 0 {
        ui.weak("None: no frame is missing.");
        return;
    }
    let missing: u64 = stream.time.gaps().map(|g| g.missing_frames).sum();
    let rate = stream.time.rate_hz();
    ui.weak(format!(
        "{}, {} missing. Click one to see it, or press J for the next.",
        plural(total as u64, "gap"),
        span(missing as f64 / rate)
    ));
    let rows = total.min(MAX_GAPS);
    // As high as a link is drawn, so that the list scrolls by what it shows.
    let row_height = ui.text_style_height(&TextStyle::Monospace);
    let height = (rows as f32 * (row_height + ui.spacing().item_spacing.y)).min(110.0);
    ScrollArea::vertical().id_salt("gaps").max_height(height).show_rows(ui, row_height, rows, |ui, range| {
        for (i, gap) in stream.time.gaps().enumerate().skip(range.start).take(range.len()) {
            ui.push_id(("gap", i), |ui| {
                let at = stream.time.secs_of_tick(gap.first_tick);
                let length = span(gap.missing_frames as f64 / rate);
                let text = format!("at {at:>10.3} s  {length:>10} long");
                let link = ui.link(RichText::new(text).monospace());
                let link = named(link, &format!("Gap at {at:.3} s"));
                let hover =
                    format!("{} frames missing after frame {}", count(gap.missing_frames), count(gap.after_frame));
                if link.on_hover_text(hover).clicked() {
                    out.push(Command::View(ViewCommand::Gap(GapStep::At(gap.first_tick))));
                }
            });
        }
    });
    if total > MAX_GAPS {
        ui.weak(format!("The first {MAX_GAPS} of {}.", count(total as u64)));
    }
}

#[cfg(test)]
mod tests {
    use egui_kittest::kittest::Queryable as _;

    use super::super::testing::{bench, document};
    use super::*;

    #[test]
    fn the_recording_is_described_and_its_gaps_can_be_visited() {
        let document = document(4);
        let mut harness = bench([400.0, 700.0], (), move |ui, (), out| recording_ui(ui, &document, &[], out));
        harness.run();
        harness.get_by_label_contains("Warning: The header names two channels alike (at byte 512)");
        harness.get_by_label("128-channel headstage");
        harness.get_by_label("Gap at 1.000 s").click();
        harness.get_by_label("aux").click();
        harness.run();
        let out = &harness.state().out;
        assert!(out.iter().any(|c| matches!(c, Command::View(ViewCommand::Gap(GapStep::At(1000))))), "{out:?}");
        assert!(out.iter().any(|c| matches!(c, Command::File(FileCommand::Stream(1)))), "{out:?}");
    }
}
