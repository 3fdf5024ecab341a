//! The picture of a recording: what is in it, where it is, and that both file types show the same.
//!
//! With `LONGWAVE_PICTURES=FOLDER` in the environment the gallery is kept there, to be looked at.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::PathBuf;
use std::sync::Arc;

use common::Random;
use longwave::export::{self, Values};
use longwave::form::Settings;
use longwave::picture::colour_map::ColourMap;
use longwave::picture::palette::{Color, Palette, Theme};
use longwave::picture::scene::{Area, Scene, Shape};
use longwave::picture::zone::Zone;
use longwave::picture::{self, Display, EventRow, HeatValue, Options, Threshold, TimeAxis, png, svg};
use longwave::recording::{
    Block, Channel, ClockSpan, Recording, SampleFormat, SampleType, Samples, Scale, Stream, TimeBase,
};
use longwave::scan::Selection;
use longwave::source::{MemorySource, Source};
use longwave::summary::{Columns, MinMax, ViewRequest};
use longwave::task::Task;
use resvg::tiny_skia::Pixmap;

/// The definition of columns: every sample is looked at. Columns that start in `guessed` frames are marked as estimates.
fn brute(source: &dyn Source, request: &ViewRequest, guessed: &std::ops::Range<u64>) -> Columns {
    let stream = &source.recording().streams[request.stream];
    let edges = request.edges(&stream.time);
    let mut block = Block::default();
    let mut values = vec![Vec::new(); request.channels.len()];
    for edge in edges.windows(2) {
        source.read(request.stream, edge[0]..edge[1], &request.channels, &mut block).unwrap();
        for (c, values) in values.iter_mut().enumerate() {
            let samples = (0..block.frames()).map(|f| block.samples().get_f64(c * block.frames() + f));
            values.push(samples.fold(MinMax::EMPTY, |m, v| MinMax { min: m.min.min(v), max: m.max.max(v) }));
        }
    }
    let exact = edges.windows(2).map(|e| !guessed.contains(&e[0])).collect();
    Columns { request: request.clone(), edges, values, exact }
}

/// A recording to be drawn.
struct Case {
    name: &'static str,
    source: Arc<dyn Source>,
    options: Options,
    frames: std::ops::Range<u64>,
    guessed: std::ops::Range<u64>,
}

impl Case {
    fn new(
        name: &'static str,
        file: &str,
        time: TimeBase,
        channels: Vec<Channel>,
        frames: u64,
        values: impl Fn(usize, u64) -> f32,
    ) -> Self {
        let samples = (0..channels.len()).flat_map(|c| (0..frames).map(move |f| (c, f)));
        let samples = Samples::F32(samples.map(|(c, f)| values(c, f)).collect());
        let stream =
            Stream { name: "main".into(), format: SampleFormat::native(SampleType::F32), time, frames, channels };
        let recording =
            Recording { name: file.into(), format: "memory", streams: vec![stream], ..Recording::default() };
        let source: Arc<dyn Source> = Arc::new(MemorySource::new(recording, vec![samples]).unwrap());
        Self { name, source, options: Options::default(), frames: 0..frames, guessed: 0..0 }
    }

    fn selection(&self) -> Selection {
        Selection { frames: self.frames.clone(), ..Selection::all(self.source.recording(), 0) }
    }

    fn scene(&self) -> Scene {
        let mut columns_of = |request: &ViewRequest| Ok(brute(&*self.source, request, &self.guessed));
        picture::compose(self.source.recording(), &self.selection(), &self.options, &mut columns_of).unwrap()
    }
}

fn channels(count: usize, unit: &str) -> Vec<Channel> {
    (0..count)
        .map(|i| Channel {
            name: format!("CH{:03}", i + 1),
            unit: unit.into(),
            scale: Scale { gain: 0.195, offset: 0.0 },
            ..Channel::numbered(i)
        })
        .collect()
}

