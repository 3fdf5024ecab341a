//! A scene as pixels and as a PNG file. Traces, of which there are many, are blended straight into the pixels; text is
//! shaped and drawn by resvg with the one typeface that the program brings along.

use std::io::Write as _;
use std::sync::{Arc, OnceLock};

use resvg::tiny_skia::{
    Color as SkiaColor, FillRule, LineCap, LineJoin, Paint, PathBuilder, Pixmap, PremultipliedColorU8, Rect, Stroke,
    Transform,
};
use resvg::usvg::{self, fontdb};

use super::palette::Color;
use super::scene::{Area, Bar, Scene, Shape, hatch_lines};
use super::{font, svg};
use crate::error::{Error, Result};

/// Bytes that [`encode`] needs at its peak: the pixels, and as much again for the file at its largest.
#[must_use]
pub fn peak_bytes(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height) * (4 + 3)
}

/// The picture as a PNG file: 8-bit RGB, compressed for speed: the usual level takes several times as long and
/// saves a third of the bytes.
///
/// # Errors
/// When it has no pixels or more than can be addressed.
pub fn encode(scene: &Scene) -> Result<Vec<u8>> {
    let pixels = draw(scene)?;
    let failed = |e: &dyn std::fmt::Display| Error::invalid(format!("the picture could not be compressed: {e}"));
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, scene.width, scene.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    if let Some(dpi) = scene.dpi {
        let per_metre = (dpi / 0.0254).round() as u32;
        let unit = png::Unit::Meter;
        encoder.set_pixel_dims(Some(png::PixelDimensions { xppu: per_metre, yppu: per_metre, unit }));
    }
    let mut writer = encoder.write_header().map_err(|e| failed(&e))?;
    let mut rows = writer.stream_writer_with_size(64 << 10).map_err(|e| failed(&e))?;
    let mut row = Vec::with_capacity(scene.width as usize * 3);
    // The ground is opaque, so the premultiplied colours are the colours.
    for line in pixels.data().chunks_exact(scene.width as usize * 4) {
        row.clear();
        row.extend(line.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]));
        rows.write_all(&row).map_err(|e| failed(&e))?;
    }
    rows.finish().map_err(|e| failed(&e))?;
    writer.finish().map_err(|e| failed(&e))?;
    Ok(out)
}

/// The picture as pixels, row after row from the top: red, green, blue and an opacity of 255.
///
/// # Errors
/// As [`encode`].
pub fn pixels(scene: &Scene) -> Result<Vec<u8>> {
    Ok(draw(scene)?.take())
}

/// A field of pixels, `width` in a row, as a PNG file with opacity; `None` if it is not whole rows.
pub(super) fn field(width: u32, pixels: &[Color]) -> Option<Vec<u8>> {
    let height = u32::try_from(pixels.len()).ok()?.checked_div(width)?;
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().ok()?;
    let bytes: Vec<u8> = pixels.iter().flat_map(|c| [c.r, c.g, c.b, c.a]).collect();
    writer.write_image_data(&bytes).ok()?;
    writer.finish().ok()?;
    Some(out)
}

fn draw(scene: &Scene) -> Result<Pixmap> {
    let mut pixels = Pixmap::new(scene.width, scene.height)
        .ok_or_else(|| Error::invalid(format!("a picture cannot be {}x{} pixels", scene.width, scene.height)))?;
    pixels.fill(skia(scene.ground));
    for shape in &scene.shapes {
        match shape {
            Shape::Rect { area, fill } => fill_area(&mut pixels, *area, *fill),
            Shape::Hatch { area, every, color } => {
                let mut path = PathBuilder::new();
                for [a, b] in hatch_lines(*area, *every) {
                    path.move_to(a[0], a[1]);
                    path.line_to(b[0], b[1]);
                }
                stroke(&mut pixels, path, 1.0, *color);
            }
            Shape::Line { x, y, to_x, to_y, width, color } => {
                let half = width / 2.0;
                let (x, to_x, y, to_y) = (x.min(*to_x), x.max(*to_x), y.min(*to_y), y.max(*to_y));
                // A line is the area that it covers; butt ends, sharp where it lies on the pixel grid.
                let area = if y == to_y {
                    Area { x, y: y - half, width: to_x - x, height: *width }
                } else {
                    Area { x: x - half, y, width: *width, height: to_y - y }
                };
                fill_area(&mut pixels, area, *color);
            }
            Shape::Bars { first_x, bars, color } => blend_bars(&mut pixels, *first_x, bars, *color),
            Shape::Polyline { points, width, dot_radius, color } => {
                draw_polyline(&mut pixels, points, *width, *dot_radius, *color);
            }
            Shape::Raster { x, y, width, pixels: field } => lay(&mut pixels, (*x, *y, *width), field),
            Shape::Text(_) => {}
        }
    }
    let options = usvg::Options { fontdb: fonts(), font_family: "Ubuntu".to_owned(), ..usvg::Options::default() };
    let tree = usvg::Tree::from_str(&svg::texts(scene), &options)
        .map_err(|e| Error::invalid(format!("the text of the picture could not be drawn: {e}")))?;
    resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
    Ok(pixels)
}

