//! The `longwave export` command that does what the dialog would do, quoted for a POSIX shell.

use std::fmt::Write as _;
use std::path::Path;

use super::state::Document;
use crate::export::Values;
use crate::form::{Kind, Settings};
use crate::recording::ByteOrder;
use crate::scan::Selection;
use crate::source::{ChannelOrder, OpenOptions};

/// The command line of an export.
#[must_use]
pub(super) fn export_line(
    document: &Document,
    selection: &Selection,
    target: &Path,
    values: Values,
    settings: &Settings,
    overwrite: bool,
) -> String {
    let files: Vec<String> = document.paths().iter().map(|path| quoted(&path.to_string_lossy())).collect();
    let mut line = format!("longwave export {} -o {}", files.join(" "), quoted(&target.to_string_lossy()));
    let recording = document.recording();
    let stream = document.shown();
    let mut add = |flag: &str, value: &str| {
        // Writing to a String does not fail.
        let _written = write!(line, " {flag} {}", quoted(value));
    };
    if selection.stream != recording.default_stream() {
        add("--stream", &stream.name);
    }
    if selection.frames != (0..stream.frames) {
        add("--range", &format!("#{}..#{}", selection.frames.start, selection.frames.end));
    }
    if selection.channels.len() != stream.channels.len() {
        add("--channels", &channel_list(&selection.channels));
    }
    if values == Values::Physical {
        add("--values", "physical");
    }
    layout_options(&document.options, &mut add);
    for parameter in settings.parameters() {
        let value = settings.text(parameter.name);
        let is_flag = matches!(parameter.kind, Kind::Flag | Kind::Switch { .. });
        if value != parameter.default && !is_flag {
            add(&format!("--{}", parameter.name), value);
        }
    }
    for parameter in settings.parameters().iter().filter(|p| p.kind == Kind::Flag && settings.flag(p.name)) {
        let _written = write!(line, " --{}", parameter.name);
    }
    for parameter in settings.parameters() {
        let flag = match (parameter.kind, settings.text(parameter.name)) {
            (Kind::Switch { .. }, "yes") => parameter.name,
            (Kind::Switch { off }, "no") => off,
            _ => continue,
        };
        let _written = write!(line, " --{flag}");
    }
    if overwrite {
        line.push_str(" --force");
    }
    line
}

/// What the user has told about the file when opening it.
fn layout_options(options: &OpenOptions, add: &mut impl FnMut(&str, &str)) {
    let mut given = |flag: &str, value: Option<String>| {
        if let Some(value) = value {
            add(flag, &value);
        }
    };
    given("--format", options.format.clone());
    given("--dtype", options.sample_type.map(|t| t.name().to_owned()));
    given("--byte-order", options.byte_order.filter(|o| *o == ByteOrder::Big).map(|_| "big".to_owned()));
    given("--channel-count", options.channel_count.map(|n| n.to_string()));
    given("--order", options.order.filter(|o| *o == ChannelOrder::Planar).map(|_| "planar".to_owned()));
    given("--header-bytes", options.header_bytes.filter(|n| *n > 0).map(|n| n.to_string()));
    given("--trailing-bytes", options.trailing_bytes.filter(|n| *n > 0).map(|n| n.to_string()));
    given("--rate", options.rate_hz.map(|r| r.to_string()));
    given("--gain", options.gain.filter(|g| *g != 1.0).map(|g| g.to_string()));
    given("--offset", options.offset.filter(|o| *o != 0.0).map(|o| o.to_string()));
    given("--unit", options.unit.clone());
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

#[cfg(test)]
mod tests {
    use super::super::testing::document;
    use super::*;

    #[test]
    fn words_survive_the_shell() {
        assert_eq!(quoted("/data/a.npy"), "/data/a.npy");
        assert_eq!(quoted("rat's day"), r"'rat'\''s day'");
        assert_eq!(quoted(""), "''");
        for text in ["$HOME `x` \"q\" \\ *", "a\nb", "#5..#9", "'"] {
            let echo = std::process::Command::new("sh").args(["-c", &format!("printf %s {}", quoted(text))]).output();
            assert_eq!(String::from_utf8(echo.unwrap().stdout).unwrap(), text);
        }
    }

    #[test]
    fn the_line_says_only_what_differs() {
        let mut document = document(4);
        let all = document.scope(super::super::command::Scope::Everything);
        let settings = Settings::defaults(&[]);
        let target = Path::new("/out/cut.npy");
        assert_eq!(
            export_line(&document, &all, target, Values::Stored, &settings, false),
            "longwave export '/data/day 1.rec' -o /out/cut.npy"
        );
        document.options = OpenOptions { rate_hz: Some(1000.0), ..OpenOptions::default() };
        let some = Selection { stream: 0, channels: vec![0, 1, 3], frames: 10..20 };
        assert_eq!(
            export_line(&document, &some, target, Values::Physical, &settings, true),
            "longwave export '/data/day 1.rec' -o /out/cut.npy --range '#10..#20' --channels 0-1,3 --values physical \
             --rate 1000 --force"
        );
    }

    #[test]
    fn channels_are_listed_in_runs() {
        assert_eq!(channel_list(&[0, 1, 2, 3, 7, 9, 10]), "0-3,7,9-10");
        assert_eq!(channel_list(&[]), "");
    }
}
