//! The `longwave …` command that does what a dialog or a form would do: shown in every one of them, ready to copy, quoted
//! for a POSIX shell. That it does the same is tested with the parser of the command line itself.

#[cfg(test)]
mod tests;

use std::path::Path;

use eframe::egui::{Button, FontId, Frame, Label, RichText, TextStyle, Ui};

use super::command::Scope;
use super::state::Document;
use crate::analysis::spectrogram::Cut;
use crate::analysis::{Analysis, DECODERS};
use crate::export::Values;
use crate::filter::Chain;
use crate::form::{Kind, Settings};
use crate::recording::ByteOrder;
use crate::scan::Selection;
use crate::source::{ChannelOrder, HardwareOrder, OpenOptions, WallClock};

/// A command line, word by word.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Line(Vec<String>);

impl Line {
    /// `longwave COMMAND…`.
    fn new(command: &[&str]) -> Self {
        Self(std::iter::once("longwave").chain(command.iter().copied()).map(str::to_owned).collect())
    }

    fn word(&mut self, word: impl Into<String>) {
        self.0.push(word.into());
    }

    /// A file; one whose name looks like an option is named from here.
    fn file(&mut self, path: &Path) {
        let text = path.to_string_lossy();
        self.word(if text.starts_with('-') { format!("./{text}") } else { text.into_owned() });
    }

    /// `--flag value`, or `--flag=value` where the value would not be taken for one.
    fn option(&mut self, flag: &str, value: &str) {
        if value.starts_with('-') || value.is_empty() {
            self.word(format!("--{flag}={value}"));
        } else {
            self.word(format!("--{flag}"));
            self.word(value);
        }
    }

    fn flag(&mut self, flag: &str) {
        self.word(format!("--{flag}"));
    }

    /// The stream, range and channels, as far as they are not what the command takes by itself.
    fn selection(&mut self, document: &Document, selection: &Selection, with_channels: bool) {
        let stream = &document.recording().streams[selection.stream];
        if selection.stream != document.recording().default_stream() {
            self.option("stream", &stream.name);
        }
        if selection.frames != (0..stream.frames) {
            self.option("range", &format!("#{}..#{}", selection.frames.start, selection.frames.end));
        }
        let all = selection.channels.iter().copied().eq(0..stream.channels.len());
        if with_channels && !all {
            self.option("channels", &channel_list(&selection.channels));
        }
    }

    /// The annotated ranges that a scope means, each in a file of its own unless they are `joined`.
    pub(super) fn annotated(&mut self, document: &Document, scope: Scope, joined: bool) {
        let Scope::Annotated(category) = scope else { return };
        self.option("annotated", document.annotated_name(category).unwrap_or_default());
        if joined {
            self.flag("joined");
        }
    }

    /// What the user has told about the file when opening it.
    fn layout(&mut self, options: &OpenOptions) {
        let mut given = |flag: &str, value: Option<String>| {
            if let Some(value) = value {
                self.option(flag, &value);
            }
        };
        given("format", options.format.clone());
        given("dtype", options.sample_type.map(|t| t.name().to_owned()));
        given("byte-order", options.byte_order.filter(|o| *o == ByteOrder::Big).map(|_| "big".to_owned()));
        given("channel-count", options.channel_count.map(|n| n.to_string()));
        given("order", options.order.filter(|o| *o == ChannelOrder::Planar).map(|_| "planar".to_owned()));
        let order = |order| match order {
            HardwareOrder::Interleaved => "interleaved".to_owned(),
            HardwareOrder::Ascending => "ascending".to_owned(),
        };
        given("channel-order", options.channel_order.map(order));
        let clock = |clock| match clock {
            WallClock::System => "system".to_owned(),
            WallClock::Creation => "creation".to_owned(),
        };
        given("clock", options.clock.map(clock));
        given("header-bytes", options.header_bytes.filter(|n| *n > 0).map(|n| n.to_string()));
        given("trailing-bytes", options.trailing_bytes.filter(|n| *n > 0).map(|n| n.to_string()));
        given("rate", options.rate_hz.map(|r| r.to_string()));
        given("gain", options.gain.filter(|g| *g != 1.0).map(|g| g.to_string()));
        given("offset", options.offset.filter(|o| *o != 0.0).map(|o| o.to_string()));
        given("unit", options.unit.clone());
        given("start", options.start.clone());
        given("member", options.member.clone());
    }

