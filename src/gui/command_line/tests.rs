use clap::ArgMatches;
use proptest::prelude::*;

use super::*;
use crate::analysis::ANALYSES;
use crate::cli::reading::{self, Read};
use crate::export::EXPORTERS;
use crate::filter::FILTERS;
use crate::form::{Parameter, SWITCH};
use crate::gui::testing::document;
use crate::recording::SampleType;

#[test]
fn words_survive_the_shell() {
    assert_eq!(quoted("/data/a.npy"), "/data/a.npy");
    assert_eq!(quoted("rat's day"), r"'rat'\''s day'");
    assert_eq!(quoted(""), "''");
    for text in ["$HOME `x` \"q\" \\ *", "a\nb", "#5..#9", "'", "--a b=c d", "--a=", "--a='"] {
        let line = Line(vec!["x".to_owned(), text.to_owned()]).to_string();
        let words = line.strip_prefix("x ").unwrap();
        let echo = std::process::Command::new("sh").args(["-c", &format!("printf %s {words}")]).output();
        assert_eq!(String::from_utf8(echo.unwrap().stdout).unwrap(), text);
    }
}

#[test]
fn the_line_says_only_what_differs() {
    let mut document = document(4);
    let all = document.scope(Scope::Everything);
    let settings = Settings::defaults(&[]);
    let target = Path::new("/out/cut.npy");
    assert_eq!(
        export_line(&document, &all, target, Values::Stored, &settings, false).to_string(),
        "longwave export '/data/day 1.rec' -o /out/cut.npy"
    );
    document.options = OpenOptions { rate_hz: Some(1000.0), ..OpenOptions::default() };
    let some = Selection { stream: 0, channels: vec![0, 1, 3], frames: 10..20 };
    assert_eq!(
        export_line(&document, &some, target, Values::Physical, &settings, true).to_string(),
        "longwave export '/data/day 1.rec' -o /out/cut.npy --range '#10..#20' --channels 0-1,3 --values physical \
         --rate 1000 --force"
    );
}

#[test]
fn channels_are_listed_in_runs() {
    assert_eq!(channel_list(&[0, 1, 2, 3, 7, 9, 10]), "0-3,7,9-10");
    assert_eq!(channel_list(&[3, 2, 5]), "3,2,5");
    assert_eq!(channel_list(&[]), "");
}

#[test]
fn forms_without_settings_are_read() {
    let mut document = document(4);
    document.stream = 1;
    document.channels.truncate(2);
    for line in [
        compare_line(&document, Path::new("-b.npy")),
        annotations_line(&document),
        filter_line(&document, &Chain::parse("high-pass=3; rectify; reference=car,by=group").unwrap()),
        spectrogram_line(&document, 1, Cut { window: 512, hop: 300, taper: "hamming" }).unwrap(),
    ] {
        let read = reading::read(line.words()).unwrap_or_else(|e| panic!("{line}: {e}"));
        assert!(line.0[1] == read.command[0], "{line}");
    }
    let line = spectrogram_line(&document, 1, Cut { window: 512, hop: 300, taper: "hamming" }).unwrap();
    let read = reading::read(line.words()).unwrap();
    let settings = read.settings(crate::analysis::named("spectrogram").unwrap().parameters).unwrap();
    assert_eq!((settings.integer("window"), settings.text("overlap"), settings.text("taper")), (512, "212", "hamming"));
    assert_eq!(read.channels(&document.recording().streams[1].channels), [1]);
}

/// A value that `parameter` may have.
fn value_of(parameter: &'static Parameter) -> BoxedStrategy<String> {
    let text = "[-a-z0-9 ,.;='\"$#]{0,9}".prop_map(|text| text.trim().to_owned());
    match parameter.kind {
        Kind::Choice(choices) => prop::sample::select(choices).prop_map(str::to_owned).boxed(),
        Kind::Integer { min, max } => (min..=max).prop_map(|n| n.to_string()).boxed(),
        Kind::Number { min, max } => {
            let (low, high) = (min.max(-1e12), max.min(1e12));
            (low..=high).prop_map(|x| format!("{x}")).boxed()
        }
        Kind::Flag => any::<bool>().prop_map(|b| b.to_string()).boxed(),
        Kind::Switch { .. } => prop::sample::select(&SWITCH[..]).prop_map(str::to_owned).boxed(),
        Kind::Text | Kind::Channel | Kind::File { .. } => text.boxed(),
    }
}

/// Settings for `parameters`, each at its default or at another value that it may have.
fn settings_of(parameters: &'static [Parameter]) -> BoxedStrategy<Settings> {
    let values: Vec<_> = parameters.iter().map(|p| prop::option::of(value_of(p))).collect();
    values
        .prop_map(move |values| {
            let mut settings = Settings::defaults(parameters);
            for (parameter, value) in parameters.iter().zip(values) {
                if let Some(value) = value {
                    settings.set(parameter.name, &value).unwrap();
                }
            }
            settings
        })
        .boxed()
}

fn texts(settings: &Settings) -> Vec<(&'static str, String)> {
    settings.parameters().iter().map(|p| (p.name, settings.text(p.name).to_owned())).collect()
}

