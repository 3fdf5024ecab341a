//! Histograms against numpy, channel health on made channels with known faults, whatever the pass is cut into.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/flat.rs"]
mod flat;

use std::io::Write as _;
use std::sync::Arc;

use common::{Random, longwave, run_python};
use flat::recording;
use longwave::analysis::{Report, Request, View, named};
use longwave::budget::MemoryBudget;
use longwave::form::Settings;
use longwave::recording::{ClockSpan, SampleFormat, Samples, Scale, TimeBase};
use longwave::scan::Selection;
use longwave::source::{MemorySource, Source};
use longwave::summary::{SidecarPolicy, Summary};
use longwave::task::Task;
use longwave::{Result, with_samples};
use proptest::prelude::*;

const MIB: u64 = 1 << 20;

fn run_with(
    source: &Arc<dyn Source>,
    selection: &Selection,
    name: &str,
    settings: &[(&str, &str)],
    (threads, bytes): (usize, u64),
    summary: Option<&Summary>,
) -> Result<Report> {
    let analysis = named(name)?;
    let mut values = Settings::defaults(analysis.parameters);
    for (key, value) in settings {
        values.set(key, value)?;
    }
    (analysis.check)(&values)?;
    let task = Task::new(MemoryBudget::new(bytes), threads);
    let report =
        (analysis.run)(&Request { source, selection, settings: &values, task: &task, summary, publish: &|_| {} });
    assert_eq!(task.budget().used(), 0, "everything reserved comes back");
    report
}

fn run(source: &Arc<dyn Source>, name: &str, settings: &[(&str, &str)]) -> Result<Report> {
    run_with(source, &Selection::all(source.recording(), 0), name, settings, (2, 256 * MIB), None)
}

fn memory(samples: Samples, channels: usize, time: TimeBase, scale: Scale) -> Arc<dyn Source> {
    let frames = samples.len() / channels;
    let format = SampleFormat::native(samples.sample_type());
    let mut recording = recording(format, channels, frames as u64, time);
    for channel in &mut recording.streams[0].channels {
        channel.scale = scale;
        channel.unit = "uV".to_owned();
    }
    Arc::new(MemorySource::new(recording, vec![samples]).unwrap())
}

fn bytes_of(samples: &Samples) -> Vec<u8> {
    use longwave::recording::Sample as _;
    with_samples!(samples, v => v.iter().flat_map(|x| x.to_le_array().as_ref().to_vec()).collect())
}

