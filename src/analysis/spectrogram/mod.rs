//! How the power spectrum of each channel changes with time.
//!
//! Every column is the density of one window, equal to `scipy.signal.spectrogram` (its defaults but for the window's
//! name: one-sided, density, each window freed of its mean) over the same range, or the mean over all windows whose middle
//! lies in it. A window that crosses a gap or holds a NaN is missing, never a number. [`stft`] makes the windows,
//! [`fold`] the columns, [`write`] the files, [`pyramid`] what the window zooms in.
//!
//! Memory does not grow with the recording: `.npy` files are written column by column, pictures hold a column for each
//! pixel.

mod fold;
mod pyramid;
mod stft;
mod store;
mod tile;
mod view;
mod write;

use super::{Analysis, Axis, Heatmap, Layer, Places, PublishClock, Report, Request, View};
use crate::error::{Error, Result};
use crate::form::{Kind, Parameter, Settings};
use crate::picture::colour_map::{ColourMap, Limits};
use crate::recording::Stream;
use crate::scan::Selection;
use fold::{Columns, Tally, fold};
use stft::{Rows, Stft};

pub use pyramid::{DIRECT_WINDOWS, Pyramid, State, Tiles, View as GramView};
pub use stft::{Cut, Rows as FrequencyRows};
pub(super) use write::write;

/// Columns and rows of the image that is shown, and cells of all channels, at most.
const SHOWN_COLUMNS: u64 = 1024;
const SHOWN_ROWS: usize = 512;
const SHOWN_CELLS: u64 = 6 << 20;

pub(crate) const ANALYSIS: Analysis = Analysis {
    name: "spectrogram",
    title: "Spectrogram",
    about: "How the power spectrum changes with time (as scipy.signal.spectrogram), as numbers or as a picture",
    example: "longwave spectrogram demo.rec --channels 0-3 -o spectrogram.png",
    parameters: &[
        Parameter {
            name: "window",
            title: "Window",
            help: "Frames in a window: the frequencies are rate / window apart",
            kind: Kind::Integer { min: 2, max: 1 << 22 },
            default: "8192",
        },
        Parameter {
            name: "overlap",
            title: "Overlap",
            help: "Frames that a window shares with the next; less than the window [default: half of it]",
            kind: Kind::Integer { min: 0, max: (1 << 22) - 1 },
            default: "",
        },
        Parameter {
            name: "taper",
            title: "Taper",
            help: "Weights of the frames in a window",
            kind: Kind::Choice(super::taper::Taper::NAMES),
            default: "hann",
        },
        Parameter {
            name: "columns",
            title: "Columns",
            help: "Average the windows into so many columns [default: in .npy every window is one, in a picture every pixel]",
            kind: Kind::Integer { min: 1, max: 1 << 20 },
            default: "",
        },
        Parameter {
            name: "db",
            title: "Decibel",
            help: "Write 10 * log10 of the power into .npy; a picture is always in decibels",
            kind: Kind::Flag,
            default: "false",
        },
        Parameter {
            name: "frequency",
            title: "Frequency axis",
            help: "Of the picture: equal distances are equal differences, or equal ratios",
            kind: Kind::Choice(&["linear", "log"]),
            default: "linear",
        },
        Parameter {
            name: "colour-map",
            title: "Colours",
            help: "Of the picture; all keep their order for colour-blind eyes and in grey",
            kind: Kind::Choice(ColourMap::NAMES),
            default: "viridis",
        },
        Parameter {
            name: "limits",
            title: "Limits",
            help: "Lowest and highest colour of the picture: decibels (-20..40), percentiles (2%..99.5%), or percentile",
            kind: Kind::Text,
            default: "percentile",
        },
        Parameter {
            name: "size",
            title: "Size",
            help: "Of the picture, width x height in pixels",
            kind: Kind::Text,
            default: "1600x900",
        },
        Parameter {
            name: "theme",
            title: "Theme",
            help: "The ground of the picture: light for paper, dark for the screen",
            kind: Kind::Choice(&["light", "dark"]),
            default: "light",
        },
    ],
    file_types: &["npy", "png"],
    check: check_settings,
    run,
};

/// The image that the window shows: at most 1024 columns and 512 rows a channel, fewer of many channels.
fn run(request: &Request<'_>) -> Result<Report> {
    let job = Job::of(request)?;
    let bins = job.cut.bins();
    let channels = job.selection.channels.len();
    let each = SHOWN_CELLS / (channels as u64).max(1);
    let stft = job.stft(Rows::linear(bins, (each / 256).clamp(64, SHOWN_ROWS as u64) as usize))?;
    let rows = stft.rows().len();
    let most = (each / rows as u64).clamp(64, SHOWN_COLUMNS);
    let columns = Columns::new(&stft, &job.stream.time, Some(job.columns.map_or(most, |n| n.min(most))));
    // The values, those of the report, and those that were published last.
    let cells = channels * rows * columns.len();
    let _memory = request.task.budget().reserve(cells as u64 * 12)?;
    request.task.set_total(stft.bytes_of(&(0..stft.windows())));
    let mut values = vec![f32::NAN; cells];
    let mut clock = PublishClock::default();
    let tally = fold(&stft, &columns, channels, &mut |column, means, tally| {
        for (i, mean) in means.iter().enumerate() {
            values[i * columns.len() + column] = *mean as f32;
        }
        if clock.is_due() {
            let view = View::Image(job.heatmap(&stft, &columns, &values));
            (request.publish)(Report { view, json: serde_json::Value::Null, notes: job.notes(tally) });
        }
        Ok(())
    })?;
    job.refuse_nothing(&tally)?;
    let view = View::Image(job.heatmap(&stft, &columns, &values));
    Ok(Report { view, json: job.json(&tally), notes: job.notes(&tally) })
}