fn fonts() -> Arc<fontdb::Database> {
    static FONTS: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    Arc::clone(FONTS.get_or_init(|| {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(font::FILE.to_vec());
        fonts.set_sans_serif_family("Ubuntu");
        Arc::new(fonts)
    }))
}

fn skia(c: Color) -> SkiaColor {
    SkiaColor::from_rgba8(c.r, c.g, c.b, c.a)
}

fn paint(color: Color) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color(skia(color));
    paint
}

fn fill_area(pixels: &mut Pixmap, area: Area, fill: Color) {
    if let Some(rect) = Rect::from_xywh(area.x, area.y, area.width, area.height) {
        pixels.fill_rect(rect, &paint(fill), Transform::identity(), None);
    }
}

fn stroke(pixels: &mut Pixmap, path: PathBuilder, width: f32, color: Color) {
    if let Some(path) = path.finish() {
        let stroke = Stroke { width, line_cap: LineCap::Butt, line_join: LineJoin::Round, ..Stroke::default() };
        pixels.stroke_path(&path, &paint(color), &stroke, Transform::identity(), None);
    }
}

fn draw_polyline(pixels: &mut Pixmap, points: &[[f32; 2]], width: f32, dot_radius: f32, color: Color) {
    let mut line = PathBuilder::new();
    let mut dots = PathBuilder::new();
    for (i, p) in points.iter().enumerate() {
        if i == 0 {
            line.move_to(p[0], p[1])
        } else {
            line.line_to(p[0], p[1])
        }
        if dot_radius > 0.0 {
            dots.push_circle(p[0], p[1], dot_radius);
        }
    }
    stroke(pixels, line, width, color);
    if let Some(dots) = dots.finish() {
        pixels.fill_path(&dots, &paint(color), FillRule::Winding, Transform::identity(), None);
    }
}

/// Lays a field over the pixels; it is opaque or clear, nothing between.
fn lay(pixels: &mut Pixmap, (x, y, field_width): (u32, u32, u32), field: &[Color]) {
    let (width, height) = (pixels.width() as usize, pixels.height() as usize);
    let to = pixels.pixels_mut();
    for (row, line) in field.chunks(field_width.max(1) as usize).enumerate().take(height.saturating_sub(y as usize)) {
        for (column, color) in line.iter().enumerate().take(width.saturating_sub(x as usize)) {
            if color.a > 0
                && let Some(opaque) = PremultipliedColorU8::from_rgba(color.r, color.g, color.b, 255)
            {
                to[(y as usize + row) * width + x as usize + column] = opaque;
            }
        }
    }
}

/// Blends bars over opaque pixels: whole pixels fully, the ends by the share that is covered.
fn blend_bars(pixels: &mut Pixmap, first_x: u32, bars: &[Bar], color: Color) {
    let (width, height) = (pixels.width() as usize, pixels.height() as f32);
    let rows = pixels.pixels_mut();
    for (i, bar) in bars.iter().enumerate() {
        let x = first_x as usize + i;
        let (top, bottom) = (bar.top.max(0.0), bar.bottom.min(height));
        if x >= width || bar.is_empty() || top >= bottom {
            continue;
        }
        for y in top as usize..(bottom.ceil() as usize) {
            let covered = (bottom.min(y as f32 + 1.0) - top.max(y as f32)).clamp(0.0, 1.0);
            let alpha = (covered * f32::from(color.a) + 0.5) as u32;
            let pixel = &mut rows[y * width + x];
            let mix =
                |under: u8, over: u8| ((u32::from(under) * (255 - alpha) + u32::from(over) * alpha + 127) / 255) as u8;
            let (r, g, b) = (mix(pixel.red(), color.r), mix(pixel.green(), color.g), mix(pixel.blue(), color.b));
            // Opaque: every component is at most the alpha, so this is always a valid colour.
            if let Some(mixed) = PremultipliedColorU8::from_rgba(r, g, b, 255) {
                *pixel = mixed;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_covers_what_it_should() {
        let mut pixels = Pixmap::new(2, 4).unwrap();
        pixels.fill(SkiaColor::WHITE);
        blend_bars(&mut pixels, 1, &[Bar { top: 0.5, bottom: 3.0 }, Bar { top: 0.0, bottom: 9.0 }], Color::rgb(0));
        let column: Vec<u8> = (0..4).map(|y| pixels.pixel(1, y).unwrap().red()).collect();
        assert_eq!(column, [127, 0, 0, 255]);
        assert_eq!(pixels.pixel(0, 1).unwrap().red(), 255);
    }
}