#[test]
fn histograms_are_those_of_numpy() {
    const SCRIPT: &str = "
x = np.fromfile(sys.argv[1], dtype=sys.argv[2]).reshape(int(sys.argv[3]), -1).astype(np.float64) * 0.195 + 1.5
e = np.array(json.load(open(sys.argv[4])))
out = []
for c in x:
    c = c[~np.isnan(c)]
    counts, edges = np.histogram(c, bins=len(e) - 1, range=(e[0], e[-1]))
    assert np.array_equal(edges, e), (edges - e)
    inside = c[(c >= e[0]) & (c <= e[-1])]
    with np.errstate(invalid='ignore'):
        density, _ = np.histogram(inside, bins=e, density=True)
    # Where nothing is inside, numpy divides by nothing.
    out.append([counts.tolist(), np.nan_to_num(density).tolist(), int((c < e[0]).sum()), int((c > e[-1]).sum())])
print(json.dumps(out))
";
    let mut random = Random(4);
    let n = 60_000;
    let mut noise = || random.signed() + random.signed() + random.signed();
    let kinds: Vec<(&str, Samples)> = vec![
        ("i1", Samples::I8((0..2 * n).map(|_| (noise() * 40.0) as i8).collect())),
        ("u1", Samples::U8((0..2 * n).map(|_| (noise() * 40.0 + 128.0) as u8).collect())),
        ("<i2", Samples::I16((0..2 * n).map(|_| (noise() * 9000.0) as i16).collect())),
        ("<u2", Samples::U16((0..2 * n).map(|_| (noise() * 9000.0 + 32_000.0) as u16).collect())),
        ("<i4", Samples::I32((0..2 * n).map(|_| (noise() * 1e8) as i32).collect())),
        ("<f4", Samples::F32((0..2 * n).map(|i| if i % 1000 == 9 { f32::NAN } else { noise() as f32 }).collect())),
        ("<f8", Samples::F64((0..2 * n).map(|_| noise()).collect())),
    ];
    for (name, samples) in kinds {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes_of(&samples)).unwrap();
        let source = memory(samples, 2, TimeBase::regular(1000.0), Scale { gain: 0.195, offset: 1.5 });
        for settings in [&[("bins", "77")][..], &[("bins", "50"), ("limits", "-0.3..2.25")], &[("bins", "65534")]] {
            let report = run(&source, "histogram", settings).unwrap();
            let mut edges = tempfile::NamedTempFile::new().unwrap();
            edges.write_all(report.json["edges"].to_string().as_bytes()).unwrap();
            let files = [file.path().to_str().unwrap(), edges.path().to_str().unwrap()];
            let truth = run_python(SCRIPT, &[files[0], name, "2", files[1]]);
            let truth: Vec<serde_json::Value> = serde_json::from_str(&truth).unwrap();
            let dense = run(&source, "histogram", &[settings, &[("density", "true")]].concat()).unwrap();
            let View::Curves(dense) = &dense.view else { panic!("a histogram is curves") };
            for (c, truth) in truth.iter().enumerate() {
                let found = &report.json["channels"][c];
                assert_eq!(found["counts"], truth[0], "{name} {settings:?}");
                assert_eq!((&found["below"], &found["above"]), (&truth[2], &truth[3]), "{name} {settings:?}");
                let inside = found["counts"].as_array().unwrap().iter().any(|n| *n != 0);
                assert_eq!(dense.series[c].1.iter().all(|x| x.is_finite()), inside, "nothing has no density");
                for (a, b) in dense.series[c].1.iter().zip(truth[1].as_array().unwrap()).filter(|_| inside) {
                    assert!((a - b.as_f64().unwrap()).abs() <= 1e-9 * a.abs(), "{name}");
                }
            }
        }
        // Without a number of bins, and cumulative: everything is counted once, and it ends with all.
        let all = run(&source, "histogram", &[]).unwrap();
        for c in 0..2 {
            let found = &all.json["channels"][c];
            let sum: u64 = found["counts"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum();
            assert_eq!(sum, found["count"].as_u64().unwrap());
            assert_eq!(sum + found["nan_count"].as_u64().unwrap(), n as u64);
        }
        let rising = run(&source, "histogram", &[("cumulative", "true"), ("density", "true")]).unwrap();
        let View::Curves(rising) = &rising.view else { panic!("a distribution is curves") };
        assert_eq!(rising.x_key, "upper_edge");
        for (_, values) in &rising.series {
            assert!(values.windows(2).all(|w| w[0] <= w[1]) && *values.last().unwrap() == 1.0, "{name}");
        }
    }
}

#[test]
fn automatic_bins_hold_whole_steps() {
    let samples = Samples::I16((0..5000).map(|i| (i % 50) as i16 - 20).collect());
    let source = memory(samples, 1, TimeBase::regular(1.0), Scale { gain: -0.5, offset: 3.0 });
    let report = run(&source, "histogram", &[]).unwrap();
    let counts = report.json["channels"][0]["counts"].as_array().unwrap();
    assert!(counts.len() == 50 && counts.iter().all(|n| *n == 100), "{counts:?}");
    // 65,536 values in 1,024 bins of 64.
    let samples = Samples::I16((0..65_536).map(|i| (i - 32_768) as i16).collect());
    let source = memory(samples, 1, TimeBase::regular(1.0), Scale::default());
    let report = run(&source, "histogram", &[]).unwrap();
    let counts = report.json["channels"][0]["counts"].as_array().unwrap();
    assert!(counts.len() == 1024 && counts.iter().all(|n| *n == 64));
}

