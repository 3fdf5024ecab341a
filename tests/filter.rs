//! Filters against scipy and numpy over the same values; independence of how a recording is read; gaps, values that are
//! no numbers, clocks of decimated streams, and refusals.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/flat.rs"]
mod flat;

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use common::{Random, longwave, run_python};
use flat::recording;
use longwave::filter::{Chain, filtered, response};
use longwave::recording::{Block, ClockSpan, SampleFormat, SampleType, Samples, Scale, TimeBase};
use longwave::source::{MemorySource, Source};
use longwave::task::Task;
use proptest::prelude::*;

fn noise(n: usize, seed: u64) -> Vec<f64> {
    let mut random = Random(seed);
    (0..n).map(|i| 100.0 * random.signed() + 300.0 * (i as f64 * 0.02).sin() + 1000.0).collect()
}

/// `samples` (planar) as a recording in memory.
fn memory(samples: Vec<f64>, channels: usize, time: TimeBase) -> Arc<dyn Source> {
    let frames = (samples.len() / channels) as u64;
    let recording = recording(SampleFormat::native(SampleType::F64), channels, frames, time);
    Arc::new(MemorySource::new(recording, vec![Samples::F64(samples)]).unwrap())
}

fn through(source: &Arc<dyn Source>, chain: &str) -> Arc<dyn Source> {
    let chain = Chain { output: SampleType::F64, ..Chain::parse(chain).unwrap() };
    filtered(Arc::clone(source), 0, &chain).unwrap_or_else(|e| panic!("{chain}: {e}"))
}

/// All of `channels`, planar.
fn all(source: &Arc<dyn Source>, channels: &[usize]) -> Vec<f64> {
    part(source, 0..source.recording().streams[0].frames, channels)
}

fn part(source: &Arc<dyn Source>, frames: std::ops::Range<u64>, channels: &[usize]) -> Vec<f64> {
    let mut block = Block::default();
    source.read(0, frames, channels, &mut block).unwrap();
    (0..block.samples().len()).map(|i| block.samples().get_f64(i)).collect()
}

#[track_caller]
fn assert_close(ours: &[f64], theirs: &[f64], tolerance: f64, what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let size = theirs.iter().filter(|x| x.is_finite()).fold(1e-300_f64, |a, x| a.max(x.abs()));
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        let same = a.is_nan() && b.is_nan();
        assert!(same || (a - b).abs() <= tolerance * size, "{what}: {i} of {}: {a:e} and {b:e}", ours.len());
    }
}

fn bytes_of(values: &[f64]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>()).unwrap();
    file
}

/// What the Python expression `made` gives for each of `inputs`, as lists of numbers. Python knows each input as `x`.
fn oracle(made: &str, inputs: &[&[f64]]) -> Vec<Vec<f64>> {
    let files: Vec<_> = inputs.iter().map(|x| bytes_of(x)).collect();
    let paths: Vec<&str> = files.iter().map(|f| f.path().to_str().unwrap()).collect();
    let script = format!(
        "from scipy import signal\nfor path in sys.argv[1:]:\n    x = np.fromfile(path)\n    \
         print(' '.join(repr(float(v)) for v in np.ravel({made})))"
    );
    numbers(&run_python(&script, &paths))
}

/// What each of the expressions `made` gives for `x`: one interpreter for all, which costs more to start than to ask.
fn oracles(made: &[&str], x: &[f64]) -> Vec<Vec<f64>> {
    let file = bytes_of(x);
    let mut script = "from scipy import signal\nx = np.fromfile(sys.argv[1])\n".to_owned();
    for made in made {
        script += &format!("print(' '.join(repr(float(v)) for v in np.ravel({made})))\n");
    }
    numbers(&run_python(&script, &[file.path().to_str().unwrap()]))
}

fn numbers(text: &str) -> Vec<Vec<f64>> {
    text.lines().map(|line| line.split_whitespace().map(|v| v.parse().unwrap()).collect()).collect()
}

const RATE: f64 = 30_000.0;

