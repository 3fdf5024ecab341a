//! A scene as SVG 1.1 text: one path for each trace, coordinates in tenths of a pixel, no scripts, no external files: fields of
//! pixels are embedded as PNG.

use std::fmt::Write as _;

use super::font;
use super::palette::Color;
use super::scene::{Anchor, Area, Bar, Scene, Shape, Text, hatch_lines};

/// The picture as an SVG document.
#[must_use]
pub fn document(scene: &Scene) -> String {
    let mut out = String::with_capacity(256 << 10);
    open(&mut out, scene, scene.dpi);
    put(&mut out, format_args!("<title>{}</title>\n", Escaped(&scene.description)));
    let ground = Area { x: 0.0, y: 0.0, width: scene.width as f32, height: scene.height as f32 };
    rect(&mut out, ground, scene.ground);
    for shape in &scene.shapes {
        match shape {
            Shape::Rect { area, fill } => rect(&mut out, *area, *fill),
            Shape::Hatch { area, every, color } => hatch(&mut out, *area, *every, *color),
            Shape::Line { x, y, to_x, to_y, width, color } => put(
                &mut out,
                format_args!(
                    "<path d=\"M{} {}L{} {}\" stroke-width=\"{}\" fill=\"none\"{}/>\n",
                    Tenths(*x),
                    Tenths(*y),
                    Tenths(*to_x),
                    Tenths(*to_y),
                    Tenths(*width),
                    Paint("stroke", *color)
                ),
            ),
            Shape::Bars { first_x, bars, color } => {
                out.push_str("<path d=\"");
                bars_path(&mut out, *first_x, bars);
                put(&mut out, format_args!("\"{}/>\n", Paint("fill", *color)));
            }
            Shape::Polyline { points, width, dot_radius, color } => {
                polyline(&mut out, points, *width, *dot_radius, *color);
            }
            Shape::Raster { x, y, width, pixels } => raster(&mut out, (*x, *y, *width), pixels),
            Shape::Text(t) => text(&mut out, t),
        }
    }
    out.push_str("</svg>\n");
    out
}

/// Only the texts of the picture, on nothing.
pub(super) fn texts(scene: &Scene) -> String {
    let mut out = String::new();
    open(&mut out, scene, None);
    scene.texts().for_each(|t| text(&mut out, t));
    out.push_str("</svg>\n");
    out
}

fn put(out: &mut String, args: std::fmt::Arguments<'_>) {
    out.write_fmt(args).expect("writing to a string cannot fail");
}

/// With `dpi` its size is one on paper.
fn open(out: &mut String, scene: &Scene, dpi: Option<f64>) {
    let (w, h) = (scene.width, scene.height);
    let side = |pixels: u32| match dpi {
        Some(dpi) => format!("{:.3}mm", f64::from(pixels) / dpi * 25.4),
        None => pixels.to_string(),
    };
    put(
        out,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {w} {h}\" \
             font-family=\"{}\" font-weight=\"300\">\n",
            side(w),
            side(h),
            font::FAMILY
        ),
    );
}

fn rect(out: &mut String, area: Area, fill: Color) {
    put(
        out,
        format_args!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"{}/>\n",
            Tenths(area.x),
            Tenths(area.y),
            Tenths(area.width),
            Tenths(area.height),
            Paint("fill", fill)
        ),
    );
}

/// Fields of more pixels are an image within the document; of fewer a rectangle for each run of one colour, which scales
/// without becoming soft.
const MOST_RECTS: usize = 4096;

fn raster(out: &mut String, (x, y, width): (u32, u32, u32), pixels: &[Color]) {
    let height = pixels.len() / width.max(1) as usize;
    if pixels.len() > MOST_RECTS
        && let Some(file) = super::png::field(width, pixels)
    {
        let start = format!("<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"");
        // As SVG 1.1 has it: programs for print do not know the shorter name of SVG 2.
        let link = "xmlns:xlink=\"http://www.w3.org/1999/xlink\" xlink:href";
        let style = "preserveAspectRatio=\"none\" image-rendering=\"optimizeSpeed\"";
        put(out, format_args!("{start} {style} {link}=\"data:image/png;base64,"));
        base64(out, &file);
        out.push_str("\"/>\n");
        return;
    }
    for (row, line) in pixels.chunks(width.max(1) as usize).enumerate() {
        let mut column = 0;
        for run in line.chunk_by(|a, b| a == b) {
            if run[0].a > 0 {
                let at = ((x as usize + column) as f32, (y as usize + row) as f32);
                rect(out, Area { x: at.0, y: at.1, width: run.len() as f32, height: 1.0 }, run[0]);
            }
            column += run.len();
        }
    }
}

/// Appends `bytes` as text (RFC 4648, section 4).
fn base64(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out.reserve(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |i: usize| u32::from(three.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= three.len() { char::from(digit) } else { '=' });
        }
    }
}

fn hatch(out: &mut String, area: Area, every: f32, color: Color) {
    out.push_str("<path d=\"");
    for [a, b] in hatch_lines(area, every) {
        put(out, format_args!("M{} {}L{} {}", Tenths(a[0]), Tenths(a[1]), Tenths(b[0]), Tenths(b[1])));
    }
    put(out, format_args!("\" fill=\"none\"{}/>\n", Paint("stroke", color)));
}