#[test]
fn refusals_say_what_would_work() {
    let says = |source: &Arc<dyn Source>, name: &str, settings: &[(&str, &str)], frames: std::ops::Range<u64>| {
        let selection = Selection { frames, ..Selection::all(source.recording(), 0) };
        run_with(source, &selection, name, settings, (1, 64 * MIB), None).unwrap_err().to_string()
    };
    let nan = memory(Samples::F32(vec![f32::NAN; 100]), 1, TimeBase::regular(10.0), Scale::default());
    assert!(says(&nan, "histogram", &[], 0..100).contains("no sample of the selection is a number"));
    assert!(says(&nan, "histogram", &[], 5..5).contains("holds no samples"));
    assert!(says(&nan, "health", &[], 5..5).contains("holds no samples"));
    assert!(says(&nan, "histogram", &[("limits", "3..1")], 0..100).contains("the lower first"));
    assert!(says(&nan, "histogram", &[("limits", "nan..1")], 0..100).contains("the lower first"));
    assert!(
        says(&nan, "health", &[("interval", "0.1")], 0..100).contains("--interval 1.6"),
        "{}",
        says(&nan, "health", &[("interval", "0.1")], 0..100)
    );
    let infinite = memory(Samples::F64(vec![f64::INFINITY, 1.0]), 1, TimeBase::regular(10.0), Scale::default());
    assert!(says(&infinite, "histogram", &[], 0..2).contains("--limits"));
    let report = run(&infinite, "histogram", &[("limits", "0..2"), ("bins", "2")]).unwrap();
    assert_eq!(report.json["channels"][0]["counts"], serde_json::json!([0, 1]));
    assert_eq!(report.json["channels"][0]["above"], 1);
    let constant = memory(Samples::F32(vec![2.0; 10]), 1, TimeBase::regular(10.0), Scale::default());
    let report = run(&constant, "histogram", &[("bins", "4")]).unwrap();
    assert_eq!(report.json["edges"], serde_json::json!([1.5, 1.75, 2.0, 2.25, 2.5]));
    assert_eq!(report.json["channels"][0]["counts"], serde_json::json!([0, 0, 10, 0]));
    // Memory for the counts is asked for before it is taken.
    let wide = memory(Samples::I16(vec![1; 2000 * 10]), 2000, TimeBase::regular(10.0), Scale::default());
    let text = says(&wide, "histogram", &[("bins", "60000")], 0..10);
    assert!(text.contains("--bins"), "{text}");
}

const RATE: f64 = 2000.0;
const FAULTS: [&str; 10] = ["good", "good", "noisy", "good", "dead", "good", "clipped", "good", "line noise", "good"];

/// Ten channels that share a slow signal, four of them with a fault.
fn faulty(secs: usize, mains: f64) -> Vec<i16> {
    let mut random = Random(99);
    let frames = secs * RATE as usize;
    let mut common = vec![0.0; frames];
    let mut level = 0.0;
    for x in &mut common {
        level = 0.98 * level + random.signed() * 30.0;
        *x = level;
    }
    let mut samples = Vec::with_capacity(frames * FAULTS.len());
    for fault in FAULTS {
        for (i, common) in common.iter().enumerate() {
            let t = i as f64 / RATE;
            let own = *common + random.signed() * 20.0;
            samples.push(match fault {
                "noisy" => own + random.signed() * 3000.0,
                "dead" => 7.0,
                "clipped" => {
                    if i % 500 < 5 {
                        1e9
                    } else {
                        own
                    }
                }
                "line noise" => {
                    own + 150.0 * (std::f64::consts::TAU * mains * t).sin()
                        + 60.0 * (std::f64::consts::TAU * 3.0 * mains * t).cos()
                }
                _ => own,
            } as i16);
        }
    }
    samples
}

fn with_gap() -> TimeBase {
    let spans =
        vec![ClockSpan { first_frame: 0, first_tick: 0 }, ClockSpan { first_frame: 13_333, first_tick: 90_000 }];
    TimeBase::with_spans(RATE, spans)
}

