//! Options that several commands share. What is typed is checked here; what it means is decided where it is used.

use std::ops::Range;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, ValueEnum};

use super::Failure;
use crate::annotation::{Annotated, Annotations, annotated};
use crate::error::Result;
use crate::recording::{ByteOrder, Channel, SampleType, TimeBase};
use crate::scan::Selection;
use crate::source::{ChannelOrder, HardwareOrder, OpenOptions, Source, WallClock};
use crate::text::{TimeRange, parse_bytes, parse_channels};

/// Accepted everywhere.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Options for every command")]
pub(crate) struct Global {
    /// Memory ceiling, such as 256MiB [default: the smaller of 512MiB and a quarter of what is available]
    #[arg(long, value_name = "BYTES", global = true, value_parser = parse_bytes)]
    pub(crate) memory_limit: Option<u64>,
    /// Worker threads [default: one for each processor]
    #[arg(long, value_name = "N", global = true, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Print no progress, notes or warnings, only results and errors; remember no layout
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// `longwave [FILE]…`: what the window opens with.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Root {
    /// The recording to view: a file, several in order, a folder, or a workspace (.longwave); none shows the welcome screen
    pub(crate) file: Vec<PathBuf>,
    /// The stream to show first [default: the one with most samples]
    #[arg(long, value_name = "NAME")]
    pub(crate) stream: Option<String>,
    /// Do the commands in this file, one a line: those that Ctrl+P lists in the window (- reads standard input)
    #[arg(long, value_name = "SCRIPT")]
    pub(crate) run: Option<PathBuf>,
    /// Write a picture of the window when it has come to rest, and close it
    #[arg(long, value_name = "OUT.png")]
    pub(crate) screenshot: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) layout: Layout,
}

impl Root {
    /// The first option that was given although a command follows, where it would be ignored.
    pub(crate) fn first_given(&self, matches: &ArgMatches) -> Option<String> {
        let common = ["memory_limit", "threads", "quiet"];
        let given = matches.ids().map(clap::Id::as_str).find(|id| {
            let ours = super::command().get_arguments().any(|a| a.get_id() == id) && !common.contains(id);
            ours && matches.value_source(id) == Some(ValueSource::CommandLine)
        })?;
        Some(
            self.file
                .first()
                .filter(|_| given == "file")
                .map_or_else(|| format!("--{}", given.replace('_', "-")), |file| format!("'{}'", file.display())),
        )
    }
}

/// A recording and how to read it. Flattened last: the heading of the layout would go on over what follows.
#[derive(Args, Clone, Debug)]
pub(crate) struct FileArgs {
    /// The recording: a file, several in order, the folder of a session, or FOLDER/SESSION
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) layout: Layout,
    /// Do not remember the layout in FILE.longwave.toml
    #[arg(long, help_heading = "Layout, for files that do not tell it")]
    pub(crate) no_remember: bool,
}

