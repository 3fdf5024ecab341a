//! Audacity's label track: a line `start<tab>end<tab>label` in seconds; a second line that begins with a backslash gives
//! the lowest and highest frequency of the label (Audacity manual, "Importing and exporting labels"). No more than that:
//! category, note and channels are not written, and frequencies are not kept.

use std::io::Write;

use super::{Annotation, Format, Input, Names, take_in, text_of};
use crate::error::{Error, Result};

pub(crate) const FORMAT: Format =
    Format { name: "Audacity labels", key: "audacity", extensions: &["txt"], probe, read, write };

/// Start, end and label of a line.
fn parts(line: &str) -> Option<(f64, f64, &str)> {
    let mut parts = line.splitn(3, '\t');
    let start: f64 = parts.next()?.trim().replace(',', ".").parse().ok()?;
    let end: f64 = parts.next()?.trim().replace(',', ".").parse().ok()?;
    Some((start, end, parts.next().unwrap_or_default()))
}

fn probe(head: &[u8]) -> bool {
    // An empty track is an empty file, which cannot be told from any other: that one is told by its ending.
    let text = String::from_utf8_lossy(head);
    let first = text.trim_start_matches('\u{feff}').lines().next();
    first.is_none_or(|line| parts(line).is_some()) && !head.contains(&0)
}

fn read(input: &mut dyn Input) -> Result<Vec<Annotation>> {
    let text = text_of(input)?;
    let mut list = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let here = at;
        at += line.len() as u64;
        let line = line.trim_end_matches(['\n', '\r']);
        if line.trim().is_empty() || line.starts_with('\\') {
            continue;
        }
        let (start, end, label) = parts(line)
            .ok_or_else(|| Error::malformed(here, "a line is not start, end and label with tabs between them"))?;
        take_in(&mut list, Annotation::new(start, end - start, label), here)?;
    }
    Ok(list)
}

fn write(list: &[Annotation], _: &Names<'_>, out: &mut dyn Write) -> std::io::Result<()> {
    for a in list {
        let label = a.title().replace(['\t', '\n', '\r'], " ");
        writeln!(out, "{:.9}\t{:.9}\t{label}", a.start_secs, a.end_secs())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn labels_with_frequencies_are_read() {
        let text = "0.5\t0.5\tclick\r\n\\\t100.0\t2000.0\r\n1,25\t2,5\twith a comma\n";
        let list = read(&mut Cursor::new(text)).unwrap();
        assert_eq!(list.len(), 2);
        assert_eq!((list[1].start_secs, list[1].duration_secs), (1.25, 1.25));
        assert_eq!(read(&mut Cursor::new("1\t2\ta\nnothing\n")).unwrap_err().at(), Some(6));
    }
}
