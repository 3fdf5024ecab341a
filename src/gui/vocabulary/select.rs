//! Selecting, measuring and filtering.

use super::*;
use crate::gui::cursors::{CursorCommand, Snap, Which};

const SELECT: &str = "Select and measure";

pub(super) const VERBS: &[Verb] = &[
    with("A..B", verb("select", SELECT, "Select a range", "", |w| view(ViewCommand::Select(Some(w.range()?))))),
    verb("select-all", SELECT, "Select everything", "Ctrl+A", |_| view(ViewCommand::SelectAll)),
    verb("select-none", SELECT, "Clear the selection", "Escape", |_| view(ViewCommand::Select(None))),
    verb("zoom-to-selection", SELECT, "Zoom to the selection", "E", |_| view(ViewCommand::ToSelection)),
    with(
        "a|b [TIME]",
        verb("cursor", SELECT, "Put cursor A or B at a time, or where the pointer is", "", |w| {
            let (which, at) = w.rest.trim().split_once(char::is_whitespace).unwrap_or((w.rest.trim(), ""));
            let which = Which::ALL.into_iter().find(|c| c.title().eq_ignore_ascii_case(which));
            let which = which.ok_or_else(|| Error::invalid("the cursors are called a and b"))?;
            let document = w.open()?;
            cursor(match (at.trim(), w.pointer_tick) {
                ("", Some(tick)) => CursorCommand::AtPointer { which, tick },
                ("", None) => {
                    let seen = document.visible_ticks();
                    let tick = seen.start + (seen.end - seen.start) / 2;
                    CursorCommand::Place { which, tick, near: None }
                }
                (at, _) => CursorCommand::Place { which, tick: document.tick_of_text(at)?, near: None },
            })
        }),
    ),
    verb("cursors", SELECT, "Two cursors to measure between, or none", "K", |_| cursor(CursorCommand::Toggle)),
    verb("cursors-off", SELECT, "Take the cursors away", "", |_| cursor(CursorCommand::Off)),
    with(
        "on|off",
        verb("snap", SELECT, "Whether cursors and edges of annotations snap to what is near", "", |w| {
            panel(PanelCommand::Snap(if w.on_or_off()? { Snap::On } else { Snap::Off }))
        }),
    ),
    verb("toggle-snap", SELECT, "Cursors and annotations snap, or no longer", "X", |_| panel(PanelCommand::ToggleSnap)),
    with(
        "NAME [KEY=VALUE]…",
        verb("analyse", SELECT, "Run an analysis over the selection: stats, spectrum window=4096, …", "", analyse),
    ),
    with(
        "CHAIN",
        verb("filter", SELECT, "Show it through filters: band-pass=300..6000; reference=cmr", "", |w| {
            w.open()?;
            let chain = Chain::parse(w.rest)?;
            one(Command::Filter(if chain.is_empty() { FilterCommand::Remove } else { FilterCommand::Apply(chain) }))
        }),
    ),
    verb("remove-filter", SELECT, "Show it as it is stored, without filters", "", |_| {
        one(Command::Filter(FilterCommand::Remove))
    }),
];

fn cursor(command: CursorCommand) -> Result<Vec<Command>> {
    one(Command::Cursor(command))
}

fn analyse(w: &Words<'_>) -> Result<Vec<Command>> {
    let document = w.open()?;
    let words: Vec<&str> = w.rest.split_whitespace().collect();
    let (name, words) = words.split_first().ok_or_else(|| Error::invalid("no analysis is named"))?;
    let analysis = crate::analysis::named(name)?;
    let mut settings = Settings::defaults(analysis.parameters);
    let (scope, _) = set(&mut settings, words, document)?;
    (analysis.check)(&settings)?;
    let show = Command::Panel(PanelCommand::Inspector(tab_named(analysis.name)?));
    Ok(vec![show, Command::Job(JobCommand::Analyse { name: analysis.name, settings, scope })])
}
