//! A picture of what the window shows, the lanes that are on the screen: the settings of the picture exporter that give it, so that the form, the command
//! line beside it and the clipboard all draw the same.

use std::fmt::Write as _;

use super::channels::heights::FILL;
use super::channels::{ColourBy, Display};
use super::command::Scope;
use super::displays::{HEADROOM, scale_of};
use super::state::{Document, TimeFormat};
use crate::export::{EXPORTERS, Exporter};
use crate::form::Settings;
use crate::scan::Selection;

/// The exporter of pictures.
#[must_use]
pub(super) fn exporter() -> Option<&'static Exporter> {
    EXPORTERS.iter().find(|e| e.name == "picture")
}

/// The settings that draw the visible channels as the window does; `size` as on the command line.
#[must_use]
pub(super) fn settings(document: &Document, format: TimeFormat, size: &str) -> Settings {
    let mut settings = Settings::defaults(exporter().map_or(&[], |e| e.parameters));
    let axis = match format {
        TimeFormat::Auto => "auto",
        TimeFormat::Seconds => "seconds",
        TimeFormat::Hours => "hours",
        TimeFormat::Clock => "clock",
        TimeFormat::Frames => "frames",
    };
    let annotations = document.notes.kept_in.as_ref().filter(|_| !document.notes.annotations.list().is_empty());
    let annotations = annotations.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    let lanes = &document.lanes;
    let zone = if format == TimeFormat::Clock { document.times.zone.key() } else { "utc" };
    let (ranges, colours, tracks) = (ranges(document), colours(document), tracks(document));
    let (logic, cursors) = (logic(document), cursors(document));
    for (name, value) in [
        ("size", size),
        ("display", lanes.display.name()),
        ("heat", if lanes.display == Display::HeatMap { lanes.heat.name() } else { "peak" }),
        ("time-axis", axis),
        ("zone", zone),
        ("ranges", &ranges),
        ("colours", &colours),
        ("logic", &logic),
        ("tracks", &tracks),
        ("cursors", &cursors),
        ("annotations", &annotations),
        ("plain", "true"),
    ] {
        // A table without one of them draws what it can.
        drop(settings.set(name, value));
    }
    settings
}

/// The values at the foot and at the top of the lane of each visible channel, or once where they are the same for all;
/// nothing while that is not settled.
fn ranges(document: &Document) -> String {
    if document.lanes.half_range.is_none() {
        return String::new();
    }
    let range = |c: usize| {
        let view = &document.channels[c];
        let scale = scale_of(document, c);
        let (foot, top, reach);
        if document.lanes.display == Display::HeatMap {
            reach = HEADROOM * FILL / scale.abs();
            (foot, top) = (view.centre - reach, view.centre + reach);
        } else {
            // What is moved up has lower values in the middle of its lane; what is upside down, the greater at the foot.
            reach = 0.5 / scale.abs();
            let middle = view.centre - f64::from(view.offset) / scale;
            (foot, top) = (middle - 0.5 / scale, middle + 0.5 / scale);
        }
        // Where the middle is far from 0, six figures might not tell the two apart.
        let close = |value: f64| (short(value) - value).abs() <= reach * 1e-4;
        if close(foot) && close(top) { format!("{}..{}", short(foot), short(top)) } else { format!("{foot}..{top}") }
    };
    let mut ranges: Vec<String> = channels(document).into_iter().map(range).collect();
    if ranges.windows(2).all(|pair| pair[0] == pair[1]) {
        ranges.truncate(1);
    }
    ranges.join(",")
}

/// `value` to six figures, which is more than a picture shows.
fn short(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    format!("{value:.5e}").parse().unwrap_or(value)
}

/// The colours that the user has given to visible channels, one by one or by a rule.
fn colours(document: &Document) -> String {
    let mut text = String::new();
    let by_rule = document.lanes.list.colour_by != ColourBy::Channel;
    let of_light = document.channel_colours(false);
    for c in channels(document) {
        if let Some(colour) = document.channels[c].colour.or_else(|| by_rule.then(|| of_light[c])) {
            let comma = if text.is_empty() { "" } else { "," };
            // Writing to a String does not fail.
            let _written = write!(text, "{comma}{c}=#{:02x}{:02x}{:02x}", colour.r(), colour.g(), colour.b());
        }
    }
    text
}

