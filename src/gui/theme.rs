//! How the window looks: two greys and one accent, so that the data is the loudest thing on the screen.
//!
//! Spacing lies on a grid of four logical pixels. Text is at least 11 px and has a contrast of 4.5 : 1 or more on the
//! panel (WCAG 2.2, 1.4.3). Trace colours follow Okabe and Ito (2008), darkened for light backgrounds and lightened
//! for dark ones; no meaning is carried by colour alone.

use std::sync::Arc;

use eframe::egui::{
    Color32, Context, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin, Shadow, Stroke, Style,
    TextStyle, Theme, Ui, Visuals, style::ScrollAnimation, vec2,
};

use super::settings::Settings;

/// What fades or slides takes this long, where motion is not reduced.
const ANIMATION_SECS: f32 = 1.0 / 12.0;

/// One step of the spacing grid, logical pixels.
pub const GRID: f32 = 4.0;

/// Colours that are not part of egui's own visuals.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Colours {
    pub accent: Color32,
    /// Text beside the data.
    pub ink: Color32,
    /// Text that explains.
    pub muted: Color32,
    /// Hatching over missing frames.
    pub gap: Color32,
    /// Shade over selected time.
    pub selection: Color32,
    /// Lines between lanes and groups.
    pub separator: Color32,
    pub warning: Color32,
    pub error: Color32,
    /// What the program itself holds, in the memory gauge.
    pub heap: Color32,
    /// Resident pages of mapped files, in the memory gauge.
    pub mapped: Color32,
    /// What lies behind the data.
    pub canvas: Color32,
}

impl Colours {
    /// Those of the theme of `ui`.
    #[must_use]
    pub fn of(ui: &Ui) -> Self {
        let theme = if ui.visuals().dark_mode { Theme::Dark } else { Theme::Light };
        if is_high_contrast(ui.visuals()) { Self::of_high_contrast(theme) } else { Self::of_theme(theme) }
    }

    /// Those of `theme` at high contrast: text and lines at 7 : 1 or more.
    #[must_use]
    pub const fn of_high_contrast(theme: Theme) -> Self {
        match theme {
            Theme::Dark => Self {
                accent: Color32::from_rgb(0x7f, 0xcc, 0xff),
                ink: Color32::WHITE,
                muted: Color32::from_rgb(0xd8, 0xdb, 0xdf),
                gap: Color32::from_rgb(0xb4, 0xb8, 0xbd),
                selection: Color32::from_rgba_premultiplied(0x20, 0x48, 0x60, 0x70),
                separator: Color32::from_rgb(0x90, 0x94, 0x99),
                warning: Color32::from_rgb(0xff, 0xd0, 0x60),
                error: Color32::from_rgb(0xff, 0xa8, 0x9e),
                heap: Color32::from_rgb(0x7f, 0xcc, 0xff),
                mapped: Color32::from_rgb(0x4f, 0x8c, 0xb5),
                canvas: Color32::BLACK,
            },
            Theme::Light => Self {
                accent: Color32::from_rgb(0x00, 0x3e, 0x74),
                ink: Color32::BLACK,
                muted: Color32::from_rgb(0x2e, 0x32, 0x37),
                gap: Color32::from_rgb(0x50, 0x55, 0x5a),
                selection: Color32::from_rgba_premultiplied(0x05, 0x30, 0x50, 0x58),
                separator: Color32::from_rgb(0x60, 0x65, 0x6a),
                warning: Color32::from_rgb(0x5c, 0x3a, 0x00),
                error: Color32::from_rgb(0x86, 0x0f, 0x0a),
                heap: Color32::from_rgb(0x00, 0x3e, 0x74),
                mapped: Color32::from_rgb(0x5a, 0x8f, 0xb8),
                canvas: Color32::WHITE,
            },
        }
    }

