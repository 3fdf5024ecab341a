//! Comma-separated values: a header, then `onset,duration,label,category,note,channels,colour`, times in seconds.
//!
//! Read is anything with a column for the start: the names that pandas, MNE and spreadsheets use are known, too.

use std::io::Write;

use super::{Annotation, Format, Input, Names, take_in, text_of};
use crate::error::{Error, Result};

pub(crate) const FORMAT: Format = Format { name: "CSV", key: "csv", extensions: &["csv"], probe, read, write };

/// What columns may be called, in small letters: start, duration, end, label, category, note, channels, colour.
const COLUMNS: [&[&str]; 8] = [
    &["onset", "start", "start_secs", "start (s)", "time", "time (s)", "t"],
    &["duration", "duration_secs", "duration (s)"],
    &["end", "stop", "end_secs", "end (s)", "stop (s)"],
    &["label", "description", "name", "text", "annotation"],
    &["category", "type", "group"],
    &["note", "comment", "notes"],
    &["channels", "channel", "ch_names"],
    &["colour", "color"],
];
/// Between the names of channels in one cell.
const BETWEEN: char = ';';

fn columns_of<'a>(header: impl Iterator<Item = &'a str>) -> [Option<usize>; 8] {
    let header: Vec<String> = header.map(|name| name.trim().to_ascii_lowercase()).collect();
    COLUMNS.map(|names| names.iter().find_map(|name| header.iter().position(|h| h == name)))
}

fn probe(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let first = text.trim_start_matches('\u{feff}').lines().next().unwrap_or_default();
    let [start, .., label, _, _, _, _] = columns_of(first.split(',').map(|name| name.trim_matches('"')));
    start.is_some() && label.is_some()
}

fn read(input: &mut dyn Input) -> Result<Vec<Annotation>> {
    let text = text_of(input)?;
    let mut rows = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let header = rows.headers().map_err(broken)?.clone();
    let [start, duration, end, label, category, note, channels, colour] = columns_of(header.iter());
    let start = start
        .ok_or_else(|| Error::malformed(0, "no column holds the start").with_remedy("name one 'onset', in seconds"))?;
    let mut list = Vec::new();
    for row in rows.records() {
        let row = row.map_err(broken)?;
        let at = row.position().map_or(0, csv::Position::byte);
        let cell = |column: Option<usize>| column.and_then(|i| row.get(i)).unwrap_or_default();
        let secs = |column, text: &str| match text.trim() {
            "" if column != Some(start) => Ok(None),
            text => text.parse::<f64>().map(Some).map_err(|_no_number| {
                Error::malformed(at, format!("'{}' is not a time in seconds", super::cleaned(text)))
            }),
        };
        let start_secs = secs(Some(start), cell(Some(start)))?.unwrap_or_default();
        let duration_secs = match (secs(duration, cell(duration))?, secs(end, cell(end))?) {
            (Some(duration), _) => duration,
            (None, Some(end)) => end - start_secs,
            (None, None) => 0.0,
        };
        let annotation = Annotation {
            category: cell(category).to_owned(),
            note: cell(note).to_owned(),
            channels: cell(channels).split(BETWEEN).map(str::to_owned).collect(),
            colour: colour_of(cell(colour)),
            ..Annotation::new(start_secs, duration_secs, cell(label))
        };
        take_in(&mut list, annotation, at)?;
    }
    Ok(list)
}

fn broken(error: csv::Error) -> Error {
    let at = error.position().map_or(0, csv::Position::byte);
    Error::malformed(at, format!("this is not a line of CSV: {error}"))
}

/// `#0072b2`.
fn colour_of(text: &str) -> Option<[u8; 3]> {
    let number = u32::from_str_radix(text.trim().strip_prefix('#').filter(|hex| hex.len() == 6)?, 16).ok()?;
    let [_, red, green, blue] = number.to_be_bytes();
    Some([red, green, blue])
}

fn write(list: &[Annotation], _: &Names<'_>, out: &mut dyn Write) -> std::io::Result<()> {
    let mut rows = csv::Writer::from_writer(out);
    rows.write_record(["onset", "duration", "label", "category", "note", "channels", "colour"])?;
    for a in list {
        let channels = a.channels.iter().map(|name| name.replace(BETWEEN, ",")).collect::<Vec<_>>();
        let colour = a.colour.map_or_else(String::new, |[r, g, b]| format!("#{r:02x}{g:02x}{b:02x}"));
        rows.write_record([
            &format!("{:?}", a.start_secs),
            &format!("{:?}", a.duration_secs),
            &a.label,
            &a.category,
            &a.note,
            &channels.join(&BETWEEN.to_string()),
            &colour,
        ])?;
    }
    rows.flush()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::tests::{some, through};
    use super::*;

    #[test]
    fn everything_comes_back() {
        let back = through(&FORMAT, &some());
        assert_eq!(back[0].label, some()[0].label);
        assert_eq!((back[1].note.as_str(), back[1].colour), ("two\nlines", Some([1, 2, 250])));
        assert_eq!(back[1].channels, ["ch 1", "ch,2"]);
        assert_eq!(back[2].start_secs.to_bits(), some()[2].start_secs.to_bits());
    }

    #[test]
    fn other_headers_are_understood() {
        let text = "Start (s),Stop (s),Description\n1.5,2.5,seizure\n3,,blink\n";
        let list = read(&mut Cursor::new(text)).unwrap();
        assert_eq!((list[0].duration_secs, list[0].label.as_str()), (1.0, "seizure"));
        assert!(list[1].is_mark());
        let error = read(&mut Cursor::new("onset,label\n1,a\nsoon,b\n")).unwrap_err();
        assert_eq!(error.at(), Some(16), "{error}");
    }
}