fn polyline(out: &mut String, points: &[[f32; 2]], width: f32, dot_radius: f32, color: Color) {
    out.push_str("<path d=\"");
    for (i, p) in points.iter().enumerate() {
        put(out, format_args!("{}{} {}", if i == 0 { 'M' } else { 'L' }, Tenths(p[0]), Tenths(p[1])));
    }
    put(
        out,
        format_args!(
            "\" fill=\"none\" stroke-linejoin=\"round\" stroke-width=\"{}\"{}/>\n",
            Tenths(width),
            Paint("stroke", color)
        ),
    );
    if dot_radius > 0.0 {
        // A stroke of no length with round caps is a dot: all of them are one path.
        out.push_str("<path d=\"");
        for p in points {
            put(out, format_args!("M{} {}h0", Tenths(p[0]), Tenths(p[1])));
        }
        put(
            out,
            format_args!(
                "\" fill=\"none\" stroke-linecap=\"round\" stroke-width=\"{}\"{}/>\n",
                Tenths(2.0 * dot_radius),
                Paint("stroke", color)
            ),
        );
    }
}

/// Each stretch of bars as one closed outline: along the tops to the right, along the bottoms back. As one area it has
/// no seams between pixels when it is scaled.
fn bars_path(out: &mut String, first_x: u32, bars: &[Bar]) {
    let mut at = 0;
    for run in bars.chunk_by(|a, b| a.is_empty() == b.is_empty()) {
        if !run[0].is_empty() {
            let mut y = tenths(run[0].top);
            put(out, format_args!("M{} {}", u64::from(first_x) + at as u64, Fixed(y)));
            steps(out, "h", run.iter().map(|b| tenths(b.top)), &mut y);
            let last = tenths(run[run.len() - 1].bottom);
            put(out, format_args!("v{}", Fixed(last - y)));
            y = last;
            steps(out, "h-", run.iter().rev().map(|b| tenths(b.bottom)), &mut y);
            out.push('z');
        }
        at += run.len();
    }
}

fn steps(out: &mut String, right: &str, heights: impl Iterator<Item = i64>, y: &mut i64) {
    let mut pixels = 0;
    for height in heights {
        if height != *y {
            if pixels > 0 {
                put(out, format_args!("{right}{pixels}"));
            }
            put(out, format_args!("v{}", Fixed(height - *y)));
            (*y, pixels) = (height, 0);
        }
        pixels += 1;
    }
    put(out, format_args!("{right}{pixels}"));
}

fn text(out: &mut String, t: &Text) {
    let anchor = match t.anchor {
        Anchor::Start => "start",
        Anchor::Middle => "middle",
        Anchor::End => "end",
    };
    put(
        out,
        format_args!(
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\" text-anchor=\"{anchor}\" xml:space=\"preserve\"{}>{}</text>\n",
            Tenths(t.x),
            Tenths(t.baseline),
            Tenths(t.size),
            Paint("fill", t.color),
            Escaped(&t.text)
        ),
    );
}

fn tenths(value: f32) -> i64 {
    (value * 10.0).round() as i64
}

/// A coordinate, to a tenth.
struct Tenths(f32);

impl std::fmt::Display for Tenths {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Fixed(tenths(self.0)).fmt(f)
    }
}

/// A number of tenths.
struct Fixed(i64);

impl std::fmt::Display for Fixed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, tenth) = (self.0.unsigned_abs() / 10, self.0.unsigned_abs() % 10);
        if tenth == 0 { write!(f, "{sign}{whole}") } else { write!(f, "{sign}{whole}.{tenth}") }
    }
}

/// ` fill="#rrggbb"`, with the opacity where it is not full.
struct Paint(&'static str, Color);

impl std::fmt::Display for Paint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(name, Color { r, g, b, a }) = self;
        write!(f, " {name}=\"#{r:02x}{g:02x}{b:02x}\"")?;
        if *a < 255 { write!(f, " {name}-opacity=\"{:.3}\"", self.1.opacity()) } else { Ok(()) }
    }
}

/// Text as XML 1.0 allows it: escaped, and without the characters that no XML document may hold.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\t' | '\n' | '\r' => f.write_str(" ")?,
                '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => f.write_str("\u{fffd}")?,
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outlines_are_compact_and_closed() {
        let bar = |top, bottom| Bar { top, bottom };
        let mut out = String::new();
        bars_path(&mut out, 5, &[bar(1.0, 3.0), bar(1.0, 3.5), Bar::EMPTY, bar(2.0, 4.0)]);
        assert_eq!(out, "M5 1h2v2.5h-1v-0.5h-1zM8 2h1v2h-1z");
    }

    #[test]
    fn bytes_become_text_as_the_standard_has_it() {
        let of = |text: &str| {
            let mut out = String::new();
            base64(&mut out, text.as_bytes());
            out
        };
        // RFC 4648, section 10.
        let vectors =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE=")];
        assert!(vectors.iter().all(|(plain, text)| of(plain) == *text));
    }

    #[test]
    fn hostile_names_are_harmless() {
        assert_eq!(Escaped("<a & \"b\">\u{0}\n").to_string(), "&lt;a &amp; &quot;b&quot;&gt;\u{fffd} ");
    }
}