/// Noise, a slow wave and spikes.
fn neural(c: usize, f: u64) -> f32 {
    let mut random = Random((f + 1) * 7919 + c as u64 * 104_729 + 1);
    random.next();
    let noise = (random.signed() + random.signed() + random.signed()) as f32 * 60.0;
    let phase = (f + 977 * c as u64) % 2731;
    let spike = match phase {
        0..=9 => -(phase as f32 * 0.314).sin() * 900.0,
        10..=29 => ((phase - 10) as f32 * 0.157).sin() * 250.0,
        _ => 0.0,
    };
    noise + spike * ((c * 7 % 5) as f32 * 0.25) + 180.0 * (f as f32 / 1900.0 + c as f32 * 0.1).sin()
}

fn gallery() -> Vec<Case> {
    let rate = || TimeBase::regular(30_000.0);
    let with_gaps = TimeBase::with_spans(
        30_000.0,
        vec![
            ClockSpan { first_frame: 0, first_tick: 0 },
            ClockSpan { first_frame: 20_000, first_tick: 32_000 },
            ClockSpan { first_frame: 40_000, first_tick: 53_000 },
            ClockSpan { first_frame: 50_000, first_tick: 63_020 },
        ],
    );
    let mut odd = channels(4, "mV");
    odd[0].scale.gain = -0.01;
    "Reference electrode, left hemisphere".clone_into(&mut odd[1].name);
    odd[2].unit = "degrees Celsius".into();
    let mut cases = vec![
        Case::new("one", "single.npy", rate(), channels(1, "uV"), 60_000, neural),
        Case::new("four", "tetrode.rec", rate(), channels(4, "uV"), 90_000, neural),
        Case::new("sixteen", "probe.rec", rate(), channels(16, "uV"), 60_000, neural),
        Case::new("wide", "day.rec", rate(), channels(128, "uV"), 30_000, neural),
        Case::new("very-wide", "neuropixels.bin", rate(), channels(384, "uV"), 10_000, neural),
        Case::new("gaps", "dropped packets.rec", with_gaps, channels(8, "uV"), 60_000, neural),
        Case::new("odd", "odd <&\"> channels.npy", TimeBase::frames_only(), odd, 40_000, |c, f| match c {
            1 if (9_000..15_000).contains(&f) => f32::NAN,
            2 => 36.6,
            3 => f32::NAN,
            _ => (f as f32 / 3000.0).sin() * if f == 25_000 { 3.0 } else { 1.0 },
        }),
        Case::new("samples", "zoomed.npy", rate(), channels(3, "V"), 3000, neural),
        Case::new("single-frame", "single frame.npy", rate(), channels(2, ""), 1, |c, _| c as f32),
        Case::new("day", "17 hours.rec", TimeBase::regular(1.0), channels(6, "uV"), 61_200, neural),
        Case::new(
            "clock",
            "clock.rec",
            TimeBase::regular(10.0).starting_at(1_772_323_199_000_000_000),
            channels(5, "uV"),
            30_000,
            neural,
        ),
        Case::new("microseconds", "fast.bin", TimeBase::regular(50e6), channels(2, "V"), 600, neural),
        Case::new("empty", "empty.npy", rate(), channels(2, "V"), 0, neural),
        Case::new(
            "small",
            "a rather long file name for such a small picture.npy",
            rate(),
            channels(24, "uV"),
            9_000,
            neural,
        ),
        Case::new("butterfly", "butterfly.rec", rate(), channels(24, "uV"), 60_000, neural),
        Case::new("wings", "wings.npy", rate(), channels(6, "mV"), 3000, neural),
        Case::new("heat", "map.rec", rate(), channels(40, "uV"), 60_000, neural),
        Case::new("heat-many", "many.rec", rate(), channels(1024, "uV"), 4000, neural),
        Case::new(
            "lines",
            "lines.rec",
            TimeBase::regular(10.0).starting_at(1_792_882_800_000_000_000),
            channels(4, "uV"),
            90_000,
            |c, f| if c == 1 { (f / 700 % 2) as f32 } else { neural(c, f) },
        ),
        Case::new("4k", "large.rec", rate(), channels(32, "uV"), 60_000, neural),
    ];
    for case in &mut cases {
        match case.name {
            "sixteen" => case.guessed = 22_000..60_000,
            "wide" => case.options.theme = Theme::Dark,
            "samples" => case.frames = 1000..1100,
            "butterfly" => case.options.look.display = Display::Butterfly,
            "wings" => {
                case.frames = 1000..1100;
                case.options.look.display = Display::Butterfly;
                case.options.look.plain = true;
            }
            "heat" | "heat-many" => {
                case.guessed = 30_000..60_000;
                case.options.look.display = Display::HeatMap;
                case.options.theme = if case.name == "heat" { Theme::Light } else { Theme::Dark };
            }
            "lines" => {
                let look = &mut case.options.look;
                look.logic = vec![(1, Threshold { at: 0.05, above: true })];
                look.cursors = vec![1000.0, 1500.0];
                look.zone = Zone::named("Europe/Berlin").unwrap();
                let frames: Vec<u64> = (0..60).map(|i| i * 1300).collect();
                let levels = (0..60).map(|i| i % 2).collect();
                look.rows = vec![
                    EventRow { name: "Din 1".into(), frames: frames.clone(), levels },
                    EventRow { name: "licks of the animal at the left port".into(), frames, levels: Vec::new() },
                ];
                case.options.time_axis = TimeAxis::Clock;
            }
            "day" => case.frames = 20_000..50_000,
            "clock" => {
                case.options = Options { theme: Theme::Dark, time_axis: TimeAxis::Clock, ..case.options.clone() }
            }
            "microseconds" => case.frames = 0..120,
            "small" => case.options = Options { width: 480, height: 320, ..case.options.clone() },
            "4k" => case.options = Options { width: 3840, height: 2160, ..case.options.clone() },
            _ => {}
        }
    }
    cases
}

