//! Files, exports and work in the background.

use super::*;
use crate::gui::companions::{Alignment, Beneath, CompanionCommand};

const FILES: &str = "Files and jobs";

pub(super) const VERBS: &[Verb] = &[
    always(verb("open-file", FILES, "Choose a recording to open", "Ctrl+O", |_| file(FileCommand::Ask))),
    always(with(
        "FILE",
        verb("open", FILES, "Open a recording or a workspace", "", |w| {
            file(FileCommand::Open(w.path()?, OpenOptions::default()))
        }),
    )),
    always(verb("continue", FILES, "Open the last recording as it was left", "", |_| file(FileCommand::Continue))),
    always(with(
        "FILE",
        verb("pin-recent", FILES, "Keep a file at the top of the recent ones", "", |w| {
            file(FileCommand::PinRecent(w.path()?, true))
        }),
    )),
    always(with(
        "FILE",
        verb("unpin-recent", FILES, "Let it go down the list again", "", |w| {
            file(FileCommand::PinRecent(w.path()?, false))
        }),
    )),
    always(with(
        "FILE",
        verb("forget-recent", FILES, "Take a file off the list of recent ones", "", |w| {
            file(FileCommand::ForgetRecent(w.path()?))
        }),
    )),
    always(with(
        "FILE… [OPTION]…",
        verb("open-as", FILES, "Open with the options of the command line: FILE --dtype i16 --rate 1000", "", |w| {
            if w.rest.trim().is_empty() {
                return Err(Error::invalid("no file is named"));
            }
            let (paths, options) = crate::cli::described(&split_words(w.rest))?;
            file(FileCommand::OpenTogether(paths, options))
        }),
    )),
    with(
        "NAME FILE",
        verb("save-result", FILES, "Save what an analysis has found as CSV", "", |w| {
            let (name, target) = w.rest.trim().split_once(char::is_whitespace).unwrap_or((w.rest.trim(), ""));
            let name = crate::analysis::named(name)?.name;
            let target = target.trim().trim_matches('"');
            let found = w.open()?.results.list.iter().any(|result| result.name == name && result.report.is_some());
            if !found {
                return Err(Error::invalid(format!("there is no result of '{name}'")).with_remedy("run it first"));
            }
            if target.is_empty() {
                return Err(Error::invalid("no file is named"));
            }
            place(FoundCommand::Save(name, PathBuf::from(target)))
        }),
    ),
    always(verb("demo", FILES, "Open the demo recording", "", |_| file(FileCommand::Demo))),
    with(
        "NAME",
        verb("stream", FILES, "Show another stream", "", |w| {
            let recording = w.open()?.recording();
            let name = w.rest.trim();
            let names = || recording.streams.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", ");
            let index = recording.stream_index(name).ok_or_else(|| {
                Error::invalid(format!("there is no stream '{name}'")).with_remedy(format!("use one of: {}", names()))
            })?;
            file(FileCommand::Stream(index))
        }),
    ),
    verb("reload", FILES, "Open the recording again, as it is now", "Ctrl+R, F5", |_| file(FileCommand::Reload)),
    with(
        "NAME",
        verb("beneath", FILES, "Show another stream under the traces, on the same time axis", "", |w| {
            let recording = w.open()?.recording();
            let name = w.rest.trim();
            recording.stream_index(name).ok_or_else(|| {
                let names = recording.streams.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", ");
                Error::invalid(format!("there is no stream '{name}'")).with_remedy(format!("use one of: {names}"))
            })?;
            companion(CompanionCommand::Add(Beneath { stream: name.to_owned(), ..Beneath::default() }))
        }),
    ),
    with(
        "[FILE]",
        verb(
            "beside",
            FILES,
            "Show another recording under the traces, aligned by the clock or at the start",
            "",
            |w| {
                companion(match w.rest.trim() {
                    "" => CompanionCommand::AskFile,
                    _ => CompanionCommand::Add(Beneath {
                        path: Some(w.path()?),
                        alignment: Alignment::Clock,
                        ..Beneath::default()
                    }),
                })
            },
        ),
    ),
    with(
        "clock|SECONDS",
        verb(
            "align",
            FILES,
            "Align the recording shown beneath last: by the clock, or so many seconds later",
            "",
            |w| {
                let list = &w.open()?.companions.list;
                let last = list.iter().rev().find(|c| c.path.is_some()).ok_or_else(|| {
                    Error::invalid("no other recording is shown beneath the traces")
                        .with_remedy("add one with 'beside FILE'")
                })?;
                let clock = w.rest.trim() == "clock";
                if clock && !last.has_clock(w.open()?.time()) {
                    return Err(Error::invalid("one of the recordings does not tell when it began")
                        .with_remedy("give the seconds by which it begins later"));
                }
                let alignment = if clock { Alignment::Clock } else { Alignment::Seconds(w.number()?) };
                companion(CompanionCommand::Align(last.id, alignment))
            },
        ),
    ),
    verb("nothing-beneath", FILES, "Show nothing under the traces", "", |_| companion(CompanionCommand::RemoveAll)),
    with(
        "[FILE]",
        verb("save-workspace", FILES, "Save what is open and how it is shown as a workspace", "Ctrl+S", |w| {
            file(FileCommand::SaveWorkspace(if w.rest.trim().is_empty() { None } else { Some(w.path()?) }))
        }),
    ),
    verb("save-workspace-as", FILES, "Save the workspace under another name", "Ctrl+Shift+S", |_| {
        file(FileCommand::AskWorkspace)
    }),
    verb("close", FILES, "Close the recording", "Ctrl+W", |_| file(FileCommand::Close)),
    verb("export-form", FILES, "Export the selection", "Ctrl+E", |_| panel(PanelCommand::ExportForm(true))),
    verb("picture-form", FILES, "Export a picture of the view: PNG or SVG", "Ctrl+Shift+E", |_| {
        panel(PanelCommand::PictureForm)
    }),
    with(
        "TYPE",
        verb("export-as", FILES, "Export to a type of file: npy, raw, nwb, picture, …", "", |w| {
            let wanted = w.rest.trim();
            let found = crate::export::EXPORTERS.iter().find(|e| e.name == wanted).ok_or_else(|| {
                let names: Vec<&str> = crate::export::EXPORTERS.iter().map(|e| e.name).collect();
                Error::invalid(format!("nothing is exported as '{wanted}'"))
                    .with_remedy(format!("use one of: {}", names.join(", ")))
            })?;
            panel(PanelCommand::ExportAs(found.name))
        }),
    ),
    verb("copy-picture", FILES, "Copy a picture of the view", "Ctrl+Shift+I", |_| {
        one(Command::Copy(CopyCommand::Picture))
    }),
    verb("copy-numpy", FILES, "Copy as NumPy: the Python lines that load the selection, or what is seen", "", |_| {
        one(Command::Copy(CopyCommand::NumPy))
    }),
    verb("copy-figures", FILES, "Copy as text what is measured of the selection, or of what is seen", "", |_| {
        one(Command::Copy(CopyCommand::Figures))
    }),
    with("FILE [KEY=VALUE]…", verb("export", FILES, "Export the selection to a file", "", export)),
    with(
        "[FILE]",
        verb("compare", FILES, "Compare with another recording", "", |w| {
            let ask = w.rest.trim().is_empty();
            let asked = if ask {
                Command::Panel(PanelCommand::BrowseCompare)
            } else {
                Command::Job(JobCommand::Compare(w.path()?))
            };
            Ok(vec![Command::Panel(PanelCommand::Inspector(InspectorTab::Recording)), asked])
        }),
    ),
    verb("difference", FILES, "Show the difference to the recording compared with", "", |_| {
        file(FileCommand::ShowDifference)
    }),
    verb("cancel-jobs", FILES, "Stop all work in the background", "", |_| one(Command::Job(JobCommand::CancelAll))),
];

fn companion(command: CompanionCommand) -> Result<Vec<Command>> {
    one(Command::Companion(command))
}

/// Words with blanks between them; those in quotation marks may hold some.
fn split_words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut any) = (Vec::new(), String::new(), false, false);
    for c in text.trim().chars() {
        match c {
            '"' => (quoted, any) = (!quoted, true),
            c if c.is_whitespace() && !quoted => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                    any = false;
                }
            }
            c => word.push(c),
        }
    }
    if any || !word.is_empty() {
        words.push(word);
    }
    words
}

fn export(w: &Words<'_>) -> Result<Vec<Command>> {
    w.open()?;
    let words: Vec<&str> = w.rest.split_whitespace().collect();
    let (target, words) = words.split_first().ok_or_else(|| Error::invalid("no file is named"))?;
    let target = PathBuf::from(target.trim_matches('"'));
    let exporter = crate::export::for_target(&target)?;
    let mut settings = Settings::defaults(exporter.parameters);
    let (scope, joined) = set(&mut settings, words, w.open()?)?;
    (exporter.check)(&settings)?;
    one(Command::Job(JobCommand::Export { target, values: Values::Stored, settings, scope, joined, overwrite: false }))
}
