//! What only scripts need.

use super::*;

const SCRIPTS: &str = "Scripts";

pub(super) const VERBS: &[Verb] = &[
    always(with(
        "[exact]",
        verb("wait", SCRIPTS, "Until all work is done; exact: until every column is, too", "", |w| {
            script(ScriptCommand::Wait { exact: w.rest.trim() == "exact" })
        }),
    )),
    always(with(
        "FILE",
        verb("screenshot", SCRIPTS, "Write a picture of the window", "", |w| {
            script(ScriptCommand::Screenshot(w.path()?))
        }),
    )),
    always(with(
        "WIDTHxHEIGHT",
        verb("size", SCRIPTS, "How large the window is, points", "", |w| {
            let size = w.rest.trim().split_once('x').and_then(|(x, y)| Some((x.parse().ok()?, y.parse().ok()?)));
            let (width, height): (f32, f32) = size
                .filter(|s: &(f32, f32)| (100.0..=16_384.0).contains(&s.0) && (100.0..=16_384.0).contains(&s.1))
                .ok_or_else(|| {
                    Error::invalid(format!("'{}' is no size", w.rest.trim())).with_remedy("write it as 1280x800")
                })?;
            script(ScriptCommand::Size(width, height))
        }),
    )),
    always(verb("quit", SCRIPTS, "Close the window", "Ctrl+Q", |_| script(ScriptCommand::Quit))),
];
