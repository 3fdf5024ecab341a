//! The command palette: type a few letters of what is wanted, or the whole line with its argument.

use eframe::egui::{self, Key, RichText, ScrollArea, TextEdit, Ui, vec2};

use super::command::{Command, PanelCommand};
use super::controls::{dialog, named};
use super::keys::Keymap;
use super::recent::Recent;
use super::state::Document;
use super::theme::Colours;
use super::vocabulary::{self, Verb, verbs};
use crate::analysis::{ANALYSES, DECODERS};
use crate::export::EXPORTERS;
use crate::filter::FILTERS;
use crate::form::Settings;

/// Height of a row, points.
const ROW: f32 = 24.0;
/// Rows without scrolling.
const ROWS: f32 = 14.0;

/// What is typed and chosen.
#[derive(Clone, Debug, Default)]
pub struct Palette {
    text: String,
    chosen: usize,
    /// Lines that were run before, newest first, and recent files.
    known: Vec<Known>,
}

/// A whole line that can be run as it is.
#[derive(Clone, PartialEq, Debug)]
struct Known {
    title: String,
    line: String,
}

/// A row of the list: a verb, perhaps with its argument.
struct Row {
    verb: &'static Verb,
    title: String,
    /// What it runs; the name of the verb alone where an argument is still to come.
    line: String,
}

/// Lines that are remembered.
const MAX_RAN: usize = 20;

/// Puts `line` in front of the lines that were run, if it has an argument: the others are found by their names.
pub(super) fn remember(ran: &mut Vec<String>, line: &str) {
    if line.split_whitespace().count() > 1 {
        ran.retain(|known| known != line);
        ran.insert(0, line.to_owned());
        ran.truncate(MAX_RAN);
    }
}

impl Palette {
    /// One that knows these lines and files.
    #[must_use]
    pub(super) fn new(ran: &[String], recent: &Recent) -> Self {
        let again = ran.iter().map(|line| Known { title: "Again".to_owned(), line: line.clone() });
        let there = recent.files.iter().filter(|file| file.trouble.is_none()).map(|file| &file.entry.path);
        let open = there.filter_map(|path| {
            let name = path.file_name()?.to_string_lossy();
            Some(Known { title: format!("Open {name}"), line: format!("open {}", path.to_str()?) })
        });
        Self { known: again.chain(open).collect(), ..Self::default() }
    }

    /// What fits the text, best first.
    fn rows(&self, document: Option<&Document>) -> Vec<Row> {
        let text = self.text.trim_start();
        let found = fitting(text);
        let whole = |known: &Known| {
            let (verb, _) = vocabulary::split(&known.line).ok()?;
            Some(Row { verb, title: known.title.clone(), line: known.line.clone() })
        };
        let plain = |verb: &'static Verb| Row { verb, title: verb.title.to_owned(), line: verb.name.to_owned() };
        // A name that is typed in full; what only resembles one is offered as such.
        if let [verb] = &found[..]
            && text.split_once(char::is_whitespace).is_some_and(|(name, _)| name == verb.name)
        {
            // The line as it is typed, then how it may go on.
            let typed = Row { verb, title: verb.title.to_owned(), line: text.trim_end().to_owned() };
            let lines = named_lines(document).into_iter().chain(self.known.iter().cloned());
            let wanted = text.to_lowercase();
            let goes_on = lines.filter(|known| {
                let line = known.line.to_lowercase();
                line.starts_with(&format!("{} ", verb.name))
                    && fit(&line, &wanted).is_some()
                    && line != wanted.trim_end()
            });
            return std::iter::once(typed).chain(goes_on.filter_map(|known| whole(&known))).collect();
        }
        if text.is_empty() {
            let again = self.known.iter().filter(|known| known.title == "Again").take(AGAIN);
            return again.filter_map(whole).chain(found.into_iter().map(plain)).collect();
        }
        let mut rows: Vec<(i32, Row)> = found
            .into_iter()
            .map(|verb| (fit(verb.name, text).map(|s| s + 2).max(fit(verb.title, text)).unwrap_or(0), plain(verb)))
            .collect();
        let lines = named_lines(document).into_iter().chain(self.known.iter().cloned());
        rows.extend(lines.filter_map(|known| {
            let score = fit(&known.line, text).max(fit(&known.title, text))?;
            // Of equals the plain verb comes first.
            Some((score - 1, whole(&known)?))
        }));
        rows.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        rows.into_iter().map(|(_, row)| row).collect()
    }
}

