//! Exact statistics of each channel: count, extremes, mean, standard deviation, root mean square.
//!
//! One pass, at about the speed of memory: 8- and 16-bit interleaved channels are taken in place, along the rows; one
//! channel alone is taken from the map in groups that stay in the cache; everything else from blocks. Minimum and
//! maximum are exact to the bit; sums are equal to 1e-9 relative whatever the chunks and threads.

use super::moments::{self, GROUP, Moments, Small};
use super::{Analysis, Cell, Report, Request, Table, View};
use crate::error::Result;
use crate::file::Rows;
use crate::recording::{ByteOrder, Sample, SampleType, Samples, Stream};
use crate::scan::{Accumulator, Chunk, ChunkPlan, ChunkView, Overlap, Selection, scan_observed};
use crate::with_type;

pub(crate) const ANALYSIS: Analysis = Analysis {
    name: "stats",
    title: "Statistics",
    about: "Count, minimum, maximum, mean, standard deviation and RMS of each channel",
    example: "longwave stats demo.rec --range 10s..20s --channels 0-3",
    parameters: &[],
    file_types: &["csv"],
    check: |_| Ok(()),
    run,
};

const COLUMNS: [&str; 9] = ["name", "unit", "count", "nan_count", "min", "max", "mean", "std", "rms"];

fn run(request: &Request<'_>) -> Result<Report> {
    let selection = request.selection;
    let stream = selection.stream_in(request.source.recording())?;
    request.task.set_total(selection.bytes(stream));
    let plan = ChunkPlan::new(request.task, stream, selection, Overlap::default())?;
    let mut clock = super::PublishClock::default();
    let all = scan_observed(
        request.source.as_ref(),
        selection,
        &plan,
        request.task,
        || Partial { selection, channels: vec![Moments::EMPTY; selection.channels.len()] },
        &mut |so_far: &Partial<'_>| {
            if clock.is_due() {
                (request.publish)(report(stream, selection, &so_far.channels));
            }
        },
    )?;
    Ok(report(stream, selection, &all))
}

/// The moments of each selected channel.
struct Partial<'s> {
    selection: &'s Selection,
    channels: Vec<Moments>,
}

impl Accumulator for Partial<'_> {
    type Output = Vec<Moments>;

    fn update(&mut self, _: &Chunk, view: &mut ChunkView<'_>) -> Result<()> {
        if let Some(rows) = view.rows()?
            && self.take_rows(&rows)
        {
            return Ok(());
        }
        let block = view.block()?;
        let n = block.frames();
        for (c, moments) in self.channels.iter_mut().enumerate() {
            let range = c * n..(c + 1) * n;
            moments.merge(&match block.samples() {
                Samples::I8(v) => moments::of_small(&v[range]),
                Samples::U8(v) => moments::of_small(&v[range]),
                Samples::I16(v) => moments::of_small(&v[range]),
                Samples::U16(v) => moments::of_small(&v[range]),
                Samples::I32(v) => moments::of(&v[range]),
                Samples::U32(v) => moments::of(&v[range]),
                Samples::I64(v) => moments::of(&v[range]),
                Samples::U64(v) => moments::of(&v[range]),
                Samples::F16(v) => moments::of(&v[range]),
                Samples::F32(v) => moments::of(&v[range]),
                Samples::F64(v) => moments::of(&v[range]),
            });
        }
        Ok(())
    }

    fn merge(&mut self, later: Self) {
        for (mine, theirs) in self.channels.iter_mut().zip(&later.channels) {
            mine.merge(theirs);
        }
    }

    fn finish(self) -> Vec<Moments> {
        self.channels
    }
}

