use super::super::tile::FLOOR;
use super::*;
use crate::recording::{Channel, ClockSpan, Recording, SampleFormat, SampleType, Samples, TimeBase};
use crate::source::MemorySource;

const CUT: Cut = Cut { window: 32, hop: 16, taper: "hann" };

/// Noise whose loudness rises and falls, one channel of float32.
fn source(frames: usize, gap: Option<(u64, u64)>) -> Arc<dyn Source> {
    let mut state = 88_172_645_463_325_252_u64;
    let samples: Vec<f32> = (0..frames)
        .map(|i| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            ((state >> 40) as f32 / 8_388_608.0 - 1.0) * (1.2 + (i as f32 / 9000.0).sin())
        })
        .collect();
    let mut spans = vec![ClockSpan { first_frame: 0, first_tick: 0 }];
    spans.extend(gap.map(|(first_frame, missing)| ClockSpan { first_frame, first_tick: first_frame + missing }));
    let stream = Stream {
        name: "a".to_owned(),
        format: SampleFormat::native(SampleType::F32),
        time: TimeBase::with_spans(1000.0, spans),
        frames: frames as u64,
        channels: vec![Channel::numbered(0)],
    };
    let recording = Recording {
        name: "a".to_owned(),
        format: "test",
        main_stream: None,
        streams: vec![stream],
        events: vec![],
        properties: vec![],
        warnings: vec![],
    };
    Arc::new(MemorySource::new(recording, vec![Samples::F32(samples)]).unwrap())
}

fn task() -> Task {
    Task::new(MemoryBudget::new(64 << 20), 2)
}

fn tiles(source: &Arc<dyn Source>, policy: &SidecarPolicy) -> Tiles {
    Tiles::open(Arc::clone(source), 0, &MemoryBudget::new(64 << 20), policy).unwrap()
}

/// Every window's powers, and its middle.
fn brute(source: &Arc<dyn Source>, hop: u64) -> Vec<Vec<f64>> {
    let task = task();
    let selection = Selection::all(source.recording(), 0);
    let rows = Rows::for_screens(CUT.bins());
    let stft = Stft::new(source.as_ref(), selection, Cut { hop, ..CUT }, rows, &task).unwrap();
    let mut all = vec![];
    stft.run(0..stft.windows(), &mut |w| {
        all.push(w.powers.to_vec());
        Ok(())
    })
    .unwrap();
    all
}

#[test]
fn every_level_is_the_mean_of_its_windows() {
    // Some 10,000 windows, 40 tiles, the last not full; a gap of an hour in the middle.
    let source = source(160_016, Some((80_000, 3_600_000)));
    let pyramid = Pyramid::open(&tiles(&source, &SidecarPolicy::Off), 0, CUT).unwrap();
    assert!(pyramid.wants_tiles() && pyramid.coverage() == 0.0);
    let task = task();
    pyramid.build(0, &task).unwrap();
    assert_eq!(task.progress().done_bytes, task.progress().total_bytes);
    assert_eq!((pyramid.coverage(), task.budget().used()), (1.0, 0));
    let all = brute(&source, CUT.hop);
    let rows = pyramid.0.rows.len();
    for (level, columns) in LEVEL_COLUMNS.into_iter().enumerate() {
        let each = 256 / columns;
        for tile in 0..40_u32 {
            let codes = pyramid.0.tiles.store.read(pyramid.0.set, tile, rows, level).unwrap();
            for column in 0..columns {
                let first = tile as usize * 256 + column * each;
                let windows = all.iter().skip(first).take(each).filter(|w| !w[0].is_nan());
                let windows: Vec<_> = windows.collect();
                for row in 0..rows {
                    let code = codes[column * rows + row];
                    let mean = windows.iter().map(|w| w[row]).sum::<f64>() / windows.len() as f64;
                    assert_eq!(code == 0, windows.is_empty());
                    let decibels = f64::from(code) / 100.0 + FLOOR;
                    assert!(code == 0 || (decibels - 10.0 * mean.log10()).abs() <= 0.0051, "{tile} {column} {row}");
                }
            }
        }
    }
}