    /// Those of `theme`.
    #[must_use]
    pub const fn of_theme(theme: Theme) -> Self {
        match theme {
            Theme::Dark => Self {
                accent: Color32::from_rgb(0x5a, 0xad, 0xe6),
                ink: Color32::from_rgb(0xe2, 0xe5, 0xe9),
                muted: Color32::from_rgb(0xa2, 0xa7, 0xad),
                gap: Color32::from_rgb(0x6a, 0x6f, 0x76),
                selection: Color32::from_rgba_premultiplied(0x18, 0x30, 0x40, 0x58),
                separator: Color32::from_rgb(0x33, 0x37, 0x3c),
                warning: Color32::from_rgb(0xf0, 0xb0, 0x4a),
                error: Color32::from_rgb(0xff, 0x85, 0x78),
                heap: Color32::from_rgb(0x5a, 0xad, 0xe6),
                mapped: Color32::from_rgb(0x35, 0x5e, 0x7a),
                canvas: Color32::from_rgb(0x12, 0x14, 0x16),
            },
            Theme::Light => Self {
                accent: Color32::from_rgb(0x0b, 0x63, 0xa5),
                ink: Color32::from_rgb(0x1d, 0x20, 0x24),
                muted: Color32::from_rgb(0x5a, 0x60, 0x67),
                gap: Color32::from_rgb(0xa8, 0xad, 0xb3),
                selection: Color32::from_rgba_premultiplied(0x06, 0x28, 0x40, 0x40),
                separator: Color32::from_rgb(0xd6, 0xd9, 0xdd),
                warning: Color32::from_rgb(0x8a, 0x58, 0x00),
                error: Color32::from_rgb(0xb3, 0x26, 0x1e),
                heap: Color32::from_rgb(0x0b, 0x63, 0xa5),
                mapped: Color32::from_rgb(0x8f, 0xbc, 0xdc),
                canvas: Color32::WHITE,
            },
        }
    }
}

/// Number of different trace colours.
pub const PALETTE_LEN: usize = 8;

/// What the palette's colours are called, for those who cannot tell them apart.
pub const PALETTE_NAMES: [&str; PALETTE_LEN] =
    ["Blue", "Orange", "Green", "Purple", "Sky", "Vermilion", "Yellow", "Grey"];

/// The colour of the `i`-th trace: the palette repeats.
#[must_use]
pub const fn palette(i: usize, dark: bool) -> Color32 {
    const DARK: [Color32; PALETTE_LEN] = [
        Color32::from_rgb(0x6c, 0xa8, 0xff),
        Color32::from_rgb(0xf2, 0xa8, 0x1d),
        Color32::from_rgb(0x2e, 0xc4, 0x96),
        Color32::from_rgb(0xe0, 0x91, 0xc0),
        Color32::from_rgb(0x7c, 0xd3, 0xf7),
        Color32::from_rgb(0xf5, 0x7a, 0x3c),
        Color32::from_rgb(0xf0, 0xe4, 0x62),
        Color32::from_rgb(0xc2, 0xc6, 0xca),
    ];
    const LIGHT: [Color32; PALETTE_LEN] = [
        Color32::from_rgb(0x00, 0x5f, 0xa8),
        Color32::from_rgb(0xb3, 0x6b, 0x00),
        Color32::from_rgb(0x00, 0x7d, 0x5a),
        Color32::from_rgb(0x9d, 0x3c, 0x79),
        Color32::from_rgb(0x1c, 0x86, 0xc4),
        Color32::from_rgb(0xc2, 0x4a, 0x00),
        Color32::from_rgb(0x84, 0x77, 0x00),
        Color32::from_rgb(0x55, 0x5a, 0x60),
    ];
    if dark { DARK[i % PALETTE_LEN] } else { LIGHT[i % PALETTE_LEN] }
}

/// Gives both themes of `ctx` the program's looks.
pub fn apply(ctx: &Context) {
    ctx.set_fonts(fonts());
    for theme in [Theme::Dark, Theme::Light] {
        ctx.style_mut_of(theme, |style| restyle(style, theme, false));
    }
}

/// Makes the window look as the user has chosen: theme, contrast, motion, and everything `zoom` times as large.
pub(super) fn show(ctx: &Context, settings: &Settings, zoom: f32) {
    ctx.set_theme(eframe::egui::ThemePreference::from(settings.theme));
    ctx.set_zoom_factor(zoom);
    // Ctrl and plus zoom into the recording; the interface has keys of its own in the vocabulary.
    ctx.options_mut(|options| options.zoom_with_keyboard = false);
    for theme in [Theme::Dark, Theme::Light] {
        ctx.style_mut_of(theme, |style| {
            restyle(style, theme, settings.high_contrast);
            style.animation_time = if settings.reduced_motion() { 0.0 } else { ANIMATION_SECS };
            style.scroll_animation =
                if settings.reduced_motion() { ScrollAnimation::none() } else { ScrollAnimation::default() };
        });
    }
}

/// Inter at weight 460 with figures of equal width, so that numbers do not jump as they change; how it was made is told in
/// `assets/fonts`. The built-in fonts follow for what it lacks, the icons last, so that no letter comes from them.
fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    let text = FontData::from_static(include_bytes!("../../assets/fonts/LongwaveSans.ttf"));
    fonts.font_data.insert("text".to_owned(), Arc::new(text));
    fonts.font_data.insert("icons".to_owned(), Arc::new(egui_material_icons::font_insert().data));
    if let Some(family) = fonts.families.get_mut(&FontFamily::Proportional) {
        family.insert(0, "text".to_owned());
        family.push("Hack".to_owned());
        family.push("icons".to_owned());
    }
    fonts
}