#[test]
fn every_picture_is_whole_and_its_labels_keep_apart() {
    let folder = std::env::var_os("LONGWAVE_PICTURES").map(PathBuf::from);
    let cases = gallery();
    assert!(cases.len() > 12);
    for case in &cases {
        let started = std::time::Instant::now();
        let scene = case.scene();
        let composed = started.elapsed();
        let text = svg::document(&scene);
        let document = roxmltree::Document::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        assert_eq!(document.root_element().attribute("width"), Some(scene.width.to_string().as_str()));
        let started = std::time::Instant::now();
        let bytes = png::encode(&scene).unwrap();
        if let Some(folder) = &folder {
            std::fs::write(folder.join(format!("{}.png", case.name)), &bytes).unwrap();
            std::fs::write(folder.join(format!("{}.svg", case.name)), &text).unwrap();
            println!("{}: {composed:?} + {:?}, png {} svg {}", case.name, started.elapsed(), bytes.len(), text.len());
        }
        let pixels = Pixmap::decode_png(&bytes).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (case.options.width, case.options.height), "{}", case.name);

        let picture = Area { x: 0.0, y: 0.0, width: scene.width as f32, height: scene.height as f32 };
        let areas: Vec<(Area, &str)> = scene.texts().map(|t| (t.area(), t.text.as_str())).collect();
        for (i, (area, text)) in areas.iter().enumerate() {
            assert!(
                area.x >= 0.0 && area.right() <= picture.right() && area.y >= 0.0 && area.bottom() <= picture.bottom(),
                "{}: '{text}' leaves the picture: {area:?}",
                case.name
            );
            for (other, other_text) in &areas[..i] {
                assert!(!area.overlaps(*other), "{}: '{text}' lies over '{other_text}'", case.name);
            }
        }
    }
}

/// The rows of `pixels` in which pixel column `x` has about the colour `color`.
fn rows_of(pixels: &Pixmap, x: u32, color: Color, within: Area) -> Vec<u32> {
    let near = |a: u8, b: u8| a.abs_diff(b) < 24;
    (within.y as u32..within.bottom() as u32)
        .filter(|&y| {
            let p = pixels.pixel(x, y).unwrap();
            near(p.red(), color.r) && near(p.green(), color.g) && near(p.blue(), color.b)
        })
        .collect()
}

