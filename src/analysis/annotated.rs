//! An analysis over the annotated ranges of a category.
//!
//! What is told of single stretches (statistics, tones) is computed for each range, a row for each in one table; what is
//! averaged (spectra, histograms) is computed over all of them together, as one recording with a gap between two of them
//! ([`Excerpt`]), so that no window reaches from one to the next. What looks for places on the time axis goes over a range
//! of it, not over these.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Analysis, Cell, Report, Request, Table, View};
use crate::annotation::{Annotated, together};
use crate::error::{Error, Result};
use crate::scan::Selection;
use crate::source::{Excerpt, Source};

/// Of each range on its own.
const EACH: &[&str] = &["stats", "tone"];
/// Over all of them together.
const TOGETHER: &[&str] = &["histogram", "spectrum", "spectral-peaks", "bands", "coherence", "csd"];
/// Ranges of which each has its own rows, at most.
const MOST: usize = 100_000;

/// Whether an analysis goes over annotated ranges.
#[must_use]
pub fn takes_annotated(name: &str) -> bool {
    EACH.contains(&name) || TOGETHER.contains(&name)
}

/// Runs `analysis` over `ranges`; of the request's selection stream and channels count.
///
/// # Errors
/// When the analysis does not go over ranges, there are too many, or it fails.
pub fn run_annotated(analysis: &Analysis, request: &Request<'_>, ranges: &[Annotated]) -> Result<Report> {
    if EACH.contains(&analysis.name) {
        return each(analysis, request, ranges);
    }
    if !TOGETHER.contains(&analysis.name) {
        let able: Vec<&str> = EACH.iter().chain(TOGETHER).copied().collect();
        return Err(Error::unsupported(format!("'{}' over annotated ranges", analysis.name))
            .with_remedy(format!("give it a range of time, or use one of: {}", able.join(", "))));
    }
    let Selection { stream, channels, .. } = request.selection;
    let frames = together(ranges);
    let source: Arc<dyn Source> = Arc::new(Excerpt::new(Arc::clone(request.source), *stream, &frames)?);
    let own = &source.recording().streams[0];
    let selection = Selection { stream: 0, channels: channels.clone(), frames: 0..own.frames };
    // The summary is one of the whole recording.
    let within = Request { source: &source, selection: &selection, summary: None, ..*request };
    let mut report = (analysis.run)(&within)?;
    let length = if own.time.rate_known() {
        crate::text::duration(own.frames as f64 / own.time.rate_hz())
    } else {
        format!("{} frames", crate::text::count(own.frames))
    };
    let number = ranges.len();
    report.notes.push(format!(
        "over {number} annotated {}, {length} together; nothing reaches from one to the next",
        if number == 1 { "range" } else { "ranges" }
    ));
    let object = match &mut report.json {
        Value::Object(object) => object,
        other => {
            *other = Value::Object(Map::new());
            let Value::Object(object) = other else { return Ok(report) };
            object
        }
    };
    object.insert("annotated".to_owned(), json!({ "ranges": number, "frames": own.frames }));
    Ok(report)
}

/// The same for each range, the rows beneath each other.
fn each(analysis: &Analysis, request: &Request<'_>, ranges: &[Annotated]) -> Result<Report> {
    if ranges.len() > MOST {
        return Err(Error::invalid(format!("{} annotated ranges are too many for a table", ranges.len()))
            .with_remedy(format!("take a part of the time axis with at most {MOST}, or convert them one by one")));
    }
    let time = &request.source.recording().streams[request.selection.stream].time;
    let mut table = Table::default();
    let (mut results, mut notes): (Vec<Value>, Vec<String>) = (Vec::new(), Vec::new());
    for range in ranges {
        let selection = Selection { frames: range.frames.clone(), ..request.selection.clone() };
        let report = (analysis.run)(&Request { selection: &selection, publish: &|_| {}, ..*request })?;
        let View::Table(found) = report.view else {
            return Err(Error::unsupported(format!("'{}' over annotated ranges", analysis.name)));
        };
        let start = time.secs_of_frame(range.frames.start);
        let end = time.secs_of_frame(range.frames.end - 1) + 1.0 / time.rate_hz();
        if table.columns.is_empty() {
            table.columns = ["annotation", "start_secs", "end_secs"].map(str::to_owned).to_vec();
            table.columns.extend(found.columns);
        }
        let first = [Cell::Text(range.title.clone()), Cell::Number(start), Cell::Number(end)];
        table.rows.extend(found.rows.into_iter().map(|row| first.iter().cloned().chain(row).collect()));
        results.push(json!({
            "label": range.title,
            "category": range.category,
            "start_secs": start,
            "end_secs": end,
            "first_frame": range.frames.start,
            "frames": range.frames.end - range.frames.start,
            "result": report.json,
        }));
        // The same note of many ranges is one.
        let new = report.notes.into_iter().filter(|note| !notes.contains(note)).take(4).collect::<Vec<_>>();
        if notes.len() < 16 {
            notes.extend(new);
        }
        request.task.advance(0)?;
    }
    Ok(Report { view: View::Table(table), json: json!({ "annotated": results }), notes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_over_ranges_is_in_the_table() {
        for name in EACH.iter().chain(TOGETHER) {
            assert!(super::super::named(name).is_ok() && takes_annotated(name), "{name}");
        }
        assert!(!takes_annotated("find") && !takes_annotated("spectrogram"));
    }
}