/// What a user can tell about a file that does not tell it itself.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Layout, for files that do not tell it")]
pub(crate) struct Layout {
    /// Read it as this format [default: found out from the file]
    #[arg(long, value_name = "FORMAT", value_parser = format_name)]
    format: Option<String>,
    /// Type of the stored samples: i16, u16, i32, f32, f64, … (also int16, `<i2`, float)
    #[arg(long, value_name = "TYPE", value_parser = sample_type)]
    dtype: Option<(SampleType, Option<ByteOrder>)>,
    /// Byte order of the stored samples
    #[arg(long, value_name = "ORDER")]
    byte_order: Option<ByteOrderArg>,
    /// Number of channels
    #[arg(long, value_name = "N", value_parser = positive)]
    channel_count: Option<usize>,
    /// Frames a second
    #[arg(long, value_name = "HZ", value_parser = positive_number, allow_negative_numbers = true)]
    rate: Option<f64>,
    /// Bytes before the first sample
    #[arg(long, value_name = "N", value_parser = parse_bytes)]
    header_bytes: Option<u64>,
    /// Bytes behind the last sample
    #[arg(long, value_name = "N", value_parser = parse_bytes)]
    trailing_bytes: Option<u64>,
    /// How frames lie in the file, interleaved or planar; for .npy, planar means channels × frames
    #[arg(long, value_name = "ORDER", value_parser = order)]
    order: Vec<OrderArg>,
    /// The same as --order planar
    #[arg(long)]
    planar: bool,
    /// .rec: whether the columns of a packet alternate between the chips or go by channel number [default: as the header suggests]
    #[arg(long, value_name = "ORDER")]
    channel_order: Option<HardwareOrderArg>,
    /// .rec: wall-clock time from the recorded system clock, or from when the file was made [default: system]
    #[arg(long, value_name = "CLOCK")]
    clock: Option<WallClockArg>,
    /// Physical value of one stored step
    #[arg(long, value_name = "X", allow_negative_numbers = true, value_parser = gain)]
    gain: Option<f64>,
    /// Physical value of a stored zero
    #[arg(long, value_name = "X", allow_negative_numbers = true, value_parser = finite_number)]
    offset: Option<f64>,
    /// Unit of the physical values, such as uV
    #[arg(long, value_name = "UNIT")]
    unit: Option<String>,
    /// Clock time of the first frame, ISO 8601
    #[arg(long, value_name = "TIME")]
    start: Option<String>,
    /// The member of an archive (.npz) to read
    #[arg(long, value_name = "NAME")]
    member: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ByteOrderArg {
    Little,
    Big,
}

/// `--order` is the order of the channels in a file and the order of the filters, where a command has some: a word for
/// the one, a number for the other.
#[derive(Clone, Copy, PartialEq, Debug)]
enum OrderArg {
    Channels(ChannelOrder),
    Filters(u64),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum HardwareOrderArg {
    Interleaved,
    Ascending,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum WallClockArg {
    System,
    Creation,
}

fn order(text: &str) -> Result<OrderArg, String> {
    match text {
        "interleaved" => Ok(OrderArg::Channels(ChannelOrder::Interleaved)),
        "planar" => Ok(OrderArg::Channels(ChannelOrder::Planar)),
        _ => text.parse().map(OrderArg::Filters).map_err(|_not_a_number| "use interleaved or planar".to_owned()),
    }
}

fn format_name(text: &str) -> Result<String> {
    crate::source::format_named(text).map(|f| f.name.to_owned())
}

/// The type, and the byte order if numpy's mark gives one.
fn sample_type(text: &str) -> Result<(SampleType, Option<ByteOrder>), String> {
    let sample_type = SampleType::parse(text)
        .ok_or_else(|| format!("use one of: {}", SampleType::ALL.map(SampleType::name).join(", ")))?;
    let order = match text.trim().as_bytes().first() {
        Some(b'<') => Some(ByteOrder::Little),
        Some(b'>') => Some(ByteOrder::Big),
        Some(b'=') => Some(ByteOrder::NATIVE),
        _ => None,
    };
    Ok((sample_type, order))
}

/// What can never be a list, whatever the channels are called; what it means is known once the recording is open.
fn channel_list(text: &str) -> Result<String, String> {
    let hint = "write it as 0-3,7, ids, names, or all";
    for part in text.split(',').map(str::trim) {
        if part.is_empty() {
            return Err(format!("a channel is missing in the list; {hint}"));
        }
        let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if part.strip_suffix('-').is_some_and(number) {
            return Err(format!("the range '{part}' has no end; {hint}"));
        }
    }
    Ok(text.to_owned())
}

fn positive(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&n| n > 0).ok_or_else(|| "use a whole number from 1".to_owned())
}

fn finite_number(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|v: &f64| v.is_finite()).ok_or_else(|| "use a number".to_owned())
}

fn positive_number(text: &str) -> Result<f64, String> {
    finite_number(text).ok().filter(|&v| v > 0.0).ok_or_else(|| "use a number above zero".to_owned())
}

fn gain(text: &str) -> Result<f64, String> {
    finite_number(text).ok().filter(|&v| v != 0.0).ok_or_else(|| "use a number other than zero".to_owned())
}

impl Layout {
    /// The order of the filters, where a command has them.
    pub(crate) fn filter_order(&self) -> Result<Option<u64>, Failure> {
        let mut orders = self.order.iter().filter_map(|order| match order {
            OrderArg::Filters(order) => Some(*order),
            OrderArg::Channels(_) => None,
        });
        match (orders.next(), orders.next()) {
            (_, Some(_)) => Err(Failure::Usage(
                "the order of the filters is told twice: give each its own, as in --high-pass 300,order=2".to_owned(),
            )),
            (order, None) => Ok(order),
        }
    }