#[test]
fn every_design_has_the_output_of_scipy_in_both_directions() {
    // Families, orders (odd and even), bands, near the ends of the axis too.
    let mut cases: Vec<(String, String)> = Vec::new();
    let families = [
        ("", "butter({n}, {w}, '{b}', fs=30000, output='sos')"),
        (",kind=chebyshev-1,ripple=0.5", "cheby1({n}, 0.5, {w}, '{b}', fs=30000, output='sos')"),
        (",kind=chebyshev-2,attenuation=60", "cheby2({n}, 60, {w}, '{b}', fs=30000, output='sos')"),
    ];
    let bands = [
        ("low-pass=300", "300", "low"),
        ("low-pass=14500", "14500", "low"),
        ("high-pass=300", "300", "high"),
        ("band-pass=300..6000", "[300, 6000]", "bandpass"),
        ("band-stop=800..2500", "[800, 2500]", "bandstop"),
    ];
    for (kind, design) in families {
        for (text, edges, name) in bands {
            for n in [1, 2, 3, 4, 5, 8] {
                let design = design.replace("{n}", &n.to_string()).replace("{w}", edges).replace("{b}", name);
                cases.push((format!("{text},order={n}{kind}"), format!("signal.{design}")));
            }
        }
    }
    cases.push(("notch=50".into(), "np.hstack(signal.iirnotch(50, 30, 30000))[None, :]".into()));
    cases.push((
        "notch=60,harmonics=4,q=12".into(),
        "np.vstack([np.hstack(signal.iirnotch(60 * k, 12, 30000)) for k in (1, 2, 3, 4)])".into(),
    ));
    let x = noise(3000, 5);
    let source = memory(x.clone(), 1, TimeBase::regular(RATE));
    let list: Vec<String> = cases.iter().map(|(_, design)| design.clone()).collect();
    let list = list.join(",");
    let theirs = oracles(
        &[
            &format!("[signal.sosfiltfilt(s, x) for s in [{list}]]"),
            &format!("[signal.sosfilt(s, x) for s in [{list}]]"),
            &format!("[abs(signal.freqz_sos(s, [1, 50, 299, 7000], fs=30000)[1]) for s in [{list}]]"),
        ],
        &x,
    );
    let [zero, causal, gains] = &theirs[..] else { panic!("{} lists", theirs.len()) };
    for (i, (text, _)) in cases.iter().enumerate() {
        let theirs = &zero[i * x.len()..(i + 1) * x.len()];
        assert_close(&all(&through(&source, text), &[0]), theirs, 1e-10, text);
        let theirs = &causal[i * x.len()..(i + 1) * x.len()];
        let text = format!("{text},phase=causal");
        assert_close(&all(&through(&source, &text), &[0]), theirs, 1e-10, &text);
        let chain = Chain::parse(&text).unwrap();
        let (ours, others) = response(&source.recording().streams[0], &chain, &[1.0, 50.0, 299.0, 7000.0]).unwrap();
        assert!(!others);
        assert_close(&ours, &gains[i * 4..(i + 1) * 4], 1e-9, &text);
    }
}

#[test]
fn channels_side_by_side_gaps_and_scales_are_those_of_scipy_alone() {
    // Eleven channels: a group of eight and one of three. Three stretches, one of them shorter than the extension.
    let (channels, frames) = (11, 6000);
    let cuts = [0, 2500, 2517, 6000];
    let spans =
        [(0, 0), (2500, 2510), (2517, 9000)].map(|(first_frame, first_tick)| ClockSpan { first_frame, first_tick });
    let time = TimeBase::with_spans(RATE, spans.to_vec());
    let mut random = Random(3);
    let stored: Vec<i16> = (0..channels * frames).map(|_| (random.next() >> 49) as i16 - 16_000).collect();
    let mut recording = recording(SampleFormat::native(SampleType::I16), channels, frames as u64, time);
    for (c, channel) in recording.streams[0].channels.iter_mut().enumerate() {
        channel.scale = Scale { gain: 0.195 + c as f64, offset: -7.0 };
    }
    let source: Arc<dyn Source> = Arc::new(MemorySource::new(recording, vec![Samples::I16(stored.clone())]).unwrap());
    let made = through(&source, "band-pass=300..6000");
    assert!(made.recording().warnings.iter().any(|w| w.text.contains("1 of the 3 stretches")));
    let list: Vec<usize> = (0..channels).collect();
    let ours = all(&made, &list);
    let physical: Vec<Vec<f64>> = (0..channels)
        .map(|c| {
            stored[c * frames..(c + 1) * frames].iter().map(|&x| f64::from(x) * (0.195 + c as f64) - 7.0).collect()
        })
        .collect();
    let inputs: Vec<&[f64]> = cuts.windows(2).flat_map(|w| physical.iter().map(|x| &x[w[0]..w[1]])).collect();
    let expected = oracle(
        "signal.sosfiltfilt(signal.butter(4, [300, 6000], 'band', fs=30000, output='sos'), x, padlen=min(27, len(x) - 1))",
        &inputs,
    );
    for (w, theirs) in cuts.windows(2).zip(expected.chunks(channels)) {
        for c in 0..channels {
            assert_close(
                &ours[c * frames + w[0]..c * frames + w[1]],
                &theirs[c],
                1e-10,
                &format!("channel {c} from {}", w[0]),
            );
        }
    }
}