    /// What differs from the defaults.
    fn settings(&mut self, settings: &Settings) {
        for parameter in settings.parameters() {
            let value = settings.text(parameter.name);
            match parameter.kind {
                _ if value == parameter.default => {}
                Kind::Flag if parameter.default == "false" => self.flag(parameter.name),
                Kind::Switch { .. } if value == "yes" => self.flag(parameter.name),
                Kind::Switch { off } if value == "no" => self.flag(off),
                // A number that is back to following from the others.
                _ if value.is_empty() && matches!(parameter.kind, Kind::Integer { .. } | Kind::Number { .. }) => {}
                _ => self.option(parameter.name, value),
            }
        }
    }

    /// The filters, in their order; one whose name is a setting of the command is given as text.
    fn filters(&mut self, chain: &Chain, settings: &[&str]) {
        for step in &chain.steps {
            let (name, value) = (step.filter.name, step.value());
            if settings.contains(&name) {
                self.option("filter", &step.to_string());
            } else if value.is_empty() {
                self.flag(name);
            } else if step.filter.needs_value {
                self.option(name, &value);
            } else {
                // A value that may be missing is tied to its flag.
                self.word(format!("--{name}={value}"));
            }
        }
    }

    fn files(&mut self, document: &Document) {
        document.paths().iter().for_each(|path| self.file(path));
    }

    /// The words, for a parser.
    #[cfg(test)]
    pub(super) fn words(&self) -> &[String] {
        &self.0
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, word) in self.0.iter().enumerate() {
            let space = if i > 0 { " " } else { "" };
            // The flag of `--flag=value` reads better outside the quotes.
            match word.split_once('=').filter(|(flag, _)| flag.starts_with("--") && quoted(flag) == *flag) {
                Some((flag, value)) if !value.is_empty() => write!(f, "{space}{flag}={}", quoted(value))?,
                _ => write!(f, "{space}{}", quoted(word))?,
            }
        }
        Ok(())
    }
}

/// The command line of an export, or of a picture.
#[must_use]
pub(super) fn export_line(
    document: &Document,
    selection: &Selection,
    target: &Path,
    values: Values,
    settings: &Settings,
    overwrite: bool,
) -> Line {
    let picture = crate::export::for_target(target).is_ok_and(|e| e.name == "picture");
    let mut line = Line::new(&[if picture { "shot" } else { "export" }]);
    line.files(document);
    line.word("-o");
    line.file(target);
    line.selection(document, selection, true);
    if values == Values::Physical && !picture {
        line.option("values", "physical");
    }
    line.layout(&document.options);
    line.settings(settings);
    if let Some(filter) = &document.filter {
        line.filters(&filter.chain, &names(settings));
    }
    if overwrite {
        line.flag("force");
    }
    line
}

fn names(settings: &Settings) -> Vec<&'static str> {
    settings.parameters().iter().map(|p| p.name).collect()
}

/// The command line of an analysis, a search or a decoder.
#[must_use]
pub(super) fn analysis_line(document: &Document, analysis: &Analysis, settings: &Settings, scope: Scope) -> Line {
    let mut line = line_of(document, analysis, settings, &document.scope(scope));
    line.annotated(document, scope, false);
    line
}

fn line_of(document: &Document, analysis: &Analysis, settings: &Settings, selection: &Selection) -> Line {
    let decoder = DECODERS.iter().any(|d| d.name == analysis.name);
    let mut line = if decoder { Line::new(&["decode", analysis.name]) } else { Line::new(&[analysis.name]) };
    line.files(document);
    let names_lines = analysis.parameters.iter().any(|p| p.kind == Kind::Channel);
    line.selection(document, selection, !names_lines);
    line.layout(&document.options);
    line.settings(settings);
    if let Some(filter) = &document.filter {
        line.filters(&filter.chain, &names(settings));
    }
    if crate::analysis::writer(analysis.name).is_some() {
        let ending = analysis.file_types.iter().find(|t| **t == "png").or(analysis.file_types.first());
        line.word("-o");
        line.word(format!("{}.{}", analysis.name, ending.copied().unwrap_or("csv")));
    }
    line
}