#[test]
fn a_converter_of_fewer_bits_than_its_type_is_seen_to_clip() {
    const CLIPPED: usize = 3;
    let frames = 12 * RATE as usize;
    let mut random = Random(5);
    let mut samples = Vec::new();
    for c in 0..6 {
        for i in 0..frames {
            let t = i as f64 / RATE;
            let artefact = 4000.0 * (std::f64::consts::TAU * 3.0 * t).sin();
            let own = random.signed() * 60.0 + if c == CLIPPED && (4.0..5.0).contains(&t) { artefact } else { 0.0 };
            // A converter of 12 bits.
            samples.push(own.clamp(-2048.0, 2047.0) as i16);
        }
    }
    let at_rail = samples.iter().filter(|x| [-2048, 2047].contains(*x)).count() as f64;
    let report_of = |samples: Samples| {
        let source = memory(samples, 6, TimeBase::regular(RATE), Scale { gain: 0.2, offset: 1.0 });
        run(&source, "health", &[("interval", "1")]).unwrap().whole_json()
    };
    let floats = Samples::F32(samples.iter().map(|&x| f32::from(x)).collect());
    for json in [report_of(Samples::I16(samples)), report_of(floats)] {
        assert_eq!(json["bad_channels"], serde_json::json!([format!("ch {CLIPPED}")]), "{json}");
        let channel = &json["channels"][CLIPPED];
        assert_eq!(channel["verdict"], "clipped");
        let share = channel["clipped_share"].as_f64().unwrap() * frames as f64 / at_rail;
        assert!((0.97..=1.0).contains(&share), "{share}");
        for (k, share) in channel["intervals"]["clipped_share"].as_array().unwrap().iter().enumerate() {
            assert_eq!(share.as_f64().unwrap() > 0.5, k == 4, "interval {k}: {share}");
            assert!(k == 4 || share.as_f64() == Some(0.0), "interval {k}: {share}");
        }
        assert_eq!(json["channels"][0]["clipped_share"], 0.0);
    }
}

#[test]
fn faults_are_found_and_their_shares_are_right() {
    for mains in [50.0, 60.0] {
        let secs = 12;
        let samples = faulty(secs, mains);
        let source = memory(Samples::I16(samples.clone()), FAULTS.len(), with_gap(), Scale { gain: 0.5, offset: 0.0 });
        let report = run(&source, "health", &[("interval", "3")]).unwrap();
        let json = report.whole_json();
        let mut text = Vec::new();
        report.write_json(&mut text).unwrap();
        // Both through text, since what is read back may be one step beside what was written.
        let read = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap();
        assert!(read(&text) == read(json.to_string().as_bytes()), "written channel by channel it is the same");
        let channels = json["channels"].as_array().unwrap();
        let verdicts: Vec<&str> = channels.iter().map(|c| c["verdict"].as_str().unwrap()).collect();
        assert_eq!(verdicts, FAULTS, "{json}");
        assert_eq!((json["mains_hz"].as_f64(), json["interval_secs"].as_f64()), (Some(mains), Some(3.0)));
        assert_eq!(json["bad_channels"], serde_json::json!(["ch 2", "ch 4", "ch 6", "ch 8"]));
        assert_eq!(
            json["interval_start_secs"],
            serde_json::json!([0.0, 3.0, 6.0, 47.333_5]),
            "the gap shifts the last"
        );
        let frames = secs * RATE as usize;
        for (c, channel) in channels.iter().enumerate() {
            let values: Vec<f64> = samples[c * frames..(c + 1) * frames].iter().map(|&x| f64::from(x) * 0.5).collect();
            let std = |v: &[f64]| {
                let mean = v.iter().sum::<f64>() / v.len() as f64;
                (v.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / v.len() as f64).sqrt()
            };
            for (k, found) in channel["intervals"]["rms"].as_array().unwrap().iter().enumerate() {
                let truth = std(&values[k * 6000..(k + 1) * 6000]);
                assert!((found.as_f64().unwrap() - truth).abs() <= 1e-5 * truth, "channel {c}: {found} {truth}");
            }
            let limits = samples[c * frames..(c + 1) * frames].iter().filter(|&&x| x == i16::MAX).count();
            assert!((channel["clipped_share"].as_f64().unwrap() - limits as f64 / frames as f64).abs() < 1e-9);
            assert_eq!(channel["bad"], FAULTS[c] != "good");
            assert_eq!(channel["flat_share"].as_f64(), Some(if FAULTS[c] == "dead" { 1.0 } else { 0.0 }), "{c}");
        }
        // The tones carry (150² + 60²) / 2 of the power; common and own noise carry the rest.
        let noisy = &samples[8 * frames..9 * frames];
        let total = noisy.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>() / frames as f64;
        let share = channels[8]["line_noise_share"].as_f64().unwrap();
        let truth = f64::midpoint(150.0 * 150.0, 60.0 * 60.0) / total;
        assert!((share - truth).abs() < 0.05 * truth, "{share} {truth}");
        assert!(channels[0]["line_noise_share"].as_f64().unwrap() < 0.05);
        let correlation = |c: usize| channels[c]["correlation"].as_f64();
        assert!(correlation(0).unwrap() > 0.8, "beside a good channel: {:?}", correlation(0));
        assert!(correlation(2).unwrap() < 0.5 && correlation(4).is_none());
    }
}

