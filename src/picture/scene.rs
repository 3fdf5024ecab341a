//! What a picture consists of, in pixels from the top left corner: the step between layout and the two file types.

use super::palette::Color;

/// An axis-aligned rectangle.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Area {
    pub x: f32,
    pub y: f32,
    pub width: f32,
    pub height: f32,
}

impl Area {
    /// Its right edge.
    #[must_use]
    pub fn right(self) -> f32 {
        self.x + self.width
    }

    /// Its lower edge.
    #[must_use]
    pub fn bottom(self) -> f32 {
        self.y + self.height
    }

    /// Whether the two share more than a border.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.x < other.right() && other.x < self.right() && self.y < other.bottom() && other.y < self.bottom()
    }
}

/// Which point of a text its position means, horizontally; vertically it is the baseline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// A line of text.
#[derive(Clone, PartialEq, Debug)]
pub struct Text {
    pub x: f32,
    pub baseline: f32,
    pub size: f32,
    pub anchor: Anchor,
    pub color: Color,
    pub text: String,
}

impl Text {
    /// The area it covers, from the ascent of capitals to the descent of small letters.
    #[must_use]
    pub fn area(&self) -> Area {
        let width = super::font::text_width(&self.text, self.size);
        let x = match self.anchor {
            Anchor::Start => self.x,
            Anchor::Middle => self.x - width / 2.0,
            Anchor::End => self.x - width,
        };
        Area { x, y: self.baseline - 0.75 * self.size, width, height: 0.95 * self.size }
    }
}

/// What one pixel column of a trace covers, from `top` down to `bottom` (pixels, downwards).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bar {
    pub top: f32,
    pub bottom: f32,
}

impl Bar {
    /// Nothing is drawn.
    pub const EMPTY: Self = Self { top: f32::INFINITY, bottom: f32::NEG_INFINITY };

    /// Whether nothing is drawn.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.top > self.bottom
    }
}

/// One thing that is drawn; later ones lie over earlier ones.
#[derive(Clone, PartialEq, Debug)]
pub enum Shape {
    Rect {
        area: Area,
        fill: Color,
    },
    /// Diagonal lines of one pixel `every` so many pixels, clipped to the area: what is not there.
    Hatch {
        area: Area,
        every: f32,
        color: Color,
    },
    /// A vertical or horizontal line, sharp.
    Line {
        x: f32,
        y: f32,
        to_x: f32,
        to_y: f32,
        width: f32,
        color: Color,
    },
    /// One bar for each pixel column from `first_x` on.
    Bars {
        first_x: u32,
        bars: Vec<Bar>,
        color: Color,
    },
    /// Lines through points, with dots on them where `dot_radius` is positive.
    Polyline {
        points: Vec<[f32; 2]>,
        width: f32,
        dot_radius: f32,
        color: Color,
    },
    /// A field of pixels whose corner lies on the pixel grid, row after row from the top; what is clear shows what lies
    /// under it.
    Raster {
        x: u32,
        y: u32,
        width: u32,
        pixels: Vec<Color>,
    },
    Text(Text),
}

/// A picture.
#[derive(Clone, PartialEq, Debug)]
pub struct Scene {
    pub width: u32,
    pub height: u32,
    /// Pixels an inch, where it has a size on paper.
    pub dpi: Option<f64>,
    pub ground: Color,
    /// For those who cannot see it: what the picture shows.
    pub description: String,
    pub shapes: Vec<Shape>,
    /// Where the traces are drawn.
    pub plot: Area,
}

impl Scene {
    /// The texts.
    pub fn texts(&self) -> impl Iterator<Item = &Text> {
        self.shapes.iter().filter_map(|s| if let Shape::Text(t) = s { Some(t) } else { None })
    }
}

/// The diagonal strokes of a hatch: start and end points, already clipped to `area`.
pub(super) fn hatch_lines(area: Area, every: f32) -> impl Iterator<Item = [[f32; 2]; 2]> {
    let every = every.max(2.0);
    // The family x + y = k · every, anchored to the picture, not to the area: neighbouring bands share one pattern.
    let first = ((area.x + area.y) / every).ceil() as i64;
    let last = ((area.right() + area.bottom()) / every).floor() as i64;
    (first..=last).filter_map(move |k| {
        let sum = k as f32 * every;
        let left = area.x.max(sum - area.bottom());
        let right = area.right().min(sum - area.y);
        (left < right).then_some([[left, sum - left], [right, sum - right]])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hatching_stays_inside() {
        let area = Area { x: 10.0, y: 20.0, width: 3.0, height: 50.0 };
        let lines: Vec<_> = hatch_lines(area, 6.0).collect();
        assert!(lines.len() >= 8);
        for [x, y] in lines.into_iter().flatten() {
            assert!((10.0..=13.0).contains(&x) && (20.0..=70.0).contains(&y), "{x} {y}");
        }
    }
}