#[test]
fn a_single_sample_is_seen_at_full_height_at_any_size() {
    for (width, height) in [(240, 120), (333, 500), (1920, 1080), (2500, 700)] {
        for spike in [0, 1, 54_321, 199_998, 199_999] {
            let mut case = Case::new("spike", "spike", TimeBase::regular(1000.0), channels(1, "V"), 200_000, |_, f| {
                if f == spike { 1000.0 } else { (f % 2) as f32 }
            });
            case.options = Options { width, height, ..Options::default() };
            let scene = case.scene();
            let pixels = Pixmap::decode_png(&png::encode(&scene).unwrap()).unwrap();
            let x = scene.plot.x + (spike as f32 + 0.5) / 200_000.0 * scene.plot.width;
            let trace = Palette::of(Theme::Light).trace(0);
            let tallest = (x as u32 - 1..=x as u32 + 1)
                .map(|x| rows_of(&pixels, x.min(width - 1), trace, scene.plot).len())
                .max()
                .unwrap();
            assert!(tallest as f32 > 0.8 * scene.plot.height, "{width}x{height}, {spike}: {tallest} rows");
        }
    }
}

#[test]
fn gaps_are_hatched_where_they_are_and_nothing_is_drawn_in_them() {
    let time = TimeBase::with_spans(
        100.0,
        vec![ClockSpan { first_frame: 0, first_tick: 0 }, ClockSpan { first_frame: 3000, first_tick: 5000 }],
    );
    let case = Case::new("gap", "gap", time, channels(2, "V"), 8000, neural);
    let scene = case.scene();
    let plot = scene.plot;
    let (from, to) = (plot.x + 0.3 * plot.width, plot.x + 0.5 * plot.width);
    let bands: Vec<Area> = scene
        .shapes
        .iter()
        .filter_map(|s| if let Shape::Hatch { area, .. } = s { Some(*area) } else { None })
        .filter(|a| (a.y - plot.y).abs() < 1.0)
        .collect();
    assert_eq!(bands.len(), 1);
    assert!((bands[0].x - from).abs() < 0.5 && (bands[0].right() - to).abs() < 0.5, "{:?} {from} {to}", bands[0]);
    let mut traces = 0;
    for shape in &scene.shapes {
        if let Shape::Bars { first_x, bars, .. } = shape {
            let empty = |x: f32| bars[(x - *first_x as f32) as usize].is_empty();
            assert!(empty(from + 2.0) && empty(to - 2.0) && !empty(from - 2.0) && !empty(to + 2.0));
            traces += 1;
        }
    }
    assert!(traces >= 3, "two channels and the overview");
    assert!(scene.texts().any(|t| t.text.contains("20 s missing")));
}

#[test]
fn estimates_are_lighter_and_the_foot_says_so() {
    let mut case = Case::new("estimate", "estimate", TimeBase::regular(100.0), channels(1, "V"), 80_000, neural);
    let exact = case.scene();
    assert!(exact.texts().any(|t| t.text.starts_with("Exact")));
    case.guessed = 40_000..80_000;
    let scene = case.scene();
    assert!(scene.texts().any(|t| t.text.starts_with("Estimate: 50 %")));
    let trace = Palette::of(Theme::Light).trace(0);
    let drawn = |opaque: bool, right: bool| {
        let half = scene.plot.width as usize / 2;
        scene.shapes.iter().any(|s| match s {
            Shape::Bars { bars, color, .. } if (color.r, color.g, color.b) == (trace.r, trace.g, trace.b) => {
                let mut part = if right { bars[half + 2..].iter() } else { bars[..half - 2].iter() };
                (color.a == 255) == opaque && part.any(|b| !b.is_empty())
            }
            _ => false,
        })
    };
    assert!(drawn(true, false) && drawn(false, true) && !drawn(true, true) && !drawn(false, false));
}

#[test]
fn text_is_as_wide_as_it_is_said_to_be() {
    use resvg::usvg;
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
    let options = usvg::Options { fontdb: Arc::new(fonts), font_family: "Ubuntu".into(), ..usvg::Options::default() };
    for sample in ["0123456789", "17 h 00 min", "CH001", "−0.25 µV", "Whole recording", "30 kHz · 128 ch", "|#$%MWil"]
    {
        // The bars at the ends make the advance of what is between them visible in the bounds of the ink.
        let text = format!("|{sample}|");
        let size = 100.0;
        let document = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"><text font-family=\"Ubuntu\" \
             font-weight=\"300\" font-size=\"{size}\" style=\"font-kerning:none\">{text}</text></svg>"
        );
        let tree = usvg::Tree::from_str(&document, &options).unwrap();
        let ink = tree.root().abs_bounding_box().width();
        let said = picture::font::text_width(&text, size);
        assert!(ink <= said + 0.01 && ink > 0.9 * said, "'{text}': {ink} of {said}");
    }
}