fn options() -> impl Strategy<Value = OpenOptions> {
    let kinds = prop::option::of(prop::sample::select(&SampleType::ALL[..]));
    let numbers = (prop::option::of(1_usize..99), prop::option::of(1_u64..9999), prop::option::of(1e-9..1e9_f64));
    let scale = (prop::option::of(-5.0..5.0_f64), prop::option::of(-9.0..9.0_f64), any::<[bool; 3]>());
    let words = (prop::option::of("[-µVmk]{1,4}"), prop::option::of("[-a-z_/]{1,9}"));
    (kinds, numbers, scale, words).prop_map(
        |(sample_type, (channel_count, header, rate_hz), (gain, offset, b), words)| OpenOptions {
            sample_type,
            channel_count,
            header_bytes: header,
            trailing_bytes: header.map(|n| n * 2),
            rate_hz,
            gain: gain.filter(|g| *g != 0.0 && *g != 1.0),
            offset: offset.filter(|o| *o != 0.0),
            byte_order: b[0].then_some(ByteOrder::Big),
            order: b[1].then_some(ChannelOrder::Planar),
            clock: b[2].then_some(WallClock::Creation),
            channel_order: b[2].then_some(HardwareOrder::Ascending),
            unit: words.0,
            member: words.1,
            ..OpenOptions::default()
        },
    )
}

fn chain() -> impl Strategy<Value = Chain> {
    let texts =
        ["high-pass=300,order=2", "band-pass=1..2", "rectify", "reference=cmr", "notch=50,harmonics=3", "envelope"];
    let known = texts.into_iter().filter(|t| FILTERS.iter().any(|f| t.starts_with(f.name))).collect::<Vec<_>>();
    prop::collection::vec(prop::sample::select(known), 0..4).prop_map(|parts| Chain::parse(&parts.join(";")).unwrap())
}

/// Holds what was read against what was meant, but for the settings.
fn same(read: &Read, document: &Document, selection: &Selection, with_channels: bool) -> Result<(), TestCaseError> {
    let stream = document.shown();
    prop_assert_eq!(read.files(), document.paths());
    prop_assert_eq!(read.frames(&stream.time, stream.frames), selection.frames.clone());
    if with_channels {
        prop_assert_eq!(read.channels(&stream.channels), selection.channels.clone());
    }
    prop_assert_eq!(read.options(), document.options.clone());
    let meant = document.filter.as_ref().map(|f| f.chain.clone()).unwrap_or_default();
    prop_assert_eq!(read.chain(), meant);
    Ok(())
}

fn filtered(chain: Chain, options: OpenOptions, hidden: &[bool]) -> Document {
    let mut document = document(6);
    document.options = options;
    document.channels.iter_mut().zip(hidden).for_each(|(view, hidden)| view.visible = !hidden);
    document.channels[5].visible = true;
    let (source, summary) = (std::sync::Arc::clone(&document.source), document.summary.clone());
    document.filter = (!chain.is_empty()).then(|| crate::gui::state::Filtered {
        chain,
        source,
        summary,
        shown: false,
        centres: Vec::new(),
        picture: None,
    });
    document
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_line_of_every_form_means_the_same_settings(
        analyses in ANALYSES.iter().chain(DECODERS).map(|a| settings_of(a.parameters)).collect::<Vec<_>>(),
        exports in EXPORTERS.iter().map(|e| settings_of(e.parameters)).collect::<Vec<_>>(),
        options in options(), chain in chain(), hidden in any::<[bool; 5]>(), range in (0_u64..2000, 1_u64..900),
        overwrite in any::<bool>(),
    ) {
        let mut document = filtered(chain, options.clone(), &hidden);
        let time = document.time().clone();
        document.selection = Some(time.tick_of_frame(range.0)..time.tick_of_frame(range.0 + range.1));
        let selection = document.scope(Scope::Selection);
        prop_assume!(!selection.is_empty());
        for (analysis, settings) in ANALYSES.iter().chain(DECODERS).zip(&analyses) {
            let line = analysis_line(&document, analysis, settings, Scope::Selection);
            let read = reading::read(line.words()).map_err(|e| TestCaseError::fail(format!("{line}: {e}")))?;
            prop_assert_eq!(read.command.last().map(String::as_str), Some(analysis.name));
            prop_assert_eq!(texts(&read.settings(analysis.parameters).unwrap()), texts(settings), "{}", line);
            let with_channels = !analysis.parameters.iter().any(|p| p.kind == Kind::Channel);
            same(&read, &document, &selection, with_channels)?;
        }
        for (exporter, settings) in EXPORTERS.iter().zip(&exports) {
            let target = Path::new("/out").join("a b").with_extension(exporter.extensions[0]);
            let line = export_line(&document, &selection, &target, Values::Stored, settings, overwrite);
            let read = reading::read(line.words()).map_err(|e| TestCaseError::fail(format!("{line}: {e}")))?;
            prop_assert_eq!(texts(&read.settings(exporter.parameters).unwrap()), texts(settings), "{}", line);
            prop_assert_eq!(read.flag("force"), overwrite);
            same(&read, &document, &selection, true)?;
        }
        let line = open_line(&document.path, &options);
        let matches: ArgMatches = crate::cli::command().try_get_matches_from(line.words()).map_err(|e| {
            TestCaseError::fail(format!("{line}: {e}"))
        })?;
        prop_assert_eq!(reading::layout_of(&matches), options);
    }
}
