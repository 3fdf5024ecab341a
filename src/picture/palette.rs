//! Colours: two greys and one accent for the chrome, and one categorical palette for traces, each for a light and a
//! dark ground. The window and the picture share them.
//!
//! The trace colours are the Okabe–Ito set (Okabe & Ito 2008, "Color Universal Design"), which stays distinguishable
//! under the three common colour-vision deficiencies. Its yellow and its pale hues are darkened for a light ground and
//! its deep ones lightened for a dark ground, so that every one of them keeps a contrast of at least 3 : 1 (WCAG 2.1,
//! criterion 1.4.11, graphical objects).

/// Red, green, blue, opacity; straight (not premultiplied) sRGB.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Color {
    pub r: u8,
    pub g: u8,
    pub b: u8,
    pub a: u8,
}

impl Color {
    /// An opaque colour from `0xRRGGBB`.
    #[must_use]
    pub const fn rgb(hex: u32) -> Self {
        Self { r: (hex >> 16) as u8, g: (hex >> 8) as u8, b: hex as u8, a: 255 }
    }

    /// The same colour with another opacity, 0 to 1.
    #[must_use]
    pub const fn with_opacity(self, opacity: f32) -> Self {
        Self { a: (opacity * 255.0 + 0.5) as u8, ..self }
    }

    /// Opacity, 0 to 1.
    #[must_use]
    pub const fn opacity(self) -> f32 {
        self.a as f32 / 255.0
    }

    /// Relative luminance (WCAG 2.1), 0 for black to 1 for white; the opacity does not count.
    #[must_use]
    pub fn luminance(self) -> f32 {
        let linear = |v: u8| {
            let v = f32::from(v) / 255.0;
            if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.r) + 0.7152 * linear(self.g) + 0.0722 * linear(self.b)
    }

    /// The contrast of two colours (WCAG 2.1), 1 to 21.
    #[must_use]
    pub fn contrast(self, other: Self) -> f32 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }
}

/// The ground that is drawn on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Theme {
    #[default]
    Light,
    Dark,
}

/// Opacity of what is an estimate; what is exact is opaque.
pub const ESTIMATE_OPACITY: f32 = 0.42;

/// All colours of one theme.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Palette {
    pub ground: Color,
    /// What is read: names, titles.
    pub text: Color,
    /// What is looked up: units, ticks, notes.
    pub quiet: Color,
    /// Lines that carry something: axes, scale bars.
    pub line: Color,
    /// Lines that only guide the eye: the grid, the bounds of lanes.
    pub faint: Color,
    /// The ground of a gap, and of the overview strip.
    pub band: Color,
    /// The one colour that says "here": the visible window, the mark of an estimate.
    pub accent: Color,
    traces: &'static [Color; 7],
}

const LIGHT_TRACES: [Color; 7] = [
    Color::rgb(0x0067A6),
    Color::rgb(0xC94F00),
    Color::rgb(0x00805E),
    Color::rgb(0xA8467F),
    Color::rgb(0x94690A),
    Color::rgb(0x2F86B5),
    Color::rgb(0x4A4E57),
];

const DARK_TRACES: [Color; 7] = [
    Color::rgb(0x5FB8EE),
    Color::rgb(0xFF8B3D),
    Color::rgb(0x2FC79A),
    Color::rgb(0xE391BF),
    Color::rgb(0xE8B631),
    Color::rgb(0x8FD3F4),
    Color::rgb(0xC3C8D2),
];

const LIGHT: Palette = Palette {
    ground: Color::rgb(0xFFFFFF),
    text: Color::rgb(0x23272E),
    quiet: Color::rgb(0x6B727D),
    line: Color::rgb(0xA3A9B2),
    faint: Color::rgb(0xE9EBEE),
    band: Color::rgb(0xF4F5F7),
    accent: Color::rgb(0x2B5FD9),
    traces: &LIGHT_TRACES,
};

const DARK: Palette = Palette {
    ground: Color::rgb(0x16181C),
    text: Color::rgb(0xE7E9ED),
    quiet: Color::rgb(0x969DA8),
    line: Color::rgb(0x5B626D),
    faint: Color::rgb(0x282C32),
    band: Color::rgb(0x1E2126),
    accent: Color::rgb(0x7AA2FF),
    traces: &DARK_TRACES,
};

impl Palette {
    /// The colours of `theme`.
    #[must_use]
    pub const fn of(theme: Theme) -> &'static Self {
        match theme {
            Theme::Light => &LIGHT,
            Theme::Dark => &DARK,
        }
    }

    /// The colour of the trace of channel `index`; repeats.
    #[must_use]
    pub fn trace(&self, index: usize) -> Color {
        self.traces[index % self.traces.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_read_has_contrast() {
        for theme in [Theme::Light, Theme::Dark] {
            let palette = Palette::of(theme);
            for trace in palette.traces {
                assert!(trace.contrast(palette.ground) >= 3.0, "{theme:?} {trace:?}");
            }
            assert!(palette.text.contrast(palette.ground) >= 7.0, "{theme:?}");
            assert!(palette.quiet.contrast(palette.ground) >= 4.5, "{theme:?}");
            assert!(palette.accent.contrast(palette.ground) >= 4.5, "{theme:?}");
        }
    }

    #[test]
    fn black_and_white_are_the_ends() {
        let (black, white) = (Color::rgb(0), Color::rgb(0xFF_FFFF));
        assert!((white.contrast(black) - 21.0).abs() < 0.01);
        assert_eq!(Color::rgb(0x0001_0203), Color { r: 1, g: 2, b: 3, a: 255 });
        assert_eq!(white.with_opacity(0.5).a, 128);
    }
}
