use eframe::egui::vec2;
use egui_kittest::kittest::Queryable as _;

use super::*;
use crate::analysis::{Context, Field, Report};
use crate::gui::command::Command;
use crate::gui::testing::{bench, document};

fn place(channel: u32, start: u64, end: u64, value: f64) -> Place {
    Place { channel, flags: 0, start, end, value }
}

/// A document with a list of places, as if an analysis had ended.
pub(in crate::gui) fn with_places(places: Vec<Place>) -> Document {
    let mut document = document(4);
    let jobs = crate::gui::jobs_bar::tests::some_jobs();
    let job = jobs.list[0].id;
    let events = Events {
        stream: 0,
        key: "events",
        noun: "spike",
        fields: &[Field::CHANNEL, Field::START_FRAME, Field::START_SECS],
        label: |p, _| format!("{:.0}", p.value),
        bytes: None,
        context: Context {
            time: document.time().clone(),
            channels: document.shown().channels.iter().map(|c| c.name.clone()).collect(),
        },
        places,
    };
    let report = Report { view: View::Events(events), json: serde_json::Value::Null, notes: vec![] };
    document.results.list.push(AnalysisResult {
        name: "find",
        over: String::new(),
        job,
        report: Some(report),
        done: true,
    });
    document.found_arrived(job);
    document
}

fn current(document: &Document) -> Option<usize> {
    document.results.found.current.map(|c| c.1)
}

#[test]
fn places_are_walked_in_order_of_time_and_by_channel() {
    let mut document = with_places(vec![place(0, 10, 12, 5.0), place(1, 900, 901, 9.0), place(0, 2500, 2600, 1.0)]);
    document.apply_found(FoundCommand::End { last: false });
    assert_eq!(current(&document), Some(0));
    document.apply_found(FoundCommand::Step { forward: true });
    assert_eq!(current(&document), Some(1));
    let ticks = document.visible_ticks();
    assert!(ticks.contains(&900));
    document.apply_found(FoundCommand::Channel("find", Some(0)));
    document.apply_found(FoundCommand::Step { forward: true });
    assert_eq!(current(&document), Some(2));
    // Behind the gap of 500 ticks.
    assert!(document.visible_ticks().contains(&3050), "{:?}", document.visible_ticks());
    document.apply_found(FoundCommand::Step { forward: true });
    assert_eq!(current(&document), Some(2), "the last one stays");
    document.apply_found(FoundCommand::Step { forward: false });
    assert_eq!(current(&document), Some(0));
    document.apply_found(FoundCommand::Channel("find", None));
    document.apply_found(FoundCommand::Sort("find", Sort::Greatest));
    let listed = document.listed("find").unwrap();
    assert_eq!((0..3).map(|row| listed.place_at(row)).collect::<Vec<_>>(), [1, 0, 2]);
    assert_eq!(listed.row_of(2), Some(2));
}

#[test]
fn a_long_place_is_seen_from_its_middle() {
    let mut places: Vec<Place> = (0..5000).map(|i| place(0, i / 2, i / 2 + 1, 0.0)).collect();
    places[3] = place(0, 1, 2900, 0.0);
    let document = with_places(places);
    let listed = document.listed("find").unwrap();
    let events = document.events_of("find").unwrap();
    assert_eq!(listed.touching(events, &(2700..2800), 10), [3]);
    assert_eq!(listed.touching(events, &(100..101), 10), [3, 200, 201]);
}

#[test]
fn the_list_shows_what_is_seen_and_goes_there() {
    let many: Vec<Place> =
        (0..1_000_000).map(|i| place(i % 4, u64::from(i) / 400, u64::from(i) / 400 + 1, f64::from(i))).collect();
    let document = with_places(many);
    let mut harness = bench(vec2(520.0, 560.0), document, |ui, document, out| {
        let events = document.events_of("find").unwrap();
        list_ui(ui, "find", events, document, out);
        out.drain(..).for_each(|command| {
            if let Command::Found(found) = command {
                ui.data_mut(|d| d.insert_temp(Id::NULL, found));
            }
        });
    });
    use eframe::egui::Id;
    let started = std::time::Instant::now();
    harness.run();
    println!("a frame of the list of a million: {:?} (several passes)", started.elapsed());
    harness.get_by_label("1\u{a0}000\u{a0}000 spikes");
    assert!(harness.query_by_label("Go to spike 500").is_none(), "only what is seen is laid out");
    harness.get_by_label("Go to spike 3").click();
    harness.run();
    let command: Option<FoundCommand> = harness.ctx.data(|d| d.get_temp(Id::NULL));
    assert_eq!(command, Some(FoundCommand::Show("find", 2)));
    harness.state_mut().state.apply_found(FoundCommand::Show("find", 700_000));
    harness.run();
    harness.get_by_label("Go to spike 700001");
    harness.get_by_label_contains("700\u{a0}001 of");
}

#[test]
fn few_are_drawn_one_by_one_and_many_as_bars() {
    let drawn = |places: Vec<Place>| {
        let mut harness = bench(vec2(800.0, 300.0), (with_places(places), None), |ui, state, _| {
            let rect = ui.max_rect();
            let started = std::time::Instant::now();
            state.1 = Some(marks_ui(ui, &state.0, rect));
            println!("marks: {:?}", started.elapsed());
        });
        harness.run();
        harness.state().state.1.unwrap()
    };
    let few = drawn((0..20).map(|i| place(0, i * 100, i * 100 + 5, 1.0)).collect());
    assert_eq!((few.places, few.bars), (20, 0));
    let many = drawn((0..1_000_000).map(|i| place(i % 4, u64::from(i) / 400, u64::from(i) / 400 + 1, 0.0)).collect());
    assert!(many.places == 0 && many.bars > 100 && many.bars <= 401, "{many:?}");
}
