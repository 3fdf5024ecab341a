//! BORIS (Friard & Gamba 2016, behavioural observation): its table of events. Point events are marks; a state is a range
//! from its START to the next STOP of the same behaviour of the same subject.
//!
//! Both of its exports are read, with commas or tabs: *tabular events* (a line for each START, STOP and POINT) and
//! *aggregated events* (a line for each range). Written are tabular events. The behaviour is the label, the behavioural
//! category the category, the comment the note.

use std::collections::BTreeMap;
use std::io::Write;

use super::{Annotation, Format, Input, Names, take_in, text_of};
use crate::error::{Error, Result};

pub(crate) const FORMAT: Format =
    Format { name: "BORIS events", key: "boris", extensions: &["tsv"], probe, read, write };

/// Where things stand in a line.
struct Columns {
    behaviour: usize,
    time: Option<usize>,
    start: Option<usize>,
    stop: Option<usize>,
    kind: Option<usize>,
    subject: Option<usize>,
    category: Option<usize>,
    comment: Option<usize>,
}

impl Columns {
    /// Of a header; `None` if the line is none.
    fn of<'a>(header: impl Iterator<Item = &'a str>) -> Option<Self> {
        let names: Vec<String> = header.map(|name| name.trim().to_ascii_lowercase()).collect();
        let find = |wanted: &[&str]| wanted.iter().find_map(|w| names.iter().position(|name| name == w));
        let columns = Self {
            behaviour: find(&["behavior", "behaviour"])?,
            time: find(&["time"]),
            start: find(&["start (s)", "start"]),
            stop: find(&["stop (s)", "stop"]),
            kind: find(&["status", "behavior type", "behaviour type", "type"]),
            subject: find(&["subject"]),
            category: find(&["behavioral category", "behavioural category"]),
            comment: find(&["comment", "comment start"]),
        };
        (columns.time.is_some() || columns.start.is_some()).then_some(columns)
    }
}

/// The first line that is a header (older versions write some about the observation before it), and its delimiter.
fn header_of(text: &str) -> Option<(usize, u8)> {
    let mut at = 0;
    for line in text.split_inclusive('\n').take(64) {
        for delimiter in [b'\t', b','] {
            if Columns::of(line.trim_end().split(char::from(delimiter)).map(|n| n.trim_matches('"'))).is_some() {
                return Some((at, delimiter));
            }
        }
        at += line.len();
    }
    None
}

fn probe(head: &[u8]) -> bool {
    header_of(&String::from_utf8_lossy(head)).is_some()
}

fn read(input: &mut dyn Input) -> Result<Vec<Annotation>> {
    let text = text_of(input)?;
    let (from, delimiter) = header_of(&text)
        .ok_or_else(|| Error::malformed(0, "no line names the columns 'Behavior' and 'Time' of a table of events"))?;
    let mut rows = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(&text.as_bytes()[from..]);
    let broken = |e: csv::Error| Error::malformed(from as u64, format!("this is not a line of the table: {e}"));
    let header = rows.headers().map_err(broken)?.clone();
    let columns = Columns::of(header.iter()).ok_or_else(|| Error::malformed(from as u64, "the header is broken"))?;
    let mut list = Vec::new();
    // Ranges that have begun, by subject and behaviour: where they stand in the list.
    let mut open: BTreeMap<(String, String), usize> = BTreeMap::new();
    for row in rows.records() {
        let row = row.map_err(broken)?;
        let at = from as u64 + row.position().map_or(0, csv::Position::byte);
        let cell = |column: Option<usize>| column.and_then(|i| row.get(i)).unwrap_or_default().trim();
        let secs = |text: &str| {
            text.parse::<f64>().map_err(|_no_number| {
                Error::malformed(at, format!("'{}' is not a time in seconds", super::cleaned(text)))
            })
        };
        let label = cell(Some(columns.behaviour));
        let mut annotation = Annotation {
            category: cell(columns.category).to_owned(),
            note: cell(columns.comment).to_owned(),
            ..Annotation::new(0.0, 0.0, label)
        };
        let kind = cell(columns.kind).to_ascii_uppercase();
        let whose = (cell(columns.subject).to_owned(), label.to_owned());
        if columns.start.is_some() {
            annotation.start_secs = secs(cell(columns.start))?;
            let stop = cell(columns.stop);
            let ends = !matches!(stop, "" | "NA") && kind != "POINT";
            annotation.duration_secs = if ends { secs(stop)? - annotation.start_secs } else { 0.0 };
        } else {
            annotation.start_secs = secs(cell(columns.time))?;
            if kind == "STOP" {
                let begun = open.remove(&whose).ok_or_else(|| {
                    Error::malformed(at, format!("'{}' stops without having started", super::cleaned(label)))
                })?;
                let begun: &mut Annotation = &mut list[begun];
                let ended = Annotation { duration_secs: annotation.start_secs - begun.start_secs, ..begun.clone() };
                *begun = ended.sound().unwrap_or_else(|| begun.clone());
                continue;
            }
            if kind == "START" {
                open.insert(whose, list.len());
            }
        }
        take_in(&mut list, annotation, at)?;
    }
    Ok(list)
}