    /// As the readers want it.
    pub(crate) fn options(&self) -> Result<OpenOptions, Failure> {
        let marked = self.dtype.and_then(|(_, order)| order);
        let byte_order = self.byte_order.map(|order| match order {
            ByteOrderArg::Little => ByteOrder::Little,
            ByteOrderArg::Big => ByteOrder::Big,
        });
        if let (Some(a), Some(b)) = (byte_order, marked)
            && a != b
        {
            return Err(Failure::Usage("--byte-order and the mark in --dtype contradict each other".to_owned()));
        }
        let orders = self.order.iter().filter_map(|order| match order {
            OrderArg::Channels(order) => Some(*order),
            OrderArg::Filters(_) => None,
        });
        let orders: Vec<ChannelOrder> = orders.chain(self.planar.then_some(ChannelOrder::Planar)).collect();
        if orders.len() > 1 {
            return Err(Failure::Usage(
                "the order of the channels is told twice: give --order or --planar once".to_owned(),
            ));
        }
        let options = OpenOptions {
            format: self.format.clone(),
            sample_type: self.dtype.map(|(sample_type, _)| sample_type),
            byte_order: byte_order.or(marked),
            channel_count: self.channel_count,
            order: orders.first().copied(),
            channel_order: self.channel_order.map(|order| match order {
                HardwareOrderArg::Interleaved => HardwareOrder::Interleaved,
                HardwareOrderArg::Ascending => HardwareOrder::Ascending,
            }),
            clock: self.clock.map(|clock| match clock {
                WallClockArg::System => WallClock::System,
                WallClockArg::Creation => WallClock::Creation,
            }),
            header_bytes: self.header_bytes,
            trailing_bytes: self.trailing_bytes,
            rate_hz: self.rate,
            gain: self.gain,
            offset: self.offset,
            unit: self.unit.clone(),
            start: self.start.clone(),
            member: self.member.clone(),
            ..OpenOptions::default()
        };
        options.validate().map_err(|e| Failure::Usage(e.to_string()))?;
        Ok(options)
    }
}

/// Which stream.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct StreamArg {
    /// The stream, where the file has several [default: the one with most samples]
    #[arg(long, value_name = "NAME")]
    pub(crate) stream: Option<String>,
}

/// Which part of it.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct SelectionArgs {
    #[command(flatten)]
    pub(crate) stream: StreamArg,
    /// The part of the time axis, A..B: 10s..3m20s, ..#30000, 01:02:03.5.. [default: everything]
    #[arg(long, value_name = "A..B", allow_hyphen_values = true)]
    range: Option<TimeRange>,
    /// The channels: 0-3,7, ids, names, or all [default: all]
    #[arg(long, value_name = "LIST", allow_hyphen_values = true, value_parser = channel_list)]
    channels: Option<String>,
}

/// Which annotated ranges of it.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct AnnotatedArg {
    /// Only the annotated ranges of this category or label, as the recording's NAME.longwave.json has them; all: every one
    #[arg(long, value_name = "NAME")]
    pub(crate) annotated: Option<String>,
}

impl AnnotatedArg {
    /// The ranges inside of the selection, if some are asked for.
    pub(crate) fn ranges(
        &self,
        file: &FileArgs,
        source: &dyn Source,
        of: &Selection,
    ) -> Result<Option<Vec<Annotated>>> {
        let Some(wanted) = &self.annotated else { return Ok(None) };
        let path = file.files.first().map_or(std::path::Path::new(""), PathBuf::as_path);
        let stored = crate::annotation::store::find(path)?;
        let list =
            stored.map(|(_, stored)| Annotations::new(stored.annotations, stored.categories)).unwrap_or_default();
        let stream = of.stream_in(source.recording())?;
        annotated(list.list(), wanted, &stream.time, &of.frames).map(Some)
    }
}

impl StreamArg {
    /// The index of the stream that is meant.
    pub(crate) fn index(&self, source: &dyn Source) -> Result<usize, Failure> {
        let recording = source.recording();
        let names = || recording.streams.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", ");
        match &self.stream {
            _ if recording.streams.is_empty() => {
                Err(crate::Error::invalid(format!("{} holds no stream of samples", recording.name)).into())
            }
            None => Ok(recording.default_stream()),
            Some(name) => recording.stream_index(name).ok_or_else(|| {
                crate::Error::invalid(format!("there is no stream '{name}'"))
                    .with_remedy(format!("use one of: {}", names()))
                    .into()
            }),
        }
    }
}

impl SelectionArgs {
    /// Whether neither a stream nor channels were chosen.
    pub(crate) fn is_whole(&self) -> bool {
        self.stream.stream.is_none() && self.channels.is_none()
    }

    /// Whether channels were chosen.
    pub(crate) fn has_channels(&self) -> bool {
        self.channels.is_some()
    }

    /// Whether a range was chosen.
    pub(crate) fn has_range(&self) -> bool {
        self.range.is_some()
    }

    /// What is meant, in `source`.
    pub(crate) fn selection(&self, source: &dyn Source) -> Result<Selection, Failure> {
        let stream = self.stream.index(source)?;
        let mut selection = Selection::all(source.recording(), stream);
        let s = &source.recording().streams[stream];
        selection.frames = self.frames_of(&s.time, s.frames)?;
        selection.channels = self.channels_of(&s.channels)?;
        Ok(selection)
    }

    /// The frames that are meant, of so many.
    pub(crate) fn frames_of(&self, time: &TimeBase, frames: u64) -> Result<Range<u64>> {
        self.range.map_or(Ok(0..frames), |range| range.frames(time, frames))
    }

    /// The channels that are meant, of these.
    pub(crate) fn channels_of(&self, channels: &[Channel]) -> Result<Vec<usize>> {
        parse_channels(self.channels.as_deref().unwrap_or("all"), channels)
    }
}
