//! Spectrograms as files, made in one pass in bounded memory.
//!
//! - **`.npy`**: float64, shape channels × frequencies × times, in Fortran order (so that it can be written as time goes
//!   on; `numpy.load` gives the shape as said, with `mmap_mode="r"` too). NaN where a window is missing, −∞ dB where there
//!   is no power. Beside it `NAME.axes.json` has the axes: what `--json` prints.
//! - **`.png`**: a field of colours for each channel, in decibels, a column for each pixel.

use std::io::Write as _;
use std::path::Path;

use super::super::report::npy_header;
use super::super::{Report, Request, Table, View};
use super::fold::{Columns, Tally, fold};
use super::stft::Rows;
use super::{ColourMap, Job, Limits, Settings};
use crate::error::{Error, Result};
use crate::file::AtomicFile;
use crate::picture::heat::{Field, Heat, compose, field_pixels};
use crate::picture::palette::Theme;
use crate::picture::{Options, TimeAxis, parse_size, png};
use crate::recording::SampleType;
use crate::text;

/// A larger array is asked for by mistake.
const NPY_LIMIT: u64 = 4 << 30;

/// Writes what `request` asks for to `target`, by its ending; the report says what was written.
///
/// # Errors
/// When the selection is shorter than a window or has nothing but gaps, the array would be of more than 4 GiB, the target
/// exists and `overwrite` is false, or it cannot be written.
pub(in super::super) fn write(request: &Request<'_>, target: &Path, overwrite: bool) -> Result<Report> {
    let job = Job::of(request)?;
    if target.extension().is_some_and(|e| e.eq_ignore_ascii_case("png")) {
        picture(&job, target, overwrite)
    } else {
        array(&job, target, overwrite)
    }
}

/// The picture that the settings describe.
pub(super) fn options(settings: &Settings) -> Result<Options> {
    let (width, height) = parse_size(settings.text("size"))?;
    let theme = if settings.text("theme") == "dark" { Theme::Dark } else { Theme::Light };
    let options = Options { width, height, theme, time_axis: TimeAxis::Automatic, ..Options::default() };
    options.validate()?;
    Ok(options)
}

fn array(job: &Job<'_>, target: &Path, overwrite: bool) -> Result<Report> {
    let task = job.request.task;
    let stft = job.stft(Rows::all(job.cut.bins()))?;
    if let Some(wanted) = job.columns.filter(|&n| n > stft.windows()) {
        let there = stft.windows();
        return Err(Error::invalid(format!("there are no {wanted} columns in {there} windows"))
            .with_remedy(format!("use --columns {there} or less, or leave it out: then every window is one")));
    }
    let columns = Columns::new(&stft, &job.stream.time, job.columns);
    let (channels, bins) = (job.selection.channels.len(), stft.rows().len());
    let shape = [channels, bins, columns.len()].map(|n| n as u64);
    let bytes = shape.iter().fold(8_u64, |a, &n| a.saturating_mul(n));
    if bytes > NPY_LIMIT {
        return Err(too_large(job, shape, bytes));
    }
    let axes = target.with_extension("axes.json");
    let mut axes_file = AtomicFile::create(&axes, 24 * (shape[1] + shape[2]) + 4096, overwrite)?;
    let mut file = AtomicFile::create(target, bytes + 128, overwrite)?;
    task.set_total(stft.bytes_of(&(0..stft.windows())));
    let _buffer = task.budget().reserve(8 * shape[0] * shape[1])?;
    let header = npy_header(SampleType::F64, &shape, true);
    file.write_all(&header).map_err(|e| file.explain(e))?;
    let decibel = job.request.settings.flag("db");
    let mut line = Vec::with_capacity(8 * channels * bins);
    let tally = fold(&stft, &columns, channels, &mut |_, means, _| {
        line.clear();
        for bin in 0..bins {
            for channel in 0..channels {
                let power = means[channel * bins + bin];
                let value = if decibel { 10.0 * power.log10() } else { power };
                line.extend(value.to_le_bytes());
            }
        }
        file.write_all(&line).map_err(|e| file.explain(e))
    })?;
    job.refuse_nothing(&tally)?;
    let mut json = job.json(&tally);
    if let Some(object) = json.as_object_mut() {
        object.insert("shape".to_owned(), serde_json::json!(shape));
        object.insert("axes".to_owned(), serde_json::json!(["channels", "frequency_hz", "time_secs"]));
        object.insert("db".to_owned(), decibel.into());
        object.insert("unit".to_owned(), if decibel { format!("dB re {}", job.unit()) } else { job.unit() }.into());
        let hz: Vec<f64> = stft.rows().middles().map(|bin| job.hz_of_bin(bin)).collect();
        object.insert("frequency_hz".to_owned(), serde_json::json!(hz));
        let secs: Vec<f64> = (0..columns.len()).map(|c| columns.secs(c)).collect();
        object.insert("time_secs".to_owned(), serde_json::json!(secs));
    }
    axes_file.write_all(json.to_string().as_bytes()).map_err(|e| axes_file.explain(e))?;
    task.advance(0)?;
    file.commit()?;
    axes_file.commit()?;
    let mut notes = job.notes(&tally);
    notes.push(format!("the frequencies and times are in {}", axes.display()));
    Ok(Report { view: View::Table(Table::default()), json, notes })
}