/// Filters that are cut in different ways, at different speeds of settling.
const CHAINS: &[&str] = &[
    "band-pass=300..6000",
    "high-pass=300,order=2,phase=causal",
    "high-pass=12",
    "band-pass=1.5..300,order=3",
    "notch=50",
    "high-pass=1,order=2,phase=causal",
    "moving-average=7ms; derivative",
    "remove-dc=0.2s,phase=causal; rectify",
    "band-pass=300..6000; envelope",
    "envelope=rectify,smooth=100",
    "decimate=10",
    "decimate=7; decimate=3,phase=causal; high-pass=5",
    "notch=50,harmonics=3; reference=cmr; low-pass=2000",
];

/// A recording long enough for every chain to be cut within its memory: 100 000 frames, two gaps, some NaN in the
/// second of three channels.
fn long(seed: u64) -> Arc<dyn Source> {
    let (channels, frames) = (3, 100_000);
    let mut samples = noise(channels * frames, seed);
    for at in [0, 9_000, 9_001, 60_000, frames - 1] {
        samples[frames + at] = if at == 9_001 { f64::INFINITY } else { f64::NAN };
    }
    let spans = [(0, 0), (17, 40), (90_003, 90_100)];
    let spans = spans.map(|(first_frame, first_tick)| ClockSpan { first_frame, first_tick });
    memory(samples, channels, TimeBase::with_spans(RATE, spans.to_vec()))
}

#[test]
fn any_cut_of_the_recording_gives_the_same() {
    for (i, chain) in CHAINS.iter().enumerate() {
        let source = long(11 + i as u64);
        let made = through(&source, chain);
        let frames = made.recording().streams[0].frames;
        let whole = all(&made, &[0, 1, 2]);
        let count = |c: usize| whole.chunks(frames as usize).nth(c).unwrap().iter().filter(|x| x.is_nan()).count();
        assert!(count(1) > 0 && count(0) + count(2) == 0, "{chain}");
        let mut random = Random(i as u64 + 1);
        let size = whole.iter().filter(|x| x.is_finite()).fold(0.0_f64, |a, x| a.max(x.abs()));
        // A fresh one, which knows nothing of the first pass.
        let again = through(&source, chain);
        let edges = [0, 17, 18, frames / 2, frames - 1, 60_000.min(frames)];
        for k in 0..6 {
            let start = if k < edges.len() { edges[k] } else { random.below(frames) };
            let end = (start + 1 + random.below(3000)).min(frames);
            let start = start.saturating_sub(random.below(40)).min(end);
            let channel = [0, 1, 2][random.below(3) as usize];
            // With the broken channel beside it, and with whole ones only.
            let other = [1, 0, 2][k % 3];
            let ours = part(&again, start..end, &[channel, other]);
            for (j, x) in ours.iter().enumerate() {
                let n = (end - start) as usize;
                let c = if j < n { channel } else { other };
                let expected = whole[c * frames as usize + start as usize + j % n];
                let same = x.is_nan() && expected.is_nan();
                assert!(
                    same || (x - expected).abs() <= 1e-9 * size,
                    "{chain}: {start}..{end} channel {c} at {}: {x:e} instead of {expected:e}",
                    j % n
                );
            }
        }
    }
}

#[test]
fn filters_next_to_the_nyquist_frequency_lose_no_digits() {
    // A large offset that hardly anything is left of, and poles next to −1.
    let x: Vec<f64> = noise(20_000, 15).iter().map(|x| x + 1e5).collect();
    let source = memory(x.clone(), 1, TimeBase::regular(RATE));
    let cases = [
        ("high-pass=14999", "signal.butter(4, 14999, 'high', fs=30000, output='sos')"),
        ("low-pass=14999", "signal.butter(4, 14999, fs=30000, output='sos')"),
        ("band-pass=14000..14999,order=3", "signal.butter(3, [14000, 14999], 'band', fs=30000, output='sos')"),
        ("band-pass=20..14990,order=3", "signal.butter(3, [20, 14990], 'band', fs=30000, output='sos')"),
    ];
    let designs = cases.map(|(_, design)| format!("signal.sosfiltfilt({design}, x)[2000:-2000]"));
    let expected = oracles(&designs.each_ref().map(String::as_str), &x);
    for ((text, _), theirs) in cases.iter().zip(expected) {
        let ours = part(&through(&source, text), 2000..18_000, &[0]);
        assert_close(&ours, &theirs, 1e-9, text);
    }
}