/// The correlation with the neighbours is that of numpy where no average hides anything.
#[test]
fn correlation_is_that_of_numpy() {
    const SCRIPT: &str = "
x = np.fromfile(sys.argv[1], dtype='<f8').reshape(3, -1)
w = x.reshape(3, -1, 400); w = w - w.mean(axis=2, keepdims=True)
c = lambda a, b: float((w[a] * w[b]).sum() / np.sqrt((w[a] ** 2).sum() * (w[b] ** 2).sum()))
print(json.dumps([c(0, 1), max(c(0, 1), c(1, 2)), c(1, 2)]))
";
    let mut random = Random(8);
    let common: Vec<f64> = (0..8000).map(|_| random.signed()).collect();
    let values: Vec<f64> = [0.2, 1.0, 3.0]
        .iter()
        .flat_map(|&k| common.iter().map(|c| c + k * random.signed()).collect::<Vec<f64>>())
        .collect();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&bytes_of(&Samples::F64(values.clone()))).unwrap();
    let truth: Vec<f64> = serde_json::from_str(&run_python(SCRIPT, &[file.path().to_str().unwrap()])).unwrap();
    let source = memory(Samples::F64(values), 3, TimeBase::regular(RATE), Scale::default());
    let report = run(&source, "health", &[]).unwrap();
    for (c, truth) in truth.iter().enumerate() {
        let found = report.json["channels"][c]["correlation"].as_f64().unwrap();
        assert!((found - truth).abs() < 1e-6, "{found} {truth}");
    }
}

#[test]
fn nan_constants_and_low_rates_leave_blanks_not_numbers() {
    let n = 4000;
    let mut values = vec![f32::NAN; n];
    values.extend((0..n).map(|i| if i % 700 == 3 { f32::NAN } else { (i as f32).sin() }));
    let source = memory(Samples::F32(values), 2, TimeBase::regular(RATE), Scale::default());
    let json = run(&source, "health", &[]).unwrap().whole_json();
    assert_eq!(json["channels"][0]["verdict"], "dead");
    assert!(json["channels"][0]["rms"].is_null() && json["channels"][0]["intervals"]["rms"][0].is_null());
    assert!(json["channels"][1]["rms"].as_f64().unwrap() > 0.5 && json["channels"][1]["correlation"].is_null());
    let slow = memory(
        Samples::I16((0..4000).map(|i| (i % 77) as i16).collect()),
        1,
        TimeBase::regular(20.0),
        Scale::default(),
    );
    let report = run(&slow, "health", &[]).unwrap();
    assert!(report.json["mains_hz"].is_null() && report.json["channels"][0]["line_noise_share"].is_null());
    assert!(report.notes.iter().any(|n| n.contains("cannot be seen")), "{:?}", report.notes);
    let short = memory(Samples::I16(vec![1, 2, 3]), 1, TimeBase::regular(RATE), Scale::default());
    let report = run(&short, "health", &[]).unwrap();
    assert!(report.json["channels"][0]["flat_share"].is_null());
    assert!(report.notes.iter().any(|n| n.contains("as long as 400 frames")), "{:?}", report.notes);
}