fn too_large(job: &Job<'_>, [channels, bins, columns]: [u64; 3], bytes: u64) -> Error {
    let fitting = (NPY_LIMIT / 4 / (8 * channels * bins)).clamp(1, 2000);
    let secs = (NPY_LIMIT / (8 * channels * bins)) as f64 * job.cut.hop as f64 / job.stream.time.rate_hz();
    let size = text::bytes(bytes);
    Error::invalid(format!(
        "the array would be of {size}: {} × {} × {} (channels, frequencies, windows)",
        text::count(channels),
        text::count(bins),
        text::count(columns)
    ))
    .with_remedy(format!(
        "average the windows with --columns {fitting}, or select at most {} (--range) or fewer channels; a .png has room for any length",
        text::duration(secs)
    ))
}

fn picture(job: &Job<'_>, target: &Path, overwrite: bool) -> Result<Report> {
    let task = job.request.task;
    let settings = job.request.settings;
    let options = options(settings)?;
    let channels = job.selection.channels.len();
    let (width, height) = field_pixels(&options, channels)?;
    let mut file = AtomicFile::create(target, u64::from(options.width) * u64::from(options.height) / 2, overwrite)?;
    let log_y = settings.text("frequency") == "log";
    let bins = job.cut.bins();
    let rows = if log_y { Rows::logarithmic(bins, height) } else { Rows::linear(bins, height) };
    let stft = job.stft(rows)?;
    let wanted = job.columns.map_or(width as u64, |n| n.min(width as u64));
    let columns = Columns::new(&stft, &job.stream.time, Some(wanted));
    let cells = channels * stft.rows().len() * columns.len();
    // Values, the pixels of the scene, and the file.
    let _memory = task.budget().reserve(
        cells as u64 * 4 + (width * height * channels) as u64 * 4 + png::peak_bytes(options.width, options.height),
    )?;
    task.set_total(stft.bytes_of(&(0..stft.windows())));
    let mut values = vec![f32::NAN; cells];
    let tally = fold(&stft, &columns, channels, &mut |column, means, _| {
        for (i, mean) in means.iter().enumerate() {
            values[i * columns.len() + column] = (10.0 * mean.log10()) as f32;
        }
        Ok(())
    })?;
    job.refuse_nothing(&tally)?;
    let mut notes = job.notes(&tally);
    for (&c, values) in job.selection.channels.iter().zip(values.chunks((stft.rows().len() * columns.len()).max(1))) {
        if values.iter().all(|v| !v.is_finite()) && values.contains(&f32::NEG_INFINITY) {
            notes.push(format!("channel {}: no power at all, its values do not change", job.stream.channels[c].name));
        }
    }
    let ranges: Vec<_> = (0..columns.len()).map(|c| columns.range(c)).collect();
    let borders: Vec<f64> = stft.rows().borders().map(|bin| job.hz_of_bin(bin)).collect();
    let heat = Heat {
        title: format!("{}, {}", job.request.source.recording().name, channel_words(job)),
        footer: footer(job, &tally, columns.len(), stft.windows()),
        time: &job.stream.time,
        ticks: columns.ticks(),
        columns: &ranges,
        borders: &borders,
        y_title: job.y_title().to_owned(),
        value_title: format!("dB re {}", job.unit()),
        log_y,
        fields: (job.selection.channels.iter())
            .zip(values.chunks((stft.rows().len() * columns.len()).max(1)))
            .map(|(&c, values)| Field { name: job.stream.channels[c].name.clone(), values })
            .collect(),
        map: ColourMap::named(settings.text("colour-map")),
        limits: Limits::parse(settings.text("limits"))?,
    };
    let scene = compose(&heat, &options)?;
    task.advance(0)?;
    file.write_all(&png::encode(&scene)?).map_err(|e| file.explain(e))?;
    task.advance(0)?;
    file.commit()?;
    let mut json = job.json(&tally);
    if let Some(object) = json.as_object_mut() {
        object.insert("columns".to_owned(), columns.len().into());
        object.insert("rows".to_owned(), stft.rows().len().into());
        object.insert("unit".to_owned(), format!("dB re {}", job.unit()).into());
    }
    Ok(Report { view: View::Table(Table::default()), json, notes })
}

fn channel_words(job: &Job<'_>) -> String {
    match job.selection.channels[..] {
        [one] => format!("channel {}", job.stream.channels[one].name),
        ref several => format!("{} channels", several.len()),
    }
}

fn footer(job: &Job<'_>, tally: &Tally, columns: usize, windows: u64) -> String {
    let cut = job.cut;
    let mean = if windows > columns as u64 {
        format!(", each column the mean of about {}", text::count(windows.div_ceil(columns.max(1) as u64)))
    } else {
        String::new()
    };
    let gaps = if tally.skipped > 0 {
        format!(", {} of them cross gaps and are left out (hatched)", text::count(tally.skipped))
    } else {
        String::new()
    };
    format!(
        "{} windows of {} frames, {} apart, {}{mean}{gaps}",
        text::count(windows),
        text::count(cut.window as u64),
        text::count(cut.hop),
        cut.taper
    )
}