fn restyle(style: &mut Style, theme: Theme, high: bool) {
    use FontFamily::{Monospace, Proportional};
    style.text_styles = [
        (TextStyle::Small, FontId::new(11.0, Proportional)),
        (TextStyle::Body, FontId::new(13.0, Proportional)),
        (TextStyle::Button, FontId::new(13.0, Proportional)),
        (TextStyle::Monospace, FontId::new(12.0, Monospace)),
        (TextStyle::Heading, FontId::new(17.0, Proportional)),
    ]
    .into();
    let spacing = &mut style.spacing;
    spacing.item_spacing = vec2(2.0 * GRID, GRID);
    spacing.button_padding = vec2(2.0 * GRID, GRID);
    spacing.interact_size = vec2(40.0, 24.0);
    spacing.window_margin = Margin::same(16);
    spacing.menu_margin = Margin::same(8);
    spacing.indent = 4.0 * GRID;
    spacing.icon_width = 16.0;
    spacing.icon_width_inner = 8.0;
    spacing.icon_spacing = 2.0 * GRID;
    spacing.combo_width = 96.0;
    spacing.text_edit_width = 200.0;
    spacing.tooltip_width = 400.0;
    style.visuals = visuals(theme, high);
}

/// Whether these are the visuals of a high-contrast theme: nothing else has panels that are plain black or white.
#[must_use]
pub fn is_high_contrast(visuals: &Visuals) -> bool {
    matches!(visuals.panel_fill, Color32::BLACK | Color32::WHITE)
}

/// How many times as thick as usual the lines of traces are: more at high contrast.
#[must_use]
pub fn trace_width(visuals: &Visuals) -> f32 {
    if is_high_contrast(visuals) { 1.8 } else { 1.0 }
}

/// The visuals of a theme, with black and white and framed controls if `high`.
fn visuals(theme: Theme, high: bool) -> Visuals {
    let colours = if high { Colours::of_high_contrast(theme) } else { Colours::of_theme(theme) };
    let mut visuals = usual_visuals(theme, colours);
    if high {
        let (ground, ink) =
            if theme == Theme::Dark { (Color32::BLACK, Color32::WHITE) } else { (Color32::WHITE, Color32::BLACK) };
        visuals.panel_fill = ground;
        visuals.window_fill = ground;
        visuals.faint_bg_color = ground;
        visuals.text_edit_bg_color = Some(ground);
        visuals.window_stroke = Stroke::new(2.0, ink);
        // The stroke is both the text on what is selected and the frame of the field that is typed in.
        let selected =
            if theme == Theme::Dark { Color32::from_rgb(0, 72, 160) } else { Color32::from_rgb(176, 212, 255) };
        visuals.selection.bg_fill = selected;
        visuals.selection.stroke = Stroke::new(2.5, ink);
        let w = &mut visuals.widgets;
        for state in [&mut w.noninteractive, &mut w.inactive, &mut w.hovered, &mut w.active, &mut w.open] {
            state.fg_stroke = Stroke::new(1.5, ink);
            state.weak_bg_fill = ground;
        }
        w.inactive.bg_fill = ground;
        w.inactive.bg_stroke = Stroke::new(1.0, ink);
        w.hovered.bg_fill = ground;
        w.hovered.bg_stroke = Stroke::new(2.5, colours.accent);
        w.active.bg_stroke = Stroke::new(3.0, colours.accent);
        w.open.bg_stroke = Stroke::new(2.0, ink);
    }
    visuals
}

