//! Aligned tables for people.

/// The columns of a table: their headings, and which of them hold numbers (aligned to the right).
pub(crate) struct Columns<'a>(pub(crate) &'a [(&'a str, Align)]);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Lays out `rows` under their headings, two spaces between the columns; each line begins with `indent`.
pub(crate) fn render(columns: &Columns<'_>, rows: &[Vec<String>], indent: &str) -> String {
    let head: Vec<String> = columns.0.iter().map(|(title, _)| (*title).to_owned()).collect();
    let rows: Vec<Vec<String>> =
        std::iter::once(&head).chain(rows).map(|row| row.iter().map(|cell| clean(cell)).collect()).collect();
    let width = |column: usize| {
        rows.iter().map(|row| row.get(column).map_or(0, |cell| cell.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.0.len()).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = indent.to_owned();
        for ((cell, &width), &(_, align)) in row.iter().zip(&widths).zip(columns.0) {
            match align {
                Align::Left => line.push_str(&format!("{cell:<width$}  ")),
                Align::Right => line.push_str(&format!("{cell:>width$}  ")),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// `name   value` lines.
pub(crate) fn fields(fields: &[(&str, String)], indent: &str) -> String {
    let width = fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    fields.iter().map(|(name, value)| format!("{indent}{:<width$}  {}\n", clean(name), clean(value))).collect()
}

/// `text` on one line and without control characters: what a file says must not be able to drive a terminal.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c == '\n' || c == '\t' || c == '\r' {
                ' '
            } else if c.is_control() {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// At most `max` characters of `text`.
pub(crate) fn shortened(text: &str, max: usize) -> String {
    if text.chars().count() <= max { text.to_owned() } else { text.chars().take(max - 1).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let columns = Columns(&[("name", Align::Left), ("µ", Align::Right)]);
        let rows = [vec!["a".to_owned(), "10".to_owned()], vec!["long one".to_owned(), "-7.25".to_owned()]];
        let text = render(&columns, &rows, " ");
        assert_eq!(text, " name          µ\n a            10\n long one  -7.25\n");
        assert_eq!(clean("a\x1b[2J\nb"), "a\u{fffd}[2J b");
        assert_eq!(shortened("abcdef", 4), "abc…");
    }
}
