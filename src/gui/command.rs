//! What the user can ask for: one closed vocabulary for mouse, keys, menus and tests. Each part is applied in its own
//! place (`View` in [`super::viewing`], `Channels` in [`super::channels`], …); [`super::App::apply`] only dispatches.

use std::ops::Range;
use std::path::PathBuf;

use super::jobs::JobId;
use crate::annotation::{Annotation, Category};
use crate::export::Values;
use crate::filter::Chain;
use crate::form::Settings;
use crate::source::OpenOptions;

/// Something the user wants.
#[expect(clippy::large_enum_variant, reason = "a few are made a second, and none is kept")]
#[derive(Clone, Debug)]
pub enum Command {
    File(FileCommand),
    View(ViewCommand),
    Cursor(super::cursors::CursorCommand),
    Companion(super::companions::CompanionCommand),
    Channels(ChannelCommand),
    Annotation(AnnotationCommand),
    Job(JobCommand),
    Filter(FilterCommand),
    Found(super::found::FoundCommand),
    Panel(PanelCommand),
    Script(ScriptCommand),
    Timeline(TimelineCommand),
    Copy(CopyCommand),
}

/// About files.
#[derive(Clone, Debug)]
pub enum FileCommand {
    /// Open this file (or folder, or session of a folder); what the options leave open is found out.
    Open(PathBuf, OpenOptions),
    /// Open these files, in this order, as one recording.
    OpenTogether(Vec<PathBuf>, OpenOptions),
    /// Find out what sessions these files are of: one is opened at once, of several the user chooses.
    Offer(Vec<PathBuf>),
    /// Open the recording of this workspace, which is in that file, as it says.
    OpenWorkspace(Box<super::workspace::Workspace>, PathBuf),
    /// Save what is open as a workspace: there, or where it is already, or where the user says.
    SaveWorkspace(Option<PathBuf>),
    /// The same in another file, which the user names.
    AskWorkspace,
    /// Open what was open last.
    Continue,
    /// Keep a file at the top of the list of recent ones, or not.
    PinRecent(PathBuf, bool),
    /// Take a file off that list.
    ForgetRecent(PathBuf),
    /// Ask for a file with the system's dialog.
    Ask,
    /// Make the demo recording, if need be, and open it.
    Demo,
    /// Describe a file of plain numbers in the dialog, then open it.
    Describe(PathBuf),
    /// Write how a file is to be read beside it, for the next time.
    Remember(PathBuf, OpenOptions),
    /// Back to the welcome screen.
    Close,
    /// Open what is open again, as it is now.
    Reload,
    /// Show another stream of the open recording.
    Stream(usize),
    /// Show the difference to the recording that was compared with last.
    ShowDifference,
}

/// About what part is seen.
#[derive(Clone, PartialEq, Debug)]
pub enum ViewCommand {
    /// Everything `factor` times as large (below 1: smaller), keeping this tick where it is.
    Zoom {
        factor: f64,
        about_tick: f64,
    },
    /// The same about the middle.
    ZoomCentre(f64),
    /// By so many ticks towards the end.
    Pan(f64),
    /// By so many screens.
    Page(f64),
    /// So that this tick is in the middle.
    Centre(f64),
    Start,
    End,
    /// Keep the end in view while the recording grows, or not.
    Follow(bool),
    /// The whole recording.
    Fit,
    /// These ticks.
    Range(Range<f64>),
    /// A time, a frame or a clock time, as typed.
    GoTo(String),
    ToSelection,
    /// To a gap.
    Gap(GapStep),
    Back,
    Forward,
    /// Selected ticks, or none.
    Select(Option<Range<u64>>),
    SelectAll,
    /// All amplitudes times this.
    Amplitude(f64),
    /// Automatic amplitudes again.
    AmplitudeReset,
    /// The plot is this wide now, points.
    Width(f32),
    /// So many lanes down.
    ScrollLanes(f64),
    /// Scroll by itself at this many times the speed of time (below 0: backwards), or stop.
    Play(Option<f64>),
    /// Move the reading cursor.
    Read(super::reading::ReadCommand),
    /// More (factor above 1) or fewer lanes on the screen.
    ZoomLanes(f64),
}

pub use super::channels::ChannelCommand;

/// Which gap to go to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GapStep {
    Next,
    Previous,
    /// The one that begins at this tick.
    At(u64),
}

/// About filters.
#[derive(Clone, Debug)]
pub enum FilterCommand {
    /// Show the recording through these filters instead of those applied now.
    Apply(Chain),
    Remove,
    /// Draw the traces without filters behind those with.
    ShowRaw(bool),
}

