//! Seven tasks of a new user, done by a script in the real window, each judged by what it leaves: open a raw file of
//! unknown layout, see all of it, find the gap, measure a spike, average the spectrum of an hour, export ten seconds of
//! four channels, and undo an annotation.
#![cfg(all(feature = "gui", target_os = "linux"))]
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/screen.rs"]
mod screen;

use std::path::Path;
use std::process::Stdio;

use longwave::source::{self, OpenOptions};
use longwave::task::Task;
use screen::{Screen, start, stderr, until};

const RATE: u64 = 100;
/// A little more than an hour.
const FRAMES: u64 = RATE * 3700;
const CHANNELS: u64 = 5;
/// Where the spike is, and how high.
const SPIKE: (u64, i16) = (RATE * 2000 + 123, 21_000);

/// A sine of 20 Hz on every channel, of another height on each, and one spike on channel 2.
fn sample(frame: u64, channel: u64) -> i16 {
    if (frame, channel) == (SPIKE.0, 2) {
        return SPIKE.1;
    }
    let phase = std::f64::consts::TAU * 20.0 * frame as f64 / RATE as f64;
    ((200.0 + 100.0 * channel as f64) * phase.sin()).round() as i16 + (frame * 7919 % 13) as i16
}

/// Runs the program in `folder` with a script; what it says on the error channel.
fn run(screen: &Screen, folder: &Path, file: &str, script: &str) -> (Option<i32>, String) {
    std::fs::write(folder.join("script.txt"), script).unwrap();
    let mut command = screen.command(env!("CARGO_BIN_EXE_longwave"));
    command.current_dir(folder).arg(file).args(["--run", "script.txt"]);
    let mut program = start(command.stdout(Stdio::null()).stderr(Stdio::piped()));
    let status = until("the end of the script", || program.0.try_wait().unwrap());
    (status.code(), stderr(&mut program))
}

/// The rows of a table, by the names of its columns.
fn table(path: &Path) -> Vec<std::collections::HashMap<String, String>> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let fields = |line: &str| line.split(',').map(|field| field.trim_matches('"').to_owned()).collect::<Vec<_>>();
    let names = fields(lines.next().unwrap());
    lines.map(|line| names.iter().cloned().zip(fields(line)).collect()).collect()
}

#[test]
fn the_seven_tasks_are_done_by_a_script() {
    let folder = tempfile::tempdir().unwrap();
    let (home, data) = (folder.path().join("home"), folder.path().join("data"));
    std::fs::create_dir(&home).unwrap();
    std::fs::create_dir(&data).unwrap();
    let bytes: Vec<u8> =
        (0..FRAMES).flat_map(|f| (0..CHANNELS).flat_map(move |c| sample(f, c).to_le_bytes())).collect();
    std::fs::write(data.join("day one.bin"), bytes).unwrap();
    longwave::demo::write_demo(&data.join("gaps.rec"), 20.0, 2, &Task::unattended(), false).unwrap();
    let screen = Screen::new(&home);

    let script = format!(
        "open-as --dtype i16 --channel-count {CHANNELS} --rate {RATE} \"day one.bin\"\n\
         fit\nwait exact\ntheme dark\nscreenshot all.png\n\
         select {}s..{}s\nanalyse stats\nsave-result stats spike.csv\n\
         analyse find above=10000 scope=everything\nsave-result find found.csv\n\
         select 0s..3600s\nanalyse spectrum window=1000\nsave-result spectrum spectrum.csv\n\
         channels 0-3\nselect 100s..110s\nexport cut.npy\n\
         mark kept\nselect 5s..6s\nmark undone\nundo\n\
         open gaps.rec\nanalyse find missing scope=everything\nsave-result find gaps.csv\nquit\n",
        SPIKE.0 / RATE - 1,
        SPIKE.0 / RATE + 1,
    );
    // A file of numbers that tells nothing: the window asks how it is stored, and the script says so.
    let (code, told) = run(&screen, &data, "day one.bin", &script);
    assert_eq!(code, Some(0), "{told}");
    assert!(!told.contains("panicked"), "{told}");

    // All of it is on the picture.
    let picture = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(data.join("all.png")).unwrap()));
    let mut picture = picture.read_info().unwrap();
    let mut pixels = vec![0; picture.output_buffer_size().unwrap()];
    let info = picture.next_frame(&mut pixels).unwrap();
    let colours: std::collections::HashSet<&[u8]> = pixels[..info.buffer_size()].chunks_exact(3).collect();
    assert!((info.width, info.height) == (1280, 800) && colours.len() > 50, "{} colours", colours.len());

    // The spike: its height, and where it is.
    let stats = table(&data.join("spike.csv"));
    let column = |row: &std::collections::HashMap<String, String>, part: &str| -> f64 {
        let name = row.keys().filter(|name| name.starts_with(part)).min_by_key(|name| name.len());
        let name = name.unwrap_or_else(|| panic!("no column {part} in {row:?}"));
        row[name].parse().unwrap_or_else(|_| panic!("{name} is {}", row[name]))
    };
    assert_eq!(stats.len(), CHANNELS as usize);
    assert_eq!(column(&stats[2], "max"), f64::from(SPIKE.1));
    assert!(column(&stats[1], "max") < 400.0);
    let found = table(&data.join("found.csv"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!((column(&found[0], "start") - SPIKE.0 as f64 / RATE as f64).abs() < 1e-6, "{found:?}");

    // The gap: those that the recording has.
    let source = source::open(&data.join("gaps.rec"), &OpenOptions::default(), &Task::unattended()).unwrap();
    let time = &source.recording().streams[0].time;
    let gaps = table(&data.join("gaps.csv"));
    let mut starts: Vec<f64> = gaps.iter().map(|row| column(row, "start")).collect();
    starts.sort_by(f64::total_cmp);
    starts.dedup();
    let expected: Vec<f64> = time.gaps().map(|gap| time.secs_of_tick(gap.first_tick)).collect();
    assert!(!expected.is_empty() && starts.len() == expected.len(), "{starts:?} {expected:?}");
    assert!(starts.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-4), "{starts:?} {expected:?}");

    // The export and the spectrum, by NumPy and SciPy.
    let script = "
from scipy import signal
folder = sys.argv[1]
data = np.fromfile(folder + '/day one.bin', '<i2').reshape(-1, 5)
cut = np.load(folder + '/cut.npy')
assert cut.dtype == np.int16 and cut.shape == (1000, 4), (cut.dtype, cut.shape)
assert (cut == data[10_000:11_000, :4]).all()
rows = [line.split(',') for line in open(folder + '/spectrum.csv') if not line.startswith('#')][1:]
hz, psd = signal.welch(data[:3600 * 100, 0].astype(float), 100, 'hann', 1000, 500)
ours = np.array([[float(x) for x in row[:2]] for row in rows])
assert np.allclose(ours[:, 0], hz), (ours[:3, 0], hz[:3])
assert abs(ours[ours[:, 1].argmax(), 0] - 20) < 0.11
print(np.abs(ours[1:, 1] / psd[1:] - 1).max())
";
    let worst: f64 = common::run_python(script, &[data.to_str().unwrap()]).trim().parse().unwrap();
    assert!(worst < 1e-6, "the spectrum is off by {worst}");

    // The annotation that was undone is not kept, the other is.
    let kept = std::fs::read_to_string(data.join("day one.bin.longwave.json")).unwrap();
    assert!(kept.contains("kept") && !kept.contains("undone"), "{kept}");
}