impl Partial<'_> {
    /// Takes the rows in place, if they are of a kind for which there is a kernel.
    fn take_rows(&mut self, rows: &Rows<'_>) -> bool {
        let size = rows.format.size();
        if rows.format.byte_order != ByteOrder::Little && size > 1 {
            return false;
        }
        let mut order: Vec<usize> = (0..self.channels.len()).collect();
        let offset = |i: usize| rows.channel_offsets[self.selection.channels[i]] as usize;
        order.sort_unstable_by_key(|&i| offset(i));
        let side_by_side = order.windows(2).all(|w| offset(w[0]) + size == offset(w[1]));
        let Some(&leftmost) = order.first() else { return true };
        let first = offset(leftmost);
        if order.len() == 1 && rows.stride == size {
            self.channels[0].merge(&match rows.format.sample_type {
                SampleType::I8 => dense(rows, first, moments::of_small::<i8>),
                SampleType::Bool | SampleType::U8 => dense(rows, first, moments::of_small::<u8>),
                SampleType::I16 => dense(rows, first, moments::of_small::<i16>),
                SampleType::U16 => dense(rows, first, moments::of_small::<u16>),
                wide => with_type!(wide, T => dense(rows, first, moments::of::<T>)),
            });
            return true;
        }
        // A few channels of many are cheaper to take out one by one than with a short run in every row.
        if !side_by_side || order.len() < 8 {
            return false;
        }
        let n = order.len();
        let all = match rows.format.sample_type {
            SampleType::I8 => in_rows::<i8>(rows, first, n),
            SampleType::Bool | SampleType::U8 => in_rows::<u8>(rows, first, n),
            SampleType::I16 => in_rows::<i16>(rows, first, n),
            SampleType::U16 => in_rows::<u16>(rows, first, n),
            _ => return false,
        };
        for (&i, moments) in order.iter().zip(&all) {
            self.channels[i].merge(moments);
        }
        true
    }
}

fn in_rows<T: Small>(rows: &Rows<'_>, first: usize, channels: usize) -> Vec<Moments> {
    moments::of_small_rows::<T>(rows.bytes, rows.stride, first, channels, rows.frames)
}

/// Samples that follow one another without anything between, decoded group by group.
fn dense<T: Sample>(rows: &Rows<'_>, first: usize, of: impl Fn(&[T]) -> Moments) -> Moments {
    let size = size_of::<T>();
    let mut all = Moments::EMPTY;
    let mut group: Vec<T> = Vec::with_capacity(GROUP);
    let bytes = &rows.bytes[first..];
    for bytes in bytes[..rows.frames * size].chunks(GROUP * size) {
        group.clear();
        group.extend(bytes.chunks_exact(size).map(T::from_le_slice));
        all.merge(&of(&group));
    }
    all
}

fn report(stream: &Stream, selection: &Selection, all: &[Moments]) -> Report {
    let mut table = Table { columns: COLUMNS.iter().map(|&c| c.to_owned()).collect(), rows: vec![] };
    let mut channels = vec![];
    let mut notes = vec![];
    for (moments, &c) in all.iter().zip(&selection.channels) {
        let channel = &stream.channels[c];
        let physical = moments.physical(channel.scale);
        let figures = physical.map(|p| [p.min, p.max, p.mean, p.std, p.rms]);
        let mut row = vec![
            Cell::Text(channel.name.clone()),
            Cell::Text(channel.unit.clone()),
            Cell::Integer(i128::from(moments.count)),
            Cell::Integer(i128::from(moments.nan_count)),
        ];
        row.extend(figures.unwrap_or([f64::NAN; 5]).map(Cell::Number));
        table.rows.push(row);
        // What JSON cannot say (an infinity, the mean of nothing) is null.
        let figure = |i: usize| figures.map(|f| f[i]).filter(|x| x.is_finite());
        channels.push(serde_json::json!({
            "name": channel.name,
            "unit": channel.unit,
            "count": moments.count,
            "nan_count": moments.nan_count,
            "min": figure(0),
            "max": figure(1),
            "mean": figure(2),
            "std": figure(3),
            "rms": figure(4),
        }));
        if physical.is_some_and(|p| p.min.is_infinite() || p.max.is_infinite()) {
            notes.push(format!("channel {} holds infinite values: its mean, std and rms are not finite", channel.name));
        }
    }
    Report { view: View::Table(table), json: serde_json::json!({ "channels": channels }), notes }
}
