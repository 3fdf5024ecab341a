//! Results as files: CSV for everything, `.npy` for curves, `.bin` for bytes. Both appear whole or not at all.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use super::{Cell, Curves, Events, Heatmap, Report, Strip, Table, View};
use crate::error::{Error, Result};
use crate::file::AtomicFile;
use crate::recording::SampleType;

/// What a line of CSV takes for one event, about.
const EVENT_BYTES: u64 = 80;

impl Report {
    /// Writes the view as CSV (RFC 4180, but with bare line feeds): a header, then a line for each row of a table or
    /// each point of the curves, whose first column is the axis, or each event, or each row of each layer of an image, or each channel of a strip. Numbers are the shortest that read back identically.
    ///
    /// # Errors
    /// When the target exists and `overwrite` is false, or cannot be written.
    pub fn write_csv(&self, target: &Path, overwrite: bool) -> Result<()> {
        if let View::Events(events) = &self.view {
            let expected = events.places.len() as u64 * EVENT_BYTES;
            let mut file = io::BufWriter::new(AtomicFile::create(target, expected, overwrite)?);
            let written = self.write_csv_to(&mut file).and_then(|()| file.flush());
            let (file, _) = file.into_parts();
            written.map_err(|e| file.explain(e))?;
            return file.commit();
        }
        write(target, self.csv().as_bytes(), overwrite)
    }

    /// The text that [`Self::write_csv`] writes.
    #[must_use]
    pub fn csv(&self) -> String {
        match &self.view {
            View::Table(table) => table_csv(table),
            View::Curves(curves) => curves_csv(curves),
            View::Events(events) => {
                (0..events.places.len()).fold(events_head(events), |text, i| text + &line(&events.row(i)))
            }
            View::Image(map) => image_csv(map),
            View::Strip(strip) => table_csv(&strip.table),
        }
    }

    /// Writes what [`Self::csv`] is: of events line by line, since there may be millions.
    ///
    /// # Errors
    /// When `out` cannot be written to.
    pub fn write_csv_to(&self, out: &mut dyn io::Write) -> io::Result<()> {
        let View::Events(events) = &self.view else { return out.write_all(self.csv().as_bytes()) };
        out.write_all(events_head(events).as_bytes())?;
        (0..events.places.len()).try_for_each(|i| out.write_all(line(&events.row(i)).as_bytes()))
    }

    /// Writes the object that [`Self::whole_json`] is: of events one by one, each on a line of its own, and of a strip
    /// channel by channel.
    ///
    /// # Errors
    /// When `out` cannot be written to.
    pub fn write_json(&self, out: &mut dyn io::Write) -> io::Result<()> {
        if let (View::Strip(strip), Some(object)) = (&self.view, self.json.as_object()) {
            return strip.write_json(object, out);
        }
        let (View::Events(events), Some(object)) = (&self.view, self.json.as_object()) else {
            return writeln!(out, "{:#}", self.whole_json());
        };
        let text = format!("{:#}", self.json);
        let head = text.trim_end_matches('}').trim_end();
        write!(out, "{head}{}\n  \"{}\": [", if object.is_empty() { "" } else { "," }, events.key)?;
        for i in 0..events.places.len() {
            write!(out, "{}\n    {}", if i == 0 { "" } else { "," }, events.json_of(i))?;
        }
        out.write_all(if events.places.is_empty() { b"]\n}\n" } else { b"\n  ]\n}\n" })
    }

    /// Writes curves as one `.npy` array: float64, C order, points × (1 + curves), the first column the axis; and images
    /// as one of float32, C order, layers × rows × columns, without the axes.
    ///
    /// # Errors
    /// When the view is of neither (others are not all numbers), the target exists and `overwrite` is false, or it cannot be
    /// written.
    pub fn write_npy(&self, target: &Path, overwrite: bool) -> Result<()> {
        if let View::Image(map) | View::Strip(Strip { map, .. }) = &self.view {
            let shape = [map.layers.len(), map.y.len(), map.x.len()].map(|n| n as u64);
            let mut bytes = npy_header(SampleType::F32, &shape, false);
            bytes.extend(map.layers.iter().flat_map(|layer| &layer.values).flat_map(|v| v.to_le_bytes()));
            return write(target, &bytes, overwrite);
        }
        let View::Curves(curves) = &self.view else {
            return Err(Error::unsupported("a table or list as .npy")
                .with_path(target)
                .with_remedy("write it as .csv"));
        };
        let columns = 1 + curves.series.len();
        let mut bytes = npy_header(SampleType::F64, &[curves.x.len() as u64, columns as u64], false);
        bytes.reserve_exact(curves.x.len() * columns * 8);
        for (i, x) in curves.x.iter().enumerate() {
            bytes.extend(x.to_le_bytes());
            for (_, values) in &curves.series {
                bytes.extend(values[i].to_le_bytes());
            }
        }
        write(target, &bytes, overwrite)
    }
}

impl Report {
    /// Writes the bytes that places stand for, one after the other, as they are.
    ///
    /// # Errors
    /// When places are no bytes, the target exists and `overwrite` is false, or it cannot be written.
    pub fn write_bin(&self, target: &Path, overwrite: bool) -> Result<()> {
        let View::Events(Events { places, bytes: Some(bytes), .. }) = &self.view else {
            return Err(Error::unsupported("what are no bytes as .bin")
                .with_path(target)
                .with_remedy("write it as .csv"));
        };
        let mut all = Vec::with_capacity(places.len());
        places.iter().for_each(|place| bytes(place, &mut all));
        write(target, &all, overwrite)
    }
}

fn write(target: &Path, bytes: &[u8], overwrite: bool) -> Result<()> {
    let mut file = AtomicFile::create(target, bytes.len() as u64, overwrite)?;
    file.write_all(bytes).map_err(|e| file.explain(e))?;
    file.commit()
}