#[test]
fn slow_filters_are_scipy_over_the_whole_stretch() {
    // scipy finds the states to begin with by solving equations that are next to singular here, and its ends are wrong by
    // 1e-8. So it is compared on the interior, and everything with its own recursion in long double from exact states.
    const EXACT: &str = "
from scipy import signal
L = np.longdouble
x = np.fromfile(sys.argv[1])
def steady(sos):
    out, gain = [], L(1)
    for b0, b1, b2, _, a1, a2 in sos:
        own = (b0 + b1 + b2) / (1 + a1 + a2)
        out.append([gain * (own - b0), gain * (b2 - a2 * own)])
        gain *= own
    return np.array(out, L)
def exact(sos, both):
    if not both:
        return signal.sosfilt(sos.astype(L), x.astype(L))
    edge = 3 * (2 * len(sos) + 1 - min((sos[:, 2] == 0).sum(), (sos[:, 5] == 0).sum()))
    y, sos = np.concatenate([2 * x[0] - x[edge:0:-1], x, 2 * x[-1] - x[-2:-edge - 2:-1]]).astype(L), sos.astype(L)
    for _ in range(2):
        y = signal.sosfilt(sos, y, zi=steady(sos) * y[0])[0][::-1]
    return y[edge:-edge]
for design, direction, path in zip(*[iter(sys.argv[2:])] * 3):
    sos, both, ours = eval(design), direction == 'both', np.fromfile(path)
    theirs, better = (signal.sosfiltfilt if both else signal.sosfilt)(sos, x), exact(sos, both)
    size, middle = abs(better).max(), slice(len(x) // 3, len(x) // 3 * 2)
    print(float(abs(ours - better).max() / size), float(abs(ours - theirs)[middle].max() / size))";
    let x = noise(300_000, 9);
    let source = memory(x.clone(), 1, TimeBase::regular(RATE));
    let input = bytes_of(&x);
    let (mut outputs, mut asked) = (Vec::new(), vec![input.path().to_str().unwrap().to_owned()]);
    for (text, design, both) in [
        ("band-pass=1..300", "signal.butter(4, [1, 300], 'band', fs=30000, output='sos')", "both"),
        ("high-pass=0.5,order=2", "signal.butter(2, 0.5, 'high', fs=30000, output='sos')", "both"),
        ("low-pass=2,phase=causal", "signal.butter(4, 2, fs=30000, output='sos')", "forward"),
    ] {
        let made = through(&source, text);
        let ours = all(&made, &[0]);
        assert_close(&part(&made, 150_000..151_000, &[0]), &ours[150_000..151_000], 1e-9, text);
        let output = bytes_of(&ours);
        asked.extend([design.to_owned(), both.to_owned(), output.path().to_str().unwrap().to_owned()]);
        outputs.push((text, output));
    }
    let differences = numbers(&run_python(EXACT, &asked.iter().map(String::as_str).collect::<Vec<_>>()));
    assert_eq!(differences.len(), outputs.len());
    for ((text, _), differences) in outputs.iter().zip(differences) {
        assert!(differences.len() == 2 && differences.iter().all(|&d| d < 1e-9), "{text}: {differences:?}");
    }
}

#[test]
fn a_value_that_is_no_number_is_a_gap_of_its_channel() {
    let mut x = noise(4000, 4);
    x[1500] = f64::NAN;
    x[1501] = f64::NEG_INFINITY;
    let clean = noise(4000, 8);
    let source = memory([x.clone(), clean.clone()].concat(), 2, TimeBase::regular(RATE));
    let ours = all(&through(&source, "band-pass=300..6000"), &[0, 1]);
    let sos = "signal.sosfiltfilt(signal.butter(4, [300, 6000], 'band', fs=30000, output='sos'), x)";
    let theirs = oracle(sos, &[&x[..1500], &x[1502..], &clean]);
    assert_close(&ours[..1500], &theirs[0], 1e-10, "before");
    assert!(ours[1500].is_nan() && ours[1501].is_nan());
    assert_close(&ours[1502..4000], &theirs[1], 1e-10, "behind");
    assert_close(&ours[4000..], &theirs[2], 1e-10, "the other channel");
    let nothing = memory(vec![f64::NAN; 100], 1, TimeBase::regular(RATE));
    assert!(all(&through(&nothing, "low-pass=100; reference=cmr; decimate=2"), &[0]).iter().all(|x| x.is_nan()));
}

#[test]
fn plain_filters_are_those_of_numpy() {
    let x = noise(2000, 6);
    let source = memory(x.clone(), 1, TimeBase::regular(RATE));
    let mean = "np.array([x[max(0, i - 2):i + 3].mean() for i in range(len(x))])";
    let cases = [
        ("derivative", "np.gradient(x, 1 / 30000)"),
        ("rectify", "abs(x)"),
        ("moving-average=#5", mean),
        ("moving-average=#4", "np.array([x[max(0, i - 2):i + 2].mean() for i in range(len(x))])"),
        ("moving-average=#4,phase=causal", "np.array([x[max(0, i - 3):i + 1].mean() for i in range(len(x))])"),
        ("remove-dc=#5", &format!("x - {mean}")),
        ("decimate=4", "signal.sosfiltfilt(signal.cheby1(8, 0.05, 0.8 / 4, output='sos'), x)[::4]"),
        ("decimate=6kHz,phase=causal", "signal.sosfilt(signal.cheby1(8, 0.05, 0.8 / 5, output='sos'), x)[::5]"),
    ];
    let expected = oracles(&cases.map(|(_, expression)| expression), &x);
    for ((text, _), theirs) in cases.iter().zip(expected) {
        assert_close(&all(&through(&source, text), &[0]), &theirs, 1e-10, text);
    }
}

#[test]
fn envelopes_are_the_amplitude() {
    let n = 30_000;
    let size = |i: usize| 50.0 + 20.0 * (i as f64 * std::f64::consts::TAU * 4.0 / RATE).sin();
    let x = (0..n).map(|i| size(i) * (i as f64 * std::f64::consts::TAU * 1000.0 / RATE).cos()).collect();
    let source = memory(x, 1, TimeBase::regular(RATE));
    for (chain, tolerance) in [("envelope", 0.005), ("envelope=rectify,smooth=100", 0.02)] {
        let made = all(&through(&source, chain), &[0]);
        for i in (1000..n - 1000).step_by(37) {
            assert!((made[i] - size(i)).abs() < tolerance * size(i), "{chain} at {i}: {} for {}", made[i], size(i));
        }
    }
}

#[test]
fn references_are_those_of_numpy_whichever_channels_are_read() {
    let (channels, frames) = (7, 500);
    let mut samples = noise(channels * frames, 12);
    samples[3 * frames + 7] = f64::NAN;
    for c in 0..channels {
        samples[c * frames + 9] = f64::NAN;
    }
    let mut recording =
        recording(SampleFormat::native(SampleType::F64), channels, frames as u64, TimeBase::frames_only());
    for (c, channel) in recording.streams[0].channels.iter_mut().enumerate() {
        channel.group = if c < 4 { "a" } else { "b" }.to_owned();
    }
    let source: Arc<dyn Source> =
        Arc::new(MemorySource::new(recording.clone(), vec![Samples::F64(samples.clone())]).unwrap());
    let cases = [
        ("reference=car", "x - np.nanmean(x, 0)"),
        ("reference=cmr", "x - np.nanmedian(x, 0)"),
        ("reference=4", "x - x[4]"),
        ("reference=cmr,by=group", "np.vstack([x[:4] - np.nanmedian(x[:4], 0), x[4:] - np.nanmedian(x[4:], 0)])"),
        ("reference=car,exclude=0+5-6", "x - np.nanmean(x[1:5], 0)"),
    ];
    let expressions = cases.map(|(_, expression)| {
        format!("[__import__('warnings').simplefilter('ignore'), (lambda x: {expression})(x.reshape(7, -1))][1]")
    });
    let expected = oracles(&expressions.each_ref().map(String::as_str), &samples);
    for ((text, _), theirs) in cases.iter().zip(&expected) {
        let made = through(&source, text);
        let ours = all(&made, &[0, 1, 2, 3, 4, 5, 6]);
        assert_close(&ours, theirs, 1e-12, text);
        let some = part(&made, 3..200, &[5, 1]);
        assert_close(&some[..197], &ours[5 * frames + 3..5 * frames + 200], 0.0, text);
        assert_close(&some[197..], &ours[frames + 3..frames + 200], 0.0, text);
    }
    recording.streams[0].channels[2].unit = "V".to_owned();
    let mixed: Arc<dyn Source> = Arc::new(MemorySource::new(recording, vec![Samples::F64(samples)]).unwrap());
    for (text, hint) in [
        ("reference=car", "different units"),
        ("reference=99", "no channel"),
        ("reference=car,exclude=all", "no channel is left"),
        ("reference=1,by=group", "no groups"),
    ] {
        let error = filtered(Arc::clone(&mixed), 0, &Chain::parse(text).unwrap()).err().unwrap().to_string();
        assert!(error.contains(hint), "{text}: {error}");
    }
}

#[test]
fn the_clock_of_a_decimated_stream_is_exact() {
    // Spans that begin between the ticks that are kept, one too short to keep any, one whose gap vanishes.
    let spans = [(0, 0), (100, 105), (103, 111), (106, 118), (200, 1000)];
    let spans: Vec<ClockSpan> =
        spans.iter().map(|&(first_frame, first_tick)| ClockSpan { first_frame, first_tick }).collect();
    let time = TimeBase::with_spans(1000.0, spans).starting_at(1_700_000_000_000_000_000);
    let source = memory(noise(300, 2), 1, time.clone());
    let made = through(&source, "decimate=10");
    let stream = &made.recording().streams[0];
    assert_eq!(stream.time.rate_hz(), 100.0);
    let kept: Vec<u64> = (0..300).map(|f| time.tick_of_frame(f)).filter(|t| t % 10 == 0).collect();
    assert_eq!(stream.frames, kept.len() as u64);
    for (frame, tick) in kept.iter().enumerate() {
        assert_eq!(stream.time.tick_of_frame(frame as u64), tick / 10);
        assert_eq!(stream.time.unix_ns_of_tick(tick / 10), time.unix_ns_of_tick(*tick));
    }
    assert!(all(&made, &[0]).iter().all(|x| x.is_finite()));
    assert!(source.recording().streams[0].time == time);
}

#[test]
fn what_does_not_suit_the_stream_is_refused_with_a_remedy() {
    let source = memory(noise(400, 1), 1, TimeBase::regular(1000.0));
    let unknown = memory(noise(400, 1), 1, TimeBase::frames_only());
    let short = memory(noise(20, 1), 1, TimeBase::regular(1000.0));
    let endless = {
        let recording = recording(SampleFormat::native(SampleType::F64), 0, 1 << 40, TimeBase::regular(30_000.0));
        let source: Arc<dyn Source> = Arc::new(MemorySource::new(recording, vec![Samples::F64(vec![])]).unwrap());
        source
    };
    let minutes = {
        let recording = recording(SampleFormat::native(SampleType::F64), 0, 5_000_000, TimeBase::regular(30_000.0));
        let source: Arc<dyn Source> = Arc::new(MemorySource::new(recording, vec![Samples::F64(vec![])]).unwrap());
        source
    };
    for (source, text, hint) in [
        (&source, "low-pass=500", "below 500 Hz"),
        (&source, "band-pass=300..6000", "below 500 Hz"),
        (&source, "notch=500", "Nyquist"),
        (&source, "to-unit=mV", "no unit"),
        (&source, "decimate=300Hz", "--decimate 3"),
        (&source, "reference=cmr,by=group", "in no groups"),
        (&source, "low-pass=1e-7,order=20", "not stable"),
        (&source, "envelope=hilbert,from=400", "needs a rate above"),
        (&source, "envelope=hilbert,from=0.001", "too slow"),
        (&source, "moving-average=1e6s", "too long"),
        (&source, "decimate=10; low-pass=60", "below 50 Hz"),
        (&unknown, "low-pass=10", "--rate"),
        (&unknown, "derivative", "--rate"),
        (&short, "band-pass=3..60", "too short"),
        (&endless, "high-pass=0.001", "cannot be settled"),
        (&minutes, "high-pass=0.0001", "after 4,309,319,421 frames (1 d 16 h)"),
    ] {
        let error = filtered(Arc::clone(source), 0, &Chain::parse(text).unwrap()).err().map(|e| e.to_string());
        assert!(error.as_ref().is_some_and(|e| e.contains(hint)), "{text}: {error:?}");
    }
    assert!(filtered(Arc::clone(&source), 1, &Chain::parse("rectify").unwrap()).is_err());
    assert!(Arc::ptr_eq(&filtered(Arc::clone(&source), 0, &Chain::default()).unwrap(), &source));
    let made = through(&source, "rectify");
    let mut block = Block::default();
    assert!(made.read(0, 399..401, &[0], &mut block).is_err() && made.read(0, 0..1, &[1], &mut block).is_err());
    assert!(made.path().is_none(), "a sidecar of the file is not its own");
}

/// A recording that has to be prepared, and remembers what for.
struct Slow {
    inner: Arc<dyn Source>,
    asked: Mutex<Vec<(u64, Vec<usize>)>>,
}

impl Source for Slow {
    fn recording(&self) -> &longwave::recording::Recording {
        self.inner.recording()
    }

    fn read(
        &self,
        stream: usize,
        frames: std::ops::Range<u64>,
        channels: &[usize],
        out: &mut Block,
    ) -> longwave::Result<()> {
        self.inner.read(stream, frames, channels, out)
    }

    fn prepare(&self, _: usize, channels: &[usize], frame: u64, _: &Task) -> longwave::Result<()> {
        self.asked.lock().unwrap().push((frame, channels.to_vec()));
        Ok(())
    }

    fn is_prepared(&self, _: usize, channels: &[usize], frame: u64) -> bool {
        self.asked.lock().unwrap().contains(&(frame, channels.to_vec()))
    }
}

#[test]
fn what_a_filter_reads_is_prepared_below_it() {
    let spans = [(0, 0), (1000, 2000)].map(|(first_frame, first_tick)| ClockSpan { first_frame, first_tick });
    let inner = memory(noise(3 * 5000, 1), 3, TimeBase::with_spans(RATE, spans.to_vec()));
    for (chain, frame, below) in [
        ("reference=car", 7, (7, vec![0, 1, 2])),
        ("derivative", 1500, (1499, vec![1])),
        ("derivative", 1000, (1000, vec![1])),
        ("moving-average=#101", 5000, (4950, vec![1])),
        // Ticks 0, 100, … 900, 2000, …
        ("decimate=100,phase=causal; rectify", 10, (1000, vec![1])),
        ("decimate=2; reference=0", 0, (0, vec![0, 1])),
    ] {
        let slow = Arc::new(Slow { inner: Arc::clone(&inner), asked: Mutex::default() });
        let made = through(&(Arc::clone(&slow) as Arc<dyn Source>), chain);
        assert!(!made.is_prepared(0, &[1], frame), "{chain}");
        made.prepare(0, &[1], frame, &Task::unattended()).unwrap();
        assert_eq!(*slow.asked.lock().unwrap(), [below], "{chain} at {frame}");
        assert!(made.is_prepared(0, &[1], frame), "{chain}");
        assert!(made.prepare(0, &[3], 0, &Task::unattended()).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn no_text_and_no_setting_breaks_anything(
        text in "[a-z0-9.=,;+# -]{0,40}", which in 0..13_usize, value in "[0-9kHz.e#-]{0,8}(\\.\\.[0-9ek]{0,5})?",
        frames in 1_usize..90,
    ) {
        drop(Chain::parse(&text));
        let filter = longwave::filter::FILTERS[which];
        if let Ok(chain) = Chain::parse(&format!("{}={value}", filter.name)) {
            let source = memory(noise(frames, 3), 1, TimeBase::regular(1000.0));
            if let Ok(made) = filtered(source, 0, &chain) {
                let n = made.recording().streams[0].frames;
                prop_assert!(part(&made, 0..n, &[0]).len() as u64 == n);
            }
        }
    }
}

/// A raw file, its path and the samples.
fn raw_file(frames: usize, channels: usize) -> (tempfile::TempDir, String, Vec<i16>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("day.bin");
    let mut random = Random(21);
    let samples: Vec<i16> = (0..frames * channels).map(|_| (random.next() >> 50) as i16 - 8000).collect();
    std::fs::write(&path, samples.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>()).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path, samples)
}

fn run(args: &str, path: &str) -> (i32, String, String) {
    let args: Vec<String> = args.split_whitespace().map(|a| a.replace("FILE", path)).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let output = longwave(&args);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

const LAYOUT: &str = "--dtype i16 --channel-count 4 --rate 30000 --no-remember";

#[test]
fn the_command_writes_what_scipy_makes_whatever_the_threads_and_the_memory() {
    let (folder, path, _) = raw_file(40_000, 4);
    let mut outputs = vec![path.clone()];
    for (i, machine) in ["--threads 1", "--threads 3", "--threads 2 --memory-limit 32MiB"].iter().enumerate() {
        let out = folder.path().join(format!("out{i}.npy"));
        let args = format!(
            "filter FILE {LAYOUT} --decimate 2 --band-pass 300..6000 --reference car --order 3 {machine} -o {} --sample-format f64",
            out.display()
        );
        let (code, _, errors) = run(&args, &path);
        assert_eq!(code, 0, "{errors}");
        outputs.push(out.to_str().unwrap().to_owned());
    }
    let differences = run_python(
        "from scipy import signal
x = np.fromfile(sys.argv[1], 'i2').reshape(-1, 4).astype(float)
y = signal.sosfiltfilt(signal.cheby1(8, 0.05, 0.4, output='sos'), x, axis=0)[::2]
y = signal.sosfiltfilt(signal.butter(3, [300, 6000], 'band', fs=15000, output='sos'), y, axis=0)
y = y - y.mean(1, keepdims=True)
for path in sys.argv[2:]:
    o = np.load(path); assert o.dtype == np.float64 and o.shape == y.shape, (o.dtype, o.shape)
    print(abs(o - y).max() / abs(y).max())",
        &outputs.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    let differences: Vec<f64> = numbers(&differences).concat();
    assert!(differences.len() == 3 && differences.iter().all(|&d| d < 1e-9), "{differences:?}");
}

#[test]
fn the_options_work_on_every_command_in_the_order_given() {
    let (folder, path, samples) = raw_file(20_000, 4);
    let std = |args: &str| -> serde_json::Value {
        let (code, out, errors) = run(&format!("stats FILE {LAYOUT} --channels 0 --json {args}"), &path);
        assert_eq!(code, 0, "{errors}");
        serde_json::from_str(&out).unwrap()
    };
    let first = |json: &serde_json::Value| json["channels"][0].clone();
    let plain = std("");
    assert!(plain.get("filter").is_none());
    // The mean of absolute values is not the absolute value of a mean.
    let a = std("--rectify --moving-average #9");
    let b = std("--moving-average #9 --rectify");
    assert_eq!(a["filter"], "rectify; moving-average=#9");
    assert_eq!(b["filter"], "moving-average=#9; rectify");
    assert_ne!(first(&a)["std"], first(&b)["std"]);
    assert_eq!(std("--filter rectify;moving-average=#9")["channels"], a["channels"]);
    assert_eq!(std("--high-pass 300 --order 2 --causal")["filter"], "high-pass=300,order=2,phase=causal");
    assert_eq!(
        std("--high-pass 300,order=6 --low-pass 9k --order 2")["filter"],
        "high-pass=300,order=6; low-pass=9k,order=2"
    );
    let rectified = std("--rectify");
    let least = samples.iter().step_by(4).map(|x| f64::from(x.abs())).fold(f64::MAX, f64::min);
    assert_eq!(first(&rectified)["min"], least);
    let dots = |args: &str| run(&args.replace("OUT", folder.path().to_str().unwrap()), &path);
    for args in [
        format!("spectrum FILE {LAYOUT} --window 512 --overlap 256 --notch 50 --json"),
        format!("export FILE {LAYOUT} --remove-dc -o OUT/a.npy"),
        format!("export FILE {LAYOUT} --envelope=rectify --range 0.1s..0.2s -o OUT/b.csv --quiet"),
        format!("shot FILE {LAYOUT} --band-pass 300..6000 -o OUT/a.png --size 400x300"),
        format!("filter FILE {LAYOUT} --low-pass 300 -o OUT/c.npy --dry-run --json"),
    ] {
        let (code, _, errors) = dots(&args);
        assert!(code == 0 || (args.contains(".csv") && errors.contains("no exporter")), "{args}: {errors}");
    }
    for (args, expected, hint) in [
        (format!("filter FILE {LAYOUT} -o OUT/d.npy"), 2, "no filter is given"),
        (format!("filter FILE {LAYOUT} --band-pass 6000..300 -o OUT/d.npy"), 2, "300..6000"),
        (format!("filter FILE {LAYOUT} --band-pass 300..16000 -o OUT/d.npy"), 1, "Nyquist"),
        (format!("filter FILE {LAYOUT} --notch -o OUT/d.npy"), 2, "notch"),
        (format!("filter FILE {LAYOUT} --rectify -o FILE --force"), 1, "recording itself"),
        (format!("filter FILE {LAYOUT} --rectify --order 3 -o OUT/d.npy"), 2, "--order 3"),
        (format!("filter FILE {LAYOUT} --envelope --causal -o OUT/d.npy"), 2, "looks ahead"),
        (format!("stats FILE {LAYOUT} --causal"), 2, "none is given"),
        (format!("stats FILE {LAYOUT} --order 3"), 2, "--order 3"),
        (format!("info FILE {LAYOUT} --order 3"), 2, "interleaved or planar"),
        (format!("stats FILE {LAYOUT} --order sideways"), 2, "interleaved or planar"),
    ] {
        let args = args.replace("-o FILE", &format!("-o {}", path));
        let (code, _, errors) = dots(&args);
        let refused = code == expected || (expected == 1 && code == 2 && errors.contains(hint));
        assert!(refused && errors.contains(hint), "{args}: {code} {errors}");
        assert!(!folder.path().join("d.npy").exists());
    }
}

/// A recording that counts the samples that are read of it.
struct Counting {
    inner: Arc<dyn Source>,
    read: std::sync::atomic::AtomicU64,
}

impl Source for Counting {
    fn recording(&self) -> &longwave::recording::Recording {
        self.inner.recording()
    }

    fn read(
        &self,
        stream: usize,
        frames: std::ops::Range<u64>,
        channels: &[usize],
        out: &mut Block,
    ) -> longwave::Result<()> {
        self.read.fetch_add(frames.end - frames.start, std::sync::atomic::Ordering::Relaxed);
        self.inner.read(stream, frames, channels, out)
    }

    fn path(&self) -> Option<&std::path::Path> {
        None
    }
}

#[test]
fn the_picture_of_a_filtered_recording_costs_little_more_than_filtering_it_once() {
    use longwave::summary::{SidecarPolicy, Summary, ViewRequest};

    const FRAMES: u64 = 300_000;
    let samples = noise(FRAMES as usize, 3);
    let counting = Arc::new(Counting {
        inner: memory(samples, 1, TimeBase::regular(30_000.0)),
        read: std::sync::atomic::AtomicU64::new(0),
    });
    let raw: Arc<dyn Source> = Arc::clone(&counting) as Arc<dyn Source>;
    let source = through(&raw, "high-pass=1500");
    let budget = longwave::budget::MemoryBudget::new(64 << 20);
    let task = Task::new(budget.clone(), 1);
    // However wide the columns are: narrow ones are read whole, of wide ones a few stretches with their margins.
    for per_column in [8.0, 64.0, 300.0, 1000.0, 2000.0, 5000.0, 20_000.0] {
        let summary = Summary::open(Arc::clone(&source), 0, &budget, &SidecarPolicy::Off).unwrap();
        let request = ViewRequest::covering(0, vec![0], 0..FRAMES, FRAMES, per_column);
        counting.read.store(0, std::sync::atomic::Ordering::Relaxed);
        summary.columns(&request, &task).unwrap();
        let read = counting.read.load(std::sync::atomic::Ordering::Relaxed);
        assert!(read < 2 * FRAMES, "{per_column} frames a column: {read} frames read of {FRAMES}");
    }
}
