//! The command palette: type a few letters of what is wanted, or the whole line with its argument.

use eframe::egui::{self, Key, RichText, ScrollArea, TextEdit, Ui, vec2};

use super::command::{Command, PanelCommand};
use super::controls::{dialog, named};
use super::keys::Keymap;
use super::state::Document;
use super::theme::Colours;
use super::vocabulary::{self, Verb, verbs};

/// Height of a row, points.
const ROW: f32 = 24.0;
/// Rows without scrolling.
const ROWS: f32 = 14.0;

/// What is typed and chosen.
#[derive(Clone, Debug, Default)]
pub struct Palette {
    text: String,
    chosen: usize,
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
        let field = TextEdit::singleline(&mut palette.text).hint_text("What to do…").desired_width(f32::INFINITY);
        let field = named(ui.add(field), "Command");
        field.request_focus();
        if field.changed() {
            palette.chosen = 0;
        }
        let found = fitting(&palette.text);
        if down {
            palette.chosen += 1;
        }
        palette.chosen = palette.chosen.saturating_sub(usize::from(up)).min(found.len().saturating_sub(1));
        let mut run = enter.then_some(palette.chosen);
        ui.add_space(4.0);
        let trouble = trouble(&palette.text, document, &found);
        ui.label(RichText::new(trouble).color(Colours::of(ui).muted));
        ScrollArea::vertical().max_height(ROW * ROWS).auto_shrink([false, false]).show(ui, |ui| {
            for (i, verb) in found.iter().enumerate() {
                let row = row_ui(ui, verb, i == palette.chosen, &keymap.keys_of(verb.name), document.is_some());
                if i == palette.chosen && (up || down) {
                    row.scroll_to_me(None);
                }
                if row.clicked() {
                    run = Some(i);
                }
            }
        });
        run.and_then(|i| found.get(i).copied())
    });
    if modal.should_close() {
        out.push(Command::Panel(PanelCommand::Palette(false)));
        return;
    }
    let Some(verb) = modal.inner else { return };
    let typed = vocabulary::split(&palette.text).ok().filter(|(typed, _)| typed.name == verb.name);
    let line = typed.map_or_else(|| verb.name.to_owned(), |_| palette.text.trim().to_owned());
    let tick = super::trace_ui::pointer_tick(ui.ctx());
    match vocabulary::parse(&line, document, tick) {
        Ok(commands) => {
            out.push(Command::Panel(PanelCommand::Palette(false)));
            out.extend(commands);
        }
        // The argument is still to come.
        Err(_) if !verb.stands_alone() && typed.is_none() => palette.text = format!("{} ", verb.name),
        Err(_) => {}
    }
}

/// What is wrong with the line so far, or what it still needs.
fn trouble(text: &str, document: Option<&Document>, found: &[&Verb]) -> String {
    if found.is_empty() {
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

fn row_ui(ui: &mut Ui, verb: &Verb, chosen: bool, keys: &str, is_open: bool) -> egui::Response {
    let able = verb.always || is_open;
    let name = if verb.argument.is_empty() { verb.name.to_owned() } else { format!("{} {}", verb.name, verb.argument) };
    let text = format!("{}   ({name})", verb.title);
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
    }
}