/// About what the user notes.
#[derive(Clone, PartialEq, Debug)]
pub enum AnnotationCommand {
    /// The selected range, or the instant at this tick (else the middle of the view), in a category by its number.
    Mark {
        category: Option<usize>,
        at_tick: Option<u64>,
        label: String,
    },
    /// Put this in the place of the one with the same id.
    Change(Annotation),
    /// One is being dragged.
    Drag(super::note_drag::NoteDrag),
    /// It is let go of where it is seen.
    Drop,
    /// It is let go of, and stays as it was.
    CancelDrag,
    Remove(u64),
    RemoveSelected,
    /// Show the fields of this one, and write in its label.
    EditLabel(u64),
    /// The categories, all of them, in the order of the number keys.
    Categories(Vec<Category>),
    /// Put a category in the place of the one of this name, for all annotations of it.
    Recategorise(String, Category),
    /// Show the fields of this one.
    Select(Option<u64>),
    GoTo(u64),
    /// To the next one, or the one before.
    Step {
        forward: bool,
    },
    /// Select the range of this one.
    SelectRange(u64),
    AskImport,
    AskExport,
    Import(PathBuf),
    Export(PathBuf),
}

/// What goes to the clipboard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CopyCommand {
    /// The Python lines that load the selected range, or what is seen, with NumPy.
    NumPy,
    /// What is measured there, separated by tabs.
    Figures,
    /// A picture of the view.
    Picture,
}

/// About what was done before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimelineCommand {
    /// Take back what was changed last: an annotation, channels, amplitude, selection, filters, settings.
    Undo,
    Redo,
}

/// About work in the background.
#[derive(Clone, Debug)]
pub enum JobCommand {
    /// Run the analysis of that name over the selection, or over everything.
    Analyse {
        name: &'static str,
        settings: Settings,
        scope: Scope,
    },
    /// Run the analysis of that name for the nearest place behind (or before) the middle of the view, and go there.
    Seek {
        name: &'static str,
        settings: Settings,
        forward: bool,
    },
    Export {
        target: PathBuf,
        values: Values,
        settings: Settings,
        scope: Scope,
        /// Of annotated ranges: all in one file rather than a file each.
        joined: bool,
        overwrite: bool,
    },
    /// Compare all of the shown stream with the recording there.
    Compare(PathBuf),
    /// Show where a file is, in the system's file manager.
    ShowInFolder(PathBuf),
    Cancel(JobId),
    CancelAll,
    Dismiss(JobId),
}

/// Over which part.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Scope {
    /// The selected range, or what is seen if none is selected.
    #[default]
    Selection,
    Visible,
    Everything,
    /// The annotated ranges of a category, by its place in the list, or of all.
    Annotated(Option<usize>),
}

/// About the window itself.
#[derive(Clone, PartialEq, Debug)]
pub enum PanelCommand {
    TimeFormat(super::state::TimeFormat),
    NextTimeFormat,
    /// Clock times in this zone.
    Zone(super::zone::Zone),
    /// The categories that new recordings begin with.
    KeepCategories(Vec<Category>),
    /// Whether cursors snap.
    Snap(super::cursors::Snap),
    ToggleSnap,
    Inspector(super::state::InspectorTab),
    /// Open, close or bring forward a panel.
    Pane(super::dock::Pane, super::dock::PaneChange),
    ToggleInspector,
    /// Every panel where it was for a new user.
    ResetLayout,
    /// The panels as a file has them.
    Layout(Box<super::dock::Layout>),
    /// Magnification of everything on the screen.
    Zoom(f32),
    /// The same by so many steps.
    ZoomStep(i8),
    Help(bool),
    ExportForm(bool),
    /// The export dialog, set to draw a picture of what is seen.
    PictureForm,
    /// The same for the exporter of that name.
    ExportAs(&'static str),
    RawForm(bool),
    GoToForm(bool),
    BudgetForm(bool),
    /// Memory limit, bytes.
    Budget(u64),
    Theme(eframe::egui::ThemePreference),
    /// Black and white, in either theme.
    HighContrast(bool),
    DismissMessage,
    /// Close one of the messages in the corner, or all.
    DismissToast(Option<u64>),
    FullScreen,
    /// The list of all commands.
    Palette(bool),
    /// This line was run from it.
    Ran(String),
    SettingsForm(bool),
    /// What the user has chosen once for all.
    Settings(super::settings::Settings),
    BrowseExport,
    /// A file for this setting of the export.
    BrowseSetting(&'static str),
    BrowseCompare,
    /// Close the list of sessions without choosing one.
    DismissSessions,
    /// Look for the missing file of a workspace, by its row.
    BrowseMissing(usize),
    DismissMissing,
    Spectrogram(super::gram::GramCommand),
}

/// What only scripts ask for.
#[derive(Clone, PartialEq, Debug)]
pub enum ScriptCommand {
    /// Until nothing is under way any more; `exact`: and every column is exact.
    Wait {
        exact: bool,
    },
    /// A picture of the window to this file, `.png`.
    Screenshot(PathBuf),
    /// Width and height of the window, points.
    Size(f32, f32),
    Quit,
}
