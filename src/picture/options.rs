//! What a picture is to look like.

use std::ops::Range;

use super::display::{Display, HeatValue};
use super::palette::{Color, Theme};
use super::zone::Zone;
use super::{MAX_SIDE, MIN_SIZE, layout};
use crate::error::{Error, Result};
use crate::recording::Stream;
use crate::scan::Selection;

/// Which time axis is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TimeAxis {
    /// What suits the range and the recording.
    #[default]
    Automatic,
    Seconds,
    /// Hours, minutes and seconds from the first frame.
    Hours,
    /// Wall clock, in [`Look::zone`], where the recording has one; otherwise as [`Self::Automatic`].
    Clock,
    Frames,
}

/// How a picture looks.
#[derive(Clone, PartialEq, Debug)]
pub struct Options {
    /// Pixels.
    pub width: u32,
    pub height: u32,
    /// Pixels an inch, where the picture is made for paper: text and lines then have their size in print.
    pub dpi: Option<f64>,
    pub theme: Theme,
    pub time_axis: TimeAxis,
    pub look: Look,
}

/// What differs from the picture that the recording alone would give.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Look {
    /// How channels are drawn next to each other.
    pub display: Display,
    /// What the colours of a heat map show.
    pub heat: HeatValue,
    /// Physical values at the foot and at the top of a lane (of the plot, for a butterfly; of the lowest and the highest
    /// colour of peaks, for a heat map, the middle between them): of all channels, or of each in its order; none: what fits.
    pub ranges: Vec<Range<f64>>,
    /// Channels that are drawn as logic levels, by index in the stream.
    pub logic: Vec<(usize, Threshold)>,
    /// Rows of events beneath the lanes.
    pub rows: Vec<EventRow>,
    /// Cursors, seconds from the first frame, in the order of their letters.
    pub cursors: Vec<f64>,
    /// Of clock times.
    pub zone: Zone,
    /// Colours of some channels, by index in the stream.
    pub colours: Vec<(usize, Color)>,
    /// What is marked.
    pub marks: Vec<Mark>,
    /// Only traces and scales: no title, overview or footer.
    pub plain: bool,
    /// Bars for time and amplitude, in the place of axes.
    pub scale_bars: bool,
}

/// From where on a logic channel is high.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Threshold {
    /// Physical value.
    pub at: f64,
    /// High above it; otherwise at and below it.
    pub above: bool,
}

/// A row of events.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct EventRow {
    pub name: String,
    /// The frames of the stream at which they begin, in order.
    pub frames: Vec<u64>,
    /// What a digital line is from there on; empty for what is no digital line.
    pub levels: Vec<u8>,
}

/// A marked instant or stretch of time.
#[derive(Clone, PartialEq, Debug)]
pub struct Mark {
    pub secs: Range<f64>,
    pub label: String,
    pub colour: Color,
}

/// Pixels an inch of a screen, for which sizes of text are given.
const SCREEN_DPI: f64 = 96.0;
/// Resolutions that make sense.
const DPI: std::ops::RangeInclusive<f64> = 30.0..=2400.0;
const MM_PER_INCH: f64 = 25.4;

impl Default for Options {
    fn default() -> Self {
        Self {
            width: 1920,
            height: 1080,
            dpi: None,
            theme: Theme::Light,
            time_axis: TimeAxis::Automatic,
            look: Look::default(),
        }
    }
}

impl Options {
    /// Whether such a picture can be made.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] with the sizes that can.
    pub fn validate(&self) -> Result<()> {
        let (w, h) = (self.width, self.height);
        if w < MIN_SIZE.0 || h < MIN_SIZE.1 || w > MAX_SIDE || h > MAX_SIDE {
            return Err(Error::invalid(format!("a picture of {w}x{h} pixels cannot be made"))
                .with_remedy(format!("use a size from {}x{} to {MAX_SIDE}x{MAX_SIDE}", MIN_SIZE.0, MIN_SIZE.1)));
        }
        if self.dpi.is_some_and(|dpi| !DPI.contains(&dpi)) {
            return Err(Error::invalid("such a resolution makes no sense").with_remedy("use 30 to 2400 dpi"));
        }
        Ok(())
    }

