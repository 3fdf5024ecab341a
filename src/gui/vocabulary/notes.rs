//! Annotations.

use super::*;

const NOTES: &str = "Annotations";

pub(super) const VERBS: &[Verb] = &[
    with("[LABEL]", verb("mark", NOTES, "Mark the pointer's place, or the selected range", "M", mark)),
    with(
        "NUMBER [LABEL]",
        verb("category", NOTES, "The same in a category, by its number (keys 1 to 9)", "", |w| {
            let (number, label) = w.rest.trim().split_once(' ').unwrap_or((w.rest.trim(), ""));
            let number: usize = number
                .parse()
                .ok()
                .filter(|n| *n > 0)
                .ok_or_else(|| Error::invalid(format!("'{number}' is not the number of a category")))?;
            marks(w, Some(number - 1), label)
        }),
    ),
    verb("next-annotation", NOTES, "Next annotation", "Ctrl+N", |_| note(AnnotationCommand::Step { forward: true })),
    verb("previous-annotation", NOTES, "The annotation before", "Ctrl+B", |_| {
        note(AnnotationCommand::Step { forward: false })
    }),
    verb("remove-annotation", NOTES, "Take out the selected annotation", "Delete", |_| {
        note(AnnotationCommand::RemoveSelected)
    }),
    verb("edit-annotation", NOTES, "Write in the label of the selected annotation", "F2", |w| {
        note(AnnotationCommand::EditLabel(selected(w)?))
    }),
    verb(
        "select-annotation",
        NOTES,
        "Select the range of the selected annotation, to measure or export it",
        "Shift+R",
        |w| note(AnnotationCommand::SelectRange(selected(w)?)),
    ),
    verb("annotations", NOTES, "The list of annotations", "L", |_| {
        panel(PanelCommand::Inspector(InspectorTab::Annotations))
    }),
    with(
        "FILE",
        verb("import-annotations", NOTES, "Add the annotations in a file", "", |w| {
            note(AnnotationCommand::Import(w.path()?))
        }),
    ),
    with(
        "FILE",
        verb("export-annotations", NOTES, "Write the annotations to .csv, .txt, .tsv or .edf", "", |w| {
            note(AnnotationCommand::Export(w.path()?))
        }),
    ),
];

fn selected(w: &Words<'_>) -> Result<u64> {
    let selected = w.open()?.notes.selected;
    selected.ok_or_else(|| Error::invalid("no annotation is selected").with_remedy("click one, or go to the next"))
}

fn mark(w: &Words<'_>) -> Result<Vec<Command>> {
    marks(w, None, w.rest.trim())
}

fn marks(w: &Words<'_>, category: Option<usize>, label: &str) -> Result<Vec<Command>> {
    w.open()?;
    note(AnnotationCommand::Mark { category, at_tick: w.pointer_tick, label: label.trim().to_owned() })
}
