//! What the tests of the panels share: a small document and a harness that draws one panel.

use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui::{Role, Theme, Ui, Vec2};
use egui_kittest::Harness;

use super::command::Command;
use super::opening::{self, Opened};
use super::state::Document;
use crate::budget::MemoryBudget;
use crate::recording::{
    Channel, ClockSpan, EventTrack, Recording, SampleFormat, SampleType, Samples, Scale, Stream, TimeBase, Warning,
};
use crate::source::{MemorySource, OpenOptions, Source};
use crate::summary::{SidecarPolicy, Summary};

const FRAMES: u64 = 3000;

/// A document of `channels` channels, 3,000 frames at 1 kHz with one gap of 500, in groups of 32, and two streams.
pub(crate) fn document(channels: usize) -> Document {
    let source = Arc::new(MemorySource::new(recording(channels), samples(channels)).unwrap());
    let budget = MemoryBudget::new(64 << 20);
    let summary = Summary::open(Arc::<MemorySource>::clone(&source), 0, &budget, &SidecarPolicy::Off).unwrap();
    let opened = Opened {
        source: source as Arc<dyn Source>,
        stream: 0,
        summary,
        annotations: Ok(None),
        instead: None,
        recalled: None,
        fingerprint: Some(Default::default()),
    };
    opening::document(vec![PathBuf::from("/data/day 1.rec")], OpenOptions::default(), opened)
}

fn recording(channels: usize) -> Recording {
    let spans = vec![ClockSpan { first_frame: 0, first_tick: 0 }, ClockSpan { first_frame: 1000, first_tick: 1500 }];
    let stream = |name: &str, n: usize| Stream {
        name: name.to_owned(),
        format: SampleFormat::native(SampleType::I16),
        time: TimeBase::with_spans(1000.0, spans.clone()),
        frames: FRAMES,
        channels: (0..n)
            .map(|i| Channel {
                id: format!("hw{i}"),
                unit: "µV".to_owned(),
                scale: Scale { gain: 0.195, offset: 0.0 },
                group: if n > 32 { format!("Tetrode {}", i / 32) } else { String::new() },
                ..Channel::numbered(i)
            })
            .collect(),
    };
    Recording {
        name: "day 1.rec".to_owned(),
        format: "rec",
        main_stream: None,
        streams: vec![stream("ephys", channels), stream("aux", 2)],
        events: vec![EventTrack {
            name: "DIO 1".to_owned(),
            description: "digital line, byte 1 bit 3".to_owned(),
            events: Some(12),
        }],
        properties: vec![("Hardware".to_owned(), "128-channel headstage".to_owned())],
        warnings: vec![Warning::at(512, "the header names two channels alike")],
    }
}

fn samples(channels: usize) -> Vec<Samples> {
    let of = |n: usize| Samples::I16((0..n * FRAMES as usize).map(|i| (i % 200) as i16 - 100).collect());
    vec![of(channels), of(2)]
}

/// What a panel's test owns: the panel's own state and the commands that came out.
pub(crate) struct Bench<S> {
    pub state: S,
    pub out: Vec<Command>,
}

/// A harness that draws `panel` in a window of `size` logical pixels.
pub(crate) fn bench<'a, S>(
    size: impl Into<Vec2>,
    state: S,
    panel: impl FnMut(&mut Ui, &mut S, &mut Vec<Command>) + 'a,
) -> Harness<'a, Bench<S>> {
    themed(size, Theme::Dark, state, panel)
}

/// The same in a chosen theme.
pub(crate) fn themed<'a, S>(
    size: impl Into<Vec2>,
    theme: Theme,
    state: S,
    mut panel: impl FnMut(&mut Ui, &mut S, &mut Vec<Command>) + 'a,
) -> Harness<'a, Bench<S>> {
    // Steps so short that two clicks are a double click; enough of them for menus to fade in.
    let builder = Harness::builder().with_step_dt(0.04).with_max_steps(100);
    builder.with_size(size).with_theme(theme).with_context_setup(super::theme::apply).build_ui_state(
        move |ui, bench: &mut Bench<S>| panel(ui, &mut bench.state, &mut bench.out),
        Bench { state, out: Vec::new() },
    )
}

/// The control called `label`, not the text in front of it.
pub(crate) fn control<'h, S>(harness: &'h Harness<'_, S>, role: Role, label: &'h str) -> egui_kittest::Node<'h> {
    use egui_kittest::kittest::Queryable as _;
    harness.get_by_role_and_label(role, label)
}