/// Lines that are shown before anything is typed.
const AGAIN: usize = 3;

/// Lines for everything that has a name of its own: analyses, tabs, targets of exports, streams, themes.
fn named_lines(document: Option<&Document>) -> Vec<Known> {
    let known = |title: String, line: String| Known { title, line };
    let mut lines: Vec<Known> = Vec::new();
    for analysis in ANALYSES.iter().chain(DECODERS) {
        lines.push(known(format!("Show {}", analysis.title), format!("inspector {}", analysis.name)));
        // One that must be told more is set on its tab.
        if (analysis.check)(&Settings::defaults(analysis.parameters)).is_ok() {
            lines.push(known(format!("Compute {}", analysis.title), format!("analyse {}", analysis.name)));
        }
    }
    for (tab, title) in
        [("measure", "Measure"), ("filter", "Filter"), ("annotations", "Annotations"), ("recording", "Recording")]
    {
        lines.push(known(format!("Show {title}"), format!("inspector {tab}")));
    }
    for exporter in EXPORTERS {
        lines.push(known(format!("Export as {}", exporter.title), format!("export-as {}", exporter.name)));
    }
    for filter in FILTERS {
        let value = filter.parameters.first().filter(|_| filter.needs_value).map_or("", |p| p.default);
        let equals = if value.is_empty() { "" } else { "=" };
        lines.push(known(format!("Filter: {}", filter.title), format!("filter {}{equals}{value}", filter.name)));
    }
    for stream in document.iter().flat_map(|d| &d.recording().streams) {
        lines.push(known(format!("Show the stream {}", stream.name), format!("stream {}", stream.name)));
    }
    for theme in ["light", "dark", "system"] {
        lines.push(known(format!("Theme: {theme}"), format!("theme {theme}")));
    }
    for time in ["automatic", "seconds", "h:m:s", "clock", "frames"] {
        lines.push(known(format!("Times as {time}"), format!("time {time}")));
    }
    for zone in ["utc", "local"].into_iter().filter(|zone| super::zone::Zone::named(zone).is_ok()) {
        lines.push(known(format!("Clock times in {zone}"), format!("zone {zone}")));
    }
    lines
}

/// How well `wanted` fits `text`: every letter of it in order; together, and at the start of words, is better. `None`:
/// not at all.
fn fit(text: &str, wanted: &str) -> Option<i32> {
    let mut score = 0;
    let mut last: Option<usize> = None;
    let mut from = 0;
    let letters: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    for letter in wanted.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase) {
        let at = from + letters[from..].iter().position(|&c| c == letter)?;
        let starts = at == 0 || !letters[at - 1].is_alphanumeric();
        score += if last.is_some_and(|l| l + 1 == at) { 4 } else { 0 } + if starts { 3 } else { 0 };
        (last, from) = (Some(at), at + 1);
    }
    Some(score - letters.len() as i32 / 16)
}

/// The verbs that fit, best first; a name that is typed in full, with its argument behind it, alone.
fn fitting(text: &str) -> Vec<&'static Verb> {
    let text = text.trim_start();
    if text.contains(' ')
        && let Ok((verb, _)) = vocabulary::split(text)
    {
        return vec![verb];
    }
    let mut found: Vec<(i32, &Verb)> = verbs()
        .filter_map(|verb| Some((fit(verb.name, text).map(|s| s + 2).max(fit(verb.title, text))?, verb)))
        .collect();
    if !text.is_empty() {
        // Stable: those that fit as well stay in the order of the help.
        found.sort_by_key(|&(score, _)| std::cmp::Reverse(score));
    }
    found.into_iter().map(|(_, verb)| verb).collect()
}