#[test]
fn the_command_line_gives_tables_files_and_json() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let samples = faulty(6, 50.0);
    let frames = samples.len() / FAULTS.len();
    let interleaved: Vec<u8> = (0..frames)
        .flat_map(|f| (0..FAULTS.len()).map(move |c| (f, c)))
        .flat_map(|(f, c)| samples[c * frames + f].to_le_bytes())
        .collect();
    std::fs::write(path("data.bin"), interleaved).unwrap();
    let layout = ["--format", "raw", "--dtype", "i16", "--channel-count", "10", "--rate", "2000"];
    let run = |args: &[&str]| {
        let output = longwave(&[args, &layout].concat());
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let data = path("data.bin");
    let table = run(&["health", &data, "--interval", "2"]);
    assert!(table.lines().count() == 11 && table.contains("line noise"), "{table}");
    let json: serde_json::Value = serde_json::from_str(&run(&["health", &data, "--interval", "2", "--json"])).unwrap();
    for key in ["channel", "rms", "line_noise_share", "clipped_share", "flat_share", "correlation", "verdict", "bad"] {
        assert!(json["channels"][8].get(key).is_some(), "{key}");
    }
    assert_eq!(json["channels"][8]["intervals"]["line_noise_share"].as_array().unwrap().len(), 3);
    run(&["health", &data, "-o", &path("health.csv")]);
    let csv = std::fs::read_to_string(path("health.csv")).unwrap();
    assert!(csv.starts_with("channel,unit,rms,line_noise_share,") && csv.lines().count() == 11, "{csv}");
    run(&["health", &data, "--interval", "2", "-o", &path("health.npy")]);
    let shape = run_python("print(np.load(sys.argv[1]).shape)", &[&path("health.npy")]);
    assert_eq!(shape.trim(), "(5, 10, 3)");
    run(&["histogram", &data, "--bins", "20", "--channels", "0-1", "-o", &path("histogram.csv")]);
    let csv = std::fs::read_to_string(path("histogram.csv")).unwrap();
    assert!(csv.starts_with("bin_centre,") && csv.lines().count() == 21, "{csv}");
    let json: serde_json::Value = serde_json::from_str(&run(&["histogram", &data, "--json"])).unwrap();
    assert_eq!(json["edges"].as_array().unwrap().len(), json["bins"].as_u64().unwrap() as usize + 1);
    run(&["histogram", &data, "--limits", "-5..5", "--bins", "3"]);
    let refused = longwave(&[&["histogram", &data, "--limits", "5"][..], &layout].concat());
    assert_eq!(refused.status.code(), Some(2));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn nothing_depends_on_how_the_pass_is_cut(from in 0_u64..9000, threads in 1_usize..4, interval in 1_u64..40, kib in 200_u64..3000) {
        let source = memory(Samples::I16(faulty(7, 50.0)), FAULTS.len(), with_gap(), Scale { gain: 0.5, offset: 1.0 });
        let selection = Selection { stream: 0, channels: vec![8, 1, 2, 6], frames: from..14_000 };
        let interval = format!("{}", interval as f64 * 0.2 + 0.013);
        let whole = run_with(&source, &selection, "health", &[("interval", &interval)], (1, 512 * MIB), None).unwrap();
        let cut = run_with(&source, &selection, "health", &[("interval", &interval)], (threads, kib << 10), None).unwrap();
        let (whole, cut) = (whole.whole_json(), cut.whole_json());
        prop_assert_eq!(&whole["bad_channels"], &cut["bad_channels"]);
        for (a, b) in whole["channels"].as_array().unwrap().iter().zip(cut["channels"].as_array().unwrap()) {
            for key in ["rms", "line_noise_share", "clipped_share", "flat_share", "correlation"] {
                let pairs = a["intervals"][key].as_array().unwrap().iter().zip(b["intervals"][key].as_array().unwrap());
                for (x, y) in pairs {
                    match (x.as_f64(), y.as_f64()) {
                        (Some(x), Some(y)) => prop_assert!((x - y).abs() <= 1e-6 * x.abs().max(1e-3), "{} {} {}", key, x, y),
                        (x, y) => prop_assert_eq!(x, y),
                    }
                }
            }
        }
        let summary = Summary::open(Arc::clone(&source), 0, &MemoryBudget::new(64 * MIB), &SidecarPolicy::Off).unwrap();
        summary.build(&Task::new(MemoryBudget::new(64 * MIB), 1)).unwrap();
        let settings = [("bins", "33")];
        let whole = run_with(&source, &selection, "histogram", &settings, (1, 512 * MIB), None).unwrap();
        let cut = run_with(&source, &selection, "histogram", &settings, (threads, kib << 10), Some(&summary)).unwrap();
        prop_assert_eq!(whole.json, cut.json);
    }
}
