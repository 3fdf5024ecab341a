//! The header of a NumPy array file, read and written.
//!
//! Standard followed: NEP 1 and `numpy.lib.format`, versions 1.0 (16-bit header length, Latin-1), 2.0 (32-bit length)
//! and 3.0 (UTF-8). The header is a Python literal, a dictionary with the keys `descr`, `fortran_order` and `shape`; it
//! is read by a small parser of its own with limits on length, nesting and digits, so a hostile header costs little.

use crate::error::{Error, Result};
use crate::file::FileMap;
use crate::recording::{ByteOrder, SampleFormat, SampleType};

/// The first bytes of every `.npy` file.
pub(super) const MAGIC: &[u8] = b"\x93NUMPY";
/// numpy itself refuses to read headers over 10 000 bytes unless told to trust them.
const MAX_HEADER_BYTES: u64 = 1 << 20;
/// numpy 2 allows 64 axes.
const MAX_AXES: usize = 64;
const MAX_NESTING: usize = 16;
/// numpy leaves room for the first axis to grow to this many digits, so that files can be appended to in place.
const GROWTH_DIGITS: usize = 21;

/// What the header tells, and where the array begins.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct ArrayHeader {
    pub format: SampleFormat,
    /// Two numbers of `format` an element: real and imaginary part.
    pub complex: bool,
    pub fortran_order: bool,
    pub shape: Vec<u64>,
    /// The type as the header spells it: `<i2`.
    pub descr: String,
    pub version: (u8, u8),
    /// Byte offset of the first element, from the start of the file.
    pub data_start: u64,
}

impl ArrayHeader {
    /// Bytes of one element.
    pub(super) fn item_bytes(&self) -> u64 {
        self.format.size() as u64 * if self.complex { 2 } else { 1 }
    }
}

/// Reads the header of the array that begins at byte `at` and must end before byte `end`.
///
/// # Errors
/// With the byte offset, when the header breaks the format's rules or the type is not a numeric one.
pub(super) fn read(map: &FileMap, at: u64, end: u64) -> Result<ArrayHeader> {
    let end = end.min(map.len());
    let get = |from: u64, len: u64| -> Result<&[u8]> {
        match from.checked_add(len).filter(|&to| to <= end) {
            Some(to) => map.bytes(from..to),
            None => Err(Error::malformed(end, "the file ends inside the header of the array")
                .with_remedy("it may have been cut while copying: compare its size with the original")),
        }
    };
    if !get(at, MAGIC.len() as u64)?.starts_with(MAGIC) {
        return Err(Error::malformed(at, "this is not a NumPy array: it does not begin with \\x93NUMPY"));
    }
    let version = get(at + 6, 2)?;
    let version = (version[0], version[1]);
    let (text_at, len) = match version {
        (1, 0) => {
            let b = get(at + 8, 2)?;
            (at + 10, u64::from(u16::from_le_bytes([b[0], b[1]])))
        }
        (2 | 3, 0) => {
            let b = get(at + 8, 4)?;
            (at + 12, u64::from(u32::from_le_bytes([b[0], b[1], b[2], b[3]])))
        }
        (major, minor) => {
            return Err(Error::unsupported(format!("version {major}.{minor} of the .npy format"))
                .with_remedy("versions 1.0, 2.0 and 3.0 are read: save the array again with numpy.save"));
        }
    };
    if len > MAX_HEADER_BYTES {
        return Err(Error::limit(at + 8, format!("a header of {len} bytes")));
    }
    let text = get(text_at, len)?;
    let mut parser = Parser { text, pos: 0, at: text_at, utf8: version.0 >= 3 };
    let value = parser.value(0)?;
    parser.skip_space();
    // Padding is spaces and a line feed; NULs were written by some old tools.
    if let Some(junk) = text[parser.pos..].iter().position(|&b| b != 0) {
        return Err(Error::malformed(
            text_at + (parser.pos + junk) as u64,
            "there is text behind the header's dictionary",
        ));
    }
    describe(value, text_at, version, text_at + len)
}