/// Draws the palette.
pub(super) fn palette_ui(
    ui: &Ui,
    palette: &mut Palette,
    document: Option<&Document>,
    keymap: &Keymap,
    out: &mut Vec<Command>,
) {
    let modal = dialog(ui.ctx(), "palette").show(ui.ctx(), |ui| {
        ui.set_width(560.0);
        let (up, down, enter) = ui.input_mut(|i| {
            let none = egui::Modifiers::NONE;
            (i.consume_key(none, Key::ArrowUp), i.consume_key(none, Key::ArrowDown), i.key_pressed(Key::Enter))
        });
        let field = TextEdit::singleline(&mut palette.text)
            .hint_text(RichText::new("What to do…").italics())
            .desired_width(f32::INFINITY);
        let field = named(ui.add(field), "Command");
        field.request_focus();
        if field.changed() {
            palette.chosen = 0;
        }
        let found = palette.rows(document);
        if down {
            palette.chosen += 1;
        }
        palette.chosen = palette.chosen.saturating_sub(usize::from(up)).min(found.len().saturating_sub(1));
        let mut run = enter.then_some(palette.chosen);
        ui.add_space(4.0);
        let trouble = trouble(&palette.text, document, found.is_empty());
        ui.label(RichText::new(trouble).color(Colours::of(ui).muted));
        ScrollArea::vertical().max_height(ROW * ROWS).auto_shrink([false, false]).show(ui, |ui| {
            for (i, row) in found.iter().enumerate() {
                let row = row_ui(ui, row, i == palette.chosen, keymap, document.is_some());
                if i == palette.chosen && (up || down) {
                    row.scroll_to_me(None);
                }
                if row.clicked() {
                    run = Some(i);
                }
            }
        });
        run.and_then(|i| found.into_iter().nth(i))
    });
    if modal.should_close() {
        out.push(Command::Panel(PanelCommand::Palette(false)));
        return;
    }
    let Some(Row { verb, line, .. }) = modal.inner else { return };
    let tick = super::trace_ui::pointer_tick(ui.ctx());
    match vocabulary::parse(&line, document, tick) {
        Ok(commands) => {
            out.push(Command::Panel(PanelCommand::Palette(false)));
            out.push(Command::Panel(PanelCommand::Ran(line)));
            out.extend(commands);
        }
        // The argument is still to come, or to be mended.
        Err(_) if line == verb.name && !verb.stands_alone() => palette.text = format!("{} ", verb.name),
        Err(_) => palette.text = line,
    }
}

/// What is wrong with the line so far, or what it still needs.
fn trouble(text: &str, document: Option<&Document>, nothing: bool) -> String {
    if nothing {
        return "No command is called that.".to_owned();
    }
    let Ok((verb, rest)) = vocabulary::split(text) else { return String::new() };
    if rest.trim().is_empty() && !verb.stands_alone() {
        return format!("{} {}", verb.name, verb.argument);
    }
    match vocabulary::parse(text, document, None) {
        Ok(_) => String::new(),
        Err(error) => super::wording::sentence(&error.to_string()),
    }
}