#[test]
fn a_stopped_build_goes_on_where_it_was_and_ends_the_same() {
    let source = source(200_000, None);
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| SidecarPolicy::At(folder.path().join(name));
    let once = Pyramid::open(&tiles(&source, &at("once")), 0, CUT).unwrap();
    once.build(0, &task()).unwrap();
    let file = std::fs::read(folder.path().join("once")).unwrap();
    let mut seen = vec![];
    for round in 0.. {
        // Opened anew each time, as after a restart; stopped after a while by its own progress.
        let tiles = tiles(&source, &at("twice"));
        let pyramid = Pyramid::open(&tiles, 0, CUT).unwrap();
        seen.push(pyramid.coverage());
        let task = task();
        let stopped = std::thread::scope(|scope| {
            let stopper = task.clone();
            scope.spawn(move || {
                while stopper.progress().done_bytes < 200_000 && stopper.progress().fraction() != Some(1.0) {
                    std::thread::yield_now();
                }
                stopper.cancel();
            });
            pyramid.build(0, &task)
        });
        assert!(round < 100, "it gets on: {seen:?}");
        if pyramid.coverage() == 1.0 {
            break;
        }
        assert!(stopped.unwrap_err().is_cancelled());
    }
    assert!(seen.is_sorted());
    assert!(std::fs::read(folder.path().join("twice")).unwrap() == file, "byte for byte");
    // From the middle on, the tiles come in another order but are the same.
    let middle = Pyramid::open(&tiles(&source, &at("middle")), 0, CUT).unwrap();
    middle.build(100_000, &task()).unwrap();
    let whole = 0..200_000;
    assert_eq!(middle.view(&whole, &task()).unwrap(), once.view(&whole, &task()).unwrap());
}

#[test]
fn views_are_means_of_windows_at_every_zoom() {
    let source = source(200_000, Some((50_000, 30_000)));
    let pyramid = Pyramid::open(&tiles(&source, &SidecarPolicy::Off), 0, CUT).unwrap();
    let estimate = pyramid.view(&(0..230_000), &task()).unwrap();
    assert!(!estimate.is_exact());
    pyramid.build(0, &task()).unwrap();
    // Wide: from tiles of 4 windows, within what quantisation and the edges of these leave.
    let wide = pyramid.view(&(0..230_000), &task()).unwrap();
    assert!(wide.is_exact() && wide.shift == 7, "{}", wide.shift);
    let all = brute(&source, CUT.hop);
    let column = wide.column_at(20_000).unwrap().0;
    // Its 8 windows are 1247 to 1254: one of the four from 1244 on, all from 1248, three from 1252.
    for (row, &ours) in column.iter().enumerate() {
        let four = |first: usize| all[first..first + 4].iter().map(|w| w[row]).sum::<f64>() / 4.0;
        let mean = (four(1244) + 4.0 * four(1248) + 3.0 * four(1252)) / 8.0;
        assert!((f64::from(ours) - 10.0 * mean.log10()).abs() < 0.01, "{row}: {ours}");
    }
    assert_eq!(wide.column_at(60_000).unwrap().1, State::Missing, "in the gap");
    assert!(wide.column_at(60_000).unwrap().0[0].is_nan());
    // Narrow: from the samples, exactly the windows whose middles lie in the column.
    let narrow = pyramid.view(&(10_000..60_000), &task()).unwrap();
    assert!(narrow.is_exact());
    let (shift, all) = (narrow.shift, brute(&source, 16));
    let from = (20_000_u64 >> shift) << shift;
    let inside: Vec<usize> =
        (0..all.len()).filter(|w| (from..from + (1 << shift)).contains(&(*w as u64 * 16 + 16))).collect();
    assert!(!inside.is_empty());
    let column = narrow.column_at(20_000).unwrap().0;
    assert_eq!(column.len(), pyramid.0.rows.len());
    for (row, &ours) in column.iter().enumerate() {
        let mean = inside.iter().map(|&w| all[w][row]).sum::<f64>() / inside.len() as f64;
        assert!((f64::from(ours) - 10.0 * mean.log10()).abs() < 1e-3, "{row}: {ours}");
    }
    // Single windows; at both ends, too.
    for ticks in [0..64, 20_000..20_200, 229_990..230_000, 229_999..400_000] {
        let single = pyramid.view(&ticks, &task()).unwrap();
        assert!(single.states.iter().all(|&s| s == State::Exact), "{ticks:?} {:?}", single.states);
    }
    assert_eq!(task().budget().used(), 0);
}

#[test]
fn the_spectrum_of_a_place_stays_between_gaps() {
    let source = source(1000, Some((100, 50)));
    let pyramid = Pyramid::open(&tiles(&source, &SidecarPolicy::Off), 0, CUT).unwrap();
    assert_eq!(pyramid.coverage(), 1.0);
    for tick in [0, 99, 100, 149, 150, 1049, 5000] {
        let curves = pyramid.spectrum_at(tick, &task()).unwrap();
        assert_eq!((curves.x.len(), curves.series[0].1.len()), (17, 17));
        assert!(curves.series[0].1.iter().all(|v| v.is_finite()));
    }
    assert!(Pyramid::open(&tiles(&source, &SidecarPolicy::Off), 0, Cut { window: 2000, ..CUT }).is_err());
}