fn describe(value: Literal, at: u64, version: (u8, u8), data_start: u64) -> Result<ArrayHeader> {
    let Literal::Dict(entries) = value else {
        return Err(Error::malformed(at, "the header is not a dictionary"));
    };
    let (mut descr, mut fortran_order, mut shape) = (None, None, None);
    for (key, value) in entries {
        match key.as_str() {
            "descr" => descr = Some(value),
            "fortran_order" => fortran_order = Some(value),
            "shape" => shape = Some(value),
            _ => {} // numpy refuses further keys; nothing is gained by it
        }
    }
    let missing = |key: &str| Error::malformed(at, format!("the header does not tell '{key}'"));
    let fortran_order = match fortran_order.ok_or_else(|| missing("fortran_order"))? {
        Literal::Bool(b) => b,
        Literal::Int(n) if n <= 1 => n == 1,
        _ => return Err(Error::malformed(at, "'fortran_order' is neither True nor False")),
    };
    let shape = match shape.ok_or_else(|| missing("shape"))? {
        Literal::Int(n) => vec![n],
        Literal::List(axes) => {
            if axes.len() > MAX_AXES {
                return Err(Error::limit(at, format!("an array of {} axes", axes.len())));
            }
            let axes: Option<Vec<u64>> =
                axes.into_iter().map(|a| if let Literal::Int(n) = a { Some(n) } else { None }).collect();
            axes.ok_or_else(|| Error::malformed(at, "'shape' is not a tuple of non-negative whole numbers"))?
        }
        _ => return Err(Error::malformed(at, "'shape' is not a tuple of non-negative whole numbers")),
    };
    let descr = match descr.ok_or_else(|| missing("descr"))? {
        Literal::Text(text) => text,
        Literal::List(fields) => return Err(structured(&fields)),
        _ => return Err(Error::malformed(at, "'descr' is not the name of a type")),
    };
    let (format, complex) = element_type(&descr)?;
    Ok(ArrayHeader { format, complex, fortran_order, shape, descr, version, data_start })
}

/// A structured array holds records, not samples; one of its fields can be saved as an array of its own.
fn structured(fields: &[Literal]) -> Error {
    let first = fields.iter().find_map(|f| match f {
        Literal::List(parts) => match parts.first() {
            Some(Literal::Text(name)) => Some(name.as_str()),
            _ => None,
        },
        _ => None,
    });
    let field = first.unwrap_or("field");
    Error::unsupported("a structured array (records with named fields)")
        .with_remedy(format!("save one field as an array of its own: np.save('out.npy', a['{field}'])"))
}

fn element_type(descr: &str) -> Result<(SampleFormat, bool)> {
    let (order, code) = match descr.as_bytes().first() {
        Some(b'<') => (ByteOrder::Little, &descr[1..]),
        Some(b'>') => (ByteOrder::Big, &descr[1..]),
        Some(b'|' | b'=') => (ByteOrder::Little, &descr[1..]),
        _ => (ByteOrder::Little, descr),
    };
    let (code, complex) = match code {
        "c8" => ("f4", true),
        "c16" => ("f8", true),
        "?" => ("b1", false),
        other => (other, false),
    };
    if let Some(sample_type) = SampleType::ALL.into_iter().find(|t| t.npy_name() == code) {
        return Ok((SampleFormat { sample_type, byte_order: order }, complex));
    }
    let (what, remedy) = match code.as_bytes().first() {
        Some(b'O') => ("an array of Python objects", "convert it first: np.save('out.npy', a.astype('f8'))"),
        Some(b'S' | b'U' | b'a') => ("an array of text", "choose an array of numbers"),
        Some(b'V') => ("an array of raw bytes", "give it a numeric type first: np.save('out.npy', a.view('i2'))"),
        Some(b'M' | b'm') => {
            ("an array of dates or durations", "save them as numbers: np.save('out.npy', a.astype('i8'))")
        }
        Some(b'f' | b'c') => ("extended-precision numbers", "convert them first: np.save('out.npy', a.astype('f8'))"),
        _ => ("this element type", "convert it first: np.save('out.npy', a.astype('f8'))"),
    };
    let shown: String = descr.chars().take(40).collect();
    Err(Error::unsupported(format!("{what} (dtype '{shown}')")).with_remedy(remedy))
}

