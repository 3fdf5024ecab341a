//! Walking through what was found.

use super::*;

const PLACES: &str = "Places found";

pub(super) const VERBS: &[Verb] = &[
    verb("next-place", PLACES, "Next place found", "N", |_| place(FoundCommand::Step { forward: true })),
    verb("previous-place", PLACES, "The place found before", "P", |_| place(FoundCommand::Step { forward: false })),
    verb("last-place", PLACES, "The last place found", "Shift+N", |_| place(FoundCommand::End { last: true })),
    verb("first-place", PLACES, "The first place found", "Shift+P", |_| place(FoundCommand::End { last: false })),
];