    /// How much larger than on a screen of 1920 × 1080 all is drawn.
    pub(super) fn scale(&self) -> f32 {
        self.dpi.map_or_else(|| layout::scale_for(self.width, self.height), |dpi| (dpi / SCREEN_DPI) as f32)
    }
}

impl Look {
    /// The height of a lane in physical units, if it is the same for all `selection`, which is of one unit.
    pub(super) fn common_range(&self, stream: &Stream, selection: &Selection) -> Option<f64> {
        if self.display == Display::HeatMap {
            return None;
        }
        let height = |range: &Range<f64>| (range.end - range.start).abs();
        let first = height(self.ranges.first()?);
        let same = self.ranges.iter().all(|range| (height(range) - first).abs() <= first * 1e-9);
        let mut units = selection.channels.iter().map(|&c| stream.channels[c].unit.as_str());
        let unit = units.next()?;
        (same && units.all(|other| other == unit)).then_some(first)
    }
}

/// Reads a size: `1920x1080`.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] if it is none.
pub fn parse_size(text: &str) -> Result<(u32, u32)> {
    let parsed =
        text.split_once(['x', 'X', '×']).and_then(|(w, h)| Some((w.trim().parse().ok()?, h.trim().parse().ok()?)));
    parsed.ok_or_else(|| {
        Error::invalid(format!("'{text}' is not a size")).with_remedy("write width x height in pixels: 1920x1080")
    })
}

/// Reads a size in pixels (`1920x1080`) or on paper (`180x100mm`, at `dpi` or else 300 pixels an inch). The pixels, and the
/// resolution where the size is one on paper or a resolution is given.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] if it is none.
pub fn parse_paper(text: &str, dpi: Option<f64>) -> Result<(u32, u32, Option<f64>)> {
    let Some(paper) = text.trim().strip_suffix("mm") else {
        let (width, height) = parse_size(text).map_err(|e| e.with_remedy("write it as 1920x1080 or 180x100mm"))?;
        return Ok((width, height, dpi));
    };
    let sides = paper.split_once(['x', 'X', '×']).and_then(|(w, h)| {
        let side = |text: &str| text.trim().parse::<f64>().ok().filter(|mm| mm.is_finite() && *mm > 0.0);
        Some((side(w)?, side(h)?))
    });
    let (width, height) = sides.ok_or_else(|| {
        Error::invalid(format!("'{text}' is not a size")).with_remedy("write width x height on paper: 180x100mm")
    })?;
    let dpi = dpi.unwrap_or(300.0);
    // What is too large saturates, and is refused with the largest that is not.
    let pixels = |mm: f64| (mm / MM_PER_INCH * dpi).round() as u32;
    Ok((pixels(width), pixels(height), Some(dpi)))
}

/// Reads ranges of values: `-200..200` for all channels, or one for each, separated by commas; empty: none. Where the
/// first is the greater, the trace is upside down.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] saying which is none.
pub fn parse_ranges(text: &str) -> Result<Vec<Range<f64>>> {
    let range = |part: &str| {
        let (low, high) = part.split_once("..")?;
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|v| v.is_finite());
        let (low, high) = (number(low)?, number(high)?);
        (low != high && (high - low).is_finite()).then_some(low..high)
    };
    list_of(
        text,
        range,
        "is not a range of values",
        "write the values at the foot and at the top of a lane, LOW..HIGH: -200..200",
    )
}

/// Reads each part between commas by `one`; the error says that a part `is_not` what it should be, and how to write it.
fn list_of<T>(text: &str, one: impl Fn(&str) -> Option<T>, is_not: &str, remedy: &str) -> Result<Vec<T>> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let read = |part: &str| one(part).ok_or_else(|| Error::invalid(format!("'{part}' {is_not}")).with_remedy(remedy));
    parts.map(read).collect()
}

/// Reads colours of channels: `3=#ff8800,7=#0072b2`, by index; empty: none.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] saying which is none.
pub fn parse_colours(text: &str) -> Result<Vec<(usize, Color)>> {
    let one = |part: &str| {
        let (channel, colour) = part.split_once('=')?;
        let hex = colour.trim().strip_prefix('#')?;
        let sound = hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit());
        let colour = u32::from_str_radix(hex, 16).ok().filter(|_| sound)?;
        Some((channel.trim().parse().ok()?, Color::rgb(colour)))
    };
    list_of(text, one, "is not the colour of a channel", "write index and colour: 3=#ff8800")
}

