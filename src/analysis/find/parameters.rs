//! What can be set for `find`.

use crate::form::{Kind, Parameter};

const fn text(name: &'static str, title: &'static str, help: &'static str, default: &'static str) -> Parameter {
    Parameter { name, title, help, kind: Kind::Text, default }
}

const fn flag(name: &'static str, title: &'static str, help: &'static str) -> Parameter {
    Parameter { name, title, help, kind: Kind::Flag, default: "false" }
}

/// In the order of `--help`.
pub(super) const PARAMETERS: &[Parameter] = &[
    text(
        "above",
        "Above",
        "Find where the signal is above this: 120 (in its unit), 0.2mV, or 5sd (robust standard deviations above the median)",
        "",
    ),
    text(
        "below",
        "Below",
        "Find where the signal is below this: -120, -0.2mV, or 5sd (below the median); with --above, either",
        "",
    ),
    text(
        "for",
        "For at least",
        "Excursions, flat, clipped and missing stretches: only what lasts at least this long: 1ms, 0.5s, #30 (frames) [default: 1 frame; with --flat 10ms]",
        "",
    ),
    text(
        "spikes",
        "Spikes",
        "Find spikes that reach this many times the noise (median absolute deviation / 0.6745), such as 5",
        "",
    ),
    Parameter {
        name: "polarity",
        title: "Polarity",
        help: "Of spikes: which way they go",
        kind: Kind::Choice(&["negative", "positive", "both"]),
        default: "negative",
    },
    text("refractory", "Refractory time", "Of spikes: this long after one no other begins", "1ms"),
    text(
        "band",
        "Band",
        "Of spikes: the band-pass (Hz) that they are looked for in, or off; not if a filter is given",
        "300..6000",
    ),
    Parameter {
        name: "edges",
        title: "Edges",
        help: "Find edges of a digital signal: low to high, high to low, or both",
        kind: Kind::Choice(&["none", "rising", "falling", "both"]),
        default: "none",
    },
    text(
        "threshold",
        "Threshold",
        "Of edges: between low and high [default: midway between the least and the greatest value]",
        "",
    ),
    text(
        "hysteresis",
        "Hysteresis",
        "Of edges: how much higher than low high must be [default: 0; a fifth of the range without --threshold]",
        "",
    ),
    flag("flat", "Flat", "Find where a value does not change"),
    flag("clipped", "Clipped", "Find where samples are at the least or greatest value that can be stored"),
    flag("missing", "Missing", "Find gaps, and samples that are no numbers"),
    text("like", "Like", "Find what looks like this range, A..B, of a channel", ""),
    text("example", "Channel of the example", "Of --like: the channel of the example [default: the first chosen]", ""),
    Parameter {
        name: "similarity",
        title: "Similarity",
        help: "Of --like: the least normalised cross-correlation; 1 is the same shape",
        kind: Kind::Number { min: 0.01, max: 1.0 },
        default: "0.9",
    },
    text(
        "track",
        "Track",
        "List the events of an event track of the file, such as a digital line, by its name; or all",
        "",
    ),
    flag("first", "First only", "Only the first one in the range"),
    flag("last", "Last only", "Only the last one in the range"),
    Parameter {
        name: "limit",
        title: "Limit",
        help: "Keep at most this many: the first, and of --like the most similar",
        kind: Kind::Integer { min: 1, max: 1_000_000_000 },
        default: "1000000",
    },
];