fn write(list: &[Annotation], names: &Names<'_>, out: &mut dyn Write) -> std::io::Result<()> {
    // Sorted by time, as BORIS has them; a stop comes before a start at the same time.
    let mut lines: Vec<(f64, u8, usize)> = Vec::with_capacity(list.len() * 2);
    for (i, a) in list.iter().enumerate() {
        if a.is_mark() {
            lines.push((a.start_secs, 2, i));
        } else {
            lines.extend([(a.start_secs, 1, i), (a.end_secs(), 0, i)]);
        }
    }
    lines.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut rows = csv::WriterBuilder::new().delimiter(b'\t').from_writer(out);
    let header = ["Observation id", "Subject", "Behavior", "Behavioral category", "Behavior type", "Time", "Comment"];
    rows.write_record(header)?;
    for (secs, kind, i) in lines {
        let a = &list[i];
        // What overlaps under the same name could not be told apart again: the number keeps ranges apart.
        let subject = if a.is_mark() { "No focal subject".to_owned() } else { format!("range {i}") };
        let kind = ["STOP", "START", "POINT"][usize::from(kind)];
        let time = format!("{secs:.9}");
        rows.write_record([names.recording, &subject, a.title(), &a.category, kind, &time, &a.note])?;
    }
    rows.flush()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::tests::{some, through};
    use super::*;

    #[test]
    fn both_exports_are_read() {
        let tabular = "Observation id,obs\nPlayer,1\n\nTime,Subject,Behavior,Behavioral category,Comment,Status\n\
                       1.5,rat,groom,self,,START\n2.0,rat,rear,,high,POINT\n4.0,rat,groom,self,,STOP\n";
        let list = read(&mut Cursor::new(tabular)).unwrap();
        assert_eq!((list[0].start_secs, list[0].duration_secs, list[0].category.as_str()), (1.5, 2.5, "self"));
        assert_eq!((list[1].is_mark(), list[1].note.as_str()), (true, "high"));
        let aggregated = "Subject\tBehavior\tBehavior type\tStart (s)\tStop (s)\nrat\tgroom\tSTATE\t1\t3\n\
                          rat\trear\tPOINT\t2\t2\n";
        let list = read(&mut Cursor::new(aggregated)).unwrap();
        assert_eq!((list[0].duration_secs, list[1].duration_secs), (2.0, 0.0));
        let error = read(&mut Cursor::new("Time,Behavior,Status\n1,x,STOP\n")).unwrap_err().to_string();
        assert!(error.contains("without having started"), "{error}");
    }

    #[test]
    fn category_and_note_come_back() {
        let back = through(&FORMAT, &some());
        assert_eq!((back[1].category.as_str(), back[1].note.as_str()), ("Artefact", "two\nlines"));
    }
}