#[test]
fn the_table_entry_writes_files() {
    let folder = tempfile::tempdir().unwrap();
    let case = Case::new("file", "file", TimeBase::regular(1000.0), channels(3, "V"), 50_000, neural);
    let task = Task::unattended();
    let selection = case.selection();
    for (name, magic) in [("out.png", b"\x89PNG".as_slice()), ("out.svg", b"<svg".as_slice())] {
        let target = folder.path().join(name);
        let exporter = export::for_target(&target).unwrap();
        assert_eq!(exporter.name, "picture");
        let mut settings = Settings::defaults(exporter.parameters);
        settings.set("size", "640x360").unwrap();
        let run = |settings: &Settings, overwrite| {
            (exporter.run)(&export::Request {
                source: &case.source,
                selection: &selection,
                whole: false,
                target: &target,
                values: Values::Physical,
                settings,
                overwrite,
                task: &task,
            })
        };
        assert_eq!(run(&settings, false).unwrap(), std::slice::from_ref(&target));
        assert!(std::fs::read(&target).unwrap().starts_with(magic));
        assert!(run(&settings, false).is_err(), "an existing file is kept");
        run(&settings, true).unwrap();
        for size in ["0x0", "99999x100", "640", "-5x7", "640xabc"] {
            let mut wrong = settings.clone();
            wrong.set("size", size).unwrap();
            assert!(run(&wrong, true).is_err(), "{size}");
        }
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 2);
}

#[test]
fn a_given_look_is_drawn() {
    use longwave::picture::{Look, Mark};
    let channels = channels(3, "uV");
    let scale = channels[0].scale.gain as f32;
    // A step from 0 to 50 µV in the middle.
    let step = |_: usize, f: u64| if f < 500 { 0.0 } else { 50.0 / scale };
    let mut case = Case::new("look", "look.rec", TimeBase::regular(1000.0), channels, 1000, step);
    let red = Color::rgb(0xcc_0011);
    case.options = Options {
        width: 1000,
        height: 600,
        dpi: Some(200.0),
        look: Look {
            ranges: vec![0.0..100.0, 100.0..0.0, 0.0..25.0],
            colours: vec![(1, red)],
            marks: vec![
                Mark { secs: 0.25..0.25, label: "here".to_owned(), colour: Color::rgb(0x00_8800) },
                Mark { secs: 0.7..0.8, label: "stretch".to_owned(), colour: Color::rgb(0x88_0088) },
                Mark { secs: 7.0..8.0, label: "elsewhere".to_owned(), colour: red },
            ],
            plain: true,
            scale_bars: true,
            ..Look::default()
        },
        ..Options::default()
    };
    let scene = case.scene();
    let texts: Vec<&str> = scene.texts().map(|t| t.text.as_str()).collect();
    assert!(texts.contains(&"here") && texts.contains(&"stretch") && !texts.contains(&"elsewhere"), "{texts:?}");
    assert!(!texts.iter().any(|t| t.contains("look.rec") || t.contains("Exact")), "plain: {texts:?}");
    assert!(texts.contains(&"200 ms"), "{texts:?}");
    let bytes = png::encode(&scene).unwrap();
    // The resolution: 200 dpi are 7874 pixels a metre.
    assert!(bytes.windows(12).any(|w| w[..4] == *b"pHYs" && w[4..12] == [0, 0, 0x1e, 0xc2, 0, 0, 0x1e, 0xc2]));
    assert!(svg::document(&scene).contains("width=\"127.000mm\" height=\"76.200mm\" viewBox=\"0 0 1000 600\""));
    let pixels = Pixmap::decode_png(&bytes).unwrap();
    let plot = scene.plot;
    let x = (plot.x + plot.width * 0.9) as u32;
    let lane = |i: usize| Area { y: plot.y + plot.height / 3.0 * i as f32, height: plot.height / 3.0, ..plot };
    let middle = |color: Color, area: Area| {
        let rows = rows_of(&pixels, x, color, area);
        assert!(!rows.is_empty(), "{color:?} is not in {area:?}");
        (rows[0] + rows[rows.len() - 1]) as f32 / 2.0 - area.y
    };
    // 50 of 0..100 is half-way up, and as far down where the lane is upside down.
    let half = plot.height / 6.0;
    assert!((middle(Palette::of(Theme::Light).trace(0), lane(0)) - half).abs() < 3.0);
    assert!((middle(red, lane(1)) - half).abs() < 3.0);
    // What is higher than the lane reaches over the one above, but not out of the plot.
    let third = rows_of(&pixels, x, Palette::of(Theme::Light).trace(2), plot);
    assert!(third.iter().all(|&row| row as f32 >= plot.y - 1.0), "{third:?}");
    // Ranges for another number of channels are refused.
    case.options.look.ranges.pop();
    let mut columns_of = |request: &ViewRequest| Ok(brute(&*case.source, request, &case.guessed));
    let wrong = picture::compose(case.source.recording(), &case.selection(), &case.options, &mut columns_of);
    assert!(wrong.unwrap_err().to_string().contains("2 ranges for 3 channels"));
}