fn row_ui(ui: &mut Ui, row: &Row, chosen: bool, keymap: &Keymap, is_open: bool) -> egui::Response {
    let verb = row.verb;
    let able = verb.always || is_open;
    let bare = row.line == verb.name;
    let name =
        if bare && !verb.argument.is_empty() { format!("{} {}", verb.name, verb.argument) } else { row.line.clone() };
    let keys = if bare { keymap.keys_of(verb.name) } else { String::new() };
    let text = format!("{}   ({name})", row.title);
    let layout = egui::Layout::top_down_justified(egui::Align::Min);
    ui.allocate_ui_with_layout(vec2(ui.available_width(), ROW), layout, |ui| {
        let button = egui::Button::selectable(chosen, text).truncate().shortcut_text(RichText::new(keys).weak());
        ui.add_enabled(able, button)
    })
    .inner
}

#[cfg(test)]
mod tests {
    use egui_kittest::kittest::Queryable as _;

    use super::super::command::ViewCommand;
    use super::super::recent::{Entry, RecentFile};
    use super::super::testing::{bench, document};
    use super::*;

    #[test]
    fn a_few_letters_find_what_is_meant() {
        for (typed, wanted) in [("fit", "fit"), ("zin", "zoom-in"), ("export", "export"), ("theme da", "theme")] {
            let found = fitting(typed);
            let first: Vec<&str> = found.iter().take(3).map(|v| v.name).collect();
            assert!(first.contains(&wanted), "{typed}: {first:?}");
        }
        assert!(fitting("qqqq").is_empty());
        assert_eq!(fitting("").len(), verbs().count());
    }

    #[test]
    fn names_and_what_was_run_before_are_found() {
        let entry = |path: &str| Entry { path: path.into(), ..Entry::default() };
        let there = RecentFile { entry: entry("/data/rat day.rec"), trouble: None };
        let gone = RecentFile { entry: entry("/data/gone.rec"), trouble: Some("gone".to_owned()) };
        let recent = Recent { files: vec![there, gone] };
        let mut ran = Vec::new();
        for line in ["fit", "zoom 4", "analyse spectrum window=512", "zoom 4"] {
            remember(&mut ran, line);
        }
        assert_eq!(ran, ["zoom 4", "analyse spectrum window=512"]);
        let document = document(2);
        let lines = |text: &str| -> Vec<String> {
            let palette = Palette { text: text.to_owned(), ..Palette::new(&ran, &recent) };
            palette.rows(Some(&document)).into_iter().map(|row| row.line).collect()
        };
        assert_eq!(lines("")[..2], ["zoom 4", "analyse spectrum window=512"]);
        assert!(lines("spectrum").contains(&"analyse spectrum".to_owned()));
        assert!(lines("rat").contains(&"open /data/rat day.rec".to_owned()));
        assert!(!lines("gone").contains(&"open /data/gone.rec".to_owned()));
        assert_eq!(lines("stream ")[1..], ["stream ephys", "stream aux"]);
        assert!(lines("analyse sp").contains(&"analyse spectrum window=512".to_owned()));
        assert_eq!(lines("export-as n")[0], "export-as n");
        assert!(lines("export-as n").contains(&"export-as npy".to_owned()));
        // Every line that is offered means something.
        for known in named_lines(Some(&document)) {
            vocabulary::parse(&known.line, Some(&document), None).unwrap_or_else(|e| panic!("{}: {e}", known.line));
        }
    }

    #[test]
    fn enter_runs_the_line() {
        let keymap = Keymap::new("longwave", &Default::default()).0;
        let mut harness = bench([800.0, 600.0], (document(2), Palette::default()), move |ui, state, out| {
            palette_ui(ui, &mut state.1, Some(&state.0), &keymap, out);
        });
        harness.run();
        harness.get_by_label("Command").type_text("zoom 4");
        harness.run();
        harness.key_press(Key::Enter);
        harness.run();
        let out = &harness.state().out;
        assert!(out.iter().any(|c| matches!(c, Command::View(ViewCommand::ZoomCentre(f)) if *f == 4.0)), "{out:?}");
        let kept = |c: &Command| matches!(c, Command::Panel(PanelCommand::Ran(line)) if line == "zoom 4");
        assert!(out.iter().any(kept), "{out:?}");
    }
}