/// The command line that draws what the panel of the spectrogram shows.
#[must_use]
pub(super) fn spectrogram_line(document: &Document, channel: usize, cut: Cut) -> Option<Line> {
    let analysis = crate::analysis::named("spectrogram").ok()?;
    let mut settings = Settings::defaults(analysis.parameters);
    settings.set("window", &cut.window.to_string()).ok()?;
    settings.set("taper", cut.taper).ok()?;
    settings.set("overlap", &(cut.window as u64).saturating_sub(cut.hop).to_string()).ok()?;
    let selection = Selection { channels: vec![channel], ..document.scope(Scope::Visible) };
    Some(line_of(document, analysis, &settings, &selection))
}

/// The command line that writes the shown stream through `chain`.
#[must_use]
pub(super) fn filter_line(document: &Document, chain: &Chain) -> Line {
    let mut line = Line::new(&["filter"]);
    line.files(document);
    if document.stream != document.recording().default_stream() {
        line.option("stream", &document.shown().name);
    }
    line.layout(&document.options);
    line.filters(chain, &[]);
    line.word("-o");
    line.word("filtered.npy");
    line
}

/// The command line that compares the shown stream with the recording at `with`.
#[must_use]
pub(super) fn compare_line(document: &Document, with: &Path) -> Line {
    let mut line = Line::new(&["compare"]);
    line.file(&document.path);
    line.file(with);
    if document.stream != document.recording().default_stream() {
        line.option("stream", &document.shown().name);
    }
    line.layout(&document.options);
    line
}

/// The command line that writes the annotations for other programs.
#[must_use]
pub(super) fn annotations_line(document: &Document) -> Line {
    let mut line = Line::new(&["annotations"]);
    line.file(&document.path);
    line.word("-o");
    line.word("annotations.csv");
    line
}

/// The command line that opens the file at `path` as `options` describe it.
#[must_use]
pub(super) fn open_line(path: &Path, options: &OpenOptions) -> Line {
    let mut line = Line::new(&[]);
    line.file(path);
    line.layout(options);
    line
}

/// Shows a command line under a heading, with a button that copies it.
pub(super) fn line_ui(ui: &mut Ui, line: &Line) {
    super::controls::section(ui, "The same on the command line");
    words_ui(ui, line);
}

/// The same where there is little room: without a heading, and smaller.
pub(super) fn small_line_ui(ui: &mut Ui, line: &Line) {
    ui.add_space(4.0);
    ui.scope(|ui| {
        let size = ui.text_style_height(&TextStyle::Small);
        ui.style_mut().text_styles.insert(TextStyle::Monospace, FontId::monospace(size * 0.9));
        words_ui(ui, line);
    });
}

fn words_ui(ui: &mut Ui, line: &Line) {
    let text = line.to_string();
    Frame::new().fill(ui.visuals().faint_bg_color).inner_margin(6).corner_radius(4.0).show(ui, |ui| {
        ui.add(Label::new(RichText::new(&text).monospace()).wrap().selectable(true));
        let copy = ui.add(Button::new("Copy command").small());
        if copy.on_hover_text("Copy the command line that does the same").clicked() {
            ui.ctx().copy_text(text);
        }
    });
}

/// `0-3,7` for channels 0, 1, 2, 3 and 7.
#[must_use]
pub(super) fn channel_list(channels: &[usize]) -> String {
    let runs = channels.chunk_by(|a, b| a.checked_add(1) == Some(*b)).map(|run| match run {
        [one] => one.to_string(),
        [first, .., last] => format!("{first}-{last}"),
        [] => String::new(),
    });
    runs.collect::<Vec<_>>().join(",")
}

/// `text` as one word of a POSIX shell.
#[must_use]
pub(super) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,+=@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
