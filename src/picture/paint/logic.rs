//! Lanes of logic channels, as in the window: a line at the foot of the lane while low, at its head while high, upright
//! where it changes, and filled from foot to head where a pixel holds both.

use super::super::Threshold;
use super::super::display::LOGIC_FREE;
use super::super::scene::Bar;
use super::Painter;
use crate::summary::MinMax;

impl Painter<'_> {
    /// The levels of the channel in lane `index` from what its pixels hold.
    pub(super) fn logic(&mut self, pixels: &[MinMax], index: usize, threshold: Threshold, exact: &[bool]) {
        let (middle, height) = (self.middle(index), self.lane_height(index));
        let half = height / 2.0 - (height * LOGIC_FREE).min(height / 4.0);
        let line = self.s(1.5).max(1.0);
        let (head, foot) = ((middle - half).round(), (middle + half).round().max((middle - half).round() + line));
        let bars = levels(pixels, threshold, (head, foot), line);
        self.bars(bars, exact, self.selection.channels[index]);
    }
}

/// A bar for each pixel.
fn levels(pixels: &[MinMax], threshold: Threshold, (head, foot): (f32, f32), line: f32) -> Vec<Bar> {
    let is_high = |value: f64| (value > threshold.at) == threshold.above;
    let held = |v: &MinMax| (!v.is_empty()).then(|| (is_high(v.min), is_high(v.max)));
    let mut bars: Vec<Bar> = pixels
        .iter()
        .map(|v| match held(v) {
            None => Bar::EMPTY,
            Some((false, false)) => Bar { top: foot - line, bottom: foot },
            Some((true, true)) => Bar { top: head, bottom: head + line },
            Some(_) => Bar { top: head, bottom: foot },
        })
        .collect();
    // Where the level changes from a pixel to the next, the edge stands on the second, as wide as the line.
    let wide = line.round().max(1.0) as usize;
    for i in 1..pixels.len() {
        if let (Some((_, before)), Some((now, same))) = (held(&pixels[i - 1]), held(&pixels[i]))
            && now == same
            && before != now
            && held(&pixels[i - 1]) == Some((before, before))
        {
            for bar in bars.iter_mut().skip(i).take(wide).filter(|bar| !bar.is_empty()) {
                *bar = Bar { top: head, bottom: foot };
            }
        }
    }
    bars
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_edges_stand_where_they_are() {
        let of = |min: f64, max: f64| MinMax { min, max };
        let (low, high, both) = (of(0.0, 0.0), of(1.0, 1.0), of(0.0, 1.0));
        let drawn = |pixels: &[MinMax], threshold| -> String {
            let bars = levels(pixels, threshold, (10.0, 30.0), 1.0);
            let shown = |bar: &Bar| match (bar.is_empty(), bar.top, bar.bottom) {
                (true, ..) => ' ',
                (_, 10.0, 30.0) => '|',
                (_, 10.0, 11.0) => '^',
                (_, 29.0, 30.0) => '_',
                _ => '?',
            };
            bars.iter().map(shown).collect()
        };
        let above = Threshold { at: 0.5, above: true };
        let pixels = [low, low, high, high, low, both, high, MinMax::EMPTY, low];
        assert_eq!(drawn(&pixels, above), "__|^||^ _");
        assert_eq!(drawn(&[low, high, high], Threshold { at: 0.5, above: false }), "^|_");
    }
}