/// The start of a `.npy` file, version 1.0 (numpy, `numpy.lib.format`): little-endian `sample_type`, C order or, with
/// `first_fastest`, Fortran order, padded so that the samples begin at a multiple of 64 bytes.
pub(super) fn npy_header(sample_type: SampleType, shape: &[u64], first_fastest: bool) -> Vec<u8> {
    const PREFIX: usize = 10;
    let order = if sample_type.size() == 1 { '|' } else { '<' };
    let fortran = if first_fastest { "True" } else { "False" };
    let mut dict = format!("{{'descr': '{order}{}', 'fortran_order': {fortran}, 'shape': (", sample_type.npy_name());
    for n in shape {
        // Writing to a string cannot fail.
        write!(dict, "{n}, ").unwrap_or_default();
    }
    dict.truncate(dict.trim_end_matches([' ', ',']).len());
    dict.push_str(if shape.len() == 1 { ",), }" } else { "), }" });
    let len = (PREFIX + dict.len() + 1).next_multiple_of(64) - PREFIX;
    let padding = len - dict.len() - 1;
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend((len as u16).to_le_bytes());
    header.extend(dict.bytes().chain(std::iter::repeat_n(b' ', padding)).chain([b'\n']));
    header
}

fn curves_csv(curves: &Curves) -> String {
    let mut text = quoted(&curves.x_key);
    // Doubling would take up to twice of what is needed: most numbers have some twenty characters.
    text.reserve(curves.x.len().saturating_mul(1 + curves.series.len()).saturating_mul(22));
    for (name, _) in &curves.series {
        text.push(',');
        text.push_str(&quoted(name));
    }
    text.push('\n');
    for (i, x) in curves.x.iter().enumerate() {
        text.push_str(&number(*x));
        for (_, values) in &curves.series {
            text.push(',');
            text.push_str(&number(values[i]));
        }
        text.push('\n');
    }
    text
}

fn table_csv(table: &Table) -> String {
    let mut text = table.columns.iter().map(|c| quoted(c)).collect::<Vec<_>>().join(",");
    text.push('\n');
    for row in &table.rows {
        text.push_str(&line(row));
    }
    text
}

fn events_head(events: &Events) -> String {
    events.fields.iter().map(|f| quoted(f.name)).collect::<Vec<_>>().join(",") + "\n"
}

/// A line for each row of each layer: its layer (where there are several), its place on the axis, its values.
fn image_csv(map: &Heatmap) -> String {
    let named = map.layers.len() > 1;
    let mut text = if named { "layer,".to_owned() } else { String::new() };
    text.push_str(&quoted(&map.y.key));
    for column in 0..map.x.len() {
        text.push(',');
        text.push_str(&quoted(&map.x.text(column)));
    }
    text.push('\n');
    for layer in &map.layers {
        for (row, values) in layer.values.chunks(map.x.len().max(1)).enumerate() {
            if named {
                text.push_str(&quoted(&layer.name));
                text.push(',');
            }
            text.push_str(&quoted(&map.y.text(row)));
            for value in values {
                text.push(',');
                if !value.is_nan() {
                    text.push_str(&format!("{value:?}"));
                }
            }
            text.push('\n');
        }
    }
    text
}

fn line(row: &[Cell]) -> String {
    let cells = row.iter().map(|cell| match cell {
        Cell::Text(t) => quoted(t),
        Cell::Integer(i) => i.to_string(),
        Cell::Number(x) => number(*x),
        Cell::Bool(yes) => yes.to_string(),
    });
    cells.collect::<Vec<_>>().join(",") + "\n"
}

/// The shortest text that reads back as the same float; what is no number is left empty.
fn number(x: f64) -> String {
    if x.is_nan() { String::new() } else { format!("{x:?}") }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.csv");
        let curves = Curves {
            x_key: "frequency_hz".to_owned(),
            x: vec![0.0, 0.1],
            series: vec![("a, \"b\"".to_owned(), vec![1e-300, f64::NAN]), ("c".to_owned(), vec![1.0 / 3.0, 2.0])],
            ..Curves::default()
        };
        let report = Report { view: View::Curves(curves), json: serde_json::Value::Null, notes: vec![] };
        report.write_csv(&target, false).unwrap();
        let text = std::fs::read_to_string(&target).unwrap();
        assert_eq!(text, "frequency_hz,\"a, \"\"b\"\"\",c\n0.0,1e-300,0.3333333333333333\n0.1,,2.0\n");
        assert!(matches!(report.write_csv(&target, false).unwrap_err().kind(), crate::ErrorKind::Exists));
        let table = Table {
            columns: vec!["name".to_owned(), "count".to_owned()],
            rows: vec![vec![Cell::Text("x".to_owned()), Cell::Integer(7)]],
        };
        let report = Report { view: View::Table(table), json: serde_json::Value::Null, notes: vec![] };
        report.write_csv(&target, true).unwrap();
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "name,count\nx,7\n");
        assert!(report.write_npy(&target, true).is_err());
    }

    #[test]
    fn headers_are_aligned() {
        for shape in [vec![], vec![3], vec![u64::MAX, 128], vec![1; 20]] {
            let header = npy_header(SampleType::I16, &shape, false);
            assert_eq!(header.len() % 64, 0);
            assert_eq!(usize::from(header[8]) + 256 * usize::from(header[9]) + 10, header.len());
            assert_eq!(header.last(), Some(&b'\n'));
        }
        let header = npy_header(SampleType::U8, &[5], false);
        assert!(String::from_utf8_lossy(&header).contains("'descr': '|u1', 'fortran_order': False, 'shape': (5,), }"));
    }
}
