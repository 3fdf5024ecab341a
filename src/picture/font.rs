//! The one typeface of the picture, and how wide text set in it is.
//!
//! It is Ubuntu Light, which the window's toolkit brings along, so that a picture looks the same on every machine
//! whatever fonts are installed. Its figures are tabular (all of one width), so numbers line up.
//! The widths below are the advances of its `hmtx` table; `tests/picture.rs` compares them with what the text shaper
//! makes of them.

/// The font file.
pub(crate) const FILE: &[u8] = epaint_default_fonts::UBUNTU_LIGHT;

/// Its family, and what a browser without it may take instead.
pub(crate) const FAMILY: &str = "Ubuntu, 'Helvetica Neue', Helvetica, Arial, sans-serif";

/// Height of capitals and figures, in units of the font size.
pub(crate) const CAP_HEIGHT: f32 = 0.693;

/// Advance widths of U+0020 to U+007E, thousandths of the font size.
const ASCII: [u16; 95] = [
    228, 274, 392, 653, 564, 831, 648, 240, 310, 310, 472, 564, 246, 282, 246, 359, 564, 564, 564, 564, 564, 564, 564,
    564, 564, 564, 246, 246, 564, 564, 564, 380, 940, 641, 630, 609, 702, 555, 520, 658, 692, 248, 487, 599, 502, 865,
    709, 774, 592, 774, 618, 517, 548, 680, 624, 921, 608, 569, 560, 310, 359, 310, 564, 490, 376, 509, 583, 460, 583,
    548, 376, 573, 569, 237, 237, 495, 255, 863, 569, 582, 583, 583, 374, 428, 387, 569, 480, 775, 499, 474, 455, 319,
    262, 319, 564,
];

/// The width of `text` at font size `size`, same unit as `size`. Exact for what the program itself writes; a close
/// upper estimate for other scripts.
#[must_use]
pub fn text_width(text: &str, size: f32) -> f32 {
    let thousandths: u32 = text.chars().map(|c| u32::from(advance(c))).sum();
    thousandths as f32 / 1000.0 * size
}

fn advance(c: char) -> u16 {
    match c {
        ' '..='~' => ASCII[c as usize - 0x20],
        '·' => 246,
        'µ' => 576,
        '–' => 496,
        '×' | '±' | '−' => 564,
        '…' | '—' => 996,
        '°' => 318,
        'Ω' => 780,
        '²' => 359,
        // Wide scripts fill the em square; Latin, Greek and Cyrillic letters are narrower.
        '\u{1100}'.. => 1000,
        _ => 720,
    }
}

/// `text`, or its beginning with an ellipsis where it is wider than `width` at font size `size`.
#[must_use]
pub fn fit(text: &str, size: f32, width: f32) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let room = width - text_width("…", size);
    let mut used = 0.0;
    let mut out: String = text
        .chars()
        .take_while(|&c| {
            used += f32::from(advance(c)) / 1000.0 * size;
            used <= room
        })
        .collect();
    out.truncate(out.trim_end().len());
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_tabular_and_long_names_are_cut() {
        assert_eq!(text_width("111", 10.0), text_width("808", 10.0));
        assert_eq!(fit("short", 10.0, 100.0), "short");
        let cut = fit("a very long channel name", 10.0, 60.0);
        assert!(cut.ends_with('…') && text_width(&cut, 10.0) <= 60.0 && cut.len() > 8, "{cut}");
        assert_eq!(fit("abc", 10.0, 0.0), "…");
    }
}