/// Reads which channels are logic, and from where on they are high: `3>0.5,7<2.5`, by index; empty: none.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] saying which is none.
pub fn parse_logic(text: &str) -> Result<Vec<(usize, Threshold)>> {
    let one = |part: &str| {
        let at = part.find(['<', '>'])?;
        let (channel, level) = (part[..at].trim().parse().ok()?, part[at + 1..].trim().parse::<f64>().ok()?);
        level.is_finite().then_some((channel, Threshold { at: level, above: part[at..].starts_with('>') }))
    };
    list_of(
        text,
        one,
        "does not tell when a channel is high",
        "write index and level: 3>0.5, or 3<0.5 where it is high below",
    )
}

/// Reads the places of cursors: two at most, as times with commas between; empty: none. Seconds from the first frame.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] saying which is none.
pub fn parse_cursors(text: &str) -> Result<Vec<f64>> {
    let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    if parts.len() > 2 {
        return Err(Error::invalid(format!("there are two cursors, not {}", parts.len())));
    }
    let one = |part: &&str| {
        let secs = part.strip_suffix('s').unwrap_or(part).trim().parse::<f64>().ok();
        secs.filter(|secs| secs.is_finite() && *secs >= 0.0).ok_or_else(|| {
            Error::invalid(format!("'{part}' is not a place of a cursor"))
                .with_remedy("write seconds from the first frame, of A and of B: 1.25,1.5")
        })
    };
    parts.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_on_paper_become_pixels() {
        assert_eq!(parse_paper("1920x1080", None).unwrap(), (1920, 1080, None));
        assert_eq!(parse_paper("600x400", Some(150.0)).unwrap(), (600, 400, Some(150.0)));
        assert_eq!(parse_paper("180x100mm", None).unwrap(), (2126, 1181, Some(300.0)));
        assert_eq!(parse_paper(" 25.4 x 50.8 mm", Some(100.0)).unwrap(), (100, 200, Some(100.0)));
        for text in ["", "mm", "3mm", "0x5mm", "axbmm", "nanx3mm", "10x20cm"] {
            assert!(parse_paper(text, None).is_err(), "{text}");
        }
        let (width, height, dpi) = parse_paper("1e30x1mm", None).unwrap();
        assert!(Options { width, height, dpi, ..Options::default() }.validate().is_err());
    }

    #[test]
    fn ranges_and_colours_are_read() {
        assert_eq!(parse_ranges("-200..200").unwrap(), [-200.0..200.0]);
        assert_eq!(parse_ranges(" 1e-3..2, -5..-4 ,").unwrap(), [1e-3..2.0, -5.0..-4.0]);
        assert_eq!(parse_ranges("2..1").unwrap().first(), Some(&Range { start: 2.0, end: 1.0 }), "upside down");
        for text in ["5", "1..1", "..3", "nan..1", "-inf..0", "-1e308..1e308"] {
            assert!(parse_ranges(text).is_err(), "{text}");
        }
        assert_eq!(parse_colours("3=#ff8800").unwrap(), [(3, Color::rgb(0xff_8800))]);
        assert_eq!(
            parse_logic("3>0.5, 7 < -2").unwrap(),
            [(3, Threshold { at: 0.5, above: true }), (7, Threshold { at: -2.0, above: false })]
        );
        assert!(["3", ">1", "3>", "3>nan", "x>1"].iter().all(|text| parse_logic(text).is_err()));
        assert_eq!(parse_cursors("1.5s, 2").unwrap(), [1.5, 2.0]);
        assert!(["1,2,3", "-1", "inf", "x"].iter().all(|text| parse_cursors(text).is_err()));
        for text in ["3", "=#ff8800", "3=ff8800", "3=#ff880", "x=#ff8800", "3=#+f8800"] {
            assert!(parse_colours(text).is_err(), "{text}");
        }
    }
}