#[test]
fn butterflies_share_one_axis_and_heat_maps_tell_their_colours() {
    let time = || TimeBase::regular(1000.0);
    // 100 and 50 steps high, around middles far apart.
    let waves = |c: usize, f: u64| 1000.0 * c as f32 + if f % 500 < 250 { 100.0 } else { 0.0 } / (c + 1) as f32;
    let mut case = Case::new("wings", "wings", time(), channels(2, "uV"), 4000, waves);
    case.options.look.display = Display::Butterfly;
    let scene = case.scene();
    let reach = |color: Color| {
        let bars = scene.shapes.iter().find_map(|s| match s {
            Shape::Bars { bars, color: own, .. } if *own == color => Some(bars),
            _ => None,
        });
        let bars = bars.unwrap().iter().filter(|bar| !bar.is_empty());
        bars.fold((f32::INFINITY, 0.0_f32), |(top, bottom), bar| (top.min(bar.top), bottom.max(bar.bottom)))
    };
    let palette = Palette::of(Theme::Light);
    let (first, second) = (reach(palette.trace(0)), reach(palette.trace(1)));
    let middle = scene.plot.y + scene.plot.height / 2.0;
    for (top, bottom) in [first, second] {
        assert!(((top + bottom) / 2.0 - middle).abs() < 2.0, "each from its own middle: {top} {bottom} {middle}");
    }
    let ratio = (first.1 - first.0) / (second.1 - second.0);
    assert!((ratio - 2.0).abs() < 0.05, "one scale for both: {ratio}");
    assert!(scene.texts().any(|t| t.text.contains("from each channel's middle")));

    // The loud half of one channel has the highest colour where half of its height was given as the range.
    let mut case = Case::new("heat", "heat", time(), channels(2, "uV"), 4000, |c, f| {
        if c == 1 && f >= 2000 { if f % 2 == 0 { 100.0 } else { -100.0 } } else { 0.0 }
    });
    case.options.look.display = Display::HeatMap;
    case.options.look.ranges = vec![-19.5..19.5];
    let scene = case.scene();
    let raster = scene.shapes.iter().find_map(|s| match s {
        Shape::Raster { width, pixels, .. } => Some((*width as usize, pixels)),
        _ => None,
    });
    let (width, pixels) = raster.unwrap();
    let at =
        |x: f64, y: f64| pixels[(y * (pixels.len() / width) as f64) as usize * width + (x * width as f64) as usize];
    let (none, all) = (ColourMap::Viridis.color(0.0), ColourMap::Viridis.color(1.0));
    assert_eq!([at(0.25, 0.25), at(0.75, 0.25), at(0.25, 0.75), at(0.75, 0.75)], [none, none, none, all]);
    assert!(scene.texts().any(|t| t.text == "Peak") && scene.texts().any(|t| t.text == "µV"));
    // A map of means cannot be made of extremes, and says so rather than showing something else.
    case.options.look.heat = HeatValue::Rms;
    let mut columns_of = |request: &ViewRequest| Ok(brute(&*case.source, request, &case.guessed));
    let wrong = picture::compose(case.source.recording(), &case.selection(), &case.options, &mut columns_of);
    assert!(wrong.unwrap_err().to_string().contains("means"));
}
