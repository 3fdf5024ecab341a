//! What the window shows: plain data, changed only by commands and replies.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

pub use super::channels::{ChannelView, LaneView};
use super::traces::Packed;
use super::viewport::{History, Viewport};
use crate::analysis::Report;
use crate::filter::Chain;
use crate::recording::{Recording, Stream, TimeBase};
use crate::scan::Selection;
use crate::source::{OpenOptions, Source};
use crate::summary::{Columns, Summary};

/// The open recording and what is seen of it.
pub struct Document {
    /// What was opened: a file, a folder or session, or the first of several files.
    pub path: PathBuf,
    /// The further files, if several were opened together by a list.
    pub more: Vec<PathBuf>,
    pub options: OpenOptions,
    pub source: Arc<dyn Source>,
    /// The stream that is shown.
    pub stream: usize,
    pub summary: Summary,
    pub viewport: Viewport,
    pub history: ViewHistory,
    /// Selected ticks.
    pub selection: Option<Range<u64>>,
    pub channels: Vec<ChannelView>,
    pub lanes: LaneView,
    pub pictures: Pictures,
    pub results: Results,
    /// What is applied to it, if `source` is a filtered recording.
    pub filter: Option<Filtered>,
    pub notes: super::annotating::Notes,
    /// What is kept of how it is looked at.
    pub kept: super::workspace::Kept,
    /// The view scrolls by itself.
    pub playing: Option<super::playing::Playing>,
    pub times: Times,
    pub cursors: super::cursors::Cursors,
    /// Streams beneath the traces.
    pub companions: super::companions::Companions,
    /// It is being written.
    pub live: super::following::Live,
}

/// The filters that are applied, and the recording without them.
pub struct Filtered {
    pub chain: Chain,
    pub source: Arc<dyn Source>,
    pub summary: Summary,
    /// Whether the traces without filters are drawn behind.
    pub shown: bool,
    /// Where the middle of each lane was without filters.
    pub centres: Vec<f64>,
    pub picture: Option<(Arc<Columns>, Arc<Packed>)>,
}

/// Where the view has been, and where it is going. Scrolling and zooming without a pause is one step.
#[derive(Default)]
pub struct ViewHistory {
    pub steps: History,
    pub last_change: Option<std::time::Instant>,
    pub glide: Option<super::gliding::Glide>,
}

/// The newest pictures that have arrived.
#[derive(Default)]
pub struct Pictures {
    pub view: Option<(Arc<Columns>, Arc<Packed>)>,
    /// Means and mean squares of what is seen, for a heat map of those.
    pub levels: Option<Arc<crate::summary::Levels>>,
    pub overview: Option<Arc<Columns>>,
    /// The overview's columns as one band: the least and greatest of all visible channels, each in its own range, within
    /// −1..1; (1, −1) where there is nothing.
    pub envelope: Vec<(f32, f32)>,
    pub gram: super::gram::Shown,
    /// The tick that was gone to last: a line marks it until the view is gone back from, or another is gone to.
    pub goal: Option<u64>,
    /// Where keys read the traces.
    pub reading: Option<super::reading::Reading>,
    /// Why there is no picture.
    pub error: Option<String>,
    /// What the selection, or the visible range, was measured to be.
    pub measured: Option<Arc<super::measured::Measurement>>,
}

/// What analyses have found, newest of each kind.
#[derive(Default)]
pub struct Results {
    pub list: Vec<AnalysisResult>,
    pub found: super::found::Found,
    /// The event tracks of the recording that were read.
    pub tracks: super::event_rows::Tracks,
    /// The recording that was compared with last.
    pub compared: Option<PathBuf>,
}

/// One analysis' result, partial while its job runs.
pub struct AnalysisResult {
    pub name: &'static str,
    /// What it was computed over, for people.
    pub over: String,
    pub job: super::jobs::JobId,
    pub report: Option<Report>,
    pub done: bool,
}