/// The header of a version 1.0 file that holds a C-ordered array: byte for byte what `numpy.save` writes.
///
/// `shape` is the number of elements along each axis (at most 64 axes). The data follow at once; their offset, the
/// length of the result, is a multiple of 64.
#[must_use]
pub fn npy_header(format: SampleFormat, shape: &[u64]) -> Vec<u8> {
    let order = match (format.size(), format.byte_order) {
        (1, _) => '|',
        (_, ByteOrder::Little) => '<',
        (_, ByteOrder::Big) => '>',
    };
    let axes: Vec<String> = shape.iter().take(MAX_AXES).map(u64::to_string).collect();
    let tuple = if axes.len() == 1 { format!("({},)", axes[0]) } else { format!("({})", axes.join(", ")) };
    let mut text =
        format!("{{'descr': '{order}{}', 'fortran_order': False, 'shape': {tuple}, }}", format.sample_type.npy_name());
    if let Some(first) = axes.first() {
        text.push_str(&" ".repeat(GROWTH_DIGITS - first.len()));
    }
    let prefix_len = MAGIC.len() + 4;
    let padding = 64 - (prefix_len + text.len() + 1) % 64;
    text.push_str(&" ".repeat(padding));
    text.push('\n');
    let mut header = Vec::with_capacity(prefix_len + text.len());
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&[1, 0]);
    // 64 axes of 20 digits are far from 65 535 bytes.
    header.extend_from_slice(&(text.len() as u16).to_le_bytes());
    header.extend_from_slice(text.as_bytes());
    header
}

/// The part of Python's literals that occurs in headers. Tuples and lists are the same here.
#[derive(Debug)]
enum Literal {
    Text(String),
    Int(u64),
    Bool(bool),
    None,
    List(Vec<Literal>),
    Dict(Vec<(String, Literal)>),
}

struct Parser<'a> {
    text: &'a [u8],
    pos: usize,
    /// Where `text` begins in the file, for messages.
    at: u64,
    utf8: bool,
}

