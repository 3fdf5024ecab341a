//! Selecting, measuring and filtering.

use super::*;

const SELECT: &str = "Select and measure";

pub(super) const VERBS: &[Verb] = &[
    with("A..B", verb("select", SELECT, "Select a range", "", |w| view(ViewCommand::Select(Some(w.range()?))))),
    verb("select-all", SELECT, "Select everything", "Ctrl+A", |_| view(ViewCommand::SelectAll)),
    verb("select-none", SELECT, "Clear the selection", "Escape", |_| view(ViewCommand::Select(None))),
    verb("zoom-to-selection", SELECT, "Zoom to the selection", "E", |_| view(ViewCommand::ToSelection)),
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

fn analyse(w: &Words<'_>) -> Result<Vec<Command>> {
    w.open()?;
    let words: Vec<&str> = w.rest.split_whitespace().collect();
    let (name, words) = words.split_first().ok_or_else(|| Error::invalid("no analysis is named"))?;
    let analysis = crate::analysis::named(name)?;
    let mut settings = Settings::defaults(analysis.parameters);
    let scope = set(&mut settings, words)?;
    (analysis.check)(&settings)?;
    let show = Command::Panel(PanelCommand::Inspector(tab_named(analysis.name)?));
    Ok(vec![show, Command::Job(JobCommand::Analyse { name: analysis.name, settings, scope })])
}