/// What is to be computed.
struct Job<'a> {
    request: &'a Request<'a>,
    selection: &'a Selection,
    stream: &'a Stream,
    cut: Cut,
    columns: Option<u64>,
}

impl<'a> Job<'a> {
    fn of(request: &'a Request<'a>) -> Result<Self> {
        let selection = request.selection;
        let stream = selection.stream_in(request.source.recording())?;
        let settings = request.settings;
        check_settings(settings)?;
        let cut = cut(settings);
        super::power::check_length(stream, selection, cut.window as u64, cut.window as u64 - cut.hop)?;
        let columns = settings.optional_integer("columns");
        Ok(Self { request, selection, stream, cut, columns })
    }

    fn stft(&self, rows: Rows) -> Result<Stft<'a>> {
        Stft::new(self.request.source.as_ref(), self.selection.clone(), self.cut, rows, self.request.task)
    }

    fn hz_of_bin(&self, bin: f64) -> f64 {
        bin * self.stream.time.rate_hz() / self.cut.window as f64
    }

    fn heatmap(&self, stft: &Stft<'_>, columns: &Columns<'_>, values: &[f32]) -> Heatmap {
        let known = self.stream.time.rate_known();
        let cells = stft.rows().len() * columns.len();
        let layers = self.selection.channels.iter().zip(values.chunks(cells.max(1)));
        Heatmap {
            x: Axis {
                key: "time_secs".to_owned(),
                title: if known { "Time (s)" } else { "Frame" }.to_owned(),
                places: Places::At((0..columns.len()).map(|c| columns.secs(c)).collect()),
            },
            y: Axis {
                key: "frequency_hz".to_owned(),
                title: self.y_title().to_owned(),
                places: Places::At(stft.rows().middles().map(|bin| self.hz_of_bin(bin)).collect()),
            },
            value_key: "psd".to_owned(),
            value_title: format!("Power spectral density ({})", self.unit()),
            decibel: true,
            layers: layers
                .map(|(&c, v)| Layer { name: self.stream.channels[c].name.clone(), values: v.to_vec() })
                .collect(),
        }
    }

    fn y_title(&self) -> &'static str {
        if self.stream.time.rate_known() { "Frequency (Hz)" } else { "Frequency (cycles per frame)" }
    }

    /// `µV²/Hz`.
    fn unit(&self) -> String {
        let mut units: Vec<&str> = self.selection.channels.iter().map(|&c| &*self.stream.channels[c].unit).collect();
        units.dedup();
        let unit = match units[..] {
            [] | [""] => "1".to_owned(),
            [unit] => format!("{}²", crate::text::unit(unit)),
            _ => "unit²".to_owned(),
        };
        format!("{unit}/{}", if self.stream.time.rate_known() { "Hz" } else { "(cycle/frame)" })
    }

    /// No empty picture without a reason.
    fn refuse_nothing(&self, tally: &Tally) -> Result<()> {
        if tally.windows.iter().all(|&n| n == 0) {
            let window = self.cut.window;
            return Err(Error::invalid(format!(
                "no window of {window} frames is free of gaps and of values that are not numbers"
            ))
            .with_remedy("use a shorter window (--window), another range, or other channels"));
        }
        Ok(())
    }

    fn notes(&self, tally: &Tally) -> Vec<String> {
        let mut notes = vec![];
        if !self.stream.time.rate_known() {
            notes.push("the rate is not known: frequencies are in cycles per frame (give it with --rate)".to_owned());
        }
        if tally.skipped > 0 {
            notes.push(format!("windows missing because they cross a gap: {}", tally.skipped));
        }
        for (&n, &c) in tally.irregular.iter().zip(&self.selection.channels) {
            if n > 0 {
                let name = &self.stream.channels[c].name;
                notes.push(format!("channel {name}: windows missing because of NaN or infinite values: {n}"));
            }
        }
        notes
    }

    /// The contract of `--json`, but for axes and values.
    fn json(&self, tally: &Tally) -> serde_json::Value {
        let channels: Vec<serde_json::Value> = (self.selection.channels.iter().zip(&tally.windows))
            .map(|(&c, windows)| {
                let channel = &self.stream.channels[c];
                serde_json::json!({ "name": channel.name, "unit": channel.unit, "windows": windows })
            })
            .collect();
        serde_json::json!({
            "channels": channels,
            "skipped_windows": tally.skipped,
            "window": self.cut.window,
            "overlap": self.cut.window as u64 - self.cut.hop,
            "taper": self.cut.taper,
            "rate_known": self.stream.time.rate_known(),
        })
    }
}

fn cut(settings: &Settings) -> Cut {
    let window = settings.integer("window");
    let overlap = settings.optional_integer("overlap").unwrap_or(window / 2);
    let taper = settings.text("taper");
    let taper = super::taper::Taper::NAMES.iter().find(|name| **name == taper).copied().unwrap_or("hann");
    Cut { window: window as usize, hop: window.saturating_sub(overlap).max(1), taper }
}

/// Refuses windows that would never get on, and what a picture cannot be.
fn check_settings(settings: &Settings) -> Result<()> {
    let window = settings.integer("window");
    let overlap = settings.optional_integer("overlap").unwrap_or(window / 2);
    if overlap >= window {
        return Err(Error::invalid(format!("the overlap of {overlap} frames is not less than the window of {window}"))
            .with_remedy(format!("use --overlap {} or less", window.saturating_sub(1))));
    }
    Limits::parse(settings.text("limits"))?;
    write::options(settings).map(drop)
}