fn usual_visuals(theme: Theme, colours: Colours) -> Visuals {
    let dark = theme == Theme::Dark;
    let grey = |dark_level: u8, light_level: u8| Color32::from_gray(if dark { dark_level } else { light_level });
    let mut v = if dark { Visuals::dark() } else { Visuals::light() };
    let text = if dark { Color32::from_rgb(0xe2, 0xe5, 0xe8) } else { Color32::from_rgb(0x1e, 0x21, 0x25) };
    v.panel_fill = if dark { Color32::from_rgb(0x1d, 0x1f, 0x22) } else { Color32::from_rgb(0xf4, 0xf5, 0xf6) };
    v.window_fill = if dark { Color32::from_rgb(0x24, 0x27, 0x2b) } else { Color32::from_rgb(0xfc, 0xfc, 0xfd) };
    v.window_stroke = Stroke::new(1.0, colours.separator);
    v.extreme_bg_color = colours.canvas;
    v.faint_bg_color = if dark { Color32::from_rgb(0x25, 0x28, 0x2c) } else { Color32::from_rgb(0xea, 0xec, 0xee) };
    // On a white dialog a white field could not be seen.
    v.text_edit_bg_color = Some(if dark { colours.canvas } else { Color32::from_rgb(0xe6, 0xe9, 0xec) });
    v.weak_text_color = Some(colours.muted);
    v.hyperlink_color = colours.accent;
    v.warn_fg_color = colours.warning;
    v.error_fg_color = colours.error;
    v.selection.bg_fill = if dark { Color32::from_rgb(0x20, 0x4d, 0x6e) } else { Color32::from_rgb(0xb9, 0xd8, 0xee) };
    v.selection.stroke = Stroke::new(1.0, text);
    v.window_corner_radius = CornerRadius::same(8);
    v.menu_corner_radius = CornerRadius::same(4);
    let shadow =
        Shadow { offset: [0, 4], blur: 16, spread: 0, color: Color32::from_black_alpha(if dark { 96 } else { 40 }) };
    v.window_shadow = shadow;
    v.popup_shadow = shadow;
    let w = &mut v.widgets;
    for state in [&mut w.noninteractive, &mut w.inactive, &mut w.hovered, &mut w.active, &mut w.open] {
        state.corner_radius = CornerRadius::same(4);
        state.fg_stroke = Stroke::new(1.0, text);
        state.expansion = 0.0;
    }
    w.noninteractive.bg_stroke = Stroke::new(1.0, colours.separator);
    w.inactive.weak_bg_fill = grey(0x36, 0xe0);
    w.inactive.bg_fill = grey(0x4a, 0xc8);
    w.inactive.bg_stroke = Stroke::NONE;
    w.hovered.weak_bg_fill = grey(0x42, 0xd4);
    w.hovered.bg_fill = grey(0x58, 0xbc);
    w.hovered.bg_stroke = Stroke::new(1.0, colours.muted);
    w.active.weak_bg_fill = grey(0x4c, 0xc8);
    w.active.bg_fill = colours.accent;
    w.active.bg_stroke = Stroke::new(1.0, colours.accent);
    // What egui calls strong text takes its colour from here.
    w.active.fg_stroke = Stroke::new(1.0, if dark { Color32::WHITE } else { Color32::BLACK });
    w.open.weak_bg_fill = grey(0x3c, 0xda);
    w.open.bg_stroke = Stroke::new(1.0, colours.separator);
    v
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance and contrast as WCAG 2.2 defines them.
    fn contrast(a: Color32, b: Color32) -> f64 {
        let luminance = |c: Color32| {
            let linear = |v: u8| {
                let v = f64::from(v) / 255.0;
                if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * linear(c.r()) + 0.7152 * linear(c.g()) + 0.0722 * linear(c.b())
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_and_traces_stand_out_in_both_themes() {
        for theme in [Theme::Dark, Theme::Light] {
            let (colours, v) = (Colours::of_theme(theme), visuals(theme, false));
            for text in [v.text_color(), colours.muted, colours.warning, colours.error, colours.accent] {
                for behind in [v.panel_fill, v.window_fill, v.faint_bg_color, colours.canvas] {
                    assert!(contrast(text, behind) >= 4.5, "{theme:?} {text:?} on {behind:?}");
                }
            }
            assert!(contrast(v.text_color(), v.widgets.inactive.weak_bg_fill) >= 7.0);
            for i in 0..PALETTE_LEN {
                let trace = palette(i, theme == Theme::Dark);
                assert!(contrast(trace, colours.canvas) >= 3.0, "{theme:?} colour {i}");
            }
        }
    }

    #[test]
    fn high_contrast_is_seven_to_one() {
        for theme in [Theme::Dark, Theme::Light] {
            let (colours, v) = (Colours::of_high_contrast(theme), visuals(theme, true));
            assert!(is_high_contrast(&v) && !is_high_contrast(&visuals(theme, false)));
            let texts = [v.text_color(), v.strong_text_color(), colours.ink, colours.muted, colours.warning];
            for text in texts.into_iter().chain([colours.error, colours.accent]) {
                for behind in [v.panel_fill, v.window_fill, v.faint_bg_color, colours.canvas] {
                    assert!(contrast(text, behind) >= 7.0, "{theme:?} {text:?} on {behind:?}");
                }
            }
            assert!(contrast(v.selection.stroke.color, v.selection.bg_fill) >= 7.0);
            assert!(contrast(v.widgets.inactive.text_color(), v.widgets.inactive.weak_bg_fill) >= 7.0);
        }
    }

    #[test]
    fn the_palette_repeats() {
        assert_eq!(palette(3, true), palette(3 + PALETTE_LEN, true));
        assert_ne!(palette(3, true), palette(3, false));
    }
}