impl Parser<'_> {
    fn wrong(&self, what: &str) -> Error {
        Error::malformed(self.at + self.pos as u64, format!("the header of the array is broken: {what}"))
    }

    fn skip_space(&mut self) {
        while self.text.get(self.pos).is_some_and(u8::is_ascii_whitespace) {
            self.pos += 1;
        }
    }

    fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.text.get(self.pos).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.pos += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Result<Literal> {
        if depth > MAX_NESTING {
            return Err(self.wrong("it is nested too deeply"));
        }
        match self.peek() {
            Some(b'{') => self.dict(depth),
            Some(b'(') => self.list(b')', depth),
            Some(b'[') => self.list(b']', depth),
            Some(b'\'' | b'"') => Ok(Literal::Text(self.string()?)),
            Some(b'0'..=b'9') => self.number(),
            Some(b'-') => Err(self.wrong("a number is negative")),
            Some(b) if b.is_ascii_alphabetic() => self.word(),
            Some(_) => Err(self.wrong("a value was expected")),
            None => Err(self.wrong("it ends too early")),
        }
    }

    fn dict(&mut self, depth: usize) -> Result<Literal> {
        self.pos += 1;
        let mut entries = Vec::new();
        while !self.take(b'}') {
            let Literal::Text(key) = self.value(depth + 1)? else { return Err(self.wrong("a key is not a text")) };
            if !self.take(b':') {
                return Err(self.wrong("a ':' was expected"));
            }
            entries.push((key, self.value(depth + 1)?));
            if !self.take(b',') && self.peek() != Some(b'}') {
                return Err(self.wrong("a ',' or '}' was expected"));
            }
        }
        Ok(Literal::Dict(entries))
    }

    fn list(&mut self, close: u8, depth: usize) -> Result<Literal> {
        self.pos += 1;
        let mut items = Vec::new();
        let mut comma = false;
        while !self.take(close) {
            items.push(self.value(depth + 1)?);
            comma = self.take(b',');
            if !comma && self.peek() != Some(close) {
                return Err(self.wrong("a ',' or a closing bracket was expected"));
            }
        }
        // `(3)` is a number in brackets, not a tuple.
        if close == b')' && items.len() == 1 && !comma {
            return items.pop().ok_or_else(|| self.wrong("a value was expected"));
        }
        Ok(Literal::List(items))
    }

    fn string(&mut self) -> Result<String> {
        let quote = self.text[self.pos];
        self.pos += 1;
        let mut bytes = Vec::new();
        loop {
            match self.text.get(self.pos).copied() {
                None | Some(b'\n') => return Err(self.wrong("a text has no end")),
                Some(b) if b == quote => break,
                // What an escape stands for does not matter here: such texts are field names only.
                Some(b'\\') if self.pos + 1 < self.text.len() => {
                    bytes.push(self.text[self.pos + 1]);
                    self.pos += 2;
                }
                Some(b) => {
                    bytes.push(b);
                    self.pos += 1;
                }
            }
        }
        self.pos += 1;
        Ok(if self.utf8 {
            String::from_utf8_lossy(&bytes).into_owned()
        } else {
            bytes.into_iter().map(char::from).collect()
        })
    }

    fn number(&mut self) -> Result<Literal> {
        let mut value = 0_u64;
        while let Some(digit) = self.text.get(self.pos).filter(|b| b.is_ascii_digit()) {
            let next = value.checked_mul(10).and_then(|v| v.checked_add(u64::from(digit - b'0')));
            value =
                next.ok_or_else(|| Error::limit(self.at + self.pos as u64, "a number in the header of the array"))?;
            self.pos += 1;
        }
        // Python 2 wrote long integers as `3L`.
        if self.text.get(self.pos) == Some(&b'L') {
            self.pos += 1;
        }
        Ok(Literal::Int(value))
    }

    fn word(&mut self) -> Result<Literal> {
        let rest = &self.text[self.pos..];
        let len = rest.iter().position(|b| !b.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let word = &rest[..len];
        if matches!(word, b"u" | b"b" | b"U" | b"B") && matches!(rest.get(len), Some(b'\'' | b'"')) {
            self.pos += len;
            return Ok(Literal::Text(self.string()?));
        }
        let value = match word {
            b"True" => Literal::Bool(true),
            b"False" => Literal::Bool(false),
            b"None" => Literal::None,
            _ => return Err(self.wrong("a value was expected")),
        };
        self.pos += len;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn file(version: u8, text: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([version, 0]);
        if version == 1 {
            bytes.extend((text.len() as u16).to_le_bytes());
        } else {
            bytes.extend((text.len() as u32).to_le_bytes());
        }
        bytes.extend(text);
        bytes
    }

    fn parse(bytes: &[u8]) -> Result<ArrayHeader> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let map = FileMap::open(file.path())?;
        read(&map, 0, map.len())
    }

    #[test]
    fn tolerant_where_writers_differ() {
        let texts = [
            "{'descr': '<i2', 'fortran_order': False, 'shape': (3, 4), }   \n",
            "{ \"shape\" : [3,4] , \"fortran_order\":False,\"descr\":\"<i2\"}",
            "{u'descr': u'<i2', u'fortran_order': False, u'shape': (3L, 4L)}\n",
            "\n {'descr':\n'<i2','fortran_order':False,'shape':(3,4,),'extra':{'a':None}}\0\0",
        ];
        for text in texts {
            for version in 1..=3 {
                let header = parse(&file(version, text.as_bytes())).unwrap();
                assert_eq!(header.shape, [3, 4], "{text}");
                assert_eq!(header.format, SampleFormat::little(SampleType::I16));
                assert!(!header.fortran_order && !header.complex);
            }
        }
        for (shape, expected) in [("()", vec![]), ("(7)", vec![7]), ("(7,)", vec![7]), ("7", vec![7])] {
            let text = format!("{{'descr': '>c16', 'fortran_order': True, 'shape': {shape}}}");
            let header = parse(&file(1, text.as_bytes())).unwrap();
            assert_eq!(header.shape, expected);
            assert!(header.complex && header.fortran_order && header.item_bytes() == 16);
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let cases: [(&str, &str); 16] = [
            ("{'descr': '<i2', 'fortran_order': False, 'shape': (3, -4)}", "negative"),
            ("{'descr': '<i2', 'fortran_order': False, 'shape': (3, 4.5)}", "',' or a closing bracket"),
            ("{'descr': '<i2', 'fortran_order': False, 'shape': ('x',)}", "shape"),
            ("{'descr': '<i2', 'fortran_order': False}", "shape"),
            ("{'descr': '<i2', 'shape': (3,)}", "fortran_order"),
            ("{'fortran_order': False, 'shape': (3,)}", "descr"),
            ("{'descr': '<i2', 'fortran_order': 'no', 'shape': (3,)}", "fortran_order"),
            ("{'descr': '|O', 'fortran_order': False, 'shape': (3,)}", "Python objects"),
            ("{'descr': '<U5', 'fortran_order': False, 'shape': (3,)}", "text"),
            ("{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (3,)}", "dates"),
            ("{'descr': '<f16', 'fortran_order': False, 'shape': (3,)}", "extended"),
            ("{'descr': [('t', '<i8'), ('x', '<i2')], 'fortran_order': False, 'shape': (3,)}", "a['t']"),
            ("{'descr': '<i2', 'fortran_order': False, 'shape': (99999999999999999999999,)}", "limit"),
            ("[1, 2]", "not a dictionary"),
            ("{'descr': '<i2", "no end"),
            ("{'descr': '<i2', 'fortran_order': False, 'shape': (3,)} os.system", "behind"),
        ];
        for (text, expected) in cases {
            let error = parse(&file(1, text.as_bytes())).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let deep = "(".repeat(100_000);
        assert!(parse(&file(2, deep.as_bytes())).unwrap_err().to_string().contains("nested"));
        assert!(parse(&file(4, b"{}")).unwrap_err().to_string().contains("version 4.0"));
        let mut long = file(2, b"{}");
        long[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(parse(&long).unwrap_err().to_string().contains("limit"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(shape in prop::collection::vec(0_u64..u64::MAX, 0..6), which in 0..12_usize, big: bool) {
            let sample_type = SampleType::ALL[which];
            let byte_order = if big && sample_type.size() > 1 { ByteOrder::Big } else { ByteOrder::Little };
            let format = SampleFormat { sample_type, byte_order };
            let bytes = npy_header(format, &shape);
            prop_assert_eq!(bytes.len() % 64, 0);
            let header = parse(&bytes).unwrap();
            prop_assert_eq!(&header.shape, &shape);
            prop_assert_eq!(header.format, format);
            prop_assert_eq!(header.data_start, bytes.len() as u64);
        }

        #[test]
        fn any_bytes_are_survived(text in prop::collection::vec(prop::sample::select(
            b"{}()[],:'\"\\ 0123456789-LTrueFalsNondescrhp<>|i2f48\n\xff".to_vec()), 0..200)) {
            drop(parse(&file(1, &text)));
            drop(parse(&file(3, &text)));
        }
    }
}