impl Document {
    /// Everything that was opened, in order: what opening it again takes.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        std::iter::once(&self.path).chain(&self.more).cloned().collect()
    }

    /// What is open.
    #[must_use]
    pub fn recording(&self) -> &Recording {
        self.source.recording()
    }

    /// The stream that is shown.
    #[must_use]
    pub fn shown(&self) -> &Stream {
        &self.source.recording().streams[self.stream]
    }

    /// The stream that is shown, without filters.
    #[must_use]
    pub fn unfiltered(&self) -> &Stream {
        let source = self.filter.as_ref().map_or(&self.source, |filter| &filter.source);
        &source.recording().streams[self.stream]
    }

    /// Whether frames mean the same with and without filters: not if frames were left out.
    #[must_use]
    pub fn raw_is_comparable(&self) -> bool {
        self.unfiltered().frames == self.shown().frames && self.unfiltered().time == *self.time()
    }

    /// Its clock.
    #[must_use]
    pub fn time(&self) -> &TimeBase {
        &self.shown().time
    }

    /// Frames in the half-open range of ticks.
    #[must_use]
    pub fn frames_of_ticks(&self, ticks: &Range<u64>) -> Range<u64> {
        let (time, frames) = (self.time(), self.shown().frames);
        time.frame_at_tick(ticks.start).min(frames)..time.frame_at_tick(ticks.end).min(frames)
    }

    /// The ticks on the screen, whole and inside the recording.
    #[must_use]
    pub fn visible_ticks(&self) -> Range<u64> {
        self.viewport.visible()
    }

    /// The frames on the screen.
    #[must_use]
    pub fn visible_frames(&self) -> Range<u64> {
        self.frames_of_ticks(&self.visible_ticks())
    }

    /// What a command's scope means now: frames of the visible channels.
    #[must_use]
    pub fn scope(&self, scope: super::command::Scope) -> Selection {
        use super::command::Scope;
        let frames = match (scope, &self.selection) {
            (Scope::Selection, Some(ticks)) => self.frames_of_ticks(ticks),
            // Which of it is annotated is found out when it is gone over.
            (Scope::Everything | Scope::Annotated(_), _) => 0..self.shown().frames,
            _ => self.visible_frames(),
        };
        // In the order of the file, whatever that of the lanes is.
        let mut channels = self.visible_channels();
        channels.sort_unstable();
        Selection { stream: self.stream, channels, frames }
    }
}

/// How instants are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub enum TimeFormat {
    /// From the first frame: seconds up to two minutes, then hours, minutes and seconds.
    #[default]
    Auto,
    Seconds,
    Hours,
    /// In the zone that is shown.
    Clock,
    Frames,
}

/// How instants are written in the open recording, and read where they are typed.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Times {
    pub format: TimeFormat,
    pub zone: super::zone::Zone,
}

impl TimeFormat {
    /// All, in the order in which the key walks them.
    pub const ALL: [Self; 5] = [Self::Auto, Self::Seconds, Self::Hours, Self::Clock, Self::Frames];

    /// What an instant looks like.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Auto => "Seconds from the first frame; beyond two minutes hours:minutes:seconds",
            Self::Seconds => "Seconds from the first frame: 3725.5 s",
            Self::Hours => "Hours, minutes and seconds from the first frame: 1:02:05.5",
            Self::Clock => "Date and time of day, in the zone that is chosen: 14:03:05",
            Self::Frames => "Numbers of stored frames from 0: #30 000",
        }
    }

    /// The label of its button.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Auto => "Automatic",
            Self::Seconds => "Seconds",
            Self::Hours => "h:m:s",
            Self::Clock => "Clock",
            Self::Frames => "Frames",
        }
    }
}

/// What the inspector can show, for commands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InspectorTab {
    /// The selection, measured while it is dragged.
    Measure,
    /// An analysis, by its index in the table.
    Analysis(usize),
    /// A decoder, by its index in their table.
    Decoder(usize),
    Filter,
    Annotations,
    Recording,
}

/// Which panels and dialogs are open, and the text being typed in them.
#[derive(Default)]
pub struct Panels {
    pub time_format: TimeFormat,
    pub zone: super::zone::Zone,
    pub snap: super::cursors::Snap,
    pub dock: super::dock::Dock,
    pub help: bool,
    pub go_to: Option<String>,
    pub budget: Option<String>,
    pub channel_filter: String,
    pub analysis_forms: super::inspector::Forms,
    pub export: Option<super::export_form::ExportForm>,
    pub raw: Option<super::raw_form::RawForm>,
    /// Sessions to choose from.
    pub sessions: Option<Vec<super::sessions::Offer>>,
    pub open_path: String,
    pub annotations: super::annotation_tab::TableView,
    pub spectrogram: super::gram::GramPanel,
    pub palette: Option<super::palette::Palette>,
    /// Lines that were run from it, newest first.
    pub ran: Vec<String>,
    pub settings_form: bool,
    /// A workspace whose files are not found.
    pub missing: Option<super::workspace::MissingForm>,
}

impl Panels {
    /// Whether a dialog is open that keys belong to.
    #[must_use]
    pub fn has_dialog(&self) -> bool {
        let forms = self.export.is_some() || self.raw.is_some() || self.sessions.is_some();
        let lists = self.palette.is_some() || self.settings_form || self.missing.is_some();
        self.help || self.go_to.is_some() || self.budget.is_some() || forms || lists
    }
}
