//! A recording in a few hundred bytes: the overview's band at [`COLUMNS`] places, a byte for the least and one for the
//! greatest value of each. Drawn as shapes in the colours of the theme, not as an image.

use eframe::egui::{Color32, Mesh, Pos2, Rect};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::state::Document;

/// Columns of a sketch.
const COLUMNS: usize = 160;
/// Written for a column in which nothing was recorded: the least above the greatest.
const NOTHING: (u8, u8) = (255, 0);

/// Least and greatest of each column, from −1 (0) to 1 (255).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sketch(Vec<(u8, u8)>);

impl Sketch {
    /// Of columns within −1..1; where the least lies above the greatest there is nothing.
    #[must_use]
    pub fn new(columns: impl Iterator<Item = (f32, f32)>) -> Self {
        let byte = |v: f32| ((v.clamp(-1.0, 1.0) + 1.0) * 127.5).round() as u8;
        Self(
            columns
                .take(COLUMNS)
                .map(|(low, high)| if low > high { NOTHING } else { (byte(low), byte(high)) })
                .collect(),
        )
    }

    /// Of the overview of `document`, gaps left out; `None` while there is none.
    #[must_use]
    pub fn of(document: &Document) -> Option<Self> {
        let columns = document.pictures.overview.as_ref()?;
        let time = document.time();
        let end = time.end_tick(document.shown().frames).max(1) as f64;
        let mut band = vec![(1.0_f32, -1.0_f32); COLUMNS];
        for (edges, &(low, high)) in columns.edges.windows(2).zip(&document.pictures.envelope) {
            if low > high {
                continue;
            }
            let share = |tick: u64| (tick as f64 / end * COLUMNS as f64) as usize;
            let first = share(time.tick_of_frame(edges[0])).min(COLUMNS - 1);
            let last = share(time.tick_of_frame(edges[1].max(edges[0] + 1) - 1)).clamp(first, COLUMNS - 1);
            for column in &mut band[first..=last] {
                *column = if column.0 > column.1 { (low, high) } else { (column.0.min(low), column.1.max(high)) };
            }
        }
        band.iter().any(|(low, high)| low <= high).then(|| Self::new(band.into_iter()))
    }

    /// Whether there is nothing to draw.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As triangles in `rect`.
    #[must_use]
    pub fn mesh(&self, rect: Rect, colour: Color32) -> Mesh {
        let mut mesh = Mesh::default();
        let width = rect.width() / self.0.len().max(1) as f32;
        let y = |byte: u8| rect.bottom() - f32::from(byte) / 255.0 * rect.height();
        for (i, &(low, high)) in self.0.iter().enumerate().filter(|(_, (low, high))| low <= high) {
            let left = rect.left() + i as f32 * width;
            let (top, bottom) = (y(high).min(rect.bottom() - 1.0), y(low).max(y(high) + 1.0));
            mesh.add_colored_rect(Rect::from_min_max(Pos2::new(left, top), Pos2::new(left + width, bottom)), colour);
        }
        mesh
    }
}

impl Serialize for Sketch {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0.iter().map(|(low, high)| format!("{low:02x}{high:02x}")).collect::<String>())
    }
}

impl<'de> Deserialize<'de> for Sketch {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let digits: Option<Vec<u8>> =
            text.chars().take(4 * COLUMNS).map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
        // A picture that cannot be read is none.
        let columns = digits.unwrap_or_default();
        Ok(Self(columns.chunks_exact(4).map(|d| (d[0] << 4 | d[1], d[2] << 4 | d[3])).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sketches_are_read_as_written_and_bounded() {
        let sketch = Sketch::new([(-1.0, 1.0), (1.0, -1.0), (0.25, 0.5), (-9.0, f32::NAN)].into_iter());
        let text = serde_json::to_string(&sketch).unwrap();
        assert_eq!(serde_json::from_str::<Sketch>(&text).unwrap(), sketch);
        for hostile in ["\"\"", "\"0\"", "\"zz\"", "\"µµµµ\""] {
            assert!(serde_json::from_str::<Sketch>(hostile).unwrap().is_empty(), "{hostile}");
        }
        let long = format!("\"{}\"", "00ff".repeat(100_000));
        assert_eq!(serde_json::from_str::<Sketch>(&long).unwrap().0.len(), COLUMNS);
        let rect = Rect::from_min_max(Pos2::ZERO, Pos2::new(160.0, 40.0));
        assert!(sketch.mesh(rect, Color32::WHITE).vertices.iter().all(|v| rect.expand(1.0).contains(v.pos)));
        assert!(Sketch::default().mesh(rect, Color32::WHITE).is_empty());
    }
}