/// The channels that are drawn as logic levels, and from where on they are high.
fn logic(document: &Document) -> String {
    if document.lanes.display != Display::Stacked {
        return String::new();
    }
    let of = |c: usize| {
        let view = &document.channels[c];
        let side = if view.inverted { '<' } else { '>' };
        view.is_logic().then(|| format!("{c}{side}{}", view.threshold))
    };
    channels(document).into_iter().filter_map(of).collect::<Vec<_>>().join(",")
}

/// The event tracks that have rows. One whose name cannot stand in a list is left out.
fn tracks(document: &Document) -> String {
    let all = &document.recording().events;
    let shown = &document.lanes.events.tracks;
    let names = all.iter().map(|track| track.name.as_str()).filter(|name| shown.contains(*name));
    let plain = |name: &&str| !name.contains(',') && name.trim() == *name && *name != "all";
    if !all.is_empty() && all.iter().all(|track| shown.contains(&track.name)) {
        return "all".to_owned();
    }
    names.filter(plain).collect::<Vec<_>>().join(",")
}

/// Where the cursors are: to the tick, whatever the rate.
fn cursors(document: &Document) -> String {
    let time = document.time();
    let [a, b] = document.cursors.at;
    // A second cursor alone would be called A.
    let shown = a.into_iter().chain(b.filter(|_| a.is_some()));
    shown.map(|tick| time.secs_of_tick(tick).to_string()).collect::<Vec<_>>().join(",")
}

/// The channels that are on the screen, in the order of their lanes; all visible ones where they are over each other.
#[must_use]
pub(super) fn channels(document: &Document) -> Vec<usize> {
    if document.lanes.display == Display::Butterfly {
        return document.visible_channels();
    }
    let stack = document.stack();
    stack.channels().get(document.lanes_on_screen()).unwrap_or_default().to_vec()
}

/// What is pictured, unless the user chooses otherwise: what is seen.
pub(super) const SCOPE: Scope = Scope::Visible;

/// What `scope` means for a picture: the channels in the order of their lanes.
#[must_use]
pub(super) fn selection(document: &Document, scope: Scope) -> Selection {
    Selection { channels: channels(document), ..document.scope(scope) }
}

#[cfg(test)]
mod tests {
    use eframe::egui::Color32;

    use super::super::command::ChannelCommand;
    use super::super::testing::document;
    use super::*;

    #[test]
    fn the_settings_say_what_the_window_shows() {
        let mut document = document(4);
        assert_eq!(settings(&document, TimeFormat::Seconds, "180x100mm").text("ranges"), "");
        document.lanes.half_range = Some(vec![9.0; 4]);
        document.apply_channels(ChannelCommand::Show(2, false));
        let shown = settings(&document, TimeFormat::Clock, "180x100mm");
        assert_eq!((shown.text("ranges"), shown.text("time-axis"), shown.flag("plain")), ("-10..10", "clock", true));
        document.apply_channels(ChannelCommand::Gain(1, 2.0));
        document.channels[3].centre = 1.0 / 3.0;
        document.apply_channels(ChannelCommand::Colour(3, Color32::from_rgb(255, 0, 16)));
        let shown = settings(&document, TimeFormat::Frames, "180x100mm");
        assert_eq!(shown.text("ranges"), "-10..10,-5..5,-9.66667..10.3333");
        assert_eq!(shown.text("colours"), "3=#ff0010");
        (exporter().unwrap().check)(&shown).unwrap();
        document.channels[1].inverted = true;
        document.channels[0].offset = 0.5;
        let shown = settings(&document, TimeFormat::Frames, "180x100mm");
        assert_eq!(shown.text("ranges"), "-20..0,5..-5,-9.66667..10.3333");
        (exporter().unwrap().check)(&shown).unwrap();
        document.channels[3].centre = 12_345_678.5;
        let shown = settings(&document, TimeFormat::Frames, "180x100mm");
        assert!(shown.text("ranges").ends_with("12345668.5..12345688.5"), "{}", shown.text("ranges"));
        (document.channels[1].inverted, document.channels[0].offset) = (false, 0.0);
        document.channels[0].gain = 2.0;
        document.channels[3] = document.channels[0].clone();
        document.channels[1].gain = 1.0;
        assert_eq!(settings(&document, TimeFormat::Frames, "").text("ranges"), "-5..5,-10..10,-5..5");
    }
}
